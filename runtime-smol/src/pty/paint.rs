//! Turns rows of cells into the bytes that print them.

use crate::dialect::widths::is_settled;
use alacritty_terminal::grid::Row;
use alacritty_terminal::term::cell::{Cell, CellExtra, Flags, Hyperlink};
use alacritty_terminal::vte::ansi::{Color, NamedColor};
use std::sync::Arc;

const DEFAULT_FG: Color = Color::Named(NamedColor::Foreground);
pub(super) const DEFAULT_BG: Color = Color::Named(NamedColor::Background);

/// The flags that SGR sets.
const STYLE: Flags = Flags::BOLD
    .union(Flags::DIM)
    .union(Flags::ITALIC)
    .union(Flags::ALL_UNDERLINES)
    .union(Flags::INVERSE)
    .union(Flags::HIDDEN)
    .union(Flags::STRIKEOUT)
    .union(BLINK);

/// Blinking text, for which the grid's cells have no flag of their own: the one bit that they leave free.
pub(super) const BLINK: Flags = Flags::from_bits_retain(1 << 15);

const STYLE_CODES: [(Flags, &[u8]); 12] = [
    (Flags::BOLD, b";1"),
    (Flags::DIM, b";2"),
    (Flags::ITALIC, b";3"),
    (Flags::UNDERLINE, b";4"),
    (Flags::DOUBLE_UNDERLINE, b";4:2"),
    (Flags::UNDERCURL, b";4:3"),
    (Flags::DOTTED_UNDERLINE, b";4:4"),
    (Flags::DASHED_UNDERLINE, b";4:5"),
    (BLINK, b";5"),
    (Flags::INVERSE, b";7"),
    (Flags::HIDDEN, b";8"),
    (Flags::STRIKEOUT, b";9"),
];

/// The flags of cells that are not just what their character is.
const SPECIAL: Flags = Flags::WIDE_CHAR.union(Flags::WIDE_CHAR_SPACER);

/// How the next character will look.
#[derive(Clone, Debug, PartialEq)]
struct Pen {
    fg: Color,
    bg: Color,
    style: Flags,
    underline: Option<Color>,
    link: Option<Hyperlink>,
}

impl Default for Pen {
    fn default() -> Self {
        Pen { fg: DEFAULT_FG, bg: DEFAULT_BG, style: Flags::empty(), underline: None, link: None }
    }
}

impl Pen {
    fn of(cell: &Cell) -> Self {
        Pen {
            fg: cell.fg,
            bg: cell.bg,
            style: cell.flags & STYLE,
            underline: cell.underline_color(),
            link: cell.hyperlink(),
        }
    }
}

/// Writes rows, changing the attributes only where they change. Begins with default attributes at the beginning of a line.
#[derive(Debug, Default)]
pub(super) struct Painter {
    out: Vec<u8>,
    pen: Pen,
    /// The extra of the last cell, to see quickly that the next one has the same.
    extra: Option<Arc<CellExtra>>,
    /// The row above goes on in the next one: the first character there is to be printed where it wraps by itself.
    wrapping: Option<Wrap>,
    /// For another width than that of the rows: lines wrap where they happen to.
    unwrapped: bool,
    /// A line was wrapped while the background was coloured: the rest of its last row may have got that colour.
    smeared: bool,
    /// Text only: for a screen so colourful that its attributes would not fit.
    plain: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Wrap {
    /// The row above is full.
    Full,
    /// A wide character did not fit into the last column of the row above: this cell stands there, not yet painted.
    WideBelow(Cell),
}

impl Painter {
    /// A painter that leaves out all attributes.
    pub(super) fn plain() -> Self {
        Painter { plain: true, ..Painter::default() }
    }

    /// A painter of lines that will be wrapped at a width which is not known yet; `continued` if the first one has begun.
    pub(super) fn unwrapped(continued: Option<Wrap>) -> Self {
        // What was painted before may have smeared.
        Painter { unwrapped: true, smeared: continued.is_some(), wrapping: continued, ..Painter::default() }
    }

    /// The same painter for rows whose first continues a line that was printed before.
    pub(super) fn continuing(self, line: Option<Wrap>) -> Self {
        Painter { wrapping: line, ..self }
    }

