//! From a request that was let in to a WebSocket.

use super::head::Upgrade;
use super::socket::Socket;
use crate::link::NodeSocket;
use crate::link::socket::strangers;
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::server::{create_response, write_response};
use async_tungstenite::tungstenite::http;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use consort_core::limits::{FRAME_BYTES, SNAPSHOT_BYTES};
use consort_web::frames::INCOMING_BYTES;
use consort_web::http::Problem;
use consort_web::{Head, Response};

/// Bytes of outgoing frames that may wait in a WebSocket: the largest frame, and some.
const WAITING_BYTES: usize = SNAPSHOT_BYTES + 16 * FRAME_BYTES;

/// The answer that makes the connection a WebSocket.
///
/// # Errors
/// The answer to a request that does not ask for one as the standard says.
pub(super) fn accept(head: &Head<'_>, upgrade: Upgrade<'_>) -> Result<Vec<u8>, Response> {
    let refused = |reason: String| {
        Response::from(Problem::new(400, "bad-upgrade", format!("This is no request for a WebSocket: {reason}."), ""))
            .with("Sec-WebSocket-Version", "13")
    };
    let request = http::Request::get(head.path())
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", upgrade.version)
        .header("Sec-WebSocket-Key", upgrade.key)
        .body(())
        .map_err(|error| refused(error.to_string()))?;
    let response = create_response(&request).map_err(|error| refused(error.to_string()))?;
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response).map_err(|error| refused(error.to_string()))?;
    Ok(bytes)
}

/// The WebSocket on a connection whose client has got the answer of [`accept`].
pub(super) async fn stream(socket: Socket) -> WebSocketStream<Socket> {
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        // Frames go out when the handler flushes: small ones together.
        .write_buffer_size(16 << 10)
        .max_write_buffer_size(WAITING_BYTES)
        .max_message_size(Some(INCOMING_BYTES))
        .max_frame_size(Some(INCOMING_BYTES))
        .accept_unmasked_frames(false);
    WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await
}

/// The same for another node, which has not said who it is.
pub(super) async fn node_stream(socket: Socket) -> NodeSocket {
    WebSocketStream::from_raw_socket(socket, Role::Server, Some(strangers())).await
}
