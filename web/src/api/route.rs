//! Which endpoint a method and a path name, what it asks of the caller and how much it takes.

use super::Lane;
use crate::assets::{self, Asset};
use crate::auth::Need;
use crate::http::{Head, Problem, Response};
use crate::{percent, refusal};
use consort_core::{AgentAddress, NodeId};

/// Where WebSockets are served.
pub(super) const SOCKET: &str = "/ws";

/// Bytes of an ordinary body.
const BODY_BYTES: usize = 1 << 20;
/// Bytes of a body with input for a terminal: the longest text, with room for the escapes of JSON.
const INPUT_BYTES: usize = 2 * consort_core::limits::PASTE_BYTES;
/// Bytes of what a hook of an agent program says.
const HOOK_BYTES: usize = 16 << 10;
/// Bytes of a body that says next to nothing: a token, or `{}`.
const SMALL_BYTES: usize = 4 << 10;

/// One thing that can be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint {
    Health,
    Login,
    Logout,
    Nodes,
    Agents,
    Create,
    Agent(AgentAddress),
    Edit(AgentAddress),
    Delete(AgentAddress),
    Start(AgentAddress),
    ReadStart(AgentAddress),
    Stop(AgentAddress),
    Restart(AgentAddress),
    Input(AgentAddress),
    Answer(AgentAddress),
    Queue(AgentAddress),
    Process(AgentAddress),
    Adopt(AgentAddress),
    SendToAll,
    Enqueue(AgentAddress),
    EditQueued(AgentAddress, u64),
    CancelQueued(AgentAddress, u64),
    Explain(AgentAddress),
    Screen(AgentAddress),
    Wait(AgentAddress),
    Events,
    Hook,
    Notes(AgentAddress),
    SetNotes(AgentAddress),
    Directories,
    Link,
    Peers,
    Invite,
    Join,
    Admit(NodeId),
    Refuse(NodeId),
    Check(NodeId),
    Remove(NodeId),
    Leave,
    Place,
    Origins,
    AllowOrigin,
    DisallowOrigin,
    Environment,
    ReloadEnvironment,
    Programs,
    Variable,
    SetVariable,
    RemoveVariable,
    Asset(&'static Asset),
}

/// An endpoint with what it asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    pub(super) need: Need,
    pub(super) body_bytes: usize,
    pub(super) lane: Lane,
}

/// No endpoint: the path cannot be read, is unknown, or does not know the method.
#[derive(Clone, Debug)]
pub(super) struct Miss {
    /// What a caller needs to be told so.
    pub(super) need: Need,
    /// The methods that the path knows, if it can be read; none if there is nothing there.
    allow: Option<Vec<&'static str>>,
    path: String,
}

impl Miss {
    pub(super) fn response(self, head: &Head<'_>) -> Response {
        if self.path == SOCKET {
            return Response::from(Problem::new(426, "upgrade-required", "This address serves WebSockets only.", ""))
                .with("Upgrade", "websocket");
        }
        let Some(allow) = self.allow else {
            let hint = "Encode each part of it with encodeURIComponent or the like.";
            return Problem::invalid("The address is not percent-encoded UTF-8.", hint).into();
        };
        if allow.is_empty() {
            return refusal::nothing_there(head);
        }
        let allow = allow.join(", ");
        Response::from(Problem::new(405, "method-not-allowed", format!("This address knows only {allow}."), ""))
            .with("Allow", allow)
    }
}

/// Finds the endpoint of a request to the node `own`.
pub(super) fn find(head: &Head<'_>, own: NodeId) -> Result<Route, Miss> {
    let path = head.path();
    let nowhere = |need, allow| Err(Miss { need, allow, path: path.chars().take(200).collect() });
    let Some(rest) = path.strip_prefix("/api/") else {
        let Some(asset) = assets::find(path) else {
            return nowhere(Need::Nothing, Some(Vec::new()));
        };
        return match head.method {
            "GET" | "HEAD" => Ok(Route { lane: Lane::Page, ..Route::new(Endpoint::Asset(asset), Need::Nothing) }),
            _ => nowhere(Need::Nothing, Some(vec!["GET", "HEAD"])),
        };
    };
    let Some(known) = methods(rest, own) else {
        return nowhere(Need::Login, None);
    };
    let method = if head.method == "HEAD" { "GET" } else { head.method };
    match known.iter().find(|(name, _)| *name == method) {
        Some((_, route)) => Ok(*route),
        None => nowhere(Need::Login, Some(known.into_iter().map(|(name, _)| name).collect())),
    }
}

