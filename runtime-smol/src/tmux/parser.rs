//! The control-mode parser: bytes of tmux, split anywhere, become events. Pure and total.
//!
//! tmux writes lines. Outside a block every line starts with `%`; a block, the answer to one command, stands between
//! `%begin TIME NUMBER FLAGS` and `%end` or `%error` with the *same* three numbers, and its lines are arbitrary text.
//!
//! Not everything is framed. What a hook of the user's prints while no block is open (`set-hook -g client-attached
//! "list-sessions"`) comes as bare lines, and a block with flags 0 is the output of a hook or of the command that attached.
//! Neither is an answer to us: only blocks with flags 1 are, and they come in the order of our commands.

use memchr::memchr;

/// Bytes of one line at most.
pub const LINE_BYTES: usize = 16 << 20;
/// Bytes of one answer at most.
pub const BODY_BYTES: usize = 64 << 20;

/// One thing that tmux said. Borrowed: it lives until the next one.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A pane printed these bytes, unescaped.
    Output {
        /// Number of the pane (`%12` → 12).
        pane: u32,
        /// What it printed.
        bytes: &'a [u8],
    },
    /// The answer to one command.
    Reply {
        /// Whether the command came from us on this connection; false for the command that attached and for hooks.
        own: bool,
        /// `%end` rather than `%error`.
        ok: bool,
        /// Its text, lines separated by line feeds, without the last one.
        body: &'a [u8],
    },
    /// tmux paused a pane's output for us, or we did.
    Paused(u32),
    /// A pane's output goes on.
    Continued(u32),
    /// The panes of a window have these sizes now: pane, columns, rows.
    Layout {
        /// Number of the window (`@3` → 3).
        window: u32,
        /// What is visible of the window, as tmux describes layouts.
        layout: &'a [u8],
    },
    /// A pane entered or left a mode (copy mode).
    ModeChanged(u32),
    /// This client shows another session now.
    SessionChanged(u32),
    /// Something about sessions, windows or panes is different: look again.
    ListChanged,
    /// tmux ends this connection.
    Exit {
        /// Somebody, or a hook, detached this client.
        detached: bool,
    },
    /// A notification that says nothing to us, or what a hook printed.
    Other,
}

/// Why the bytes are not control mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A line is longer than [`LINE_BYTES`].
    #[error("tmux sent a line of more than {LINE_BYTES} bytes")]
    LineTooLong,
    /// An answer is longer than [`BODY_BYTES`].
    #[error("tmux sent an answer of more than {BODY_BYTES} bytes")]
    BodyTooLong,
}

/// The three numbers that the two guards of a block share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guard {
    time: u64,
    number: u64,
    flags: u64,
}

/// The state between two pieces of input.
#[derive(Debug, Default)]
pub struct Parser {
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// The block that is open.
    open: Option<Guard>,
    body: Vec<u8>,
    /// Unescaped output, kept to be used again.
    scratch: Vec<u8>,
}

