//! Parcels that wait at one link: each pair of nodes has its turn, and none can fill the memory.

use super::Parcel;
use super::frame::Lost;
use crate::id::NodeId;
use crate::limits;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

/// From whom, to whom.
type Pair = (NodeId, NodeId);

/// The parcels of one link.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    queues: BTreeMap<Pair, Queue>,
    bytes: usize,
    /// The pair whose turn was the last.
    last: Option<Pair>,
    /// Notices of lost parcels: a set, so that a thousand losses are one notice.
    lost: BTreeSet<Lost>,
}

#[derive(Debug, Default)]
struct Queue {
    parcels: VecDeque<Parcel>,
    bytes: usize,
}

/// What a parcel costs beyond its body.
const OVERHEAD: usize = 128;

impl Traffic {
    /// Takes a parcel. If there is no room for it, all of that pair's that wait are lost too: what follows a gap is of no use.
    pub(super) fn push(&mut self, parcel: Parcel) -> bool {
        let pair = (parcel.from, parcel.to);
        let bytes = parcel.body.len() + OVERHEAD;
        let queue = self.queues.entry(pair).or_default();
        if queue.bytes + bytes > limits::RELAY_PAIR_BYTES || self.bytes + bytes > limits::RELAY_LINK_BYTES {
            self.bytes -= queue.bytes;
            self.queues.remove(&pair);
            return false;
        }
        queue.bytes += bytes;
        self.bytes += bytes;
        queue.parcels.push_back(parcel);
        true
    }

    /// The next parcel: one of each pair in turn.
    pub(super) fn pop(&mut self) -> Option<Parcel> {
        let after = self.last.and_then(|last| {
            let beyond = (core::ops::Bound::Excluded(last), core::ops::Bound::Unbounded);
            self.queues.range(beyond).next().map(|(pair, _)| *pair)
        });
        let pair = after.or_else(|| self.queues.keys().next().copied())?;
        let queue = self.queues.get_mut(&pair)?;
        let parcel = queue.parcels.pop_front()?;
        let bytes = parcel.body.len() + OVERHEAD;
        queue.bytes -= bytes;
        self.bytes -= bytes;
        if queue.parcels.is_empty() {
            self.queues.remove(&pair);
        }
        self.last = Some(pair);
        Some(parcel)
    }

    pub(super) fn notify(&mut self, lost: Lost) {
        if self.lost.len() < limits::NOTICES {
            self.lost.insert(lost);
        }
    }

    pub(super) fn pop_notice(&mut self) -> Option<Lost> {
        self.lost.pop_first()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.lost.is_empty()
    }

    pub(super) fn waits(&self, pair: Pair) -> bool {
        self.queues.contains_key(&pair)
    }

    /// The pairs whose parcels are lost with the link.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair> {
        self.queues.keys().copied()
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let sum: usize = self.queues.values().map(|queue| queue.bytes).sum();
        if sum != self.bytes {
            return Err("bytes of waiting parcels are counted wrong");
        }
        if self.bytes > limits::RELAY_LINK_BYTES || self.lost.len() > limits::NOTICES {
            return Err("too much waits at a link");
        }
        if self.queues.values().any(|queue| queue.parcels.is_empty()) {
            return Err("an empty queue is kept");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn parcel(from: u8, body: usize) -> Parcel {
        Parcel { from: NodeId([from; 32]), to: NodeId([9; 32]), hops: 1, body: alloc::vec![0; body] }
    }

    #[test]
    fn pairs_take_turns() {
        let mut traffic = Traffic::default();
        for from in [1, 1, 1, 2, 3] {
            assert!(traffic.push(parcel(from, 10)));
        }
        let order: Vec<u8> = core::iter::from_fn(|| traffic.pop()).map(|parcel| parcel.from.0[0]).collect();
        assert_eq!(order, [1, 2, 3, 1, 1]);
        assert!(traffic.is_empty());
    }

    #[test]
    fn a_pair_that_sends_too_much_loses_its_own_and_nobody_else_s() {
        let mut traffic = Traffic::default();
        assert!(traffic.push(parcel(2, 10)));
        let most = limits::RELAY_PAIR_BYTES / (limits::PARCEL_BYTES + OVERHEAD);
        for _ in 0..most {
            assert!(traffic.push(parcel(1, limits::PARCEL_BYTES)));
        }
        assert!(!traffic.push(parcel(1, limits::PARCEL_BYTES)));
        assert_eq!(traffic.check(), Ok(()));
        assert_eq!(traffic.pop().map(|parcel| parcel.from.0[0]), Some(2));
        assert!(traffic.is_empty());
    }

    #[test]
    fn what_has_gone_makes_place_for_as_much() {
        let mut traffic = Traffic::default();
        let most = limits::RELAY_PAIR_BYTES / (limits::PARCEL_BYTES + OVERHEAD);
        for _ in 0..3 {
            for _ in 0..most {
                assert!(traffic.push(parcel(1, limits::PARCEL_BYTES)));
            }
            assert_eq!(core::iter::from_fn(|| traffic.pop()).count(), most);
            assert_eq!(traffic.check(), Ok(()));
        }
        (0..most).for_each(|_| assert!(traffic.push(parcel(1, limits::PARCEL_BYTES))));
        for _ in 0..2 * most {
            assert!(traffic.pop().is_some() && traffic.push(parcel(1, limits::PARCEL_BYTES)), "one for one");
        }
    }

    #[test]
    fn all_pairs_together_are_bounded_too() {
        let mut traffic = Traffic::default();
        let whole = limits::RELAY_PAIR_BYTES - OVERHEAD;
        let pairs = (limits::RELAY_LINK_BYTES / limits::RELAY_PAIR_BYTES) as u8;
        assert!((0..pairs).all(|from| traffic.push(parcel(from, whole))), "to the last byte");
        assert!(!traffic.push(parcel(pairs, 0)));
        assert_eq!((traffic.pairs().count(), traffic.check()), (usize::from(pairs), Ok(())));
    }

    #[test]
    fn so_many_notices_wait_and_no_more() {
        let mut traffic = Traffic::default();
        for n in 0..=limits::NOTICES as u64 {
            let mut about = [0; 32];
            about[..8].copy_from_slice(&n.to_be_bytes());
            traffic.notify(Lost { to: NodeId([1; 32]), about: NodeId(about), hops: 1 });
            traffic.notify(Lost { to: NodeId([1; 32]), about: NodeId(about), hops: 1 });
        }
        assert!(!traffic.is_empty());
        assert_eq!(core::iter::from_fn(|| traffic.pop_notice()).count(), limits::NOTICES);
        assert!(traffic.is_empty());
    }
}
