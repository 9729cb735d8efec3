//! How long an operation waits for a turn.

use std::sync::Arc;
use std::time::Duration;

use foundation_env::sync::{TimedMutex, TimedMutexGuard};
use foundation_env::{Env, fault};

use crate::error::{BatchError, RegisterError, UpdateError, WatchError};

/// What is left of the time that one operation may wait. An operation that has to wait twice has it once.
pub(crate) struct Patience<'a> {
    env: &'a Env,
    left: Duration,
    waited: Duration,
}

/// The turn of a namespace did not come in time. Nothing was changed, nor will be.
#[derive(Debug)]
pub(crate) struct Busy {
    pub(crate) namespace: Arc<str>,
    pub(crate) waited: Duration,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(env: &'a Env, wait_max: Duration) -> Self {
        Self { env, left: wait_max, waited: Duration::ZERO }
    }

    /// Waits for a lock; the clock is read only if there is something to wait for.
    #[inline]
    pub(crate) fn lock<'l, T>(
        &mut self,
        lock: &'l TimedMutex<T>,
        namespace: &str,
    ) -> Result<TimedMutexGuard<'l, T>, Busy> {
        match lock.try_lock() {
            Some(guard) => Ok(guard),
            None => self.wait(lock, namespace),
        }
    }

    #[cold]
    fn wait<'l, T>(
        &mut self,
        lock: &'l TimedMutex<T>,
        namespace: &str,
    ) -> Result<TimedMutexGuard<'l, T>, Busy> {
        let start = self.env.now();
        if fault::planted("registry_waits_without_bound") {
            return Ok(lock.lock());
        }
        let guard = lock.lock_within(self.left);
        let waited = self.env.now().saturating_duration_since(start);
        self.waited += waited;
        self.left = self.left.saturating_sub(waited);
        guard.ok_or_else(|| Busy { namespace: namespace.into(), waited: self.waited })
    }
}

impl From<Busy> for RegisterError {
    fn from(Busy { namespace, waited }: Busy) -> Self {
        Self::Busy { namespace, waited }
    }
}

impl From<Busy> for UpdateError {
    fn from(Busy { namespace, waited }: Busy) -> Self {
        Self::Busy { namespace, waited }
    }
}

impl From<Busy> for BatchError {
    fn from(Busy { namespace, waited }: Busy) -> Self {
        Self::Busy { namespace, waited }
    }
}

impl From<Busy> for WatchError {
    fn from(Busy { namespace, waited }: Busy) -> Self {
        Self::Busy { namespace, waited }
    }
}
