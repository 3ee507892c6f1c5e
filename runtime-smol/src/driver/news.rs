//! What in the lists has changed since a browser's connection took it last: a set, so that a slow browser costs no more than one entry per
//! agent.

use async_channel::{Receiver, Sender};
use consort_core::AgentAddress;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Changes that a browser does not know yet.
#[derive(Clone, Debug)]
pub struct News {
    changes: Arc<Mutex<Changes>>,
    bell: (Sender<()>, Receiver<()>),
}

/// Which parts of the lists have changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Agents that are new, different or gone.
    pub agents: BTreeSet<AgentAddress>,
    /// The colours of the categories.
    pub categories: bool,
    /// The nodes.
    pub nodes: bool,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.agents.is_empty() && !self.categories && !self.nodes
    }
}

impl Default for News {
    fn default() -> Self {
        News { changes: Arc::default(), bell: async_channel::bounded(1) }
    }
}

impl News {
    pub(super) fn add(&self, more: &Changes) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.agents.extend(&more.agents);
        changes.categories |= more.categories;
        changes.nodes |= more.nodes;
        // A full bell has rung already.
        let _ = self.bell.0.try_send(());
    }

    /// Waits for changes and takes them.
    pub async fn take(&self) -> Changes {
        loop {
            let taken = std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() || self.bell.1.recv().await.is_err() {
                return taken;
            }
        }
    }
}
