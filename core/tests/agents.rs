//! What people ask of agents, and what becomes of agents by themselves.

mod desk;

use consort_core::command::NewAgent;
use consort_core::directory::{BackendKind, Desired, Origin, Source, StateKind};
use consort_core::output::{BackendOperation, StoreOperation};
use consort_core::{
    AgentAddress, AgentId, BackendInput, Command, Event, Input, NodeId, Output, Reply, Size, TerminalId, TerminalInput,
    ViewerInput, limits,
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
    assert!(!said.iter().any(|output| matches!(output, Output::Store(..))));
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
fn after_a_restart_of_the_node_it_is_known_who_ended_an_agent() {
    let mut desk = Desk::new();
    let (ended, stopped) = (desk.create("ended"), desk.create("stopped"));
    desk.gone(ended);
    let said = desk.wait(10_000);
    desk.stored(change(&said));
    let (_, said) = desk.command(Command::Stop(stopped));
    desk.gone(stopped);
    let said = desk.done(operation(&said).0);
    desk.stored(change(&said));
    let mut again = restarted(&desk);
    again.listed();
    assert_eq!(again.agent(ended).state.why, "its session has ended");
    assert_eq!(again.agent(stopped).state.why, "stopped by you");
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
fn an_agent_that_ended_by_itself_is_wanted_stopped_after_ten_seconds() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    desk.gone(agent);
    let almost = limits::ENDED_TIME.as_millis() - 1;
    assert!(
        !desk.wait(almost).iter().any(|output| matches!(output, Output::Store(..))),
        "the machine may be going down"
    );
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
}

#[test]
fn an_agent_out_of_sight_is_wanted_as_before_until_it_is_known_to_have_ended() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let said = desk.unavailable();
    assert!(is_told(&said, &Event::AgentChanged(at(agent))));
    assert!(!desk.agent(agent).running);
    assert_eq!(desk.agent(agent).state.why, "tmux cannot be reached");
    assert!(!desk.wait(60_000).iter().any(|output| matches!(output, Output::Store(..))));
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
    let said = desk.wait(limits::STORE_AGAIN_TIME.as_millis());
    desk.stored(change(&said));
    assert_eq!(Desk::with_store(desk.files.clone()).agent(agent).name, "renamed");
}

#[test]
fn why_a_backend_cannot_be_used_is_said_in_whole_sentences() {
    let mut desk = Desk::new();
    let why = "tmux is not installed. Install it.".into();
    desk.tell(Input::Backend(BackendInput::Unavailable(BackendKind::Tmux, why)));
    let new = NewAgent { name: "a".into(), backend: Some(BackendKind::Tmux), ..NewAgent::default() };
    let (_, said) = desk.command(Command::Create(new));
    let Some(Err(refusal)) = reply(&said) else { panic!("it is refused") };
    assert_eq!(refusal.message, "tmux cannot be used: tmux is not installed. Install it.");
}

// What an agent does.

#[test]
fn a_program_that_draws_itself_anew_because_its_size_changed_does_not_work() {
    let mut desk = Desk::new();
    desk.seen(session(FOUND, "theirs"));
    desk.wait(10_000);
    desk.terminal(FOUND, TerminalInput::Resized(Size::clamped(200, 50)));
    desk.prints(FOUND, b"\x1b[2Jall of it");
    assert_ne!(desk.agent(FOUND).state.kind, StateKind::Working, "somebody watches it");
    desk.wait(10_000);
    let mut other = session(FOUND, "theirs");
    other.terminals[0].size = Size::clamped(90, 20);
    other.terminals[0].activity += 1;
    desk.seen(other.clone());
    assert_ne!(desk.agent(FOUND).state.kind, StateKind::Working, "nobody watches it");
    desk.wait(10_000);
    other.terminals[0].activity += 1;
    desk.seen(other);
    assert_eq!(desk.agent(FOUND).state.kind, StateKind::Working, "that was its own doing");
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

// What is known of a terminal.

#[test]
fn the_size_of_a_terminal_is_the_last_one_that_its_backend_told() {
    let mut desk = Desk::new();
    let terminal = TerminalId { agent: FOUND, pane: PANE };
    let mut seen = session(FOUND, "theirs");
    assert_eq!(desk.view().size(terminal), None);
    seen.terminals[0].size = Size::clamped(90, 20);
    desk.seen(seen);
    assert_eq!(desk.view().size(terminal), Some(Size::clamped(90, 20)));
    assert_eq!(desk.view().size(TerminalId { agent: FOUND, pane: PANE + 1 }), None);
    desk.gone(FOUND);
    assert_eq!(desk.view().size(terminal), None);
}

// Limits.

#[test]
fn what_is_said_of_an_agent_is_taken_up_to_its_limit_and_refused_beyond_it() {
    let mut desk = Desk::new();
    let agent = desk.create("a");
    let mut told = |command| refusal(&desk.command(command).1);
    let tags = |tags: Vec<String>| Command::Edit { agent, name: None, tags: Some(tags), autostart: None };
    let paste = |bytes| Command::Paste { agent, pane: None, text: "x".repeat(bytes), submit: false };
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
