//! What a program writes with next: pen, character sets, and what `DECSC` and the alternate screen keep of them. tmux tells
//! none of it, so whoever follows the stream remembers it.

use super::pen::Pen;

/// Bytes of unread SGR sequences after which they are read.
const UNREAD_BYTES: usize = 256;

/// What is known since the stream began, or since its last gap. What is not known counts as reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    pen: LazyPen,
    sets: CharacterSets,
    /// What `ESC 7` has saved, without the place of the cursor, which cannot be known.
    saved: Option<Box<(Pen, CharacterSets)>>,
    /// The pen that leaving the alternate screen brings back.
    beside: Option<Box<Pen>>,
    /// It was entered with the mode that keeps the cursor, some time ago. Without that, leaving it brings nothing back.
    kept: bool,
    alternate: bool,
}

/// Which of the two character sets is line drawing, and which one is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CharacterSets {
    drawing: [bool; 2],
    second: bool,
}

/// A pen whose sequences are read when somebody asks: in coloured output most are undone before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct LazyPen {
    pen: Pen,
    /// Parameters of SGR sequences, each with its last byte.
    unread: Vec<u8>,
}

impl LazyPen {
    fn sgr(&mut self, parameters: &[u8]) {
        if matches!(parameters, b"" | b"0") {
            self.unread.clear();
            // Not cloned into being each time: most programs reset a pen that is reset.
            if self.pen != Pen::default() {
                self.pen = Pen::default();
            }
            return;
        }
        if self.unread.len() + parameters.len() > UNREAD_BYTES {
            self.pen = self.get();
            self.unread.clear();
        }
        self.unread.extend_from_slice(parameters);
        self.unread.push(b'm');
    }

    fn get(&self) -> Pen {
        let mut pen = self.pen.clone();
        for parameters in self.unread.split(|byte| *byte == b'm').filter(|parameters| !parameters.is_empty()) {
            pen.apply(&String::from_utf8_lossy(parameters));
        }
        pen
    }

    fn set(&mut self, pen: Pen) {
        self.unread.clear();
        self.pen = pen;
    }
}

impl CharacterSets {
    fn write(self, out: &mut Vec<u8>) {
        for (drawing, code) in self.drawing.into_iter().zip([b"\x1b(0", b"\x1b)0"]) {
            if drawing {
                out.extend_from_slice(code);
            }
        }
        if self.second {
            out.push(0x0e);
        }
    }
}

impl Writing {
    /// What stands between `CSI` and `m`.
    pub(super) fn sgr(&mut self, parameters: &[u8]) {
        self.pen.sgr(parameters);
    }

    /// `SO` (true) or `SI`.
    pub(super) fn shift(&mut self, second: bool) {
        self.sets.second = second;
    }

    /// A sequence that tmux knows; `sequence` is what follows `ESC`.
    pub(super) fn escape(&mut self, sequence: &[u8]) {
        match sequence {
            b"7" => self.save(),
            b"8" => self.restore(),
            b"(0" | b"(B" => self.sets.drawing[0] = sequence.ends_with(b"0"),
            b")0" | b")B" => self.sets.drawing[1] = sequence.ends_with(b"0"),
            b"c" => *self = Writing::default(),
            _ => {}
        }
    }

    /// A control sequence that tmux knows; `sequence` is what follows `CSI`.
    pub(super) fn control(&mut self, sequence: &[u8]) {
        match sequence.split_last() {
            Some((b'm', parameters)) if !parameters.first().is_some_and(|byte| (b'<'..=b'?').contains(byte)) => {
                self.sgr(parameters);
            }
            Some((b's', _)) => self.save(),
            Some((b'u', parameters)) if !parameters.first().is_some_and(|byte| (b'<'..=b'?').contains(byte)) => {
                self.restore();
            }
            _ => {}
        }
    }

    /// What makes letters of the line drawing that is written with, and what makes lines of them again; nothing if none is.
    pub(super) fn drawing(&self) -> Option<(&'static [u8], &'static [u8])> {
        match (self.sets.second, self.sets.drawing) {
            (false, [true, _]) => Some((b"\x1b(B", b"\x1b(0")),
            (true, [_, true]) => Some((b"\x1b)B", b"\x1b)0")),
            _ => None,
        }
    }

