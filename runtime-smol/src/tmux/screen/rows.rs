//! The rows of a capture: what tmux says of each, and how they are written so that an emulator shows the same. Pure.

use crate::dialect::pen::{Pen, Piece, pieces};
use crate::dialect::widths::Widths;
use consort_core::Size;
use memchr::memchr;
use std::borrow::Cow;

/// One row of the grid.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) bytes: &'a [u8],
    /// The pen before the row,
    pub(super) pen: Pen,
    /// whether line drawing is on there,
    pub(super) drawing: bool,
    /// and after it. The next row need not begin with that: it may be from another capture, or rows were left out.
    after: Pen,
    /// The text runs on in the next row, and a terminal that writes it gets there by itself.
    pub(super) wrapped: bool,
    /// Cells behind so many bytes were erased, not written.
    used: usize,
}

impl Row<'_> {
    /// Whether a character is written in it.
    fn has_text(&self) -> bool {
        pieces(&self.bytes[..self.used]).any(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Bytes that it takes in a snapshot at most: behind each character beyond ASCII the cursor may be placed.
    pub(super) fn room(&self) -> usize {
        let long = self.bytes.iter().filter(|byte| **byte >= 0xc0).count();
        self.bytes.len() + 8 * long + 2 * (self.bytes.len() - self.used) + 16
    }

    /// The last character with what combines with it, its width, and the pen it was written with.
    pub(super) fn last_character(&self, widths: &Widths) -> Option<(String, u16, Pen)> {
        let (mut pen, mut last) = (self.pen.clone(), None);
        for piece in pieces(self.bytes) {
            match piece {
                Piece::Sgr(parameters) => pen.apply(parameters),
                Piece::Other => {}
                Piece::Text(text) => {
                    let text = std::str::from_utf8(text).ok()?;
                    if let Some(cluster) = widths.clusters(text).last() {
                        last = Some((cluster.text.to_owned(), cluster.columns, pen.clone()));
                    }
                }
            }
        }
        last
    }
}

/// Splits a capture into rows, and finds out with the joined one which of them run on.
///
/// tmux marks a row as wrapped when text ran over its end, and does not always take the mark back when the row is changed
/// later. So a row counts as wrapped only if it is also full.
pub(super) fn rows<'a>(rows: &'a [u8], joined: &[u8], size: Size, widths: &Widths) -> Vec<Row<'a>> {
    let mut result: Vec<Row<'a>> = Vec::new();
    let (mut pen, mut drawing, mut rest, mut aligned) = (Pen::default(), false, Some(joined), true);
    for bytes in rows.split(|b| *b == b'\n') {
        let before = pen.clone();
        let line = rest.map(|rest| &rest[..memchr(b'\n', rest).unwrap_or(rest.len())]).unwrap_or_default();
        let (mut used, mut width) = (0, 0);
        // Where the last text ends that was written, and whether cells follow it that were not.
        let (mut written, mut erased) = (0, false);
        for piece in pieces(bytes) {
            match piece {
                Piece::Sgr(parameters) => pen.apply(parameters),
                Piece::Other => {}
                Piece::Text(text) => {
                    let same = text.iter().zip(&line[used..]).take_while(|(a, b)| a == b).count();
                    used += same;
                    aligned &= text[same..].iter().all(|b| *b == b' ');
                    if same > 0 {
                        written = text.as_ptr() as usize - bytes.as_ptr() as usize + same;
                    }
                    erased = same < text.len();
                }
            }
        }
        let written = if erased { written } else { bytes.len() };
        let runs_on = aligned && used < line.len();
        if runs_on {
            width = text_width(&line[..used], widths);
        }
        let next_is_wide = || first_width(&line[used..], widths) == 2;
        let cols = usize::from(size.cols());
        let wrapped = runs_on && (width == cols || (width + 1 == cols && next_is_wide()));
        rest = rest.and_then(|rest| if runs_on { Some(&rest[used..]) } else { rest.get(line.len() + 1..) });
        result.push(Row { bytes, pen: before, drawing, after: pen.clone(), wrapped, used: written });
        drawing = draws(bytes, drawing);
    }
    if !aligned {
        result.iter_mut().for_each(|row| (row.wrapped, row.used) = (false, row.bytes.len()));
    }
    // Where nothing follows in the next row, no terminal gets there by itself: tmux keeps the mark of a row whose rest it erased.
    for at in 0..result.len() {
        result[at].wrapped &= result.get(at + 1).is_some_and(Row::has_text);
    }
    result
}

