//! What crossed on the way: an order that the node gave before it learned of a loss belongs to what is lost.

use crate::event::{Feed, Report};
use consort_core::directory::BackendKind;
use consort_core::{AgentId, BackendInput, TerminalId};
use std::collections::BTreeMap;

/// Counts the ends and failed writes that one side knows of. The backend counts when it reports, the node's side when the report
/// arrives; an order carries the count of its sender.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    tmux: u32,
    agents: BTreeMap<AgentId, u32>,
    terminals: BTreeMap<TerminalId, Epoch>,
}

/// How often a terminal has ended, and how often writing to it has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) ends: u32,
    pub(crate) failed_writes: u32,
}

impl Epochs {
    pub(crate) fn note(&mut self, feed: &Feed) {
        match feed {
            Feed::Backend(BackendInput::Gone(agent)) => *self.agents.entry(*agent).or_default() += 1,
            Feed::Backend(BackendInput::Unavailable(BackendKind::Tmux, _)) => self.tmux += 1,
            Feed::Terminal(id, Report::Closed) => self.terminals.entry(*id).or_default().ends += 1,
            Feed::Terminal(id, Report::WriteFailed) => self.terminals.entry(*id).or_default().failed_writes += 1,
            Feed::Backend(_)
            | Feed::Terminal(..)
            | Feed::Viewer(..)
            | Feed::Command(..)
            | Feed::Network(_)
            | Feed::DialFailed(..) => {}
        }
    }

    pub(crate) fn of(&self, kind: BackendKind, id: TerminalId) -> Epoch {
        let own = self.terminals.get(&id).copied().unwrap_or_default();
        let agent = self.agents.get(&id.agent).copied().unwrap_or_default();
        let lost = if kind == BackendKind::Tmux { self.tmux } else { 0 };
        Epoch { ends: own.ends + agent + lost, ..own }
    }
}
