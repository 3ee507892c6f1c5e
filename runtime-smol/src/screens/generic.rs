//! Rules for shells and for programs that nobody knows: how questions look everywhere.

use super::Glance;
use super::lines::{self, Line, Numbered};
use super::rules::Found;
use consort_core::directory::StateKind;
use consort_core::directory::signal::{Choice, Dialog, Question, QuestionKind, Report};

/// Words of programs that are busy, in the last lines (lower case).
const BUSY: [&str; 3] = ["esc to interrupt", "ctrl+c to interrupt", "ctrl-c to interrupt"];
/// Words of questions (lower case).
const ASKING: [&str; 20] = [
    "do you want to",
    "would you like to",
    "do you trust",
    "(y/n)",
    "[y/n]",
    "(yes/no",
    "(y)es/(n)o",
    "allow command",
    "allow this",
    "allow execution",
    "approve this",
    "waiting for user input",
    "waiting for your",
    "press enter",
    "enter to confirm",
    "press any key",
    "continue?",
    "proceed?",
    "password:",
    "passphrase",
];
const PASSWORD: [&str; 3] = ["password:", "password for", "passphrase"];
/// Lines from the bottom that the rules look at; blank ones do not count.
const LINES: usize = 14;
/// What prompts of shells end with, before what is typed there.
const PROMPT_ENDS: [&str; 7] = ["$ ", "# ", "% ", "> ", "❯ ", "➜ ", "λ "];
/// What prompts of interpreters and debuggers begin with.
const PROMPT_STARTS: [&str; 4] = ["... ", "(gdb) ", "(lldb) ", "(Pdb) "];
/// How the line ends that waits for an answer.
const QUESTION_ENDS: [&str; 7] = ["?", ":", ")", "]", "...", "…", "]:"];
/// Programs that show what others wrote, and ask in the last row of the screen if at all.
const READERS: [&str; 23] = [
    "vi",
    "vim",
    "nvim",
    "view",
    "nano",
    "emacs",
    "micro",
    "hx",
    "less",
    "more",
    "most",
    "man",
    "bat",
    "tail",
    "journalctl",
    "watch",
    "top",
    "htop",
    "btop",
    "git",
    "tig",
    "lazygit",
    "mc",
];
/// Rows above a menu in which its cursor may be shown: a line to filter it by, the question.
const ABOVE_MENU: usize = 3;
/// Characters that may have been typed behind a question already.
const TYPED_CHARS: usize = 80;

/// Whether a program shows what others wrote: a recorded screen in an editor is no agent.
pub(super) fn is_reader(command: &str) -> bool {
    READERS.contains(&command)
}

/// What the screen of a program that nobody knows shows.
pub(super) fn read(lines: &[Line<'_>], glance: &Glance<'_>) -> Option<Found> {
    let lines = lines::bottom(lines, LINES);
    let reader = is_reader(glance.command);
    let here = !reader || glance.cursor.1 + 1 == glance.rows;
    if let Some(question) = inline(lines, glance).filter(|_| here) {
        return Some(Found::Asks(question));
    }
    if glance.shell || reader {
        return None;
    }
    if let Some(menu) = lines::menu(lines, true).filter(|menu| waits(lines, menu, glance)) {
        let above = lines[..menu[0].at].iter().rev().filter(|line| !line.is_blank());
        let asks = above.clone().take(4).find(|line| line.bare.contains('?')).or(above.clone().next());
        let text = asks.map_or_else(|| menu[0].label.clone(), |line| line.bare.to_owned());
        let choices = menu.iter().map(|choice| Choice { key: choice.number.to_string(), label: choice.label.clone() });
        let keys = menu.iter().map(|choice| choice.number.to_string().into_bytes()).collect();
        let question = Question { kind: kind_of(&text), text, choices: choices.collect(), ..Question::default() };
        return Some(Found::Asks(Dialog { question, keys }));
    }
    let lower = |line: &Line<'_>| line.bare.to_lowercase();
    let busy = |line: &&Line<'_>| BUSY.iter().any(|words| lower(line).contains(words));
    if let Some(line) = lines::bottom(lines, 4).iter().find(busy) {
        return Some(Found::Says(Report { kind: StateKind::Working, why: line.bare.to_owned() }));
    }
    // A cursor that is shown is at the question or just above it: below, it was answered, or was none. Where it is shown, a line that
    // goes on behind the question quotes it; a program that hides it draws all of its screen itself.
    let row = usize::from(glance.cursor.1);
    let asks = |line: &&Line<'_>| {
        let near =
            (row..=row + ABOVE_MENU).contains(&line.row) && QUESTION_ENDS.iter().any(|end| line.bare.ends_with(end));
        (near || !glance.cursor_shown) && ASKING.iter().any(|words| lower(line).contains(words))
    };
    let line = lines.iter().rev().find(asks)?;
    Some(Found::Asks(plain(line.bare)))
}

