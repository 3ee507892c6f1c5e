//! The agents of other nodes as lists show them: what their facts say, with since when they are what they are, by this node's clock.

use super::facts::{AgentFact, Facts, Key};
use crate::directory::{AgentState, place};
use crate::error::Violation;
use crate::id::{AgentAddress, AgentId, NodeId};
use crate::input::TerminalInfo;
use crate::time::{Duration, Instant};
use crate::view::AgentView;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

#[derive(Debug, Default)]
pub(crate) struct Rows {
    rows: BTreeMap<AgentAddress, Row>,
    /// How many agents have a name that begins like this.
    categories: BTreeMap<String, usize>,
    categories_changed: bool,
}

#[derive(Debug)]
struct Row {
    state: AgentState,
    category: Option<String>,
}

impl Rows {
    /// An agent is new or differs.
    pub(super) fn set(&mut self, now: Instant, id: AgentAddress, fact: &AgentFact) {
        let before = self.rows.remove(&id);
        let since = before.as_ref().filter(|row| row.state.kind == fact.state).map_or(now, |row| row.state.since);
        let (kind, source, why) = (fact.state, fact.source, fact.why.clone());
        let state = AgentState { kind, source, why, since, earlier: Duration::default(), asked: fact.asked() };
        let category = place(&fact.name).path.first().map(|first| (*first).to_string());
        let same = before.as_ref().is_some_and(|row| row.category == category);
        if let (Some(category), false) = (&category, same) {
            self.categories_changed |= !self.categories.contains_key(category);
            *self.categories.entry(category.clone()).or_default() += 1;
        }
        if let (Some(row), false) = (before, same) {
            self.drop_category(row);
        }
        self.rows.insert(id, Row { state, category });
    }

    /// An agent is gone. Whether it was there.
    pub(super) fn remove(&mut self, id: AgentAddress) -> bool {
        let Some(row) = self.rows.remove(&id) else { return false };
        self.drop_category(row);
        true
    }

    fn drop_category(&mut self, row: Row) {
        let Some(category) = row.category else { return };
        if let Some(count) = self.categories.get_mut(&category) {
            *count -= 1;
            if *count == 0 {
                self.categories.remove(&category);
                self.categories_changed = true;
            }
        }
    }

    pub(super) fn categories(&self) -> impl Iterator<Item = &str> {
        self.categories.keys().map(String::as_str)
    }

    pub(super) fn take_categories_changed(&mut self) -> bool {
        core::mem::take(&mut self.categories_changed)
    }

    /// All agents of members, ordered by address.
    pub(crate) fn agents<'a>(&'a self, facts: &'a Facts) -> impl Iterator<Item = AgentView<'a>> {
        let members = self.rows.iter().filter(|(id, _)| facts.is_member(id.node));
        members.filter_map(|(id, row)| Some(view(*id, facts.agent(id.node, id.agent)?, &row.state)))
    }

    pub(crate) fn agent<'a>(&'a self, facts: &'a Facts, id: AgentAddress) -> Option<AgentView<'a>> {
        let row = self.rows.get(&id).filter(|_| facts.is_member(id.node))?;
        Some(view(id, facts.agent(id.node, id.agent)?, &row.state))
    }

    pub(super) fn ids_of(&self, node: NodeId) -> impl Iterator<Item = AgentId> {
        let all = AgentAddress { node, agent: AgentId(0) }..=AgentAddress { node, agent: AgentId(u64::MAX) };
        self.rows.range(all).map(|(id, _)| id.agent)
    }

    pub(super) fn check(&self, facts: &Facts, own: NodeId) -> Result<(), Violation> {
        for id in self.rows.keys() {
            if facts.agent(id.node, id.agent).is_none() {
                return Err(Violation(format!("{id:?} is shown and there is no fact about it")));
            }
        }
        let rows = facts.iter().filter(|(key, _)| match key {
            Key::Agent(node, agent) => *node != own && facts.agent(*node, *agent).is_some(),
            Key::Member(_) | Key::Node(_) | Key::Links(_) => false,
        });
        if rows.count() != self.rows.len() {
            return Err(Violation("an agent of another node is not shown".to_string()));
        }
        let named = self.rows.values().filter(|row| row.category.is_some()).count();
        if named != self.categories.values().sum::<usize>() {
            return Err(Violation("categories are counted wrong".to_string()));
        }
        Ok(())
    }
}

