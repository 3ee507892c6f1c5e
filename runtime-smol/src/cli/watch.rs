//! The commands that wait for what happens: `events` and `wait`.

use super::api::{Agent, Api};
use super::args::{AgentArg, UntilName, WaitArgs};
use super::failure::{self, Failure};
use super::output;
use super::pick::{Census, Precision};
use super::stream::Next;
use super::text::one_line;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Prints events until the node or the reader goes.
///
/// # Errors
/// The node has stopped, among others.
pub(crate) fn events(api: &Api, json: bool, since: Option<&str>) -> Result<(), Failure> {
    let mut events = api.events(since)?;
    loop {
        match events.next(None)? {
            Next::Event(event) if json => output::line(&event.to_string())?,
            Next::Event(event) => output::line(&sentence(&event))?,
            Next::Nothing => {}
            Next::Ended => {
                return Err(Failure::new("The node has stopped.")
                    .with_code(failure::NO_NODE)
                    .hint("Start it: consort"));
            }
        }
    }
}

/// One line for a person: time in UTC, what it is about, what has happened.
fn sentence(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let seconds = event["unix_ms"].as_u64().unwrap_or_default() / 1_000 % 86_400;
    let time = format!("{:02}:{:02}:{:02}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let state = || {
        let why = event["state"]["why"].as_str().unwrap_or_default();
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        format!("{}{why}", event["state"]["kind"].as_str().unwrap_or_default())
    };
    let who = match (text("name"), text("machine")) {
        ("", machine) => machine.to_owned(),
        (agent, "") => agent.to_owned(),
        (agent, machine) => format!("{agent}@{machine}"),
    };
    let what = match text("type") {
        "gap" => return "         some events are no longer known; look at the list: consort ls".to_owned(),
        "agent-added" => format!("is new, {}", state()),
        "agent-removed" => "is gone".to_owned(),
        "agent-renamed" => format!("was called {} before", text("was")),
        "agent-state" => format!("{} (before: {})", state(), text("was")),
        "machine-added" => "has joined".to_owned(),
        "machine-removed" => "is no longer in the mesh".to_owned(),
        "machine-reachable" => "can be reached".to_owned(),
        "machine-unreachable" => "cannot be reached".to_owned(),
        other => other.to_owned(),
    };
    one_line(&format!("{time}  {who}  {what}"))
}

/// Waits until agents are in a state.
///
/// # Errors
/// Their time is over, or they have ended so that they never will be; each has an exit code of its own.
pub(crate) fn wait(api: &Api, wait: &WaitArgs) -> Result<(), Failure> {
    let deadline = wait.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    // From before the first look: what changes after it is an event.
    let mut events = api.events(None)?;
    let census = Census::take(api)?;
    let mut watched = Vec::new();
    for name in &wait.agents {
        let wanted = AgentArg { agent: name.clone(), node: None };
        let agent = census.pick(&wanted, Precision::Beginning)?;
        watched.push(Watched { id: agent.id.clone(), called: census.called(agent), first: agent.state.kind.clone() });
    }
    let mut agents = census.agents;
    loop {
        let outcomes: Vec<Outcome> = watched.iter().map(|watched| watched.look(&agents, &wait.until)).collect();
        let met = outcomes.iter().filter(|outcome| **outcome == Outcome::Met).count();
        let ended = outcomes.iter().filter(|outcome| **outcome == Outcome::Ended).count();
        if if wait.any { met > 0 } else { met == watched.len() } {
            return report(&watched, &agents, &outcomes);
        }
        if if wait.any { ended == watched.len() } else { ended > 0 } {
            let at = outcomes.iter().position(|outcome| *outcome == Outcome::Ended).unwrap_or_default();
            let message = format!("{} has ended, and is not {} any more.", watched[at].called, names(&wait.until));
            return Err(Failure::new(message).with_code(failure::ENDED));
        }
        match events.next(deadline)? {
            Next::Event(_) => agents = api.agents()?,
            Next::Nothing => {
                let at = outcomes.iter().position(|outcome| *outcome == Outcome::NotYet).unwrap_or_default();
                let (called, now) = (&watched[at].called, watched[at].kind(&agents));
                let message = format!("{called} is {now} still, and not {}.", names(&wait.until));
                return Err(Failure::new(message).with_code(failure::TIMED_OUT));
            }
            Next::Ended => return Err(Failure::new("The node has stopped.").with_code(failure::NO_NODE)),
        }
    }
}

/// An agent that is waited for.
struct Watched {
    id: String,
    called: String,
    /// Its state at the beginning.
    first: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Met,
    NotYet,
    /// It has ended, and that was not what it is waited for.
    Ended,
}

impl Watched {
    fn look(&self, agents: &[Agent], until: &[UntilName]) -> Outcome {
        let kind = self.kind(agents);
        let met = until.iter().any(|wanted| match wanted {
            UntilName::Changed => kind != self.first,
            state => state.as_str() == kind,
        });
        match kind {
            _ if met => Outcome::Met,
            "exited" => Outcome::Ended,
            _ => Outcome::NotYet,
        }
    }

    /// Its state; an agent that was deleted has ended.
    fn kind<'a>(&self, agents: &'a [Agent]) -> &'a str {
        agents.iter().find(|agent| agent.id == self.id).map_or("exited", |agent| agent.state.kind.as_str())
    }
}

fn names(until: &[UntilName]) -> String {
    until.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" or ")
}

/// One line per agent that is as wanted: its name and its state, tab-separated.
fn report(watched: &[Watched], agents: &[Agent], outcomes: &[Outcome]) -> Result<(), Failure> {
    for (watched, _) in watched.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Met) {
        output::line(&format!("{}\t{}", one_line(&watched.called), watched.kind(agents)))?;
    }
    Ok(())
}
