//! One open link: frames between the driver and the socket, in both directions, with bounded room, and the time that a ping takes.

use super::greet::Conversation;
use super::noise::Session;
use crate::door::Socket;
use crate::driver::{Handle, Link, LinkEnds};
use async_channel::Receiver;
use async_io::Timer;
use async_tungstenite::tungstenite::{Bytes, Message};
use async_tungstenite::{WebSocketReceiver, WebSocketSender};
use consort_core::DialId;
use consort_web::lines::{Line, Lines};
use futures_lite::{StreamExt, future};
use smol::lock::Semaphore;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Frames that may be on their way to the socket, and as many from it to the driver.
const ROOM: usize = 8;
/// A ping is sent this often.
const PING_EVERY: Duration = Duration::from_secs(10);
/// How long a link that is to be closed may take to say what was said last.
const FAREWELL: Duration = Duration::from_millis(500);

/// Carries a link until it ends, from either side. `dial` is the dial that it answers.
pub(crate) async fn carry(
    conversation: Conversation,
    dial: Option<DialId>,
    line: Line,
    handle: &Handle,
    lines: &Lines,
) {
    let Conversation { socket, session, peer } = conversation;
    let (frames, outgoing) = async_channel::unbounded();
    let (open, closing) = async_channel::bounded(1);
    let link = handle.open_link(peer, dial, LinkEnds { frames, open });
    let line = lines.add(line);
    link.writable(ROOM as u32);
    let (mut sender, mut receiver) = socket.split();
    let carrier = Carrier { session: RefCell::new(session), link: &link, begun: Instant::now() };
    let incoming = async {
        let heard = carrier.read(&mut receiver, |latency| line.set_latency(latency));
        match future::or(heard, until_closed(&closing)).await {
            Err(fault) => log::debug!("the link with node {} ends: {fault}", peer.short()),
            // Once core has closed the link, nothing more is heard. What was said last is still written, and what comes is read: a
            // connection with unread bytes would be reset, and take the last words with it.
            Ok(()) => future::or(drain(&mut receiver), pause(FAREWELL)).await,
        }
    };
    future::or(incoming, carrier.write(&mut sender, &outgoing)).await;
}

async fn until_closed(closing: &Receiver<()>) -> Result<(), String> {
    // Nothing is ever sent: this ends when the driver drops its end.
    let _ = closing.recv().await;
    Ok(())
}

async fn drain(receiver: &mut WebSocketReceiver<Socket>) {
    while let Some(Ok(_)) = receiver.next().await {}
}

async fn pause(length: Duration) {
    Timer::after(length).await;
}

struct Carrier<'a> {
    /// Borrowed for one message at a time, never across a wait.
    session: RefCell<Session>,
    link: &'a Link,
    begun: Instant,
}

impl Carrier<'_> {
    /// Reads until the connection ends; why it does.
    async fn read(&self, receiver: &mut WebSocketReceiver<Socket>, latency: impl Fn(Duration)) -> Result<(), String> {
        let room = Arc::new(Semaphore::new(ROOM));
        loop {
            let message = match receiver.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(error.to_string()),
                None => return Err("the connection ended".into()),
            };
            match message {
                Message::Binary(bytes) => {
                    let opened = self.session.borrow_mut().open(&bytes).map_err(|fault| fault.to_string())?;
                    if let Some(frame) = opened {
                        // Held until the driver has taken the frame: a flood waits in the peer, not here.
                        self.link.heard(frame, room.acquire_arc().await);
                    }
                }
                Message::Pong(bytes) => {
                    if let Ok(sent) = bytes.as_ref().try_into().map(u64::from_le_bytes) {
                        latency(self.begun.elapsed().saturating_sub(Duration::from_micros(sent)));
                    }
                }
                Message::Ping(_) => {}
                Message::Text(_) | Message::Close(_) | Message::Frame(_) => return Err("it ended the link".into()),
            }
        }
    }

    /// Writes until the connection fails. When all is written that came before core closed the link, the other end is told.
    async fn write(&self, sender: &mut WebSocketSender<Socket>, outgoing: &Receiver<Vec<u8>>) {
        let mut pings = Timer::interval_at(Instant::now(), PING_EVERY);
        // Room that core does not know of yet. While it has more than half of all, that can wait for more.
        let mut kept = 0;
        loop {
            let frame = async { outgoing.recv().await.map_or(Next::End, Next::Frame) };
            let ping = async {
                pings.next().await;
                Next::Ping
            };
            let sent = match future::or(frame, ping).await {
                Next::Frame(frame) => {
                    kept += 1;
                    self.write_frame(sender, &frame).await
                }
                Next::Ping => sender.send(Message::Ping(self.timestamp())).await.is_ok(),
                Next::End => {
                    let _ = sender.close(None).await;
                    return future::pending().await;
                }
            };
            if !sent {
                return;
            }
            if kept > 0 && kept + outgoing.len() >= ROOM / 2 {
                self.link.writable(kept as u32);
                kept = 0;
            }
        }
    }

    async fn write_frame(&self, sender: &mut WebSocketSender<Socket>, frame: &[u8]) -> bool {
        let Ok(messages) = self.session.borrow_mut().seal(frame) else { return false };
        for message in messages {
            if sender.send(Message::binary(message)).await.is_err() {
                return false;
            }
        }
        true
    }

    fn timestamp(&self) -> Bytes {
        let sent = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        Bytes::copy_from_slice(&sent.to_le_bytes())
    }
}

enum Next {
    Frame(Vec<u8>),
    Ping,
    End,
}
