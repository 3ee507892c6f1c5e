//! The rows of a grid: how many there is room for, those that move on to the history, and what another size makes of them.

use super::answers::Mailbox;
use super::emulator::ROWS_MAX;
use super::history::History;
use super::paint::{DEFAULT_BG, Painter};
use super::screen::Screen;
use alacritty_terminal::Term;
use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::{Config, Osc52};
use consort_core::Size;

/// Rows above the screen that the grid has room for without asking for more.
const ROWS_ALLOTTED: usize = 128;

pub(super) struct GridSize {
    columns: usize,
    rows: usize,
}

impl GridSize {
    pub(super) fn of(size: Size) -> Self {
        GridSize { columns: usize::from(size.cols()), rows: usize::from(size.rows()) }
    }
}

impl Dimensions for GridSize {
    fn total_lines(&self) -> usize {
        self.rows
    }
    fn screen_lines(&self) -> usize {
        self.rows
    }
    fn columns(&self) -> usize {
        self.columns
    }
}

/// An empty grid with room for a fixed number of rows above the screen. Left to itself it takes room for a thousand at once:
/// a hundred terminals would pay for it with memory, and a flooding one with the processor's cache.
pub(super) fn new_term(size: Size, mailbox: Mailbox) -> Term<Mailbox> {
    let config =
        Config { scrolling_history: ROWS_MAX, osc52: Osc52::Disabled, kitty_keyboard: false, ..Config::default() };
    let screen = GridSize::of(size);
    let with_room = GridSize { columns: screen.columns, rows: screen.rows + ROWS_ALLOTTED };
    let mut term = Term::new(config, &with_room, mailbox);
    // A grid that gets smaller keeps its rows for later. The alternate screen never needs them.
    term.resize(screen);
    term.swap_alt();
    term.grid_mut().truncate();
    term.swap_alt();
    term
}

impl Screen {
    /// Moves the oldest rows above the normal screen to the history until `keep` are left.
    pub(super) fn drain_rows(&mut self, keep: usize, history: &mut History) {
        let above = self.rows_above();
        if above <= keep || self.alternate() {
            return;
        }
        let grid = self.term.grid_mut();
        let mut painter = Painter::unwrapped(history.open().cloned());
        for number in (keep + 1..=above).rev() {
            if !painter.row(&grid[Line(-i32::try_from(number).unwrap_or(0))]) {
                painter.end_line();
                history.push(painter.bytes(), None);
                painter.clear();
            }
        }
        let wrap = painter.pause();
        if wrap.is_some() {
            history.push(painter.bytes(), wrap);
        }
        grid.update_history(keep);
        grid.update_history(ROWS_MAX);
    }

    /// Sees that the grid has its fixed room for rows above the screen, no more and no less.
    pub(super) fn allot_rows(&mut self) {
        if std::mem::replace(&mut self.allotted, true) || self.alternate() || self.rows_above() > ROWS_ALLOTTED {
            return;
        }
        let above = self.rows_above();
        let grid = self.term.grid_mut();
        grid.update_history(ROWS_ALLOTTED);
        grid.initialize_all();
        grid.truncate();
        // The rows that were made are the oldest.
        grid.update_history(above);
        grid.update_history(ROWS_MAX);
    }

    /// Gives back what was needed for more rows than are allotted.
    pub(super) fn release_rows(&mut self) {
        self.allotted = false;
        self.allot_rows();
    }
}

/// Reflowing can leave a cursor that waits beyond the last column without being there: a state that no output leads to.
pub(super) fn settle_cursor(grid: &mut Grid<Cell>) {
    let last = grid.last_column();
    for cursor in [&mut grid.cursor, &mut grid.saved_cursor] {
        cursor.input_needs_wrap &= cursor.point.column == last;
    }
}

/// Before rows get longer: those that end in a colour count as written to their end. The grid takes a row whose last cell looks
/// as what erases it for one that is erased behind what was written; after this one, what a scroll has coloured would stay.
pub(super) fn mark_coloured_rows(grid: &mut Grid<Cell>) {
    let last = grid.last_column();
    for line in grid.topmost_line().0..=grid.bottommost_line().0 {
        let row = &mut grid[Line(line)];
        if row[last].bg != DEFAULT_BG {
            // To have changed it is enough.
            let _ = &mut row[last];
        }
    }
}

/// Rows that are not reflowed may end within a wide character then.
pub(super) fn cut_wide_characters(grid: &mut Grid<Cell>) {
    let last = grid.last_column();
    for row in (0..grid.screen_lines()).map(Line::from) {
        let cell = &mut grid[row][last];
        if cell.flags.contains(Flags::WIDE_CHAR) {
            cell.clear_wide();
        }
    }
}
