//! From a key to its echo: through node and WebSocket, against the smallest WebSocket server in front of the same program.

use crate::client::{Client, Frame};
use crate::reference::{connect_bare, serve_bare};
use crate::report::{Report, quantile};
use consort_tests::TestNode;
use serde_json::json;
use std::time::{Duration, Instant};
use tungstenite::Message;

/// Keys of one round. Ours and the bare server take turns, so that both see the same machine.
const KEYS: usize = 300;
const ROUNDS: usize = 5;
const PROGRAM: [&str; 3] = ["sh", "-c", "stty raw -echo; echo ready; exec cat"];
const FLOOD: &str = "while :; do seq 1 100000; done";

pub(crate) fn measure(report: &mut Report) {
    let node = TestNode::start();
    for (backend, bare_program) in [("pty", PROGRAM.map(str::to_string).to_vec()), ("tmux", tmux_attach(&node))] {
        let id = node.create(
            &json!({ "name": format!("echo-{backend}"), "backend": backend, "program": "sh", "args": PROGRAM[1..] }),
        );
        let (mut calm, mut flooded) = (Samples::default(), Samples::default());
        for round in 0..ROUNDS {
            calm.bare.extend(bare_echo(&bare_program));
            calm.ours.extend(our_echo(&node, &id));
            flooded.bare.extend(bare_flood(&node, backend, || bare_echo(&bare_program)));
            flooded.ours.extend(our_flood(&node, backend, round, || our_echo(&node, &id)));
        }
        compare(report, backend, "", &mut calm);
        compare(report, backend, " while another agent floods", &mut flooded);
        compare_calm(report, backend, &mut calm, &mut flooded);
        node.http("DELETE", &format!("/api/agents/{id}"), None);
    }
}

/// Times from key to echo in milliseconds.
#[derive(Default)]
struct Samples {
    bare: Vec<f64>,
    ours: Vec<f64>,
}

fn tmux_attach(node: &TestNode) -> Vec<String> {
    node.tmux(&["new-session", "-d", "-s", "bare", "-x", "80", "-y", "24", "sh", "-c", PROGRAM[2]]);
    ["tmux", "-L", node.tmux_socket(), "attach", "-t", "=bare"].map(str::to_string).to_vec()
}

/// Against the bare server in front of the same program, which bears the same.
fn compare(report: &mut Report, backend: &str, when: &str, samples: &mut Samples) {
    for (name, share, bound) in [("p50", 0.5, 1.2), ("p99", 0.99, 1.5)] {
        let (reference, measured) = (quantile(&mut samples.bare, share), quantile(&mut samples.ours, share));
        report.show(&format!("key echo, {backend}{when}, bare server, {name}"), reference, "ms");
        report.show(&format!("key echo, {backend}{when}, {name}"), measured, "ms");
        report.at_most(
            &format!("key echo, {backend}{when}, {name}, against the bare server"),
            measured / reference,
            bound,
            "×",
        );
    }
}

/// What the flood does to the median. With fewer idle processors than the flood needs it does something to everybody: the bare
/// server's figure says what.
fn compare_calm(report: &mut Report, backend: &str, calm: &mut Samples, flooded: &mut Samples) {
    let times = |flooded: &mut Vec<f64>, calm: &mut Vec<f64>| quantile(flooded, 0.5) / quantile(calm, 0.5);
    let what = format!("key echo, {backend}, while another agent floods, against no flood");
    report.show(&format!("{what}, bare server, p50"), times(&mut flooded.bare, &mut calm.bare), "×");
    report.at_most(&format!("{what}, p50"), times(&mut flooded.ours, &mut calm.ours), 1.5, "×");
}

/// Letters in turn, so that an echo cannot be mistaken for another one; a short pause lets everything go to sleep again.
fn keys() -> impl Iterator<Item = u8> {
    (0..KEYS).map(|number| {
        std::thread::sleep(Duration::from_micros(2_000 + (number as u64 * 7_919) % 3_000));
        b'a' + (number % 26) as u8
    })
}

fn bare_echo(program: &[String]) -> Vec<f64> {
    let words: Vec<&str> = program.iter().map(String::as_str).collect();
    let (port, server) = serve_bare(&words);
    let mut socket = connect_bare(port);
    let wait = |needle: &[u8], socket: &mut tungstenite::WebSocket<std::net::TcpStream>| loop {
        if let Message::Binary(bytes) = socket.read().expect("the server answers")
            && bytes.windows(needle.len()).any(|part| part == needle)
        {
            return;
        }
    };
    if program[0] == "tmux" {
        std::thread::sleep(Duration::from_millis(500));
    } else {
        wait(b"ready", &mut socket);
    }
    let samples = keys().map(|key| {
        let start = Instant::now();
        socket.send(Message::binary(vec![key])).expect("sent");
        wait(&[key], &mut socket);
        start.elapsed().as_secs_f64() * 1_000.0
    });
    let samples = samples.collect();
    drop(socket);
    let _ = server.join();
    samples
}

/// Keys to an agent and back, through a node that shows it.
pub(crate) fn our_echo(node: &TestNode, id: &str) -> Vec<f64> {
    let mut client = Client::connect(node);
    client.attach(1, id);
    client.wait_snapshot(1);
    let samples = keys().map(|key| {
        let start = Instant::now();
        client.type_bytes(1, &[key]);
        loop {
            if let Frame::Data(bytes) = client.next()
                && bytes[13..].contains(&key)
            {
                break;
            }
        }
        start.elapsed().as_secs_f64() * 1_000.0
    });
    samples.collect()
}

/// A viewer that reads a flooding agent until it ends.
fn start_reader(node: &TestNode, flood: &str) -> std::thread::JoinHandle<()> {
    let mut client = Client::connect(node);
    client.attach(1, flood);
    client.wait_snapshot(1);
    std::thread::spawn(move || {
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            loop {
                if matches!(client.next(), Frame::Other) && client.ended() {
                    return;
                }
            }
        }));
    })
}

fn our_flood(node: &TestNode, backend: &str, round: usize, measure: impl FnOnce() -> Vec<f64>) -> Vec<f64> {
    let name = format!("flood-{backend}-{round}");
    let flood = node.create(&json!({ "name": name, "backend": backend, "program": "sh", "args": ["-c", FLOOD] }));
    let reader = start_reader(node, &flood);
    let samples = measure();
    node.http("DELETE", &format!("/api/agents/{flood}"), None);
    let _ = reader.join();
    samples
}

/// The same flood in front of a bare server: for tmux in another session of the same tmux server.
fn bare_flood(node: &TestNode, backend: &str, measure: impl FnOnce() -> Vec<f64>) -> Vec<f64> {
    let socket = node.tmux_socket();
    let (port, server) = if backend == "tmux" {
        node.tmux(&["new-session", "-d", "-s", "bare-flood", "-x", "80", "-y", "24", "sh", "-c", FLOOD]);
        serve_bare(&["tmux", "-L", socket, "attach", "-t", "=bare-flood"])
    } else {
        serve_bare(&["sh", "-c", FLOOD])
    };
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let reader = std::thread::spawn(move || {
        let mut socket = connect_bare(port);
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let _ = socket.read();
        }
    });
    let samples = measure();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let _ = reader.join();
    let _ = server.join();
    if backend == "tmux" {
        node.tmux(&["kill-session", "-t", "=bare-flood"]);
    }
    samples
}
