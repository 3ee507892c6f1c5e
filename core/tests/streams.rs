//! A terminal is a sequence of bytes with offsets: what viewers get of it.

mod desk;

use consort_core::input::Take;
use consort_core::output::Holder;
use consort_core::{
    AgentAddress, AgentId, EndReason, NodeId, Output, StreamId, TerminalInput, TerminalOutput, ViewerId, ViewerInput,
    ViewerOutput, limits,
};
use desk::*;

const A: AgentId = AgentId(10);

/// A desk with a session and a viewer that sees it: attached at some offset, snapshot processed.
fn watched() -> (Desk, ViewerId) {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let viewer = desk.connect(1);
    desk.attach(viewer, A, None);
    let said = desk.snapshot(A, b"screen");
    let offset = snapshot_offset(&said).expect("a snapshot");
    desk.acks(viewer, offset);
    (desk, viewer)
}

fn closed(desk: &mut Desk, viewer: ViewerId) {
    desk.viewer(viewer, ViewerInput::Closed);
}

/// Looks with one of many streams.
fn attach_as(desk: &mut Desk, viewer: ViewerId, stream: u32, agent: AgentId) -> Vec<Output> {
    attach_to(desk, viewer, stream, at(agent))
}

fn attach_to(desk: &mut Desk, viewer: ViewerId, stream: u32, agent: AgentAddress) -> Vec<Output> {
    let stream = StreamId(stream);
    let attach = ViewerInput::Attach { stream, agent, pane: Some(PANE), from: None, size: None, take: Take::Never };
    desk.viewer(viewer, attach)
}

/// The streams of these agents' terminals that are opened by these frames.
fn opened(frames: &[ViewerOutput]) -> Vec<(StreamId, AgentId)> {
    let one = |frame: &ViewerOutput| match frame {
        ViewerOutput::Attached { stream, terminal, .. } => Some((*stream, terminal.agent)),
        _ => None,
    };
    frames.iter().filter_map(one).collect()
}

#[test]
fn the_first_who_looks_has_the_terminal_watched_and_asks_for_a_snapshot() {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let viewer = desk.connect(1);
    let said = desk.attach(viewer, A, None);
    let history_lines = limits::SNAPSHOT_HISTORY_LINES;
    assert_eq!(orders(&said), [TerminalOutput::Watch, TerminalOutput::Snapshot { history_lines }]);
    assert!(matches!(frames(&said)[..], [ViewerOutput::Attached { holder: Holder::Nobody, .. }]));
}

#[test]
fn snapshot_and_subscription_are_one_step() {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let viewer = desk.connect(1);
    desk.attach(viewer, A, None);
    assert_eq!(frames(&desk.prints(A, b"before the snapshot")), []);
    let said = desk.snapshot(A, b"screen with that");
    let offset = snapshot_offset(&said).expect("a snapshot");
    assert_eq!(offset, b"before the snapshot".len() as u64);
    assert_eq!(data(&frames(&said)), b"", "what the snapshot shows is not sent again");
    let said = desk.prints(A, b"after");
    assert!(
        matches!(&frames(&said)[..], [ViewerOutput::Data { offset: at, bytes, .. }] if *at == offset && **bytes == *b"after")
    );
}

#[test]
fn who_comes_back_goes_on_from_its_offset_without_a_snapshot() {
    let (mut desk, viewer) = watched();
    let said = desk.prints(A, b"one");
    assert_eq!(data(&frames(&said)), b"one");
    let (generation, _) = position_of(&mut desk);
    closed(&mut desk, viewer);
    desk.prints(A, b"two");
    let again = desk.connect(1);
    let said = desk.attach(again, A, Some((generation, 3)));
    assert_eq!(position(&said), (generation, 3));
    assert_eq!(snapshot_offset(&said), None);
    assert_eq!(data(&frames(&said)), b"two", "and nothing of what it has");
    assert_eq!(orders(&said), []);
}

/// Generation and end of the terminal, as another viewer is told.
fn position_of(desk: &mut Desk) -> (consort_core::Generation, u64) {
    let viewer = desk.connect(99);
    let said = desk.attach(viewer, A, None);
    let found = position(&said);
    closed(desk, viewer);
    found
}

