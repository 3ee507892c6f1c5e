//! A node whose frames are tampered with on their way out: what a broken or hostile member could send. It does not invent facts
//! (facts are not signed: a member is trusted with them); it sends garbage, repeats, and what was meant for others, changes what it
//! passes on, and speaks in the name of others. Or it is no traitor at all, but of another version.

use crate::dice::Dice;
use consort_core::NodeId;
use consort_core::seal::Seal;
use consort_core::sham::Sham;
use consort_core::wire::circuit::{Envelope, Form, SessionId, envelope, parcel};
use consort_core::wire::{Frame, Hello, Parcel};
use std::collections::VecDeque;

/// Old frames that it can bring up again.
const RECORD: usize = 64;
/// Protocols that no version here speaks.
const LATER: (u16, u16) = (u16::MAX - 1, u16::MAX);
/// The first byte of a frame with a parcel.
const PARCEL: u8 = 5;

/// Somebody who sends other things than the node does.
#[derive(Debug)]
pub(crate) struct Traitor {
    manner: Manner,
    dice: Dice,
    record: VecDeque<Vec<u8>>,
    /// It has a key of its own, and no other.
    own: Sham,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Sends garbage.
    Garbage,
    /// Sends old frames again.
    Old,
    /// Sends frames twice.
    Twice,
    /// Sends the beginning of a frame after it.
    Cut,
    /// Changes parcels, its own and those that it passes on.
    Change,
    /// Says parcels in the name of others.
    Forge,
    /// Says parcels again that it has sent or passed on, some of them long ago.
    Replay,
    /// Greets as a later version, which speaks no protocol of this one.
    Later,
}

impl Manner {
    const ALL: [Manner; 8] = [
        Manner::Garbage,
        Manner::Old,
        Manner::Twice,
        Manner::Cut,
        Manner::Change,
        Manner::Forge,
        Manner::Replay,
        Manner::Later,
    ];
}

impl Traitor {
    /// Kind 0: nobody.
    pub(crate) fn new(kind: u8, seed: u64, id: NodeId) -> Option<Self> {
        let manner = *Manner::ALL.get(usize::from(kind % 9).checked_sub(1)?)?;
        Some(Traitor { manner, dice: Dice::new(seed, 4), record: VecDeque::new(), own: Sham::new(id, seed) })
    }

    /// What becomes of a frame, and what is sent after it on the same link.
    pub(crate) fn sends(&mut self, mut frame: Vec<u8>) -> (Vec<u8>, Option<Vec<u8>>) {
        let strikes = self.dice.percent(20);
        let is_parcel = frame.first() == Some(&PARCEL);
        let more = match self.manner {
            Manner::Garbage => Some(self.garbage()),
            Manner::Old | Manner::Replay => self.old(),
            Manner::Twice => Some(frame.clone()),
            Manner::Cut => Some(frame[..self.dice.up_to(frame.len() as u64) as usize].to_vec()),
            Manner::Forge if is_parcel => self.forged(&frame),
            Manner::Forge => None,
            Manner::Later => {
                if let Ok(Frame::Hello(hello)) = Frame::decode(&frame) {
                    frame = Frame::Hello(Hello { protocol: LATER, ..hello }).encode();
                }
                None
            }
            Manner::Change => {
                if strikes && is_parcel {
                    let place = self.dice.up_to(frame.len() as u64 - 2) as usize + 1;
                    frame[place] ^= 1 << self.dice.up_to(7);
                }
                None
            }
        };
        if self.manner != Manner::Replay {
            self.remember(&frame);
        } else if is_parcel {
            self.sample(&frame);
        }
        (frame, more.filter(|_| strikes))
    }

    fn remember(&mut self, frame: &[u8]) {
        if self.record.len() == RECORD {
            self.record.pop_front();
        }
        self.record.push_back(frame.to_vec());
    }

    /// Keeps some, so that old ones stay for long.
    fn sample(&mut self, frame: &[u8]) {
        if self.record.len() < RECORD {
            self.record.push_back(frame.to_vec());
        } else if self.dice.percent(10) {
            let place = self.dice.up_to(RECORD as u64 - 1) as usize;
            self.record[place] = frame.to_vec();
        }
    }

    fn old(&mut self) -> Option<Vec<u8>> {
        let last = self.record.len().saturating_sub(1) as u64;
        let index = self.dice.up_to(last) as usize;
        self.record.get(index).cloned()
    }

    /// What looks like a parcel of somebody else.
    fn forged(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let Ok(Frame::Parcel(Parcel { mut from, mut to, hops, mut body })) = Frame::decode(frame) else { return None };
        let Ok((Envelope { session, form }, held)) = envelope(&body) else { return None };
        let next = SessionId { number: session.number + 1, ..session };
        match self.dice.up_to(5) {
            // In the name of the one that it is for.
            0 => std::mem::swap(&mut from, &mut to),
            // What another one has said.
            1 => {
                let other = self.old().and_then(|frame| Frame::decode(&frame).ok());
                let Some(Frame::Parcel(other)) = other else { return None };
                (from, to) = (other.from, other.to);
            }
            2 => body = parcel(session, Form::Reset, &[]),
            3 => {
                let number = self.dice.up_to(100);
                let form = if matches!(form, Form::Asks(_)) { Form::Asks(number) } else { Form::Tells(number) };
                body = parcel(session, form, held);
            }
            4 => body = parcel(next, Form::Offer, &self.own.offer(to, &next.about())?.1),
            _ => {
                std::mem::swap(&mut from, &mut to);
                body = parcel(session, Form::Accept, &self.own.offer(to, &session.about())?.1);
            }
        }
        Some(Frame::Parcel(Parcel { from, to, hops, body }).encode())
    }

    /// Bytes of which the first is no kind of frame.
    fn garbage(&mut self) -> Vec<u8> {
        let length = self.dice.magnitude(1 << 16);
        let mut bytes = vec![0xFF];
        bytes.extend((0..length).map(|_| self.dice.draw() as u8));
        bytes
    }
}
