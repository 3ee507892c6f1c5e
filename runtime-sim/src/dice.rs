//! Seeded choices.

use consort_core::random::Random;

/// A generator of choices; one per part of the world, so that one part's choices do not change another's.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Random);

impl Dice {
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Dice(Random::fork(bytes, part))
    }

    /// A number from 0 to `most`, both included.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        self.0.below(most.saturating_add(1))
    }

    /// True so often in a hundred.
    pub(crate) fn percent(&mut self, often: u64) -> bool {
        self.0.below(100) < often
    }

    /// A number from 0 to `most` whose order of magnitude is drawn first: small ones are frequent, large ones happen.
    pub(crate) fn magnitude(&mut self, most: u64) -> u64 {
        let bits = u64::from(64 - most.leading_zeros());
        let scale = self.up_to(bits);
        self.up_to((1_u64 << scale).min(most))
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.0.below(from.len() as u64) as usize]
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0.draw()
    }
}
