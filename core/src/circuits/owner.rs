//! The owner's end of a circuit: another node's viewers here, whose frames are sent as far as that node has granted room, and its
//! commands.

use super::commands::{Answers, Then};
use super::line::{Broken, Line};
use super::sealed::Sealed;
use super::wire::{self, Ask, Header, Kind, PART_BYTES, Part, Tell};
use super::{Carrier, News};
use crate::command::Rights;
use crate::id::NodeId;
use crate::input::{Take, ViewerInput};
use crate::limits;
use crate::output::{Output, ViewerOutput};
use crate::streams::{Onlooker, Streams};
use crate::time::{Duration, Instant};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// What another node has opened here.
#[derive(Debug)]
pub(super) struct Owner {
    node: NodeId,
    pub(super) session: Sealed,
    /// The newest circuit.
    pub(super) circuit: u64,
    pub(super) answers: Answers,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Up(Box<Up>),
    /// The opener may not know that its circuit is broken: it is told, again and again until it says something.
    Broken(Telling),
}

#[derive(Debug)]
pub(super) struct Telling {
    pub(super) at: Instant,
    pause: Duration,
}

#[derive(Debug)]
pub(super) struct Up {
    pub(super) line: Line,
    pub(super) rights: Rights,
    viewers: BTreeMap<u64, Served>,
    /// Viewers that may have a frame, in turn.
    ready: VecDeque<u64>,
    answers: VecDeque<u64>,
    /// Bytes of the first answer that are sent.
    answered: usize,
    /// Commands of which this node does not know whether it has carried them out.
    forgotten: VecDeque<u64>,
    command: Option<(u64, Vec<u8>)>,
    /// Whether an answer or a frame is next, when there is both.
    answer_next: bool,
    /// The opener has found a way here, and this node none to it: until then there must be one.
    stranded_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Served {
    /// A snapshot that is being sent, and how much of it is.
    snapshot: Option<(ViewerOutput, usize)>,
    queued: bool,
}

impl Owner {
    /// Nothing is opened yet.
    pub(super) fn new(now: Instant, node: NodeId, session: Sealed, answers: Answers) -> Self {
        Owner { node, session, circuit: 0, answers, state: State::Broken(Telling::new(now)) }
    }

    /// A newer circuit takes the place of the one that is there, if this is its beginning; else it is broken.
    pub(super) fn begin(&mut self, now: Instant, header: &Header, rights: Rights, news: &mut Vec<News<'_>>) {
        if header.circuit <= self.circuit {
            return;
        }
        self.down(now, news);
        self.circuit = header.circuit;
        self.state = match (header.seq, header.kind) {
            (0, Kind::Messages) => State::Up(Box::new(Up::new(header.circuit, rights))),
            _ => State::Broken(Telling::new(now)),
        };
    }

    pub(super) fn up(&mut self) -> Option<&mut Up> {
        match &mut self.state {
            State::Up(up) => Some(up),
            State::Broken(_) => None,
        }
    }

    /// The circuit cannot go on: its viewers are gone, and its opener is to be told.
    pub(super) fn down(&mut self, now: Instant, news: &mut Vec<News<'_>>) {
        if let State::Up(up) = &self.state {
            news.extend(up.viewers.keys().map(|v| News::Viewer(Onlooker::There(self.node, *v), ViewerInput::Closed)));
            self.state = State::Broken(Telling::new(now));
        }
    }

    /// A header of the circuit, and messages. True: the opener is done with the circuit.
    pub(super) fn arrived<'p>(
        &mut self,
        now: Instant,
        (header, messages): (&Header, &'p [u8]),
        news: &mut Vec<News<'p>>,
    ) -> Result<bool, Broken> {
        let Some(up) = self.up() else { return Err(Broken) };
        if !up.line.arrived(now, header)? {
            return Ok(false);
        }
        let mut over = false;
        for ask in wire::messages::<Ask<'_>>(messages).map_err(|_| Broken)? {
            match ask {
                Ask::Viewer(viewer, input) => self.viewer(viewer, input, news)?,
                Ask::Room(viewer, frames) => self.room(viewer, frames, news)?,
                Ask::Command { number, since, settled, part } => {
                    self.answers.settle(settled);
                    self.command((number, since), &part, news)?;
                }
                Ask::Bye => over = true,
            }
        }
        Ok(over)
    }

