//! The network between machines: addresses, dials, and links that behave like TCP.
//!
//! A link's bytes arrive whole, in order, once, or not at all: after a delay, as fast as the link is wide, held back while the way
//! is blocked (the sender's kernel repeats them), lost when it is dead. Its two ends learn of its end each at their own time, or
//! never. Everything that a node is told of a link, it is told through [`Telling`].

mod link;
pub(crate) mod rules;

pub(crate) use link::{LinkFeed, Telling};
use rules::Rules;

use crate::agenda::{Agenda, Millis};
use crate::dice::Dice;
use crate::event::{Event, Feed, HostIndex, NodeLife};
use crate::failure::{Checked, must};
use consort_core::{Address, DialId, LinkId, NodeId, limits};
use link::{Carried, End, EndState, Link, Pipe};
use std::collections::{BTreeSet, VecDeque};

/// How links behave in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// The delay between two machines, each way: drawn once per pair and direction between these.
    pub(crate) delay_ms: (Millis, Millis),
    /// Added to it, drawn per frame.
    pub(crate) jitter_ms: Millis,
    /// Width of a link; 0: endless.
    pub(crate) bytes_per_ms: u64,
    /// Bytes that are on their way or wait at the sender before there is no more room.
    pub(crate) buffer_bytes: usize,
    /// Frames of room that are given in advance.
    pub(crate) room: u32,
}

/// What is due in the network.
#[derive(Debug)]
pub(crate) enum Tick {
    /// A dial reaches the machine at its address (if any).
    Knock(Box<Knock>),
    /// An end learns that the link is there.
    Opened(u32, u8),
    /// The next frame for an end is there.
    Arrive(u32, u8),
    /// An end learns that the link is gone.
    Gone(u32, u8),
}

/// A dial on its way.
#[derive(Debug)]
pub(crate) struct Knock {
    from: HostIndex,
    life: NodeLife,
    dial: DialId,
    node: NodeId,
    to: HostIndex,
    began: Millis,
}

/// A machine as the network sees it.
#[derive(Clone, Copy, Debug)]
struct Site {
    id: NodeId,
    /// Counts its addresses.
    address: u32,
    /// The node that runs there.
    life: Option<NodeLife>,
}

type Plan<'a> = &'a mut Agenda<Event>;

/// Everything between the machines.
#[derive(Debug)]
pub(crate) struct Network {
    seed: u64,
    manner: Manner,
    dice: Dice,
    pub(crate) rules: Rules,
    sites: Vec<Site>,
    links: Vec<Link>,
    /// Links with an end that is not closed.
    live: BTreeSet<u32>,
    /// Ends that may have room to tell of.
    offers: VecDeque<(u32, u8)>,
    /// Frames and bytes that nodes sent.
    pub(crate) sent: (u64, u64),
    /// Links that were ever made.
    pub(crate) made: u64,
}

impl Network {
    pub(crate) fn new(seed: u64, manner: Manner, apart_percent: u8) -> Self {
        Network {
            seed,
            manner,
            dice: Dice::new(seed, 3),
            rules: Rules::new(seed, apart_percent),
            sites: Vec::new(),
            links: Vec::new(),
            live: BTreeSet::new(),
            offers: VecDeque::new(),
            sent: (0, 0),
            made: 0,
        }
    }

    // Machines.

    pub(crate) fn add(&mut self, id: NodeId) {
        self.sites.push(Site { id, address: 0, life: None });
        self.rules.add();
    }

    /// Where a machine can be dialled now.
    pub(crate) fn address(&self, host: HostIndex) -> Address {
        Address(format!("h{host}:{}", self.sites[usize::from(host)].address))
    }

    /// A machine gets another address; whoever is linked stays so.
    pub(crate) fn move_away(&mut self, host: HostIndex) {
        self.sites[usize::from(host)].address += 1;
    }

    fn find(&self, address: &Address) -> Option<HostIndex> {
        let (host, number) = address.0.strip_prefix('h')?.split_once(':')?;
        let (host, number): (HostIndex, u32) = (host.parse().ok()?, number.parse().ok()?);
        self.sites.get(usize::from(host)).filter(|site| site.address == number).map(|_| host)
    }

    pub(crate) fn started(&mut self, host: HostIndex, life: NodeLife) {
        self.sites[usize::from(host)].life = Some(life);
        self.rules.set_off(host, false);
    }

    /// A node ends. If only its process does, its kernel tells the other ends; if the machine does, nobody is told.
    pub(crate) fn stopped(&mut self, plan: Plan<'_>, host: HostIndex, machine_too: bool) {
        self.sites[usize::from(host)].life = None;
        self.rules.set_off(host, machine_too);
        for (number, end) in self.ends_of(host) {
            let link = &mut self.links[number as usize];
            link.ends[usize::from(end)].state = EndState::Closed;
            if machine_too {
                link.pipes[usize::from(end)].die();
            } else {
                self.send(plan, (number, end), Carried::End);
            }
            self.tidy(number);
        }
    }

