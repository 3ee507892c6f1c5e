//! What a runtime tells the node. A closed enum: a new variant breaks every runtime until it answers it.
//!
//! All of it can be encoded, for recordings: whoever has the sequence has the run.

use crate::command::Command;
use crate::directory::signal::Session;
use crate::directory::{BackendKind, Signal};
use crate::id::{
    AgentAddress, AgentId, CommandId, DialId, Generation, LinkId, NodeId, OperationId, Size, StoreId, StreamId,
    TerminalId, ViewerId, ViewerKey,
};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize, Serializer};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input<'a> {
    /// The moment of [`next_deadline`](crate::Node::next_deadline) has come (or passed).
    Wake,
    /// Something a backend (tmux, PTY) found out or finished.
    Backend(BackendInput),
    /// Something that happened on a terminal. The inputs of one terminal are one ordered sequence: a snapshot describes
    /// the terminal after exactly the output that was handed in before it.
    Terminal(TerminalId, #[serde(borrow)] TerminalInput<'a>),
    /// Something that a viewer's connection brought.
    Viewer(ViewerId, #[serde(borrow)] ViewerInput<'a>),
    /// A person or program asks a node for something. Answered by exactly one `Output::Reply`.
    Command(CommandId, NodeId, Command),
    /// Something that happened on a connection to another node.
    Link(LinkId, #[serde(borrow)] LinkInput<'a>),
    /// `Output::Dial` led to no connection, and why, in words for a person.
    DialFailed(DialId, String),
    /// Where other nodes can reach this one, best first; replaces what was said before. A change of network: who was out of reach may
    /// be in reach now, and is dialled at once.
    Network(Vec<Address>),
    /// The answer to `Output::Store`.
    Stored(StoreId, Result<(), StoreFailure>),
}

/// What backends report about agents, whoever looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendInput {
    /// The backend can carry agents; `detail` says what it is ("tmux 3.3a").
    Available(BackendKind, String),
    /// It cannot, and why, in words for a person ("tmux is not installed: apt install tmux"). What it carried is out of sight:
    /// terminals end for their viewers. Whether it has ended is known when the backend is available and has listed all again.
    Unavailable(BackendKind, String),
    /// All carriers that exist now have been reported since the backend became available: what is missing is missing.
    Listed(BackendKind),
    /// A carrier exists and looks like this. Replaces what was said of it before.
    Seen(Observation),
    /// A carrier that was seen has ended.
    Gone(AgentId),
    /// An operation is finished. `Seen` or `Gone` for its effects come before it.
    Done(OperationId, Result<OperationDone, OperationError>),
}

/// A carrier (tmux session, PTY) as its backend sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The id that the carrier is marked with; for one that is not marked, an id derived from what does not change while it
    /// lives.
    pub agent: AgentId,
    /// Which backend carries it.
    pub backend: BackendKind,
    /// The session's name as the backend really has it.
    pub name: String,
    /// Working directory the session was made in.
    pub directory: String,
    /// Unix time of its creation, in milliseconds.
    pub created_unix_ms: u64,
    /// Its terminals, in the order in which a person sees them.
    pub terminals: Vec<TerminalInfo>,
    /// Somebody else's terminal program shows it too and decides its size (for tmux: an attached client that is not ours).
    pub shown_elsewhere: bool,
}

/// One terminal of a carrier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TerminalInfo {
    /// Number within the agent; see [`TerminalId::pane`].
    pub pane: u32,
    /// The title that the program set; empty if none.
    pub title: String,
    /// The command that runs in the foreground ("node").
    pub command: String,
    /// Whether that command is only a shell that waits for commands.
    pub shell: bool,
    /// Window as the backend names it ("1:zsh"); empty for a PTY.
    pub window: String,
    /// The one that keyboard input goes to when nobody says which.
    pub active: bool,
    /// Its size now.
    pub size: Size,
    /// Column and row of its first cell within its window, from 0: how a window with several terminals is laid out.
    pub corner: (u16, u16),
    /// Its number in its window, as the backend shows it; 0 for a PTY.
    pub index: u32,
    /// How the agent's program ended, if it did: its exit status, or 128 + signal.
    pub exit_code: Option<i32>,
    /// A number that changes when the terminal printed something; coarse is enough (tmux: seconds).
    pub activity: u64,
    /// The program rang the bell and nobody has looked since.
    pub bell: bool,
}

