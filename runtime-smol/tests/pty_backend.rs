//! Agents on PTYs of the node, with real programs.

use async_channel::{Receiver, Sender};
use consort::backend::{Ends, FromBackend, TerminalEvent, ToBackend};
use consort::environment::Environments;
use consort::pty::{self, Palette, PtyConfig, Terminals};
use consort_core::directory::BackendKind;
use consort_core::{
    AgentId, BackendInput, BackendOperation, LaunchSpec, Observation, OperationDone, OperationError, OperationId, Size,
    TerminalId, TerminalOutput,
};
use std::cell::Cell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Longer than anything takes on a machine that is busy with other things. Nothing waits that long unless it has failed.
const BOUND: Duration = Duration::from_secs(60);

struct Node {
    orders: Sender<ToBackend>,
    reports: Receiver<FromBackend>,
    thread: Option<std::thread::JoinHandle<()>>,
    next: Cell<u64>,
    home: tempfile::TempDir,
}

impl Node {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (orders, orders_end) = async_channel::unbounded();
        let (reports_end, reports) = async_channel::bounded(64);
        let login = ["PATH", "HOME"].map(|name| (name.into(), std::env::var_os(name).unwrap_or_default()));
        let helper = env!("CARGO_BIN_EXE_consort").into();
        let environments = Environments::fixed(login.into(), helper, home.path()).unwrap();
        let config = PtyConfig { home: home.path().to_owned(), palette: Palette::default(), environments };
        let thread = std::thread::spawn(move || drive(config, &orders_end, reports_end));
        let node = Node { orders, reports, thread: Some(thread), next: Cell::new(1), home };
        assert!(
            matches!(node.backend(), BackendInput::Available(BackendKind::Pty, detail) if detail == "own terminals")
        );
        assert_eq!(node.backend(), BackendInput::Listed(BackendKind::Pty));
        node
    }

    fn report(&self) -> FromBackend {
        let deadline = Instant::now() + BOUND;
        loop {
            match self.reports.try_recv() {
                Ok(report) => return report,
                Err(error) => {
                    assert!(!error.is_closed() && Instant::now() < deadline, "no report: {error}");
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    fn backend(&self) -> BackendInput {
        match self.report() {
            FromBackend::Backend(input) => input,
            FromBackend::Terminal(_, event) => panic!("unexpected {event:?}"),
        }
    }

    fn operation(&self, operation: BackendOperation) -> OperationId {
        let id = OperationId(self.next.replace(self.next.get() + 1));
        self.orders.try_send(ToBackend::Operation(id, operation)).unwrap();
        id
    }

    fn spec(&self, agent: u64, command: &[&str]) -> LaunchSpec {
        LaunchSpec {
            agent: AgentId(agent),
            backend: BackendKind::Pty,
            name: format!("test-agent-{agent}"),
            directory: self.home.path().to_str().unwrap().into(),
            program: command.first().map(|program| (*program).into()),
            args: command.iter().skip(1).map(|argument| (*argument).into()).collect(),
            caller: Vec::new(),
            env: vec![("SHELL".into(), "/bin/sh".into()), ("PS1".into(), "$ ".into()), ("ENV".into(), String::new())],
            size: Size::DEFAULT,
            last: None,
        }
    }

    fn launch(&self, command: &[&str]) -> Agent<'_> {
        self.launch_spec(self.spec(self.next.get() + 1_000, command))
    }

    /// Starts a watched agent. What it prints before somebody looks would not be delivered: its program starts then.
    fn launch_spec(&self, mut spec: LaunchSpec) -> Agent<'_> {
        let id = TerminalId { agent: spec.agent, pane: 0 };
        let gate = self.home.path().join(format!("gate-{}", self.next.get()));
        if let Some(program) = spec.program.take() {
            spec.program = Some("sh".into());
            let wait = r#"while [ ! -e "$0" ]; do sleep 0.01; done; exec "$@""#;
            let own = std::mem::take(&mut spec.args);
            spec.args =
                ["-c", wait, gate.to_str().unwrap(), &program].map(String::from).into_iter().chain(own).collect();
        }
        let operation = self.operation(BackendOperation::Launch(spec));
        let mut agent = Agent { node: self, id, output: Vec::new(), seen: None, kept: VecDeque::new(), written: 0 };
        let done = agent.done(operation);
        assert!(matches!(done, Ok(OperationDone::Start(_))), "{done:?}");
        assert!(agent.seen.is_some(), "it is seen before the launch is done");
        agent.order(TerminalOutput::Watch);
        // The answer to this comes after `Watch` was obeyed.
        assert_eq!(agent.perform(BackendOperation::Mark(id.agent)), Ok(OperationDone::Done));
        std::fs::write(gate, "").unwrap();
        agent
    }

    fn refused(&self, spec: LaunchSpec) -> OperationError {
        let operation = self.operation(BackendOperation::Launch(spec));
        match self.backend() {
            BackendInput::Done(id, Err(error)) if id == operation => error,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

/// Does with orders what the driver does, on its thread: terminals that somebody types in come there.
fn drive(config: PtyConfig, orders: &Receiver<ToBackend>, reports: Sender<FromBackend>) {
    let (terminals, attendant) = Terminals::attended();
    let attendant = Rc::new(attendant);
    let (work, ordered) = async_channel::unbounded();
    let backend = pty::start_reachable(config, Ends { orders: ordered, reports }, terminals.clone()).unwrap();
    let way = pty::way(work, terminals, Rc::clone(&attendant));
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {
        let attending = executor.spawn(async move { attendant.run().await });
        while let Ok(order) = orders.recv().await {
            way(order);
        }
        attending.cancel().await;
    }));
    drop(way);
    backend.join().unwrap();
}

impl Drop for Node {
    fn drop(&mut self) {
        self.orders.close();
        self.reports.close();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// One agent; its reports are the only ones while it is used.
struct Agent<'a> {
    node: &'a Node,
    id: TerminalId,
    output: Vec<u8>,
    seen: Option<Observation>,
    kept: VecDeque<FromBackend>,
    written: usize,
}

impl Agent<'_> {
    fn order(&self, order: TerminalOutput) {
        self.node.orders.try_send(ToBackend::Terminal(self.id, order)).unwrap();
    }

    fn type_in(&self, bytes: impl AsRef<[u8]>) {
        self.order(TerminalOutput::Write(bytes.as_ref().to_vec()));
    }

    /// Takes one report, remembering output and observations.
    fn next(&mut self) -> FromBackend {
        let report = self.node.report();
        match &report {
            FromBackend::Terminal(_, TerminalEvent::Output(bytes)) => {
                assert!(bytes.len() <= 64 << 10, "a chunk has 64 KiB at most");
                self.output.extend_from_slice(bytes);
            }
            FromBackend::Terminal(_, TerminalEvent::Written(bytes)) => self.written += bytes,
            FromBackend::Backend(BackendInput::Seen(observation)) => self.seen = Some(observation.clone()),
            _ => {}
        }
        report
    }

    fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + BOUND;
        loop {
            if let Some(value) = found(self) {
                return value;
            }
            assert!(Instant::now() < deadline, "{what} did not come; output: {}", self.output.escape_ascii());
            let report = self.next();
            self.kept.push_back(report);
        }
    }

    /// Waits until the program has printed this.
    fn prints(&mut self, text: &str) {
        self.until(text, |agent| contains(&agent.output, text.as_bytes()).then_some(()));
    }

    fn sees(&mut self, what: &str, wanted: impl Fn(&Observation) -> bool) {
        self.until(what, |agent| agent.seen.as_ref().is_some_and(&wanted).then_some(()));
    }

    /// The answer to an operation.
    fn done(&mut self, operation: OperationId) -> Result<OperationDone, OperationError> {
        self.until("the answer to an operation", |agent| {
            let at = agent.kept.iter().position(
                |report| matches!(report, FromBackend::Backend(BackendInput::Done(id, _)) if *id == operation),
            )?;
            match agent.kept.remove(at) {
                Some(FromBackend::Backend(BackendInput::Done(_, result))) => Some(result),
                _ => None,
            }
        })
    }

    fn perform(&mut self, operation: BackendOperation) -> Result<OperationDone, OperationError> {
        let operation = self.node.operation(operation);
        self.done(operation)
    }

    fn paste(&mut self, text: &str, submit: bool) -> Result<OperationDone, OperationError> {
        self.perform(BackendOperation::Paste { terminal: self.id, text: text.into(), submit })
    }

    fn text(&mut self) -> String {
        let operation = BackendOperation::ReadText { terminal: self.id, history_lines: 100 };
        match self.perform(operation).unwrap() {
            OperationDone::Text(text) => text.text,
            other => panic!("not a text: {other:?}"),
        }
    }

    fn snapshot(&mut self, history_lines: u32) -> (Size, Vec<u8>) {
        self.order(TerminalOutput::Snapshot { history_lines });
        self.until("a snapshot", |agent| {
            agent.kept.drain(..).find_map(|report| match report {
                FromBackend::Terminal(_, TerminalEvent::Snapshot { size, bytes }) => Some((size, bytes)),
                _ => None,
            })
        })
    }

    /// Waits for the end: `Closed`, then `Gone`, then nothing of this agent.
    fn ends(&mut self) {
        self.until("the end", |agent| {
            agent.kept.iter().any(|report| matches!(report, FromBackend::Backend(BackendInput::Gone(_)))).then_some(())
        });
        let closed =
            self.kept.iter().position(|report| matches!(report, FromBackend::Terminal(_, TerminalEvent::Closed)));
        let gone = self.kept.iter().position(|report| matches!(report, FromBackend::Backend(BackendInput::Gone(_))));
        assert!(closed.is_some() && closed < gone, "the terminal is closed before the agent is gone");
    }

    fn kill(&mut self) {
        let killed = self.perform(BackendOperation::Kill(self.id.agent));
        assert_eq!(killed, Ok(OperationDone::Done));
        self.ends();
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A process of this number exists, and has not only to be waited for.
fn process_runs(process: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|status| !status.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

#[test]
fn a_program_runs_in_its_directory_with_a_clean_environment_and_a_terminal() {
    let node = Node::start();
    let mut spec = node.spec(1, &["sh", "-c", "pwd; tty; env; stty size; echo the end"]);
    spec.env.push(("GREETING".into(), "hello; rm -rf \"$HOME\" $(date)".into()));
    let mut agent = node.launch_spec(spec);
    agent.prints("the end");
    let text = String::from_utf8(agent.output.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(Path::new(lines[0]), node.home.path().canonicalize().unwrap());
    assert!(lines[1].starts_with("/dev/"), "it has a controlling terminal: {}", lines[1]);
    assert!(lines.contains(&"TERM=xterm-256color") && lines.contains(&"24 80"));
    assert!(lines.contains(&format!("CONSORT_AGENT_ID={}", AgentId(1)).as_str()));
    assert!(lines.contains(&"GREETING=hello; rm -rf \"$HOME\" $(date)"));
    assert!(!text.contains("CARGO"), "nothing of the node's own environment leaks");
}

#[test]
fn arguments_reach_the_program_unchanged_whatever_is_in_them() {
    let node = Node::start();
    let mut agent = node.launch(&["printf", "<%s>", "a b", "$(id)", "; exit 3", "'\"\\", "#{x}", "*", ""]);
    agent.prints("<a b><$(id)><; exit 3><'\"\\><#{x}><*><>");
}

#[test]
fn when_the_program_ends_its_status_is_told_and_a_shell_is_left() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "echo working; exit 7"]);
    agent.prints("ended with status 7");
    agent.sees("the status", |seen| seen.terminals[0].exit_code == Some(7) && seen.terminals[0].shell);
    agent.type_in("echo from the $((40 + 2))nd shell; pwd\n");
    agent.prints("from the 42nd shell");
    agent.type_in("exit\n");
    agent.ends();
}

#[test]
fn a_program_ended_by_a_signal_has_the_status_that_shells_give_it() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "kill -TERM $$"]);
    agent.sees("the status", |seen| seen.terminals[0].exit_code == Some(128 + 15));
}

