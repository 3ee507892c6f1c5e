//! Agents, nodes and control messages as JSON, exactly as the protocol pages say.

use consort_core::directory::{BackendKind, Desired, Origin, Source, StateKind, place};
use consort_core::view::{AgentView, View};
use consort_core::{AgentAddress, Holder, Instant, NodeId, limits};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a node knows of itself that core does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its identity.
    pub id: NodeId,
    /// Version of the program.
    pub version: &'static str,
    /// Home directory of its user.
    pub home: String,
}

/// `AGENT` of the protocol.
#[derive(Debug, Serialize)]
pub struct Agent<'a> {
    id: String,
    node: String,
    name: &'a str,
    path: Vec<&'a str>,
    leaf: &'a str,
    backend: &'static str,
    managed: bool,
    origin: &'static str,
    running: bool,
    wanted: &'static str,
    autostart: bool,
    state: State<'a>,
    program: Option<&'a str>,
    args: &'a [String],
    directory: &'a str,
    notes: &'a str,
    notes_revision: u64,
    tags: &'a [String],
    created_unix_ms: u64,
    terminals: Vec<Terminal<'a>>,
}

#[derive(Debug, Serialize)]
struct State<'a> {
    kind: &'static str,
    why: &'a str,
    source: &'static str,
    age_ms: u64,
}

#[derive(Debug, Serialize)]
struct Terminal<'a> {
    id: u32,
    title: &'a str,
    command: &'a str,
    cols: u16,
    rows: u16,
    active: bool,
    window: &'a str,
    exit_code: Option<i32>,
}

impl<'a> Agent<'a> {
    /// The agent as the node behind `at` sees it at `now`, which its state's age is counted to.
    #[must_use]
    pub fn new(at: View<'_>, view: &AgentView<'a>, now: Instant) -> Self {
        let place = place(view.name);
        Agent {
            id: AgentAddress { node: view.node, agent: view.id }.written_at(at.id()),
            node: view.node.to_string(),
            name: view.name,
            path: place.path,
            leaf: place.leaf,
            backend: backend_name(view.backend),
            managed: view.managed,
            origin: match view.origin {
                Origin::Created => "created",
                Origin::Found => "found",
            },
            running: view.running,
            wanted: match view.desired {
                Desired::Running => "running",
                Desired::Stopped => "stopped",
            },
            autostart: view.autostart,
            state: State {
                kind: kind_name(view.state.kind),
                why: &view.state.why,
                source: source_name(view.state.source),
                age_ms: now.since(view.state.since).as_millis(),
            },
            program: view.program,
            args: view.args,
            directory: view.directory,
            notes: view.notes,
            notes_revision: view.notes_revision,
            tags: view.tags,
            created_unix_ms: view.created_unix_ms,
            terminals: view.terminals.iter().map(Terminal::new).collect(),
        }
    }
}

impl<'a> Terminal<'a> {
    fn new(info: &'a consort_core::TerminalInfo) -> Self {
        Terminal {
            id: info.pane,
            title: &info.title,
            command: &info.command,
            cols: info.size.cols(),
            rows: info.size.rows(),
            active: info.active,
            window: &info.window,
            exit_code: info.exit_code,
        }
    }
}

/// The name of a backend in the API.
#[must_use]
pub fn backend_name(kind: BackendKind) -> &'static str {
    match kind {
        BackendKind::Tmux => "tmux",
        BackendKind::Pty => "pty",
    }
}

fn kind_name(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Working => "working",
        StateKind::Waiting => "waiting",
        StateKind::Idle => "idle",
        StateKind::Done => "done",
        StateKind::Exited => "exited",
        StateKind::Unknown => "unknown",
    }
}

fn source_name(source: Source) -> &'static str {
    match source {
        Source::Hook => "hook",
        Source::Title => "title",
        Source::Screen => "screen",
        Source::Output => "output",
        Source::Bell => "bell",
        Source::Process => "process",
        Source::None => "none",
    }
}

/// `NODE` of the protocol.
#[derive(Debug, Serialize)]
pub struct Node<'a> {
    id: String,
    short: String,
    name: &'a str,
    version: &'a str,
    #[serde(rename = "self")]
    own: bool,
    reachable: bool,
    backends: Backends<'a>,
    home: &'a str,
}

#[derive(Debug, Serialize)]
struct Backends<'a> {
    tmux: Backend<'a>,
    pty: Backend<'a>,
}

#[derive(Debug, Serialize)]
struct Backend<'a> {
    available: bool,
    detail: &'a str,
}

impl<'a> Node<'a> {
    /// The node that serves.
    #[must_use]
    pub fn own(view: View<'a>, facts: &'a NodeFacts) -> Self {
        let backend = |kind| {
            let seen = view.backend(kind);
            Backend { available: seen.available, detail: seen.detail }
        };
        Node {
            id: view.id().to_string(),
            short: view.id().short(),
            name: view.name(),
            version: facts.version,
            own: true,
            reachable: true,
            backends: Backends { tmux: backend(BackendKind::Tmux), pty: backend(BackendKind::Pty) },
            home: &facts.home,
        }
    }
}

