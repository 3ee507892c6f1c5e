//! The replicated map of facts: four kinds of keys, one merge, the larger version wins.
//!
//! Merging is commutative, associative and idempotent, so facts may arrive in any order, twice, and by any way. Every key names
//! its owner; the only keys that somebody else may write are memberships, whose causal length (odd: member, even: removed;
//! Yu and Rostad, "A low-cost set CRDT based on causal lengths", PaPoC 2020) makes a removal final until a person admits again.
//! What a node said in an earlier epoch is void once its `Node` fact of a later one is known: that is how long the ends of agents are
//! remembered.

use crate::bounded::at_most;
use crate::command::Rights;
use crate::directory::signal::Asked;
use crate::directory::{BackendKind, Desired, Origin, Source, StateKind};
use crate::id::{AgentId, NodeId};
use crate::input::{Address, TerminalInfo};
use crate::limits;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::{Bound, RangeBounds};
use serde::{Deserialize, Serialize};

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// Whether a node belongs to the mesh.
    Member(NodeId),
    /// What a node says of itself.
    Node(NodeId),
    /// The neighbours of a node.
    Links(NodeId),
    /// What a node says of one of its agents.
    Agent(NodeId, AgentId),
}

impl Key {
    /// The node that it is about.
    #[must_use]
    pub fn node(&self) -> NodeId {
        match self {
            Key::Member(node) | Key::Node(node) | Key::Links(node) | Key::Agent(node, _) => *node,
        }
    }

    /// The only node that may write it; `None`: any member.
    #[must_use]
    pub fn writer(&self) -> Option<NodeId> {
        match self {
            Key::Member(_) => None,
            Key::Node(node) | Key::Links(node) | Key::Agent(node, _) => Some(*node),
        }
    }

    /// Whether a value of this kind can stand under it.
    #[must_use]
    pub fn fits(&self, value: &Value) -> bool {
        match value {
            Value::Membership { .. } => matches!(self, Key::Member(_)),
            Value::Node(_) => matches!(self, Key::Node(_)),
            Value::Links(_) => matches!(self, Key::Links(_)),
            Value::Agent(_) | Value::Tombstone => matches!(self, Key::Agent(..)),
        }
    }
}

/// Which of two values of a key is newer. For `Member` the first number is the causal length and the second is 0; for the others
/// the epoch (stored before the first packet of a start) and a counter within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u64, pub u64);

/// A node as others name it in their lists of neighbours: the first 8 bytes of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeRef(pub u64);

impl From<NodeId> for NodeRef {
    fn from(id: NodeId) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(&id.0[..8]);
        NodeRef(u64::from_be_bytes(first))
    }
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    /// Who admitted or removed the node, and what it may do.
    Membership {
        /// The member that did it.
        by: NodeId,
        /// What the node may do on others' agents.
        rights: Rights,
    },
    /// A node's own description.
    Node(Box<NodeFact>),
    /// A node's neighbours: the links that it has now.
    Links(#[serde(deserialize_with = "at_most::<_, _, { limits::LINKS }>")] Vec<NodeRef>),
    /// An agent.
    Agent(Box<AgentFact>),
    /// The agent is gone.
    Tombstone,
}

/// What a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeFact {
    /// What people call it.
    pub name: String,
    /// Where it can be dialled, best first.
    #[serde(deserialize_with = "at_most::<_, _, { limits::ADDRESSES }>")]
    pub addresses: Vec<Address>,
    /// Random number of its present start.
    pub instance: u64,
    /// Oldest and newest protocol that it speaks.
    pub protocol: (u16, u16),
    /// What can carry agents there.
    #[serde(deserialize_with = "at_most::<_, _, 8>")]
    pub backends: Vec<BackendFact>,
    /// It has found that somebody else uses its identity.
    pub conflict: bool,
}

/// Whether a backend of a node can carry agents.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BackendFact {
    /// Which.
    pub kind: BackendKind,
    /// It can.
    pub available: bool,
    /// What it is, or why it cannot.
    pub detail: String,
}

