//! Deciding the size of windows while somebody holds the size lease.
//!
//! tmux computes a window's size from the clients that show it. While a lease is held on a window, one more client of ours is
//! attached to its session: it shows nothing, and says how large that window is and that all others of the session stay as
//! they are. When the last lease of the session ends, the client is closed and nothing of ours remains.

use super::engine::{ConnectionId, Engine, Role, State, Then};
use super::quote::Line;
use consort_core::{Size, TerminalId};
use std::collections::BTreeMap;
use std::rc::Rc;

/// tmux that knows sizes per window; before, a client has one size.
const WINDOW_SIZES_SINCE: (u32, u32) = (3, 3);

/// Who decides about which windows.
#[derive(Debug, Default)]
pub(crate) struct Leases(BTreeMap<u32, Lease>);

#[derive(Debug)]
struct Lease {
    connection: ConnectionId,
    /// The windows that leases are held on, by whose wish and how large.
    windows: BTreeMap<u32, (TerminalId, Size)>,
}

impl Leases {
    /// The connection of a session has ended.
    pub(crate) fn lost(&mut self, session: u32, connection: ConnectionId) {
        if self.0.get(&session).is_some_and(|lease| lease.connection == connection) {
            self.0.remove(&session);
        }
    }

    /// The session is gone.
    pub(crate) fn forget(&mut self, session: u32) -> Option<ConnectionId> {
        self.0.remove(&session).map(|lease| lease.connection)
    }
}

impl State {
    /// Makes a terminal this large and keeps it so.
    pub(crate) fn resize(&mut self, engine: &Rc<Engine>, id: TerminalId, size: Size) {
        let Some(terminal) = self.terminals.get(&id) else { return };
        let (session, window) = (terminal.session, terminal.window);
        let Some((window_size, panes)) = self.window(session, window) else { return };
        // With several panes in the window, the pane gets what the window grows or shrinks by, as far as tmux gives it that.
        let wish = if panes == 1 {
            size
        } else {
            let fit =
                |wanted: u16, whole: u16, now: u16| (i32::from(wanted) + i32::from(whole) - i32::from(now)).max(1);
            let cols = fit(size.cols(), window_size.cols(), terminal.size.cols());
            let rows = fit(size.rows(), window_size.rows(), terminal.size.rows());
            Size::clamped(cols as u16, rows as u16)
        };
        let known = self.leases.0.get(&session).map(|lease| lease.connection);
        let Some(connection) = known.or_else(|| self.open_lease(engine, session)) else { return };
        if known.is_none() {
            self.pin_others(connection, session, window);
        }
        let lease = self.leases.0.entry(session).or_insert_with(|| Lease { connection, windows: BTreeMap::new() });
        lease.windows.insert(window, (id, wish));
        self.set_window(connection, window, wish);
    }

    /// Leaves a terminal's size to others again.
    pub(crate) fn release_size(&mut self, id: TerminalId) {
        let Some(terminal) = self.terminals.get(&id) else { return };
        let (session, window) = (terminal.session, terminal.window);
        let Some(lease) = self.leases.0.get_mut(&session) else { return };
        if lease.windows.get(&window).is_none_or(|(holder, _)| *holder != id) {
            return;
        }
        lease.windows.remove(&window);
        let connection = lease.connection;
        if lease.windows.is_empty() {
            self.leases.0.remove(&session);
            self.hang_up(connection);
        } else if let Some((size, _)) = self.window(session, window) {
            self.set_window(connection, window, size);
        }
    }

    fn open_lease(&mut self, engine: &Rc<Engine>, session: u32) -> Option<ConnectionId> {
        let target = format!("${session}");
        let attach = ["attach-session", "-E", "-f", "no-output", "-t", &target];
        self.open(engine, Role::Size(session), &attach)
            .map_err(|error| log::warn!("deciding the size of session ${session}: {error}"))
            .ok()
    }

    /// Size of a window, and how many panes it has.
    fn window(&self, session: u32, window: u32) -> Option<(Size, usize)> {
        let mut panes = self.sessions.get(&session)?.panes.iter().filter(|pane| pane.window == window);
        let (cols, rows) = panes.next()?.window_size;
        Some((Size::clamped(cols, rows), panes.count() + 1))
    }

    /// Says that all other windows of the session stay as they are.
    fn pin_others(&mut self, connection: ConnectionId, session: u32, window: u32) {
        let Some(session) = self.sessions.get(&session) else { return };
        let others: BTreeMap<u32, (u16, u16)> = session
            .panes
            .iter()
            .filter(|pane| pane.window != window)
            .map(|pane| (pane.window, pane.window_size))
            .collect();
        for (window, (cols, rows)) in others {
            self.set_window(connection, window, Size::clamped(cols, rows));
        }
    }

    fn set_window(&mut self, connection: ConnectionId, window: u32, size: Size) {
        let (cols, rows) = (size.cols(), size.rows());
        let value = if self.version >= WINDOW_SIZES_SINCE {
            format!("'@{window}:{cols}x{rows}'")
        } else {
            format!("{cols}x{rows}")
        };
        self.send(connection, Line::new("refresh-client -C").word(value), Then::Ignore);
    }
}
