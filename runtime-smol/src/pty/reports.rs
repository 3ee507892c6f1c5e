//! A terminal's way to the driver: at once from its own thread; collected while the driver's thread carries the terminal, which
//! must never wait for itself.

use crate::backend::FromBackend;
use async_channel::Sender;
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Reports {
    way: Sender<FromBackend>,
    /// `Some` while reports are collected.
    held: Option<VecDeque<FromBackend>>,
}

impl Reports {
    pub(super) fn new(way: Sender<FromBackend>) -> Self {
        Reports { way, held: None }
    }

    /// Hands a report over; waits while the driver is behind. False: there is no driver any more.
    pub(super) fn tell(&mut self, report: FromBackend) -> bool {
        match &mut self.held {
            Some(held) => {
                held.push_back(report);
                true
            }
            None => self.way.send_blocking(report).is_ok(),
        }
    }

    /// As [`tell`](Self::tell), before everything that is held: an echo before the news that its key was written, so that nobody
    /// who waits for the echo is woken by something else. The reports keep their order.
    pub(super) fn tell_first(&mut self, reports: impl DoubleEndedIterator<Item = FromBackend>) -> bool {
        match &mut self.held {
            Some(held) => {
                reports.rev().for_each(|report| held.push_front(report));
                true
            }
            None => {
                let mut reports = reports;
                reports.all(|report| self.tell(report))
            }
        }
    }

    /// From now on reports are collected for [`take`](Self::take).
    pub(super) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// From now on reports go their way; first those that nobody has taken.
    pub(super) fn go_on(&mut self) {
        for report in self.held.take().into_iter().flatten() {
            // Without a driver, nobody misses it.
            let _ = self.way.send_blocking(report);
        }
    }

    /// The oldest report that is held.
    pub(super) fn take(&mut self) -> Option<FromBackend> {
        self.held.as_mut()?.pop_front()
    }

    /// What the driver reads from, for whoever can wait without blocking.
    pub(super) fn way(&self) -> &Sender<FromBackend> {
        &self.way
    }
}
