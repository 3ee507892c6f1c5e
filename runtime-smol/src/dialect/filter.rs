//! The streaming filter: follows the state of the parser and decides about each sequence when it is complete. What is canonical
//! passes as it is, see [`passing`]; what is done about sequences is in [`concluding`].

mod concluding;
mod passing;

use super::Dialect;
use super::doubts::{Doubt, Doubts};
use super::sequences;
use super::widths::{self, Width, Widths};
use super::writing::Writing;
use std::sync::Arc;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const BYTE_ORDER_MARK: char = '\u{feff}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Bytes of a control sequence between `CSI` and its last byte; tmux drops longer ones.
const SEQUENCE_BYTES: usize = 63;
/// Intermediate bytes of a sequence.
const INTERMEDIATES: usize = 3;
/// Bytes of a string (title, clipboard, link) that is kept; tmux drops longer ones.
const STRING_BYTES: usize = (1 << 20) - 1;
/// tmux sends what it has read at once in one piece if it is shorter than this; more may come in several.
const PIECE_BYTES: usize = 32;
/// Bytes of memory that an idle filter keeps.
const IDLE_BYTES: usize = 256;

/// See the [module](super).
#[derive(Debug)]
pub struct Filter {
    dialect: Dialect,
    state: State,
    /// The sequence or string that has begun, without what introduced it.
    held: Vec<u8>,
    intermediates: usize,
    /// The sequence or string is too long to count.
    discarded: bool,
    character: Character,
    last: Last,
    /// The cursor is in the first cell, surely.
    home: bool,
    /// Mode 6 (addresses relative to the margins) is not set, as far as is known.
    absolute: bool,
    /// Mode 20 (a line feed also returns to the first column), which is carried out here.
    returns: bool,
    /// Mode 7 (autowrap), which repeating a character turns off for a moment.
    wraps: bool,
    /// Mode 4 (insertion), as far as is known.
    inserts: bool,
    /// There is no alternate screen, so the modes for it do nothing.
    one_screen: bool,
    columns: u16,
    widths: Arc<Widths>,
    writing: Writing,
    doubts: Doubts,
    /// A zero width joiner has come, which tmux before 3.4 keeps until the next character beyond ASCII.
    joiner: Joiner,
    /// Counts the strings that have begun.
    strings: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    Escape,
    EscapeIntermediate,
    Csi,
    /// A malformed control sequence: nothing up to its last byte.
    CsiIgnore,
    Osc,
    /// Between `ESC P` and the first byte of its data.
    DcsHeader,
    /// Data, which only `ESC \` ends.
    Dcs,
    DcsEscape,
    /// A string of which nothing is for the screen: APC, PM, SOS, the title between `ESC k` and `ESC \`.
    Ignored,
}

/// The character that is being received.
#[derive(Clone, Copy, Debug, Default)]
struct Character {
    bytes: [u8; 4],
    have: usize,
    need: usize,
    broken: bool,
}

/// Whether a zero width joiner waits for what it joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joiner {
    None,
    Kept,
    /// A piece of output has ended since.
    Split,
}

/// What `REP` would repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    Character(char),
}

impl Filter {
    /// A filter at the beginning of a stream.
    #[must_use]
    pub fn new(dialect: Dialect, columns: u16) -> Self {
        Filter {
            dialect,
            state: State::Ground,
            held: Vec::new(),
            intermediates: 0,
            discarded: false,
            character: Character::default(),
            last: Last::Nothing,
            home: false,
            absolute: true,
            returns: false,
            wraps: true,
            inserts: false,
            one_screen: false,
            columns,
            widths: Widths::assumed(dialect),
            writing: Writing::default(),
            doubts: Doubts::default(),
            joiner: Joiner::None,
            strings: 0,
        }
    }

    /// Forgets what has begun: the stream has a gap here.
    pub fn restart(&mut self) {
        let (widths, one_screen) = (Arc::clone(&self.widths), self.one_screen);
        *self = Filter { widths, one_screen, ..Filter::new(self.dialect, self.columns) };
    }

    /// How long the authority waits for the end of a string before it takes what follows as text again.
    #[must_use]
    pub fn gives_up_after(&self) -> Option<std::time::Duration> {
        self.dialect.string_patience()
    }

