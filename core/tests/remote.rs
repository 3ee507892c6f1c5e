//! Terminals and commands of other nodes, with real nodes and links between them.

mod town;

use consort_core::command::NewAgent;
use consort_core::directory::{BackendKind, StateKind};
use consort_core::input::{ListedDirectory, Listing, Take, TerminalInfo};
use consort_core::output::{BackendOperation, Holder};
use consort_core::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use town::{DELAY, Town, id};

const AGENT: AgentId = AgentId(7);
const TERMINAL: TerminalId = TerminalId { agent: AGENT, pane: 1 };
const S: StreamId = StreamId(5);

/// A page at one node that keeps the rules of the browser protocol, and what it shows.
#[derive(Default)]
struct Page {
    at: Option<(Generation, u64)>,
    screen: Vec<u8>,
    /// How often it was told that its stream is open.
    opened: u32,
    snapshots: u32,
    unacknowledged: Vec<(u64, Vec<u8>)>,
    typed: u64,
    /// `Attached` and `InputLost` that came.
    heard: u32,
    lost: Vec<(u64, String)>,
    ended: Option<EndReason>,
    holder: Option<Holder>,
    /// The size of the terminal, as it was told.
    size: Option<Size>,
    /// It takes frames.
    reads: bool,
}

/// A town with an agent at node 0, whose terminal prints and is typed into, and pages that look at it.
struct Show {
    town: Town,
    pages: BTreeMap<(usize, ViewerId), Page>,
    printed: Vec<u8>,
    written: Vec<u8>,
    launched: Vec<String>,
    /// The terminal does not say that something is written.
    writes_late: bool,
}

impl Show {
    fn new(mut town: Town) -> Self {
        seen(&mut town, AGENT, "a");
        let (printed, written, launched) = Default::default();
        let mut show = Show { town, pages: BTreeMap::new(), printed, written, launched, writes_late: false };
        // Somebody there looks all the time, so that the numbering of the output does not begin anew.
        show.look(0, 1);
        show.run(100);
        show
    }

    /// Opens a page at a node and looks at the terminal.
    fn look(&mut self, n: usize, viewer: u64) -> ViewerId {
        self.look_sized(n, viewer, None, Take::Never)
    }

    fn look_sized(&mut self, n: usize, viewer: u64, size: Option<Size>, take: Take) -> ViewerId {
        let viewer = ViewerId(viewer);
        self.pages.insert((n, viewer), Page { reads: true, ..Page::default() });
        let mut key = [n as u8; 16];
        key[1] = viewer.0 as u8;
        self.town.tell(n, Input::Viewer(viewer, ViewerInput::Opened(ViewerKey(key))));
        for _ in 0..4 {
            self.town.tell(n, Input::Viewer(viewer, ViewerInput::Writable));
        }
        let agent = AgentAddress { node: id(0), agent: AGENT };
        let attach = ViewerInput::Attach { stream: S, agent, pane: None, from: None, size, take };
        self.town.tell(n, Input::Viewer(viewer, attach));
        viewer
    }

    fn page(&mut self, n: usize, viewer: ViewerId) -> &mut Page {
        self.pages.get_mut(&(n, viewer)).expect("it looks")
    }

    fn types(&mut self, n: usize, viewer: ViewerId, bytes: &[u8]) {
        let page = self.page(n, viewer);
        page.typed += 1;
        let (heard, seq) = (page.heard, page.typed);
        page.unacknowledged.push((seq, bytes.to_vec()));
        self.town.tell(n, Input::Viewer(viewer, ViewerInput::Input { stream: S, heard, seq, bytes }));
        self.answer();
    }

    fn resizes(&mut self, n: usize, viewer: ViewerId, (cols, rows): (u16, u16), take: Take) {
        let resize = ViewerInput::Resize { stream: S, size: Size::clamped(cols, rows), take };
        self.town.tell(n, Input::Viewer(viewer, resize));
        self.run(100);
    }

    /// Who holds the size as this page was told, and what it is.
    fn size(&mut self, n: usize, viewer: ViewerId) -> (Holder, Size) {
        let page = self.page(n, viewer);
        page.holder.zip(page.size).expect("it was told")
    }

    /// Nodes 0 and 1 do not reach each other for a while, in which this is done.
    fn interrupted(&mut self, meanwhile: impl FnOnce(&mut Show)) {
        self.town.cut(0, 1);
        self.run(1_000);
        meanwhile(self);
        self.town.heal();
        self.town.until(40_000, |town| town.reaches(1) == [0]).expect("they meet again");
        self.run(100);
    }

