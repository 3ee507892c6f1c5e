//! The plumbing of the tests: a node at a desk, told one thing at a time, with everything it says in return.
#![allow(dead_code, reason = "every test file uses a part of it")]

use consort_core::command::NewAgent;
use consort_core::directory::BackendKind;
use consort_core::input::{Take, TerminalInfo};
use consort_core::monitor::Monitor;
use consort_core::output::{BackendOperation, StoreOperation};
use consort_core::sham::Sham;
use consort_core::*;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The one node of these tests.
pub(crate) const NODE: NodeId = NodeId([7; 32]);

/// One of its agents, as an address.
pub(crate) fn at(agent: AgentId) -> AgentAddress {
    AgentAddress { node: NODE, agent }
}

/// A node under the contract monitor, and what it has said since it was last asked.
pub(crate) struct Desk {
    pub(crate) node: Monitor,
    pub(crate) now: u64,
    next_viewer: u64,
    next_command: u64,
    /// What each viewer has heard of stream 1: see `ViewerInput::Input`.
    heard: BTreeMap<ViewerId, u32>,
    /// What the store holds: puts and removals are performed when they are answered.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// The only pane that agents have here unless said otherwise.
pub(crate) const PANE: u32 = 1;

impl Desk {
    /// A fresh node whose tmux is there and empty.
    pub(crate) fn new() -> Self {
        let mut desk = Desk::with_store(BTreeMap::new());
        desk.available();
        desk.listed();
        desk
    }

    /// A node that has just started with what the store held.
    pub(crate) fn with_store(files: BTreeMap<String, Vec<u8>>) -> Self {
        Desk::started(files, None)
    }

    /// The same, at this Unix time.
    pub(crate) fn started(files: BTreeMap<String, Vec<u8>>, start_unix_ms: Option<u64>) -> Self {
        let mut restored = Restored::default();
        for (key, bytes) in &files {
            restored.add(key, bytes).expect("stored by this version");
        }
        let config = Config { name: "desk".into(), start_unix_ms };
        let identity = Identity { id: NODE, epoch: 1 };
        let node = Node::new(config, identity, restored, Box::new(Sham::new(NODE, 1)), [1; 32], Instant::START)
            .expect("a good configuration");
        Desk { node: Monitor::new(node), now: 0, next_viewer: 0, next_command: 0, heard: BTreeMap::new(), files }
    }

    pub(crate) fn view(&self) -> View<'_> {
        self.node.node().view()
    }