    fn ends_of(&self, host: HostIndex) -> Vec<(u32, u8)> {
        let ends = self.live.iter().flat_map(|number| [(*number, 0), (*number, 1)]);
        let here = |(number, end): &(u32, u8)| {
            let end = &self.links[*number as usize].ends[usize::from(*end)];
            end.host == host && end.state != EndState::Closed
        };
        ends.filter(here).collect()
    }

    /// Whether somebody at one machine could open a connection to another now, and it would stay.
    pub(crate) fn can_connect(&self, from: HostIndex, to: HostIndex) -> bool {
        let up = |host: HostIndex| self.sites[usize::from(host)].life.is_some();
        up(from) && up(to) && self.rules.admits(from, to) && self.rules.passes(from, to) && self.rules.passes(to, from)
    }

    fn delay(&mut self, from: HostIndex, to: HostIndex) -> Millis {
        let (least, most) = self.manner.delay_ms;
        let pair = rules::mix(self.seed, from, to) % (most - least + 1);
        least + pair + if self.manner.jitter_ms > 0 { self.dice.up_to(self.manner.jitter_ms) } else { 0 }
    }

    // Dials.

    pub(crate) fn dial(
        &mut self,
        plan: Plan<'_>,
        (from, life): (HostIndex, NodeLife),
        dial: DialId,
        node: NodeId,
        address: &Address,
    ) {
        let began = plan.now();
        let Some(to) = self.find(address) else {
            // Nobody has the address: some routers say so, some say nothing.
            let silent = self.dice.percent(50);
            let wait = if silent { limits::DIAL_TIME.as_millis() } else { 20 };
            return plan.after(wait, failed((from, life), dial, "nobody has that address"));
        };
        let delay = self.delay(from, to);
        let knock = Knock { from, life, dial, node, to, began };
        plan.after(delay, Event::Network(Tick::Knock(Box::new(knock))));
    }

    fn knock(&mut self, plan: Plan<'_>, knock: &Knock) {
        let Knock { from, life, dial, node, to, began } = *knock;
        let dialler = (from, life);
        let too_late = began + limits::DIAL_TIME.as_millis();
        let back = self.delay(to, from);
        let site = self.sites[usize::from(to)];
        let silent = !self.rules.passes(from, to) || !self.rules.passes(to, from) || self.rules.drops_dials(from, to);
        if silent {
            return plan.at(too_late, failed(dialler, dial, "no answer"));
        }
        let Some(other) = site.life.filter(|_| !self.rules.refuses(to)) else {
            return plan.after(back, failed(dialler, dial, "connection refused"));
        };
        if site.id != node {
            return plan.after(back * 2, failed(dialler, dial, "another node answers there"));
        }
        let number = self.links.len() as u32;
        let forth = self.delay(from, to);
        let end = |host, life, dial| End { host, life, dial, state: EndState::Coming, granted: 0, began };
        let bytes_per_ms = self.manner.bytes_per_ms;
        self.links.push(Link {
            ends: [end(from, life, Some(dial)), end(to, other, None)],
            pipes: [Pipe::new(bytes_per_ms), Pipe::new(bytes_per_ms)],
        });
        self.live.insert(number);
        self.made += 1;
        // Nothing overtakes the opening.
        let link = &mut self.links[number as usize];
        let now = plan.now();
        link.pipes[1].last = now + back;
        link.pipes[0].last = now + back + forth;
        plan.after(back, Event::Network(Tick::Opened(number, 0)));
        plan.after(back + forth, Event::Network(Tick::Opened(number, 1)));
    }

    // Ticks.

    /// The machine that must be awake for a tick to happen.
    pub(crate) fn host_of(&self, tick: &Tick) -> Option<HostIndex> {
        match tick {
            Tick::Opened(number, end) | Tick::Gone(number, end) => {
                Some(self.links[*number as usize].ends[usize::from(*end)].host)
            }
            Tick::Knock(_) | Tick::Arrive(..) => None,
        }
    }

    /// What is due happens. `Some`: a node is told of it.
    pub(crate) fn tick(&mut self, plan: Plan<'_>, tick: Tick) -> Option<Telling> {
        match tick {
            Tick::Knock(knock) => {
                self.knock(plan, &knock);
                None
            }
            Tick::Opened(number, end) => self.opened(plan, (number, end)),
            Tick::Arrive(number, end) => self.arrive(plan, (number, end)),
            Tick::Gone(number, end) => self.gone((number, end)),
        }
    }

