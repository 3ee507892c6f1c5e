//! Terminals that somebody watches: their output in order, what is skipped, and snapshots at the right place.

use super::engine::{Answer, Connection, ConnectionId, Engine, Role, State, Then};
use super::flood::{Flow, Step, Verdict};
use super::modes::{ModeTracker, Tail, raw_mode};
use super::parser::layout_panes;
use super::quote::Line;
use super::repair::Repair;
use super::screen::{self, Capture, Modes, capture_line};
use crate::backend::TerminalEvent;
use crate::dialect::notices::Notices;
use crate::dialect::widths::Widths;
use crate::dialect::{Dialect, Filter, Writing};
use consort_core::limits::SNAPSHOT_HISTORY_LINES;
use consort_core::{Size, TerminalId};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lines of history in a snapshot of a pane that floods.
const FLOOD_HISTORY_LINES: u32 = 100;
/// Cells of history in a snapshot at most: what wide panes have is longer, not more.
const HISTORY_CELLS: u32 = 4 << 20;
/// What changes whenever a pane prints, nearly.
const STILL_FORMAT: &str = "'#{history_size} #{history_bytes} #{cursor_x} #{cursor_y}'";
/// Time between attempts to watch a session again.
const RETRY: Duration = Duration::from_millis(500);

/// What is kept for one pane of one agent.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) session: u32,
    pub(crate) window: u32,
    pub(crate) size: Size,
    /// The driver wants its output.
    watched: bool,
    /// Operations of ours that want to know when it prints.
    pub(crate) listeners: usize,
    /// When it last printed, and how often, while anybody watched.
    pub(crate) printed: (Option<Instant>, u64),
    flow: Flow,
    tail: Tail,
    modes: ModeTracker,
    filter: Filter,
    notices: Notices,
    /// The filter does not know what the pane is in the middle of.
    unsynchronised: bool,
    /// The string that the filter is inside of, and since when.
    string: Option<(u64, Instant)>,
    /// What the last look at a paused pane showed.
    looked: Option<Vec<u8>>,
    /// When it was taken.
    asked: Instant,
    /// After a snapshot that began at an unknown place in a character: look at what comes next.
    doubtful: bool,
    /// Doubts about what viewers show.
    pub(super) repair: Repair,
    /// tmux was told to pause it because nobody watches it.
    muted: bool,
    /// Bytes on their way to tmux: by which connection, and how many writes.
    pub(crate) writes: Option<(ConnectionId, usize)>,
}

impl Terminal {
    pub(crate) fn new(session: u32, window: u32, size: Size, filter: Filter) -> Self {
        Terminal {
            session,
            window,
            size,
            watched: false,
            listeners: 0,
            printed: (None, 0),
            flow: Flow::new(Instant::now()),
            tail: Tail::default(),
            modes: ModeTracker::default(),
            filter,
            notices: Notices::default(),
            unsynchronised: true,
            string: None,
            looked: None,
            asked: Instant::now(),
            doubtful: false,
            repair: Repair::default(),
            muted: false,
            writes: None,
        }
    }

    /// Whether the program asked for bracketed paste; nothing if it was not seen to say either.
    pub(crate) fn bracketed_paste(&self) -> Option<bool> {
        self.modes.bracketed_paste
    }

    fn wanted(&self) -> bool {
        self.watched || self.listeners > 0
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Whether its output is passed on, rather than replaced by snapshots.
    pub(super) fn delivers(&self) -> bool {
        self.watched && self.flow.live()
    }

    /// How wide tmux takes characters to be.
    pub(crate) fn set_widths(&mut self, widths: Arc<Widths>) {
        self.filter.set_widths(widths);
    }

    /// Output was lost: what is known of the stream's state is not known any more.
    fn gap(&mut self) {
        self.tail = Tail::default();
        self.doubtful = false;
        self.repair.forget();
        self.notices.cut();
        self.filter.restart();
        self.unsynchronised = true;
        self.string = None;
    }

    /// What the pane printed, in canonical bytes.
    fn canonical<'a>(&mut self, now: Instant, bytes: &'a [u8], out: &'a mut Vec<u8>) -> &'a [u8] {
        if self.string.is_some_and(|(_, since)| self.filter.gives_up_after().is_some_and(|time| now - since > time)) {
            self.filter.abandon_string();
        }
        let canonical = self.filter.feed(bytes, out);
        self.string = match (self.filter.string(), self.string) {
            (Some(string), Some((known, since))) if string == known => Some((known, since)),
            (string, _) => string.map(|string| (string, now)),
        };
        canonical
    }

    /// The filter goes on from what tmux is in the middle of, if it does not know that itself.
    fn synchronise(&mut self, begun: &[u8], state: &screen::State) {
        if std::mem::take(&mut self.unsynchronised) {
            self.filter.restart();
            self.filter.set_wraps(state.wraps());
            self.filter.set_inserts(state.inserts());
            self.filter.set_absolute(!state.has_origin());
            self.filter.feed(begun, &mut Vec::new());
            self.string = self.filter.string().map(|string| (string, Instant::now()));
        }
    }
}

impl State {
    /// A filter for a terminal of this width.
    pub(crate) fn filter(&self, columns: u16) -> Filter {
        let mut filter = Filter::new(Dialect::Tmux { version: self.version }, columns);
        if let Some(widths) = &self.widths {
            filter.set_widths(Arc::clone(widths));
        }
        filter
    }

