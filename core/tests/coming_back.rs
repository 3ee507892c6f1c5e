//! What comes back after a restart: how long agents have been in their states, and the conversations of their programs.

mod desk;

use consort_core::directory::signal::{Dialog, HookReport, Question, Reading, Report, Session};
use consort_core::directory::{Signal, StateKind};
use consort_core::input::StartInfo;
use consort_core::{
    AgentId, BackendInput, BackendOperation, Command, Input, Instant, LaunchSpec, OperationDone, OperationId, Output,
    StoreOperation, TerminalId, TerminalInput, limits,
};
use desk::*;
use std::collections::BTreeMap;

const A: AgentId = AgentId(10);
/// When the first life of the node began, and the second one: a minute later.
const FIRST: u64 = 1_800_000_000_000;
const SECOND: u64 = FIRST + 60_000;

fn asks(text: &str) -> Signal {
    let question = Question { text: text.into(), ..Question::default() };
    Signal::Screen(Reading { dialog: Some(Dialog { question, keys: Vec::new() }), ..Reading::default() })
}

fn rests() -> Signal {
    let says = Some(Report { kind: StateKind::Idle, why: String::new() });
    Signal::Screen(Reading { says, digest: 1, ..Reading::default() })
}

fn signal(desk: &mut Desk, signal: Signal) {
    desk.tell(Input::Terminal(TerminalId { agent: A, pane: PANE }, TerminalInput::Signal(signal)));
}

/// A node that is started at this time, with an agent that was found.
fn life(files: BTreeMap<String, Vec<u8>>, unix_ms: Option<u64>) -> Desk {
    let mut desk = Desk::started(files, unix_ms);
    desk.available();
    desk.seen(session(A, "a"));
    desk.listed();
    desk
}

/// What the store has after an agent has asked this for half a minute, and the node has ended.
fn asked(text: &str) -> BTreeMap<String, Vec<u8>> {
    let mut desk = life(BTreeMap::new(), Some(FIRST));
    desk.wait(1_000);
    signal(&mut desk, asks(text));
    let said = desk.wait(30_000);
    let puts = said.iter().filter(|output| matches!(output, Output::Store(..))).count();
    assert_eq!(puts, 1, "{said:?}");
    desk.stored(change(&said));
    assert!(desk.wait(60_000).iter().all(|output| !matches!(output, Output::Store(..))), "nothing has changed");
    desk.files
}

/// Time passes, and the store keeps what it is asked to.
fn pass(desk: &mut Desk, ms: u64) {
    for _ in 0..ms.div_ceil(100) {
        for output in desk.wait(100) {
            if let Output::Store(id, operation) = output {
                desk.stored((id, operation));
            }
        }
    }
}

fn state(desk: &Desk) -> (StateKind, u64) {
    let state = desk.agent(A).state;
    (state.kind, state.age(Instant::from_millis(desk.now)).as_millis())
}

#[test]
fn an_agent_that_still_asks_has_asked_since_then() {
    let mut desk = life(asked("Proceed?"), Some(SECOND));
    desk.wait(500);
    signal(&mut desk, asks("Proceed?"));
    assert_eq!(state(&desk), (StateKind::Waiting, 60_500), "since somebody looked first");
    desk.wait(limits::FORMER_STATE_TIME.as_millis());
    signal(&mut desk, asks("Proceed?"));
    assert_eq!(state(&desk).1, 75_500);
}

#[test]
fn another_question_is_as_old_as_it_is() {
    let mut desk = life(asked("Proceed?"), Some(SECOND));
    desk.wait(500);
    signal(&mut desk, asks("Delete all?"));
    assert_eq!(state(&desk).0, StateKind::Waiting);
    assert!(state(&desk).1 <= 500);
}

#[test]
fn what_is_asked_after_a_key_or_after_a_while_is_asked_anew() {
    let mut desk = life(asked("Proceed?"), Some(SECOND));
    desk.wait(limits::FORMER_STATE_TIME.as_millis());
    signal(&mut desk, rests());
    desk.wait(limits::FLAP_TIME.as_millis() + 1);
    signal(&mut desk, asks("Proceed?"));
    assert_eq!(state(&desk), (StateKind::Waiting, 0));

    let mut desk = life(asked("Proceed?"), Some(SECOND));
    let viewer = desk.connect(1);
    desk.attach(viewer, A, None);
    signal(&mut desk, rests());
    desk.types(viewer, 1, b"y");
    desk.wait(limits::FLAP_TIME.as_millis() + 1);
    signal(&mut desk, asks("Proceed?"));
    assert_eq!(state(&desk), (StateKind::Waiting, 0));
}