#[test]
fn an_interrupt_key_reaches_the_program_and_not_the_shell_behind_it() {
    let node = Node::start();
    let mut agent = node.launch(&["cat"]);
    agent.type_in("hello\n");
    agent.prints("hello\r\nhello\r\n");
    agent.type_in("\x03");
    agent.sees("the status", |seen| seen.terminals[0].exit_code == Some(128 + 2));
    agent.type_in("echo still $((1 + 1)) here\n");
    agent.prints("still 2 here");
}

#[test]
fn without_a_program_it_is_the_user_s_shell() {
    let node = Node::start();
    let mut agent = node.launch(&[]);
    let seen = agent.seen.clone().unwrap();
    assert_eq!((seen.terminals[0].command.as_str(), seen.terminals[0].shell), ("sh", true));
    assert_eq!((seen.terminals[0].pane, seen.terminals[0].active, seen.terminals[0].exit_code), (0, true, None));
    agent.type_in("echo $((6 * 7))\n");
    agent.prints("42");
    agent.type_in("exit 3\n");
    agent.ends();
}

#[test]
fn what_cannot_be_started_is_refused_in_words() {
    let node = Node::start();
    let mut spec = node.spec(1, &["no-such-program-anywhere"]);
    let error = node.refused(spec.clone());
    assert_eq!(error.code, "program-not-found");
    assert!(error.message.contains("no-such-program-anywhere") && !error.hint.is_empty());
    spec.directory = "/no/such/directory".into();
    assert_eq!(node.refused(spec).code, "directory-missing");
    let agent = node.launch(&["cat"]);
    let again = node.spec(agent.id.agent.0, &["cat"]);
    let mut agent = agent;
    let operation = node.operation(BackendOperation::Launch(again));
    assert_eq!(agent.done(operation).unwrap_err().code, "already-running");
}

