//! The node alone, under the contract monitor, with inputs that keep the contract and nothing else: backends that report sessions
//! out of nowhere, viewers that send what they like.

use crate::cursor::Cursor;
use consort_core::command::NewAgent;
use consort_core::directory::BackendKind;
use consort_core::input::{ScreenText, Take, TerminalInfo};
use consort_core::monitor::Monitor;
use consort_core::{
    AgentAddress, AgentId, BackendInput, Command, CommandId, Config, Generation, Identity, Input, Instant, Node,
    NodeId, Observation, OperationDone, OperationError, OperationId, Output, Restored, Size, StoreFailure, StoreId,
    StreamId, TerminalId, TerminalInput, TerminalOutput, ViewerId, ViewerInput, ViewerKey,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Whatever happens, the node keeps its invariants and the contract, and answers every command once everything it asked for is
/// answered.
pub fn node_inputs(data: &[u8]) {
    let mut world = World::new();
    let mut cursor = Cursor::new(data);
    while !cursor.is_empty() {
        world.step(&mut cursor);
    }
    world.answer_everything();
}

struct World {
    node: Monitor,
    now: u64,
    operations: BTreeSet<OperationId>,
    stores: VecDeque<StoreId>,
    unwritten: BTreeMap<TerminalId, usize>,
    viewers: BTreeSet<ViewerId>,
    next_viewer: u64,
    next_command: u64,
    unanswered: BTreeSet<CommandId>,
    known: Vec<AgentId>,
    positions: Vec<(Generation, u64)>,
}

const NODE: NodeId = NodeId([1; 32]);

impl World {
    fn new() -> Self {
        let config = Config { name: "fuzz".to_string() };
        let identity = Identity { id: NODE, epoch: 1 };
        let node = Node::new(config, identity, Restored::default(), [0; 32], Instant::START);
        let Ok(node) = node else { unreachable!("a good name") };
        World {
            node: Monitor::new(node),
            now: 0,
            operations: BTreeSet::new(),
            stores: VecDeque::new(),
            unwritten: BTreeMap::new(),
            viewers: BTreeSet::new(),
            next_viewer: 0,
            next_command: 0,
            unanswered: BTreeSet::new(),
            known: vec![AgentId(1), AgentId(2)],
            positions: vec![(Generation(0), 0)],
        }
    }

    fn step(&mut self, cursor: &mut Cursor<'_>) {
        match cursor.below(8) {
            0 => {
                self.now += cursor.number() % 100_000;
                self.handle(Input::Wake);
            }
            1 => self.backend(cursor),
            2 => self.terminal(cursor),
            3 | 4 => self.viewer(cursor),
            5 => self.command(cursor),
            6 => self.operation_done(cursor.byte()),
            _ => self.stored(cursor.below(4) > 0),
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.node.handle(Instant::from_millis(self.now), input);
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Terminal(id, TerminalOutput::Write(bytes)) => {
                    *self.unwritten.entry(id).or_default() += bytes.len();
                }
                Output::Backend(id, _) => drop(self.operations.insert(id)),
                Output::Store(id, _) => self.stores.push_back(id),
                Output::Reply(id, _) => assert!(self.unanswered.remove(&id), "{id:?} was answered twice"),
                Output::Viewer(_, frame) => self.remember(&frame),
                // Nobody is admitted: there are no links.
                Output::Dial(..) | Output::Transmit(..) | Output::CloseLink(_) => {}
                Output::Terminal(..) | Output::Event(_) => {}
            }
        }
        let node = self.node.node();
        assert_eq!(node.check(), Ok(()));
        if let Some(agent) = node.view().agents().last().filter(|agent| !self.known.contains(&agent.id)) {
            self.known.push(agent.id);
        }
    }

    fn remember(&mut self, frame: &consort_core::ViewerOutput) {
        if let consort_core::ViewerOutput::Attached { generation, offset, .. } = frame {
            self.positions.push((*generation, *offset));
        }
    }

    fn agent(&self, cursor: &mut Cursor<'_>) -> AgentId {
        self.known[usize::from(cursor.byte()) % self.known.len()]
    }

    fn backend(&mut self, cursor: &mut Cursor<'_>) {
        let kind = if cursor.flag() { BackendKind::Tmux } else { BackendKind::Pty };
        let input = match cursor.below(6) {
            0 => BackendInput::Available(kind, "fuzz".to_string()),
            1 => BackendInput::Unavailable(kind, "fuzz".to_string()),
            2 => BackendInput::Listed(kind),
            3 => BackendInput::Gone(self.agent(cursor)),
            _ => {
                let agent = self.agent(cursor);
                BackendInput::Seen(observation(cursor, agent, kind))
            }
        };
        self.handle(Input::Backend(input));
    }

    fn terminal(&mut self, cursor: &mut Cursor<'_>) {
        let id = TerminalId { agent: self.agent(cursor), pane: u32::from(cursor.below(3)) };
        let size = size(cursor);
        match cursor.below(9) {
            0 | 1 => {
                let bytes = vec![b'x'; cursor.number() as usize % (64 << 10)];
                self.handle(Input::Terminal(id, TerminalInput::Output(&bytes)));
            }
            2 => self.handle(Input::Terminal(id, TerminalInput::Skipped)),
            3 => self.handle(Input::Terminal(id, TerminalInput::Snapshot { size, bytes: cursor.bytes(64) })),
            4 => self.handle(Input::Terminal(id, TerminalInput::Resized(size))),
            5 => {
                let left = self.unwritten.entry(id).or_default();
                let bytes = (cursor.number() as usize).min(*left);
                *left -= bytes;
                self.handle(Input::Terminal(id, TerminalInput::Written { bytes }));
            }
            6 => {
                self.unwritten.remove(&id);
                self.handle(Input::Terminal(id, TerminalInput::WriteFailed("fuzz".to_string())));
            }
            7 => self.handle(Input::Terminal(id, TerminalInput::Screen(cursor.text(64)))),
            _ => {
                self.unwritten.remove(&id);
                self.handle(Input::Terminal(id, TerminalInput::Closed));
            }
        }
    }

    fn viewer(&mut self, cursor: &mut Cursor<'_>) {
        let choice = usize::from(cursor.byte());
        let open = self.viewers.iter().copied().nth(choice % self.viewers.len().max(1));
        let Some(viewer) = open.filter(|_| choice < 250) else {
            let viewer = ViewerId(self.next_viewer);
            self.next_viewer += 1;
            self.viewers.insert(viewer);
            return self.handle(Input::Viewer(viewer, ViewerInput::Opened(ViewerKey([cursor.below(3); 16]))));
        };
        let stream = StreamId(u32::from(cursor.below(4)));
        let bytes;
        let input = match cursor.below(11) {
            0..=2 => ViewerInput::Writable,
            3 | 4 => self.attach(cursor, stream),
            5 => ViewerInput::Resize { stream, size: size(cursor), take: take(cursor) },
            6 => ViewerInput::Release(stream),
            7 => ViewerInput::Ack { stream, offset: cursor.number() },
            8 => {
                bytes = vec![b'y'; cursor.number() as usize % (20 << 10)];
                ViewerInput::Input { stream, seq: cursor.number(), bytes: &bytes }
            }
            9 => ViewerInput::Detach(stream),
            _ if cursor.flag() => ViewerInput::Seen(AgentAddress { node: NODE, agent: self.agent(cursor) }),
            _ => {
                self.viewers.remove(&viewer);
                ViewerInput::Closed
            }
        };
        self.handle(Input::Viewer(viewer, input));
    }

    fn attach(&self, cursor: &mut Cursor<'_>, stream: StreamId) -> ViewerInput<'static> {
        let (generation, offset) = self.positions[usize::from(cursor.byte()) % self.positions.len()];
        ViewerInput::Attach {
            stream,
            agent: AgentAddress { node: NODE, agent: self.agent(cursor) },
            pane: Some(u32::from(cursor.below(4))).filter(|pane| *pane < 3),
            from: cursor.flag().then(|| (generation, offset.wrapping_add(cursor.number()))),
            size: cursor.flag().then(|| size(cursor)),
            take: take(cursor),
        }
    }

    fn command(&mut self, cursor: &mut Cursor<'_>) {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        self.unanswered.insert(id);
        let agent = self.agent(cursor);
        let command = match cursor.below(9) {
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
            7 => Command::Paste { agent, pane: None, text: cursor.text(8), submit: cursor.flag() },
            _ => Command::ReadText { agent, pane: Some(u32::from(cursor.below(3))), history_lines: u32::MAX },
        };
        self.handle(Input::Command(id, NODE, command));
    }

    fn operation_done(&mut self, choice: u8) {
        let count = self.operations.len().max(1);
        let Some(id) = self.operations.iter().copied().nth(usize::from(choice) % count) else { return };
        self.operations.remove(&id);
        let result = match choice / 64 {
            0 => Err(OperationError { code: "fuzz".into(), message: "It failed.".to_string(), hint: String::new() }),
            1 => Ok(OperationDone::Pasted { submitted: true }),
            2 => Ok(OperationDone::Text(ScreenText { size: Size::DEFAULT, cursor: (0, 0), text: String::new() })),
            _ => Ok(OperationDone::Done),
        };
        self.handle(Input::Backend(BackendInput::Done(id, result)));
    }

    fn stored(&mut self, well: bool) {
        if let Some(id) = self.stores.pop_front() {
            let result = if well { Ok(()) } else { Err(StoreFailure("fuzz".to_string())) };
            self.handle(Input::Stored(id, result));
        }
    }

    fn answer_everything(&mut self) {
        for kind in BackendKind::ALL {
            self.handle(Input::Backend(BackendInput::Listed(kind)));
        }
        while !self.operations.is_empty() || !self.stores.is_empty() {
            self.operation_done(0);
            self.stored(true);
        }
        assert!(self.unanswered.is_empty(), "commands without an answer: {:?}", self.unanswered);
    }
}

fn size(cursor: &mut Cursor<'_>) -> Size {
    Size::clamped(u16::from(cursor.byte()), u16::from(cursor.byte()))
}

fn take(cursor: &mut Cursor<'_>) -> Take {
    match cursor.below(3) {
        0 => Take::Never,
        1 => Take::IfFree,
        _ => Take::Always,
    }
}

fn observation(cursor: &mut Cursor<'_>, agent: AgentId, backend: BackendKind) -> Observation {
    let panes = cursor.below(4);
    let terminals = (0..panes).map(|pane| TerminalInfo {
        pane: u32::from(pane),
        title: cursor.text(8),
        command: String::new(),
        shell: cursor.flag(),
        window: String::new(),
        active: cursor.flag(),
        size: size(cursor),
        exit_code: cursor.flag().then_some(1),
        activity: cursor.number(),
        bell: cursor.flag(),
    });
    let terminals = terminals.collect();
    Observation {
        agent,
        backend,
        name: cursor.text(8),
        directory: String::new(),
        created_unix_ms: 0,
        terminals,
        shown_elsewhere: cursor.flag(),
    }
}
