//! The tmux backend against a real tmux, each test on a server of its own.

use async_channel::{Receiver, Sender};
use consort::backend::{Ends, FromBackend, TerminalEvent, ToBackend};
use consort::tmux::{self, TmuxConfig};
use consort_core::directory::BackendKind;
use consort_core::{
    AgentId, BackendInput, BackendOperation, LaunchSpec, Observation, OperationDone, OperationError, OperationId, Size,
    TerminalId, TerminalOutput,
};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than anything takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tmux server of the test's own, killed at the end.
struct Server {
    name: String,
    home: tempfile::TempDir,
}

impl Server {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("consort-test-{}-{number}", std::process::id());
        Server { name, home: tempfile::tempdir().expect("a home directory") }
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let path = std::env::var_os("PATH").expect("PATH");
        let text = |text: &str| OsString::from(text);
        vec![
            (text("PATH"), path),
            (text("HOME"), self.home.path().into()),
            (text("SHELL"), text("/bin/sh")),
            (text("LANG"), text("C.UTF-8")),
            (text("TERM"), text("xterm-256color")),
            (text("SECRET_TOKEN"), text("do not leak")),
            (text("CLAUDECODE"), text("1")),
            (text("TMUX"), text("/nowhere,1,2")),
        ]
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-f", "/dev/null", "-L", &self.name]).env_clear();
        command.envs(self.environment().into_iter().filter(|(key, _)| key != "TMUX"));
        command
    }

    /// Runs a tmux command and gives what it printed.
    fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().expect("tmux runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
    }

    /// A detached session that runs a script.
    fn session(&self, name: &str, size: (u16, u16), script: &str) {
        let (cols, rows) = (size.0.to_string(), size.1.to_string());
        self.tmux(&["new-session", "-d", "-s", name, "-x", &cols, "-y", &rows, "/bin/sh", "-c", script]);
    }

    fn start(&self) -> Backend {
        self.start_with(self.config())
    }

    fn config(&self) -> TmuxConfig {
        TmuxConfig {
            socket_name: Some(self.name.clone()),
            program: None,
            home: self.home.path().to_owned(),
            environment: self.environment(),
        }
    }

    fn start_with(&self, config: TmuxConfig) -> Backend {
        let (orders, orders_receiver) = async_channel::unbounded();
        let (reports_sender, reports) = async_channel::bounded(256);
        let ends = Ends { orders: orders_receiver, reports: reports_sender };
        let thread = std::thread::spawn(move || async_io::block_on(tmux::start(config, ends)));
        Backend { orders: Some(orders), reports, thread: Some(thread), agents: BTreeMap::new(), waiting: Vec::new(), operations: 0 }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").output();
    }
}

/// The backend as the driver sees it.
struct Backend {
    orders: Option<Sender<ToBackend>>,
    reports: Receiver<FromBackend>,
    thread: Option<JoinHandle<()>>,
    agents: BTreeMap<AgentId, Observation>,
    /// Reports about terminals that nobody has asked for yet.
    waiting: Vec<(TerminalId, TerminalEvent)>,
    operations: u64,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.orders.take();
        while self.reports.try_recv().is_ok() {}
        if let (Some(thread), false) = (self.thread.take(), std::thread::panicking()) {
            thread.join().expect("the backend ends without a panic");
        }
    }
}

impl Backend {
    /// The next report, kept in the list of agents too.
    fn next(&mut self, deadline: Instant) -> Option<FromBackend> {
        let report = async_io::block_on(futures_lite::future::or(async { self.reports.recv().await.ok() }, async {
            async_io::Timer::at(deadline).await;
            None
        }))?;
        match &report {
            FromBackend::Backend(BackendInput::Seen(observation)) => {
                self.agents.insert(observation.agent, observation.clone());
            }
            FromBackend::Backend(BackendInput::Gone(agent)) => {
                self.agents.remove(agent);
            }
            _ => {}
        }
        Some(report)
    }

