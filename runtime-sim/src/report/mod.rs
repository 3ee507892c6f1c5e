//! One HTML page with plots, without any other file: how fast a mesh converges, what it costs, and what happened in one run.

mod plot;
mod timeline;

use crate::bench::{Times, detection, join_curve, steady_of};
use plot::{Plot, escape};

/// Sizes of meshes that are compared.
const SIZES: [u16; 5] = [5, 10, 25, 50, 100];

/// The page: meshes of up to `most` nodes, and the run of a seed. `say` is told what is being measured.
pub fn page(most: u16, seed: u64, say: &dyn Fn(&str)) -> String {
    let sizes: Vec<u16> = SIZES.into_iter().filter(|size| *size <= most.max(5)).collect();
    let sections = [
        ("A node joins", joining(&sizes, say)),
        ("A node ends", ending(&sizes, say)),
        ("At rest", resting(&sizes, say)),
        ("One run", run(seed, say)),
    ];
    let body: String = sections.iter().map(|(title, body)| format!("<h2>{}</h2>\n{body}\n", escape(title))).collect();
    format!("{HEAD}<h1>The mesh of Consort, simulated</h1>\n{body}</body></html>\n")
}

fn joining(sizes: &[u16], say: &dyn Fn(&str)) -> String {
    let mut plot = Plot::new("milliseconds since it was paired", "percent of nodes that show it as reachable");
    for size in sizes {
        say(&format!("a join at {size} nodes"));
        let curve = join_curve(1, *size);
        let share = |(at, count): &(u64, u16)| (*at as f64, f64::from(*count) * 100.0 / f64::from(*size));
        plot.line(&format!("{size} nodes"), curve.iter().map(share).collect());
    }
    format!("<p>One node is paired with one member; a message takes 1 to 20 ms on each link.</p>{}", plot.html())
}

fn ending(sizes: &[u16], say: &dyn Fn(&str)) -> String {
    let mut html = String::new();
    for (machine_too, name) in [(false, "its process is killed"), (true, "its machine vanishes")] {
        let mut plot = Plot::new("nodes", "milliseconds until all know");
        let mut points = Vec::new();
        for size in sizes {
            say(&format!("{name} at {size} nodes"));
            let times: Times = detection(1, *size, machine_too, 3);
            points.push((f64::from(*size), times.worst() as f64));
        }
        plot.line(name, points);
        html += &format!("<p>When {name}: the worst of three times.</p>{}", plot.html());
    }
    html
}

fn resting(sizes: &[u16], say: &dyn Fn(&str)) -> String {
    let mut plot = Plot::new("nodes", "bytes per node and second");
    let mut points = Vec::new();
    for size in sizes {
        say(&format!("rest at {size} nodes"));
        points.push((f64::from(*size), steady_of(1, *size) as f64));
    }
    plot.line("sent while nothing happens", points);
    format!(
        "<p>Sent while nothing happens: heartbeats on every link. Up to 64 nodes all link to all; above, to a few.</p>{}",
        plot.html()
    )
}

fn run(seed: u64, say: &dyn Fn(&str)) -> String {
    say(&format!("the run of seed {seed}"));
    timeline::of_seed(seed)
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Consort: the mesh, simulated</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #d0d7de; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #3d444d; --paper: #0d1117 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
svg { width: 100%; height: auto } svg text { fill: var(--ink); font: 12px system-ui, sans-serif }
svg .axis { stroke: var(--faint) } svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round }
figure { margin: 0 } figure ul { display: flex; flex-wrap: wrap; gap: 0 1.5rem; list-style: none; margin: 0 0 .5rem; padding: 0 }
figure li::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .4em; background: var(--line) }
h2 { margin-top: 2.5rem } table { border-collapse: collapse } td { padding: .1rem 1rem .1rem 0; vertical-align: top }
td:first-child { text-align: right; font-variant-numeric: tabular-nums }
</style></head><body>
"#;
