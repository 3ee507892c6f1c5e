//! A world to measure in: nothing is checked, nothing is noted, and everybody is a member.

use crate::event::{Event, HostIndex, Local};
use crate::host::{Host, identity};
use crate::network::rules;
use crate::run::Options;
use crate::scenario::{Scenario, Setting};
use crate::world::World;
use consort_core::mesh::facts::Key;
use consort_core::{Address, Node, NodeId, Rights, limits};

/// A mesh that has not come together after this long never does.
const LONGEST_MS: u64 = 300_000;
/// Nodes that start together do so within this time.
const START_MS: u64 = 1_000;
/// Whatever is being stored is stored after this long.
const STORED_MS: u64 = 100;
/// One machine after the other is paired, so long after the one before.
const PACE_MS: u64 = 5;

pub(crate) struct Town {
    pub(crate) world: World,
    /// How long it took until everybody knew and reached everybody, from the last pairing, or from when the last node started.
    pub(crate) together_ms: u64,
}

impl Town {
    /// Machines that became members of one mesh one after the other, and have found each other.
    pub(crate) fn settled(seed: u64, hosts: u16, apart_percent: u8) -> Self {
        Town::with(seed, Setting { apart_percent, ..Town::setting(hosts) })
    }

    /// Machines on wide links, where nothing goes wrong.
    pub(super) fn setting(hosts: u16) -> Setting {
        Setting { hosts, pages: 1, link_buffer: 1 << 20, link_room: 8, ..Setting::default() }
    }

    pub(crate) fn with(seed: u64, setting: Setting) -> Self {
        Town::of(seed, setting, false)
    }

    /// Machines that are members of one mesh and whose nodes are recorded, or not.
    pub(crate) fn of(seed: u64, setting: Setting, record: bool) -> Self {
        let mut town = Town::strangers(seed, setting, record);
        for new in 1..setting.hosts {
            town.pair(new, town.sponsor(new));
            town.pass(PACE_MS);
        }
        town.come_together();
        town
    }

    /// Machines whose nodes have started and know nobody.
    fn strangers(seed: u64, setting: Setting, record: bool) -> Self {
        let options = Options { quick: true, record, ..Options::default() };
        let mut world = World::new(&Scenario { seed, setting, ops: Vec::new() }, options);
        world.most_events = u64::MAX;
        let mut town = Town { world, together_ms: 0 };
        town.pass(STORED_MS);
        town
    }

    /// Machines that have been members of one mesh for long, and whose nodes start within a second, as after a power cut.
    pub(crate) fn started_together(seed: u64, hosts: u16) -> Self {
        let mut town = Town::strangers(seed, Town::setting(hosts), false);
        for host in 1..hosts {
            town.world.stop(host, 0, false);
        }
        // Each was there alone with the first once, and dialled it.
        for host in 1..hosts {
            town.start(host);
            town.pass(STORED_MS);
            town.admit(host, 0, vec![town.world.network.address(0)]);
            town.admit(0, host, Vec::new());
            let met = town.until(LONGEST_MS, 20, |town| town.reaches(0, host) && town.knows(0, host));
            assert!(met.is_some(), "host {host} did not meet the first");
            town.world.stop(host, 0, false);
        }
        town.pass(STORED_MS);
        town.world.stop(0, 0, false);
        let known = town.world.hosts[0].disk.files().clone();
        for host in 0..hosts {
            town.world.hosts[host].disk.learn(&known);
            let life = town.world.hosts[host].life;
            let at = rules::mix(seed, host, 0) % START_MS;
            town.world.agenda.after(at, Event::On(host, Local::Start(life)));
        }
        town.pass(START_MS);
        town.come_together();
        town
    }

    /// Waits until everybody knows and reaches everybody, and nobody has links that it does not need.
    fn come_together(&mut self) {
        let hosts = self.world.setting.hosts;
        let began = self.world.now();
        let together = |town: &Town| town.agree() && (0..hosts).all(|host| town.knows_all(host));
        let found = self.until(LONGEST_MS, 200, together);
        self.together_ms = self.world.now() - began;
        assert!(found.is_some(), "{hosts} nodes did not come together in {LONGEST_MS} ms");
        // A mesh that has grown beyond links between all lets go of those that it does not need any more.
        let large = usize::from(hosts) > limits::FULL_MESH;
        self.pass(if large { limits::SPARE_TIME.as_millis() + 10_000 } else { 10_000 });
    }

