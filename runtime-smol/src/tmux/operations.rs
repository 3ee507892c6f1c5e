//! Operations on agents: launch, kill, rename, mark, paste, read. Each is answered once.

use super::engine::{Answer, ConnectionId, Engine, LOST, Launched, NOT_RUNNING, State, Then};
use super::launch::{self, error};
use super::listing::MARK;
use super::quote::{Line, format_literal};
use super::screen::lossy_number;
use crate::backend::TerminalEvent;
use crate::environment::Equipped;
use crate::paste::PasteText;
use async_channel::Sender;
use consort_core::input::ScreenText;
use consort_core::limits::SNAPSHOT_HISTORY_LINES;
use consort_core::{
    AgentId, BackendInput, BackendOperation, LaunchSpec, OperationDone, OperationError, OperationId, TerminalId,
};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A session that was killed is gone after this time, or will not go.
const KILL_TIME: Duration = Duration::from_secs(3);
/// After tmux ended a connection there is another one after this time, or something is wrong.
const RECONNECT_TIME: Duration = Duration::from_secs(3);
/// How often the state is looked at while it is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What [`screen_text`] needs besides the text.
const SCREEN_NUMBERS: &str = "'#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{cursor_flag}'";

/// What an operation comes to.
pub(crate) type Outcome = Result<OperationDone, OperationError>;

impl Engine {
    pub(crate) async fn perform(self: &Rc<Self>, operation: OperationId, work: BackendOperation) {
        let outcome = match work {
            BackendOperation::Launch(spec) => self.launch(spec).await,
            BackendOperation::ReadStart(spec) => {
                let environments = self.config.environments.clone();
                Ok(OperationDone::Start(smol::unblock(move || environments.start_of(&spec)).await))
            }
            BackendOperation::Kill(agent) => self.kill(agent).await,
            BackendOperation::Rename(agent, name) => self.rename(agent, &name).await,
            BackendOperation::Mark(agent) => {
                self.on_session(agent, |id| Line::new("set-option -t").word(id).word(MARK).arg(agent.to_string())).await
            }
            BackendOperation::Paste { terminal, text, submit } => {
                self.paste(terminal, &PasteText::new(&text), submit).await
            }
            BackendOperation::Type { terminal, bytes } => self.type_keys(terminal, &bytes).await,
            BackendOperation::ReadProcess { terminal } => self.read_process(terminal).await,
            BackendOperation::ReadText { terminal, history_lines } => self.read_text(terminal, history_lines).await,
        };
        self.reports.backend(BackendInput::Done(operation, outcome));
    }

    /// Runs a command on an agent's session and waits until its effects are reported. The command has the same effect when it
    /// runs twice: tmux ends our connection together with the session that it is attached to, and then nobody knows whether
    /// what was under way has run, so it runs again on the next connection.
    async fn on_session(&self, agent: AgentId, line: impl Fn(&str) -> Line) -> Outcome {
        let start = Instant::now();
        loop {
            let session = self.session_of(agent)?;
            match self.ask(line(&format!("'${session}'"))).await {
                Err(message) if (message == LOST || message == NOT_RUNNING) && start.elapsed() < RECONNECT_TIME => {
                    self.reconnected(start).await
                }
                answer => {
                    answer.map_err(|message| refused(&message))?;
                    self.list_now().await;
                    return Ok(OperationDone::Done);
                }
            }
        }
    }

    fn session_of(&self, agent: AgentId) -> Result<u32, OperationError> {
        self.state.borrow().agents.get(&agent).copied().ok_or_else(|| {
            error("unknown-agent", "There is no tmux session for this agent.", "It may have ended meanwhile.")
        })
    }

    /// Waits until a connection has listed everything: this one, or the next.
    async fn reconnected(&self, start: Instant) {
        while start.elapsed() < RECONNECT_TIME {
            if self.state.borrow().identified && self.list_now().await {
                return;
            }
            smol::Timer::after(LOOK_AGAIN).await;
        }
    }

