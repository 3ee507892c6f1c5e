//! Hostile texts through every door of the node: nothing of them runs, and the text arrives. Real shells in a real tmux and in
//! terminals of our own. (`consort attach` and the browser have the same table in their own tests.)

use consort_tests::{TestNode, wait_until};
use serde_json::json;
use std::io::Write as _;
use std::process::Stdio;

struct Hostile {
    name: String,
    text: String,
    arrives: String,
}

fn table() -> Vec<Hostile> {
    let table: serde_json::Value = serde_json::from_str(include_str!("../pastes.json")).expect("JSON");
    let entries = table.as_array().expect("a list").iter();
    let field = |entry: &serde_json::Value, name: &str| entry[name].as_str().expect("a text").to_owned();
    entries
        .map(|entry| Hostile {
            name: field(entry, "name"),
            text: field(entry, "text"),
            arrives: field(entry, "arrives"),
        })
        .collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Api,
    Argument,
    StandardInput,
}

const DOORS: [Door; 3] = [Door::Api, Door::Argument, Door::StandardInput];

impl Door {
    /// Pastes a text without Enter.
    fn paste(self, node: &TestNode, id: &str, name: &str, text: &str) {
        match self {
            Door::Api => {
                let (status, body) =
                    node.http("POST", &format!("/api/agents/{id}/input"), Some(&json!({ "text": text })));
                assert_eq!(status, 200, "{body}");
            }
            Door::Argument => {
                let (code, _, error) = node.cli(&["send", "--no-enter", name, "--", text]);
                assert_eq!(code, 0, "{error}");
            }
            Door::StandardInput => {
                let mut command = node.client();
                command.args(["send", "--no-enter", name, "-"]).stdin(Stdio::piped());
                let mut child = command.spawn().expect("the binary runs");
                child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
                assert!(child.wait().expect("it ends").success());
            }
        }
    }

    /// An argument of a program holds no NUL.
    fn takes(self, text: &str) -> bool {
        self != Door::Argument || !text.contains('\0')
    }
}

#[test]
fn every_door_brings_the_same_text_in_brackets() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        let file = node.folder().join("got");
        let script = "stty raw -echo; printf '\\033[?2004h'; echo ready; exec cat > \"$0\"";
        let id = node.create(
            &json!({ "name": "raw", "backend": backend, "program": "sh", "args": ["-c", script, file.to_str()] }),
        );
        let screen = || node.get(&format!("/api/agents/{id}/screen"))["text"].as_str().unwrap_or("").to_string();
        wait_until("the program is ready", || screen().contains("ready"));
        let mut expected = Vec::new();
        for door in DOORS {
            for Hostile { name, text, arrives } in table() {
                if !door.takes(&text) {
                    continue;
                }
                door.paste(&node, &id, "raw", &text);
                expected.extend(format!("\x1b[200~{}\x1b[201~", arrives.replace('\n', "\r")).into_bytes());
                wait_until(&name, || std::fs::metadata(&file).is_ok_and(|meta| meta.len() >= expected.len() as u64));
                let got = std::fs::read(&file).expect("the file");
                assert_eq!(
                    String::from_utf8_lossy(&got),
                    String::from_utf8_lossy(&expected),
                    "{backend}, {door:?}: {name}"
                );
            }
        }
    }
}

#[test]
fn nothing_of_a_paste_runs_in_a_shell() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        for (shell, args) in [("bash", &["--norc", "-i"][..]), ("zsh", &["-f", "-i"])] {
            let home = node.folder().join(format!("{shell}-{backend}"));
            std::fs::create_dir(&home).expect("a folder");
            let id = node.create(&json!({ "name": shell, "backend": backend, "program": shell, "args": args,
                "directory": home, "env": { "PS1": "ready> ", "PROMPT": "ready> " }, "rows": 60 }));
            let screen = || node.get(&format!("/api/agents/{id}/screen"))["text"].as_str().unwrap_or("").to_string();
            wait_until("the prompt", || screen().contains("ready>"));
            for (number, Hostile { name, text, .. }) in table().into_iter().enumerate() {
                let door = DOORS[number % DOORS.len()];
                let door = if door.takes(&text) { door } else { Door::Api };
                let end = format!("END{number}");
                door.paste(&node, &id, shell, &text.replace("END", &end));
                wait_until(&format!("{end} in {shell}, {backend}: {name}"), || screen().contains(&end));
                // What ran would have run before the end was shown.
                assert!(!home.join("ran").exists(), "{name} ran in {shell} by {door:?}, {backend}: {}", screen());
                let mut viewer = node.viewer();
                viewer.attach(1, &id, None, "never");
                viewer.wait("attached", |viewer| viewer.streams.contains_key(&1));
                viewer.type_bytes(1, b"\x03");
                wait_until("the next prompt", || screen().trim_end().ends_with("\nready>"));
            }
        }
    }
}

#[test]
fn without_brackets_lines_are_entered_and_controls_are_still_removed() {
    for backend in ["tmux", "pty"] {
        let node = TestNode::start();
        let id = node.create(
            &json!({ "name": "cat", "backend": backend, "program": "sh", "args": ["-c", "echo ready; exec cat"] }),
        );
        let screen = || node.get(&format!("/api/agents/{id}/screen"))["text"].as_str().unwrap_or("").to_string();
        wait_until("the program is ready", || screen().contains("ready"));
        Door::Api.paste(&node, &id, "cat", "one\x04\x03\ntwo\x1c\r\n");
        // Each line once as its echo and once from the program, which still runs.
        wait_until("both lines twice", || screen().matches("two").count() == 2);
        let mut lines: Vec<String> = screen().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["one", "one", "ready", "two", "two"], "{backend}");
    }
}
