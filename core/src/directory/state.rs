//! The state of an agent, decided from signals; pure.
//!
//! Signals are facts with an age (it printed, a rule matched its screen, the bell rang, its program ended). The decision reads
//! them newest and strongest first and always says why.

use super::screen::{self, Reading};
use crate::limits;
use crate::time::{Duration, Instant};
use alloc::format;
use alloc::string::{String, ToString};
use serde::{Deserialize, Serialize};

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StateKind {
    /// It prints or says that it is busy.
    Working,
    /// It waits for an answer of a person.
    Waiting,
    /// Nothing happens and nothing is expected.
    Idle,
    /// It worked, has stopped, and nobody has looked since.
    Done,
    /// Its program has ended, or it is stopped.
    Exited,
    /// Nothing is known yet.
    Unknown,
}

/// Where a state was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// A hook of the agent's program reported it.
    Hook,
    /// The terminal's title.
    Title,
    /// A rule matched the visible text.
    Screen,
    /// The terminal printed, or stopped printing.
    Output,
    /// The bell rang.
    Bell,
    /// The program started or ended.
    Process,
    /// No signal yet.
    None,
}

/// A state with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentState {
    /// What.
    pub kind: StateKind,
    /// Read from where.
    pub source: Source,
    /// In words, for a person.
    pub why: String,
    /// Since when it is of this kind.
    pub since: Instant,
}

/// The signals of one agent and the state they make.
#[derive(Clone, Debug)]
pub(super) struct Signals {
    /// A carrier exists.
    running: bool,
    /// Why none exists.
    stopped_why: String,
    exit_code: Option<i32>,
    shell: bool,
    title_busy: bool,
    bell: bool,
    activity: Option<u64>,
    /// When the carrier was first seen: what it prints at its start may be older than its first sign of activity.
    began: Option<Instant>,
    /// Since when it prints without a pause that is worth the name.
    burst_began: Option<Instant>,
    last_output: Option<Instant>,
    /// It counts as printing until then, if it draws itself anew at regular times and was not seen to ask.
    regular_until: Option<Instant>,
    /// The last pause in its output: how long it was and when it ended.
    pause: Option<(Duration, Instant)>,
    /// What it prints until then answers what was done to it (somebody typed, its size changed): that is no work.
    echo_until: Option<Instant>,
    /// What the screen says, since the last output.
    screen: Reading,
    screen_wanted: bool,
    /// The screen was asked for and is waited for until then: no state is given up before.
    reading_until: Option<Instant>,
    unseen_work: bool,
    state: AgentState,
    /// The state before: what, since when, until when.
    before: Option<(StateKind, Instant, Instant)>,
    /// When the state changes even if nothing happens.
    changes_at: Option<Instant>,
}

/// What a backend sees of an agent's terminals, taken together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    pub(super) activity: u64,
    pub(super) bell: bool,
    pub(super) shell: bool,
    pub(super) exit_code: Option<i32>,
    pub(super) title: &'a str,
}

impl Signals {
    pub(super) fn new(now: Instant) -> Self {
        let state = AgentState {
            kind: StateKind::Unknown,
            source: Source::None,
            why: "not looked at yet".to_string(),
            since: now,
        };
        Signals {
            running: false,
            stopped_why: "it was not started yet".to_string(),
            exit_code: None,
            shell: false,
            title_busy: false,
            bell: false,
            activity: None,
            began: None,
            burst_began: None,
            last_output: None,
            regular_until: None,
            pause: None,
            echo_until: None,
            screen: Reading::default(),
            screen_wanted: false,
            reading_until: None,
            unseen_work: false,
            state,
            before: None,
            changes_at: None,
        }
    }

    pub(super) fn state(&self) -> &AgentState {
        &self.state
    }

