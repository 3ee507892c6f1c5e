//! Operations on agents: launch, kill, rename, mark, paste, read. Each is answered once.

use super::engine::{Answer, ConnectionId, Engine, State, Then};
use super::launch::{self, error};
use super::listing::{MARK, PROGRAM};
use super::quote::{Line, format_literal};
use crate::backend::TerminalEvent;
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

/// What an operation comes to.
pub(crate) type Outcome = Result<OperationDone, OperationError>;

impl Engine {
    pub(crate) async fn perform(self: &Rc<Self>, operation: OperationId, work: BackendOperation) {
        let outcome = match work {
            BackendOperation::Launch(spec) => self.launch(spec).await,
            BackendOperation::Kill(agent) => self.kill(agent).await,
            BackendOperation::Rename(agent, name) => self.rename(agent, &name).await,
            BackendOperation::Mark(agent) => {
                self.on_session(agent, |id| Ok(Line::new("set-option -t").word(id).word(MARK).arg(agent.to_string())))
                    .await
            }
            BackendOperation::Paste { terminal, text, submit } => {
                self.paste(terminal, &PasteText::new(&text), submit).await
            }
            BackendOperation::ReadText { terminal, history_lines } => self.read_text(terminal, history_lines).await,
        };
        self.reports.backend(BackendInput::Done(operation, outcome));
    }

    /// Runs a command on an agent's session and waits until its effects are reported.
    async fn on_session(&self, agent: AgentId, line: impl FnOnce(String) -> Result<Line, OperationError>) -> Outcome {
        let session = self.state.borrow().agents.get(&agent).copied();
        let Some(session) = session else {
            return Err(error(
                "unknown-agent",
                "There is no tmux session for this agent.",
                "It may have ended meanwhile.",
            ));
        };
        self.ask(line(format!("'${session}'"))?).await.map_err(|message| refused(&message))?;
        self.list_now().await;
        Ok(OperationDone::Done)
    }

    /// Ends a session. With the last one the server ends too, and may take its answer with it.
    async fn kill(&self, agent: AgentId) -> Outcome {
        let outcome = self.on_session(agent, |id| Ok(Line::new("kill-session -t").word(id))).await;
        let start = Instant::now();
        while self.state.borrow().seen.contains_key(&agent) {
            if start.elapsed() > KILL_TIME {
                return outcome.and(Err(refused("the session is still there")));
            }
            smol::Timer::after(Duration::from_millis(5)).await;
        }
        match outcome {
            Err(error) if error.code == "unknown-agent" => Err(error),
            _ => Ok(OperationDone::Done),
        }
    }

    async fn rename(&self, agent: AgentId, name: &str) -> Outcome {
        let literal = launch::check_name(name)?;
        if self.name_taken(name, Some(agent)) {
            return Err(launch::name_taken(name));
        }
        self.on_session(agent, |id| Ok(Line::new("rename-session -t").word(id).word("--").arg(literal))).await
    }

    fn name_taken(&self, name: &str, except: Option<AgentId>) -> bool {
        let state = self.state.borrow();
        let except = except.and_then(|agent| state.agents.get(&agent));
        state.sessions.values().any(|session| session.name == name && Some(&session.id) != except)
    }

    async fn launch(self: &Rc<Self>, spec: LaunchSpec) -> Outcome {
        let prepared = launch::prepare(&self.config, &spec)?;
        let program = prepared.program_name.clone();
        let tmux = self.tmux_program()?;
        let (sender, receiver) = async_channel::bounded(1);
        let running = {
            let mut state = self.state.borrow_mut();
            if let Some(monitor) = state.monitor {
                state.listing.held += 1;
                let line = launch::new_session(&prepared, &tmux);
                state.send(monitor, line, Then::Launched(spec.agent, program.clone(), sender));
                true
            } else {
                false
            }
        };
        if running {
            let answer = receiver.recv().await.unwrap_or_else(|_| Err("tmux ended the connection".to_owned()));
            answer.map_err(|message| launch::failed(&spec, &message))?;
        } else {
            launch::start_server(self, &prepared, &tmux, &spec).await?;
        }
        self.list_now().await;
        Ok(OperationDone::Done)
    }

