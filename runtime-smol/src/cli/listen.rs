//! `--listen`: where a node serves its dashboard.

use super::args::DEFAULT_PORT;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where a node serves its dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// On both loopback addresses.
    Loopback {
        /// 0 takes any free port.
        port: u16,
    },
    /// On one address.
    Address(SocketAddr),
}

impl Listen {
    /// The addresses to bind.
    #[must_use]
    pub fn addresses(self) -> Vec<SocketAddr> {
        match self {
            Listen::Loopback { port } => {
                vec![(IpAddr::from(Ipv4Addr::LOCALHOST), port).into(), (IpAddr::from(Ipv6Addr::LOCALHOST), port).into()]
            }
            Listen::Address(address) => vec![address],
        }
    }

    /// The port; 0 is any.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Listen::Loopback { port } => port,
            Listen::Address(address) => address.port(),
        }
    }

    /// Whether only this machine can come in.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.addresses().iter().all(|address| address.ip().is_loopback())
    }
}

impl Default for Listen {
    fn default() -> Self {
        Listen::Loopback { port: DEFAULT_PORT }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Loopback { port } => write!(f, "localhost:{port}"),
            Listen::Address(address) => write!(f, "{address}"),
        }
    }
}

impl FromStr for Listen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Listen::Address(address));
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Listen::Address(SocketAddr::new(ip, DEFAULT_PORT)));
        }
        if text == "localhost" {
            return Ok(Listen::default());
        }
        let port = text.strip_prefix("localhost").unwrap_or(text);
        let port = port.strip_prefix(':').unwrap_or(port);
        let port = port.parse().map_err(|_| {
            "expected an address, with a port or without (localhost:23000, 0.0.0.0, 192.168.1.5:23000, [::]:23000), or only a port"
                .to_string()
        })?;
        Ok(Listen::Loopback { port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_address_is_an_address_a_loopback_port_or_refused() {
        let read = |text: &str| text.parse::<Listen>().ok();
        assert_eq!(read("localhost:1"), Some(Listen::Loopback { port: 1 }));
        assert_eq!(read("8080"), Some(Listen::Loopback { port: 8080 }));
        assert_eq!(read(":0"), Some(Listen::Loopback { port: 0 }));
        assert_eq!(read("[::1]:5"), Some(Listen::Address("[::1]:5".parse().unwrap())));
        assert!(read("[::1]:5").unwrap().is_loopback() && !read("0.0.0.0:1").unwrap().is_loopback());
        assert_eq!(read("localhost"), Some(Listen::default()));
        assert_eq!(read("0.0.0.0"), Some(Listen::Address("0.0.0.0:23000".parse().unwrap())));
        assert_eq!(read("fd00::7"), read("[fd00::7]:23000"));
        for bad in ["", "example.com", "example.com:80", "1.2.3", "[::1", "localhost:70000", "-1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
