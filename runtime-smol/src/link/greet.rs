//! The first words between two nodes: the handshake over a WebSocket, what each says of itself, and whether it is welcome.
//!
//! ```text
//! caller                                            called
//! version, purpose, Noise 1 (an invite's number) ─▶
//!                                                ◀─ Noise 2
//! Noise 3 (the caller's card)                    ─▶
//!                                                ◀─ the answer, encrypted: welcome (with a card), waiting, or refused
//! ```
//! The caller says nothing more before it was answered, and the called one tells nothing of itself before it knows whom.

use super::noise::{Broken, Handshake, Purpose, Session, SharedSecret};
use super::socket::{self, NodeSocket, STRANGER_BYTES, STRANGER_TIME, Silence};
use async_io::Timer;
use consort_core::limits::{ADDRESS_BYTES, ADDRESSES};
use consort_core::{Address, NodeId};
use futures_lite::future;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use x25519_dalek::StaticSecret;

/// How long a caller waits for its answer: the other side may have to store something first.
const ANSWER_TIME: Duration = Duration::from_secs(8);
/// Bytes of addresses in a card: it has to fit into what a stranger may say.
const CARD_ADDRESS_BYTES: usize = 2 << 10;
/// Characters of a name or a version.
const CARD_CHARS: usize = 100;

/// What a node says of itself to one that it meets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Card {
    /// What people call it.
    pub(crate) name: String,
    /// Version of its program.
    pub(crate) version: String,
    /// Where it can be dialled.
    pub(crate) addresses: Vec<Address>,
}

impl Card {
    /// A card as another node wrote it, within bounds; what cannot be read is empty.
    fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice::<Card>(bytes).unwrap_or_default().within_bounds()
    }

    pub(crate) fn within_bounds(mut self) -> Self {
        for text in [&mut self.name, &mut self.version] {
            *text = text.chars().filter(|c| !c.is_control()).take(CARD_CHARS).collect();
        }
        let mut bytes = 0;
        self.addresses.retain(|address| {
            bytes += address.0.len();
            (1..=ADDRESS_BYTES).contains(&address.0.len()) && bytes <= CARD_ADDRESS_BYTES
        });
        self.addresses.truncate(ADDRESSES);
        self
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What the called side says to a caller that has proven who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(crate) enum Answer {
    /// What the caller came for is done; for a link: it is open.
    Welcome {
        /// Who welcomes it.
        card: Card,
        /// The caller may only look; versions before this was said are silent.
        #[serde(default)]
        view: bool,
    },
    /// A person has to decide; ask again.
    Waiting {
        /// Who is asked.
        card: Card,
    },
    /// No, and why, for a person.
    Refused {
        /// One sentence.
        message: String,
    },
    /// For a check: what became of dialling the caller.
    Checked {
        /// Each of its addresses.
        tried: Vec<Tried>,
        /// Unix time of the called side when it answers, in milliseconds.
        unix_ms: u64,
    },
}

/// What became of dialling an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// Where.
    pub(crate) address: Address,
    /// Why nobody was there, if nobody was.
    pub(crate) failure: Option<String>,
}

/// Whom a caller wants to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// This node and no other.
    Node(NodeId),
    /// The node of an invite: its id begins with this.
    Beginning([u8; 5]),
    /// Whoever is there.
    Anybody,
}

impl Wanted {
    fn accepts(self, id: NodeId) -> bool {
        match self {
            Wanted::Node(wanted) => wanted == id,
            Wanted::Beginning(beginning) => id.0.starts_with(&beginning),
            Wanted::Anybody => true,
        }
    }
}

/// An invite as both sides know it: a number to find it by, and the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) number: [u8; 4],
    pub(crate) secret: SharedSecret,
}

/// Why a conversation did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing came, or nothing in time.
    #[error(transparent)]
    Silence(#[from] Silence),
    /// What came was wrong.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// Somebody else answers there.
    #[error("another node answers there ({})", .0.short())]
    Another(NodeId),
    /// The address is one of our own.
    #[error("it is this node itself")]
    Ourselves,
    /// The invite is not known there.
    #[error("it does not know this code")]
    Ticket,
}

/// A conversation whose ends know each other.
pub(crate) struct Conversation {
    pub(crate) socket: NodeSocket,
    pub(crate) session: Session,
    pub(crate) peer: NodeId,
}

