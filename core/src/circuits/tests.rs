//! Two nodes with a road between them that loses parcels: what a viewer at one sees and types of a terminal at the other.

mod again;
mod asked;
mod room;
mod seal;

use super::*;
use crate::id::{AgentId, Generation, Size, TerminalId};
use crate::input::{Take, TerminalInput};
use crate::output::TerminalOutput;
use crate::sham::Sham;
use crate::streams::Target;
use crate::streams::Typed;
use alloc::vec;
use proptest::prelude::*;

const A: NodeId = NodeId([1; 32]);
const B: NodeId = NodeId([2; 32]);
const AGENT: AgentAddress = AgentAddress { node: B, agent: AgentId(7) };
const TERMINAL: TerminalId = TerminalId { agent: AGENT.agent, pane: 0 };
const VIEWER: ViewerId = ViewerId(1);

/// The way out of a node.
#[derive(Debug)]
struct Road {
    parcels: VecDeque<Vec<u8>>,
    open: bool,
    room: usize,
    rights: Rights,
    /// A direct link to the other node is wanted.
    direct: bool,
}

impl Carrier for Road {
    fn send(&mut self, _: NodeId, body: Vec<u8>) -> bool {
        assert!(body.len() <= limits::PARCEL_BYTES, "a parcel of {} bytes", body.len());
        self.parcels.push_back(body);
        self.open
    }
    fn room_towards(&self, _: NodeId) -> bool {
        self.open && self.parcels.len() < self.room
    }
    fn is_reachable(&self, _: NodeId) -> bool {
        self.open
    }
    fn rights_of(&self, _: NodeId) -> Option<Rights> {
        Some(self.rights)
    }
    fn name_of(&self, node: NodeId) -> Option<&str> {
        Some(if node == A { "a" } else { "b" })
    }
    fn want_direct(&mut self, _: NodeId, wanted: bool) {
        self.direct = wanted;
    }
}

/// The circuits of a node in one of its lives.
fn circuits(id: NodeId, instance: u64) -> Circuits {
    Circuits::new(instance, Random::fork([id.0[0]; 32], 3), Box::new(Sham::new(id, instance)))
}

struct Host {
    circuits: Circuits,
    streams: Streams,
    road: Road,
    out: VecDeque<Output>,
}

impl Host {
    fn new(id: NodeId) -> Self {
        let instance = u64::from(id.0[0]);
        Host {
            circuits: circuits(id, instance),
            streams: Streams::new(id, Random::fork([id.0[0]; 32], 2)),
            road: Road { parcels: VecDeque::new(), open: true, room: 4, rights: Rights::Operate, direct: false },
            out: VecDeque::new(),
        }
    }

    fn settle(&mut self, now: Instant) {
        loop {
            self.streams.flush(now, &mut self.out);
            while let Some(onlooker) = self.streams.take_calling() {
                self.circuits.calls(onlooker);
            }
            for delivered in self.streams.take_delivered() {
                self.circuits.delivered(delivered);
            }
            let sent = self.circuits.flush(now, &mut self.road, &mut self.streams, &mut self.out);
            if !sent && self.streams.is_settled() {
                break;
            }
        }
        self.circuits.check().expect("every rule holds");
        self.streams.check(now).expect("every rule holds");
    }
}

/// A page that keeps the rules of the browser protocol.
#[derive(Default)]
struct Page {
    at: Option<(Generation, u64)>,
    screen: Vec<u8>,
    open: u32,
    unacknowledged: Vec<(u64, Vec<u8>)>,
    next: u64,
    told_lost: Vec<u64>,
    ended: Option<crate::EndReason>,
    acks: bool,
    /// What the page shows is not what data may follow.
    snapshot_due: bool,
}

struct World {
    now: Instant,
    a: Host,
    b: Host,
    page: Page,
    printed: Vec<u8>,
    written: Vec<u8>,
    typed: Vec<u8>,
    carried_out: Vec<(CommandId, Command)>,
    asked: u64,
    replies: Vec<Result<Reply, Refusal>>,
    /// What was answered, in order.
    replied: Vec<CommandId>,
    /// Agents of B of which it heard that a person at A has looked at them.
    looked_at: Vec<AgentAddress>,
    /// Frames for other viewers and streams than the page's.
    others: Vec<(ViewerId, ViewerOutput)>,
    /// What the other node says is true.
    honest: bool,
}

