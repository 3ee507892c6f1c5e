//! The command line as data: every command, flag and help text.

use super::complete;
use super::failure::Failure;
use super::state_dir;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter;
use consort_web::auth::Site;
use std::ffi::OsString;
use std::path::PathBuf;

mod agents;
mod serve;
mod sub;

pub(crate) use agents::{
    AgentArg, KeyFlags, LsArgs, NewArgs, PaneArg, QueueArgs, SendArgs, StateName, UntilName, WaitArgs,
};
pub use serve::{Launch, ServeOptions};
pub(crate) use serve::{PlaceFlags, ServeFlags};
pub(crate) use sub::{AgentsCommand, EnvCommand, HooksCommand};

/// The port of the dashboard and the API.
pub const DEFAULT_PORT: u16 = 23_000;

const AFTER_HELP: &str = "\
Without a command, consort runs this machine's node (with -d in the background). Agents are named by their full name, an
unambiguous beginning or end of it, or their id; those of another machine also as name@machine.";

const AFTER_LONG_HELP: &str = "\
Agents:
  Name an agent by its full name or its id, or by a part that fits only one agent: the beginning of
  its name, or its last levels (backend for customers-zoom-backend). In scripts, and with --yes,
  stop, restart and rm require the full name or the id. Where agents of several machines share a
  name, add the machine: name@machine, or --node machine.

Examples:
  consort                                     run a node here and print a login link
  consort -d                                  the same in the background; consort stop ends it
  consort new zoom-backend --dir ~/zoom -- claude --continue
  consort attach zoom-backend                 its terminal in yours; Ctrl+] detaches
  consort new zoom-backend@server --dir ~/zoom   on another machine, in a directory there
  consort send zoom-b 'run the tests'         type a line into it
  git diff | consort send zoom-backend -      paste standard input into it
  consort ls --state waiting 'customers-*'    which of these wait for you
  consort ls --json | jq -r '.[].name'

Exit codes:
  0  done
  1  refused or failed, and the message says why; or a filtered list (ls) is empty
  2  the command line was wrong, or a confirmation (--yes) is missing
  3  no node is running here
  4  what was waited for (wait) cannot come any more: the agent has ended
  124  it has not come in time (wait --timeout)

Environment:
  CONSORT_STATE_DIR, CONSORT_LISTEN, CONSORT_TMUX_SOCKET, CONSORT_NAME, CONSORT_DETACH_KEY
  set the flags of the same name. NO_COLOR switches colours off.";

/// Mission control for AI coding agents: every agent's terminal, on every machine, in your browser and your shell.
#[derive(Debug, Parser)]
#[command(name = "consort", version, max_term_width = 100, after_help = AFTER_HELP, after_long_help = AFTER_LONG_HELP)]
#[command(disable_help_subcommand = true)]
pub struct Args {
    /// Where the node keeps its state [default: ~/.local/state/consort; on macOS in Application Support]
    #[arg(long, value_name = "DIR", env = "CONSORT_STATE_DIR", hide_env_values = true)]
    #[arg(global = true, value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) serve: ServeFlags,

    /// What to do; nothing means `serve`.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run this machine's node (what `consort` alone does)
    Serve(ServeFlags),

    /// Show whether a node runs here, and what it is doing
    ///
    /// Exits with 0 if one is running, 3 if none is, and 1 if one is running but does not answer.
    Status {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },

    /// Hooks in your own settings of agent programs: sessions that you start yourself report what they do
    ///
    /// Agents that Consort starts need none where `hooks status` says so. A file is changed after you have agreed, other hooks in it stay as
    /// they are, and it becomes what it was by `hooks remove`. See docs/agents.md.
    Hooks {
        #[command(subcommand)]
        command: HooksCommand,
    },

    /// Report an event of an agent program to the node: programs run this, see docs/agents.md
    ///
    /// Reads what happened as JSON from standard input. Prints nothing that a program would take for an answer, takes a second at most,
    /// and always exits with 0, with a node or without.
    #[command(hide = true)]
    Hook {
        /// The program: claude, codex, gemini, opencode, qwen
        program: String,
        /// What happened, if it is not on standard input
        payload: Option<std::ffi::OsString>,
    },

