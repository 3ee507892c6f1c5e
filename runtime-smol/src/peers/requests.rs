//! Nodes that ask to be admitted without a code: a bounded list that a person decides on, and that forgets who stops asking.

use crate::link::greet::Card;
use consort_core::NodeId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Requests that wait, …
const WAITING: usize = 32;
/// … and those from one address.
const WAITING_OF_ONE: usize = 4;
/// A request whose node has not asked again for this long is forgotten.
const ASK_TIME: Duration = Duration::from_secs(120);

/// The requests that wait.
#[derive(Debug, Default)]
pub(crate) struct Requests(BTreeMap<NodeId, Request>);

/// One node that wants to be admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// What it says of itself.
    pub(crate) card: Card,
    /// Where it asks from.
    pub(crate) from: IpAddr,
    /// Since when.
    pub(crate) since: Instant,
    heard: Instant,
    /// A person said no; its node has not heard of it yet.
    refused: bool,
}

/// What became of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is a new request.
    Listed,
    /// It waits already.
    Again,
    /// A person said no. It is told once; asking after that is a new request.
    Refused,
    /// Too many wait.
    Full,
}

impl Requests {
    /// Takes a node's request, or notes that it is still there.
    pub(crate) fn ask(&mut self, node: NodeId, card: Card, from: IpAddr, now: Instant) -> Asked {
        self.expire(now);
        if self.0.get(&node).is_some_and(|request| request.refused) {
            self.0.remove(&node);
            return Asked::Refused;
        }
        if let Some(request) = self.0.get_mut(&node) {
            (request.card, request.from, request.heard) = (card, from, now);
            return Asked::Again;
        }
        let of_one = self.0.values().filter(|request| request.from == from).count();
        if self.0.len() >= WAITING || of_one >= WAITING_OF_ONE {
            return Asked::Full;
        }
        self.0.insert(node, Request { card, from, since: now, heard: now, refused: false });
        Asked::Listed
    }

    /// The request of a node.
    pub(crate) fn get(&mut self, node: NodeId, now: Instant) -> Option<&Request> {
        self.expire(now);
        self.0.get(&node).filter(|request| !request.refused)
    }

    /// Says no to a node, which is told when it asks again. Returns its request, if it waited.
    pub(crate) fn refuse(&mut self, node: NodeId, now: Instant) -> Option<&Request> {
        self.expire(now);
        let request = self.0.get_mut(&node).filter(|request| !request.refused)?;
        request.refused = true;
        Some(request)
    }

    /// Forgets a request: it was decided on.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.0.remove(&node);
    }

    /// All that wait.
    pub(crate) fn all(&mut self, now: Instant) -> impl Iterator<Item = (&NodeId, &Request)> {
        self.expire(now);
        self.0.iter().filter(|(_, request)| !request.refused)
    }

    fn expire(&mut self, now: Instant) {
        self.0.retain(|_, request| now.duration_since(request.heard) < ASK_TIME);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(requests: &mut Requests, node: u8, from: u8, now: Instant) -> Asked {
        requests.ask(NodeId([node; 32]), Card::default(), IpAddr::from([10, 0, 0, from]), now)
    }

    #[test]
    fn asking_again_keeps_a_request_alive_and_silence_ends_it() {
        let (mut requests, now) = (Requests::default(), Instant::now());
        assert_eq!(ask(&mut requests, 1, 1, now), Asked::Listed);
        let later = now + ASK_TIME - Duration::from_secs(1);
        assert_eq!(ask(&mut requests, 1, 1, later), Asked::Again);
        assert_eq!(requests.get(NodeId([1; 32]), later + ASK_TIME / 2).map(|request| request.since), Some(now));
        assert_eq!(requests.all(later + ASK_TIME).count(), 0);
    }

    #[test]
    fn who_is_refused_is_told_once_and_may_ask_anew() {
        let (mut requests, now) = (Requests::default(), Instant::now());
        ask(&mut requests, 1, 1, now);
        assert!(requests.refuse(NodeId([1; 32]), now).is_some());
        assert_eq!(requests.get(NodeId([1; 32]), now), None);
        assert_eq!(requests.all(now).count(), 0);
        assert_eq!(requests.refuse(NodeId([1; 32]), now), None, "it was decided already");
        assert_eq!(ask(&mut requests, 1, 1, now), Asked::Refused);
        assert_eq!(ask(&mut requests, 1, 1, now), Asked::Listed);
        assert_eq!(requests.refuse(NodeId([2; 32]), now), None, "it never asked");
    }

    #[test]
    fn one_address_cannot_fill_the_list_and_all_together_cannot_make_it_grow() {
        let (mut requests, now) = (Requests::default(), Instant::now());
        let of_one: Vec<_> = (0..5).map(|node| ask(&mut requests, node, 1, now)).collect();
        assert_eq!(of_one[4], Asked::Full);
        for node in 5..100 {
            ask(&mut requests, node, node, now);
        }
        assert_eq!(requests.all(now).count(), WAITING);
        assert_eq!(ask(&mut requests, 0, 1, now), Asked::Again, "who waits is not pushed out");
    }
}
