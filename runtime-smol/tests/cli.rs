//! The command line as users have it: the real binary against a node made of canned answers, and in a real terminal.

#[path = "cli/attach.rs"]
mod attach;
#[path = "cli/completion.rs"]
mod completion;
#[path = "cli/lifecycle.rs"]
mod lifecycle;
#[path = "cli/node.rs"]
mod node;
#[path = "cli/screen.rs"]
mod screen;

use node::{FakeNode, agent};
use screen::Terminal;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The binary with an environment of its own.
fn consort(state_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consort"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", state_dir).env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
    command.env("CONSORT_STATE_DIR", state_dir).args(arguments).stdin(Stdio::null());
    command
}

/// What a command did.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(state_dir: &Path, arguments: &[&str]) -> Outcome {
    run_with(state_dir, arguments, "")
}

fn run_with(state_dir: &Path, arguments: &[&str], input: &str) -> Outcome {
    let mut command = consort(state_dir, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn three_agents() -> FakeNode {
    FakeNode::start(vec![
        agent("aaaaaaaaaaaaa", "customers-zoom-backend"),
        agent("bbbbbbbbbbbbb", "customers-zoom-frontend"),
        agent("ccccccccccccc", "scratch"),
    ])
}

#[test]
fn what_is_set_by_the_environment_is_not_shown_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(folder.path(), &["attach"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.contains("Usage: consort attach") && !outcome.err.contains("--state-dir"), "{}", outcome.err);
}

#[test]
fn without_a_node_every_command_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["ls"][..], &["stop", "x"], &["open"], &["send", "x", "y"]] {
        let outcome = run(folder.path(), arguments);
        assert_eq!(outcome.code, Some(3));
        let socket = folder.path().join("control.sock");
        let expected =
            format!("consort: No node is running here (no answer on {}).\nStart one with: consort\n", socket.display());
        assert_eq!(outcome.err, expected);
        assert_eq!(outcome.out, "");
    }
}

#[test]
fn a_wrong_command_line_exits_with_two() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [&["lss"][..], &["ls", "--nonsense"], &["attach"], &["--listen", "1", "ls"], &["serve", "--listen", "x"]]
    {
        assert_eq!(run(folder.path(), arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn help_teaches_commands_exit_codes_and_examples() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(folder.path(), &["--help"]);
    assert_eq!(help.code, Some(0));
    for taught in ["attach", "Exit codes:", "3  no node is running here", "Examples:", "CONSORT_STATE_DIR"] {
        assert!(help.out.contains(taught), "{taught} in {}", help.out);
    }
}

#[test]
fn piped_ls_prints_one_line_of_fields_per_agent() {
    let node = three_agents();
    let outcome = run(node.folder(), &["ls"]);
    let names: Vec<&str> = outcome.out.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(names, ["customers-zoom-backend", "customers-zoom-frontend", "scratch"]);
    let first = "customers-zoom-backend\tworking\t12\tclaude\t/home/me/zoom\tFix the build\tlaptop\there\t0\n";
    assert!(outcome.out.starts_with(first), "{}", outcome.out);
}

#[test]
fn ls_as_json_is_the_array_of_the_api_with_the_machine_of_each_agent() {
    let node = three_agents();
    let agents: Value = serde_json::from_str(&run(node.folder(), &["ls", "--json"]).out).unwrap();
    let mut expected = node.agents();
    for agent in expected.as_array_mut().unwrap() {
        for (name, value) in [("machine", json!("laptop")), ("reachable", json!(true)), ("since_ms", json!(0))] {
            agent[name] = value;
        }
    }
    assert_eq!(agents, expected);
}

/// The names that a list shows.
fn listed(node: &FakeNode, arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let outcome = run(node.folder(), &[&["ls"], arguments].concat());
    let names = outcome.out.lines().map(|line| line.split('\t').next().unwrap().to_string()).collect();
    (outcome.code, names, outcome.err)
}

#[test]
fn ls_shows_only_agents_that_fit_all_filters() {
    let mut waiting = agent("ddddddddddddd", "infra-backend");
    waiting["state"]["kind"] = json!("waiting");
    let mut idle = agent("eeeeeeeeeeeee", "customers-bank");
    idle["state"]["kind"] = json!("idle");
    let mut far = agent("fffffffffffff@m", "customers-zoom-backend");
    far["node"] = json!("m");
    let node = FakeNode::start(vec![agent("aaaaaaaaaaaaa", "customers-zoom-backend"), waiting, idle, far]);
    for (filters, expected) in [
        (&["--state", "waiting"][..], &["infra-backend"][..]),
        (&["--state", "waiting,idle"], &["customers-bank", "infra-backend"]),
        (&["customers-*"], &["customers-bank", "customers-zoom-backend", "customers-zoom-backend"]),
        (&["backend"], &["customers-zoom-backend", "customers-zoom-backend", "infra-backend"]),
        (&["infra", "bank"], &["customers-bank", "infra-backend"]),
        (&["backend", "--machine", "laptop"], &["customers-zoom-backend", "infra-backend"]),
        (&["backend@laptop", "-s", "working"], &["customers-zoom-backend"]),
        (&["--node", "server"], &["customers-zoom-backend"]),
        (&["--state", "unreachable"], &["customers-zoom-backend"]),
    ] {
        let (code, names, err) = listed(&node, filters);
        assert_eq!((code, names), (Some(0), expected.iter().map(ToString::to_string).collect()), "{filters:?} {err}");
    }
    let found: Value = serde_json::from_str(&run(node.folder(), &["ls", "--json", "-s", "idle"]).out).unwrap();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["name"]), (1, &json!("customers-bank")));
}

