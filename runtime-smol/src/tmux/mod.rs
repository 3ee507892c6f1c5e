//! The tmux backend: every session of the user's tmux server is an agent, every pane a terminal.
//!
//! Map: [`parser`], [`quote`], [`imsg`], [`listing`], `screen`, `flood` and `modes` are pure; `connection` is one
//! control-mode connection; `engine` holds the state and routes; `supervise` finds tmux and its server, `socket` where that listens; `lists`,
//! `terminal`, `repair`, `write`, `sizes`, `operations`, `launch` and `paste` each know one kind of work; `reports` is the way to
//! the driver.
//!
//! Rules that hold here: discovery only reads; no option of the user's is changed and no mode entered; targets are ids;
//! user text is an argument, never a script or a format; no server is started but by a launch; and tmux is never waited for
//! on the driver's thread.
//!
//! Agents of grouped sessions and windows linked into several sessions show the same pane: it is one terminal per agent, with
//! the same bytes, and the size of the window is the one that was wished for last.

pub mod connection;
mod engine;
pub mod flood;
pub mod imsg;
mod launch;
pub mod listing;
mod lists;
mod measure;
mod modes;
mod operations;
pub mod parser;
mod paste;
mod process;
pub mod quote;
mod repair;
mod reports;
pub mod screen;
mod sizes;
pub mod socket;
mod supervise;
mod terminal;
mod write;

use crate::backend::Ends;
use crate::environment::Environments;
use consort_web::tmux::TmuxReport;
use engine::{Engine, State};
use futures_lite::future;
pub(crate) use launch::{MANUAL_SIZE, MANUAL_SIZE_HINT};
use reports::Reports;
use smol::LocalExecutor;
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// Where tmux is and what it is started with.
#[derive(Clone, Debug)]
pub struct TmuxConfig {
    /// The server's name, as in `tmux -L`, or the path of its socket, as in `tmux -S`; the user's default server if none.
    pub socket_name: Option<String>,
    /// The tmux program; the first `tmux` in the environment's `PATH` if none.
    pub program: Option<PathBuf>,
    /// The user's home directory: what `~` means.
    pub home: PathBuf,
    /// Speak to the server by its socket. Otherwise each connection costs a `tmux -C` process of some 3.6 MB; used in any
    /// case for servers that do not understand us.
    pub direct: bool,
    /// The node's environment. Programs are looked up in its `PATH`; a server that the node starts gets a cleaned copy, see
    /// [`clean_environment`](TmuxConfig::clean_environment).
    pub environment: Vec<(OsString, OsString)>,
    /// What agents are started with.
    pub environments: Environments,
    /// What is seen of tmux beside the agents goes here.
    pub report: TmuxReport,
    /// How long the output of a pane rests before viewers who may see something wrong get a snapshot.
    pub repair_rest: Duration,
}

impl TmuxConfig {
    /// The configuration that this process's environment suggests.
    #[must_use]
    pub fn from_environment(socket_name: Option<String>, environments: Environments) -> Self {
        let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
        let environment = std::env::vars_os().collect();
        TmuxConfig {
            socket_name,
            program: None,
            home,
            direct: true,
            environment,
            environments,
            report: TmuxReport::default(),
            repair_rest: repair::REST,
        }
    }

    /// Which server this is about.
    fn which(&self) -> socket::Which<'_> {
        socket::Which { socket: self.socket_name.as_deref(), folder: self.variable("TMUX_TMPDIR") }
    }

    fn variable(&self, name: &str) -> Option<&OsString> {
        self.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// Runs the backend on this thread until the driver drops its ends. Everything that it reports and accepts is described at
/// [`Ends`]. Dropping the future closes all connections; sessions are left as they are.
pub async fn start(config: TmuxConfig, ends: Ends) {
    let Ends { orders, reports } = ends;
    let (look, looked) = async_channel::bounded(1);
    // Tasks hold the engine, so it must not hold them: they end with this executor.
    let executor = Rc::new(LocalExecutor::new());
    let engine = Rc::new(Engine {
        config,
        reports: Reports::new(reports),
        executor: Rc::downgrade(&executor),
        state: RefCell::new(State::default()),
        look,
        looked,
    });
    let obey = async {
        while let Ok(order) = orders.recv().await {
            engine.order(order);
        }
    };
    let work = future::or(obey, future::or(engine.reports.run(), engine.supervise()));
    executor.run(work).await;
}
