//! What people do with agents: find, create, rename, stop, start, delete; by HTTP and by command line, on real tmux.

use consort_tests::{TestNode, wait_for, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn names(node: &TestNode) -> Vec<String> {
    node.agents().iter().map(|agent| agent["name"].as_str().expect("a name").to_string()).collect()
}

#[test]
fn sessions_that_run_already_are_found_and_nothing_of_them_is_changed() {
    let mut node = TestNode::prepared();
    node.tmux(&["new-session", "-d", "-s", "mine", "-x", "91", "-y", "17", "sh"]);
    node.tmux(&["set-option", "-g", "mouse", "on"]);
    let options = |node: &TestNode| {
        [["show-options", "-g"], ["show-options", "-s"], ["show-options", "-w"], ["list-keys", "-N"]]
            .map(|args| node.tmux(&args))
            .join("\n")
    };
    let before = options(&node);
    node.run(&[]);
    let mine = node.agent_named("mine");
    assert_eq!((mine["managed"].clone(), mine["running"].clone()), (json!(false), json!(true)));
    assert_eq!(mine["terminals"][0]["cols"], 91);
    let mut viewer = node.viewer();
    viewer.attach(1, mine["id"].as_str().expect("an id"), Some((50, 10)), "never");
    assert_eq!(options(&node), before, "looking changes nothing");
    let size = node.tmux(&["display-message", "-p", "-t", "mine", "#{window_width}x#{window_height} #{@consort_id}"]);
    assert_eq!(size.trim(), "91x17", "no size taken, no mark set");
}

#[test]
fn a_session_that_appears_later_is_found_and_one_that_ends_vanishes() {
    let node = TestNode::start();
    node.tmux(&["new-session", "-d", "-s", "later", "sh"]);
    node.agent_named("later");
    node.tmux(&["rename-session", "-t", "later", "much-later"]);
    node.agent_named("much-later");
    assert!(!names(&node).contains(&"later".to_string()));
    node.tmux(&["kill-session", "-t", "much-later"]);
    wait_until("it is gone", || names(&node).is_empty());
}

#[test]
fn the_tmux_server_may_die_and_come_back() {
    let node = TestNode::start();
    node.tmux(&["new-session", "-d", "-s", "first", "sh"]);
    node.agent_named("first");
    node.kill_tmux();
    wait_until("all are gone", || names(&node).is_empty());
    node.tmux(&["new-session", "-d", "-s", "second", "sh"]);
    node.agent_named("second");
}

/// tmux gives the time of activity in whole seconds. The program draws twice in one, and the node looks in between: renaming the window
/// makes it look at once.
#[test]
fn a_question_drawn_in_the_second_of_the_last_look_is_shown() {
    let node = TestNode::start();
    let script = "until [[ ${EPOCHREALTIME#*[.,]} == 1* ]]; do sleep 0.02; done; echo begins; tmux rename-window begun; sleep 0.7; \
                  printf 'Deploy, proceed? (y/n) '; read -r answer";
    let names = ["first", "second", "third"];
    for name in names {
        node.create(&json!({ "name": name, "directory": "/", "program": "bash", "args": ["-c", script] }));
    }
    for name in names {
        wait_until("its question is shown", || node.agent_named(name)["state"]["kind"] == "waiting");
    }
}

/// Between two complete lists tmux is asked for windows that printed lately: since the last list, however long ago that was.
#[test]
fn what_was_printed_while_the_node_stood_still_is_noticed_at_once() {
    let node = TestNode::start();
    let file = node.folder().join("go");
    let script = "until test -e \"$0\"; do sleep 0.05; done; printf 'Deploy, proceed? (y/n) '; read -r answer";
    node.create(&json!({ "name": "asks", "directory": "/", "program": "bash", "args": ["-c", script, file] }));
    let asks = || node.agent_named("asks");
    wait_until("it rests", || asks()["state"]["kind"] == "idle");
    // A new name brings a complete list. The next one follows ten seconds later.
    node.tmux(&["rename-window", "-t", "asks", "listed"]);
    wait_until("it is listed", || {
        asks()["terminals"][0]["window"].as_str().is_some_and(|name| name.contains("listed"))
    });
    node.signal(Signal::STOP);
    std::fs::write(&file, "").expect("a file");
    std::thread::sleep(Duration::from_millis(3_300));
    node.signal(Signal::CONT);
    let began = Instant::now();
    wait_until("its question is shown", || asks()["state"]["kind"] == "waiting");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn every_pane_of_every_window_is_a_terminal_of_its_agent() {
    let node = TestNode::start();
    node.tmux(&["new-session", "-d", "-s", "panes", "sh"]);
    node.tmux(&["split-window", "-t", "panes", "sh"]);
    node.tmux(&["new-window", "-t", "panes", "-n", "other", "sh"]);
    let count = |node: &TestNode| node.agent_named("panes")["terminals"].as_array().map_or(0, Vec::len);
    wait_until("three terminals", || count(&node) == 3);
    node.tmux(&["kill-window", "-t", "panes:other"]);
    wait_until("two terminals", || count(&node) == 2);
}

#[test]
fn names_that_are_prefixes_of_each_other_are_different_agents() {
    let node = TestNode::start();
    let ids: Vec<String> =
        ["a", "a-b", "a-b-c", "a-b-c-d"].iter().map(|name| node.create(&json!({ "name": name }))).collect();
    let (status, _) = node.http("DELETE", &format!("/api/agents/{}", ids[0]), None);
    assert_eq!(status, 200);
    wait_until("only a is gone", || names(&node) == ["a-b", "a-b-c", "a-b-c-d"]);
    let (status, _) = node.http("PATCH", &format!("/api/agents/{}", ids[1]), Some(&json!({ "name": "a-x" })));
    assert_eq!(status, 200);
    wait_until("only a-b is renamed", || names(&node) == ["a-b-c", "a-b-c-d", "a-x"]);
    let sessions = node.tmux(&["list-sessions", "-F", "#{session_name}"]);
    assert_eq!(sessions.lines().collect::<Vec<_>>(), ["a-b-c", "a-b-c-d", "a-x"]);
}

#[test]
fn an_agent_can_be_created_stopped_started_and_deleted() {
    let node = TestNode::start();
    let id = node.create(&json!({
        "name": "customers-zoom-backend", "directory": "/tmp", "program": "sh", "args": ["-c", "echo \"$GREETING $1\"; sleep 1000", "x", "a b'c\"d$(e)"],
        "env": { "GREETING": "hello; #{session_name}" }, "notes": "remember", "tags": ["urgent"]
    }));
    let agent = node.agent_named("customers-zoom-backend");
    assert_eq!(agent["path"], json!(["customers", "zoom"]));
    assert_eq!(agent["leaf"], "backend");
    assert_eq!(agent["directory"], "/tmp");
    let screen = || node.get(&format!("/api/agents/{id}/screen"))["text"].as_str().unwrap_or("").to_string();
    wait_until("arguments and variables arrive as they are", || {
        screen().contains("hello; #{session_name} a b'c\"d$(e)")
    });
    let act = |verb: &str| node.http("POST", &format!("/api/agents/{id}/{verb}"), None);
    assert_eq!(act("stop").1["agent"]["running"], false);
    assert_eq!(act("stop").0, 409, "it is stopped already");
    assert_eq!(act("start").1["agent"]["running"], true);
    assert_eq!(act("start").0, 409, "it runs already");
    assert_eq!(act("restart").1["agent"]["notes"], "remember");
    assert_eq!(node.http("DELETE", &format!("/api/agents/{id}"), None).0, 200);
    assert_eq!(node.http("GET", &format!("/api/agents/{id}"), None).0, 404);
    assert!(!node.tmux_output(&["has-session", "-t", "customers-zoom-backend"]).status.success());
}

#[test]
fn when_its_program_ends_a_shell_is_left_behind_and_the_status_is_known() {
    let node = TestNode::start();
    let id = node.create_script("short", "exit 3");
    let code = || node.get(&format!("/api/agents/{id}"))["agent"]["terminals"][0]["exit_code"].clone();
    wait_until("the exit status", || code() == json!(3));
    wait_until("the state says so", || node.agent_named("short")["state"]["kind"] == "exited");
    node.http(
        "POST",
        &format!("/api/agents/{id}/input"),
        Some(&json!({ "text": "echo still-$((40+2))", "submit": true })),
    );
    let text = || node.get(&format!("/api/agents/{id}/screen"))["text"].as_str().unwrap_or("").to_string();
    wait_until("a shell answers", || text().contains("still-42"));
}

#[test]
fn bad_input_is_named_and_changes_nothing() {
    let node = TestNode::start();
    node.create(&json!({ "name": "taken" }));
    let refused = |body: Value, status: u16, code: &str| {
        let (got, answer) = node.http("POST", "/api/agents", Some(&body));
        assert_eq!((got, answer["error"]["code"].as_str()), (status, Some(code)), "{body} -> {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{answer}");
    };
    refused(json!({ "name": "a.b" }), 400, "invalid");
    refused(json!({ "name": "" }), 400, "invalid");
    refused(json!({ "name": "taken" }), 409, "name-taken");
    refused(json!({ "name": "x", "directory": "/no/such/place" }), 422, "directory-missing");
    refused(json!({ "name": "x", "program": "no-such-program" }), 422, "program-not-found");
    refused(json!({ "name": "x", "env": { "1A": "b" } }), 400, "invalid");
    assert_eq!(names(&node), ["taken"]);
    for (method, path) in
        [("GET", "/api/agents/0000000000000"), ("POST", "/api/agents/zzzzzzzzzzzzz/start"), ("DELETE", "/api/agents/x")]
    {
        assert_eq!(node.http(method, path, None).0, 404, "{method} {path}");
    }
}

#[test]
fn notes_belong_to_the_agent_and_two_writers_notice_each_other() {
    let node = TestNode::start();
    node.tmux(&["new-session", "-d", "-s", "found", "sh"]);
    let id = node.agent_named("found")["id"].as_str().expect("an id").to_string();
    let path = format!("/api/agents/{id}/notes");
    let revision = node.get(&path)["revision"].clone();
    let (status, answer) = node.http("PUT", &path, Some(&json!({ "notes": "first", "revision": revision })));
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = node.http("PUT", &path, Some(&json!({ "notes": "second", "revision": revision })));
    assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("notes-changed")));
    assert_eq!(node.get(&path)["notes"], "first");
    let agent = node.agent_named("found");
    assert_eq!(
        (agent["managed"].clone(), agent["id"].as_str()),
        (json!(true), Some(id.as_str())),
        "edited: managed, same id"
    );
    wait_until("marked in tmux", || node.tmux(&["show-options", "-t", "found", "-v", "@consort_id"]).trim() == id);
}

