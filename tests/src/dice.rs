//! Numbers that look random and are the same in every run of a seed.

/// The dice.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// For a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        self.roll() as f64 / f64::from(u32::MAX >> 1)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.roll() as usize % end
    }

    /// One of several.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
