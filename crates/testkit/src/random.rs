//! Numbers for randomised tests, the same for the same seed.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A generator of pseudo-random numbers (SplitMix64).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Returns the seed in the environment variable `READYWIRE_SEED`, or a new one; prints it, so
    /// that a failure can be repeated.
    pub fn seed() -> u64 {
        let seed = match std::env::var("READYWIRE_SEED") {
            Ok(seed) => seed.parse().expect("READYWIRE_SEED is a number"),
            Err(_) => RandomState::new().build_hasher().finish(),
        };
        println!("to repeat: READYWIRE_SEED={seed}");
        seed
    }

    /// Makes the generator that belongs to a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit as u64) as usize
    }

    /// Returns one of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
