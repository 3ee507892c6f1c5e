//! The terminal emulator beside a PTY: the state of screen and history, answers to the program's questions.

use super::answers::News;
use super::history::History;
use super::quick::{Quick, Stretch};
use super::screen::Screen;
use super::snapshot;
use super::unfinished::Unfinished;
use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::Line;
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Cell;
use alacritty_terminal::vte::ansi::{Processor, Timeout};
use consort_core::{Size, input::ScreenText};
use std::time::Duration;

/// Bytes parsed between two looks at the rows that have left the screen.
const SLICE_BYTES: usize = 256;
/// Rows above the screen that stay in the grid: a screen that grows gets them back.
const ROWS_KEPT: usize = 48;
/// Rows above the screen at which the oldest go to the compact history.
const ROWS_STAGED: usize = 80;
/// Rows above the screen that the grid can hold: what one slice adds in the worst sensible case. More is dropped.
pub(super) const ROWS_MAX: usize = 4_096;

/// Colours that the program is told when it asks and has not set them itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Red, green and blue of the text.
    pub foreground: (u8, u8, u8),
    /// Red, green and blue of the background.
    pub background: (u8, u8, u8),
}

impl Default for Palette {
    fn default() -> Self {
        Palette { foreground: (0xd8, 0xd8, 0xd8), background: (0x18, 0x18, 0x18) }
    }
}

/// A terminal emulator: bytes in; screen, history, answers and news out.
pub struct Emulator {
    parser: Processor<Unsynchronised>,
    quick: Quick,
    screen: Screen,
    history: History,
    unfinished: Unfinished,
    /// The first bytes of a character whose rest has not come yet.
    begun: Vec<u8>,
    /// The stream is inside a string so long that the parser was taken out of it.
    skipping: bool,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("size", &self.size()).finish_non_exhaustive()
    }
}

impl Emulator {
    /// An empty terminal. Memory is used as it fills: for 80×24 about 350 KB, and what the lines of the history have in
    /// characters and colours, up to 4 MB.
    #[must_use]
    pub fn new(size: Size, palette: Palette) -> Self {
        Emulator {
            parser: Processor::new(),
            quick: Quick::default(),
            screen: Screen::new(size, palette),
            history: History::default(),
            unfinished: Unfinished::default(),
            begun: Vec::new(),
            skipping: false,
        }
    }

