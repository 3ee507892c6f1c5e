//! When circuits are opened, given up and opened again, and what only one end knows.

use super::super::wire::Form;
use super::*;

const C: NodeId = NodeId([3; 32]);

/// Something is lost on the circuit, and both ends hear of it. Gives how long A waits then before it opens another one.
fn breaks(world: &mut World) -> Duration {
    let circuit = world.a.circuits.next_circuit;
    world.types(b"1");
    world.lose(true);
    world.types(b"2");
    world.deliver(true);
    world.deliver(false);
    if world.a.circuits.next_circuit > circuit {
        return Duration::default();
    }
    world.a.circuits.next_deadline().expect("it is to be opened again").since(world.now)
}

fn leave(world: &mut World) {
    world.does(ViewerInput::Detach(StreamId(5)));
    world.a.streams.detach(world.now, Onlooker::Here(VIEWER), StreamId(5), &mut VecDeque::new());
    world.page.open = 0;
    world.deliver_all();
}

/// Time passes, and nothing is lost.
fn pass(world: &mut World, time: Duration) {
    let until = world.now + time;
    while world.now < until {
        world.wait(until.since(world.now).as_millis().min(1_000));
        world.deliver_all();
    }
}

#[test]
fn a_circuit_that_keeps_breaking_is_opened_after_growing_pauses_and_one_that_has_lasted_at_once() {
    let mut world = World::watching();
    let (first, most) = limits::CIRCUIT_AGAIN_TIME;
    assert_eq!(breaks(&mut world), Duration::default(), "for the first time");
    world.deliver_all();
    let mut longest = Duration::default();
    for tries in 2..16 {
        let pause = breaks(&mut world);
        let bound = Duration::from_millis(first.as_millis() << tries).min(most);
        assert!(pause > Duration::default() && pause <= bound, "{pause:?} after {tries} tries");
        longest = longest.max(pause);
        pass(&mut world, pause);
    }
    assert!(longest >= Duration::from_millis(most.as_millis() / 2), "{longest:?}");
    pass(&mut world, limits::CIRCUIT_STEADY_TIME);
    assert_eq!(breaks(&mut world), Duration::default(), "it has lasted");
    world.deliver_all();
    assert_eq!(world.written, world.typed);
}

#[test]
fn a_node_that_cannot_be_reached_is_waited_for_without_any_work() {
    let idle = |world: &World| world.a.circuits.busy.is_empty() && world.a.circuits.next_deadline().is_none();
    let mut world = World::watching();
    world.cut();
    assert!(idle(&world));
    world.heal();
    world.deliver_all();
    assert!(breaks(&mut world) > Duration::default());
    world.cut();
    assert!(idle(&world), "nor does the pause before the next circuit end");
    world.calm_down();
    assert_eq!(world.written, world.typed);
}

#[test]
fn words_of_a_circuit_that_is_gone_do_not_shorten_the_pause_before_the_next() {
    let mut world = World::watching();
    // The owner says again after so long that the circuit is broken.
    let mut pause = breaks(&mut world);
    while pause <= limits::PROBE_TIME {
        pass(&mut world, pause);
        world.deliver_all();
        pause = breaks(&mut world);
    }
    let circuit = world.a.circuits.next_circuit;
    world.wait(limits::PROBE_TIME.as_millis());
    assert!(world.deliver(false), "it is said again");
    assert_eq!(world.a.circuits.next_circuit, circuit);
    world.calm_down();
    assert_eq!(world.written, world.typed);
}

#[test]
fn an_opener_that_does_not_hear_that_its_circuit_is_broken_is_told_again_and_again() {
    let mut world = World::watching();
    world.b.road.room = 0;
    world.types(b"1");
    world.lose(true);
    world.types(b"2");
    world.deliver(true);
    assert!(world.b.road.parcels.is_empty(), "there is no room to tell it");
    world.b.road.room = 4;
    world.settle();
    let mut told = Vec::new();
    for second in 0..100 {
        if !world.b.road.parcels.is_empty() {
            told.push((second, world.b.road.parcels.len()));
            world.b.road.parcels.clear();
        }
        assert!(world.b.circuits.busy.is_empty(), "it has nothing to do in between");
        world.wait(1_000);
        world.a.road.parcels.clear();
    }
    assert_eq!(told, [0, 1, 3, 7, 15, 31, 61, 91].map(|second| (second, 1)));
}

#[test]
fn a_slow_way_breaks_no_circuit() {
    let mut world = World::watching();
    world.prints(b"printed");
    world.types(b"typed");
    // Both ask whether anybody is there, and hear nothing for long.
    world.wait(2_500);
    world.deliver_all();
    assert_eq!((&world.page.screen[..], &world.written[..], world.page.open), (&b"printed"[..], &b"typed"[..], 1));
}

#[test]
fn an_owner_that_has_started_again_is_met_at_once_however_often() {
    let mut world = World::watching();
    for life in 1..8 {
        world.b.circuits = circuits(B, 70 + u64::from(life));
        world.types(b"1");
        world.deliver_all();
        assert_eq!((world.page.open, &world.written), (1 + life, &world.typed), "without a pause");
    }
}

#[test]
fn an_owner_that_forgets_every_session_before_it_says_anything_is_met_after_pauses() {
    let mut world = World::new();
    world.reads(100);
    world.attach(None);
    let mut met = 0;
    while met < 20 && world.deliver(true) {
        met += 1;
        world.deliver(false);
        world.b.circuits = circuits(B, 70 + met);
        world.deliver(true);
        world.deliver(false);
    }
    assert_eq!(met, 2, "one more at once, and no other before some time has passed");
    pass(&mut world, limits::CIRCUIT_AGAIN_TIME.1);
    assert_eq!(world.page.open, 1);
}

