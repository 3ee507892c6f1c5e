//! What travels on a circuit: an envelope that everybody on the way can read, and sealed in it a header with messages behind it.

use crate::error::Refusal;
use crate::input::ViewerInput;
use crate::limits;
use crate::mesh::facts::Fact;
use crate::output::ViewerOutput;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A session: numbered by the node that offers it in the order of offering, within one life of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId {
    /// Random number of that node's present start.
    pub instance: u64,
    /// Counts its sessions.
    pub number: u64,
}

impl SessionId {
    /// What it is for: an offer of one session is none of another.
    #[must_use]
    pub fn about(self) -> Vec<u8> {
        [&b"consort circuits 1"[..], &self.instance.to_le_bytes(), &self.number.to_le_bytes()].concat()
    }
}

/// How every parcel begins. Anybody can write it: what it says is believed as far as what follows opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// What it belongs to.
    pub session: SessionId,
    /// What follows.
    pub form: Form,
}

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// A node that wants to open circuits offers a session.
    Offer,
    /// The owner of what is wanted accepts it.
    Accept,
    /// What the opener says, sealed under this number.
    Asks(u64),
    /// What the owner says, sealed under this number.
    Tells(u64),
    /// The owner does not have the session (any more): offer another one. Nothing proves it; nothing but that depends on it.
    Reset,
}

/// How what was sealed begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The circuit: numbered by its opener in the order of opening, within one life of the opener.
    pub circuit: u64,
    /// Parcels with messages that were sent before this one.
    pub seq: u64,
    /// Parcels with messages that have come.
    pub ack: u64,
    /// What follows.
    pub kind: Kind,
}

/// What is said in a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Messages follow.
    Messages,
    /// Is anybody there? Answered at once.
    Probe,
    /// Yes.
    Answer,
    /// The circuit is broken: open another one. Said by the owner.
    Reset,
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
        /// The session in which it was said first, at least in part: an owner whose memory begins later may have carried it out.
        since: u64,
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
    /// The command may have been carried out before what this node remembers. It is not carried out now.
    Forgotten(u64),
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
/// Bytes of the messages in one parcel: it has room for them, an envelope, a header and the seal.
pub(super) const MESSAGE_BYTES: usize = limits::PARCEL_BYTES - 128;
// Sealed, they are not too long for one piece.
const _: () = assert!(MESSAGE_BYTES + 48 + limits::SEAL_BYTES <= limits::SEALED_BYTES);

/// It cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled;

/// A parcel's body: the envelope, and what it holds.
#[must_use]
pub fn parcel(session: SessionId, form: Form, held: &[u8]) -> Vec<u8> {
    append_bytes(encode(&Envelope { session, form }), held)
}

/// What is sealed: the header, and behind it encoded messages.
#[must_use]
pub fn said(header: &Header, messages: &[u8]) -> Vec<u8> {
    append_bytes(encode(header), messages)
}

fn append_bytes(mut to: Vec<u8>, bytes: &[u8]) -> Vec<u8> {
    to.extend_from_slice(bytes);
    to
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

/// The envelope of a parcel's body, and what it holds.
///
/// # Errors
/// It cannot be read.
pub fn envelope(body: &[u8]) -> Result<(Envelope, &[u8]), Garbled> {
    postcard::take_from_bytes(body).map_err(|_| Garbled)
}

/// The header of what was said, and the messages behind it.
///
/// # Errors
/// It cannot be read.
pub fn header(said: &[u8]) -> Result<(Header, &[u8]), Garbled> {
    postcard::take_from_bytes(said).map_err(|_| Garbled)
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
