//! The commands about other machines: list, invite, join, admit, remove, leave.

use super::api::{Api, Invite, Machine, Peer, Peers, Waiting};
use super::args::RightsName;
use super::failure::Failure;
use super::machine::pick;
use super::picture::picture;
use super::style::{Paint, Style};
use super::{output, text};
use consort_core::NodeId;
use std::fmt::Write as _;

/// No code is shorter.
const CODE_CHARS: usize = 32;
/// Columns between two cells.
const GAP: &str = "  ";

pub(crate) fn list(api: &Api, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::line(&format!("{:#}", api.peers_as_json()?));
    }
    let peers = api.peers()?;
    let style = Style::of_stdout();
    output::text(&if style.width.is_some() { table(&peers, &style) } else { lines(&peers) })
}

/// For programs.
fn lines(peers: &Peers) -> String {
    let mut out = String::new();
    for peer in &peers.peers {
        let latency = peer.latency_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default();
        let (way, _) = way(peer, &peers.peers);
        let cells =
            [&peer.name, &peer.id, state(peer), &(peer.since_ms / 1_000).to_string(), &way, &latency, &peer.version];
        let _ = writeln!(out, "{}", cells.map(text::one_line).join("\t"));
    }
    for (request, state) in
        peers.requests.iter().map(|one| (one, "asks")).chain(peers.asking.iter().map(|one| (one, "asked")))
    {
        let age = (request.age_ms / 1_000).to_string();
        let cells = [&request.name, &request.id, state, &age, place(request), "", ""];
        let _ = writeln!(out, "{}", cells.map(text::one_line).join("\t"));
    }
    out
}

fn place(request: &Waiting) -> &str {
    if request.from.is_empty() { &request.address } else { &request.from }
}

fn state(peer: &Peer) -> &'static str {
    match peer {
        Peer { removed: true, .. } => "removed",
        Peer { conflict: true, .. } => "conflict",
        Peer { own: true, .. } => "here",
        Peer { reachable: true, .. } => "reachable",
        Peer { incompatible: true, .. } => "incompatible",
        _ => "unreachable",
    }
}

/// How a machine is reached, and whether that is worth a thought.
fn way(peer: &Peer, all: &[Peer]) -> (String, Paint) {
    match (&peer.address, &peer.via) {
        _ if peer.own => (String::new(), Paint::Plain),
        (Some(address), _) if peer.dialled == Some(false) => {
            let from = address.rsplit_once(':').map_or(address.as_str(), |(from, _)| from);
            (format!("from {from}"), Paint::Plain)
        }
        (Some(address), _) => (address.clone(), Paint::Plain),
        (None, Some(via)) => {
            let name = all.iter().find(|other| other.id == *via).map_or(via.as_str(), |other| &other.name);
            (format!("via {name}"), Paint::Yellow)
        }
        (None, None) => (peer.addresses.first().cloned().unwrap_or_default(), Paint::Dim),
    }
}

fn table(peers: &Peers, style: &Style) -> String {
    let rows: Vec<[(String, Paint); 7]> = peers.peers.iter().map(|peer| row(peer, &peers.peers, style)).collect();
    let widths: Vec<usize> =
        (0..7).map(|column| rows.iter().map(|row| text::width(&row[column].0)).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, paint), width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            if !line.is_empty() {
                line.push_str(GAP);
            }
            line.push_str(&style.paint(*paint, cell));
            line.push_str(&" ".repeat(width - text::width(cell)));
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    for request in &peers.requests {
        let name = text::one_line(&request.name);
        let ask =
            format!("{name} ({}) at {} asks to join, for {}.", request.short, request.from, text::age(request.age_ms));
        let _ = writeln!(
            out,
            "{}\n  {}",
            style.paint(Paint::Yellow, &ask),
            style.paint(Paint::Bold, &format!("consort admit {}", request.short))
        );
    }
    for asked in &peers.asking {
        let _ = writeln!(
            out,
            "{} ({}) at {} has not admitted this machine yet.",
            text::one_line(&asked.name),
            asked.short,
            asked.address
        );
    }
    if peers.peers.iter().any(|peer| peer.own && peer.removed) {
        out.push_str("This machine was removed. It forgets the others with: consort leave\n");
    }
    if peers.peers.len() <= 1 && peers.requests.is_empty() && peers.asking.is_empty() {
        out.push_str("No other machines yet. Add one with: consort invite\n");
    }
    out
}