#[test]
fn a_tilde_means_the_configured_home() {
    let node = Node::start();
    std::fs::create_dir(node.home.path().join("src")).unwrap();
    let mut spec = node.spec(1, &["pwd"]);
    spec.directory = "~/src".into();
    let mut agent = node.launch_spec(spec);
    agent.prints("/src");
}

#[test]
fn an_agent_can_be_started_again_as_soon_as_it_is_gone() {
    let node = Node::start();
    for _ in 0..5 {
        let mut agent = node.launch_spec(node.spec(9, &["cat"]));
        agent.kill();
    }
}

#[test]
fn a_megabyte_typed_in_chunks_arrives_whole_and_is_confirmed() {
    let node = Node::start();
    let script = "stty raw -echo; echo ready; head -c 1048576 | cksum; echo counted";
    let mut agent = node.launch(&["sh", "-c", script]);
    agent.prints("ready");
    let bytes: Vec<u8> = (0..1u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for chunk in bytes.chunks(16 << 10) {
        agent.type_in(chunk);
    }
    agent.prints("counted");
    agent.until("the confirmation", |agent| (agent.written == bytes.len()).then_some(()));
    let file = node.home.path().join("typed");
    std::fs::write(&file, &bytes).unwrap();
    let sum = std::process::Command::new("cksum").stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    assert!(contains(&agent.output, sum.trim().as_bytes()), "expected {sum}, got {}", agent.output.escape_ascii());
}

#[test]
fn keys_are_echoed_in_order_whatever_else_is_asked_of_the_terminal_between_them() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "stty raw -echo; echo ready; exec cat"]);
    agent.prints("ready");
    let mut typed = String::new();
    for number in 0..300 {
        let key = format!("<{number}>");
        agent.type_in(&key);
        typed.push_str(&key);
        match number % 10 {
            // The echo comes back while the terminal is wherever it is.
            0 | 5 => agent.prints(&key),
            3 => agent.order(TerminalOutput::Snapshot { history_lines: 10 }),
            6 => agent.order(TerminalOutput::Resize(Size::clamped(80 + number, 24))),
            8 => drop(agent.text()),
            _ => {}
        }
    }
    agent.prints("<299>");
    agent.until("confirmation", |agent| (agent.written == typed.len()).then_some(()));
    let output = String::from_utf8(agent.output.clone()).unwrap();
    assert!(output.ends_with(&typed), "in order and once each: {output}");
    let text: String = agent.text().lines().collect();
    assert!(text.contains("<298><299>"), "the emulator has seen it too: {text}");
    agent.kill();
}

