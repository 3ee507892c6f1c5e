//! Scripted people at the command line and the HTTP API: each command is answered once, the answer is true, a refusal leaves no
//! trace, and what was promised survives a crash.

use crate::failure::{Checked, must};
use consort_core::command::NewAgent;
use consort_core::directory::{BackendKind, Desired};
use consort_core::{AgentId, Command, CommandId, Node, Refusal, Reply, Size};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(crate) struct People {
    next: u64,
    asked: BTreeMap<CommandId, Asked>,
    promises: BTreeMap<AgentId, Promise>,
    /// Somebody else renamed these: nothing is promised about their names.
    renamed_outside: BTreeSet<AgentId>,
    /// Marks (directories) of agents whose creation was refused.
    refused: Vec<String>,
}

/// A command that waits for its answer.
#[derive(Clone, Debug)]
enum Asked {
    Create { name: String, mark: String },
    Rename { agent: AgentId, name: String },
    Tag { agent: AgentId, tag: String },
    Notes { agent: AgentId, notes: String },
    Start(AgentId),
    Stop(AgentId),
    Restart(AgentId),
    Delete(AgentId),
    Paste { bytes: usize },
    ReadText,
    Nonsense,
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
    fn agent(&self) -> Option<AgentId> {
        match self {
            Asked::Rename { agent, .. }
            | Asked::Tag { agent, .. }
            | Asked::Notes { agent, .. }
            | Asked::Start(agent)
            | Asked::Stop(agent)
            | Asked::Restart(agent)
            | Asked::Delete(agent) => Some(*agent),
            Asked::Create { .. } | Asked::Paste { .. } | Asked::ReadText | Asked::Nonsense => None,
        }
    }
}

impl People {
    // Commands.

