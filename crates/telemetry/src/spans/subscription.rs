//! Ended spans for somebody who takes them at his own pace.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foundation_env::fault;
use foundation_env::sync::Mutex;

use super::{Core, Spans};
use crate::ring::Ring;
use crate::span::SpanRecord;

/// The spans that ended and were not taken yet, the first to end first; see [`Spans::subscribe`](super::Spans::subscribe).
/// Dropping it ends the subscription.
#[must_use = "spans are kept only as long as this lives"]
pub struct SpanSubscription {
    ring: Arc<Ring<SpanRecord>>,
    core: Arc<Core>,
}

/// Who takes spans: exporters, of which there are few.
#[derive(Default)]
pub(super) struct Listeners {
    any: AtomicBool,
    rings: Mutex<Vec<Arc<Ring<SpanRecord>>>>,
}

impl Listeners {
    pub(super) fn any(&self) -> bool {
        // Acquire pairs with Release in `SpanSubscription::new`.
        self.any.load(Ordering::Acquire)
    }

    /// Keeps a copy of a span for each of them.
    pub(super) fn keep(&self, span: &SpanRecord) {
        if self.any() && !fault::planted("span_not_handed_on") {
            let rings = self.rings.lock().clone();
            for ring in &rings {
                ring.push(span.clone());
            }
        }
    }
}

/// There are as many subscriptions as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} subscriptions of spans exist, the most there may be: drop one that nobody reads")]
#[non_exhaustive]
pub struct TooManySubscriptions {
    /// [`Spans::SUBSCRIPTIONS_MAX`].
    pub limit: usize,
}

impl SpanSubscription {
    pub(super) fn new(core: Arc<Core>, capacity: usize) -> Result<Self, TooManySubscriptions> {
        let ring = Arc::new(Ring::new(capacity));
        {
            let mut rings = core.listeners.rings.lock();
            let limit = Spans::SUBSCRIPTIONS_MAX;
            if rings.len() >= limit {
                return Err(TooManySubscriptions { limit });
            }
            rings.push(Arc::clone(&ring));
            core.listeners.any.store(true, Ordering::Release);
        }
        Ok(Self { ring, core })
    }

    /// Takes the oldest, if there is one.
    pub fn try_next(&mut self) -> Option<SpanRecord> {
        self.ring.try_next()
    }

    /// Waits for one and takes it.
    ///
    /// # Cancel safety
    /// Cancel safe: what was not returned is still there.
    pub async fn next(&mut self) -> SpanRecord {
        self.ring.next().await
    }

    /// Takes all.
    pub fn drain(&mut self) -> Vec<SpanRecord> {
        self.ring.drain()
    }

    /// Spans that were dropped because it was full, since it began.
    pub fn lost_count(&self) -> u64 {
        self.ring.lost_count()
    }
}

impl Drop for SpanSubscription {
    fn drop(&mut self) {
        let mut rings = self.core.listeners.rings.lock();
        rings.retain(|ring| !Arc::ptr_eq(ring, &self.ring));
        self.core.listeners.any.store(!rings.is_empty(), Ordering::Release);
    }
}

impl fmt::Debug for SpanSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanSubscription").field("ring", &self.ring).finish_non_exhaustive()
    }
}
