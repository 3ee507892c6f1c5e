//! What a terminal stream has begun and not finished: the start of an escape sequence or of a UTF-8 character.
//!
//! A snapshot shows the screen after all that is complete; these bytes behind it put the viewer's parser where ours is.
//!
//! The work is small on purpose. Every escape sequence begins with ESC, and ESC begins one from any state, so only the bytes
//! behind the last ESC of a chunk are looked at one by one.

/// Longest sequence that is kept whole. A longer string (an image, a clipboard) is replaced by the beginning of an unknown
/// string of the same kind, which a viewer ignores up to the same terminator.
const KEPT_BYTES: usize = 64 << 10;

/// Follows the state of the parser through a stream.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    state: State,
    begun: Vec<u8>,
    /// Bytes of the string that were not kept.
    dropped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Text. `begun` holds at most the first bytes of one character.
    #[default]
    Ground,
    Escape,
    Csi,
    Osc,
    /// Between `ESC P` and its final byte.
    DcsHeader,
    Dcs,
    /// SOS, PM and APC.
    Text,
}

impl Unfinished {
    /// Goes on with these bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        match memchr_last(0x1b, bytes) {
            Some(at) => {
                self.enter(State::Escape, 0x1b);
                self.step_all(&bytes[at + 1..]);
            }
            None => self.step_all(bytes),
        }
    }

    /// Bytes that put a parser in ground state where this stream's parser is.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if !self.dropped {
            return self.begun.clone();
        }
        match self.state {
            State::Osc => b"\x1b]7777;".to_vec(),
            State::Dcs | State::DcsHeader => b"\x1bP~".to_vec(),
            State::Text => b"\x1b_".to_vec(),
            State::Csi => b"\x1b[<".to_vec(),
            State::Ground | State::Escape => Vec::new(),
        }
    }

    /// How many bytes at the end are the beginning of a character in text.
    pub(crate) fn cut_character(&self) -> usize {
        if self.state == State::Ground { self.begun.len() } else { 0 }
    }

    /// Inside a string (OSC, DCS, APC …) that is too long to be anything but noise for an emulator.
    pub(crate) fn in_endless_string(&self) -> bool {
        self.dropped && matches!(self.state, State::Osc | State::Dcs | State::DcsHeader | State::Text)
    }

    /// Whether this byte ends the string that the stream is inside of.
    pub(crate) fn ends_string(&self, byte: u8) -> bool {
        matches!(byte, 0x18 | 0x1a | 0x1b) || (byte == 0x07 && self.state == State::Osc)
    }

    fn enter(&mut self, state: State, byte: u8) {
        self.state = state;
        self.begun.clear();
        self.begun.push(byte);
        self.dropped = false;
    }

    fn ground(&mut self) {
        self.state = State::Ground;
        self.begun.clear();
        self.begun.shrink_to(256);
        self.dropped = false;
    }

    fn keep(&mut self, byte: u8) {
        if self.begun.len() < KEPT_BYTES {
            self.begun.push(byte);
        } else {
            self.dropped = true;
        }
    }

    fn step_all(&mut self, bytes: &[u8]) {
        for (at, byte) in bytes.iter().enumerate() {
            if self.state == State::Ground {
                return self.text(&bytes[at..]);
            }
            self.step(*byte);
        }
    }

    /// One byte that is not ESC, in a sequence. Control characters inside a sequence act at once: their effect is in the
    /// screen already, and they are not kept.
    fn step(&mut self, byte: u8) {
        if matches!(byte, 0x18 | 0x1a) {
            return self.ground();
        }
        match self.state {
            State::Ground => {}
            State::Escape => self.step_escape(byte),
            State::Csi => match byte {
                0x20..=0x3f => self.keep(byte),
                0x40..=0x7e => self.ground(),
                _ => {}
            },
            State::Osc if byte == 0x07 => self.ground(),
            State::Osc | State::Dcs | State::Text => self.keep(byte),
            State::DcsHeader => match byte {
                0x20..=0x3f => self.keep(byte),
                0x40..=0x7e => {
                    self.state = State::Dcs;
                    self.keep(byte);
                }
                _ => {}
            },
        }
    }

    fn step_escape(&mut self, byte: u8) {
        let intermediate = self.begun.len() > 1;
        let next = match byte {
            0x20..=0x2f => State::Escape,
            b'[' if !intermediate => State::Csi,
            b']' if !intermediate => State::Osc,
            b'P' if !intermediate => State::DcsHeader,
            b'X' | b'^' | b'_' if !intermediate => State::Text,
            0x30..=0x7e => return self.ground(),
            _ => return,
        };
        self.state = next;
        self.keep(byte);
    }

    /// Text without ESC to the end of the chunk: only a character cut in two matters.
    fn text(&mut self, bytes: &[u8]) {
        let tail = &bytes[bytes.len().saturating_sub(4)..];
        if bytes.len() >= 4 {
            self.begun.clear();
        }
        self.begun.extend_from_slice(tail);
        let cut = cut_character(&self.begun);
        self.begun.drain(..cut);
    }
}

/// Where the incomplete character at the end of `bytes` begins, or the end if there is none.
fn cut_character(bytes: &[u8]) -> usize {
    let Some(lead) = bytes.iter().rposition(|byte| byte & 0xc0 != 0x80) else { return bytes.len() };
    match std::str::from_utf8(&bytes[lead..]) {
        Err(error) if error.error_len().is_none() => lead,
        _ => bytes.len(),
    }
}

fn memchr_last(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|other| *other == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(stream: &[u8]) -> Vec<u8> {
        let mut whole = Unfinished::default();
        whole.feed(stream);
        let mut bytewise = Unfinished::default();
        for byte in stream {
            bytewise.feed(&[*byte]);
        }
        assert_eq!(whole.bytes(), bytewise.bytes(), "cut differently, {stream:?} leaves something else");
        whole.bytes()
    }

    #[test]
    fn complete_text_and_sequences_leave_nothing() {
        for stream in [
            &b"text"[..],
            b"\x1b[31mred",
            b"\x1b]0;title\x07",
            b"\x1b]0;title\x1b\\",
            b"\x1bPq\x1b\\",
            "ü€😀".as_bytes(),
        ] {
            assert_eq!(after(stream), b"");
        }
    }

    #[test]
    fn a_sequence_that_is_not_finished_is_kept() {
        for begun in [
            &b"\x1b"[..],
            b"\x1b[",
            b"\x1b[38;5",
            b"\x1b]0;ti",
            b"\x1b(",
            b"\x1bP1;2q#0",
            b"\x1b_G",
            &"€".as_bytes()[..2],
        ] {
            assert_eq!(after(&[b"text\x1b[m", begun].concat()), begun);
        }
    }

    #[test]
    fn a_control_character_inside_a_sequence_is_not_repeated() {
        assert_eq!(after(b"\x1b[3\n1"), b"\x1b[31");
        assert_eq!(after(b"\x1b[3\x18"), b"");
    }

    #[test]
    fn a_string_without_end_is_continued_as_one_that_nobody_knows() {
        let mut stream = b"\x1b]52;c;".to_vec();
        stream.resize(KEPT_BYTES + 100, b'A');
        assert_eq!(after(&stream), b"\x1b]7777;");
        stream.push(7);
        assert_eq!(after(&stream), b"");
    }

    #[test]
    fn a_broken_character_is_not_kept() {
        assert_eq!(after(b"a\x80\x80"), b"");
        assert_eq!(after(b"\xe2\x82a"), b"");
        assert_eq!(after(b"\xe2\x82\x1b[m"), b"");
    }
}