    /// The carrier is there and looks like this.
    pub(super) fn observed(&mut self, now: Instant, sight: Sight<'_>) {
        if !self.running {
            *self = Signals {
                running: true,
                began: Some(now),
                screen_wanted: true,
                state: self.state.clone(),
                ..Signals::new(now)
            };
        }
        if sight.exit_code.is_some() && self.exit_code.is_none() {
            // What was printed is of the program; what is printed now is the prompt of the shell that takes its place.
            (self.last_output, self.regular_until, self.burst_began) = (None, None, None);
            self.echo_until = self.echo_until.max(Some(now + limits::ECHO_TIME));
        }
        match self.activity.replace(sight.activity) {
            Some(before) if before != sight.activity => self.printed(now),
            _ => {}
        }
        self.shell = sight.shell;
        self.bell = sight.bell;
        self.exit_code = sight.exit_code;
        self.title_busy = is_busy_title(sight.title);
    }

    /// There is no carrier (any more), and why.
    pub(super) fn stopped(&mut self, why: &str) {
        self.running = false;
        self.stopped_why = why.to_string();
    }

    /// It printed something.
    pub(super) fn printed(&mut self, now: Instant) {
        if self.echo_until.is_some_and(|until| now < until) {
            self.screen_wanted = true;
            return;
        }
        let quiet = self.last_output.replace(now).map(|at| now.since(at));
        if quiet.is_none_or(|quiet| quiet > limits::WORK_PAUSE) {
            self.burst_began = Some(now);
        }
        if let Some(quiet) = quiet.filter(|quiet| *quiet >= limits::REDRAW_PAUSES.0) {
            self.paused(now, quiet);
        }
        self.screen = Reading::default();
        self.screen_wanted = true;
        if self.burst_began.is_some_and(|began| now.since(began) >= limits::WORK_TIME) {
            self.unseen_work = true;
        }
    }

    /// It prints again after a pause. Two like each other, with little printed in between, are the times at which it draws
    /// itself anew: it goes on printing until that has clearly not happened.
    fn paused(&mut self, now: Instant, quiet: Duration) {
        let before = self.pause.replace((quiet, now));
        let regular = before.is_some_and(|(before, ended)| {
            let (short, long) = (before.min(quiet), before.max(quiet));
            long <= limits::REDRAW_PAUSES.1
                && long.as_millis() - short.as_millis() <= limits::REDRAW_JITTER.as_millis()
                && now.since(ended).as_millis() - quiet.as_millis() <= limits::REDRAW_JITTER.as_millis()
        });
        self.regular_until = regular.then(|| now + quiet + limits::REDRAW_JITTER + limits::REDRAW_JITTER);
    }

    /// Somebody typed into it.
    pub(super) fn typed(&mut self, now: Instant) {
        self.before = None;
        self.echo_until = Some(now + limits::ECHO_TIME);
        self.screen = Reading::default();
        self.screen_wanted = true;
    }

    /// One of its terminals has another size: it will draw itself anew.
    pub(super) fn resized(&mut self, now: Instant) {
        self.echo_until = self.echo_until.max(Some(now + limits::ECHO_TIME));
        self.screen_wanted = true;
    }

    /// Its visible text is this.
    pub(super) fn screen(&mut self, text: &str) {
        self.screen = screen::read(text);
        self.reading_until = None;
    }

    /// A person looks at it (now).
    pub(super) fn looked_at(&mut self, now: Instant) {
        if !self.is_printing(now) {
            self.unseen_work = false;
        }
    }

