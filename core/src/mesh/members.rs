//! Who is a member, by a person's word or by others', and what is kept of that in the store.

use super::facts::{Fact, Key, Value, Version};
use super::record::{self, Record, Restored};
use super::{Mesh, MeshNews, Out};
use crate::command::{Reply, Rights};
use crate::error::{Refusal, RefusalCode};
use crate::id::{AgentAddress, CommandId, NodeId, StoreId};
use crate::input::{Address, StoreFailure};
use crate::limits;
use crate::output::{Event, Output, StoreOperation};
use crate::time::Instant;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The mesh's numbers of stores begin here; the directory's begin with 0.
const FIRST_STORE: u64 = 1 << 63;

/// What the store is asked for.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// Nodes of which something new is to be kept.
    nodes: BTreeSet<NodeId>,
    waiting: VecDeque<(StoreId, What)>,
    count: u64,
    again: Option<Instant>,
}

#[derive(Debug)]
enum What {
    Node(NodeId),
    Lead,
    /// A person's word: it counts once it is stored.
    Word(CommandId, Word),
}

/// A person admits or removes a node.
#[derive(Clone, Debug)]
struct Word {
    node: NodeId,
    addresses: Vec<Address>,
    /// `None`: it is removed.
    rights: Option<Rights>,
}

impl Keeper {
    pub(super) fn keep(&mut self, node: NodeId) {
        self.nodes.insert(node);
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.again.filter(|_| !self.nodes.is_empty())
    }

    /// Keeps the bytes under the key, or nothing.
    fn store(&mut self, what: What, key: String, bytes: Option<Vec<u8>>, out: &mut Out) {
        let id = StoreId(FIRST_STORE + self.count);
        self.count += 1;
        self.waiting.push_back((id, what));
        let operation = match bytes {
            Some(bytes) => StoreOperation::Put { key, bytes },
            None => StoreOperation::Remove { key },
        };
        out.push_back(Output::Store(id, operation));
    }
}

impl Mesh {
    /// Whether the mesh has asked the store for this.
    pub(crate) fn owns_store(id: StoreId) -> bool {
        id.0 >= FIRST_STORE
    }

    pub(super) fn restore(&mut self, restored: Restored, now: Instant) {
        for Record { id, member, node, told, good } in restored.nodes {
            self.dialler.restore(id, told, good);
            if let Some(fact) = member {
                self.facts.merge(Key::Member(id), fact);
            }
            self.graph.set_member(id, self.facts.is_member(id), now);
            if let Some(fact) = node.filter(|_| id != self.id && self.facts.is_member(id)) {
                self.facts.merge(Key::Node(id), fact);
            }
        }
        self.begin_alone(now);
    }

    /// As long as nobody says anything else, this node is a mesh of its own.
    fn begin_alone(&mut self, now: Instant) {
        let by = self.id;
        let alone = Fact { version: Version(1, 0), value: Value::Membership { by, rights: Rights::Operate } };
        self.facts.merge(Key::Member(self.id), alone);
        self.graph.set_member(self.id, self.facts.is_member(self.id), now);
    }

    pub(crate) fn admit(
        &mut self,
        command: CommandId,
        (node, addresses, rights): (NodeId, Vec<Address>, Rights),
        out: &mut Out,
    ) {
        let valid = |address: &Address| (1..=limits::ADDRESS_BYTES).contains(&address.0.len());
        let refusal = if node == self.id {
            Some((RefusalCode::Invalid, "A node does not admit itself.".to_string(), "Ask another member to admit it."))
        } else if addresses.len() > limits::ADDRESSES || !addresses.iter().all(valid) {
            let text = format!("At most {} addresses, of 1 to {} bytes.", limits::ADDRESSES, limits::ADDRESS_BYTES);
            Some((RefusalCode::Invalid, text, "An address looks like 192.168.1.7:23000."))
        } else if self.only_looks() && self.facts.rights_of(node) != Some(rights) {
            Some(only_looks())
        } else if self.facts.length(node) == 0 && self.facts.memberships().count() >= limits::NODES {
            Some((RefusalCode::TooMany, format!("A mesh knows at most {} nodes.", limits::NODES), ""))
        } else {
            None
        };
        match refusal {
            Some((code, message, hint)) => refuse(command, code, message, hint, out),
            None => self.give_word(command, Word { node, addresses, rights: Some(rights) }, out),
        }
    }

