//! The names by which a node is reached, and the one origin that belongs to each: its listeners' own, and those that its user has
//! allowed (a port forwarding, a proxy). A name is compared as the standards say: without regard to case, to a dot at its end, to the
//! scheme's own port and to the spelling of an IPv6 address. Nothing is looked up here.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// Origins that a user may allow.
pub const ORIGINS: usize = 32;

/// Bytes of an origin with its path.
const ORIGIN_BYTES: usize = 512;

/// First parts of paths that the node serves itself: no proxy's prefix can begin with one.
const OWN_PATHS: [&str; 4] = ["api", "assets", "link", "ws"];

/// Names that lead every machine to itself. No page of somebody else's can have them.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The name and the port of a `Host` header, in their one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    name: String,
    port: Option<u16>,
}

impl HostName {
    /// Reads the value of a `Host` header; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = split_port(text)?;
        Some(HostName { name: canonical(name)?, port })
    }

    /// Whether it names the machine that asks.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.name)
    }

    /// The origin of pages that have it, under this scheme.
    #[must_use]
    pub fn origin(&self, https: bool) -> String {
        let port = self.port.unwrap_or(default_port(https));
        origin(https, &self.name, port)
    }
}

fn is_loopback(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// A place where browsers find the dashboard: scheme, name, port and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    https: bool,
    name: String,
    port: u16,
    /// Empty, or a path without a slash at its end: what a proxy puts before our paths.
    prefix: String,
}

/// A text that is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{}' is not an address such as https://box.example.org, http://localhost:8023 or https://box.example.org/consort/",
    .0.chars().take(100).collect::<String>().escape_debug()
)]
pub struct InvalidSite(String);

impl std::str::FromStr for Site {
    type Err = InvalidSite;

    /// Reads what people copy from the address bar: an origin, with the path below which a proxy serves the dashboard.
    fn from_str(text: &str) -> Result<Self, InvalidSite> {
        Site::parse(text.trim()).ok_or_else(|| InvalidSite(text.to_owned()))
    }
}

impl Site {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let HostName { name, port } = HostName::parse(authority)?;
        let prefix = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<&str> = prefix.split('/').skip(1).collect();
        let good = |segment: &&str| {
            !matches!(*segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'))
        };
        let possible = segments.iter().all(good) && segments.first().is_none_or(|first| !OWN_PATHS.contains(first));
        (possible && text.len() <= ORIGIN_BYTES).then(|| Site {
            https,
            name,
            port: port.unwrap_or(default_port(https)),
            prefix: prefix.to_owned(),
        })
    }

    fn own(name: &str, port: u16) -> Self {
        Site { https: false, name: name.to_owned(), port, prefix: String::new() }
    }

    /// The value of `Origin` that its pages have.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(self.https, &self.name, self.port)
    }

    /// Its address, with a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{}/", self.origin(), self.prefix)
    }

    /// Whether browsers reach it by HTTPS, through a proxy that somebody put before the node.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether this `Host` is that of a request for it. Proxies often pass the name without its port.
    fn has(&self, host: &HostName) -> bool {
        self.name == host.name && host.port.is_none_or(|port| port == self.port)
    }
}

/// By what the listeners of a node are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// How the machine itself reaches it, best first; may be empty.
    pub local: Vec<String>,
    /// Its addresses on networks, best first.
    pub addresses: Vec<IpAddr>,
    /// Names that networks have for the machine.
    pub names: Vec<String>,
}

/// From where a [`Place`] can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// From the node's own machine.
    Machine,
    /// From the networks that the machine is on.
    Network,
    /// From where a name that the user allowed leads to this node.
    Origin,
    /// Like `Origin`, but the name is that of the browser's own machine: a port forwarding.
    Forward,
}

/// An address of the dashboard, for a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address, with a slash at its end.
    pub url: String,
    /// From where it is reached.
    pub reach: Reach,
}

/// An origin that the user has allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Where.
    pub site: Site,
    /// It was allowed when the node was started and stays so until it ends.
    pub fixed: bool,
}

/// Everything that a node answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sites {
    port: u16,
    names: Names,
    /// All own sites: the loopback names, and those made from `names`.
    own: Vec<Site>,
    allowed: Vec<Allowed>,
}

impl Sites {
    /// The sites of a node that listens on `port` and is reached by `names` there.
    #[must_use]
    pub fn new(port: u16, names: Names) -> Self {
        let mut sites = Sites { port, names: Names::default(), own: Vec::new(), allowed: Vec::new() };
        sites.rename(names);
        sites
    }

