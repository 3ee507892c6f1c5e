//! The plumbing of the mesh's tests: a few real nodes under the contract monitor, joined by links that deliver in order after a delay,
//! can be cut, and can fall silent. The simulator proves more; this shows each rule alone.
#![allow(dead_code, reason = "every test file uses a part of it")]

use consort_core::directory::BackendKind;
use consort_core::monitor::Monitor;
use consort_core::output::StoreOperation;
use consort_core::*;
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds that a frame is on its way.
pub(crate) const DELAY: u64 = 5;
/// Frames that a link takes at a time.
const ROOM: usize = 8;

pub(crate) fn id(n: usize) -> NodeId {
    let mut id = [0; 32];
    id[0] = n as u8 * 16 + 1;
    id[31] = n as u8;
    NodeId(id)
}

fn address(n: usize) -> Address {
    Address(format!("10.0.0.{n}:23000"))
}

struct Machine {
    node: Monitor,
    /// When it was started, in the town's time.
    born: u64,
    files: BTreeMap<String, Vec<u8>>,
    events: Vec<Event>,
    replies: Vec<(CommandId, Result<Reply, Refusal>)>,
    paused: bool,
}

/// Where a link's other end is.
#[derive(Clone, Copy)]
struct End {
    to: usize,
    link: LinkId,
}

enum Happening {
    Frame(usize, LinkId, Vec<u8>),
    Room(usize, LinkId),
    Closed(usize, LinkId),
    Dialled(usize, DialId, usize),
}

pub(crate) struct Town {
    pub(crate) now: u64,
    machines: Vec<Machine>,
    ends: BTreeMap<(usize, LinkId), End>,
    agenda: BTreeMap<(u64, u64), Happening>,
    serial: u64,
    blocked: BTreeSet<(usize, usize)>,
    silent: BTreeSet<(usize, usize)>,
    /// Frames and bytes that were sent.
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) dials: u64,
}

impl Town {
    /// Nodes that do not know each other.
    pub(crate) fn new(count: usize) -> Self {
        let mut town = Town {
            now: 0,
            machines: Vec::new(),
            ends: BTreeMap::new(),
            agenda: BTreeMap::new(),
            serial: 0,
            blocked: BTreeSet::new(),
            silent: BTreeSet::new(),
            frames: 0,
            bytes: 0,
            dials: 0,
        };
        for n in 0..count {
            let node = town.start(n, 1, BTreeMap::new());
            town.machines.push(node);
            town.settle_in(n);
        }
        town
    }

    /// Nodes that have all been admitted by the first, and have met.
    pub(crate) fn joined(count: usize) -> Self {
        let mut town = Town::new(count);
        for n in 1..count {
            town.pair(0, n);
        }
        town.wait(5_000);
        town
    }

    fn start(&self, n: usize, epoch: u64, files: BTreeMap<String, Vec<u8>>) -> Machine {
        let mut restored = Restored::default();
        for (key, bytes) in &files {
            restored.add(key, bytes).expect("stored by this version");
        }
        let config = Config { name: format!("node-{n}") };
        let identity = Identity { id: id(n), epoch };
        let mut seed = [n as u8; 32];
        seed[..8].copy_from_slice(&(self.now + epoch).to_le_bytes());
        let node = Node::new(config, identity, restored, seed, Instant::START).expect("a good configuration");
        let node = Monitor::new(node);
        Machine { node, born: self.now, files, events: Vec::new(), replies: Vec::new(), paused: false }
    }

    fn settle_in(&mut self, n: usize) {
        self.tell(n, Input::Network(vec![address(n)]));
        self.tell(n, Input::Backend(BackendInput::Available(BackendKind::Tmux, "tmux".into())));
        self.tell(n, Input::Backend(BackendInput::Listed(BackendKind::Tmux)));
    }

    pub(crate) fn node(&self, n: usize) -> &Node {
        self.machines[n].node.node()
    }

