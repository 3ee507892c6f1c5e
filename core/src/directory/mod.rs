//! Which agents exist, what they are called, what they do and what the user wants of them.
//!
//! An agent is *managed* once it has a stored record (it was created or edited here); a session that was only found has none and
//! vanishes with its carrier. That is apart from its origin: a session that was found stays one, with notes or without, and is
//! never started or stopped as an agent that was created here is. Commands on one agent are carried out one after the other, as plans of steps.

mod agent;
mod answer;
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

use crate::command::{NewAgent, Reply};
use crate::error::{Refusal, RefusalCode, Violation};
use crate::id::{AgentAddress, AgentId, CommandId, NodeId, OperationId, StoreId, TerminalId};
use crate::input::{BackendInput, Observation, OperationDone, OperationError};
use crate::limits;
use crate::output::{EndReason, Event, LaunchSpec, Output, TerminalOutput};
use crate::random::Random;
use crate::streams::Target;
use crate::time::Instant;
use crate::timers::Timers;
use crate::view::{AgentView, BackendView};
use agent::Agent;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use plan::{Outcome, Plan, Step, refuse};
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
    Send(confirm::From, TerminalId, String),
    /// Enter, once more.
    Enter,
    Answer(CommandId, TerminalId),
    Text(CommandId),
    Listing(CommandId),
    Process(CommandId),
    Programs(CommandId),
}

#[derive(Debug)]
enum StoredFor {
    Plan(AgentId),
    /// Nobody waits: a name that was followed, a state that was noted. Tried again if it fails.
    Agent(AgentId),
    /// A change of its queue.
    Queue(AgentId),
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
    timers: Timers<AgentId>,
}

type Out = VecDeque<Output>;