    /// The node is reached by other names now. Names that cannot be a host are left out.
    pub fn rename(&mut self, names: Names) {
        let addresses = names.addresses.iter().map(|address| written(*address));
        let all = LOOPBACK.map(str::to_owned).into_iter().chain(names.local.iter().cloned()).chain(addresses);
        self.own.clear();
        for name in all.chain(names.names.iter().cloned()).filter_map(|name| canonical(&name)) {
            let site = Site::own(&name, self.port);
            if !self.own.contains(&site) {
                self.own.push(site);
            }
        }
        self.names = names;
    }

    /// By what the listeners are reached.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Adds an origin of the user's; nothing changes if it is there already.
    pub fn allow(&mut self, site: Site, fixed: bool) {
        match self.allowed.iter_mut().find(|allowed| allowed.site == site) {
            Some(allowed) => allowed.fixed |= fixed,
            None => self.allowed.push(Allowed { site, fixed }),
        }
    }

    /// Removes one; whether it was there and could be removed.
    pub fn disallow(&mut self, site: &Site) -> bool {
        let count = self.allowed.len();
        self.allowed.retain(|allowed| allowed.site != *site || allowed.fixed);
        self.allowed.len() < count
    }

    /// Takes over what `other` allows.
    pub fn replace_allowed(&mut self, other: Sites) {
        self.allowed = other.allowed;
    }

    /// The origins that the user has allowed.
    #[must_use]
    pub fn allowed(&self) -> &[Allowed] {
        &self.allowed
    }

    /// Whether a request with this `Host` is for this node.
    #[must_use]
    pub fn answers(&self, host: &HostName) -> bool {
        self.own_site(host).is_some() || self.allowed.iter().any(|allowed| allowed.site.has(host))
    }

    fn own_site(&self, host: &HostName) -> Option<&Site> {
        let port = host.port.unwrap_or(default_port(false));
        self.own.iter().find(|site| site.name == host.name && site.port == port)
    }

    /// Whether pages of this origin may use the node under this `Host`: the one that belongs to an own name, or one that the user has
    /// allowed. For the latter any `Host` of ours will do, because a proxy may put its own in.
    #[must_use]
    pub fn fits(&self, origin: &str, host: &HostName) -> bool {
        let origin = undotted(origin);
        let own = |site: &Site| site.origin() == origin;
        self.own_site(host).is_some_and(own)
            || (self.answers(host) && self.allowed.iter().any(|allowed| allowed.site.origin() == origin))
    }

    /// The path and the protection that a cookie needs for a request with these headers: the prefix and whether there is HTTPS. `None` if
    /// they do not tell, because a proxy may be in between that put its own `Host` in.
    #[must_use]
    pub fn cookie_scope(&self, origin: Option<&str>, host: Option<&HostName>) -> Option<(String, bool)> {
        let matching: Vec<&Site> = match (origin.map(undotted), host) {
            (Some(origin), _) => {
                self.allowed().iter().map(|a| &a.site).filter(|site| site.origin() == origin).collect()
            }
            (None, Some(host)) => self.allowed().iter().map(|a| &a.site).filter(|site| site.has(host)).collect(),
            (None, None) => Vec::new(),
        };
        if let Some(first) = matching.first() {
            let one = matching.iter().all(|site| site.prefix == first.prefix);
            let prefix = if one { first.prefix.clone() } else { String::new() };
            return Some((format!("{prefix}/"), matching.iter().all(|site| site.https)));
        }
        (origin.is_some() || self.allowed.is_empty()).then(|| ("/".to_owned(), false))
    }

