//! `consort attach` in a real terminal (a pane of another tmux server) shows what the agent's own terminal shows: live, and after
//! detaching and attaching again.

use consort_tests::differential::{Compared, Grid, Pen, case};
use consort_tests::real_terminal::{self, Look};
use consort_tests::{RealTerminal, TestNode, wait_until};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long what is shown may take to become the same.
const SOON: Duration = Duration::from_secs(4);

/// An agent that prints what the test writes into a pipe, and a user who is attached to it.
struct Attached {
    node: TestNode,
    id: String,
    backend: &'static str,
    user: RealTerminal,
    pipe: File,
    marks: usize,
}

impl Attached {
    fn start(backend: &'static str) -> Self {
        let script = "stty raw -echo; printf 'ready\\r\\n'; cat \"$0\" & exec cat > /dev/null";
        Attached::to(backend, |pipe| json!({ "directory": "/", "program": "sh", "args": ["-c", script, pipe] }))
    }

    /// Attached to this agent, which may read a pipe.
    fn to(backend: &'static str, agent: impl FnOnce(&str) -> Value) -> Self {
        let node = TestNode::start();
        let pipe = node.folder().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        // Open for both: the program's end is never the pipe's.
        let open = File::options().read(true).write(true).open(&pipe).expect("a pipe");
        let mut agent = agent(pipe.to_str().expect("UTF-8"));
        (agent["name"], agent["backend"]) = ("agent".into(), backend.into());
        let id = node.create(&agent);
        let user = RealTerminal::attach(&node, "agent", (80, 24));
        Attached { node, id, backend, user, pipe: open, marks: 0 }
    }

    /// What the terminal's owner shows. Of our own terminals that is text.
    fn own(&self) -> Look {
        if self.backend == "tmux" {
            return real_terminal::look("agent", |args| self.node.tmux_output(args));
        }
        own_text(&self.node, &self.id)
    }

    /// What differs between the owner's screen and the user's.
    fn difference(&self) -> Option<String> {
        let (own, user) = (self.own(), self.user.look());
        if !user.alternate {
            return Some("nothing is attached".into());
        }
        differ(&own.grid, &user.grid, self.backend)
    }

    /// Waits until both show the same, and nothing of our own is shown.
    fn settle(&self) -> Option<String> {
        self.settle_by("x")
    }

