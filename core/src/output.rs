//! What the node wants done. A closed enum: a new variant breaks every runtime until it does it.

use crate::act::Act;
use crate::command::Reply;
use crate::directory::BackendKind;
use crate::directory::signal::Session;
use crate::error::{PeerFault, Refusal};
use crate::id::{
    AgentAddress, AgentId, CommandId, DialId, Generation, LinkId, NodeId, OperationId, Size, StoreId, StreamId,
    TerminalId, ViewerId,
};
use crate::input::Address;
use crate::streams::Bytes;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// For the backend that carries the terminal.
    Terminal(TerminalId, TerminalOutput),
    /// For a viewer's connection. Uses one frame of the room given by `ViewerInput::Writable`.
    Viewer(ViewerId, ViewerOutput),
    /// For a backend; answered by `BackendInput::Done`.
    Backend(OperationId, BackendOperation),
    /// List the directories in a directory, as in [`Command::ListDirectory`](crate::Command::ListDirectory); answered by
    /// `BackendInput::Done`.
    ListDirectory(OperationId, String),
    /// List the agent programs that agents of this machine find; answered by `BackendInput::Done`.
    ListPrograms(OperationId),
    /// The answer to a command.
    Reply(CommandId, Result<Reply, Refusal>),
    /// For the store, in order; answered by `Input::Stored`.
    Store(StoreId, StoreOperation),
    /// Connect to a node at an address, and let both ends prove who they are. Answered by `LinkInput::Opened` with this number or by
    /// `Input::DialFailed`.
    Dial(DialId, NodeId, Address),
    /// One frame for a link. Uses one frame of the room given by `LinkInput::Writable`.
    Transmit(LinkId, Vec<u8>),
    /// End a connection once what was transmitted is on its way; `LinkInput::Closed` follows.
    CloseLink(LinkId),
    /// Something happened that others may want to know: lists in browsers, the audit log.
    Event(Event),
}

/// What a backend does with one terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalOutput {
    /// Somebody looks: deliver output from now on.
    Watch,
    /// Nobody looks any more: output need not be delivered.
    Unwatch,
    /// Deliver a snapshot, in order with the output.
    Snapshot {
        /// Lines of history at most.
        history_lines: u32,
    },
    /// Write these bytes, in order, each once; confirm with `Written`.
    Write(Vec<u8>),
    /// Make it this large; `Resized` follows when it is.
    Resize(Size),
    /// The size lease was given back: whoever else shows the terminal decides; if nobody does, it gets the size that it had before.
    ReleaseSize,
    /// Read the visible text once (`Signal::Screen`), for the state of the agent.
    ReadScreen,
}

/// What goes to a viewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ViewerOutput {
    /// The stream is open. Said again when the way to another node's terminal was interrupted: the viewer goes on as after a reconnect
    /// of its own. It counts as having processed what is before `offset`, and repeats the input after `input_seq`.
    Attached {
        /// The stream.
        stream: StreamId,
        /// The node of the terminal.
        node: NodeId,
        /// The terminal it shows.
        terminal: TerminalId,
        /// The numbering that offsets belong to.
        generation: Generation,
        /// Where the stream goes on. `Data` at the viewer's own offset, or a `Snapshot`, follows.
        offset: u64,
        /// The last input of this viewer that is written.
        input_seq: u64,
        /// Whether all input after `input_seq` is known not to be written: the viewer repeats it. If not (the terminal does not
        /// remember the viewer, or a part was written before writing failed), it may or may not have arrived.
        input_known: bool,
        /// Size of the terminal.
        size: Size,
        /// Who decides it.
        holder: Holder,
    },
    /// Output bytes from `offset` on.
    Data {
        /// The stream.
        stream: StreamId,
        /// Offset of the first byte.
        offset: u64,
        /// At most [`FRAME_BYTES`](crate::limits::FRAME_BYTES).
        bytes: Bytes,
    },
    /// Replaces screen, scrollback and modes; data goes on at `offset`.
    Snapshot {
        /// The stream.
        stream: StreamId,
        /// The numbering that offsets belong to.
        generation: Generation,
        /// Offset of the next data byte.
        offset: u64,
        /// Size to reset the emulator to.
        size: Size,
        /// What to write to it.
        bytes: Bytes,
    },
    /// Size or holder have changed.
    Size {
        /// The stream.
        stream: StreamId,
        /// Size of the terminal.
        size: Size,
        /// Who decides it.
        holder: Holder,
    },
    /// All input up to `seq` is written.
    InputAck {
        /// The stream.
        stream: StreamId,
        /// The last one written.
        seq: u64,
    },
    /// All input before `seq` is written; `seq` and all after it that was sent until now is not and will not be. The viewer goes on
    /// with the number `seq`.
    InputLost {
        /// The stream.
        stream: StreamId,
        /// The first one lost.
        seq: u64,
        /// Why, for a person.
        message: String,
    },
    /// The stream has ended for good.
    Ended {
        /// The stream.
        stream: StreamId,
        /// Why.
        reason: EndReason,
    },
}

