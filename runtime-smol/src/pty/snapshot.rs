//! A snapshot: the bytes that bring a terminal emulator, reset to the same size, to the same state.
//!
//! Order matters: text first, at default modes; then what moves the cursor; then the cursor; then what changes how the next
//! bytes act. Whatever the stream has begun and not finished comes last.

use super::history::History;
use super::paint::Painter;
use super::screen::{Screen, default_tab_stops};
use super::screens::SavedModes;
use crate::dialect::Dialect;
use crate::dialect::widths::Widths;
use alacritty_terminal::grid::{Cursor, Dimensions, Grid, Row};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{CharsetIndex, CursorShape, NamedColor, StandardCharset};
use consort_core::limits::SNAPSHOT_BYTES;
use std::io::Write as _;

/// Bytes kept free for modes, title, tab stops and palette.
const MODES_BYTES: usize = 64 << 10;

/// See [`Emulator::snapshot`](super::Emulator::snapshot).
pub(super) fn take(screen: &mut Screen, history: &History, unfinished: &[u8], history_lines: usize) -> Vec<u8> {
    let alternate = screen.alternate().then(|| screen.term().grid().clone());
    let room = SNAPSHOT_BYTES - MODES_BYTES - unfinished.len();
    let above = screen.on_primary(|screen| screen.rows_above());
    // With all rows of the grid, its first one may continue the history's last line.
    let continued = if history_lines > above { history.open().cloned() } else { None };
    let painter = Painter::default().continuing(continued);
    let mut body = screen.on_primary(|screen| paint_screens(screen, alternate.as_ref(), history_lines, painter));
    let mut older = history_lines.saturating_sub(above);
    if body.len() > room {
        body = screen.on_primary(|screen| paint_screens(screen, alternate.as_ref(), 0, Painter::plain()));
        older = 0;
    }
    let mut head = Widths::assumed(Dialect::Pty).command();
    screen.keyboard().write_main(&mut head);
    let mut bytes = head.into_bytes();
    bytes.append(&mut history.youngest(older, room.saturating_sub(body.len())).concat());
    bytes.append(&mut body);
    modes(screen, &mut bytes);
    bytes.extend_from_slice(unfinished);
    debug_assert!(bytes.len() <= SNAPSHOT_BYTES, "a snapshot keeps its bound");
    bytes
}

/// Both screens: the normal one with the rows above it, and, if it is showing, the alternate one.
fn paint_screens(
    screen: &Screen,
    alternate: Option<&Grid<Cell>>,
    history_lines: usize,
    mut painter: Painter,
) -> Vec<u8> {
    let grid = screen.term().grid();
    let above = grid.history_size().min(history_lines);
    paint_rows(&mut painter, grid, above);
    if let Some(alternate) = alternate {
        // The cursor that the program may restore when it leaves the alternate screen is saved by entering it.
        saved_cursor(&mut painter, grid, screen.saved_modes(false), b"\x1b[?1049h");
        painter.raw(b"\x1b[2J\x1b[H");
        paint_rows(&mut painter, alternate, 0);
        saved_cursor(&mut painter, alternate, screen.saved_modes(true), b"\x1b7");
    } else {
        saved_cursor(&mut painter, grid, screen.saved_modes(false), b"\x1b7");
    }
    painter.into_bytes()
}

fn paint_rows(painter: &mut Painter, grid: &Grid<Cell>, above: usize) {
    let (top, bottom) = (-line_number(above), line_number(grid.screen_lines()));
    for line in top..bottom {
        let wraps = painter.row(&grid[Line(line)]);
        if !wraps || line + 1 == bottom {
            painter.end_line();
            if line + 1 < bottom {
                painter.raw(b"\r\n");
            }
        }
    }
}

fn line_number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Moves the cursor to where `cursor` is on the screen; `top` is the row that addresses are relative to. A cursor that waits
/// beyond the last column gets there as it did: by the character in that column.
fn place(painter: &mut Painter, grid: &Grid<Cell>, cursor: &Cursor<Cell>, top: usize) {
    let point = cursor.point;
    let row = &grid[point.line];
    let mut column = point.column.0;
    let wide = column > 0 && row[point.column].flags.contains(Flags::WIDE_CHAR_SPACER);
    if cursor.input_needs_wrap && wide {
        column -= 1;
    }
    let line = usize::try_from(point.line.0).unwrap_or(0).saturating_sub(top);
    painter.raw(format!("\x1b[{};{}H", line + 1, column + 1).as_bytes());
    if cursor.input_needs_wrap {
        painter.cell(&row[Column(column)]);
        painter.reset_pen();
    }
}

const CHARSETS: [(CharsetIndex, u8); 4] =
    [(CharsetIndex::G0, b'('), (CharsetIndex::G1, b')'), (CharsetIndex::G2, b'*'), (CharsetIndex::G3, b'+')];

fn charsets(painter: &mut Painter, cursor: &Cursor<Cell>) {
    for (index, designator) in CHARSETS {
        if cursor.charsets[index] == StandardCharset::SpecialCharacterAndLineDrawing {
            painter.raw(&[0x1b, designator, b'0']);
        }
    }
}

fn active_charset(painter: &mut Painter, index: CharsetIndex) {
    if index == CharsetIndex::G1 {
        painter.raw(b"\x0e");
    }
}

/// Takes back what [`charsets`] did.
fn ascii(painter: &mut Painter, cursor: &Cursor<Cell>) {
    for (index, designator) in CHARSETS {
        if cursor.charsets[index] != StandardCharset::Ascii {
            painter.raw(&[0x1b, designator, b'B']);
        }
    }
}