impl World {
    fn new() -> Self {
        let mut world = World {
            now: Instant::START,
            a: Host::new(A),
            b: Host::new(B),
            page: Page { acks: true, next: 1, ..Page::default() },
            printed: Vec::new(),
            written: Vec::new(),
            typed: Vec::new(),
            carried_out: Vec::new(),
            asked: 0,
            replies: Vec::new(),
            replied: Vec::new(),
            looked_at: Vec::new(),
            others: Vec::new(),
            honest: true,
        };
        // Somebody at B looks and never reads: the terminal is watched all the time.
        let idle = Onlooker::Here(ViewerId(99));
        world.b.streams.open(idle, ViewerKey([9; 16]));
        let attach = Attach { stream: StreamId(1), from: None, size: None, take: Take::Never };
        world.b.streams.attach(world.now, idle, attach, Ok(target()), &mut world.b.out);
        world.a.streams.open(Onlooker::Here(VIEWER), ViewerKey([1; 16]));
        world
    }

    /// A world whose page looks at the terminal and has room.
    fn watching() -> Self {
        let mut world = World::new();
        world.watch();
        world
    }

    fn watch(&mut self) {
        self.reads(1_000);
        self.attach(None);
        self.deliver_all();
        assert_eq!(self.page.open, 1);
    }

    fn attach(&mut self, from: Option<(Generation, u64)>) {
        let line = self.a.circuits.next_line();
        let stream = StreamId(5);
        let key = self.a.streams.attach_remote(self.now, (VIEWER, stream), (B, line), &mut self.a.out);
        let attach = Attach { stream, from, size: None, take: Take::Never };
        assert!(self.a.circuits.attach(self.now, (VIEWER, key.expect("served"), line), (AGENT, None), attach));
        self.settle();
    }

    fn line(&self) -> Option<(NodeId, StreamId)> {
        self.a.streams.remote(VIEWER, StreamId(5))
    }

    fn does(&mut self, input: ViewerInput<'_>) {
        if let Some(route) = self.line() {
            self.a.circuits.viewer(VIEWER, route, input);
            self.settle();
        }
    }

    fn types(&mut self, bytes: &[u8]) {
        let seq = self.page.next;
        self.page.next += 1;
        self.page.unacknowledged.push((seq, bytes.to_vec()));
        self.typed.extend_from_slice(bytes);
        let heard = self.page.open;
        self.does(ViewerInput::Input { stream: StreamId(5), heard, seq, bytes });
    }

    fn prints(&mut self, bytes: &[u8]) {
        self.printed.extend_from_slice(bytes);
        self.b.streams.terminal(self.now, TERMINAL, TerminalInput::Output(bytes));
        self.settle();
    }

