//! What agents do, in the words of lists.

use super::signal::Asked;
use crate::time::{Duration, Instant};
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StateKind {
    /// It prints or says that it is busy.
    Working,
    /// It waits for an answer of a person.
    Waiting,
    /// Nothing happens and nothing is expected.
    Idle,
    /// It worked, has stopped, and nobody has looked since.
    Done,
    /// Its program has ended, or it is stopped.
    Exited,
    /// Nothing is known yet.
    Unknown,
    /// It cannot go on: its service fails, its quota is used up, it is logged out.
    Failed,
}

/// Where a state was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// A hook of the agent's program reported it.
    Hook,
    /// The terminal's title.
    Title,
    /// Words on the screen.
    Screen,
    /// The terminal printed, or stopped printing.
    Output,
    /// The bell rang, or the program sent a notification.
    Bell,
    /// The program started or ended.
    Process,
    /// No signal yet.
    None,
    /// The program reported it to the terminal (`OSC 7501`).
    Status,
}

/// A state with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentState {
    /// What.
    pub kind: StateKind,
    /// Read from where.
    pub source: Source,
    /// In words, for a person.
    pub why: String,
    /// Since when it is of this kind.
    pub since: Instant,
    /// How long it was so already when the node was started, if it was so then.
    pub earlier: Duration,
    /// What it asks, if that is known.
    pub asked: Option<Asked>,
}

impl AgentState {
    /// How long it has been of this kind.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        Duration::from_millis(now.since(self.since).as_millis() + self.earlier.as_millis())
    }
}