/// Puts the cursor to where one was saved, as it was, and saves it by `keep`. Margins are as at the beginning.
fn saved_cursor(painter: &mut Painter, grid: &Grid<Cell>, modes: SavedModes, keep: &[u8]) {
    let saved = &grid.saved_cursor;
    if *saved == Cursor::default() && modes == SavedModes::default() && keep == b"\x1b7" {
        return;
    }
    if modes.origin {
        painter.raw(b"\x1b[?6h");
    }
    place(painter, grid, saved, 0);
    charsets(painter, saved);
    active_charset(painter, modes.charset);
    painter.pen_for(&saved.template);
    painter.raw(keep);
    painter.reset_pen();
    ascii(painter, saved);
    if modes.charset != CharsetIndex::G0 {
        painter.raw(b"\x0f");
    }
    if modes.origin {
        painter.raw(b"\x1b[?6l");
    }
}

/// Everything but text: on the screen that is showing.
fn modes(screen: &Screen, bytes: &mut Vec<u8>) {
    let mut painter = Painter::default();
    let (term, shadow) = (screen.term(), &screen.shadow);
    let (grid, mode) = (term.grid(), *term.mode());
    tab_stops(&mut painter, &shadow.tab_stops);
    palette(&mut painter, screen);
    let region = &shadow.scroll_region;
    if *region != (0..grid.screen_lines()) {
        painter.raw(format!("\x1b[{};{}r", region.start + 1, region.end).as_bytes());
    }
    let (on, off) = private_modes(mode);
    for number in on.into_iter().chain(shadow.extra_modes.iter().copied()) {
        painter.raw(format!("\x1b[?{number}h").as_bytes());
    }
    for number in off {
        painter.raw(format!("\x1b[?{number}l").as_bytes());
    }
    if mode.contains(TermMode::APP_KEYPAD) {
        painter.raw(b"\x1b=");
    }
    if shadow.cursor_styled {
        let style = term.cursor_style();
        let steady = match style.shape {
            CursorShape::Underline => 4,
            CursorShape::Beam => 6,
            CursorShape::Block | CursorShape::HollowBlock | CursorShape::Hidden => 2,
        };
        painter.raw(format!("\x1b[{} q", steady - u8::from(style.blinking)).as_bytes());
    }
    if let Some(title) = &shadow.title {
        painter.raw(format!("\x1b]2;{title}\x1b\\").as_bytes());
    }
    place(&mut painter, grid, &grid.cursor, if mode.contains(TermMode::ORIGIN) { region.start } else { 0 });
    if mode.contains(TermMode::INSERT) {
        painter.raw(b"\x1b[4h");
    }
    charsets(&mut painter, &grid.cursor);
    active_charset(&mut painter, shadow.charset);
    painter.pen_for(&grid.cursor.template);
    let mut keyboard = String::new();
    shadow.keyboard.write_rest(&mut keyboard);
    painter.raw(keyboard.as_bytes());
    bytes.append(&mut painter.into_bytes());
}

/// Private modes to set and to reset, in this order; all others have their default.
fn private_modes(mode: TermMode) -> (Vec<u16>, Vec<u16>) {
    let on = [
        (TermMode::APP_CURSOR, 1),
        (TermMode::ORIGIN, 6),
        (TermMode::MOUSE_REPORT_CLICK, 1000),
        (TermMode::MOUSE_DRAG, 1002),
        (TermMode::MOUSE_MOTION, 1003),
        (TermMode::FOCUS_IN_OUT, 1004),
        (TermMode::UTF8_MOUSE, 1005),
        (TermMode::SGR_MOUSE, 1006),
        (TermMode::BRACKETED_PASTE, 2004),
    ];
    let off = [
        (TermMode::LINE_WRAP, 7),
        (TermMode::SHOW_CURSOR, 25),
        (TermMode::ALTERNATE_SCROLL, 1007),
        (TermMode::URGENCY_HINTS, 1042),
    ];
    let chosen = |modes: &[(TermMode, u16)], set: bool| {
        modes.iter().filter(|(flag, _)| mode.contains(*flag) == set).map(|(_, number)| *number).collect()
    };
    (chosen(&on, true), chosen(&off, false))
}

fn tab_stops(painter: &mut Painter, stops: &[bool]) {
    if stops == default_tab_stops(stops.len()) {
        return;
    }
    painter.raw(b"\x1b[3g");
    for column in stops.iter().enumerate().filter_map(|(column, set)| set.then_some(column)) {
        painter.raw(format!("\x1b[{}G\x1bH", column + 1).as_bytes());
    }
}

fn palette(painter: &mut Painter, screen: &Screen) {
    let colors = screen.term().colors();
    let mut bytes = Vec::new();
    for index in 0..=NamedColor::Cursor as usize {
        let Some(color) = colors[index] else { continue };
        // Writing to a vector does not fail.
        let _ = match index {
            0..256 => write!(bytes, "\x1b]4;{index}"),
            _ => write!(bytes, "\x1b]{}", index - NamedColor::Foreground as usize + 10),
        };
        let _ = write!(bytes, ";rgb:{:02x}/{:02x}/{:02x}\x1b\\", color.r, color.g, color.b);
    }
    painter.raw(&bytes);
}

/// Appends what a row shows, without trailing spaces, and a line feed.
pub(super) fn row_text(row: &Row<Cell>, text: &mut String) {
    let start = text.len();
    for cell in &row[..] {
        if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
            continue;
        }
        text.push(if cell.c.is_control() { ' ' } else { cell.c });
        text.extend(cell.zerowidth().into_iter().flatten());
    }
    text.truncate(start + text[start..].trim_end_matches(' ').len());
    text.push('\n');
}
