//! How facts come in and go on, and how what was missed is found.

use super::facts::{Fact, Key};
use super::frame::Span;
use super::graph;
use super::tree::Way;
use super::{Mesh, MeshNews, Out, reconcile};
use crate::id::{AgentAddress, AgentId, LinkId, NodeId};
use crate::limits;
use crate::output::{Event, Output};
use crate::time::Instant;
use alloc::vec::Vec;

impl Mesh {
    /// A fact that a reply carried, as if its writer had pushed it.
    pub(crate) fn learn(&mut self, key: Key, fact: Fact) {
        if let Some(writer) = key.writer().filter(|_| key.fits(&fact.value)) {
            let (now, mut out) = (self.now, core::mem::take(&mut self.told_later));
            self.take(now, Some(writer), alloc::vec![(key, fact)], &mut out);
            self.told_later = out;
        }
    }

    /// Facts of this node are news to all.
    pub(super) fn told(&mut self, now: Instant, keys: impl IntoIterator<Item = Key>) {
        let keys: Vec<Key> = keys.into_iter().collect();
        if !keys.is_empty() {
            self.due.facts_changed = now;
            self.spread(&keys, None);
        }
    }

    /// Facts have come from a peer: what is news is kept, told, and passed on.
    pub(super) fn take(&mut self, now: Instant, from: Option<NodeId>, facts: Vec<(Key, Fact)>, out: &mut Out) {
        let mut news = Vec::new();
        for (key, fact) in facts {
            if self.take_one(now, key, fact, out) {
                news.push(key);
            }
        }
        if !news.is_empty() {
            self.due.facts_changed = now;
            self.spread(&news, from);
        }
    }

    fn take_one(&mut self, now: Instant, key: Key, fact: Fact, out: &mut Out) -> bool {
        if !self.facts.is_news(&key, &fact) {
            return false;
        }
        if key.writer() == Some(self.id) {
            if self.own.contradicted(now, fact.version) {
                self.conflict(now, out);
            }
            return false;
        }
        if !self.has_place(&key, now) {
            return false;
        }
        for key in self.facts.take(key, fact) {
            self.gone(now, key, out);
        }
        self.noticed(now, key, out);
        true
    }

    /// Whether a fact may be kept: bounds, and nothing of those who were removed.
    fn has_place(&mut self, key: &Key, now: Instant) -> bool {
        let node = key.node();
        let known = self.facts.get(key).is_some();
        if !matches!(key, Key::Member(_)) && self.facts.length(node) > 0 && !self.facts.is_member(node) {
            return false;
        }
        if self.facts.bytes() > limits::FACTS_BYTES || !known && self.facts.len() >= limits::FACTS {
            return false;
        }
        let full = !known
            && match key {
                Key::Agent(..) => self.facts.agents_of(node).count() >= limits::AGENTS + limits::TOMBSTONES,
                Key::Member(_) => self.facts.memberships().count() >= limits::NODES,
                Key::Node(_) | Key::Links(_) => false,
            };
        !full && self.graph.know(node, now).is_some()
    }

    /// Somebody else with this node's identity does not give in.
    fn conflict(&mut self, now: Instant, out: &mut Out) {
        let key = self.own.say(&mut self.facts, |node| node.conflict = true);
        self.told(now, key);
        out.push_back(Output::Event(Event::NodeChanged(self.id)));
    }

    /// What follows from a fact that is new here.
    pub(super) fn noticed(&mut self, now: Instant, key: Key, out: &mut Out) {
        match key {
            Key::Member(node) => self.membership_changed(now, node, out),
            Key::Node(node) => {
                self.keeper.keep(node);
                self.due.dials = true;
                out.push_back(Output::Event(Event::NodeChanged(node)));
                self.news.push_back(MeshNews::NodeFact(node));
            }
            Key::Links(node) => {
                if let Some(Fact { value: super::Value::Links(links), .. }) = self.facts.get(&key) {
                    self.graph.set_links(node, links, now);
                }
                if self.graph.lists_own(node) && self.doubts.get(node).is_some() {
                    self.doubts.set(node, Some(now));
                }
            }
            Key::Agent(node, agent) => self.agent_changed(now, node, agent, out),
        }
    }

    fn agent_changed(&mut self, now: Instant, node: NodeId, agent: AgentId, out: &mut Out) {
        let id = AgentAddress { node, agent };
        let Some(fact) = self.facts.agent(node, agent) else { return self.gone(now, Key::Agent(node, agent), out) };
        self.rows.set(now, id, fact);
        out.push_back(Output::Event(Event::AgentChanged(id)));
        self.news.push_back(MeshNews::AgentFact(node, agent));
    }

