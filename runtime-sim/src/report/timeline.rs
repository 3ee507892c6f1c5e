//! One run that a person can read: machines as rows; lives, links, faults and facts as marks.

use super::plot::{escape, round_steps, ticks};
use crate::agenda::Millis;
use crate::event::HostIndex;
use crate::failure::Failure;
use crate::marks::{Mark, Marks};
use crate::run::Options;
use crate::scenario::{Preset, Scenario};
use crate::world::World;
use std::fmt::Write;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 70.0;
const ROW: f64 = 34.0;
const TOP: f64 = 24.0;

/// The run of a seed among five machines.
pub(super) fn of_seed(seed: u64) -> String {
    let scenario = Scenario::drawn(seed, Some(5), Preset::Any);
    let mut world = World::new(&scenario, Options::default());
    world.marks = Marks::kept();
    let result = world.play(&scenario.ops);
    let marks = world.marks.list();
    let last = marks.last().map_or(0, |(at, ..)| *at);
    let verdict = result.err().map_or("passes".to_string(), |Failure { text, .. }| format!("fails: {text}"));
    format!(
        "<p>Seed {seed} with 5 machines: {} operations, then all faults end. Nothing changes any more after {:.1} s; the run is \
         watched for {:.1} s and {}.</p>\
         <p>Bars: a node runs. Green, up: a link opens. Red, down: a link ends. Dots: what the node knows changes. Flags: what was \
         done there; point at one to read it, or see the list.</p>{}\
         <details><summary>What was done</summary><table>{}</table></details>",
        scenario.ops.len(),
        last as f64 / 1e3,
        world.now() as f64 / 1e3,
        escape(&verdict),
        svg(marks, world.hosts.len() as HostIndex, last.max(1)),
        list(marks)
    )
}

/// What was done, when, on which machine.
fn list(marks: &[(Millis, HostIndex, Mark)]) -> String {
    let row = |(at, host, mark): &(Millis, HostIndex, Mark)| match mark {
        Mark::Op(words) => {
            Some(format!("<tr><td>{:.3} s</td><td>host {host}</td><td>{}</td></tr>", *at as f64 / 1e3, escape(words)))
        }
        Mark::Started | Mark::Stopped | Mark::Opened | Mark::Closed | Mark::Facts => None,
    };
    marks.iter().filter_map(row).collect()
}

fn svg(marks: &[(Millis, HostIndex, Mark)], hosts: HostIndex, until: Millis) -> String {
    let height = TOP + ROW * f64::from(hosts) + 30.0;
    let (step, most) = round_steps(until as f64 / 1e3);
    let x = |at: Millis| LEFT + at as f64 / 1e3 / most * (WIDTH - LEFT - 30.0);
    let y = |host: HostIndex| TOP + ROW * f64::from(host) + ROW / 2.0;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"a run\">");
    for host in 0..hosts {
        let _ = write!(svg, "<text x=\"4\" y=\"{:.1}\">host {host}</text>", y(host) + 4.0);
        for (from, to) in lives(marks, host, until) {
            let _ = write!(
                svg,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"6\" rx=\"3\" fill=\"#0969da\" opacity=\".25\"/>",
                x(from),
                y(host) - 3.0,
                (x(to) - x(from)).max(1.0)
            );
        }
    }
    for (at, host, mark) in marks {
        svg += &drawn(x(*at), y(*host), mark);
    }
    for at in ticks(step, most) {
        let (x, y) = (x((at * 1e3) as Millis), height - 8.0);
        let _ = write!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{} s</text>",
            (at * 10.0).round() / 10.0
        );
    }
    svg + "</svg>"
}

/// From when to when the node of a machine ran.
fn lives(marks: &[(Millis, HostIndex, Mark)], host: HostIndex, until: Millis) -> Vec<(Millis, Millis)> {
    let (mut lives, mut began) = (Vec::new(), None);
    for (at, _, mark) in marks.iter().filter(|(_, other, _)| *other == host) {
        match mark {
            Mark::Started => began = Some(*at),
            Mark::Stopped => lives.extend(began.take().map(|began| (began, *at))),
            Mark::Opened | Mark::Closed | Mark::Facts | Mark::Op(_) => {}
        }
    }
    lives.extend(began.map(|began| (began, until)));
    lives
}

fn drawn(x: f64, y: f64, mark: &Mark) -> String {
    let stroke = |from: f64, to: f64, colour: &str| {
        format!(
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from:.1}\" y2=\"{to:.1}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
        )
    };
    match mark {
        Mark::Started | Mark::Stopped => String::new(),
        Mark::Opened => stroke(y - 3.0, y - 10.0, "#1a7f5a"),
        Mark::Closed => stroke(y + 3.0, y + 10.0, "#cf222e"),
        Mark::Facts => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\" fill=\"#5b6b7b\"/>"),
        Mark::Op(words) => format!(
            "<path d=\"M{x:.1} {:.1} l0 -12 l7 3 l-7 3\" fill=\"#d1632a\" stroke=\"#d1632a\"><title>{}</title></path>",
            y - 3.0,
            escape(words)
        ),
    }
}
