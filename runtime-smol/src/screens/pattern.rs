//! Patterns of manifests: words with `*` for anything, matched in a time that is bounded by the lengths of line and pattern.

use serde::Deserialize;

/// Characters of a pattern.
const PATTERN_CHARS: usize = 200;

/// One pattern. It is found anywhere in a line; `^` at its start and `$` at its end tie it there. `*` is anything, `{digits}` some digits, `{spinner}` a
/// character that programs turn (Braille).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern {
    parts: Vec<Vec<Atom>>,
    at_start: bool,
    at_end: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    Text(String),
    Digits,
    Spinner,
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Pattern::new(&text)
    }
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.chars().count() > PATTERN_CHARS {
            return Err(format!("a pattern has at most {PATTERN_CHARS} characters"));
        }
        let (at_start, rest) = text.strip_prefix('^').map_or((false, text), |rest| (true, rest));
        let (at_end, rest) = rest.strip_suffix('$').map_or((false, rest), |rest| (true, rest));
        if rest.trim_matches('*').is_empty() && !(at_start && at_end) {
            return Err(format!("the pattern '{text}' matches every line"));
        }
        let parts = rest.split('*').map(atoms).collect::<Result<Vec<_>, _>>()?;
        Ok(Pattern { parts, at_start, at_end })
    }

    pub(crate) fn matches(&self, line: &str) -> bool {
        let (mut at, last) = (0, self.parts.len() - 1);
        for (number, part) in self.parts.iter().enumerate() {
            let found = match (number == 0 && self.at_start, number == last && self.at_end) {
                (true, end) => atoms_at(part, line, 0).filter(|to| !end || *to == line.len()),
                // The last part at the end: the leftmost place that reaches it.
                (false, true) => {
                    places(line, at).find_map(|from| atoms_at(part, line, from).filter(|to| *to == line.len()))
                }
                (false, false) => places(line, at).find_map(|from| atoms_at(part, line, from)),
            };
            let Some(to) = found else { return false };
            at = to;
        }
        true
    }
}

fn atoms(mut text: &str) -> Result<Vec<Atom>, String> {
    let mut atoms = Vec::new();
    while let Some(open) = text.find('{') {
        let (before, rest) = text.split_at(open);
        let Some(close) = rest.find('}') else { return Err(format!("'{{' without '}}' in '{text}'")) };
        if !before.is_empty() {
            atoms.push(Atom::Text(before.to_owned()));
        }
        atoms.push(match &rest[1..close] {
            "digits" => Atom::Digits,
            "spinner" => Atom::Spinner,
            other => return Err(format!("'{{{other}}}' is neither {{digits}} nor {{spinner}}")),
        });
        text = &rest[close + 1..];
    }
    if !text.is_empty() {
        atoms.push(Atom::Text(text.to_owned()));
    }
    Ok(atoms)
}

/// Where these atoms end if they stand there.
fn atoms_at(atoms: &[Atom], line: &str, from: usize) -> Option<usize> {
    atoms.iter().try_fold(from, |at, atom| {
        let rest = &line[at..];
        match atom {
            Atom::Text(text) => rest.starts_with(text.as_str()).then_some(at + text.len()),
            Atom::Digits => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                (digits > 0).then_some(at + digits)
            }
            Atom::Spinner => rest.chars().next().filter(|c| is_spinner(*c)).map(|c| at + c.len_utf8()),
        }
    })
}

/// Where characters begin, and the end.
fn places(line: &str, from: usize) -> impl Iterator<Item = usize> {
    line[from..].char_indices().map(move |(at, _)| from + at).chain([line.len()])
}

/// A Braille pattern with at least one dot: agents animate it while they work.
pub(crate) fn is_spinner(c: char) -> bool {
    ('\u{2801}'..='\u{28ff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, line: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(line)
    }

    #[test]
    fn words_are_found_anywhere_unless_they_are_tied() {
        assert!(matches("to proceed", "Do you want to proceed?"));
        assert!(!matches("^to proceed", "Do you want to proceed?"));
        assert!(matches("proceed?$", "Do you want to proceed?") && !matches("proceed$", "Do you want to proceed?"));
        assert!(matches("^Do you*?$", "Do you want to proceed?") && !matches("^Do you*?$", "Do you want (y/n)"));
        assert!(matches("^❯$", "❯") && !matches("^❯$", "❯ x"));
        assert!(matches("^a*a$", "aa") && !matches("^a*a$", "a"), "each part has its own place");
    }

    #[test]
    fn digits_and_spinners_stand_for_what_changes() {
        assert!(matches("Retrying in {digits}s", "API error · Retrying in 32s · attempt 7/10"));
        assert!(!matches("Retrying in {digits}s", "Retrying in some s"));
        assert!(matches("^{spinner} ", "⠂ Fixing") && !matches("^{spinner} ", "\u{2800} Fixing"));
    }

    #[test]
    fn what_cannot_be_a_pattern_is_said() {
        assert!(Pattern::new("{word}").unwrap_err().contains("{digits}"));
        assert!(Pattern::new("a{digits").unwrap_err().contains("without"));
        assert!(Pattern::new("**").unwrap_err().contains("every line"));
        assert!(Pattern::new(&"x".repeat(201)).unwrap_err().contains("200"));
    }

    proptest! {
        #[test]
        fn a_line_matches_itself_and_its_pieces(line in "[a-zé❯ ]{1,30}", cut in 0usize..30) {
            let cut = line.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(0);
            let (before, after) = line.split_at(cut);
            let tied = format!("^{line}$");
            let holed = format!("^{before}*{after}$");
            prop_assert!(matches(&tied, &line));
            prop_assert!(matches(&holed, &line));
            let longer = line.clone() + "!";
            prop_assert!(!matches(&tied, &longer));
        }
    }
}