    /// List agents, all or those that match
    ///
    /// At a terminal: a table, grouped by hierarchy. Piped: one line per agent, tab-separated: name, state, age of the state
    /// in seconds, program, directory, title, machine, `here`, `reachable` or `unreachable`, and for how many seconds it has been so.
    /// What is known of the agents of an unreachable machine is from when it could be reached last.
    ///
    /// Exits with 1 if there are filters and no agent matches.
    #[command(visible_alias = "list")]
    Ls(LsArgs),

    /// Create an agent and start it
    New(NewArgs),

    /// Show an agent's terminal in this one, and type into it
    ///
    /// The agent's terminal takes the size of yours. Your own screen comes back when you detach; the agent runs on.
    Attach {
        #[command(flatten)]
        agent: AgentArg,

        #[command(flatten)]
        pane: PaneArg,

        #[command(flatten)]
        keys: KeyFlags,
    },

    /// Paste a text into an agent's terminal and press Enter
    ///
    /// An agent that works is not disturbed: the text is refused, unless it is typed all the same (--now) or kept until the agent is
    /// idle (--queue). One that asks something gets no text (--anyway).
    ///
    /// With a pattern ('customers-*'), --tag or --state, the text goes to all agents that fit: they are listed, and you are asked
    /// first. Prints a line for each then: its name, and `submitted`, `queued` or why not. Exits with 0 if all have taken it.
    Send(SendArgs),

    /// Show what waits in agents' queues, or change it
    ///
    /// What `consort send --queue` keeps is typed when the agent is idle: one text at a time, in order, each once. Piped: one line per
    /// text, tab-separated: agent, number, state, text (its first line).
    Queue(QueueArgs),

    /// List what agents ask, with the choices that there are
    Questions {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },

    /// Answer what an agent asks
    ///
    /// The answer is typed only if the agent still asks the same; otherwise it is refused, and the refusal says what it asks now.
    Answer {
        #[command(flatten)]
        agent: AgentArg,

        /// The choice: its key, or the beginning of its words
        choice: Option<String>,

        /// Answer with a text instead; `-` reads standard input
        #[arg(long, value_name = "TEXT", conflicts_with = "choice")]
        text: Option<String>,
    },

    /// Say why an agent is in its state: every signal, how old it is, and which decides
    Explain {
        #[command(flatten)]
        agent: AgentArg,

        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },

    /// The rules by which screens of programs are read
    Agents {
        #[command(subcommand)]
        command: AgentsCommand,
    },

    /// Wait until agents are in a state
    ///
    /// Prints a line for each that is: its name and its state, tab-separated. Exits with 0 then, with 4 if an agent has ended and so
    /// will not be (with --any: all of them), and with 124 when the time is over.
    Wait(WaitArgs),

    /// Print what happens, on all machines, as it happens
    ///
    /// States of agents that change, agents and machines that come and go. Runs until it is interrupted.
    Events {
        /// Print each event as a line of JSON, as the API has it
        #[arg(long)]
        json: bool,

        /// Begin after the event with this id, if the node still knows it
        #[arg(long, value_name = "ID")]
        since: Option<String>,
    },

    /// Print what an agent's terminal shows, as plain text
    Screen {
        #[command(flatten)]
        agent: AgentArg,

        /// Also print this many lines of history above the screen
        #[arg(long, value_name = "N", default_value_t = 0)]
        history: u32,

        #[command(flatten)]
        pane: PaneArg,
    },

    /// Rename an agent; its place in the hierarchy follows from its name
    Rename {
        #[command(flatten)]
        agent: AgentArg,

        /// The new name: letters, digits and _, with - between the levels
        new: String,

        /// Do not ask, even if an agent of another machine has that name
        #[arg(long, short)]
        yes: bool,
    },

    /// Stop an agent, which stays in the list; or, without a name, this machine's node
    ///
    /// Without a name, the node ends in order, and the command returns once it is gone. Agents in tmux run on and are shown again
    /// by the next node. Agents on terminals of the node itself end with it: if there are any, you are asked first.
    Stop {
        /// The agent: its name, an unambiguous beginning or end of it, or its id; or any of these, @ and its machine
        #[arg(add = ArgValueCompleter::new(complete::agents))]
        agent: Option<String>,

        /// The machine that it is on: its name or id, or an unambiguous beginning of one
        #[arg(long, value_name = "MACHINE", requires = "agent", add = ArgValueCompleter::new(complete::machines))]
        node: Option<String>,

        /// Without a name: do not ask
        #[arg(long, short, conflicts_with = "agent")]
        yes: bool,
    },

