//! Seeded delays: fault points and the blocking pool.

use super::executor::Shared;
use super::timer::SimSleep;
use crate::blocking::{Blocking, BlockingError};
use crate::random::{below, unit};
use std::any::type_name;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;

/// Times a pause yields at most: enough for a handful of other tasks to get in between.
const YIELDS_MAX: u64 = 8;

/// Yields a few times or waits some virtual time, as the seed says.
async fn pause(shared: Arc<Shared>) {
    let delay_max = u64::try_from(shared.options.delay_max.as_nanos()).unwrap_or(u64::MAX);
    if shared.random_u64() & 1 == 0 {
        for _ in 0..below(YIELDS_MAX + 1, || shared.random_u64()) {
            yield_now().await;
        }
    } else {
        let delay = below(delay_max.saturating_add(1), || shared.random_u64());
        let at = shared.now().saturating_add(Duration::from_nanos(delay));
        let mut sleep = SimSleep::new(shared, at);
        poll_fn(|cx| sleep.poll(cx)).await;
    }
}

/// Gives way to the other ready tasks once.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Shared {
    /// Draws whether the fault point strikes, and returns its pause if so.
    pub(crate) fn fault_point(
        self: &Arc<Self>,
        name: &str,
    ) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        if self.options.fault_probability <= 0.0 {
            return None;
        }
        self.trace_fault(name);
        let strikes = unit(self.random_u64()) < self.options.fault_probability;
        strikes.then(|| Box::pin(pause(Arc::clone(self))) as _)
    }

    /// Runs the closure in a task of its own after a pause, like a pool thread that comes to it later.
    pub(crate) fn blocking<T, F>(self: &Arc<Self>, work: F) -> Blocking<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let shared = Arc::clone(self);
        let places = Arc::clone(&self.blocking);
        Blocking::new(async move {
            // The semaphore is never closed, so the error only stands for a simulation that is gone.
            let Ok(place) = places.acquire_owned().await else {
                return Err(BlockingError::ShuttingDown);
            };
            let (tx, rx) = oneshot::channel();
            let running = Arc::clone(&shared);
            let worker = async move {
                pause(running).await;
                let result = catch_unwind(AssertUnwindSafe(work));
                drop(place);
                // The caller may have given up; then the result is dropped here, as on tokio.
                drop(tx.send(result.map_err(|payload| BlockingError::panicked(&*payload))));
            };
            shared.spawn(Box::pin(worker), type_name::<F>());
            rx.await.unwrap_or(Err(BlockingError::ShuttingDown))
        })
    }
}
