//! What all nodes of a mesh agree on, who is linked to whom, and what travels over the links.
//!
//! Four parts: the replicated map of [`facts`] with this node's own among them; the links that carry new facts to all and find out
//! what was missed; the graph that is read off the facts; and parcels, which go over links to any node that can be reached.

mod dial;
pub mod facts;
pub(crate) mod frame;
mod graph;
mod link;
mod links;
mod members;
mod own;
mod reconcile;
mod record;
mod route;
mod rows;
mod spread;
mod table;
mod targets;
mod traffic;
mod tree;

pub use frame::PROTOCOL;
pub(crate) use record::Restored;

use crate::bounded;
use crate::command::Rights;
use crate::error::{PeerFault, Violation};
use crate::id::{AgentId, LinkId, NodeId};
use crate::input::Address;
use crate::limits;
use crate::output::{Event, Output};
use crate::random::Random;
use crate::time::{Deadline, Duration, Instant};
use crate::timers::Timers;
use crate::view::NodeView;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dial::Dialler;
use facts::{AgentFact, BackendFact, Facts, Key, NodeFact, NodeRef, Value};
use graph::{Change, Graph};
use link::Stage;
use members::Keeper;
use own::Own;
use rows::Rows;
use table::Table;

type Out = VecDeque<Output>;

/// What a node sends to another over whatever links lead there. May be lost when links are; never reordered on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Who sent it.
    pub from: NodeId,
    /// Whom it is for.
    pub to: NodeId,
    /// Links that it may still pass.
    pub hops: u8,
    /// At most [`PARCEL_BYTES`](limits::PARCEL_BYTES).
    pub body: Vec<u8>,
}

/// What others must know of a change here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MeshNews {
    /// A parcel for this node.
    Arrived(Parcel),
    /// Parcels from here to that node are being lost.
    Undeliverable(NodeId),
    /// The node can be reached now.
    Reachable(NodeId),
    /// The node cannot be reached any more.
    Unreachable(NodeId),
    /// The way to the node leads over another neighbour.
    Rerouted(NodeId),
    /// The node is no member any more.
    Removed(NodeId),
    /// What is known of an agent of another node differs.
    AgentFact(NodeId, AgentId),
    /// What another node says of itself, or what it may do, differs.
    NodeFact(NodeId),
}

/// The mesh as this node sees it.
#[derive(Debug)]
pub(crate) struct Mesh {
    id: NodeId,
    instance: u64,
    facts: Facts,
    own: Own,
    rows: Rows,
    keeper: Keeper,
    graph: Graph,
    dialler: Dialler,
    links: Table,
    /// The link in use with each neighbour.
    open: BTreeMap<NodeId, LinkId>,
    /// Whom this node wants to be linked to.
    targets: BTreeSet<NodeId>,
    /// Nodes to which something wants a link of its own.
    direct: BTreeSet<NodeId>,
    /// Whom a person admitted here and who was not reached since. A node that was removed may come back over them.
    invited: BTreeSet<NodeId>,
    /// To whom this node is linked, and nobody else seems to be: when it is told if that stays so.
    doubts: Timers<NodeId>,
    /// Nodes of which two lives were met at once.
    conflicts: BTreeSet<NodeId>,
    /// Members that greeted with protocols of which this version speaks none.
    foreign: BTreeMap<NodeId, (u16, u16)>,
    news: VecDeque<MeshNews>,
    /// Events that are told when everything else is done.
    told_later: Out,
    /// When the present input came.
    now: Instant,
    due: Due,
}

/// What is to be done, and what was done when.
#[derive(Debug, Default)]
struct Due {
    /// Own links differ from what is published: when that is told.
    links: Option<Instant>,
    links_told: Option<Instant>,
    /// Who is wanted to be linked to may differ.
    targets: bool,
    /// Who is to be dialled may differ.
    dials: bool,
    /// An own link has changed: what can be reached is looked up now.
    search: bool,
    searched: Option<Instant>,
    /// When facts have changed last.
    facts_changed: Instant,
    /// The next heartbeats of all links: together, so that a node at rest is woken once for them.
    beat: Instant,
    /// The link whose facts are being compared, and when that moved last.
    comparing: Option<(LinkId, Instant)>,
}

