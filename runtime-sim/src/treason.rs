//! A node whose frames are tampered with on their way out: what a broken or hostile member could send. It does not invent facts
//! (facts are not signed: a member is trusted with them); it sends garbage, repeats, and what was meant for others.

use crate::dice::Dice;
use std::collections::VecDeque;

/// Old frames that it can bring up again.
const RECORD: usize = 64;

/// Somebody who sends more than the node does.
#[derive(Debug)]
pub(crate) struct Traitor {
    kind: u8,
    dice: Dice,
    record: VecDeque<Vec<u8>>,
}

impl Traitor {
    /// Kind 0: nobody.
    pub(crate) fn new(kind: u8, seed: u64) -> Option<Self> {
        let kind = kind % 5;
        (kind > 0).then(|| Traitor { kind, dice: Dice::new(seed, 4), record: VecDeque::new() })
    }

    /// What is sent after a frame, on the same link.
    pub(crate) fn after(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let strikes = self.dice.percent(20);
        let more = match self.kind {
            1 => self.garbage(),
            2 => self.old(),
            3 => frame.to_vec(),
            _ => frame[..self.dice.up_to(frame.len() as u64) as usize].to_vec(),
        };
        if self.record.len() == RECORD {
            self.record.pop_front();
        }
        self.record.push_back(frame.to_vec());
        strikes.then_some(more)
    }

    fn old(&mut self) -> Vec<u8> {
        let last = self.record.len().saturating_sub(1) as u64;
        let index = self.dice.up_to(last) as usize;
        self.record.get(index).cloned().unwrap_or_default()
    }

    /// Bytes of which the first is no kind of frame.
    fn garbage(&mut self) -> Vec<u8> {
        let length = self.dice.magnitude(1 << 16);
        let mut bytes = vec![0xFF];
        bytes.extend((0..length).map(|_| self.dice.draw() as u8));
        bytes
    }
}
