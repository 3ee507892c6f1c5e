//! Every endpoint: a request in, a response out, and in between one command to the node or one look at it.

mod body;
mod environment;
mod mesh;
mod once;
mod origins;
mod perform;
mod query;
mod route;
mod send;
mod watch;

use crate::auth::{Access, Admitted, CookieKey, Gate, LoginTokens, Names, Need, Reach, Sites};
use crate::environment::EnvironmentReport;
use crate::events::Events;
use crate::hook::HookMessage;
use crate::http::{Clock, Head, Problem, Response};
use crate::json::NodeFacts;
use crate::refusal;
use consort_core::error::RefusalCode;
use consort_core::input::Programs;
use consort_core::view::View;
use consort_core::{Command, Instant, NodeId, Refusal, Reply, Rights};
use once::Once;
use route::Route;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// An answer that comes later.
pub type Eventually<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A look at the node: called once, with the view and core's present time.
pub type Look = Box<dyn FnOnce(View<'_>, Instant) + Send>;

/// What a runtime offers. Called from several threads at once; no call blocks, and every answer comes within a minute.
pub trait Node: Send + Sync {
    /// Has a node carry out a command and waits for its reply.
    ///
    /// # Errors
    /// Core's refusal; [`Unavailable`](consort_core::error::RefusalCode::Unavailable) if the node did not answer in time.
    fn command(&self, node: NodeId, command: Command) -> Eventually<'_, Result<Reply, Refusal>>;

    /// Calls `look` and ends when it was called, or drops it (the node is stopping).
    fn read(&self, look: Look) -> Eventually<'_, ()>;

    /// Ends after this time.
    fn sleep(&self, length: Duration) -> Eventually<'_, ()>;

    /// Takes note of something for the audit log. Must not block.
    fn audit(&self, event: Audit<'_>);

    /// Makes a code for one other node, which may then do what `rights` say.
    ///
    /// # Errors
    /// Why there is none.
    fn invite(&self, rights: Rights) -> Eventually<'_, Result<Invite, Refusal>> {
        let _ = rights;
        alone()
    }

    /// Joins the node that a code or an address names; `rights` is what that node may do here.
    ///
    /// # Errors
    /// Why it was not reached, or what it said.
    fn join<'a>(&'a self, target: &'a str, rights: Rights) -> Eventually<'a, Result<Joined, Refusal>> {
        let _ = (target, rights);
        alone()
    }

    /// Admits a node that has asked, or changes what a member may do.
    ///
    /// # Errors
    /// It has not asked; or core's refusal.
    fn admit(&self, node: NodeId, rights: Rights) -> Eventually<'_, Result<Reply, Refusal>> {
        let _ = (node, rights);
        alone()
    }

    /// Says no to a node that has asked to be admitted.
    ///
    /// # Errors
    /// It does not ask.
    fn refuse(&self, node: NodeId) -> Result<(), Refusal> {
        let _ = node;
        Err(no_others())
    }

    /// Whether this node and a member can dial each other.
    ///
    /// # Errors
    /// It is no member.
    fn check(&self, node: NodeId) -> Eventually<'_, Result<Checked, Refusal>> {
        let _ = node;
        alone()
    }

    /// Keeps the origins that the user has allowed beyond this run of the node, in place of those that were kept before.
    ///
    /// # Errors
    /// They cannot be stored.
    fn keep_origins(&self, origins: Vec<String>) -> Eventually<'_, Result<(), Refusal>> {
        let _ = origins;
        let message = "This node cannot keep origins.".to_string();
        Box::pin(async { Err(Refusal { code: RefusalCode::Unavailable, message, hint: String::new() }) })
    }

    /// What agents of this node are started with.
    fn environment(&self) -> EnvironmentReport {
        EnvironmentReport::default()
    }

    /// Asks the user's login shell again.
    fn reload_environment(&self) -> Eventually<'_, EnvironmentReport> {
        Box::pin(async { self.environment() })
    }

    /// The value of a variable that the user has set for all agents.
    fn variable(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// Sets a variable for all agents, or removes it. Ends with whether it was there. The name and the value were checked.
    ///
    /// # Errors
    /// It cannot be stored.
    fn set_variable(&self, name: String, value: Option<String>) -> Eventually<'_, Result<bool, Refusal>> {
        let _ = (name, value);
        let message = "This node cannot keep variables.".to_string();
        Box::pin(async { Err(Refusal { code: RefusalCode::Unavailable, message, hint: String::new() }) })
    }

    /// Which known agent programs agents of this node find, as far as that is known now.
    fn programs(&self) -> Eventually<'_, Programs> {
        Box::pin(async { Programs::default() })
    }

    /// Of the variables of a shell on this machine, those that an agent gets which is created from there.
    fn handed_over(&self, caller: Vec<(String, String)>) -> Eventually<'_, Vec<(String, String)>> {
        Box::pin(async { caller })
    }

    /// A hook of an agent's program says something. Must not block.
    fn hook(&self, message: HookMessage) {
        let _ = message;
    }

    /// Who wants to meet whom, and where this node can be met.
    fn meeting(&self) -> Meeting {
        Meeting::default()
    }
}

