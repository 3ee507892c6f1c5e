//! Scripted people at the command line and the HTTP API: each command is answered once, the answer is true, a refusal leaves no
//! trace, and what was promised survives a crash.

use crate::backend::QuestionNumber;
use crate::event::HostIndex;
use crate::failure::{Checked, must};
use consort_core::command::{AnswerWith, NewAgent};
use consort_core::directory::{BackendKind, Desired};
use consort_core::error::RefusalCode;
use consort_core::{
    Address, AgentAddress, AgentId, AgentView, Command, CommandId, Node, NodeId, Refusal, Reply, Rights, Size,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(crate) struct People {
    next: u64,
    asked: BTreeMap<CommandId, Question>,
    promises: BTreeMap<AgentAddress, Promise>,
    /// Somebody else renamed these: nothing is promised about their names.
    renamed_outside: BTreeSet<AgentAddress>,
    /// A command for these may still be carried out, or not: nothing is promised about them.
    contested: BTreeSet<AgentAddress>,
    /// Two machines have these identities: either may answer.
    copied: BTreeSet<NodeId>,
    /// Questions that somebody has seen, the last ones last.
    questions: Vec<(AgentAddress, u64, QuestionNumber)>,
    /// How many commands that answer a question were not refused.
    answers: BTreeMap<QuestionNumber, u32>,
    /// Marks (directories) of agents whose creation was refused.
    refused: Vec<String>,
}

/// Where the person who asks sits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) host: HostIndex,
    /// The node there.
    pub(crate) id: NodeId,
}

/// A command as it is given to a node.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: CommandId,
    pub(crate) node: NodeId,
    pub(crate) command: Command,
}

/// A command that waits for its answer.
#[derive(Clone, Debug)]
struct Question {
    host: HostIndex,
    /// It is for the host's own node.
    local: bool,
    asked: Asked,
    /// Nobody else has asked for a change of the same agent in the meantime.
    alone: bool,
}

#[derive(Clone, Debug)]
enum Asked {
    Create { name: String, mark: String },
    Rename { agent: AgentAddress, name: String },
    Tag { agent: AgentAddress, tag: String },
    Notes { agent: AgentAddress, notes: String },
    Start(AgentAddress),
    Stop(AgentAddress),
    Restart(AgentAddress),
    Delete(AgentAddress),
    Paste { bytes: usize },
    Answer(QuestionNumber),
    ReadText,
    Nonsense,
    Admit(NodeId),
    Remove(NodeId),
}

/// What answers have said of an agent, and nobody has put in question since.
#[derive(Clone, Debug, Default)]
struct Promise {
    exists: bool,
    deleted: bool,
    name: Option<String>,
    notes: Option<(u64, String)>,
    tag: Option<String>,
    stopped: bool,
}

impl Asked {
    fn agent(&self) -> Option<AgentAddress> {
        match self {
            Asked::Rename { agent, .. }
            | Asked::Tag { agent, .. }
            | Asked::Notes { agent, .. }
            | Asked::Start(agent)
            | Asked::Stop(agent)
            | Asked::Restart(agent)
            | Asked::Delete(agent) => Some(*agent),
            Asked::Create { .. }
            | Asked::Paste { .. }
            | Asked::Answer(_)
            | Asked::ReadText
            | Asked::Nonsense
            | Asked::Admit(_)
            | Asked::Remove(_) => None,
        }
    }
}

impl People {
    // Commands.

