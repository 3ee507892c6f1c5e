//! The opener's end: what viewers and people here want of another node, and the circuit that carries it, if there is one.

use super::commands::{Asked, Request, Sending};
use super::line::{Broken, Line};
use super::look::Look;
use super::sealed::Sealed;
use super::wire::{self, Ask, Form, Header, MESSAGE_BYTES, PART_BYTES, Part, SessionId, Tell};
use super::{Carrier, News};
use crate::id::{NodeId, StreamId, ViewerId, ViewerKey};
use crate::input::ViewerInput;
use crate::limits;
use crate::output::ViewerOutput;
use crate::seal::Offer;
use crate::streams::Bytes;
use crate::time::{Duration, Instant};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// What is wanted of one other node.
#[derive(Debug)]
pub(super) struct Opener {
    node: NodeId,
    /// Streams, by viewer and number on the circuit.
    looks: BTreeMap<(ViewerId, StreamId), Look>,
    callers: BTreeMap<ViewerId, Caller>,
    pub(super) asked: Asked,
    way: Way,
    pub(super) state: State,
    /// Openings since a circuit lasted.
    pub(super) tries: u32,
    /// Nothing is wanted since then.
    pub(super) idle_since: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum State {
    /// There is no circuit; the next one may be opened from then on.
    Down(Instant),
    Up(Box<Up>),
}

/// A viewer here that looks there. Of its [`REMOTE_ROOM`](limits::REMOTE_ROOM) frames each is granted, here, or to be granted.
#[derive(Debug)]
struct Caller {
    key: ViewerKey,
    /// It is open on the present circuit.
    open: bool,
    /// Frames that the other node may send.
    granted: u32,
    /// Frames that wait for the viewer's connection.
    waiting: u32,
    /// Room of the parts of a snapshot that came while frames wait: granted when those are gone, so that nothing is put together for a
    /// viewer that does not read.
    withheld: u32,
    /// Room to be granted.
    free: u32,
    /// The snapshot that is being put together, and for which stream.
    snapshot: Option<(StreamId, Vec<u8>)>,
}

#[derive(Debug)]
pub(super) struct Up {
    pub(super) line: Line,
    pub(super) since: Instant,
    /// Encoded messages, in order.
    queue: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    /// The newest offset of each stream that the other node does not know to be processed.
    acks: BTreeMap<(ViewerId, StreamId), u64>,
    sending: Sending,
    answer: Option<(u64, Vec<u8>)>,
    bye: bool,
}

/// The session with the other node: it outlasts circuits.
#[derive(Debug)]
enum Way {
    Closed,
    /// It was offered, with this parcel. What is to be said waits.
    Offered(SessionId, Box<dyn Offer>, Vec<u8>),
    Open(Sealed),
}

impl Caller {
    fn new(key: ViewerKey) -> Self {
        Caller { key, open: false, granted: 0, waiting: 0, withheld: 0, free: 0, snapshot: None }
    }

    /// A circuit begins: what waits here is all that is left.
    fn restart(&mut self) {
        (self.open, self.granted, self.withheld, self.snapshot) = (false, 0, 0, None);
        self.free = limits::REMOTE_ROOM.saturating_sub(self.waiting);
    }

    /// A frame that went to the viewer, or was dropped, makes room for another.
    fn passed(&mut self) {
        self.waiting -= 1;
        self.free += 1;
        if self.waiting == 0 {
            self.free += core::mem::take(&mut self.withheld);
        }
    }
}

impl Opener {
    pub(super) fn new(node: NodeId, now: Instant) -> Self {
        Opener {
            node,
            looks: BTreeMap::new(),
            callers: BTreeMap::new(),
            asked: Asked::default(),
            way: Way::Closed,
            state: State::Down(now),
            tries: 0,
            idle_since: None,
        }
    }

    /// Something is wanted of the node.
    pub(super) fn is_wanted(&self) -> bool {
        !self.looks.is_empty() || !self.asked.is_empty()
    }

    pub(super) fn has_streams(&self) -> bool {
        !self.looks.is_empty()
    }

    /// Nothing about it is worth keeping.
    pub(super) fn is_forgettable(&self) -> bool {
        let waits = self.callers.values().any(|caller| caller.waiting > 0);
        matches!(self.state, State::Down(_)) && !self.is_wanted() && !waits
    }

