//! Runs many cases of the differential fuzz and prints what differs, made small and sorted by kind.

use async_signal::{Signal, Signals};
use consort_tests::differential::explained::Authority;
use consort_tests::differential::tmux::Panes;
use consort_tests::differential::{
    Case, Compared, Difference, Emulator, Recorded, Step, case, compare, explained, pty, shrink,
};
use futures_lite::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Cases at once.
const BATCH: usize = 96;
/// Cases at once while they are made smaller.
const SHRINK_BATCH: usize = 96;
/// Longest time for making cases smaller.
const SHRINKING: Duration = Duration::from_secs(90);

struct Options {
    cases: u64,
    seed: u64,
    pty: bool,
    program: Option<PathBuf>,
    /// Options of tmux, such as `scroll-on-clear off`.
    set: Vec<String>,
    small: usize,
    /// Print what viewers were sent.
    show: bool,
    /// The page's emulator is in a browser.
    browser: bool,
}

fn options() -> Options {
    let mut options = Options {
        cases: 1000,
        seed: 0,
        pty: false,
        program: None,
        set: Vec::new(),
        small: 60,
        show: false,
        browser: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        let number = |value: String| value.parse().expect("a number");
        match argument.as_str() {
            "--show" => options.show = true,
            "--browser" => options.browser = true,
            "--cases" => options.cases = number(value()),
            "--seed" => options.seed = number(value()),
            "--backend" => options.pty = value() == "pty",
            "--set" => options.set.push(value()),
            "--tmux" => options.program = Some(value().into()),
            "--shrink" => options.small = number(value()) as usize,
            _ => panic!("what is {argument}?"),
        }
    }
    options
}

/// Somebody wants it to end: what was found so far is printed.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The first signal ends the run after the batch, so that tmux and what it runs are cleaned up; the second ends it at once.
fn watch_signals() {
    let signals = Signals::new([Signal::Int, Signal::Term]).expect("signals can be received");
    std::thread::spawn(move || {
        let mut signals = std::pin::pin!(signals);
        while futures_lite::future::block_on(signals.next()).is_some() {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(1);
            }
        }
    });
}

fn main() {
    let options = options();
    watch_signals();
    let start = Instant::now();
    let panes = (!options.pty).then(|| {
        let set: Vec<&str> = options.set.iter().map(String::as_str).collect();
        Panes::start_with(options.program.as_deref(), &set)
    });
    let emulator = if options.browser { Emulator::in_browser() } else { Emulator::headless() };
    let mut bench = Bench { panes, emulator, explained: BTreeMap::new(), repaired: 0 };
    let seeds: Vec<u64> = (options.seed..options.seed + options.cases).collect();
    let mut found: Vec<(u64, Case, Difference)> = Vec::new();
    let mut tried = 0;
    for seeds in seeds.chunks(BATCH) {
        if INTERRUPTED.load(Ordering::Relaxed) {
            break;
        }
        tried += seeds.len();
        let cases: Vec<Case> = seeds.iter().map(|seed| case(*seed)).collect();
        for (at, difference) in bench.differences(&cases) {
            eprintln!("seed {}: {:?}: {}", seeds[at], difference.stage, difference.what);
            found.push((seeds[at], cases[at].clone(), difference));
        }
    }
    let any = !found.is_empty();
    eprintln!("{} of {tried} cases differ, {:?}", found.len(), start.elapsed());
    eprintln!("    {} answered by a snapshot, because the filter had a doubt", bench.repaired);
    for (reason, count) in &bench.explained {
        eprintln!("    {count} explained: {reason}");
    }
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    found.truncate(options.small);
    let small = bench.shrink(found);
    for (seed, case, difference) in small {
        let mut text =
            format!("    seed {seed}: {}\n        {:?}: {}", case.describe(), difference.stage, difference.what);
        if options.show {
            bench.run(std::slice::from_ref(&case)).iter().for_each(|recorded| text += &sent(recorded));
        }
        kinds.entry(format!("{} | {:?}", case.kind(), difference.stage)).or_default().push(text);
    }
    for (kind, all) in kinds {
        println!("## {kind} ({})", all.len());
        all.iter().take(3).for_each(|text| println!("{text}"));
    }
    // Ends tmux, which leaving at once would not.
    drop(bench);
    if any {
        std::process::exit(1);
    }
}