#[test]
fn ls_says_when_nothing_fits_and_exits_with_one() {
    let node = three_agents();
    let (code, names, err) = listed(&node, &["nowhere-*"]);
    assert_eq!((code, names), (Some(1), vec![]));
    assert_eq!(err, "consort: None of the 3 agents matches.\nSee them all with: consort ls\n");
    let outcome = run(node.folder(), &["ls", "--state", "exited", "--json"]);
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), "[]\n"));
    let (code, _, err) = listed(&node, &["--machine", "nowhere"]);
    assert!(code == Some(1) && err.contains("There is no machine nowhere."), "{err}");
    assert_eq!(listed(&node, &["--state", "sleeping"]).0, Some(2));
    let empty = FakeNode::start(vec![]);
    assert_eq!(listed(&empty, &[]).0, Some(0), "no filter, no failure");
}

#[test]
fn a_pane_other_than_the_active_one_is_shown_and_typed_into() {
    let mut agent = agent("ccccccccccccc", "scratch");
    let first = agent["terminals"][0].clone();
    agent["terminals"] = json!([first, first]);
    agent["terminals"][1]["id"] = json!(7);
    agent["terminals"][1]["index"] = json!(1);
    let node = FakeNode::start(vec![agent]);
    for pane in ["7", "%7", "1.1"] {
        assert_eq!(run(node.folder(), &["screen", "scratch", "--pane", pane]).code, Some(0));
        assert_eq!(node.last().1, "/api/agents/ccccccccccccc/screen?history=0&terminal=7", "{pane}");
    }
    assert_eq!(run(node.folder(), &["send", "scratch", "ls", "--pane", "1.1"]).code, Some(0));
    assert_eq!(node.last().2, json!({"text":"ls","submit":true,"terminal":7}));
    let outcome = run(node.folder(), &["screen", "scratch", "--pane", "9"]);
    assert_eq!(outcome.code, Some(1));
    for part in ["scratch has no pane 9.", "   3  1.0", "   7  1.1", "Fix the build"] {
        assert!(outcome.err.contains(part), "{part} in {}", outcome.err);
    }
    assert_eq!(run(node.folder(), &["screen", "scratch", "--pane", "x"]).code, Some(2));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let node = three_agents();
    let mut child = consort(node.folder(), &["ls"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()), (Some(0), String::new()));
}

#[test]
fn send_finds_the_agent_by_the_beginning_of_its_name() {
    let node = three_agents();
    assert_eq!(run(node.folder(), &["send", "scr", "run the tests"]).code, Some(0));
    let body = json!({"text":"run the tests","submit":true});
    assert_eq!(node.last(), ("POST".into(), "/api/agents/ccccccccccccc/input".into(), body));
}

#[test]
fn send_reads_standard_input_and_can_leave_enter_out() {
    let node = three_agents();
    assert_eq!(run_with(node.folder(), &["send", "scratch", "-", "--no-enter"], "one\ntwo\n").code, Some(0));
    assert_eq!(node.last().2, json!({"text":"one\ntwo","submit":false}));
}

