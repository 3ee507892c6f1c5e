//! Dialects: what the authority over a terminal's screen makes of a program's bytes, and the filter that turns them into bytes
//! of which everybody else makes the same.
//!
//! tmux (or our emulator beside a PTY) keeps the screen and makes the snapshots; browsers and `consort attach` read the live
//! bytes. Two parsers that differ in one sequence show two screens until the next snapshot. So each backend passes its output
//! through a [`Filter`] before it is reported: what the authority ignores is left out, what it reads in a way of its own is
//! written in the common way, and what has begun is held until it is complete. What follows ("canonical" bytes) is read in the
//! same way by the authority, by the browser's emulator with its handlers, and by real terminals.

mod doubts;
mod filter;
pub mod notices;
pub mod pen;
mod sequences;
mod text;
pub mod widths;
mod writing;

pub use doubts::Doubt;
pub use filter::Filter;
pub use writing::Writing;

/// Who decides what a program's bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A tmux server of this version, which reads the bytes before the filter does.
    Tmux {
        /// Major and minor version.
        version: (u32, u32),
    },
    /// Our own emulator beside a PTY, which reads what the filter lets through.
    Pty,
}

impl Dialect {
    /// How long the authority waits for the end of a string (a title, a clipboard) before it takes what follows as text again.
    #[must_use]
    pub const fn string_patience(self) -> Option<std::time::Duration> {
        match self {
            Dialect::Tmux { .. } => Some(std::time::Duration::from_secs(5)),
            Dialect::Pty => None,
        }
    }
}
