//! Pseudo-random numbers: not for secrets, only for jitter, sampling and schedules.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::lane::Lane;

/// The increment of `SplitMix64`: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Scrambles a counter value (the output function of `SplitMix64`, Steele, Lea and Flood 2014).
pub(crate) const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A source many threads draw from: `SplitMix64`, whose only state is a counter, so a draw is one atomic
/// addition and never waits. One that no seed decides has several counters, so that threads do not
/// contend for one.
#[derive(Debug)]
pub(crate) struct SharedRandom(Box<[Counter]>);

/// Alone on the pair of cache lines that processors fetch together.
#[derive(Debug)]
#[repr(align(128))]
struct Counter(AtomicU64);

impl SharedRandom {
    /// What one thread draws, and nobody else does, is decided by the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Box::new([Counter(AtomicU64::new(seed))]))
    }

    /// Seeds from the operating system, through the keys std takes for its hash maps.
    pub(crate) fn from_entropy() -> Self {
        let keys = RandomState::new();
        Self(
            (0..Lane::COUNT)
                .map(|counter| Counter(AtomicU64::new(keys.hash_one(counter))))
                .collect(),
        )
    }

    pub(crate) fn next(&self) -> u64 {
        let counter = match &*self.0 {
            [only] => only,
            several =>
            {
                #[expect(clippy::indexing_slicing, reason = "there is one for each lane")]
                &several[Lane::current().index()]
            }
        };
        // Relaxed: the counter orders nothing, each value only has to be handed out once.
        mix(counter.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA))
    }
}

/// An owned generator that one seed decides: xoshiro256++ (Blackman and Vigna 2019), seeded by
/// `SplitMix64` as its authors advise. A simulation draws from it, and so may a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random([u64; 4]);

impl Random {
    /// Creates the generator of a seed; different seeds give unrelated sequences.
    pub fn new(seed: u64) -> Self {
        let mut counter = seed;
        Self(std::array::from_fn(|_| {
            counter = counter.wrapping_add(GAMMA);
            mix(counter)
        }))
    }

    /// Draws 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.0;
        let result = s0.wrapping_add(*s3).rotate_left(23).wrapping_add(*s0);
        let shifted = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= shifted;
        *s3 = s3.rotate_left(45);
        result
    }

    /// Draws uniformly from `0..n`; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        below(n, || self.next_u64())
    }

    /// Draws uniformly from `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        unit(self.next_u64())
    }
}

/// Draws uniformly from `0..n` without bias (Lemire 2019, "Fast random integer generation in an
/// interval"); 0 if `n` is 0.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a product are wanted")]
pub(crate) fn below(n: u64, mut next: impl FnMut() -> u64) -> u64 {
    let mut product = u128::from(next()) * u128::from(n);
    if (product as u64) < n {
        // n > 0 here, since nothing is below 0. The loop is entered with probability n / 2^64 and left
        // with probability above one half each time.
        let threshold = n.wrapping_neg() % n;
        while (product as u64) < threshold {
            product = u128::from(next()) * u128::from(n);
        }
    }
    (product >> 64) as u64
}

/// Maps 64 random bits to `[0, 1)` with 53 bits of resolution, all an `f64` holds.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