    /// Delivers a terminal's output from now on.
    pub(crate) fn watch(&mut self, engine: &Rc<Engine>, id: TerminalId) {
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        terminal.watched = true;
        self.listen(engine, id);
    }

    /// Sees to it that tmux sends a terminal's output.
    pub(crate) fn listen(&mut self, engine: &Rc<Engine>, id: TerminalId) {
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        let session = terminal.session;
        if let Some(connection) = self.watches.get(&session).copied() {
            if std::mem::take(&mut terminal.muted) {
                terminal.flow = Flow::new(Instant::now());
                terminal.gap();
                self.let_through(connection, id.pane);
            }
            return;
        }
        terminal.gap();
        terminal.flow = Flow::new(Instant::now());
        let target = format!("${session}");
        let attach = ["attach-session", "-E", "-f", "ignore-size,pause-after=3", "-t", &target];
        match self.open(engine, Role::Watch(session), &attach) {
            Ok(connection) => {
                self.watches.insert(session, connection);
            }
            Err(error) => {
                log::debug!("watching session ${session}: {error}");
                self.watch_again(engine, session);
            }
        }
    }

    /// Stops delivering a terminal's output.
    pub(crate) fn unwatch(&mut self, engine: &Engine, id: TerminalId) {
        if let Some(terminal) = self.terminals.get_mut(&id) {
            terminal.watched = false;
            // Nobody reads what it says from now on.
            if let Some(signal) = terminal.notices.lost() {
                engine.reports.terminal(id, TerminalEvent::Signal(signal));
            }
            let session = terminal.session;
            self.unlisten(session);
        }
    }

    /// Closes a session's connection if none of its terminals is wanted.
    pub(crate) fn unlisten(&mut self, session: u32) {
        if self.terminals.values().any(|terminal| terminal.session == session && terminal.wanted()) {
            return;
        }
        if let Some(connection) = self.watches.remove(&session) {
            self.terminals.values_mut().filter(|t| t.session == session).for_each(|terminal| terminal.muted = false);
            // Not before tmux has taken and answered what was sent by it.
            if self.connections.get(&connection).is_some_and(Connection::is_waiting) {
                self.send(connection, Line::new("detach-client"), Then::Ignore);
            } else {
                self.hang_up(connection);
            }
        }
    }

    fn let_through(&mut self, connection: ConnectionId, pane: u32) {
        let line = Line::new("refresh-client -A").word(format!("'%{pane}:continue'"));
        self.send(connection, line, Then::Ignore);
    }

    fn hold_back(&mut self, connection: ConnectionId, pane: u32) {
        let line = Line::new("refresh-client -A").word(format!("'%{pane}:pause'"));
        self.send(connection, line, Then::Ignore);
    }

    /// The terminal that a pane is on a connection that watches.
    fn watched_pane(&self, connection: ConnectionId, pane: u32) -> Option<TerminalId> {
        let Role::Watch(session) = self.connections.get(&connection)?.role else { return None };
        if self.watches.get(&session) != Some(&connection) {
            return None;
        }
        let agent = self.agents_by_session.get(&session)?;
        Some(TerminalId { agent: *agent, pane })
    }

