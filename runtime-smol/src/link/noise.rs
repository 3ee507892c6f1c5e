//! Who is at the other end, and that nobody else reads or changes what is said: Noise, without any IO.
//!
//! A conversation has a purpose, said first and in clear, and bound to the handshake by its prologue. The handshake is mutual and forward
//! secret (`XX`); pairing by code mixes the code's secret in (`XXpsk3`), so that only who knows it can finish.

use consort_core::NodeId;
use consort_core::limits::LINK_FRAME_BYTES;
use snow::{Builder, HandshakeState, TransportState};
use x25519_dalek::{PublicKey, StaticSecret};

/// Version of the handshake and of what follows it.
const VERSION: u8 = 1;
/// Bytes of one Noise message.
pub(crate) const MESSAGE_BYTES: usize = 65_535;
/// Bytes that encryption adds.
const TAG_BYTES: usize = 16;
/// Bytes of a frame in one message: all but the tag and the flag.
const PART_BYTES: usize = MESSAGE_BYTES - TAG_BYTES - 1;
/// The flag before a part: whether more parts of the frame follow.
const LAST: u8 = 0;
const MORE: u8 = 1;

/// A secret that both ends must know to pair.
pub(crate) type SharedSecret = [u8; 32];

/// What a conversation between two nodes is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A link of the mesh between members.
    Link,
    /// Pairing by a code.
    Pair,
    /// Asking to be admitted, without a code.
    Ask,
    /// Asking a member whether it can dial this node.
    Check,
}

impl Purpose {
    /// What the caller says first.
    pub(crate) fn opening(self) -> [u8; 2] {
        [VERSION, self.number()]
    }

    /// Takes the opening off a first message.
    pub(crate) fn read(message: &[u8]) -> Result<(Self, &[u8]), Broken> {
        let (opening, rest) = message.split_at_checked(2).ok_or(Broken::Opening)?;
        let known = [Purpose::Link, Purpose::Pair, Purpose::Ask, Purpose::Check];
        let purpose = known.into_iter().find(|purpose| purpose.opening() == opening).ok_or(Broken::Opening)?;
        Ok((purpose, rest))
    }

    fn number(self) -> u8 {
        match self {
            Purpose::Link => 0,
            Purpose::Pair => 1,
            Purpose::Ask => 2,
            Purpose::Check => 3,
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Purpose::Link | Purpose::Ask | Purpose::Check => "Noise_XX_25519_ChaChaPoly_BLAKE2s",
            Purpose::Pair => "Noise_XXpsk3_25519_ChaChaPoly_BLAKE2s",
        }
    }

    fn prologue(self) -> [u8; 9] {
        [b'c', b'o', b'n', b's', b'o', b'r', b't', VERSION, self.number()]
    }
}

/// Why a conversation cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// The first message says nothing that is known here.
    #[error("it speaks no protocol that this version knows")]
    Opening,
    /// A message that the handshake or the session does not accept.
    #[error("it sent what cannot be decrypted")]
    Message,
    /// A frame that is longer than allowed, or parts that make none.
    #[error("it sent a frame that is no frame")]
    Frame,
}

impl From<snow::Error> for Broken {
    fn from(_: snow::Error) -> Self {
        Broken::Message
    }
}

/// A handshake under way: three messages, the first and the last by the caller.
pub(crate) struct Handshake(HandshakeState);

impl Handshake {
    /// The calling side.
    pub(crate) fn call(key: &StaticSecret, purpose: Purpose, secret: Option<&SharedSecret>) -> Result<Self, Broken> {
        let (key, prologue) = (key.to_bytes(), purpose.prologue());
        let builder = builder(purpose)?.prologue(&prologue)?.local_private_key(&key)?;
        let builder = match secret {
            Some(secret) => builder.psk(3, secret)?,
            None => builder,
        };
        Ok(Handshake(builder.build_initiator()?))
    }

