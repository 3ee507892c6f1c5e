//! `consort serve`: puts the parts of a node together, prints the login link and runs until a signal ends it.

use crate::api_node::ApiNode;
use crate::audit::{Audit, AuditEvent, By};
use crate::backend::{Ends, Way};
use crate::background::Background;
use crate::cli::{Listen, ServeOptions, TOKEN_FILE, open_in_browser};
use crate::directories::Directories;
use crate::door::{self, Door, Handlers, ListenError, OnLink, OnSocket, Visitor, Where};
use crate::driver::{Driver, Handle, Mailbox, Parts};
use crate::environment::{EnvironmentError, Environments, ProgramLists, Question};
use crate::journal;
use crate::link::knocks::Knocks;
use crate::link::noise::id_of;
use crate::link::seal::KeySeal;
use crate::origins::{self, OriginsError};
use crate::peers::{self, Myself, Peers};
use crate::pty::{self, Palette, PtyConfig, Terminals};
use crate::recorder::{RecordOptions, Recording};
use crate::sockets;
use crate::store::{Store, StoreError, StoreWorker};
use crate::tmux::{self, TmuxConfig};
use crate::viewer;
use async_signal::{Signal, Signals};
use consort_core::directory::BackendKind;
use consort_core::seal::Seal;
use consort_core::{Config, Identity, Node, Restored, redact};
use consort_recording::Header;
use consort_web::api::Link;
use consort_web::auth::{CookieKey, Names, Reach, Sites};
use consort_web::events::Events;
use consort_web::json::NodeFacts;
use consort_web::lines::Lines;
use consort_web::tmux::TmuxReport;
use consort_web::{Api, Clock, Via, api};
use futures_lite::{StreamExt, future};
use smol::LocalExecutor;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use x25519_dalek::StaticSecret;

/// Reports of backends that wait for the driver: at most this many, of at most 64 KiB each.
const REPORTS: usize = 16;

/// Connections of other nodes that wait to be taken in.
const LINKS_WAITING: usize = 16;

