//! A bounded queue between who must not wait and who takes things at his own pace.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use foundation_env::fault;
use foundation_env::sync::Mutex;

/// The items that were not taken yet, the oldest first. When it is full the oldest is dropped and counted.
pub(crate) struct Ring<T>(Mutex<Kept<T>>);

struct Kept<T> {
    items: VecDeque<T>,
    capacity: usize,
    lost: u64,
    waker: Option<Waker>,
}

impl<T> Ring<T> {
    /// An empty one for `capacity` items, one at least.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self(Mutex::new(Kept { items: VecDeque::new(), capacity, lost: 0, waker: None }))
    }

    pub(crate) fn push(&self, item: T) {
        let mut kept = self.0.lock();
        let full = kept.items.len() >= kept.capacity;
        let oldest = if full { kept.items.pop_front() } else { None };
        if full && !fault::planted("subscription_loses_silently") {
            kept.lost += 1;
        }
        kept.items.push_back(item);
        let waker = kept.waker.take();
        drop(kept);
        // Both may run a stranger's code, which runs under no lock.
        drop(oldest);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn try_next(&self) -> Option<T> {
        self.0.lock().items.pop_front()
    }

    /// Waits for the oldest item. Cancel safe: what was not returned is still there.
    pub(crate) async fn next(&self) -> T {
        poll_fn(|cx| {
            let mut kept = self.0.lock();
            if let Some(item) = kept.items.pop_front() {
                return Poll::Ready(item);
            }
            let old = kept.waker.replace(cx.waker().clone());
            drop(kept);
            // The last clone of a waker may own a task.
            drop(old);
            Poll::Pending
        })
        .await
    }

    pub(crate) fn drain(&self) -> Vec<T> {
        self.0.lock().items.drain(..).collect()
    }

    pub(crate) fn lost_count(&self) -> u64 {
        self.0.lock().lost
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.0.lock();
        f.debug_struct("Ring")
            .field("kept", &kept.items.len())
            .field("capacity", &kept.capacity)
            .field("lost", &kept.lost)
            .finish_non_exhaustive()
    }
}
