//! One text for several agents: to all at the same time, with a result for each.

use super::Api;
use super::body::SendToAll;
use crate::http::{Clock, Problem, Response};
use consort_core::command::{Command, WhenBusy};
use consort_core::{AgentAddress, Refusal, Reply};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Agents of one request.
const AGENTS: usize = 256;
/// Bytes of the copies of a text that all of them get.
const BYTES: usize = 32 << 20;

type Answer = Result<Reply, Refusal>;

impl Api {
    pub(super) async fn send_to_all(&self, wish: SendToAll, clock: Clock) -> Result<Response, Problem> {
        if wish.agents.len() > AGENTS {
            return Err(Problem::invalid(format!("A text goes to at most {AGENTS} agents at a time."), ""));
        }
        if wish.text.len() * wish.agents.len() > BYTES {
            let message = format!("The text is too long for {} agents.", wish.agents.len());
            return Err(Problem::invalid(
                message,
                "Write it to a file and name the file, or send it to fewer at a time.",
            ));
        }
        if wish.queue && (wish.now || wish.anyway) {
            return Err(Problem::invalid("A text is queued, or typed now.", "Leave one of them out."));
        }
        let addresses: Vec<Option<AgentAddress>> =
            wish.agents.iter().map(|id| AgentAddress::read_at(self.facts.id, id).ok()).collect();
        let mut named = BTreeSet::new();
        let mut all_named = wish.agents.iter().zip(&addresses);
        if let Some((id, _)) = all_named.find(|(_, address)| address.is_some_and(|address| !named.insert(address))) {
            return Err(Problem::invalid(format!("{id} is named twice."), "Name each agent once."));
        }
        let send = |address: AgentAddress| {
            let (agent, pane, text, unix_ms) = (address.agent, None, wish.text.clone(), clock.unix_ms);
            let command = match (wish.queue, wish.now || wish.anyway) {
                (true, _) => Command::Send { agent, pane, text, busy: WhenBusy::Queue, unix_ms },
                (false, false) => Command::Send { agent, pane, text, busy: WhenBusy::Refuse, unix_ms },
                (false, true) => Command::Paste { agent, pane, text, submit: true, anyway: wish.anyway },
            };
            self.node.command(address.node, command)
        };
        let mut answers = all(addresses.iter().flatten().map(|address| send(*address)).collect()).await.into_iter();
        let results = wish.agents.iter().zip(&addresses).map(|(id, address)| {
            let mut result = match address.and_then(|_| answers.next()) {
                Some(Ok(reply)) => outcome(&reply),
                Some(Err(refusal)) => error(&Problem::from(refusal)),
                None => error(&Problem::new(404, "not-found", "There is no such agent.", "")),
            };
            result["agent"] = json!(id);
            result
        });
        Ok(Response::json(200, &json!({ "results": results.collect::<Vec<_>>() })))
    }
}

/// What became of a text for one agent.
pub(super) fn outcome(reply: &Reply) -> Value {
    match reply {
        Reply::Queued { number, ahead } => json!({ "queued": { "number": number, "ahead": ahead } }),
        Reply::Sent { bytes, submitted } => json!({ "written": bytes, "submitted": submitted, "verified": true }),
        Reply::Pasted { bytes, submitted } => json!({ "written": bytes, "submitted": submitted }),
        // Nothing else is an answer to a text.
        _ => json!({}),
    }
}

fn error(problem: &Problem) -> Value {
    json!({ "error": { "code": problem.code, "message": problem.message, "hint": problem.hint } })
}

/// Polls all to their ends, together.
async fn all<'a>(mut pending: Vec<Pin<Box<dyn Future<Output = Answer> + 'a>>>) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> = pending.iter().map(|_| None).collect();
    poll_fn(move |context| {
        for (future, answer) in pending.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            if let Poll::Ready(given) = future.as_mut().poll(context) {
                *answer = Some(given);
            }
        }
        match answers.iter().all(Option::is_some) {
            true => Poll::Ready(answers.iter_mut().filter_map(Option::take).collect()),
            false => Poll::Pending,
        }
    })
    .await
}
