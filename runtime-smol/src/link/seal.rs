//! What two nodes say to each other over others: one Noise session per circuit, with the keys that are the nodes' identities.
//!
//! Both ends know each other's key (`KK`), so the first message already proves who offers. Parcels carry their numbers: they may be lost
//! on the way, and what is forged must not count.

use super::noise::MESSAGE_BYTES;
use consort_core::NodeId;
use consort_core::limits::{SEAL_BYTES, SEALED_BYTES};
use consort_core::seal::{Offer, Seal, Session};
use snow::{Builder, HandshakeState, StatelessTransportState};
use std::fmt;
use x25519_dalek::StaticSecret;

const PATTERN: &str = "Noise_KK_25519_ChaChaPoly_BLAKE2s";
/// Bytes of a message of the handshake: a key, and the seal of nothing.
const HANDSHAKE_BYTES: usize = 32 + SEAL_BYTES;
const _: () = assert!(SEALED_BYTES == MESSAGE_BYTES);

/// Seals in the name of the node whose key it has.
pub(crate) struct KeySeal(StaticSecret);

impl KeySeal {
    pub(crate) fn new(key: StaticSecret) -> Self {
        KeySeal(key)
    }

    fn handshake(&self, peer: NodeId, about: &[u8], opens: bool) -> Result<HandshakeState, snow::Error> {
        let key = self.0.to_bytes();
        let builder =
            Builder::new(PATTERN.parse()?).prologue(about)?.local_private_key(&key)?.remote_public_key(&peer.0)?;
        if opens { builder.build_initiator() } else { builder.build_responder() }
    }

    fn offered(&self, to: NodeId, about: &[u8]) -> Result<(Offered, Vec<u8>), snow::Error> {
        let mut handshake = self.handshake(to, about, true)?;
        let words = said(&mut handshake)?;
        Ok((Offered(Some(handshake)), words))
    }

    fn accepted(&self, from: NodeId, about: &[u8], offer: &[u8]) -> Result<(Agreed, Vec<u8>), snow::Error> {
        let mut handshake = self.handshake(from, about, false)?;
        heard(&mut handshake, offer)?;
        let words = said(&mut handshake)?;
        Ok((Agreed(handshake.into_stateless_transport_mode()?), words))
    }
}

impl fmt::Debug for KeySeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySeal")
    }
}

impl Seal for KeySeal {
    fn offer(&mut self, to: NodeId, about: &[u8]) -> Option<(Box<dyn Offer>, Vec<u8>)> {
        match self.offered(to, about) {
            Ok((offered, words)) => Some((Box::new(offered), words)),
            Err(error) => {
                log::error!("no session with another node can be begun: {error}");
                None
            }
        }
    }

    fn accept(&mut self, from: NodeId, about: &[u8], offer: &[u8]) -> Option<(Box<dyn Session>, Vec<u8>)> {
        let (agreed, words) = self.accepted(from, about, offer).ok()?;
        Some((Box::new(agreed), words))
    }
}

/// The next message of a handshake. It says nothing: what is to be said waits until both ends are there.
fn said(handshake: &mut HandshakeState) -> Result<Vec<u8>, snow::Error> {
    let mut message = vec![0; HANDSHAKE_BYTES];
    let length = handshake.write_message(&[], &mut message)?;
    message.truncate(length);
    Ok(message)
}

fn heard(handshake: &mut HandshakeState, message: &[u8]) -> Result<(), snow::Error> {
    if message.len() != HANDSHAKE_BYTES {
        return Err(snow::Error::Input);
    }
    handshake.read_message(message, &mut [0; SEAL_BYTES]).map(drop)
}

#[derive(Debug)]
struct Offered(Option<HandshakeState>);

impl Offer for Offered {
    fn answered(&mut self, answer: &[u8]) -> Option<Box<dyn Session>> {
        // What is no answer leaves the handshake as it was.
        heard(self.0.as_mut()?, answer).ok()?;
        let session = self.0.take()?.into_stateless_transport_mode().ok()?;
        Some(Box::new(Agreed(session)))
    }
}

