//! What happens to machines, to the network between them, and to the membership of the mesh.

use super::{SLOWEST_MS, nth};
use crate::event::{Event, Feed, HostIndex};
use crate::failure::Checked;
use crate::op::Op;
use crate::treason::Traitor;
use crate::world::World;
use consort_core::Rights;

/// A machine does not sleep longer.
const LONGEST_SLEEP_MS: u64 = 120_000;

impl World {
    pub(super) fn act_on_machine(&mut self, op: Op) -> Checked {
        let (at, agenda) = (self.seat, &mut self.agenda);
        match op {
            Op::Crash { kept, down_ms } => self.crash(at, usize::from(kept % 8), false, u64::from(down_ms)),
            Op::PowerCut { kept, down_ms } => self.crash(at, usize::from(kept % 8), true, u64::from(down_ms)),
            Op::BackUp => self.hosts[at].disk.back_up(),
            Op::RollBack { down_ms } => {
                self.crash(at, 0, false, u64::from(down_ms));
                self.hosts[at].disk.roll_back();
                self.people.memory_lost(self.hosts[at].id);
                self.truth.lost(at);
            }
            Op::LoseDisk { down_ms } => {
                self.crash(at, 0, false, u64::from(down_ms));
                self.hosts[at].disk.wipe();
                self.people.memory_lost(self.hosts[at].id);
                self.truth.lost(at);
            }
            Op::Sleep { ms } => self.sleep(at, u64::from(ms).min(LONGEST_SLEEP_MS)),
            Op::Clock { rate } => {
                let (host, now) = (&mut self.hosts[at], agenda.now());
                host.rate = u64::from(rate).clamp(500, 2_000);
                host.clock.set_rate(now, host.rate);
                self.plan_wake(at);
            }
            Op::Move { told } => {
                self.network.move_away(at);
                if told && self.hosts[at].is_awake() {
                    return self.tell_addresses(at);
                }
            }
            Op::Copy { ms } => self.copy_disk(at, u64::from(ms)),
            Op::Betray { kind } => {
                self.hosts[at].traitor = Traitor::new(kind, self.seed, self.hosts[at].id);
                self.traitors |= self.hosts[at].traitor.is_some();
            }
            _ => {}
        }
        Ok(())
    }

    /// A node learns where its machine can be dialled.
    pub(crate) fn tell_addresses(&mut self, at: HostIndex) -> Checked {
        let addresses = vec![self.network.address(at)];
        self.feed(at, &Feed::Network(addresses))?;
        self.give_room()
    }

    fn copy_disk(&mut self, at: HostIndex, ms: u64) {
        let (id, disk) = (self.hosts[at].id, self.hosts[at].disk.copied());
        if let Some(copy) = self.add_host(id) {
            self.hosts[copy].disk = disk;
            self.agenda.after(ms.min(LONGEST_SLEEP_MS), Event::Unplug(copy));
            self.people.disk_copied(id);
        }
    }

    pub(super) fn act_on_network(&mut self, op: Op) {
        let links = self.network.open_links();
        let (network, agenda) = (&mut self.network, &mut self.agenda);
        let link = |choice| nth(&links, choice).map(|(number, _)| number);
        match op {
            Op::CutLink { link: choice, early_ms, late_ms } => {
                let Some(number) = link(choice) else { return };
                let (early, late) = (u64::from(early_ms), u64::from(late_ms).min(SLOWEST_MS));
                let notice = if choice.is_multiple_of(2) { [early, late] } else { [late, early] };
                network.cut(agenda, number, notice.map(Some));
            }
            Op::HalfOpen { link: choice, end } => {
                let Some(number) = link(choice) else { return };
                let knows = [end.is_multiple_of(2), !end.is_multiple_of(2)];
                network.cut(agenda, number, knows.map(|knows| knows.then_some(0)));
            }
            Op::StallLink { link: choice, end } => {
                if let Some(number) = link(choice) {
                    network.stall(number, end % 2);
                }
            }
            Op::NarrowLink { link: choice, bytes_per_ms } => {
                if let Some(number) = link(choice) {
                    network.narrow(number, u64::from(bytes_per_ms.max(1)));
                }
            }
            Op::FlowLinks => network.flow(agenda),
            Op::Block { from, to } => {
                let (from, to) = (self.chosen_host(from), self.chosen_host(to));
                self.network.rules.block(from, to);
            }
            Op::Wall { from, to } => {
                let (from, to) = (self.chosen_host(from), self.chosen_host(to));
                self.network.rules.wall(from, to);
            }
            Op::RefuseDials { host, refuses } => {
                let host = self.chosen_host(host);
                self.network.rules.set_refusing(host, refuses);
            }
            Op::Split { shape, mask } => {
                let hosts = self.setting.hosts.max(1);
                network.rules.split(|host| side(shape, mask, host % hosts));
                network.repeat(agenda);
            }
            Op::Join => {
                network.rules.join();
                network.repeat(agenda);
            }
            _ => {}
        }
    }

    pub(super) fn act_on_members(&mut self, op: Op) -> Checked {
        let at = self.seat;
        match op {
            Op::Pair { host } => {
                let other = self.chosen_host(host);
                self.admit(at, other, Rights::Operate)?;
                self.admit(other, at, Rights::Operate)
            }
            Op::Admit { host, view_only } => {
                let rights = if view_only { Rights::View } else { Rights::Operate };
                self.admit(at, self.chosen_host(host), rights)
            }
            Op::Remove { host } => {
                let node = self.hosts[self.chosen_host(host)].id;
                if !self.hosts[at].is_awake() || node == self.hosts[at].id {
                    return Ok(());
                }
                let request = self.people.remove(self.seat_at(at), node);
                self.ask(at, request)
            }
            _ => Ok(()),
        }
    }

    /// A person at one machine admits another, with its address.
    pub(crate) fn admit(&mut self, at: HostIndex, other: HostIndex, rights: Rights) -> Checked {
        let node = self.hosts[other].id;
        if !self.hosts[at].is_awake() || node == self.hosts[at].id {
            return Ok(());
        }
        let addresses = vec![self.network.address(other)];
        let request = self.people.admit(self.seat_at(at), node, addresses, rights);
        self.ask(at, request)
    }
}

/// On which sides of a split a machine is.
fn side(shape: u8, mask: u32, host: HostIndex) -> u64 {
    let bit = mask >> (host % 20) & 1;
    match shape % 4 {
        // Two halves.
        0 => 1 << bit,
        // One alone.
        1 => 1 << u64::from(u32::from(host) == mask % 32),
        // Two halves that share one machine.
        2 if u32::from(host) == mask % 8 => 3,
        2 => 1 << bit,
        // A chain: each shares a side with the next.
        _ => 3 << (host % 60),
    }
}