/// What a backend reports about one terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminalInput<'a> {
    /// It printed these bytes. Only while watched.
    Output(#[serde(serialize_with = "as_bytes")] &'a [u8]),
    /// It printed something that the backend did not deliver (flood control, a lost connection to tmux). What viewers have cannot
    /// be continued; they need a snapshot.
    Skipped,
    /// The answer to `TerminalOutput::Snapshot`: bytes that bring a terminal emulator that was reset to `size` to the present
    /// history, screen, cursor and modes.
    Snapshot {
        /// Size of the terminal that the bytes are for.
        size: Size,
        /// At most [`SNAPSHOT_BYTES`](crate::limits::SNAPSHOT_BYTES).
        #[serde(serialize_with = "as_bytes")]
        bytes: &'a [u8],
    },
    /// Its size has changed, by whoever's act. Implies `Skipped`: reflowed screens are taken anew.
    Resized(Size),
    /// The first `bytes` of what was handed over with `TerminalOutput::Write` and not yet confirmed are written.
    Written {
        /// Count of bytes.
        bytes: usize,
    },
    /// Writing failed: everything handed over and not yet confirmed is lost. The reason is for a person. Whoever says so sees to it
    /// that nothing of what core hands over before it has taken this is written later.
    WriteFailed(String),
    /// Something that its program shows or says of itself.
    Signal(Signal),
    /// The terminal has ended. Nothing follows.
    Closed,
}

/// What a viewer's connection brings. `Opened` is the first, `Closed` the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ViewerInput<'a> {
    /// A viewer said who it is. Of several connections with the same key only the newest types; the streams of the others go on.
    Opened(ViewerKey),
    /// There is room for one more frame on the connection. Given once per frame of room; core never sends without.
    Writable,
    /// Look at a terminal.
    Attach {
        /// The stream's number, unused among the viewer's open streams.
        stream: StreamId,
        /// The agent, on whatever node.
        agent: AgentAddress,
        /// The pane, or the active one.
        pane: Option<u32>,
        /// Where the viewer wants to go on: what it has already.
        from: Option<(Generation, u64)>,
        /// What would fit there.
        size: Option<Size>,
        /// Whether to take the size lease.
        take: Take,
    },
    /// The space at the viewer is now this large.
    Resize {
        /// The stream.
        stream: StreamId,
        /// What fits.
        size: Size,
        /// Whether to take the size lease.
        take: Take,
    },
    /// Give the size lease back.
    Release(StreamId),
    /// Everything before this offset is processed. Absolute; a smaller one than before is harmless.
    Ack {
        /// The stream.
        stream: StreamId,
        /// The offset.
        offset: u64,
    },
    /// Numbered input of this viewer (by its key) to the stream's terminal.
    Input {
        /// The stream.
        stream: StreamId,
        /// How many `Attached` and `InputLost` of the stream the viewer had when it sent this. It counts only if there were no more:
        /// each of them says with which number the viewer goes on, and what crossed it has an old one.
        heard: u32,
        /// 1, 2, 3 … per viewer key and terminal.
        seq: u64,
        /// At most [`INPUT_CHUNK_BYTES`](crate::limits::INPUT_CHUNK_BYTES).
        bytes: &'a [u8],
    },
    /// Stop looking.
    Detach(StreamId),
    /// A person has looked at this agent.
    Seen(AgentAddress),
    /// The connection is gone.
    Closed,
}

/// What a connection to another node brings. `Opened` is the first, `Closed` the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkInput<'a> {
    /// The connection is there and the other end has proven that it is `peer`.
    Opened {
        /// Who is at the other end.
        peer: NodeId,
        /// The dial that this answers; `None`: the other end dialled.
        dial: Option<DialId>,
    },
    /// The other end's `Output::Transmit`, whole, in order, once. At most [`LINK_FRAME_BYTES`](crate::limits::LINK_FRAME_BYTES).
    Frame(#[serde(serialize_with = "as_bytes")] &'a [u8]),
    /// There is room for so many more frames on the connection. Each piece of room is told once, alone or together with others; core
    /// never sends without. A runtime may keep some back while core has at least two: parcels leave one for the mesh's own frames.
    Writable(u32),
    /// The connection is gone.
    Closed,
}

