//! The state of the backend and its router: what tmux says goes to the module that knows what it means, orders likewise.

use super::TmuxConfig;
use super::connection::{Address, ControlConnection, Ending, Handler, Pump};
use super::listing::{GlobalOptions, ServerIdentity, Session};
use super::parser::{Event, Parser};
use super::quote::{Line, spelled};
use super::reports::Reports;
use super::sizes::Leases;
use super::terminal::Terminal;
use crate::backend::{TerminalEvent, ToBackend};
use crate::dialect::widths::Widths;
use async_channel::{Receiver, Sender};
use consort_core::{AgentId, BackendOperation, Observation, OperationId, TerminalId, TerminalOutput};
use smol::{LocalExecutor, Task};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection of ours, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Lists, notifications and everything that needs no session.
    Monitor,
    /// The output of this session's panes.
    Watch(u32),
    /// Deciding the size of this session's windows.
    Size(u32),
}

/// One connection with what it still owes us.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) role: Role,
    pub(crate) control: ControlConnection,
    parser: Parser,
    pending: VecDeque<Pending>,
    /// tmux said something intelligible.
    pub(crate) understood: bool,
    opened: Instant,
    _task: Task<()>,
}

/// A line of commands whose answers are not complete.
#[derive(Debug)]
struct Pending {
    left: usize,
    bodies: Vec<Vec<u8>>,
    then: Then,
}

/// What the answers are for.
#[derive(Debug)]
pub(crate) enum Then {
    /// Nothing.
    Ignore,
    /// The connection is not needed any more.
    HangUp,
    /// The lists of clients and panes.
    List,
    /// The same for panes that printed lately, and the quick list of all.
    Quick,
    /// Bytes written to a terminal.
    Written(TerminalId, usize),
    /// A snapshot with so many lines of history.
    Snapshot(TerminalId, u32),
    /// Whether a paused pane prints nothing any more.
    Still(TerminalId),
    /// The visible text.
    Screen(TerminalId),
    /// A new session and its settings.
    Launched(Launched),
    /// The settings of a new session, by its id.
    Marked(String, Sender<Answer>),
    /// The environment of a session without a mark.
    Examined(u32),
    /// Keys that a task waits for; see [`keys_line`](super::write::keys_line).
    Keys(Sender<Answer>),
    /// A task waits for them.
    Answer(Sender<Answer>),
}

/// A session that is being made.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) agent: AgentId,
    /// The program's name; empty for the user's shell.
    pub(crate) program: String,
    pub(crate) done: Sender<Answer>,
}

/// The answers to a line of commands, or tmux's message about the first that failed.
pub(crate) type Answer = Result<Vec<Vec<u8>>, String>;

/// The message in place of an answer that did not come. What was asked for may have been done or not.
pub(crate) const LOST: &str = "tmux ended the connection";
/// The message where there is no connection to ask on: no server, or none yet after the last connection ended.
pub(crate) const NOT_RUNNING: &str = "tmux is not running";

/// What a list that is under way is needed for.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) in_flight: Option<Instant>,
    /// When the last one was asked for, in Unix time: what printed before that is in it.
    pub(crate) asked_at: u64,
    pub(crate) again: bool,
    /// A list is about to be asked for.
    pub(crate) soon: bool,
    /// How long the last one took.
    pub(crate) took: Duration,
    /// Waiting for the list that is under way, and for the one after it.
    pub(crate) waiting: Vec<Sender<()>>,
    pub(crate) waiting_next: Vec<Sender<()>>,
    /// Sessions that are being made: a list in between would see them without their mark.
    pub(crate) held: usize,
    pub(crate) listed: bool,
    /// Sessions without a mark whose environment was looked at, and how many of the answers are due.
    pub(crate) examined: BTreeSet<u32>,
    pub(crate) examining: usize,
    /// Lists in a row that notifications asked for and that showed nothing new.
    pub(crate) in_vain: u32,
    /// The last quick list, and how many quick ones came after a complete one.
    pub(crate) quick: (Vec<u8>, u32),
}