    fn prints(&mut self, bytes: &[u8]) {
        self.printed.extend_from_slice(bytes);
        self.town.tell(0, Input::Terminal(TERMINAL, TerminalInput::Output(bytes)));
        self.answer();
    }

    /// Time passes, and everybody does their part.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.answer();
            self.town.wait(1);
        }
        self.answer();
    }

    /// Milliseconds until the page shows all that was printed.
    fn until_right(&mut self, n: usize, viewer: ViewerId, most: u64) -> Option<u64> {
        let start = self.town.now;
        while self.pages[&(n, viewer)].screen != self.printed {
            if self.town.now - start >= most {
                return None;
            }
            self.run(1);
        }
        Some(self.town.now - start)
    }

    fn answer(&mut self) {
        while let Some((n, output)) = self.town.said.pop_front() {
            match output {
                Output::Terminal(terminal, output) => self.at_terminal(n, terminal, output),
                Output::Viewer(viewer, frame) => self.at_page(n, viewer, frame),
                Output::Backend(operation, BackendOperation::Launch(spec)) => {
                    self.launched.push(spec.name.clone());
                    self.town.tell(n, Input::Backend(BackendInput::Seen(observation(spec.agent, &spec.name))));
                    self.town.tell(n, Input::Backend(BackendInput::Done(operation, Ok(OperationDone::Done))));
                }
                Output::ListDirectory(operation, path) => {
                    let entry = |number| ListedDirectory { name: format!("{number}"), git: false };
                    let entries = (0..limits::DIRECTORY_ENTRIES + 1).map(entry).collect();
                    let listing = Listing { path, home: "/home/me".into(), entries };
                    let done = OperationDone::Listed(listing);
                    self.town.tell(n, Input::Backend(BackendInput::Done(operation, Ok(done))));
                }
                _ => {}
            }
        }
    }

    fn at_terminal(&mut self, n: usize, terminal: TerminalId, output: TerminalOutput) {
        let whole = self.printed.clone();
        let input = match output {
            TerminalOutput::Snapshot { .. } => TerminalInput::Snapshot { size: Size::DEFAULT, bytes: &whole },
            TerminalOutput::Write(bytes) => {
                self.written.extend_from_slice(&bytes);
                if self.writes_late {
                    return;
                }
                TerminalInput::Written { bytes: bytes.len() }
            }
            TerminalOutput::Resize(size) => TerminalInput::Resized(size),
            _ => return,
        };
        self.town.tell(n, Input::Terminal(terminal, input));
    }

    fn at_page(&mut self, n: usize, viewer: ViewerId, frame: ViewerOutput) {
        let Some(page) = self.pages.get_mut(&(n, viewer)) else { return };
        let mut say = Vec::new();
        page.heard += u32::from(matches!(frame, ViewerOutput::Attached { .. } | ViewerOutput::InputLost { .. }));
        match frame {
            ViewerOutput::Attached { node, generation, input_seq, input_known, holder, size, .. } => {
                assert_eq!(node, id(0));
                page.opened += 1;
                (page.holder, page.size) = (Some(holder), Some(size));
                page.at = page.at.filter(|(known, _)| *known == generation);
                page.unacknowledged.retain(|(seq, _)| input_known && *seq > input_seq);
                page.typed = page.unacknowledged.last().map_or(input_seq, |(seq, _)| *seq);
                let repeat = page.unacknowledged.iter();
                say.extend(repeat.map(|(seq, bytes)| (Some((*seq, bytes.clone())), 0)));
            }
            ViewerOutput::Data { offset, bytes, .. } => {
                let (generation, at) = page.at.expect("a snapshot came first");
                assert_eq!(offset, at, "no gap and nothing twice");
                page.screen.extend_from_slice(&bytes);
                assert!(self.printed.starts_with(&page.screen) || page.screen.len() > self.printed.len());
                page.at = Some((generation, at + bytes.len() as u64));
                say.push((None, at + bytes.len() as u64));
            }
            ViewerOutput::Snapshot { generation, offset, bytes, .. } => {
                page.snapshots += 1;
                page.screen = bytes.to_vec();
                page.at = Some((generation, offset));
                say.push((None, offset));
            }
            ViewerOutput::InputAck { seq, .. } => page.unacknowledged.retain(|(of, _)| *of > seq),
            ViewerOutput::InputLost { seq, message, .. } => {
                page.unacknowledged.retain(|(of, _)| *of < seq);
                page.typed = seq - 1;
                page.lost.push((seq, message));
            }
            ViewerOutput::Size { holder, size, .. } => (page.holder, page.size) = (Some(holder), Some(size)),
            ViewerOutput::Ended { reason, .. } => page.ended = Some(reason),
        }
        let (reads, heard) = (page.reads, page.heard);
        for (input, offset) in say {
            let input = match &input {
                Some((seq, bytes)) => ViewerInput::Input { stream: S, heard, seq: *seq, bytes },
                None if reads => ViewerInput::Ack { stream: S, offset },
                None => continue,
            };
            self.town.tell(n, Input::Viewer(viewer, input));
        }
        if reads {
            self.town.tell(n, Input::Viewer(viewer, ViewerInput::Writable));
        }
    }

    /// A page that had stopped reading goes on.
    fn reads_again(&mut self, n: usize, viewer: ViewerId) {
        let page = self.page(n, viewer);
        page.reads = true;
        let at = page.at.map(|(_, offset)| offset);
        for _ in 0..4 {
            self.town.tell(n, Input::Viewer(viewer, ViewerInput::Writable));
        }
        if let Some(offset) = at {
            self.town.tell(n, Input::Viewer(viewer, ViewerInput::Ack { stream: S, offset }));
        }
    }

    /// The reply to a command of `n` for node 0.
    fn ask(&mut self, n: usize, command: Command) -> Result<Reply, Refusal> {
        let number = self.town.ask(n, 0, command);
        for _ in 0..40_000 {
            if let Some(reply) = self.town.reply(n, number) {
                return reply;
            }
            self.run(1);
        }
        panic!("a command is answered in the end");
    }
}