#[test]
fn send_says_when_enter_was_not_pressed() {
    let node = three_agents();
    let outcome = run(node.folder(), &["send", "scratch", "never-submitted"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.err.contains("Enter was not pressed"), "{}", outcome.err);
}

#[test]
fn an_ambiguous_beginning_lists_whom_it_could_mean() {
    let node = three_agents();
    let outcome = run(node.folder(), &["screen", "customers"]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        outcome.err,
        "consort: customers could be 2 agents:\n  customers-zoom-backend  aaaaaaaaaaaaa\n  customers-zoom-frontend  bbbbbbbbbbbbb\n"
    );
}

#[test]
fn a_refusal_is_told_with_its_hint() {
    let node = three_agents();
    let outcome = run(node.folder(), &["rename", "scratch", "taken"]);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(outcome.err, "consort: An agent named taken exists already.\nChoose another name or rename that one.\n");
}

#[test]
fn new_asks_for_what_was_said_and_prints_the_id() {
    let node = three_agents();
    let arguments = [
        "new",
        "a-b",
        "--dir",
        "/src",
        "--backend",
        "pty",
        "-e",
        "K=V",
        "--notes",
        "n",
        "--no-autostart",
        "--clean-env",
        "--",
        "claude",
        "--continue",
    ];
    let outcome = run(node.folder(), &arguments);
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(0), "nnnnnnnnnnnnn\n"), "{}", outcome.err);
    let mut body = json!({"name":"a-b","directory":"/src","backend":"pty","env":{"K":"V"},"notes":"n","autostart":false,
        "program":"claude","args":["--continue"]});
    assert_eq!(node.last_change(), ("POST".into(), "/api/agents".into(), body.clone()));

    let outcome = run(node.folder(), &arguments.map(|word| if word == "--clean-env" { "--yes" } else { word }));
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let (_, _, mut asked) = node.last_change();
    let caller = asked.as_object_mut().and_then(|asked| asked.remove("caller")).expect("variables of the shell");
    assert_eq!(caller["PATH"].as_str().map(String::from), std::env::var("PATH").ok());
    assert_eq!(std::mem::take(&mut body), asked, "and nothing else differs");
}

#[test]
fn a_name_that_another_machine_has_is_taken_only_on_purpose() {
    let mut far = agent("fffffffffffff@m", "zoom");
    far["node"] = json!("m");
    let node = FakeNode::start(vec![agent("ccccccccccccc", "scratch"), far]);
    let mut agreed = 0;
    for arguments in [&["rename", "scratch", "zoom"][..], &["new", "zoom"], &["new", "zoom@laptop"]] {
        let outcome = run(node.folder(), arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?} {outcome:?}");
        assert!(outcome.err.contains("server has an agent named zoom, too."), "{}", outcome.err);
        assert!(outcome.err.ends_with("Confirm with: --yes\n"), "{}", outcome.err);
        assert_eq!(node.changes(), agreed, "{arguments:?}: nothing was changed unasked");
        agreed += 1;
        assert_eq!(run(node.folder(), &[arguments, &["--yes"]].concat()).code, Some(0));
        assert_eq!(node.changes(), agreed, "{arguments:?}");
    }
    assert_eq!(run(node.folder(), &["rename", "scratch", "other"]).code, Some(0));
}

#[test]
fn new_tags_what_it_created() {
    let node = three_agents();
    assert_eq!(run(node.folder(), &["new", "a-b", "-t", "x", "-t", "y"]).code, Some(0));
    let tags = json!({"tags":["x","y"]});
    assert_eq!(node.last_change(), ("PATCH".into(), "/api/agents/nnnnnnnnnnnnn".into(), tags));
}

#[test]
fn screen_prints_text_without_anything_a_terminal_would_act_on() {
    let node = three_agents();
    let outcome = run(node.folder(), &["screen", "scratch", "--history", "5"]);
    assert_eq!(outcome.out, "$ ls\n[31mfile\n");
    assert_eq!(node.last().1, "/api/agents/ccccccccccccc/screen?history=5");
}

