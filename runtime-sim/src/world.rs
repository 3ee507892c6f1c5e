//! The world: machines with their nodes, backends and stores, the network between them, viewers and people, in virtual time. Every
//! event is followed by every check that it can concern.

mod outputs;

use crate::agenda::{Agenda, Millis};
use crate::backend::{Backends, Epochs, Manner, QuestionNumber};
use crate::clock::Clock;
use crate::dice::Dice;
use crate::disk::Shelf;
use crate::event::{Event, Feed, HostIndex, Local, Said};
use crate::failure::{Checked, must, pending_because, unsafe_because};
use crate::host::{Host, Hosts, identity};
use crate::ledger::Ledger;
use crate::log::Log;
use crate::marks::{Mark, Marks};
use crate::mirror::Mirror;
use crate::network::{self, LinkFeed, Network, Telling};
use crate::oracle::{Memory, Truth};
use crate::page::{self, Page};
use crate::people::{People, Request, Seat};
use crate::recorded::{self, Recorded};
use crate::run::Options;
use crate::sabotage::{Sabotage, Saboteur};
use crate::scenario::{Scenario, Setting};
use crate::trace::Trace;
use crate::wakes::Wakes;
use consort_core::directory::Desired;
use consort_core::monitor::Monitor;
use consort_core::{BackendInput, Command, Input, NodeId, ViewerId};
use std::collections::BTreeSet;

/// Machines that can be added in a run (copied disks).
const SPARE_HOSTS: usize = 16;
/// Bits of a viewer's number that say which page it is.
const PAGE_BITS: u32 = 8;
/// In large worlds, everything that a node shows is compared after every so many of its inputs.
const COMPARE_EVERY: u64 = 16;

/// Everything.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) setting: Setting,
    late_wake_ms: Millis,
    pub(crate) agenda: Agenda<Event>,
    pub(crate) hosts: Hosts,
    shelf: Shelf,
    pub(crate) network: Network,
    pub(crate) pages: Vec<Page>,
    pub(crate) people: People,
    pub(crate) ledger: Ledger,
    pub(crate) dice: Dice,
    /// Where the person at the command line sits.
    pub(crate) seat: HostIndex,
    wakes: Wakes,
    next_viewer: u64,
    /// Cut connections whose messages on the way are lost.
    lost: BTreeSet<ViewerId>,
    /// Somebody sends what it must not, or has.
    pub(crate) traitors: bool,
    /// Pages that connect again when their node does.
    pub(crate) to_connect: BTreeSet<u8>,
    trace: Trace,
    pub(crate) log: Log,
    pub(crate) options: Options,
    pub(crate) saboteur: Saboteur,
    pub(crate) events: u64,
    /// More events than this: something does not come to rest.
    pub(crate) most_events: u64,
    /// What the owners of facts have said.
    pub(crate) truth: Truth,
    pub(crate) marks: Marks,
    /// Of lives that are over.
    recordings: Vec<Vec<u8>>,
    scratch: Vec<u8>,
}

impl World {
    pub(crate) fn new(scenario: &Scenario, options: Options) -> Self {
        let (seed, setting) = (scenario.seed, scenario.setting);
        let part = |part| Dice::new(seed, part);
        let hosts = setting.hosts.max(1);
        let pages = (0..setting.pages)
            .map(|index| {
                let network = page::Network { latency_ms: setting.latency_ms, room: setting.room };
                let host = HostIndex::from(index) % hosts;
                Page::new(index, (host, identity(seed, host)), network, part(10 + u64::from(index)))
            })
            .collect();
        let mut world = World {
            seed,
            setting,
            late_wake_ms: setting.late_wake_ms,
            agenda: Agenda::new(),
            hosts: Hosts::default(),
            shelf: Shelf::default(),
            network: Network::new(seed, setting.links(), setting.apart_percent),
            pages,
            people: People::default(),
            ledger: Ledger::default(),
            dice: part(2),
            seat: 0,
            wakes: Wakes::new(usize::from(hosts) + SPARE_HOSTS),
            next_viewer: 0,
            lost: BTreeSet::new(),
            traitors: false,
            to_connect: BTreeSet::new(),
            trace: Trace::new(options.quick),
            log: Log(options.detail),
            options,
            saboteur: Saboteur::new(options.sabotage),
            events: 0,
            most_events: 3_000_000 + 500_000 * u64::from(hosts),
            truth: Truth::default(),
            marks: Marks::default(),
            recordings: Vec::new(),
            scratch: Vec::new(),
        };
        for host in 0..hosts {
            world.add_host(identity(seed, host));
        }
        world
    }