/// Whether line drawing is on after a row, if it was or was not before.
pub(super) fn draws(row: &[u8], before: bool) -> bool {
    row.iter().rfind(|byte| matches!(byte, 0x0e | 0x0f)).map_or(before, |byte| *byte == 0x0e)
}

fn text_width(text: &[u8], widths: &Widths) -> usize {
    if text.is_ascii() { text.len() } else { widths.columns(&String::from_utf8_lossy(text)) }
}

fn first_width(text: &[u8], widths: &Widths) -> u16 {
    let end = text.len().min(4);
    let first = match std::str::from_utf8(&text[..end]) {
        Ok(text) => text.chars().next(),
        Err(error) => std::str::from_utf8(&text[..error.valid_up_to()]).ok().and_then(|text| text.chars().next()),
    };
    first.map_or(0, |first| widths.of(first).columns())
}

/// Writes rows so that an emulator shows them as they are in tmux.
pub(super) struct Writer<'w> {
    out: Vec<u8>,
    cols: u16,
    widths: &'w Widths,
    first: bool,
    /// The line has wrapped while a background colour was set: terminals paint the new row with it.
    painted: bool,
}

impl<'w> Writer<'w> {
    pub(super) fn new(cols: u16, widths: &'w Widths) -> Self {
        Writer { out: Vec::new(), cols, widths, first: true, painted: false }
    }