/// What a list needs of an agent. Encoded at most [`FACT_BYTES`](limits::FACT_BYTES): see [`shortened`](Self::shortened).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AgentFact {
    /// Its name.
    pub name: String,
    /// What carries it.
    pub backend: BackendKind,
    /// It is kept in the store of its node.
    pub managed: bool,
    /// Created there, or found.
    pub origin: Origin,
    /// It has a carrier.
    pub running: bool,
    /// What the user wants it to be.
    pub desired: Desired,
    /// Started again after a reboot.
    pub autostart: bool,
    /// What it does.
    pub state: StateKind,
    /// Where that was read from.
    pub source: Source,
    /// Why, in words.
    pub why: String,
    /// The program it was created with.
    pub program: Option<String>,
    /// Its arguments, shortened.
    #[serde(deserialize_with = "at_most::<_, _, { limits::ARGUMENTS }>")]
    pub args: Vec<String>,
    /// Working directory.
    pub directory: String,
    /// Counts the changes of its notes.
    pub notes_revision: u64,
    /// Tags.
    #[serde(deserialize_with = "at_most::<_, _, { limits::TAGS }>")]
    pub tags: Vec<String>,
    /// Unix time of its creation in milliseconds.
    pub created_unix_ms: u64,
    /// Its terminals, as many as fit. Activity and bell are not told: they show as the state.
    #[serde(deserialize_with = "at_most::<_, _, { limits::TERMINALS_PER_AGENT }>")]
    pub terminals: Vec<TerminalInfo>,
    /// What later versions say besides, each under a number of its own. What this version does not know is kept and passed on.
    #[serde(deserialize_with = "at_most::<_, _, { limits::FACT_EXTRAS }>")]
    pub more: Vec<Extra>,
}

/// More of a fact: a number that says what it is, and its encoding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Extra {
    /// What it is.
    pub tag: u32,
    /// Its encoding.
    pub bytes: Vec<u8>,
}

/// What an agent asks: an [`Asked`].
const ASKED: u32 = 1;
/// How many texts wait until it is idle: a `u32`.
const QUEUED: u32 = 10;

impl AgentFact {
    /// What it asks, if it does.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        let extra = self.more.iter().find(|extra| extra.tag == ASKED)?;
        postcard::from_bytes(&extra.bytes).ok()
    }

    /// How many texts wait until it is idle.
    #[must_use]
    pub fn queued(&self) -> usize {
        let extra = self.more.iter().find(|extra| extra.tag == QUEUED);
        extra.and_then(|extra| postcard::from_bytes::<u32>(&extra.bytes).ok()).map_or(0, |count| count as usize)
    }

    /// The further facts about an agent: the question that it asks, and how many texts wait for it.
    #[must_use]
    pub fn more_of(asked: Option<&Asked>, queued: usize) -> Vec<Extra> {
        let asked = asked.map(|asked| Extra { tag: ASKED, bytes: encoded(asked) });
        let queued = u32::try_from(queued).unwrap_or(u32::MAX);
        let queued = (queued > 0).then(|| Extra { tag: QUEUED, bytes: encoded(&queued) });
        asked.into_iter().chain(queued).collect()
    }

    /// Within [`FACT_BYTES`](limits::FACT_BYTES): long texts are cut, then terminals are left out from the end.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        for (chars, items) in [(4_096, 256), (512, 64), (256, 16), (128, 8), (64, 4), (40, 1)] {
            if encoded(&self).len() + 64 <= limits::FACT_BYTES {
                break;
            }
            if items <= 16 {
                self.more.clear();
            }
            self.args.truncate(items);
            self.terminals.truncate(items);
            let terminals = self.terminals.iter_mut();
            let texts = terminals.flat_map(|info| [&mut info.title, &mut info.command, &mut info.window]);
            let own = [&mut self.name, &mut self.why, &mut self.directory].into_iter();
            own.chain(&mut self.args).chain(&mut self.tags).chain(&mut self.program).chain(texts).for_each(|text| {
                if let Some((end, _)) = text.char_indices().nth(chars) {
                    text.truncate(end);
                }
            });
        }
        self
    }

    /// Whether only what terminals call themselves differs.
    #[must_use]
    pub fn differs_in_titles_only(&self, other: &AgentFact) -> bool {
        let plain = |fact: &AgentFact| {
            let mut fact = fact.clone();
            fact.terminals.iter_mut().for_each(|info| info.title.clear());
            fact
        };
        plain(self) == plain(other)
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
    map: BTreeMap<Key, Entry>,
    hash: u64,
    bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    fact: Fact,
    hash: u64,
    bytes: u32,
}

