//! `--record DIR`: what a real node was told is played back and goes as it went, and holds no secret.

use consort_core::directory::StateKind;
use consort_recording::Ending;
use consort_sim::replay::{Manner, Replayed, replay};
use consort_tests::{TestNode, TestViewer, wait_for, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::path::{Path, PathBuf};

const TYPED: &str = "hunter2-typed";
const PASTED: &str = "hunter2-pasted";
const NOTED: &str = "hunter2-noted";
const VALUE: &str = "hunter2-value";

fn folder(node: &TestNode) -> PathBuf {
    node.folder().join("recordings")
}

fn recorded(name: &str, more: &[&str]) -> TestNode {
    let mut node = TestNode::prepared();
    let folder = folder(&node);
    node.run_named(name, &[&["--record", folder.to_str().expect("UTF-8")], more].concat());
    node
}

/// The recording of the newest life.
fn newest(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    std::fs::read(files.max().expect("a recording")).expect("readable")
}

/// What comes of playing back what is on the disk now.
fn played(node: &TestNode) -> Replayed {
    let replayed = replay(&newest(&folder(node)), Manner::default()).expect("a recording");
    assert_eq!(replayed.failure, None);
    replayed
}

fn contains(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|part| part == text.as_bytes())
}

fn shows(viewer: &TestViewer, text: &str) -> bool {
    viewer.streams[&1].screen.lines().iter().any(|line| line.contains(text))
}

/// Name, whether it runs, and how long its notes are, of each agent that a node has itself.
fn own_agents(replayed: &Replayed) -> Vec<(String, bool, usize)> {
    let view = replayed.node.as_ref().expect("it did not panic").node().view();
    let own = view.agents().filter(|agent| agent.node == view.id());
    own.map(|agent| (agent.name.to_string(), agent.running, agent.notes.len())).collect()
}

#[test]
fn two_machines_are_played_back_as_they_went_and_their_recordings_hold_no_secret() {
    let (here, mut there) = (recorded("here", &[]), recorded("there", &[]));
    here.join(&there);
    let variable = format!("KEY={VALUE}");
    let (code, _, error) = here.cli(&["new", "far@there", "--env", &variable, "--", "sh", "-c", "cat"]);
    assert_eq!(code, 0, "{error}");
    let id = here.agent_named("far")["id"].as_str().expect("an id").to_string();
    let mut viewer = here.viewer();
    viewer.attach(1, &id, Some((80, 24)), "always");
    viewer.type_bytes(1, format!("{TYPED}\r").as_bytes());
    viewer.wait("what was typed is shown", |viewer| shows(viewer, TYPED));
    // More than one parcel holds.
    let notes = format!("{NOTED}\n").repeat(9_000);
    let command = |words: &[&str]| {
        let (code, out, error) = here.cli(words);
        assert_eq!(code, 0, "{error}");
        out
    };
    command(&["send", "far@there", PASTED]);
    viewer.wait("what was pasted is shown", |viewer| shows(viewer, PASTED));
    command(&["notes", "far@there", &notes]);
    assert_eq!(command(&["notes", "far@there"]).trim(), notes.trim());
    assert!(command(&["screen", "far@there", "--history", "100"]).contains(TYPED));

    let wanted = [("far".to_string(), true, notes.len())];
    wait_until("all of it is recorded", || own_agents(&played(&there)) == wanted);
    there.kill();
    wait_until("its end is noticed", || !here.reaches("there"));
    wait_until("that is recorded", || {
        let replayed = played(&here);
        let view = replayed.node.as_ref().expect("it did not panic").node().view();
        view.nodes().any(|node| node.name == "there" && !node.reachable)
            && view.agents().any(|agent| agent.name == "far")
    });
    let torn = played(&there);
    assert_eq!(own_agents(&torn), wanted);
    assert!(torn.ending.is_err(), "a killed node has not ended its recording");
    for node in [&here, &there] {
        let file = newest(&folder(node));
        let held = [TYPED, PASTED, NOTED, VALUE].map(|secret| contains(&file, secret));
        assert_eq!(held, [false; 4]);
        assert!(contains(&file, "far"), "names are no secrets");
    }

    // What was stored is where the next life begins.
    let record = folder(&there);
    there.run_named("there", &["--record", record.to_str().expect("UTF-8")]);
    wait_until("both are there again", || here.reaches("there") && there.reaches("here"));
    wait_until("that is recorded", || own_agents(&played(&there)) == wanted);
    assert!(!contains(&newest(&record), NOTED));
}

#[test]
fn a_recording_of_a_node_that_is_stopped_ends_whole() {
    let node = recorded("here", &[]);
    let agent =
        node.create(&json!({ "name": "a", "program": "sh", "args": ["-c", "printf 'Proceed? (y/n) '; read x"] }));
    wait_until("it asks", || node.agent_named("a")["state"]["kind"] == "waiting");
    assert_eq!(node.http("POST", &format!("/api/agents/{agent}/stop"), None).0, 200);
    let pid = i32::try_from(node.pid()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::TERM).expect("it runs");
    let replayed = wait_for("it has ended", || Some(played(&node)).filter(|replayed| replayed.ending.is_ok()));
    assert_eq!(replayed.ending, Ok(Ending::Stopped));
    let view = replayed.node.as_ref().expect("it did not panic").node().view();
    let states: Vec<StateKind> = view.agents().map(|agent| agent.state.kind).collect();
    assert_eq!(states, [StateKind::Exited]);
}

#[test]
fn everything_is_in_a_recording_that_leaves_nothing_out() {
    let node = recorded("here", &["--record-all"]);
    let agent = node.create(&json!({ "name": "a", "program": "cat", "notes": NOTED, "env": { "KEY": VALUE } }));
    let mut viewer = node.viewer();
    viewer.attach(1, &agent, Some((80, 24)), "always");
    viewer.type_bytes(1, format!("{TYPED}\r").as_bytes());
    viewer.wait("what was typed is shown", |viewer| shows(viewer, TYPED));
    wait_until("all of it is recorded", || {
        let file = newest(&folder(&node));
        [TYPED, NOTED, VALUE].iter().all(|secret| contains(&file, secret))
    });
    assert!(played(&node).header.all);
}
