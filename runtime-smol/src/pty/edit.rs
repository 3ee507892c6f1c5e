//! Editing of the grid where `Term` does it in a way of its own: as xterm and tmux do it, so that the page shows the same.
//!
//! `Term` leaves halves of wide characters behind, erases in front of the cursor when more is deleted than there is, puts
//! deleted lines into the history, keeps a pending wrap where others forget it, and leaves margins and origin mode out of
//! relative movement.

use super::screen::Screen;
use alacritty_terminal::grid::{Dimensions, Row};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{Color, Handler, NamedColor};
use std::ops::Range;

impl Screen {
    fn columns(&self) -> usize {
        self.term.columns()
    }

    /// The next character goes to where the cursor is, not to the next line.
    pub(super) fn forget_wrap(&mut self) {
        self.term.grid_mut().cursor.input_needs_wrap = false;
    }

    /// Row and column of the cursor on the screen.
    fn cursor(&self) -> (usize, usize) {
        let point = self.term.grid().cursor.point;
        (usize::try_from(point.line.0).unwrap_or(0), point.column.0)
    }

    fn row_mut(&mut self, row: usize) -> &mut Row<Cell> {
        &mut self.term.grid_mut()[line(row)]
    }

    /// Halves of wide characters whose other half is gone become blank.
    fn mend_row(&mut self, row: usize, blank: &Cell) {
        let cells = &mut self.row_mut(row)[..];
        for at in 0..cells.len() {
            let wide = |at: usize| cells.get(at).is_some_and(|cell| cell.flags.contains(Flags::WIDE_CHAR));
            let spacer = |at: usize| cells.get(at).is_some_and(|cell| cell.flags.contains(Flags::WIDE_CHAR_SPACER));
            let alone = (wide(at) && !spacer(at + 1)) || (spacer(at) && !(at > 0 && wide(at - 1)));
            if alone {
                cells[at] = blank.clone();
            }
        }
    }

    /// A cell as erasing leaves it: blank, with the background of the pen.
    fn erased(&self) -> Cell {
        self.term.grid().cursor.template.bg.into()
    }

    fn erase(&mut self, row: usize, columns: Range<usize>) {
        let blank = self.erased();
        self.row_mut(row)[..][columns].fill(blank.clone());
        self.mend_row(row, &blank);
    }

    pub(super) fn erase_right(&mut self) {
        let (row, column) = self.cursor();
        if !self.term.grid().cursor.input_needs_wrap {
            self.erase(row, column..self.columns());
        }
    }

    pub(super) fn erase_left(&mut self) {
        let (row, column) = self.cursor();
        self.erase(row, 0..column + 1);
    }

    pub(super) fn erase_row(&mut self, row: usize) {
        self.erase(row, 0..self.columns());
    }

    pub(super) fn erase_below(&mut self) {
        self.erase_right();
        for row in self.cursor().0 + 1..self.term.screen_lines() {
            self.erase_row(row);
        }
    }

    pub(super) fn erase_above(&mut self) {
        for row in 0..self.cursor().0 {
            self.erase_row(row);
        }
        self.erase_left();
    }

    /// The screen goes to the history, up to the last row of which anything is seen.
    pub(super) fn erase_screen(&mut self) {
        let rows = self.term.screen_lines();
        let seen = |row: &usize| self.term.grid()[line(*row)][..].iter().any(is_seen);
        if let Some(last) = (0..rows).rev().find(seen).filter(|_| !self.alternate()) {
            self.term.grid_mut().scroll_up(&(line(0)..line(rows)), last + 1);
        }
        for row in 0..rows {
            self.erase_row(row);
        }
    }

    pub(super) fn erase_characters(&mut self, count: usize) {
        self.forget_wrap();
        let (row, column) = self.cursor();
        self.erase(row, column..(column.saturating_add(count)).min(self.columns()));
    }

    pub(super) fn delete_characters(&mut self, count: usize) {
        self.forget_wrap();
        let (row, column) = self.cursor();
        let count = count.min(self.columns() - column);
        Handler::delete_chars(&mut self.term, count);
        self.mend_row(row, &self.erased());
    }

