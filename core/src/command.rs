//! What people and programs can ask of a node, and what they get.

use crate::directory::BackendKind;
use crate::id::{AgentId, Size};
use crate::input::ScreenText;
use alloc::string::String;
use alloc::vec::Vec;

/// A verb on agents. The HTTP API and the command line have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Create an agent and start it.
    Create(NewAgent),
    /// Change what is given, leave the rest.
    Edit {
        /// Which agent.
        agent: AgentId,
        /// New name.
        name: Option<String>,
        /// New tags.
        tags: Option<Vec<String>>,
        /// Start again after a reboot.
        autostart: Option<bool>,
    },
    /// Replace the notes.
    SetNotes {
        /// Which agent.
        agent: AgentId,
        /// The text.
        notes: String,
        /// The revision that the writer has seen; refused if the notes have changed since. `None` replaces whatever is there.
        revision: Option<u64>,
    },
    /// Start an agent that is stopped.
    Start(AgentId),
    /// End an agent's carrier and keep the agent.
    Stop(AgentId),
    /// Stop, then start.
    Restart(AgentId),
    /// End the carrier and forget the agent.
    Delete(AgentId),
    /// Paste a text into a terminal.
    Paste {
        /// Which agent.
        agent: AgentId,
        /// Which terminal, or the active one.
        pane: Option<u32>,
        /// The text.
        text: String,
        /// Press Enter afterwards.
        submit: bool,
    },
    /// Read a terminal as text.
    ReadText {
        /// Which agent.
        agent: AgentId,
        /// Which terminal, or the active one.
        pane: Option<u32>,
        /// Lines of history before the screen.
        history_lines: u32,
    },
}

/// What an agent is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAgent {
    /// Its name; see [`Name`](crate::directory::Name).
    pub name: String,
    /// Which backend; `None` takes tmux if it is available, else a PTY.
    pub backend: Option<BackendKind>,
    /// Working directory; empty means the home directory.
    pub directory: String,
    /// Program, or the user's shell.
    pub program: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables added to its environment.
    pub env: Vec<(String, String)>,
    /// Notes to begin with.
    pub notes: String,
    /// Tags to begin with.
    pub tags: Vec<String>,
    /// Start it again after a reboot.
    pub autostart: bool,
    /// Size to start with.
    pub size: Size,
    /// Unix time now, in milliseconds: core has no wall clock. Only shown, never compared.
    pub created_unix_ms: u64,
}

/// The answer to a command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The agent as it is now is in the view.
    Agent(AgentId),
    /// The agent is gone.
    Deleted(AgentId),
    /// The notes are stored.
    Notes {
        /// Their new revision.
        revision: u64,
    },
    /// The text is written.
    Pasted {
        /// Bytes of it.
        bytes: usize,
        /// Enter was pressed.
        submitted: bool,
    },
    /// History and screen.
    Text(ScreenText),
}
