//! The commands about other machines: list, invite, join, admit, remove, leave.

use super::api::{Api, Machine, Peer, Peers, Waiting};
use super::args::RightsName;
use super::failure::Failure;
use super::machine::pick;
use super::style::{Paint, Style};
use super::{output, text};
use consort_core::NodeId;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

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
        return output::line(&invite.command);
    }
    let minutes = invite.expires_s / 60;
    let mut out = format!(
        "Run this on the other machine. It works once, for {minutes} minutes:\n\n  {}\n\n",
        style.paint(Paint::Bold, &text::one_line(&invite.command))
    );
    if style.unicode
        && style.colour
        && let Some(picture) = picture(&invite.code)
    {
        out += &picture;
        out.push('\n');
    }
    out += &whereabouts(&invite.addresses);
    output::text(&out)
}

fn whereabouts(addresses: &[String]) -> String {
    if addresses.is_empty() {
        let advice = "join from here instead: consort invite there, and consort join here.";
        return format!("This machine has no address that another one could reach; {advice}\n");
    }
    format!("It looks for this machine at {}.\n", text::one_line(&addresses.join(", ")))
}

/// A code that a camera reads. In capitals it takes less room.
fn picture(code: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(code.to_uppercase(), EcLevel::L).ok()?;
    // Dark on light, whatever the terminal's own colours are.
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Dark).light_color(Dense1x2::Light).build();
    Some(picture.lines().map(|line| format!("\x1b[30;107m{line}\x1b[0m\n")).collect())
}

pub(crate) fn join(api: &Api, target: &str, rights: RightsName) -> Result<(), Failure> {
    let joined = match api.join(target, rights.as_str()) {
        Err(failure) if failure.is("unreachable") => return Err(other_way(api, failure, rights)),
        joined => joined?,
    };
    let name = text::one_line(&joined.name);
    if joined.state != "waiting" {
        return output::line(&format!("Joined {name} ({}). See all machines with: consort peers", joined.short));
    }
    let own = api.peers()?.peers.into_iter().find(|peer| peer.own).unwrap_or_default();
    output::line(&format!(
        "{name} ({}) was asked. On that machine, admit this one:\n\n  consort admit {}\n\nThis one goes on asking for an hour.",
        joined.short, own.short
    ))
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
    let node = pick(&candidates, wanted)?;
    api.admit(&node.id, rights.as_str())?;
    told(&format!("admitted {}", node.called()))
}

pub(crate) fn remove(api: &Api, wanted: &str, yes: bool) -> Result<(), Failure> {
    let peers = api.peers()?;
    let members: Vec<Machine> = others(&peers).collect();
    let node = pick(&members, wanted)?;
    let agents = api.agents()?.into_iter().filter(|agent| agent.node == node.id).count();
    let shown = match agents {
        0 => "It has no agents".to_string(),
        1 => "Its agent goes on there and is no longer shown here".into(),
        many => format!("Its {many} agents go on there and are no longer shown here"),
    };
    let question = format!("Remove {} from the mesh? {shown}. Every machine ends its links with it.", node.called());
    confirm(yes, "remove takes a machine out of the mesh", &question, "Nothing was removed.")?;
    api.remove(&node.id)?;
    told(&format!("removed {}", node.called()))
}

pub(crate) fn leave(api: &Api, yes: bool) -> Result<(), Failure> {
    let others = api.peers()?.peers.iter().filter(|peer| !peer.own).count();
    if others == 0 {
        return Err(Failure::new("There are no other machines: this one belongs to no mesh."));
    }
    let question = format!(
        "Leave the mesh of {others} other machine{}? The agents here go on; each side shows only its own.",
        if others == 1 { "" } else { "s" }
    );
    confirm(yes, "leave takes this machine out of the mesh", &question, "Nothing was changed.")?;
    api.leave()?;
    told("this machine has left the mesh")
}

pub(crate) fn id(api: &Api) -> Result<(), Failure> {
    let own = api.peers()?.peers.into_iter().find(|peer| peer.own);
    let id: Option<NodeId> = own.and_then(|own| own.id.parse().ok());
    output::line(&id.ok_or_else(|| Failure::new("The node does not say who it is."))?.checked())
}

/// Asks a person, unless `yes`.
fn confirm(yes: bool, what: &str, question: &str, otherwise: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::usage(format!("{what}, and there is nobody to ask.")).hint("Confirm with: --yes"));
    }
    eprint!("{} [y/N] ", text::one_line(question));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    let agreed = read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if agreed { Ok(()) } else { Err(Failure::new(otherwise)) }
}

/// Who can be admitted: those who ask, and members.
fn candidates(peers: &Peers) -> Vec<Machine> {
    let asking = peers.requests.iter().map(|request| Machine::named(&request.id, &request.name));
    asking.chain(others(peers)).collect()
}

fn others(peers: &Peers) -> impl Iterator<Item = Machine> {
    peers.peers.iter().filter(|peer| !peer.own).map(|peer| Machine::named(&peer.id, &peer.name))
}

/// Confirms to a person what happened; a script has the exit code.
fn told(sentence: &str) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() { output::line(&text::one_line(sentence)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, unicode: true, width: Some(80) };

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
