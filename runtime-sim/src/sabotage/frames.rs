//! Planted bugs in what travels on links. Frames are told apart by their first byte.

use super::{Sabotage, Saboteur};
use consort_core::limits::SEAL_BYTES;
use consort_core::mesh::facts::{Fact, Key, Value, Version};
use consort_core::{AgentId, LinkId};
use std::collections::BTreeMap;

const HEARTBEAT: u8 = 1;
const FACTS: u8 = 2;
const PARCEL: u8 = 5;

/// What the saboteur has seen.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The first value of every key.
    first: BTreeMap<Key, Value>,
    /// The last frame and its link.
    last: Option<(LinkId, Vec<u8>)>,
}

impl Saboteur {
    /// What is sent instead of a frame: links and frames.
    pub(crate) fn frames(&mut self, link: LinkId, bytes: Vec<u8>) -> Vec<(LinkId, Vec<u8>)> {
        let kind = bytes.first().copied().unwrap_or_default();
        match (self.kind, kind) {
            (Sabotage::DoubleFrames, _) if self.strikes() => vec![(link, bytes.clone()), (link, bytes)],
            (Sabotage::WrongLink, _) if self.strikes() => {
                let last = self.frames.last.replace((link, bytes.clone()));
                vec![(last.map_or(link, |(other, _)| other), bytes)]
            }
            (Sabotage::WrongLink, _) => {
                self.frames.last = Some((link, bytes.clone()));
                vec![(link, bytes)]
            }
            (Sabotage::DropHeartbeats, HEARTBEAT) | (Sabotage::DropFacts, FACTS) => Vec::new(),
            (Sabotage::StaleFacts | Sabotage::Resurrect | Sabotage::Phantom, FACTS) => vec![(link, self.facts(bytes))],
            (Sabotage::ChangeParcels, PARCEL) if bytes.len() > 200 && self.strikes() => {
                let mut bytes = bytes;
                let place = bytes.len() - SEAL_BYTES - 9;
                bytes[place] ^= 1;
                vec![(link, bytes)]
            }
            _ => vec![(link, bytes)],
        }
    }

    /// Whether a frame that arrives goes back the same way.
    pub(crate) fn echoes(&self, bytes: &[u8]) -> bool {
        self.kind == Sabotage::EchoFacts && bytes.first() == Some(&FACTS)
    }

    /// Changes the facts of a frame.
    fn facts(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let mut changed = vec![FACTS];
        let mut rest = &bytes[1..];
        let mut put = |key: Key, fact: Fact| changed.extend(postcard::to_allocvec(&(key, fact)).unwrap_or_default());
        while let Ok(((key, mut fact), left)) = postcard::take_from_bytes::<(Key, Fact)>(rest) {
            rest = left;
            let first = self.frames.first.entry(key).or_insert_with(|| fact.value.clone());
            match (self.kind, key) {
                (Sabotage::StaleFacts, Key::Node(_) | Key::Agent(..)) => fact.value = first.clone(),
                (Sabotage::Resurrect, Key::Member(_)) if fact.version.0 % 2 == 0 => fact.version.0 += 1,
                (Sabotage::Phantom, Key::Agent(node, _)) => {
                    let phantom = Key::Agent(node, AgentId(99));
                    put(phantom, Fact { version: Version(fact.version.0, fact.version.1), value: fact.value.clone() });
                }
                _ => {}
            }
            put(key, fact);
        }
        changed
    }
}
