//! Terminals that the node owns itself: one PTY, one thread and one emulator per agent. They end with the node.

mod answers;
mod attend;
mod beside;
mod edit;
mod emulator;
mod history;
mod input;
mod mailbox;
mod observe;
mod paint;
mod paste;
mod printing;
mod process;
mod quick;
mod reports;
mod rows;
mod screen;
mod screens;
mod snapshot;
mod terminal;
mod unfinished;

#[cfg(test)]
mod snapshot_tests;

pub use answers::News;
pub use attend::Attendant;
pub use emulator::{Emulator, Palette};

use crate::backend::{Ends, FromBackend, ToBackend, Way};
use crate::environment::{Environments, Equipped};
use crate::paste::PasteText;
use async_channel::Sender;
use attend::Lent;
use consort_core::directory::BackendKind;
use consort_core::{
    AgentId, BackendInput, BackendOperation, LaunchSpec, OperationDone, OperationError, OperationId, TerminalId,
    TerminalOutput,
};
use mailbox::{Mailbox, Order, Work};
use observe::Observer;
use process::{Prepared, Pty};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use terminal::{Launched, Parts, Terminal};

/// Stack of a terminal's thread, in bytes.
const TERMINAL_STACK: usize = 256 << 10;
/// Stack of a thread that only waits for a process, in bytes.
const WAITING_STACK: usize = 64 << 10;

/// What the backend is told at its start.
#[derive(Clone, Debug)]
pub struct PtyConfig {
    /// What `~` means in an agent's directory.
    pub home: PathBuf,
    /// Colours that programs are told when they ask.
    pub palette: Palette,
    /// What agents are started with.
    pub environments: Environments,
}

/// Starts the backend: it reports that it is available, then obeys orders until their channel is closed; then it ends what it
/// carries. The handle ends when everything has ended, some seconds after that at most.
///
/// # Errors
/// If the system gives no thread.
pub fn start(config: PtyConfig, ends: Ends) -> io::Result<JoinHandle<()>> {
    start_reachable(config, ends, Terminals::default())
}

/// The terminals' threads by agent: orders for a terminal may go to its thread directly, without a stop at the backend's. A key
/// is on its way one thread sooner.
#[derive(Clone, Default)]
pub struct Terminals {
    threads: Arc<Mutex<BTreeMap<AgentId, Mailbox>>>,
    lender: Option<Sender<Lent>>,
}

impl std::fmt::Debug for Terminals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminals")
    }
}

impl Terminals {
    /// Terminals whose keys and echoes go through the driver's thread, and what carries them there.
    #[must_use]
    pub fn attended() -> (Self, Attendant) {
        let (lender, lent) = async_channel::unbounded();
        (Terminals { threads: Arc::default(), lender: Some(lender) }, Attendant::new(lent))
    }