fn row(peer: &Peer, all: &[Peer], style: &Style) -> [(String, Paint); 7] {
    let (symbol, ascii, paint) = match state(peer) {
        "here" | "reachable" => ("●", "*", Paint::Green),
        "conflict" | "removed" => ("✗", "x", Paint::Red),
        _ => ("○", "-", Paint::Yellow),
    };
    let symbol = if style.unicode { symbol } else { ascii };
    let (way, way_paint) = way(peer, all);
    let name = if peer.name.is_empty() { "?" } else { &peer.name };
    let latency = peer.latency_ms.map(|ms| format!("{ms:.1} ms")).unwrap_or_default();
    let age = if peer.own { String::new() } else { text::age(peer.since_ms) };
    let mut remark = peer.version.clone();
    if peer.rights == "view" {
        remark = format!("{remark} may only look").trim().into();
    }
    if peer.incompatible {
        remark = versions(peer, all);
    }
    if peer.conflict {
        remark = "its id is used by two machines".into();
    }
    if peer.removed {
        remark = "this machine was removed from the mesh".into();
    }
    [
        (format!("{symbol} {}", text::one_line(name)), paint),
        (peer.short.clone(), Paint::Dim),
        (state(peer).into(), paint),
        (age, Paint::Dim),
        (text::one_line(&way), way_paint),
        (latency, Paint::Plain),
        (text::one_line(&remark), Paint::Dim),
    ]
}

/// Which of two machines that cannot talk to each other is to be updated.
pub(crate) fn versions(peer: &Peer, all: &[Peer]) -> String {
    let own = all.iter().find(|other| other.own).and_then(|own| own.protocol).unwrap_or_default();
    let older = if peer.protocol.is_some_and(|(oldest, _)| oldest > own.1) { "this machine" } else { "that machine" };
    format!("its version and this one's do not understand each other: update consort on {older}")
}

pub(crate) fn invite(api: &Api, rights: RightsName) -> Result<(), Failure> {
    let invite = api.invite(rights.as_str())?;
    let style = Style::of_stdout();
    if style.width.is_none() {
        if invite.addresses.is_empty() {
            eprint!("consort: {}", whereabouts(&[]));
        }
        return output::line(&invite.command);
    }
    output::text(&invitation(&invite, rights, &style))
}

/// What a person reads: the command last, so that nothing scrolls it away.
fn invitation(invite: &Invite, rights: RightsName, style: &Style) -> String {
    let may = match rights {
        RightsName::Operate => "The two machines then drive each other's agents.",
        RightsName::View => "It may then look at the agents here and change nothing.",
    };
    let mut last = whereabouts(&invite.addresses);
    let minutes = invite.expires_s / 60;
    let _ = write!(
        last,
        "Run this on the other machine. It works once, for {minutes} minutes. {may}\n\n  {}\n",
        style.paint(Paint::Bold, &text::one_line(&invite.command))
    );
    let picture = picture(&invite.code.to_uppercase()).filter(|_| style.unicode && style.colour).map(|picture| {
        format!("The picture is the same code: a phone's camera reads it, to pass it on to a machine far from here.\n{picture}\n")
    });
    // The prompt needs a row, too.
    let fits = |picture: &String| rows(picture, style) + rows(&last, style) < style.height.unwrap_or(usize::MAX);
    picture.filter(fits).unwrap_or_default() + &last
}

/// Rows that a text takes in the terminal.
fn rows(text: &str, style: &Style) -> usize {
    let width = style.width.unwrap_or(usize::MAX).max(1);
    let columns = |line: &str| {
        let mut parts = line.split('\x1b');
        let first = parts.next().map_or(0, text::width);
        first + parts.map(|part| text::width(part.split_once('m').map_or(part, |(_, shown)| shown))).sum::<usize>()
    };
    text.lines().map(|line| columns(line).div_ceil(width).max(1)).sum()
}

fn whereabouts(addresses: &[String]) -> String {
    if addresses.is_empty() {
        return "Other machines cannot reach this one: it has no address on any network. Make the invite on the other machine \
                and join from here (consort invite there, consort join CODE here), or give this node an address that leads to \
                it: consort --advertise HOST:PORT.\n"
            .into();
    }
    format!("It looks for this machine at {}.\n", text::one_line(&addresses.join(", ")))
}

pub(crate) fn join(api: &Api, target: &str, rights: RightsName) -> Result<(), Failure> {
    let joined = match api.join(target, rights.as_str()) {
        // A host that was not found may be a typing error: only who has a code of the other machine means it for sure.
        Err(failure) if failure.is("unreachable") && !is_host(target) => return Err(other_way(api, failure, rights)),
        joined => joined?,
    };
    let name = text::one_line(&joined.name);
    let machines = api.machines()?;
    let own = machines.iter().find(|machine| machine.own).cloned().unwrap_or_default();
    if joined.state == "waiting" {
        output::line(&format!(
            "{name} ({}) was asked. On that machine, admit this one:\n\n  consort admit {}\n\nThis one goes on asking for an hour.",
            joined.short,
            own.short()
        ))?;
    } else {
        let may = if joined.rights.as_deref() == Some("view") { " It lets this machine only look." } else { "" };
        output::line(&format!("Joined {name} ({}).{may} See all machines with: consort peers", joined.short))?;
    }
    let namesake = |machine: &Machine| !machine.own && machine.name == own.name;
    if joined.name == own.name || machines.iter().any(namesake) {
        eprintln!(
            "Another machine is called {}, too. To tell them apart start consort here with: --name OTHER-NAME",
            text::one_line(&own.name)
        );
    }
    Ok(())
}

