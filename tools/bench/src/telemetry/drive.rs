//! Repeats an operation on one thread or several, and times it.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::bench::Sample;
use crate::slice::{Sizes, Slice};

/// Repetitions of the first calibration shot, and of the longest.
const SIZES: Sizes = Sizes { step: 1_000, most: 200_000_000 };

/// How an operation is repeated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drive {
    pub(super) threads: usize,
    pub(super) slice: Slice,
}

impl Drive {
    /// Measures one operation on each thread, in nanoseconds. `repeat` does it as often as it is told.
    pub(super) fn nanos(self, repeat: impl Fn(u64) + Sync) -> Result<Sample> {
        let rate = self.slice.rate(SIZES, |count| self.shot(count, &repeat))?;
        Ok(Sample::of(1e9 / rate))
    }

    /// As [`Drive::nanos`], in shots of 100,000, after each of which `clean` is called and not timed.
    pub(super) fn nanos_cleaned(
        self,
        repeat: impl Fn(u64) + Sync,
        clean: impl Fn(),
    ) -> Result<Sample> {
        let sizes = Sizes { step: 1_000, most: 100_000 };
        let rate = self.slice.rate(sizes, |count| {
            let taken = self.shot(count, &repeat)?;
            clean();
            Ok(taken)
        })?;
        Ok(Sample::of(1e9 / rate))
    }

    /// The time until the slowest thread is done.
    fn shot(self, count: u64, repeat: &(impl Fn(u64) + Sync)) -> Result<Duration> {
        let together = Barrier::new(self.threads);
        let one = || {
            together.wait();
            let begun = Instant::now();
            repeat(count);
            begun.elapsed()
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(one)).collect();
            let taken = threads.into_iter().map(|thread| thread.join());
            let slowest = taken.map(|taken| taken.map_err(|_panic| anyhow!("a thread panicked")));
            slowest.collect::<Result<Vec<_>>>().map(|all| all.into_iter().max().unwrap_or_default())
        })
    }
}
