//! Opening a terminal with 10 000 lines of history.

use crate::client::Client;
use crate::report::{Report, median};
use consort_tests::{TestNode, wait_until};
use serde_json::json;
use std::time::Instant;

pub(crate) fn measure(report: &mut Report) {
    let node = TestNode::start();
    node.tmux(&[
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
        "cat",
    ]);
    let script = "i=0; seq 1 10100 | while read i; do printf '\\033[3%dmline\\033[0m %d of some text that is a usual line of a log\\n' $((i % 8)) $i; done; echo the-end; exec cat";
    for backend in ["tmux", "pty"] {
        let id = node.create(
            &json!({ "name": format!("long-{backend}"), "backend": backend, "program": "sh", "args": ["-c", script] }),
        );
        let text = || node.get(&format!("/api/agents/{id}/screen"))["text"].as_str().unwrap_or("").to_string();
        wait_until("all is printed", || text().contains("the-end"));
        let mut client = Client::connect(&node);
        let mut times = Vec::new();
        let mut lines = 0;
        for s in 0..9 {
            let start = Instant::now();
            client.attach(s, &id);
            let snapshot = client.wait_snapshot(s);
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
            lines = snapshot.iter().filter(|byte| **byte == b'\n').count();
        }
        assert!(lines >= 9_990, "only {lines} lines");
        report.at_most(
            &format!("opening a terminal with 10 000 lines of history, {backend}"),
            median(&mut times),
            50.0,
            "ms",
        );
    }
}
