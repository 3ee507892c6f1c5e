//! Along which links a fact goes on: for every node that facts are about, a tree that all nodes read off the same graph.
//!
//! Node ids form a ring. The *parents* of a node are those [`PARENTS`] of its neighbours that are nearest to the subject, if they are
//! nearer than it is; the subject itself is nobody's parent. In a large mesh, whose links are those of Chord, every way up ends after a
//! few steps at the same *root*, the node next to the subject (greedy routing: Stoica et al., SIGCOMM 2001). A fact goes up from where it
//! came to the root and down to everybody, and comes to each in [`PARENTS`] copies, however many links there are. Where some links cannot
//! be, or are not told yet, ways up end at different roots: from tree to tree, facts are flooded.

use super::facts::NodeRef;
use super::graph::{Graph, Number};
use alloc::vec::Vec;

/// Copies of a fact that a node gets if all goes well: one may be lost with the node that was to pass it on.
const PARENTS: usize = 2;

/// How one fact goes on from whoever got it.
#[derive(Debug)]
pub(super) struct Way<'a> {
    tree: Tree<'a>,
    origin: Option<Number>,
    sender: Number,
}

impl<'a> Way<'a> {
    /// A fact about `subject`, that `origin` has told all its neighbours, and that came from `sender`.
    pub(super) fn new(graph: &'a Graph, subject: Number, origin: Option<Number>, sender: Number) -> Self {
        Way { tree: Tree::new(graph, subject), origin, sender }
    }

    /// Whether `from`, who got it from the sender, passes it on to one that it is linked to.
    pub(super) fn goes_on(&mut self, from: Number, to: Number) -> bool {
        let Way { tree, origin, sender } = self;
        let graph = tree.graph;
        if to == *sender || origin.is_some_and(|origin| to == origin || graph.is_edge(origin, to)) {
            return false;
        }
        if tree.parents(to).contains(&Some(from)) || from == tree.subject {
            return true;
        }
        let root = tree.root_of(from);
        if tree.root_of(to) != root {
            return !graph.is_edge(*sender, to);
        }
        // Who has it from above need not tell those above.
        let above = tree.parents(from);
        above.contains(&Some(to)) && !(above.contains(&Some(*sender)) && tree.root_of(*sender) == root)
    }
}

/// The tree of one subject, as far as it was looked at.
#[derive(Debug)]
struct Tree<'a> {
    graph: &'a Graph,
    subject: Number,
    name: NodeRef,
    /// By number: where the way up from a node ends.
    roots: Vec<Option<Number>>,
    path: Vec<Number>,
}

/// Those of a node, the nearest to the subject first.
type Parents = [Option<Number>; PARENTS];

impl<'a> Tree<'a> {
    fn new(graph: &'a Graph, subject: Number) -> Self {
        let name = graph.name(subject);
        Tree { graph, subject, name, roots: alloc::vec![None; graph.len()], path: Vec::new() }
    }

    /// How far a node is from the subject on the ring of ids.
    fn distance(&self, of: Number) -> u64 {
        let clockwise = self.graph.name(of).0.wrapping_sub(self.name.0);
        clockwise.min(clockwise.wrapping_neg())
    }

    /// The parents of a node; of the subject, who takes part in no tree of its own, the nearest neighbours.
    fn parents(&self, of: Number) -> Parents {
        let own = if of == self.subject { u64::MAX } else { self.distance(of) };
        let links = self.graph.listed_by(of);
        let above = links.partition_point(|other| self.graph.name(*other) < self.name);
        let count = links.len();
        let (mut up, mut down) = (above, above + count);
        let mut found = [None; PARENTS];
        let mut next = 0;
        // The nearest of those that are left is the next on one side or the other.
        for _ in 0..count {
            let (higher, lower) = (links[up % count], links[(down - 1) % count]);
            let (to_higher, to_lower) = (self.distance(higher), self.distance(lower));
            let (distance, other) = if to_higher <= to_lower { (to_higher, higher) } else { (to_lower, lower) };
            if distance >= own {
                break;
            }
            if to_higher <= to_lower {
                up += 1
            } else {
                down -= 1
            }
            if other != self.subject && self.graph.joins(of, other) {
                found[next] = Some(other);
                next += 1;
                if next == PARENTS {
                    break;
                }
            }
        }
        found
    }

