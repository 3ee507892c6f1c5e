//! The table: each program in each situation on each stage, what the node shows of it, and whether that is right.

use super::actor::{Actor, Stage};
use super::program::{Installed, Program, Setup, Version};
use super::situation::{HOOK_PLAY, PLAYS, Play, SHORT_PLAY, Situation};
use crate::TestNode;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much is played.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scale {
    /// What fits into `make test`.
    Test,
    /// Everything.
    Full,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which program.
    pub program: Program,
    /// On which stage.
    pub stage: Stage,
    /// In which situation.
    pub situation: Situation,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The node shows what is true.
    Right {
        /// How long after the program was proven to be in the situation.
        after: Duration,
        /// By which of its signals.
        source: String,
    },
    /// It shows something else, or nothing steady.
    Wrong {
        /// The states that it showed, one after the other.
        states: Vec<String>,
        /// What the node gave as its reasons at the end, and the screen.
        evidence: String,
    },
    /// The program was not brought into the situation.
    NotBrought(String),
    /// The program cannot be in it, or cannot be had.
    Skipped(String),
}

impl Scale {
    /// How long the node may take to show the truth. More in tests, which have to pass on a machine that is busy.
    fn bound(self) -> Duration {
        Duration::from_secs(if self == Scale::Full { 3 } else { 6 })
    }

    /// How long a silent tool is silent.
    fn silence(self) -> Duration {
        Duration::from_secs(if self == Scale::Full { 30 } else { 12 })
    }
}

/// How long it has to go on showing it.
const STEADY: Duration = Duration::from_millis(1_500);
/// How many programs run at a time: as many as two cores can start.
const AT_A_TIME: usize = 5;

/// What is played.
#[derive(Clone, Copy, Debug)]
struct Job {
    program: Program,
    stage: Stage,
    play: Play,
}

/// Plays programs in all situations and gives the rows in the order of the table.
///
/// # Panics
/// If the node does not run.
#[must_use]
pub fn play(programs: &[Program], version: Version, scale: Scale) -> Vec<Row> {
    perform(TestNode::prepared(), programs, version, scale, jobs_of)
}

/// Plays only what leads to a situation, so many times: for rows that are right in some runs and wrong in others.
///
/// # Panics
/// If the node does not run.
#[must_use]
pub fn play_only(programs: &[Program], version: Version, situation: &str, times: usize) -> Vec<Row> {
    perform(TestNode::prepared(), programs, version, Scale::Test, |program, scale| {
        let leads_there = |job: &Job| job.play.situations.iter().any(|one| one.name() == situation);
        let jobs: Vec<Job> = jobs_of(program, scale).into_iter().filter(leads_there).collect();
        std::iter::repeat_n(jobs, times).flatten().collect()
    })
}

/// Plays programs whose hooks report to the node.
///
/// # Panics
/// If the node does not run.
#[must_use]
pub fn play_with_hooks(programs: &[Program], version: Version) -> Vec<Row> {
    let stage = Stage { backend: "tmux", watched: false, hooks: true };
    // Gemini takes no settings from below a folder that others may write to, such as that for temporary files.
    let home = std::env::home_dir().expect("a home");
    let node = TestNode::prepared_below(&home);
    perform(node, programs, version, Scale::Test, |program, _| vec![Job { program, stage, play: HOOK_PLAY }])
}

fn perform(
    mut node: TestNode,
    programs: &[Program],
    version: Version,
    scale: Scale,
    jobs_of: impl Fn(Program, Scale) -> Vec<Job>,
) -> Vec<Row> {
    // What the owner shows is compared with what another node of its mesh shows.
    node.run_named("owner", &[]);
    let other = Arc::new(TestNode::named("other"));
    other.join(&node);
    let node = Arc::new(node);
    let mut rows = Vec::new();
    let mut jobs = VecDeque::new();
    let mut found = Vec::new();
    for program in programs {
        match program.find(version) {
            Ok(installed) => {
                jobs.extend(jobs_of(*program, scale));
                found.push(installed);
            }
            Err(reason) => rows.extend(jobs_of(*program, scale).iter().flat_map(|job| job.skipped(&reason))),
        }
    }
    // The longest first.
    jobs.make_contiguous().sort_by_key(|job| std::cmp::Reverse(job.play.situations.len()));
    let (jobs, results) = (Mutex::new(jobs), Mutex::new(Vec::new()));
    // A function of its own, so that the lock is free while the job runs.
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(job) = next() {
                    let installed = found.iter().find(|one| one.program == job.program).expect("it was found");
                    let played = job.run((&node, &other), installed, scale);
                    results.lock().unwrap_or_else(PoisonError::into_inner).extend(played);
                }
            });
        }
    });
    rows.extend(results.into_inner().unwrap_or_else(PoisonError::into_inner));
    rows.sort_by_key(|row| (row.program, row.stage, row.situation));
    rows
}

