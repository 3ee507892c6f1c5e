//! What travels on a link: one [`Frame`] per `Transmit`, and its encoding.
//!
//! The first byte is the kind; the rest is postcard. Lists run to the end of the frame, so no length that a peer states decides what is
//! allocated. A frame longer than [`LINK_FRAME_BYTES`](limits::LINK_FRAME_BYTES), one with bytes left over, or a fact that does not
//! fit its key is refused.

use super::facts::{Fact, Key, Version, encoded_after};
use super::{Parcel, PeerFault};
use crate::bounded::at_most;
use crate::id::NodeId;
use crate::limits;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Oldest and newest protocol that this version speaks.
pub const PROTOCOL: (u16, u16) = (2, 2);

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The first on each side, once.
    Hello(Hello),
    /// The hash of all facts of the sender, at least every [`HEARTBEAT_TIME`](limits::HEARTBEAT_TIME).
    Heartbeat(u64),
    /// Facts, new or asked for.
    Facts(Vec<(Key, Fact)>),
    /// A step of a reconciliation; empty: nothing differs any more.
    Reconcile(Vec<Span>),
    /// The facts of these keys are missing.
    Want(Vec<Key>),
    /// For the other end, or to be carried on.
    Parcel(Parcel),
    /// Parcels that `to` sent to `about` were lost on the way.
    Lost(Lost),
    /// The link is refused, because of these memberships; without any, because another life of the receiver is linked. The last
    /// frame.
    Farewell(Vec<(Key, Fact)>),
}

/// A greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Oldest and newest protocol that the sender speaks. This field stays the first in every protocol.
    pub protocol: (u16, u16),
    /// Random number of the sender's present start.
    pub instance: u64,
    /// Hash of all its facts.
    pub hash: u64,
}

/// A notice of lost parcels, on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lost {
    /// Who had sent the parcels.
    pub to: NodeId,
    /// Whom they were for.
    pub about: NodeId,
    /// Links that the notice may still pass.
    pub hops: u8,
}

/// A part of the ordered map of facts: from where the span before it ended (the first: from the beginning) to `end`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it ends, exclusively; `None`: with the last key.
    pub end: Option<Key>,
    /// What is in it.
    pub content: Content,
}

/// What is said of a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Nothing (more) to say.
    Skip,
    /// The hash of the sender's facts in it.
    Hash(u64),
    /// All of the sender's keys in it.
    Keys(#[serde(deserialize_with = "at_most::<_, _, { limits::SPAN_KEYS }>")] Vec<Listed>),
}

/// A key with what is needed to compare: its version, and half of its hash in case two values have one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The key.
    pub key: Key,
    /// The version that the sender has.
    pub version: Version,
    /// Half of the hash of its fact.
    pub hash: u32,
}

impl Frame {
    /// The bytes of one `Transmit`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Frame::Hello(hello) => put(0, [hello]),
            Frame::Heartbeat(hash) => put(1, [hash]),
            Frame::Facts(facts) => put(2, facts),
            Frame::Reconcile(spans) => put(3, spans),
            Frame::Want(keys) => put(4, keys),
            Frame::Parcel(parcel) => {
                let mut bytes = put(5, [(&parcel.from, &parcel.to, parcel.hops)]);
                bytes.extend_from_slice(&parcel.body);
                bytes
            }
            Frame::Lost(lost) => put(6, [lost]),
            Frame::Farewell(facts) => put(7, facts),
        }
    }

    /// Reads a frame of a peer.
    ///
    /// # Errors
    /// The rule of the protocol that it breaks.
    pub fn decode(bytes: &[u8]) -> Result<Frame, PeerFault> {
        let (kind, rest) = bytes.split_first().ok_or(PeerFault::Frame)?;
        if bytes.len() > limits::LINK_FRAME_BYTES {
            return Err(PeerFault::Frame);
        }
        Ok(match kind {
            0 => Frame::Hello(one(rest)?),
            1 => Frame::Heartbeat(one(rest)?),
            2 => Frame::Facts(facts(rest)?),
            3 => Frame::Reconcile(all(rest, limits::SPANS)?),
            4 => Frame::Want(all(rest, limits::LINK_FRAME_BYTES)?),
            5 => {
                let ((from, to, hops), body) = postcard::take_from_bytes(rest).map_err(|_| PeerFault::Frame)?;
                if body.len() > limits::PARCEL_BYTES || hops > limits::HOPS {
                    return Err(PeerFault::Parcel);
                }
                Frame::Parcel(Parcel { from, to, hops, body: body.to_vec() })
            }
            6 => Frame::Lost(one(rest)?),
            7 => Frame::Farewell(facts(rest)?),
            _ => return Err(PeerFault::Frame),
        })
    }
}

