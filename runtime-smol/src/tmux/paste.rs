//! Pasting a text as a terminal would, and pressing Enter once the program has taken it.

use super::engine::{Engine, Then};
use super::launch::error;
use super::operations::{Outcome, refused};
use super::quote::Line;
use consort_core::limits::PASTE_BYTES;
use consort_core::{OperationDone, TerminalId};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Bytes of one command that fills the buffer: tmux reads a command to its end before anything else.
const CHUNK_BYTES: usize = 16 << 10;
/// A program that printed and then nothing for so long has taken the text.
const QUIET: Duration = Duration::from_millis(80);
/// Enter is pressed after this time in any case.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often it is looked whether the program is quiet.
const GLANCE: Duration = Duration::from_millis(10);

impl Engine {
    pub(crate) async fn paste(self: &Rc<Self>, terminal: TerminalId, text: &str, submit: bool) -> Outcome {
        self.known(terminal)?;
        if text.len() > PASTE_BYTES {
            return Err(error("text-too-long", "This text is longer than 2 MiB.", "Paste it in parts."));
        }
        if submit {
            let mut state = self.state.borrow_mut();
            if let Some(known) = state.terminals.get_mut(&terminal) {
                known.listeners += 1;
            }
            state.listen(self, terminal);
        }
        let result = self.paste_and_submit(terminal, text, submit).await;
        if submit {
            let mut state = self.state.borrow_mut();
            if let Some(known) = state.terminals.get_mut(&terminal) {
                known.listeners = known.listeners.saturating_sub(1);
                let session = known.session;
                state.unlisten(session);
            }
        }
        result
    }

    async fn paste_and_submit(&self, terminal: TerminalId, text: &str, submit: bool) -> Outcome {
        let before = self.printed(terminal).1;
        if !text.is_empty() {
            self.paste_text(terminal, text).await?;
        }
        if !submit {
            return Ok(OperationDone::Pasted { submitted: false });
        }
        if !text.is_empty() {
            self.until_taken(terminal, before).await;
        }
        let line = self.state.borrow_mut().keys_line(terminal.pane, b"\r");
        let (sender, receiver) = async_channel::bounded(1);
        self.send_to(terminal, line, Then::Keys(sender));
        let answer = receiver.recv().await.unwrap_or_else(|_| Err("tmux ended the connection".to_owned()));
        answer.map_err(|message| refused(&message))?;
        Ok(OperationDone::Pasted { submitted: true })
    }

    async fn paste_text(&self, terminal: TerminalId, text: &str) -> Result<(), consort_core::OperationError> {
        let (buffer, raw) = {
            let mut state = self.state.borrow_mut();
            (state.buffer_name(), state.paste_raw)
        };
        let text = pasteable(text);
        let mut command = "set-buffer -b";
        let mut answers = Vec::new();
        for chunk in text.as_bytes().chunks(CHUNK_BYTES) {
            answers.push(self.answer_from(terminal, Line::new(command).word(&buffer).word("--").arg(chunk)));
            command = "set-buffer -a -b";
        }
        let paste = Line::new("paste-buffer -p -d")
            .word(raw)
            .word("-b")
            .word(&buffer)
            .word("-t")
            .word(format!("%{}", terminal.pane));
        answers.push(self.answer_from(terminal, paste));
        let mut failure = None;
        for answer in answers {
            let answer = answer.recv().await.unwrap_or_else(|_| Err("tmux ended the connection".to_owned()));
            failure = failure.or(answer.err());
        }
        let Some(message) = failure else { return Ok(()) };
        // Whatever is left of the buffer is nobody's.
        let _ = self.ask(Line::new("delete-buffer -b").word(&buffer)).await;
        Err(refused(&message))
    }

    /// Waits until the program has printed something since and is quiet, within bounds.
    async fn until_taken(&self, terminal: TerminalId, before: u64) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            smol::Timer::after(GLANCE).await;
            let (last, count) = self.printed(terminal);
            if count > before && last.is_none_or(|last| last.elapsed() >= QUIET) {
                return;
            }
        }
    }

    fn printed(&self, terminal: TerminalId) -> (Option<Instant>, u64) {
        self.state.borrow().terminals.get(&terminal).map_or((None, 0), |terminal| terminal.printed)
    }

    fn answer_from(&self, terminal: TerminalId, line: Line) -> async_channel::Receiver<super::engine::Answer> {
        let (sender, receiver) = async_channel::bounded(1);
        self.send_to(terminal, line, Then::Answer(sender));
        receiver
    }

    /// Sends by the connection that the terminal's input goes by, so that it stays in order with that.
    fn send_to(&self, terminal: TerminalId, line: Line, then: Then) {
        let mut state = self.state.borrow_mut();
        if let Some(connection) = state.input_connection(terminal) {
            state.send(connection, line, then);
        }
    }
}

/// The text without what no terminal pastes: control characters, which could end the brackets around the text and give
/// commands in its place.
fn pasteable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_brackets_by_itself() {
        assert_eq!(pasteable("a\x1b[201~b\0\u{9b}c\td\r\né"), "a[201~bc\td\r\né");
    }
}
