//! What agents are started with: the environment of the user's login shell, on both backends, again after every restart.

use consort_tests::{TestNode, wait_for, wait_until};
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const BACKENDS: [&str; 2] = ["tmux", "pty"];

/// A node of a user with bash, with a program that only the user's own `PATH` leads to. It writes down what it got.
fn prepared(profile: &str) -> TestNode {
    let node = TestNode::prepared();
    let bin = node.folder().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    // Written elsewhere first: what is there is complete.
    let script = "#!/bin/sh\nfile=\"$HOME/$CONSORT_AGENT_NAME\"\nenv > \"$file.new\"; pwd >> \"$file.new\"\n\
        mv \"$file.new\" \"$file\"; exec sleep 1000000\n";
    program(&bin.join("fake-agent"), script);
    std::fs::write(node.folder().join(".bash_profile"), profile).expect("a profile");
    node
}

fn program(path: &Path, script: &str) {
    std::fs::write(path, script).expect("a program");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("it may run");
}

fn run(node: &mut TestNode) {
    node.run_with(&[], |command| {
        command.env("SHELL", "/bin/bash").env("CLAUDECODE", "1").env("NODE_SECRET", "of the node");
    });
}

/// What the agent of this name got; forgotten afterwards.
fn got(node: &TestNode, name: &str) -> BTreeMap<String, String> {
    let file = node.folder().join(name);
    let text = wait_for(name, || std::fs::read_to_string(&file).ok());
    std::fs::remove_file(&file).expect("it is there");
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_string(), value.to_string()));
    text.lines().filter_map(pair).collect()
}

fn order(node: &TestNode, id: &str, verb: &str) {
    let (status, body) = node.http("POST", &format!("/api/agents/{id}/{verb}"), None);
    assert_eq!(status, 200, "{verb}: {body}");
}

#[test]
fn what_the_login_shell_exports_reaches_agents_of_both_backends_and_survives_restarts() {
    let profile = "export API_KEY=first PATH=\"$HOME/bin:$PATH\" KITTY_WINDOW_ID=3\necho welcome\n";
    let mut node = prepared(profile);
    // As if the user had started tmux from within an agent.
    let made = node.tmux_output(&["new-session", "-d", "-s", "mine", "sleep 1000000"]);
    assert!(made.status.success());
    node.tmux(&["set-environment", "-g", "CLAUDECODE", "1"]);
    run(&mut node);
    let check = |node: &TestNode, backend: &str, key: &str| {
        let got = got(node, &format!("on-{backend}"));
        assert_eq!(got.get("API_KEY").map(String::as_str), Some(key), "{backend}: {got:?}");
        assert_eq!((&*got["COLORTERM"], &*got["GIVEN"]), ("truecolor", "to it"), "{backend}");
        assert_eq!(got.contains_key("TMUX_PANE"), backend == "tmux", "{backend}");
        let terminal = if backend == "tmux" { ["screen", "tmux"] } else { ["xterm", "xterm"] };
        assert!(terminal.iter().any(|name| got["TERM"].starts_with(name)), "{backend}: {}", got["TERM"]);
        for name in
            ["CLAUDECODE", "NODE_SECRET", "KITTY_WINDOW_ID", "CONSORT_STATE_DIR", "CONSORT_RESOLVING_ENVIRONMENT"]
        {
            assert_eq!(got.get(name), None, "{backend}: {name}");
        }
    };
    let ids = BACKENDS.map(|backend| {
        let id = node.create(&json!({ "name": format!("on-{backend}"), "backend": backend, "program": "fake-agent",
            "directory": "~", "env": { "GIVEN": "to it" } }));
        check(&node, backend, "first");
        order(&node, &id, "stop");
        order(&node, &id, "start");
        check(&node, backend, "first");
        id
    });
    assert_eq!(std::fs::read_dir(node.state_dir().join("launch")).expect("a folder").count(), 0, "nothing waits");
    std::fs::write(node.folder().join(".bash_profile"), profile.replace("first", "second")).expect("a profile");
    node.kill();
    run(&mut node);
    for (backend, id) in BACKENDS.into_iter().zip(ids) {
        // Those on terminals of the node have ended with it, and were started again.
        if backend == "tmux" {
            wait_until("it is seen again", || node.agent_named("on-tmux")["running"] == true);
            order(&node, &id, "restart");
        }
        check(&node, backend, "second");
    }
}