impl Facts {
    /// Takes a fact if it is newer than what is known of its key. Equal versions with different values (a broken or cloned
    /// node) are ordered by value, so that all nodes still agree. Returns whether anything changed.
    pub fn merge(&mut self, key: Key, fact: Fact) -> bool {
        let news = self.is_news(&key, &fact);
        if news {
            self.take(key, fact);
        }
        news
    }

    /// Takes all facts of another map.
    pub fn merge_all(&mut self, other: &Facts) {
        for (key, fact) in other.iter() {
            self.merge(*key, fact.clone());
        }
    }

    /// Takes a fact that [is news](Self::is_news). Gives the keys whose facts have become void by it.
    pub(crate) fn take(&mut self, key: Key, fact: Fact) -> Vec<Key> {
        debug_assert!(self.is_news(&key, &fact), "a fact of {key:?} that is no news is taken");
        let bytes = encoded(&(&key, &fact));
        let (hash, bytes) = (hash_of(&bytes), bytes.len() as u32);
        let epoch = fact.version.0;
        self.hash ^= hash;
        self.bytes += bytes as usize;
        let old = self.map.insert(key, Entry { fact, hash, bytes });
        self.discount(old);
        match key {
            Key::Node(node) => self.drop_older(node, epoch),
            Key::Member(_) | Key::Links(_) | Key::Agent(..) => Vec::new(),
        }
    }

    /// Whether merging it would change anything.
    #[must_use]
    pub fn is_news(&self, key: &Key, fact: &Fact) -> bool {
        !self.is_void(key, fact.version) && self.get(key).is_none_or(|known| known < fact)
    }

    fn is_void(&self, key: &Key, version: Version) -> bool {
        match key {
            Key::Member(_) => version.0 > limits::MEMBERSHIP_LENGTH,
            Key::Node(_) => false,
            Key::Links(node) | Key::Agent(node, _) => {
                self.get(&Key::Node(*node)).is_some_and(|known| version.0 < known.version.0)
            }
        }
    }

    fn drop_older(&mut self, node: NodeId, epoch: u64) -> Vec<Key> {
        let older = |key: &Key| self.get(key).is_some_and(|fact| fact.version.0 < epoch);
        let links = [Key::Links(node)].into_iter();
        let void: Vec<Key> = links.chain(self.agents_of(node).map(|(key, _)| *key)).filter(older).collect();
        for key in &void {
            self.remove(key);
        }
        void
    }

    /// Forgets everything that a node said, but not its membership. Gives the keys.
    pub(crate) fn forget(&mut self, node: NodeId) -> Vec<Key> {
        let own = [Key::Node(node), Key::Links(node)].into_iter().filter(|key| self.map.contains_key(key));
        let keys: Vec<Key> = own.chain(self.agents_of(node).map(|(key, _)| *key)).collect();
        for key in &keys {
            self.remove(key);
        }
        keys
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: &Key) {
        let old = self.map.remove(key);
        self.discount(old);
    }

    fn discount(&mut self, old: Option<Entry>) {
        if let Some(old) = old {
            self.hash ^= old.hash;
            self.bytes -= old.bytes as usize;
        }
    }

