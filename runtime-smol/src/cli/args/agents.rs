//! The flags of the commands that name agents, list them, send to them, wait for them or make a new one.

use super::complete;
use crate::cli::attach::DetachKey;
use crate::cli::pane::PaneName;
use clap::{Args as ClapArgs, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter;
use std::path::PathBuf;

/// What is sent, to whom, and when.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct SendArgs {
    /// The agent: its name, an unambiguous beginning or end of it, or its id; or any of these, @ and its machine. Or several: a
    /// pattern with * and ?. Left out with --tag or --state: all that fit
    #[arg(add = ArgValueCompleter::new(complete::agents))]
    pub(crate) agent: String,

    /// The text; `-` reads standard input
    pub(crate) text: Option<String>,

    /// The machine that it is on: its name or id, or an unambiguous beginning of one
    #[arg(long, value_name = "MACHINE", add = ArgValueCompleter::new(complete::machines))]
    pub(crate) node: Option<String>,

    /// To all agents with this tag (repeatable: with all of them)
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,

    /// To all agents in one of these states (comma-separated)
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub(crate) state: Vec<StateName>,

    /// With several agents: do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Also if the agent works
    #[arg(long, conflicts_with = "queue")]
    pub(crate) now: bool,

    /// Keep the text, and type it when the agent is idle
    #[arg(long, conflicts_with_all = ["no_enter", "anyway", "wait"])]
    pub(crate) queue: bool,

    /// Leave the text on the line; do not press Enter
    #[arg(long, conflicts_with = "wait")]
    pub(crate) no_enter: bool,

    /// Also if the agent asks something, which the text and Enter would answer
    #[arg(long)]
    pub(crate) anyway: bool,

    /// Wait until the agent has worked on it and is idle, done or waiting; prints its name and its state, tab-separated. Exits with 1 if
    /// it has failed, with 4 if it has ended, with 124 when the time is over
    #[arg(long)]
    pub(crate) wait: bool,

    /// With --wait: give up after this time [default: never]
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub(crate) timeout: Option<u64>,

    #[command(flatten)]
    pub(crate) pane: PaneArg,
}

/// Which queue, and what is done to it.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct QueueArgs {
    /// The agent: its name, an unambiguous beginning or end of it, or its id; or any of these, @ and its machine [default: all]
    #[arg(add = ArgValueCompleter::new(complete::agents))]
    pub(crate) agent: Option<String>,

    /// The machine that it is on: its name or id, or an unambiguous beginning of one
    #[arg(long, value_name = "MACHINE", requires = "agent", add = ArgValueCompleter::new(complete::machines))]
    pub(crate) node: Option<String>,

    /// Take the text with this number out
    #[arg(long, value_name = "NUMBER", requires = "agent", conflicts_with_all = ["edit", "json"])]
    pub(crate) cancel: Option<u64>,

    /// Replace the text with this number by TEXT; one of which it is not known whether it was typed waits again
    #[arg(long, value_name = "NUMBER", requires_all = ["agent", "text"], conflicts_with = "json")]
    pub(crate) edit: Option<u64>,

    /// The new text; `-` reads standard input
    #[arg(requires = "edit")]
    pub(crate) text: Option<String>,

    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Names one agent.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct AgentArg {
    /// The agent: its name, an unambiguous beginning or end of it, or its id; or any of these, @ and its machine
    #[arg(add = ArgValueCompleter::new(complete::agents))]
    pub(crate) agent: String,

    /// The machine that it is on: its name or id, or an unambiguous beginning of one
    #[arg(long, value_name = "MACHINE", add = ArgValueCompleter::new(complete::machines))]
    pub(crate) node: Option<String>,
}

/// Names one of an agent's terminals.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct PaneArg {
    /// The pane, if the agent has several: its number (tmux's %N), or the numbers of its window and its own there, as tmux shows
    /// them (1.0) [default: the active one]
    #[arg(long, value_name = "N|WINDOW.PANE")]
    pub(crate) pane: Option<PaneName>,
}

/// Which agents to list, and how.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct LsArgs {
    /// Only agents with such a name: levels of it (backend, customers-zoom), or all of it with * and ? ('customers-*'); @ and a
    /// machine may follow
    #[arg(value_name = "PATTERN", add = ArgValueCompleter::new(complete::agents))]
    pub(crate) patterns: Vec<String>,

    /// Only agents in one of these states (comma-separated)
    #[arg(long, short, value_name = "STATE", value_delimiter = ',')]
    pub(crate) state: Vec<StateName>,

    /// Only the agents of this machine: its name or id, or an unambiguous beginning of one (repeatable)
    #[arg(long, short, visible_alias = "machine", value_name = "MACHINE")]
    #[arg(add = ArgValueCompleter::new(complete::machines))]
    pub(crate) node: Vec<String>,

    /// Print the agents as a JSON array, as the API has them, with `machine` (its name), `reachable` and `since_ms`
    #[arg(long)]
    pub(crate) json: bool,
}

