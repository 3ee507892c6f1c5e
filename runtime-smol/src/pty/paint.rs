//! Turns rows of cells into the bytes that print them.

use alacritty_terminal::grid::Row;
use alacritty_terminal::term::cell::{Cell, CellExtra, Flags, Hyperlink};
use alacritty_terminal::vte::ansi::{Color, NamedColor};
use std::io::Write as _;
use std::sync::Arc;

const DEFAULT_FG: Color = Color::Named(NamedColor::Foreground);
const DEFAULT_BG: Color = Color::Named(NamedColor::Background);

/// The flags that SGR sets.
const STYLE: Flags = Flags::BOLD
    .union(Flags::DIM)
    .union(Flags::ITALIC)
    .union(Flags::ALL_UNDERLINES)
    .union(Flags::INVERSE)
    .union(Flags::HIDDEN)
    .union(Flags::STRIKEOUT);

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

#[derive(Debug)]
enum Wrap {
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

    /// A painter of lines that will be wrapped at a width which is not known yet.
    pub(super) fn unwrapped() -> Self {
        Painter { unwrapped: true, ..Painter::default() }
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
        self.wrapping = None;
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
        let end = if wraps { cells.len() } else { painted_length(cells) };
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
        for (at, cell) in cells.iter().enumerate() {
            if cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
                if at > 0 && cells[at - 1].flags.contains(Flags::WIDE_CHAR) {
                    continue;
                }
                // Half of a wide character whose other half was overwritten.
                self.pen_for(cell);
                self.raw(b" ");
                continue;
            }
            let halved = cell.flags.contains(Flags::WIDE_CHAR)
                && cells.get(at + 1).is_none_or(|next| !next.flags.contains(Flags::WIDE_CHAR_SPACER));
            self.pen_for(cell);
            if halved {
                self.raw(b" ");
            } else {
                self.character(cell);
            }
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
                Some(link) => {
                    // Writing to a vector does not fail.
                    let _ = write!(self.out, "\x1b]8;id={};{}\x1b\\", link.id(), link.uri());
                }
                None => self.raw(b"\x1b]8;;\x1b\\"),
            }
        }
        let link_aside = |pen: &Pen| (pen.fg, pen.bg, pen.style, pen.underline);
        if link_aside(&self.pen) != link_aside(pen) {
            self.sgr(pen);
        }
        self.pen = pen.clone();
    }

    /// All attributes anew: shorter than differences in most cases, and never wrong.
    fn sgr(&mut self, pen: &Pen) {
        self.raw(b"\x1b[");
        let start = self.out.len();
        self.raw(b"0");
        for (flag, code) in [
            (Flags::BOLD, &b";1"[..]),
            (Flags::DIM, b";2"),
            (Flags::ITALIC, b";3"),
            (Flags::UNDERLINE, b";4"),
            (Flags::DOUBLE_UNDERLINE, b";4:2"),
            (Flags::UNDERCURL, b";4:3"),
            (Flags::DOTTED_UNDERLINE, b";4:4"),
            (Flags::DASHED_UNDERLINE, b";4:5"),
            (Flags::INVERSE, b";7"),
            (Flags::HIDDEN, b";8"),
            (Flags::STRIKEOUT, b";9"),
        ] {
            if pen.style.contains(flag) {
                self.raw(code);
            }
        }
        self.colour(pen.fg, 30);
        self.colour(pen.bg, 40);
        match pen.underline {
            Some(Color::Spec(rgb)) => {
                let _ = write!(self.out, ";58:2::{}:{}:{}", rgb.r, rgb.g, rgb.b);
            }
            Some(Color::Indexed(index)) => {
                let _ = write!(self.out, ";58:5:{index}");
            }
            Some(Color::Named(_)) | None => {}
        }
        if self.out.len() == start + 1 {
            self.out.truncate(start);
        }
        self.raw(b"m");
    }

    fn colour(&mut self, colour: Color, base: u8) {
        // Writing to a vector does not fail.
        let _ = match colour {
            Color::Named(name) => match name as usize {
                index @ 0..8 => write!(self.out, ";{}", usize::from(base) + index),
                index @ 8..16 => write!(self.out, ";{}", usize::from(base) + 52 + index),
                _ => Ok(()),
            },
            Color::Indexed(index) => write!(self.out, ";{};5;{index}", base + 8),
            Color::Spec(rgb) => write!(self.out, ";{};2;{};{};{}", base + 8, rgb.r, rgb.g, rgb.b),
        };
    }
}

/// A cell as erasing leaves it: nothing to see but its background.
fn blank(cell: &Cell) -> bool {
    matches!(cell.c, ' ' | '\t') && cell.fg == DEFAULT_FG && cell.extra.is_none() && !cell.flags.intersects(STYLE | Flags::WIDE_CHAR_SPACER)
}

/// Columns up to the last one that is not blank.
fn painted_length(cells: &[Cell]) -> usize {
    // A background that changes within the blank rest is painted as spaces, except for the last stretch.
    let visible = cells.iter().rposition(|cell| !blank(cell)).map_or(0, |at| at + 1);
    let last = cells[cells.len() - 1].bg;
    let coloured = cells[visible..].iter().rposition(|cell| cell.bg != last).map_or(0, |at| visible + at + 1);
    visible.max(coloured)
}
