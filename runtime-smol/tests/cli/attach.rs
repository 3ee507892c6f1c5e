//! `consort attach` in a real terminal, with the node played by the test.

use crate::node::{FakeNode, Viewer, agent};
use crate::screen::Terminal;
use crate::{consort, run};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::LocalModes;
use serde_json::{Value, json};
use std::process::Child;

const INPUT: u8 = 3;
const ACK: u8 = 4;

/// Somebody who has attached to `scratch`, has typed `k` and sees `$ `.
struct Attached {
    node: FakeNode,
    terminal: Terminal,
    child: Child,
    viewer: Viewer,
    stream: u32,
}

fn attach() -> Attached {
    let node = FakeNode::start(vec![agent("ccccccccccccc", "scratch")]);
    let terminal = Terminal::new(24, 80);
    let child = terminal.spawn(consort(node.folder(), &["attach", "scr"]));
    let mut viewer = node.viewer();
    let hello = viewer.hears("hello");
    assert_eq!((hello["protocol"].as_u64(), hello["viewer"].as_str().map(str::len)), (Some(1), Some(22)));
    let asked = viewer.hears("attach");
    assert_eq!((&asked["agent"], &asked["take"]), (&json!("ccccccccccccc"), &json!("always")));
    assert_eq!((&asked["from"], &asked["size"]), (&Value::Null, &json!({"cols":80,"rows":24})));
    let stream = answer(&mut viewer, &asked, 100, 0, false);
    viewer.sends_snapshot(stream, 100, (80, 24), b"$ ");
    terminal.wait_for("\x1b[2J\x1b[H\x1b7$ ");
    // The first key takes the greeting away, and with it the one thing that would happen by time alone.
    terminal.types("k");
    let (asked, input) = viewer.hears_and_receives("attach", INPUT);
    assert_eq!((input.1, input.2), (1, b"k".to_vec()));
    let stream = answer(&mut viewer, &asked, 100, 1, true);
    viewer.sends_snapshot(stream, 100, (80, 24), b"$ ");
    terminal.wait_for_another("\x1b[2J\x1b[H\x1b7$ ");
    Attached { node, terminal, child, viewer, stream }
}

/// Says `attached`; returns the stream's number.
fn answer(viewer: &mut Viewer, asked: &Value, offset: u64, input_seq: u64, input_known: bool) -> u32 {
    viewer.says(&json!({"t":"welcome","protocol":1,"node":{},"instance":"0","limits":{}}));
    viewer.says(&json!({"t":"agents","all":[]}));
    viewer.says(&json!({"t":"attached","s":asked["s"],"agent":"ccccccccccccc","terminal":3,
        "generation":"0000000000000007","offset":offset,"input_seq":input_seq,"input_known":input_known,
        "cols":80,"rows":24,"holder":"you"}));
    u32::try_from(asked["s"].as_u64().unwrap()).unwrap()
}

