//! Events for somebody who takes them at his own pace.

use std::sync::Arc;

use super::{AttachError, Attached, Events};
use crate::event::EventRecord;
use crate::ring::Ring;

/// The emissions of a pattern that were not taken yet, the oldest first; see [`Events::subscribe`]. Dropping it
/// ends the subscription.
#[derive(Debug)]
#[must_use = "events are kept only as long as this lives"]
pub struct Subscription {
    ring: Arc<Ring<EventRecord>>,
    _attached: Attached,
}

impl Subscription {
    pub(super) fn new(
        events: &Events,
        pattern: &str,
        capacity: usize,
    ) -> Result<Self, AttachError> {
        let ring = Arc::new(Ring::new(capacity));
        let kept = Arc::clone(&ring);
        let attached = events.attach(pattern, move |emission| kept.push(emission.to_record()))?;
        Ok(Self { ring, _attached: attached })
    }

    /// Takes the oldest, if there is one.
    pub fn try_next(&mut self) -> Option<EventRecord> {
        self.ring.try_next()
    }

    /// Waits for one and takes it.
    ///
    /// # Cancel safety
    /// Cancel safe: what was not returned is still there.
    pub async fn next(&mut self) -> EventRecord {
        self.ring.next().await
    }

    /// Takes all.
    pub fn drain(&mut self) -> Vec<EventRecord> {
        self.ring.drain()
    }

    /// Emissions that were dropped because it was full, since it began.
    pub fn lost_count(&self) -> u64 {
        self.ring.lost_count()
    }
}
