//! A count of work that must not grow with the number of children.

use std::sync::Arc;

use foundation_env::sync::atomic::{AtomicU64, Ordering};

/// Counts entries of a supervisor's tables that were looked at, so that a test can tell a restart that
/// costs the same for any number of children from one that walks a list. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps(Arc<AtomicU64>);

impl Steps {
    pub(crate) fn add(&self, steps: usize) {
        // Relaxed: a number for itself, read when everything is over.
        self.0.fetch_add(u64::try_from(steps).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
