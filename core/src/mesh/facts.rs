//! The replicated map of facts: three kinds of keys, one merge, the larger version wins.
//!
//! Merging is commutative, associative and idempotent, so facts may arrive in any order, twice, and by any way. Every key names
//! its owner; the only keys that somebody else may write are memberships, whose causal length (odd: member, even: removed;
//! Yu and Rostad, "A low-cost set CRDT based on causal lengths", PaPoC 2020) makes a removal final until a person admits again.

use crate::directory::StateKind;
use crate::id::{AgentId, NodeId};
use alloc::collections::BTreeMap;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// Whether a node belongs to the mesh.
    Member(NodeId),
    /// What a node says of itself.
    Node(NodeId),
    /// What a node says of one of its agents.
    Agent(NodeId, AgentId),
}

/// Which of two values of a key is newer. For `Member` the first number is the causal length and the second is 0; for the others
/// the epoch (stored before the first packet of a start) and a counter within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u64, pub u64);

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    /// Who admitted or removed the node.
    Membership {
        /// The member that did it.
        by: NodeId,
    },
    /// A node's own description.
    Node {
        /// Its name.
        name: String,
        /// Random number of its present start.
        instance: u64,
        /// Oldest and newest protocol that it speaks.
        protocol: (u16, u16),
    },
    /// An agent.
    Agent {
        /// Its name.
        name: String,
        /// What it does.
        state: State,
        /// Title of its active terminal.
        title: String,
        /// It has a carrier.
        running: bool,
    },
    /// The agent is gone.
    Tombstone,
}

/// [`StateKind`] as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented at StateKind")]
pub enum State {
    Working,
    Waiting,
    Idle,
    Done,
    Exited,
    Unknown,
}

impl From<StateKind> for State {
    fn from(kind: StateKind) -> Self {
        match kind {
            StateKind::Working => State::Working,
            StateKind::Waiting => State::Waiting,
            StateKind::Idle => State::Idle,
            StateKind::Done => State::Done,
            StateKind::Exited => State::Exited,
            StateKind::Unknown => State::Unknown,
        }
    }
}

/// A value with its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// Which value is newer.
    pub version: Version,
    /// The value.
    pub value: Value,
}

/// All facts that a node has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    map: BTreeMap<Key, Fact>,
}

impl Facts {
    /// Takes a fact if it is newer than what is known of its key. Equal versions with different values (a broken or cloned
    /// node) are ordered by value, so that all nodes still agree. Returns whether anything changed.
    pub fn merge(&mut self, key: Key, fact: Fact) -> bool {
        match self.map.get(&key) {
            Some(known) if *known >= fact => false,
            _ => {
                self.map.insert(key, fact);
                true
            }
        }
    }

    /// Takes all facts of another map.
    pub fn merge_all(&mut self, other: &Facts) {
        for (key, fact) in &other.map {
            self.merge(*key, fact.clone());
        }
    }

    /// What is known of a key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Fact> {
        self.map.get(key)
    }

    /// All facts, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Fact)> {
        self.map.iter()
    }

    /// Whether the causal length says that the node is a member.
    #[must_use]
    pub fn is_member(&self, node: NodeId) -> bool {
        self.map.get(&Key::Member(node)).is_some_and(|fact| fact.version.0 % 2 == 1)
    }
}

/// The facts that this node writes about itself and its agents.
#[derive(Debug)]
pub(crate) struct OwnFacts {
    id: NodeId,
    epoch: u64,
    counter: u64,
    facts: Facts,
}

