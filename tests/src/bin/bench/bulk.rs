//! 100 MB of coloured text: on a PTY and inside tmux, with one viewer that reads everything.

use crate::client::Client;
use crate::report::{Report, median};
use consort_tests::{BarePty, TestNode};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

const SIZE: usize = 100_000_000;
const RUNS: usize = 3;
const END: &[u8] = b"the-end-of-it";

pub(crate) fn coloured_text(folder: &Path) -> PathBuf {
    let path = folder.join("coloured");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
    let mut written = 0;
    let mut line = 0u32;
    while written < SIZE {
        let text = format!(
            "\x1b[38;5;{}m{line:08}\x1b[0m the quick \x1b[1;3{}mbrown fox\x1b[0m jumps over the lazy dog {}\r\n",
            line % 256,
            line % 8,
            line.wrapping_mul(2_654_435_761)
        );
        file.write_all(text.as_bytes()).expect("room on the disk");
        written += text.len();
        line += 1;
    }
    file.flush().expect("room on the disk");
    path
}

/// A script that waits for a line, prints the file and then a mark that no line of the file contains.
fn script(file: &Path) -> String {
    format!("stty -echo; echo ready; read x; cat '{}'; echo the-end-of-''it; sleep 1000", file.display())
}

pub(crate) fn measure_pty(report: &mut Report) {
    let node = TestNode::start();
    let file = coloured_text(node.folder());
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    let mut share = 0.0;
    for run in 0..RUNS {
        let mut pty = BarePty::spawn(&["sh", "-c", &script(&file)]);
        pty.wait_text(b"ready");
        let start = Instant::now();
        pty.master.write_all(b"\n").expect("input");
        pty.wait_text(END);
        bare.push(start.elapsed().as_secs_f64());
        drop(pty);

        let (seconds, received) = pty_run(&node, &node, &file, &format!("bulk-{run}"));
        ours.push(seconds);
        share = received as f64 / SIZE as f64;
    }
    let (bare, ours) = (median(&mut bare), median(&mut ours));
    report.show("100 MB on a bare PTY", bare, "s");
    report.at_most("100 MB on a PTY, one viewer reading, against the bare PTY", ours / bare, 1.4, "×");
    report.show("… of which the viewer received", share * 100.0, "%");
}

/// The file on a PTY of one node while a viewer of the same or another one reads it: how long that takes, and what it gets.
pub(crate) fn pty_run(owner: &TestNode, viewer: &TestNode, file: &Path, name: &str) -> (f64, u64) {
    let args = ["-c", &script(file)];
    let id = owner.create(&json!({ "name": name, "backend": "pty", "program": "sh", "args": args }));
    let seen = viewer.agent_named(name);
    let mut client = Client::connect(viewer);
    client.attach(1, seen["id"].as_str().expect("an id"));
    client.wait_text(b"ready");
    let start = Instant::now();
    client.type_bytes(1, b"\n");
    let received = client.wait_text(END);
    let seconds = start.elapsed().as_secs_f64();
    owner.http("DELETE", &format!("/api/agents/{id}"), None);
    (seconds, received)
}

pub(crate) fn measure_tmux(report: &mut Report) {
    let node = TestNode::start();
    let file = coloured_text(node.folder());
    let (mut alone, mut watched) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        alone.push(tmux_run(&node, &file, &format!("alone-{run}"), false));
        watched.push(tmux_run(&node, &file, &format!("watched-{run}"), true));
    }
    let (alone, watched) = (median(&mut alone), median(&mut watched));
    report.show("100 MB inside tmux, nobody attached", alone, "s");
    report.at_most("100 MB inside tmux, one viewer, against nobody attached", watched / alone, 1.10, "×");
}

/// The file inside tmux, while a viewer reads it or nobody does: how long the program takes to print it.
pub(crate) fn tmux_run(node: &TestNode, file: &Path, name: &str, watched: bool) -> f64 {
    let (go, done) = (node.folder().join(format!("{name}-go")), node.folder().join(format!("{name}-done")));
    for fifo in [&go, &done] {
        let status = std::process::Command::new("mkfifo").arg(fifo).status().expect("mkfifo");
        assert!(status.success(), "mkfifo");
    }
    let script = format!(
        "echo ready; read x < '{}'; cat '{}'; echo the-end-of-''it; echo x > '{}'; sleep 1000",
        go.display(),
        file.display(),
        done.display()
    );
    let id = node.create(&json!({ "name": name, "backend": "tmux", "program": "sh", "args": ["-c", script] }));
    let viewer = watched.then(|| {
        let mut client = Client::connect(node);
        client.attach(1, &id);
        client.wait_text(b"ready");
        std::thread::spawn(move || client.wait_text(END))
    });
    let mut start_signal = std::fs::OpenOptions::new().write(true).open(&go).expect("the script waits");
    let start = Instant::now();
    start_signal.write_all(b"go\n").expect("the script waits");
    drop(start_signal);
    std::fs::read(&done).expect("the script tells");
    let time = start.elapsed().as_secs_f64();
    if let Some(viewer) = viewer {
        viewer.join().expect("the viewer sees the end");
    }
    node.http("DELETE", &format!("/api/agents/{id}"), None);
    time
}