    fn viewer<'p>(&mut self, viewer: u64, input: ViewerInput<'p>, news: &mut Vec<News<'p>>) -> Result<(), Broken> {
        let node = self.node;
        let onlooker = Onlooker::There(node, viewer);
        let Some(up) = self.up() else { return Ok(()) };
        let may_operate = up.rights == Rights::Operate;
        let input = match input {
            ViewerInput::Opened(_) => {
                if up.viewers.len() >= limits::REMOTE_VIEWERS || up.viewers.contains_key(&viewer) {
                    return Err(Broken);
                }
                up.viewers.insert(viewer, Served::default());
                input
            }
            ViewerInput::Seen(_) => input,
            _ if !up.viewers.contains_key(&viewer) => return Err(Broken),
            ViewerInput::Closed => {
                up.viewers.remove(&viewer);
                up.ready.retain(|other| *other != viewer);
                input
            }
            ViewerInput::Attach { stream, agent, pane, from, .. } if !may_operate => {
                ViewerInput::Attach { stream, agent, pane, from, size: None, take: Take::Never }
            }
            ViewerInput::Resize { .. } | ViewerInput::Release(_) if !may_operate => return Ok(()),
            ViewerInput::Input { stream, heard, seq, .. } if !may_operate => {
                news.push(News::RefuseInput(onlooker, stream, (heard, seq)));
                return Ok(());
            }
            // Room is granted in its own words.
            ViewerInput::Writable => return Err(Broken),
            ViewerInput::Attach { .. }
            | ViewerInput::Resize { .. }
            | ViewerInput::Release(_)
            | ViewerInput::Ack { .. }
            | ViewerInput::Input { .. }
            | ViewerInput::Detach(_) => input,
        };
        if let ViewerInput::Detach(stream) = input {
            up.forget_snapshot(viewer, stream);
        }
        news.push(News::Viewer(onlooker, input));
        Ok(())
    }

    fn room(&mut self, viewer: u64, frames: u32, news: &mut Vec<News<'_>>) -> Result<(), Broken> {
        let onlooker = Onlooker::There(self.node, viewer);
        let Some(up) = self.up() else { return Ok(()) };
        if frames > limits::REMOTE_ROOM || !up.viewers.contains_key(&viewer) {
            return Err(Broken);
        }
        up.ready(viewer);
        news.extend((0..frames).map(|_| News::Viewer(onlooker, ViewerInput::Writable)));
        Ok(())
    }

    fn command(
        &mut self,
        (number, since): (u64, u64),
        part: &Part<'_>,
        news: &mut Vec<News<'_>>,
    ) -> Result<(), Broken> {
        let State::Up(up) = &mut self.state else { return Ok(()) };
        let Some(command) = part.join(number, &mut up.command, limits::REMOTE_COMMAND_BYTES)? else { return Ok(()) };
        if up.forgotten.len() + up.answers.len() >= 2 * limits::REMOTE_COMMANDS {
            return Err(Broken);
        }
        if since < self.answers.since().number {
            up.forgotten.push_back(number);
            return Ok(());
        }
        match self.answers.take(number, &command, up.rights) {
            Then::CarryOut(command) => news.push(News::Command { of: self.node, number, command }),
            Then::Answer => up.answers.push_back(number),
            Then::Refuse(act, refusal) => {
                up.answers.push_back(number);
                news.push(News::Refused(self.node, act, refusal));
            }
            Then::Nothing => {}
        }
        Ok(())
    }

    /// The parcel that says that the last one has come.
    pub(super) fn farewell(&mut self) -> Option<Vec<u8>> {
        let header = self.up()?.line.header(Kind::Answer);
        Some(self.session.parcel(&header, &[]))
    }

    /// A viewer of the opener may have a frame.
    pub(super) fn calls(&mut self, viewer: u64) {
        if let Some(up) = self.up() {
            up.ready(viewer);
        }
    }

    /// Sends what there is room for. Gives whether something was sent.
    pub(super) fn flush(
        &mut self,
        now: Instant,
        carrier: &mut impl Carrier,
        (streams, out): (&mut Streams, &mut VecDeque<Output>),
    ) -> bool {
        let mut sent = false;
        match &mut self.state {
            State::Broken(telling) if telling.at <= now && carrier.room_towards(self.node) => {
                let header = Header { circuit: self.circuit, seq: 0, ack: 0, kind: Kind::Reset };
                carrier.send(self.node, self.session.parcel(&header, &[]));
                telling.at = now + telling.pause;
                telling.pause = Duration::from_millis(telling.pause.as_millis() * 2).min(limits::DIAL_AGAIN_TIME.1);
                sent = true;
            }
            State::Broken(_) => {}
            State::Up(up) => {
                while carrier.room_towards(self.node) {
                    let message = up.next_message(now, self.node, &mut self.answers, (streams, out));
                    let header = if message.is_some() { Some(up.line.stamp(now)) } else { up.line.control(now) };
                    let Some(header) = header else { break };
                    carrier.send(self.node, self.session.parcel(&header, &message.unwrap_or_default()));
                    sent = true;
                }
            }
        }
        sent
    }

    /// Something may be to be sent when there is room.
    pub(super) fn is_waiting(&self, now: Instant) -> bool {
        match &self.state {
            State::Up(up) => up.line.has_control() || up.has_messages(),
            State::Broken(telling) => telling.at <= now,
        }
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let State::Up(up) = &self.state else { return Ok(()) };
        if up.viewers.len() > limits::REMOTE_VIEWERS || self.answers.len() > limits::REMOTE_COMMANDS {
            return Err("another node has more here than it may have");
        }
        Ok(())
    }
}