/// Everything known about the server that runs now; empty when none does.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) address: Option<Address>,
    pub(crate) version: (u32, u32),
    pub(crate) identity: ServerIdentity,
    /// The monitor has said that it belongs to the server of `identity`: what it lists counts.
    pub(crate) identified: bool,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    pub(crate) monitor: Option<ConnectionId>,
    /// Told when the monitor's connection has ended.
    pub(crate) monitor_ended: Option<Sender<Ending>>,
    pub(crate) listing: Listing,
    pub(crate) sessions: BTreeMap<u32, Session>,
    pub(crate) agents: BTreeMap<AgentId, u32>,
    pub(crate) agents_by_session: BTreeMap<u32, AgentId>,
    pub(crate) seen: BTreeMap<AgentId, Observation>,
    pub(crate) terminals: BTreeMap<TerminalId, Terminal>,
    /// The connection that brings the output of a session.
    pub(crate) watches: BTreeMap<u32, ConnectionId>,
    pub(crate) leases: Leases,
    /// Values of our options that somebody set for all sessions: they say nothing of one.
    pub(crate) global: GlobalOptions,
    /// Why tmux cannot be used although it runs.
    pub(crate) trouble: Option<String>,
    /// For each pane's shell: when it was last looked at, and whether it is the pane's own.
    pub(crate) shells: BTreeMap<u32, (u64, String, bool)>,
    /// `-S` where `paste-buffer` needs it to leave control characters alone.
    pub(crate) paste_raw: &'static str,
    /// Number for names of buffers.
    pub(crate) next_buffer: u64,
    /// How wide this server takes characters to be, once that is known.
    pub(crate) widths: Option<Arc<Widths>>,
    /// Room for output in its canonical form.
    pub(crate) canonical: Vec<u8>,
}

/// The backend: everything runs on one thread, and nothing holds [`State`] while it waits.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: TmuxConfig,
    pub(crate) reports: Reports,
    /// Runs the tasks, which hold the engine.
    pub(crate) executor: Weak<LocalExecutor<'static>>,
    pub(crate) state: RefCell<State>,
    /// Wakes the supervisor: look for a server now.
    pub(crate) look: Sender<()>,
    pub(crate) looked: Receiver<()>,
}

/// Hands what arrives on one connection to the engine.
struct Receiving {
    engine: Rc<Engine>,
    id: ConnectionId,
}

impl Handler for Receiving {
    fn received(&self, bytes: &[u8]) {
        self.engine.received(self.id, bytes);
    }

    fn writable(&self) {
        if let Some(connection) = self.engine.state.borrow_mut().connections.get_mut(&self.id) {
            connection.control.flush();
        }
    }
}

impl Engine {
    /// Does what the driver wants, in order.
    pub(crate) fn order(self: &Rc<Self>, order: ToBackend) {
        match order {
            ToBackend::Terminal(terminal, output) => self.terminal_order(terminal, output),
            ToBackend::Operation(operation, work) => self.operation(operation, work),
        }
    }

    fn terminal_order(self: &Rc<Self>, terminal: TerminalId, output: TerminalOutput) {
        let mut state = self.state.borrow_mut();
        if !state.terminals.contains_key(&terminal) {
            match output {
                TerminalOutput::Write(_) => {
                    let reason = "This terminal has ended.".to_owned();
                    self.reports.terminal(terminal, TerminalEvent::WriteFailed(reason));
                }
                TerminalOutput::Unwatch | TerminalOutput::ReleaseSize => {}
                TerminalOutput::Watch
                | TerminalOutput::Snapshot { .. }
                | TerminalOutput::Resize(_)
                | TerminalOutput::ReadScreen => self.reports.terminal(terminal, TerminalEvent::Closed),
            }
            return;
        }
        match output {
            TerminalOutput::Watch => state.watch(self, terminal),
            TerminalOutput::Unwatch => state.unwatch(self, terminal),
            TerminalOutput::Snapshot { history_lines } => state.snapshot(terminal, history_lines),
            TerminalOutput::Write(bytes) => state.write(self, terminal, &bytes),
            TerminalOutput::Resize(size) => state.resize(self, terminal, size),
            TerminalOutput::ReleaseSize => state.release_size(terminal),
            TerminalOutput::ReadScreen => state.read_screen(terminal),
        }
    }

    fn operation(self: &Rc<Self>, operation: OperationId, work: BackendOperation) {
        let engine = Rc::clone(self);
        self.spawn(async move { engine.perform(operation, work).await });
    }

