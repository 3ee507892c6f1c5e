//! What is kept of an agent across restarts, and its encoding.

use super::{BackendKind, Desired};
use crate::id::AgentId;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A managed agent as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) backend: BackendKind,
    pub(super) directory: String,
    pub(super) program: Option<String>,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) notes: String,
    pub(super) notes_revision: u64,
    pub(super) tags: Vec<String>,
    pub(super) desired: Desired,
    pub(super) autostart: bool,
    pub(super) created_unix_ms: u64,
}

/// The versions of the encoding. A new one is a new variant; old ones are read for ever.
#[derive(Serialize, Deserialize)]
enum Stored {
    V1(AgentId, Record),
}

/// Bytes that are not a stored agent of a version that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an agent that this version can read")]
pub struct Undecodable;

const PREFIX: &str = "agent-";

/// The store's key of an agent.
pub(super) fn key(id: AgentId) -> String {
    format!("{PREFIX}{id}")
}

pub(super) fn encode(id: AgentId, record: &Record) -> Vec<u8> {
    // Encoding to memory fails for no value of these types.
    postcard::to_allocvec(&Stored::V1(id, record.clone())).unwrap_or_default()
}

pub(super) fn decode(key_read: &str, bytes: &[u8]) -> Result<(AgentId, Record), Undecodable> {
    let (Stored::V1(id, record), rest) = postcard::take_from_bytes(bytes).map_err(|_| Undecodable)?;
    (rest.is_empty() && key(id) == key_read).then_some((id, record)).ok_or(Undecodable)
}
