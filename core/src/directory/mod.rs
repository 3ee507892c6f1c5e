//! Which agents exist, what they are called, what they do and what the user wants of them.
//!
//! An agent is *managed* once it has a stored record (it was created or edited here); a session that was only found has none and
//! vanishes with its carrier. Commands on one agent are carried out one after the other, as plans of steps.

mod agent;
mod hues;
mod name;
mod plan;
mod record;
mod state;

pub use name::{Name, NameError, Place, place};
pub use record::Undecodable;
pub use state::{AgentState, Source, StateKind};

use crate::command::{Command, NewAgent, Reply};
use crate::error::{Refusal, RefusalCode, Violation};
use crate::id::{AgentId, CommandId, NodeId, OperationId, Size, StoreId, TerminalId};
use crate::input::{BackendInput, Observation, OperationDone, OperationError, StoreFailure};
use crate::limits;
use crate::output::{BackendOperation, EndReason, Event, LaunchSpec, Output, StoreOperation, TerminalOutput};
use crate::random::Random;
use crate::streams::Target;
use crate::time::Instant;
use crate::timers::Timers;
use crate::view::{AgentView, BackendView};
use agent::Agent;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use plan::{Outcome, Plan, Step, refuse};
use record::Record;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Desired {
    /// It should run.
    Running,
    /// It should not.
    Stopped,
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
    Text(CommandId),
}

#[derive(Debug)]
enum StoredFor {
    Plan(AgentId),
    /// Nobody waits: a name that was followed, a state that was noted. Tried again if it fails.
    Agent(AgentId),
    /// What is left of an agent that could not be created.
    Nobody,
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
    agents: BTreeMap<AgentId, Agent>,
    backends: BTreeMap<BackendKind, Backend>,
    operations: BTreeMap<OperationId, Pending>,
    /// Agents to create as soon as it is known what their backend has: in the first moments of the node.
    early: VecDeque<(CommandId, NewAgent)>,
    stores: VecDeque<(StoreId, StoredFor)>,
    next_operation: u64,
    next_store: u64,
    hues: BTreeMap<String, u16>,
    timers: Timers<AgentId>,
}

type Out = VecDeque<Output>;