#[test]
fn five_hundred_agents_at_once_are_all_there() {
    let node = TestNode::start();
    for number in 0..500 {
        node.tmux(&[
            "new-session",
            "-d",
            "-s",
            &format!("group{}-team{}-agent{number}", number % 7, number % 31),
            "-x",
            "80",
            "-y",
            "24",
            "cat",
        ]);
    }
    wait_until("five hundred", || node.agents().len() == 500);
    let mut viewer = node.viewer();
    let all = viewer.expect("agents");
    assert_eq!(all["all"].as_array().map_or(0, Vec::len), 500);
}

#[test]
fn titles_in_any_script_are_shown_and_control_characters_are_not() {
    let node = TestNode::start();
    node.create_script("titled", "printf '\\033]2;größe 日本 🎉 #{pane_id} \\\\ \"q\"\\007'; sleep 1000");
    let title = || node.agent_named("titled")["terminals"][0]["title"].as_str().unwrap_or("").to_string();
    wait_for("the title", || title().contains("größe 日本 🎉 #{pane_id} \\ \"q\"").then_some(()));
}

#[test]
fn the_command_line_has_the_same_verbs() {
    let node = TestNode::start();
    let ok = |args: &[&str]| {
        let (code, out, err) = node.cli(args);
        assert_eq!(code, 0, "{args:?}: {out}{err}");
        out
    };
    ok(&["new", "team-tool", "--dir", "/tmp", "--", "sh", "-c", "echo ready; exec cat"]);
    assert!(ok(&["ls"]).contains("tool"));
    let list: Value = serde_json::from_str(&ok(&["ls", "--json"])).expect("JSON");
    assert_eq!(list[0]["name"], "team-tool");
    ok(&["send", "team", "over the wire"]);
    wait_until("what was sent is on the screen", || {
        ok(&["screen", "team-tool", "--history", "5"]).contains("over the wire")
    });
    ok(&["rename", "team-tool", "team-thing"]);
    ok(&["stop", "team-thing"]);
    ok(&["start", "team-th"]);
    ok(&["rm", "team-thing", "--yes"]);
    assert_eq!(ok(&["ls", "--json"]).trim(), "[]");
    assert!(ok(&["open", "--print"]).contains("#token="));
    assert_eq!(ok(&["token"]).trim(), node.token());
    let (code, _, err) = node.cli(&["stop", "nobody"]);
    assert_eq!(code, 1);
    assert!(err.contains("nobody"), "{err}");
}

