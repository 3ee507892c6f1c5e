//! Carrying out commands: plans of steps for the backend and the store, one plan per agent at a time.

use super::agent::{self, Agent};
use super::answer::Busy;
use super::plan::{self, Outcome, Plan, Step, refuse};
use super::record::{self, Record};
use super::{BackendKind, Directory, Origin, Out, Pending, StoredFor, Variables, no_such_agent};
use crate::command::{Command, NewAgent, Reply, WhenBusy};
use crate::error::{Refusal, RefusalCode};
use crate::id::{AgentAddress, AgentId, CommandId, OperationId, StoreId, TerminalId};
use crate::input::{StartInfo, StoreFailure};
use crate::limits;
use crate::output::{BackendOperation, EndReason, Output, StoreOperation};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;

/// Refuses a text that is too long to be pasted.
pub(super) fn paste_limit(text: &str) -> Result<(), Refusal> {
    if text.len() > limits::PASTE_BYTES {
        let message = format!("A text to paste has at most {} MiB.", limits::PASTE_BYTES >> 20);
        return Err(refuse(RefusalCode::TooMany, message, "Write it to a file and name the file."));
    }
    Ok(())
}

impl Directory {
    pub(crate) fn command(&mut self, now: Instant, command_id: CommandId, command: Command, out: &mut Out) {
        let result = match command {
            Command::Create(new) => self.create(now, command_id, (new, Variables::new()), out),
            Command::CreateFrom { new, caller } => self.create(now, command_id, (new, caller), out),
            // The mesh's own; the composition root never passes them on.
            Command::Admit { .. } | Command::Remove(_) => Err(no_such_agent()),
            Command::ReadNotes(agent) => self.read_notes(command_id, agent, out),
            Command::Paste { agent, pane, text, submit: true, anyway: false } => {
                self.send(now, command_id, (agent, pane), (text, Busy::Type), out)
            }
            Command::Send { agent, pane, text, busy: WhenBusy::Refuse, .. } => {
                self.send(now, command_id, (agent, pane), (text, Busy::Refuse), out)
            }
            Command::Send { agent, pane, text, busy: WhenBusy::Queue, unix_ms } => {
                self.queue(now, command_id, (agent, pane), (text, unix_ms), out)
            }
            Command::EditQueue { agent, number, text } => self.edit_queue(now, command_id, (agent, number), text, out),
            Command::ReadQueue(agent) => self.read_queue(now, command_id, agent, out),
            Command::Paste { agent, pane, text, submit, .. } => {
                self.paste(now, command_id, (agent, pane), (text, submit), out)
            }
            Command::Answer { agent, question, with } => self.answer(now, command_id, agent, (question, with), out),
            Command::Explain(agent) => self.explain(now, command_id, agent, out),
            Command::ReadText { agent, pane, history_lines } => self.terminal_for(agent, pane).and_then(|terminal| {
                let history_lines = history_lines.min(limits::SNAPSHOT_HISTORY_LINES);
                self.ask(Pending::Text(command_id), BackendOperation::ReadText { terminal, history_lines }, out)
            }),
            Command::ListDirectory(path) => self.list_directory(command_id, path, out),
            Command::ReadProcess(agent) => self.terminal_for(agent, None).and_then(|terminal| {
                self.ask(Pending::Process(command_id), BackendOperation::ReadProcess { terminal }, out)
            }),
            Command::ListPrograms => self.list_programs(command_id, out),
            Command::ReadStart(agent) => self.read_start(command_id, agent, out),
            Command::Edit { agent, .. }
            | Command::Adopt { agent, .. }
            | Command::SetNotes { agent, .. }
            | Command::Start(agent)
            | Command::Stop(agent)
            | Command::Restart(agent)
            | Command::StartFresh(agent)
            | Command::RestartFresh(agent)
            | Command::Delete(agent) => self.enqueue(now, agent, command_id, command, out),
        };
        if let Err(refusal) = result {
            out.push_back(Output::Reply(command_id, Err(refusal)));
        }
    }

