//! What was opened of a circuit, without what is secret in it.

use crate::redact;
use consort_core::ViewerInput;
use consort_core::ViewerOutput;
use consort_core::command::Command;
use consort_core::limits;
use consort_core::redact::FILLER;
use consort_core::wire::circuit::{self, Answer, Ask, Header, Kind, Part, Tell};
use serde::{Deserialize, Serialize};

/// A part of something that is not whole yet: where it stands, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// In the how-manieth thing that was opened.
    pub opened: u64,
    /// From which byte on.
    pub at: usize,
    /// How many.
    pub len: usize,
}

/// What one session has opened so far: commands and answers come in parts, and only the whole says what is secret in it.
#[derive(Debug)]
pub struct Redactor {
    /// Commands come (from the opener of the circuits), or answers.
    of_opener: bool,
    circuit: u64,
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
}

/// Pieces that are filler so far, and what belongs there.
pub type Mends = Vec<(Piece, Vec<u8>)>;

impl Redactor {
    /// For a session in which the other end is the opener of the circuits, or the owner.
    #[must_use]
    pub fn new(of_opener: bool) -> Self {
        Redactor { of_opener, circuit: 0, pieces: Vec::new(), bytes: Vec::new() }
    }

    /// Takes out of the `opened`th thing what is secret. Of what is in parts everything is left out, until the last part tells what
    /// belongs there.
    pub fn redact(&mut self, opened: u64, plain: &mut [u8]) -> Mends {
        let whole = plain.len();
        let Ok((Header { circuit, kind, .. }, messages)) = circuit::header(plain) else {
            plain.fill(FILLER);
            return Mends::new();
        };
        if circuit != self.circuit {
            self.circuit = circuit;
            self.forget();
        }
        let mut mends = Mends::new();
        let mut rest = if kind == Kind::Messages { messages.len() } else { 0 };
        while rest > 0 {
            let message = &plain[whole - rest..];
            let found = if self.of_opener { asked(message) } else { told(message) };
            // What cannot be read breaks the circuit, whatever it says.
            let Some((len, secret)) = found else {
                plain[whole - rest..].fill(FILLER);
                break;
            };
            rest -= len;
            // All that is secret stands at the end of its message.
            let end = whole - rest;
            match secret {
                Secret::Nothing => {}
                Secret::Bytes(count) => plain[end - count..end].fill(FILLER),
                Secret::Part(count, last) => {
                    let piece = Piece { opened, at: end - count, len: count };
                    self.part(piece, &mut plain[end - count..end], last, &mut mends);
                }
            }
        }
        mends
    }

    fn part(&mut self, piece: Piece, bytes: &mut [u8], last: bool, mends: &mut Mends) {
        // Beyond this the circuit is broken.
        if self.bytes.len() + bytes.len() > limits::REMOTE_ANSWER_BYTES {
            self.forget();
        }
        self.bytes.extend_from_slice(bytes);
        bytes.fill(FILLER);
        if !last {
            return self.pieces.push(piece);
        }
        let redacted = if self.of_opener {
            without_secrets(&self.bytes, of_command)
        } else {
            without_secrets(&self.bytes, of_answer)
        };
        // What cannot be read is no command, and filler is none either.
        if let Some(redacted) = redacted {
            let mut redacted = &redacted[..];
            for piece in self.pieces.drain(..) {
                let (now, later) = redacted.split_at(piece.len);
                mends.push((piece, now.to_vec()));
                redacted = later;
            }
            bytes.copy_from_slice(redacted);
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.pieces.clear();
        self.bytes = Vec::new();
    }
}

/// What is secret in a message: so many bytes at its end.
enum Secret {
    Nothing,
    Bytes(usize),
    /// A part of something, and whether it is the last.
    Part(usize, bool),
}

/// The length of the first message of an opener, and what is secret in it.
fn asked(bytes: &[u8]) -> Option<(usize, Secret)> {
    let (ask, rest) = first::<Ask<'_>>(bytes)?;
    let secret = match ask {
        Ask::Viewer(_, ViewerInput::Input { bytes, .. }) => Secret::Bytes(bytes.len()),
        Ask::Command { part: Part { last, bytes }, .. } => Secret::Part(bytes.len(), last),
        Ask::Viewer(..) | Ask::Room(..) | Ask::Bye => Secret::Nothing,
    };
    Some((bytes.len() - rest.len(), secret))
}

/// The length of the first message of an owner, and what is secret in it.
fn told(bytes: &[u8]) -> Option<(usize, Secret)> {
    let (tell, rest) = first::<Tell<'_>>(bytes)?;
    let secret = match tell {
        Tell::Frame(_, frame) | Tell::Part(_, frame) => match frame {
            ViewerOutput::Data { bytes, .. } | ViewerOutput::Snapshot { bytes, .. } => Secret::Bytes(bytes.len()),
            ViewerOutput::Attached { .. }
            | ViewerOutput::Size { .. }
            | ViewerOutput::InputAck { .. }
            | ViewerOutput::InputLost { .. }
            | ViewerOutput::Ended { .. } => Secret::Nothing,
        },
        Tell::Answer(_, Part { last, bytes }) => Secret::Part(bytes.len(), last),
        Tell::Forgotten(_) => Secret::Nothing,
    };
    Some((bytes.len() - rest.len(), secret))
}

fn first<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<(T, &'a [u8])> {
    postcard::take_from_bytes(bytes).ok()
}

/// A value without secrets, if it is one and as long without them.
fn without_secrets<T: Serialize + for<'a> Deserialize<'a>>(bytes: &[u8], redact: impl Fn(&mut T)) -> Option<Vec<u8>> {
    let mut value = circuit::decode(bytes).ok()?;
    redact(&mut value);
    Some(circuit::encode(&value)).filter(|redacted| redacted.len() == bytes.len())
}

fn of_command(command: &mut Command) {
    redact::command(command);
}

fn of_answer(answer: &mut Answer) {
    if let Ok(reply) = &mut answer.result {
        redact::reply(reply);
    }
}

#[cfg(test)]
mod tests;