fn observation(agent: AgentId, name: &str) -> Observation {
    let terminal = TerminalInfo {
        pane: 1,
        title: String::new(),
        command: "agent".into(),
        shell: false,
        window: "0:x".into(),
        active: true,
        size: Size::DEFAULT,
        corner: (0, 0),
        index: 0,
        exit_code: None,
        activity: 0,
        bell: false,
    };
    Observation {
        agent,
        backend: BackendKind::Tmux,
        name: name.into(),
        directory: "/home/me".into(),
        created_unix_ms: 0,
        terminals: vec![terminal],
        shown_elsewhere: false,
    }
}

fn seen(town: &mut Town, agent: AgentId, name: &str) {
    town.tell(0, Input::Backend(BackendInput::Seen(observation(agent, name))));
}

fn text(len: usize, from: usize) -> Vec<u8> {
    (from..from + len).map(|at| b'a' + (at % 23) as u8).collect()
}

/// Three nodes in a row: 0 and 2 reach each other over 1.
fn row() -> Town {
    let mut town = Town::joined(3);
    town.cut(0, 2);
    town.wait(1_000);
    assert_eq!(town.reaches(2), [0, 1]);
    town
}

#[test]
fn a_terminal_of_another_node_is_seen_and_typed_into() {
    let mut show = Show::new(Town::joined(2));
    let page = show.look(1, 9);
    show.run(50);
    show.prints(b"hello");
    assert_eq!(show.until_right(1, page, 1_000), Some(DELAY), "one way");
    show.types(1, page, b"x");
    show.run(2 * DELAY);
    assert_eq!(show.written, b"x");
    assert_eq!(show.page(1, page).unacknowledged, []);
    assert!(show.town.events(0).contains(&Event::Attached(Who::Node(id(1)), TERMINAL)));
}

#[test]
fn a_terminal_is_seen_over_a_node_in_the_middle() {
    let mut show = Show::new(row());
    let page = show.look(2, 9);
    show.prints(&text(3_000_000, 0));
    assert!(show.until_right(2, page, 5_000).is_some());
    let printed = show.printed.len();
    show.prints(&text(100_000, printed));
    assert!(show.until_right(2, page, 1_000).is_some());
    show.types(2, page, b"ls\r");
    show.run(50);
    assert_eq!(show.written, b"ls\r");
}

#[test]
fn when_the_way_changes_the_screen_is_right_again_soon_and_what_was_typed_arrives_once() {
    let mut show = Show::new(Town::joined(3));
    let page = show.look(2, 9);
    show.run(50);
    show.prints(b"before ");
    show.types(2, page, b"1");
    show.town.cut(0, 2);
    show.prints(b"while it is cut ");
    show.types(2, page, b"2");
    assert!(show.until_right(2, page, 1_000).is_some_and(|ms| ms <= 200), "over the node in the middle");
    show.run(50);
    show.town.cut(0, 1);
    show.prints(b"out of reach ");
    show.types(2, page, b"3");
    show.run(2_000);
    assert_eq!(show.written, b"12");
    show.town.heal();
    let snapshots = show.page(2, page).snapshots;
    let reached = show.town.until(40_000, |town| town.reaches(2) == [0, 1]);
    assert!(reached.is_some());
    let took = show.until_right(2, page, 1_000);
    assert!(took.is_some_and(|ms| ms <= 100), "{took:?}");
    show.run(100);
    assert_eq!(show.written, b"123");
    assert_eq!(show.page(2, page).snapshots, snapshots, "it goes on from its offset");
    assert_eq!(show.page(2, page).lost, []);
}