    /// Adds a machine that is switched on at once. `None`: there is no place for more.
    pub(crate) fn add_host(&mut self, id: NodeId) -> Option<HostIndex> {
        let index = self.hosts.len() as HostIndex;
        if self.hosts.len() >= usize::from(self.setting.hosts.max(1)) + SPARE_HOSTS {
            return None;
        }
        let setting = &self.setting;
        let manner = Manner {
            order_ms: setting.order_ms,
            report_ms: setting.report_ms,
            snapshot_padding: setting.snapshot_bytes.saturating_sub(crate::script::Picture::BYTES),
            chunk_bytes: setting.chunk_bytes,
            write_bytes: setting.write_bytes,
        };
        let dice = Dice::new(self.seed, if index == 0 { 1 } else { 100_000 + u64::from(index) });
        self.hosts.push(Host::new(index, id, Backends::new(index, id, manner, dice)));
        self.network.add(id);
        self.agenda.after(0, Event::On(index, Local::Start(0)));
        Some(index)
    }

    pub(crate) fn now(&self) -> Millis {
        self.agenda.now()
    }

    /// Plays back every life that was recorded: each must go as it went.
    pub(crate) fn replay_all(&mut self) -> Checked {
        let present = self.hosts.iter_mut().filter_map(|host| host.recorded.take()).map(Recorded::into_file);
        self.recordings.extend(present);
        self.recordings.drain(..).try_for_each(|file| recorded::replay(&file))
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
            let wake = self.wakes.next().filter(|(at, _)| *at <= until);
            match (wake, event_at) {
                (None, None) => break,
                (Some((wake, host)), event) if event.is_none_or(|event| wake <= event) => {
                    self.agenda.advance(wake);
                    self.count()?;
                    self.log.line(self.agenda.now(), || format!("{host} wake"));
                    self.handle(host, None)?;
                }
                _ => {
                    self.count()?;
                    if let Some(event) = self.agenda.pop() {
                        self.happen(event)?;
                    }
                }
            }
            self.give_room()?;
        }
        self.agenda.advance(until);
        Ok(())
    }

    fn count(&mut self) -> Checked {
        self.events += 1;
        if self.events > self.most_events {
            return Err(pending_because(format!("{} events and no rest", self.most_events)));
        }
        Ok(())
    }

    pub(crate) fn plan_wake(&mut self, at: HostIndex) {
        let host = &self.hosts[at];
        let deadline = host.monitor.as_ref().filter(|_| host.asleep.is_none()).and_then(Monitor::next_deadline);
        let wake = deadline.map(|deadline| host.clock.when(deadline.at).saturating_add(self.late_wake_ms));
        self.wakes.set(at, wake.map(|wake| wake.max(self.agenda.now())));
    }

    fn happen(&mut self, event: Event) -> Checked {
        match event {
            Event::On(host, local) => {
                if let Some(waiting) = &mut self.hosts[host].asleep {
                    waiting.push(Event::On(host, local));
                    return Ok(());
                }
                self.happen_on(host, local)
            }
            Event::Network(tick) => self.happen_between(tick),
            Event::Frame(viewer, frame) => {
                let Some(page) = page_of(&mut self.pages, viewer) else { return Ok(()) };
                page.arrived(&mut self.agenda, *frame)
            }
            Event::Read(viewer) => {
                let Some(page) = page_of(&mut self.pages, viewer) else { return Ok(()) };
                page.read(&mut self.agenda, &self.hosts, &mut self.ledger)
            }
            Event::Acknowledge(viewer, stream, offset) => {
                if let Some(page) = page_of(&mut self.pages, viewer) {
                    page.acknowledge_now(&mut self.agenda, stream, offset);
                }
                Ok(())
            }
            Event::Resume(host, sleep) if self.hosts[host].sleeps == sleep => self.wake_up(host),
            Event::Resume(..) => Ok(()),
            Event::Unplug(host) => {
                self.retire(host);
                Ok(())
            }
        }
    }

    fn happen_on(&mut self, at: HostIndex, local: Local) -> Checked {
        let host = &mut self.hosts[at];
        match local {
            Local::Start(life) if life == host.life && !host.retired => self.start(at),
            Local::Feed(life, feed) if life == host.life => self.feed(at, &feed),
            Local::Order(life, kind, order) if life == host.life => {
                host.backends.ordered(&mut self.agenda, kind, *order);
                Ok(())
            }
            Local::Disk(life) if life == host.life => self.disk_answers(at),
            Local::Start(_) | Local::Feed(..) | Local::Order(..) | Local::Disk(_) => Ok(()),
            Local::Backend(tick) => host.backends.tick(&mut self.agenda, &mut self.ledger, *tick),
        }
    }

    fn happen_between(&mut self, tick: network::Tick) -> Checked {
        if let Some(host) = self.network.host_of(&tick)
            && let Some(waiting) = &mut self.hosts[host].asleep
        {
            waiting.push(Event::Network(tick));
            return Ok(());
        }
        match self.network.tick(&mut self.agenda, tick) {
            Some(telling) => self.tell(&telling),
            None => Ok(()),
        }
    }

    /// Nodes learn of the room that their links have.
    pub(crate) fn give_room(&mut self) -> Checked {
        while let Some(telling) = self.network.next_room() {
            for _ in 0..self.saboteur.rooms() {
                self.tell(&telling)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, telling: &Telling) -> Checked {
        let Telling { host, life, link, feed } = telling;
        if self.hosts[*host].life != *life {
            return Ok(());
        }
        self.log.line(self.agenda.now(), || format!("{host} → {link:?} {feed:?}"));
        self.trace.link(*host, *link, feed);
        self.mark(*host, feed);
        if let LinkFeed::Frame(bytes) = feed
            && self.saboteur.echoes(bytes)
        {
            self.network.inject(&mut self.agenda, *link, bytes.clone());
        }
        self.handle(*host, Some(Input::Link(*link, feed.as_input())))
    }

    fn mark(&mut self, host: HostIndex, feed: &LinkFeed) {
        match feed {
            LinkFeed::Opened { .. } => self.marks.add(self.agenda.now(), host, || Mark::Opened),
            LinkFeed::Closed => self.marks.add(self.agenda.now(), host, || Mark::Closed),
            LinkFeed::Frame(_) | LinkFeed::Writable(_) => {}
        }
    }

    // Nodes.

    fn start(&mut self, at: HostIndex) -> Checked {
        let shown = self.dice.magnitude(1_000_000);
        let host = &mut self.hosts[at];
        host.disk.begin_epoch();
        host.clock = Clock::new(self.agenda.now(), shown, host.rate);
        self.recordings.extend(host.recorded.take().map(Recorded::into_file));
        let (node, recorded) = host.restore((self.seed, self.options), host.clock.at(self.agenda.now()))?;
        host.recorded = recorded;
        host.mirror = if self.options.quick { Mirror::default() } else { Mirror::of(&node) };
        host.memory = Memory::default();
        host.handed = Epochs::default();
        let own = node.view().agents().filter(|agent| agent.node == host.id);
        host.to_start = own.filter(|a| a.autostart && a.desired == Desired::Running).map(|agent| agent.id).collect();
        self.log.line(self.agenda.now(), || format!("{at} the node starts, life {}", host.life));
        // A copied disk is older than what was promised at the original.
        let original = self.hosts.of(node.view().id()).is_some_and(|first| first.index == at);
        let checked = if original { self.people.check_promises(&node) } else { Ok(()) };
        let checked = checked.and_then(|()| self.truth.check_kept(at, &node));
        let host = &mut self.hosts[at];
        host.monitor = Some(Monitor::new(node));
        host.backends.start(&mut self.agenda, host.life);
        self.marks.add(self.agenda.now(), at, || Mark::Started);
        self.network.started(at, host.life);
        self.after_start(at)?;
        checked
    }

    fn after_start(&mut self, at: HostIndex) -> Checked {
        let addresses = vec![self.network.address(at)];
        self.feed(at, &Feed::Network(addresses))?;
        self.network.repeat(&mut self.agenda);
        let here = |page: &u8| self.pages[usize::from(*page)].host == at;
        let pages: Vec<u8> = self.to_connect.iter().copied().filter(here).collect();
        for page in pages {
            self.to_connect.remove(&page);
            self.connect(page);
        }
        Ok(())
    }

    /// A node's process ends, or its whole machine does. Returns whether it ran.
    pub(crate) fn stop(&mut self, at: HostIndex, kept: usize, machine_too: bool) -> bool {
        self.wake_silently(at);
        let host = &mut self.hosts[at];
        if host.monitor.take().is_none() {
            return false;
        }
        host.life += 1;
        self.marks.add(self.agenda.now(), at, || Mark::Stopped);
        host.disk.crash(&mut self.shelf, kept);
        if machine_too {
            host.backends.lose_power();
        } else {
            host.backends.crash();
        }
        self.people.node_died(at);
        self.network.stopped(&mut self.agenda, at, machine_too);
        for page in self.pages.iter_mut().filter(|page| page.host == at) {
            if page.viewer().is_some() {
                self.to_connect.insert(page.index);
            }
            page.node_died();
        }
        self.wakes.set(at, None);
        true
    }

    /// `kill -9` (or a power cut), and the next start.
    pub(crate) fn crash(&mut self, at: HostIndex, kept: usize, machine_too: bool, down_ms: Millis) {
        if self.stop(at, kept, machine_too) {
            let life = self.hosts[at].life;
            self.agenda.after(down_ms, Event::On(at, Local::Start(life)));
        }
    }

    /// A machine is switched off for good.
    pub(crate) fn retire(&mut self, at: HostIndex) {
        self.hosts[at].retired = true;
        self.stop(at, 0, true);
    }

    /// The lid is closed.
    pub(crate) fn sleep(&mut self, at: HostIndex, ms: Millis) {
        let host = &mut self.hosts[at];
        if host.is_awake() {
            host.asleep = Some(Vec::new());
            host.sleeps += 1;
            self.network.rules.set_asleep(at, true);
            self.agenda.after(ms, Event::Resume(at, host.sleeps));
            self.plan_wake(at);
        }
    }

    /// The lid is opened: what was due in the meantime happens now.
    pub(crate) fn wake_up(&mut self, at: HostIndex) -> Checked {
        let Some(waiting) = self.hosts[at].asleep.take() else { return Ok(()) };
        self.network.rules.set_asleep(at, false);
        self.network.repeat(&mut self.agenda);
        for event in waiting {
            self.happen(event)?;
        }
        self.plan_wake(at);
        Ok(())
    }

    /// A machine is no longer asleep because it is off.
    fn wake_silently(&mut self, at: HostIndex) {
        if let Some(waiting) = self.hosts[at].asleep.take() {
            self.network.rules.set_asleep(at, false);
            let of_backends = |event: &Event| matches!(event, Event::On(_, Local::Backend(_)));
            for event in waiting.into_iter().filter(of_backends) {
                self.agenda.after(0, event);
            }
        }
    }

    pub(crate) fn connect(&mut self, page: u8) {
        let page = &mut self.pages[usize::from(page)];
        let host = &self.hosts[page.host];
        if host.monitor.is_some() && page.viewer().is_none() {
            let viewer = ViewerId(self.next_viewer << PAGE_BITS | u64::from(page.index));
            self.next_viewer += 1;
            page.connect(&mut self.agenda, host.life, viewer);
        }
    }

    pub(crate) fn cut(&mut self, page: u8, notice_ms: Millis) {
        let lost = self.pages[usize::from(page)].cut(&mut self.agenda, notice_ms);
        self.lost.extend(lost);
    }

    pub(crate) fn feed(&mut self, at: HostIndex, feed: &Feed) -> Checked {
        if let Feed::Viewer(viewer, said) = feed {
            let over = matches!(said, Said::Closed);
            if self.lost.contains(viewer) && !over {
                return Ok(());
            }
        }
        if let Feed::Backend(BackendInput::Seen(observation)) = feed {
            self.hosts[at].to_start.remove(&observation.agent);
        }
        if !self.saboteur.lets_in(feed) {
            return Ok(());
        }
        self.hosts[at].reads = QuestionNumber::reported(feed);
        let changed = self.saboteur.changes(feed);
        let feed = changed.as_ref().unwrap_or(feed);
        self.hosts[at].handed.note(feed);
        self.log.line(self.agenda.now(), || format!("{at} → {feed:?}"));
        self.trace.feed(at, feed);
        let mut scratch = std::mem::take(&mut self.scratch);
        let result = self.handle(at, Some(feed.as_input(&mut scratch)));
        self.scratch = scratch;
        result
    }

    /// Gives a person's command to the node where the person sits, at once.
    pub(crate) fn ask(&mut self, at: HostIndex, request: Request) -> Checked {
        if let Command::Admit { node, .. } | Command::Remove(node) = &request.command {
            self.truth.asked(request.node, *node);
        }
        self.feed(at, &Feed::Command(request.id, request.node, request.command))?;
        self.give_room()
    }

    pub(crate) fn seat_at(&self, host: HostIndex) -> Seat {
        Seat { host, id: self.hosts[host].id }
    }

    fn disk_answers(&mut self, at: HostIndex) -> Checked {
        let Some((id, result)) = self.hosts[at].disk.finish(&mut self.shelf) else { return Ok(()) };
        self.log.line(self.agenda.now(), || format!("{at} → Stored({id:?}, {result:?})"));
        self.handle(at, Some(Input::Stored(id, result)))
    }

    /// One input (or a wake), all outputs, all checks.
    fn handle(&mut self, at: HostIndex, input: Option<Input<'_>>) -> Checked {
        let host = &mut self.hosts[at];
        let Some(node) = &mut host.monitor else { return Ok(()) };
        host.handled += 1;
        self.trace.time(at, self.agenda.now());
        let (now, input) = (host.clock.at(self.agenda.now()), input.unwrap_or(Input::Wake));
        if let Some(recorded) = &mut host.recorded {
            recorded.input(node.node(), now, &input);
        }
        node.handle(now, input);
        while let Some(output) = self.hosts[at].monitor.as_mut().and_then(Monitor::poll_output) {
            self.trace.output(&output);
            if let Some(recorded) = &mut self.hosts[at].recorded {
                recorded.output(&output);
            }
            if self.options.sabotage == Sabotage::None {
                self.output(at, output)?;
                continue;
            }
            for output in self.saboteur.outputs(output) {
                self.output(at, output)?;
            }
        }
        let host = &mut self.hosts[at];
        if let (Some(recorded), Some(node)) = (&mut host.recorded, &host.monitor) {
            recorded.followed(node.node());
        }
        self.plan_wake(at);
        self.check(at)
    }

    fn check(&mut self, at: HostIndex) -> Checked {
        if self.options.quick {
            return Ok(());
        }
        let host = &mut self.hosts[at];
        let Some(node) = host.monitor.as_ref().map(Monitor::node) else { return Ok(()) };
        if self.truth.learn(&mut host.memory, host.id, node)? {
            self.marks.add(self.agenda.now(), at, || Mark::Facts);
        }
        if self.setting.hosts > 2 && !host.handled.is_multiple_of(COMPARE_EVERY) {
            return Ok(());
        }
        node.check().map_err(|violation| unsafe_because(format!("host {at}: {violation}")))?;
        host.mirror.check(node)
    }

    /// Among nodes that keep the rules nobody is told to have broken one.
    fn hear(&self, at: HostIndex, event: &consort_core::Event) -> Checked {
        if let consort_core::Event::LinkFault(peer, fault) = event {
            must!(self.traitors, "host {at} says of {peer:?}: {fault}");
        }
        Ok(())
    }
}

fn page_of(pages: &mut [Page], viewer: ViewerId) -> Option<&mut Page> {
    let index = viewer.0 & ((1 << PAGE_BITS) - 1);
    pages.get_mut(index as usize).filter(|page| page.viewer() == Some(viewer))
}
