//! Which agents a list shows: by state, machine and patterns of names. An agent is shown if it fits all three.

use super::api::{Agent, Machine};
use super::args::{LsArgs, StateName};
use super::failure::Failure;
use super::machine;

/// What a list is narrowed to.
pub(crate) struct Filter<'a> {
    states: &'a [StateName],
    /// Ids of machines.
    nodes: Vec<&'a str>,
    patterns: Vec<Pattern<'a>>,
}

/// A pattern of names, perhaps on one machine only.
struct Pattern<'a> {
    name: &'a str,
    node: Option<&'a str>,
}

impl<'a> Filter<'a> {
    /// What was asked for.
    ///
    /// # Errors
    /// A machine is named that is not there.
    pub(crate) fn of(list: &'a LsArgs, machines: &'a [Machine], agents: &[Agent]) -> Result<Self, Failure> {
        let id = |wanted: &str| machine::pick(machines, wanted).map(|machine| machine.id.as_str());
        let pattern = |text: &'a String| match text.rsplit_once('@') {
            // A session that was found may have an @ in its own name.
            Some((name, at)) if !agents.iter().any(|agent| agent.name == *text) => {
                Ok(Pattern { name, node: Some(id(at)?) })
            }
            _ => Ok(Pattern { name: text, node: None }),
        };
        Ok(Filter {
            states: &list.state,
            nodes: list.node.iter().map(|wanted| id(wanted)).collect::<Result<_, _>>()?,
            patterns: list.patterns.iter().map(pattern).collect::<Result<_, Failure>>()?,
        })
    }

    /// Whether everything fits.
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty() && self.nodes.is_empty() && self.patterns.is_empty()
    }

    /// Whether an agent fits.
    pub(crate) fn fits(&self, agent: &Agent, machines: &[Machine]) -> bool {
        let away = machines.iter().any(|machine| machine.id == agent.node && !machine.own && !machine.reachable);
        // What an agent does whose machine is out of reach is not known.
        let state = if away { "unreachable" } else { &agent.state.kind };
        let matches = |pattern: &Pattern<'_>| {
            pattern.node.is_none_or(|node| node == agent.node) && fits(pattern.name, &agent.name, &agent.id)
        };
        (self.states.is_empty() || self.states.iter().any(|wanted| wanted.as_str() == state))
            && (self.nodes.is_empty() || self.nodes.contains(&agent.node.as_str()))
            && (self.patterns.is_empty() || self.patterns.iter().any(matches))
    }
}

/// Whether a name fits a pattern: one with `*` or `?` in full; one without if it is some levels of the name, or the id.
fn fits(pattern: &str, name: &str, id: &str) -> bool {
    if pattern.contains(['*', '?']) {
        return matches(pattern, name);
    }
    pattern == id
        || id.split('@').next() == Some(pattern)
        || (!pattern.is_empty() && format!("-{name}-").contains(&format!("-{pattern}-")))
}

/// Whether all of `text` matches: `*` is any text, `?` any character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last star does not match: one character later.
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_with_wildcards_fits_the_whole_name() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("customers-*", "customers-zoom", true),
            ("customers-*", "my-customers-zoom", false),
            ("*-backend", "a-b-backend", true),
            ("*zoom*", "zoom", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("?", "ü", true),
        ] {
            assert_eq!(fits(pattern, name, "id"), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_without_wildcards_fits_whole_levels_and_ids() {
        for (pattern, expected) in [
            ("zoom", true),
            ("customers", true),
            ("backend", true),
            ("zoom-backend", true),
            ("back", false),
            ("", false),
        ] {
            assert_eq!(fits(pattern, "customers-zoom-backend", "abc@node"), expected, "{pattern}");
        }
        assert!(fits("abc", "x", "abc@node") && fits("abc@node", "x", "abc@node") && !fits("ab", "x", "abc@node"));
    }

    #[test]
    fn long_patterns_of_stars_are_decided_quickly() {
        let began = std::time::Instant::now();
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(began.elapsed().as_millis() < 500);
    }
}