#[test]
fn a_terminal_that_nobody_looks_at_is_forgotten_with_its_numbering() {
    let (mut desk, viewer) = watched();
    let before = position_of(&mut desk);
    desk.snapshot(A, b"no snapshot is under way");
    closed(&mut desk, viewer);
    desk.wait(limits::LINGER.as_millis());
    let again = desk.connect(1);
    let said = desk.attach(again, A, Some(before));
    assert_ne!(position(&said).0, before.0);
    assert!(orders(&said).contains(&TerminalOutput::Watch));
    assert!(matches!(orders(&said)[..], [.., TerminalOutput::Snapshot { .. }]), "it cannot be gone on from");
}

#[test]
fn a_viewer_gets_no_more_than_its_window_until_it_acknowledges() {
    let (mut desk, viewer) = watched();
    let chunk = vec![b'x'; limits::FRAME_BYTES];
    let mut sent = 0;
    for _ in 0..12 {
        sent += data(&frames(&desk.prints(A, &chunk))).len() as u64;
    }
    assert_eq!(sent, limits::WINDOW_BYTES);
    let said = desk.acks(viewer, chunk.len() as u64);
    assert_eq!(data(&frames(&said)).len(), chunk.len(), "credit is what was acknowledged");
}

#[test]
fn who_comes_back_has_the_whole_window_from_where_it_goes_on() {
    let (mut desk, viewer) = watched();
    let (generation, mut at) = position_of(&mut desk);
    let chunk = vec![b'x'; limits::FRAME_BYTES];
    while at <= 2 * limits::WINDOW_BYTES {
        desk.prints(A, &chunk);
        at += chunk.len() as u64;
        desk.acks(viewer, at);
    }
    closed(&mut desk, viewer);
    let again = desk.connect(1);
    desk.attach(again, A, Some((generation, at)));
    let said: Vec<_> = (0..12).flat_map(|_| desk.prints(A, &chunk)).collect();
    assert_eq!(data(&frames(&said)).len() as u64, limits::WINDOW_BYTES);
}

#[test]
fn an_acknowledgement_of_what_was_not_sent_gives_no_credit() {
    let (mut desk, viewer) = watched();
    desk.acks(viewer, u64::MAX);
    let said: Vec<_> = (0..12).flat_map(|_| desk.prints(A, &[b'x'; limits::FRAME_BYTES])).collect();
    assert_eq!(data(&frames(&said)).len() as u64, limits::WINDOW_BYTES);
}

#[test]
fn a_viewer_that_falls_out_of_the_ring_gets_one_snapshot_instead_of_what_it_missed() {
    let (mut desk, viewer) = watched();
    let chunk = vec![b'x'; limits::FRAME_BYTES];
    let mut said = Vec::new();
    let chunks = 2 * limits::RING_BYTES / chunk.len();
    for _ in 0..chunks {
        said.extend(desk.prints(A, &chunk));
    }
    assert_eq!(data(&frames(&said)).len() as u64, limits::WINDOW_BYTES, "nothing is queued for it");
    let asked = orders(&said).iter().filter(|order| matches!(order, TerminalOutput::Snapshot { .. })).count();
    assert_eq!(asked, 1);
    let said = desk.snapshot(A, b"now");
    let offset = snapshot_offset(&said).expect("at once: it replaces the screen and needs no credit");
    assert_eq!(offset, (chunks * chunk.len()) as u64);
    desk.terminal(A, TerminalInput::Skipped);
    assert_eq!(frames(&desk.snapshot(A, b"newer")), [], "the next one waits until this one is processed");
    let said = desk.acks(viewer, offset);
    assert!(matches!(orders(&said)[..], [] | [TerminalOutput::Snapshot { .. }]));
}

#[test]
fn a_slow_viewer_does_not_hold_up_another() {
    let (mut desk, _slow) = watched();
    let quick = desk.connect(2);
    desk.attach(quick, A, None);
    desk.snapshot(A, b"screen");
    let chunk = vec![b'x'; limits::FRAME_BYTES];
    let mut got = 0;
    for number in 1..=40 {
        let said = desk.prints(A, &chunk);
        got += data(&frames_of(&said, quick)).len();
        desk.acks(quick, number * chunk.len() as u64);
    }
    assert_eq!(got, 40 * chunk.len());
}

