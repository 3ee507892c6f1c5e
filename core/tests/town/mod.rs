//! The plumbing of the mesh's tests: a few real nodes under the contract monitor, joined by links that deliver in order after a delay,
//! can be cut, and can fall silent. The simulator proves more; this shows each rule alone.
#![allow(dead_code, reason = "every test file uses a part of it")]

use consort_core::directory::BackendKind;
use consort_core::monitor::Monitor;
use consort_core::output::StoreOperation;
use consort_core::sham::Sham;
use consort_core::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Milliseconds that a frame is on its way.
pub(crate) const DELAY: u64 = 5;
/// Frames that a link takes at a time.
const ROOM: u32 = 8;

pub(crate) fn id(n: usize) -> NodeId {
    let mut id = [0; 32];
    let spread = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    id[..8].copy_from_slice(&(spread ^ spread >> 29).to_be_bytes());
    id[24..].copy_from_slice(&(n as u64).to_be_bytes());
    NodeId(id)
}

fn number(id: NodeId) -> usize {
    u64::from_be_bytes(id.0[24..].try_into().expect("8 bytes")) as usize
}

fn address(n: usize) -> Address {
    Address(format!("10.0.0.{n}:23000"))
}

struct Machine {
    id: NodeId,
    node: Monitor,
    /// When it was started, in the town's time.
    born: u64,
    files: BTreeMap<String, Vec<u8>>,
    events: Vec<Event>,
    replies: Vec<(CommandId, Result<Reply, Refusal>)>,
    paused: bool,
    full: bool,
    wake: Option<u64>,
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
    Stored(usize, StoreId),
}

pub(crate) struct Town {
    pub(crate) now: u64,
    /// Look at every invariant after every input.
    pub(crate) checked: bool,
    machines: Vec<Machine>,
    ends: BTreeMap<(usize, LinkId), End>,
    agenda: BTreeMap<(u64, u64), Happening>,
    serial: u64,
    blocked: BTreeSet<(usize, usize)>,
    silent: BTreeSet<(usize, usize)>,
    wakes: BTreeSet<(u64, usize)>,
    /// Frames and bytes that were sent.
    pub(crate) frames: u64,
    /// Those of them that carry facts.
    pub(crate) of_facts: u64,
    pub(crate) bytes: u64,
    pub(crate) dials: u64,
    /// What was said to terminals, viewers and backends, with the node that said it.
    pub(crate) said: VecDeque<(usize, Output)>,
}

