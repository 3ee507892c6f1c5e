//! A scripted page in a browser: its connections, how it reads, and its streams.
//!
//! It keeps the rules of the browser protocol as the dashboard does: it resumes from its offset, repeats what was not
//! acknowledged, and has at most one stream per terminal.

mod stream;
mod typist;

pub(crate) use stream::Stream;

use crate::agenda::{Agenda, Lane, Millis};
use crate::dice::Dice;
use crate::event::{Event, Feed, HostIndex, NodeLife, Said};
use crate::failure::{Checked, must};
use crate::host::Hosts;
use crate::ledger::{Ledger, Place};
use consort_core::input::Take;
use consort_core::output::Holder;
use consort_core::{AgentAddress, NodeId, Size, StreamId, ViewerId, ViewerKey, ViewerOutput, limits};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stream::Attachment;
use typist::Typist;

/// Longer than this for a frame: the page has stalled.
const STALLED_MS: Millis = 60_000;

/// How connections behave in a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    pub(crate) latency_ms: Millis,
    /// Frames that fit a connection.
    pub(crate) room: u32,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) index: u8,
    /// The machine whose node serves it.
    pub(crate) host: HostIndex,
    /// The node there.
    node: NodeId,
    network: Network,
    dice: Dice,
    /// It takes so long for each frame.
    pub(crate) frame_ms: Millis,
    /// It acknowledges so late.
    pub(crate) late_ms: Millis,
    connection: Option<Connection>,
    /// When the node accepts the last connection.
    opened_at: Millis,
    pub(crate) streams: Vec<Stream>,
    /// Input of terminals that the page does not look at now: the numbers go on when it does again.
    typists: BTreeMap<Place, Typist>,
    next_stream: u32,
}

#[derive(Debug)]
struct Connection {
    viewer: ViewerId,
    node: NodeLife,
    up: Lane,
    down: Lane,
    inbox: VecDeque<ViewerOutput>,
    reading: bool,
    /// Every stream number that was used on it: frames of closed streams may still come.
    used: BTreeSet<StreamId>,
}

type Plan<'a> = &'a mut Agenda<Event>;

impl Page {
    pub(crate) fn new(index: u8, (host, node): (HostIndex, NodeId), network: Network, dice: Dice) -> Self {
        Page {
            index,
            host,
            node,
            network,
            dice,
            frame_ms: 0,
            late_ms: 0,
            connection: None,
            opened_at: 0,
            streams: Vec::new(),
            typists: BTreeMap::new(),
            next_stream: 1,
        }
    }

    // Connections.

    pub(crate) fn viewer(&self) -> Option<ViewerId> {
        self.connection.as_ref().map(|connection| connection.viewer)
    }

    pub(crate) fn connect(&mut self, plan: Plan<'_>, node: NodeLife, viewer: ViewerId) {
        // A node accepts the connections of a page in the order in which the page makes them.
        let mut up = Lane::default();
        up.not_before(self.opened_at);
        let connection = Connection {
            viewer,
            node,
            up,
            down: Lane::default(),
            inbox: VecDeque::new(),
            reading: false,
            used: BTreeSet::new(),
        };
        self.connection = Some(connection);
        let mut key = [self.index; 16];
        key[0] = 0xC0;
        self.say(plan, Said::Opened(ViewerKey(key)));
        self.opened_at = self.connection.as_ref().map_or(0, |connection| connection.up.last());
        for _ in 0..self.network.room {
            self.say(plan, Said::Writable);
        }
        for index in 0..self.streams.len() {
            self.open(plan, index, None, Take::Never);
        }
    }

    /// The connection is cut. The node notices after `notice_ms`; `Some`: the viewer of whom what is on its way is lost.
    pub(crate) fn cut(&mut self, plan: Plan<'_>, notice_ms: Millis) -> Option<ViewerId> {
        let mut connection = self.connection.take()?;
        let feed = Event::feed(self.host, connection.node, Feed::Viewer(connection.viewer, Said::Closed));
        connection.up.send(plan, notice_ms, feed);
        self.streams.iter_mut().for_each(Stream::disconnect);
        self.dice.percent(50).then_some(connection.viewer)
    }