    /// Whom a new machine is paired with: anybody among those before it that it can ever reach.
    fn sponsor(&self, new: HostIndex) -> HostIndex {
        let rules = &self.world.network.rules;
        let first = rules::mix(self.world.seed, new, new) % u64::from(new);
        let all = (first as HostIndex..new).chain(0..first as HostIndex);
        all.into_iter().find(|other| !rules.are_apart(new, *other)).unwrap_or_default()
    }

    pub(crate) fn pair(&mut self, a: HostIndex, b: HostIndex) {
        for (at, other) in [(a, b), (b, a)] {
            let address = self.world.network.address(other);
            self.admit(at, other, vec![address]);
        }
    }

    fn admit(&mut self, at: HostIndex, other: HostIndex, addresses: Vec<Address>) {
        let (seat, node) = (self.world.seat_at(at), self.id(other));
        let request = self.world.people.admit(seat, node, addresses, Rights::Operate);
        if let Err(failure) = self.world.ask(at, request) {
            panic!("{failure}");
        }
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        if let Err(failure) = self.world.run_for(ms) {
            panic!("{failure}");
        }
    }

    /// Lets time pass in steps until something holds; how long that took.
    pub(crate) fn until(&mut self, most_ms: u64, step_ms: u64, holds: impl Fn(&Town) -> bool) -> Option<u64> {
        let began = self.world.now();
        while !holds(self) {
            if self.world.now() - began >= most_ms {
                return None;
            }
            self.pass(step_ms);
        }
        Some(self.world.now() - began)
    }

    /// Adds a machine; its number.
    pub(crate) fn add(&mut self) -> HostIndex {
        let index = self.world.hosts.len() as HostIndex;
        let id = identity(self.world.seed, index);
        let Some(host) = self.world.add_host(id) else { panic!("no place for more machines") };
        self.pass(50);
        host
    }

    pub(crate) fn start(&mut self, host: HostIndex) {
        let life = self.world.hosts[host].life;
        self.world.agenda.after(0, Event::On(host, Local::Start(life)));
    }

    pub(crate) fn id(&self, host: HostIndex) -> NodeId {
        self.world.hosts[host].id
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = (HostIndex, &Node)> {
        self.world.hosts.iter().filter_map(|host: &Host| Some((host.index, host.node()?)))
    }

    /// Whether everybody else shows a node as reachable, or nobody does.
    pub(crate) fn all_show(&self, of: HostIndex, reachable: bool) -> bool {
        let id = self.id(of);
        let mut others = self.running().filter(|(host, _)| *host != of);
        others.all(|(_, node)| node.view().node(id).is_some_and(|view| view.reachable) == reachable)
    }

    /// Whether a node shows another as reachable.
    pub(crate) fn reaches(&self, host: HostIndex, other: HostIndex) -> bool {
        let id = self.id(other);
        self.world.hosts[host].node().and_then(|node| node.view().node(id)).is_some_and(|view| view.reachable)
    }

    /// Whether a node knows what another says of itself.
    fn knows(&self, host: HostIndex, other: HostIndex) -> bool {
        let key = Key::Node(self.id(other));
        self.world.hosts[host].node().is_some_and(|node| node.facts().get(&key).is_some())
    }

    /// Whether a node reaches all that run.
    pub(crate) fn knows_all(&self, host: HostIndex) -> bool {
        let Some(node) = self.world.hosts[host].node() else { return false };
        self.running().all(|(other, _)| {
            let id = self.id(other);
            node.view().node(id).is_some_and(|view| view.reachable) && node.facts().get(&Key::Node(id)).is_some()
        })
    }

    pub(crate) fn agree(&self) -> bool {
        let mut hashes = self.running().map(|(_, node)| node.facts().hash());
        let first = hashes.next();
        hashes.all(|hash| Some(hash) == first)
    }

    /// Inputs that nodes took.
    pub(crate) fn inputs(&self) -> u64 {
        self.world.hosts.iter().map(|host| host.handled).sum()
    }

    /// Bytes that nodes sent.
    pub(crate) fn bytes(&self) -> u64 {
        self.world.network.sent.1
    }
}
