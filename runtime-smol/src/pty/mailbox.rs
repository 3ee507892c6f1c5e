//! Orders for a terminal's thread, and the file descriptor that wakes it from waiting for its PTY.

use crate::paste::PasteText;
use async_channel::{Receiver, Sender};
use consort_core::{OperationId, TerminalOutput};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the thread of one terminal is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    /// See [`TerminalOutput`].
    Terminal(TerminalOutput),
    /// Work that is answered.
    Operation(OperationId, Work),
    /// The session's leader has ended.
    Exited,
    /// The backend ends.
    Shutdown,
}

/// The operations of a terminal that exists.
#[derive(Debug)]
pub(super) enum Work {
    Kill,
    Rename(String),
    Mark,
    Paste { text: PasteText, submit: bool },
    Type(Vec<u8>),
    ReadText { history_lines: u32 },
}

/// Where orders are put. Clones share one box.
#[derive(Clone, Debug)]
pub(super) struct Mailbox {
    shared: Arc<Shared>,
}

/// Where orders are taken out, by one thread.
#[derive(Debug)]
pub(super) struct Orders {
    shared: Arc<Shared>,
    woken: UnixStream,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    waker: UnixStream,
}

#[derive(Debug, Default)]
struct State {
    orders: VecDeque<Order>,
    closed: bool,
    /// Rung instead of waking the thread.
    bell: Option<Sender<()>>,
}

/// Rings when there is an order for a terminal that is not with its thread.
#[derive(Clone, Debug)]
pub(super) struct Bell(Receiver<()>);

impl Bell {
    /// Waits until it rings.
    pub(super) async fn rung(&self) {
        // Nobody can ring it any more: the terminal is to go back as well.
        let _ = self.0.recv().await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A full pipe wakes as well as one more byte in it.
        let _ = (&self.waker).write(&[1]);
    }
}

/// A new box and its owner's end.
pub(super) fn mailbox() -> io::Result<(Mailbox, Orders)> {
    let (waker, woken) = UnixStream::pair()?;
    waker.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let shared = Arc::new(Shared { state: Mutex::default(), waker });
    Ok((Mailbox { shared: Arc::clone(&shared) }, Orders { shared, woken }))
}

impl Mailbox {
    /// Puts an order in, or gives it back if the terminal has ended.
    pub(super) fn put(&self, order: Order) -> Result<(), Order> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(order);
        }
        let sleeping = state.orders.is_empty();
        state.orders.push_back(order);
        let bell = state.bell.clone();
        drop(state);
        match bell {
            // A full bell has rung already.
            Some(bell) => drop(bell.try_send(())),
            None if sleeping => self.shared.wake(),
            None => {}
        }
        Ok(())
    }

    /// Whether the terminal has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }
}

impl Orders {
    /// Readable when there may be orders.
    pub(super) fn woken(&self) -> &UnixStream {
        &self.woken
    }

    /// Everything that waits, in order.
    pub(super) fn take(&mut self) -> VecDeque<Order> {
        let mut bytes = [0; 64];
        while self.woken.read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
        std::mem::take(&mut self.shared.lock().orders)
    }

    /// From now on orders ring a bell and wait. `None`: some wait already, and nothing changes.
    pub(super) fn divert(&mut self) -> Option<Bell> {
        let mut state = self.shared.lock();
        let (bell, rung) = async_channel::bounded(1);
        state.bell = state.orders.is_empty().then_some(bell);
        state.bell.is_some().then_some(Bell(rung))
    }

    /// From now on orders wake the thread again; at once if some wait.
    pub(super) fn undivert(&mut self) {
        let mut state = self.shared.lock();
        state.bell = None;
        if !state.orders.is_empty() {
            self.shared.wake();
        }
    }

    /// Whether no order waits.
    pub(super) fn is_empty(&self) -> bool {
        self.shared.lock().orders.is_empty()
    }

    /// Takes no more orders; what waits is returned.
    pub(super) fn close(&mut self) -> VecDeque<Order> {
        let mut state = self.shared.lock();
        state.closed = true;
        std::mem::take(&mut state.orders)
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.close();
    }
}
