//! Answers doubts about what viewers show (see [`Doubt`](crate::dialect::Doubt)) by a snapshot once the output rests, and seldom
//! enough that a program which raises them all the time costs little.

use super::engine::{Engine, State};
use crate::backend::TerminalEvent;
use consort_core::TerminalId;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The output rests if nothing is printed for this time.
pub(super) const REST: Duration = Duration::from_millis(100);
/// So many rests after a doubt it is answered in any case, and so many lie between two answers.
const RESTS: u32 = 10;

/// The doubts about one pane.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Repair {
    /// When the first doubt came that was not answered.
    since: Option<Instant>,
    answered: Option<Instant>,
}

impl Repair {
    /// A doubt has come. True if it is the first one.
    pub(super) fn raise(&mut self, now: Instant) -> bool {
        let first = self.since.is_none();
        self.since.get_or_insert(now);
        first
    }

    /// When the doubt is to be answered, as far as is known; nothing if there is none.
    fn due(&self, printed: Instant, rest: Duration) -> Option<Instant> {
        let since = self.since?;
        let due = (printed + rest).min(since + rest * RESTS);
        Some(self.answered.map_or(due, |answered| due.max(answered + rest * RESTS)))
    }

    fn answer(&mut self, now: Instant) {
        (self.since, self.answered) = (None, Some(now));
    }

    /// No answer is needed any more: there is a gap, and a snapshot follows.
    pub(super) fn forget(&mut self) {
        self.since = None;
    }
}

impl State {
    /// Answers the doubt about a terminal now, or sees to it that it is answered later.
    pub(super) fn repair(&mut self, engine: &Rc<Engine>, id: TerminalId) {
        let Some(terminal) = self.terminals.get_mut(&id) else { return };
        let now = Instant::now();
        let Some(due) = terminal.repair.due(terminal.printed.0.unwrap_or(now), engine.config.repair_rest) else {
            return;
        };
        if !terminal.delivers() {
            terminal.repair.forget();
        } else if due <= now {
            terminal.repair.answer(now);
            engine.reports.terminal(id, TerminalEvent::Skipped);
        } else {
            let later = Rc::clone(engine);
            let task = async move {
                smol::Timer::at(due).await;
                later.state.borrow_mut().repair(&later, id);
            };
            engine.spawn(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_is_answered_when_the_output_rests() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut repair = Repair::default();
        assert_eq!(repair.due(start, REST), None);
        assert!(repair.raise(start) && !repair.raise(at(50)));
        assert_eq!(repair.due(at(50), REST), Some(at(150)));
        assert_eq!(repair.due(at(990), REST), Some(at(1_000)), "it is not put off for ever");
    }

    #[test]
    fn answers_are_seldom() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut repair = Repair::default();
        repair.raise(start);
        repair.answer(at(100));
        assert!(repair.raise(at(200)));
        assert_eq!(repair.due(at(200), REST), Some(at(1_100)));
    }
}
