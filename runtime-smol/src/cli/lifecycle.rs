//! `consort status` and `consort stop`: whether a node runs here, what it is doing, and its end.

use super::api::{Agent, Api, Health, Machine, Peers, Place};
use super::failure::{FAILED, Failure, NO_NODE, OK};
use super::style::{Paint, Style};
use super::{output, text};
use crate::store::Store;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long a node may take to answer a question about itself.
pub(crate) const ANSWER: Duration = Duration::from_secs(3);

/// How long a node may take to end.
const END: Duration = Duration::from_secs(20);

/// Names of agents in a question.
const LISTED: usize = 8;

/// What is known of the node of a state directory.
enum Found {
    /// It answers.
    Running(Box<Status>),
    /// Something has its socket and does not answer.
    Silent(Option<u32>),
    /// There is none.
    Nothing,
}

/// A node that answers.
struct Status {
    health: Health,
    place: Place,
    agents: Vec<Agent>,
    machines: Vec<Machine>,
    peers: Peers,
    /// What the API says about tmux.
    tmux: Value,
    process: Option<u32>,
}

/// The process whose id the node of this state directory has left in its lock file.
pub(crate) fn process_in_lock(state_dir: &Path) -> Option<u32> {
    std::fs::read_to_string(state_dir.join("lock")).ok()?.trim().parse().ok()
}

fn find(socket: PathBuf, state_dir: &Path) -> Result<Found, Failure> {
    let api = Api::with_patience(socket, ANSWER);
    let health = match api.health() {
        Ok(health) => health,
        Err(failure) if failure.is_no_node() => return Ok(Found::Nothing),
        Err(failure) if failure.is_silence() => return Ok(Found::Silent(process_in_lock(state_dir))),
        Err(failure) => return Err(failure),
    };
    // Nodes before 0.2 do not answer the first of these.
    let place = api.place().unwrap_or_default();
    let machines = api.machines()?;
    let own = machines.iter().find(|machine| machine.own).map(|machine| machine.id.clone()).unwrap_or_default();
    let mut agents = api.agents()?;
    agents.retain(|agent| agent.node == own);
    let tmux = api.tmux_of(&own)?;
    let process = place.pid.or_else(|| process_in_lock(state_dir));
    let peers = api.peers().unwrap_or_default();
    Ok(Found::Running(Box::new(Status { health, place, agents, machines, peers, tmux, process })))
}

pub(crate) fn status(socket: PathBuf, state_dir: &Path, as_json: bool) -> Result<ExitCode, Failure> {
    let found = find(socket, state_dir)?;
    if as_json {
        let (answer, code) = match &found {
            Found::Running(status) => (status.json(state_dir), OK),
            Found::Silent(process) => (json!({"running": true, "answers": false, "pid": process}), FAILED),
            Found::Nothing => (json!({"running": false, "state_dir": state_dir}), NO_NODE),
        };
        output::line(&format!("{answer:#}"))?;
        return Ok(ExitCode::from(code));
    }
    match found {
        Found::Running(status) => {
            output::text(&status.lines(state_dir, &Style::of_stdout()))?;
            Ok(ExitCode::SUCCESS)
        }
        Found::Silent(process) => Err(silent(process).hint("See why: consort doctor. End it with: consort stop")),
        Found::Nothing => {
            let folder = state_dir.display();
            output::line(&format!(
                "No node is running here ({folder}).\nStart one with: consort (or consort -d, in the background)"
            ))?;
            Ok(ExitCode::from(NO_NODE))
        }
    }
}

fn silent(process: Option<u32>) -> Failure {
    let process = process.map_or(String::new(), |process| format!(" (process {process})"));
    Failure::new(format!("A node runs here{process}, but it has not answered for {} seconds.", ANSWER.as_secs()))
}

impl Status {
    fn own(&self) -> Machine {
        self.machines.iter().find(|machine| machine.own).cloned().unwrap_or_default()
    }

    fn states(&self) -> BTreeMap<&str, usize> {
        let mut states = BTreeMap::new();
        for agent in &self.agents {
            *states.entry(agent.state.kind.as_str()).or_default() += 1;
        }
        states
    }

    fn on_own_terminals(&self) -> Vec<&Agent> {
        self.agents.iter().filter(|agent| agent.running && agent.backend == "pty").collect()
    }

    fn json(&self, state_dir: &Path) -> Value {
        let own = self.own();
        let mut agents: serde_json::Map<String, Value> =
            self.states().into_iter().map(|(state, count)| (state.to_string(), json!(count))).collect();
        agents.insert("total".into(), json!(self.agents.len()));
        agents.insert("on_own_terminals".into(), json!(self.on_own_terminals().len()));
        let reachable = self.machines.iter().filter(|machine| machine.own || machine.reachable).count();
        json!({
            "running": true,
            "answers": true,
            "pid": self.process,
            "version": self.health.version,
            "uptime_ms": self.health.uptime_ms,
            "id": own.id,
            "name": own.name,
            "state_dir": state_dir,
            "log": self.place.log,
            "serving": self.place.serving,
            "listening_for_machines": self.peers.listening,
            "machines": {"total": self.machines.len(), "reachable": reachable},
            "agents": agents,
            "tmux": self.tmux,
        })
    }