#[test]
fn what_is_wanted_again_soon_goes_on_the_circuit_that_is_there() {
    let mut world = World::watching();
    let circuit = world.a.circuits.next_circuit;
    leave(&mut world);
    pass(&mut world, Duration::from_millis(limits::LINGER.as_millis() - 1_000));
    world.attach(None);
    world.deliver_all();
    assert_eq!((world.page.open, world.a.circuits.next_circuit), (1, circuit));
}

#[test]
fn a_farewell_that_is_lost_is_said_again_so_the_owner_keeps_nothing() {
    let mut world = World::watching();
    leave(&mut world);
    pass(&mut world, Duration::from_millis(limits::LINGER.as_millis() - 1_000));
    world.wait(1_000);
    assert_eq!(world.a.road.parcels.len(), 1, "the farewell");
    world.lose(true);
    for _ in 0..40 {
        world.wait(1_000);
        world.deliver_all();
    }
    assert!(world.a.circuits.openers.is_empty() && world.b.circuits.owners.is_empty());
}

#[test]
fn that_a_person_has_looked_is_told_if_the_owner_can_be_reached_and_not_later() {
    let mut world = World::new();
    world.a.circuits.seen(world.now, AGENT, &world.a.road);
    world.settle();
    world.deliver_all();
    assert_eq!(world.looked_at, [AGENT]);
    world.cut();
    world.a.circuits.seen(world.now, AGENT, &world.a.road);
    world.calm_down();
    assert_eq!(world.looked_at, [AGENT]);
}

#[test]
fn the_shortest_way_is_wanted_to_what_is_looked_at_and_not_for_a_command() {
    let mut world = World::new();
    world.command(Command::Stop(AGENT.agent));
    world.deliver_all();
    assert!(!world.a.road.direct);
    world.watch();
    assert!(world.a.road.direct);
    leave(&mut world);
    assert!(!world.a.road.direct);
}

#[test]
fn the_offer_of_a_present_or_an_older_session_is_not_answered_when_it_is_said_again() {
    let mut world = World::new();
    world.reads(100);
    world.attach(None);
    let old = world.a.road.parcels.front().expect("offered").clone();
    let session = wire::envelope(&old).expect("an envelope").0.session;
    world.deliver_all();
    let again = |world: &mut World| {
        world.a.road.parcels.push_front(old.clone());
        world.deliver(true);
        (world.b.road.parcels.len(), world.b.circuits.answered.len())
    };
    assert_eq!(again(&mut world), (0, 0), "it is the present one");
    world.b.road.parcels.push_front(wire::parcel(session, Form::Reset, &[]));
    world.deliver(false);
    world.deliver_all();
    assert_eq!(world.page.open, 2, "on a newer session");
    assert_eq!(again(&mut world), (0, 0), "it is an older one");
}

/// One of many nodes.
fn numbered(number: usize) -> NodeId {
    let mut id = [9; 32];
    (id[0], id[1]) = ((number >> 8) as u8, number as u8);
    NodeId(id)
}

/// A node that has asked B for something.
fn asking(id: NodeId) -> Host {
    let mut host = Host::new(id);
    let asked = host.circuits.command(Instant::START, (CommandId(1), B), &Command::Stop(AGENT.agent), &host.road);
    asked.expect("B can be reached");
    host.settle(Instant::START);
    host
}

/// All that one node has said comes to another. Gives what commands that brings.
fn says(from: (NodeId, &mut Host), to: &mut Host) -> usize {
    let mut commands = 0;
    for parcel in core::mem::take(&mut from.1.road.parcels) {
        let mut plain = Vec::new();
        let news = to.circuits.arrived(Instant::START, (from.0, &parcel), &mut plain, &mut to.road);
        commands += news.iter().filter(|news| matches!(news, News::Command { .. })).count();
    }
    to.settle(Instant::START);
    commands
}

#[test]
fn nodes_that_meet_an_owner_at_the_same_time_do_not_hinder_each_other() {
    let (mut a, mut b, mut c) = (asking(A), Host::new(B), asking(C));
    says((A, &mut a), &mut b);
    let to_a = core::mem::take(&mut b.road.parcels);
    says((C, &mut c), &mut b);
    says((B, &mut b), &mut c);
    b.road.parcels = to_a;
    says((B, &mut b), &mut a);
    assert_eq!((says((A, &mut a), &mut b), says((C, &mut c), &mut b)), (1, 1));
}

#[test]
fn sessions_that_nobody_uses_do_not_pile_up_and_the_newest_is_there() {
    let mut b = Host::new(B);
    for number in 0..limits::CIRCUITS {
        b.road.parcels.clear();
        says((numbered(number), &mut asking(numbered(number))), &mut b);
    }
    assert_eq!(b.circuits.answered.len(), limits::CIRCUITS);
    b.road.parcels.clear();
    let last = numbered(limits::CIRCUITS);
    let mut opener = asking(last);
    says((last, &mut opener), &mut b);
    assert_eq!(b.circuits.answered.len(), limits::CIRCUITS);
    says((B, &mut b), &mut opener);
    assert_eq!(says((last, &mut opener), &mut b), 1);
}

#[test]
fn a_node_has_circuits_with_so_many_others_and_what_is_wanted_of_one_more_is_refused() {
    let mut a = Host::new(A);
    let mut ask = |number| {
        let of = (CommandId(number as u64), numbered(number));
        a.circuits.command(Instant::START, of, &Command::Stop(AGENT.agent), &a.road).map_err(|refused| refused.code)
    };
    for number in 0..limits::CIRCUITS {
        assert_eq!(ask(number), Ok(()));
    }
    assert_eq!(ask(limits::CIRCUITS), Err(RefusalCode::TooMany));
    assert_eq!(ask(0), Ok(()), "there is one already");
}
