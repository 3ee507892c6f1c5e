//! A seal beside which everything is put on tape that it gives.

use crate::circuit::Redactor;
use crate::record::Record;
use crate::tape::Tape;
use consort_core::NodeId;
use consort_core::seal::{Offer, Seal, Session};
use std::cell::RefCell;

/// The seal of a node that is recorded.
#[derive(Debug)]
pub struct RecordingSeal {
    seal: Box<dyn Seal>,
    way: Way,
}

/// Where to, and whether with secrets.
#[derive(Clone, Debug)]
struct Way {
    tape: Tape,
    all: bool,
}

impl RecordingSeal {
    /// Does what `seal` does. What it opens is put on tape without secrets, unless `all` is to be kept.
    #[must_use]
    pub fn new(seal: Box<dyn Seal>, tape: Tape, all: bool) -> Self {
        RecordingSeal { seal, way: Way { tape, all } }
    }
}

impl Seal for RecordingSeal {
    fn offer(&mut self, to: NodeId, about: &[u8]) -> Option<(Box<dyn Offer>, Vec<u8>)> {
        let given = self.seal.offer(to, about);
        self.way.tape.append(&Record::Offered(given.as_ref().map(|(_, words)| words.len() as u32)));
        let (offer, words) = given?;
        Some((Box::new(RecordedOffer { offer, way: self.way.clone() }), words))
    }

    fn accept(&mut self, from: NodeId, about: &[u8], offer: &[u8]) -> Option<(Box<dyn Session>, Vec<u8>)> {
        let given = self.seal.accept(from, about, offer);
        self.way.tape.append(&Record::Accepted(given.as_ref().map(|(_, words)| words.len() as u32)));
        let (session, words) = given?;
        Some((RecordedSession::boxed(session, &self.way, true), words))
    }
}

#[derive(Debug)]
struct RecordedOffer {
    offer: Box<dyn Offer>,
    way: Way,
}

impl Offer for RecordedOffer {
    fn answered(&mut self, answer: &[u8]) -> Option<Box<dyn Session>> {
        let session = self.offer.answered(answer);
        self.way.tape.append(&Record::Answered(session.is_some()));
        Some(RecordedSession::boxed(session?, &self.way, false))
    }
}

#[derive(Debug)]
struct RecordedSession {
    session: Box<dyn Session>,
    way: Way,
    redactor: RefCell<Redactor>,
}

impl RecordedSession {
    fn boxed(session: Box<dyn Session>, way: &Way, of_opener: bool) -> Box<dyn Session> {
        let redactor = RefCell::new(Redactor::new(of_opener));
        Box::new(RecordedSession { session, way: way.clone(), redactor })
    }
}

impl Session for RecordedSession {
    fn seal(&self, number: u64, plain: &[u8], to: &mut Vec<u8>) {
        let before = to.len();
        self.session.seal(number, plain, to);
        self.way.tape.append(&Record::Sealed((to.len() - before) as u32));
    }

    fn open(&self, number: u64, sealed: &[u8], plain: &mut Vec<u8>) -> bool {
        let opens = self.session.open(number, sealed, plain);
        self.way.tape.append_opened(|count, append| {
            if !opens {
                return append(&Record::Opened(None));
            }
            if self.way.all {
                return append(&Record::Opened(Some(plain)));
            }
            let mut redacted = plain.clone();
            for (piece, bytes) in self.redactor.borrow_mut().redact(count, &mut redacted) {
                append(&Record::Mended { opened: piece.opened, at: piece.at as u32, bytes: &bytes });
            }
            append(&Record::Opened(Some(&redacted)));
        });
        opens
    }
}
