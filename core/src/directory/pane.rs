//! What one terminal of an agent does, decided from the signals that it gives; pure.
//!
//! Signals are strong or weak: a report to the terminal (`OSC 7501`), a hook's report, the title, the screen, output. The strongest counts, unless
//! a weaker one contradicts it and is newer. Output counts only where nothing else says anything.

use super::signal::{Asked, Evidence, HookState, Reading, Report, Signal, Subagent};
use super::state::{AgentState, Source, StateKind};
use crate::limits;
use crate::time::{Duration, Instant};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a backend sees of a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    pub(super) pane: u32,
    pub(super) active: bool,
    pub(super) activity: u64,
    pub(super) bell: bool,
    pub(super) shell: bool,
    pub(super) exit_code: Option<i32>,
    pub(super) title: &'a str,
}

/// A state that the signals of a terminal make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: StateKind,
    pub(super) source: Source,
    pub(super) why: String,
}

impl Verdict {
    pub(super) fn new(kind: StateKind, source: Source, why: &str) -> Self {
        Verdict { kind, source, why: why.to_string() }
    }
}

/// One signal with its age.
#[derive(Clone, Copy, Debug)]
struct Voice<'a> {
    kind: StateKind,
    source: Source,
    why: &'a str,
    /// Since when it says so, and when it was seen to last.
    since: Instant,
    seen: Instant,
}

impl Voice<'_> {
    /// Whether what a weaker signal says cannot be true beside this one.
    fn is_contradicted_by(&self, weaker: &Voice<'_>) -> bool {
        use StateKind::{Failed, Idle, Waiting, Working};
        match (self.kind, weaker.kind) {
            (ours, theirs) if ours == theirs => false,
            // Many programs show the title of rest while they ask, and after they failed.
            (ours, Idle) if weaker.source == Source::Title => ours == Working,
            (Failed, Idle) => false,
            // A title of rest means that it does not work, whatever is printed.
            (Idle, Working) => self.source != Source::Title,
            _ => !matches!((self.kind, weaker.kind), (Waiting, Failed)),
        }
    }

    fn is_older_than(&self, weaker: &Voice<'_>) -> bool {
        let margin = if weaker.source == Source::Title { limits::TITLE_MARGIN } else { limits::SIGNAL_MARGIN };
        let visible = matches!(weaker.kind, StateKind::Waiting | StateKind::Failed);
        match (self.source, weaker.source) {
            // A title of rest says nothing about questions.
            (Source::Title, Source::Screen) if visible && self.kind == StateKind::Idle => true,
            // What a screen shows after a hook is newer than the hook: it was read for that.
            (Source::Hook, Source::Screen) if visible => weaker.seen > self.since + limits::HOOK_MARGIN,
            // What is on the screen now does not get old because the title goes on moving.
            (_, Source::Screen) if visible => weaker.seen > self.since + margin,
            _ => weaker.seen > self.seen + margin,
        }
    }
}

