//! What an agent's program prints, made safe to write to the user's own terminal.
//!
//! The owner of the agent's terminal answers its questions. Written to the user's terminal they would be answered a second
//! time, and the answer would be typed into the agent: so everything that a terminal answers is left out. So is what would
//! reach beyond the borrowed screen: switching between the normal and the alternate screen, erasing the scrollback, resizing
//! the window. Everything else passes as it is; a sequence that is split over two pieces is held until it is whole.
//!
//! C1 controls in their UTF-8 form (`U+009B` for CSI) are turned into their `ESC` form first, so that both spellings obey the
//! same rules. For strings (OSC, DCS) only what is known to be silent passes.

use super::verdict::{self, StringFate, Verdict};

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const ENQ: u8 = 0x05;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;

/// Bytes of a control sequence that are held; a longer one is dropped.
const SEQUENCE_BYTES: usize = 256;
/// Bytes of a string that are held until it is known what it does.
const STRING_BYTES: usize = 1_024;

/// Ends whatever a terminal is in the middle of.
pub(super) const CUT_OFF: &[u8] = b"\x18\x1b\\";

/// Brings every mode of a terminal to its default: soft reset, scroll region, origin, autowrap, insert, cursor and keypad
/// keys, character sets, mouse, focus, paste, synchronized output, keyboard protocols, cursor shape, colours.
pub(super) const RESET_MODES: &[u8] =
    b"\x1b[!p\x1b[0m\x1b[r\x1b[?6l\x1b[?7h\x1b[4l\x1b[?1l\x1b>\x1b(B\x1b)B\x1b*B\x1b+B\x0f\x1b[?25h\
\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l\x1b[?2004l\x1b[?2026l\
\x1b[=0;1u\x1b[>4;0m\x1b[0 q\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\";

/// Erases the screen, goes to its first cell, and saves it: a program that restores a cursor which it never saved goes there.
pub(super) const CLEAR: &[u8] = b"\x1b[2J\x1b[H\x1b7";

/// Brings the tab stops of a terminal with so many columns to their default: each eight columns.
pub(super) fn default_tab_stops(columns: u16) -> Vec<u8> {
    let stops = (9..=columns).step_by(8).map(|column| format!("\x1b[{column}G\x1bH"));
    format!("\x1b[3g{}\r", stops.collect::<String>()).into_bytes()
}

/// See the module.
#[derive(Debug)]
pub(super) struct Filter {
    state: State,
    /// What has begun and is not decided, from its `ESC`.
    held: Vec<u8>,
    /// The last byte was 0xC2: with the next one it may be a C1 control.
    after_c2: bool,
    /// Bytes that the last character still lacks.
    lacking: u8,
    left_alternate: bool,
    /// The program is on its alternate screen.
    alternate: bool,
    /// Of the user's terminal.
    columns: u16,
    tab_stops_changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    Escape,
    EscapeIntermediate,
    Csi,
    /// An OSC (true) or DCS (false) of which not enough is known.
    Undecided {
        osc: bool,
    },
    /// A string that passes, and whether BEL ends it.
    Passing {
        osc: bool,
    },
    /// A string that is left out, and whether BEL ends it.
    Dropping {
        osc: bool,
    },
}

impl Filter {
    /// For a terminal with so many columns, whose tab stops are the default ones.
    pub(super) fn new(columns: u16) -> Self {
        Filter {
            state: State::Ground,
            held: Vec::new(),
            after_c2: false,
            lacking: 0,
            left_alternate: false,
            alternate: false,
            columns,
            tab_stops_changed: false,
        }
    }

    /// The terminal has another width.
    pub(super) fn set_columns(&mut self, columns: u16) {
        self.columns = columns;
    }

    /// Whether the program has set or cleared tab stops: they are still so for whoever uses the terminal next.
    pub(super) fn has_changed_tab_stops(&self) -> bool {
        self.tab_stops_changed
    }

