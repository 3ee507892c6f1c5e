//! Cases on the emulator of our own terminals, which is the authority over their screens.

use super::program::{Case, Event};
use super::{Cell, Grid, Pen, Recorded, Step};
use alacritty_terminal::grid::{self, Dimensions};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::cell::{self, Flags};
use alacritty_terminal::vte::ansi::{Color, NamedColor};
use consort::dialect::{Dialect, Filter};
use consort::pty::{Emulator, Palette};
use consort_core::Size;
use consort_core::limits::SNAPSHOT_HISTORY_LINES;

/// Runs a case.
///
/// # Panics
/// If the emulator does.
#[must_use]
pub fn run(case: &Case) -> Recorded {
    let mut emulator = Emulator::new(Size::clamped(case.size.0, case.size.1), Palette::default());
    let mut filter = Filter::new(Dialect::Pty, case.size.0);
    let mut canonical = Vec::new();
    let mut steps = vec![snapshot(&mut emulator)];
    let mut cut = None;
    for event in case.events() {
        match event {
            Event::Print(bytes) => {
                for piece in pieces(&bytes) {
                    let bytes = filter.feed(piece, &mut canonical);
                    emulator.feed(bytes);
                    steps.push(Step::Append(bytes.to_vec()));
                }
            }
            Event::Resize((cols, rows)) => {
                let size = Size::clamped(cols, rows);
                if size != emulator.size() {
                    emulator.resize(size);
                    filter.set_columns(size.cols());
                    steps.push(snapshot(&mut emulator));
                }
            }
            Event::Cut => cut = Some((look(&mut emulator), std::mem::take(&mut steps), snapshot(&mut emulator))),
        }
    }
    let (at_cut, before, snapshot_at_cut) = cut.expect("each case is cut");
    let at_end = look(&mut emulator);
    let snapshot_at_end = snapshot(&mut emulator);
    Recorded { at_cut, at_end, before, after: steps, snapshot_at_cut, snapshot_at_end, repaired: false }
}

/// As a program's output may come: in pieces that end anywhere.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let length = match rest[0] % 5 {
            0 => 1,
            1 => 3,
            2 => 17,
            _ => 300,
        };
        let (piece, left) = rest.split_at(rest.len().min(length));
        all.push(piece);
        rest = left;
    }
    all
}

fn snapshot(emulator: &mut Emulator) -> Step {
    let size = emulator.size();
    Step::Replace((size.cols(), size.rows()), emulator.snapshot(SNAPSHOT_HISTORY_LINES))
}

fn look(emulator: &mut Emulator) -> Grid {
    let normal = emulator.normal_grid();
    let older = emulator.has_older_history();
    let shown = emulator.grid();
    let (cols, rows) = (shown.columns(), shown.screen_lines());
    let small = |number: usize| u16::try_from(number).expect("a small number");
    let cursor = &shown.cursor;
    let column = if cursor.input_needs_wrap { cols } else { cursor.point.column.0 };
    let row = usize::try_from(cursor.point.line.0).expect("a row of the screen");
    let history = normal.as_ref().unwrap_or(shown);
    Grid {
        size: (small(cols), small(rows)),
        cursor: (small(column), small(row)),
        history: rows_of(history, -i32::try_from(history.history_size()).expect("a small number"), 0),
        older,
        screen: rows_of(shown, 0, i32::try_from(rows).expect("a small number")),
        normal: normal.as_ref().map(|grid| rows_of(grid, 0, i32::try_from(rows).expect("a small number"))),
    }
}

fn rows_of(grid: &grid::Grid<cell::Cell>, from: i32, to: i32) -> Vec<Vec<Cell>> {
    (from..to)
        .map(|line| {
            let mut cells: Vec<Cell> = grid[Line(line)][..].iter().map(cell_of).collect();
            while cells.last() == Some(&Cell::blank()) {
                cells.pop();
            }
            cells
        })
        .collect()
}

fn cell_of(cell: &cell::Cell) -> Cell {
    // See `BLINK` of the emulator's `paint`.
    const BLINK: Flags = Flags::from_bits_retain(1 << 15);
    const ATTRIBUTES: [(Flags, char); 8] = [
        (Flags::BOLD, 'b'),
        (Flags::DIM, 'd'),
        (Flags::ITALIC, 'i'),
        (Flags::ALL_UNDERLINES, 'u'),
        (BLINK, 'k'),
        (Flags::INVERSE, 'v'),
        (Flags::HIDDEN, 'h'),
        (Flags::STRIKEOUT, 's'),
    ];
    let pen = Pen {
        foreground: colour(cell.fg),
        background: colour(cell.bg),
        attributes: ATTRIBUTES
            .iter()
            .filter(|(flag, _)| cell.flags.intersects(*flag))
            .map(|(_, letter)| letter)
            .collect(),
    };
    if cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
        return Cell { text: String::new(), width: 0, pen };
    }
    let character = if cell.c.is_control() { ' ' } else { cell.c };
    let text = std::iter::once(character).chain(cell.zerowidth().into_iter().flatten().copied()).collect();
    Cell { text, width: if cell.flags.contains(Flags::WIDE_CHAR) { 2 } else { 1 }, pen }
}

fn colour(colour: Color) -> String {
    match colour {
        Color::Named(NamedColor::Foreground | NamedColor::Background) => String::new(),
        Color::Named(name) => (name as usize).to_string(),
        Color::Indexed(index) => index.to_string(),
        Color::Spec(rgb) => format!("#{:02x}{:02x}{:02x}", rgb.r, rgb.g, rgb.b),
    }
}
