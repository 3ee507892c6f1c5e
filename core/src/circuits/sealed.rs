//! One end of a session: every parcel is sealed under a number of its own.

use super::wire::{self, Form, Header, SessionId};
use crate::limits;
use crate::seal::Session;
use alloc::boxed::Box;
use alloc::vec::Vec;

#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) id: SessionId,
    form: fn(u64) -> Form,
    session: Box<dyn Session>,
    /// The number of the next parcel from here.
    next: u64,
    /// No parcel with a number below this is taken any more: what opens once does not open again.
    taken: u64,
}

impl Sealed {
    pub(super) fn of_opener(id: SessionId, session: Box<dyn Session>) -> Self {
        Sealed { id, form: Form::Asks, session, next: 0, taken: 0 }
    }

    pub(super) fn of_owner(id: SessionId, session: Box<dyn Session>) -> Self {
        Sealed { id, form: Form::Tells, session, next: 0, taken: 0 }
    }

    /// The other end has said something in it.
    pub(super) fn has_served(&self) -> bool {
        self.taken > 0
    }

    /// A parcel that only the other end can read.
    pub(super) fn parcel(&mut self, header: &Header, messages: &[u8]) -> Vec<u8> {
        let said = wire::said(header, messages);
        let envelope = wire::Envelope { session: self.id, form: (self.form)(self.next) };
        let mut body = wire::append(&envelope, Vec::with_capacity(said.len() + limits::SEAL_BYTES + 32));
        self.session.seal(self.next, &said, &mut body);
        self.next += 1;
        body
    }

    /// Whether the other end has said this, and not before; then `plain` has it. What it has not said is nothing: it does not even break
    /// the circuit.
    pub(super) fn open(&mut self, number: u64, sealed: &[u8], plain: &mut Vec<u8>) -> bool {
        let opens = number >= self.taken && number < u64::MAX && self.session.open(number, sealed, plain);
        if opens {
            self.taken = number + 1;
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Kind;
    use super::*;
    use crate::id::NodeId;
    use crate::seal::Seal;
    use crate::sham::Sham;

    const A: NodeId = NodeId([1; 32]);
    const B: NodeId = NodeId([2; 32]);

    /// The two ends of a session.
    fn ends() -> (Sealed, Sealed) {
        let id = SessionId::default();
        let (mut offer, words) = Sham::new(A, 1).offer(B, &id.about()).expect("offered");
        let (owner, answer) = Sham::new(B, 1).accept(A, &id.about(), &words).expect("accepted");
        (Sealed::of_opener(id, offer.answered(&answer).expect("answered")), Sealed::of_owner(id, owner))
    }

    /// What the opener seals under this number.
    fn said(from: &mut Sealed, number: u64) -> Vec<u8> {
        let header = Header { circuit: 1, seq: 0, ack: 0, kind: Kind::Probe };
        let mut sealed = Vec::new();
        from.session.seal(number, &wire::said(&header, &[]), &mut sealed);
        sealed
    }

    #[test]
    fn what_was_said_opens_once_and_nothing_older_after_it() {
        let (mut a, mut b) = ends();
        let words = [0, 1, 2, 3].map(|number| said(&mut a, number));
        let mut opens = |number: usize| b.open(number as u64, &words[number], &mut Vec::new());
        assert_eq!([0, 0, 2, 1, 2, 3].map(&mut opens), [true, false, true, false, false, true]);
    }

    #[test]
    fn the_last_number_of_all_is_not_taken_even_from_the_other_end() {
        let (mut a, mut b) = ends();
        let last = said(&mut a, u64::MAX);
        assert!(!b.open(u64::MAX, &last, &mut Vec::new()));
        let before = said(&mut a, u64::MAX - 1);
        assert!(b.open(u64::MAX - 1, &before, &mut Vec::new()));
    }
}