    /// This node belongs to a mesh as one that may not change anything of it, except that it leaves.
    fn only_looks(&self) -> bool {
        self.facts.is_member(self.id) && self.facts.rights_of(self.id) == Some(Rights::View)
    }

    /// Removes a member. A node that removes itself leaves: it also forgets the others, once they are told; so one that was removed
    /// by others leaves, too.
    pub(crate) fn remove(&mut self, command: CommandId, node: NodeId, out: &mut Out) {
        if self.only_looks() && node != self.id {
            let (code, message, hint) = only_looks();
            return refuse(command, code, message, hint, out);
        }
        if self.facts.is_member(node) || node == self.id {
            return self.give_word(command, Word { node, addresses: Vec::new(), rights: None }, out);
        }
        let message = format!("{} is not a member of this mesh.", node.short());
        refuse(command, RefusalCode::NotFound, message, "See which there are: consort peers", out);
    }

    /// The membership that a word asks for.
    fn membership(&self, word: &Word) -> Fact {
        let (length, member) = (self.facts.length(word.node), self.facts.is_member(word.node));
        let had = self.facts.rights_of(word.node).unwrap_or_default();
        let more = match (member, word.rights) {
            (true, Some(rights)) if rights == had => 0,
            (true, Some(_)) => 2,
            // Outbids what the node says of itself, and who admits it without such a limit at the same time.
            (false, Some(Rights::View)) => 3,
            (true, None) | (false, Some(Rights::Operate)) => 1,
            (false, None) => 0,
        };
        let length = length.saturating_add(more).min(limits::MEMBERSHIP_LENGTH);
        let by = self.id;
        Fact { version: Version(length, 0), value: Value::Membership { by, rights: word.rights.unwrap_or(had) } }
    }

    fn give_word(&mut self, command: CommandId, word: Word, out: &mut Out) {
        if self.keeper.waiting.len() >= limits::PENDING_COMMANDS {
            let message = "Too many changes wait for the store.".to_string();
            return refuse(command, RefusalCode::TooMany, message, "Try again in a moment.", out);
        }
        let mut record = self.record(word.node);
        record.member = Some(self.membership(&word));
        if !word.addresses.is_empty() {
            record.told.clone_from(&word.addresses);
        }
        let bytes = Some(record::encode_node(record));
        self.keeper.store(What::Word(command, word.clone()), record::key(word.node), bytes, out);
    }

    pub(crate) fn stored(&mut self, now: Instant, id: StoreId, result: Result<(), StoreFailure>, out: &mut Out) {
        let Some((expected, what)) = self.keeper.waiting.pop_front() else { return };
        assert_eq!(expected, id, "contract: stores are answered in order");
        match (what, result) {
            (What::Node(_), Ok(())) => {}
            (What::Node(node), Err(_)) => {
                self.keeper.nodes.insert(node);
                self.keeper.again = Some(now + limits::STORE_AGAIN_TIME);
            }
            (What::Lead, result) => {
                let keys = self.own.stored(now, &mut self.facts, result.is_ok());
                self.told(now, keys);
            }
            (What::Word(command, word), Ok(())) => self.keep_word(now, command, word, out),
            (What::Word(command, _), Err(failure)) => {
                let message = format!("The change could not be stored: {}.", failure.0);
                let hint = "Make room on the disk of this machine and try again.";
                refuse(command, RefusalCode::NotStored, message, hint, out);
            }
        }
    }

    /// A person's word is stored: from now on it counts.
    fn keep_word(&mut self, now: Instant, command: CommandId, word: Word, out: &mut Out) {
        let node = word.node;
        self.graph.know(node, now);
        let fact = self.membership(&word);
        if word.rights.is_some() {
            self.dialler.tell(node, word.addresses);
            self.invited.insert(node);
            (self.due.targets, self.due.dials) = (true, true);
        }
        let key = Key::Member(node);
        if self.facts.merge(key, fact) {
            self.told(now, [key]);
            self.noticed(now, key, out);
        }
        if node == self.id && word.rights.is_none() {
            self.forget_the_mesh(now, out);
        }
        // Others may have said something newer while it was being stored.
        self.keeper.keep(node);
        out.push_back(Output::Reply(command, Ok(Reply::Node(node))));
    }