impl Directory {
    pub(crate) fn new(node: NodeId, random: Random, restored: Vec<(AgentId, agent::Restored)>, now: Instant) -> Self {
        let backends = BackendKind::ALL.map(|kind| {
            let detail = "not looked for yet".to_string();
            (kind, Backend { available: false, detail, settled: false, listed: false, reconciled: false })
        });
        let agents = restored.into_iter().map(|(id, record)| (id, Agent::restored(now, record.0)));
        let mut directory = Directory {
            node,
            random,
            agents: agents.collect(),
            backends: backends.into(),
            operations: BTreeMap::new(),
            early: VecDeque::new(),
            stores: VecDeque::new(),
            next_operation: 0,
            next_store: 0,
            hues: BTreeMap::new(),
            timers: Timers::default(),
        };
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

    pub(crate) fn size(&self, terminal: TerminalId) -> Option<Size> {
        let seen = self.agents.get(&terminal.agent)?.seen.as_ref()?;
        seen.terminals.iter().find(|info| info.pane == terminal.pane).map(|info| info.size)
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
            out.push_back(Output::Event(Event::NodeChanged));
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
        if core::mem::replace(&mut backend.reconciled, true) {
            return self.note_ends_out_of_sight(now, kind, out);
        }
        let missing: Vec<_> = self
            .agents
            .iter_mut()
            .filter(|(_, agent)| agent.backend() == Some(kind) && agent.seen.is_none())
            .filter(|(_, agent)| !agent.plan.as_ref().is_some_and(|plan| plan.creating))
            .filter_map(|(id, agent)| {
                let record = agent.record.as_ref()?;
                agent.start_due = record.desired == Desired::Running && record.autostart;
                agent.signals.stopped(match record.desired {
                    Desired::Running if agent.start_due => "it is being started",
                    Desired::Running => "it was running before the machine or tmux was restarted",
                    Desired::Stopped => "it is stopped",
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
        let agent = self.agents.entry(id).or_insert_with(|| Agent::found(now));
        let was_visible = agent.is_visible();
        let (changed, news) = agent.observe(now, id, observation);
        let store = agent.follow_name();
        if changed || !was_visible || store.is_some() {
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
            self.remove(id, out);
            return closed;
        }
        agent.signals.stopped(why);
        let running = agent.record.as_ref().is_some_and(|record| record.desired == Desired::Running);
        let killed = agent.plan.as_ref().is_some_and(Plan::kills);
        agent.ended_at = (running && !killed).then_some(now);
        if !agent.is_visible() {
            // It is being created, or is edited for the first time: nothing of it is kept yet.
            out.push_back(Output::Event(Event::AgentRemoved(id)));
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
            Pending::Text(command) => {
                let reply = result.map_err(refused).and_then(|done| match done {
                    OperationDone::Text(text) => Ok(Reply::Text(text)),
                    OperationDone::Done | OperationDone::Pasted { .. } => {
                        Err(refuse(RefusalCode::Unavailable, "The terminal gave no text.", ""))
                    }
                });
                out.push_back(Output::Reply(command, reply));
            }
        }
    }

    // Signals for the state.

    /// The terminal printed while it was watched.
    pub(crate) fn printed(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        self.signal(now, id, out, |agent| agent.signals.printed(now));
    }

    /// Somebody typed.
    pub(crate) fn typed(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        self.signal(now, id, out, |agent| agent.signals.typed(now));
    }

    /// The visible text, as asked for.
    pub(crate) fn screen(&mut self, now: Instant, id: AgentId, text: &str, out: &mut Out) {
        self.signal(now, id, out, |agent| agent.signals.screen(text));
    }

    /// A person looks at the agent.
    pub(crate) fn looked_at(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        self.signal(now, id, out, |agent| agent.signals.looked_at(now));
    }

    fn signal(&mut self, now: Instant, id: AgentId, out: &mut Out, change: impl FnOnce(&mut Agent)) {
        if let Some(agent) = self.agents.get_mut(&id) {
            change(agent);
            self.decide(now, id, out);
        }
    }

    fn decide(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        if agent.signals.decide(now) && agent.is_visible() {
            out.push_back(Output::Event(Event::AgentChanged(id)));
        }
        let deadline = agent.deadline();
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
            if agent.signals.settle(now) {
                if let Some(pane) = agent.active_pane() {
                    let terminal = TerminalId { agent: id, pane };
                    out.push_back(Output::Terminal(terminal, TerminalOutput::ReadScreen));
                }
                let panes = agent.seen.iter().flat_map(|seen| &seen.terminals);
                if panes.map(|info| TerminalId { agent: id, pane: info.pane }).any(&looked) {
                    agent.signals.looked_at(now);
                }
            }
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

    // Commands.

    pub(crate) fn command(&mut self, now: Instant, command_id: CommandId, command: Command, out: &mut Out) {
        let result = match command {
            Command::Create(new) => self.create(now, command_id, new, out),
            Command::Paste { agent, pane, text, submit } => self.paste(command_id, (agent, pane), text, submit, out),
            Command::ReadText { agent, pane, history_lines } => self.terminal_for(agent, pane).and_then(|terminal| {
                let history_lines = history_lines.min(limits::SNAPSHOT_HISTORY_LINES);
                self.ask(Pending::Text(command_id), BackendOperation::ReadText { terminal, history_lines }, out)
            }),
            Command::Edit { agent, .. }
            | Command::SetNotes { agent, .. }
            | Command::Start(agent)
            | Command::Stop(agent)
            | Command::Restart(agent)
            | Command::Delete(agent) => self.enqueue(now, agent, command_id, command, out),
        };
        if let Err(refusal) = result {
            out.push_back(Output::Reply(command_id, Err(refusal)));
        }
    }

    fn create(&mut self, now: Instant, command: CommandId, new: NewAgent, out: &mut Out) -> Result<(), Refusal> {
        if self.agents.len() >= limits::AGENTS {
            return Err(refuse(RefusalCode::TooMany, format!("A node carries at most {} agents.", limits::AGENTS), ""));
        }
        if !self.backends[&new.backend.unwrap_or(BackendKind::Tmux)].settled {
            if self.early.len() >= limits::PENDING_COMMANDS {
                return Err(refuse(RefusalCode::TooMany, "Too many commands wait.", "Try again in a moment."));
            }
            self.early.push_back((command, new));
            return Ok(());
        }
        let backend = self.backend_for(new.backend)?;
        let size = new.size;
        let record = agent::record_of(new, backend)?;
        self.check_name_free(&record.name, None)?;
        let id = loop {
            let id = AgentId(self.random.draw());
            if !self.agents.contains_key(&id) {
                break id;
            }
        };
        self.agents.insert(id, Agent::created(now, size, record.clone()));
        let steps = VecDeque::from([Step::Store(Box::new(record)), Step::Launch]);
        self.begin(
            now,
            id,
            Plan { command: Some(command), steps, outcome: Outcome::Agent, creating: true, done: None },
            out,
        );
        Ok(())
    }

    fn backend_for(&self, wanted: Option<BackendKind>) -> Result<BackendKind, Refusal> {
        let tmux = &self.backends[&BackendKind::Tmux];
        let kind = wanted.unwrap_or(if tmux.available { BackendKind::Tmux } else { BackendKind::Pty });
        let backend = &self.backends[&kind];
        if backend.available {
            return Ok(kind);
        }
        let hint =
            if kind == BackendKind::Tmux { "Choose the backend pty to run it on a terminal of the node." } else { "" };
        Err(refuse(RefusalCode::Unavailable, format!("{} cannot be used: {}.", kind.as_str(), backend.detail), hint))
    }

    fn check_name_free(&self, name: &str, except: Option<AgentId>) -> Result<(), Refusal> {
        let taken = self.agents.iter().any(|(id, agent)| Some(*id) != except && agent.claims(name));
        if taken {
            let hint = "Choose another name, or rename that one.";
            return Err(refuse(RefusalCode::NameTaken, format!("An agent named {name} exists already."), hint));
        }
        Ok(())
    }

    fn paste(
        &mut self,
        command: CommandId,
        (agent, pane): (AgentId, Option<u32>),
        text: String,
        submit: bool,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let terminal = self.terminal_for(agent, pane)?;
        let bytes = text.len();
        if bytes > limits::PASTE_BYTES {
            let message = format!("A text to paste has at most {} MiB.", limits::PASTE_BYTES >> 20);
            return Err(refuse(RefusalCode::TooMany, message, "Write it to a file and name the file."));
        }
        self.ask(Pending::Paste(command, bytes), BackendOperation::Paste { terminal, text, submit }, out)
    }

    fn terminal_for(&self, agent: AgentId, pane: Option<u32>) -> Result<TerminalId, Refusal> {
        self.target(agent, pane).map(|target| target.id).map_err(|reason| match reason {
            EndReason::Exited => {
                let name = self.agents.get(&agent).map_or("", Agent::name);
                refuse(RefusalCode::Conflict, format!("{name} is not running."), "Start it first.")
            }
            EndReason::Unknown | EndReason::TooMany => no_such_agent(),
        })
    }

    fn enqueue(
        &mut self,
        now: Instant,
        id: AgentId,
        command_id: CommandId,
        command: Command,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let agent = self.agents.get_mut(&id).filter(|agent| agent.is_visible()).ok_or_else(no_such_agent)?;
        if agent.waiting.len() >= limits::PENDING_COMMANDS {
            return Err(refuse(
                RefusalCode::TooMany,
                "Too many commands wait for this agent.",
                "Try again in a moment.",
            ));
        }
        agent.waiting.push_back((command_id, command));
        self.next_plan(now, id, out);
        Ok(())
    }

    /// Begins the next waiting command, if the agent is free.
    fn next_plan(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        loop {
            let Some(agent) = self.agents.get_mut(&id) else { return };
            if agent.plan.is_some() {
                return;
            }
            let Some((command_id, command)) = agent.waiting.pop_front() else { return };
            match self.plan_for(id, command_id, &command) {
                Ok(plan) => self.begin(now, id, plan, out),
                Err(refusal) => out.push_back(Output::Reply(command_id, Err(refusal))),
            }
        }
    }

    fn plan_for(&self, id: AgentId, command_id: CommandId, command: &Command) -> Result<Plan, Refusal> {
        let agent = self.agents.get(&id).ok_or_else(no_such_agent)?;
        let record = agent.record_or_found().ok_or_else(no_such_agent)?;
        let (running, managed) = (agent.seen.is_some(), agent.record.is_some());
        let plan = plan::plan(command_id, command, &plan::Situation { id, running, record: &record, managed })?;
        if let Command::Edit { name: Some(name), .. } = command {
            self.check_name_free(name, Some(id))?;
        }
        let available = self.backend_for(Some(record.backend));
        match command {
            // The name of a session that is out of sight would come back with it.
            Command::Edit { name: Some(name), .. } if !running && *name != record.name => {
                available?;
                self.check_listed(record.backend, &record.name)?;
            }
            Command::Start(_) | Command::Restart(_) => {
                available?;
                self.check_listed(record.backend, &record.name)?;
            }
            // What a backend that is gone for good carried can be deleted.
            Command::Delete(_) if available.is_ok() => self.check_listed(record.backend, &record.name)?,
            _ => {}
        }
        Ok(plan)
    }

    /// Whether an agent runs is known only when its backend has said all that it carries.
    fn check_listed(&self, kind: BackendKind, name: &str) -> Result<(), Refusal> {
        if self.backends[&kind].listed {
            return Ok(());
        }
        let message = format!("Whether {name} runs is not known yet: {} was found only now.", kind.as_str());
        Err(refuse(RefusalCode::Unavailable, message, "Try again in a moment."))
    }

    fn begin(&mut self, now: Instant, id: AgentId, plan: Plan, out: &mut Out) {
        if let Some(agent) = self.agents.get_mut(&id) {
            if plan.launches() {
                agent.ended_at = None;
                agent.start_due = false;
            }
            agent.plan = Some(plan);
            self.advance(now, id, out);
        }
    }

    /// Does the first step of the agent's plan, or ends the plan.
    fn advance(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let running = agent.seen.is_some();
        let Some(plan) = &mut agent.plan else { return };
        while matches!(plan.steps.front(), Some(Step::Kill)) && !running {
            plan.steps.pop_front();
        }
        let Some(step) = plan.steps.front().cloned() else { return self.finish(now, id, Ok(()), out) };
        let operation = match step {
            Step::Store(record) => return self.put(id, &record, StoredFor::Plan(id), out),
            Step::Unstore => {
                let remove = StoreOperation::Remove { key: record::key(id) };
                return self.store(remove, StoredFor::Plan(id), out);
            }
            Step::Launch => BackendOperation::Launch(agent.launch_spec(id)),
            Step::Kill => BackendOperation::Kill(id),
            Step::Rename(name) => BackendOperation::Rename(id, name),
            Step::Mark => BackendOperation::Mark(id),
        };
        if let Err(refusal) = self.ask(Pending::Plan(id), operation, out) {
            self.finish(now, id, Err(refusal), out);
        }
    }

    fn step_done(&mut self, now: Instant, id: AgentId, result: Result<(), Refusal>, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let ended = agent.seen.is_none();
        let reachable = agent.backend().is_some_and(|kind| self.backends[&kind].available);
        let Some(plan) = &mut agent.plan else { return };
        let Some(step) = plan.steps.pop_front() else { return };
        // What was to be ended has ended by itself in the meantime, unless it is only out of sight.
        let result = if matches!(step, Step::Kill) && ended && reachable { Ok(()) } else { result };
        if let Err(mut refusal) = result {
            if let Some(done) = plan.done {
                refusal.message = format!("{done}, but the rest failed: {}", refusal.message);
            }
            return self.finish(now, id, Err(refusal), out);
        }
        match step {
            Step::Store(record) => {
                agent.record = Some(*record);
                agent.store_again_at = None;
                self.announce(id, out);
            }
            Step::Unstore => agent.record = None,
            Step::Kill => {
                plan.done = Some("Its session was ended");
                agent.signals.stopped("it is stopped");
            }
            Step::Launch => plan.done = Some("It was started"),
            Step::Rename(_) => plan.done = Some("Its session was renamed"),
            Step::Mark => {}
        }
        self.advance(now, id, out);
    }

    fn finish(&mut self, now: Instant, id: AgentId, result: Result<(), Refusal>, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let Some(plan) = agent.plan.take() else { return };
        let failed = result.is_err();
        let revision = agent.record.as_ref().map_or(0, |record| record.notes_revision);
        if let (Err(refusal), None) = (&result, plan.command) {
            agent.signals.stopped(&format!("it could not be started: {}", refusal.message));
        }
        let forget = plan.creating && failed && agent.seen.is_none() || agent.record.is_none() && agent.seen.is_none();
        if let Some(command) = plan.command {
            let reply = result.map(|()| match plan.outcome {
                Outcome::Agent => Reply::Agent(id),
                Outcome::Deleted => Reply::Deleted(id),
                Outcome::Notes => Reply::Notes { revision },
            });
            out.push_back(Output::Reply(command, reply));
        }
        if forget {
            let stored = agent.record.take().is_some();
            for (command, _) in core::mem::take(&mut agent.waiting) {
                out.push_back(Output::Reply(command, Err(no_such_agent())));
            }
            self.remove(id, out);
            if stored {
                self.store(StoreOperation::Remove { key: record::key(id) }, StoredFor::Nobody, out);
            }
            return;
        }
        // What others named it while the command was carried out.
        if let Some(record) = agent.follow_name() {
            self.put(id, &record, StoredFor::Agent(id), out);
        }
        self.announce(id, out);
        self.start_if_due(now, id, out);
        self.decide(now, id, out);
        self.next_plan(now, id, out);
    }

    // The store.

    pub(crate) fn stored(&mut self, now: Instant, id: StoreId, result: Result<(), StoreFailure>, out: &mut Out) {
        let Some((expected, for_whom)) = self.stores.pop_front() else { return };
        assert_eq!(expected, id, "contract: stores are answered in order");
        match (for_whom, result) {
            (StoredFor::Plan(agent), result) => {
                let result = result.map_err(|failure| {
                    let message = format!("The change could not be stored: {}.", failure.0);
                    refuse(RefusalCode::NotStored, message, "Make room on the disk of this machine and try again.")
                });
                self.step_done(now, agent, result, out);
            }
            (StoredFor::Agent(id), Err(_)) => {
                if let Some(agent) = self.agents.get_mut(&id) {
                    agent.store_again_at = Some(now + limits::STORE_AGAIN_TIME);
                    self.decide(now, id, out);
                }
            }
            (StoredFor::Agent(_), Ok(())) | (StoredFor::Nobody, _) => {}
        }
    }

    fn put(&mut self, id: AgentId, record: &Record, for_whom: StoredFor, out: &mut Out) {
        self.store(StoreOperation::Put { key: record::key(id), bytes: record::encode(id, record) }, for_whom, out);
    }

    fn store(&mut self, operation: StoreOperation, for_whom: StoredFor, out: &mut Out) {
        let id = StoreId(self.next_store);
        self.next_store += 1;
        self.stores.push_back((id, for_whom));
        out.push_back(Output::Store(id, operation));
    }

    fn ask(&mut self, pending: Pending, operation: BackendOperation, out: &mut Out) -> Result<(), Refusal> {
        if self.operations.len() >= limits::PENDING_COMMANDS {
            return Err(refuse(RefusalCode::TooMany, "Too many commands wait.", "Try again in a moment."));
        }
        let id = OperationId(self.next_operation);
        self.next_operation += 1;
        self.operations.insert(id, pending);
        out.push_back(Output::Backend(id, operation));
        Ok(())
    }

    // News for everybody.

    fn announce(&mut self, id: AgentId, out: &mut Out) {
        if self.agents.get(&id).is_some_and(Agent::is_visible) {
            out.push_back(Output::Event(Event::AgentChanged(id)));
        }
        self.update_hues(out);
    }

    fn remove(&mut self, id: AgentId, out: &mut Out) {
        self.timers.set(id, None);
        if self.agents.remove(&id).is_some() {
            out.push_back(Output::Event(Event::AgentRemoved(id)));
            self.update_hues(out);
        }
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
        let categories: BTreeSet<&str> =
            visible.filter_map(|agent| place(agent.name()).path.first().copied()).collect();
        hues::hues(&categories)
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

/// Reads stored agents back.
pub(crate) fn decode(key: &str, bytes: &[u8]) -> Result<(AgentId, agent::Restored), Undecodable> {
    record::decode(key, bytes).map(|(id, record)| (id, agent::Restored(record)))
}

pub(crate) use agent::Restored as RestoredAgent;

impl Agent {
    fn launch_spec(&self, id: AgentId) -> LaunchSpec {
        let record = self.record.as_ref().or(self.creating.as_ref());
        LaunchSpec {
            agent: id,
            backend: self.backend().unwrap_or(BackendKind::Tmux),
            name: self.name().to_string(),
            directory: record.map(|r| r.directory.clone()).unwrap_or_default(),
            program: record.and_then(|r| r.program.clone()),
            args: record.map(|r| r.args.clone()).unwrap_or_default(),
            env: record.map(|r| r.env.clone()).unwrap_or_default(),
            size: self.size,
        }
    }
}
