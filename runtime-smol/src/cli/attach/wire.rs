//! The messages of the browser protocol, as a viewer writes and reads them (see ARCHITECTURE.md).

use crate::cli::api::Machine;
use serde::{Deserialize, Serialize};

pub(super) const PROTOCOL: u32 = 1;
/// The largest message of a node: a snapshot, or the list of all agents.
pub(super) const MESSAGE_BYTES: usize = 64 << 20;

const DATA: u8 = 1;
const SNAPSHOT: u8 = 2;
const INPUT: u8 = 3;
const ACK: u8 = 4;

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Size {
    pub(super) cols: u16,
    pub(super) rows: u16,
}

/// What a viewer has of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct From {
    pub(super) generation: String,
    pub(super) offset: u64,
}

/// Control messages to the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
pub(super) enum ToNode<'a> {
    Hello { protocol: u32, viewer: &'a str },
    Attach { s: u32, agent: &'a str, terminal: Option<u32>, from: Option<From>, size: Option<Size>, take: &'a str },
    Size { s: u32, take: &'a str, cols: u16, rows: u16 },
    Detach { s: u32 },
    Seen { agent: &'a str },
    Ping { id: u64 },
}

impl ToNode<'_> {
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Control messages of the node, as far as a viewer of one terminal needs them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
pub(super) enum OfNode {
    Welcome {
        protocol: u32,
    },
    Nodes {
        all: Vec<Machine>,
    },
    Attached {
        s: u32,
        terminal: u32,
        generation: String,
        offset: u64,
        input_seq: u64,
        input_known: bool,
        cols: u16,
        rows: u16,
        holder: String,
    },
    Size {
        s: u32,
        cols: u16,
        rows: u16,
        holder: String,
    },
    InputAck {
        s: u32,
        seq: u64,
    },
    InputLost {
        s: u32,
        seq: u64,
        message: String,
    },
    Ended {
        s: u32,
        reason: String,
        #[serde(default)]
        message: String,
    },
    Error {
        message: String,
        #[serde(default)]
        hint: Option<String>,
    },
    /// Lists and changes that are for a dashboard, and what a newer node may say.
    #[serde(other)]
    Other,
}

/// Terminal bytes of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Data { s: u32, offset: u64, bytes: &'a [u8] },
    Snapshot { s: u32, offset: u64, generation: u64, cols: u16, rows: u16, bytes: &'a [u8] },
}

impl<'a> Frame<'a> {
    /// The frame in a binary message; `None` if it is none.
    pub(super) fn decode(message: &'a [u8]) -> Option<Self> {
        let (kind, rest) = message.split_first()?;
        let (s, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (s, offset) = (u32::from_le_bytes(*s), u64::from_le_bytes(*offset));
        match *kind {
            DATA => Some(Frame::Data { s, offset, bytes: rest }),
            SNAPSHOT => {
                let (generation, rest) = rest.split_first_chunk()?;
                let (cols, rest) = rest.split_first_chunk()?;
                let (rows, bytes) = rest.split_first_chunk()?;
                Some(Frame::Snapshot {
                    s,
                    offset,
                    generation: u64::from_le_bytes(*generation),
                    cols: u16::from_le_bytes(*cols),
                    rows: u16::from_le_bytes(*rows),
                    bytes,
                })
            }
            _ => None,
        }
    }
}

/// A numbered input of somebody who has `heard` so many `attached` and `input-lost` of the stream.
pub(super) fn input(s: u32, heard: u32, seq: u64, bytes: &[u8]) -> Vec<u8> {
    [&[INPUT][..], &s.to_le_bytes(), &seq.to_le_bytes(), &heard.to_le_bytes(), bytes].concat()
}

/// Everything before `offset` is processed.
pub(super) fn ack(s: u32, offset: u64) -> Vec<u8> {
    [&[ACK][..], &s.to_le_bytes(), &offset.to_le_bytes()].concat()
}

#[cfg(test)]
pub(super) fn data(s: u32, offset: u64, bytes: &[u8]) -> Vec<u8> {
    [&[DATA][..], &s.to_le_bytes(), &offset.to_le_bytes(), bytes].concat()
}

#[cfg(test)]
pub(super) fn snapshot(s: u32, offset: u64, generation: u64, size: Size, bytes: &[u8]) -> Vec<u8> {
    let size = [size.cols.to_le_bytes(), size.rows.to_le_bytes()].concat();
    [&[SNAPSHOT][..], &s.to_le_bytes(), &offset.to_le_bytes(), &generation.to_le_bytes(), &size, bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_written_as_the_protocol_has_them() {
        let size = Some(Size { cols: 120, rows: 40 });
        let from = Some(From { generation: "00ff".into(), offset: 123 });
        let attach = ToNode::Attach { s: 7, agent: "ID", terminal: None, from, size, take: "always" };
        let json: serde_json::Value = serde_json::from_str(&attach.to_json()).unwrap();
        let expected = serde_json::json!({"t":"attach","s":7,"agent":"ID","terminal":null,
            "from":{"generation":"00ff","offset":123},"size":{"cols":120,"rows":40},"take":"always"});
        assert_eq!(json, expected);
        assert_eq!(ToNode::Hello { protocol: 1, viewer: "v" }.to_json(), r#"{"t":"hello","protocol":1,"viewer":"v"}"#);
    }

    #[test]
    fn messages_are_read_as_the_protocol_has_them() {
        let read = |text: &str| serde_json::from_str::<OfNode>(text).unwrap();
        assert_eq!(read(r#"{"t":"input-ack","s":7,"seq":9}"#), OfNode::InputAck { s: 7, seq: 9 });
        assert_eq!(read(r#"{"t":"agents","all":[{"x":1}]}"#), OfNode::Other);
        assert_eq!(read(r#"{"t":"agent-gone","id":"x"}"#), OfNode::Other);
        assert_eq!(read(r#"{"t":"welcome","protocol":1,"node":{},"limits":{}}"#), OfNode::Welcome { protocol: 1 });
    }

    #[test]
    fn frames_are_read_as_they_are_written() {
        assert_eq!(Frame::decode(&data(7, 9, b"x")), Some(Frame::Data { s: 7, offset: 9, bytes: b"x" }));
        let frame = snapshot(7, 9, 3, Size { cols: 80, rows: 24 }, b"y");
        let expected = Frame::Snapshot { s: 7, offset: 9, generation: 3, cols: 80, rows: 24, bytes: b"y" };
        assert_eq!(Frame::decode(&frame), Some(expected));
        assert_eq!(Frame::decode(&frame[..20]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
            let _ = Frame::decode(&bytes);
        }
    }
}
