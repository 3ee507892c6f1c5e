//! Scripted tmux and PTYs: sessions that print a script, take input, change size, answer late, fail and end.
//!
//! The backend keeps its promises to core (inputs of a terminal in order, one answer per operation, `Seen` before `Done`) and
//! nothing more: everything may be late, and everything that may fail fails sometimes.

mod epochs;
mod lives;
mod outside;
mod questions;
mod terminals;

pub(crate) use epochs::{Epoch, Epochs};
pub(crate) use lives::{Lives, host_of};
pub(crate) use questions::QuestionNumber;
use questions::Questions;

use crate::agenda::{Agenda, Lane, Millis};
use crate::dice::Dice;
use crate::event::{Event, Feed, HostIndex, NodeLife, Report};
use crate::failure::{Checked, must};
use crate::ledger::Ledger;
use consort_core::directory::BackendKind;
use consort_core::input::{Listing, ProcessInfo, Programs, ScreenText, StartInfo, TerminalInfo};
use consort_core::{
    AgentId, BackendInput, BackendOperation, LaunchSpec, NodeId, Observation, OperationDone, OperationError,
    OperationId, Size, TerminalId, TerminalOutput,
};
use std::collections::{BTreeMap, VecDeque};

/// What the node asks for.
#[derive(Debug)]
pub(crate) enum Order {
    Terminal(TerminalId, TerminalOutput, Epoch),
    Operation(OperationId, BackendOperation),
}

/// What is due in a backend.
#[derive(Debug)]
pub(crate) enum Tick {
    Print {
        life: u64,
        bytes: u32,
    },
    /// `session`: which session with the terminal asked.
    Snapshot {
        life: u64,
        session: u32,
        history_lines: u32,
    },
    Screen {
        life: u64,
        session: u32,
    },
    Write {
        life: u64,
    },
    /// `None`: whoever else shows it decides.
    Resize {
        life: u64,
        session: u32,
        size: Option<Size>,
    },
    Operation {
        node: NodeLife,
        kind: BackendKind,
        id: OperationId,
        operation: BackendOperation,
    },
    Boot {
        node: NodeLife,
        kind: BackendKind,
    },
}

/// A session.
#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) kind: BackendKind,
    pub(crate) name: String,
    directory: String,
    created_unix_ms: u64,
    /// Pane number and life, in order.
    pub(crate) panes: Vec<(u32, u64)>,
    pub(crate) shown_elsewhere: bool,
}

/// One life of a terminal. Lives are never forgotten: pages are checked against them.
#[derive(Debug)]
pub(crate) struct Life {
    /// The node that owns it.
    pub(crate) node: NodeId,
    pub(crate) terminal: TerminalId,
    kind: BackendKind,
    pub(crate) ended: bool,
    /// Bytes of the script that are printed.
    pub(crate) printed: u64,
    /// How often the stream of output was interrupted.
    pub(crate) gaps: u32,
    pub(crate) size: Size,
    /// The node has set the size and not given it back: one of its viewers holds it.
    pub(crate) held: bool,
    /// Somebody else set the size after the node did.
    pub(crate) size_is_foreign: bool,
    /// While one of the node's viewers decides: the size before that.
    size_before: Option<Size>,
    watched: bool,
    /// Counts the connections to the node: what one asked for is not answered to the next.
    session: u32,
    writes: VecDeque<Writing>,
    fail_write_after: Option<usize>,
    /// When the write that is going on is done.
    answers: Lane,
    title: String,
    bell: bool,
    shell: bool,
    /// The question that its program asks.
    asks: Option<QuestionNumber>,
}

#[derive(Debug)]
struct Writing {
    bytes: Vec<u8>,
    done: usize,
}

/// How the backends behave in a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// An order is on its way for up to this long.
    pub(crate) order_ms: Millis,
    /// So is a report.
    pub(crate) report_ms: Millis,
    /// Zeroes after each snapshot.
    pub(crate) snapshot_padding: usize,
    /// A report carries at most this much output.
    pub(crate) chunk_bytes: usize,
    /// Input is written in parts of at most this size.
    pub(crate) write_bytes: usize,
}

/// Both backends of one machine.
#[derive(Debug)]
pub(crate) struct Backends {
    host: HostIndex,
    id: NodeId,
    manner: Manner,
    dice: Dice,
    /// Answers take up to this long.
    pub(crate) answer_ms: Millis,
    pub(crate) tmux_connected: bool,
    pub(crate) fail_operations: u8,
    pub(crate) carriers: BTreeMap<AgentId, Carrier>,
    pub(crate) lives: Lives,
    /// The node that is running, if any.
    node: NodeLife,
    booted: BTreeMap<BackendKind, bool>,
    orders: BTreeMap<BackendKind, Lane>,
    reports: BTreeMap<BackendKind, Lane>,
    reported: Epochs,
    questions: Questions,
    next_pane: u32,
    next_foreign: u64,
}