impl Mesh {
    pub(crate) fn new(
        (id, started, instance): (NodeId, u64, u64),
        name: &str,
        restored: Restored,
        mut random: Random,
        now: Instant,
    ) -> Self {
        // Nodes that were started at the same time do not beat at the same time.
        let beat = now + Duration::from_millis(random.below(limits::HEARTBEAT_TIME.as_millis()));
        let node = NodeFact { name: name.to_string(), instance, protocol: PROTOCOL, ..NodeFact::default() };
        let mut mesh = Mesh {
            id,
            instance,
            facts: Facts::default(),
            own: Own::new(id, started, restored.lead, node),
            rows: Rows::default(),
            keeper: Keeper::default(),
            graph: Graph::new(id, now),
            dialler: Dialler::new(random),
            links: Table::default(),
            open: BTreeMap::new(),
            targets: BTreeSet::new(),
            direct: BTreeSet::new(),
            invited: BTreeSet::new(),
            doubts: Timers::default(),
            conflicts: BTreeSet::new(),
            foreign: BTreeMap::new(),
            news: VecDeque::new(),
            told_later: Out::new(),
            now,
            due: Due { targets: true, links: Some(now), beat, ..Due::default() },
        };
        mesh.restore(restored, now);
        mesh.own.say(&mut mesh.facts, |_| {});
        mesh
    }

    // What circuits do with it.

    /// Sends a parcel from here. Whether there is a way; if not, nothing is sent.
    pub(crate) fn send(&mut self, to: NodeId, body: Vec<u8>) -> bool {
        debug_assert!(body.len() <= limits::PARCEL_BYTES, "a parcel of {} bytes", body.len());
        let there = self.graph.is_reachable(to);
        if there {
            self.forward(Parcel { from: self.id, to, hops: limits::HOPS, body });
        }
        there
    }

    /// Whether the next link on the way would take a parcel now, and nothing from here to that node waits.
    pub(crate) fn room_towards(&self, to: NodeId) -> bool {
        let link = self.graph.route(to).and_then(|route| self.links.get(self.open.get(&route.via)?));
        link.is_some_and(|link| link.has_room_for_parcels() && !link.traffic.waits((self.id, to)))
    }

    pub(crate) fn is_reachable(&self, node: NodeId) -> bool {
        self.graph.is_reachable(node)
    }

    /// What a node may do on the agents of this one. `None`: it is no member.
    pub(crate) fn rights_of(&self, node: NodeId) -> Option<Rights> {
        if node == self.id {
            return Some(Rights::Operate);
        }
        self.facts.rights_of(node).filter(|_| self.facts.is_member(node))
    }

    /// Keeps a direct link to a node while something uses it, or no longer. A large mesh has no link to everybody.
    pub(crate) fn want_direct(&mut self, node: NodeId, wanted: bool) {
        self.due.targets |= match wanted {
            true => self.direct.len() < limits::DIRECT && node != self.id && self.direct.insert(node),
            false => self.direct.remove(&node),
        };
    }

    pub(crate) fn poll_news(&mut self) -> Option<MeshNews> {
        bounded::pop_front(&mut self.news)
    }

    // What this node says.

    /// How an agent of this node is now; `None`: it is gone.
    pub(crate) fn publish_agent(&mut self, now: Instant, id: AgentId, fact: Option<AgentFact>) {
        let key = self.own.agent(now, &mut self.facts, id, fact);
        self.told(now, key);
    }

    /// What can carry agents here.
    pub(crate) fn publish_backends(&mut self, now: Instant, backends: Vec<BackendFact>) {
        let key = self.own.say(&mut self.facts, |node| node.backends = backends);
        self.told(now, key);
    }

    /// Where others can dial this node. The network has changed: everybody may be in reach.
    pub(crate) fn network(&mut self, now: Instant, mut addresses: Vec<Address>, out: &mut Out) {
        addresses.retain(|address| (1..=limits::ADDRESS_BYTES).contains(&address.0.len()));
        addresses.truncate(limits::ADDRESSES);
        let key = self.own.say(&mut self.facts, |node| node.addresses = addresses);
        if key.is_some() {
            out.push_back(Output::Event(Event::NodeChanged(self.id)));
        }
        self.told(now, key);
        self.dialler.reset(now);
        self.due.dials = true;
    }

    // Time.

