//! Events for somebody who takes them at his own pace.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use foundation_env::fault;
use foundation_env::sync::Mutex;

use super::{AttachError, Attached, Events};
use crate::event::EventRecord;

/// The emissions of a pattern that were not taken yet, the oldest first; see [`Events::subscribe`]. Dropping it
/// ends the subscription.
#[must_use = "events are kept only as long as this lives"]
pub struct Subscription {
    ring: Arc<Mutex<Ring>>,
    _attached: Attached,
}

struct Ring {
    records: VecDeque<EventRecord>,
    capacity: usize,
    lost: u64,
    waker: Option<Waker>,
}

impl Ring {
    /// Keeps a record and returns what must be dropped and woken without the lock.
    fn push(&mut self, record: EventRecord) -> (Option<EventRecord>, Option<Waker>) {
        let full = self.records.len() >= self.capacity;
        let oldest = if full { self.records.pop_front() } else { None };
        if full && !fault::planted("subscription_loses_silently") {
            self.lost += 1;
        }
        self.records.push_back(record);
        (oldest, self.waker.take())
    }
}

impl Subscription {
    pub(super) fn new(
        events: &Events,
        pattern: &str,
        capacity: usize,
    ) -> Result<Self, AttachError> {
        let ring = Arc::new(Mutex::new(Ring {
            records: VecDeque::new(),
            capacity: capacity.max(1),
            lost: 0,
            waker: None,
        }));
        let kept = Arc::clone(&ring);
        let attached = events.attach(pattern, move |emission| {
            let record = emission.to_record();
            let (oldest, waker) = kept.lock().push(record);
            drop(oldest);
            if let Some(waker) = waker {
                waker.wake();
            }
        })?;
        Ok(Self { ring, _attached: attached })
    }

    /// Takes the oldest, if there is one.
    pub fn try_next(&mut self) -> Option<EventRecord> {
        self.ring.lock().records.pop_front()
    }

    /// Waits for one and takes it.
    ///
    /// # Cancel safety
    /// Cancel safe: what was not returned is still there.
    pub async fn next(&mut self) -> EventRecord {
        poll_fn(|cx| {
            let mut ring = self.ring.lock();
            if let Some(record) = ring.records.pop_front() {
                return Poll::Ready(record);
            }
            let old = ring.waker.replace(cx.waker().clone());
            drop(ring);
            // The last clone of a waker may own a task.
            drop(old);
            Poll::Pending
        })
        .await
    }

    /// Takes all.
    pub fn drain(&mut self) -> Vec<EventRecord> {
        self.ring.lock().records.drain(..).collect()
    }

    /// Emissions that were dropped because it was full, since it began.
    pub fn lost_count(&self) -> u64 {
        self.ring.lock().lost
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.ring.lock();
        f.debug_struct("Subscription")
            .field("kept", &ring.records.len())
            .field("capacity", &ring.capacity)
            .field("lost", &ring.lost)
            .finish_non_exhaustive()
    }
}
