//! What agents do: from what their terminals print and show to what lists say of them.

mod desk;

use consort_core::command::AnswerWith;
use consort_core::command::NewAgent;
use consort_core::directory::signal::{Choice, Dialog, Question, Reading, Report};
use consort_core::directory::{Signal, Source, StateKind};
use consort_core::error::RefusalCode;
use consort_core::{
    AgentId, BackendOperation, Command, Event, Input, Observation, Output, Reply, Size, TerminalId, TerminalInput,
    TerminalOutput, ViewerInput, limits,
};
use desk::*;

const A: AgentId = AgentId(10);

/// A session that has been looked at for long enough: it is quiet, and its screen was read.
fn quiet() -> Desk {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    desk.wait(10_000);
    assert_eq!(state(&desk), (StateKind::Idle, Source::Output));
    desk
}

fn state(desk: &Desk) -> (StateKind, Source) {
    let agent = desk.agent(A);
    (agent.state.kind, agent.state.source)
}

/// Prints something every second for long enough to have worked.
fn work(desk: &mut Desk) {
    let ms = limits::WORK_TIME.as_millis();
    for _ in 0..=ms / 1_000 {
        desk.wait(1_000);
        desk.prints(A, b"x");
    }
    assert_eq!(state(desk), (StateKind::Working, Source::Output));
}

/// Terminals whose screens are to be read.
fn read_screens(said: &[Output]) -> Vec<TerminalId> {
    let read = |output: &Output| match output {
        Output::Terminal(id, TerminalOutput::ReadScreen) => Some(*id),
        _ => None,
    };
    said.iter().filter_map(read).collect()
}

fn is_told(said: &[Output]) -> bool {
    said.contains(&Output::Event(Event::AgentChanged(at(A))))
}

/// A screen with this question.
fn asks(text: &str) -> Signal {
    let choice = |key: &str| Choice { key: key.into(), label: key.to_uppercase() };
    let question = Question { text: text.into(), choices: vec![choice("y"), choice("n")], ..Question::default() };
    let dialog = Dialog { question, keys: vec![b"y\r".to_vec(), b"n\r".to_vec()] };
    Signal::Screen(Reading { digest: 1, dialog: Some(dialog), ..Reading::default() })
}

/// A screen without one.
fn asks_nothing() -> Signal {
    Signal::Screen(Reading { digest: 2, ..Reading::default() })
}

/// Another terminal of the same session.
fn split(mut session: Observation) -> Observation {
    let mut other = session.terminals[0].clone();
    (other.pane, other.active) = (PANE + 1, false);
    session.terminals.push(other);
    session
}

// Printing, typing, looking.

#[test]
fn what_somebody_types_and_its_echo_are_no_work_and_what_is_printed_later_is() {
    let mut desk = quiet();
    let viewer = desk.connect(1);
    desk.attach(viewer, A, None);
    desk.wait(10_000);
    desk.types(viewer, 1, b"l");
    desk.prints(A, b"l");
    assert_ne!(state(&desk).0, StateKind::Working);
    desk.wait(limits::ECHO_TIME.as_millis());
    desk.prints(A, b"a.txt");
    assert_eq!(state(&desk), (StateKind::Working, Source::Output));
}

#[test]
fn work_that_ends_while_nobody_looks_is_done_until_somebody_does() {
    let mut desk = quiet();
    work(&mut desk);
    desk.wait(10_000);
    assert_eq!(state(&desk), (StateKind::Done, Source::Output));
    let mut other = quiet();
    work(&mut other);
    other.wait(10_000);
    let viewer = desk.connect(1);
    let said = desk.attach(viewer, A, None);
    assert!(is_told(&said));
    assert_eq!(state(&desk).0, StateKind::Idle, "somebody opened its terminal");
    let viewer = other.connect(1);
    other.viewer(viewer, ViewerInput::Seen(at(A)));
    assert_eq!(state(&other).0, StateKind::Idle, "somebody saw its screen in a list");
}

#[test]
fn work_that_ends_while_somebody_looks_is_not_done_but_quiet() {
    let mut desk = quiet();
    let viewer = desk.connect(1);
    desk.attach(viewer, A, None);
    work(&mut desk);
    desk.wait(10_000);
    assert_eq!(state(&desk), (StateKind::Idle, Source::Output));
}