    /// When [`settle`](Self::settle) or [`decide`](Self::decide) has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.quiet_at(), self.changes_at].into_iter().flatten().min()
    }

    /// When its screen is to be read.
    fn quiet_at(&self) -> Option<Instant> {
        if !self.running || !self.screen_wanted {
            return None;
        }
        let quiet_at = |at: Option<Instant>, time| at.map(|at| at + time);
        quiet_at(self.last_output, limits::PRINTING_TIME)
            .max(self.echo_until)
            .max(quiet_at(self.began, limits::PRINTING_TIME))
    }

    /// It has been quiet for long enough to read its screen: returns whether that is wanted.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        let due = self.quiet_at().is_some_and(|at| at <= now);
        if due {
            self.screen_wanted = false;
            self.reading_until = Some(now + limits::READ_TIME);
        }
        due
    }

    /// Decides anew. Returns whether the state differs from before.
    pub(super) fn decide(&mut self, now: Instant) -> bool {
        let (kind, source, why) = self.decision(now);
        let changed = kind != self.state.kind || source != self.state.source || why != self.state.why;
        if changed {
            let since = if kind == self.state.kind { self.state.since } else { self.since(now, kind) };
            if kind != self.state.kind {
                self.before = Some((self.state.kind, self.state.since, now));
            }
            self.state = AgentState { kind, source, why, since };
        }
        let printing = [self.last_output, self.began].map(|at| at.map(|at| at + limits::PRINTING_TIME));
        let ends = printing.into_iter().chain([self.regular_until, self.reading_until]);
        self.changes_at = ends.flatten().filter(|at| self.running && *at > now).min();
        changed
    }

    /// Since when it is of this kind, which is another than before: something else for a moment does not make it begin anew.
    fn since(&self, now: Instant, kind: StateKind) -> Instant {
        let before = self.before.filter(|(before, _, until)| *before == kind && now.since(*until) <= limits::FLAP_TIME);
        // What was so when somebody looked first has been so at least since then.
        let first = self.state.kind == StateKind::Unknown && self.last_output.is_none() && kind != StateKind::Working;
        before.map(|(_, since, _)| since).unwrap_or(if first { self.state.since } else { now })
    }

    fn is_printing(&self, now: Instant) -> bool {
        self.last_output.is_some_and(|at| now.since(at) < limits::PRINTING_TIME)
    }

    fn decision(&self, now: Instant) -> (StateKind, Source, String) {
        let say = |kind, source, why: &str| (kind, source, why.to_string());
        if !self.running {
            return say(StateKind::Exited, Source::Process, &self.stopped_why);
        }
        if let (Some(question), true, false) = (&self.screen.shell, self.shell, self.is_printing(now)) {
            return (StateKind::Waiting, Source::Screen, format!("“{question}”"));
        }
        if self.is_printing(now) {
            return say(StateKind::Working, Source::Output, "it prints");
        }
        if let (Some(code), true) = (self.exit_code, self.shell) {
            return (StateKind::Exited, Source::Process, format!("exited ({code}); a shell is open in its place"));
        }
        let reading = self.reading_until.is_some_and(|until| now < until);
        let pending = matches!(self.state.kind, StateKind::Working | StateKind::Unknown);
        if reading && pending && self.state.source != Source::Title {
            return (self.state.kind, self.state.source, self.state.why.clone());
        }
        match self.screen.program.as_ref().filter(|_| !self.shell) {
            Some((StateKind::Waiting, said)) => return (StateKind::Waiting, Source::Screen, format!("“{said}”")),
            Some((kind, said)) => return (*kind, Source::Screen, format!("its screen says “{said}”")),
            None if self.regular_until.is_some_and(|until| now < until) => {
                return say(StateKind::Working, Source::Output, "it prints");
            }
            None => {}
        }
        let fresh = self.last_output.is_none() && self.began.is_some_and(|at| now < at + limits::PRINTING_TIME);
        if self.shell && !fresh {
            return if self.unseen_work {
                say(StateKind::Done, Source::Process, "the command has ended")
            } else {
                say(StateKind::Idle, Source::Process, "the shell waits for a command")
            };
        }
        if self.title_busy && !self.shell {
            return say(StateKind::Working, Source::Title, "its title shows a spinner");
        }
        if self.bell && !self.shell {
            return say(StateKind::Waiting, Source::Bell, "it rang the bell");
        }
        if fresh {
            return say(StateKind::Unknown, Source::None, "just started looking");
        }
        if self.unseen_work {
            return say(StateKind::Done, Source::Output, "it worked and has become quiet");
        }
        say(StateKind::Idle, Source::Output, "it is quiet")
    }
}

