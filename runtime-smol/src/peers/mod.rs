//! Other nodes, as far as core does not know them: pairing with them, being found by them, and the links that are open.
//!
//! - [`code`], [`invites`], [`requests`]: what pairing is made of, without any IO;
//! - [`answer`]: what a node that calls is told; [`join`]: calling a node to join it;
//! - [`check`]: whether two members can dial each other;
//! - [`network`], [`listen`], [`local_names`]: which addresses there are, the listeners on them, and names for them.

mod answer;
mod check;
mod code;
mod invites;
mod join;
mod listen;
mod local_names;
mod network;
mod requests;

pub(crate) use answer::answer;
pub(crate) use check::NO_MEMBER;
pub use listen::Place;
pub(crate) use local_names::name_of;
pub use network::Trusted;
pub(crate) use network::{of_this_machine as addresses_of_this_machine, with_port};

use crate::audit::{Audit, AuditEvent};
use crate::driver::Handle;
use crate::link::greet::Card;
use crate::link::noise::id_of;
use crate::link::{Dial, carry, greet, noise, socket};
use async_channel::{Receiver, Sender};
use code::Code;
use consort_core::error::RefusalCode;
use consort_core::{Address, Command, NodeId, Refusal, Reply, Rights};
use consort_web::api::{Checked, Joined};
use consort_web::json::rights_name;
use consort_web::lines::{Line, Lines};
use invites::{INVITE_TIME, Invites};
use local_names::LocalNames;
use requests::Requests;
use smol::LocalExecutor;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use x25519_dalek::StaticSecret;

/// How long an invite or a join waits for the listeners.
const OPENING: Duration = Duration::from_secs(2);
/// Refusals of strangers are put into the audit log at most this often: they cannot push other entries out of it.
const REFUSAL_EVERY: Duration = Duration::from_secs(10);

/// What a node is to others.
#[allow(missing_debug_implementations, reason = "it holds the secret key")]
pub struct Myself {
    /// Its secret key.
    pub key: StaticSecret,
    /// What people call it.
    pub name: String,
    /// Version of its program.
    pub version: &'static str,
    /// Networks whose machines may join by their address alone.
    pub trusted: Vec<Trusted>,
    /// Whether it has a name on local networks, and knows others': see [`local_names`].
    pub mdns: bool,
}

/// Everything about other nodes that is not core's. Shared by the tasks of links and the threads of the API.
#[allow(missing_debug_implementations, reason = "it holds the secret key")]
pub struct Peers {
    myself: Myself,
    id: NodeId,
    handle: Handle,
    audit: Audit,
    lines: Lines,
    invites: Mutex<Invites>,
    /// What new members said of their version when they were paired, until they say it on a link.
    versions: Mutex<BTreeMap<NodeId, String>>,
    requests: Mutex<Requests>,
    local_names: Option<LocalNames>,
    asking: Mutex<BTreeMap<NodeId, Asking>>,
    reach: Mutex<Reach>,
    /// Somebody is to be let in from outside: set once, for the life of the process.
    open: AtomicBool,
    /// Asks for the addresses to be looked at now; answered when that is done.
    looks: Sender<Sender<()>>,
    tasks: Sender<Task>,
    refused: Mutex<Option<Instant>>,
}

/// The other ends of [`Peers`], for its tasks.
#[derive(Debug)]
pub struct Work {
    looks: Receiver<Sender<()>>,
    tasks: Receiver<Task>,
}

/// Something to go on with in the background.
#[derive(Debug)]
enum Task {
    Ask(NodeId),
}

/// A node that was asked to admit this one, and has not decided yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asking {
    /// Where it was asked.
    pub(crate) address: String,
    /// What it calls itself.
    pub(crate) name: String,
    /// What it may do here once it has admitted this node.
    pub(crate) rights: Rights,
}

/// Where this node can be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// What others are told, best first.
    pub(crate) addresses: Vec<Address>,
    /// What is listened on beside the dashboard's own address, for links only.
    pub(crate) listening: Vec<SocketAddr>,
}

/// A fresh invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invited {
    /// By which it is known; no secret.
    pub(crate) number: [u8; 4],
    /// What is entered on the other machine.
    pub(crate) code: String,
    /// How long it is good for.
    pub(crate) lifetime: Duration,
    /// Where the other machine will look for this one.
    pub(crate) addresses: Vec<Address>,
}