#[test]
fn a_program_that_draws_itself_anew_because_its_size_changed_does_not_work() {
    let mut desk = quiet();
    desk.terminal(A, TerminalInput::Resized(Size::clamped(200, 50)));
    desk.prints(A, b"\x1b[2Jall of it");
    assert_ne!(state(&desk).0, StateKind::Working, "somebody watches it");
    desk.wait(10_000);
    let mut other = session(A, "a");
    other.terminals[0].size = Size::clamped(90, 20);
    other.terminals[0].activity += 1;
    desk.seen(other.clone());
    assert_ne!(state(&desk).0, StateKind::Working, "nobody watches it");
    desk.wait(10_000);
    other.terminals[0].activity += 1;
    desk.seen(other);
    assert_eq!(state(&desk).0, StateKind::Working, "that was its own doing");
}

// The screen.

#[test]
fn a_terminal_that_printed_is_read_active_or_not() {
    let mut desk = quiet();
    let mut session = split(session(A, "a"));
    desk.seen(session.clone());
    desk.wait(10_000);
    session.terminals[1].activity += 1;
    desk.seen(session.clone());
    let said = desk.wait(limits::SETTLE_TIME.as_millis());
    let other = TerminalId { agent: A, pane: PANE + 1 };
    assert_eq!(read_screens(&said), [other]);
    let said = desk.tell(Input::Terminal(other, TerminalInput::Signal(asks("Overwrite a.txt? (y/n)"))));
    assert!(is_told(&said));
    assert_eq!(state(&desk), (StateKind::Waiting, Source::Screen));
    let agent = desk.agent(A);
    assert_eq!(agent.state.why, "“Overwrite a.txt? (y/n)”");
    assert_eq!(agent.state.asked.as_ref().map(|asked| asked.pane), Some(PANE + 1));
}

// Shells.

#[test]
fn a_session_in_which_only_shells_are_open_waits_for_commands() {
    let mut desk = Desk::new();
    let mut shells = split(session(A, "a"));
    shells.terminals.iter_mut().for_each(|info| info.shell = true);
    desk.seen(shells.clone());
    desk.wait(10_000);
    assert_eq!(state(&desk), (StateKind::Idle, Source::Process));
    assert_eq!(desk.agent(A).state.why, "the shell waits for a command");
    shells.terminals[1].shell = false;
    desk.seen(shells.clone());
    assert_eq!(state(&desk), (StateKind::Idle, Source::Output), "something runs beside the shell");
    shells.terminals.clear();
    desk.seen(shells);
    assert_eq!(state(&desk), (StateKind::Idle, Source::Output), "there is no shell");
}

#[test]
fn a_shell_that_was_given_a_script_waits_for_no_command_before_the_script_has_ended() {
    let why = |program: Option<&str>, args: &[&str], exit_code| {
        let mut desk = Desk::new();
        let args = args.iter().map(ToString::to_string).collect();
        let new = NewAgent { name: "a".into(), program: program.map(str::to_string), args, ..NewAgent::default() };
        let agent = desk.create_as(new);
        let mut session = session(agent, "a");
        session.terminals[0].shell = true;
        session.terminals[0].exit_code = exit_code;
        desk.seen(session);
        desk.wait(10_000);
        desk.agent(agent).state.why.clone()
    };
    assert_eq!(why(Some("bash"), &["deploy.sh"], None), "it is quiet");
    assert_eq!(why(Some("bash"), &["deploy.sh"], Some(2)), "exited (2); a shell is open in its place");
    assert_eq!(why(Some("bash"), &[], None), "the shell waits for a command");
    assert_eq!(why(None, &["-l"], None), "the shell waits for a command", "the user's own shell");
}

// What everybody is told.

#[test]
fn a_session_that_looks_as_before_is_no_news_and_every_difference_that_a_person_sees_is() {
    let mut desk = quiet();
    let mut seen = session(A, "a");
    assert!(!is_told(&desk.seen(seen.clone())));
    let changes: [fn(&mut Observation); 8] = [
        |seen| seen.name = "b".into(),
        |seen| seen.directory = "/tmp".into(),
        |seen| seen.shown_elsewhere = true,
        |seen| seen.terminals[0].title = "Fixing the build".into(),
        |seen| seen.terminals[0].command = "cargo".into(),
        |seen| seen.terminals[0].size = Size::clamped(90, 20),
        |seen| *seen = split(seen.clone()),
        |seen| drop(seen.terminals.pop()),
    ];
    for (number, change) in changes.iter().enumerate() {
        change(&mut seen);
        assert!(is_told(&desk.seen(seen.clone())), "change {number}");
        assert!(!is_told(&desk.seen(seen.clone())), "change {number} once more");
        desk.wait(10_000);
    }
}

