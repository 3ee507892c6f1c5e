//! The dashboard's port: served by our node, free, or taken by whom.

use super::Check;
use crate::cli::api::{Api, Health};
use crate::cli::http::exchange;
use crate::cli::listen::Listen;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// How long whoever has the port may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn check(listen: Listen, own: Option<&Health>) -> Check {
    let port = listen.port();
    if port == 0 {
        return Check::good("port", "any free one");
    }
    let taken: Vec<(SocketAddr, ErrorKind)> = listen
        .addresses()
        .into_iter()
        .filter_map(|address| TcpListener::bind(address).err().map(|error| (address, error.kind())))
        .collect();
    match taken[..] {
        [(address, ErrorKind::AddrInUse), ..] => in_use(address, own),
        [] if own.is_some() => Check::good("port", format!("{listen} is free: the running node uses another")),
        [] => Check::good("port", format!("{listen} is free")),
        // A machine without IPv6 still has the other loopback address.
        [(_, ErrorKind::AddrNotAvailable)] if matches!(listen, Listen::Loopback { .. }) => {
            Check::good("port", format!("{listen} is free"))
        }
        [(address, ErrorKind::AddrNotAvailable), ..] => Check::bad(
            "port",
            format!("this machine has no address {}", address.ip()),
            "Choose another: --listen ADDR:PORT",
        ),
        [(address, kind), ..] => Check::bad("port", format!("{address}: {kind}"), "Choose another: --listen ADDR:PORT"),
    }
}

/// What a node that runs says of where it serves.
pub(super) fn served(addresses: &[SocketAddr]) -> Check {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Check::good("port", format!("{}: served by this node", addresses.join(", ")))
}

fn in_use(address: SocketAddr, own: Option<&Health>) -> Check {
    match (health(address), own) {
        (Some(there), Some(own)) if there.node == own.node => {
            Check::good("port", format!("{address} is served by this node"))
        }
        (Some(there), _) => Check::warning(
            "port",
            format!("{address} is served by another node ({})", there.node),
            "It may be yours with another --state-dir. Else choose another port: --listen localhost:PORT",
        ),
        (None, _) => {
            let whom = owner(address.port()).unwrap_or_else(|| "another program".into());
            let advice = "End it, or choose another port: --listen localhost:PORT";
            Check::bad("port", format!("{address} is taken by {whom}"), advice)
        }
    }
}

/// Tries every address of the dashboard, and says from where it can be opened.
pub(super) fn reach(api: &Api, own: Option<&Health>) -> Vec<Check> {
    let (Ok(origins), Ok(place), Some(own)) = (api.origins(), api.place(), own) else { return Vec::new() };
    let allowed = origins.origins.iter().map(|origin| &origin.url);
    let mut checks = vec![from_where(&place.serving, &origins.own)];
    checks.extend(origins.own.iter().chain(allowed).filter_map(|url| tried(url, &place.serving, own)));
    checks
}

/// From where the listeners can be reached.
fn from_where(serving: &[SocketAddr], own: &[String]) -> Check {
    if serving.iter().all(|address| address.ip().is_loopback()) {
        let advice = "On a phone: consort open --qr says how.";
        return Check { advice: Some(advice.into()), ..Check::good("reach", "only from this machine") };
    }
    let outside = own.iter().filter(|url| !authority(url).is_some_and(|(_, host, _)| is_loopback(host)));
    let outside: Vec<&str> = outside.map(String::as_str).collect();
    let message = format!("from the networks of this machine, as {}", outside.join(", "));
    let advice = "It is plain HTTP: who shares a network can read along. On a phone: consort open --qr";
    Check { advice: Some(advice.into()), ..Check::good("reach", message) }
}

/// Whether this node answers at one of its addresses; nothing to say if it does, or if this machine does not know the name.
fn tried(url: &str, serving: &[SocketAddr], own: &Health) -> Option<Check> {
    let (scheme, host, port) = authority(url)?;
    let mut found = (host.trim_matches(['[', ']']), port).to_socket_addrs().ok()?;
    // A loopback name where nothing listens on loopback is answered to, for port forwardings, and not served.
    let served = |address: &SocketAddr| {
        let here =
            |at: &SocketAddr| at.ip() == address.ip() || at.ip().is_unspecified() && at.is_ipv4() == address.is_ipv4();
        port != serving.first().map_or(0, SocketAddr::port) || serving.iter().any(here)
    };
    let address = found.find(served)?;
    if scheme == "https" {
        let failure = TcpStream::connect_timeout(&address, PATIENCE).err()?;
        let advice = "See that its proxy runs, or remove it: consort allow --remove";
        return Some(Check::warning("reach", format!("{url} cannot be reached from here: {failure}"), advice));
    }
    let name = if port == 80 { host.to_owned() } else { format!("{host}:{port}") };
    match health_as(address, &name) {
        Some(there) if there.node == own.node => None,
        Some(there) => {
            let message = format!("{url} leads to another node ({})", there.node);
            Some(Check::warning("reach", message, "See which node serves there: consort doctor, on that machine"))
        }
        None => {
            Some(Check::warning("reach", format!("{url} does not answer"), "See whether a firewall is in the way."))
        }
    }
}