#[test]
fn a_viewer_that_does_not_read_holds_up_nobody_and_costs_one_window() {
    let mut show = Show::new(row());
    let (stalled, other) = (show.look(2, 9), show.look(2, 10));
    show.run(200);
    show.page(2, stalled).reads = false;
    let before = show.town.bytes;
    for _ in 0..100 {
        let printed = show.printed.len();
        show.prints(&text(limits::FRAME_BYTES, printed));
        show.run(20);
    }
    assert!(show.until_right(2, other, 2_000).is_some(), "the other page of the same node goes on");
    let per_link = 100 * limits::FRAME_BYTES as u64 + limits::WINDOW_BYTES;
    let sent = show.town.bytes - before;
    assert!(sent <= 2 * per_link + 1_000_000, "{sent} bytes over two links");
    show.reads_again(2, stalled);
    assert!(show.until_right(2, stalled, 2_000).is_some());
}

#[test]
fn a_viewer_that_acknowledges_what_it_did_not_get_breaks_nobodys_circuit() {
    let mut show = Show::new(Town::joined(2));
    let other = show.look(1, 9);
    let liar = show.look(1, 10);
    show.run(100);
    show.page(1, liar).reads = false;
    for _ in 0..100 {
        show.town.tell(1, Input::Viewer(liar, ViewerInput::Writable));
    }
    show.town.tell(1, Input::Viewer(liar, ViewerInput::Ack { stream: S, offset: u64::MAX }));
    // The acknowledgement arrives when more has been sent than has arrived.
    show.run(DELAY - 1);
    for _ in 0..3 {
        show.prints(&text(400_000, show.printed.len()));
        show.run(100);
    }
    assert!(show.until_right(1, other, 1_000).is_some());
    assert_eq!(show.page(1, other).opened, 1, "the circuit was never broken");
    assert_eq!(show.page(1, liar).screen.len() as u64, limits::WINDOW_BYTES, "it has no more credit than others");
}

#[test]
fn streams_of_all_nodes_count_together_for_the_limit_of_a_viewer() {
    let mut show = Show::new(Town::joined(2));
    let there = AgentAddress { node: id(0), agent: AGENT };
    let here = AgentAddress { node: id(1), agent: AGENT };
    show.town.tell(1, Input::Backend(BackendInput::Seen(observation(AGENT, "b"))));
    let viewer = ViewerId(9);
    show.town.tell(1, Input::Viewer(viewer, ViewerInput::Opened(ViewerKey([9; 16]))));
    let mut last = |stream: usize, agent| {
        let (stream, take) = (StreamId(stream as u32), Take::Never);
        let attach = ViewerInput::Attach { stream, agent, pane: Some(1), from: None, size: None, take };
        show.town.said.clear();
        show.town.tell(1, Input::Viewer(viewer, attach));
        for _ in 0..4 {
            show.town.tell(1, Input::Viewer(viewer, ViewerInput::Writable));
            show.town.wait(2 * DELAY);
        }
        let mut frames = show.town.said.iter().filter_map(|(_, output)| match output {
            Output::Viewer(_, frame) => Some(frame.clone()),
            _ => None,
        });
        frames.next_back()
    };
    assert!(matches!(last(1, here), Some(ViewerOutput::Attached { .. })));
    for stream in 2..=limits::STREAMS_PER_VIEWER {
        assert!(matches!(last(stream, there), Some(ViewerOutput::Attached { .. })), "{stream}");
    }
    for (more, agent) in [(1_000, there), (1_001, here)] {
        let stream = StreamId(more as u32);
        assert_eq!(last(more, agent), Some(ViewerOutput::Ended { stream, reason: EndReason::TooMany }));
    }
    assert!(matches!(last(2, here), Some(ViewerOutput::Attached { .. })), "a number that is used again is no more");
}

#[test]
fn viewers_at_other_nodes_take_no_place_of_those_at_the_terminals_node() {
    let mut show = Show::new(Town::joined(2));
    let far = show.look(1, 9);
    show.run(100);
    for number in 2..limits::VIEWERS as u64 {
        show.town.tell(0, Input::Viewer(ViewerId(number), ViewerInput::Opened(ViewerKey([0xff; 16]))));
    }
    let last = show.look(0, 5_000);
    let one_more = show.look(0, 5_001);
    let late = show.look(1, 10);
    show.run(100);
    let opened = [(1, far), (0, last), (0, one_more), (1, late)].map(|(n, viewer)| show.page(n, viewer).opened);
    assert_eq!(opened, [1, 1, 0, 1], "the limit counts those of one node");
}

