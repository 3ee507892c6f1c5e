//! Plain text goes straight into the grid, a row's worth at once: what most output is made of need not pass the parser.
//!
//! Only the parser knows what state it is in, so this looks for what leaves no doubt: text between complete control sequences.
//! Everything else, and the last character of each text (which the program may ask to repeat), is the parser's.

/// Tells plain text and the parser's work apart.
#[derive(Debug)]
pub(super) struct Quick {
    /// The parser is in the middle of nothing, surely.
    ground: bool,
}

/// How the next bytes are to be treated: so many are plain text, then up to `end` the parser's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) plain: usize,
    pub(super) end: usize,
}

impl Default for Quick {
    fn default() -> Self {
        Quick { ground: true }
    }
}

impl Quick {
    /// The next stretch of a piece, which is not empty; its bytes must be treated so before the next call.
    pub(super) fn next(&mut self, piece: &[u8]) -> Stretch {
        if !self.ground {
            return Stretch { plain: 0, end: self.find_ground(piece) };
        }
        let text = piece.iter().position(|byte| !matches!(byte, b' '..=b'~')).unwrap_or(piece.len());
        let mut end = text;
        while let Some(byte) = piece.get(end) {
            match byte {
                0x1b => match sequence(&piece[end..]) {
                    Some(length) => end += length,
                    None => end += self.find_ground(&piece[end..]),
                },
                b' '..=b'~' => break,
                0x7f.. => end += self.beyond_ascii(&piece[end..]),
                _ => end += 1,
            }
        }
        Stretch { plain: text.saturating_sub(1), end }
    }

    /// Bytes until the parser is surely in the middle of nothing. An escape begins a new sequence, whatever it is in.
    fn find_ground(&mut self, bytes: &[u8]) -> usize {
        let ends = memchr::memchr_iter(0x1b, bytes).find_map(|at| Some(at + sequence(&bytes[at..])?));
        self.ground = ends.is_some();
        ends.unwrap_or(bytes.len())
    }

    /// Characters of several bytes, and the byte after them: by that the parser knows that the last one is complete.
    fn beyond_ascii(&mut self, bytes: &[u8]) -> usize {
        match bytes.iter().position(|byte| *byte < 0x7f) {
            // An escape is looked at in its turn.
            Some(length) => length + usize::from(bytes[length] != 0x1b),
            None => {
                self.ground = std::str::from_utf8(bytes).is_ok();
                bytes.len()
            }
        }
    }
}

/// The length of the control sequence that begins here with an escape, if it is one and complete.
fn sequence(bytes: &[u8]) -> Option<usize> {
    let body = bytes.strip_prefix(b"\x1b[")?;
    let last = body.iter().position(|byte| !matches!(byte, 0x20..=0x3f))?;
    matches!(body[last], 0x40..=0x7e).then_some(last + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stretches of a piece as text: what is plain, and what is the parser's in brackets.
    fn shown(quick: &mut Quick, mut piece: &[u8]) -> String {
        let mut text = String::new();
        while !piece.is_empty() {
            let Stretch { plain, end } = quick.next(piece);
            text += &format!("{}[{}]", piece[..plain].escape_ascii(), piece[plain..end].escape_ascii());
            piece = &piece[end..];
        }
        text
    }

    #[test]
    fn text_is_plain_but_for_its_last_character() {
        let mut quick = Quick::default();
        assert_eq!(shown(&mut quick, b"some text"), "some tex[t]");
        assert_eq!(shown(&mut quick, b"\x1b[1mbold\x1b[m\r\nnext"), r"[\x1b[1m]bol[d\x1b[m\r\n]nex[t]");
    }

    #[test]
    fn after_a_sequence_that_is_not_complete_everything_is_the_parser_s_until_one_is() {
        let mut quick = Quick::default();
        assert_eq!(shown(&mut quick, b"text\x1b[3"), r"tex[t\x1b[3]");
        assert_eq!(shown(&mut quick, b"1mred"), "[1mred]");
        assert_eq!(shown(&mut quick, b"\x1b]0;title\x07more\x1b[mtext"), r"[\x1b]0;title\x07more\x1b[m]tex[t]");
    }

    #[test]
    fn characters_of_several_bytes_are_the_parser_s_and_so_is_what_shows_that_they_are_complete() {
        let mut quick = Quick::default();
        assert_eq!(shown(&mut quick, "aü text".as_bytes()), r"[a\xc3\xbc ]tex[t]");
        assert_eq!(shown(&mut quick, "€".as_bytes()), r"[\xe2\x82\xac]");
        assert_eq!(shown(&mut quick, b"text\xe2"), r"tex[t\xe2]");
        assert_eq!(shown(&mut quick, b"\x82text"), r"[\x82text]");
    }
}
