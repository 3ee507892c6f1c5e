//! The node alone, under the contract monitor, with inputs that keep the contract and nothing else: backends that report sessions
//! out of nowhere, viewers that send what they like, and two other nodes that may do the same.

use crate::cursor::Cursor;
use crate::made::{self, Known, NODE, OTHERS};
use crate::peers::Peers;
use consort_core::directory::BackendKind;
use consort_core::input::ScreenText;
use consort_core::monitor::Monitor;
use consort_core::sham::Sham;
use consort_core::{
    AgentId, BackendInput, Command, CommandId, Config, Generation, Identity, Input, Instant, LinkId, LinkInput, Node,
    NodeId, Observation, OperationDone, OperationError, OperationId, Output, Restored, Rights, Size, StoreFailure,
    StoreId, TerminalId, TerminalInput, TerminalOutput, ViewerId, ViewerInput,
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
    known: Known,
    peers: Peers,
}

/// After so long every command for another node is answered.
const LONG: u64 = 2 * consort_core::limits::REMOTE_COMMAND_TIME.as_millis();

impl World {
    fn new() -> Self {
        let config = Config { name: "fuzz".to_string(), start_unix_ms: None };
        let identity = Identity { id: NODE, epoch: 1 };
        let node =
            Node::new(config, identity, Restored::default(), Box::new(Sham::new(NODE, 1)), [0; 32], Instant::START);
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
            known: Known { agents: vec![AgentId(1), AgentId(2)], positions: vec![(Generation(0), 0)] },
            peers: Peers::new(),
        }
    }

    fn step(&mut self, cursor: &mut Cursor<'_>) {
        match cursor.below(16) {
            0 => {
                self.now += cursor.number() % 100_000;
                self.handle(Input::Wake);
            }
            1 => self.backend(cursor),
            2 => self.terminal(cursor),
            3 | 4 => self.viewer(cursor),
            5 => self.command(cursor),
            6 => self.operation_done(cursor.byte()),
            7 => self.stored(cursor.below(4) > 0),
            8 => self.meet(cursor),
            9 => self.link(cursor),
            10 => {
                let mut here = made::addresses(cursor);
                here.retain(|address| !address.0.is_empty());
                self.handle(Input::Network(here));
            }
            11 => self.on_time(cursor.byte()),
            _ => self.frame(cursor),
        }
    }

    /// The node is woken when it wants to be, so many times.
    fn on_time(&mut self, times: u8) {
        for _ in 0..=times % 16 {
            let Some(deadline) = self.node.next_deadline() else { break };
            self.now = self.now.max(deadline.at.since(Instant::START).as_millis());
            self.handle(Input::Wake);
        }
    }

    /// One of the others is linked, and mostly admitted and polite.
    fn meet(&mut self, cursor: &mut Cursor<'_>) {
        let choice = cursor.byte();
        let dial = self.peers.dials.first_key_value().map(|(dial, node)| (*dial, *node)).filter(|_| choice % 2 == 1);
        if let Some((dial, _)) = dial {
            self.peers.dials.remove(&dial);
        }
        match dial {
            Some((dial, _)) if (choice / 2).is_multiple_of(4) => {
                self.handle(Input::DialFailed(dial, "fuzz".to_string()))
            }
            Some((dial, peer)) => self.open(peer, Some(dial), choice / 8, cursor),
            None => {
                let peer = OTHERS[usize::from(choice / 2 % 7 % 2)];
                self.open(peer, None, choice / 8, cursor);
            }
        }
    }

    fn open(&mut self, peer: NodeId, dial: Option<consort_core::DialId>, choice: u8, cursor: &mut Cursor<'_>) {
        if !choice.is_multiple_of(4) && !self.node.node().view().was_removed(peer) {
            self.ask(NODE, Command::Admit { node: peer, addresses: Vec::new(), rights: Rights::Operate });
        }
        let link = self.peers.open(peer);
        self.handle(Input::Link(link, LinkInput::Opened { peer, dial }));
        if !(choice / 4).is_multiple_of(4) {
            self.room(link, 8);
            let greeting = self.peers.greeting(link, cursor);
            self.handle(Input::Link(link, LinkInput::Frame(&greeting)));
            let introduction = self.peers.introduction(link);
            self.handle(Input::Link(link, LinkInput::Frame(&introduction)));
            self.on_time(2);
        }
    }

    fn room(&mut self, link: LinkId, frames: u8) {
        self.handle(Input::Link(link, LinkInput::Writable(frames.into())));
    }

    fn link(&mut self, cursor: &mut Cursor<'_>) {
        let Some(link) = self.peers.link(cursor) else { return };
        match cursor.below(4) {
            0 => {
                self.peers.links.remove(&link);
                self.handle(Input::Link(link, LinkInput::Closed));
            }
            _ => self.room(link, cursor.below(20)),
        }
    }

    fn frame(&mut self, cursor: &mut Cursor<'_>) {
        let Some(link) = self.peers.link(cursor) else { return };
        let bytes = self.peers.frame(link, cursor, &self.known);
        self.handle(Input::Link(link, LinkInput::Frame(&bytes)));
    }

    fn handle(&mut self, input: Input<'_>) {
        self.node.handle(Instant::from_millis(self.now), input);
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Terminal(id, TerminalOutput::Write(bytes)) => {
                    *self.unwritten.entry(id).or_default() += bytes.len();
                }
                Output::Backend(id, _) | Output::ListDirectory(id, _) | Output::ListPrograms(id) => {
                    self.operations.insert(id);
                }
                Output::Store(id, _) => self.stores.push_back(id),
                Output::Reply(id, _) => assert!(self.unanswered.remove(&id), "{id:?} was answered twice"),
                Output::Viewer(_, frame) => self.remember(&frame),
                Output::Dial(id, node, _) => drop(self.peers.dials.insert(id, node)),
                Output::Transmit(link, bytes) => self.peers.hear(link, &bytes),
                // What was on its way may still come, and `Closed` follows some time.
                Output::CloseLink(_) => {}
                Output::Terminal(..) | Output::Event(_) => {}
            }
        }
        let node = self.node.node();
        assert_eq!(node.check(), Ok(()));
        if let Some(agent) = node.view().own_agents().last().filter(|agent| !self.known.agents.contains(&agent.id)) {
            self.known.agents.push(agent.id);
        }
    }

    fn remember(&mut self, frame: &consort_core::ViewerOutput) {
        if let consort_core::ViewerOutput::Attached { generation, offset, .. } = frame {
            self.known.positions.push((*generation, *offset));
        }
    }

    fn backend(&mut self, cursor: &mut Cursor<'_>) {
        let kind = if cursor.flag() { BackendKind::Tmux } else { BackendKind::Pty };
        let input = match cursor.below(6) {
            0 => BackendInput::Available(kind, "fuzz".to_string()),
            1 => BackendInput::Unavailable(kind, "fuzz".to_string()),
            2 => BackendInput::Listed(kind),
            3 => BackendInput::Gone(self.known.agent(cursor)),
            _ => {
                let agent = self.known.agent(cursor);
                BackendInput::Seen(observation(cursor, agent, kind))
            }
        };
        self.handle(Input::Backend(input));
    }

    fn terminal(&mut self, cursor: &mut Cursor<'_>) {
        let id = TerminalId { agent: self.known.agent(cursor), pane: u32::from(cursor.below(3)) };
        let size = made::size(cursor);
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
            7 => self.handle(Input::Terminal(id, TerminalInput::Signal(made::signal(cursor)))),
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
            return self.handle(Input::Viewer(viewer, ViewerInput::Opened(made::viewer_key(cursor))));
        };
        let input = self.known.viewer_input(cursor);
        if input == ViewerInput::Closed {
            self.viewers.remove(&viewer);
        }
        self.handle(Input::Viewer(viewer, input));
    }

    fn command(&mut self, cursor: &mut Cursor<'_>) {
        let command = self.known.command(cursor);
        let node = if cursor.below(4) > 0 { NODE } else { made::node(cursor) };
        self.ask(node, command);
    }

    fn ask(&mut self, node: NodeId, command: Command) {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        self.unanswered.insert(id);
        self.handle(Input::Command(id, node, command));
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
        self.answer_pending();
        self.now += LONG;
        self.handle(Input::Wake);
        self.answer_pending();
        assert!(self.unanswered.is_empty(), "commands without an answer: {:?}", self.unanswered);
    }

    fn answer_pending(&mut self) {
        while !self.operations.is_empty() || !self.stores.is_empty() {
            self.operation_done(0);
            self.stored(true);
        }
    }
}

fn observation(cursor: &mut Cursor<'_>, agent: AgentId, backend: BackendKind) -> Observation {
    let panes = cursor.below(4);
    let terminals = (0..panes).map(|pane| made::terminal(cursor, pane)).collect();
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
