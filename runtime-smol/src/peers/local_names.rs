//! Names of the local network (`mini.local`), by multicast DNS (RFC 6762): this node's own is announced, others' are looked up. Only
//! if the user wants it, and only on interfaces of local networks: what is announced there, everybody there can read.

use super::network::is_local;
use consort_core::Address;
use futures_lite::future;
use mdns_sd::{DaemonEvent, HostnameResolutionEvent, IfKind, Receiver, ServiceDaemon, ServiceInfo};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the node is announced as (RFC 6763).
const SERVICE: &str = "_consort._tcp.local.";
/// How long others have to answer for a name.
const ANSWER_TIME: Duration = Duration::from_millis(1_500);
/// The longest label of a name (RFC 1035).
const LABEL_BYTES: usize = 63;

/// This node on the local networks of its machine.
#[allow(missing_debug_implementations, reason = "the daemon has none")]
pub(crate) struct LocalNames {
    /// Its name without `.local`.
    label: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    daemon: Option<(ServiceDaemon, Receiver<DaemonEvent>)>,
    announced: BTreeSet<SocketAddr>,
    /// It cannot be done here; said once.
    failed: bool,
}

impl LocalNames {
    /// `name` is what people call this machine.
    pub(crate) fn new(name: &str) -> Self {
        LocalNames { label: label(name), state: Mutex::default() }
    }

    /// Where this node is met under its name, if it has an address on a local network. It is announced there from now on, until it is
    /// said otherwise.
    pub(crate) fn announce(&self, reachable: &[SocketAddr]) -> Option<Address> {
        let local: BTreeSet<SocketAddr> = reachable.iter().copied().filter(|address| is_local(address.ip())).collect();
        let mut state = self.state();
        if state.announced != local {
            if let Err(error) = state.announce(&self.label, &local) {
                state.fail(&error);
            }
            state.announced = local;
        }
        state.say_renamed();
        let port = state.announced.first()?.port();
        (!state.failed).then(|| Address(format!("{}.local:{port}", self.label)))
    }

    /// What the machines of the local network say of a name: nothing if it is none of theirs.
    pub(crate) async fn resolve(&self, address: &Address) -> Vec<SocketAddr> {
        let Some((name, port)) = local_name(&address.0) else { return Vec::new() };
        let answers = {
            let mut state = self.state();
            state.daemon().and_then(|daemon| daemon.resolve_hostname(&name, Some(ANSWER_TIME.as_millis() as u64)))
        };
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                self.state().fail(&error);
                return Vec::new();
            }
        };
        let found = async {
            while let Ok(event) = answers.recv_async().await {
                match event {
                    HostnameResolutionEvent::AddressesFound(_, found) => return found.into_iter().collect(),
                    HostnameResolutionEvent::SearchTimeout(_) | HostnameResolutionEvent::SearchStopped(_) => break,
                    _ => {}
                }
            }
            Vec::new()
        };
        let late = async {
            async_io::Timer::after(ANSWER_TIME).await;
            Vec::new()
        };
        let found = future::or(found, late).await;
        if let Some((daemon, _)) = &self.state().daemon {
            let _ = daemon.stop_resolve_hostname(&name);
        }
        let mut found: Vec<SocketAddr> = found
            .iter()
            .map(mdns_sd::ScopedIp::to_ip_addr)
            .filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()))
            .map(|ip| SocketAddr::new(ip, port))
            .collect();
        found.sort_unstable();
        found
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The daemon, on no interface when it is new.
    fn daemon(&mut self) -> mdns_sd::Result<&ServiceDaemon> {
        if self.daemon.is_none() {
            let daemon = ServiceDaemon::new()?;
            daemon.disable_interface(IfKind::All)?;
            for ip in super::network::of_this_machine().into_iter().filter(|ip| is_local(*ip)) {
                daemon.enable_interface(IfKind::Addr(ip))?;
            }
            let events = daemon.monitor()?;
            self.daemon = Some((daemon, events));
        }
        match &self.daemon {
            Some((daemon, _)) => Ok(daemon),
            None => Err(mdns_sd::Error::Again),
        }
    }

    fn announce(&mut self, label: &str, local: &BTreeSet<SocketAddr>) -> mdns_sd::Result<()> {
        let Some(port) = local.first().map(SocketAddr::port) else {
            // Whoever comes back to a local network later announces itself anew.
            if let Some((daemon, _)) = self.daemon.take() {
                let _ = daemon.shutdown()?;
            }
            return Ok(());
        };
        let gone: Vec<IpAddr> = self.announced.difference(local).map(SocketAddr::ip).collect();
        let daemon = self.daemon()?;
        if !gone.is_empty() {
            daemon.disable_interface(gone.into_iter().map(IfKind::Addr).collect::<Vec<_>>())?;
        }
        let ips: Vec<IpAddr> = local.iter().map(SocketAddr::ip).collect();
        daemon.enable_interface(ips.iter().copied().map(IfKind::Addr).collect::<Vec<_>>())?;
        let host = format!("{label}.local.");
        daemon.register(ServiceInfo::new(SERVICE, label, &host, &ips[..], port, &[] as &[(&str, &str)])?)?;
        log::info!("this node is announced to the local network as {label}.local");
        Ok(())
    }

    fn fail(&mut self, error: &mdns_sd::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            log::warn!("names of the local network cannot be used: {error}");
        }
    }

    /// Somebody else has the name: the daemon takes another one.
    fn say_renamed(&mut self) {
        let Some((_, events)) = &self.daemon else { return };
        for event in events.try_iter() {
            if let DaemonEvent::NameChange(change) = event {
                log::warn!(
                    "{} is another machine's name: this one is announced as {}",
                    change.original,
                    change.new_name
                );
            }
        }
    }
}

/// A name and port that machines of the local network answer for.
fn local_name(address: &str) -> Option<(String, u16)> {
    let (name, port) = address.rsplit_once(':')?;
    let label = name.trim_end_matches('.').to_ascii_lowercase();
    label.ends_with(".local").then_some((format!("{label}."), port.parse().ok()?))
}

/// The name under `.local` that a machine with this name is announced by.
pub(crate) fn name_of(machine: &str) -> String {
    format!("{}.local", label(machine))
}

/// What a machine's name is as a host name: letters, digits and single hyphens.
fn label(name: &str) -> String {
    let plain: String =
        name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mut label = plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    label.truncate(LABEL_BYTES);
    if label.is_empty() { "consort".into() } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_s_name_becomes_a_host_name() {
        assert_eq!(label("Anna's Mac mini"), "anna-s-mac-mini");
        assert_eq!(label("--x--y_"), "x-y");
        assert_eq!(label("日本"), "consort");
        assert_eq!(label(&"a".repeat(80)).len(), LABEL_BYTES);
    }

    #[test]
    fn only_names_under_local_are_asked_of_the_local_network() {
        assert_eq!(local_name("Mini.local:23000"), Some(("mini.local.".into(), 23_000)));
        assert_eq!(local_name("mini.local.:1"), Some(("mini.local.".into(), 1)));
        for other in ["mini:23000", "example.org:1", "192.168.1.7:23000", "[fd00::1]:1", "mini.local", "local:1"] {
            assert_eq!(local_name(other), None, "{other}");
        }
    }

    #[test]
    fn without_an_address_on_a_local_network_nothing_is_announced() {
        let names = LocalNames::new("mini");
        assert_eq!(names.announce(&["203.0.113.5:23000".parse().unwrap(), "100.64.0.1:23000".parse().unwrap()]), None);
        assert!(names.state().daemon.is_none(), "and nothing is listened to");
    }
}
