//! The rules of states, one fact each.

use super::super::signal::{Choice, Dialog, HookReport, HookState, Question, Reading, Report, Subagent};
use super::*;
use alloc::vec;
use proptest::prelude::*;

const QUIET: Sight<'_> =
    Sight { pane: 1, active: true, activity: 1, bell: false, shell: false, exit_code: None, title: "" };

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

fn kind(signals: &mut Signals, now: Instant) -> (StateKind, Source) {
    signals.decide(now);
    (signals.state().kind, signals.state().source)
}

fn observe(signals: &mut Signals, now: Instant, sight: Sight<'_>) {
    signals.observed(now, [sight].into_iter());
}

fn running() -> Signals {
    let mut signals = Signals::new(at(0));
    observe(&mut signals, at(0), QUIET);
    signals
}

fn report(kind: StateKind) -> Report {
    Report { kind, why: "its words".into() }
}

fn hook(signals: &mut Signals, now: Instant, kind: StateKind) {
    signals.signal(now, 1, does(HookState::Now(report(kind)), None));
}

fn does(does: HookState, subagent: Option<Subagent>) -> Signal {
    Signal::Hook(HookReport { does, subagent, session: None })
}

fn title(signals: &mut Signals, now: Instant, kind: Option<StateKind>) {
    let text = alloc::format!("{}", now.as_millis());
    observe(signals, now, Sight { title: &text, ..QUIET });
    signals.signal(now, 1, Signal::Title(kind.map(report)));
}

/// A screen with this question; empty: one without.
fn screen(text: &str) -> Signal {
    let choices = vec![Choice { key: "1".into(), label: "Yes".into() }, Choice { key: "2".into(), label: "No".into() }];
    let question = Question { text: text.into(), choices, ..Question::default() };
    let dialog = Dialog { question, keys: vec![b"1".to_vec(), b"2".to_vec()] };
    let digest = text.bytes().fold(1, |digest: u64, byte| digest.wrapping_mul(31) + u64::from(byte));
    Signal::Screen(Reading { digest, dialog: (!text.is_empty()).then_some(dialog), ..Reading::default() })
}

fn says(kind: StateKind, digest: u64) -> Signal {
    Signal::Screen(Reading { digest, says: Some(report(kind)), ..Reading::default() })
}

fn read(signals: &mut Signals, now: Instant, signal: Signal) {
    signals.settle(now);
    signals.signal(now, 1, signal);
}

// Questions.

#[test]
fn a_guessed_question_counts_when_the_next_look_finds_it_too() {
    let mut signals = running();
    let guess = |text: &str| match screen(text) {
        Signal::Screen(reading) => Signal::Screen(Reading { guessed: true, ..reading }),
        other => other,
    };
    signals.printed(at(10_000), 1);
    read(&mut signals, at(11_100), guess("Proceed? (y/n)"));
    assert_ne!(kind(&mut signals, at(11_100)).0, StateKind::Waiting);
    assert_eq!(signals.deadline(), Some(at(11_100) + limits::GUESS_TIME));
    let again = at(11_100) + limits::GUESS_TIME;
    assert_eq!(signals.settle(again), [1]);
    signals.signal(again, 1, guess("Proceed? (y/n)"));
    assert_eq!(kind(&mut signals, again), (StateKind::Waiting, Source::Screen));
    // It stays one, whatever is drawn beside it.
    signals.printed(at(13_000), 1);
    read(&mut signals, at(14_200), guess("Proceed? (y/n)"));
    assert_eq!(kind(&mut signals, at(14_200)), (StateKind::Waiting, Source::Screen));
}

#[test]
fn a_question_of_a_program_that_is_noticed_late_is_asked_once() {
    let mut signals = Signals::new(at(0));
    observe(&mut signals, at(0), Sight { shell: true, ..QUIET });
    read(&mut signals, at(500), screen("Proceed? (y/n)"));
    let asked = |signals: &Signals| signals.state().asked.as_ref().map(|asked| asked.id);
    signals.decide(at(500));
    let first = asked(&signals).expect("a question");
    observe(&mut signals, at(1_000), QUIET);
    assert_eq!(kind(&mut signals, at(1_000)).0, StateKind::Waiting);
    assert_eq!(signals.settle(at(2_500)), [1], "it is looked at again");
    signals.signal(at(2_500), 1, screen("Proceed? (y/n)"));
    assert_eq!((kind(&mut signals, at(2_500)).0, asked(&signals)), (StateKind::Waiting, Some(first)));
    // What is not on the screen any more is over.
    observe(&mut signals, at(4_000), Sight { shell: true, activity: 2, ..QUIET });
    read(&mut signals, at(5_500), screen(""));
    assert_ne!(kind(&mut signals, at(5_500)).0, StateKind::Waiting);
}

