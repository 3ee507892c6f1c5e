//! The product with the tmux configurations that people have, and with some that nobody should: whatever a user's tmux does
//! unasked (hooks that print, fail, rename or wait; options that end sessions; aliases), a session that exists is found, an
//! agent is made, typed into, renamed and deleted, and `doctor` says what is true.
//!
//! Each configuration is tried twice: with a server that the user runs already, and with one that the node starts.

use consort_tests::{TestNode, wait_until};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// A configuration with which everything works.
struct Case {
    name: &'static str,
    /// The whole `.tmux.conf`.
    text: &'static str,
    /// What `doctor` has to warn of.
    warning: Option<&'static str>,
}

const fn case(name: &'static str, text: &'static str) -> Case {
    Case { name, text, warning: None }
}

const fn warned(name: &'static str, text: &'static str, warning: &'static str) -> Case {
    Case { name, text, warning: Some(warning) }
}

const CASES: &[Case] = &[
    case("nothing", ""),
    // Hooks that print, at every moment that concerns us.
    case("prints when attached", r#"set-hook -g client-attached "list-sessions""#),
    case(
        "prints when created",
        "set-hook -g session-created 'list-sessions'\nset-hook -g after-new-session 'list-keys'\nset-hook -g window-linked 'list-windows -a'",
    ),
    case(
        "prints after commands",
        "set-hook -g after-list-panes 'list-panes -a'\nset-hook -g after-list-clients 'list-clients'\nset-hook -g after-capture-pane 'list-sessions'\n\
         set-hook -g after-set-option 'list-windows -a'\nset-hook -g after-send-keys 'list-sessions'\nset-hook -g after-display-message 'display-message -p x'",
    ),
    case(
        "prints at changes",
        "set-hook -g client-session-changed 'list-sessions'\nset-hook -g session-renamed 'list-sessions'\nset-hook -g session-closed 'list-sessions'\n\
         set-hook -g window-renamed 'list-windows -a'\nset-hook -g window-layout-changed 'list-panes -a'\nset-hook -g client-detached 'list-sessions'",
    ),
    case(
        "prints what looks like control mode",
        "set-hook -g client-attached \"display-message -p '%end 1 2 1'\"\nset-hook -g session-created \"display-message -p '%error 1 2 1'\"",
    ),
    case(
        "prints at alerts",
        "set -g monitor-activity on\nset -g monitor-bell on\nset-hook -g alert-activity 'list-sessions'\nset-hook -g alert-bell 'list-sessions'\n\
         set-hook -g pane-focus-in 'list-panes'\nset-hook -g pane-set-clipboard 'list-panes'",
    ),
    case(
        "shows a message",
        "set-hook -g client-attached 'display-message attached'\nset-hook -g session-created 'display-message created'",
    ),
    // Hooks that fail.
    case("fails when attached", "set-hook -g client-attached 'kill-pane -t %9999'"),
    case(
        "fails everywhere",
        "set-hook -g after-new-session 'kill-pane -t %9999'\nset-hook -g session-created 'select-window -t @9999'\n\
         set-hook -g after-set-option 'kill-pane -t %9999'\nset-hook -g after-list-panes 'kill-pane -t %9999'\nset-hook -g after-rename-session 'kill-pane -t %9999'",
    ),
    // Hooks that run programs.
    case(
        "runs a program",
        "set-hook -g client-attached 'run-shell true'\nset-hook -g session-created \"run-shell 'echo created'\"",
    ),
    case(
        "runs a slow program",
        "set-hook -g after-new-session \"run-shell 'sleep 0.3'\"\nset-hook -g client-attached \"run-shell -b 'sleep 0.2'\"",
    ),
    case(
        "runs a failing program",
        "set-hook -g client-attached \"run-shell 'echo no >&2; exit 3'\"\nset-hook -g after-list-panes \"if-shell false 'list-keys'\"",
    ),
    // Hooks that change what we work with.
    case("makes windows", "set-hook -g session-created 'new-window -d'"),
    case("splits windows", "set-hook -g after-new-session 'split-window -d -h'"),
    case(
        "renames windows",
        "set-hook -g session-created 'rename-window named'\nset-hook -g after-list-panes 'rename-window again'",
    ),
    case(
        "sets options",
        "set-hook -g session-created 'set-option status off'\nset-hook -g client-attached 'set-option -g @attached yes'",
    ),
    // Aliases for commands that we use.
    case(
        "aliases",
        "set -s command-alias[100] new-session='display-message aliased'\nset -s command-alias[101] list-panes='list-keys'\n\
         set -s command-alias[102] capture-pane='list-keys'\nset -s command-alias[103] display-message='list-sessions ; list-windows'\n\
         set -s command-alias[104] send-keys='kill-server'\nset -s command-alias[105] attach-session='kill-server'\n\
         set -s command-alias[106] set-option='kill-server'\nset -s command-alias[107] list-clients='kill-server'\n\
         set -s command-alias[108] rename-session='kill-server'\nset -s command-alias[109] kill-session='kill-server'\n\
         set -s command-alias[110] if-shell='kill-server'\nset -s command-alias[111] refresh-client='kill-server'\n\
         set -s command-alias[112] source-file='kill-server'\nset -s command-alias[113] show-options='kill-server'\n\
         set -s command-alias[114] set-buffer='kill-server'\nset -s command-alias[115] paste-buffer='kill-server'",
    ),
    // Options that end sessions or the server.
    case("destroy-unattached", "set -g destroy-unattached on"),
    warned("exit-unattached", "set -s exit-unattached on", "exit-unattached"),
    warned("both unattached", "set -g destroy-unattached on\nset -s exit-unattached on", "exit-unattached"),
    case("exit-empty off", "set -s exit-empty off"),
    case("detach-on-destroy off", "set -g detach-on-destroy off"),
    case("remain-on-exit", "set -g remain-on-exit on"),
    // Sizes.
    case("default-size", "set -g default-size 60x15\nset -g aggressive-resize on"),
    case("window-size smallest", "set -g window-size smallest\nset -g aggressive-resize on"),
    case("window-size largest", "set -g window-size largest\nset -g status 2\nset -g pane-border-status top"),
    case("status off", "set -g status off\nset -g default-size 200x50"),
    // Names and numbers.
    case("numbers", "set -g base-index 1\nset -g pane-base-index 1\nset -g renumber-windows on"),
    case(
        "names",
        "set -g automatic-rename on\nset -g automatic-rename-format '#{pane_current_path} #(echo x)'\nset -g allow-rename on\nset -g set-titles on\nset -g set-titles-string '#S:#I:#W'",
    ),
    // What runs in panes.
    case("default-command", "set -g default-command 'exec /bin/sh -i'"),
    case("default-terminal", "set -g default-terminal tmux-256color\nset -ga terminal-features ',xterm*:RGB'"),
    case(
        "update-environment",
        "set -g update-environment 'PATH HOME CONSORT_AGENT_ID'\nset-environment -g CONSORT_AGENT_NAME other",
    ),
    // Keys and the rest.
    case(
        "keys",
        "unbind -a\nset -g prefix C-a\nbind -n a list-keys\nset -g mouse on\nset -g mode-keys vi\nset -s escape-time 500\nset -s extended-keys on",
    ),
    case("limits", "set -g history-limit 0\nset -s message-limit 0\nset -s buffer-limit 1"),
    case(
        "focus and locks",
        "set -s focus-events on\nset -g lock-after-time 1\nset -g lock-command 'sleep 1'\nset -g visual-activity both",
    ),
    case(
        "synchronize-panes",
        "setw -g synchronize-panes on\nset -g alternate-screen off\nset -g remain-on-exit-format gone",
    ),
    // The configuration itself.
    case(
        "with errors",
        "set -g no-such-option on\nnonsense\nset -g status-left \"#{unclosed\nsource-file /nowhere/at/all.conf",
    ),
    case("with a session", "new-session -d -s from-config -x 80 -y 24"),
    case("slow", "run-shell 'sleep 1.5'\nif-shell 'sleep 0.3' 'set -g status off'"),
    case(
        "our marks for all",
        "set -g @consort_id 0123456789abcdef\nset -g @consort_exit 3\nset -gw @consort_program lies\nset -g @consort_other x",
    ),
];

/// A server of the user's with a session that somebody has open, and that ends with this value.
struct Owned(Child);

impl Owned {
    fn start(node: &TestNode) -> Self {
        let mut command = Command::new("tmux");
        command.args(["-L", node.tmux_socket(), "-C", "new-sessio", "-s", "mine", "-x", "100", "-y", "30", "cat"]);
        command.env_remove("TMUX").env("HOME", node.folder()).env("SHELL", "/bin/sh").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        let child = command.spawn().expect("tmux runs");
        wait_until("the user's session", || {
            let output = node.tmux_output(&["list-sessions", "-F", "#{session_name}"]);
            String::from_utf8_lossy(&output.stdout).contains("mine")
        });
        Owned(child)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn doctor(node: &TestNode) -> (i32, Vec<Value>) {
    let (exit, out, error) = node.cli(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
    (exit, report["checks"].as_array().expect("checks").clone())
}

/// The checks of tmux that are not well.
fn complaints(checks: &[Value]) -> Vec<String> {
    let of_tmux = checks.iter().filter(|check| {
        ["tmux", "sessions", "socket", "options", "hooks"].contains(&check["name"].as_str().unwrap_or(""))
    });
    of_tmux.filter(|check| check["outcome"] != "good").map(ToString::to_string).collect()
}

fn session_of(node: &TestNode, name: &str) -> bool {
    let output = node.tmux_output(&["list-session", "-F", "#{session_name}"]);
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line == name)
}

/// Finds, makes, types, renames, deletes.
fn try_everything(case: &Case, users: bool) {
    let mut node = TestNode::prepared();
    std::fs::write(node.folder().join(".tmux.conf"), case.text).expect("a configuration");
    let owned = users.then(|| Owned::start(&node));
    node.run(&[]);
    if users {
        let mine = node.agent_named("mine");
        assert_eq!(mine["managed"], false, "{mine}");
    }
    let script = "while read -r line; do echo \"got:$line\"; done";
    let id = node.create(&json!({
        "name": "work-one", "directory": "/", "program": "/bin/sh", "args": ["-c", script], "backend": "tmux", "cols": 90, "rows": 20,
    }));
    let agent = node.agent_named("work-one");
    assert_eq!(
        (&agent["id"], &agent["managed"], &agent["running"]),
        (&json!(id), &json!(true), &json!(true)),
        "{agent}"
    );
    // Any client that comes and goes makes tmux end what it thinks is unattended.
    assert!(session_of(&node, "work-one"));

    // Live: keys there, output back.
    let mut viewer = node.viewer();
    viewer.attach(1, &id, None, "never");
    viewer.type_bytes(1, b"keys\r");
    viewer.wait("the echo of what was typed", |viewer| {
        viewer.streams[&1].screen.lines().iter().any(|line| line == "got:keys")
    });
    // By the API: a paste, Enter, the text of the screen.
    let (status, body) =
        node.http("POST", &format!("/api/agents/{id}/input"), Some(&json!({"text": "text", "submit": true})));
    assert_eq!(status, 200, "{body}");
    wait_until("the answer to what was sent", || {
        let screen = node.get(&format!("/api/agents/{id}/screen"));
        screen["text"].as_str().is_some_and(|text| text.lines().any(|line| line == "got:text"))
    });

    let (status, body) = node.http("PATCH", &format!("/api/agents/{id}"), Some(&json!({"name": "work-two"})));
    assert_eq!(status, 200, "{body}");
    assert_eq!(node.agent_named("work-two")["id"], json!(id));
    assert!(session_of(&node, "work-two"));

    let (exit, checks) = doctor(&node);
    let complaints = complaints(&checks);
    match case.warning {
        Some(warning) => assert!(complaints.len() == 1 && complaints[0].contains(warning), "{complaints:#?}"),
        None => assert!(complaints.is_empty(), "{complaints:#?}"),
    }
    assert_eq!(exit, 0, "{checks:#?}");

    let (status, body) = node.http("DELETE", &format!("/api/agents/{id}"), None);
    assert_eq!(status, 200, "{body}");
    assert!(!session_of(&node, "work-two"));
    let names: Vec<Value> = node.agents().iter().map(|agent| agent["name"].clone()).collect();
    assert!(!names.contains(&json!("work-one")) && !names.contains(&json!("work-two")), "nothing is left: {names:?}");
    if users {
        assert!(names.contains(&json!("mine")), "{names:?}");
    }
    drop(node);
    drop(owned);
}

/// Runs all of them, some at the same time, and says which failed.
fn run_all(users: bool) {
    let queue: Mutex<VecDeque<&Case>> = Mutex::new(CASES.iter().collect());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().expect("a queue").pop_front() else { return };
                    if std::panic::catch_unwind(|| try_everything(case, users)).is_err() {
                        failed.lock().expect("a list").push(case.name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("a list");
    assert!(failed.is_empty(), "{} of {} configurations: {failed:?}", failed.len(), CASES.len());
}

#[test]
fn a_session_that_would_crash_tmux_is_refused() {
    let node = TestNode::start();
    node.tmux(&["new-session", "-d", "-s", "mine", "cat"]);
    node.agent_named("mine");
    node.tmux(&["set-option", "-gw", "window-size", "manual"]);
    let (status, body) = node.http("POST", "/api/agents", Some(&json!({"name": "new", "directory": "/"})));
    assert_eq!((status, &body["error"]["code"]), (422, &json!("tmux-would-crash")), "{body}");
    assert!(session_of(&node, "mine"), "nothing of the user's has ended");
}

#[test]
fn a_hook_that_renames_sessions_leaves_the_agent_its_own_name_for_it() {
    let mut node = TestNode::prepared();
    std::fs::write(
        node.folder().join(".tmux.conf"),
        "set-hook -g after-new-session 'rename-session \"x-#{session_name}\"'",
    )
    .expect("a configuration");
    node.run(&[]);
    for name in ["first", "second"] {
        let id = node.create(&json!({"name": name, "directory": "/", "backend": "tmux"}));
        assert_eq!(node.agent_named(&format!("x-{name}"))["id"], json!(id), "followed, not lost");
    }
    assert_eq!(node.agents().len(), 2, "no orphan");
}

#[test]
fn the_socket_is_where_tmux_puts_it_when_its_folder_is_missing() {
    let mut node = TestNode::prepared();
    let nowhere = node.folder().join("missing");
    let socket = node.tmux_socket().to_owned();
    let tmux = |folder: &std::path::Path, args: &[&str]| {
        let mut command = Command::new("tmux");
        command.args(["-L", &socket]).args(args).env("TMUX_TMPDIR", folder).env_remove("TMUX");
        String::from_utf8(command.output().expect("tmux runs").stdout).expect("UTF-8").trim().to_owned()
    };
    tmux(&nowhere, &["-f", "/dev/null", "new-session", "-d", "-s", "mine", "cat"]);
    node.run_with(&[], |command| {
        command.env("TMUX_TMPDIR", &nowhere);
    });
    node.agent_named("mine");
    assert_eq!(node.get("/api/place")["tmux"]["socket"], tmux(&nowhere, &["display-message", "-p", "#{socket_path}"]));
    node.create(&json!({"name": "work-one", "directory": "/", "backend": "tmux"}));
    assert!(tmux(&nowhere, &["list-sessions"]).contains("work-one"));
    let checks = |folder: &std::path::Path| {
        let output = node.client().args(["doctor", "--json"]).env("TMUX_TMPDIR", folder).output().expect("it runs");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        complaints(report["checks"].as_array().expect("checks"))
    };
    assert_eq!(checks(&nowhere), Vec::<String>::new());
    let other = checks(node.folder());
    assert!(other.len() == 1 && other[0].contains("TMUX_TMPDIR differs"), "{other:?}");
}

#[test]
fn a_new_agent_that_tmux_will_end_with_the_node_is_announced_with_that() {
    let mut node = TestNode::prepared();
    std::fs::write(node.folder().join(".tmux.conf"), "set -s exit-unattached on").expect("a configuration");
    let _owned = Owned::start(&node);
    node.run(&[]);
    node.agent_named("mine");
    let (code, id, warning) = node.cli(&["new", "work", "--backend", "tmux", "--", "cat"]);
    assert_eq!((code, id.trim()), (0, node.agent_named("work")["id"].as_str().expect("an id")), "{warning}");
    assert!(warning.contains("exit-unattached is on") && warning.contains("consort doctor"), "{warning}");
    let (code, _, warning) = node.cli(&["new", "other", "--backend", "pty", "--", "cat"]);
    assert_eq!((code, warning.as_str()), (0, ""), "not of tmux");
}

#[test]
fn a_pane_is_named_as_tmux_numbers_it() {
    let mut node = TestNode::prepared();
    let options = "set -g base-index 1\nset -g pane-base-index 1\n";
    std::fs::write(node.folder().join(".tmux.conf"), options).expect("a configuration");
    node.tmux(&[
        "-f",
        &node.folder().join(".tmux.conf").display().to_string(),
        "new-session",
        "-d",
        "-s",
        "mine",
        "cat",
    ]);
    node.tmux(&["split-window", "-d", "-t", "mine:1.1", "cat"]);
    node.run(&[]);
    wait_until("both panes", || node.agent_named("mine")["terminals"].as_array().is_some_and(|all| all.len() == 2));
    assert_eq!(node.cli(&["send", "mine", "--pane", "1.2", "to the second"]).0, 0);
    let shows = |pane: &str, text: &str| node.cli(&["screen", "mine", "--pane", pane]).1.contains(text);
    wait_until("what was sent", || shows("1.2", "to the second"));
    assert!(!shows("1.1", "to the second"));
    assert!(node.tmux(&["capture-pane", "-p", "-t", "mine:1.2"]).contains("to the second"));
    let (code, _, error) = node.cli(&["screen", "mine", "--pane", "1.0"]);
    assert!(code == 1 && error.contains("1.1") && error.contains("1.2"), "{error}");
}

#[test]
fn a_session_that_was_left_half_made_is_adopted() {
    let mut node = TestNode::prepared();
    let id = "1h737rc6tc05a";
    let variable = format!("CONSORT_AGENT_ID={id}");
    node.tmux(&["new-session", "-d", "-s", "half", "-e", &variable, "cat"]);
    node.run(&[]);
    assert_eq!(node.agent_named("half")["id"], json!(id));
    wait_until("its mark", || node.tmux(&["show-options", "-v", "-t", "=half:", "@consort_id"]).trim() == id);
    assert_eq!(node.tmux(&["show-options", "-v", "-t", "=half:", "destroy-unattached"]).trim(), "off");
}

#[test]
fn a_hook_that_ends_new_sessions_is_reported_and_leaves_nothing() {
    for hook in ["session-created", "client-attached"] {
        let mut node = TestNode::prepared();
        std::fs::write(node.folder().join(".tmux.conf"), format!("set-hook -g {hook} kill-session"))
            .expect("a configuration");
        node.run(&[]);
        let body = json!({"name": "short", "directory": "/", "backend": "tmux"});
        let (status, body) = node.http("POST", "/api/agents", Some(&body));
        let hint = body["error"]["hint"].as_str().unwrap_or_default();
        assert!(status == 422 && hint.contains("hook"), "{hook}: {status} {body}");
        assert_eq!(node.agents(), Vec::<Value>::new());
    }
}

#[test]
fn a_hook_that_detaches_everybody_is_named_and_tmux_is_back_without_it() {
    let mut node = TestNode::prepared();
    node.tmux(&["new-session", "-d", "-s", "mine", "cat"]);
    node.tmux(&["set-hook", "-g", "client-attached", "detach-client"]);
    node.run(&[]);
    let tmux = |node: &TestNode| node.get("/api/nodes")["nodes"][0]["backends"]["tmux"].clone();
    wait_until("the reason", || {
        let tmux = tmux(&node);
        tmux["available"] == false && tmux["detail"].as_str().is_some_and(|text| text.contains("detach-client"))
    });
    let (exit, checks) = doctor(&node);
    let complaints = complaints(&checks).join("\n");
    assert!(
        exit == 1 && complaints.contains("is not connected") && complaints.contains("detach-client"),
        "{complaints}"
    );
    let (_, _, error) = node.cli(&["ls"]);
    assert!(error.contains("detach-client"), "{error}");
    node.tmux(&["set-hook", "-gu", "client-attached"]);
    wait_until("tmux is back", || tmux(&node)["available"] == true);
    node.agent_named("mine");
    // And while agents are there.
    node.tmux(&["set-hook", "-g", "client-attached", "detach-client"]);
    node.tmux(&["detach-client", "-s", "=mine:"]);
    wait_until("the reason again", || tmux(&node)["available"] == false);
}

#[test]
#[ignore = "needs a tmux older than 3.2 in PATH: tests/tmux-version.sh"]
fn an_old_tmux_is_refused() {
    let node = TestNode::start();
    wait_until("the reason", || {
        let tmux = node.get("/api/nodes")["nodes"][0]["backends"]["tmux"].clone();
        tmux["available"] == false && tmux["detail"].as_str().is_some_and(|text| text.contains("is too old"))
    });
    let (exit, checks) = doctor(&node);
    assert!(exit == 1 && complaints(&checks)[0].contains("too old"), "{checks:#?}");
}

#[test]
fn every_configuration_works_with_a_server_of_the_users() {
    run_all(true);
}

#[test]
fn every_configuration_works_with_a_server_that_the_node_starts() {
    run_all(false);
}
