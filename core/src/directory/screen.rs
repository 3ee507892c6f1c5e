//! What the visible text of a terminal says about its program: rules over its last lines. Pure.

mod redacted;

pub(crate) use redacted::redacted;

use super::state::StateKind;
use crate::limits;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a screen says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Of a program that has the screen for itself.
    pub(super) program: Option<(StateKind, String)>,
    /// Of a shell: the question that its last line asks. What stands above has been answered.
    pub(super) shell: Option<String>,
}

/// What the last lines of a screen say, by what agents and tools print (lower case). The first rule that matches wins.
const RULES: [(&str, StateKind); 26] = [
    ("esc to interrupt", StateKind::Working),
    ("ctrl+c to interrupt", StateKind::Working),
    ("ctrl-c to interrupt", StateKind::Working),
    ("do you want to", StateKind::Waiting),
    ("would you like to", StateKind::Waiting),
    ("do you trust", StateKind::Waiting),
    ("(y/n)", StateKind::Waiting),
    ("[y/n]", StateKind::Waiting),
    ("(yes/no", StateKind::Waiting),
    ("(y)es/(n)o", StateKind::Waiting),
    ("❯ 1. ", StateKind::Waiting),
    ("› 1. ", StateKind::Waiting),
    ("● 1. ", StateKind::Waiting),
    ("allow command", StateKind::Waiting),
    ("allow this", StateKind::Waiting),
    ("allow execution", StateKind::Waiting),
    ("approve this", StateKind::Waiting),
    ("waiting for user", StateKind::Waiting),
    ("press enter", StateKind::Waiting),
    ("enter to confirm", StateKind::Waiting),
    ("press any key", StateKind::Waiting),
    ("continue?", StateKind::Waiting),
    ("proceed?", StateKind::Waiting),
    ("password:", StateKind::Waiting),
    ("password for", StateKind::Waiting),
    ("passphrase", StateKind::Waiting),
];
/// Lines from the bottom that the rules look at; blank ones do not count.
const RULE_LINES: usize = 14;
/// What prompts of shells end with, before what is typed there.
const PROMPT_ENDS: [&str; 7] = ["$ ", "# ", "% ", "> ", "❯ ", "➜ ", "λ "];
/// How the line ends that waits for an answer.
const QUESTION_ENDS: [&str; 6] = ["?", ":", ")", "]", "...", "…"];

/// Reads the visible text.
pub(super) fn read(text: &str) -> Reading {
    let lines = text.lines().rev().map(bare).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.take(RULE_LINES).collect();
    let lower: Vec<String> = lines.iter().map(|line| line.to_lowercase()).collect();
    let matching = |words: &str| lower.iter().position(|line| line.contains(words));
    let program = RULES.iter().find_map(|(words, kind)| {
        let at = matching(words)?;
        let said = match kind {
            StateKind::Waiting => question(&lines, at),
            _ => words.trim(),
        };
        Some((*kind, shortened(said)))
    });
    let shell = lines.first().filter(|line| is_question(line, &lower[0]));
    Reading { program, shell: shell.map(|line| shortened(line)) }
}

/// A line without the frame and the space around it.
fn bare(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || c.is_control() || ('\u{2500}'..='\u{259f}').contains(&c))
}

/// The line that asks: for a choice, what stands above it. `lines` are in order from the bottom.
fn question<'a>(lines: &[&'a str], at: usize) -> &'a str {
    let asks = |line: &&&str| line.contains('?');
    let chosen = lines[at].trim_start_matches(['❯', '›', '●', ' ']);
    let above = if chosen.starts_with("1. ") { lines[at..].iter().find(asks) } else { None };
    above.unwrap_or(&lines[at])
}

/// Whether a shell's last line waits for an answer rather than for a command.
fn is_question(line: &str, lower: &str) -> bool {
    if PROMPT_ENDS.iter().any(|end| line.contains(end)) {
        return false;
    }
    let asks = RULES.iter().any(|(words, kind)| *kind == StateKind::Waiting && lower.contains(words));
    let ends = QUESTION_ENDS.iter().any(|end| line.ends_with(end)) || lower.starts_with("press ");
    let plain = line.strip_suffix('?').is_some_and(|rest| rest.ends_with(char::is_alphanumeric));
    asks && ends || plain
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= limits::QUOTE_CHARS {
        return line.to_string();
    }
    line.chars().take(limits::QUOTE_CHARS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn waits(text: &str) -> Option<String> {
        read(text).program.filter(|(kind, _)| *kind == StateKind::Waiting).map(|(_, said)| said)
    }

    #[test]
    fn a_question_of_a_shell_is_one() {
        for question in [
            "Do you want to proceed? (y/n)",
            "Overwrite 'a.txt'? [y/N]",
            "Deploy to production now?",
            "[sudo] password for me:",
            "Press any key to continue...",
            "Press Enter to continue",
            "Are you sure you want to continue connecting (yes/no/[fingerprint])?",
        ] {
            let screen = format!("$ ./deploy\nready\n{question} \n\n\n");
            assert_eq!(read(&screen).shell.as_deref(), Some(question));
        }
    }

    #[test]
    fn a_prompt_of_a_shell_is_no_question() {
        for prompt in [
            "$ ",
            "me@host:~/continue?$ ",
            "~/src main [?] ❯ ",
            "~/src on main ?",
            "$ grep -r 'do you want to' src",
            "me@host:~$ echo what?",
            "➜  src git:(main) ✗ rm -i [y/n]",
            "me@host:~/password: $ ",
        ] {
            let screen = format!("Do you want to proceed? (y/n) y\nproceed?\n{prompt}\n\n");
            assert_eq!(read(&screen).shell, None, "{prompt}");
        }
    }

    #[test]
    fn what_is_quoted_is_the_line_that_asks() {
        let framed = "╭────╮\n│ Do you want to make this edit?  │\n│ ❯ 1. Yes │\n│   2. No  │\n╰────╯\n";
        assert_eq!(waits(framed).as_deref(), Some("Do you want to make this edit?"));
        assert_eq!(waits("Which colour?\n\n  ❯ 1. Red\n    2. Blue\n").as_deref(), Some("Which colour?"));
        assert_eq!(waits("Choose one\n  ❯ 1. Red\n    2. Blue\n").as_deref(), Some("❯ 1. Red"));
        let long = waits(&format!("{} proceed?", "long ".repeat(60))).expect("a question");
        assert!(long.chars().count() == limits::QUOTE_CHARS && long.ends_with('…'));
    }

    #[test]
    fn a_question_that_has_scrolled_away_does_not_count() {
        let mut text = "Do you want to proceed?\n".to_string();
        text.push_str(&"line\n".repeat(RULE_LINES));
        assert_eq!(read(&text), Reading::default());
    }
}
