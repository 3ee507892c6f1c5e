//! Parcels between a few meshes whose links deliver at once.

use super::*;
use crate::command::Reply;
use crate::id::{CommandId, DialId};
use crate::input::LinkInput;

fn id(n: u8) -> NodeId {
    NodeId([n; 32])
}

/// Meshes and the links between them.
struct Chain {
    meshes: Vec<Mesh>,
    /// Where a link of a mesh leads.
    ends: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    now: Instant,
    outs: Vec<Out>,
}

impl Chain {
    /// Nodes that are linked in a row.
    fn new(count: u8) -> Self {
        let mesh = |n| {
            let random = Random::fork([n; 32], 0);
            Mesh::new((id(n), 1, u64::from(n)), "n", Restored::default(), random, Instant::START)
        };
        let meshes: Vec<Mesh> = (0..count).map(mesh).collect();
        let outs = meshes.iter().map(|_| Out::new()).collect();
        let mut chain = Chain { meshes, ends: BTreeMap::new(), now: Instant::START, outs };
        for a in 0..usize::from(count) {
            for b in 0..count {
                let (mesh, out) = (&mut chain.meshes[a], &mut chain.outs[a]);
                if a != usize::from(b) {
                    mesh.admit(CommandId(u64::from(b)), (id(b), Vec::new(), Rights::Operate), out);
                }
            }
        }
        chain.settle();
        for n in 1..usize::from(count) {
            chain.join(n - 1, n);
        }
        chain.later(100);
        chain
    }

    fn join(&mut self, a: usize, b: usize) {
        let (near, far) = (LinkId(2 * b as u64), LinkId(2 * b as u64 + 1));
        self.ends.insert((a, near), (b, far));
        self.ends.insert((b, far), (a, near));
        for (n, link, peer) in [(a, near, b), (b, far, a)] {
            self.tell(n, link, LinkInput::Opened { peer: id(peer as u8), dial: None });
            self.room(n, link, 100);
        }
    }

    fn room(&mut self, n: usize, link: LinkId, frames: u32) {
        self.tell(n, link, LinkInput::Writable(frames));
    }

    fn tell(&mut self, n: usize, link: LinkId, input: LinkInput<'_>) {
        self.meshes[n].begin(self.now);
        self.meshes[n].link(self.now, link, input, &mut self.outs[n]);
    }

    fn later(&mut self, ms: u64) {
        for _ in 0..ms / 25 {
            self.now = self.now + limits::COALESCE_TIME;
            self.settle();
        }
    }