type Methods = Vec<(&'static str, Route)>;

/// What the path under `/api/` knows; none if it is not percent-encoded UTF-8. A part is decoded after the path is taken apart: an
/// encoded slash is part of a name.
fn methods(path: &str, own: NodeId) -> Option<Methods> {
    use Endpoint::{
        Admit, Agents, AllowOrigin, Check, Create, Directories, DisallowOrigin, Environment, Events, Health, Hook,
        Invite, Join, Leave, Link, Login, Logout, Nodes, Origins, Peers, Place, Programs, Refuse, ReloadEnvironment,
        Remove, RemoveVariable, SetVariable, Variable,
    };
    let parts = path.splitn(3, '/').map(percent::segment).collect::<Option<Vec<_>>>()?;
    let part = |at: usize| parts.get(at).map(|part| &**part);
    Some(match (part(0).unwrap_or(""), part(1), part(2)) {
        ("health", None, None) => vec![("GET", Route::new(Health, Need::Nothing))],
        ("login", None, None) => vec![("POST", Route::entry(Login))],
        ("logout", None, None) => vec![("POST", Route::entry(Logout))],
        ("nodes", None, None) => vec![("GET", Route::look(Nodes))],
        ("origins", None, None) => vec![
            ("GET", Route::new(Origins, Need::Login)),
            ("POST", Route::change(AllowOrigin, SMALL_BYTES)),
            ("DELETE", Route::change(DisallowOrigin, SMALL_BYTES)),
        ],
        ("environment", None, None) => vec![
            ("GET", Route::new(Environment, Need::Login)),
            ("POST", Route::change(SetVariable, BODY_BYTES)),
            ("DELETE", Route::change(RemoveVariable, SMALL_BYTES)),
        ],
        ("programs", None, None) => vec![("GET", Route::look(Programs))],
        ("environment", Some("variable"), None) => vec![("GET", Route::new(Variable, Need::Login))],
        ("environment", Some("reload"), None) => vec![("POST", Route::change(ReloadEnvironment, SMALL_BYTES))],
        ("agents", None, None) => {
            vec![("GET", Route::look(Agents)), ("POST", Route::change(Create, BODY_BYTES))]
        }
        ("agents", Some(id), verb) => {
            AgentAddress::read_at(own, id).map_or_else(|_| Vec::new(), |id| of_agent(id, verb))
        }
        ("send", None, None) => vec![("POST", Route::change(Endpoint::SendToAll, INPUT_BYTES))],
        ("events", None, None) => vec![("GET", Route { lane: Lane::Events, ..Route::new(Events, Need::Login) })],
        // Quick: it is handed on, and nothing is waited for.
        ("hook", None, None) => vec![("POST", Route { lane: Lane::Quick, ..Route::change(Hook, HOOK_BYTES) })],
        ("directories", None, None) => vec![("GET", Route::ask(Directories))],
        ("link", None, None) => vec![("POST", Route { lane: Lane::Quick, ..Route::change(Link, SMALL_BYTES) })],
        ("peers", None, None) => vec![("GET", Route::look(Peers))],
        ("peers", Some(id), None) => {
            id.parse().map_or_else(|_| Vec::new(), |id| vec![("DELETE", Route::change(Remove(id), SMALL_BYTES))])
        }
        ("peers", Some(id), Some("admit")) => {
            id.parse().map_or_else(|_| Vec::new(), |id| vec![("POST", Route::change(Admit(id), SMALL_BYTES))])
        }
        ("peers", Some(id), Some("refuse")) => {
            id.parse().map_or_else(|_| Vec::new(), |id| vec![("POST", Route::change(Refuse(id), SMALL_BYTES))])
        }
        ("peers", Some(id), Some("check")) => {
            id.parse().map_or_else(|_| Vec::new(), |id| vec![("POST", Route::change(Check(id), SMALL_BYTES))])
        }
        ("place", None, None) => vec![("GET", Route::new(Place, Need::Login))],
        ("invite", None, None) => vec![("POST", Route::change(Invite, SMALL_BYTES))],
        ("join", None, None) => vec![("POST", Route::change(Join, SMALL_BYTES))],
        ("leave", None, None) => vec![("POST", Route::change(Leave, SMALL_BYTES))],
        _ => Vec::new(),
    })
}

fn of_agent(id: AgentAddress, verb: Option<&str>) -> Methods {
    use Endpoint::{
        Agent, Answer, CancelQueued, Delete, Edit, EditQueued, Enqueue, Explain, Input, Notes, Queue, Restart, Screen,
        SetNotes, Start, Stop, Wait,
    };
    match verb {
        None => vec![
            ("GET", Route::look(Agent(id))),
            ("PATCH", Route::change(Edit(id), BODY_BYTES)),
            ("DELETE", Route::change(Delete(id), SMALL_BYTES)),
        ],
        Some("start") => {
            vec![("GET", Route::ask(Endpoint::ReadStart(id))), ("POST", Route::change(Start(id), SMALL_BYTES))]
        }
        Some("stop") => vec![("POST", Route::change(Stop(id), SMALL_BYTES))],
        Some("restart") => vec![("POST", Route::change(Restart(id), SMALL_BYTES))],
        Some("input") => vec![("POST", Route::change(Input(id), INPUT_BYTES))],
        Some("answer") => vec![("POST", Route::change(Answer(id), INPUT_BYTES))],
        Some("explain") => vec![("GET", Route::ask(Explain(id)))],
        Some("screen") => vec![("GET", Route::ask(Screen(id)))],
        Some("wait") => vec![("GET", Route { lane: Lane::Wait, ..Route::new(Wait(id), Need::Login) })],
        Some("notes") => {
            vec![("GET", Route::ask(Notes(id))), ("PUT", Route::change(SetNotes(id), BODY_BYTES))]
        }
        Some("process") => vec![("GET", Route::ask(Endpoint::Process(id)))],
        Some("adopt") => vec![("POST", Route::change(Endpoint::Adopt(id), BODY_BYTES))],
        Some("queue") => vec![("GET", Route::ask(Queue(id))), ("POST", Route::change(Enqueue(id), INPUT_BYTES))],
        Some(rest) => match rest.strip_prefix("queue/").and_then(|number| number.parse().ok()) {
            Some(number) => vec![
                ("PATCH", Route::change(EditQueued(id, number), INPUT_BYTES)),
                ("DELETE", Route::change(CancelQueued(id, number), SMALL_BYTES)),
            ],
            None => Vec::new(),
        },
    }
}

impl Route {
    /// Something that a backend, a disk or another machine is asked for.
    fn ask(endpoint: Endpoint) -> Self {
        Route { lane: Lane::Act, ..Route::new(endpoint, Need::Login) }
    }

    /// Logging in and out.
    fn entry(endpoint: Endpoint) -> Self {
        Route { body_bytes: SMALL_BYTES, lane: Lane::Page, ..Route::new(endpoint, Need::Origin) }
    }

    /// A look at what the node knows.
    fn look(endpoint: Endpoint) -> Self {
        Route { lane: Lane::Look, ..Route::new(endpoint, Need::Login) }
    }

    /// Something quick without a body.
    fn new(endpoint: Endpoint, need: Need) -> Self {
        Route { endpoint, need, body_bytes: 0, lane: Lane::Quick }
    }

    /// A command, which waits for a backend or the store.
    fn change(endpoint: Endpoint, body_bytes: usize) -> Self {
        Route { endpoint, need: Need::Change, body_bytes, lane: Lane::Act }
    }
}
