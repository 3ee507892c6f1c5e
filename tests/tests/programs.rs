//! The real agent programs, by pinned versions, in every situation of their lives: what the node shows is what is true.

use consort_tests::agents::{Program, Row, Scale, Verdict, Version, table};

/// Rows that are known to be wrong. The test fails when one of them becomes right, so that this list stays true.
const KNOWN_WRONG: &[(Program, &str, &str)] = &[
    // What is sent to a program that still starts is typed before it listens, and lost.
    (Program::Claude, "early", "*"),
    (Program::Codex, "early", "*"),
    (Program::Gemini, "early", "*"),
    (Program::OpenCode, "early", "*"),
    // There is no state for failures.
    (Program::Claude, "retrying", "*"),
    (Program::Claude, "overloaded", "*"),
    (Program::Claude, "quota", "*"),
    (Program::Claude, "refused", "*"),
    (Program::Codex, "retrying", "*"),
    (Program::Codex, "quota", "*"),
    (Program::Codex, "refused", "*"),
    (Program::Gemini, "retrying", "*"),
    (Program::Gemini, "quota", "*"),
    (Program::Gemini, "refused", "*"),
    (Program::OpenCode, "retrying", "*"),
    (Program::OpenCode, "quota", "*"),
    (Program::OpenCode, "refused", "*"),
    // Its title blinks while it asks, which counts as work.
    (Program::Codex, "permission", "*"),
    (Program::Codex, "cursor-moved", "*"),
    (Program::Codex, "question", "*"),
    // Its questions are not known.
    (Program::OpenCode, "permission", "*"),
    (Program::OpenCode, "cursor-moved", "*"),
    (Program::OpenCode, "question", "*"),
];

/// Rows that are right or wrong by chance: prose that is taken for what it looks like, and what was printed last.
const UNSTEADY: &[(Program, &str, &str)] = &[
    (Program::Claude, "rest", "*"),
    (Program::Claude, "trust", "*"),
    (Program::Claude, "finished", "*"),
    (Program::Claude, "prose-question", "*"),
    (Program::Claude, "prose-work", "*"),
    (Program::Claude, "interrupted", "*"),
    (Program::Codex, "rest", "*"),
    (Program::Codex, "trust", "*"),
    (Program::Codex, "login", "*"),
    (Program::Codex, "finished", "*"),
    (Program::Codex, "prose-question", "*"),
    (Program::Codex, "prose-work", "*"),
    (Program::Codex, "interrupted", "*"),
    (Program::Gemini, "rest", "*"),
    (Program::Gemini, "trust", "*"),
    (Program::Gemini, "login", "*"),
    (Program::Gemini, "plan", "*"),
    (Program::Gemini, "finished", "*"),
    (Program::Gemini, "prose-question", "*"),
    (Program::Gemini, "prose-work", "*"),
    (Program::Gemini, "interrupted", "*"),
    (Program::OpenCode, "rest", "*"),
    (Program::OpenCode, "finished", "*"),
    (Program::OpenCode, "prose-question", "*"),
    (Program::OpenCode, "prose-work", "*"),
    (Program::OpenCode, "interrupted", "*"),
];

fn is_in(list: &[(Program, &str, &str)], row: &Row) -> bool {
    list.iter().any(|(program, situation, backend)| {
        row.program == *program
            && row.situation.name() == *situation
            && (*backend == "*" || row.stage.backend == *backend)
    })
}

#[test]
fn the_node_shows_what_every_program_does() {
    let programs = [Program::Claude, Program::Codex, Program::Gemini, Program::OpenCode];
    let rows = table::play(&programs, Version::Pinned, Scale::Test);
    println!("{}", table::print(&rows));
    let mut problems = Vec::new();
    for row in &rows {
        let name = row.name();
        match &row.verdict {
            Verdict::Wrong(states) if !is_in(KNOWN_WRONG, row) && !is_in(UNSTEADY, row) => {
                problems.push(format!(
                    "{name}: shown as {}, and not as {}",
                    states.join(", "),
                    row.situation.right().join(" or ")
                ));
            }
            Verdict::Right { .. } if is_in(KNOWN_WRONG, row) => {
                problems.push(format!("{name}: is right now; take it out of KNOWN_WRONG"));
            }
            Verdict::NotBrought(reason) => problems.push(format!("{name}: could not be brought about: {reason}")),
            _ => {}
        }
    }
    assert!(problems.is_empty(), "{} rows:\n{}", problems.len(), problems.join("\n"));
}