    fn ask(&mut self, from: Seat, node: NodeId, asked: Asked, command: Command) -> Request {
        let id = CommandId(self.next);
        self.next += 1;
        if let Some(promise) = asked.agent().and_then(|agent| self.promises.get_mut(&agent)) {
            // A session that was out of sight when its agent was deleted can be found and be managed again.
            promise.deleted = false;
            match &asked {
                Asked::Rename { .. } => promise.name = None,
                Asked::Tag { .. } => promise.tag = None,
                Asked::Notes { .. } => promise.notes = None,
                Asked::Start(_) | Asked::Restart(_) => promise.stopped = false,
                Asked::Delete(_) => *promise = Promise::default(),
                Asked::Stop(_)
                | Asked::Create { .. }
                | Asked::Paste { .. }
                | Asked::Answer(_)
                | Asked::ReadText
                | Asked::Nonsense
                | Asked::Admit(_)
                | Asked::Remove(_) => {}
            }
        }
        let (mut alone, local) = (true, from.id == node);
        if let Some(agent) = asked.agent() {
            for other in self.asked.values_mut().filter(|other| other.asked.agent() == Some(agent)) {
                // What is asked of the same node is carried out in that order; what is on its way, whenever it arrives.
                if !(other.local && local) {
                    (other.alone, alone) = (false, false);
                }
            }
        }
        self.asked.insert(id, Question { host: from.host, local, asked, alone });
        Request { id, node, command }
    }

    pub(crate) fn create(&mut self, from: Seat, node: NodeId, wish: (String, bool, bool, Size)) -> Request {
        let (name, pty, autostart, size) = wish;
        let mark = format!("/home/me/{}", self.next);
        let new = NewAgent {
            name: name.clone(),
            backend: pty.then_some(BackendKind::Pty),
            directory: mark.clone(),
            autostart,
            size,
            ..NewAgent::default()
        };
        self.ask(from, node, Asked::Create { name, mark }, Command::Create(new))
    }

    pub(crate) fn rename(&mut self, from: Seat, of: AgentAddress, name: String) -> Request {
        let command = Command::Edit { agent: of.agent, name: Some(name.clone()), tags: None, autostart: None };
        self.ask(from, of.node, Asked::Rename { agent: of, name }, command)
    }

    pub(crate) fn tag(&mut self, from: Seat, of: AgentAddress, autostart: bool) -> Request {
        let tag = format!("tag{}", self.next);
        let tags = Some(vec![tag.clone()]);
        let command = Command::Edit { agent: of.agent, name: None, tags, autostart: Some(autostart) };
        self.ask(from, of.node, Asked::Tag { agent: of, tag }, command)
    }

    pub(crate) fn notes(&mut self, from: Seat, of: AgentAddress, revision: Option<u64>) -> Request {
        let notes = format!("notes {}", self.next);
        let command = Command::SetNotes { agent: of.agent, notes: notes.clone(), revision };
        self.ask(from, of.node, Asked::Notes { agent: of, notes }, command)
    }

    pub(crate) fn start(&mut self, from: Seat, of: AgentAddress) -> Request {
        self.ask(from, of.node, Asked::Start(of), Command::Start(of.agent))
    }

    pub(crate) fn stop(&mut self, from: Seat, of: AgentAddress) -> Request {
        self.ask(from, of.node, Asked::Stop(of), Command::Stop(of.agent))
    }

    pub(crate) fn restart(&mut self, from: Seat, of: AgentAddress) -> Request {
        self.ask(from, of.node, Asked::Restart(of), Command::Restart(of.agent))
    }

    pub(crate) fn delete(&mut self, from: Seat, of: AgentAddress) -> Request {
        self.ask(from, of.node, Asked::Delete(of), Command::Delete(of.agent))
    }

    pub(crate) fn paste(&mut self, from: Seat, of: AgentAddress, submit: bool) -> Request {
        let text = "make test".to_string();
        let asked = Asked::Paste { bytes: text.len() };
        self.ask(from, of.node, asked, Command::Paste { agent: of.agent, pane: None, text, submit, anyway: false })
    }

    /// Answers one of the questions that the person's machine shows now, or (`late`) one that somebody has seen before.
    pub(crate) fn answer(
        &mut self,
        from: Seat,
        asking: &[(AgentAddress, u64, QuestionNumber)],
        which: usize,
        late: bool,
    ) -> Option<Request> {
        const REMEMBERED: usize = 8;
        let among = if late { &self.questions } else { asking };
        let (of, question, number) = *among.get(which.checked_rem(among.len())?)?;
        for seen in asking {
            if !self.questions.contains(seen) {
                self.questions.push(*seen);
            }
        }
        self.questions.drain(..self.questions.len().saturating_sub(REMEMBERED));
        *self.answers.entry(number).or_default() += 1;
        let choice = if which.is_multiple_of(2) { "y" } else { "n" };
        let with = AnswerWith::Choice(choice.to_string());
        Some(self.ask(from, of.node, Asked::Answer(number), Command::Answer { agent: of.agent, question, with }))
    }

