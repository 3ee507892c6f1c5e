//! Texts that wait until an agent is idle: typed in order, at most once, and never lost.

mod desk;

use consort_core::TerminalId;
use consort_core::command::{Fate, QueuedText, WhenBusy};
use consort_core::directory::signal::{Choice, Composer, Dialog, Question, Reading, Report};
use consort_core::directory::{Signal, StateKind};
use consort_core::error::RefusalCode;
use consort_core::{
    AgentId, BackendInput, BackendOperation, Command, Input, OperationDone, OperationId, Output, Refusal, Reply,
    StoreId, StoreOperation, TerminalInput, TerminalOutput, limits,
};
use desk::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

const A: AgentId = AgentId(10);

/// What the program shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Rest,
    Work,
    Ask,
}

/// A node with one agent, whose store and backend answer when they are asked to.
struct Owner {
    desk: Desk,
    show: Show,
    rules: &'static str,
    stores: VecDeque<(StoreId, StoreOperation)>,
    pastes: VecDeque<(OperationId, String)>,
    replies: Vec<Result<Reply, Refusal>>,
    /// What reached the program, in this life and those before.
    typed: Vec<String>,
    looks: u64,
    /// What stands on the program's line for texts, if that is known.
    line: Option<&'static str>,
    /// How often Enter was pressed once more.
    enters: usize,
    /// Of each look, whether it showed a text whose effect was looked for.
    shown: Vec<bool>,
}

