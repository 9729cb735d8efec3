use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Tells a background thread when to end, and lets it wait for that.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    // std's lock and not `sync::Mutex`: a condition variable needs it, and no model scenario runs this.
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl StopSignal {
    /// Waits until stopped or until `at_most` has passed, and reports whether it was stopped.
    ///
    /// This blocks the calling thread: it is for the background thread only.
    pub fn wait(&self, at_most: Duration) -> bool {
        let guard = self.0.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_timeout_while(guard, at_most, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Reports whether the guard was dropped or joined.
    pub fn is_stopped(&self) -> bool {
        *self.0.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        *self.0.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

/// A running background thread; dropping the guard asks it to stop and does not wait.
///
/// Dropping does not join because the last owner of the guard may be the thread itself.
#[must_use = "dropping the guard stops the thread"]
pub struct Background {
    stop: StopSignal,
    thread: Option<thread::JoinHandle<()>>,
}

impl Background {
    pub(crate) fn start(
        name: &str,
        body: impl FnOnce(StopSignal) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = StopSignal::default();
        let signal = stop.clone();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || body(signal))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Asks the thread to stop and blocks until it has ended; reports whether it ended without a panic.
    pub fn join(mut self) -> bool {
        self.stop.stop();
        self.thread.take().is_none_or(|thread| thread.join().is_ok())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("stopped", &self.stop.is_stopped())
            .finish_non_exhaustive()
    }
}