    /// The question that a command answers.
    pub(crate) fn question_of(&self, command: CommandId) -> Option<QuestionNumber> {
        match self.asked.get(&command)?.asked {
            Asked::Answer(number) => Some(number),
            _ => None,
        }
    }

    /// Whether a command that answers this question was carried out, or may have been.
    pub(crate) fn may_have_answered(&self, question: QuestionNumber) -> bool {
        self.answers.get(&question).is_some_and(|answers| *answers > 0)
    }

    pub(crate) fn read_text(&mut self, from: Seat, of: AgentAddress) -> Request {
        let command = Command::ReadText { agent: of.agent, pane: None, history_lines: 100 };
        self.ask(from, of.node, Asked::ReadText, command)
    }

    pub(crate) fn admit(&mut self, from: Seat, node: NodeId, addresses: Vec<Address>, rights: Rights) -> Request {
        self.ask(from, from.id, Asked::Admit(node), Command::Admit { node, addresses, rights })
    }

    pub(crate) fn remove(&mut self, from: Seat, node: NodeId) -> Request {
        self.ask(from, from.id, Asked::Remove(node), Command::Remove(node))
    }

    /// A command that must be refused, whatever there is.
    pub(crate) fn nonsense(&mut self, from: Seat, node: NodeId, kind: u8) -> Request {
        let nowhere = AgentId(1);
        let named = |name: &str| NewAgent { name: name.to_string(), ..NewAgent::default() };
        let command = match kind % 6 {
            0 => Command::Create(named("")),
            1 => Command::Create(named("bad name")),
            2 => Command::Create(NewAgent { tags: vec![String::new()], ..named("tagged") }),
            3 => Command::Create(NewAgent { env: vec![("1X".to_string(), String::new())], ..named("env") }),
            4 => Command::Stop(nowhere),
            _ => Command::SetNotes { agent: nowhere, notes: "lost".to_string(), revision: None },
        };
        self.ask(from, node, Asked::Nonsense, command)
    }

    pub(crate) fn renamed_outside(&mut self, agent: AgentAddress) {
        self.renamed_outside.insert(agent);
        if let Some(promise) = self.promises.get_mut(&agent) {
            promise.name = None;
        }
    }

    // Answers.

    /// An answer has come: it must be true now.
    pub(crate) fn answered(&mut self, node: &Node, id: CommandId, result: &Result<Reply, Refusal>) -> Checked {
        let Some(question) = self.asked.remove(&id) else { return Ok(()) };
        let checked = match result {
            Ok(reply) => self.carried_out(node, &question, reply),
            Err(refusal) => self.refused(node, &question, refusal),
        };
        checked.map_err(|mut failure| {
            failure.text = format!("{:?} was answered with {result:?}: {}", question.asked, failure.text);
            failure
        })
    }

    fn carried_out(&mut self, node: &Node, question: &Question, reply: &Reply) -> Checked {
        match (&question.asked, reply) {
            (Asked::Paste { bytes }, Reply::Pasted { bytes: said, .. }) => {
                must!(bytes == said, "{said} bytes were pasted");
                Ok(())
            }
            (Asked::ReadText, Reply::Text(_)) | (Asked::Answer(_), Reply::Answered) => Ok(()),
            (Asked::Admit(asked) | Asked::Remove(asked), Reply::Node(said)) => {
                must!(asked == said, "another node is named");
                Ok(())
            }
            (Asked::Delete(agent), Reply::Deleted(said)) => {
                let left = node.view().agent(*agent).is_some_and(|left| left.managed);
                must!(said == agent && !(question.local && left), "it is still there");
                let settled = self.settled(question, *agent);
                let deleted = Promise { deleted: settled, ..Promise::default() };
                self.promises.insert(*agent, deleted);
                Ok(())
            }
            (Asked::Notes { agent, notes }, Reply::Notes { revision }) => {
                let view = node.view().agent(*agent);
                let same = view.is_some_and(|view| view.notes == notes && view.notes_revision == *revision);
                must!(same || !question.local, "the notes are others");
                let notes = (*revision, notes.clone());
                self.promise(question, *agent, |promise| promise.notes = Some(notes));
                Ok(())
            }
            (_, Reply::Agent(agent)) => self.changed(node, question, *agent),
            _ => {
                must!(false, "the answer is one to another question");
                Ok(())
            }
        }
    }

