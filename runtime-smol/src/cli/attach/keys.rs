//! The one key that is not for the agent: how it is named, and how it is found in what a terminal sends.

use std::fmt;
use std::str::FromStr;

/// The key that detaches: Ctrl and one other key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetachKey {
    /// The character that the key makes without Ctrl, lower case.
    key: u8,
}

/// A text that names no key that could detach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ctrl- and a letter or one of ] \\ ^ _ (but not ctrl-i, ctrl-j, ctrl-m: Tab and Enter)")]
pub struct InvalidKey;

impl DetachKey {
    /// The byte that a terminal sends for it, unless a program asked for another way to report keys.
    fn byte(self) -> u8 {
        self.key.to_ascii_uppercase() & 0x1f
    }
}

impl Default for DetachKey {
    /// Ctrl+], as in telnet.
    fn default() -> Self {
        DetachKey { key: b']' }
    }
}

impl fmt::Display for DetachKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctrl+{}", char::from(self.key.to_ascii_uppercase()))
    }
}

impl FromStr for DetachKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let lower = text.to_ascii_lowercase();
        let prefixes = ["ctrl-", "ctrl+", "c-", "^"];
        let key = prefixes.iter().find_map(|prefix| lower.strip_prefix(prefix)).ok_or(InvalidKey)?;
        match key.as_bytes() {
            [b'i' | b'j' | b'm'] => Err(InvalidKey),
            [key @ (b'a'..=b'z' | b']' | b'\\' | b'^' | b'_')] => Ok(DetachKey { key: *key }),
            _ => Err(InvalidKey),
        }
    }
}

/// Longest control sequence that is read as a key.
const SEQUENCE_BYTES: usize = 32;

/// Looks for the detach key in what the user's terminal sends, over any split into pieces. Pasted text holds no keys.
#[derive(Debug)]
pub(super) struct KeyScanner {
    detach: DetachKey,
    state: State,
    pasting: bool,
}

#[derive(Debug)]
enum State {
    Ground,
    Escape,
    /// Parameters and intermediates of a control sequence.
    Csi(Vec<u8>),
}

impl KeyScanner {
    pub(super) fn new(detach: DetachKey) -> Self {
        KeyScanner { detach, state: State::Ground, pasting: false }
    }

    /// How many of these bytes are for the agent, if the detach key is among them.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut sequence_start = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == self.detach.byte() && !self.pasting {
                return Some(at);
            }
            match (&mut self.state, *byte) {
                (_, 0x1b) => {
                    sequence_start = at;
                    self.state = State::Escape;
                }
                (State::Escape, b'[') => self.state = State::Csi(Vec::new()),
                (State::Csi(parameters), 0x20..=0x3f) if parameters.len() < SEQUENCE_BYTES => parameters.push(*byte),
                (State::Csi(parameters), last) => {
                    let parameters = std::mem::take(parameters);
                    self.state = State::Ground;
                    if self.ends_sequence(&parameters, last) {
                        return Some(sequence_start);
                    }
                }
                (State::Ground | State::Escape, _) => self.state = State::Ground,
            }
        }
        None
    }

    /// Whether this control sequence is the detach key.
    fn ends_sequence(&mut self, parameters: &[u8], last: u8) -> bool {
        match (parameters, last) {
            (b"200", b'~') => self.pasting = true,
            (b"201", b'~') => self.pasting = false,
            _ if self.pasting => {}
            (_, b'u') => return self.is_kitty_key(parameters),
            (_, b'~') => return self.is_modified_key(parameters),
            _ => {}
        }
        false
    }

    /// `CSI code[:alternates] ; modifiers[:event] u`: the kitty keyboard protocol.
    fn is_kitty_key(&self, parameters: &[u8]) -> bool {
        let mut fields = parameters.split(|byte| *byte == b';');
        let code = fields.next().and_then(number);
        let modifiers = fields.next().unwrap_or_default();
        // A release (event 3) follows its press: it is not another one.
        let released = modifiers.split(|byte| *byte == b':').nth(1).and_then(number) == Some(3);
        code == Some(self.detach.key.into()) && !released && number(modifiers).is_some_and(is_ctrl)
    }

    /// `CSI 27 ; modifiers ; code ~`: modifyOtherKeys of xterm.
    fn is_modified_key(&self, parameters: &[u8]) -> bool {
        let fields: Vec<Option<u32>> = parameters.split(|byte| *byte == b';').map(number).collect();
        matches!(fields[..], [Some(27), Some(modifiers), Some(code)]
            if is_ctrl(modifiers) && code == u32::from(self.detach.key))
    }
}