    fn reads(&mut self, frames: u32) {
        for _ in 0..frames {
            self.a.streams.writable(Onlooker::Here(VIEWER));
        }
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            self.a.settle(self.now);
            self.b.settle(self.now);
            let mut busy = false;
            while let Some(output) = self.b.out.pop_front() {
                busy = true;
                self.at_b(output);
            }
            while let Some(output) = self.a.out.pop_front() {
                busy = true;
                let Output::Viewer(viewer, mut frame) = output else { continue };
                if (viewer, *frame.stream_mut()) == (VIEWER, StreamId(5)) {
                    self.seen(frame);
                } else {
                    self.others.push((viewer, frame));
                }
            }
            if !busy {
                break;
            }
        }
    }

    fn at_b(&mut self, output: Output) {
        let input = match output {
            Output::Terminal(_, TerminalOutput::Snapshot { .. }) => {
                let bytes = self.printed.clone();
                return self.b.streams.terminal(
                    self.now,
                    TERMINAL,
                    TerminalInput::Snapshot { size: Size::DEFAULT, bytes: &bytes },
                );
            }
            Output::Terminal(_, TerminalOutput::Write(bytes)) => {
                self.written.extend_from_slice(&bytes);
                TerminalInput::Written { bytes: bytes.len() }
            }
            _ => return,
        };
        self.b.streams.terminal(self.now, TERMINAL, input);
    }

    /// The page takes a frame.
    fn seen(&mut self, frame: ViewerOutput) {
        let stream = StreamId(5);
        match frame {
            ViewerOutput::Attached { generation, offset, input_seq, input_known, .. } => {
                self.page.open += 1;
                let goes_on = self.page.at == Some((generation, offset));
                self.page.at = self.page.at.filter(|(known, _)| *known == generation);
                self.page.snapshot_due = !goes_on;
                assert!(input_known || input_seq == 0 || !self.honest);
                self.page.unacknowledged.retain(|(seq, _)| *seq > input_seq);
                for (seq, bytes) in self.page.unacknowledged.clone() {
                    if let Some(route) = self.line() {
                        let heard = self.page.open;
                        let input = ViewerInput::Input { stream, heard, seq, bytes: &bytes };
                        self.a.circuits.viewer(VIEWER, route, input);
                    }
                }
            }
            ViewerOutput::Data { offset, bytes, .. } => {
                let (generation, at) = self.page.at.expect("a snapshot came first");
                assert_eq!(offset, at, "no gap");
                assert!(!self.page.snapshot_due, "a snapshot comes first");
                let printed = self.printed.get(offset as usize..);
                let right = printed.is_some_and(|printed| printed.starts_with(&bytes));
                assert!(right || !self.honest, "what is seen is what was printed");
                self.page.screen.extend_from_slice(&bytes);
                self.page.at = Some((generation, at + bytes.len() as u64));
                self.acknowledge();
            }
            ViewerOutput::Snapshot { generation, offset, bytes, .. } => {
                self.page.screen = bytes.to_vec();
                self.page.snapshot_due = false;
                let right = self.printed.get(..offset as usize) == Some(&bytes[..]);
                assert!(right || !self.honest, "the snapshot of that offset");
                self.page.at = Some((generation, offset));
                self.acknowledge();
            }
            ViewerOutput::InputAck { seq, .. } => self.page.unacknowledged.retain(|(of, _)| *of > seq),
            ViewerOutput::InputLost { seq, .. } => self.page.told_lost.push(seq),
            ViewerOutput::Ended { reason, .. } => self.page.ended = Some(reason),
            ViewerOutput::Size { .. } => {}
        }
    }

    fn acknowledge(&mut self) {
        if let (true, Some((_, offset)), Some(route)) = (self.page.acks, self.page.at, self.line()) {
            self.a.circuits.viewer(VIEWER, route, ViewerInput::Ack { stream: StreamId(5), offset });
        }
    }

    // The road.

    fn deliver(&mut self, to_b: bool) -> bool {
        let (from, to, sender) = if to_b { (&mut self.a, &mut self.b, A) } else { (&mut self.b, &mut self.a, B) };
        let Some(parcel) = from.road.parcels.pop_front() else { return false };
        let mut plain = Vec::new();
        let news = to.circuits.arrived(self.now, (sender, &parcel), &mut plain, &mut to.road);
        self.apply(to_b, news);
        self.settle();
        true
    }

    fn lose(&mut self, to_b: bool) {
        let from = if to_b { &mut self.a } else { &mut self.b };
        from.road.parcels.pop_front();
        self.settle();
    }

    /// The circuit of A is offered and accepted.
    fn meet(&mut self) {
        assert!(self.deliver(true) && self.deliver(false));
    }

    fn deliver_all(&mut self) {
        while self.deliver(true) | self.deliver(false) {}
    }

    fn apply(&mut self, at_b: bool, news: Vec<News<'_>>) {
        let (now, host) = (self.now, if at_b { &mut self.b } else { &mut self.a });
        let (streams, out) = (&mut host.streams, &mut host.out);
        for piece in news {
            match piece {
                News::Viewer(who, input) => match input {
                    ViewerInput::Opened(key) => streams.open(who, key),
                    ViewerInput::Writable => streams.writable(who),
                    ViewerInput::Attach { stream, from, size, take, .. } => {
                        streams.attach(now, who, Attach { stream, from, size, take }, Ok(target()), out);
                    }
                    ViewerInput::Resize { stream, size, take } => streams.take_size((who, stream), size, take, out),
                    ViewerInput::Release(stream) => streams.release_size((who, stream), out),
                    ViewerInput::Ack { stream, offset } => streams.ack(who, stream, offset),
                    ViewerInput::Input { stream, heard, seq, bytes } => {
                        streams.type_in(now, who, stream, Typed { heard, seq, bytes }, out);
                    }
                    ViewerInput::Detach(stream) => streams.detach(now, who, stream, out),
                    ViewerInput::Seen(agent) => self.looked_at.push(agent),
                    ViewerInput::Closed => streams.close(now, who, out),
                },
                News::RefuseInput(who, stream, typed) => streams.refuse_input(now, (who, stream), typed, out),
                News::Command { of, number, command } => {
                    let id = host.circuits.ticket(of, number, &command);
                    self.carried_out.push((id, command));
                }
                News::Refused(..) => {}
                News::Frame(viewer, stream, frame) => streams.deliver(viewer, stream, frame),
                News::Lost(viewer, stream) => {
                    streams.refuse((Onlooker::Here(viewer), stream), crate::EndReason::Unknown);
                }
                News::Reply(id, result, _) => {
                    self.replied.push(id);
                    self.replies.push(result);
                }
            }
        }
    }

    fn cut(&mut self) {
        for (at_b, other) in [(false, B), (true, A)] {
            let host = if at_b { &mut self.b } else { &mut self.a };
            host.road.parcels.clear();
            host.road.open = false;
            let news = host.circuits.lost(self.now, other);
            self.apply(at_b, news);
        }
        self.settle();
    }

    fn heal(&mut self) {
        for (host, other) in [(&mut self.a, B), (&mut self.b, A)] {
            host.road.open = true;
            host.circuits.rerouted(other);
        }
        self.settle();
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        loop {
            let next = [
                self.a.circuits.next_deadline(),
                self.b.circuits.next_deadline(),
                self.a.streams.next_deadline(),
                self.b.streams.next_deadline(),
            ];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= until) else { break };
            assert!(at > self.now || self.now == Instant::START, "a deadline that is due is done: {next:?}");
            self.now = at;
            for at_b in [false, true] {
                let host = if at_b { &mut self.b } else { &mut self.a };
                let news = host.circuits.wake(self.now, &host.road);
                host.streams.wake(self.now, &mut host.out);
                self.apply(at_b, news);
            }
            self.settle();
        }
        self.now = until;
    }

    /// Nothing fails from now on.
    fn calm_down(&mut self) {
        self.heal();
        self.page.acks = true;
        self.acknowledge();
        self.settle();
        for _ in 0..40 {
            self.reads(100);
            self.deliver_all();
            self.wait(1_000);
        }
        self.deliver_all();
    }

    fn command(&mut self, command: Command) {
        self.asked += 1;
        let asked = self.a.circuits.command(self.now, (CommandId(self.asked), B), &command, &self.a.road);
        if let Err(refusal) = asked {
            self.replies.push(Err(refusal));
        }
        self.settle();
    }

    /// Whoever asked last was refused, because nobody knows whether it was carried out.
    fn is_told_that_it_may_have_been_carried_out(&mut self) {
        let refused = self.replies.pop().and_then(Result::err).expect("refused");
        assert!(refused.code == RefusalCode::Unreachable && refused.message.contains("may have"), "{refused}");
    }

    fn carry_out(&mut self, reply: Result<Reply, Refusal>) {
        let (id, _) = *self.carried_out.last().map(|(id, command)| (*id, command.clone())).as_ref().expect("asked");
        self.b.circuits.answer(id, reply, None);
        self.settle();
    }
}

