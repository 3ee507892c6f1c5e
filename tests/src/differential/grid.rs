//! What a terminal shows, as data, and how two of them differ.

use super::Compared;
use serde_json::Value;
use std::fmt::Write;

/// Colours and attributes of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pen {
    /// Foreground: empty (default), a number of the palette, or `#rrggbb`.
    pub foreground: String,
    /// Background, likewise.
    pub background: String,
    /// One letter per attribute: bold, dim, italic, underlined, k (blinking), v (inverse), hidden, struck, overlined.
    pub attributes: String,
}

/// One cell; the second column of a wide character is a cell of width 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The character and what combines with it.
    pub text: String,
    /// Columns.
    pub width: u8,
    /// How it looks.
    pub pen: Pen,
}

impl Cell {
    /// An empty cell.
    #[must_use]
    pub fn blank() -> Self {
        Cell { text: " ".into(), width: 1, pen: Pen::default() }
    }
}

/// A screen with its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Columns and rows.
    pub size: (u16, u16),
    /// Column (one past the last: a wrap is pending) and row.
    pub cursor: (u16, u16),
    /// Rows that have left the normal screen, oldest first.
    pub history: Vec<Vec<Cell>>,
    /// There are older rows, of which nothing is known.
    pub older: bool,
    /// The rows that are shown.
    pub screen: Vec<Vec<Cell>>,
    /// The normal screen while the alternate one is shown.
    pub normal: Option<Vec<Vec<Cell>>>,
}

impl Grid {
    /// From what `cells.mjs` gives.
    ///
    /// # Panics
    /// If it is something else.
    #[must_use]
    pub fn parse(value: &Value) -> Self {
        let number = |value: &Value| u16::try_from(value.as_u64().expect("a number")).expect("a small one");
        let rows = |value: &Value| value.as_array().expect("rows").iter().map(row).collect::<Vec<_>>();
        Grid {
            size: (number(&value["cols"]), number(&value["rows"])),
            cursor: (number(&value["cursor"][0]), number(&value["cursor"][1])),
            history: rows(&value["history"]),
            older: false,
            screen: rows(&value["screen"]),
            normal: value["normal"].is_array().then(|| rows(&value["normal"])),
        }
    }

    /// The terminal has lost its cursor: it says that it is outside of the screen (tmux 3.3 does, after some reflows).
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.cursor.0 > self.size.0 || self.cursor.1 >= self.size.1
    }

    /// The parts in which `shown` differs from this, each with its first difference.
    #[must_use]
    pub fn differences(&self, shown: &Grid, compared: Compared) -> Vec<(Part, String)> {
        if self.size != shown.size {
            return vec![(Part::Size, format!("size: {:?}, shown {:?}", self.size, shown.size))];
        }
        let screen = rows_differ("screen", &self.screen, &shown.screen, compared);
        let cursor =
            (self.cursor != shown.cursor).then(|| format!("cursor: {:?}, shown {:?}", self.cursor, shown.cursor));
        let normal = match (&self.normal, &shown.normal) {
            (None, None) => None,
            (Some(own), Some(shown)) => rows_differ("normal screen", own, shown, compared),
            (own, _) => {
                let shows = if own.is_some() { "alternate" } else { "normal" };
                return vec![(Part::Which, format!("the {shows} screen is not shown"))];
            }
        };
        let unknown = if self.older { shown.history.len().saturating_sub(self.history.len()) } else { 0 };
        let history = rows_differ("history", &self.history, &shown.history[unknown..], compared);
        let parts = [(Part::Screen, screen), (Part::Cursor, cursor), (Part::Normal, normal), (Part::History, history)];
        parts.into_iter().filter_map(|(part, what)| Some((part, what?))).collect()
    }

    /// The first of [`differences`](Self::differences).
    #[must_use]
    pub fn difference(&self, shown: &Grid, compared: Compared) -> Option<String> {
        self.differences(shown, compared).into_iter().next().map(|(_, what)| what)
    }
}

/// What of a screen differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Columns and rows.
    Size,
    /// Which of the two screens is shown.
    Which,
    /// The rows that are shown.
    Screen,
    /// Where the cursor is.
    Cursor,
    /// The normal screen behind the alternate one.
    Normal,
    /// Rows that have left the normal screen.
    History,
}

