//! What waits for room, how much of it may, and whose room it is.

use super::*;

const OTHER: ViewerId = ViewerId(2);

/// One more stream of a viewer at A, of the same terminal.
fn looks(world: &mut World, viewer: ViewerId, stream: StreamId) -> StreamId {
    let line = world.a.circuits.next_line();
    let key = world.a.streams.attach_remote(world.now, (viewer, stream), (B, line), &mut world.a.out);
    let attach = Attach { stream, from: None, size: None, take: Take::Never };
    assert!(world.a.circuits.attach(world.now, (viewer, key.expect("served"), line), (AGENT, None), attach));
    world.settle();
    line
}

/// Another viewer at A that looks at the terminal and has room.
fn other_looks(world: &mut World) -> StreamId {
    world.a.streams.open(Onlooker::Here(OTHER), ViewerKey([2; 16]));
    for _ in 0..1_000 {
        world.a.streams.writable(Onlooker::Here(OTHER));
    }
    looks(world, OTHER, StreamId(6))
}

/// The screens that another stream than the page's was shown whole.
fn snapshots(world: &World) -> usize {
    world.others.iter().filter(|(_, frame)| matches!(frame, ViewerOutput::Snapshot { .. })).count()
}

#[test]
fn what_waits_for_room_is_sent_as_soon_as_there_is_room() {
    let waits: [fn(&mut World); 4] = [
        |world| world.types(b"1"),
        |world| world.acknowledge(),
        |world| world.command(Command::Stop(AGENT.agent)),
        |world| world.a.circuits.rerouted(B),
    ];
    for (what, waits) in waits.into_iter().enumerate() {
        let mut world = World::watching();
        world.a.road.room = 0;
        waits(&mut world);
        world.settle();
        assert!(world.a.road.parcels.is_empty());
        world.a.road.room = 4;
        world.settle();
        assert_eq!(world.a.road.parcels.len(), 1, "{what}");
        world.deliver_all();
        assert_eq!(world.page.open, 1);
    }
}

#[test]
fn an_answer_to_the_question_whether_anybody_is_there_waits_for_room_too() {
    let mut world = World::watching();
    world.a.circuits.rerouted(B);
    world.settle();
    world.b.road.room = 0;
    world.deliver(true);
    assert!(world.b.road.parcels.is_empty());
    world.b.road.room = 4;
    world.settle();
    assert_eq!(world.b.road.parcels.len(), 1);
}

#[test]
fn many_small_inputs_wait_for_room_and_travel_together_and_with_one_too_many_the_circuit_is_opened_anew() {
    for (too_many, opened) in [(0, 1), (1, 2)] {
        let mut world = World::watching();
        world.a.road.room = 0;
        for _ in 0..limits::CIRCUIT_QUEUE.1 + too_many {
            world.types(b"x");
        }
        world.a.road.room = 4;
        world.settle();
        assert!(world.a.road.parcels.len() <= 3, "{} parcels", world.a.road.parcels.len());
        world.deliver_all();
        assert_eq!((world.page.open, world.written.len()), (opened, limits::CIRCUIT_QUEUE.1 + too_many));
    }
}

#[test]
fn no_more_bytes_wait_for_room_than_may_and_what_is_beyond_arrives_all_the_same() {
    let mut world = World::watching();
    let circuit = world.a.circuits.next_circuit;
    let fits = limits::CIRCUIT_QUEUE.0 / limits::INPUT_CHUNK_BYTES;
    let types = |world: &mut World, inputs| {
        for _ in 0..inputs {
            world.types(&text(limits::INPUT_CHUNK_BYTES, world.typed.len()));
        }
    };
    world.a.road.room = 0;
    types(&mut world, fits / 2);
    // Three of them are sent.
    world.a.road.room = 1;
    world.settle();
    world.a.road.room = 0;
    types(&mut world, fits - fits / 2);
    assert_eq!(world.a.circuits.next_circuit, circuit);
    types(&mut world, 4);
    assert_eq!(world.a.circuits.next_circuit, circuit + 1, "opened anew: what waited is gone");
    world.a.road.room = 64;
    world.settle();
    world.deliver_all();
    assert_eq!((world.page.open, world.written == world.typed), (2, true));
}

#[test]
fn what_has_been_sent_does_not_count_as_waiting() {
    let mut world = World::watching();
    for _ in 0..=limits::CIRCUIT_QUEUE.0 / limits::INPUT_CHUNK_BYTES {
        world.types(&text(limits::INPUT_CHUNK_BYTES, world.typed.len()));
        world.deliver_all();
    }
    assert_eq!((world.page.open, world.written == world.typed), (1, true));
}

#[test]
fn parts_of_a_snapshot_for_a_viewer_that_does_not_read_are_held_back_and_go_on_all_at_once_when_it_reads() {
    let mut world = World::new();
    world.b.road.room = 100;
    world.prints(&text(3_000_000, 0));
    world.attach(None);
    world.meet();
    let mut parcels = 0;
    while world.deliver(true) | world.deliver(false) {
        parcels += 1;
    }
    assert!(parcels <= limits::REMOTE_ROOM + 2, "{parcels} parcels for nobody");
    world.reads(1_000);
    world.deliver(true);
    assert_eq!(world.b.road.parcels.len(), limits::REMOTE_ROOM as usize);
    world.deliver_all();
    assert_eq!(world.page.screen, world.printed);
}