    pub(super) fn create(
        &mut self,
        now: Instant,
        command: CommandId,
        (new, caller): (NewAgent, Variables),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        if self.agents.len() >= limits::AGENTS {
            return Err(refuse(RefusalCode::TooMany, format!("A node carries at most {} agents.", limits::AGENTS), ""));
        }
        if !self.backends[&new.backend.unwrap_or(BackendKind::Tmux)].settled {
            if self.early.len() >= limits::PENDING_COMMANDS {
                return Err(refuse(RefusalCode::TooMany, "Too many commands wait.", "Try again in a moment."));
            }
            self.early.push_back((command, (new, caller)));
            return Ok(());
        }
        let backend = self.backend_for(new.backend)?;
        let size = new.size;
        let record = agent::record_of(new, caller, backend)?;
        self.check_name_free(&record.name, None)?;
        let id = loop {
            let id = AgentId(self.random.draw());
            if !self.agents.contains_key(&id) {
                break id;
            }
        };
        self.agents.insert(id, Agent::created(now, size, self.salt ^ id.0, record.created_unix_ms));
        let steps = VecDeque::from([Step::Store(Box::new(record)), Step::Launch]);
        self.begin(
            now,
            id,
            Plan { command: Some(command), steps, outcome: Outcome::Agent, creating: true, done: None, fresh: true },
            out,
        );
        Ok(())
    }

    pub(super) fn backend_for(&self, wanted: Option<BackendKind>) -> Result<BackendKind, Refusal> {
        let tmux = &self.backends[&BackendKind::Tmux];
        let kind = wanted.unwrap_or(if tmux.available { BackendKind::Tmux } else { BackendKind::Pty });
        let backend = &self.backends[&kind];
        if backend.available {
            return Ok(kind);
        }
        let hint =
            if kind == BackendKind::Tmux { "Choose the backend pty to run it on a terminal of the node." } else { "" };
        Err(refuse(
            RefusalCode::Unavailable,
            format!("{} cannot be used: {}.", kind.as_str(), backend.detail.trim_end_matches('.')),
            hint,
        ))
    }

    pub(super) fn check_name_free(&self, name: &str, except: Option<AgentId>) -> Result<(), Refusal> {
        let taken = self.agents.iter().any(|(id, agent)| Some(*id) != except && agent.claims(name));
        if taken {
            let hint = "Choose another name, or rename that one.";
            return Err(refuse(RefusalCode::NameTaken, format!("An agent named {name} exists already."), hint));
        }
        Ok(())
    }

    pub(super) fn paste(
        &mut self,
        now: Instant,
        command: CommandId,
        (agent, pane): (AgentId, Option<u32>),
        (text, submit): (String, bool),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let terminal = self.terminal_for(agent, pane)?;
        paste_limit(&text)?;
        let bytes = text.len();
        self.typed(now, terminal, out);
        self.ask(Pending::Paste(command, bytes), BackendOperation::Paste { terminal, text, submit }, out)
    }

    fn read_notes(&self, command: CommandId, agent: AgentId, out: &mut Out) -> Result<(), Refusal> {
        let view = self.agent(agent).ok_or_else(no_such_agent)?;
        let reply = Reply::NotesText { notes: view.notes.into(), revision: view.notes_revision };
        out.push_back(Output::Reply(command, Ok(reply)));
        Ok(())
    }

    fn read_start(&mut self, command: CommandId, agent: AgentId, out: &mut Out) -> Result<(), Refusal> {
        let known = self.agents.get(&agent).filter(|agent| agent.is_visible()).ok_or_else(no_such_agent)?;
        if known.record.as_ref().is_none_or(|record| record.origin == Origin::Found) {
            let message = format!("{} is a session that Consort did not start.", known.name());
            return Err(refuse(
                RefusalCode::Conflict,
                message,
                "Adopt it (consort adopt) to have it started from here.",
            ));
        }
        let spec = self.launch_spec(agent, false).ok_or_else(no_such_agent)?;
        self.ask(Pending::Start(command), BackendOperation::ReadStart(spec), out)
    }

    fn list_directory(&mut self, command: CommandId, path: String, out: &mut Out) -> Result<(), Refusal> {
        if path.len() > limits::TEXT_BYTES {
            return Err(refuse(RefusalCode::Invalid, "A path of this length leads nowhere.", ""));
        }
        let id = self.operation(Pending::Listing(command))?;
        out.push_back(Output::ListDirectory(id, path));
        Ok(())
    }

