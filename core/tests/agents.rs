//! What people ask of agents, and what becomes of agents by themselves.

mod desk;

use consort_core::command::NewAgent;
use consort_core::directory::{BackendKind, Desired, Origin, Source, StateKind};
use consort_core::input::ScreenText;
use consort_core::output::{BackendOperation, StoreOperation};
use consort_core::{
    AgentAddress, AgentId, BackendInput, Command, Event, Input, NodeId, OperationDone, OperationId, Output, Reply,
    Size, ViewerInput, limits,
};
use desk::*;

fn new(name: &str) -> Command {
    Command::Create(NewAgent { name: name.into(), ..NewAgent::default() })
}

fn rename(agent: AgentId, name: &str) -> Command {
    Command::Edit { agent, name: Some(name.into()), tags: None, autostart: None }
}

fn notes(agent: AgentId, notes: &str, revision: Option<u64>) -> Command {
    Command::SetNotes { agent, notes: notes.into(), revision }
}

fn launched(said: &[Output]) -> AgentId {
    match operation(said).1 {
        BackendOperation::Launch(spec) => spec.agent,
        other => panic!("{other:?} is no launch"),
    }
}

fn is_told(said: &[Output], event: &Event) -> bool {
    said.iter().any(|output| matches!(output, Output::Event(told) if told == event))
}

fn stores(said: &[Output]) -> bool {
    said.iter().any(|output| matches!(output, Output::Store(..)))
}

/// Stops an agent that runs, and all succeeds.
fn stop(desk: &mut Desk, agent: AgentId) {
    let (_, said) = desk.command(Command::Stop(agent));
    desk.gone(agent);
    let said = desk.done(operation(&said).0);
    desk.stored(change(&said));
}

const FOUND: AgentId = AgentId(10);

// Creating.

#[test]
fn an_agent_is_stored_then_started_then_shown_then_answered() {
    let mut desk = Desk::new();
    let (_, said) = desk.command(new("a-b"));
    assert!(matches!(change(&said).1, StoreOperation::Put { .. }));
    assert_eq!(desk.view().agents().count(), 0, "it may still fail");
    let said = desk.stored(change(&said));
    let agent = launched(&said);
    let launch = operation(&said).0;
    let said = desk.seen(session(agent, "a-b"));
    assert!(is_told(&said, &Event::AgentChanged(at(agent))));
    let said = desk.done(launch);
    assert_eq!(reply(&said), Some(Ok(Reply::Agent(at(agent)))));
    let view = desk.agent(agent);
    assert!(view.managed && view.running && view.desired == Desired::Running);
}

#[test]
fn an_agent_is_started_as_it_was_asked_for_and_again_in_the_size_that_it_had_last() {
    let mut desk = Desk::new();
    let asked = NewAgent {
        name: "a-b".into(),
        directory: "~/x".into(),
        program: Some("claude".into()),
        args: vec!["--continue".into()],
        env: vec![("K".into(), "V".into())],
        size: Size::clamped(90, 20),
        ..NewAgent::default()
    };
    let (_, said) = desk.command(Command::Create(asked.clone()));
    let said = desk.stored(change(&said));
    let (launch, BackendOperation::Launch(spec)) = operation(&said) else { panic!("it is started") };
    assert_eq!((&spec.name, &spec.directory, spec.size), (&asked.name, &asked.directory, asked.size));
    assert_eq!((&spec.program, &spec.args, &spec.env), (&asked.program, &asked.args, &asked.env));
    let mut resized = session(spec.agent, "a-b");
    resized.terminals[0].size = Size::clamped(200, 50);
    desk.seen(resized);
    desk.done(launch);
    desk.gone(spec.agent);
    let (_, said) = desk.command(Command::Start(spec.agent));
    let (_, BackendOperation::Launch(again)) = operation(&said) else { panic!("it is started") };
    assert_eq!(again.size, Size::clamped(200, 50));
    assert_eq!((again.program, again.args, again.env), (asked.program, asked.args, asked.env));
}

#[test]
fn what_the_caller_s_shell_gave_an_agent_it_gets_at_every_start_also_of_the_node() {
    let caller = vec![("PATH".to_string(), "/venv/bin".to_string())];
    let new = NewAgent { name: "a-b".into(), env: vec![("K".into(), "V".into())], ..NewAgent::default() };
    let mut desk = Desk::new();
    let agent = desk.create_with(Command::CreateFrom { new, caller: caller.clone() });
    desk.gone(agent);
    for mut desk in [Desk::with_store(desk.files.clone()), desk] {
        desk.available();
        desk.listed();
        let (_, said) = desk.command(Command::Start(agent));
        let (_, BackendOperation::Launch(spec)) = operation(&said) else { panic!("it is started") };
        assert_eq!((spec.caller, spec.env), (caller.clone(), vec![("K".into(), "V".into())]));
    }
}

