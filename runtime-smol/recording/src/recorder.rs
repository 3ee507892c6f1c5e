//! The recorder beside the owner of a node.

use crate::fingerprint::Fingerprint;
use crate::record::Record;
use crate::redact::{self, Room};
use crate::tape::Tape;
use consort_core::{Input, Instant, Node, Output};

/// Puts on tape what a node is told and what follows.
#[derive(Debug)]
pub struct Recorder {
    tape: Tape,
    /// With secrets.
    all: bool,
    room: Room,
    followed: Fingerprint,
}

impl Recorder {
    /// One that leaves secrets out, unless `all` is to be kept.
    #[must_use]
    pub fn new(tape: Tape, all: bool) -> Self {
        Recorder { tape, all, room: Room::default(), followed: Fingerprint::default() }
    }

    /// The node gets this input now: called before it does, with what `Node::shows_sent_text` says of it.
    pub fn input(&mut self, now: Instant, input: &Input<'_>, shows_sent_text: bool) {
        if self.all {
            return self.tape.append(&Record::Input(now.as_millis(), input.clone()));
        }
        self.tape.append(&Record::Input(now.as_millis(), redact::input(input, shows_sent_text, &mut self.room)));
    }

    /// The node wants this done.
    pub fn output(&mut self, output: &Output) {
        self.followed.add(output);
    }

    /// All that follows from the input was polled.
    pub fn followed(&mut self, node: &Node) {
        self.tape.append(&Record::Followed(std::mem::take(&mut self.followed).of(node)));
    }
}
