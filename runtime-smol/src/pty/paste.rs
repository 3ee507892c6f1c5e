//! When Enter is pressed after a paste, and when a program is given up that does not read.
//!
//! An Enter that arrives together with a pasted text is taken for a part of it by several programs. So it is pressed when the
//! program has shown something and then been quiet for a moment; a program that shows nothing gets it after a while.

use std::time::{Duration, Instant};

/// How long the program is quiet before it counts as having taken the text.
const QUIET: Duration = Duration::from_millis(80);
/// How long to wait for that at most.
const TAKE: Duration = Duration::from_millis(1_500);
/// How long a program may read nothing of the text.
const STALL: Duration = Duration::from_secs(10);

/// What is to be done next for a paste.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing before this time.
    Wait(Instant),
    /// Press Enter; call [`Paste::pressed`].
    PressEnter,
    /// It is finished; whether Enter was pressed.
    Finished(bool),
    /// The program does not read.
    Stalled,
}

/// A paste under way.
#[derive(Debug)]
pub(super) struct Paste {
    submit: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The text is being written; the last progress.
    Writing(Instant),
    /// The text is written since then; the last output after that.
    Taking(Instant, Option<Instant>),
    /// Enter is being written; the last progress.
    Submitting(Instant),
}

impl Paste {
    pub(super) fn new(submit: bool, now: Instant) -> Self {
        Paste { submit, stage: Stage::Writing(now) }
    }

    /// Something of it was written; `left` bytes are not.
    pub(super) fn progress(&mut self, left: usize, now: Instant) {
        match self.stage {
            Stage::Writing(_) if left == 0 => self.stage = Stage::Taking(now, None),
            Stage::Writing(_) => self.stage = Stage::Writing(now),
            Stage::Submitting(_) | Stage::Taking(..) => {}
        }
    }

    /// The program showed something.
    pub(super) fn output(&mut self, now: Instant) {
        if let Stage::Taking(_, last) = &mut self.stage {
            *last = Some(now);
        }
    }

    /// Enter was handed over.
    pub(super) fn pressed(&mut self, now: Instant) {
        self.stage = Stage::Submitting(now);
    }

    /// What to do now; `left` bytes are not written.
    pub(super) fn step(&self, left: usize, now: Instant) -> Step {
        match self.stage {
            Stage::Writing(since) | Stage::Submitting(since) if left > 0 => {
                let until = since + STALL;
                if now >= until { Step::Stalled } else { Step::Wait(until) }
            }
            Stage::Submitting(_) => Step::Finished(true),
            Stage::Writing(_) | Stage::Taking(..) if !self.submit => Step::Finished(false),
            // An empty text: only Enter.
            Stage::Writing(_) => Step::PressEnter,
            Stage::Taking(since, last) => {
                let until = last.map_or(since + TAKE, |last| (last + QUIET).min(since + TAKE));
                if now >= until { Step::PressEnter } else { Step::Wait(until) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_is_pressed_when_the_program_has_shown_the_text_and_is_quiet() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut paste = Paste::new(true, start);
        assert_eq!(paste.step(5, at(1)), Step::Wait(start + STALL));
        paste.progress(0, at(10));
        paste.output(at(20));
        paste.output(at(70));
        assert_eq!(paste.step(0, at(149)), Step::Wait(at(150)));
        assert_eq!(paste.step(0, at(150)), Step::PressEnter);
        paste.pressed(at(150));
        assert_eq!(paste.step(1, at(151)), Step::Wait(at(150) + STALL));
        assert_eq!(paste.step(0, at(152)), Step::Finished(true));
    }

    #[test]
    fn a_program_that_shows_nothing_or_never_stops_gets_enter_after_a_while() {
        let start = Instant::now();
        let mut paste = Paste::new(true, start);
        paste.progress(0, start);
        assert_eq!(paste.step(0, start), Step::Wait(start + TAKE));
        paste.output(start + TAKE - Duration::from_millis(1));
        assert_eq!(paste.step(0, start + TAKE), Step::PressEnter);
    }

    #[test]
    fn without_submit_a_paste_is_finished_when_it_is_written() {
        let start = Instant::now();
        let mut paste = Paste::new(false, start);
        paste.progress(0, start);
        assert_eq!(paste.step(0, start), Step::Finished(false));
    }

    #[test]
    fn a_program_that_does_not_read_is_given_up() {
        let start = Instant::now();
        let paste = Paste::new(true, start);
        assert_eq!(paste.step(9, start + STALL), Step::Stalled);
    }
}