impl Directory {
    pub(crate) fn new(
        node: NodeId,
        mut random: Random,
        restored: Vec<(AgentId, agent::Restored)>,
        queues: Vec<(AgentId, queue::RestoredQueue)>,
        now: Instant,
    ) -> Self {
        let backends = BackendKind::ALL.map(|kind| {
            let detail = "not looked for yet".to_string();
            (kind, Backend { available: false, detail, settled: false, listed: false, reconciled: false })
        });
        let salt = random.draw();
        let agents = restored.into_iter().map(|(id, record)| (id, Agent::restored(now, record.0, salt ^ id.0)));
        let mut directory = Directory {
            node,
            random,
            salt,
            agents: agents.collect(),
            backends: backends.into(),
            operations: BTreeMap::new(),
            early: VecDeque::new(),
            stores: VecDeque::new(),
            next_operation: 0,
            next_store: 0,
            hues: BTreeMap::new(),
            foreign_categories: BTreeSet::new(),
            queues_aside: BTreeMap::new(),
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

    // What backends report.

    pub(crate) fn backend_input(&mut self, now: Instant, input: BackendInput, out: &mut Out) -> Vec<News> {
        match input {
            BackendInput::Available(kind, detail) => self.set_backend(kind, true, detail, out),
            BackendInput::Unavailable(kind, detail) => {
                self.set_backend(kind, false, detail, out);
                self.settle_backend(now, kind, out);
                return self.lose_sight(now, kind, out);
            }
            BackendInput::Listed(kind) => {
                self.reconcile(now, kind, out);
                self.settle_backend(now, kind, out);
            }
            BackendInput::Seen(observation) => return self.seen(now, observation, out),
            BackendInput::Gone(id) => return self.gone(now, id, "its session has ended", out),
            BackendInput::Done(operation, result) => self.operation_done(now, operation, result, out),
        }
        Vec::new()
    }

    fn set_backend(&mut self, kind: BackendKind, available: bool, detail: String, out: &mut Out) {
        let Some(backend) = self.backends.get_mut(&kind) else { return };
        if backend.available != available || backend.detail != detail {
            backend.listed &= backend.available && available;
            backend.available = available;
            backend.detail = detail;
            out.push_back(Output::Event(Event::NodeChanged(self.node)));
        }
    }

    /// What the backend has is known now: what was to be created before goes on.
    fn settle_backend(&mut self, now: Instant, kind: BackendKind, out: &mut Out) {
        let Some(backend) = self.backends.get_mut(&kind) else { return };
        if core::mem::replace(&mut backend.settled, true) {
            return;
        }
        for (command, new) in core::mem::take(&mut self.early) {
            if let Err(refusal) = self.create(now, command, new, out) {
                out.push_back(Output::Reply(command, Err(refusal)));
            }
        }
    }

    /// Starts what should run and does not: once, when the backend has told what it has.
    fn reconcile(&mut self, now: Instant, kind: BackendKind, out: &mut Out) {
        let Some(backend) = self.backends.get_mut(&kind) else { return };
        backend.listed = true;
        let reconciled = core::mem::replace(&mut backend.reconciled, true);
        if kind == BackendKind::Tmux {
            self.drop_queues_aside(out);
        }
        if reconciled {
            return self.note_ends_out_of_sight(now, kind, out);
        }
        let missing: Vec<_> = self
            .agents
            .iter_mut()
            .filter(|(_, agent)| agent.backend() == Some(kind) && agent.seen.is_none())
            .filter(|(_, agent)| !agent.plan.as_ref().is_some_and(|plan| plan.creating))
            .filter_map(|(id, agent)| {
                let record = agent.record.as_ref()?;
                agent.start_due =
                    record.desired == Desired::Running && record.autostart && record.origin == Origin::Created;
                agent.signals.stopped(match record.desired {
                    Desired::Running if agent.start_due => "it is being started",
                    Desired::Running => "it was running before the machine or tmux was restarted",
                    Desired::Stopped if record.ended => "its session has ended",
                    Desired::Stopped => "stopped by you",
                });
                Some(*id)
            })
            .collect();
        for id in missing {
            self.start_if_due(now, id, out);
            self.decide(now, id, out);
        }
    }

    /// What a backend that was lost and found has not listed again has ended in the meantime.
    fn note_ends_out_of_sight(&mut self, now: Instant, kind: BackendKind, out: &mut Out) {
        let unseen = |agent: &Agent| agent.out_of_sight && agent.seen.is_none() && agent.backend() == Some(kind);
        let ended: Vec<AgentId> = self.agents.iter().filter(|(_, agent)| unseen(agent)).map(|(id, _)| *id).collect();
        for id in ended {
            if let Some(agent) = self.agents.get_mut(&id) {
                agent.note_end_out_of_sight(now);
            }
            self.announce(id, out);
            self.decide(now, id, out);
        }
    }

    /// Starts an agent that ran before the node's own start, unless something else is being done to it.
    fn start_if_due(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        if self.agents.get(&id).is_some_and(Agent::is_to_be_started) {
            let steps = VecDeque::from([Step::Launch]);
            let plan = Plan { command: None, steps, outcome: Outcome::Agent, creating: false, done: None };
            self.begin(now, id, plan, out);
        }
    }

    fn seen(&mut self, now: Instant, observation: Observation, out: &mut Out) -> Vec<News> {
        let id = observation.agent;
        if !self.agents.contains_key(&id) && self.agents.len() >= limits::AGENTS {
            return Vec::new();
        }
        let salt = self.salt;
        let aside = &mut self.queues_aside;
        let agent = self.agents.entry(id).or_insert_with(|| {
            let queue = aside.remove(&id).unwrap_or_default();
            Agent { queue, ..Agent::found(now, salt ^ id.0) }
        });
        let (changed, news) = agent.observe(now, id, observation);
        let store = agent.follow_name();
        if changed {
            self.announce(id, out);
        }
        if let Some(record) = store {
            self.put(id, &record, StoredFor::Agent(id), out);
        }
        self.decide(now, id, out);
        news
    }

    /// The backend cannot be used: what it carried may go on, unseen.
    fn lose_sight(&mut self, now: Instant, kind: BackendKind, out: &mut Out) -> Vec<News> {
        let carried = |agent: &Agent| agent.seen.as_ref().is_some_and(|seen| seen.backend == kind);
        let lost: Vec<AgentId> = self.agents.iter().filter(|(_, agent)| carried(agent)).map(|(id, _)| *id).collect();
        let why = format!("{} cannot be reached", kind.as_str());
        let mut news = Vec::new();
        for id in lost {
            news.extend(self.gone(now, id, &why, out));
            if let Some(agent) = self.agents.get_mut(&id) {
                agent.ended_at = None;
                agent.out_of_sight = true;
                self.decide(now, id, out);
            }
        }
        news
    }

    fn gone(&mut self, now: Instant, id: AgentId, why: &str, out: &mut Out) -> Vec<News> {
        let Some(agent) = self.agents.get_mut(&id) else { return Vec::new() };
        let Some(seen) = agent.seen.take() else { return Vec::new() };
        let closed = seen.terminals.iter().map(|info| News::TerminalClosed(TerminalId { agent: id, pane: info.pane }));
        let closed = closed.collect();
        if agent.record.is_none() && agent.plan.is_none() {
            self.give_up_typing(now, id, out);
            self.look_again(now, id, out);
            if !self.backends[&seen.backend].available {
                self.put_queue_aside(id, out);
            }
            self.remove(id, out);
            return closed;
        }
        agent.signals.stopped(why);
        self.give_up_typing(now, id, out);
        self.look_again(now, id, out);
        let Some(agent) = self.agents.get_mut(&id) else { return closed };
        let running = agent.record.as_ref().is_some_and(|record| record.desired == Desired::Running);
        let killed = agent.plan.as_ref().is_some_and(Plan::kills);
        agent.ended_at = (running && !killed).then_some(now);
        if !agent.is_visible() {
            // It is being created, or is edited for the first time: nothing of it is kept yet.
            out.push_back(Output::Event(Event::AgentRemoved(self.address(id))));
        }
        self.announce(id, out);
        self.decide(now, id, out);
        closed
    }

    fn operation_done(
        &mut self,
        now: Instant,
        operation: OperationId,
        result: Result<OperationDone, OperationError>,
        out: &mut Out,
    ) {
        let Some(pending) = self.operations.remove(&operation) else { return };
        let refused = |error: OperationError| Refusal {
            code: RefusalCode::Backend(error.code),
            message: error.message,
            hint: error.hint,
        };
        match pending {
            Pending::Plan(agent) => self.step_done(now, agent, result.map(|_| ()).map_err(refused), out),
            Pending::Paste(command, bytes) => {
                let reply = result.map_err(refused).map(|done| Reply::Pasted {
                    bytes,
                    submitted: matches!(done, OperationDone::Pasted { submitted: true }),
                });
                out.push_back(Output::Reply(command, reply));
            }
            Pending::Send(from, terminal, text) => match (from, result) {
                (_, Ok(OperationDone::Pasted { submitted: true })) => {
                    self.confirm(now, from, (terminal, text), out);
                }
                (confirm::From::Command(command), result) => {
                    let reply = result.map_err(refused);
                    let reply = reply.map(|_| Reply::Pasted { bytes: text.len(), submitted: false });
                    out.push_back(Output::Reply(command, reply));
                }
                (confirm::From::Queue(number), result) => {
                    let why = match result {
                        Ok(_) => "the text is on its line, and Enter was not pressed".to_string(),
                        Err(error) => format!("it failed: {}", error.message),
                    };
                    self.queued_text_typed(now, (terminal.agent, number), Err(why), out);
                }
            },
            Pending::Enter => {}
            Pending::Answer(command, terminal) => {
                self.answer_typed(now, terminal, result.is_ok());
                let reply = result.map_err(refused).map(|_| Reply::Answered);
                out.push_back(Output::Reply(command, reply));
            }
            Pending::Text(command) => {
                let reply = result.map_err(refused).and_then(|done| match done {
                    OperationDone::Text(text) => Ok(Reply::Text(text)),
                    _ => Err(refuse(RefusalCode::Unavailable, "The terminal gave no text.", "")),
                });
                out.push_back(Output::Reply(command, reply));
            }
            Pending::Process(command) => {
                let reply = result.map_err(refused).and_then(|done| match done {
                    OperationDone::Process(mut process) => {
                        process.args.truncate(limits::ARGUMENTS);
                        Ok(Reply::Process(process))
                    }
                    _ => Err(refuse(RefusalCode::Unavailable, "What runs there was not read.", "")),
                });
                out.push_back(Output::Reply(command, reply));
            }
            Pending::Listing(command) => {
                let reply = result.map_err(refused).and_then(|done| match done {
                    OperationDone::Listed(mut listing) => {
                        listing.entries.truncate(limits::DIRECTORY_ENTRIES);
                        Ok(Reply::Directory(listing))
                    }
                    _ => Err(refuse(RefusalCode::Unavailable, "The directory was not listed.", "")),
                });
                out.push_back(Output::Reply(command, reply));
            }
            Pending::Programs(command) => {
                let reply = result.map_err(refused).and_then(|done| match done {
                    OperationDone::Programs(mut known) => {
                        known.programs.truncate(limits::PROGRAMS);
                        Ok(Reply::Programs(known))
                    }
                    _ => Err(refuse(RefusalCode::Unavailable, "The programs were not listed.", "")),
                });
                out.push_back(Output::Reply(command, reply));
            }
        }
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
        self.timers.next()
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
pub(crate) use queue::{RestoredQueue, decode as decode_queue, owns as owns_queue, redacted as redacted_queue};
pub(crate) use record::redacted as redacted_record;

impl Agent {
    fn launch_spec(&self, id: AgentId) -> LaunchSpec {
        let record = self.record.as_ref();
        LaunchSpec {
            agent: id,
            backend: self.backend().unwrap_or(BackendKind::Tmux),
            name: self.name().to_string(),
            directory: record.map(|r| r.directory.clone()).unwrap_or_default(),
            program: record.and_then(|r| r.program.clone()),
            args: record.map(|r| r.args.clone()).unwrap_or_default(),
            env: record.map(|r| r.env.clone()).unwrap_or_default(),
            caller: record.map(|r| r.caller.clone()).unwrap_or_default(),
            size: self.size,
        }
    }
}