/// The names of this machine are read anew this often.
const NAMES_EVERY: Duration = Duration::from_secs(3);

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a node cannot start; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The origins that the user has allowed cannot be read.
    #[error(transparent)]
    Origins(#[from] OriginsError),
    /// What agents are started with cannot be prepared.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] consort_core::ConfigError),
    /// The system refused something.
    #[error("{0}: {1}")]
    System(&'static str, io::Error),
}

/// Runs a node until it gets `SIGINT` or `SIGTERM`. It outlives the terminal that started it.
///
/// # Errors
/// Why it cannot start; afterwards nothing of it is left.
pub fn serve(options: &ServeOptions, background: Option<&Background>) -> Result<(), ServeError> {
    let started = Instant::now();
    // From here on, before anything is there that has to be put in order first.
    let signals =
        Signals::new([Signal::Int, Signal::Term, Signal::Hup]).map_err(system("signals cannot be received"))?;
    let store = Store::open(&options.state_dir)?;
    let door = Door::open(&place(options))?;
    let audit = Audit::open(&options.state_dir).map_err(system("no thread for the audit log"))?;
    let token = token(&store)?;
    let environments = environments(&options.state_dir)?;
    let (node, recording, key, mut facts) = node(&store, options, door.addresses())?;
    facts.log = background.map(|background| background.log().display().to_string());
    let cookie_key = CookieKey::new(&store.secret("cookies")?);
    let names = names_on(door.addresses(), options);
    let mut sites = Sites::new(door.port(), names());
    options.origins.iter().for_each(|origin| sites.allow(origin.clone(), true));
    origins::load(&options.state_dir)?.into_iter().for_each(|origin| sites.allow(origin, false));

    let instance = node.view().instance();
    let mailbox = Mailbox::default();
    let handle = mailbox.handle.clone();
    let myself = Myself {
        key,
        name: options.name.clone(),
        version: VERSION,
        trusted: options.trusted.clone(),
        mdns: options.mdns,
    };
    let (peers, peers_work) = Peers::new(myself, handle.clone(), facts.lines.clone(), audit.clone());
    let (dials, dialled) = async_channel::unbounded();
    let (entrance, links) = async_channel::bounded(LINKS_WAITING);
    let places = peers::Place {
        port: door.port(),
        served: door.addresses(),
        may_open: matches!(options.listen, Listen::Loopback { .. }),
        wished: options.advertise.iter().filter_map(|address| peers::with_port(address, door.port())).collect(),
        entrance,
    };
    let (reports, reported) = async_channel::bounded(REPORTS);
    let (tmux_orders, tmux_ordered) = async_channel::unbounded();
    let (pty_orders, pty_ordered) = async_channel::unbounded();
    let (terminals, attendant) = Terminals::attended();
    let attendant = Rc::new(attendant);
    let driver = Driver::new(Parts {
        node,
        started,
        mailbox,
        reports: reported,
        backends: BTreeMap::from([
            (BackendKind::Tmux, Box::new(move |order| tmux_orders.try_send(order).is_ok()) as Way),
            (BackendKind::Pty, pty::way(pty_orders, terminals.clone(), Rc::clone(&attendant))),
        ]),
        directories: Directories::new(home(), reports.clone()),
        programs: ProgramLists::new(environments.clone(), reports.clone()),
        store: StoreWorker::start(store).map_err(system("no thread for the store"))?,
        audit: audit.clone(),
        dials,
        manifests: crate::screens::load::folder(),
        environments: Some(environments.clone()),
        recorder: recording.as_ref().map(Recording::recorder),
    });
    let pty_config = PtyConfig { home: home(), palette: Palette::default(), environments: environments.clone() };
    let ends = Ends { orders: pty_ordered, reports: reports.clone() };
    let pty = pty::start_reachable(pty_config, ends, terminals).map_err(system("no thread for terminals"))?;
    let tmux = tmux::start(
        TmuxConfig {
            report: facts.tmux.clone(),
            ..TmuxConfig::from_environment(options.tmux_socket.clone(), environments.clone())
        },
        Ends { orders: tmux_ordered, reports },
    );

    let events = Arc::new(Events::new(instance));
    let config = api::Config { sites, cookie_key, token, facts: facts.clone(), events: Arc::clone(&events) };
    let api_node = {
        let (handle, peers, environments) = (handle.clone(), Arc::clone(&peers), environments.clone());
        ApiNode::new(handle, peers, environments, options.state_dir.clone(), facts.tmux.clone(), auditor(audit.clone()))
    };
    let api = Arc::new(Api::new(config, Arc::new(api_node)));
    let clock = move || Clock { unix_ms: unix_ms(), uptime_ms: millis(started.elapsed()) };
    let ready = {
        let (api, addresses, audit) = (Arc::clone(&api), door.addresses(), audit.clone());
        move || {
            announce(&api.login_links(clock()), &addresses, options);
            if let Some(background) = background {
                background.ready();
            }
            audit.record(AuditEvent::Started { version: VERSION.to_string() });
        }
    };

    let executor = LocalExecutor::new();
    let served = smol::block_on(executor.run(async {
        let tmux = executor.spawn(tmux);
        let attending = executor.spawn(async move { attendant.run().await });
        let driving = executor.spawn(driver.run());
        // A task of its own: waiting for it costs nothing while others work.
        let told = executor.spawn(until_ended(signals));
        // So is this: what is woken by another task runs with it, without a look at the system in between.
        let working = executor.spawn(peers_work.run(Arc::clone(&peers), dialled, places));
        let handlers = Handlers { on_socket: on_socket(handle.clone(), facts), on_link: on_link(peers), links };
        let journal = executor.spawn(journal::keep(handle.clone(), events));
        let naming = executor.spawn(keep_names(Arc::clone(&api), door.addresses(), names));
        let served = executor.spawn(door.serve(api, Arc::new(clock), handlers, ready, told)).await;
        naming.cancel().await;
        journal.cancel().await;
        working.cancel().await;
        handle.stop();
        driving.await;
        // What it carries goes back to the threads that end it.
        attending.cancel().await;
        tmux.cancel().await;
        served
    }));
    // The driver is gone, and with it the way to the terminals: they end what they carry.
    environments.stop();
    let _ = pty.join();
    drop(recording);
    audit.record(AuditEvent::Stopped);
    served.map_err(system("the threads for HTTP cannot be started"))
}

fn system(what: &'static str) -> impl Fn(io::Error) -> ServeError {
    move |error| ServeError::System(what, error)
}

/// Asks the login shell what agents are started with. It answers while the node starts.
fn environments(state_dir: &Path) -> Result<Environments, ServeError> {
    // By its name, not by what it is now: after an update there is another file under the same name.
    let program = std::env::current_exe().map_err(system("this program does not know where it is"))?;
    Ok(Environments::ask(Question::of_this_process(program), state_dir)?)
}

fn place(options: &ServeOptions) -> Where {
    let addresses = options.listen.addresses();
    let loopback = matches!(options.listen, Listen::Loopback { .. });
    // The state directory is there by now, so that every path to it leads to the same place.
    let sockets = sockets::place(&options.state_dir);
    Where {
        addresses: if loopback { Vec::new() } else { addresses.iter().map(SocketAddr::ip).collect() },
        port: options.listen.port(),
        control: sockets.control,
        private: sockets.private,
        apart: sockets.apart,
    }
}

/// The node with what the store held. What cannot be read is set aside and said.
fn node(
    store: &Store,
    options: &ServeOptions,
    serving: Vec<SocketAddr>,
) -> Result<(Node, Option<Recording>, StaticSecret, NodeFacts), ServeError> {
    let loaded = store.load()?;
    let mut problems = loaded.problems;
    let mut restored = Restored::default();
    let mut taken = Vec::new();
    for (key, bytes) in loaded.entries {
        match restored.add(&key, &bytes) {
            Ok(()) => taken.push((key, bytes)),
            Err(error) => problems.push(store.set_aside(&key, &format!("is {error}"))),
        }
    }
    for problem in problems {
        log::error!("{problem}");
    }
    let secret = StaticSecret::from(store.secret("identity")?);
    let id = id_of(&secret);
    let identity = Identity { id, epoch: store.next_epoch()? };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| ServeError::System("no randomness", io::Error::other(error.to_string())))?;
    let began_unix_ms = unix_ms();
    let config = Config { name: options.name.clone(), start_unix_ms: Some(began_unix_ms) };
    let now = consort_core::Instant::START;
    let recording = match &options.record {
        Some(record) => Some(recording(record, (&options.name, identity, seed), (began_unix_ms, taken))?),
        None => None,
    };
    let seal: Box<dyn Seal> = Box::new(KeySeal::new(secret.clone()));
    let seal = match &recording {
        Some(recording) => recording.seal(seal),
        None => seal,
    };
    let node = Node::new(config, identity, restored, seal, seed, now)?;
    let facts = NodeFacts {
        id,
        version: VERSION,
        home: home().display().to_string(),
        lines: Lines::default(),
        serving,
        tmux_socket: options.tmux_socket.clone(),
        log: None,
        tmux: TmuxReport::default(),
    };
    Ok((node, recording, secret, facts))
}

