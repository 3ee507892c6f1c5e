//! Starting, examining and ending a real node: what a closed terminal does to it, `-d`, `status` and `stop`.

use crate::node::BOUND;
use crate::screen::Terminal;
use crate::{Outcome, consort, run};
use rustix::process::{Pid, Signal, getpgid, getsid, kill_process, test_kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A real node in a folder of its own. It ends with this value, however it was started.
struct RealNode {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl RealNode {
    fn prepared() -> Self {
        RealNode { folder: tempfile::tempdir().unwrap(), child: None }
    }

    /// In the foreground, its output in pipes; returns when it has printed its link.
    fn started() -> Self {
        let mut node = RealNode::prepared();
        let mut child = node.command(&[]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().starts_with("http://")));
        node.child = Some(child);
        node
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command line of a node here: any free port, a tmux server of its own.
    fn command(&self, arguments: &[&str]) -> Command {
        let name = self.folder().file_name().unwrap().to_str().unwrap().replace('.', "x");
        let mut command = consort(self.folder(), &["--listen", "localhost:0", "--tmux-socket", &name]);
        command.args(arguments).env("SHELL", "/bin/sh").stderr(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        run(self.folder(), arguments)
    }

    fn status(&self) -> Value {
        let outcome = self.run(&["status", "--json"]);
        serde_json::from_str(&outcome.out).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
    }

    /// The process that uses the state directory, by its own lock file.
    fn process(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.folder().join("lock")).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    fn runs(&mut self) -> bool {
        match &mut self.child {
            Some(child) => child.try_wait().unwrap().is_none(),
            None => self.process().is_some_and(|process| test_kill_process(process).is_ok()),
        }
    }

    fn ends(&mut self) {
        let began = Instant::now();
        while self.runs() {
            assert!(began.elapsed() < BOUND, "the node does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for RealNode {
    fn drop(&mut self) {
        if let Some(process) = self.process().filter(|_| self.runs()) {
            let _ = kill_process(process, Signal::CONT);
            let _ = kill_process(process, Signal::KILL);
        }
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
    }
}

/// Both ends of a pseudo-terminal: its user's and its program's.
fn pty() -> (File, File) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let name = ptsname(&user, Vec::new()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    (File::from(user), OpenOptions::new().read(true).write(true).open(path).unwrap())
}

/// As a terminal emulator does it: the node is started in a terminal of its own, which is closed.
#[cfg(target_os = "linux")]
#[test]
fn closing_its_terminal_does_not_end_the_node() {
    let mut node = RealNode::prepared();
    let (user, program) = pty();
    let binary = node.command(&[]);
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(binary.get_program()).args(binary.get_args()).env_clear();
    command.envs(binary.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    let end = || program.try_clone().unwrap();
    node.child = Some(command.env("RUST_LOG", "info").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap());
    drop((command, program));
    let mut shown = Vec::new();
    while !shown.windows(7).any(|window| window == b"#token=") {
        let mut buffer = [0; 1_024];
        let count = (&user).read(&mut buffer).unwrap();
        shown.extend_from_slice(&buffer[..count]);
    }
    drop(user);
    // Were it to end, it would end now.
    let process = node.process().unwrap();
    kill_process(process, Signal::HUP).unwrap();
    for _ in 0..3 {
        assert_eq!(node.run(&["ls"]).code, Some(0));
        kill_process(process, Signal::HUP).unwrap();
    }
    assert!(node.runs());
    kill_process(process, Signal::TERM).unwrap();
    let status = node.child.as_mut().unwrap().wait().unwrap();
    assert_eq!(status.code(), Some(0), "it ends in order when asked to");
}

#[test]
fn output_that_nobody_reads_does_not_end_the_node() {
    let mut node = RealNode::prepared();
    let mut child = node.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    node.child = Some(child);
    let began = Instant::now();
    while node.run(&["ls"]).code != Some(0) {
        assert!(node.runs() && began.elapsed() < BOUND);
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(node.process().unwrap(), Signal::HUP).unwrap();
    assert_eq!(node.run(&["ls"]).code, Some(0));
}

#[test]
fn status_describes_the_node_and_exits_with_three_without_one() {
    let node = RealNode::prepared();
    let outcome = node.run(&["status"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.out.contains("No node is running") && outcome.out.contains("consort -d"), "{outcome:?}");
    let outcome = node.run(&["status", "--json"]);
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(3), ""));
    assert_eq!(serde_json::from_str::<Value>(&outcome.out).unwrap()["running"], false);
    drop(node);

    let node = RealNode::started();
    assert_eq!(node.run(&["new", "a-b", "--backend", "pty", "--", "cat"]).code, Some(0));
    let outcome = node.run(&["status"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let process = node.process().unwrap().as_raw_pid();
    for part in [&format!("process {process}"), env!("CARGO_PKG_VERSION"), "127.0.0.1:", "1 agent", "tmux"] {
        assert!(outcome.out.contains(part), "{part} in {}", outcome.out);
    }
    let status = node.status();
    assert_eq!((&status["running"], &status["pid"]), (&Value::from(true), &Value::from(process)));
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["agents"]["total"], &status["agents"]["on_own_terminals"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(status["machines"]["total"], 1);
    assert!(status["uptime_ms"].is_u64() && status["serving"][0].is_string(), "{status}");
}

#[test]
fn a_node_that_does_not_answer_is_told_apart_from_none() {
    let mut node = RealNode::started();
    let process = node.process().unwrap();
    kill_process(process, Signal::STOP).unwrap();
    let began = Instant::now();
    let outcome = node.run(&["status"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.err.contains(&format!("process {}", process.as_raw_pid())), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    kill_process(process, Signal::CONT).unwrap();
    assert_eq!(node.run(&["stop"]).code, Some(0));
    node.ends();
}

#[test]
fn stop_ends_the_node_and_waits_until_it_is_gone() {
    let mut node = RealNode::started();
    let process = node.process().unwrap();
    // A zombie is still a process until its parent, which is this test, has waited for it.
    let mut child = node.child.take().unwrap();
    let waiter = std::thread::spawn(move || child.wait().unwrap());
    let outcome = node.run(&["stop"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(!node.folder().join("control.sock").exists() || node.run(&["ls"]).code == Some(3));
    assert_eq!(waiter.join().unwrap().code(), Some(0), "in order");
    assert!(test_kill_process(process).is_err());
    assert_eq!(node.run(&["stop"]).code, Some(3));
    assert!(!node.runs());
}

#[test]
fn stop_asks_before_it_ends_agents_on_terminals_of_the_node() {
    let node = RealNode::started();
    assert_eq!(node.run(&["new", "a-b", "--backend", "pty", "--", "cat"]).code, Some(0));
    let outcome = node.run(&["stop"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.err.contains("a-b") && outcome.err.ends_with("Confirm with: --yes\n"), "{}", outcome.err);
    assert_eq!(node.run(&["ls"]).code, Some(0));

    let terminal = Terminal::new(24, 100);
    let mut child = terminal.spawn(consort(node.folder(), &["stop"]));
    terminal.wait_for("a-b");
    terminal.wait_for("[y/N] ");
    terminal.types("n\n");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(node.run(&["ls"]).code, Some(0));
    assert_eq!(node.run(&["stop", "a-b"]).code, Some(0), "an agent is stopped as before");
    assert_eq!(node.run(&["ls"]).code, Some(0));
    assert_eq!(node.run(&["stop", "--node", "x"]).code, Some(2), "a machine without an agent");
    assert_eq!(node.run(&["start", "a-b"]).code, Some(0));
    let mut node = node;
    let mut child = node.child.take().unwrap();
    let waiter = std::thread::spawn(move || child.wait().unwrap());
    assert_eq!(node.run(&["stop", "--yes"]).code, Some(0));
    assert!(waiter.join().unwrap().success());
}

#[test]
fn a_node_in_the_background_has_a_session_and_a_log_of_its_own() {
    let mut node = RealNode::prepared();
    let output = node.command(&["-d"]).stderr(Stdio::piped()).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out} {}", String::from_utf8_lossy(&output.stderr));
    let link = out.lines().last().unwrap();
    assert!(link.starts_with("http://") && link.contains("#token="), "{out}");
    assert!(out.contains("consort.log") && out.contains("consort stop"), "{out}");

    let process = node.process().unwrap();
    assert!(node.runs());
    assert_eq!((getsid(Some(process)).unwrap(), getpgid(Some(process)).unwrap()), (process, process));
    #[cfg(target_os = "linux")]
    for (descriptor, expected) in
        [(0, "/dev/null".into()), (1, node.folder().join("consort.log")), (2, node.folder().join("consort.log"))]
    {
        let at = std::fs::read_link(format!("/proc/{}/fd/{descriptor}", process.as_raw_pid())).unwrap();
        assert_eq!(at.canonicalize().unwrap(), Path::new(&expected).canonicalize().unwrap(), "{descriptor}");
    }
    assert_eq!(node.status()["log"], node.folder().join("consort.log").to_str().unwrap());

    let output = node.command(&["serve", "-d"]).output().unwrap();
    let again = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{again}");
    assert!(again.contains(&format!("process {}", process.as_raw_pid())) && again.contains("consort open"), "{again}");
    assert_eq!(node.process(), Some(process), "the first one runs on");

    assert_eq!(node.run(&["stop"]).code, Some(0));
    node.ends();
}

#[test]
fn a_node_that_cannot_start_in_the_background_says_why() {
    let node = RealNode::prepared();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (listen, port) = (address.to_string(), format!("port {}", address.port()));
    let arguments = ["-d", "--listen", &listen];
    let output = consort(node.folder(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("consort: ") && err.contains(&port), "{err}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
}
