//! Which agents exist, what they are called, what they do and what the user wants of them.

mod name;
mod state;

pub use name::{Name, NameError, Place, place};
pub use state::{AgentState, Source, StateKind};

use serde::{Deserialize, Serialize};

/// What carries an agent's terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BackendKind {
    /// A tmux session: survives the node.
    Tmux,
    /// A PTY that the node owns: ends with it.
    Pty,
}

/// What the user wants an agent to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Desired {
    /// It should run.
    Running,
    /// It should not.
    Stopped,
}