#[test]
fn what_a_shell_may_hand_over_is_bounded() {
    let told = |caller| {
        let new = NewAgent { name: "a".into(), ..NewAgent::default() };
        refusal(&Desk::new().command(Command::CreateFrom { new, caller }).1)
    };
    let many = |count: usize, bytes: usize| (0..count).map(|at| (format!("V{at}"), "x".repeat(bytes))).collect();
    assert_eq!(told(many(limits::VARIABLES, 1)), None);
    assert_eq!(told(many(limits::VARIABLES + 1, 1)), Some("invalid"));
    assert_eq!(told(many(1, limits::TEXT_BYTES + 1)), Some("invalid"));
    assert_eq!(told(many(20, limits::CALLER_BYTES / 20)), Some("invalid"), "their names count, too");
    assert_eq!(told(vec![("A=B".into(), String::new())]), Some("invalid"));
}

#[test]
fn when_the_start_fails_nothing_is_left_of_the_agent() {
    let mut desk = Desk::new();
    let (_, said) = desk.command(new("a"));
    let said = desk.stored(change(&said));
    let said = desk.failed(operation(&said).0);
    assert_eq!(refusal(&said), None, "a crash now would bring the agent back");
    let change = change(&said);
    assert!(matches!(change.1, StoreOperation::Remove { .. }));
    let said = desk.stored(change);
    assert_eq!(refusal(&said), Some("test"));
    assert!(desk.files.is_empty());
    assert_eq!(desk.view().agents().count(), 0);
    let (_, said) = desk.command(new("a"));
    assert_eq!(refusal(&said), None, "the name is free again");
}

#[test]
fn on_a_full_disk_no_agent_is_started() {
    let mut desk = Desk::new();
    let (_, said) = desk.command(new("a"));
    let said = desk.disk_full(change(&said));
    assert_eq!(refusal(&said), Some("not-stored"));
    assert!(!said.iter().any(|output| matches!(output, Output::Backend(..))));
    assert_eq!(desk.view().agents().count(), 0);
}

#[test]
fn a_name_belongs_to_one_agent_also_while_commands_are_under_way() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    assert_eq!(refusal(&desk.command(new("a")).1), Some("name-taken"));
    desk.gone(agent);
    desk.command(rename(agent, "b"));
    assert_eq!(refusal(&desk.command(new("b")).1), Some("name-taken"), "it is being given away");
    desk.command(new("c"));
    assert_eq!(refusal(&desk.command(new("c")).1), Some("name-taken"), "it is being created");
}

#[test]
fn other_names_are_free_while_one_is_being_given() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.command(rename(agent, "b"));
    for (name, refused) in [("a", Some("name-taken")), ("b", Some("name-taken")), ("c", None)] {
        assert_eq!(refusal(&desk.command(new(name)).1), refused, "{name}");
    }
}

#[test]
fn an_agent_that_ends_while_it_is_created_is_told_to_be_gone_until_it_is_kept() {
    let mut desk = Desk::new();
    let (_, said) = desk.command(new("a"));
    let said = desk.stored(change(&said));
    let (launch, agent) = (operation(&said).0, launched(&said));
    desk.seen(session(agent, "a"));
    let said = desk.gone(agent);
    assert!(is_told(&said, &Event::AgentRemoved(at(agent))));
    let said = desk.done(launch);
    assert!(is_told(&said, &Event::AgentChanged(at(agent))), "it exists, and is not running");
}

#[test]
fn what_is_created_before_tmux_was_looked_for_waits_for_it() {
    let mut desk = Desk::with_store(Default::default());
    let (_, said) = desk.command(new("a"));
    assert_eq!(said, []);
    desk.available();
    let said = desk.listed();
    assert!(matches!(change(&said).1, StoreOperation::Put { .. }));
}

// Names.

#[test]
fn a_rename_goes_to_the_session_and_then_to_the_store() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, said) = desk.command(rename(agent, "b"));
    let (id, what) = operation(&said);
    assert_eq!(what, BackendOperation::Rename(agent, "b".into()));
    desk.seen(session(agent, "b"));
    let said = desk.done(id);
    let said = desk.stored(change(&said));
    assert_eq!(reply(&said), Some(Ok(Reply::Agent(at(agent)))));
    assert_eq!(desk.agent(agent).name, "b");
}