/// The signals of one terminal.
#[derive(Clone, Debug)]
pub(super) struct Pane {
    pub(super) number: u32,
    pub(super) active: bool,
    pub(super) shell: bool,
    pub(super) exit_code: Option<i32>,
    bell: bool,
    activity: Option<u64>,
    /// What it prints until then may not show as activity: a backend that counts in seconds gives the same number again.
    blind_until: Option<Instant>,
    /// Its screen was read within that time, and is to be read once more then.
    again: Option<Instant>,
    title: String,
    title_moved: Option<Instant>,
    title_says: Option<(Report, Instant)>,
    status: Option<(Report, Instant)>,
    hook: Option<(Report, Instant)>,
    /// Sub-agents that work, as far as hooks tell.
    subagents: u16,
    notified: Option<(String, Instant)>,
    /// When it was first seen: what it prints at its start may be older than its first sign of activity.
    began: Instant,
    /// When its program was first seen.
    started: Instant,
    /// Its program has shown that it can be written to.
    ready: bool,
    /// Since when it prints without a pause that is worth the name.
    burst_began: Option<Instant>,
    /// It has printed for long enough to have worked.
    pub(super) burst_worked: bool,
    pub(super) last_output: Option<Instant>,
    /// It counts as printing until then, if it draws itself anew at regular times and was not seen to ask.
    regular_until: Option<Instant>,
    /// The last pause in its output: how long it was and when it ended.
    pause: Option<(Duration, Instant)>,
    /// What it prints until then answers what was done to it (somebody typed, its size changed), which is not work.
    echo_until: Option<Instant>,
    typed_at: Option<Instant>,
    /// A person typed then, with keys or a paste.
    pub(super) person_typed_at: Option<Instant>,
    reading: Reading,
    read_at: Option<Instant>,
    /// The screen was the same at the last two looks, although something was printed in between.
    still: bool,
    /// The screen may be another than the one that was read, since then.
    wanted: Option<Instant>,
    /// A question that is a guess was found then, and is looked for once more.
    guessed_at: Option<Instant>,
    /// The screen was asked for and is waited for until then: no state is given up before.
    reading_until: Option<Instant>,
    /// The time between two looks while it prints.
    pace: Duration,
    pub(super) asked: Option<(Asked, Instant)>,
    /// An answer is being typed.
    pub(super) answering: bool,
    /// An answer to its question was typed then.
    pub(super) keyed_at: Option<Instant>,
    /// Its question went away then.
    answered_at: Option<Instant>,
}

impl Pane {
    pub(super) fn new(number: u32, now: Instant) -> Self {
        Pane {
            number,
            active: false,
            shell: false,
            exit_code: None,
            bell: false,
            activity: None,
            blind_until: None,
            again: None,
            title: String::new(),
            title_moved: None,
            title_says: None,
            status: None,
            hook: None,
            subagents: 0,
            notified: None,
            began: now,
            started: now,
            ready: false,
            burst_began: None,
            burst_worked: false,
            last_output: None,
            regular_until: None,
            pause: None,
            echo_until: None,
            typed_at: None,
            person_typed_at: None,
            reading: Reading::default(),
            read_at: None,
            still: false,
            wanted: Some(now),
            guessed_at: None,
            reading_until: None,
            pace: limits::READ_PACE.0,
            asked: None,
            answering: false,
            keyed_at: None,
            answered_at: None,
        }
    }

    /// It looks like this to its backend.
    pub(super) fn observed(&mut self, now: Instant, sight: Sight<'_>) {
        if sight.exit_code.is_some() && self.exit_code.is_none() {
            // What was printed is of the program; what is printed now is the prompt of the shell that takes its place.
            (self.last_output, self.regular_until, self.burst_began) = (None, None, None);
            self.asked = None;
            self.echo_until = self.echo_until.max(Some(now + limits::ECHO_TIME));
        }
        if sight.shell != self.shell && self.activity.is_some() {
            self.another_program(now);
        }
        if sight.title != self.title {
            self.title = sight.title.to_string();
            self.title_moved = Some(now);
        }
        let before = self.activity.replace(sight.activity);
        if before != Some(sight.activity) {
            self.blind_until = Some(now + limits::ACTIVITY_TIME);
        }
        if before.is_some_and(|before| before != sight.activity) {
            self.printed(now);
        }
        (self.active, self.shell, self.bell) = (sight.active, sight.shell, sight.bell);
        self.exit_code = sight.exit_code;
    }

    /// The signals so far belong to the program before.
    fn another_program(&mut self, now: Instant) {
        (self.status, self.title_says) = (None, None);
        self.hook = self.hook.take().filter(|(_, at)| self.shell && now.since(*at) < limits::HOOK_LEAD);
        self.subagents = 0;
        // What it asks is kept until the next look: a program may have asked before it was noticed, and asks that once.
        (self.reading, self.answered_at) = (Reading::default(), None);
        (self.still, self.wanted) = (false, Some(now));
        (self.started, self.ready) = (now, false);
    }