fn target() -> Target {
    Target { id: TERMINAL, size: Size::DEFAULT, shown_elsewhere: false }
}

fn text(len: usize, from: usize) -> Vec<u8> {
    (from..from + len).map(|at| b'a' + (at % 23) as u8).collect()
}

#[test]
fn what_the_terminal_printed_is_seen_at_the_other_node() {
    let mut world = World::watching();
    world.prints(b"hello");
    world.deliver_all();
    assert_eq!(world.page.screen, b"hello");
    world.types(b"x");
    world.deliver_all();
    assert_eq!((&world.written[..], world.page.unacknowledged.len()), (&b"x"[..], 0));
}

#[test]
fn a_snapshot_larger_than_a_frame_comes_in_parts_and_is_one_snapshot() {
    let mut world = World::new();
    world.prints(&text(3_000_000, 0));
    world.reads(1_000);
    world.attach(None);
    world.deliver_all();
    assert_eq!(world.page.screen.len(), 3_000_000);
}

#[test]
fn a_viewer_that_does_not_read_bounds_what_is_on_the_way() {
    let mut world = World::watching();
    world.a.streams.close(world.now, Onlooker::Here(VIEWER), &mut VecDeque::new());
    world.a.circuits.close(VIEWER);
    world.a.streams.open(Onlooker::Here(VIEWER), ViewerKey([1; 16]));
    world.page = Page { acks: true, next: 1, ..Page::default() };
    world.attach(None);
    let mut sent = 0;
    for round in 0..100 {
        world.prints(&text(limits::FRAME_BYTES, round * limits::FRAME_BYTES));
        while let Some(parcel) = world.b.road.parcels.front() {
            sent += parcel.len();
            world.deliver(false);
        }
        world.deliver(true);
    }
    assert!(sent <= (limits::REMOTE_ROOM as usize + 2) * limits::PARCEL_BYTES, "{sent} bytes for nobody");
    world.calm_down();
    assert_eq!(world.page.screen, world.printed);
}