    pub(super) fn up(&mut self) -> Option<&mut Up> {
        match &mut self.state {
            State::Up(up) => Some(up),
            State::Down(_) => None,
        }
    }

    pub(super) fn is_on(&self, circuit: u64) -> bool {
        matches!(&self.state, State::Up(up) if up.line.circuit() == circuit)
    }

    // What viewers want.

    /// False: the node has too many streams there.
    pub(super) fn attach(&mut self, viewer: ViewerId, key: ViewerKey, line: StreamId, look: Look) -> bool {
        let known = self.callers.contains_key(&viewer);
        if self.looks.len() >= limits::REMOTE_STREAMS || !known && self.callers.len() >= limits::REMOTE_VIEWERS {
            return false;
        }
        let caller = self.callers.entry(viewer).or_insert_with(|| Caller::new(key));
        if let State::Up(up) = &mut self.state {
            if !caller.open {
                caller.restart();
                up.open(viewer, caller);
            }
            up.push(&Ask::Viewer(viewer.0, look.attach(line)));
        }
        self.looks.insert((viewer, line), look);
        true
    }

    /// What a viewer does with one of its streams; other inputs are no business of a circuit.
    pub(super) fn viewer(&mut self, viewer: ViewerId, line: StreamId, input: ViewerInput<'_>) {
        let Some(look) = self.looks.get_mut(&(viewer, line)) else { return };
        let up = match &mut self.state {
            State::Up(up) => Some(up),
            State::Down(_) => None,
        };
        let message = match input {
            ViewerInput::Resize { size, take, .. } => {
                look.resize(size, take);
                ViewerInput::Resize { stream: line, size, take }
            }
            ViewerInput::Release(_) => {
                look.release();
                ViewerInput::Release(line)
            }
            ViewerInput::Ack { offset, .. } => {
                if let (Some(offset), Some(up)) = (look.ack(offset), up) {
                    up.acks.insert((viewer, line), offset);
                }
                return;
            }
            // What is not passed on is repeated, or told to be lost, when the viewer has heard what it had not.
            ViewerInput::Input { heard, seq, bytes, .. } => match look.heard_there(heard) {
                Some(heard) => ViewerInput::Input { stream: line, heard, seq, bytes },
                None => return,
            },
            ViewerInput::Detach(_) => {
                self.looks.remove(&(viewer, line));
                ViewerInput::Detach(line)
            }
            ViewerInput::Opened(_)
            | ViewerInput::Writable
            | ViewerInput::Attach { .. }
            | ViewerInput::Seen(_)
            | ViewerInput::Closed => return,
        };
        if let Some(up) = up {
            if matches!(message, ViewerInput::Detach(_)) {
                up.acks.remove(&(viewer, line));
            }
            up.push(&Ask::Viewer(viewer.0, message));
        }
    }

    /// A viewer's connection is gone.
    pub(super) fn close(&mut self, viewer: ViewerId) {
        self.looks.retain(|(of, _), _| *of != viewer);
        let gone = self.callers.remove(&viewer);
        if let (State::Up(up), Some(true)) = (&mut self.state, gone.map(|caller| caller.open)) {
            up.acks.retain(|(of, _), _| *of != viewer);
            up.push(&Ask::Viewer(viewer.0, ViewerInput::Closed));
        }
    }

    /// A frame has left the viewer's queue.
    pub(super) fn passed(&mut self, viewer: ViewerId) {
        if let Some(caller) = self.callers.get_mut(&viewer) {
            caller.passed();
        }
    }

    /// Ends all streams; gives their viewers and numbers.
    pub(super) fn end_all(&mut self) -> Vec<(ViewerId, StreamId)> {
        core::mem::take(&mut self.looks).into_iter().map(|((viewer, _), look)| (viewer, look.stream)).collect()
    }

    // The session.

    /// There is none, and none was offered.
    pub(super) fn needs_session(&self) -> bool {
        matches!(self.way, Way::Closed)
    }

    pub(super) fn has_session(&self, id: SessionId) -> bool {
        matches!(&self.way, Way::Open(session) if session.id == id)
    }

    /// A session is offered when the next circuit is opened.
    pub(super) fn offers(&mut self, id: SessionId, (offer, words): (Box<dyn Offer>, Vec<u8>)) {
        self.way = Way::Offered(id, offer, wire::parcel(id, Form::Offer, &words));
    }

