//! Deciding the size of windows while somebody holds the size lease.
//!
//! tmux computes a window's size from the clients that show it. While a lease is held on a window, one more client of ours is
//! attached to its session: it shows nothing, and says how large that window is and that all others of the session stay as
//! they are. When the last lease of a window ends, the client says that the window is as large as it was before; when the last
//! lease of the session ends, the client is closed after that and nothing of ours remains. Then others who show the session decide
//! again; without any, windows stay as they were before anybody looked.
//!
//! The window takes the size that was wished for. With several panes each is then the part of it that the layout gives it: a
//! window that were made so large that one pane has the wish would grow with every visit of another pane.
//!
//! While a lease is held, the window's option [`SIZE`] says what it had before, so that a node that is killed meanwhile puts it
//! back at its next start.

use super::engine::{ConnectionId, Engine, Role, State, Then};
use super::listing::{Decided, SIZE};
use super::quote::Line;
use consort_core::{Size, TerminalId};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// tmux that knows sizes per window; before, a client has one size.
const WINDOW_SIZES_SINCE: (u32, u32) = (3, 3);

/// A list may have been asked for before a window had its size back, and come after that: for so long it is not believed.
const LIST_TIME: Duration = Duration::from_secs(3);

/// Who decides about which windows.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    /// By session.
    leases: BTreeMap<u32, Lease>,
    /// Windows that have just got their size back.
    restored: BTreeMap<u32, Restored>,
    /// Windows that were in a list already.
    known: BTreeSet<u32>,
}

#[derive(Debug)]
struct Restored {
    /// What was held until then.
    held: Size,
    size: Size,
    at: Instant,
}

#[derive(Debug)]
struct Lease {
    connection: ConnectionId,
    windows: BTreeMap<u32, Wishes>,
}

/// What is wished for one window. Never empty: the last wish counts.
#[derive(Debug)]
struct Wishes {
    /// What the window has again when the last wish ends.
    before: Size,
    wishes: Vec<(TerminalId, Size)>,
}

impl Wishes {
    fn holds(&self, id: TerminalId) -> bool {
        self.wishes.iter().any(|(holder, _)| *holder == id)
    }
}

impl Leases {
    /// The connection of a session has ended.
    pub(crate) fn lost(&mut self, session: u32, connection: ConnectionId) {
        if self.leases.get(&session).is_some_and(|lease| lease.connection == connection) {
            self.leases.remove(&session);
        }
    }

    /// The session is gone.
    pub(crate) fn forget(&mut self, session: u32) -> Option<ConnectionId> {
        self.leases.remove(&session).map(|lease| lease.connection)
    }
}

impl State {
    /// Gives a terminal's window this size and keeps it so.
    pub(crate) fn resize(&mut self, engine: &Rc<Engine>, id: TerminalId, size: Size) {
        let Some(terminal) = self.terminals.get(&id) else { return };
        let (session, window) = (terminal.session, terminal.window);
        let Some(listed) = self.window_size(session, window) else { return };
        let before = match self.leases.restored.get(&window) {
            Some(restored) if restored.held == listed && restored.at.elapsed() < LIST_TIME => restored.size,
            _ => listed,
        };
        let elsewhere =
            |lease: &Lease| lease.windows.iter().any(|(other, wishes)| *other != window && wishes.holds(id));
        if self.leases.leases.get(&session).is_some_and(elsewhere) {
            self.release_size(id);
        }
        let known = self.leases.leases.get(&session).map(|lease| lease.connection);
        let Some(connection) = known.or_else(|| self.open_lease(engine, session)) else { return };
        if known.is_none() {
            self.pin_others(connection, session, &[window]);
        }
        let lease = self.leases.leases.entry(session).or_insert_with(|| Lease { connection, windows: BTreeMap::new() });
        let window_wishes = lease.windows.entry(window).or_insert_with(|| Wishes { before, wishes: Vec::new() });
        window_wishes.wishes.retain(|(holder, _)| *holder != id);
        window_wishes.wishes.push((id, size));
        let before = window_wishes.before;
        self.remember(connection, window, before, size);
        self.set_window(connection, window, size, Then::Ignore);
    }

    /// Leaves a terminal's size to others again.
    pub(crate) fn release_size(&mut self, id: TerminalId) {
        let Some(session) = self.terminals.get(&id).map(|terminal| terminal.session) else { return };
        let Some(lease) = self.leases.leases.get_mut(&session) else { return };
        let connection = lease.connection;
        // The pane may have been moved to another window since.
        let held = lease.windows.iter_mut().find(|(_, wishes)| wishes.holds(id));
        let Some((&window, wishes)) = held else { return };
        let held = wishes.wishes.last().map_or(wishes.before, |(_, size)| *size);
        wishes.wishes.retain(|(holder, _)| *holder != id);
        let (left, before) = (wishes.wishes.last().map(|(_, size)| *size), wishes.before);
        if left.is_none() {
            lease.windows.remove(&window);
        }
        let over = lease.windows.is_empty();
        match left {
            Some(size) => self.remember(connection, window, before, size),
            None => self.put_back(connection, window, held, before),
        }
        if over {
            self.leases.leases.remove(&session);
            self.set_window(connection, window, before, Then::HangUp);
        } else {
            self.set_window(connection, window, left.unwrap_or(before), Then::Ignore);
        }
    }