/// Whether an encoded modifier field says Ctrl alone; Caps Lock (64) and Num Lock (128) do not count.
fn is_ctrl(modifiers: u32) -> bool {
    modifiers.checked_sub(1).is_some_and(|bits| bits & !(64 | 128) == 4)
}

/// The number before the first `:`.
fn number(field: &[u8]) -> Option<u32> {
    let digits = field.split(|byte| *byte == b':').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What reaches the agent when `pieces` arrive one after the other, and whether the user detached.
    fn typed(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut scanner = KeyScanner::new(DetachKey::default());
        let mut out = Vec::new();
        for piece in pieces {
            if let Some(before) = scanner.scan(piece) {
                out.extend_from_slice(&piece[..before]);
                return (out, true);
            }
            out.extend_from_slice(piece);
        }
        (out, false)
    }

    #[test]
    fn a_key_is_named_as_people_write_it() {
        for (text, shown) in
            [("ctrl-]", "Ctrl+]"), ("C-a", "Ctrl+A"), ("^\\", "Ctrl+\\"), ("Ctrl+Q", "Ctrl+Q"), ("^^", "Ctrl+^")]
        {
            assert_eq!(text.parse::<DetachKey>().unwrap().to_string(), shown);
        }
        for bad in ["", "]", "ctrl-", "ctrl-m", "ctrl-i", "ctrl-j", "ctrl-1", "ctrl-ab", "^é"] {
            assert_eq!(bad.parse::<DetachKey>(), Err(InvalidKey), "{bad}");
        }
    }

    #[test]
    fn what_is_typed_before_the_detach_key_reaches_the_agent_and_nothing_after_it() {
        assert_eq!(typed(&[b"ls\r\x1drm -rf"]), (b"ls\r".to_vec(), true));
        assert_eq!(typed(&[b"ls\r"]), (b"ls\r".to_vec(), false));
    }

    #[test]
    fn the_detach_key_is_known_in_every_way_that_terminals_report_it() {
        for report in ["\x1b[93;5u", "\x1b[93;5:1u", "\x1b[93;69u", "\x1b[93;133u", "\x1b[93::93;5u", "\x1b[27;5;93~"] {
            assert_eq!(typed(&[b"x", report.as_bytes()]), (b"x".to_vec(), true), "{report:?}");
        }
        for other in ["\x1b[93;5:3u", "\x1b[93u", "\x1b[93;6u", "\x1b[92;5u", "\x1b[27;5;92~", "\x1b[A", "\x1b[5~", "]"]
        {
            assert!(!typed(&[other.as_bytes()]).1, "{other:?}");
        }
    }

    #[test]
    fn a_report_that_arrives_in_two_pieces_detaches_too() {
        assert!(typed(&[b"\x1b[93", b";5u"]).1);
    }

    #[test]
    fn a_pasted_detach_key_is_text() {
        let paste = b"\x1b[200~a\x1db\x1b[93;5uc\x1b[201~";
        assert_eq!(typed(&[paste]), (paste.to_vec(), false));
        assert!(typed(&[paste, b"\x1d"]).1);
    }

    proptest! {
        #[test]
        fn without_the_key_every_byte_goes_through(bytes in prop::collection::vec(any::<u8>().prop_filter("key", |b| *b != 0x1d), 0..300)) {
            let (out, detached) = typed(&[&bytes]);
            prop_assert!(detached || out == bytes);
        }
    }
}