impl Parser {
    /// A parser at the beginning of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and calls `sink` for every event that they complete.
    ///
    /// # Errors
    /// The input is not control mode or exceeds a bound. What follows has no meaning; drop the connection.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), ParseError> {
        while let Some(end) = memchr(b'\n', bytes) {
            let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.partial.is_empty() {
                self.line(head, sink)?;
            } else {
                self.keep(head)?;
                let line = std::mem::take(&mut self.partial);
                let result = self.line(&line, sink);
                self.partial = line;
                self.partial.clear();
                self.partial.shrink_to(64 << 10);
                result?;
            }
            bytes = rest;
        }
        self.keep(bytes)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), ParseError> {
        if self.partial.len() + bytes.len() > LINE_BYTES {
            return Err(ParseError::LineTooLong);
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    fn line(&mut self, line: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), ParseError> {
        if line.len() > LINE_BYTES {
            return Err(ParseError::LineTooLong);
        }
        match self.open {
            Some(open) => self.line_in_block(open, line, sink),
            None => {
                self.line_outside(line, sink);
                Ok(())
            }
        }
    }

    fn line_in_block(&mut self, open: Guard, line: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), ParseError> {
        let ok = match end_guard(line) {
            Some((ok, guard)) if guard == open => ok,
            _ => {
                if self.body.len() + line.len() + 1 > BODY_BYTES {
                    return Err(ParseError::BodyTooLong);
                }
                self.body.extend_from_slice(line);
                self.body.push(b'\n');
                return Ok(());
            }
        };
        self.open = None;
        let body = self.body.strip_suffix(b"\n").unwrap_or(&self.body);
        sink(Event::Reply { own: open.flags & 1 != 0, ok, body });
        self.body.clear();
        self.body.shrink_to(1 << 20);
        Ok(())
    }

    fn line_outside(&mut self, line: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        // A terminal's device control string comes first when tmux believes that it talks to one (`-CC`); not used by us.
        if line.is_empty() {
            return;
        }
        let (word, rest) = split_word(line);
        match word {
            b"%output" => self.output(split_word(rest), sink),
            b"%extended-output" => self.extended_output(rest, sink),
            b"%begin" => self.open = guard(rest),
            _ => sink(notification(word, rest)),
        }
    }

    fn output(&mut self, (pane, data): (&[u8], &[u8]), sink: &mut dyn FnMut(Event<'_>)) {
        let Some(pane) = id(pane, b'%') else { return sink(Event::Other) };
        self.scratch.clear();
        unescape(data, &mut self.scratch);
        sink(Event::Output { pane, bytes: &self.scratch });
    }

    /// `%extended-output %PANE AGE … : DATA`; what stands between the age and the colon is reserved.
    fn extended_output(&mut self, rest: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        let (pane, rest) = split_word(rest);
        let mut at = 0;
        while let Some(colon) = memchr(b':', &rest[at..]) {
            let colon = at + colon;
            let before = colon.checked_sub(1).is_some_and(|i| rest[i] == b' ');
            if before && rest.get(colon + 1) == Some(&b' ') {
                return self.output((pane, &rest[colon + 2..]), sink);
            }
            at = colon + 1;
        }
        sink(Event::Other);
    }
}

fn notification<'a>(word: &[u8], rest: &'a [u8]) -> Event<'a> {
    let (first, tail) = split_word(rest);
    let event = match word {
        b"%pause" => id(first, b'%').map(Event::Paused),
        b"%continue" => id(first, b'%').map(Event::Continued),
        b"%pane-mode-changed" => id(first, b'%').map(Event::ModeChanged),
        b"%session-changed" => id(first, b'$').map(Event::SessionChanged),
        b"%layout-change" => id(first, b'@').map(|window| {
            let (layout, visible) = split_word(tail);
            let visible = split_word(visible).0;
            Event::Layout { window, layout: if visible.is_empty() { layout } else { visible } }
        }),
        b"%exit" => Some(Event::Exit { detached: first == b"detached" }),
        b"%sessions-changed"
        | b"%session-renamed"
        | b"%session-window-changed"
        | b"%window-add"
        | b"%window-close"
        | b"%window-renamed"
        | b"%window-pane-changed"
        | b"%unlinked-window-add"
        | b"%unlinked-window-close"
        | b"%unlinked-window-renamed"
        | b"%client-session-changed"
        | b"%client-detached" => Some(Event::ListChanged),
        _ => None,
    };
    event.unwrap_or(Event::Other)
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b' ', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

/// A decimal number of at most 20 digits.
pub(crate) fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    if text.is_empty() || text.len() > 20 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The number of an id with this sigil: `%12` → 12.
pub(crate) fn id(text: &[u8], sigil: u8) -> Option<u32> {
    let (first, digits) = text.split_first()?;
    if *first == sigil { number(digits) } else { None }
}

fn guard(rest: &[u8]) -> Option<Guard> {
    let (time, rest) = split_word(rest);
    let (number_text, flags) = split_word(rest);
    Some(Guard { time: number(time)?, number: number(number_text)?, flags: number(flags)? })
}

fn end_guard(line: &[u8]) -> Option<(bool, Guard)> {
    if let Some(rest) = line.strip_prefix(b"%end ") {
        return Some((true, guard(rest)?));
    }
    Some((false, guard(line.strip_prefix(b"%error ")?)?))
}

/// Undoes tmux's escaping of output: `\ooo` for every byte below a space and for the backslash.
fn unescape(mut data: &[u8], out: &mut Vec<u8>) {
    out.reserve(data.len());
    while let Some(at) = memchr(b'\\', data) {
        out.extend_from_slice(&data[..at]);
        let octal = |i: usize| data.get(at + i).filter(|d| (b'0'..=b'7').contains(*d)).map(|d| u32::from(d - b'0'));
        if let (Some(a), Some(b), Some(c)) = (octal(1), octal(2), octal(3)) {
            out.push((a * 64 + b * 8 + c) as u8);
            data = &data[at + 4..];
        } else {
            out.push(b'\\');
            data = &data[at + 1..];
        }
    }
    out.extend_from_slice(data);
}

/// The panes of a layout with their sizes: every leaf `WIDTHxHEIGHT,X,Y,PANE` of
/// `CHECKSUM,80x24,0,0{40x24,0,0,1,39x24,41,0,2}`.
pub(crate) fn layout_panes(layout: &[u8]) -> Vec<(u32, u16, u16)> {
    let mut panes = Vec::new();
    let Some(start) = memchr(b',', layout) else { return panes };
    let mut rest = &layout[start + 1..];
    while let Some((cell, mut tail)) = layout_cell(rest) {
        if tail.first() == Some(&b',') {
            // A leaf goes on with its pane's number; a number followed by `x` is already the next cell.
            let digits = tail[1..].iter().take_while(|b| b.is_ascii_digit()).count();
            if let (Some(pane), false) = (number(&tail[1..1 + digits]), tail.get(1 + digits) == Some(&b'x')) {
                panes.push((pane, cell.0, cell.1));
                tail = &tail[1 + digits..];
            }
        }
        let skip = tail.iter().take_while(|b| !b.is_ascii_digit()).count();
        rest = &tail[skip..];
    }
    panes
}

/// `WxH,X,Y` at the beginning of `text`, and what follows it.
fn layout_cell(text: &[u8]) -> Option<((u16, u16), &[u8])> {
    let mut rest = text;
    let mut take = |end: Option<u8>| -> Option<u16> {
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let value = number(&rest[..digits])?;
        match end {
            Some(end) if rest.get(digits) == Some(&end) => rest = &rest[digits + 1..],
            Some(_) => return None,
            None => rest = &rest[digits..],
        }
        Some(value)
    };
    let (width, height) = (take(Some(b'x'))?, take(Some(b','))?);
    take(Some(b','))?;
    take(None)?;
    Some(((width, height), rest))
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