    fn opened(&mut self, plan: Plan<'_>, (number, end): (u32, u8)) -> Option<Telling> {
        let link = &mut self.links[number as usize];
        let (here, there) = (&link.ends[usize::from(end)], &link.ends[usize::from(1 - end)]);
        if here.state != EndState::Coming {
            return None;
        }
        if !self.rules.passes(there.host, here.host) || there.state == EndState::Closed {
            if let Some(dial) = here.dial {
                let too_late = here.began + limits::DIAL_TIME.as_millis();
                plan.at(too_late, failed((here.host, here.life), dial, "no answer"));
            }
            link.ends[usize::from(end)].state = EndState::Closed;
            self.tidy(number);
            return None;
        }
        let (peer, dial) = (self.sites[usize::from(there.host)].id, here.dial);
        link.ends[usize::from(end)].state = EndState::Open;
        self.offers.push_back((number, end));
        Some(self.tell(number, end, LinkFeed::Opened { peer, dial }))
    }

    fn arrive(&mut self, plan: Plan<'_>, (number, end): (u32, u8)) -> Option<Telling> {
        let (to, from) = (usize::from(end), usize::from(1 - end));
        let link = &mut self.links[number as usize];
        let (sender, receiver) = (link.ends[from].host, link.ends[to].host);
        let pipe = &mut link.pipes[from];
        if pipe.stalled || !self.rules.passes(sender, receiver) {
            pipe.missed += 1;
            return None;
        }
        let carried = pipe.take()?;
        self.offers.push_back((number, 1 - end));
        match (link.ends[to].state, carried) {
            (EndState::Open | EndState::Closing, Carried::Frame(bytes)) => {
                Some(self.tell(number, end, LinkFeed::Frame(bytes)))
            }
            (EndState::Open, Carried::End) => {
                let telling = self.tell(number, end, LinkFeed::Closed);
                self.links[number as usize].ends[to].state = EndState::Closed;
                self.tidy(number);
                Some(telling)
            }
            (EndState::Closing | EndState::Closed | EndState::Coming, Carried::End) => None,
            (EndState::Closed | EndState::Coming, Carried::Frame(_)) => {
                // Nobody is there: the kernel says so, if it can.
                if self.rules.passes(receiver, sender)
                    && self.links[number as usize].ends[from].state != EndState::Closed
                {
                    let back = self.delay(receiver, sender);
                    plan.after(back, Event::Network(Tick::Gone(number, 1 - end)));
                }
                None
            }
        }
    }

    fn gone(&mut self, (number, end): (u32, u8)) -> Option<Telling> {
        let here = &mut self.links[number as usize].ends[usize::from(end)];
        if !matches!(here.state, EndState::Open | EndState::Closing) {
            return None;
        }
        here.state = EndState::Closed;
        let telling = self.tell(number, end, LinkFeed::Closed);
        self.tidy(number);
        Some(telling)
    }

    fn tell(&self, number: u32, end: u8, feed: LinkFeed) -> Telling {
        let here = &self.links[number as usize].ends[usize::from(end)];
        Telling { host: here.host, life: here.life, link: name(number, end), feed }
    }

    /// The next room that a node is to be told of.
    pub(crate) fn next_room(&mut self) -> Option<Telling> {
        while let Some((number, end)) = self.offers.front().copied() {
            let link = &mut self.links[number as usize];
            let full = link.pipes[usize::from(end)].buffered >= self.manner.buffer_bytes;
            let here = &mut link.ends[usize::from(end)];
            self.offers.pop_front();
            // A node that has more than half of all room is told of the rest when it has used some.
            if here.state != EndState::Open || full || here.granted > self.manner.room / 2 {
                continue;
            }
            let more = self.manner.room - here.granted;
            here.granted = self.manner.room;
            return Some(self.tell(number, end, LinkFeed::Writable(more)));
        }
        None
    }

    // What nodes do.

    /// A node sends a frame, for which it has room. An empty one only uses up the room.
    pub(crate) fn transmit(&mut self, plan: Plan<'_>, id: LinkId, bytes: Vec<u8>) -> Checked {
        let (number, end) = numbers(id);
        let Some(link) = self.links.get_mut(number as usize) else { return Ok(()) };
        let here = &mut link.ends[usize::from(end)];
        if here.state != EndState::Open {
            return Ok(());
        }
        must!(here.granted > 0, "host {} sent a frame that its link has no room for", here.host);
        here.granted -= 1;
        self.offers.push_back((number, end));
        if !bytes.is_empty() {
            self.inject(plan, id, bytes);
        }
        Ok(())
    }

    /// A frame goes out, with or without room.
    pub(crate) fn inject(&mut self, plan: Plan<'_>, id: LinkId, bytes: Vec<u8>) {
        let (number, end) = numbers(id);
        let Some(link) = self.links.get(number as usize) else { return };
        if link.ends[usize::from(end)].state == EndState::Open {
            self.sent = (self.sent.0 + 1, self.sent.1 + bytes.len() as u64);
            self.send(plan, (number, end), Carried::Frame(bytes));
        }
    }

