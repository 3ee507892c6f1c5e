//! Bytes, offsets, credit, who types and who sets the size.
//!
//! A terminal's output is numbered from 0 and kept in a bounded ring while anyone looks. A stream (one viewer looking at one
//! terminal) goes on from an offset, or gets a snapshot that replaces its screen. Viewers acknowledge absolute offsets: that is
//! the only credit. What is still to be said to a viewer is state and never a queue, so a viewer that does not read costs
//! nothing more.

mod bytes;
mod input;
mod remote;
mod ring;
mod terminal;
mod typing;
mod viewer;

pub use bytes::Bytes;
pub(crate) use input::Typed;
pub(crate) use remote::Delivered;

use crate::error::Violation;
use crate::id::{Generation, NodeId, Size, StreamId, TerminalId, ViewerId, ViewerKey};
use crate::input::{Take, TerminalInput};
use crate::limits;
use crate::output::{EndReason, Event, Output, ViewerOutput, Who};
use crate::random::Random;
use crate::time::Instant;
use crate::timers::Timers;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use terminal::Terminal;
use viewer::{Stream, Viewer};

/// Who looks: a connection to this node, or one to another node that asks on its behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Onlooker {
    /// A viewer of this node.
    Here(ViewerId),
    /// A viewer of another node, by that node's number for it.
    There(NodeId, u64),
}

impl Onlooker {
    fn who(self) -> Who {
        match self {
            Onlooker::Here(viewer) => Who::Viewer(viewer),
            Onlooker::There(node, _) => Who::Node(node),
        }
    }
}

/// A stream, named across viewers.
pub(crate) type StreamKey = (Onlooker, StreamId);

/// What the directory knows about a terminal that is to be attached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) id: TerminalId,
    pub(crate) size: Size,
    pub(crate) shown_elsewhere: bool,
}

/// A wish to look, as the viewer said it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attach {
    pub(crate) stream: StreamId,
    pub(crate) from: Option<(Generation, u64)>,
    pub(crate) size: Option<Size>,
    pub(crate) take: Take,
}

/// All terminals that are looked at and all viewers that look.
#[derive(Debug)]
pub(crate) struct Streams {
    node: NodeId,
    random: Random,
    viewers: BTreeMap<Onlooker, Viewer>,
    /// The newest connection of each viewer: only that one types.
    typists: BTreeMap<ViewerKey, Onlooker>,
    terminals: BTreeMap<Generation, Terminal>,
    /// The terminal that lives under an id now. A closed one may still drain beside it.
    live: BTreeMap<TerminalId, Generation>,
    timers: Timers<Generation>,
    /// Viewers that may have something to send; served before `handle` returns.
    dirty: BTreeSet<Onlooker>,
    /// Other nodes' viewers that may have something to send; whoever carries it asks for it.
    calling: BTreeSet<Onlooker>,
    /// What became of frames that other nodes sent to viewers here.
    delivered: Vec<Delivered>,
}

impl Streams {
    pub(crate) fn new(node: NodeId, random: Random) -> Self {
        Streams {
            node,
            random,
            viewers: BTreeMap::new(),
            typists: BTreeMap::new(),
            terminals: BTreeMap::new(),
            live: BTreeMap::new(),
            timers: Timers::default(),
            dirty: BTreeSet::new(),
            calling: BTreeSet::new(),
            delivered: Vec::new(),
        }
    }

    // Viewers.

    /// A viewer is there. One more than [`VIEWERS`](limits::VIEWERS) of this node is not served; those of other nodes are bounded by
    /// whoever speaks for them.
    pub(crate) fn open(&mut self, viewer: Onlooker, key: ViewerKey) {
        let full = || self.viewers.keys().filter(|other| matches!(other, Onlooker::Here(_))).count() >= limits::VIEWERS;
        if matches!(viewer, Onlooker::There(..)) || self.viewers.len() < limits::VIEWERS || !full() {
            self.viewers.entry(viewer).or_insert_with(|| Viewer::new(key));
            self.typists.insert(key, viewer);
        }
    }

