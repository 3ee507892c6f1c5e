//! Decoding lists that a peer sent: nothing is allocated from the length that it states, and what is longer than the bound is refused.
//! And queues whose memory does not stay as large as they once were.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// For `#[serde(deserialize_with)]`: a list of at most `MAX` elements.
pub(crate) fn at_most<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MAX: usize>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    from.deserialize_seq(AtMost::<T, MAX>(PhantomData))
}

struct AtMost<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for AtMost<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            list.push(element);
        }
        // Facts are kept: thousands of lists with room for more than they hold would add up.
        list.shrink_to_fit();
        Ok(list)
    }
}

/// An empty queue keeps room for so many.
const KEPT_ROOM: usize = 64;

/// The next of a queue. One that becomes empty and was long gives its memory back.
pub(crate) fn pop_front<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let next = queue.pop_front();
    if next.is_none() && queue.capacity() > KEPT_ROOM {
        *queue = VecDeque::new();
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_was_long_keeps_little_room_when_it_is_empty() {
        let mut queue: VecDeque<u64> = (0..1_000).collect();
        let all: Vec<u64> = core::iter::from_fn(|| pop_front(&mut queue)).collect();
        assert!(all.into_iter().eq(0..1_000));
        assert!(queue.capacity() <= KEPT_ROOM);
        queue.push_back(1);
        let room = queue.capacity();
        assert_eq!((pop_front(&mut queue), pop_front(&mut queue)), (Some(1), None));
        assert_eq!(queue.capacity(), room, "a short one keeps its room");
    }
}
