//! Joining, dying, vanishing, splitting, resting, and a change of an agent.

use super::town::Town;
use super::{Figure, Say, Times};
use crate::event::HostIndex;
use consort_core::{AgentId, limits};

/// From this size on bytes matter, and a few samples must do.
const LARGE: u16 = 500;

/// How often each thing is measured in a mesh of a size.
fn samples(nodes: u16) -> u16 {
    if nodes < LARGE { 8 } else { 3 }
}

/// Seconds from milliseconds.
fn s(ms: u64) -> String {
    format!("{:.2} s", ms as f64 / 1e3)
}

/// Joining and leaving in a mesh of a size. `say` is told what is being measured.
pub fn of_size(nodes: u16, say: Say<'_>) -> Vec<Figure> {
    let (p50, worst) = match nodes {
        0..=10 => (200, 500),
        11..=100 => (500, 1_000),
        _ => (1_500, 1_500),
    };
    let mut town = if nodes < LARGE { Town::settled(1, nodes, 0) } else { Town::started_together(1, nodes) };
    say(&format!("they had all found each other after {}", s(town.together_ms)));
    // Before anything else: a minute after it, links that are not needed any more would be let go.
    let rest = (nodes >= LARGE).then(|| steady(&mut town));
    let (joined, bytes) = joins(&mut town);
    say("joins are measured");
    let target = if p50 == worst {
        format!("worst ≤ {}", s(worst))
    } else {
        format!("p50 ≤ {}, worst ≤ {}", s(p50), s(worst))
    };
    let found = format!("p50 {}, worst {}", s(joined.percentile(50)), s(joined.worst()));
    let met = joined.percentile(50) <= p50 && joined.worst() <= worst;
    let mut figures = vec![Figure::new("join: known by all, and knows all", nodes, &target, found, met)];
    if usize::from(nodes) > limits::FULL_MESH {
        let (known, told) = bytes;
        let found = format!("{known} B, {told} B after another {} s", TOLD_MS / 1_000);
        figures.push(Figure::new("join: bytes per node until then", nodes, "≤ 2 000 B", found, known <= 2_000));
    }
    figures.extend(rest.map(|rest| steady_figure(nodes, rest, 500)));
    figures.extend(ends(&mut town, nodes, 1));
    figures
}

fn ends(town: &mut Town, nodes: u16, factor: u64) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (machine_too, what, most) in
        [(false, "process killed, known by all", 1_000), (true, "machine vanished, known by all", 7_000)]
    {
        let times = detection_in(town, machine_too, samples(nodes).min(nodes / 3));
        let (found, most) = (format!("p50 {}, worst {}", s(times.percentile(50)), s(times.worst())), most * factor);
        figures.push(Figure::new(what, nodes, &format!("worst ≤ {}", s(most)), found, times.worst() <= most));
    }
    figures
}

/// A new node's links are all told after this long.
const TOLD_MS: u64 = 5_000;

/// Times until a new node is known by all and knows all, and bytes that each node sends meanwhile, and until everything is told.
pub(super) fn joins(town: &mut Town) -> (Times, (u64, u64)) {
    let (mut times, mut bytes) = (Vec::new(), (0, 0));
    let nodes = town.world.hosts.len() as u64;
    for sample in 0..samples(nodes as u16) {
        let new = town.add();
        let before = town.bytes();
        town.pair(new, sample * 7 % nodes as u16);
        let took = town.until(60_000, 5, |town| town.all_show(new, true) && town.knows_all(new));
        times.push(took.unwrap_or(60_000));
        bytes.0 = bytes.0.max((town.bytes() - before) / nodes);
        town.pass(TOLD_MS);
        bytes.1 = bytes.1.max((town.bytes() - before) / nodes);
    }
    (Times::of(times), bytes)
}

/// How many nodes show a new node as reachable, over time: (milliseconds, nodes).
#[must_use]
pub fn join_curve(seed: u64, nodes: u16) -> Vec<(u64, u16)> {
    let mut town = Town::settled(seed, nodes, 0);
    let new = town.add();
    let id = town.id(new);
    town.pair(new, 0);
    let began = town.world.now();
    let mut curve = Vec::new();
    while curve.last().is_none_or(|(at, count)| *count < nodes && *at < 20_000) {
        let shows = |(host, node): (HostIndex, &consort_core::Node)| {
            host != new && node.view().node(id).is_some_and(|view| view.reachable)
        };
        curve.push((town.world.now() - began, town.running().filter(|pair| shows(*pair)).count() as u16));
        town.pass(5);
    }
    curve
}

/// Times until all know that a process was killed (or a machine vanished).
#[must_use]
pub fn detection(seed: u64, nodes: u16, machine_too: bool, samples: u16) -> Times {
    detection_in(&mut Town::settled(seed, nodes, 0), machine_too, samples)
}

