//! A program that runs as an agent of a node, and the hands that drive it: real keys by the browser's protocol, looks by the
//! HTTP API.

use super::program::{Installed, Launch, Setup};
use crate::node::TestNode;
use crate::{ModelApi, TestViewer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a program may take to show something. Generous: many start at once on a small machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a change may take to another node and its command line, on a machine that is busy.
const ELSEWHERE: Duration = Duration::from_secs(3);

/// Where and how an actor plays.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Stage {
    /// `tmux` or `pty`.
    pub backend: &'static str,
    /// Whether somebody looks at the terminal all the time.
    pub watched: bool,
    /// Whether its hooks report to the node, as they do unless its user does not want them to.
    pub hooks: bool,
}

/// A running program.
#[derive(Debug)]
pub struct Actor {
    /// Which.
    pub installed: Installed,
    /// How it was set up.
    pub setup: Setup,
    /// Where it plays.
    pub stage: Stage,
    /// Its model.
    pub api: ModelApi,
    /// Its agent, by its id on its own node.
    pub agent: String,
    /// Its agent's name.
    name: String,
    /// The question that was answered last, by its id.
    pub answered: Option<String>,
    node: Arc<TestNode>,
    /// Another node of the mesh.
    other: Option<Arc<TestNode>>,
    launch: Launch,
    /// Who looks at it, if somebody does.
    viewer: Option<TestViewer>,
    // Its files go last.
    _home: tempfile::TempDir,
}

/// What is to be seen of an agent at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    /// The text of the screen.
    pub screen: String,
    /// Column and row of the cursor.
    pub cursor: (u64, u64),
    /// Columns and rows.
    pub size: (u64, u64),
    /// The title of the terminal.
    pub title: String,
    /// The agent as the node lists it.
    pub agent: Value,
}

impl Look {
    /// What the node says that the agent does.
    #[must_use]
    pub fn state(&self) -> &str {
        self.agent["state"]["kind"].as_str().unwrap_or_default()
    }
}