/// What viewers were sent, one line per step, without the table of widths.
fn sent(recorded: &Recorded) -> String {
    let mut text = String::new();
    let cut = std::slice::from_ref(&recorded.snapshot_at_cut);
    let end = std::slice::from_ref(&recorded.snapshot_at_end);
    for (name, steps) in [("before", &*recorded.before), ("cut", cut), ("after", &*recorded.after), ("end", end)] {
        for step in steps {
            let bytes = match step {
                Step::Replace(_, bytes) => bytes.splitn(2, |byte| *byte == b'\\').nth(1).unwrap_or(bytes),
                Step::Append(bytes) => bytes,
                Step::Look => continue,
            };
            let _ = write!(text, "\n        {name}: {}", bytes.escape_ascii());
        }
    }
    text
}

struct Bench {
    /// None: our own terminals.
    panes: Option<Panes>,
    emulator: Emulator,
    /// Why cases differ nevertheless, and how many.
    explained: BTreeMap<&'static str, usize>,
    /// Cases in which a doubt was answered by a snapshot.
    repaired: usize,
}

impl Bench {
    fn run(&mut self, cases: &[Case]) -> Vec<Recorded> {
        match &mut self.panes {
            Some(panes) => panes.run(cases),
            None => cases.iter().map(pty::run).collect(),
        }
    }

    fn differences(&mut self, cases: &[Case]) -> Vec<(usize, Difference)> {
        let recorded = self.run(cases);
        let compared = if self.panes.is_some() { Compared::TMUX } else { Compared::PTY };
        let tmux = self.panes.as_ref().map(|panes| (panes.version(), panes.widths()));
        let authority = tmux.as_ref().map_or(Authority::Pty, |(version, widths)| Authority::Tmux(*version, widths));
        let mut found = Vec::new();
        for (at, recorded) in recorded.iter().enumerate() {
            self.repaired += usize::from(recorded.repaired);
            let mut reasons = BTreeSet::new();
            let mut differences = compare(&mut self.emulator, recorded, compared).into_iter();
            let unexplained = differences.find(|difference| {
                let reason = explained::reason(authority, &cases[at], difference, recorded.repaired);
                reasons.extend(reason);
                reason.is_none()
            });
            match unexplained {
                Some(difference) => found.push((at, difference)),
                None => reasons.into_iter().for_each(|reason| *self.explained.entry(reason).or_default() += 1),
            }
        }
        found
    }

    /// Makes all of them smaller, side by side.
    fn shrink(&mut self, found: Vec<(u64, Case, Difference)>) -> Vec<(u64, Case, Difference)> {
        let mut all: Vec<Shrinking> = found.into_iter().map(Shrinking::new).collect();
        let start = Instant::now();
        loop {
            let busy = all.iter().filter(|one| !one.candidates.is_empty()).count();
            if busy == 0 || start.elapsed() > SHRINKING || INTERRUPTED.load(Ordering::Relaxed) {
                return all.into_iter().map(|one| (one.seed, one.case, one.difference)).collect();
            }
            let each = (SHRINK_BATCH / busy).max(1);
            let (mut owners, mut cases) = (Vec::new(), Vec::new());
            for (at, one) in all.iter_mut().enumerate() {
                let taken = one.candidates.len().min(each);
                for case in one.candidates.drain(..taken) {
                    if cases.len() < SHRINK_BATCH {
                        owners.push(at);
                        cases.push(case);
                    }
                }
            }
            let mut better = BTreeMap::new();
            for (at, difference) in self.differences(&cases) {
                better.entry(owners[at]).or_insert((cases[at].clone(), difference));
            }
            for (at, (case, difference)) in better {
                let seed = all[at].seed;
                all[at] = Shrinking::new((seed, case, difference));
            }
        }
    }
}

/// A case on its way to a smaller one.
struct Shrinking {
    seed: u64,
    case: Case,
    difference: Difference,
    candidates: Vec<Case>,
}

impl Shrinking {
    fn new((seed, case, difference): (u64, Case, Difference)) -> Self {
        let candidates = shrink::smaller(&case);
        Shrinking { seed, case, difference, candidates }
    }
}