    /// The answer to what was offered, if it is that: everything may be said now.
    pub(super) fn accepted(&mut self, id: SessionId, answer: &[u8]) {
        if let Way::Offered(offered, offer, _) = &mut self.way
            && *offered == id
            && let Some(session) = offer.answered(answer)
        {
            self.way = Way::Open(Sealed::of_opener(id, session));
            if let Some(up) = self.up() {
                up.line.heard();
            }
        }
    }

    /// The other node does not have the session, as somebody says.
    pub(super) fn session_lost(&mut self, now: Instant, id: SessionId, pause: impl FnOnce(u32) -> Duration) {
        let Way::Open(session) = &self.way else { return };
        if session.id != id {
            return;
        }
        if session.has_served() {
            // It was restarted: no reason to wait with the next one.
            self.tries = 0;
        }
        self.way = Way::Closed;
        self.down(now, pause);
    }

    /// Whether the other node has said this; then `plain` has it.
    pub(super) fn opens(&mut self, number: u64, sealed: &[u8], plain: &mut Vec<u8>) -> bool {
        match &mut self.way {
            Way::Open(session) => session.open(number, sealed, plain),
            Way::Closed | Way::Offered(..) => false,
        }
    }

    // The circuit.

    /// Opens a circuit and says on it what is wanted.
    pub(super) fn open(&mut self, now: Instant, circuit: u64) {
        let mut up = Up {
            line: Line::new(circuit),
            since: now,
            queue: VecDeque::new(),
            queued_bytes: 0,
            acks: BTreeMap::new(),
            sending: self.asked.send_all(),
            answer: None,
            bye: false,
        };
        if !matches!(self.way, Way::Open(_)) {
            up.line.ask();
        }
        self.callers.values_mut().for_each(Caller::restart);
        for ((viewer, line), look) in &self.looks {
            if let Some(caller) = self.callers.get_mut(viewer).filter(|caller| !caller.open) {
                up.open(*viewer, caller);
            }
            up.push(&Ask::Viewer(viewer.0, look.attach(*line)));
        }
        self.state = State::Up(Box::new(up));
        self.tries += 1;
        self.idle_since = None;
    }

    /// The circuit is broken, or given up. `pause` says how long to wait before one more is opened when several broke soon.
    pub(super) fn down(&mut self, now: Instant, pause: impl FnOnce(u32) -> Duration) {
        let State::Up(up) = &self.state else { return };
        if up.bye {
            // Its owner forgets everything.
            self.way = Way::Closed;
        }
        if now.since(up.since) >= limits::CIRCUIT_STEADY_TIME {
            self.tries = 0;
        }
        let pause = if self.tries <= 1 { Duration::default() } else { pause(self.tries) };
        self.state = State::Down(now + pause);
        self.looks.values_mut().for_each(Look::interrupt);
        let looks = &self.looks;
        self.callers.retain(|viewer, caller| {
            caller.open = false;
            caller.waiting > 0 || looks.range((*viewer, StreamId(0))..).next().is_some_and(|((of, _), _)| of == viewer)
        });
    }

    /// Nobody has answered for long, though there is a way. The other node may have another session under that number, or it is a copy
    /// of the one that had this: the next circuit begins with a new one.
    pub(super) fn unanswered(&mut self, now: Instant, pause: impl FnOnce(u32) -> Duration) {
        self.way = Way::Closed;
        self.down(now, pause);
    }

