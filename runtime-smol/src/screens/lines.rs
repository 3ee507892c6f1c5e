//! The lines of a screen as rules look at them: without frames, from the bottom.

use unicode_width::UnicodeWidthStr as _;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Without the frame and the space around it.
    pub(super) bare: &'a str,
    /// All of it.
    whole: &'a str,
    /// Its row.
    pub(super) row: usize,
    /// It consists of a frame only.
    pub(super) rule: bool,
}

impl<'a> Line<'a> {
    fn new(row: usize, whole: &'a str) -> Self {
        let is_frame = |c: char| ('\u{2500}'..='\u{259f}').contains(&c);
        let bare = whole.trim_matches(|c: char| c.is_whitespace() || c.is_control() || is_frame(c));
        // The sides of a box are no line across.
        let rule =
            bare.is_empty() && whole.trim().chars().filter(|c| is_frame(*c) && *c != '│' && *c != '┃').count() > 2;
        Line { bare, whole, row, rule }
    }

    /// The column where these words begin, from 0.
    pub(super) fn column_of(&self, words: &str) -> Option<usize> {
        Some(self.whole[..self.whole.find(words)?].width())
    }

    pub(super) fn is_blank(&self) -> bool {
        self.bare.is_empty()
    }
}

/// The visible text from the top.
pub(super) fn of(text: &str) -> Vec<Line<'_>> {
    text.lines().enumerate().map(|(row, line)| Line::new(row, line)).collect()
}

/// The last so many that are not blank.
pub(super) fn bottom<'l, 'a>(lines: &'l [Line<'a>], count: usize) -> &'l [Line<'a>] {
    let from = lines.iter().enumerate().rev().filter(|(_, line)| !line.is_blank()).nth(count.saturating_sub(1));
    &lines[from.map_or(0, |(at, _)| at)..]
}

/// A numbered choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: u32,
    pub(super) label: String,
    /// The cursor of the menu is on it.
    pub(super) highlighted: bool,
    /// Where it stands among the lines.
    pub(super) at: usize,
}

/// What stands before the choice that is highlighted.
const MARKS: [char; 5] = ['❯', '›', '●', '>', '▶'];

/// The last menu among these lines: choices numbered from 1, in order, one of them highlighted by a mark.
pub(super) fn menu(lines: &[Line<'_>], marked: bool) -> Option<Vec<Numbered>> {
    let all: Vec<Numbered> = lines.iter().enumerate().filter_map(|(at, line)| numbered(at, line.bare)).collect();
    let first = all.iter().rposition(|choice| choice.number == 1)?;
    let mut menu: Vec<Numbered> = Vec::new();
    for choice in &all[first..] {
        if choice.number as usize == menu.len() + 1 {
            menu.push(choice.clone());
        }
    }
    let marks = menu.iter().filter(|choice| choice.highlighted).count();
    (menu.len() > 1 && marks == usize::from(marked)).then_some(menu)
}

fn numbered(at: usize, bare: &str) -> Option<Numbered> {
    let chosen = bare.trim_start_matches(MARKS);
    let highlighted = chosen.len() < bare.len();
    let rest = chosen.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest.get(..digits).filter(|digits| digits.len() <= 2)?.parse().ok()?;
    let label = rest[digits..].strip_prefix('.')?.strip_prefix(' ')?.trim();
    // What is far to the right describes the choice.
    let label = label.split("  ").next().unwrap_or(label).trim();
    (!label.is_empty()).then(|| Numbered { number, label: label.to_owned(), highlighted, at })
}
