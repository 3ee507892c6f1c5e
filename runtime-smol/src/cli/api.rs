//! The node's HTTP API as typed calls; its refusals become [`Failure`]s with the node's own words.

mod answers;

pub(crate) use answers::*;

use super::failure::Failure;
use super::http::{Answer, Client};
use super::stream::Events;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// The calls.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: Client,
}

impl Api {
    /// Of the node whose control socket this is.
    pub(crate) fn new(socket: PathBuf) -> Self {
        Api { client: Client::new(socket) }
    }

    /// The same, for questions whose answer is not worth waiting for long.
    pub(crate) fn with_patience(socket: PathBuf, patience: Duration) -> Self {
        Api { client: Client::with_patience(socket, patience) }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn health(&self) -> Result<Health, Failure> {
        self.call("GET", "/api/health", None)
    }

    /// Events: those after the one with the id `since`, or else what happens next.
    pub(crate) fn events(&self, since: Option<&str>) -> Result<Events, Failure> {
        Events::open(self.client.socket(), since)?.map_err(|answer| refusal(&answer))
    }

    /// The agents and, besides, their JSON as the node wrote it.
    pub(crate) fn agents_as_json(&self) -> Result<Value, Failure> {
        let mut answer: Value = self.call("GET", "/api/agents", None)?;
        Ok(answer.get_mut("agents").map(Value::take).unwrap_or_default())
    }

    pub(crate) fn agents(&self) -> Result<Vec<Agent>, Failure> {
        Api::read_agents(self.agents_as_json()?)
    }

    /// What [`Api::agents_as_json`] gives, as values.
    pub(crate) fn read_agents(json: Value) -> Result<Vec<Agent>, Failure> {
        serde_json::from_value(json).map_err(|error| not_understood(&error))
    }

    pub(crate) fn machines(&self) -> Result<Vec<Machine>, Failure> {
        #[derive(Deserialize)]
        struct Nodes {
            nodes: Vec<Machine>,
        }
        self.call::<Nodes>("GET", "/api/nodes", None).map(|answer| answer.nodes)
    }

    /// What a machine says about its tmux.
    pub(crate) fn tmux_of(&self, node: &str) -> Result<Value, Failure> {
        let mut answer: Value = self.call("GET", "/api/nodes", None)?;
        let nodes = answer["nodes"].as_array_mut().into_iter().flatten();
        let found = nodes.into_iter().find(|machine| machine["id"] == node);
        Ok(found.map_or(Value::Null, |machine| machine["backends"]["tmux"].take()))
    }

    pub(crate) fn peers_as_json(&self) -> Result<Value, Failure> {
        self.call("GET", "/api/peers", None)
    }

    pub(crate) fn peers(&self) -> Result<Peers, Failure> {
        self.call("GET", "/api/peers", None)
    }

    pub(crate) fn invite(&self, rights: &str) -> Result<Invite, Failure> {
        self.call("POST", "/api/invite", Some(&json!({ "rights": rights })))
    }

    pub(crate) fn join(&self, target: &str, rights: &str) -> Result<Joined, Failure> {
        self.call("POST", "/api/join", Some(&json!({ "target": target, "rights": rights })))
    }

    pub(crate) fn admit(&self, node: &str, rights: &str) -> Result<(), Failure> {
        self.send("POST", &format!("/api/peers/{node}/admit"), Some(&json!({ "rights": rights }))).map(drop)
    }

    /// Where the node serves and which tmux server it shows; nodes before 0.2 do not say.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        self.call("GET", "/api/place", None)
    }

    pub(crate) fn check_peer(&self, node: &str) -> Result<Checked, Failure> {
        self.call("POST", &format!("/api/peers/{node}/check"), None)
    }

    pub(crate) fn remove(&self, node: &str) -> Result<(), Failure> {
        self.send("DELETE", &format!("/api/peers/{node}"), None).map(drop)
    }

    pub(crate) fn leave(&self) -> Result<(), Failure> {
        self.send("POST", "/api/leave", None).map(drop)
    }

    pub(crate) fn create(&self, agent: &Value) -> Result<Agent, Failure> {
        self.call_for_agent("POST", "/api/agents", Some(agent))
    }

    pub(crate) fn change(&self, id: &str, change: &Value) -> Result<Agent, Failure> {
        self.call_for_agent("PATCH", &format!("/api/agents/{id}"), Some(change))
    }

