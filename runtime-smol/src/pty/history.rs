//! Lines that have left the screen, kept as the bytes that print them.
//!
//! A row of cells costs 24 bytes per column; the same line as text with its colours costs what it has of both. Lines are
//! kept unwrapped: whoever prints them wraps them at the width it has. Each begins and ends with default attributes, so any
//! of them can be dropped.

use super::paint::Wrap;
use std::collections::VecDeque;

/// Lines kept at least, as far as [`BYTES`] allows; at most one block more.
pub(super) const LINES: usize = 10_000;
/// Bytes kept at most, by and large.
const BYTES: usize = 4 << 20;
/// Bytes of one block, the unit of dropping.
const BLOCK_BYTES: usize = 32 << 10;
/// Bytes of a block beyond which a line in it is not continued.
const LINE_BYTES: usize = 256 << 10;
/// What ends a line.
pub(super) const LINE_END: &[u8] = b"\r\n";

#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    lines: usize,
}

/// The lines above those that the grid holds, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    blocks: VecDeque<Block>,
    lines: usize,
    bytes: usize,
    /// The last line goes on in the grid's oldest row, and how it wraps into that.
    open: Option<Wrap>,
}

impl History {
    /// Adds printable bytes without line end: to the line that goes on, or as a new one. `wrap` says that it goes on in turn.
    pub(super) fn push(&mut self, part: &[u8], wrap: Option<Wrap>) {
        debug_assert!(!part.contains(&b'\n'), "a line contains no line end");
        if self.open.take().is_none() {
            self.begin_line(part.len() + LINE_END.len());
        }
        self.append(part);
        let endless = self.blocks.back().is_some_and(|block| block.bytes.len() > LINE_BYTES);
        match wrap {
            Some(wrap) if !endless => self.open = Some(wrap),
            _ => self.append(LINE_END),
        }
    }