#[test]
fn lines_that_look_like_questions_and_pass_by_are_none() {
    let mut signals = running();
    for second in 10..40 {
        signals.printed(at(second * 1_000), 1);
        let text = alloc::format!("test {second} says: proceed? (y/n)");
        let Signal::Screen(reading) = screen(&text) else { unreachable!("a screen") };
        read(&mut signals, at(second * 1_000 + 500), Signal::Screen(Reading { guessed: true, ..reading }));
        assert_ne!(kind(&mut signals, at(second * 1_000 + 500)).0, StateKind::Waiting);
    }
}

// Output.

#[test]
fn an_agent_that_prints_works_and_then_is_idle() {
    let mut signals = running();
    signals.printed(at(1_000), 1);
    assert_eq!(kind(&mut signals, at(1_000)), (StateKind::Working, Source::Output));
    read(&mut signals, at(2_200), screen(""));
    assert_eq!(kind(&mut signals, at(4_000)), (StateKind::Idle, Source::Output));
    assert_eq!(signals.state().since, at(4_000));
}

#[test]
fn work_that_ended_unseen_is_done_until_somebody_looks() {
    let mut signals = running();
    for second in 0..8 {
        signals.printed(at(second * 1_000), 1);
        signals.decide(at(second * 1_000));
    }
    read(&mut signals, at(9_000), screen(""));
    assert_eq!(kind(&mut signals, at(20_000)), (StateKind::Done, Source::Output));
    signals.looked_at(at(21_000));
    assert_eq!(kind(&mut signals, at(21_000)), (StateKind::Idle, Source::Output));
}

#[test]
fn who_types_has_seen_the_work_before() {
    let mut signals = running();
    for second in 0..8 {
        signals.printed(at(second * 1_000), 1);
        signals.decide(at(second * 1_000));
    }
    title(&mut signals, at(9_000), Some(StateKind::Idle));
    assert_eq!(kind(&mut signals, at(9_000)).0, StateKind::Done);
    // A moment after its last output: who only comes to look may not have seen the end of it.
    signals.looked_at(at(9_100));
    assert_eq!(kind(&mut signals, at(9_100)).0, StateKind::Done);
    signals.person_typed(at(9_200), 1);
    assert_eq!(kind(&mut signals, at(9_200)).0, StateKind::Idle);
}

#[test]
fn a_program_that_redraws_every_few_seconds_works_all_the_time() {
    for period in [3_000, 5_000, 10_000] {
        let mut signals = running();
        let mut seen = Vec::new();
        for ms in (1_000..120_000).step_by(100) {
            if ms % period == 0 {
                signals.printed(at(ms), 1);
            }
            if !signals.settle(at(ms)).is_empty() {
                signals.signal(at(ms), 1, Signal::Screen(Reading { digest: ms, ..Reading::default() }));
            }
            signals.decide(at(ms));
            if ms > 45_000 {
                seen.push((signals.state().kind, signals.state().since));
            }
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "one state, of a growing age, when it redraws every {period} ms: {seen:?}");
        assert_eq!(seen[0].0, StateKind::Working);
    }
}

#[test]
fn a_short_pause_does_not_make_work_begin_anew() {
    let mut signals = running();
    signals.printed(at(1_000), 1);
    assert_eq!(kind(&mut signals, at(1_000)).0, StateKind::Working);
    read(&mut signals, at(2_200), screen(""));
    assert_ne!(kind(&mut signals, at(4_000)).0, StateKind::Working);
    signals.printed(at(4_500), 1);
    assert_eq!(kind(&mut signals, at(4_500)).0, StateKind::Working);
    assert_eq!(signals.state().since, at(1_000));
}

#[test]
fn redraws_alone_are_not_work_that_is_done_in_the_end() {
    let mut signals = running();
    for second in (0..120).step_by(3) {
        signals.printed(at(second * 1_000), 1);
        signals.decide(at(second * 1_000));
    }
    read(&mut signals, at(150_000), screen(""));
    assert_eq!(kind(&mut signals, at(200_000)).0, StateKind::Idle);
}

