//! How many columns characters take, and how they join: measured from the authority, and sent to the browser's emulator at the
//! head of each snapshot.

use super::Dialect;
use data_encoding::BASE64;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use unicode_width::UnicodeWidthChar;

/// The number of the operating system command that carries a table, or [`erase_in_place`]. Browsers take it from snapshots; no program can print it,
/// because the filter leaves it out, and `consort attach` drops every command that it does not know.
pub const OSC: u32 = 7117;

/// The command, behind a table, by which a browser's emulator knows that what is erased does not go to the history.
#[must_use]
pub fn erase_in_place() -> String {
    format!("\x1b]{OSC};erase-in-place\x1b\\")
}

/// A character without width of which nothing is seen, for one that tmux keeps in cells and others do not: the byte order mark, or
/// a C1 control. It has as many bytes, because tmux counts those of a cell.
pub(super) const fn nothing_seen(hidden: char) -> char {
    if hidden.len_utf8() == 2 { '\u{34f}' } else { '\u{2060}' }
}

/// Whether these bytes encode a character behind the last one of Unicode.
#[must_use]
pub fn is_beyond(bytes: &[u8]) -> bool {
    matches!(bytes, [0xf4, 0x90..=0xbf, 0x80..=0xbf, 0x80..=0xbf])
}

/// The text of a capture, as everybody reads it: with the same in the place of C1 controls and of what is no character as in
/// live bytes.
#[must_use]
pub fn canonical_capture(text: &[u8]) -> Cow<'_, [u8]> {
    let odd =
        |bytes: &[u8]| matches!(bytes, [0xc2, 0x80..=0x9f, ..] | [0xef, 0xbb, 0xbf, ..] | [0xf4, 0x90..=0xbf, ..]);
    let Some(first) = memchr::memchr3_iter(0xc2, 0xef, 0xf4, text).find(|at| odd(&text[*at..])) else {
        return Cow::Borrowed(text);
    };
    let (mut out, mut rest) = (text[..first].to_vec(), &text[first..]);
    while let Some(byte) = rest.first() {
        let length = match rest {
            [0xc2, 0x80..=0x9f, ..] => {
                out.extend_from_slice(nothing_seen('\u{80}').encode_utf8(&mut [0; 4]).as_bytes());
                2
            }
            [0xef, 0xbb, 0xbf, ..] => {
                out.extend_from_slice(nothing_seen('\u{feff}').encode_utf8(&mut [0; 4]).as_bytes());
                3
            }
            _ if rest.get(..4).is_some_and(is_beyond) => {
                out.extend_from_slice("\u{fffd}".as_bytes());
                4
            }
            _ => {
                out.push(*byte);
                1
            }
        };
        rest = &rest[length..];
    }
    Cow::Owned(out)
}

/// Bytes of a cell's characters that tmux keeps.
const CELL_BYTES: usize = 21;
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const EMOJI_VARIATION: char = '\u{fe0f}';

/// What the authority makes of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// It joins the character before it.
    Zero,
    /// One column.
    One,
    /// Two columns.
    Two,
    /// It is not printed at all.
    Dropped,
}

impl Width {
    /// Columns of the character alone.
    #[must_use]
    pub const fn columns(self) -> u16 {
        match self {
            Width::Zero | Width::Dropped => 0,
            Width::One => 1,
            Width::Two => 2,
        }
    }
}

/// Which characters share a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Characters of no width join the one before them.
    ZeroWidth,
    /// So does whatever follows a zero width joiner; nothing gets wider (tmux before 3.4).
    Joiner,
    /// So do skin tones and regional indicators behind anything beyond ASCII; they and the emoji variation selector make a
    /// character of one column two columns wide (tmux since 3.4).
    Clusters,
}

/// The widths of all characters, as runs of the same width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widths {
    join: Join,
    /// Where a run begins, and its width; it ends where the next one begins.
    runs: Vec<(u32, Width)>,
    drops: bool,
    /// What is encoded as if Unicode went on behind its last character is printed too, in one column each (by tmux since 3.4 with
    /// some libraries).
    beyond: bool,
}

