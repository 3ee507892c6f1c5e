//! More than an hour of ordinary terminals (`tests/agents/noise`, recorded by `agents noise`): builds, tests, editors, pagers, logs,
//! shells and monitors, whose text is full of questions that nobody asks. None of it may be taken for one.

use super::load::Manifests;
use super::*;
use crate::pty::{Emulator, Palette};
use consort_core::directory::signal::Question;
use consort_core::{AgentId, Size, limits};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The time between two looks: what core leaves between the two looks of which both have to find a question that is a guess.
const PACE: u64 = limits::GUESS_TIME.as_millis();

struct Terminal {
    emulator: Emulator,
    screens: Screens,
    command: String,
    shell: bool,
    found: Option<Question>,
}

impl Terminal {
    /// A question that this look and the one before have found.
    fn look(&mut self) -> Option<Question> {
        let text = self.emulator.text(0);
        let glance = Glance { command: &self.command, shell: self.shell, ..Glance::default() };
        let id = TerminalId { agent: AgentId(1), pane: 1 };
        let reading = self.screens.read(id, &text, self.emulator.cursor_shown(), glance);
        let found = reading.dialog.map(|dialog| dialog.question);
        let before = core::mem::replace(&mut self.found, found);
        self.found.clone().filter(|question| !reading.guessed || before.as_ref() == Some(question))
    }
}

/// What is taken for a question in a recording, and how many milliseconds it lasts.
fn play(file: &Path) -> (Vec<String>, u64) {
    let file = std::fs::File::open(file).expect("a recording");
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"));
    let size = lines.next().expect("a size");
    let side = |at: usize| size[at].as_u64().and_then(|side| u16::try_from(side).ok()).expect("a side");
    let mut terminal = Terminal {
        emulator: Emulator::new(Size::clamped(side(0), side(1)), Palette::default()),
        screens: Screens::new(Manifests::new(None)),
        command: String::new(),
        shell: false,
        found: None,
    };
    let (mut looked, mut wrong) = (0, Vec::new());
    let mut end = 0;
    for line in lines {
        end = line[0].as_u64().expect("a time");
        while looked + PACE <= end {
            looked += PACE;
            if let Some(question) = terminal.look() {
                let seen = format!(
                    "{}: {:?}\n{}",
                    terminal.command,
                    question.text,
                    terminal.emulator.screen_text().trim_end()
                );
                if wrong.last() != Some(&seen) {
                    wrong.push(seen);
                }
            }
        }
        let text = line[1].as_str().expect("text");
        match line[2].as_bool() {
            Some(shell) => (terminal.command, terminal.shell) = (text.to_owned(), shell),
            None => terminal.emulator.feed(text.as_bytes()),
        }
    }
    (wrong, end)
}

#[test]
fn an_hour_of_ordinary_terminals_asks_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/agents/noise");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("recordings").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let (mut total, mut all) = (0, Vec::new());
    for file in files {
        let (wrong, length) = play(&file);
        all.extend(wrong.into_iter().map(|screen| format!("{}, {screen}", file.display())));
        total += length;
    }
    assert!(all.is_empty(), "{} screens are taken for questions:\n{}", all.len(), all.join("\n----\n"));
    assert!(total >= 3_600_000, "{total} ms");
}
