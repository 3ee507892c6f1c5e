//! Bytes to a terminal: every value, in order, each once, also while a person has the pane in copy mode.

use super::engine::{Answer, ConnectionId, Engine, State, Then};
use super::quote::{Line, spelled};
use crate::backend::TerminalEvent;
use consort_core::TerminalId;
use std::fmt::Write;
use std::rc::Rc;

/// Up to so many bytes are sent as keys; more go through a buffer.
const KEYS_BYTES: usize = 256;
/// What tmux answers first when the pane is in a mode: two more commands follow then.
pub(crate) const IN_MODE: &[u8] = b"consort-in-mode";

impl State {
    /// Writes bytes to a terminal; `Written` follows when tmux has them.
    pub(crate) fn write(&mut self, engine: &Rc<Engine>, id: TerminalId, bytes: &[u8]) {
        let Some(connection) = self.input_connection(id) else {
            let reason = "The connection to tmux was lost.".to_owned();
            return engine.reports.terminal(id, TerminalEvent::WriteFailed(reason));
        };
        self.typed(engine, id);
        for piece in pieces(bytes) {
            let line = match piece {
                Piece::Keys(keys) => self.keys_line(id.pane, keys),
                Piece::Bulk(text) => {
                    let buffer = self.buffer_name();
                    let paste = self.paste_command(id.pane, &buffer);
                    Line::new("set-buffer -b").word(&buffer).word("--").arg(text).then(&paste)
                }
            };
            if let Some(terminal) = self.terminals.get_mut(&id) {
                terminal.writes = Some((connection, terminal.writes.map_or(1, |(_, count)| count + 1)));
            }
            self.send(connection, line, Then::Written(id, piece.len()));
        }
    }

    /// The connection for a terminal's input: its session's own, where the echo comes back. While input is on its way by
    /// another one it stays with that: two could overtake each other.
    pub(crate) fn input_connection(&self, id: TerminalId) -> Option<ConnectionId> {
        let terminal = self.terminals.get(&id)?;
        let busy = terminal.writes.map(|(connection, _)| connection);
        let busy = busy.filter(|connection| self.connections.contains_key(connection));
        busy.or_else(|| self.watches.get(&terminal.session).copied()).or(self.monitor)
    }

    /// A name for a buffer that nobody else uses.
    pub(crate) fn buffer_name(&mut self) -> String {
        self.next_buffer += 1;
        format!("consort-{}-{}", std::process::id(), self.next_buffer)
    }

    fn paste_command(&self, pane: u32, buffer: &str) -> String {
        format!("paste-buffer -r{} -d -b {buffer} -t %{pane}", self.paste_raw)
    }

    /// Keys if the pane shows its program; through a buffer if it is in a mode, which would eat keys. tmux decides, so that
    /// the decision and the writing cannot come apart.
    pub(crate) fn keys_line(&mut self, pane: u32, bytes: &[u8]) -> Line {
        let buffer = self.buffer_name();
        let mut keys = format!("{} -t %{pane} -H", spelled("{ send-keys"));
        for byte in bytes {
            let _ = write!(keys, " {byte:02x}");
        }
        keys.push_str(" }");
        let in_mode = String::from_utf8_lossy(IN_MODE);
        let mut other = Line::new("{ display-message -p").word(&in_mode);
        if bytes.contains(&0) {
            // No buffer can be given this byte: better tmux's error ("no data specified") than another byte.
            other = other.then("set-buffer -b").word(&buffer).then("display-message");
        } else {
            let paste = self.paste_command(pane, &buffer);
            other = other.then("set-buffer -b").word(&buffer).word("--").arg(bytes).then(&paste);
        }
        // `if-shell -F` gives one answer, the keys another.
        Line::new("if-shell -F -t")
            .word(format!("%{pane}"))
            .word("'#{pane_in_mode}'")
            .word(other.as_str())
            .word("}")
            .word(keys)
            .with_commands(2)
    }

    /// tmux has bytes that were written, or says why not.
    pub(crate) fn written(&mut self, engine: &Rc<Engine>, id: TerminalId, bytes: usize, answer: Answer) {
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        terminal.writes =
            terminal.writes.filter(|(_, count)| *count > 1).map(|(connection, count)| (connection, count - 1));
        let event = match answer {
            Ok(_) => TerminalEvent::Written(bytes),
            Err(message) => TerminalEvent::WriteFailed(format!("tmux did not take the input: {message}")),
        };
        engine.reports.terminal(id, event);
    }
}

/// Bytes that are sent one way or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// At most [`KEYS_BYTES`], of any value.
    Keys(&'a [u8]),
    /// Any number, but no NUL: a buffer is set from a C string.
    Bulk(&'a [u8]),
}

impl Piece<'_> {
    fn len(self) -> usize {
        let (Piece::Keys(bytes) | Piece::Bulk(bytes)) = self;
        bytes.len()
    }
}

fn pieces(bytes: &[u8]) -> Vec<Piece<'_>> {
    if bytes.len() <= KEYS_BYTES {
        return if bytes.is_empty() { Vec::new() } else { vec![Piece::Keys(bytes)] };
    }
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let nuls = rest.iter().take_while(|b| **b == 0).count().min(KEYS_BYTES);
        let length = if nuls > 0 { nuls } else { rest.iter().position(|b| *b == 0).unwrap_or(rest.len()) };
        let (piece, tail) = rest.split_at(length);
        pieces.push(if nuls > 0 { Piece::Keys(piece) } else { Piece::Bulk(piece) });
        rest = tail;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_few_bytes_are_keys_and_many_go_through_a_buffer() {
        assert_eq!(pieces(b"ab\0"), [Piece::Keys(b"ab\0")]);
        assert_eq!(pieces(b""), []);
        let mut many = vec![b'x'; 300];
        assert_eq!(pieces(&many), [Piece::Bulk(&many)]);
        many[100] = 0;
        assert_eq!(pieces(&many), [Piece::Bulk(&many[..100]), Piece::Keys(&[0]), Piece::Bulk(&many[101..])]);
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_bytes_in_order(bytes in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..2_000)) {
            let pieces = pieces(&bytes);
            let joined: Vec<u8> = pieces.iter().flat_map(|piece| { let (Piece::Keys(b) | Piece::Bulk(b)) = piece; b.to_vec() }).collect();
            prop_assert_eq!(&joined, &bytes);
            for piece in pieces {
                match piece {
                    Piece::Keys(keys) => prop_assert!(keys.len() <= KEYS_BYTES && !keys.is_empty()),
                    Piece::Bulk(bulk) => prop_assert!(!bulk.contains(&0) && !bulk.is_empty()),
                }
            }
        }
    }
}