    /// What is known of a key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Fact> {
        self.map.get(key).map(|entry| &entry.fact)
    }

    /// All facts, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Fact)> {
        self.map.iter().map(|(key, entry)| (key, &entry.fact))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Bytes of all facts, encoded.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A number that is the same for the same facts and, but for chance (2⁻⁶⁴), differs for others.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether the node is a member: admitted more often than removed.
    #[must_use]
    pub fn is_member(&self, node: NodeId) -> bool {
        self.length(node) % 2 == 1
    }

    /// How often the node was admitted or removed.
    #[must_use]
    pub fn length(&self, node: NodeId) -> u64 {
        self.get(&Key::Member(node)).map_or(0, |fact| fact.version.0)
    }

    /// What the node may do on others' agents, if it ever was a member.
    #[must_use]
    pub fn rights_of(&self, node: NodeId) -> Option<Rights> {
        match self.get(&Key::Member(node)).map(|fact| &fact.value) {
            Some(Value::Membership { rights, .. }) => Some(*rights),
            _ => None,
        }
    }

    /// What the node says of itself.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&NodeFact> {
        match self.get(&Key::Node(node)).map(|fact| &fact.value) {
            Some(Value::Node(fact)) => Some(fact),
            _ => None,
        }
    }

    /// What its node says of an agent that is not gone.
    #[must_use]
    pub fn agent(&self, node: NodeId, agent: AgentId) -> Option<&AgentFact> {
        match self.get(&Key::Agent(node, agent)).map(|fact| &fact.value) {
            Some(Value::Agent(fact)) => Some(fact),
            _ => None,
        }
    }

    /// Who said first what is known of a key.
    pub(crate) fn origin(&self, key: &Key) -> Option<NodeId> {
        match self.get(key).map(|fact| &fact.value) {
            Some(Value::Membership { by, .. }) => Some(*by),
            _ => key.writer(),
        }
    }

    /// All that were ever admitted, with their membership.
    pub fn memberships(&self) -> impl Iterator<Item = (NodeId, &Fact)> {
        let range = self.map.range(..Key::Node(NodeId([0; 32])));
        range.map(|(key, entry)| (key.node(), &entry.fact))
    }

    /// Everything about the agents of a node, their ends included.
    pub fn agents_of(&self, node: NodeId) -> impl Iterator<Item = (&Key, &Fact)> {
        let range = self.map.range(Key::Agent(node, AgentId(0))..=Key::Agent(node, AgentId(u64::MAX)));
        range.map(|(key, entry)| (key, &entry.fact))
    }

    /// The facts of a range of keys with their hashes.
    pub(crate) fn range(&self, range: impl RangeBounds<Key>) -> impl Iterator<Item = (&Key, Version, u64)> {
        let (start, end) = (range.start_bound().cloned(), range.end_bound().cloned());
        // An empty range is one that a peer may state.
        let empty = match (start, end) {
            (Bound::Included(start), Bound::Excluded(end)) => start >= end,
            _ => false,
        };
        let found = (!empty).then(|| self.map.range((start, end)));
        found.into_iter().flatten().map(|(key, entry)| (key, entry.fact.version, entry.hash))
    }

    /// The hash of one fact.
    pub(crate) fn hash_of(&self, key: &Key) -> Option<u64> {
        self.map.get(key).map(|entry| entry.hash)
    }

    /// Every rule of this map, looked up the slow way.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let entries = || self.map.values();
        if entries().fold(0, |hash, entry| hash ^ entry.hash) != self.hash {
            return Err("the hash of all facts is not that of the facts");
        }
        if entries().map(|entry| entry.bytes as usize).sum::<usize>() != self.bytes {
            return Err("the bytes of facts are counted wrong");
        }
        for (key, fact) in self.iter() {
            if self.is_void(key, fact.version) {
                return Err("a fact of a former epoch is kept");
            }
            if !key.fits(&fact.value) {
                return Err("a fact does not fit its key");
            }
        }
        Ok(())
    }
}

/// The bytes of a value as they travel.
pub(crate) fn encoded(value: &impl Serialize) -> Vec<u8> {
    encoded_after(Vec::new(), value)
}

/// The bytes of a value behind others.
pub(crate) fn encoded_after(bytes: Vec<u8>, value: &impl Serialize) -> Vec<u8> {
    // Encoding to memory fails for no value of our types.
    postcard::to_extend(value, bytes).unwrap_or_default()
}

/// A hash of bytes that is the same on every machine: words are multiplied to 128 bits and folded (as wyhash does).
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    let mix = |a: u64, b: u64| {
        let wide = u128::from(a) * u128::from(b);
        (wide >> 64) as u64 ^ wide as u64
    };
    let mut hash = 0x9e37_79b9_7f4a_7c15 ^ bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash =
            mix(hash ^ 0xa076_1d64_78bd_642f, u64::from_le_bytes(word) ^ 0xe703_7ed1_a0b4_28db).rotate_left(23) ^ hash;
    }
    mix(hash ^ 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3)
}

#[cfg(test)]
pub(super) mod tests;