    pub(crate) fn close(&mut self, now: Instant, viewer: Onlooker, out: &mut VecDeque<Output>) {
        let Some(gone) = self.viewers.remove(&viewer) else { return };
        self.dirty.remove(&viewer);
        self.calling.remove(&viewer);
        if self.typists.get(&gone.key) == Some(&viewer) {
            let other = self.viewers.iter().rev().find(|(_, other)| other.key == gone.key).map(|(id, _)| *id);
            match other {
                Some(other) => drop(self.typists.insert(gone.key, other)),
                None => drop(self.typists.remove(&gone.key)),
            }
        }
        for (id, stream) in gone.streams {
            self.forget_stream(now, (viewer, id), &stream, out);
        }
    }

    pub(crate) fn writable(&mut self, viewer: Onlooker) {
        if let Some(viewer_state) = self.viewers.get_mut(&viewer) {
            viewer_state.room += 1;
            self.dirty.insert(viewer);
        }
    }

    pub(crate) fn attach(
        &mut self,
        now: Instant,
        viewer: Onlooker,
        attach: Attach,
        target: Result<Target, EndReason>,
        out: &mut VecDeque<Output>,
    ) {
        self.detach(now, viewer, attach.stream, out);
        let Some(state) = self.viewers.get(&viewer) else { return };
        let (count, viewer_key) = (state.count(), state.key);
        let target = if count >= limits::STREAMS_PER_VIEWER { Err(EndReason::TooMany) } else { target };
        let target = match target {
            Ok(target) => target,
            // Refusals need room to be said; a viewer that never reads cannot pile them up.
            Err(_) if count >= 2 * limits::STREAMS_PER_VIEWER => return,
            Err(reason) => return self.add_stream((viewer, attach.stream), Stream::refused(reason)),
        };
        let generation = self.terminal_for(target);
        let Some(terminal) = self.terminals.get_mut(&generation) else { return };
        let stream = Stream::open(terminal, &viewer_key, attach.from);
        terminal.attach((viewer, attach.stream), out);
        out.push_back(Output::Event(Event::Attached(viewer.who(), target.id)));
        self.add_stream((viewer, attach.stream), stream);
        if let Some(size) = attach.size {
            self.take_size((viewer, attach.stream), size, attach.take, out);
        }
        self.reschedule(generation);
    }

    pub(crate) fn detach(&mut self, now: Instant, viewer: Onlooker, stream: StreamId, out: &mut VecDeque<Output>) {
        let Some(state) = self.viewers.get_mut(&viewer) else { return };
        state.ready.retain(|id| *id != stream);
        self.delivered.extend(state.remotes.remove(&stream).into_iter().flat_map(|gone| gone.dropped(viewer)));
        if let Some(gone) = state.streams.remove(&stream) {
            self.forget_stream(now, (viewer, stream), &gone, out);
        }
    }

    pub(crate) fn ack(&mut self, viewer: Onlooker, stream: StreamId, offset: u64) {
        let Some(state) = self.stream_mut((viewer, stream)) else { return };
        state.ack(offset);
        let generation = state.terminal;
        self.queue((viewer, stream));
        let Some(terminal) = generation.and_then(|g| self.terminals.get_mut(&g)) else { return };
        let slowest = terminal.attached.iter().filter_map(|(viewer, stream)| {
            let stream = self.viewers.get(viewer)?.streams.get(stream)?;
            (!stream.behind).then_some(stream.acked)
        });
        if let Some(offset) = slowest.min() {
            terminal.release_before(offset);
        }
    }

    // Size.

    pub(crate) fn take_size(&mut self, key: StreamKey, size: Size, take: Take, out: &mut VecDeque<Output>) {
        let Some(terminal) = self.terminal_of(key) else { return };
        let holds = terminal.holder(key) == crate::output::Holder::You;
        let may = match take {
            Take::Never => holds,
            Take::IfFree => holds || terminal.lease_is_free(),
            Take::Always => true,
        };
        if may && !terminal.closed && terminal.grant(key, size, out) {
            let attached: Vec<_> = terminal.attached.iter().copied().collect();
            self.say_size(&attached);
        }
    }