    /// Ends a session. With the last one the server ends too, and may take its answer with it.
    async fn kill(&self, agent: AgentId) -> Outcome {
        self.session_of(agent)?;
        let outcome = self.on_session(agent, |id| Line::new("kill-session -t").word(id)).await;
        let start = Instant::now();
        while self.state.borrow().seen.contains_key(&agent) {
            if start.elapsed() > KILL_TIME {
                return outcome.and(Err(refused("the session is still there")));
            }
            smol::Timer::after(LOOK_AGAIN).await;
        }
        Ok(OperationDone::Done)
    }

    async fn rename(&self, agent: AgentId, name: &str) -> Outcome {
        let literal = launch::check_name(name)?;
        if self.name_taken(name, Some(agent)) {
            return Err(launch::name_taken(name));
        }
        self.on_session(agent, |id| Line::new("rename-session -t").word(id).word("--").arg(&literal)).await
    }

    fn name_taken(&self, name: &str, except: Option<AgentId>) -> bool {
        let state = self.state.borrow();
        let except = except.and_then(|agent| state.agents.get(&agent));
        state.sessions.values().any(|session| session.name == name && Some(&session.id) != except)
    }

    async fn launch(self: &Rc<Self>, spec: LaunchSpec) -> Outcome {
        let environments = self.config.environments.clone();
        // It may have to wait for the user's shell.
        let Equipped { spec, environment, start } = smol::unblock(move || environments.prepared(&spec)).await;
        let prepared = launch::prepare(&self.config, &spec, environment)?;
        let (tmux, socket) = self.tmux_program()?;
        let (sender, receiver) = async_channel::bounded(1);
        self.check_window_size().await?;
        let handover = self.config.environments.hand_over(&prepared.environment);
        let handover = handover.map_err(|error| launch::not_prepared(&error))?;
        let sent = {
            let mut state = self.state.borrow_mut();
            let monitor = state.monitor.filter(|_| state.identified);
            if let Some(monitor) = monitor {
                let line = launch::creation(&prepared, &tmux, handover.path(), spec.agent);
                let new = Launched { agent: spec.agent, program: prepared.program_name.clone(), done: sender };
                state.send(monitor, line, Then::Launched(new));
            }
            monitor.is_some()
        };
        let answer = if sent { receiver.recv().await.ok() } else { None };
        match answer {
            Some(answer) => {
                answer.map_err(|message| launch::failed(&spec, &message))?;
            }
            None => {
                // The answer went with a connection that ended: the session may have been made all the same.
                if sent {
                    self.reconnected(Instant::now()).await;
                }
                if !self.state.borrow().agents.contains_key(&spec.agent) {
                    let prepared = (&prepared, handover.path());
                    launch::start_server(self, prepared, (&tmux, &socket), &spec).await?;
                }
            }
        }
        handover.leave();
        self.reconnected(Instant::now()).await;
        if self.state.borrow().agents.contains_key(&spec.agent) {
            return Ok(OperationDone::Start(start));
        }
        Err(error(
            "session-ended",
            "The session ended as soon as it was made.",
            "Its shell ended at once, or a hook of your tmux ends sessions: see tmux show-hooks -g",
        ))
    }

    /// tmux (seen in 3.3a and 3.5a) reads a window that is not there yet when this option is `manual` for all windows. The
    /// crash would end every session of the user's.
    async fn check_window_size(&self) -> Result<(), OperationError> {
        if !self.state.borrow().identified {
            return Ok(());
        }
        let values = self.ask(Line::new("show-options -gwv window-size")).await.unwrap_or_default();
        if values.first().is_some_and(|value| value == b"manual") {
            return Err(launch::error("tmux-would-crash", launch::MANUAL_SIZE, launch::MANUAL_SIZE_HINT));
        }
        Ok(())
    }

    async fn read_text(&self, terminal: TerminalId, history_lines: u32) -> Outcome {
        self.known(terminal)?;
        let pane = format!("%{}", terminal.pane);
        let lines = history_lines.min(SNAPSHOT_HISTORY_LINES);
        let start = if lines == 0 { "0".to_owned() } else { format!("-{lines}") };
        let line = Line::new("display-message -p -t").word(&pane).word(SCREEN_NUMBERS);
        let line = line.then("capture-pane -p -t").word(&pane).word("-S").word(start);
        let bodies = self.ask(line).await.map_err(|message| refused(&message))?;
        let text = match bodies.as_slice() {
            [numbers, text] => screen_text(numbers, text),
            _ => None,
        };
        text.map(|(text, _)| OperationDone::Text(text)).ok_or_else(|| refused("tmux gave no text"))
    }