/// Text frames of the node: the member `t` says which.
#[derive(Debug, Serialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "every field is described with its message in ARCHITECTURE.md")]
pub enum Control<'a> {
    /// Answer to `hello`.
    Welcome { protocol: u32, node: Node<'a>, instance: String, limits: Limits },
    /// The whole list of agents.
    Agents { all: Vec<Agent<'a>> },
    /// One agent is new or has changed.
    Agent { agent: Agent<'a> },
    /// An agent is no longer there.
    AgentGone { id: String },
    /// Hue in degrees of every first-level category.
    Categories { hues: &'a BTreeMap<String, u16> },
    /// The machines.
    Nodes { all: Vec<Node<'a>> },
    /// A stream is open.
    Attached {
        s: u32,
        agent: String,
        terminal: u32,
        generation: String,
        offset: u64,
        input_seq: u64,
        input_known: bool,
        cols: u16,
        rows: u16,
        holder: HolderName,
    },
    /// Size or holder of the size changed.
    Size { s: u32, cols: u16, rows: u16, holder: HolderName },
    /// All input up to `seq` is written.
    InputAck { s: u32, seq: u64 },
    /// Input from `seq` on was not written.
    InputLost { s: u32, seq: u64, message: &'a str },
    /// Permanent end of a stream.
    Ended { s: u32, reason: &'a str, message: &'a str },
    /// The last message was not understood; the socket is closed next.
    Error { code: &'a str, message: String, hint: &'a str },
    /// Answer to `ping`.
    Pong { id: u64 },
}

impl<'a> Control<'a> {
    /// The answer to `hello`.
    #[must_use]
    pub fn welcome(view: View<'a>, facts: &'a NodeFacts) -> Self {
        Control::Welcome {
            protocol: crate::frames::PROTOCOL,
            node: Node::own(view, facts),
            instance: hex(view.instance()),
            limits: Limits::OURS,
        }
    }

    /// The whole list of agents.
    #[must_use]
    pub fn agents(view: View<'a>, now: Instant) -> Self {
        Control::Agents { all: view.agents().map(|agent| Agent::new(view, &agent, now)).collect() }
    }

    /// The colours of the categories.
    #[must_use]
    pub fn categories(view: View<'a>) -> Self {
        Control::Categories { hues: view.hues() }
    }

    /// The machines: as long as there are no links, this one.
    #[must_use]
    pub fn nodes(view: View<'a>, facts: &'a NodeFacts) -> Self {
        Control::Nodes { all: vec![Node::own(view, facts)] }
    }
}

impl From<&crate::frames::ProtocolError> for Control<'static> {
    fn from(error: &crate::frames::ProtocolError) -> Self {
        Control::Error { code: error.code(), message: error.to_string(), hint: error.hint() }
    }
}

/// Bounds that a browser must know.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    window_bytes: u64,
    input_chunk_bytes: usize,
    input_window_bytes: usize,
}

impl Limits {
    const OURS: Limits = Limits {
        window_bytes: limits::WINDOW_BYTES,
        input_chunk_bytes: limits::INPUT_CHUNK_BYTES,
        input_window_bytes: limits::INPUT_WINDOW_BYTES,
    };
}

/// Who decides a terminal's size, as the browser that reads it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HolderName {
    /// This stream.
    You,
    /// Somebody else.
    Other,
    /// Nobody.
    None,
}

impl From<Holder> for HolderName {
    fn from(holder: Holder) -> Self {
        match holder {
            Holder::You => HolderName::You,
            Holder::Other => HolderName::Other,
            Holder::Nobody => HolderName::None,
        }
    }
}

/// A number that JavaScript could not hold, as 16 hexadecimal digits.
#[must_use]
pub fn hex(number: u64) -> String {
    format!("{number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{Frame, control};

    fn text(message: &Control<'_>) -> String {
        match control(message) {
            Frame::Text(text) => text,
            Frame::Binary(_) => panic!("control is text"),
        }
    }

    #[test]
    fn control_messages_are_those_of_the_protocol() {
        let hues = BTreeMap::from([("customers".to_owned(), 210)]);
        assert_eq!(text(&Control::Categories { hues: &hues }), r#"{"t":"categories","hues":{"customers":210}}"#);
        assert_eq!(text(&Control::AgentGone { id: "ID".into() }), r#"{"t":"agent-gone","id":"ID"}"#);
        assert_eq!(text(&Control::Agents { all: vec![] }), r#"{"t":"agents","all":[]}"#);
        assert_eq!(text(&Control::Nodes { all: vec![] }), r#"{"t":"nodes","all":[]}"#);
        assert_eq!(text(&Control::Pong { id: 5 }), r#"{"t":"pong","id":5}"#);
        let error = Control::from(&crate::frames::ProtocolError::Version(2));
        assert_eq!(
            text(&error),
            r#"{"t":"error","code":"version","message":"The page speaks version 2 of the protocol, the node version 1.","hint":"Reload the page."}"#
        );
    }

    #[test]
    fn the_limits_are_those_of_core() {
        let limits = serde_json::to_string(&Limits::OURS).unwrap();
        assert_eq!(limits, r#"{"window_bytes":524288,"input_chunk_bytes":16384,"input_window_bytes":65536}"#);
    }

    #[test]
    fn numbers_that_javascript_cannot_hold_are_sixteen_digits() {
        assert_eq!(hex(0), "0000000000000000");
        assert_eq!(hex(u64::MAX), "ffffffffffffffff");
    }
}