impl Backends {
    pub(crate) fn new(host: HostIndex, id: NodeId, manner: Manner, dice: Dice) -> Self {
        Backends {
            host,
            id,
            manner,
            dice,
            answer_ms: 0,
            tmux_connected: true,
            fail_operations: 0,
            carriers: BTreeMap::new(),
            lives: Lives::new(host),
            node: 0,
            booted: BTreeMap::new(),
            orders: BTreeMap::new(),
            reports: BTreeMap::new(),
            reported: Epochs::default(),
            questions: Questions::default(),
            next_pane: 1,
            next_foreign: 1,
        }
    }

    // The node.

    /// A node has started: the backends look around.
    pub(crate) fn start(&mut self, agenda: &mut Agenda<Event>, node: NodeLife) {
        self.node = node;
        self.reported = Epochs::default();
        for kind in BackendKind::ALL {
            let delay = self.dice.up_to(self.answer_ms + 5);
            agenda.after(delay, Event::backend(self.host, Tick::Boot { node, kind }));
        }
    }

    /// The node was killed: its PTYs end, tmux goes on; nobody watches, and what was to be written is not.
    pub(crate) fn crash(&mut self) {
        self.booted.clear();
        self.orders.clear();
        self.reports.clear();
        let ptys: Vec<AgentId> = self.agents_of(BackendKind::Pty);
        for agent in ptys {
            self.remove(agent);
        }
        for life in self.lives.iter_mut() {
            life.disconnect();
        }
    }

    /// The machine went off: nothing is left.
    pub(crate) fn lose_power(&mut self) {
        self.crash();
        for agent in self.carriers.keys().copied().collect::<Vec<_>>() {
            self.remove(agent);
        }
    }

    /// Sends an order on its way.
    pub(crate) fn order(&mut self, agenda: &mut Agenda<Event>, kind: BackendKind, order: Order) {
        let delay = self.dice.up_to(self.manner.order_ms);
        self.orders.entry(kind).or_default().send(agenda, delay, Event::order(self.host, self.node, kind, order));
    }

    fn report(&mut self, agenda: &mut Agenda<Event>, kind: BackendKind, feed: Feed) {
        self.reported.note(&feed);
        let delay = self.dice.up_to(self.manner.report_ms);
        self.reports.entry(kind).or_default().send(agenda, delay, Event::feed(self.host, self.node, feed));
    }

    /// Whether the node hears of what happens to carriers of this kind.
    pub(crate) fn is_heard(&self, kind: BackendKind) -> bool {
        self.booted.get(&kind) == Some(&true) && (kind == BackendKind::Pty || self.tmux_connected)
    }

    fn boot(&mut self, agenda: &mut Agenda<Event>, kind: BackendKind) {
        self.booted.insert(kind, true);
        if !self.is_heard(kind) {
            let reason = "the script says that tmux is not there".to_string();
            return self.report(agenda, kind, Feed::Backend(BackendInput::Unavailable(kind, reason)));
        }
        self.report(agenda, kind, Feed::Backend(BackendInput::Available(kind, "scripted".to_string())));
        for agent in self.agents_of(kind) {
            self.seen(agenda, agent);
        }
        self.report(agenda, kind, Feed::Backend(BackendInput::Listed(kind)));
    }

    // Orders.

    /// An order has arrived.
    pub(crate) fn ordered(&mut self, agenda: &mut Agenda<Event>, kind: BackendKind, order: Order) {
        match order {
            Order::Terminal(id, what, epoch) => self.terminal_ordered(agenda, id, what, epoch),
            Order::Operation(id, operation) => {
                let delay = self.dice.up_to(self.answer_ms);
                let tick = Tick::Operation { node: self.node, kind, id, operation };
                agenda.after(delay, Event::backend(self.host, tick));
            }
        }
    }

    /// There is nothing in any directory.
    pub(crate) fn list_directory(&mut self, agenda: &mut Agenda<Event>, id: OperationId, path: String) {
        let listing = Listing { path, home: "/home/me".to_string(), entries: Vec::new() };
        let done = BackendInput::Done(id, Ok(OperationDone::Listed(listing)));
        self.report(agenda, BackendKind::Pty, Feed::Backend(done));
    }