#[test]
fn the_stored_name_follows_a_session_that_others_rename() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let said = desk.seen(session(agent, "renamed"));
    desk.stored(change(&said));
    desk.gone(agent);
    assert_eq!(desk.agent(agent).name, "renamed");
}

#[test]
fn it_follows_also_when_a_command_was_under_way() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, said) = desk.command(notes(agent, "x", None));
    let put = change(&said);
    desk.seen(session(agent, "renamed"));
    let said = desk.stored(put);
    assert_eq!(reply(&said), Some(Ok(Reply::Notes { revision: 1 })));
    desk.stored(change(&said));
    desk.gone(agent);
    assert_eq!(desk.agent(agent).name, "renamed");
}

#[test]
fn a_name_is_not_changed_while_its_session_is_out_of_sight() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.unavailable();
    assert_eq!(refusal(&desk.command(rename(agent, "b")).1), Some("unavailable"));
}

#[test]
fn what_is_not_its_session_is_changed_also_while_that_is_out_of_sight() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.unavailable();
    let tags = Command::Edit { agent, name: Some("a".into()), tags: Some(vec!["urgent".into()]), autostart: None };
    let (_, said) = desk.command(tags);
    desk.stored(change(&said));
    assert_eq!(desk.agent(agent).tags, ["urgent"], "the name is the one that it has");
}

#[test]
fn a_session_that_has_come_back_in_sight_can_be_renamed() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.unavailable();
    desk.available();
    desk.seen(session(agent, "a"));
    let (_, said) = desk.command(rename(agent, "b"));
    assert_eq!(operation(&said).1, BackendOperation::Rename(agent, "b".into()));
}

#[test]
fn a_rename_that_could_not_be_stored_says_what_has_happened() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, said) = desk.command(rename(agent, "b"));
    let (id, _) = operation(&said);
    desk.seen(session(agent, "b"));
    let said = desk.done(id);
    let said = desk.disk_full(change(&said));
    let message = reply(&said).and_then(Result::err).expect("refused").message;
    assert!(message.starts_with("Its session was renamed, but"), "{message}");
}

// Notes.

#[test]
fn notes_have_revisions_and_a_stale_writer_is_refused() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, said) = desk.command(notes(agent, "first", Some(0)));
    let said = desk.stored(change(&said));
    assert_eq!(reply(&said), Some(Ok(Reply::Notes { revision: 1 })));
    assert_eq!(refusal(&desk.command(notes(agent, "stale", Some(0))).1), Some("notes-changed"));
    assert_eq!(desk.agent(agent).notes, "first");
    let (_, said) = desk.command(notes(agent, "whatever is there", None));
    desk.stored(change(&said));
    assert_eq!((desk.agent(agent).notes, desk.agent(agent).notes_revision), ("whatever is there", 2));
}

#[test]
fn notes_that_could_not_be_stored_are_not_shown() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, said) = desk.command(notes(agent, "lost", None));
    let said = desk.disk_full(change(&said));
    assert_eq!(refusal(&said), Some("not-stored"));
    assert_eq!((desk.agent(agent).notes, desk.agent(agent).notes_revision), ("", 0));
}

// Sessions that were found.

#[test]
fn a_found_session_is_shown_and_nothing_is_stored_of_it() {
    let mut desk = Desk::new();
    let said = desk.seen(session(FOUND, "theirs"));
    assert!(!stores(&said));
    assert!(!desk.agent(FOUND).managed);
    let said = desk.gone(FOUND);
    assert!(is_told(&said, &Event::AgentRemoved(at(FOUND))));
}

#[test]
fn editing_a_found_session_marks_it_and_then_keeps_it() {
    let mut desk = Desk::new();
    desk.seen(session(FOUND, "theirs"));
    let (_, said) = desk.command(notes(FOUND, "mine now", None));
    let (id, what) = operation(&said);
    assert_eq!(what, BackendOperation::Mark(FOUND));
    let said = desk.done(id);
    desk.stored(change(&said));
    assert!(desk.agent(FOUND).managed);
    desk.gone(FOUND);
    assert_eq!(desk.agent(FOUND).notes, "mine now", "it stays, with its notes");
}