/// The plays of a program.
fn jobs_of(program: Program, scale: Scale) -> Vec<Job> {
    let stage = |backend, watched| Stage { backend, watched, hooks: false };
    let mut jobs: Vec<Job> =
        PLAYS.iter().map(|play| Job { program, stage: stage("tmux", false), play: *play }).collect();
    for other in [stage("tmux", true), stage("pty", false), stage("pty", true)] {
        // The others differ by the stage and not by the program, and cost ten times as much to start.
        if scale == Scale::Full {
            jobs.extend(PLAYS.iter().filter(|play| play.setup == Setup::Ready).map(|play| Job {
                program,
                stage: other,
                play: *play,
            }));
        } else if matches!(program, Program::Claude | Program::Codex) {
            jobs.push(Job { program, stage: other, play: SHORT_PLAY });
        }
    }
    jobs
}

impl Job {
    fn row(&self, situation: Situation, verdict: Verdict) -> Row {
        Row { program: self.program, stage: self.stage, situation, verdict }
    }

    fn skipped(&self, reason: &str) -> Vec<Row> {
        let skipped = |situation: &Situation| self.row(*situation, Verdict::Skipped(reason.to_string()));
        self.play.situations.iter().map(skipped).collect()
    }

    fn run(&self, (node, other): (&Arc<TestNode>, &Arc<TestNode>), installed: &Installed, scale: Scale) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut situations = Vec::new();
        for situation in self.play.situations {
            match situation.impossible(self.program) {
                Some(reason) => rows.push(self.row(*situation, Verdict::Skipped(reason.to_string()))),
                None => situations.push(*situation),
            }
        }
        if situations.is_empty() {
            return rows;
        }
        let actor = Actor::start(node, installed, self.play.setup, self.stage, scale.silence());
        let mut actor = actor.seen_from(Some(other));
        for situation in situations {
            let brought = situation.bring(&mut actor);
            let verdict = match brought {
                Ok(_) => judge(&mut actor, situation, scale),
                Err(reason) => Verdict::NotBrought(reason),
            };
            let over = matches!(verdict, Verdict::NotBrought(_));
            let row = self.row(situation, verdict);
            eprintln!("{:<44} {}", row.name(), row.verdict.text());
            if let Verdict::Wrong { evidence: why, .. } | Verdict::NotBrought(why) = &row.verdict {
                eprintln!("{why}");
            }
            rows.push(row);
            if over {
                break;
            }
        }
        rows
    }
}

/// Compares what the node shows with what is true from now on.
fn judge(actor: &mut Actor, situation: Situation, scale: Scale) -> Verdict {
    let began = Instant::now();
    // A silent tool is silent for long: that is what is hard about it.
    let steady = if situation == Situation::Silent { scale.silence().saturating_sub(scale.bound()) } else { STEADY };
    let mut seen: Vec<String> = Vec::new();
    let (mut source, mut first) = (String::new(), String::new());
    let mut right_since: Option<Instant> = None;
    loop {
        let state = if situation.lost(&actor.api) {
            "lost".to_string()
        } else {
            let now = actor.state();
            source = now["source"].as_str().unwrap_or_default().to_string();
            now["kind"].as_str().unwrap_or_default().to_string()
        };
        let right = situation.right(actor.installed.program).contains(&state.as_str());
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        match right_since {
            Some(since) if right && since.elapsed() >= steady => {
                let Some(difference) = actor.difference_elsewhere() else {
                    return Verdict::Right { after: since - began, source: first };
                };
                seen.push(difference);
                return Verdict::Wrong { states: seen, evidence: actor.evidence() };
            }
            None if right => {
                right_since = Some(Instant::now());
                first.clone_from(&source);
            }
            Some(_) if !right => right_since = None,
            _ => {}
        }
        if right_since.is_none_or(|since| since - began > scale.bound()) && began.elapsed() > scale.bound() {
            return Verdict::Wrong { states: seen, evidence: actor.evidence() };
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Row {
    /// Where it stands in the table.
    #[must_use]
    pub fn name(&self) -> String {
        let watched = if self.stage.watched { " watched" } else { "" };
        let hooks = if self.stage.hooks { " with hooks" } else { "" };
        format!("{} {} on {}{watched}{hooks}", self.program.name(), self.situation.name(), self.stage.backend)
    }
}

impl Verdict {
    /// What the table says.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Verdict::Right { after, source } => format!("right after {:.1} s by {source}", after.as_secs_f32()),
            Verdict::Wrong { states, .. } => format!("WRONG: {}", states.join(", ")),
            Verdict::NotBrought(reason) => {
                format!("NOT BROUGHT: {}", reason.lines().next().unwrap_or_default())
            }
            Verdict::Skipped(reason) => format!("skipped: {reason}"),
        }
    }
}

/// The table as text, and its sums.
#[must_use]
pub fn print(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{:<44} {}", row.name(), row.verdict.text());
    }
    let count = |wanted: fn(&Verdict) -> bool| rows.iter().filter(|row| wanted(&row.verdict)).count();
    let wrong = count(|verdict| matches!(verdict, Verdict::Wrong { .. }));
    let right = count(|verdict| matches!(verdict, Verdict::Right { .. }));
    let failed = count(|verdict| matches!(verdict, Verdict::NotBrought(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let _ = writeln!(text, "{right} right, {wrong} wrong, {failed} not brought about, {skipped} skipped");
    text
}
