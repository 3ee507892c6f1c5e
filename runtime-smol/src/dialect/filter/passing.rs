//! The filter's short way: finds how much of a piece of output is canonical as it is, without copying or changing anything. Nearly all
//! output goes this way, so its time is what the filter costs.

use super::super::writing::Writing;
use super::super::{sequences, text};
use super::{ESC, Filter, Joiner, Last};

impl Filter {
    /// How many bytes are canonical as they are. Remembers the last character of them.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        if self.joiner == Joiner::Kept || self.joins_ascii() {
            // What is next may be joined, also ASCII.
            return 0;
        }
        let bytes = match self.returns {
            true => &bytes[..memchr::memchr3(0x0a, 0x0b, 0x0c, bytes).unwrap_or(bytes.len())],
            false => bytes,
        };
        let mut seen = Seen::default();
        let mut places = text::ROOM;
        let mut stop = None;
        for (at, window) in bytes.chunks(text::WINDOW).enumerate() {
            let count = text::others(window, &mut places);
            stop = self.pass_others(bytes, at * text::WINDOW, &places[..count], &mut seen);
            if stop.is_some() {
                break;
            }
        }
        seen.pens.write(&mut self.writing);
        let end = stop.unwrap_or(bytes.len());
        if end > 0 {
            // What is not within the last sequence is text, of which the last byte is a character.
            let last = if seen.end == end { seen.start } else { end - 1 };
            self.home = self.absolute && sequences::goes_home(&bytes[last..end]);
            self.last = match whole_character(&bytes[last..]) {
                Some(character) if !character.is_control() && self.repeats(character) => Last::Character(character),
                _ => Last::Nothing,
            };
        }
        end
    }

    /// Where the first byte of `bytes` is that cannot be passed, of those at these places. The bytes of a sequence are text
    /// themselves, so the next place to look at does not depend on where it ends.
    #[inline]
    fn pass_others<'a>(&mut self, bytes: &'a [u8], from: usize, places: &[u16], seen: &mut Seen<'a>) -> Option<usize> {
        let (mut start, mut end) = (seen.start, seen.end);
        let mut stop = None;
        for place in places {
            let at = from + usize::from(*place);
            if at < end {
                // The rest of a character.
                continue;
            }
            let rest = &bytes[at..];
            let length = match rest[0] {
                // By far the most frequent sequence.
                ESC if rest.starts_with(b"\x1b[0m") => {
                    seen.pens.reset();
                    Some(4)
                }
                ESC => sequences::plain(rest).inspect(|length| {
                    if rest[length - 1] == b'm' {
                        seen.pens.sgr(&rest[2..length - 1], &mut self.writing);
                    }
                }),
                0x80.. => whole_character(rest)
                    .filter(|character| {
                        self.prints(*character) && self.joiner == Joiner::None && !self.keeps_joiner(*character)
                    })
                    .map(char::len_utf8),
                shift @ (0x0e | 0x0f) => {
                    self.writing.shift(shift == 0x0e);
                    Some(1)
                }
                _ => None,
            };
            let Some(length) = length else {
                stop = Some(at);
                break;
            };
            (start, end) = (at, at + length);
        }
        (seen.start, seen.end) = (start, end);
        stop
    }
}

/// What has been passed of some bytes.
#[derive(Debug, Default)]
struct Seen<'a> {
    /// The last sequence or character beyond ASCII.
    start: usize,
    end: usize,
    pens: Pens<'a>,
}

/// SGR sequences that have been passed and not yet remembered. In coloured output most are undone by a reset before anybody
/// asks, and never looked at.
#[derive(Debug, Default)]
struct Pens<'a> {
    reset: bool,
    sequences: [&'a [u8]; 8],
    count: usize,
}

impl<'a> Pens<'a> {
    fn sgr(&mut self, parameters: &'a [u8], writing: &mut Writing) {
        if parameters.is_empty() {
            return self.reset();
        }
        if self.count == self.sequences.len() {
            self.write(writing);
        }
        self.sequences[self.count] = parameters;
        self.count += 1;
    }

    fn reset(&mut self) {
        (self.reset, self.count) = (true, 0);
    }

    fn write(&mut self, writing: &mut Writing) {
        if std::mem::take(&mut self.reset) {
            writing.sgr(b"");
        }
        for parameters in &self.sequences[..std::mem::take(&mut self.count)] {
            writing.sgr(parameters);
        }
    }
}

/// The character that the bytes begin with, if it is complete and sound.
#[inline]
fn whole_character(bytes: &[u8]) -> Option<char> {
    let next = |at: usize| bytes.get(at).filter(|byte| **byte & 0xc0 == 0x80).map(|byte| u32::from(*byte & 0x3f));
    let first = *bytes.first()?;
    let (code, least) = match first {
        0..0x80 => return Some(char::from(first)),
        0xc0..0xe0 => (u32::from(first & 0x1f) << 6 | next(1)?, 0x80),
        0xe0..0xf0 => (u32::from(first & 0x0f) << 12 | next(1)? << 6 | next(2)?, 0x800),
        0xf0..0xf8 => (u32::from(first & 0x07) << 18 | next(1)? << 12 | next(2)? << 6 | next(3)?, 0x1_0000),
        _ => return None,
    };
    // A longer form than necessary is none; neither are surrogates.
    char::from_u32(code).filter(|_| code >= least)
}
