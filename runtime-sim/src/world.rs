//! The world: one node with its backends, its store, its viewers and its people, in virtual time. Every event is followed by
//! every check.
//!
//! What belongs to one machine is a [`Host`]. There is one today; links between several are events between hosts.

use crate::agenda::{Agenda, Millis};
use crate::backend::{Backends, Epochs, Manner, Order};
use crate::dice::Dice;
use crate::disk::Disk;
use crate::event::{Event, Feed, NodeLife, Said};
use crate::failure::{Checked, Failure, pending_because, unsafe_because};
use crate::ledger::Ledger;
use crate::log::Log;
use crate::mirror::Mirror;
use crate::page::{Network, Page};
use crate::people::People;
use crate::sabotage::{Sabotage, Saboteur};
use crate::scenario::Scenario;
use crate::trace::Trace;
use consort_core::directory::{BackendKind, Desired};
use consort_core::monitor::Monitor;
use consort_core::{
    AgentId, BackendInput, BackendOperation, Config, Identity, Input, Instant, Node, NodeId, Output, Restored, ViewerId,
};
use std::collections::BTreeSet;

/// More events than this in one run: something does not come to rest.
const MOST_EVENTS: u64 = 3_000_000;

/// The identity of the one machine.
pub(crate) const NODE: NodeId = NodeId([7; 32]);

/// One machine.
#[derive(Debug)]
pub(crate) struct Host {
    /// `None` while it is down.
    node: Option<Monitor>,
    pub(crate) life: NodeLife,
    /// The world's time at which this life began.
    began: Millis,
    pub(crate) backends: Backends,
    pub(crate) disk: Disk,
    pub(crate) disk_ms: Millis,
    pub(crate) people: People,
    mirror: Mirror,
    /// Which ends and failures the node has learned of.
    handed: Epochs,
    /// Agents that the node must start again in this life.
    pub(crate) to_start: BTreeSet<AgentId>,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    late_wake_ms: Millis,
    pub(crate) agenda: Agenda<Event>,
    pub(crate) host: Host,
    pub(crate) pages: Vec<Page>,
    pub(crate) ledger: Ledger,
    pub(crate) dice: Dice,
    next_viewer: u64,
    /// Cut connections whose messages on the way are lost.
    lost: BTreeSet<ViewerId>,
    /// Pages that connect again when the node does.
    pub(crate) to_connect: BTreeSet<u8>,
    trace: Trace,
    pub(crate) log: Log,
    saboteur: Saboteur,
    pub(crate) events: u64,
    scratch: Vec<u8>,
}

