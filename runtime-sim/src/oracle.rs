//! The oracle of facts: nothing is known anywhere that its owner did not say, nothing goes back, nobody comes back.

use crate::event::HostIndex;
use crate::failure::Checked;
use consort_core::{Node, NodeId};

/// What one node knew after its last input.
#[derive(Debug, Default)]
pub(crate) struct Memory {}

/// Everything that owners ever said.
#[derive(Debug, Default)]
pub(crate) struct Truth {}

impl Truth {
    pub(crate) fn learn(
        &mut self,
        _memory: &mut Memory,
        _at: (HostIndex, NodeId),
        _node: &Node,
        _asks: bool,
    ) -> Checked {
        Ok(())
    }
}