/// Where a node can be dialled, as a person or the runtime writes it ("192.168.1.7:23000"). Opaque to core; 1 to
/// [`ADDRESS_BYTES`](crate::limits::ADDRESS_BYTES) bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address(pub String);

/// When a viewer wants the size lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Take {
    /// Not at all: only looking.
    Never,
    /// If nobody holds it and nobody else's terminal shows the agent.
    IfFree,
    /// Now, from whoever holds it: a person said so.
    Always,
}

/// What a finished operation gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationDone {
    /// It is done.
    Done,
    /// `Paste`: whether Enter was pressed after the text was taken.
    Pasted {
        /// Enter was asked for and pressed.
        submitted: bool,
    },
    /// `ReadText`: the plain text with what it needs to be understood.
    Text(ScreenText),
    /// `Output::ListDirectory`: what is in it.
    Listed(Listing),
    /// `ReadProcess`: what runs.
    Process(ProcessInfo),
    /// `Output::ListPrograms`: which there are.
    Programs(Programs),
    /// `Launch` and `ReadStart`: what a start did, or would do, beside starting the program.
    Start(StartInfo),
}

/// A terminal's content as plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScreenText {
    /// Size of the terminal.
    pub size: Size,
    /// Cursor column and row on the screen, from 0.
    pub cursor: (u16, u16),
    /// Lines of history and screen, each ended by a line feed, trailing spaces removed.
    pub text: String,
}

/// What runs in the foreground of a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// The program; `None`: a shell that waits for commands.
    pub program: Option<String>,
    /// Its arguments.
    #[serde(deserialize_with = "crate::bounded::at_most::<_, _, { crate::limits::ARGUMENTS }>")]
    pub args: Vec<String>,
    /// Its directory, absolute.
    pub directory: String,
}

/// How the program of an agent begins: whether it goes on with a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartInfo {
    /// The conversation that it goes on with; `None`: it begins a new one.
    pub session: Option<Session>,
    /// For a conversation: the program and its arguments, as a person would type them.
    #[serde(deserialize_with = "crate::bounded::at_most::<_, _, { crate::limits::STARTED_WORDS }>")]
    pub command: Vec<String>,
    /// Why it begins a new conversation although there was one, for a person; else empty.
    pub why: String,
}

/// The directories in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The directory itself, absolute.
    pub path: String,
    /// The home directory of the node's user, absolute.
    pub home: String,
    /// In the order in which a person wants to see them; of very many, the first
    /// [`DIRECTORY_ENTRIES`](crate::limits::DIRECTORY_ENTRIES) that were found.
    #[serde(deserialize_with = "crate::bounded::at_most::<_, _, { crate::limits::DIRECTORY_ENTRIES }>")]
    pub entries: Vec<ListedDirectory>,
}

/// One directory of a [`Listing`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedDirectory {
    /// Its name.
    pub name: String,
    /// Whether it is the top of a git working tree.
    pub git: bool,
}

/// Which agent programs that are known by name agents of a machine find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Programs {
    /// Where they are looked for: the `PATH` of agents.
    pub path: String,
    /// All that are known, found or not; at most [`PROGRAMS`](crate::limits::PROGRAMS).
    #[serde(deserialize_with = "crate::bounded::at_most::<_, _, { crate::limits::PROGRAMS }>")]
    pub programs: Vec<KnownProgram>,
}

/// An agent program that is known by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownProgram {
    /// Its name.
    pub name: String,
    /// Where it is, if it was found.
    pub path: Option<String>,
    /// Its version, if it said one.
    pub version: Option<String>,
    /// It is being asked for its version.
    pub checking: bool,
}

/// Why an operation failed. `message` says what happened, `hint` what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationError {
    /// Stable name for programs.
    pub code: Cow<'static, str>,
    /// For a person.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// Why the store could not keep something ("No space left on device").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreFailure(pub String);

/// The bytes in one piece, which is encoded like a list of them, and faster.
fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}