    /// A fact is void or was forgotten.
    pub(super) fn gone(&mut self, now: Instant, key: Key, out: &mut Out) {
        match key {
            Key::Agent(node, agent) => {
                let id = AgentAddress { node, agent };
                if self.rows.remove(id) {
                    out.push_back(Output::Event(Event::AgentRemoved(id)));
                    self.news.push_back(MeshNews::AgentFact(node, agent));
                }
            }
            Key::Links(node) => self.graph.set_links(node, &[], now),
            Key::Member(_) | Key::Node(_) => {}
        }
    }

    /// Puts facts on the links that need them: what is this node's own on all; what came from a peer on those of its [`Way`]. Whoever
    /// is linked to the node that said it first gets it from there. What is lost by that is found by comparing.
    fn spread(&mut self, keys: &[Key], from: Option<NodeId>) {
        let Some(from) = from else {
            for id in self.open.values() {
                let link = self.links.get_mut(id);
                link.into_iter().for_each(|link| keys.iter().for_each(|key| link.tell(*key)));
            }
            return;
        };
        for key in keys {
            for id in self.goes_to(*key, from) {
                self.links.get_mut(&id).into_iter().for_each(|link| link.tell(*key));
            }
        }
    }

    /// The links on which a fact goes on that came from a peer.
    fn goes_to(&self, key: Key, from: NodeId) -> Vec<LinkId> {
        let number = |id| self.graph.number_of(id);
        let (Some(sender), Some(subject)) = (number(from), number(key.node())) else { return Vec::new() };
        // What this node said once and did not know any more goes to all, as if it were said now.
        let origin = self.facts.origin(&key).filter(|origin| *origin != self.id).and_then(number);
        let mut way = Way::new(&self.graph, subject, origin, sender);
        let peers = self.open.iter().filter_map(|(peer, id)| Some((number(*peer)?, *id)));
        peers.filter(|(peer, _)| way.goes_on(graph::OWN, *peer)).map(|(_, id)| id).collect()
    }

    // Comparing all facts with a neighbour, with one at a time: what is missing here is fetched once.

    /// Begins a comparison that is wanted, if none is under way.
    pub(super) fn compare(&mut self, now: Instant) {
        let busy = |(id, moved): (LinkId, Instant)| {
            now < moved + limits::RECONCILE_TIME && self.links.get(&id).is_some_and(|link| link.is_open())
        };
        if self.due.comparing.is_some_and(busy) {
            return;
        }
        let last = self.due.comparing.take().map_or(LinkId(0), |(id, _)| id);
        if !self.links.compares {
            return;
        }
        let hash = self.facts.hash();
        for link in self.links.values_mut() {
            link.compare &= link.is_open() && link.hash != hash;
        }
        let wanted: Vec<LinkId> = self.links.iter().filter(|(_, link)| link.compare).map(|(id, _)| *id).collect();
        self.links.compares = wanted.len() > 1;
        let next = wanted.iter().find(|id| **id > last).or(wanted.first());
        let Some(id) = next.copied() else { return };
        if let Some(link) = self.links.get_mut(&id) {
            link.compare = false;
            link.spans = Some(reconcile::begin(&self.facts));
            self.due.comparing = Some((id, now));
        }
    }

    /// A step of a comparison has come. It is always answered: only what a node begins itself waits for its turn.
    pub(super) fn reconcile(&mut self, now: Instant, id: LinkId, spans: &[Span]) {
        let own = self.due.comparing.is_some_and(|(own, _)| own == id);
        let Some(link) = self.links.get_mut(&id) else { return };
        let answer = reconcile::answer(&self.facts, spans);
        let missing = !answer.want.is_empty() || !answer.spans.is_empty();
        answer.give.into_iter().for_each(|key| link.tell(key));
        link.ask(answer.want);
        if !spans.is_empty() {
            link.spans = Some(answer.spans);
        }
        if own {
            self.due.comparing = missing.then_some((id, now));
        }
    }

    /// A comparison goes on: facts come over its link.
    pub(super) fn moved(&mut self, now: Instant, id: LinkId) {
        if let Some((_, moved)) = self.due.comparing.as_mut().filter(|(other, _)| *other == id) {
            *moved = now;
        }
    }
}
