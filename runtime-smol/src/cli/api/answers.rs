//! The answers of the node's HTTP API, as far as the command line needs them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::SocketAddr;

/// An agent, as far as the command line needs it. Members that a node leaves out are empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) node: String,
    pub(crate) name: String,
    pub(crate) path: Vec<String>,
    pub(crate) leaf: String,
    /// `created` or `found`; nodes before 0.2 do not say.
    pub(crate) origin: String,
    pub(crate) backend: String,
    pub(crate) running: bool,
    pub(crate) state: AgentState,
    pub(crate) program: Option<String>,
    pub(crate) directory: Option<String>,
    pub(crate) notes: Option<String>,
    pub(crate) terminals: Vec<Terminal>,
    pub(crate) tags: Vec<String>,
    pub(crate) queued: usize,
}

/// What an agent is doing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AgentState {
    pub(crate) kind: String,
    pub(crate) why: String,
    pub(crate) source: String,
    pub(crate) age_ms: u64,
    pub(crate) question: Option<Question>,
}

/// What an agent asks.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) terminal: u32,
    pub(crate) kind: String,
    pub(crate) text: String,
    pub(crate) detail: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) free_text: bool,
}

/// One of the choices of a question.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Choice {
    pub(crate) key: String,
    pub(crate) label: String,
}

/// One terminal of an agent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Terminal {
    pub(crate) id: u32,
    pub(crate) title: String,
    pub(crate) command: String,
    pub(crate) active: bool,
    /// Index and name of its window; empty for a terminal of the node itself.
    pub(crate) window: String,
    /// Its number in its window, as tmux shows it.
    pub(crate) index: u32,
}

impl Agent {
    /// The terminal that is looked at when nobody says which.
    pub(crate) fn active_terminal(&self) -> Option<&Terminal> {
        self.terminals.iter().find(|terminal| terminal.active).or_else(|| self.terminals.first())
    }

    /// What runs in it now, or what was started.
    pub(crate) fn command(&self) -> &str {
        let running = self.active_terminal().map(|terminal| terminal.command.as_str()).filter(|name| !name.is_empty());
        let started = self.program.as_deref().unwrap_or_default();
        let started = started.rsplit('/').next().unwrap_or_default();
        if started.is_empty() { running.unwrap_or_default() } else { started }
    }
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Machine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) home: String,
    #[serde(rename = "self")]
    pub(crate) own: bool,
    pub(crate) reachable: bool,
    pub(crate) since_ms: u64,
    pub(crate) rights: String,
}

/// A node, as far as `consort peers` needs it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Peer {
    pub(crate) id: String,
    pub(crate) short: String,
    pub(crate) name: String,
    pub(crate) version: String,
    #[serde(rename = "self")]
    pub(crate) own: bool,
    pub(crate) removed: bool,
    pub(crate) reachable: bool,
    pub(crate) since_ms: u64,
    pub(crate) rights: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) via: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) dialled: Option<bool>,
    pub(crate) latency_ms: Option<f64>,
    pub(crate) protocol: Option<(u16, u16)>,
    pub(crate) incompatible: bool,
    pub(crate) conflict: bool,
}

/// A node that asks to join, or that was asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    pub(crate) id: String,
    pub(crate) short: String,
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) address: String,
    pub(crate) age_ms: u64,
}

/// The answer to `GET /api/peers`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Peers {
    pub(crate) peers: Vec<Peer>,
    pub(crate) requests: Vec<Waiting>,
    pub(crate) asking: Vec<Waiting>,
    pub(crate) addresses: Vec<String>,
    pub(crate) listening: Vec<String>,
}

/// What became of dialling an address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dialled {
    pub(crate) address: String,
    pub(crate) failure: Option<String>,
}

/// Whether two machines can dial each other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Checked {
    pub(crate) there: Vec<Dialled>,
    pub(crate) back: Option<Vec<Dialled>>,
    pub(crate) clock_ms: Option<i64>,
}

/// The answer to an invitation.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Invite {
    pub(crate) code: String,
    pub(crate) command: String,
    pub(crate) expires_s: u64,
    pub(crate) addresses: Vec<String>,
}

/// The answer to joining.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Joined {
    pub(crate) state: String,
    pub(crate) short: String,
    pub(crate) name: String,
    /// What this machine may do there, if that is known.
    pub(crate) rights: Option<String>,
}

/// The answer to `GET /api/health`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Health {
    pub(crate) version: String,
    pub(crate) node: String,
    pub(crate) uptime_ms: u64,
}

/// Where a node serves its user, and what carries its agents.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    pub(crate) serving: Vec<SocketAddr>,
    pub(crate) tmux_socket: Option<String>,
    pub(crate) pid: Option<u32>,
    pub(crate) log: Option<String>,
    /// None from nodes before 0.2.
    pub(crate) tmux: Option<Tmux>,
}

/// What a node sees of tmux.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tmux {
    pub(crate) program: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) socket: Option<String>,
    pub(crate) connected_unix_ms: Option<u64>,
    pub(crate) sessions: usize,
    pub(crate) trouble: Option<String>,
    pub(crate) last_ending: Option<TmuxEnding>,
}

/// How a node's last connection to tmux ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TmuxEnding {
    pub(crate) reason: String,
    pub(crate) unix_ms: u64,
    pub(crate) in_a_minute: usize,
}

/// A login by one address of the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Link {
    pub(crate) url: String,
    /// `machine`, `network`, `origin` or `forward`.
    pub(crate) reach: String,
}

/// The addresses that a node answers to.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Origins {
    pub(crate) origins: Vec<Origin>,
    /// By itself.
    pub(crate) own: Vec<String>,
}

/// An address that the user has allowed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Origin {
    pub(crate) url: String,
    /// On the command line of the node.
    pub(crate) fixed: bool,
}

/// What agents are started with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EnvironmentReport {
    /// None while the login shell is asked for the first time.
    pub(crate) shell: Option<Shell>,
    pub(crate) variables: Vec<Variable>,
}

/// What became of asking the login shell.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Shell {
    pub(crate) shell: String,
    /// `interactive`, `login` or `node`.
    pub(crate) mode: String,
    pub(crate) variables: usize,
    pub(crate) took_ms: u32,
    pub(crate) problem: Option<String>,
    pub(crate) advice: Option<String>,
}

/// Which known agent programs agents find.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Programs {
    pub(crate) path: String,
    pub(crate) programs: Vec<Program>,
}

/// An agent program.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) path: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) checking: bool,
}

/// A variable for all agents.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) length: usize,
}

/// What became of a text that was sent to several agents, for one of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sent {
    pub(crate) agent: String,
    pub(crate) submitted: bool,
    pub(crate) verified: bool,
    pub(crate) queued: Option<Value>,
    pub(crate) error: Option<Value>,
}

/// The answer to an input.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Typed {
    pub(crate) submitted: bool,
    /// Its screen was read to see that.
    #[serde(default)]
    pub(crate) verified: bool,
}
