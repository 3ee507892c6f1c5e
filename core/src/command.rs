//! What people and programs can ask of a node, and what they get.

use crate::directory::BackendKind;
use crate::directory::signal::Evidence;
use crate::id::{AgentAddress, AgentId, NodeId, Size};
use crate::input::{Address, Listing, ProcessInfo, Programs, ScreenText, StartInfo};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What a node is asked for. The HTTP API and the command line have the same verbs. Those on agents work from any node; those on the
/// mesh are carried out by the node that a person asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A person admits a node to the mesh, or changes its rights or where it can be dialled. For the two to link, each must have
    /// admitted the other (or learned of it from a member): pairing does both.
    Admit {
        /// Its public key.
        node: NodeId,
        /// Where it can be dialled; may be empty.
        addresses: Vec<Address>,
        /// What it may do on others' agents.
        rights: Rights,
    },
    /// A person removes a node from the mesh. It stays removed until a person admits it again.
    Remove(NodeId),
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
        /// Also if the agent asks something, which the text and Enter would answer. Without Enter it makes no difference.
        anyway: bool,
    },
    /// Read the notes (lists carry only their revision).
    ReadNotes(AgentId),
    /// Read a terminal as text.
    ReadText {
        /// Which agent.
        agent: AgentId,
        /// Which terminal, or the active one.
        pane: Option<u32>,
        /// Lines of history before the screen.
        history_lines: u32,
    },
    /// List the directories in a directory of the node's machine: an absolute path, or one that begins with `~`; empty means the home
    /// directory. At most [`TEXT_BYTES`](crate::limits::TEXT_BYTES).
    ListDirectory(String),
    /// Create an agent as somebody in a shell of the node's own machine would start it. Only a node itself does that: variables of a
    /// machine mean nothing on another one, and do not travel.
    CreateFrom {
        /// The agent.
        new: NewAgent,
        /// Variables of that shell, which the agent gets if nobody else gives it one of the same name.
        caller: Vec<(String, String)>,
    },
    /// Answer the question that an agent asks, if it still asks it.
    Answer {
        /// Which agent.
        agent: AgentId,
        /// The id of the question.
        question: u64,
        /// The answer.
        with: AnswerWith,
    },
    /// Every signal that decides the state of an agent.
    Explain(AgentId),
    /// Paste a text into a terminal and press Enter; never into a question.
    Send {
        /// Which agent.
        agent: AgentId,
        /// Which terminal, or the active one.
        pane: Option<u32>,
        /// The text.
        text: String,
        /// What becomes of it if the agent works.
        busy: WhenBusy,
        /// Unix time now, in milliseconds: core has no wall clock. Only shown, never compared.
        unix_ms: u64,
    },
    /// Change a text that waits in an agent's queue, or (`None`) take it out. A text whose fate was not known waits again.
    EditQueue {
        /// Which agent.
        agent: AgentId,
        /// The number of the text.
        number: u64,
        /// What it is from now on.
        text: Option<String>,
    },
    /// What waits in an agent's queue.
    ReadQueue(AgentId),
    /// What runs in the foreground of an agent's active terminal.
    ReadProcess(AgentId),
    /// Treat a session that somebody else made as an agent that was created here: this is started from now on.
    Adopt {
        /// Which agent.
        agent: AgentId,
        /// Program, arguments and directory.
        process: ProcessInfo,
    },
    /// Which agent programs that are known by name agents of the node's machine find.
    ListPrograms,
    /// As [`Start`](Self::Start), and its program does not go on with its last conversation.
    StartFresh(AgentId),
    /// As [`Restart`](Self::Restart), and its program does not go on with its last conversation.
    RestartFresh(AgentId),
    /// What a start of an agent would do.
    ReadStart(AgentId),
}

/// What becomes of a text for an agent that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenBusy {
    /// It is refused.
    Refuse,
    /// It is kept, behind what is kept already, and typed when the agent is idle: at once, if it is. So it is also if it asks, or does not
    /// run.
    Queue,
}

/// A text that waits until an agent is idle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedText {
    /// Its number among those of the agent; later ones have larger ones.
    pub number: u64,
    /// The text.
    pub text: String,
    /// Its terminal, or the active one.
    pub pane: Option<u32>,
    /// When it was queued, by the clock of who did.
    pub unix_ms: u64,
    /// What has become of it.
    pub fate: Fate,
}

/// What has become of a queued text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It waits.
    Waiting,
    /// It is being typed.
    Typing,
    /// It may have been typed or not, and why that is not known. It is not typed again unless a person wants that.
    Unknown(String),
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerWith {
    /// One of its choices, by its key.
    Choice(String),
    /// A text, if the question takes one.
    Text(String),
}

/// What a member may do on the agents of other nodes. Enforced by the node that owns the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rights {
    /// Look at lists, terminals and notes; not at the machine's directories.
    View,
    /// Everything that the owner's own dashboard can do.
    #[default]
    Operate,
}

/// What an agent is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The agent as it is now is in the view.
    Agent(AgentAddress),
    /// The agent is gone.
    Deleted(AgentAddress),
    /// The mesh is as asked; the node is in the view (or no longer).
    Node(NodeId),
    /// The notes are stored.
    Notes {
        /// Their new revision.
        revision: u64,
    },
    /// The notes as they are.
    NotesText {
        /// The text.
        notes: String,
        /// Their revision.
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
    /// The directories in a directory.
    Directory(Listing),
    /// The answer was typed.
    Answered,
    /// Why the agent's state is what it is.
    Explained {
        /// The name of the rules by which its screen was read; empty: those for programs that nobody knows.
        rules: String,
        /// Every signal.
        evidence: Vec<Evidence>,
    },
    /// The text is in the queue.
    Queued {
        /// Its number.
        number: u64,
        /// How many are typed before it.
        ahead: usize,
    },
    /// The queue.
    Queue {
        /// The texts, the next one first.
        #[serde(deserialize_with = "crate::bounded::at_most::<_, _, { crate::limits::QUEUE_TEXTS }>")]
        texts: Vec<QueuedText>,
        /// Why the first one is not typed now; empty: it is about to be, or there is none.
        held: String,
    },
    /// What runs in the foreground.
    Process(ProcessInfo),
    /// The text was pasted and Enter pressed, and the program's screen was looked at since.
    Sent {
        /// Bytes of the text.
        bytes: usize,
        /// The text has gone; else it is on the program's line still.
        submitted: bool,
    },
    /// The agent programs that are known by name.
    Programs(Programs),
    /// What a start would do.
    Start(StartInfo),
}
