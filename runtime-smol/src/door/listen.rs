//! Opens the port and the control socket, and says clearly why that is not possible.

use async_io::Async;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The port that a node listens on unless it is told otherwise.
pub const DEFAULT_PORT: u16 = 23_000;

/// Connections that the system keeps for us until we accept them.
const BACKLOG: i32 = 1_024;

/// Tries to find one free port for all addresses.
const PORT_TRIES: usize = 32;

/// Where the door is.
#[derive(Clone, Debug)]
pub struct Where {
    /// The addresses to listen on. Empty: both loopback addresses, as far as this machine has them.
    pub addresses: Vec<IpAddr>,
    /// The port, on every address the same. 0 takes a free one.
    pub port: u16,
    /// Path of the control socket; its folder must exist.
    pub control: PathBuf,
    /// A folder for private sockets. Made if it is not there; must belong to this user and be closed to all others.
    pub private: PathBuf,
    /// The folder of both, made first in the same way, where that is not the state directory.
    pub apart: Option<PathBuf>,
}

/// Why the door cannot be opened; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another node of Consort has the port.
    #[error(
        "port {port} is taken by another consort (version {version}, node {node}, running for {uptime_s} s): \
         `consort open` shows its dashboard; for a second node choose another port with --listen and another --state-dir"
    )]
    OtherConsort {
        /// The port.
        port: u16,
        /// Version of the other one.
        version: String,
        /// Its short id.
        node: String,
        /// Seconds since its start.
        uptime_s: u64,
    },
    /// Another program has the port.
    #[error("port {0} is taken by another program: stop that one, or choose another port with --listen")]
    Taken(u16),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Address(SocketAddr, #[source] io::Error),
    /// This machine has no loopback address.
    #[error("this machine has neither 127.0.0.1 nor ::1: bring its loopback interface up")]
    NoLoopback,
    /// Another node uses the same state directory.
    #[error("another consort answers on {}: stop it first, or give this one another state directory", .0.display())]
    ControlTaken(PathBuf),
    /// The control socket or the private folder cannot be made.
    #[error("cannot make {path}: {error}", path = .0.display(), error = .1)]
    Path(PathBuf, io::Error),
    /// The private folder is open to others, or another user's.
    #[error("{} can be entered by other users: choose a folder that only you can enter, or run chmod 700 on it", .0.display())]
    NotPrivate(PathBuf),
}

/// The TCP listeners, all on one port.
pub(super) fn tcp(place: &Where) -> Result<(Vec<Async<TcpListener>>, u16), ListenError> {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let (addresses, optional) =
        if place.addresses.is_empty() { (&loopback[..], true) } else { (&place.addresses[..], false) };
    let mut tries = if place.port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match on_one_port(addresses, place.port, optional) {
            Err(ListenError::Taken(_)) if tries > 0 => {}
            Err(ListenError::Taken(port)) => return Err(taken(port)),
            result => return result,
        }
    }
}

fn on_one_port(
    addresses: &[IpAddr],
    mut port: u16,
    optional: bool,
) -> Result<(Vec<Async<TcpListener>>, u16), ListenError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        match bind(address).and_then(|listener| Ok((listener.local_addr()?.port(), Async::new(listener)?))) {
            Ok((bound, listener)) => {
                port = bound;
                listeners.push(listener);
            }
            // Only for an address that this machine does not have. One that somebody else listens on is never skipped: browsers
            // try both for `localhost`, and the login must not go to a stranger.
            Err(error) if optional && is_missing(&error) => log::debug!("not listening on {address}: {error}"),
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(ListenError::Taken(port)),
            Err(error) => return Err(ListenError::Address(address, error)),
        }
    }
    if listeners.is_empty() { Err(ListenError::NoLoopback) } else { Ok((listeners, port)) }
}

/// A listener on exactly this address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = new_socket(family)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // `::` beside `0.0.0.0` on one port.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

#[cfg(not(target_vendor = "apple"))]
fn new_socket(family: AddressFamily) -> io::Result<std::os::fd::OwnedFd> {
    Ok(rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

#[cfg(target_vendor = "apple")]
fn new_socket(family: AddressFamily) -> io::Result<std::os::fd::OwnedFd> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}

fn is_missing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT))
}

/// Asks who has the port: only another consort answers as one.
fn taken(port: u16) -> ListenError {
    match health(port) {
        Some((version, node, uptime_s)) => ListenError::OtherConsort { port, version, node, uptime_s },
        None => ListenError::Taken(port),
    }
}

fn health(port: u16) -> Option<(String, String, u64)> {
    let patience = Duration::from_millis(500);
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.set_write_timeout(Some(patience)).ok()?;
    write!(stream, "GET /api/health HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    // What a stranger says is neither read without end nor waited for.
    let started = std::time::Instant::now();
    let mut piece = [0; 1_024];
    while answer.len() < 8 << 10 && started.elapsed() < patience {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
        }
    }
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let body: serde_json::Value = serde_json::from_slice(&answer[at + 4..]).ok()?;
    let text = |name: &str| {
        let short: String = body.get(name)?.as_str()?.chars().filter(char::is_ascii_graphic).take(20).collect();
        Some(short)
    };
    Some((text("version")?, text("node")?, body.get("uptime_ms")?.as_u64()? / 1_000))
}

/// The control socket: its permission is the authentication, so it never exists with another one.
pub(super) fn control(place: &Where) -> Result<Async<UnixListener>, ListenError> {
    let path = &place.control;
    let failed = |error| ListenError::Path(path.clone(), error);
    if let Some(folder) = &place.apart {
        private_folder(folder)?;
    }
    match UnixStream::connect(path) {
        Ok(_) => return Err(ListenError::ControlTaken(path.clone())),
        // Left behind by a node that was killed; replaced by the rename below.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
        Err(error) => return Err(failed(error)),
    }
    private_folder(&place.private)?;
    let unfinished = place.private.join("control.new");
    remove_if_there(&unfinished).map_err(failed)?;
    let listener = UnixListener::bind(&unfinished).map_err(failed)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o600)).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)?;
    Async::new(listener).map_err(failed)
}

/// Makes sure that a folder is there and that nobody else can enter it.
pub(super) fn private_folder(path: &Path) -> Result<(), ListenError> {
    let failed = |error| ListenError::Path(path.to_owned(), error);
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    // Of the path itself: a link to somewhere else is not what was asked for.
    let found = fs::symlink_metadata(path).map_err(failed)?;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    if found.is_dir() && ours && found.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(ListenError::NotPrivate(path.to_owned()))
    }
}

/// Removes the folder of the sockets that is not in the state directory: in the folder for temporary files nothing of a node that
/// has ended is left. Sockets of another node of ours, if there are any, keep it.
pub(super) fn remove_apart(folder: &Path, private: &Path, control: &Path) {
    let ours = super::workers::own_sockets();
    let entries = fs::read_dir(private).into_iter().flatten().filter_map(Result::ok);
    let removed = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours))
        .try_for_each(|entry| remove_if_there(&entry.path()))
        .and_then(|()| fs::remove_dir(private))
        .and_then(|()| remove_if_there(control))
        .and_then(|()| fs::remove_dir(folder));
    if let Err(error) = removed {
        log::info!("{} is left behind: {error}", folder.display());
    }
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