    /// A node ends a link.
    pub(crate) fn close(&mut self, plan: Plan<'_>, id: LinkId) {
        let (number, end) = numbers(id);
        let Some(link) = self.links.get_mut(number as usize) else { return };
        let here = &mut link.ends[usize::from(end)];
        if here.state == EndState::Open {
            here.state = EndState::Closing;
            self.send(plan, (number, end), Carried::End);
            plan.after(self.dice.up_to(3), Event::Network(Tick::Gone(number, end)));
        }
    }

    fn send(&mut self, plan: Plan<'_>, (number, end): (u32, u8), carried: Carried) {
        let ends = &self.links[number as usize].ends;
        let (from, to) = (ends[usize::from(end)].host, ends[usize::from(1 - end)].host);
        let delay = self.delay(from, to);
        let pipe = &mut self.links[number as usize].pipes[usize::from(end)];
        if let Some(at) = pipe.put(plan.now(), delay, carried) {
            plan.at(at, Event::Network(Tick::Arrive(number, 1 - end)));
        }
    }

    fn tidy(&mut self, number: u32) {
        let link = &mut self.links[number as usize];
        if link.ends.iter().all(|end| end.state == EndState::Closed) {
            link.pipes.iter_mut().for_each(Pipe::die);
            self.live.remove(&number);
        }
    }

    // Faults.

    /// Links that are open at both ends, with their machines.
    pub(crate) fn open_links(&self) -> Vec<(u32, [HostIndex; 2])> {
        let open = |number: &u32| {
            let ends = &self.links[*number as usize].ends;
            let both = ends.iter().all(|end| end.state == EndState::Open);
            both.then(|| (*number, [ends[0].host, ends[1].host]))
        };
        self.live.iter().filter_map(open).collect()
    }

    /// A link is dead. Each end learns of it after its own time, or never.
    pub(crate) fn cut(&mut self, plan: Plan<'_>, number: u32, notice_ms: [Option<Millis>; 2]) {
        let link = &mut self.links[number as usize];
        link.pipes.iter_mut().for_each(Pipe::die);
        for (end, notice) in notice_ms.iter().enumerate() {
            if let Some(after) = notice {
                plan.after(*after, Event::Network(Tick::Gone(number, end as u8)));
            }
        }
    }

    /// One direction of a link brings nothing any more, until [`flow`](Self::flow).
    pub(crate) fn stall(&mut self, number: u32, end: u8) {
        self.links[number as usize].pipes[usize::from(end)].stalled = true;
    }

    /// A link is this wide from now on.
    pub(crate) fn narrow(&mut self, number: u32, bytes_per_ms: u64) {
        for pipe in &mut self.links[number as usize].pipes {
            pipe.bytes_per_ms = bytes_per_ms;
        }
    }

    /// From now on every link is endlessly wide.
    pub(crate) fn widen(&mut self, plan: Plan<'_>) {
        self.manner.bytes_per_ms = 0;
        self.flow(plan);
    }

    /// Nothing is stalled or narrow any more.
    pub(crate) fn flow(&mut self, plan: Plan<'_>) {
        for number in &self.live {
            for pipe in &mut self.links[*number as usize].pipes {
                (pipe.stalled, pipe.bytes_per_ms) = (false, self.manner.bytes_per_ms);
            }
        }
        self.repeat(plan);
    }

    /// Ways may be open again: what was held back is repeated by the senders' kernels, each at its own time.
    pub(crate) fn repeat(&mut self, plan: Plan<'_>) {
        for number in &self.live {
            let link = &mut self.links[*number as usize];
            let hosts = [link.ends[0].host, link.ends[1].host];
            for end in 0..2 {
                let pipe = &mut link.pipes[end];
                if pipe.missed == 0 || pipe.stalled || !self.rules.passes(hosts[end], hosts[1 - end]) {
                    continue;
                }
                let delay = self.dice.up_to(1_000);
                pipe.last = pipe.last.max(plan.now() + delay);
                for _ in 0..std::mem::take(&mut pipe.missed) {
                    plan.at(pipe.last, Event::Network(Tick::Arrive(*number, 1 - end as u8)));
                }
            }
        }
    }
}

fn failed((host, life): (HostIndex, NodeLife), dial: DialId, why: &str) -> Event {
    Event::feed(host, life, Feed::DialFailed(dial, why.to_string()))
}

/// Both ends of a link have their own number at their nodes.
fn name(number: u32, end: u8) -> LinkId {
    LinkId(u64::from(number) * 2 + u64::from(end))
}

fn numbers(id: LinkId) -> (u32, u8) {
    ((id.0 / 2) as u32, (id.0 % 2) as u8)
}
