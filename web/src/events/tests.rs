//! Events against real core.

use super::*;
use consort_core::directory::BackendKind;
use consort_core::input::{BackendInput, Input, Observation};
use consort_core::{AgentId, Config, Identity, Instant, Node, Restored};
use futures_lite::future::{block_on, poll_once};
use proptest::prelude::*;

struct World {
    core: Node,
    events: Arc<Events>,
}

impl World {
    fn new() -> Self {
        let identity = Identity { id: NodeId([7; 32]), epoch: 1 };
        let seal = Box::new(consort_core::sham::Sham::new(identity.id, 1));
        let config = Config { name: "laptop".to_owned(), start_unix_ms: None };
        let core = Node::new(config, identity, Restored::default(), seal, [1; 32], Instant::START).unwrap();
        let world = World { core, events: Arc::new(Events::new(0xabc)) };
        world.look();
        world
    }

    fn look(&self) {
        self.events.look(self.core.view(), None, 5);
    }

    fn tell(&mut self, input: BackendInput) {
        self.core.handle(Instant::START, Input::Backend(input));
        while self.core.poll_output().is_some() {}
        self.look();
    }

    fn seen(&mut self, id: u64, name: &str) {
        let terminals = Vec::new();
        self.tell(BackendInput::Seen(Observation {
            agent: AgentId(id),
            backend: BackendKind::Tmux,
            name: name.to_owned(),
            directory: "/".to_owned(),
            created_unix_ms: 1,
            terminals,
            shown_elsewhere: false,
        }));
    }
}

fn kinds(events: &[Arc<Event>]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind).collect()
}

#[test]
fn each_change_of_the_lists_is_one_event_and_what_did_not_change_is_none() {
    let mut world = World::new();
    let mut reader = world.events.reader(None);
    world.seen(1, "zoo-ape");
    world.look();
    world.seen(1, "zoo-bear");
    world.tell(BackendInput::Gone(AgentId(1)));
    let events = reader.take();
    assert_eq!(kinds(&events), ["agent-added", "agent-renamed", "agent-removed"]);
    let renamed: Value = serde_json::from_str(&events[1].data).unwrap();
    assert_eq!((&renamed["name"], &renamed["was"]), (&json!("zoo-bear"), &json!("zoo-ape")));
    assert_eq!(
        (&renamed["machine"], &renamed["unix_ms"], &renamed["id"]),
        (&json!("laptop"), &json!(5), &json!(events[1].id))
    );
    assert_eq!(reader.take(), []);
}

#[test]
fn a_reader_waits_for_the_next_event() {
    let mut world = World::new();
    let mut reader = world.events.reader(None);
    block_on(async {
        let mut next = std::pin::pin!(reader.next());
        assert!(poll_once(next.as_mut()).await.is_none());
        world.seen(1, "a");
        assert_eq!(kinds(&next.await), ["agent-added"]);
    });
}

#[test]
fn what_is_not_kept_any_more_and_what_was_before_a_restart_is_a_gap() {
    let mut world = World::new();
    world.seen(1, "a");
    for id in ["0000000000000abd-0", "0000000000000abc-7", "x", ""] {
        assert_eq!(kinds(&world.events.reader(Some(id)).take()), ["gap", "agent-added"], "{id}");
    }
    let gap = world.events.reader(Some("")).take()[0].id.clone();
    assert_eq!(kinds(&world.events.reader(Some(&gap)).take()), ["agent-added"], "a gap has an id to go on from");
    for number in 0..=KEPT {
        world.seen(1, &number.to_string());
    }
    let events = world.events.reader(Some("0000000000000abc-0")).take();
    assert_eq!((events[0].kind, events.len()), ("gap", KEPT + 1));
    assert_eq!(world.events.reader(Some(&events[0].id)).take().len(), KEPT);
}

#[test]
fn an_event_is_three_lines_of_a_stream() {
    let mut world = World::new();
    world.seen(1, "line\nbreak");
    let stream = world.events.reader(Some("")).take()[1].to_stream();
    assert_eq!(stream.lines().count(), 4, "{stream}");
    assert!(stream.starts_with("id: 0000000000000abc-0\nevent: agent-added\ndata: {"));
}

proptest! {
    /// Whatever is cut where: who goes on after the last event that it has gets each event once, in order.
    #[test]
    fn nothing_is_lost_or_doubled_by_resuming(names in prop::collection::vec("[ab]{1,2}", 1..40), cuts in prop::collection::vec(0usize..5, 1..20)) {
        let mut world = World::new();
        let mut whole = world.events.reader(None);
        let (mut last, mut resumed) = ("0000000000000abc-18446744073709551615".to_owned(), Vec::new());
        let mut cuts = cuts.into_iter().cycle();
        for name in names {
            world.seen(1, &name);
            if cuts.next() == Some(0) {
                let taken = world.events.reader(Some(&last)).take();
                last = taken.last().map_or(last, |event| event.id.clone());
                resumed.extend(taken);
            }
        }
        resumed.extend(world.events.reader(Some(&last)).take());
        prop_assert_eq!(resumed, whole.take());
    }
}
