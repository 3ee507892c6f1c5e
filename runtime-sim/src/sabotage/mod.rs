//! Planted bugs, between core and the rest of the world: a test of the oracles. A test that has never been seen failing is not
//! trusted.

mod frames;

use crate::event::{Feed, Report, Said};
use consort_core::directory::Signal;
use consort_core::directory::signal::Reading;
use consort_core::output::Holder;
use consort_core::{BackendOperation, Event, Output, StoreOperation, TerminalId, TerminalOutput, ViewerOutput};

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
    /// Facts travel with their newest version and an older value: as if a merge took what is stale.
    StaleFacts,
    /// Who was removed is brought back by gossip.
    Resurrect,
    /// Facts about an agent that does not exist are spread.
    Phantom,
    /// What is stored of other nodes is gone after a restart.
    ForgetMembers,
    /// A change of a node is not told.
    MuteNodes,
    /// A screen is read as it was before.
    StaleScreens,
    /// Answers are typed twice.
    DoubleAnswers,
    /// An answer goes to another question.
    WrongAnswers,
    /// Answers are not typed, and count as typed.
    LoseAnswers,
    /// Links give less and less room back.
    LeakRoom,
    /// Links give one frame more room than they have.
    ExtraRoom,
    /// Some frames arrive twice.
    DoubleFrames,
    /// Some frames arrive on another link.
    WrongLink,
    /// No heartbeat arrives.
    DropHeartbeats,
    /// Facts are sent back to where they came from.
    EchoFacts,
    /// New facts do not arrive.
    DropFacts,
    /// A byte of some parcels is changed, and no seal shows it.
    ChangeParcels,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Sabotage; 27] = [
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
        Sabotage::StaleFacts,
        Sabotage::Resurrect,
        Sabotage::Phantom,
        Sabotage::ForgetMembers,
        Sabotage::MuteNodes,
        Sabotage::StaleScreens,
        Sabotage::DoubleAnswers,
        Sabotage::WrongAnswers,
        Sabotage::LoseAnswers,
        Sabotage::LeakRoom,
        Sabotage::ExtraRoom,
        Sabotage::DoubleFrames,
        Sabotage::WrongLink,
        Sabotage::DropHeartbeats,
        Sabotage::EchoFacts,
        Sabotage::DropFacts,
        Sabotage::ChangeParcels,
    ];
}

/// A saboteur at work.
#[derive(Debug)]
pub(crate) struct Saboteur {
    pub(crate) kind: Sabotage,
    seen: u32,
    last_write: Option<Vec<u8>>,
    last_reading: Option<(TerminalId, Reading)>,
    frames: frames::Memory,
}

impl Saboteur {
    pub(crate) fn new(kind: Sabotage) -> Self {
        Saboteur { kind, seen: 0, last_write: None, last_reading: None, frames: frames::Memory::default() }
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

    /// What becomes of an input, if it is changed.
    pub(crate) fn changes(&mut self, feed: &Feed) -> Option<Feed> {
        let Feed::Terminal(terminal, Report::Signal(Signal::Screen(reading))) = feed else { return None };
        if self.kind != Sabotage::StaleScreens {
            return None;
        }
        let (_, before) = self.last_reading.replace((*terminal, reading.clone())).filter(|(id, _)| id == terminal)?;
        Some(Feed::Terminal(*terminal, Report::Signal(Signal::Screen(before))))
    }

    /// What becomes of an output.
    pub(crate) fn outputs(&mut self, output: Output) -> Vec<Output> {
        match (self.kind, output) {
            (Sabotage::DropData, Output::Viewer(_, ViewerOutput::Data { .. })) if self.strikes() => Vec::new(),
            (Sabotage::DoubleData, output @ Output::Viewer(_, ViewerOutput::Data { .. })) if self.strikes() => {
                vec![output.clone(), output]
            }
            (
                Sabotage::ShiftSnapshots,
                Output::Viewer(id, ViewerOutput::Snapshot { stream, generation, offset, size, bytes }),
            ) => {
                let offset = offset + 1;
                vec![Output::Viewer(id, ViewerOutput::Snapshot { stream, generation, offset, size, bytes })]
            }
            (Sabotage::LoseWrites, Output::Terminal(_, TerminalOutput::Write(_))) if self.strikes() => Vec::new(),
            (Sabotage::RepeatWrites, Output::Terminal(id, TerminalOutput::Write(bytes))) => {
                let other = self.last_write.replace(bytes.clone()).filter(|last| last.len() == bytes.len());
                vec![Output::Terminal(id, TerminalOutput::Write(other.unwrap_or(bytes)))]
            }
            (Sabotage::DoubleAnswers, output @ Output::Backend(_, BackendOperation::Type { .. })) => {
                vec![output.clone(), output]
            }
            (Sabotage::WrongAnswers, Output::Backend(id, BackendOperation::Type { terminal, mut bytes })) => {
                bytes.push(b'0');
                vec![Output::Backend(id, BackendOperation::Type { terminal, bytes })]
            }
            (Sabotage::LoseAnswers, Output::Backend(id, BackendOperation::Type { terminal, .. })) => {
                vec![Output::Backend(id, BackendOperation::Mark(terminal.agent))]
            }
            (Sabotage::MuteEvents, Output::Event(Event::AgentChanged(_))) if self.strikes() => Vec::new(),
            (Sabotage::MuteNodes, Output::Event(Event::NodeChanged(_))) if self.strikes() => Vec::new(),
            (Sabotage::LoseReplies, Output::Reply(..)) if self.strikes() => Vec::new(),
            (Sabotage::WrongHolders, Output::Viewer(id, ViewerOutput::Size { stream, size, .. })) => {
                vec![Output::Viewer(id, ViewerOutput::Size { stream, size, holder: Holder::Nobody })]
            }
            (_, output) => vec![output],
        }
    }

    /// What becomes of a change of the store.
    pub(crate) fn store(&mut self, operation: StoreOperation) -> StoreOperation {
        let of_node = matches!(&operation, StoreOperation::Put { key, .. } if key.starts_with("node-"));
        if self.kind == Sabotage::ForgetMembers && of_node {
            return StoreOperation::Remove { key: "node-nothing".to_string() };
        }
        if self.kind == Sabotage::ForgetStores && self.strikes() {
            return StoreOperation::Remove { key: "agent-nothing".to_string() };
        }
        operation
    }

    /// How often a piece of room is told.
    pub(crate) fn rooms(&mut self) -> usize {
        match self.kind {
            Sabotage::LeakRoom => usize::from(!self.strikes()),
            Sabotage::ExtraRoom => 1 + usize::from(self.strikes()),
            _ => 1,
        }
    }
}