    /// Ends a line that goes on: its rest is not where it was.
    pub(super) fn close_line(&mut self) {
        if self.open.take().is_some() {
            self.append(LINE_END);
        }
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// How the last line goes on in the grid's oldest row, if it does.
    pub(super) fn open(&self) -> Option<&Wrap> {
        self.open.as_ref()
    }

    fn begin_line(&mut self, expected: usize) {
        if self.blocks.back().is_none_or(|block| block.bytes.len() + expected > BLOCK_BYTES) {
            let reused = if self.lines > LINES || self.bytes > BYTES { self.drop_oldest() } else { Vec::new() };
            self.blocks.push_back(Block { bytes: reused, lines: 0 });
        }
        if let Some(block) = self.blocks.back_mut() {
            block.lines += 1;
            self.lines += 1;
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        if let Some(block) = self.blocks.back_mut() {
            block.bytes.extend_from_slice(bytes);
            self.bytes += bytes.len();
        }
    }

    fn drop_oldest(&mut self) -> Vec<u8> {
        let Some(mut block) = self.blocks.pop_front() else { return Vec::new() };
        self.lines -= block.lines;
        self.bytes -= block.bytes.len();
        block.bytes.clear();
        block.bytes
    }

    pub(super) fn clear(&mut self) {
        *self = History::default();
    }

    /// Gives back memory that is only reserved.
    pub(super) fn shrink(&mut self) {
        if let Some(block) = self.blocks.back_mut() {
            block.bytes.shrink_to_fit();
        }
    }

    /// The youngest lines as they are to be printed: at most `lines` of them and at most `bytes` bytes.
    pub(super) fn youngest(&self, lines: usize, bytes: usize) -> Vec<&[u8]> {
        let (mut lines, mut bytes) = (lines, bytes);
        let mut taken = Vec::new();
        for block in self.blocks.iter().rev() {
            if block.lines <= lines && block.bytes.len() <= bytes {
                taken.push(&block.bytes[..]);
                lines -= block.lines;
                bytes -= block.bytes.len();
                continue;
            }
            let tail = youngest_of(&block.bytes, lines, bytes);
            if !tail.is_empty() {
                taken.push(tail);
            }
            break;
        }
        taken.reverse();
        taken
    }

    /// The youngest lines as plain text, each ended by a line feed.
    pub(super) fn text(&self, lines: usize, text: &mut String) {
        for bytes in self.youngest(lines, usize::MAX) {
            for line in bytes.split(|byte| *byte == b'\n') {
                if line.is_empty() {
                    continue;
                }
                plain(line, text);
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\n');
            }
        }
    }
}

/// The last lines of a block within both bounds.
fn youngest_of(block: &[u8], lines: usize, bytes: usize) -> &[u8] {
    let (mut start, mut left) = (block.len(), lines);
    while left > 0 && start > 0 {
        let line = block[..start - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if block.len() - line > bytes {
            break;
        }
        (start, left) = (line, left - 1);
    }
    &block[start..]
}

/// Appends what the line shows: our own encoding has only CSI sequences that end with a letter and OSC 8 (`ESC ] … ESC \`) in it.
fn plain(line: &[u8], text: &mut String) {
    let mut rest = line;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        push_printable(&rest[..at], text);
        let sequence = &rest[at + 1..];
        let end = match sequence.first() {
            Some(b'[') => {
                sequence.iter().skip(1).position(u8::is_ascii_alphabetic).map_or(sequence.len(), |end| end + 2)
            }
            Some(b']') => sequence.windows(2).position(|two| two == b"\x1b\\").map_or(sequence.len(), |end| end + 2),
            _ => 0,
        };
        rest = &sequence[end..];
    }
    push_printable(rest, text);
}

fn push_printable(bytes: &[u8], text: &mut String) {
    text.extend(String::from_utf8_lossy(bytes).chars().filter(|character| !character.is_control()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_youngest_lines_are_given_oldest_first_within_both_bounds() {
        let mut history = History::default();
        for number in 0..5 {
            history.push(format!("line {number}").as_bytes(), None);
        }
        assert_eq!(history.youngest(2, usize::MAX).concat(), b"line 3\r\nline 4\r\n");
        assert_eq!(history.youngest(9, 17).concat(), b"line 3\r\nline 4\r\n");
        assert_eq!(history.youngest(0, usize::MAX).concat(), b"");
    }

    #[test]
    fn ten_thousand_lines_are_kept_and_not_many_more() {
        let mut history = History::default();
        for number in 0..50_000 {
            history.push(format!("line {number}").as_bytes(), None);
        }
        assert!(history.lines >= LINES && history.lines < LINES + BLOCK_BYTES / 8, "{} lines", history.lines);
        let all = history.youngest(LINES, usize::MAX).concat();
        assert!(all.starts_with(b"line 40000\r\n") && all.ends_with(b"line 49999\r\n"));
    }

    #[test]
    fn a_line_can_be_added_in_parts_and_is_one_line() {
        let mut history = History::default();
        history.push(b"first ", Some(Wrap::Full));
        history.push(b"second", None);
        history.push(b"cut", Some(Wrap::Full));
        history.close_line();
        history.push(b"last", Some(Wrap::Full));
        assert_eq!(history.youngest(9, usize::MAX).concat(), b"first second\r\ncut\r\nlast");
        assert_eq!(history.youngest(1, usize::MAX).concat(), b"last");
        assert_eq!(history.lines, 3);
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let mut history = History::default();
        for _ in 0..10_000 {
            history.push(&[b'x'; 4_000], Some(Wrap::Full));
        }
        assert!(history.bytes <= BYTES + LINE_BYTES + BLOCK_BYTES, "{} bytes", history.bytes);
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let mut history = History::default();
        for _ in 0..10_000 {
            history.push(&[b'x'; 4_000], None);
        }
        assert!(history.bytes <= BYTES + BLOCK_BYTES);
    }

    #[test]
    fn plain_text_has_neither_colours_nor_links_nor_trailing_spaces() {
        let mut history = History::default();
        history.push("\x1b[0;31mred\x1b[m \x1b]8;id=1;http://x/\x1b\\link\x1b]8;;\x1b\\ ü  ".as_bytes(), None);
        let mut text = String::new();
        history.text(10, &mut text);
        assert_eq!(text, "red link ü\n");
    }
}