/// Scheme, host and port of an address of the dashboard.
fn authority(url: &str) -> Option<(&str, &str, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((scheme, host, port.parse().ok()?)),
        _ => Some((scheme, authority, if scheme == "https" { 443 } else { 80 })),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What a node says there, if one listens.
fn health(address: SocketAddr) -> Option<Health> {
    health_as(address, &format!("localhost:{}", address.port()))
}

/// The same, asked by a name of it.
fn health_as(address: SocketAddr, name: &str) -> Option<Health> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let answer = exchange(stream, name, "GET", "/api/health", None).ok()?;
    let health: Health = serde_json::from_slice(&answer.body).ok()?;
    (!health.node.is_empty()).then_some(health)
}

/// The program that listens on a port, as far as this user may know.
fn owner(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.map(|process| process.path()).find_map(|process| {
        let id: u32 = process.file_name()?.to_str()?.parse().ok()?;
        let mut files = std::fs::read_dir(process.join("fd")).ok()?.flatten();
        let holds =
            |link: std::path::PathBuf| link.to_str().is_some_and(|link| inodes.iter().any(|inode| inode == link));
        files.find(|file| std::fs::read_link(file.path()).is_ok_and(holds))?;
        let name = std::fs::read_to_string(process.join("comm")).ok()?;
        Some(format!("{} (process {id})", name.trim()))
    })
}

/// The inodes of the sockets that listen on a port, from a table in the format of `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTENING: &str = "0A";
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = fields.get(1)?.rsplit(':').next()?;
        let here = u16::from_str_radix(local, 16).ok()? == port && *fields.get(3)? == LISTENING;
        here.then(|| fields.get(9).map(ToString::to_string)).flatten()
    };
    table.lines().skip(1).filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    #[test]
    fn a_port_that_a_program_listens_on_is_taken_by_that_program() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stranger = listener.try_clone().unwrap();
        let stranger = std::thread::spawn(move || drop(stranger.accept().unwrap()));
        let check = check(Listen::Address(address), None);
        stranger.join().unwrap();
        drop(listener);
        assert_eq!(check.outcome, Outcome::Bad);
        if cfg!(target_os = "linux") {
            assert!(check.message.contains(&format!("(process {})", std::process::id())), "{}", check.message);
        }
    }

    #[test]
    fn who_listens_on_loopback_alone_is_reached_from_this_machine_alone() {
        let of = |serving: &str, own: &str| from_where(&[serving.parse().unwrap()], &[own.to_owned()]).message;
        assert_eq!(of("127.0.0.1:1", "http://localhost:1/"), "only from this machine");
        assert!(of("0.0.0.0:1", "http://192.168.7.7:1/").ends_with("as http://192.168.7.7:1/"));
        assert!(!of("0.0.0.0:1", "http://localhost:1/").contains("localhost"));
    }

    #[test]
    fn addresses_of_the_dashboard_are_taken_apart() {
        assert_eq!(authority("https://box.org/consort/"), Some(("https", "box.org", 443)));
        assert_eq!(authority("http://[fd00::7]:9/"), Some(("http", "[fd00::7]", 9)));
        assert_eq!(authority("http://[fd00::7]/"), Some(("http", "[fd00::7]", 80)));
    }

    #[test]
    fn an_address_where_nobody_answers_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let own: Health =
            serde_json::from_value(serde_json::json!({ "version": "1", "node": "x", "uptime_ms": 1 })).unwrap();
        let check = tried(&format!("http://{free}/"), &[free], &own).unwrap();
        assert_eq!(check.outcome, Outcome::Warning);
        assert!(check.message.ends_with("does not answer"), "{}", check.message);
    }

    #[test]
    fn a_port_that_nobody_has_is_free() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(check(Listen::Address(free), None).outcome, Outcome::Good);
        assert_eq!(check(Listen::Loopback { port: 0 }, None).outcome, Outcome::Good);
    }

    #[test]
    fn an_address_of_another_machine_cannot_be_listened_on() {
        assert_eq!(check("192.0.2.1:23000".parse().unwrap(), None).outcome, Outcome::Bad);
    }

    #[test]
    fn only_listening_sockets_of_the_port_are_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:59D8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0 100 0 0 10 0\n\
            1: 0100007F:59D8 0100007F:C000 01 00000000:00000000 00:00000000 00000000  1000        0 99999 1 0 100 0 0 10 0\n\
            2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77777 1 0 100 0 0 10 0\n";
        assert_eq!(listening_inodes(table, 23_000), ["12345"]);
    }
}
