//! Reports on their way to the driver. Nothing here waits: what a slow driver does not take is kept in order, and output
//! that piles up is replaced by the word that it was skipped.

use crate::backend::{FromBackend, TerminalEvent};
use async_channel::{Receiver, Sender, TrySendError};
use consort_core::{BackendInput, TerminalId};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// Output bytes of one terminal that wait for the driver.
const QUEUED_OUTPUT_BYTES: usize = 1 << 20;
/// Bytes of one `Output` report.
const OUTPUT_BYTES: usize = consort_core::limits::FRAME_BYTES;

/// The way to the driver.
#[derive(Debug)]
pub(crate) struct Reports {
    sender: Sender<FromBackend>,
    queue: RefCell<Queue>,
    wake: Sender<()>,
    woken: Receiver<()>,
}

#[derive(Debug, Default)]
struct Queue {
    reports: VecDeque<FromBackend>,
    output_bytes: BTreeMap<TerminalId, usize>,
    /// One report is being handed over: nothing may pass it.
    busy: bool,
}

impl Reports {
    /// Reports that go to `sender`.
    #[must_use]
    pub(crate) fn new(sender: Sender<FromBackend>) -> Self {
        let (wake, woken) = async_channel::bounded(1);
        Reports { sender, queue: RefCell::default(), wake, woken }
    }

    /// About agents.
    pub(crate) fn backend(&self, input: BackendInput) {
        self.push(FromBackend::Backend(input));
    }

    /// About one terminal.
    pub(crate) fn terminal(&self, terminal: TerminalId, event: TerminalEvent) {
        self.push(FromBackend::Terminal(terminal, event));
    }

    /// A terminal printed this.
    pub(crate) fn output(&self, terminal: TerminalId, bytes: &[u8]) {
        for piece in bytes.chunks(OUTPUT_BYTES) {
            if !self.queue.borrow_mut().merge(terminal, piece) {
                self.terminal(terminal, TerminalEvent::Output(piece.to_vec()));
            }
        }
    }

    fn push(&self, report: FromBackend) {
        let mut queue = self.queue.borrow_mut();
        let report = if queue.reports.is_empty() && !queue.busy {
            match self.sender.try_send(report) {
                Ok(()) | Err(TrySendError::Closed(_)) => return,
                Err(TrySendError::Full(report)) => report,
            }
        } else {
            report
        };
        queue.push(report);
        let _ = self.wake.try_send(());
    }

    /// Hands over what waits; ends when the driver is gone.
    pub(crate) async fn run(&self) {
        while self.woken.recv().await.is_ok() {
            loop {
                let next = self.queue.borrow_mut().pop();
                let Some(report) = next else { break };
                if self.sender.send(report).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Queue {
    /// Adds output to the report that waits last, if that is output of the same terminal.
    fn merge(&mut self, terminal: TerminalId, piece: &[u8]) -> bool {
        let Some(FromBackend::Terminal(last, TerminalEvent::Output(bytes))) = self.reports.back_mut() else {
            return false;
        };
        if *last != terminal || bytes.len() + piece.len() > OUTPUT_BYTES {
            return false;
        }
        bytes.extend_from_slice(piece);
        *self.output_bytes.entry(terminal).or_default() += piece.len();
        true
    }

    fn push(&mut self, report: FromBackend) {
        if let FromBackend::Terminal(terminal, TerminalEvent::Output(bytes)) = &report {
            let waiting = self.output_bytes.entry(*terminal).or_default();
            *waiting += bytes.len();
            if *waiting > QUEUED_OUTPUT_BYTES {
                let terminal = *terminal;
                self.output_bytes.remove(&terminal);
                self.reports.retain(
                    |report| !matches!(report, FromBackend::Terminal(t, TerminalEvent::Output(_)) if *t == terminal),
                );
                self.reports.push_back(FromBackend::Terminal(terminal, TerminalEvent::Skipped));
                return;
            }
        }
        self.reports.push_back(report);
    }

    fn pop(&mut self) -> Option<FromBackend> {
        let report = self.reports.pop_front();
        self.busy = report.is_some();
        if let Some(FromBackend::Terminal(terminal, TerminalEvent::Output(bytes))) = &report
            && let Some(waiting) = self.output_bytes.get_mut(terminal)
        {
            *waiting = waiting.saturating_sub(bytes.len());
            if *waiting == 0 {
                self.output_bytes.remove(terminal);
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::AgentId;
    use futures_lite::future;

    const A: TerminalId = TerminalId { agent: AgentId(1), pane: 1 };
    const B: TerminalId = TerminalId { agent: AgentId(2), pane: 2 };

    fn drained(reports: &Reports, receiver: &Receiver<FromBackend>) -> Vec<String> {
        let mut seen = Vec::new();
        future::block_on(future::or(reports.run(), async {
            while let Some(report) = future::or(async { receiver.recv().await.ok() }, async {
                for _ in 0..100 {
                    future::yield_now().await;
                }
                None
            })
            .await
            {
                seen.push(match report {
                    FromBackend::Terminal(t, TerminalEvent::Output(bytes)) => {
                        format!("{} output {}", t.pane, bytes.len())
                    }
                    FromBackend::Terminal(t, event) => format!("{} {event:?}", t.pane),
                    FromBackend::Backend(input) => format!("{input:?}"),
                });
            }
        }));
        seen
    }

    #[test]
    fn reports_keep_their_order_when_the_driver_is_slow() {
        let (sender, receiver) = async_channel::bounded(1);
        let reports = Reports::new(sender);
        reports.output(A, b"one");
        reports.terminal(A, TerminalEvent::Skipped);
        reports.output(A, b"four");
        reports.output(A, b"five!");
        reports.output(B, b"x");
        assert_eq!(drained(&reports, &receiver), ["1 output 3", "1 Skipped", "1 output 9", "2 output 1"]);
    }

    #[test]
    fn output_that_piles_up_is_skipped_and_other_terminals_lose_nothing() {
        let (sender, receiver) = async_channel::bounded(1);
        let reports = Reports::new(sender);
        reports.output(B, b"first");
        reports.output(B, b"second");
        for _ in 0..=QUEUED_OUTPUT_BYTES / OUTPUT_BYTES {
            reports.output(A, &[b'x'; OUTPUT_BYTES]);
        }
        reports.output(A, b"after");
        assert_eq!(drained(&reports, &receiver), ["2 output 5", "2 output 6", "1 Skipped", "1 output 5"]);
    }
}
