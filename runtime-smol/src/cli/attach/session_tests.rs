//! What a session says to the node and shows to the user, told as stories.

use super::session::{Action, End, Session, Target};
use super::wire::{self, Size};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

const OWN: Size = Size { cols: 80, rows: 24 };

/// A session and what it has done so far.
struct Story {
    session: Session,
    /// Text messages since they were last asked for.
    said: Vec<Value>,
    /// Binary messages since they were last asked for.
    frames: Vec<Vec<u8>>,
    /// Everything written to the user's terminal.
    shown: Vec<u8>,
    end: Option<End>,
}

impl Story {
    fn new() -> Self {
        let target = Target { agent: "0123456789abc".into(), name: "zoom".into(), pane: None };
        let session = Session::new(target, "v".repeat(22), "Ctrl+] detaches".into(), OWN);
        Story { session, said: Vec::new(), frames: Vec::new(), shown: Vec::new(), end: None }
    }

    /// Connected, attached and shown `$ `; the greeting is gone.
    fn attached() -> Self {
        let mut story = Story::new();
        story.on(Session::connected);
        story.answer_attach(0, false, "you");
        story.snapshot(100, b"$ ");
        story.on(Session::notice_over);
        story.answer_attach(0, false, "you");
        story.snapshot(100, b"$ ");
        story.forget();
        story
    }

    /// Lets the session do something; the user's terminal takes everything at once.
    fn on(&mut self, event: impl FnOnce(&mut Session)) {
        event(&mut self.session);
        while let Some(action) = self.session.poll() {
            match action {
                Action::Text(text) => self.said.push(serde_json::from_str(&text).unwrap()),
                Action::Binary(bytes) => self.frames.push(bytes),
                Action::Paint { bytes, upto } => {
                    self.shown.extend_from_slice(&bytes);
                    if let Some(mark) = upto {
                        self.session.painted(mark);
                    }
                }
                Action::ForgetPaint => self.shown.clear(),
                Action::EndNoticeSoon | Action::EndNotice => {}
                Action::End(end) => self.end = Some(end),
            }
        }
    }

    fn forget(&mut self) {
        self.said.clear();
        self.frames.clear();
        self.shown.clear();
    }

    fn node_says(&mut self, message: Value) {
        self.on(|session| session.text(&message.to_string()));
    }

    /// The number of the stream that is attached to or being attached to.
    fn stream(&self) -> u32 {
        let attach = self.said.iter().rev().find(|message| message["t"] == "attach");
        u32::try_from(attach.expect("attach was said")["s"].as_u64().unwrap()).unwrap()
    }

    fn answer_attach(&mut self, input_seq: u64, input_known: bool, holder: &str) {
        let s = self.stream_or(2);
        self.node_says(
            json!({"t":"attached","s":s,"agent":"0123456789abc","terminal":3,"generation":"0000000000000007",
            "offset":100,"input_seq":input_seq,"input_known":input_known,"cols":80,"rows":24,"holder":holder}),
        );
    }

    fn snapshot(&mut self, offset: u64, bytes: &[u8]) {
        let frame = wire::snapshot(self.stream_or(2), offset, 7, OWN, bytes);
        self.on(|session| session.binary(&frame));
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) {
        let frame = wire::data(self.stream_or(2), offset, bytes);
        self.on(|session| session.binary(&frame));
    }

    /// The stream number also after [`Story::attached`] has forgotten what was said.
    fn stream_or(&self, default: u32) -> u32 {
        if self.said.iter().any(|message| message["t"] == "attach") { self.stream() } else { default }
    }

    fn types(&mut self, keys: &str) {
        self.on(|session| assert!(session.typed(keys.as_bytes())));
    }

    fn last_said(&self, kind: &str) -> &Value {
        let message = self.said.iter().rev().find(|message| message["t"] == kind);
        message.unwrap_or_else(|| panic!("no {kind} in {:?}", self.said))
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }
}

