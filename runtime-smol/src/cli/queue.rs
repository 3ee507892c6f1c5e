//! `consort queue`: what waits for agents to be idle.

use super::api::{Agent, Api};
use super::args::{AgentArg, QueueArgs};
use super::failure::Failure;
use super::output;
use super::pick::{Census, Precision};
use super::text::one_line;
use serde_json::{Value, json};
use std::io::IsTerminal as _;

pub(crate) fn run(api: &Api, queue: &QueueArgs) -> Result<(), Failure> {
    let census = Census::take(api)?;
    let Some(name) = &queue.agent else { return list(api, &census, &all_with_queues(&census), queue.json) };
    let wanted = AgentArg { agent: name.clone(), node: queue.node.clone() };
    let agent = census.pick(&wanted, Precision::Beginning)?;
    if let Some(number) = queue.cancel {
        api.change_queue(&agent.id, number, None)?;
        return output::done(&format!("cancelled text {number} of {}", census.called(agent)));
    }
    if let Some(number) = queue.edit {
        let text = output::argument_or_stdin(queue.text.as_deref().unwrap_or_default())?;
        api.change_queue(&agent.id, number, Some(&text))?;
        return output::done(&format!("changed text {number} of {}", census.called(agent)));
    }
    list(api, &census, &[agent], queue.json)
}

fn all_with_queues(census: &Census) -> Vec<&Agent> {
    census.agents.iter().filter(|agent| agent.queued > 0).collect()
}

fn list(api: &Api, census: &Census, agents: &[&Agent], as_json: bool) -> Result<(), Failure> {
    let mut all = Vec::new();
    for agent in agents {
        all.push((*agent, api.queue(&agent.id)?));
    }
    if as_json {
        let all = all.into_iter().map(|(agent, queue)| {
            json!({ "agent": agent.id, "name": census.called(agent), "texts": queue["texts"], "held": queue["held"] })
        });
        return output::line(&format!("{:#}", Value::Array(all.collect())));
    }
    let terminal = std::io::stdout().is_terminal();
    if terminal && all.iter().all(|(_, queue)| queue["texts"].as_array().is_none_or(Vec::is_empty)) {
        return output::line("Nothing waits. Keep a text until an agent is idle: consort send --queue AGENT TEXT");
    }
    for (agent, queue) in all {
        let (called, held) = (one_line(&census.called(agent)), one_line(queue["held"].as_str().unwrap_or_default()));
        if terminal {
            output::line(&if held.is_empty() { called.clone() } else { format!("{called}: {held}") })?;
        }
        for text in queue["texts"].as_array().into_iter().flatten() {
            let word = |name: &str| one_line(text[name].as_str().unwrap_or_default());
            let first = one_line(text["text"].as_str().unwrap_or_default().lines().next().unwrap_or_default());
            let (number, state) = (text["number"].as_u64().unwrap_or_default(), word("state"));
            output::line(&match (terminal, &*state) {
                (false, _) => format!("{called}\t{number}\t{state}\t{first}"),
                (true, "waiting") => format!("  {number}  {first}"),
                (true, "typing") => format!("  {number}  {first}  (is being typed)"),
                (true, _) => format!("  {number}  {first}  (not known whether it was typed: {})", word("why")),
            })?;
        }
    }
    Ok(())
}
