//! When a pane prints faster than anybody can read: pause its output and take looks instead. Pure.
//!
//! Reading every byte in control mode halves the speed of a program that floods its terminal, because tmux encodes byte by
//! byte. So a flooding pane is paused and viewers get a snapshot every [`LOOK`]. Whether the flood is over shows when output is
//! let through for a moment; that is costly while it is not, so it is done only when the screen stands still, when somebody
//! types, and now and then.

use std::time::{Duration, Instant};

/// Bytes that a pane may print at once.
const BURST_BYTES: u64 = 256 << 10;
/// Bytes per second that it may print for ever.
const RATE_BYTES: u64 = 1 << 20;
/// Time between two looks at least,
const LOOK: Duration = Duration::from_millis(150);
/// at most,
const SLOWEST_LOOK: Duration = Duration::from_millis(1_000);
/// and otherwise so many times as long as tmux takes to answer: on a busy machine looks must not make it busier.
const LOOK_FACTOR: u32 = 30;
/// Looks after which output is let through for a moment in any case.
const LOOKS_PER_PROBE: u32 = 5;
/// What somebody types has had an effect after this time.
const REACTION: Duration = Duration::from_millis(20);
/// How long a look at whether the flood is over lasts,
const PROBE: Duration = Duration::from_millis(30);
/// and how many bytes end it early: the flood goes on.
const PROBE_BYTES: u64 = 8 << 10;

/// The flow of one watched pane.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    phase: Phase,
    /// Time between two looks.
    look: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Output is delivered. `level` is what was printed recently.
    Live { level: u64, at: Instant },
    /// tmux keeps the output to itself until then.
    Paused { until: Instant, looks: u32 },
    /// tmux lets output through to see how much there is.
    Probing { until: Instant, bytes: u64 },
}

/// What to do with output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Pass it on.
    Deliver,
    /// Nobody will miss it: a snapshot follows.
    Drop,
    /// The same, and tell tmux to pause the pane.
    Pause,
}

/// What to do at a [`Flow::deadline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Too early.
    Nothing,
    /// Say that output was skipped.
    Look,
    /// The same, and tell tmux to go on.
    Probe,
    /// The flood is over: say that output was skipped; from here on it is delivered again.
    Resume,
}