    async fn read_text(&self, terminal: TerminalId, history_lines: u32) -> Outcome {
        self.known(terminal)?;
        let pane = format!("%{}", terminal.pane);
        let lines = history_lines.min(SNAPSHOT_HISTORY_LINES);
        let start = if lines == 0 { "0".to_owned() } else { format!("-{lines}") };
        let line = Line::new("display-message -p -t")
            .word(&pane)
            .word("'#{pane_width} #{pane_height} #{cursor_x} #{cursor_y}'");
        let line = line.then("capture-pane -p -t").word(&pane).word("-S").word(start);
        let bodies = self.ask(line).await.map_err(|message| refused(&message))?;
        let text = match bodies.as_slice() {
            [numbers, text] => screen_text(numbers, text),
            _ => None,
        };
        text.map(OperationDone::Text).ok_or_else(|| refused("tmux gave no text"))
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

fn screen_text(numbers: &[u8], text: &[u8]) -> Option<ScreenText> {
    let numbers: Vec<u16> = std::str::from_utf8(numbers).ok()?.split(' ').map_while(|n| n.parse().ok()).collect();
    let [cols, rows, x, y] = numbers.as_slice() else { return None };
    let mut lines = String::new();
    for line in String::from_utf8_lossy(text).split('\n') {
        lines.push_str(line.trim_end_matches(' '));
        lines.push('\n');
    }
    Some(ScreenText { size: consort_core::Size::clamped(*cols, *rows), cursor: (*x, *y), text: lines })
}

impl State {
    /// A session was made: marks it before anything else is asked, so that no list sees it without.
    pub(crate) fn launched(
        &mut self,
        id: ConnectionId,
        agent: AgentId,
        program: &str,
        sender: Sender<Answer>,
        answer: Answer,
    ) {
        self.listing.held = self.listing.held.saturating_sub(1);
        let made = answer.and_then(|bodies| {
            let text = bodies.first().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default();
            text.split_once(' ')
                .filter(|(session, pane)| session.starts_with('$') && pane.starts_with('%'))
                .map(|(session, pane)| (session.to_owned(), pane.to_owned()))
                .ok_or_else(|| format!("unexpected answer {text:?}"))
        });
        let (session, pane) = match made {
            Ok(made) => made,
            Err(message) => {
                let _ = sender.try_send(Err(message));
                return self.list();
            }
        };
        self.send(id, mark_line(&session, &pane, agent, program), Then::Answer(sender));
        if self.listing.again {
            self.list();
        }
    }

    /// Asks for the visible text.
    pub(crate) fn read_screen(&mut self, terminal: TerminalId) {
        if let Some(monitor) = self.monitor {
            let line = Line::new("capture-pane -p -t").word(format!("%{}", terminal.pane));
            self.send(monitor, line, Then::Screen(terminal));
        }
    }

    /// The answer to [`read_screen`](State::read_screen).
    pub(crate) fn screen_read(&mut self, engine: &Rc<Engine>, terminal: TerminalId, answer: Answer) {
        if !self.terminals.contains_key(&terminal) {
            return;
        }
        if let Some(body) = answer.ok().and_then(|bodies| bodies.into_iter().next()) {
            let text = String::from_utf8_lossy(&body).into_owned();
            engine.reports.terminal(terminal, TerminalEvent::Screen(text));
        }
    }
}

/// The commands that mark a new session with its agent and its pane with the program.
pub(crate) fn mark_line(session: &str, pane: &str, agent: AgentId, program: &str) -> Line {
    let line = Line::new("set-option -t").word(format!("'{session}'")).word(MARK).arg(agent.to_string());
    if program.is_empty() {
        return line;
    }
    line.then("set-option -p -t").word(format!("'{pane}'")).word(PROGRAM).arg(program)
}

/// Used where tmux expands formats.
pub(crate) fn literal(text: &str, what: &str) -> Result<String, OperationError> {
    format_literal(text).ok_or_else(|| {
        error("not-representable", &format!("tmux cannot take this {what}: {text}"), "Choose one without \"#[\".")
    })
}
