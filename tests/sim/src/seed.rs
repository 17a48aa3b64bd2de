//! Numbers that look random and are the same in every run of the same seed.

/// SplitMix64: a small generator whose whole state is its seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed and of who throws them.
    pub fn new(seed: u64, who: &[u64]) -> Self {
        let mut dice = Self(seed);
        for part in who {
            dice.0 = dice.next().wrapping_add(part.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        dice
    }
    /// The next 64 bits.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `bound`; zero when `bound` is.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }
    /// True in `rate` of all throws; `rate` is from 0 to 1.
    pub fn chance(&mut self, rate: f64) -> bool {
        ((self.next() >> 11) as f64 / (1u64 << 53) as f64) < rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_rates_hold() {
        let throws = |seed| (0..8).map(|_| Dice::new(seed, &[1, 2]).next()).collect::<Vec<_>>();
        assert_eq!(throws(7), throws(7));
        assert_ne!(throws(7), throws(8));
        let mut dice = Dice::new(1, &[]);
        let hits = (0..10_000).filter(|_| dice.chance(0.05)).count();
        assert!((400..600).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| dice.below(13) < 13));
    }
}
