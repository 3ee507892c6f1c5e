//! Addresses: which this machine has and how useful they are to others, and which networks a user trusts.

use consort_core::Address;
use consort_core::limits::{ADDRESS_BYTES, ADDRESSES};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Beginnings of the names of interfaces that only lead into this machine itself.
const INNER: [&str; 9] = ["docker", "br-", "veth", "virbr", "cni", "flannel", "lxc", "lxdbr", "podman"];

/// The addresses of this machine that others could use, best first: the local network, Tailscale, everything else, and what leads
/// only to containers here.
pub(crate) fn of_this_machine() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::warn!("the addresses of this machine cannot be read: {error}");
        Vec::new()
    });
    ranked(
        interfaces
            .iter()
            .filter(|interface| interface.is_oper_up())
            .map(|interface| (interface.name.as_str(), interface.ip())),
    )
}

fn ranked<'a>(interfaces: impl Iterator<Item = (&'a str, IpAddr)>) -> Vec<IpAddr> {
    let mut found: Vec<(u8, IpAddr)> = interfaces
        .filter(|(_, ip)| can_be_reached(*ip))
        .map(|(name, ip)| {
            let inner = INNER.iter().any(|beginning| name.starts_with(beginning));
            (if inner { 3 } else { rank(ip) }, ip)
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, ip)| ip).take(ADDRESSES).collect()
}

/// Not loopback, not bound to one link, and of one machine.
fn can_be_reached(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || ip.is_multicast()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast()),
    }
}

fn rank(ip: IpAddr) -> u8 {
    match ip {
        _ if TAILSCALE.iter().any(|network| network.contains(ip)) => 1,
        IpAddr::V4(ip) if ip.is_private() => 0,
        _ => 2,
    }
}

/// What a node tells others to dial: what its user wants advertised, then its own addresses.
pub(crate) fn advertised(wished: &[Address], own: &[SocketAddr]) -> Vec<Address> {
    let mut all: Vec<Address> = wished.to_vec();
    for address in own.iter().map(|address| Address(address.to_string())) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all.truncate(ADDRESSES);
    all
}

/// An address with a port, `port` if it has none; `None` if the text is no address.
pub(crate) fn with_port(text: &str, port: u16) -> Option<Address> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some(Address(SocketAddr::new(ip, port).to_string()));
    }
    if text.parse::<SocketAddr>().is_ok() {
        return Some(Address(text.to_owned()));
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, own)) => (name, own.parse::<u16>().ok()?),
        None => (text, port),
    };
    let named = name.split('.').all(|label| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    (named && name.len() + 6 <= ADDRESS_BYTES).then(|| Address(format!("{name}:{port}")))
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: IpAddr,
    bits: u8,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Network {
    Network { base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits }
}

/// Addresses of Tailscale.
const TAILSCALE: [Network; 2] = [
    v4(100, 64, 0, 0, 10),
    Network { base: IpAddr::V6(Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, 0)), bits: 48 },
];

/// Addresses of local networks.
const LAN: [Network; 5] = [
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    v4(169, 254, 0, 0, 16),
    Network { base: IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), bits: 7 },
];

/// Of a local network, not of Tailscale.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    LAN.iter().any(|network| network.contains(ip)) && !TAILSCALE.iter().any(|network| network.contains(ip))
}

impl Network {
    fn contains(self, ip: IpAddr) -> bool {
        let (base, ip, width) = match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => (u128::from(base.to_bits()), u128::from(ip.to_bits()), 32),
            (IpAddr::V6(base), IpAddr::V6(ip)) => (base.to_bits(), ip.to_bits(), 128),
            _ => return false,
        };
        (base ^ ip).checked_shr(width - u32::from(self.bits)).unwrap_or(0) == 0
    }
}

/// A network whose machines may join by their address alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    name: String,
    networks: Vec<Network>,
}

impl Trusted {
    /// Whether a connection between these addresses lies within the network. Both ends count: a packet from elsewhere can claim to come
    /// from it, but is not addressed into it.
    #[must_use]
    pub fn covers(&self, here: IpAddr, there: IpAddr) -> bool {
        let (here, there) = (here.to_canonical(), there.to_canonical());
        let ours =
            |network: &Network| TAILSCALE.contains(network) || !TAILSCALE.iter().any(|other| other.contains(there));
        self.networks.iter().any(|network| network.contains(here) && network.contains(there) && ours(network))
    }
}

impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Trusted {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let networks = match text {
            "tailscale" => TAILSCALE.to_vec(),
            "lan" => LAN.to_vec(),
            _ => vec![range(text).ok_or("expected tailscale, lan, or a range such as 10.1.0.0/16")?],
        };
        Ok(Trusted { name: text.to_owned(), networks })
    }
}

fn range(text: &str) -> Option<Network> {
    let (base, bits) = text.split_once('/')?;
    let (base, bits): (IpAddr, u8) = (base.parse().ok()?, bits.parse().ok()?);
    // Everybody is not a network.
    let allowed = match base {
        IpAddr::V4(_) => 1..=32,
        IpAddr::V6(_) => 1..=128,
    };
    allowed.contains(&bits).then_some(Network { base, bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_local_network_comes_first_and_containers_last() {
        let found = [
            ("lo", ip("127.0.0.1")),
            ("docker0", ip("172.17.0.1")),
            ("tailscale0", ip("100.101.1.2")),
            ("eth0", ip("203.0.113.5")),
            ("eth0", ip("fe80::1")),
            ("tailscale0", ip("fd7a:115c:a1e0::7")),
            ("wlan0", ip("192.168.1.7")),
        ];
        let expected = ["192.168.1.7", "100.101.1.2", "fd7a:115c:a1e0::7", "203.0.113.5", "172.17.0.1"].map(ip);
        assert_eq!(ranked(found.into_iter()), expected);
    }

    #[test]
    fn a_trusted_network_covers_connections_within_it() {
        let covers =
            |network: &str, here: &str, there: &str| network.parse::<Trusted>().unwrap().covers(ip(here), ip(there));
        assert!(covers("tailscale", "100.64.0.1", "100.127.255.255"));
        assert!(covers("tailscale", "fd7a:115c:a1e0::1", "fd7a:115c:a1e0:ab::2"));
        assert!(!covers("tailscale", "192.168.1.5", "100.64.0.2"), "it came in elsewhere");
        assert!(!covers("tailscale", "100.64.0.1", "100.128.0.1"));
        assert!(covers("lan", "192.168.1.5", "192.168.1.9"));
        assert!(covers("lan", "::ffff:192.168.1.5", "192.168.1.9"));
        assert!(!covers("lan", "192.168.1.5", "8.8.8.8") && !covers("lan", "127.0.0.1", "127.0.0.1"));
        assert!(!covers("lan", "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::2"), "Tailscale is not the LAN");
        assert!(covers("10.1.0.0/16", "10.1.0.1", "10.1.9.9") && !covers("10.1.0.0/16", "10.1.0.1", "10.2.0.1"));
        assert!(covers("10.1.2.3/32", "10.1.2.3", "10.1.2.3"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "wifi", "10.0.0.0", "10.0.0.0/0", "10.0.0.0/33", "::/0", "::/129", "x/8", "10.0.0.0/x"] {
            assert!(text.parse::<Trusted>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_user_advertises_comes_first_and_nothing_twice() {
        let own = ["192.168.1.7:1".parse().unwrap(), "10.0.0.1:1".parse().unwrap()];
        let all = advertised(&[Address("10.0.0.1:1".into())], &own);
        assert_eq!(all, ["10.0.0.1:1", "192.168.1.7:1"].map(|text| Address(text.into())));
    }

    #[test]
    fn an_address_without_a_port_gets_the_usual_one() {
        let read = |text: &str| with_port(text, 23_000).map(|address| address.0);
        assert_eq!(read("192.168.1.7").as_deref(), Some("192.168.1.7:23000"));
        assert_eq!(read("192.168.1.7:5").as_deref(), Some("192.168.1.7:5"));
        assert_eq!(read("fd00::1").as_deref(), Some("[fd00::1]:23000"));
        assert_eq!(read("[fd00::1]").as_deref(), Some("[fd00::1]:23000"));
        assert_eq!(read("[fd00::1]:5").as_deref(), Some("[fd00::1]:5"));
        assert_eq!(read("laptop.local").as_deref(), Some("laptop.local:23000"));
        assert_eq!(read("laptop:80").as_deref(), Some("laptop:80"));
        for text in ["", "a b", "http://x", "x/y", "a..b", "laptop:", "laptop:70000", "user@host"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
