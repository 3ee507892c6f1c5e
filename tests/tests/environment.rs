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
            let restart = format!("/api/agents/{id}/restart");
            wait_until("all that tmux has is known again", || node.http("POST", &restart, None).0 == 200);
        }
        check(&node, backend, "second");
    }
}

#[test]
fn a_slow_login_shell_does_not_delay_the_node_and_the_first_agent_waits_for_it() {
    let profile = "while [ ! -e ~/go ]; do sleep 0.05; done; export API_KEY=late\n";
    let mut node = prepared(profile);
    run(&mut node);
    assert!(node.get("/api/environment")["shell"].is_null(), "it listens, and the shell has not answered");
    let program = node.folder().join("bin/fake-agent");
    std::thread::scope(|scope| {
        let creating = scope.spawn(|| node.create(&json!({ "name": "first", "program": program, "directory": "~" })));
        // Lists are answered meanwhile.
        assert_eq!(node.agents().len(), 0);
        assert!(!creating.is_finished());
        std::fs::write(node.folder().join("go"), "").expect("a file");
    });
    assert_eq!(got(&node, "first")["API_KEY"], "late");
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

/// Runs the command line as a shell with these variables would, in a folder.
fn cli_in(node: &TestNode, folder: &Path, variables: &[(&str, &str)], words: &[&str]) -> (i32, String) {
    let mut command = node.client();
    command.current_dir(folder).env("PWD", folder).envs(variables.iter().copied()).args(words);
    let output = command.output().expect("the binary runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn an_agent_gets_what_the_shell_has_that_created_it_and_keeps_it() {
    let mut node = prepared("export API_KEY=login\n");
    run(&mut node);
    // As an activated virtual environment: its own programs first.
    let venv = node.folder().join("venv/bin");
    std::fs::create_dir_all(&venv).expect("a folder");
    std::fs::rename(node.folder().join("bin/fake-agent"), venv.join("fake-agent")).expect("moved");
    let path = format!("{}:{}", venv.display(), std::env::var("PATH").expect("PATH"));
    let shell = [
        ("PATH", path.as_str()),
        ("VIRTUAL_ENV", "/the/venv"),
        ("API_KEY", "of the shell"),
        ("TMUX", "/tmp/other,1,2"),
        ("CLAUDECODE", "1"),
        ("CONSORT_NAME", "x"),
    ];
    for backend in BACKENDS {
        let name = format!("venv-{backend}");
        let words = ["new", &name, "--dir", "~", "--backend", backend, "--", "fake-agent"];
        let (code, said) = cli_in(&node, node.folder(), &shell, &words);
        assert_eq!(code, 0, "{said}");
        let id = node.agent_named(&name)["id"].as_str().expect("an id").to_string();
        let check = |node: &TestNode| {
            let got = got(node, &name);
            assert_eq!((&*got["VIRTUAL_ENV"], &*got["API_KEY"], &*got["PATH"]), ("/the/venv", "of the shell", &*path));
            assert_ne!(got.get("TMUX").map(String::as_str), Some("/tmp/other,1,2"));
            assert!(!got.contains_key("CLAUDECODE") && !got.contains_key("CONSORT_NAME"), "{got:?}");
        };
        check(&node);
        order(&node, &id, "restart");
        check(&node);
        // A shell as an agent has it, too, though the start-up files of logins would set another PATH.
        let plain = format!("plain-{backend}");
        let words = ["new", &plain, "--dir", "~", "--backend", backend];
        assert_eq!(cli_in(&node, node.folder(), &shell, &words).0, 0);
        assert_eq!(node.cli(&["send", &plain, "fake-agent"]).0, 0);
        assert_eq!(got(&node, &plain)["VIRTUAL_ENV"], "/the/venv");

        let clean = format!("clean-{backend}");
        let words = ["new", &clean, "--dir", "~", "--backend", backend, "--clean-env", "--", "fake-agent"];
        let (code, said) = cli_in(&node, node.folder(), &shell, &words);
        assert!(
            code == 1 && said.contains("fake-agent was not found"),
            "the login shell knows no such program: {said}"
        );
        let program = venv.join("fake-agent");
        let words = [&words[..7], &["--", program.to_str().expect("UTF-8")]].concat();
        assert_eq!(cli_in(&node, node.folder(), &shell, &words).0, 0);
        let got = got(&node, &clean);
        assert_eq!((got.get("VIRTUAL_ENV"), &*got["API_KEY"]), (None, "login"));
    }
}

#[test]
fn another_machine_gets_nothing_of_the_caller_s_shell() {
    let (here, there) = (TestNode::named("here"), TestNode::named("there"));
    here.join(&there);
    let file = there.folder().join("got");
    let script = format!("env > {0}.new; mv {0}.new {0}; exec sleep 1000000", file.display());
    let words = ["new", "far@there", "--", "/bin/sh", "-c", &script];
    let (code, said) = cli_in(&here, here.folder(), &[("VIRTUAL_ENV", "/the/venv")], &words);
    assert_eq!(code, 0, "{said}");
    assert_eq!(got(&there, "got").get("VIRTUAL_ENV"), None);
    let wish = json!({ "name": "far-too", "node": there.id(), "caller": { "VIRTUAL_ENV": "/the/venv" } });
    let (status, body) = here.http("POST", "/api/agents", Some(&wish));
    assert_eq!((status, body["error"]["code"].as_str()), (400, Some("invalid")), "{body}");
}

#[test]
fn variables_for_all_agents_are_kept_and_told_to_nobody_else() {
    const VALUE: &str = "hunter2-machine";
    const CALLERS: &str = "hunter2-caller";
    let mut node = prepared("export API_KEY=login\n");
    let recordings = node.folder().join("recordings");
    let start = |node: &mut TestNode| {
        let recordings = recordings.to_str().expect("UTF-8");
        node.run_with(&["--record", recordings], |command| {
            command.env("SHELL", "/bin/bash").env("RUST_LOG", "trace");
        });
    };
    start(&mut node);
    let set = |name: &str| node.cli(&["env", "set", &format!("{name}={VALUE}")]);
    for name in ["API_KEY", "CALLER", "OWN"] {
        assert_eq!(set(name).0, 0);
    }
    for wrong in ["1X", "A B", "CONSORT_X", ""] {
        let (code, _, said) = set(wrong);
        assert_eq!(code, 1, "{wrong}: {said}");
        assert!(!said.contains(VALUE), "{said}");
    }
    let program = node.folder().join("bin/fake-agent");
    let program = program.to_str().expect("UTF-8");
    let words = ["new", "secret", "--dir", "~", "--env", "OWN=own", "--", program];
    let (code, said) = cli_in(&node, node.folder(), &[("CALLER", CALLERS), ("MORE", CALLERS)], &words);
    assert_eq!(code, 0, "{said}");
    let had = got(&node, "secret");
    assert_eq!((&*had["API_KEY"], &*had["CALLER"], &*had["OWN"]), (VALUE, VALUE, "own"), "the order of who wins");

    let (_, listed, _) = node.cli(&["env", "list"]);
    assert_eq!(listed, "API_KEY  (15 characters)\nCALLER  (15 characters)\nOWN  (15 characters)\n");
    let (_, shown, _) = node.cli(&["env", "list", "--show"]);
    assert!(shown.starts_with(&format!("API_KEY={VALUE}\n")), "{shown}");
    let mut told = vec![listed];
    for path in ["/api/environment", "/api/agents", "/api/nodes", "/api/place", "/api/peers", "/api/health"] {
        told.push(node.get(path).to_string());
    }
    for words in [&["ls", "--json"][..], &["status", "--json"], &["doctor", "--json"], &["doctor"], &["ls"]] {
        let (_, out, err) = node.cli(words);
        told.extend([out, err]);
    }
    assert!(told.iter().all(|text| !text.contains(VALUE) && !text.contains(CALLERS)), "{told:?}");

    node.kill();
    let only = ["state/environment"];
    let mut folders = vec![node.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").filter_map(Result::ok) {
            let kind = entry.file_type().expect("a type");
            let name = entry.path().strip_prefix(node.folder()).expect("below").display().to_string();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && !only.contains(&&*name) {
                let bytes = std::fs::read(entry.path()).expect("readable");
                let has = |value: &str| bytes.windows(value.len()).any(|part| part == value.as_bytes());
                // What the caller's shell gave an agent is kept with that, closed to others as everything there.
                assert!(!has(VALUE) && (!has(CALLERS) || name.starts_with("state/state/agent-")), "{name}");
            }
        }
    }
    let kept = node.state_dir().join("environment");
    assert_eq!(std::fs::metadata(&kept).expect("a file").permissions().mode() & 0o777, 0o600);
    let audited = node.audit_log();
    assert!(audited.iter().any(|entry| entry["event"] == "variable" && entry["what"] == "shown"), "{audited:?}");

    start(&mut node);
    assert_eq!(node.cli(&["env", "unset", "API_KEY"]).0, 0);
    assert_eq!(node.cli(&["env", "unset", "API_KEY"]).0, 1);
    wait_until("all that tmux has is known again", || node.cli(&["restart", "secret"]).0 == 0);
    let has = got(&node, "secret");
    assert_eq!((&*has["API_KEY"], &*has["CALLER"], &*has["OWN"]), ("login", VALUE, "own"));
}

#[test]
fn a_value_can_come_by_standard_input_and_the_shell_is_asked_again_on_demand() {
    use std::io::Write as _;
    let mut node = prepared("export API_KEY=first\n");
    run(&mut node);
    let mut command = node.client();
    command.args(["env", "set", "TYPED"]).stdin(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    child.stdin.take().expect("piped").write_all(b"a secret\n").expect("it reads");
    assert!(child.wait().expect("it ends").success());
    std::fs::write(node.folder().join(".bash_profile"), "export API_KEY=second\n").expect("a profile");
    let (code, said, _) = node.cli(&["env", "reload"]);
    assert!(code == 0 && said.contains("variables of /bin/bash -l -i, read in"), "{said}");
    let program = node.folder().join("bin/fake-agent");
    node.create(&json!({ "name": "a", "program": program, "directory": "~" }));
    let had = got(&node, "a");
    assert_eq!((&*had["API_KEY"], &*had["TYPED"]), ("second", "a secret"));
    std::fs::write(node.folder().join(".bash_profile"), "exit 1\n").expect("a profile");
    let (code, _, said) = node.cli(&["env", "reload"]);
    assert!(code == 1 && said.contains("could not be read") && said.contains("consort env reload"), "{said}");
    let (_, doctor, _) = node.cli(&["doctor"]);
    assert!(doctor.contains("could not be read"), "{doctor}");
}

#[test]
fn a_directory_is_named_as_its_caller_sees_it() {
    let mut node = prepared("");
    run(&mut node);
    let real = node.folder().join("real/below");
    std::fs::create_dir_all(&real).expect("a folder");
    let link = node.folder().join("link");
    std::os::unix::fs::symlink(node.folder().join("real"), &link).expect("a link");
    let home = node.folder();
    let below = link.join("below");
    let asked = [
        (below.as_path(), None, below.clone()),
        (&below, Some("."), below.clone()),
        (&below, Some("../below/"), below.clone()),
        (&link, Some("below//x/.."), below.clone()),
        (home, Some("~/link/../link/below/"), home.join("link/below")),
        (home, Some("~"), home.to_owned()),
    ];
    let program = home.join("bin/fake-agent");
    for (at, (from, dir, expected)) in asked.into_iter().enumerate() {
        let name = format!("in-{at}");
        let dir = dir.map_or(vec![], |dir| vec!["--dir", dir]);
        let words = [&["new", &name][..], &dir, &["--", program.to_str().expect("UTF-8")]].concat();
        let (code, said) = cli_in(&node, from, &[], &words);
        assert_eq!(code, 0, "{words:?}: {said}");
        assert_eq!(got(&node, &name)["PWD"], expected.to_str().expect("UTF-8"), "{words:?}");
    }
    for (dir, why) in [
        ("nowhere/..//none", "/none does not exist"),
        ("~other/x", "/~other/x does not exist"),
        ("bin/fake-agent", "is not a directory"),
    ] {
        let (code, said) = cli_in(&node, home, &[], &["new", "lost", "--dir", dir]);
        assert!(code == 1 && said.contains(why), "{dir}: {said}");
    }
}
