//! How soon it is known what an agent does, how soon an answer arrives, what knowing costs, and how long a look takes while others answer
//! nothing.

use crate::footprint::cpu_ticks;
use crate::report::{Report, median, quantile};
use consort_tests::way::Way;
use consort_tests::{TestNode, wait_for, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Questions that are asked and answered.
const QUESTIONS: usize = 15;
const LOOKS: usize = 200;
/// Asks, and notes when it has asked and when the answer was there.
const ASKS: &str = r#"while :; do sleep 2; date +%s%N >> asked; printf 'Deploy it, proceed? (y/n) '; read answer; date +%s%N >> answered; clear; done"#;
const SPINS: &str = r#"while :; do for c in '|' / - '\'; do printf '\r%s thinking' "$c"; sleep 0.1; done; done"#;

/// The events of a node, each with the time at which it arrived.
#[derive(Clone)]
struct Events(Arc<Mutex<Vec<(f64, Value)>>>);

impl Events {
    /// Listens for as long as the node lives.
    fn of(way: Way) -> Self {
        let events = Self(Arc::default());
        let all = events.0.clone();
        let mut socket = way.connect();
        let head = format!(
            "GET /api/events HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {}\r\n\r\n",
            way.port, way.token
        );
        socket.write_all(head.as_bytes()).expect("the request is sent");
        let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
        assert!(lines.next().is_some_and(|line| line.contains(" 200 ")), "events are sent");
        std::thread::spawn(move || {
            for line in lines {
                let Some(data) = line.strip_prefix("data:") else { continue };
                let event = serde_json::from_str(data).expect("JSON");
                all.lock().expect("no panic").push((now(), event));
            }
        });
        events
    }

    /// When the first event arrived, not before a moment, that is as wanted.
    fn first_since(&self, moment: f64, wanted: impl Fn(&Value) -> bool) -> f64 {
        wait_for("an event", || {
            let all = self.0.lock().expect("no panic");
            all.iter().find(|(at, event)| *at >= moment && wanted(event)).map(|(at, _)| *at)
        })
    }
}

pub(crate) fn measure(report: &mut Report) {
    let [owner, other] = ["owner", "other"].map(TestNode::named);
    other.join(&owner);
    questions(report, &owner, &other);
    renames(report, &owner);
    looks(report, &owner, &other);
    spinners(report);
}

/// A program without hooks asks; the other node sees it and answers.
fn questions(report: &mut Report, owner: &TestNode, other: &TestNode) {
    let folder = owner.folder();
    let script = json!({ "name": "asks", "directory": folder, "program": "/bin/sh", "args": ["-c", ASKS] });
    let [here, there] = [owner, other].map(|node| Events::of(node.way().clone()));
    owner.create(&script);
    let agent = other.agent_named("asks")["id"].as_str().expect("an id").to_owned();
    let waits = |event: &Value| event["name"] == "asks" && event["state"]["kind"] == "waiting";
    let [mut shown, mut later, mut answers] = [const { Vec::new() }; 3];
    for number in 0..QUESTIONS {
        let asked = wait_for("a question", || stamp(&folder.join("asked"), number));
        let at_owner = here.first_since(asked, waits);
        let at_other = there.first_since(asked, waits);
        shown.push((at_owner - asked) * 1_000.0);
        later.push((at_other - at_owner) * 1_000.0);
        let question = other.get(&format!("/api/agents/{agent}"))["agent"]["state"]["question"]["id"].clone();
        let answer = json!({ "question": question, "choice": "y" });
        let pressed = now();
        let (status, said) = other.http("POST", &format!("/api/agents/{agent}/answer"), Some(&answer));
        assert_eq!(status, 200, "{said}");
        let answered = wait_for("an answer", || stamp(&folder.join("answered"), number));
        answers.push((answered - pressed) * 1_000.0);
    }
    report.at_most(
        "waiting, without hooks, from the question until it is shown, p50",
        median(&mut shown),
        1_500.0,
        "ms",
    );
    report.at_most("… the slowest of fifteen", quantile(&mut shown, 1.0), 1_500.0, "ms");
    report.at_most("… on another node, later by, p50", median(&mut later), 150.0, "ms");
    report.at_most("… the slowest of fifteen", quantile(&mut later, 1.0), 150.0, "ms");
    report.at_most("an answer from another node, until the program has it, p50", median(&mut answers), 100.0, "ms");
    report.at_most("… the slowest of fifteen", quantile(&mut answers, 1.0), 100.0, "ms");
}

/// From a change to the client that listens.
fn renames(report: &mut Report, node: &TestNode) {
    let id = node.create_script("renamed", "sleep 600");
    let events = Events::of(node.way().clone());
    let mut times: Vec<f64> = (0..50)
        .map(|number| {
            let name = format!("renamed-{number}");
            let began = now();
            let (status, said) = node.http("PATCH", &format!("/api/agents/{id}"), Some(&json!({ "name": name })));
            assert_eq!(status, 200, "{said}");
            (events.first_since(began, |event| event["name"] == name.as_str()) - began) * 1_000.0
        })
        .collect();
    report.at_most("from the request of a change to its event at a client, p50", median(&mut times), 50.0, "ms");
    report.at_most("… p99", quantile(&mut times, 0.99), 50.0, "ms");
}

/// Looks while tmux, and then another machine, answers nothing.
fn looks(report: &mut Report, owner: &TestNode, other: &TestNode) {
    let server: i32 = owner.tmux(&["display-message", "-p", "#{pid}"]).trim().parse().expect("its process id");
    let server = Pid::from_raw(server).expect("a process");
    let id = owner.agent_named("asks")["id"].as_str().expect("an id").to_owned();
    kill_process(server, Signal::STOP).expect("it runs");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| owner.http("GET", &format!("/api/agents/{id}/screen"), None));
        }
        look(report, owner, "while tmux is stopped and eight requests wait for it");
        kill_process(server, Signal::CONT).expect("it runs");
    });
    other.signal(Signal::STOP);
    look(report, owner, "while another machine is frozen");
    other.signal(Signal::CONT);
}