    fn changed(&mut self, node: &Node, question: &Question, agent: AgentAddress) -> Checked {
        let asked = &question.asked;
        must!(asked.agent().is_none_or(|asked| asked == agent), "another agent is named");
        let view = node.view().agent(agent);
        // What another node's agent was when it answered may be over now.
        if let Some(view) = view.filter(|_| question.local) {
            self.check_true(node, asked, &view)?;
        } else {
            must!(!question.local, "there is no such agent");
        }
        let outside = self.renamed_outside.contains(&agent);
        self.promise(question, agent, |promise| match asked {
            Asked::Create { name, .. } | Asked::Rename { name, .. } => {
                promise.name = Some(name.clone()).filter(|_| !outside);
            }
            Asked::Tag { tag, .. } => promise.tag = Some(tag.clone()),
            Asked::Stop(_) => promise.stopped = true,
            _ => {}
        });
        Ok(())
    }

    fn check_true(&self, node: &Node, asked: &Asked, view: &AgentView<'_>) -> Checked {
        must!(view.managed, "it is not managed");
        let address = AgentAddress { node: view.node, agent: view.id };
        match asked {
            Asked::Create { name, .. } | Asked::Rename { name, .. } => {
                let outside = self.renamed_outside.contains(&address);
                must!(outside || view.name == name, "its name is {}", view.name);
                self.check_unique(node, address, name)?;
            }
            Asked::Tag { tag, .. } => must!(view.tags == [tag.clone()], "its tags are {:?}", view.tags),
            Asked::Start(_) | Asked::Restart(_) => {
                // With a slow store the answer may come after it ended by itself, and that was noted.
                must!(view.desired == Desired::Running || !view.running, "it runs and is wanted stopped");
            }
            Asked::Stop(_) => {
                must!(view.desired == Desired::Stopped && !view.running, "it runs or is wanted running");
            }
            _ => must!(false, "the answer is one to another question"),
        }
        Ok(())
    }

    /// No two agents of a node were given the same name by commands.
    fn check_unique(&self, node: &Node, agent: AgentAddress, name: &str) -> Checked {
        for (other, promise) in self.promises.iter().filter(|(other, _)| **other != agent) {
            let given = promise.name.as_deref() == Some(name) && !self.renamed_outside.contains(other);
            let has =
                given && other.node == agent.node && node.view().agent(*other).is_some_and(|view| view.name == name);
            must!(!has, "{other:?} has that name too");
        }
        Ok(())
    }

    /// Nobody else is just changing the agent, or was while the question was on its way.
    fn settled(&self, question: &Question, agent: AgentAddress) -> bool {
        let others = self.asked.values().any(|other| other.asked.agent() == Some(agent));
        question.alone && !others && !self.contested.contains(&agent) && !self.copied.contains(&agent.node)
    }

    fn promise(&mut self, question: &Question, agent: AgentAddress, say: impl FnOnce(&mut Promise)) {
        if self.settled(question, agent) {
            let promise = self.promises.entry(agent).or_default();
            promise.exists = true;
            say(promise);
        }
    }