    fn received(self: &Rc<Self>, id: ConnectionId, bytes: &[u8]) {
        let mut state = self.state.borrow_mut();
        let Some(connection) = state.connections.get_mut(&id) else { return };
        connection.understood = true;
        let mut parser = std::mem::take(&mut connection.parser);
        let result = parser.feed(bytes, &mut |event| state.event(self, id, event));
        if let Some(connection) = state.connections.get_mut(&id) {
            connection.parser = parser;
        }
        if let Err(error) = result {
            log::warn!("{error}; connecting again");
            state.closed(self, id, Ending::Closed);
        }
    }

    /// Runs something beside everything else.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        if let Some(executor) = self.executor.upgrade() {
            executor.spawn(task).detach();
        }
    }

    /// Asks tmux on the monitor's connection and waits for the answers.
    pub(crate) async fn ask(&self, line: Line) -> Answer {
        let (sender, receiver) = async_channel::bounded(1);
        {
            let mut state = self.state.borrow_mut();
            let Some(monitor) = state.monitor else { return Err(NOT_RUNNING.to_owned()) };
            state.send(monitor, line, Then::Answer(sender));
        }
        receiver.recv().await.unwrap_or_else(|_| Err(LOST.to_owned()))
    }
}

impl Connection {
    /// Whether tmux owes answers.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }
}

impl State {
    /// Opens a connection.
    pub(crate) fn open(&mut self, engine: &Rc<Engine>, role: Role, command: &[&str]) -> io::Result<ConnectionId> {
        let Some(address) = &self.address else { return Err(io::ErrorKind::NotConnected.into()) };
        self.next_connection += 1;
        let id = ConnectionId(self.next_connection);
        let name = format!("consort-{}-{}", std::process::id(), id.0);
        let (verb, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let verb = spelled(verb);
        let command = [&[verb.as_str()], arguments].concat();
        let (control, pump) = ControlConnection::open(address, &name, &command)?;
        let Some(executor) = engine.executor.upgrade() else { return Err(io::ErrorKind::NotConnected.into()) };
        let task = executor.spawn(run(Rc::clone(engine), id, pump));
        let connection = Connection {
            role,
            control,
            parser: Parser::new(),
            pending: VecDeque::new(),
            understood: false,
            opened: Instant::now(),
            _task: task,
        };
        self.connections.insert(id, connection);
        Ok(id)
    }

    /// Sends a line of commands; `then` says what its answers are for.
    pub(crate) fn send(&mut self, id: ConnectionId, line: Line, then: Then) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.pending.push_back(Pending { left: line.commands(), bodies: Vec::new(), then });
        connection.control.send(&line.into_bytes());
    }

    fn event(&mut self, engine: &Rc<Engine>, id: ConnectionId, event: Event<'_>) {
        match event {
            Event::Output { pane, bytes } => self.output(engine, id, pane, bytes),
            Event::Reply { own: true, ok, body } => self.reply(engine, id, ok, body),
            Event::Reply { own: false, .. } => {}
            Event::Paused(pane) => self.paused(engine, id, pane),
            Event::Continued(_) | Event::ModeChanged(_) | Event::Other => {}
            Event::Layout { layout, .. } => {
                self.layout(engine, id, layout);
                self.changed(engine, id);
            }
            // A session that a person switched this client to is not the one that it is for.
            Event::SessionChanged(session) => match self.connections.get(&id).map(|connection| connection.role) {
                Some(Role::Watch(wanted) | Role::Size(wanted)) if wanted != session => {
                    self.closed(engine, id, Ending::Closed);
                }
                _ => self.changed(engine, id),
            },
            Event::ListChanged => self.changed(engine, id),
            Event::Exit { detached } => {
                self.closed(engine, id, if detached { Ending::Detached } else { Ending::Closed });
            }
        }
    }

    /// Every connection hears of most changes; one of them looks.
    fn changed(&mut self, engine: &Rc<Engine>, id: ConnectionId) {
        if self.monitor == Some(id) {
            self.list_soon(engine);
        }
    }

