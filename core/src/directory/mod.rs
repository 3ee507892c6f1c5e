//! Which agents exist, what they are called, what they do and what the user wants of them.
//!
//! An agent is *managed* once it has a stored record (it was created or edited here); a session that was only found has none and
//! vanishes with its carrier. That is apart from its origin: a session that was found stays one, with notes or without, and is
//! never started or stopped as an agent that was created here is. Commands on one agent are carried out one after the other, as plans of steps.

mod agent;
mod ages;
mod answer;
mod backends;
mod carry_out;
mod confirm;
mod hues;
mod name;
mod pane;
mod plan;
mod queue;
mod record;
pub mod signal;
mod signals;
mod state;

pub use name::{Name, NameError, Place, place};
pub use record::{HOOKS_OFF, Undecodable};
use signal::HookReport;
pub use signal::Signal;
pub use state::{AgentState, Source, StateKind};

use crate::command::NewAgent;
use crate::error::{Refusal, RefusalCode, Violation};
use crate::id::{AgentAddress, AgentId, CommandId, NodeId, OperationId, StoreId, TerminalId};
use crate::limits;
use crate::output::{EndReason, Event, LastConversation, LaunchSpec, Output, TerminalOutput};
use crate::random::Random;
use crate::streams::Target;
use crate::time::Instant;
use crate::timers::Timers;
use crate::view::{AgentView, BackendView};
use agent::Agent;
use ages::Ages;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use plan::refuse;
use queue::Queue;
use serde::{Deserialize, Serialize};

/// What carries an agent's terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BackendKind {
    /// A tmux session: survives the node.
    Tmux,
    /// A PTY that the node owns: ends with it.
    Pty,
}

impl BackendKind {
    /// All there are.
    pub const ALL: [BackendKind; 2] = [BackendKind::Tmux, BackendKind::Pty];

    /// The stable name in the HTTP API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            BackendKind::Tmux => "tmux",
            BackendKind::Pty => "pty",
        }
    }
}

/// What the user wants an agent to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Desired {
    /// It should run.
    Running,
    /// It should not.
    Stopped,
}

/// Where an agent comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origin {
    /// It was created here, so it can be started again.
    Created,
    /// It is a session that somebody else made. Notes and tags are kept of it, but what runs in it is not known.
    Found,
}

/// What streams must know of a change here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The terminal is gone.
    TerminalClosed(TerminalId),
    /// Somebody else's terminal program shows it, or does no longer.
    ShownElsewhere(TerminalId, bool),
}

#[derive(Debug)]
enum Pending {
    Plan(AgentId),
    Paste(CommandId, usize),
    /// A text with Enter whose effect is looked for then.
    Send(confirm::Sender, TerminalId, String),
    /// Enter, once more.
    Enter,
    Answer(CommandId, TerminalId),
    /// The place for an answer in words is being opened: for the question with this id, and the words.
    Words(CommandId, TerminalId, u64, String),
    Text(CommandId),
    Listing(CommandId),
    Process(CommandId),
    Programs(CommandId),
    Start(CommandId),
}

#[derive(Debug)]
enum StoredFor {
    Plan(AgentId),
    /// Nobody waits: a name that was followed, a state that was noted. Tried again if it fails.
    Agent(AgentId),
    /// A change of its queue.
    Queue(AgentId),
    /// How long agents have been in their states.
    Ages,
    /// What is left of an agent that could not be created: the refusal is said when nothing of it can come back.
    Refused(Option<CommandId>, Refusal),
}

#[derive(Debug)]
struct Backend {
    available: bool,
    detail: String,
    /// It has said what it has, or that it cannot be used.
    settled: bool,
    /// Everything that it carries has been reported since it became available.
    listed: bool,
    /// The desired state of its agents has been restored.
    reconciled: bool,
}

