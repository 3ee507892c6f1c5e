//! Lists of operations that once found a mistake, as the shrinker wrote them.

use consort_sim::{Op, Options, Scenario, Setting, run};

fn passes(scenario: Scenario) {
    assert_eq!(run(&scenario, Options::default()).failure, None);
}

/// A node that was late gave its links a fresh interval every time, and so never found out who was gone.
#[test]
fn a_node_that_is_always_late_finds_out_who_is_gone() {
    for seed in 0..20 {
        let setting = Setting { hosts: 4, late_wake_ms: 1_198, ..Setting::default() };
        let ops = vec![
            Op::Wait { ms: 200 },
            Op::Pair { host: 1 },
            Op::Pair { host: 2 },
            Op::Pair { host: 3 },
            Op::Wait { ms: 5_000 },
        ];
        passes(Scenario { seed, setting, ops });
    }
}

/// Two nodes that were comparing with others asked each other again and again, though nothing differed.
#[test]
fn a_mesh_in_which_nothing_differs_compares_nothing() {
    let of_seed = |seed| {
        let mut scenario = Scenario::of_seed(seed);
        scenario.setting.late_wake_ms = 1_124;
        scenario.setting.hosts = 5;
        scenario
    };
    for seed in 0..30 {
        passes(of_seed(seed));
    }
}
