//! What a pasted text becomes before a program gets it, whichever door it came in by: the dashboard, the HTTP API, the
//! command line, or the terminal around `consort attach`.
//!
//! A program that asked for bracketed paste trusts what stands between the brackets not to be keys. So no control character
//! stays in a paste, in no encoding: without them nothing can end the brackets, and removing one control cannot make another.
//! Line ends and tabs stay. To a program that did not ask for brackets a line end is the Enter key, as on every terminal.

const BEGIN: &[u8] = b"\x1b[200~";
const END: &[u8] = b"\x1b[201~";

/// A text that was made fit to be pasted: no control characters but tabs and line feeds, one per line end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasteText(String);

impl PasteText {
    /// Prepares a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut prepared = String::with_capacity(text.len());
        Cleaner::default().take(text.as_bytes(), &mut prepared);
        PasteText(prepared)
    }

    /// The text; its lines end with line feeds.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes that a terminal sends for it: lines end as the Enter key does.
    #[must_use]
    pub fn encode(&self, bracketed: bool) -> Vec<u8> {
        let text = self.0.replace('\n', "\r").into_bytes();
        if bracketed && !text.is_empty() { [BEGIN, &text, END].concat() } else { text }
    }
}

/// Removes controls from a text that may come in pieces, cut anywhere.
#[derive(Debug, Default)]
struct Cleaner {
    /// The last character that counts was a carriage return: a line feed after it ends the same line.
    after_return: bool,
    /// The beginning of a character whose rest is in the next piece.
    partial: Vec<u8>,
}

impl Cleaner {
    /// Appends what stays of the next piece to `out`. What is not UTF-8 becomes replacement characters.
    fn take(&mut self, piece: &[u8], out: &mut String) {
        let joined;
        let mut bytes = piece;
        if !self.partial.is_empty() {
            joined = [std::mem::take(&mut self.partial).as_slice(), piece].concat();
            bytes = &joined;
        }
        for chunk in bytes.utf8_chunks() {
            chunk.valid().chars().for_each(|c| self.character(c, out));
            let invalid = chunk.invalid();
            let at_end = std::ptr::eq(invalid.as_ptr_range().end, bytes.as_ptr_range().end);
            if at_end && is_incomplete(invalid) {
                self.partial = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.character(char::REPLACEMENT_CHARACTER, out);
            }
        }
    }

    /// No more pieces follow.
    fn finish(&mut self, out: &mut String) {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.character(char::REPLACEMENT_CHARACTER, out);
        }
        self.after_return = false;
    }

    fn character(&mut self, c: char, out: &mut String) {
        match c {
            '\r' => out.push('\n'),
            '\n' if self.after_return => {}
            '\n' | '\t' => out.push(c),
            _ if c.is_control() => return,
            _ => out.push(c),
        }
        self.after_return = c == '\r';
    }
}

/// Whether more bytes could make a character of these.
fn is_incomplete(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// What a terminal sends, with the pastes in it prepared. The terminal marks them with brackets if the program asked for that.
#[derive(Debug, Default)]
pub struct PasteFilter {
    /// Bytes of [`BEGIN`] that have passed, or of [`END`] that are held back.
    matched: usize,
    pasting: Option<Cleaner>,
}

impl PasteFilter {
    /// What goes on of the next bytes, which may be cut anywhere.
    pub fn filter(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = if self.pasting.is_some() { self.pasted(rest, &mut out) } else { self.typed(rest, &mut out) };
        }
        out
    }

    /// Keys, up to the beginning of a paste; returns the rest.
    fn typed<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        for (at, byte) in bytes.iter().enumerate() {
            self.matched = advance(BEGIN, self.matched, *byte);
            if self.matched == BEGIN.len() {
                (self.matched, self.pasting) = (0, Some(Cleaner::default()));
                out.extend_from_slice(&bytes[..=at]);
                return &bytes[at + 1..];
            }
        }
        out.extend_from_slice(bytes);
        &[]
    }

    /// Pasted text, up to its end; returns the rest.
    fn pasted<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let Some(cleaner) = &mut self.pasting else { return bytes };
        let mut text = String::new();
        for (at, byte) in bytes.iter().enumerate() {
            let before = self.matched;
            self.matched = advance(END, before, *byte);
            if self.matched == END.len() {
                cleaner.finish(&mut text);
                out.extend_from_slice(text.replace('\n', "\r").as_bytes());
                out.extend_from_slice(END);
                (self.matched, self.pasting) = (0, None);
                return &bytes[at + 1..];
            }
            if self.matched <= before {
                // What was held back is text after all.
                cleaner.take(&END[..before], &mut text);
            }
            if self.matched == 0 {
                cleaner.take(&[*byte], &mut text);
            }
        }
        out.extend_from_slice(text.replace('\n', "\r").as_bytes());
        &[]
    }
}