fn look(report: &mut Report, node: &TestNode, when: &str) {
    let mut timed = |what: &str, look: &dyn Fn()| {
        let mut times: Vec<f64> = (0..LOOKS)
            .map(|_| {
                let began = Instant::now();
                look();
                began.elapsed().as_secs_f64() * 1_000.0
            })
            .collect();
        report.at_most(&format!("{what} {when}, p99"), quantile(&mut times, 0.99), 20.0, "ms");
    };
    timed("the list", &|| assert!(!node.agents().is_empty()));
    timed("health", &|| assert_eq!(node.http("GET", "/api/health", None).0, 200));
    timed("consort ls", &|| assert_eq!(node.cli(&["ls"]).0, 0));
}

/// What a hundred agents cost that nobody looks at, while a tenth of them draws.
fn spinners(report: &mut Report) {
    let node = TestNode::start();
    for number in 0..100 {
        let program = if number % 10 == 0 { SPINS } else { "cat" };
        let name = format!("unwatched{number}");
        node.tmux(&["new-session", "-d", "-s", &name, "-x", "120", "-y", "40", "sh", "-c", program]);
    }
    node.tmux(&["set-option", "-s", "message-limit", "100000"]);
    wait_until("a hundred agents", || node.agents().len() == 100);
    std::thread::sleep(Duration::from_secs(10));
    let captures = || node.tmux(&["show-messages"]).lines().filter(|line| line.contains("capture-pane")).count();
    let (ticks, captured, window) = (cpu_ticks(node.pid()), captures(), Duration::from_secs(30));
    std::thread::sleep(window);
    let ticks = (cpu_ticks(node.pid()) - ticks) as f64 / rustix::param::clock_ticks_per_second() as f64;
    let captured = (captures() - captured) as f64 / window.as_secs_f64() / 10.0;
    let share = ticks / window.as_secs_f64() * 100.0;
    report.at_most("100 unwatched agents, ten of them drawing spinners", share, 1.0, "% of a core");
    report.at_most("… screens read of each that draws", captured, 1.0, "/s");
}

/// The time in a line of a file, in seconds of the Unix time.
fn stamp(file: &Path, line: usize) -> Option<f64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.split_inclusive('\n').nth(line)?;
    Some(line.strip_suffix('\n')?.parse::<f64>().ok()? / 1e9)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64()
}
