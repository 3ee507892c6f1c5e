//! A machine's own clock: it began somewhere and runs a little too fast or too slow.

use crate::agenda::Millis;
use consort_core::Instant;

/// A clock that runs exactly.
pub(crate) const EXACT: u64 = 1_000;

/// Turns the world's time into a machine's and back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The world's time at which the present rate began.
    since: Millis,
    /// What the clock showed then.
    shown: Millis,
    /// Milliseconds that it counts in a second.
    rate: u64,
}

impl Clock {
    pub(crate) fn new(now: Millis, shown: Millis, rate: u64) -> Self {
        Clock { since: now, shown, rate }
    }

    pub(crate) fn at(&self, now: Millis) -> Instant {
        Instant::from_millis(self.shown + (now - self.since) * self.rate / EXACT)
    }

    /// The first moment of the world at which the clock shows `local` or more.
    pub(crate) fn when(&self, local: Instant) -> Millis {
        let ahead = local.as_millis().saturating_sub(self.shown);
        self.since.saturating_add(ahead.saturating_mul(EXACT).div_ceil(self.rate))
    }

    /// From now on it runs at another rate.
    pub(crate) fn set_rate(&mut self, now: Millis, rate: u64) {
        *self = Clock::new(now, self.at(now).as_millis(), rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_moment_comes_when_the_clock_shows_it_and_not_before(
            since in 0u64..9_999, shown in 0u64..9_999, rate in 500u64..2_000, ahead in 0u64..99_999,
        ) {
            let clock = Clock::new(since, shown, rate);
            let local = Instant::from_millis(shown + ahead);
            let when = clock.when(local);
            prop_assert!(clock.at(when) >= local);
            prop_assert!(when == since || clock.at(when - 1) < local);
        }
    }
}
