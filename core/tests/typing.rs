//! What is typed arrives once and in order, or the person is told that it did not.

mod desk;

use consort_core::{AgentId, Output, TerminalInput, TerminalOutput, ViewerId, ViewerInput, ViewerOutput, limits};
use desk::*;

const A: AgentId = AgentId(10);

fn ready() -> (Desk, ViewerId) {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let viewer = desk.connect(1);
    desk.attach(viewer, A, None);
    desk.snapshot(A, b"");
    (desk, viewer)
}

fn written(said: &[Output]) -> Vec<Vec<u8>> {
    let bytes = |order| match order {
        TerminalOutput::Write(bytes) => Some(bytes),
        _ => None,
    };
    orders(said).into_iter().filter_map(bytes).collect()
}

fn confirm(desk: &mut Desk, bytes: usize) -> Vec<Output> {
    desk.terminal(A, TerminalInput::Written { bytes })
}

fn ack(seq: u64) -> [ViewerOutput; 1] {
    [ViewerOutput::InputAck { stream: S, seq }]
}

fn lost(said: &[Output]) -> Vec<u64> {
    let seq = |frame| match frame {
        ViewerOutput::InputLost { seq, .. } => Some(seq),
        _ => None,
    };
    frames(said).into_iter().filter_map(seq).collect()
}

/// What a fresh connection is told: the last written number, and whether the rest is certain.
fn resumed(said: &[Output]) -> (u64, bool) {
    let found = frames(said).into_iter().find_map(|frame| match frame {
        ViewerOutput::Attached { input_seq, input_known, .. } => Some((input_seq, input_known)),
        _ => None,
    });
    found.expect("the stream is open")
}

#[test]
fn input_is_acknowledged_when_all_of_it_is_written() {
    let (mut desk, viewer) = ready();
    assert_eq!(written(&desk.types(viewer, 1, b"hello")), [b"hello"]);
    assert_eq!(frames(&confirm(&mut desk, 3)), []);
    assert_eq!(frames(&confirm(&mut desk, 2)), ack(1));
}

#[test]
fn repeated_input_is_not_written_again_but_acknowledged_again() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"x");
    confirm(&mut desk, 1);
    let again = desk.connect(1);
    assert_eq!(resumed(&desk.attach(again, A, None)), (1, true));
    let said = desk.types(again, 1, b"x");
    assert_eq!(written(&said), [] as [Vec<u8>; 0]);
    assert_eq!(frames(&said), ack(1));
}

#[test]
fn two_pages_type_with_their_own_numbers() {
    let (mut desk, first) = ready();
    let second = desk.connect(2);
    desk.attach(second, A, None);
    assert_eq!(written(&desk.types(first, 1, b"a")), [b"a"]);
    assert_eq!(written(&desk.types(second, 1, b"b")), [b"b"]);
    let said = confirm(&mut desk, 2);
    assert_eq!((frames_of(&said, first), frames_of(&said, second)), (ack(1).to_vec(), ack(1).to_vec()));
}

#[test]
fn a_failed_write_is_told_and_the_numbers_go_on_with_the_lost_one() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"one");
    desk.types(viewer, 2, b"two");
    confirm(&mut desk, 3);
    let said = desk.terminal(A, TerminalInput::WriteFailed("it hung up".into()));
    assert!(matches!(&frames(&said)[..], [ViewerOutput::InputLost { seq: 2, message, .. }] if message == "it hung up"));
    assert_eq!(written(&desk.types(viewer, 3, b"sent before the news came")), [] as [Vec<u8>; 0]);
    assert_eq!(written(&desk.types(viewer, 2, b"two again")), [b"two again"]);
    assert_eq!(frames(&confirm(&mut desk, 9)), ack(2));
}

#[test]
fn one_that_did_not_hear_of_the_loss_repeats_and_is_not_told_that_it_was_written() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"one");
    desk.viewer(viewer, ViewerInput::Closed);
    desk.terminal(A, TerminalInput::WriteFailed("it hung up".into()));
    let again = desk.connect(1);
    assert_eq!(resumed(&desk.attach(again, A, None)), (0, true));
    assert_eq!(written(&desk.types(again, 1, b"one")), [b"one"]);
}

#[test]
fn what_was_written_in_part_is_not_repeated() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"rm -r old");
    confirm(&mut desk, 4);
    desk.viewer(viewer, ViewerInput::Closed);
    desk.terminal(A, TerminalInput::WriteFailed("it hung up".into()));
    let again = desk.connect(1);
    assert_eq!(resumed(&desk.attach(again, A, None)), (0, false), "it may or may not have arrived");
}

#[test]
fn a_repetition_that_crossed_the_news_of_its_loss_is_not_taken_for_what_is_typed_later() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"old");
    desk.viewer(viewer, ViewerInput::Closed);
    let again = desk.connect(1);
    assert_eq!(resumed(&desk.attach(again, A, None)), (0, true), "the page repeats number 1 now");
    let said = desk.terminal(A, TerminalInput::WriteFailed("it hung up".into()));
    assert_eq!(lost(&said), [1], "and is told that it is lost while that is under way");
    let crossed = desk.types_having_heard(again, 1, 1, b"old");
    assert_eq!(written(&crossed), [] as [Vec<u8>; 0]);
    assert_eq!(written(&desk.types(again, 1, b"new")), [b"new"]);
}