/// The table of `unicode-width`, by which our emulator counts.
fn ours() -> Vec<(u32, Width)> {
    runs((0..=u32::from(char::MAX)).map(|code| {
        // Surrogates are no characters.
        let width = char::from_u32(code).map_or(Some(1), UnicodeWidthChar::width);
        match width {
            Some(0) | None => Width::Zero,
            Some(1) => Width::One,
            Some(_) => Width::Two,
        }
    }))
}

fn runs(widths: impl Iterator<Item = Width>) -> Vec<(u32, Width)> {
    let mut runs: Vec<(u32, Width)> = Vec::new();
    for (code, width) in (0..).zip(widths) {
        if runs.last().is_none_or(|(_, last)| *last != width) {
            runs.push((code, width));
        }
    }
    runs
}

impl Widths {
    /// The table of our own emulator, and of a tmux that has not been asked yet.
    #[must_use]
    pub fn assumed(dialect: Dialect) -> Arc<Widths> {
        static TABLES: LazyLock<[Arc<Widths>; 3]> = LazyLock::new(|| {
            let runs = ours();
            [Join::ZeroWidth, Join::Joiner, Join::Clusters].map(|join| Arc::new(Widths::new(join, runs.clone())))
        });
        let table = match dialect {
            Dialect::Pty => 0,
            Dialect::Tmux { version } if version < (3, 4) => 1,
            Dialect::Tmux { .. } => 2,
        };
        Arc::clone(&TABLES[table])
    }

    fn new(join: Join, runs: Vec<(u32, Width)>) -> Self {
        let drops = runs.iter().any(|(_, width)| *width == Width::Dropped);
        Widths { join, runs, drops, beyond: false }
    }

    /// The same table with what was measured in place of what was assumed.
    #[must_use]
    pub fn with_measured(&self, measured: &[(char, Width)]) -> Widths {
        let mut all: Vec<Width> = Vec::with_capacity(u32::from(char::MAX) as usize + 1);
        for (at, (start, width)) in self.runs.iter().enumerate() {
            let end = self.runs.get(at + 1).map_or(u32::from(char::MAX) + 1, |next| next.0);
            all.extend((*start..end).map(|_| *width));
        }
        for (character, width) in measured {
            all[*character as usize] = *width;
        }
        Widths { beyond: self.beyond, ..Widths::new(self.join, runs(all.into_iter())) }
    }

    /// The same table of an authority that prints what is [beyond Unicode](is_beyond), or does not.
    #[must_use]
    pub fn with_beyond(self, beyond: bool) -> Widths {
        Widths { beyond, ..self }
    }

    /// Whether what is [beyond Unicode](is_beyond) is printed.
    pub(super) fn prints_beyond(&self) -> bool {
        self.beyond
    }

    /// The width of one character.
    #[must_use]
    pub fn of(&self, character: char) -> Width {
        if matches!(character, ' '..='~') {
            return Width::One;
        }
        let code = u32::from(character);
        let run = self.runs.partition_point(|(start, _)| *start <= code);
        self.runs[run.saturating_sub(1)].1
    }

    /// Whether a zero width joiner is kept until what it joins has come.
    pub(super) fn keeps_joiner(&self) -> bool {
        self.join == Join::Joiner
    }

    /// Whether the authority prints this character.
    pub(super) fn prints(&self, character: char) -> bool {
        !self.drops || self.of(character) != Width::Dropped
    }

    /// The columns of a text without control characters.
    #[must_use]
    pub fn columns(&self, text: &str) -> usize {
        if text.is_ascii() {
            return text.len();
        }
        self.clusters(text).map(|cluster| usize::from(cluster.columns)).sum()
    }

