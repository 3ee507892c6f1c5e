//! Errors, named by who is to blame.

use alloc::string::String;
use core::fmt;

/// The runtime built a node from values that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The node's name is empty or longer than 100 characters.
    #[error("the node's name must have 1 to 100 characters")]
    Name,
}

/// A command that is not carried out. Nothing has changed because of it, unless the message says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind, for programs.
    pub code: RefusalCode,
    /// What happened, for a person: one sentence.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Refusal {}

/// Kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// No such agent or terminal.
    NotFound,
    /// A name, tag, text or number breaks a rule.
    Invalid,
    /// Another agent has the name.
    NameTaken,
    /// The agent runs already, or does not run, or is busy with another command.
    Conflict,
    /// The notes were changed by somebody else.
    NotesChanged,
    /// A bound of [`limits`](crate::limits) is reached.
    TooMany,
    /// The backend is not available.
    Unavailable,
    /// The store could not keep it.
    NotStored,
    /// The backend failed; its own stable code.
    Backend(&'static str),
}

impl RefusalCode {
    /// The stable name in the HTTP API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalCode::NotFound => "not-found",
            RefusalCode::Invalid => "invalid",
            RefusalCode::NameTaken => "name-taken",
            RefusalCode::Conflict => "conflict",
            RefusalCode::NotesChanged => "notes-changed",
            RefusalCode::TooMany => "too-many",
            RefusalCode::Unavailable => "unavailable",
            RefusalCode::NotStored => "not-stored",
            RefusalCode::Backend(code) => code,
        }
    }
}

/// An invariant that does not hold: a bug in core. Found by [`Node::check`](crate::Node::check).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant broken: {0}")]
pub struct Violation(pub String);