/// The bytes of a [`Frame::Facts`], made of facts that are not copied.
#[derive(Debug, Default)]
pub(super) struct FactsFrame(Vec<u8>);

impl FactsFrame {
    pub(super) fn add(&mut self, key: &Key, fact: &Fact) {
        let mut bytes = core::mem::take(&mut self.0);
        if bytes.is_empty() {
            bytes.push(2);
        }
        self.0 = encoded_after(bytes, &(key, fact));
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All bytes; `None`: there are no facts.
    pub(super) fn encoded(self) -> Option<Vec<u8>> {
        Some(self.0).filter(|bytes| !bytes.is_empty())
    }
}

fn put<T: Serialize>(kind: u8, items: impl IntoIterator<Item = T>) -> Vec<u8> {
    // A heartbeat fits, and is what is sent most.
    let mut first = Vec::with_capacity(16);
    first.push(kind);
    items.into_iter().fold(first, |bytes, item| encoded_after(bytes, &item))
}

fn one<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, PeerFault> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(PeerFault::Frame),
    }
}

fn all<'a, T: Deserialize<'a>>(mut bytes: &'a [u8], most: usize) -> Result<Vec<T>, PeerFault> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let (item, rest) = postcard::take_from_bytes(bytes).map_err(|_| PeerFault::Frame)?;
        if items.len() == most {
            return Err(PeerFault::Frame);
        }
        items.push(item);
        bytes = rest;
    }
    Ok(items)
}