impl From<&AgentView<'_>> for AgentFact {
    fn from(agent: &AgentView<'_>) -> Self {
        let quiet = |info: &TerminalInfo| TerminalInfo { activity: 0, bell: false, ..info.clone() };
        AgentFact {
            name: agent.name.to_string(),
            backend: agent.backend,
            managed: agent.managed,
            origin: agent.origin,
            running: agent.running,
            desired: agent.desired,
            autostart: agent.autostart,
            state: agent.state.kind,
            source: agent.state.source,
            why: agent.state.why.clone(),
            program: agent.program.map(ToString::to_string),
            args: agent.args.to_vec(),
            directory: agent.directory.to_string(),
            notes_revision: agent.notes_revision,
            tags: agent.tags.to_vec(),
            created_unix_ms: agent.created_unix_ms,
            terminals: agent.terminals.iter().map(quiet).collect(),
            more: AgentFact::more_of(agent.state.asked.as_ref(), agent.queued),
        }
    }
}

fn view<'a>(id: AgentAddress, fact: &'a AgentFact, state: &'a AgentState) -> AgentView<'a> {
    AgentView {
        id: id.agent,
        node: id.node,
        name: &fact.name,
        backend: fact.backend,
        managed: fact.managed,
        origin: fact.origin,
        running: fact.running,
        desired: fact.desired,
        autostart: fact.autostart,
        state,
        program: fact.program.as_deref(),
        args: &fact.args,
        directory: &fact.directory,
        notes: "",
        notes_revision: fact.notes_revision,
        tags: &fact.tags,
        hooks: true,
        session: None,
        created_unix_ms: fact.created_unix_ms,
        terminals: &fact.terminals,
        queued: fact.queued(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::own::tests::titled;
    use super::*;
    use crate::directory::StateKind;

    fn fact(name: &str, state: StateKind) -> AgentFact {
        AgentFact { name: name.into(), ..titled("", state).expect("an agent") }
    }

    #[test]
    fn a_far_agent_is_what_it_is_since_that_was_learned_first() {
        let (mut rows, at) = (Rows::default(), Instant::from_millis);
        let id = AgentAddress { node: NodeId([2; 32]), agent: AgentId(1) };
        let mut since = |ms, state| {
            rows.set(at(ms), id, &fact("a", state));
            rows.rows[&id].state.since
        };
        assert_eq!(since(1, StateKind::Idle), at(1));
        assert_eq!(since(5, StateKind::Idle), at(1));
        assert_eq!(since(9, StateKind::Waiting), at(9));
    }

    #[test]
    fn categories_are_those_of_the_agents_that_are_there_and_a_change_is_told_once() {
        let mut rows = Rows::default();
        let agent = |agent| AgentAddress { node: NodeId([2; 32]), agent: AgentId(agent) };
        let mut step = |id, name: Option<&str>| {
            match name {
                Some(name) => rows.set(Instant::START, agent(id), &fact(name, StateKind::Idle)),
                None => assert!(rows.remove(agent(id))),
            }
            let categories: alloc::vec::Vec<String> = rows.categories().map(String::from).collect();
            (categories.join(" "), rows.take_categories_changed(), rows.take_categories_changed())
        };
        assert_eq!(step(1, Some("web-a")), ("web".into(), true, false));
        assert_eq!(step(2, Some("web-b")), ("web".into(), false, false));
        assert_eq!(step(2, Some("web-c")), ("web".into(), false, false), "renamed within");
        assert_eq!(step(2, Some("db-c")), ("db web".into(), true, false));
        assert_eq!(step(2, Some("alone")), ("web".into(), true, false));
        assert_eq!(step(1, None), (String::new(), true, false));
    }
}
