//! Makes a failing list of operations short: delta debugging, then smaller quantities.

use crate::failure::Failure;
use crate::op::Op;
use crate::run::{Options, run};
use crate::scenario::{Scenario, Setting};

/// A scenario that fails in the same way and from which nothing can be left out. `None`: it does not fail.
#[must_use]
pub fn shrink(scenario: &Scenario, options: Options) -> Option<Scenario> {
    let failure = &essence(&run(scenario, options).failure?);
    let mut best = scenario.clone();
    calm(&mut best, failure, options);
    loop {
        let before = best.clone();
        drop_ops(&mut best, failure, options);
        shorten_waits(&mut best, failure, options);
        if best == before {
            return Some(best);
        }
    }
}

fn fails(scenario: &Scenario, failure: &str, options: Options) -> bool {
    run(scenario, options).failure.is_some_and(|other| essence(&other) == *failure)
}

/// What makes two failures the same: the kind and the words without numbers.
fn essence(failure: &Failure) -> String {
    let words = failure.text.chars().filter(|c| !c.is_ascii_digit()).take(60);
    format!("{:?} {}", failure.kind, words.collect::<String>())
}

fn try_instead(best: &mut Scenario, other: Scenario, failure: &str, options: Options) -> bool {
    let better = other != *best && fails(&other, failure, options);
    if better {
        *best = other;
    }
    better
}

/// Brings every part of the setting to its calm value, if the failure does not need it.
fn calm(best: &mut Scenario, failure: &str, options: Options) {
    let calm = Setting::default();
    let steps: [fn(&mut Setting, &Setting); 9] = [
        |setting, calm| setting.pages = calm.pages.min(setting.pages),
        |setting, calm| setting.latency_ms = calm.latency_ms,
        |setting, calm| setting.room = calm.room,
        |setting, calm| setting.order_ms = calm.order_ms,
        |setting, calm| setting.report_ms = calm.report_ms,
        |setting, calm| setting.late_wake_ms = calm.late_wake_ms,
        |setting, calm| setting.chunk_bytes = calm.chunk_bytes,
        |setting, calm| setting.write_bytes = calm.write_bytes,
        |setting, calm| setting.snapshot_bytes = calm.snapshot_bytes,
    ];
    for step in steps {
        let mut other = best.clone();
        step(&mut other.setting, &calm);
        try_instead(best, other, failure, options);
    }
}

fn drop_ops(best: &mut Scenario, failure: &str, options: Options) {
    let mut size = best.ops.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < best.ops.len() {
            let mut other = best.clone();
            other.ops.drain(at..(at + size).min(best.ops.len()));
            if !try_instead(best, other, failure, options) {
                at += size;
            }
        }
        if size == 1 {
            return;
        }
        size = size.div_ceil(2);
    }
}

fn shorten_waits(best: &mut Scenario, failure: &str, options: Options) {
    for at in 0..best.ops.len() {
        let Op::Wait { ms } = best.ops[at] else { continue };
        for shorter in [0, 100, 1_000, ms / 2] {
            let mut other = best.clone();
            other.ops[at] = Op::Wait { ms: shorter };
            if shorter < ms && try_instead(best, other, failure, options) {
                break;
            }
        }
    }
}

/// The scenario as a test to paste into `tests/regressions.rs`.
#[must_use]
pub fn as_test(scenario: &Scenario) -> String {
    let mut text = format!("#[test]\nfn seed_{}() {{\n", scenario.seed);
    text += &format!("    let setting = {:?};\n    let ops = vec![\n", scenario.setting);
    for op in &scenario.ops {
        text += &format!("        Op::{op:?},\n");
    }
    text += &format!("    ];\n    passes(Scenario {{ seed: {}, setting, ops }});\n}}\n", scenario.seed);
    text
}