    /// No known program is there.
    pub(crate) fn list_programs(&mut self, agenda: &mut Agenda<Event>, id: OperationId) {
        let done = BackendInput::Done(id, Ok(OperationDone::Programs(Programs::default())));
        self.report(agenda, BackendKind::Pty, Feed::Backend(done));
    }

    /// What was due is done.
    pub(crate) fn tick(&mut self, agenda: &mut Agenda<Event>, ledger: &mut Ledger, tick: Tick) -> Checked {
        match tick {
            Tick::Print { life, bytes } => self.print(agenda, life, bytes),
            Tick::Snapshot { life, session, history_lines } => self.snapshot(agenda, (life, session), history_lines),
            Tick::Screen { life, session } => self.screen(agenda, (life, session)),
            Tick::Write { life } => return self.write(agenda, ledger, life),
            Tick::Resize { life, session, size } => self.resize_ordered(agenda, (life, session), size),
            Tick::Operation { node, kind, id, operation } if node == self.node => {
                let result = self.operate(agenda, kind, operation)?;
                self.report(agenda, kind, Feed::Backend(BackendInput::Done(id, result)));
            }
            Tick::Boot { node, kind } if node == self.node => self.boot(agenda, kind),
            Tick::Operation { .. } | Tick::Boot { .. } => {}
        }
        Ok(())
    }

    fn operate(
        &mut self,
        agenda: &mut Agenda<Event>,
        kind: BackendKind,
        operation: BackendOperation,
    ) -> Result<Result<OperationDone, OperationError>, crate::failure::Failure> {
        if !self.is_heard(kind) {
            return Ok(Err(error("unavailable")));
        }
        if self.fail_operations > 0 {
            self.fail_operations -= 1;
            return Ok(Err(error("scripted")));
        }
        Ok(match operation {
            BackendOperation::Launch(spec) => return self.launch(agenda, spec),
            BackendOperation::ReadStart(_) => Ok(OperationDone::Start(StartInfo::default())),
            BackendOperation::Kill(agent) => self.kill(agenda, agent),
            BackendOperation::Rename(agent, name) => self.rename(agenda, agent, name),
            BackendOperation::Mark(agent) => self.on_carrier(agent, OperationDone::Done),
            BackendOperation::Paste { terminal, submit, .. } => {
                self.on_carrier(terminal.agent, OperationDone::Pasted { submitted: submit })
            }
            BackendOperation::ReadProcess { terminal } => {
                self.on_carrier(terminal.agent, OperationDone::Process(ProcessInfo::default()))
            }
            BackendOperation::Type { terminal, bytes } => {
                self.answer(agenda, terminal, &bytes)?;
                self.on_carrier(terminal.agent, OperationDone::Done)
            }
            BackendOperation::ReadText { terminal, .. } => {
                let text = ScreenText { size: Size::DEFAULT, cursor: (0, 0), text: "scripted\n".to_string() };
                self.on_carrier(terminal.agent, OperationDone::Text(text))
            }
        })
    }

    fn on_carrier(&self, agent: AgentId, done: OperationDone) -> Result<OperationDone, OperationError> {
        self.carriers.get(&agent).map(|_| done).ok_or_else(|| error("gone"))
    }

    fn launch(
        &mut self,
        agenda: &mut Agenda<Event>,
        spec: LaunchSpec,
    ) -> Result<Result<OperationDone, OperationError>, crate::failure::Failure> {
        must!(!self.carriers.contains_key(&spec.agent), "agent {} was started while it runs", spec.agent);
        if self.name_is_taken(spec.backend, &spec.name) {
            return Ok(Err(error("duplicate")));
        }
        let carrier = Carrier {
            kind: spec.backend,
            name: spec.name,
            directory: spec.directory,
            created_unix_ms: agenda.now(),
            panes: Vec::new(),
            shown_elsewhere: false,
        };
        self.carriers.insert(spec.agent, carrier);
        self.add_pane(spec.agent, spec.size);
        self.seen(agenda, spec.agent);
        Ok(Ok(OperationDone::Done))
    }

    fn kill(&mut self, agenda: &mut Agenda<Event>, agent: AgentId) -> Result<OperationDone, OperationError> {
        if !self.carriers.contains_key(&agent) {
            return Err(error("gone"));
        }
        self.end(agenda, agent);
        Ok(OperationDone::Done)
    }