    /// How the line goes on in the next row, if it does. Until that is painted, attributes are the default ones.
    pub(super) fn pause(&mut self) -> Option<Wrap> {
        self.reset_pen();
        self.wrapping.take()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.out
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Forgets the bytes, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.out.clear();
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Ends a line that does not go on: back to default attributes.
    pub(super) fn end_line(&mut self) {
        if let Some(Wrap::WideBelow(spacer)) = self.wrapping.take() {
            // The wide character that did not fit is not below any more.
            self.cell(&spacer);
        }
        self.reset_pen();
        if std::mem::take(&mut self.smeared) {
            self.raw(b"\x1b[K");
        }
    }

    /// Paints a row from its first column on; returns whether the line goes on in the next row.
    pub(super) fn row(&mut self, row: &Row<Cell>) -> bool {
        let cells = &row[..];
        let last = &cells[cells.len() - 1];
        let wraps = last.flags.contains(Flags::WRAPLINE);
        let mut end = if wraps { cells.len() } else { painted_length(cells) };
        if self.unwrapped && self.wrapping.is_some() && last.bg != DEFAULT_BG {
            // Only a character takes the line to this row; erasing would not.
            end = end.max(1);
        }
        if let Some(wrap) = self.wrapping.take() {
            self.wrap(&wrap, cells.first().filter(|_| end > 0));
        }
        let leading = wraps && last.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER);
        self.cells(&cells[..if leading { end - 1 } else { end }]);
        if wraps {
            self.wrapping = Some(if leading { Wrap::WideBelow(last.clone()) } else { Wrap::Full });
        } else if end < cells.len() && last.bg != DEFAULT_BG && !self.plain {
            self.coloured_tail(cells, end);
            self.smeared = false;
        }
        wraps
    }

    /// Makes sure that the cursor wraps into the next row, and that the new row is not filled with a colour when it scrolls in.
    fn wrap(&mut self, wrap: &Wrap, first: Option<&Cell>) {
        let by_itself = first.is_some_and(|cell| {
            let fits = match wrap {
                Wrap::Full => true,
                Wrap::WideBelow(spacer) => cell.flags.contains(Flags::WIDE_CHAR) && Pen::of(cell) == Pen::of(spacer),
            };
            fits && cell.bg == DEFAULT_BG
        });
        if self.unwrapped {
            self.smeared |= !by_itself;
            return;
        }
        if by_itself {
            return;
        }
        if let Wrap::WideBelow(spacer) = wrap {
            self.cell(spacer);
        }
        self.reset_pen();
        self.raw(b" \x08");
    }

    /// The blank rest of a row whose background is coloured: in stretches of one colour.
    fn coloured_tail(&mut self, cells: &[Cell], from: usize) {
        let mut at = from;
        while at < cells.len() {
            let bg = cells[at].bg;
            let same = cells[at..].iter().take_while(|cell| cell.bg == bg).count();
            self.set_pen(&Pen { bg, ..Pen::default() });
            if at + same == cells.len() {
                self.raw(b"\x1b[K");
            } else {
                self.out.resize(self.out.len() + same, b' ');
            }
            at += same;
        }
    }

    fn cells(&mut self, cells: &[Cell]) {
        self.out.reserve(cells.len());
        let mut at = 0;
        while let Some(cell) = cells.get(at) {
            self.pen_for(cell);
            let run = cells[at..].iter().take_while(|next| is_plain(next) && same_look(next, cell)).count();
            self.out.extend(cells[at..at + run].iter().map(|cell| cell.c as u8));
            at += run;
            if run == 0 {
                self.special(cells, at);
                at += 1;
            }
        }
    }

    /// Paints a cell that is not just a character of one byte; the attributes are taken up.
    fn special(&mut self, cells: &[Cell], at: usize) {
        let flags = |at: usize| cells.get(at).map_or(Flags::empty(), |cell| cell.flags);
        let spacer_of_wide = at > 0 && flags(at - 1).contains(Flags::WIDE_CHAR);
        match cells[at].flags {
            own if own.contains(Flags::WIDE_CHAR_SPACER) && spacer_of_wide => {}
            // Half of a wide character whose other half was overwritten.
            own if own.contains(Flags::WIDE_CHAR_SPACER) => self.raw(b" "),
            own if own.contains(Flags::WIDE_CHAR) && !flags(at + 1).contains(Flags::WIDE_CHAR_SPACER) => self.raw(b" "),
            own => {
                self.character(&cells[at]);
                let end = at + if own.contains(Flags::WIDE_CHAR) { 2 } else { 1 };
                self.place_behind(&cells[at], end, cells.len());
            }
        }
    }

    /// Terminals disagree about the width of emoji and others, so what follows one is put where it is. Rows whose lines will be
    /// wrapped elsewhere have no columns yet.
    fn place_behind(&mut self, cell: &Cell, end: usize, columns: usize) {
        let settled = is_settled(cell.c) && cell.zerowidth().into_iter().flatten().copied().all(is_settled);
        if !settled && end < columns && !self.unwrapped && !self.plain {
            self.raw(format!("\x1b[{}G", end + 1).as_bytes());
        }
    }

    /// Paints one cell with its own attributes.
    pub(super) fn cell(&mut self, cell: &Cell) {
        self.pen_for(cell);
        self.character(cell);
    }

