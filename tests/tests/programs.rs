//! The real agent programs, by pinned versions, in every situation of their lives: what the node shows is what is true.

use consort_tests::agents::program::Setup;
use consort_tests::agents::{Actor, Program, Row, Scale, Situation, Stage, Verdict, Version, table};
use consort_tests::model::Scene;
use consort_tests::{TestNode, wait_until};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Rows that are known to be wrong. The test fails when one of them becomes right, so that this list stays true.
const KNOWN_WRONG: &[(Program, &str, &str)] = &[
    // Nothing that it shows differs from work: see docs/agents.md.
    (Program::Gemini, "retrying", "*"),
];

fn is_in(list: &[(Program, &str, &str)], row: &Row) -> bool {
    list.iter().any(|(program, situation, backend)| {
        row.program == *program
            && row.situation.name() == *situation
            && (*backend == "*" || row.stage.backend == *backend)
    })
}

/// What is not as it should be, by the name of the row.
fn problems(rows: &[Row]) -> BTreeMap<String, (Program, String)> {
    let problem = |row: &Row| match &row.verdict {
        Verdict::Wrong { states, .. } if !is_in(KNOWN_WRONG, row) => Some(format!(
            "shown as {}, and not as {}",
            states.join(", "),
            row.situation.right(row.program).join(" or ")
        )),
        Verdict::Right { .. } if is_in(KNOWN_WRONG, row) => Some("is right now; take it out of KNOWN_WRONG".to_owned()),
        Verdict::NotBrought(reason) => Some(format!("could not be brought about: {reason}")),
        _ => None,
    };
    rows.iter().filter_map(|row| Some((row.name(), (row.program, problem(row)?)))).collect()
}

/// A row fails if it is wrong twice: other people's programs on a busy machine do not always do what they do. What was wrong once is
/// printed. Seen so far: an Enter that Gemini takes for a part of what was pasted before it, and Codex at work shown as idle for
/// moments.
#[test]
fn the_node_shows_what_every_program_does() {
    let programs = [Program::Claude, Program::Codex, Program::Gemini, Program::OpenCode];
    let rows = table::play(&programs, Version::Pinned, Scale::Test);
    println!("{}", table::print(&rows));
    let first = problems(&rows);
    let again: Vec<Program> =
        programs.into_iter().filter(|program| first.values().any(|(of, _)| of == program)).collect();
    if again.is_empty() {
        return;
    }
    let second = problems(&table::play(&again, Version::Pinned, Scale::Test));
    let mut twice = Vec::new();
    for (name, (_, problem)) in first {
        if second.contains_key(&name) {
            twice.push(format!("{name}: {problem}"));
        } else {
            println!("unsteady: {name}: {problem}");
        }
    }
    assert!(twice.is_empty(), "{} rows, twice:\n{}", twice.len(), twice.join("\n"));
}

/// An answer in words reaches the place that a program has for it.
#[test]
fn questions_are_answered_in_words() {
    let node = Arc::new(TestNode::start());
    let start = |program: Program| {
        let stage = Stage { backend: "tmux", watched: false, hooks: true };
        match program.find(Version::Pinned) {
            Ok(installed) => Some(Actor::start(&node, &installed, Setup::Ready, stage, Duration::from_secs(30))),
            Err(reason) => {
                println!("skipped: {}: {reason}", program.name());
                None
            }
        }
    };
    let answer = |actor: &mut Actor, with: &[&str]| {
        let name = actor.look().expect("a screen").agent["name"].as_str().expect("a name").to_owned();
        let (code, _, said) = node.cli(&[&["answer", name.as_str()], with].concat());
        assert_eq!(code, 0, "{said}");
    };
    let actors = [Program::Claude, Program::OpenCode].map(start);
    for actor in actors.into_iter().flatten() {
        let mut actor = actor;
        let program = actor.installed.program.name();
        Situation::Question.bring(&mut actor).unwrap_or_else(|why| panic!("{program}: {why}"));
        wait_until("the place for words", || actor.state()["question"]["free_text"] == true);
        answer(&mut actor, &["--text", "purple, or 2 of them"]);
        wait_until("the answer", || {
            actor.api.last(Scene::Question).is_some_and(|last| last.result.contains("purple, or 2 of them"))
        });
    }
}
