//! What a browser sends.

use consort_core::{NodeId, ViewerInput, limits};
use consort_web::frames::{ClientMessage, Incoming, decode};

/// Every text and every binary frame is a message or an error with words for a person; no message exceeds a bound.
pub fn browser_frames(data: &[u8]) {
    check(Incoming::Binary(data));
    if let Ok(text) = std::str::from_utf8(data) {
        check(Incoming::Text(text));
    }
}

fn check(frame: Incoming<'_>) {
    match decode(NodeId([1; 32]), frame) {
        Ok(ClientMessage::Viewer(ViewerInput::Input { bytes, .. })) => {
            assert!(bytes.len() <= limits::INPUT_CHUNK_BYTES)
        }
        Ok(_) => {}
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().is_empty() && !error.hint().is_empty()),
    }
}
