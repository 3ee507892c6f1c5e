//! Measures the mesh in virtual time, and the simulator itself: the figures that were promised, as a table.

mod mesh;
mod scenes;
mod streams;
mod town;

pub use mesh::{detection, join_curve, of_size, steady_of};
pub use scenes::Scene;

use std::time::Instant;
use town::Town;

/// One promise and what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What is measured.
    pub what: String,
    /// How many nodes.
    pub nodes: u16,
    /// What was promised, in words.
    pub target: String,
    /// What was measured, in words.
    pub found: String,
    /// Whether the promise is kept.
    pub met: bool,
}

impl Figure {
    fn new(what: &str, nodes: u16, target: &str, found: String, met: bool) -> Self {
        Figure { what: what.to_string(), nodes, target: target.to_string(), found, met }
    }
}

/// Times in milliseconds, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times(Vec<u64>);

impl Times {
    /// Of times in any order.
    #[must_use]
    pub fn of(mut list: Vec<u64>) -> Self {
        list.sort_unstable();
        Times(list)
    }

    /// So many in a hundred are not above it.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> u64 {
        let place = (self.0.len() * percent).div_ceil(100).clamp(1, self.0.len().max(1));
        self.0.get(place - 1).copied().unwrap_or_default()
    }

    /// The largest.
    #[must_use]
    pub fn worst(&self) -> u64 {
        self.0.last().copied().unwrap_or_default()
    }
}

/// Something that can be measured by itself: its name, how many nodes it needs, and how it is done.
type Part = (&'static str, u16, fn(Say<'_>) -> Vec<Figure>);

/// Is told what is being measured.
pub type Say<'a> = &'a dyn Fn(&str);

const PARTS: [Part; 7] = [
    ("join, kill, vanish with 10 nodes", 10, |say| mesh::of_size(10, say)),
    ("join, kill, vanish with 100 nodes", 100, |say| mesh::of_size(100, say)),
    ("50 nodes", 50, |_| mesh::of_fifty()),
    ("a split of 100 nodes", 100, |_| vec![mesh::split(100)]),
    ("terminals across nodes", 3, |_| streams::figures()),
    ("the simulator", 50, |_| speed()),
    ("join, kill, vanish, rest with 1000 nodes", 1_000, of_thousand),
];

/// Measures everything for meshes of up to `most` nodes whose name contains `only`.
pub fn all(most: u16, only: &str, say: Say<'_>) -> Vec<Figure> {
    let wanted = PARTS.iter().filter(|(name, nodes, _)| *nodes <= most && name.contains(only));
    wanted.flat_map(|(name, _, measure)| (say(name), measure(say)).1).collect()
}

fn of_thousand(say: Say<'_>) -> Vec<Figure> {
    let mut figures = mesh::of_size(1_000, say);
    if let Some(megabytes) = peak_megabytes() {
        let found = format!("{megabytes} MB");
        figures.push(Figure::new("memory of the simulator at most", 1_000, "≤ 2 000 MB", found, megabytes <= 2_000));
    }
    figures
}

/// The most memory that this process ever had, where the system tells.
fn peak_megabytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1_024)
}

/// Time that this thread has computed; where the system does not tell, time that has passed.
struct Effort(Option<u64>, Instant);

impl Effort {
    fn now() -> Self {
        Effort(Self::computed_ns(), Instant::now())
    }

    fn computed_ns() -> Option<u64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_whitespace().next()?.parse().ok()
    }

    fn seconds(&self) -> f64 {
        match (self.0, Self::computed_ns()) {
            (Some(before), Some(now)) => (now - before) as f64 / 1e9,
            _ => self.1.elapsed().as_secs_f64(),
        }
    }
}

/// How fast the simulator is, and how much of that recording takes.
fn speed() -> Vec<Figure> {
    let [(events, node_seconds), (recorded, _)] = [false, true].map(speed_of);
    let share = recorded * 100.0 / events;
    vec![
        Figure::new("simulator, inputs handled per second", 50, "≥ 1 000 000", thousands(events), events >= 1e6),
        Figure::new(
            "simulator, node-seconds per second",
            50,
            "≥ 100 000",
            thousands(node_seconds),
            node_seconds >= 1e5,
        ),
        Figure::new(
            "the same inputs with every node recorded",
            50,
            "≥ 50 %",
            format!("{} ({share:.0} %)", thousands(recorded)),
            share >= 50.0,
        ),
    ]
}

/// Inputs and seconds of nodes per second of this machine.
fn speed_of(record: bool) -> (f64, f64) {
    let mut town = Town::of(1, Town::setting(50), record);
    let (inputs, seconds) = (town.inputs(), 1_000);
    let began = Effort::now();
    town.pass(seconds * 1_000);
    let took = began.seconds();
    ((town.inputs() - inputs) as f64 / took, 50.0 * seconds as f64 / took)
}

/// A large number, in words.
fn thousands(number: f64) -> String {
    format!("{:.0} thousand", number / 1e3)
}

/// The figures as a Markdown table.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let mut text = String::from("| | nodes | promised | measured | |\n|---|---|---|---|---|\n");
    for Figure { what, nodes, target, found, met } in figures {
        let verdict = if *met { "met" } else { "**missed**" };
        text += &format!("| {what} | {nodes} | {target} | {found} | {verdict} |\n");
    }
    text
}