    fn refused(&mut self, node: &Node, question: &Question, refusal: &Refusal) -> Checked {
        must!(refusal.message.ends_with('.'), "the message is no sentence");
        let asked = &question.asked;
        if !question.local && refusal.code == RefusalCode::Unreachable {
            // It may have been carried out all the same.
            self.contest(asked.agent());
            return Ok(());
        }
        let view = asked.agent().filter(|_| question.local).and_then(|agent| node.view().agent(agent));
        match asked {
            Asked::Create { mark, .. } => self.refused.push(mark.clone()),
            Asked::Notes { notes, .. } => {
                must!(view.is_none_or(|view| view.notes != notes), "the notes were replaced");
            }
            Asked::Tag { tag, .. } => {
                must!(view.is_none_or(|view| !view.tags.contains(tag)), "the tags were replaced");
            }
            Asked::Answer(number) => {
                if let Some(answers) = self.answers.get_mut(number) {
                    *answers -= 1;
                }
            }
            Asked::Rename { .. }
            | Asked::Start(_)
            | Asked::Stop(_)
            | Asked::Restart(_)
            | Asked::Delete(_)
            | Asked::Paste { .. }
            | Asked::ReadText
            | Asked::Nonsense
            | Asked::Admit(_)
            | Asked::Remove(_) => {}
        }
        self.check_no_trace(node)
    }

    /// Nothing is left of agents whose creation was refused.
    pub(crate) fn check_no_trace(&self, node: &Node) -> Checked {
        if self.refused.is_empty() {
            return Ok(());
        }
        for agent in node.view().agents().filter(|agent| agent.managed && agent.node == node.view().id()) {
            let refused = self.refused.iter().any(|mark| mark == agent.directory);
            must!(!refused, "agent {} exists though its creation was refused", agent.id);
        }
        Ok(())
    }

    // Crashes.

    fn contest(&mut self, agent: Option<AgentAddress>) {
        if let Some(agent) = agent {
            self.promises.remove(&agent);
            self.contested.insert(agent);
        }
    }

    /// A node was killed: whoever asked it gets no answer any more. What it had asked of others may be done or not.
    pub(crate) fn node_died(&mut self, host: HostIndex) {
        let gone: Vec<Question> =
            self.asked.extract_if(.., |_, question| question.host == host).map(|(_, question)| question).collect();
        for question in gone.iter().filter(|question| !question.local) {
            self.contest(question.asked.agent());
        }
    }

    /// A node's disk is copied.
    pub(crate) fn disk_copied(&mut self, node: NodeId) {
        self.promises.retain(|agent, _| agent.node != node);
        self.copied.insert(node);
    }

    /// A node has lost what it stored.
    pub(crate) fn memory_lost(&mut self, node: NodeId) {
        self.promises.retain(|agent, _| agent.node != node);
        let open: Vec<_> = self.asked.values().filter_map(|question| question.asked.agent()).collect();
        for agent in open.into_iter().filter(|agent| agent.node == node) {
            self.contest(Some(agent));
        }
        self.refused.clear();
    }

    /// Every promise of a node holds.
    pub(crate) fn check_promises(&self, node: &Node) -> Checked {
        let own = node.view().id();
        for (address, promise) in self.promises.iter().filter(|(address, _)| address.node == own) {
            let id = address.agent;
            let view = node.view().agent(*address);
            must!(
                !promise.deleted || !view.as_ref().is_some_and(|view| view.managed),
                "agent {id} came back after its end"
            );
            if !promise.exists {
                continue;
            }
            let Some(view) = view.filter(|view| view.managed) else {
                must!(false, "agent {id} is lost");
                return Ok(());
            };
            if let Some((revision, notes)) = &promise.notes {
                let same = view.notes_revision == *revision && view.notes == notes;
                must!(same, "the notes of {id} were {notes:?} ({revision}), are {:?}", view.notes);
            }
            must!(
                promise.name.as_ref().is_none_or(|name| name == view.name),
                "{id} was {:?}, is {}",
                promise.name,
                view.name
            );
            let tag = promise.tag.as_ref();
            must!(tag.is_none_or(|tag| view.tags.contains(tag)), "{id} had tag {tag:?}, has {:?}", view.tags);
            must!(!promise.stopped || view.desired == Desired::Stopped, "{id} was stopped and is wanted running");
        }
        self.check_no_trace(node)
    }

    /// Commands without an answer.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = String> {
        self.asked.iter().map(|(id, question)| format!("no answer to {id:?} {:?}", question.asked))
    }
}