/// All agents of this node.
#[derive(Debug)]
pub(crate) struct Directory {
    node: NodeId,
    random: Random,
    /// Makes the ids of questions differ between the lives of a node.
    salt: u64,
    agents: BTreeMap<AgentId, Agent>,
    backends: BTreeMap<BackendKind, Backend>,
    operations: BTreeMap<OperationId, Pending>,
    /// Agents to create as soon as it is known what their backend has: in the first moments of the node.
    early: VecDeque<(CommandId, (NewAgent, Variables))>,
    stores: VecDeque<(StoreId, StoredFor)>,
    next_operation: u64,
    next_store: u64,
    hues: BTreeMap<String, u16>,
    /// First levels of the names of other nodes' agents.
    foreign_categories: BTreeSet<String>,
    /// What waits for agents that are out of sight, or not in sight yet.
    queues_aside: BTreeMap<AgentId, Queue>,
    ages: Ages,
    timers: Timers<AgentId>,
}

type Out = VecDeque<Output>;

impl Directory {
    pub(crate) fn new(
        node: NodeId,
        mut random: Random,
        restored: Vec<(AgentId, agent::Restored)>,
        queues: Vec<(AgentId, queue::RestoredQueue)>,
        (start_unix_ms, ages): (Option<u64>, Vec<ages::Entry>),
        now: Instant,
    ) -> Self {
        let backends = BackendKind::ALL.map(|kind| {
            let detail = "not looked for yet".to_string();
            (kind, Backend { available: false, detail, settled: false, listed: false, reconciled: false })
        });
        let salt = random.draw();
        let mut ages = Ages::new(start_unix_ms, ages, now);
        let restore =
            |id: AgentId, record: agent::Restored, former| Agent::restored(now, record.0, salt ^ id.0, former);
        let agents = restored.into_iter().map(|(id, record)| (id, restore(id, record, ages.take(id)))).collect();
        let mut directory = Directory {
            node,
            random,
            salt,
            agents,
            backends: backends.into(),
            operations: BTreeMap::new(),
            early: VecDeque::new(),
            stores: VecDeque::new(),
            next_operation: 0,
            next_store: 0,
            hues: BTreeMap::new(),
            foreign_categories: BTreeSet::new(),
            queues_aside: BTreeMap::new(),
            ages,
            timers: Timers::default(),
        };
        for (id, queue) in queues {
            match directory.agents.get_mut(&id) {
                Some(agent) => agent.queue = queue.into(),
                None => drop(directory.queues_aside.insert(id, queue.into())),
            }
        }
        directory.hues = directory.current_hues();
        directory
    }

    // What can be read.