    /// The target of a request without the prefix that a proxy has left in it; `Err` if it is the prefix without its last slash.
    ///
    /// # Errors
    /// The prefix's last part: where the browser is to be sent, relative to where it is.
    pub fn without_prefix<'a>(&self, target: &'a str) -> Result<&'a str, String> {
        let rest = |site: &Site| target.strip_prefix(site.prefix.as_str()).filter(|_| !site.prefix.is_empty());
        let mut found = self.allowed.iter().filter_map(|allowed| Some((rest(&allowed.site)?, &allowed.site.prefix)));
        // Longest prefix first: one may be the beginning of another.
        let fits = |rest: &str| rest.is_empty() || rest.starts_with(['/', '?']);
        match found.by_ref().filter(|(rest, _)| fits(rest)).min_by_key(|(rest, _)| rest.len()) {
            None => Ok(target),
            Some((rest, _)) if rest.starts_with('/') => Ok(rest),
            Some((rest, prefix)) => {
                let last = prefix.rsplit('/').next().unwrap_or_default();
                Err(format!("{last}/{rest}"))
            }
        }
    }

    /// All addresses of the dashboard, first the one for the node's own machine.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let own = |name: &str, reach| Place { url: Site::own(name, self.port).url(), reach };
        let local = self.names.local.first().and_then(|name| canonical(name));
        let local = local.map(|name| own(&name, Reach::Machine));
        let network = self.names.addresses.iter().map(|address| own(&written(*address), Reach::Network));
        let allowed = self.allowed.iter().map(|allowed| {
            let forward = is_loopback(&allowed.site.name);
            Place { url: allowed.site.url(), reach: if forward { Reach::Forward } else { Reach::Origin } }
        });
        local.into_iter().chain(network).chain(allowed).collect()
    }

    /// The address of the dashboard for the node's own machine.
    #[must_use]
    pub fn home(&self) -> String {
        self.places().into_iter().next().map_or_else(|| Site::own("localhost", self.port).url(), |place| place.url)
    }

    /// Every own name as an address.
    #[must_use]
    pub fn own_urls(&self) -> Vec<String> {
        self.own.iter().map(Site::url).collect()
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// Browsers leave the scheme's own port out.
fn origin(https: bool, name: &str, port: u16) -> String {
    let scheme = if https { "https" } else { "http" };
    if port == default_port(https) { format!("{scheme}://{name}") } else { format!("{scheme}://{name}:{port}") }
}

/// An address as it is written before a port.
fn written(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

/// An origin without the dot that may end its name: the same machine, though browsers take it for another origin.
fn undotted(origin: &str) -> Cow<'_, str> {
    match origin.rsplit_once(".:") {
        Some((front, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Cow::Owned(format!("{front}:{port}"))
        }
        _ => Cow::Borrowed(origin.strip_suffix('.').unwrap_or(origin)),
    }
}

/// The name and the port of `name[:port]`; `None` if what stands behind the colon is not a port.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => {
            let strict = !digits.starts_with(['0', '+']);
            Some((name, Some(digits.parse().ok().filter(|_| strict)?)))
        }
        _ => Some((text, None)),
    }
}