/// Whether a target is a name or an address, not a code.
fn is_host(target: &str) -> bool {
    target.contains(['.', ':']) || target.len() < CODE_CHARS
}

/// The other machine cannot be reached from here: perhaps this one can from there.
fn other_way(api: &Api, failure: Failure, rights: RightsName) -> Failure {
    match api.invite(rights.as_str()) {
        Ok(invite) if !invite.addresses.is_empty() => {
            let ways = invite.addresses.join(", ");
            failure.hint(format!(
                "Perhaps it can reach this one (at {ways}). Run this there, within {} minutes:\n\n  {}\n",
                invite.expires_s / 60,
                text::one_line(&invite.command)
            ))
        }
        _ => failure,
    }
}

pub(crate) fn admit(api: &Api, wanted: &str, rights: RightsName) -> Result<(), Failure> {
    let peers = api.peers()?;
    let candidates = candidates(&peers);
    let node = pick(&candidates, wanted).map_err(|failure| not_this_one(&peers, wanted, failure))?;
    api.admit(&node.id, rights.as_str())?;
    let before = peers.peers.iter().find(|peer| peer.id == node.id).map(|peer| peer.rights.as_str());
    output::done(&admitted(&node.called(), before, rights))
}

/// What an admission has changed; `before`: what the machine might do already.
fn admitted(name: &str, before: Option<&str>, rights: RightsName) -> String {
    let may = match rights {
        RightsName::Operate => "operate",
        RightsName::View => "only look",
    };
    match before {
        None => format!("admitted {name}: it may {may}"),
        Some(before) if before == rights.as_str() => format!("nothing changed: {name} may {may} already"),
        Some(_) => format!("{name} may {may} from now on"),
    }
}

/// The failure to find a machine, if it is not because it is this one.
fn not_this_one(peers: &Peers, wanted: &str, failure: Failure) -> Failure {
    let own = peers.peers.iter().filter(|peer| peer.own).map(|peer| Machine::named(&peer.id, &peer.name));
    let own: Vec<Machine> = own.collect();
    match pick(&own, wanted) {
        Ok(own) => Failure::new(format!("{} is this machine.", text::one_line(&own.name)))
            .hint("What it may do, another machine decides. It leaves the mesh with: consort leave"),
        Err(_) => failure,
    }
}

pub(crate) fn remove(api: &Api, wanted: &str, yes: bool) -> Result<(), Failure> {
    let peers = api.peers()?;
    let members: Vec<Machine> = others(&peers).collect();
    let node = pick(&members, wanted).map_err(|failure| not_this_one(&peers, wanted, failure))?;
    let agents = api.agents()?.into_iter().filter(|agent| agent.node == node.id).count();
    let shown = match agents {
        0 => "It has no agents".to_string(),
        1 => "Its agent goes on there and is no longer shown here".into(),
        many => format!("Its {many} agents go on there and are no longer shown here"),
    };
    let question = format!("Remove {} from the mesh? {shown}. Every machine ends its links with it.", node.called());
    output::confirm(yes, "remove takes a machine out of the mesh", &question, "Nothing was removed.")?;
    api.remove(&node.id)?;
    output::done(&format!("removed {}", node.called()))
}

pub(crate) fn leave(api: &Api, yes: bool) -> Result<(), Failure> {
    let peers = api.peers()?.peers;
    let removed = peers.iter().any(|peer| peer.own && peer.removed);
    let others = match peers.iter().filter(|peer| !peer.own).count() {
        0 if !removed => return Err(Failure::new("There are no other machines: this one belongs to no mesh.")),
        1 => "1 other machine".to_string(),
        several => format!("{several} other machines"),
    };
    let (question, done) = if removed {
        let question = format!("Forget the mesh of {others} that this one was removed from? The agents here go on.");
        (question, "this machine has forgotten the others")
    } else {
        let question = format!("Leave the mesh of {others}? The agents here go on; each side shows only its own.");
        (question, "this machine has left the mesh")
    };
    output::confirm(yes, "leave takes this machine out of the mesh", &question, "Nothing was changed.")?;
    api.leave()?;
    output::done(done)
}

