//! A count of work that must not grow with the number of children.

#[cfg(test)]
use std::sync::Arc;

#[cfg(test)]
use foundation_env::sync::atomic::{AtomicU64, Ordering};

/// Counts what is looked at in the table of children and in the window of restarts, so that a test can tell a
/// restart that costs the same for any number of children from one that walks them. Clones share the count.
/// Nothing outside of tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps(#[cfg(test)] Arc<AtomicU64>);

impl Steps {
    #[inline]
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "it counts in tests"))]
    pub(crate) fn step(&self) {
        // Relaxed: a number for itself, read when everything is over.
        #[cfg(test)]
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