impl Town {
    /// Nodes that do not know each other.
    pub(crate) fn new(count: usize) -> Self {
        let mut town = Town {
            now: 0,
            checked: count < 20,
            machines: Vec::new(),
            ends: BTreeMap::new(),
            agenda: BTreeMap::new(),
            serial: 0,
            blocked: BTreeSet::new(),
            silent: BTreeSet::new(),
            wakes: BTreeSet::new(),
            frames: 0,
            of_facts: 0,
            bytes: 0,
            dials: 0,
            said: VecDeque::new(),
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

    /// A copy of a machine's disk, started on another machine. Gives its number.
    pub(crate) fn clone_disk(&mut self, n: usize, epoch: u64) -> usize {
        let clone = self.machines.len();
        let mut machine = self.start(n, epoch, self.files(n));
        machine.id = id(n);
        self.machines.push(machine);
        self.settle_in(clone);
        clone
    }

    fn start(&self, n: usize, epoch: u64, files: BTreeMap<String, Vec<u8>>) -> Machine {
        let mut restored = Restored::default();
        for (key, bytes) in &files {
            restored.add(key, bytes).expect("stored by this version");
        }
        let config = Config { name: format!("node-{n}"), start_unix_ms: None };
        let identity = Identity { id: id(n), epoch };
        let mut seed = id(n).0;
        seed[8..16].copy_from_slice(&(self.now + epoch).to_le_bytes());
        seed[16] = self.machines.len() as u8;
        let seal = Box::new(Sham::new(id(n), self.now + epoch));
        let node = Node::new(config, identity, restored, seal, seed, Instant::START).expect("a good configuration");
        let node = Monitor::new(node);
        Machine {
            id: id(n),
            node,
            born: self.now,
            files,
            events: Vec::new(),
            replies: Vec::new(),
            paused: false,
            full: false,
            wake: None,
        }
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
        self.set_wake(n);
        let said: Vec<Output> = std::iter::from_fn(|| self.machines[n].node.poll_output()).collect();
        if self.checked {
            self.node(n).check().expect("every invariant holds");
        }
        for output in said {
            self.perform(n, output);
        }
    }

    fn set_wake(&mut self, n: usize) {
        let machine = &mut self.machines[n];
        let wake = machine.node.next_deadline().filter(|_| !machine.paused);
        let at = wake.map(|deadline| deadline.at.as_millis() + machine.born);
        if let Some(before) = core::mem::replace(&mut machine.wake, at) {
            self.wakes.remove(&(before, n));
        }
        self.wakes.extend(at.map(|at| (at, n)));
    }

    fn perform(&mut self, n: usize, output: Output) {
        match output {
            Output::Transmit(link, bytes) => {
                self.frames += 1;
                self.of_facts += u64::from(bytes.first() == Some(&2));
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
                let to = (0..self.machines.len()).find(|to| self.machines[*to].id == node && address(*to) == at);
                self.at(DELAY, Happening::Dialled(n, dial, to.unwrap_or(usize::MAX)));
            }
            Output::Store(store, operation) => {
                match operation {
                    StoreOperation::Put { .. } if self.machines[n].full => {}
                    StoreOperation::Put { key, bytes } => drop(self.machines[n].files.insert(key, bytes)),
                    StoreOperation::Remove { key } => drop(self.machines[n].files.remove(&key)),
                }
                self.at(0, Happening::Stored(n, store));
            }
            Output::Reply(command, reply) => self.machines[n].replies.push((command, reply)),
            Output::Event(event) => self.machines[n].events.push(event),
            Output::Terminal(..)
            | Output::Viewer(..)
            | Output::Backend(..)
            | Output::ListDirectory(..)
            | Output::ListPrograms(..) => {
                self.said.push_back((n, output));
            }
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Frame(n, link, bytes) if self.ends.contains_key(&(n, link)) => {
                self.tell(n, Input::Link(link, LinkInput::Frame(&bytes)));
            }
            Happening::Room(n, link) if self.ends.contains_key(&(n, link)) => {
                self.tell(n, Input::Link(link, LinkInput::Writable(1)));
            }
            Happening::Frame(..) | Happening::Room(..) => {}
            Happening::Stored(n, store) => {
                let full = self.machines[n].full;
                let failure = || StoreFailure("no space left on device".into());
                self.tell(n, Input::Stored(store, if full { Err(failure()) } else { Ok(()) }));
            }
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
            self.tell(n, Input::Link(link, LinkInput::Opened { peer: self.machines[peer].id, dial }));
            if self.ends.contains_key(&(n, link)) {
                self.tell(n, Input::Link(link, LinkInput::Writable(ROOM)));
            }
        }
    }

    /// The machine's lid is closed for a while: it is not woken, and what comes waits.
    pub(crate) fn sleep(&mut self, n: usize, ms: u64) {
        let until = self.now + ms;
        self.machines[n].paused = true;
        self.set_wake(n);
        let mut kept = Vec::new();
        while self.now < until {
            let of = |what: &Happening| match what {
                Happening::Frame(m, ..) | Happening::Room(m, _) | Happening::Closed(m, _) => *m == n,
                Happening::Dialled(..) | Happening::Stored(..) => false,
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
            let wake = self.wakes.first().copied();
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

    /// The disk of a machine is full, or no longer.
    pub(crate) fn set_full(&mut self, n: usize, full: bool) {
        self.machines[n].full = full;
    }

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
            Happening::Frame(m, ..)
            | Happening::Room(m, _)
            | Happening::Closed(m, _)
            | Happening::Dialled(m, ..)
            | Happening::Stored(m, _) => *m == n,
        };
        self.agenda.retain(|_, what| !gone(what));
        self.machines[n].paused = true;
        self.set_wake(n);
    }

    /// It is started again with these files.
    pub(crate) fn restart(&mut self, n: usize, epoch: u64, files: BTreeMap<String, Vec<u8>>) {
        self.kill(n);
        self.machines[n] = self.start(n, epoch, files);
        self.settle_in(n);
    }

    pub(crate) fn command(&mut self, n: usize, command: Command) -> Result<Reply, Refusal> {
        let number = self.ask(n, n, command);
        self.reply(n, number).expect("answered at once")
    }

    /// A person at `n` asks `node` for something.
    pub(crate) fn ask(&mut self, n: usize, node: usize, command: Command) -> CommandId {
        self.serial += 1;
        let number = CommandId(self.serial);
        let node = if n == node { self.machines[n].id } else { id(node) };
        self.tell(n, Input::Command(number, node, command));
        self.wait(0);
        number
    }

    pub(crate) fn reply(&self, n: usize, number: CommandId) -> Option<Result<Reply, Refusal>> {
        self.machines[n].replies.iter().find(|(id, _)| *id == number).map(|(_, reply)| reply.clone())
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
        let numbers = self.view(n).nodes().filter(|node| node.member).map(|node| number(node.id));
        let all: BTreeSet<usize> = numbers.collect();
        all.into_iter().collect()
    }

    /// The numbers of the other nodes that `n` can reach.
    pub(crate) fn reaches(&self, n: usize) -> Vec<usize> {
        let others = self.view(n).nodes().filter(|node| node.reachable && !node.own);
        let all: BTreeSet<usize> = others.map(|node| number(node.id)).collect();
        all.into_iter().collect()
    }

    /// The names of the agents that `n` shows.
    pub(crate) fn agents(&self, n: usize) -> Vec<String> {
        self.view(n).agents().map(|agent| agent.name.to_string()).collect()
    }

    /// How many links each node has.
    pub(crate) fn links(&self) -> Vec<usize> {
        (0..self.machines.len()).map(|n| self.ends.keys().filter(|(m, _)| *m == n).count()).collect()
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
