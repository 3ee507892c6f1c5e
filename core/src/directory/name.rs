//! Names of agents and the hierarchy read from them.

use crate::limits;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A name that is allowed for an agent: segments of letters, digits and `_`, joined by single `-`; at most
/// [`NAME_CHARS`](limits::NAME_CHARS) characters. tmux keeps such a name as it is, and no command line takes it for a flag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// Why a text is no name; each message says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("A name needs at least one character.")]
    Empty,
    /// Too long.
    #[error("A name has at most 100 characters.")]
    TooLong,
    /// A character that is not allowed.
    #[error("'{}' cannot be part of a name: use letters, digits, '_' and '-'.", .0.escape_default())]
    Character(char),
    /// A dash at an end, or two in a row.
    #[error("Every '-' must stand between two segments, as in customers-zoom-backend.")]
    Dash,
}

impl Name {
    /// The name in `text`.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.chars().count() > limits::NAME_CHARS {
            return Err(NameError::TooLong);
        }
        let mut before = '-';
        for c in text.chars() {
            let allowed = c.is_alphanumeric() || matches!(c, '_' | '-') || (is_mark(c) && !matches!(before, '_' | '-'));
            if !allowed {
                return Err(NameError::Character(c));
            }
            before = c;
        }
        if text.split('-').any(str::is_empty) {
            return Err(NameError::Dash);
        }
        Ok(Name(text.to_string()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Signs that are written on a letter and are no letters themselves. Names in Hindi, Thai or Hebrew cannot be spelled without
/// them; the vowel signs of most scripts are alphabetic, and need no entry.
fn is_mark(c: char) -> bool {
    // The virama joins consonants in the scripts of India and their neighbours, one block of 128 characters each.
    let virama = matches!(c, '\u{0900}'..='\u{0d7f}') && u32::from(c) % 0x80 == 0x4d;
    let nukta = matches!(c, '\u{0900}'..='\u{0cff}') && u32::from(c) % 0x80 == 0x3c;
    virama
        || nukta
        || matches!(c,
            '\u{0300}'..='\u{036f}' // Latin, Greek, Cyrillic, where an accent is a character of its own
            | '\u{0591}'..='\u{05bd}' | '\u{05bf}' | '\u{05c1}' | '\u{05c2}' | '\u{05c4}' | '\u{05c5}' | '\u{05c7}' // Hebrew
            | '\u{064b}'..='\u{065f}' | '\u{0670}' // Arabic
            | '\u{0dca}' // Sinhala
            | '\u{0e3a}' | '\u{0e47}'..='\u{0e4e}' // Thai
            | '\u{0ec8}'..='\u{0ecd}' // Lao
            | '\u{1037}' | '\u{1039}' | '\u{103a}' // Burmese
            | '\u{17c9}'..='\u{17d3}' // Khmer
            | '\u{3099}' | '\u{309a}' // Japanese, where the sign for a voiced sound is a character of its own
        )
}

/// Where a name puts an agent in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The levels above the agent: none, one or two.
    pub path: Vec<&'a str>,
    /// What is shown for the agent itself.
    pub leaf: &'a str,
}

/// Reads the hierarchy from any name, also from one that [`Name::parse`] would refuse (sessions made by others).
///
/// One segment is ungrouped; two are a category and an agent; of three or more the first two are levels and the rest is the
/// agent. A name with an empty segment has no hierarchy.
#[must_use]
pub fn place(name: &str) -> Place<'_> {
    if name.split('-').any(str::is_empty) {
        return Place { path: Vec::new(), leaf: name };
    }
    let mut parts = name.splitn(3, '-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(first), Some(second), Some(rest)) => Place { path: alloc::vec![first, second], leaf: rest },
        (Some(first), Some(leaf), None) => Place { path: alloc::vec![first], leaf },
        _ => Place { path: Vec::new(), leaf: name },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_two_three_and_more_segments_make_none_one_and_two_levels() {
        let levels = |name| {
            let place = place(name);
            (place.path.join("/"), place.leaf.to_string())
        };
        assert_eq!(levels("a"), (String::new(), "a".into()));
        assert_eq!(levels("a-b"), ("a".into(), "b".into()));
        assert_eq!(levels("a-b-c"), ("a/b".into(), "c".into()));
        assert_eq!(levels("a-b-c-d"), ("a/b".into(), "c-d".into()));
        assert_eq!(levels("-odd--name"), (String::new(), "-odd--name".into()));
    }

    #[test]
    fn names_are_spelled_in_every_script() {
        for name in ["हिन्दी-काम-एजेंट", "ที่นี่", "שָׁלוֹם", "مُشروع", "မြန်မာ", "cafe\u{301}", "客户-项目", "größe"]
        {
            assert_eq!(Name::parse(name).map(|name| name.0), Ok(name.to_string()));
        }
    }

    #[test]
    fn a_mark_stands_on_a_letter() {
        for name in ["\u{301}a", "a-\u{94d}b", "_\u{301}"] {
            assert!(matches!(Name::parse(name), Err(NameError::Character(_))), "{name:?}");
        }
    }

    #[test]
    fn a_bad_name_is_refused_with_the_rule_it_breaks() {
        assert_eq!(Name::parse(""), Err(NameError::Empty));
        assert_eq!(Name::parse(&"é".repeat(101)), Err(NameError::TooLong));
        assert!(Name::parse(&"é".repeat(100)).is_ok());
        assert_eq!(Name::parse("a.b"), Err(NameError::Character('.')));
        assert_eq!(Name::parse("a:b"), Err(NameError::Character(':')));
        assert_eq!(Name::parse("a b"), Err(NameError::Character(' ')));
        assert_eq!(Name::parse("a\nb"), Err(NameError::Character('\n')));
        for dashes in ["-a", "a-", "a--b", "-"] {
            assert_eq!(Name::parse(dashes), Err(NameError::Dash));
        }
        assert!(Name::parse("customers-zoom-backend_2").is_ok());
        assert!(Name::parse("größe-日本").is_ok());
    }

    proptest! {
        #[test]
        fn path_and_leaf_together_are_the_name(name in "[a-z]{1,3}(-[a-z]{1,3}){0,5}") {
            let place = place(&name);
            let mut all = place.path.clone();
            all.push(place.leaf);
            prop_assert_eq!(all.join("-"), name);
        }
    }
}
