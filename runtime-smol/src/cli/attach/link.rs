//! One WebSocket connection to the node's control socket, as two channels.

use super::wire::MESSAGE_BYTES;
use crate::cli::failure::Failure;
use crate::cli::http::connect_failure;
use async_channel::{Receiver, Sender};
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::tungstenite::{self, Message};
use futures_lite::{StreamExt as _, future};
use smol::net::unix::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Messages that wait to be handled.
const INBOX: usize = 16;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a connection brings.
#[derive(Debug)]
pub(super) enum Event {
    /// It is open.
    Up,
    Text(String),
    Binary(Vec<u8>),
    /// It is over, or never was.
    Down(Failure),
}

/// A connection that is made and kept by a task of its own; dropping it ends it.
#[derive(Debug)]
pub(super) struct Link {
    /// Unbounded as a channel; the protocol bounds it: an input window, and acknowledgements of what was received.
    outbox: Sender<Message>,
    inbox: Receiver<Event>,
    _task: smol::Task<()>,
}

impl Link {
    /// Connects after `delay`.
    pub(super) fn open(executor: &smol::LocalExecutor<'_>, socket: PathBuf, delay: Duration) -> Self {
        let (outbox, outgoing) = async_channel::unbounded();
        let (incoming, inbox) = async_channel::bounded(INBOX);
        let task = executor.spawn(async move {
            smol::Timer::after(delay).await;
            let down = match connect(&socket).await {
                Ok(stream) => exchange(stream, &incoming, &outgoing).await,
                Err(failure) => failure,
            };
            let _ = incoming.send(Event::Down(down)).await;
        });
        Link { outbox, inbox, _task: task }
    }

    /// Sends a message, if the connection is still there: what counts is repeated on the next one.
    pub(super) fn send(&self, message: Message) {
        let _ = self.outbox.try_send(message);
    }

    /// Waits, within bounds, until everything is sent, and closes.
    pub(super) async fn finish(&self, bound: Duration) {
        self.outbox.close();
        let closed = async { while !matches!(self.next().await, Event::Down(_)) {} };
        let late = async {
            smol::Timer::after(bound).await;
        };
        future::or(closed, late).await;
    }

    pub(super) async fn next(&self) -> Event {
        self.inbox.recv().await.unwrap_or_else(|_| Event::Down(broken("the task has ended")))
    }
}

async fn connect(socket: &Path) -> Result<WebSocketStream<UnixStream>, Failure> {
    let handshake = async {
        let stream = UnixStream::connect(socket).await.map_err(|error| connect_failure(socket, &error))?;
        let config =
            WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES)).max_frame_size(Some(MESSAGE_BYTES));
        let request = "ws://localhost/ws";
        match async_tungstenite::client_async_with_config(request, stream, Some(config)).await {
            Ok((stream, _)) => Ok(stream),
            Err(tungstenite::Error::Http(answer)) => Err(Failure::new(format!(
                "The node refused the connection (HTTP status {}).",
                answer.status().as_u16()
            ))),
            Err(error) => Err(broken(&error.to_string())),
        }
    };
    let late = async {
        smol::Timer::after(HANDSHAKE).await;
        Err(broken("no answer in time"))
    };
    future::or(handshake, late).await
}

/// Moves messages both ways until one way ends; returns why.
async fn exchange(
    stream: WebSocketStream<UnixStream>,
    incoming: &Sender<Event>,
    outgoing: &Receiver<Message>,
) -> Failure {
    let (mut sender, mut receiver) = stream.split();
    if incoming.send(Event::Up).await.is_err() {
        return broken("nobody listens");
    }
    let read = async {
        while let Some(message) = receiver.next().await {
            let event = match message {
                Ok(Message::Text(text)) => Event::Text(text.as_str().to_owned()),
                Ok(Message::Binary(bytes)) => Event::Binary(bytes.to_vec()),
                Ok(Message::Close(_)) => break,
                Ok(_) => continue,
                Err(error) => return broken(&error.to_string()),
            };
            if incoming.send(event).await.is_err() {
                break;
            }
        }
        broken("closed by the node")
    };
    let write = async {
        while let Ok(message) = outgoing.recv().await {
            if let Err(error) = sender.send(message).await {
                return broken(&error.to_string());
            }
        }
        let _ = sender.close(None).await;
        broken("nothing more to say")
    };
    future::or(read, write).await
}

fn broken(why: &str) -> Failure {
    Failure::new(format!("The connection to the node broke: {why}"))
}