    fn lines(&self, state_dir: &Path, style: &Style) -> String {
        let own = self.own();
        let process = self.process.map_or(String::new(), |process| format!(" (process {process})"));
        let name = style.paint(Paint::Bold, &text::one_line(&own.name));
        let age = text::age(self.health.uptime_ms);
        let mut out = format!("{name} has been running consort {}{process} for {age}.\n", self.health.version);
        let serving: Vec<String> = self.place.serving.iter().map(ToString::to_string).collect();
        let mut rows = vec![("dashboard", format!("{} (open it with: consort open)", serving.join(", ")))];
        if !self.peers.listening.is_empty() {
            rows.push(("links", format!("other machines reach it at {}", self.peers.listening.join(", "))));
        }
        rows.push(("agents", self.agents_in_words()));
        let away = self.machines.iter().filter(|machine| !machine.own && !machine.reachable).count();
        rows.push(match (self.machines.len(), away) {
            (0 | 1, _) => ("machines", "only this one".into()),
            (all, 0) => ("machines", format!("{all}, all reachable")),
            (all, away) => ("machines", format!("{all}, {away} out of reach")),
        });
        let detail = self.tmux["detail"].as_str().unwrap_or_default();
        let server = self.place.tmux_socket.as_ref().map_or(String::new(), |name| format!(", server {name}"));
        rows.push(match self.tmux["available"].as_bool() {
            Some(true) => ("tmux", format!("{detail}{server}")),
            _ => ("tmux", format!("not available: {detail}")),
        });
        rows.push(("state", state_dir.display().to_string()));
        rows.extend(self.place.log.iter().map(|log| ("log", log.clone())));
        for (what, how) in rows {
            let _ = writeln!(out, "  {}{}", style.paint(Paint::Dim, &format!("{what:11}")), text::one_line(&how));
        }
        out
    }

    fn agents_in_words(&self) -> String {
        let count = match self.agents.len() {
            0 => return "none".into(),
            1 => "1 agent".to_string(),
            several => format!("{several} agents"),
        };
        let states: Vec<String> = self.states().into_iter().map(|(state, count)| format!("{count} {state}")).collect();
        format!("{count}: {}", states.join(", "))
    }

    /// What is asked before the node ends, if anything ends with it.
    fn question(&self) -> Option<String> {
        let ending = self.on_own_terminals();
        let names: Vec<&str> = ending.iter().take(LISTED).map(|agent| agent.name.as_str()).collect();
        let more = ending.len().saturating_sub(LISTED);
        let names = names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() };
        let what = match ending.len() {
            0 => return None,
            1 => format!("{names} runs on a terminal of the node itself, and ends with it."),
            several => format!("{several} agents run on terminals of the node itself, and end with it: {names}."),
        };
        Some(format!("{what} Stop the node?"))
    }

    fn in_tmux(&self) -> usize {
        self.agents.iter().filter(|agent| agent.running && agent.backend == "tmux").count()
    }
}

/// Ends the node, and waits until it is gone.
pub(crate) fn stop(socket: PathBuf, state_dir: &Path, yes: bool) -> Result<(), Failure> {
    const WHAT: &str = "stop ends the node and the agents on its own terminals";
    const OTHERWISE: &str = "The node runs on.";
    let (process, survivors) = match find(socket.clone(), state_dir)? {
        Found::Nothing => return Err(Failure::no_node(&socket)),
        Found::Silent(process) => {
            let failure = silent(process);
            let question = format!("{failure} Agents on terminals of its own, if it has any, end with it. Stop it?");
            output::confirm(yes, WHAT, &question, OTHERWISE)?;
            (process, 0)
        }
        Found::Running(status) => {
            if let Some(question) = status.question() {
                output::confirm(yes, WHAT, &question, OTHERWISE)?;
            }
            (status.process, status.in_tmux())
        }
    };
    let unknown = || Failure::new("It is not known which process the node is: end it where it was started.");
    let process =
        process.and_then(|process| i32::try_from(process).ok()).and_then(Pid::from_raw).ok_or_else(unknown)?;
    let number = process.as_raw_pid();
    match kill_process(process, Signal::TERM) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => return Err(Failure::new(format!("Process {number} cannot be stopped: {error}"))),
    }
    let began = Instant::now();
    while !gone(process, &socket, state_dir) {
        if began.elapsed() > END {
            let seconds = END.as_secs();
            return Err(Failure::new(format!("The node (process {number}) has not ended within {seconds} seconds."))
                .hint(format!("End it by force with: kill -KILL {number}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    output::done(&match survivors {
        0 => format!("The node has ended (process {number})."),
        1 => format!("The node has ended (process {number}). 1 agent in tmux runs on."),
        several => format!("The node has ended (process {number}). {several} agents in tmux run on."),
    })
}

/// Whether the process has ended, also if its parent has not noticed.
fn gone(process: Pid, socket: &Path, state_dir: &Path) -> bool {
    let ended = test_kill_process(process).is_err();
    let silent = std::os::unix::net::UnixStream::connect(socket).is_err();
    ended || (silent && Store::is_free(state_dir))
}