    /// Hands an order to the terminal's thread. One that has ended takes none: core has been told that, or will be at once.
    pub fn order(&self, id: TerminalId, order: TerminalOutput) {
        if let Some(mailbox) = self.lock().get(&id.agent) {
            let _ = mailbox.put(Order::Terminal(order));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentId, Mailbox>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver's way to the backend: keys go to the terminal if it is on this thread, other orders to the terminal's thread, work
/// to the backend's.
#[must_use]
pub fn way(orders: Sender<ToBackend>, terminals: Terminals, attendant: Rc<Attendant>) -> Way {
    Box::new(move |order| match order {
        ToBackend::Terminal(id, order) => {
            if let Err(order) = attendant.order(id, order) {
                terminals.order(id, order);
            }
            true
        }
        work @ ToBackend::Operation(..) => orders.try_send(work).is_ok(),
    })
}

/// As [`start`]; `terminals` reaches what the backend carries.
///
/// # Errors
/// If the system gives no thread.
pub fn start_reachable(config: PtyConfig, ends: Ends, terminals: Terminals) -> io::Result<JoinHandle<()>> {
    process::keep_files_private();
    let Ends { orders, reports } = ends;
    let mut backend = Backend { config, reports, terminals, agents: BTreeMap::new() };
    // Before anybody can ask for an agent, however long the thread takes to start.
    backend.report(BackendInput::Available(BackendKind::Pty, "own terminals".into()));
    backend.report(BackendInput::Listed(BackendKind::Pty));
    thread::Builder::new().name("pty".into()).spawn(move || {
        while let Ok(order) = orders.recv_blocking() {
            backend.obey(order);
        }
        backend.end();
    })
}

struct Backend {
    config: PtyConfig,
    reports: Sender<FromBackend>,
    terminals: Terminals,
    agents: BTreeMap<AgentId, Agent>,
}

struct Agent {
    mailbox: Mailbox,
    thread: JoinHandle<()>,
}

impl Backend {
    fn obey(&mut self, order: ToBackend) {
        match order {
            ToBackend::Terminal(id, order) => self.terminals.order(id, order),
            ToBackend::Operation(operation, BackendOperation::Launch(spec)) => {
                if let Err(error) = self.launch(operation, &spec) {
                    self.done(operation, Err(error));
                }
            }
            ToBackend::Operation(operation, BackendOperation::ReadStart(spec)) => {
                let start = self.config.environments.start_of(&spec);
                self.done(operation, Ok(OperationDone::Start(start)));
            }
            ToBackend::Operation(operation, work) => self.pass_on(operation, work),
        }
    }

    /// Hands work to the terminal that it is for.
    fn pass_on(&mut self, operation: OperationId, work: BackendOperation) {
        let (agent, work) = match work {
            BackendOperation::Launch(spec) | BackendOperation::ReadStart(spec) => {
                return self.done(operation, Err(already_running(&spec.name)));
            }
            BackendOperation::Kill(agent) => (agent, Work::Kill),
            BackendOperation::Rename(agent, name) => (agent, Work::Rename(name)),
            BackendOperation::Mark(agent) => (agent, Work::Mark),
            BackendOperation::Paste { terminal, text, submit } => {
                (terminal.agent, Work::Paste { text: PasteText::new(&text), submit })
            }
            BackendOperation::Type { terminal, bytes } => (terminal.agent, Work::Type(bytes)),
            // Only sessions that somebody else made are asked for, and those are tmux's.
            BackendOperation::ReadProcess { .. } => return self.done(operation, Err(terminal::ended())),
            BackendOperation::ReadText { terminal, history_lines } => {
                (terminal.agent, Work::ReadText { history_lines })
            }
        };
        // What has ended already is ended.
        let without = if matches!(work, Work::Kill) { Ok(OperationDone::Done) } else { Err(terminal::ended()) };
        let taken =
            self.agents.get(&agent).is_some_and(|agent| agent.mailbox.put(Order::Operation(operation, work)).is_ok());
        if !taken {
            self.done(operation, without);
        }
    }

    fn launch(&mut self, operation: OperationId, spec: &LaunchSpec) -> Result<(), OperationError> {
        self.forget_ended();
        if self.agents.contains_key(&spec.agent) {
            return Err(already_running(&spec.name));
        }
        let Equipped { spec, environment, start } = self.config.environments.prepared(spec);
        let prepared = Prepared::new(&spec, environment, &self.config)?;
        let launched = Launched { operation, start };
        let agent = self.begin(launched, &spec, &prepared).map_err(|error| no_terminal(&error))?;
        self.agents.insert(spec.agent, agent);
        Ok(())
    }

    /// Starts the session and its threads. What was started when something fails is ended by dropping it.
    fn begin(&self, launched: Launched, spec: &LaunchSpec, prepared: &Prepared) -> io::Result<Agent> {
        let (mailbox, orders) = mailbox::mailbox()?;
        let (pty, status) = Pty::spawn(prepared, &spec.args, spec.size)?;
        let leader = pty.leader();
        let directory = prepared.directory().to_string_lossy().into_owned();
        let id = TerminalId { agent: spec.agent, pane: 0 };
        let parts = Parts {
            id,
            pty,
            orders,
            reports: self.reports.clone(),
            lender: self.terminals.lender.clone(),
            status,
            shell: prepared.shell_name(),
            observer: Observer::new(
                spec.agent,
                spec.name.clone(),
                directory,
                spec.size,
                prepared.name(),
                spec.program.is_some(),
            ),
            size: spec.size,
            palette: self.config.palette,
        };
        let reports = self.reports.clone();
        // Before the thread can say that it is there.
        self.terminals.lock().insert(spec.agent, mailbox.clone());
        let thread =
            thread::Builder::new().name(format!("pty {}", spec.name)).stack_size(TERMINAL_STACK).spawn(move || {
                let terminal = Box::new(Terminal::new(parts));
                if !matches!(catch_unwind(AssertUnwindSafe(|| terminal.run(launched))), Ok(Some(()))) {
                    report_failure(&reports, id);
                }
            })?;
        let waiter = mailbox.clone();
        thread::Builder::new().name("pty wait".into()).stack_size(WAITING_STACK).spawn(move || {
            process::wait_for_end(leader);
            // A terminal that has ended knows.
            let _ = waiter.put(Order::Exited);
        })?;
        Ok(Agent { mailbox, thread })
    }

    fn forget_ended(&mut self) {
        self.agents.retain(|_, agent| !agent.mailbox.is_closed() && !agent.thread.is_finished());
        self.terminals.lock().retain(|_, mailbox| !mailbox.is_closed());
    }

    fn end(&mut self) {
        for agent in self.agents.values() {
            let _ = agent.mailbox.put(Order::Shutdown);
        }
        for (_, agent) in std::mem::take(&mut self.agents) {
            // A thread that panicked has logged why.
            let _ = agent.thread.join();
        }
    }

    fn done(&self, operation: OperationId, result: Result<OperationDone, OperationError>) {
        self.report(BackendInput::Done(operation, result));
    }

    fn report(&self, report: BackendInput) {
        // Without a driver the orders end too, and with them the backend.
        let _ = self.reports.send_blocking(FromBackend::Backend(report));
    }
}

/// A terminal's thread has panicked: to everybody else its terminal has ended.
fn report_failure(reports: &Sender<FromBackend>, id: TerminalId) {
    log::error!("the terminal of agent {} ended by a fault of the node; its program was ended", id.agent);
    let _ = reports.send_blocking(FromBackend::Terminal(id, crate::backend::TerminalEvent::Closed));
    let _ = reports.send_blocking(FromBackend::Backend(BackendInput::Gone(id.agent)));
}

fn already_running(name: &str) -> OperationError {
    OperationError {
        code: "already-running".into(),
        message: format!("The agent {name} runs already."),
        hint: "Stop it first, or restart it.".into(),
    }
}

fn no_terminal(error: &io::Error) -> OperationError {
    OperationError {
        code: "terminal-failed".into(),
        message: format!("A terminal could not be started: {error}."),
        hint: "The system may be out of terminals, processes or open files (ulimit -n, kernel.pty.max).".into(),
    }
}
