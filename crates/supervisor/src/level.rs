//! A value that can be waited for.
//!
//! Waiters look at the value, never at the fact that it changed, so no change is missed: a waiter
//! either sees the wanted level when it looks, or is in the list when the value changes.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context as TaskContext, Poll, Waker};

use foundation_env::sync::Mutex;

/// A value under a lock, with the tasks that wait for it to become something.
pub(crate) struct Level<T> {
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    value: T,
    wakers: BTreeMap<u64, Waker>,
    next: u64,
}

impl<T> Level<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { inner: Mutex::new(Inner { value, wakers: BTreeMap::new(), next: 0 }) }
    }

    /// Looks at the value.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.inner.lock().value)
    }

    /// Changes the value and wakes everybody who waits. What the closure returns is dropped by the
    /// caller, without the lock.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let (result, wakers) = {
            let mut inner = self.inner.lock();
            (change(&mut inner.value), std::mem::take(&mut inner.wakers))
        };
        for waker in wakers.into_values() {
            waker.wake();
        }
        result
    }

    /// Looks, and leaves the waker when there is nothing to see yet. `ticket` is the place in the
    /// list, to be given back with [`Level::forget`].
    pub(crate) fn poll<R>(
        &self,
        ticket: &mut Option<u64>,
        cx: &mut TaskContext<'_>,
        look: impl FnOnce(&mut T) -> Option<R>,
    ) -> Poll<R> {
        let mut inner = self.inner.lock();
        if let Some(result) = look(&mut inner.value) {
            return Poll::Ready(result);
        }
        let place = *ticket.get_or_insert_with(|| {
            inner.next += 1;
            inner.next
        });
        let stale = inner.wakers.insert(place, cx.waker().clone());
        drop(inner);
        drop(stale);
        Poll::Pending
    }

    /// Leaves the list of waiters.
    pub(crate) fn forget(&self, ticket: Option<u64>) {
        if let Some(place) = ticket {
            let stale = self.inner.lock().wakers.remove(&place);
            drop(stale);
        }
    }

    /// Waits until the closure finds what it looks for.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is taken before the closure returns it.
    pub(crate) async fn wait<R>(&self, mut look: impl FnMut(&mut T) -> Option<R>) -> R {
        let mut place = Place { level: self, ticket: None };
        poll_fn(|cx| self.poll(&mut place.ticket, cx, &mut look)).await
    }
}

/// Leaves the list when the wait ends or is dropped.
struct Place<'a, T> {
    level: &'a Level<T>,
    ticket: Option<u64>,
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.level.forget(self.ticket);
    }
}

impl<T> fmt::Debug for Level<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Level").finish_non_exhaustive()
    }
}
