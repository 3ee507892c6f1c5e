//! Endpoints that wait for what happens: the stream of events, and the next state of an agent.

use super::query::Query;
use super::{Api, look};
use crate::events::Reader;
use crate::http::{Clock, Head, Problem, Response};
use crate::json::{Agent, STATES, kind_name};
use consort_core::AgentAddress;
use futures_lite::future::or;
use serde_json::json;
use std::time::Duration;

/// How long an agent is waited for if nobody says, and at most.
const WAIT: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3_600));

/// What an agent is waited for.
enum Until<'a> {
    /// One of these states.
    States(Vec<&'a str>),
    /// Another state than now.
    Changed,
}

impl Api {
    /// The events that a request asks for: those after the query's `since` or the header `Last-Event-ID`, or else what happens next.
    ///
    /// # Errors
    /// The complete answer to a request that may not have them.
    pub fn events(&self, head: &Head<'_>, clock: Clock) -> Result<Reader, Response> {
        let head = &self.without_prefix(head)?;
        self.judge(head, clock).map_err(|response| *response)?;
        let query = Query::parse(head.query(), &["since"])?;
        Ok(self.events.reader(query.text("since").or(head.headers.last_event_id)))
    }

    /// Waits until an agent is in a state, or its time is over; answers with the agent as it is then.
    pub(super) async fn wait(&self, id: AgentAddress, query: &Query) -> Result<Response, Problem> {
        let until = until(query)?;
        let patience = query.number::<u64>("timeout")?.map_or(WAIT.0, Duration::from_secs);
        if patience > WAIT.1 {
            let hint = "Ask again when it is over.";
            return Err(Problem::invalid(format!("\"timeout\" is at most {} seconds.", WAIT.1.as_secs()), hint));
        }
        let reached = async {
            // From before the first look: what changes after it is an event.
            let mut reader = self.events.reader(None);
            let mut first = None;
            loop {
                let kind = look(&*self.node, move |view, _| view.agent(id).map(|agent| kind_name(agent.state.kind)))
                    .await?
                    .ok_or_else(|| super::perform::no_agent(id))?;
                let met = match &until {
                    Until::States(states) => states.contains(&kind),
                    Until::Changed => *first.get_or_insert(kind) != kind,
                };
                if met {
                    return Ok::<_, Problem>(true);
                }
                reader.next().await;
            }
        };
        let over = async {
            self.node.sleep(patience).await;
            Ok(false)
        };
        let reached = or(reached, over).await?;
        look(&*self.node, move |view, now| {
            let agent = view.agent(id)?;
            Some(Response::json(200, &json!({ "reached": reached, "agent": Agent::new(view, &agent, now) })))
        })
        .await?
        .ok_or_else(|| super::perform::no_agent(id))
    }
}

fn until(query: &Query) -> Result<Until<'_>, Problem> {
    let all = || format!("It takes {} or changed, several of them with commas.", STATES.join(", "));
    let text = query.text("until").ok_or_else(|| Problem::invalid("\"until\" is missing.", all()))?;
    if text == "changed" {
        return Ok(Until::Changed);
    }
    let states: Vec<&str> = text.split(',').collect();
    match states.iter().find(|state| !STATES.contains(state)) {
        None => Ok(Until::States(states)),
        Some(unknown) => {
            let shown: String = unknown.chars().take(40).collect();
            Err(Problem::invalid(format!("There is no state '{}'.", shown.escape_debug()), all()))
        }
    }
}
