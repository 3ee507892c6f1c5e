//! What the user typed, numbered, until the owner of the terminal has written it.

use consort_core::limits::{INPUT_CHUNK_BYTES, INPUT_WINDOW_BYTES};
use std::collections::VecDeque;

/// Bytes typed that wait for their number: a second window, so that keys are read while the first one is full.
const WAITING_BYTES: usize = INPUT_WINDOW_BYTES;

/// Numbered input: sent at most once to an owner that may not remember us, repeated to one that does.
#[derive(Debug, Default)]
pub(super) struct Typing {
    /// The last number given.
    last: u64,
    /// Sent and not acknowledged, oldest first.
    sent: VecDeque<(u64, Vec<u8>)>,
    /// Not sent yet.
    waiting: VecDeque<u8>,
}

impl Typing {
    /// How many more bytes can be taken.
    pub(super) fn room(&self) -> usize {
        WAITING_BYTES - self.waiting.len()
    }

    /// How many bytes wait to be sent.
    pub(super) fn unsent(&self) -> usize {
        self.waiting.len()
    }

    /// Takes what was typed; returns how many bytes did not fit.
    pub(super) fn typed(&mut self, bytes: &[u8]) -> usize {
        let fits = bytes.len().min(self.room());
        self.waiting.extend(&bytes[..fits]);
        bytes.len() - fits
    }

    /// The next input to send, if the window has room for one.
    pub(super) fn next(&mut self) -> Option<(u64, Vec<u8>)> {
        let in_flight: usize = self.sent.iter().map(|(_, bytes)| bytes.len()).sum();
        let len = self.waiting.len().min(INPUT_CHUNK_BYTES).min(INPUT_WINDOW_BYTES.saturating_sub(in_flight));
        if len == 0 {
            return None;
        }
        let bytes: Vec<u8> = self.waiting.drain(..len).collect();
        self.last = self.last.saturating_add(1);
        self.sent.push_back((self.last, bytes.clone()));
        Some((self.last, bytes))
    }

    /// Everything up to and including `seq` is written.
    pub(super) fn acknowledged(&mut self, seq: u64) {
        while self.sent.front().is_some_and(|(number, _)| *number <= seq) {
            self.sent.pop_front();
        }
    }

    /// Everything before `seq` is written, nothing else of what was sent; the next input takes number `seq`. What waits behind it is
    /// dropped too: half a command line is worse than none. Returns how many bytes are lost.
    pub(super) fn lost(&mut self, seq: u64) -> usize {
        self.acknowledged(seq.saturating_sub(1));
        self.last = seq.saturating_sub(1);
        let sent: usize = self.sent.drain(..).map(|(_, bytes)| bytes.len()).sum();
        sent + self.waiting.drain(..).count()
    }

    /// Whether something is sent and not acknowledged.
    pub(super) fn is_open(&self) -> bool {
        !self.sent.is_empty()
    }

    /// After attaching anew: what to repeat, with the same numbers.
    pub(super) fn unacknowledged(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.sent.iter().map(|(seq, bytes)| (*seq, bytes.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(typing: &mut Typing) -> Vec<(u64, usize)> {
        std::iter::from_fn(|| typing.next()).map(|(seq, bytes)| (seq, bytes.len())).collect()
    }

    #[test]
    fn input_is_numbered_from_one_in_chunks_up_to_the_window() {
        let mut typing = Typing::default();
        assert_eq!(typing.typed(&vec![b'x'; WAITING_BYTES]), 0);
        let chunk = INPUT_CHUNK_BYTES;
        assert_eq!(sent(&mut typing), [(1, chunk), (2, chunk), (3, chunk), (4, chunk)]);
        assert_eq!(typing.typed(b"more"), 0);
        assert_eq!(sent(&mut typing), []);
        typing.acknowledged(1);
        assert_eq!(sent(&mut typing), [(5, 4)]);
    }

    #[test]
    fn what_is_not_acknowledged_is_repeated_with_its_number() {
        let mut typing = Typing::default();
        for key in ["a", "b", "c"] {
            typing.typed(key.as_bytes());
            typing.next();
        }
        typing.acknowledged(1);
        let repeated: Vec<_> = typing.unacknowledged().collect();
        assert_eq!(repeated, [(2, &b"b"[..]), (3, &b"c"[..])]);
    }

    #[test]
    fn lost_input_is_counted_and_not_repeated_and_the_next_one_takes_its_number() {
        let mut typing = Typing::default();
        for key in ["a", "bb", "ccc"] {
            typing.typed(key.as_bytes());
            typing.next();
        }
        assert_eq!(typing.lost(2), 5);
        assert_eq!(typing.unacknowledged().count(), 0);
        typing.typed(b"d");
        assert_eq!(typing.next(), Some((2, b"d".to_vec())));
    }

    #[test]
    fn more_than_two_windows_is_refused_and_counted() {
        let mut typing = Typing::default();
        typing.typed(&vec![0; WAITING_BYTES]);
        assert_eq!(typing.typed(b"xyz"), 3);
        assert_eq!(typing.room(), 0);
    }

    proptest! {
        #[test]
        fn every_byte_is_sent_once_and_in_order(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..40)) {
            let (mut typing, mut sent, mut expected) = (Typing::default(), Vec::new(), Vec::new());
            for piece in &pieces {
                let refused = typing.typed(piece);
                expected.extend_from_slice(&piece[..piece.len() - refused]);
                while let Some((seq, bytes)) = typing.next() {
                    sent.extend_from_slice(&bytes);
                    if seq % 3 == 0 {
                        typing.acknowledged(seq);
                    }
                }
            }
            typing.acknowledged(u64::MAX);
            while let Some((seq, bytes)) = typing.next() {
                sent.extend_from_slice(&bytes);
                typing.acknowledged(seq);
            }
            prop_assert_eq!(sent, expected);
        }
    }
}
