//! Who can be reached, and over whom: read off the neighbours that nodes publish, never voted on.
//!
//! An edge exists when both ends publish it; an edge of this node, when its link is open. Nodes are numbered in the order in which they
//! become known, so that a search walks over small numbers. The last search left a tree of shortest ways; it is done anew only when an
//! edge of the tree went, or one came that makes a way shorter. A way that still is a shortest one stays.

use super::facts::NodeRef;
use crate::id::NodeId;
use crate::limits;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A node's number in the graph.
pub(crate) type Number = u32;

/// The number of this node.
pub(super) const OWN: Number = 0;

const NOWHERE: Number = Number::MAX;

/// All nodes and their edges.
#[derive(Debug)]
pub(crate) struct Graph {
    numbers: BTreeMap<NodeRef, Number>,
    /// By number: the first is this node.
    names: Vec<NodeRef>,
    nodes: Vec<Vertex>,
    dirty: bool,
}

#[derive(Debug)]
struct Vertex {
    /// `None`: known only from others' lists of neighbours.
    id: Option<NodeId>,
    /// Others are reached over it, and it is itself, only as a member.
    member: bool,
    /// Whom it says to be linked to, in the order of their names. Of this node: whom it is linked to.
    links: Box<[Number]>,
    way: Way,
    /// When it was last found to be reachable, or to be no longer.
    since: Instant,
}

/// The way to a vertex, as the last search found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    /// The last vertex before it; [`NOWHERE`]: there is no way.
    parent: Number,
    /// The neighbour of this node that leads there; [`NOWHERE`]: none does.
    via: Number,
    /// Links on the way.
    hops: u8,
}

impl Way {
    const NONE: Way = Way { parent: NOWHERE, via: NOWHERE, hops: 0 };
    /// Of this node to itself.
    const OWN: Way = Way { parent: 0, via: 0, hops: 0 };

    fn exists(self) -> bool {
        self.parent != NOWHERE
    }
}

/// What is known of the way to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) via: NodeId,
    pub(crate) hops: u8,
}

/// What a search found to be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Reachable(NodeId),
    Unreachable(NodeId),
    /// The next node on the way is another one.
    Rerouted(NodeId),
    /// Only the length of the way is another one.
    Distance(NodeId),
}

impl Graph {
    pub(crate) fn new(own: NodeId, now: Instant) -> Self {
        let mut graph = Graph { numbers: BTreeMap::new(), names: Vec::new(), nodes: Vec::new(), dirty: false };
        graph.know(own, now);
        graph.nodes[0].way = Way::OWN;
        graph
    }

    /// Gives a node its number. `None`: there are too many, or another node has the same first 8 bytes.
    pub(crate) fn know(&mut self, id: NodeId, now: Instant) -> Option<Number> {
        let number = self.number(id.into(), now)?;
        let vertex = &mut self.nodes[number as usize];
        if vertex.id.is_none() {
            vertex.id = Some(id);
            vertex.since = now;
        }
        (vertex.id == Some(id)).then_some(number)
    }

    fn number(&mut self, name: NodeRef, now: Instant) -> Option<Number> {
        if let Some(number) = self.numbers.get(&name) {
            return Some(*number);
        }
        if self.nodes.len() >= 2 * limits::NODES {
            return None;
        }
        let number = self.nodes.len() as Number;
        self.numbers.insert(name, number);
        self.names.push(name);
        self.nodes.push(Vertex { id: None, member: false, links: Box::default(), way: Way::NONE, since: now });
        Some(number)
    }

    fn find(&self, id: NodeId) -> Option<&Vertex> {
        let vertex = &self.nodes[*self.numbers.get(&id.into())? as usize];
        (vertex.id == Some(id)).then_some(vertex)
    }

