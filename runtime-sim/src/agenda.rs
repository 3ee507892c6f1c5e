//! Virtual time: what happens when, in one queue. What is due at the same moment happens in the order in which it was planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Milliseconds of virtual time since the world began.
pub(crate) type Millis = u64;

/// All that is going to happen.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    now: Millis,
    planned: u64,
    heap: BinaryHeap<Reverse<Entry<E>>>,
}

#[derive(Debug)]
struct Entry<E> {
    at: Millis,
    number: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<E> Agenda<E> {
    pub(crate) fn new() -> Self {
        Agenda { now: 0, planned: 0, heap: BinaryHeap::new() }
    }

    pub(crate) fn now(&self) -> Millis {
        self.now
    }

    /// Plans an event for a moment that is not in the past.
    pub(crate) fn at(&mut self, at: Millis, event: E) {
        self.planned += 1;
        self.heap.push(Reverse(Entry { at: at.max(self.now), number: self.planned, event }));
    }

    pub(crate) fn after(&mut self, delay: Millis, event: E) {
        self.at(self.now + delay, event);
    }

    pub(crate) fn next_at(&self) -> Option<Millis> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Time passes without an event.
    pub(crate) fn advance(&mut self, to: Millis) {
        debug_assert!(self.next_at().is_none_or(|at| at >= to), "an event was passed over");
        self.now = self.now.max(to);
    }

    /// The next event; it is its time now.
    pub(crate) fn pop(&mut self) -> Option<E> {
        let Reverse(entry) = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }
}

/// A way that delays but never reorders: what is sent later arrives later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane {
    last: Millis,
}

impl Lane {
    /// Nothing arrives earlier than this.
    pub(crate) fn not_before(&mut self, at: Millis) {
        self.last = self.last.max(at);
    }

    /// When the last one arrives.
    pub(crate) fn last(&self) -> Millis {
        self.last
    }

    pub(crate) fn send<E>(&mut self, agenda: &mut Agenda<E>, delay: Millis, event: E) {
        self.last = self.last.max(agenda.now() + delay);
        agenda.at(self.last, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_together_happens_in_the_order_of_planning() {
        let mut agenda = Agenda::new();
        agenda.at(5, 'c');
        agenda.at(3, 'a');
        agenda.at(3, 'b');
        let order: Vec<char> = std::iter::from_fn(|| agenda.pop()).collect();
        assert_eq!(order, ['a', 'b', 'c']);
        assert_eq!(agenda.now(), 5);
    }

    #[test]
    fn a_lane_delays_but_never_reorders() {
        let (mut agenda, mut lane) = (Agenda::new(), Lane::default());
        lane.send(&mut agenda, 9, "slow");
        lane.send(&mut agenda, 1, "quick");
        assert_eq!((agenda.pop(), agenda.now()), (Some("slow"), 9));
        assert_eq!((agenda.pop(), agenda.now()), (Some("quick"), 9));
    }
}
