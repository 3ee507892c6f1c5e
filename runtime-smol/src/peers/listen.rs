//! The listeners on this machine's addresses, for links only: opened when somebody is to be let in, moved when addresses change.

use super::network::{advertised, of_this_machine};
use super::{Peers, Reach};
use crate::door::{Socket, bind};
use async_channel::{Receiver, Sender};
use async_io::{Async, Timer};
use consort_core::Address;
use consort_core::limits::ADDRESSES;
use futures_lite::future;
use smol::{LocalExecutor, Task};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

/// The addresses of this machine are read anew this often.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Between two looks so much time only passes when the machine sleeps.
const ASLEEP: Duration = Duration::from_secs(15);
/// How long a listener rests when the system has no room for a connection.
const REST: Duration = Duration::from_millis(100);

/// Where this node may listen, and for what.
#[derive(Debug)]
pub struct Place {
    /// The port, the same everywhere.
    pub port: u16,
    /// What the dashboard is served on already.
    pub served: Vec<SocketAddr>,
    /// Whether listeners may be opened beside those.
    pub may_open: bool,
    /// Addresses that the user wants others to be told, before all others.
    pub wished: Vec<Address>,
    /// Where connections for links are handed in.
    pub entrance: Sender<Socket>,
}

/// Keeps listeners and addresses up to date, for ever.
pub(super) async fn keep(peers: &Peers, executor: &LocalExecutor<'_>, looks: &Receiver<Sender<()>>, place: Place) {
    let mut listeners = Listeners { place, open: BTreeMap::new(), failed: Vec::new() };
    let mut told = None;
    let mut asked: Option<Sender<()>> = None;
    let mut looked = SystemTime::now();
    loop {
        // The machine was asleep (only the wall clock counts that): whoever could not be reached before is tried again, as after a
        // change of addresses.
        if looked.elapsed().is_ok_and(|time| time > ASLEEP) {
            told = None;
        }
        looked = SystemTime::now();
        if asked.is_some() || has_members(peers).await {
            peers.open.store(true, Ordering::Relaxed);
        }
        let mut reach = listeners.look(peers.open.load(Ordering::Relaxed), executor);
        if let Some(names) = &peers.local_names {
            let own: Vec<SocketAddr> = reach.addresses.iter().filter_map(|address| address.0.parse().ok()).collect();
            // Last: it is good when the addresses are not any more.
            reach.addresses.extend(names.announce(&own).filter(|_| reach.addresses.len() < ADDRESSES));
        }
        if told.as_ref() != Some(&reach) {
            peers.handle.network(reach.addresses.clone());
            peers.reach.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&reach);
            told = Some(reach);
        }
        if let Some(done) = asked {
            let _ = done.try_send(());
        }
        let question = async { looks.recv().await.ok() };
        let time = async {
            Timer::after(LOOK_EVERY).await;
            None
        };
        asked = future::or(question, time).await;
    }
}

async fn has_members(peers: &Peers) -> bool {
    peers.handle.read(|view, _| view.nodes().any(|node| node.member && !node.own)).await == Some(true)
}

struct Listeners {
    place: Place,
    open: BTreeMap<IpAddr, (SocketAddr, Task<()>)>,
    /// Addresses that could not be listened on, said once each.
    failed: Vec<IpAddr>,
}

impl Listeners {
    /// Opens what is missing, closes what is gone; where this node can be met now.
    fn look(&mut self, open: bool, executor: &LocalExecutor<'_>) -> Reach {
        let own = of_this_machine();
        let served: Vec<SocketAddr> = own
            .iter()
            .filter(|ip| self.place.served.iter().any(|served| covers(*served, **ip)))
            .map(|ip| SocketAddr::new(*ip, self.place.port))
            .collect();
        let wanted = |ip: &IpAddr| !served.iter().any(|served| served.ip() == *ip);
        let wanted: Vec<IpAddr> =
            if open && self.place.may_open { own.iter().copied().filter(wanted).collect() } else { Vec::new() };
        self.open.retain(|ip, _| wanted.contains(ip));
        self.failed.retain(|ip| wanted.contains(ip));
        for ip in &wanted {
            self.listen(*ip, executor);
        }
        let reachable = |ip: &IpAddr| {
            let address = SocketAddr::new(*ip, self.place.port);
            (served.contains(&address) || self.open.contains_key(ip)).then_some(address)
        };
        let addresses = advertised(&self.place.wished, &own.iter().filter_map(reachable).collect::<Vec<_>>());
        Reach { addresses, listening: self.open.values().map(|(address, _)| *address).collect() }
    }

    fn listen(&mut self, ip: IpAddr, executor: &LocalExecutor<'_>) {
        if self.open.contains_key(&ip) || self.failed.contains(&ip) {
            return;
        }
        let address = SocketAddr::new(ip, self.place.port);
        match bind(address).and_then(Async::new) {
            Ok(listener) => {
                log::info!("links of other nodes are accepted on {address}");
                let task = executor.spawn(accept(listener, self.place.entrance.clone()));
                self.open.insert(ip, (address, task));
            }
            Err(error) => {
                log::warn!("links of other nodes are not accepted on {address}: {error}");
                self.failed.push(ip);
            }
        }
    }
}

/// Whether a listener on `served` also takes connections to `ip`.
fn covers(served: SocketAddr, ip: IpAddr) -> bool {
    served.ip() == ip || (served.ip().is_unspecified() && served.is_ipv4() == ip.is_ipv4())
}

async fn accept(listener: Async<TcpListener>, entrance: Sender<Socket>) {
    loop {
        let accepted = listener.accept().await.and_then(|(stream, _)| {
            stream.get_ref().set_nodelay(true)?;
            Ok(Socket::Tcp(stream))
        });
        match accepted {
            Ok(socket) => {
                if entrance.send(socket).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                log::debug!("a connection could not be accepted: {error}");
                Timer::after(REST).await;
            }
        }
    }
}
