//! The contract monitor: wraps a node and watches that the runtime and core keep their promises to each other.
//!
//! Used by the simulator, the fuzzer and debug builds of the runtime. Every breach panics with the rule that was broken.

use crate::id::{CommandId, DialId, Generation, LinkId, OperationId, StoreId, StreamId, TerminalId, ViewerId};
use crate::input::{BackendInput, Input, LinkInput, TerminalInput, ViewerInput};
use crate::limits;
use crate::node::Node;
use crate::output::{Output, TerminalOutput, ViewerOutput};
use crate::time::{Deadline, Instant};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

/// A node that is watched. Has the calls of [`Node`]; read through [`node`](Self::node).
#[derive(Debug)]
pub struct Monitor {
    node: Node,
    rooms: BTreeMap<ViewerId, u32>,
    /// Links that are open, with the frames that fit.
    links: BTreeMap<LinkId, u32>,
    dials: BTreeSet<DialId>,
    operations: BTreeSet<OperationId>,
    stores: VecDeque<StoreId>,
    commands: BTreeSet<CommandId>,
    /// Bytes handed over for writing and not confirmed.
    unwritten: BTreeMap<TerminalId, usize>,
    streams: BTreeMap<(ViewerId, StreamId), Position>,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    generation: Generation,
    /// Where the next data must begin; `None`: a snapshot must come first, or the viewer's own offset.
    next: Option<u64>,
    acked: u64,
    base: u64,
}

impl Monitor {
    /// Watches a fresh node.
    #[must_use]
    pub fn new(node: Node) -> Self {
        Monitor {
            node,
            rooms: BTreeMap::new(),
            links: BTreeMap::new(),
            dials: BTreeSet::new(),
            operations: BTreeSet::new(),
            stores: VecDeque::new(),
            commands: BTreeSet::new(),
            unwritten: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    /// The node, to read.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// See [`Node::handle`].
    ///
    /// # Panics
    /// If the runtime answers what was not asked, or asks twice under one number.
    #[inline]
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.watch_input(&input);
        self.node.handle(now, input);
    }

    /// See [`Node::poll_output`].
    ///
    /// # Panics
    /// If core sends without room, out of order, or answers a command that was not given.
    #[inline]
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.node.poll_output()?;
        self.watch_output(&output);
        Some(output)
    }