    pub(crate) fn release_size(&mut self, key: StreamKey, out: &mut VecDeque<Output>) {
        let Some(terminal) = self.terminal_of(key) else { return };
        if terminal.release(key, out) {
            let attached: Vec<_> = terminal.attached.iter().copied().collect();
            self.say_size(&attached);
        }
    }

    /// Somebody else's terminal program began or ceased to show the terminal.
    pub(crate) fn shown_elsewhere(&mut self, id: TerminalId, shown: bool) {
        let Some(terminal) = self.live_mut(id) else { return };
        if terminal.shown_elsewhere != shown {
            terminal.shown_elsewhere = shown;
            let attached: Vec<_> = terminal.attached.iter().copied().collect();
            self.say_size(&attached);
        }
    }

    // Terminals.

    pub(crate) fn terminal(&mut self, now: Instant, id: TerminalId, input: TerminalInput<'_>) {
        let Some(generation) = self.live.get(&id).copied() else { return };
        let Some(terminal) = self.terminals.get_mut(&generation) else { return };
        match input {
            TerminalInput::Output(bytes) => {
                terminal.output(bytes);
                self.queue_attached(generation, |_| {});
            }
            TerminalInput::Skipped => {
                terminal.skip(now);
                self.queue_attached(generation, |stream| stream.behind = true);
            }
            TerminalInput::Resized(size) => {
                terminal.resized(size);
                self.queue_attached(generation, |stream| {
                    stream.behind = true;
                    stream.size_changed = true;
                });
            }
            TerminalInput::Snapshot { size, bytes } => {
                if terminal.snapshot_taken(size, bytes) {
                    self.queue_attached(generation, |_| {});
                    self.drop_snapshot_unless_needed(Some(generation));
                }
            }
            TerminalInput::Written { bytes } => {
                let keys = terminal.typing.confirm(bytes);
                for key in keys {
                    self.queue_typist(generation, key, |stream| stream.input_acked = true);
                }
            }
            TerminalInput::WriteFailed(reason) => {
                for (key, seq) in terminal.typing.fail() {
                    self.queue_typist(generation, key, |stream| stream.lose_input(seq, &reason));
                }
            }
            TerminalInput::Closed => self.close_terminal(id),
            // The agent's state is the directory's business.
            TerminalInput::Signal(_) => {}
        }
        self.reschedule(generation);
    }

    /// The terminal has ended: its streams say what is left, then their end.
    pub(crate) fn close_terminal(&mut self, id: TerminalId) {
        let Some(generation) = self.live.remove(&id) else { return };
        let Some(terminal) = self.terminals.get_mut(&generation) else { return };
        terminal.closed = true;
        terminal.drop_snapshot();
        let held = terminal.ring.start()..=terminal.ring.end();
        for (key, seq) in terminal.typing.fail() {
            self.queue_typist(generation, key, |stream| stream.lose_input(seq, "the terminal has ended"));
        }
        self.queue_attached(generation, |stream| stream.end(held.contains(&stream.sent)));
        self.forget_terminal_if_idle(generation);
    }

    // Time.

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(crate) fn wake(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        while let Some(generation) = self.timers.pop_due(now) {
            let Some(terminal) = self.terminals.get_mut(&generation) else { continue };
            if terminal.wake(now, out) {
                self.queue_attached(generation, |stream| stream.behind |= stream.partial);
            }
            self.forget_terminal_if_idle(generation);
            self.reschedule(generation);
        }
    }

    /// Sends what viewers have room for. Called last in every `handle`: nothing is left pending.
    pub(crate) fn flush(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        while let Some(onlooker) = self.dirty.pop_first() {
            match onlooker {
                Onlooker::Here(viewer) => {
                    while let Some(frame) = self.next_frame(now, onlooker, out) {
                        out.push_back(Output::Viewer(viewer, frame));
                    }
                }
                Onlooker::There(..) => drop(self.calling.insert(onlooker)),
            }
        }
    }

