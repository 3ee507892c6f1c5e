//! Who can be reached, and over whom: read off the neighbours that nodes publish, never voted on.
//!
//! An edge exists when both ends publish it; an edge of this node, when its link is open. Nodes are numbered in the order in which they
//! become known, so that a search walks over small numbers. It is done anew only when an edge between two nodes came or went.

use super::facts::NodeRef;
use crate::id::NodeId;
use crate::limits;
use crate::time::Instant;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// A node's number in the graph.
pub(crate) type Number = u32;

const NOWHERE: Number = Number::MAX;

/// All nodes and their edges.
#[derive(Debug)]
pub(crate) struct Graph {
    numbers: BTreeMap<NodeRef, Number>,
    /// The first is this node.
    nodes: Vec<Vertex>,
    dirty: bool,
}

#[derive(Debug)]
struct Vertex {
    /// `None`: known only from others' lists of neighbours.
    id: Option<NodeId>,
    /// Whom it says to be linked to, ordered. Of this node: whom it is linked to.
    links: Vec<Number>,
    /// The neighbour of this node that leads there; [`NOWHERE`]: none does.
    via: Number,
    /// Links on the way.
    hops: u8,
    /// When it was last found to be reachable, or to be no longer.
    since: Instant,
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
        let mut graph = Graph { numbers: BTreeMap::new(), nodes: Vec::new(), dirty: false };
        graph.know(own, now);
        graph
    }

    /// Gives a node its number. `None`: there are too many, or another node has the same first 8 bytes.
    pub(crate) fn know(&mut self, id: NodeId, now: Instant) -> Option<Number> {
        let number = self.number(id.into(), now)?;
        let vertex = &mut self.nodes[number as usize];
        if vertex.id.is_none() {
            vertex.id = Some(id);
            vertex.since = now;
            self.dirty = true;
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
        self.nodes.push(Vertex { id: None, links: Vec::new(), via: NOWHERE, hops: 0, since: now });
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
        links.sort_unstable();
        links.dedup();
        let before = core::mem::take(&mut self.nodes[number as usize].links);
        // Only what both ends say is an edge; this node's word is enough for its own.
        let counts = |other: &Number| number == 0 || *other == 0 || self.lists(*other, number);
        let differs = |a: &[Number], b: &[Number]| a.iter().any(|n| b.binary_search(n).is_err() && counts(n));
        self.dirty |= differs(&before, &links) || differs(&links, &before);
        self.nodes[number as usize].links = links;
    }

    /// Whether a node says that it is linked to another.
    pub(crate) fn lists(&self, number: Number, other: Number) -> bool {
        self.nodes[number as usize].links.binary_search(&other).is_ok()
    }

    /// Those of whom `id` says that it is linked to them.
    pub(crate) fn links_of(&self, id: NodeId) -> impl Iterator<Item = (NodeId, Number)> {
        let links = self.find(id).map_or(&[][..], |vertex| &vertex.links);
        links.iter().filter_map(|number| Some((self.nodes[*number as usize].id?, *number)))
    }

    /// The number of a node that is known.
    pub(crate) fn number_of(&self, id: NodeId) -> Option<Number> {
        self.numbers.get(&id.into()).copied()
    }

    /// The way to a node, if there is one.
    pub(crate) fn route(&self, id: NodeId) -> Option<Route> {
        let vertex = self.find(id)?;
        let via = self.nodes.get(vertex.via as usize)?.id?;
        Some(Route { via, hops: vertex.hops })
    }

    pub(crate) fn is_reachable(&self, id: NodeId) -> bool {
        self.find(id).is_some_and(|vertex| vertex.via != NOWHERE)
    }

    /// Since when a node is reachable, or not.
    pub(crate) fn since(&self, id: NodeId) -> Option<Instant> {
        self.find(id).map(|vertex| vertex.since)
    }

    /// Who is a member has changed.
    pub(crate) fn touch(&mut self) {
        self.dirty = true;
    }

    /// Whether a search would find something else than the last one.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Searches breadth-first from here. Gives what is different.
    pub(crate) fn search(&mut self, now: Instant, is_member: impl Fn(NodeId) -> bool) -> Vec<Change> {
        self.dirty = false;
        let found = self.ways(is_member);
        let mut changes = Vec::new();
        for (vertex, (via, hops)) in self.nodes.iter_mut().zip(found).skip(1) {
            let before = (vertex.via, vertex.hops);
            (vertex.via, vertex.hops) = (via, hops);
            let Some(id) = vertex.id.filter(|_| before != (via, hops)) else { continue };
            changes.push(match (before.0, via) {
                (NOWHERE, _) => Change::Reachable(id),
                (_, NOWHERE) => Change::Unreachable(id),
                (before, now) if before != now => Change::Rerouted(id),
                _ => Change::Distance(id),
            });
            if before.0 == NOWHERE || via == NOWHERE {
                vertex.since = now;
            }
        }
        changes
    }

    /// The next node on the way to each, and the length of the way.
    fn ways(&self, is_member: impl Fn(NodeId) -> bool) -> Vec<(Number, u8)> {
        let mut found = alloc::vec![(NOWHERE, 0u8); self.nodes.len()];
        let mut edge: VecDeque<Number> = VecDeque::from([0]);
        while let Some(at) = edge.pop_front() {
            let (via, hops) = found[at as usize];
            if hops >= limits::HOPS {
                continue;
            }
            for next in &self.nodes[at as usize].links {
                let fresh = *next != 0 && found[*next as usize].0 == NOWHERE;
                let both = || at == 0 || self.lists(*next, at);
                if fresh && both() && self.nodes[*next as usize].id.is_some_and(&is_member) {
                    found[*next as usize] = (if at == 0 { *next } else { via }, hops + 1);
                    edge.push_back(*next);
                }
            }
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
        graph.search(NOW, |_| true);
        assert_eq!(graph.route(id(3)), Some(Route { via: id(4), hops: 2 }));
        assert_eq!(graph.route(id(2)), Some(Route { via: id(1), hops: 2 }));
        assert_eq!(graph.route(id(5)), None);
    }

    #[test]
    fn an_edge_that_only_one_end_publishes_is_none() {
        let mut graph = graph(&[(0, 1), (1, 2)]);
        graph.search(NOW, |_| true);
        assert!(graph.is_reachable(id(1)), "an own link is known to be open");
        assert!(!graph.is_reachable(id(2)));
    }

    #[test]
    fn nobody_is_reached_over_a_node_that_is_no_member() {
        let mut graph = graph(&both(&[(0, 1), (1, 2)]));
        graph.search(NOW, |node| node != id(1));
        assert!(!graph.is_reachable(id(2)));
    }

    #[test]
    fn a_search_tells_what_has_changed() {
        let mut graph = graph(&both(&[(0, 1), (1, 2), (0, 3), (3, 2)]));
        assert_eq!(graph.search(NOW, |_| true).len(), 3);
        let later = Instant::from_millis(5);
        graph.set_links(id(1), &[], later);
        assert!(graph.is_dirty());
        assert_eq!(graph.search(later, |_| true), [Change::Rerouted(id(2))]);
        graph.set_links(id(0), &[], later);
        let changes = graph.search(later, |_| true);
        assert!(changes.contains(&Change::Unreachable(id(2))));
        assert_eq!(graph.since(id(2)), Some(later));
    }

    #[test]
    fn what_makes_no_edge_needs_no_search() {
        let mut graph = graph(&both(&[(0, 1)]));
        graph.search(NOW, |_| true);
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
            graph.search(NOW, |_| true);
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
    }
}
