//! The oracle of the lists: whoever applies the node's events to a copy has what the node shows, always.

use crate::failure::{Checked, must};
use consort_core::directory::{AgentState, Desired};
use consort_core::input::TerminalInfo;
use consort_core::mesh::facts::{BackendFact, Key, Value};
use consort_core::view::NodeView;
use consort_core::{AgentAddress, AgentView, Event, Node, NodeId, Output, Rights};
use std::collections::BTreeMap;

/// A copy of the lists, kept up to date by events alone.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    agents: BTreeMap<AgentAddress, Copy>,
    nodes: BTreeMap<NodeId, Row>,
    hues: BTreeMap<String, u16>,
}

/// A node as a page's list shows it: name, reachability, rights, conflict, backends.
type Row = (String, bool, Rights, bool, Vec<BackendFact>);

#[derive(Debug)]
struct Copy {
    name: String,
    managed: bool,
    running: bool,
    desired: Desired,
    autostart: bool,
    state: AgentState,
    directory: String,
    notes_revision: u64,
    tags: Vec<String>,
    terminals: Vec<TerminalInfo>,
}

impl Copy {
    fn of(agent: &AgentView<'_>) -> Self {
        Copy {
            name: agent.name.to_string(),
            managed: agent.managed,
            running: agent.running,
            desired: agent.desired,
            autostart: agent.autostart,
            state: agent.state.clone(),
            directory: agent.directory.to_string(),
            notes_revision: agent.notes_revision,
            tags: agent.tags.to_vec(),
            terminals: agent.terminals.to_vec(),
        }
    }

    /// The first field in which the copy is not what the node shows.
    fn difference(&self, agent: &AgentView<'_>) -> Option<&'static str> {
        let terminal = |a: &TerminalInfo, b: &TerminalInfo| {
            // Activity and bell show as the agent's state; nobody sees them themselves.
            (a.pane, a.active, a.size, a.exit_code) == (b.pane, b.active, b.size, b.exit_code)
                && (&a.title, &a.command, &a.window) == (&b.title, &b.command, &b.window)
        };
        let terminals = self.terminals.len() == agent.terminals.len()
            && self.terminals.iter().zip(agent.terminals).all(|(a, b)| terminal(a, b));
        let fields = [
            ("name", self.name == agent.name),
            ("managed", self.managed == agent.managed),
            ("running", self.running == agent.running),
            ("desired", self.desired == agent.desired),
            ("autostart", self.autostart == agent.autostart),
            ("state", self.state == *agent.state),
            ("directory", self.directory == agent.directory),
            ("notes", self.notes_revision == agent.notes_revision),
            ("tags", self.tags == agent.tags),
            ("terminals", terminals),
        ];
        fields.iter().find(|(_, same)| !same).map(|(name, _)| *name)
    }
}

impl Mirror {
    /// What a page gets when it connects.
    pub(crate) fn of(node: &Node) -> Self {
        let view = node.view();
        let agents = view.agents().map(|agent| (address(&agent), Copy::of(&agent))).collect();
        let nodes = view.nodes().map(|node| (node.id, row(&node))).collect();
        Mirror { agents, nodes, hues: view.hues().clone() }
    }

    /// Applies an event and the view behind it, as a page's list does.
    pub(crate) fn apply(&mut self, node: &Node, output: &Output) {
        let Output::Event(event) = output else { return };
        match event {
            Event::AgentChanged(id) | Event::AgentRemoved(id) => match node.view().agent(*id) {
                Some(agent) => drop(self.agents.insert(*id, Copy::of(&agent))),
                None => drop(self.agents.remove(id)),
            },
            Event::CategoriesChanged => self.hues.clone_from(node.view().hues()),
            Event::NodeChanged(id) | Event::NodeRemoved(id) => match node.view().node(*id) {
                Some(node) => drop(self.nodes.insert(*id, row(&node))),
                None => drop(self.nodes.remove(id)),
            },
            Event::LinkFault(..) | Event::Attached(..) | Event::Typed(..) | Event::Acted(..) => {}
        }
    }

    /// Compares with the truth, and the node's facts as well.
    pub(crate) fn check(&self, node: &Node) -> Checked {
        let view = node.view();
        let mut count = 0;
        for agent in view.agents() {
            count += 1;
            let id = agent.id;
            let copy = self.agents.get(&address(&agent));
            must!(copy.is_some(), "no event told of agent {id} ({})", agent.name);
            let difference = copy.and_then(|copy| copy.difference(&agent));
            must!(difference.is_none(), "no event told that {} of agent {id} changed", difference.unwrap_or_default());
            if agent.node != view.id() {
                continue;
            }
            let fact = node.facts().get(&Key::Agent(view.id(), id)).map(|fact| &fact.value);
            let said = matches!(fact, Some(Value::Agent(fact))
                if fact.name == agent.name && fact.state == agent.state.kind && fact.running == agent.running);
            must!(said, "the fact of agent {id} is {fact:?}");
        }
        must!(
            self.agents.len() == count,
            "no event told that an agent is gone: {} known, {count} there",
            self.agents.len()
        );
        let mut count = 0;
        for node in view.nodes() {
            count += 1;
            let copy = self.nodes.get(&node.id);
            must!(copy == Some(&row(&node)), "no event told that {:?} changed: {copy:?} known", node.id);
        }
        must!(self.nodes.len() == count, "no event told that a node is gone");
        must!(self.hues == *view.hues(), "no event told that the colours changed");
        Ok(())
    }
}

fn row(node: &NodeView<'_>) -> Row {
    (node.name.to_string(), node.reachable, node.rights, node.conflict, node.backends.to_vec())
}

fn address(agent: &AgentView<'_>) -> AgentAddress {
    AgentAddress { node: agent.node, agent: agent.id }
}
