//! A terminal on the driver's thread: see [`attend`](super::attend). Nothing here waits or takes long.

use super::super::mailbox::Bell;
use super::Terminal;
use crate::backend::FromBackend;
use async_channel::Sender;
use consort_core::{AgentId, TerminalOutput};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Somebody types in a terminal if the last key is not older than this.
const TYPING: Duration = Duration::from_secs(2);
/// Bytes of input that count as a key.
const KEY_BYTES: usize = 256;
/// Bytes that are read at once where the driver would wait for it: all that a PTY gives at once, on Linux.
const LITTLE_BYTES: usize = 4 << 10;
/// Bytes that may follow a key until the terminal is not quiet any more.
const ECHO_BYTES: usize = 32 << 10;

impl Terminal {
    pub(in crate::pty) fn agent(&self) -> AgentId {
        self.id.agent
    }

    pub(in crate::pty) fn master(&self) -> Arc<OwnedFd> {
        Arc::clone(self.pty.master())
    }

    pub(in crate::pty) fn way_of_reports(&self) -> Sender<FromBackend> {
        self.reports.way().clone()
    }

    pub(in crate::pty) fn take_report(&mut self) -> Option<FromBackend> {
        self.reports.take()
    }

    /// Before it leaves its thread: orders ring a bell and reports are collected. `None`: orders wait, it cannot leave.
    pub(in crate::pty) fn leave(&mut self) -> Option<Bell> {
        let bell = self.orders.divert()?;
        self.reports.hold();
        Some(bell)
    }

    /// It is with its thread again.
    pub(in crate::pty) fn come_back(&mut self) {
        self.reports.go_on();
        self.orders.undivert();
    }

    /// Whether somebody types in it, it says little, and nothing else goes on with it.
    pub(in crate::pty) fn may_be_lent(&self, now: Instant) -> bool {
        self.typed_at.is_some_and(|at| now < at + TYPING)
            && self.watched
            && self.printed <= ECHO_BYTES
            && self.chunk.len() < LITTLE_BYTES
            && !self.emulator.is_away()
            && self.input.is_empty()
            && self.pastes.is_empty()
            && self.ending.is_none()
            && self.exited.is_none()
            && !self.finished
            && self.deadline().is_none_or(|at| now < at)
    }

    /// Whether these bytes can be written where the driver would wait for it.
    pub(in crate::pty) fn takes_key(&self, bytes: &[u8]) -> bool {
        bytes.len() <= KEY_BYTES && self.input.is_empty() && self.orders.is_empty()
    }

    /// Writes a key. What the program does not take at once waits for the terminal's thread.
    pub(in crate::pty) fn obey_key(&mut self, key: TerminalOutput) {
        self.obey_core(key);
        self.write();
    }

    /// Reads and hands on what one look gives.
    pub(in crate::pty) fn read_little(&mut self) -> Turn {
        self.chunk.clear();
        self.chunk.reserve(LITTLE_BYTES);
        match rustix::io::read(self.pty.master(), rustix::buffer::spare_capacity(&mut self.chunk)) {
            Ok(0) => Turn::Back,
            Ok(_) => {
                self.output(Instant::now());
                self.write();
                Turn::Stay
            }
            Err(Errno::AGAIN | Errno::INTR) => Turn::Stay,
            Err(_) => Turn::Back,
        }
    }
}

/// Where a terminal that is lent is to be next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pty) enum Turn {
    Stay,
    Back,
}