#[test]
fn it_introduces_itself_takes_the_size_and_says_that_a_person_has_looked() {
    let mut story = Story::new();
    story.on(Session::connected);
    assert_eq!(story.said[0], json!({"t":"hello","protocol":1,"viewer":"v".repeat(22)}));
    assert_eq!(
        story.said[1],
        json!({"t":"attach","s":1,"agent":"0123456789abc","terminal":null,"from":null,
            "size":{"cols":80,"rows":24},"take":"always"})
    );
    assert_eq!(story.said[2], json!({"t":"seen","agent":"0123456789abc"}));
}

#[test]
fn a_snapshot_replaces_the_screen_and_is_acknowledged_once_it_is_shown() {
    let mut story = Story::new();
    story.on(Session::connected);
    story.answer_attach(0, false, "you");
    story.snapshot(100, b"hello");
    assert!(story.screen().contains("\x1b[2J\x1b[H\x1b7hello"), "{:?}", story.screen());
    assert!(story.screen().contains("attached to zoom"));
    assert_eq!(story.frames, [wire::ack(1, 100)]);
}

#[test]
fn an_alternate_screen_that_was_left_erases_nothing_of_a_snapshot() {
    let mut story = Story::attached();
    story.snapshot(200, b"text\x1b[2;5H\x1b[1m\x1b[?1049h\x1b[?1049l\x1b[0m\x1b[3;1H");
    let shown = String::from_utf8_lossy(&story.shown).into_owned();
    let (_, after) = shown.split_once("text").expect("it is shown");
    assert!(after.starts_with("\x1b[2;5H\x1b[1m\x1b[0m\x1b[3;1H"), "{after:?}");
}

#[test]
fn a_snapshot_that_ends_within_a_sequence_or_a_character_is_continued_by_the_next_byte() {
    let mut story = Story::attached();
    for (end, next, whole) in [(&b"\x1b[3"[..], &b"1mred"[..], "\x1b[31mred"), (b"\xe2\x9c", b"\xb3!", "✳!")] {
        story.snapshot(100, end);
        story.data(100, next);
        assert!(story.screen().ends_with(whole), "{:?}", story.screen());
    }
}

#[test]
fn output_is_shown_and_acknowledged_by_its_absolute_offset() {
    let mut story = Story::attached();
    story.data(100, b"abc");
    story.data(103, b"de");
    assert_eq!(story.screen(), "abcde");
    assert_eq!(story.frames, [wire::ack(2, 103), wire::ack(2, 105)]);
}

#[test]
fn output_that_is_repeated_is_shown_once_and_a_gap_asks_for_a_new_picture() {
    let mut story = Story::attached();
    story.data(100, b"abc");
    story.data(101, b"bcd");
    assert_eq!(story.screen(), "abcd");
    story.data(200, b"zzz");
    assert_eq!(story.screen(), "abcd");
    assert_eq!(story.last_said("attach")["from"], Value::Null);
}

#[test]
fn a_question_of_the_program_is_not_put_to_the_users_terminal() {
    let mut story = Story::attached();
    story.data(100, b"a\x1b[");
    story.data(103, b"6nb");
    assert_eq!(story.screen(), "ab");
}

#[test]
fn when_a_program_leaves_the_alternate_screen_the_other_one_is_asked_for() {
    let mut story = Story::attached();
    story.data(100, b"\x1b[?1049l");
    assert_eq!(story.last_said("attach")["s"], 3);
    assert_eq!(story.last_said("attach")["take"], "always", "the size is handed over");
    assert_eq!(story.last_said("detach")["s"], 2);
    story.on(|session| session.binary(&wire::data(2, 108, b"late")));
    assert_eq!(story.screen(), "", "the old stream counts no more");
}

#[test]
fn keys_are_numbered_and_wait_for_the_window() {
    let mut story = Story::attached();
    story.types("ls");
    story.types("\r");
    assert_eq!(story.frames, [wire::input(2, 1, 1, b"ls"), wire::input(2, 1, 2, b"\r")]);
}

#[test]
fn keys_typed_before_the_terminal_is_attached_are_sent_then() {
    let mut story = Story::new();
    story.on(Session::connected);
    story.types("early");
    assert!(story.frames.is_empty());
    story.answer_attach(0, false, "you");
    assert_eq!(story.frames, [wire::input(1, 1, 1, b"early")]);
}

