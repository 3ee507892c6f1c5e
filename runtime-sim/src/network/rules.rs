//! Who reaches whom: packets that are dropped one way, firewalls that drop dials, partitions, pairs that never meet, machines that
//! are off or asleep.

use crate::event::HostIndex;
use std::collections::BTreeSet;

#[derive(Debug)]
pub(crate) struct Rules {
    seed: u64,
    /// So many pairs in a hundred can never open a connection.
    apart_percent: u8,
    /// Packets from the first to the second are dropped.
    blocks: BTreeSet<(HostIndex, HostIndex)>,
    /// Dials from the first to the second are dropped; connections made the other way work.
    walls: BTreeSet<(HostIndex, HostIndex)>,
    /// Packets pass only between machines that have a side in common.
    sides: Vec<u64>,
    asleep: Vec<bool>,
    off: Vec<bool>,
    refusing: Vec<bool>,
}

impl Rules {
    pub(super) fn new(seed: u64, apart_percent: u8) -> Self {
        Rules {
            seed,
            apart_percent,
            blocks: BTreeSet::new(),
            walls: BTreeSet::new(),
            sides: Vec::new(),
            asleep: Vec::new(),
            off: Vec::new(),
            refusing: Vec::new(),
        }
    }

    pub(super) fn add(&mut self) {
        self.sides.push(1);
        self.asleep.push(false);
        self.off.push(true);
        self.refusing.push(false);
    }

    // Questions.

    /// Whether packets from one machine reach another now.
    pub(super) fn passes(&self, from: HostIndex, to: HostIndex) -> bool {
        let (a, b) = (usize::from(from), usize::from(to));
        !self.asleep[b]
            && !self.off[b]
            && self.sides[a] & self.sides[b] != 0
            && (self.blocks.is_empty() || !self.blocks.contains(&(from, to)))
    }

    /// Whether dials from one machine to another vanish.
    pub(super) fn drops_dials(&self, from: HostIndex, to: HostIndex) -> bool {
        self.are_apart(from, to) || self.walls.contains(&(from, to))
    }

    /// Whether two machines can never open a connection.
    pub(crate) fn are_apart(&self, a: HostIndex, b: HostIndex) -> bool {
        mix(self.seed ^ 0xA, a.min(b), a.max(b)) % 100 < u64::from(self.apart_percent)
    }

    pub(super) fn refuses(&self, host: HostIndex) -> bool {
        self.refusing[usize::from(host)]
    }

    pub(super) fn admits(&self, from: HostIndex, to: HostIndex) -> bool {
        !self.drops_dials(from, to) && !self.refuses(to)
    }

    // Faults.

    pub(crate) fn block(&mut self, from: HostIndex, to: HostIndex) {
        self.blocks.insert((from, to));
    }

    pub(crate) fn wall(&mut self, from: HostIndex, to: HostIndex) {
        self.walls.insert((from, to));
    }

    pub(crate) fn set_refusing(&mut self, host: HostIndex, refuses: bool) {
        self.refusing[usize::from(host)] = refuses;
    }

    pub(crate) fn set_asleep(&mut self, host: HostIndex, asleep: bool) {
        self.asleep[usize::from(host)] = asleep;
    }

    pub(super) fn set_off(&mut self, host: HostIndex, off: bool) {
        self.off[usize::from(host)] = off;
    }

    /// Splits the network: packets pass only between machines that have a side in common.
    pub(crate) fn split(&mut self, side_of: impl Fn(HostIndex) -> u64) {
        for (host, side) in (0..).zip(&mut self.sides) {
            *side = side_of(host);
        }
    }

    /// No splits, no blocks.
    pub(crate) fn join(&mut self) {
        self.sides.fill(1);
        self.blocks.clear();
    }

    /// No faults at all; pairs that never meet stay so.
    pub(crate) fn heal(&mut self) {
        self.join();
        self.walls.clear();
        self.refusing.fill(false);
    }
}

/// A number for a pair of machines in this world.
pub(crate) fn mix(seed: u64, a: HostIndex, b: HostIndex) -> u64 {
    let mut mixed = seed ^ (u64::from(a) << 32) ^ (u64::from(b) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
