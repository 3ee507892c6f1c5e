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
fn a_window_whose_viewer_was_there_when_the_node_was_killed_gets_its_size_back() {
    let mut node = TestNode::prepared();
    let size = |node: &TestNode, window: &str| {
        let format = "#{window_width}x#{window_height} #{@consort_size}";
        node.tmux(&["display-message", "-p", "-t", window, format]).trim().to_string()
    };
    for (name, cols) in [("mine", "120"), ("changed", "100")] {
        node.tmux(&["new-session", "-d", "-s", name, "-x", cols, "-y", "32", "cat"]);
    }
    node.tmux(&["new-window", "-d", "-t", "mine:", "cat"]);
    node.run(&[]);
    let mut viewer = node.viewer();
    for (stream, name) in [(1, "mine"), (2, "changed")] {
        let agent = node.agent_named(name);
        viewer.attach(stream, agent["id"].as_str().expect("an id"), Some((47, 42)), "always");
        wait_until("the viewer's size", || size(&node, &format!("{name}:0")).starts_with("47x42 1"));
    }
    node.kill();
    drop(viewer);
    assert!(size(&node, "mine:0").starts_with("47x42 120x32"), "nobody puts it back while the node is away");
    node.tmux(&["resize-window", "-t", "changed:0", "-x", "90", "-y", "30"]);
    node.run(&[]);
    wait_until("the former size, and no mark", || size(&node, "mine:0") == "120x32");
    assert_eq!(size(&node, "mine:1"), "120x32", "the session's other window is as it was");
    assert!(size(&node, "changed:0").starts_with("90x30"), "somebody else has decided meanwhile");
}

#[test]
fn a_node_with_a_long_state_directory_leaves_no_folder_for_sockets_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("s".repeat(90));
    std::fs::create_dir(&state).expect("a folder");
    let place = consort::sockets::place(&state);
    let apart = place.apart.expect("a folder of its own");
    let mut node = std::process::Command::new(consort_tests::node::binary())
        .arg("--state-dir")
        .arg(&state)
        .args(["--listen", "localhost:0", "--tmux-socket", "consort-test-none"])
        .env("HOME", folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the node starts");
    wait_until("its socket", || std::os::unix::net::UnixStream::connect(&place.control).is_ok());
    let pid = i32::try_from(node.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    assert!(node.wait().expect("it ends").success());
    assert!(!apart.exists(), "{}", apart.display());
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
