//! The oracle of facts: nothing is known anywhere that its owner did not say, nothing goes back, nobody comes back.

use crate::event::HostIndex;
use crate::failure::{Checked, Failure, must};
use consort_core::mesh::facts::{Fact, Facts, Key, Value, Version};
use consort_core::{Node, NodeId};
use std::collections::BTreeMap;

/// What one node knew after its last input in this life.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    hash: u64,
    /// Ordered by key, as the facts are.
    known: Vec<(Key, Known)>,
}

/// A version, and for memberships whose act it was: two persons may act at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known(Version, Option<NodeId>);

impl Known {
    fn of(fact: &Fact) -> Self {
        let by = if let Value::Membership { by, .. } = &fact.value { Some(*by) } else { None };
        Known(fact.version, by)
    }
}

/// Everything that owners of facts ever said; of memberships: everything that persons ever did.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    said: BTreeMap<(Key, Version), Vec<Value>>,
    /// How often persons asked a node (the first) to change the membership of another, and it has not done so yet.
    asked: BTreeMap<(NodeId, NodeId), u32>,
    /// How often a node counted a membership as changed when it told a person so.
    told: BTreeMap<(HostIndex, NodeId), u64>,
}

impl Truth {
    /// A person asks a node to admit or remove another.
    pub(crate) fn asked(&mut self, id: NodeId, about: NodeId) {
        *self.asked.entry((id, about)).or_default() += 1;
    }

    /// A node tells a person that a membership is as asked: it stays so.
    pub(crate) fn told(&mut self, at: HostIndex, node: &Node, about: NodeId) {
        self.told.insert((at, about), node.facts().length(about));
    }

    /// A machine has lost its store, or a part.
    pub(crate) fn lost(&mut self, at: HostIndex) {
        self.told.retain(|(host, _), _| *host != at);
    }

    /// A node has started: it still knows what it told.
    pub(crate) fn check_kept(&self, at: HostIndex, node: &Node) -> Checked {
        for ((_, about), length) in self.told.iter().filter(|((host, _), _)| *host == at) {
            let known = node.facts().length(*about);
            must!(known >= *length, "host {at} forgot that {about:?} was admitted or removed: {known} of {length}");
        }
        Ok(())
    }

    /// A node has taken an input: whether it knows something else than before.
    pub(crate) fn learn(&mut self, memory: &mut Memory, id: NodeId, node: &Node) -> Result<bool, Failure> {
        let facts = node.facts();
        if facts.hash() == memory.hash {
            return Ok(false);
        }
        let before = std::mem::take(&mut memory.known);
        let mut old = before.iter().peekable();
        for (key, fact) in facts.iter() {
            while let Some((gone, known)) = old.next_if(|(known, _)| known < key) {
                check_gone(facts, gone, known.0)?;
            }
            let (known, now) = (old.next_if(|(known, _)| known == key).map(|(_, known)| *known), Known::of(fact));
            if known != Some(now) {
                let forth = known.is_none_or(|known| known.0 <= now.0);
                must!(forth, "{key:?} went back from {known:?} to {now:?}");
                self.check_said(id, key, fact)?;
            }
            memory.known.push((*key, now));
        }
        for (gone, known) in old {
            check_gone(facts, gone, known.0)?;
        }
        memory.hash = facts.hash();
        Ok(true)
    }

    fn check_said(&mut self, id: NodeId, key: &Key, fact: &Fact) -> Checked {
        let said = self.said.entry((*key, fact.version)).or_default();
        if said.contains(&fact.value) {
            return Ok(());
        }
        let may = match (key.writer(), &fact.value) {
            (Some(writer), _) => writer == id,
            // Every node is the first member of its own mesh.
            (None, Value::Membership { by, .. }) if key.node() == id && fact.version.0 == 1 => *by == id,
            (None, Value::Membership { by, .. }) => {
                let permits = self.asked.entry((id, key.node())).or_default();
                let asked = *by == id && *permits > 0;
                *permits -= u32::from(asked);
                asked
            }
            (None, _) => false,
        };
        must!(may, "nobody said {:?} of {key:?}: {:?}", fact.version, fact.value);
        said.push(fact.value.clone());
        Ok(())
    }
}

/// What a node forgets is void: its owner said something in a later life, or is no member any more.
fn check_gone(facts: &Facts, key: &Key, version: Version) -> Checked {
    let owner = key.node();
    let later = facts.get(&Key::Node(owner)).is_some_and(|fact| fact.version.0 > version.0);
    let void = key.writer().is_some() && (later || !facts.is_member(owner));
    must!(void, "{key:?} was forgotten");
    Ok(())
}