    /// The called side. Its shared secret, if the purpose needs one, follows with [`share`](Self::share).
    pub(crate) fn answer(key: &StaticSecret, purpose: Purpose) -> Result<Self, Broken> {
        let (key, prologue) = (key.to_bytes(), purpose.prologue());
        Ok(Handshake(builder(purpose)?.prologue(&prologue)?.local_private_key(&key)?.build_responder()?))
    }

    /// Sets the secret that the caller must know.
    pub(crate) fn share(&mut self, secret: &SharedSecret) -> Result<(), Broken> {
        Ok(self.0.set_psk(3, secret)?)
    }

    /// The next message, with something to say in it.
    pub(crate) fn write(&mut self, payload: &[u8]) -> Result<Vec<u8>, Broken> {
        // Two keys and two tags at most come before the payload.
        let mut message = vec![0; payload.len() + 2 * 32 + 2 * TAG_BYTES];
        let length = self.0.write_message(payload, &mut message)?;
        message.truncate(length);
        Ok(message)
    }

    /// What the other side's next message says.
    pub(crate) fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut payload = vec![0; message.len()];
        let length = self.0.read_message(message, &mut payload)?;
        payload.truncate(length);
        Ok(payload)
    }

    /// Who the other side is, once it has said so.
    pub(crate) fn peer(&self) -> Option<NodeId> {
        self.0.get_remote_static()?.try_into().ok().map(NodeId)
    }

    /// The session after the last message, with whom it is.
    pub(crate) fn finish(self) -> Result<(Session, NodeId), Broken> {
        let peer = self.peer().ok_or(Broken::Message)?;
        Ok((Session { noise: self.0.into_transport_mode()?, parts: Vec::new() }, peer))
    }
}

fn builder(purpose: Purpose) -> Result<Builder<'static>, Broken> {
    Ok(Builder::new(purpose.pattern().parse()?))
}

/// The id that belongs to a key.
pub(crate) fn id_of(key: &StaticSecret) -> NodeId {
    NodeId(PublicKey::from(key).to_bytes())
}

/// A conversation whose ends know each other. Messages are taken in the order in which they were made, each once.
pub(crate) struct Session {
    noise: TransportState,
    /// The parts so far of a frame that is coming in.
    parts: Vec<u8>,
}

impl Session {
    /// The messages that carry a frame.
    pub(crate) fn seal(&mut self, frame: &[u8]) -> Result<Vec<Vec<u8>>, Broken> {
        let mut messages = Vec::with_capacity(1);
        let mut rest = frame;
        loop {
            let (part, more) = rest.split_at(rest.len().min(PART_BYTES));
            let mut plain = Vec::with_capacity(part.len() + 1);
            plain.push(if more.is_empty() { LAST } else { MORE });
            plain.extend_from_slice(part);
            let mut message = vec![0; plain.len() + TAG_BYTES];
            let length = self.noise.write_message(&plain, &mut message)?;
            message.truncate(length);
            messages.push(message);
            rest = more;
            if rest.is_empty() {
                return Ok(messages);
            }
        }
    }

