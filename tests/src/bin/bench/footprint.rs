//! Start, memory and idle cost.

use crate::client::Client;
use crate::report::{Report, median};
use consort_tests::{TestNode, wait_until};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

pub(crate) fn measure(report: &mut Report) {
    let mut starts: Vec<f64> = (0..7).map(|_| start_to_answer()).collect();
    report.at_most("start to first HTTP answer", median(&mut starts), 15.0, "ms");

    let node = TestNode::start();
    std::thread::sleep(Duration::from_secs(1));
    let fresh = node.memory_bytes();
    report.at_most("memory after start", megabytes(fresh), 10.0, "MB");

    for number in 0..100 {
        node.tmux(&[
            "new-session",
            "-d",
            "-s",
            &format!("idle-group{}-{number}", number % 9),
            "-x",
            "80",
            "-y",
            "24",
            "cat",
        ]);
    }
    wait_until("a hundred agents", || node.agents().len() == 100);
    std::thread::sleep(Duration::from_secs(5));
    let known = node.memory_bytes();
    report.at_most("memory per unwatched agent", (known.saturating_sub(fresh)) as f64 / 100.0 / 1_000.0, 20.0, "kB");
    let before = cpu_ticks(node.pid());
    let window = Duration::from_secs(15);
    std::thread::sleep(window);
    let ticks = cpu_ticks(node.pid()) - before;
    let share = ticks as f64 / rustix::param::clock_ticks_per_second() as f64 / window.as_secs_f64() * 100.0;
    report.at_most("idle with 100 agents", share, 0.5, "% of a core");

    let mut client = Client::connect(&node);
    for (s, agent) in node.agents().iter().enumerate() {
        client.attach(s as u32 + 1, agent["id"].as_str().expect("an id"));
    }
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 100 {
        if let crate::client::Frame::Snapshot(s, _) = client.next() {
            seen.insert(s);
        }
    }
    let watched = node.memory_bytes() + helpers(node.pid());
    report.at_most("100 watched agents, helper processes counted", megabytes(watched), 60.0, "MB");
}

fn start_to_answer() -> f64 {
    let node = TestNode::prepared();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let mut command = node.command();
    command.args(["--listen", &format!("localhost:{port}")]).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().expect("the node starts");
    loop {
        if let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) {
            let request = format!("GET /api/health HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
            let mut answer = String::new();
            if socket.write_all(request.as_bytes()).is_ok()
                && socket.read_to_string(&mut answer).is_ok()
                && answer.contains(" 200 ")
            {
                break;
            }
        }
        assert!(start.elapsed() < Duration::from_secs(30), "the node answers");
        std::thread::sleep(Duration::from_micros(200));
    }
    let time = start.elapsed().as_secs_f64() * 1_000.0;
    let _ = child.kill();
    let _ = child.wait();
    time
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

/// Time that a process has computed, in the system's ticks.
pub(crate) fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    fields[11].parse::<u64>().unwrap_or(0) + fields[12].parse::<u64>().unwrap_or(0)
}

/// Resident memory of the node's child processes (the tmux server is not one).
fn helpers(pid: u32) -> u64 {
    let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
    let statuses = processes.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("status")).ok());
    let field = |status: &str, name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    statuses
        .filter(|status| field(status, "PPid:") == u64::from(pid))
        .map(|status| field(&status, "VmRSS:") * 1024)
        .sum()
}