impl Peers {
    /// A node that knows nobody yet.
    #[must_use]
    pub fn new(myself: Myself, handle: Handle, lines: Lines, audit: Audit) -> (Arc<Self>, Work) {
        let (looks, looked) = async_channel::bounded(16);
        let (tasks, tasked) = async_channel::bounded(16);
        let id = id_of(&myself.key);
        let peers = Peers {
            local_names: myself.mdns.then(|| LocalNames::new(&myself.name)),
            myself,
            id,
            handle,
            audit,
            lines,
            invites: Mutex::default(),
            versions: Mutex::default(),
            requests: Mutex::default(),
            asking: Mutex::default(),
            reach: Mutex::default(),
            open: AtomicBool::new(false),
            looks,
            tasks,
            refused: Mutex::default(),
        };
        (Arc::new(peers), Work { looks: looked, tasks: tasked })
    }

    /// Opens an invite for one node.
    pub(crate) async fn invite(&self, rights: Rights) -> Result<Invited, Refusal> {
        let own = |view: consort_core::View<'_>| view.node(view.id()).is_some_and(|own| own.rights == Rights::View);
        if self.handle.read(move |view, _| own(view)).await == Some(true) {
            let message = "This machine may only look: it does not say who belongs to the mesh.".to_string();
            let hint = "Make the invite on a machine that may operate.".to_string();
            return Err(Refusal { code: RefusalCode::Forbidden, message, hint });
        }
        self.open_up().await;
        let mut secret = [0; 12];
        getrandom::fill(&mut secret).map_err(|error| {
            let message = format!("The system gives no randomness: {error}.");
            Refusal { code: RefusalCode::Unavailable, message, hint: String::new() }
        })?;
        let code = Code::new(self.id, secret, &self.reach().addresses);
        let ticket = code.ticket();
        let number = ticket.number;
        self.invites().open(ticket, rights, Instant::now());
        self.note(self.id, "invite", rights_name(rights));
        Ok(Invited { number, code: code.written(), lifetime: INVITE_TIME, addresses: code.addresses })
    }

    /// Joins the node that a code or an address names. `rights` is what that node may do here.
    pub(crate) async fn join(&self, target: &str, rights: Rights) -> Result<Joined, Refusal> {
        join::join(self, target, rights).await
    }

    /// Admits a node that has asked, or changes what a member may do.
    pub(crate) async fn admit(&self, node: NodeId, rights: Rights) -> Result<Reply, Refusal> {
        self.open_up().await;
        let asked = self.requests().get(node, Instant::now()).map(|request| request.card.addresses.clone());
        let known = self.handle.read(move |view, _| view.node(node).is_some_and(|node| node.member)).await;
        if asked.is_none() && known != Some(true) {
            let hint = "See who asks: consort peers. On the other machine: consort join ADDRESS".to_string();
            let message = format!("The node {} has not asked to join.", node.short());
            return Err(Refusal { code: RefusalCode::NotFound, message, hint });
        }
        let version = self.requests().get(node, Instant::now()).map(|request| request.card.version.clone());
        self.note_version(node, &version.unwrap_or_default());
        let reply = self.take_in(node, asked.unwrap_or_default(), rights).await?;
        self.requests().forget(node);
        Ok(reply)
    }

    /// Says no to a node that asks to be admitted.
    pub(crate) fn refuse(&self, node: NodeId) -> Result<(), Refusal> {
        let name = self.requests().refuse(node, Instant::now()).map(|request| request.card.name.clone());
        let Some(name) = name else {
            return Err(Refusal {
                code: RefusalCode::NotFound,
                message: format!("{} does not ask to be admitted.", node.short()),
                hint: String::new(),
            });
        };
        self.note(node, "refused", &name);
        Ok(())
    }

    /// Whether this node and a member can dial each other.
    pub(crate) async fn check(&self, node: NodeId) -> Result<Checked, Refusal> {
        check::check(self, node).await
    }

    /// Invites that could still be used.
    pub(crate) fn open_invites(&self) -> usize {
        self.invites().count(Instant::now())
    }

    /// Invites that were used lately, with who used them.
    pub(crate) fn used_invites(&self) -> Vec<([u8; 4], NodeId)> {
        self.invites().used(Instant::now())
    }

    /// Who waits to be admitted.
    pub(crate) fn waiting(&self) -> Vec<(NodeId, requests::Request)> {
        self.requests().all(Instant::now()).map(|(node, request)| (*node, request.clone())).collect()
    }