#[test]
fn an_echo_of_typing_is_not_work() {
    let mut signals = running();
    signals.typed(at(1_000), 1);
    signals.printed(at(1_010), 1);
    assert_ne!(kind(&mut signals, at(1_020)).0, StateKind::Working);
}

#[test]
fn what_is_printed_because_the_size_changed_is_not_work() {
    let mut signals = running();
    read(&mut signals, at(2_000), screen(""));
    signals.decide(at(4_000));
    signals.resized(at(5_000), 1);
    signals.printed(at(5_100), 1);
    signals.printed(at(6_500), 1);
    assert_eq!(kind(&mut signals, at(6_500)).0, StateKind::Idle);
    signals.printed(at(7_500), 1);
    assert_eq!(kind(&mut signals, at(7_500)).0, StateKind::Working, "it goes on by itself");
}

#[test]
fn output_that_changes_nothing_on_the_screen_is_no_work() {
    let mut signals = running();
    read(&mut signals, at(2_000), screen(""));
    for second in 10..100 {
        signals.printed(at(second * 1_000), 1);
        if !signals.settle(at(second * 1_000 + 500)).is_empty() {
            signals.signal(at(second * 1_000 + 510), 1, screen(""));
        }
        signals.decide(at(second * 1_000 + 600));
    }
    assert_eq!(signals.state().kind, StateKind::Idle, "only its title blinks");
}

#[test]
fn a_program_that_goes_on_drawing_is_read_ever_more_rarely() {
    let mut signals = running();
    let mut reads = 0;
    for ms in (0..120_000).step_by(100) {
        if ms % 1_000 == 0 {
            signals.printed(at(ms), 1);
        }
        if !signals.settle(at(ms)).is_empty() {
            reads += 1;
            signals.signal(at(ms), 1, Signal::Screen(Reading { digest: ms, ..Reading::default() }));
        }
        signals.decide(at(ms));
    }
    assert!((15..=24).contains(&reads), "{reads} in two minutes");
}

// Questions.

#[test]
fn a_question_is_seen_soon_after_it_is_drawn() {
    let mut signals = running();
    read(&mut signals, at(1_200), screen(""));
    signals.printed(at(60_000), 1);
    signals.decide(at(60_000));
    let due = signals.deadline().expect("its screen is read");
    assert!(due <= at(60_500), "{due:?}");
    assert_eq!(signals.settle(due), [1]);
    signals.signal(due, 1, screen("Proceed?"));
    assert_eq!(kind(&mut signals, due), (StateKind::Waiting, Source::Screen));
    assert_eq!(signals.state().why, "“Proceed?”");
    assert_eq!(signals.state().asked.as_ref().map(|asked| asked.question.choices.len()), Some(2));
}

/// tmux gives the time of activity in seconds: what is drawn behind our look, in the same second, changes no number.
#[test]
fn a_question_drawn_right_after_a_look_is_seen() {
    let next_look = |signals: &mut Signals, from: u64| {
        let mut moments = (from..from + 60_000).step_by(10);
        moments.find(|ms| !signals.settle(at(*ms)).is_empty())
    };
    for (begins, activity) in [(0, 1), (10_000, 2)] {
        let mut signals = running();
        if begins > 0 {
            read(&mut signals, at(2_000), screen(""));
            observe(&mut signals, at(begins), Sight { activity, ..QUIET });
        }
        let first = next_look(&mut signals, begins).expect("its screen is read");
        assert!(first <= begins + 500, "{first}");
        signals.signal(at(first), 1, screen(""));
        let second = next_look(&mut signals, first).expect("its screen is read once more");
        assert!((begins + 1_000..begins + 1_200).contains(&second), "{second}");
        signals.signal(at(second), 1, screen("Proceed?"));
        assert_eq!(kind(&mut signals, at(second)), (StateKind::Waiting, Source::Screen));
        observe(&mut signals, at(second + 1_000), Sight { activity, ..QUIET });
        assert_eq!(next_look(&mut signals, second), None, "and not again without a reason");
    }
}