#[test]
fn an_idle_circuit_is_silent_and_costs_nothing() {
    let mut world = World::watching();
    world.prints(b"hello");
    world.deliver_all();
    world.wait(1_500);
    world.deliver_all();
    assert!(world.a.circuits.busy.is_empty() && world.b.circuits.busy.is_empty());
    world.wait(60_000);
    assert_eq!((world.a.road.parcels.len(), world.b.road.parcels.len()), (0, 0));
}

#[test]
fn a_lost_last_frame_is_found_and_the_stream_goes_on_from_its_offset() {
    let mut world = World::watching();
    world.prints(b"one ");
    world.deliver_all();
    world.prints(b"two");
    world.lose(false);
    world.wait(1_000);
    world.deliver_all();
    assert_eq!((&world.page.screen[..], world.page.open), (&b"one two"[..], 2));
}

#[test]
fn after_a_cut_the_stream_goes_on_without_a_snapshot_and_input_is_repeated() {
    let mut world = World::watching();
    world.prints(b"before ");
    world.deliver_all();
    world.types(b"1");
    world.cut();
    world.types(b"2");
    world.prints(b"meanwhile ");
    world.wait(2_000);
    world.heal();
    world.types(b"3");
    world.deliver_all();
    assert_eq!(world.page.screen, b"before meanwhile ");
    assert_eq!(world.written, b"123");
    assert!(world.page.told_lost.is_empty());
}

#[test]
fn what_is_not_wanted_any_more_is_closed_after_a_while() {
    let mut world = World::watching();
    world.does(ViewerInput::Detach(StreamId(5)));
    world.a.streams.detach(world.now, Onlooker::Here(VIEWER), StreamId(5), &mut VecDeque::new());
    world.deliver_all();
    for _ in 0..40 {
        world.wait(1_000);
        world.deliver_all();
    }
    assert!(world.a.circuits.openers.is_empty() && world.b.circuits.owners.is_empty());
}

#[test]
fn a_node_that_may_only_look_sees_and_does_not_type() {
    let mut world = World::new();
    world.b.road.rights = Rights::View;
    world.reads(100);
    world.attach(None);
    world.prints(b"look");
    world.deliver_all();
    assert_eq!(world.page.screen, b"look");
    world.types(b"rm");
    world.deliver_all();
    assert_eq!((&world.written[..], &world.page.told_lost[..]), (&b""[..], &[1][..]));
    world.command(Command::Stop(AGENT.agent));
    world.deliver_all();
    assert!(world.carried_out.is_empty());
    let refused = world.replies.pop().and_then(Result::err).expect("refused");
    assert_eq!(refused.code, RefusalCode::Forbidden);
    assert_eq!(refused.message, "This machine may only look at b.", "it names the node");
}