    /// It printed something.
    pub(super) fn printed(&mut self, now: Instant) {
        self.want_screen(now);
        if self.echo_until.is_some_and(|until| now < until) {
            return;
        }
        let quiet = self.last_output.replace(now).map(|at| now.since(at));
        if quiet.is_none_or(|quiet| quiet > limits::WORK_PAUSE) {
            self.burst_began = Some(now);
        }
        if let Some(quiet) = quiet.filter(|quiet| *quiet >= limits::REDRAW_PAUSES.0) {
            self.paused(now, quiet);
        }
        if self.burst_began.is_some_and(|began| now.since(began) >= limits::WORK_TIME) {
            self.burst_worked = true;
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
        self.echo_until = Some(now + limits::ECHO_TIME);
        self.typed_at = Some(now);
        self.pace = limits::READ_PACE.0;
        self.want_screen(now);
    }

    /// It has another size: it will draw itself anew.
    pub(super) fn resized(&mut self, now: Instant) {
        self.echo_until = self.echo_until.max(Some(now + limits::ECHO_TIME));
        self.want_screen(now);
    }

    fn want_screen(&mut self, now: Instant) {
        self.wanted.get_or_insert(now);
    }

    /// Its screen is to be read as soon as possible, whatever was read when: somebody answers its question.
    pub(super) fn read_now(&mut self, now: Instant) {
        (self.wanted, self.guessed_at) = (None, None);
        self.again = self.blind_until.filter(|until| now < *until);
        self.reading_until = Some(now + limits::READ_TIME);
    }

    /// Takes a signal. `next_id` gives the id of a question that is new.
    pub(super) fn signal(&mut self, now: Instant, signal: Signal, next_id: impl FnOnce() -> u64) {
        match signal {
            Signal::Screen(reading) => self.read(now, reading, next_id),
            Signal::Title(says) => {
                let same = self.title_says.as_ref().map(|(says, _)| says.kind) == says.as_ref().map(|says| says.kind);
                let since = self.title_says.take().filter(|_| same).map_or(now, |(_, since)| since);
                self.title_says = says.map(|says| (tidied(says), since));
                if !same {
                    self.look_soon(now);
                }
            }
            Signal::Status(says) => {
                self.status = says.map(|says| (tidied(says), now));
                self.look_soon(now);
            }
            Signal::Hook(report) => {
                self.subagents = match report.subagent {
                    Some(Subagent::Began) => self.subagents.saturating_add(1),
                    Some(Subagent::Ended) => self.subagents.saturating_sub(1),
                    None => self.subagents,
                };
                match report.does {
                    HookState::Same => {}
                    HookState::Over => self.hook = None,
                    HookState::Now(says) => {
                        if matches!(says.kind, StateKind::Idle | StateKind::Failed) {
                            self.subagents = 0;
                        }
                        self.hook = Some((tidied(says), now));
                    }
                }
                self.look_soon(now);
            }
            Signal::Notified(text) => {
                self.notified = Some((text.chars().take(limits::QUOTE_CHARS).collect(), now));
                self.look_soon(now);
            }
        }
    }

    /// Until when it is waited for before somebody writes to it. A program that is known shows when it is ready: by its words, and by
    /// two looks that find the same if these say only that it rests. One that nobody knows is written to as it is.
    pub(super) fn starts_until(&self, now: Instant) -> Option<Instant> {
        let until = self.started + limits::START_TIME;
        let starts = !self.ready && !self.shell && self.exit_code.is_none() && !self.reading.rules.is_empty();
        (starts && now < until).then_some(until)
    }

    /// Something has changed for certain: the next look need not wait for as long as the last one did.
    pub(super) fn look_soon(&mut self, now: Instant) {
        self.pace = limits::READ_PACE.0;
        self.want_screen(now);
    }

    fn read(&mut self, now: Instant, mut reading: Reading, next_id: impl FnOnce() -> u64) {
        reading.says = reading.says.map(tidied);
        if let Some((end, _)) = reading.composer.as_ref().and_then(|it| it.line.char_indices().nth(limits::QUOTE_CHARS))
        {
            reading.composer.iter_mut().for_each(|composer| composer.line.truncate(end));
        }
        if let Some(dialog) = &mut reading.dialog {
            let words = dialog.keys.get(dialog.question.choices.len()).cloned();
            dialog.question = core::mem::take(&mut dialog.question).tidied();
            dialog.keys.resize(dialog.question.choices.len(), Vec::new());
            dialog.keys.extend(words);
        }
        let printed = self.read_at.is_some_and(|at| self.last_output.is_some_and(|output| output > at));
        self.still = reading.digest == self.reading.digest && (self.still || printed);
        let rests = reading.says.as_ref().map(|says| says.kind == StateKind::Idle);
        let rested = self.read_at.is_some_and(|at| now.since(at) >= limits::READ_PACE.0);
        let same = rested && reading.digest == self.reading.digest;
        self.ready |= reading.dialog.is_some() || rests.is_some_and(|rests| !rests || same);
        let question = |reading: &Reading| reading.dialog.as_ref().map(|dialog| dialog.question.clone());
        let found = question(&reading).filter(|found| {
            // One that takes the place of another is none that passes by.
            !reading.guessed || self.asked.is_some() || question(&self.reading).as_ref() == Some(found)
        });
        self.guessed_at = (reading.dialog.is_some() && found.is_none()).then_some(now);
        let says_the_same = reading.says == self.reading.says && reading.dialog.is_some() == self.asked.is_some();
        let slowest = if reading.dialog.is_some() { limits::READ_PACE.1 } else { limits::READ_PACE.2 };
        self.pace = if says_the_same && !printed && self.read_at.is_some() {
            // Nothing new, as nothing was printed: that says nothing about how often to look when something is.
            self.pace
        } else if says_the_same {
            slowest.min(Duration::from_millis(2 * self.pace.as_millis()))
        } else {
            limits::READ_PACE.0
        };
        match found {
            Some(question) if self.asked.as_ref().is_some_and(|(asked, _)| asked.question == question) => {}
            Some(question) => {
                let asked = Asked { id: next_id(), pane: self.number, question };
                self.asked = Some((asked, now));
                (self.answered_at, self.keyed_at) = (None, None);
            }
            None => {
                if self.asked.take().is_some() {
                    self.answered_at = Some(now);
                }
            }
        }
        self.reading = reading;
        self.read_at = Some(now);
        self.reading_until = None;
    }

    /// The keys that choose this one of the question's choices, as the screen is now.
    pub(super) fn keys_for(&self, choice: &str) -> Option<&[u8]> {
        let dialog = self.reading.dialog.as_ref()?;
        let at = dialog.question.choices.iter().position(|offered| offered.key == choice)?;
        dialog.keys.get(at).map(Vec::as_slice).filter(|keys| !keys.is_empty())
    }

    /// The keys that open the place for an answer in words; `None`: it can be written right away.
    pub(super) fn keys_for_words(&self) -> Option<&[u8]> {
        let dialog = self.reading.dialog.as_ref()?;
        dialog.keys.get(dialog.question.choices.len()).map(Vec::as_slice).filter(|keys| !keys.is_empty())
    }

    /// When [`settle`](Self::settle) has something to do.
    fn due(&self) -> Option<Instant> {
        if let Some(at) = self.guessed_at {
            return Some(at + limits::GUESS_TIME);
        }
        let Some(wanted) = self.wanted else { return self.again.max(self.again.and(self.reading_until)) };
        let last_sign = self.last_output.max(self.title_moved).max(Some(wanted));
        let quiet = last_sign.map(|at| at + limits::SETTLE_TIME);
        let paced = (wanted + limits::FIRST_READ_TIME).max(self.read_at.map_or(wanted, |at| at + self.pace));
        let due = quiet.map_or(paced, |quiet| quiet.min(paced));
        let typed = self.typed_at.map(|at| at + limits::FIRST_READ_TIME).filter(|at| *at > wanted);
        Some(due.max(typed.unwrap_or(due)).max(self.reading_until.unwrap_or(due)))
    }

    /// Returns whether its screen is to be read now.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        let due = self.due().is_some_and(|at| at <= now);
        if due {
            self.read_now(now);
        }
        due
    }

