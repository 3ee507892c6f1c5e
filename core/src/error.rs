//! Errors, named by who is to blame.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The runtime built a node from values that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The node's name is empty or longer than 100 characters.
    #[error("the node's name must have 1 to 100 characters")]
    Name,
}

/// A rule that the other end of a link broke. Closes that link; nothing that it said in that frame was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerFault {
    /// A frame that cannot be decoded, or is longer than allowed.
    #[error("it sent a frame that cannot be read")]
    Frame,
    /// The first frame was not its greeting, or a second greeting came.
    #[error("it did not greet as the protocol says")]
    Greeting,
    /// No protocol version that both speak.
    #[error("it speaks protocol {0} to {1}, which this version does not")]
    Protocol(u16, u16),
    /// It stated a fact that only another node may state.
    #[error("it stated facts that it may not state")]
    Fact,
    /// It sent on behalf of another node, or to one that it must not reach.
    #[error("it sent a parcel that it may not send")]
    Parcel,
}

/// A command that is not carried out. Nothing has changed because of it, unless the message says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The node that it is for cannot be reached, or did not answer in time.
    Unreachable,
    /// The asking node may only look.
    Forbidden,
    /// The backend failed; its own stable code.
    Backend(Cow<'static, str>),
    /// The agent asks something: what is typed would answer that.
    AgentAsks,
    /// The question that is answered is not asked any more, or is another one.
    QuestionChanged,
    /// The agent works: what is typed would go to it in the middle of that.
    AgentWorks,
}

impl RefusalCode {
    /// The stable name in the HTTP API.
    #[must_use]
    pub fn into_name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            RefusalCode::NotFound => "not-found",
            RefusalCode::Invalid => "invalid",
            RefusalCode::NameTaken => "name-taken",
            RefusalCode::Conflict => "conflict",
            RefusalCode::NotesChanged => "notes-changed",
            RefusalCode::TooMany => "too-many",
            RefusalCode::Unavailable => "unavailable",
            RefusalCode::NotStored => "not-stored",
            RefusalCode::Unreachable => "unreachable",
            RefusalCode::Forbidden => "forbidden",
            RefusalCode::AgentAsks => "agent-asks",
            RefusalCode::QuestionChanged => "question-changed",
            RefusalCode::AgentWorks => "agent-works",
            RefusalCode::Backend(code) => return code,
        })
    }
}

/// An invariant that does not hold: a bug in core. Found by [`Node::check`](crate::Node::check).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant broken: {0}")]
pub struct Violation(pub String);