pub(crate) fn id(api: &Api) -> Result<(), Failure> {
    let own = api.peers()?.peers.into_iter().find(|peer| peer.own);
    let id: Option<NodeId> = own.and_then(|own| own.id.parse().ok());
    output::line(&id.ok_or_else(|| Failure::new("The node does not say who it is."))?.checked())
}

/// Who can be admitted: those who ask, and members.
fn candidates(peers: &Peers) -> Vec<Machine> {
    let asking = peers.requests.iter().map(|request| Machine::named(&request.id, &request.name));
    asking.chain(others(peers)).collect()
}

fn others(peers: &Peers) -> impl Iterator<Item = Machine> {
    peers.peers.iter().filter(|peer| !peer.own).map(|peer| Machine::named(&peer.id, &peer.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, unicode: true, width: Some(80), height: Some(24) };

    fn peer(name: &str, id: &str, reachable: bool) -> Peer {
        Peer {
            id: id.repeat(52),
            short: id.repeat(7),
            name: name.into(),
            reachable,
            since_ms: 240_000,
            addresses: vec!["10.0.0.9:23000".into()],
            ..Peer::default()
        }
    }

    fn peers() -> Peers {
        let own = Peer { own: true, version: "0.1.0".into(), ..peer("desk", "a", true) };
        let laptop = Peer {
            address: Some("192.168.1.7:23000".into()),
            latency_ms: Some(0.34),
            version: "0.1.0".into(),
            ..peer("laptop", "b", true)
        };
        let far = Peer { via: Some("b".repeat(52)), ..peer("far", "c", true) };
        let gone = peer("gone", "d", false);
        Peers { peers: vec![own, laptop, far, gone], ..Peers::default() }
    }

    #[test]
    fn the_table_says_who_is_there_and_how_it_is_reached() {
        let expected = "\
● desk    aaaaaaa  here                                         0.1.0
● laptop  bbbbbbb  reachable    4m  192.168.1.7:23000  0.3 ms  0.1.0
● far     ccccccc  reachable    4m  via laptop
○ gone    ddddddd  unreachable  4m  10.0.0.9:23000
";
        let squeezed = |text: &str| {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(squeezed(&table(&peers(), &PLAIN)), squeezed(expected));
    }

    #[test]
    fn who_asks_is_shown_with_the_command_that_admits_it() {
        let request = Waiting {
            short: "eeeeeee".into(),
            name: "new\u{1b}[31m".into(),
            from: "10.0.0.3".into(),
            ..Waiting::default()
        };
        let table = table(&Peers { requests: vec![request], ..peers() }, &PLAIN);
        assert!(
            table.contains("new [31m (eeeeeee) at 10.0.0.3 asks to join, for 0s.\n  consort admit eeeeeee\n"),
            "{table}"
        );
    }

    #[test]
    fn the_command_of_an_invite_comes_last_and_the_picture_only_if_it_fits() {
        let invite = Invite {
            code: "0".repeat(60),
            command: "consort join CODE".into(),
            expires_s: 600,
            addresses: vec!["10.0.0.9:23000".into()],
        };
        for (height, pictured) in [(24, false), (40, true)] {
            let style = Style { colour: true, height: Some(height), ..PLAIN };
            let shown = invitation(&invite, RightsName::View, &style);
            assert_eq!(shown.contains('▀'), pictured, "{height}: {shown}");
            assert!(shown.ends_with("change nothing.\n\n  \x1b[1mconsort join CODE\x1b[0m\n"), "{shown}");
            assert!(rows(&shown, &style) < height);
        }
    }

    #[test]
    fn an_admission_says_what_it_has_changed() {
        let said = |before, rights| admitted("mini (a)", before, rights);
        assert_eq!(said(None, RightsName::View), "admitted mini (a): it may only look");
        assert_eq!(said(Some("view"), RightsName::Operate), "mini (a) may operate from now on");
        assert_eq!(said(Some("view"), RightsName::View), "nothing changed: mini (a) may only look already");
    }

    #[test]
    fn programs_get_one_line_of_fields_per_machine() {
        let lines = lines(&peers());
        assert_eq!(
            lines.lines().nth(1),
            Some(format!("laptop\t{}\treachable\t240\t192.168.1.7:23000\t0.34\t0.1.0", "b".repeat(52)).as_str())
        );
    }

    #[test]
    fn a_picture_of_a_code_fits_a_small_terminal() {
        let picture = picture(&"abcdefg-".repeat(7)).unwrap();
        let widest = picture
            .lines()
            .map(|line| text::width(line.trim_start_matches("\x1b[30;107m").trim_end_matches("\x1b[0m")))
            .max();
        assert!(widest.unwrap() <= 45 && picture.lines().count() <= 23, "{picture}");
    }
}