#[test]
fn what_a_working_agent_prints_and_its_bell_are_no_news() {
    let mut desk = quiet();
    let mut seen = session(A, "a");
    seen.terminals[0].activity += 1;
    assert!(is_told(&desk.seen(seen.clone())), "it begins to work");
    seen.terminals[0].activity += 1;
    seen.terminals[0].bell = true;
    assert!(!is_told(&desk.seen(seen.clone())));
    assert!(!is_told(&desk.seen(seen.clone())), "it still rings");
    desk.prints(A, b"x");
    assert!(!is_told(&desk.prints(A, b"x")));
}

#[test]
fn titles_are_shown_without_control_characters_and_as_far_as_their_limit() {
    let mut desk = Desk::new();
    let mut seen = session(A, "a");
    seen.terminals[0].title = "a\u{1b}[31m\nb\u{7}".into();
    seen.terminals[0].command = "é".repeat(limits::TITLE_CHARS + 1);
    seen.terminals[0].window = "é".repeat(limits::TITLE_CHARS);
    desk.seen(seen);
    let shown = &desk.agent(A).terminals[0];
    assert_eq!(shown.title, "a[31mb");
    assert_eq!((&shown.command, &shown.window), (&shown.window, &"é".repeat(limits::TITLE_CHARS)));
}

// Questions and answers.

/// An agent that asks, with the id of its question.
fn asking(text: &str) -> (Desk, u64) {
    let mut desk = quiet();
    desk.terminal(A, TerminalInput::Signal(asks(text)));
    let id = desk.agent(A).state.asked.as_ref().expect("a question").id;
    (desk, id)
}

fn answer(question: u64, choice: &str) -> Command {
    Command::Answer { agent: A, question, with: AnswerWith::Choice(choice.into()) }
}

/// Keys that a backend is to type.
fn keys(said: &[Output]) -> Vec<Vec<u8>> {
    let typed = |output: &Output| match output {
        Output::Backend(_, BackendOperation::Type { bytes, .. }) => Some(bytes.clone()),
        _ => None,
    };
    said.iter().filter_map(typed).collect()
}

fn refusals(said: &[Output]) -> Vec<(RefusalCode, String)> {
    let refused = |output: &Output| match output {
        Output::Reply(_, Err(refusal)) => Some((refusal.code.clone(), refusal.message.clone())),
        _ => None,
    };
    said.iter().filter_map(refused).collect()
}

#[test]
fn an_answer_is_typed_when_its_question_is_seen_again() {
    let (mut desk, id) = asking("Overwrite a.txt?");
    let (_, said) = desk.command(answer(id, "n"));
    assert_eq!(read_screens(&said).len(), 1);
    assert!(keys(&said).is_empty(), "not before the screen was read");
    let said = desk.terminal(A, TerminalInput::Signal(asks("Overwrite a.txt?")));
    assert_eq!(keys(&said), [b"n\r"]);
}

/// A screen whose question is also answered in words, in a place that `keys` open.
fn asks_for_words(text: &str, keys: &[u8]) -> Signal {
    let choices = vec![Choice { key: "1".into(), label: "Blue".into() }];
    let question = Question { text: text.into(), choices, free_text: true, ..Question::default() };
    let opened = Some(keys.to_vec()).filter(|keys| !keys.is_empty());
    let dialog = Dialog { question, keys: [b"1".to_vec()].into_iter().chain(opened).collect() };
    Signal::Screen(Reading { digest: keys.len() as u64, dialog: Some(dialog), ..Reading::default() })
}

/// The backend has done what it was asked for last.
fn finish(desk: &mut Desk, said: &[Output]) -> Vec<Output> {
    let operation = |output: &Output| match output {
        Output::Backend(id, _) => Some(*id),
        _ => None,
    };
    desk.done(said.iter().rev().find_map(operation).expect("an operation"))
}

#[test]
fn an_answer_in_words_is_written_once_its_place_is_open() {
    let mut desk = quiet();
    desk.terminal(A, TerminalInput::Signal(asks_for_words("Which colour?", b"4")));
    let id = desk.agent(A).state.asked.as_ref().expect("a question").id;
    let words = || Command::Answer { agent: A, question: id, with: AnswerWith::Text("purple".into()) };
    let pasted = |said: &[Output]| {
        said.iter()
            .filter(|output| matches!(output, Output::Backend(_, BackendOperation::Paste { submit: true, .. })))
            .count()
    };
    let see =
        |desk: &mut Desk, text: &str, keys: &[u8]| desk.terminal(A, TerminalInput::Signal(asks_for_words(text, keys)));
    desk.command(words());
    let said = see(&mut desk, "Which colour?", b"4");
    assert_eq!((keys(&said), pasted(&said)), (vec![b"4".to_vec()], 0));
    let said = finish(&mut desk, &said);
    assert_eq!(read_screens(&said).len(), 1);
    assert_eq!(pasted(&see(&mut desk, "Which colour?", b"4")), 0, "it is not open yet");
    let (_, said) = desk.command(answer(id, "1"));
    assert!(keys(&said).is_empty());
    let said = see(&mut desk, "Which colour?", b"");
    assert_eq!(pasted(&said), 1);
    assert!(keys(&said).is_empty() && refusals(&said)[0].1.contains("just answered"), "the other answer");
    assert!(finish(&mut desk, &said).iter().any(|output| matches!(output, Output::Reply(_, Ok(Reply::Answered)))));
}

