//! What the node sees of the user's tmux beside the agents: for `consort doctor`, which compares it with a look of its own.

use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state of the node's connection to tmux.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TmuxStatus {
    /// Path of the tmux program; none if none can be used.
    pub program: Option<String>,
    /// What that says of its version: `tmux 3.3a`.
    pub version: Option<String>,
    /// The socket of the server that the node looks at.
    pub socket: Option<String>,
    /// Since when the node is connected to the server, in milliseconds of Unix time.
    pub connected_unix_ms: Option<u64>,
    /// Sessions that it sees.
    pub sessions: usize,
    /// Why tmux cannot be used.
    pub trouble: Option<String>,
    /// How the last connection ended.
    pub last_ending: Option<TmuxEnding>,
}

/// The end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TmuxEnding {
    /// Why, in words.
    pub reason: String,
    /// Unix time in milliseconds.
    pub unix_ms: u64,
    /// How many connections ended within the minute before that.
    pub in_a_minute: usize,
}

/// A [`TmuxStatus`] that the backend keeps up to date; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct TmuxReport(Arc<Mutex<TmuxStatus>>);

impl TmuxReport {
    /// As it is now.
    #[must_use]
    pub fn get(&self) -> TmuxStatus {
        self.lock().clone()
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut TmuxStatus)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, TmuxStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
