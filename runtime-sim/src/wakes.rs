//! When each machine wants to be woken, and who is next: a tournament, so that a change costs a few comparisons however many
//! machines there are.

use crate::agenda::Millis;
use crate::event::HostIndex;

/// Nobody.
const NEVER: Millis = Millis::MAX;

#[derive(Debug)]
pub(crate) struct Wakes {
    leaves: usize,
    /// The winner of each pair, root at 1, leaves from `leaves` on.
    tree: Vec<Millis>,
}

impl Wakes {
    pub(crate) fn new(hosts: usize) -> Self {
        let leaves = hosts.next_power_of_two().max(2);
        Wakes { leaves, tree: vec![NEVER; leaves * 2] }
    }

    pub(crate) fn set(&mut self, host: HostIndex, at: Option<Millis>) {
        let mut place = self.leaves + usize::from(host);
        let mut winner = at.unwrap_or(NEVER);
        while self.tree[place] != winner {
            self.tree[place] = winner;
            if place == 1 {
                return;
            }
            place /= 2;
            winner = self.tree[place * 2].min(self.tree[place * 2 + 1]);
        }
    }

    /// The earliest, and whose it is (of several the first machine's).
    pub(crate) fn next(&self) -> Option<(Millis, HostIndex)> {
        let earliest = self.tree[1];
        if earliest == NEVER {
            return None;
        }
        let mut place = 1;
        while place < self.leaves {
            place = place * 2 + usize::from(self.tree[place * 2] != earliest);
        }
        Some((earliest, (place - self.leaves) as HostIndex))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_earliest_is_found_whatever_changes(changes in prop::collection::vec((0u16..9, 0u64..20), 1..50)) {
            let mut wakes = Wakes::new(9);
            let mut list = [None; 9];
            for (host, at) in changes {
                let at = (at > 0).then_some(at);
                wakes.set(host, at);
                list[usize::from(host)] = at;
                let earliest = list.iter().zip(0..).filter_map(|(at, host)| Some(((*at)?, host))).min();
                prop_assert_eq!(wakes.next(), earliest);
            }
        }
    }
}
