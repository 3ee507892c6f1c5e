//! The WebSocket between two nodes: connecting it, and messages within bounds of size and time.

use super::noise::MESSAGE_BYTES;
use crate::door::Socket;
use async_io::{Async, Timer};
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message};
use futures_lite::{StreamExt, future};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Where nodes talk to each other on a node's port.
pub const LINK_PATH: &str = "/link";

/// What a stranger may send in all, …
pub(crate) const STRANGER_BYTES: usize = 4 << 10;
/// … and how long it may take to say who it is.
pub(crate) const STRANGER_TIME: Duration = Duration::from_secs(5);
/// From the first packet to an open WebSocket.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// One of several addresses behind a name gets this long while there are others.
const NEXT_TIME: Duration = Duration::from_secs(2);
/// Addresses behind one name that are tried.
const RESOLVED: usize = 4;

/// A WebSocket to another node.
pub type NodeSocket = WebSocketStream<Socket>;

/// For a connection whose other end has not said who it is: nothing large is taken.
pub(crate) fn strangers() -> WebSocketConfig {
    limited(STRANGER_BYTES)
}

/// For a link: one Noise message at most.
fn acquainted() -> WebSocketConfig {
    limited(MESSAGE_BYTES)
}

fn limited(bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(bytes.min(16 << 10))
        .write_buffer_size(16 << 10)
        .max_write_buffer_size(4 * MESSAGE_BYTES)
        .max_message_size(Some(bytes))
        .max_frame_size(Some(bytes))
        .accept_unmasked_frames(false)
}

/// The same connection with room for frames, once the other end is known. It sends nothing before it was welcomed.
pub(crate) async fn admitted(socket: NodeSocket) -> NodeSocket {
    WebSocketStream::from_raw_socket(socket.into_inner(), Role::Server, Some(acquainted())).await
}

/// Connects to a node; a failure is told in words for a person. `known`: what the address leads to; if nothing, the system is asked.
pub(crate) async fn connect(address: &str, known: Vec<SocketAddr>) -> Result<NodeSocket, String> {
    let connected = async {
        let stream = open(address, known).await?;
        let request = format!("ws://{address}{LINK_PATH}");
        let upgraded =
            async_tungstenite::client_async_with_config(request, Socket::Tcp(stream), Some(acquainted())).await;
        match upgraded {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(answer)) => {
                Err(format!("no node answers there (HTTP status {})", answer.status().as_u16()))
            }
            Err(error) => Err(format!("no node answers there ({error})")),
        }
    };
    let late = async {
        Timer::after(CONNECT_TIME).await;
        Err("no answer in time".to_string())
    };
    future::or(connected, late).await
}

async fn open(address: &str, known: Vec<SocketAddr>) -> Result<Async<TcpStream>, String> {
    let resolved = match known.is_empty() {
        true => smol::net::resolve(address).await.map_err(|_| "the name is not known".to_string())?,
        false => known,
    };
    let tried = resolved.len().min(RESOLVED);
    let mut failure = "the name has no address".to_string();
    for (number, address) in resolved.into_iter().take(RESOLVED).enumerate() {
        let patience = if number + 1 < tried { NEXT_TIME } else { CONNECT_TIME };
        match future::or(dial(address), late(patience)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = words(&error),
        }
    }
    Err(failure)
}

async fn dial(address: SocketAddr) -> io::Result<Async<TcpStream>> {
    let stream = Async::<TcpStream>::connect(address).await?;
    // A key echo is one small packet: it must not wait for another one.
    stream.get_ref().set_nodelay(true)?;
    Ok(stream)
}

async fn late<T>(patience: Duration) -> io::Result<T> {
    Timer::after(patience).await;
    Err(io::ErrorKind::TimedOut.into())
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".into(),
        io::ErrorKind::TimedOut => "no answer in time".into(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "there is no way to it".into(),
        _ => error.to_string(),
    }
}

/// Why nothing more comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silence {
    /// The connection ended.
    #[error("it ended the connection")]
    Ended,
    /// Not within the bounds of time and size.
    #[error("it did not say in time, and in few words, who it is")]
    Bounds,
}

/// Sends one message.
pub(crate) async fn send(socket: &mut NodeSocket, bytes: Vec<u8>) -> Result<(), Silence> {
    socket.send(Message::binary(bytes)).await.map_err(|_| Silence::Ended)
}

/// The next message, counted against what may still come.
pub(crate) async fn receive(socket: &mut NodeSocket, left: &mut usize) -> Result<Vec<u8>, Silence> {
    loop {
        let message = match socket.next().await {
            Some(Ok(message)) => message,
            Some(Err(Error::Capacity(_))) => return Err(Silence::Bounds),
            Some(Err(_)) | None => return Err(Silence::Ended),
        };
        *left = left.checked_sub(message.len()).ok_or(Silence::Bounds)?;
        match message {
            Message::Binary(bytes) => return Ok(bytes.into()),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Text(_) | Message::Close(_) | Message::Frame(_) => return Err(Silence::Ended),
        }
    }
}
