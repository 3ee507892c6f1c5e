//! The tmux backend against a real tmux, each test on a server of its own.

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::term::{Config, Term, TermMode};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Processor};
use async_channel::{Receiver, Sender};
use consort::backend::{Ends, FromBackend, TerminalEvent, ToBackend};
use consort::environment::Environments;
use consort::tmux::{self, TmuxConfig};
use consort_core::directory::BackendKind;
use consort_core::{
    AgentId, BackendInput, BackendOperation, LaunchSpec, Observation, OperationDone, OperationError, OperationId, Size,
    TerminalId, TerminalOutput,
};
use consort_web::tmux::TmuxReport;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than anything takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a script says when it is ready for keys, by its title: what is typed before `stty` is echoed.
const READY: &str = "printf '\\033]2;ready\\033\\\\'";

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
            (text("TMUX_TMPDIR"), self.home.path().into()),
            (text("HOME"), self.home.path().into()),
            (text("SHELL"), text("/bin/sh")),
            (text("LANG"), text("C.UTF-8")),
            (text("TERM"), text("xterm-256color")),
            (text("SECRET_TOKEN"), text("do not leak")),
            (text("CLAUDECODE"), text("1")),
            (text("TMUX"), text("/nowhere,1,2")),
        ]
    }

    fn environments(&self) -> Environments {
        let login = self.environment().into_iter().filter(|(name, _)| name != "SECRET_TOKEN").collect();
        let helper = env!("CARGO_BIN_EXE_consort").into();
        Environments::fixed(login, helper, self.home.path()).expect("a folder for environments")
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

    /// Ends the server and waits until it takes no connections: one that is about to end takes them and says nothing.
    fn kill(&self) {
        self.tmux(&["kill-server"]);
        let is_gone = || {
            let output = self.command().arg("list-sessions").output().expect("tmux runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            said.starts_with("no server running") || said.starts_with("error connecting")
        };
        let start = Instant::now();
        while !is_gone() {
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A detached session that runs a script.
    fn session(&self, name: &str, size: (u16, u16), script: &str) {
        let (cols, rows) = (size.0.to_string(), size.1.to_string());
        self.tmux(&["new-session", "-d", "-s", name, "-x", &cols, "-y", &rows, "/bin/sh", "-c", script]);
    }

    fn start(&self) -> Backend {
        self.start_with(self.config(), 256)
    }

    fn config(&self) -> TmuxConfig {
        TmuxConfig {
            socket_name: Some(self.name.clone()),
            program: None,
            home: self.home.path().to_owned(),
            direct: true,
            environment: self.environment(),
            environments: self.environments(),
            report: TmuxReport::default(),
            ..TmuxConfig::from_environment(None, self.environments())
        }
    }

    /// A backend that is ahead of its driver by so many reports at most.
    fn start_with(&self, config: TmuxConfig, reports: usize) -> Backend {
        let (orders, orders_receiver) = async_channel::unbounded();
        let (reports_sender, reports) = async_channel::bounded(reports);
        let ends = Ends { orders: orders_receiver, reports: reports_sender };
        let thread = std::thread::spawn(move || async_io::block_on(tmux::start(config, ends)));
        Backend {
            orders: Some(orders),
            reports,
            thread: Some(thread),
            agents: BTreeMap::new(),
            waiting: Vec::new(),
            operations: 0,
        }
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
            let Some(report) = self.next(deadline) else {
                panic!("waited in vain for {what}; agents: {:#?}", self.agents)
            };
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

    /// The terminals of an agent, once all of them are [`READY`].
    fn ready(&mut self, name: &str) -> Vec<TerminalId> {
        let agent = self.agent_where(name, |agent| agent.terminals.iter().all(|info| info.title == "ready"));
        agent.terminals.iter().map(|info| TerminalId { agent: agent.agent, pane: info.pane }).collect()
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
            if let TerminalEvent::Output(bytes) =
                self.event(terminal, &format!("output {text:?}, got {:?}", String::from_utf8_lossy(&all)))
            {
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

    fn begin(&mut self, work: BackendOperation) -> OperationId {
        self.operations += 1;
        let id = OperationId(self.operations);
        self.orders
            .as_ref()
            .expect("running")
            .try_send(ToBackend::Operation(id, work))
            .expect("the backend takes orders");
        id
    }

    fn perform(&mut self, work: BackendOperation) -> Result<OperationDone, OperationError> {
        let id = self.begin(work);
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
        caller: vec![],
        size: Size::clamped(100, 30),
        last: None,
    }
}

/// A terminal emulator: what a browser makes of the bytes.
struct Emulator {
    term: Term<VoidListener>,
    parser: Processor,
    size: Size,
}

impl Emulator {
    fn new((size, bytes): (Size, Vec<u8>)) -> Self {
        let config = Config { scrolling_history: 20_000, ..Config::default() };
        let dimensions = TermSize::new(usize::from(size.cols()), usize::from(size.rows()));
        let mut emulator =
            Emulator { term: Term::new(config, &dimensions, VoidListener), parser: Processor::new(), size };
        emulator.write(&bytes);
        emulator
    }

    fn write(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    fn row(&self, line: i32) -> String {
        let row = &self.term.grid()[Line(line)];
        let mut text = String::new();
        for cell in (0..usize::from(self.size.cols())).map(|column| &row[Column(column)]) {
            if !cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                text.push(cell.c);
                text.extend(cell.zerowidth().unwrap_or_default());
            }
        }
        text.trim_end().to_owned()
    }

    /// History and screen, a line per row.
    fn text(&self) -> String {
        let history = self.term.grid().history_size() as i32;
        let rows: Vec<String> = (-history..i32::from(self.size.rows())).map(|line| self.row(line)).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// The screen alone.
    fn screen(&self) -> String {
        let rows: Vec<String> = (0..i32::from(self.size.rows())).map(|line| self.row(line)).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Background colours of one row, as far as they are not the default.
    fn backgrounds(&self, line: i32) -> Vec<(usize, Color)> {
        let row = &self.term.grid()[Line(line)];
        let default = Color::Named(NamedColor::Background);
        (0..usize::from(self.size.cols())).map(|c| (c, row[Column(c)].bg)).filter(|(_, bg)| *bg != default).collect()
    }

    fn wraps(&self, line: i32) -> bool {
        let last = Column(usize::from(self.size.cols()) - 1);
        self.term.grid()[Line(line)][last].flags.contains(Flags::WRAPLINE)
    }

    fn cursor(&self) -> (usize, i32) {
        let point = self.term.grid().cursor.point;
        (point.column.0, point.line.0)
    }

    fn mode(&self) -> TermMode {
        *self.term.mode()
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
        FromBackend::Backend(BackendInput::Gone(agent)) => (*agent == first.agent).then_some(()),
        _ => None,
    });
}

#[test]
fn what_a_watched_pane_prints_arrives_and_what_is_written_is_typed() {
    let server = Server::new();
    server.session("a", (80, 24), &format!("stty raw -echo; {READY}; cat -v"));
    let mut backend = server.start();
    let terminal = backend.ready("a")[0];
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
    assert_started(&done);
    let agent = backend.agent_now("a-b").expect("Seen comes before Done").clone();
    assert_eq!(agent.agent, AgentId(0x0123_4567_89ab_cdef));
    assert_eq!(backend.perform(BackendOperation::Kill(agent.agent)), Ok(OperationDone::Done));
    assert!(backend.agent_now("a-b").is_none(), "Gone comes before Done");
}

fn assert_started(done: &Result<OperationDone, OperationError>) {
    assert!(matches!(done, Ok(OperationDone::Start(_))), "{done:?}");
}

/// tmux ends our connection with the session that it is attached to, and with it every answer that was due.
#[test]
fn several_agents_that_are_killed_and_launched_at_once_are_all_killed_and_launched() {
    let server = Server::new();
    server.session("bystander", (80, 24), "exec cat");
    let names: Vec<String> = (0..24).map(|n| format!("several-{n}")).collect();
    for name in &names {
        server.session(name, (80, 24), "exec cat");
    }
    let mut backend = server.start();
    let agents: Vec<AgentId> = names.iter().map(|name| backend.agent(name).agent).collect();
    let mut wanted = BTreeSet::new();
    let mut launched = vec!["bystander".to_owned()];
    // The newest first: that is the one that tmux attaches us to. At different distances, so that some fall into the time
    // between the end of one connection and the beginning of the next.
    for (n, agent) in (0..).zip(agents.into_iter().rev()) {
        wanted.insert(backend.begin(BackendOperation::Kill(agent)));
        std::thread::sleep(Duration::from_micros(150 * n));
        if n % 6 == 0 {
            let name = format!("new-{n:02}");
            let new = LaunchSpec { agent: AgentId(n), ..spec(&name, server.home.path(), Some("cat"), &[]) };
            wanted.insert(backend.begin(BackendOperation::Launch(new)));
            launched.push(name);
        }
    }
    backend.until("all answers", |_, report| {
        if let FromBackend::Backend(BackendInput::Done(done, result)) = report {
            assert!(matches!(result, Ok(OperationDone::Done | OperationDone::Start(_))), "{result:?}");
            wanted.remove(done);
        }
        wanted.is_empty().then_some(())
    });
    let left: Vec<String> =
        server.tmux(&["list-sessions", "-F", "#{session_name}"]).lines().map(str::to_owned).collect();
    assert_eq!(left, launched, "each once");
}

/// Waits until a pane shows a text, by asking tmux.
fn shows(server: &Server, target: &str, text: &str) {
    let start = Instant::now();
    while !server.tmux(&["capture-pane", "-p", "-S", "-", "-t", target]).contains(text) {
        assert!(start.elapsed() < PATIENCE, "{target} never showed {text:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What tmux has of a pane: history and screen, a line per row.
fn tmux_text(server: &Server, target: &str) -> String {
    server.tmux(&["capture-pane", "-p", "-S", "-", "-t", target]).trim_end().to_owned()
}

/// A session that prints a text (`printf` format), and its snapshot in an emulator.
fn snapshot_of(server: &Server, size: (u16, u16), text: &str) -> (Backend, TerminalId, Emulator) {
    server.session("a", size, &format!("stty -echo; printf '{text}'; {READY}; cat"));
    let mut backend = server.start();
    let terminal = backend.ready("a")[0];
    backend.order(terminal, TerminalOutput::Watch);
    let emulator = Emulator::new(backend.snapshot(terminal, 10_000));
    assert_eq!(emulator.text(), tmux_text(server, "a"), "the snapshot equals tmux's screen and scrollback");
    (backend, terminal, emulator)
}

#[test]
fn a_snapshot_shows_wide_characters_emoji_and_combining_marks_where_tmux_does() {
    let server = Server::new();
    let text = "日本語 x\\r\\né e\\314\\201 🦀 crab\\r\\n日本語日本語日本語日本語日本語日本語日本語x日本語日本語日本語 end\\r\\n";
    let (_, _, emulator) = snapshot_of(&server, (41, 10), text);
    assert_eq!(emulator.cursor(), (0, 4));
    assert!(emulator.wraps(2), "a line that ran over the edge is one line");
}

#[test]
fn a_snapshot_keeps_spaces_that_have_a_colour_and_wrapped_lines() {
    let server = Server::new();
    let long = "0123456789".repeat(13);
    let text = format!("\\033[44mblue   \\033[0m\\r\\n{long}\\r\\n\\033[41m{long}\\033[0mx\\r\\nend\\r\\n");
    let (_, _, emulator) = snapshot_of(&server, (40, 12), &text);
    assert_eq!(emulator.backgrounds(0).len(), 7);
    assert!(emulator.wraps(1) && emulator.wraps(2) && emulator.wraps(3) && !emulator.wraps(4));
    assert_eq!(emulator.backgrounds(8).len(), 10);
}

#[test]
fn a_snapshot_does_not_join_lines_that_only_once_ran_over_the_edge() {
    let server = Server::new();
    let long = "x".repeat(60);
    let (_, _, emulator) =
        snapshot_of(&server, (40, 10), &format!("$ {long}\\033[A\\r\\033[3G\\033[Jls\\r\\nfile\\r\\n"));
    assert_eq!(emulator.row(0), "$ ls");
    assert_eq!(emulator.row(1), "file");
}

#[test]
fn a_snapshot_has_the_history_and_lines_that_are_exactly_full() {
    let server = Server::new();
    let full = "f".repeat(40);
    let (_, _, emulator) =
        snapshot_of(&server, (40, 5), &format!("{full}\\r\\n{full}\\r\\n\\r\\n{}", "line\\r\\n".repeat(30)));
    assert!(emulator.text().lines().count() > 30);
}

#[test]
fn a_snapshot_restores_a_pending_wrap() {
    let server = Server::new();
    let full = "f".repeat(39);
    let (mut backend, terminal, mut emulator) = snapshot_of(&server, (40, 5), &format!("{full}\\033[31mg"));
    backend.order(terminal, TerminalOutput::Write(b"next\n".to_vec()));
    emulator.write(&backend.output_with(terminal, "next"));
    assert_eq!(emulator.row(0), format!("{full}g"));
    assert_eq!(emulator.row(1), "next");
}

#[test]
fn a_snapshot_of_the_alternate_screen_has_the_normal_one_behind_it() {
    let server = Server::new();
    let text = format!("{}\\033[?1049h\\033[2J\\033[3;4Hfull screen", "shell\\r\\n".repeat(12));
    server.session("a", (40, 8), &format!("printf '{text}'; read x; printf '\\033[?1049lback'; cat"));
    shows(&server, "a", "full screen");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    let mut emulator = Emulator::new(backend.snapshot(terminal, 10_000));
    assert!(emulator.mode().contains(TermMode::ALT_SCREEN));
    assert_eq!(emulator.row(2), "   full screen");
    backend.order(terminal, TerminalOutput::Write(b"\n".to_vec()));
    emulator.write(&backend.output_with(terminal, "back"));
    assert_eq!(emulator.text(), tmux_text(&server, "a"));
    assert_eq!(emulator.text().lines().filter(|line| *line == "shell").count(), 12);
}

#[test]
fn a_cursor_saved_before_the_snapshot_is_restored_by_another_one() {
    let server = Server::new();
    server.session(
        "a",
        (40, 8),
        "stty -echo; printf 'one two\\033[1;5H\\0337\\033[5;1Hlast'; read x; printf '\\0338END'; cat",
    );
    shows(&server, "a", "last");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    let mut live = Emulator::new(backend.snapshot(terminal, 100));
    backend.order(terminal, TerminalOutput::Write(b"\n".to_vec()));
    live.write(&backend.output_with(terminal, "END"));
    // Nobody but tmux knows where the cursor was.
    assert_ne!(live.row(0), "one END");
    while !matches!(backend.event(terminal, "what repairs"), TerminalEvent::Skipped) {}
    assert_eq!(Emulator::new(backend.snapshot(terminal, 100)).row(0), "one END");
}

#[test]
fn leaving_the_alternate_screen_twice_moves_the_cursor_back_after_a_snapshot_too() {
    let server = Server::new();
    let left = "one\\033[31m\\033[?1049h\\033[m\\033[?1049l\\033[m\\r\\nlast";
    server.session("a", (40, 8), &format!("stty -echo; printf '{left}'; read x; printf '\\033[?1049lEND'; cat"));
    shows(&server, "a", "last");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    let (_, snapshot) = backend.snapshot(terminal, 100);
    let entered = b"\x1b[1;4H\x1b[?1049h\x1b[?1049l";
    assert!(snapshot.windows(entered.len()).any(|bytes| bytes == entered), "{}", snapshot.escape_ascii());
}

#[test]
fn a_snapshot_restores_region_modes_and_cursor() {
    let server = Server::new();
    let modes = "\\033[?1h\\033=\\033[?1002h\\033[?1006h\\033[?25l\\033[2;4r\\033[4;1Hbottom";
    let (mut backend, terminal, mut emulator) = snapshot_of(&server, (40, 6), &format!("top{modes}"));
    let wanted = TermMode::APP_CURSOR | TermMode::APP_KEYPAD | TermMode::MOUSE_DRAG | TermMode::SGR_MOUSE;
    assert!(emulator.mode().contains(wanted) && !emulator.mode().contains(TermMode::SHOW_CURSOR));
    assert_eq!(emulator.cursor(), (6, 3));
    backend.order(terminal, TerminalOutput::Write(b"one\ntwo\n".to_vec()));
    emulator.write(&backend.output_with(terminal, "two"));
    shows(&server, "a", "two");
    let screen = server.tmux(&["capture-pane", "-p", "-t", "a"]);
    assert_eq!(emulator.screen(), screen.trim_end(), "only the region scrolls");
}

#[test]
fn a_snapshot_within_a_sequence_or_a_character_goes_on_with_the_output() {
    let server = Server::new();
    server.session(
        "a",
        (40, 6),
        &format!(
            "stty -echo; {READY}; printf '\\033[3'; read x; printf '1mred\\343\\203'; read x; printf '\\206!'; cat"
        ),
    );
    let mut backend = server.start();
    let terminal = backend.ready("a")[0];
    backend.order(terminal, TerminalOutput::Watch);
    let mut emulator = Emulator::new(backend.snapshot(terminal, 100));
    backend.order(terminal, TerminalOutput::Write(b"\n".to_vec()));
    emulator.write(&backend.output_with(terminal, "red"));
    let mut second = Emulator::new(backend.snapshot(terminal, 100));
    backend.order(terminal, TerminalOutput::Write(b"\n".to_vec()));
    let rest = backend.output_with(terminal, "!");
    emulator.write(&rest);
    second.write(&rest);
    assert_eq!(emulator.row(0), "redテ!");
    assert_eq!(second.row(0), "redテ!");
}

#[test]
fn every_byte_is_written_once_and_in_order_also_in_copy_mode() {
    let server = Server::new();
    let file = server.home.path().join("got");
    server.session(
        "a",
        (80, 24),
        &format!("stty raw -echo; printf go; head -c 70256 > {}; printf done; cat", file.display()),
    );
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    shows(&server, "a", "go");
    backend.order(terminal, TerminalOutput::Watch);
    let all: Vec<u8> = (0..=255).collect();
    let many: Vec<u8> = (0..70_000u32).map(|i| (i * 7 % 256) as u8).collect();
    let mut written = 0;
    for piece in all.chunks(5).chain(many.chunks(16_000)) {
        backend.order(terminal, TerminalOutput::Write(piece.to_vec()));
    }
    while written < 70_256 {
        if let TerminalEvent::Written(bytes) = backend.event(terminal, "Written") {
            written += bytes;
        }
    }
    backend.output_with(terminal, "done");
    assert_eq!(std::fs::read(&file).expect("the file"), [all, many].concat());
}

#[test]
fn input_reaches_the_program_while_somebody_reads_in_copy_mode() {
    let server = Server::new();
    server.session("a", (80, 24), &format!("stty raw -echo; {READY}; cat -v"));
    let mut backend = server.start();
    let terminal = backend.ready("a")[0];
    server.tmux(&["copy-mode", "-t", "a"]);
    backend.order(terminal, TerminalOutput::Watch);
    backend.order(terminal, TerminalOutput::Write(b"q\"';\x1b\xff~#{pid}".to_vec()));
    backend.output_with(terminal, "q\"';^[M-^?~#{pid}");
    assert_eq!(server.tmux(&["display-message", "-p", "-t", "a", "#{pane_in_mode}"]), "1", "copy mode is left alone");
    assert_eq!(server.tmux(&["list-buffers"]), "", "no buffer is left behind");
}

#[test]
fn a_terminal_that_ended_says_so_and_takes_no_input() {
    let server = Server::new();
    server.session("a", (80, 24), "cat");
    server.session("b", (80, 24), "cat");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    server.tmux(&["kill-session", "-t", "a"]);
    assert!(matches!(backend.event(terminal, "the end"), TerminalEvent::Closed));
    backend.order(terminal, TerminalOutput::Write(b"x".to_vec()));
    assert!(matches!(backend.event(terminal, "a failure"), TerminalEvent::WriteFailed(_)));
    backend.order(terminal, TerminalOutput::Watch);
    assert!(matches!(backend.event(terminal, "the end again"), TerminalEvent::Closed));
}

#[test]
fn the_size_is_held_and_given_back_without_anything_left_behind() {
    let server = Server::new();
    server.session("a", (80, 24), "cat");
    server.tmux(&["new-window", "-d", "-t", "a", "cat"]);
    let mut backend = server.start();
    let agent = backend.agent_where("a", |agent| agent.terminals.len() == 2);
    let terminal = TerminalId { agent: agent.agent, pane: agent.terminals[0].pane };
    backend.order(terminal, TerminalOutput::Resize(Size::clamped(101, 33)));
    loop {
        if matches!(backend.event(terminal, "Resized"), TerminalEvent::Resized(size) if size == Size::clamped(101, 33))
        {
            break;
        }
    }
    let resized = backend.agent_where("a", |agent| agent.terminals[0].size == Size::clamped(101, 33));
    assert_eq!(resized.terminals[1].size, Size::clamped(80, 24), "the other window stays as it is");
    assert!(!resized.shown_elsewhere, "our own clients are nobody else");
    assert_eq!(server.tmux(&["list-clients"]).lines().count(), 2);
    backend.order(terminal, TerminalOutput::ReleaseSize);
    let start = Instant::now();
    while server.tmux(&["list-clients"]).lines().count() > 1 {
        assert!(start.elapsed() < PATIENCE, "the client that held the size is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.tmux(&["show-options", "-w", "-t", "a"]), "", "no option was changed");
    let sizes = || server.tmux(&["list-windows", "-t", "a", "-F", "#{window_width}x#{window_height}"]);
    assert_eq!(sizes(), "80x24\n80x24", "as before anybody looked");
    // Each visit begins with what the last one left.
    for wanted in [Size::clamped(47, 42), Size::clamped(150, 50)] {
        backend.order(terminal, TerminalOutput::Resize(wanted));
        backend.agent_where("a", |agent| agent.terminals[0].size == wanted);
        backend.order(terminal, TerminalOutput::ReleaseSize);
        backend.agent_where("a", |agent| agent.terminals[0].size == Size::clamped(80, 24));
    }
}

#[test]
fn a_window_of_several_panes_takes_the_size_that_was_asked_for_and_keeps_it_at_every_visit() {
    let server = Server::new();
    server.session("a", (80, 24), "cat");
    server.tmux(&["split-window", "-h", "-d", "-t", "a", "cat"]);
    server.tmux(&["split-window", "-v", "-d", "-t", "a", "cat"]);
    let mut backend = server.start();
    let agent = backend.agent_where("a", |agent| agent.terminals.len() == 3);
    let wanted = Size::clamped(120, 40);
    for visit in [0, 1, 2, 0, 0] {
        let terminal = TerminalId { agent: agent.agent, pane: agent.terminals[visit].pane };
        backend.order(terminal, TerminalOutput::Resize(wanted));
        let size = || server.tmux(&["display-message", "-p", "-t", "a", "#{window_width}x#{window_height}"]);
        let start = Instant::now();
        while size() != "120x40" {
            assert!(start.elapsed() < PATIENCE, "the window has {} at visit {visit}", size());
            std::thread::sleep(Duration::from_millis(10));
        }
        let seen = backend.agent_where("a", |agent| agent.terminals.iter().any(|info| info.size.cols() > 41));
        assert!(seen.terminals.iter().all(|info| info.size.cols() < 120), "panes are parts of the window");
        backend.order(terminal, TerminalOutput::ReleaseSize);
    }
}

#[test]
fn a_size_that_was_given_back_leaves_the_window_to_who_still_holds_it() {
    let server = Server::new();
    server.session("a", (80, 24), "cat");
    server.tmux(&["split-window", "-h", "-d", "-t", "a", "cat"]);
    server.tmux(&["new-window", "-d", "-t", "a", "cat"]);
    let mut backend = server.start();
    let agent = backend.agent_where("a", |agent| agent.terminals.len() == 3);
    let [left, right, other] = [0, 1, 2].map(|i| TerminalId { agent: agent.agent, pane: agent.terminals[i].pane });
    let has = |pane: TerminalId, wanted: &str| {
        let pane = format!("%{}", pane.pane);
        let size = || server.tmux(&["display-message", "-p", "-t", &pane, "#{window_width}x#{window_height}"]);
        let start = Instant::now();
        while size() != wanted {
            assert!(start.elapsed() < PATIENCE, "the window has {} and not {wanted}", size());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    backend.order(left, TerminalOutput::Resize(Size::clamped(100, 30)));
    has(left, "100x30");
    backend.order(right, TerminalOutput::Resize(Size::clamped(120, 40)));
    has(left, "120x40");
    backend.order(other, TerminalOutput::Resize(Size::clamped(90, 20)));
    has(other, "90x20");
    backend.order(right, TerminalOutput::ReleaseSize);
    has(left, "100x30");
    backend.order(left, TerminalOutput::ReleaseSize);
    has(left, "80x24");
    has(other, "90x20");
}

#[test]
fn a_server_that_dies_takes_its_agents_along_and_a_new_one_is_found() {
    let server = Server::new();
    server.session("a", (80, 24), "cat");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    let before = terminal.agent;
    backend.order(terminal, TerminalOutput::Watch);
    server.kill();
    assert!(matches!(
        std::iter::repeat_with(|| backend.event(terminal, "the end")).find(|e| matches!(e, TerminalEvent::Closed)),
        Some(TerminalEvent::Closed)
    ));
    while backend.agent_now("a").is_some() {
        backend.next(Instant::now() + PATIENCE).expect("Gone");
    }
    server.session("a", (80, 24), "cat");
    assert_ne!(backend.agent("a").agent, before);
}

#[test]
fn a_question_about_pictures_is_no_title() {
    let server = Server::new();
    let ask = "printf 'before\\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\\033\\\\after'";
    server.session("unnamed", (80, 24), &format!("{ask}; exec cat"));
    server.session(
        "named",
        (80, 24),
        &format!("printf '\\033]2;Fix the build\\007'; read x; {ask}; printf done; exec cat"),
    );
    shows(&server, "unnamed", "beforeafter");
    let mut backend = server.start();
    assert_eq!(backend.agent("unnamed").terminals[0].title, "");
    backend.agent_where("named", |agent| agent.terminals[0].title == "Fix the build");
    server.tmux(&["send-keys", "-t", "named", "Enter"]);
    shows(&server, "named", "done");
    assert!(server.tmux(&["display-message", "-p", "-t", "named", "#{pane_title}"]).starts_with("Gi=31"));
    // Another list after that is complete.
    server.tmux(&["rename-window", "-t", "named", "later"]);
    let agent = backend.agent_where("named", |agent| agent.terminals[0].window.ends_with(":later"));
    assert_eq!(agent.terminals[0].title, "Fix the build");
    let terminal = backend.terminal_of("unnamed");
    backend.order(terminal, TerminalOutput::Watch);
    let (_, bytes) = backend.snapshot(terminal, 0);
    assert!(!String::from_utf8_lossy(&bytes).contains("Gi=31"));
}

#[test]
fn titles_and_names_cannot_be_mistaken_for_anything_else() {
    let server = Server::new();
    server.session("a", (80, 24), "printf '\\033]2;%%end 1 2 1 $(x) #{pid} \\\\ \"q\" é日 ;\\033\\\\'; cat");
    let mut backend = server.start();
    let agent = backend.agent_where("a", |agent| !agent.terminals[0].title.is_empty());
    let title = &agent.terminals[0].title;
    assert!(title.starts_with("%end 1 2 1 $(x) #{pid} ") && title.ends_with("\"q\" é日 ;"), "{title}");
    // tmux 3.8 keeps a backslash of a title as two.
    assert_eq!(*title, server.tmux(&["display-message", "-p", "-t", "a", "#{pane_title}"]));
}

#[test]
fn a_launched_agent_has_a_clean_environment_and_leaves_a_shell_with_its_exit_code() {
    let server = Server::new();
    let mut backend = server.start();
    backend.listed();
    let mut spec = spec(
        "a-b",
        server.home.path(),
        Some("sh"),
        &["-c", "env > e; pwd >> e; echo \"$1\" >> e; exit 3", "sh", "it's; $HOME #{pid}"],
    );
    spec.directory = "~/".to_owned();
    spec.env = vec![("K".to_owned(), "v w;".to_owned())];
    assert_started(&backend.launch(spec));
    let agent = backend.agent_where("a-b", |agent| agent.terminals[0].exit_code.is_some());
    assert_eq!(agent.terminals[0].exit_code, Some(3));
    assert_eq!(agent.terminals[0].size, Size::clamped(100, 30));
    let agent = backend.agent_where("a-b", |agent| agent.terminals[0].shell);
    assert_eq!(agent.directory, server.home.path().to_str().expect("UTF-8"));
    let environment = std::fs::read_to_string(server.home.path().join("e")).expect("what the program saw");
    let home = server.home.path().to_str().expect("UTF-8");
    for expected in [home, "K=v w;", "CONSORT_AGENT_ID=04hmasw9nf6yy", "CONSORT_AGENT_NAME=a-b", "it's; $HOME #{pid}"] {
        assert!(environment.lines().any(|line| line == expected), "{expected} in {environment}");
    }
    assert!(
        !environment.contains("SECRET") && !environment.contains("CLAUDECODE") && !environment.contains("/nowhere")
    );
    let server_environment = server.tmux(&["show-environment", "-g"]);
    assert!(!server_environment.contains("SECRET") && !server_environment.contains("CLAUDECODE"));
}

#[test]
fn after_a_program_the_normal_screen_is_brought_back_only_if_it_was_left() {
    let leave = "\u{1b}[?1049l";
    let server = Server::new();
    let mut backend = server.start();
    backend.listed();
    let programs = [
        ("plain", "printf 'one\\n\\033[?1049h\\033[?1049l'; seq 1 5; read x", false),
        ("full", "seq 1 5; printf '\\033[?1049hfull'; read x", true),
    ];
    for (at, (name, program, alternate)) in programs.into_iter().enumerate() {
        let mut spec = spec(name, server.home.path(), Some("sh"), &["-c", program]);
        spec.agent = AgentId(at as u64 + 1);
        assert_started(&backend.launch(spec));
        shows(&server, name, if alternate { "full" } else { "5" });
        let terminal = backend.terminal_of(name);
        backend.order(terminal, TerminalOutput::Watch);
        backend.snapshot(terminal, 100);
        backend.order(terminal, TerminalOutput::Write(b"\r".to_vec()));
        let output = backend.output_with(terminal, "ended with status 0]");
        let output = String::from_utf8_lossy(&output).into_owned();
        assert_eq!(output.contains(leave), alternate, "{name}: {output:?}");
        shows(&server, name, "ended with status 0]");
        let text = tmux_text(&server, name);
        assert!(text.contains("1\n2\n3\n4\n5\n"), "{name}: {text}");
    }
}

#[test]
fn a_launched_program_is_what_runs_there_and_ctrl_c_ends_it_alone() {
    let server = Server::new();
    let mut backend = server.start();
    backend.listed();
    assert_started(&backend.launch(spec("a-b", server.home.path(), Some("cat"), &[])));
    let agent = backend.agent_where("a-b", |agent| agent.terminals[0].command == "cat");
    assert!(!agent.terminals[0].shell && agent.terminals[0].exit_code.is_none());
    let terminal = TerminalId { agent: agent.agent, pane: agent.terminals[0].pane };
    backend.order(terminal, TerminalOutput::Write(b"\x03".to_vec()));
    let agent = backend.agent_where("a-b", |agent| agent.terminals[0].shell);
    assert_eq!(agent.terminals[0].exit_code, Some(130));
}

#[test]
fn panes_of_one_session_are_watched_one_by_one() {
    let server = Server::new();
    let script = format!("stty raw -echo; {READY}; cat");
    server.session("a", (80, 24), &script);
    server.tmux(&["split-window", "-d", "-t", "a", &script]);
    let mut backend = server.start();
    backend.agent_where("a", |agent| agent.terminals.len() == 2);
    let [first, second] = backend.ready("a")[..] else { panic!("two terminals") };
    backend.order(first, TerminalOutput::Watch);
    for round in ["one", "two"] {
        backend.order(second, TerminalOutput::Write(format!("unseen {round}").into_bytes()));
        backend.order(first, TerminalOutput::Write(round.as_bytes().to_vec()));
        backend.output_with(first, round);
    }
    shows(&server, &format!("%{}", second.pane), "unseen two");
    assert!(!backend.waiting.iter().any(|(id, event)| *id == second && matches!(event, TerminalEvent::Output(_))));
    backend.order(second, TerminalOutput::Watch);
    let mut emulator = Emulator::new(backend.snapshot(second, 0));
    backend.order(second, TerminalOutput::Write(b" and seen".to_vec()));
    emulator.write(&backend.output_with(second, " and seen"));
    assert_eq!(emulator.row(0), "unseen oneunseen two and seen");
}

#[test]
fn a_launch_that_cannot_work_is_refused_with_the_reason() {
    let server = Server::new();
    server.session("taken", (80, 24), "cat");
    let mut backend = server.start();
    backend.agent("taken");
    let home = server.home.path().to_owned();
    let file = home.join("file");
    std::fs::write(&file, "").expect("a file");
    let message = backend.launch(spec("x", &file, None, &[])).expect_err("a file").message;
    assert!(message.ends_with("/file is not a directory."), "{message}");
    let mut code = |spec: LaunchSpec| backend.launch(spec).expect_err("refused").code;
    assert_eq!(code(spec("x", &home.join("nowhere"), None, &[])), "directory-missing");
    assert_eq!(code(spec("x", &home, Some("no-such-program"), &[])), "program-not-found");
    assert_eq!(code(spec("x", &home, Some("./e"), &[])), "program-not-found");
    assert_eq!(code(spec("taken", &home, None, &[])), "name-taken");
    assert_eq!(code(spec("a.b", &home, None, &[])), "name-invalid");
}

#[test]
fn launched_agents_carry_their_mark_and_can_be_renamed_and_marked() {
    let server = Server::new();
    server.session("found", (80, 24), "cat");
    let mut backend = server.start();
    let found = backend.agent("found").agent;
    assert_started(&backend.launch(spec("a-b", server.home.path(), None, &[])));
    assert_eq!(backend.agent_now("a-b").expect("Seen").agent, AgentId(0x0123_4567_89ab_cdef));
    assert_eq!(backend.perform(BackendOperation::Rename(found, "renamed".into())), Ok(OperationDone::Done));
    assert_eq!(backend.agent_now("renamed").expect("Seen").agent, found);
    assert_eq!(backend.perform(BackendOperation::Mark(found)), Ok(OperationDone::Done));
    assert_eq!(server.tmux(&["show-options", "-v", "-t", "renamed", "@consort_id"]), found.to_string());
    assert_eq!(backend.perform(BackendOperation::Rename(found, "a-b".into())).expect_err("taken").code, "name-taken");
    assert_eq!(backend.perform(BackendOperation::Kill(found)), Ok(OperationDone::Done));
    assert!(backend.agent_now("renamed").is_none() && backend.agent_now("a-b").is_some());
}

#[test]
fn a_text_is_pasted_in_brackets_only_if_the_program_asked_and_then_submitted() {
    let server = Server::new();
    server.session("plain", (80, 24), &format!("stty raw -echo; {READY}; cat -v"));
    server.session("asked", (80, 24), &format!("stty raw -echo; printf '\\033[?2004h'; {READY}; cat -v"));
    let mut backend = server.start();
    for (name, expected) in [("plain", "one^Mtwo é; \"$x\"^M"), ("asked", "^[[200~one^Mtwo é; \"$x\"^[[201~^M")] {
        let terminal = backend.ready(name)[0];
        let text = "one\ntwo é; \"$x\"".to_owned();
        let done = backend.perform(BackendOperation::Paste { terminal, text, submit: true });
        assert_eq!(done, Ok(OperationDone::Pasted { submitted: true }));
        shows(&server, name, &expected.replace('é', "M-CM-)"));
    }
    assert_eq!(server.tmux(&["list-buffers"]), "");
}

#[test]
fn a_paste_keeps_its_brackets_while_somebody_reads_in_copy_mode() {
    let server = Server::new();
    server.session("plain", (80, 24), &format!("stty -echo; {READY}; exec cat -v"));
    server.session("asked", (80, 24), &format!("stty raw -echo; printf '\\033[?2004h'; {READY}; cat -v"));
    let mut backend = server.start();
    for (name, expected) in [("plain", "one\ntwo"), ("asked", "^[[200~one^Mtwo^[[201~")] {
        let terminal = backend.ready(name)[0];
        server.tmux(&["copy-mode", "-t", name]);
        let text = "one\ntwo".to_owned();
        let done = backend.perform(BackendOperation::Paste { terminal, text, submit: name == "plain" });
        assert_eq!(done, Ok(OperationDone::Pasted { submitted: name == "plain" }));
        assert_eq!(
            server.tmux(&["display-message", "-p", "-t", name, "#{pane_in_mode}"]),
            "1",
            "copy mode is left alone"
        );
        server.tmux(&["send-keys", "-t", name, "-X", "cancel"]);
        shows(&server, name, expected);
    }
    assert_eq!(server.tmux(&["list-buffers"]), "");
}

#[test]
fn a_long_text_arrives_whole() {
    let server = Server::new();
    let file = server.home.path().join("got");
    server.session(
        "a",
        (80, 24),
        &format!("stty raw -echo; {READY}; head -c 1500000 > {}; printf done; cat", file.display()),
    );
    let mut backend = server.start();
    let terminal = backend.ready("a")[0];
    let text: String = (0..150_000).map(|i| format!("{i:08}é")).collect();
    assert_eq!(text.len(), 1_500_000);
    let done = backend.perform(BackendOperation::Paste { terminal, text: text.clone(), submit: false });
    assert_eq!(done, Ok(OperationDone::Pasted { submitted: false }));
    shows(&server, "a", "done");
    assert!(std::fs::read(&file).expect("the file") == text.into_bytes());
}

#[test]
fn text_and_screen_are_read_without_escapes() {
    let server = Server::new();
    server.session(
        "a",
        (40, 4),
        "stty -echo; printf '\\033[31mone\\033[0m\\r\\ntwo\\r\\n\\r\\nfour\\r\\nfive\\r\\nsix'; cat",
    );
    shows(&server, "a", "six");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    let Ok(OperationDone::Text(text)) = backend.perform(BackendOperation::ReadText { terminal, history_lines: 100 })
    else {
        panic!("text");
    };
    assert_eq!(text.text, "one\ntwo\n\nfour\nfive\nsix\n");
    assert_eq!((text.size, text.cursor), (Size::clamped(40, 4), (3, 3)));
    backend.order(terminal, TerminalOutput::ReadScreen);
    let TerminalEvent::Screen(screen, true) = backend.event(terminal, "the screen") else { panic!("a screen") };
    assert_eq!((screen.text.as_str(), screen.cursor), ("\nfour\nfive\nsix\n", (3, 3)));
}

#[test]
fn a_flood_ends_with_the_screen_that_tmux_has() {
    let server = Server::new();
    server.session("a", (80, 24), "read x; seq 1 1500000; printf 'the end'; cat");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    let mut emulator = Emulator::new(backend.snapshot(terminal, 1_000));
    backend.order(terminal, TerminalOutput::Write(b"\n".to_vec()));
    let (mut skipped, mut asked) = (0, false);
    let start = Instant::now();
    while !emulator.screen().ends_with("the end") {
        assert!(start.elapsed() < PATIENCE, "the end never came");
        match backend.event(terminal, "the end of the flood") {
            TerminalEvent::Output(bytes) => emulator.write(&bytes),
            TerminalEvent::Skipped => {
                skipped += 1;
                if !asked {
                    backend.order(terminal, TerminalOutput::Snapshot { history_lines: 1_000 });
                    asked = true;
                }
            }
            TerminalEvent::Snapshot { size, bytes } => {
                emulator = Emulator::new((size, bytes));
                asked = false;
            }
            _ => {}
        }
    }
    assert_eq!(emulator.screen(), server.tmux(&["capture-pane", "-p", "-t", "a"]).trim_end());
    assert!(skipped > 0, "a flood is not read byte by byte");
}

#[test]
fn viewing_changes_nothing_that_belongs_to_the_user() {
    let server = Server::new();
    server.session("a", (80, 24), "cat");
    let state = |server: &Server| {
        let options = server.tmux(&["show-options", "-g"]) + &server.tmux(&["show-options", "-t", "a"]);
        let rest = server.tmux(&[
            "display-message",
            "-p",
            "-t",
            "a",
            "#{window_width}x#{window_height} #{pane_in_mode} #{pane_active}",
        ]);
        options + &server.tmux(&["show-environment", "-t", "a"]) + &rest
    };
    let before = state(&server);
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    backend.snapshot(terminal, 100);
    backend.order(terminal, TerminalOutput::ReadScreen);
    backend.event(terminal, "the screen");
    assert_eq!(state(&server), before);
    backend.order(terminal, TerminalOutput::Unwatch);
    drop(backend);
    assert_eq!(state(&server), before);
    let start = Instant::now();
    while !server.tmux(&["list-clients"]).is_empty() {
        assert!(start.elapsed() < PATIENCE, "a client of ours is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn without_tmux_the_reason_and_the_remedy_are_told_and_a_later_installation_is_noticed() {
    let server = Server::new();
    let bin = server.home.path().join("bin");
    std::fs::create_dir(&bin).expect("a directory");
    let mut config = server.config();
    let real = config.environment.iter().find(|(key, _)| key == "PATH").expect("PATH").1.clone();
    config.environment.retain(|(key, _)| key != "PATH");
    config.environment.push(("PATH".into(), bin.clone().into()));
    let mut backend = server.start_with(config, 256);
    let reason = backend.until("Unavailable", |_, report| match report {
        FromBackend::Backend(BackendInput::Unavailable(BackendKind::Tmux, reason)) => Some(reason.clone()),
        _ => None,
    });
    assert!(
        reason.contains("not installed") && reason.contains("3.2") && reason.contains("apt install tmux"),
        "{reason}"
    );
    let tmux = std::env::split_paths(&real).map(|dir| dir.join("tmux")).find(|path| path.exists()).expect("tmux");
    std::os::unix::fs::symlink(tmux, bin.join("tmux")).expect("a link");
    let detail = backend.until("Available", |_, report| match report {
        FromBackend::Backend(BackendInput::Available(BackendKind::Tmux, detail)) => Some(detail.clone()),
        _ => None,
    });
    assert!(detail.starts_with("tmux "), "{detail}");
}

#[test]
fn a_server_that_is_spoken_to_through_processes_gives_the_same() {
    let server = Server::new();
    server.session("a", (80, 24), "stty raw -echo; cat -v");
    let mut backend = server.start_with(TmuxConfig { direct: false, ..server.config() }, 256);
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    backend.snapshot(terminal, 0);
    backend.order(terminal, TerminalOutput::Write(b"\x1b[A".to_vec()));
    backend.output_with(terminal, "^[[A");
    assert!(!backend.agents[&terminal.agent].shown_elsewhere);
    drop(backend);
    let start = Instant::now();
    while !server.tmux(&["list-clients"]).is_empty() {
        assert!(start.elapsed() < PATIENCE, "a helper process is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_driver_that_takes_nothing_stops_no_program_and_is_told_that_output_was_skipped() {
    let server = Server::new();
    let done = server.home.path().join("done");
    let script = format!(
        "read x; i=0; while [ $i -lt 100 ]; do seq 10000 13000; sleep 0.01; i=$((i+1)); done; touch {}; printf 'the end'; cat",
        done.display()
    );
    server.session("a", (80, 24), &script);
    let mut backend = server.start_with(server.config(), 1);
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    backend.snapshot(terminal, 0);
    backend.order(terminal, TerminalOutput::Write(b"\n".to_vec()));
    let start = Instant::now();
    while !done.exists() {
        assert!(start.elapsed() < PATIENCE, "the program was stopped");
        std::thread::sleep(Duration::from_millis(10));
    }
    while !matches!(backend.event(terminal, "Skipped"), TerminalEvent::Skipped) {}
    while !Emulator::new(backend.snapshot(terminal, 0)).screen().ends_with("the end") {}
}

#[test]
fn every_character_survives_the_way_into_an_argument_of_tmux() {
    let server = Server::new();
    server.session("a", (80, 24), "cat");
    let mut backend = server.start();
    backend.agent("a");
    let every: String = (1..0x100u32).chain([0x2028, 0x65e5, 0x1f980, 0x10ffff]).filter_map(char::from_u32).collect();
    for (number, chunk) in every.chars().collect::<Vec<_>>().chunks(40).enumerate() {
        let value: String = chunk.iter().collect();
        let mut spec =
            spec(&format!("n{number}"), server.home.path(), Some("sh"), &["-c", "printf %s \"$1\" > \"$0\"; exec cat"]);
        let file = server.home.path().join(format!("got-{number}"));
        spec.agent = AgentId(1_000 + number as u64);
        spec.args.extend([file.to_str().expect("UTF-8").to_owned(), value.clone()]);
        assert_started(&backend.launch(spec));
        let start = Instant::now();
        while std::fs::read(&file).unwrap_or_default() != value.as_bytes() {
            assert!(start.elapsed() < PATIENCE, "{value:?} became {:?}", std::fs::read(&file));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_session_that_somebody_shows_is_said_to_be_shown_elsewhere() {
    let server = Server::new();
    server.session("a", (80, 24), "cat");
    let mut backend = server.start();
    assert!(!backend.agent("a").shown_elsewhere);
    let mut command = server.command();
    command
        .args(["-C", "attach-session", "-t", "a"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null());
    let mut other = command.spawn().expect("a client");
    backend.agent_where("a", |agent| agent.shown_elsewhere);
    drop(other.stdin.take());
    other.wait().expect("the client ends");
    backend.agent_where("a", |agent| !agent.shown_elsewhere);
}

/// The time that a flood takes to pass through tmux, from the key that starts it to the file that it leaves.
fn flood_time(server: &Server, name: &str, press: impl FnOnce()) -> Duration {
    let done = server.home.path().join(format!("done-{name}"));
    let start = Instant::now();
    press();
    while !done.exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}

#[test]
#[ignore = "a measurement: cargo test --release --test tmux_backend -- --ignored --nocapture"]
fn measure_a_flood_of_100_mb_against_nobody_attached() {
    let server = Server::new();
    let data = server.home.path().join("data");
    let line = (0..2_000).fold(String::new(), |all, i| {
        all + &format!("\x1b[3{}mline {i} of coloured text\x1b[0m with more behind it\n", i % 8)
    });
    let whole = line.repeat(100_000_000 / line.len() + 1);
    std::fs::write(&data, &whole.as_bytes()[..100_000_000]).expect("data");
    let (mut alone, mut watched, mut cpus) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..3 {
        for attached in [false, true] {
            let name = format!("{round}-{attached}");
            let home = server.home.path().display();
            server.session(&name, (120, 40), &format!("read x; cat {}; touch {home}/done-{name}; cat", data.display()));
            let mut looks = 0;
            let pid = server.tmux(&["display-message", "-p", "#{pid}"]);
            let before = usage(&pid).0;
            if attached {
                let mut backend = server.start();
                let terminal = backend.terminal_of(&name);
                backend.order(terminal, TerminalOutput::Watch);
                backend.snapshot(terminal, 10_000);
                let orders = backend.orders.clone().expect("running");
                let reports = backend.reports.clone();
                let done = server.home.path().join(format!("done-{name}"));
                let reader = std::thread::spawn(move || {
                    let mut snapshots = 0;
                    while !done.exists() {
                        match reports.recv_blocking() {
                            Ok(FromBackend::Terminal(_, TerminalEvent::Skipped)) => {
                                let output = TerminalOutput::Snapshot { history_lines: 10_000 };
                                let _ = orders.try_send(ToBackend::Terminal(terminal, output));
                            }
                            Ok(FromBackend::Terminal(_, TerminalEvent::Snapshot { .. })) => snapshots += 1,
                            Ok(_) => {}
                            Err(_) => break,
                        }
                    }
                    snapshots
                });
                let time =
                    flood_time(&server, &name, || backend.order(terminal, TerminalOutput::Write(b"\n".to_vec())));
                watched.push(time);
                looks = reader.join().expect("reader");
            } else {
                alone.push(flood_time(&server, &name, || {
                    server.tmux(&["send-keys", "-t", &name, "Enter"]);
                }));
            }
            let cpu = usage(&pid).0 - before;
            cpus[usize::from(attached)].push(cpu);
            println!(
                "{name}: {:?}, tmux used {cpu:?} ({looks} looks)",
                if attached { watched.last() } else { alone.last() }
            );
            server.tmux(&["kill-session", "-t", &name]);
        }
    }
    alone.sort();
    watched.sort();
    cpus.iter_mut().for_each(|times| times.sort());
    println!("tmux's own time: ratio {:.3}", cpus[1][1].as_secs_f64() / cpus[0][1].as_secs_f64());
    println!(
        "median alone {:?}, watched {:?}, ratio {:.3}",
        alone[1],
        watched[1],
        watched[1].as_secs_f64() / alone[1].as_secs_f64()
    );
}

#[test]
#[ignore = "a measurement"]
fn measure_opening_ten_thousand_lines() {
    let server = Server::new();
    server.tmux(&[
        "start-server",
        ";",
        "set-option",
        "-g",
        "history-limit",
        "20000",
        ";",
        "new-session",
        "-d",
        "-s",
        "keep",
    ]);
    server.session("a", (120, 40), "i=0; while [ $i -lt 10500 ]; do printf '\\033[3%dmline %d\\033[0m some text \\033[1mfoo\\033[0m bar baz lorem ipsum dolor sit amet\\n' $((i%8)) $i; i=$((i+1)); done; printf 'the end'; cat");
    shows(&server, "a", "the end");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    for _ in 0..5 {
        let start = Instant::now();
        let (_, bytes) = backend.snapshot(terminal, 10_000);
        println!("snapshot of {} bytes in {:?}", bytes.len(), start.elapsed());
    }
}

/// User and system time of a process so far, and its resident memory in kilobytes.
fn usage(pid: &str) -> (Duration, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let fields: Vec<&str> = stat[stat.rfind(')').expect("name") + 2..].split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().expect("ticks") + fields[12].parse::<u64>().expect("ticks");
    (Duration::from_millis(ticks * 10), fields[21].parse::<u64>().expect("pages") * 4)
}

#[test]
#[ignore = "a measurement"]
fn measure_idle_cost_and_memory_of_100_sessions() {
    let server = Server::new();
    for i in 0..100 {
        server.session(&format!("s{i}"), (120, 40), "cat");
    }
    let tmux_pid = server.tmux(&["display-message", "-p", "#{pid}"]);
    let measure = |what: &str, seconds: u64| {
        let (before, tmux_before) = (usage("self"), usage(&tmux_pid));
        std::thread::sleep(Duration::from_secs(seconds));
        let (after, tmux_after) = (usage("self"), usage(&tmux_pid));
        let percent = |a: Duration, b: Duration| (a - b).as_secs_f64() / seconds as f64 * 100.0;
        println!(
            "{what}: node {:.2} %, {} KB; tmux {:.2} %, {} KB",
            percent(after.0, before.0),
            after.1,
            percent(tmux_after.0, tmux_before.0),
            tmux_after.1
        );
    };
    measure("nothing", 2);
    let mut backend = server.start();
    backend.listed();
    measure("100 sessions known", 10);
    let terminals: Vec<TerminalId> =
        backend.agents.values().map(|a| TerminalId { agent: a.agent, pane: a.terminals[0].pane }).collect();
    for terminal in &terminals {
        backend.order(*terminal, TerminalOutput::Watch);
    }
    for terminal in &terminals {
        backend.snapshot(*terminal, 1_000);
    }
    measure("100 sessions watched", 10);
}

#[test]
#[ignore = "a measurement"]
fn measure_key_echo() {
    let server = Server::new();
    server.session("a", (120, 40), "stty raw -echo; cat");
    let mut backend = server.start();
    let terminal = backend.terminal_of("a");
    backend.order(terminal, TerminalOutput::Watch);
    backend.snapshot(terminal, 0);
    let mut times = Vec::new();
    for _ in 0..500 {
        let start = Instant::now();
        backend.order(terminal, TerminalOutput::Write(b"x".to_vec()));
        backend.output_with(terminal, "x");
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(2));
    }
    times.sort();
    println!("echo p50 {:?}, p99 {:?}", times[250], times[495]);
}