    fn list_programs(&mut self, command: CommandId, out: &mut Out) -> Result<(), Refusal> {
        let id = self.operation(Pending::Programs(command))?;
        out.push_back(Output::ListPrograms(id));
        Ok(())
    }

    pub(super) fn terminal_for(&self, agent: AgentId, pane: Option<u32>) -> Result<TerminalId, Refusal> {
        self.target(agent, pane).map(|target| target.id).map_err(|reason| match reason {
            EndReason::Exited => {
                let name = self.agents.get(&agent).map_or("", Agent::name);
                refuse(RefusalCode::Conflict, format!("{name} is not running."), "Start it first.")
            }
            EndReason::Unknown | EndReason::TooMany => no_such_agent(),
        })
    }

    pub(super) fn enqueue(
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
    pub(super) fn next_plan(&mut self, now: Instant, id: AgentId, out: &mut Out) {
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

    pub(super) fn plan_for(&self, id: AgentId, command_id: CommandId, command: &Command) -> Result<Plan, Refusal> {
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
            Command::Start(_) | Command::Restart(_) | Command::StartFresh(_) | Command::RestartFresh(_) => {
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
    pub(super) fn check_listed(&self, kind: BackendKind, name: &str) -> Result<(), Refusal> {
        if self.backends[&kind].listed {
            return Ok(());
        }
        let message = format!("Whether {name} runs is not known yet: {} was found only now.", kind.as_str());
        Err(refuse(RefusalCode::Unavailable, message, "Try again in a moment."))
    }

    pub(super) fn begin(&mut self, now: Instant, id: AgentId, plan: Plan, out: &mut Out) {
        if let Some(agent) = self.agents.get_mut(&id) {
            if plan.launches() {
                agent.ended_at = None;
                agent.start_due = false;
                agent.signals.starts();
            }
            agent.plan = Some(plan);
            self.advance(now, id, out);
        }
    }

    /// Does the first step of the agent's plan, or ends the plan.
    pub(super) fn advance(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let running = agent.seen.is_some();
        let Some(plan) = &mut agent.plan else { return };
        while matches!(plan.steps.front(), Some(Step::Kill)) && !running {
            plan.steps.pop_front();
        }
        // What became known since the plan was made is stored with it.
        if let Some(Step::Store(record)) = plan.steps.front_mut() {
            record.session.clone_from(&agent.session);
            record.started_unix_ms = agent.started_unix_ms;
        }
        let fresh = plan.fresh;
        let Some(step) = plan.steps.front().cloned() else { return self.finish(now, id, Ok(()), out) };
        let operation = match step {
            Step::Store(record) => return self.put(id, &record, StoredFor::Plan(id), out),
            Step::Unstore => {
                let remove = StoreOperation::Remove { key: record::key(id) };
                return self.store(remove, StoredFor::Plan(id), out);
            }
            Step::Launch => {
                let Some(spec) = self.launch_spec(id, fresh) else { return };
                BackendOperation::Launch(spec)
            }
            Step::Kill => BackendOperation::Kill(id),
            Step::Rename(name) => BackendOperation::Rename(id, name),
            Step::Mark => BackendOperation::Mark(id),
        };
        if let Err(refusal) = self.ask(Pending::Plan(id), operation, out) {
            self.finish(now, id, Err(refusal), out);
        }
    }

    pub(super) fn step_done(
        &mut self,
        now: Instant,
        id: AgentId,
        result: Result<Option<StartInfo>, Refusal>,
        out: &mut Out,
    ) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let ended = agent.seen.is_none();
        let reachable = agent.backend().is_some_and(|kind| self.backends[&kind].available);
        let Some(plan) = &mut agent.plan else { return };
        let Some(step) = plan.steps.pop_front() else { return };
        // What was to be ended has ended by itself in the meantime, unless it is only out of sight.
        let result = if matches!(step, Step::Kill) && ended && reachable { Ok(None) } else { result };
        let info = match result {
            Ok(info) => info,
            Err(mut refusal) => {
                if let Some(done) = plan.done {
                    refusal.message = format!("{done}, but the rest failed: {}", refusal.message);
                }
                return self.finish(now, id, Err(refusal), out);
            }
        };
        match step {
            Step::Store(record) => {
                agent.record = Some(*record);
                agent.store_again_at = None;
                self.announce(id, out);
            }
            Step::Unstore => agent.record = None,
            Step::Kill => {
                plan.done = Some("Its session was ended");
                agent.signals.stopped("stopped by you");
            }
            Step::Launch => {
                plan.done = Some("It was started");
                if !plan.creating {
                    agent.started(now, info.unwrap_or_default());
                }
            }
            Step::Rename(_) => plan.done = Some("Its session was renamed"),
            Step::Mark => {}
        }
        self.advance(now, id, out);
    }

    pub(super) fn finish(&mut self, now: Instant, id: AgentId, result: Result<(), Refusal>, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let Some(plan) = agent.plan.take() else { return };
        let failed = result.is_err();
        let node = self.node;
        let revision = agent.record.as_ref().map_or(0, |record| record.notes_revision);
        if let (Err(refusal), None) = (&result, plan.command) {
            agent.signals.stopped(&format!("it could not be started: {}", refusal.message));
        }
        let forget = plan.creating && failed && agent.seen.is_none() || agent.record.is_none() && agent.seen.is_none();
        let stored = forget && agent.record.take().is_some();
        if let (true, Err(refusal)) = (stored, &result) {
            let refused = StoredFor::Refused(plan.command, refusal.clone());
            self.store(StoreOperation::Remove { key: record::key(id) }, refused, out);
        } else if let Some(command) = plan.command {
            let reply = result.map(|()| match plan.outcome {
                Outcome::Agent => Reply::Agent(AgentAddress { node, agent: id }),
                Outcome::Deleted => Reply::Deleted(AgentAddress { node, agent: id }),
                Outcome::Notes => Reply::Notes { revision },
            });
            out.push_back(Output::Reply(command, reply));
        }
        if forget {
            let Some(agent) = self.agents.get_mut(&id) else { return };
            for (command, _) in core::mem::take(&mut agent.waiting) {
                out.push_back(Output::Reply(command, Err(no_such_agent())));
            }
            self.remove(id, out);
            return;
        }
        let Some(agent) = self.agents.get_mut(&id) else { return };
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
                self.step_done(now, agent, result.map(|()| None), out);
            }
            (StoredFor::Agent(id), Err(_)) => {
                if let Some(agent) = self.agents.get_mut(&id) {
                    agent.store_again_at = Some(now + limits::STORE_AGAIN_TIME);
                    self.decide(now, id, out);
                }
            }
            (StoredFor::Queue(agent), result) => self.queue_stored(now, (agent, id), result, out),
            (StoredFor::Refused(Some(command), refusal), _) => out.push_back(Output::Reply(command, Err(refusal))),
            (StoredFor::Ages, result) => self.ages_stored(now, result.is_ok()),
            (StoredFor::Agent(_), Ok(())) | (StoredFor::Refused(None, _), _) => {}
        }
    }

    pub(super) fn put(&mut self, id: AgentId, record: &Record, for_whom: StoredFor, out: &mut Out) {
        self.store(StoreOperation::Put { key: record::key(id), bytes: record::encode(id, record) }, for_whom, out);
    }

    pub(super) fn store(&mut self, operation: StoreOperation, for_whom: StoredFor, out: &mut Out) {
        let id = StoreId(self.next_store);
        self.next_store += 1;
        self.stores.push_back((id, for_whom));
        out.push_back(Output::Store(id, operation));
    }

    pub(super) fn ask(&mut self, pending: Pending, operation: BackendOperation, out: &mut Out) -> Result<(), Refusal> {
        let id = self.operation(pending)?;
        out.push_back(Output::Backend(id, operation));
        Ok(())
    }

    /// A number for something whose end is waited for.
    fn operation(&mut self, pending: Pending) -> Result<OperationId, Refusal> {
        if self.operations.len() >= limits::PENDING_COMMANDS {
            return Err(refuse(RefusalCode::TooMany, "Too many commands wait.", "Try again in a moment."));
        }
        let id = OperationId(self.next_operation);
        self.next_operation += 1;
        self.operations.insert(id, pending);
        Ok(id)
    }
}