    pub(crate) fn delete(&self, id: &str) -> Result<(), Failure> {
        self.send("DELETE", &format!("/api/agents/{id}"), None).map(drop)
    }

    /// `verb` is `start`, `stop` or `restart`; `fresh`: it begins a new conversation.
    pub(crate) fn order(&self, id: &str, verb: &str, fresh: bool) -> Result<Agent, Failure> {
        let body = fresh.then(|| json!({ "fresh": true }));
        self.call_for_agent("POST", &format!("/api/agents/{id}/{verb}"), body.as_ref())
    }

    /// What a start of an agent would do.
    pub(crate) fn start(&self, id: &str) -> Result<Value, Failure> {
        self.call("GET", &format!("/api/agents/{id}/start"), None)
    }

    pub(crate) fn answer(&self, id: &str, answer: &Value) -> Result<(), Failure> {
        self.call::<Value>("POST", &format!("/api/agents/{id}/answer"), Some(answer)).map(drop)
    }

    pub(crate) fn explain(&self, id: &str) -> Result<Value, Failure> {
        self.call("GET", &format!("/api/agents/{id}/explain"), None)
    }

    /// Types a text, or has it typed, as `body` says (`POST /api/agents/{id}/input`).
    pub(crate) fn input(&self, id: &str, body: &Value) -> Result<Typed, Failure> {
        self.call("POST", &format!("/api/agents/{id}/input"), Some(body))
    }

    /// Keeps a text until the agent is idle. Gives how many are typed before it.
    pub(crate) fn enqueue(&self, id: &str, body: &Value) -> Result<u64, Failure> {
        let answer: Value = self.call("POST", &format!("/api/agents/{id}/queue"), Some(body))?;
        Ok(answer["queued"]["ahead"].as_u64().unwrap_or_default())
    }

    /// Sends a text to several agents: what became of it, for each.
    pub(crate) fn send_to_all(&self, body: &Value) -> Result<Vec<Sent>, Failure> {
        #[derive(Deserialize)]
        struct Results {
            results: Vec<Sent>,
        }
        self.call::<Results>("POST", "/api/send", Some(body)).map(|answer| answer.results)
    }

    /// What runs in the foreground of an agent.
    pub(crate) fn process(&self, id: &str) -> Result<Value, Failure> {
        self.call("GET", &format!("/api/agents/{id}/process"), None)
    }

    /// Has a found session started again like this from now on.
    pub(crate) fn adopt(&self, id: &str, process: &Value) -> Result<(), Failure> {
        self.call::<Value>("POST", &format!("/api/agents/{id}/adopt"), Some(process)).map(drop)
    }

    pub(crate) fn queue(&self, id: &str) -> Result<Value, Failure> {
        self.call("GET", &format!("/api/agents/{id}/queue"), None)
    }

    /// Replaces a queued text, or takes it out.
    pub(crate) fn change_queue(&self, id: &str, number: u64, text: Option<&str>) -> Result<(), Failure> {
        let path = format!("/api/agents/{id}/queue/{number}");
        match text {
            Some(text) => self.call::<Value>("PATCH", &path, Some(&json!({ "text": text }))).map(drop),
            None => self.call::<Value>("DELETE", &path, None).map(drop),
        }
    }