#[test]
fn keys_typed_while_a_new_picture_is_on_its_way_are_sent_when_the_new_stream_is_open() {
    let mut story = Story::attached();
    story.data(100, b"\x1b[?1049l");
    story.frames.clear();
    story.types("x");
    assert!(story.frames.is_empty());
    story.answer_attach(0, false, "you");
    assert_eq!(story.frames, [wire::input(3, 1, 1, b"x")]);
}

#[test]
fn a_stream_that_is_opened_again_by_itself_goes_on_and_repeats_what_was_not_written() {
    let mut story = Story::attached();
    story.data(100, b"abc");
    story.types("a");
    story.types("b");
    story.forget();
    story.answer_attach(1, true, "you");
    assert_eq!(story.frames, [wire::input(2, 2, 2, b"b")], "typed by somebody who knows of the second opening");
    story.data(103, b"def");
    assert_eq!(story.screen(), "def");
}

#[test]
fn a_stream_that_is_opened_again_by_an_owner_that_forgot_us_says_so() {
    let mut story = Story::attached();
    story.types("rm x");
    story.forget();
    story.answer_attach(0, false, "none");
    assert!(story.frames.is_empty());
    assert!(story.screen().contains("may not have arrived"), "{:?}", story.screen());
}

#[test]
fn a_loss_that_was_told_to_the_old_stream_is_made_good_on_the_new_one() {
    let mut story = Story::attached();
    story.types("a");
    story.data(100, b"\x1b[?1049l");
    story.types("b");
    story.frames.clear();
    story.answer_attach(0, true, "you");
    assert_eq!(story.frames, [wire::input(3, 1, 1, b"a"), wire::input(3, 1, 2, b"b")]);
}

#[test]
fn a_lost_connection_goes_on_at_the_offset_and_repeats_only_what_was_not_written() {
    let mut story = Story::attached();
    story.data(100, b"abc");
    for key in ["a", "b", "c"] {
        story.types(key);
    }
    story.node_says(json!({"t":"input-ack","s":2,"seq":1}));
    story.on(Session::disconnected);
    story.types("d");
    story.forget();
    story.on(Session::connected);
    assert_eq!(story.last_said("attach")["from"], json!({"generation":"0000000000000007","offset":103}));
    assert_eq!(story.last_said("attach")["terminal"], 3, "the same terminal, even if another is active now");
    assert_eq!(story.last_said("attach")["take"], "if-free");
    story.answer_attach(2, true, "you");
    assert_eq!(story.frames, [wire::input(3, 1, 3, b"c"), wire::input(3, 1, 4, b"d")]);
    story.data(103, b"def");
    assert_eq!(story.screen(), "def");
}

#[test]
fn an_owner_that_forgot_us_gets_nothing_twice_and_the_user_is_told() {
    let mut story = Story::attached();
    story.types("rm x");
    story.on(Session::disconnected);
    story.types("/tmp\r");
    story.forget();
    story.on(Session::connected);
    story.answer_attach(0, false, "none");
    assert!(story.frames.is_empty(), "half a command line is worse than none");
    assert!(story.screen().contains("may not have arrived"), "{:?}", story.screen());
}

#[test]
fn input_that_was_not_written_is_told() {
    let mut story = Story::attached();
    story.types("abc");
    story.node_says(json!({"t":"input-lost","s":2,"seq":1,"message":"the terminal\x1b has ended"}));
    assert!(story.screen().contains("not typed (3 bytes): the terminal  has ended"), "{:?}", story.screen());
    story.forget();
    story.types("d");
    assert_eq!(story.frames[0], wire::input(2, 2, 1, b"d"), "the next one takes the lost number");
}

#[test]
fn a_notice_covers_one_line_until_a_key_is_typed() {
    let mut story = Story::attached();
    story.types("a");
    story.node_says(json!({"t":"input-lost","s":2,"seq":1,"message":""}));
    assert!(story.screen().contains("\x1b[24;1H"));
    story.types("x");
    assert_eq!(story.last_said("attach")["from"], Value::Null, "what it covered is painted anew");
    story.forget();
    story.types("y");
    assert!(story.said.is_empty(), "once");
}

