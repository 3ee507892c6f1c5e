//! Core's own time: milliseconds since the node started. Nobody here reads a clock.

use core::ops::{Add, Div};

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(u64);

impl Duration {
    /// `ms` milliseconds.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Duration(ms)
    }

    /// `s` seconds.
    #[must_use]
    pub const fn from_secs(s: u64) -> Self {
        Duration(s * 1_000)
    }

    /// The length in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// A moment: milliseconds since the node's start, monotonic. It never goes back; a runtime that passes an earlier one than before
/// has broken the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The start of the node.
    pub const START: Instant = Instant(0);

    /// `ms` milliseconds after the start.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Instant(ms)
    }

    /// Milliseconds since the start.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is not in the past.
    #[must_use]
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Div<u64> for Duration {
    type Output = Duration;
    fn div(self, parts: u64) -> Duration {
        Duration(self.0 / parts)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, length: Duration) -> Instant {
        Instant(self.0.saturating_add(length.0))
    }
}

/// When the node wants to be woken, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// The moment at which `Input::Wake` is due.
    pub at: Instant,
    /// For logs and traces: which rule waits for it.
    pub reason: &'static str,
}

impl Deadline {
    /// The first of those that exist.
    #[inline]
    pub(crate) fn first<const N: usize>(all: [(Option<Instant>, &'static str); N]) -> Option<Deadline> {
        let mut first: Option<Deadline> = None;
        for (at, reason) in all {
            if let Some(at) = at.filter(|at| first.is_none_or(|first| *at < first.at)) {
                first = Some(Deadline { at, reason });
            }
        }
        first
    }
}
