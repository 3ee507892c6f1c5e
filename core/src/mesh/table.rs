//! The links of a node, with what must be looked at: those that something was done to, and all when the time of one may have come.
//! Everything else stays as it is, so that an input costs the same however many links there are.

use super::link::Link;
use crate::id::LinkId;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// All links by their number.
#[derive(Debug, Default)]
pub(super) struct Table {
    map: BTreeMap<LinkId, Link>,
    /// May have something to send, or another deadline.
    touched: Vec<LinkId>,
    /// No link that was not touched has anything to do before.
    soonest: Option<Instant>,
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
        if !core::mem::replace(&mut link.touched, true) {
            self.touched.push(*id);
        }
        Some(link)
    }

    /// To note what gives it nothing to send, and no earlier deadline: that it was heard of, or has more room than it uses.
    pub(super) fn note(&mut self, id: &LinkId) -> Option<&mut Link> {
        self.map.get_mut(id)
    }

    pub(super) fn insert(&mut self, id: LinkId, link: Link) {
        self.map.insert(id, link);
        self.get_mut(&id);
    }

    pub(super) fn remove(&mut self, id: &LinkId) -> Option<Link> {
        let link = self.map.remove(id)?;
        if link.touched {
            self.touched.retain(|other| other != id);
        }
        Some(link)
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
        self.touch_all();
        self.map.values_mut()
    }

    fn touch_all(&mut self) {
        for (id, link) in &mut self.map {
            if !core::mem::replace(&mut link.touched, true) {
                self.touched.push(*id);
            }
        }
    }

    /// Links that may have something to do now, in the order of their numbers.
    pub(super) fn ready(&mut self, now: Instant) -> Vec<LinkId> {
        if self.soonest.is_some_and(|at| at <= now) {
            self.soonest = None;
            self.touch_all();
        }
        self.touched.sort_unstable();
        self.touched.clone()
    }

    /// Everything that can be done now is done for each link.
    pub(super) fn settle(&mut self) {
        for id in self.touched.drain(..) {
            let Some(link) = self.map.get_mut(&id) else { continue };
            link.touched = false;
            let at = link.next_deadline();
            self.soonest = Some(self.soonest.map_or(at, |soonest| soonest.min(at)));
        }
    }

    /// When links are to be looked at: not later than when the first has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let touched = self.touched.iter().filter_map(|id| self.map.get(id)).map(Link::next_deadline);
        touched.chain(self.soonest.filter(|_| !self.map.is_empty())).min()
    }

    /// Every rule of this table, looked up the slow way.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let missed = |link: &Link| !link.touched && self.soonest.is_none_or(|at| at > link.next_deadline());
        if self.map.values().any(missed) {
            return Err("a link's deadline is not planned");
        }
        if self.map.iter().any(|(id, link)| link.touched != self.touched.contains(id)) {
            return Err("a link is touched and not looked at, or the other way round");
        }
        let compares = self.map.values().any(|link| link.compare);
        if compares && !self.compares { Err("a comparison is forgotten") } else { Ok(()) }
    }
}
