//! Planted bugs, between core and the rest of the world: a test of the oracles. A test that has never been seen failing is not
//! trusted.

use crate::event::{Feed, Said};
use consort_core::output::Holder;
use consort_core::{Event, Output, StoreOperation, TerminalOutput, ViewerOutput};

/// What is done to the node's inputs and outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing: the usual run.
    #[default]
    None,
    /// Some data frames do not arrive.
    DropData,
    /// Some data frames arrive twice.
    DoubleData,
    /// Snapshots say an offset that is one too large.
    ShiftSnapshots,
    /// Acknowledgements of viewers do not reach the node.
    IgnoreAcks,
    /// Some input never reaches the terminal.
    LoseWrites,
    /// Some input reaches the terminal changed into the one before it.
    RepeatWrites,
    /// A change of an agent is not told.
    MuteEvents,
    /// The store says "kept" and does not.
    ForgetStores,
    /// Some answers to commands get lost.
    LoseReplies,
    /// Viewers are told that nobody holds the size.
    WrongHolders,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Sabotage; 10] = [
        Sabotage::DropData,
        Sabotage::DoubleData,
        Sabotage::ShiftSnapshots,
        Sabotage::IgnoreAcks,
        Sabotage::LoseWrites,
        Sabotage::RepeatWrites,
        Sabotage::MuteEvents,
        Sabotage::ForgetStores,
        Sabotage::LoseReplies,
        Sabotage::WrongHolders,
    ];
}

/// A saboteur at work.
#[derive(Debug)]
pub(crate) struct Saboteur {
    pub(crate) kind: Sabotage,
    seen: u32,
    last_write: Option<Vec<u8>>,
}

impl Saboteur {
    pub(crate) fn new(kind: Sabotage) -> Self {
        Saboteur { kind, seen: 0, last_write: None }
    }

    /// Every third time.
    fn strikes(&mut self) -> bool {
        self.seen += 1;
        self.seen.is_multiple_of(3)
    }

    /// Whether an input gets through.
    pub(crate) fn lets_in(&self, feed: &Feed) -> bool {
        !(self.kind == Sabotage::IgnoreAcks && matches!(feed, Feed::Viewer(_, Said::Ack(..))))
    }

    /// What becomes of an output.
    pub(crate) fn outputs(&mut self, output: Output, all: &mut Vec<Output>) {
        if self.kind == Sabotage::None {
            return all.push(output);
        }
        match (self.kind, output) {
            (Sabotage::DropData, Output::Viewer(_, ViewerOutput::Data { .. })) if self.strikes() => {}
            (Sabotage::DoubleData, output @ Output::Viewer(_, ViewerOutput::Data { .. })) if self.strikes() => {
                all.extend([output.clone(), output]);
            }
            (
                Sabotage::ShiftSnapshots,
                Output::Viewer(id, ViewerOutput::Snapshot { stream, generation, offset, size, bytes }),
            ) => {
                let offset = offset + 1;
                all.push(Output::Viewer(id, ViewerOutput::Snapshot { stream, generation, offset, size, bytes }));
            }
            (Sabotage::LoseWrites, Output::Terminal(_, TerminalOutput::Write(_))) if self.strikes() => {}
            (Sabotage::RepeatWrites, Output::Terminal(id, TerminalOutput::Write(bytes))) => {
                let other = self.last_write.replace(bytes.clone()).filter(|last| last.len() == bytes.len());
                all.push(Output::Terminal(id, TerminalOutput::Write(other.unwrap_or(bytes))));
            }
            (Sabotage::MuteEvents, Output::Event(Event::AgentChanged(_))) if self.strikes() => {}
            (Sabotage::LoseReplies, Output::Reply(..)) if self.strikes() => {}
            (Sabotage::WrongHolders, Output::Viewer(id, ViewerOutput::Size { stream, size, .. })) => {
                all.push(Output::Viewer(id, ViewerOutput::Size { stream, size, holder: Holder::Nobody }));
            }
            (_, output) => all.push(output),
        }
    }

    /// What becomes of a change of the store.
    pub(crate) fn store(&mut self, operation: StoreOperation) -> StoreOperation {
        if self.kind == Sabotage::ForgetStores && self.strikes() {
            return StoreOperation::Remove { key: "agent-nothing".to_string() };
        }
        operation
    }
}
