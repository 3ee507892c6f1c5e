//! What a node says is to be done: each output goes to the backend, page, person, disk or link that it is for.

use super::{World, page_of};
use crate::backend::{Order, QuestionNumber};
use crate::event::HostIndex;
use crate::failure::{Checked, must};
use crate::sabotage::Sabotage;
use consort_core::directory::BackendKind;
use consort_core::{BackendOperation, Node, Output, Reply};

impl World {
    /// Carries out one output of a node.
    pub(super) fn output(&mut self, at: HostIndex, output: Output) -> Checked {
        self.log.line(self.agenda.now(), || format!("{at}   ← {output:?}"));
        let host = &mut self.hosts[at];
        let Some(node) = &host.monitor else { return Ok(()) };
        if !self.options.quick {
            host.mirror.apply(node.node(), &output);
        }
        match output {
            Output::Terminal(id, what) => {
                if let Some(kind) = host.backends.carriers.get(&id.agent).map(|carrier| carrier.kind) {
                    let epoch = host.handed.of(kind, id);
                    host.backends.order(&mut self.agenda, kind, Order::Terminal(id, what, epoch));
                }
            }
            Output::Viewer(viewer, frame) => {
                if let Some(page) = page_of(&mut self.pages, viewer) {
                    page.send(&mut self.agenda, frame);
                }
            }
            Output::Backend(id, operation) => {
                if let BackendOperation::Launch(spec) = &operation {
                    host.to_start.remove(&spec.agent);
                }
                if let BackendOperation::Type { terminal, bytes } = &operation
                    && let Some(meant) = QuestionNumber::of_keys(bytes)
                {
                    let read = host.reads.filter(|(read, _)| read == terminal).map(|(_, question)| question);
                    must!(read == Some(meant), "an answer to {meant:?} was typed when the screen showed {read:?}");
                }
                let kind = kind_for(node.node(), &operation);
                host.backends.order(&mut self.agenda, kind, Order::Operation(id, operation));
            }
            Output::ListDirectory(id, path) => host.backends.list_directory(&mut self.agenda, id, path),
            Output::ListPrograms(id) => host.backends.list_programs(&mut self.agenda, id),
            Output::Reply(id, result) => {
                if let Ok(Reply::Node(about)) = &result {
                    self.truth.told(at, node.node(), *about);
                }
                let question = self.people.question_of(id);
                self.people.answered(node.node(), id, &result)?;
                return question.map_or(Ok(()), |question| self.check_answer(question, result.is_ok()));
            }
            Output::Store(id, operation) => {
                let operation = self.saboteur.store(operation);
                let delay = self.dice.up_to(host.disk_ms);
                host.disk.begin(&mut self.agenda, (at, host.life), delay, (id, operation));
            }
            Output::Dial(dial, node, address) => {
                self.network.dial(&mut self.agenda, (at, host.life), dial, node, &address);
            }
            Output::Transmit(link, bytes) => {
                let (bytes, more) = match &mut host.traitor {
                    Some(traitor) => traitor.sends(bytes),
                    None => (bytes, None),
                };
                if self.options.sabotage == Sabotage::None {
                    self.network.transmit(&mut self.agenda, link, bytes)?;
                } else {
                    self.network.transmit(&mut self.agenda, link, Vec::new())?;
                    for (link, bytes) in self.saboteur.frames(link, bytes) {
                        self.network.inject(&mut self.agenda, link, bytes);
                    }
                }
                if let Some(more) = more {
                    self.network.inject(&mut self.agenda, link, more);
                }
            }
            Output::CloseLink(link) => self.network.close(&mut self.agenda, link),
            Output::Event(event) => return self.hear(at, &event),
        }
        Ok(())
    }
}

impl World {
    /// A command that answers a question was answered.
    fn check_answer(&self, question: QuestionNumber, said: bool) -> Checked {
        let typed: u32 = self.hosts.iter().map(|host| host.backends.answers_to(question)).sum();
        must!(!said || typed == 1, "{question:?} counts as answered, and {typed} answers were typed");
        must!(
            said || typed == 0 || self.people.may_have_answered(question),
            "an answer to {question:?} was typed and refused"
        );
        Ok(())
    }
}

fn kind_for(node: &Node, operation: &BackendOperation) -> BackendKind {
    let agent = match operation {
        BackendOperation::Launch(spec) | BackendOperation::ReadStart(spec) => return spec.backend,
        BackendOperation::Kill(agent) | BackendOperation::Rename(agent, _) | BackendOperation::Mark(agent) => *agent,
        BackendOperation::Paste { terminal, .. }
        | BackendOperation::Type { terminal, .. }
        | BackendOperation::ReadProcess { terminal }
        | BackendOperation::ReadText { terminal, .. } => terminal.agent,
    };
    node.view().own_agent(agent).map_or(BackendKind::Tmux, |agent| agent.backend)
}