/// Agents animate a Braille pattern at the start of the title while they work.
fn is_busy_title(title: &str) -> bool {
    title.trim_start().chars().next().is_some_and(|first| ('\u{2801}'..='\u{28ff}').contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Sight<'_> = Sight { activity: 1, bell: false, shell: false, exit_code: None, title: "" };

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn kind(signals: &mut Signals, now: Instant) -> (StateKind, Source) {
        signals.decide(now);
        (signals.state().kind, signals.state().source)
    }

    fn running() -> Signals {
        let mut signals = Signals::new(at(0));
        signals.observed(at(0), QUIET);
        signals
    }

    #[test]
    fn an_agent_that_prints_works_and_then_is_idle() {
        let mut signals = running();
        signals.printed(at(1_000));
        assert_eq!(kind(&mut signals, at(1_000)), (StateKind::Working, Source::Output));
        assert_eq!(kind(&mut signals, at(4_000)), (StateKind::Idle, Source::Output));
        assert_eq!(signals.state().since, at(4_000));
    }

    #[test]
    fn work_that_ended_unseen_is_done_until_somebody_looks() {
        let mut signals = running();
        for second in 0..8 {
            signals.printed(at(second * 1_000));
        }
        assert_eq!(kind(&mut signals, at(20_000)), (StateKind::Done, Source::Output));
        signals.looked_at(at(21_000));
        assert_eq!(kind(&mut signals, at(21_000)), (StateKind::Idle, Source::Output));
    }

    #[test]
    fn a_question_on_the_screen_is_waiting_and_not_idle() {
        let mut signals = running();
        signals.printed(at(1_000));
        assert!(!signals.settle(at(2_000)), "still printing");
        assert!(signals.settle(at(4_000)));
        signals.screen("Edit file\n\nDo you want to proceed?\n❯ 1. Yes\n  2. No\n\n\n");
        assert_eq!(kind(&mut signals, at(4_000)), (StateKind::Waiting, Source::Screen));
        signals.printed(at(9_000));
        assert_eq!(kind(&mut signals, at(9_000)), (StateKind::Working, Source::Output));
    }

    #[test]
    fn a_question_that_a_shell_asks_is_waiting_and_a_prompt_is_not() {
        let mut signals = running();
        signals.observed(at(100), Sight { shell: true, ..QUIET });
        signals.screen("$ ./deploy\nDo you want to proceed? (y/n) \n\n");
        assert_eq!(kind(&mut signals, at(4_000)), (StateKind::Waiting, Source::Screen));
        assert_eq!(signals.state().why, "“Do you want to proceed? (y/n)”");
        signals.screen("$ ./deploy\nDo you want to proceed? (y/n) y\n$ \n");
        assert_eq!(kind(&mut signals, at(4_000)), (StateKind::Idle, Source::Process));
    }

    #[test]
    fn what_an_agent_prints_in_its_first_moment_is_read_too() {
        let mut signals = running();
        assert!(!signals.settle(at(100)), "too early: it may still be printing");
        assert!(signals.settle(at(3_000)));
    }

    #[test]
    fn a_program_that_redraws_every_few_seconds_works_all_the_time() {
        for period in [3_000, 5_000, 10_000] {
            let mut signals = running();
            let mut seen = alloc::vec::Vec::new();
            for ms in (1_000..120_000).step_by(100) {
                if ms % period == 0 {
                    signals.printed(at(ms));
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
        signals.printed(at(1_000));
        assert_eq!(kind(&mut signals, at(1_000)).0, StateKind::Working);
        assert_ne!(kind(&mut signals, at(4_000)).0, StateKind::Working);
        signals.printed(at(4_500));
        assert_eq!(kind(&mut signals, at(4_500)).0, StateKind::Working);
        assert_eq!(signals.state().since, at(1_000));
    }

    #[test]
    fn redraws_alone_are_not_work_that_is_done_in_the_end() {
        let mut signals = running();
        for second in (0..120).step_by(3) {
            signals.printed(at(second * 1_000));
        }
        assert_eq!(kind(&mut signals, at(200_000)).0, StateKind::Idle);
    }

    #[test]
    fn only_pauses_that_are_alike_and_have_little_between_them_are_redraws() {
        // Printing at these tenths of seconds, is it still at work when it has been quiet for four seconds?
        let goes_on = |tenths: &[u64]| {
            let mut signals = running();
            tenths.iter().for_each(|tenths| signals.printed(at(tenths * 100)));
            let last = tenths.last().expect("it prints") * 100;
            signals.settle(at(last + 3_000));
            signals.screen("");
            kind(&mut signals, at(last + 4_000)).0 == StateKind::Working
        };
        assert!(goes_on(&[100, 200, 300]));
        assert!(goes_on(&[100, 200, 209, 310]), "drawing it takes a moment");
        assert!(!goes_on(&[100, 200, 330]), "one pause is longer");
        assert!(!goes_on(&[100, 200, 209, 218, 227, 236, 336]), "it printed much in between");
        assert!(!goes_on(&[200, 400, 600]), "nobody draws a screen so seldom");
        assert!(!goes_on(&[100, 200]), "it paused once");
    }

    #[test]
    fn a_state_that_only_time_ends_has_a_deadline() {
        let mut signals = running();
        for second in [1, 4, 7] {
            signals.printed(at(second * 1_000));
        }
        signals.decide(at(7_000));
        signals.settle(at(10_000));
        signals.screen("");
        assert_eq!(kind(&mut signals, at(10_000)).0, StateKind::Working);
        let until = signals.deadline().expect("it ends by itself");
        assert!(until > at(10_000) && until <= at(27_000));
        assert_eq!(kind(&mut signals, until).0, StateKind::Idle);
        assert_eq!(signals.deadline(), None);
    }

    #[test]
    fn an_echo_of_typing_is_not_work() {
        let mut signals = running();
        signals.typed(at(1_000));
        signals.printed(at(1_010));
        assert_ne!(kind(&mut signals, at(1_020)).0, StateKind::Working);
    }

    #[test]
    fn what_is_printed_because_the_size_changed_is_not_work() {
        let mut signals = running();
        signals.resized(at(5_000));
        signals.printed(at(5_100));
        signals.printed(at(6_500));
        assert_eq!(kind(&mut signals, at(6_500)).0, StateKind::Idle);
        signals.printed(at(7_500));
        assert_eq!(kind(&mut signals, at(7_500)).0, StateKind::Working, "it goes on by itself");
    }

    #[test]
    fn a_state_is_news_once_and_again_when_its_reason_is_another() {
        let mut signals = running();
        signals.screen("Overwrite a.txt? (y/n)");
        assert!(signals.decide(at(4_000)));
        assert!(!signals.decide(at(4_100)));
        signals.screen("Overwrite b.txt? (y/n)");
        assert!(signals.decide(at(5_000)));
        assert_eq!((signals.state().why.as_str(), signals.state().since), ("“Overwrite b.txt? (y/n)”", at(0)));
        signals.observed(at(6_000), Sight { title: "⠂ b.txt", ..QUIET });
        signals.screen("");
        assert!(signals.decide(at(6_000)));
        assert_eq!((signals.state().kind, signals.state().since), (StateKind::Working, at(6_000)));
        signals.printed(at(6_500));
        assert!(signals.decide(at(6_500)));
        assert_eq!((signals.state().source, signals.state().since), (Source::Output, at(6_000)), "it works as before");
    }

    #[test]
    fn a_start_that_fails_at_once_leaves_it_exited_since_it_first_ended() {
        let mut signals = running();
        assert_eq!(kind(&mut signals, at(10_000)).0, StateKind::Idle);
        signals.stopped("its session has ended");
        assert_eq!(kind(&mut signals, at(60_000)).0, StateKind::Exited);
        signals.observed(at(90_000), QUIET);
        assert_eq!(kind(&mut signals, at(90_000)).0, StateKind::Unknown);
        signals.stopped("its session has ended");
        assert_eq!(kind(&mut signals, at(91_000)).0, StateKind::Exited);
        assert_eq!(signals.state().since, at(60_000));
    }

    // What is not known.

    #[test]
    fn what_was_not_looked_at_long_enough_is_unknown_and_not_idle() {
        for sight in [QUIET, Sight { shell: true, ..QUIET }] {
            let mut signals = Signals::new(at(500));
            signals.observed(at(500), sight);
            assert_eq!(kind(&mut signals, at(500)), (StateKind::Unknown, Source::None));
            assert_eq!(signals.state().why, "just started looking");
            let known = signals.deadline().expect("it is looked at soon");
            assert!(signals.settle(known));
            signals.screen("$ ");
            assert_eq!(kind(&mut signals, known).0, StateKind::Idle);
            assert_eq!(signals.state().since, at(500), "quiet for as long as anybody has looked");
        }
    }

    #[test]
    fn a_question_that_was_there_from_the_start_is_never_idle_first() {
        let mut signals = running();
        for ms in (0..3_000).step_by(100) {
            assert_eq!(kind(&mut signals, at(ms)).0, StateKind::Unknown);
        }
        assert!(signals.settle(at(3_000)));
        assert_eq!(kind(&mut signals, at(3_000)).0, StateKind::Unknown, "its screen is still to come");
        signals.screen("Do you trust the files in this folder?");
        assert_eq!(kind(&mut signals, at(3_010)).0, StateKind::Waiting);
    }

    #[test]
    fn what_it_does_is_not_given_up_before_its_screen_is_read() {
        let mut signals = running();
        for second in 0..8 {
            signals.printed(at(10_000 + second * 1_000));
        }
        signals.decide(at(17_000));
        assert!(signals.settle(at(20_000)));
        assert_eq!(kind(&mut signals, at(20_000)).0, StateKind::Working, "not done: it may ask something");
        let mut other = signals.clone();
        signals.screen("Proceed? (y/n)");
        assert_eq!(kind(&mut signals, at(20_005)).0, StateKind::Waiting);
        let until = other.deadline().expect("the screen may never come");
        assert_eq!(kind(&mut other, until).0, StateKind::Done);
    }

    #[test]
    fn a_program_that_ended_says_with_which_status() {
        let mut signals = running();
        signals.observed(at(1_000), Sight { exit_code: Some(3), shell: true, ..QUIET });
        assert_eq!(kind(&mut signals, at(1_000)), (StateKind::Exited, Source::Process));
        assert!(signals.state().why.contains('3'));
    }

    #[test]
    fn a_program_that_ended_says_so_also_while_its_shell_prints_its_prompt() {
        let mut signals = running();
        signals.observed(at(10_000), Sight { exit_code: Some(3), activity: 2, shell: true, ..QUIET });
        assert_eq!(kind(&mut signals, at(10_000)), (StateKind::Exited, Source::Process));
        assert_eq!(signals.state().why, "exited (3); a shell is open in its place");
        signals.printed(at(10_500));
        assert_eq!(kind(&mut signals, at(10_500)).0, StateKind::Exited);
        signals.printed(at(20_000));
        assert_eq!(kind(&mut signals, at(20_000)).0, StateKind::Working, "somebody uses the shell");
        assert_eq!(kind(&mut signals, at(40_000)).0, StateKind::Exited);
        signals.screen("Remove everything? [y/N]");
        assert_eq!(kind(&mut signals, at(40_000)).0, StateKind::Waiting);
    }

    #[test]
    fn a_bell_waits_and_a_spinner_works() {
        let mut signals = running();
        signals.observed(at(1_000), Sight { bell: true, ..QUIET });
        assert_eq!(kind(&mut signals, at(9_000)), (StateKind::Waiting, Source::Bell));
        signals.observed(at(9_000), Sight { title: "⠂ Fixing the build", ..QUIET });
        assert_eq!(kind(&mut signals, at(9_000)), (StateKind::Working, Source::Title));
        signals.observed(at(9_000), Sight { title: "✳ Fixed", ..QUIET });
        assert_eq!(kind(&mut signals, at(9_000)).0, StateKind::Idle);
    }

    #[test]
    fn a_stopped_agent_is_exited_with_the_reason() {
        let mut signals = running();
        signals.stopped("its session has ended");
        assert_eq!(kind(&mut signals, at(1)), (StateKind::Exited, Source::Process));
        assert_eq!(signals.state().why, "its session has ended");
    }
}