fn row(value: &Value) -> Vec<Cell> {
    value.as_array().expect("cells").iter().map(cell).collect()
}

fn cell(value: &Value) -> Cell {
    let mut pen = value[2].as_str().expect("a pen").split('|').map(str::to_owned);
    let pen = Pen {
        foreground: pen.next().unwrap_or_default(),
        background: pen.next().unwrap_or_default(),
        attributes: pen.next().unwrap_or_default(),
    };
    let width = value[1].as_u64().and_then(|width| u8::try_from(width).ok()).expect("a width");
    Cell { text: value[0].as_str().expect("text").into(), width, pen }
}

fn rows_differ(name: &str, own: &[Vec<Cell>], shown: &[Vec<Cell>], compared: Compared) -> Option<String> {
    rows_differ_but(name, own, shown, compared, &|_, _| false)
}

/// The first difference of rows, without those that are allowed.
pub(super) fn rows_differ_but(
    name: &str,
    own: &[Vec<Cell>],
    shown: &[Vec<Cell>],
    compared: Compared,
    allowed: &dyn Fn(&Cell, &Cell) -> bool,
) -> Option<String> {
    let blank = Cell::blank();
    for number in 0..own.len().max(shown.len()) {
        let (Some(one), Some(other)) = (own.get(number), shown.get(number)) else {
            return Some(format!(
                "{name}: {} rows, shown {}; row {number}: {:?}",
                own.len(),
                shown.len(),
                text(own.get(number).or(shown.get(number)).map_or(&[], Vec::as_slice))
            ));
        };
        let characters = |row: &[Cell]| if compared.columns { row.to_vec() } else { characters(row) };
        let (one, other) = (&characters(one), &characters(other));
        for column in 0..one.len().max(other.len()) {
            let (a, b) = (one.get(column).unwrap_or(&blank), other.get(column).unwrap_or(&blank));
            let beyond = column >= one.len() && !compared.trailing_background;
            if allowed(a, b) {
                continue;
            }
            if let Some(what) = cells_differ(a, b, beyond, compared.attributes) {
                let (one, other) = (text(one), text(other));
                return Some(format!("{name} row {number} column {column}: {what}; row {one:?}, shown {other:?}"));
            }
        }
    }
    None
}

/// Each character as a cell of its own, without those of which nothing is seen: where tmux keeps others, viewers get these.
fn characters(row: &[Cell]) -> Vec<Cell> {
    let of = |cell: &Cell| {
        let pen = cell.pen.clone();
        let seen = cell.text.chars().filter(|character| !matches!(character, '\u{2060}' | '\u{34f}'));
        seen.map(|text| Cell { text: text.into(), width: 1, pen: pen.clone() }).collect::<Vec<_>>()
    };
    row.iter().flat_map(of).collect()
}

/// `beyond`: the authority says nothing of this cell but that it has no text.
fn cells_differ(one: &Cell, other: &Cell, beyond: bool, attributes: &str) -> Option<String> {
    let mut what = String::new();
    if (&one.text, one.width) != (&other.text, other.width) {
        let _ = write!(what, "{:?} of width {}, shown {:?} of width {}", one.text, one.width, other.text, other.width);
        return Some(what);
    }
    if one.width == 0 || beyond {
        return None;
    }
    let known = |pen: &Pen| pen.attributes.chars().filter(|letter| attributes.contains(*letter)).collect::<String>();
    let pen = |pen: &Pen| (pen.foreground.clone(), pen.background.clone(), known(pen));
    let (a, b) = (pen(&one.pen), pen(&other.pen));
    // Nothing of a blank's foreground is seen unless it is inverse or underlined.
    let plain = |pen: &(String, String, String)| !pen.2.contains(['u', 'v', 's', 'o']);
    let same = if one.text == " " && plain(&a) && plain(&b) { a.1 == b.1 } else { a == b };
    (!same).then(|| format!("{:?} is {a:?}, shown {b:?}", one.text))
}

fn text(row: &[Cell]) -> String {
    row.iter().filter(|cell| cell.width > 0).map(|cell| cell.text.as_str()).collect()
}