#[test]
fn a_question_stays_whatever_blinks_beside_it() {
    let mut signals = running();
    read(&mut signals, at(2_000), screen("Proceed?"));
    signals.decide(at(2_000));
    let id = signals.state().asked.as_ref().expect("a question").id;
    let mut reads = 0;
    for second in 10..200 {
        title(&mut signals, at(second * 1_000), Some(StateKind::Waiting));
        signals.printed(at(second * 1_000), 1);
        if !signals.settle(at(second * 1_000 + 500)).is_empty() {
            reads += 1;
            signals.signal(at(second * 1_000 + 510), 1, screen("Proceed?"));
        }
        signals.decide(at(second * 1_000 + 600));
        assert_eq!(signals.state().kind, StateKind::Waiting);
        assert_eq!(signals.state().asked.as_ref().map(|asked| asked.id), Some(id));
    }
    assert_eq!(signals.state().since, at(0), "since it was looked at first");
    assert!(reads > 60, "it is looked for whether it still asks");
}

#[test]
fn an_answered_question_is_over_as_soon_as_the_screen_says_so() {
    let mut signals = running();
    read(&mut signals, at(2_000), screen("Proceed?"));
    assert_eq!(kind(&mut signals, at(2_000)).0, StateKind::Waiting);
    signals.typed(at(10_000), 1);
    assert_eq!(kind(&mut signals, at(10_000)).0, StateKind::Waiting, "a key need not be an answer");
    let due = signals.deadline().expect("it is looked at");
    assert!(due <= at(10_500));
    read(&mut signals, due, screen(""));
    assert_eq!(kind(&mut signals, due).0, StateKind::Working);
    assert_eq!(signals.state().asked, None);
    let due = signals.deadline().expect("what it does then is looked at");
    assert_eq!(kind(&mut signals, due).0, StateKind::Idle);
}

#[test]
fn the_same_words_asked_again_are_another_question() {
    let mut signals = running();
    let mut id = |now, text| {
        read(&mut signals, at(now), screen(text));
        signals.decide(at(now));
        signals.state().asked.as_ref().map(|asked| asked.id)
    };
    let first = id(2_000, "Proceed?");
    assert_eq!(id(4_000, "Proceed?"), first);
    assert_eq!(id(6_000, ""), None);
    let second = id(8_000, "Proceed?");
    assert_ne!(second, first);
    assert_ne!(id(9_000, "Delete it?"), second);
}

#[test]
fn a_question_in_a_terminal_that_is_not_active_counts() {
    let mut signals = Signals::new(at(0));
    let other = Sight { pane: 2, active: false, ..QUIET };
    signals.observed(at(0), [QUIET, other].into_iter());
    signals.signal(at(2_000), 1, says(StateKind::Working, 1));
    signals.signal(at(2_000), 2, screen("Overwrite?"));
    assert_eq!(kind(&mut signals, at(2_000)).0, StateKind::Waiting);
    assert_eq!(signals.state().asked.as_ref().map(|asked| asked.pane), Some(2));
    signals.signal(at(3_000), 2, screen(""));
    assert_eq!(kind(&mut signals, at(9_000)).0, StateKind::Working);
}

#[test]
fn a_shell_that_is_asked_waits_and_one_with_a_prompt_does_not() {
    let mut signals = running();
    observe(&mut signals, at(100), Sight { shell: true, ..QUIET });
    read(&mut signals, at(2_000), screen("Proceed? (y/n)"));
    assert_eq!(kind(&mut signals, at(4_000)), (StateKind::Waiting, Source::Screen));
    read(&mut signals, at(5_000), screen(""));
    assert_eq!(kind(&mut signals, at(9_000)), (StateKind::Idle, Source::Process));
}

#[test]
fn an_answer_is_typed_once_until_the_screen_has_changed() {
    let mut signals = running();
    read(&mut signals, at(2_000), screen("Proceed?"));
    assert!(!signals.is_answered(at(3_000), 1));
    assert_eq!(signals.keys_for(1, "2"), Some(&b"2"[..]));
    assert_eq!(signals.keys_for(1, "3"), None);
    signals.answering(at(3_000), 1);
    assert!(signals.is_answered(at(9_000), 1), "it is still being typed");
    signals.answered(at(3_000), 1, true);
    assert!(signals.is_answered(at(5_000), 1));
    read(&mut signals, at(5_100), screen("And this?"));
    assert!(!signals.is_answered(at(5_200), 1), "that is another question");
}

// Titles, hooks, reports.

#[test]
fn a_title_of_rest_is_no_work_whatever_is_printed() {
    let mut signals = running();
    title(&mut signals, at(1_000), Some(StateKind::Working));
    assert_eq!(kind(&mut signals, at(1_000)), (StateKind::Working, Source::Title));
    title(&mut signals, at(20_000), Some(StateKind::Idle));
    signals.printed(at(20_500), 1);
    assert_eq!(kind(&mut signals, at(20_600)), (StateKind::Done, Source::Title));
    signals.signal(at(21_000), 1, says(StateKind::Working, 3));
    assert_eq!(kind(&mut signals, at(21_000)), (StateKind::Done, Source::Title));
}

