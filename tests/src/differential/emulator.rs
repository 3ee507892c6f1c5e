//! The page's emulator, headless or in a browser, as a process of Node.js that lives as long as this value.

use super::Grid;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest time that the process takes to end.
const ENDING: Duration = Duration::from_secs(10);

/// What a viewer's emulator is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A snapshot, with its size.
    Replace((u16, u16), Vec<u8>),
    /// Live bytes.
    Append(Vec<u8>),
    /// Look at what is shown.
    Look,
}

/// The process.
#[derive(Debug)]
pub struct Emulator {
    process: Child,
    /// Without them, the process ends.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Emulator {
    /// Starts it without a page.
    ///
    /// # Panics
    /// Without Node.js, or if the dashboard's packages are not installed.
    #[must_use]
    pub fn headless() -> Self {
        Self::start("headless.mjs")
    }

    /// Starts it in Chromium, as the dashboard has it.
    ///
    /// # Panics
    /// As [`headless`](Self::headless), or if the packages of the browser tests are not installed.
    #[must_use]
    pub fn in_browser() -> Self {
        Self::start("browser.mjs")
    }

    fn start(script: &str) -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../web/ui/differential").join(script);
        let mut process =
            Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node runs");
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        Emulator { process, requests, answers }
    }

    /// What a fresh emulator shows at each look of these steps, or how it fails.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn show(&mut self, steps: &[Step]) -> Result<Vec<Grid>, String> {
        let steps: Vec<Value> = steps
            .iter()
            .map(|step| match step {
                Step::Replace((cols, rows), bytes) => json!({ "replace": [cols, rows, base64(bytes)] }),
                Step::Append(bytes) => json!({ "append": base64(bytes) }),
                Step::Look => json!({ "look": true }),
            })
            .collect();
        let requests = self.requests.as_mut().expect("running");
        writeln!(requests, "{}", json!({ "steps": steps })).expect("the emulator takes requests");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the emulator answers");
        let answer: Value = serde_json::from_str(&line).expect("the emulator answers JSON");
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        Ok(answer["looks"].as_array().expect("looks").iter().map(Grid::parse).collect())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It ends by itself, and so does its browser.
        self.requests.take();
        let until = Instant::now() + ENDING;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
