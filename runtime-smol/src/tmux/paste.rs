//! Pasting a text as a terminal would, and pressing Enter once the program has taken it.

use super::engine::{Engine, Then};
use super::launch::error;
use super::modes::raw_mode;
use super::operations::{Outcome, refused};
use super::quote::Line;
use super::terminal::Terminal;
use crate::paste::PasteText;
use consort_core::limits::PASTE_BYTES;
use consort_core::{OperationDone, TerminalId};
use std::rc::Rc;
use std::time::{Duration, Instant};

const BEGIN: &str = "\x1b[200~";
const END: &str = "\x1b[201~";

/// Bytes of one command that fills the buffer: tmux reads a command to its end before anything else.
const CHUNK_BYTES: usize = 16 << 10;
/// A program that printed and then nothing for so long has taken the text.
const QUIET: Duration = Duration::from_millis(80);
/// Enter is pressed after this time in any case.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often it is looked whether the program is quiet.
const GLANCE: Duration = Duration::from_millis(10);

impl Engine {
    pub(crate) async fn paste(self: &Rc<Self>, terminal: TerminalId, text: &PasteText, submit: bool) -> Outcome {
        let text = text.as_str();
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

    /// Writes keys in one piece.
    pub(crate) async fn type_keys(self: &Rc<Self>, terminal: TerminalId, keys: &[u8]) -> Outcome {
        self.known(terminal)?;
        self.press(terminal, keys).await?;
        Ok(OperationDone::Done)
    }

    async fn press(&self, terminal: TerminalId, keys: &[u8]) -> Result<(), consort_core::OperationError> {
        let line = self.state.borrow_mut().keys_line(terminal.pane, keys);
        let (sender, receiver) = async_channel::bounded(1);
        self.send_to(terminal, line, Then::Keys(sender));
        let answer = receiver.recv().await.unwrap_or_else(|_| Err(super::engine::LOST.to_owned()));
        answer.map(drop).map_err(|message| refused(&message))
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
        self.press(terminal, b"\r").await?;
        Ok(OperationDone::Pasted { submitted: true })
    }

    async fn paste_text(&self, terminal: TerminalId, text: &str) -> Result<(), consort_core::OperationError> {
        let (buffer, raw) = {
            let mut state = self.state.borrow_mut();
            (state.buffer_name(), state.paste_raw)
        };
        let pane = terminal.pane;
        let paste = |flags: &str, buffer: &str| format!("paste-buffer{flags} -d{raw} -b {buffer} -t %{pane}");
        let brackets = if self.expects_brackets(terminal).await { vec!["begin", "end"] } else { Vec::new() };
        let [begin, end] = [format!("{buffer}-begin"), format!("{buffer}-end")];
        let mut answers = Vec::new();
        for (name, bracket) in brackets.iter().zip([BEGIN, END]) {
            let set = Line::new("set-buffer -b").word(format!("{buffer}-{name}")).word("--").arg(bracket);
            answers.push(self.answer_from(terminal, set));
        }
        let mut command = "set-buffer -b";
        for chunk in text.as_bytes().chunks(CHUNK_BYTES) {
            answers.push(self.answer_from(terminal, Line::new(command).word(&buffer).word("--").arg(chunk)));
            command = "set-buffer -a -b";
        }
        // While the pane is in a mode, tmux asks the mode's screen whether to send brackets, not the program's. tmux decides which
        // it is, so that the decision and the pasting cannot come apart.
        let (mut shown, mut in_mode) = (Line::default().then(&paste(" -p", &buffer)), Line::default());
        if brackets.is_empty() {
            in_mode = in_mode.then(&paste("", &buffer));
        } else {
            in_mode = in_mode.then(&paste("", &begin)).then(&paste("", &buffer)).then(&paste("", &end));
            shown = shown.then("delete-buffer -b").word(&begin).then("delete-buffer -b").word(&end);
        }
        // `if-shell -F` gives one answer, what it runs the others: as many in both cases.
        let line = Line::new("if-shell -F -t")
            .word(format!("%{pane}"))
            .word("'#{pane_in_mode}'")
            .word(format!("{{ {} }}", in_mode.as_str()))
            .word(format!("{{ {} }}", shown.as_str()))
            .with_commands(1 + shown.commands());
        answers.push(self.answer_from(terminal, line));
        let mut failure = None;
        for answer in answers {
            let answer = answer.recv().await.unwrap_or_else(|_| Err(super::engine::LOST.to_owned()));
            failure = failure.or(answer.err());
        }
        let Some(message) = failure else { return Ok(()) };
        // Whatever is left of the buffer is nobody's.
        for buffer in [buffer, begin, end] {
            let _ = self.ask(Line::new("delete-buffer -b").word(&buffer)).await;
        }
        Err(refused(&message))
    }

    /// Whether the program asked for brackets, as far as we know without tmux's help.
    async fn expects_brackets(&self, terminal: TerminalId) -> bool {
        let seen = self.state.borrow().terminals.get(&terminal).and_then(Terminal::bracketed_paste);
        if let Some(seen) = seen {
            return seen;
        }
        let line = Line::new("display-message -p -t").word(format!("%{}", terminal.pane)).word("'#{pane_tty}'");
        let answer = self.ask(line).await.ok().and_then(|bodies| bodies.into_iter().next());
        answer.is_some_and(|tty| raw_mode(String::from_utf8_lossy(&tty).trim()))
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
