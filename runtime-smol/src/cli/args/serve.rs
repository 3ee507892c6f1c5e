//! The flags of a node, and what it is to do by them.

use super::DEFAULT_PORT;
use crate::cli::listen::Listen;
use crate::peers::{Trusted, with_port};
use crate::recorder::RecordOptions;
use clap::{Args as ClapArgs, ValueHint};
use consort_web::auth::Site;
use std::path::PathBuf;

/// How a node runs.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ServeFlags {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,

    /// Name of this machine in lists [default: the host name]
    #[arg(long = "name", id = "node_name", value_name = "NAME", env = "CONSORT_NAME", hide_env_values = true)]
    pub(crate) node_name: Option<String>,

    /// Open the dashboard in the browser once the node runs
    #[arg(long)]
    pub(crate) open: bool,

    /// Start in the background, print the login link once the node is up, and return
    ///
    /// Exits with 0 if a node is running then, also one that was started earlier, and with 1 if it could not be started. The log is
    /// consort.log in the state directory. `consort stop` ends the node.
    #[arg(long, short)]
    pub(crate) daemon: bool,

    /// Be the process in the background that --daemon has started
    #[arg(long, hide = true)]
    pub(crate) detached: bool,

    /// Answer to this address of the dashboard too: of a proxy or a port forwarding (repeatable)
    ///
    /// As the browser shows it, with its path if it has one: https://box.example.org/consort/, http://localhost:8023. `consort allow`
    /// does the same while the node runs, and for good.
    #[arg(long = "origin", id = "origin", value_name = "URL", env = "CONSORT_ORIGIN", hide_env_values = true)]
    #[arg(value_delimiter = ',')]
    pub(crate) origins: Vec<Site>,

    /// Tell other machines to reach this one at this address, before all others (repeatable)
    ///
    /// For forwarded ports, and for names that this machine does not know. The addresses of its own interfaces are found
    /// automatically. Without a port, the one that this machine listens on is used.
    #[arg(long, value_name = "HOST[:PORT]", env = "CONSORT_ADVERTISE", hide_env_values = true)]
    #[arg(value_parser = advertised, value_delimiter = ',')]
    pub(crate) advertise: Vec<String>,

    /// Announce this node to its local networks as NAME.local, and find others by such names
    ///
    /// With multicast DNS, `consort join mini.local` works, and keeps working when addresses change. Everybody on those networks can
    /// see this node. Without this flag, the system resolves such names.
    #[arg(long, env = "CONSORT_MDNS", hide_env_values = true)]
    pub(crate) mdns: bool,

    /// Admit every machine of this network that asks, without a code and without a person: `tailscale`, `lan`, or a range such as
    /// 10.1.0.0/16 (repeatable)
    ///
    /// Anyone who can send packets on that network can then type into every agent of this mesh, so use it only where all machines
    /// are yours. A machine that was removed stays removed.
    #[arg(long, value_name = "NETWORK", env = "CONSORT_TRUST_NETWORK", hide_env_values = true)]
    #[arg(value_delimiter = ',')]
    pub(crate) trust_network: Vec<Trusted>,

    #[command(flatten)]
    pub(crate) record: RecordFlags,
}

impl ServeFlags {
    /// Which process of a node this one is.
    pub(super) fn launch(&self) -> Launch {
        match (self.daemon, self.detached) {
            (_, true) => Launch::Detached,
            (true, false) => Launch::Background,
            (false, false) => Launch::Foreground,
        }
    }

    /// What the node needs to know, with its state in `state_dir`.
    pub(super) fn options(&self, state_dir: PathBuf) -> ServeOptions {
        ServeOptions {
            listen: self.place.listen,
            state_dir,
            tmux_socket: self.place.tmux_socket.clone().filter(|name| !name.is_empty()),
            name: self.node_name.clone().filter(|name| !name.trim().is_empty()).unwrap_or_else(host_name),
            advertise: self.advertise.clone(),
            trusted: self.trust_network.clone(),
            mdns: self.mdns,
            record: self.record.options(),
            open: self.open,
            origins: self.origins.clone(),
        }
    }
}

