//! `consort-sim`: runs seeds, finds those that fail, and makes them short.

use clap::{Parser, Subcommand, ValueEnum};
use consort_recording::Ending;
use consort_recording::file::is_recording;
use consort_sim::log::Detail;
use consort_sim::replay::Manner;
use consort_sim::report;
use consort_sim::shrink::{as_test, shrink};
use consort_sim::{Failure, FailureKind, Options, Outcome, Preset, Replayed, Scenario, bench, replay, run, run_twice};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The exit code for a figure that is not as promised.
const MISSED: u8 = 6;

/// Runs the node of Consort in a simulated world. Exit codes: 0 passed, 2 something wrong happened, 3 something right did not
/// happen in time, 4 a seed gave two different runs, 5 a panic, 6 `bench --check` missed a promise.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Run one seed, twice, and compare.
    Run {
        /// Which.
        #[arg(long)]
        seed: u64,
        /// How many machines (at most 250); without it, as the seed draws.
        #[arg(long)]
        nodes: Option<u16>,
        /// Which faults exist.
        #[arg(long, value_enum, default_value = "any")]
        preset: PresetName,
        /// What to print.
        #[arg(long, value_enum, default_value = "none")]
        log: LogDetail,
    },
    /// Run many seeds.
    Swarm {
        /// How many.
        #[arg(long, default_value_t = 1_000)]
        seeds: u64,
        /// Go on for so many minutes instead.
        #[arg(long)]
        minutes: Option<u64>,
        /// The first.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many machines in each; without it, as the seed draws.
        #[arg(long)]
        nodes: Option<u16>,
        /// Threads; each runs its own seeds.
        #[arg(long, default_value_t = 1)]
        jobs: u64,
        /// Run every Nth seed twice and compare (0: none).
        #[arg(long, default_value_t = 8)]
        twice: u64,
        /// Go on after a failure and list all that fail.
        #[arg(long)]
        keep_going: bool,
    },
    /// Run a scenario that was saved to a file, or play back a recording of a real node (`consort --record DIR`): with code 4 it does
    /// not do what it did then.
    Replay {
        /// The file.
        file: PathBuf,
        /// What to print.
        #[arg(long, value_enum, default_value = "short")]
        log: LogDetail,
        /// Of a recording, only so many inputs.
        #[arg(long, value_name = "N")]
        until: Option<u64>,
    },
    /// Make the operations of a failing seed as few as possible, and print them as a test.
    Shrink {
        /// Which.
        #[arg(long)]
        seed: u64,
        /// How many machines, if not as the seed draws.
        #[arg(long)]
        nodes: Option<u16>,
        /// Save what is left to this file, for `replay`.
        #[arg(long)]
        save: Option<PathBuf>,
    },
    /// Measure what was promised, and print a table.
    Bench {
        /// The largest mesh. 1000 nodes take some minutes.
        #[arg(long, default_value_t = 100)]
        nodes: u16,
        /// Only the parts whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
        /// Only joins and ends in a mesh of this size.
        #[arg(long)]
        size: Option<u16>,
        /// Exit with 6 if a promise is missed.
        #[arg(long)]
        check: bool,
    },
    /// Write one HTML page with plots.
    Report {
        /// Where to.
        #[arg(long, default_value = "report.html")]
        out: PathBuf,
        /// The largest mesh.
        #[arg(long, default_value_t = 100)]
        nodes: u16,
        /// The seed of the run that is shown as a time-line.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum PresetName {
    /// Whatever the seed draws.
    Any,
    /// No faults.
    Calm,
    /// Faults of the network.
    Network,
    /// Crashes, power cuts, lost disks, sleep.
    Machines,
    /// What people do to the membership.
    Members,
}

impl From<PresetName> for Preset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::Any => Preset::Any,
            PresetName::Calm => Preset::Calm,
            PresetName::Network => Preset::Network,
            PresetName::Machines => Preset::Machines,
            PresetName::Members => Preset::Members,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum LogDetail {
    /// Nothing.
    None,
    /// The operations.
    Short,
    /// Also everything that goes into the node and comes out.
    Full,
}

impl From<LogDetail> for Detail {
    fn from(detail: LogDetail) -> Self {
        match detail {
            LogDetail::None => Detail::Nothing,
            LogDetail::Short => Detail::Short,
            LogDetail::Full => Detail::Full,
        }
    }
}