    /// See [`Node::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Deadline> {
        self.node.next_deadline()
    }

    fn watch_input(&mut self, input: &Input<'_>) {
        match input {
            Input::Wake => {}
            Input::Backend(BackendInput::Done(id, _)) => {
                assert!(self.operations.remove(id), "contract: {id:?} was not asked for, or answered twice");
            }
            Input::Backend(_) => {}
            Input::Terminal(id, TerminalInput::Written { bytes }) => {
                let left = self.unwritten.entry(*id).or_default();
                assert!(*left >= *bytes, "contract: {id:?} confirmed more than was written");
                *left -= bytes;
            }
            Input::Terminal(id, TerminalInput::WriteFailed(_) | TerminalInput::Closed) => {
                self.unwritten.remove(id);
            }
            Input::Terminal(_, TerminalInput::Snapshot { bytes, .. }) => {
                assert!(bytes.len() <= limits::SNAPSHOT_BYTES, "contract: a snapshot is bounded");
            }
            Input::Terminal(..) => {}
            Input::Viewer(id, input) => self.watch_viewer(*id, input),
            Input::Command(id, ..) => {
                assert!(id.0 < CommandId::OF_OTHERS, "contract: commands are numbered below 2⁶³");
                assert!(self.commands.insert(*id), "contract: {id:?} was used twice");
            }
            Input::Link(id, input) => self.watch_link(*id, input),
            Input::DialFailed(id, _) => {
                assert!(self.dials.remove(id), "contract: {id:?} was not asked for, or answered twice");
            }
            Input::Network(_) => {}
            Input::Stored(id, _) => {
                assert_eq!(self.stores.pop_front(), Some(*id), "contract: stores are answered once and in order");
            }
        }
    }

    fn watch_link(&mut self, id: LinkId, input: &LinkInput<'_>) {
        match input {
            LinkInput::Opened { dial, .. } => {
                assert!(self.links.insert(id, 0).is_none(), "contract: {id:?} was opened twice");
                let known = dial.is_none_or(|dial| self.dials.remove(&dial));
                assert!(known, "contract: {dial:?} was not asked for, or answered twice");
            }
            LinkInput::Frame(bytes) => {
                assert!(bytes.len() <= limits::LINK_FRAME_BYTES, "contract: a link's frame is bounded");
            }
            LinkInput::Writable(frames) => {
                if let Some(room) = self.links.get_mut(&id) {
                    *room += frames;
                }
            }
            LinkInput::Closed => drop(self.links.remove(&id)),
        }
    }

    fn watch_viewer(&mut self, id: ViewerId, input: &ViewerInput<'_>) {
        match input {
            ViewerInput::Opened(_) => {
                assert!(self.rooms.insert(id, 0).is_none(), "contract: {id:?} was opened twice");
            }
            ViewerInput::Writable => *self.rooms.entry(id).or_default() += 1,
            ViewerInput::Ack { stream, offset } => {
                if let Some(position) = self.streams.get_mut(&(id, *stream)) {
                    position.acked = position.acked.max(*offset);
                }
            }
            ViewerInput::Attach { stream, .. } | ViewerInput::Detach(stream) => {
                self.streams.remove(&(id, *stream));
            }
            ViewerInput::Closed => {
                self.rooms.remove(&id);
                self.streams.retain(|(viewer, _), _| *viewer != id);
            }
            ViewerInput::Resize { .. } | ViewerInput::Release(_) | ViewerInput::Input { .. } | ViewerInput::Seen(_) => {
            }
        }
    }

    fn watch_output(&mut self, output: &Output) {
        match output {
            Output::Terminal(id, TerminalOutput::Write(bytes)) => {
                *self.unwritten.entry(*id).or_default() += bytes.len()
            }
            Output::Terminal(..) | Output::Event(_) => {}
            Output::Dial(id, ..) => assert!(self.dials.insert(*id), "core used {id:?} twice"),
            Output::Transmit(id, bytes) => {
                assert!(bytes.len() <= limits::LINK_FRAME_BYTES, "a link's frame of {} bytes", bytes.len());
                let room = self.links.get_mut(id).unwrap_or_else(|| panic!("core sent to {id:?}, which is not there"));
                *room = room.checked_sub(1).unwrap_or_else(|| panic!("core sent to {id:?} without room"));
            }
            Output::CloseLink(id) => {
                // What it sends afterwards would be lost.
                assert!(self.links.remove(id).is_some(), "core closed {id:?}, which is not there");
            }
            Output::Viewer(id, frame) => {
                let room = self.rooms.get_mut(id).unwrap_or_else(|| panic!("core sent to {id:?}, which is not there"));
                *room = room.checked_sub(1).unwrap_or_else(|| panic!("core sent to {id:?} without room"));
                self.watch_frame(*id, frame);
            }
            Output::Backend(id, _) | Output::ListDirectory(id, _) | Output::ListPrograms(id) => {
                assert!(self.operations.insert(*id), "core used {id:?} twice")
            }
            Output::Reply(id, _) => assert!(self.commands.remove(id), "core answered {id:?} twice, or unasked"),
            Output::Store(id, _) => self.stores.push_back(*id),
        }
    }

    fn watch_frame(&mut self, viewer: ViewerId, frame: &ViewerOutput) {
        match frame {
            ViewerOutput::Attached { stream, generation, offset, .. } => {
                let at = |before: &Position| before.generation == *generation && before.next == Some(*offset);
                // Said again, after an interruption: it goes on exactly where it was, or with a snapshot.
                let goes_on = self.streams.get(&(viewer, *stream)).is_none_or(at);
                let next = goes_on.then_some(*offset);
                let position = Position { generation: *generation, next, acked: *offset, base: *offset };
                self.streams.insert((viewer, *stream), position);
            }
            ViewerOutput::Data { stream, offset, bytes } => {
                let position = self.position(viewer, *stream);
                assert_eq!(position.next, Some(*offset), "core left a gap in {stream:?}");
                assert!(!bytes.is_empty() && bytes.len() <= limits::FRAME_BYTES, "a frame of {} bytes", bytes.len());
                let end = offset + bytes.len() as u64;
                let credit_end = position.acked.max(position.base).saturating_add(limits::WINDOW_BYTES);
                assert!(end <= credit_end, "core sent beyond the window of {stream:?}");
                position.next = Some(end);
            }
            ViewerOutput::Snapshot { stream, generation, offset, .. } => {
                let position = self.position(viewer, *stream);
                assert_eq!(position.generation, *generation, "core changed the numbering of {stream:?}");
                let from = position.next.unwrap_or(position.base);
                assert!(from <= *offset, "core went back in {stream:?}");
                position.next = Some(*offset);
                position.base = *offset;
            }
            ViewerOutput::Ended { stream, .. } => {
                self.streams.remove(&(viewer, *stream));
            }
            ViewerOutput::Size { .. } | ViewerOutput::InputAck { .. } | ViewerOutput::InputLost { .. } => {}
        }
    }

    fn position(&mut self, viewer: ViewerId, stream: StreamId) -> &mut Position {
        self.streams.get_mut(&(viewer, stream)).unwrap_or_else(|| panic!("core sent to {stream:?} before opening it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AgentId, NodeId, Size, ViewerKey};
    use crate::node::{Config, Identity, Restored};
    use crate::output::{EndReason, Holder};
    use crate::sham::Sham;
    use crate::streams::Bytes;
    use alloc::boxed::Box;
    use alloc::vec;

    const NODE: NodeId = NodeId([7; 32]);
    const VIEWER: ViewerId = ViewerId(1);
    const STREAM: StreamId = StreamId(1);
    const TERMINAL: TerminalId = TerminalId { agent: AgentId(1), pane: 0 };

    /// A monitor that was told of a viewer with room for so many frames.
    fn monitor(room: u32) -> Monitor {
        let (config, identity) =
            (Config { name: "watched".into(), start_unix_ms: None }, Identity { id: NODE, epoch: 1 });
        let seal = Box::new(Sham::new(NODE, 1));
        let node = Node::new(config, identity, Restored::default(), seal, [1; 32], Instant::START).unwrap();
        let mut monitor = Monitor::new(node);
        monitor.watch_viewer(VIEWER, &ViewerInput::Opened(ViewerKey([1; 16])));
        for _ in 0..room {
            monitor.watch_viewer(VIEWER, &ViewerInput::Writable);
        }
        monitor
    }

    impl Monitor {
        fn sees(&mut self, frame: ViewerOutput) {
            self.watch_output(&Output::Viewer(VIEWER, frame));
        }

        fn sees_data(&mut self, offset: u64, len: usize) {
            self.sees(ViewerOutput::Data { stream: STREAM, offset, bytes: Bytes::from(&vec![b'x'; len][..]) });
        }

        fn is_told_of_written(&mut self, bytes: usize) {
            self.watch_input(&Input::Terminal(TERMINAL, TerminalInput::Written { bytes }));
        }
    }

    fn attached(offset: u64) -> ViewerOutput {
        ViewerOutput::Attached {
            stream: STREAM,
            node: NODE,
            terminal: TERMINAL,
            generation: Generation(1),
            offset,
            input_seq: 0,
            input_known: true,
            size: Size::DEFAULT,
            holder: Holder::Nobody,
        }
    }

    fn snapshot(offset: u64) -> ViewerOutput {
        let bytes = Bytes::from(&b"screen"[..]);
        ViewerOutput::Snapshot { stream: STREAM, generation: Generation(1), offset, size: Size::DEFAULT, bytes }
    }

    #[test]
    fn what_core_may_say_is_no_breach() {
        let mut monitor = monitor(7);
        monitor.sees(attached(5));
        monitor.sees_data(5, 10);
        monitor.sees(snapshot(15));
        monitor.sees_data(15, 5);
        monitor.sees(attached(20));
        monitor.sees_data(20, 1);
        monitor.sees(ViewerOutput::Ended { stream: STREAM, reason: EndReason::Exited });
    }

    #[test]
    #[should_panic(expected = "without room")]
    fn a_frame_without_room_is_a_breach() {
        let mut monitor = monitor(1);
        monitor.sees(attached(5));
        monitor.sees_data(5, 10);
    }

    #[test]
    #[should_panic(expected = "left a gap")]
    fn a_gap_is_a_breach() {
        let mut monitor = monitor(9);
        monitor.sees(attached(5));
        monitor.sees_data(6, 10);
    }

    #[test]
    #[should_panic(expected = "left a gap")]
    fn a_stream_that_is_opened_again_elsewhere_without_a_snapshot_is_a_breach() {
        let mut monitor = monitor(9);
        monitor.sees(attached(5));
        monitor.sees_data(5, 10);
        monitor.sees(attached(16));
        monitor.sees_data(16, 10);
    }

    #[test]
    #[should_panic(expected = "went back")]
    fn a_snapshot_of_what_was_before_is_a_breach() {
        let mut monitor = monitor(9);
        monitor.sees(attached(5));
        monitor.sees_data(5, 10);
        monitor.sees(snapshot(14));
    }

    #[test]
    #[should_panic(expected = "beyond the window")]
    fn more_than_the_window_is_a_breach() {
        let mut monitor = monitor(99);
        monitor.sees(attached(0));
        monitor.sees_data(0, 1);
        for frame in 0..=limits::WINDOW_BYTES / limits::FRAME_BYTES as u64 {
            monitor.sees_data(1 + frame * limits::FRAME_BYTES as u64, limits::FRAME_BYTES);
        }
    }

    #[test]
    #[should_panic(expected = "before opening it")]
    fn a_frame_of_a_stream_that_has_ended_is_a_breach() {
        let mut monitor = monitor(9);
        monitor.sees(attached(5));
        monitor.sees(ViewerOutput::Ended { stream: STREAM, reason: EndReason::Exited });
        monitor.sees_data(5, 10);
    }

    #[test]
    #[should_panic(expected = "confirmed more than was written")]
    fn a_backend_that_confirms_more_than_was_written_is_a_breach() {
        let mut monitor = monitor(0);
        monitor.watch_output(&Output::Terminal(TERMINAL, TerminalOutput::Write(vec![b'x'; 10])));
        monitor.is_told_of_written(6);
        monitor.is_told_of_written(5);
    }
}
