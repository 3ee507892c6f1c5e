//! What backends report: what can carry agents, which carriers there are, what has become of what was asked of them.

use super::agent::Agent;
use super::confirm::Sender;
use super::plan::{Outcome, Plan, Step, refuse};
use super::{BackendKind, Desired, Directory, News, Origin, Out, Pending, StoredFor};
use crate::command::Reply;
use crate::error::{Refusal, RefusalCode};
use crate::id::{AgentId, OperationId, TerminalId};
use crate::input::{BackendInput, Observation, OperationDone, OperationError};
use crate::limits;
use crate::output::{Event, Output};
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Directory {
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
    pub(super) fn start_if_due(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        if self.agents.get(&id).is_some_and(Agent::is_to_be_started) {
            let steps = VecDeque::from([Step::Launch]);
            let plan =
                Plan { command: None, steps, outcome: Outcome::Agent, creating: false, done: None, fresh: false };
            self.begin(now, id, plan, out);
        }
    }

    fn seen(&mut self, now: Instant, observation: Observation, out: &mut Out) -> Vec<News> {
        let id = observation.agent;
        if !self.agents.contains_key(&id) && self.agents.len() >= limits::AGENTS {
            return Vec::new();
        }
        let salt = self.salt;
        let (aside, ages) = (&mut self.queues_aside, &mut self.ages);
        let agent = self.agents.entry(id).or_insert_with(|| {
            let queue = aside.remove(&id).unwrap_or_default();
            Agent { queue, ..Agent::found(now, salt ^ id.0, ages.take(id)) }
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
            Pending::Plan(agent) => {
                let started = |done| if let OperationDone::Start(info) = done { Some(info) } else { None };
                self.step_done(now, agent, result.map(started).map_err(refused), out);
            }
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
                (Sender::Command(command), result) => {
                    let reply = result.map_err(refused);
                    let reply = reply.map(|_| Reply::Pasted { bytes: text.len(), submitted: false });
                    out.push_back(Output::Reply(command, reply));
                }
                (Sender::Queue(number), result) => {
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
            Pending::Words(command, terminal, question, text) => match result {
                Ok(_) => self.words_place_opens(now, command, terminal, (question, text), out),
                Err(error) => {
                    self.answer_typed(now, terminal, false);
                    out.push_back(Output::Reply(command, Err(refused(error))));
                }
            },
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
            Pending::Start(command) => {
                let reply = result.map_err(refused).and_then(|done| match done {
                    OperationDone::Start(mut info) => {
                        info.command.truncate(limits::STARTED_WORDS);
                        Ok(Reply::Start(info))
                    }
                    _ => Err(refuse(RefusalCode::Unavailable, "What a start would do was not found out.", "")),
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
        }
    }
}
