//! Which agent a person means: a full name, an id, an unambiguous beginning of either, or an unambiguous end of a name; or any of
//! these with `@` and a machine.

use super::api::{Agent, Api, Machine};
use super::args::AgentArg;
use super::failure::Failure;
use super::machine;
use super::text::distance;

/// Candidates and suggestions listed in a message.
const LISTED: usize = 8;

/// How exactly an agent must be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// A beginning, or else an end, will do if it fits only one.
    Beginning,
    /// The full name or the full id: what ends or deletes must never hit a neighbour whose name merely begins alike.
    Full,
}

/// All agents and machines that can be named.
#[derive(Debug, Default)]
pub(crate) struct Census {
    pub(crate) agents: Vec<Agent>,
    pub(crate) machines: Vec<Machine>,
}

impl Census {
    /// As the node knows them now.
    pub(crate) fn take(api: &Api) -> Result<Self, Failure> {
        Ok(Census { agents: api.agents()?, machines: api.machines()? })
    }

    /// The machine of an agent.
    pub(crate) fn machine_of(&self, agent: &Agent) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.id == agent.node)
    }

    /// What an agent is called so that it is found again: its name, and its machine where there are several.
    pub(crate) fn called(&self, agent: &Agent) -> String {
        match self.machine_of(agent) {
            Some(machine) if self.machines.len() > 1 => {
                let shared = self.machines.iter().filter(|other| other.name == machine.name).count() > 1;
                let at = if shared || machine.name.is_empty() { machine.short() } else { &machine.name };
                format!("{}@{at}", agent.name)
            }
            _ => agent.name.clone(),
        }
    }

    /// The one agent that is wanted.
    ///
    /// # Errors
    /// None, or more than one: the message lists whom it could have meant.
    pub(crate) fn pick(&self, wanted: &AgentArg, precision: Precision) -> Result<&Agent, Failure> {
        let node = wanted.node.as_deref().map(|node| machine::pick(&self.machines, node)).transpose()?;
        let whole = |agent: &Agent| agent.name == wanted.agent || agent.id == wanted.agent;
        let (name, node) = match wanted.agent.rsplit_once('@') {
            // The name of a session that was found, or a whole id, may have an @ of its own.
            Some((name, at)) if !self.agents.iter().any(whole) => {
                let there = machine::pick(&self.machines, at)?;
                if let Some(node) = node.filter(|node| node.id != there.id) {
                    let message = format!("{} is on {}, and --node says {}.", wanted.agent, there.name, node.name);
                    return Err(Failure::usage(message));
                }
                (name, Some(there))
            }
            _ => (wanted.agent.as_str(), node),
        };
        self.pick_there(name, node, precision)
    }

    fn pick_there(&self, wanted: &str, node: Option<&Machine>, precision: Precision) -> Result<&Agent, Failure> {
        let is_there = |agent: &&Agent| node.is_none_or(|node| agent.node == node.id);
        let agents: Vec<&Agent> = self.agents.iter().filter(is_there).collect();
        let exactly: Vec<&Agent> = agents.iter().copied().filter(|agent| agent.name == wanted).collect();
        if let [agent] = exactly[..] {
            return Ok(agent);
        }
        let is_id = |agent: &&&Agent| !wanted.is_empty() && (agent.id == wanted || own_id(agent) == wanted);
        if let [agent] = agents.iter().filter(is_id).collect::<Vec<_>>()[..] {
            return Ok(agent);
        }
        let begins = |agent: &&Agent| agent.name.starts_with(wanted) || agent.id.starts_with(wanted);
        let ends = |agent: &&Agent| agent.name.strip_suffix(wanted).is_some_and(|rest| rest.ends_with('-'));
        let mut candidates = if exactly.is_empty() { agents.iter().copied().filter(begins).collect() } else { exactly };
        if candidates.is_empty() {
            candidates = agents.iter().copied().filter(ends).collect();
        }
        match (&candidates[..], precision) {
            (_, _) if wanted.is_empty() => Err(Failure::usage("An agent's name cannot be empty.")),
            ([agent], Precision::Beginning) => Ok(agent),
            ([agent], Precision::Full) => Err(Failure::new(format!("No agent is named exactly {wanted}.")).hint(
                format!("Did you mean {}? Without a person to ask, give the full name or the id.", self.called(agent)),
            )),
            ([], _) => Err(self.unknown(wanted, node)),
            (several, _) => Err(self.ambiguous(several, wanted)),
        }
    }

    fn ambiguous(&self, candidates: &[&Agent], wanted: &str) -> Failure {
        let same_name = candidates.iter().any(|agent| agent.name == wanted);
        let line = |agent: &&Agent| format!("  {}  {}", self.called(agent), own_id(agent));
        let mut lines: Vec<String> = candidates.iter().take(LISTED).map(line).collect();
        if candidates.len() > LISTED {
            lines.push(format!("  and {} more", candidates.len() - LISTED));
        }
        let apart = candidates.iter().any(|agent| agent.node != candidates[0].node);
        let message = match (same_name, apart) {
            (true, true) => format!("{} agents are named {wanted}. Say on which machine:", candidates.len()),
            (true, false) => format!("{} agents are named {wanted}. Use the id:", candidates.len()),
            (false, _) => format!("{wanted} could be {} agents:", candidates.len()),
        };
        Failure::new(message).hint(lines.join("\n"))
    }

    fn unknown(&self, wanted: &str, node: Option<&Machine>) -> Failure {
        let there = node.map(|node| format!(" on {}", node.name)).unwrap_or_default();
        let failure = Failure::new(format!("There is no agent {wanted}{there}."));
        if self.agents.is_empty() {
            return failure.hint("There are no agents yet. Create one with: consort new NAME");
        }
        let near = self.nearest(wanted);
        if near.is_empty() {
            return failure.hint("See which there are: consort ls");
        }
        failure.hint(format!("Did you mean {}?", near.join(" or ")))
    }

    /// Up to three names that are near: that contain the text, or that are a few typing errors away.
    fn nearest(&self, wanted: &str) -> Vec<String> {
        let wanted = wanted.to_lowercase();
        let allowed = (wanted.chars().count() / 3).max(2);
        let mut near: Vec<(usize, String)> = Vec::new();
        for agent in &self.agents {
            let name = agent.name.to_lowercase();
            let typing_errors = distance(&name, &wanted).min(distance(&agent.leaf.to_lowercase(), &wanted));
            if name.contains(&wanted) {
                near.push((0, self.called(agent)));
            } else if typing_errors <= allowed && typing_errors < wanted.chars().count() {
                near.push((typing_errors, self.called(agent)));
            }
        }
        near.sort_unstable();
        near.dedup();
        near.into_iter().take(3).map(|(_, name)| name).collect()
    }
}