/// A state of agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateName {
    /// Its program is doing something
    Working,
    /// Its program asks for something
    Waiting,
    /// Its program could not go on by itself
    Failed,
    /// Nothing happens
    Idle,
    /// Its program has finished its work, and nobody has looked yet
    Done,
    /// Its program has ended
    Exited,
    /// What it does is not known
    Unknown,
    /// Its machine cannot be reached
    Unreachable,
}

impl StateName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            StateName::Working => "working",
            StateName::Waiting => "waiting",
            StateName::Failed => "failed",
            StateName::Idle => "idle",
            StateName::Done => "done",
            StateName::Exited => "exited",
            StateName::Unknown => "unknown",
            StateName::Unreachable => "unreachable",
        }
    }
}

/// What agents are waited for.
#[derive(Debug, ClapArgs)]
pub(crate) struct WaitArgs {
    /// The agents: each a name, an unambiguous beginning or end of one, or an id; with @ and a machine if need be
    #[arg(required = true, value_name = "AGENT", add = ArgValueCompleter::new(complete::agents))]
    pub(crate) agents: Vec<String>,

    /// The states to wait for (comma-separated); `changed` is any but the present one
    #[arg(long, short, value_name = "STATE", value_delimiter = ',', required = true)]
    pub(crate) until: Vec<UntilName>,

    /// One of the agents is enough
    #[arg(long, conflicts_with = "all")]
    pub(crate) any: bool,

    /// All of the agents at the same time (what is done without either)
    #[arg(long)]
    pub(crate) all: bool,

    /// Give up after this time [default: never]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// What an agent is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UntilName {
    /// Its program is doing something
    Working,
    /// Its program asks for something
    Waiting,
    /// Nothing happens
    Idle,
    /// Its program has finished its work
    Done,
    /// Its program could not go on by itself
    Failed,
    /// Its program has ended
    Exited,
    /// Any other state than at the beginning
    Changed,
}

impl UntilName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            UntilName::Working => "working",
            UntilName::Waiting => "waiting",
            UntilName::Idle => "idle",
            UntilName::Done => "done",
            UntilName::Failed => "failed",
            UntilName::Exited => "exited",
            UntilName::Changed => "changed",
        }
    }
}

/// Which keys are not for the agent.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct KeyFlags {
    /// The key that detaches: ctrl- followed by a letter or by one of ] \ ^ _
    #[arg(long, value_name = "KEY", env = "CONSORT_DETACH_KEY", hide_env_values = true)]
    #[arg(default_value_t = DetachKey::default())]
    pub(crate) detach_key: DetachKey,
}

/// A new agent.
#[derive(Debug, ClapArgs)]
pub(crate) struct NewArgs {
    /// Its name: letters, digits and _, with - between the levels, as in customers-zoom-backend; or that, @ and a machine
    pub(crate) name: String,

    /// The machine to create it on: its name or id, or an unambiguous beginning of one [default: this one]
    #[arg(long, value_name = "MACHINE", add = ArgValueCompleter::new(complete::machines))]
    pub(crate) node: Option<String>,

    /// Where its program runs [default: the current directory; on another machine the home directory there]
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,

    /// What its program runs in [default: tmux, if the machine has it]
    #[arg(long, value_name = "BACKEND")]
    pub(crate) backend: Option<BackendName>,

    /// An environment variable for its program (repeatable)
    #[arg(long, short, value_name = "K=V", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,

    /// Hand over nothing of this shell: neither its PATH nor what it has beside your login shell
    #[arg(long)]
    pub(crate) clean_env: bool,

    /// Start its program without hooks that report to Consort what it does
    #[arg(long)]
    pub(crate) no_hooks: bool,

    /// Notes to keep with it
    #[arg(long, value_name = "TEXT")]
    pub(crate) notes: Option<String>,

    /// A tag (repeatable)
    #[arg(long, short, value_name = "TAG")]
    pub(crate) tag: Vec<String>,

    /// Do not start it again automatically after a reboot
    #[arg(long)]
    pub(crate) no_autostart: bool,

    /// Attach to it at once
    #[arg(long, short)]
    pub(crate) attach: bool,

    /// Do not ask, even if an agent of another machine has that name
    #[arg(long, short)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) keys: KeyFlags,

    /// Its program and arguments, after -- [default: your shell]
    #[arg(last = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) program: Vec<String>,
}

/// What can carry an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// A tmux session: it survives the node
    Tmux,
    /// A terminal that the node owns
    Pty,
}

impl BackendName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            BackendName::Tmux => "tmux",
            BackendName::Pty => "pty",
        }
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("expected NAME=VALUE".into()),
    }
}
