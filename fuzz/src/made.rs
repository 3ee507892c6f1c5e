//! Values made from bytes: what people, viewers and other nodes could say.

use crate::cursor::Cursor;
use consort_core::command::{AnswerWith, NewAgent, WhenBusy};
use consort_core::directory::signal::{
    Choice, Composer, Dialog, HookReport, HookState, Question, Reading, Report, Session, Subagent,
};
use consort_core::directory::{BackendKind, Desired, Origin, Signal, Source, StateKind};
use consort_core::input::{ProcessInfo, Take, TerminalInfo};
use consort_core::mesh::facts::{AgentFact, BackendFact, Fact, Key, NodeFact, NodeRef, Value, Version};
use consort_core::{
    Address, AgentAddress, AgentId, Command, Generation, NodeId, Rights, Size, StreamId, ViewerInput, ViewerKey,
};

/// The node under test.
pub(crate) const NODE: NodeId = NodeId([1; 32]);
/// The others; the last one is only spoken of. One is before the node in the order of ids.
pub(crate) const OTHERS: [NodeId; 3] = [NodeId([0; 32]), NodeId([2; 32]), NodeId([3; 32])];
/// What is typed, as much of it as is wanted.
static TYPED: [u8; 20 << 10] = [b'y'; 20 << 10];

/// What values can refer to.
pub(crate) struct Known {
    pub(crate) agents: Vec<AgentId>,
    pub(crate) positions: Vec<(Generation, u64)>,
}

impl Known {
    pub(crate) fn agent(&self, cursor: &mut Cursor<'_>) -> AgentId {
        self.agents[usize::from(cursor.byte()) % self.agents.len()]
    }

    /// An agent, mostly of the node.
    pub(crate) fn address(&self, cursor: &mut Cursor<'_>) -> AgentAddress {
        let node = if cursor.below(4) > 0 { NODE } else { node(cursor) };
        AgentAddress { node, agent: self.agent(cursor) }
    }

