//! How what was measured is distributed.
//!
//! Buckets are log-linear, as in `HdrHistogram` (Tene): 32 of equal width for each power of two, so a value is
//! known to within 1.6 per cent. Up to 31 they are exact; from 2^44 on (five hours in nanoseconds) all
//! values are in the last one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use foundation_env::Lane;
use foundation_env::sync::Mutex;

use super::counter::add;
use super::window::Steps;
use super::{Distribution, Window};

/// The bits of a value that tell its bucket among those of its power of two.
const BITS: u32 = 5;
const PER_POWER: usize = 1 << BITS;
/// Bits of the largest value that has a bucket of its own.
const VALUE_BITS: u32 = 44;
/// How many there are: one row for the values below 32, and one for each further power of two.
pub(super) const BUCKETS: usize = PER_POWER * (VALUE_BITS - BITS + 1) as usize;

/// The bucket of a value.
#[inline]
fn bucket_of(value: u64) -> usize {
    let value = value.min((1 << VALUE_BITS) - 1);
    let shift =
        (u64::BITS - (value | (PER_POWER as u64 - 1)).leading_zeros()).saturating_sub(BITS + 1);
    let row = usize::from(value >> shift >= PER_POWER as u64) + shift as usize;
    (row << BITS) | ((value >> shift) as usize & (PER_POWER - 1))
}

/// The value in the middle of a bucket.
pub(super) fn middle_of(bucket: usize) -> u64 {
    let (row, column) = (bucket >> BITS, (bucket & (PER_POWER - 1)) as u64);
    match u32::try_from(row).unwrap_or(0).checked_sub(1) {
        None => column,
        Some(shift) => ((PER_POWER as u64 + column) << shift) + ((1 << shift) >> 1),
    }
}

/// Records values; clones record in the same series.
#[derive(Clone)]
pub struct Histogram(pub(super) Arc<HistogramCell>);

/// What is recorded, a place for each lane that is used, and the steps that are over.
#[derive(Default)]
pub(super) struct HistogramCell {
    places: [OnceLock<Box<Place>>; Lane::COUNT],
    steps: Mutex<Steps>,
}

struct Place {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Place {
    fn new() -> Box<Self> {
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Box::new(Self { counts, sum: AtomicU64::new(0), max: AtomicU64::new(0) })
    }
}

/// Everything that was recorded up to a moment.
pub(super) struct Totals {
    pub(super) counts: Vec<u64>,
    pub(super) sum: u64,
    pub(super) max: u64,
}

impl HistogramCell {
    fn totals(&self) -> Totals {
        let mut totals = Totals { counts: vec![0; BUCKETS], sum: 0, max: 0 };
        for place in self.places.iter().filter_map(OnceLock::get) {
            for (total, count) in totals.counts.iter_mut().zip(&place.counts) {
                *total += count.load(Ordering::Relaxed);
            }
            totals.sum = totals.sum.wrapping_add(place.sum.load(Ordering::Relaxed));
            totals.max = totals.max.max(place.max.load(Ordering::Relaxed));
        }
        totals
    }

    /// Ends a step of the windows.
    pub(super) fn step(&self) {
        let totals = self.totals();
        self.steps.lock().end(&totals);
    }

    /// Everything since the beginning, and each of the windows.
    pub(super) fn distributions(&self) -> (Distribution, [Distribution; Window::ALL.len()]) {
        let totals = self.totals();
        let steps = self.steps.lock();
        let windows = Window::ALL.map(|window| steps.window(window, &totals));
        (Distribution::of(&totals), windows)
    }
}

impl Histogram {
    /// Records a value.
    #[inline]
    pub fn record(&self, value: u64) {
        let lane = Lane::current();
        #[expect(clippy::indexing_slicing, reason = "there is a place for each lane")]
        let place = self.0.places[lane.index()].get_or_init(Place::new);
        #[expect(clippy::indexing_slicing, reason = "no value has a bucket beyond the last")]
        add(&place.counts[bucket_of(value)], 1, lane);
        add(&place.sum, value, lane);
        if place.max.load(Ordering::Relaxed) < value {
            place.max.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// What was recorded since the beginning.
    pub fn total(&self) -> Distribution {
        self.0.distributions().0
    }

    /// What was recorded in a window.
    pub fn window(&self, window: Window) -> Distribution {
        let totals = self.0.totals();
        self.0.steps.lock().window(window, &totals)
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Histogram").field(&self.total()).finish()
    }
}

#[cfg(test)]
mod tests;