#[test]
fn a_key_that_starts_a_flood_is_answered_whole_and_the_next_key_stops_it() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "stty -echo; echo ready; read x; seq 1 200000; read x; yes"]);
    agent.prints("ready");
    for key in ["a", "\n"] {
        agent.type_in(key);
    }
    agent.prints("\r\n200000\r\n");
    let output = String::from_utf8(agent.output.clone()).unwrap();
    let numbers = output.lines().filter_map(|line| line.parse::<u32>().ok());
    assert!(numbers.eq(1..=200_000), "every line, in order");
    agent.type_in("\n");
    agent.prints("y\r\ny\r\n");
    agent.type_in("\x03");
    agent.sees("the status", |seen| seen.terminals[0].exit_code == Some(128 + 2));
}

#[test]
fn a_program_that_does_not_read_goes_on_printing() {
    let node = Node::start();
    let mut agent =
        node.launch(&["sh", "-c", "stty raw -echo; echo ready; while [ ! -e stop ]; do echo tick; done; exec cat"]);
    agent.prints("ready");
    for _ in 0..64 {
        agent.type_in(vec![b'x'; 16 << 10]);
    }
    agent.until("output while input waits", |agent| (agent.output.len() > 1 << 20).then_some(()));
    assert!(agent.written < 1 << 20, "the kernel holds less than that");
    std::fs::write(node.home.path().join("stop"), "").unwrap();
    agent.until("the rest", |agent| (agent.written == 1 << 20).then_some(()));
}