impl Flow {
    /// A flow that begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Flow { phase: Phase::Live { level: 0, at: now }, look: LOOK }
    }

    /// The pane printed `bytes`.
    pub fn printed(&mut self, now: Instant, bytes: usize) -> Verdict {
        let bytes = bytes as u64;
        match &mut self.phase {
            Phase::Live { level, at } => {
                let elapsed = now.saturating_duration_since(*at).min(Duration::from_secs(1));
                let drained = RATE_BYTES * elapsed.as_micros() as u64 / 1_000_000;
                *level = level.saturating_sub(drained) + bytes;
                *at = now;
                if *level <= BURST_BYTES {
                    return Verdict::Deliver;
                }
            }
            Phase::Paused { .. } => return Verdict::Drop,
            Phase::Probing { bytes: seen, .. } => {
                *seen += bytes;
                if *seen <= PROBE_BYTES {
                    return Verdict::Drop;
                }
            }
        }
        self.paused(now);
        Verdict::Pause
    }

    /// tmux paused the pane, by our wish or because we were slow.
    pub fn paused(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Paused { .. }) {
            self.phase = Phase::Paused { until: now + self.look, looks: 0 };
        }
    }

    /// When [`step`](Flow::step) has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Live { .. } => None,
            Phase::Paused { until, .. } | Phase::Probing { until, .. } => Some(until),
        }
    }

    /// Whether output is delivered.
    #[must_use]
    pub fn live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// tmux took so long to answer a question while the pane was paused.
    pub fn answered(&mut self, took: Duration) {
        self.look = (took * LOOK_FACTOR).clamp(LOOK, SLOWEST_LOOK);
    }

    /// The screen has not changed since the last look: the next step lets output through. True if there is such a step.
    pub fn still(&mut self, now: Instant) -> bool {
        self.hurry(now)
    }

    /// Somebody typed, perhaps to end the flood: the next step, soon, lets output through. True if there is such a step.
    pub fn typed(&mut self, now: Instant) -> bool {
        self.hurry(now + REACTION)
    }

    fn hurry(&mut self, at: Instant) -> bool {
        let Phase::Paused { until, looks } = &mut self.phase else { return false };
        *until = at.min(*until);
        *looks = LOOKS_PER_PROBE;
        true
    }

    /// Does what is due.
    pub fn step(&mut self, now: Instant) -> Step {
        match self.phase {
            Phase::Paused { until, looks } if until <= now => {
                if looks + 1 >= LOOKS_PER_PROBE {
                    self.phase = Phase::Probing { until: now + PROBE, bytes: 0 };
                    return Step::Probe;
                }
                self.phase = Phase::Paused { until: now + self.look, looks: looks + 1 };
                Step::Look
            }
            Phase::Probing { until, .. } if until <= now => {
                // Half full: a flood that goes on in bursts is paused again soon.
                self.phase = Phase::Live { level: BURST_BYTES / 2, at: now };
                Step::Resume
            }
            _ => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_program_that_prints_steadily_is_never_paused() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        for tick in 0..1_000 {
            assert_eq!(flow.printed(after(start, tick * 10), 10_000), Verdict::Deliver);
        }
    }

    #[test]
    fn a_burst_is_delivered_and_a_flood_is_paused() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        assert_eq!(flow.printed(start, 250_000), Verdict::Deliver);
        assert_eq!(flow.printed(after(start, 1), 50_000), Verdict::Pause);
        assert_eq!(flow.printed(after(start, 2), 50_000), Verdict::Drop);
        assert!(!flow.live());
    }

    #[test]
    fn a_flood_that_goes_on_is_looked_at_and_paused_again() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        flow.printed(start, 1 << 20);
        assert_eq!(flow.step(after(start, 149)), Step::Nothing);
        for look in 1..5 {
            assert_eq!(flow.step(after(start, 150 * look)), Step::Look);
        }
        assert_eq!(flow.step(after(start, 750)), Step::Probe);
        assert_eq!(flow.printed(after(start, 751), 4_000), Verdict::Drop);
        assert_eq!(flow.printed(after(start, 752), 6_000), Verdict::Pause);
        assert_eq!(flow.deadline(), Some(after(start, 902)));
    }

    #[test]
    fn when_the_flood_is_over_output_is_delivered_again() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        flow.printed(start, 1 << 20);
        assert_eq!(flow.step(after(start, 150)), Step::Look);
        assert!(flow.still(after(start, 150)));
        assert_eq!(flow.step(after(start, 150)), Step::Probe);
        assert_eq!(flow.printed(after(start, 160), 100), Verdict::Drop);
        assert_eq!(flow.step(after(start, 180)), Step::Resume);
        assert!(flow.live());
        assert_eq!(flow.printed(after(start, 181), 100), Verdict::Deliver);
    }

    #[test]
    fn a_pane_that_tmux_paused_comes_back_by_itself() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        flow.paused(start);
        assert_eq!(flow.step(after(start, 150)), Step::Look);
    }

    #[test]
    fn a_busy_tmux_is_looked_at_less_often() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        flow.answered(Duration::from_millis(10));
        flow.printed(start, 1 << 20);
        assert_eq!(flow.deadline(), Some(after(start, 300)));
        flow.answered(Duration::from_secs(9));
        assert_eq!(flow.step(after(start, 300)), Step::Look);
        assert_eq!(flow.deadline(), Some(after(start, 1_300)));
    }

    #[test]
    fn a_key_that_ends_the_flood_shows_soon() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        assert!(!flow.typed(start), "nothing to hurry while output flows");
        flow.printed(start, 1 << 20);
        assert!(flow.typed(after(start, 10)));
        assert_eq!(flow.deadline(), Some(after(start, 30)));
        assert_eq!(flow.step(after(start, 30)), Step::Probe);
    }
}