#[test]
fn the_size_is_held_across_nodes_and_taken_again_after_an_interruption() {
    let mut show = Show::new(Town::joined(2));
    let page = show.look_sized(1, 9, Some(Size::clamped(100, 30)), Take::IfFree);
    show.run(100);
    assert_eq!(show.page(1, page).holder, Some(Holder::You));
    assert_eq!(show.page(0, ViewerId(1)).holder, Some(Holder::Other));
    show.town.cut(0, 1);
    show.run(1_000);
    assert_eq!(show.page(0, ViewerId(1)).holder, Some(Holder::Nobody), "who is not there holds nothing");
    show.town.heal();
    show.town.until(40_000, |town| town.reaches(1) == [0]).expect("they meet again");
    show.run(100);
    assert_eq!(show.page(1, page).holder, Some(Holder::You));
}

#[test]
fn a_viewer_takes_changes_and_gives_back_the_size_of_another_node_s_terminal() {
    let mut show = Show::new(Town::joined(2));
    let (far, near) = (show.look(1, 9), ViewerId(1));
    show.run(100);
    show.resizes(1, far, (120, 40), Take::IfFree);
    assert_eq!(show.size(1, far), (Holder::You, Size::clamped(120, 40)));
    assert_eq!(show.size(0, near), (Holder::Other, Size::clamped(120, 40)));
    show.resizes(1, far, (90, 20), Take::Never);
    assert_eq!(show.size(0, near), (Holder::Other, Size::clamped(90, 20)), "it holds it still");
    show.town.tell(1, Input::Viewer(far, ViewerInput::Release(S)));
    show.run(100);
    assert_eq!((show.size(1, far).0, show.size(0, near).0), (Holder::Nobody, Holder::Nobody));
    show.interrupted(|_| {});
    assert_eq!(show.size(1, far).0, Holder::Nobody, "what was given back is not taken again");
}

#[test]
fn after_an_interruption_the_size_is_what_the_viewer_who_holds_it_wished_last() {
    let mut show = Show::new(Town::joined(2));
    let far = show.look_sized(1, 9, Some(Size::clamped(100, 30)), Take::IfFree);
    show.run(100);
    show.resizes(1, far, (110, 35), Take::Never);
    show.interrupted(|show| show.resizes(1, far, (120, 40), Take::Never));
    assert_eq!(show.size(1, far), (Holder::You, Size::clamped(120, 40)));
}

#[test]
fn a_size_that_was_wished_during_an_interruption_is_taken_when_it_is_over() {
    let mut show = Show::new(Town::joined(2));
    let far = show.look(1, 9);
    show.run(100);
    show.interrupted(|show| show.resizes(1, far, (120, 40), Take::IfFree));
    assert_eq!(show.size(1, far), (Holder::You, Size::clamped(120, 40)));
    show.interrupted(|show| show.town.tell(1, Input::Viewer(far, ViewerInput::Release(S))));
    assert_eq!(show.size(1, far).0, Holder::Nobody, "and one that was given back is not");
}

#[test]
fn who_has_lost_the_size_to_somebody_does_not_take_it_back_after_an_interruption() {
    for given_back in [false, true] {
        let mut show = Show::new(Town::joined(2));
        let (far, near) = (show.look_sized(1, 9, Some(Size::clamped(100, 30)), Take::Always), ViewerId(1));
        show.run(100);
        assert_eq!(show.size(1, far).0, Holder::You);
        show.resizes(0, near, (80, 25), Take::Always);
        assert_eq!(show.size(1, far), (Holder::Other, Size::clamped(80, 25)));
        show.interrupted(|show| {
            if given_back {
                show.town.tell(0, Input::Viewer(near, ViewerInput::Release(S)));
            }
        });
        let holder = if given_back { Holder::Nobody } else { Holder::Other };
        assert_eq!(show.size(1, far).0, holder);
    }
}

#[test]
fn what_is_not_there_ends_and_what_is_out_of_reach_waits() {
    let mut show = Show::new(Town::joined(2));
    show.town.cut(0, 1);
    show.town.wait(100);
    let page = show.look(1, 9);
    show.run(1_000);
    assert_eq!((show.page(1, page).opened, show.page(1, page).ended), (0, None));
    show.prints(b"hello");
    show.town.heal();
    show.town.until(40_000, |town| town.reaches(1) == [0]).expect("they meet again");
    assert!(show.until_right(1, page, 1_000).is_some());
    show.town.remove(1, 0);
    show.run(100);
    assert_eq!(show.page(1, page).ended, Some(EndReason::Unknown));
    let stranger = AgentAddress { node: NodeId([99; 32]), agent: AGENT };
    let attach =
        ViewerInput::Attach { stream: S, agent: stranger, pane: None, from: None, size: None, take: Take::Never };
    show.page(1, page).ended = None;
    show.town.tell(1, Input::Viewer(page, attach));
    show.run(1);
    assert_eq!(show.page(1, page).ended, Some(EndReason::Unknown));
}

