//! Terminals that somebody types in, carried by the driver's own thread for as long as they say little: a key and its echo then
//! wake no other thread. What takes longer than a moment takes the terminal back to its thread: much output, a snapshot, a paste.

use super::mailbox::Bell;
use super::terminal::{Terminal, Turn};
use async_channel::{Receiver, Sender};
use async_io::{Async, Timer};
use consort_core::{AgentId, TerminalId, TerminalOutput};
use futures_lite::{StreamExt, future};
use smol::LocalExecutor;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

/// How often to look at what is due. A terminal is here only while somebody types, so the looks cost nothing when nobody does.
const TICK: Duration = Duration::from_millis(20);

/// A terminal on its way to the driver's thread. It goes back to its own thread when this is dropped, unless it is lost.
pub(super) struct Lent {
    terminal: Option<Box<Terminal>>,
    bell: Bell,
    back: Sender<Box<Terminal>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(terminal) = self.terminal.take() {
            // Its thread does nothing but wait for it.
            let _ = self.back.try_send(terminal);
        }
    }
}

/// Lends a terminal and waits until it is back. `None`: a fault has taken it.
pub(super) fn lend(way: &Sender<Lent>, mut terminal: Box<Terminal>) -> Option<Box<Terminal>> {
    let Some(bell) = terminal.leave() else { return Some(terminal) };
    let (back, returned) = async_channel::bounded(1);
    // Nobody there: it comes back at once.
    drop(way.send_blocking(Lent { terminal: Some(terminal), bell, back }));
    let mut terminal = returned.recv_blocking().ok()?;
    terminal.come_back();
    Some(terminal)
}

/// Carries what is lent.
pub struct Attendant {
    lent: Receiver<Lent>,
    here: RefCell<BTreeMap<AgentId, Weak<RefCell<Lent>>>>,
}

impl Drop for Attendant {
    /// What is on its way goes back: the channel alone would keep it for as long as anybody may send.
    fn drop(&mut self) {
        self.lent.close();
        while self.lent.try_recv().is_ok() {}
    }
}

impl std::fmt::Debug for Attendant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attendant")
    }
}

impl Attendant {
    pub(super) fn new(lent: Receiver<Lent>) -> Self {
        Attendant { lent, here: RefCell::default() }
    }

    /// Obeys an order if it is a key for a terminal that is here; gives it back if it is for the terminal's thread.
    ///
    /// # Errors
    /// The order.
    pub fn order(&self, id: TerminalId, order: TerminalOutput) -> Result<(), TerminalOutput> {
        let here = self.here.borrow().get(&id.agent).and_then(Weak::upgrade);
        let (Some(here), TerminalOutput::Write(bytes)) = (here, &order) else { return Err(order) };
        let mut lent = here.borrow_mut();
        match &mut lent.terminal {
            Some(terminal) if terminal.takes_key(bytes) => {
                if catch_unwind(AssertUnwindSafe(|| terminal.obey_key(order))).is_err() {
                    lent.terminal = None;
                }
                Ok(())
            }
            _ => Err(order),
        }
    }

    /// Carries terminals until it is dropped.
    pub async fn run(&self) {
        let executor = LocalExecutor::new();
        let lent = async {
            while let Ok(lent) = self.lent.recv().await {
                executor.spawn(self.attend(lent)).detach();
            }
        };
        executor.run(lent).await;
    }

    async fn attend(&self, lent: Lent) {
        let Some(terminal) = &lent.terminal else { return };
        let (agent, bell, reports) = (terminal.agent(), lent.bell.clone(), terminal.way_of_reports());
        let master = terminal.master();
        let here = Rc::new(RefCell::new(lent));
        // Forgotten before the terminal goes back: it may soon be lent again.
        let Ok(master) = Async::new_nonblocking(master) else { return };
        self.here.borrow_mut().insert(agent, Rc::downgrade(&here));
        let mut ticks = Timer::interval(TICK);
        let mut stays = true;
        while stays {
            let readable = async { if master.readable().await.is_ok() { Woken::Output } else { Woken::Order } };
            let tick = async {
                ticks.next().await;
                Woken::Tick
            };
            let order = async {
                bell.rung().await;
                Woken::Order
            };
            let woken = future::or(order, future::or(readable, tick)).await;
            stays = take_turn(&mut here.borrow_mut(), woken);
            loop {
                let report = here.borrow_mut().terminal.as_mut().and_then(|terminal| terminal.take_report());
                let Some(report) = report else { break };
                // Without a driver, nobody misses it.
                let _ = reports.send(report).await;
            }
        }
        self.here.borrow_mut().remove(&agent);
    }
}

#[derive(Clone, Copy)]
enum Woken {
    Output,
    Order,
    Tick,
}

/// Does what there is to do; false: the terminal goes back. One in which a fault is found is lost, and its thread says so.
fn take_turn(lent: &mut Lent, woken: Woken) -> bool {
    let Some(terminal) = &mut lent.terminal else { return false };
    let turn = AssertUnwindSafe(|| match woken {
        Woken::Output => terminal.read_little(),
        Woken::Order => Turn::Back,
        Woken::Tick => Turn::Stay,
    });
    match catch_unwind(turn) {
        Ok(turn) => turn == Turn::Stay && terminal.may_be_lent(Instant::now()),
        Err(_) => {
            lent.terminal = None;
            false
        }
    }
}