fn main() -> ExitCode {
    match Arguments::parse().what {
        What::Run { seed, nodes, preset, log } => {
            run_one(&Scenario::drawn(seed, nodes, preset.into()), &format!("seed {seed}"), log.into())
        }
        What::Swarm { seeds, minutes, from, nodes, jobs, twice, keep_going } => {
            let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
            let to = if until.is_some() { u64::MAX } else { from + seeds };
            let swarm = Swarm { from, to, nodes, until, twice, keep_going, ..Swarm::default() };
            swarm.run(jobs.max(1))
        }
        What::Replay { file, log, until } => replay_file(&file, log.into(), until),
        What::Shrink { seed, nodes, save } => shrink_one((seed, nodes), save.as_deref()),
        What::Bench { nodes, only, size, check } => {
            let say = |what: &str| eprintln!("measuring: {what}");
            let figures = match size {
                Some(size) => bench::of_size(size, &say),
                None => bench::all(nodes, &only, &say),
            };
            println!("{}", bench::table(&figures));
            let missed = check && figures.iter().any(|figure| !figure.met);
            if missed { MISSED.into() } else { ExitCode::SUCCESS }
        }
        What::Report { out, nodes, seed } => write_report(&out, nodes, seed),
    }
}

fn write_report(out: &Path, nodes: u16, seed: u64) -> ExitCode {
    let page = report::page(nodes, seed, &|what| eprintln!("measuring: {what}"));
    match std::fs::write(out, page) {
        Ok(()) => {
            println!("{} is written: open it in a browser", out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{} cannot be written: {error}", out.display());
            ExitCode::FAILURE
        }
    }
}

fn replay_file(file: &Path, detail: Detail, until: Option<u64>) -> ExitCode {
    let name = file.display();
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{name} cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    if is_recording(&bytes) {
        return match replay(&bytes, Manner { detail, until, ..Manner::default() }) {
            Ok(replayed) => tell(&name.to_string(), &replayed, until),
            Err(error) => {
                eprintln!("{name} is {error}");
                ExitCode::FAILURE
            }
        };
    }
    match serde_json::from_slice(&bytes) {
        Ok(scenario) => run_one(&scenario, &name.to_string(), detail),
        Err(error) => {
            eprintln!("{name} is neither a recording nor a saved scenario: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(name: &str, replayed: &Replayed, until: Option<u64>) -> ExitCode {
    let Replayed { header, inputs, outputs, virtual_ms, .. } = replayed;
    let kept = if header.all { "nothing left out" } else { "without secrets" };
    println!(
        "{name}: {} (node {}, life {}), consort {}, {kept}",
        header.name,
        header.id.short(),
        header.epoch,
        header.version
    );
    println!("{inputs} inputs and {outputs} outputs in {} s of its time", virtual_ms / 1_000);
    match &replayed.failure {
        Some(failure) => println!("{failure}"),
        None => println!("the same outputs"),
    }
    match (replayed.ending, until) {
        (Err(_), Some(until)) if *inputs == until => {}
        (Err(at), _) => println!("the recording is torn behind {at} bytes: the node was killed, or still runs"),
        (Ok(Ending::Stopped), _) => {}
        (Ok(Ending::Full), _) => println!("the recording ends here because it had reached its bound"),
        (Ok(Ending::Overrun), _) => println!("the recording ends here because the disk was too slow"),
    }
    if replayed.unfinished {
        println!("what followed from the last input was not recorded");
    }
    if replayed.failure.is_some() && header.version != env!("CARGO_PKG_VERSION") {
        println!("this is version {}: another one may well do something else", env!("CARGO_PKG_VERSION"));
    }
    exit(replayed.failure.as_ref())
}

fn exit(failure: Option<&Failure>) -> ExitCode {
    failure.map_or(ExitCode::SUCCESS, |failure| failure.kind.exit_code().into())
}

fn run_one(scenario: &Scenario, name: &str, detail: Detail) -> ExitCode {
    let outcome = run_twice(scenario, Options { detail, ..Options::default() });
    let Outcome { failure, events, virtual_ms, trace } = &outcome;
    println!("{name}: {events} events in {} s of virtual time, trace {trace:016x}", virtual_ms / 1_000);
    match failure {
        Some(failure) => println!("{failure}"),
        None => println!("passed"),
    }
    exit(failure.as_ref())
}

fn shrink_one((seed, nodes): (u64, Option<u16>), save: Option<&Path>) -> ExitCode {
    let scenario = Scenario::drawn(seed, nodes, Preset::Any);
    let Some(short) = shrink(&scenario, Options::default()) else {
        println!("seed {seed} passes");
        return ExitCode::SUCCESS;
    };
    if let Some(file) = save {
        let text = serde_json::to_string_pretty(&short).unwrap_or_default();
        if let Err(error) = std::fs::write(file, text) {
            eprintln!("{} cannot be written: {error}", file.display());
        }
    }
    let outcome = run(&short, Options { detail: Detail::Short, ..Options::default() });
    println!("\n{} of {} operations are left:\n\n{}", short.ops.len(), scenario.ops.len(), as_test(&short));
    if let Some(failure) = &outcome.failure {
        println!("// {failure}");
    }
    exit(outcome.failure.as_ref())
}

#[derive(Default)]
struct Swarm {
    from: u64,
    to: u64,
    nodes: Option<u16>,
    until: Option<Instant>,
    twice: u64,
    keep_going: bool,
    next: AtomicU64,
    stop: AtomicBool,
    done: AtomicU64,
    events: AtomicU64,
    failures: Mutex<Vec<(u64, Failure)>>,
}

impl Swarm {
    fn run(self, jobs: u64) -> ExitCode {
        let began = Instant::now();
        self.next.store(self.from, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(|| self.work())).collect();
            while workers.iter().any(|worker| !worker.is_finished()) {
                std::thread::sleep(Duration::from_millis(200));
                self.progress(began, false);
            }
        });
        self.progress(began, true);
        let mut failures = self.failures.into_inner().unwrap_or_default();
        failures.sort_by_key(|(seed, _)| *seed);
        for (seed, failure) in &failures {
            let which = self.nodes.map_or(format!("--seed {seed}"), |nodes| format!("--seed {seed} --nodes {nodes}"));
            println!(
                "seed {seed}: {failure}\n  replay: consort-sim run {which} --log short   shorten: consort-sim shrink {which}"
            );
        }
        let worst = failures.iter().max_by_key(|(_, failure)| failure.kind as u8);
        exit(worst.map(|(_, failure)| failure))
    }

    fn work(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.to || self.until.is_some_and(|until| Instant::now() > until) {
                return;
            }
            let scenario = Scenario::drawn(seed, self.nodes, Preset::Any);
            let twice = self.twice > 0 && seed.is_multiple_of(self.twice);
            let outcome = if twice { run_twice } else { run }(&scenario, Options::default());
            self.done.fetch_add(1, Ordering::Relaxed);
            self.events.fetch_add(outcome.events, Ordering::Relaxed);
            if let Some(failure) = outcome.failure {
                if let Ok(mut failures) = self.failures.lock() {
                    failures.push((seed, failure));
                }
                self.stop.fetch_or(!self.keep_going, Ordering::Relaxed);
            }
        }
    }

    fn progress(&self, began: Instant, last: bool) {
        let terminal = std::io::stderr().is_terminal();
        if !terminal && !last {
            return;
        }
        let (done, events) = (self.done.load(Ordering::Relaxed), self.events.load(Ordering::Relaxed));
        let failed = self.failures.lock().map(|failures| failures.len()).unwrap_or_default();
        let seconds = began.elapsed().as_secs_f64().max(0.001);
        let share = match self.until {
            Some(until) => seconds / (seconds + until.saturating_duration_since(Instant::now()).as_secs_f64()),
            None => done as f64 / (self.to - self.from).max(1) as f64,
        };
        let of = if self.until.is_some() { String::new() } else { format!(" of {}", self.to - self.from) };
        let line = format!(
            "{}{done}{of} seeds, {failed} failed, {:.0} seeds/s, {:.0} thousand events/s",
            if terminal { bar(share) } else { String::new() },
            done as f64 / seconds,
            events as f64 / seconds / 1e3
        );
        let end = if last { "\n" } else { "" };
        // A closed standard error is no reason to stop.
        let _ = write!(std::io::stderr(), "{}{line}{end}", if terminal { "\r\x1b[K" } else { "" });
    }
}

/// How much is done, as a bar.
fn bar(share: f64) -> String {
    const WIDTH: usize = 24;
    let full = ((share.clamp(0.0, 1.0) * WIDTH as f64) as usize).min(WIDTH);
    format!("[{}{}] ", "█".repeat(full), "░".repeat(WIDTH - full))
}

const _: () = assert!((FailureKind::Safety as u8) < (FailureKind::Crash as u8));