/// Codex, while it writes its answer.
#[test]
fn a_line_for_texts_is_no_rest_while_the_title_of_work_moves() {
    let mut signals = running();
    title(&mut signals, at(10_000), Some(StateKind::Working));
    read(&mut signals, at(11_700), says(StateKind::Idle, 3));
    assert_eq!(kind(&mut signals, at(11_700)), (StateKind::Working, Source::Title));
    let due = signals.deadline().expect("the title may stand still");
    assert!(due <= at(10_000) + limits::PRINTING_TIME, "{due:?}");
    assert_eq!(kind(&mut signals, at(10_000) + limits::PRINTING_TIME).1, Source::Screen);
}

#[test]
fn a_title_of_rest_hides_no_question_and_no_failure() {
    for signal in [screen("Proceed?"), says(StateKind::Failed, 2)] {
        let mut signals = running();
        title(&mut signals, at(5_000), Some(StateKind::Idle));
        read(&mut signals, at(5_100), signal);
        assert!(matches!(kind(&mut signals, at(5_100)).0, StateKind::Waiting | StateKind::Failed));
    }
}

#[test]
fn a_hook_counts_until_the_title_or_the_screen_contradicts_it_later() {
    let mut signals = running();
    hook(&mut signals, at(10_000), StateKind::Working);
    assert_eq!(kind(&mut signals, at(10_000)), (StateKind::Working, Source::Hook));
    let mut interrupted = signals.clone();
    title(&mut interrupted, at(14_000), Some(StateKind::Idle));
    assert_eq!(kind(&mut interrupted, at(14_000)).1, Source::Title, "Esc: no hook says so");
    read(&mut signals, at(14_000), says(StateKind::Idle, 5));
    assert_eq!(kind(&mut signals, at(14_000)).1, Source::Screen, "or only its screen does");
    hook(&mut signals, at(15_000), StateKind::Working);
    assert_eq!(kind(&mut signals, at(15_100)), (StateKind::Working, Source::Hook));
}

#[test]
fn a_question_by_a_hook_is_over_when_the_program_works_again() {
    let mut signals = running();
    title(&mut signals, at(9_900), Some(StateKind::Working));
    hook(&mut signals, at(10_000), StateKind::Waiting);
    title(&mut signals, at(10_900), Some(StateKind::Idle));
    assert_eq!(kind(&mut signals, at(11_000)), (StateKind::Waiting, Source::Hook));
    title(&mut signals, at(20_000), Some(StateKind::Working));
    assert_eq!(kind(&mut signals, at(20_000)).0, StateKind::Working);
}

#[test]
fn a_failure_is_no_rest_and_no_work() {
    let mut signals = running();
    hook(&mut signals, at(10_000), StateKind::Failed);
    read(&mut signals, at(12_000), says(StateKind::Idle, 7));
    assert_eq!(kind(&mut signals, at(12_000)), (StateKind::Failed, Source::Hook));
    hook(&mut signals, at(30_000), StateKind::Working);
    assert_eq!(kind(&mut signals, at(30_000)).0, StateKind::Working);
    title(&mut signals, at(31_000), Some(StateKind::Working));
    read(&mut signals, at(40_000), says(StateKind::Failed, 8));
    assert_eq!(kind(&mut signals, at(40_000)).0, StateKind::Failed, "“retrying”, while its title spins");
}

#[test]
fn a_report_to_the_terminal_counts_more_than_a_hook() {
    let mut signals = running();
    hook(&mut signals, at(10_000), StateKind::Working);
    signals.signal(at(10_100), 1, Signal::Status(Some(report(StateKind::Waiting))));
    assert_eq!(kind(&mut signals, at(10_100)), (StateKind::Waiting, Source::Status));
    signals.signal(at(11_000), 1, Signal::Status(None));
    assert_eq!(kind(&mut signals, at(11_000)), (StateKind::Working, Source::Hook));
}

