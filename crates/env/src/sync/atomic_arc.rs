//! A shared place for an `Arc` that is read without a lock.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

#[cfg(not(any(foundation_loom, foundation_shuttle)))]
mod imp {
    use super::Arc;
    use arc_swap::ArcSwapOption;

    pub(super) type Place<T> = ArcSwapOption<T>;
    pub(super) type Loaded<T> = arc_swap::Guard<Option<Arc<T>>>;

    pub(super) fn load<T>(place: &Place<T>) -> Loaded<T> {
        place.load()
    }

    pub(super) fn swap<T>(place: &Place<T>, value: Option<Arc<T>>) -> Option<Arc<T>> {
        place.swap(value)
    }

    pub(super) fn new<T>(value: Option<Arc<T>>) -> Place<T> {
        ArcSwapOption::new(value)
    }

    pub(super) fn into_arc<T>(loaded: Loaded<T>) -> Option<Arc<T>> {
        arc_swap::Guard::into_inner(loaded)
    }
}

/// The library's own atomics are its authors' to check; in a model the place is a lock, at which threads
/// may switch.
#[cfg(any(foundation_loom, foundation_shuttle))]
mod imp {
    use super::Arc;
    use crate::sync::Mutex;

    pub(super) type Place<T> = Mutex<Option<Arc<T>>>;
    pub(super) type Loaded<T> = Option<Arc<T>>;

    pub(super) fn load<T>(place: &Place<T>) -> Loaded<T> {
        place.lock().clone()
    }

    pub(super) fn swap<T>(place: &Place<T>, value: Option<Arc<T>>) -> Option<Arc<T>> {
        std::mem::replace(&mut *place.lock(), value)
    }

    pub(super) fn new<T>(value: Option<Arc<T>>) -> Place<T> {
        Mutex::new(value)
    }

    pub(super) fn into_arc<T>(loaded: Loaded<T>) -> Option<Arc<T>> {
        loaded
    }
}

/// A place for an `Arc`, or for none, that readers look at without waiting for writers.
///
/// It stands on `arc-swap`: a reader announces what it reads on a line of its thread's own, so readers do
/// not meet.
pub struct AtomicArc<T>(imp::Place<T>);

/// What a place held when it was read; kept alive meanwhile. Short-lived: a thread has few places to
/// announce what it reads, past which reading counts references.
pub struct Loaded<T>(imp::Loaded<T>);

impl<T> AtomicArc<T> {
    /// Makes a place that holds a value.
    pub fn new(value: Option<Arc<T>>) -> Self {
        Self(imp::new(value))
    }

    /// Reads the place.
    #[inline]
    pub fn load(&self) -> Loaded<T> {
        Loaded(imp::load(&self.0))
    }

    /// Puts another value into the place and returns the one that was there.
    #[inline]
    pub fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        imp::swap(&self.0, value)
    }
}

impl<T> Loaded<T> {
    /// Keeps the value for longer.
    pub fn into_arc(self) -> Option<Arc<T>> {
        imp::into_arc(self.0)
    }
}

impl<T> Deref for Loaded<T> {
    type Target = Option<Arc<T>>;

    #[inline]
    fn deref(&self) -> &Option<Arc<T>> {
        &self.0
    }
}

impl<T> Default for AtomicArc<T> {
    fn default() -> Self {
        Self::new(None)
    }
}

impl<T: fmt::Debug> fmt::Debug for AtomicArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AtomicArc").field(&*self.load()).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Loaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