    /// Reads reports until one gives an answer; reports about terminals are kept for [`terminal`](Backend::terminal).
    fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&mut Self, &FromBackend) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Some(report) = self.next(deadline) else { panic!("waited in vain for {what}; agents: {:#?}", self.agents) };
            if let Some(found) = wanted(self, &report) {
                return found;
            }
            if let FromBackend::Terminal(terminal, event) = report {
                self.waiting.push((terminal, event));
            }
        }
    }

    fn agent_now(&self, name: &str) -> Option<&Observation> {
        self.agents.values().find(|agent| agent.name == name)
    }

    fn agent_where(&mut self, name: &str, matches: impl Fn(&Observation) -> bool) -> Observation {
        if let Some(agent) = self.agent_now(name).filter(|agent| matches(agent)) {
            return agent.clone();
        }
        self.until(&format!("agent {name}"), |backend, _| {
            backend.agent_now(name).filter(|agent| matches(agent)).cloned()
        })
    }

    fn agent(&mut self, name: &str) -> Observation {
        self.agent_where(name, |_| true)
    }

    /// The first terminal of an agent.
    fn terminal_of(&mut self, name: &str) -> TerminalId {
        let agent = self.agent(name);
        TerminalId { agent: agent.agent, pane: agent.terminals[0].pane }
    }

    fn order(&self, terminal: TerminalId, output: TerminalOutput) {
        let orders = self.orders.as_ref().expect("running");
        orders.try_send(ToBackend::Terminal(terminal, output)).expect("the backend takes orders");
    }

    /// The next report about this terminal.
    fn event(&mut self, terminal: TerminalId, what: &str) -> TerminalEvent {
        if let Some(at) = self.waiting.iter().position(|(id, _)| *id == terminal) {
            return self.waiting.remove(at).1;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Some(FromBackend::Terminal(id, event)) if id == terminal => return event,
                Some(FromBackend::Terminal(id, event)) => self.waiting.push((id, event)),
                Some(FromBackend::Backend(_)) => {}
                None => panic!("waited in vain for {what}"),
            }
        }
    }

    /// Reads a terminal's output until it contains a text.
    fn output_with(&mut self, terminal: TerminalId, text: &str) -> Vec<u8> {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(text) {
            if let TerminalEvent::Output(bytes) = self.event(terminal, &format!("output {text:?}, got {:?}", String::from_utf8_lossy(&all))) {
                all.extend(bytes);
            }
        }
        all
    }

    fn snapshot(&mut self, terminal: TerminalId, history_lines: u32) -> (Size, Vec<u8>) {
        self.order(terminal, TerminalOutput::Snapshot { history_lines });
        loop {
            if let TerminalEvent::Snapshot { size, bytes } = self.event(terminal, "a snapshot") {
                return (size, bytes);
            }
        }
    }

    fn perform(&mut self, work: BackendOperation) -> Result<OperationDone, OperationError> {
        self.operations += 1;
        let id = OperationId(self.operations);
        self.orders.as_ref().expect("running").try_send(ToBackend::Operation(id, work)).expect("the backend takes orders");
        self.until("the operation", |_, report| match report {
            FromBackend::Backend(BackendInput::Done(done, result)) if *done == id => Some(result.clone()),
            _ => None,
        })
    }

    /// Waits until everything that exists was reported.
    fn listed(&mut self) {
        self.until("the end of the list", |_, report| {
            matches!(report, FromBackend::Backend(BackendInput::Listed(BackendKind::Tmux))).then_some(())
        });
    }

    fn launch(&mut self, spec: LaunchSpec) -> Result<OperationDone, OperationError> {
        self.perform(BackendOperation::Launch(spec))
    }
}

fn spec(name: &str, directory: &Path, program: Option<&str>, args: &[&str]) -> LaunchSpec {
    LaunchSpec {
        agent: AgentId(0x0123_4567_89ab_cdef),
        backend: BackendKind::Tmux,
        name: name.to_owned(),
        directory: directory.to_str().expect("UTF-8").to_owned(),
        program: program.map(str::to_owned),
        args: args.iter().map(|a| (*a).to_owned()).collect(),
        env: vec![],
        size: Size::clamped(100, 30),
    }
}

#[test]
fn sessions_that_exist_and_sessions_that_appear_are_seen() {
    let server = Server::new();
    server.session("first", (80, 24), "cat");
    let mut backend = server.start();
    let first = backend.agent("first");
    assert_eq!(first.terminals[0].size, Size::clamped(80, 24));
    backend.listed();
    server.session("second", (90, 20), "cat");
    let second = backend.agent("second");
    assert_ne!(first.agent, second.agent);
    server.tmux(&["kill-session", "-t", "first"]);
    backend.until("the end of first", |_, report| match report {
        FromBackend::Backend(BackendInput::Gone(agent)) => Some(assert_eq!(*agent, first.agent)),
        _ => None,
    });
}

#[test]
fn what_a_watched_pane_prints_arrives_and_what_is_written_is_typed() {
    let server = Server::new();
    server.session("a", (80, 24), "stty raw -echo; cat -v");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    backend.snapshot(terminal, 0);
    backend.order(terminal, TerminalOutput::Write(b"hello\x1b[A\0\xff".to_vec()));
    backend.output_with(terminal, "hello^[[A^@M-^?");
}

#[test]
fn an_agent_is_launched_marked_and_killed_without_a_server_before() {
    let server = Server::new();
    let mut backend = server.start();
    backend.listed();
    let done = backend.launch(spec("a-b", server.home.path(), Some("sh"), &["-c", "echo started; exec cat"]));
    assert_eq!(done, Ok(OperationDone::Done));
    let agent = backend.agent_now("a-b").expect("Seen comes before Done").clone();
    assert_eq!(agent.agent, AgentId(0x0123_4567_89ab_cdef));
    assert_eq!(backend.perform(BackendOperation::Kill(agent.agent)), Ok(OperationDone::Done));
    assert!(backend.agent_now("a-b").is_none(), "Gone comes before Done");
}
