//! By what names this machine is reached on its networks: its addresses, its host name, and what files of the system say of it. Nobody
//! is asked: no name server, no daemon.
//!
//! A node that listens on loopback alone has none of these names. A name that others can give to machines of theirs (a search domain
//! that a network announces) is taken only if it belongs to a tailnet or cannot be registered by anybody.

use crate::peers::addresses_of_this_machine;
use consort_web::auth::Names;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Domains whose names nobody can register, and those of tailnets: a host below them is this network's.
const PRIVATE_DOMAINS: [&str; 8] =
    ["local", "lan", "home", "internal", "localdomain", "home.arpa", "fritz.box", "ts.net"];

/// The names of listeners on `served`. `more`: names that the node itself announces.
#[must_use]
pub fn names(served: &[SocketAddr], more: &[String]) -> Names {
    let on_network = served.iter().any(|address| !address.ip().is_loopback());
    let own = if on_network { addresses_of_this_machine() } else { Vec::new() };
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let files = if on_network { (read("/etc/hosts"), read("/etc/resolv.conf")) } else { Default::default() };
    let system = rustix::system::uname();
    let mut served = served.to_vec();
    // Where there is no ::1, nobody else can have it either.
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        let second = served.iter().find(|at| at.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST)).map(SocketAddr::port);
        served.extend(second.map(|port| SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)));
    }
    names_of(&served, &own, &system.nodename().to_string_lossy(), (&files.0, &files.1), more)
}

fn names_of(
    served: &[SocketAddr],
    own: &[IpAddr],
    host: &str,
    (hosts, resolver): (&str, &str),
    more: &[String],
) -> Names {
    let covers = |ip: IpAddr| {
        served.iter().any(|at| at.ip() == ip || (at.ip().is_unspecified() && at.is_ipv4() == ip.is_ipv4()))
    };
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(covers);
    // Browsers try both addresses for `localhost`: where only one is ours, the login must not go to whoever has the other.
    let mut local: Vec<String> = match loopback {
        [true, true] => vec!["localhost".into()],
        [true, false] => vec!["127.0.0.1".into()],
        [false, true] => vec!["[::1]".into()],
        [false, false] => Vec::new(),
    };
    if local.is_empty() {
        local.extend(served.iter().map(SocketAddr::ip).filter(IpAddr::is_loopback).map(bracketed));
    }
    let mut addresses: Vec<IpAddr> = own.iter().copied().filter(|ip| covers(*ip)).collect();
    for ip in served.iter().map(SocketAddr::ip) {
        if !ip.is_loopback() && !ip.is_unspecified() && !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    let on_network = served.iter().any(|address| !address.ip().is_loopback());
    let names = if on_network { host_names(host, hosts, resolver, more) } else { Vec::new() };
    Names { local, addresses, names }
}

fn bracketed(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

/// The host name, long and short, as its networks know it.
fn host_names(host: &str, hosts: &str, resolver: &str, more: &[String]) -> Vec<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let short = host.split('.').next().unwrap_or_default();
    // Every machine calls itself so.
    if short.is_empty() || short == "localhost" {
        return more.to_vec();
    }
    let mut names = vec![host.clone(), short.to_owned(), format!("{short}.local")];
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace().skip(1);
        if words.clone().any(|word| word.eq_ignore_ascii_case(&host) || word.eq_ignore_ascii_case(short)) {
            names.extend(words.by_ref().filter(|word| !word.starts_with("localhost")).map(str::to_ascii_lowercase));
        }
    }
    for line in resolver.lines() {
        let mut words = line.split_whitespace();
        if matches!(words.next(), Some("search" | "domain")) {
            let domains = words.map(|domain| domain.trim_end_matches('.').to_ascii_lowercase());
            names.extend(domains.filter(|domain| is_private(domain)).map(|domain| format!("{short}.{domain}")));
        }
    }
    names.extend(more.iter().map(|name| name.to_ascii_lowercase()));
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn is_private(domain: &str) -> bool {
    PRIVATE_DOMAINS
        .iter()
        .any(|private| domain.strip_suffix(private).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn of(served: &[&str]) -> Names {
        let served: Vec<SocketAddr> = served.iter().map(|text| at(text)).collect();
        let own = ["192.168.7.7", "100.101.1.2", "fd00::7"].map(|text| text.parse().unwrap());
        let hosts = "127.0.0.1 localhost\n127.0.1.1 box.example.org box # the machine\n192.168.7.9 other other.lan\n";
        let resolver = "nameserver 100.100.100.100\nsearch tail1.ts.net evil.com lan. notlan fritz.box\n";
        names_of(&served, &own, "Box", (hosts, resolver), &["mini.local".into()])
    }

    #[test]
    fn a_node_on_loopback_has_no_name_on_a_network() {
        let expected = Names { local: vec!["localhost".into()], ..Names::default() };
        assert_eq!(of(&["127.0.0.1:23000", "[::1]:23000"]), expected);
        assert_eq!(of(&["127.0.0.1:23000"]).local, ["127.0.0.1"], "who has ::1 is somebody else");
        assert_eq!(of(&["127.0.0.5:23000"]).local, ["127.0.0.5"]);
        assert_eq!(of(&["[::1]:23000"]).local, ["[::1]"]);
    }

    #[test]
    fn a_node_on_all_addresses_has_those_of_the_machine_and_its_names() {
        let names = of(&["0.0.0.0:23000"]);
        assert_eq!(names.local, ["127.0.0.1"]);
        assert_eq!(names.addresses, ["192.168.7.7", "100.101.1.2"].map(|text| text.parse::<IpAddr>().unwrap()));
        let expected =
            ["box", "box.local", "box.example.org", "box.tail1.ts.net", "box.lan", "box.fritz.box", "mini.local"];
        assert_eq!(names.names, expected);
    }

    #[test]
    fn a_node_on_one_address_is_not_reached_by_loopback() {
        let names = of(&["192.168.7.7:23000"]);
        assert_eq!((names.local.len(), names.addresses.len()), (0, 1));
        assert!(names.names.contains(&"box.local".into()));
        assert_eq!(of(&["10.9.9.9:1"]).addresses.len(), 1, "an address that its interface has just lost");
    }

    #[test]
    fn a_machine_that_is_called_localhost_has_no_name_for_others() {
        assert_eq!(host_names("localhost.localdomain", "", "search lan", &[]), Vec::<String>::new());
        assert_eq!(host_names("", "", "", &[]), Vec::<String>::new());
    }
}