impl World {
    pub(crate) fn new(scenario: &Scenario, sabotage: Sabotage, log: Log) -> Self {
        let setting = &scenario.setting;
        let part = |part| Dice::new(scenario.seed, part);
        let manner = Manner {
            order_ms: setting.order_ms,
            report_ms: setting.report_ms,
            snapshot_padding: setting.snapshot_bytes.saturating_sub(crate::script::Picture::BYTES),
            chunk_bytes: setting.chunk_bytes,
            write_bytes: setting.write_bytes,
        };
        let network = Network { latency_ms: setting.latency_ms, room: setting.room };
        let host = Host {
            node: None,
            life: 0,
            began: 0,
            backends: Backends::new(manner, part(1)),
            disk: Disk::default(),
            disk_ms: 0,
            people: People::default(),
            mirror: Mirror::default(),
            handed: Epochs::default(),
            to_start: BTreeSet::new(),
        };
        let mut agenda = Agenda::new();
        agenda.at(0, Event::Start(0));
        World {
            seed: scenario.seed,
            late_wake_ms: setting.late_wake_ms,
            agenda,
            host,
            pages: (0..setting.pages).map(|index| Page::new(index, network, part(10 + u64::from(index)))).collect(),
            ledger: Ledger::default(),
            dice: part(2),
            next_viewer: 0,
            lost: BTreeSet::new(),
            to_connect: BTreeSet::new(),
            trace: Trace::new(),
            log,
            saboteur: Saboteur::new(sabotage),
            events: 0,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn node(&self) -> Option<&Node> {
        self.host.node.as_ref().map(Monitor::node)
    }

    pub(crate) fn now(&self) -> Millis {
        self.agenda.now()
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    // Time.

    /// Everything that is due within the next `ms` happens.
    pub(crate) fn run_for(&mut self, ms: Millis) -> Checked {
        let until = self.agenda.now() + ms;
        loop {
            let event_at = self.agenda.next_at().filter(|at| *at <= until);
            let wake_at = self.wake_at().filter(|at| *at <= until);
            match (wake_at, event_at) {
                (None, None) => break,
                (Some(wake), event) if event.is_none_or(|event| wake <= event) => {
                    self.agenda.advance(wake);
                    self.count()?;
                    self.log.line(self.agenda.now(), || "wake".to_string());
                    self.handle(None)?;
                }
                _ => {
                    self.count()?;
                    if let Some(event) = self.agenda.pop() {
                        self.happen(event)?;
                    }
                }
            }
        }
        self.agenda.advance(until);
        Ok(())
    }

    fn count(&mut self) -> Checked {
        self.events += 1;
        if self.events > MOST_EVENTS {
            return Err(pending_because(format!("{MOST_EVENTS} events and no rest")));
        }
        Ok(())
    }

    fn wake_at(&self) -> Option<Millis> {
        let deadline = self.host.node.as_ref()?.next_deadline()?;
        Some((self.host.began + deadline.at.as_millis() + self.late_wake_ms).max(self.agenda.now()))
    }

    fn happen(&mut self, event: Event) -> Checked {
        let host = &mut self.host;
        match event {
            Event::Start(life) if life == host.life => self.start(),
            Event::Node(life, feed) if life == host.life => self.feed(&feed),
            Event::Order(life, kind, order) if life == host.life => {
                host.backends.ordered(&mut self.agenda, kind, order);
                Ok(())
            }
            Event::Disk(life) if life == host.life => self.disk_answers(),
            Event::Start(_) | Event::Node(..) | Event::Order(..) | Event::Disk(_) => Ok(()),
            Event::Backend(tick) => host.backends.tick(&mut self.agenda, &mut self.ledger, tick),
            Event::Frame(viewer, frame) => {
                let Some(page) = page_of(&mut self.pages, viewer) else { return Ok(()) };
                page.arrived(&mut self.agenda, frame)
            }
            Event::Read(viewer) => {
                let Some(page) = page_of(&mut self.pages, viewer) else { return Ok(()) };
                page.read(&mut self.agenda, &host.backends, &mut self.ledger)
            }
            Event::Acknowledge(viewer, stream, offset) => {
                if let Some(page) = page_of(&mut self.pages, viewer) {
                    page.acknowledge_now(&mut self.agenda, stream, offset);
                }
                Ok(())
            }
        }
    }

    // The node.

    fn start(&mut self) -> Checked {
        let host = &mut self.host;
        let node = restore(&host.disk, self.seed, host.life)?;
        host.began = self.agenda.now();
        host.mirror = Mirror::of(&node);
        host.handed = Epochs::default();
        let waiting = node.view().agents().filter(|agent| agent.autostart && agent.desired == Desired::Running);
        host.to_start = waiting.map(|agent| agent.id).collect();
        self.log.line(self.agenda.now(), || format!("the node starts, life {}", host.life));
        let checked = host.people.check_promises(&node);
        host.node = Some(Monitor::new(node));
        host.backends.start(&mut self.agenda, host.life);
        for page in std::mem::take(&mut self.to_connect) {
            self.connect(page);
        }
        checked
    }

    /// `kill -9`, and the next start.
    pub(crate) fn crash(&mut self, kept: usize, down_ms: Millis) {
        let host = &mut self.host;
        if host.node.take().is_none() {
            return;
        }
        host.life += 1;
        host.disk.crash(kept);
        host.backends.crash();
        host.people.node_died();
        for page in &mut self.pages {
            if page.viewer().is_some() {
                self.to_connect.insert(page.index);
            }
            page.node_died();
        }
        self.agenda.after(down_ms, Event::Start(host.life));
    }

    pub(crate) fn connect(&mut self, page: u8) {
        if self.host.node.is_some() && self.pages[page as usize].viewer().is_none() {
            let viewer = ViewerId(self.next_viewer);
            self.next_viewer += 1;
            self.pages[page as usize].connect(&mut self.agenda, self.host.life, viewer);
        }
    }

    pub(crate) fn cut(&mut self, page: u8, notice_ms: Millis) {
        let lost = self.pages[page as usize].cut(&mut self.agenda, notice_ms);
        self.lost.extend(lost);
    }

    fn feed(&mut self, feed: &Feed) -> Checked {
        if let Feed::Viewer(viewer, said) = feed {
            let over = matches!(said, Said::Closed);
            if self.lost.contains(viewer) && !over {
                return Ok(());
            }
        }
        if let Feed::Backend(BackendInput::Seen(observation)) = feed {
            self.host.to_start.remove(&observation.agent);
        }
        if !self.saboteur.lets_in(feed) {
            return Ok(());
        }
        self.host.handed.note(feed);
        self.log.line(self.agenda.now(), || format!("→ {feed:?}"));
        self.trace.feed(feed);
        let mut scratch = std::mem::take(&mut self.scratch);
        let result = self.handle(Some(feed.as_input(&mut scratch)));
        self.scratch = scratch;
        result
    }

    /// Gives a person's command to the node at once.
    pub(crate) fn command(&mut self, (id, command): (consort_core::CommandId, consort_core::Command)) -> Checked {
        self.feed(&Feed::Command(id, command))
    }

    fn disk_answers(&mut self) -> Checked {
        let Some((id, result)) = self.host.disk.finish() else { return Ok(()) };
        self.log.line(self.agenda.now(), || format!("→ Stored({id:?}, {result:?})"));
        self.handle(Some(Input::Stored(id, result)))
    }

    /// One input (or a wake), all outputs, all checks.
    fn handle(&mut self, input: Option<Input<'_>>) -> Checked {
        let host = &mut self.host;
        let Some(node) = &mut host.node else { return Ok(()) };
        self.trace.time(self.agenda.now());
        node.handle(Instant::from_millis(self.agenda.now() - host.began), input.unwrap_or(Input::Wake));
        let mut outputs = Vec::new();
        while let Some(output) = node.poll_output() {
            self.trace.output(&output);
            outputs.extend(self.saboteur.outputs(output));
        }
        for output in outputs {
            self.log.line(self.agenda.now(), || format!("  ← {output:?}"));
            self.output(output)?;
        }
        self.check()
    }

    fn check(&self) -> Checked {
        let Some(node) = self.node() else { return Ok(()) };
        node.check().map_err(|violation| unsafe_because(violation.to_string()))?;
        self.host.mirror.check(node)
    }

    fn output(&mut self, output: Output) -> Checked {
        let host = &mut self.host;
        let Some(node) = &host.node else { return Ok(()) };
        host.mirror.apply(node.node(), &output);
        match output {
            Output::Terminal(id, what) => {
                if let Some(kind) = host.backends.carriers.get(&id.agent).map(|carrier| carrier.kind) {
                    let epoch = host.handed.of(kind, id);
                    host.backends.order(&mut self.agenda, kind, Order::Terminal(id, what, epoch));
                }
            }
            Output::Viewer(viewer, frame) => {
                if let Some(page) = page_of(&mut self.pages, viewer) {
                    page.send(&mut self.agenda, frame);
                }
            }
            Output::Backend(id, operation) => {
                if let BackendOperation::Launch(spec) = &operation {
                    host.to_start.remove(&spec.agent);
                }
                let kind = kind_for(node.node(), &operation);
                host.backends.order(&mut self.agenda, kind, Order::Operation(id, operation));
            }
            Output::Reply(id, result) => return host.people.answered(node.node(), id, &result),
            Output::Store(id, operation) => {
                let operation = self.saboteur.store(operation);
                let delay = self.dice.up_to(host.disk_ms);
                host.disk.begin(&mut self.agenda, host.life, delay, (id, operation));
            }
            // One machine has no links.
            Output::Dial(..) | Output::Transmit(..) | Output::CloseLink(_) => {}
            Output::Event(_) => {}
        }
        Ok(())
    }
}

fn page_of(pages: &mut [Page], viewer: ViewerId) -> Option<&mut Page> {
    pages.iter_mut().find(|page| page.viewer() == Some(viewer))
}

fn kind_for(node: &Node, operation: &BackendOperation) -> BackendKind {
    let agent = match operation {
        BackendOperation::Launch(spec) => return spec.backend,
        BackendOperation::Kill(agent) | BackendOperation::Rename(agent, _) | BackendOperation::Mark(agent) => *agent,
        BackendOperation::Paste { terminal, .. } | BackendOperation::ReadText { terminal, .. } => terminal.agent,
    };
    node.view().own_agent(agent).map_or(BackendKind::Tmux, |agent| agent.backend)
}

/// The node that a disk gives.
pub(crate) fn restore(disk: &Disk, seed: u64, life: NodeLife) -> Result<Node, Failure> {
    let mut restored = Restored::default();
    for (key, bytes) in disk.files() {
        let read = restored.add(key, bytes);
        if read.is_err() {
            return Err(unsafe_because(format!("{key} cannot be read back")));
        }
    }
    let identity = Identity { id: NODE, epoch: u64::from(life) };
    let mut random = [0; 32];
    random[..8].copy_from_slice(&seed.to_le_bytes());
    random[8..12].copy_from_slice(&life.to_le_bytes());
    let config = Config { name: "sim".to_string() };
    Node::new(config, identity, restored, random, Instant::START).map_err(|error| unsafe_because(error.to_string()))
}