    /// Refuses a terminal that is not there.
    pub(crate) fn known(&self, terminal: TerminalId) -> Result<(), OperationError> {
        if self.state.borrow().terminals.contains_key(&terminal) {
            return Ok(());
        }
        Err(error("unknown-terminal", "This terminal has ended.", ""))
    }
}

/// tmux refused a command.
pub(crate) fn refused(message: &str) -> OperationError {
    error("tmux-refused", &format!("tmux refused: {message}"), "The session may have changed meanwhile; try again.")
}

/// The text of a screen, and whether its cursor is shown.
fn screen_text(numbers: &[u8], text: &[u8]) -> Option<(ScreenText, bool)> {
    let numbers: Vec<u16> = std::str::from_utf8(numbers).ok()?.split(' ').map_while(lossy_number).collect();
    let [cols, rows, x, y, shown] = numbers.as_slice() else { return None };
    let mut lines = String::new();
    for line in String::from_utf8_lossy(text).split('\n') {
        lines.push_str(line.trim_end_matches(' '));
        lines.push('\n');
    }
    let size = consort_core::Size::clamped(*cols, *rows);
    let cursor = ((*x).min(size.cols()), (*y).min(size.rows() - 1));
    Some((ScreenText { size, cursor, text: lines }, *shown == 1))
}

impl State {
    /// A session was made. If the rest of the list that made it failed, it is repeated with the session's id; and if that
    /// fails too, nothing is left of the session.
    pub(crate) fn launched(&mut self, id: ConnectionId, new: Launched, bodies: &[Vec<u8>], message: Option<String>) {
        let made = bodies.first().and_then(|body| launch::made(body));
        let (Some(session), Some(message)) = (made, &message) else {
            let answer = message.map_or_else(|| Ok(bodies.to_vec()), Err);
            let _ = new.done.try_send(answer);
            return;
        };
        log::info!("tmux made session {session} and then refused: {message}; a hook may have renamed it");
        let line = launch::settings(Line::default(), &format!("{session}:"), new.agent, &new.program);
        self.send(id, line, Then::Marked(session, new.done));
    }

    /// The second attempt of [`launched`](State::launched).
    pub(crate) fn marked(&mut self, id: ConnectionId, session: &str, done: &Sender<Answer>, answer: Answer) {
        if answer.is_err() {
            self.send(id, Line::new("kill-session -t").arg(session), Then::Ignore);
        }
        let _ = done.try_send(answer);
    }

    /// Asks for the visible text.
    pub(crate) fn read_screen(&mut self, terminal: TerminalId) {
        if let Some(monitor) = self.monitor {
            let pane = format!("%{}", terminal.pane);
            let line = Line::new("display-message -p -t").word(&pane).word(SCREEN_NUMBERS);
            self.send(monitor, line.then("capture-pane -p -t").word(pane), Then::Screen(terminal));
        }
    }

    /// The answer to [`read_screen`](State::read_screen).
    pub(crate) fn screen_read(&mut self, engine: &Rc<Engine>, terminal: TerminalId, answer: Answer) {
        if !self.terminals.contains_key(&terminal) {
            return;
        }
        if let Ok([numbers, text]) = answer.as_deref()
            && let Some((text, cursor_shown)) = screen_text(numbers, text)
        {
            engine.reports.terminal(terminal, TerminalEvent::Screen(text, cursor_shown));
        }
    }
}

/// Used where tmux expands formats.
pub(crate) fn literal(text: &str, what: &str) -> Result<String, OperationError> {
    format_literal(text).ok_or_else(|| {
        error("not-representable", &format!("tmux cannot take this {what}: {text}"), "Choose one without \"#[\".")
    })
}