fn alone<T>() -> Eventually<'static, Result<T, Refusal>> {
    Box::pin(async { Err(no_others()) })
}

fn no_others() -> Refusal {
    let message = "This node cannot meet others.".to_string();
    Refusal { code: RefusalCode::Unavailable, message, hint: String::new() }
}

/// A code for one other node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// By which it is known; no secret.
    pub number: String,
    /// What is entered there.
    pub code: String,
    /// For how long it can be.
    pub lifetime_s: u64,
    /// Where the other node will look for this one.
    pub addresses: Vec<String>,
}

/// What became of joining a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Which.
    pub node: NodeId,
    /// What it calls itself.
    pub name: String,
    /// What this node may do there; `None`: somebody there has to admit it first.
    pub rights: Option<Rights>,
}

/// Who wants to meet whom, and where this node can be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meeting {
    /// Nodes that ask to be admitted here.
    pub requests: Vec<JoinRequest>,
    /// Nodes that this one has asked.
    pub asking: Vec<Asked>,
    /// Invites that could still be used.
    pub invites: usize,
    /// Numbers of invites that were used in the last minutes, and who used them.
    pub used: Vec<(String, NodeId)>,
    /// Addresses that others are told, best first.
    pub addresses: Vec<String>,
    /// What is listened on for links only.
    pub listening: Vec<String>,
}

/// Whether two nodes can dial each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Checked {
    /// From here to there.
    pub there: Vec<Dialled>,
    /// From there to here; none if nobody there could be asked.
    pub back: Option<Vec<Dialled>>,
    /// How far its clock is ahead of this node's, in milliseconds, give or take the way of an answer; none as for `back`.
    pub clock_ms: Option<i64>,
}

/// What became of dialling an address.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Dialled {
    /// Where.
    pub address: String,
    /// Why nobody was there, if nobody was.
    pub failure: Option<String>,
}

/// A node that asks to be admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// Its id.
    pub node: NodeId,
    /// What it calls itself.
    pub name: String,
    /// Where it asks from.
    pub from: String,
    /// Its version.
    pub version: String,
    /// How long it has been asking.
    pub age_ms: u64,
}

/// A node that was asked to admit this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its id.
    pub node: NodeId,
    /// What it calls itself.
    pub name: String,
    /// Where it was asked.
    pub address: String,
    /// What it may do here then.
    pub rights: Rights,
}

/// What the door and the API have to say to the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit<'a> {
    /// A browser was logged in.
    LoggedIn,
    /// A login failed. Not told for each of very many.
    LoginFailed,
    /// Pages of this origin may use the node from now on.
    OriginAllowed {
        /// Its address.
        url: &'a str,
    },
    /// They may not any more.
    OriginRemoved {
        /// Its address.
        url: &'a str,
    },
    /// The user has set a variable for all agents.
    VariableSet {
        /// Its name.
        name: &'a str,
    },
    /// It was removed.
    VariableRemoved {
        /// Its name.
        name: &'a str,
    },
    /// Its value was shown.
    VariableShown {
        /// Its name.
        name: &'a str,
    },
    /// A request was not let in.
    Refused {
        /// The stable name of the rule that it broke.
        code: &'a str,
        /// What it asked for, without its query, at most 200 bytes.
        path: &'a str,
    },
}

/// Names and secrets of the node.
#[derive(Debug)]
pub struct Config {
    /// The names that it answers to.
    pub sites: Sites,
    /// Signs the dashboard's cookies.
    pub cookie_key: CookieKey,
    /// The permanent token of programs; an empty one never matches.
    pub token: String,
    /// What the node says of itself.
    pub facts: NodeFacts,
    /// What has happened on it.
    pub events: Arc<Events>,
}

/// What a request may go on to do, decided by its head alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Bytes that its body may have.
    pub body_bytes: usize,
    /// What answering it takes.
    pub lane: Lane,
    /// Whoever sent it is logged in, or is the node's own user.
    pub known: bool,
}

