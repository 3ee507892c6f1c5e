//! The state of an agent, decided from signals; pure.
//!
//! Signals are facts with an age (it printed, a rule matched its screen, the bell rang, its program ended). The decision reads
//! them newest and strongest first and always says why.

use crate::limits;
use crate::time::Instant;
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
    burst_began: Option<Instant>,
    last_output: Option<Instant>,
    last_typed: Option<Instant>,
    /// What the rules said of the screen, since the last output.
    screen: Option<(StateKind, &'static str)>,
    screen_wanted: bool,
    unseen_work: bool,
    state: AgentState,
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
            last_typed: None,
            screen: None,
            screen_wanted: false,
            unseen_work: false,
            state,
        }
    }

    pub(super) fn state(&self) -> &AgentState {
        &self.state
    }

    /// The carrier is there and looks like this.
    pub(super) fn observed(&mut self, now: Instant, sight: Sight<'_>) {
        if !self.running {
            let stopped_why = core::mem::take(&mut self.stopped_why);
            *self = Signals {
                running: true,
                began: Some(now),
                screen_wanted: true,
                stopped_why,
                state: self.state.clone(),
                ..Signals::new(now)
            };
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
        if self.last_typed.is_some_and(|at| now.since(at) < limits::ECHO_TIME) {
            self.screen_wanted = true;
            return;
        }
        if !self.is_printing(now) {
            self.burst_began = Some(now);
        }
        self.last_output = Some(now);
        self.screen = None;
        self.screen_wanted = true;
        if self.burst_began.is_some_and(|began| now.since(began) >= limits::WORK_TIME) {
            self.unseen_work = true;
        }
    }

    /// Somebody typed into it.
    pub(super) fn typed(&mut self, now: Instant) {
        self.last_typed = Some(now);
        self.screen = None;
        self.screen_wanted = true;
    }

    /// Its visible text is this.
    pub(super) fn screen(&mut self, text: &str) {
        self.screen = read_screen(text);
    }

    /// A person looks at it (now).
    pub(super) fn looked_at(&mut self, now: Instant) {
        if !self.is_printing(now) {
            self.unseen_work = false;
        }
    }

    /// When [`settle`](Self::settle) has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.running || !self.screen_wanted {
            return None;
        }
        let quiet_at = |at: Option<Instant>, time| at.map(|at| at + time);
        quiet_at(self.last_output, limits::PRINTING_TIME)
            .max(quiet_at(self.last_typed, limits::ECHO_TIME))
            .max(quiet_at(self.began, limits::PRINTING_TIME))
    }

    /// It has been quiet for long enough to read its screen: returns whether that is wanted.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|at| at <= now);
        if due {
            self.screen_wanted = false;
        }
        due
    }

    /// Decides anew. Returns whether the state differs from before.
    pub(super) fn decide(&mut self, now: Instant) -> bool {
        let (kind, source, why) = self.decision(now);
        let changed = kind != self.state.kind || source != self.state.source || why != self.state.why;
        if changed {
            let since = if kind == self.state.kind { self.state.since } else { now };
            self.state = AgentState { kind, source, why, since };
        }
        changed
    }

    fn is_printing(&self, now: Instant) -> bool {
        self.last_output.is_some_and(|at| now.since(at) < limits::PRINTING_TIME)
    }

    fn decision(&self, now: Instant) -> (StateKind, Source, String) {
        let say = |kind, source, why: &str| (kind, source, why.to_string());
        if !self.running {
            return say(StateKind::Exited, Source::Process, &self.stopped_why);
        }
        if let (Some(code), true) = (self.exit_code, self.shell) {
            return (StateKind::Exited, Source::Process, format!("its program ended with status {code}"));
        }
        if self.is_printing(now) {
            return say(StateKind::Working, Source::Output, "it prints");
        }
        if self.shell {
            return if self.unseen_work {
                say(StateKind::Done, Source::Process, "the command has ended")
            } else {
                say(StateKind::Idle, Source::Process, "the shell waits for a command")
            };
        }
        match self.screen {
            Some((kind, why)) => return (kind, Source::Screen, format!("its screen says “{why}”")),
            None if self.title_busy => return say(StateKind::Working, Source::Title, "its title shows a spinner"),
            None => {}
        }
        if self.bell {
            return say(StateKind::Waiting, Source::Bell, "it rang the bell");
        }
        if self.unseen_work {
            return say(StateKind::Done, Source::Output, "it worked and has become quiet");
        }
        if self.activity.is_none() {
            return say(StateKind::Unknown, Source::None, "nothing is known yet");
        }
        say(StateKind::Idle, Source::Output, "it is quiet")
    }
}

