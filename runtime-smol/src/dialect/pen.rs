//! The colours and attributes that text is written with, followed through escape sequences.

use memchr::memchr;
use std::fmt::Write;

/// What the SGR sequences so far left in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pen {
    /// Attributes by their code: `1`, `4:3`, `7` …
    attributes: Vec<String>,
    foreground: Option<String>,
    background: Option<String>,
    underline: Option<String>,
}

impl Pen {
    /// Whether blank space has a colour of its own.
    #[must_use]
    pub fn has_background(&self) -> bool {
        self.background.is_some()
    }

    /// The sequences that bring a fresh pen to this state.
    #[must_use]
    pub fn codes(&self) -> String {
        let mut codes = String::new();
        let parts = self.attributes.iter().chain(&self.foreground).chain(&self.background).chain(&self.underline);
        for part in parts {
            let _ = write!(codes, "\x1b[{part}m");
        }
        codes
    }

    /// The sequence that brings back the background alone.
    #[must_use]
    pub fn background_code(&self) -> String {
        self.background.as_ref().map(|code| format!("\x1b[{code}m")).unwrap_or_default()
    }

    /// Follows the parameters of one SGR sequence (what stands between `ESC [` and `m`).
    pub fn apply(&mut self, parameters: &str) {
        let mut rest = parameters.split(';');
        while let Some(code) = rest.next() {
            match code {
                "" | "0" => *self = Pen::default(),
                "39" => self.foreground = None,
                "49" => self.background = None,
                "59" => self.underline = None,
                "38" => self.foreground = extended(code, &mut rest),
                "48" => self.background = extended(code, &mut rest),
                "58" => self.underline = extended(code, &mut rest),
                _ => self.simple(code),
            }
        }
    }

    fn simple(&mut self, code: &str) {
        let kind = code.split(':').next().unwrap_or_default();
        match kind.parse::<u16>() {
            Ok(30..=38 | 90..=97) => self.foreground = Some(code.to_owned()),
            Ok(40..=48 | 100..=107) => self.background = Some(code.to_owned()),
            Ok(58) => self.underline = Some(code.to_owned()),
            Ok(4) if code.ends_with(":0") => self.attributes.retain(|a| a.split(':').next() != Some("4")),
            Ok(21) => self.simple("4:2"),
            Ok(55) => self.attributes.retain(|a| a != "53"),
            // How tmux captures overlined text.
            Ok(5) if code == "5:3" => self.simple("53"),
            // Blinking fast is blinking, to tmux.
            Ok(6) => self.simple("5"),
            Ok(22) => self.attributes.retain(|a| a != "1" && a != "2"),
            Ok(24) => self.attributes.retain(|a| a.split(':').next() != Some("4")),
            Ok(off @ (23 | 25 | 27..=29)) => {
                let on = (off - 20).to_string();
                self.attributes.retain(|a| *a != on);
            }
            Ok(_) if !self.attributes.iter().any(|a| a == code) && self.attributes.len() < 32 => {
                self.attributes.push(code.to_owned());
            }
            _ => {}
        }
    }
}

/// `38;5;N` or `38;2;R;G;B`, of which the first number was read.
fn extended<'a>(first: &str, rest: &mut impl Iterator<Item = &'a str>) -> Option<String> {
    let kind = rest.next()?;
    let numbers = match kind {
        "5" => 1,
        "2" => 3,
        _ => return None,
    };
    let mut code = format!("{first};{kind}");
    for _ in 0..numbers {
        let _ = write!(code, ";{}", rest.next()?);
    }
    Some(code)
}

/// A piece of a captured line.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Characters.
    Text(&'a [u8]),
    /// The parameters of an SGR sequence.
    Sgr(&'a str),
    /// Another sequence or a shift of the character set; takes no space.
    Other,
}

/// The pieces of a captured line, in order.
pub fn pieces(line: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let text = rest.iter().position(|b| matches!(b, 0x1b | 0x0e | 0x0f)).unwrap_or(rest.len());
        if text > 0 {
            let piece = &rest[..text];
            rest = &rest[text..];
            return Some(Piece::Text(piece));
        }
        let (piece, length) = sequence(rest);
        rest = &rest[length..];
        Some(piece)
    })
}

/// The escape sequence or shift at the beginning of `text`, and its length.
fn sequence(text: &[u8]) -> (Piece<'_>, usize) {
    match text.get(..2) {
        Some([0x1b, b'[']) => match text[2..].iter().position(|b| (0x40..=0x7e).contains(b)) {
            Some(end) if text[2 + end] == b'm' => match std::str::from_utf8(&text[2..2 + end]) {
                Ok(parameters) => (Piece::Sgr(parameters), end + 3),
                Err(_) => (Piece::Other, end + 3),
            },
            Some(end) => (Piece::Other, end + 3),
            None => (Piece::Other, text.len()),
        },
        // A string (hyperlink): up to ESC \.
        Some([0x1b, b']']) => {
            let mut at = 2;
            while let Some(escape) = memchr(0x1b, &text[at..]) {
                at += escape + 1;
                if text.get(at) == Some(&b'\\') {
                    return (Piece::Other, at + 1);
                }
            }
            (Piece::Other, text.len())
        }
        Some([0x1b, _]) => (Piece::Other, 2),
        _ => (Piece::Other, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pen(line: &str) -> Pen {
        let mut pen = Pen::default();
        for piece in pieces(line.as_bytes()) {
            if let Piece::Sgr(parameters) = piece {
                pen.apply(parameters);
            }
        }
        pen
    }

    #[test]
    fn the_pen_is_what_the_last_sequences_left() {
        assert_eq!(pen("\x1b[1mx\x1b[31my\x1b[48;5;20m").codes(), "\x1b[1m\x1b[31m\x1b[48;5;20m");
        assert_eq!(pen("\x1b[1;4:3m\x1b[38;2;1;2;3m\x1b[0;7m").codes(), "\x1b[7m");
        assert_eq!(pen("\x1b[41m\x1b[49m"), Pen::default());
    }

    #[test]
    fn a_hyperlink_and_line_drawing_are_no_text() {
        let text: Vec<u8> = pieces(b"a\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\\x0eq\x0fc")
            .filter_map(|piece| if let Piece::Text(text) = piece { Some(text.to_vec()) } else { None })
            .flatten()
            .collect();
        assert_eq!(text, b"abqc");
    }

    proptest! {
        #[test]
        fn writing_the_codes_gives_the_same_pen(line in "(\\x1b\\[(0;)?[1-9](;4:[1-5])?m|\\x1b\\[[34][0-7]m|\\x1b\\[48;5;7m|x){0,12}") {
            let first = pen(&line);
            prop_assert_eq!(pen(&first.codes()), first);
        }

        #[test]
        fn nothing_makes_the_reader_fail(line in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut pen = Pen::default();
            for piece in pieces(&line) {
                if let Piece::Sgr(parameters) = piece {
                    pen.apply(parameters);
                }
            }
        }
    }
}
