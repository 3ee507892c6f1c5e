//! Which members a node links to: all of a small mesh; of a larger one a few, so that everybody is near and nobody has many links.
//!
//! The ids form a ring. A node links to its two neighbours on each side and to the successors of id + 2ᵏ, as in Chord (Stoica et al.,
//! SIGCOMM 2001): about log₂ N links of its own, and a way of at most about log₂ N / 2 links to everybody.

use crate::id::NodeId;
use crate::limits;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Ring neighbours on each side.
const BESIDE: usize = 2;

/// Whom `own` links to, of `members` (ordered, with `own` among them), with those believed reachable marked.
pub(crate) fn targets(own: NodeId, members: &[(NodeId, bool)]) -> BTreeSet<NodeId> {
    if members.len() <= limits::FULL_MESH {
        return members.iter().map(|(id, _)| *id).filter(|id| *id != own).collect();
    }
    let reachable: Vec<NodeId> =
        members.iter().filter(|(id, reachable)| *reachable || *id == own).map(|(id, _)| *id).collect();
    let mut targets = ring(own, &reachable);
    // When the mesh is split, the true neighbours are dialled too, so that the parts find each other again.
    let all: Vec<NodeId> = members.iter().map(|(id, _)| *id).collect();
    targets.extend(beside(own, &all, 1));
    targets.remove(&own);
    targets
}

/// The part of [`targets`] that another node would choose, too, among the same nodes.
pub(crate) fn ring(own: NodeId, nodes: &[NodeId]) -> BTreeSet<NodeId> {
    let mut targets: BTreeSet<NodeId> = beside(own, nodes, BESIDE).collect();
    let Some(next) = nodes.get(after(own, nodes)) else { return targets };
    for bit in (0..256).rev() {
        let successor = nodes[at_or_after(plus_power(own, bit), nodes)];
        targets.insert(successor);
        if successor == *next {
            // All nearer ones are this one too.
            break;
        }
    }
    targets.remove(&own);
    targets
}

/// The nearest on both sides of the ring.
fn beside(own: NodeId, nodes: &[NodeId], count: usize) -> impl Iterator<Item = NodeId> {
    let (size, next) = (nodes.len(), after(own, nodes));
    let present = usize::from(nodes.binary_search(&own).is_ok());
    let count = count.min(size);
    let above = (0..count).map(move |n| (next + n) % size.max(1));
    let below = (1..=count).map(move |n| (next + 2 * size - n - present) % size.max(1));
    above.chain(below).map(|at| nodes[at])
}

/// Where the next one after `id` is.
fn after(id: NodeId, nodes: &[NodeId]) -> usize {
    let at = nodes.partition_point(|node| *node <= id);
    if at == nodes.len() { 0 } else { at }
}

fn at_or_after(id: NodeId, nodes: &[NodeId]) -> usize {
    let at = nodes.partition_point(|node| *node < id);
    if at == nodes.len() { 0 } else { at }
}

/// id + 2ᵏ on the ring of 2²⁵⁶.
fn plus_power(id: NodeId, bit: usize) -> NodeId {
    let mut sum = id.0;
    let mut carry = 1u16 << (bit % 8);
    for byte in sum[..32 - bit / 8].iter_mut().rev() {
        carry += u16::from(*byte);
        *byte = carry as u8;
        carry >>= 8;
    }
    NodeId(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    fn members(seed: u8, count: usize) -> Vec<(NodeId, bool)> {
        let mut random = Random::fork([seed; 32], 0);
        let id = |random: &mut Random| {
            let mut id = [0; 32];
            id.chunks_mut(8).for_each(|part| part.copy_from_slice(&random.draw().to_be_bytes()));
            NodeId(id)
        };
        let ids: BTreeSet<NodeId> = (0..count).map(|_| id(&mut random)).collect();
        ids.into_iter().map(|id| (id, true)).collect()
    }

    fn links(members: &[(NodeId, bool)]) -> BTreeMap<NodeId, BTreeSet<NodeId>> {
        let mut links: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for (id, _) in members {
            for target in targets(*id, members) {
                links.entry(*id).or_default().insert(target);
                links.entry(target).or_default().insert(*id);
            }
        }
        links
    }

    fn farthest(from: NodeId, links: &BTreeMap<NodeId, BTreeSet<NodeId>>) -> (usize, usize) {
        let (mut seen, mut edge, mut hops) = (BTreeSet::from([from]), alloc::vec![from], 0);
        loop {
            let next: BTreeSet<NodeId> =
                edge.iter().flat_map(|id| &links[id]).filter(|id| !seen.contains(*id)).copied().collect();
            if next.is_empty() {
                return (seen.len(), hops);
            }
            hops += 1;
            seen.extend(&next);
            edge = next.into_iter().collect();
        }
    }

    #[test]
    fn up_to_the_bound_every_node_links_to_every_other() {
        let all = members(1, limits::FULL_MESH);
        for (id, _) in &all {
            assert_eq!(targets(*id, &all).len(), limits::FULL_MESH - 1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn in_a_large_mesh_everybody_is_near_and_nobody_has_many_links(seed: u8, count in 65usize..700) {
            let all = members(seed, count);
            let links = links(&all);
            for (id, neighbours) in &links {
                prop_assert!(neighbours.len() <= limits::LINKS / 2, "{} links", neighbours.len());
                prop_assert!(targets(*id, &all).len() <= 4 + 16);
            }
            let (reached, hops) = farthest(all[0].0, &links);
            prop_assert_eq!(reached, all.len());
            prop_assert!(hops <= 8, "{} hops", hops);
        }

        #[test]
        fn the_sum_with_a_power_of_two_is_right(low: u64, bit in 0usize..64) {
            let mut id = [0; 32];
            id[24..].copy_from_slice(&low.to_be_bytes());
            id[23] = 7;
            let sum = plus_power(NodeId(id), bit).0;
            let expected = (7u128 << 64) + u128::from(low) + (1u128 << bit);
            prop_assert_eq!(u128::from_be_bytes(sum[16..].try_into().expect("16 bytes")), expected);
        }
    }

    #[test]
    fn a_split_mesh_dials_its_true_neighbours() {
        let mut all = members(3, 200);
        for (at, member) in all.iter_mut().enumerate() {
            member.1 = at % 2 == 0;
        }
        let (own, next) = (all[10].0, all[11].0);
        assert!(targets(own, &all).contains(&next));
    }
}
