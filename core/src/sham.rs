//! A seal for the simulator, the fuzzer and tests: it finds every forged, changed, repeated and misdirected word, costs little and is the
//! same in every run. It is no cryptography, and no part of the interface: whoever knows this file can imitate it.

use crate::id::NodeId;
use crate::limits::SEAL_BYTES;
use crate::seal::{Offer, Seal, Session};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The seal of a node that has no key.
#[derive(Debug)]
pub struct Sham {
    id: NodeId,
    next: u64,
    checks: bool,
}

impl Sham {
    /// The seal of a node in one of its lives.
    #[must_use]
    pub fn new(id: NodeId, life: u64) -> Self {
        Sham { id, next: mix(1, life), checks: true }
    }

    /// Believes everything: to prove that somebody would notice.
    #[must_use]
    pub fn gullible(self) -> Self {
        Sham { checks: false, ..self }
    }

    /// What no other session has.
    fn fresh(&mut self) -> u64 {
        self.next = mix(self.next, 1);
        self.next
    }
}

/// Who opens, who owns, and for what.
fn pair(opener: NodeId, owner: NodeId, about: &[u8]) -> u64 {
    [&opener.0, &owner.0, about].into_iter().fold(2, hash)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn signed(number: u64, key: u64) -> Vec<u8> {
    [number.to_le_bytes(), mix(key, number).to_le_bytes()].concat()
}

fn verified(bytes: &[u8], key: u64, checks: bool) -> Option<u64> {
    let (number, tag) = bytes.split_at_checked(8)?;
    let number = word(number);
    (!checks || tag == mix(key, number).to_le_bytes()).then_some(number)
}

impl Seal for Sham {
    fn offer(&mut self, to: NodeId, about: &[u8]) -> Option<(Box<dyn Offer>, Vec<u8>)> {
        let (key, fresh) = (pair(self.id, to, about), self.fresh());
        Some((Box::new(Offered { key: mix(key, fresh), checks: self.checks }), signed(fresh, key)))
    }

    fn accept(&mut self, from: NodeId, about: &[u8], offer: &[u8]) -> Option<(Box<dyn Session>, Vec<u8>)> {
        let key = pair(from, self.id, about);
        let key = mix(key, verified(offer, key, self.checks)?);
        let fresh = self.fresh();
        let session = Agreed { key: mix(key, fresh), opener: false, checks: self.checks };
        Some((Box::new(session), signed(fresh, key)))
    }
}

#[derive(Debug)]
struct Offered {
    key: u64,
    checks: bool,
}

impl Offer for Offered {
    fn answered(&mut self, answer: &[u8]) -> Option<Box<dyn Session>> {
        let fresh = verified(answer, self.key, self.checks)?;
        Some(Box::new(Agreed { key: mix(self.key, fresh), opener: true, checks: self.checks }))
    }
}

#[derive(Debug)]
struct Agreed {
    key: u64,
    opener: bool,
    checks: bool,
}

impl Agreed {
    fn tag(&self, of_opener: bool, number: u64, sealed: &[u8]) -> [u8; SEAL_BYTES] {
        let tag = hash(mix(mix(self.key, u64::from(of_opener)), number), sealed);
        let mut bytes = [0; SEAL_BYTES];
        bytes[..8].copy_from_slice(&tag.to_le_bytes());
        bytes[8..].copy_from_slice(&mix(tag, 3).to_le_bytes());
        bytes
    }

    /// Nobody reads by accident what is not for them.
    fn veil(&self, bytes: &mut [u8]) {
        let veil = mix(self.key, 4).to_le_bytes();
        for (byte, veil) in bytes.iter_mut().zip(veil.into_iter().cycle()) {
            *byte ^= veil;
        }
    }
}

impl Session for Agreed {
    fn seal(&self, number: u64, plain: &[u8], to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(plain);
        self.veil(&mut to[start..]);
        let tag = self.tag(self.opener, number, &to[start..]);
        to.extend_from_slice(&tag);
    }

    fn open(&self, number: u64, sealed: &[u8], plain: &mut Vec<u8>) -> bool {
        plain.clear();
        let Some((veiled, tag)) = sealed.len().checked_sub(SEAL_BYTES).map(|end| sealed.split_at(end)) else {
            return false;
        };
        if self.checks && tag != self.tag(!self.opener, number, veiled) {
            return false;
        }
        plain.extend_from_slice(veiled);
        self.veil(plain);
        true
    }
}

fn mix(state: u64, word: u64) -> u64 {
    let mixed = (state ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(31)
}

fn hash(state: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words.iter().fold(state, |state, bytes| mix(state, u64::from_le_bytes(*bytes)));
    mix(mix(state, word(rest)), bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId([1; 32]);
    const B: NodeId = NodeId([2; 32]);

    fn agreed() -> [Box<dyn Session>; 2] {
        let (mut a, mut b) = (Sham::new(A, 1), Sham::new(B, 1));
        let (mut offer, words) = a.offer(B, b"x").expect("offered");
        let (owner, answer) = b.accept(A, b"x", &words).expect("accepted");
        [offer.answered(&answer).expect("agreed"), owner]
    }

    #[test]
    fn only_what_was_sealed_for_this_end_under_this_number_opens() {
        let [a, b] = agreed();
        let (mut sealed, mut plain) = (Vec::new(), Vec::new());
        a.seal(7, b"hello, world", &mut sealed);
        assert!(b.open(7, &sealed, &mut plain) && plain == b"hello, world");
        assert!(!sealed.windows(5).any(|part| part == b"hello"));
        assert!(!b.open(8, &sealed, &mut plain) && !a.open(7, &sealed, &mut plain));
        assert!(!agreed()[1].open(7, &sealed[1..], &mut plain));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(!b.open(7, &changed, &mut plain), "byte {at}");
        }
    }

    #[test]
    fn an_offer_is_one_node_s_to_one_other_for_one_thing() {
        let words = Sham::new(A, 1).offer(B, b"x").expect("offered").1;
        assert!(Sham::new(B, 1).accept(A, b"y", &words).is_none());
        assert!(Sham::new(B, 1).accept(NodeId([3; 32]), b"x", &words).is_none());
        assert!(Sham::new(NodeId([3; 32]), 1).accept(A, b"x", &words).is_none());
    }
}
