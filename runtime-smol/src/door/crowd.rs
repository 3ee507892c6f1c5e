//! Who is in the door right now: a bounded table of connections. When it is full, whoever has kept the door waiting the longest
//! without having shown a login makes room.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Bytes of requests and answers that strangers' connections may hold together.
const BUFFERED_BYTES: usize = 16 << 20;

/// What a connection is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its next request has not come completely.
    Asking,
    /// A request's body is coming, its answer is being made, or is going out.
    Served,
    /// It is a WebSocket now and no longer counted here.
    Socket,
}

/// The table.
#[derive(Debug)]
pub(super) struct Crowd {
    seats: RefCell<BTreeMap<u64, Seat>>,
    turns: Cell<u64>,
    limit: usize,
    sockets: usize,
}

#[derive(Debug)]
struct Seat {
    phase: Phase,
    known: bool,
    /// When the phase began, counted in changes of the table.
    since: u64,
    bytes: usize,
    /// Closed when the seat is taken away.
    _held: async_channel::Sender<()>,
}

/// A connection's seat. Dropping it leaves the table.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Rc<Crowd>,
    id: u64,
    taken: async_channel::Receiver<()>,
}

impl Crowd {
    /// A table for `limit` connections and `sockets` WebSockets beside them.
    pub(super) fn new(limit: usize, sockets: usize) -> Rc<Self> {
        Rc::new(Crowd { seats: RefCell::default(), turns: Cell::new(0), limit, sockets })
    }

    /// A seat for a new connection; `None` if all are taken by people who are being served.
    pub(super) fn enter(self: &Rc<Self>) -> Option<Place> {
        if self.count(|seat| seat.phase != Phase::Socket) >= self.limit && !self.evict() {
            return None;
        }
        let (_held, taken) = async_channel::bounded(1);
        let id = self.turn();
        let seat = Seat { phase: Phase::Asking, known: false, since: id, bytes: 0, _held };
        self.seats.borrow_mut().insert(id, seat);
        Some(Place { crowd: Rc::clone(self), id, taken })
    }

    /// Closes the connection that has been asking the longest; if there is none, the stranger that is served the longest.
    pub(super) fn evict(&self) -> bool {
        let asking = |seat: &Seat| seat.phase == Phase::Asking;
        let stranger = |seat: &Seat| seat.phase == Phase::Served && !seat.known;
        match self.oldest(asking).or_else(|| self.oldest(stranger)) {
            Some(id) => self.seats.borrow_mut().remove(&id).is_some(),
            None => false,
        }
    }

    /// Closes all that wait for their next request: nothing of theirs is lost.
    pub(super) fn dismiss_idle(&self) {
        self.seats.borrow_mut().retain(|_, seat| seat.phase != Phase::Asking);
    }

    /// Whether anybody is being served.
    pub(super) fn is_busy(&self) -> bool {
        self.count(|seat| seat.phase == Phase::Served) > 0
    }

    fn oldest(&self, which: impl Fn(&Seat) -> bool) -> Option<u64> {
        let seats = self.seats.borrow();
        seats.iter().filter(|(_, seat)| which(seat)).min_by_key(|(_, seat)| seat.since).map(|(id, _)| *id)
    }

    fn count(&self, which: impl Fn(&Seat) -> bool) -> usize {
        self.seats.borrow().values().filter(|seat| which(seat)).count()
    }

    fn strangers_bytes(&self) -> usize {
        self.seats.borrow().values().filter(|seat| !seat.known).map(|seat| seat.bytes).sum()
    }

    fn turn(&self) -> u64 {
        self.turns.set(self.turns.get() + 1);
        self.turns.get()
    }
}

impl Place {
    /// Says what the connection does from now on.
    pub(super) fn enter_phase(&self, phase: Phase, known: bool) {
        let since = self.crowd.turn();
        if let Some(seat) = self.crowd.seats.borrow_mut().get_mut(&self.id) {
            *seat = Seat { phase, known, since, bytes: 0, _held: seat._held.clone() };
        }
    }

    /// Becomes a WebSocket; `false` if there are too many.
    pub(super) fn become_socket(&self) -> bool {
        let room = self.crowd.count(|seat| seat.phase == Phase::Socket) < self.crowd.sockets;
        if room {
            self.enter_phase(Phase::Socket, true);
        }
        room
    }

    /// Says how many bytes the connection holds. If strangers hold too many together, the oldest of them are dropped.
    pub(super) fn holds(&self, bytes: usize) {
        if let Some(seat) = self.crowd.seats.borrow_mut().get_mut(&self.id) {
            seat.bytes = bytes;
        }
        while self.crowd.strangers_bytes() > BUFFERED_BYTES {
            let Some(id) = self.crowd.oldest(|seat| seat.bytes > 0 && !seat.known) else { return };
            self.crowd.seats.borrow_mut().remove(&id);
        }
    }

    /// Resolves when the seat was given to somebody else: the connection must end.
    pub(super) async fn evicted(&self) {
        // Nothing is ever sent: this ends when the sender in the table is dropped.
        let _ = self.taken.recv().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.seats.borrow_mut().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    fn is_evicted(place: &Place) -> bool {
        block_on(poll_once(place.evicted())).is_some()
    }

    #[test]
    fn a_full_table_drops_who_has_been_asking_the_longest() {
        let crowd = Crowd::new(2, 1);
        let (first, second) = (crowd.enter().unwrap(), crowd.enter().unwrap());
        first.enter_phase(Phase::Asking, true);
        let third = crowd.enter().unwrap();
        assert_eq!([&first, &second, &third].map(is_evicted), [false, true, false]);
    }

    #[test]
    fn who_is_served_is_dropped_only_if_nobody_asks_and_only_without_a_login() {
        let crowd = Crowd::new(2, 1);
        let (known, stranger) = (crowd.enter().unwrap(), crowd.enter().unwrap());
        known.enter_phase(Phase::Served, true);
        stranger.enter_phase(Phase::Served, false);
        let next = crowd.enter().unwrap();
        assert_eq!([&known, &stranger, &next].map(is_evicted), [false, true, false]);
        next.enter_phase(Phase::Served, true);
        assert!(crowd.enter().is_none());
    }

    #[test]
    fn web_sockets_have_their_own_bound() {
        let crowd = Crowd::new(1, 1);
        let first = crowd.enter().unwrap();
        assert!(first.become_socket());
        let second = crowd.enter().unwrap();
        assert!(!second.become_socket());
        drop(first);
        assert!(second.become_socket());
    }

    #[test]
    fn strangers_that_hold_too_much_memory_are_dropped() {
        let crowd = Crowd::new(10, 1);
        let places: Vec<_> = (0..3).map(|_| crowd.enter().unwrap()).collect();
        for place in &places {
            place.enter_phase(Phase::Served, false);
            place.holds(BUFFERED_BYTES / 2);
        }
        assert_eq!(places.iter().map(is_evicted).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn a_dropped_place_leaves_nothing() {
        let crowd = Crowd::new(1, 1);
        drop(crowd.enter());
        assert!(crowd.seats.borrow().is_empty());
    }
}