    /// The same, with a key that does nothing in the program.
    fn settle_by(&self, key: &str) -> Option<String> {
        let until = Instant::now() + SOON;
        loop {
            let difference = self.difference()?;
            if Instant::now() > until {
                return Some(difference);
            }
            // The greeting goes at the first key.
            self.user.press(&[key]);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Prints and waits until all of it is on both screens: both then have the same new title.
    fn print(&mut self, bytes: &[u8]) {
        self.marks += 1;
        let title = format!("mark-{}", self.marks);
        self.pipe.write_all(bytes).expect("the pipe takes it");
        self.pipe.write_all(format!("\x18\x1b\\\x1b]2;{title}\x1b\\").as_bytes()).expect("the pipe takes it");
        wait_until(&title, || self.own().title == title && self.user.look().title == title);
    }

    /// The terminal anew, in another size.
    fn begin(&mut self, size: (u16, u16)) {
        self.user.resize(size);
        self.print(b"\x1bc");
        wait_until("the size", || self.own().grid.size == size);
        assert_eq!(self.settle(), None, "{size:?}");
    }

    /// What differs after these bytes: live, and after attaching again.
    fn differences(&mut self, size: (u16, u16), bytes: &[u8]) -> [Option<String>; 2] {
        self.begin(size);
        self.print(bytes);
        let live = self.difference();
        self.user.attach_again();
        [live, self.settle()]
    }
}

fn own_text(node: &TestNode, id: &str) -> Look {
    let screen = node.get(&format!("/api/agents/{id}/screen"));
    let number = |value: &Value| u16::try_from(value.as_u64().expect("a number")).expect("a small one");
    let size = (number(&screen["cols"]), number(&screen["rows"]));
    let text = screen["text"].as_str().expect("text");
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
    let lines = &lines[lines.len().saturating_sub(usize::from(size.1))..];
    let cell = |text: char| consort_tests::differential::Cell { text: text.into(), width: 1, pen: Pen::default() };
    let screen_rows = lines.iter().map(|line| line.trim_end().chars().map(cell).collect()).collect();
    let cursor = (number(&screen["cursor"]["col"]), number(&screen["cursor"]["row"]));
    let agent = node.get(&format!("/api/agents/{id}"));
    let title = agent["agent"]["terminals"][0]["title"].as_str().unwrap_or_default().to_owned();
    let grid = Grid { size, cursor, history: Vec::new(), older: false, screen: screen_rows, normal: None };
    Look { grid, title, alternate: false }
}

fn differ(own: &Grid, user: &Grid, backend: &str) -> Option<String> {
    let mut user = user.clone();
    if backend == "pty" {
        // Of its cursor, the owner does not say whether it waits beyond the last column; of its cells, how they look.
        user.cursor.0 = user.cursor.0.min(user.size.0 - 1);
        user.screen.iter_mut().flatten().for_each(|cell| cell.pen = Pen::default());
    }
    own.difference(&user, Compared::TMUX)
}

/// What stays different, and why; `None` if nothing explains it.
fn stays(backend: &str, text: &str) -> Option<&'static str> {
    let has =
        |ranges: &[std::ops::RangeInclusive<char>]| text.chars().any(|c| ranges.iter().any(|range| range.contains(&c)));
    match backend {
        // Both are the same tmux: after attaching again, nothing differs.
        "tmux" if has(&['\u{feff}'..='\u{feff}']) => {
            Some("a byte order mark is a cell of the agent's tmux; live, viewers get a blank in its place")
        }
        "tmux" if repeats(text) => Some(
            "live, what is repeated up to the end of a line leaves the user's cursor in the last column, not behind it",
        ),
        "tmux" => None,
        _ if has(&[
            '\u{ad}'..='\u{ad}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{2028}',
            '\u{2060}'..='\u{2060}',
            '\u{feff}'..='\u{feff}',
            '\u{e000}'..='\u{e000}',
            '\u{1f90c}'..='\u{1f90f}',
            '\u{1f93f}'..='\u{1f93f}',
            '\u{1f96c}'..='\u{1f97f}',
            '\u{1f9a3}'..='\u{1f9ff}',
            '\u{1fa70}'..='\u{1faff}',
            '\u{1f6d5}'..='\u{1f6df}',
        ]) =>
        {
            Some("the user's tmux ignores characters that its library does not know, and then lacks their columns")
        }
        _ if has(&[
            '\u{1f1e6}'..='\u{1f1ff}',
            '\u{1f3fb}'..='\u{1f3ff}',
            '\u{fe0e}'..='\u{fe0f}',
            '\u{200d}'..='\u{200d}',
        ]) =>
        {
            Some("live, clusters have as many columns as the user's terminal gives them")
        }
        _ => None,
    }
}

/// Whether a character is repeated (`REP`).
fn repeats(text: &str) -> bool {
    text.split("\x1b[").skip(1).any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('b'))
}

#[test]
fn what_terminals_disagree_about() {
    for backend in ["tmux", "pty"] {
        let mut attached = Attached::start(backend);
        let written = attached.node.folder().join("written");
        attached.user.record(&written);
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("browser/screens");
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).expect("fixtures").map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        assert!(!files.is_empty());
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a fixture").replace('\n', "\r\n");
            let differences = attached.differences((80, 24), text.as_bytes());
            if stays(backend, &text).is_none() {
                assert_eq!(differences, [None, None], "{backend}, {}", file.display());
            }
        }
        // The widths at the head of each snapshot are for the page: the user's terminal never gets them.
        let written = std::fs::read(written).expect("what attach wrote");
        let has = |text: &[u8]| written.windows(text.len()).any(|window| window == text);
        assert!(has(b"mark-1") && has(b"detaches"), "it was recorded");
        assert!(!has(b"7117"), "{backend}");
    }
}

