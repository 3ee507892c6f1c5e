//! Agents, nodes and control messages as JSON, exactly as the protocol pages say.

use crate::lines::Lines;
use crate::tmux::TmuxReport;
use consort_core::directory::signal::{Asked, QuestionKind, Session};
use consort_core::directory::{BackendKind, Desired, Origin, Source, StateKind, place};
use consort_core::view::{AgentView, NodeView, View};
use consort_core::{AgentAddress, Holder, Instant, NodeId, Rights, limits};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What a node knows of itself that core does not.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// Its identity.
    pub id: NodeId,
    /// Version of the program.
    pub version: &'static str,
    /// Home directory of its user.
    pub home: String,
    /// Its links to other nodes.
    pub lines: Lines,
    /// Where its dashboard is served.
    pub serving: Vec<SocketAddr>,
    /// The name of the tmux server whose sessions it shows; `None`: the default one.
    pub tmux_socket: Option<String>,
    /// Its log file, if it runs in the background.
    pub log: Option<String>,
    /// What it sees of tmux.
    pub tmux: TmuxReport,
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
    queued: usize,
    /// The conversation that its program is in, by its hooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a Session>,
}

#[derive(Debug, Serialize)]
struct State<'a> {
    kind: &'static str,
    why: &'a str,
    source: &'static str,
    age_ms: u64,
    question: Option<Question<'a>>,
}

/// `QUESTION` of the protocol.
#[derive(Debug, Serialize)]
struct Question<'a> {
    id: String,
    terminal: u32,
    kind: &'static str,
    text: &'a str,
    detail: &'a str,
    choices: Vec<Choice<'a>>,
    free_text: bool,
}

#[derive(Debug, Serialize)]
struct Choice<'a> {
    key: &'a str,
    label: &'a str,
}

impl<'a> Question<'a> {
    fn new(asked: &'a Asked) -> Self {
        let question = &asked.question;
        Question {
            id: hex(asked.id),
            terminal: asked.pane,
            kind: match question.kind {
                QuestionKind::Question => "question",
                QuestionKind::Permission => "permission",
                QuestionKind::Plan => "plan",
                QuestionKind::Trust => "trust",
                QuestionKind::Login => "login",
            },
            text: &question.text,
            detail: &question.detail,
            choices: question.choices.iter().map(|choice| Choice { key: &choice.key, label: &choice.label }).collect(),
            free_text: question.free_text,
        }
    }
}

#[derive(Debug, Serialize)]
struct Terminal<'a> {
    id: u32,
    title: &'a str,
    command: &'a str,
    cols: u16,
    rows: u16,
    left: u16,
    top: u16,
    index: u32,
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
                age_ms: view.state.age(now).as_millis(),
                question: view.state.asked.as_ref().map(Question::new),
            },
            program: view.program,
            args: view.args,
            directory: view.directory,
            notes: view.notes,
            notes_revision: view.notes_revision,
            tags: view.tags,
            created_unix_ms: view.created_unix_ms,
            terminals: view.terminals.iter().map(Terminal::new).collect(),
            queued: view.queued,
            session: view.session,
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
            left: info.corner.0,
            top: info.corner.1,
            index: info.index,
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

/// The names of all states.
pub(crate) const STATES: [&str; 7] = ["working", "waiting", "failed", "done", "idle", "exited", "unknown"];

/// The name of a state in the API.
#[must_use]
pub fn kind_name(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Working => "working",
        StateKind::Waiting => "waiting",
        StateKind::Idle => "idle",
        StateKind::Done => "done",
        StateKind::Exited => "exited",
        StateKind::Unknown => "unknown",
        StateKind::Failed => "failed",
    }
}

/// The name of a source in the API.
#[must_use]
pub fn source_name(source: Source) -> &'static str {
    match source {
        Source::Hook => "hook",
        Source::Title => "title",
        Source::Screen => "screen",
        Source::Output => "output",
        Source::Bell => "bell",
        Source::Process => "process",
        Source::Status => "status",
        Source::None => "none",
    }
}