impl OwnFacts {
    pub(crate) fn new(id: NodeId, epoch: u64, name: &str, instance: u64) -> Self {
        let mut own = OwnFacts { id, epoch, counter: 0, facts: Facts::default() };
        own.facts.merge(Key::Member(id), Fact { version: Version(1, 0), value: Value::Membership { by: id } });
        own.publish(Key::Node(id), Value::Node { name: name.into(), instance, protocol: (1, 1) });
        own
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Says how an agent is now; `None`: it is gone.
    pub(crate) fn agent(&mut self, agent: AgentId, value: Option<Value>) {
        let key = Key::Agent(self.id, agent);
        match value {
            None if self.facts.get(&key).is_none() => {}
            value => self.publish(key, value.unwrap_or(Value::Tombstone)),
        }
    }

    fn publish(&mut self, key: Key, value: Value) {
        if self.facts.get(&key).is_some_and(|known| known.value == value) {
            return;
        }
        self.counter += 1;
        self.facts.merge(key, Fact { version: Version(self.epoch, self.counter), value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn fact() -> impl Strategy<Value = (Key, Fact)> {
        let key = prop_oneof![
            (0u8..3).prop_map(|n| Key::Member(NodeId([n; 32]))),
            (0u8..3).prop_map(|n| Key::Node(NodeId([n; 32]))),
            (0u8..3, 0u64..3).prop_map(|(n, a)| Key::Agent(NodeId([n; 32]), AgentId(a))),
        ];
        let value = prop_oneof![
            (0u8..3).prop_map(|n| Value::Membership { by: NodeId([n; 32]) }),
            Just(Value::Tombstone),
            "[ab]{0,1}".prop_map(|name| Value::Node { name, instance: 0, protocol: (1, 1) }),
        ];
        (key, (0u64..3, 0u64..3), value).prop_map(|(key, (a, b), value)| (key, Fact { version: Version(a, b), value }))
    }

    fn facts(list: &[(Key, Fact)]) -> Facts {
        let mut facts = Facts::default();
        for (key, fact) in list {
            facts.merge(*key, fact.clone());
        }
        facts
    }

    fn merged(a: &Facts, b: &Facts) -> Facts {
        let mut all = a.clone();
        all.merge_all(b);
        all
    }

    fn some() -> impl Strategy<Value = Vec<(Key, Fact)>> {
        prop::collection::vec(fact(), 0..12)
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in some(), b in some(), c in some()) {
            let (a, b, c) = (facts(&a), facts(&b), facts(&c));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &a), a);
        }

        #[test]
        fn the_order_of_arrival_does_not_matter((list, shuffled) in some().prop_flat_map(|list| {
            let copy = list.clone();
            (Just(list), Just(copy).prop_shuffle())
        })) {
            prop_assert_eq!(facts(&list), facts(&shuffled));
        }

        #[test]
        fn a_version_never_goes_back(list in some(), more in fact()) {
            let before = facts(&list);
            let mut after = before.clone();
            after.merge(more.0, more.1);
            for (key, fact) in before.iter() {
                prop_assert!(after.get(key).is_some_and(|now| now.version >= fact.version));
            }
        }
    }

    #[test]
    fn a_removed_member_stays_removed_until_it_is_admitted_again() {
        let node = NodeId([1; 32]);
        let membership =
            |length| (Key::Member(node), Fact { version: Version(length, 0), value: Value::Membership { by: node } });
        let mut known = facts(&[membership(1), membership(2)]);
        assert!(!known.is_member(node));
        let (key, stale) = membership(1);
        assert!(!known.merge(key, stale), "gossip brings nobody back");
        let (key, admitted) = membership(3);
        known.merge(key, admitted);
        assert!(known.is_member(node));
    }

    #[test]
    fn a_node_publishes_its_agents_and_their_end() {
        let id = NodeId([1; 32]);
        let mut own = OwnFacts::new(id, 7, "laptop", 1);
        let value = Value::Agent { name: "a".into(), state: State::Idle, title: String::new(), running: true };
        own.agent(AgentId(1), Some(value.clone()));
        let key = Key::Agent(id, AgentId(1));
        let first = own.facts().get(&key).cloned().expect("published");
        assert_eq!(first.value, value);
        own.agent(AgentId(1), Some(value));
        assert_eq!(own.facts().get(&key), Some(&first), "nothing new is no news");
        own.agent(AgentId(1), None);
        let last = own.facts().get(&key).expect("kept");
        assert_eq!(last.value, Value::Tombstone);
        assert!(last.version > first.version);
        assert!(own.facts().is_member(id));
    }
}