/// Calls a node over a fresh connection.
pub(crate) async fn call(
    key: &StaticSecret,
    mut socket: NodeSocket,
    (purpose, ticket): (Purpose, Option<Ticket>),
    wanted: Wanted,
    own: &Card,
) -> Result<(Conversation, Answer), Failure> {
    let talk = async {
        // What a called node says before it is known is bounded like a stranger's words.
        let mut left = 2 * STRANGER_BYTES;
        let mut handshake = Handshake::call(key, purpose, ticket.as_ref().map(|ticket| &ticket.secret))?;
        let mut first = purpose.opening().to_vec();
        first.extend(handshake.write(ticket.as_ref().map_or(&[][..], |ticket| &ticket.number))?);
        socket::send(&mut socket, first).await?;
        handshake.read(&socket::receive(&mut socket, &mut left).await?)?;
        let peer = handshake.peer().ok_or(Broken::Message)?;
        if peer == super::noise::id_of(key) {
            return Err(Failure::Ourselves);
        }
        if !wanted.accepts(peer) {
            return Err(Failure::Another(peer));
        }
        socket::send(&mut socket, handshake.write(&own.to_bytes())?).await?;
        let (mut session, peer) = handshake.finish()?;
        let answer = session.open(&socket::receive(&mut socket, &mut left).await?)?.ok_or(Broken::Frame)?;
        let answer = match serde_json::from_slice(&answer).map_err(|_| Broken::Frame)? {
            Answer::Welcome { card, view } => Answer::Welcome { card: card.within_bounds(), view },
            Answer::Waiting { card } => Answer::Waiting { card: card.within_bounds() },
            other @ (Answer::Refused { .. } | Answer::Checked { .. }) => other,
        };
        Ok((Conversation { socket, session, peer }, answer))
    };
    let late = async {
        Timer::after(ANSWER_TIME).await;
        Err(Silence::Bounds.into())
    };
    future::or(talk, late).await
}

/// A caller that has proven who it is and waits for its answer.
pub(crate) struct Caller {
    pub(crate) conversation: Conversation,
    pub(crate) purpose: Purpose,
    /// What it says of itself.
    pub(crate) card: Card,
    /// The number of the invite that it knows the secret of.
    pub(crate) invite: Option<[u8; 4]>,
}

/// Hears a caller out. `secret` gives the secret of an invite; asking for it counts as a try.
pub(crate) async fn hear(
    key: &StaticSecret,
    mut socket: NodeSocket,
    secret: impl FnOnce([u8; 4]) -> Option<SharedSecret>,
) -> Result<Caller, Failure> {
    let talk = async {
        let mut left = STRANGER_BYTES;
        let first = socket::receive(&mut socket, &mut left).await?;
        let (purpose, message) = Purpose::read(&first)?;
        let mut handshake = Handshake::answer(key, purpose)?;
        let said = handshake.read(message)?;
        let mut invite = None;
        if purpose == Purpose::Pair {
            let number: [u8; 4] = said.try_into().map_err(|_| Broken::Opening)?;
            handshake.share(&secret(number).ok_or(Failure::Ticket)?)?;
            invite = Some(number);
        }
        socket::send(&mut socket, handshake.write(b"")?).await?;
        let card = Card::read(&handshake.read(&socket::receive(&mut socket, &mut left).await?)?);
        let (session, peer) = handshake.finish()?;
        if peer == super::noise::id_of(key) {
            return Err(Failure::Ourselves);
        }
        Ok(Caller { conversation: Conversation { socket, session, peer }, purpose, card, invite })
    };
    let late = async {
        Timer::after(STRANGER_TIME).await;
        Err(Silence::Bounds.into())
    };
    future::or(talk, late).await
}

impl Conversation {
    /// Gives a caller its answer.
    pub(crate) async fn tell(&mut self, answer: &Answer) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(answer).unwrap_or_default();
        let told = async {
            for message in self.session.seal(&bytes)? {
                socket::send(&mut self.socket, message).await?;
            }
            Ok(())
        };
        let late = async {
            Timer::after(STRANGER_TIME).await;
            Err(Silence::Bounds.into())
        };
        future::or(told, late).await
    }

    /// Ends it, so that the other side gets what was said last.
    pub(crate) async fn end(mut self) {
        let ended = async {
            let _ = self.socket.close(None).await;
            let mut left = STRANGER_BYTES;
            let _ = socket::receive(&mut self.socket, &mut left).await;
        };
        let late = async {
            Timer::after(Duration::from_secs(1)).await;
        };
        future::or(ended, late).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_of_a_stranger_is_cut_to_its_bounds() {
        let card = Card {
            name: format!("a\u{1b}{}", "b".repeat(500)),
            version: String::new(),
            addresses: (0..100).map(|n| Address("x".repeat(n * 10))).collect(),
        };
        let read = Card::read(&card.to_bytes());
        assert_eq!(read.name.chars().count(), CARD_CHARS);
        assert!(!read.name.contains('\u{1b}'));
        assert!(read.addresses.len() <= ADDRESSES && read.to_bytes().len() < STRANGER_BYTES - 512);
        assert_eq!(Card::read(b"garbage"), Card::default());
        assert_eq!(Card::read(br#"{"name":"new","future":[1]}"#).name, "new");
    }
}