#[derive(Debug)]
struct Agreed(StatelessTransportState);

impl Session for Agreed {
    fn seal(&self, number: u64, plain: &[u8], to: &mut Vec<u8>) {
        let start = to.len();
        to.resize(start + plain.len() + SEAL_BYTES, 0);
        let sealed = self.0.write_message(number, plain, &mut to[start..]);
        debug_assert!(sealed.is_ok(), "{} bytes under number {number}: {sealed:?}", plain.len());
        // What cannot be sealed is not said.
        to.truncate(start + sealed.unwrap_or_default());
    }

    fn open(&self, number: u64, sealed: &[u8], plain: &mut Vec<u8>) -> bool {
        plain.clear();
        plain.resize(sealed.len(), 0);
        let opened = self.0.read_message(number, sealed, plain);
        plain.truncate(*opened.as_ref().unwrap_or(&0));
        opened.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::noise::id_of;
    use proptest::prelude::*;

    fn key(number: u8) -> StaticSecret {
        StaticSecret::from([number; 32])
    }

    fn seal(number: u8) -> (KeySeal, NodeId) {
        (KeySeal::new(key(number)), id_of(&key(number)))
    }

    /// A session that the node 1 has opened to the node 2.
    fn agreed() -> [Box<dyn Session>; 2] {
        let ((mut one, id), (mut two, other)) = (seal(1), seal(2));
        let (mut offer, words) = one.offer(other, b"x").unwrap();
        let (owner, answer) = two.accept(id, b"x", &words).unwrap();
        [offer.answered(&answer).unwrap(), owner]
    }

    fn sealed(session: &dyn Session, number: u64, plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        session.seal(number, plain, &mut sealed);
        sealed
    }

    fn opened(session: &dyn Session, number: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut plain = b"before".to_vec();
        session.open(number, sealed, &mut plain).then_some(plain)
    }

    #[test]
    fn what_one_end_seals_the_other_opens_whatever_was_lost_between() {
        let [one, two] = agreed();
        for number in [0, 1, 5, u64::MAX - 1] {
            let (there, back) = (sealed(&*one, number, b"there"), sealed(&*two, number, b"back"));
            assert_eq!(there.len(), 5 + SEAL_BYTES);
            assert_eq!(opened(&*two, number, &there).as_deref(), Some(&b"there"[..]));
            assert_eq!(opened(&*one, number, &back).as_deref(), Some(&b"back"[..]));
        }
    }

    #[test]
    fn the_longest_that_is_sealed_is_one_noise_message() {
        let [one, two] = agreed();
        let plain = vec![7; SEALED_BYTES - SEAL_BYTES];
        let sealed = sealed(&*one, 0, &plain);
        assert_eq!(sealed.len(), SEALED_BYTES);
        assert_eq!(opened(&*two, 0, &sealed), Some(plain));
    }

    #[test]
    fn what_was_changed_cut_numbered_anew_sent_back_or_said_elsewhere_does_not_open() {
        let [one, two] = agreed();
        let good = sealed(&*one, 3, b"hello");
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert_eq!(opened(&*two, 3, &changed), None, "byte {at}");
            assert_eq!(opened(&*two, 3, &good[..at]), None, "{at} bytes");
        }
        assert_eq!(opened(&*two, 4, &good), None, "under another number");
        assert_eq!(opened(&*one, 3, &good), None, "sent back");
        assert_eq!(opened(&*agreed()[1], 3, &good), None, "in another session of the same nodes");
        assert!(opened(&*two, 3, &good).is_some(), "nothing of that did any harm");
    }

