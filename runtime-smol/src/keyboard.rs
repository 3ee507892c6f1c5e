//! How a program wants keys to be reported: the kitty keyboard protocol's flags, on a stack for each screen, and xterm's
//! `modifyOtherKeys`. Backends follow it from what the program prints, so that a snapshot can restore it.

use std::fmt::Write;

/// Flags that can be pushed on one screen's stack; more push the oldest out.
const DEPTH: usize = 16;
/// The flags that the protocol knows.
const FLAGS: u8 = 0b1_1111;
/// Bytes of a sequence's parameters that are read.
const PARAMETER_BYTES: usize = 32;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keyboard {
    main: Stack,
    alternate: Stack,
    on_alternate: bool,
    /// 0 to 2; nothing if the program has not set it.
    modify_other_keys: Option<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stack {
    base: u8,
    pushed: Vec<u8>,
}

impl Stack {
    fn current(&mut self) -> &mut u8 {
        self.pushed.last_mut().unwrap_or(&mut self.base)
    }

    fn write(&self, out: &mut String) {
        if self.base != 0 {
            let _ = write!(out, "\x1b[={}u", self.base);
        }
        for flags in &self.pushed {
            let _ = write!(out, "\x1b[>{flags}u");
        }
    }
}

impl Keyboard {
    fn stack(&mut self) -> &mut Stack {
        if self.on_alternate { &mut self.alternate } else { &mut self.main }
    }

    /// The flags that hold now.
    pub(crate) fn flags(&self) -> u8 {
        let stack = if self.on_alternate { &self.alternate } else { &self.main };
        *stack.pushed.last().unwrap_or(&stack.base)
    }

    /// `CSI > flags u`.
    pub(crate) fn push(&mut self, flags: u8) {
        let stack = self.stack();
        if stack.pushed.len() == DEPTH {
            stack.pushed.remove(0);
        }
        stack.pushed.push(flags & FLAGS);
    }

    /// `CSI < count u`.
    pub(crate) fn pop(&mut self, count: u16) {
        let stack = self.stack();
        let (have, count) = (stack.pushed.len(), usize::from(count.max(1)));
        stack.pushed.truncate(have.saturating_sub(count));
        if count > have {
            stack.base = 0;
        }
    }

    /// `CSI = flags ; how u`: 1 replaces, 2 adds, 3 takes away.
    pub(crate) fn set(&mut self, flags: u8, how: u16) {
        let current = self.stack().current();
        *current = FLAGS
            & match how {
                2 => *current | flags,
                3 => *current & !flags,
                _ => flags,
            };
    }

    /// `CSI > 4 ; level m`.
    pub(crate) fn modify_other_keys(&mut self, level: u8) {
        self.modify_other_keys = Some(level.min(2));
    }

    /// What the program has set of `modifyOtherKeys`, if anything.
    pub(crate) fn modified(&self) -> Option<u8> {
        self.modify_other_keys
    }

    /// The program shows the alternate screen or the normal one.
    pub(crate) fn show_alternate(&mut self, on: bool) {
        self.on_alternate = on;
    }

    /// Appends what restores the normal screen's flags; to be written while that is shown.
    pub(crate) fn write_main(&self, out: &mut String) {
        self.main.write(out);
    }

    /// Appends what restores all else, to be written last, when the right screen is shown. The flags of an alternate screen
    /// that is not shown are left out: nothing that uses them begins without setting them.
    pub(crate) fn write_rest(&self, out: &mut String) {
        if self.on_alternate {
            self.alternate.write(out);
        }
        if let Some(level @ 1..) = self.modify_other_keys {
            let _ = write!(out, "\x1b[>4;{level}m");
        }
    }

    /// Takes note of a control sequence: its parameters with their prefix, and its last byte.
    pub(crate) fn control(&mut self, parameters: &[u8], last: u8) {
        let Some((prefix, rest)) = parameters.split_first() else { return };
        let mut numbers =
            rest.split(|b| *b == b';').map(|n| std::str::from_utf8(n).ok().and_then(|n| n.parse::<u16>().ok()));
        let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
        let flags = u8::try_from(first.unwrap_or(0)).unwrap_or(0);
        match (prefix, last) {
            (b'>', b'u') => self.push(flags),
            (b'<', b'u') => self.pop(first.unwrap_or(1)),
            (b'=', b'u') => self.set(flags, second.unwrap_or(1)),
            (b'>', b'm') if first == Some(4) => {
                self.modify_other_keys(u8::try_from(second.unwrap_or(0)).unwrap_or(0));
            }
            (b'>', b'm') if first.is_none() => self.modify_other_keys(0),
            (b'>', b'n') if first == Some(4) => self.modify_other_keys(0),
            _ => {}
        }
    }
}

/// Finds control sequences in output that may be cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    state: State,
    parameters: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sequence<'a> {
    /// `CSI`: parameters with their prefix, and the last byte.
    Control(&'a [u8], u8),
    /// `ESC c`.
    Reset,
}

impl Sequences {
    /// Calls `found` for each sequence that ends in these bytes. Only those with a prefix (`?`, `>`, `<`, `=`) are of interest.
    pub(crate) fn scan(&mut self, bytes: &[u8], mut found: impl FnMut(Sequence<'_>)) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match (self.state, *byte) {
                (State::Ground, 0x1b) => self.state = State::Escape,
                (State::Ground, _) => {
                    let Some(escape) = memchr::memchr(0x1b, &bytes[at..]) else { return };
                    at += escape;
                    continue;
                }
                (_, 0x1b) => self.state = State::Escape,
                (State::Escape, b'[') => {
                    self.parameters.clear();
                    self.state = State::Csi;
                }
                (State::Escape, b'c') => {
                    self.state = State::Ground;
                    found(Sequence::Reset);
                }
                (State::Csi, b'?' | b'>' | b'<' | b'=') if self.parameters.is_empty() => self.parameters.push(*byte),
                (State::Csi, b'0'..=b'9' | b';') if !self.parameters.is_empty() => {
                    if self.parameters.len() < PARAMETER_BYTES {
                        self.parameters.push(*byte);
                    }
                }
                (State::Csi, last @ 0x40..=0x7e) => {
                    self.state = State::Ground;
                    if !self.parameters.is_empty() {
                        found(Sequence::Control(&self.parameters, last));
                    }
                }
                // Anything else is of no interest, up to the next escape character.
                (State::Escape | State::Csi, _) => self.state = State::Ground,
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(output: &str) -> Keyboard {
        let mut keyboard = Keyboard::default();
        Sequences::default().scan(output.as_bytes(), |sequence| {
            if let Sequence::Control(parameters, last) = sequence {
                keyboard.control(parameters, last);
            }
        });
        keyboard
    }

    #[test]
    fn flags_are_pushed_set_and_popped() {
        for (output, flags) in [
            ("", 0),
            ("\x1b[>1u", 1),
            ("\x1b[>u", 0),
            ("\x1b[=5u", 5),
            ("\x1b[>1u\x1b[>3u", 3),
            ("\x1b[>1u\x1b[>3u\x1b[<u", 1),
            ("\x1b[>1u\x1b[>3u\x1b[<9u", 0),
            ("\x1b[=5u\x1b[>1u\x1b[<u", 5),
            ("\x1b[=5u\x1b[<u", 0),
            ("\x1b[>5u\x1b[=2;2u", 7),
            ("\x1b[>7u\x1b[=2;3u", 5),
            ("\x1b[>255u", 31),
            ("\x1b[>31337u", 0),
            ("\x1b[31mred\x1b[>1mno", 0),
        ] {
            assert_eq!(after(output).flags(), flags, "{output:?}");
        }
    }

    #[test]
    fn each_screen_has_its_own_stack() {
        let mut keyboard = after("\x1b[>1u");
        keyboard.show_alternate(true);
        assert_eq!(keyboard.flags(), 0);
        keyboard.push(3);
        keyboard.show_alternate(false);
        assert_eq!(keyboard.flags(), 1);
    }

    #[test]
    fn what_is_written_restores_it() {
        let mut keyboard = after("\x1b[=4u\x1b[>1u\x1b[>3u\x1b[>4;2m");
        keyboard.show_alternate(true);
        keyboard.push(9);
        let (mut main, mut rest) = (String::new(), String::new());
        keyboard.write_main(&mut main);
        keyboard.write_rest(&mut rest);
        let mut restored = after(&main);
        restored.show_alternate(true);
        let mut sequences = Sequences::default();
        sequences.scan(rest.as_bytes(), |sequence| {
            if let Sequence::Control(parameters, last) = sequence {
                restored.control(parameters, last);
            }
        });
        assert_eq!(restored, keyboard);
    }

    #[test]
    fn modify_other_keys_is_set_and_reset() {
        for (output, level) in [
            ("", None),
            ("\x1b[>4;1m", Some(1)),
            ("\x1b[>4;2m", Some(2)),
            ("\x1b[>4;9m", Some(2)),
            ("\x1b[>4;2m\x1b[>4m", Some(0)),
            ("\x1b[>4;2m\x1b[>m", Some(0)),
            ("\x1b[>4;2m\x1b[>4n", Some(0)),
            ("\x1b[>1;2m", None),
        ] {
            assert_eq!(after(output).modified(), level, "{output:?}");
        }
    }

    #[test]
    fn a_stack_is_bounded() {
        let mut keyboard = Keyboard::default();
        (0..1_000).for_each(|_| keyboard.push(1));
        assert_eq!(keyboard.main.pushed.len(), DEPTH);
    }

    #[test]
    fn sequences_are_found_wherever_they_are_cut() {
        let output = b"ab\x1b[>1u\x1b[31mc\x1b[?1;2004h\x1bcx\x1b[<2u\x1b\x1b[=3;2u";
        for at in 0..output.len() {
            let (mut sequences, mut found) = (Sequences::default(), Vec::new());
            for piece in [&output[..at], &output[at..]] {
                sequences.scan(piece, |sequence| {
                    found.push(match sequence {
                        Sequence::Control(parameters, last) => {
                            format!("{}{}", String::from_utf8_lossy(parameters), char::from(last))
                        }
                        Sequence::Reset => "reset".to_owned(),
                    });
                });
            }
            assert_eq!(found, [">1u", "?1;2004h", "reset", "<2u", "=3;2u"], "cut at {at}");
        }
    }
}
