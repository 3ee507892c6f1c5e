//! What each endpoint of the API does with the node.

use super::body::{self, nothing, parse};
use super::once::Once;
use super::query::Query;
use super::route::{Endpoint, Route};
use super::send::outcome;
use super::{Api, look};
use crate::assets;
use crate::http::{Clock, Head, Problem, Response};
use crate::json::{Agent, Node as NodeJson, kind_name, source_name};
use consort_core::command::{Command, Fate, QueuedText, WhenBusy};
use consort_core::directory::signal::Evidence;
use consort_core::error::RefusalCode;
use consort_core::input::{Listing, ProcessInfo, ScreenText, StartInfo};
use consort_core::{AgentAddress, NodeId, Refusal, Reply};
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// Lines of history that can be asked for as text.
const HISTORY_LINES: u32 = consort_core::limits::SNAPSHOT_HISTORY_LINES;

impl Api {
    /// Answers a request that was let in.
    pub(super) async fn perform(
        &self,
        route: &Route,
        head: &Head<'_>,
        body: &[u8],
        clock: Clock,
    ) -> Result<Response, Problem> {
        let query = query(route.endpoint, head)?;
        match route.endpoint {
            Endpoint::Asset(asset) => Ok(assets::respond(asset, head)),
            Endpoint::Login => self.login(head, body, clock),
            Endpoint::Logout => nothing(body).map(|()| self.logout(head)),
            Endpoint::Health => Ok(self.health(clock)),
            Endpoint::Nodes => self.nodes().await,
            Endpoint::Agents => self.agents().await,
            Endpoint::Agent(id) => self.agent(200, id).await,
            Endpoint::Notes(id) => self.command(id.node, Command::ReadNotes(id.agent)).await,
            Endpoint::Peers => self.peers().await,
            Endpoint::Place => Ok(self.place()),
            Endpoint::Invite => self.invite(head, body).await,
            Endpoint::Join => self.join(head, body).await,
            Endpoint::Admit(node) => self.admit_node(node, head, body).await,
            Endpoint::Refuse(node) => {
                nothing(body)?;
                self.refuse(node).await
            }
            Endpoint::Check(node) => {
                nothing(body)?;
                Ok(Response::json(200, &self.node.check(node).await?))
            }
            Endpoint::Remove(node) => self.plain(body, self.facts.id, Command::Remove(node)).await,
            Endpoint::Leave => self.plain(body, self.facts.id, Command::Remove(self.facts.id)).await,
            Endpoint::Link => nothing(body).map(|()| self.link(clock)),
            Endpoint::Origins => Ok(self.origins(200)),
            Endpoint::AllowOrigin => self.allow_origin(head, body).await,
            Endpoint::DisallowOrigin => self.disallow_origin(head, body).await,
            Endpoint::Environment => Ok(self.environment(200)),
            Endpoint::ReloadEnvironment => {
                nothing(body)?;
                Ok(self.reload_environment().await)
            }
            Endpoint::Programs => match self.node_named(query.text("node"))? {
                node if node == self.facts.id => Ok(Response::json(200, &self.node.programs().await)),
                node => self.command(node, Command::ListPrograms).await,
            },
            Endpoint::Variable => self.variable(query.text("name")),
            Endpoint::SetVariable => self.set_variable(head, body).await,
            Endpoint::RemoveVariable => self.remove_variable(head, body).await,
            Endpoint::Directories => {
                let path = query.text("path").unwrap_or("").to_owned();
                self.command(self.node_named(query.text("node"))?, Command::ListDirectory(path)).await
            }
            Endpoint::Screen(AgentAddress { node, agent }) => {
                let history_lines = query.number("history")?.unwrap_or(0).min(HISTORY_LINES);
                self.command(node, Command::ReadText { agent, pane: query.number("terminal")?, history_lines }).await
            }
            Endpoint::Wait(id) => self.wait(id, &query).await,
            Endpoint::Events => Err(Problem::new(406, "not-acceptable", "Events are a stream, which has no HEAD.", "")),
            Endpoint::Hook => {
                self.node.hook(parse(head, body)?);
                Ok(Response::empty(204))
            }
            Endpoint::Start(AgentAddress { node, agent }) => {
                let fresh = body::Start::read(head, body)?.fresh;
                self.command(node, if fresh { Command::StartFresh(agent) } else { Command::Start(agent) }).await
            }
            Endpoint::ReadStart(id) => self.command(id.node, Command::ReadStart(id.agent)).await,
            Endpoint::Stop(id) => self.plain(body, id.node, Command::Stop(id.agent)).await,
            Endpoint::Restart(AgentAddress { node, agent }) => {
                let fresh = body::Start::read(head, body)?.fresh;
                self.command(node, if fresh { Command::RestartFresh(agent) } else { Command::Restart(agent) }).await
            }
            Endpoint::Delete(id) => self.plain(body, id.node, Command::Delete(id.agent)).await,
            Endpoint::Create => {
                let mut wish = parse::<body::Create>(head, body)?;
                let node = self.node_named(wish.node.as_deref())?;
                let caller = std::mem::take(&mut wish.caller.0);
                let new = wish.agent(clock.unix_ms);
                let create = if caller.is_empty() {
                    Command::Create(new)
                } else if node == self.facts.id {
                    Command::CreateFrom { new, caller: self.node.handed_over(caller).await }
                } else {
                    let message = "Variables of a shell are for agents of its own machine only.";
                    return Err(Problem::invalid(message, "Leave \"caller\" out; \"env\" gives the agent variables."));
                };
                match self.node.command(node, create).await? {
                    Reply::Agent(id) => self.agent(201, id).await,
                    reply => self.reply(reply).await,
                }
            }
            Endpoint::Edit(AgentAddress { node, agent }) => {
                let body::Edit { name, tags, autostart } = parse(head, body)?;
                self.command(node, Command::Edit { agent, name, tags, autostart }).await
            }
            Endpoint::Input(AgentAddress { node, agent }) => {
                let body::Input { text, submit, terminal, once, anyway, now } = parse(head, body)?;
                let command = if submit && !anyway && !now {
                    let busy = WhenBusy::Refuse;
                    Command::Send { agent, pane: terminal, text, busy, unix_ms: clock.unix_ms }
                } else {
                    Command::Paste { agent, pane: terminal, text, submit, anyway }
                };
                self.command_once(node, command, once).await
            }
            Endpoint::Process(id) => self.command(id.node, Command::ReadProcess(id.agent)).await,
            Endpoint::Adopt(AgentAddress { node, agent }) => {
                let process = parse::<body::Process>(head, body)?.into();
                self.command(node, Command::Adopt { agent, process }).await
            }
            Endpoint::Queue(id) => self.command(id.node, Command::ReadQueue(id.agent)).await,
            Endpoint::SendToAll => self.send_to_all(parse(head, body)?, clock).await,
            Endpoint::Enqueue(AgentAddress { node, agent }) => {
                let body::Enqueue { text, terminal, once } = parse(head, body)?;
                let busy = WhenBusy::Queue;
                let command = Command::Send { agent, pane: terminal, text, busy, unix_ms: clock.unix_ms };
                self.command_once(node, command, once).await
            }
            Endpoint::EditQueued(AgentAddress { node, agent }, number) => {
                let body::EditQueued { text } = parse(head, body)?;
                self.command(node, Command::EditQueue { agent, number, text: Some(text) }).await
            }
            Endpoint::CancelQueued(AgentAddress { node, agent }, number) => {
                self.plain(body, node, Command::EditQueue { agent, number, text: None }).await
            }
            Endpoint::Answer(AgentAddress { node, agent }) => {
                let (question, with) = parse::<body::Answer>(head, body)?.checked()?;
                self.command(node, Command::Answer { agent, question, with }).await
            }
            Endpoint::Explain(id) => self.command(id.node, Command::Explain(id.agent)).await,
            Endpoint::SetNotes(AgentAddress { node, agent }) => {
                let body::SetNotes { notes, revision } = parse(head, body)?;
                self.command(node, Command::SetNotes { agent, notes, revision }).await
            }
        }
    }