    /// The node is dead: so are its connections.
    pub(crate) fn node_died(&mut self) {
        self.connection = None;
        self.streams.iter_mut().for_each(Stream::disconnect);
    }

    fn say(&mut self, plan: Plan<'_>, said: Said) {
        let delay = self.dice.up_to(self.network.latency_ms);
        if let Some(connection) = &mut self.connection {
            let feed = Feed::Viewer(connection.viewer, said);
            connection.up.send(plan, delay, Event::feed(self.host, connection.node, feed));
        }
    }

    /// The node sends a frame.
    pub(crate) fn send(&mut self, plan: Plan<'_>, frame: ViewerOutput) {
        let delay = self.dice.up_to(self.network.latency_ms);
        if let Some(connection) = &mut self.connection {
            let event = Event::Frame(connection.viewer, Box::new(frame));
            connection.down.send(plan, delay, event);
        }
    }

    /// A frame has reached the page.
    pub(crate) fn arrived(&mut self, plan: Plan<'_>, frame: ViewerOutput) -> Checked {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        connection.inbox.push_back(frame);
        let held = connection.inbox.len();
        must!(held <= self.network.room as usize, "page {} was sent {held} frames without room", self.index);
        self.begin_reading(plan);
        Ok(())
    }

    fn begin_reading(&mut self, plan: Plan<'_>) {
        let Some(connection) = &mut self.connection else { return };
        if !connection.reading && !connection.inbox.is_empty() && self.frame_ms <= STALLED_MS {
            connection.reading = true;
            plan.after(self.frame_ms, Event::Read(connection.viewer));
        }
    }

    /// From now on the network is quick.
    pub(crate) fn hurry(&mut self) {
        self.network.latency_ms = self.network.latency_ms.min(20);
    }

    pub(crate) fn set_pace(&mut self, plan: Plan<'_>, frame_ms: Millis) {
        self.frame_ms = frame_ms;
        self.begin_reading(plan);
    }

    /// The page takes the next frame.
    pub(crate) fn read(&mut self, plan: Plan<'_>, hosts: &Hosts, ledger: &mut Ledger) -> Checked {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        connection.reading = false;
        let Some(frame) = connection.inbox.pop_front() else { return Ok(()) };
        self.say(plan, Said::Writable);
        let result = self.take(plan, hosts, ledger, frame);
        self.begin_reading(plan);
        result
    }

    fn take(&mut self, plan: Plan<'_>, hosts: &Hosts, ledger: &mut Ledger, frame: ViewerOutput) -> Checked {
        let number = number_of(&frame);
        let used = self.connection.as_ref().is_some_and(|connection| connection.used.contains(&number));
        must!(used, "page {} got a frame for {number:?}, which it never opened", self.index);
        let Some(index) = self.streams.iter().position(|stream| stream.number == Some(number)) else { return Ok(()) };
        let page = self.index;
        let told = self.understand(plan, hosts, ledger, index, frame);
        told.map_err(|mut failure| {
            failure.text = format!("page {page}, {number:?}: {}", failure.text);
            failure
        })
    }

