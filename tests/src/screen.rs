//! A terminal emulator that stands for the browser's: what a viewer would see.

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::{Config, Term};
use alacritty_terminal::vte::ansi::Processor;

/// Screen and scrollback.
pub struct Screen {
    term: Term<VoidListener>,
    parser: Processor,
    size: Cells,
}

#[derive(Clone, Copy)]
struct Cells {
    cols: usize,
    rows: usize,
}

impl Dimensions for Cells {
    fn total_lines(&self) -> usize {
        self.rows
    }
    fn screen_lines(&self) -> usize {
        self.rows
    }
    fn columns(&self) -> usize {
        self.cols
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Screen({}x{})", self.size.cols, self.size.rows)
    }
}

impl Screen {
    /// An empty one.
    #[must_use]
    pub fn new(cols: u16, rows: u16) -> Self {
        let size = Cells { cols: cols.into(), rows: rows.into() };
        let config = Config { scrolling_history: 100_000, ..Config::default() };
        Screen { term: Term::new(config, &size, VoidListener), parser: Processor::new(), size }
    }

    /// Prints bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        (u16::try_from(self.size.cols).unwrap_or(0), u16::try_from(self.size.rows).unwrap_or(0))
    }

    /// Column and row of the cursor on the screen.
    #[must_use]
    pub fn cursor(&self) -> (usize, i32) {
        let point = self.term.grid().cursor.point;
        (point.column.0, point.line.0)
    }

    /// History and screen, as `tmux capture-pane -p -S -` prints them: trailing spaces and blank lines at the end removed.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let grid = self.term.grid();
        let history = i32::try_from(grid.history_size()).unwrap_or(0);
        let rows = i32::try_from(self.size.rows).unwrap_or(0);
        let text: Vec<String> = (-history..rows).map(|line| self.line(Line(line))).collect();
        lines(&text.join("\n"))
    }

    fn line(&self, line: Line) -> String {
        let mut text = String::new();
        for column in 0..self.size.cols {
            let cell = &self.term.grid()[line][Column(column)];
            if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                continue;
            }
            text.push(cell.c);
            text.extend(cell.zerowidth().into_iter().flatten());
        }
        text
    }
}

/// The lines of a text without trailing spaces and without blank lines at the end.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_string()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}
