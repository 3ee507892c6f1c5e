//! One end of a circuit: numbers, acknowledgements, and the question whether the other end is still there. Both ends are alike.
//!
//! Nothing is sent again here. A parcel that is missing breaks the circuit, and what was to be said is said on the next one.

use super::wire::{Header, Kind};
use crate::limits;
use crate::time::{Duration, Instant};

/// The circuit cannot go on: something was lost on it, or nobody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

#[derive(Debug, Default)]
pub(super) struct Line {
    circuit: u64,
    /// Parcels with messages that were sent.
    sent: u64,
    /// Of those, how many the other end has.
    acked: u64,
    /// Parcels with messages that have come.
    taken: u64,
    /// When to ask, if nothing is acknowledged until then.
    ask_at: Option<Instant>,
    /// Questions since anything was heard.
    asked: u32,
    /// A question is to be sent.
    probe: bool,
    /// It was asked for: an answer is to be sent.
    answer: bool,
}

impl Line {
    pub(super) fn new(circuit: u64) -> Self {
        Line { circuit, ..Line::default() }
    }

    pub(super) fn circuit(&self) -> u64 {
        self.circuit
    }

    /// The other end has everything.
    pub(super) fn is_quiet(&self) -> bool {
        self.acked == self.sent
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.ask_at
    }

    /// The header of a parcel with messages that is sent now.
    pub(super) fn stamp(&mut self, now: Instant) -> Header {
        let header = self.header(Kind::Messages);
        self.sent += 1;
        self.answer = false;
        self.ask_at = self.ask_at.or(Some(now + limits::PROBE_TIME));
        header
    }

    /// The question or answer that is to be sent, if there is one.
    pub(super) fn control(&mut self, now: Instant) -> Option<Header> {
        if core::mem::take(&mut self.probe) {
            self.ask_at = Some(now + Duration::from_millis(limits::PROBE_TIME.as_millis() << self.asked));
            self.asked += 1;
            return Some(self.header(Kind::Probe));
        }
        core::mem::take(&mut self.answer).then(|| self.header(Kind::Answer))
    }

    pub(super) fn has_control(&self) -> bool {
        self.probe || self.answer
    }

    /// Asks at once.
    pub(super) fn ask(&mut self) {
        self.probe = true;
    }

    /// The other end has given a sign.
    pub(super) fn heard(&mut self) {
        (self.asked, self.ask_at) = (0, None);
    }

    /// Takes the header of a parcel of this circuit. True: its messages are to be taken.
    pub(super) fn arrived(&mut self, now: Instant, header: &Header) -> Result<bool, Broken> {
        if header.seq != self.taken || header.ack > self.sent {
            return Err(Broken);
        }
        self.asked = 0;
        let moved = header.ack > self.acked;
        self.acked = self.acked.max(header.ack);
        if self.is_quiet() {
            self.ask_at = None;
        } else if moved {
            self.ask_at = Some(now + limits::PROBE_TIME);
        }
        match header.kind {
            Kind::Messages => self.taken += 1,
            Kind::Probe => self.answer = true,
            Kind::Answer | Kind::Reset => {}
        }
        Ok(header.kind == Kind::Messages)
    }

    /// Time has passed.
    pub(super) fn wake(&mut self, now: Instant) -> Result<(), Broken> {
        if self.ask_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        if self.asked >= limits::PROBES {
            return Err(Broken);
        }
        // Sent when there is room: what waits here for a way out is not late at the other end.
        self.ask_at = None;
        self.probe = true;
        Ok(())
    }

    /// The header of a parcel without messages.
    pub(super) fn header(&self, kind: Kind) -> Header {
        Header { circuit: self.circuit, seq: self.sent, ack: self.taken, kind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Line, Line) {
        Default::default()
    }

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn parcels_are_taken_in_order_and_a_missing_one_breaks_the_circuit() {
        let (mut a, mut b) = pair();
        assert_eq!(b.arrived(at(0), &a.stamp(at(0))), Ok(true));
        let _lost = a.stamp(at(0));
        assert_eq!(b.arrived(at(0), &a.stamp(at(0))), Err(Broken));
    }

    #[test]
    fn a_lost_last_parcel_is_found_by_asking() {
        let (mut a, mut b) = pair();
        let _lost = a.stamp(at(0));
        assert_eq!(a.next_deadline(), Some(at(1_000)));
        assert_eq!(a.wake(at(1_000)), Ok(()));
        let question = a.control(at(1_000)).expect("a question");
        assert_eq!(b.arrived(at(1_001), &question), Err(Broken));
    }

    #[test]
    fn an_acknowledged_circuit_is_silent() {
        let (mut a, mut b) = pair();
        b.arrived(at(0), &a.stamp(at(0))).expect("in order");
        a.wake(at(1_000)).expect("asks");
        let question = a.control(at(1_000)).expect("a question");
        assert_eq!(b.arrived(at(1_001), &question), Ok(false));
        let answer = b.control(at(1_001)).expect("an answer");
        assert_eq!(a.arrived(at(1_002), &answer), Ok(false));
        assert_eq!((a.next_deadline(), a.has_control(), b.has_control()), (None, false, false));
    }

    #[test]
    fn nobody_there_is_found_out_after_some_questions_and_not_while_there_is_no_room_to_ask() {
        let (mut a, _) = pair();
        a.stamp(at(0));
        let mut questions = 0;
        a.wake(at(1_000)).expect("asks");
        assert_eq!(a.wake(at(1_000_000)), Ok(()), "the question was not even sent");
        loop {
            questions += u32::from(a.control(at(1_000_000)).is_some());
            let Some(deadline) = a.next_deadline() else { panic!("it waits for an answer") };
            if a.wake(deadline) == Err(Broken) {
                break;
            }
        }
        assert_eq!(questions, limits::PROBES);
    }

    #[test]
    fn a_question_is_not_asked_early_and_again_after_twice_as_long_each_time() {
        let (mut a, _) = pair();
        a.stamp(at(0));
        a.wake(at(999)).expect("it waits");
        assert!(!a.has_control());
        for (now, next) in [(1_000, 2_000), (2_000, 4_000), (4_000, 8_000)] {
            a.wake(at(now)).expect("asks");
            assert!(a.has_control() && a.control(at(now)).is_some());
            assert_eq!(a.next_deadline(), Some(at(next)));
        }
    }

    #[test]
    fn only_what_the_other_end_has_puts_the_question_off_and_only_when_it_has_all_there_is_none() {
        let (mut a, mut b) = pair();
        let first = a.stamp(at(0));
        let second = a.stamp(at(0));
        // It says something before anything has come.
        a.arrived(at(500), &b.stamp(at(500))).expect("in order");
        assert_eq!(a.next_deadline(), Some(at(1_000)));
        b.arrived(at(600), &first).expect("in order");
        a.arrived(at(700), &b.stamp(at(700))).expect("in order");
        assert_eq!(a.next_deadline(), Some(at(1_700)), "it has the first");
        b.arrived(at(800), &second).expect("in order");
        a.arrived(at(900), &b.stamp(at(900))).expect("in order");
        assert_eq!(a.next_deadline(), None);
    }
}
