//! `consort-sim`: runs seeds, finds those that fail, and makes them short.

use clap::{Parser, Subcommand, ValueEnum};
use consort_sim::log::Detail;
use consort_sim::shrink::{as_test, shrink};
use consort_sim::{Failure, FailureKind, Options, Outcome, Scenario, run, run_twice};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Runs the node of Consort in a simulated world. Exit codes: 0 passed, 2 something wrong happened, 3 something right did not
/// happen in time, 4 a seed gave two different runs, 5 a panic.
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
        /// What to print.
        #[arg(long, value_enum, default_value = "none")]
        log: LogDetail,
    },
    /// Run many seeds.
    Swarm {
        /// How many.
        #[arg(long, default_value_t = 1_000)]
        seeds: u64,
        /// The first.
        #[arg(long, default_value_t = 0)]
        from: u64,
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
    /// Make the operations of a failing seed as few as possible, and print them as a test.
    Shrink {
        /// Which.
        #[arg(long)]
        seed: u64,
    },
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
        What::Run { seed, log } => run_one(seed, log.into()),
        What::Swarm { seeds, from, jobs, twice, keep_going } => {
            let swarm = Swarm { from, to: from + seeds, twice, keep_going, ..Swarm::default() };
            swarm.run(jobs.max(1))
        }
        What::Shrink { seed } => shrink_one(seed),
    }
}

fn exit(failure: Option<&Failure>) -> ExitCode {
    failure.map_or(ExitCode::SUCCESS, |failure| failure.kind.exit_code().into())
}

fn run_one(seed: u64, detail: Detail) -> ExitCode {
    let outcome = run_twice(&Scenario::of_seed(seed), Options { detail, ..Options::default() });
    let Outcome { failure, events, virtual_ms, trace } = &outcome;
    println!("seed {seed}: {events} events in {} s of virtual time, trace {trace:016x}", virtual_ms / 1_000);
    match failure {
        Some(failure) => println!("{failure}"),
        None => println!("passed"),
    }
    exit(failure.as_ref())
}

fn shrink_one(seed: u64) -> ExitCode {
    let scenario = Scenario::of_seed(seed);
    let Some(short) = shrink(&scenario, Options::default()) else {
        println!("seed {seed} passes");
        return ExitCode::SUCCESS;
    };
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
            println!(
                "seed {seed}: {failure}\n  replay: consort-sim run --seed {seed} --log short   shorten: consort-sim shrink --seed {seed}"
            );
        }
        let worst = failures.iter().max_by_key(|(_, failure)| failure.kind as u8);
        exit(worst.map(|(_, failure)| failure))
    }

    fn work(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.to {
                return;
            }
            let scenario = Scenario::of_seed(seed);
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
        let line = format!(
            "{done} of {} seeds, {failed} failed, {:.0} seeds/s, {:.0} thousand events/s",
            self.to - self.from,
            done as f64 / seconds,
            events as f64 / seconds / 1e3
        );
        let end = if last { "\n" } else { "" };
        // A closed standard error is no reason to stop.
        let _ = write!(std::io::stderr(), "{}{line}{end}", if terminal { "\r\x1b[K" } else { "" });
    }
}

const _: () = assert!((FailureKind::Safety as u8) < (FailureKind::Crash as u8));