    /// Who belongs to the mesh has changed.
    pub(super) fn membership_changed(&mut self, now: Instant, node: NodeId, out: &mut Out) {
        self.keeper.keep(node);
        self.due.targets = true;
        self.graph.set_member(node, self.facts.is_member(node), now);
        if self.facts.is_member(node) {
            out.push_back(Output::Event(Event::NodeChanged(node)));
            // It may have other rights now.
            self.news.push_back(MeshNews::NodeFact(node));
            let agents = self.rows.ids_of(node).map(|agent| AgentAddress { node, agent });
            out.extend(agents.map(|id| Output::Event(Event::AgentChanged(id))));
        } else if node == self.id {
            self.invited.clear();
            out.push_back(Output::Event(Event::NodeChanged(node)));
        } else {
            self.forget(now, node, out);
        }
        self.judge_members(now, node, out);
    }

    /// Keeps nothing of a node but its membership.
    fn forget(&mut self, now: Instant, node: NodeId, out: &mut Out) {
        for key in self.facts.forget(node) {
            self.gone(now, key, out);
        }
        self.graph.set_links(node, &[], now);
        self.graph.set_member(node, false, now);
        self.dialler.forget(node);
        self.direct.remove(&node);
        self.invited.remove(&node);
        out.push_back(Output::Event(Event::NodeRemoved(node)));
        self.news.push_back(MeshNews::Removed(node));
    }

    /// This node has left: its links have its removal as their last word, and it is as if it had never met the others. Who was removed
    /// before stays so.
    fn forget_the_mesh(&mut self, now: Instant, out: &mut Out) {
        let others =
            self.facts.memberships().map(|(id, _)| id).filter(|id| *id != self.id && self.facts.is_member(*id));
        for node in others.collect::<Vec<NodeId>>() {
            self.facts.remove(&Key::Member(node));
            self.forget(now, node, out);
            self.foreign.remove(&node);
            self.conflicts.remove(&node);
            self.keeper.keep(node);
        }
        self.facts.remove(&Key::Member(self.id));
        self.begin_alone(now);
        (self.due.targets, self.due.search) = (true, true);
        out.push_back(Output::Event(Event::NodeChanged(self.id)));
    }

    /// Asks the store for what is to be kept, a few nodes at a time.
    pub(super) fn keep(&mut self, now: Instant, out: &mut Out) {
        if let Some(lead) = self.own.lead_to_store(now) {
            self.keeper.store(What::Lead, record::MESH.to_string(), Some(record::encode_mesh(lead)), out);
        }
        if self.keeper.again.is_some_and(|at| now < at) {
            return;
        }
        self.keeper.again = None;
        while self.keeper.waiting.len() < limits::STORES {
            let Some(node) = self.keeper.nodes.pop_first() else { return };
            let record = self.record(node);
            let bytes = record.member.is_some().then(|| record::encode_node(record));
            self.keeper.store(What::Node(node), record::key(node), bytes, out);
        }
    }

    fn record(&self, id: NodeId) -> Record {
        let fact = |key: Key| self.facts.get(&key).cloned();
        let (told, good) = self.dialler.known(id);
        let node = fact(Key::Node(id)).filter(|_| id != self.id);
        Record { id, member: fact(Key::Member(id)), node, told: told.to_vec(), good: good.cloned() }
    }
}

fn only_looks() -> (RefusalCode, String, &'static str) {
    let message = "This machine may only look: it does not say who belongs to the mesh.".to_string();
    (RefusalCode::Forbidden, message, "Ask on a machine that may operate.")
}

fn refuse(command: CommandId, code: RefusalCode, message: String, hint: &str, out: &mut Out) {
    out.push_back(Output::Reply(command, Err(Refusal { code, message, hint: hint.to_string() })));
}