    /// Answered without the node, so that it says how the front door is even when the node is busy.
    fn health(&self, clock: Clock) -> Response {
        Response::json(
            200,
            &json!({
                "status": "ok",
                "version": self.facts.version,
                "node": self.facts.id.short(),
                "uptime_ms": clock.uptime_ms,
            }),
        )
    }

    async fn nodes(&self) -> Result<Response, Problem> {
        #[derive(Serialize)]
        struct Nodes<'a> {
            nodes: Vec<NodeJson<'a>>,
        }
        let facts = self.facts.clone();
        look(&*self.node, move |view, now| Response::json(200, &Nodes { nodes: NodeJson::all(view, now, &facts) }))
            .await
    }

    async fn agents(&self) -> Result<Response, Problem> {
        #[derive(Serialize)]
        struct Agents<'a> {
            agents: Vec<Agent<'a>>,
        }
        look(&*self.node, |view, now| {
            Response::json(200, &Agents { agents: view.agents().map(|agent| Agent::new(view, &agent, now)).collect() })
        })
        .await
    }

    async fn agent(&self, status: u16, id: AgentAddress) -> Result<Response, Problem> {
        #[derive(Serialize)]
        struct One<'a> {
            agent: Agent<'a>,
        }
        look(&*self.node, move |view, now| {
            Some(Response::json(status, &One { agent: Agent::new(view, &view.agent(id)?, now) }))
        })
        .await?
        .ok_or_else(|| no_agent(id))
    }

    async fn command(&self, node: NodeId, command: Command) -> Result<Response, Problem> {
        let reply = self.node.command(node, command).await?;
        self.reply(reply).await
    }

    /// A command that may be repeated under this key and is carried out once.
    async fn command_once(&self, node: NodeId, command: Command, once: Option<String>) -> Result<Response, Problem> {
        let Some(key) = once else { return self.command(node, command).await };
        if !Once::is_key(&key) {
            let message = "\"once\" has 16 to 64 letters, digits, dots, hyphens and underscores.";
            return Err(Problem::new(400, "invalid", message, "Make it of random characters."));
        }
        let reply = self.once.run(&key, || self.node.command(node, command)).await?;
        self.reply(reply).await
    }

    /// A command that says everything in its address.
    async fn plain(&self, body: &[u8], node: NodeId, command: Command) -> Result<Response, Problem> {
        nothing(body)?;
        self.command(node, command).await
    }

    /// The machine with this id; without one, this machine.
    fn node_named(&self, id: Option<&str>) -> Result<NodeId, Problem> {
        let Some(text) = id else { return Ok(self.facts.id) };
        text.parse().map_err(|_| {
            let shown: String = text.chars().take(100).collect();
            let message = format!("There is no machine with the id '{}'.", shown.escape_debug());
            Problem::new(404, "not-found", message, "Look at the list of machines.")
        })
    }

    pub(super) async fn reply(&self, reply: Reply) -> Result<Response, Problem> {
        match reply {
            Reply::Agent(id) => self.agent(200, id).await,
            Reply::Deleted(id) => Ok(Response::json(200, &json!({ "deleted": id.written_at(self.facts.id) }))),
            Reply::Node(id) => Ok(Response::json(200, &json!({ "node": id.to_string() }))),
            Reply::NotesText { notes, revision } => {
                Ok(Response::json(200, &json!({ "notes": notes, "revision": revision })))
            }
            Reply::Notes { revision } => Ok(Response::json(200, &json!({ "revision": revision }))),
            Reply::Pasted { .. } | Reply::Sent { .. } => Ok(Response::json(200, &outcome(&reply))),
            Reply::Queued { .. } => Ok(Response::json(202, &outcome(&reply))),
            Reply::Process(ProcessInfo { program, args, directory }) => {
                Ok(Response::json(200, &json!({ "program": program, "args": args, "directory": directory })))
            }
            Reply::Start(StartInfo { session, command, why }) => {
                let session = session.map(|session| json!({ "program": session.program, "id": session.id }));
                Ok(Response::json(200, &json!({ "resumes": session, "command": command, "why": why })))
            }
            Reply::Text(screen) => Ok(screen_text(&screen)),
            Reply::Directory(listing) => Ok(directory(&listing)),
            Reply::Programs(known) => Ok(Response::json(200, &known)),
            Reply::Queue { texts, held } => Ok(queue(&texts, &held)),
            Reply::Answered => Ok(Response::json(200, &json!({ "answered": true }))),
            Reply::Explained { rules, evidence } => Ok(explanation(&rules, &evidence)),
        }
    }
}

