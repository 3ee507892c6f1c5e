//! A relay that breaks the rules: two machines that reach each other only over it look at each other's terminals, type and command.

use consort_sim::{FailureKind, Op, Options, Outcome, Sabotage, Scenario, Setting, run};

/// What the machine in the middle can do to parcels, as numbers of [`Op::Betray`]: change, forge, repeat.
const MANNERS: [u8; 3] = [5, 6, 7];

fn over_a_traitor(seed: u64, kind: u8, sabotage: Sabotage) -> Outcome {
    let mut ops = vec![
        Op::Pair { host: 1 },
        Op::Go { host: 1 },
        Op::Pair { host: 2 },
        Op::Wall { from: 0, to: 2 },
        Op::Wall { from: 2, to: 0 },
        Op::Go { host: 2 },
        Op::Create { name: 0, pty: false, autostart: true },
        Op::Wait { ms: 3_000 },
        Op::Go { host: 1 },
        Op::Betray { kind },
        Op::Go { host: 0 },
        Op::Connect { page: 0 },
        Op::Wait { ms: 300 },
        Op::Attach { page: 0, terminal: 0, active: false, size: 30, take: 2 },
    ];
    for round in 0..20 {
        ops.push(Op::Wait { ms: 400 });
        ops.push(Op::Print { terminal: 0, bytes: 20_000 });
        ops.push(Op::Type { page: 0, stream: 0, bytes: 10 });
        ops.push(Op::Notes { agent: round, stale: false });
        if round % 7 == 6 {
            // The relay still knows what was said to and by the life before.
            ops.push(Op::Crash { kept: 9, down_ms: 200 });
        }
    }
    let setting = Setting { hosts: 3, pages: 1, ..Setting::default() };
    run(&Scenario { seed, setting, ops }, Options { sabotage, ..Options::default() })
}

#[test]
fn whatever_a_relay_does_to_parcels_nothing_comes_of_it_but_loss() {
    for kind in MANNERS {
        for seed in 0..10 {
            assert_eq!(over_a_traitor(seed, kind, Sabotage::None).failure, None, "seed {seed}, manner {kind}");
        }
    }
}

#[test]
fn if_seals_were_not_looked_at_it_would_be_seen() {
    let found = (0..40).filter_map(|seed| over_a_traitor(seed, 0, Sabotage::ChangeParcels).failure);
    let unsafe_ones = found.filter(|failure| failure.kind == FailureKind::Safety).count();
    assert!(unsafe_ones > 0, "parcels were changed, and nobody noticed");
}

/// As a number of [`Op::Betray`]: the machine is of a later version.
const LATER: u8 = 8;

#[test]
fn a_machine_that_was_of_another_version_is_met_again_when_it_is_of_this_one() {
    for seed in 0..20 {
        let ops = vec![
            Op::Pair { host: 1 },
            Op::Pair { host: 2 },
            Op::Wait { ms: 1_000 },
            Op::Go { host: 1 },
            Op::Betray { kind: LATER },
            Op::Crash { kept: 9, down_ms: 200 },
            Op::Create { name: 0, pty: false, autostart: true },
            Op::Wait { ms: 20_000 },
        ];
        let outcome =
            run(&Scenario { seed, setting: Setting { hosts: 3, ..Setting::default() }, ops }, Options::default());
        assert_eq!(outcome.failure, None, "seed {seed}");
    }
}
