//! The messages of the browser's WebSocket: text is control, binary is terminal bytes behind a fixed header.
//!
//! Both directions are pure and total. Nothing is allocated from a number that a peer sent: bytes are borrowed from the frame
//! they came in.

mod decode;
mod encode;

pub use decode::{ClientMessage, Incoming, ProtocolError, decode};
pub use encode::{Frame, control, encode};

/// The version of this protocol.
pub const PROTOCOL: u32 = 1;

/// Bytes of the largest frame that a browser may send: one input chunk with its header, or a control message.
pub const INCOMING_BYTES: usize = 64 << 10;

const KIND_DATA: u8 = 1;
const KIND_SNAPSHOT: u8 = 2;
const KIND_INPUT: u8 = 3;
const KIND_ACK: u8 = 4;
