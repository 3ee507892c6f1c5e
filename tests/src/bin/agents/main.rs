//! `agents [PROGRAM…] [--newest]` brings the real programs into their situations and prints the table of what the node shows;
//! `agents [PROGRAM…] --only SITUATION [--times COUNT]` only into that one;
//! `agents record [PROGRAM…] [--only SITUATION]` writes what they show into `tests/agents/screens`; `agents noise` records ordinary
//! terminals into `tests/agents/noise`.

mod noise;

use consort_tests::TestNode;
use consort_tests::agents::actor::Look;
use consort_tests::agents::situation::PLAYS;
use consort_tests::agents::{Actor, Installed, Program, Scale, Situation, Stage, Verdict, Version, table};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chosen_by_name: Vec<Program> = words.iter().filter_map(|word| Program::named(word)).collect();
    if words.first().is_some_and(|word| word == "noise") {
        let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents");
        return noise::record(&agents.join("noise"), &agents.join("screens/claude/2.1.197"));
    }
    if words.first().is_none_or(|word| word != "record") {
        let programs = if chosen_by_name.is_empty() { Program::ALL.to_vec() } else { chosen_by_name };
        let has = |flag: &str| words.iter().any(|word| word == flag);
        let version = if has("--newest") { Version::Newest } else { Version::Pinned };
        let scale = if has("--quick") { Scale::Test } else { Scale::Full };
        let value = |flag: &str| words.iter().position(|word| word == flag).and_then(|at| words.get(at + 1));
        let rows = match value("--only") {
            Some(only) => {
                let times = value("--times").and_then(|times| times.parse().ok()).unwrap_or(1);
                table::play_only(&programs, version, only, times)
            }
            None => table::play(&programs, version, scale),
        };
        print!("{}", table::print(&rows));
        for row in &rows {
            if let Verdict::NotBrought(reason) = &row.verdict {
                println!("--- {}: {reason}", row.name());
            }
        }
        return;
    }
    let only = words.iter().position(|word| word == "--only").and_then(|at| words.get(at + 1));
    let chosen = |program: &Program| chosen_by_name.is_empty() || chosen_by_name.contains(program);
    let mut node = TestNode::prepared();
    node.run(&[]);
    let node = Arc::new(node);
    for program in Program::ALL.into_iter().filter(chosen) {
        match program.find(Version::Pinned) {
            Ok(installed) => record(&node, &installed, only.map(String::as_str)),
            Err(reason) => println!("{}: skipped: {reason}", program.name()),
        }
    }
}

fn record(node: &Arc<TestNode>, installed: &Installed, only: Option<&str>) {
    std::thread::scope(|scope| {
        for play in PLAYS {
            let wanted = |situation: &&Situation| situation.impossible(installed.program).is_none();
            if !play.situations.iter().any(|situation| only.is_none_or(|only| only == situation.name())) {
                continue;
            }
            scope.spawn(move || {
                let stage = Stage { backend: "tmux", watched: false, hooks: false };
                let mut actor = Actor::start(node, installed, play.setup, stage, Duration::from_secs(30));
                let tap = Tap::start(node, &actor);
                for situation in play.situations.iter().filter(wanted) {
                    let began = Instant::now();
                    match situation.bring(&mut actor) {
                        Ok(first) => {
                            let mut titles = vec![first.title.clone()];
                            let mut states = Vec::new();
                            let until = Instant::now() + Duration::from_secs(4);
                            let mut last = first;
                            while Instant::now() < until {
                                if let Some(look) = actor.look() {
                                    if titles.last() != Some(&look.title) && titles.len() < 12 {
                                        titles.push(look.title.clone());
                                    }
                                    last = look;
                                }
                                states.push(actor.state()["kind"].as_str().unwrap_or_default().to_string());
                                std::thread::sleep(Duration::from_millis(100));
                            }
                            states.dedup();
                            if situation.lost(&actor.api) {
                                states.push("lost".to_string());
                            }
                            println!(
                                "{} {}: {:?} after {:?}",
                                installed.program.name(),
                                situation.name(),
                                states,
                                began.elapsed()
                            );
                            write(installed, *situation, &last, &titles, &tap.take());
                        }
                        Err(reason) => {
                            println!("{} {}: FAILED: {reason}", installed.program.name(), situation.name());
                            break;
                        }
                    }
                }
            });
        }
    });
}

/// What a program writes, byte for byte.
struct Tap {
    file: tempfile::NamedTempFile,
    taken: std::cell::Cell<usize>,
}

impl Tap {
    fn start(node: &TestNode, actor: &Actor) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let name =
            node.get(&format!("/api/agents/{}", actor.agent))["agent"]["name"].as_str().unwrap_or_default().to_string();
        let command = format!("cat >> {}", file.path().display());
        node.tmux(&["pipe-pane", "-t", &format!("={name}:"), &command]);
        Tap { file, taken: std::cell::Cell::new(0) }
    }

    /// The end of what it wrote since the last time.
    fn take(&self) -> Vec<u8> {
        let all = std::fs::read(self.file.path()).unwrap_or_default();
        let from = self.taken.replace(all.len()).max(all.len().saturating_sub(RAW_BYTES));
        all[from.min(all.len())..].to_vec()
    }
}

/// What is kept of the bytes of one situation: enough for the last drawings of the whole screen.
const RAW_BYTES: usize = 8 << 10;

fn write(installed: &Installed, situation: Situation, look: &Look, titles: &[String], raw: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("agents/screens")
        .join(installed.program.name())
        .join(&installed.version);
    std::fs::create_dir_all(&folder).expect("a folder");
    let titles: String = titles.iter().map(|title| format!("title: {title}\n")).collect();
    let text = format!(
        "program: {} {}\nsituation: {}\nright: {}\n{titles}size: {} {}\ncursor: {} {}\n---\n{}",
        installed.program.name(),
        installed.version,
        situation.name(),
        situation.right(installed.program).join(" "),
        look.size.0,
        look.size.1,
        look.cursor.0,
        look.cursor.1,
        look.screen.trim_end_matches('\n')
    );
    std::fs::write(folder.join(format!("{}.txt", situation.name())), text + "\n").expect("a file");
    std::fs::write(folder.join(format!("{}.raw", situation.name())), raw).expect("a file");
}
