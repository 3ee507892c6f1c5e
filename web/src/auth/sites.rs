//! The names that a node answers to, and the one origin that belongs to each.

use std::net::IpAddr;

/// A `Host` that is ours, with the `Origin` that pages from it have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    host: String,
    origin: String,
}

impl Site {
    /// The value of `Host`: a name or address in lower case, with the port unless it is the scheme's own.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The value of `Origin`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether browsers reach it by HTTPS (through a proxy that somebody put before the node).
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

/// A text that names no site.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a host name, an address or an origin such as https://consort.example.org", .0.escape_debug())]
pub struct InvalidSite(String);

/// All names of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sites {
    all: Vec<Site>,
    port: u16,
}

impl Sites {
    /// The names of this machine for itself, `localhost` first, on `port`; and those in `more`, each a host name or an address
    /// (plain HTTP on the same port) or a whole origin with its scheme.
    ///
    /// # Errors
    /// The first of `more` that is none of these.
    pub fn new<'a>(port: u16, more: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidSite> {
        let local = ["localhost", "127.0.0.1", "::1"];
        let mut sites = Sites { all: Vec::new(), port };
        for name in local.into_iter().chain(more) {
            let site = parse(name, port).ok_or_else(|| InvalidSite(name.to_owned()))?;
            if !sites.all.contains(&site) {
                sites.all.push(site);
            }
        }
        Ok(sites)
    }

    /// The site with exactly this `Host`.
    #[must_use]
    pub fn find(&self, host: &str) -> Option<&Site> {
        self.all.iter().find(|site| site.host == host)
    }

    /// The address of the dashboard, for a link.
    #[must_use]
    pub fn home(&self) -> &Site {
        &self.all[0]
    }

    /// The port that the node listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn parse(text: &str, port: u16) -> Option<Site> {
    let (scheme, authority) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), authority)) => (scheme, authority.to_owned()),
        Some(_) => return None,
        None => ("http", with_port(&host(text)?, port)),
    };
    let own = if scheme == "https" { ":443" } else { ":80" };
    // Browsers leave the scheme's own port out, of Host and of Origin.
    let authority = authority.strip_suffix(own).unwrap_or(&authority).to_ascii_lowercase();
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => (name, Some(digits)),
        _ => (authority.as_str(), None),
    };
    if port.is_some_and(|digits| digits.starts_with('0') || digits.parse::<u16>().is_err()) {
        return None;
    }
    host(name)?;
    Some(Site { origin: format!("{scheme}://{authority}"), host: authority })
}

fn with_port(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

/// A host as it is written before a port: IPv6 addresses in brackets and in their one canonical spelling.
fn host(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(if address.is_ipv6() { format!("[{address}]") } else { address.to_string() });
    }
    let named = !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        });
    named.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(port: u16, more: &[&str]) -> Vec<(String, String)> {
        let sites = Sites::new(port, more.iter().copied()).unwrap();
        sites.all.into_iter().skip(3).map(|site| (site.host, site.origin)).collect()
    }

    #[test]
    fn the_machine_s_own_names_come_first_with_the_exact_port() {
        let sites = Sites::new(23_000, []).unwrap();
        let hosts: Vec<_> = sites.all.iter().map(Site::host).collect();
        assert_eq!(hosts, ["localhost:23000", "127.0.0.1:23000", "[::1]:23000"]);
        assert_eq!(sites.home().origin(), "http://localhost:23000");
    }

    #[test]
    fn names_addresses_and_origins_can_be_added() {
        let pair = |host: &str, origin: &str| (host.to_owned(), origin.to_owned());
        assert_eq!(sites(23_000, &["Box.lan"]), [pair("box.lan:23000", "http://box.lan:23000")]);
        assert_eq!(sites(23_000, &["192.168.1.5"]), [pair("192.168.1.5:23000", "http://192.168.1.5:23000")]);
        assert_eq!(sites(9, &["FE80:0::1"]), [pair("[fe80::1]:9", "http://[fe80::1]:9")]);
        assert_eq!(sites(9, &["https://c.example.org"]), [pair("c.example.org", "https://c.example.org")]);
        assert_eq!(sites(9, &["https://c.example.org:443"]), [pair("c.example.org", "https://c.example.org")]);
        assert_eq!(sites(9, &["http://c.example.org:8080"]), [pair("c.example.org:8080", "http://c.example.org:8080")]);
        assert_eq!(sites(9, &["localhost"]), []);
    }

    #[test]
    fn on_port_80_browsers_send_no_port() {
        assert!(Sites::new(80, []).unwrap().find("localhost").is_some());
        assert!(Sites::new(80, []).unwrap().find("localhost:80").is_none());
    }

    #[test]
    fn what_names_no_site_is_refused() {
        for text in [
            "",
            "a b",
            "ftp://x",
            "http://",
            "http://a/b",
            "http://u@h",
            "a..b",
            "http://a:0",
            "http://a:x",
            "é",
            "a:1",
        ] {
            assert_eq!(Sites::new(1, [text]), Err(InvalidSite(text.to_owned())), "{text}");
        }
    }
}