#[test]
fn output_waits_behind_a_notice_and_never_scrolls_it_away() {
    let mut story = Story::attached();
    story.types("a");
    story.node_says(json!({"t":"input-lost","s":2,"seq":1,"message":""}));
    story.forget();
    story.data(100, b"line\r\n");
    assert_eq!((story.screen().as_str(), story.frames.len()), ("", 0), "neither shown nor acknowledged");
    story.on(Session::notice_over);
    assert_eq!(story.last_said("attach")["from"], Value::Null, "a picture that has it all");
    story.answer_attach(0, true, "you");
    story.snapshot(106, b"line\r\n");
    story.data(106, b"next");
    assert!(story.screen().ends_with("next"), "{:?}", story.screen());
}

/// What the node says of the agent's machine and of this one.
fn machines(reachable: bool, since_ms: u64, rights: &str) -> Value {
    json!({"t":"nodes","all":[{"id":"here","name":"laptop","self":true,"reachable":true,"rights":rights},
        {"id":"there","name":"mini","reachable":reachable,"since_ms":since_ms,"rights":"operate"}]})
}

/// Attached to an agent of the machine mini; the greeting is gone.
fn attached_far(rights: &str) -> Story {
    let target = Target { agent: "0123456789abc@there".into(), name: "zoom@mini".into(), pane: None };
    let mut story = Story::new();
    story.session = Session::new(target, "v".repeat(22), "Ctrl+] detaches".into(), OWN);
    story.on(Session::connected);
    story.node_says(machines(true, 0, rights));
    story.answer_attach(0, false, "you");
    story.snapshot(100, b"$ ");
    story
}

fn without_greeting(mut story: Story) -> Story {
    story.on(Session::notice_over);
    story.answer_attach(0, false, "you");
    story.snapshot(100, b"$ ");
    story.forget();
    story
}

#[test]
fn a_machine_that_cannot_be_reached_is_said_until_it_can() {
    let mut story = without_greeting(attached_far("operate"));
    story.node_says(machines(false, 5_000, "operate"));
    assert!(story.screen().contains("mini cannot be reached for 5s; Ctrl+] detaches"), "{:?}", story.screen());
    story.on(|session| session.time_passes(Duration::from_secs(2)));
    story.types("ls");
    assert!(story.screen().contains("for 7s; 2 bytes typed wait for it"), "{:?}", story.screen());
    story.forget();
    story.on(Session::notice_over);
    assert!(story.said.is_empty(), "it stays");
    assert!(!story.session.is_answered() && story.session.unconfirmed() == 2);
    story.node_says(machines(true, 0, "operate"));
    assert!(story.screen().contains("mini is back"), "{:?}", story.screen());
    story.answer_attach(1, true, "you");
    assert_eq!(story.session.unconfirmed(), 0);
}

#[test]
fn a_machine_that_is_back_and_forgot_us_says_how_much_may_be_lost() {
    let mut story = without_greeting(attached_far("operate"));
    story.node_says(machines(false, 0, "operate"));
    story.types("rm x");
    story.node_says(machines(true, 0, "operate"));
    story.answer_attach(0, false, "none");
    assert!(story.screen().contains("the last 4 bytes that you typed may not have arrived"), "{:?}", story.screen());
}

#[test]
fn who_may_only_look_is_told_so_and_types_nothing() {
    let story = attached_far("view");
    assert!(story.screen().contains("only looking at zoom@mini"), "{:?}", story.screen());
    let mut story = without_greeting(story);
    story.types("y");
    assert!(story.screen().contains("only looking: this machine may not type on mini"), "{:?}", story.screen());
    assert!(story.frames.is_empty());
    story.node_says(machines(true, 0, "operate"));
    story.types("y");
    assert!(!story.frames.is_empty(), "as soon as it may");
}