/// What is recorded of a node.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct RecordFlags {
    /// Record every input of the node in this folder, one file per run, for `consort-sim replay`
    ///
    /// Terminal output, typed and pasted text, notes and values of environment variables are left out; only their lengths are kept.
    /// Names, directories, programs with their arguments, titles, and the lines that lists quote are included.
    #[arg(long, value_name = "DIR", env = "CONSORT_RECORD", hide_env_values = true)]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) record: Option<PathBuf>,

    /// Keep at most this many MiB of recordings; the oldest runs are deleted first
    #[arg(long, value_name = "MIB", requires = "record", default_value_t = 256)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(crate) record_limit: u64,

    /// Leave nothing out of the recordings
    ///
    /// Anyone who can read the folder then sees everything that was typed and shown.
    #[arg(long, requires = "record")]
    pub(crate) record_all: bool,
}

impl RecordFlags {
    fn options(&self) -> Option<RecordOptions> {
        // Absolute: a node in the background leaves the directory that it was started in.
        let directory = self.record.as_deref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.into()))?;
        Some(RecordOptions { directory, limit_bytes: self.record_limit << 20, all: self.record_all })
    }
}

/// Where a node can be met: shared by what runs one and what examines one.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct PlaceFlags {
    /// Where to serve the dashboard: ADDRESS:PORT, or only a PORT on this machine itself
    ///
    /// `localhost` means both loopback addresses, 127.0.0.1 and ::1. Port 0 takes any free port; without a port it is 23000. Any
    /// other address makes the dashboard reachable from outside, 0.0.0.0 on all networks of this machine: behind its login, but
    /// without encryption. It then answers to this machine's addresses and names there.
    #[arg(long, value_name = "ADDR:PORT", env = "CONSORT_LISTEN", hide_env_values = true)]
    #[arg(default_value_t = Listen::default())]
    pub(crate) listen: Listen,

    /// Use the tmux server of this name (as in tmux -L) [default: the one that plain `tmux` uses]
    #[arg(long, value_name = "NAME", env = "CONSORT_TMUX_SOCKET", hide_env_values = true)]
    pub(crate) tmux_socket: Option<String>,
}

/// How a process that was asked to run a node goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launch {
    /// It is the node.
    Foreground,
    /// It starts another process, which is the node.
    Background,
    /// It is the process that [`Launch::Background`] has started.
    Detached,
}

/// What a node needs to know to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Where to serve the dashboard.
    pub listen: Listen,
    /// Where to keep state; absolute, perhaps not there yet.
    pub state_dir: PathBuf,
    /// The tmux server to use (`tmux -L`); `None` is the user's default one.
    pub tmux_socket: Option<String>,
    /// What this machine is called.
    pub name: String,
    /// Addresses that other machines are told before all others, with a port or without.
    pub advertise: Vec<String>,
    /// Networks whose machines are admitted when they ask.
    pub trusted: Vec<Trusted>,
    /// Whether it is announced to local networks under its name.
    pub mdns: bool,
    /// What is recorded, if anything.
    pub record: Option<RecordOptions>,
    /// Whether to open the dashboard in the browser: see [`open_in_browser`](crate::cli::open_in_browser).
    pub open: bool,
    /// Addresses of the dashboard beside those of the listeners.
    pub origins: Vec<Site>,
}

fn advertised(text: &str) -> Result<String, String> {
    let valid = with_port(text, DEFAULT_PORT).is_some();
    valid
        .then(|| text.into())
        .ok_or_else(|| "expected a name or an address, as in example.org or [fd00::1]:23000".into())
}

/// The host name up to its first dot.
fn host_name() -> String {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    let short = name.split('.').next().unwrap_or_default();
    if short.is_empty() { "this-machine".into() } else { short.into() }
}
