//! Runs a scenario and says what came of it; panics are results like others.

use crate::failure::{Checked, Failure, FailureKind};
use crate::log::Detail;
use crate::op::Op;
use crate::sabotage::Sabotage;
use crate::scenario::Scenario;
use crate::world::World;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// How a run is watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What is printed.
    pub detail: Detail,
    /// A planted bug.
    pub sabotage: Sabotage,
    /// Nothing is checked and noted: for measuring.
    pub quick: bool,
    /// Every life of every node is recorded, as by the product, and played back at the end.
    pub record: bool,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The first broken promise.
    pub failure: Option<Failure>,
    /// Events that happened.
    pub events: u64,
    /// Virtual time that passed.
    pub virtual_ms: u64,
    /// A number for everything that went into the node and came out.
    pub trace: u64,
}

/// Runs a scenario.
#[must_use]
pub fn run(scenario: &Scenario, options: Options) -> Outcome {
    let mut world = World::new(scenario, options);
    let failure = caught(|| world.play(&scenario.ops).and_then(|()| world.replay_all())).err();
    Outcome { failure, events: world.events, virtual_ms: world.now(), trace: world.trace_hash() }
}

impl World {
    /// Nodes start, everything happens, and all faults end.
    pub(crate) fn play(&mut self, ops: &[Op]) -> Checked {
        self.run_for(0)?;
        for op in ops {
            self.act(*op)?;
        }
        self.heal()
    }
}

/// Runs a scenario twice: both runs must be the same.
#[must_use]
pub fn run_twice(scenario: &Scenario, options: Options) -> Outcome {
    let first = run(scenario, options);
    let second = run(scenario, Options { detail: Detail::Nothing, ..options });
    if first == second {
        return first;
    }
    let text = format!("two runs differ: {first:?} and {second:?}");
    Outcome { failure: Some(Failure { kind: FailureKind::Nondeterminism, text }), ..first }
}

/// Does something of which a panic is a failure like others.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    keep_panics_quiet();
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    RUNNING.set(false);
    result.unwrap_or_else(|_| Err(Failure { kind: FailureKind::Crash, text: PANIC.take() }))
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
    static RUNNING: RefCell<bool> = const { RefCell::new(false) };
}

/// Panics in a run become its result; all others are printed as always.
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    RUNNING.set(true);
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if RUNNING.with_borrow(|running| *running) {
                PANIC.set(info.to_string());
            } else {
                usual(info);
            }
        }));
    });
}
