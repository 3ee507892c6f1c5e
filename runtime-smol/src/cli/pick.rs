//! Which agent a person means: a full name, an id, an unambiguous beginning of either, or an unambiguous end of a name.

use super::api::Agent;
use super::failure::Failure;

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

/// The one agent that `wanted` names.
///
/// # Errors
/// None, or more than one: the message lists whom it could have meant.
pub(crate) fn pick<'a>(agents: &'a [Agent], wanted: &str, precision: Precision) -> Result<&'a Agent, Failure> {
    let named: Vec<&Agent> = agents.iter().filter(|agent| agent.name == wanted).collect();
    if let [agent] = named[..] {
        return Ok(agent);
    }
    if let Some(agent) = agents.iter().find(|agent| agent.id == wanted && !wanted.is_empty()) {
        return Ok(agent);
    }
    let begins = |agent: &&Agent| agent.name.starts_with(wanted) || agent.id.starts_with(wanted);
    let ends = |agent: &&Agent| agent.name.strip_suffix(wanted).is_some_and(|rest| rest.ends_with('-'));
    let mut candidates = if named.is_empty() { agents.iter().filter(begins).collect() } else { named };
    if candidates.is_empty() {
        candidates = agents.iter().filter(ends).collect();
    }
    match (&candidates[..], precision) {
        (_, _) if wanted.is_empty() => Err(Failure::usage("An agent's name cannot be empty.")),
        ([agent], Precision::Beginning) => Ok(agent),
        ([agent], Precision::Full) => Err(Failure::new(format!("No agent is named exactly {wanted}."))
            .hint(format!("Did you mean {}? Without a person to ask, give the full name or the id.", agent.name))),
        ([], _) => Err(unknown(agents, wanted)),
        (several, _) => Err(ambiguous(several, wanted)),
    }
}

fn ambiguous(candidates: &[&Agent], wanted: &str) -> Failure {
    let same_name = candidates.iter().any(|agent| agent.name == wanted);
    let mut lines: Vec<String> =
        candidates.iter().take(LISTED).map(|agent| format!("  {}  {}", agent.name, agent.id)).collect();
    if candidates.len() > LISTED {
        lines.push(format!("  and {} more", candidates.len() - LISTED));
    }
    let message = if same_name {
        format!("{} agents are named {wanted}. Use the id:", candidates.len())
    } else {
        format!("{wanted} could be {} agents:", candidates.len())
    };
    Failure::new(message).hint(lines.join("\n"))
}

fn unknown(agents: &[Agent], wanted: &str) -> Failure {
    let failure = Failure::new(format!("There is no agent {wanted}."));
    if agents.is_empty() {
        return failure.hint("There are no agents yet. Create one with: consort new NAME");
    }
    let near = nearest(agents, wanted);
    if near.is_empty() {
        return failure.hint("See which there are: consort ls");
    }
    failure.hint(format!("Did you mean {}?", near.join(" or ")))
}

/// Up to three names that are near: that contain the text, or that are a few typing errors away.
fn nearest<'a>(agents: &'a [Agent], wanted: &str) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(2);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for agent in agents {
        let name = agent.name.to_lowercase();
        let typing_errors = distance(&name, &wanted).min(distance(&agent.leaf.to_lowercase(), &wanted));
        if name.contains(&wanted) {
            near.push((0, &agent.name));
        } else if typing_errors <= allowed && typing_errors < wanted.chars().count() {
            near.push((typing_errors, &agent.name));
        }
    }
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Insertions, deletions and replacements between two texts (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let replaced = diagonal + usize::from(letter != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(names: &[&str]) -> Vec<Agent> {
        let agent = |(at, name): (usize, &&str)| Agent {
            id: format!("{at}00000000000a"),
            name: (*name).into(),
            leaf: name.rsplit('-').next().unwrap_or_default().into(),
            ..Agent::default()
        };
        names.iter().enumerate().map(agent).collect()
    }

    fn picked(names: &[&str], wanted: &str) -> Result<String, String> {
        let agents = agents(names);
        pick(&agents, wanted, Precision::Beginning)
            .map(|agent| agent.name.clone())
            .map_err(|failure| failure.to_string())
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
        let ends = agents(&names);
        assert!(pick(&ends, "backend", Precision::Full).unwrap_err().to_string().contains("customers-zoom-backend"));
    }

    #[test]
    fn a_beginning_of_several_lists_them() {
        let message = picked(&["zoom-a", "zoom-b", "other"], "zo").unwrap_err();
        assert_eq!(message, "zo could be 2 agents:\n  zoom-a  000000000000a\n  zoom-b  100000000000a");
    }

    #[test]
    fn a_name_that_two_machines_use_asks_for_the_id() {
        let message = picked(&["zoom", "zoom", "zoom-b"], "zoom").unwrap_err();
        assert_eq!(message, "2 agents are named zoom. Use the id:\n  zoom  000000000000a\n  zoom  100000000000a");
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
        let agents = agents(&["zoom-backend"]);
        let failure = pick(&agents, "zoom", Precision::Full).unwrap_err();
        assert!(failure.to_string().contains("Did you mean zoom-backend?"), "{failure}");
        assert!(pick(&agents, "zoom-backend", Precision::Full).is_ok());
        assert!(pick(&agents, "000000000000a", Precision::Full).is_ok());
    }

    #[test]
    fn an_empty_name_names_nobody() {
        assert!(picked(&["a"], "").is_err());
    }

    #[test]
    fn the_distance_is_the_number_of_typing_errors() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