/// The texts that wait until an agent is idle.
fn queue(texts: &[QueuedText], held: &str) -> Response {
    let texts = texts.iter().map(|text| {
        let (state, why) = match &text.fate {
            Fate::Waiting => ("waiting", ""),
            Fate::Typing => ("typing", ""),
            Fate::Unknown(why) => ("unknown", &**why),
        };
        json!({
            "number": text.number,
            "text": text.text,
            "terminal": text.pane,
            "queued_unix_ms": text.unix_ms,
            "state": state,
            "why": why,
        })
    });
    Response::json(200, &json!({ "texts": texts.collect::<Vec<_>>(), "held": held }))
}

/// Why an agent's state is what it is.
fn explanation(rules: &str, evidence: &[Evidence]) -> Response {
    let signals: Vec<_> = evidence
        .iter()
        .map(|line| {
            json!({
                "terminal": line.pane,
                "source": source_name(line.source),
                "says": line.kind.map(kind_name),
                "why": line.why,
                "age_ms": line.age_ms,
                "decisive": line.decisive,
            })
        })
        .collect();
    Response::json(200, &json!({ "rules": rules, "signals": signals }))
}

/// The query with what the endpoint takes. Files take everything: what follows their name is not for us.
fn query(endpoint: Endpoint, head: &Head<'_>) -> Result<Query, Problem> {
    match endpoint {
        Endpoint::Asset(_) => Query::parse("", &[]),
        Endpoint::Screen(_) => Query::parse(head.query(), &["history", "terminal"]),
        Endpoint::Wait(_) => Query::parse(head.query(), &["until", "timeout"]),
        Endpoint::Events => Query::parse(head.query(), &["since"]),
        Endpoint::Directories => Query::parse(head.query(), &["path", "node"]),
        Endpoint::Programs => Query::parse(head.query(), &["node"]),
        Endpoint::Variable => Query::parse(head.query(), &["name"]),
        _ => Query::parse(head.query(), &[]),
    }
}