    pub(crate) fn agent(&self, id: AgentId) -> AgentView<'_> {
        self.view().own_agent(id).expect("the agent is there")
    }

    /// Tells the node one thing; gives what it says.
    pub(crate) fn tell(&mut self, input: Input<'_>) -> Vec<Output> {
        self.node.handle(Instant::from_millis(self.now), input);
        let said: Vec<_> = std::iter::from_fn(|| self.node.poll_output()).collect();
        for output in &said {
            if let Output::Viewer(viewer, ViewerOutput::Attached { .. } | ViewerOutput::InputLost { .. }) = output {
                *self.heard.entry(*viewer).or_default() += 1;
            }
        }
        self.node.node().check().expect("every invariant holds");
        said
    }

    /// Time passes; the node is woken when it wants to be.
    pub(crate) fn wait(&mut self, ms: u64) -> Vec<Output> {
        let until = self.now + ms;
        let mut said = Vec::new();
        while let Some(deadline) = self.node.next_deadline().filter(|deadline| deadline.at.as_millis() <= until) {
            self.now = deadline.at.as_millis();
            said.extend(self.tell(Input::Wake));
        }
        self.now = until;
        said
    }

    // Backends.

    pub(crate) fn available(&mut self) -> Vec<Output> {
        self.tell(Input::Backend(BackendInput::Available(BackendKind::Tmux, "tmux".into())))
    }

    pub(crate) fn listed(&mut self) -> Vec<Output> {
        self.tell(Input::Backend(BackendInput::Listed(BackendKind::Tmux)))
    }

    pub(crate) fn unavailable(&mut self) -> Vec<Output> {
        self.tell(Input::Backend(BackendInput::Unavailable(BackendKind::Tmux, "gone".into())))
    }

    pub(crate) fn seen(&mut self, observation: Observation) -> Vec<Output> {
        self.tell(Input::Backend(BackendInput::Seen(observation)))
    }

    pub(crate) fn gone(&mut self, agent: AgentId) -> Vec<Output> {
        self.tell(Input::Backend(BackendInput::Gone(agent)))
    }

    pub(crate) fn done(&mut self, operation: OperationId) -> Vec<Output> {
        self.tell(Input::Backend(BackendInput::Done(operation, Ok(OperationDone::Done))))
    }

    pub(crate) fn failed(&mut self, operation: OperationId) -> Vec<Output> {
        let error = OperationError { code: "test".into(), message: "It failed.".into(), hint: String::new() };
        self.tell(Input::Backend(BackendInput::Done(operation, Err(error))))
    }

    // The store.

    pub(crate) fn stored(&mut self, (id, operation): (StoreId, StoreOperation)) -> Vec<Output> {
        match operation {
            StoreOperation::Put { key, bytes } => drop(self.files.insert(key, bytes)),
            StoreOperation::Remove { key } => drop(self.files.remove(&key)),
        }
        self.tell(Input::Stored(id, Ok(())))
    }

    pub(crate) fn disk_full(&mut self, (id, _): (StoreId, StoreOperation)) -> Vec<Output> {
        self.tell(Input::Stored(id, Err(StoreFailure("no space left on device".into()))))
    }

    // Terminals.

    pub(crate) fn terminal(&mut self, agent: AgentId, input: TerminalInput<'_>) -> Vec<Output> {
        self.tell(Input::Terminal(TerminalId { agent, pane: PANE }, input))
    }

    pub(crate) fn prints(&mut self, agent: AgentId, bytes: &[u8]) -> Vec<Output> {
        self.terminal(agent, TerminalInput::Output(bytes))
    }

    pub(crate) fn snapshot(&mut self, agent: AgentId, bytes: &[u8]) -> Vec<Output> {
        self.terminal(agent, TerminalInput::Snapshot { size: Size::DEFAULT, bytes })
    }

    // Viewers.

    /// A connection of the page `who`, with room for many frames.
    pub(crate) fn connect(&mut self, who: u8) -> ViewerId {
        let viewer = self.connect_without_room(who);
        for _ in 0..1_000 {
            self.viewer(viewer, ViewerInput::Writable);
        }
        viewer
    }

    pub(crate) fn connect_without_room(&mut self, who: u8) -> ViewerId {
        let viewer = ViewerId(self.next_viewer);
        self.next_viewer += 1;
        self.viewer(viewer, ViewerInput::Opened(ViewerKey([who; 16])));
        viewer
    }

    pub(crate) fn viewer(&mut self, viewer: ViewerId, input: ViewerInput<'_>) -> Vec<Output> {
        self.tell(Input::Viewer(viewer, input))
    }

    /// Looks as stream 1, without taking the size.
    pub(crate) fn attach(&mut self, viewer: ViewerId, agent: AgentId, from: Option<(Generation, u64)>) -> Vec<Output> {
        self.attach_sized(viewer, agent, from, None, Take::Never)
    }

    pub(crate) fn attach_sized(
        &mut self,
        viewer: ViewerId,
        agent: AgentId,
        from: Option<(Generation, u64)>,
        size: Option<Size>,
        take: Take,
    ) -> Vec<Output> {
        self.heard.remove(&viewer);
        self.viewer(viewer, ViewerInput::Attach { stream: S, agent: at(agent), pane: Some(PANE), from, size, take })
    }

    /// Types, knowing of all that the node has said.
    pub(crate) fn types(&mut self, viewer: ViewerId, seq: u64, bytes: &[u8]) -> Vec<Output> {
        let heard = self.heard.get(&viewer).copied().unwrap_or_default();
        self.types_having_heard(viewer, heard, seq, bytes)
    }

    pub(crate) fn types_having_heard(&mut self, viewer: ViewerId, heard: u32, seq: u64, bytes: &[u8]) -> Vec<Output> {
        self.viewer(viewer, ViewerInput::Input { stream: S, heard, seq, bytes })
    }

    pub(crate) fn acks(&mut self, viewer: ViewerId, offset: u64) -> Vec<Output> {
        self.viewer(viewer, ViewerInput::Ack { stream: S, offset })
    }

    // Commands.

    pub(crate) fn command(&mut self, command: Command) -> (CommandId, Vec<Output>) {
        let id = CommandId(self.next_command);
        self.next_command += 1;
        (id, self.tell(Input::Command(id, NODE, command)))
    }

    /// Creates an agent and lets everything succeed. Gives its id.
    pub(crate) fn create(&mut self, name: &str) -> AgentId {
        self.create_as(NewAgent { name: name.into(), ..NewAgent::default() })
    }

    pub(crate) fn create_as(&mut self, new: NewAgent) -> AgentId {
        self.create_with(Command::Create(new))
    }

    pub(crate) fn create_with(&mut self, create: Command) -> AgentId {
        let (Command::Create(new) | Command::CreateFrom { new, .. }) = &create else { panic!("{create:?}") };
        let name = new.name.clone();
        let (_, said) = self.command(create);
        let said = self.stored(change(&said));
        let (operation, what) = operation(&said);
        let BackendOperation::Launch(spec) = what else { panic!("{what:?} is no launch") };
        self.seen(session(spec.agent, &name));
        self.done(operation);
        spec.agent
    }
}