    /// Puts back what a node that was killed has left behind, when a window is seen for the first time. If its size is another
    /// one by now, somebody else has decided.
    pub(crate) fn restore_sizes(&mut self, engine: &Rc<Engine>) {
        let mut left: BTreeMap<u32, BTreeMap<u32, Decided>> = BTreeMap::new();
        let mut present = BTreeSet::new();
        for session in self.sessions.values() {
            for pane in &session.panes {
                let (cols, rows) = pane.window_size;
                let decided = pane.decided.filter(|decided| {
                    !self.leases.known.contains(&pane.window)
                        && decided.now == Size::clamped(cols, rows)
                        && !decides_still(decided.by)
                });
                present.insert(pane.window);
                if let Some(decided) = decided {
                    left.entry(session.id).or_default().insert(pane.window, decided);
                }
            }
        }
        self.leases.known = present;
        for (session, windows) in left {
            // A lease of ours is younger than what was left behind.
            let free = !self.leases.leases.contains_key(&session);
            let Some(connection) = free.then(|| self.open_lease(engine, session)).flatten() else { continue };
            self.pin_others(connection, session, &windows.keys().copied().collect::<Vec<_>>());
            let last = windows.last_key_value().map(|(window, _)| *window);
            for (window, Decided { before, now, .. }) in windows {
                log::info!("window @{window} is {}x{} again, as before a viewer's size", before.cols(), before.rows());
                self.put_back(connection, window, now, before);
                let then = if Some(window) == last { Then::HangUp } else { Then::Ignore };
                self.set_window(connection, window, before, then);
            }
        }
    }

    /// A window that is held at one size had the other one before.
    fn remember(&mut self, connection: ConnectionId, window: u32, before: Size, now: Size) {
        let decided = Decided { before, now, by: std::process::id() }.to_string();
        let line = Line::new("set-option -w -t").word(format!("@{window}")).word(SIZE).word(decided);
        self.send(connection, line, Then::Ignore);
    }

    /// Nobody holds a window at this size any more; it has the size from before again.
    fn put_back(&mut self, connection: ConnectionId, window: u32, held: Size, before: Size) {
        let restored = &mut self.leases.restored;
        restored.retain(|_, restored| restored.at.elapsed() < LIST_TIME);
        restored.insert(window, Restored { held, size: before, at: Instant::now() });
        let line = Line::new("set-option -uw -t").word(format!("@{window}")).word(SIZE);
        self.send(connection, line, Then::Ignore);
    }

    fn open_lease(&mut self, engine: &Rc<Engine>, session: u32) -> Option<ConnectionId> {
        let target = format!("${session}");
        let attach = ["attach-session", "-E", "-f", "no-output", "-t", &target];
        self.open(engine, Role::Size(session), &attach)
            .map_err(|error| log::warn!("deciding the size of session ${session}: {error}"))
            .ok()
    }

    fn window_size(&self, session: u32, window: u32) -> Option<Size> {
        let pane = self.sessions.get(&session)?.panes.iter().find(|pane| pane.window == window)?;
        let (cols, rows) = pane.window_size;
        Some(Size::clamped(cols, rows))
    }

    /// Says that all windows of the session but these stay as they are.
    fn pin_others(&mut self, connection: ConnectionId, session: u32, windows: &[u32]) {
        let Some(session) = self.sessions.get(&session) else { return };
        let others: BTreeMap<u32, (u16, u16)> = session
            .panes
            .iter()
            .filter(|pane| !windows.contains(&pane.window))
            .map(|pane| (pane.window, pane.window_size))
            .collect();
        for (window, (cols, rows)) in others {
            self.set_window(connection, window, Size::clamped(cols, rows), Then::Ignore);
        }
    }

    fn set_window(&mut self, connection: ConnectionId, window: u32, size: Size, then: Then) {
        let (cols, rows) = (size.cols(), size.rows());
        let value = if self.version >= WINDOW_SIZES_SINCE {
            format!("'@{window}:{cols}x{rows}'")
        } else {
            format!("{cols}x{rows}")
        };
        self.send(connection, Line::new("refresh-client -C").word(value), then);
    }
}

/// Whether the node of this process decides still. Ours does not: what it decides is not in a list before it has decided.
fn decides_still(process: u32) -> bool {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    process.is_some_and(|process| {
        process != rustix::process::getpid() && !matches!(test_kill_process(process), Err(Errno::SRCH))
    })
}