    pub(crate) fn viewer_input(&self, cursor: &mut Cursor<'_>) -> ViewerInput<'static> {
        let stream = StreamId(u32::from(cursor.below(4)));
        match cursor.below(11) {
            0..=2 => ViewerInput::Writable,
            3 | 4 => self.attach(cursor, stream),
            5 => ViewerInput::Resize { stream, size: size(cursor), take: take(cursor) },
            6 => ViewerInput::Release(stream),
            7 => ViewerInput::Ack { stream, offset: cursor.number() },
            8 => {
                let bytes = &TYPED[..cursor.number() as usize % TYPED.len()];
                ViewerInput::Input { stream, heard: u32::from(cursor.below(4)), seq: cursor.number(), bytes }
            }
            9 => ViewerInput::Detach(stream),
            _ if cursor.flag() => ViewerInput::Seen(self.address(cursor)),
            _ => ViewerInput::Closed,
        }
    }

    fn attach(&self, cursor: &mut Cursor<'_>, stream: StreamId) -> ViewerInput<'static> {
        let (generation, offset) = self.positions[usize::from(cursor.byte()) % self.positions.len()];
        ViewerInput::Attach {
            stream,
            agent: self.address(cursor),
            pane: Some(u32::from(cursor.below(4))).filter(|pane| *pane < 3),
            from: cursor.flag().then(|| (generation, offset.wrapping_add(cursor.number()))),
            size: cursor.flag().then(|| size(cursor)),
            take: take(cursor),
        }
    }

    pub(crate) fn command(&self, cursor: &mut Cursor<'_>) -> Command {
        let agent = self.agent(cursor);
        match cursor.below(24) {
            0 => Command::Create(NewAgent {
                name: cursor.text(8),
                backend: cursor.flag().then_some(BackendKind::Pty),
                directory: cursor.text(8),
                program: cursor.flag().then(|| cursor.text(8)),
                tags: vec![cursor.text(4)],
                autostart: cursor.flag(),
                notes: cursor.text(8),
                ..NewAgent::default()
            }),
            1 => Command::Edit {
                agent,
                name: cursor.flag().then(|| cursor.text(8)),
                tags: cursor.flag().then(|| vec![cursor.text(4)]),
                autostart: Some(cursor.flag()),
            },
            2 => Command::SetNotes { agent, notes: cursor.text(8), revision: cursor.flag().then(|| cursor.number()) },
            3 => Command::Start(agent),
            4 => Command::Stop(agent),
            5 => Command::Restart(agent),
            6 => Command::Delete(agent),
            7 => {
                Command::Paste { agent, pane: None, text: cursor.text(8), submit: cursor.flag(), anyway: cursor.flag() }
            }
            8 => Command::ReadText { agent, pane: Some(u32::from(cursor.below(3))), history_lines: u32::MAX },
            9 => Command::ReadNotes(agent),
            10 => Command::Admit { node: node(cursor), addresses: addresses(cursor), rights: rights(cursor) },
            11 => Command::Remove(node(cursor)),
            12 => Command::Explain(agent),
            13 => {
                let with =
                    if cursor.flag() { AnswerWith::Choice(cursor.text(2)) } else { AnswerWith::Text(cursor.text(4)) };
                Command::Answer { agent, question: cursor.number(), with }
            }
            14 => Command::CreateFrom {
                new: NewAgent { name: cursor.text(8), ..NewAgent::default() },
                caller: vec![(cursor.text(4), cursor.text(4))],
            },
            15 => {
                let busy = if cursor.flag() { WhenBusy::Queue } else { WhenBusy::Refuse };
                Command::Send { agent, pane: None, text: cursor.text(8), busy, unix_ms: 0 }
            }
            16 => Command::EditQueue {
                agent,
                number: u64::from(cursor.below(4)),
                text: cursor.flag().then(|| cursor.text(4)),
            },
            17 => Command::ReadQueue(agent),
            18 => Command::ReadProcess(agent),
            19 => {
                let program = cursor.flag().then(|| cursor.text(4));
                let process = ProcessInfo { program, args: vec![cursor.text(4)], directory: cursor.text(4) };
                Command::Adopt { agent, process }
            }
            20 => Command::ListPrograms,
            21 => Command::ListDirectory(cursor.text(8)),
            22 => {
                if cursor.flag() {
                    Command::StartFresh(agent)
                } else {
                    Command::RestartFresh(agent)
                }
            }
            _ => Command::ReadStart(agent),
        }
    }
}

/// What a program shows or says.
pub(crate) fn signal(cursor: &mut Cursor<'_>) -> Signal {
    let report = |cursor: &mut Cursor<'_>| Report { kind: state(cursor), why: cursor.text(8) };
    match cursor.below(5) {
        0 => Signal::Title(cursor.flag().then(|| report(cursor))),
        1 => Signal::Status(cursor.flag().then(|| report(cursor))),
        2 => {
            let does = match cursor.below(3) {
                0 => HookState::Same,
                1 => HookState::Over,
                _ => HookState::Now(report(cursor)),
            };
            let subagent = [None, Some(Subagent::Began), Some(Subagent::Ended)][usize::from(cursor.below(3))];
            let session = cursor.flag().then(|| Session {
                program: cursor.text(4),
                id: cursor.text(8),
                transcript: format!("/{}", cursor.text(8)),
            });
            Signal::Hook(HookReport { does, session, subagent })
        }
        3 => Signal::Notified(cursor.text(8)),
        _ => {
            let choices: Vec<Choice> =
                (0..cursor.below(4)).map(|_| Choice { key: cursor.text(2), label: cursor.text(8) }).collect();
            let question = Question { text: cursor.text(8), choices, free_text: cursor.flag(), ..Question::default() };
            let dialog = Dialog { question, keys: vec![cursor.bytes(4).to_vec()] };
            let (dialog, says) = (cursor.flag().then_some(dialog), cursor.flag().then(|| report(cursor)));
            let composer = cursor.flag().then(|| Composer { line: cursor.text(8), pasted: cursor.flag() });
            Signal::Screen(Reading {
                rules: cursor.text(4),
                digest: cursor.number(),
                dialog,
                says,
                hooks: Box::default(),
                composer,
                guessed: cursor.flag(),
            })
        }
    }
}

fn state(cursor: &mut Cursor<'_>) -> StateKind {
    match cursor.below(4) {
        0 => StateKind::Working,
        1 => StateKind::Waiting,
        2 => StateKind::Failed,
        _ => StateKind::Idle,
    }
}

/// Any node.
pub(crate) fn node(cursor: &mut Cursor<'_>) -> NodeId {
    match cursor.below(7) {
        6 => NODE,
        other => OTHERS[usize::from(other) % OTHERS.len()],
    }
}

pub(crate) fn addresses(cursor: &mut Cursor<'_>) -> Vec<Address> {
    let count = cursor.below(4);
    (0..count).map(|_| Address(cursor.text(8))).collect()
}

pub(crate) fn rights(cursor: &mut Cursor<'_>) -> Rights {
    if cursor.flag() { Rights::View } else { Rights::Operate }
}

pub(crate) fn size(cursor: &mut Cursor<'_>) -> Size {
    Size::clamped(u16::from(cursor.byte()), u16::from(cursor.byte()))
}

pub(crate) fn take(cursor: &mut Cursor<'_>) -> Take {
    match cursor.below(3) {
        0 => Take::Never,
        1 => Take::IfFree,
        _ => Take::Always,
    }
}

pub(crate) fn viewer_key(cursor: &mut Cursor<'_>) -> ViewerKey {
    ViewerKey([cursor.below(3); 16])
}

pub(crate) fn terminal(cursor: &mut Cursor<'_>, pane: u8) -> TerminalInfo {
    TerminalInfo {
        pane: u32::from(pane),
        title: cursor.text(8),
        command: String::new(),
        shell: cursor.flag(),
        window: String::new(),
        active: cursor.flag(),
        size: size(cursor),
        corner: (u16::from(cursor.below(200)), 0),
        index: 0,
        exit_code: cursor.flag().then_some(1),
        activity: cursor.number(),
        bell: cursor.flag(),
    }
}

pub(crate) fn key(cursor: &mut Cursor<'_>) -> Key {
    let node = node(cursor);
    match cursor.below(4) {
        0 => Key::Member(node),
        1 => Key::Node(node),
        2 => Key::Links(node),
        _ => Key::Agent(node, AgentId(u64::from(cursor.below(4)))),
    }
}

pub(crate) fn version(cursor: &mut Cursor<'_>) -> Version {
    Version(cursor.number(), cursor.number())
}

/// A fact that fits its key.
pub(crate) fn fact(cursor: &mut Cursor<'_>) -> (Key, Fact) {
    let key = key(cursor);
    let version = version(cursor);
    let value = match key {
        Key::Member(_) => Value::Membership { by: node(cursor), rights: rights(cursor) },
        Key::Node(_) => Value::Node(Box::new(node_fact(cursor))),
        Key::Links(_) => {
            let count = cursor.below(4);
            Value::Links((0..count).map(|_| NodeRef::from(node(cursor))).collect())
        }
        Key::Agent(..) if cursor.below(4) == 0 => Value::Tombstone,
        Key::Agent(..) => Value::Agent(Box::new(agent_fact(cursor))),
    };
    (key, Fact { version, value })
}

fn node_fact(cursor: &mut Cursor<'_>) -> NodeFact {
    let backends = cursor.flag().then(|| BackendFact {
        kind: BackendKind::Tmux,
        available: cursor.flag(),
        detail: cursor.text(8),
    });
    NodeFact {
        name: cursor.text(8),
        addresses: addresses(cursor),
        instance: u64::from(cursor.below(3)),
        protocol: consort_core::mesh::PROTOCOL,
        backends: backends.into_iter().collect(),
        conflict: cursor.below(8) == 7,
    }
}

fn agent_fact(cursor: &mut Cursor<'_>) -> AgentFact {
    let panes = cursor.below(3);
    AgentFact {
        name: cursor.text(12),
        backend: BackendKind::Tmux,
        managed: cursor.flag(),
        origin: Origin::Created,
        running: cursor.flag(),
        desired: Desired::Running,
        autostart: cursor.flag(),
        state: StateKind::Idle,
        source: Source::Output,
        why: cursor.text(8),
        program: cursor.flag().then(|| cursor.text(8)),
        args: Vec::new(),
        directory: cursor.text(8),
        notes_revision: cursor.number(),
        tags: vec![cursor.text(4)],
        created_unix_ms: cursor.number(),
        terminals: (0..panes).map(|pane| terminal(cursor, pane)).collect(),
        more: Vec::new(),
    }
}