    /// The cells of a text: which characters share one, and how wide it is.
    pub fn clusters<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Cluster<'a>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let mut characters = rest.chars();
            let first = self.of(characters.next()?);
            // A cell has a column, also if what is in it has no width: since 3.4 tmux makes one of what a full cell does not take.
            let lone = self.join == Join::Clusters && first == Width::Zero;
            let mut columns = if lone { 1 } else { first.columns() };
            let mut end = rest.len() - characters.as_str().len();
            for next in characters {
                let Some(wider) = self.joins(&rest[..end], next) else { break };
                columns += u16::from(wider && columns == 1);
                end += next.len_utf8();
            }
            let (text, after) = rest.split_at(end);
            rest = after;
            Some(Cluster { text, columns })
        })
    }

    /// Whether a character joins a cell with this text, and if so, whether it makes it wide.
    fn joins(&self, cell: &str, next: char) -> Option<bool> {
        let zero = self.of(next) == Width::Zero || next == ZERO_WIDTH_JOINER;
        let behind_joiner = cell.ends_with(ZERO_WIDTH_JOINER);
        let after_joiner = behind_joiner && !next.is_ascii();
        match self.join {
            Join::ZeroWidth => zero.then_some(false),
            Join::Joiner => {
                let fits = cell.len() + next.len_utf8() <= CELL_BYTES;
                // tmux keeps no joiner in a cell without what it joins, be that ASCII.
                (fits && (zero || behind_joiner)).then_some(false)
            }
            Join::Clusters => {
                let modifier = is_modifier(next) && cell.len() > 1;
                let fits = cell.len() + next.len_utf8() <= CELL_BYTES;
                let joins = fits && (zero || next == EMOJI_VARIATION || modifier || after_joiner);
                joins.then_some(next == EMOJI_VARIATION || modifier)
            }
        }
    }

    /// The command that gives this table to a browser's emulator.
    #[must_use]
    pub fn command(&self) -> String {
        let mut bytes = Vec::new();
        for (at, (start, width)) in self.runs.iter().enumerate() {
            let end = self.runs.get(at + 1).map_or(u32::from(char::MAX) + 1, |next| next.0);
            let width = match width {
                Width::Zero | Width::Dropped => 0,
                Width::One => 1,
                Width::Two => 2,
            };
            write_number((end - start) << 2 | width, &mut bytes);
        }
        let join = match self.join {
            Join::ZeroWidth => "zero-width",
            Join::Joiner => "joiner",
            Join::Clusters => "clusters",
        };
        let mut command = String::new();
        // Writing to a string does not fail.
        let _ = write!(command, "\x1b]{OSC};{join};{}\x1b\\", BASE64.encode(&bytes));
        command
    }
}

/// Characters that share a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster<'a> {
    /// The characters.
    pub text: &'a str,
    /// The columns that they take.
    pub columns: u16,
}

impl Cluster<'_> {
    /// Whether terminals may disagree about its width.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        let first = self.text.chars().next().and_then(UnicodeWidthChar::width);
        first != Some(usize::from(self.columns)) || !self.text.chars().all(is_settled)
    }
}

/// Whether all terminals count as many columns for a character: those whose tables are of Unicode 5.2 (2009) and those of today.
/// Emoji are not among them, nor are characters of private use and most of no width.
#[must_use]
pub fn is_settled(character: char) -> bool {
    match (character, character.width()) {
        (' '..='~', _) => true,
        (_, Some(1)) => !matches!(character, '\u{ad}' | '\u{e000}'..='\u{f8ff}' | '\u{1f000}'..),
        (_, Some(2)) => matches!(
            character,
            '\u{1100}'..='\u{115f}'
                | '\u{2e80}'..='\u{2ffb}'
                | '\u{3001}'..='\u{303e}'
                | '\u{3041}'..='\u{312d}'
                | '\u{3130}'..='\u{31b7}'
                | '\u{31c0}'..='\u{31e3}'
                | '\u{31f0}'..='\u{32fe}'
                | '\u{3300}'..='\u{4dbf}'
                | '\u{4e00}'..='\u{a4cf}'
                | '\u{ac00}'..='\u{d7a3}'
                | '\u{f900}'..='\u{faff}'
                | '\u{ff01}'..='\u{ff60}'
                | '\u{ffe0}'..='\u{ffe6}'
        ),
        _ => matches!(character, '\u{300}'..='\u{36f}'),
    }
}