#[test]
fn a_command_is_carried_out_once_however_often_it_is_repeated() {
    let mut world = World::new();
    world.command(Command::Stop(AGENT.agent));
    world.meet();
    world.deliver(true);
    for _ in 0..3 {
        world.cut();
        world.heal();
        world.wait(5_000);
        world.deliver_all();
    }
    assert_eq!(world.carried_out.len(), 1);
    world.carry_out(Ok(Reply::Agent(AGENT)));
    world.lose(false);
    world.cut();
    world.calm_down();
    assert_eq!(world.carried_out.len(), 1);
    assert_eq!(world.replies, [Ok(Reply::Agent(AGENT))]);
}

#[test]
fn a_command_that_another_life_may_have_carried_out_is_not_repeated() {
    let mut world = World::new();
    world.command(Command::Stop(AGENT.agent));
    world.meet();
    world.deliver(true);
    world.cut();
    world.b.circuits = circuits(B, 77);
    world.heal();
    world.deliver_all();
    world.wait(1_000);
    world.deliver_all();
    assert_eq!(world.carried_out.len(), 1);
    world.is_told_that_it_may_have_been_carried_out();
    world.command(Command::Start(AGENT.agent));
    world.deliver_all();
    assert_eq!(world.carried_out.len(), 2, "what cannot have been carried out is asked of the present life");
}

#[test]
fn a_command_is_not_repeated_to_an_owner_that_has_forgotten_its_opener_since() {
    let mut world = World::new();
    world.command(Command::Stop(AGENT.agent));
    world.deliver_all();
    assert_eq!(world.carried_out.len(), 1);
    // The opener is removed there and admitted again; it hears of neither.
    world.b.circuits.forget_owner(A);
    world.cut();
    world.heal();
    world.deliver_all();
    world.wait(1_000);
    world.deliver_all();
    assert_eq!(world.carried_out.len(), 1);
    world.is_told_that_it_may_have_been_carried_out();
}

#[test]
fn an_owner_without_a_way_to_its_opener_does_not_keep_what_that_has_opened() {
    let mut world = World::watching();
    let opened = |world: &mut World| world.b.circuits.owners.get_mut(&A).is_some_and(|owner| owner.up().is_some());
    world.cut();
    // The opener's words find a way. As far as the owner knows none leads back.
    world.a.road.open = true;
    world.a.circuits.rerouted(B);
    world.settle();
    while world.deliver(true) {}
    assert!(opened(&mut world));
    world.wait(limits::PROBE_TIME.as_millis());
    assert!(!opened(&mut world));
    world.heal();
    world.calm_down();
    assert_eq!(world.page.screen, world.printed);
}

#[test]
fn a_command_that_is_not_answered_is_refused_in_the_end() {
    let mut world = World::new();
    world.command(Command::Stop(AGENT.agent));
    world.deliver_all();
    world.wait(limits::REMOTE_COMMAND_TIME.as_millis());
    let refused = world.replies.pop().and_then(Result::err).expect("refused");
    assert_eq!(refused.code, RefusalCode::Unreachable);
    assert!(refused.message.contains("within 30 s") && refused.message.contains("may have"), "{refused}");
    world.cut();
    world.command(Command::Stop(AGENT.agent));
    assert!(matches!(world.replies.pop(), Some(Err(_))), "at once, if it cannot be reached");
}

#[test]
fn a_long_text_is_pasted_and_read_in_parts() {
    let mut world = World::new();
    let text = alloc::string::String::from_utf8(text(limits::PASTE_BYTES, 0)).expect("letters");
    let paste = Command::Paste { agent: AGENT.agent, pane: None, text: text.clone(), submit: false, anyway: false };
    world.command(paste.clone());
    world.deliver_all();
    assert!(matches!(&world.carried_out[..], [(_, asked)] if *asked == paste));
    let read = Reply::Text(crate::input::ScreenText { size: Size::DEFAULT, cursor: (0, 0), text });
    world.carry_out(Ok(read.clone()));
    world.deliver_all();
    assert_eq!(world.replies, [Ok(read)]);
}