/// A question in the line with the cursor, which is the last one: it waits for what is typed there.
fn inline(lines: &[Line<'_>], glance: &Glance<'_>) -> Option<Dialog> {
    let last = lines.iter().rev().find(|line| !line.is_blank())?;
    (last.row == usize::from(glance.cursor.1)).then_some(())?;
    let text = asked(last.bare)?;
    Some(plain(text))
}

/// The question of a line, without what was typed behind it; nothing if it is a prompt for commands.
fn asked(line: &str) -> Option<&str> {
    if PROMPT_ENDS.iter().any(|end| line.contains(end))
        || PROMPT_STARTS.iter().any(|start| line.starts_with(start))
        || ["$", "#", "%", ">"].iter().any(|end| line.ends_with(end))
    {
        return None;
    }
    let lower = line.to_lowercase();
    let words = ASKING.iter().chain(&PASSWORD).any(|words| lower.contains(words)) || lower.starts_with("press ");
    let ends = QUESTION_ENDS.iter().any(|end| line.ends_with(end));
    let plain = line.strip_suffix('?').is_some_and(|rest| rest.ends_with(char::is_alphanumeric));
    if words && ends || plain || lower.starts_with("press ") && words {
        return Some(line);
    }
    // Something is typed behind it, and Enter was not pressed.
    let end = [") ", "] ", "? ", ": "].iter().filter_map(|end| line.rfind(end)).max()? + 1;
    let (question, typed) = line.split_at(end);
    if question.matches('"').count() % 2 == 1 {
        return None;
    }
    let lower = question.to_lowercase();
    let words = ASKING.iter().chain(&PASSWORD).any(|words| lower.contains(words));
    (words && typed.chars().count() <= TYPED_CHARS).then_some(question)
}

/// A question without numbered choices.
fn plain(text: &str) -> Dialog {
    let lower = text.to_lowercase();
    let choice = |key: &str, label: &str| Choice { key: key.to_owned(), label: label.to_owned() };
    let has = |words: &[&str]| words.iter().any(|words| lower.contains(words));
    let (choices, keys) = if has(&["(y/n)", "[y/n]", "(y)es/(n)o"]) {
        (vec![choice("y", "Yes"), choice("n", "No")], vec![b"y\r".to_vec(), b"n\r".to_vec()])
    } else if has(&["(yes/no"]) {
        (vec![choice("yes", "Yes"), choice("no", "No")], vec![b"yes\r".to_vec(), b"no\r".to_vec()])
    } else if has(&["press enter", "enter to confirm", "press any key"]) {
        (vec![choice("enter", "Enter")], vec![b"\r".to_vec()])
    } else {
        (Vec::new(), Vec::new())
    };
    let free_text = choices.is_empty();
    let question = Question { kind: kind_of(&lower), text: text.to_owned(), choices, free_text, ..Question::default() };
    Dialog { question, keys }
}

fn kind_of(text: &str) -> QuestionKind {
    let lower = text.to_lowercase();
    if PASSWORD.iter().any(|words| lower.contains(words)) {
        QuestionKind::Login
    } else if lower.contains("trust") {
        QuestionKind::Trust
    } else {
        QuestionKind::Question
    }
}

/// Whether a menu is there to be chosen from: nothing but a hint or a frame follows it, and a cursor that is shown is in it or just above,
/// not at what a program or a shell does below a menu that was printed.
fn waits(lines: &[Line<'_>], menu: &[Numbered], glance: &Glance<'_>) -> bool {
    let (first, last) = (menu[0].at, menu[menu.len() - 1].at);
    let row = usize::from(glance.cursor.1);
    let near = lines[first].row.saturating_sub(ABOVE_MENU)..=lines[last].row;
    lines[last + 1..].iter().filter(|line| !line.is_blank()).count() <= 3
        && (!glance.cursor_shown || near.contains(&row))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a screen whose cursor is behind the last line.
    fn shown(text: &str, shell: bool) -> Option<Found> {
        let trimmed = text.trim_end_matches('\n');
        let row = u16::try_from(trimmed.lines().count().max(1) - 1).unwrap();
        let glance = Glance { shell, cursor: (0, row), cursor_shown: true, ..Glance::default() };
        read(&lines::of(text), &glance)
    }

    fn question(found: Option<Found>) -> Option<String> {
        match found {
            Some(Found::Asks(dialog)) => Some(dialog.question.text),
            Some(Found::Says(_)) | None => None,
        }
    }

    #[test]
    fn a_question_in_the_line_with_the_cursor_is_one() {
        for text in [
            "Do you want to proceed? (y/n)",
            "Overwrite 'a.txt'? [y/N]",
            "Deploy to production now?",
            "[sudo] password for me:",
            "Press any key to continue...",
            "Press Enter to continue",
            "Are you sure you want to continue connecting (yes/no/[fingerprint])?",
            "Deploy, proceed? (y/n)",
        ] {
            let screen = format!("$ ./deploy\nready\n{text} \n\n\n");
            assert_eq!(question(shown(&screen, true)).as_deref(), Some(text));
        }
        assert_eq!(question(shown("Deploy, proceed? (y/n) y", false)).as_deref(), Some("Deploy, proceed? (y/n)"));
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
            assert_eq!(question(shown(&screen, true)), None, "{prompt}");
        }
    }

    #[test]
    fn a_question_above_the_cursor_was_answered() {
        let text = "Deploy, proceed? (y/n) y\n";
        let glance = Glance { cursor: (0, 1), cursor_shown: true, ..Glance::default() };
        assert_eq!(read(&lines::of(text), &glance), None);
        let hidden = Glance { cursor_shown: false, ..glance };
        assert!(read(&lines::of("Proceed?\n[ Yes ]  [ No ]\n"), &hidden).is_some(), "a program that draws hides it");
    }

    #[test]
    fn a_menu_has_its_choices_with_labels_wherever_its_cursor_is() {
        for (mark, other) in [("❯ 1.", "  2."), ("  1.", "❯ 2.")] {
            let text = format!("╭────╮\n│ Make this edit?  │\n│ {mark} Yes │\n│ {other} No, never  │\n╰────╯\n");
            let hidden = Glance::default();
            let Some(Found::Asks(dialog)) = read(&lines::of(&text), &hidden) else { panic!("a question") };
            assert_eq!(dialog.question.text, "Make this edit?");
            let choices: Vec<_> = dialog.question.choices.iter().map(|c| (c.key.as_str(), c.label.as_str())).collect();
            assert_eq!(choices, [("1", "Yes"), ("2", "No, never")]);
        }
    }

    #[test]
    fn a_menu_whose_cursor_is_elsewhere_was_printed_and_waits_for_nobody() {
        let menu = "Do you want to proceed?\n❯ 1. Yes\n  2. No\n\nEsc to cancel\n";
        let at = |row| Glance { cursor: (0, row), cursor_shown: true, ..Glance::default() };
        for row in [0, 1, 2] {
            assert!(question(read(&lines::of(menu), &at(row))).is_some(), "row {row}");
        }
        assert_eq!(question(shown(&format!("{menu}$"), false)), None);
        assert_eq!(question(read(&lines::of(&format!("a\nb\nc\nd\n{menu}")), &at(0))), None);
    }

    #[test]
    fn an_editor_that_shows_a_question_does_not_ask_it_and_asks_in_its_last_line() {
        let text = "'Do you want to proceed?'\nProceed?\n~\n~\n";
        let at = |row, command| Glance { command, cursor: (0, row), cursor_shown: true, rows: 5, ..Glance::default() };
        assert_eq!(read(&lines::of(text), &at(0, "vim")), None);
        assert_eq!(read(&lines::of("\n\n\nProceed? (y/n)\n"), &at(3, "vim")), None);
        let asks = format!("{text}Press ENTER or type command to continue");
        assert!(question(read(&lines::of(&asks), &at(4, "vim"))).is_some());
    }

    #[test]
    fn a_menu_in_the_middle_of_a_text_is_none() {
        let text = "It printed:\n❯ 1. Yes\n  2. No\nand then\nwaited\nfor long\nand more\n";
        assert_eq!(question(shown(text, false)), None);
    }

    #[test]
    fn a_busy_program_says_so() {
        let Some(Found::Says(says)) = shown("text\n✻ Thinking… (esc to interrupt)\n", false) else {
            panic!("words")
        };
        assert_eq!(says.kind, StateKind::Working);
    }
}