    fn understand(
        &mut self,
        plan: Plan<'_>,
        hosts: &Hosts,
        ledger: &mut Ledger,
        index: usize,
        frame: ViewerOutput,
    ) -> Checked {
        let stream = &mut self.streams[index];
        let (number, before_attached) = (number_of(&frame), stream.attached.is_none());
        stream.heard += u32::from(matches!(frame, ViewerOutput::Attached { .. } | ViewerOutput::InputLost { .. }));
        match frame {
            ViewerOutput::Attached { terminal, generation, offset, input_seq, input_known, size, holder, .. } => {
                stream.attached(ledger, &Attachment { terminal, generation, offset, size, holder })?;
                let place = Place { node: stream.agent.node, terminal };
                let twice = |other: &Stream| other.number != Some(number) && other.place() == Some(place);
                if self.streams.iter().any(twice) {
                    return self.detach(plan, ledger, index);
                }
                let stream = &mut self.streams[index];
                if let Some(before) = self.typists.remove(&place) {
                    stream.typist.go_on_from(before);
                }
                let repeat = stream.typist.resumed(ledger, input_seq, input_known)?;
                self.send_input(plan, index, repeat);
            }
            ViewerOutput::Ended { reason, .. } => {
                stream.ended(hosts, ledger, reason)?;
                self.streams.remove(index);
            }
            _ if before_attached => must!(false, "a frame came before the stream was open: {frame:?}"),
            ViewerOutput::Data { offset, bytes, .. } => {
                stream.data(hosts, offset, &bytes)?;
                self.acknowledge(plan, index);
            }
            ViewerOutput::Snapshot { generation, offset, size, bytes, .. } => {
                stream.snapshot(hosts, (generation, offset), size, &bytes)?;
                self.acknowledge(plan, index);
            }
            ViewerOutput::Size { size, holder, .. } => (stream.size, stream.holder) = (Some(size), holder),
            ViewerOutput::InputAck { seq, .. } => {
                stream.typist.acknowledged(ledger, seq)?;
                self.send_input(plan, index, Vec::new());
            }
            ViewerOutput::InputLost { seq, .. } => stream.typist.lost(ledger, seq)?,
        }
        Ok(())
    }

    fn acknowledge(&mut self, plan: Plan<'_>, index: usize) {
        let stream = &self.streams[index];
        let (Some(number), Some(position)) = (stream.number, stream.position) else { return };
        match self.viewer() {
            Some(viewer) if self.late_ms > 0 => {
                plan.after(self.late_ms, Event::Acknowledge(viewer, number, position.offset));
            }
            _ => self.say(plan, Said::Ack(number, position.offset)),
        }
    }

    /// A late acknowledgement is due.
    pub(crate) fn acknowledge_now(&mut self, plan: Plan<'_>, number: StreamId, offset: u64) {
        if self.streams.iter().any(|stream| stream.number == Some(number)) {
            self.say(plan, Said::Ack(number, offset));
        }
    }

    fn send_input(&mut self, plan: Plan<'_>, index: usize, repeat: Vec<typist::Chunk>) {
        let stream = &mut self.streams[index];
        let (Some(number), Some(_)) = (stream.number, stream.attached) else { return };
        let heard = stream.heard;
        let chunks: Vec<_> = repeat.into_iter().chain(stream.typist.sendable()).collect();
        for chunk in chunks {
            self.say(plan, Said::Input(number, heard, chunk.seq, chunk.bytes));
        }
    }

    // What a person does.

    /// Looks at a terminal, unless the page does already or looks at many.
    pub(crate) fn attach(&mut self, plan: Plan<'_>, target: (AgentAddress, Option<u32>), size: Size, take: Take) {
        if self.streams.len() < 6 && !self.looks_at(target) {
            self.streams.push(Stream::new(target.0, target.1, target.0.node != self.node));
            self.open(plan, self.streams.len() - 1, Some(size), take);
        }
    }

    /// Looks at a terminal again, only to see.
    pub(crate) fn look_again(&mut self, plan: Plan<'_>, target: (AgentAddress, Option<u32>)) {
        if !self.looks_at(target) {
            self.streams.push(Stream::new(target.0, target.1, target.0.node != self.node));
            self.open(plan, self.streams.len() - 1, None, Take::Never);
        }
    }

    fn looks_at(&self, (agent, pane): (AgentAddress, Option<u32>)) -> bool {
        self.streams.iter().any(|stream| stream.agent == agent && (pane.is_none() || stream.pane == pane))
    }

    /// Forgets what was typed into terminals that are gone or of no interest any more, and that the page does not look at.
    pub(crate) fn give_up(&mut self, ledger: &mut Ledger, gone: impl Fn(&Place) -> bool) -> Checked {
        for (_, mut typist) in self.typists.extract_if(.., |place, _| gone(place)) {
            typist.give_up(ledger)?;
        }
        Ok(())
    }

