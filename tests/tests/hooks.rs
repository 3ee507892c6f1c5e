//! Hooks: what `consort hook` does whatever happens, to which terminal a report goes, and the real programs whose hooks report.

use consort_tests::agents::{Program, Verdict, Version, table};
use consort_tests::{TestNode, wait_for, wait_until};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs a hook as a program does, with this payload and these variables.
fn hook(node: &TestNode, program: &str, variables: &[(&str, &str)], payload: &[u8]) -> Output {
    let mut command = consort();
    command.args(["hook", program, "--state-dir"]).arg(node.state_dir());
    run(command, variables, payload)
}

fn consort() -> Command {
    let mut command = Command::new(consort_tests::node::binary());
    command.env_remove("TMUX").env_remove("TMUX_PANE").env_remove("CONSORT_AGENT_ID");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(mut command: Command, variables: &[(&str, &str)], payload: &[u8]) -> Output {
    command.envs(variables.iter().copied());
    let mut child = command.spawn().expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(payload).expect("all of it is read");
    drop(input);
    child.wait_with_output().expect("it ends")
}

fn is_silent(output: &Output) -> bool {
    output.status.success() && output.stdout.is_empty() && output.stderr.is_empty()
}

fn state(node: &TestNode, agent: &str) -> Value {
    node.get(&format!("/api/agents/{agent}"))["agent"]["state"].clone()
}

#[test]
fn a_report_goes_to_the_pane_or_the_agent_that_it_names() {
    let node = TestNode::start();
    let script = |name: &str, backend: &str| {
        node.create(&json!({
            "name": name, "directory": "/", "program": "/bin/sh", "args": ["-c", "sleep 600"], "backend": backend,
        }))
    };
    let (one, other, own) = (script("one", "tmux"), script("other", "tmux"), script("own", "pty"));
    let pane = |name: &str| node.tmux(&["display-message", "-p", "-t", &format!("={name}:"), "#{pane_id}"]);
    let socket = node.tmux(&["display-message", "-p", "#{socket_path}"]);
    let tmux = format!("{},1,0", socket.trim());
    let asks = json!({
        "session_id": "5f-1", "transcript_path": "/x/5f-1.jsonl", "cwd": "/", "hook_event_name": "PermissionRequest",
        "tool_name": "Bash", "tool_input": { "command": "touch x" },
    });
    let asks = asks.to_string();
    let waits = |agent: &str| {
        let state = state(&node, agent);
        state["kind"] == "waiting" && state["source"] == "hook" && state["why"] == "may it use Bash: touch x?"
    };
    // All work in the same folder: that decides nothing.
    let began = Instant::now();
    assert!(is_silent(&hook(&node, "claude", &[("CONSORT_AGENT_ID", &own)], asks.as_bytes())));
    wait_until("the agent waits", || waits(&own));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(!waits(&one) && !waits(&other));
    let session = &node.get(&format!("/api/agents/{own}"))["agent"]["session"];
    assert_eq!(*session, json!({ "program": "claude", "id": "5f-1", "transcript": "/x/5f-1.jsonl" }));

    // A pane is surer than a variable, which another one may have inherited.
    let pane = pane("other");
    let variables = [("CONSORT_AGENT_ID", one.as_str()), ("TMUX", tmux.as_str()), ("TMUX_PANE", pane.trim())];
    assert!(is_silent(&hook(&node, "claude", &variables, asks.as_bytes())));
    wait_until("the agent of the pane waits", || waits(&other));
    assert!(!waits(&one));

    // The pane of another server is not ours.
    let variables = [("TMUX", "/nowhere,1,0"), ("TMUX_PANE", pane.trim())];
    let stop = json!({ "hook_event_name": "Stop" }).to_string();
    assert!(is_silent(&hook(&node, "claude", &variables, stop.as_bytes())));
    assert!(is_silent(&hook(&node, "claude", &[], stop.as_bytes())));
    assert!(waits(&other));

    let (code, explained, _) = node.cli(&["explain", "other"]);
    assert!(code == 0 && explained.contains("> hook") && explained.contains("touch x"), "{explained}");
}

#[test]
fn a_hook_never_fails_and_never_waits_for_long() {
    let node = TestNode::start();
    let long = format!("{{\"hook_event_name\":\"PostToolUse\",\"tool_response\":\"{}\"}}", "x".repeat(5 << 20));
    for payload in ["", "{", "[]", "\u{0}\u{1b}", "{\"hook_event_name\":7}", long.as_str()] {
        assert!(is_silent(&hook(&node, "claude", &[], payload.as_bytes())));
        assert!(is_silent(&hook(&node, "of-the-future", &[], payload.as_bytes())));
    }
    assert_eq!(hook(&node, "gemini", &[], b"{}").stdout, b"{}\n", "it takes what is printed for JSON");

    // No node; a node that is stopped; a node that does not know hooks; something that is no node.
    let folder = tempfile::tempdir().expect("a folder");
    let stop = br#"{"hook_event_name":"Stop","session_id":"1"}"#;
    let elsewhere = |folder: &std::path::Path| {
        let mut command = consort();
        command.args(["hook", "claude", "--state-dir"]).arg(folder);
        let began = Instant::now();
        assert!(is_silent(&run(command, &[], stop)));
        began.elapsed()
    };
    let patience = Duration::from_millis(2_500);
    assert!(elsewhere(&folder.path().join("none")) < patience);
    let listener = UnixListener::bind(folder.path().join("control.sock")).expect("a socket");
    assert!(elsewhere(folder.path()) < patience, "nobody takes the connection");
    let old = std::thread::spawn(move || {
        // The second connection: the first one was not taken.
        for answer in ["", "HTTP/1.1 404 Not Found\r\n\r\n"] {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    assert!(elsewhere(folder.path()) < patience);
    old.join().expect("it was asked twice");
    node.signal(rustix::process::Signal::STOP);
    let stopped = {
        let began = Instant::now();
        assert!(is_silent(&hook(&node, "claude", &[], stop)));
        began.elapsed()
    };
    node.signal(rustix::process::Signal::CONT);
    assert!(stopped < patience, "{stopped:?}");

    // A program that does not close the pipe.
    let mut command = consort();
    command.args(["hook", "claude", "--state-dir"]).arg(node.state_dir());
    let mut child = command.spawn().expect("it starts");
    let began = Instant::now();
    assert!(child.wait().expect("it ends").success());
    assert!(began.elapsed() < patience);
}

#[test]
fn agents_get_hooks_at_their_start_which_are_no_part_of_their_command_line() {
    let node = TestNode::start();
    let folder = tempfile::tempdir().expect("a folder");
    let claude = folder.path().join("claude");
    std::fs::write(&claude, "#!/bin/sh\necho \"<$*>\"\nsleep 600\n").expect("a script");
    let made = Command::new("chmod").arg("+x").arg(&claude).status();
    assert!(made.is_ok_and(|status| status.success()));
    for backend in ["tmux", "pty"] {
        let wish =
            json!({ "name": backend, "directory": "/", "program": claude, "args": ["--continue"], "backend": backend });
        let agent = node.create(&wish);
        let shown =
            || node.get(&format!("/api/agents/{agent}/screen"))["text"].as_str().unwrap_or_default().replace('\n', "");
        let shown = wait_for("its arguments", || Some(shown()).filter(|text| text.contains("--continue>")));
        let file = node.state_dir().join("hooks/claude/settings.json");
        assert!(shown.contains(&format!("<--settings {} --continue>", file.display())), "{shown}");
        let known = node.get(&format!("/api/agents/{agent}"))["agent"].clone();
        assert_eq!(known["args"], json!(["--continue"]), "its own command line");
        let explained = wait_for("an explanation", || {
            Some(node.cli(&["explain", backend]).1).filter(|text| text.contains("it was started with --settings"))
        });
        assert!(explained.contains("no hook has reported"), "{explained}");
    }
    let (code, _, said) = node.cli(&["new", "bare", "--no-hooks", "--dir", "/", "--", claude.to_str().expect("UTF-8")]);
    assert_eq!(code, 0, "{said}");
    let bare = node.agent_named("bare")["id"].as_str().expect("an id").to_string();
    wait_until("its arguments", || {
        node.get(&format!("/api/agents/{bare}/screen"))["text"].as_str().is_some_and(|text| text.contains("<>"))
    });
}

#[test]
fn hooks_in_the_user_s_settings_come_beside_others_and_go_without_a_trace() {
    let home = tempfile::tempdir().expect("a folder");
    let settings = home.path().join(".claude/settings.json");
    std::fs::create_dir_all(home.path().join(".claude")).expect("a folder");
    let before = "{\n    \"model\": \"opus\",\n    \"hooks\": {\n        \"Stop\": [{ \"hooks\": [{ \"type\": \"command\", \"command\": \"mine\" }] }]\n    }\n}\n";
    std::fs::write(&settings, before).expect("a file");
    std::fs::set_permissions(&settings, Permissions::from_mode(0o600)).expect("a file of one's own");
    let cli = |args: &[&str]| {
        let mut command = consort();
        for name in ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "CONSORT_STATE_DIR"] {
            command.env_remove(name);
        }
        let output = command.env("HOME", home.path()).stdin(Stdio::null()).args(args).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    };
    let now = || std::fs::read_to_string(&settings).expect("a file");
    assert!(cli(&["hooks", "status", "claude"]).1.contains("claude: not installed"));
    let (code, shown, said) = cli(&["hooks", "install"]);
    assert_eq!(code, 2, "nobody to ask: {said}");
    assert!(
        shown.contains("hook claude") && shown.contains(".claude/settings.json") && !shown.contains("Codex"),
        "{shown}"
    );
    assert_eq!(now(), before);

    let (code, _, said) = cli(&["hooks", "install", "--yes"]);
    assert_eq!(code, 0, "{said}");
    let value: Value = serde_json::from_str(&now()).expect("JSON");
    assert_eq!(value["hooks"]["Stop"][0]["hooks"][0]["command"], "mine");
    let command =
        value["hooks"]["PermissionRequest"][0]["hooks"][0]["command"].as_str().expect("a command").to_string();
    assert!(command.ends_with("consort hook claude"), "{command}");
    assert!(cli(&["hooks", "status", "claude"]).1.contains("claude: installed"));
    let installed = now();
    for file in std::fs::read_dir(home.path().join(".claude")).expect("a folder") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("a mode").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}: settings may have keys in them", file.file_name());
    }
    assert!(cli(&["hooks", "install", "claude", "--yes"]).1.contains("There is nothing to change"));
    assert_eq!(now(), installed);
    assert_eq!(cli(&["hooks", "remove", "claude", "--yes"]).0, 0);
    assert_eq!(now(), before, "byte for byte");
    assert_eq!(std::fs::read_dir(home.path().join(".claude")).expect("a folder").count(), 1, "no back-up is left");

    // Changed by its user in between: only what is ours goes.
    assert_eq!(cli(&["hooks", "install", "claude", "--yes"]).0, 0);
    std::fs::write(&settings, now().replace("opus", "sonnet")).expect("a file");
    assert_eq!(cli(&["hooks", "remove", "claude", "--yes"]).0, 0);
    assert_eq!(now(), before.replace("opus", "sonnet"));

    std::fs::write(&settings, "{ // mine\n}").expect("a file");
    let (code, _, said) = cli(&["hooks", "install", "claude", "--yes"]);
    assert!(code == 1 && said.contains("is left as it is: it is not JSON"), "{said}");
    assert_eq!(now(), "{ // mine\n}");

    // A plugin is a file of its own; one of the same name that is somebody else's stays.
    let plugin = home.path().join(".config/opencode/plugin/consort.js");
    assert_eq!(cli(&["hooks", "install", "opencode", "--yes"]).0, 0);
    assert!(std::fs::read_to_string(&plugin).expect("a file").contains("consort hook opencode"));
    assert_eq!(cli(&["hooks", "remove", "opencode", "--yes"]).0, 0);
    assert!(!plugin.exists());
    std::fs::write(&plugin, "mine").expect("a file");
    assert_eq!(cli(&["hooks", "install", "opencode", "--yes"]).0, 1);
    assert_eq!(cli(&["hooks", "install", "no-such", "--yes"]).0, 2);
}

/// A program that reports to the terminal is shown by that, in a PTY always and in tmux while somebody looks.
#[test]
fn a_report_to_the_terminal_counts_at_once() {
    let node = TestNode::start();
    let script = "read line; printf '\\033]7501;state=blo'; sleep 0.3; printf 'cked:kind=permission:app=test\\033\\\\'; read line; \
                  printf '\\033]7501;state=working:app=test\\007'; sleep 600";
    for backend in ["pty", "tmux"] {
        let wish = json!({ "name": backend, "directory": "/", "program": "/bin/sh", "args": ["-c", script], "backend": backend });
        let agent = node.create(&wish);
        let mut viewer = node.viewer();
        viewer.attach(1, &agent, None, "never");
        let is = |kind: &str| {
            let state = state(&node, &agent);
            state["kind"] == kind && state["source"] == "status"
        };
        viewer.type_bytes(1, b"\r");
        wait_until("it waits", || is("waiting"));
        viewer.type_bytes(1, b"\r");
        viewer.wait("the key is written", |viewer| viewer.streams[&1].all_acked());
        wait_until("it works", || is("working"));
    }
}

/// The real programs with hooks: what they say is true, and it is the hooks that say it first.
#[test]
fn programs_whose_hooks_report_are_shown_as_they_are() {
    let programs = [Program::Claude, Program::Gemini];
    let rows = table::play_with_hooks(&programs, Version::Pinned);
    println!("{}", table::print(&rows));
    let problem = |verdict: &Verdict| match verdict {
        Verdict::Wrong { states, .. } => Some(format!("shown as {}", states.join(", "))),
        Verdict::NotBrought(reason) => Some(format!("could not be brought about: {reason}")),
        Verdict::Right { .. } | Verdict::Skipped(_) => None,
    };
    let problems: Vec<String> =
        rows.iter().filter_map(|row| Some(format!("{}: {}", row.name(), problem(&row.verdict)?))).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    for row in &rows {
        let Verdict::Right { source, .. } = &row.verdict else { continue };
        let told = ["permission", "finished", "working", "delegated"].contains(&row.situation.name());
        if told && row.program == Program::Claude {
            assert_eq!(source, "hook", "{}", row.name());
        }
    }
}
