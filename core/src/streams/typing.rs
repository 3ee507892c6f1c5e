//! Who typed what, in which order, and what of it is written: numbered input that is written once.

use crate::id::ViewerKey;
use crate::limits;
use crate::time::Instant;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// The input side of one terminal.
#[derive(Debug, Default)]
pub(super) struct Typing {
    memory: BTreeMap<ViewerKey, Numbers>,
    /// Handed to the backend and not yet confirmed, oldest first.
    unconfirmed: VecDeque<Chunk>,
    /// A viewer was forgotten: who is not remembered may have typed.
    forgot: bool,
}

#[derive(Debug)]
struct Numbers {
    /// The last number that was taken for writing.
    taken: u64,
    /// The last number that is written.
    written: u64,
    /// Bytes between the two.
    pending_bytes: usize,
    /// A part of what was lost is written: it must not be repeated.
    torn: bool,
    at: Instant,
}

#[derive(Debug)]
struct Chunk {
    key: ViewerKey,
    seq: u64,
    len: usize,
    left: usize,
}

/// What to do with a numbered input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// New: write it.
    Write,
    /// Written or on its way already: say (again) what is written.
    Duplicate,
    /// This number and all after it cannot be taken; the message says why.
    Lost(u64, &'static str),
}

impl Typing {
    /// The last written number of a viewer, if it is remembered.
    pub(super) fn written(&self, key: &ViewerKey) -> Option<u64> {
        self.memory.get(key).map(|numbers| numbers.written)
    }

    /// Whether a viewer's input of this number is written or going to be.
    pub(super) fn has_taken(&self, key: &ViewerKey, seq: u64) -> bool {
        self.memory.get(key).is_some_and(|numbers| seq <= numbers.taken)
    }

    /// Whether it is known of everything after [`written`](Self::written) that it was not written. `same_life`: the viewer has seen
    /// the terminal in its present numbering, so that all that it typed since then was typed here.
    pub(super) fn is_certain(&self, key: &ViewerKey, same_life: bool) -> bool {
        self.memory.get(key).map_or(same_life && !self.forgot, |numbers| !numbers.torn)
    }

    /// Takes a numbered input, or says why not. A viewer that is not remembered may begin at any number.
    pub(super) fn take(&mut self, now: Instant, key: ViewerKey, seq: u64, len: usize) -> Verdict {
        if !self.memory.contains_key(&key) {
            if !self.make_room() {
                return Verdict::Lost(seq, "too many viewers type into this terminal");
            }
            let before = seq.saturating_sub(1);
            let numbers = Numbers { taken: before, written: before, pending_bytes: 0, torn: false, at: now };
            self.memory.insert(key, numbers);
        }
        let Some(numbers) = self.memory.get_mut(&key) else { return Verdict::Duplicate };
        numbers.at = now;
        if seq <= numbers.taken {
            return Verdict::Duplicate;
        }
        let expected = numbers.taken + 1;
        if seq > expected {
            return Verdict::Lost(expected, "input before it is missing");
        }
        if len > limits::INPUT_CHUNK_BYTES || numbers.pending_bytes + len > limits::INPUT_WINDOW_BYTES {
            return Verdict::Lost(seq, "more was sent than the terminal takes at once");
        }
        numbers.taken = seq;
        numbers.torn = false;
        numbers.pending_bytes += len;
        self.unconfirmed.push_back(Chunk { key, seq, len, left: len });
        Verdict::Write
    }

    /// The backend has written `bytes` more. Returns the viewers whose written number has grown.
    pub(super) fn confirm(&mut self, mut bytes: usize) -> Vec<ViewerKey> {
        let mut grown = Vec::new();
        while let Some(first) = self.unconfirmed.front_mut() {
            let part = first.left.min(bytes);
            first.left -= part;
            bytes -= part;
            if first.left > 0 {
                break;
            }
            let (key, seq, len) = (first.key, first.seq, first.len);
            self.unconfirmed.pop_front();
            if let Some(numbers) = self.memory.get_mut(&key) {
                numbers.written = seq;
                numbers.pending_bytes -= len;
            }
            if !grown.contains(&key) {
                grown.push(key);
            }
        }
        grown
    }

    /// What is not confirmed is lost. Returns the first lost number of each viewer; its count stands before that number again.
    pub(super) fn fail(&mut self) -> Vec<(ViewerKey, u64)> {
        let mut lost: Vec<(ViewerKey, u64)> = Vec::new();
        for chunk in self.unconfirmed.drain(..) {
            if let Some(numbers) = self.memory.get_mut(&chunk.key) {
                numbers.pending_bytes -= chunk.len;
                numbers.taken = numbers.written;
                numbers.torn |= chunk.left < chunk.len;
            }
            if lost.iter().all(|(key, _)| *key != chunk.key) {
                lost.push((chunk.key, chunk.seq));
            }
        }
        lost
    }