    /// The terminal has another size from now on, of so many columns.
    pub fn set_columns(&mut self, columns: u16) {
        self.columns = columns;
        self.doubts.resized();
    }

    /// A snapshot is taken here; `alternate`: of the alternate screen. Doubts so far are answered by it.
    pub fn snapshot_taken(&mut self, alternate: bool) {
        self.doubts.snapshot(alternate);
    }

    /// The authority has the cursor outside of the screen, where no snapshot can put it.
    pub fn cursor_is_outside(&mut self) {
        self.doubts.cursor_is_outside();
    }

    /// Why viewers may show something else than the authority since the last snapshot, if they may. Asking forgets it.
    pub fn take_doubt(&mut self) -> Option<Doubt> {
        self.doubts.take()
    }

    /// How wide the authority takes characters to be.
    #[must_use]
    pub fn widths(&self) -> &Widths {
        &self.widths
    }

    /// What the program writes with next, as far as the stream has told.
    #[must_use]
    pub fn writing(&self) -> &Writing {
        &self.writing
    }

    /// See [`widths`](Self::widths).
    pub fn set_widths(&mut self, widths: Arc<Widths>) {
        self.widths = widths;
    }

    /// Whether the terminal wraps at the end of a line, where that is known otherwise than from the stream.
    pub fn set_wraps(&mut self, wraps: bool) {
        self.wraps = wraps;
    }

    /// Whether characters are inserted, likewise.
    pub fn set_inserts(&mut self, inserts: bool) {
        self.inserts = inserts;
    }

    /// Whether addresses are relative to nothing, likewise.
    pub fn set_absolute(&mut self, absolute: bool) {
        self.absolute = absolute;
    }

    /// Whether programs get no alternate screen, which is an option of tmux.
    pub fn set_one_screen(&mut self, one_screen: bool) {
        self.one_screen = one_screen;
    }

    /// A number that changes with every string that begins; nothing outside of strings.
    #[must_use]
    pub fn string(&self) -> Option<u64> {
        let inside = !matches!(
            self.state,
            State::Ground | State::Escape | State::EscapeIntermediate | State::Csi | State::CsiIgnore
        );
        inside.then_some(self.strings)
    }

    /// The authority does not wait any longer for the end of the string: what follows is text.
    pub fn abandon_string(&mut self) {
        self.ground();
    }

    /// The canonical form of the next bytes: `bytes` themselves if they are canonical, else what is put into `out`, which is
    /// cleared before. Never ends within a sequence or a character.
    pub fn feed<'a>(&mut self, bytes: &'a [u8], out: &'a mut Vec<u8>) -> &'a [u8] {
        if self.rewrites(bytes, out) { out } else { bytes }
    }

    /// As [`feed`](Self::feed). False: `bytes` are canonical, and `out` is left alone.
    pub fn rewrites(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        self.doubts.printed();
        let mut passed = 0;
        if self.state == State::Ground && self.character.need == 0 {
            passed = self.pass(bytes);
            if passed == bytes.len() {
                return false;
            }
        }
        out.clear();
        out.extend_from_slice(&bytes[..passed]);
        let mut rest = &bytes[passed..];
        while let Some(first) = rest.first() {
            self.byte(*first, out);
            rest = &rest[1..];
            if self.state == State::Ground && self.character.need == 0 {
                let passed = self.pass(rest);
                out.extend_from_slice(&rest[..passed]);
                rest = &rest[passed..];
            }
        }
        self.end_piece(bytes.len());
        true
    }

    /// A piece of so many bytes has ended: perhaps what tmux has read at once has, too.
    fn end_piece(&mut self, bytes: usize) {
        if self.joiner == Joiner::Kept {
            self.joiner = if bytes < PIECE_BYTES { Joiner::None } else { Joiner::Split };
        }
    }

    /// Whether the authority repeats this character.
    fn repeats(&self, character: char) -> bool {
        match self.dialect {
            Dialect::Tmux { version } => character.is_ascii() || version >= (3, 4),
            Dialect::Pty => self.widths.of(character) != Width::Zero,
        }
    }

    /// Whether a character beyond ASCII may be passed on.
    fn prints(&self, character: char) -> bool {
        // C1 controls: tmux does not act on them, nor does our emulator; others would. A byte order mark is nothing to others.
        !is_c1(character) && character != BYTE_ORDER_MARK && self.widths.prints(character)
    }