#[test]
fn a_window_that_changes_its_size_says_so() {
    let mut story = Story::attached();
    story.on(|session| session.resized(Size { cols: 100, rows: 30 }));
    assert_eq!(story.said, [json!({"t":"size","s":2,"take":"if-free","cols":100,"rows":30})]);
    story.forget();
    story.on(|session| session.resized(Size { cols: 100, rows: 30 }));
    assert!(story.said.is_empty(), "the same size is no news");
}

#[test]
fn a_window_whose_size_does_not_count_is_painted_anew() {
    let mut story = Story::attached();
    story.node_says(json!({"t":"size","s":2,"cols":80,"rows":24,"holder":"other"}));
    story.on(|session| session.resized(Size { cols: 100, rows: 30 }));
    assert_eq!(story.last_said("attach")["take"], "if-free");
}

#[test]
fn a_foreign_size_is_told_once() {
    let mut story = Story::attached();
    story.node_says(json!({"t":"size","s":2,"cols":120,"rows":40,"holder":"other"}));
    let wide = wire::snapshot(2, 100, 7, Size { cols: 120, rows: 40 }, b"wide");
    story.on(|session| session.binary(&wide));
    assert!(story.screen().contains("120×40"), "{:?}", story.screen());
    story.on(Session::notice_over);
    let wide = wire::snapshot(3, 100, 7, Size { cols: 120, rows: 40 }, b"wide");
    story.on(|session| session.binary(&wide));
    assert!(!story.screen().contains("120×40"), "{:?}", story.screen());
}

#[test]
fn a_size_that_is_about_to_become_ours_is_not_worth_a_word() {
    let mut story = Story::new();
    story.on(Session::connected);
    story.answer_attach(0, false, "you");
    let old = wire::snapshot(1, 100, 7, Size { cols: 120, rows: 40 }, b"wide");
    story.on(|session| session.binary(&old));
    story.snapshot(100, b"$ ");
    assert!(story.screen().contains("attached to zoom") && !story.screen().contains("120×40"), "{:?}", story.screen());
}

#[test]
fn a_node_that_answers_again_is_said_to() {
    let mut story = Story::attached();
    story.on(Session::disconnected);
    story.on(Session::unreachable);
    story.forget();
    story.on(Session::connected);
    story.answer_attach(0, false, "you");
    story.snapshot(100, b"$ ");
    assert!(story.screen().contains("answers again") && !story.screen().contains("trying"), "{:?}", story.screen());
}

#[test]
fn the_end_of_the_terminal_is_the_end_with_its_reason() {
    let mut story = Story::attached();
    story.node_says(json!({"t":"ended","s":1,"reason":"exited","message":"old"}));
    assert_eq!(story.end, None, "of a stream that we left");
    story.node_says(json!({"t":"ended","s":2,"reason":"exited","message":"it exited with code 0"}));
    assert_eq!(story.end, Some(End::Exited("zoom has ended: it exited with code 0".into())));
}

#[test]
fn a_refusal_and_another_protocol_are_failures() {
    for message in [
        json!({"t":"ended","s":2,"reason":"refused","message":"no"}),
        json!({"t":"welcome","protocol":2}),
        json!({"t":"error","code":"x","message":"bad","hint":"h"}),
        json!({"no":"type"}),
    ] {
        let mut story = Story::attached();
        story.node_says(message);
        assert!(matches!(story.end, Some(End::Failed(_))));
    }
}

/// What a node, or something worse, could send.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let frame = (1u8..5, 0u32..4, 0u64..400, prop::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(kind, s, offset, bytes)| [&[kind][..], &s.to_le_bytes(), &offset.to_le_bytes(), &bytes].concat());
    prop_oneof![frame, any::<Vec<u8>>()]
}

proptest! {
    #[test]
    fn nothing_that_a_node_sends_makes_it_panic_or_acknowledge_what_it_has_not_got(messages in prop::collection::vec(anything(), 0..30)) {
        let mut story = Story::attached();
        for message in messages {
            story.on(|session| session.binary(&message));
            story.on(|session| session.text(&String::from_utf8_lossy(&message)));
        }
    }
}