    #[test]
    fn an_offer_is_one_node_s_to_one_other_for_one_thing() {
        let ((mut one, id), (mut two, other), (mut three, third)) = (seal(1), seal(2), seal(3));
        let (_, words) = one.offer(other, b"x").unwrap();
        assert!(two.accept(id, b"y", &words).is_none(), "another thing");
        assert!(two.accept(third, b"x", &words).is_none(), "in another node's name");
        assert!(three.accept(id, b"x", &words).is_none(), "to another node");
        let (_, forged) = three.offer(other, b"x").unwrap();
        assert!(two.accept(id, b"x", &forged).is_none(), "who has not the key cannot offer in its name");
        assert!(two.accept(id, b"x", &words).is_some());
    }

    #[test]
    fn an_answer_that_is_none_leaves_the_offer_as_it_was() {
        let ((mut one, id), (mut two, other)) = (seal(1), seal(2));
        let (mut offer, words) = one.offer(other, b"x").unwrap();
        let (_, former) = one.offer(other, b"x").unwrap();
        let (_, foreign) = two.accept(id, b"x", &former).unwrap();
        let (owner, answer) = two.accept(id, b"x", &words).unwrap();
        for wrong in [&foreign[..], &words, &answer[1..], &[9; HANDSHAKE_BYTES], &[]] {
            assert!(offer.answered(wrong).is_none());
        }
        let opener = offer.answered(&answer).unwrap();
        assert_eq!(opened(&*owner, 0, &sealed(&*opener, 0, b"hello")).as_deref(), Some(&b"hello"[..]));
        assert!(offer.answered(&answer).is_none(), "one session per offer");
    }

    #[test]
    fn an_offer_that_is_said_again_makes_a_session_that_nobody_else_has() {
        let ((mut one, id), (mut two, other)) = (seal(1), seal(2));
        let (mut offer, words) = one.offer(other, b"x").unwrap();
        let (_, answer) = two.accept(id, b"x", &words).unwrap();
        let opener = offer.answered(&answer).unwrap();
        let (again, _) = two.accept(id, b"x", &words).unwrap();
        assert_eq!(
            opened(&*again, 0, &sealed(&*opener, 0, b"rm")),
            None,
            "what was said in the first one is not taken"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_stranger_make_or_enter_a_session(bytes: Vec<u8>, number in 0..u64::MAX) {
            let ((mut one, id), (mut two, other)) = (seal(1), seal(2));
            prop_assert!(two.accept(id, b"x", &bytes).is_none());
            let (mut offer, _) = one.offer(other, b"x").unwrap();
            prop_assert!(offer.answered(&bytes).is_none());
            prop_assert_eq!(opened(&*agreed()[1], number, &bytes), None);
        }
    }

    /// What sealing costs: `cargo test --release -p consort --lib seal_costs -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn what_a_seal_costs() {
        let [one, two] = agreed();
        for size in [40, 4 << 10, 63 << 10] {
            let plain = vec![b'x'; size];
            let rounds = (256 << 20) / (size + 2_000);
            let (mut sealed, mut back) = (Vec::new(), Vec::new());
            let began = std::time::Instant::now();
            for number in 0..rounds as u64 {
                sealed.clear();
                one.seal(number, &plain, &mut sealed);
            }
            let sealing = began.elapsed();
            let began = std::time::Instant::now();
            for _ in 0..rounds {
                assert!(two.open(rounds as u64 - 1, &sealed, &mut back));
            }
            let opening = began.elapsed();
            let rate = |took: std::time::Duration| (size * rounds) as f64 / took.as_secs_f64() / 1e6;
            let each = |took: std::time::Duration| took.as_nanos() as f64 / rounds as f64 / 1e3;
            println!(
                "{size} bytes: sealed in {:.2} µs ({:.0} MB/s), opened in {:.2} µs ({:.0} MB/s)",
                each(sealing),
                rate(sealing),
                each(opening),
                rate(opening)
            );
        }
        let began = std::time::Instant::now();
        (0..200).for_each(|_| drop(agreed()));
        println!("a handshake, both ends: {:.0} µs", began.elapsed().as_micros() as f64 / 200.0);
    }
}