#[test]
fn many_small_pieces_of_output_are_kept_as_long_as_few_large_ones() {
    let (mut desk, slow) = watched();
    let stalls = desk.connect_without_room(2);
    desk.viewer(stalls, ViewerInput::Writable);
    let from = position_of(&mut desk);
    desk.attach(stalls, A, Some(from));
    let mut at = from.1;
    for _ in 0..4 * limits::RING_CHUNKS {
        desk.prints(A, &[b'x'; 100]);
        at += 100;
        desk.acks(slow, at);
    }
    let mut said = Vec::new();
    for _ in 0..4 * limits::RING_CHUNKS {
        said.extend(desk.viewer(stalls, ViewerInput::Writable));
    }
    assert_eq!(data(&frames(&said)).len(), 400 * limits::RING_CHUNKS);
}

#[test]
fn without_room_nothing_is_sent_and_the_state_is_told_when_there_is() {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let viewer = desk.connect_without_room(1);
    assert_eq!(frames(&desk.attach(viewer, A, None)), []);
    let said = desk.viewer(viewer, ViewerInput::Writable);
    assert!(matches!(frames(&said)[..], [ViewerOutput::Attached { .. }]), "one frame for one room");
}

#[test]
fn what_was_skipped_is_replaced_by_a_snapshot() {
    let (mut desk, _) = watched();
    let said = desk.terminal(A, TerminalInput::Skipped);
    assert!(matches!(orders(&said)[..], [TerminalOutput::Snapshot { .. }]));
    assert_eq!(frames(&desk.prints(A, b"not continuous")), []);
    assert!(snapshot_offset(&desk.snapshot(A, b"screen")).is_some());
}

#[test]
fn a_new_size_brings_the_size_and_then_a_snapshot() {
    let (mut desk, _) = watched();
    let size = consort_core::Size::clamped(100, 30);
    let said = desk.terminal(A, TerminalInput::Resized(size));
    assert!(matches!(&frames(&said)[..], [ViewerOutput::Size { size: new, .. }] if *new == size));
    assert!(matches!(orders(&said)[..], [TerminalOutput::Snapshot { .. }]));
}

#[test]
fn in_a_flood_snapshots_are_light_and_a_full_one_follows() {
    let (mut desk, viewer) = watched();
    let lines = |said: &[consort_core::Output]| match orders(said)[..] {
        [TerminalOutput::Snapshot { history_lines }] => history_lines,
        _ => panic!("no snapshot is asked for: {said:?}"),
    };
    assert_eq!(lines(&desk.terminal(A, TerminalInput::Skipped)), limits::SNAPSHOT_HISTORY_LINES, "one gap is no flood");
    let offset = snapshot_offset(&desk.snapshot(A, b"screen")).expect("a snapshot");
    desk.acks(viewer, offset);
    desk.wait(500);
    assert_eq!(lines(&desk.terminal(A, TerminalInput::Skipped)), limits::FLOOD_HISTORY_LINES);
    let offset = snapshot_offset(&desk.snapshot(A, b"light")).expect("a snapshot");
    desk.acks(viewer, offset);
    let said = desk.wait(limits::FLOOD_TIME.as_millis());
    assert_eq!(lines(&said), limits::SNAPSHOT_HISTORY_LINES);
    assert!(snapshot_offset(&desk.snapshot(A, b"full")).is_some());
}

#[test]
fn a_gap_at_the_very_end_of_a_flood_does_not_forget_the_full_history_of_the_others() {
    let (mut desk, viewer) = watched();
    for _ in 0..2 {
        desk.terminal(A, TerminalInput::Skipped);
        let offset = snapshot_offset(&desk.snapshot(A, b"screen")).expect("a snapshot");
        desk.acks(viewer, offset);
    }
    // Another viewer falls out of the ring at the moment at which the flood would end.
    let other = desk.connect(2);
    desk.attach(other, A, None);
    desk.snapshot(A, b"light");
    let chunk = vec![b'x'; limits::FRAME_BYTES];
    let mut at = snapshot_offset_now(&mut desk);
    for _ in 0..20 {
        desk.prints(A, &chunk);
        at += chunk.len() as u64;
        desk.acks(viewer, at);
    }
    let said = desk.wait(2 * limits::FLOOD_TIME.as_millis() + 1);
    let full = TerminalOutput::Snapshot { history_lines: limits::SNAPSHOT_HISTORY_LINES };
    let before = orders(&said);
    let said = desk.snapshot(A, b"whatever was asked for");
    assert!(before.contains(&full) || orders(&said).contains(&full), "the first viewer still has a short history");
}

