//! Finding out in which facts two nodes differ, in few messages whose size depends on the difference, not on the whole.
//!
//! Range-based set reconciliation (A. Meyer, SRDS 2023): hashes of spans of the ordered map; a span that differs is split in
//! [`PARTS`], and one with few keys is listed. Neither end keeps any state: an answer depends only on the message and the facts.

use super::facts::{Facts, Key};
use super::frame::{Content, Listed, Span};
use crate::id::NodeId;
use crate::limits;
use alloc::vec::Vec;
use core::ops::Bound;

/// Spans that a span is split in.
const PARTS: usize = 16;
/// Keys in the spans of one message: 48 KiB.
const MESSAGE_KEYS: usize = 768;

/// The answer to a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// To send back; empty when nothing is left to compare.
    pub(crate) spans: Vec<Span>,
    /// What the other end lacks.
    pub(crate) give: Vec<Key>,
    /// What is missing here.
    pub(crate) want: Vec<Key>,
}

/// The first message: about everything.
pub(crate) fn begin(facts: &Facts) -> Vec<Span> {
    let mut spans = Vec::new();
    describe(facts, LEAST, None, &mut spans);
    spans
}

/// The answer to a message that is about `facts` of the other end.
pub(crate) fn answer(facts: &Facts, theirs: &[Span]) -> Answer {
    let mut answer = Answer::default();
    let mut start = LEAST;
    let mut keys = 0;
    for span in theirs {
        let end = span.end;
        if end.is_some_and(|end| end < start) {
            break;
        }
        match &span.content {
            Content::Skip => skip(&mut answer.spans, end),
            Content::Hash(hash) if *hash == hash_of(facts, start, end) => skip(&mut answer.spans, end),
            Content::Hash(_) if keys > MESSAGE_KEYS || answer.spans.len() + PARTS > limits::SPANS => break,
            Content::Hash(_) => keys += compare(facts, start, end, &mut answer.spans),
            Content::Keys(listed) => {
                compare_keys(facts, (start, end), listed, &mut answer);
                skip(&mut answer.spans, end);
            }
        }
        match end {
            Some(end) => start = end,
            None => break,
        }
    }
    while answer.spans.last().is_some_and(|span| span.content == Content::Skip) {
        answer.spans.pop();
    }
    answer
}

const LEAST: Key = Key::Member(NodeId([0; 32]));

type Range = (Bound<Key>, Bound<Key>);

fn range(start: Key, end: Option<Key>) -> Range {
    (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded))
}

fn hash_of(facts: &Facts, start: Key, end: Option<Key>) -> u64 {
    facts.range(range(start, end)).fold(0, |all, (_, _, hash)| all ^ hash)
}

fn skip(spans: &mut Vec<Span>, end: Option<Key>) {
    match spans.last_mut() {
        Some(last) if last.content == Content::Skip => last.end = end,
        _ => spans.push(Span { end, content: Content::Skip }),
    }
}

/// Says what is in a span that differs. Returns how many keys that took.
fn compare(facts: &Facts, start: Key, end: Option<Key>, spans: &mut Vec<Span>) -> usize {
    let count = facts.range(range(start, end)).count();
    if count <= limits::SPAN_KEYS {
        describe(facts, start, end, spans);
        return count;
    }
    let size = count.div_ceil(PARTS);
    let firsts: Vec<Key> = facts.range(range(start, end)).map(|(key, ..)| *key).step_by(size).skip(1).collect();
    let mut from = start;
    for upto in firsts.into_iter().map(Some).chain([end]) {
        spans.push(Span { end: upto, content: Content::Hash(hash_of(facts, from, upto)) });
        from = upto.unwrap_or(from);
    }
    PARTS
}

/// The keys of a span if they are few, else its hash.
fn describe(facts: &Facts, start: Key, end: Option<Key>, spans: &mut Vec<Span>) {
    let mut listed: Vec<Listed> = Vec::new();
    for (key, version, hash) in facts.range(range(start, end)) {
        if listed.len() == limits::SPAN_KEYS {
            return spans.push(Span { end, content: Content::Hash(hash_of(facts, start, end)) });
        }
        listed.push(Listed { key: *key, version, hash: hash as u32 });
    }
    spans.push(Span { end, content: Content::Keys(listed) });
}

