//! The two screens and the cursors that are saved, as a real xterm has them: entering the alternate screen leaves the cursor
//! where it is, a cursor is saved with its pen, character sets and origin, for each screen.

use super::screen::Screen;
use alacritty_terminal::grid::{Cursor, Dimensions};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::vte::ansi::{CharsetIndex, Handler, NamedPrivateMode, PrivateMode};

const ORIGIN: PrivateMode = PrivateMode::Named(NamedPrivateMode::Origin);

/// What is saved with a cursor and does not belong to it for `Term`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SavedModes {
    pub(super) charset: CharsetIndex,
    pub(super) origin: bool,
}

impl Screen {
    /// What was saved with the cursor of the normal screen, or of the alternate one.
    pub(super) fn saved_modes(&self, alternate: bool) -> SavedModes {
        self.shadow.saved[usize::from(alternate)]
    }

    pub(super) fn save_cursor(&mut self) {
        let modes = SavedModes { charset: self.shadow.charset, origin: self.term.mode().contains(TermMode::ORIGIN) };
        let alternate = self.alternate();
        self.shadow.saved[usize::from(alternate)] = modes;
        let grid = self.term.grid_mut();
        grid.saved_cursor = Cursor { input_needs_wrap: false, ..grid.cursor.clone() };
    }

    pub(super) fn restore_cursor(&mut self) {
        let modes = self.saved_modes(self.alternate());
        if modes.origin {
            Handler::set_private_mode(&mut self.term, ORIGIN);
        } else {
            Handler::unset_private_mode(&mut self.term, ORIGIN);
        }
        Handler::restore_cursor_position(&mut self.term);
        self.set_active_charset(modes.charset);
    }

    /// Shows the alternate screen, which is blank then. While it is shown, the cursor of the normal one is the saved one.
    pub(super) fn enter_alternate(&mut self, save: bool) {
        if self.alternate() {
            return;
        }
        if save {
            self.save_cursor();
        }
        let grid = self.term.grid_mut();
        let cursor = std::mem::replace(&mut grid.cursor, grid.saved_cursor.clone());
        self.term.swap_alt();
        let grid = self.term.grid_mut();
        (grid.cursor, grid.saved_cursor) = (cursor, Cursor::default());
        self.shadow.saved[1] = SavedModes::default();
        for row in 0..self.term.screen_lines() {
            self.erase_row(row);
        }
    }

    /// Shows the normal screen.
    pub(super) fn leave_alternate(&mut self, restore: bool) {
        if !self.alternate() {
            return;
        }
        let cursor: Cursor<Cell> = self.term.grid().cursor.clone();
        self.term.swap_alt();
        if restore {
            self.restore_cursor();
        } else {
            self.term.grid_mut().cursor = cursor;
        }
    }

    /// Does something to the normal screen while the alternate one may be showing.
    pub(super) fn on_primary<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        if !self.alternate() {
            return act(self);
        }
        // `Term` gives access to the active grid only, and going back to the alternate screen clears it.
        let alternate = self.term.grid().clone();
        self.term.swap_alt();
        let result = act(self);
        self.term.swap_alt();
        *self.term.grid_mut() = alternate;
        result
    }
}
