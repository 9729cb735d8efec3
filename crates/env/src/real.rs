//! The tokio back end.

use crate::blocking::{Blocking, BlockingError};
use crate::random::SharedRandom;
use crate::sleep::Sleep;
use foundation_types::Instant;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Places on the blocking pool for each core. Two, so that work waiting for the disk leaves the core to
/// work that computes; the threads themselves are tokio's.
const BLOCKING_PER_CORE: usize = 2;

/// Places on the blocking pool at least, for machines with one core.
const BLOCKING_MIN: usize = 4;

/// Returns how many closures the pool runs at once on this machine.
pub(crate) fn blocking_places() -> usize {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores * BLOCKING_PER_CORE).max(BLOCKING_MIN)
}

pub(crate) struct Real {
    epoch: time::Instant,
    handle: Handle,
    random: SharedRandom,
    blocking: Arc<Semaphore>,
}

impl Real {
    #[expect(clippy::disallowed_methods, reason = "the seam: the one place that reads the clock")]
    pub(crate) fn new(handle: Handle, random: SharedRandom) -> Self {
        Self {
            epoch: time::Instant::now(),
            handle,
            random,
            blocking: Arc::new(Semaphore::new(blocking_places())),
        }
    }

    #[inline]
    #[expect(clippy::disallowed_methods, reason = "the seam: the one place that reads the clock")]
    #[expect(clippy::cast_possible_truncation, reason = "2^64 ns are 584 years of uptime")]
    pub(crate) fn now(&self) -> Instant {
        let elapsed = time::Instant::now().saturating_duration_since(self.epoch);
        Instant::from_nanos(elapsed.as_nanos() as u64)
    }

    #[expect(clippy::disallowed_methods, reason = "the seam: the one place that reads the clock")]
    pub(crate) fn wall() -> time::SystemTime {
        time::SystemTime::now()
    }

    pub(crate) fn sleep_until(&self, at: Instant) -> Sleep {
        // A timer belongs to the runtime of the Env, also when asked for from a foreign thread.
        let _entered = self.handle.enter();
        Sleep::real(self.epoch, at)
    }

    pub(crate) fn random_u64(&self) -> u64 {
        self.random.next()
    }

    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        drop(self.handle.spawn(future));
    }

    pub(crate) fn blocking<T, F>(&self, work: F) -> Blocking<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let handle = self.handle.clone();
        let places = Arc::clone(&self.blocking);
        Blocking::new(async move {
            // The semaphore is never closed, so the error only stands for a runtime that is gone.
            let Ok(place) = places.acquire_owned().await else {
                return Err(BlockingError::ShuttingDown);
            };
            let running = handle.spawn_blocking(move || {
                let result = work();
                drop(place);
                result
            });
            running.await.map_err(|error| match error.try_into_panic() {
                Ok(payload) => BlockingError::panicked(&*payload),
                Err(_cancelled) => BlockingError::ShuttingDown,
            })
        })
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Real")
            .field("blocking_free", &self.blocking.available_permits())
            .finish_non_exhaustive()
    }
}
