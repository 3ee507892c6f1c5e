//! Texts for agents that work, and for several agents, on a real node with real tmux.

use consort_tests::{TestNode, wait_until};
use serde_json::{Value, json};

/// Notes what it is sent in a file, and prints for some seconds at each line.
const WORKER: &str = r#"stty -echo; echo ready
while read -r line; do printf '%s\n' "$line" >> "$0"; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "step $i of $line"; sleep 0.25; done; done"#;

/// A node with an agent that works a few seconds on each line, and the file of these.
fn worker(name: &str) -> (TestNode, std::path::PathBuf) {
    let node = TestNode::start();
    let file = node.folder().join("lines");
    node.create(&json!({ "name": name, "program": "bash", "args": ["-c", WORKER, file.to_str()] }));
    wait_until("it rests", || ["idle", "done"].contains(&&*state(&node, name)));
    (node, file)
}

fn state(node: &TestNode, name: &str) -> String {
    node.agent_named(name)["state"]["kind"].as_str().unwrap_or_default().to_string()
}

fn lines(file: &std::path::Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(String::from).collect()
}

#[test]
fn a_text_for_an_agent_that_works_waits_in_its_queue_across_a_restart() {
    let (mut node, file) = worker("busy");
    assert_eq!(node.cli(&["send", "busy", "first"]).0, 0);
    wait_until("it works", || state(&node, "busy") == "working");
    let (code, _, error) = node.cli(&["send", "busy", "second"]);
    assert_eq!(code, 1);
    assert!(error.contains("busy works") && error.contains("--now") && error.contains("--queue"), "{error}");
    for text in ["second", "third", "fourth"] {
        assert_eq!(node.cli(&["send", "busy", text, "--queue"]).0, 0);
    }
    assert_eq!(node.agent_named("busy")["queued"], 3);
    assert_eq!(node.cli(&["queue", "busy"]).1.lines().next(), Some("busy\t1\twaiting\tsecond"));
    assert_eq!(node.cli(&["queue", "busy", "--edit", "2", "dritter"]).0, 0);
    assert_eq!(node.cli(&["queue", "busy", "--cancel", "3"]).0, 0);
    node.kill();
    node.run(&[]);
    wait_until("the queue is there again", || node.agent_named("busy")["queued"] == 2);
    wait_until("all are typed", || node.agent_named("busy")["queued"] == 0);
    wait_until("all are read", || lines(&file).len() == 3);
    assert_eq!(lines(&file), ["first", "second", "dritter"], "in order, each once");
}

#[test]
fn send_waits_for_the_outcome_and_names_it() {
    let (node, _) = worker("a");
    let (code, out, error) = node.cli(&["send", "a", "work", "--wait", "--timeout", "60"]);
    assert_eq!((code, out == "a\tdone\n" || out == "a\tidle\n"), (0, true), "{out} {error}");
    let (code, _, error) = node.cli(&["send", "a", "again", "--wait", "--timeout", "1"]);
    assert_eq!(code, 124, "{error}");
}

#[test]
fn a_text_for_several_agents_is_confirmed_and_answered_for_each() {
    let node = TestNode::start();
    for name in ["customers-a", "customers-b", "lab"] {
        node.create_script(name, "exec cat");
    }
    let stopped = node.create_script("customers-c", "exec cat");
    assert_eq!(node.http("POST", &format!("/api/agents/{stopped}/stop"), None).0, 200);
    let (code, _, error) = node.cli(&["send", "customers-*", "hello"]);
    assert_eq!(code, 2, "there is nobody to ask: {error}");
    assert!(error.contains("customers-a") && error.contains("--yes") && !error.contains("lab"), "{error}");
    let (code, out, error) = node.cli(&["send", "customers-*", "hello", "--yes"]);
    assert_eq!(code, 1, "{out} {error}");
    let results: Vec<&str> = out.lines().collect();
    assert_eq!(results[..2], ["customers-a\tsubmitted", "customers-b\tsubmitted"]);
    assert!(results[2].contains("customers-c\tcustomers-c is not running"), "{out}");
    let shows = |name: &str| node.cli(&["screen", name]).1.contains("hello");
    wait_until("both show it", || shows("customers-a") && shows("customers-b"));
    assert!(!shows("lab"));
    let id = |name: &str| node.agent_named(name)["id"].clone();
    node.http("PATCH", &format!("/api/agents/{}", id("lab").as_str().unwrap()), Some(&json!({ "tags": ["x"] })));
    assert_eq!(node.cli(&["send", "--tag", "x", "tagged", "--yes"]).0, 0);
    wait_until("the one with the tag shows it", || node.cli(&["screen", "lab"]).1.contains("tagged"));
    assert_eq!(node.cli(&["send", "--tag", "none", "tagged", "--yes"]).0, 1);
    let (status, answer) =
        node.http("POST", "/api/send", Some(&json!({ "agents": [id("lab"), "nobody"], "text": "x", "queue": true })));
    let results: Vec<&Value> = answer["results"].as_array().into_iter().flatten().collect();
    assert_eq!(
        (status, &results[0]["queued"]["ahead"], &results[1]["error"]["code"]),
        (200, &json!(0), &json!("not-found"))
    );
}

#[test]
fn a_session_that_was_found_is_adopted_and_started_again_as_it_ran() {
    let mut node = TestNode::prepared();
    let folder = node.folder().join("a folder");
    std::fs::create_dir(&folder).expect("a folder");
    let script = "echo \"$1 in $PWD\"; exec cat";
    // Somebody starts a program by hand, in a shell.
    node.tmux(&["new-session", "-d", "-s", "mine", "-c", folder.to_str().unwrap(), "sh"]);
    node.tmux(&["send-keys", "-t", "mine", &format!("bash -c '{script}; :' x 'two words'"), "Enter"]);
    node.run(&[]);
    node.agent_named("mine");
    let shows = |node: &TestNode| node.cli(&["screen", "mine"]).1.contains("two words in");
    wait_until("it runs", || shows(&node) && node.capture("mine").iter().any(|line| line.contains("a folder")));
    let (code, _, error) = node.cli(&["restart", "mine"]);
    assert_eq!((code, error.contains("consort adopt")), (1, true), "{error}");
    let (code, _, error) = node.cli(&["adopt", "mine"]);
    assert_eq!(code, 2, "there is nobody to ask: {error}");
    assert!(error.contains("cat"), "it says what runs: {error}");
    assert_eq!(node.agent_named("mine")["origin"], "found");
    let (code, _, error) = node.cli(&["adopt", "mine", "--yes"]);
    assert_eq!(code, 0, "{error}");
    let mine = node.agent_named("mine");
    assert_eq!((&mine["origin"], &mine["autostart"]), (&json!("created"), &json!(true)));
    assert_eq!((&mine["program"], mine["directory"].as_str()), (&json!("cat"), folder.to_str()));
    assert_eq!(node.cli(&["restart", "mine"]).0, 0);
    // A shell in its place would not know that command.
    assert_eq!(node.cli(&["send", "mine", "hello"]).0, 0);
    wait_until("cat echoes it", || node.cli(&["screen", "mine"]).1.matches("hello").count() == 2);
    assert_eq!(node.cli(&["adopt", "mine", "--yes"]).0, 1, "it is one of ours already");
}
