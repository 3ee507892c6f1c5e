//! `consort send`: a text for one agent or for several, now or when they are idle, and what becomes of it.

use super::api::{Agent, Api, Sent};
use super::args::{AgentArg, LsArgs, SendArgs};
use super::failure::{self, Failure};
use super::filter::Filter;
use super::output;
use super::pane;
use super::pick::{Census, Precision};
use super::stream::{Events, Next};
use super::text::one_line;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An agent that was not seen to work for this long after a text need not work: some texts make no work.
const NO_WORK: Duration = Duration::from_secs(10);

pub(crate) fn run(api: &Api, send: &SendArgs) -> Result<(), Failure> {
    let several = !send.tag.is_empty() || !send.state.is_empty();
    let (agent, text) = match &send.text {
        Some(text) => (Some(&*send.agent), text),
        None if several => (None, &send.agent),
        None => return Err(Failure::usage("There is no text to send.").hint("consort send AGENT TEXT")),
    };
    if several || agent.is_some_and(|agent| agent.contains(['*', '?'])) {
        return to_several(api, send, agent, text);
    }
    // From before the text is sent: what follows from it is an event.
    let events = send.wait.then(|| api.events(None)).transpose()?;
    let census = Census::take(api)?;
    let wanted = AgentArg { agent: send.agent.clone(), node: send.node.clone() };
    let agent = census.pick(&wanted, Precision::Beginning)?;
    let called = census.called(agent);
    let mut body = json!({ "text": output::argument_or_stdin(text)? });
    if let Some(name) = send.pane.pane {
        body["terminal"] = json!(pane::pick(agent, &called, name)?);
    }
    if send.queue {
        let ahead = api.enqueue(&agent.id, &body)?;
        let behind = if ahead == 0 { String::new() } else { format!(", behind {ahead}") };
        return output::done(&format!("queued for {called}{behind}; see what waits: consort queue {called}"));
    }
    body["submit"] = json!(!send.no_enter);
    flags(send, &mut body);
    let typed = api.input(&agent.id, &body)?;
    if !send.no_enter && !typed.submitted {
        return Err(Failure::new(format!("The text is on the line of {called}, but {}.", unsent(typed.verified)))
            .hint(format!("See what it shows: consort screen {called}")));
    }
    events.map_or(Ok(()), |events| follow(api, events, (agent, &called), send.timeout))
}

fn flags(send: &SendArgs, body: &mut Value) {
    for (name, on) in [("anyway", send.anyway), ("now", send.now)] {
        if on {
            body[name] = json!(true);
        }
    }
}

/// Waits until the agent has worked on what was sent to it.
fn follow(api: &Api, mut events: Events, (agent, called): (&Agent, &str), timeout: Option<u64>) -> Result<(), Failure> {
    let sent = Instant::now();
    let deadline = timeout.map(|seconds| sent + Duration::from_secs(seconds));
    let mut worked = false;
    loop {
        let agents = api.agents()?;
        let kind = agents.iter().find(|now| now.id == agent.id).map_or("exited", |now| now.state.kind.as_str());
        worked |= matches!(kind, "working" | "done" | "failed");
        let over = worked || sent.elapsed() >= NO_WORK;
        match kind {
            "exited" => return Err(Failure::new(format!("{called} has ended.")).with_code(failure::ENDED)),
            "failed" => {
                return output::line(&format!("{}\tfailed", one_line(called))).and_then(|()| {
                    Err(Failure::new(format!("{called} has failed."))
                        .hint(format!("See why: consort explain {called}")))
                });
            }
            "waiting" => return output::line(&format!("{}\twaiting", one_line(called))),
            "idle" | "done" if over => return output::line(&format!("{}\t{kind}", one_line(called))),
            _ => {}
        }
        let no_work = (!worked).then_some(sent + NO_WORK);
        let next = events.next([deadline, no_work].into_iter().flatten().min())?;
        match next {
            Next::Event(event) => {
                worked |= event["agent"] == agent.id.as_str() && event["state"]["kind"] == "working";
            }
            Next::Nothing if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                let message = format!("{called} is still {kind}.");
                return Err(Failure::new(message).with_code(failure::TIMED_OUT));
            }
            Next::Nothing => {}
            Next::Ended => return Err(Failure::new("The node has stopped.").with_code(failure::NO_NODE)),
        }
    }
}

/// Sends the text to all agents that fit, after a person has seen which these are.
fn to_several(api: &Api, send: &SendArgs, pattern: Option<&str>, text: &str) -> Result<(), Failure> {
    if send.no_enter || send.wait || send.pane.pane.is_some() {
        return Err(Failure::usage("--no-enter, --wait and --pane are for one agent."));
    }
    let census = Census::take(api)?;
    let list = LsArgs {
        patterns: pattern.into_iter().map(String::from).collect(),
        state: send.state.clone(),
        node: send.node.iter().cloned().collect(),
        json: false,
    };
    let filter = Filter::of(&list, &census.machines, &census.agents)?;
    let tagged = |agent: &Agent| send.tag.iter().all(|tag| agent.tags.contains(tag));
    let fits = |agent: &&Agent| filter.fits(agent, &census.machines) && tagged(agent);
    let agents: Vec<&Agent> = census.agents.iter().filter(fits).collect();
    if agents.is_empty() {
        return Err(Failure::new("No agent fits, so nothing was sent.").hint("See them all with: consort ls"));
    }
    let text = output::argument_or_stdin(text)?;
    let becomes = |agent: &Agent| match agent.state.kind.as_str() {
        _ if send.queue && agent.running => "queued",
        "waiting" if send.anyway => "typed into its question",
        "waiting" => "refused: it asks something",
        "working" if send.now || send.anyway => "typed although it works",
        "working" => "refused: it works",
        _ if !agent.running => "refused: it does not run",
        _ => "typed",
    };
    if !send.yes {
        for agent in &agents {
            let (called, state) = (one_line(&census.called(agent)), one_line(&agent.state.kind));
            eprintln!("  {called}  {state}  {}", becomes(agent));
        }
        let question = match agents.len() {
            1 => "Send it to this agent?".to_string(),
            count => format!("Send it to these {count} agents?"),
        };
        output::confirm(false, "send types into several agents", &question, "Nothing was sent.")?;
    }
    let ids: Vec<&str> = agents.iter().map(|agent| &*agent.id).collect();
    let mut body = json!({ "agents": ids, "text": text, "queue": send.queue });
    flags(send, &mut body);
    let results = api.send_to_all(&body)?;
    let mut refused = 0;
    for agent in agents {
        let sent = results.iter().find(|sent| sent.agent == agent.id).cloned().unwrap_or_default();
        let (fine, words) = outcome(&sent);
        refused += usize::from(!fine);
        output::line(&format!("{}\t{}", one_line(&census.called(agent)), one_line(&words)))?;
    }
    match refused {
        0 => Ok(()),
        1 => Err(Failure::new("One agent has not taken it.")),
        count => Err(Failure::new(format!("{count} agents have not taken it."))),
    }
}

/// Whether a text was taken, and what became of it.
fn outcome(sent: &Sent) -> (bool, String) {
    match (&sent.error, &sent.queued) {
        (Some(error), _) => (false, error["message"].as_str().unwrap_or("refused").to_string()),
        (None, Some(_)) => (true, "queued".into()),
        (None, None) if sent.submitted => (true, "submitted".into()),
        (None, None) => (false, format!("the text is on its line, but {}", unsent(sent.verified))),
    }
}

/// Why a text that was typed has not gone.
fn unsent(verified: bool) -> &'static str {
    if verified { "Enter did not send it" } else { "Enter was not pressed" }
}
