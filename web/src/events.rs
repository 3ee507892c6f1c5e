//! What has happened: changes of the lists as numbered events, the last of them kept, so that a program that was away for a
//! moment goes on where it was.
//!
//! Events are made by comparing the lists with what they were, so each says what holds, and nothing is an event that nobody can see.

use crate::json::{kind_name, source_name};
use consort_core::view::{AgentView, View};
use consort_core::{AgentAddress, NodeId};
use event_listener::Event as Bell;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Events that are kept: minutes of a busy mesh.
const KEPT: usize = 4_096;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    /// Names it; what follows it can be asked for.
    pub id: String,
    /// Counts the events since the node's start.
    number: u64,
    /// What it is about: `agent-added`, `agent-removed`, `agent-renamed`, `agent-state`, `machine-added`, `machine-removed`,
    /// `machine-reachable`, `machine-unreachable`, or `gap`.
    pub kind: &'static str,
    /// A JSON object, with `id`, `type` and `unix_ms` among its members.
    pub data: String,
}

/// What of an agent makes an event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KnownAgent {
    name: String,
    running: bool,
    state: &'static str,
    source: &'static str,
    why: String,
}

/// The events of one node, for any number of readers.
#[derive(Debug)]
pub struct Events {
    /// Marks ids of this start of the node.
    start: String,
    journal: Mutex<Journal>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Journal {
    next: u64,
    kept: VecDeque<Arc<Event>>,
    agents: BTreeMap<AgentAddress, KnownAgent>,
    machines: BTreeMap<NodeId, (String, bool)>,
    /// The lists were looked at: from here on what differs is an event.
    begun: bool,
}

impl Events {
    /// No events yet. `start` is a random number of this start of the node: ids of an earlier one are recognised by it.
    #[must_use]
    pub fn new(start: u64) -> Self {
        Events { start: format!("{start:016x}"), journal: Mutex::default(), bell: Bell::new() }
    }

    /// Compares the lists with what they were. `agents` may have changed; `None`: any may. The first look makes no events.
    pub fn look(&self, view: View<'_>, agents: Option<&BTreeSet<AgentAddress>>, unix_ms: u64) {
        let mut journal = self.journal();
        let mut news = journal.machines_now(view);
        match agents.filter(|_| journal.begun) {
            Some(changed) => {
                for id in changed {
                    news.extend(journal.agent_now(view, *id, view.agent(*id).as_ref()));
                }
            }
            None => {
                let now: BTreeMap<_, _> = view.agents().map(|agent| (address(&agent), agent)).collect();
                let gone: Vec<_> = journal.agents.keys().filter(|id| !now.contains_key(id)).copied().collect();
                for id in gone {
                    news.extend(journal.agent_now(view, id, None));
                }
                for (id, agent) in &now {
                    news.extend(journal.agent_now(view, *id, Some(agent)));
                }
            }
        }
        if std::mem::replace(&mut journal.begun, true) && !news.is_empty() {
            for (kind, data) in news {
                journal.keep(&self.start, kind, data, unix_ms);
            }
            drop(journal);
            self.bell.notify(usize::MAX);
        }
    }