    /// A header of the circuit, and messages.
    pub(super) fn arrived<'p>(
        &mut self,
        now: Instant,
        header: &Header,
        messages: &'p [u8],
        news: &mut Vec<News<'p>>,
    ) -> Result<(), Broken> {
        let Some(up) = self.up() else { return Ok(()) };
        if up.line.arrived(now, header)? {
            for tell in wire::messages::<Tell<'_>>(messages).map_err(|_| Broken)? {
                self.told(tell, news)?;
            }
        }
        Ok(())
    }

    fn told<'p>(&mut self, tell: Tell<'p>, news: &mut Vec<News<'p>>) -> Result<(), Broken> {
        match tell {
            Tell::Frame(viewer, frame) => self.frame(ViewerId(viewer), frame, news),
            Tell::Part(viewer, frame) => self.part(ViewerId(viewer), frame),
            Tell::Answer(number, part) => {
                let node = self.node;
                let Some(up) = self.up() else { return Ok(()) };
                if let Some(answer) = part.join(number, &mut up.answer, limits::REMOTE_ANSWER_BYTES)? {
                    news.extend(self.asked.answered(node, number, &answer).map_err(|_| Broken)?);
                }
                Ok(())
            }
            Tell::Forgotten(number) => {
                news.extend(self.asked.forgotten(number));
                Ok(())
            }
        }
    }

    fn frame(&mut self, viewer: ViewerId, mut frame: ViewerOutput, news: &mut Vec<News<'_>>) -> Result<(), Broken> {
        // Of a viewer that is gone.
        let Some(caller) = self.callers.get_mut(&viewer) else { return Ok(()) };
        caller.granted = caller.granted.checked_sub(1).ok_or(Broken)?;
        let line = *frame.stream_mut();
        if let ViewerOutput::Snapshot { bytes, .. } = &mut frame {
            // Parts of another stream are of one that was left in the middle of its snapshot.
            if let Some((_, parts)) = caller.snapshot.take().filter(|(of, _)| *of == line) {
                *bytes = Bytes::from(&joined(parts, bytes)?[..]);
            }
        }
        let Some(look) = self.looks.get_mut(&(viewer, line)) else {
            caller.free += 1;
            return Ok(());
        };
        look.accept(self.node, &frame)?;
        caller.waiting += 1;
        let stream = look.stream;
        *frame.stream_mut() = stream;
        if matches!(frame, ViewerOutput::Ended { .. }) {
            self.looks.remove(&(viewer, line));
        }
        news.push(News::Frame(viewer, stream, frame));
        Ok(())
    }

    fn part(&mut self, viewer: ViewerId, frame: ViewerOutput) -> Result<(), Broken> {
        let Some(caller) = self.callers.get_mut(&viewer) else { return Ok(()) };
        caller.granted = caller.granted.checked_sub(1).ok_or(Broken)?;
        let ViewerOutput::Snapshot { stream, bytes, .. } = frame else { return Err(Broken) };
        let parts = caller.snapshot.take().filter(|(of, _)| *of == stream).map(|(_, parts)| parts).unwrap_or_default();
        // Of a stream that is gone nothing is kept but where it is.
        let wanted = self.looks.contains_key(&(viewer, stream));
        caller.snapshot = Some((stream, if wanted { joined(parts, &bytes)? } else { Vec::new() }));
        if caller.waiting > 0 {
            caller.withheld += 1;
        } else {
            caller.free += 1;
        }
        Ok(())
    }

    /// Says that nothing is wanted any more.
    pub(super) fn say_bye(&mut self) {
        if let Some(up) = self.up() {
            up.push(&Ask::Bye);
            up.bye = true;
        }
    }

    /// The other node knows that nothing is wanted.
    pub(super) fn is_over(&self) -> bool {
        matches!(&self.state, State::Up(up) if up.bye && up.queue.is_empty() && up.line.is_quiet())
    }

    pub(super) fn has_said_bye(&self) -> bool {
        matches!(&self.state, State::Up(up) if up.bye)
    }

    /// Sends what there is room for. Gives whether something was sent, or that too much waits.
    pub(super) fn flush(&mut self, now: Instant, carrier: &mut impl Carrier) -> Result<bool, Broken> {
        let mut sent = false;
        let State::Up(up) = &mut self.state else { return Ok(false) };
        for (viewer, caller) in self.callers.iter_mut().filter(|(_, caller)| caller.open && caller.free > 0) {
            let free = core::mem::take(&mut caller.free);
            caller.granted += free;
            up.push(&Ask::Room(viewer.0, free));
        }
        while carrier.room_towards(self.node) {
            let parcel = match &mut self.way {
                Way::Open(session) => {
                    let messages = up.next_messages(session.id.number, &mut self.asked);
                    let header = if messages.is_empty() { up.line.control(now) } else { Some(up.line.stamp(now)) };
                    header.map(|header| session.parcel(&header, &messages))
                }
                // It is the question whether anybody is there.
                Way::Offered(_, _, offer) => up.line.control(now).map(|_| offer.clone()),
                Way::Closed => None,
            };
            let Some(parcel) = parcel else { break };
            carrier.send(self.node, parcel);
            sent = true;
        }
        if up.queued_bytes > limits::CIRCUIT_QUEUE.0 || up.queue.len() > limits::CIRCUIT_QUEUE.1 {
            return Err(Broken);
        }
        Ok(sent)
    }

    /// Something is to be sent when there is room.
    pub(super) fn is_waiting(&self) -> bool {
        match &self.state {
            State::Up(up) => matches!(self.way, Way::Open(_)) && up.has_messages() || up.line.has_control(),
            State::Down(_) => false,
        }
    }

    pub(super) fn request(&mut self, number: u64, request: Request) {
        self.asked.insert(number, request);
        if let Some(up) = self.up() {
            up.sending.push(number);
        }
    }

    /// Says something that belongs to no stream.
    pub(super) fn say(&mut self, input: ViewerInput<'_>) {
        if let Some(up) = self.up() {
            up.push(&Ask::Viewer(0, input));
        }
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        for caller in self.callers.values() {
            let all = caller.granted + caller.waiting + caller.withheld + caller.free;
            if caller.open && all != limits::REMOTE_ROOM || caller.waiting > limits::REMOTE_ROOM {
                return Err("room of a viewer at another node is lost or made up");
            }
        }
        if !self.looks.keys().all(|(viewer, _)| self.callers.contains_key(viewer)) {
            return Err("a stream of another node has no viewer");
        }
        if self.looks.len() > limits::REMOTE_STREAMS || self.callers.len() > limits::REMOTE_VIEWERS {
            return Err("too many streams of another node");
        }
        Ok(())
    }
}

