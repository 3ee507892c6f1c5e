//! Texts of every kind for the real agent programs: what is sent reaches the model once and whole, and what the node says of it is true.

use consort_tests::TestNode;
use consort_tests::agents::program::Setup;
use consort_tests::agents::{Actor, Program, Situation, Stage, Version};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a text may take to reach the model, and a program to rest, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Texts that differ in how programs take them, each with a word that no other has.
fn texts() -> [(&'static str, String); 6] {
    [
        ("one line", "plainword scene:text".into()),
        ("several lines", "firstword\n  of several\n\nlines scene:text".into()),
        // In lines: on one line of that length Gemini computes for minutes, however it comes there.
        ("100 kB", format!("longword\n{}scene:text", "all work and no play, and all work and no play\n".repeat(2_100))),
        ("an image", "imageword /nowhere/picture.png scene:text".into()),
        ("a path first", "/slashword/file says scene:text".into()),
        ("an exclamation mark first", "! exclamationword scene:text".into()),
    ]
}

/// Some programs take such texts for commands of their own: what they make of them is theirs.
fn may_be_a_command(text: &str) -> bool {
    text.starts_with(['/', '!'])
}

/// Programs wrap, trim and put what was pasted between marks of their own.
fn bare(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// Waits until it has rested for a second.
fn rests(actor: &mut Actor) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let mut since = None;
    while Instant::now() < until {
        let rests = matches!(actor.state()["kind"].as_str(), Some("idle" | "done"));
        since = rests.then(|| since.unwrap_or_else(Instant::now));
        if since.is_some_and(|since: Instant| since.elapsed() > Duration::from_secs(1)) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("it does not come to rest\n{}", actor.evidence()))
}

/// How often a text has reached the model, as a prompt of the conversation.
fn arrived(actor: &Actor, text: &str) -> usize {
    let wanted = bare(text);
    let exchanges = actor.api.exchanges();
    exchanges.iter().filter(|one| one.scene.is_some() && bare(&one.prompt).contains(&wanted)).count()
}

fn play(node: &Arc<TestNode>, program: Program) -> Vec<String> {
    let installed = match program.find(Version::Pinned) {
        Ok(installed) => installed,
        Err(reason) => {
            println!("{}: skipped: {reason}", program.name());
            return Vec::new();
        }
    };
    let stage = Stage { backend: "tmux", watched: false, hooks: false };
    let mut actor = Actor::start(node, &installed, Setup::Ready, stage, Duration::from_secs(5));
    if let Err(problem) = Situation::Rest.bring(&mut actor) {
        return vec![format!("{}: {problem}", program.name())];
    }
    let mut problems = Vec::new();
    for (what, text) in texts() {
        let name = format!("{}, {what}", program.name());
        match deliver(&mut actor, &text) {
            Ok(remark) => println!("{name:<40} {remark}"),
            Err(problem) => problems.push(format!("{name}: {problem}\n{}", actor.evidence())),
        }
        if may_be_a_command(&text) {
            // Whatever it has made of that is left, so that the next text finds an empty line.
            for key in [b"\x1b", b"\x15"] {
                actor.keys(key);
                std::thread::sleep(Duration::from_millis(400));
            }
        }
    }
    problems
}

fn deliver(actor: &mut Actor, text: &str) -> Result<String, String> {
    rests(actor)?;
    let began = Instant::now();
    let said = actor.send(text)?;
    let answered = began.elapsed();
    let submitted = said["submitted"].as_bool().ok_or_else(|| format!("nothing is said of it: {said}"))?;
    let until = Instant::now() + if may_be_a_command(text) { Duration::from_secs(1) } else { PATIENCE };
    while arrived(actor, text) == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let arrival = began.elapsed();
    // Whether it comes a second time.
    std::thread::sleep(Duration::from_millis(500));
    let times = arrived(actor, text);
    let (answered, arrival) = (answered.as_millis(), arrival.as_millis());
    let remark = format!("{times} times, after {arrival} ms; submitted: {submitted}, after {answered} ms");
    match (times, submitted) {
        (1, true) => Ok(remark),
        (0, _) if may_be_a_command(text) => Ok(remark),
        _ => Err(format!("it has reached the model {remark}")),
    }
}

#[test]
fn texts_of_every_kind_reach_the_model_once() {
    let mut node = TestNode::prepared();
    node.run(&[]);
    let node = Arc::new(node);
    let programs = [Program::Claude, Program::Codex, Program::Gemini, Program::OpenCode];
    let problems: Vec<String> = std::thread::scope(|scope| {
        let plays: Vec<_> = programs.iter().map(|program| scope.spawn(|| play(&node, *program))).collect();
        plays.into_iter().flat_map(|play| play.join().expect("it is played to its end")).collect()
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
