//! Terminals that the node owns itself: one PTY, one thread and one emulator per agent.

mod emulator;
mod history;
mod paint;
mod screen;
mod snapshot;
mod unfinished;

pub use emulator::{Emulator, Palette};
pub use screen::News;

#[cfg(test)]
mod snapshot_tests;