/// The stream that all viewers use.
pub(crate) const S: StreamId = StreamId(1);

/// A session with one terminal.
pub(crate) fn session(agent: AgentId, name: &str) -> Observation {
    Observation {
        agent,
        backend: BackendKind::Tmux,
        name: name.into(),
        directory: "/home/me".into(),
        created_unix_ms: 0,
        terminals: vec![TerminalInfo {
            pane: PANE,
            title: String::new(),
            command: "agent".into(),
            shell: false,
            window: "0:x".into(),
            active: true,
            size: Size::DEFAULT,
            corner: (0, 0),
            index: 0,
            exit_code: None,
            activity: 0,
            bell: false,
        }],
        shown_elsewhere: false,
    }
}

/// What was sent to viewers.
pub(crate) fn frames(said: &[Output]) -> Vec<ViewerOutput> {
    let frame = |output: &Output| match output {
        Output::Viewer(_, frame) => Some(frame.clone()),
        _ => None,
    };
    said.iter().filter_map(frame).collect()
}

/// What was sent to one viewer.
pub(crate) fn frames_of(said: &[Output], viewer: ViewerId) -> Vec<ViewerOutput> {
    let to = |output: &&Output| matches!(output, Output::Viewer(id, _) if *id == viewer);
    frames(&said.iter().filter(to).cloned().collect::<Vec<_>>())
}

/// What terminals were asked for.
pub(crate) fn orders(said: &[Output]) -> Vec<TerminalOutput> {
    let order = |output: &Output| match output {
        Output::Terminal(_, order) if *order != TerminalOutput::ReadScreen => Some(order.clone()),
        _ => None,
    };
    said.iter().filter_map(order).collect()
}

/// The only change that the store was asked for.
pub(crate) fn change(said: &[Output]) -> (StoreId, StoreOperation) {
    let mut all = said.iter().filter_map(|output| match output {
        Output::Store(id, operation) => Some((*id, operation.clone())),
        _ => None,
    });
    let only = all.next().unwrap_or_else(|| panic!("nothing is to be stored: {said:?}"));
    assert!(all.next().is_none(), "more than one change: {said:?}");
    only
}

/// The only operation that a backend was asked for.
pub(crate) fn operation(said: &[Output]) -> (OperationId, BackendOperation) {
    let mut all = said.iter().filter_map(|output| match output {
        Output::Backend(id, operation) => Some((*id, operation.clone())),
        _ => None,
    });
    let only = all.next().unwrap_or_else(|| panic!("no operation: {said:?}"));
    assert!(all.next().is_none(), "more than one operation: {said:?}");
    only
}

/// The answer to a command, if it has come.
pub(crate) fn reply(said: &[Output]) -> Option<Result<Reply, Refusal>> {
    said.iter().find_map(|output| match output {
        Output::Reply(_, result) => Some(result.clone()),
        _ => None,
    })
}

/// The code with which a command was refused.
pub(crate) fn refusal(said: &[Output]) -> Option<&'static str> {
    reply(said).and_then(Result::err).map(|refusal| match refusal.code.into_name() {
        Cow::Borrowed(name) => name,
        Cow::Owned(name) => panic!("{name} comes from another node"),
    })
}

/// The bytes of all data frames together.
pub(crate) fn data(frames: &[ViewerOutput]) -> Vec<u8> {
    let bytes = frames.iter().map(|frame| match frame {
        ViewerOutput::Data { bytes, .. } => bytes.to_vec(),
        _ => Vec::new(),
    });
    bytes.collect::<Vec<_>>().concat()
}

/// Generation and offset that an `Attached` says.
pub(crate) fn position(said: &[Output]) -> (Generation, u64) {
    let found = frames(said).into_iter().find_map(|frame| match frame {
        ViewerOutput::Attached { generation, offset, .. } => Some((generation, offset)),
        _ => None,
    });
    found.expect("the stream is open")
}

/// The offset of the snapshot among the frames.
pub(crate) fn snapshot_offset(said: &[Output]) -> Option<u64> {
    frames(said).into_iter().find_map(|frame| match frame {
        ViewerOutput::Snapshot { offset, .. } => Some(offset),
        _ => None,
    })
}