    /// A pane printed something.
    pub(crate) fn output(&mut self, engine: &Rc<Engine>, connection: ConnectionId, pane: u32, bytes: &[u8]) {
        let Some(id) = self.watched_pane(connection, pane) else { return };
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        if !terminal.wanted() {
            if !std::mem::replace(&mut terminal.muted, true) {
                self.hold_back(connection, pane);
            }
            return;
        }
        let now = Instant::now();
        terminal.printed = (Some(now), terminal.printed.1 + 1);
        match terminal.flow.printed(now, bytes.len()) {
            Verdict::Deliver => {
                if std::mem::take(&mut terminal.doubtful) && bytes.first().is_some_and(|b| (0x80..0xc0).contains(b)) {
                    // The snapshot was taken within a character whose beginning nobody saw.
                    engine.reports.terminal(id, TerminalEvent::Skipped);
                }
                terminal.tail.extend(bytes);
                if terminal.watched {
                    for signal in terminal.notices.read(bytes) {
                        engine.reports.terminal(id, TerminalEvent::Signal(signal));
                    }
                }
                let bytes = terminal.canonical(now, bytes, &mut self.canonical);
                terminal.modes.scan(bytes);
                if terminal.watched {
                    engine.reports.output(id, bytes);
                    if terminal.filter.take_doubt().is_some() && terminal.repair.raise(now) {
                        self.repair(engine, id);
                    }
                }
            }
            Verdict::Drop => {}
            Verdict::Pause => {
                terminal.gap();
                self.hold_back(connection, pane);
                self.step_later(engine, id);
            }
        }
    }

    /// tmux paused a pane: we told it to, or we were slow.
    pub(crate) fn paused(&mut self, engine: &Rc<Engine>, connection: ConnectionId, pane: u32) {
        let Some(id) = self.watched_pane(connection, pane) else { return };
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        if terminal.muted || !terminal.flow.live() {
            return;
        }
        terminal.flow.paused(Instant::now());
        terminal.gap();
        self.step_later(engine, id);
    }

    fn step_later(&self, engine: &Rc<Engine>, id: TerminalId) {
        let Some(deadline) = self.terminals.get(&id).and_then(|terminal| terminal.flow.deadline()) else { return };
        let later = Rc::clone(engine);
        let task = async move {
            smol::Timer::at(deadline).await;
            later.state.borrow_mut().step(&later, id);
        };
        engine.spawn(task);
    }

    fn step(&mut self, engine: &Rc<Engine>, id: TerminalId) {
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        let step = terminal.flow.step(Instant::now());
        if step == Step::Nothing {
            return;
        }
        terminal.gap();
        terminal.asked = Instant::now();
        let (watched, session) = (terminal.watched, terminal.session);
        if watched {
            engine.reports.terminal(id, TerminalEvent::Skipped);
        }
        if let Some(connection) = self.watches.get(&session).copied() {
            match step {
                Step::Look => {
                    let line = Line::new("display-message -p -t").word(format!("%{}", id.pane)).word(STILL_FORMAT);
                    self.send(connection, line, Then::Still(id));
                }
                Step::Probe => self.let_through(connection, id.pane),
                Step::Nothing | Step::Resume => {}
            }
        }
        self.step_later(engine, id);
    }

    /// A paused pane's cursor and history; the same as at the last look if it prints nothing.
    pub(crate) fn still(&mut self, engine: &Rc<Engine>, id: TerminalId, answer: Answer) {
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        terminal.flow.answered(terminal.asked.elapsed());
        let looked = answer.ok().and_then(|bodies| bodies.into_iter().next());
        if looked.is_some() && looked == terminal.looked && terminal.flow.still(Instant::now()) {
            self.step_later(engine, id);
        } else {
            terminal.looked = looked;
        }
    }

    /// Somebody types into a terminal.
    pub(crate) fn typed(&mut self, engine: &Rc<Engine>, id: TerminalId) {
        if self.terminals.get_mut(&id).is_some_and(|terminal| terminal.flow.typed(Instant::now())) {
            self.step_later(engine, id);
        }
    }

    /// Panes of a watched session have other sizes.
    pub(crate) fn layout(&mut self, engine: &Rc<Engine>, connection: ConnectionId, layout: &[u8]) {
        for (pane, cols, rows) in layout_panes(layout) {
            if let Some(id) = self.watched_pane(connection, pane) {
                self.resized(engine, id, Size::clamped(cols, rows));
            }
        }
    }

    /// A terminal has this size now.
    pub(crate) fn resized(&mut self, engine: &Rc<Engine>, id: TerminalId, size: Size) {
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        if terminal.size != size {
            terminal.size = size;
            terminal.filter.set_columns(size.cols());
            engine.reports.terminal(id, TerminalEvent::Resized(size));
        }
    }

