//! The composition root: routes inputs to the components and news between them; decides nothing itself.

mod routes;

use crate::bounded;
use crate::circuits::Circuits;
use crate::command::Command;
use crate::directory::{self, BackendKind, Directory, News, RestoredAgent, RestoredQueue, Signal, Undecodable};
use crate::error::{ConfigError, Violation};
use crate::id::{AgentId, CommandId, NodeId, TerminalId};
use crate::input::{Input, TerminalInput};
use crate::mesh::facts::{AgentFact, BackendFact, Facts};
use crate::mesh::{self, Mesh};
use crate::output::{Event, Output};
use crate::random::Random;
use crate::seal::Seal;
use crate::streams::{Onlooker, Streams};
use crate::time::{Deadline, Instant};
use crate::view::View;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a node is told at its start and never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What people call this machine: 1 to 100 characters.
    pub name: String,
    /// Unix time now, in milliseconds: from it, ages of states are counted over restarts. `None`: they begin anew.
    pub start_unix_ms: Option<u64>,
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
    queues: Vec<(AgentId, RestoredQueue)>,
    ages: Vec<directory::Age>,
    mesh: mesh::Restored,
}

impl Restored {
    /// Adds an entry that was stored by [`Output::Store`].
    ///
    /// # Errors
    /// The entry is not one that this version can read. Nothing of it was taken; the caller keeps it safe.
    pub fn add(&mut self, key: &str, bytes: &[u8]) -> Result<(), Undecodable> {
        if mesh::Restored::owns(key) {
            return self.mesh.add(key, bytes);
        }
        if directory::owns_ages(key) {
            self.ages = directory::decode_ages(bytes)?;
            return Ok(());
        }
        if directory::owns_queue(key) {
            self.queues.push(directory::decode_queue(key, bytes)?);
            return Ok(());
        }
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
    mesh: Mesh,
    circuits: Circuits,
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node that knows what the store held and nothing else, and seals in its own name with `seal`.
    ///
    /// # Errors
    /// The configuration cannot work; see [`ConfigError`].
    pub fn new(
        config: Config,
        identity: Identity,
        restored: Restored,
        seal: Box<dyn Seal>,
        seed: [u8; 32],
        now: Instant,
    ) -> Result<Self, ConfigError> {
        if config.name.is_empty() || config.name.chars().count() > 100 {
            return Err(ConfigError::Name);
        }
        let instance = Random::fork(seed, 0).draw();
        let mut node = Node {
            directory: Directory::new(
                identity.id,
                Random::fork(seed, 1),
                restored.agents,
                restored.queues,
                (config.start_unix_ms, restored.ages),
                now,
            ),
            streams: Streams::new(identity.id, Random::fork(seed, 2)),
            mesh: Mesh::new(
                (identity.id, identity.epoch, instance),
                &config.name,
                restored.mesh,
                Random::fork(seed, 3),
                now,
            ),
            circuits: Circuits::new(instance, Random::fork(seed, 4), seal),
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
        node.publish_backends();
        Ok(node)
    }

    /// Takes one input. Total: no byte of a peer, a viewer or a program makes it fail.
    ///
    /// # Panics
    /// If the runtime breaks the contract: outputs were not drained, or time went back.
    #[inline]
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        assert!(self.outputs.is_empty(), "contract: outputs are drained before the next input");
        assert!(now >= self.now, "contract: time never goes back");
        self.now = now;
        self.mesh.begin(now);
        let out = &mut self.outputs;
        match input {
            Input::Wake => {}
            Input::Backend(input) => {
                let news = self.directory.backend_input(now, input, out);
                self.spread(&news);
            }
            Input::Terminal(id, input) => self.terminal(id, input),
            Input::Viewer(id, input) => self.viewer(Onlooker::Here(id), input),
            Input::Command(id, node, command) if node == self.identity.id => self.command(id, command),
            Input::Command(id, node, command) => {
                if let Err(refusal) = self.circuits.command(now, (id, node), &command, &self.mesh) {
                    out.push_back(Output::Reply(id, Err(refusal)));
                }
            }
            Input::Link(id, input) => self.mesh.link(now, id, input, out),
            Input::DialFailed(id, _) => self.mesh.dial_failed(now, id),
            Input::Network(addresses) => self.mesh.network(now, addresses, out),
            Input::Stored(id, result) if Mesh::owns_store(id) => self.mesh.stored(now, id, result, out),
            Input::Stored(id, result) => self.directory.stored(now, id, result, out),
        }
        self.settle();
    }

    /// The next thing to do, in order; `None` when there is nothing left.
    #[inline]
    pub fn poll_output(&mut self) -> Option<Output> {
        bounded::pop_front(&mut self.outputs)
    }

    /// When to call `handle(Wake)` at the latest, and why. `None`: only when something happens.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Deadline> {
        let others = Deadline::first([
            (self.directory.next_deadline(), "an agent's state"),
            (self.streams.next_deadline(), "a terminal's viewers"),
            (self.circuits.next_deadline(), "another node's answer"),
        ]);
        [others, self.mesh.next_deadline()].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    /// Everything that can be read.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View { node: self }
    }

