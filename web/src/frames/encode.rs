//! What a browser gets: core's outputs as frames.

use super::{KIND_DATA, KIND_SNAPSHOT};
use crate::json::Control;
use consort_core::{AgentAddress, EndReason, NodeId, ViewerOutput};

/// A frame to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text frame.
    Text(String),
    /// A binary frame. The vector is exactly as large as its contents: hand it over, do not copy it.
    Binary(Vec<u8>),
}

/// The frame for one of core's outputs at the node `own`. Terminal bytes are copied once, into their frame.
#[must_use]
pub fn encode(own: NodeId, output: &ViewerOutput) -> Frame {
    match output {
        ViewerOutput::Data { stream, offset, bytes } => binary(KIND_DATA, stream.0, *offset, &[], bytes),
        ViewerOutput::Snapshot { stream, generation, offset, size, bytes } => {
            let mut extra = [0; 12];
            extra[..8].copy_from_slice(&generation.0.to_le_bytes());
            extra[8..10].copy_from_slice(&size.cols().to_le_bytes());
            extra[10..].copy_from_slice(&size.rows().to_le_bytes());
            binary(KIND_SNAPSHOT, stream.0, *offset, &extra, bytes)
        }
        ViewerOutput::Attached { stream, node, terminal, generation, offset, input_seq, input_known, size, holder } => {
            control(&Control::Attached {
                s: stream.0,
                agent: AgentAddress { node: *node, agent: terminal.agent }.written_at(own),
                terminal: terminal.pane,
                generation: crate::json::hex(generation.0),
                offset: *offset,
                input_seq: *input_seq,
                input_known: *input_known,
                cols: size.cols(),
                rows: size.rows(),
                holder: (*holder).into(),
            })
        }
        ViewerOutput::Size { stream, size, holder } => {
            control(&Control::Size { s: stream.0, cols: size.cols(), rows: size.rows(), holder: (*holder).into() })
        }
        ViewerOutput::InputAck { stream, seq } => control(&Control::InputAck { s: stream.0, seq: *seq }),
        ViewerOutput::InputLost { stream, seq, message } => {
            control(&Control::InputLost { s: stream.0, seq: *seq, message })
        }
        ViewerOutput::Ended { stream, reason } => {
            let (reason, message) = ending(*reason);
            control(&Control::Ended { s: stream.0, reason, message })
        }
    }
}

/// The frame of a control message.
#[must_use]
pub fn control(message: &Control<'_>) -> Frame {
    // A control message has only text, numbers and maps with text as keys: nothing that JSON cannot say.
    Frame::Text(serde_json::to_string(message).expect("control messages are JSON"))
}

fn binary(kind: u8, stream: u32, offset: u64, extra: &[u8], bytes: &[u8]) -> Frame {
    let mut frame = Vec::with_capacity(13 + extra.len() + bytes.len());
    frame.push(kind);
    frame.extend_from_slice(&stream.to_le_bytes());
    frame.extend_from_slice(&offset.to_le_bytes());
    frame.extend_from_slice(extra);
    frame.extend_from_slice(bytes);
    Frame::Binary(frame)
}

fn ending(reason: EndReason) -> (&'static str, &'static str) {
    match reason {
        // That it has ended is said by the reason; there is no more to it.
        EndReason::Exited => ("exited", ""),
        EndReason::Unknown => ("unknown", "There is no such agent or terminal."),
        EndReason::TooMany => ("refused", "Too many terminals are open: close some."),
    }
}