    /// A node (also this one) says whom it is linked to.
    pub(crate) fn set_links(&mut self, id: NodeId, links: &[NodeRef], now: Instant) {
        let Some(number) = self.know(id, now) else { return };
        let mut links: Vec<Number> = links.iter().filter_map(|name| self.number(*name, now)).collect();
        links.sort_unstable_by_key(|other| self.name(*other));
        links.dedup();
        let before = core::mem::take(&mut self.nodes[number as usize].links);
        // Only what both ends say is an edge; this node's word is enough for its own.
        let counts = |other: &Number| number == 0 || *other != 0 && self.lists(*other, number);
        let edges = |a: &[Number], b: &[Number]| {
            let only_in_a = a.iter().copied().filter(|other| !self.is_among(b, *other) && counts(other));
            only_in_a.map(|other| (other, self.nodes[other as usize].way)).collect::<Vec<_>>()
        };
        let way = self.nodes[number as usize].way;
        let was_used = edges(&before, &links).iter().any(|(n, other)| other.parent == number || way.parent == *n);
        let is_shorter =
            |(_, other): &(Number, Way)| other.exists() != way.exists() || other.hops.abs_diff(way.hops) > 1;
        self.dirty |= was_used || edges(&links, &before).iter().any(is_shorter);
        self.nodes[number as usize].links = links.into();
    }

    /// Whether a node says that it is linked to another.
    fn lists(&self, number: Number, other: Number) -> bool {
        self.is_among(&self.nodes[number as usize].links, other)
    }

    fn is_among(&self, links: &[Number], other: Number) -> bool {
        links.binary_search_by_key(&self.name(other), |link| self.name(*link)).is_ok()
    }

    /// Whether a node says that it is linked to this one.
    pub(crate) fn lists_own(&self, id: NodeId) -> bool {
        self.number_of(id).is_some_and(|number| self.lists(number, 0))
    }

    /// Whether a way leads to a node that does not begin with an own link to it.
    pub(super) fn others_lead_to(&self, id: NodeId) -> bool {
        let Some(number) = self.number_of(id) else { return false };
        let leads = |other: &Number| {
            let way = self.nodes[*other as usize].way;
            *other != OWN && way.exists() && way.via != number && self.lists(*other, number)
        };
        self.listed_by(number).iter().any(leads)
    }

    /// Whether two nodes say that they are linked to each other.
    pub(crate) fn is_edge(&self, a: Number, b: Number) -> bool {
        self.lists(a, b) && self.lists(b, a)
    }

    /// Whether two members say that they are linked to each other, of which `a` says so.
    pub(super) fn joins(&self, a: Number, b: Number) -> bool {
        self.nodes[b as usize].member && self.lists(b, a)
    }

    /// Those of whom a node says that it is linked to them, in the order of their names.
    pub(super) fn listed_by(&self, number: Number) -> &[Number] {
        &self.nodes[number as usize].links
    }

    /// Whether a node can be reached, or is this one.
    #[cfg(test)]
    pub(super) fn ways_exist(&self, number: Number) -> bool {
        self.nodes[number as usize].way.exists()
    }

