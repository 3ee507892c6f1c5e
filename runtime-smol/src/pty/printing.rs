//! Printing of characters into the grid, as the page's emulator does it.
//!
//! `Term` leaves halves of wide characters behind on insertion, keeps the look of the half that is overwritten, waits beyond the
//! last column for a wide character that does not fit, and joins a character without width to the first cell of a line.

use super::screen::Screen;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::Handler;
use unicode_width::UnicodeWidthChar;

/// Combining characters kept per cell.
const COMBINING: usize = 8;
/// What makes a cell half of a wide character.
const HALF: Flags = Flags::WIDE_CHAR.union(Flags::WIDE_CHAR_SPACER);

impl Screen {
    /// Prints characters of ASCII as one by one would.
    pub(super) fn print(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let mut printed = self.print_in_row(text);
            if printed == 0 {
                self.print_character(char::from(text[0]));
                printed = 1;
            }
            text = &text[printed..];
        }
    }

    /// Prints what fits into the rest of the row; returns how many characters: none if the first one is not that simple.
    fn print_in_row(&mut self, text: &[u8]) -> usize {
        let grid = self.term.grid_mut();
        if !self.plain || grid.cursor.input_needs_wrap {
            return 0;
        }
        let (columns, point) = (grid.columns(), grid.cursor.point);
        let count = text.len().min(columns - point.column.0);
        let end = point.column + count;
        let template = grid.cursor.template.clone();
        let cells = &mut grid[point.line][point.column..end];
        if cells.iter().any(|cell| cell.flags.intersects(HALF)) {
            return 0;
        }
        for (cell, byte) in cells.iter_mut().zip(text) {
            cell.c = char::from(*byte);
            cell.fg = template.fg;
            cell.bg = template.bg;
            cell.flags = template.flags;
            cell.extra.clone_from(&template.extra);
        }
        grid.cursor.input_needs_wrap = end.0 == columns;
        grid.cursor.point.column = end.min(Column(columns - 1));
        count
    }

    /// Prints one character.
    #[inline]
    pub(super) fn print_character(&mut self, character: char) {
        if self.plain && matches!(character, ' '..='~') && self.print_in_row(&[character as u8]) == 1 {
            return;
        }
        match character.width() {
            None => {}
            Some(0) => self.combine(character),
            Some(width) => self.print_wrapping(character, width),
        }
    }

    fn print_wrapping(&mut self, character: char, width: usize) {
        let wraps = self.term.mode().contains(TermMode::LINE_WRAP);
        if self.term.grid().cursor.input_needs_wrap && wraps {
            self.wrap_line();
        }
        let columns = self.term.columns();
        let mut column = self.term.grid().cursor.point.column.0;
        if column + width > columns {
            if !wraps {
                return;
            }
            let flags = if self.goes_on() { Flags::LEADING_WIDE_CHAR_SPACER } else { Flags::empty() };
            self.put(' ', column, flags);
            self.wrap_line();
            column = 0;
        }
        if self.term.mode().contains(TermMode::INSERT) {
            let blank = self.template(' ', Flags::empty());
            self.insert_cells(width, &blank);
        }
        if width == 1 {
            let character = self.term.grid().cursor.charsets[self.shadow.charset].map(character);
            self.put(character, column, Flags::empty());
        } else {
            self.put(character, column, Flags::WIDE_CHAR);
            self.put(' ', column + 1, Flags::WIDE_CHAR_SPACER);
        }
        let cursor = &mut self.term.grid_mut().cursor;
        cursor.input_needs_wrap = column + width == columns;
        cursor.point.column = Column((column + width).min(columns - 1));
    }

    /// Whether there is a next row: the last one, below the margins, is written again and again.
    fn goes_on(&self) -> bool {
        let next = usize::try_from(self.term.grid().cursor.point.line.0).map_or(0, |line| line + 1);
        next == self.shadow.scroll_region.end || next < self.term.screen_lines()
    }

    /// The line goes on in the next row.
    fn wrap_line(&mut self) {
        let goes_on = self.goes_on();
        self.term.grid_mut().cursor_cell().flags.set(Flags::WRAPLINE, goes_on);
        Handler::linefeed(&mut self.term);
        let cursor = &mut self.term.grid_mut().cursor;
        cursor.point.column = Column(0);
        cursor.input_needs_wrap = false;
    }

    /// A cell as the pen writes it.
    fn template(&self, character: char, flags: Flags) -> Cell {
        let mut cell = self.term.grid().cursor.template.clone();
        cell.c = character;
        cell.flags.insert(flags);
        cell
    }

    /// Writes a cell of the cursor's row. The other half of a wide character that is overwritten becomes blank.
    fn put(&mut self, character: char, column: usize, flags: Flags) {
        let cell = self.template(character, flags);
        let line = self.term.grid().cursor.point.line;
        let was = self.term.grid()[line][Column(column)].flags;
        let continues = flags.contains(Flags::WIDE_CHAR_SPACER);
        if was.intersects(HALF) {
            let half = if was.contains(Flags::WIDE_CHAR) { Some(column + 1) } else { column.checked_sub(1) };
            let half = half.filter(|half| *half < self.term.columns() && !(continues && *half < column));
            if let Some(half) = half {
                let blank = self.template(' ', Flags::empty());
                self.term.grid_mut()[line][Column(half)] = blank;
            }
            if column <= 1 && line > self.term.topmost_line() {
                self.forget_leading_spacer(line - 1i32);
            }
        }
        self.term.grid_mut()[line][Column(column)] = cell;
    }

    /// The wide character that did not fit into this line's last column is not at the beginning of the next line any more.
    fn forget_leading_spacer(&mut self, line: Line) {
        let last = self.term.last_column();
        self.term.grid_mut()[line][last].flags.remove(Flags::LEADING_WIDE_CHAR_SPACER);
    }

    /// A character without width joins the cell before the cursor, if there is one and it has room.
    fn combine(&mut self, character: char) {
        let grid = self.term.grid_mut();
        let (point, waits) = (grid.cursor.point, grid.cursor.input_needs_wrap);
        let Some(mut column) = (if waits { Some(point.column.0) } else { point.column.0.checked_sub(1) }) else {
            return;
        };
        let row = &mut grid[point.line];
        if row[Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column = column.saturating_sub(1);
        }
        let cell = &mut row[Column(column)];
        if cell.zerowidth().is_none_or(|some| some.len() < COMBINING) {
            cell.push_zerowidth(character);
        }
    }
}