impl Attached {
    fn is_raw(&self) -> bool {
        !self.terminal.modes().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn ends(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

#[test]
fn attaching_borrows_the_terminal_and_detaching_gives_it_back() {
    let mut attached = attach();
    assert!(attached.is_raw());
    let before = attached.terminal.shown();
    assert!(before.contains("attached to scratch — Ctrl+] detaches\r\n"), "{before:?}");
    assert!(before.contains("\x1b[?1049h"), "{before:?}");
    attached.terminal.types("\x1d");
    assert_eq!(attached.ends(), Some(0));
    attached.terminal.wait_for("detached; scratch runs on\r\n");
    assert!(!attached.is_raw());
    let after = attached.terminal.shown().split_off(before.len());
    let left = after.find("\x1b[?1049l").expect("the alternate screen is left");
    for reset in ["\x1b[?25h", "\x1b[?1000l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[0m", "\x1b[23;0t"] {
        assert!(after.contains(reset), "{reset:?} in {after:?}");
    }
    assert!(after.find("detached").unwrap() > left, "the last word is on the normal screen");
}

#[test]
fn keys_arrive_numbered_and_the_last_ones_before_the_detach_key_too() {
    let mut attached = attach();
    attached.terminal.types("ls");
    assert_eq!(attached.viewer.receives(INPUT), (attached.stream, 2, b"ls".to_vec()));
    attached.terminal.types("\r\x1d");
    assert_eq!(attached.viewer.receives(INPUT), (attached.stream, 3, b"\r".to_vec()));
    assert_eq!(attached.ends(), Some(0));
}

#[test]
fn control_keys_are_the_agents() {
    let mut attached = attach();
    attached.terminal.types("\x03\x1a\x1c");
    assert_eq!(attached.viewer.receives(INPUT).2, b"\x03\x1a\x1c");
    attached.terminal.types("\x1d");
    assert_eq!(attached.ends(), Some(0));
}

#[test]
fn a_bracketed_paste_is_prepared_as_by_every_other_door() {
    let mut attached = attach();
    let table: Value = serde_json::from_str(include_str!("../../../tests/pastes.json")).unwrap();
    for entry in table.as_array().unwrap() {
        let (text, arrives) = (entry["text"].as_str().unwrap(), entry["arrives"].as_str().unwrap());
        // Where such a paste ends is the decision of the terminal around us.
        if text.contains("\x1b[201~") {
            continue;
        }
        attached.terminal.types(&format!("\x1b[200~{text}\x1b[201~"));
        let expected = format!("\x1b[200~{}\x1b[201~", arrives.replace('\n', "\r"));
        let mut got = Vec::new();
        while got.len() < expected.len() {
            got.extend(attached.viewer.receives(INPUT).2);
        }
        assert_eq!(String::from_utf8_lossy(&got), expected, "{}", entry["name"]);
    }
    attached.terminal.types("\x1d");
    assert_eq!(attached.ends(), Some(0));
}

#[test]
fn output_is_shown_without_its_questions_and_acknowledged() {
    let mut attached = attach();
    attached.viewer.sends_data(attached.stream, 100, b"one\x1b[6n\x1b[");
    attached.viewer.sends_data(attached.stream, 109, b"ctwo");
    attached.terminal.wait_for("onetwo");
    while attached.viewer.receives(ACK).1 < 113 {}
    attached.terminal.types("\x1d");
    assert_eq!(attached.ends(), Some(0));
}

#[test]
fn a_window_that_changes_is_told() {
    let mut attached = attach();
    attached.terminal.resize(30, 100);
    attached.signal(Signal::WINCH);
    let size = attached.viewer.hears("size");
    assert_eq!(size, json!({"t":"size","s":attached.stream,"take":"if-free","cols":100,"rows":30}));
    attached.terminal.types("\x1d");
    assert_eq!(attached.ends(), Some(0));
}

#[test]
fn a_broken_connection_goes_on_where_it_broke() {
    let mut attached = attach();
    attached.viewer.sends_data(attached.stream, 100, b"seen");
    attached.terminal.wait_for("seen");
    attached.terminal.types("b");
    assert_eq!(attached.viewer.receives(INPUT), (attached.stream, 2, b"b".to_vec()));
    let Attached { node, terminal, mut child, viewer, .. } = attached;
    drop(viewer);

    let mut viewer = node.viewer();
    let asked = viewer.hears("attach");
    assert_eq!(asked["from"], json!({"generation":"0000000000000007","offset":104}));
    let stream = answer(&mut viewer, &asked, 104, 1, true);
    assert_eq!(viewer.receives(INPUT), (stream, 2, b"b".to_vec()), "what was not acknowledged, with its number");
    viewer.sends_data(stream, 104, b" and more");
    terminal.wait_for("seen and more");
    terminal.types("\x1d");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_end_of_the_agent_is_told_on_the_normal_screen() {
    let mut attached = attach();
    attached
        .viewer
        .says(&json!({"t":"ended","s":attached.stream,"reason":"exited","message":"claude ended with code 0"}));
    assert_eq!(attached.ends(), Some(0));
    attached.terminal.wait_for("scratch has ended: claude ended with code 0\r\n");
    assert!(!attached.is_raw());
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut attached = attach();
        attached.signal(signal);
        assert_eq!(attached.ends(), Some(1));
        attached.terminal.wait_for("\x1b[?1049l");
        assert!(!attached.is_raw());
    }
}

#[test]
fn what_cannot_be_attached_to_leaves_the_terminal_alone() {
    let node = FakeNode::start(vec![agent("ccccccccccccc", "scratch")]);
    let terminal = Terminal::new(24, 80);
    for arguments in [&["attach", "nobody"][..], &["attach", "scratch", "--pane", "9"]] {
        let status = terminal.spawn(consort(node.folder(), arguments)).wait().unwrap();
        assert_eq!(status.code(), Some(1));
    }
    terminal.wait_for("   3  1.0");
    assert!(!terminal.shown().contains("\x1b[?1049h"));
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let node = FakeNode::start(vec![agent("ccccccccccccc", "scratch")]);
    let outcome = run(node.folder(), &["attach", "scratch"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.err.contains("consort screen AGENT"), "{}", outcome.err);
}