    /// Begins to take an input. A node that was itself late gives its links a fresh interval before it judges them.
    pub(crate) fn begin(&mut self, now: Instant) {
        let late = |at| now.since(at) > limits::LATE_TIME;
        let was_late = late(self.now) && self.next_deadline().is_some_and(|deadline| late(deadline.at));
        self.now = now;
        if was_late {
            // Once: a node that is always late must still find out who is gone.
            for link in self.links.values_mut().filter(|link| !link.forgiven) {
                (link.heard, link.forgiven) = (now, true);
            }
        }
    }

    /// Does all that is due. News come of it; [`flush`](Self::flush) follows when all have been taken.
    pub(crate) fn wake(&mut self, now: Instant, out: &mut Out) {
        self.judge(now, out);
        while let Some(key) = self.own.pop_due(now, &mut self.facts) {
            self.told(now, Some(key));
        }
        self.search(now, out);
        self.judge_doubts(now);
        self.choose_targets(now);
        self.dial(now, out);
        self.publish_links(now);
        self.compare(now);
    }

    /// Sends and stores what there is to be sent and stored: the last thing done for an input.
    pub(crate) fn flush(&mut self, now: Instant, out: &mut Out) {
        out.append(&mut self.told_later);
        // Something may want a link of its own since.
        self.choose_targets(now);
        self.dial(now, out);
        self.keep(now, out);
        self.beat(now);
        self.transmit(now, out);
    }

    pub(crate) fn next_deadline(&self) -> Option<Deadline> {
        let waits = |yes: bool, last: Option<Instant>| last.filter(|_| yes).map(|last| last + limits::COALESCE_TIME);
        let compares = self.due.comparing.filter(|_| self.links.compares);
        Deadline::first([
            (self.links.next_deadline(), "a link"),
            (Some(self.due.beat).filter(|_| !self.open.is_empty()), "heartbeats"),
            (self.dialler.next_deadline(), "a dial"),
            (self.own.next_deadline(), "an own fact"),
            (self.keeper.next_deadline(), "the store of nodes"),
            (self.due.links.filter(|_| self.due.links_told.is_some()), "own links"),
            (self.doubts.next(), "news of a link"),
            (waits(self.graph.is_dirty(), self.due.searched), "the graph"),
            (compares.map(|(_, moved)| moved + limits::RECONCILE_TIME), "a comparison of facts"),
        ])
    }

    /// Own links have changed: that is told after `pause` at the latest, and not too often.
    fn links_changed(&mut self, now: Instant, pause: Duration) {
        let free = self.due.links_told.map_or(now, |told| told + limits::COALESCE_TIME);
        let at = free.max(now + pause);
        self.due.links = Some(self.due.links.map_or(at, |before| before.min(at)));
        self.due.search = true;
    }

    /// The neighbours over whom ways lead.
    fn listed(&self) -> Vec<NodeRef> {
        let stays = |id: &LinkId| self.links.get(id).is_some_and(|link| !link.let_go);
        self.open.iter().filter(|(_, id)| stays(id)).map(|(peer, _)| NodeRef::from(*peer)).collect()
    }

    /// Tells neighbours that this node's links have changed.
    fn publish_links(&mut self, now: Instant) {
        if self.due.links.is_none_or(|at| now < at) {
            return;
        }
        (self.due.links, self.due.links_told) = (None, Some(now));
        let links = self.listed();
        let key = self.own.publish(&mut self.facts, Key::Links(self.id), Value::Links(links));
        self.told(now, key);
    }

    /// Looks up who can be reached: now if an own link has changed, else not too often.
    fn search(&mut self, now: Instant, out: &mut Out) {
        if core::mem::take(&mut self.due.search) {
            let links = self.listed();
            self.graph.set_links(self.id, &links, now);
        } else if self.due.searched.is_some_and(|at| now < at + limits::COALESCE_TIME) {
            return;
        }
        if !self.graph.is_dirty() {
            return;
        }
        self.due.searched = Some(now);
        for change in self.graph.search(now) {
            let (id, news) = match change {
                Change::Reachable(id) => (id, Some(MeshNews::Reachable(id))),
                Change::Unreachable(id) => (id, Some(MeshNews::Unreachable(id))),
                Change::Rerouted(id) => (id, Some(MeshNews::Rerouted(id))),
                Change::Distance(id) => (id, None),
            };
            self.due.targets |= matches!(change, Change::Reachable(_) | Change::Unreachable(_));
            out.push_back(Output::Event(Event::NodeChanged(id)));
            self.news.extend(news);
        }
    }