#[test]
fn a_stream_ends_when_its_terminal_does() {
    let mut show = Show::new(Town::joined(2));
    let page = show.look(1, 9);
    show.run(100);
    show.prints(b"goodbye");
    show.town.tell(0, Input::Terminal(TERMINAL, TerminalInput::Closed));
    show.run(100);
    assert_eq!(show.page(1, page).screen, b"goodbye");
    assert_eq!(show.page(1, page).ended, Some(EndReason::Exited));
}

#[test]
fn an_agent_is_created_from_another_node_and_shown_there_when_the_reply_comes() {
    let mut show = Show::new(row());
    let new = NewAgent { name: "made-far-away".into(), ..NewAgent::default() };
    let with_variables = Command::CreateFrom { new: new.clone(), caller: vec![("K".into(), "V".into())] };
    let refused = show.ask(2, with_variables).expect_err("variables of a machine do not travel");
    assert_eq!((refused.code.into_name(), refused.message.contains("shell")), ("invalid".into(), true));
    let reply = show.ask(2, Command::Create(new));
    let Ok(Reply::Agent(agent)) = reply else { panic!("{reply:?}") };
    assert_eq!(show.town.view(2).agent(agent).map(|agent| agent.name.to_string()), Some("made-far-away".into()));
    let notes = Command::SetNotes { agent: agent.agent, notes: "hello".into(), revision: None };
    assert_eq!(show.ask(2, notes), Ok(Reply::Notes { revision: 1 }));
    let read = show.ask(2, Command::ReadNotes(agent.agent));
    assert_eq!(read, Ok(Reply::NotesText { notes: "hello".into(), revision: 1 }));
}

#[test]
fn a_refusal_of_another_node_names_it() {
    let mut show = Show::new(Town::joined(2));
    let refused = show.ask(1, Command::Start(AgentId(404))).expect_err("there is none");
    assert_eq!(refused.code.clone().into_name(), "not-found");
    assert!(refused.message.starts_with("node-0: "), "{refused}");
    let asked = show.town.ask(0, 9, Command::Start(AGENT));
    let refused = show.town.reply(0, asked).expect("at once").expect_err("a stranger");
    assert_eq!(refused.code.clone().into_name(), "not-found");
    assert!(refused.message.starts_with(&id(9).short()), "{refused}");
    show.town.cut(0, 1);
    show.run(10);
    let refused = show.ask(1, Command::Start(AGENT)).expect_err("out of reach");
    assert_eq!(refused.code.clone().into_name(), "unreachable");
    assert!(refused.message.starts_with("node-0: "), "{refused}");
}

#[test]
fn a_node_that_may_only_look_cannot_type_or_command_or_set_the_size() {
    let mut town = Town::joined(2);
    let command = Command::Admit { node: id(1), addresses: Vec::new(), rights: Rights::View };
    town.command(0, command).expect("admitted");
    let mut show = Show::new(town);
    let page = show.look_sized(1, 9, Some(Size::clamped(20, 5)), Take::Always);
    show.run(100);
    show.prints(b"look");
    show.types(1, page, b"rm -rf");
    show.run(100);
    assert_eq!(show.page(1, page).screen, b"look");
    show.resizes(1, page, (30, 10), Take::Always);
    assert_eq!(show.size(1, page), (Holder::Nobody, Size::DEFAULT));
    assert_eq!(show.written, b"");
    assert!(matches!(&show.page(1, page).lost[..], [(1, why)] if why.contains("only look")));
    for command in [Command::Delete(AGENT), Command::ListDirectory("~".into()), Command::Create(NewAgent::default())] {
        let refused = show.ask(1, command).expect_err("it may not");
        assert_eq!(refused.code.into_name(), "forbidden");
    }
}

#[test]
fn other_rights_count_at_once_for_what_is_open_already() {
    let mut show = Show::new(Town::joined(2));
    let page = show.look(1, 9);
    show.run(100);
    let may = |show: &mut Show, rights| {
        let command = Command::Admit { node: id(1), addresses: Vec::new(), rights };
        show.town.command(0, command).expect("admitted");
        show.run(1_000);
        show.types(1, page, b"x");
        let stopped = show.ask(1, Command::Start(AgentId(404))).expect_err("there is none").code.into_name();
        show.run(1_000);
        (show.written.len(), stopped)
    };
    assert_eq!(may(&mut show, Rights::Operate), (1, "not-found".into()));
    assert_eq!(may(&mut show, Rights::View), (1, "forbidden".into()));
    assert_eq!(may(&mut show, Rights::Operate), (2, "not-found".into()));
}

