//! Whom to dial, where and when: every known address, the last good one first, then a pause with full jitter that doubles
//! (M. Brooker, "Exponential Backoff and Jitter", 2015).

use crate::id::{DialId, NodeId};
use crate::input::Address;
use crate::limits;
use crate::random::Random;
use crate::time::{Duration, Instant};
use crate::timers::Timers;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// All dials, under way or to come.
#[derive(Debug)]
pub(super) struct Dialler {
    random: Random,
    peers: BTreeMap<NodeId, Peer>,
    dials: BTreeMap<DialId, Dial>,
    timers: Timers<NodeId>,
    next_dial: u64,
}

#[derive(Debug, Default)]
struct Peer {
    /// What a person said where it is.
    told: Vec<Address>,
    /// Where it was reached last.
    good: Option<Address>,
    /// The dial under way.
    dial: Option<DialId>,
    /// Rounds over all addresses that failed one after the other.
    failures: u32,
    /// The address that is next in this round.
    at: usize,
}

#[derive(Debug)]
struct Dial {
    node: NodeId,
    address: Address,
    /// When it counts as failed, though the runtime has not answered; `None`: it does already.
    until: Option<Instant>,
}

impl Dialler {
    pub(super) fn new(random: Random) -> Self {
        let (peers, dials) = (BTreeMap::new(), BTreeMap::new());
        Dialler { random, peers, dials, timers: Timers::default(), next_dial: 0 }
    }

    /// Where a person said that the node is, and where it was reached last.
    pub(super) fn known(&self, node: NodeId) -> (&[Address], Option<&Address>) {
        self.peers.get(&node).map_or((&[], None), |peer| (&peer.told, peer.good.as_ref()))
    }

    pub(super) fn restore(&mut self, node: NodeId, told: Vec<Address>, good: Option<Address>) {
        if !told.is_empty() || good.is_some() {
            self.peers.insert(node, Peer { told, good, ..Peer::default() });
        }
    }

    /// A person says where a node is. An empty list says nothing.
    pub(super) fn tell(&mut self, node: NodeId, mut addresses: Vec<Address>) {
        addresses.retain(|address| (1..=limits::ADDRESS_BYTES).contains(&address.0.len()));
        addresses.truncate(limits::ADDRESSES);
        let peer = self.peers.entry(node).or_default();
        if !addresses.is_empty() {
            peer.told = addresses;
        }
        (peer.failures, peer.at) = (0, 0);
        self.timers.set(node, None);
    }

    /// A link to the node is wanted and there is none: dials at `at`, unless that is decided already.
    pub(super) fn want(&mut self, node: NodeId, at: Instant) {
        let peer = self.peers.entry(node).or_default();
        if peer.dial.is_none() && self.timers.get(node).is_none() {
            self.timers.set(node, Some(at));
        }
    }

    /// No link to the node is wanted, or there is one.
    pub(super) fn rest(&mut self, node: NodeId) {
        self.timers.set(node, None);
    }

    /// There is a link to the node, and it is good.
    pub(super) fn succeeded(&mut self, node: NodeId) {
        let peer = self.peers.entry(node).or_default();
        (peer.failures, peer.at) = (0, 0);
        self.timers.set(node, None);
    }

    /// A link was lost or refused, or all addresses failed: again after a pause.
    pub(super) fn pause(&mut self, now: Instant, node: NodeId) {
        let peer = self.peers.entry(node).or_default();
        let (first, last) = limits::DIAL_AGAIN_TIME;
        let bound = (first.as_millis() << peer.failures.min(16)).min(last.as_millis());
        peer.failures = peer.failures.saturating_add(1);
        peer.at = 0;
        let pause = 1 + self.random.below(bound);
        self.timers.set(node, Some(now + Duration::from_millis(pause)));
    }

    /// The network has changed: everybody may be in reach.
    pub(super) fn reset(&mut self, now: Instant) {
        for (node, peer) in &mut self.peers {
            (peer.failures, peer.at) = (0, 0);
            if self.timers.get(*node).is_some() {
                self.timers.set(*node, Some(now));
            }
        }
    }

