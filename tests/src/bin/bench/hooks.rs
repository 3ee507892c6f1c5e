//! What a hook costs the program that runs it, and how soon what it says is shown.

use crate::report::{Report, median};
use consort_tests::TestNode;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ASKS: &str = r#"{"session_id":"1","cwd":"/","hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"touch x"}}"#;
const WORKS: &str = r#"{"session_id":"1","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"touch x"}}"#;

pub(crate) fn measure(report: &mut Report) {
    let node = TestNode::start();
    let agent = node.create_script("hooked", "sleep 600");
    let kind = || {
        let agent = node.get(&format!("/api/agents/{agent}"));
        agent["agent"]["state"]["kind"].as_str().unwrap_or_default().to_string()
    };
    let run = |payload: &[u8]| {
        let began = Instant::now();
        let mut child = begin(&node, &agent);
        child.stdin.take().expect("a pipe").write_all(payload).expect("it reads");
        assert!(child.wait().expect("it ends").success());
        milliseconds(began)
    };
    let mut small: Vec<f64> = (0..100).map(|_| run(WORKS.as_bytes())).collect();
    report.at_most("a hook, from its start to its end, p50", median(&mut small), 15.0, "ms");
    let large = format!("{},\"tool_response\":\"{}\"}}", &WORKS[..WORKS.len() - 1], "x".repeat(1 << 20));
    let mut large: Vec<f64> = (0..30).map(|_| run(large.as_bytes())).collect();
    report.show("a hook with 1 MB to read, p50", median(&mut large), "ms");

    // It waits for the end of its input, and has everything that it needs by then.
    let mut child = begin(&node, &agent);
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(WORKS.as_bytes()).expect("it reads");
    std::thread::sleep(Duration::from_millis(200));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    drop(input);
    let _ = child.wait();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    match peak {
        Some(kibibytes) => report.at_most("memory of a hook", kibibytes * 1_024.0 / 1e6, 5.0, "MB"),
        None => report.skipped("memory of a hook", "the system does not tell it"),
    }

    let mut shown: Vec<f64> = (0..20)
        .map(|_| {
            run(WORKS.as_bytes());
            let began = Instant::now();
            run(ASKS.as_bytes());
            while kind() != "waiting" {
                std::thread::sleep(Duration::from_millis(2));
            }
            milliseconds(began)
        })
        .collect();
    report.at_most("waiting, from the start of the hook until it is shown, p50", median(&mut shown), 500.0, "ms");
}

fn begin(node: &TestNode, agent: &str) -> Child {
    let mut command = Command::new(consort_tests::node::binary());
    command.args(["hook", "claude", "--state-dir"]).arg(node.state_dir()).env("CONSORT_AGENT_ID", agent);
    command.env_remove("TMUX").env_remove("TMUX_PANE").stdin(Stdio::piped());
    command.spawn().expect("it starts")
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1_000.0
}
