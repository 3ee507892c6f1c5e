//! Other machines: whether they can come in here, and each of them: whether it is there, how, and whether both can dial.

use super::Check;
use crate::cli::api::{Api, Checked, Dialled, Peer, Peers};
use crate::cli::peers::versions;
use crate::cli::text;
use crate::peers::NO_MEMBER;

/// Clocks that differ by more than this are worth a word; an answer takes part of it.
const CLOCK_MS: u64 = 10_000;
/// Machines that are examined at the same time.
const AT_ONCE: usize = 8;

pub(super) fn checks(api: &Api) -> Vec<Check> {
    let peers = match api.peers() {
        Ok(peers) => peers,
        Err(failure) => return vec![Check::bad("mesh", failure.to_string(), "See the node's log.")],
    };
    let others: Vec<&Peer> = peers.peers.iter().filter(|peer| !peer.own).collect();
    let mut checks = vec![mesh(&peers, others.len())];
    if is_removed(&peers) {
        // What is known of the others is of before.
        return checks;
    }
    for some in others.chunks(AT_ONCE) {
        let examined = std::thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|peer| scope.spawn(|| api.check_peer(&peer.id))).collect();
            threads.into_iter().map(|thread| thread.join().ok().and_then(Result::ok)).collect::<Vec<_>>()
        });
        checks.extend(some.iter().zip(examined).map(|(peer, checked)| one(peer, &peers.peers, checked.as_ref())));
    }
    checks
}

fn is_removed(peers: &Peers) -> bool {
    peers.peers.iter().any(|peer| peer.own && peer.removed)
}

/// Whether others can come in.
fn mesh(peers: &Peers, others: usize) -> Check {
    if is_removed(peers) {
        let advice = "Join again with: consort join CODE (the code from consort invite there)\n\
                      Or forget the others with: consort leave";
        return Check::warning("mesh", "this machine was removed from the mesh", advice);
    }
    if others == 0 && peers.listening.is_empty() {
        return Check::good("mesh", "no other machines; none can connect before the first invite");
    }
    let machines = format!("{others} other machine{}", if others == 1 { "" } else { "s" });
    match &peers.addresses[..] {
        [] => Check::warning(
            "mesh",
            format!("{machines}; this one has no address that they could dial"),
            "It still dials the others. An address of a port forwarding is told with: consort --advertise HOST:PORT",
        ),
        addresses => Check::good("mesh", format!("{machines}; they find this one at {}", addresses.join(", "))),
    }
}

fn one(peer: &Peer, all: &[Peer], checked: Option<&Checked>) -> Check {
    let name = if peer.name.is_empty() { peer.short.clone() } else { text::one_line(&peer.name) };
    let own_version = env!("CARGO_PKG_VERSION");
    let there = checked.map(|checked| ways("dialled from here", &checked.there));
    let back = checked.and_then(|checked| checked.back.as_ref()).map(|back| ways("from there", back));
    let ways = [there, back].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let age = text::age(peer.since_ms);
    if peer.conflict {
        let advice = "One of the two was copied from the other. On the copy: end consort, delete its state directory, start, join again.";
        return Check::bad(name, "two machines use its id", advice);
    }
    if peer.incompatible && !peer.reachable {
        return Check::bad(name, versions(peer, all), "Links need versions that speak a common protocol.");
    }
    if !peer.reachable {
        let answers =
            checked.is_some_and(|checked| checked.there.iter().any(|way| way.failure.as_deref() == Some(NO_MEMBER)));
        let advice = if answers {
            format!(
                "It has left, or others have removed this machine. Take it out of the list with: consort remove {}",
                peer.short
            )
        } else {
            "Is it on, and does consort run there? Run consort doctor there too.".into()
        };
        return Check::warning(name, format!("unreachable for {age} ({ways})"), advice);
    }
    if let Some(ahead) = checked.and_then(|checked| checked.clock_ms).filter(|ms| ms.unsigned_abs() > CLOCK_MS) {
        let which = if ahead > 0 { "ahead of" } else { "behind" };
        let message = format!("its clock is {} {which} this machine's", text::age(ahead.unsigned_abs()));
        return Check::warning(
            name,
            message,
            "Let both machines set their clocks from the network (NTP): times in logs do not compare.",
        );
    }
    if let (None, Some(via)) = (&peer.address, &peer.via) {
        let via = all.iter().find(|other| other.id == *via).map_or(via.as_str(), |other| &other.name);
        let advice =
            "Everything works, one step slower. For a direct link one of the two must be able to dial the other.";
        return Check::warning(name, format!("reached through {via} ({ways})"), advice);
    }
    if !peer.version.is_empty() && peer.version != own_version {
        let message = format!("runs version {}, this machine {own_version}", peer.version);
        return Check::warning(name, message, "Update the older one.");
    }
    let latency = peer.latency_ms.map(|ms| format!(", {ms:.1} ms")).unwrap_or_default();
    Check::good(name, format!("reachable for {age}{latency} ({ways})"))
}