    /// How many nodes have a number.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn name(&self, number: Number) -> NodeRef {
        self.names[number as usize]
    }

    /// The number of a node that is known.
    pub(crate) fn number_of(&self, id: NodeId) -> Option<Number> {
        self.numbers.get(&id.into()).copied()
    }

    /// The way to a node, if there is one.
    pub(crate) fn route(&self, id: NodeId) -> Option<Route> {
        let vertex = self.find(id)?;
        let via = self.nodes.get(vertex.way.via as usize).filter(|_| vertex.way.hops > 0)?.id?;
        Some(Route { via, hops: vertex.way.hops })
    }

    pub(crate) fn is_reachable(&self, id: NodeId) -> bool {
        self.find(id).is_some_and(|vertex| vertex.way.hops > 0)
    }

    /// Since when a node is reachable, or not.
    pub(crate) fn since(&self, id: NodeId) -> Option<Instant> {
        self.find(id).map(|vertex| vertex.since)
    }

    /// A node is a member, or is none.
    pub(crate) fn set_member(&mut self, id: NodeId, member: bool, now: Instant) {
        let Some(number) = self.know(id, now) else { return };
        let vertex = &mut self.nodes[number as usize];
        self.dirty |= vertex.member != member && (member || vertex.way.exists());
        vertex.member = member;
    }

    /// All members (this node, too, if it is one) in the order of their ids, and whether they are reachable from here.
    pub(crate) fn members(&self) -> impl Iterator<Item = (NodeId, bool)> {
        let vertices = self.numbers.values().map(|number| &self.nodes[*number as usize]);
        vertices.filter(|vertex| vertex.member).filter_map(|vertex| Some((vertex.id?, vertex.way.hops > 0)))
    }

    /// Whether a search would find something else than the last one.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Searches breadth-first from here. Gives what is different.
    pub(crate) fn search(&mut self, now: Instant) -> Vec<Change> {
        self.dirty = false;
        let found = self.ways();
        let mut changes = Vec::new();
        for (vertex, way) in self.nodes.iter_mut().zip(found).skip(1) {
            let before = core::mem::replace(&mut vertex.way, way);
            let Some(id) = vertex.id.filter(|_| (before.via, before.hops) != (way.via, way.hops)) else { continue };
            changes.push(match (before.exists(), way.exists()) {
                (false, _) => Change::Reachable(id),
                (_, false) => Change::Unreachable(id),
                _ if before.via != way.via => Change::Rerouted(id),
                _ => Change::Distance(id),
            });
            if before.exists() != way.exists() {
                vertex.since = now;
            }
        }
        changes
    }

    /// The ways to all.
    fn ways(&self) -> Vec<Way> {
        let mut found = alloc::vec![Way::NONE; self.nodes.len()];
        found[0] = Way::OWN;
        let mut order: Vec<Number> = alloc::vec![0];
        let mut next = 0;
        while let Some(at) = order.get(next).copied() {
            next += 1;
            let hops = found[at as usize].hops + 1;
            if hops > limits::HOPS {
                break;
            }
            for other in &*self.nodes[at as usize].links {
                let fresh = !found[*other as usize].exists() && self.nodes[*other as usize].member;
                if fresh && (at == 0 || self.lists(*other, at)) {
                    found[*other as usize] = Way { parent: at, via: NOWHERE, hops };
                    order.push(*other);
                }
            }
        }
        for number in order.into_iter().skip(1) {
            let Way { mut parent, hops, .. } = found[number as usize];
            let before = self.nodes[number as usize].way.parent;
            if before != parent && before != NOWHERE {
                let way = found[before as usize];
                let edge = if before == 0 { self.lists(0, number) } else { self.is_edge(before, number) };
                if edge && way.exists() && way.hops + 1 == hops {
                    parent = before;
                }
            }
            let via = if parent == 0 { number } else { found[parent as usize].via };
            found[number as usize] = Way { parent, via, hops };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    const NOW: Instant = Instant::START;

    fn id(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn graph(edges: &[(u8, u8)]) -> Graph {
        let mut graph = Graph::new(id(0), NOW);
        for n in 0..8 {
            let of = |(a, b): &(u8, u8)| if *a == n { Some(*b) } else { None };
            let links: Vec<NodeRef> = edges.iter().filter_map(of).map(|n| id(n).into()).collect();
            graph.set_member(id(n), true, NOW);
            graph.set_links(id(n), &links, NOW);
        }
        graph
    }

    fn both(edges: &[(u8, u8)]) -> Vec<(u8, u8)> {
        edges.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect()
    }

    #[test]
    fn a_node_is_reached_over_the_shortest_way() {
        let mut graph = graph(&both(&[(0, 1), (1, 2), (2, 3), (0, 4), (4, 3)]));
        graph.search(NOW);
        assert_eq!(graph.route(id(3)), Some(Route { via: id(4), hops: 2 }));
        assert_eq!(graph.route(id(2)), Some(Route { via: id(1), hops: 2 }));
        assert_eq!(graph.route(id(5)), None);
    }

    #[test]
    fn an_edge_that_only_one_end_publishes_is_none() {
        let mut graph = graph(&[(0, 1), (1, 2)]);
        graph.search(NOW);
        assert!(graph.is_reachable(id(1)), "an own link is known to be open");
        assert!(!graph.is_reachable(id(2)));
    }

    #[test]
    fn nobody_is_reached_over_a_node_that_is_no_member() {
        let mut graph = graph(&both(&[(0, 1), (1, 2)]));
        graph.search(NOW);
        assert!(graph.is_reachable(id(2)));
        graph.set_member(id(1), false, NOW);
        assert!(graph.is_dirty());
        graph.search(NOW);
        assert!(!graph.is_reachable(id(2)));
    }

    #[test]
    fn a_search_tells_what_has_changed() {
        let mut graph = graph(&both(&[(0, 1), (1, 2), (0, 3), (3, 2)]));
        assert_eq!(graph.search(NOW).len(), 3);
        let later = Instant::from_millis(5);
        graph.set_links(id(1), &[], later);
        assert!(graph.is_dirty());
        assert_eq!(graph.search(later), [Change::Rerouted(id(2))]);
        graph.set_links(id(0), &[], later);
        let changes = graph.search(later);
        assert!(changes.contains(&Change::Unreachable(id(2))));
        assert_eq!(graph.since(id(2)), Some(later));
    }

    #[test]
    fn a_way_that_still_is_a_shortest_one_stays() {
        let mut graph = graph(&both(&[(0, 2), (2, 3), (3, 4)]));
        graph.search(NOW);
        // Another way of the same length to 3, which a search would come to first; and a change that needs one.
        graph.set_links(id(1), &[id(0).into(), id(3).into()], NOW);
        graph.set_links(id(3), &[id(1).into(), id(2).into(), id(4).into()], NOW);
        graph.set_links(id(0), &[id(1).into(), id(2).into()], NOW);
        assert_eq!(graph.search(NOW), [Change::Reachable(id(1))]);
        assert_eq!(graph.route(id(4)), Some(Route { via: id(2), hops: 3 }));
    }

    #[test]
    fn what_makes_no_way_shorter_needs_no_search() {
        let mut graph = graph(&both(&[(0, 1), (0, 2), (1, 3)]));
        graph.search(NOW);
        for (a, b) in [(1, 2), (2, 1)] {
            graph.set_links(id(a), &[id(0).into(), id(b).into(), id(3).into()], NOW);
        }
        assert!(!graph.is_dirty());
        graph.set_links(id(2), &[id(0).into()], NOW);
        assert!(!graph.is_dirty(), "no way went over what is gone");
        graph.set_links(id(1), &[id(0).into()], NOW);
        assert!(graph.is_dirty());
    }

    #[test]
    fn others_lead_to_a_node_if_a_way_does_that_does_not_begin_with_the_link_to_it() {
        let mut graph = graph(&both(&[(0, 1), (1, 2), (0, 3), (3, 4), (4, 5), (5, 3)]));
        // Only one of the two says so.
        graph.set_links(id(6), &[id(0).into(), id(1).into()], NOW);
        graph.set_links(id(0), &[id(1).into(), id(3).into(), id(6).into()], NOW);
        graph.search(NOW);
        let led_to: Vec<u8> = (1..8).filter(|n| graph.others_lead_to(id(*n))).collect();
        assert_eq!(led_to, [2, 4, 5], "to 1, 3 and 6 only the own links lead, to 7 nothing");
        assert!(!graph.others_lead_to(NodeId([99; 32])), "nobody knows it");
    }

    #[test]
    fn a_way_is_as_long_as_a_parcel_may_travel_and_no_longer() {
        let far = limits::HOPS + 2;
        let mut graph = Graph::new(id(0), NOW);
        for n in 0..far {
            let links: Vec<NodeRef> =
                [n.wrapping_sub(1), n + 1].into_iter().filter(|n| *n < far).map(|n| id(n).into()).collect();
            graph.set_member(id(n), true, NOW);
            graph.set_links(id(n), &links, NOW);
        }
        graph.search(NOW);
        assert_eq!(graph.route(id(limits::HOPS)), Some(Route { via: id(1), hops: limits::HOPS }));
        assert!(!graph.is_reachable(id(limits::HOPS + 1)));
        assert_eq!(graph.route(id(0)), None, "no way leads from a node to itself");
    }

    #[test]
    fn a_way_over_the_same_neighbour_that_is_shorter_is_another_distance_and_nothing_else() {
        let mut graph = graph(&both(&[(0, 1), (1, 2), (2, 3)]));
        graph.search(NOW);
        let later = Instant::from_millis(5);
        graph.set_links(id(1), &[id(0).into(), id(2).into(), id(3).into()], later);
        graph.set_links(id(3), &[id(1).into(), id(2).into()], later);
        assert_eq!(graph.search(later), [Change::Distance(id(3))]);
        assert_eq!(graph.since(id(3)), Some(NOW), "it has been reachable all the time");
    }

    #[test]
    fn what_makes_no_edge_needs_no_search() {
        let mut graph = graph(&both(&[(0, 1)]));
        graph.search(NOW);
        graph.set_links(id(1), &[id(0).into(), id(2).into()], NOW);
        assert!(!graph.is_dirty());
    }

    proptest! {
        #[test]
        fn a_node_is_reachable_exactly_if_edges_of_both_ends_lead_there(
            edges in prop::collection::btree_set((0u8..8, 0u8..8), 0..30),
        ) {
            let list: Vec<(u8, u8)> = edges.iter().copied().collect();
            let mut graph = graph(&list);
            graph.search(NOW);
            let is_edge = |a: u8, b: u8| edges.contains(&(a, b)) && (a == 0 || edges.contains(&(b, a)));
            let mut reached = BTreeSet::from([0u8]);
            for _ in 0..8 {
                let more: Vec<u8> = reached.iter().flat_map(|a| (0..8).filter(|b| is_edge(*a, *b))).collect();
                reached.extend(more);
            }
            for n in 1..8 {
                prop_assert_eq!(graph.is_reachable(id(n)), reached.contains(&n));
            }
        }

        #[test]
        fn searches_only_when_needed_find_what_a_search_from_nothing_finds(
            steps in prop::collection::vec((0u8..8, prop::collection::btree_set(0u8..8, 0..5), any::<bool>()), 1..40),
        ) {
            let mut graph = graph(&[]);
            graph.search(NOW);
            let ways = |graph: &Graph| (0..8).map(|n| graph.route(id(n)).map(|route| route.hops)).collect::<Vec<_>>();
            for (n, links, member) in steps {
                let links: Vec<NodeRef> = links.into_iter().map(|other| id(other).into()).collect();
                graph.set_links(id(n), &links, NOW);
                if n % 3 == 1 {
                    graph.set_member(id(n), member, NOW);
                }
                if graph.is_dirty() {
                    graph.search(NOW);
                }
                let mut fresh = Graph { dirty: true, ..Graph::new(id(0), NOW) };
                for vertex in &graph.nodes {
                    let known = vertex.id.expect("all are known");
                    let links: Vec<NodeRef> = vertex.links.iter().filter_map(|n| Some(graph.nodes[*n as usize].id?.into())).collect();
                    fresh.set_member(known, vertex.member, NOW);
                    fresh.set_links(known, &links, NOW);
                }
                fresh.search(NOW);
                prop_assert_eq!(ways(&graph), ways(&fresh));
            }
        }
    }
}