#[test]
fn an_answer_in_words_is_not_written_into_another_question_or_nowhere() {
    for changed in [true, false] {
        let mut desk = quiet();
        desk.terminal(A, TerminalInput::Signal(asks_for_words("Which colour?", b"4")));
        let id = desk.agent(A).state.asked.as_ref().expect("a question").id;
        desk.command(Command::Answer { agent: A, question: id, with: AnswerWith::Text("purple".into()) });
        let said = desk.terminal(A, TerminalInput::Signal(asks_for_words("Which colour?", b"4")));
        finish(&mut desk, &said);
        let said = if changed {
            desk.terminal(A, TerminalInput::Signal(asks_for_words("Delete everything?", b"")))
        } else {
            desk.wait(limits::OPEN_TIME.as_millis())
        };
        assert!(!said.iter().any(|output| matches!(output, Output::Backend(_, BackendOperation::Paste { .. }))));
        let code = if changed { RefusalCode::QuestionChanged } else { RefusalCode::Unavailable };
        assert_eq!(refusals(&said)[0].0, code);
    }
}

#[test]
fn an_answer_to_another_question_is_refused_and_names_the_new_one() {
    let (mut desk, id) = asking("Overwrite a.txt?");
    desk.command(answer(id, "y"));
    let said = desk.terminal(A, TerminalInput::Signal(asks("Delete everything?")));
    assert!(keys(&said).is_empty());
    let (code, message) = &refusals(&said)[0];
    assert_eq!(*code, RefusalCode::QuestionChanged);
    assert!(message.contains("Delete everything?"), "{message}");
    let (_, said) = desk.command(answer(id, "y"));
    assert_eq!(refusals(&said)[0].0, RefusalCode::QuestionChanged, "known at once");
}

#[test]
fn an_answer_to_no_question_types_nothing() {
    let (mut desk, id) = asking("Overwrite a.txt?");
    desk.command(answer(id, "y"));
    let said = desk.terminal(A, TerminalInput::Signal(asks_nothing()));
    assert!(keys(&said).is_empty());
    assert_eq!(refusals(&said)[0].0, RefusalCode::QuestionChanged);
}

#[test]
fn of_two_answers_at_once_one_is_typed() {
    let (mut desk, id) = asking("Overwrite a.txt?");
    desk.command(answer(id, "y"));
    desk.command(answer(id, "n"));
    let said = desk.terminal(A, TerminalInput::Signal(asks("Overwrite a.txt?")));
    assert_eq!(keys(&said), [b"y\r"]);
    assert!(refusals(&said)[0].1.contains("just answered"));
}

#[test]
fn a_choice_that_is_not_offered_is_refused_with_those_that_are() {
    let (mut desk, id) = asking("Overwrite a.txt?");
    desk.command(answer(id, "3"));
    let said = desk.terminal(A, TerminalInput::Signal(asks("Overwrite a.txt?")));
    assert!(keys(&said).is_empty());
    assert!(refusals(&said)[0].1.contains("y (Y), n (N)"), "{:?}", refusals(&said));
}

#[test]
fn a_screen_that_cannot_be_read_lets_nothing_be_typed() {
    let (mut desk, id) = asking("Overwrite a.txt?");
    desk.command(answer(id, "y"));
    let said = desk.wait(limits::READ_TIME.as_millis());
    assert_eq!(refusals(&said)[0].0, RefusalCode::Unavailable);
    let said = desk.terminal(A, TerminalInput::Signal(asks("Overwrite a.txt?")));
    assert!(keys(&said).is_empty(), "it is too late");
}

