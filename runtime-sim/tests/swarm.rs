//! Seeds and arbitrary lists of operations: nothing is found, and every run is the same when it is run again.

use consort_sim::{Op, Options, Scenario, Setting, run, run_twice};
use proptest::prelude::*;

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in 0..10 {
        let outcome = run_twice(&Scenario::of_seed(seed), Options::default());
        assert_eq!(outcome.failure, None, "seed {seed}");
        assert!(outcome.events > 0 && outcome.virtual_ms > 0);
    }
}

#[test]
fn different_seeds_give_different_runs() {
    let trace = |seed| run(&Scenario::of_seed(seed), Options::default()).trace;
    assert_ne!(trace(1), trace(2));
}

#[test]
fn what_is_recorded_without_secrets_is_played_back_and_goes_as_it_went() {
    for seed in 0..30 {
        let options = Options { record: true, ..Options::default() };
        let outcome = run(&Scenario::of_seed(seed), options);
        assert_eq!(outcome.failure, None, "seed {seed}");
    }
}

fn setting() -> impl Strategy<Value = Setting> {
    let delays = (0u64..200, 0u64..50, 0u64..50, prop_oneof![Just(0u64), 0u64..1_500]);
    (1u8..4, 1u32..9, delays, 4usize..20_000, prop::sample::select(vec![100usize, 16_000, 64_000])).prop_map(
        |(pages, room, (latency_ms, order_ms, report_ms, late_wake_ms), write_bytes, chunk_bytes)| Setting {
            pages,
            latency_ms,
            room,
            order_ms,
            report_ms,
            late_wake_ms,
            chunk_bytes,
            write_bytes,
            ..Setting::default()
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    // Waits are half of it: without time nothing happens.
    let amount = prop_oneof![0u32..100, 0u32..20_000, 0u32..1_000_000];
    let any =
        (0..Op::KINDS, any::<u8>(), any::<u8>(), amount).prop_map(|(kind, a, b, amount)| Op::of(kind, a, b, amount));
    prop_oneof![any, (0u32..3_000).prop_map(|ms| Op::Wait { ms })]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_people_machines_and_faults_do_every_promise_is_kept(
        seed: u64,
        setting in setting(),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        // Something to do it to.
        let mut all = vec![
            Op::Appear { name: 0 },
            Op::Create { name: 3, pty: true, autostart: true },
            Op::Create { name: 4, pty: false, autostart: true },
            Op::Connect { page: 0 },
            Op::Wait { ms: 500 },
            Op::Attach { page: 0, terminal: 0, active: false, size: 0, take: 1 },
        ];
        all.extend(ops);
        let outcome = run(&Scenario { seed, setting, ops: all }, Options::default());
        prop_assert_eq!(outcome.failure, None);
    }
}

#[test]
fn an_agent_that_ended_while_its_start_was_being_stored_may_be_wanted_stopped() {
    let setting = Setting {
        pages: 1,
        latency_ms: 0,
        room: 1,
        order_ms: 0,
        report_ms: 13,
        write_bytes: 4,
        chunk_bytes: 100,
        ..Setting::default()
    };
    let ops = vec![
        Op::Appear { name: 0 },
        Op::Create { name: 3, pty: true, autostart: true },
        Op::Create { name: 4, pty: false, autostart: true },
        Op::Connect { page: 0 },
        Op::Wait { ms: 500 },
        Op::Attach { page: 0, terminal: 0, active: false, size: 0, take: 1 },
        Op::Wait { ms: 0 },
        Op::SlowDisk { ms: 25_177 },
        Op::RenameOutside { agent: 0, name: 2 },
        Op::Wait { ms: 0 },
        Op::Create { name: 57, pty: true, autostart: false },
        Op::Wait { ms: 12 },
        Op::Delete { agent: 106 },
        Op::Wait { ms: 0 },
        Op::Crash { kept: 1, down_ms: 0 },
        Op::Appear { name: 0 },
        Op::Wait { ms: 10 },
        Op::Start { agent: 2 },
        Op::Wait { ms: 7 },
        Op::ClosePane { terminal: 174, listed_first: false },
    ];
    let outcome = run(&Scenario { seed: 12_974_556_646_172_006_240, setting, ops }, Options::default());
    assert_eq!(outcome.failure, None);
}

#[test]
fn an_agent_whose_creation_was_refused_does_not_come_back_after_a_crash() {
    let ops = vec![
        Op::Wait { ms: 500 },
        Op::FailOperations { count: 1 },
        Op::SlowDisk { ms: 4_000 },
        Op::Create { name: 17, pty: true, autostart: false },
        Op::Wait { ms: 4_100 },
        Op::Crash { kept: 8, down_ms: 0 },
    ];
    for seed in 0..50 {
        let outcome = run(&Scenario { seed, setting: Setting::default(), ops: ops.clone() }, Options::default());
        assert_eq!(outcome.failure, None, "seed {seed}");
    }
}