    pub(crate) fn agents(&self) -> impl Iterator<Item = AgentView<'_>> {
        self.agents.iter().filter(|(_, agent)| agent.is_visible()).map(|(id, agent)| agent.view(*id, self.node))
    }

    pub(crate) fn agent(&self, id: AgentId) -> Option<AgentView<'_>> {
        self.agents.get(&id).filter(|agent| agent.is_visible()).map(|agent| agent.view(id, self.node))
    }

    pub(crate) fn hues(&self) -> &BTreeMap<String, u16> {
        &self.hues
    }

    pub(crate) fn backend(&self, kind: BackendKind) -> BackendView<'_> {
        let backend = &self.backends[&kind];
        BackendView { available: backend.available, detail: &backend.detail }
    }

    pub(crate) fn target(&self, agent: AgentId, pane: Option<u32>) -> Result<Target, EndReason> {
        let known = self.agents.get(&agent).filter(|agent| agent.is_visible()).ok_or(EndReason::Unknown)?;
        let seen = known.seen.as_ref().ok_or(EndReason::Exited)?;
        let info = match pane {
            Some(pane) => seen.terminals.iter().find(|info| info.pane == pane),
            None => seen.terminals.iter().find(|info| info.active).or(seen.terminals.first()),
        };
        let info = info.ok_or(EndReason::Unknown)?;
        let id = TerminalId { agent, pane: info.pane };
        Ok(Target { id, size: info.size, shown_elsewhere: seen.shown_elsewhere })
    }

    // Signals for the state.

    /// The terminal printed while it was watched.
    pub(crate) fn printed(&mut self, now: Instant, id: TerminalId, out: &mut Out) {
        self.change(now, id.agent, out, |agent| agent.signals.printed(now, id.pane));
    }

    /// Somebody typed.
    pub(crate) fn typed(&mut self, now: Instant, id: TerminalId, out: &mut Out) {
        self.change(now, id.agent, out, |agent| {
            agent.signals.typed(now, id.pane);
            agent.signals.person_typed(now, id.pane);
        });
    }

    /// A terminal has another size.
    pub(crate) fn resized(&mut self, now: Instant, id: TerminalId, out: &mut Out) {
        self.change(now, id.agent, out, |agent| agent.signals.resized(now, id.pane));
    }

    /// A signal of a terminal's program.
    pub(crate) fn signal(&mut self, now: Instant, id: TerminalId, signal: Signal, out: &mut Out) {
        let read = matches!(signal, Signal::Screen(_));
        self.change(now, id.agent, out, |agent| {
            if let Signal::Hook(HookReport { session: Some(session), .. }) = &signal {
                agent.converses(now, session.clone());
            }
            agent.signals.signal(now, id.pane, signal);
        });
        if read {
            self.look_for_texts(now, id, out);
            self.type_what_waits(now, id, out);
        }
    }

    /// A person looks at the agent.
    pub(crate) fn looked_at(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        self.change(now, id, out, |agent| agent.signals.looked_at(now));
    }

    fn change(&mut self, now: Instant, id: AgentId, out: &mut Out, change: impl FnOnce(&mut Agent)) {
        if let Some(agent) = self.agents.get_mut(&id) {
            change(agent);
            self.decide(now, id, out);
        }
    }

    fn decide(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        let address = self.address(id);
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if agent.signals.decide(now) && agent.is_visible() {
            out.push_back(Output::Event(Event::AgentChanged(address)));
            self.ages.changed(now);
        }
        if agent.queue.is_used() {
            self.deliver_if_due(now, id, out);
        }
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let deadline = agent.deadline(now);
        self.timers.set(id, deadline);
    }

    // Time.

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        [self.timers.next(), self.ages.deadline()].into_iter().flatten().min()
    }

    /// Does what is due. `looked` says whether a terminal has viewers.
    pub(crate) fn wake(&mut self, now: Instant, looked: impl Fn(TerminalId) -> bool, out: &mut Out) {
        while let Some(id) = self.timers.pop_due(now) {
            let Some(agent) = self.agents.get_mut(&id) else { continue };
            let to_read = agent.signals.settle(now);
            if agent.signals.take_done() || !to_read.is_empty() {
                let panes = agent.seen.iter().flat_map(|seen| &seen.terminals);
                if panes.map(|info| TerminalId { agent: id, pane: info.pane }).any(&looked) {
                    agent.signals.looked_at(now);
                }
            }
            for pane in to_read {
                let terminal = TerminalId { agent: id, pane };
                out.push_back(Output::Terminal(terminal, TerminalOutput::ReadScreen));
            }
            self.give_up_typing(now, id, out);
            self.look_again(now, id, out);
            let Some(agent) = self.agents.get_mut(&id) else { continue };
            let again = agent.store_again(now);
            if let Some(record) = agent.note_end(now) {
                self.put(id, &record, StoredFor::Agent(id), out);
                self.announce(id, out);
            } else if let Some(record) = again {
                self.put(id, &record, StoredFor::Agent(id), out);
            }
            self.decide(now, id, out);
        }
        self.store_ages(now, out);
    }

    // News for everybody.

    fn announce(&mut self, id: AgentId, out: &mut Out) {
        if self.agents.get(&id).is_some_and(Agent::is_visible) {
            out.push_back(Output::Event(Event::AgentChanged(self.address(id))));
        }
        self.update_hues(out);
    }

    fn remove(&mut self, id: AgentId, out: &mut Out) {
        self.timers.set(id, None);
        if let Some(mut agent) = self.agents.remove(&id) {
            self.drop_queue(id, core::mem::take(&mut agent.queue), out);
            out.push_back(Output::Event(Event::AgentRemoved(self.address(id))));
            self.update_hues(out);
        }
    }

    fn address(&self, agent: AgentId) -> AgentAddress {
        AgentAddress { node: self.node, agent }
    }

    /// The first levels of the names of other nodes' agents are these now: all categories have colours that go together.
    pub(crate) fn set_foreign_categories(&mut self, categories: BTreeSet<String>, out: &mut Out) {
        self.foreign_categories = categories;
        self.update_hues(out);
    }

    fn update_hues(&mut self, out: &mut Out) {
        let hues = self.current_hues();
        if hues != self.hues {
            self.hues = hues;
            out.push_back(Output::Event(Event::CategoriesChanged));
        }
    }

    fn current_hues(&self) -> BTreeMap<String, u16> {
        let visible = self.agents.values().filter(|agent| agent.is_visible());
        let own = visible.filter_map(|agent| place(agent.name()).path.first().copied());
        let foreign = self.foreign_categories.iter().map(String::as_str);
        hues::hues(&own.chain(foreign).collect())
    }

    /// Every rule of this component.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        if self.agents.len() > limits::AGENTS {
            return Err(Violation("too many agents".to_string()));
        }
        for (id, agent) in &self.agents {
            if agent.record.is_none() && agent.seen.is_none() && agent.plan.is_none() {
                return Err(Violation(format!("{id:?} is neither stored nor running")));
            }
            if agent.plan.is_none() && !agent.waiting.is_empty() {
                return Err(Violation(format!("commands wait for {id:?} and nothing is done")));
            }
        }
        Ok(())
    }
}