#[test]
fn frames_that_a_viewer_has_not_read_are_remembered_after_their_stream_and_circuit_are_gone() {
    let mut world = World::new();
    world.prints(b"hello");
    world.attach(None);
    world.deliver_all();
    world.b.streams.terminal(world.now, TERMINAL, TerminalInput::Closed);
    for _ in 0..40 {
        world.settle();
        world.deliver_all();
        world.wait(1_000);
    }
    assert!(world.b.circuits.owners.is_empty(), "nothing is wanted any more");
    assert_eq!(world.a.circuits.openers.len(), 1, "what waits counts when the viewer looks there again");
    world.reads(100);
    assert_eq!(&world.page.screen, b"hello");
    assert!(world.page.ended.is_some() && world.a.circuits.openers.is_empty());
}

#[test]
fn a_viewer_that_leaves_with_something_to_acknowledge_disturbs_no_other() {
    let mut world = World::watching();
    let line = other_looks(&mut world);
    world.deliver_all();
    world.prints(b"one");
    world.deliver_all();
    let circuit = world.a.circuits.next_circuit;
    world.a.road.room = 0;
    world.acknowledge();
    world.a.circuits.viewer(OTHER, (B, line), ViewerInput::Ack { stream: StreamId(6), offset: 3 });
    world.a.circuits.close(OTHER);
    world.a.road.room = 4;
    world.settle();
    world.prints(b"two");
    world.deliver_all();
    assert_eq!((world.a.circuits.next_circuit, &world.page.screen[..]), (circuit, &b"onetwo"[..]));
}

#[test]
fn a_viewer_that_leaves_while_its_frame_waits_for_room_takes_no_other_viewer_s_turn() {
    let mut world = World::watching();
    other_looks(&mut world);
    world.deliver_all();
    world.b.road.room = 0;
    world.prints(b"printed");
    world.a.circuits.close(OTHER);
    world.settle();
    world.deliver(true);
    world.b.road.room = 4;
    world.settle();
    world.deliver_all();
    assert_eq!(&world.page.screen, b"printed");
}

#[test]
fn one_more_stream_of_a_viewer_is_opened_on_the_circuit_that_is_there() {
    let mut world = World::watching();
    let circuit = world.a.circuits.next_circuit;
    looks(&mut world, VIEWER, StreamId(6));
    world.prints(b"seen twice");
    world.deliver_all();
    assert_eq!((world.a.circuits.next_circuit, &world.page.screen[..]), (circuit, &b"seen twice"[..]));
    assert_eq!(snapshots(&world), 1);
}

#[test]
fn nothing_more_is_sent_of_a_snapshot_whose_stream_is_left() {
    let mut world = World::new();
    world.reads(1_000);
    world.prints(&text(3_000_000, 0));
    world.attach(None);
    world.meet();
    world.deliver(true);
    world.deliver(false);
    world.does(ViewerInput::Detach(StreamId(5)));
    world.a.streams.detach(world.now, Onlooker::Here(VIEWER), StreamId(5), &mut VecDeque::new());
    let mut bytes = 0;
    while world.deliver(true) || !world.b.road.parcels.is_empty() {
        bytes += world.b.road.parcels.front().map_or(0, Vec::len);
        world.deliver(false);
    }
    assert!(bytes <= limits::REMOTE_ROOM as usize * limits::PARCEL_BYTES, "{bytes} bytes for nobody");
}

#[test]
fn a_stream_that_is_left_does_not_spoil_the_snapshot_of_another_one_of_the_same_viewer() {
    let mut world = World::new();
    world.reads(1_000);
    world.prints(&text(3_000_000, 0));
    world.attach(None);
    let line = looks(&mut world, VIEWER, StreamId(6));
    world.meet();
    world.deliver(true);
    world.deliver(false);
    // One of the two is in the middle of its snapshot.
    world.deliver(false);
    world.a.circuits.viewer(VIEWER, (B, line), ViewerInput::Detach(StreamId(6)));
    world.a.streams.detach(world.now, Onlooker::Here(VIEWER), StreamId(6), &mut VecDeque::new());
    world.deliver_all();
    assert_eq!(world.page.screen, world.printed);
}

/// Whether A takes one more stream of this viewer at B.
fn takes(circuits: &mut Circuits, viewer: usize) -> bool {
    let line = circuits.next_line();
    let attach = Attach { stream: line, from: None, size: None, take: Take::Never };
    circuits.attach(Instant::START, (ViewerId(viewer as u64), ViewerKey([1; 16]), line), (AGENT, None), attach)
}

#[test]
fn a_node_has_so_many_streams_at_another_and_one_more_is_refused() {
    let mut a = circuits(A, 1);
    for _ in 0..limits::REMOTE_STREAMS {
        assert!(takes(&mut a, 1));
    }
    assert!(!takes(&mut a, 1) && !takes(&mut a, 2));
    a.viewer(ViewerId(1), (B, StreamId(1)), ViewerInput::Detach(StreamId(1)));
    assert!(takes(&mut a, 2), "there is a place again");
}

#[test]
fn a_node_has_so_many_viewers_at_another_and_one_more_is_refused() {
    let mut a = circuits(A, 1);
    for viewer in 1..=limits::REMOTE_VIEWERS {
        assert!(takes(&mut a, viewer));
    }
    // One looks at nothing there at the moment.
    a.viewer(ViewerId(1), (B, StreamId(1)), ViewerInput::Detach(StreamId(1)));
    assert!(!takes(&mut a, 0) && takes(&mut a, 1));
    a.close(ViewerId(1));
    assert!(takes(&mut a, 0), "there is a place again");
}