    fn reply(&mut self, engine: &Rc<Engine>, id: ConnectionId, ok: bool, body: &[u8]) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(pending) = connection.pending.front_mut() else { return };
        pending.left = pending.left.saturating_sub(1);
        // A write to a pane in copy mode takes more commands; it says so with its second answer.
        if matches!(pending.then, Then::Written(..) | Then::Keys(_)) && ok && body == super::write::IN_MODE {
            pending.left += 2;
        }
        if ok {
            pending.bodies.push(body.to_vec());
            if pending.left > 0 {
                return;
            }
        }
        let Some(pending) = connection.pending.pop_front() else { return };
        if let Then::Launched(new) = pending.then {
            let message = (!ok).then(|| String::from_utf8_lossy(body).into_owned());
            return self.launched(id, new, &pending.bodies, message);
        }
        let answer = if ok { Ok(pending.bodies) } else { Err(String::from_utf8_lossy(body).into_owned()) };
        self.answered(engine, id, pending.then, answer);
    }

    fn answered(&mut self, engine: &Rc<Engine>, id: ConnectionId, then: Then, answer: Answer) {
        match then {
            Then::Ignore | Then::Launched(_) => {}
            Then::HangUp => self.hang_up(id),
            Then::List => self.listed(engine, answer),
            Then::Quick => self.quickly_listed(engine, answer),
            Then::Written(terminal, bytes) => self.written(engine, terminal, bytes, answer),
            Then::Snapshot(terminal, _) => self.snapshot_taken(engine, id, terminal, answer),
            Then::Still(terminal) => self.still(engine, terminal, answer),
            Then::Screen(terminal) => self.screen_read(engine, terminal, answer),
            Then::Marked(session, done) => self.marked(id, &session, &done, answer),
            Then::Examined(session) => self.examined(id, session, answer),
            Then::Answer(sender) | Then::Keys(sender) => {
                let _ = sender.try_send(answer);
            }
        }
    }

    /// A connection has ended, by tmux's act or because it makes no sense any more.
    pub(crate) fn closed(&mut self, engine: &Rc<Engine>, id: ConnectionId, ending: Ending) {
        let Some(mut connection) = self.connections.remove(&id) else { return };
        let lost = std::mem::take(&mut connection.pending);
        self.monitor_lost(id);
        if let (Role::Monitor, Some(ended)) = (connection.role, &self.monitor_ended) {
            let understood = connection.understood && ending == Ending::Closed;
            let _ = ended.try_send(if understood { Ending::Understood } else { ending });
        }
        self.lost(engine, lost);
        match connection.role {
            Role::Monitor => {}
            Role::Watch(session) => self.watch_lost(engine, id, session, connection.opened),
            Role::Size(session) => self.leases.lost(session, id),
        }
    }

    /// Answers that will not come.
    fn lost(&mut self, engine: &Rc<Engine>, lost: VecDeque<Pending>) {
        for pending in lost {
            match pending.then {
                Then::Written(terminal, bytes) => {
                    self.written(engine, terminal, bytes, Err("The connection to tmux was lost.".to_owned()));
                }
                Then::Snapshot(terminal, history) => self.snapshot(terminal, history),
                Then::Screen(terminal) => self.read_screen(terminal),
                Then::Launched(_)
                | Then::Marked(..)
                | Then::Examined(_)
                | Then::List
                | Then::Quick
                | Then::Ignore
                | Then::HangUp
                | Then::Still(_)
                | Then::Answer(_)
                | Then::Keys(_) => {}
            }
        }
    }

    /// Closes a connection that is not needed any more.
    pub(crate) fn hang_up(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
        self.monitor_lost(id);
    }

    /// If this was the monitor: nobody may wait for a list that will not come.
    fn monitor_lost(&mut self, id: ConnectionId) {
        if self.monitor == Some(id) {
            self.monitor = None;
            self.identified = false;
            let listing = &mut self.listing;
            listing.in_flight = None;
            listing.examining = 0;
            listing.waiting.clear();
            listing.waiting_next.clear();
        }
    }
}

async fn run(engine: Rc<Engine>, id: ConnectionId, pump: Pump) {
    let receiving = Receiving { engine: Rc::clone(&engine), id };
    let ending = pump.run(&receiving).await;
    engine.state.borrow_mut().closed(&engine, id, ending);
}
