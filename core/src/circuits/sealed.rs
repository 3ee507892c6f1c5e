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
