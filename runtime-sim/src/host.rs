//! One machine: its node (while it runs), its backends, its store, its clock, and what else belongs to it; and all of them.

use crate::agenda::Millis;
use crate::backend::{Backends, Epochs, Life, QuestionNumber, host_of};
use crate::clock::{Clock, EXACT};
use crate::dice::Dice;
use crate::disk::Disk;
use crate::event::{Event, HostIndex, NodeLife};
use crate::failure::{Failure, unsafe_because};
use crate::mirror::Mirror;
use crate::oracle::Memory;
use crate::recorded::{Made, Recorded};
use crate::run::Options;
use crate::sabotage::Sabotage;
use crate::treason::Traitor;
use consort_core::monitor::Monitor;
use consort_core::seal::Seal;
use consort_core::sham::Sham;
use consort_core::{AgentId, Config, Identity, Instant, Node, NodeId, Restored, TerminalId};
use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};

/// One machine.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) index: HostIndex,
    /// The identity on its disk. Two machines have the same if one's disk is a copy of the other's.
    pub(crate) id: NodeId,
    /// `None` while it is down.
    pub(crate) monitor: Option<Monitor>,
    pub(crate) life: NodeLife,
    pub(crate) clock: Clock,
    /// Its clock counts so many milliseconds in a second.
    pub(crate) rate: u64,
    /// `Some`: it sleeps, and this waits until it goes on.
    pub(crate) asleep: Option<Vec<Event>>,
    /// Counts its sleeps.
    pub(crate) sleeps: u32,
    pub(crate) backends: Backends,
    pub(crate) disk: Disk,
    pub(crate) disk_ms: Millis,
    pub(crate) mirror: Mirror,
    pub(crate) memory: Memory,
    /// Which ends and failures the node has learned of.
    pub(crate) handed: Epochs,
    /// The terminal whose screen its node is just reading, and the question there.
    pub(crate) reads: Option<(TerminalId, QuestionNumber)>,
    /// Agents that the node must start again in this life.
    pub(crate) to_start: BTreeSet<AgentId>,
    /// Tampers with what its node sends.
    pub(crate) traitor: Option<Traitor>,
    /// It is off and stays so.
    pub(crate) retired: bool,
    /// Inputs that its node took.
    pub(crate) handled: u64,
    /// What its node is told, if that is recorded.
    pub(crate) recorded: Option<Recorded>,
}

impl Host {
    pub(crate) fn new(index: HostIndex, id: NodeId, backends: Backends) -> Self {
        Host {
            index,
            id,
            monitor: None,
            life: 0,
            clock: Clock::new(0, 0, EXACT),
            rate: EXACT,
            asleep: None,
            sleeps: 0,
            backends,
            disk: Disk::default(),
            disk_ms: 0,
            mirror: Mirror::default(),
            memory: Memory::default(),
            handed: Epochs::default(),
            reads: None,
            to_start: BTreeSet::new(),
            traitor: None,
            retired: false,
            handled: 0,
            recorded: None,
        }
    }

    pub(crate) fn node(&self) -> Option<&Node> {
        self.monitor.as_ref().map(Monitor::node)
    }

    /// Its node runs, and so does the machine.
    pub(crate) fn is_awake(&self) -> bool {
        self.monitor.is_some() && self.asleep.is_none()
    }

    /// The node that its disk gives, and what records it.
    pub(crate) fn restore(
        &self,
        (seed, options): (u64, Options),
        now: Instant,
    ) -> Result<(Node, Option<Recorded>), Failure> {
        let mut restored = Restored::default();
        for (key, bytes) in self.disk.files() {
            if restored.add(key, bytes).is_err() {
                return Err(unsafe_because(format!("{key} cannot be read back")));
            }
        }
        let identity = Identity { id: self.id, epoch: self.disk.epoch() };
        let mut random = [0; 32];
        random[..8].copy_from_slice(&seed.to_le_bytes());
        random[8..12].copy_from_slice(&self.life.to_le_bytes());
        random[12..14].copy_from_slice(&self.index.to_le_bytes());
        let config = Config { name: format!("host-{}", self.index), start_unix_ms: None };
        let life = u64::from(self.life) << 16 | u64::from(self.index);
        let seal: Box<dyn Seal> = Box::new(match (Sham::new(self.id, seed ^ life << 32), options.sabotage) {
            (seal, Sabotage::ChangeParcels) => seal.gullible(),
            (seal, _) => seal,
        });
        let files = self.disk.files();
        let recorded =
            options.record.then(|| Recorded::begin(Made { name: &config.name, identity, seed: random, now, files }));
        let seal = match &recorded {
            Some(recorded) => recorded.seal(seal),
            None => seal,
        };
        let node = Node::new(config, identity, restored, seal, random, now);
        node.map(|node| (node, recorded)).map_err(|error| unsafe_because(error.to_string()))
    }
}

/// The identity of the node on a machine's disk at the beginning.
pub(crate) fn identity(seed: u64, host: HostIndex) -> NodeId {
    let mut dice = Dice::new(seed, 1_000 + u64::from(host));
    let mut id = [0; 32];
    for part in id.chunks_mut(8) {
        part.copy_from_slice(&dice.draw().to_be_bytes());
    }
    NodeId(id)
}

/// All machines.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Vec<Host>);

impl Hosts {
    pub(crate) fn push(&mut self, host: Host) {
        self.0.push(host);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Host> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Host> {
        self.0.iter_mut()
    }

    /// A terminal's life on whatever machine.
    pub(crate) fn life(&self, number: u64) -> Option<&Life> {
        self.0.get(usize::from(host_of(number)))?.backends.life(number)
    }

    /// The machine whose disk has an identity: of several the first.
    pub(crate) fn of(&self, id: NodeId) -> Option<&Host> {
        self.0.iter().find(|host| host.id == id)
    }
}

impl Index<HostIndex> for Hosts {
    type Output = Host;
    fn index(&self, host: HostIndex) -> &Host {
        &self.0[usize::from(host)]
    }
}

impl IndexMut<HostIndex> for Hosts {
    fn index_mut(&mut self, host: HostIndex) -> &mut Host {
        &mut self.0[usize::from(host)]
    }
}
