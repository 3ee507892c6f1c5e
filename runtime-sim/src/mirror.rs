//! The oracle of the lists: whoever applies the node's events to a copy has what the node shows, always.

use crate::failure::{Checked, must};
use consort_core::directory::{AgentState, Desired};
use consort_core::input::TerminalInfo;
use consort_core::mesh::facts::{Key, Value};
use consort_core::{AgentId, AgentView, Event, Node, Output};
use std::collections::BTreeMap;

/// A copy of the lists, kept up to date by events alone.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    agents: BTreeMap<AgentId, Copy>,
    hues: BTreeMap<String, u16>,
}

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
        let agents = view.agents().map(|agent| (agent.id, Copy::of(&agent))).collect();
        Mirror { agents, hues: view.hues().clone() }
    }

    /// Applies an event and the view behind it, as a page's list does.
    pub(crate) fn apply(&mut self, node: &Node, output: &Output) {
        let Output::Event(event) = output else { return };
        match event {
            Event::AgentChanged(id) | Event::AgentRemoved(id) => match node.view().agent(*id) {
                Some(agent) => drop(self.agents.insert(id.agent, Copy::of(&agent))),
                None => drop(self.agents.remove(&id.agent)),
            },
            Event::CategoriesChanged => self.hues.clone_from(node.view().hues()),
            Event::NodeChanged(_)
            | Event::NodeRemoved(_)
            | Event::LinkFault(..)
            | Event::Attached(..)
            | Event::Typed(..) => {}
        }
    }

    /// Compares with the truth, and the node's facts as well.
    pub(crate) fn check(&self, node: &Node) -> Checked {
        let view = node.view();
        let mut count = 0;
        for agent in view.agents() {
            count += 1;
            let id = agent.id;
            let copy = self.agents.get(&id);
            must!(copy.is_some(), "no event told of agent {id} ({})", agent.name);
            let difference = copy.and_then(|copy| copy.difference(&agent));
            must!(difference.is_none(), "no event told that {} of agent {id} changed", difference.unwrap_or_default());
            let fact = node.facts().get(&Key::Agent(view.id(), id)).map(|fact| &fact.value);
            let said = matches!(fact, Some(Value::Agent(said))
                if said.name == agent.name && said.state == agent.state.kind && said.running == agent.running);
            must!(said, "the fact of agent {id} is {fact:?}");
        }
        must!(
            self.agents.len() == count,
            "no event told that an agent is gone: {} known, {count} there",
            self.agents.len()
        );
        must!(self.hues == *view.hues(), "no event told that the colours changed");
        Ok(())
    }
}
