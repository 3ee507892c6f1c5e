//! Invites that are open: for one node each, for ten minutes, for a few tries. Kept in memory only, and only what the secret hashes to.

use crate::link::greet::Ticket;
use crate::link::noise::SharedSecret;
use consort_core::{NodeId, Rights};
use std::time::{Duration, Instant};

/// How long an invite is good for.
pub(crate) const INVITE_TIME: Duration = Duration::from_secs(600);
/// Invites that are open at a time; a new one takes the place of the oldest.
const OPEN: usize = 8;
/// Tries that an invite bears, the right one included.
const TRIES: u32 = 5;

/// The open invites.
#[derive(Debug, Default)]
pub(crate) struct Invites {
    open: Vec<Invite>,
}

#[derive(Debug)]
struct Invite {
    ticket: Ticket,
    rights: Rights,
    until: Instant,
    tries: u32,
    /// Who has used it. The same node may come again, in case its answer got lost.
    used_by: Option<NodeId>,
}

impl Invites {
    /// Opens an invite.
    pub(crate) fn open(&mut self, ticket: Ticket, rights: Rights, now: Instant) {
        self.expire(now);
        if self.open.len() == OPEN {
            self.open.remove(0);
        }
        self.open.push(Invite { ticket, rights, until: now + INVITE_TIME, tries: TRIES, used_by: None });
    }

    /// The secret of an invite. Asking for it is a try.
    pub(crate) fn secret(&mut self, number: [u8; 4], now: Instant) -> Option<SharedSecret> {
        self.expire(now);
        let invite = self.open.iter_mut().find(|invite| invite.ticket.number == number)?;
        // The last one who may try can still be the right one: the invite stays in the table.
        invite.tries = invite.tries.checked_sub(1)?;
        Some(invite.ticket.secret)
    }

    /// Uses an invite for a node that has proven to know its secret: what the node may do. `None`: somebody else was faster.
    pub(crate) fn redeem(&mut self, number: [u8; 4], node: NodeId, now: Instant) -> Option<Rights> {
        self.expire(now);
        let invite = self.open.iter_mut().find(|invite| invite.ticket.number == number)?;
        let free = invite.used_by.is_none_or(|by| by == node);
        free.then(|| {
            invite.used_by = Some(node);
            invite.rights
        })
    }

    /// Those that were used, with who used them.
    pub(crate) fn used(&mut self, now: Instant) -> Vec<([u8; 4], NodeId)> {
        self.expire(now);
        self.open.iter().filter_map(|invite| Some((invite.ticket.number, invite.used_by?))).collect()
    }

    /// How many could still be used.
    pub(crate) fn count(&mut self, now: Instant) -> usize {
        self.expire(now);
        self.open.iter().filter(|invite| invite.used_by.is_none() && invite.tries > 0).count()
    }

    fn expire(&mut self, now: Instant) {
        self.open.retain(|invite| now < invite.until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Ticket = Ticket { number: [1; 4], secret: [1; 32] };

    fn opened(now: Instant) -> Invites {
        let mut invites = Invites::default();
        invites.open(ONE, Rights::View, now);
        invites
    }

    #[test]
    fn an_invite_is_for_one_node_which_may_come_again() {
        let now = Instant::now();
        let mut invites = opened(now);
        assert_eq!(invites.secret([1; 4], now), Some([1; 32]));
        assert_eq!(invites.redeem([1; 4], NodeId([5; 32]), now), Some(Rights::View));
        assert_eq!(invites.redeem([1; 4], NodeId([6; 32]), now), None, "it is used");
        assert_eq!(invites.redeem([1; 4], NodeId([5; 32]), now), Some(Rights::View));
        assert_eq!(invites.count(now), 0);
        assert_eq!(invites.used(now), [([1; 4], NodeId([5; 32]))]);
        assert_eq!(invites.used(now + INVITE_TIME), []);
    }

    #[test]
    fn an_invite_ends_after_ten_minutes() {
        let now = Instant::now();
        let mut invites = opened(now);
        assert_eq!(invites.count(now + INVITE_TIME - Duration::from_secs(1)), 1);
        assert_eq!(invites.secret([1; 4], now + INVITE_TIME), None);
    }

    #[test]
    fn wrong_guesses_use_it_up() {
        let now = Instant::now();
        let mut invites = opened(now);
        for _ in 0..TRIES {
            assert!(invites.secret([1; 4], now).is_some());
        }
        assert_eq!(invites.secret([1; 4], now), None);
        assert_eq!(invites.secret([2; 4], now), None, "a number that was never given");
    }

    #[test]
    fn a_new_invite_takes_the_place_of_the_oldest() {
        let now = Instant::now();
        let mut invites = opened(now);
        for number in 2..2 + OPEN as u8 {
            invites.open(Ticket { number: [number; 4], secret: [number; 32] }, Rights::Operate, now);
        }
        assert_eq!(invites.secret([1; 4], now), None);
        assert_eq!(invites.count(now), OPEN);
    }
}