impl Telling {
    fn new(now: Instant) -> Self {
        Telling { at: now, pause: limits::PROBE_TIME }
    }
}

impl Up {
    fn new(circuit: u64, rights: Rights) -> Self {
        Up {
            line: Line::new(circuit),
            rights,
            viewers: BTreeMap::new(),
            ready: VecDeque::new(),
            answers: VecDeque::new(),
            answered: 0,
            forgotten: VecDeque::new(),
            command: None,
            answer_next: false,
            stranded_at: None,
        }
    }

    fn ready(&mut self, viewer: u64) {
        if let Some(served) = self.viewers.get_mut(&viewer).filter(|served| !served.queued) {
            served.queued = true;
            self.ready.push_back(viewer);
        }
    }

    fn forget_snapshot(&mut self, viewer: u64, stream: crate::id::StreamId) {
        if let Some(served) = self.viewers.get_mut(&viewer)
            && served.snapshot.as_mut().is_some_and(|(frame, _)| *frame.stream_mut() == stream)
        {
            served.snapshot = None;
        }
    }

    fn has_messages(&self) -> bool {
        !self.ready.is_empty() || !self.answers.is_empty() || !self.forgotten.is_empty()
    }

    /// When something is to be done. Without a way to the opener nothing can be asked: what it has here must not stay for ever.
    pub(super) fn next_deadline(&mut self, now: Instant, reachable: bool) -> Option<Instant> {
        self.stranded_at = (!reachable).then(|| self.stranded_at.unwrap_or(now + limits::PROBE_TIME));
        self.line.next_deadline().into_iter().chain(self.stranded_at).min()
    }

    pub(super) fn is_stranded(&self, now: Instant) -> bool {
        self.stranded_at.is_some_and(|at| at <= now)
    }

    pub(super) fn answer(&mut self, number: u64) {
        self.answers.push_back(number);
    }