/// What answering a request takes, so that a runtime can keep room for the quick ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Files of the dashboard, and who may come in: a moment, but many bytes or a hash, and open to anybody. The HTTP threads
    /// answer these.
    Page,
    /// A moment, without a look at the node.
    Quick,
    /// What the node knows: the work of listing it, whatever else is under way.
    Look,
    /// Waiting for something to happen, for as long as the client wishes and stays.
    Wait,
    /// Events without end: see [`Api::events`].
    Events,
    /// Something that is done, or that a backend, a disk or another machine has to be asked for: seconds, perhaps.
    Act,
}

/// The HTTP API of one node.
pub struct Api {
    gate: Gate,
    logins: Mutex<LoginTokens>,
    /// Held while the allowed origins change, so that what is stored is what holds.
    changing_origins: async_lock::Mutex<()>,
    facts: NodeFacts,
    events: Arc<Events>,
    node: Arc<dyn Node>,
    once: Once,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Api {
    /// The API of `node`.
    #[must_use]
    pub fn new(config: Config, node: Arc<dyn Node>) -> Self {
        let gate = Gate::new(config.sites, config.cookie_key, config.token);
        Api {
            gate,
            logins: Mutex::default(),
            changing_origins: async_lock::Mutex::default(),
            facts: config.facts,
            events: config.events,
            node,
            once: Once::default(),
        }
    }

    /// What the node says of itself.
    #[must_use]
    pub fn facts(&self) -> &NodeFacts {
        &self.facts
    }

    /// A fresh link for the node's own machine that logs a browser in once, within ten minutes.
    #[must_use]
    pub fn login_link(&self, clock: Clock) -> String {
        format!("{}#token={}", self.gate.sites().home(), self.login_token(clock))
    }

    /// The same login by every address of the dashboard, first the one for the node's own machine. It works once, by any of them.
    #[must_use]
    pub fn login_links(&self, clock: Clock) -> Vec<Link> {
        let token = self.login_token(clock);
        let places = self.gate.sites().places();
        places
            .into_iter()
            .map(|place| Link { url: format!("{}#token={token}", place.url), reach: place.reach })
            .collect()
    }

    fn login_token(&self, clock: Clock) -> String {
        self.logins().mint(random(), clock.uptime_ms)
    }

    /// The node is reached by other names now.
    pub fn set_names(&self, names: Names) {
        if *self.gate.sites().names() != names {
            self.gate.sites_mut().rename(names);
        }
    }

    /// Decides by its head whether a request may go on, before a byte of its body is read.
    ///
    /// # Errors
    /// The complete answer to a request that may not.
    pub fn admit(&self, head: &Head<'_>, clock: Clock) -> Result<Admission, Response> {
        let head = self.without_prefix(head)?;
        self.judge(&head, clock).map(|(route, access)| route.admission(access)).map_err(|problem| *problem)
    }

    /// Answers a request whose body was read completely. Judges it again: an answer never depends on an earlier call.
    ///
    /// Whoever polls the answer polls it to its end: what was begun for one request may be what another one waits for.
    pub async fn answer(&self, head: &Head<'_>, body: &[u8], clock: Clock) -> Response {
        let head = &match self.without_prefix(head) {
            Ok(head) => head,
            Err(response) => return response,
        };
        let (route, access) = match self.judge(head, clock) {
            Ok(found) => found,
            Err(response) => return *response,
        };
        if body.len() > route.admission(access).body_bytes {
            return too_large(route.admission(access).body_bytes).into();
        }
        let response = self.perform(&route, head, body, clock).await.unwrap_or_else(Response::from);
        match access {
            Access::Cookie { renew: true } if response.header("Set-Cookie").is_none() => {
                // Where a proxy may be in between, only a request with an Origin tells whose cookie it is.
                with_cookie(response, self.gate.set_cookie(head, clock.unix_ms / 1_000, random()))
            }
            _ => response,
        }
    }

    /// Decides whether a request for `/ws` may become a WebSocket.
    ///
    /// # Errors
    /// The complete answer to one that may not.
    pub fn admit_socket(&self, head: &Head<'_>, clock: Clock) -> Result<Access, Response> {
        let head = &self.without_prefix(head)?;
        if head.path() != route::SOCKET {
            return Err(Problem::new(404, "not-found", "WebSockets are served at /ws only.", "").into());
        }
        self.let_in(head, Need::Socket, clock)
    }

    fn judge(&self, head: &Head<'_>, clock: Clock) -> Result<(Route, Access), Box<Response>> {
        let found = route::find(head, self.facts.id);
        // Who asks comes before what is asked for: a stranger learns nothing from a 404.
        let need = found.as_ref().map_or_else(|miss| miss.need, |route| route.need);
        let access = self.let_in(head, need, clock).map_err(Box::new)?;
        match found {
            Ok(route) => Ok((route, access)),
            Err(miss) => Err(Box::new(miss.response(head))),
        }
    }

    /// The request as it would be without a proxy that leaves its prefix in the path.
    fn without_prefix<'a>(&self, head: &Head<'a>) -> Result<Head<'a>, Response> {
        match self.gate.sites().without_prefix(head.target) {
            Ok(target) => Ok(Head { target, ..*head }),
            // All addresses in the dashboard are relative to its folder: without the slash they would lead elsewhere.
            Err(folder) => Err(Response::empty(308).with("Location", folder)),
        }
    }

    fn let_in(&self, head: &Head<'_>, need: Need, clock: Clock) -> Result<Access, Response> {
        self.gate.judge(head, need, clock.unix_ms / 1_000).map_err(|denial| {
            let problem = refusal::problem(denial, head);
            self.node.audit(Audit::Refused { code: &problem.code, path: shortened(head.path()) });
            let status = problem.status;
            let response = refusal::response(problem, head);
            if status == 401 { response.with("WWW-Authenticate", "Bearer realm=\"consort\"") } else { response }
        })
    }

    fn login(&self, head: &Head<'_>, body: &[u8], clock: Clock) -> Result<Response, Problem> {
        let token = body::parse::<body::Login>(head, body)?.token;
        // In a statement of its own: the table is not locked while anything else happens.
        let admitted =
            if self.gate.is_token(&token) { Admitted::Yes } else { self.logins().redeem(&token, clock.uptime_ms) };
        match admitted {
            Admitted::Yes => {
                self.node.audit(Audit::LoggedIn);
                let cookie = self.gate.set_cookie(head, clock.unix_ms / 1_000, random());
                Ok(with_cookie(Response::empty(204), cookie))
            }
            Admitted::No => {
                self.node.audit(Audit::LoginFailed);
                Err(Problem::new(
                    401,
                    "login-failed",
                    "This login link was used before, has expired, or is not of this node.",
                    "Run `consort open` for a fresh one.",
                ))
            }
            Admitted::TooMany => Err(Problem::new(
                429,
                "too-many-logins",
                "There were too many failed logins.",
                "Wait a few seconds, then run `consort open` for a fresh link; that one works at once.",
            )),
        }
    }

    fn logout(&self, head: &Head<'_>) -> Response {
        with_cookie(Response::empty(204), self.gate.clear_cookie(head))
    }

    fn logins(&self) -> std::sync::MutexGuard<'_, LoginTokens> {
        // A panic elsewhere leaves the table whole: every change of it is a single call.
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One address of the dashboard with a login in it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Link {
    /// The link.
    pub url: String,
    /// From where it can be opened.
    pub reach: Reach,
}

