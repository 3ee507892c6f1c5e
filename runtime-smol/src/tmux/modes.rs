//! What tmux does not tell about a pane, read from its output as it passes: modes, and where characters are split.

use crate::keyboard::{Keyboard, Sequence, Sequences};
use rustix::fs::{Mode, OFlags};

/// Follows `CSI ? … h` and `l` for modes that tmux has no format for, and how the program wants keys to be reported.
#[derive(Debug, Default)]
pub(crate) struct ModeTracker {
    /// Mode 2004; nothing if it was not seen to be set or reset.
    pub(crate) bracketed_paste: Option<bool>,
    /// Mode 1004, likewise.
    pub(crate) focus: Option<bool>,
    pub(crate) keyboard: Keyboard,
    sequences: Sequences,
}

impl ModeTracker {
    /// Reads the next output.
    pub(crate) fn scan(&mut self, bytes: &[u8]) {
        let ModeTracker { bracketed_paste, focus, keyboard, sequences } = self;
        sequences.scan(bytes, |sequence| match sequence {
            Sequence::Control([b'?', modes @ ..], last @ (b'h' | b'l')) => {
                for mode in modes.split(|b| *b == b';') {
                    match mode {
                        b"2004" => *bracketed_paste = Some(last == b'h'),
                        b"1004" => *focus = Some(last == b'h'),
                        b"47" | b"1047" | b"1049" => keyboard.show_alternate(last == b'h'),
                        _ => {}
                    }
                }
            }
            Sequence::Control(parameters, last) => keyboard.control(parameters, last),
            Sequence::Reset => {
                (*bracketed_paste, *focus, *keyboard) = (Some(false), Some(false), Keyboard::default());
            }
        });
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
        tracker.scan(b"\x1b[?1004h\x1b[>1u\x1bc");
        assert_eq!((tracker.focus, tracker.keyboard.flags()), (Some(false), 0));
    }

    #[test]
    fn keyboard_flags_belong_to_the_screen_that_is_shown() {
        let mut tracker = ModeTracker::default();
        let mut flags = |output: &[u8]| {
            tracker.scan(output);
            tracker.keyboard.flags()
        };
        assert_eq!(flags(b"\x1b[>1u"), 1);
        assert_eq!(flags(b"\x1b[?1049h"), 0);
        assert_eq!(flags(b"\x1b[>7u"), 7);
        assert_eq!(flags(b"\x1b[?1049l"), 1);
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
