//! The scripted store: late, sometimes full, and without what it had not answered at a crash.

use crate::agenda::{Agenda, Lane, Millis};
use crate::event::{Event, HostIndex, Local, NodeLife};
use consort_core::{StoreFailure, StoreId, StoreOperation};
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: BTreeMap<String, Vec<u8>>,
    /// Grows with every start; kept beside the files.
    epoch: u64,
    backup: (BTreeMap<String, Vec<u8>>, u64),
    queue: VecDeque<(StoreId, StoreOperation)>,
    lane: Lane,
    pub(crate) full: bool,
}

impl Disk {
    /// Begins a change; its answer comes after `delay`.
    pub(crate) fn begin(
        &mut self,
        agenda: &mut Agenda<Event>,
        (host, life): (HostIndex, NodeLife),
        delay: Millis,
        change: (StoreId, StoreOperation),
    ) {
        self.queue.push_back(change);
        self.lane.send(agenda, delay, Event::On(host, Local::Disk(life)));
    }

    /// Finishes the oldest change.
    pub(crate) fn finish(&mut self) -> Option<(StoreId, Result<(), StoreFailure>)> {
        let (id, operation) = self.queue.pop_front()?;
        Some((id, self.perform(operation)))
    }

    fn perform(&mut self, operation: StoreOperation) -> Result<(), StoreFailure> {
        match operation {
            StoreOperation::Put { .. } if self.full => return Err(StoreFailure("no space left on device".to_string())),
            StoreOperation::Put { key, bytes } => drop(self.files.insert(key, bytes)),
            StoreOperation::Remove { key } => drop(self.files.remove(&key)),
        }
        Ok(())
    }

    /// The node was killed: of the changes without an answer the first `kept` were made, the others were not.
    pub(crate) fn crash(&mut self, kept: usize) {
        for (_, operation) in std::mem::take(&mut self.queue).into_iter().take(kept) {
            let _ = self.perform(operation);
        }
    }

    /// Somebody makes a backup.
    pub(crate) fn back_up(&mut self) {
        self.backup = (self.files.clone(), self.epoch);
    }

    /// Somebody brings the backup back (there is one of the empty disk from the beginning).
    pub(crate) fn roll_back(&mut self) {
        (self.files, self.epoch) = self.backup.clone();
    }

    /// Everything is lost.
    pub(crate) fn wipe(&mut self) {
        (self.files, self.epoch) = (BTreeMap::new(), 0);
    }

    /// A copy of what is on it now, for another machine.
    pub(crate) fn copied(&self) -> Disk {
        Disk { files: self.files.clone(), epoch: self.epoch, ..Disk::default() }
    }

    /// A node starts.
    pub(crate) fn begin_epoch(&mut self) {
        self.epoch += 1;
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// Changes that are not answered.
    pub(crate) fn pending(&self) -> usize {
        self.queue.len()
    }
}
