//! The links of a node, with what must be looked at: those that something was done to, and those whose time has come. Everything
//! else stays as it is, so that an input costs the same however many links there are.

use super::link::Link;
use crate::id::LinkId;
use crate::time::Instant;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// All links by their number.
#[derive(Debug, Default)]
pub(super) struct Table {
    map: BTreeMap<LinkId, Link>,
    /// May have something to send, or another deadline.
    touched: BTreeSet<LinkId>,
    /// When each link that was not touched has something to do.
    due: BTreeSet<(Instant, LinkId)>,
    planned: BTreeMap<LinkId, Instant>,
    /// One of them may wait for a comparison of facts.
    pub(super) compares: bool,
}

impl Table {
    pub(super) fn get(&self, id: &LinkId) -> Option<&Link> {
        self.map.get(id)
    }

    /// To change it.
    pub(super) fn get_mut(&mut self, id: &LinkId) -> Option<&mut Link> {
        let link = self.map.get_mut(id)?;
        self.touched.insert(*id);
        Some(link)
    }

    pub(super) fn insert(&mut self, id: LinkId, link: Link) {
        self.map.insert(id, link);
        self.touched.insert(id);
    }

    pub(super) fn remove(&mut self, id: &LinkId) -> Option<Link> {
        self.touched.remove(id);
        if let Some(at) = self.planned.remove(id) {
            self.due.remove(&(at, *id));
        }
        self.map.remove(id)
    }

    pub(super) fn contains_key(&self, id: &LinkId) -> bool {
        self.map.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&LinkId, &Link)> {
        self.map.iter()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Link> {
        self.map.values()
    }

    /// To change all of them.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.touched.extend(self.map.keys());
        self.map.values_mut()
    }

    /// Links with something to do now, in the order of their numbers.
    pub(super) fn ready(&self, now: Instant) -> Vec<LinkId> {
        let due = self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id);
        let mut ready: Vec<LinkId> = due.chain(self.touched.iter().copied()).collect();
        ready.sort_unstable();
        ready.dedup();
        ready
    }

    /// Everything that can be done for a link now is done.
    pub(super) fn settle(&mut self, id: LinkId) {
        self.touched.remove(&id);
        let Some(at) = self.map.get(&id).map(Link::next_deadline) else { return };
        let before = self.planned.insert(id, at);
        if before != Some(at) {
            if let Some(before) = before {
                self.due.remove(&(before, id));
            }
            self.due.insert((at, id));
        }
    }

    /// When the first link has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let touched = self.touched.iter().filter_map(|id| self.map.get(id)).map(Link::next_deadline);
        touched.chain(self.due.first().map(|(at, _)| *at)).min()
    }

    /// Every rule of this table, looked up the slow way.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let missed = |(id, link): (&LinkId, &Link)| {
            !self.touched.contains(id) && self.planned.get(id) != Some(&link.next_deadline())
        };
        if self.map.iter().any(missed) {
            return Err("a link's deadline is not planned");
        }
        if self.due.len() != self.planned.len() || self.planned.keys().any(|id| !self.map.contains_key(id)) {
            return Err("a deadline is planned for no link");
        }
        let compares = self.map.values().any(|link| link.compare);
        if compares && !self.compares { Err("a comparison is forgotten") } else { Ok(()) }
    }
}