#[test]
fn every_byte_of_a_hundred_thousand_lines_is_delivered_in_order() {
    let node = Node::start();
    let mut agent = node.launch(&["seq", "1", "100000"]);
    agent.prints("ended with status 0");
    let wanted: String = (1..=100_000).map(|number| format!("{number}\r\n")).collect();
    assert!(agent.output.starts_with(wanted.as_bytes()));
}

#[test]
fn output_is_not_delivered_while_nobody_looks_and_a_snapshot_has_it_all() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "read line; seq 1 3000; echo finished; exec cat"]);
    agent.order(TerminalOutput::Unwatch);
    agent.type_in("\n");
    let activity = agent.seen.as_ref().unwrap().terminals[0].activity;
    agent.sees("activity", |seen| seen.terminals[0].activity > activity + 3_000 * 5);
    let (size, bytes) = agent.snapshot(10_000);
    assert_eq!(size, Size::DEFAULT);
    let wanted: String = (1..=2_000).map(|number| format!("{number}\r\n")).collect();
    assert!(contains(&bytes, wanted.as_bytes()) && contains(&bytes, b"finished"));
    assert!(!contains(&agent.output, b"2999"), "nobody looked");
    let (_, short) = agent.snapshot(10);
    assert!(!contains(&short, b"\r\n2960\r\n") && contains(&short, b"finished"));
    assert!(agent.text().contains("3000\nfinished\n"));
}

#[test]
fn a_snapshot_stands_between_the_output_before_and_after_it() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); echo \"<$i>\"; done"]);
    agent.prints("<100>");
    agent.order(TerminalOutput::Snapshot { history_lines: 10_000 });
    let (before, snapshot) = agent.until("a snapshot", |agent| {
        let report = agent.kept.pop_back()?;
        match report {
            FromBackend::Terminal(_, TerminalEvent::Snapshot { bytes, .. }) => Some((agent.output.clone(), bytes)),
            other => {
                agent.kept.push_back(other);
                None
            }
        }
    });
    let last_number = |bytes: &[u8]| -> u32 {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let complete = text.rfind('>').map_or("", |end| &text[..end]);
        complete.rsplit('<').next().unwrap().parse().unwrap()
    };
    assert_eq!(last_number(&before), last_number(&snapshot), "the snapshot shows what was printed until then");
    agent.prints("<20000>");
}

#[test]
fn the_size_reaches_the_program_and_is_confirmed() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done"]);
    agent.prints("ready");
    let size = Size::clamped(132, 43);
    agent.order(TerminalOutput::Resize(size));
    agent.until("the confirmation", |agent| {
        agent
            .kept
            .iter()
            .any(|report| matches!(report, FromBackend::Terminal(_, TerminalEvent::Resized(to)) if *to == size))
            .then_some(())
    });
    agent.prints("43 132");
    agent.sees("the size", |seen| seen.terminals[0].size == size);
    assert_eq!(agent.snapshot(0).0, size);
    agent.order(TerminalOutput::Resize(Size::clamped(47, 42)));
    agent.prints("42 47");
    agent.order(TerminalOutput::ReleaseSize);
    agent.prints("24 80");
    agent.sees("the size before anybody decided", |seen| seen.terminals[0].size == Size::clamped(80, 24));
}

#[test]
fn questions_are_answered_once_by_the_owner() {
    let node = Node::start();
    let script = "stty raw -echo; printf '\\033[c\\033[6n\\033]11;?\\007\\033[18t\\033[?2004$p\\033]52;c;?\\007'; \
                  head -c 56 | od -An -c | tr -d ' \\n'; echo; echo asked; exec cat";
    let mut agent = node.launch(&["sh", "-c", script]);
    agent.prints("asked");
    let text = String::from_utf8_lossy(&agent.output).into_owned();
    let answers = "033[?6c033[1;1R033]11;rgb:1818/1818/1818\\a033[8;24;80t033[?2004;2$y";
    assert!(text.contains(answers), "{text}");
}

#[test]
fn a_paste_is_bracketed_only_if_the_program_asked_and_enter_comes_after_it_was_shown() {
    let node = Node::start();
    let script = "stty raw -echo; printf ready; head -c 9 | od -An -c; printf '\\033[?2004h again'; \
                  head -c 27 | od -An -c; echo shown; head -c 1 | od -An -c; echo finished; exec cat";
    let mut agent = node.launch(&["sh", "-c", script]);
    agent.prints("ready");
    assert_eq!(agent.paste("one\ntwo", false), Ok(OperationDone::Pasted { submitted: false }));
    agent.type_in("!!");
    agent.prints("again");
    assert_eq!(agent.paste("three\nfour\u{1b}[201~", true), Ok(OperationDone::Pasted { submitted: true }));
    agent.prints("finished");
    let text: String = String::from_utf8_lossy(&agent.output).split_whitespace().collect();
    assert!(text.contains("readyone\\rtwo!!"), "{text}");
    assert!(text.contains("033[200~three\\rfour[201~033[201~shown\\rfinished"), "{text}");
}

