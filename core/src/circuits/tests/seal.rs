//! Somebody between the two nodes, or any other member: what they can read, change, repeat and say in another's name.

use super::super::wire::{self, Form};
use super::*;

/// All that A has said to B so far was also heard by somebody else.
fn overheard(world: &mut World) -> Vec<Vec<u8>> {
    let mut heard = Vec::new();
    loop {
        heard.extend(world.a.road.parcels.iter().cloned());
        let moved = world.deliver(true) | world.deliver(false);
        heard.dedup();
        if !moved {
            return heard;
        }
    }
}

/// Somebody else says this to B, as if it were A.
fn says_again(world: &mut World, parcels: &[Vec<u8>]) {
    for parcel in parcels {
        world.a.road.parcels.push_front(parcel.clone());
        world.deliver(true);
        world.deliver_all();
    }
}

/// A starts again, and remembers nothing of its circuits.
fn restart_a(world: &mut World, instance: u64) {
    world.a.circuits = circuits(A, instance);
    world.a.road.parcels.clear();
}

fn session_of(parcel: &[u8]) -> SessionId {
    wire::envelope(parcel).expect("an envelope").0.session
}

#[test]
fn who_passes_parcels_on_does_not_read_them() {
    let mut world = World::watching();
    world.prints(b"a secret that was printed");
    let printed = world.b.road.parcels.front().expect("sent").clone();
    world.deliver_all();
    world.types(b"a secret that was typed");
    let typed = world.a.road.parcels.front().expect("sent").clone();
    assert!(![printed, typed].iter().any(|parcel| parcel.windows(8).any(|part| part == b"a secret")));
    world.deliver_all();
    assert_eq!((&world.page.screen[..], &world.written[..]), (&b"a secret that was printed"[..], &world.typed[..]));
}

#[test]
fn nothing_is_said_on_a_circuit_before_the_owner_has_answered_its_offer() {
    let mut world = World::new();
    world.reads(100);
    world.attach(None);
    world.command(Command::Stop(AGENT.agent));
    let offer = world.a.road.parcels.front().expect("offered").clone();
    assert_eq!(world.a.road.parcels.len(), 1);
    assert_eq!(offer, wire::parcel(session_of(&offer), Form::Offer, &offer[offer.len() - 16..]));
    world.deliver(true);
    assert!(world.b.circuits.owners.is_empty(), "an offer may be an old one");
    world.deliver(false);
    world.deliver(true);
    assert_eq!(world.b.circuits.owners.len(), 1);
    world.deliver_all();
    assert_eq!((world.page.open, world.carried_out.len()), (1, 1));
}

#[test]
fn an_offer_or_an_answer_that_is_lost_is_asked_for_after_a_second() {
    for to_b in [true, false] {
        let mut world = World::new();
        world.reads(100);
        world.attach(None);
        if !to_b {
            world.deliver(true);
        }
        world.lose(to_b);
        world.deliver_all();
        assert_eq!(world.page.open, 0);
        world.wait(1_000);
        world.deliver_all();
        assert_eq!(world.page.open, 1);
    }
}

#[test]
fn an_offer_that_nobody_answers_is_made_again_as_long_as_something_is_wanted() {
    let mut world = World::new();
    world.reads(100);
    world.attach(None);
    for _ in 0..60 {
        world.a.road.parcels.clear();
        world.wait(1_000);
    }
    for _ in 0..10 {
        world.wait(1_000);
        world.deliver_all();
    }
    assert_eq!(world.page.open, 1);
}

#[test]
fn an_offer_that_is_answered_at_the_last_moment_is_as_good_as_any() {
    let mut world = World::new();
    world.reads(100);
    world.attach(None);
    // It is made four times, and only the last one comes.
    world.wait(14_900);
    assert_eq!(world.a.road.parcels.len(), 4);
    (0..3).for_each(|_| world.lose(true));
    world.meet();
    let circuit = world.a.circuits.next_circuit;
    // When the offer would be given up, what is said on the circuit is still on its way.
    world.wait(200);
    world.deliver_all();
    assert_eq!((world.page.open, world.a.circuits.next_circuit), (1, circuit));
}