#[test]
fn only_the_newest_connection_of_a_page_types() {
    let (mut desk, old) = ready();
    let new = desk.connect(1);
    desk.attach(new, A, None);
    let said = desk.types(old, 1, b"was under way");
    assert_eq!((written(&said), lost(&said)), (Vec::new(), vec![1]));
    assert_eq!(written(&desk.types(new, 1, b"x")), [b"x"]);
    desk.viewer(new, ViewerInput::Closed);
    confirm(&mut desk, 1);
    assert_eq!(written(&desk.types_having_heard(old, 1, 2, b"y")), [] as [Vec<u8>; 0], "sent before it was told");
    assert_eq!(written(&desk.types(old, 2, b"y")), [b"y"], "it is the newest again");
}

#[test]
fn an_older_connection_that_ends_leaves_the_newest_its_keys() {
    let (mut desk, old) = ready();
    let other = desk.connect(2);
    desk.attach(other, A, None);
    let new = desk.connect(1);
    desk.attach(new, A, None);
    desk.viewer(old, ViewerInput::Closed);
    assert_eq!(written(&desk.types(new, 1, b"x")), [b"x"]);
    assert_eq!(written(&desk.types(other, 1, b"y")), [b"y"]);
}

#[test]
fn a_loss_is_told_only_when_everything_before_it_is_written() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"one");
    let too_long = vec![b'x'; limits::INPUT_CHUNK_BYTES + 1];
    assert_eq!(lost(&desk.types(viewer, 2, &too_long)), [] as [u64; 0]);
    let said = confirm(&mut desk, 3);
    assert_eq!(frames(&said)[..1], ack(1));
    assert_eq!(lost(&said), [2]);
}

#[test]
fn what_is_typed_before_the_stream_is_said_to_be_open_is_not_taken() {
    let (mut desk, _) = ready();
    let viewer = desk.connect_without_room(2);
    desk.attach(viewer, A, None);
    assert_eq!(written(&desk.types(viewer, 1, b"x")), [] as [Vec<u8>; 0]);
    desk.viewer(viewer, ViewerInput::Writable);
    assert_eq!(written(&desk.types(viewer, 1, b"x")), [b"x"]);
}

#[test]
fn of_several_losses_the_first_is_told() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"one");
    assert_eq!(lost(&desk.types(viewer, 3, b"three")), [] as [u64; 0], "the first may still be written");
    let said = desk.terminal(A, TerminalInput::WriteFailed("it hung up".into()));
    assert_eq!(lost(&said), [1]);
    assert_eq!(written(&desk.types(viewer, 1, b"one again")), [b"one again"]);
}

#[test]
fn input_that_was_not_written_when_the_terminal_ended_is_told_before_the_end() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"exit\r");
    let said = desk.terminal(A, TerminalInput::Closed);
    assert!(matches!(&frames(&said)[..], [ViewerOutput::InputLost { seq: 1, .. }, ViewerOutput::Ended { .. }]));
}

#[test]
fn what_a_page_has_typed_is_remembered_for_an_hour_after_it_left() {
    let hour = limits::INPUT_MEMORY_TIME.as_millis();
    let comes_back_after = |ms| {
        let (mut desk, viewer) = ready();
        desk.types(viewer, 1, b"x");
        confirm(&mut desk, 1);
        desk.viewer(viewer, ViewerInput::Closed);
        desk.wait(ms);
        let again = desk.connect(1);
        resumed(&desk.attach(again, A, None))
    };
    assert_eq!(comes_back_after(hour - 1), (1, true));
    assert_eq!(comes_back_after(hour + limits::LINGER.as_millis()), (0, false));
}

#[test]
fn after_a_restart_of_the_terminal_the_old_numbers_mean_nothing() {
    let (mut desk, viewer) = ready();
    desk.types(viewer, 1, b"x");
    confirm(&mut desk, 1);
    desk.gone(A);
    desk.seen(session(A, "a"));
    let again = desk.connect(1);
    assert_eq!(resumed(&desk.attach(again, A, None)), (0, false));
}

#[test]
fn typing_is_told_for_the_audit_log_at_most_once_a_minute_with_the_count() {
    let (mut desk, viewer) = ready();
    let told = |said: &[Output]| {
        let count = |output: &Output| match output {
            Output::Event(consort_core::Event::Typed(_, _, count)) => Some(*count),
            _ => None,
        };
        said.iter().filter_map(count).collect::<Vec<_>>()
    };
    assert_eq!(told(&desk.types(viewer, 1, b"a")), [1]);
    assert_eq!(told(&desk.types(viewer, 2, b"bc")), [] as [u64; 0]);
    let said = desk.viewer(viewer, ViewerInput::Closed);
    assert_eq!(told(&said), [2], "nothing typed is missing from it");
    let again = desk.connect(1);
    desk.attach(again, A, None);
    assert_eq!(told(&desk.types(again, 3, b"d")), [1]);
    assert_eq!(told(&desk.types(again, 4, b"e")), [] as [u64; 0]);
    desk.wait(limits::TYPED_EVENT_TIME.as_millis() - 1);
    assert_eq!(told(&desk.types(again, 5, b"f")), [] as [u64; 0]);
    desk.wait(1);
    assert_eq!(told(&desk.types(again, 6, b"g")), [3]);
    let looks = desk.connect(2);
    desk.attach(looks, A, None);
    assert_eq!(told(&desk.viewer(looks, ViewerInput::Closed)), [] as [u64; 0], "who only looked has typed nothing");
}
