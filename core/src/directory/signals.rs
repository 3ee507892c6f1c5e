//! The state of an agent, from what its terminals do; pure.

use super::ages::Former;
use super::pane::{Pane, Sight, Verdict};
use super::signal::{Asked, Evidence, Signal};
use super::state::{AgentState, Source, StateKind};
use crate::limits;
use crate::time::{Duration, Instant};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What is to be known of a terminal before something is typed into it unasked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    /// The name of the rules by which its screen was read.
    pub(super) rules: &'a str,
    /// When a person typed there last.
    pub(super) person_typed_at: Option<Instant>,
}

/// Since when, and how long before the start of the node it was so.
type Since = (Instant, Duration);

/// The signals of one agent and the state they make.
#[derive(Clone, Debug)]
pub(super) struct Signals {
    /// A carrier exists.
    running: bool,
    /// Why none exists.
    stopped_why: String,
    /// In the order in which a person sees them.
    panes: Vec<Pane>,
    /// It has worked and nobody has looked since.
    unseen_work: bool,
    state: AgentState,
    /// The state before: what, since when, until when.
    before: Option<(StateKind, Since, Instant)>,
    /// The state in the node's former life, and until when it counts once it is running.
    former: Option<Former>,
    former_until: Option<Instant>,
    /// It has become *done*: whether somebody looks is to be found out.
    done_now: Option<Instant>,
    /// Questions asked so far.
    questions: u64,
    /// Makes ids of questions differ between agents and lives of the node.
    salt: u64,
    decided_at: Instant,
}

impl Signals {
    pub(super) fn new(now: Instant) -> Self {
        let state = AgentState {
            kind: StateKind::Unknown,
            source: Source::None,
            why: "not looked at yet".to_string(),
            since: now,
            earlier: Duration::default(),
            asked: None,
        };
        Signals {
            running: false,
            stopped_why: "it was not started yet".to_string(),
            panes: Vec::new(),
            unseen_work: false,
            state,
            before: None,
            former: None,
            former_until: None,
            done_now: None,
            questions: 0,
            salt: 0,
            decided_at: now,
        }
    }

    /// What makes the ids of its questions differ from those of others.
    pub(super) fn salted(mut self, salt: u64) -> Self {
        self.salt = salt;
        self
    }

    /// In the node's former life it was in this state.
    pub(super) fn was(mut self, former: Option<Former>) -> Self {
        self.former = former;
        self
    }

    /// It is being started: what it was before counts no more.
    pub(super) fn starts(&mut self) {
        self.former = None;
    }

    pub(super) fn state(&self) -> &AgentState {
        &self.state
    }