#[test]
fn looks_are_answered_while_tmux_answers_nothing() {
    let node = TestNode::start();
    let id = node.create_script("stuck", "sleep 1000");
    let server: i32 = node.tmux(&["display-message", "-p", "#{pid}"]).trim().parse().expect("its process id");
    let server = Pid::from_raw(server).expect("a process");
    kill_process(server, Signal::STOP).expect("it runs");
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                node.http("GET", &format!("/api/agents/{id}/screen"), None);
                answered.fetch_add(1, Ordering::SeqCst);
            });
        }
        for _ in 0..10 {
            assert_eq!(node.agents().len(), 1);
            assert_eq!(node.http("GET", "/api/health", None).0, 200);
            assert_eq!(node.cli(&["ls"]).0, 0);
        }
        assert_eq!(answered.load(Ordering::SeqCst), 0, "none of the screens was there before the lists");
        kill_process(server, Signal::CONT).expect("it runs");
    });
}

#[test]
fn wait_ends_when_the_agents_are_as_wanted_when_they_never_will_be_and_when_the_time_is_over() {
    let node = TestNode::start();
    node.create_script("lasting", "sleep 1000");
    let ends = node.create_script("ending", "read line");
    assert_eq!(node.cli(&["wait", "lasting", "--until", "exited", "--timeout", "1"]).0, 124);
    std::thread::scope(|scope| {
        let exited = scope
            .spawn(|| node.cli(&["wait", "ending", "lasting", "--any", "-u", "exited,waiting", "--timeout", "60"]));
        let never = scope.spawn(|| node.cli(&["wait", "ending", "lasting", "-u", "waiting", "--timeout", "60"]));
        let changed = scope.spawn(|| node.http("GET", &format!("/api/agents/{ends}/wait?until=exited"), None));
        // The commands may begin to wait before or after this: they see the same.
        assert_eq!(
            node.http("POST", &format!("/api/agents/{ends}/input"), Some(&json!({ "text": "x", "submit": true }))).0,
            200
        );
        let (code, text, error) = exited.join().expect("no panic");
        assert_eq!((code, text.as_str()), (0, "ending\texited\n"), "{error}");
        let (code, _, error) = never.join().expect("no panic");
        assert!(code == 4 && error.contains("ending has ended, and is not waiting any more."), "{code}: {error}");
        let (status, answer) = changed.join().expect("no panic");
        assert_eq!(
            (status, &answer["reached"], &answer["agent"]["state"]["kind"]),
            (200, &json!(true), &json!("exited"))
        );
    });
    let (code, _, error) = node.cli(&["wait", "nobody", "--until", "idle"]);
    assert!(code == 1 && error.contains("nobody"), "{error}");
}