/// Begins to record a node that is made from this.
fn recording(
    options: &RecordOptions,
    (name, identity, seed): (&str, Identity, [u8; 32]),
    (began_unix_ms, restored): (u64, Vec<(String, Vec<u8>)>),
) -> Result<Recording, ServeError> {
    let kept = |(key, bytes): (String, Vec<u8>)| {
        let bytes = if options.all { Some(bytes) } else { redact::stored(&key, &bytes).ok() };
        bytes.map(|bytes| (key, bytes))
    };
    let header = Header {
        version: VERSION.to_string(),
        began_unix_ms,
        all: options.all,
        name: name.to_string(),
        id: identity.id,
        epoch: identity.epoch,
        seed,
        now_ms: consort_core::Instant::START.as_millis(),
        restored: restored.into_iter().filter_map(kept).collect(),
    };
    Recording::begin(options, &header).map_err(system("nothing can be recorded"))
}

/// The permanent token of programs, in a file that only its user can read.
fn token(store: &Store) -> Result<String, ServeError> {
    let path = store.root().join(TOKEN_FILE);
    if let Ok(text) = std::fs::read_to_string(&path) {
        let token = text.trim();
        if token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(token.to_string());
        }
        let why = "it does not hold 64 hexadecimal digits: delete it, and a new one is made at the next start";
        return Err(StoreError::Damaged { path, reason: why.to_string() }.into());
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| ServeError::System("no randomness", io::Error::other(error.to_string())))?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    write_private(&path, &token).map_err(system("the token cannot be written"))?;
    Ok(token)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