#[test]
fn a_session_outlasts_the_circuits_on_it_so_a_stream_goes_on_after_a_cut_without_another_offer() {
    let mut world = World::watching();
    world.types(b"1");
    let session = session_of(world.a.road.parcels.front().expect("typed"));
    world.deliver_all();
    world.cut();
    world.heal();
    let again = world.a.road.parcels.front().expect("attached again").clone();
    assert!(
        matches!(wire::envelope(&again), Ok((envelope, _)) if envelope.session == session && matches!(envelope.form, Form::Asks(_)))
    );
    world.deliver(true);
    while world.deliver(false) {}
    assert_eq!(world.page.open, 2, "one round trip");
}

#[test]
fn an_owner_that_has_started_again_is_offered_another_session() {
    let mut world = World::watching();
    world.b.circuits = circuits(B, 77);
    world.types(b"1");
    world.calm_down();
    world.types(b"2");
    world.deliver_all();
    assert_eq!(world.page.open, 2);
}

#[test]
fn what_is_changed_on_its_way_is_lost_and_does_nothing() {
    let mut world = World::watching();
    world.types(b"first");
    let length = world.a.road.parcels.front().map_or(0, Vec::len);
    world.calm_down();
    for at in 0..length {
        world.types(b"other");
        let parcel = world.a.road.parcels.front_mut().expect("typed");
        let at = at.min(parcel.len() - 1);
        parcel[at] ^= 1;
        let before = world.written.clone();
        world.deliver(true);
        assert_eq!(world.written, before, "byte {at}");
        world.calm_down();
        assert_eq!(world.written, world.typed);
    }
}

#[test]
fn words_in_another_node_s_name_do_not_even_break_its_circuit() {
    let mut world = World::watching();
    world.types(b"1");
    let parcel = world.a.road.parcels.front().expect("typed").clone();
    world.deliver_all();
    let session = session_of(&parcel);
    let header = wire::Header { circuit: 9, seq: 0, ack: 0, kind: wire::Kind::Messages };
    let bye = wire::said(&header, &wire::encode(&wire::Ask::Bye));
    let forged = [
        wire::parcel(session, Form::Asks(50), &bye),
        wire::parcel(session, Form::Asks(u64::MAX), &bye),
        wire::parcel(session, Form::Tells(0), &bye),
        wire::parcel(session, Form::Accept, &[1; 48]),
        wire::parcel(session, Form::Offer, &[1; 48]),
        wire::parcel(SessionId { number: session.number + 1, ..session }, Form::Offer, &[1; 16]),
        wire::parcel(SessionId { number: session.number + 1, ..session }, Form::Asks(0), &bye),
    ];
    says_again(&mut world, &forged);
    for words in forged {
        world.b.road.parcels.push_front(words);
        world.deliver(false);
        world.deliver_all();
    }
    world.types(b"2");
    world.prints(b"seen");
    world.deliver_all();
    assert_eq!((&world.written[..], &world.page.screen[..], world.page.open), (&b"12"[..], &b"seen"[..], 1));
}

#[test]
fn what_comes_twice_is_taken_once() {
    let mut world = World::watching();
    world.types(b"1");
    let parcel = world.a.road.parcels.front().expect("typed").clone();
    world.deliver_all();
    says_again(&mut world, &[parcel.clone(), parcel]);
    assert_eq!((&world.written[..], world.page.open), (&b"1"[..], 1));
}

#[test]
fn what_a_former_life_has_said_has_no_effect_when_it_is_said_again() {
    let mut world = World::new();
    world.command(Command::Stop(AGENT.agent));
    let heard = overheard(&mut world);
    assert!(heard.len() >= 2 && world.carried_out.len() == 1);
    restart_a(&mut world, 55);
    world.reads(100);
    world.attach(None);
    world.command(Command::Start(AGENT.agent));
    world.deliver_all();
    assert_eq!((world.page.open, world.carried_out.len()), (1, 2));
    says_again(&mut world, &heard);
    world.prints(b"seen");
    world.types(b"1");
    world.deliver_all();
    assert_eq!(world.carried_out.len(), 2, "it is not carried out again");
    assert_eq!((&world.page.screen[..], &world.written[..], world.page.open), (&b"seen"[..], &b"1"[..], 1));
}

