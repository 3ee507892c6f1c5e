//! Links: how they open, greet, are kept and end, and whom this node dials.

use super::frame::{Frame, Hello, PROTOCOL};
use super::link::{Link, Stage};
use super::targets;
use super::{Mesh, MeshNews, Out};
use crate::error::PeerFault;
use crate::id::{DialId, LinkId, NodeId};
use crate::input::LinkInput;
use crate::limits;
use crate::mesh::facts::{Fact, Key};
use crate::output::{Event, Output};
use crate::time::{Duration, Instant};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl Mesh {
    pub(crate) fn link(&mut self, now: Instant, id: LinkId, input: LinkInput<'_>, out: &mut Out) {
        match input {
            LinkInput::Opened { peer, dial } => self.opened(now, id, peer, dial, out),
            LinkInput::Writable(frames) => {
                let waits = self.links.get(&id).is_some_and(|link| !link.has_room());
                let link = if waits { self.links.get_mut(&id) } else { self.links.note(&id) };
                link.into_iter().for_each(|link| link.writable(frames));
            }
            LinkInput::Frame(bytes) => {
                let Some(link) = self.links.note(&id) else { return };
                (link.heard, link.forgiven) = (now, false);
                let peer = link.peer;
                if let Err(fault) = Frame::decode(bytes).and_then(|frame| self.frame(now, id, frame, out)) {
                    if let PeerFault::Protocol(least, most) = fault {
                        self.met_foreign(peer, (least, most), out);
                    }
                    out.push_back(Output::Event(Event::LinkFault(peer, fault)));
                    self.close(now, id, out);
                }
            }
            LinkInput::Closed => self.ended(now, id),
        }
    }

    fn opened(&mut self, now: Instant, id: LinkId, peer: NodeId, dial: Option<DialId>, out: &mut Out) {
        if dial.is_some_and(|dial| self.dialler.opened(dial)) {
            self.keeper.keep(peer);
        }
        if self.links.len() >= limits::LINKS || peer == self.id {
            out.push_back(Output::CloseLink(id));
            if self.wants(peer) {
                self.dialler.pause(now, peer);
            }
            return;
        }
        let stage = if self.facts.is_member(peer) {
            Stage::Greeting
        } else if self.facts.length(peer) > 0 {
            Stage::Leaving(self.memberships(peer))
        } else {
            Stage::Strange
        };
        self.links.insert(id, Link::new(now, peer, dial.is_some(), stage));
        self.dialler.rest(peer);
    }

    pub(crate) fn dial_failed(&mut self, now: Instant, dial: DialId) {
        if let Some(node) = self.dialler.failed(dial) {
            self.dial_again(now, node);
        }
    }

    fn dial_again(&mut self, now: Instant, node: NodeId) {
        if self.wants(node) {
            let said = self.facts.node(node).map_or(&[][..], |fact| &fact.addresses);
            self.dialler.go_on(now, node, said);
        }
    }

    fn frame(&mut self, now: Instant, id: LinkId, frame: Frame, out: &mut Out) -> Result<(), PeerFault> {
        let Some(link) = self.links.note(&id) else { return Ok(()) };
        let peer = link.peer;
        match (&frame, &link.stage) {
            (Frame::Farewell(_), _) => {}
            // What a peer says that is being refused does not matter.
            (_, Stage::Leaving(_)) => return Ok(()),
            (Frame::Hello(_), _) if link.hello.is_none() => {}
            (Frame::Hello(_), _) => return Err(PeerFault::Greeting),
            (_, _) if link.hello.is_none() => return Err(PeerFault::Greeting),
            // It may not know yet that this end does not know it.
            (_, Stage::Strange | Stage::Greeting) => return Ok(()),
            (_, Stage::Open) => {}
        }
        let rival = link.rival.take_if(|since| now.since(*since) >= limits::LATE_TIME).is_some();
        if rival {
            self.met_twice(peer, out);
        }
        self.prove(id, &frame);
        match frame {
            Frame::Hello(hello) => self.hello(now, id, hello, out),
            Frame::Heartbeat(hash) => {
                self.heartbeat(now, id, hash);
                Ok(())
            }
            Frame::Facts(facts) => {
                self.moved(now, id);
                let crossed = self.crossed(id, &facts);
                self.take(now, Some(peer), facts, out);
                self.need_not_tell(id, &crossed);
                Ok(())
            }
            Frame::Reconcile(spans) => {
                self.reconcile(now, id, &spans);
                Ok(())
            }
            Frame::Want(keys) => {
                let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
                keys.into_iter().filter(|key| self.facts.get(key).is_some()).for_each(|key| link.tell(key));
                Ok(())
            }
            Frame::Parcel(parcel) => {
                self.arrived(parcel);
                Ok(())
            }
            Frame::Lost(lost) => {
                self.pass_back(lost);
                Ok(())
            }
            Frame::Farewell(facts) => {
                self.farewell(now, id, facts, out);
                Ok(())
            }
        }
    }

    /// Of what a peer has told, what was going to be told to it.
    fn crossed(&self, id: LinkId, facts: &[(Key, Fact)]) -> Vec<(Key, Fact)> {
        let Some(link) = self.links.get(&id) else { return Vec::new() };
        facts.iter().filter(|(key, _)| link.tells(key)).cloned().collect()
    }

    fn need_not_tell(&mut self, id: LinkId, facts: &[(Key, Fact)]) {
        let Some(link) = self.links.note(&id) else { return };
        facts
            .iter()
            .filter(|(key, fact)| self.facts.get(key) == Some(fact))
            .for_each(|(key, _)| link.need_not_tell(key));
    }

    /// A link is good once it has brought more than a greeting: the other end may still have refused it.
    fn prove(&mut self, id: LinkId, frame: &Frame) {
        let Some(link) = self.links.note(&id).filter(|link| link.is_open() && !link.proven) else { return };
        if !matches!(frame, Frame::Farewell(_)) {
            link.proven = true;
            self.dialler.succeeded(link.peer);
            self.conflict_over(self.id);
        }
    }

    fn hello(&mut self, now: Instant, id: LinkId, hello: Hello, out: &mut Out) -> Result<(), PeerFault> {
        let (least, most) = hello.protocol;
        if least > PROTOCOL.1 || most < PROTOCOL.0 {
            return Err(PeerFault::Protocol(least, most));
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.hello = Some(hello);
            link.hash = hello.hash;
            if self.foreign.remove(&link.peer).is_some() {
                out.push_back(Output::Event(Event::NodeChanged(link.peer)));
            }
        }
        self.greet(now, id, out);
        Ok(())
    }

    /// Both ends have greeted, and both count as members here: the link is used, unless another one is better.
    pub(super) fn greet(&mut self, now: Instant, id: LinkId, out: &mut Out) {
        let Some(link) = self.links.get(&id) else { return };
        let (peer, dialled) = (link.peer, link.dialled);
        let Some(hello) = link.hello.filter(|_| link.stage == Stage::Greeting) else { return };
        let before = self.open.get(&peer).copied().and_then(|id| Some((id, self.links.get_mut(&id)?)));
        if let Some((old_id, old)) = before {
            let same_life = old.hello.is_some_and(|old| old.instance == hello.instance);
            if !same_life && now.since(old.heard) < REPLACE_TIME {
                old.rival.get_or_insert(now);
                return self.refuse(now, id, Vec::new());
            }
            // Of two that were dialled at the same time, both ends keep the one that the smaller id dialled. Otherwise the peer
            // has lost the old one, or it would not have dialled.
            let crossed = same_life && old.dialled != dialled && now.since(old.opened) < limits::DIAL_TIME;
            if crossed && dialled != (self.id < peer) {
                return self.close(now, id, out);
            }
            self.replace(now, old_id, id, out);
        }
        let Some(link) = self.links.get_mut(&id) else { return };
        link.stage = Stage::Open;
        link.tell(Key::Member(self.id));
        link.compare = hello.hash != self.facts.hash() && self.id < peer;
        self.links.compares |= link.compare;
        self.open.insert(peer, id);
        self.dialler.rest(peer);
        self.due.targets = true;
        let small = self.graph.members().nth(limits::FULL_MESH).is_none();
        let urgent = (small || self.open.len() == 1) && !self.graph.is_reachable(peer);
        if !urgent && !self.graph.is_reachable(peer) {
            self.doubts.set(peer, Some(now + limits::LINK_DOUBT_TIME));
        }
        // One more way to where others lead already is not urgent.
        self.links_changed(now, if urgent { Duration::default() } else { limits::LINK_NEWS_TIME });
    }

    /// Tells of links to nodes that are still not led to by anybody else.
    pub(super) fn judge_doubts(&mut self, now: Instant) {
        while let Some(peer) = self.doubts.pop_due(now) {
            if self.open.contains_key(&peer) && !self.graph.others_lead_to(peer) {
                self.links_changed(now, Duration::default());
            }
        }
    }

    /// Ends the link that another one takes the place of.
    fn replace(&mut self, now: Instant, old: LinkId, new: LinkId, out: &mut Out) {
        let Some(old_link) = self.links.remove(&old) else { return };
        out.push_back(Output::CloseLink(old));
        self.lose_parcels(&old_link);
        if let Some(link) = self.links.get_mut(&new) {
            old_link.pending().for_each(|key| link.tell(*key));
            link.heard = now;
        }
    }

    /// A member speaks none of this version's protocols.
    fn met_foreign(&mut self, node: NodeId, protocols: (u16, u16), out: &mut Out) {
        self.foreign.retain(|node, _| self.facts.is_member(*node));
        if self.facts.is_member(node) && self.foreign.insert(node, protocols) != Some(protocols) {
            out.push_back(Output::Event(Event::NodeChanged(node)));
        }
    }

    /// Two lives of one node are there at once.
    fn met_twice(&mut self, node: NodeId, out: &mut Out) {
        if self.conflicts.insert(node) {
            out.push_back(Output::Event(Event::NodeChanged(node)));
        }
    }

    /// Whether two lives of a node are there is not known any more.
    fn conflict_over(&mut self, node: NodeId) {
        if self.conflicts.remove(&node) {
            self.told_later.push_back(Output::Event(Event::NodeChanged(node)));
        }
    }

    fn farewell(&mut self, now: Instant, id: LinkId, facts: Vec<(Key, Fact)>, out: &mut Out) {
        let Some(peer) = self.links.get(&id).map(|link| link.peer) else { return };
        self.close(now, id, out);
        if facts.is_empty() {
            // Another life of this node is there, and alive.
            self.met_twice(self.id, out);
        }
        if self.facts.is_member(peer) {
            let about = [Key::Member(self.id), Key::Member(peer)];
            let facts = facts.into_iter().filter(|(key, _)| about.contains(key)).collect();
            self.take(now, Some(peer), facts, out);
        }
    }

    fn heartbeat(&mut self, now: Instant, id: LinkId, hash: u64) {
        let quiet = now.since(self.due.facts_changed) >= limits::RECONCILE_TIME;
        let Some(link) = self.links.note(&id) else { return };
        link.mismatches = if hash == self.facts.hash() { 0 } else { link.mismatches.saturating_add(1) };
        link.compare = (link.mismatches >= 2 || link.mismatches == 1 && quiet) && self.id < link.peer;
        link.hash = hash;
        self.links.compares |= link.compare;
    }

    /// Every membership that decides whether this node and a peer may be linked.
    fn memberships(&self, peer: NodeId) -> Vec<(Key, Fact)> {
        let keys = [Key::Member(self.id), Key::Member(peer)];
        keys.into_iter().filter_map(|key| Some((key, self.facts.get(&key)?.clone()))).collect()
    }

    /// The membership of a node, or of this one, has changed: links that may no longer be used end, and others may begin.
    pub(super) fn judge_members(&mut self, now: Instant, node: NodeId, out: &mut Out) {
        let removed = !self.facts.is_member(node);
        let about = |peer| node == self.id || peer == node;
        let ids: Vec<LinkId> = self.links.iter().filter(|(_, link)| about(link.peer)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(link) = self.links.get_mut(&id) else { continue };
            if removed && !matches!(link.stage, Stage::Leaving(_)) {
                let why = self.memberships(if node == self.id { self.id } else { node });
                self.refuse(now, id, why);
            } else if !removed && node != self.id && link.stage == Stage::Strange {
                link.stage = Stage::Greeting;
                link.opened = now;
                self.greet(now, id, out);
            }
        }
    }

    /// Ends a link with a last word.
    fn refuse(&mut self, now: Instant, id: LinkId, why: Vec<(Key, Fact)>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let was_open = link.is_open();
        let mut leaving = Link::new(now, link.peer, link.dialled, Stage::Leaving(why));
        leaving.take_room(link);
        let old = core::mem::replace(link, leaving);
        if was_open {
            self.unuse(now, id, &old);
        }
    }

    /// Ends a link.
    pub(super) fn close(&mut self, now: Instant, id: LinkId, out: &mut Out) {
        if self.links.contains_key(&id) {
            out.push_back(Output::CloseLink(id));
            self.ended(now, id);
        }
    }

    /// A link is no longer there.
    fn ended(&mut self, now: Instant, id: LinkId) {
        let Some(link) = self.links.remove(&id) else { return };
        let peer = link.peer;
        self.unuse(now, id, &link);
        if !self.open.contains_key(&peer) && self.wants(peer) {
            self.dialler.pause(now, peer);
            self.due.dials = true;
        }
    }

    /// A link is used no longer.
    fn unuse(&mut self, now: Instant, id: LinkId, link: &Link) {
        if self.open.get(&link.peer) == Some(&id) {
            self.open.remove(&link.peer);
            self.conflict_over(link.peer);
            let listed = self.graph.lists_own(link.peer);
            self.links_changed(now, if listed { Duration::default() } else { limits::LINK_OVER_TIME });
        }
        self.lose_parcels(link);
    }

    fn lose_parcels(&mut self, link: &Link) {
        for (from, to) in link.traffic.pairs() {
            self.lost(from, to);
        }
    }

    /// Closes the links that have been silent, have not become what they should, or are not needed.
    pub(super) fn judge(&mut self, now: Instant, out: &mut Out) {
        let over = |link: &Link| {
            let spare = link.let_go && link.over_at().is_some_and(|at| at <= now);
            link.is_open() && (now >= link.heard + limits::SILENCE_TIME || spare)
                || matches!(link.stage, Stage::Greeting | Stage::Leaving(_)) && now >= link.opened + limits::DIAL_TIME
        };
        let ready = self.links.ready(now);
        for id in &ready {
            if self.links.get(id).is_some_and(over) {
                self.close(now, *id, out);
            }
        }
        self.let_go(now, &ready);
        let strange = |link: &Link| link.stage == Stage::Strange && now >= link.opened + limits::STRANGER_TIME;
        for id in ready {
            if let Some(peer) = self.links.get(&id).filter(|link| strange(link)).map(|link| link.peer) {
                self.refuse(now, id, self.memberships(peer));
            }
        }
    }

    /// If a link has been spare for long enough, it is not listed any more, with all that have been for half as long: one piece of news.
    fn let_go(&mut self, now: Instant, ready: &[LinkId]) {
        let due = |link: &Link| !link.let_go && link.let_go_at().is_some_and(|at| at <= now);
        if !ready.iter().any(|id| self.links.get(id).is_some_and(due)) {
            return;
        }
        for link in self.links.values_mut() {
            let long = link.let_go_at().is_some_and(|at| at <= now + limits::SPARE_TIME / 2);
            link.let_go |= long;
        }
        self.links_changed(now, Duration::default());
    }

    // Whom to be linked to.

    pub(super) fn wants(&self, node: NodeId) -> bool {
        self.targets.contains(&node) || self.direct.contains(&node)
    }

    /// Decides anew whom this node wants to be linked to.
    pub(super) fn choose_targets(&mut self, now: Instant) {
        if !core::mem::take(&mut self.due.targets) {
            return;
        }
        self.due.dials = true;
        if !self.facts.is_member(self.id) {
            // Removed: nobody is dialled but those that a person has admitted since.
            self.targets = self.invited.iter().copied().filter(|id| self.facts.is_member(*id)).collect();
            return;
        }
        self.invited.retain(|id| self.facts.is_member(*id) && !self.graph.is_reachable(*id));
        let members: Vec<(NodeId, bool)> = self.graph.members().collect();
        self.targets = targets::targets(self.id, &members);
        self.targets.extend(&self.invited);
        self.direct.retain(|id| self.facts.is_member(*id));
        let near: Vec<NodeId> =
            members.iter().filter(|(id, reachable)| *reachable || *id == self.id).map(|(id, _)| *id).collect();
        let small = members.len() <= limits::FULL_MESH;
        let mut listed_again = false;
        for link in self.links.values_mut().filter(|link| link.dialled && link.is_open()) {
            let needed = small
                || self.targets.contains(&link.peer)
                || self.direct.contains(&link.peer)
                || targets::ring(link.peer, &near).contains(&self.id);
            link.spare = if needed { None } else { link.spare.or(Some(now)) };
            listed_again |= needed && core::mem::take(&mut link.let_go);
        }
        if listed_again {
            self.links_changed(now, Duration::default());
        }
    }

    /// Dials whoever is wanted and not there.
    pub(super) fn dial(&mut self, now: Instant, out: &mut Out) {
        if core::mem::take(&mut self.due.dials) {
            let linked: BTreeSet<NodeId> = self.links.values().map(|link| link.peer).collect();
            for node in self.targets.union(&self.direct).filter(|node| !linked.contains(*node)) {
                let polite = self.id > *node && !self.invited.contains(node);
                self.dialler.want(*node, if polite { now + limits::DIAL_POLITE_TIME } else { now });
            }
        }
        while let Some(node) = self.dialler.pop_late(now) {
            self.dial_again(now, node);
        }
        while let Some(node) = self.dialler.pop_due(now) {
            if !self.wants(node) || self.links.values().any(|link| link.peer == node) {
                continue;
            }
            let said = self.facts.node(node).map_or(&[][..], |fact| &fact.addresses);
            if let Some((id, address)) = self.dialler.dial(now, node, said, self.links.len()) {
                out.push_back(Output::Dial(id, node, address));
            }
        }
    }

    /// Parcels between two nodes are lost here: their sender shall know.
    pub(super) fn lost(&mut self, from: NodeId, about: NodeId) {
        if from == self.id {
            self.news.push_back(MeshNews::Undeliverable(about));
        } else {
            self.pass_back(super::frame::Lost { to: from, about, hops: limits::HOPS });
        }
    }
}

/// A peer that has been silent for this long is taken for dead when another life of it appears: it would have sent a heartbeat.
const REPLACE_TIME: Duration = Duration::from_secs(3);