/// An agent's id without its machine's.
fn own_id(agent: &Agent) -> &str {
    agent.id.split('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Agents of these names; `name@machine` is on another machine than this one, which is the desk.
    fn census(names: &[&str]) -> Census {
        let mut machines = vec![Machine { own: true, ..Machine::named("desk-id", "desk") }];
        let mut agents = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let (name, machine) = name.split_once('@').unwrap_or((name, "desk"));
            let node = format!("{machine}-id");
            if machines.iter().all(|known| known.id != node) {
                machines.push(Machine::named(&node, machine));
            }
            let id = format!("{at}00000000000a");
            let id = if machine == "desk" { id } else { format!("{id}@{node}") };
            let leaf = name.rsplit('-').next().unwrap_or_default().into();
            agents.push(Agent { id, node, name: name.into(), leaf, ..Agent::default() });
        }
        Census { agents, machines }
    }

    fn arg(agent: &str, node: Option<&str>) -> AgentArg {
        AgentArg { agent: agent.into(), node: node.map(Into::into) }
    }

    fn found(names: &[&str], wanted: &AgentArg, precision: Precision) -> Result<String, String> {
        let census = census(names);
        census.pick(wanted, precision).map(|agent| census.called(agent)).map_err(|failure| failure.to_string())
    }

    fn picked(names: &[&str], wanted: &str) -> Result<String, String> {
        found(names, &arg(wanted, None), Precision::Beginning)
    }

    #[test]
    fn a_full_name_wins_over_longer_names_that_begin_with_it() {
        assert_eq!(picked(&["zoom-backend", "zoom"], "zoom"), Ok("zoom".into()));
    }

    #[test]
    fn a_beginning_of_one_name_or_id_is_enough() {
        assert_eq!(picked(&["alpha", "beta"], "al"), Ok("alpha".into()));
        assert_eq!(picked(&["alpha", "beta"], "100"), Ok("beta".into()));
        assert_eq!(picked(&["alpha", "beta"], "100000000000a"), Ok("beta".into()));
    }

    #[test]
    fn the_end_of_one_name_is_enough_from_the_beginning_of_a_level() {
        let names = ["customers-zoom-backend", "customers-zoom-frontend", "infra-dns", "dns-old"];
        assert_eq!(picked(&names, "backend"), Ok("customers-zoom-backend".into()));
        assert_eq!(picked(&names, "zoom-frontend"), Ok("customers-zoom-frontend".into()));
        assert_eq!(picked(&names, "dns"), Ok("dns-old".into()), "a beginning counts more");
        assert!(picked(&names, "end").is_err(), "within a level");
        let message = picked(&["a-web", "b-web"], "web").unwrap_err();
        assert_eq!(message, "web could be 2 agents:\n  a-web  000000000000a\n  b-web  100000000000a");
        let error = found(&names, &arg("backend", None), Precision::Full).unwrap_err();
        assert!(error.contains("customers-zoom-backend"), "{error}");
    }

    #[test]
    fn a_beginning_of_several_lists_them() {
        let message = picked(&["zoom-a", "zoom-b", "other"], "zo").unwrap_err();
        assert_eq!(message, "zo could be 2 agents:\n  zoom-a  000000000000a\n  zoom-b  100000000000a");
    }

    #[test]
    fn a_name_that_several_agents_have_lists_them_with_what_tells_them_apart() {
        let message = picked(&["zoom", "zoom", "zoom-b"], "zoom").unwrap_err();
        assert_eq!(message, "2 agents are named zoom. Use the id:\n  zoom  000000000000a\n  zoom  100000000000a");
        let message = picked(&["zoom", "zoom@server", "zoom-b"], "zoom").unwrap_err();
        assert_eq!(
            message,
            "2 agents are named zoom. Say on which machine:\n  zoom@desk  000000000000a\n  zoom@server  100000000000a"
        );
    }

    #[test]
    fn a_machine_after_an_at_sign_or_as_a_flag_says_which_one_is_meant() {
        let names = ["zoom", "zoom@server", "bank-web@server", "web@laptop"];
        for (wanted, node, expected) in [
            ("zoom@desk", None, "zoom@desk"),
            ("zoom@server", None, "zoom@server"),
            ("zoom@ser", None, "zoom@server"),
            ("zoom", Some("server-id"), "zoom@server"),
            ("zoom@server", Some("ser"), "zoom@server"),
            ("ba@server", None, "bank-web@server"),
            ("web", Some("server"), "bank-web@server"),
            ("100000000000a", None, "zoom@server"),
            ("100000000000a@server-id", None, "zoom@server"),
        ] {
            let found = found(&names, &arg(wanted, node), Precision::Beginning);
            assert_eq!(found.as_deref(), Ok(expected), "{wanted} {node:?}");
        }
        let full = |wanted| found(&names, &arg(wanted, None), Precision::Full);
        assert_eq!(full("zoom@server").as_deref(), Ok("zoom@server"));
        assert_eq!(full("100000000000a").as_deref(), Ok("zoom@server"), "an id is one without its machine, too");
        assert!(full("zo@server").unwrap_err().contains("Did you mean zoom@server?"));
    }

    #[test]
    fn a_machine_that_is_not_there_or_does_not_have_the_agent_is_said() {
        let error =
            |wanted, node| found(&["zoom", "web@server"], &arg(wanted, node), Precision::Beginning).unwrap_err();
        assert_eq!(error("zoom@nowhere", None), "There is no machine nowhere.\nSee which there are: consort peers");
        assert_eq!(error("zoom@server", None), "There is no agent zoom on server.\nDid you mean zoom@desk?");
        assert_eq!(error("web@server", Some("desk")), "web@server is on server, and --node says desk.");
    }

    #[test]
    fn a_session_whose_own_name_has_an_at_sign_is_found_by_it() {
        let mut census = census(&["a", "b@server"]);
        census.agents[0].name = "me@work".into();
        assert!(census.pick(&arg("me@work", None), Precision::Full).is_ok());
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_ones() {
        let message = |wanted| picked(&["customers-zoom-backend", "infra-dns"], wanted).unwrap_err();
        assert_eq!(message("infra-dsn"), "There is no agent infra-dsn.\nDid you mean infra-dns?");
        assert_eq!(message("bakend"), "There is no agent bakend.\nDid you mean customers-zoom-backend?");
        assert_eq!(message("ZOOM"), "There is no agent ZOOM.\nDid you mean customers-zoom-backend?");
        assert_eq!(message("xyz"), "There is no agent xyz.\nSee which there are: consort ls");
        assert!(picked(&[], "x").unwrap_err().ends_with("consort new NAME"));
    }

    #[test]
    fn what_ends_an_agent_never_hits_one_whose_name_merely_begins_alike() {
        let found = |wanted| found(&["zoom-backend"], &arg(wanted, None), Precision::Full);
        let error = found("zoom").unwrap_err();
        assert!(error.contains("Did you mean zoom-backend?"), "{error}");
        assert!(found("zoom-backend").is_ok());
        assert!(found("000000000000a").is_ok());
    }

    #[test]
    fn an_empty_name_names_nobody() {
        assert!(picked(&["a"], "").is_err());
    }
}