#[derive(Clone, Debug)]
enum Op {
    Print(usize),
    Flood,
    Type(usize),
    ToB,
    ToA,
    LoseToB,
    LoseToA,
    Read(u32),
    Cut,
    Heal,
    Wait(u64),
    Acks(bool),
    Leave,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1usize..3_000).prop_map(Op::Print),
        1 => Just(Op::Flood),
        4 => (1usize..5).prop_map(Op::Type),
        8 => Just(Op::ToB),
        8 => Just(Op::ToA),
        1 => Just(Op::LoseToB),
        1 => Just(Op::LoseToA),
        4 => (1u32..5).prop_map(Op::Read),
        1 => Just(Op::Cut),
        2 => Just(Op::Heal),
        2 => (1u64..5_000).prop_map(Op::Wait),
        1 => any::<bool>().prop_map(Op::Acks),
        1 => Just(Op::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_lost_the_viewer_sees_what_was_printed_and_what_it_typed_arrives_once_and_in_order(
        ops in prop::collection::vec(op(), 1..150)
    ) {
        let mut world = World::new();
        world.attach(None);
        for op in ops {
            match op {
                Op::Print(len) => world.prints(&text(len, world.printed.len())),
                // A snapshot of everything stays below its bound.
                Op::Flood if world.printed.len() > 3_000_000 => {}
                Op::Flood => {
                    for _ in 0..20 {
                        world.prints(&text(limits::FRAME_BYTES, world.printed.len()));
                    }
                }
                Op::Type(len) if world.page.open > 0 => world.types(&text(len, world.typed.len())),
                Op::Type(_) => {}
                Op::ToB => drop(world.deliver(true)),
                Op::ToA => drop(world.deliver(false)),
                Op::LoseToB => world.lose(true),
                Op::LoseToA => world.lose(false),
                Op::Read(frames) => world.reads(frames),
                Op::Cut => world.cut(),
                Op::Heal => world.heal(),
                Op::Wait(ms) => world.wait(ms),
                Op::Acks(acks) => world.page.acks = acks,
                Op::Leave => {
                    // A new connection of the page would do the same.
                    let stream = StreamId(5);
                    world.does(ViewerInput::Detach(stream));
                    world.a.streams.detach(world.now, Onlooker::Here(VIEWER), stream, &mut VecDeque::new());
                    world.page.open = 0;
                    let at = world.page.at;
                    world.attach(at);
                }
            }
        }
        world.calm_down();
        prop_assert!(world.page.screen == world.printed, "{} of {}", world.page.screen.len(), world.printed.len());
        prop_assert!(world.written == world.typed, "{} of {}", world.written.len(), world.typed.len());
        prop_assert!(world.page.told_lost.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn whatever_a_node_sends_nobody_fails_and_a_viewer_is_shown_no_gap(
        changes in prop::collection::vec((any::<bool>(), 0usize..200, any::<u8>(), 0u8..8), 1..200)
    ) {
        let mut world = World::new();
        // What is changed on the way was said like that by a node that breaks the rules.
        for (host, id) in [(&mut world.a, A), (&mut world.b, B)] {
            let instance = host.circuits.instance;
            host.circuits.seal = Box::new(Sham::new(id, instance).gullible());
        }
        world.watch();
        world.honest = false;
        for (to_b, at, byte, what) in changes {
            let road = if to_b { &mut world.a.road } else { &mut world.b.road };
            match (what, road.parcels.front_mut()) {
                (0, Some(parcel)) => {
                    let at = at % parcel.len();
                    parcel[at] = byte;
                }
                (1, Some(parcel)) => parcel.truncate(at),
                (2, Some(parcel)) => {
                    let again = parcel.clone();
                    road.parcels.push_front(again);
                }
                (3, _) => world.prints(&text(at + 1, world.printed.len())),
                (4, _) => world.types(&[byte]),
                (5, _) => world.command(Command::Stop(AgentId(at as u64))),
                (6, _) => world.wait(at as u64 * 10),
                _ => {}
            }
            world.deliver(to_b);
        }
    }
}
