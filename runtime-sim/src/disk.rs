//! The scripted store: late, sometimes full, and without what it had not answered at a crash.

use crate::agenda::{Agenda, Lane, Millis};
use crate::event::{Event, HostIndex, Local, NodeLife};
use consort_core::{StoreFailure, StoreId, StoreOperation};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::Rc;

/// What is on a disk.
pub(crate) type Files = BTreeMap<Rc<str>, Rc<[u8]>>;

/// What is on any disk, once: in a mesh of many all disks hold the same about all of them.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    names: HashSet<Rc<str>>,
    contents: HashSet<Rc<[u8]>>,
}

impl Shelf {
    fn file(&mut self, name: &str, content: &[u8]) -> (Rc<str>, Rc<[u8]>) {
        (the_one(&mut self.names, name), the_one(&mut self.contents, content))
    }
}

fn the_one<T: ?Sized + Eq + std::hash::Hash>(all: &mut HashSet<Rc<T>>, wanted: &T) -> Rc<T>
where
    for<'a> Rc<T>: From<&'a T>,
{
    if let Some(found) = all.get(wanted) {
        return Rc::clone(found);
    }
    let made: Rc<T> = wanted.into();
    all.insert(Rc::clone(&made));
    made
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Files,
    /// Grows with every start; kept beside the files.
    epoch: u64,
    backup: (Files, u64),
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
    pub(crate) fn finish(&mut self, shelf: &mut Shelf) -> Option<(StoreId, Result<(), StoreFailure>)> {
        let (id, operation) = self.queue.pop_front()?;
        Some((id, self.perform(shelf, operation)))
    }

    fn perform(&mut self, shelf: &mut Shelf, operation: StoreOperation) -> Result<(), StoreFailure> {
        match operation {
            StoreOperation::Put { .. } if self.full => return Err(StoreFailure("no space left on device".to_string())),
            StoreOperation::Put { key, bytes } => self.files.extend([shelf.file(&key, &bytes)]),
            StoreOperation::Remove { key } => drop(self.files.remove(&*key)),
        }
        Ok(())
    }

    /// The node was killed: of the changes without an answer the first `kept` were made, the others were not.
    pub(crate) fn crash(&mut self, shelf: &mut Shelf, kept: usize) {
        for (_, operation) in std::mem::take(&mut self.queue).into_iter().take(kept) {
            let _ = self.perform(shelf, operation);
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
        (self.files, self.epoch) = (Files::new(), 0);
    }

    /// A copy of what is on it now, for another machine.
    pub(crate) fn copied(&self) -> Disk {
        Disk { files: self.files.clone(), epoch: self.epoch, ..Disk::default() }
    }

    /// Gets what another disk holds, but for what it holds itself.
    pub(crate) fn learn(&mut self, other: &Files) {
        for (name, content) in other {
            self.files.entry(Rc::clone(name)).or_insert_with(|| Rc::clone(content));
        }
    }

    /// A node starts.
    pub(crate) fn begin_epoch(&mut self) {
        self.epoch += 1;
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Changes that are not answered.
    pub(crate) fn pending(&self) -> usize {
        self.queue.len()
    }
}
