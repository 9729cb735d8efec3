//! Items handed on together.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use foundation_env::{Env, fault};
use foundation_types::Instant;

/// When a batch is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// As soon as it has so many items, one at least.
    pub items_max: usize,
    /// So long after its first item, whether more come or not.
    pub age_max: Duration,
}

/// Collects items and hands them to a consumer, in batches of a size or an age, each item exactly once.
///
/// Who adds the last item of a full batch runs the consumer, so there are never more items than one batch and
/// those that consumers are at. A batch that is not full is handed on by a task of the
/// environment, and the rest when the `Batch` is dropped. The items of a batch are in the order in which they
/// were added; consumers of two batches may run at once.
pub struct Batch<T: Send + 'static>(Arc<Inner<T>>);

struct Inner<T> {
    env: Env,
    options: BatchOptions,
    pending: Mutex<Pending<T>>,
    consume: Box<dyn Fn(Vec<T>) + Send + Sync>,
    handed_on: AtomicU64,
    lost: AtomicU64,
}

struct Pending<T> {
    items: Vec<T>,
    /// When the first of them came.
    begun: Instant,
    /// Somebody waits for the age of a batch: one at a time, however many batches fill up meanwhile.
    is_timed: bool,
}

impl<T: Send + 'static> Batch<T> {
    /// Makes an empty one. `consume` runs under no lock, on the thread that adds or of the environment.
    pub fn new(
        env: Env,
        options: BatchOptions,
        consume: impl Fn(Vec<T>) + Send + Sync + 'static,
    ) -> Self {
        let options = BatchOptions { items_max: options.items_max.max(1), ..options };
        let now = env.now();
        Self(Arc::new(Inner {
            env,
            options,
            pending: Mutex::new(Pending { items: Vec::new(), begun: now, is_timed: false }),
            consume: Box::new(consume),
            handed_on: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }))
    }

    /// Adds an item. If it fills the batch, the consumer runs before this returns.
    pub fn add(&self, item: T) {
        let inner = &*self.0;
        let (full, untimed) = {
            let mut pending = inner.pending.lock();
            pending.items.push(item);
            let count = pending.items.len();
            if count >= inner.options.items_max {
                (Some(pending.take()), false)
            } else {
                if count == 1 {
                    pending.begun = inner.env.now();
                }
                (None, !std::mem::replace(&mut pending.is_timed, true))
            }
        };
        if let Some(items) = full {
            inner.hand_on(items);
        }
        if untimed {
            self.hand_on_when_old();
        }
    }

    /// Hands on what is there, and returns how many items that was.
    pub fn flush(&self) -> usize {
        let items = self.0.take_all();
        let count = items.len();
        self.0.hand_on(items);
        count
    }

    /// How many items wait.
    pub fn pending_len(&self) -> usize {
        self.0.pending.lock().items.len()
    }

    /// How many items consumers were given.
    pub fn handed_on_count(&self) -> u64 {
        self.0.handed_on.load(Ordering::Relaxed)
    }

    /// How many of those were given to a consumer that panicked.
    pub fn lost_count(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Hands batches on as they become old, until none waits.
    fn hand_on_when_old(&self) {
        if fault::planted("batch_without_timer") {
            return;
        }
        let (env, weak, age_max) =
            (self.0.env.clone(), Arc::downgrade(&self.0), self.0.options.age_max);
        self.0.env.spawn(async move {
            let mut due = env.now().saturating_add(age_max);
            loop {
                env.sleep_until(due).await;
                // One that is gone has handed on everything.
                let Some(inner) = weak.upgrade() else { return };
                let items = {
                    let mut pending = inner.pending.lock();
                    due = pending.begun.saturating_add(age_max);
                    if !pending.items.is_empty() && due > env.now() {
                        continue;
                    }
                    pending.is_timed = false;
                    pending.take()
                };
                return inner.hand_on(items);
            }
        });
    }
}

impl<T> Pending<T> {
    fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.items)
    }
}

impl<T> Inner<T> {
    fn take_all(&self) -> Vec<T>
    where
        T: Send + 'static,
    {
        if fault::planted("batch_drained_in_two_steps") {
            let count = self.pending.lock().items.len();
            let mut pending = self.pending.lock();
            let mut items = std::mem::take(&mut pending.items);
            items.truncate(count);
            return items;
        }
        self.pending.lock().take()
    }

    fn hand_on(&self, items: Vec<T>) {
        if items.is_empty() {
            return;
        }
        let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
        // Relaxed: counts order nothing.
        self.handed_on.fetch_add(count, Ordering::Relaxed);
        if catch_unwind(AssertUnwindSafe(|| (self.consume)(items))).is_err() {
            self.lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        let items = self.pending.lock().take();
        self.hand_on(items);
    }
}

impl<T: Send + 'static> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("options", &self.0.options)
            .field("pending", &self.pending_len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
