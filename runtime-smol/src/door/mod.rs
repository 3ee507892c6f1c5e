//! The front door: one TCP port and the control socket, for HTTP and WebSockets, open to everybody who can connect and harmed by
//! nobody who does.
//!
//! The door itself is asynchronous and lives on the driver's thread. It reads and judges each request ([`head`], the API's
//! [`admit`](consort_web::Api::admit)); whole requests that were let in go to a few threads of tiny_http ([`workers`]), whole
//! answers come back, so that a client that reads or writes slowly costs a seat in a bounded table ([`crowd`]) and never a
//! thread. A request for a WebSocket becomes one here and is given to the handler.
//!
//! ```text
//! client ── listen ── connection ─┬─ head, Api::admit ── exchange ── workers (threads): Api::answer
//!                        │        ├─ Api::admit_socket ── upgrade ── the handler of browsers
//!                        │        └─ /link ────────────── upgrade ── the handler of nodes
//!                      crowd
//! ```

mod connection;
mod crowd;
mod exchange;
pub mod head;
mod listen;
mod names;
mod pages;
mod socket;
mod upgrade;
mod workers;

pub(crate) use listen::bind;
pub use listen::{DEFAULT_PORT, ListenError, Where};
pub use names::names;
pub use socket::Socket;

use crate::link::NodeSocket;
use async_channel::Receiver;

use async_io::{Async, Timer};
use async_tungstenite::WebSocketStream;
use consort_core::limits::{LINKS, VIEWERS};
use consort_web::auth::Access;
use consort_web::{Api, Clock, Via};
use crowd::Crowd;
use exchange::Exchange;
use futures_lite::future::{or, pending};
use pages::Pages;
use rustix::process::{Resource, getrlimit};
use smol::LocalExecutor;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use workers::Workers;

/// Connections that are not WebSockets, if the process may have enough descriptors.
const CONNECTIONS: usize = 1_024;

/// How long the listeners rest after the system had no room for another connection.
const REST: Duration = Duration::from_millis(100);

/// How long they wait for a connection that makes room to be really closed.
const MOMENT: Duration = Duration::from_millis(2);

/// How long answers that are on their way may take when the door closes.
const FAREWELL: Duration = Duration::from_secs(2);

/// A WebSocket that was let in, and who it is.
pub type BrowserSocket = WebSocketStream<Socket>;

/// Who is behind a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Where it came in.
    pub via: Via,
    /// What let it in.
    pub access: Access,
    /// Its address, for the audit log; none on the control socket.
    pub peer: Option<SocketAddr>,
}

/// Serves one WebSocket; dropped when the door closes.
pub type OnSocket = Rc<dyn Fn(BrowserSocket, Visitor) -> Pin<Box<dyn Future<Output = ()>>>>;

/// Serves one WebSocket of another node, which has not said who it is; dropped when the door closes.
pub type OnLink = Rc<dyn Fn(NodeSocket) -> Pin<Box<dyn Future<Output = ()>>>>;

/// Who serves what comes in.
#[allow(missing_debug_implementations, reason = "handlers are functions")]
pub struct Handlers {
    /// Browsers.
    pub on_socket: OnSocket,
    /// Other nodes.
    pub on_link: OnLink,
    /// Connections that came in elsewhere, for links only.
    pub links: Receiver<Socket>,
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entrance {
    /// Everything.
    Front(Via),
    /// Links of other nodes, and nothing else.
    Links,
}

impl Entrance {
    fn via(self) -> Via {
        match self {
            Entrance::Front(via) => via,
            Entrance::Links => Via::Tcp,
        }
    }
}

/// The listeners, bound and not yet answering: the port is known from here on.
#[derive(Debug)]
pub struct Door {
    tcp: Vec<Async<TcpListener>>,
    port: u16,
    control: Control,
    private: PathBuf,
    apart: Option<PathBuf>,
}

/// The control socket, removed with the door.
#[derive(Debug)]
struct Control {
    listener: Async<UnixListener>,
    path: PathBuf,
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(error) = listen::remove_if_there(&self.path) {
            log::warn!("{} is left behind: {error}", self.path.display());
        }
    }
}

/// What all connections share.
struct House {
    api: Arc<Api>,
    clock: workers::ReadClock,
    exchange: Exchange,
    on_socket: OnSocket,
    on_link: OnLink,
}