pub(super) fn detection_in(town: &mut Town, machine_too: bool, samples: u16) -> Times {
    let nodes = town.world.setting.hosts;
    let mut times = Vec::new();
    for sample in 0..samples.max(1) {
        let host = (sample * 13 + 3) % nodes;
        // Not always at the same moment after the last heartbeat.
        town.pass(u64::from(sample) * 313);
        town.world.stop(host, 0, machine_too);
        let took = town.until(30_000, 5, |town| town.all_show(host, false));
        times.push(took.unwrap_or(30_000));
        town.start(host);
        town.until(60_000, 100, |town| town.agree() && town.all_show(host, true));
        town.pass(3_000);
    }
    Times::of(times)
}

/// Bytes that each node sends per second while nothing happens.
pub fn steady_of(seed: u64, nodes: u16) -> u64 {
    steady(&mut Town::settled(seed, nodes, 0))
}

pub(crate) fn steady(town: &mut Town) -> u64 {
    const SECONDS: u64 = 60;
    let before = town.bytes();
    town.pass(SECONDS * 1_000);
    (town.bytes() - before) / SECONDS / town.world.hosts.len() as u64
}

fn steady_figure(nodes: u16, found: u64, most: u64) -> Figure {
    let target = format!("≤ {most} B/s");
    Figure::new("rest: bytes per node and second", nodes, &target, format!("{found} B/s"), found <= most)
}

/// What is promised for 50 nodes.
pub(super) fn of_fifty() -> Vec<Figure> {
    let mut town = Town::settled(1, 50, 0);
    let rest = steady(&mut town);
    let changes = changes(&mut town);
    let found = format!("p50 {} ms, p99 {} ms", changes.percentile(50), changes.percentile(99));
    let met = changes.percentile(99) <= 150;
    let mut figures = vec![
        steady_figure(50, rest, 800),
        Figure::new("an agent's change known by all", 50, "p99 ≤ 150 ms", found, met),
    ];
    let mut apart = Town::settled(2, 50, 10);
    let (joined, _) = joins(&mut apart);
    let found = format!("p50 {}, worst {}", s(joined.percentile(50)), s(joined.worst()));
    let met = joined.percentile(50) <= 1_000 && joined.worst() <= 2_000;
    let what = "10 % of pairs apart: join";
    figures.push(Figure::new(what, 50, "p50 ≤ 1.00 s, worst ≤ 2.00 s", found, met));
    for mut figure in ends(&mut apart, 50, 2) {
        figure.what = format!("10 % of pairs apart: {}", figure.what);
        figures.push(figure);
    }
    figures
}

/// Times until each other node knows that an agent has changed.
pub(super) fn changes(town: &mut Town) -> Times {
    let mut times = Vec::new();
    for sample in 0..20_u16 {
        let host = sample * 3 % town.world.setting.hosts;
        let backends = &mut town.world.hosts[host].backends;
        backends.appear(&mut town.world.agenda, format!("agent-{sample}"));
        let Some(agent) = backends.carriers.keys().next_back().copied() else { continue };
        town.pass(4_000);
        let backends = &mut town.world.hosts[host].backends;
        backends.end(&mut town.world.agenda, agent);
        times.extend(spread(town, host, agent));
        town.pass(4_000);
    }
    Times::of(times)
}

/// How long each other node still shows an agent as running.
fn spread(town: &mut Town, host: HostIndex, agent: AgentId) -> Vec<u64> {
    let (id, began) = (town.id(host), town.world.now());
    let mut waiting: Vec<HostIndex> = town.running().map(|(other, _)| other).filter(|other| *other != host).collect();
    let mut times = Vec::new();
    while !waiting.is_empty() && town.world.now() - began < 10_000 {
        let runs = |other: &HostIndex| {
            let facts = town.world.hosts[*other].node().map(consort_core::Node::facts);
            facts.and_then(|facts| facts.agent(id, agent)).is_some_and(|fact| fact.running)
        };
        let left: Vec<HostIndex> = waiting.iter().copied().filter(runs).collect();
        let took = town.world.now() - began;
        times.extend((left.len()..waiting.len()).map(|_| took));
        waiting = left;
        town.pass(1);
    }
    times.extend(waiting.iter().map(|_| 10_000));
    times
}

/// A split in two halves that heals.
pub(super) fn split(nodes: u16) -> Figure {
    let mut times = Vec::new();
    for sample in 0..3 {
        let mut town = Town::settled(10 + sample, nodes, 0);
        town.world.network.rules.split(|host| 1 << (host % 2));
        town.pass(30_000);
        town.world.network.rules.join();
        town.world.network.repeat(&mut town.world.agenda);
        let made = town.world.network.made;
        town.until(60_000, 5, |town| town.world.network.made > made);
        let all = |town: &Town| town.agree() && (0..nodes).all(|host| town.knows_all(host));
        times.push(town.until(60_000, 20, all).unwrap_or(60_000));
    }
    let times = Times::of(times);
    let found = format!("p50 {}, worst {}", s(times.percentile(50)), s(times.worst()));
    let what = "split of half, healed, after the first new link";
    Figure::new(what, nodes, "worst ≤ 2.00 s", found, times.worst() <= 2_000)
}
