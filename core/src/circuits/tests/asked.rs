//! Commands: how many wait, whose answer is whose, how long they may be, and what is kept of them.

use super::super::commands::{Answers, Then};
use super::*;
use crate::input::ScreenText;

fn kept(world: &World) -> usize {
    world.b.circuits.owners.get(&A).map_or(0, |owner| owner.answers.len())
}

fn paste(len: usize) -> Command {
    Command::Paste { agent: AGENT.agent, pane: None, text: "x".repeat(len), submit: false, anyway: false }
}

fn read(len: usize) -> Answer {
    let text = ScreenText { size: Size::DEFAULT, cursor: (0, 0), text: "x".repeat(len) };
    Answer { result: Ok(Reply::Text(text)), fact: None }
}

#[test]
fn as_many_commands_as_may_wait_get_an_answer_each_and_one_more_is_refused_at_once() {
    let mut world = World::new();
    for number in 0..limits::REMOTE_COMMANDS as u64 {
        world.command(Command::Stop(AgentId(number)));
    }
    assert!(world.replies.is_empty());
    world.command(Command::Stop(AGENT.agent));
    let refused = world.replies.pop().and_then(Result::err).expect("one too many");
    assert_eq!(refused.code, RefusalCode::TooMany);
    world.deliver_all();
    assert_eq!(world.carried_out.len(), limits::REMOTE_COMMANDS);
    // The last one is done first.
    while let Some((id, command)) = world.carried_out.pop() {
        let Command::Stop(AgentId(number)) = command else { panic!("{command:?}") };
        world.b.circuits.answer(id, Ok(Reply::Notes { revision: number }), None);
        world.settle();
        world.deliver_all();
        assert_eq!(world.replied.pop(), Some(CommandId(number + 1)));
        assert_eq!(world.replies.pop(), Some(Ok(Reply::Notes { revision: number })));
    }
    world.command(Command::Stop(AGENT.agent));
    world.deliver_all();
    assert_eq!(world.carried_out.len(), 1, "there is a place again");
}

#[test]
fn an_answer_is_kept_until_the_opener_has_it_and_commands_never_run_out() {
    let mut world = World::new();
    for number in 1..=2 * limits::REMOTE_COMMANDS {
        world.command(Command::Stop(AGENT.agent));
        world.deliver_all();
        world.carry_out(Ok(Reply::Agent(AGENT)));
        assert_eq!(kept(&world), 1, "the ones before are settled");
        world.deliver_all();
        assert_eq!(world.replies.len(), number);
    }
}

#[test]
fn the_answer_to_what_only_reads_is_not_kept_when_it_is_sent() {
    let mut world = World::new();
    world.command(Command::ReadNotes(AGENT.agent));
    world.deliver_all();
    assert_eq!(kept(&world), 1);
    let notes = Reply::NotesText { notes: "hello".into(), revision: 1 };
    world.carry_out(Ok(notes.clone()));
    assert_eq!(kept(&world), 0);
    world.deliver_all();
    assert_eq!(world.replies, [Ok(notes)]);
}

#[test]
fn what_the_opener_has_settled_is_not_carried_out_when_it_is_asked_again() {
    let mut answers = Answers::default();
    let stop = wire::encode(&Command::Stop(AGENT.agent));
    answers.settle(5);
    assert!(matches!(answers.take(4, &stop, Rights::Operate), Then::Nothing));
    assert!(matches!(answers.take(5, &stop, Rights::Operate), Then::CarryOut(_)));
}

#[test]
fn the_longest_command_travels_and_a_longer_one_is_refused() {
    let mut world = World::new();
    let envelope = wire::encode(&paste(limits::PASTE_BYTES)).len() - limits::PASTE_BYTES;
    let longest = limits::REMOTE_COMMAND_BYTES - envelope;
    world.command(paste(longest + 1));
    let refused = world.replies.pop().and_then(Result::err).expect("too long");
    assert_eq!(refused.code, RefusalCode::TooMany);
    world.command(paste(longest));
    world.deliver_all();
    assert!(matches!(&world.carried_out[..], [(_, command)] if *command == paste(longest)));
}

#[test]
fn the_longest_answer_travels_and_instead_of_a_longer_one_comes_a_refusal() {
    let envelope = wire::encode(&read(limits::PASTE_BYTES)).len() - limits::PASTE_BYTES;
    let longest = limits::REMOTE_ANSWER_BYTES - envelope;
    let mut answers = Answers::default();
    answers.done(1, read(longest));
    assert_eq!(answers.get(1).map(<[u8]>::len), Some(limits::REMOTE_ANSWER_BYTES));
    answers.done(2, read(longest + 1));
    let Ok(Answer { result: Err(refused), .. }) = wire::decode(answers.get(2).expect("an answer")) else {
        panic!("a refusal")
    };
    assert_eq!(refused.code, RefusalCode::TooMany);
}

#[test]
fn an_answer_does_not_wait_until_a_terminal_has_nothing_more_to_show() {
    let mut world = World::watching();
    world.command(Command::Stop(AGENT.agent));
    world.deliver_all();
    world.b.road.room = 1;
    for _ in 0..6 {
        world.prints(&text(limits::FRAME_BYTES, world.printed.len()));
    }
    world.carry_out(Ok(Reply::Agent(AGENT)));
    for _ in 0..3 {
        world.deliver(false);
    }
    assert_eq!(world.replies, [Ok(Reply::Agent(AGENT))]);
    assert!(world.page.screen.len() < world.printed.len(), "there was more to show");
}