#[test]
fn a_shell_is_an_agent_too_and_other_windows_know_whose_they_are() {
    let mut node = prepared("export API_KEY=k\n");
    run(&mut node);
    for backend in BACKENDS {
        let name = format!("shell-{backend}");
        node.create(&json!({ "name": name, "backend": backend, "directory": "~", "env": { "GIVEN": "to it" } }));
        let typed = format!("shopt -q login_shell && env > ~/{name}.new && mv ~/{name}.new ~/{name}");
        let (code, _, error) = node.cli(&["send", &name, &typed]);
        assert_eq!(code, 0, "{error}");
        let got = got(&node, &name);
        assert_eq!((&*got["API_KEY"], &*got["GIVEN"], &*got["CONSORT_AGENT_NAME"]), ("k", "to it", &*name));
    }
    node.tmux(&["new-window", "-t", "shell-tmux", "env > ~/window.new; mv ~/window.new ~/window"]);
    let got = got(&node, "window");
    assert_eq!((&*got["GIVEN"], &*got["CONSORT_AGENT_NAME"]), ("to it", "shell-tmux"));
}

#[test]
fn a_pane_that_its_user_starts_again_runs_the_program_again() {
    let mut node = prepared("export API_KEY=k\n");
    run(&mut node);
    let program = node.folder().join("bin/fake-agent");
    node.create(&json!({ "name": "again", "backend": "tmux", "program": program, "directory": "~" }));
    assert_eq!(got(&node, "again")["API_KEY"], "k");
    node.tmux(&["respawn-pane", "-k", "-t", "again"]);
    assert_eq!(got(&node, "again")["CONSORT_AGENT_NAME"], "again");
}

#[test]
fn an_environment_of_megabytes_is_no_obstacle_and_shows_in_no_list_of_processes() {
    // One variable may have 128 KiB on Linux.
    let mut node =
        prepared("for i in 1 2 3 4 5 6 7; do export BIG_$i=$(head -c 120000 /dev/zero | tr '\\0' x)hunter2; done\n");
    run(&mut node);
    let many: serde_json::Map<_, _> = (0..200).map(|at| (format!("MANY_{at}"), json!("hunter3".repeat(100)))).collect();
    let program = node.folder().join("bin/fake-agent");
    for backend in BACKENDS {
        let name = format!("big-{backend}");
        node.create(&json!({ "name": name, "backend": backend, "program": program, "directory": "~", "env": many }));
        let got = got(&node, &name);
        assert_eq!((got["BIG_7"].len(), got["MANY_199"].len()), (120_007, 700));
    }
    wait_until("the programs run alone", || {
        std::fs::read_dir(node.state_dir().join("launch")).is_ok_and(|f| f.count() == 0)
    });
    let processes = std::fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
    for line in processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok()) {
        let line = String::from_utf8_lossy(&line);
        assert!(!line.contains("hunter"), "{line}");
    }
}

#[test]
fn a_program_that_is_nowhere_is_refused_with_where_it_was_looked_for() {
    let mut node = prepared("export PATH=\"$HOME/bin:$PATH\"\n");
    run(&mut node);
    let bin = node.folder().join("bin");
    for backend in BACKENDS {
        let wish = json!({ "name": "lost", "backend": backend, "program": "no-such-agent", "directory": "~" });
        let (status, body) = node.http("POST", "/api/agents", Some(&wish));
        assert_eq!((status, body["error"]["code"].as_str()), (422, Some("program-not-found")), "{backend}: {body}");
        let hint = body["error"]["hint"].as_str().unwrap_or_default();
        assert!(hint.contains(bin.to_str().expect("UTF-8")), "{backend}: {hint}");
    }
}