#[test]
fn notes_are_shown_and_replaced() {
    let node = three_agents();
    assert_eq!(run(node.folder(), &["notes", "scratch"]).out, "remember the milk\n");
    assert_eq!(run_with(node.folder(), &["notes", "scratch", "-"], "new\n").code, Some(0));
    assert_eq!(node.last(), ("PUT".into(), "/api/agents/ccccccccccccc/notes".into(), json!({"notes":"new"})));
}

#[test]
fn start_stop_and_restart_are_orders() {
    let node = three_agents();
    for verb in ["start", "stop", "restart"] {
        assert_eq!(run(node.folder(), &[verb, "scratch"]).code, Some(0));
        assert_eq!(node.last().1, format!("/api/agents/ccccccccccccc/{verb}"));
    }
}

#[test]
fn a_script_must_name_in_full_what_it_ends() {
    let node = three_agents();
    for arguments in [&["stop", "scr"][..], &["restart", "scr"], &["rm", "scr", "--yes"]] {
        let outcome = run(node.folder(), arguments);
        assert_eq!(outcome.code, Some(1), "{arguments:?}");
        assert!(outcome.err.contains("Did you mean scratch?"), "{}", outcome.err);
        assert_eq!(node.last().0, "GET");
    }
    assert_eq!(run(node.folder(), &["rm", "scratch", "--yes"]).code, Some(0));
    assert_eq!((node.last().0, node.last().1), ("DELETE".into(), "/api/agents/ccccccccccccc".into()));
}

#[test]
fn rm_without_anyone_to_ask_wants_yes() {
    let node = three_agents();
    let outcome = run(node.folder(), &["rm", "scratch"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.ends_with("Confirm with: --yes\n"), "{}", outcome.err);
}

#[test]
fn open_without_a_display_prints_the_link() {
    let node = three_agents();
    assert_eq!(run(node.folder(), &["open"]).out, "http://localhost:23000/#token=t\n");
    assert_eq!(node.last().0, "POST");
}

#[test]
fn token_prints_the_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["token"]).code, Some(1));
    std::fs::write(folder.path().join("token"), "0123456789abcdef".repeat(4)).unwrap();
    assert_eq!(run(folder.path(), &["token"]).out, "0123456789abcdef".repeat(4) + "\n");
}

#[test]
fn completions_are_made_for_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = run(folder.path(), &["completions", shell]);
        assert!(outcome.code == Some(0) && outcome.out.contains("CONSORT_COMPLETE"), "{shell}");
    }
}

#[test]
fn doctor_works_without_and_with_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let check = |folder: &Path, name: &str| {
        let outcome = run(folder, &["doctor", "--json", "--listen", "localhost:0"]);
        let report: Value = serde_json::from_str(&outcome.out).unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
        let checks = report["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == name).unwrap_or_default()
    };
    assert_eq!(check(folder.path(), "node")["outcome"], "warning");
    let node = three_agents();
    assert_eq!(check(node.folder(), "node")["outcome"], "good");
    assert_eq!(check(node.folder(), "dashboard")["outcome"], "good");
    assert!(run(node.folder(), &["doctor"]).out.contains("✓ node"));
    let message = |name: &str| check(node.folder(), name)["message"].as_str().unwrap_or_default().to_string();
    assert_eq!(message("port"), "127.0.0.1:4711: served by this node", "asked, not guessed");
    assert!(
        message("sessions").is_empty() || message("sessions").contains("no-such-server"),
        "{}",
        message("sessions")
    );
}

#[test]
fn at_a_terminal_ls_is_a_table_and_rm_asks() {
    let node = three_agents();
    let terminal = Terminal::new(24, 100);
    let mut child = terminal.spawn(consort(node.folder(), &["ls"]));
    terminal.wait_for("\x1b[2mcustomers-zoom-\x1b[0m\x1b[1mbackend");
    assert!(child.wait().unwrap().success());

    let mut child = terminal.spawn(consort(node.folder(), &["rm", "scr"]));
    terminal.wait_for(
        "Delete scratch? claude ends (working for 12s), its scrollback is lost, 2 lines of notes are lost. [y/N] ",
    );
    terminal.types("n\n");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(node.last().0, "GET");

    let mut child = terminal.spawn(consort(node.folder(), &["rm", "scr"]));
    terminal.wait_for_another("[y/N] ");
    terminal.types("y\n");
    terminal.wait_for("deleted scratch");
    assert!(child.wait().unwrap().success());
    assert_eq!(node.last().0, "DELETE");
}
