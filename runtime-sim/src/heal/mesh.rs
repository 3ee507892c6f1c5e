//! What the healed machines must agree on.

use crate::event::HostIndex;
use crate::failure::Checked;
use crate::world::World;
use consort_core::{AgentAddress, NodeId, Rights};
use std::collections::BTreeSet;

/// What a page can look at.
pub(super) struct InReach {
    pub(super) nodes: BTreeSet<NodeId>,
    pub(super) list: Vec<(AgentAddress, u32)>,
}

impl World {
    /// People bring the machines together again, as far as they want to.
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

    /// The terminals that a page of a machine must be able to look at.
    pub(super) fn terminals_in_reach(&self, at: HostIndex) -> InReach {
        let nodes = BTreeSet::from([self.hosts[at].id]);
        let list = self.visible_terminals(at).into_iter().filter(|(agent, _)| nodes.contains(&agent.node)).collect();
        InReach { nodes, list }
    }

    pub(super) fn compare_meshes(&self, _pending: &mut Vec<String>) {}

    pub(super) fn must_stay_quiet(&mut self) -> Checked {
        Ok(())
    }
}