    /// Asks for a snapshot, in order with the output.
    pub(crate) fn snapshot(&mut self, id: TerminalId, history_lines: u32) {
        let Some(terminal) = self.terminals.get(&id) else { return };
        let most = if terminal.flow.live() { SNAPSHOT_HISTORY_LINES } else { FLOOD_HISTORY_LINES };
        let lines = history_lines.min(most).min(HISTORY_CELLS / u32::from(terminal.size.cols()));
        if let Some(connection) = self.watches.get(&terminal.session).copied().or(self.monitor) {
            self.send(connection, capture_line(id.pane, lines), Then::Snapshot(id, history_lines));
        }
    }

    /// The answer to [`snapshot`](State::snapshot).
    pub(crate) fn snapshot_taken(
        &mut self,
        engine: &Rc<Engine>,
        connection: ConnectionId,
        id: TerminalId,
        answer: Answer,
    ) {
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        let Some(capture) = answer.ok().as_deref().and_then(Capture::parse) else {
            // The pane is gone; the list will say so.
            return self.list_soon(engine);
        };
        let size = capture.state.size;
        let in_stream = self.watches.get(&terminal.session) == Some(&connection) && terminal.flow.live();
        if in_stream {
            let partial = if capture.in_sequence() { Some(Vec::new()) } else { terminal.tail.partial() };
            terminal.doubtful = partial.is_none();
            let begun = [capture.pending(), &partial.unwrap_or_default()].concat();
            terminal.synchronise(&begun, &capture.state);
            terminal.filter.set_one_screen(capture.state.one_screen);
            terminal.filter.snapshot_taken(capture.state.is_alternate());
            if capture.state.outside {
                terminal.filter.cursor_is_outside();
            }
        } else {
            terminal.doubtful = false;
        }
        let state = &capture.state;
        let bracketed = state.bracketed_paste.or(terminal.modes.bracketed_paste);
        let modes = Modes {
            bracketed_paste: bracketed.unwrap_or_else(|| raw_mode(&state.tty)),
            focus: terminal.modes.focus.unwrap_or(false),
            keyboard: terminal.modes.keyboard.clone(),
            // Known only at this place of the stream.
            writing: if in_stream { terminal.filter.writing().clone() } else { Writing::default() },
        };
        let bytes = capture.into_bytes(modes, terminal.filter.widths());
        self.resized(engine, id, size);
        engine.reports.terminal(id, TerminalEvent::Snapshot { size, bytes });
    }

    /// A session's connection has ended.
    pub(crate) fn watch_lost(&mut self, engine: &Rc<Engine>, connection: ConnectionId, session: u32, opened: Instant) {
        if self.watches.get(&session) != Some(&connection) {
            return;
        }
        self.watches.remove(&session);
        self.terminals.values_mut().filter(|terminal| terminal.session == session).for_each(|terminal| {
            terminal.muted = false;
            terminal.gap();
        });
        if opened.elapsed() > RETRY {
            self.watch_at_once(engine, session);
        } else {
            self.watch_again(engine, session);
        }
    }

    fn watch_again(&self, engine: &Rc<Engine>, session: u32) {
        let later = Rc::clone(engine);
        let task = async move {
            smol::Timer::after(RETRY).await;
            later.state.borrow_mut().watch_at_once(&later, session);
        };
        engine.spawn(task);
    }

    /// Watches again what is still wanted of a session that is still there.
    fn watch_at_once(&mut self, engine: &Rc<Engine>, session: u32) {
        let wanted = self.terminals.iter().filter(|(_, terminal)| terminal.session == session && terminal.wanted());
        let wanted: Vec<(TerminalId, bool)> = wanted.map(|(id, terminal)| (*id, terminal.watched)).collect();
        if self.monitor.is_none() || self.watches.contains_key(&session) {
            if !wanted.is_empty() && self.monitor.is_none() {
                self.watch_again(engine, session);
            }
            return;
        }
        for (id, watched) in wanted {
            self.listen(engine, id);
            if watched {
                engine.reports.terminal(id, TerminalEvent::Skipped);
            }
        }
    }

    /// Ends the connections of a session that is gone.
    pub(crate) fn forget_session(&mut self, session: u32) {
        if let Some(connection) = self.watches.remove(&session) {
            self.hang_up(connection);
        }
        if let Some(connection) = self.leases.forget(session) {
            self.hang_up(connection);
        }
    }
}
