//! The real agent programs, by pinned versions, in every situation of their lives: what the node shows is what is true.

use consort_tests::agents::{Program, Row, Scale, Verdict, Version, table};

/// Rows that are known to be wrong. The test fails when one of them becomes right, so that this list stays true.
const KNOWN_WRONG: &[(Program, &str, &str)] = &[
    // Their screens look the same as when they work.
    (Program::Codex, "retrying", "*"),
    (Program::Gemini, "retrying", "*"),
    (Program::Gemini, "quota", "*"),
];

/// Rows that are right in most runs and not in all. Why is not known yet.
const UNSTEADY: &[(Program, &str, &str)] = &[(Program::Codex, "login", "*")];

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
            Verdict::Wrong(_) if is_in(UNSTEADY, row) => {}
            Verdict::Wrong(states) if !is_in(KNOWN_WRONG, row) => {
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