fn with_cookie(response: Response, cookie: Option<String>) -> Response {
    match cookie {
        Some(cookie) => response.with("Set-Cookie", cookie),
        None => response,
    }
}

/// Reads something from the node.
///
/// # Errors
/// 503 when the node is stopping.
pub(crate) async fn look<T: Send + 'static>(
    node: &dyn Node,
    read: impl FnOnce(View<'_>, Instant) -> T + Send + 'static,
) -> Result<T, Problem> {
    let slot = Arc::new(Mutex::new(None));
    let result = Arc::clone(&slot);
    node.read(Box::new(move |view, now| {
        let value = read(view, now);
        *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }))
    .await;
    let value = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    value.ok_or_else(|| Problem::new(503, "stopping", "The node is stopping.", "Try again when it runs."))
}

pub(crate) fn too_large(limit: usize) -> Problem {
    let hint =
        if limit == 0 { "This request takes no body.".into() } else { format!("At most {limit} bytes are accepted.") };
    Problem::new(413, "too-large", "The request's body is too large.", hint)
}

/// The answer to a request whose body would be larger than it may be.
#[must_use]
pub fn body_too_large(admission: Admission) -> Response {
    too_large(admission.body_bytes).into()
}

fn shortened(path: &str) -> &str {
    let mut end = path.len().min(200);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    &path[..end]
}

/// Random bytes of the operating system. Without them no secret can be made: better no node than a guessable one.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

impl Route {
    fn admission(&self, access: Access) -> Admission {
        Admission { body_bytes: self.body_bytes, lane: self.lane, known: access != Access::Stranger }
    }
}

#[cfg(test)]
mod tests;