fn no_such_agent() -> Refusal {
    refuse(RefusalCode::NotFound, "There is no such agent or terminal.", "List the agents to see which there are.")
}

/// Environment variables by name.
type Variables = alloc::vec::Vec<(String, String)>;

/// Reads stored agents back.
pub(crate) fn decode(key: &str, bytes: &[u8]) -> Result<(AgentId, agent::Restored), Undecodable> {
    record::decode(key, bytes).map(|(id, record)| (id, agent::Restored(record)))
}

pub(crate) use agent::Restored as RestoredAgent;
pub(crate) use ages::{Entry as Age, decode as decode_ages, owns as owns_ages};
pub(crate) use queue::{RestoredQueue, decode as decode_queue, owns as owns_queue, redacted as redacted_queue};
pub(crate) use record::redacted as redacted_record;

impl Directory {
    /// What starts an agent, in which its program goes on with its last conversation unless it is to begin a new one.
    fn launch_spec(&self, id: AgentId, fresh: bool) -> Option<LaunchSpec> {
        let agent = self.agents.get(&id)?;
        let record = agent.record.as_ref();
        let last = LastConversation {
            session: agent.session.clone(),
            started_unix_ms: agent.started_unix_ms,
            others: self
                .agents
                .iter()
                .filter(|(other, _)| **other != id)
                .filter_map(|(_, agent)| agent.session_id())
                .collect(),
        };
        Some(LaunchSpec {
            agent: id,
            backend: agent.backend().unwrap_or(BackendKind::Tmux),
            name: agent.name().to_string(),
            directory: record.map(|r| r.directory.clone()).unwrap_or_default(),
            program: record.and_then(|r| r.program.clone()),
            args: record.map(|r| r.args.clone()).unwrap_or_default(),
            env: record.map(|r| r.env.clone()).unwrap_or_default(),
            caller: record.map(|r| r.caller.clone()).unwrap_or_default(),
            size: agent.size,
            last: (!fresh).then(|| Box::new(last)),
        })
    }
}
