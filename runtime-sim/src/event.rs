//! What can be on its way in the world.

use crate::backend::{Order, Tick};
use crate::world::NODE;
use consort_core::directory::BackendKind;
use consort_core::input::Take;
use consort_core::{
    AgentAddress, AgentId, BackendInput, Command, CommandId, Generation, Input, Size, StreamId, TerminalId,
    TerminalInput, ViewerId, ViewerInput, ViewerKey, ViewerOutput,
};

/// Which life of the node (between two crashes) something belongs to. What belongs to an earlier one is void.
pub(crate) type NodeLife = u32;

/// Something that happens at its time.
#[derive(Debug)]
pub(crate) enum Event {
    /// Reaches the node.
    Node(NodeLife, Feed),
    /// Reaches a backend.
    Order(NodeLife, BackendKind, Order),
    /// Is due in a backend.
    Backend(Tick),
    /// The store has finished its oldest change.
    Disk(NodeLife),
    /// A frame reaches a page.
    Frame(ViewerId, ViewerOutput),
    /// A page takes the next frame that has reached it.
    Read(ViewerId),
    /// A page has processed everything before an offset.
    Acknowledge(ViewerId, StreamId, u64),
    /// The node starts again.
    Start(NodeLife),
}

/// [`Input`] with owned values.
#[derive(Clone, Debug)]
pub(crate) enum Feed {
    Backend(BackendInput),
    Terminal(TerminalId, Report),
    Viewer(ViewerId, Said),
    Command(CommandId, Command),
}

/// [`TerminalInput`] with owned values.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// Bytes of the script: which life printed them, from where, how many.
    Output(u64, u64, usize),
    Skipped,
    Snapshot(Size, Vec<u8>),
    Resized(Size),
    Written(usize),
    WriteFailed,
    Screen(String),
    Closed,
}

/// [`ViewerInput`] with owned values.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Opened(ViewerKey),
    Writable,
    Attach {
        stream: StreamId,
        agent: AgentId,
        pane: Option<u32>,
        from: Option<(Generation, u64)>,
        size: Option<Size>,
        take: Take,
    },
    Resize(StreamId, Size, Take),
    Release(StreamId),
    Ack(StreamId, u64),
    Input(StreamId, u64, Vec<u8>),
    Detach(StreamId),
    Seen(AgentId),
    Closed,
}

impl Feed {
    /// The same as core wants it. `scratch` is room for what the script prints.
    pub(crate) fn as_input<'a>(&'a self, scratch: &'a mut Vec<u8>) -> Input<'a> {
        match self {
            Feed::Backend(input) => Input::Backend(input.clone()),
            Feed::Terminal(id, report) => Input::Terminal(*id, report.as_input(scratch)),
            Feed::Viewer(id, said) => Input::Viewer(*id, said.as_input()),
            Feed::Command(id, command) => Input::Command(*id, NODE, command.clone()),
        }
    }
}

impl Report {
    fn as_input<'a>(&'a self, scratch: &'a mut Vec<u8>) -> TerminalInput<'a> {
        match self {
            Report::Output(life, from, count) => {
                crate::script::print(*life, *from, *count, scratch);
                TerminalInput::Output(scratch)
            }
            Report::Skipped => TerminalInput::Skipped,
            Report::Snapshot(size, bytes) => TerminalInput::Snapshot { size: *size, bytes },
            Report::Resized(size) => TerminalInput::Resized(*size),
            Report::Written(bytes) => TerminalInput::Written { bytes: *bytes },
            Report::WriteFailed => TerminalInput::WriteFailed("the script says so".to_string()),
            Report::Screen(text) => TerminalInput::Screen(text.clone()),
            Report::Closed => TerminalInput::Closed,
        }
    }
}

impl Said {
    fn as_input(&self) -> ViewerInput<'_> {
        match self {
            Said::Opened(key) => ViewerInput::Opened(*key),
            Said::Writable => ViewerInput::Writable,
            Said::Attach { stream, agent, pane, from, size, take } => ViewerInput::Attach {
                stream: *stream,
                agent: AgentAddress { node: NODE, agent: *agent },
                pane: *pane,
                from: *from,
                size: *size,
                take: *take,
            },
            Said::Resize(stream, size, take) => ViewerInput::Resize { stream: *stream, size: *size, take: *take },
            Said::Release(stream) => ViewerInput::Release(*stream),
            Said::Ack(stream, offset) => ViewerInput::Ack { stream: *stream, offset: *offset },
            Said::Input(stream, seq, bytes) => ViewerInput::Input { stream: *stream, seq: *seq, bytes },
            Said::Detach(stream) => ViewerInput::Detach(*stream),
            Said::Seen(agent) => ViewerInput::Seen(AgentAddress { node: NODE, agent: *agent }),
            Said::Closed => ViewerInput::Closed,
        }
    }
}