    fn beat(&mut self, now: Instant) {
        if self.open.is_empty() || now < self.due.beat {
            return;
        }
        self.due.beat = now + limits::HEARTBEAT_TIME;
        for id in self.open.values() {
            self.links.get_mut(id).into_iter().for_each(|link| link.beat = true);
        }
    }

    fn transmit(&mut self, now: Instant, out: &mut Out) {
        let mut closed = Vec::new();
        for id in self.links.ready(now) {
            let Some(link) = self.links.get_mut(&id) else { continue };
            if link.flush(now, id, &self.facts, self.instance, out) {
                closed.push(id);
            }
        }
        self.links.settle();
        for id in closed {
            self.close(now, id, out);
        }
    }

    // What can be read.

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The first levels of the names of all agents of other nodes, if they differ from when this was asked last.
    pub(crate) fn new_categories(&mut self) -> Option<BTreeSet<String>> {
        self.rows.take_categories_changed().then(|| self.rows.categories().map(String::from).collect())
    }

    /// This node and all members.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> {
        let others = self.facts.memberships().map(|(id, _)| id).filter(|id| *id != self.id);
        let others = others.filter(|id| self.facts.is_member(*id));
        core::iter::once(self.id).chain(others).filter_map(|id| self.node(id))
    }

    pub(crate) fn node(&self, id: NodeId) -> Option<NodeView<'_>> {
        let own = id == self.id;
        let member = self.facts.is_member(id);
        if !own && !member {
            return None;
        }
        let fact = if own { Some(self.own.node()) } else { self.facts.node(id) };
        let route = self.graph.route(id);
        let (told, _) = self.dialler.known(id);
        let said = fact.map_or(&[][..], |fact| &fact.addresses);
        Some(NodeView {
            id,
            name: fact.map_or("", |fact| &fact.name),
            own,
            member,
            reachable: own || route.is_some(),
            since: self.graph.since(id).unwrap_or_default(),
            addresses: if said.is_empty() { told } else { said },
            via: route.map(|route| route.via),
            hops: route.map_or(0, |route| route.hops),
            protocol: self.foreign.get(&id).copied().or_else(|| fact.map(|fact| fact.protocol)),
            incompatible: self.foreign.contains_key(&id),
            rights: self.facts.rights_of(id).unwrap_or_default(),
            conflict: self.conflicts.contains(&id) || fact.is_some_and(|fact| fact.conflict),
            backends: fact.map_or(&[], |fact| &fact.backends),
        })
    }

    /// Every rule of this component.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Violation> {
        let broken = |rule: &str| Err(Violation(String::from(rule)));
        self.facts.check().or_else(broken)?;
        self.rows.check(&self.facts, self.id)?;
        self.links.check().or_else(broken)?;
        if self.links.len() > limits::LINKS || self.dialler.under_way() > limits::LINKS {
            return broken("too many links or dials");
        }
        let members = self.facts.memberships().map(|(id, _)| id).filter(|id| self.facts.is_member(*id));
        if !members.eq(self.graph.members().map(|(id, _)| id)) {
            return broken("the graph does not know who is a member");
        }
        for (peer, id) in &self.open {
            let Some(link) = self.links.get(id) else { return broken("a link in use is not there") };
            if link.peer != *peer || !link.is_open() || !self.facts.is_member(*peer) {
                return broken("a link in use is not open, or not with a member");
            }
        }
        for link in self.links.values() {
            link.traffic.check().or_else(broken)?;
            let used = self.open.get(&link.peer).is_some_and(|id| self.links.get(id).is_some_and(|l| l.is_open()));
            if link.is_open() && !used {
                return broken("a link is open and not used");
            }
            if matches!(link.stage, Stage::Leaving(_)) && !link.traffic.is_empty() {
                return broken("parcels wait at a link that is being refused");
            }
        }
        if self.facts.len() > limits::FACTS || self.facts.bytes() > limits::FACTS_BYTES + limits::FACT_BYTES {
            return broken("too many facts");
        }
        match self.next_deadline() {
            Some(deadline) if deadline.at <= now => broken(deadline.reason),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