    pub(super) fn insert_blanks(&mut self, count: usize) {
        self.forget_wrap();
        self.insert_cells(count, &self.erased());
    }

    /// Moves the rest of the row to the right, as far as it fits.
    pub(super) fn insert_cells(&mut self, count: usize, blank: &Cell) {
        let (row, column) = self.cursor();
        let rest = &mut self.row_mut(row)[..][column..];
        let count = count.min(rest.len());
        rest.rotate_right(count);
        rest[..count].fill(blank.clone());
        self.mend_row(row, blank);
    }

    pub(super) fn delete_rows(&mut self, count: usize) {
        self.forget_wrap();
        let row = self.cursor().0;
        let region = self.shadow.scroll_region.clone();
        if region.contains(&row) {
            self.move_up_without_history(row..region.end, count);
        }
    }

    /// Rows move up within `rows`; those that leave it are gone.
    fn move_up_without_history(&mut self, rows: Range<usize>, count: usize) {
        let count = count.min(rows.len());
        let mut spare = Row::new(self.columns());
        for to in rows.start..rows.end - count {
            let moved = std::mem::replace(self.row_mut(to + count), spare);
            spare = std::mem::replace(self.row_mut(to), moved);
        }
        for row in rows.end - count..rows.end {
            self.erase_row(row);
        }
    }

    /// The row and column that the cursor would move to by so many rows, kept within the margins if it is within them.
    pub(super) fn move_rows(&mut self, down: bool, count: usize) {
        let (row, column) = self.cursor();
        let region = &self.shadow.scroll_region;
        let to = if down {
            let last = if row < region.end { region.end } else { self.term.screen_lines() } - 1;
            row.saturating_add(count).min(last)
        } else {
            let first = if row >= region.start { region.start } else { 0 };
            row.saturating_sub(count).max(first)
        };
        self.place(to, column);
    }

    /// Puts the cursor there, whatever the origin is.
    pub(super) fn place(&mut self, row: usize, column: usize) {
        let column = column.min(self.columns() - 1);
        let cursor = &mut self.term.grid_mut().cursor;
        cursor.point.line = line(row);
        cursor.point.column = Column(column);
        cursor.input_needs_wrap = false;
    }

    pub(super) fn place_in_row(&mut self, column: usize) {
        self.place(self.cursor().0, column);
    }

    pub(super) fn tab_forward(&mut self, count: usize) {
        if self.term.grid().cursor.input_needs_wrap {
            return;
        }
        let (row, mut column) = self.cursor();
        for _ in 0..count.min(self.columns()) {
            let next = (column + 1..self.columns()).find(|column| self.shadow.tab_stops[*column]);
            column = next.unwrap_or(self.columns() - 1);
        }
        self.place(row, column);
    }

    pub(super) fn tab_backward(&mut self, count: usize) {
        if self.term.grid().cursor.input_needs_wrap {
            return;
        }
        let (row, mut column) = self.cursor();
        for _ in 0..count.min(self.columns()) {
            column = (0..column).rev().find(|column| self.shadow.tab_stops[*column]).unwrap_or(0);
        }
        self.place(row, column);
    }

    /// The screen full of E, as for adjusting a picture tube: margins and cursor are as at the beginning.
    pub(super) fn align(&mut self) {
        Handler::decaln(&mut self.term);
        let rows = self.term.screen_lines();
        self.shadow.scroll_region = 0..rows;
        Handler::set_scrolling_region(&mut self.term, 1, Some(rows));
        self.place(0, 0);
    }
}

fn line(row: usize) -> Line {
    Line(i32::try_from(row).unwrap_or(i32::MAX))
}

/// Whether anything is seen of a cell, its background included.
fn is_seen(cell: &Cell) -> bool {
    let lines = Flags::INVERSE.union(Flags::ALL_UNDERLINES).union(Flags::STRIKEOUT);
    !matches!(cell.c, ' ' | '\t')
        || cell.bg != Color::Named(NamedColor::Background)
        || cell.flags.intersects(lines)
        || cell.zerowidth().is_some()
}