    /// The next frame for a viewer that has room for one; it uses that room.
    pub(crate) fn next_frame(
        &mut self,
        now: Instant,
        id: Onlooker,
        out: &mut VecDeque<Output>,
    ) -> Option<ViewerOutput> {
        loop {
            let viewer = self.viewers.get_mut(&id).filter(|viewer| viewer.room > 0)?;
            let next = viewer.ready.pop_front()?;
            let who = (id, viewer.key);
            let Some(stream) = viewer.streams.get_mut(&next) else {
                match viewer.next_remote(id, next) {
                    None => continue,
                    Some((frame, delivered)) => {
                        self.delivered.push(delivered);
                        return Some(frame);
                    }
                }
            };
            stream.queued = false;
            let generation = stream.terminal;
            let terminal = generation.and_then(|g| self.terminals.get_mut(&g));
            let frame = stream.next(now, who, next, terminal, out);
            if let Some(frame) = &frame {
                viewer.room -= 1;
                if matches!(frame, ViewerOutput::Ended { .. }) {
                    if let Some(gone) = viewer.streams.remove(&next) {
                        self.forget_stream(now, (id, next), &gone, out);
                    }
                } else {
                    viewer.queue(next);
                }
                if matches!(frame, ViewerOutput::Snapshot { .. }) {
                    self.drop_snapshot_unless_needed(generation);
                }
            }
            if let Some(generation) = generation {
                self.reschedule(generation);
            }
            if frame.is_some() {
                return frame;
            }
        }
    }

    // Helpers.

    fn stream_mut(&mut self, (viewer, stream): StreamKey) -> Option<&mut Stream> {
        self.viewers.get_mut(&viewer)?.streams.get_mut(&stream)
    }

    fn terminal_of(&mut self, key: StreamKey) -> Option<&mut Terminal> {
        let generation = self.stream_mut(key)?.terminal?;
        self.terminals.get_mut(&generation)
    }

    fn live_mut(&mut self, id: TerminalId) -> Option<&mut Terminal> {
        self.terminals.get_mut(self.live.get(&id)?)
    }

    fn terminal_for(&mut self, target: Target) -> Generation {
        if let Some(generation) = self.live.get(&target.id) {
            return *generation;
        }
        let generation = Generation(self.random.draw());
        let terminal = Terminal::new(self.node, generation, target);
        self.terminals.insert(generation, terminal);
        self.live.insert(target.id, generation);
        generation
    }

    fn add_stream(&mut self, (viewer, id): StreamKey, stream: Stream) {
        if let Some(state) = self.viewers.get_mut(&viewer) {
            state.streams.insert(id, stream);
        }
        self.queue((viewer, id));
    }

    fn forget_stream(&mut self, now: Instant, key: StreamKey, stream: &Stream, out: &mut VecDeque<Output>) {
        let Some(generation) = stream.terminal else { return };
        let Some(terminal) = self.terminals.get_mut(&generation) else { return };
        if stream.typed_bytes > 0 {
            out.push_back(Output::Event(Event::Typed(key.0.who(), terminal.id, stream.typed_bytes)));
        }
        let held = terminal.holder(key) == crate::output::Holder::You;
        terminal.detach(now, key, out);
        let attached: Vec<_> = terminal.attached.iter().copied().collect();
        if held {
            self.say_size(&attached);
        }
        self.drop_snapshot_unless_needed(Some(generation));
        self.forget_terminal_if_idle(generation);
        self.reschedule(generation);
    }

    fn forget_terminal_if_idle(&mut self, generation: Generation) {
        let Some(terminal) = self.terminals.get(&generation) else { return };
        if terminal.forgettable() {
            let id = terminal.id;
            self.terminals.remove(&generation);
            self.timers.set(generation, None);
            if self.live.get(&id) == Some(&generation) {
                self.live.remove(&id);
            }
        }
    }

    fn drop_snapshot_unless_needed(&mut self, generation: Option<Generation>) {
        let Some(terminal) = generation.and_then(|g| self.terminals.get(&g)) else { return };
        if !self.is_snapshot_needed(terminal)
            && let Some(terminal) = generation.and_then(|g| self.terminals.get_mut(&g))
        {
            terminal.drop_snapshot();
        }
    }

    fn is_snapshot_needed(&self, terminal: &Terminal) -> bool {
        terminal.attached.iter().any(|(viewer, stream)| {
            self.viewers.get(viewer).and_then(|v| v.streams.get(stream)).is_some_and(|stream| stream.behind)
        })
    }