    fn keeps_joiner(&self, character: char) -> bool {
        character == ZERO_WIDTH_JOINER && self.widths.keeps_joiner()
    }

    /// Whether ASCII takes a joiner that waits. tmux collects ASCII and then does not look for one, but not while it inserts, does
    /// not wrap or draws lines.
    fn joins_ascii(&self) -> bool {
        self.joiner != Joiner::None && (self.inserts || !self.wraps || self.writing.drawing().is_some())
    }

    /// Writes the joiner that waits, if one does: what it joins follows.
    fn write_joiner(&mut self, out: &mut Vec<u8>) {
        let joiner = std::mem::replace(&mut self.joiner, Joiner::None);
        if joiner == Joiner::Split {
            self.doubts.raise(Doubt::SplitJoiner);
        }
        if joiner != Joiner::None {
            out.extend_from_slice(ZERO_WIDTH_JOINER.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn ground(&mut self) {
        self.state = State::Ground;
        self.held.clear();
        self.held.shrink_to(IDLE_BYTES);
        self.intermediates = 0;
        self.discarded = false;
    }

    fn begin(&mut self, state: State) {
        self.ground();
        self.state = state;
        if self.string().is_some() {
            self.strings += 1;
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.state, byte) {
            (State::Dcs, ESC) => self.state = State::DcsEscape,
            (State::Dcs, _) => {}
            (State::DcsEscape, b'\\') => self.ground(),
            (State::DcsEscape, _) => self.state = State::Dcs,
            (_, ESC) => {
                self.end_string(b"\x1b\\", out);
                self.begin(State::Escape);
            }
            (_, 0x18 | 0x1a) => {
                self.end_string(b"\x1b\\", out);
                self.ground();
                self.control();
            }
            (State::Ground, 0x20..=0x7e) => {
                self.character = Character::default();
                self.home = false;
                if self.joins_ascii() {
                    self.write_joiner(out);
                }
                out.push(byte);
                self.last = Last::Character(char::from(byte));
            }
            (State::Ground, 0x80..) => self.beyond_ascii(byte, out),
            (State::Ground | State::Escape | State::EscapeIntermediate | State::Csi | State::CsiIgnore, 0..0x20) => {
                self.control();
                if matches!(byte, 0x07..=0x0f) {
                    if byte >= 0x0e {
                        self.writing.shift(byte == 0x0e);
                    }
                    out.push(byte);
                    if matches!(byte, 0x0a..=0x0c) && self.returns {
                        out.push(b'\r');
                    }
                }
            }
            (State::Ground, _) => {}
            (State::Escape | State::EscapeIntermediate, _) => self.in_escape(byte, out),
            (State::Csi, _) => self.in_csi(byte, out),
            (State::CsiIgnore, 0x40..=0x7e) => self.ground(),
            (State::CsiIgnore, _) => {}
            (State::Osc, BEL) => {
                self.end_string(&[BEL], out);
                self.ground();
            }
            (State::Osc, 0x20..) => self.hold(byte, STRING_BYTES),
            (State::DcsHeader, 0x40..=0x7e) => self.state = State::Dcs,
            (State::DcsHeader, b':') => self.state = State::Ignored,
            (State::Osc | State::DcsHeader | State::Ignored, _) => {}
        }
    }

    /// A control character has come: what it does to what is remembered.
    fn control(&mut self) {
        self.home = false;
        self.character = Character::default();
        self.last = Last::Nothing;
    }

    fn hold(&mut self, byte: u8, limit: usize) {
        if self.held.len() < limit {
            self.held.push(byte);
        } else {
            self.discarded = true;
        }
    }

    fn in_escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            0x20..=0x2f => {
                self.state = State::EscapeIntermediate;
                self.hold(byte, INTERMEDIATES);
                return;
            }
            0x7f.. => return,
            _ => {}
        }
        let next = match byte {
            _ if self.state == State::EscapeIntermediate => None,
            b'[' => Some(State::Csi),
            b']' => Some(State::Osc),
            b'P' => Some(State::DcsHeader),
            b'X' | b'^' | b'_' | b'k' => Some(State::Ignored),
            _ => None,
        };
        if let Some(state) = next {
            if state != State::Csi {
                self.last = Last::Nothing;
            }
            return self.begin(state);
        }
        self.held.push(byte);
        if !self.discarded {
            let (last, home) = (self.last, self.home);
            let verdict = sequences::of_escape(self.dialect, &self.held);
            self.conclude(verdict, b"\x1b", out);
            if matches!(self.dialect, Dialect::Tmux { .. }) && !sequences::tmux_knows_escape(&self.held) {
                (self.last, self.home) = (last, home);
            }
        }
        self.ground();
    }

    fn in_csi(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'<'..=b'?' if !self.held.is_empty() => self.begin(State::CsiIgnore),
            0x30..=0x3f if self.intermediates > 0 => self.begin(State::CsiIgnore),
            0x30..=0x3f => self.hold(byte, SEQUENCE_BYTES),
            0x20..=0x2f => {
                self.intermediates += 1;
                self.discarded |= self.intermediates > INTERMEDIATES;
                self.hold(byte, SEQUENCE_BYTES + INTERMEDIATES);
            }
            0x40..=0x7e => {
                if byte == b'm' {
                    sequences::slow_down_blinking(&mut self.held);
                }
                self.held.push(byte);
                if !self.discarded {
                    let (last, home) = (self.last, self.home);
                    let verdict = sequences::of_csi(self.dialect, &self.held);
                    self.conclude(verdict, b"\x1b[", out);
                    if matches!(self.dialect, Dialect::Tmux { .. }) && !sequences::tmux_knows_csi(&self.held) {
                        (self.last, self.home) = (last, home);
                    }
                }
                self.ground();
            }
            _ => {}
        }
    }

