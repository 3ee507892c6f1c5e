//! Agents survive the node; what people wrote survives everything.

use consort_tests::{TestNode, wait_until};
use serde_json::json;

#[test]
fn a_killed_node_loses_no_agent_and_no_note() {
    let mut node = TestNode::start();
    for number in 0..20 {
        node.create(&json!({ "name": format!("work-{number}"), "notes": format!("note {number}"), "program": "sh",
            "args": ["-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done"] }));
    }
    let before = node.tmux(&["list-panes", "-a", "-F", "#{session_name} #{pane_pid}"]);
    node.kill();
    node.run(&[]);
    wait_until("all are shown again", || {
        let agents = node.agents();
        agents.len() == 20 && agents.iter().all(|agent| agent["running"] == true)
    });
    assert_eq!(
        node.tmux(&["list-panes", "-a", "-F", "#{session_name} #{pane_pid}"]),
        before,
        "the same processes, none twice"
    );
    for agent in node.agents() {
        let number = agent["name"].as_str().and_then(|name| name.strip_prefix("work-")).expect("a name");
        assert_eq!(agent["notes"], format!("note {number}"));
    }
}

#[test]
fn after_a_reboot_what_should_run_is_started_and_what_should_not_is_shown_stopped() {
    let mut node = TestNode::start();
    node.create(&json!({ "name": "wanted", "program": "cat", "autostart": true }));
    node.create(&json!({ "name": "manual", "program": "cat", "autostart": false }));
    let stopped = node.create(&json!({ "name": "stopped", "program": "cat", "autostart": true }));
    assert_eq!(node.http("POST", &format!("/api/agents/{stopped}/stop"), None).0, 200);
    node.kill();
    node.kill_tmux();
    node.run(&[]);
    let running = |name: &str| node.agent_named(name)["running"] == true;
    wait_until("what was wanted runs", || running("wanted"));
    assert!(!running("manual") && !running("stopped"));
}

#[test]
fn a_torn_state_file_is_set_aside_and_said_and_the_others_are_kept() {
    let mut node = TestNode::start();
    node.create(&json!({ "name": "whole", "notes": "kept" }));
    node.create(&json!({ "name": "torn", "notes": "damaged" }));
    node.kill();
    let folder = node.state_dir().join("state");
    let torn = std::fs::read_dir(&folder)
        .expect("a folder")
        .filter_map(Result::ok)
        .find(|entry| std::fs::read(entry.path()).is_ok_and(|bytes| bytes.windows(7).any(|part| part == b"damaged")))
        .expect("its file")
        .path();
    let bytes = std::fs::read(&torn).expect("readable");
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).expect("writable");
    node.run(&[]);
    assert_eq!(node.agent_named("whole")["notes"], "kept");
    let aside = || {
        let names = std::fs::read_dir(&folder).expect("a folder").filter_map(Result::ok);
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).any(|name| name.contains("damaged"))
    };
    assert!(aside(), "never overwritten, never taken for empty");
}

#[test]
fn without_tmux_agents_run_on_terminals_of_the_node() {
    let mut node = TestNode::prepared();
    let empty = node.folder().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    node.run_with(&[], |command| {
        command.env("PATH", &empty);
    });
    let id = node.create(&json!({ "name": "lonely", "program": "/bin/cat" }));
    let agent = node.agent_named("lonely");
    assert_eq!(agent["backend"], "pty");
    let mut viewer = node.viewer();
    viewer.attach(1, &id, None, "never");
    viewer.type_bytes(1, b"hello\r");
    viewer.wait("the echo", |viewer| viewer.streams[&1].screen.lines().iter().any(|line| line == "hello"));
    let (status, answer) = node.http("POST", "/api/agents", Some(&json!({ "name": "x", "backend": "tmux" })));
    assert_eq!(status, 503);
    assert!(answer["error"]["message"].as_str().is_some_and(|message| message.contains("tmux")), "{answer}");
}

#[test]
fn a_second_node_on_the_same_port_or_folder_says_who_has_it() {
    let node = TestNode::start();
    let second = node.command().args(["--listen", "localhost:0"]).output().expect("it runs");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&node.pid().to_string()), "{said}");
    let other = TestNode::prepared();
    let third = other.command().args(["--listen", &format!("localhost:{}", node.port())]).output().expect("it runs");
    assert!(!third.status.success());
    let said = String::from_utf8_lossy(&third.stderr).into_owned();
    assert!(said.to_lowercase().contains("consort") && said.contains(&node.port().to_string()), "{said}");
}
