//! A node of its own for a test: own state directory, own tmux server, own port. Everything ends with it.

use crate::net::Machine;
use crate::viewer::TestViewer;
use crate::way::Way;
use crate::{wait_for, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A running `consort` with its tmux server.
#[derive(Debug)]
pub struct TestNode {
    child: Option<Child>,
    folder: tempfile::TempDir,
    tmux_socket: String,
    /// The name or address that it serves its dashboard on.
    host: &'static str,
    way: Way,
    login_link: String,
}

/// The binary under test, built beside the tests.
///
/// # Panics
/// If it is not there: `cargo test --workspace` builds it.
#[must_use]
pub fn binary() -> PathBuf {
    let tests = std::env::current_exe().expect("a test knows where it is");
    let folder = tests.ancestors().find(|folder| folder.join("consort").is_file());
    folder.expect("build the binary first: cargo build").join("consort")
}

impl Default for TestNode {
    fn default() -> Self {
        TestNode::start()
    }
}

impl TestNode {
    /// A fresh node on a fresh tmux server.
    #[must_use]
    pub fn start() -> Self {
        let mut node = TestNode::prepared();
        node.run(&[]);
        node
    }

    /// Everything but the process.
    ///
    /// # Panics
    /// If the machine has no room for a temporary folder.
    #[must_use]
    pub fn prepared() -> Self {
        TestNode::with_folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// The same, with its folder below this one.
    ///
    /// # Panics
    /// If there can be no folder.
    #[must_use]
    pub fn prepared_below(folder: &Path) -> Self {
        TestNode::with_folder(tempfile::tempdir_in(folder).expect("a temporary folder"))
    }

    fn with_folder(folder: tempfile::TempDir) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        TestNode {
            child: None,
            folder,
            tmux_socket: format!("consort-test-{}-{number}", std::process::id()),
            host: "localhost",
            way: Way::default(),
            login_link: String::new(),
        }
    }

    /// The same, to run on a certain port.
    #[must_use]
    pub fn prepared_at(port: u16) -> Self {
        let mut node = TestNode::prepared();
        node.way.port = port;
        node
    }

    /// A fresh node with a name, of which nobody is told an address where anything listens.
    #[must_use]
    pub fn hidden(name: &str) -> Self {
        let mut node = TestNode::prepared_on_loopback_alone();
        node.run(&["--name", name, "--advertise", "127.0.0.1:1"]);
        node
    }

    /// Everything but the process, of a node that listens on no other address, whomever it invites.
    #[must_use]
    pub fn prepared_on_loopback_alone() -> Self {
        let mut node = TestNode::prepared();
        node.host = "127.0.0.1";
        node
    }

    /// A fresh node with a name on a machine of its own.
    #[must_use]
    pub fn on(machine: Machine, name: &str) -> Self {
        TestNode::on_with(machine, name, &[])
    }

    /// The same, started with more words.
    #[must_use]
    pub fn on_with(machine: Machine, name: &str, more: &[&str]) -> Self {
        let mut node = TestNode::prepared();
        node.way.machine = Some(machine);
        node.run_named(name, more);
        node
    }

    /// A command line that starts this node: binary, state directory and tmux socket are set.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = self.client();
        command.args(["--tmux-socket", &self.tmux_socket]);
        command
    }

    /// A command line that talks to this node.
    #[must_use]
    pub fn client(&self) -> Command {
        let mut command = Command::new(binary());
        command.arg("--state-dir").arg(self.state_dir());
        command.stdin(Stdio::null());
        // Nothing of the machine's user decides a test: no start-up file of a shell, no configuration of tmux.
        command.env_remove("TMUX").env_remove("ENV").env("SHELL", "/bin/sh").env("HOME", self.folder.path());
        command
    }

    /// Starts the process (again) and waits until it listens.
    ///
    /// # Panics
    /// If it does not.
    pub fn run(&mut self, more: &[&str]) {
        self.run_with(more, |_| {});
    }

    /// As [`run`](Self::run), with a changed environment.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn run_with(&mut self, more: &[&str], change: impl FnOnce(&mut Command)) {
        assert!(self.child.is_none(), "it runs already");
        let mut command = self.command();
        // Any free port at first, and the same again: others look for it there.
        command.args(["--listen", &format!("{}:{}", self.host, self.way.port)]).args(more);
        change(&mut command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.way.within(|| command.spawn()).expect("the node starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut said = String::new();
        self.login_link = loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                let mut errors = String::new();
                let _ = child.stderr.take().expect("piped").read_to_string(&mut errors);
                panic!("the node ended: {said}{errors}");
            }
            said.push_str(&line);
            if let Some(link) = line.split_whitespace().find(|word| word.starts_with("http://")) {
                break link.to_string();
            }
        };
        // Nobody reads what it says later; a full pipe must not stop it.
        let errors = child.stderr.take().expect("piped");
        let folder = self.folder.path().join("node.log");
        std::thread::spawn(move || drain(lines));
        std::thread::spawn(move || drain_to(errors, &folder));
        let port = self.login_link.split(':').nth(2).and_then(|rest| rest.split('/').next());
        self.way.port = port.and_then(|port| port.parse().ok()).expect("a port in the link");
        self.child = Some(child);
        let token = self.state_dir().join("token");
        self.way.token = wait_for("the token", || std::fs::read_to_string(&token).ok()).trim().to_string();
    }

    /// Ends the process as a crash does: `SIGKILL`.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    /// Where it keeps its state.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A folder for the test's own files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.way.port
    }

    /// The way to its port.
    #[must_use]
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// A fresh node that others on this machine can find, with a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let mut node = TestNode::prepared();
        node.run_named(name, &[]);
        node
    }

    /// Starts the process (again) with a name, so that others can find it: on this machine, or by its own machine's address.
    pub fn run_named(&mut self, name: &str, more: &[&str]) {
        let advertise: &[&str] = if self.way.machine.is_none() { &["--advertise", "127.0.0.1"] } else { &[] };
        self.run(&[&["--name", name], advertise, more].concat());
    }

    /// The other machines of the mesh as this node has them, by their names.
    ///
    /// # Panics
    /// If it does not tell.
    #[must_use]
    pub fn peers(&self) -> BTreeMap<String, Value> {
        let nodes = self.get("/api/nodes")["nodes"].as_array().expect("a list").clone();
        let others = nodes.into_iter().filter(|node| node["self"] == false);
        others.map(|node| (node["name"].as_str().unwrap_or_default().to_string(), node)).collect()
    }

    /// The entries of its audit log.
    ///
    /// # Panics
    /// If a line is no entry.
    #[must_use]
    pub fn audit_log(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.state_dir().join("audit.log")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).expect("one entry per line")).collect()
    }

    /// Its own id, in full.
    ///
    /// # Panics
    /// If the node does not tell.
    #[must_use]
    pub fn id(&self) -> String {
        let nodes = self.get("/api/nodes")["nodes"].as_array().expect("a list").clone();
        let own = nodes.into_iter().find(|node| node["self"] == true).expect("itself");
        own["id"].as_str().expect("an id").to_string()
    }

    /// Whether this node has another machine in its list and reaches it.
    #[must_use]
    pub fn reaches(&self, name: &str) -> bool {
        self.peers().get(name).is_some_and(|node| node["reachable"] == true)
    }

    /// Makes a code that another node joins with.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    pub fn invite(&self) -> String {
        let (status, body) = self.http("POST", "/api/invite", None);
        assert_eq!(status, 201, "{body}");
        body["code"].as_str().expect("a code").to_string()
    }

    /// Joins another node by its code and waits until both reach each other.
    ///
    /// # Panics
    /// If it does not come to that.
    pub fn join(&self, other: &TestNode) {
        let (status, body) = self.http("POST", "/api/join", Some(&json!({ "target": other.invite() })));
        assert_eq!(status, 200, "{body}");
        let names = [self, other]
            .map(|node| node.get("/api/nodes")["nodes"][0]["name"].as_str().unwrap_or_default().to_string());
        crate::wait_until("both ends of a link", || self.reaches(&names[1]) && other.reaches(&names[0]));
    }

    /// Asks another node, at an address, to be let in, which it does.
    ///
    /// # Panics
    /// If either refuses.
    pub fn ask(&self, other: &TestNode, address: &str) {
        let (status, body) = self.http("POST", "/api/join", Some(&json!({ "target": address })));
        assert_eq!(status, 202, "{body}");
        let (exit, _, error) = other.cli(&["admit", &self.id()]);
        assert_eq!(exit, 0, "{error}");
    }

    /// The permanent token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.way.token
    }

    /// The link it printed.
    #[must_use]
    pub fn login_link(&self) -> &str {
        &self.login_link
    }

    /// Process id of the node.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends its process a signal.
    ///
    /// # Panics
    /// If it does not run.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    /// Name of its tmux socket.
    #[must_use]
    pub fn tmux_socket(&self) -> &str {
        &self.tmux_socket
    }

    /// Runs tmux on the node's server.
    ///
    /// # Panics
    /// If tmux is not there.
    pub fn tmux_output(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.tmux_socket, "-f", "/dev/null"]).args(args);
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8").env("SHELL", "/bin/sh").stdin(Stdio::null());
        command.output().expect("tmux runs")
    }

    /// Runs tmux and gives what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub fn tmux(&self, args: &[&str]) -> String {
        let output = self.tmux_output(args);
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Ends the tmux server and waits until it takes no connections: one that is about to end takes them and says nothing.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill_tmux(&self) {
        self.tmux(&["kill-server"]);
        wait_until("the tmux server is gone", || {
            let said = String::from_utf8(self.tmux_output(&["list-sessions"]).stderr).expect("UTF-8");
            said.starts_with("no server running") || said.starts_with("error connecting")
        });
    }

    /// Runs the command line and gives its exit code, standard output and standard error.
    ///
    /// # Panics
    /// If the binary cannot be run.
    pub fn cli(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.client().args(args).output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// An HTTP request with the token; the status and the JSON of the answer.
    ///
    /// # Panics
    /// If the node does not answer.
    pub fn http(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.way.port,
            self.way.token,
            body.len()
        );
        let mut socket = self.way.connect();
        // Longer than a text waits for a program that starts.
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        socket.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).expect("the answer comes");
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// A `GET` that succeeds.
    ///
    /// # Panics
    /// If it does not.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.http("GET", path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Creates an agent and gives its id.
    ///
    /// # Panics
    /// If it is refused.
    pub fn create(&self, agent: &Value) -> String {
        let (status, body) = self.http("POST", "/api/agents", Some(agent));
        assert_eq!(status, 201, "{body}");
        body["agent"]["id"].as_str().expect("an id").to_string()
    }

    /// Creates an agent that runs a shell script in tmux.
    pub fn create_script(&self, name: &str, script: &str) -> String {
        self.create(&json!({ "name": name, "directory": "/", "program": "/bin/sh", "args": ["-c", script] }))
    }

    /// All agents.
    ///
    /// # Panics
    /// If the node does not tell.
    pub fn agents(&self) -> Vec<Value> {
        self.get("/api/agents")["agents"].as_array().expect("a list").clone()
    }

    /// The agent of a name, as soon as it is there.
    pub fn agent_named(&self, name: &str) -> Value {
        wait_for(name, || self.agents().into_iter().find(|agent| agent["name"] == name))
    }

    /// A viewer that is logged in and greeted.
    #[must_use]
    pub fn viewer(&self) -> TestViewer {
        TestViewer::connect(self.way.clone())
    }

    /// What tmux itself shows of a session's active pane: history and screen.
    pub fn capture(&self, target: &str) -> Vec<String> {
        let text = self.tmux(&["capture-pane", "-p", "-S", "-", "-t", target]);
        crate::screen::lines(&text)
    }

    /// Resident memory of the node in bytes.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = self.tmux_output(&["kill-server"]);
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("node.log")).unwrap_or_default();
            eprintln!("--- the node said:\n{log}---");
        }
    }
}

fn drain(mut from: impl Read) {
    let _ = std::io::copy(&mut from, &mut std::io::sink());
}

fn drain_to(mut from: impl Read, path: &Path) {
    if let Ok(mut file) = std::fs::File::create(path) {
        let _ = std::io::copy(&mut from, &mut file);
    }
}