#[test]
fn a_found_session_stays_one_when_something_is_kept_of_it() {
    let mut desk = Desk::new();
    desk.seen(session(FOUND, "theirs"));
    assert_eq!(desk.agent(FOUND).origin, Origin::Found);
    let (_, said) = desk.command(notes(FOUND, "mine now", None));
    let said = desk.done(operation(&said).0);
    desk.stored(change(&said));
    for command in [Command::Stop(FOUND), Command::Restart(FOUND)] {
        assert_eq!(refusal(&desk.command(command).1), Some("conflict"));
    }
    let autostart = Command::Edit { agent: FOUND, name: None, tags: None, autostart: Some(true) };
    assert_eq!(refusal(&desk.command(autostart).1), Some("conflict"));
    desk.gone(FOUND);
    assert_eq!(refusal(&desk.command(Command::Start(FOUND)).1), Some("conflict"));
    let again = Desk::with_store(desk.files.clone());
    let view = again.agent(FOUND);
    assert_eq!((view.origin, view.managed, view.notes), (Origin::Found, true, "mine now"));
    let agent = desk.create("a");
    assert_eq!(desk.agent(agent).origin, Origin::Created);
}

#[test]
fn a_found_session_can_be_tagged_and_renamed() {
    let mut desk = Desk::new();
    desk.seen(session(FOUND, "theirs"));
    let (_, said) =
        desk.command(Command::Edit { agent: FOUND, name: None, tags: Some(vec!["x".into()]), autostart: None });
    let said = desk.done(operation(&said).0);
    let said = desk.stored(change(&said));
    assert_eq!(reply(&said), Some(Ok(Reply::Agent(at(FOUND)))));
    let (_, said) = desk.command(rename(FOUND, "mine"));
    assert_eq!(operation(&said).1, BackendOperation::Rename(FOUND, "mine".into()));
}

#[test]
fn after_a_restart_of_the_node_it_is_known_who_ended_an_agent() {
    let mut desk = Desk::new();
    let (ended, stopped) = (desk.create("ended"), desk.create("stopped"));
    desk.gone(ended);
    let said = desk.wait(10_000);
    desk.stored(change(&said));
    stop(&mut desk, stopped);
    let mut again = restarted(&desk);
    again.listed();
    assert_eq!(again.agent(ended).state.why, "its session has ended");
    assert_eq!(again.agent(stopped).state.why, "stopped by you");
    let (_, said) = again.command(Command::Start(ended));
    again.seen(session(ended, "ended"));
    let said = again.done(operation(&said).0);
    again.stored(change(&said));
    stop(&mut again, ended);
    let mut again = restarted(&again);
    again.listed();
    assert_eq!(again.agent(ended).state.why, "stopped by you", "this time");
}

#[test]
fn what_a_person_stopped_is_not_taken_for_ended_by_itself_later() {
    let mut desk = Desk::new();
    let (stopped, unseen) = (desk.create("stopped"), desk.create("unseen"));
    stop(&mut desk, stopped);
    let (_, said) = desk.command(Command::Stop(unseen));
    desk.unavailable();
    desk.available();
    desk.listed();
    let said = desk.done(operation(&said).0);
    desk.stored(change(&said));
    assert!(!stores(&desk.wait(60_000)));
    let mut again = restarted(&desk);
    again.listed();
    for agent in [stopped, unseen] {
        assert_eq!(again.agent(agent).state.why, "stopped by you");
    }
}

#[test]
fn a_found_session_that_could_not_be_marked_stays_as_it_was() {
    let mut desk = Desk::new();
    desk.seen(session(FOUND, "theirs"));
    let (_, said) = desk.command(notes(FOUND, "mine now", None));
    let said = desk.failed(operation(&said).0);
    assert_eq!(refusal(&said), Some("test"));
    assert!(desk.files.is_empty() && !desk.agent(FOUND).managed && desk.agent(FOUND).notes.is_empty());
}

#[test]
fn a_found_session_is_not_stopped_because_it_could_not_be_started_again() {
    let mut desk = Desk::new();
    desk.seen(session(FOUND, "theirs"));
    assert_eq!(refusal(&desk.command(Command::Stop(FOUND)).1), Some("conflict"));
    assert_eq!(refusal(&desk.command(Command::Restart(FOUND)).1), Some("conflict"));
}

// Starting and stopping.

#[test]
fn stop_ends_the_session_and_keeps_the_agent() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, said) = desk.command(Command::Stop(agent));
    let (id, what) = operation(&said);
    assert_eq!(what, BackendOperation::Kill(agent));
    desk.gone(agent);
    let said = desk.done(id);
    let said = desk.stored(change(&said));
    assert_eq!(reply(&said), Some(Ok(Reply::Agent(at(agent)))));
    let view = desk.agent(agent);
    assert_eq!((view.running, view.desired, view.state.kind), (false, Desired::Stopped, StateKind::Exited));
    assert_eq!(view.state.source, Source::Process);
}

