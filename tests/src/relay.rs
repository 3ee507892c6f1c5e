//! A TCP relay in front of a node that is slow, uneven, stuck, or forgetful, as networks are: works wherever the tests do.

use crate::dice::Dice;
use rustix::net::sockopt::set_socket_linger;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What one read takes at most.
const CHUNK_BYTES: usize = 16 << 10;
/// Chunks on the way in one direction of one connection: more than that wait at their sender.
const ON_THE_WAY: usize = 256;

/// What is kept of a caller's words.
const SAID_BYTES: usize = 64 << 10;

/// The relay. It ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct FaultRelay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    rules: Mutex<Rules>,
    /// The rules are others now.
    changed: Condvar,
    connections: Mutex<Vec<Arc<Connection>>>,
    /// The first words of each caller.
    said: Mutex<Vec<Vec<u8>>>,
}

#[derive(Debug, Default)]
struct Rules {
    delay: Duration,
    jitter: Duration,
    stalled: bool,
    refusing: bool,
    ended: bool,
}

#[derive(Debug)]
struct Connection {
    caller: TcpStream,
    called: TcpStream,
    /// The called end is gone, and the caller is not told.
    half_open: AtomicBool,
}

impl FaultRelay {
    /// In front of a port of this machine. At first it does nothing to what it carries.
    ///
    /// # Panics
    /// If there is no port for it.
    #[must_use]
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a port");
        let shared = Arc::new(Shared::default());
        let relay = FaultRelay { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || accept(&listener, port, &shared));
        relay
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Everything takes this long in each direction, by up to `jitter` more or less, and stays in order.
    pub fn delay(&self, delay: Duration, jitter: Duration) {
        self.change(|rules| (rules.delay, rules.jitter) = (delay, jitter));
    }

    /// Nothing goes on, in either direction, until [`go_on`](Self::go_on). Connections stay.
    pub fn stall(&self) {
        self.change(|rules| rules.stalled = true);
    }

    /// What waited goes on, and new connections are let through.
    pub fn go_on(&self) {
        self.change(|rules| (rules.stalled, rules.refusing) = (false, false));
    }

    /// Breaks all connections at both ends and lets no new ones through until [`go_on`](Self::go_on).
    pub fn refuse(&self) {
        self.change(|rules| rules.refusing = true);
        for connection in self.take_connections() {
            connection.reset();
        }
    }

    /// The node behind it loses all connections; whoever called does not hear of it. New connections are let through.
    pub fn half_open(&self) {
        for connection in self.take_connections() {
            connection.half_open.store(true, Ordering::SeqCst);
            let _ = connection.called.shutdown(Shutdown::Both);
        }
    }

    /// What each caller has said so far, up to a bound.
    #[must_use]
    pub fn said(&self) -> Vec<Vec<u8>> {
        self.shared.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.rules());
        self.shared.changed.notify_all();
    }

    fn take_connections(&self) -> Vec<Arc<Connection>> {
        std::mem::take(&mut *self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for FaultRelay {
    fn drop(&mut self) {
        self.change(|rules| rules.ended = true);
        for connection in self.take_connections() {
            connection.reset();
        }
        // The thread that waits for connections looks at the rules.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn reset(&self) {
        for end in [&self.caller, &self.called] {
            let _ = set_socket_linger(end, Some(Duration::ZERO));
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, port: u16, shared: &Arc<Shared>) {
    for caller in listener.incoming() {
        if shared.rules().ended {
            return;
        }
        let Ok(caller) = caller else { continue };
        if shared.rules().refusing {
            let _ = set_socket_linger(&caller, Some(Duration::ZERO));
            continue;
        }
        // Without anybody behind it, the caller is told by the end of its connection.
        let Ok(called) = TcpStream::connect(("127.0.0.1", port)) else { continue };
        let _ = (caller.set_nodelay(true), called.set_nodelay(true));
        let connection = Arc::new(Connection { caller, called, half_open: AtomicBool::new(false) });
        shared.connections.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&connection));
        let caller = {
            let mut said = shared.said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push(Vec::new());
            said.len() - 1
        };
        for (to_called, caller) in [(true, Some(caller)), (false, None)] {
            let (sender, receiver) = sync_channel(ON_THE_WAY);
            let (reading, writing) = (Arc::clone(&connection), Arc::clone(&connection));
            let (rules, waits) = (Arc::clone(shared), Arc::clone(shared));
            std::thread::spawn(move || read(&reading, caller, &rules, &sender));
            std::thread::spawn(move || write(&writing, to_called, &waits, &receiver));
        }
    }
}

/// Takes what one end says (the caller of this number, or the called one) and puts it on the way.
fn read(connection: &Connection, caller: Option<usize>, shared: &Shared, way: &SyncSender<(Instant, Vec<u8>)>) {
    let mut from = if caller.is_some() { &connection.caller } else { &connection.called };
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut due = Instant::now();
    let mut dice = Dice::new(caller.map_or(0, |caller| caller as u64 + 1));
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(caller) = caller {
            let mut said = shared.said.lock().unwrap_or_else(PoisonError::into_inner);
            let said = &mut said[caller];
            said.extend(buffer[..count].iter().take(SAID_BYTES.saturating_sub(said.len())));
        }
        let delay = {
            let rules = shared.rules();
            rules.delay.saturating_sub(rules.jitter) + (rules.jitter * 2).mul_f64(dice.share())
        };
        // Nothing overtakes.
        due = due.max(Instant::now() + delay);
        if way.send((due, buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}

/// Gives the other end what is due.
fn write(connection: &Connection, to_called: bool, shared: &Shared, way: &Receiver<(Instant, Vec<u8>)>) {
    let mut to = if to_called { &connection.called } else { &connection.caller };
    while let Ok((due, bytes)) = way.recv() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let rules = shared.rules();
        let rules = shared.changed.wait_while(rules, |rules| rules.stalled && !rules.ended);
        drop(rules.unwrap_or_else(PoisonError::into_inner));
        let written = to.write_all(&bytes);
        // One that hears nothing of the end goes on talking to nobody.
        if written.is_err() && !connection.half_open.load(Ordering::SeqCst) {
            break;
        }
    }
    if !connection.half_open.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}