    /// Everything that is said is heard, until nothing is said.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for n in 0..self.meshes.len() {
                self.meshes[n].begin(self.now);
                self.meshes[n].wake(self.now, &mut self.outs[n]);
                self.meshes[n].flush(self.now, &mut self.outs[n]);
                self.meshes[n].check(self.now).expect("every invariant holds");
                for output in core::mem::take(&mut self.outs[n]) {
                    quiet &= matches!(output, Output::Event(_) | Output::Reply(_, Ok(Reply::Node(_))));
                    self.perform(n, output);
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn perform(&mut self, n: usize, output: Output) {
        match output {
            Output::Transmit(link, bytes) => {
                if let Some((to, far)) = self.ends.get(&(n, link)).copied() {
                    self.tell(to, far, LinkInput::Frame(&bytes));
                }
            }
            Output::CloseLink(link) => {
                if let Some((to, far)) = self.ends.remove(&(n, link)) {
                    self.ends.remove(&(to, far));
                    self.tell(to, far, LinkInput::Closed);
                }
            }
            Output::Store(store, _) => self.meshes[n].stored(self.now, store, Ok(()), &mut self.outs[n]),
            _ => {}
        }
    }

    fn cut(&mut self, b: usize) {
        let (near, far) = (LinkId(2 * b as u64), LinkId(2 * b as u64 + 1));
        self.ends.retain(|(_, link), _| *link != near && *link != far);
        self.tell(b - 1, near, LinkInput::Closed);
        self.tell(b, far, LinkInput::Closed);
    }

    fn news(&mut self, n: usize) -> Vec<MeshNews> {
        core::iter::from_fn(|| self.meshes[n].poll_news()).collect()
    }

    fn arrived(&mut self, n: usize) -> Vec<Vec<u8>> {
        let body = |news| match news {
            MeshNews::Arrived(parcel) => Some(parcel.body),
            _ => None,
        };
        self.news(n).into_iter().filter_map(body).collect()
    }
}

#[test]
fn a_parcel_goes_over_others_to_whom_it_is_for_and_in_order() {
    let mut chain = Chain::new(4);
    assert!(chain.meshes[0].is_reachable(id(3)) && chain.meshes[0].room_towards(id(3)));
    for n in 0..10 {
        assert!(chain.meshes[0].send(id(3), alloc::vec![n]));
    }
    assert!(!chain.meshes[0].room_towards(id(3)), "some of it still waits here");
    chain.settle();
    assert_eq!(chain.arrived(3), (0..10).map(|n| alloc::vec![n]).collect::<Vec<_>>());
    assert!(chain.arrived(1).is_empty() && chain.arrived(2).is_empty());
}

#[test]
fn who_sends_to_nowhere_is_told() {
    let mut chain = Chain::new(3);
    chain.cut(2);
    assert!(chain.meshes[0].send(id(2), alloc::vec![1]), "it has not heard yet");
    chain.settle();
    let news = chain.news(0);
    assert!(news.contains(&MeshNews::Undeliverable(id(2))), "{news:?}");
    chain.later(100);
    assert!(chain.news(0).contains(&MeshNews::Unreachable(id(2))) || news.contains(&MeshNews::Unreachable(id(2))));
    assert!(!chain.meshes[0].send(id(2), alloc::vec![1]));
}

#[test]
fn a_link_without_room_keeps_its_last_frame_for_the_mesh_and_its_memory_is_bounded() {
    let mut chain = Chain::new(2);
    let link = LinkId(2);
    // Use up all room but one frame.
    while chain.meshes[0].links.get(&link).is_some_and(super::link::Link::has_room_for_parcels) {
        assert!(chain.meshes[0].send(id(1), alloc::vec![0]));
        chain.settle();
    }
    chain.news(1);
    let most = limits::RELAY_PAIR_BYTES / limits::PARCEL_BYTES;
    for _ in 0..=most {
        assert!(chain.meshes[0].send(id(1), alloc::vec![0; limits::PARCEL_BYTES]));
    }
    chain.settle();
    assert!(chain.arrived(1).is_empty());
    assert!(chain.news(0).contains(&MeshNews::Undeliverable(id(1))), "what is beyond the bound is lost, and told");
    let key = Key::Agent(id(0), AgentId(1));
    let (now, mesh) = (chain.now, &mut chain.meshes[0]);
    mesh.own.publish(&mut mesh.facts, key, Value::Tombstone);
    mesh.told(now, [key]);
    chain.settle();
    assert!(chain.meshes[1].facts.get(&key).is_some(), "a fact does not wait behind parcels");
}

#[test]
fn a_parcel_of_a_node_that_is_no_member_goes_nowhere() {
    let mut chain = Chain::new(2);
    let forged = Parcel { from: id(9), to: id(1), hops: 3, body: Vec::new() };
    chain.tell(1, LinkId(3), LinkInput::Frame(&frame::Frame::Parcel(forged).encode()));
    assert!(chain.arrived(1).is_empty());
}

#[test]
fn a_direct_link_is_wanted_only_while_something_uses_it() {
    let mut chain = Chain::new(2);
    let mesh = &mut chain.meshes[0];
    mesh.want_direct(id(1), true);
    assert!(mesh.direct.contains(&id(1)));
    mesh.want_direct(id(1), false);
    assert!(mesh.direct.is_empty());
}

#[test]
fn what_a_reply_carries_is_known_at_once() {
    let mut chain = Chain::new(2);
    let key = Key::Node(id(1));
    let newer = facts::Fact { version: facts::Version(1, 99), value: Value::Node(alloc::boxed::Box::default()) };
    chain.meshes[0].learn(key, newer.clone());
    assert_eq!(chain.meshes[0].facts.get(&key), Some(&newer));
    let mut out = Out::new();
    let now = chain.now;
    chain.meshes[0].flush(now, &mut out);
    assert!(out.contains(&Output::Event(Event::NodeChanged(id(1)))));
}

#[test]
fn of_two_links_that_were_dialled_at_once_both_ends_keep_the_one_of_the_smaller_id() {
    let mut chain = Chain::new(3);
    chain.cut(1);
    chain.later(100);
    let links = [(0, LinkId(10), LinkId(11)), (1, LinkId(20), LinkId(21))];
    for (dialler, near, far) in links {
        let other = 1 - dialler;
        chain.ends.insert((dialler, near), (other, far));
        chain.ends.insert((other, far), (dialler, near));
        let answer = Some(crate::id::DialId(99));
        chain.tell(dialler, near, LinkInput::Opened { peer: id(other as u8), dial: answer });
        chain.tell(other, far, LinkInput::Opened { peer: id(dialler as u8), dial: None });
    }
    for (dialler, near, far) in links {
        chain.room(dialler, near, 50);
        chain.room(1 - dialler, far, 50);
    }
    chain.settle();
    assert_eq!((chain.meshes[0].open[&id(1)], chain.meshes[1].open[&id(0)]), (LinkId(10), LinkId(11)));
    assert_eq!((chain.meshes[0].links.len(), chain.meshes[1].links.len()), (1, 2));
}

#[test]
fn a_node_that_was_late_itself_judges_its_links_later_but_once_only() {
    let mut chain = Chain::new(2);
    for open in [true, false] {
        chain.now = chain.now + Duration::from_secs(6);
        let (now, mesh) = (chain.now, &mut chain.meshes[0]);
        mesh.begin(now);
        let mut out = Out::new();
        mesh.wake(now, &mut out);
        mesh.flush(now, &mut out);
        assert_eq!(mesh.open.contains_key(&id(1)), open);
    }
}

#[test]
fn a_link_that_is_not_needed_is_left_out_of_the_list_before_it_is_closed() {
    let mut chain = Chain::new(3);
    let (near, far) = (LinkId(100), LinkId(101));
    chain.ends.extend([((0, near), (2, far)), ((2, far), (0, near))]);
    for (n, link, peer) in [(0, near, 2), (2, far, 0)] {
        chain.tell(n, link, LinkInput::Opened { peer: id(peer), dial: None });
        chain.room(n, link, 100);
    }
    chain.later(limits::LINK_NEWS_TIME.as_millis() + 100);
    let via = |chain: &Chain| chain.meshes[0].graph.route(id(2)).map(|route| route.via);
    let lists = |chain: &Chain, n, other| lists(chain, 1, n, other);
    assert_eq!((via(&chain), lists(&chain, 0, 2), lists(&chain, 2, 0)), (Some(id(2)), true, true));
    if let Some(link) = chain.meshes[0].links.get_mut(&near) {
        link.spare = Some(chain.now);
    }
    chain.later(limits::SPARE_TIME.as_millis() + 100);
    assert_eq!((via(&chain), lists(&chain, 0, 2)), (Some(id(1)), false), "the way leads over another node");
    assert!(chain.meshes[0].open.contains_key(&id(2)), "what is on its way still arrives");
    chain.later(limits::LET_GO_TIME.as_millis());
    assert!(!chain.meshes[0].open.contains_key(&id(2)) && !chain.meshes[2].open.contains_key(&id(0)));
    assert!(lists(&chain, 2, 0), "that is news to nobody");
    chain.later(limits::LINK_OVER_TIME.as_millis());
    assert!(!lists(&chain, 2, 0));
}

/// Whether a node says to be linked to another, as a third knows it.
fn lists(chain: &Chain, at: usize, n: u8, other: u8) -> bool {
    let fact = chain.meshes[at].facts().get(&Key::Links(id(n))).map(|fact| &fact.value);
    matches!(fact, Some(Value::Links(list)) if list.contains(&id(other).into()))
}

#[test]
fn in_a_large_mesh_the_first_link_of_a_node_is_told_at_once_and_any_other_when_it_proves_to_be_needed() {
    let mut chain = Chain::new(5);
    chain.cut(2);
    chain.cut(4);
    for n in 0..5 {
        for other in 5..70 {
            let (mesh, out) = (&mut chain.meshes[n], &mut chain.outs[n]);
            mesh.admit(CommandId(u64::from(other)), (id(other), Vec::new(), Rights::Operate), out);
        }
    }
    chain.later(limits::LINK_OVER_TIME.as_millis() + 100);
    let reaches = |chain: &Chain, n: usize, other: u8| chain.meshes[n].is_reachable(id(other));
    assert!(reaches(&chain, 0, 1) && !reaches(&chain, 0, 2) && !reaches(&chain, 0, 4));
    // Node 4 is alone.
    chain.join(0, 4);
    chain.later(2 * limits::COALESCE_TIME.as_millis());
    assert!(reaches(&chain, 1, 4), "the only way to it is told at once");
    let second = [(1, LinkId(100), 4), (4, LinkId(101), 1)];
    chain.ends.extend([((1, LinkId(100)), (4, LinkId(101))), ((4, LinkId(101)), (1, LinkId(100)))]);
    for (n, link, peer) in second {
        chain.tell(n, link, LinkInput::Opened { peer: id(peer), dial: None });
        chain.room(n, link, 100);
    }
    chain.later(limits::LINK_NEWS_TIME.as_millis() - 50);
    assert!(!lists(&chain, 0, 1, 4), "one more way is not urgent");
    chain.later(100);
    assert!(lists(&chain, 0, 1, 4));
    // Two halves meet: each end waits for the other, but not for long.
    chain.join(1, 2);
    chain.later(limits::LINK_DOUBT_TIME.as_millis() - 50);
    assert!(!reaches(&chain, 0, 3));
    chain.later(100);
    assert!(reaches(&chain, 0, 3) && reaches(&chain, 3, 0));
}

#[test]
fn who_was_admitted_here_is_dialled_at_once_whatever_the_size_of_the_mesh_until_it_was_reached() {
    let mut chain = Chain::new(1);
    let admit = |chain: &mut Chain, n: u8| {
        let (mesh, out) = (&mut chain.meshes[0], &mut chain.outs[0]);
        mesh.admit(CommandId(u64::from(n)), (id(n), alloc::vec![Address("h:1".into())], Rights::Operate), out);
        let mut dialled = Vec::new();
        for _ in 0..3 {
            let (mesh, out) = (&mut chain.meshes[0], &mut chain.outs[0]);
            mesh.wake(chain.now, out);
            mesh.flush(chain.now, out);
            for output in core::mem::take(out) {
                match output {
                    Output::Dial(_, node, _) => dialled.push(node),
                    other => chain.perform(0, other),
                }
            }
        }
        dialled
    };
    // Also where there are enough to whom it does not link.
    for n in 1..=100 {
        assert_eq!(admit(&mut chain, n), [id(n)]);
    }
    assert!(chain.meshes[0].wants(id(50)));
    chain.meshes[0].invited.retain(|node| *node != id(50));
    chain.meshes[0].due.targets = true;
    chain.later(25);
    assert!(!chain.meshes[0].wants(id(50)), "the size of the mesh decides again");
}

#[test]
fn what_the_other_end_has_just_said_is_not_sent_to_it() {
    let mut chain = Chain::new(2);
    let key = Key::Node(id(9));
    let fact = facts::Fact { version: facts::Version(1, 1), value: Value::Node(alloc::boxed::Box::default()) };
    let member =
        facts::Fact { version: facts::Version(1, 0), value: Value::Membership { by: id(9), rights: Rights::Operate } };
    let told = frame::Frame::Facts(alloc::vec![(Key::Member(id(9)), member), (key, fact.clone())]).encode();
    let link = *chain.meshes[1].open.get(&id(0)).expect("they are linked");
    // It has it from elsewhere, and has not sent it yet.
    chain.meshes[1].facts.merge(key, fact);
    chain.meshes[1].links.get_mut(&link).expect("it is there").tell(key);
    let tells = |chain: &Chain| chain.meshes[1].links.get(&link).is_some_and(|link| link.tells(&key));
    assert!(tells(&chain));
    chain.tell(1, link, LinkInput::Frame(&told));
    assert!(!tells(&chain));
}

/// What a node does when something comes over a link.
fn answers(chain: &mut Chain, n: usize, link: LinkId, frame: &frame::Frame) -> Vec<Output> {
    chain.tell(n, link, LinkInput::Frame(&frame.encode()));
    chain.outs[n].drain(..).collect()
}

#[test]
fn a_peer_greets_once_and_first() {
    let greeting = |hash| frame::Frame::Hello(frame::Hello { protocol: PROTOCOL, instance: 0, hash });
    let fault = |peer| Output::Event(Event::LinkFault(id(peer), PeerFault::Greeting));
    let mut chain = Chain::new(2);
    let link = *chain.meshes[1].open.get(&id(0)).expect("they are linked");
    assert_eq!(answers(&mut chain, 1, link, &greeting(1)), [fault(0), Output::CloseLink(link)], "again");
    let link = LinkId(100);
    chain.tell(1, link, LinkInput::Opened { peer: id(0), dial: None });
    let early = answers(&mut chain, 1, link, &frame::Frame::Heartbeat(1));
    assert_eq!(early, [fault(0), Output::CloseLink(link)], "something else came first");
}

#[test]
fn a_link_to_itself_is_closed_at_once() {
    let mut chain = Chain::new(2);
    chain.tell(1, LinkId(100), LinkInput::Opened { peer: id(1), dial: None });
    assert_eq!(chain.outs[1].pop_front(), Some(Output::CloseLink(LinkId(100))));
}

#[test]
fn a_peer_that_dials_again_has_lost_the_old_link() {
    let mut chain = Chain::new(2);
    let old = *chain.meshes[1].open.get(&id(0)).expect("they are linked");
    let link = LinkId(100);
    chain.tell(1, link, LinkInput::Opened { peer: id(0), dial: None });
    let hello = frame::Hello { protocol: PROTOCOL, instance: 0, hash: 1 };
    let said = answers(&mut chain, 1, link, &frame::Frame::Hello(hello));
    assert_eq!((said, chain.meshes[1].open.get(&id(0))), (alloc::vec![Output::CloseLink(old)], Some(&link)));
}

#[test]
fn who_was_removed_hears_why_at_once_and_a_stranger_after_a_while() {
    let mut chain = Chain::new(3);
    chain.cut(1);
    chain.cut(2);
    chain.meshes[0].remove(CommandId(9), id(1), &mut chain.outs[0]);
    chain.settle();
    let said = |chain: &mut Chain, peer: u8| {
        let link = LinkId(100 + u64::from(peer));
        chain.tell(0, link, LinkInput::Opened { peer: id(peer), dial: None });
        chain.room(0, link, 10);
        let mut frames = Vec::new();
        for ms in [0, limits::STRANGER_TIME.as_millis() - 1, 1] {
            chain.now = chain.now + Duration::from_millis(ms);
            let (mesh, out) = (&mut chain.meshes[0], &mut chain.outs[0]);
            mesh.begin(chain.now);
            mesh.wake(chain.now, out);
            mesh.flush(chain.now, out);
            let frame = out.drain(..).find_map(|output| match output {
                Output::Transmit(to, bytes) if to == link => frame::Frame::decode(&bytes).ok(),
                _ => None,
            });
            frames.push(frame);
        }
        frames
    };
    let why = |frame: &Option<frame::Frame>| match frame {
        Some(frame::Frame::Farewell(facts)) => facts.iter().map(|(key, _)| *key).collect(),
        _ => Vec::new(),
    };
    let removed = said(&mut chain, 1);
    assert_eq!(why(&removed[0]), [Key::Member(id(0)), Key::Member(id(1))]);
    let stranger = said(&mut chain, 77);
    assert_eq!(stranger[..2], [None, None], "the fact that admits it may be on its way");
    assert_eq!(why(&stranger[2]), [Key::Member(id(0))]);
}

#[test]
fn facts_that_differ_are_compared_by_the_smaller_id_once_that_lasts() {
    let compares = |n: usize, quiet: bool| {
        let mut chain = Chain::new(2);
        if quiet {
            chain.later(limits::RECONCILE_TIME.as_millis());
        } else {
            // Something has just changed, and may be on its way.
            let fact = facts::Fact {
                version: facts::Version(1, 0),
                value: Value::Membership { by: id(n as u8), rights: Rights::Operate },
            };
            chain.meshes[n].begin(chain.now);
            let news = alloc::vec![(Key::Member(id(9)), fact)];
            let (now, mesh) = (chain.now, &mut chain.meshes[n]);
            mesh.take(now, Some(id(1 - n as u8)), news, &mut chain.outs[n]);
        }
        let link = *chain.meshes[n].open.get(&id(1 - n as u8)).expect("they are linked");
        let mut heartbeats = 0;
        while heartbeats < 3 {
            heartbeats += 1;
            chain.tell(n, link, LinkInput::Frame(&frame::Frame::Heartbeat(1).encode()));
            let (now, mesh, out) = (chain.now, &mut chain.meshes[n], &mut chain.outs[n]);
            mesh.wake(now, out);
            mesh.flush(now, out);
            let begins = |output: &Output| matches!(output, Output::Transmit(_, bytes) if matches!(frame::Frame::decode(bytes), Ok(frame::Frame::Reconcile(_))));
            if out.drain(..).any(|output| begins(&output)) {
                return Some(heartbeats);
            }
        }
        None
    };
    assert_eq!((compares(0, true), compares(0, false)), (Some(1), Some(2)));
    assert_eq!((compares(1, true), compares(1, false)), (None, None), "the other end does");
}

#[test]
fn facts_are_compared_with_one_neighbour_at_a_time_and_with_the_next_when_that_does_not_move() {
    let mut chain = Chain::new(3);
    let second = [(0, LinkId(100), 2), (2, LinkId(101), 0)];
    chain.ends.extend([((0, LinkId(100)), (2, LinkId(101))), ((2, LinkId(101)), (0, LinkId(100)))]);
    for (n, link, peer) in second {
        chain.tell(n, link, LinkInput::Opened { peer: id(peer), dial: None });
        chain.room(n, link, 100);
    }
    chain.later(2_000);
    let first = *chain.meshes[0].open.get(&id(1)).expect("they are linked");
    let compared = |chain: &mut Chain, ms: u64| {
        chain.now = chain.now + Duration::from_millis(ms);
        for link in [first, LinkId(100)] {
            chain.tell(0, link, LinkInput::Frame(&frame::Frame::Heartbeat(1).encode()));
        }
        let (now, mesh, out) = (chain.now, &mut chain.meshes[0], &mut chain.outs[0]);
        mesh.wake(now, out);
        mesh.flush(now, out);
        let link = |output| match output {
            Output::Transmit(link, bytes) => {
                matches!(frame::Frame::decode(&bytes), Ok(frame::Frame::Reconcile(_))).then_some(link)
            }
            _ => None,
        };
        out.drain(..).filter_map(link).collect::<Vec<LinkId>>()
    };
    let pause = limits::RECONCILE_TIME.as_millis();
    assert_eq!(compared(&mut chain, 0), [first]);
    assert_eq!(compared(&mut chain, pause - 1), [], "the answer may be on its way");
    // Facts come: it moves.
    chain.tell(0, first, LinkInput::Frame(&frame::Frame::Facts(Vec::new()).encode()));
    assert_eq!(compared(&mut chain, pause - 1), []);
    assert_eq!(compared(&mut chain, 1), [LinkId(100)]);
    assert_eq!(compared(&mut chain, pause), [first], "in turns");
    // Nothing differs any more.
    chain.tell(0, first, LinkInput::Frame(&frame::Frame::Reconcile(Vec::new()).encode()));
    assert_eq!(compared(&mut chain, 0), [first], "another one may begin at once");
}

/// Facts by which a node with an address is a member.
fn member(n: u8) -> Vec<(Key, facts::Fact)> {
    let fact = |value| facts::Fact { version: facts::Version(1, 0), value };
    let node = NodeFact { addresses: alloc::vec![Address("h:1".into())], ..NodeFact::default() };
    let membership = Value::Membership { by: id(n), rights: Rights::Operate };
    alloc::vec![(Key::Member(id(n)), fact(membership)), (Key::Node(id(n)), fact(Value::Node(node.into())))]
}

/// What a node does when it hears something from a neighbour, and when nothing else happens for a while.
fn hears(chain: &mut Chain, news: Vec<(Key, facts::Fact)>, ms: u64) -> Vec<Output> {
    chain.now = chain.now + Duration::from_millis(ms);
    let (now, mesh, out) = (chain.now, &mut chain.meshes[0], &mut chain.outs[0]);
    mesh.begin(now);
    mesh.take(now, Some(id(9)), news, out);
    mesh.wake(now, out);
    mesh.flush(now, out);
    out.drain(..).collect()
}

#[test]
fn of_two_nodes_that_want_each_other_the_one_with_the_larger_id_waits_a_moment_with_its_first_dial() {
    let mut chain = Chain::new(1);
    let random = Random::fork([5; 32], 0);
    chain.meshes[0] = Mesh::new((id(5), 1, 5), "n", Restored::default(), random, Instant::START);
    let dialled = |outputs: Vec<Output>| {
        let node = |output| if let Output::Dial(_, node, _) = output { Some(node) } else { None };
        outputs.into_iter().filter_map(node).collect::<Vec<NodeId>>()
    };
    let pause = limits::DIAL_POLITE_TIME.as_millis();
    let both = [member(3), member(7)].concat();
    assert_eq!(dialled(hears(&mut chain, both, 0)), [id(7)]);
    assert_eq!(dialled(hears(&mut chain, Vec::new(), pause - 1)), []);
    assert_eq!(dialled(hears(&mut chain, Vec::new(), 1)), [id(3)]);
}

#[test]
fn a_stranger_is_greeted_as_soon_as_it_is_known_to_be_admitted() {
    let mut chain = Chain::new(1);
    let link = LinkId(7);
    chain.tell(0, link, LinkInput::Opened { peer: id(7), dial: None });
    chain.room(0, link, 10);
    let greets = |outputs: &[Output]| {
        let hello = |bytes: &[u8]| matches!(frame::Frame::decode(bytes), Ok(frame::Frame::Hello(_)));
        outputs.iter().any(|output| matches!(output, Output::Transmit(to, bytes) if *to == link && hello(bytes)))
    };
    assert!(!greets(&hears(&mut chain, member(3), 10)), "somebody else was");
    let hello = frame::Hello { protocol: PROTOCOL, instance: 7, hash: 1 };
    chain.tell(0, link, LinkInput::Frame(&frame::Frame::Hello(hello).encode()));
    assert!(greets(&hears(&mut chain, member(7), 10)));
    assert_eq!(chain.meshes[0].open.get(&id(7)), Some(&link), "it had greeted already");
}

#[test]
fn what_could_not_be_stored_of_a_node_is_stored_later() {
    let mut chain = Chain::new(1);
    let stores = |outputs: Vec<Output>| {
        let store = |output| if let Output::Store(store, _) = output { Some(store) } else { None };
        outputs.into_iter().filter_map(store).collect::<Vec<_>>()
    };
    let asked = stores(hears(&mut chain, member(7), 0));
    assert!(!asked.is_empty());
    for store in asked {
        let full = crate::input::StoreFailure("no space".into());
        let (now, mesh, out) = (chain.now, &mut chain.meshes[0], &mut chain.outs[0]);
        mesh.stored(now, store, Err(full), out);
    }
    let pause = limits::STORE_AGAIN_TIME.as_millis();
    assert_eq!(stores(hears(&mut chain, Vec::new(), pause - 1)), []);
    let at = chain.meshes[0].keeper.next_deadline();
    assert_eq!(at, Some(chain.now + Duration::from_millis(1)));
    assert!(!stores(hears(&mut chain, Vec::new(), 1)).is_empty());
}

#[test]
fn of_one_node_as_many_agents_are_believed_as_it_may_have() {
    let mut chain = Chain::new(2);
    let fact = |counter| facts::Fact { version: facts::Version(1, counter), value: Value::Tombstone };
    let most = (limits::AGENTS + limits::TOMBSTONES) as u64;
    let key = |agent| Key::Agent(id(1), AgentId(agent));
    let said = (0..=most).map(|agent| (key(agent), fact(100 + agent)));
    let (now, mesh, out) = (chain.now, &mut chain.meshes[0], &mut chain.outs[0]);
    mesh.begin(now);
    mesh.take(now, Some(id(1)), said.collect(), out);
    assert_eq!(mesh.facts.agents_of(id(1)).count() as u64, most);
    mesh.take(now, Some(id(1)), alloc::vec![(key(0), fact(9_999))], out);
    assert_eq!(mesh.facts.get(&key(0)), Some(&fact(9_999)), "what is known still changes");
}

#[test]
fn a_mesh_knows_as_many_members_as_the_limit_says() {
    let mut chain = Chain::new(2);
    let member = |n: u64| {
        let mut id = [0xaa; 32];
        id[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let value = Value::Membership { by: NodeId([1; 32]), rights: Rights::Operate };
        (Key::Member(NodeId(id)), facts::Fact { version: facts::Version(2, 0), value })
    };
    let (now, mesh, out) = (chain.now, &mut chain.meshes[0], &mut chain.outs[0]);
    mesh.begin(now);
    mesh.take(now, Some(id(1)), (0..limits::NODES as u64).map(member).collect(), out);
    assert_eq!(mesh.facts.memberships().count(), limits::NODES);
}

#[test]
fn whose_parcels_waited_at_a_link_that_ends_is_told() {
    let mut chain = Chain::new(3);
    let to_end = *chain.meshes[1].open.get(&id(2)).expect("they are linked");
    if let Some(link) = chain.meshes[1].links.get_mut(&to_end) {
        let none = link::Link::new(chain.now, id(2), false, Stage::Open);
        link.take_room(&none);
    }
    assert!(chain.meshes[0].send(id(2), alloc::vec![1]));
    chain.settle();
    assert!(chain.arrived(2).is_empty(), "it waits in the middle");
    chain.cut(2);
    chain.settle();
    assert!(chain.news(0).contains(&MeshNews::Undeliverable(id(2))));
}

/// A mesh that has members `1..=others` and an address of each.
fn alone_among(others: u8) -> Chain {
    let mut chain = Chain::new(1);
    for n in 1..=others {
        let (mesh, out) = (&mut chain.meshes[0], &mut chain.outs[0]);
        mesh.admit(CommandId(u64::from(n)), (id(n), alloc::vec![Address("h:1".into())], Rights::Operate), out);
        chain.settle();
    }
    chain.meshes[0].invited.clear();
    chain.meshes[0].due.targets = true;
    chain.settle();
    chain
}

#[test]
fn a_node_that_was_removed_links_only_to_whom_a_person_admits_there_from_then_on() {
    let mut chain = alone_among(5);
    assert!((1..=5).all(|n| chain.meshes[0].wants(id(n))));
    let removed =
        facts::Fact { version: facts::Version(2, 0), value: Value::Membership { by: id(1), rights: Rights::Operate } };
    let (now, mesh, out) = (chain.now, &mut chain.meshes[0], &mut chain.outs[0]);
    mesh.begin(now);
    mesh.take(now, Some(id(1)), alloc::vec![(Key::Member(id(0)), removed)], out);
    chain.settle();
    assert!(!(1..=5).any(|n| chain.meshes[0].wants(id(n))));
    let (mesh, out) = (&mut chain.meshes[0], &mut chain.outs[0]);
    mesh.admit(CommandId(9), (id(3), Vec::new(), Rights::Operate), out);
    chain.settle();
    assert_eq!((1..=5).filter(|n| chain.meshes[0].wants(id(*n))).collect::<Vec<u8>>(), [3]);
}

#[test]
fn in_a_large_mesh_a_link_that_was_dialled_is_spare_while_neither_end_needs_it() {
    let mut chain = alone_among(250);
    for n in 1..=250 {
        let link = LinkId(u64::from(n));
        chain.tell(0, link, LinkInput::Opened { peer: id(n), dial: Some(DialId(77)) });
        chain.room(0, link, 10);
        let hello = frame::Hello { protocol: PROTOCOL, instance: u64::from(n), hash: 1 };
        chain.tell(0, link, LinkInput::Frame(&frame::Frame::Hello(hello).encode()));
    }
    chain.settle();
    let all: Vec<(NodeId, bool)> = (0..=250).map(|n| (id(n), true)).collect();
    let wants = |a: u8, b: u8| targets::targets(id(a), &all).contains(&id(b));
    let needed: Vec<u8> = (1..=250).filter(|n| wants(0, *n) || wants(*n, 0)).collect();
    let one_sided = needed.iter().filter(|n| !wants(0, **n)).count();
    assert!((5..60).contains(&needed.len()) && one_sided > 0);
    let kept = |chain: &mut Chain| {
        chain.settle();
        let spare = |n: &u8| chain.meshes[0].links.get(&LinkId(u64::from(*n))).is_some_and(|link| link.spare.is_some());
        (1..=250).filter(|n| !spare(n)).collect::<Vec<u8>>()
    };
    assert_eq!(kept(&mut chain), needed);
    let far = (1..=250).find(|n| !needed.contains(n)).expect("it does not need all");
    chain.meshes[0].want_direct(id(far), true);
    assert!(kept(&mut chain).contains(&far), "a terminal there is looked at");
    chain.meshes[0].want_direct(id(far), false);
    assert_eq!(kept(&mut chain), needed);
}

#[test]
fn what_can_carry_agents_on_a_node_is_known_to_others() {
    let mut chain = Chain::new(2);
    let tmux =
        BackendFact { kind: crate::directory::BackendKind::Tmux, available: false, detail: "not installed".into() };
    chain.meshes[0].begin(chain.now);
    chain.meshes[0].publish_backends(chain.now, alloc::vec![tmux.clone()]);
    chain.later(50);
    let known = chain.meshes[1].node(id(0)).map(|node| node.backends.to_vec());
    assert_eq!(known, Some(alloc::vec![tmux]));
}

#[test]
fn nothing_is_kept_of_what_a_removed_node_said() {
    let mut chain = Chain::new(2);
    let mut out = Out::new();
    let member = Value::Membership { by: id(1), rights: Rights::Operate };
    let removed = facts::Fact { version: facts::Version(2, 0), value: member };
    let late = facts::Fact { version: facts::Version(1, 9), value: Value::Node(alloc::boxed::Box::default()) };
    let (now, mesh) = (chain.now, &mut chain.meshes[0]);
    mesh.take(now, Some(id(1)), alloc::vec![(Key::Node(id(5)), late.clone())], &mut out);
    assert!(mesh.facts.node(id(5)).is_some(), "who admitted it may be heard of later");
    mesh.take(now, Some(id(1)), alloc::vec![(Key::Member(id(5)), removed)], &mut out);
    assert!(mesh.facts.node(id(5)).is_none());
    mesh.take(now, Some(id(1)), alloc::vec![(Key::Node(id(5)), late)], &mut out);
    assert!(mesh.facts.node(id(5)).is_none(), "whoever still has it");
}

#[test]
fn however_often_a_peer_says_that_a_node_was_admitted_it_can_be_removed() {
    let mut chain = Chain::new(2);
    let member = || Value::Membership { by: id(1), rights: Rights::Operate };
    let (now, mesh) = (chain.now, &mut chain.meshes[0]);
    let mut out = Out::new();
    for length in [u64::MAX, u64::MAX - 2] {
        let fact = facts::Fact { version: facts::Version(length, 0), value: member() };
        mesh.take(now, Some(id(1)), alloc::vec![(Key::Member(id(5)), fact)], &mut out);
        assert_eq!(mesh.facts.is_member(id(5)), length < u64::MAX);
    }
    out.clear();
    mesh.remove(crate::id::CommandId(1), id(5), &mut out);
    let Some(Output::Store(store, _)) = out.pop_front() else { unreachable!("a word is stored first") };
    mesh.stored(now, store, Ok(()), &mut out);
    assert!(!mesh.facts.is_member(id(5)));
}

#[test]
fn a_member_that_speaks_no_protocol_of_this_version_is_named_until_it_does() {
    use crate::mesh::frame::{Frame, Hello};
    let mut chain = Chain::new(1);
    let admitted = (id(1), Vec::new(), Rights::Operate);
    chain.meshes[0].admit(CommandId(9), admitted, &mut chain.outs[0]);
    chain.settle();
    let mut greet = |number, protocol| {
        let hello = Frame::Hello(Hello { protocol, instance: 7, hash: 0 }).encode();
        chain.tell(0, LinkId(number), LinkInput::Opened { peer: id(1), dial: None });
        chain.tell(0, LinkId(number), LinkInput::Frame(&hello));
        let closed = chain.outs[0].contains(&Output::CloseLink(LinkId(number)));
        let said = chain.outs[0].contains(&Output::Event(Event::NodeChanged(id(1))));
        let view = chain.meshes[0].node(id(1)).expect("a member");
        let seen = (view.incompatible, view.protocol);
        chain.settle();
        (closed, said, seen)
    };
    let newer = Some((3, 4));
    assert_eq!(greet(1, (3, 4)), (true, true, (true, newer)));
    assert_eq!(greet(2, (3, 4)), (true, false, (true, newer)), "said once");
    let (closed, said, (incompatible, _)) = greet(3, (1, 2));
    assert_eq!((closed, said, incompatible), (false, true, false), "it was updated, or this node");
}

/// The node removes itself, as `consort leave` does.
fn leave(chain: &mut Chain, n: usize) {
    let (mesh, out) = (&mut chain.meshes[n], &mut chain.outs[n]);
    mesh.remove(CommandId(9), id(n as u8), out);
    chain.later(100);
}

fn known_to(mesh: &Mesh) -> Vec<NodeId> {
    mesh.nodes().map(|node| node.id).collect()
}

#[test]
fn a_node_that_leaves_is_removed_for_the_others_and_knows_nobody_any_more() {
    let mut chain = Chain::new(3);
    let agent = AgentId(7);
    let (now, mesh) = (chain.now, &mut chain.meshes[2]);
    mesh.publish_agent(now, agent, own::tests::titled("", crate::directory::StateKind::Idle));
    chain.later(100);
    assert_eq!(chain.meshes[0].rows().ids_of(id(2)).count(), 1);
    chain.outs[0].clear();
    leave(&mut chain, 0);
    assert_eq!(known_to(&chain.meshes[0]), [id(0)]);
    assert_eq!(chain.meshes[0].rows().ids_of(id(2)).count(), 0);
    assert!(
        chain.meshes[0].facts().iter().all(|(key, _)| key.node() == id(0)),
        "nothing is told to whom it meets later"
    );
    for n in [1, 2] {
        assert_eq!(known_to(&chain.meshes[n]), [id(n as u8), id(3 - n as u8)]);
    }
}

#[test]
fn a_node_that_was_removed_forgets_the_others_when_it_is_told_to_leave_and_can_be_admitted_again() {
    let mut chain = Chain::new(2);
    let (mesh, out) = (&mut chain.meshes[1], &mut chain.outs[1]);
    mesh.remove(CommandId(9), id(0), out);
    chain.later(100);
    assert!(!chain.meshes[0].facts().is_member(id(0)));
    leave(&mut chain, 0);
    assert_eq!(known_to(&chain.meshes[0]), [id(0)]);
    for (n, other) in [(0, 1), (1, 0)] {
        let (mesh, out) = (&mut chain.meshes[n], &mut chain.outs[n]);
        mesh.admit(CommandId(8), (id(other), Vec::new(), Rights::Operate), out);
    }
    chain.settle();
    chain.join(0, 1);
    chain.later(100);
    assert_eq!(known_to(&chain.meshes[0]), [id(0), id(1)]);
    assert!(chain.meshes[0].facts().is_member(id(0)) && chain.meshes[0].is_reachable(id(1)));
}