#[test]
fn what_does_not_run_cannot_be_stopped() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.gone(agent);
    assert_eq!(refusal(&desk.command(Command::Stop(agent)).1), Some("conflict"));
}

#[test]
fn delete_ends_the_session_and_forgets_the_agent() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, said) = desk.command(Command::Delete(agent));
    let (id, _) = operation(&said);
    desk.gone(agent);
    let said = desk.done(id);
    let said = desk.stored(change(&said));
    assert_eq!(reply(&said), Some(Ok(Reply::Deleted(at(agent)))));
    assert!(desk.view().own_agent(agent).is_none() && desk.files.is_empty());
}

#[test]
fn a_kill_that_failed_because_the_backend_was_lost_is_no_success() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, said) = desk.command(Command::Delete(agent));
    desk.unavailable();
    let said = desk.failed(operation(&said).0);
    assert_eq!(refusal(&said), Some("test"));
    assert!(desk.agent(agent).managed, "the session may still be there");
}

#[test]
fn an_agent_whose_backend_is_gone_for_good_can_be_forgotten() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.unavailable();
    let (_, said) = desk.command(Command::Delete(agent));
    let said = desk.stored(change(&said));
    assert_eq!(reply(&said), Some(Ok(Reply::Deleted(at(agent)))));
    assert!(desk.files.is_empty());
}

#[test]
fn what_is_asked_of_a_backend_and_of_the_store_at_the_same_time_is_told_apart() {
    let mut desk = Desk::new();
    let (first, second) = (desk.create("a"), desk.create("b"));
    let read = |agent| Command::ReadText { agent, pane: None, history_lines: 0 };
    let ((_, one), (_, two)) = (desk.command(read(first)), desk.command(read(second)));
    let text = |desk: &mut Desk, operation: OperationId, text: &str| {
        let text = ScreenText { size: Size::DEFAULT, cursor: (0, 0), text: text.into() };
        desk.tell(Input::Backend(BackendInput::Done(operation, Ok(OperationDone::Text(text)))))
    };
    let said = [text(&mut desk, operation(&two).0, "of b"), text(&mut desk, operation(&one).0, "of a")];
    let answers = said.map(|said| match reply(&said) {
        Some(Ok(Reply::Text(text))) => text.text,
        other => panic!("{other:?} is no text"),
    });
    assert_eq!(answers, ["of b", "of a"]);
    let ((_, one), (_, two)) = (desk.command(notes(first, "x", None)), desk.command(notes(second, "y", None)));
    assert_ne!(change(&one).0, change(&two).0);
}

#[test]
fn commands_on_one_agent_are_carried_out_one_after_the_other() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let (_, first) = desk.command(notes(agent, "one", None));
    let (_, second) = desk.command(notes(agent, "two", Some(1)));
    assert_eq!(second, [], "it waits");
    let said = desk.stored(change(&first));
    assert_eq!(reply(&said), Some(Ok(Reply::Notes { revision: 1 })));
    let said = desk.stored(change(&said));
    assert_eq!(reply(&said), Some(Ok(Reply::Notes { revision: 2 })), "it sees what the first one did");
}

#[test]
fn who_waits_for_an_agent_that_is_deleted_meanwhile_is_told() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.gone(agent);
    let (_, said) = desk.command(Command::Delete(agent));
    desk.command(notes(agent, "too late", None));
    let said = desk.stored(change(&said));
    let replies = said.iter().filter(|output| matches!(output, Output::Reply(..))).count();
    assert_eq!(replies, 2);
}

#[test]
fn whether_to_start_is_decided_only_when_the_backend_has_listed_what_runs() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.unavailable();
    assert_eq!(refusal(&desk.command(Command::Start(agent)).1), Some("unavailable"));
    desk.available();
    assert_eq!(refusal(&desk.command(Command::Start(agent)).1), Some("unavailable"), "it may run unseen");
    assert_eq!(refusal(&desk.command(Command::Delete(agent)).1), Some("unavailable"), "so it is not forgotten either");
    desk.seen(session(agent, "a"));
    desk.listed();
    assert_eq!(refusal(&desk.command(Command::Start(agent)).1), Some("conflict"), "it runs");
}

// Desired state.

fn restarted(desk: &Desk) -> Desk {
    let mut again = Desk::with_store(desk.files.clone());
    again.available();
    again
}

fn autostarted(name: &str) -> NewAgent {
    NewAgent { name: name.into(), autostart: true, ..NewAgent::default() }
}