#[test]
fn a_paste_waits_for_its_turn_and_a_text_of_a_megabyte_arrives() {
    let node = Node::start();
    let mut agent = node.launch(&[
        "sh",
        "-c",
        "stty raw -echo; echo ready; head -c 1048581 | tail -c 10; echo; echo counted; exec cat",
    ]);
    agent.prints("ready");
    let big = node.operation(BackendOperation::Paste { terminal: agent.id, text: "a".repeat(1 << 20), submit: false });
    let small = node.operation(BackendOperation::Paste { terminal: agent.id, text: "after".into(), submit: false });
    assert_eq!(agent.done(big), Ok(OperationDone::Pasted { submitted: false }));
    assert_eq!(agent.done(small), Ok(OperationDone::Pasted { submitted: false }));
    agent.prints("aaaaaafter");
}

#[test]
fn title_bell_and_command_are_told() {
    let node = Node::start();
    let mut agent = node.launch(&[]);
    agent.type_in("printf '\\033]0;my title\\007\\007'; sleep 1000\n");
    agent.sees("the title", |seen| seen.terminals[0].title == "my title" && seen.terminals[0].bell);
    agent.sees("the command", |seen| seen.terminals[0].command == "sleep" && !seen.terminals[0].shell);
    agent.type_in("\x03");
    agent.sees("the shell", |seen| {
        seen.terminals[0].command == "sh" && seen.terminals[0].shell && !seen.terminals[0].bell
    });
}

#[test]
fn a_new_name_is_seen_before_it_is_done_and_a_mark_is_no_work() {
    let node = Node::start();
    let mut agent = node.launch(&["cat"]);
    let id = agent.id.agent;
    assert_eq!(agent.perform(BackendOperation::Rename(id, "other-name".into())), Ok(OperationDone::Done));
    assert_eq!(agent.seen.as_ref().unwrap().name, "other-name");
    assert_eq!(agent.perform(BackendOperation::Mark(id)), Ok(OperationDone::Done));
    agent.kill();
    assert_eq!(agent.perform(BackendOperation::Kill(id)), Ok(OperationDone::Done), "what is ended is ended");
    assert_eq!(agent.perform(BackendOperation::Mark(id)).unwrap_err().code, "not-running");
}

#[test]
fn killing_ends_a_program_that_ignores_being_asked() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "trap '' HUP TERM INT; echo \"<$$>\"; while :; do sleep 0.05; done"]);
    agent.prints(">");
    let text = String::from_utf8(agent.output.clone()).unwrap();
    let process: i32 = text[1..text.find('>').unwrap()].parse().unwrap();
    assert!(process_runs(process));
    agent.kill();
    assert!(!process_runs(process));
}

#[test]
fn a_node_that_ends_ends_its_agents() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "echo \"<$$>\"; exec sleep 1000"]);
    agent.prints(">");
    let text = String::from_utf8(agent.output.clone()).unwrap();
    let process: i32 = text[1..text.find('>').unwrap()].parse().unwrap();
    drop(agent);
    drop(node);
    assert!(!process_runs(process));
}

#[test]
fn a_node_that_ends_just_after_a_key_ends_wherever_the_terminal_is() {
    for round in 0..20 {
        let node = Node::start();
        let agent = node.launch(&["cat"]);
        agent.type_in("x");
        std::thread::sleep(Duration::from_micros(50 * round));
        drop(agent);
        // Ends, or the test does not.
        drop(node);
    }
}