/// How much of `pattern` ends with `byte`, after so much of it. Its first byte is nowhere else in it.
fn advance(pattern: &[u8], matched: usize, byte: u8) -> usize {
    if pattern[matched] == byte { matched + 1 } else { usize::from(pattern[0] == byte) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hostile texts and what arrives of them: the same table that the tests of every door use.
    fn table() -> Vec<(String, String, String)> {
        let table: serde_json::Value = serde_json::from_str(include_str!("../../tests/pastes.json")).unwrap();
        let field = |entry: &serde_json::Value, name: &str| entry[name].as_str().unwrap().to_owned();
        table
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (field(entry, "name"), field(entry, "text"), field(entry, "arrives")))
            .collect()
    }

    fn filtered(pieces: &[&[u8]]) -> Vec<u8> {
        let mut filter = PasteFilter::default();
        pieces.iter().flat_map(|piece| filter.filter(piece)).collect()
    }

    #[test]
    fn hostile_texts_arrive_without_controls() {
        for (name, text, arrives) in table() {
            assert_eq!(PasteText::new(&text).as_str(), arrives, "{name}");
        }
    }

    #[test]
    fn brackets_are_sent_only_if_wanted() {
        assert_eq!(PasteText::new("a\nb\r\nc\rd").encode(false), b"a\rb\rc\rd");
        assert_eq!(PasteText::new("text").encode(true), b"\x1b[200~text\x1b[201~");
        assert_eq!(PasteText::new("").encode(true), b"");
    }

    #[test]
    fn a_bracketed_paste_in_a_stream_is_prepared_wherever_it_is_cut() {
        for (name, text, arrives) in table().iter().filter(|(_, text, _)| !text.contains("\x1b[201~")) {
            let stream = [b"k\x1b[A", BEGIN, text.as_bytes(), END, b"\x1b[B\r"].concat();
            let expected = [b"k\x1b[A", BEGIN, arrives.replace('\n', "\r").as_bytes(), END, b"\x1b[B\r"].concat();
            for at in 0..=stream.len() {
                let (a, b) = stream.split_at(at);
                assert_eq!(filtered(&[a, b]), expected, "{name}, cut at {at}");
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_no_controls() {
        let c1_of_eight_bits = b"a\x9b201~b";
        let overlong_escape = b"a\xc0\x9b[201~b";
        for (bytes, text) in [(&c1_of_eight_bits[..], "a\u{fffd}201~b"), (overlong_escape, "a\u{fffd}\u{fffd}[201~b")] {
            assert_eq!(filtered(&[BEGIN, bytes, END]), [BEGIN, text.as_bytes(), END].concat());
        }
    }

    proptest! {
        #[test]
        fn prepared_text_holds_no_control_and_stays_as_it_is(text in "[\\x00-\\x7f\u{80}-\u{a0}é\u{2028}日]{0,80}") {
            let prepared = PasteText::new(&text);
            prop_assert!(prepared.as_str().chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')));
            prop_assert_eq!(&PasteText::new(prepared.as_str()), &prepared);
        }

        #[test]
        fn cuts_change_nothing(stream in prop::collection::vec(prop_oneof![
            Just(0x1b), Just(b'['), Just(b'2'), Just(b'0'), Just(b'1'), Just(b'~'), Just(b'\r'), Just(b'\n'), any::<u8>()
        ], 0..60), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let stream = [BEGIN, &stream, END].concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
            prop_assert_eq!(filtered(&pieces), filtered(&[&stream]));
        }

        #[test]
        fn keys_pass_as_they_are(keys in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assume!(!keys.windows(BEGIN.len()).any(|window| window == BEGIN));
            prop_assert_eq!(filtered(&[&keys]), keys);
        }
    }
}