    /// The carrier is there and its terminals look like this.
    pub(super) fn observed<'a>(&mut self, now: Instant, sights: impl Iterator<Item = Sight<'a>>) {
        if !self.running {
            (self.running, self.unseen_work) = (true, false);
            self.former_until = Some(now + limits::FORMER_STATE_TIME);
            self.panes.clear();
        }
        let mut before = core::mem::take(&mut self.panes);
        for sight in sights {
            let known = before.iter().position(|pane| pane.number == sight.pane).map(|at| before.swap_remove(at));
            let mut pane = known.unwrap_or_else(|| Pane::new(sight.pane, now));
            pane.observed(now, sight);
            self.panes.push(pane);
        }
    }

    /// There is no carrier (any more), and why.
    pub(super) fn stopped(&mut self, why: &str) {
        self.running = false;
        self.stopped_why = why.to_string();
    }

    fn pane(&mut self, number: u32) -> Option<&mut Pane> {
        self.panes.iter_mut().find(|pane| pane.number == number)
    }

    /// A terminal printed something.
    pub(super) fn printed(&mut self, now: Instant, pane: u32) {
        if let Some(pane) = self.pane(pane) {
            pane.printed(now);
        }
    }

    /// Somebody typed into a terminal.
    pub(super) fn typed(&mut self, now: Instant, pane: u32) {
        (self.before, self.former) = (None, None);
        if let Some(pane) = self.pane(pane) {
            pane.typed(now);
        }
    }

    /// A terminal has another size.
    pub(super) fn resized(&mut self, now: Instant, pane: u32) {
        if let Some(pane) = self.pane(pane) {
            pane.resized(now);
        }
    }

    /// A signal of a terminal's program.
    pub(super) fn signal(&mut self, now: Instant, pane: u32, signal: Signal) {
        let id = question_id(self.salt, self.questions);
        let mut used = false;
        if let Some(pane) = self.panes.iter_mut().find(|known| known.number == pane) {
            pane.signal(now, signal, || {
                used = true;
                id
            });
        }
        self.questions += u64::from(used);
    }

    /// A person looks at it (now).
    pub(super) fn looked_at(&mut self, now: Instant) {
        if self.state.kind != StateKind::Working && !self.panes.iter().any(|pane| pane.is_printing(now)) {
            self.unseen_work = false;
            self.former.take_if(|former| former.kind == StateKind::Done);
        }
    }

    /// It has just become *done*, and nobody has found out yet whether somebody looks.
    pub(super) fn take_done(&mut self) -> bool {
        self.done_now.take().is_some()
    }

    /// When [`settle`](Self::settle) or [`decide`](Self::decide) has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let panes = self.panes.iter().filter(|_| self.running).filter_map(|pane| pane.deadline(self.decided_at));
        panes.chain(self.done_now).min()
    }

    /// The terminals whose screens are to be read now.
    pub(super) fn settle(&mut self, now: Instant) -> Vec<u32> {
        let running = self.running;
        let due = |pane: &mut Pane| (running && pane.settle(now)).then_some(pane.number);
        self.panes.iter_mut().filter_map(due).collect()
    }

    /// The question with this id, if it is asked now.
    pub(super) fn asked(&self, id: u64) -> Option<&Asked> {
        self.panes.iter().filter_map(|pane| pane.asked.as_ref()).map(|(asked, _)| asked).find(|asked| asked.id == id)
    }

    /// Why somebody who types into this terminal now would answer a question.
    pub(super) fn asks(&self, now: Instant, pane: u32) -> Option<String> {
        let verdict = self.panes.iter().find(|known| known.number == pane)?.verdict(now, &self.state);
        let asks = verdict.kind == StateKind::Waiting && verdict.source != Source::Bell;
        asks.then_some(verdict.why)
    }

    /// Why what is typed into this terminal now would go to a program that works. A shell takes what is typed next.
    pub(super) fn works(&self, now: Instant, pane: u32) -> Option<String> {
        let pane = self.panes.iter().find(|known| known.number == pane && !known.shell)?;
        let verdict = pane.verdict(now, &self.state);
        (verdict.kind == StateKind::Working).then_some(verdict.why)
    }

    /// A person typed into a terminal, with keys or a paste: that person has seen what came of the work before, whatever is printed now.
    pub(super) fn person_typed(&mut self, now: Instant, pane: u32) {
        if self.state.kind != StateKind::Working {
            self.unseen_work = false;
        }
        if let Some(pane) = self.pane(pane) {
            pane.person_typed_at = Some(now);
        }
    }

    /// What is to be known of a terminal, or of the one that keys go to, before something is typed into it unasked.
    pub(super) fn sight(&self, pane: Option<u32>) -> Option<Spot<'_>> {
        let found = match pane {
            Some(number) => self.panes.iter().find(|pane| pane.number == number),
            None => self.main(),
        };
        found.map(|pane| Spot { rules: pane.rules(), person_typed_at: pane.person_typed_at })
    }

    /// What stands on the line for texts of the program in a terminal, whether that stands for something pasted, and what screen it was read from;
    /// none if it has no such line that is known.
    pub(super) fn composer(&self, pane: u32) -> Option<(&str, bool, u64)> {
        self.panes.iter().find(|known| known.number == pane)?.composer()
    }

    /// The screen of a terminal says by itself that its program works or has failed.
    pub(super) fn reads_as_busy(&self, pane: u32) -> bool {
        self.panes.iter().any(|known| known.number == pane && known.reads_as_busy())
    }

    /// An answer is handed to the terminal.
    pub(super) fn answering(&mut self, now: Instant, pane: u32) {
        self.typed(now, pane);
        if let Some(pane) = self.pane(pane) {
            pane.answering = true;
        }
    }

    /// The answer was typed, and the screen does not show yet what comes of it; or it was not.
    pub(super) fn answered(&mut self, now: Instant, pane: u32, typed: bool) {
        if let Some(pane) = self.pane(pane).filter(|pane| pane.answering) {
            pane.answering = false;
            pane.keyed_at = typed.then_some(now);
        }
    }

    /// An answer is being typed, or was a moment ago and the program may not have reacted yet.
    pub(super) fn is_answered(&self, now: Instant, pane: u32) -> bool {
        let just = |at: Instant| now.since(at) < limits::ANSWER_TIME;
        let pane = self.panes.iter().find(|known| known.number == pane);
        pane.is_some_and(|pane| pane.answering || pane.keyed_at.is_some_and(just))
    }

    /// The keys for a choice of the question that a terminal asks.
    pub(super) fn keys_for(&self, pane: u32, choice: &str) -> Option<&[u8]> {
        self.panes.iter().find(|known| known.number == pane)?.keys_for(choice)
    }

    /// The keys that open the place for an answer in words, if it is not open.
    pub(super) fn keys_for_words(&self, pane: u32) -> Option<&[u8]> {
        self.panes.iter().find(|known| known.number == pane)?.keys_for_words()
    }

    /// The screen of this terminal is being read for somebody who answers.
    pub(super) fn read_now(&mut self, now: Instant, pane: u32) {
        if let Some(pane) = self.pane(pane) {
            pane.read_now(now);
        }
    }

    /// Until when the program in a terminal is waited for, if it has only been started: see [`Pane::starts_until`]. Its screen is read
    /// again soon.
    pub(super) fn starts_until(&mut self, now: Instant, pane: u32) -> Option<Instant> {
        let pane = self.pane(pane)?;
        let until = pane.starts_until(now)?;
        pane.look_soon(now);
        Some(until)
    }

    /// Every signal with its age.
    pub(super) fn evidence(&self, now: Instant) -> Vec<Evidence> {
        self.panes.iter().flat_map(|pane| pane.evidence(now, &self.state)).collect()
    }

    /// The name of the rules by which the screen of the terminal that decides was read.
    pub(super) fn rules(&self) -> &str {
        self.main().map_or("", Pane::rules)
    }

    fn main(&self) -> Option<&Pane> {
        self.panes.iter().find(|pane| pane.active).or(self.panes.first())
    }

    /// Decides anew. Returns whether the state differs from before.
    pub(super) fn decide(&mut self, now: Instant) -> bool {
        self.decided_at = now;
        let worked = self.state.kind == StateKind::Working
            && match self.state.source {
                // It says itself that it works, however short.
                Source::Hook => true,
                Source::Output => false,
                _ => now.since(self.state.since) >= limits::WORK_TIME,
            };
        let (mut verdict, asked) = self.decision(now);
        if worked || verdict.kind == StateKind::Working && self.panes.iter().any(|pane| pane.burst_worked) {
            self.unseen_work = true;
        }
        if verdict.kind != StateKind::Working {
            self.panes.iter_mut().for_each(|pane| pane.burst_worked = false);
        }
        if self.former_until.is_some_and(|until| until <= now) {
            self.former = None;
        }
        // Nobody has looked since the node's former life.
        self.unseen_work |= verdict.kind == StateKind::Idle
            && self.former.as_ref().is_some_and(|former| former.kind == StateKind::Done);
        if verdict.kind == StateKind::Idle && self.unseen_work {
            verdict.kind = StateKind::Done;
            match verdict.source {
                Source::Output => verdict.why = "it worked and has become quiet".to_string(),
                Source::Process => verdict.why = "the command has ended".to_string(),
                _ => {}
            }
        }
        let Verdict { kind, source, why } = verdict;
        let old = &self.state;
        let changed = kind != old.kind || source != old.source || why != old.why || asked != old.asked;
        if changed {
            let same = (self.state.since, self.state.earlier);
            let former = self.former.as_ref().filter(|former| former.is(kind, asked.as_ref()));
            let (since, earlier) = match former {
                Some(former) => former.since,
                None if kind == self.state.kind => same,
                None => self.since(now, kind),
            };
            if kind != self.state.kind {
                self.before = Some((self.state.kind, same, now));
                self.done_now = (kind == StateKind::Done).then_some(now);
            }
            self.state = AgentState { kind, source, why, since, earlier, asked };
        }
        changed
    }

    /// Since when it is of this kind, which is another than before: something else for a moment does not make it begin anew.
    fn since(&self, now: Instant, kind: StateKind) -> Since {
        let before = self.before.filter(|(before, _, until)| *before == kind && now.since(*until) <= limits::FLAP_TIME);
        // What was so when somebody looked first has been so at least since then.
        let printed = self.panes.iter().any(|pane| pane.last_output.is_some());
        let first = self.state.kind == StateKind::Unknown && !printed && kind != StateKind::Working;
        let new = (if first { self.state.since } else { now }, Duration::default());
        before.map_or(new, |(_, since, _)| since)
    }

    /// What the terminals do together: a question anywhere counts most, then what has failed, then work.
    fn decision(&self, now: Instant) -> (Verdict, Option<Asked>) {
        if !self.running {
            return (Verdict::new(StateKind::Exited, Source::Process, &self.stopped_why), None);
        }
        let Some(main) = self.main() else {
            return (Verdict::new(StateKind::Idle, Source::Output, "it is quiet"), None);
        };
        let others = self.panes.iter().filter(|pane| pane.number != main.number);
        let all: Vec<(&Pane, Verdict)> =
            core::iter::once(main).chain(others).map(|pane| (pane, pane.verdict(now, &self.state))).collect();
        for kind in [StateKind::Waiting, StateKind::Failed, StateKind::Working] {
            if let Some((pane, verdict)) = all.iter().find(|(_, verdict)| verdict.kind == kind) {
                let asked = pane.asked.as_ref().filter(|_| kind == StateKind::Waiting).map(|(asked, _)| asked.clone());
                return (verdict.clone(), asked);
            }
        }
        // What runs beside a shell is what counts.
        let busy = all.iter().find(|(pane, _)| !pane.shell);
        let ended = all.iter().find(|(_, verdict)| verdict.kind == StateKind::Exited);
        let verdict = busy.or(ended).map_or_else(|| all[0].1.clone(), |(_, verdict)| verdict.clone());
        (verdict, None)
    }
}

/// A number for a question that nobody confuses with another one.
fn question_id(salt: u64, count: u64) -> u64 {
    let mixed = (salt ^ count.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    mixed ^ mixed >> 32
}

#[cfg(test)]
#[path = "signals_tests.rs"]
mod tests;