impl Up {
    fn push(&mut self, ask: &Ask<'_>) {
        let message = wire::encode(ask);
        self.queued_bytes += message.len();
        self.queue.push_back(message);
    }

    fn open(&mut self, viewer: ViewerId, caller: &mut Caller) {
        caller.open = true;
        self.push(&Ask::Viewer(viewer.0, ViewerInput::Opened(caller.key)));
    }

    fn has_messages(&self) -> bool {
        !self.queue.is_empty() || !self.acks.is_empty() || !self.sending.is_empty()
    }

    /// The messages of the next parcel: first what was said, in order; then what is processed; then commands.
    fn next_messages(&mut self, session: u64, asked: &mut Asked) -> Vec<u8> {
        let mut messages = Vec::new();
        while let Some(next) = self.queue.front().filter(|next| messages.len() + next.len() <= MESSAGE_BYTES) {
            messages.extend_from_slice(next);
            self.queued_bytes -= next.len();
            self.queue.pop_front();
        }
        if !self.queue.is_empty() {
            return messages;
        }
        while messages.len() + 64 <= MESSAGE_BYTES
            && let Some(((viewer, line), offset)) = self.acks.pop_first()
        {
            let ack = Ask::Viewer(viewer.0, ViewerInput::Ack { stream: line, offset });
            messages = wire::append(&ack, messages);
        }
        if messages.is_empty() {
            messages = self.sending.next(session, asked).unwrap_or_default();
        }
        messages
    }
}

fn joined(mut parts: Vec<u8>, part: &[u8]) -> Result<Vec<u8>, Broken> {
    if parts.len() + part.len() > limits::SNAPSHOT_BYTES {
        return Err(Broken);
    }
    parts.extend_from_slice(part);
    Ok(parts)
}

impl Part<'_> {
    /// Puts a part behind those that came before. Gives the whole when it was the last.
    pub(super) fn join(
        &self,
        number: u64,
        before: &mut Option<(u64, Vec<u8>)>,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, Broken> {
        let (_, mut whole) = before.take().filter(|(of, _)| *of == number).unwrap_or_default();
        if whole.len() + self.bytes.len() > limit {
            return Err(Broken);
        }
        whole.extend_from_slice(self.bytes);
        if self.last {
            return Ok(Some(whole));
        }
        *before = Some((number, whole));
        Ok(None)
    }

    /// The part of `whole` from `at` on.
    pub(super) fn of(whole: &[u8], at: usize) -> Part<'_> {
        let end = whole.len().min(at + PART_BYTES);
        Part { last: end == whole.len(), bytes: &whole[at.min(end)..end] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_parts_of_a_snapshot_are_no_longer_together_than_a_snapshot_may_be() {
        let all_but_one = vec![0; limits::SNAPSHOT_BYTES - 1];
        assert_eq!(joined(all_but_one.clone(), &[0]).map(|whole| whole.len()), Ok(limits::SNAPSHOT_BYTES));
        assert_eq!(joined(all_but_one, &[0, 0]), Err(Broken));
    }
}