/// `NODE` of the protocol.
#[derive(Debug, Serialize)]
pub struct Node<'a> {
    id: String,
    short: String,
    name: &'a str,
    version: String,
    #[serde(rename = "self")]
    own: bool,
    member: bool,
    removed: bool,
    reachable: bool,
    since_ms: u64,
    backends: Backends<'a>,
    home: &'a str,
    rights: &'static str,
    addresses: Vec<&'a str>,
    via: Option<String>,
    hops: u8,
    address: Option<String>,
    dialled: Option<bool>,
    latency_ms: Option<f64>,
    protocol: Option<(u16, u16)>,
    incompatible: bool,
    conflict: bool,
}

#[derive(Debug, Serialize)]
struct Backends<'a> {
    tmux: Backend<'a>,
    pty: Backend<'a>,
}

#[derive(Debug, Default, Serialize)]
struct Backend<'a> {
    available: bool,
    detail: &'a str,
}

impl<'a> Node<'a> {
    /// The node that serves.
    #[must_use]
    pub fn own(view: View<'a>, now: Instant, facts: &'a NodeFacts) -> Self {
        let backend = |kind| {
            let seen = view.backend(kind);
            Backend { available: seen.available, detail: seen.detail }
        };
        let node = view.node(view.id());
        Node {
            id: view.id().to_string(),
            short: view.id().short(),
            name: view.name(),
            version: facts.version.to_owned(),
            own: true,
            member: node.as_ref().is_some_and(|node| node.member),
            removed: view.was_removed(view.id()),
            reachable: true,
            since_ms: now.since(Instant::START).as_millis(),
            backends: Backends { tmux: backend(BackendKind::Tmux), pty: backend(BackendKind::Pty) },
            home: &facts.home,
            rights: rights_name(node.as_ref().map_or(Rights::Operate, |node| node.rights)),
            addresses: node.as_ref().map_or_else(Vec::new, addresses),
            via: None,
            hops: 0,
            address: None,
            dialled: None,
            latency_ms: None,
            protocol: node.as_ref().and_then(|node| node.protocol),
            incompatible: false,
            conflict: node.is_some_and(|node| node.conflict),
        }
    }

    /// This node and all others of its mesh.
    #[must_use]
    pub fn all(view: View<'a>, now: Instant, facts: &'a NodeFacts) -> Vec<Self> {
        let others = view.nodes().filter(|node| !node.own).map(|node| Node::other(&node, now, facts));
        std::iter::once(Node::own(view, now, facts)).chain(others).collect()
    }

    fn other(node: &NodeView<'a>, now: Instant, facts: &NodeFacts) -> Self {
        let backend = |kind| {
            let told = node.backends.iter().find(|backend| backend.kind == kind);
            told.map_or_else(Backend::default, |told| Backend { available: told.available, detail: &told.detail })
        };
        let line = facts.lines.to(node.id);
        Node {
            id: node.id.to_string(),
            short: node.id.short(),
            name: node.name,
            version: line.as_ref().map_or_else(String::new, |line| line.version.clone()),
            own: false,
            member: node.member,
            removed: false,
            reachable: node.reachable,
            since_ms: now.since(node.since).as_millis(),
            backends: Backends { tmux: backend(BackendKind::Tmux), pty: backend(BackendKind::Pty) },
            home: "",
            rights: rights_name(node.rights),
            addresses: addresses(node),
            via: node.via.map(|via| via.to_string()),
            hops: node.hops,
            latency_ms: line.as_ref().and_then(|line| line.latency).map(|time| (time.as_micros() as f64) / 1_000.0),
            dialled: line.as_ref().map(|line| line.dialled),
            address: line.map(|line| line.address),
            protocol: node.protocol,
            incompatible: node.incompatible,
            conflict: node.conflict,
        }
    }
}

fn addresses<'a>(node: &NodeView<'a>) -> Vec<&'a str> {
    node.addresses.iter().map(|address| address.0.as_str()).collect()
}

/// What a node may do, in the API.
#[must_use]
pub fn rights_name(rights: Rights) -> &'static str {
    match rights {
        Rights::View => "view",
        Rights::Operate => "operate",
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
    pub fn welcome(view: View<'a>, now: Instant, facts: &'a NodeFacts) -> Self {
        Control::Welcome {
            protocol: crate::frames::PROTOCOL,
            node: Node::own(view, now, facts),
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

    /// The machines.
    #[must_use]
    pub fn nodes(view: View<'a>, now: Instant, facts: &'a NodeFacts) -> Self {
        Control::Nodes { all: Node::all(view, now, facts) }
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