/// A skin tone or a regional indicator.
fn is_modifier(character: char) -> bool {
    matches!(character, '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// Seven bits per byte, the lowest first; the highest bit says that more follow.
fn write_number(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tmux(version: (u32, u32)) -> Arc<Widths> {
        Widths::assumed(Dialect::Tmux { version })
    }

    fn cells(widths: &Widths, text: &str) -> Vec<(String, u16)> {
        widths.clusters(text).map(|cluster| (cluster.text.to_owned(), cluster.columns)).collect()
    }

    #[test]
    fn a_joined_emoji_is_as_wide_as_the_authority_says() {
        let coder = "👩\u{200d}💻!";
        assert_eq!(tmux((3, 3)).columns(coder), 3);
        assert_eq!(tmux((3, 5)).columns(coder), 3);
        assert_eq!(tmux((3, 3)).columns("👩\u{200d}x!"), 3);
        assert_eq!(tmux((3, 5)).columns("👩\u{200d}x!"), 4);
        assert_eq!(Widths::assumed(Dialect::Pty).columns(coder), 5);
        assert_eq!(
            cells(&tmux((3, 3)), "a\u{301}❤\u{fe0f}👍🏽"),
            [("a\u{301}".into(), 1), ("❤\u{fe0f}".into(), 1), ("👍".into(), 2), ("🏽".into(), 2)]
        );
        assert_eq!(
            cells(&tmux((3, 5)), "❤\u{fe0f}👍🏽🇩🇪x"),
            [("❤\u{fe0f}".into(), 2), ("👍🏽🇩🇪".into(), 2), ("x".into(), 1)]
        );
    }

    #[test]
    fn what_a_full_cell_does_not_take_has_a_cell_of_its_own() {
        let full = format!("e{}", "\u{200d}".repeat(6));
        let text = format!("{full}\u{200b}x");
        let [newer, older] = [(3, 5), (3, 3)].map(|version| cells(&tmux(version), &text));
        assert_eq!(newer, [(full, 1), ("\u{200b}".into(), 1), ("x".into(), 1)]);
        assert_eq!(older.iter().map(|cell| cell.1).sum::<u16>(), 2);
    }

    #[test]
    fn what_is_measured_replaces_what_was_assumed() {
        let assumed = tmux((3, 3));
        let measured =
            assumed.with_measured(&[('\u{1fae0}', Width::One), ('\u{1fae8}', Width::Dropped), ('é', Width::One)]);
        assert_eq!(
            [measured.of('\u{1fae0}'), measured.of('\u{1fae8}'), measured.of('\u{1fae1}')],
            [Width::One, Width::Dropped, Width::Two]
        );
        assert_eq!(measured.with_measured(&[('\u{1fae0}', Width::Two), ('\u{1fae8}', Width::Two)]), *assumed);
    }

    #[test]
    fn a_table_is_short() {
        let command = tmux((3, 3)).command();
        assert!(command.starts_with("\x1b]7117;joiner;") && command.len() < 4 << 10, "{} bytes", command.len());
    }

    #[test]
    fn clusters_whose_width_terminals_disagree_about_are_doubtful() {
        let doubtful = |text: &str| tmux((3, 3)).clusters(text).next().is_some_and(|cluster| cluster.is_doubtful());
        let all = ["👩\u{200d}💻", "❤\u{fe0f}", "🇩", "👩", "\u{1fae8}", "\u{2614}", "\u{e0b0}", "क\u{94d}", "\u{200b}"];
        assert_eq!(all.into_iter().find(|text| !doubtful(text)), None);
        assert_eq!(["a", "é", "日", "한", "！", "─", "e\u{301}"].into_iter().find(|text| doubtful(text)), None);
    }
}