    /// Start a stopped agent
    ///
    /// Its program goes on with its last conversation, if it can and something was said in it; what is done is printed before.
    Start {
        #[command(flatten)]
        agent: AgentArg,

        /// Begin a new conversation
        #[arg(long)]
        fresh: bool,
    },

    /// Stop an agent and start it again
    ///
    /// Its program goes on with its last conversation, if it can and something was said in it; what is done is printed before.
    Restart {
        #[command(flatten)]
        agent: AgentArg,

        /// Begin a new conversation
        #[arg(long)]
        fresh: bool,
    },

    /// Let a session that you started yourself be stopped, started and restarted like an agent that was created here
    ///
    /// Shows the program, the arguments and the directory of what runs in it now. That is what is started from then on, also after a
    /// reboot.
    Adopt {
        #[command(flatten)]
        agent: AgentArg,

        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },

    /// Delete an agent: its session, its notes and its place in the list
    Rm {
        #[command(flatten)]
        agent: AgentArg,

        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },

    /// Show an agent's notes, or replace them
    Notes {
        #[command(flatten)]
        agent: AgentArg,

        /// The new notes; `-` reads standard input, an empty text removes them
        text: Option<String>,
    },

    /// List the machines of the mesh, and who wants to join
    ///
    /// At a terminal: a table. Piped: one line per machine, tab-separated: name, id, state, age of the state in seconds, how it is
    /// reached, round trip in milliseconds, version.
    Peers {
        /// Print everything as JSON, as the API has it
        #[arg(long)]
        json: bool,
    },

    /// Create a code that lets one other machine join
    ///
    /// The code works once, within ten minutes. From then on, both machines show and control each other's agents, and those of every
    /// other machine that either of them knows.
    Invite {
        #[command(flatten)]
        rights: RightsFlags,
    },

    /// Join another machine: by a code from `consort invite` there, or by its address
    ///
    /// With an address, somebody has to admit this machine there: consort admit NAME.
    Join {
        /// The code, or HOST[:PORT]
        target: String,

        #[command(flatten)]
        rights: RightsFlags,
    },

    /// Admit a machine that asks to join, or change what a member may do
    Admit {
        /// The machine: its name or id, or an unambiguous beginning of one
        node: String,

        #[command(flatten)]
        rights: RightsFlags,
    },

    /// Remove a machine from the mesh
    ///
    /// Every machine of the mesh ends its links with it. Its agents go on there, and are no longer shown here. It stays removed until
    /// somebody admits it again.
    Remove {
        /// The machine: its name or id, or an unambiguous beginning of one
        #[arg(add = ArgValueCompleter::new(complete::machines))]
        node: String,

        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },

    /// Leave the mesh: this machine removes itself
    Leave {
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },

    /// Print this machine's id, with check characters
    Id,

    /// Open the dashboard in the browser with a fresh login link
    ///
    /// Without a display (or over SSH) the link is printed instead. It works once, for ten minutes.
    Open {
        /// Print the link; open nothing
        #[arg(long)]
        print: bool,

        /// Show a code for a phone's camera
        #[arg(long, conflicts_with = "print")]
        qr: bool,
    },

    /// Let the dashboard be opened by another address: of a proxy or a port forwarding
    ///
    /// Without an address: list those that are allowed. The node answers to localhost by itself, and to this machine's addresses and
    /// names where it listens on them.
    Allow {
        /// The address, as the browser shows it: https://box.example.org/consort/, http://localhost:8023
        #[arg(value_hint = ValueHint::Url)]
        url: Option<Site>,

        /// Remove it from the list
        #[arg(long, requires = "url")]
        remove: bool,
    },

    /// Show or change what agents of this machine are started with
    ///
    /// An agent gets the environment of your login shell; what the shell that created it has beside that (consort new); these variables;
    /// and its own (new --env). The later ones win. A change counts for agents that are started from then on.
    Env {
        #[command(subcommand)]
        command: EnvCommand,
    },

