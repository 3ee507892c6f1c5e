//! How long agents have been in their states, across restarts of the node: kept under one key of the store, written some seconds after a
//! change at the earliest. What was not written yet is counted anew.

use super::state::{AgentState, StateKind};
use super::{Directory, Out, StoredFor, Undecodable};
use crate::directory::signal::Asked;
use crate::id::AgentId;
use crate::limits;
use crate::output::StoreOperation;
use crate::time::{Duration, Instant};
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The store's key.
const KEY: &str = "ages";

/// The state of an agent as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    agent: AgentId,
    kind: StateKind,
    since_unix_ms: u64,
    /// A hash of what it asks; zeros: nothing that is known.
    question: [u8; 8],
}

/// The versions of the encoding. A new one is a new variant; old ones are read for ever.
#[derive(Serialize, Deserialize)]
enum Stored {
    V1(Vec<Entry>),
}

/// A state in the node's former life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Former {
    pub(super) kind: StateKind,
    pub(super) since: (Instant, Duration),
    question: [u8; 8],
}

impl Former {
    /// Whether an agent that is in this state now, and asks this, has been so since then.
    pub(super) fn is(&self, kind: StateKind, asked: Option<&Asked>) -> bool {
        self.kind == kind && self.question == asked.map_or([0; 8], question)
    }
}

/// What is kept, and when it is written.
#[derive(Debug)]
pub(super) struct Ages {
    /// Unix time of the node's start in milliseconds, and its own. `None`: nothing is kept.
    start: Option<(u64, Instant)>,
    /// Of agents that are not in sight yet.
    former: BTreeMap<AgentId, Former>,
    /// What has changed is written then.
    due: Option<Instant>,
    storing: bool,
}

impl Ages {
    pub(super) fn new(start_unix_ms: Option<u64>, entries: Vec<Entry>, now: Instant) -> Self {
        let former = start_unix_ms.into_iter().flat_map(|start| {
            entries.iter().map(move |entry| {
                let earlier = Duration::from_millis(start.saturating_sub(entry.since_unix_ms));
                let former = Former { kind: entry.kind, since: (now, earlier), question: entry.question };
                (entry.agent, former)
            })
        });
        let former = former.collect();
        Ages { start: start_unix_ms.map(|start| (start, now)), former, due: None, storing: false }
    }

    /// The state of an agent in the node's former life. Given once.
    pub(super) fn take(&mut self, id: AgentId) -> Option<Former> {
        self.former.remove(&id)
    }

    /// Some state is another one.
    pub(super) fn changed(&mut self, now: Instant) {
        if self.start.is_some() {
            self.due.get_or_insert(now + limits::AGES_STORE_TIME);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.filter(|_| !self.storing)
    }
}

impl Directory {
    /// Writes what has changed, if it is time.
    pub(super) fn store_ages(&mut self, now: Instant, out: &mut Out) {
        let Some((start_unix_ms, start)) = self.ages.start else { return };
        if self.ages.deadline().is_none_or(|due| due > now) {
            return;
        }
        self.ages.due = None;
        let of = |state: &AgentState| {
            (start_unix_ms + state.since.since(start).as_millis()).saturating_sub(state.earlier.as_millis())
        };
        let known = self.agents.iter().filter(|(_, agent)| agent.is_visible());
        let known = known.map(|(id, agent)| (*id, agent.signals.state()));
        let entries = known.filter(|(_, state)| state.kind != StateKind::Unknown).map(|(agent, state)| Entry {
            agent,
            kind: state.kind,
            since_unix_ms: of(state),
            question: state.asked.as_ref().map_or([0; 8], question),
        });
        let entries: Vec<Entry> = entries.collect();
        // Encoding to memory fails for no value of these types.
        let bytes = postcard::to_allocvec(&Stored::V1(entries)).unwrap_or_default();
        self.ages.storing = true;
        self.store(StoreOperation::Put { key: KEY.to_string(), bytes }, StoredFor::Ages, out);
    }

    /// The store has answered.
    pub(super) fn ages_stored(&mut self, now: Instant, kept: bool) {
        self.ages.storing = false;
        if !kept {
            self.ages.due = Some(now + limits::STORE_AGAIN_TIME);
        }
    }
}

/// Whether a key of the store is ours.
pub(crate) fn owns(key: &str) -> bool {
    key == KEY
}

/// Reads what was stored back.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Entry>, Undecodable> {
    let (Stored::V1(entries), rest) = postcard::take_from_bytes(bytes).map_err(|_| Undecodable)?;
    (rest.is_empty() && entries.len() <= limits::AGENTS).then_some(entries).ok_or(Undecodable)
}

/// A hash of a question (FNV-1a), the same in every life of the node.
fn question(asked: &Asked) -> [u8; 8] {
    let question = &asked.question;
    let texts = [&question.text, &question.detail].into_iter();
    let texts = texts.chain(question.choices.iter().flat_map(|choice| [&choice.key, &choice.label]));
    let bytes = texts.flat_map(|text| text.bytes().chain([0xFF]));
    let hash = bytes
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    hash.to_be_bytes()
}
