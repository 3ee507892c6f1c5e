//! The composition root: routes inputs to the components and news between them; decides nothing itself.

use crate::directory::{self, Directory, News, RestoredAgent, Undecodable};
use crate::error::{ConfigError, Violation};
use crate::id::{AgentId, NodeId, TerminalId, ViewerId};
use crate::input::{Input, TerminalInput, ViewerInput};
use crate::mesh::facts::{Facts, OwnFacts, Value};
use crate::output::{Event, Output};
use crate::random::Random;
use crate::streams::{Attach, Onlooker, Streams};
use crate::time::{Deadline, Instant};
use crate::view::View;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a node is told at its start and never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What people call this machine: 1 to 100 characters.
    pub name: String,
}

/// Who the node is, and which of its lives this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its public key.
    pub id: NodeId,
    /// Grows with every start; stored before the node is made.
    pub epoch: u64,
}

/// What the store held.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    agents: Vec<(AgentId, RestoredAgent)>,
}

impl Restored {
    /// Adds an entry that was stored by [`Output::Store`].
    ///
    /// # Errors
    /// The entry is not one that this version can read. Nothing of it was taken; the caller keeps it safe.
    pub fn add(&mut self, key: &str, bytes: &[u8]) -> Result<(), Undecodable> {
        self.agents.push(directory::decode(key, bytes)?);
        Ok(())
    }
}

/// A node. See the [crate] for the order in which its methods are called.
#[derive(Debug)]
pub struct Node {
    config: Config,
    identity: Identity,
    instance: u64,
    now: Instant,
    directory: Directory,
    streams: Streams,
    own_facts: OwnFacts,
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node that knows what the store held and nothing else.
    ///
    /// # Errors
    /// The configuration cannot work; see [`ConfigError`].
    pub fn new(
        config: Config,
        identity: Identity,
        restored: Restored,
        seed: [u8; 32],
        now: Instant,
    ) -> Result<Self, ConfigError> {
        if config.name.is_empty() || config.name.chars().count() > 100 {
            return Err(ConfigError::Name);
        }
        let instance = Random::fork(seed, 0).draw();
        let mut node = Node {
            directory: Directory::new(identity.id, Random::fork(seed, 1), restored.agents, now),
            streams: Streams::new(identity.id, Random::fork(seed, 2)),
            own_facts: OwnFacts::new(identity.id, identity.epoch, &config.name, instance),
            config,
            identity,
            instance,
            now,
            outputs: VecDeque::new(),
        };
        let agents: Vec<AgentId> = node.directory.agents().map(|agent| agent.id).collect();
        for agent in agents {
            node.publish(agent);
        }
        Ok(node)
    }