    /// Appends to `out` what may be written of `bytes`.
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.count_lacking(bytes);
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if self.state == State::Ground && !self.after_c2 {
                let run = rest.iter().position(|byte| matches!(*byte, ESC | ENQ | 0xc2)).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..run]);
                rest = &rest[run..];
                let Some(special) = rest.first() else { return };
                self.byte(*special, out);
            } else {
                self.byte(*first, out);
            }
            rest = &rest[1..];
        }
    }

    /// Whether the program has left the alternate screen since this was last asked: what it finds there now is not known here.
    pub(super) fn take_left_alternate(&mut self) -> bool {
        std::mem::take(&mut self.left_alternate)
    }

    /// Whether nothing is begun, no sequence and no character: something else may be written in between.
    pub(super) fn is_at_rest(&self) -> bool {
        self.state == State::Ground && !self.after_c2 && self.lacking == 0
    }

    fn count_lacking(&mut self, bytes: &[u8]) {
        // No character is longer than four bytes.
        for byte in &bytes[bytes.len().saturating_sub(4)..] {
            self.lacking = match byte {
                0x80..=0xbf => self.lacking.saturating_sub(1),
                0xc0..=0xdf => 1,
                0xe0..=0xef => 2,
                0xf0..=0xf7 => 3,
                _ => 0,
            };
        }
    }

    /// One byte, with C1 controls turned into their `ESC` form.
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.after_c2) {
            if (0x80..=0x9f).contains(&byte) {
                self.step(ESC, out);
                return self.step(byte - 0x40, out);
            }
            // Alone it must not pass: left out what follows, it would make a control with what comes after that.
            let whole = (0xa0..=0xbf).contains(&byte);
            let lead = if whole { &[0xc2][..] } else { "\u{fffd}".as_bytes() };
            lead.iter().for_each(|byte| self.step(*byte, out));
        }
        if byte == 0xc2 {
            self.after_c2 = true;
        } else {
            self.step(byte, out);
        }
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.state, byte) {
            (State::Ground, ENQ) => {}
            (State::Ground, ESC) => self.begin(),
            (State::Ground, _) => out.push(byte),
            (_, ESC) => {
                self.end_string(out);
                self.begin();
            }
            (_, CAN | SUB) => {
                self.end_string(out);
                self.state = State::Ground;
            }
            (State::Escape | State::EscapeIntermediate | State::Csi, _) => self.in_sequence(byte, out),
            (State::Undecided { osc }, _) => self.in_undecided(osc, byte, out),
            (State::Passing { osc: true } | State::Dropping { osc: true }, BEL) => {
                self.end_string(out);
                self.state = State::Ground;
            }
            (State::Passing { osc: true }, 0..0x20) => {}
            (State::Passing { .. }, _) => out.push(byte),
            (State::Dropping { .. }, _) => {}
        }
    }

    fn begin(&mut self) {
        self.held.clear();
        self.held.push(ESC);
        self.state = State::Escape;
    }

    fn in_sequence(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.state, byte) {
            (_, ENQ | 0x7f) => {}
            // A terminal acts on other controls at once, also within a sequence.
            (_, 0..0x20) => out.push(byte),
            (_, 0x80..) => {
                self.state = State::Ground;
                out.push(byte);
            }
            (State::Escape, b'[') => self.open(byte, State::Csi),
            (State::Escape, b']') => self.open(byte, State::Undecided { osc: true }),
            (State::Escape, b'P') => self.open(byte, State::Undecided { osc: false }),
            // SOS, PM and APC: nothing in them is for the screen; kitty's graphics answer.
            (State::Escape, b'X' | b'^' | b'_') => self.state = State::Dropping { osc: false },
            (State::Escape | State::EscapeIntermediate, 0x20..=0x2f) => self.open(byte, State::EscapeIntermediate),
            (State::Escape | State::EscapeIntermediate, _) => {
                self.held.push(byte);
                self.finish(verdict::of_escape(&self.held[1..]), out);
            }
            (State::Csi, 0x20..=0x3f) => self.open(byte, State::Csi),
            _ => {
                self.held.push(byte);
                self.finish(verdict::of_csi(&self.held[2..]), out);
            }
        }
    }

    /// Holds one more byte; what is longer than any real sequence is kept short and will not be written.
    fn open(&mut self, byte: u8, state: State) {
        self.state = state;
        if self.held.len() < SEQUENCE_BYTES {
            self.held.push(byte);
        }
    }

    fn finish(&mut self, verdict: Verdict, out: &mut Vec<u8>) {
        self.state = State::Ground;
        if self.held.len() > SEQUENCE_BYTES {
            return;
        }
        match verdict {
            Verdict::Keep => {
                self.tab_stops_changed |= matches!(&self.held[..], [ESC, b'H'] | [ESC, b'[', .., b'g' | b'W']);
                out.extend_from_slice(&self.held);
            }
            Verdict::Drop => {}
            Verdict::Replace(bytes) => out.extend_from_slice(&bytes),
            Verdict::Reset => {
                out.extend_from_slice(RESET_MODES);
                if std::mem::take(&mut self.tab_stops_changed) {
                    out.extend_from_slice(&default_tab_stops(self.columns));
                }
                out.extend_from_slice(CLEAR);
                // Some terminals leave the alternate screen by a reset, some stay there.
                self.left_alternate |= std::mem::take(&mut self.alternate);
            }
            Verdict::EnterAlternate(bytes) => {
                out.extend_from_slice(&bytes);
                // It begins empty.
                if !std::mem::replace(&mut self.alternate, true) {
                    out.extend_from_slice(b"\x1b[2J");
                }
            }
            Verdict::LeaveAlternate(bytes) => {
                (self.left_alternate, self.alternate) = (true, false);
                out.extend_from_slice(&bytes);
            }
        }
    }

    fn in_undecided(&mut self, osc: bool, byte: u8, out: &mut Vec<u8>) {
        if osc && byte == BEL {
            self.end_string(out);
            self.state = State::Ground;
            return;
        }
        if byte < 0x20 || byte == 0x7f {
            return;
        }
        self.held.push(byte);
        let fate = if osc { verdict::of_osc(&self.held[2..]) } else { verdict::of_dcs(&self.held[2..]) };
        match fate {
            StringFate::Pass => {
                out.extend_from_slice(&self.held);
                self.state = State::Passing { osc };
            }
            StringFate::PassIfQuiet if self.held.len() < STRING_BYTES => {}
            StringFate::Unknown if self.held.len() < STRING_BYTES => {}
            StringFate::Drop | StringFate::Unknown | StringFate::PassIfQuiet => self.state = State::Dropping { osc },
        }
    }

    /// The string that is open, if one is, ends here.
    fn end_string(&mut self, out: &mut Vec<u8>) {
        match self.state {
            State::Passing { .. } => out.extend_from_slice(b"\x1b\\"),
            State::Undecided { osc: true } if verdict::of_whole_osc(&self.held[2..]) => {
                out.extend_from_slice(&self.held);
                out.extend_from_slice(b"\x1b\\");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