impl Owner {
    fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        let mut desk = Desk::with_store(files);
        desk.available();
        desk.seen(session(A, "a"));
        let said = desk.listed();
        let mut owner = Owner {
            desk,
            show: Show::Rest,
            rules: "claude",
            stores: VecDeque::new(),
            pastes: VecDeque::new(),
            replies: Vec::new(),
            typed: Vec::new(),
            looks: 0,
            line: None,
            enters: 0,
            shown: Vec::new(),
        };
        owner.take(said);
        owner.wait(20_000);
        owner
    }

    fn reading(&mut self) -> Signal {
        self.looks += 1;
        let says = |kind| Some(Report { kind, why: String::new() });
        let composer = self.line.map(|line| Composer { line: line.into(), pasted: false });
        let mut reading = Reading { rules: self.rules.into(), digest: 1, composer, ..Reading::default() };
        match self.show {
            Show::Rest => reading.says = says(StateKind::Idle),
            Show::Work => reading.says = says(StateKind::Working),
            Show::Ask => {
                let choices = vec![Choice { key: "y".into(), label: "Yes".into() }];
                let question = Question { text: "Proceed?".into(), choices, ..Question::default() };
                reading.dialog = Some(Dialog { question, keys: vec![b"y".to_vec()] });
            }
        }
        Signal::Screen(reading)
    }

    /// Reads screens at once; stores and pastes wait to be answered.
    fn take(&mut self, said: Vec<Output>) {
        let mut all = VecDeque::from(said);
        while let Some(output) = all.pop_front() {
            match output {
                Output::Terminal(_, TerminalOutput::ReadScreen) => {
                    let reading = TerminalInput::Signal(self.reading());
                    let input = Input::Terminal(TerminalId { agent: A, pane: PANE }, reading.clone());
                    self.shown.push(self.desk.node.node().shows_sent_text(&input));
                    all.extend(self.desk.terminal(A, reading));
                }
                Output::Store(id, operation) => self.stores.push_back((id, operation)),
                Output::Backend(id, BackendOperation::Paste { text, submit, .. }) => {
                    assert!(submit);
                    self.typed.push(text.clone());
                    self.pastes.push_back((id, text));
                }
                Output::Backend(_, BackendOperation::Type { bytes, .. }) => {
                    assert_eq!(bytes, b"\r");
                    self.enters += 1;
                }
                Output::Reply(_, result) => self.replies.push(result),
                _ => {}
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        let mut left = ms;
        while left > 0 {
            let step = left.min(250);
            let said = self.desk.wait(step);
            self.take(said);
            left -= step;
        }
    }

    fn command(&mut self, command: Command) {
        let (_, said) = self.desk.command(command);
        self.take(said);
    }

    fn send(&mut self, text: &str, busy: WhenBusy) {
        self.command(Command::Send { agent: A, pane: None, text: text.into(), busy, unix_ms: 7 });
    }

    fn queue(&mut self, text: &str) {
        self.send(text, WhenBusy::Queue);
        self.store();
    }

    /// The store does everything that it was asked for.
    fn store(&mut self) {
        while let Some(change) = self.stores.pop_front() {
            let said = self.desk.stored(change);
            self.take(said);
        }
    }

    /// The backend has typed everything.
    fn pasted(&mut self) {
        while let Some((id, _)) = self.pastes.pop_front() {
            let done = OperationDone::Pasted { submitted: true };
            let said = self.desk.tell(Input::Backend(BackendInput::Done(id, Ok(done))));
            self.take(said);
        }
    }

    /// Time passes, and everything that is asked for is done.
    fn settle(&mut self, ms: u64) {
        for _ in 0..ms / 500 {
            self.wait(500);
            self.store();
            self.pasted();
        }
    }

    fn texts(&mut self) -> (Vec<QueuedText>, String) {
        self.command(Command::ReadQueue(A));
        match self.replies.pop() {
            Some(Ok(Reply::Queue { texts, held })) => (texts, held),
            other => panic!("{other:?}"),
        }
    }

    fn waiting(&mut self) -> Vec<String> {
        self.texts().0.into_iter().map(|text| text.text).collect()
    }

    fn refused(&mut self) -> RefusalCode {
        match self.replies.pop() {
            Some(Err(refusal)) => refusal.code,
            other => panic!("{other:?}"),
        }
    }

    fn working() -> Self {
        let mut owner = Owner::new(BTreeMap::new());
        owner.show = Show::Work;
        owner.desk.prints(A, b"x");
        owner.wait(3_000);
        assert_eq!(owner.desk.agent(A).state.kind, StateKind::Working);
        owner
    }

    /// `kill -9`, and the next start.
    fn restart(mut self) -> Self {
        let (show, typed) = (self.show, std::mem::take(&mut self.typed));
        let mut next = Owner::new(self.desk.files);
        (next.show, next.typed) = (show, typed);
        next
    }
}

#[test]
fn a_text_for_an_agent_that_works_is_refused() {
    let mut owner = Owner::working();
    owner.send("now?", WhenBusy::Refuse);
    assert_eq!(owner.refused(), RefusalCode::AgentWorks);
    owner.command(Command::Paste { agent: A, pane: None, text: "now!".into(), submit: true, anyway: false });
    assert_eq!(owner.typed, ["now!"]);
}

#[test]
fn queued_texts_are_typed_one_after_the_other_when_it_is_idle() {
    let mut owner = Owner::working();
    owner.queue("one");
    owner.queue("two");
    assert!(matches!(
        owner.replies[..],
        [Ok(Reply::Queued { number: 1, ahead: 0 }), Ok(Reply::Queued { number: 2, ahead: 1 })]
    ));
    assert_eq!(owner.desk.agent(A).queued, 2);
    owner.settle(30_000);
    assert!(owner.typed.is_empty(), "it works");
    assert_eq!(owner.texts().1, "it works");
    owner.show = Show::Rest;
    owner.desk.prints(A, b"x");
    owner.settle(6_000);
    assert_eq!(owner.typed, ["one"], "whether it has worked on the first one is not known yet");
    owner.show = Show::Work;
    owner.desk.prints(A, b"x");
    owner.settle(4_000);
    assert_eq!(owner.typed, ["one"]);
    owner.show = Show::Rest;
    owner.desk.prints(A, b"x");
    owner.settle(20_000);
    assert_eq!(owner.typed, ["one", "two"]);
    assert_eq!(owner.desk.agent(A).queued, 0);
}

#[test]
fn a_text_that_is_no_work_does_not_hold_up_the_next_for_ever() {
    let mut owner = Owner::new(BTreeMap::new());
    owner.queue("/clear");
    owner.queue("go on");
    owner.settle(3_000);
    assert_eq!(owner.typed, ["/clear"]);
    owner.settle(2 * limits::QUEUE_PAUSE.as_millis());
    assert_eq!(owner.typed, ["/clear", "go on"]);
}

#[test]
fn nothing_is_typed_into_a_question_or_beside_a_person() {
    let mut owner = Owner::working();
    owner.queue("one");
    owner.show = Show::Ask;
    owner.desk.prints(A, b"x");
    owner.settle(30_000);
    assert_eq!(owner.texts().1, "it asks something");
    let viewer = owner.desk.connect(1);
    owner.desk.attach(viewer, A, None);
    owner.show = Show::Rest;
    for seq in 1..=10 {
        let said = owner.desk.types(viewer, seq, b"h");
        owner.take(said);
        owner.settle(2_000);
    }
    assert!(owner.typed.is_empty());
    assert_eq!(owner.texts().1, "somebody types there");
    owner.settle(limits::PERSON_TIME.as_millis() + 2_000);
    assert_eq!(owner.typed, ["one"]);
}

#[test]
fn who_types_while_the_text_is_written_down_goes_first() {
    let mut owner = Owner::new(BTreeMap::new());
    let viewer = owner.desk.connect(1);
    owner.desk.attach(viewer, A, None);
    owner.send("one", WhenBusy::Queue);
    let change = owner.stores.pop_front().expect("the text is stored");
    let said = owner.desk.stored(change);
    owner.take(said);
    assert_eq!(owner.stores.len(), 1, "that it is being typed is stored");
    let said = owner.desk.types(viewer, 1, b"h");
    owner.take(said);
    owner.store();
    assert!(owner.typed.is_empty());
    owner.settle(limits::PERSON_TIME.as_millis() + 4_000);
    assert_eq!(owner.typed, ["one"]);
}

#[test]
fn a_text_for_one_program_is_not_typed_into_another() {
    let mut owner = Owner::working();
    owner.queue("rm the old tests");
    (owner.show, owner.rules) = (Show::Rest, "");
    owner.desk.prints(A, b"$ ");
    owner.settle(60_000);
    assert!(owner.typed.is_empty());
    assert!(owner.texts().1.contains("another"));
}

#[test]
fn what_was_being_typed_at_a_restart_is_not_typed_again_unless_a_person_wants_that() {
    let mut owner = Owner::new(BTreeMap::new());
    owner.queue("one");
    owner.queue("two");
    owner.wait(2_000);
    owner.store();
    assert_eq!(owner.typed, ["one"]);
    let mut owner = owner.restart();
    owner.settle(60_000);
    assert_eq!(owner.typed, ["one"]);
    let (texts, held) = owner.texts();
    assert!(matches!(&texts[0].fate, Fate::Unknown(why) if why.contains("restarted")), "{texts:?}");
    assert!(held.contains("not known"), "{held}");
    owner.command(Command::EditQueue { agent: A, number: 1, text: Some("one again".into()) });
    owner.settle(60_000);
    assert_eq!(owner.typed, ["one", "one again", "two"]);
}

#[test]
fn texts_are_changed_and_cancelled_until_they_are_typed() {
    let mut owner = Owner::working();
    for text in ["one", "two", "three"] {
        owner.queue(text);
    }
    owner.command(Command::EditQueue { agent: A, number: 2, text: Some("zwei".into()) });
    owner.command(Command::EditQueue { agent: A, number: 1, text: None });
    owner.store();
    assert_eq!(owner.waiting(), ["zwei", "three"]);
    owner.replies.clear();
    owner.command(Command::EditQueue { agent: A, number: 1, text: None });
    assert_eq!(owner.refused(), RefusalCode::NotFound);
    let mut owner = owner.restart();
    assert_eq!(owner.waiting(), ["zwei", "three"]);
    owner.show = Show::Rest;
    owner.wait(20_000);
    owner.store();
    assert_eq!(owner.typed, ["zwei"]);
    owner.replies.clear();
    owner.command(Command::EditQueue { agent: A, number: 2, text: None });
    owner.store();
    assert_eq!(owner.refused(), RefusalCode::Conflict);
}

#[test]
fn a_full_queue_and_a_full_disk_are_refusals_that_leave_no_trace() {
    let mut owner = Owner::working();
    owner.send("one", WhenBusy::Queue);
    let change = owner.stores.pop_front().expect("a change");
    let said = owner.desk.disk_full(change);
    owner.take(said);
    assert_eq!(owner.refused(), RefusalCode::NotStored);
    assert!(owner.waiting().is_empty());
    for number in 0..limits::QUEUE_TEXTS {
        owner.queue(&number.to_string());
    }
    owner.queue("one more");
    assert_eq!(owner.refused(), RefusalCode::TooMany);
    let mut owner = Owner::working();
    owner.queue(&"x".repeat(limits::QUEUE_BYTES));
    owner.queue("y");
    assert_eq!(owner.refused(), RefusalCode::TooMany);
}

#[test]
fn a_text_that_gets_longer_needs_room_too() {
    let mut owner = Owner::working();
    owner.queue("one");
    let edit = |owner: &mut Owner, text: String| {
        owner.replies.clear();
        owner.command(Command::EditQueue { agent: A, number: 1, text: Some(text) });
        owner.store();
    };
    // All queues of the node are full then, this one is not.
    for number in 0..(limits::QUEUES_BYTES / limits::QUEUE_BYTES) as u64 {
        let other = AgentId(100 + number);
        let said = owner.desk.seen(session(other, &format!("other-{number}")));
        owner.take(said);
        let text = "x".repeat(limits::QUEUE_BYTES - if number == 0 { "one".len() } else { 0 });
        owner.command(Command::Send { agent: other, pane: None, text, busy: WhenBusy::Queue, unix_ms: 7 });
        owner.store();
    }
    edit(&mut owner, "four".into());
    assert_eq!(owner.refused(), RefusalCode::TooMany);
    edit(&mut owner, "two".into());
    assert_eq!(owner.waiting(), ["two"]);
    edit(&mut owner, String::new());
    assert_eq!(owner.refused(), RefusalCode::Invalid);
}

#[test]
fn a_session_that_is_gone_takes_its_queue_with_it() {
    let mut owner = Owner::working();
    owner.queue("one");
    assert_eq!(owner.desk.files.len(), 1);
    let said = owner.desk.gone(A);
    owner.take(said);
    owner.store();
    assert!(owner.desk.files.is_empty());
}

#[test]
fn a_session_that_is_out_of_sight_for_a_while_keeps_its_queue() {
    let mut owner = Owner::working();
    owner.queue("one");
    owner.desk.unavailable();
    owner.desk.available();
    owner.desk.seen(session(A, "a"));
    let said = owner.desk.listed();
    owner.take(said);
    owner.store();
    assert_eq!(owner.waiting(), ["one"]);
    owner.desk.unavailable();
    owner.desk.available();
    let said = owner.desk.listed();
    owner.take(said);
    owner.store();
    assert!(owner.desk.files.is_empty(), "it has ended in the meantime");
}

#[test]
fn enter_is_pressed_once_more_if_the_text_is_still_there_and_what_became_of_it_is_true() {
    let mut owner = Owner::new(BTreeMap::new());
    owner.line = Some("");
    owner.send("fix it", WhenBusy::Refuse);
    owner.line = Some("fix it");
    owner.pasted();
    owner.wait(1_000);
    assert_eq!((owner.enters, owner.replies.len()), (0, 0), "the program may be slow");
    owner.wait(2_000);
    assert_eq!(owner.enters, 1);
    assert!(std::mem::take(&mut owner.shown).ends_with(&[true]), "a recording keeps that it is there");
    owner.line = Some("");
    owner.wait(1_000);
    assert!(!owner.shown.contains(&true), "and that it has gone");
    assert!(matches!(owner.replies[..], [Ok(Reply::Sent { bytes: 6, submitted: true })]), "{:?}", owner.replies);
    owner.send("and that", WhenBusy::Refuse);
    owner.line = Some("and that");
    owner.pasted();
    owner.wait(20_000);
    assert_eq!(owner.enters, 2, "once more, and not again");
    assert!(matches!(owner.replies[..], [_, Ok(Reply::Sent { submitted: false, .. })]), "{:?}", owner.replies);
}

#[test]
fn a_long_text_may_stand_on_its_line_for_longer() {
    let mut owner = Owner::new(BTreeMap::new());
    owner.line = Some("");
    owner.send(&"a long text ".repeat(8_000), WhenBusy::Refuse);
    owner.line = Some("a long text");
    owner.pasted();
    owner.wait(10_000);
    assert!(owner.replies.is_empty(), "the program works on it: {:?}", owner.replies);
    owner.line = Some("");
    owner.wait(1_000);
    assert!(matches!(owner.replies[..], [Ok(Reply::Sent { submitted: true, .. })]), "{:?}", owner.replies);
}

#[test]
fn enter_is_not_pressed_again_into_a_question_or_where_the_text_has_gone() {
    for (line, show) in [(Some(""), Show::Rest), (None, Show::Rest), (Some("fix it"), Show::Ask)] {
        let mut owner = Owner::new(BTreeMap::new());
        owner.line = Some("");
        owner.send("fix it", WhenBusy::Refuse);
        (owner.line, owner.show) = (line, show);
        owner.pasted();
        owner.wait(10_000);
        assert_eq!(owner.enters, 0);
        assert!(matches!(owner.replies[..], [Ok(Reply::Sent { submitted: true, .. })]), "{:?}", owner.replies);
    }
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Queue,
    Cancel(u64),
    Edit(u64),
    Show(Show),
    Wait(u64),
    Store,
    DiskFull,
    Pasted,
    PasteFails,
    Type,
    Restart,
    Lose,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let show = prop_oneof![3 => Just(Show::Rest), 1 => Just(Show::Work), 1 => Just(Show::Ask)];
    let act = prop_oneof![
        6 => Just(Act::Queue),
        1 => (1..9_u64).prop_map(Act::Cancel),
        1 => (1..9_u64).prop_map(Act::Edit),
        3 => show.prop_map(Act::Show),
        6 => (100..20_000_u64).prop_map(Act::Wait),
        8 => Just(Act::Store),
        1 => Just(Act::DiskFull),
        5 => Just(Act::Pasted),
        1 => Just(Act::PasteFails),
        1 => Just(Act::Type),
        1 => Just(Act::Restart),
        1 => Just(Act::Lose),
    ];
    prop::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_text_is_typed_at_most_once_and_none_is_lost(acts in acts()) {
        let mut owner = Owner::new(BTreeMap::new());
        let mut viewer = owner.desk.connect(1);
        owner.desk.attach(viewer, A, None);
        let (mut made, mut seq) = (0, 0);
        // Texts that the owner has promised to keep, and those that somebody took out.
        let (mut kept, mut taken): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        let mut asked: VecDeque<Option<String>> = VecDeque::new();
        for act in acts {
            let before = owner.replies.len();
            match act {
                Act::Queue => {
                    made += 1;
                    asked.push_back(Some(format!("text {made}")));
                    owner.send(&format!("text {made}"), WhenBusy::Queue);
                }
                Act::Cancel(number) | Act::Edit(number) => {
                    let found = owner.texts().0.into_iter().find(|text| text.number == number);
                    let text = matches!(act, Act::Edit(_)).then(|| { made += 1; format!("text {made}") });
                    // Whether it is done or not: of what somebody wanted to change, nothing is promised.
                    taken.extend(found.map(|text| text.text));
                    taken.extend(text.clone());
                    taken.extend(asked.iter().flatten().cloned());
                    asked.push_back(None);
                    owner.command(Command::EditQueue { agent: A, number, text });
                }
                Act::Show(show) => {
                    owner.show = show;
                    let said = owner.desk.prints(A, b"x");
                    owner.take(said);
                }
                Act::Wait(ms) => owner.wait(ms),
                Act::Store => if let Some(change) = owner.stores.pop_front() {
                    let said = owner.desk.stored(change);
                    owner.take(said);
                },
                Act::DiskFull => if let Some(change) = owner.stores.pop_front() {
                    let said = owner.desk.disk_full(change);
                    owner.take(said);
                },
                Act::Pasted => owner.pasted(),
                Act::PasteFails => if let Some((id, _)) = owner.pastes.pop_front() {
                    let said = owner.desk.failed(id);
                    owner.take(said);
                },
                Act::Type => {
                    seq += 1;
                    let said = owner.desk.types(viewer, seq, b"h");
                    owner.take(said);
                }
                Act::Restart => {
                    // What was asked and not answered may be there or not.
                    taken.extend(asked.drain(..).flatten());
                    owner = owner.restart();
                    viewer = owner.desk.connect(1);
                    owner.desk.attach(viewer, A, None);
                    seq = 0;
                    continue;
                }
                Act::Lose => {
                    let said = owner.desk.unavailable();
                    owner.take(said);
                    owner.desk.available();
                    owner.desk.seen(session(A, "a"));
                    let said = owner.desk.listed();
                    owner.take(said);
                    owner.pastes.clear();
                    owner.desk.attach(viewer, A, None);
                    seq = 0;
                }
            }
            for reply in owner.replies.split_off(before) {
                match (reply, asked.pop_front()) {
                    (Ok(Reply::Queued { .. }), Some(Some(text))) => kept.push(text),
                    (Err(_), Some(Some(text))) => taken.push(text),
                    (_, Some(None)) => {}
                    (reply, asked) => panic!("{reply:?} answers {asked:?}"),
                }
            }
        }
        // Everything is well again.
        owner.show = Show::Rest;
        let said = owner.desk.prints(A, b"x");
        owner.take(said);
        owner.settle(120_000);
        let left = owner.texts().0;
        let mut typed = owner.typed.clone();
        typed.sort();
        typed.dedup();
        prop_assert_eq!(typed.len(), owner.typed.len(), "a text was typed twice: {:?}", owner.typed);
        for text in &kept {
            let there = left.iter().any(|left| left.text == *text);
            prop_assert!(typed.contains(text) || there || taken.contains(text), "{} is lost: {:?}, {:?}", text, typed, left);
        }
        let first = left.first();
        prop_assert!(first.is_none_or(|first| matches!(first.fate, Fate::Unknown(_))), "it does not go on: {:?}", left);
        let order: Vec<usize> = owner.typed.iter().filter(|text| kept.contains(text))
            .filter_map(|text| text.strip_prefix("text ")?.parse().ok()).collect();
        prop_assert!(order.is_sorted(), "out of order: {:?}", owner.typed);
    }
}
