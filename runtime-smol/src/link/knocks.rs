//! Who is knocking: connections that have not proven who they are. A bounded number, also of one address; when there are too many the
//! one that has been knocking the longest goes.

use async_channel::{Receiver, Sender};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

/// Handshakes under way, …
const KNOCKS: usize = 64;
/// … and those of one address.
const KNOCKS_OF_ONE: usize = 8;

/// Everybody who is knocking.
#[derive(Clone, Debug, Default)]
pub(crate) struct Knocks(Rc<RefCell<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// In the order of their coming; the sender is dropped when one has to go.
    all: BTreeMap<u64, (IpAddr, Sender<()>)>,
}

/// One who is knocking. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Knock {
    table: Knocks,
    id: u64,
    sent_away: Receiver<()>,
}

impl Knocks {
    /// Takes in one more.
    pub(crate) fn enter(&self, from: IpAddr) -> Knock {
        let from = neighbourhood(from);
        let mut table = self.0.borrow_mut();
        let of_one: Vec<u64> = table.all.iter().filter(|(_, (other, _))| *other == from).map(|(id, _)| *id).collect();
        if of_one.len() >= KNOCKS_OF_ONE {
            table.all.remove(&of_one[0]);
        } else if table.all.len() >= KNOCKS {
            table.all.pop_first();
        }
        let (stay, sent_away) = async_channel::bounded(1);
        let id = table.next;
        table.next += 1;
        table.all.insert(id, (from, stay));
        Knock { table: self.clone(), id, sent_away }
    }
}

impl Knock {
    /// Resolves when somebody else needs the room.
    pub(crate) async fn is_sent_away(&self) {
        // Nothing is ever sent: this ends when the sender in the table is dropped.
        let _ = self.sent_away.recv().await;
    }
}

impl Drop for Knock {
    fn drop(&mut self) {
        self.table.0.borrow_mut().all.remove(&self.id);
    }
}

/// What one stranger easily has many addresses of counts as one.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(mapped),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    fn gone(knock: &Knock) -> bool {
        block_on(poll_once(knock.is_sent_away())).is_some()
    }

    #[test]
    fn one_address_only_takes_room_from_itself() {
        let knocks = Knocks::default();
        let other = knocks.enter("10.0.0.1".parse().unwrap());
        let many: Vec<_> =
            (0..20u16).map(|n| knocks.enter(IpAddr::V6(Ipv6Addr::new(1, 2, 3, 4, n, 0, 0, 1)))).collect();
        assert!(!gone(&other));
        assert_eq!(many.iter().filter(|knock| !gone(knock)).count(), KNOCKS_OF_ONE);
        assert!(!gone(&many[19]) && gone(&many[0]));
    }

    #[test]
    fn a_full_house_sends_the_one_away_who_has_been_knocking_the_longest() {
        let knocks = Knocks::default();
        let many: Vec<_> = (0..100).map(|n| knocks.enter(IpAddr::from([10, 0, n, 1]))).collect();
        assert_eq!(many.iter().filter(|knock| !gone(knock)).count(), KNOCKS);
        drop(many);
        assert!(knocks.0.borrow().all.is_empty());
    }
}