    fn character(&mut self, cell: &Cell) {
        match cell.c {
            ' '..='~' => self.out.push(cell.c as u8),
            control if control.is_control() => self.out.push(b' '),
            other => self.push_char(other),
        }
        if self.plain {
            return;
        }
        for combining in cell.zerowidth().into_iter().flatten() {
            self.push_char(*combining);
        }
    }

    fn push_char(&mut self, character: char) {
        self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Takes up the attributes of a cell (or of a cursor's template).
    pub(super) fn pen_for(&mut self, cell: &Cell) {
        let same_extra = match (&self.extra, &cell.extra) {
            (None, None) => true,
            (Some(had), Some(has)) => Arc::ptr_eq(had, has),
            _ => false,
        };
        let style = cell.flags & STYLE;
        if self.plain || (same_extra && cell.fg == self.pen.fg && cell.bg == self.pen.bg && style == self.pen.style) {
            return;
        }
        self.set_pen(&Pen::of(cell));
        self.extra.clone_from(&cell.extra);
    }

    /// Back to default attributes and no link.
    pub(super) fn reset_pen(&mut self) {
        self.set_pen(&Pen::default());
    }

    fn set_pen(&mut self, pen: &Pen) {
        if self.plain {
            return;
        }
        self.extra = None;
        if self.pen.link != pen.link {
            match &pen.link {
                Some(link) => self.raw(format!("\x1b]8;id={};{}\x1b\\", link.id(), link.uri()).as_bytes()),
                None => self.raw(b"\x1b]8;;\x1b\\"),
            }
        }
        let plain = pen.fg == DEFAULT_FG && pen.bg == DEFAULT_BG && pen.style.is_empty() && pen.underline.is_none();
        let link_aside = |pen: &Pen| (pen.fg, pen.bg, pen.style, pen.underline);
        if link_aside(&self.pen) != link_aside(pen) {
            if plain { self.raw(b"\x1b[m") } else { self.sgr(pen) }
        }
        self.pen = pen.clone();
    }

    /// All attributes anew: shorter than differences in most cases, and never wrong.
    fn sgr(&mut self, pen: &Pen) {
        self.raw(b"\x1b[");
        self.raw(b"0");
        for (flag, code) in if pen.style.is_empty() { &[][..] } else { &STYLE_CODES[..] } {
            if pen.style.contains(*flag) {
                self.raw(code);
            }
        }
        self.colour(pen.fg, 30);
        self.colour(pen.bg, 40);
        match pen.underline {
            Some(Color::Spec(rgb)) => self.raw(format!(";58:2::{}:{}:{}", rgb.r, rgb.g, rgb.b).as_bytes()),
            Some(Color::Indexed(index)) => self.raw(format!(";58:5:{index}").as_bytes()),
            Some(Color::Named(_)) | None => {}
        }
        self.raw(b"m");
    }

    fn colour(&mut self, colour: Color, base: u8) {
        match colour {
            Color::Named(name) => match name as usize {
                index @ 0..8 => self.parameters(&[base + index as u8]),
                index @ 8..16 => self.parameters(&[base + 52 + index as u8]),
                _ => {}
            },
            Color::Indexed(index) => self.parameters(&[base + 8, 5, index]),
            Color::Spec(rgb) => self.parameters(&[base + 8, 2, rgb.r, rgb.g, rgb.b]),
        }
    }

    fn parameters(&mut self, numbers: &[u8]) {
        for number in numbers {
            self.out.push(b';');
            if *number >= 100 {
                self.out.push(b'0' + number / 100);
            }
            if *number >= 10 {
                self.out.push(b'0' + number / 10 % 10);
            }
            self.out.push(b'0' + number % 10);
        }
    }
}

/// A character of one byte and nothing else.
fn is_plain(cell: &Cell) -> bool {
    matches!(cell.c, ' '..='~') && cell.extra.is_none()
}

fn same_look(one: &Cell, other: &Cell) -> bool {
    one.fg == other.fg
        && one.bg == other.bg
        && one.flags == other.flags
        && other.extra.is_none()
        && !one.flags.intersects(SPECIAL)
}

/// A cell as erasing leaves it: nothing to see but its background.
fn blank(cell: &Cell) -> bool {
    matches!(cell.c, ' ' | '\t')
        && cell.fg == DEFAULT_FG
        && cell.extra.is_none()
        && !cell.flags.intersects(STYLE | Flags::WIDE_CHAR_SPACER)
}

/// Columns up to the last one that is not blank.
fn painted_length(cells: &[Cell]) -> usize {
    // A background that changes within the blank rest is painted as spaces, except for the last stretch.
    let visible = cells.iter().rposition(|cell| !blank(cell)).map_or(0, |at| at + 1);
    let last = cells[cells.len() - 1].bg;
    let coloured = cells[visible..].iter().rposition(|cell| cell.bg != last).map_or(0, |at| visible + at + 1);
    visible.max(coloured)
}
