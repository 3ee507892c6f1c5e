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

/// Each of several inputs that a node may not send was reported lost under its own number; the second report said that the first
/// was written.
#[test]
fn inputs_of_a_node_that_may_only_look_are_lost_together() {
    let setting = Setting { hosts: 5, pages: 4, report_ms: 3, link_ms: (3, 17), jitter_ms: 5, ..Setting::default() };
    let ops = vec![
        Op::Go { host: 1 },
        Op::Pair { host: 0 },
        Op::Go { host: 2 },
        Op::Pair { host: 1 },
        Op::Create { name: 5, pty: true, autostart: true },
        Op::Wait { ms: 250 },
        Op::Attach { page: 1, terminal: 40, active: false, size: 173, take: 20 },
        Op::Admit { host: 251, view_only: true },
        Op::Type { page: 105, stream: 220, bytes: 0 },
        Op::Type { page: 5, stream: 125, bytes: 2_424 },
    ];
    for seed in 8_900..8_920 {
        passes(Scenario { seed, setting, ops: ops.clone() });
    }
}

/// The end of a conflict between two lives of one identity was not told to lists.
#[test]
fn lists_learn_that_a_conflict_is_over() {
    let ops = vec![
        Op::Wait { ms: 200 },
        Op::Pair { host: 1 },
        Op::Pair { host: 2 },
        Op::Wait { ms: 2_000 },
        Op::Copy { ms: 20_000 },
        Op::Wait { ms: 40_000 },
    ];
    for seed in 0..20 {
        let setting = Setting { hosts: 3, ..Setting::default() };
        passes(Scenario { seed, setting, ops: ops.clone() });
    }
}

/// What was typed before another node restarted was written under a number that stood for something else by then, and that other
/// input was acknowledged without being written.
#[test]
fn input_from_before_a_restart_is_not_taken_for_what_is_typed_after_it() {
    let setting =
        Setting { hosts: 4, pages: 2, latency_ms: 384, link_ms: (40, 46), jitter_ms: 4, ..Setting::default() };
    let ops = vec![
        Op::Go { host: 2 },
        Op::Pair { host: 0 },
        Op::Create { name: 5, pty: false, autostart: false },
        Op::Connect { page: 0 },
        Op::Wait { ms: 500 },
        Op::Attach { page: 0, terminal: 237, active: false, size: 146, take: 147 },
        Op::Wait { ms: 250 },
        Op::Crash { kept: 123, down_ms: 3 },
        Op::Wait { ms: 270 },
        Op::Type { page: 130, stream: 223, bytes: 64 },
        Op::Wait { ms: 500 },
        Op::Type { page: 246, stream: 51, bytes: 3_736 },
    ];
    for seed in 21_850..21_950 {
        passes(Scenario { seed, setting, ops: ops.clone() });
    }
}

/// A node that had removed another one, and admitted it again, carried out once more what that had asked before.
#[test]
fn what_was_asked_before_a_removal_is_not_carried_out_again_after_it() {
    let setting = Setting { hosts: 4, pages: 1, link_ms: (4, 27), ..Setting::default() };
    let ops = vec![
        Op::Go { host: 1 },
        Op::Pair { host: 0 },
        Op::Go { host: 2 },
        Op::Pair { host: 1 },
        Op::Go { host: 3 },
        Op::Pair { host: 2 },
        Op::Go { host: 0 },
        Op::Create { name: 5, pty: false, autostart: true },
        Op::Go { host: 3 },
        Op::Wait { ms: 125 },
        Op::Remove { host: 209 },
        Op::Go { host: 137 },
        Op::CreateAt { host: 44, name: 206, pty: true },
        Op::Wait { ms: 13 },
        Op::Pair { host: 22 },
    ];
    for seed in 5_340..5_380 {
        passes(Scenario { seed, setting, ops: ops.clone() });
    }
}

/// A session that a copy of a machine had agreed to was used for the machine itself, which never answered, for as long as somebody looked.
#[test]
fn what_a_copy_has_agreed_to_does_not_keep_the_original_from_being_seen() {
    let setting = Setting { hosts: 2, link_ms: (16, 17), jitter_ms: 1, ..Setting::default() };
    let ops = vec![
        Op::Go { host: 1 },
        Op::Pair { host: 0 },
        Op::Appear { name: 0 },
        Op::Connect { page: 2 },
        Op::Wait { ms: 250 },
        Op::Block { from: 191, to: 222 },
        Op::Copy { ms: 9_466 },
        Op::Attach { page: 182, terminal: 63, active: false, size: 198, take: 12 },
        Op::Wait { ms: 4_919 },
    ];
    for seed in 4_600..4_680 {
        passes(Scenario { seed, setting, ops: ops.clone() });
    }
}

/// An answer that a slow backend had not typed yet did not keep a second one from being typed, three seconds later.
#[test]
fn a_question_is_answered_once_however_slow_its_terminal_is() {
    let mut ops = vec![
        Op::Wait { ms: 100 },
        Op::Create { name: 0, pty: false, autostart: true },
        Op::Wait { ms: 200 },
        Op::Pose { terminal: 0, asks: true },
        Op::Wait { ms: 3_000 },
        Op::SlowBackends { ms: 20_000 },
    ];
    for _ in 0..20 {
        ops.extend([Op::Answer { agent: 0, late: false, twice: true }, Op::Wait { ms: 900 }]);
    }
    for seed in 0..20 {
        passes(Scenario { seed, setting: Setting::default(), ops: ops.clone() });
    }
}