fn screen_text(screen: &ScreenText) -> Response {
    let (col, row) = screen.cursor;
    Response::json(
        200,
        &json!({
            "cols": screen.size.cols(),
            "rows": screen.size.rows(),
            "cursor": { "col": col, "row": row },
            "text": screen.text,
        }),
    )
}

fn directory(listing: &Listing) -> Response {
    let path = Path::new(&listing.path);
    let entries = listing.entries.iter();
    let entries = entries.map(|entry| json!({ "name": entry.name, "path": path.join(&entry.name), "git": entry.git }));
    Response::json(
        200,
        &json!({
            "path": path,
            "parent": path.parent(),
            "home": listing.home,
            "entries": entries.collect::<Vec<_>>(),
        }),
    )
}

pub(super) fn no_agent(id: AgentAddress) -> Problem {
    Problem::new(404, "not-found", format!("There is no agent {}.", id.agent), "")
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.code {
            RefusalCode::NotFound => 404,
            RefusalCode::Invalid => 400,
            RefusalCode::NameTaken
            | RefusalCode::Conflict
            | RefusalCode::NotesChanged
            | RefusalCode::AgentAsks
            | RefusalCode::AgentWorks
            | RefusalCode::QuestionChanged => 409,
            RefusalCode::TooMany | RefusalCode::Unavailable => 503,
            RefusalCode::NotStored => 507,
            RefusalCode::Unreachable => 504,
            RefusalCode::Forbidden => 403,
            // Understood, and not possible there: the code says what stood in the way.
            RefusalCode::Backend(_) => 422,
        };
        Problem::new(status, refusal.code.into_name(), refusal.message, refusal.hint)
    }
}