    /// Print the access token of this machine's node, for scripts that use the HTTP API
    Token,

    /// Check this machine: node, state, port, tmux, terminal
    Doctor {
        #[command(flatten)]
        place: PlaceFlags,

        /// Print the checks as JSON
        #[arg(long)]
        json: bool,
    },

    /// Print the manual page: consort man | man -l -
    ///
    /// To install it: consort man > ~/.local/share/man/man1/consort.1
    Man,

    /// Print a completion script for a shell
    ///
    /// The script asks the node for the names of agents and machines as you type.
    ///
    /// bash: consort completions bash > ~/.local/share/bash-completion/completions/consort
    /// zsh:  consort completions zsh > "${fpath[1]}/_consort"
    /// fish: consort completions fish > ~/.config/fish/completions/consort.fish
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What another machine may do.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct RightsFlags {
    /// What the other machine may do with the agents of this mesh
    #[arg(long, value_name = "RIGHTS", default_value = "operate")]
    pub(crate) rights: RightsName,
}

/// What a machine may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RightsName {
    /// Everything that its own dashboard can do
    Operate,
    /// Only look
    View,
}

impl RightsName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RightsName::Operate => "operate",
            RightsName::View => "view",
        }
    }
}

/// The same command line, which no environment variable is read for.
fn without_environment(command: clap::Command) -> clap::Command {
    command
        .mut_args(|argument| argument.env(clap::builder::Resettable::Reset))
        .mut_subcommands(|command| command.mut_args(|argument| argument.env(clap::builder::Resettable::Reset)))
}

impl Args {
    /// Reads the process's command line; prints and exits if it asks for help or is wrong.
    #[must_use]
    pub fn from_command_line() -> Self {
        Args::read(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads a command line; its first word is the program's name.
    ///
    /// # Errors
    /// What is wrong with it, or the help that it asks for.
    pub fn read<T: Into<OsString> + Clone>(words: impl IntoIterator<Item = T>) -> Result<Self, clap::Error> {
        Args::read_words(words.into_iter().map(Into::into).collect())
    }

    fn read_words(mut words: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut command = Args::command();
        let matches = command.try_get_matches_from_mut(&words).map_err(|error| {
            // What the environment sets is shown in the usage as if it were missing.
            without_environment(Args::command()).try_get_matches_from(&words).err().unwrap_or(error)
        })?;
        if let Some((name, _)) = matches.subcommand() {
            // By the names of their arguments: a flag has hyphens for underscores, and --name is the node's.
            let flags = [
                "listen",
                "tmux_socket",
                "node_name",
                "open",
                "daemon",
                "detached",
                "origin",
                "advertise",
                "mdns",
                "trust_network",
                "record",
                "record_limit",
                "record_all",
            ];
            let before = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
            if name == "serve" && flags.iter().any(before) {
                // The same flags mean the same without the word.
                if let Some(at) = words.iter().skip(1).position(|word| word == "serve") {
                    words.remove(at + 1);
                    return Args::read_words(words);
                }
            }
            if let Some(id) = flags.into_iter().find(|id| before(id)) {
                let flag = if id == "node_name" { "name".into() } else { id.replace('_', "-") };
                let message = format!("--{flag} is a flag of `consort serve`: it cannot stand before `{name}`");
                return Err(command.error(ErrorKind::ArgumentConflict, message));
            }
        }
        Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// Which process of a node this one is.
    #[must_use]
    pub fn launch(&self) -> Launch {
        let flags = match &self.command {
            Some(Command::Serve(flags)) => flags,
            _ => &self.serve,
        };
        flags.launch()
    }

    /// How to run the node, if that is what the command line asks for.
    ///
    /// # Errors
    /// If there is no place for its state.
    pub fn serve_options(&self) -> Result<Option<ServeOptions>, Failure> {
        let flags = match &self.command {
            None => &self.serve,
            Some(Command::Serve(flags)) => flags,
            Some(_) => return Ok(None),
        };
        Ok(Some(flags.options(state_dir::resolve(self.state_dir.as_deref())?)))
    }
}

#[cfg(test)]
mod tests;