/// A viewer that was sent a screen with a shortened history in a flood, and its position.
fn flooded() -> (Desk, ViewerId, (consort_core::Generation, u64)) {
    let (mut desk, viewer) = watched();
    let mut at = 0;
    for _ in 0..2 {
        desk.terminal(A, TerminalInput::Skipped);
        at = snapshot_offset(&desk.snapshot(A, b"light")).expect("a snapshot");
        desk.acks(viewer, at);
    }
    let (generation, _) = position_of(&mut desk);
    desk.snapshot(A, b"light, for nobody");
    (desk, viewer, (generation, at))
}

#[test]
fn one_that_was_away_when_a_flood_ended_gets_the_full_history_when_it_comes_back_and_once() {
    let (mut desk, viewer, at) = flooded();
    closed(&mut desk, viewer);
    desk.wait(2 * limits::FLOOD_TIME.as_millis());
    let again = desk.connect(1);
    let said = desk.attach(again, A, Some(at));
    let history_lines = limits::SNAPSHOT_HISTORY_LINES;
    assert_eq!(orders(&said), [TerminalOutput::Snapshot { history_lines }]);
    let offset = snapshot_offset(&desk.snapshot(A, b"full")).expect("a snapshot");
    // It may not have come through.
    closed(&mut desk, again);
    let again = desk.connect(1);
    assert_eq!(orders(&desk.attach(again, A, Some(at))), [TerminalOutput::Snapshot { history_lines }]);
    desk.snapshot(A, b"full");
    desk.prints(A, b"x");
    closed(&mut desk, again);
    let again = desk.connect(1);
    let said = desk.attach(again, A, Some((at.0, offset + 1)));
    assert_eq!((orders(&said), snapshot_offset(&said)), (Vec::new(), None), "it has all of it");
}

#[test]
fn one_that_comes_back_in_a_flood_goes_on_and_gets_the_full_history_at_its_end() {
    let (mut desk, viewer, at) = flooded();
    closed(&mut desk, viewer);
    let again = desk.connect(1);
    assert_eq!(orders(&desk.attach(again, A, Some(at))), []);
    assert_eq!(data(&frames(&desk.prints(A, b"more"))), b"more");
    let history_lines = limits::SNAPSHOT_HISTORY_LINES;
    assert_eq!(orders(&desk.wait(limits::FLOOD_TIME.as_millis())), [TerminalOutput::Snapshot { history_lines }]);
}

#[test]
fn one_that_waits_for_the_full_history_of_a_terminal_that_ends_still_gets_its_last_words() {
    let (mut desk, _, _) = flooded();
    desk.wait(limits::FLOOD_TIME.as_millis());
    assert_eq!(frames(&desk.prints(A, b"goodbye")), [], "the snapshot shows it");
    let said = frames(&desk.terminal(A, TerminalInput::Closed));
    assert_eq!(data(&said), b"goodbye");
    assert_eq!(said.last(), Some(&ViewerOutput::Ended { stream: S, reason: EndReason::Exited }));
}

#[test]
fn a_snapshot_of_what_was_acknowledged_already_holds_up_no_other() {
    let (mut desk, _, (_, at)) = flooded();
    desk.wait(limits::FLOOD_TIME.as_millis());
    assert_eq!(snapshot_offset(&desk.snapshot(A, b"full")), Some(at));
    desk.terminal(A, TerminalInput::Skipped);
    assert!(snapshot_offset(&desk.snapshot(A, b"newer")).is_some());
}

fn snapshot_offset_now(desk: &mut Desk) -> u64 {
    position_of(desk).1
}