#[test]
fn after_a_reboot_what_should_run_is_started_once() {
    let mut desk = Desk::new();
    let (wanted, other) = (desk.create_as(autostarted("wanted")), desk.create("other"));
    let mut again = restarted(&desk);
    let said = again.listed();
    assert_eq!(launched(&said), wanted);
    assert_eq!(again.agent(wanted).state.why, "it is being started");
    assert!(again.agent(other).state.why.contains("before the machine"), "the other says why it does not run");
    assert_eq!(again.listed(), [], "only once");
}

#[test]
fn what_survived_the_node_is_not_started_again() {
    let mut desk = Desk::new();
    let agent = desk.create_as(autostarted("a"));
    let mut again = restarted(&desk);
    again.seen(session(agent, "a"));
    assert_eq!(again.listed(), []);
    assert!(again.agent(agent).running);
}

#[test]
fn an_agent_that_is_edited_while_the_backend_is_looked_at_is_started_afterwards() {
    let mut desk = Desk::new();
    let agent = desk.create_as(autostarted("a"));
    let mut again = restarted(&desk);
    let (_, said) = again.command(notes(agent, "quick", None));
    again.listed();
    let said = again.stored(change(&said));
    assert_eq!(launched(&said), agent);
}

#[test]
fn an_agent_that_cannot_be_started_after_a_reboot_is_tried_once_and_says_why() {
    let mut desk = Desk::new();
    let agent = desk.create_as(autostarted("a"));
    let mut again = restarted(&desk);
    let said = again.listed();
    let said = again.failed(operation(&said).0);
    assert!(!said.iter().any(|output| matches!(output, Output::Backend(..))));
    assert_eq!(again.agent(agent).state.why, "it could not be started: It failed.");
}

#[test]
fn an_agent_that_shall_not_be_started_any_more_is_not_started_after_the_edit_that_says_so() {
    let mut desk = Desk::new();
    let agent = desk.create_as(autostarted("a"));
    let mut again = restarted(&desk);
    let (_, said) = again.command(Command::Edit { agent, name: None, tags: None, autostart: Some(false) });
    again.listed();
    let said = again.stored(change(&said));
    assert!(!said.iter().any(|output| matches!(output, Output::Backend(..))));
}

#[test]
fn an_agent_that_is_started_after_a_reboot_is_not_started_again_when_it_ends() {
    let mut desk = Desk::new();
    let agent = desk.create_as(autostarted("a"));
    desk.gone(agent);
    let (_, said) = desk.command(notes(agent, "why did it end?", None));
    let said = desk.stored(change(&said));
    assert!(!said.iter().any(|output| matches!(output, Output::Backend(..))));
}

#[test]
fn an_agent_that_ended_by_itself_is_wanted_stopped_after_ten_seconds() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.gone(agent);
    let almost = limits::ENDED_TIME.as_millis() - 1;
    assert!(!stores(&desk.wait(almost)), "the machine may be going down");
    let said = desk.wait(1);
    desk.stored(change(&said));
    assert_eq!(desk.agent(agent).desired, Desired::Stopped);
}

#[test]
fn edits_do_not_change_that() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.gone(agent);
    desk.wait(5_000);
    let (_, said) = desk.command(notes(agent, "why did it end?", None));
    let put = change(&said);
    desk.wait(10_000);
    let said = desk.stored(put);
    desk.stored(change(&said));
    let restored = Desk::with_store(desk.files.clone());
    let view = restored.agent(agent);
    assert_eq!((view.desired, view.notes), (Desired::Stopped, "why did it end?"));

    let other = desk.create("b");
    let (_, said) = desk.command(notes(other, "it works", None));
    desk.gone(other);
    desk.stored(change(&said));
    let said = desk.wait(10_000);
    desk.stored(change(&said));
    assert_eq!(desk.agent(other).desired, Desired::Stopped, "it ended during the edit");
}

#[test]
fn an_agent_out_of_sight_is_wanted_as_before_until_it_is_known_to_have_ended() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let said = desk.unavailable();
    assert!(is_told(&said, &Event::AgentChanged(at(agent))));
    assert!(!desk.agent(agent).running);
    assert_eq!(desk.agent(agent).state.why, "tmux cannot be reached");
    assert!(!stores(&desk.wait(60_000)));
    desk.available();
    desk.listed();
    let said = desk.wait(limits::ENDED_TIME.as_millis());
    desk.stored(change(&said));
    assert_eq!(desk.agent(agent).desired, Desired::Stopped);
}