fn on_socket(handle: Handle, facts: NodeFacts) -> OnSocket {
    let facts = Arc::new(facts);
    Rc::new(move |socket, visitor| Box::pin(viewer::serve(socket, who(&visitor), handle.clone(), Arc::clone(&facts))))
}

fn on_link(peers: Arc<Peers>) -> OnLink {
    let knocks = Knocks::default();
    Rc::new(move |socket| {
        let (peers, knocks) = (Arc::clone(&peers), knocks.clone());
        Box::pin(async move { peers::answer(&peers, &knocks, socket).await })
    })
}

fn who(visitor: &Visitor) -> String {
    match (visitor.via, visitor.peer) {
        (Via::ControlSocket, _) => "control socket".to_string(),
        (Via::Tcp, peer) => peer.map_or_else(String::new, |peer| peer.to_string()),
    }
}

fn auditor(audit: Audit) -> impl FnMut(api::Audit<'_>) + Send {
    move |event| {
        let who = By::from("browser");
        audit.record(match event {
            api::Audit::LoggedIn => AuditEvent::LoggedIn { who },
            api::Audit::LoginFailed => {
                AuditEvent::Refused { who, what: "login".into(), why: "wrong or used token".into() }
            }
            api::Audit::OriginAllowed { url } => AuditEvent::Origin { who, url: url.into(), allowed: true },
            api::Audit::OriginRemoved { url } => AuditEvent::Origin { who, url: url.into(), allowed: false },
            api::Audit::VariableSet { name } => AuditEvent::Variable { who, name: name.into(), what: "set" },
            api::Audit::VariableRemoved { name } => AuditEvent::Variable { who, name: name.into(), what: "removed" },
            api::Audit::VariableShown { name } => AuditEvent::Variable { who, name: name.into(), what: "shown" },
            api::Audit::Refused { code, path } => AuditEvent::Refused { who, what: path.into(), why: code.into() },
        });
    }
}

/// Reads by what names the listeners on these addresses are reached.
fn names_on(served: Vec<SocketAddr>, options: &ServeOptions) -> impl Fn() -> Names + 'static {
    let announced: Vec<String> = options.mdns.then(|| peers::name_of(&options.name)).into_iter().collect();
    move || door::names(&served, &announced)
}

/// Keeps the names of the machine up to date. On loopback they never change.
async fn keep_names(api: Arc<Api>, served: Vec<SocketAddr>, names: impl Fn() -> Names) {
    while served.iter().any(|address| !address.ip().is_loopback()) {
        async_io::Timer::after(NAMES_EVERY).await;
        api.set_names(names());
    }
}

/// Says where the dashboard is. The link for this machine is the last line, alone: programs read it too.
fn announce(links: &[Link], addresses: &[SocketAddr], options: &ServeOptions) {
    let listening: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let mut text = format!("consort {VERSION} on {} listens on {}.\n", options.name, listening.join(" and "));
    let here = links.iter().find(|link| link.reach != Reach::Forward);
    let others: Vec<&Link> = links.iter().filter(|link| Some(*link) != here).collect();
    if !others.is_empty() {
        text.push_str("From elsewhere (`consort open --qr` shows a code for a phone's camera):\n");
        others.iter().for_each(|link| text.extend(["  ", &link.url, "\n"]));
    }
    let Some(here) = here else { return };
    let works = if others.is_empty() { "this link works" } else { "one of these links works" };
    text.extend([
        "Open the dashboard (",
        works,
        " once, for ten minutes; `consort open` gives a new one):\n",
        &here.url,
        "\n",
    ]);
    // Nobody may be there to read it; the node runs all the same.
    let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    if options.open {
        let url = here.url.clone();
        // It may take seconds, and the browser wants to be served meanwhile.
        std::thread::spawn(move || {
            if !open_in_browser(&url) {
                log::warn!("no browser could be opened");
            }
        });
    }
}

/// Waits for the signal to end. A terminal that is closed (`SIGHUP`) is none: the node runs on.
async fn until_ended(mut signals: Signals) {
    while let Some(signal) = signals.next().await {
        match signal {
            Ok(Signal::Hup) => log::info!("the terminal of the node was closed: it runs on"),
            _ => return,
        }
    }
    future::pending::<()>().await;
}

fn home() -> PathBuf {
    std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"))
}

pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
