//! The oracles see: every planted bug is found, by the kind of check that should find it.

use consort_sim::{Failure, FailureKind, Op, Options, Sabotage, Scenario, Setting, run};

/// Pages look at, type into and command two agents, while nothing fails.
fn busy() -> Scenario {
    let mut ops = vec![
        Op::Wait { ms: 100 },
        Op::Create { name: 0, pty: false, autostart: true },
        Op::Create { name: 2, pty: true, autostart: false },
        Op::Connect { page: 0 },
        Op::Connect { page: 1 },
        Op::Wait { ms: 200 },
    ];
    for page in 0..2 {
        for terminal in 0..2 {
            ops.push(Op::Attach { page, terminal, active: false, size: 30 * page, take: 2 });
        }
    }
    for round in 0..13 {
        ops.push(Op::Wait { ms: 300 });
        ops.push(Op::Print { terminal: round, bytes: 100_000 });
        ops.push(Op::Type { page: round, stream: round / 2, bytes: 10 });
        ops.push(Op::Notes { agent: round, stale: false });
        ops.push(Op::Resize { page: round, stream: round / 2, size: 7 * round, take: 2 });
        if round == 5 {
            ops.extend([Op::Wait { ms: 300 }, Op::Crash { kept: 9, down_ms: 100 }]);
        }
    }
    Scenario { seed: 3, setting: Setting { pages: 2, ..Setting::default() }, ops }
}

/// An agent asks and is answered, then asks something else just before it is answered.
fn asking() -> Scenario {
    let mut ops = vec![Op::Wait { ms: 100 }, Op::Create { name: 0, pty: false, autostart: true }, Op::Wait { ms: 200 }];
    let pose = Op::Pose { terminal: 0, asks: true };
    let answer = Op::Answer { agent: 0, late: false, twice: false };
    for _ in 0..5 {
        ops.extend([pose, Op::Wait { ms: 2_500 }, answer, Op::Wait { ms: 2_500 }]);
        // What it printed is seen, so its screen is read once more.
        let print = Op::Print { terminal: 0, bytes: 10 };
        let look = Op::Look { agent: 0, title: 0, bell: false, shell: false };
        ops.extend([pose, Op::Wait { ms: 2_500 }, print, look, Op::Wait { ms: 2_500 }, pose, answer]);
        ops.push(Op::Wait { ms: 2_500 });
    }
    Scenario { seed: 1, setting: Setting::default(), ops }
}

fn found(scenario: &Scenario, sabotage: Sabotage) -> Option<(FailureKind, String)> {
    let outcome = run(scenario, Options { sabotage, ..Options::default() });
    outcome.failure.map(|failure| (failure.kind, failure.text))
}

#[test]
fn without_a_planted_bug_nothing_is_found() {
    for scenario in [busy(), asking()] {
        assert_eq!(found(&scenario, Sabotage::None), None);
    }
}

#[test]
fn every_planted_bug_of_one_machine_is_found_and_named() {
    for sabotage in Sabotage::ALL {
        let (kind, words) = match sabotage {
            Sabotage::DropData | Sabotage::DoubleData | Sabotage::ShiftSnapshots => (FailureKind::Safety, "follows"),
            Sabotage::IgnoreAcks => (FailureKind::Liveness, "bytes"),
            Sabotage::LoseWrites => (FailureKind::Safety, "acknowledged but is not written"),
            Sabotage::RepeatWrites => (FailureKind::Safety, "written twice"),
            Sabotage::MuteEvents => (FailureKind::Safety, "no event told"),
            Sabotage::ForgetStores => (FailureKind::Liveness, "is stored otherwise"),
            Sabotage::LoseReplies => (FailureKind::Liveness, "no answer"),
            Sabotage::WrongHolders => (FailureKind::Liveness, "holders"),
            _ => continue,
        };
        let (found_kind, text) = found(&busy(), sabotage).unwrap_or_else(|| panic!("{sabotage:?} was not found"));
        assert_eq!(found_kind, kind, "{sabotage:?}: {text}");
        assert!(text.contains(words), "{sabotage:?}: {text}");
    }
}

#[test]
fn every_planted_bug_of_answers_is_found_and_named() {
    for (sabotage, words) in [
        (Sabotage::StaleScreens, "was typed when the screen showed"),
        (Sabotage::DoubleAnswers, "two answers"),
        (Sabotage::WrongAnswers, "was typed when the screen showed"),
        (Sabotage::LoseAnswers, "counts as answered"),
    ] {
        let (kind, text) = found(&asking(), sabotage).unwrap_or_else(|| panic!("{sabotage:?} was not found"));
        assert!(kind == FailureKind::Safety && text.contains(words), "{sabotage:?}: {text}");
    }
}

/// The first seed that finds it, and how.
fn first_seed(sabotage: Sabotage) -> Option<(u64, Failure)> {
    let options = Options { sabotage, ..Options::default() };
    (0..400).find_map(|seed| Some((seed, run(&Scenario::of_seed(seed), options).failure?)))
}

#[test]
fn every_planted_bug_is_found_by_the_swarm_within_400_seeds() {
    for sabotage in Sabotage::ALL {
        let (seed, failure) = first_seed(sabotage).unwrap_or_else(|| panic!("{sabotage:?} was not found"));
        println!("{sabotage:?}: seed {seed}: {}", failure.text.chars().take(110).collect::<String>());
    }
}
