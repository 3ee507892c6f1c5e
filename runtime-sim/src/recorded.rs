//! A node of the simulator that is recorded as the product does it.

use crate::disk::Files;
use crate::failure::{Checked, unsafe_because};
use crate::replay::{Manner, replay as play_back};
use consort_core::seal::Seal;
use consort_core::{Identity, Input, Instant, Node, Output, redact};
use consort_recording::{Ending, Header, Recorder, RecordingSeal, Tape, file};
use std::rc::Rc;

/// What a node is made from.
pub(crate) struct Made<'a> {
    pub(crate) name: &'a str,
    pub(crate) identity: Identity,
    pub(crate) seed: [u8; 32],
    pub(crate) now: Instant,
    pub(crate) files: &'a Files,
}

/// One life of a node, as it is written down.
#[derive(Debug)]
pub(crate) struct Recorded {
    tape: Tape,
    recorder: Recorder,
    file: Vec<u8>,
}

impl Recorded {
    pub(crate) fn begin(made: Made<'_>) -> Self {
        let restored = |(key, bytes): (&Rc<str>, &Rc<[u8]>)| Some((key.to_string(), redact::stored(key, bytes).ok()?));
        let header = Header {
            version: env!("CARGO_PKG_VERSION").to_string(),
            began_unix_ms: 0,
            all: false,
            name: made.name.to_string(),
            id: made.identity.id,
            epoch: made.identity.epoch,
            seed: made.seed,
            now_ms: made.now.as_millis(),
            restored: made.files.iter().filter_map(restored).collect(),
        };
        let tape = Tape::with_room(usize::MAX);
        Recorded { recorder: Recorder::new(tape.clone(), false), tape, file: file::beginning(&header) }
    }

    pub(crate) fn seal(&self, seal: Box<dyn Seal>) -> Box<dyn Seal> {
        Box::new(RecordingSeal::new(seal, self.tape.clone(), false))
    }

    pub(crate) fn input(&mut self, node: &Node, now: Instant, input: &Input<'_>) {
        self.recorder.input(now, input, node.shows_sent_text(input));
    }

    pub(crate) fn output(&mut self, output: &Output) {
        self.recorder.output(output);
    }

    pub(crate) fn followed(&mut self, node: &Node) {
        self.recorder.followed(node);
    }

    pub(crate) fn into_file(mut self) -> Vec<u8> {
        self.tape.end(Ending::Stopped);
        let ending = loop {
            match self.tape.take() {
                Ok(records) => self.file.extend(file::block(&records)),
                Err(ending) => break ending,
            }
        };
        self.file.extend(file::end(ending));
        self.file
    }
}

/// A life that was recorded goes as it went.
pub(crate) fn replay(file: &[u8]) -> Checked {
    let manner = Manner { unchecked: true, ..Manner::default() };
    let replayed = play_back(file, manner).map_err(|error| unsafe_because(error.to_string()))?;
    match (replayed.failure, replayed.ending) {
        (Some(failure), _) => Err(failure),
        (None, Ok(_)) => Ok(()),
        (None, Err(at)) => Err(unsafe_because(format!("a recording is torn behind {at} bytes"))),
    }
}