    /// The string that is open, if one is, ends here. Questions are answered with the terminator that they have.
    fn end_string(&mut self, terminator: &[u8], out: &mut Vec<u8>) {
        if self.state == State::Osc && !self.discarded && sequences::keeps_osc(self.dialect, &self.held) {
            out.extend_from_slice(b"\x1b]");
            if self.held.is_ascii() {
                out.extend_from_slice(&self.held);
            } else {
                // C1 controls are text to tmux and to our emulator; the string would end there for others.
                out.extend_from_slice(String::from_utf8_lossy(&self.held).replace(is_c1, "").as_bytes());
            }
            out.extend_from_slice(terminator);
        }
    }

    /// A byte of a character of several bytes, in text. Which broken ones swallow what follows is tmux's rule.
    fn beyond_ascii(&mut self, byte: u8, out: &mut Vec<u8>) {
        let character = &mut self.character;
        self.last = Last::Nothing;
        if character.need == 0 {
            *character = Character { bytes: [byte, 0, 0, 0], have: 1, need: length(byte), broken: false };
            return;
        }
        character.broken |= byte & 0xc0 != 0x80;
        character.bytes[character.have] = byte;
        character.have += 1;
        if character.have < character.need {
            return;
        }
        let Character { bytes, have, broken, .. } = std::mem::take(character);
        let text = if broken { None } else { std::str::from_utf8(&bytes[..have]).ok() };
        let beyond = !broken && self.widths.prints_beyond() && widths::is_beyond(&bytes[..have]);
        let unknown = beyond.then_some(char::REPLACEMENT_CHARACTER);
        let Some(whole) = text.and_then(|text| text.chars().next()).or(unknown) else { return };
        self.home = false;
        // Browsers leave the one out wherever it stands, and act on the others. What follows may join it.
        let hidden = whole == BYTE_ORDER_MARK || is_c1(whole);
        let kept = hidden && self.widths.of(whole) == Width::Zero && matches!(self.dialect, Dialect::Tmux { .. });
        let whole = if kept { widths::nothing_seen(whole) } else { whole };
        if hidden && !kept {
            out.resize(out.len() + usize::from(self.widths.of(whole).columns()), b' ');
        } else if self.keeps_joiner(whole) {
            self.joiner = Joiner::Kept;
        } else if self.prints(whole) {
            self.write_joiner(out);
            out.extend_from_slice(whole.encode_utf8(&mut [0; 4]).as_bytes());
            if self.repeats(whole) {
                self.last = Last::Character(whole);
            }
        }
    }
}

fn is_c1(character: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&character)
}

/// Bytes of the character that begins with this one; 0 if none does.
fn length(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 0,
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