#[test]
fn a_hook_of_work_is_not_believed_for_ever() {
    let mut signals = running();
    hook(&mut signals, at(10_000), StateKind::Working);
    read(&mut signals, at(12_000), screen(""));
    signals.decide(at(12_000));
    assert_eq!(kind(&mut signals, at(200_000)).0, StateKind::Working, "a tool may be silent for long");
    let until = 10_000 + limits::HOOK_TIME.as_millis();
    assert!(signals.deadline().is_some_and(|due| due <= at(until)));
    assert_ne!(kind(&mut signals, at(until)).0, StateKind::Working);
}

#[test]
fn work_that_hooks_report_is_done_when_they_say_so_however_short() {
    let mut signals = running();
    hook(&mut signals, at(10_000), StateKind::Working);
    signals.decide(at(10_000));
    hook(&mut signals, at(10_300), StateKind::Idle);
    assert_eq!(kind(&mut signals, at(10_300)), (StateKind::Done, Source::Hook));
}

#[test]
fn a_hook_can_say_that_what_was_reported_is_over() {
    let mut signals = running();
    hook(&mut signals, at(10_000), StateKind::Working);
    signals.signal(at(10_100), 1, does(HookState::Same, None));
    assert_eq!(kind(&mut signals, at(10_100)), (StateKind::Working, Source::Hook));
    signals.signal(at(10_200), 1, does(HookState::Over, None));
    read(&mut signals, at(10_700), says(StateKind::Idle, 4));
    assert_eq!(kind(&mut signals, at(10_700)).1, Source::Screen);
}

#[test]
fn sub_agents_are_counted_while_their_agent_works() {
    let mut signals = running();
    hook(&mut signals, at(10_000), StateKind::Working);
    let mut why = |change| {
        signals.signal(at(10_100), 1, does(HookState::Same, change));
        signals.decide(at(10_100));
        signals.state().why.clone()
    };
    assert_eq!(why(Some(Subagent::Began)), "its words (with 1 sub-agent)");
    assert_eq!(why(Some(Subagent::Began)), "its words (with 2 sub-agents)");
    assert_eq!(why(Some(Subagent::Ended)), "its words (with 1 sub-agent)");
    hook(&mut signals, at(11_000), StateKind::Idle);
    hook(&mut signals, at(12_000), StateKind::Working);
    signals.decide(at(12_000));
    assert_eq!(signals.state().why, "its words", "what ended without a word ended with the turn");
}

#[test]
fn a_hook_just_before_its_program_is_seen_belongs_to_it() {
    let mut signals = running();
    observe(&mut signals, at(9_000), Sight { shell: true, ..QUIET });
    hook(&mut signals, at(10_000), StateKind::Working);
    observe(&mut signals, at(10_900), Sight { activity: 2, ..QUIET });
    assert_eq!(kind(&mut signals, at(10_900)), (StateKind::Working, Source::Hook));
    observe(&mut signals, at(11_500), Sight { shell: true, activity: 3, ..QUIET });
    observe(&mut signals, at(12_500), Sight { activity: 4, ..QUIET });
    assert_ne!(kind(&mut signals, at(12_500)).1, Source::Hook, "it was of the program before");
}

#[test]
fn what_a_program_said_ends_with_it() {
    let mut signals = running();
    hook(&mut signals, at(10_000), StateKind::Waiting);
    read(&mut signals, at(11_000), screen("Proceed?"));
    observe(&mut signals, at(12_000), Sight { shell: true, activity: 2, ..QUIET });
    read(&mut signals, at(14_000), screen(""));
    assert_eq!(kind(&mut signals, at(20_000)), (StateKind::Idle, Source::Process));
}

#[test]
fn a_bell_waits_where_nothing_else_says_anything() {
    let mut signals = running();
    observe(&mut signals, at(1_000), Sight { bell: true, ..QUIET });
    read(&mut signals, at(2_000), screen(""));
    assert_eq!(kind(&mut signals, at(9_000)), (StateKind::Waiting, Source::Bell));
    title(&mut signals, at(9_500), Some(StateKind::Idle));
    assert_eq!(kind(&mut signals, at(9_500)).0, StateKind::Idle, "it rang because it is done");
}

// Time.

#[test]
fn a_state_that_only_time_ends_has_a_deadline() {
    let mut signals = running();
    for second in [1, 4, 7] {
        signals.printed(at(second * 1_000), 1);
        signals.decide(at(second * 1_000));
    }
    read(&mut signals, at(10_000), Signal::Screen(Reading { digest: 9, ..Reading::default() }));
    assert_eq!(kind(&mut signals, at(10_000)).0, StateKind::Working);
    let until = signals.deadline().expect("it ends by itself");
    assert!(until > at(10_000) && until <= at(27_000));
    assert_eq!(kind(&mut signals, until).0, StateKind::Idle);
    assert_eq!(signals.deadline(), None);
}