    fn reschedule(&mut self, generation: Generation) {
        let deadline = self.terminals.get(&generation).and_then(Terminal::deadline);
        self.timers.set(generation, deadline);
    }

    fn queue(&mut self, (viewer, stream): StreamKey) {
        if let Some(state) = self.viewers.get_mut(&viewer) {
            state.queue(stream);
            self.dirty.insert(viewer);
        }
    }

    fn queue_attached(&mut self, generation: Generation, change: impl Fn(&mut Stream)) {
        let Some(terminal) = self.terminals.get(&generation) else { return };
        for (viewer, id) in &terminal.attached {
            let Some(state) = self.viewers.get_mut(viewer) else { continue };
            if let Some(stream) = state.streams.get_mut(id) {
                change(stream);
            }
            state.queue(*id);
            self.dirty.insert(*viewer);
        }
    }

    fn say_size(&mut self, attached: &[StreamKey]) {
        for key in attached {
            if let Some(stream) = self.stream_mut(*key) {
                stream.size_changed = true;
            }
            self.queue(*key);
        }
    }

    /// The terminal that a stream shows.
    pub(crate) fn shown_by(&self, (viewer, stream): StreamKey) -> Option<TerminalId> {
        let generation = self.viewers.get(&viewer)?.streams.get(&stream)?.terminal?;
        self.terminals.get(&generation).map(|terminal| terminal.id)
    }

    /// Whether anybody looks at the terminal now.
    pub(crate) fn is_looked_at(&self, id: TerminalId) -> bool {
        self.live.get(&id).and_then(|g| self.terminals.get(g)).is_some_and(|terminal| !terminal.attached.is_empty())
    }

    /// Every rule of this component.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Violation> {
        let fail = |what: String| Err(Violation(what));
        if !self.dirty.is_empty() || !self.calling.is_empty() || !self.delivered.is_empty() {
            return fail("a viewer was left unserved".to_string());
        }
        self.check_remotes()?;
        for (generation, terminal) in &self.terminals {
            let held = terminal.ring.end() - terminal.ring.start();
            if held > limits::RING_BYTES as u64 {
                return fail(format!("ring of {:?} holds {held} bytes", terminal.id));
            }
            if terminal.has_snapshot() && !self.is_snapshot_needed(terminal) {
                return fail(format!("a snapshot of {:?} is kept for nobody", terminal.id));
            }
            if !terminal.is_lease_held_by_attached() {
                return fail(format!("size of {:?} is held by a stream that is gone", terminal.id));
            }
            if terminal.typing.pending_bytes() > limits::INPUT_MEMORY * limits::INPUT_WINDOW_BYTES {
                return fail(format!("too much input pending for {:?}", terminal.id));
            }
            if !terminal.closed && self.live.get(&terminal.id) != Some(generation) {
                return fail(format!("{:?} lives twice", terminal.id));
            }
            if terminal.forgettable() && terminal.deadline().is_none() {
                return fail(format!("{:?} is kept for nobody", terminal.id));
            }
            if terminal.deadline().is_some_and(|at| at > now + Terminal::LONGEST_WAIT) {
                return fail(format!("{:?} waits too long", terminal.id));
            }
            for (viewer, stream) in &terminal.attached {
                let state = self.viewers.get(viewer).and_then(|v| v.streams.get(stream));
                if state.is_none_or(|state| state.terminal != Some(*generation)) {
                    return fail(format!("{:?} is attached by a stream that is gone", terminal.id));
                }
            }
        }
        for (id, viewer) in &self.viewers {
            for (stream_id, stream) in &viewer.streams {
                if stream.acked > stream.sent {
                    return fail(format!("stream {stream_id:?} of {id:?} acknowledged what was not sent"));
                }
                let known = stream
                    .terminal
                    .is_none_or(|g| self.terminals.get(&g).is_some_and(|t| t.attached.contains(&(*id, *stream_id))));
                if !known {
                    return fail(format!("stream {stream_id:?} of {id:?} shows no terminal"));
                }
            }
        }
        Ok(())
    }
}
