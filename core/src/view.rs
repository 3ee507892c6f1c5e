//! What can be read from a node: plain borrowed values, never a way to change it.

use crate::directory::{AgentState, BackendKind, Desired};
use crate::id::{AgentAddress, AgentId, NodeId, Size};
use crate::input::TerminalInfo;
use crate::node::Node;
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
    /// Notes.
    pub notes: &'a str,
    /// Counts the changes of the notes.
    pub notes_revision: u64,
    /// Tags.
    pub tags: &'a [String],
    /// Unix time of its creation in milliseconds.
    pub created_unix_ms: u64,
    /// Its terminals; empty unless it runs.
    pub terminals: &'a [TerminalInfo],
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

    /// All agents, ordered by name, then id.
    pub fn agents(self) -> impl Iterator<Item = AgentView<'a>> {
        let mut all: alloc::vec::Vec<_> = self.node.directory().agents().collect();
        all.sort_by(|a, b| (a.name, a.id).cmp(&(b.name, b.id)));
        all.into_iter()
    }

    /// One agent.
    #[must_use]
    pub fn agent(self, id: AgentAddress) -> Option<AgentView<'a>> {
        if id.node == self.id() { self.node.directory().agent(id.agent) } else { None }
    }

    /// One of this node's own agents.
    #[must_use]
    pub fn own_agent(self, id: AgentId) -> Option<AgentView<'a>> {
        self.agent(AgentAddress { node: self.id(), agent: id })
    }

    /// Hue in degrees of each first-level category.
    #[must_use]
    pub fn hues(self) -> &'a BTreeMap<String, u16> {
        self.node.directory().hues()
    }

    /// Whether a backend can be used, and what it says of itself.
    #[must_use]
    pub fn backend(self, kind: BackendKind) -> BackendView<'a> {
        self.node.directory().backend(kind)
    }

    /// Size of a terminal as core knows it.
    #[must_use]
    pub fn size(self, terminal: crate::id::TerminalId) -> Option<Size> {
        self.node.directory().size(terminal)
    }
}