    pub(crate) fn screen(&self, id: &str, history: u32, pane: Option<u32>) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Screen {
            text: String,
        }
        let pane = pane.map_or(String::new(), |pane| format!("&terminal={pane}"));
        let path = format!("/api/agents/{id}/screen?history={history}{pane}");
        self.call::<Screen>("GET", &path, None).map(|screen| screen.text)
    }

    pub(crate) fn notes(&self, id: &str) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Notes {
            notes: String,
        }
        self.call::<Notes>("GET", &format!("/api/agents/{id}/notes"), None).map(|answer| answer.notes)
    }

    pub(crate) fn set_notes(&self, id: &str, notes: &str) -> Result<(), Failure> {
        self.send("PUT", &format!("/api/agents/{id}/notes"), Some(&json!({ "notes": notes }))).map(drop)
    }

    /// One fresh login by every address of the dashboard, first the one for this machine.
    pub(crate) fn login_links(&self) -> Result<Vec<Link>, Failure> {
        #[derive(Deserialize)]
        struct Links {
            url: String,
            // A node that has not been restarted since an update has one.
            #[serde(default)]
            links: Vec<Link>,
        }
        let Links { url, links } = self.call("POST", "/api/link", None)?;
        Ok(if links.is_empty() { vec![Link { url, reach: "machine".into() }] } else { links })
    }

    /// The addresses that the node answers to.
    pub(crate) fn origins(&self) -> Result<Origins, Failure> {
        self.call("GET", "/api/origins", None)
    }

    pub(crate) fn allow(&self, url: &str) -> Result<Origins, Failure> {
        self.call("POST", "/api/origins", Some(&json!({ "url": url })))
    }

    pub(crate) fn disallow(&self, url: &str) -> Result<Origins, Failure> {
        self.call("DELETE", "/api/origins", Some(&json!({ "url": url })))
    }

    /// What agents are started with.
    pub(crate) fn environment(&self) -> Result<EnvironmentReport, Failure> {
        self.call("GET", "/api/environment", None)
    }

    /// Which known agent programs agents find, as far as that is known now.
    pub(crate) fn programs(&self) -> Result<Programs, Failure> {
        self.call("GET", "/api/programs", None)
    }

    pub(crate) fn reload_environment(&self) -> Result<EnvironmentReport, Failure> {
        self.call("POST", "/api/environment/reload", None)
    }

    pub(crate) fn set_variable(&self, name: &str, value: &str) -> Result<(), Failure> {
        self.send("POST", "/api/environment", Some(&json!({ "name": name, "value": value }))).map(drop)
    }

    pub(crate) fn remove_variable(&self, name: &str) -> Result<(), Failure> {
        self.send("DELETE", "/api/environment", Some(&json!({ "name": name }))).map(drop)
    }

    /// The value of a variable for all agents. Its name is one that the node has told: nothing in it needs encoding.
    pub(crate) fn variable(&self, name: &str) -> Result<String, Failure> {
        #[derive(Deserialize)]
        struct Value {
            value: String,
        }
        self.call::<Value>("GET", &format!("/api/environment/variable?name={name}"), None).map(|answer| answer.value)
    }

    fn call_for_agent(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Agent, Failure> {
        #[derive(Deserialize)]
        struct One {
            agent: Agent,
        }
        self.call::<One>(method, path, body).map(|answer| answer.agent)
    }

    fn call<T: DeserializeOwned>(&self, method: &str, path: &str, body: Option<&Value>) -> Result<T, Failure> {
        let answer = self.send(method, path, body)?;
        serde_json::from_slice(&answer.body).map_err(|error| not_understood(&error))
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        // A POST without a body says so by its length.
        let body = body.map(Value::to_string).or_else(|| (method == "POST").then(String::new));
        let answer = self.client.request(method, path, body.as_deref())?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(refusal(&answer)) }
    }
}

fn not_understood(error: &serde_json::Error) -> Failure {
    Failure::new(format!("The node's answer is not understood: {error}"))
        .hint("It may run another version than this command: see consort doctor.")
}

/// The failure in an answer that is not a success.
fn refusal(answer: &Answer) -> Failure {
    #[derive(Deserialize)]
    struct Body {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        code: String,
        message: String,
        #[serde(default)]
        hint: Option<String>,
    }
    match serde_json::from_slice::<Body>(&answer.body) {
        Ok(Body { error }) => {
            let failure = Failure::new(super::text::one_line(&error.message)).reason(error.code);
            match error.hint {
                Some(hint) => failure.hint(super::text::one_line(&hint)),
                None => failure,
            }
        }
        Err(_) => Failure::new(format!("The node answered with HTTP status {}.", answer.status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_nodes_own_words() {
        let body = br#"{"error":{"code":"x","message":"Taken.","hint":"Choose another."}}"#.to_vec();
        assert_eq!(refusal(&Answer { status: 409, body }).to_string(), "Taken.\nChoose another.");
        let bare = Answer { status: 502, body: b"<html>".to_vec() };
        assert_eq!(refusal(&bare).to_string(), "The node answered with HTTP status 502.");
    }

    #[test]
    fn members_that_a_newer_or_older_node_has_do_no_harm() {
        let agent: Agent = serde_json::from_str(r#"{"id":"x","name":"a","program":null,"new":[1]}"#).unwrap();
        assert_eq!((agent.name.as_str(), agent.command()), ("a", ""));
    }
}