    /// What the program printed.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.unfinished.in_endless_string() {
            return self.skip_string(bytes);
        }
        self.unfinished.feed(bytes);
        let cut = self.unfinished.cut_character();
        let begun = std::mem::take(&mut self.begun);
        if begun.len() + bytes.len() == cut {
            self.begun = [&begun, bytes].concat();
            return;
        }
        let (mut body, tail) = bytes.split_at(bytes.len() - cut);
        self.begun = tail.to_vec();
        if !begun.is_empty() {
            let rest = body.iter().take_while(|byte| is_continuation(**byte)).count().min(3);
            self.parse(&[&begun, &body[..rest]].concat());
            body = &body[rest..];
        }
        while !body.is_empty() {
            let mut end = body.len().min(SLICE_BYTES);
            while end < body.len() && end + 3 > SLICE_BYTES && is_continuation(body[end]) {
                end -= 1;
            }
            self.parse(&body[..end]);
            body = &body[end..];
        }
    }

    /// Parses a piece that does not end inside a character: the parser (vte 0.15) loses what follows a character that it is
    /// given in two pieces.
    fn parse(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while !rest.is_empty() {
            let Stretch { plain, end } = self.quick.next(rest);
            self.screen.print(&rest[..plain]);
            self.parser.advance(&mut self.screen, &rest[plain..end]);
            rest = &rest[end..];
        }
        if self.screen.take_history_cleared() {
            self.history.clear();
        }
        let above = self.screen.rows_above();
        if above > 0 {
            self.screen.allot_rows();
        }
        if above > ROWS_STAGED {
            self.screen.drain_rows(ROWS_KEPT, &mut self.history);
        }
    }

    /// Inside a string without end, nothing reaches the parser (it would keep it all) until the terminator.
    fn skip_string(&mut self, bytes: &[u8]) {
        if !self.skipping {
            self.parser = Processor::new();
            self.quick = Quick::default();
            self.skipping = true;
        }
        let Some(end) = bytes.iter().position(|byte| self.unfinished.ends_string(*byte)) else { return };
        self.unfinished = Unfinished::default();
        self.skipping = false;
        // An escape ends the string and begins the next sequence.
        let next = if bytes[end] == 0x1b { end } else { end + 1 };
        self.feed(&bytes[next..]);
    }

    /// The terminal has another size. The normal screen is reflowed.
    pub fn resize(&mut self, size: Size) {
        if size == self.size() {
            return;
        }
        let kept = ROWS_KEPT.max(usize::from(size.rows()));
        let history = &mut self.history;
        self.screen.on_primary(|screen| {
            screen.drain_rows(kept, history);
            // The rest of a line is reflowed with its beginning or not at all.
            while history.open().is_some() && screen.rows_above() > 0 {
                screen.drain_rows(screen.rows_above() - 1, history);
            }
        });
        self.history.close_line();
        self.screen.resize(size);
    }

    /// The size now.
    #[must_use]
    pub fn size(&self) -> Size {
        self.screen.size()
    }

    /// The cursor is shown.
    #[must_use]
    pub fn cursor_shown(&self) -> bool {
        self.screen.term().mode().contains(TermMode::SHOW_CURSOR)
    }

    /// The program wants pasted text between brackets.
    #[must_use]
    pub fn bracketed_paste(&self) -> bool {
        self.screen.term().mode().contains(TermMode::BRACKETED_PASTE)
    }

    /// What has happened since the last call: answers for the program, the bell, the title.
    pub fn take_news(&mut self) -> News {
        self.screen.take_news()
    }

    /// Bytes that bring an emulator that was reset to [`size`](Self::size) to this one's state, with at most `history_lines`
    /// lines of history and at most [`SNAPSHOT_BYTES`](consort_core::limits::SNAPSHOT_BYTES) bytes.
    pub fn snapshot(&mut self, history_lines: u32) -> Vec<u8> {
        snapshot::take(&mut self.screen, &self.history, &self.unfinished.bytes(), history_lines as usize)
    }

    /// The screen that is shown, with the rows above it that were not put into the compact history; for tests that compare it.
    #[doc(hidden)]
    #[must_use]
    pub fn grid(&self) -> &Grid<Cell> {
        self.screen.term().grid()
    }

    /// The normal screen while the alternate one is shown, likewise.
    #[doc(hidden)]
    pub fn normal_grid(&mut self) -> Option<Grid<Cell>> {
        self.screen.alternate().then(|| self.screen.on_primary(|screen| screen.term().grid().clone()))
    }

    /// Whether rows were put into the compact history.
    #[doc(hidden)]
    #[must_use]
    pub fn has_older_history(&self) -> bool {
        !self.history.is_empty()
    }

    /// The visible rows as plain text, each ended by a line feed, without trailing spaces.
    #[must_use]
    pub fn screen_text(&self) -> String {
        let mut text = String::new();
        self.rows_text(0, &mut text);
        text
    }

    /// At most `history_lines` lines of history, then the visible rows, as plain text.
    pub fn text(&mut self, history_lines: u32) -> ScreenText {
        let mut text = String::new();
        let wanted = history_lines as usize;
        let above = self.screen.rows_above();
        self.history.text(wanted.saturating_sub(above), &mut text);
        self.rows_text(wanted.min(above), &mut text);
        let point = self.screen.term().grid().cursor.point;
        let cursor = (u16::try_from(point.column.0).unwrap_or(0), u16::try_from(point.line.0).unwrap_or(0));
        ScreenText { size: self.size(), cursor, text }
    }

    /// Nothing has been printed for a while: give back the memory that only makes printing fast.
    pub fn rest(&mut self) {
        self.screen.on_primary(|screen| {
            if screen.rows_above() > ROWS_STAGED {
                screen.drain_rows(ROWS_KEPT, &mut self.history);
                screen.release_rows();
            }
        });
        self.history.shrink();
    }

    fn rows_text(&self, above: usize, text: &mut String) {
        let grid = self.screen.term().grid();
        let top = -i32::try_from(above).unwrap_or(0);
        for line in top..i32::try_from(grid.screen_lines()).unwrap_or(0) {
            snapshot::row_text(&grid[Line(line)], text);
        }
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Synchronised updates are a matter of drawing; the state follows the stream byte by byte.
#[derive(Default)]
struct Unsynchronised;

impl Timeout for Unsynchronised {
    fn set_timeout(&mut self, _: Duration) {}
    fn clear_timeout(&mut self) {}
    fn pending_timeout(&self) -> bool {
        false
    }
}