    /// The next node whose time has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<NodeId> {
        self.timers.pop_due(now)
    }

    /// Begins to dial a node, with what it says itself of where it is. `None`: no address is known, or too many dials are under way.
    pub(super) fn dial(
        &mut self,
        now: Instant,
        node: NodeId,
        said: &[Address],
        links: usize,
    ) -> Option<(DialId, Address)> {
        if self.dials.len() + links >= limits::LINKS {
            self.timers.set(node, Some(now + limits::DIAL_AGAIN_TIME.0));
            return None;
        }
        let peer = self.peers.entry(node).or_default();
        let addresses = addresses(peer, said);
        let address = (*addresses.get(peer.at).or(addresses.first())?).clone();
        let id = DialId(self.next_dial);
        self.next_dial += 1;
        self.dials.insert(id, Dial { node, address: address.clone(), until: Some(now + limits::DIAL_TIME) });
        peer.dial = Some(id);
        Some((id, address))
    }

    /// The dial led to a connection. Whether the address was not known to be good.
    pub(super) fn opened(&mut self, id: DialId) -> bool {
        let Some(dial) = self.dials.remove(&id) else { return false };
        let peer = self.peers.entry(dial.node).or_default();
        if peer.dial == Some(id) {
            peer.dial = None;
        }
        peer.at = 0;
        let differs = peer.good.as_ref() != Some(&dial.address);
        peer.good = Some(dial.address);
        differs
    }

    /// The dial led to nothing: gives the node, if nothing else was tried there in the meantime.
    pub(super) fn failed(&mut self, id: DialId) -> Option<NodeId> {
        let dial = self.dials.remove(&id)?;
        self.give_up(dial.node, id)
    }

    fn give_up(&mut self, node: NodeId, id: DialId) -> Option<NodeId> {
        let peer = self.peers.get_mut(&node)?;
        if peer.dial != Some(id) {
            return None;
        }
        peer.dial = None;
        Some(node)
    }

    /// The next dial that was not answered in time.
    pub(super) fn pop_late(&mut self, now: Instant) -> Option<NodeId> {
        loop {
            let late = |dial: &Dial| dial.until.is_some_and(|until| until <= now);
            let (id, dial) = self.dials.iter_mut().map(|(id, dial)| (*id, dial)).find(|(_, dial)| late(dial))?;
            dial.until = None;
            let node = dial.node;
            if let Some(node) = self.give_up(node, id) {
                return Some(node);
            }
        }
    }

    /// Goes on after a failed dial: with the next address at once, or after a pause with the first.
    pub(super) fn go_on(&mut self, now: Instant, node: NodeId, said: &[Address]) {
        let Some(peer) = self.peers.get_mut(&node) else { return };
        peer.at += 1;
        if peer.at < addresses(peer, said).len() {
            self.timers.set(node, Some(now));
        } else {
            self.pause(now, node);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let late = self.dials.values().filter_map(|dial| dial.until).min();
        [self.timers.next(), late].into_iter().flatten().min()
    }

    /// Dials that the runtime has not answered.
    pub(super) fn under_way(&self) -> usize {
        self.dials.len()
    }

    /// Forgets a node that is no member any more.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.timers.set(node, None);
        self.peers.remove(&node);
    }
}