#[test]
fn a_start_that_fails_at_once_leaves_it_exited_since_it_first_ended() {
    let mut signals = running();
    read(&mut signals, at(1_100), screen(""));
    assert_eq!(kind(&mut signals, at(10_000)).0, StateKind::Idle);
    signals.stopped("its session has ended");
    assert_eq!(kind(&mut signals, at(60_000)).0, StateKind::Exited);
    observe(&mut signals, at(90_000), QUIET);
    assert_eq!(kind(&mut signals, at(90_000)).0, StateKind::Unknown);
    signals.stopped("its session has ended");
    assert_eq!(kind(&mut signals, at(91_000)).0, StateKind::Exited);
    assert_eq!(signals.state().since, at(60_000));
}

#[test]
fn what_was_not_looked_at_long_enough_is_unknown_and_not_idle() {
    for sight in [QUIET, Sight { shell: true, ..QUIET }] {
        let mut signals = Signals::new(at(500));
        observe(&mut signals, at(500), sight);
        assert_eq!(kind(&mut signals, at(500)), (StateKind::Unknown, Source::None));
        assert_eq!(signals.state().why, "just started looking");
        let known = signals.deadline().expect("it is looked at soon");
        assert!(!signals.settle(known).is_empty());
        signals.signal(known, 1, screen(""));
        assert_eq!(kind(&mut signals, at(500) + limits::PRINTING_TIME).0, StateKind::Idle);
        assert_eq!(signals.state().since, at(500), "quiet for as long as anybody has looked");
    }
}

#[test]
fn what_it_does_is_not_given_up_before_its_screen_is_read() {
    let mut signals = running();
    for second in 0..8 {
        signals.printed(at(10_000 + second * 1_000), 1);
        signals.decide(at(10_000 + second * 1_000));
    }
    signals.settle(at(20_000));
    assert_eq!(kind(&mut signals, at(20_000)).0, StateKind::Working, "not done: it may ask something");
    let mut other = signals.clone();
    signals.signal(at(20_005), 1, screen("Proceed?"));
    assert_eq!(kind(&mut signals, at(20_005)).0, StateKind::Waiting);
    let until = other.deadline().expect("the screen may never come");
    assert_eq!(kind(&mut other, until).0, StateKind::Done);
}

// Processes.

#[test]
fn a_program_that_ended_says_so_also_while_its_shell_prints_its_prompt() {
    let mut signals = running();
    read(&mut signals, at(2_000), screen(""));
    observe(&mut signals, at(10_000), Sight { exit_code: Some(3), activity: 2, shell: true, ..QUIET });
    assert_eq!(kind(&mut signals, at(10_000)), (StateKind::Exited, Source::Process));
    assert_eq!(signals.state().why, "exited (3); a shell is open in its place");
    signals.printed(at(10_500), 1);
    assert_eq!(kind(&mut signals, at(10_500)).0, StateKind::Exited);
    signals.printed(at(20_000), 1);
    assert_eq!(kind(&mut signals, at(20_000)).0, StateKind::Working, "somebody uses the shell");
    assert_eq!(kind(&mut signals, at(40_000)).0, StateKind::Exited);
    read(&mut signals, at(40_000), screen("Remove everything? [y/N]"));
    assert_eq!(kind(&mut signals, at(40_000)).0, StateKind::Waiting);
}

#[test]
fn a_stopped_agent_is_exited_with_the_reason() {
    let mut signals = running();
    signals.stopped("its session has ended");
    assert_eq!(kind(&mut signals, at(1)), (StateKind::Exited, Source::Process));
    assert_eq!(signals.state().why, "its session has ended");
}

#[test]
fn the_explanation_names_every_signal_and_the_one_that_won() {
    let mut signals = running();
    hook(&mut signals, at(1_000), StateKind::Working);
    title(&mut signals, at(2_000), Some(StateKind::Working));
    read(&mut signals, at(9_000), screen("Proceed?"));
    signals.decide(at(9_000));
    let lines: Vec<_> =
        signals.evidence(at(10_000)).iter().map(|line| (line.source, line.kind, line.age_ms, line.decisive)).collect();
    assert_eq!(
        lines,
        [
            (Source::Hook, Some(StateKind::Working), 9_000, false),
            (Source::Title, Some(StateKind::Working), 8_000, false),
            (Source::Screen, Some(StateKind::Waiting), 1_000, true),
            (Source::Output, None, 10_000, false),
        ]
    );
}

