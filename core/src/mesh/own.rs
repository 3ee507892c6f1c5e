//! What this node says of itself and its agents, and how it stands by it.
//!
//! Facts in this node's name that it did not write come from a former life (a backup that was restored, lost state), or from somebody
//! else with the same key (a cloned disk). Either way the node begins a new epoch above them, which is stored before anything of it is
//! sent. A former life gives in; somebody else comes back, and after a few attempts with growing pauses it is left to a person.

use super::facts::{AgentFact, Fact, Facts, Key, NodeFact, Value, Version};
use crate::id::{AgentId, NodeId};
use crate::limits;
use crate::time::{Duration, Instant};
use crate::timers::Timers;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The writer of this node's facts.
#[derive(Debug)]
pub(super) struct Own {
    id: NodeId,
    /// What the runtime counts its starts with.
    started: u64,
    /// What the epoch is above that: stored.
    lead: u64,
    counter: u64,
    node: NodeFact,
    /// When each agent was told last.
    told: BTreeMap<AgentId, Instant>,
    /// What waits because only titles differ.
    later: BTreeMap<AgentId, AgentFact>,
    timers: Timers<AgentId>,
    tombstones: usize,
    assertion: Assertion,
}

/// The way to a new epoch.
#[derive(Debug, Default)]
struct Assertion {
    /// The epoch to be above.
    above: Option<u64>,
    /// Not before then.
    at: Option<Instant>,
    /// It is being stored.
    storing: Option<u64>,
    count: u32,
}

impl Own {
    pub(super) fn new(id: NodeId, started: u64, lead: u64, node: NodeFact) -> Self {
        Own {
            id,
            started,
            lead,
            counter: 0,
            node,
            told: BTreeMap::new(),
            later: BTreeMap::new(),
            timers: Timers::default(),
            tombstones: 0,
            assertion: Assertion::default(),
        }
    }

    pub(super) fn node(&self) -> &NodeFact {
        &self.node
    }

    fn epoch(&self) -> u64 {
        self.started.saturating_add(self.lead)
    }

    /// Says what has changed about the node itself. Gives the key if that is news.
    pub(super) fn say(&mut self, facts: &mut Facts, change: impl FnOnce(&mut NodeFact)) -> Option<Key> {
        change(&mut self.node);
        let value = Value::Node(Box::new(self.node.clone()));
        self.publish(facts, Key::Node(self.id), value)
    }

    /// Writes a fact of this node. Gives the key if it is news.
    pub(super) fn publish(&mut self, facts: &mut Facts, key: Key, value: Value) -> Option<Key> {
        if facts.get(&key).is_some_and(|known| known.value == value) {
            return None;
        }
        self.counter += 1;
        facts.merge(key, Fact { version: Version(self.epoch(), self.counter), value }).then_some(key)
    }

    /// Says how an agent is now; `None`: it is gone. What only titles say waits for others.
    pub(super) fn agent(
        &mut self,
        now: Instant,
        facts: &mut Facts,
        id: AgentId,
        fact: Option<AgentFact>,
    ) -> Option<Key> {
        let key = Key::Agent(self.id, id);
        let before = facts.agent(self.id, id);
        let Some(fact) = fact else {
            self.forget_later(id);
            self.told.remove(&id);
            before?;
            self.tombstones += 1;
            if self.tombstones > limits::TOMBSTONES {
                self.assertion.above = Some(self.epoch());
            }
            return self.publish(facts, key, Value::Tombstone);
        };
        let fact = fact.shortened();
        let free_at = self.told.get(&id).map(|at| *at + limits::TITLE_TIME).filter(|at| *at > now);
        if let (Some(at), true) = (free_at, before.is_some_and(|before| before.differs_in_titles_only(&fact))) {
            self.later.insert(id, fact);
            self.timers.set(id, Some(at));
            return None;
        }
        self.forget_later(id);
        self.told.insert(id, now);
        self.publish(facts, key, Value::Agent(Box::new(fact)))
    }