/// What became of dialling in one direction.
fn ways(direction: &str, dialled: &[Dialled]) -> String {
    let good = dialled.iter().find(|way| way.failure.is_none());
    match (good, dialled) {
        (Some(way), _) => format!("{direction}: {}", text::one_line(&way.address)),
        (None, []) => format!("{direction}: no address known"),
        (None, all) => {
            // What several addresses have in common is said once.
            let mut failures: Vec<(&str, Vec<String>)> = Vec::new();
            for way in all {
                let failure = way.failure.as_deref().unwrap_or_default().trim_end_matches('.');
                let address = text::one_line(&way.address);
                match failures.iter_mut().find(|(known, _)| *known == failure) {
                    Some((_, addresses)) => addresses.push(address),
                    None => failures.push((failure, vec![address])),
                }
            }
            let each = failures.iter().map(|(failure, at)| format!("{} {}", at.join(" and "), text::one_line(failure)));
            format!("{direction}: {}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn peer() -> Peer {
        Peer {
            name: "laptop".into(),
            reachable: true,
            since_ms: 60_000,
            address: Some("10.0.0.7:1".into()),
            latency_ms: Some(0.42),
            version: env!("CARGO_PKG_VERSION").into(),
            ..Peer::default()
        }
    }

    fn dialled(address: &str, failure: Option<&str>) -> Dialled {
        Dialled { address: address.into(), failure: failure.map(Into::into) }
    }

    #[test]
    fn a_machine_is_well_if_it_is_there_whoever_can_dial() {
        let checked = Checked {
            there: vec![dialled("10.0.0.7:1", None)],
            back: Some(vec![dialled("10.0.0.1:1", Some("nothing listens there"))]),
            clock_ms: Some(-900),
        };
        let check = one(&peer(), &[], Some(&checked));
        assert_eq!(check.outcome, Outcome::Good);
        let message =
            "reachable for 1m, 0.4 ms (dialled from here: 10.0.0.7:1; from there: 10.0.0.1:1 nothing listens there)";
        assert_eq!(check.message, message);
    }

    #[test]
    fn what_needs_a_person_says_what_to_do() {
        let gone = Peer { reachable: false, address: None, ..peer() };
        let old = Peer { version: "0.0.9".into(), ..peer() };
        let far = Peer { address: None, via: Some("x".into()), ..peer() };
        for peer in [gone, old, far] {
            let check = one(&peer, &[], None);
            assert!(check.outcome == Outcome::Warning && check.advice.is_some(), "{check:?}");
        }
        let newer = Peer { reachable: false, incompatible: true, protocol: Some((2, 3)), ..peer() };
        let own = Peer { own: true, protocol: Some((1, 1)), ..peer() };
        let check = one(&newer, &[own], None);
        assert!(
            check.outcome == Outcome::Bad && check.message.ends_with("update consort on this machine"),
            "{check:?}"
        );
        assert_eq!(one(&Peer { conflict: true, ..peer() }, &[], None).outcome, Outcome::Bad);
    }

    #[test]
    fn a_clock_that_is_wrong_is_told_with_by_how_much() {
        let told = |ms| one(&peer(), &[], Some(&Checked { clock_ms: Some(ms), ..Checked::default() }));
        assert_eq!(told(10_000).outcome, Outcome::Good);
        assert_eq!(told(125_000).message, "its clock is 2m ahead of this machine's");
        assert_eq!(told(-3_600_000).message, "its clock is 1h behind this machine's");
    }

    #[test]
    fn a_machine_that_answers_that_this_one_is_no_member_is_not_said_to_be_off() {
        let refused = ["10.0.0.7:1", "192.168.1.7:1"].map(|address| dialled(address, Some(NO_MEMBER)));
        let checked = Checked { there: refused.into(), ..Checked::default() };
        let check = one(&Peer { reachable: false, address: None, short: "abc".into(), ..peer() }, &[], Some(&checked));
        let expected = "unreachable for 1m (dialled from here: 10.0.0.7:1 and 192.168.1.7:1 \
                        It does not take this node for a member of its mesh)";
        assert_eq!(check.message, expected);
        assert!(check.advice.is_some_and(|advice| advice.ends_with("consort remove abc")));
    }

    #[test]
    fn a_machine_alone_is_well() {
        assert_eq!(mesh(&Peers::default(), 0).outcome, Outcome::Good);
        assert_eq!(mesh(&Peers::default(), 1).outcome, Outcome::Warning, "nobody can dial it");
    }
}