#[test]
fn the_last_words_of_a_terminal_are_delivered_before_its_end() {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let viewer = desk.connect_without_room(1);
    desk.viewer(viewer, ViewerInput::Writable);
    desk.attach(viewer, A, None);
    desk.viewer(viewer, ViewerInput::Writable);
    desk.snapshot(A, b"screen");
    desk.prints(A, b"goodbye");
    desk.terminal(A, TerminalInput::Closed);
    let mut said = Vec::new();
    for _ in 0..5 {
        said.extend(desk.viewer(viewer, ViewerInput::Writable));
    }
    let frames = frames(&said);
    assert_eq!(data(&frames), b"goodbye");
    assert_eq!(frames.last(), Some(&ViewerOutput::Ended { stream: S, reason: EndReason::Exited }));
}

#[test]
fn one_that_has_no_screen_yet_when_the_terminal_ends_is_sent_no_piece_of_one() {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let viewer = desk.connect(1);
    desk.attach(viewer, A, None);
    desk.prints(A, b"half a screen");
    let end = [ViewerOutput::Ended { stream: S, reason: EndReason::Exited }];
    assert_eq!(frames(&desk.terminal(A, TerminalInput::Closed)), end);
}

#[test]
fn what_does_not_exist_ends_at_once_and_says_why() {
    let mut desk = Desk::new();
    let viewer = desk.connect(1);
    let end = |reason| [ViewerOutput::Ended { stream: S, reason }];
    assert_eq!(frames(&desk.attach(viewer, AgentId(404), None)), end(EndReason::Unknown));
    let stopped = desk.create("stopped");
    desk.gone(stopped);
    assert_eq!(frames(&desk.attach(viewer, stopped, None)), end(EndReason::Exited));
}

#[test]
fn a_terminal_is_watched_a_little_longer_than_somebody_looks() {
    let (mut desk, viewer) = watched();
    closed(&mut desk, viewer);
    let linger = limits::LINGER.as_millis();
    assert_eq!(orders(&desk.wait(linger - 1)), []);
    assert_eq!(orders(&desk.wait(1)), [TerminalOutput::Unwatch]);
}

#[test]
fn an_answer_that_was_asked_for_before_nobody_looked_is_not_taken_for_a_new_one() {
    let (mut desk, viewer) = watched();
    desk.terminal(A, TerminalInput::Skipped);
    closed(&mut desk, viewer);
    desk.wait(limits::LINGER.as_millis());
    let again = desk.connect(1);
    let said = desk.attach(again, A, None);
    assert!(matches!(orders(&said)[..], [TerminalOutput::Watch, TerminalOutput::Snapshot { .. }]));
    desk.prints(A, b"printed before Unwatch arrived");
    assert_eq!(snapshot_offset(&desk.snapshot(A, b"old")), None, "bytes after it may be missing");
    assert!(snapshot_offset(&desk.snapshot(A, b"new")).is_some());
}

#[test]
fn one_who_comes_while_a_snapshot_is_kept_for_another_begins_at_that_snapshot() {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let stalled = desk.connect_without_room(1);
    desk.viewer(stalled, ViewerInput::Writable);
    desk.attach(stalled, A, None);
    let asks = desk.connect(2);
    desk.attach(asks, A, None);
    desk.snapshot(A, b"screen");
    desk.prints(A, b"since then");
    let late = desk.connect(3);
    let said = desk.attach(late, A, None);
    assert_eq!(position(&said).1, 0);
    assert_eq!(snapshot_offset(&said), Some(0));
    assert_eq!(data(&frames(&said)), b"since then");
}

#[test]
fn a_snapshot_is_not_kept_once_everybody_has_it() {
    let (mut desk, _) = watched();
    desk.prints(A, b"12345");
    let late = desk.connect(2);
    let said = desk.attach(late, A, None);
    assert_eq!((position(&said).1, snapshot_offset(&said)), (5, None), "it begins where the terminal is");
    assert!(matches!(orders(&said)[..], [TerminalOutput::Snapshot { .. }]), "it gets one of its own");
}

#[test]
fn what_everybody_has_processed_is_kept_as_far_as_the_limit_says() {
    let (mut desk, viewer) = watched();
    let (generation, start) = position_of(&mut desk);
    let chunk = vec![b'x'; limits::RESUME_BYTES / 2];
    for _ in 0..4 {
        desk.prints(A, &chunk);
    }
    let end = start + 4 * chunk.len() as u64;
    let goes_on_from = |desk: &mut Desk, offset| {
        let other = desk.connect(2);
        let found = position(&desk.attach(other, A, Some((generation, offset)))) == (generation, offset);
        closed(desk, other);
        found
    };
    desk.acks(viewer, start + chunk.len() as u64);
    assert!(goes_on_from(&mut desk, start), "one has not processed it all");
    desk.acks(viewer, end);
    let kept = end - limits::RESUME_BYTES as u64;
    assert!(goes_on_from(&mut desk, kept));
    assert!(!goes_on_from(&mut desk, kept - 1));
}