    /// A reader that begins with what happens next; or, if `since` is given, after the event with that id. What is not kept any
    /// more, or was before a restart of the node, is a `gap`.
    #[must_use]
    pub fn reader(self: &Arc<Self>, since: Option<&str>) -> Reader {
        let journal = self.journal();
        let oldest = journal.next - journal.kept.len() as u64;
        let number = |id: &str| {
            let next = id.strip_prefix(&self.start)?.strip_prefix('-')?.parse::<u64>().ok()?.wrapping_add(1);
            (oldest..=journal.next).contains(&next).then_some(next)
        };
        let (next, gap) = match since {
            None => (journal.next, false),
            Some(id) => number(id).map_or((oldest, true), |next| (next, false)),
        };
        drop(journal);
        Reader { events: Arc::clone(self), next, gap }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        // A panic elsewhere leaves it whole: what is kept is only added to.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type News = Vec<(&'static str, Value)>;

impl Journal {
    fn keep(&mut self, start: &str, kind: &'static str, mut data: Value, unix_ms: u64) {
        let id = format!("{start}-{}", self.next);
        (data["id"], data["type"], data["unix_ms"]) = (json!(id), json!(kind), json!(unix_ms));
        self.kept.push_back(Arc::new(Event { id, number: self.next, kind, data: data.to_string() }));
        self.next += 1;
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    fn machines_now(&mut self, view: View<'_>) -> News {
        let now: BTreeMap<_, _> =
            view.nodes().map(|node| (node.id, (node.name.to_owned(), node.own || node.reachable))).collect();
        if now == self.machines {
            return News::new();
        }
        let about = |id: &NodeId, name: &str| json!({ "node": id.to_string(), "machine": name });
        let mut news = News::new();
        for (id, (name, reachable)) in &now {
            let reach = if *reachable { "machine-reachable" } else { "machine-unreachable" };
            match self.machines.get(id) {
                None => news.push(("machine-added", about(id, name))),
                Some((_, before)) if before != reachable => news.push((reach, about(id, name))),
                Some(_) => {}
            }
        }
        for (id, (name, _)) in &self.machines {
            if !now.contains_key(id) {
                news.push(("machine-removed", about(id, name)));
            }
        }
        self.machines = now;
        news
    }

    fn agent_now(&mut self, view: View<'_>, id: AgentAddress, agent: Option<&AgentView<'_>>) -> News {
        let about = |name: &str| {
            json!({ "agent": id.written_at(view.id()), "name": name, "node": id.node.to_string(),
                "machine": view.node(id.node).map_or("", |node| node.name) })
        };
        let Some(agent) = agent else {
            return self.agents.remove(&id).map(|known| ("agent-removed", about(&known.name))).into_iter().collect();
        };
        let now = KnownAgent::of(agent);
        let mut news = News::new();
        match self.agents.get(&id) {
            None => {
                let mut data = about(&now.name);
                data["state"] = now.state_json();
                news.push(("agent-added", data));
            }
            Some(before) => {
                if before.name != now.name {
                    let mut data = about(&now.name);
                    data["was"] = json!(before.name);
                    news.push(("agent-renamed", data));
                }
                if (before.state, before.running) != (now.state, now.running) {
                    let mut data = about(&now.name);
                    (data["state"], data["was"]) = (now.state_json(), json!(before.state));
                    news.push(("agent-state", data));
                }
            }
        }
        self.agents.insert(id, now);
        news
    }
}

impl KnownAgent {
    fn of(agent: &AgentView<'_>) -> Self {
        KnownAgent {
            name: agent.name.to_owned(),
            running: agent.running,
            state: kind_name(agent.state.kind),
            source: source_name(agent.state.source),
            why: agent.state.why.clone(),
        }
    }

    fn state_json(&self) -> Value {
        #[derive(Serialize)]
        struct State<'a> {
            kind: &'a str,
            source: &'a str,
            why: &'a str,
            running: bool,
        }
        json!(State { kind: self.state, source: self.source, why: &self.why, running: self.running })
    }
}

fn address(agent: &AgentView<'_>) -> AgentAddress {
    AgentAddress { node: agent.node, agent: agent.id }
}

/// Reads events in their order.
#[derive(Debug)]
pub struct Reader {
    events: Arc<Events>,
    /// The number of the next.
    next: u64,
    gap: bool,
}

impl Reader {
    /// Waits for events and takes them: at least one.
    pub async fn next(&mut self) -> Vec<Arc<Event>> {
        loop {
            // Before the look: what happens after it rings.
            let listener = self.events.bell.listen();
            let taken = self.take();
            if !taken.is_empty() {
                return taken;
            }
            listener.await;
        }
    }

    /// What has happened since; nothing if nothing has.
    pub fn take(&mut self) -> Vec<Arc<Event>> {
        let journal = self.events.journal();
        let oldest = journal.next - journal.kept.len() as u64;
        let missed = std::mem::take(&mut self.gap) || self.next < oldest;
        let mut taken = Vec::new();
        if missed {
            // Named after the event before: asking for what follows it gives the same again.
            let id = format!("{}-{}", self.events.start, oldest.wrapping_sub(1));
            let data = json!({ "id": id, "type": "gap" }).to_string();
            taken.push(Arc::new(Event { id, number: oldest, kind: "gap", data }));
        }
        let next = self.next.max(oldest);
        taken.extend(journal.kept.iter().filter(|event| event.number >= next).cloned());
        self.next = journal.next;
        taken
    }
}

impl Event {
    /// As an event of a `text/event-stream` (WHATWG HTML, 9.2).
    #[must_use]
    pub fn to_stream(&self) -> String {
        // JSON has no line breaks of its own.
        format!("id: {}\nevent: {}\ndata: {}\n\n", self.id, self.kind, self.data)
    }
}

#[cfg(test)]
mod tests;
