//! Bytes on their way to the program: written in order, each once, as fast as it takes them and never faster.

use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::AsFd;

/// Bytes of answers to the program's questions that may wait. A program that asks and does not read gets no more.
const ANSWER_BYTES: usize = 64 << 10;

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Core, which wants to know when they are written.
    Typed,
    /// The emulator.
    Answer,
    /// A paste.
    Paste,
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    written: usize,
    source: Source,
}

/// What one attempt to write has achieved.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Bytes of core that the kernel has taken.
    pub(super) typed: usize,
    /// Bytes of a paste that it has taken.
    pub(super) pasted: usize,
    /// Writing is over: nothing that waits will be written.
    pub(super) failed: Option<Errno>,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct InputQueue {
    pieces: VecDeque<Piece>,
}

impl InputQueue {
    pub(super) fn push(&mut self, bytes: Vec<u8>, source: Source) {
        match self.pieces.back_mut() {
            _ if bytes.is_empty() => {}
            Some(last) if source == Source::Answer && last.source == Source::Answer => {
                if last.bytes.len() + bytes.len() <= ANSWER_BYTES {
                    last.bytes.extend_from_slice(&bytes);
                }
            }
            _ => self.pieces.push_back(Piece { bytes, written: 0, source }),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes from there that are not written.
    pub(super) fn waiting(&self, source: Source) -> usize {
        self.pieces.iter().filter(|piece| piece.source == source).map(|piece| piece.bytes.len() - piece.written).sum()
    }

    /// Forgets what waits from there.
    pub(super) fn forget(&mut self, source: Source) {
        self.pieces.retain(|piece| piece.source != source);
    }

    /// Writes what fits now.
    pub(super) fn write(&mut self, to: impl AsFd) -> Progress {
        let mut progress = Progress::default();
        while let Some(piece) = self.pieces.front_mut() {
            match rustix::io::write(&to, &piece.bytes[piece.written..]) {
                Ok(count) => {
                    piece.written += count;
                    match piece.source {
                        Source::Typed => progress.typed += count,
                        Source::Paste => progress.pasted += count,
                        Source::Answer => {}
                    }
                    if piece.written == piece.bytes.len() {
                        self.pieces.pop_front();
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => {
                    self.pieces.clear();
                    progress.failed = Some(error);
                }
            }
        }
        progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn everything_arrives_in_order_however_slowly_it_is_read() {
        let (to, mut from) = UnixStream::pair().unwrap();
        to.set_nonblocking(true).unwrap();
        let mut queue = InputQueue::default();
        let sent: Vec<u8> = (0..1u32 << 20).map(|number| number.to_le_bytes()[1]).collect();
        for chunk in sent.chunks(16 << 10) {
            queue.push(chunk.to_vec(), Source::Typed);
        }
        let (mut got, mut confirmed, mut room) = (Vec::new(), 0, vec![0; 5_000]);
        while got.len() < sent.len() {
            confirmed += queue.write(&to).typed;
            let count = from.read(&mut room).unwrap();
            got.extend_from_slice(&room[..count]);
            assert!(confirmed >= got.len(), "only what was written arrives");
        }
        assert!(got == sent && confirmed == sent.len() && queue.is_empty());
    }

    #[test]
    fn a_program_that_asks_and_does_not_read_gets_a_bounded_number_of_answers() {
        let mut queue = InputQueue::default();
        for _ in 0..100_000 {
            queue.push(b"\x1b[?6c".to_vec(), Source::Answer);
        }
        assert!(queue.waiting(Source::Answer) <= ANSWER_BYTES);
    }

    #[test]
    fn a_closed_terminal_is_a_failure_and_leaves_nothing_waiting() {
        let (to, from) = UnixStream::pair().unwrap();
        drop(from);
        let mut queue = InputQueue::default();
        queue.push(b"lost".to_vec(), Source::Typed);
        assert!(queue.write(&to).failed.is_some());
        assert!(queue.is_empty());
    }
}
