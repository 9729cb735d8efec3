use foundation_env::Random;
use std::ops::RangeInclusive;

/// One draw in so many of [`Swarm::range`] is each of the two ends.
const END_ODDS: u64 = 8;

/// The greatest weight of an operation. Small, so that rare and common operations both occur in a run.
const WEIGHT_MAX: u64 = 10;

/// A source of run options that follow from a seed.
///
/// Faults hide behind features that are on in every run (Groce et al. 2012, "Swarm testing"): leaving
/// operations out, differently in each run, finds more than always mixing all of them.
#[derive(Clone, Debug)]
pub struct Swarm {
    random: Random,
}

/// How often each operation of a run occurs, relative to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights(Vec<u64>);

impl Weights {
    /// Returns the weight of an operation; 0 if it is left out of this run or does not exist.
    pub fn of(&self, operation: usize) -> u64 {
        self.0.get(operation).copied().unwrap_or(0)
    }
}

impl Swarm {
    /// Creates the source of a seed. Its draws are unrelated to those of a simulation with that seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed ^ 0x5377_6172_6d00_0000) }
    }

    /// Draws from a range, each end more often than the middle, since faults live at the ends.
    pub fn range(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (start, end) = range.into_inner();
        match self.random.below(END_ODDS) {
            0 => start,
            1 => end.max(start),
            _ => match end.saturating_sub(start).checked_add(1) {
                Some(width) => start + self.random.below(width),
                None => self.random.next_u64(),
            },
        }
    }

    /// Draws from `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        self.random.unit()
    }

    /// Answers `true` with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.random.unit() < probability
    }

    /// Chooses one of the items, or `None` if there are none.
    #[expect(clippy::cast_possible_truncation, reason = "the draw is below a length in memory")]
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.random.below(items.len() as u64) as usize)
    }

    /// Draws the weights of a run for `operations` kinds of operations: about half are left out, at least
    /// one is kept.
    #[expect(clippy::cast_possible_truncation, reason = "the draw is below a length in memory")]
    pub fn weights(&mut self, operations: usize) -> Weights {
        let mut draw = |_| {
            let kept = self.random.next_u64() & 1;
            kept * (1 + self.random.below(WEIGHT_MAX))
        };
        let mut weights: Vec<u64> = (0..operations).map(&mut draw).collect();
        if weights.iter().all(|&weight| weight == 0) {
            let kept = self.random.below(operations as u64) as usize;
            if let Some(weight) = weights.get_mut(kept) {
                *weight = 1;
            }
        }
        Weights(weights)
    }

    /// Picks the index of an operation by the weights; one that is left out is never picked.
    pub fn pick(&mut self, weights: &Weights) -> usize {
        let mut left = self.random.below(weights.0.iter().sum());
        let found = weights.0.iter().position(|&weight| {
            let here = left < weight;
            left = left.saturating_sub(weight);
            here
        });
        found.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