#[test]
fn work_that_nobody_has_seen_is_still_done() {
    let mut desk = life(BTreeMap::new(), Some(FIRST));
    let works = Some(Report { kind: StateKind::Working, why: String::new() });
    signal(&mut desk, Signal::Screen(Reading { says: works, digest: 2, ..Reading::default() }));
    pass(&mut desk, limits::WORK_TIME.as_millis());
    signal(&mut desk, rests());
    let before = state(&desk);
    pass(&mut desk, 20_000);
    let began = state(&desk).1;
    assert_eq!((before.0, state(&desk).0), (StateKind::Done, StateKind::Done));
    let mut after = life(desk.files, Some(SECOND));
    signal(&mut after, rests());
    assert_eq!(state(&after), (StateKind::Done, 60_000 - desk.now + began));
}

#[test]
fn a_change_that_could_not_be_stored_is_stored_later_and_none_without_a_clock() {
    let mut desk = life(BTreeMap::new(), Some(FIRST));
    let said = desk.wait(5_000);
    desk.disk_full(change(&said));
    assert!(desk.wait(1_000).is_empty());
    let said = desk.wait(limits::STORE_AGAIN_TIME.as_millis());
    desk.stored(change(&said));
    assert!(desk.files.contains_key("ages"));

    let mut desk = life(BTreeMap::new(), None);
    assert!(desk.wait(60_000).iter().all(|output| !matches!(output, Output::Store(..))));
}

// Conversations.

fn conversation(id: &str) -> Session {
    Session { program: "claude".into(), id: id.into(), transcript: format!("/t/{id}.jsonl") }
}

/// Answers a launch, in which the program goes on with this.
fn launched(desk: &mut Desk, operation: OperationId, spec: &LaunchSpec, session: Option<Session>) -> Vec<Output> {
    let observation =
        consort_core::input::Observation { created_unix_ms: 7_000, ..desk::session(spec.agent, &spec.name) };
    desk.seen(observation);
    let info = StartInfo { session, ..StartInfo::default() };
    desk.tell(Input::Backend(BackendInput::Done(operation, Ok(OperationDone::Start(info)))))
}

fn launch(said: &[Output]) -> (OperationId, LaunchSpec) {
    let (id, what) = operation(said);
    let BackendOperation::Launch(spec) = what else { panic!("{what:?} is no launch") };
    (id, spec)
}

#[test]
fn a_start_has_the_last_conversation_and_a_fresh_one_has_none() {
    let mut desk = Desk::new();
    let (agent, other) = (desk.create("a"), desk.create("b"));
    for (agent, id) in [(agent, "1"), (other, "2")] {
        let report = HookReport { session: Some(conversation(id)), ..HookReport::default() };
        let said = desk.terminal(agent, TerminalInput::Signal(Signal::Hook(report)));
        desk.stored(change(&said));
    }
    desk.gone(agent);
    let (_, said) = desk.command(Command::ReadStart(agent));
    let (id, BackendOperation::ReadStart(asked)) = operation(&said) else { panic!("{said:?}") };
    let info = StartInfo { session: Some(conversation("1")), ..StartInfo::default() };
    let said = desk.tell(Input::Backend(BackendInput::Done(id, Ok(OperationDone::Start(info.clone())))));
    assert_eq!(reply(&said), Some(Ok(consort_core::Reply::Start(info))));

    let (_, said) = desk.command(Command::Start(agent));
    let (id, spec) = launch(&said);
    assert_eq!(spec, asked);
    let last = spec.last.clone().expect("it goes on");
    assert_eq!((last.session, last.others), (Some(conversation("1")), vec!["2".to_owned()]));
    let said = launched(&mut desk, id, &spec, Some(conversation("1")));
    desk.stored(change(&said));
    assert_eq!(desk.agent(agent).session, Some(&conversation("1")));

    desk.gone(agent);
    let (_, said) = desk.command(Command::StartFresh(agent));
    let (id, spec) = launch(&said);
    assert_eq!(spec.last, None);
    let said = launched(&mut desk, id, &spec, None);
    let (store, StoreOperation::Put { key, bytes }) = change(&said) else { panic!("{said:?}") };
    desk.stored((store, StoreOperation::Put { key, bytes }));
    assert_eq!(desk.agent(agent).session, None, "the conversation before is over");

    // It survives the node, and so does when it was started.
    let mut again = Desk::with_store(desk.files);
    again.available();
    again.listed();
    let (_, said) = again.command(Command::Start(agent));
    let last = launch(&said).1.last.expect("it goes on");
    assert_eq!((last.session, last.started_unix_ms), (None, 7_000));
}

#[test]
fn a_conversation_that_a_hook_reports_while_it_is_started_is_kept() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.gone(agent);
    let (_, said) = desk.command(Command::Start(agent));
    let (id, spec) = launch(&said);
    desk.seen(session(agent, "a"));
    let report = HookReport { session: Some(conversation("3")), ..HookReport::default() };
    desk.terminal(agent, TerminalInput::Signal(Signal::Hook(report)));
    let said = launched(&mut desk, id, &spec, None);
    desk.stored(change(&said));
    assert_eq!(desk.agent(agent).session, Some(&conversation("3")));
    let again = Desk::with_store(desk.files);
    assert_eq!(again.agent(agent).session, Some(&conversation("3")), "and stored");
}