    fn ask(&mut self, asked: Asked, command: Command) -> (CommandId, Command) {
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
                Asked::Stop(_) | Asked::Create { .. } | Asked::Paste { .. } | Asked::ReadText | Asked::Nonsense => {}
            }
        }
        self.asked.insert(id, asked);
        (id, command)
    }

    pub(crate) fn create(&mut self, name: String, pty: bool, autostart: bool, size: Size) -> (CommandId, Command) {
        let mark = format!("/home/me/{}", self.next);
        let new = NewAgent {
            name: name.clone(),
            backend: pty.then_some(BackendKind::Pty),
            directory: mark.clone(),
            autostart,
            size,
            ..NewAgent::default()
        };
        self.ask(Asked::Create { name, mark }, Command::Create(new))
    }

    pub(crate) fn rename(&mut self, agent: AgentId, name: String) -> (CommandId, Command) {
        let command = Command::Edit { agent, name: Some(name.clone()), tags: None, autostart: None };
        self.ask(Asked::Rename { agent, name }, command)
    }

    pub(crate) fn tag(&mut self, agent: AgentId, autostart: bool) -> (CommandId, Command) {
        let tag = format!("tag{}", self.next);
        let command = Command::Edit { agent, name: None, tags: Some(vec![tag.clone()]), autostart: Some(autostart) };
        self.ask(Asked::Tag { agent, tag }, command)
    }

    pub(crate) fn notes(&mut self, agent: AgentId, revision: Option<u64>) -> (CommandId, Command) {
        let notes = format!("notes {}", self.next);
        let command = Command::SetNotes { agent, notes: notes.clone(), revision };
        self.ask(Asked::Notes { agent, notes }, command)
    }

    pub(crate) fn start(&mut self, agent: AgentId) -> (CommandId, Command) {
        self.ask(Asked::Start(agent), Command::Start(agent))
    }

    pub(crate) fn stop(&mut self, agent: AgentId) -> (CommandId, Command) {
        self.ask(Asked::Stop(agent), Command::Stop(agent))
    }

    pub(crate) fn restart(&mut self, agent: AgentId) -> (CommandId, Command) {
        self.ask(Asked::Restart(agent), Command::Restart(agent))
    }

    pub(crate) fn delete(&mut self, agent: AgentId) -> (CommandId, Command) {
        self.ask(Asked::Delete(agent), Command::Delete(agent))
    }

    pub(crate) fn paste(&mut self, agent: AgentId, submit: bool) -> (CommandId, Command) {
        let text = "make test".to_string();
        let asked = Asked::Paste { bytes: text.len() };
        self.ask(asked, Command::Paste { agent, pane: None, text, submit })
    }

    pub(crate) fn read_text(&mut self, agent: AgentId) -> (CommandId, Command) {
        self.ask(Asked::ReadText, Command::ReadText { agent, pane: None, history_lines: 100 })
    }

    /// A command that must be refused, whatever there is.
    pub(crate) fn nonsense(&mut self, kind: u8) -> (CommandId, Command) {
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
        self.ask(Asked::Nonsense, command)
    }

    pub(crate) fn renamed_outside(&mut self, agent: AgentId) {
        self.renamed_outside.insert(agent);
        if let Some(promise) = self.promises.get_mut(&agent) {
            promise.name = None;
        }
    }

    // Answers.

    /// An answer has come: it must be true now.
    pub(crate) fn answered(&mut self, node: &Node, id: CommandId, result: &Result<Reply, Refusal>) -> Checked {
        let Some(asked) = self.asked.remove(&id) else { return Ok(()) };
        let checked = match result {
            Ok(reply) => self.carried_out(node, &asked, reply),
            Err(refusal) => self.refused(node, &asked, refusal),
        };
        checked.map_err(|mut failure| {
            failure.text = format!("{asked:?} was answered with {result:?}: {}", failure.text);
            failure
        })
    }

    fn carried_out(&mut self, node: &Node, asked: &Asked, reply: &Reply) -> Checked {
        match (asked, reply) {
            (Asked::Paste { bytes }, Reply::Pasted { bytes: said, .. }) => {
                must!(bytes == said, "{said} bytes were pasted");
                Ok(())
            }
            (Asked::ReadText, Reply::Text(_)) => Ok(()),
            (Asked::Delete(agent), Reply::Deleted(said)) => {
                let left = node.view().own_agent(*agent);
                must!(said.agent == *agent && !left.is_some_and(|left| left.managed), "it is still there");
                let settled = self.settled(*agent);
                let deleted = Promise { deleted: settled, ..Promise::default() };
                self.promises.insert(*agent, deleted);
                Ok(())
            }
            (Asked::Notes { agent, notes }, Reply::Notes { revision }) => {
                let view = node.view().own_agent(*agent);
                let same = view.is_some_and(|view| view.notes == notes && view.notes_revision == *revision);
                must!(same, "the notes are others");
                let notes = (*revision, notes.clone());
                self.promise(*agent, |promise| promise.notes = Some(notes));
                Ok(())
            }
            (_, Reply::Agent(agent)) => self.changed(node, asked, agent.agent),
            _ => {
                must!(false, "the answer is one to another question");
                Ok(())
            }
        }
    }

    fn changed(&mut self, node: &Node, asked: &Asked, agent: AgentId) -> Checked {
        let Some(view) = node.view().own_agent(agent) else {
            must!(false, "there is no such agent");
            return Ok(());
        };
        must!(asked.agent().is_none_or(|asked| asked == agent), "another agent is named");
        must!(view.managed, "it is not managed");
        match asked {
            Asked::Create { name, .. } | Asked::Rename { name, .. } => {
                let outside = self.renamed_outside.contains(&agent);
                must!(outside || view.name == name, "its name is {}", view.name);
                self.check_unique(node, agent, name)?;
                let name = Some(name.clone()).filter(|_| !outside);
                self.promise(agent, |promise| promise.name = name);
            }
            Asked::Tag { tag, .. } => {
                must!(view.tags == [tag.clone()], "its tags are {:?}", view.tags);
                self.promise(agent, |promise| promise.tag = Some(tag.clone()));
            }
            Asked::Start(_) | Asked::Restart(_) => {
                // With a slow store the answer may come after it ended by itself, and that was noted.
                must!(view.desired == Desired::Running || !view.running, "it runs and is wanted stopped");
                self.promise(agent, |_| {});
            }
            Asked::Stop(_) => {
                must!(view.desired == Desired::Stopped && !view.running, "it runs or is wanted running");
                self.promise(agent, |promise| promise.stopped = true);
            }
            _ => must!(false, "the answer is one to another question"),
        }
        Ok(())
    }

    /// No two agents were given the same name by commands.
    fn check_unique(&self, node: &Node, agent: AgentId, name: &str) -> Checked {
        for (other, promise) in self.promises.iter().filter(|(other, _)| **other != agent) {
            let given = promise.name.as_deref() == Some(name) && !self.renamed_outside.contains(other);
            let has = given && node.view().own_agent(*other).is_some_and(|view| view.name == name);
            must!(!has, "{other} has that name too");
        }
        Ok(())
    }

    /// Nobody else is just changing the agent.
    fn settled(&self, agent: AgentId) -> bool {
        self.asked.values().all(|asked| asked.agent() != Some(agent))
    }

    fn promise(&mut self, agent: AgentId, say: impl FnOnce(&mut Promise)) {
        if self.settled(agent) {
            let promise = self.promises.entry(agent).or_default();
            promise.exists = true;
            say(promise);
        }
    }

    fn refused(&mut self, node: &Node, asked: &Asked, refusal: &Refusal) -> Checked {
        must!(refusal.message.ends_with('.'), "the message is no sentence");
        let view = asked.agent().and_then(|agent| node.view().own_agent(agent));
        match asked {
            Asked::Create { mark, .. } => self.refused.push(mark.clone()),
            Asked::Notes { notes, .. } => {
                must!(view.is_none_or(|view| view.notes != notes), "the notes were replaced");
            }
            Asked::Tag { tag, .. } => {
                must!(view.is_none_or(|view| !view.tags.contains(tag)), "the tags were replaced");
            }
            Asked::Rename { .. }
            | Asked::Start(_)
            | Asked::Stop(_)
            | Asked::Restart(_)
            | Asked::Delete(_)
            | Asked::Paste { .. }
            | Asked::ReadText
            | Asked::Nonsense => {}
        }
        self.check_no_trace(node)
    }

    /// Nothing is left of agents whose creation was refused.
    pub(crate) fn check_no_trace(&self, node: &Node) -> Checked {
        for agent in node.view().agents().filter(|agent| agent.managed) {
            let refused = self.refused.iter().any(|mark| mark == agent.directory);
            must!(!refused, "agent {} exists though its creation was refused", agent.id);
        }
        Ok(())
    }

    // Crashes.

    /// The node was killed: nobody gets an answer any more.
    pub(crate) fn node_died(&mut self) {
        self.asked.clear();
    }

    /// Every promise holds.
    pub(crate) fn check_promises(&self, node: &Node) -> Checked {
        for (id, promise) in &self.promises {
            let view = node.view().own_agent(*id);
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
        self.asked.iter().map(|(id, asked)| format!("no answer to {id:?} {asked:?}"))
    }
}