#[test]
fn nor_when_the_one_whom_it_was_said_to_has_another_life() {
    let mut world = World::new();
    world.command(Command::Stop(AGENT.agent));
    let heard = overheard(&mut world);
    world.carry_out(Ok(Reply::Agent(AGENT)));
    world.deliver_all();
    // Even if its number is the same.
    world.b.circuits = Circuits::new(2, Random::fork([3; 32], 3), Box::new(Sham::new(B, 3)));
    world.a.circuits.close(VIEWER);
    says_again(&mut world, &heard);
    assert_eq!(world.carried_out.len(), 1);
}

#[test]
fn a_forged_reset_interrupts_a_circuit_and_does_nothing_else() {
    let mut world = World::watching();
    world.command(Command::Stop(AGENT.agent));
    let session = session_of(world.a.road.parcels.front().expect("asked"));
    world.deliver_all();
    world.b.road.parcels.push_front(wire::parcel(session, Form::Reset, &[]));
    world.deliver(false);
    world.calm_down();
    world.prints(b"seen");
    world.deliver_all();
    assert_eq!((world.carried_out.len(), &world.page.screen[..], world.page.open), (1, &b"seen"[..], 2));
}

#[test]
fn who_no_longer_knows_a_circuit_opens_one_to_end_it() {
    let mut world = World::watching();
    restart_a(&mut world, 55);
    world.prints(b"for nobody");
    world.deliver_all();
    assert!(world.b.circuits.owners.is_empty() && world.a.circuits.openers.is_empty());
    world.wait(60_000);
    assert_eq!((world.a.road.parcels.len(), world.b.road.parcels.len()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn whatever_others_do_to_what_two_nodes_say_the_viewer_sees_what_was_printed_and_its_input_arrives_once(
        changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>(), 0u8..10), 1..150)
    ) {
        let mut world = World::watching();
        let mut heard: [Vec<Vec<u8>>; 2] = Default::default();
        for (to_b, at, byte, what) in changes {
            let road = if to_b { &mut world.a.road } else { &mut world.b.road };
            let old: &mut Vec<Vec<u8>> = &mut heard[usize::from(to_b)];
            old.extend(road.parcels.front().cloned());
            match (what, road.parcels.front_mut()) {
                (0, Some(parcel)) => {
                    let at = at.index(parcel.len());
                    parcel[at] = byte;
                }
                (1, Some(parcel)) => parcel.truncate(at.index(parcel.len())),
                (2, _) if !old.is_empty() => road.parcels.push_front(at.get(&old[..]).clone()),
                (3, _) if !old.is_empty() => {
                    let said: &Vec<u8> = at.get(&old[..]);
                    let session = session_of(said);
                    let forms = [Form::Offer, Form::Accept, Form::Asks(0), Form::Tells(90), Form::Reset];
                    road.parcels.push_front(wire::parcel(session, forms[usize::from(byte) % forms.len()], &[byte; 40]));
                }
                (4, _) => world.prints(&text(usize::from(byte) + 1, world.printed.len())),
                (5, _) => world.types(&[byte]),
                (6, _) => world.wait(u64::from(byte) * 10),
                _ => {}
            }
            world.deliver(to_b);
        }
        world.calm_down();
        prop_assert!(world.page.screen == world.printed, "{} of {}", world.page.screen.len(), world.printed.len());
        prop_assert!(world.written == world.typed, "{} of {}", world.written.len(), world.typed.len());
    }
}

#[test]
fn a_session_that_the_owner_cannot_open_is_followed_by_another_one() {
    let mut world = World::new();
    world.reads(1_000);
    world.attach(None);
    // A copy of B hears the offer too, and A takes its answer. Then the copy is gone.
    assert!(world.deliver(true));
    world.lose(false);
    let copy = circuits(B, 77);
    let b = core::mem::replace(&mut world.b.circuits, copy);
    world.wait(limits::PROBE_TIME.as_millis());
    world.meet();
    world.b.circuits = b;
    for _ in 0..30 {
        world.deliver_all();
        world.wait(1_000);
    }
    assert_eq!(world.page.open, 1);
}