    /// Takes the other side's next message; a frame, once all its parts are there.
    pub(crate) fn open(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
        let mut plain = vec![0; message.len()];
        let length = self.noise.read_message(message, &mut plain)?;
        let (flag, part) = plain[..length].split_first().ok_or(Broken::Frame)?;
        // A part that says nothing and promises more would let parts go on for ever.
        if self.parts.len() + part.len() > LINK_FRAME_BYTES || (*flag == MORE && part.is_empty()) {
            return Err(Broken::Frame);
        }
        match *flag {
            MORE => {
                self.parts.extend_from_slice(part);
                Ok(None)
            }
            LAST if self.parts.is_empty() => {
                plain.truncate(length);
                plain.remove(0);
                Ok(Some(plain))
            }
            LAST => {
                self.parts.extend_from_slice(part);
                Ok(Some(std::mem::take(&mut self.parts)))
            }
            _ => Err(Broken::Frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> StaticSecret {
        StaticSecret::from([number; 32])
    }

    /// Both sessions after a handshake of the nodes 1 (who calls) and 2.
    fn connected(purpose: Purpose, secrets: Option<(SharedSecret, SharedSecret)>) -> Result<[Session; 2], Broken> {
        let mut caller = Handshake::call(&key(1), purpose, secrets.as_ref().map(|(first, _)| first))?;
        let mut called = Handshake::answer(&key(2), purpose)?;
        called.read(&caller.write(b"")?)?;
        caller.read(&called.write(b"")?)?;
        if let Some((_, second)) = secrets {
            called.share(&second)?;
        }
        assert_eq!(called.read(&caller.write(b"hello")?)?, b"hello");
        let ((caller, two), (called, one)) = (caller.finish()?, called.finish()?);
        assert_eq!((one, two), (id_of(&key(1)), id_of(&key(2))));
        Ok([caller, called])
    }

    #[test]
    fn both_ends_learn_who_the_other_is() {
        connected(Purpose::Link, None).unwrap();
        connected(Purpose::Pair, Some(([7; 32], [7; 32]))).unwrap();
    }

    #[test]
    fn who_does_not_know_the_code_cannot_finish() {
        assert_eq!(connected(Purpose::Pair, Some(([7; 32], [8; 32]))).err(), Some(Broken::Message));
        assert_eq!(connected(Purpose::Pair, None).err(), Some(Broken::Message));
    }

    #[test]
    fn a_conversation_for_one_purpose_is_none_for_another() {
        let mut caller = Handshake::call(&key(1), Purpose::Ask, None).unwrap();
        let mut called = Handshake::answer(&key(2), Purpose::Link).unwrap();
        called.read(&caller.write(b"").unwrap()).unwrap();
        assert!(caller.read(&called.write(b"").unwrap()).is_err());
    }

    #[test]
    fn a_repeated_a_changed_and_a_foreign_message_are_refused() {
        let [mut one, mut two] = connected(Purpose::Link, None).unwrap();
        let message = one.seal(b"x").unwrap().remove(0);
        assert_eq!(two.open(&message).unwrap().as_deref(), Some(&b"x"[..]));
        assert_eq!(two.open(&message), Err(Broken::Message), "repeated");
        let mut changed = one.seal(b"y").unwrap().remove(0);
        changed[0] ^= 1;
        assert_eq!(two.open(&changed), Err(Broken::Message));
        let [mut other, _] = connected(Purpose::Link, None).unwrap();
        assert_eq!(two.open(&other.seal(b"z").unwrap()[0]), Err(Broken::Message));
    }

    #[test]
    fn frames_of_every_length_arrive_whole_and_in_order() {
        let [mut one, mut two] = connected(Purpose::Link, None).unwrap();
        for length in [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, LINK_FRAME_BYTES] {
            let frame: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let messages = one.seal(&frame).unwrap();
            assert!(messages.iter().all(|message| message.len() <= MESSAGE_BYTES));
            let opened: Vec<_> = messages.iter().filter_map(|message| two.open(message).unwrap()).collect();
            assert_eq!(opened, [frame], "{length}");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_before_it_is_put_together() {
        let [mut one, mut two] = connected(Purpose::Link, None).unwrap();
        let messages = one.seal(&vec![0; LINK_FRAME_BYTES + 1]).unwrap();
        let opened: Vec<_> = messages.iter().map(|message| two.open(message)).collect();
        assert_eq!(opened, [Ok(None), Err(Broken::Frame)]);
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_stranger_do_more_than_break_the_conversation(bytes: Vec<u8>) {
            let _ = Purpose::read(&bytes);
            for purpose in [Purpose::Link, Purpose::Pair, Purpose::Ask] {
                let _ = Handshake::answer(&key(2), purpose).unwrap().read(&bytes);
            }
            let [_, mut two] = connected(Purpose::Link, None).unwrap();
            prop_assert!(two.open(&bytes).is_err());
        }
    }
}