    /// Whom this node has asked and who has not decided.
    pub(crate) fn asking(&self) -> Vec<(NodeId, Asking)> {
        self.asking_now().iter().map(|(node, asking)| (*node, asking.clone())).collect()
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sees to it that others can come in, as far as this machine has addresses.
    async fn open_up(&self) {
        self.open.store(true, Ordering::Relaxed);
        let (done, looked) = async_channel::bounded(1);
        if self.looks.send(done).await.is_ok() {
            let late = async {
                async_io::Timer::after(OPENING).await;
                Err(async_channel::RecvError)
            };
            let _ = futures_lite::future::or(looked.recv(), late).await;
        }
    }

    /// Makes a node a member, here.
    async fn take_in(&self, node: NodeId, addresses: Vec<Address>, rights: Rights) -> Result<Reply, Refusal> {
        self.handle.command(self.id, Command::Admit { node, addresses, rights }).await
    }

    /// What this node tells of itself to one that it knows.
    fn card(&self) -> Card {
        let version = self.myself.version.to_string();
        Card { name: self.myself.name.clone(), version, addresses: self.reach().addresses }.within_bounds()
    }

    fn note(&self, node: NodeId, what: &str, detail: &str) {
        self.audit.record(AuditEvent::Mesh { who: "api".into(), node, what: what.into(), detail: detail.into() });
    }

    /// A stranger was refused.
    fn note_refusal(&self, from: SocketAddr, why: String) {
        log::debug!("{from} is refused: {why}");
        let mut last = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if last.is_none_or(|last| now.duration_since(last) >= REFUSAL_EVERY) {
            *last = Some(now);
            self.audit.record(AuditEvent::Refused { who: from.ip().to_string().into(), what: "link".into(), why });
        }
    }

    fn invites(&self) -> MutexGuard<'_, Invites> {
        self.invites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asking_now(&self) -> MutexGuard<'_, BTreeMap<NodeId, Asking>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers which version a new member runs.
    fn note_version(&self, node: NodeId, version: &str) {
        if !version.is_empty() {
            self.versions.lock().unwrap_or_else(PoisonError::into_inner).insert(node, version.to_string());
        }
    }

    /// The version of a node: what it says, or else what it said when the two were paired. To a caller that is no member there yet
    /// a node says nothing about itself.
    fn version_of(&self, node: NodeId, said: String) -> String {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            return versions.get(&node).cloned().unwrap_or_default();
        }
        versions.remove(&node);
        said
    }

    /// Connects to a node, under a name of the local network too; a failure is told in words for a person.
    async fn connect(&self, address: &Address) -> Result<socket::NodeSocket, String> {
        let known = match &self.local_names {
            Some(names) => names.resolve(address).await,
            None => Vec::new(),
        };
        socket::connect(&address.0, known).await
    }

    /// One attempt to reach a node, and the link if it succeeds.
    async fn dial(&self, dial: Dial) {
        let connected = async {
            let socket = self.connect(&dial.address).await?;
            let wanted = greet::Wanted::Node(dial.node);
            let (card, purpose) = (self.card(), (noise::Purpose::Link, None));
            let called = greet::call(&self.myself.key, socket, purpose, wanted, &card).await;
            match called.map_err(|failure| failure.to_string())? {
                (conversation, greet::Answer::Welcome { card, .. }) => Ok((conversation, card)),
                (_, greet::Answer::Refused { message }) => Err(message),
                (_, greet::Answer::Waiting { .. } | greet::Answer::Checked { .. }) => {
                    Err("it answers something else than was asked".to_string())
                }
            }
        };
        match connected.await {
            Ok((conversation, card)) => {
                let Dial { id, node, address } = dial;
                let version = self.version_of(node, card.version);
                let line = Line { peer: node, address: address.0, dialled: true, version, latency: None };
                carry(conversation, Some(id), line, &self.handle, &self.lines).await;
            }
            Err(why) => {
                log::debug!("node {} at {}: {why}", dial.node.short(), dial.address.0);
                self.handle.dial_failed(dial.id, why);
            }
        }
    }
}

impl Work {
    /// Dials, goes on with what takes long, and keeps the listeners at this machine's addresses. `place` says where.
    pub async fn run(self, peers: Arc<Peers>, dials: Receiver<Dial>, place: Place) {
        let executor = LocalExecutor::new();
        let Work { looks, tasks } = self;
        let dialling = async {
            while let Ok(dial) = dials.recv().await {
                let peers = Arc::clone(&peers);
                executor.spawn(async move { peers.dial(dial).await }).detach();
            }
        };
        let asking = async {
            while let Ok(Task::Ask(node)) = tasks.recv().await {
                let peers = Arc::clone(&peers);
                executor.spawn(async move { join::keep_asking(&peers, node).await }).detach();
            }
        };
        let listening = listen::keep(&peers, &executor, &looks, place);
        let all = futures_lite::future::zip(listening, futures_lite::future::zip(dialling, asking));
        executor.run(all).await;
    }
}
