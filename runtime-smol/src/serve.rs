//! `consort serve`: puts the parts of a node together, prints the login link and runs until it is told to stop.

use crate::api_node::ApiNode;
use crate::backend::Ends;
use crate::door::{Door, ListenError, OnSocket, Where};
use crate::driver::{Driver, Mailbox};
use crate::pty::{self, Palette, PtyConfig};
use crate::tmux::{self, TmuxConfig};
use crate::viewer;
use consort_core::directory::BackendKind;
use consort_core::{Config, Identity, Node, NodeId, Restored};
use consort_web::auth::{CookieKey, Sites};
use consort_web::json::NodeFacts;
use consort_web::{Api, Clock, api};
use smol::LocalExecutor;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Reports of backends that wait for the driver: at most this many, of at most 64 KiB each.
const REPORTS: usize = 64;

/// How a node is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses to listen on; empty: loopback, IPv4 and IPv6.
    pub addresses: Vec<IpAddr>,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// More names and origins that the node answers to (a proxy's name, `https://…`).
    pub sites: Vec<String>,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// `tmux -L` name; `None`: the user's default server.
    pub tmux_socket: Option<String>,
    /// What people call this machine.
    pub name: String,
}

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It cannot listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A name that it shall answer to is none.
    #[error(transparent)]
    Site(#[from] consort_web::auth::InvalidSite),
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] consort_core::ConfigError),
    /// The system refused something.
    #[error("{0}: {1}")]
    System(&'static str, std::io::Error),
}

/// Runs a node until it is told to stop.
///
/// # Errors
/// Why it cannot start; afterwards nothing of it is left.
pub fn serve(options: &Options) -> Result<(), ServeError> {
    let started = Instant::now();
    let executor = Rc::new(LocalExecutor::new());
    let place = Where {
        addresses: options.addresses.clone(),
        port: options.port,
        control: options.state_dir.join("control.sock"),
        private: options.state_dir.join("run"),
    };
    let door = Door::open(&place)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| ServeError::System("no random numbers", error.into()))?;
    let identity = Identity { id: NodeId([0; 32]), epoch: 1 };
    let node = Node::new(
        Config { name: options.name.clone() },
        identity,
        Restored::default(),
        seed,
        consort_core::Instant::START,
    )?;

    let (tmux_orders, tmux_ordered) = async_channel::unbounded();
    let mailbox = Mailbox::default();
    let handle = mailbox.handle.clone();
    let (reports, reported) = async_channel::bounded(REPORTS);
    let home = home();
    let mut backends = BTreeMap::new();
    let (orders, ordered) = async_channel::unbounded();
    backends.insert(BackendKind::Pty, orders);
    let config = PtyConfig { home: home.clone(), palette: Palette::default() };
    backends.insert(BackendKind::Tmux, tmux_orders);
    let tmux_ends = Ends { orders: tmux_ordered, reports: reports.clone() };
    pty::start(config, Ends { orders: ordered, reports: reports.clone() })
        .map_err(|error| ServeError::System("no thread for terminals", error))?;
    let keeper = Box::new(Nothing(handle.clone()));
    let driver = Driver::new(node, started, mailbox, reported, backends, keeper, Box::new(Nobody));
    let facts = NodeFacts { id: identity.id, version: env!("CARGO_PKG_VERSION"), home: home.display().to_string() };
    let sites = Sites::new(door.port(), options.sites.iter().map(String::as_str))?;
    let config = api::Config { sites, cookie_key: CookieKey::new(&[0; 32]), token: "x".into(), facts: facts.clone() };
    let api = Arc::new(Api::new(config, Arc::new(ApiNode::new(handle.clone(), home, |_| {}))));
    let clock: Arc<dyn Fn() -> Clock + Send + Sync> = Arc::new(move || Clock {
        unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64),
        uptime_ms: started.elapsed().as_millis() as u64,
    });
    println!("{}", api.login_link(clock()));
    let on_socket: OnSocket = {
        let facts = Arc::new(facts);
        Rc::new(move |socket, _| Box::pin(viewer::serve(socket, handle.clone(), Arc::clone(&facts))))
    };
    smol::block_on(executor.run(async {
        let driver = executor.spawn(driver.run());
        let config = TmuxConfig::from_environment(options.tmux_socket.clone());
        let _tmux = executor.spawn(tmux::start(config, tmux_ends));
        let served = door.serve(api, clock, on_socket, driver).await;
        served.map_err(|error| ServeError::System("the HTTP threads cannot be started", error))
    }))
}

fn home() -> PathBuf {
    std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"))
}

struct Nothing(crate::driver::Handle);
impl crate::driver::Keeper for Nothing {
    fn begin(&mut self, id: consort_core::StoreId, _: consort_core::StoreOperation) {
        self.0.stored(id, Ok(()));
    }
}
struct Nobody;
impl crate::driver::Witness for Nobody {
    fn attached(&mut self, _: consort_core::ViewerId, _: consort_core::TerminalId) {}
    fn typed(&mut self, _: consort_core::ViewerId, _: consort_core::TerminalId, _: u64) {}
    fn command(&mut self, _: &str, _: Option<&consort_core::Refusal>) {}
}
