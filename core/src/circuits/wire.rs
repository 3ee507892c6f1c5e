//! What travels on a circuit: a header, and messages behind it until the end of the parcel.

use crate::error::Refusal;
use crate::input::ViewerInput;
use crate::limits;
use crate::mesh::facts::Fact;
use crate::output::ViewerOutput;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A circuit: numbered by its opener in the order of opening, within one life of the opener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CircuitId {
    /// Random number of the opener's present start.
    pub instance: u64,
    /// Counts its circuits.
    pub number: u64,
}

/// How every parcel begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What it belongs to.
    pub circuit: CircuitId,
    /// Whether the opener says it, or the owner of the terminals.
    pub of_opener: bool,
    /// Parcels with messages that were sent before this one.
    pub seq: u64,
    /// Parcels with messages that have come.
    pub ack: u64,
    /// What follows.
    pub kind: Kind,
}

/// What a parcel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Messages follow.
    Messages,
    /// Is anybody there? Answered at once.
    Probe,
    /// Yes.
    Answer,
    /// The owner does not know the circuit (any more): open another one.
    Reset,
    /// The opener does not want the circuit any more.
    Gone,
}

/// What an opener says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask<'a> {
    /// A viewer did this. Agents are the owner's.
    Viewer(u64, #[serde(borrow)] ViewerInput<'a>),
    /// So many more frames for a viewer may be on the way.
    Room(u64, u32),
    /// A part of a command.
    Command {
        /// Counts the commands of the opener for this owner.
        number: u64,
        /// The life of the owner that it is for: no other may carry it out, since that one may have done so.
        instance: u64,
        /// All commands below this number are answered or given up.
        settled: u64,
        /// The part.
        #[serde(borrow)]
        part: Part<'a>,
    },
    /// Nothing is wanted any more.
    Bye,
}

/// What an owner says.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Tell<'a> {
    /// A frame for a viewer, or the last part of a snapshot.
    Frame(u64, ViewerOutput),
    /// A part of a snapshot that is not the last.
    Part(u64, ViewerOutput),
    /// A part of the answer to a command.
    Answer(u64, #[serde(borrow)] Part<'a>),
    /// The command was for another life of this node: it was not carried out in this one, whose number follows.
    NotMe(u64, u64),
}

/// A piece of something longer. The pieces of one thing come in order, with no other thing of its kind between them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Part<'a> {
    /// Nothing of it follows.
    pub last: bool,
    /// At most [`FRAME_BYTES`](limits::FRAME_BYTES).
    pub bytes: &'a [u8],
}

/// The answer to a command, as it travels.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What the owner replied.
    pub result: Result<crate::command::Reply, Refusal>,
    /// What the owner says of the agent since then.
    pub fact: Option<Fact>,
}

/// Bytes of what is longer than one parcel that go into one.
pub(super) const PART_BYTES: usize = limits::FRAME_BYTES;
/// Bytes of the messages in one parcel.
pub(super) const MESSAGE_BYTES: usize = limits::PARCEL_BYTES - 64;

/// It cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled;

/// A parcel's body: the header, and behind it encoded messages.
#[must_use]
pub fn parcel(header: &Header, messages: &[u8]) -> Vec<u8> {
    let mut body = encode(header);
    body.extend_from_slice(messages);
    body
}

/// Appends a value to encoded messages.
#[must_use]
pub fn append(value: &impl Serialize, to: Vec<u8>) -> Vec<u8> {
    // Encoding to memory has nothing to fail at.
    postcard::to_extend(value, to).unwrap_or_default()
}

/// The bytes of a value.
#[must_use]
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    append(value, Vec::new())
}

/// The header of a parcel's body, and the messages behind it.
///
/// # Errors
/// It cannot be read.
pub fn header(body: &[u8]) -> Result<(Header, &[u8]), Garbled> {
    postcard::take_from_bytes(body).map_err(|_| Garbled)
}

/// A value from its bytes.
///
/// # Errors
/// It cannot be read.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Garbled> {
    postcard::from_bytes(bytes).map_err(|_| Garbled)
}

/// All messages, or none if one cannot be read.
///
/// # Errors
/// One cannot be read.
pub fn messages<'a, T: Deserialize<'a>>(mut bytes: &'a [u8]) -> Result<Vec<T>, Garbled> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (message, rest) = postcard::take_from_bytes(bytes).map_err(|_| Garbled)?;
        all.push(message);
        bytes = rest;
    }
    Ok(all)
}