    fn next_message(
        &mut self,
        now: Instant,
        node: NodeId,
        answers: &mut Answers,
        (streams, out): (&mut Streams, &mut VecDeque<Output>),
    ) -> Option<Vec<u8>> {
        if let Some(number) = self.forgotten.pop_front() {
            return Some(wire::encode(&Tell::Forgotten(number)));
        }
        self.answer_next = !self.answer_next;
        if self.answer_next
            && let Some(message) = self.next_answer(answers)
        {
            return Some(message);
        }
        while let Some(viewer) = self.ready.pop_front() {
            let Some(served) = self.viewers.get_mut(&viewer) else { continue };
            served.queued = false;
            if let Some(message) = served.next(now, Onlooker::There(node, viewer), (viewer, streams, out)) {
                self.ready(viewer);
                return Some(message);
            }
        }
        self.next_answer(answers)
    }

    fn next_answer(&mut self, answers: &mut Answers) -> Option<Vec<u8>> {
        loop {
            let number = *self.answers.front()?;
            let Some(answer) = answers.get(number) else {
                self.answers.pop_front();
                self.answered = 0;
                continue;
            };
            let part = Part::of(answer, self.answered);
            let last = part.last;
            self.answered += part.bytes.len();
            let message = wire::encode(&Tell::Answer(number, part));
            if last {
                answers.sent(number);
                self.answers.pop_front();
                self.answered = 0;
            }
            return Some(message);
        }
    }
}