// What holds for everything that can happen.

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Print,
    Type,
    Resize,
    Title(Option<StateKind>),
    Status(Option<StateKind>),
    Hook(StateKind),
    Screen(Option<u8>, Option<StateKind>),
    Observe(bool, bool, Option<i32>),
    Stop,
    Look,
}

fn kinds() -> impl Strategy<Value = StateKind> {
    prop::sample::select(vec![StateKind::Working, StateKind::Waiting, StateKind::Idle, StateKind::Failed])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u64..6_000).prop_map(Step::Wait),
        3 => Just(Step::Print),
        1 => Just(Step::Type),
        1 => Just(Step::Resize),
        1 => prop::option::of(kinds()).prop_map(Step::Title),
        1 => prop::option::of(kinds()).prop_map(Step::Status),
        1 => kinds().prop_map(Step::Hook),
        3 => (prop::option::of(0u8..3), prop::option::of(kinds())).prop_map(|(dialog, says)| Step::Screen(dialog, says)),
        1 => (any::<bool>(), any::<bool>(), prop::option::of(0..3)).prop_map(|(shell, bell, exit)| Step::Observe(shell, bell, exit)),
        1 => Just(Step::Stop),
        1 => Just(Step::Look),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn every_state_has_a_reason_and_comes_to_rest(steps in steps()) {
        let mut signals = running();
        let mut now = 0;
        for step in steps {
            let moment = at(now);
            match step {
                Step::Wait(ms) => now += ms,
                Step::Print => signals.printed(moment, 1),
                Step::Type => signals.typed(moment, 1),
                Step::Resize => signals.resized(moment, 1),
                Step::Title(kind) => signals.signal(moment, 1, Signal::Title(kind.map(report))),
                Step::Status(kind) => signals.signal(moment, 1, Signal::Status(kind.map(report))),
                Step::Hook(kind) => hook(&mut signals, moment, kind),
                Step::Screen(dialog, says) => {
                    let text = dialog.map_or(String::new(), |number| alloc::format!("Question {number}?"));
                    let Signal::Screen(reading) = screen(&text) else { unreachable!() };
                    let says = says.map(report);
                    read(&mut signals, moment, Signal::Screen(Reading { says, ..reading }));
                }
                Step::Observe(shell, bell, exit_code) => {
                    observe(&mut signals, moment, Sight { shell, bell, exit_code, activity: now, ..QUIET });
                }
                Step::Stop => signals.stopped("it was stopped"),
                Step::Look => signals.looked_at(moment),
            }
            signals.decide(at(now));
            signals.take_done();
            let state = signals.state();
            prop_assert!(!state.why.is_empty());
            prop_assert!(state.since <= at(now));
            prop_assert!(state.asked.is_none() || state.kind == StateKind::Waiting);
            prop_assert!(!signals.decide(at(now)), "deciding twice changes nothing");
        }
        // Nothing more happens: after a bounded number of deadlines nothing is due any more, and nothing counts as printing.
        let mut deadlines = 0;
        while let Some(due) = signals.deadline() {
            now = now.max(due.as_millis());
            for _ in signals.settle(at(now)) {
                signals.signal(at(now), 1, Signal::Screen(Reading { digest: 7, ..Reading::default() }));
            }
            signals.decide(at(now));
            signals.take_done();
            deadlines += 1;
            prop_assert!(deadlines < 50, "due at {due:?} for ever");
        }
        prop_assert!(signals.state().source != Source::Output || signals.state().kind != StateKind::Working);
    }

    #[test]
    fn the_newest_report_of_the_strongest_kind_wins(kinds in prop::collection::vec(kinds(), 1..8), other in kinds()) {
        let mut signals = running();
        for (number, kind) in kinds.iter().enumerate() {
            let moment = at(10_000 * (1 + number as u64));
            hook(&mut signals, moment, other);
            signals.signal(moment, 1, Signal::Status(Some(report(*kind))));
            signals.decide(moment);
            prop_assert_eq!(signals.state().source, Source::Status);
            let shown = if signals.state().kind == StateKind::Done { StateKind::Idle } else { signals.state().kind };
            prop_assert_eq!(shown, *kind);
        }
    }
}