#[test]
fn what_nobody_waits_for_is_stored_again_when_the_disk_was_full() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let said = desk.seen(session(agent, "renamed"));
    desk.disk_full(change(&said));
    assert!(!stores(&desk.wait(limits::STORE_AGAIN_TIME.as_millis() - 1)), "the disk gets time");
    let said = desk.wait(1);
    desk.stored(change(&said));
    assert_eq!(Desk::with_store(desk.files.clone()).agent(agent).name, "renamed");
}

#[test]
fn why_a_backend_cannot_be_used_is_said_in_whole_sentences() {
    let mut desk = Desk::new();
    let mut refused = |kind, why: &str| {
        desk.tell(Input::Backend(BackendInput::Unavailable(kind, why.into())));
        let new = NewAgent { name: "a".into(), backend: Some(kind), ..NewAgent::default() };
        let (_, said) = desk.command(Command::Create(new));
        let Some(Err(refusal)) = reply(&said) else { panic!("it is refused") };
        (refusal.message, refusal.hint)
    };
    let (message, hint) = refused(BackendKind::Tmux, "tmux is not installed. Install it.");
    assert_eq!(message, "tmux cannot be used: tmux is not installed. Install it.");
    assert!(hint.contains("the backend pty"), "{hint}");
    let (message, hint) = refused(BackendKind::Pty, "there are no PTYs");
    assert_eq!((&*message, &*hint), ("pty cannot be used: there are no PTYs.", ""));
}

#[test]
fn what_a_backend_says_of_itself_is_news_only_when_it_differs() {
    let mut desk = Desk::with_store(Default::default());
    let told = |input| is_told(&desk.tell(Input::Backend(input)), &Event::NodeChanged(NODE));
    let is = |detail: &str| BackendInput::Available(BackendKind::Tmux, detail.into());
    let is_not = |why: &str| BackendInput::Unavailable(BackendKind::Tmux, why.into());
    let said =
        [is("tmux 3.3a"), is("tmux 3.3a"), is("tmux 3.4"), is_not("tmux 3.4"), is_not("tmux 3.4"), is_not("why")];
    assert_eq!(said.map(told), [true, false, true, true, false, true]);
}

#[test]
fn work_that_ends_is_done_unless_somebody_watched_its_end() {
    let after_work = |watched: bool| {
        let mut desk = Desk::new();
        desk.seen(session(FOUND, "theirs"));
        let viewer = desk.connect(1);
        desk.attach(viewer, FOUND, None);
        if !watched {
            desk.viewer(viewer, ViewerInput::Detach(S));
        }
        desk.wait(10_000);
        for _ in 0..=limits::WORK_TIME.as_millis() / 1_000 {
            desk.prints(FOUND, b"compiling");
            desk.wait(1_000);
        }
        desk.wait(10_000);
        (desk, viewer)
    };
    let state = |desk: &Desk| desk.agent(FOUND).state.kind;
    assert_eq!(state(&after_work(true).0), StateKind::Idle);
    let (mut desk, viewer) = after_work(false);
    assert_eq!(state(&desk), StateKind::Done);
    let elsewhere = AgentAddress { node: NodeId([9; 32]), agent: FOUND };
    desk.viewer(viewer, ViewerInput::Seen(elsewhere));
    assert_eq!(state(&desk), StateKind::Done, "another agent was seen");
    desk.viewer(viewer, ViewerInput::Seen(at(FOUND)));
    assert_eq!(state(&desk), StateKind::Idle);
}

// Limits.

#[test]
fn what_is_said_of_an_agent_is_taken_up_to_its_limit_and_refused_beyond_it() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let mut told = |command| refusal(&desk.command(command).1);
    let tags = |tags: Vec<String>| Command::Edit { agent, name: None, tags: Some(tags), autostart: None };
    let paste = |bytes| Command::Paste { agent, pane: None, text: "x".repeat(bytes), submit: false, anyway: false };
    assert_eq!(told(paste(limits::PASTE_BYTES)), None);
    assert_eq!(told(paste(limits::PASTE_BYTES + 1)), Some("too-many"));
    assert_eq!(told(tags(vec!["x".into(); limits::TAGS + 1])), Some("too-many"));
    assert_eq!(told(tags(vec!["x".repeat(limits::TAG_CHARS + 1)])), Some("invalid"));
    assert_eq!(told(notes(agent, &"x".repeat(limits::NOTES_BYTES + 1), None)), Some("too-many"));
    let said = desk.command(tags(vec!["x".repeat(limits::TAG_CHARS); limits::TAGS])).1;
    let said = desk.stored(change(&said));
    assert!(matches!(reply(&said), Some(Ok(_))));
    let said = desk.command(notes(agent, &"x".repeat(limits::NOTES_BYTES), None)).1;
    let said = desk.stored(change(&said));
    assert!(matches!(reply(&said), Some(Ok(_))));
}

