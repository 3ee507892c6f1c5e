//! What a page knows of its input to one terminal: the rules of the browser protocol, as the dashboard keeps them.

use crate::failure::{Checked, must};
use crate::ledger::{Ledger, Piece};
use consort_core::limits;
use std::collections::VecDeque;

/// Numbered input of one page to one terminal.
#[derive(Debug)]
pub(crate) struct Typist {
    next_seq: u64,
    in_flight: VecDeque<Chunk>,
    waiting: VecDeque<(Piece, Vec<u8>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) seq: u64,
    pub(crate) bytes: Vec<u8>,
    piece: Piece,
}

impl Typist {
    pub(crate) fn new() -> Self {
        Typist { next_seq: 1, in_flight: VecDeque::new(), waiting: VecDeque::new() }
    }

    /// Takes what a person types.
    pub(crate) fn push(&mut self, piece: Piece, bytes: Vec<u8>) {
        self.waiting.push_back((piece, bytes));
    }

    /// Continues the numbers of what was typed before into the same terminal.
    pub(crate) fn go_on_from(&mut self, mut before: Typist) {
        before.waiting.append(&mut self.waiting);
        *self = before;
    }

    /// What may go on the wire now.
    pub(crate) fn sendable(&mut self) -> Vec<Chunk> {
        let mut flying: usize = self.in_flight.iter().map(|chunk| chunk.bytes.len()).sum();
        let mut chunks = Vec::new();
        while let Some((piece, bytes)) = self.waiting.pop_front() {
            flying += bytes.len();
            if flying > limits::INPUT_WINDOW_BYTES {
                self.waiting.push_front((piece, bytes));
                break;
            }
            let chunk = Chunk { seq: self.next_seq, bytes, piece };
            self.next_seq += 1;
            self.in_flight.push_back(chunk.clone());
            chunks.push(chunk);
        }
        chunks
    }

    /// The terminal is attached again, and its owner has written everything up to `written` (or does not know). What is not
    /// written is repeated, or is uncertain for ever.
    pub(crate) fn resumed(
        &mut self,
        ledger: &mut Ledger,
        written: u64,
        known: bool,
    ) -> Result<Vec<Chunk>, crate::failure::Failure> {
        if known {
            self.acknowledged(ledger, written)?;
        }
        if known && self.in_flight.front().is_none_or(|first| first.seq == written + 1) {
            self.next_seq = self.in_flight.back().map_or(written, |last| last.seq) + 1;
            return Ok(self.in_flight.iter().cloned().collect());
        }
        for chunk in self.in_flight.drain(..) {
            ledger.unsure(chunk.piece);
        }
        self.next_seq = written + 1;
        Ok(Vec::new())
    }

    /// Everything up to `seq` is written.
    pub(crate) fn acknowledged(&mut self, ledger: &mut Ledger, seq: u64) -> Checked {
        while let Some(chunk) = self.in_flight.pop_front_if(|first| first.seq <= seq) {
            ledger.acknowledged(chunk.piece)?;
        }
        Ok(())
    }

    /// `seq` and all after it is lost; the next input takes its number.
    pub(crate) fn lost(&mut self, ledger: &mut Ledger, seq: u64) -> Checked {
        must!(seq <= self.next_seq, "input {seq} was reported lost before it was sent");
        self.acknowledged(ledger, seq.saturating_sub(1))?;
        self.next_seq = seq;
        self.abandon(ledger)
    }

    /// The terminal is gone: nothing more can arrive.
    pub(crate) fn abandon(&mut self, ledger: &mut Ledger) -> Checked {
        for chunk in self.in_flight.drain(..) {
            ledger.lost(chunk.piece)?;
        }
        self.drop_waiting(ledger)
    }

    /// Nobody will tell any more.
    pub(crate) fn give_up(&mut self, ledger: &mut Ledger) -> Checked {
        for chunk in self.in_flight.drain(..) {
            ledger.unsure(chunk.piece);
        }
        self.drop_waiting(ledger)
    }

    /// What was not sent yet never will be.
    pub(crate) fn drop_waiting(&mut self, ledger: &mut Ledger) -> Checked {
        for (piece, _) in self.waiting.drain(..) {
            ledger.lost(piece)?;
        }
        Ok(())
    }

    /// Nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_empty()
    }
}
