//! What is so much now.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Says how much something is; clones say it of the same series.
#[derive(Clone)]
pub struct Gauge(pub(super) Arc<GaugeCell>);

/// The bits of a number.
#[derive(Default)]
pub(super) struct GaugeCell(AtomicU64);

impl GaugeCell {
    pub(super) fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Gauge {
    /// Says that it is `value`.
    #[inline]
    pub fn set(&self, value: f64) {
        // Relaxed: a number orders nothing.
        self.0.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Says that it is `change` more, or less.
    pub fn add(&self, change: f64) {
        let mut known = self.0.0.load(Ordering::Relaxed);
        loop {
            let changed = (f64::from_bits(known) + change).to_bits();
            match self.0.0.compare_exchange_weak(
                known,
                changed,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(other) => known = other,
            }
        }
    }

    /// How much it is.
    pub fn get(&self) -> f64 {
        self.0.value()
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gauge").field(&self.get()).finish()
    }
}

/// Finds out how much something is whenever the metrics are read.
pub(super) struct Look {
    pub(super) gauge: Gauge,
    pub(super) look: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl Look {
    pub(super) fn look(&self) {
        // The panic hook has told of it; whoever reads the metrics wants the others.
        if let Ok(value) = catch_unwind(AssertUnwindSafe(|| (self.look)())) {
            self.gauge.set(value);
        }
    }
}

/// Ends an observation when it is dropped; see [`Metric::observe`](super::Metric::observe). The series keeps what was
/// seen last.
#[must_use = "it is observed only as long as this lives"]
pub struct Observed(
    #[expect(dead_code, reason = "what it keeps alive is found by others")] pub(super) Arc<Look>,
);

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}