    /// Looks away from the terminals of nodes that are out of reach, for good.
    pub(crate) fn forget(
        &mut self,
        plan: Plan<'_>,
        ledger: &mut Ledger,
        out_of_reach: impl Fn(NodeId) -> bool,
    ) -> Checked {
        let gone: Vec<_> = self.streams.extract_if(.., |stream| out_of_reach(stream.agent.node)).collect();
        for mut stream in gone {
            if let Some(number) = stream.number {
                self.say(plan, Said::Detach(number));
            }
            stream.typist.give_up(ledger)?;
        }
        for (_, mut typist) in self.typists.extract_if(.., |place, _| out_of_reach(place.node)) {
            typist.give_up(ledger)?;
        }
        Ok(())
    }

    fn open(&mut self, plan: Plan<'_>, index: usize, size: Option<Size>, take: Take) {
        let Some(connection) = &mut self.connection else { return };
        let number = StreamId(self.next_stream);
        self.next_stream += 1;
        connection.used.insert(number);
        let stream = &mut self.streams[index];
        stream.number = Some(number);
        stream.heard = 0;
        stream.wishes = size.filter(|_| take != Take::Never).into_iter().collect();
        let from = stream.position.map(|position| (position.generation, position.offset));
        let said = Said::Attach { stream: number, agent: stream.agent, pane: stream.pane, from, size, take };
        self.say(plan, said);
    }

    /// Looks away. What was not sent yet never will be.
    pub(crate) fn detach(&mut self, plan: Plan<'_>, ledger: &mut Ledger, index: usize) -> Checked {
        let stream = self.streams.remove(index);
        if let Some(number) = stream.number {
            self.say(plan, Said::Detach(number));
        }
        if let Some(terminal) = stream.place() {
            let mut typist = stream.typist;
            typist.drop_waiting(ledger)?;
            if let Some(before) = self.typists.remove(&terminal) {
                typist.go_on_from(before);
            }
            self.typists.insert(terminal, typist);
        }
        Ok(())
    }

    pub(crate) fn resize(&mut self, plan: Plan<'_>, index: usize, size: Size, take: Take) {
        let stream = &mut self.streams[index];
        let Some(number) = stream.number else { return };
        if take != Take::Never || stream.holder == Holder::You {
            stream.wishes.clear();
        }
        // Without the lease the wish does not count; but the page may have it and not know yet.
        stream.wishes.push(size);
        self.say(plan, Said::Resize(number, size, take));
    }

    pub(crate) fn release(&mut self, plan: Plan<'_>, index: usize) {
        if let Some(number) = self.streams[index].number {
            self.streams[index].wishes.clear();
            self.say(plan, Said::Release(number));
        }
    }

    pub(crate) fn seen(&mut self, plan: Plan<'_>, agent: AgentAddress) {
        self.say(plan, Said::Seen(agent));
    }

    /// Types, if the page knows to which terminal.
    pub(crate) fn type_in(&mut self, plan: Plan<'_>, ledger: &mut Ledger, index: usize, length: usize) {
        let (page, stream) = (self.index, &mut self.streams[index]);
        let Some(terminal) = stream.place() else { return };
        let life = stream.position.map(|position| position.life);
        let (piece, bytes) = ledger.typed(page, terminal, life, length.min(limits::INPUT_CHUNK_BYTES));
        stream.typist.push(piece, bytes);
        self.send_input(plan, index, Vec::new());
    }
}

fn number_of(frame: &ViewerOutput) -> StreamId {
    match frame {
        ViewerOutput::Attached { stream, .. }
        | ViewerOutput::Data { stream, .. }
        | ViewerOutput::Snapshot { stream, .. }
        | ViewerOutput::Size { stream, .. }
        | ViewerOutput::InputAck { stream, .. }
        | ViewerOutput::InputLost { stream, .. }
        | ViewerOutput::Ended { stream, .. } => *stream,
    }
}
