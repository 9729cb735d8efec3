//! What only grows.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foundation_env::{Lane, fault};

/// Counts; clones count in the same series.
#[derive(Clone)]
pub struct Counter(pub(super) Arc<LaneCounter>);

/// A number for each lane, each alone on the pair of cache lines that processors fetch together.
#[derive(Default)]
pub(crate) struct LaneCounter([Place; Lane::COUNT]);

#[derive(Default)]
#[repr(align(128))]
struct Place(AtomicU64);

impl LaneCounter {
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        let lane = Lane::current();
        #[expect(clippy::indexing_slicing, reason = "there is a place for each lane")]
        add(&self.0[lane.index()].0, count, lane);
    }

    pub(crate) fn get(&self) -> u64 {
        let places = self.0.iter().map(|place| place.0.load(Ordering::Relaxed));
        places.fold(0, u64::wrapping_add)
    }
}

/// Adds to a number that belongs to a lane.
#[inline]
pub(super) fn add(to: &AtomicU64, count: u64, lane: Lane) {
    if fault::planted("counter_shared_unguarded") {
        let known = to.load(Ordering::Relaxed);
        std::thread::yield_now();
        to.store(known.wrapping_add(count), Ordering::Relaxed);
        return;
    }
    // Relaxed: a number orders nothing. Nobody else writes to the place of an exclusive lane, so that needs no
    // read-modify-write, which would take several times as long.
    if lane.is_exclusive() {
        to.store(to.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    } else {
        to.fetch_add(count, Ordering::Relaxed);
    }
}

impl Counter {
    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `count`. It wraps around at 2^64.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.add(count);
    }

    /// How many were counted.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.get()).finish()
    }
}