#[test]
fn a_zsh_that_names_its_window() {
    const ZSHRC: &str = "precmd() { printf '\\033k%s\\033\\\\' \"${PWD##*/}\" }\n\
        preexec() { printf '\\033k%s\\033\\\\' \"$1\" }\nPS1='%% '\n";
    for backend in ["tmux", "pty"] {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join(".zshrc"), ZSHRC).expect("a file");
        let agent =
            json!({ "program": "zsh", "args": ["-d"], "env": { "ZDOTDIR": home.path() }, "directory": home.path() });
        let attached = Attached::to(backend, |_| agent);
        let text = || {
            let row = |row: &Vec<consort_tests::differential::Cell>| {
                row.iter().map(|cell| cell.text.as_str()).collect::<String>()
            };
            let rows: Vec<String> = attached.user.look().grid.screen.iter().map(row).collect();
            rows.iter().map(|row| row.trim_end()).filter(|row| !row.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        wait_until("the prompt", || text().iter().any(|row| row == "%"));
        assert_eq!(attached.settle_by("C-a"), None, "{backend}");
        for command in ["cd /usr/share", "echo hi"] {
            attached.user.press(&[command, "Enter"]);
            wait_until(command, || {
                text().last().is_some_and(|row| row == "%") && text().contains(&format!("% {command}"))
            });
        }
        let shown = text();
        assert_eq!(shown[shown.len() - 4..], ["% cd /usr/share", "% echo hi", "hi", "%"], "{backend}");
        assert_eq!(attached.settle_by("C-a"), None, "{backend} live");
        attached.user.attach_again();
        assert_eq!(attached.settle_by("C-a"), None, "{backend} again");
    }
}

/// What once differed: after attaching again, the screen was blank.
const ONCE: [&str; 2] =
    ["one\x1b[?1049htwo\x1b[?1049lthree", "one\r\n\x1b[1m\x1b[?1049h\x1b[5Btwo\x1b[?1049l\x1b[mthree"];

/// Programs of the differential fuzz, after those. `CONSORT_ATTACH_SEEDS=FROM..TO` takes others.
fn generated(backend: &'static str, seeds: std::ops::Range<u64>) {
    let range = std::env::var("CONSORT_ATTACH_SEEDS").ok();
    let range = range.as_deref().and_then(|range| range.split_once(".."));
    let seeds = range.map_or(seeds, |(from, to)| from.parse().expect("a number")..to.parse().expect("a number"));
    let mut attached = Attached::start(backend);
    for text in ONCE {
        assert_eq!(attached.differences((20, 5), text.as_bytes()), [None, None], "{backend}, {text:?}");
    }
    let (mut compared, mut wrong) = (0, Vec::new());
    for seed in seeds {
        let case = case(seed);
        let bytes = case.bytes();
        if stays(backend, &String::from_utf8_lossy(&bytes)).is_some() {
            continue;
        }
        compared += 1;
        let [live, again] = attached.differences(case.size, &bytes);
        if attached.own().grid.is_lost() {
            // It stays so, whatever is printed.
            attached = Attached::start(backend);
            continue;
        }
        if live.is_some() || again.is_some() {
            wrong.push(format!("{seed}: {}\n  live: {live:?}\n  again: {again:?}", case.describe()));
        }
    }
    assert!(compared > 0 && wrong.is_empty(), "{} of {compared} differ, {backend}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn generated_programs_in_tmux() {
    generated("tmux", 0..40);
}

#[test]
fn generated_programs_in_terminals_of_our_own() {
    generated("pty", 0..30);
}