#[test]
fn a_stream_that_is_detached_says_nothing_more_and_the_others_go_on() {
    let mut desk = Desk::new();
    for agent in [A, AgentId(11)] {
        desk.seen(session(agent, &format!("{agent}")));
    }
    let viewer = desk.connect_without_room(1);
    attach_as(&mut desk, viewer, 1, A);
    attach_as(&mut desk, viewer, 2, AgentId(11));
    desk.viewer(viewer, ViewerInput::Detach(StreamId(1)));
    let mut said = desk.viewer(viewer, ViewerInput::Writable);
    said.extend(desk.viewer(viewer, ViewerInput::Writable));
    assert_eq!(opened(&frames(&said)), [(StreamId(2), AgentId(11))]);
    assert_eq!(frames(&desk.snapshot(A, b"screen")), []);
    assert_eq!(orders(&desk.wait(limits::LINGER.as_millis())), [TerminalOutput::Unwatch], "nobody looks at it");
}

#[test]
fn a_number_that_is_attached_again_shows_the_other_terminal_and_no_more_of_the_first() {
    let (mut desk, viewer) = watched();
    desk.seen(session(AgentId(11), "b"));
    let said = desk.attach(viewer, AgentId(11), None);
    assert_eq!(opened(&frames(&said)), [(S, AgentId(11))]);
    assert_eq!(frames(&desk.prints(A, b"the first")), []);
    assert!(snapshot_offset(&desk.snapshot(AgentId(11), b"the other")).is_some());
}

// Limits.

#[test]
fn a_viewer_has_as_many_streams_as_the_limit_says_and_one_more_is_refused() {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let viewer = desk.connect(1);
    let most = limits::STREAMS_PER_VIEWER as u32;
    for stream in 1..=most {
        let said = attach_as(&mut desk, viewer, stream, A);
        assert_eq!(opened(&frames(&said)), [(StreamId(stream), A)]);
    }
    let more = StreamId(most + 1);
    let refused = [ViewerOutput::Ended { stream: more, reason: EndReason::TooMany }];
    assert_eq!(frames(&attach_as(&mut desk, viewer, most + 1, A)), refused);
    desk.viewer(viewer, ViewerInput::Detach(StreamId(1)));
    assert_eq!(opened(&frames(&attach_as(&mut desk, viewer, most + 1, A))), [(more, A)]);
}

#[test]
fn a_viewer_that_does_not_read_piles_up_no_refusals() {
    let mut desk = Desk::new();
    let viewer = desk.connect_without_room(1);
    let most = 2 * limits::STREAMS_PER_VIEWER;
    let no_member = AgentAddress { node: NodeId([9; 32]), agent: AgentId(404) };
    for stream in 0..most as u32 + 100 {
        attach_to(&mut desk, viewer, stream, if stream % 2 == 0 { at(AgentId(404)) } else { no_member });
    }
    let mut said = Vec::new();
    for _ in 0..most + 100 {
        said.extend(desk.viewer(viewer, ViewerInput::Writable));
    }
    assert_eq!(frames(&said).len(), most);
}

#[test]
fn as_many_viewers_are_served_as_the_limit_says_and_one_more_when_one_has_left() {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    let comes = |desk: &mut Desk| {
        let viewer = desk.connect_without_room(1);
        desk.viewer(viewer, ViewerInput::Writable);
        let said = desk.attach(viewer, A, None);
        (viewer, !frames(&said).is_empty())
    };
    let (first, served) = comes(&mut desk);
    assert!(served);
    for _ in 2..limits::VIEWERS {
        desk.connect_without_room(2);
    }
    assert!(comes(&mut desk).1, "the last one");
    assert!(!comes(&mut desk).1);
    closed(&mut desk, first);
    assert!(comes(&mut desk).1);
}