    /// Whether this input shows, on a program's line for texts, one that was sent and whose effect is looked for. A recording keeps that
    /// instead of the line, which is as secret as the text.
    #[must_use]
    pub fn shows_sent_text(&self, input: &Input<'_>) -> bool {
        let Input::Terminal(terminal, TerminalInput::Signal(Signal::Screen(reading))) = input else { return false };
        reading.composer.as_ref().is_some_and(|composer| self.directory.shows_sent_text(*terminal, &composer.line))
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
        self.mesh.check(self.now)?;
        self.circuits.check()?;
        self.streams.check(self.now)
    }

    /// The facts that this node knows.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        self.mesh.facts()
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

    pub(crate) fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// A command for this node: of the mesh, or of its agents.
    fn command(&mut self, id: CommandId, command: Command) {
        let out = &mut self.outputs;
        match command {
            Command::Admit { node, addresses, rights } => self.mesh.admit(id, (node, addresses, rights), out),
            Command::Remove(node) => self.mesh.remove(id, node, out),
            command => self.directory.command(self.now, id, command, out),
        }
    }

    fn terminal(&mut self, id: TerminalId, input: TerminalInput<'_>) {
        let out = &mut self.outputs;
        match &input {
            TerminalInput::Output(_) | TerminalInput::Skipped => self.directory.printed(self.now, id, out),
            TerminalInput::Signal(signal) => return self.directory.signal(self.now, id, signal.clone(), out),
            TerminalInput::Resized(_) => self.directory.resized(self.now, id, out),
            TerminalInput::Snapshot { .. }
            | TerminalInput::Written { .. }
            | TerminalInput::WriteFailed(_)
            | TerminalInput::Closed => {}
        }
        self.streams.terminal(self.now, id, input);
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
        self.hear_mesh();
        let (now, out) = (self.now, &mut self.outputs);
        self.directory.wake(now, |terminal| self.streams.is_looked_at(terminal), out);
        self.streams.wake(now, out);
        let news = self.circuits.wake(now, &self.mesh);
        self.hear_circuits(news);
        self.publish_changes();
        self.mesh.wake(now, &mut self.outputs);
        self.hear_mesh();
        self.answer_others();
        self.exchange();
        if let Some(categories) = self.mesh.new_categories() {
            self.directory.set_foreign_categories(categories, &mut self.outputs);
        }
    }

    /// Tells the mesh what has changed here.
    fn publish_changes(&mut self) {
        let own = self.identity.id;
        let mut backends = false;
        let mut agents: Vec<AgentId> = Vec::new();
        for output in &self.outputs {
            match output {
                Output::Event(Event::AgentChanged(id) | Event::AgentRemoved(id)) if id.node == own => {
                    agents.push(id.agent);
                }
                Output::Event(Event::NodeChanged(id)) => backends |= *id == own,
                _ => {}
            }
        }
        for agent in agents {
            self.publish(agent);
        }
        if backends {
            self.publish_backends();
        }
    }

    /// Brings the facts about one agent up to date.
    fn publish(&mut self, id: AgentId) {
        let fact = self.directory.agent(id).map(|agent| AgentFact::from(&agent));
        self.mesh.publish_agent(self.now, id, fact);
    }

    fn publish_backends(&mut self) {
        let backends = BackendKind::ALL.map(|kind| {
            let view = self.directory.backend(kind);
            BackendFact { kind, available: view.available, detail: view.detail.chars().take(256).collect() }
        });
        self.mesh.publish_backends(self.now, backends.into());
    }
}
