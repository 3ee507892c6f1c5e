//! What can be on its way in the world.

use crate::backend::{Order, Tick};
use crate::network;
use consort_core::directory::{BackendKind, Signal};
use consort_core::input::Take;
use consort_core::{
    Address, AgentAddress, BackendInput, Command, CommandId, DialId, Generation, Input, NodeId, Size, StreamId,
    TerminalId, TerminalInput, ViewerId, ViewerInput, ViewerKey, ViewerOutput,
};

/// A machine, by its number in the world.
pub(crate) type HostIndex = u16;

/// Which life of a node (between two crashes) something belongs to. What belongs to an earlier one is void.
pub(crate) type NodeLife = u32;

/// Something that happens at its time.
#[derive(Debug)]
pub(crate) enum Event {
    /// Happens on a machine, unless it sleeps.
    On(HostIndex, Local),
    /// A frame reaches a page.
    Frame(ViewerId, Box<ViewerOutput>),
    /// A page takes the next frame that has reached it.
    Read(ViewerId),
    /// A page has processed everything before an offset.
    Acknowledge(ViewerId, StreamId, u64),
    /// Is due in the network.
    Network(network::Tick),
    /// A machine that slept goes on.
    Resume(HostIndex, u32),
    /// A machine with a copied disk is found out and switched off.
    Unplug(HostIndex),
}

/// What happens on one machine. Large things are boxed: the agenda moves its entries often.
#[derive(Debug)]
pub(crate) enum Local {
    /// Reaches the node.
    Feed(NodeLife, Box<Feed>),
    /// Reaches a backend.
    Order(NodeLife, BackendKind, Box<Order>),
    /// Is due in a backend.
    Backend(Box<Tick>),
    /// The store has finished its oldest change.
    Disk(NodeLife),
    /// The node starts again.
    Start(NodeLife),
}

impl Event {
    pub(crate) fn feed(host: HostIndex, life: NodeLife, feed: Feed) -> Self {
        Event::On(host, Local::Feed(life, Box::new(feed)))
    }

    pub(crate) fn order(host: HostIndex, life: NodeLife, kind: BackendKind, order: Order) -> Self {
        Event::On(host, Local::Order(life, kind, Box::new(order)))
    }

    pub(crate) fn backend(host: HostIndex, tick: Tick) -> Self {
        Event::On(host, Local::Backend(Box::new(tick)))
    }
}

/// [`Input`] with owned values.
#[derive(Clone, Debug)]
pub(crate) enum Feed {
    Backend(BackendInput),
    Terminal(TerminalId, Report),
    Viewer(ViewerId, Said),
    Command(CommandId, NodeId, Command),
    Network(Vec<Address>),
    DialFailed(DialId, String),
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
    Signal(Signal),
    Closed,
}

/// [`ViewerInput`] with owned values.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Opened(ViewerKey),
    Writable,
    Attach {
        stream: StreamId,
        agent: AgentAddress,
        pane: Option<u32>,
        from: Option<(Generation, u64)>,
        size: Option<Size>,
        take: Take,
    },
    Resize(StreamId, Size, Take),
    Release(StreamId),
    Ack(StreamId, u64),
    Input(StreamId, u32, u64, Vec<u8>),
    Detach(StreamId),
    Seen(AgentAddress),
    Closed,
}

impl Feed {
    /// The same as core wants it. `scratch` is room for what the script prints.
    pub(crate) fn as_input<'a>(&'a self, scratch: &'a mut Vec<u8>) -> Input<'a> {
        match self {
            Feed::Backend(input) => Input::Backend(input.clone()),
            Feed::Terminal(id, report) => Input::Terminal(*id, report.as_input(scratch)),
            Feed::Viewer(id, said) => Input::Viewer(*id, said.as_input()),
            Feed::Command(id, node, command) => Input::Command(*id, *node, command.clone()),
            Feed::Network(addresses) => Input::Network(addresses.clone()),
            Feed::DialFailed(id, why) => Input::DialFailed(*id, why.clone()),
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
            Report::Signal(signal) => TerminalInput::Signal(signal.clone()),
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
                agent: *agent,
                pane: *pane,
                from: *from,
                size: *size,
                take: *take,
            },
            Said::Resize(stream, size, take) => ViewerInput::Resize { stream: *stream, size: *size, take: *take },
            Said::Release(stream) => ViewerInput::Release(*stream),
            Said::Ack(stream, offset) => ViewerInput::Ack { stream: *stream, offset: *offset },
            Said::Input(stream, heard, seq, bytes) => {
                ViewerInput::Input { stream: *stream, heard: *heard, seq: *seq, bytes }
            }
            Said::Detach(stream) => ViewerInput::Detach(*stream),
            Said::Seen(agent) => ViewerInput::Seen(*agent),
            Said::Closed => ViewerInput::Closed,
        }
    }
}
