//! Plays back what a node was told once, and sees whether it does the same.

use crate::failure::{Failure, FailureKind, unsafe_because};
use crate::log::{Detail, Log};
use crate::run::caught;
use consort_core::monitor::Monitor;
use consort_core::{Config, Identity, Instant, Node, Restored};
use consort_recording::file::Step;
use consort_recording::fingerprint::Fingerprint;
use consort_recording::{Ending, Header, PlayedSeal, Reader, Unreadable};

/// How a recording is played back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// What is printed.
    pub detail: Detail,
    /// Only so many inputs.
    pub until: Option<u64>,
    /// Without [`Node::check`] after every input.
    pub unchecked: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Replayed {
    /// What the node was made from.
    pub header: Header,
    /// Inputs that it took.
    pub inputs: u64,
    /// Outputs that followed.
    pub outputs: u64,
    /// Its time at the end, in milliseconds.
    pub virtual_ms: u64,
    /// Why the recording ends, or behind how many bytes it is torn. As far as it was played.
    pub ending: Result<Ending, usize>,
    /// The last input is there, and what followed from it is not: the node was ended, or ended itself, in the middle of it.
    pub unfinished: bool,
    /// What was not as recorded, or broke a rule.
    pub failure: Option<Failure>,
    /// The node at the end, unless it panicked.
    pub node: Option<Monitor>,
}

/// Makes the node that was recorded, and tells it all that it was told.
///
/// # Errors
/// The file cannot be played back.
pub fn replay(file: &[u8], manner: Manner) -> Result<Replayed, Unreadable> {
    let mut reader = Reader::new(file)?;
    let header = reader.header().clone();
    let mut play =
        Play { log: Log(manner.detail), manner, inputs: 0, outputs: 0, now: Instant::START, unfinished: false };
    let result = caught(|| play.run(&header, &mut reader));
    let (node, failure) = match result {
        Ok(Ok(node)) => (Some(node), None),
        Ok(Err((node, failure))) => (Some(node), Some(failure)),
        // A panic says nothing of what the node was told.
        Err(failure) => {
            let text = format!("at input {}: {}", play.inputs, failure.text);
            (None, Some(Failure { text, ..failure }))
        }
    };
    Ok(Replayed {
        inputs: play.inputs,
        outputs: play.outputs,
        virtual_ms: play.now.as_millis(),
        ending: reader.ending(),
        unfinished: play.unfinished,
        failure,
        node,
        header,
    })
}

struct Play {
    log: Log,
    manner: Manner,
    inputs: u64,
    outputs: u64,
    now: Instant,
    unfinished: bool,
}

/// The node, or also what was wrong.
type Played = Result<Monitor, (Monitor, Failure)>;

impl Play {
    fn run(&mut self, header: &Header, reader: &mut Reader<'_>) -> Result<Played, Failure> {
        let seal = PlayedSeal::default();
        let mut node = Monitor::new(made(header, seal.clone())?);
        while self.manner.until.is_none_or(|until| self.inputs < until) {
            let Some(step) = reader.step() else { break };
            if let Err(failure) = self.step(&mut node, &seal, step) {
                return Ok(Err((node, failure)));
            }
        }
        Ok(Ok(node))
    }

    fn step(&mut self, node: &mut Monitor, seal: &PlayedSeal, step: Step) -> Result<(), Failure> {
        let (now, input) = step.input();
        (self.inputs, self.now) = (self.inputs + 1, now);
        let at = || format!("input {} at {} ms, {}", self.inputs, now.as_millis(), shortened(&format!("{input:?}")));
        self.log.line(now.as_millis(), || format!("→ {input:?}"));
        step.given.iter().for_each(|given| seal.expect(given.clone()));
        node.handle(now, input.clone());
        let (mut followed, mut outputs) = (Fingerprint::default(), Vec::new());
        while let Some(output) = node.poll_output() {
            self.log.line(now.as_millis(), || format!("  ← {output:?}"));
            followed.add(&output);
            outputs.push(output);
        }
        self.outputs += outputs.len() as u64;
        let departure = seal.departure();
        let Some(recorded) = step.followed else {
            self.unfinished = true;
            return Ok(());
        };
        let departed = |why: String| Failure { kind: FailureKind::Nondeterminism, text: format!("{}: {why}", at()) };
        if let Some(why) = departure {
            return Err(departed(why));
        }
        if followed.of(node.node()) != recorded {
            let outputs: Vec<String> = outputs.iter().map(|output| shortened(&format!("{output:?}"))).collect();
            return Err(departed(format!(
                "what follows is not what followed then; it is now: [{}]",
                outputs.join(", ")
            )));
        }
        if !self.manner.unchecked {
            node.node().check().map_err(|violation| unsafe_because(format!("{}: {violation}", at())))?;
        }
        Ok(())
    }
}

fn made(header: &Header, seal: PlayedSeal) -> Result<Node, Failure> {
    let mut restored = Restored::default();
    for (key, bytes) in &header.restored {
        restored.add(key, bytes).map_err(|error| unsafe_because(format!("{key} is {error}")))?;
    }
    let config =
        Config { name: header.name.clone(), start_unix_ms: (header.began_unix_ms > 0).then_some(header.began_unix_ms) };
    let identity = Identity { id: header.id, epoch: header.epoch };
    Node::new(config, identity, restored, Box::new(seal), header.seed, Instant::from_millis(header.now_ms))
        .map_err(|error| unsafe_because(error.to_string()))
}

/// Long bytes say nothing to a reader.
fn shortened(words: &str) -> String {
    match words.char_indices().nth(300) {
        Some((cut, _)) => format!("{}…", &words[..cut]),
        None => words.to_string(),
    }
}