    /// Where the way up from a node ends.
    fn root_of(&mut self, node: Number) -> Number {
        let mut at = node;
        let root = loop {
            if let Some(root) = self.roots[at as usize] {
                break root;
            }
            self.path.push(at);
            // A way up comes nearer with every step, so it has an end.
            let [Some(parent), ..] = self.parents(at) else { break at };
            at = parent;
        };
        for node in self.path.drain(..) {
            self.roots[node as usize] = Some(root);
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::super::targets;
    use super::*;
    use crate::id::NodeId;
    use crate::random::Random;
    use crate::time::Instant;
    use alloc::collections::{BTreeMap, BTreeSet};
    use proptest::prelude::*;

    const NOW: Instant = Instant::START;

    fn ids(seed: u64, count: usize) -> Vec<NodeId> {
        let mut random = Random::fork([seed as u8; 32], seed);
        let id = |_| {
            let mut id = [0; 32];
            id.chunks_mut(8).for_each(|part| part.copy_from_slice(&random.draw().to_be_bytes()));
            NodeId(id)
        };
        (0..count).map(id).collect()
    }

    /// All nodes, all members, with these links of both ends; as the first of them sees it, after a search.
    fn graph(ids: &[NodeId], edges: &BTreeSet<(usize, usize)>) -> Graph {
        let mut graph = Graph::new(ids[0], NOW);
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(graph.know(*id, NOW), Some(at as Number));
            graph.set_member(*id, true, NOW);
        }
        for (at, id) in ids.iter().enumerate() {
            let other = |(a, b): &(usize, usize)| (*a == at).then_some(*b).or((*b == at).then_some(*a));
            let links: Vec<NodeRef> = edges.iter().filter_map(other).map(|other| ids[other].into()).collect();
            graph.set_links(*id, &links, NOW);
        }
        graph.search(NOW);
        graph
    }

    /// What `origin` says about `subject` goes to everybody, in whatever order it arrives, but for those who are dead. Gives who got it,
    /// and how often.
    fn told(
        graph: &Graph,
        (subject, origin): (Number, Number),
        dead: Option<Number>,
        random: &mut Random,
    ) -> BTreeMap<Number, usize> {
        let to_all = graph.listed_by(origin).iter().map(|to| (origin, *to));
        let mut under_way: Vec<(Number, Number)> = to_all.collect();
        let mut got = BTreeMap::from([(origin, 1)]);
        while !under_way.is_empty() {
            let next = random.below(under_way.len() as u64) as usize;
            let (sender, at) = under_way.swap_remove(next);
            if Some(at) == dead {
                continue;
            }
            let copies = got.entry(at).or_default();
            *copies += 1;
            if *copies == 1 {
                let mut way = Way::new(graph, subject, Some(origin), sender);
                let neighbours = graph.listed_by(at).iter().copied();
                under_way.extend(neighbours.filter(|to| way.goes_on(at, *to)).map(|to| (at, to)));
            }
        }
        got
    }

    /// Edges as a large mesh has them.
    fn ring(ids: &[NodeId]) -> BTreeSet<(usize, usize)> {
        let places: BTreeMap<NodeId, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let members: Vec<(NodeId, bool)> = places.keys().map(|id| (*id, true)).collect();
        let edge = |a: usize, b: &NodeId| (a.min(places[b]), a.max(places[b]));
        let edges =
            places.iter().flat_map(|(id, at)| targets::targets(*id, &members).into_iter().map(|to| edge(*at, &to)));
        edges.collect()
    }

    #[test]
    fn parents_are_the_members_nearest_to_the_subject_to_whom_both_ends_say_to_be_linked() {
        let at = |n: u8| {
            let mut id = [0; 32];
            id[0] = n;
            NodeId(id)
        };
        // The subject, and others on both sides of it: 0xf0 is 16 away from 0, as 0x10 is.
        let ids: Vec<NodeId> = [0x00, 0x08, 0xf0, 0x18, 0x40, 0xf8].map(at).to_vec();
        let edges = (0..4).chain([5]).map(|n| (n, 4)).collect();
        let mut graph = graph(&ids, &edges);
        let parents = |graph: &Graph| Tree::new(graph, 0).parents(4);
        let both = parents(&graph);
        assert!(both.contains(&Some(1)) && both.contains(&Some(5)), "{both:?}");
        graph.set_member(ids[5], false, NOW);
        assert_eq!(parents(&graph), [Some(1), Some(2)]);
        graph.set_links(ids[1], &[], NOW);
        assert_eq!(parents(&graph), [Some(2), Some(3)]);
        assert_eq!(Tree::new(&graph, 0).parents(2), [None; PARENTS], "4 is farther away than 2");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]
        #[test]
        fn whatever_the_links_are_everybody_who_can_be_reached_gets_every_fact(
            seed: u64,
            count in 2usize..20,
            edges in prop::collection::btree_set((0usize..20, 0usize..20), 0..60),
            (subject, origin) in (0u32..20, 0u32..20),
        ) {
            let edges = edges.into_iter().filter(|(a, b)| a < b && *b < count).collect();
            let graph = graph(&ids(seed, count), &edges);
            // The first node looks on: what can be reached from it is what counts.
            let all: Vec<Number> = (0..count as Number).filter(|n| graph.ways_exist(*n)).collect();
            let origin = all[origin as usize % all.len()];
            for subject in [origin, all[subject as usize % all.len()]] {
                let got = told(&graph, (subject, origin), None, &mut Random::fork([7; 32], seed));
                let got: Vec<Number> = got.into_keys().collect();
                prop_assert_eq!(&got, &all);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1 + ProptestConfig::default().cases / 8, ..ProptestConfig::default() })]
        #[test]
        fn in_a_large_mesh_everybody_gets_a_fact_about_twice_and_still_once_if_any_one_node_is_dead(
            seed: u64,
            count in 65usize..400,
            (origin, dead) in (0u32..400, 0u32..400),
        ) {
            let ids = ids(seed, count);
            let graph = graph(&ids, &ring(&ids));
            let (origin, dead) = (origin % count as u32, dead % count as u32);
            let mut random = Random::fork([7; 32], seed);
            let got = told(&graph, (origin, origin), None, &mut random);
            prop_assert_eq!(got.len(), count);
            let copies: usize = got.values().sum();
            prop_assert!(copies * 10 <= count * (PARENTS * 10 + 2), "{} copies for {}", copies, count);
            if dead != origin {
                let got = told(&graph, (origin, origin), Some(dead), &mut random);
                prop_assert_eq!(got.len(), count - 1);
            }
        }
    }

    #[test]
    fn the_first_link_of_a_new_node_is_enough_for_all_to_hear_of_it() {
        let ids = ids(3, 300);
        let mut edges = ring(&ids[..299]);
        edges.insert((17, 299));
        let got = told(&graph(&ids, &edges), (299, 299), None, &mut Random::fork([7; 32], 0));
        assert_eq!(got.len(), 300);
        let copies: usize = got.values().sum();
        assert!(copies <= 2 * 300 + 30, "{copies} copies");
    }
}