#[test]
fn what_was_taken_before_a_node_lost_its_rights_is_not_told_to_be_lost() {
    let mut show = Show::new(Town::joined(2));
    let page = show.look(1, 9);
    show.run(100);
    show.writes_late = true;
    show.types(1, page, b"half of it is written");
    show.run(100);
    let command = Command::Admit { node: id(1), addresses: Vec::new(), rights: Rights::View };
    show.town.command(0, command).expect("admitted");
    show.run(1_000);
    let bytes = show.written.len();
    show.town.tell(0, Input::Terminal(TERMINAL, TerminalInput::Written { bytes }));
    show.run(1_000);
    assert_eq!(show.written, b"half of it is written");
    let page = show.page(1, page);
    assert!(page.lost.is_empty() && page.unacknowledged.is_empty(), "{:?} {:?}", page.lost, page.unacknowledged);
}

#[test]
fn an_agent_that_is_done_was_seen_also_by_who_says_so_at_another_node() {
    let mut show = Show::new(Town::joined(2));
    show.town.tell(0, Input::Viewer(ViewerId(1), ViewerInput::Closed));
    show.run(10_000);
    for _ in 0..=limits::WORK_TIME.as_millis() / 1_000 {
        show.prints(b"compiling");
        show.run(1_000);
    }
    show.run(10_000);
    let state = |show: &Show| show.town.view(0).own_agent(AGENT).expect("it is there").state.kind;
    assert_eq!(state(&show), StateKind::Done);
    let viewer = ViewerId(9);
    show.town.tell(1, Input::Viewer(viewer, ViewerInput::Opened(ViewerKey([9; 16]))));
    let seen = ViewerInput::Seen(AgentAddress { node: id(0), agent: AGENT });
    show.town.tell(1, Input::Viewer(viewer, seen));
    show.run(100);
    assert_eq!(state(&show), StateKind::Idle);
}

#[test]
fn a_command_for_a_node_that_is_out_of_reach_is_refused_at_once() {
    let mut show = Show::new(Town::joined(2));
    show.town.cut(0, 1);
    show.run(10);
    let asked = show.town.ask(1, 0, Command::ReadNotes(AGENT));
    let refusal = show.town.reply(1, asked).expect("at once").expect_err("nobody has read them");
    assert_eq!(refusal.code, consort_core::error::RefusalCode::Unreachable);
    assert!(refusal.message.contains("node-0"), "{refusal}");
}

#[test]
fn while_a_command_of_another_node_is_carried_out_those_of_this_one_are_answered() {
    let mut show = Show::new(Town::joined(2));
    let name = |name: &str| NewAgent { name: name.into(), ..NewAgent::default() };
    let theirs = show.town.ask(1, 0, Command::Create(name("theirs")));
    show.town.wait(100);
    assert_eq!(show.town.reply(1, theirs), None, "its session is being started");
    let ours = show.town.ask(0, 0, Command::ReadNotes(AGENT));
    assert!(matches!(show.town.reply(0, ours), Some(Ok(_))));
    show.run(100);
    assert!(matches!(show.town.reply(1, theirs), Some(Ok(Reply::Agent(_)))));
}

#[test]
fn the_directories_of_another_machine_are_listed_and_no_more_than_the_limit_says() {
    let mut show = Show::new(row());
    let reply = show.ask(2, Command::ListDirectory("~/src".into()));
    let Ok(Reply::Directory(listing)) = reply else { panic!("{reply:?}") };
    assert_eq!((&*listing.path, listing.entries.len()), ("~/src", limits::DIRECTORY_ENTRIES));
    let refused = show.ask(2, Command::ListDirectory("x".repeat(limits::TEXT_BYTES + 1))).expect_err("too long");
    assert_eq!(refused.code.into_name(), "invalid");
}

/// What was told of other nodes' acts here, since it was asked last.
fn acts(show: &mut Show, n: usize) -> Vec<(NodeId, String, Option<AgentId>, bool)> {
    let acted = show.town.events(n).into_iter().filter_map(|event| match event {
        Event::Acted(by, act, result) => Some((by, format!("{} {}", act.what, act.detail), act.agent, result.is_ok())),
        _ => None,
    });
    acted.collect()
}

