//! What is known of the open links to other nodes beside what core knows: addresses, versions, and how long a message takes.

use consort_core::NodeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One open link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who is at the other end.
    pub peer: NodeId,
    /// The address that it was dialled at, or that it comes from.
    pub address: String,
    /// This node dialled.
    pub dialled: bool,
    /// Version of the program there.
    pub version: String,
    /// How long a message and its answer take, once that was measured.
    pub latency: Option<Duration>,
}

/// All open links; clones are the same table.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    lines: BTreeMap<u64, Line>,
}

impl Lines {
    /// The link to a node, if there is one; the newest of several.
    #[must_use]
    pub fn to(&self, peer: NodeId) -> Option<Line> {
        self.table().lines.values().rev().find(|line| line.peer == peer).cloned()
    }

    /// Adds one; it is there until the entry is dropped.
    #[must_use]
    pub fn add(&self, line: Line) -> Entry {
        let mut table = self.table();
        let id = table.next;
        table.next += 1;
        table.lines.insert(id, line);
        Entry { lines: self.clone(), id }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change of it is a single call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A link's place in the table.
#[derive(Debug)]
pub struct Entry {
    lines: Lines,
    id: u64,
}

impl Entry {
    /// A message and its answer have taken this long.
    pub fn set_latency(&self, latency: Duration) {
        if let Some(line) = self.lines.table().lines.get_mut(&self.id) {
            line.latency = Some(latency);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.lines.table().lines.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_known_as_long_as_its_entry_lives() {
        let lines = Lines::default();
        let peer = NodeId([1; 32]);
        let line = |address: &str| Line {
            peer,
            address: address.into(),
            dialled: true,
            version: String::new(),
            latency: None,
        };
        let first = lines.add(line("a"));
        let second = lines.add(line("b"));
        second.set_latency(Duration::from_millis(3));
        assert_eq!(
            lines.to(peer).map(|line| (line.address, line.latency)),
            Some(("b".into(), Some(Duration::from_millis(3))))
        );
        drop(second);
        assert_eq!(lines.to(peer).map(|line| line.address), Some("a".into()));
        drop(first);
        assert_eq!(lines.to(peer), None);
    }
}
