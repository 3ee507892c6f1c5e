//! What comes back after a restart: conversations of agents, and how long they have been in their states.

use consort_tests::agents::program::Setup;
use consort_tests::agents::{Actor, Program, Stage, Version};
use consort_tests::model::{Progress, Scene};
use consort_tests::{TestNode, wait_for, wait_until};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A program called `claude` that prints its arguments and runs on.
fn scripted_claude(folder: &Path) -> PathBuf {
    let program = folder.join("claude");
    std::fs::write(&program, "#!/bin/sh\necho \"<$*>\"\nexec sleep 600\n").expect("a script");
    let made = Command::new("chmod").arg("+x").arg(&program).status();
    assert!(made.is_ok_and(|status| status.success()));
    program
}

/// Has a hook of an agent report that it is in this conversation.
fn report_session(node: &TestNode, agent: &str, id: &str, transcript: &Path) {
    let mut command = Command::new(consort_tests::node::binary());
    command.args(["hook", "claude", "--state-dir"]).arg(node.state_dir());
    command.env_remove("TMUX").env_remove("TMUX_PANE").env("CONSORT_AGENT_ID", agent);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    let event = json!({ "hook_event_name": "SessionStart", "session_id": id, "transcript_path": transcript });
    child.stdin.take().expect("a pipe").write_all(event.to_string().as_bytes()).expect("it is read");
    assert!(child.wait().expect("it ends").success());
    wait_until("the node knows the conversation", || {
        node.get(&format!("/api/agents/{agent}"))["agent"]["session"]["id"] == id
    });
}

fn shown(node: &TestNode, agent: &str) -> String {
    let (_, screen) = node.http("GET", &format!("/api/agents/{agent}/screen"), None);
    screen["text"].as_str().unwrap_or_default().replace('\n', "")
}

#[test]
fn an_agent_goes_on_with_its_conversation_when_it_is_started_again() {
    let mut node = TestNode::start();
    let folder = tempfile::tempdir().expect("a folder");
    let claude = scripted_claude(folder.path());
    let transcript = folder.path().join("5f-1.jsonl");
    for backend in ["tmux", "pty"] {
        std::fs::remove_file(&transcript).ok();
        let wish = json!({ "name": backend, "directory": "/", "program": claude, "args": ["--model", "x"], "backend": backend });
        let agent = node.create(&wish);
        let id = format!("5f-{backend}");
        report_session(&node, &agent, &id, &transcript);
        let start = || node.get(&format!("/api/agents/{agent}/start"));
        let has_arguments = |there: &str, not: &str| {
            wait_until(&format!("{there} in its arguments"), || {
                let shown = shown(&node, &agent);
                shown.contains(there) && shown.contains("--model x>")
            });
            let shown = shown(&node, &agent);
            assert!(not.is_empty() || !shown.contains(not), "{shown}");
        };

        // Nothing was said yet.
        assert_eq!(start()["resumes"], Value::Null);
        let (code, printed, said) = node.cli(&["restart", backend]);
        assert!(code == 0 && said.contains("begins a new conversation: nothing was said"), "{printed}{said}");
        has_arguments("<", "--resume");

        report_session(&node, &agent, &id, &transcript);
        std::fs::write(&transcript, "{}\n").expect("a file");
        let expected = format!("{} --resume {id} --model x", claude.display());
        assert_eq!(start()["resumes"], json!({ "program": "claude", "id": id }));
        let (code, printed, said) = node.cli(&["restart", backend]);
        assert!(code == 0 && said.contains(&format!("resumes the conversation {id}: {expected}")), "{printed}{said}");
        has_arguments(&format!("--resume {id}"), "");
        assert_eq!(node.get(&format!("/api/agents/{agent}"))["agent"]["args"], json!(["--model", "x"]), "its own");

        assert_eq!(node.cli(&["stop", backend]).0, 0);
        let (code, printed, said) = node.cli(&["start", "--fresh", backend]);
        assert!(code == 0 && !said.contains("conversation"), "{printed}{said}");
        has_arguments("<", "--resume");
        assert_eq!(start()["resumes"], Value::Null, "the conversation before is over");
        report_session(&node, &agent, &id, &transcript);
    }

    // Its own arguments decide.
    let wish = json!({ "name": "own", "directory": "/", "program": claude, "args": ["--continue"] });
    let own = node.create(&wish);
    report_session(&node, &own, "5f-own", &transcript);
    let (_, _, said) = node.cli(&["restart", "own"]);
    assert!(said.contains("its own arguments decide how it begins (--continue)"), "{said}");
    wait_until("its arguments", || shown(&node, &own).contains("--continue>"));
    assert!(!shown(&node, &own).contains("--resume"));

    // After a reboot nobody is there to start it.
    let agent = node.agent_named("tmux")["id"].as_str().expect("an id").to_owned();
    node.kill();
    node.kill_tmux();
    node.run(&[]);
    wait_until("it was started again", || shown(&node, &agent).contains("--resume 5f-tmux --model x>"));
    wait_until("and this one", || shown(&node, &own).contains("--continue>"));
    assert!(!shown(&node, &own).contains("--resume"));
}