    pub(super) fn rows<'a, 'b: 'a>(&mut self, rows: &mut dyn Iterator<Item = &'a Row<'b>>) {
        let mut rows = rows.peekable();
        while let Some(row) = rows.next() {
            if std::mem::take(&mut self.first) {
                self.out.extend_from_slice(row.pen.codes().as_bytes());
                self.out.extend(row.drawing.then_some(0x0e));
            }
            self.row(&row.bytes[..row.used]);
            self.erased(row);
            let Some(next) = rows.peek() else { break };
            if row.after != next.pen || draws(row.bytes, row.drawing) != next.drawing {
                self.out.extend_from_slice(b"\x1b[0m\x0f");
                self.line_end(row, &Pen::default());
                self.out.extend_from_slice(next.pen.codes().as_bytes());
                self.out.extend(next.drawing.then_some(0x0e));
            } else if row.wrapped {
                self.painted |= next.pen.has_background();
            } else {
                self.line_end(row, &next.pen);
            }
        }
    }

    /// Writes a row. What follows characters whose width terminals disagree about is put where tmux has it.
    fn row(&mut self, bytes: &[u8]) {
        let bytes = &*overlined(bytes);
        if bytes.is_ascii() {
            return self.out.extend_from_slice(bytes);
        }
        let (mut column, mut rest) = (0, bytes);
        for piece in pieces(bytes) {
            let Piece::Text(text) = piece else { continue };
            // Between two texts are sequences only.
            let start = text.as_ptr() as usize - bytes.as_ptr() as usize;
            let sequences = &rest[..start - (bytes.len() - rest.len())];
            self.out.extend_from_slice(sequences);
            rest = &bytes[start + text.len()..];
            self.text(text, &mut column);
        }
        self.out.extend_from_slice(rest);
    }

    /// Writes the cells behind a row's text, which have nothing but a background. As in tmux, they are no text.
    fn erased(&mut self, row: &Row<'_>) {
        let rest = &*overlined(&row.bytes[row.used..]);
        if rest.is_empty() {
            return;
        }
        let mut pen = row.pen.clone();
        for piece in pieces(&row.bytes[..row.used]) {
            if let Piece::Sgr(parameters) = piece {
                pen.apply(parameters);
            }
        }
        if std::mem::take(&mut self.painted) {
            self.out.extend_from_slice(format!("\x1b[49m\x1b[K{}", pen.background_code()).as_bytes());
        }
        let mut skipped = 0;
        for piece in pieces(rest) {
            match piece {
                Piece::Sgr(parameters) => {
                    pen.apply(parameters);
                    self.out.extend_from_slice(format!("\x1b[{parameters}m").as_bytes());
                }
                Piece::Other => {}
                Piece::Text(blank) => {
                    if pen.has_background() {
                        let move_on = if skipped > 0 { format!("\x1b[{skipped}C") } else { String::new() };
                        self.out.extend_from_slice(format!("{move_on}\x1b[{}X", blank.len()).as_bytes());
                        skipped = 0;
                    }
                    skipped += blank.len();
                }
            }
        }
        let before = draws(&row.bytes[..row.used], row.drawing);
        let after = draws(row.bytes, row.drawing);
        if before != after {
            self.out.push(if after { 0x0e } else { 0x0f });
        }
    }

    fn text(&mut self, text: &[u8], column: &mut u16) {
        if text.is_ascii() {
            // What tmux has in the place of half a wide character would push the rest into the next row.
            let fits = text.len().min(usize::from(self.cols.saturating_sub(*column)));
            *column += fits as u16;
            return self.out.extend_from_slice(&text[..fits]);
        }
        for cluster in self.widths.clusters(&String::from_utf8_lossy(text)) {
            // The same. What has become wide in the last column has no second half.
            let first = cluster.text.chars().next().map_or(0, |first| self.widths.of(first).columns());
            if *column + first > self.cols {
                continue;
            }
            self.out.extend_from_slice(cluster.text.as_bytes());
            *column += cluster.columns;
            if cluster.is_doubtful() && *column < self.cols {
                self.out.extend_from_slice(format!("\x1b[{}G", *column + 1).as_bytes());
            }
        }
    }

    /// Goes to the next line with no background set, so that scrolling paints nothing.
    fn line_end(&mut self, row: &Row<'_>, pen: &Pen) {
        let repaint = std::mem::take(&mut self.painted) && row_width(row, self.widths) < usize::from(self.cols);
        if pen.has_background() || repaint {
            self.out.extend_from_slice(b"\x1b[49m");
            if repaint {
                self.out.extend_from_slice(b"\x1b[K");
            }
            self.out.extend_from_slice(b"\r\n");
            self.out.extend_from_slice(pen.background_code().as_bytes());
        } else {
            self.out.extend_from_slice(b"\r\n");
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.painted {
            self.out.extend_from_slice(b"\x1b[49m");
        }
        self.out.extend_from_slice(b"\x1b[0m\x0f");
        self.out
    }
}

/// tmux captures the attribute 53 (overlined) as `5:3`, which is blinking to terminals.
fn overlined(row: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(row, b"5:3").is_none() {
        return Cow::Borrowed(row);
    }
    let (mut out, mut rest) = (Vec::with_capacity(row.len()), row);
    for piece in pieces(row) {
        let Piece::Sgr(parameters) = piece else { continue };
        let start = parameters.as_ptr() as usize - rest.as_ptr() as usize;
        out.extend_from_slice(&rest[..start]);
        let parts = parameters.split(';').map(|part| if part == "5:3" { "53" } else { part });
        out.extend_from_slice(parts.collect::<Vec<_>>().join(";").as_bytes());
        rest = &rest[start + parameters.len()..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

pub(super) fn row_width(row: &Row<'_>, widths: &Widths) -> usize {
    pieces(row.bytes).map(|piece| if let Piece::Text(text) = piece { text_width(text, widths) } else { 0 }).sum()
}
