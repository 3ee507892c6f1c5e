//! What is kept of an agent across restarts, and its encoding.

use super::signal::Session;
use super::{BackendKind, Desired, Origin};
use crate::id::AgentId;
use crate::redact;
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
    pub(super) origin: Origin,
    /// It is wanted stopped because it ended by itself, not because somebody said so.
    pub(super) ended: bool,
    /// Variables of the shell that it was created from.
    pub(super) caller: Vec<(String, String)>,
    /// The conversation that its program was in last, by the word of its hooks.
    pub(super) session: Option<Session>,
    /// When its carrier was made last, in Unix milliseconds; 0: it has never run, or nobody knows.
    pub(super) started_unix_ms: u64,
}

/// The variable of an agent, and its value, by which its program is started without hooks.
pub const HOOKS_OFF: (&str, &str) = ("CONSORT_HOOKS", "off");

impl Record {
    /// Its program gets no hooks.
    pub(super) fn has_hooks_off(&self) -> bool {
        self.env.iter().chain(&self.caller).any(|(name, value)| (name.as_str(), value.as_str()) == HOOKS_OFF)
    }
}

/// What was stored before it was known when an agent was started last.
#[derive(Serialize, Deserialize)]
struct RecordV4 {
    name: String,
    backend: BackendKind,
    directory: String,
    program: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    notes: String,
    notes_revision: u64,
    tags: Vec<String>,
    desired: Desired,
    autostart: bool,
    created_unix_ms: u64,
    origin: Origin,
    ended: bool,
    caller: Vec<(String, String)>,
    session: Option<Session>,
}

impl From<RecordV4> for Record {
    fn from(old: RecordV4) -> Self {
        Record {
            name: old.name,
            backend: old.backend,
            directory: old.directory,
            program: old.program,
            args: old.args,
            env: old.env,
            notes: old.notes,
            notes_revision: old.notes_revision,
            tags: old.tags,
            desired: old.desired,
            autostart: old.autostart,
            created_unix_ms: old.created_unix_ms,
            origin: old.origin,
            ended: old.ended,
            caller: old.caller,
            session: old.session,
            started_unix_ms: 0,
        }
    }
}

/// What was stored before sessions were.
#[derive(Serialize, Deserialize)]
struct RecordV3 {
    name: String,
    backend: BackendKind,
    directory: String,
    program: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    notes: String,
    notes_revision: u64,
    tags: Vec<String>,
    desired: Desired,
    autostart: bool,
    created_unix_ms: u64,
    origin: Origin,
    ended: bool,
    caller: Vec<(String, String)>,
}

impl From<RecordV3> for Record {
    fn from(old: RecordV3) -> Self {
        Record {
            name: old.name,
            backend: old.backend,
            directory: old.directory,
            program: old.program,
            args: old.args,
            env: old.env,
            notes: old.notes,
            notes_revision: old.notes_revision,
            tags: old.tags,
            desired: old.desired,
            autostart: old.autostart,
            created_unix_ms: old.created_unix_ms,
            origin: old.origin,
            ended: old.ended,
            caller: old.caller,
            session: None,
            started_unix_ms: 0,
        }
    }
}

/// What was stored before agents had variables of a shell.
#[derive(Serialize, Deserialize)]
struct RecordV2 {
    name: String,
    backend: BackendKind,
    directory: String,
    program: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    notes: String,
    notes_revision: u64,
    tags: Vec<String>,
    desired: Desired,
    autostart: bool,
    created_unix_ms: u64,
    origin: Origin,
    ended: bool,
}

impl From<RecordV2> for Record {
    fn from(old: RecordV2) -> Self {
        Record {
            name: old.name,
            backend: old.backend,
            directory: old.directory,
            program: old.program,
            args: old.args,
            env: old.env,
            notes: old.notes,
            notes_revision: old.notes_revision,
            tags: old.tags,
            desired: old.desired,
            autostart: old.autostart,
            created_unix_ms: old.created_unix_ms,
            origin: old.origin,
            ended: old.ended,
            caller: Vec::new(),
            session: None,
            started_unix_ms: 0,
        }
    }
}

/// What version 0.1 stored.
#[derive(Serialize, Deserialize)]
struct RecordV1 {
    name: String,
    backend: BackendKind,
    directory: String,
    program: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    notes: String,
    notes_revision: u64,
    tags: Vec<String>,
    desired: Desired,
    autostart: bool,
    created_unix_ms: u64,
}

impl From<RecordV1> for Record {
    fn from(old: RecordV1) -> Self {
        // What was found has no program, was not started by itself, and was made at a full second: tmux tells no other times.
        let found = old.backend == BackendKind::Tmux
            && old.program.is_none()
            && old.env.is_empty()
            && !old.autostart
            && old.created_unix_ms.is_multiple_of(1_000);
        Record {
            name: old.name,
            backend: old.backend,
            directory: old.directory,
            program: old.program,
            args: old.args,
            env: old.env,
            notes: old.notes,
            notes_revision: old.notes_revision,
            tags: old.tags,
            desired: old.desired,
            autostart: old.autostart,
            created_unix_ms: old.created_unix_ms,
            origin: if found { Origin::Found } else { Origin::Created },
            ended: false,
            caller: Vec::new(),
            session: None,
            started_unix_ms: 0,
        }
    }
}

/// The versions of the encoding. A new one is a new variant; old ones are read for ever.
#[derive(Serialize, Deserialize)]
enum Stored {
    V1(AgentId, RecordV1),
    V2(AgentId, RecordV2),
    V3(AgentId, RecordV3),
    V4(AgentId, RecordV4),
    V5(AgentId, Record),
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
    postcard::to_allocvec(&Stored::V5(id, record.clone())).unwrap_or_default()
}

/// A stored agent without what is secret: of the same version and as long.
pub(crate) fn redacted(key_read: &str, bytes: &[u8]) -> Result<Vec<u8>, Undecodable> {
    decode(key_read, bytes)?;
    let mut stored = postcard::from_bytes(bytes).map_err(|_| Undecodable)?;
    let (env, notes) = match &mut stored {
        Stored::V1(_, record) => (&mut record.env, &mut record.notes),
        Stored::V2(_, record) => (&mut record.env, &mut record.notes),
        Stored::V3(_, record) => {
            record.caller.iter_mut().for_each(|(_, value)| redact::text(value));
            (&mut record.env, &mut record.notes)
        }
        Stored::V4(_, record) => {
            record.caller.iter_mut().for_each(|(_, value)| redact::text(value));
            (&mut record.env, &mut record.notes)
        }
        Stored::V5(_, record) => {
            record.caller.iter_mut().for_each(|(_, value)| redact::text(value));
            (&mut record.env, &mut record.notes)
        }
    };
    env.iter_mut().for_each(|(_, value)| redact::text(value));
    redact::text(notes);
    postcard::to_allocvec(&stored).map_err(|_| Undecodable)
}

pub(super) fn decode(key_read: &str, bytes: &[u8]) -> Result<(AgentId, Record), Undecodable> {
    let (stored, rest) = postcard::take_from_bytes(bytes).map_err(|_| Undecodable)?;
    let (id, record) = match stored {
        Stored::V1(id, record) => (id, record.into()),
        Stored::V2(id, record) => (id, record.into()),
        Stored::V3(id, record) => (id, record.into()),
        Stored::V4(id, record) => (id, record.into()),
        Stored::V5(id, record) => (id, record),
    };
    (rest.is_empty() && key(id) == key_read).then_some((id, record)).ok_or(Undecodable)
}