#[test]
fn real_programs_go_on_with_what_was_said_before_tmux_was_restarted() {
    let node = Arc::new(TestNode::start());
    let stage = Stage { backend: "tmux", watched: false, hooks: true };
    let programs = [Program::Claude, Program::Codex, Program::Gemini];
    let mut actors = Vec::new();
    for program in programs {
        match program.find(Version::Pinned) {
            Ok(installed) => {
                actors.push(Actor::start(&node, &installed, Setup::Ready, stage, Duration::from_secs(30)));
            }
            Err(reason) => println!("{}: skipped: {reason}", program.name()),
        }
    }
    let name = |actor: &Actor| {
        node.get(&format!("/api/agents/{}", actor.agent))["agent"]["name"].as_str().unwrap_or_default().to_owned()
    };
    let say = |actor: &mut Actor, scene: Scene, text: &str| {
        actor.send(text).unwrap_or_else(|why| panic!("{}: {why}", name(actor)));
        let answered = actor.until("an answer", |_, api| {
            api.last(scene).is_some_and(|exchange| exchange.progress == Progress::Finished)
        });
        answered.unwrap_or_else(|why| panic!("{}: {why}", name(actor)));
        actor.api.last(scene).expect("it was asked").scenes
    };
    for actor in &mut actors {
        assert_eq!(say(actor, Scene::Text, "scene:text of apples"), [Scene::Text]);
    }
    // An answer is written down a moment after it has come.
    for actor in &mut actors {
        actor.until("rest", |look, _| ["idle", "done"].contains(&look.state())).expect("it rests");
    }
    node.kill_tmux();
    for actor in &mut actors {
        let name = name(actor);
        let exited = || node.get(&format!("/api/agents/{}", actor.agent))["agent"]["running"] == false;
        wait_until("it is gone", exited);
        let (code, printed, said) = node.cli(&["start", &name]);
        assert!(code == 0 && said.contains("resumes the conversation"), "{name}: {printed}{said}");
        print!("{said}");
    }
    for actor in &mut actors {
        let scenes = say(actor, Scene::ProseWork, "scene:prose-work and pears");
        assert_eq!(scenes, [Scene::Text, Scene::ProseWork], "{}", name(actor));
    }
    let Some(claude) = actors.iter_mut().find(|actor| actor.installed.program == Program::Claude) else { return };
    let (code, printed, said) = node.cli(&["restart", "--fresh", &name(claude)]);
    assert!(code == 0, "{printed}{said}");
    assert_eq!(say(claude, Scene::ProseQuestion, "scene:prose-question anew"), [Scene::ProseQuestion]);
}

#[test]
fn an_agent_waits_since_then_after_a_restart_of_the_node() {
    let mut node = TestNode::start();
    let ask = |name: &str, backend: &str| {
        let script = "printf 'Deploy, proceed? (y/n) '; read line; sleep 600";
        node.create(&json!({ "name": name, "directory": "/", "program": "/bin/sh", "args": ["-c", script], "backend": backend }))
    };
    let agent = ask("asks", "tmux");
    let state = |node: &TestNode| node.get(&format!("/api/agents/{agent}"))["agent"]["state"].clone();
    wait_until("it waits", || state(&node)["kind"] == "waiting");
    let age = |node: &TestNode| Duration::from_millis(state(node)["age_ms"].as_u64().unwrap_or_default());
    // Since when it waits, by our clock, before and after.
    let before = Instant::now().checked_sub(age(&node)).expect("a moment");
    wait_until("it is written down", || age(&node) > Duration::from_secs(5));
    node.kill();
    node.run(&[]);
    wait_until("it waits again", || state(&node)["kind"] == "waiting");
    let after = Instant::now().checked_sub(age(&node)).expect("a moment");
    let apart = after.max(before) - after.min(before);
    assert!(apart < Duration::from_secs(1), "it waits since then, {apart:?} apart");
    let listed = wait_for("a list", || Some(node.cli(&["ls", "--json"]).1).filter(|list| list.contains("waiting")));
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let listed = listed.as_array().into_iter().flatten().find(|agent| agent["name"] == "asks").cloned();
    assert!(listed.is_some_and(|agent| agent["state"]["age_ms"].as_u64().is_some_and(|age| age > 5_000)));

    // What is asked for the first time is not old.
    let viewer_types = json!({ "text": "y", "submit": true, "anyway": true });
    assert_eq!(node.http("POST", &format!("/api/agents/{agent}/input"), Some(&viewer_types)).0, 200);
    wait_until("it was answered", || state(&node)["kind"] != "waiting");
    assert!(age(&node) < Duration::from_secs(5), "{}", state(&node));
}