    /// When its screen is to be read, or its state changes even if nothing happens.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let ends = [self.last_output, Some(self.began), self.answered_at, self.title_moved];
        let ends = ends.map(|at| at.map(|at| at + limits::PRINTING_TIME));
        let stale = self.hook.as_ref().map(|(_, at)| *at.max(&self.last_output.unwrap_or(*at)) + limits::HOOK_TIME);
        let ends = ends.into_iter().chain([self.regular_until, self.reading_until, stale]);
        ends.flatten().filter(|at| *at > now).chain(self.due()).min()
    }

    pub(super) fn is_printing(&self, now: Instant) -> bool {
        self.last_output.is_some_and(|at| now.since(at) < limits::PRINTING_TIME)
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.last_output.is_none() && now < self.began + limits::PRINTING_TIME
    }

    /// All that says something, strongest first.
    fn voices(&self, now: Instant) -> impl Iterator<Item = Voice<'_>> {
        let reported = |said: &'_ Option<(Report, Instant)>| said.clone().map(|(_, at)| at);
        let status = self.status.as_ref().map(|(says, at)| (Source::Status, says, *at, *at));
        // A hook of its end may have been lost: work without any sign of life is not believed for ever.
        let alive = |at: Instant| now < at.max(self.last_output.unwrap_or(at)) + limits::HOOK_TIME;
        let hook = self.hook.as_ref().filter(|(says, at)| says.kind != StateKind::Working || alive(*at));
        let hook = hook.map(|(says, at)| (Source::Hook, says, *at, *at));
        let title = self.title_says.as_ref().map(|(says, since)| {
            let moved = self.title_moved.filter(|_| says.kind != StateKind::Idle);
            (Source::Title, says, *since, moved.unwrap_or(*since).max(*since))
        });
        debug_assert!(reported(&self.status).is_none_or(|at| at <= now));
        let said = [status, hook, title].into_iter().flatten();
        let said =
            said.map(|(source, says, since, seen)| Voice { kind: says.kind, source, why: &says.why, since, seen });
        said.chain(self.screen_voice())
    }

    fn screen_voice(&self) -> Option<Voice<'_>> {
        let seen = self.read_at?;
        if let Some((asked, since)) = &self.asked {
            let why = &asked.question.text;
            return Some(Voice { kind: StateKind::Waiting, source: Source::Screen, why, since: *since, seen });
        }
        let says = self.reading.says.as_ref()?;
        Some(Voice { kind: says.kind, source: Source::Screen, why: &says.why, since: seen, seen })
    }

    /// The signal that counts.
    fn strongest(&self, now: Instant) -> Option<Voice<'_>> {
        // Some programs show their line for texts while they work as well: a title of work that moves says more.
        let moves = self.title_moved.is_some_and(|at| now.since(at) < limits::PRINTING_TIME);
        let busy = moves && self.title_says.as_ref().is_some_and(|(says, _)| says.kind == StateKind::Working);
        self.voices(now).reduce(|mut strong, weaker| {
            let rests = weaker.source == Source::Screen && weaker.kind == StateKind::Idle;
            if strong.kind == weaker.kind {
                strong.seen = strong.seen.max(weaker.seen);
            } else if !(busy && rests) && strong.is_contradicted_by(&weaker) && strong.is_older_than(&weaker) {
                return weaker;
            }
            strong
        })
    }

    /// What it does. `before` is the state that the agent was in.
    pub(super) fn verdict(&self, now: Instant, before: &AgentState) -> Verdict {
        let say = Verdict::new;
        let prints = self.is_printing(now) && !self.still;
        if self.shell {
            return self.shell_verdict(now, prints);
        }
        if let Some(voice) = self.strongest(now) {
            let why = match (voice.kind, voice.source) {
                (StateKind::Waiting, Source::Screen) => format!("“{}”", voice.why),
                (_, Source::Screen) if !voice.why.is_empty() => format!("its screen says “{}”", voice.why),
                (StateKind::Working, Source::Hook) if self.subagents > 0 => {
                    let plural = if self.subagents == 1 { "" } else { "s" };
                    format!("{} (with {} sub-agent{plural})", voice.why, self.subagents)
                }
                _ => voice.why.to_string(),
            };
            return Verdict { kind: voice.kind, source: voice.source, why };
        }
        if prints {
            return say(StateKind::Working, Source::Output, "it prints");
        }
        let unread = self.wanted.is_some() && !self.still || self.reading_until.is_some_and(|until| now < until);
        if unread && self.is_fresh(now) {
            return say(StateKind::Unknown, Source::None, "just started looking");
        }
        if unread && matches!(before.kind, StateKind::Working | StateKind::Unknown) {
            return Verdict { kind: before.kind, source: before.source, why: before.why.clone() };
        }
        if self.regular_until.is_some_and(|until| now < until) && !self.still {
            return say(StateKind::Working, Source::Output, "it prints");
        }
        if self.answered_at.is_some_and(|at| now < at + limits::PRINTING_TIME) {
            return say(StateKind::Working, Source::Screen, "its question was answered");
        }
        if self.bell {
            return say(StateKind::Waiting, Source::Bell, "it rang the bell");
        }
        if self.is_fresh(now) {
            return say(StateKind::Unknown, Source::None, "just started looking");
        }
        say(StateKind::Idle, Source::Output, "it is quiet")
    }

    fn shell_verdict(&self, now: Instant, prints: bool) -> Verdict {
        let say = Verdict::new;
        if let Some((asked, _)) = &self.asked {
            return say(StateKind::Waiting, Source::Screen, &format!("“{}”", asked.question.text));
        }
        if prints {
            return say(StateKind::Working, Source::Output, "it prints");
        }
        if let Some(code) = self.exit_code {
            let why = format!("exited ({code}); a shell is open in its place");
            return say(StateKind::Exited, Source::Process, &why);
        }
        if self.is_fresh(now) {
            return say(StateKind::Unknown, Source::None, "just started looking");
        }
        say(StateKind::Idle, Source::Process, "the shell waits for a command")
    }

    /// Every signal, for a person who asks why.
    pub(super) fn evidence(&self, now: Instant, state: &AgentState) -> Vec<Evidence> {
        let age = |at: Instant| now.since(at).as_millis();
        let line = |source, kind, why: &str, at| Evidence {
            pane: self.number,
            source,
            kind,
            why: why.to_string(),
            age_ms: age(at),
            decisive: source == state.source && kind.is_none_or(|kind| kind == state.kind),
        };
        let mut all: Vec<Evidence> =
            self.voices(now).map(|voice| line(voice.source, Some(voice.kind), voice.why, voice.since)).collect();
        if let (Some(at), None) = (self.read_at, self.screen_voice()) {
            all.push(line(Source::Screen, None, "nothing on it says what it does", at));
        }
        if let Some((text, at)) = &self.notified {
            all.push(line(Source::Bell, None, &format!("it sent a notification: “{text}”"), *at));
        }
        if let (false, Some(at)) = (self.reading.hooks.is_empty(), self.read_at) {
            let reported = if self.hook.is_some() { "" } else { "no hook has reported what it does now; " };
            let why = format!("{reported}{}", self.reading.hooks);
            all.push(Evidence { decisive: false, ..line(Source::Hook, None, &why, at) });
        }
        let output = self.last_output.map_or(("it has not printed since", self.began), |at| ("it printed last", at));
        all.push(line(Source::Output, None, output.0, output.1));
        if self.shell {
            all.push(line(Source::Process, None, "a shell is in the foreground", self.began));
        }
        all
    }

    pub(super) fn composer(&self) -> Option<(&str, bool, u64)> {
        let composer = self.reading.composer.as_ref()?;
        Some((&composer.line, composer.pasted, self.reading.digest))
    }

    pub(super) fn reads_as_busy(&self) -> bool {
        let says = self.reading.says.as_ref().map(|says| says.kind);
        matches!(says, Some(StateKind::Working | StateKind::Failed))
    }

    /// The name of the rules by which its screen was read.
    pub(super) fn rules(&self) -> &str {
        &self.reading.rules
    }
}

fn tidied(mut report: Report) -> Report {
    if report.why.chars().any(char::is_control) || report.why.chars().count() > limits::QUOTE_CHARS {
        report.why = report.why.chars().filter(|c| !c.is_control()).take(limits::QUOTE_CHARS).collect();
    }
    report
}