    pub(crate) fn view(&self, n: usize) -> View<'_> {
        self.node(n).view()
    }

    pub(crate) fn events(&mut self, n: usize) -> Vec<Event> {
        std::mem::take(&mut self.machines[n].events)
    }

    pub(crate) fn files(&self, n: usize) -> BTreeMap<String, Vec<u8>> {
        self.machines[n].files.clone()
    }

    // What happens.

    fn at(&mut self, delay: u64, what: Happening) {
        self.serial += 1;
        self.agenda.insert((self.now + delay, self.serial), what);
    }

    pub(crate) fn tell(&mut self, n: usize, input: Input<'_>) {
        let now = Instant::from_millis(self.now - self.machines[n].born);
        self.machines[n].node.handle(now, input);
        let said: Vec<Output> = std::iter::from_fn(|| self.machines[n].node.poll_output()).collect();
        self.node(n).check().expect("every invariant holds");
        for output in said {
            self.perform(n, output);
        }
    }

    fn perform(&mut self, n: usize, output: Output) {
        match output {
            Output::Transmit(link, bytes) => {
                self.frames += 1;
                self.bytes += bytes.len() as u64;
                let Some(end) = self.ends.get(&(n, link)).copied() else { return };
                if !self.silent.contains(&(n, end.to)) {
                    self.at(DELAY, Happening::Frame(end.to, end.link, bytes));
                    self.at(DELAY, Happening::Room(n, link));
                }
            }
            Output::CloseLink(link) => {
                if let Some(end) = self.ends.remove(&(n, link)) {
                    self.at(DELAY, Happening::Closed(end.to, end.link));
                }
                self.at(0, Happening::Closed(n, link));
            }
            Output::Dial(dial, node, at) => {
                self.dials += 1;
                let to = (0..self.machines.len()).find(|other| id(*other) == node && address(*other) == at);
                self.at(DELAY, Happening::Dialled(n, dial, to.unwrap_or(usize::MAX)));
            }
            Output::Store(store, operation) => {
                match operation {
                    StoreOperation::Put { key, bytes } => drop(self.machines[n].files.insert(key, bytes)),
                    StoreOperation::Remove { key } => drop(self.machines[n].files.remove(&key)),
                }
                self.tell(n, Input::Stored(store, Ok(())));
            }
            Output::Reply(command, reply) => self.machines[n].replies.push((command, reply)),
            Output::Event(event) => self.machines[n].events.push(event),
            Output::Terminal(..) | Output::Viewer(..) | Output::Backend(..) => {}
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Frame(n, link, bytes) if self.ends.contains_key(&(n, link)) => {
                self.tell(n, Input::Link(link, LinkInput::Frame(&bytes)));
            }
            Happening::Room(n, link) if self.ends.contains_key(&(n, link)) => {
                self.tell(n, Input::Link(link, LinkInput::Writable));
            }
            Happening::Frame(..) | Happening::Room(..) => {}
            Happening::Closed(n, link) => {
                self.ends.remove(&(n, link));
                self.tell(n, Input::Link(link, LinkInput::Closed));
            }
            Happening::Dialled(n, dial, to) => {
                let refused = to == usize::MAX || self.is_blocked(n, to) || self.machines[to].paused;
                if refused {
                    return self.tell(n, Input::DialFailed(dial, "no route to host".into()));
                }
                self.open((n, Some(dial)), (to, None));
            }
        }
    }

    fn open(&mut self, near: (usize, Option<DialId>), far: (usize, Option<DialId>)) {
        self.serial += 2;
        let links = (LinkId(self.serial), LinkId(self.serial + 1));
        self.serial += 2;
        self.ends.insert((near.0, links.0), End { to: far.0, link: links.1 });
        self.ends.insert((far.0, links.1), End { to: near.0, link: links.0 });
        for ((n, dial), link, peer) in [(near, links.0, far.0), (far, links.1, near.0)] {
            self.tell(n, Input::Link(link, LinkInput::Opened { peer: id(peer), dial }));
            for _ in 0..ROOM {
                if self.ends.contains_key(&(n, link)) {
                    self.tell(n, Input::Link(link, LinkInput::Writable));
                }
            }
        }
    }

    /// The machine's lid is closed for a while: it is not woken, and what comes waits.
    pub(crate) fn sleep(&mut self, n: usize, ms: u64) {
        let until = self.now + ms;
        self.machines[n].paused = true;
        let mut kept = Vec::new();
        while self.now < until {
            let of = |what: &Happening| match what {
                Happening::Frame(m, ..) | Happening::Room(m, _) | Happening::Closed(m, _) => *m == n,
                Happening::Dialled(..) => false,
            };
            let keys: Vec<(u64, u64)> = self.agenda.iter().filter(|(_, what)| of(what)).map(|(key, _)| *key).collect();
            kept.extend(keys.iter().filter_map(|key| self.agenda.remove(key)));
            self.wait(1);
        }
        self.machines[n].paused = false;
        self.tell(n, Input::Wake);
        for what in kept {
            self.at(0, what);
        }
    }

    /// A frame reaches `n` on its link with `from` as if that had sent it.
    pub(crate) fn inject(&mut self, n: usize, from: usize, bytes: &[u8]) {
        let link = self.ends.iter().find(|((m, _), end)| *m == n && end.to == from).map(|((_, link), _)| *link);
        self.tell(n, Input::Link(link.expect("they are linked"), LinkInput::Frame(bytes)));
    }

    /// Time passes; nodes are woken when they want to be.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        loop {
            let wakes = self.machines.iter().enumerate().filter(|(_, machine)| !machine.paused);
            let wake = wakes
                .filter_map(|(n, machine)| Some((machine.node.next_deadline()?.at.as_millis() + machine.born, n)))
                .min();
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            match (wake, next) {
                (Some((at, n)), next) if at <= until && next.is_none_or(|next| at < next) => {
                    self.now = self.now.max(at);
                    self.tell(n, Input::Wake);
                }
                (_, Some(at)) if at <= until => {
                    self.now = self.now.max(at);
                    let (_, what) = self.agenda.pop_first().expect("just seen");
                    self.happen(what);
                }
                _ => break,
            }
        }
        self.now = until;
    }

    // What people and networks do.

    fn is_blocked(&self, a: usize, b: usize) -> bool {
        self.blocked.contains(&(a.min(b), a.max(b)))
    }

    /// No connection between two nodes: those that exist end.
    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        self.blocked.insert((a.min(b), a.max(b)));
        let between: Vec<(usize, LinkId)> = self
            .ends
            .iter()
            .filter(|((n, _), end)| (*n, end.to) == (a, b) || (*n, end.to) == (b, a))
            .map(|(key, _)| *key)
            .collect();
        for key in &between {
            self.ends.remove(key);
        }
        for (n, link) in between {
            self.tell(n, Input::Link(link, LinkInput::Closed));
        }
    }

    /// What one sends to the other vanishes, and neither is told.
    pub(crate) fn silence(&mut self, a: usize, b: usize) {
        self.silent.extend([(a, b), (b, a)]);
        self.blocked.insert((a.min(b), a.max(b)));
    }

    pub(crate) fn heal(&mut self) {
        self.blocked.clear();
        self.silent.clear();
    }

    /// Cuts all links between two groups.
    pub(crate) fn split(&mut self, left: &[usize], right: &[usize]) {
        for a in left {
            for b in right {
                self.cut(*a, *b);
            }
        }
    }

    /// The process ends: its sockets close.
    pub(crate) fn kill(&mut self, n: usize) {
        let ends: Vec<((usize, LinkId), End)> =
            self.ends.iter().filter(|((m, _), _)| *m == n).map(|(key, end)| (*key, *end)).collect();
        for (key, end) in ends {
            self.ends.remove(&key);
            self.at(DELAY, Happening::Closed(end.to, end.link));
        }
        let gone = |what: &Happening| match what {
            Happening::Frame(m, ..) | Happening::Room(m, _) | Happening::Closed(m, _) | Happening::Dialled(m, ..) => {
                *m == n
            }
        };
        self.agenda.retain(|_, what| !gone(what));
        self.machines[n].paused = true;
    }

    /// It is started again with these files.
    pub(crate) fn restart(&mut self, n: usize, epoch: u64, files: BTreeMap<String, Vec<u8>>) {
        self.kill(n);
        self.machines[n] = self.start(n, epoch, files);
        self.settle_in(n);
    }

    pub(crate) fn command(&mut self, n: usize, command: Command) -> Result<Reply, Refusal> {
        self.serial += 1;
        let number = CommandId(self.serial);
        self.tell(n, Input::Command(number, id(n), command));
        let reply = self.machines[n].replies.iter().find(|(id, _)| *id == number);
        reply.expect("answered at once").1.clone()
    }

    pub(crate) fn admit(&mut self, n: usize, other: usize) {
        let command = Command::Admit { node: id(other), addresses: vec![address(other)], rights: Rights::Operate };
        self.command(n, command).expect("admitted");
    }

    pub(crate) fn remove(&mut self, n: usize, other: usize) {
        self.command(n, Command::Remove(id(other))).expect("removed");
    }

    /// Each admits the other, as pairing does.
    pub(crate) fn pair(&mut self, a: usize, b: usize) {
        self.admit(a, b);
        self.admit(b, a);
    }

    /// An agent is seen at a node.
    pub(crate) fn agent(&mut self, n: usize, agent: u64, name: &str) {
        let seen = Observation {
            agent: AgentId(agent),
            backend: BackendKind::Tmux,
            name: name.into(),
            directory: "/home/me".into(),
            created_unix_ms: 0,
            terminals: Vec::new(),
            shown_elsewhere: false,
        };
        self.tell(n, Input::Backend(BackendInput::Seen(seen)));
    }

    pub(crate) fn agent_ends(&mut self, n: usize, agent: u64) {
        self.tell(n, Input::Backend(BackendInput::Gone(AgentId(agent))));
    }

    // What is seen.

    /// The numbers of the members that `n` shows.
    pub(crate) fn members(&self, n: usize) -> Vec<usize> {
        let numbers = self.view(n).nodes().filter(|node| node.member).map(|node| usize::from(node.id.0[31]));
        let all: BTreeSet<usize> = numbers.collect();
        all.into_iter().collect()
    }

    /// The numbers of the other nodes that `n` can reach.
    pub(crate) fn reaches(&self, n: usize) -> Vec<usize> {
        let others = self.view(n).nodes().filter(|node| node.reachable && !node.own);
        let all: BTreeSet<usize> = others.map(|node| usize::from(node.id.0[31])).collect();
        all.into_iter().collect()
    }

    /// The names of the agents that `n` shows.
    pub(crate) fn agents(&self, n: usize) -> Vec<String> {
        self.view(n).agents().map(|agent| agent.name.to_string()).collect()
    }

    /// All of these nodes have the same facts.
    pub(crate) fn agree(&self, nodes: &[usize]) -> bool {
        nodes.windows(2).all(|pair| self.node(pair[0]).facts() == self.node(pair[1]).facts())
    }

    /// Milliseconds until something is so.
    pub(crate) fn until(&mut self, most: u64, is_so: impl Fn(&Town) -> bool) -> Option<u64> {
        let start = self.now;
        while !is_so(self) {
            if self.now - start >= most {
                return None;
            }
            self.wait(1);
        }
        Some(self.now - start)
    }
}