/// A host in its one spelling: in lower case, without a dot at its end, IPv6 addresses in brackets as RFC 5952 writes them.
fn canonical(text: &str) -> Option<String> {
    if let Some(bare) = text.strip_prefix('[') {
        return bare.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(|address| written(address.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let named = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        });
    named.then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostName {
        HostName::parse(text).unwrap()
    }

    fn site(text: &str) -> Site {
        text.parse().unwrap()
    }

    fn network() -> Names {
        Names {
            local: vec!["localhost".into()],
            addresses: vec!["192.168.7.7".parse().unwrap(), "fd00::7".parse().unwrap()],
            names: vec!["Box".into(), "box.local".into()],
        }
    }

    #[test]
    fn one_name_has_many_spellings() {
        let sites = Sites::new(23_000, network());
        let ours = [
            "localhost:23000",
            "LocalHost:23000",
            "localhost.:23000",
            "127.0.0.1:23000",
            "[::1]:23000",
            "[0:0:0:0:0:0:0:1]:23000",
            "192.168.7.7:23000",
            "[FD00:0::7]:23000",
            "box:23000",
            "BOX.local.:23000",
        ];
        for name in ours {
            assert!(sites.answers(&host(name)), "{name}");
        }
        for name in
            ["localhost", "localhost:23001", "box.lan:23000", "192.168.7.8:23000", "xlocalhost:23000", "box..local:1"]
        {
            assert!(!HostName::parse(name).is_some_and(|host| sites.answers(&host)), "{name}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for text in [
            "", ":1", "a b", "a:x", "a:", "a:0", "a:023000", "a:+1", "a:70000", "a..b", ".", "[::1", "::1", "[::1]x",
            "é", "a/b", "u@h",
        ] {
            assert_eq!(HostName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_node_on_loopback_answers_to_loopback_names_alone() {
        let sites = Sites::new(80, Names { local: vec!["localhost".into()], ..Names::default() });
        assert!(
            sites.answers(&host("localhost")) && sites.answers(&host("localhost:80")) && sites.answers(&host("[::1]"))
        );
        assert!(!sites.answers(&host("box")) && !sites.answers(&host("192.168.7.7")));
    }

    #[test]
    fn an_own_name_has_one_origin_and_an_allowed_origin_fits_every_host() {
        let mut sites = Sites::new(23_000, network());
        assert!(sites.fits("http://box:23000", &host("box:23000")));
        assert!(sites.fits("http://box.local.:23000", &host("box.local.:23000")));
        for origin in ["http://localhost:23000", "https://box:23000", "HTTP://box:23000", "http://box", "null", "", "."]
        {
            assert!(!sites.fits(origin, &host("box:23000")), "{origin}");
        }
        sites.allow(site("https://c.example.org/consort/"), false);
        for name in ["c.example.org", "c.example.org:443", "C.example.org.", "127.0.0.1:23000", "box:23000"] {
            assert!(sites.fits("https://c.example.org", &host(name)), "{name}");
        }
        assert!(!sites.fits("https://c.example.org", &host("d.example.org")), "the host is not ours");
        assert!(!sites.fits("http://c.example.org", &host("c.example.org")));
        assert!(!sites.answers(&host("c.example.org:80")));
        assert!(sites.disallow(&site("https://c.example.org/consort")));
        assert!(!sites.answers(&host("c.example.org")));
    }

    #[test]
    fn what_the_command_line_allowed_is_not_removed() {
        let mut sites = Sites::new(1, Names::default());
        sites.allow(site("http://localhost:8023"), true);
        sites.allow(site("http://localhost:8023/"), false);
        assert!(!sites.disallow(&site("http://localhost:8023")));
        assert_eq!(sites.allowed().len(), 1);
    }

    #[test]
    fn origins_are_read_as_people_write_them() {
        for (text, url, origin) in [
            ("https://C.example.org", "https://c.example.org/", "https://c.example.org"),
            (" HTTPS://c.example.org:443/ ", "https://c.example.org/", "https://c.example.org"),
            ("http://localhost:8023", "http://localhost:8023/", "http://localhost:8023"),
            ("https://b.org:8443/a/consort", "https://b.org:8443/a/consort/", "https://b.org:8443"),
            ("http://[FD00::0:1]:9", "http://[fd00::1]:9/", "http://[fd00::1]:9"),
        ] {
            assert_eq!((site(text).url().as_str(), site(text).origin().as_str()), (url, origin), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        for text in [
            "",
            "c.example.org",
            "ftp://x",
            "http://",
            "http:///x",
            "http://u@h",
            "http://a..b",
            "http://a:0",
            "http://a:x",
            "http://é",
            "http://a/?x",
            "http://a/#x",
            "http://a/b//c",
            "http://a/../b",
            "http://a/b;c",
            "http://a/%2e",
            "http://a/api",
            "http://a/ws/x",
            "http://a/assets/",
            "http://*",
            "null",
            "http://a/\"b",
        ] {
            assert!(text.parse::<Site>().is_err(), "{text}");
        }
        assert!(format!("http://a/{}", "x".repeat(600)).parse::<Site>().is_err());
    }

    #[test]
    fn a_prefix_is_taken_off_once_where_it_ends() {
        let mut sites = Sites::new(1, Names::default());
        sites.allow(site("https://a/consort"), false);
        sites.allow(site("https://a/consort/two/"), false);
        for (target, rest) in [
            ("/consort/", Ok("/")),
            ("/consort/api/agents?x=1", Ok("/api/agents?x=1")),
            ("/consort/two/ws", Ok("/ws")),
            ("/consort/consort/", Ok("/consort/")),
            ("/consorts/", Ok("/consorts/")),
            ("/", Ok("/")),
            ("/consort", Err("consort/".to_owned())),
            ("/consort/two?x", Err("two/?x".to_owned())),
        ] {
            assert_eq!(sites.without_prefix(target), rest, "{target}");
        }
    }

    #[test]
    fn links_name_the_listeners_and_what_the_user_allowed() {
        let mut sites = Sites::new(23_000, network());
        sites.allow(site("https://c.example.org/consort/"), false);
        sites.allow(site("http://localhost:8023"), false);
        let places: Vec<_> = sites.places().into_iter().map(|place| (place.url, place.reach)).collect();
        let expected = [
            ("http://localhost:23000/", Reach::Machine),
            ("http://192.168.7.7:23000/", Reach::Network),
            ("http://[fd00::7]:23000/", Reach::Network),
            ("https://c.example.org/consort/", Reach::Origin),
            ("http://localhost:8023/", Reach::Forward),
        ];
        assert_eq!(places, expected.map(|(url, reach)| (url.to_owned(), reach)));
        let one = Names { addresses: vec!["10.0.0.1".parse().unwrap()], ..Names::default() };
        assert_eq!(Sites::new(80, one).home(), "http://10.0.0.1/");
    }

    #[test]
    fn a_cookie_is_for_the_place_that_a_browser_sees() {
        let mut sites = Sites::new(23_000, network());
        let own = Some(("/".to_owned(), false));
        assert_eq!(sites.cookie_scope(None, Some(&host("box:23000"))), own);
        sites.allow(site("https://c.example.org/consort"), false);
        let scoped = Some(("/consort/".to_owned(), true));
        assert_eq!(sites.cookie_scope(Some("https://c.example.org"), Some(&host("127.0.0.1:23000"))), scoped);
        assert_eq!(sites.cookie_scope(None, Some(&host("c.example.org"))), scoped);
        assert_eq!(sites.cookie_scope(Some("http://box:23000"), Some(&host("box:23000"))), own);
        assert_eq!(sites.cookie_scope(None, Some(&host("127.0.0.1:23000"))), None, "a proxy may be in between");
        sites.allow(site("https://c.example.org/other"), false);
        assert_eq!(sites.cookie_scope(None, Some(&host("c.example.org"))), Some(("/".to_owned(), true)));
    }
}
