//! What tmux does not tell about a pane, read from its output as it passes: modes, and where characters are split.

use memchr::memmem;
use rustix::fs::{Mode, OFlags};

/// Bytes of a mode sequence that can be waiting for their rest.
const CARRY_BYTES: usize = 32;

/// Follows `CSI ? … h` and `l` for modes that tmux has no format for.
#[derive(Debug, Default)]
pub(crate) struct ModeTracker {
    /// Mode 2004; nothing if it was not seen to be set or reset.
    pub(crate) bracketed_paste: Option<bool>,
    /// Mode 1004, likewise.
    pub(crate) focus: Option<bool>,
    carry: Vec<u8>,
}

impl ModeTracker {
    /// Reads the next output.
    pub(crate) fn scan(&mut self, bytes: &[u8]) {
        if !self.carry.is_empty() {
            let mut joined = std::mem::take(&mut self.carry);
            joined.extend_from_slice(&bytes[..bytes.len().min(CARRY_BYTES)]);
            self.scan_whole(&joined);
        }
        self.scan_whole(bytes);
        let from = bytes.len().saturating_sub(CARRY_BYTES);
        if let Some(escape) = memchr::memrchr(0x1b, &bytes[from..]) {
            let rest = &bytes[from + escape..];
            if rest.iter().skip(1).all(|b| matches!(b, b'[' | b'?' | b';' | b'0'..=b'9')) {
                self.carry = rest.to_vec();
            }
        }
    }

    fn scan_whole(&mut self, bytes: &[u8]) {
        for at in memmem::find_iter(bytes, b"\x1b[?") {
            let rest = &bytes[at + 3..];
            let length = rest.iter().take_while(|b| matches!(b, b';' | b'0'..=b'9')).count();
            let set = match rest.get(length) {
                Some(b'h') => true,
                Some(b'l') => false,
                _ => continue,
            };
            for mode in rest[..length].split(|b| *b == b';') {
                match mode {
                    b"2004" => self.bracketed_paste = Some(set),
                    b"1004" => self.focus = Some(set),
                    _ => {}
                }
            }
        }
    }
}

/// The end of a stream of UTF-8: the character that is not complete yet.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The last bytes, at most three.
    last: Vec<u8>,
    /// Whether there were more before them, so that they say everything.
    known: bool,
}

impl Tail {
    /// Reads the next output.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.known |= self.last.len() + bytes.len() > 3;
        if bytes.len() >= 3 {
            self.last.clear();
            self.last.extend_from_slice(&bytes[bytes.len() - 3..]);
        } else {
            self.last.extend_from_slice(bytes);
            let excess = self.last.len().saturating_sub(3);
            self.last.drain(..excess);
        }
    }

    /// The bytes of the incomplete character at the end; nothing if that cannot be told.
    pub(crate) fn partial(&self) -> Option<Vec<u8>> {
        for (at, byte) in self.last.iter().enumerate().rev() {
            let have = self.last.len() - at;
            let need = match byte {
                0x00..=0x7f => return Some(Vec::new()),
                0x80..=0xbf => continue,
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Some(Vec::new()),
            };
            return Some(if have < need { self.last[at..].to_vec() } else { Vec::new() });
        }
        // Three continuation bytes end a character; fewer may be the middle of one.
        (self.known || self.last.len() >= 3).then(Vec::new)
    }
}

/// Whether the program on this terminal reads keys one by one (an editor, a shell's line editor, an agent) rather than lines.
/// Such programs nearly all ask for bracketed paste; before tmux 3.6 this is the best that can be known of one that nobody
/// watched when it asked.
pub(crate) fn raw_mode(tty: &str) -> bool {
    let open =
        rustix::fs::open(tty, OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    let Ok(terminal) = open else { return false };
    rustix::termios::tcgetattr(&terminal)
        .is_ok_and(|attributes| !attributes.local_modes.contains(rustix::termios::LocalModes::ICANON))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mode_is_followed_even_when_its_sequence_is_split() {
        let text = b"abc\x1b[?1;2004h\x1b[31mx\x1b[?1004hyz";
        for at in 0..text.len() {
            let mut tracker = ModeTracker::default();
            tracker.scan(&text[..at]);
            tracker.scan(&text[at..]);
            assert_eq!((tracker.bracketed_paste, tracker.focus), (Some(true), Some(true)), "split at {at}");
        }
        let mut tracker = ModeTracker::default();
        tracker.scan(b"\x1b[?2004h");
        tracker.scan(b"\x1b[?2004l");
        assert_eq!(tracker.bracketed_paste, Some(false));
    }

    #[test]
    fn a_tail_of_which_too_little_was_seen_is_unknown() {
        let mut tail = Tail::default();
        assert_eq!(tail.partial(), None);
        tail.extend(&[0x97]);
        assert_eq!(tail.partial(), None);
        tail.extend(b"a");
        assert_eq!(tail.partial(), Some(vec![]));
    }

    proptest! {
        #[test]
        fn the_incomplete_character_at_any_place_of_a_text_is_found(text in "[a-zé日🦀]{4,12}", at: prop::sample::Index, cut: prop::sample::Index) {
            let bytes = text.as_bytes();
            let at = 4 + at.index(bytes.len() - 3);
            let cut = cut.index(at);
            let mut tail = Tail::default();
            tail.extend(&bytes[..cut]);
            tail.extend(&bytes[cut..at]);
            let boundary = (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            prop_assert_eq!(tail.partial(), Some(bytes[boundary..at].to_vec()));
        }
    }
}
