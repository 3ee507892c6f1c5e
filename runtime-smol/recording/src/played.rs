//! A seal that gives again what was recorded, in the order in which it was asked.

use crate::record::Record;
use consort_core::NodeId;
use consort_core::redact::FILLER;
use consort_core::seal::{Offer, Seal, Session};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a seal gave once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// See [`Record::Offered`].
    Offered(Option<u32>),
    /// See [`Record::Accepted`].
    Accepted(Option<u32>),
    /// See [`Record::Answered`].
    Answered(bool),
    /// See [`Record::Opened`].
    Opened(Option<Vec<u8>>),
    /// See [`Record::Sealed`].
    Sealed(u32),
}

impl Given {
    /// What a record says of the seal, if it does.
    #[must_use]
    pub fn of(record: &Record<'_>) -> Option<Self> {
        match record {
            Record::Offered(len) => Some(Given::Offered(*len)),
            Record::Accepted(len) => Some(Given::Accepted(*len)),
            Record::Answered(yes) => Some(Given::Answered(*yes)),
            Record::Opened(plain) => Some(Given::Opened(plain.map(<[u8]>::to_vec))),
            Record::Sealed(len) => Some(Given::Sealed(*len)),
            Record::Input(..) | Record::Followed(_) | Record::Mended { .. } | Record::End(_) => None,
        }
    }
}

/// The seal of a node that is played back. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct PlayedSeal(Arc<Mutex<Course>>);

#[derive(Debug, Default)]
struct Course {
    next: VecDeque<Given>,
    departed: Option<String>,
}

impl PlayedSeal {
    /// What it will be asked for next, behind what it was told before.
    pub fn expect(&self, given: Given) {
        self.lock().next.push_back(given);
    }

    /// What it was asked for that was not recorded at this point, or not asked for that was: the first such thing since the last call.
    #[must_use]
    pub fn departure(&self) -> Option<String> {
        let mut course = self.lock();
        let left = course.next.drain(..).next().map(|given| format!("the recorded node went on: {}", words(&given)));
        course.departed.take().or(left)
    }

    /// What is given now, if it is of the wanted kind.
    fn take<T>(&self, asked: &str, wanted: impl FnOnce(&Given) -> Option<T>) -> Option<T> {
        let mut course = self.lock();
        let next = course.next.pop_front();
        let found = next.as_ref().and_then(wanted);
        if found.is_none() {
            let recorded = next.as_ref().map_or_else(|| "nothing of that kind".to_string(), words);
            course
                .departed
                .get_or_insert_with(|| format!("its seal was asked to {asked}, and what was recorded is: {recorded}"));
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, Course> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn words(given: &Given) -> String {
    match given {
        Given::Offered(len) => format!("a session was offered in {len:?} bytes"),
        Given::Accepted(len) => format!("an offer was accepted in {len:?} bytes"),
        Given::Answered(yes) => format!("an answer was judged ({yes})"),
        Given::Opened(None) => "something did not open".to_string(),
        Given::Opened(Some(plain)) => format!("{} bytes were opened", plain.len()),
        Given::Sealed(len) => format!("something was sealed into {len} bytes"),
    }
}

fn filler(len: u32) -> Vec<u8> {
    vec![FILLER; len as usize]
}

impl Seal for PlayedSeal {
    fn offer(&mut self, _: NodeId, _: &[u8]) -> Option<(Box<dyn Offer>, Vec<u8>)> {
        let offered = |given: &Given| if let Given::Offered(len) = given { Some(*len) } else { None };
        let len = self.take("offer a session", offered)??;
        Some((Box::new(self.clone()), filler(len)))
    }

    fn accept(&mut self, _: NodeId, _: &[u8], _: &[u8]) -> Option<(Box<dyn Session>, Vec<u8>)> {
        let accepted = |given: &Given| if let Given::Accepted(len) = given { Some(*len) } else { None };
        let len = self.take("accept an offer", accepted)??;
        Some((Box::new(self.clone()), filler(len)))
    }
}

impl Offer for PlayedSeal {
    fn answered(&mut self, _: &[u8]) -> Option<Box<dyn Session>> {
        let answered = |given: &Given| if let Given::Answered(yes) = given { Some(*yes) } else { None };
        self.take("judge an answer", answered)?.then(|| Box::new(self.clone()) as Box<dyn Session>)
    }
}

impl Session for PlayedSeal {
    fn seal(&self, _: u64, plain: &[u8], to: &mut Vec<u8>) {
        let sealed = |given: &Given| if let Given::Sealed(len) = given { Some(*len) } else { None };
        let asked = format!("seal {} bytes", plain.len());
        // How much was sealed shows in the length of what is transmitted.
        let len = self.take(&asked, sealed).unwrap_or_default();
        to.resize(to.len() + len as usize, FILLER);
    }

    fn open(&self, _: u64, sealed: &[u8], plain: &mut Vec<u8>) -> bool {
        let opened = |given: &Given| if let Given::Opened(plain) = given { Some(plain.clone()) } else { None };
        plain.clear();
        match self.take(&format!("open {} bytes", sealed.len()), opened).flatten() {
            Some(held) => plain.extend_from_slice(&held),
            None => return false,
        }
        true
    }
}