    fn save(&mut self) {
        self.saved = Some(Box::new((self.pen.get(), self.sets)));
    }

    fn restore(&mut self) {
        let (pen, sets) = self.saved.as_deref().cloned().unwrap_or_default();
        self.pen.set(pen);
        self.sets = sets;
    }

    /// The alternate screen is shown, or is not any more; `cursor`: with the mode that keeps the cursor, and its pen.
    pub(super) fn show_alternate(&mut self, shown: bool, cursor: bool) {
        if shown {
            if !self.alternate {
                self.beside = Some(Box::new(self.pen.get()));
                self.kept |= cursor;
            }
        } else if let Some(pen) = self.beside.as_deref().filter(|_| cursor && self.kept) {
            self.pen.set(pen.clone());
        }
        self.alternate = shown;
    }

    /// The sequences for a reset pen that bring it to what leaving the alternate screen brings back. tmux brings it back again
    /// and again.
    #[must_use]
    pub fn beside_alternate(&self) -> String {
        self.beside.as_ref().map(|pen| pen.codes()).unwrap_or_default()
    }

    /// Saves the cursor as the program has saved it, at the place where it is. The terminal is as after a reset.
    pub fn write_saved(&self, out: &mut Vec<u8>) {
        let Some((pen, sets)) = self.saved.as_deref().filter(|saved| **saved != Default::default()) else { return };
        out.extend_from_slice(pen.codes().as_bytes());
        sets.write(out);
        out.extend_from_slice(b"\x1b7\x1b[0m\x1b(B\x1b)B\x0f");
    }

    /// Brings a terminal to this state that is as after a reset.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.sets.write(out);
        out.extend_from_slice(self.pen.get().codes().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, Filter};

    fn written(stream: &[u8]) -> String {
        let mut filter = Filter::new(Dialect::Tmux { version: (3, 3) }, 80);
        filter.feed(stream, &mut Vec::new());
        let mut out = Vec::new();
        filter.writing().write_saved(&mut out);
        filter.writing().write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_pen_is_what_the_stream_has_left() {
        assert_eq!(written(b"a\x1b[1;31mb\x1b[44mc"), "\x1b[1m\x1b[31m\x1b[44m");
        assert_eq!(written(b"\x1b[1mb\x1b[mc\x1b[4:3m"), "\x1b[4:3m");
        assert_eq!(written(b"\x1b[1;21;53m\x1b[24;55m"), "\x1b[1m");
        assert_eq!(written("\x1b[38;5;9m\x1b[48;2;1;2;3mx".repeat(500).as_bytes()), "\x1b[38;5;9m\x1b[48;2;1;2;3m");
        assert_eq!(written(b"\x1b[7m\x1b[>4;1m\x1b[?4m"), "\x1b[7m");
        assert_eq!(written(b"\x1b[7m\x1bc"), "");
    }

    #[test]
    fn character_sets_are_followed() {
        assert_eq!(written(b"\x1b(0"), "\x1b(0");
        assert_eq!(written(b"\x1b)0\x0ex"), "\x1b)0\x0e");
        assert_eq!(written(b"\x1b)0\x0ex\x0f\x1b)B"), "");
    }

    #[test]
    fn a_saved_cursor_keeps_its_pen() {
        assert_eq!(written(b"\x1b[1m\x1b7\x1b[m"), "\x1b[1m\x1b7\x1b[0m\x1b(B\x1b)B\x0f");
        assert_eq!(written(b"\x1b[1m\x1b7\x1b[m\x1b7"), "");
        assert_eq!(written(b"\x1b[m\x1b7\x1b[1m\x1b(0\x1b8"), "");
        assert_eq!(written(b"\x1b[1m\x1b[?1049h\x1b[m\x1b[?1049h\x1b[?1049l"), "\x1b[1m");
        assert_eq!(written(b"\x1b[1m\x1b[?47h\x1b[m\x1b[?47l"), "");
        assert_eq!(written(b"\x1b[1m\x1b[?47h\x1b[m\x1b[?1049l"), "");
    }
}