/// Where a node may be, the most likely first, each once.
fn addresses<'a>(peer: &'a Peer, said: &'a [Address]) -> Vec<&'a Address> {
    let mut all: Vec<&Address> = Vec::new();
    for address in peer.good.iter().chain(&peer.told).chain(said) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId([1; 32]);

    fn at(text: &str) -> Address {
        Address(text.into())
    }

    fn dialler() -> Dialler {
        Dialler::new(Random::fork([0; 32], 0))
    }

    #[test]
    fn every_address_is_tried_the_last_good_one_first() {
        let mut dialler = dialler();
        dialler.restore(NODE, alloc::vec![at("told")], Some(at("good")));
        let said = [at("told"), at("said")];
        let mut tried = Vec::new();
        dialler.want(NODE, Instant::START);
        while dialler.pop_due(Instant::START).is_some() {
            let (id, address) = dialler.dial(Instant::START, NODE, &said, 0).expect("an address is known");
            tried.push(address);
            assert_eq!(dialler.failed(id), Some(NODE));
            dialler.go_on(Instant::START, NODE, &said);
        }
        assert_eq!(tried, [at("good"), at("told"), at("said")]);
    }

    #[test]
    fn pauses_grow_to_their_bound_and_a_new_network_ends_them() {
        let mut dialler = dialler();
        let mut longest = 0;
        for _ in 0..200 {
            dialler.pause(Instant::START, NODE);
            longest = longest.max(dialler.next_deadline().expect("a pause").as_millis());
        }
        assert!((20_000..=30_000).contains(&longest), "{longest}");
        dialler.reset(Instant::START);
        assert_eq!(dialler.pop_due(Instant::START), Some(NODE));
        dialler.pause(Instant::START, NODE);
        assert!(dialler.next_deadline() <= Some(Instant::from_millis(1_000)));
    }

    #[test]
    fn a_dial_that_is_not_answered_counts_as_failed() {
        let mut dialler = dialler();
        dialler.tell(NODE, alloc::vec![at("a")]);
        let (id, _) = dialler.dial(Instant::START, NODE, &[], 0).expect("an address");
        assert_eq!(dialler.next_deadline(), Some(Instant::START + limits::DIAL_TIME));
        assert_eq!(dialler.pop_late(Instant::START + limits::DIAL_TIME), Some(NODE));
        assert_eq!(dialler.next_deadline(), None);
        assert_eq!(dialler.failed(id), None, "its answer comes too late to count");
        assert_eq!(dialler.under_way(), 0);
    }

    #[test]
    fn where_a_node_is_is_remembered_until_it_is_forgotten() {
        let mut dialler = dialler();
        let other = NodeId([2; 32]);
        dialler.restore(NODE, alloc::vec![at("told")], None);
        dialler.restore(other, Vec::new(), Some(at("good")));
        assert_eq!(dialler.known(NODE), (&[at("told")][..], None));
        assert_eq!(dialler.known(other), (&[][..], Some(&at("good"))));
        dialler.want(NODE, Instant::START);
        dialler.forget(NODE);
        assert_eq!((dialler.known(NODE), dialler.next_deadline()), ((&[][..], None), None));
    }

    #[test]
    fn an_address_that_led_to_a_connection_is_the_good_one_from_then_on() {
        let mut dialler = dialler();
        let said = [at("bad"), at("good")];
        let (id, _) = dialler.dial(Instant::START, NODE, &said, 0).expect("an address");
        dialler.failed(id);
        dialler.go_on(Instant::START, NODE, &said);
        let (id, _) = dialler.dial(Instant::START, NODE, &said, 0).expect("another one");
        assert!(dialler.opened(id), "that is worth remembering");
        assert_eq!((dialler.known(NODE).1, dialler.under_way()), (Some(&at("good")), 0));
        let (id, address) = dialler.dial(Instant::START, NODE, &said, 0).expect("the good one");
        assert_eq!((address, dialler.opened(id), dialler.opened(id)), (at("good"), false, false));
        assert_eq!(dialler.failed(id), None, "it has been answered");
    }

    #[test]
    fn who_is_there_is_not_dialled() {
        let mut dialler = dialler();
        dialler.want(NODE, Instant::START);
        dialler.rest(NODE);
        assert_eq!((dialler.pop_due(Instant::START), dialler.next_deadline()), (None, None));
    }

    #[test]
    fn dials_and_links_together_are_no_more_than_links_may_be() {
        let mut dialler = dialler();
        let mut dial = |n, links| {
            let node = NodeId([n; 32]);
            dialler
                .dial(Instant::START, node, &[at("a")], links)
                .map(|_| dialler.under_way())
                .ok_or(dialler.next_deadline())
        };
        assert_eq!(dial(1, limits::LINKS - 2), Ok(1));
        assert_eq!(dial(2, limits::LINKS - 2), Ok(2));
        let again = Some(Instant::START + limits::DIAL_AGAIN_TIME.0);
        assert_eq!(dial(3, limits::LINKS - 2), Err(again), "it is tried again");
    }
}
