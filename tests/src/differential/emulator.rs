//! The page's emulator, headless, as a process of Node.js that lives as long as this value.

use super::Grid;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

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
pub struct Headless {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Headless {
    /// Starts it.
    ///
    /// # Panics
    /// Without Node.js, or if the dashboard's packages are not installed.
    #[must_use]
    pub fn start() -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../web/ui/differential/headless.mjs");
        let mut process =
            Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node runs");
        let requests = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        Headless { process, requests, answers }
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
        writeln!(self.requests, "{}", json!({ "steps": steps })).expect("the emulator takes requests");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the emulator answers");
        let answer: Value = serde_json::from_str(&line).expect("the emulator answers JSON");
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        Ok(answer["looks"].as_array().expect("looks").iter().map(Grid::parse).collect())
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
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
