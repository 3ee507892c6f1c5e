//! The visible text of a terminal without what nobody needs to read it: [`read`](super::read) says the same of both.

use super::{PROMPT_ENDS, QUESTION_ENDS, RULE_LINES, RULES, bare, is_question, question};
use crate::directory::state::StateKind;
use crate::limits;
use crate::redact::FILLER;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The text with filler for all characters but those that decide what is read: as many bytes, in lines as before.
pub(crate) fn redacted(text: &str) -> String {
    let mut lines: Vec<Line<'_>> = text.split_inclusive('\n').map(Line::new).collect();
    // In the order in which they are read.
    let mut shown: Vec<&mut Line<'_>> =
        lines.iter_mut().rev().filter(|line| !line.bare.is_empty()).take(RULE_LINES).collect();
    keep_what_the_program_says(&mut shown);
    keep_what_the_shell_asks(&mut shown);
    lines.iter().fold(String::with_capacity(text.len()), |all, line| line.written(all))
}

fn keep_what_the_program_says(shown: &mut [&mut Line<'_>]) {
    let found = RULES.iter().find_map(|(words, kind)| {
        let at = shown.iter().position(|line| line.lower().contains(words))?;
        Some((*words, *kind, at))
    });
    let Some((words, kind, at)) = found else { return };
    shown[at].keep_words(words);
    if kind != StateKind::Waiting {
        return;
    }
    let lines: Vec<&str> = shown.iter().map(|line| line.bare).collect();
    let asked = question(&lines, at);
    let asking = lines.iter().skip(at).position(|line| core::ptr::eq(*line, asked)).map_or(at, |above| at + above);
    shown[at].keep_choice();
    shown[asking].keep_words("?");
    shown[asking].keep_quote();
}

fn keep_what_the_shell_asks(shown: &mut [&mut Line<'_>]) {
    let Some(last) = shown.first_mut() else { return };
    if is_question(last.bare, &last.lower()) {
        if let Some((words, _)) =
            RULES.iter().find(|(words, kind)| *kind == StateKind::Waiting && last.lower().contains(words))
        {
            last.keep_words(words);
        }
        last.keep_end();
        last.keep_quote();
    } else if let Some(end) = PROMPT_ENDS.iter().find(|end| last.bare.contains(*end)) {
        // What is kept of the line for other reasons must not look like a question without its prompt.
        last.keep_words(end);
    }
}

/// A line, and which characters of its bare part are kept.
struct Line<'a> {
    whole: &'a str,
    bare: &'a str,
    keep: Vec<bool>,
}

impl<'a> Line<'a> {
    fn new(whole: &'a str) -> Self {
        let bare = bare(whole);
        Line { whole, bare, keep: vec![false; bare.chars().count()] }
    }

    fn lower(&self) -> String {
        self.bare.to_lowercase()
    }

    /// Keeps the characters that these words, in lower case, are found in first.
    fn keep_words(&mut self, words: &str) {
        // Characters in lower case, each with the one that it comes from.
        let lower: Vec<(char, usize)> =
            self.bare.chars().enumerate().flat_map(|(at, c)| c.to_lowercase().map(move |c| (c, at))).collect();
        let wanted: Vec<char> = words.chars().collect();
        let found = lower.windows(wanted.len()).find(|part| part.iter().map(|(c, _)| c).eq(&wanted));
        for (_, at) in found.into_iter().flatten() {
            self.keep[*at] = true;
        }
    }

    /// Keeps what makes the line a choice.
    fn keep_choice(&mut self) {
        let chosen = self.bare.trim_start_matches(['❯', '›', '●', ' ']);
        if chosen.starts_with("1. ") {
            let before = self.bare.chars().count() - chosen.chars().count();
            self.keep[..before + 3].fill(true);
        }
    }

    /// Keeps how the line ends, as far as that makes it a question.
    fn keep_end(&mut self) {
        let longest = QUESTION_ENDS.iter().filter(|end| self.bare.ends_with(*end)).map(|end| end.chars().count()).max();
        // The character before a question mark counts too.
        let kept = longest.map_or(0, |end| if self.bare.ends_with('?') { end + 1 } else { end });
        let from = self.keep.len().saturating_sub(kept);
        self.keep[from..].fill(true);
    }

    /// Keeps what is shown of the line where it is quoted.
    fn keep_quote(&mut self) {
        let shown = if self.keep.len() <= limits::QUOTE_CHARS { self.keep.len() } else { limits::QUOTE_CHARS - 1 };
        self.keep[..shown].fill(true);
    }

    fn written(&self, mut to: String) -> String {
        let before = self.bare.as_ptr() as usize - self.whole.as_ptr() as usize;
        to.push_str(&self.whole[..before]);
        for (c, keep) in self.bare.chars().zip(&self.keep) {
            if *keep {
                to.push(c);
            } else {
                to.extend(core::iter::repeat_n(char::from(FILLER), c.len_utf8()));
            }
        }
        to.push_str(&self.whole[before + self.bare.len()..]);
        to
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    /// Pieces of which screens are made that mean something, and some that do not.
    fn piece() -> impl Strategy<Value = String> {
        let words: Vec<String> = RULES.iter().map(|(words, _)| words.to_string()).collect();
        let ends = PROMPT_ENDS.iter().chain(&QUESTION_ENDS).map(|end| end.to_string()).collect::<Vec<_>>();
        prop_oneof![
            3 => prop::sample::select(words.clone()),
            1 => prop::sample::select(words).prop_map(|words| words.to_uppercase()),
            3 => prop::sample::select(ends),
            2 => prop::sample::select(vec!["1. ", "❯ ", "│ ", "Press ", "\u{1b}", "İ", "ΑΣ", "***", "\t", "* "]).prop_map(str::to_string),
            3 => "[a-zé]{1,12}",
            1 => "[ -~]{100,140}",
        ]
    }

    fn screens() -> impl Strategy<Value = String> {
        let line =
            (prop::collection::vec(piece(), 0..6), prop::sample::select(vec!["\n", "\n", "\r\n", "\n\n", " │\n"]));
        let line = line.prop_map(|(pieces, end)| pieces.concat() + end);
        (prop::collection::vec(line, 0..20), prop::option::of(piece()))
            .prop_map(|(lines, last)| lines.concat() + &last.unwrap_or_default())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_stays_the_same(text in screens()) {
            let redacted = redacted(&text);
            prop_assert_eq!(read(&redacted), read(&text), "{}", redacted);
            prop_assert_eq!(redacted.len(), text.len());
        }
    }

    #[test]
    fn a_question_stays_with_the_choice_below_it_and_with_what_makes_it_one() {
        let (before, quoted) = ("x".repeat(limits::QUOTE_CHARS + 11), "x".repeat(limits::QUOTE_CHARS - 1));
        let filler = "*".repeat(12);
        for (screen, expected) in [
            ("Which colour?\n\n  ❯ 1. Red\n    2. Blue\n".into(), "Which colour?\n\n  ❯ 1. ***\n    *******\n".into()),
            ("Run it?\n1. Yes, allow this now\n2. No\n".into(), "Run it?\n1. *****allow this****\n*****\n".into()),
            (
                format!("(esc to interrupt)\n{before} (y/n), now:\n"),
                format!("*esc to interrupt*\n{quoted}{filler}*(y/n)*****:\n"),
            ),
            (format!("{before} now?\n"), format!("{quoted}{filler}***w?\n")),
        ] {
            let redacted: String = redacted(&screen);
            assert_eq!(redacted, expected);
            assert_eq!(read(&redacted), read(&screen));
        }
    }

    #[test]
    fn what_no_list_shows_is_left_out() {
        let screen = "$ cat key\nhunter2\n\n│ Use hunter2?    │\n│ Proceed? (y/n) │\n  hunter2\n";
        let redacted = redacted(screen);
        assert_eq!(redacted, "*********\n*******\n\n│ ************    │\n│ Proceed? (y/n) │\n  *******\n");
        assert_eq!(super::redacted("* hunter2 (esc to interrupt)"), "***********esc to interrupt*");
    }
}