#[test]
fn a_text_for_an_agent_that_asks_is_refused_unless_it_is_meant() {
    let (mut desk, _) = asking("Overwrite a.txt?");
    let paste = |anyway| Command::Paste { agent: A, pane: None, text: "fix it".into(), submit: true, anyway };
    let pasted = |said: &[Output]| {
        said.iter().any(|output| matches!(output, Output::Backend(_, BackendOperation::Paste { .. })))
    };
    desk.command(paste(false));
    let said = desk.terminal(A, TerminalInput::Signal(asks("Overwrite a.txt?")));
    assert!(!pasted(&said));
    assert_eq!(refusals(&said)[0].0, RefusalCode::AgentAsks);
    assert!(refusals(&said)[0].1.contains("Overwrite a.txt?"));
    let (_, said) = desk.command(paste(true));
    assert!(pasted(&said));
    desk.wait(10_000);
    desk.command(paste(false));
    let said = desk.terminal(A, TerminalInput::Signal(asks_nothing()));
    assert!(pasted(&said), "it asks nothing any more");
}

/// A session that was only just seen.
fn fresh() -> Desk {
    let mut desk = Desk::new();
    desk.seen(session(A, "a"));
    desk
}

/// A known program that rests by its words; `digest` stands for what its screen shows.
fn rests(digest: u64) -> Signal {
    let says = Some(Report { kind: StateKind::Idle, why: "> ".to_string() });
    Signal::Screen(Reading { rules: "claude".to_string(), digest, says, ..Reading::default() })
}

/// A known program whose screen says nothing yet.
fn starts(digest: u64) -> Signal {
    Signal::Screen(Reading { rules: "claude".to_string(), digest, ..Reading::default() })
}

fn pastes(said: &[Output]) -> usize {
    said.iter().filter(|output| matches!(output, Output::Backend(_, BackendOperation::Paste { .. }))).count()
}

#[test]
fn a_text_for_a_program_that_starts_waits_until_it_rests_and_is_typed_once() {
    let mut desk = fresh();
    desk.command(Command::Paste { agent: A, pane: None, text: "fix it".into(), submit: true, anyway: false });
    for digest in [1, 2, 2, 3] {
        assert_eq!(
            pastes(&desk.terminal(A, TerminalInput::Signal(starts(digest)))),
            0,
            "nothing says that it is ready"
        );
        let said = desk.wait(2_000);
        assert!(pastes(&said) == 0 && refusals(&said).is_empty());
        assert!(
            said.iter().any(|output| matches!(output, Output::Terminal(_, TerminalOutput::ReadScreen))),
            "it is read again"
        );
    }
    for what in ["it may still be drawing", "also a moment later"] {
        assert_eq!(pastes(&desk.terminal(A, TerminalInput::Signal(rests(4)))), 0, "{what}");
    }
    desk.wait(1_000);
    assert_eq!(pastes(&desk.terminal(A, TerminalInput::Signal(rests(4)))), 1);
    assert_eq!(pastes(&desk.terminal(A, TerminalInput::Signal(rests(4)))), 0);
    desk.command(Command::Paste { agent: A, pane: None, text: "and that".into(), submit: true, anyway: false });
    assert_eq!(pastes(&desk.terminal(A, TerminalInput::Signal(rests(5)))), 1, "it is ready from then on");
}

#[test]
fn a_program_that_never_shows_that_it_is_ready_is_written_to_only_after_a_while() {
    let mut desk = fresh();
    let paste = || Command::Paste { agent: A, pane: None, text: "fix it".into(), submit: true, anyway: false };
    desk.command(paste());
    desk.terminal(A, TerminalInput::Signal(starts(1)));
    let said = desk.wait(limits::START_TIME.as_millis());
    assert_eq!(refusals(&said)[0].0, RefusalCode::Unavailable);
    assert!(refusals(&said)[0].1.contains("nothing was typed"), "{:?}", refusals(&said));
    desk.command(paste());
    assert_eq!(pastes(&desk.terminal(A, TerminalInput::Signal(starts(2)))), 1, "its rules may be of another version");
}

#[test]
fn a_program_that_nobody_knows_is_written_to_at_once() {
    let mut desk = fresh();
    desk.command(Command::Paste { agent: A, pane: None, text: "fix it".into(), submit: true, anyway: false });
    assert_eq!(pastes(&desk.terminal(A, TerminalInput::Signal(asks_nothing()))), 1);
}

#[test]
fn a_question_at_the_start_is_told_to_who_sends_a_text() {
    let mut desk = fresh();
    desk.command(Command::Paste { agent: A, pane: None, text: "fix it".into(), submit: true, anyway: false });
    let said = desk.terminal(A, TerminalInput::Signal(asks("Do you trust this folder?")));
    assert_eq!((pastes(&said), refusals(&said)[0].0.clone()), (0, RefusalCode::AgentAsks));
}
