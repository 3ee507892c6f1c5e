//! What can be read from a node: plain borrowed values, never a way to change it.

use crate::command::Rights;
use crate::directory::signal::Session;
use crate::directory::{AgentState, BackendKind, Desired, Origin};
use crate::id::{AgentAddress, AgentId, NodeId};
use crate::input::{Address, TerminalInfo};
use crate::mesh::facts::BackendFact;
use crate::node::Node;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::string::String;

/// A read-only look at a node.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(crate) node: &'a Node,
}

/// One agent as everybody may see it.
#[derive(Clone, Debug)]
pub struct AgentView<'a> {
    /// Its identity.
    pub id: AgentId,
    /// The node that it runs on.
    pub node: NodeId,
    /// Its name.
    pub name: &'a str,
    /// What carries it.
    pub backend: BackendKind,
    /// Created or edited here (kept in the store), not only found.
    pub managed: bool,
    /// Created here, or found.
    pub origin: Origin,
    /// A carrier exists.
    pub running: bool,
    /// What the user wants it to be.
    pub desired: Desired,
    /// Started again after a reboot.
    pub autostart: bool,
    /// What it does now and why we think so.
    pub state: &'a AgentState,
    /// The program it was created with.
    pub program: Option<&'a str>,
    /// Its arguments.
    pub args: &'a [String],
    /// Working directory.
    pub directory: &'a str,
    /// Notes; of another node's agent always empty: they are read from there.
    pub notes: &'a str,
    /// Counts the changes of the notes.
    pub notes_revision: u64,
    /// Tags.
    pub tags: &'a [String],
    /// Its program may be given hooks at its start.
    pub hooks: bool,
    /// The conversation that its program is in, or was in last; of this node's own agents only.
    pub session: Option<&'a Session>,
    /// Unix time of its creation in milliseconds.
    pub created_unix_ms: u64,
    /// Its terminals; empty unless it runs.
    pub terminals: &'a [TerminalInfo],
    /// Texts that wait until it is idle.
    pub queued: usize,
}

/// One node as everybody may see it.
#[derive(Clone, Debug)]
pub struct NodeView<'a> {
    /// Its identity.
    pub id: NodeId,
    /// What people call it; empty until it was met.
    pub name: &'a str,
    /// It is this node.
    pub own: bool,
    /// It belongs to the mesh. Of the nodes that do not, only this one is shown.
    pub member: bool,
    /// A way leads to it: its terminals can be opened from here.
    pub reachable: bool,
    /// Since when it is reachable, or not.
    pub since: Instant,
    /// Where it can be dialled, by its own word or else a person's.
    pub addresses: &'a [Address],
    /// The neighbour that leads there; the node itself if there is a direct link.
    pub via: Option<NodeId>,
    /// Links on the way.
    pub hops: u8,
    /// Oldest and newest protocol that it speaks, as far as it was met.
    pub protocol: Option<(u16, u16)>,
    /// This version speaks none of them: one of the two has to be updated before there can be a link.
    pub incompatible: bool,
    /// What it may do on others' agents.
    pub rights: Rights,
    /// Its identity is used twice at the same time.
    pub conflict: bool,
    /// What can carry agents there.
    pub backends: &'a [BackendFact],
}

/// Whether a backend can carry agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendView<'a> {
    /// It can.
    pub available: bool,
    /// What it is, or why it cannot.
    pub detail: &'a str,
}

impl<'a> View<'a> {
    /// This node's id.
    #[must_use]
    pub fn id(self) -> NodeId {
        self.node.id()
    }

    /// This node's name.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.node.name()
    }

    /// Random number of this start of the node.
    #[must_use]
    pub fn instance(self) -> u64 {
        self.node.instance()
    }

    /// This node and all members of its mesh.
    pub fn nodes(self) -> impl Iterator<Item = NodeView<'a>> {
        self.node.mesh().nodes()
    }

    /// One node; `None` if it is neither this one nor a member.
    #[must_use]
    pub fn node(self, id: NodeId) -> Option<NodeView<'a>> {
        self.node.mesh().node(id)
    }

    /// Whether a node was a member once and was removed: only a person brings it back.
    #[must_use]
    pub fn was_removed(self, id: NodeId) -> bool {
        let facts = self.node.facts();
        facts.length(id) > 0 && !facts.is_member(id)
    }

    /// All agents of all members, ordered by name, then id. Of a node that cannot be reached: as they were last known.
    pub fn agents(self) -> impl Iterator<Item = AgentView<'a>> {
        let mesh = self.node.mesh();
        let others = mesh.rows().agents(mesh.facts());
        let mut all: alloc::vec::Vec<_> = self.own_agents().chain(others).collect();
        all.sort_by(|a, b| (a.name, a.id, a.node).cmp(&(b.name, b.id, b.node)));
        all.into_iter()
    }

    /// This node's own agents, ordered by id.
    pub fn own_agents(self) -> impl Iterator<Item = AgentView<'a>> {
        self.node.directory().agents()
    }

    /// One agent.
    #[must_use]
    pub fn agent(self, id: AgentAddress) -> Option<AgentView<'a>> {
        let mesh = self.node.mesh();
        if id.node == self.id() { self.node.directory().agent(id.agent) } else { mesh.rows().agent(mesh.facts(), id) }
    }

    /// One of this node's own agents.
    #[must_use]
    pub fn own_agent(self, id: AgentId) -> Option<AgentView<'a>> {
        self.node.directory().agent(id)
    }

    /// Hue in degrees of each first-level category, of all nodes' agents.
    #[must_use]
    pub fn hues(self) -> &'a BTreeMap<String, u16> {
        self.node.directory().hues()
    }

    /// Whether a backend can be used, and what it says of itself.
    #[must_use]
    pub fn backend(self, kind: BackendKind) -> BackendView<'a> {
        self.node.directory().backend(kind)
    }
}