    /// Takes one input. Total: no byte of a peer, a viewer or a program makes it fail.
    ///
    /// # Panics
    /// If the runtime breaks the contract: outputs were not drained, or time went back.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        assert!(self.outputs.is_empty(), "contract: outputs are drained before the next input");
        assert!(now >= self.now, "contract: time never goes back");
        self.now = now;
        let out = &mut self.outputs;
        match input {
            Input::Wake => {}
            Input::Backend(input) => {
                let news = self.directory.backend_input(now, input, out);
                self.spread(&news);
            }
            Input::Terminal(id, input) => self.terminal(id, input),
            Input::Viewer(id, input) => self.viewer(id, input),
            Input::Command(id, node, command) if node == self.identity.id => {
                self.directory.command(now, id, command, out)
            }
            Input::Command(id, ..) => out.push_back(Output::Reply(id, Err(unreachable_node()))),
            Input::Link(..) | Input::DialFailed(..) | Input::Network(_) => {}
            Input::Stored(id, result) => self.directory.stored(now, id, result, out),
        }
        self.settle();
    }

    /// The next thing to do, in order; `None` when there is nothing left.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call `handle(Wake)` at the latest, and why. `None`: only when something happens.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Deadline> {
        let directory = self.directory.next_deadline().map(|at| Deadline { at, reason: "an agent's state" });
        let streams = self.streams.next_deadline().map(|at| Deadline { at, reason: "a terminal's viewers" });
        [directory, streams].into_iter().flatten().min()
    }

    /// Everything that can be read.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View { node: self }
    }

    /// Every invariant of every component. For the simulator and the fuzzer: it looks at everything.
    ///
    /// # Errors
    /// The first rule that does not hold: a bug in core.
    pub fn check(&self) -> Result<(), Violation> {
        if self.next_deadline().is_some_and(|deadline| deadline.at <= self.now) && self.outputs.is_empty() {
            return Err(Violation("work is pending that was due already".to_string()));
        }
        self.directory.check()?;
        self.streams.check(self.now)
    }

    /// The facts that this node knows.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        self.own_facts.facts()
    }

    pub(crate) fn id(&self) -> NodeId {
        self.identity.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    pub(crate) fn instance(&self) -> u64 {
        self.instance
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    fn terminal(&mut self, id: TerminalId, input: TerminalInput<'_>) {
        let out = &mut self.outputs;
        match &input {
            TerminalInput::Output(_) | TerminalInput::Skipped => self.directory.printed(self.now, id.agent, out),
            TerminalInput::Screen(text) => self.directory.screen(self.now, id.agent, text, out),
            TerminalInput::Snapshot { .. }
            | TerminalInput::Resized(_)
            | TerminalInput::Written { .. }
            | TerminalInput::WriteFailed(_)
            | TerminalInput::Closed => {}
        }
        self.streams.terminal(self.now, id, input);
    }

    fn viewer(&mut self, id: ViewerId, input: ViewerInput<'_>) {
        let (now, out) = (self.now, &mut self.outputs);
        let id = Onlooker::Here(id);
        match input {
            ViewerInput::Opened(key) => self.streams.open(id, key),
            ViewerInput::Writable => self.streams.writable(id),
            ViewerInput::Attach { stream, agent, pane, from, size, take } => {
                let target = self.directory.target(agent.agent, pane);
                self.streams.attach(now, id, Attach { stream, from, size, take }, target, out);
                self.directory.looked_at(now, agent.agent, out);
            }
            ViewerInput::Resize { stream, size, take } => self.streams.take_size((id, stream), size, take, out),
            ViewerInput::Release(stream) => self.streams.release_size((id, stream), out),
            ViewerInput::Ack { stream, offset } => self.streams.ack(id, stream, offset),
            ViewerInput::Input { stream, seq, bytes } => {
                if let Some(agent) = self.streams.agent_of((id, stream)) {
                    self.directory.typed(now, agent, out);
                }
                self.streams.type_in(now, id, stream, (seq, bytes), out);
            }
            ViewerInput::Detach(stream) => self.streams.detach(now, id, stream, out),
            ViewerInput::Seen(agent) => self.directory.looked_at(now, agent.agent, out),
            ViewerInput::Closed => self.streams.close(now, id, out),
        }
    }

    /// News go from the directory to the streams, here and nowhere else.
    fn spread(&mut self, news: &[News]) {
        for piece in news {
            match *piece {
                News::TerminalClosed(id) => self.streams.close_terminal(id),
                News::ShownElsewhere(id, shown) => self.streams.shown_elsewhere(id, shown),
            }
        }
    }

    /// Does all that is due or was made possible, so that nothing is pending when `handle` returns.
    fn settle(&mut self) {
        let (now, out) = (self.now, &mut self.outputs);
        self.directory.wake(now, |terminal| self.streams.is_looked_at(terminal), out);
        self.streams.wake(now, out);
        self.streams.flush(now, out);
        let changed: Vec<AgentId> = out
            .iter()
            .filter_map(|output| match output {
                Output::Event(Event::AgentChanged(id) | Event::AgentRemoved(id)) => Some(id.agent),
                _ => None,
            })
            .collect();
        for agent in changed {
            self.publish(agent);
        }
    }

    /// Brings the facts about one agent up to date.
    fn publish(&mut self, id: AgentId) {
        let value = self.directory.agent(id).map(|agent| Value::Agent {
            name: agent.name.to_string(),
            state: agent.state.kind.into(),
            title: agent.terminals.iter().find(|info| info.active).map(|info| info.title.clone()).unwrap_or_default(),
            running: agent.running,
        });
        self.own_facts.agent(id, value);
    }
}

fn unreachable_node() -> crate::error::Refusal {
    crate::error::Refusal {
        code: crate::error::RefusalCode::Unreachable,
        message: "That node cannot be reached.".to_string(),
        hint: String::new(),
    }
}