    fn rename(
        &mut self,
        agenda: &mut Agenda<Event>,
        agent: AgentId,
        name: String,
    ) -> Result<OperationDone, OperationError> {
        let kind = self.carriers.get(&agent).map(|carrier| carrier.kind).ok_or_else(|| error("gone"))?;
        if self.name_is_taken(kind, &name) {
            return Err(error("duplicate"));
        }
        if let Some(carrier) = self.carriers.get_mut(&agent) {
            carrier.name = name;
        }
        self.seen(agenda, agent);
        Ok(OperationDone::Done)
    }

    // Carriers.

    pub(crate) fn agents_of(&self, kind: BackendKind) -> Vec<AgentId> {
        self.carriers.iter().filter(|(_, carrier)| carrier.kind == kind).map(|(id, _)| *id).collect()
    }

    fn name_is_taken(&self, kind: BackendKind, name: &str) -> bool {
        kind == BackendKind::Tmux && self.carriers.values().any(|other| other.kind == kind && other.name == name)
    }

    fn add_pane(&mut self, agent: AgentId, size: Size) {
        let Some(carrier) = self.carriers.get_mut(&agent) else { return };
        // A PTY of the node's own has pane 0, in every life.
        let pane = match carrier.kind {
            BackendKind::Pty => 0,
            BackendKind::Tmux => self.next_pane,
        };
        self.next_pane += u32::from(carrier.kind == BackendKind::Tmux);
        let life = self.lives.push(Life::new(self.id, TerminalId { agent, pane }, carrier.kind, size));
        carrier.panes.push((pane, life));
    }

    /// Forgets a carrier and ends its terminals. Returns those.
    fn remove(&mut self, agent: AgentId) -> Vec<u64> {
        let Some(carrier) = self.carriers.remove(&agent) else { return Vec::new() };
        let lives: Vec<u64> = carrier.panes.iter().map(|(_, life)| *life).collect();
        for life in &lives {
            let life = &mut self.lives[*life];
            life.ended = true;
            life.writes.clear();
        }
        lives
    }

    /// A carrier ends, for whatever reason.
    pub(crate) fn end(&mut self, agenda: &mut Agenda<Event>, agent: AgentId) {
        let Some(kind) = self.carriers.get(&agent).map(|carrier| carrier.kind) else { return };
        let lives = self.remove(agent);
        if !self.is_heard(kind) {
            return;
        }
        if self.dice.percent(50) {
            for life in lives {
                let id = self.lives[life].terminal;
                self.report(agenda, kind, Feed::Terminal(id, Report::Closed));
            }
        }
        self.report(agenda, kind, Feed::Backend(BackendInput::Gone(agent)));
    }

    /// Reports how a carrier looks.
    pub(crate) fn seen(&mut self, agenda: &mut Agenda<Event>, agent: AgentId) {
        let Some(carrier) = self.carriers.get(&agent).filter(|carrier| self.is_heard(carrier.kind)) else { return };
        let kind = carrier.kind;
        let terminals = carrier.panes.iter().enumerate().map(|(index, (pane, life))| {
            let life = &self.lives[*life];
            TerminalInfo {
                pane: *pane,
                title: life.title.clone(),
                command: if life.shell { "zsh" } else { "agent" }.to_string(),
                shell: life.shell,
                window: format!("{index}:w"),
                active: index == 0,
                size: life.size,
                corner: (0, 0),
                index: 0,
                exit_code: None,
                activity: life.printed,
                bell: life.bell,
            }
        });
        let observation = Observation {
            agent,
            backend: kind,
            name: carrier.name.clone(),
            directory: carrier.directory.clone(),
            created_unix_ms: carrier.created_unix_ms,
            terminals: terminals.collect(),
            shown_elsewhere: carrier.shown_elsewhere,
        };
        self.report(agenda, kind, Feed::Backend(BackendInput::Seen(observation)));
    }

    // For the oracles.

    pub(crate) fn life(&self, number: u64) -> Option<&Life> {
        self.lives.get(number)
    }

    /// The life that a terminal has now.
    pub(crate) fn life_of(&self, id: TerminalId) -> Option<u64> {
        let panes = &self.carriers.get(&id.agent)?.panes;
        panes.iter().find(|(pane, _)| *pane == id.pane).map(|(_, life)| *life)
    }

    /// All terminals that exist, in a stable order.
    pub(crate) fn terminals(&self) -> impl Iterator<Item = u64> {
        self.carriers.values().flat_map(|carrier| carrier.panes.iter().map(|(_, life)| *life))
    }
}

fn error(code: &'static str) -> OperationError {
    OperationError { code: code.into(), message: format!("The backend says {code}."), hint: String::new() }
}