#[test]
fn the_owner_tells_what_other_nodes_do_there_and_only_the_owner() {
    let mut show = Show::new(row());
    acts(&mut show, 0);
    let new = NewAgent { name: "far-one".into(), notes: "secret".into(), ..NewAgent::default() };
    let Ok(Reply::Agent(made)) = show.ask(2, Command::Create(new)) else { panic!("it is created") };
    show.ask(2, Command::ReadNotes(made.agent)).expect("read");
    show.ask(2, Command::Start(AgentId(404))).expect_err("there is none");
    let expected = [
        (id(2), "create far-one".to_string(), Some(made.agent), true),
        (id(2), "start ".to_string(), Some(AgentId(404)), false),
    ];
    assert_eq!(acts(&mut show, 0), expected, "reading is told only if it is refused");
    assert_eq!((acts(&mut show, 1), acts(&mut show, 2)), (vec![], vec![]));
}

#[test]
fn what_is_refused_to_a_node_that_may_only_look_is_told_and_its_typing_once_a_minute() {
    let mut town = Town::joined(2);
    let command = Command::Admit { node: id(1), addresses: Vec::new(), rights: Rights::View };
    town.command(0, command).expect("admitted");
    let mut show = Show::new(town);
    acts(&mut show, 0);
    let page = show.look(1, 9);
    show.run(100);
    for _ in 0..3 {
        show.types(1, page, b"rm -rf");
        show.run(100);
    }
    let typed = (id(1), "type ".to_string(), Some(AGENT), false);
    assert_eq!(acts(&mut show, 0), std::slice::from_ref(&typed));
    show.run(60_000);
    show.types(1, page, b"rm -rf");
    show.run(100);
    assert_eq!(acts(&mut show, 0), [typed]);
    show.ask(1, Command::ListDirectory("~".into())).expect_err("it may not");
    assert_eq!(acts(&mut show, 0), [(id(1), "list directory ~".to_string(), None, false)]);
}

#[test]
fn after_a_restart_of_the_terminals_node_its_streams_go_on_with_a_snapshot() {
    let mut show = Show::new(Town::joined(2));
    let page = show.look(1, 9);
    show.prints(b"before");
    show.run(100);
    let files = show.town.files(0);
    show.pages.remove(&(0, ViewerId(1)));
    show.town.restart(0, 2, files);
    seen(&mut show.town, AGENT, "a");
    show.town.until(40_000, |town| town.reaches(1) == [0] && town.reaches(0) == [1]).expect("they meet again");
    show.run(1_000);
    assert_eq!(show.page(1, page).snapshots, 2);
    show.types(1, page, b"y");
    show.run(100);
    assert_eq!(show.written, b"y");
}

#[derive(Clone, Debug)]
enum Op {
    Print(usize),
    Type(u8),
    Cut(usize, usize),
    Heal,
    Run(u64),
    Stall,
    Read,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1usize..200_000).prop_map(Op::Print),
        4 => any::<u8>().prop_map(Op::Type),
        2 => prop_oneof![Just((0, 1)), Just((0, 2)), Just((1, 2))].prop_map(|(a, b)| Op::Cut(a, b)),
        1 => Just(Op::Heal),
        4 => (1u64..300).prop_map(Op::Run),
        1 => Just(Op::Stall),
        1 => Just(Op::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_cut_the_screen_is_right_in_the_end_and_input_arrives_once_and_in_order(
        ops in prop::collection::vec(op(), 1..40)
    ) {
        let mut show = Show::new(Town::joined(3));
        let page = show.look(2, 9);
        show.run(100);
        let mut typed = Vec::new();
        for op in ops {
            match op {
                Op::Print(len) if show.printed.len() < 4_000_000 => {
                    let printed = show.printed.len();
                    show.prints(&text(len, printed));
                }
                Op::Print(_) => {}
                // Who has seen nothing of a terminal does not type into it.
                Op::Type(byte) if show.page(2, page).at.is_some() => {
                    typed.push(byte);
                    show.types(2, page, &[byte]);
                }
                Op::Type(_) => {}
                Op::Cut(a, b) => show.town.cut(a, b),
                Op::Heal => show.town.heal(),
                Op::Run(ms) => show.run(ms),
                Op::Stall => show.page(2, page).reads = false,
                Op::Read => show.reads_again(2, page),
            }
        }
        show.town.heal();
        show.reads_again(2, page);
        show.town.until(60_000, |town| town.reaches(2) == [0, 1]).expect("all meet again");
        let took = show.until_right(2, page, 10_000);
        prop_assert!(took.is_some(), "{} of {} bytes", show.page(2, page).screen.len(), show.printed.len());
        show.run(6_000);
        prop_assert!(show.written == typed, "{:?} of {:?}", show.written.len(), typed.len());
        prop_assert!(show.page(2, page).lost.is_empty());
    }
}