    fn forget_later(&mut self, id: AgentId) {
        self.later.remove(&id);
        self.timers.set(id, None);
    }

    /// Publishes the next agent whose titles have waited long enough; gives its key.
    pub(super) fn pop_due(&mut self, now: Instant, facts: &mut Facts) -> Option<Key> {
        loop {
            let id = self.timers.pop_due(now)?;
            let Some(fact) = self.later.remove(&id) else { continue };
            self.told.insert(id, now);
            let key = self.publish(facts, Key::Agent(self.id, id), Value::Agent(Box::new(fact)));
            if key.is_some() {
                return key;
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let assertion = &self.assertion;
        let waits = assertion.above.is_some() && assertion.storing.is_none();
        [self.timers.next(), assertion.at.filter(|_| waits)].into_iter().flatten().min()
    }

    /// A fact in this node's name is news to it. Returns whether this is the first sign of somebody else with the same identity.
    pub(super) fn contradicted(&mut self, now: Instant, version: Version) -> bool {
        let assertion = &mut self.assertion;
        let known = assertion.above.max(assertion.storing.map(|epoch| epoch - 1));
        if known >= Some(version.0) || assertion.count > limits::ASSERTIONS {
            return false;
        }
        assertion.above = Some(version.0);
        if assertion.storing.is_some() || assertion.at.is_some_and(|at| at > now) {
            return false;
        }
        // A life before the last one may have left facts as well: the first two attempts need no pause.
        let doubled = limits::ASSERT_TIME.as_millis() << assertion.count.saturating_sub(2).min(8);
        let pause = if assertion.count < 2 { 0 } else { doubled };
        assertion.at = Some(now + Duration::from_millis(pause));
        assertion.count += 1;
        assertion.count == 3
    }

    /// The new lead to store, if it is time for a new epoch. Nothing is sent of it before [`stored`](Self::stored).
    pub(super) fn lead_to_store(&mut self, now: Instant) -> Option<u64> {
        let assertion = &mut self.assertion;
        if assertion.storing.is_some() || assertion.at.is_some_and(|at| at > now) {
            return None;
        }
        let above = assertion.above.take()?;
        let epoch = above.max(self.started.saturating_add(self.lead)).checked_add(1)?;
        self.assertion.storing = Some(epoch);
        Some(epoch - self.started)
    }

    /// The new epoch is stored, or could not be. Gives the keys of everything that is said anew.
    pub(super) fn stored(&mut self, now: Instant, facts: &mut Facts, done: bool) -> Vec<Key> {
        let Some(epoch) = self.assertion.storing.take() else { return Vec::new() };
        if !done {
            self.assertion.above = self.assertion.above.max(Some(epoch - 1));
            self.assertion.at = Some(now + limits::STORE_AGAIN_TIME);
            return Vec::new();
        }
        self.lead = epoch - self.started;
        self.tombstones = 0;
        let of_links = facts.get(&Key::Links(self.id)).map(|fact| (Key::Links(self.id), fact.value.clone()));
        let agents = facts.agents_of(self.id).filter(|(_, fact)| fact.value != Value::Tombstone);
        let rest: Vec<(Key, Value)> =
            of_links.into_iter().chain(agents.map(|(key, fact)| (*key, fact.value.clone()))).collect();
        let node = (Key::Node(self.id), Value::Node(Box::new(self.node.clone())));
        let mut keys = Vec::new();
        for (key, value) in core::iter::once(node).chain(rest) {
            self.counter += 1;
            if facts.merge(key, Fact { version: Version(epoch, self.counter), value }) {
                keys.push(key);
            }
        }
        keys
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::directory::{BackendKind, Desired, Origin, Source, StateKind};
    use crate::id::Size;
    use crate::input::TerminalInfo;
    use alloc::string::String;

    const ME: NodeId = NodeId([1; 32]);
    const AGENT: AgentId = AgentId(1);

    pub(crate) fn titled(title: &str, state: StateKind) -> Option<AgentFact> {
        let info = TerminalInfo {
            pane: 1,
            title: title.into(),
            command: String::new(),
            shell: false,
            window: String::new(),
            active: true,
            size: Size::DEFAULT,
            corner: (0, 0),
            index: 0,
            exit_code: None,
            activity: 0,
            bell: false,
        };
        Some(AgentFact {
            name: "a".into(),
            backend: BackendKind::Tmux,
            origin: Origin::Created,
            managed: true,
            running: true,
            desired: Desired::Running,
            autostart: false,
            state,
            source: Source::Output,
            why: String::new(),
            program: None,
            args: Vec::new(),
            directory: String::new(),
            notes_revision: 0,
            tags: Vec::new(),
            created_unix_ms: 0,
            terminals: alloc::vec![info],
            more: Vec::new(),
        })
    }

    #[test]
    fn a_title_waits_a_second_and_a_state_does_not() {
        let (mut own, mut facts) = (Own::new(ME, 1, 0, NodeFact::default()), Facts::default());
        let at = Instant::from_millis;
        assert!(own.agent(at(0), &mut facts, AGENT, titled("1", StateKind::Idle)).is_some());
        for ms in 1..900 {
            let title = alloc::format!("{ms}");
            assert_eq!(own.agent(at(ms), &mut facts, AGENT, titled(&title, StateKind::Idle)), None);
        }
        assert_eq!(own.next_deadline(), Some(at(1_000)));
        assert_eq!(own.pop_due(at(1_000), &mut facts), Some(Key::Agent(ME, AGENT)));
        assert_eq!(facts.agent(ME, AGENT), titled("899", StateKind::Idle).as_ref());
        assert!(own.agent(at(1_001), &mut facts, AGENT, titled("x", StateKind::Waiting)).is_some());
        assert_eq!(own.next_deadline(), None);
    }

    #[test]
    fn a_node_with_many_ended_agents_begins_an_epoch_that_forgets_them() {
        let (mut own, mut facts) = (Own::new(ME, 1, 0, NodeFact::default()), Facts::default());
        own.say(&mut facts, |_| {});
        for id in 0..=limits::TOMBSTONES as u64 {
            own.agent(Instant::START, &mut facts, AgentId(id), titled("", StateKind::Idle));
            own.agent(Instant::START, &mut facts, AgentId(id), None);
        }
        own.agent(Instant::START, &mut facts, AgentId(u64::MAX), titled("", StateKind::Idle));
        assert_eq!(own.lead_to_store(Instant::START), Some(1));
        let said = own.stored(Instant::START, &mut facts, true);
        assert_eq!(said, [Key::Node(ME), Key::Agent(ME, AgentId(u64::MAX))]);
        assert_eq!(facts.agents_of(ME).count(), 1);
    }

    #[test]
    fn an_epoch_that_cannot_be_exceeded_makes_nothing_overflow() {
        let (mut own, mut facts) = (Own::new(ME, 1, 0, NodeFact::default()), Facts::default());
        own.say(&mut facts, |_| {});
        own.contradicted(Instant::START, Version(u64::MAX, 1));
        assert_eq!(own.lead_to_store(Instant::START), None);
        assert_eq!(own.next_deadline(), None);
    }

    /// Somebody states facts of `epoch` in this node's name; a new epoch is begun as soon as it may be. When, and whether a conflict was seen.
    fn asserts(own: &mut Own, facts: &mut Facts, now: Instant, epoch: u64) -> (bool, Option<Instant>) {
        let conflict = own.contradicted(now, Version(epoch, 1));
        let at = own.next_deadline();
        if let Some(at) = at {
            assert!(at == now || own.lead_to_store(Instant::from_millis(at.as_millis() - 1)).is_none(), "not earlier");
            assert_eq!(own.lead_to_store(at), Some(epoch), "above what was stated, counted from the start 1");
            assert_eq!((own.lead_to_store(at), own.next_deadline()), (None, None), "once");
            own.stored(at, facts, true);
        }
        (conflict, at)
    }

    #[test]
    fn a_node_asserts_itself_twice_at_once_then_after_pauses_that_double_and_in_the_end_no_more() {
        let (mut own, mut facts) = (Own::new(ME, 1, 0, NodeFact::default()), Facts::default());
        own.say(&mut facts, |_| {});
        let (mut now, mut epoch, mut pauses, mut conflicts) = (Instant::START, 10, Vec::new(), Vec::new());
        while pauses.len() < 20 {
            let (conflict, at) = asserts(&mut own, &mut facts, now, epoch);
            conflicts.push(conflict);
            let Some(at) = at else { break };
            pauses.push(at.since(now).as_millis() / 1_000);
            (now, epoch) = (at, epoch + 10);
        }
        assert_eq!(pauses, [0, 0, 15, 30, 60, 120, 240]);
        assert_eq!(pauses.len() as u32, limits::ASSERTIONS + 1);
        assert_eq!(conflicts.iter().position(|seen| *seen), Some(2), "the third time, people are told");
        assert_eq!(conflicts.iter().filter(|seen| **seen).count(), 1, "once");
    }

    #[test]
    fn what_is_stated_below_the_epoch_that_is_being_stored_needs_no_other_one() {
        let (mut own, mut facts) = (Own::new(ME, 1, 0, NodeFact::default()), Facts::default());
        own.say(&mut facts, |_| {});
        own.contradicted(Instant::START, Version(9, 1));
        assert_eq!(own.lead_to_store(Instant::START), Some(9), "epoch 10");
        own.contradicted(Instant::START, Version(9, 7));
        own.stored(Instant::START, &mut facts, true);
        assert_eq!((own.epoch(), own.lead_to_store(Instant::START)), (10, None));
        own.contradicted(Instant::START, Version(10, 7));
        assert_eq!(own.lead_to_store(Instant::START), Some(10), "the same epoch is somebody else's too");
        let failed = own.stored(Instant::START, &mut facts, false);
        assert_eq!((failed, own.epoch()), (Vec::new(), 10));
        assert_eq!(own.lead_to_store(Instant::START), None, "the disk is full");
        assert_eq!(own.lead_to_store(Instant::START + limits::STORE_AGAIN_TIME), Some(10));
    }

    #[test]
    fn titles_that_waited_are_forgotten_with_their_agent_and_when_something_newer_is_said() {
        let (mut own, mut facts) = (Own::new(ME, 1, 0, NodeFact::default()), Facts::default());
        own.agent(Instant::START, &mut facts, AGENT, titled("1", StateKind::Idle));
        assert_eq!(own.agent(Instant::START, &mut facts, AGENT, titled("2", StateKind::Idle)), None);
        own.agent(Instant::START, &mut facts, AGENT, titled("3", StateKind::Waiting));
        assert_eq!((own.next_deadline(), own.pop_due(Instant::from_millis(5_000), &mut facts)), (None, None));
        own.agent(Instant::START, &mut facts, AGENT, titled("4", StateKind::Waiting));
        assert!(own.agent(Instant::START, &mut facts, AGENT, None).is_some());
        assert_eq!((own.next_deadline(), facts.agent(ME, AGENT)), (None, None));
    }

    #[test]
    fn as_many_ended_agents_are_told_as_the_limit_says() {
        let (mut own, mut facts) = (Own::new(ME, 1, 0, NodeFact::default()), Facts::default());
        let mut end = |id| {
            own.agent(Instant::START, &mut facts, AgentId(id), titled("", StateKind::Idle));
            own.agent(Instant::START, &mut facts, AgentId(id), None);
            own.lead_to_store(Instant::START).is_some()
        };
        assert!(!(0..limits::TOMBSTONES as u64).any(&mut end));
        assert!(end(u64::MAX), "one more begins a new epoch");
    }
}
