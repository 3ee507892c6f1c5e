//! What the healed machines must agree on.

use crate::event::HostIndex;
use crate::failure::{Checked, must};
use crate::host::Host;
use crate::world::World;
use consort_core::{AgentAddress, Node, NodeId, Rights};
use std::collections::BTreeSet;

/// How long a healed world is listened to.
const LISTEN_MS: u64 = 10_000;
/// A heartbeat is not larger.
const HEARTBEAT_BYTES: u64 = 64;

/// Streams that nobody needs any more may end meanwhile.
const LAST_FRAMES: u64 = 16;

/// What a page can look at.
pub(super) struct InReach {
    pub(super) nodes: BTreeSet<NodeId>,
    pub(super) list: Vec<(AgentAddress, u32)>,
}

impl World {
    /// People bring the machines together again, if they want to.
    pub(super) fn gather(&mut self) -> Checked {
        let core: Vec<HostIndex> = self.hosts.iter().filter(|host| !host.retired).map(|host| host.index).collect();
        for at in &core {
            self.tell_addresses(*at)?;
        }
        if core.len() > 1 && self.dice.percent(75) {
            for pair in core.windows(2) {
                self.admit(pair[0], pair[1], Rights::Operate)?;
                self.admit(pair[1], pair[0], Rights::Operate)?;
            }
        }
        Ok(())
    }

    /// Machines that must find each other: over members of both sides that can connect.
    fn component(&self, at: HostIndex) -> BTreeSet<HostIndex> {
        let mut found = BTreeSet::from([at]);
        let mut next = vec![at];
        while let Some(from) = next.pop() {
            for to in 0..self.hosts.len() as HostIndex {
                if !found.contains(&to) && (self.would_link(from, to) || self.would_link(to, from)) {
                    found.insert(to);
                    next.push(to);
                }
            }
        }
        found
    }

    /// Whether one machine's node can dial another's, and both want it.
    fn would_link(&self, from: HostIndex, to: HostIndex) -> bool {
        let (Some(here), Some(there)) = (self.running(from), self.running(to)) else { return false };
        let (a, b) = (self.hosts[from].id, self.hosts[to].id);
        here.facts().is_member(b)
            && there.facts().is_member(a)
            && here.facts().is_member(a)
            && there.facts().is_member(b)
            && self.network.can_connect(from, to)
            && here.view().node(b).is_some_and(|view| view.addresses.contains(&self.network.address(to)))
    }

    fn running(&self, at: HostIndex) -> Option<&Node> {
        Some(&self.hosts[at]).filter(|host| !host.retired).and_then(Host::node)
    }

    /// The terminals that a page of a machine must be able to look at.
    pub(super) fn terminals_in_reach(&self, at: HostIndex) -> InReach {
        let nodes: BTreeSet<NodeId> = self.component(at).iter().map(|host| self.hosts[*host].id).collect();
        let list = self.visible_terminals(at).into_iter().filter(|(agent, _)| nodes.contains(&agent.node)).collect();
        InReach { nodes, list }
    }

    /// Who can find each other knows the same, and shows each other as reachable; who is off is shown so.
    pub(super) fn compare_meshes(&self, pending: &mut Vec<String>) {
        for host in self.hosts.iter().filter(|host| !host.retired) {
            let Some(node) = host.node() else { continue };
            let near = self.component(host.index);
            let first = |other: &&Host| self.hosts.of(other.id).is_some_and(|host| host.index == other.index);
            for other in self.hosts.iter().filter(first).filter(|other| other.index != host.index) {
                let (a, b) = (host.index, other.index);
                let shown = node.view().node(other.id).is_some_and(|view| view.reachable);
                if near.contains(&b) {
                    if !shown {
                        pending.push(format!("host {a} does not reach host {b}"));
                    }
                    let same = other.node().is_some_and(|other| other.facts().hash() == node.facts().hash());
                    if !same && a < b {
                        pending.push(format!("hosts {a} and {b} know different facts: {}", self.difference(a, b)));
                    }
                } else if shown && (other.retired || !node.facts().is_member(other.id)) {
                    pending.push(format!("host {a} shows host {b} as reachable"));
                }
            }
        }
    }

    /// The first facts in which two machines differ.
    fn difference(&self, a: HostIndex, b: HostIndex) -> String {
        let (Some(a), Some(b)) = (self.running(a), self.running(b)) else { return "one is down".to_string() };
        let other = |here: &Node, there: &Node| {
            let differs = here.facts().iter().find(|(key, fact)| there.facts().get(key) != Some(fact));
            differs.map(|(key, fact)| format!("{key:?} {:?} {:?}", fact.version, fact.value))
        };
        format!("{:?} against {:?}", other(a, b), other(b, a))
    }

    /// Nothing but heartbeats is on the links.
    pub(super) fn must_stay_quiet(&mut self) -> Checked {
        let (frames, bytes) = self.network.sent;
        let ends = self.network.open_links().len() as u64 * 2;
        self.run_for(LISTEN_MS)?;
        let (frames, bytes) = (self.network.sent.0 - frames, self.network.sent.1 - bytes);
        // Clocks may be fast by a third.
        let beats = ends * (LISTEN_MS * 4 / 3 / consort_core::limits::HEARTBEAT_TIME.as_millis() + 2);
        let (strangers, most) = (self.strangers(), beats + self.strangers() * 12 + LAST_FRAMES);
        must!(frames <= most, "a quiet mesh of {ends} ends of links sent {frames} frames in {LISTEN_MS} ms");
        let most = beats * HEARTBEAT_BYTES + strangers * 4_096 + LAST_FRAMES * 256;
        must!(bytes <= most, "a quiet mesh of {ends} ends sent {bytes} bytes in {LISTEN_MS} ms");
        Ok(())
    }

    /// Pairs of which one counts the other as a member and is not counted: it tries again and again, and is refused.
    fn strangers(&self) -> u64 {
        let hosts = 0..self.hosts.len() as HostIndex;
        let pairs = hosts.clone().flat_map(|a| hosts.clone().map(move |b| (a, b)));
        let one_sided = |(a, b): &(HostIndex, HostIndex)| {
            let (Some(here), Some(there)) = (self.running(*a), self.running(*b)) else { return false };
            here.facts().is_member(there.view().id()) && !there.facts().is_member(here.view().id())
        };
        pairs.filter(one_sided).count() as u64
    }
}