fn compare_keys(facts: &Facts, (start, end): (Key, Option<Key>), theirs: &[Listed], answer: &mut Answer) {
    for listed in theirs {
        let ours = facts.get(&listed.key).map(|fact| (fact.version, facts.hash_of(&listed.key).unwrap_or(0) as u32));
        match ours {
            Some(ours) if ours == (listed.version, listed.hash) => {}
            Some((version, _)) if version > listed.version => answer.give.push(listed.key),
            // One version, two values: the merge decides at both ends.
            Some((version, _)) if version == listed.version => {
                answer.give.push(listed.key);
                answer.want.push(listed.key);
            }
            _ => answer.want.push(listed.key),
        }
    }
    let known = |key: &Key| theirs.iter().any(|listed| listed.key == *key);
    answer.give.extend(facts.range(range(start, end)).map(|(key, ..)| *key).filter(|key| !known(key)));
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{facts, some};
    use super::super::facts::{Fact, Value, Version};
    use super::*;
    use crate::id::AgentId;
    use proptest::prelude::*;

    /// Two ends talk until nothing is left to say. Gives the messages it took.
    fn reconcile(a: &mut Facts, b: &mut Facts) -> usize {
        let mut spans = begin(a);
        let mut messages = 1;
        while !spans.is_empty() {
            let answer = answer(b, &spans);
            for key in &answer.want {
                if let Some(fact) = a.get(key) {
                    b.merge(*key, fact.clone());
                }
            }
            for key in &answer.give {
                if let Some(fact) = b.get(key) {
                    a.merge(*key, fact.clone());
                }
            }
            spans = answer.spans;
            core::mem::swap(a, b);
            messages += 1;
            assert!(messages < 100, "it ends");
        }
        messages
    }

    fn many(count: u64, epoch: u64) -> Facts {
        let fact = |n: u64| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            let fact = Fact { version: Version(epoch, n), value: Value::Tombstone };
            (Key::Agent(NodeId(id), AgentId(n)), fact)
        };
        facts(&(0..count).map(fact).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn any_two_maps_become_equal(a in some(), b in some()) {
            let (mut a, mut b) = (facts(&a), facts(&b));
            reconcile(&mut a, &mut b);
            prop_assert_eq!(a, b);
        }

        #[test]
        fn large_maps_with_few_differences_become_equal_in_few_messages(
            count in 0u64..3_000,
            extra in prop::collection::vec(any::<u64>(), 0..20),
            left: bool,
        ) {
            let (mut a, mut b) = (many(count, 1), many(count, 1));
            for n in extra {
                let fact = Fact { version: Version(2, n), value: Value::Tombstone };
                let side = if left ^ (n % 2 == 0) { &mut a } else { &mut b };
                side.merge(Key::Agent(NodeId([n as u8; 32]), AgentId(n)), fact);
            }
            let messages = reconcile(&mut a, &mut b);
            prop_assert_eq!(&a, &b);
            prop_assert!(messages <= 8, "{} messages", messages);
        }
    }

    #[test]
    fn a_node_that_knows_nothing_learns_everything_in_one_round() {
        let (mut a, mut b) = (Facts::default(), many(3_000, 1));
        assert!(reconcile(&mut a, &mut b) <= 3);
        assert_eq!(a, b);
    }

    #[test]
    fn a_message_is_bounded_whatever_differs() {
        let (a, b) = (many(4_000, 1), many(4_000, 2));
        let mut spans = begin(&a);
        for turn in 0..6 {
            let facts = if turn % 2 == 0 { &b } else { &a };
            spans = answer(facts, &spans).spans;
            let frame = super::super::frame::Frame::Reconcile(spans.clone()).encode();
            assert!(frame.len() <= limits::LINK_FRAME_BYTES && spans.len() <= limits::SPANS, "{}", frame.len());
        }
    }

    #[test]
    fn spans_that_make_no_sense_are_answered_with_little() {
        let facts = many(100, 1);
        let end = |n| Some(Key::Node(NodeId([n; 32])));
        let spans = [(end(9), Content::Hash(1)), (end(3), Content::Hash(2)), (None, Content::Hash(3))];
        let spans = spans.map(|(end, content)| Span { end, content });
        assert!(answer(&facts, &spans).spans.len() <= 2 * PARTS);
    }
}
