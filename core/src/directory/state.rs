//! The state of an agent, decided from signals; pure.

use crate::time::Instant;
use alloc::string::String;

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// It prints or says that it is busy.
    Working,
    /// It waits for an answer of a person.
    Waiting,
    /// Nothing happens and nothing is expected.
    Idle,
    /// It worked, has stopped, and nobody has looked since.
    Done,
    /// Its program has ended.
    Exited,
    /// Nothing is known yet.
    Unknown,
}

/// Where a state was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A hook of the agent's program reported it.
    Hook,
    /// The terminal's title.
    Title,
    /// A rule matched the visible text.
    Screen,
    /// The terminal printed, or stopped printing.
    Output,
    /// The bell rang.
    Bell,
    /// The program started or ended.
    Process,
    /// No signal yet.
    None,
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
    /// Since when.
    pub since: Instant,
}