impl ViewerOutput {
    /// The stream that it belongs to.
    pub(crate) fn stream_mut(&mut self) -> &mut StreamId {
        match self {
            ViewerOutput::Attached { stream, .. }
            | ViewerOutput::Data { stream, .. }
            | ViewerOutput::Snapshot { stream, .. }
            | ViewerOutput::Size { stream, .. }
            | ViewerOutput::InputAck { stream, .. }
            | ViewerOutput::InputLost { stream, .. }
            | ViewerOutput::Ended { stream, .. } => stream,
        }
    }
}

/// Who holds the size lease of a terminal, as one viewer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// This stream.
    You,
    /// Another viewer, or somebody else's terminal program.
    Other,
    /// Nobody.
    Nobody,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    /// The terminal is gone: its program ended or somebody closed it.
    Exited,
    /// There is no such agent or terminal.
    Unknown,
    /// A bound was reached.
    TooMany,
}

/// Work for a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendOperation {
    /// Start a carrier for the agent, marked with its id. `Seen` comes before `Done`.
    Launch(LaunchSpec),
    /// Say what a launch would do.
    ReadStart(LaunchSpec),
    /// End the carrier and what runs in it. `Gone` comes before `Done`.
    Kill(AgentId),
    /// Give the carrier another name.
    Rename(AgentId, String),
    /// Mark the carrier with the agent's id (user option of a tmux session): it is managed from now on.
    Mark(AgentId),
    /// Write a text as a terminal would paste it (bracketed if the program asked for that) and, if `submit`, press Enter
    /// once the program has taken it.
    Paste {
        /// The terminal.
        terminal: TerminalId,
        /// The text, UTF-8; line feeds become carriage returns.
        text: String,
        /// Press Enter afterwards.
        submit: bool,
    },
    /// Write these bytes as keys, in one piece: the answer to a question.
    Type {
        /// The terminal.
        terminal: TerminalId,
        /// The keys.
        bytes: Vec<u8>,
    },
    /// Give the program that runs in the foreground, with its arguments and its directory.
    ReadProcess {
        /// The terminal.
        terminal: TerminalId,
    },
    /// Give history and screen as plain text.
    ReadText {
        /// The terminal.
        terminal: TerminalId,
        /// Lines of history before the screen.
        history_lines: u32,
    },
}

/// Everything needed to start an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchSpec {
    /// The agent; goes into the carrier's mark and its environment.
    pub agent: AgentId,
    /// Which backend.
    pub backend: BackendKind,
    /// The session's name.
    pub name: String,
    /// Working directory; `~` and `~/…` mean the home directory.
    pub directory: String,
    /// Program to run, or the user's shell.
    pub program: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables added to the environment.
    pub env: Vec<(String, String)>,
    /// Variables of the shell that it was created from, for which any other of the same name counts more.
    pub caller: Vec<(String, String)>,
    /// Size to start with.
    pub size: Size,
    /// What is known of its last conversation; `None`: it begins a new one whatever there was.
    pub last: Option<Box<LastConversation>>,
}

/// What is known of the conversation that an agent's program was in last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastConversation {
    /// The conversation, by the word of a hook or of the last start.
    pub session: Option<Session>,
    /// When its carrier was made last, in Unix milliseconds; 0: it has never run.
    pub started_unix_ms: u64,
    /// The ids of other agents' conversations: it goes on with none of them.
    pub others: Vec<String>,
}

/// A change of what survives a restart. Keys are file-name safe ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOperation {
    /// Keep these bytes under this key, replacing what was there.
    Put {
        /// `agent-…`, `node-…`, `mesh`.
        key: String,
        /// Opaque to the runtime.
        bytes: Vec<u8>,
    },
    /// Forget this key.
    Remove {
        /// `agent-…`, `node-…`, `mesh`.
        key: String,
    },
}

/// News. Coalescing and encoding are the runtime's business: an event names what changed, `view` says how it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An agent is new or differs from before.
    AgentChanged(AgentAddress),
    /// An agent is no longer there.
    AgentRemoved(AgentAddress),
    /// The colours of the categories differ from before.
    CategoriesChanged,
    /// A node is new in the mesh, or something about it differs (name, reachability, which backends are available).
    NodeChanged(NodeId),
    /// A node is no longer a member.
    NodeRemoved(NodeId),
    /// A link was closed because the other end broke a rule.
    LinkFault(NodeId, PeerFault),
    /// A viewer began to look at a terminal of this node.
    Attached(Who, TerminalId),
    /// A viewer typed into a terminal of this node; only the count is told. Coalesced to one per stream and minute.
    Typed(Who, TerminalId, u64),
    /// Somebody at another node has changed something here, or was refused. Who types and may not is told once per stream and minute.
    Acted(NodeId, Act, Result<(), Refusal>),
}

/// Who looks or asks, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A viewer of this node.
    Viewer(ViewerId),
    /// Somebody at another node.
    Node(NodeId),
}