    /// Forgets viewers that have not typed for [`INPUT_MEMORY_TIME`](limits::INPUT_MEMORY_TIME).
    pub(super) fn expire(&mut self, now: Instant) {
        let before = self.memory.len();
        self.memory.retain(|_, numbers| numbers.pending_bytes > 0 || now.since(numbers.at) < limits::INPUT_MEMORY_TIME);
        self.forgot |= self.memory.len() < before;
    }

    /// Nobody is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    /// Bytes that wait for the backend.
    pub(super) fn pending_bytes(&self) -> usize {
        self.unconfirmed.iter().map(|chunk| chunk.len).sum()
    }

    /// Makes room for one more viewer: the one that has been quiet for longest is forgotten. False: none is quiet.
    fn make_room(&mut self) -> bool {
        if self.memory.len() < limits::INPUT_MEMORY {
            return true;
        }
        let quiet = self.memory.iter().filter(|(_, numbers)| numbers.pending_bytes == 0);
        let oldest = quiet.min_by_key(|(_, numbers)| numbers.at).map(|(key, _)| *key);
        self.forgot |= oldest.is_some();
        oldest.is_some_and(|key| self.memory.remove(&key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: ViewerKey = ViewerKey([1; 16]);

    #[test]
    fn a_repeated_input_is_not_written_again() {
        let mut typing = Typing::default();
        assert_eq!(typing.take(Instant::START, KEY, 1, 5), Verdict::Write);
        assert_eq!(typing.take(Instant::START, KEY, 1, 5), Verdict::Duplicate);
        assert_eq!(typing.confirm(5), [KEY]);
        assert_eq!(typing.take(Instant::START, KEY, 1, 5), Verdict::Duplicate);
        assert_eq!(typing.written(&KEY), Some(1));
    }

    #[test]
    fn a_gap_in_the_numbers_is_said_to_be_lost() {
        let mut typing = Typing::default();
        assert_eq!(typing.take(Instant::START, KEY, 1, 1), Verdict::Write);
        assert_eq!(typing.take(Instant::START, KEY, 3, 1), Verdict::Lost(2, "input before it is missing"));
        assert_eq!(typing.take(Instant::START, KEY, 2, 1), Verdict::Write, "the viewer goes on with the lost number");
    }

    #[test]
    fn a_viewer_the_terminal_does_not_know_may_begin_anywhere() {
        let mut typing = Typing::default();
        assert_eq!(typing.written(&KEY), None);
        assert_eq!(typing.take(Instant::START, KEY, 57, 1), Verdict::Write);
    }

    #[test]
    fn after_a_failed_write_the_viewer_goes_on_with_the_first_lost_number() {
        let mut typing = Typing::default();
        for seq in 1..=3 {
            assert_eq!(typing.take(Instant::START, KEY, seq, 10), Verdict::Write);
        }
        typing.confirm(10);
        assert_eq!(typing.fail(), [(KEY, 2)]);
        assert_eq!(typing.written(&KEY), Some(1));
        assert_eq!(typing.take(Instant::START, KEY, 2, 10), Verdict::Write);
        assert_eq!(typing.confirm(10), [KEY]);
        assert_eq!(typing.written(&KEY), Some(2));
    }

    #[test]
    fn what_was_written_in_part_is_uncertain_until_the_viewer_goes_on() {
        let mut typing = Typing::default();
        typing.take(Instant::START, KEY, 1, 10);
        typing.confirm(5);
        assert!(typing.is_certain(&KEY, false));
        typing.fail();
        assert!(!typing.is_certain(&KEY, true), "repeating it would write five bytes twice");
        assert_eq!(typing.take(Instant::START, KEY, 1, 10), Verdict::Write);
        assert!(typing.is_certain(&KEY, false));
    }

    #[test]
    fn who_has_not_typed_is_known_not_to_have_if_it_was_here_all_the_time_and_nobody_was_forgotten() {
        let mut typing = Typing::default();
        assert!(typing.is_certain(&KEY, true));
        assert!(!typing.is_certain(&KEY, false), "it may have typed into the life before");
        typing.take(Instant::START, ViewerKey([2; 16]), 1, 1);
        typing.confirm(1);
        typing.expire(Instant::START + limits::INPUT_MEMORY_TIME);
        assert!(!typing.is_certain(&KEY, true));
    }

    #[test]
    fn no_more_viewers_are_remembered_than_the_limit_says() {
        let mut typing = Typing::default();
        for who in 0..limits::INPUT_MEMORY as u8 {
            assert_eq!(typing.take(Instant::START, ViewerKey([who; 16]), 1, 1), Verdict::Write);
        }
        let late = ViewerKey([255; 16]);
        assert!(matches!(typing.take(Instant::START, late, 1, 1), Verdict::Lost(1, _)));
        typing.confirm(1);
        assert_eq!(typing.take(Instant::START, late, 1, 1), Verdict::Write, "in the place of one that is quiet");
        assert_eq!(typing.memory.len(), limits::INPUT_MEMORY);
    }

    #[test]
    fn the_one_that_has_been_quiet_for_longest_is_forgotten_first() {
        let mut typing = Typing::default();
        let who = |number: usize| ViewerKey([number as u8; 16]);
        for number in 0..limits::INPUT_MEMORY {
            typing.take(Instant::from_millis(100 - number as u64), who(number), 1, 1);
            typing.confirm(1);
        }
        typing.take(Instant::from_millis(101), who(limits::INPUT_MEMORY - 1), 2, 1);
        let late = who(limits::INPUT_MEMORY);
        assert_eq!(typing.take(Instant::from_millis(102), late, 1, 1), Verdict::Write);
        let forgotten: Vec<usize> = (0..limits::INPUT_MEMORY).filter(|n| typing.written(&who(*n)).is_none()).collect();
        assert_eq!(forgotten, [limits::INPUT_MEMORY - 2]);
        assert!(!typing.is_certain(&who(forgotten[0]), true));
    }

    #[test]
    fn more_than_the_window_is_refused() {
        let mut typing = Typing::default();
        let chunk = limits::INPUT_CHUNK_BYTES;
        for seq in 1..=(limits::INPUT_WINDOW_BYTES / chunk) as u64 {
            assert_eq!(typing.take(Instant::START, KEY, seq, chunk), Verdict::Write);
        }
        assert!(matches!(typing.take(Instant::START, KEY, 5, 1), Verdict::Lost(5, _)));
    }

    #[test]
    fn after_a_failed_write_the_whole_window_is_free_again() {
        let mut typing = Typing::default();
        typing.take(Instant::START, KEY, 1, 1);
        typing.fail();
        let chunk = limits::INPUT_CHUNK_BYTES;
        for seq in 1..=(limits::INPUT_WINDOW_BYTES / chunk) as u64 {
            assert_eq!(typing.take(Instant::START, KEY, seq, chunk), Verdict::Write);
        }
        assert_eq!(typing.pending_bytes(), limits::INPUT_WINDOW_BYTES);
    }

    #[test]
    fn a_viewer_that_is_long_gone_is_forgotten() {
        let mut typing = Typing::default();
        typing.take(Instant::START, KEY, 1, 1);
        typing.confirm(1);
        typing.expire(Instant::START + limits::INPUT_MEMORY_TIME);
        assert_eq!(typing.written(&KEY), None);
    }

    #[test]
    fn a_viewer_whose_input_is_under_way_is_not_forgotten() {
        let mut typing = Typing::default();
        typing.take(Instant::START, KEY, 1, 1);
        typing.expire(Instant::START + limits::INPUT_MEMORY_TIME);
        assert_eq!(typing.confirm(1), [KEY]);
        assert_eq!(typing.written(&KEY), Some(1));
        assert!(typing.is_certain(&ViewerKey([2; 16]), true), "nobody was forgotten");
    }

    proptest! {
        #[test]
        fn whatever_is_repeated_each_number_is_written_once_and_in_order(
            sends in prop::collection::vec((0u8..3, 0u64..4, 1usize..100), 1..100)
        ) {
            let mut typing = Typing::default();
            let mut next = BTreeMap::<u8, u64>::new();
            let mut written = BTreeMap::<u8, Vec<u64>>::new();
            for (who, back, len) in sends {
                let key = ViewerKey([who; 16]);
                let fresh = next.entry(who).or_insert(1);
                let seq = fresh.saturating_sub(back).max(1);
                if typing.take(Instant::START, key, seq, len) == Verdict::Write {
                    written.entry(who).or_default().push(seq);
                    *fresh = seq + 1;
                }
                typing.confirm(len / 2);
            }
            for numbers in written.values() {
                prop_assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]));
            }
        }
    }
}
