//! Facts as they come from peers, merged.

use crate::cursor::Cursor;
use crate::made;
use consort_core::limits;
use consort_core::mesh::facts::{Fact, Facts, Key};
use consort_core::wire::Frame;

/// Three lists of facts, as bytes of a peer or made from the data: however they are merged, all nodes agree, and nothing goes back.
pub fn merged_facts(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let lists: [Vec<(Key, Fact)>; 3] = std::array::from_fn(|_| list(&mut cursor));
    let [a, b, c] = lists.each_ref().map(|list| map(list.iter()));
    assert_eq!(union(&a, &b), union(&b, &a), "commutative");
    assert_eq!(union(&union(&a, &b), &c), union(&a, &union(&b, &c)), "associative");
    assert_eq!(union(&a, &a), a, "idempotent");
    assert_eq!(map(lists.iter().flatten()), map(lists.iter().rev().flat_map(|list| list.iter().rev())), "any order");
    delta(&a, &b);
    let all = union(&union(&a, &b), &c);
    counted(&all);
    forwards(&a, &all);
}

fn list(cursor: &mut Cursor<'_>) -> Vec<(Key, Fact)> {
    if cursor.flag() {
        let count = cursor.below(6);
        return (0..count).map(|_| made::fact(cursor)).collect();
    }
    let frame: Vec<u8> = [2].iter().chain(cursor.bytes(400)).copied().collect();
    match Frame::decode(&frame) {
        Ok(Frame::Facts(facts)) => facts,
        _ => Vec::new(),
    }
}

fn map<'a>(facts: impl Iterator<Item = &'a (Key, Fact)>) -> Facts {
    let mut map = Facts::default();
    for (key, fact) in facts {
        let news = map.is_news(key, fact);
        assert_eq!(map.merge(*key, fact.clone()), news, "what is news changes something, and nothing else does");
    }
    map
}

fn union(a: &Facts, b: &Facts) -> Facts {
    let mut all = a.clone();
    all.merge_all(b);
    all
}

/// Taking what is news is taking everything.
fn delta(a: &Facts, b: &Facts) {
    let mut by_delta = a.clone();
    for (key, fact) in b.iter().filter(|(key, fact)| a.is_news(key, fact)) {
        by_delta.merge(*key, fact.clone());
    }
    assert_eq!(by_delta, union(a, b));
}

/// Hash and size are those of the facts, each of which can travel and fits its key.
fn counted(all: &Facts) {
    let list: Vec<(Key, Fact)> = all.iter().map(|(key, fact)| (*key, fact.clone())).collect();
    let again = map(list.iter());
    assert_eq!((again.hash(), again.bytes(), again.len()), (all.hash(), all.bytes(), all.len()));
    for (key, fact) in list {
        assert!(key.fits(&fact.value));
        let frame = Frame::Facts(vec![(key, fact)]);
        let bytes = frame.encode();
        assert!(bytes.len() <= 1 + limits::FACT_BYTES);
        assert_eq!(Frame::decode(&bytes), Ok(frame));
    }
}

/// A version never goes back, and a member that was removed is none again only by being admitted.
fn forwards(before: &Facts, after: &Facts) {
    for (key, fact) in before.iter() {
        let epoch = match key {
            Key::Member(_) => None,
            Key::Node(node) | Key::Links(node) | Key::Agent(node, _) => after.get(&Key::Node(*node)),
        };
        let void = epoch.is_some_and(|node| fact.version.0 < node.version.0);
        assert!(void || after.get(key).is_some_and(|now| now.version >= fact.version), "{key:?} went back");
        assert!(after.length(key.node()) >= before.length(key.node()));
    }
}