#[test]
fn what_a_new_agent_is_made_from_is_taken_up_to_its_limit_and_refused_beyond_it() {
    let told = |new| refusal(&Desk::new().command(Command::Create(NewAgent { name: "a".into(), ..new })).1);
    let text = |length| "x".repeat(length);
    let variables = |count| (0..count).map(|number| (format!("V{number}"), String::new())).collect();
    let none = NewAgent::default;
    for (beyond, refused) in [(0, None), (1, Some("invalid"))] {
        let bytes = limits::TEXT_BYTES + beyond;
        assert_eq!(refusal(&Desk::new().command(new(&"é".repeat(limits::NAME_CHARS + beyond))).1), refused);
        assert_eq!(told(NewAgent { notes: text(limits::NOTES_BYTES + beyond), ..none() }), refused);
        assert_eq!(told(NewAgent { directory: text(bytes), ..none() }), refused);
        assert_eq!(told(NewAgent { program: Some(text(bytes)), ..none() }), refused);
        assert_eq!(told(NewAgent { args: vec![text(bytes)], ..none() }), refused);
        assert_eq!(told(NewAgent { env: vec![(text(bytes), String::new())], ..none() }), refused);
        assert_eq!(told(NewAgent { env: vec![("V".into(), text(bytes))], ..none() }), refused);
        assert_eq!(told(NewAgent { args: vec![String::new(); limits::ARGUMENTS + beyond], ..none() }), refused);
        assert_eq!(told(NewAgent { env: variables(limits::VARIABLES + beyond), ..none() }), refused);
    }
}

#[test]
fn what_a_program_cannot_be_given_is_refused() {
    let told = |new| refusal(&Desk::new().command(Command::Create(new)).1);
    let variable =
        |name: &str| told(NewAgent { name: "a".into(), env: vec![(name.into(), "v".into())], ..NewAgent::default() });
    for name in ["PATH", "_", "x2", "_2"] {
        assert_eq!(variable(name), None, "{name}");
    }
    for name in ["", "2x", "A-B", "A B", "A=B", "É", "A\0"] {
        assert_eq!(variable(name), Some("invalid"), "{name}");
    }
    let zero = vec!["a\0b".into()];
    assert_eq!(told(NewAgent { name: "a".into(), args: zero, ..NewAgent::default() }), Some("invalid"));
    for program in ["", " "] {
        let program = Some(program.into());
        assert_eq!(told(NewAgent { name: "a".into(), program, ..NewAgent::default() }), Some("invalid"));
    }
}

#[test]
fn a_path_is_listed_up_to_its_limit() {
    let mut desk = Desk::new();
    let mut told = |bytes| desk.command(Command::ListDirectory("x".repeat(bytes))).1;
    assert!(matches!(told(limits::TEXT_BYTES)[..], [Output::ListDirectory(..)]));
    assert_eq!(refusal(&told(limits::TEXT_BYTES + 1)), Some("invalid"));
}

#[test]
fn a_node_carries_agents_up_to_its_limit_and_goes_on_with_those_that_it_has() {
    // As version 0.1 stored an agent that is stopped.
    let stored = |id| {
        let nothing = (0u8, 0u8, 0u8, 0u8, 0u8, 0u8);
        let bytes = postcard::to_allocvec(&(0u8, AgentId(id), format!("a{id}"), 0u8, "/", nothing, (1u8, 0u8, 1u8)));
        (format!("agent-{}", AgentId(id)), bytes.expect("encoding to memory"))
    };
    let mut desk = Desk::with_store((1..limits::AGENTS as u64).map(stored).collect());
    desk.available();
    desk.listed();
    let last = desk.create("last");
    assert_eq!(refusal(&desk.command(new("beyond")).1), Some("too-many"));
    let beyond = AgentId(limits::AGENTS as u64);
    assert_eq!(desk.seen(session(beyond, "beyond")), []);
    assert!(desk.view().own_agent(beyond).is_none());
    desk.seen(session(AgentId(1), "a1"));
    assert!(desk.agent(AgentId(1)).running);
    desk.gone(last);
    let (_, said) = desk.command(Command::Delete(last));
    desk.stored(change(&said));
    desk.seen(session(beyond, "beyond"));
    assert!(desk.agent(beyond).running, "there is room again");
}
