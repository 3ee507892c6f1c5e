//! What is kept of the mesh across restarts, and its encoding: under `mesh` how far this node's epoch is above the count of its
//! starts, under `node-<id>` each node's membership, what it said of itself last, and where it was reached.

use super::facts::{Fact, encoded};
use crate::bounded::at_most;
use crate::directory::Undecodable;
use crate::id::NodeId;
use crate::input::Address;
use crate::limits;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A node as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: NodeId,
    pub(super) member: Option<Fact>,
    pub(super) node: Option<Fact>,
    /// Where a person said that it is.
    #[serde(deserialize_with = "at_most::<_, _, { limits::ADDRESSES }>")]
    pub(super) told: Vec<Address>,
    /// Where it was reached last.
    pub(super) good: Option<Address>,
}

/// The versions of the encoding of a node. A new one is a new variant; old ones are read for ever.
#[derive(Serialize, Deserialize)]
enum StoredNode {
    V1(Box<Record>),
}

/// The versions of the encoding of what concerns the whole.
#[derive(Serialize, Deserialize)]
enum StoredMesh {
    V1 { lead: u64 },
}

/// The store's key of the whole.
pub(super) const MESH: &str = "mesh";
const PREFIX: &str = "node-";

/// What the store held of the mesh.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restored {
    pub(super) lead: u64,
    pub(super) nodes: Vec<Record>,
}

impl Restored {
    /// Whether an entry under this key is the mesh's.
    pub(crate) fn owns(key: &str) -> bool {
        key == MESH || key.starts_with(PREFIX)
    }

    pub(crate) fn add(&mut self, key_read: &str, bytes: &[u8]) -> Result<(), Undecodable> {
        if key_read == MESH {
            let StoredMesh::V1 { lead } = whole(bytes)?;
            self.lead = lead;
            return Ok(());
        }
        let StoredNode::V1(record) = whole(bytes)?;
        let fits = |fact: &Option<Fact>, key: super::facts::Key| fact.as_ref().is_none_or(|fact| key.fits(&fact.value));
        let good = key(record.id) == key_read
            && fits(&record.member, super::facts::Key::Member(record.id))
            && fits(&record.node, super::facts::Key::Node(record.id));
        if !good {
            return Err(Undecodable);
        }
        self.nodes.push(*record);
        Ok(())
    }
}

fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Undecodable> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Undecodable),
    }
}

/// The store's key of a node.
pub(super) fn key(id: NodeId) -> String {
    format!("{PREFIX}{id}")
}

pub(super) fn encode_node(record: Record) -> Vec<u8> {
    encoded(&StoredNode::V1(Box::new(record)))
}

pub(super) fn encode_mesh(lead: u64) -> Vec<u8> {
    encoded(&StoredMesh::V1 { lead })
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{fact, membership};
    use super::super::facts::{NodeFact, Value};
    use super::*;

    /// What this version stores. Later versions read it for ever.
    const NODE: &str = "00 BB 01 0300 00AA01 01 0405 01 016e0002000000 00 01 03683a31 01 03683a32";
    const WHOLE: &str = "00 ac02";

    fn bytes(digits: &str) -> Vec<u8> {
        let digits = digits.replace(' ', "").replace("AA", &"00".repeat(32)).replace("BB", &"bb".repeat(32));
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("digits")).collect()
    }

    fn record() -> Record {
        let node = NodeFact { name: "n".into(), instance: 2, ..NodeFact::default() };
        Record {
            id: NodeId([0xbb; 32]),
            member: Some(fact(3, 0, membership())),
            node: Some(fact(4, 5, Value::Node(Box::new(node)))),
            told: alloc::vec![Address("h:1".into())],
            good: Some(Address("h:2".into())),
        }
    }

    #[test]
    fn the_bytes_of_stored_records_are_fixed() {
        let advice =
            "what is stored has changed: make it a new version, keep reading this one, and pin the new one beside it";
        assert_eq!(encode_node(record()), bytes(NODE), "{advice}");
        assert_eq!(encode_mesh(300), bytes(WHOLE), "{advice}");
    }

    #[test]
    fn what_version_one_stored_is_read() {
        let mut restored = Restored::default();
        assert_eq!(restored.add(&key(record().id), &bytes(NODE)), Ok(()));
        assert_eq!(restored.add(MESH, &bytes(WHOLE)), Ok(()));
        assert_eq!((restored.nodes, restored.lead), (alloc::vec![record()], 300));
    }
}