impl Door {
    /// Binds the port and the control socket.
    ///
    /// # Errors
    /// What is in the way, and what to do about it.
    pub fn open(place: &Where) -> Result<Self, ListenError> {
        let (tcp, port) = listen::tcp(place)?;
        let control = Control { listener: listen::control(place)?, path: place.control.clone() };
        Ok(Door { tcp, port, control, private: place.private.clone(), apart: place.apart.clone() })
    }

    /// The port: the chosen one if 0 was asked for.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The addresses that the door listens on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().filter_map(|listener| listener.get_ref().local_addr().ok()).collect()
    }

    /// Serves until `stop` resolves: then no connection is accepted any more, answers that are on their way get two seconds, and
    /// everything is closed. Dropping the future closes everything at once.
    ///
    /// `clock` is asked once or twice for each request, from several threads. `ready` is called when everything is up: whoever connects
    /// from then on is answered.
    ///
    /// # Errors
    /// The HTTP threads cannot be started.
    pub async fn serve(
        self,
        api: Arc<Api>,
        clock: Arc<dyn Fn() -> Clock + Send + Sync>,
        handlers: Handlers,
        ready: impl FnOnce(),
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Door { tcp, control: own, private, apart, .. } = self;
        let control_path = own.path.clone();
        let workers = Workers::start(&private, &api, &clock)?;
        let Handlers { on_socket, on_link, links } = handlers;
        let executor = Rc::new(LocalExecutor::new());
        let pages = Pages::new(workers)?;
        let exchange = Exchange::new(Arc::clone(&api), Arc::clone(&clock), pages, Rc::downgrade(&executor));
        let house = Rc::new(House { api, clock, exchange, on_socket, on_link });
        let crowd = Crowd::new(room(), VIEWERS + LINKS);
        let hall = Hall { executor: Rc::downgrade(&executor), crowd, house };
        // Each a task of its own: what happens on one connection does not make the others look whether somebody knocks.
        let control = executor.spawn(hall.clone().accept(Entrance::Front(Via::ControlSocket), async move || {
            own.listener.accept().await.map(|(stream, _)| Socket::Unix(stream))
        }));
        // Without anybody who hands connections in, none will ever come.
        let elsewhere = executor.spawn(hall.clone().accept(Entrance::Links, async move || match links.recv().await {
            Ok(socket) => Ok(socket),
            Err(_) => pending().await,
        }));
        let mut accepting = vec![control, elsewhere];
        for listener in tcp {
            accepting.push(executor.spawn(hall.clone().accept(Entrance::Front(Via::Tcp), async move || {
                let (stream, _) = listener.accept().await?;
                // A key echo is one small packet: it must not wait for another one.
                stream.get_ref().set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            })));
        }
        ready();
        executor.run(stop).await;
        drop(accepting);
        hall.crowd.dismiss_idle();
        executor.run(or(hall.farewell(), pause(FAREWELL))).await;
        if let Some(folder) = apart {
            listen::remove_apart(&folder, &private, &control_path);
        }
        Ok(())
    }
}

/// Where connections are taken in.
#[derive(Clone)]
struct Hall {
    /// Weak: the tasks in it hold the hall.
    executor: Weak<LocalExecutor<'static>>,
    crowd: Rc<Crowd>,
    house: Rc<House>,
}

impl Hall {
    /// Takes in connections for ever.
    async fn accept(self, entrance: Entrance, next: impl AsyncFn() -> io::Result<Socket>) {
        loop {
            match next().await {
                Ok(socket) => {
                    // No seat: everybody in the house is being served. The client sees a closed connection.
                    let Some(place) = self.crowd.enter() else { continue };
                    let Some(executor) = self.executor.upgrade() else { return };
                    executor.spawn(connection::serve(socket, entrance, place, Rc::clone(&self.house))).detach();
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of descriptors or memory: somebody has to go, and a moment has to pass.
                    let freed = self.crowd.evict();
                    log::warn!("a connection could not be accepted ({error}); another one was closed: {freed}");
                    pause(if freed { MOMENT } else { REST }).await;
                }
            }
        }
    }

    /// Waits until nobody is served any more.
    async fn farewell(self) {
        while self.crowd.is_busy() {
            pause(Duration::from_millis(10)).await;
        }
    }
}

async fn pause(length: Duration) {
    Timer::after(length).await;
}

/// How many connections there is room for: WebSockets, terminals and files need descriptors too.
fn room() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
    descriptors.map_or(CONNECTIONS, |limit| CONNECTIONS.min(limit / 2))
}