impl Actor {
    /// Starts a program as an agent of a node.
    ///
    /// # Panics
    /// If the node refuses.
    #[must_use]
    pub fn start(node: &Arc<TestNode>, installed: &Installed, setup: Setup, stage: Stage, silence: Duration) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let api = ModelApi::start(silence);
        let home = tempfile::tempdir().expect("a folder");
        let launch = installed.prepare(home.path(), &api.url(), setup);
        let mut env: serde_json::Map<String, Value> =
            launch.env.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        if !stage.hooks {
            env.insert("CONSORT_HOOKS".to_string(), json!("off"));
        }
        let name = format!("{}-{number}", installed.program.name());
        let agent = node.create(&json!({
            "name": name, "directory": launch.directory, "program": launch.program,
            "args": launch.args, "env": env, "backend": stage.backend, "cols": 100, "rows": 30, "autostart": false,
        }));
        let mut actor = Actor {
            installed: installed.clone(),
            setup,
            stage,
            api,
            agent,
            name,
            answered: None,
            node: Arc::clone(node),
            other: None,
            launch,
            viewer: None,
            _home: home,
        };
        if stage.watched {
            actor.viewer = Some(actor.attach());
        }
        actor
    }

    /// What another node of the mesh shows of it is looked at as well, and its questions are answered from there.
    #[must_use]
    pub fn seen_from(mut self, other: Option<&Arc<TestNode>>) -> Self {
        self.other = other.cloned();
        self
    }

    /// What the other node shows that the agent's own does not, by its API, `consort ls` and `consort questions`, if they do not come
    /// to agree.
    ///
    /// # Panics
    /// If a node does not answer.
    #[must_use]
    pub fn difference_elsewhere(&self) -> Option<String> {
        let other = self.other.as_ref()?;
        let shown = |agent: &Value| json!([agent["state"]["kind"], agent["state"]["question"]]);
        let list = |words: &[&str]| -> Vec<Value> {
            let (code, list, error) = other.cli(words);
            assert_eq!(code, 0, "{words:?}: {error}");
            serde_json::from_str(&list).expect("JSON")
        };
        let until = Instant::now() + ELSEWHERE;
        loop {
            let own = shown(&self.node.get(&format!("/api/agents/{}", self.agent))["agent"]);
            let of = |agents: Vec<Value>| agents.iter().find(|agent| agent["name"] == *self.name).map(shown);
            let question = list(&["questions", "--json"]).into_iter().find(|asked| asked["name"] == *self.name);
            let question = question.map_or(Value::Null, |asked| asked["question"].clone());
            let found = [of(other.agents()), of(list(&["ls", "--json"])), Some(json!([own[0], question]))];
            if found.iter().all(|found| found.as_ref() == Some(&own)) {
                return None;
            }
            if Instant::now() > until {
                let found = found.map(|found| found.map_or("nothing".to_owned(), |found| found.to_string()));
                return Some(format!("{own} here, and on the other node {}", found.join(", ")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Answers its question with the first of the choices, by the command line of the other node, and keeps the question's id.
    ///
    /// # Errors
    /// If that is refused.
    pub fn answer(&mut self) -> Result<(), String> {
        let agent = self.node.get(&format!("/api/agents/{}", self.agent))["agent"].clone();
        let question = &agent["state"]["question"];
        let id = question["id"].as_str().ok_or("it asks nothing")?.to_owned();
        let key = question["choices"][0]["key"].as_str().ok_or("its question has no choices")?;
        let node = self.other.as_ref().unwrap_or(&self.node);
        let (code, _, error) = node.cli(&["answer", &self.name, key]);
        self.answered = Some(id);
        if code == 0 { Ok(()) } else { Err(format!("not answered: {error}")) }
    }

    /// Answers the question that was answered already, which is another one by now: it has to be refused.
    ///
    /// # Errors
    /// If it is not.
    pub fn answer_again(&self) -> Result<(), String> {
        let body = json!({ "question": self.answered.as_ref().ok_or("nothing was answered")?, "choice": "1" });
        let node = self.other.as_ref().unwrap_or(&self.node);
        let agent = node.agent_named(&self.name)["id"].clone();
        let path = format!("/api/agents/{}/answer", agent.as_str().unwrap_or_default());
        let (status, answer) = node.http("POST", &path, Some(&body));
        let refused = status == 409 && answer["error"]["code"] == "question-changed";
        if refused { Ok(()) } else { Err(format!("not refused as it should be: {status} {answer}")) }
    }

    /// Whether a file is in the folder that it works in.
    #[must_use]
    pub fn has_file(&self, name: &str) -> bool {
        self.launch.directory.join(name).is_file()
    }

    fn attach(&self) -> TestViewer {
        let mut viewer = self.node.viewer();
        viewer.attach(1, &self.agent, None, "never");
        viewer
    }

    /// What is to be seen now; none while the agent has no terminal.
    ///
    /// # Panics
    /// If the node does not answer.
    pub fn look(&mut self) -> Option<Look> {
        if let Some(viewer) = &mut self.viewer {
            viewer.read();
        }
        let (status, agent) = self.node.http("GET", &format!("/api/agents/{}", self.agent), None);
        assert_eq!(status, 200, "{agent}");
        let agent = agent["agent"].clone();
        let (status, screen) = self.node.http("GET", &format!("/api/agents/{}/screen", self.agent), None);
        if status != 200 {
            return None;
        }
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        Some(Look {
            screen: screen["text"].as_str().unwrap_or_default().to_string(),
            cursor: (number(&screen["cursor"]["col"]), number(&screen["cursor"]["row"])),
            size: (number(&screen["cols"]), number(&screen["rows"])),
            title: agent["terminals"][0]["title"].as_str().unwrap_or_default().to_string(),
            agent,
        })
    }

    /// A look at an agent without a terminal.
    pub(super) fn blank(&self) -> Look {
        let agent = self.node.get(&format!("/api/agents/{}", self.agent))["agent"].clone();
        Look { screen: String::new(), cursor: (0, 0), size: (0, 0), title: String::new(), agent }
    }

    /// What the node says that the agent does.
    ///
    /// # Panics
    /// If the node does not answer.
    pub fn state(&mut self) -> Value {
        if let Some(viewer) = &mut self.viewer {
            viewer.read();
        }
        self.node.get(&format!("/api/agents/{}", self.agent))["agent"]["state"].clone()
    }

    /// Why the node shows what it shows, and the screen, for whoever looks for the reason of a wrong state.
    #[must_use]
    pub fn evidence(&self) -> String {
        let (_, explained, error) = self.node.cli(&["explain", &self.name]);
        let (_, screen) = self.node.http("GET", &format!("/api/agents/{}/screen", self.agent), None);
        let screen = screen["text"].as_str().unwrap_or_default();
        let lines: Vec<&str> = screen.lines().filter(|line| !line.trim().is_empty()).collect();
        format!("{explained}{error}---\n{}\n---", lines.join("\n"))
    }

    /// Waits until the screen fulfils a condition.
    ///
    /// # Errors
    /// If it does not in time: what was waited for, and the screen.
    pub fn until(&mut self, what: &str, condition: impl Fn(&Look, &ModelApi) -> bool) -> Result<Look, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let look = self.look();
            if let Some(look) = look.as_ref().filter(|look| condition(look, &self.api)) {
                return Ok(look.clone());
            }
            if Instant::now() > until {
                let screen = look.map(|look| look.screen).unwrap_or_default();
                let asked: Vec<String> = self.api.exchanges().iter().map(|one| format!("  {one:?}")).collect();
                return Err(format!(
                    "waited {PATIENCE:?} for {what}; the screen:\n{screen}\nthe API was asked:\n{}",
                    asked.join("\n")
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Presses keys and waits until the terminal has them.
    ///
    /// # Panics
    /// If the node does not take them.
    pub fn keys(&mut self, bytes: &[u8]) {
        let mut viewer = self.viewer.take().unwrap_or_else(|| self.attach());
        viewer.type_bytes(1, bytes);
        viewer.wait("the keys are written", |viewer| viewer.streams[&1].all_acked());
        if self.stage.watched {
            self.viewer = Some(viewer);
        }
    }

    /// Types a line, waits until it is on the screen, and presses Enter.
    ///
    /// # Errors
    /// If it does not come up on the screen.
    pub fn enter(&mut self, line: &str) -> Result<(), String> {
        self.keys(line.as_bytes());
        self.until(&format!("{line:?} on the screen"), |look, _| look.screen.contains(line))?;
        // Some take an Enter that follows a key at once as a part of a paste.
        std::thread::sleep(Duration::from_millis(200));
        self.keys(b"\r");
        Ok(())
    }

    /// Sends a prompt as a program does that knows nothing of the screen, and gives what the node says of it.
    ///
    /// # Errors
    /// If the node refuses it.
    pub fn send(&self, text: &str) -> Result<Value, String> {
        let body = json!({ "text": text, "submit": true });
        let (status, answer) = self.node.http("POST", &format!("/api/agents/{}/input", self.agent), Some(&body));
        if status == 200 { Ok(answer) } else { Err(format!("not sent: {answer}")) }
    }

    /// Ends its process as a crash does.
    ///
    /// # Errors
    /// If it cannot be found.
    pub fn crash(&self) -> Result<(), String> {
        let pids = self.processes();
        let first = pids.first().ok_or("its process is not there")?;
        let pid = rustix::process::Pid::from_raw(*first).ok_or("its process is not there")?;
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).map_err(|error| error.to_string())
    }

    /// Its processes, the oldest first, found by the home folder in their environment.
    #[must_use]
    pub fn processes(&self) -> Vec<i32> {
        let home = self._home.path().to_str().expect("UTF-8");
        let mark = format!("HOME={home}\0");
        let mut found: Vec<(u64, i32)> = Vec::new();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            if !environment.windows(mark.len()).any(|part| part == mark.as_bytes()) {
                continue;
            }
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let file =
                self.launch.args.iter().find(|argument| argument.ends_with(".js")).unwrap_or(&self.launch.program);
            if String::from_utf8_lossy(&command).contains(file.as_str()) {
                let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
                let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().nth(19);
                found.push((fields.and_then(|field| field.parse().ok()).unwrap_or(u64::MAX), pid));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, pid)| pid).collect()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.node.http("DELETE", &format!("/api/agents/{}", self.agent), None);
        // What a program leaves behind (a daemon, a tool that runs on) ends with it.
        for pid in self.processes() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}