impl Served {
    /// The next frame, or part of one, if the opener has granted room for it.
    fn next(
        &mut self,
        now: Instant,
        onlooker: Onlooker,
        (viewer, streams, out): (u64, &mut Streams, &mut VecDeque<Output>),
    ) -> Option<Vec<u8>> {
        if self.snapshot.is_some() {
            if !streams.take_room(onlooker) {
                return None;
            }
        } else {
            match streams.next_frame(now, onlooker, out)? {
                frame @ ViewerOutput::Snapshot { .. } => self.snapshot = Some((frame, 0)),
                frame => return Some(wire::encode(&Tell::Frame(viewer, frame))),
            }
        }
        let (frame, at) = self.snapshot.take()?;
        let ViewerOutput::Snapshot { stream, generation, offset, size, ref bytes } = frame else { return None };
        let end = bytes.len().min(at + PART_BYTES);
        let bytes_of_part = bytes.slice(at..end);
        let part = ViewerOutput::Snapshot { stream, generation, offset, size, bytes: bytes_of_part };
        if end == bytes.len() {
            return Some(wire::encode(&Tell::Frame(viewer, part)));
        }
        self.snapshot = Some((frame, end));
        Some(wire::encode(&Tell::Part(viewer, part)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::SessionId;
    use super::*;
    use crate::command::Command;
    use crate::id::{AgentId, StreamId, ViewerKey};
    use crate::seal::Seal;
    use crate::sham::Sham;

    const A: NodeId = NodeId([1; 32]);
    const B: NodeId = NodeId([2; 32]);

    /// What B has for A, who has opened a circuit.
    fn owner() -> Owner {
        let id = SessionId::default();
        let (_, words) = Sham::new(A, 1).offer(B, &id.about()).expect("offered");
        let (session, _) = Sham::new(B, 1).accept(A, &id.about(), &words).expect("accepted");
        let mut owner = Owner::new(Instant::START, A, Sealed::of_owner(id, session), Answers::new(id));
        owner.state = State::Up(Box::new(Up::new(1, Rights::Operate)));
        owner
    }

    /// A says this. False: it breaks a rule.
    fn says(owner: &mut Owner, asks: &[Ask<'_>]) -> bool {
        let seq = owner.up().map_or(0, |up| up.line.header(Kind::Answer).ack);
        let header = Header { circuit: 1, seq, ack: 0, kind: Kind::Messages };
        let messages = asks.iter().fold(Vec::new(), |messages, ask| wire::append(ask, messages));
        owner.arrived(Instant::START, (&header, &messages), &mut Vec::new()).is_ok()
    }

    fn opened(viewer: u64) -> Ask<'static> {
        Ask::Viewer(viewer, ViewerInput::Opened(ViewerKey([1; 16])))
    }

    #[test]
    fn an_opener_that_breaks_a_rule_has_no_circuit_any_more() {
        let detach = || ViewerInput::Detach(StreamId(1));
        assert!(says(&mut owner(), &[opened(1), Ask::Viewer(1, detach()), Ask::Room(1, limits::REMOTE_ROOM)]));
        assert!(!says(&mut owner(), &[Ask::Viewer(1, detach())]), "of nobody");
        assert!(!says(&mut owner(), &[Ask::Room(1, 1)]), "room of nobody");
        assert!(!says(&mut owner(), &[opened(1), Ask::Room(1, limits::REMOTE_ROOM + 1)]), "room that there is not");
        assert!(!says(&mut owner(), &[opened(1), Ask::Viewer(1, ViewerInput::Writable)]), "room in other words");
        assert!(!says(&mut owner(), &[opened(1), opened(1)]), "twice");
        assert!(!says(&mut owner(), &[opened(1), Ask::Viewer(1, ViewerInput::Closed), Ask::Room(1, 1)]), "it is gone");
    }

    #[test]
    fn an_opener_has_so_many_viewers_here_and_with_one_more_no_circuit() {
        let mut owner = owner();
        let all: Vec<_> = (1..=limits::REMOTE_VIEWERS as u64).map(opened).collect();
        assert!(says(&mut owner, &all));
        assert!(says(&mut owner, &[Ask::Viewer(1, ViewerInput::Closed), opened(2_000)]));
        assert!(!says(&mut owner, &[opened(2_001)]));
    }

    #[test]
    fn an_opener_that_asks_again_and_again_and_takes_no_answer_has_no_circuit_any_more() {
        let command = wire::encode(&Command::Admit { node: A, addresses: Vec::new(), rights: Rights::View });
        let again = |number, since| Ask::Command { number, since, settled: 0, part: Part::of(&command, 0) };
        let mut owner = owner();
        owner.answers = Answers::new(SessionId { instance: 1, number: 1 });
        // What is refused, and what may have been carried out before.
        for _ in 0..limits::REMOTE_COMMANDS {
            assert!(says(&mut owner, &[again(1, 1), again(2, 0)]));
        }
        assert!(!says(&mut owner, &[again(1, 1)]));
    }

    #[test]
    fn who_may_only_look_neither_types_nor_has_a_say_in_the_size() {
        let size = crate::id::Size::DEFAULT;
        let agent = crate::id::AgentAddress { node: B, agent: AgentId(1) };
        let stream = StreamId(1);
        let asks = || {
            [
                ViewerInput::Attach { stream, agent, pane: None, from: None, size: Some(size), take: Take::Always },
                ViewerInput::Resize { stream, size, take: Take::Always },
                ViewerInput::Release(stream),
                ViewerInput::Input { stream, heard: 1, seq: 1, bytes: b"rm" },
                ViewerInput::Ack { stream, offset: 1 },
            ]
        };
        let of = Onlooker::There(A, 1);
        let done = |rights| {
            let mut owner = owner();
            assert!(says(&mut owner, &[opened(1)]));
            owner.up().expect("open").rights = rights;
            let mut news = Vec::new();
            asks().into_iter().for_each(|ask| owner.viewer(1, ask, &mut news).expect("no rule is broken"));
            news
        };
        assert_eq!(done(Rights::Operate), asks().map(|ask| News::Viewer(of, ask)));
        let only_looks = ViewerInput::Attach { stream, agent, pane: None, from: None, size: None, take: Take::Never };
        let looks = [
            News::Viewer(of, only_looks),
            News::RefuseInput(of, stream, (1, 1)),
            News::Viewer(of, ViewerInput::Ack { stream, offset: 1 }),
        ];
        assert_eq!(done(Rights::View), looks);
    }
}
