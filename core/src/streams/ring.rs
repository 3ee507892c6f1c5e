//! The last output bytes of one terminal, by absolute offset.

use super::Bytes;
use crate::limits;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Pieces below this size are merged with their neighbour, so that key echoes do not cost one allocation each for ever.
const SMALL: usize = 4 << 10;

// Two neighbours are together longer than that.
const _: () = assert!(2 * (limits::RING_BYTES / SMALL + 1) <= limits::RING_CHUNKS);

/// Bytes `start..end` of a terminal's output, in shared pieces.
///
/// Holds at most [`RING_BYTES`](limits::RING_BYTES) in at most [`RING_CHUNKS`](limits::RING_CHUNKS) pieces; the oldest go first.
#[derive(Debug, Default)]
pub(super) struct Ring {
    chunks: VecDeque<Bytes>,
    start: u64,
    end: u64,
}

impl Ring {
    /// Offset of the oldest byte that is held.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Offset after the newest byte.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether a reader that has everything before `offset` can go on without a gap.
    pub(super) fn holds(&self, offset: u64) -> bool {
        (self.start..=self.end).contains(&offset)
    }

    /// Adds bytes at the end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.end += bytes.len() as u64;
        match self.chunks.back_mut() {
            Some(last) if last.len() + bytes.len() <= SMALL => {
                let mut merged = Vec::with_capacity(last.len() + bytes.len());
                merged.extend_from_slice(last);
                merged.extend_from_slice(bytes);
                *last = Bytes::from(&merged[..]);
            }
            _ => self.chunks.push_back(Bytes::from(bytes)),
        }
        while self.end - self.start > limits::RING_BYTES as u64 {
            self.drop_oldest();
        }
    }

    /// Forgets bytes before `offset` as far as whole pieces allow.
    pub(super) fn release(&mut self, offset: u64) {
        while let Some(first) = self.chunks.front() {
            if self.start + first.len() as u64 > offset {
                break;
            }
            self.drop_oldest();
        }
    }

    /// Marks that bytes are missing here: everything is forgotten and no offset from before can go on.
    pub(super) fn skip(&mut self) {
        self.chunks.clear();
        self.end += 1;
        self.start = self.end;
    }

    /// At most `limit` bytes from `offset` on, without copying: a part of one piece. Empty at the end.
    pub(super) fn read(&self, offset: u64, limit: usize) -> Option<Bytes> {
        debug_assert!(self.holds(offset), "offset outside of the ring");
        // Readers are mostly near the end: search from there.
        let mut chunk_end = self.end;
        for chunk in self.chunks.iter().rev() {
            let chunk_start = chunk_end - chunk.len() as u64;
            if offset >= chunk_start {
                let from = (offset - chunk_start) as usize;
                let to = chunk.len().min(from.saturating_add(limit));
                return (from < to).then(|| chunk.slice(from..to));
            }
            chunk_end = chunk_start;
        }
        None
    }

    fn drop_oldest(&mut self) {
        if let Some(first) = self.chunks.pop_front() {
            self.start += first.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Push(usize),
        Release(u64),
        Skip,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            8 => prop_oneof![1usize..50, 4_000usize..70_000].prop_map(Op::Push),
            1 => (0u64..3_000_000).prop_map(Op::Release),
            1 => Just(Op::Skip),
        ]
    }

    /// The byte that a script prints at an offset.
    fn script(offset: u64) -> u8 {
        (offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
    }

    #[test]
    fn as_many_bytes_are_kept_as_the_limit_says_and_then_the_oldest_go() {
        let mut ring = Ring::default();
        let piece = [0; SMALL];
        for _ in 0..limits::RING_BYTES / SMALL {
            ring.push(&piece);
        }
        assert_eq!((ring.start(), ring.end()), (0, limits::RING_BYTES as u64));
        ring.push(b"x");
        assert_eq!(ring.start(), SMALL as u64);
    }

    #[test]
    fn whatever_the_size_of_the_pieces_there_are_no_more_of_them_than_the_limit_says() {
        for (first, second) in [(1, 1), (100, 100), (1, SMALL), (SMALL / 2, SMALL / 2 + 1), (SMALL, SMALL)] {
            let mut ring = Ring::default();
            for _ in 0..2 * limits::RING_CHUNKS {
                ring.push(&vec![0; first]);
                ring.push(&vec![0; second]);
            }
            assert!(ring.chunks.len() <= limits::RING_CHUNKS, "{first}, {second}: {}", ring.chunks.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_byte_held_is_the_byte_that_was_printed_there(ops in prop::collection::vec(op(), 1..80)) {
            let mut ring = Ring::default();
            for op in ops {
                match op {
                    Op::Push(count) => {
                        let at = ring.end();
                        let bytes: Vec<u8> = (at..at + count as u64).map(script).collect();
                        ring.push(&bytes);
                    }
                    Op::Release(offset) => ring.release(offset),
                    Op::Skip => {
                        let end = ring.end();
                        ring.skip();
                        prop_assert!(!ring.holds(end), "nobody can go on over a gap");
                    }
                }
                prop_assert!(ring.end() - ring.start() <= limits::RING_BYTES as u64);
                prop_assert!(ring.chunks.len() <= limits::RING_CHUNKS);
                let mut at = ring.start();
                while let Some(bytes) = ring.read(at, 10_000) {
                    prop_assert!(bytes.len() <= 10_000);
                    for byte in bytes.iter() {
                        prop_assert_eq!(*byte, script(at));
                        at += 1;
                    }
                }
                prop_assert_eq!(at, ring.end());
            }
        }
    }
}
