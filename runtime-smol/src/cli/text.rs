//! Text for people: cut to a width, free of control characters, ages and directories in short.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// `text` in one line without anything that a terminal would act on.
pub(crate) fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() || is_bidi_control(c) { ' ' } else { c };
    text.chars().map(visible).collect::<String>().trim().to_string()
}

/// `text` with its line breaks and tabs, without anything else that a terminal would act on.
pub(crate) fn lines(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// Characters that reorder what stands after them.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `columns`, with an ellipsis where it was cut.
pub(crate) fn cut(text: &str, columns: usize, unicode: bool) -> String {
    if width(text) <= columns {
        return text.into();
    }
    let mark = if unicode { "…" } else { "~" };
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push_str(mark);
    }
    out
}

/// How long ago, in one number and a letter.
pub(crate) fn age(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A directory with the home written as `~`.
pub(crate) fn tilde(directory: &str, home: &str) -> String {
    let home = home.trim_end_matches('/');
    match directory.strip_prefix(home) {
        Some("") if !home.is_empty() => "~".into(),
        Some(rest) if !home.is_empty() && rest.starts_with('/') => format!("~{rest}"),
        _ => directory.into(),
    }
}

/// Insertions, deletions and replacements between two texts (Levenshtein).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let replaced = diagonal + usize::from(letter != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_title_cannot_carry_a_control_character_into_the_table() {
        assert_eq!(one_line("a\x1b]0;x\x07b\nc\u{9b}1m\u{202e}"), "a ]0;x b c 1m");
        assert_eq!(lines("a\x1b[1mb\n\tc\r"), "a[1mb\n\tc");
    }

    #[test]
    fn an_age_is_told_in_its_largest_useful_unit() {
        let told =
            [(0, "0s"), (59_999, "59s"), (60_000, "1m"), (3_600_000, "1h"), (90_000_000, "25h"), (172_800_000, "2d")];
        for (ms, text) in told {
            assert_eq!(age(ms), text);
        }
    }

    #[test]
    fn only_the_home_itself_and_what_is_below_it_gets_a_tilde() {
        assert_eq!(tilde("/home/me", "/home/me"), "~");
        assert_eq!(tilde("/home/me/x", "/home/me/"), "~/x");
        assert_eq!(tilde("/home/melissa", "/home/me"), "/home/melissa");
        assert_eq!(tilde("/x", ""), "/x");
    }

    #[test]
    fn a_wide_character_is_never_cut_in_half() {
        assert_eq!(cut("日本語", 6, true), "日本語");
        assert_eq!(cut("日本語", 5, true), "日本…");
        assert_eq!(cut("日本語", 4, true), "日…");
        assert_eq!(cut("abc", 0, true), "");
    }

    proptest! {
        #[test]
        fn what_is_cut_fits(text in "\\PC{0,40}", columns in 0usize..30) {
            prop_assert!(width(&cut(&text, columns, true)) <= columns);
        }
    }

    #[test]
    fn the_distance_is_the_number_of_typing_errors() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
