//! Randomness: ChaCha12 from the runtime's seed, one independent generator per component, so that one component's draws
//! never change another's.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A generator that gives the same numbers for the same seed and label, on every machine.
#[derive(Clone, Debug)]
pub struct Random(ChaCha12Rng);

impl Random {
    /// The generator of the component `label` (its stream number in ChaCha).
    #[must_use]
    pub fn fork(seed: [u8; 32], label: u64) -> Self {
        let mut generator = ChaCha12Rng::from_seed(seed);
        generator.set_stream(label);
        Random(generator)
    }

    /// 64 random bits.
    pub fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 if `bound` is 0. The bias is below 2⁻³² for bounds that fit 32 bits.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw() % bound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_s_numbers_do_not_depend_on_other_labels() {
        let mut first = Random::fork([7; 32], 1);
        let mut second = Random::fork([7; 32], 2);
        let alone: [u64; 4] = core::array::from_fn(|_| first.draw());
        let mut again = Random::fork([7; 32], 1);
        let mixed: [u64; 4] = core::array::from_fn(|_| {
            second.draw();
            again.draw()
        });
        assert_eq!(alone, mixed);
        assert_ne!(alone[0], Random::fork([7; 32], 2).draw());
    }
}
