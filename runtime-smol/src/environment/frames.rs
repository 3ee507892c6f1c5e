//! How a shell's environment is handed over through an output that others may write to as well: in pieces, each behind a
//! random mark, each short enough that the system writes it whole.

use std::io::{self, Write};

/// Bytes that every system writes to a pipe without mixing in what others write (`_POSIX_PIPE_BUF`).
const WHOLE: usize = 512;
/// Bytes of an environment: what is longer cannot be handed to a program anyway on most systems.
const LONGEST: usize = 2 << 20;
/// Digits of a piece's length.
const DIGITS: usize = 4;

/// Writes `bytes` in pieces behind `mark`, and an empty one as the end.
///
/// # Errors
/// What writing says.
pub(crate) fn write(mark: &str, bytes: &[u8], mut out: impl Write) -> io::Result<()> {
    let room = WHOLE - mark.len() - DIGITS;
    for piece in bytes.chunks(room).chain([&[][..]]) {
        let mut whole = format!("{mark}{:0DIGITS$x}", piece.len()).into_bytes();
        whole.extend_from_slice(piece);
        out.write_all(&whole)?;
    }
    out.flush()
}

/// Reads pieces between whatever else is there.
#[derive(Debug)]
pub(crate) struct Reader {
    mark: Vec<u8>,
    /// Not understood yet.
    rest: Vec<u8>,
    read: Vec<u8>,
    over: bool,
}

impl Reader {
    pub(crate) fn new(mark: &str) -> Self {
        Reader { mark: mark.into(), rest: Vec::new(), read: Vec::new(), over: false }
    }

    /// Takes more output. Returns whether the end was there.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        while !self.over {
            let Some(found) = memchr::memmem::find(&self.rest[at..], &self.mark) else {
                // A mark may have begun.
                at = at.max((self.rest.len() + 1).saturating_sub(self.mark.len()));
                break;
            };
            let head = at + found + self.mark.len();
            let Some(digits) = self.rest.get(head..head + DIGITS) else {
                at += found;
                break;
            };
            let length = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
            let Some(length) = length.filter(|length| *length <= WHOLE) else {
                // The mark was quoted by somebody who printed the command.
                at = head;
                continue;
            };
            let Some(piece) = self.rest.get(head + DIGITS..head + DIGITS + length) else {
                at += found;
                break;
            };
            self.over = length == 0 || self.read.len() + length > LONGEST;
            self.read.extend_from_slice(piece);
            at = head + DIGITS + length;
        }
        self.rest.drain(..at);
        self.over
    }

    /// What was read, if it is complete.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        (self.over && self.read.len() <= LONGEST).then_some(self.read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "0123456789abcdef0123456789abcdef";

    fn read(output: &[u8], step: usize) -> Option<Vec<u8>> {
        let mut reader = Reader::new(MARK);
        for bytes in output.chunks(step) {
            reader.take(bytes);
        }
        reader.finish()
    }

    #[test]
    fn whatever_is_printed_around_and_between_pieces_is_skipped() {
        let bytes: Vec<u8> = (0..2_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let mut pieces = Vec::new();
        write(MARK, &bytes, &mut pieces).unwrap();
        // As `set -x` and a process in the background would: the command, and half a mark.
        let mut output = format!("welcome\n+ consort __environment {MARK}\n{}", &MARK[..9]).into_bytes();
        for piece in pieces.chunks(WHOLE) {
            output.extend_from_slice(piece);
            output.extend_from_slice(b"noise ");
        }
        output.extend_from_slice(b"bye\n");
        for step in [1, 7, 512, output.len()] {
            assert_eq!(read(&output, step).as_deref(), Some(&bytes[..]), "in steps of {step}");
        }
    }

    #[test]
    fn without_its_end_nothing_was_read() {
        let mut output = Vec::new();
        write(MARK, b"A=1\0B=2\0", &mut output).unwrap();
        assert_eq!(read(&output[..output.len() - 1], 64), None);
        assert_eq!(read(b"", 1), None);
    }

    #[test]
    fn megabytes_without_a_mark_are_not_kept() {
        let mut reader = Reader::new(MARK);
        for _ in 0..100 {
            assert!(!reader.take(&[b'x'; 65_536]));
        }
        assert!(reader.rest.len() < MARK.len());
        let mut endless = Vec::new();
        write(MARK, &vec![b'y'; LONGEST + 1], &mut endless).unwrap();
        assert!(reader.take(&endless), "too much is an end");
        assert_eq!(reader.finish(), None);
    }
}