/// Agents animate a Braille pattern at the start of the title while they work.
fn is_busy_title(title: &str) -> bool {
    title.trim_start().chars().next().is_some_and(|first| ('\u{2801}'..='\u{28ff}').contains(&first))
}

/// What the last lines of a screen say, by what agents and tools print (lower case). The first rule that matches wins.
const RULES: [(&str, StateKind); 26] = [
    ("esc to interrupt", StateKind::Working),
    ("ctrl+c to interrupt", StateKind::Working),
    ("ctrl-c to interrupt", StateKind::Working),
    ("do you want to", StateKind::Waiting),
    ("would you like to", StateKind::Waiting),
    ("do you trust", StateKind::Waiting),
    ("(y/n)", StateKind::Waiting),
    ("[y/n]", StateKind::Waiting),
    ("(yes/no", StateKind::Waiting),
    ("(y)es/(n)o", StateKind::Waiting),
    ("❯ 1. ", StateKind::Waiting),
    ("› 1. ", StateKind::Waiting),
    ("● 1. ", StateKind::Waiting),
    ("allow command", StateKind::Waiting),
    ("allow this", StateKind::Waiting),
    ("allow execution", StateKind::Waiting),
    ("approve this", StateKind::Waiting),
    ("waiting for user", StateKind::Waiting),
    ("press enter", StateKind::Waiting),
    ("enter to confirm", StateKind::Waiting),
    ("press any key", StateKind::Waiting),
    ("continue?", StateKind::Waiting),
    ("proceed?", StateKind::Waiting),
    ("password:", StateKind::Waiting),
    ("password for", StateKind::Waiting),
    ("passphrase", StateKind::Waiting),
];
/// Lines from the bottom that the rules look at; blank ones do not count.
const RULE_LINES: usize = 14;

fn read_screen(text: &str) -> Option<(StateKind, &'static str)> {
    let mut tail = String::new();
    for line in text.lines().rev().filter(|line| !line.trim().is_empty()).take(RULE_LINES) {
        tail.push_str(&line.to_lowercase());
        tail.push('\n');
    }
    RULES.iter().find(|(words, _)| tail.contains(words)).map(|(words, kind)| (*kind, words.trim()))
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
    fn what_an_agent_prints_in_its_first_moment_is_read_too() {
        let mut signals = running();
        assert!(!signals.settle(at(100)), "too early: it may still be printing");
        assert!(signals.settle(at(3_000)));
    }

    #[test]
    fn a_question_that_has_scrolled_away_does_not_count() {
        let mut signals = running();
        let mut text = "Do you want to proceed?\n".to_string();
        text.push_str(&"line\n".repeat(RULE_LINES));
        signals.screen(&text);
        assert_eq!(kind(&mut signals, at(9_000)).0, StateKind::Idle);
    }

    #[test]
    fn an_echo_of_typing_is_not_work() {
        let mut signals = running();
        signals.typed(at(1_000));
        signals.printed(at(1_010));
        assert_eq!(kind(&mut signals, at(1_020)).0, StateKind::Idle);
    }

    #[test]
    fn a_program_that_ended_says_with_which_status() {
        let mut signals = running();
        signals.observed(at(1_000), Sight { exit_code: Some(3), shell: true, ..QUIET });
        assert_eq!(kind(&mut signals, at(1_000)), (StateKind::Exited, Source::Process));
        assert!(signals.state().why.contains('3'));
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