fn facts(mut bytes: &[u8]) -> Result<Vec<(Key, Fact)>, PeerFault> {
    let mut items: Vec<(Key, Fact)> = Vec::new();
    while !bytes.is_empty() {
        let ((key, fact), rest): ((Key, Fact), _) = postcard::take_from_bytes(bytes).map_err(|_| PeerFault::Frame)?;
        if bytes.len() - rest.len() > limits::FACT_BYTES || !key.fits(&fact.value) {
            return Err(PeerFault::Fact);
        }
        items.push((key, fact));
        bytes = rest;
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::some;
    use super::super::facts::{NodeFact, Value, encoded};
    use super::*;
    use crate::id::AgentId;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Key> {
        (0u8..4, any::<[u8; 32]>(), any::<u64>()).prop_map(|(kind, id, agent)| match kind {
            0 => Key::Member(NodeId(id)),
            1 => Key::Node(NodeId(id)),
            2 => Key::Links(NodeId(id)),
            _ => Key::Agent(NodeId(id), AgentId(agent)),
        })
    }

    fn span() -> impl Strategy<Value = Span> {
        let listed = (key(), any::<(u64, u64)>(), any::<u32>());
        let listed = listed.prop_map(|(key, (a, b), hash)| Listed { key, version: Version(a, b), hash });
        let content = prop_oneof![
            Just(Content::Skip),
            any::<u64>().prop_map(Content::Hash),
            prop::collection::vec(listed, 0..limits::SPAN_KEYS).prop_map(Content::Keys),
        ];
        (prop::option::of(key()), content).prop_map(|(end, content)| Span { end, content })
    }

    fn frame() -> impl Strategy<Value = Frame> {
        let id = || any::<[u8; 32]>().prop_map(NodeId);
        prop_oneof![
            any::<((u16, u16), u64, u64)>().prop_map(|(protocol, instance, hash)| Frame::Hello(Hello {
                protocol,
                instance,
                hash
            })),
            any::<u64>().prop_map(Frame::Heartbeat),
            some().prop_map(Frame::Facts),
            prop::collection::vec(span(), 0..20).prop_map(Frame::Reconcile),
            prop::collection::vec(key(), 0..20).prop_map(Frame::Want),
            (id(), id(), 0..=limits::HOPS, any::<Vec<u8>>()).prop_map(|(from, to, hops, body)| Frame::Parcel(Parcel {
                from,
                to,
                hops,
                body
            })),
            (id(), id(), any::<u8>()).prop_map(|(to, about, hops)| Frame::Lost(Lost { to, about, hops })),
            some().prop_map(Frame::Farewell),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(frame in frame()) {
            prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }

        #[test]
        fn any_bytes_are_a_frame_or_refused(bytes in any::<Vec<u8>>()) {
            if let Ok(frame) = Frame::decode(&bytes) {
                prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
            }
        }

        #[test]
        fn a_frame_with_wrong_bytes_is_a_frame_or_refused(frame in frame(), at: usize, byte: u8, cut: usize) {
            let mut bytes = frame.encode();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(1 + cut % bytes.len());
            let _ = Frame::decode(&bytes);
        }
    }

    #[test]
    fn a_length_that_a_peer_states_allocates_nothing() {
        // Links of a node, said to be 2⁶³ of them.
        let mut bytes = alloc::vec![2, 2];
        bytes.extend([0; 32]);
        bytes.extend([1, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(Frame::decode(&bytes), Err(PeerFault::Frame));
    }

    #[test]
    fn a_fact_under_the_key_of_another_kind_is_refused() {
        let mut bytes = alloc::vec![2, 1];
        bytes.extend([0; 32]);
        bytes.extend([1, 1, 4]);
        assert_eq!(Frame::decode(&bytes), Err(PeerFault::Fact));
    }

    #[test]
    fn a_frame_is_as_long_as_the_limit_says_and_no_longer() {
        let id = NodeId([7; 32]);
        let mut keys = alloc::vec![Key::Member(id); 2_232];
        keys.extend([Key::Agent(id, AgentId(300)), Key::Agent(id, AgentId(20_000))]);
        let bytes = Frame::Want(keys.clone()).encode();
        assert_eq!(bytes.len(), limits::LINK_FRAME_BYTES);
        assert_eq!(Frame::decode(&bytes), Ok(Frame::Want(keys)));
        assert_eq!(Frame::decode(&[&bytes[..], &bytes[1..34]].concat()), Err(PeerFault::Frame));
    }

    #[test]
    fn a_parcel_holds_and_passes_as_much_as_the_limits_say_and_no_more() {
        let parcel = |hops, bytes| {
            Frame::Parcel(Parcel { from: NodeId([1; 32]), to: NodeId([2; 32]), hops, body: alloc::vec![9; bytes] })
        };
        let longest = parcel(limits::HOPS, limits::PARCEL_BYTES);
        assert_eq!(Frame::decode(&longest.encode()), Ok(longest));
        for beyond in [parcel(limits::HOPS + 1, 1), parcel(1, limits::PARCEL_BYTES + 1)] {
            assert_eq!(Frame::decode(&beyond.encode()), Err(PeerFault::Parcel));
        }
    }

    #[test]
    fn a_fact_is_as_long_as_the_limit_says_and_no_longer() {
        let fact = |chars| {
            let node = NodeFact { name: "n".repeat(chars), ..Default::default() };
            (Key::Node(NodeId([1; 32])), Fact { version: Version(1, 1), value: Value::Node(node.into()) })
        };
        let around = encoded(&fact(1_000)).len() - 1_000;
        // A longer text has a longer length before it.
        let longest = (0..3)
            .map(|more| fact(limits::FACT_BYTES - around - more))
            .find(|fact| encoded(fact).len() == limits::FACT_BYTES);
        let longest = longest.expect("some name makes it so long");
        let Fact { value: Value::Node(node), .. } = &longest.1 else { unreachable!("it is of a node") };
        let beyond = fact(node.name.len() + 1);
        let both = [fact(1), longest];
        assert_eq!(Frame::decode(&Frame::Facts(both.to_vec()).encode()), Ok(Frame::Facts(both.to_vec())));
        assert_eq!(Frame::decode(&Frame::Facts(alloc::vec![fact(1), beyond]).encode()), Err(PeerFault::Fact));
    }
}