#[test]
fn text_for_people_has_history_screen_and_cursor() {
    let node = Node::start();
    let mut agent = node.launch(&["sh", "-c", "seq 1 50; printf 'last   '; exec cat"]);
    agent.prints("last   ");
    let operation = BackendOperation::ReadText { terminal: agent.id, history_lines: 3 };
    let OperationDone::Text(text) = agent.perform(operation).unwrap() else { panic!("not a text") };
    assert_eq!((text.size, text.cursor), (Size::DEFAULT, (7, 23)));
    assert!(text.text.starts_with("25\n26\n27\n28\n") && text.text.ends_with("50\nlast\n"), "{}", text.text);
    agent.order(TerminalOutput::ReadScreen);
    agent.until("the screen", |agent| {
        agent.kept.iter().find_map(|report| match report {
            FromBackend::Terminal(_, TerminalEvent::Screen(screen, true)) => Some(screen.clone()),
            _ => None,
        })
    });
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use std::process::Command;

    /// Counting needs a process in which nothing else is going on: this test runs itself again, alone.
    #[test]
    fn two_hundred_agents_leave_no_file_open_and_no_process_behind() {
        const ALONE: &str = "CONSORT_TEST_ALONE";
        if std::env::var_os(ALONE).is_some() {
            return count_two_hundred();
        }
        let name = "linux::two_hundred_agents_leave_no_file_open_and_no_process_behind";
        let alone = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(ALONE, "1")
            .output();
        let alone = alone.unwrap();
        assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
    }

    fn count_two_hundred() {
        let open_files = || -> Vec<PathBuf> {
            let files = std::fs::read_dir("/proc/self/fd").unwrap();
            files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok()).collect()
        };
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
        let node = Node::start();
        node.launch(&["cat"]).kill();
        let settled = |what: &str, done: &dyn Fn() -> bool| {
            let deadline = Instant::now() + BOUND;
            while !done() {
                assert!(Instant::now() < deadline, "{what}: {:?}", open_files());
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        // Two of the test, the driver's with the one of its timers, the backend's.
        settled("the first agent is put away", &|| threads() <= 5);
        let before = open_files().len();
        for round in 0..200 {
            let mut agent = if round % 2 == 0 { node.launch(&["cat"]) } else { node.launch(&[]) };
            if round % 3 == 0 {
                agent.type_in("x\n");
            }
            agent.kill();
        }
        settled("all files are closed", &|| open_files().len() <= before);
        settled("all threads have ended", &|| threads() <= 5);
        let me = std::process::id();
        let children = std::fs::read_to_string(format!("/proc/{me}/task/{me}/children")).unwrap();
        assert_eq!(children.trim(), "", "no process is left to be waited for");
    }

    #[test]
    fn a_program_ignores_no_signal_even_if_the_node_was_told_to() {
        // Like `nohup` and a shell's `&`: what is ignored at the start of a process stays so.
        const IGNORING: &str = "CONSORT_TEST_IGNORING";
        if std::env::var_os(IGNORING).is_some() {
            let node = Node::start();
            let mut agent = node.launch(&["grep", "SigIgn", "/proc/self/status"]);
            agent.prints("ended with");
            let text = String::from_utf8_lossy(&agent.output).into_owned();
            let ignored = u64::from_str_radix(text.split_whitespace().nth(1).unwrap(), 16).unwrap();
            // The real-time signals belong to the C library.
            assert_eq!(ignored & 0x7fff_ffff, 0, "{text}");
            return;
        }
        let name = "linux::a_program_ignores_no_signal_even_if_the_node_was_told_to";
        let test = std::env::current_exe().unwrap();
        let ignoring = ["-c", "trap '' HUP INT QUIT TERM TSTP; exec \"$@\"", "sh"];
        let ignoring =
            Command::new("sh").args(ignoring).arg(test).args([name, "--exact"]).env(IGNORING, "1").output().unwrap();
        assert!(ignoring.status.success(), "{}", String::from_utf8_lossy(&ignoring.stdout));
    }

    #[test]
    fn a_program_inherits_its_terminal_and_nothing_else() {
        let node = Node::start();
        let _open = std::fs::File::open("/dev/null").unwrap();
        let mut agent = node.launch(&["ls", "-l", "/proc/self/fd"]);
        agent.prints("ended with status 0");
        let text = String::from_utf8(agent.output.clone()).unwrap();
        let inherited = text.lines().filter(|line| line.contains("->") && !line.contains("/proc/")).count();
        assert_eq!(inherited, 3, "{text}");
    }
}

/// Numbers, not judgements: `cargo test --release -p consort --test pty_backend measure -- --ignored --nocapture --test-threads 1`.
#[cfg(target_os = "linux")]
mod measure {
    use super::*;
    use consort::pty::Emulator;
    use std::fmt::Write as _;
    use std::fs::File;
    use std::process::Command;

    const BYTES: usize = 100_000_000;

    fn coloured_text() -> Vec<u8> {
        let mut text = String::new();
        let mut number = 0u32;
        while text.len() < BYTES {
            number += 1;
            let _ = writeln!(
                text,
                "\x1b[32m{number:>8}\x1b[0m \x1b[1;34msrc/module_{}.rs\x1b[0m: the \x1b[33mquick brown fox\x1b[0m jumps over {}",
                number % 97,
                number.wrapping_mul(2_654_435_761)
            );
        }
        text.into_bytes()
    }

    fn memory_kb() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
            .unwrap()
    }

    fn report(what: &str, bytes: usize, since: Instant) {
        let seconds = since.elapsed().as_secs_f64();
        println!("{what}: {seconds:.2} s, {:.0} MB/s", bytes as f64 / 1e6 / seconds);
    }

    #[test]
    #[ignore = "a measurement"]
    fn parsing_and_snapshots() {
        let text = String::from_utf8(coloured_text()).unwrap().replace('\n', "\r\n").into_bytes();
        let before = memory_kb();
        let mut emulator = Emulator::new(Size::clamped(120, 40), Palette::default());
        let start = Instant::now();
        for chunk in text.chunks(64 << 10) {
            emulator.feed(chunk);
        }
        report("emulator", text.len(), start);
        let start = Instant::now();
        let snapshot = emulator.snapshot(10_000);
        println!(
            "snapshot of 10 000 lines: {:.2} ms, {} KB",
            start.elapsed().as_secs_f64() * 1e3,
            snapshot.len() >> 10
        );
        println!("memory of a full history: {} KB", memory_kb() - before);
        emulator.rest();
        println!("after resting: {} KB", memory_kb() - before);
    }

    #[test]
    #[ignore = "a measurement"]
    fn reading_a_hundred_megabytes() {
        let node = Node::start();
        let path = node.home.path().join("text");
        std::fs::write(&path, coloured_text()).unwrap();
        for _ in 0..3 {
            bare(&path);
            let mut spec = node.spec(node.next.get() + 50, &["cat", path.to_str().unwrap()]);
            spec.size = Size::clamped(120, 40);
            let start = Instant::now();
            let id = TerminalId { agent: spec.agent, pane: 0 };
            node.operation(BackendOperation::Launch(spec));
            node.orders.try_send(ToBackend::Terminal(id, TerminalOutput::Watch)).unwrap();
            let (mut bytes, mut chunks, mut tail) = (0, 0, Vec::new());
            while !contains(&tail, b"ended with status") {
                if let FromBackend::Terminal(_, TerminalEvent::Output(chunk)) = node.reports.recv_blocking().unwrap() {
                    bytes += chunk.len();
                    chunks += 1;
                    tail.extend_from_slice(&chunk[chunk.len().saturating_sub(100)..]);
                    tail.drain(..tail.len().saturating_sub(200));
                }
            }
            report("backend, watched", bytes, start);
            println!("{} bytes per chunk", bytes / chunks);
            let kill = node.operation(BackendOperation::Kill(id.agent));
            while !matches!(node.reports.recv_blocking().unwrap(), FromBackend::Backend(BackendInput::Done(done, _)) if done == kill)
            {
            }
        }
    }

    fn bare(path: &Path) {
        use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let start = Instant::now();
        let mut child = Command::new("cat").arg(path).stdout(terminal).spawn().unwrap();
        let (mut bytes, mut buffer) = (0, vec![0; 64 << 10]);
        while let Ok(count @ 1..) = rustix::io::read(&master, &mut buffer) {
            bytes += count;
        }
        report("bare", bytes, start);
        child.wait().unwrap();
    }

    #[test]
    #[ignore = "a measurement"]
    fn a_hundred_idle_terminals() {
        let node = Node::start();
        let before = memory_kb();
        let mut agents: Vec<_> = (0..100).map(|_| node.launch(&[])).collect();
        println!("memory per fresh terminal: {} KB", (memory_kb() - before) / 100);
        for agent in &mut agents {
            agent.type_in("seq 1 2000; echo fin''ished\n");
            agent.prints("finished");
        }
        println!("memory per terminal with 2 000 lines: {} KB", (memory_kb() - before) / 100);
        std::thread::sleep(Duration::from_secs(7));
        println!("the same after resting: {} KB", (memory_kb() - before) / 100);
        let used = || {
            let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
            let fields: Vec<u64> =
                stat.rsplit(')').next().unwrap().split_whitespace().filter_map(|field| field.parse().ok()).collect();
            fields[10] + fields[11]
        };
        let start = used();
        std::thread::sleep(Duration::from_secs(10));
        println!("CPU of 100 idle terminals in 10 s: {} ticks of 10 ms", used() - start);
    }
}
