use crate::background::{Background, StopSignal};
use crate::blocking::Blocking;
use crate::files::{Files, Source};
use crate::random::{SharedRandom, below, unit};
use crate::real::Real;
use crate::sim::{Shared, SimSleep};
use crate::sleep::Sleep;
use foundation_types::Instant;
use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;
use tokio::runtime::Handle;

/// A handle to time, randomness, spawning, blocking work and files.
///
/// Cloning is cheap and clones share everything, the clock's epoch included: instants of one `Env` and
/// its clones can be compared, those of different environments cannot. It is passed by value and never
/// kept in a global, so that tests with different clocks run side by side.
#[derive(Clone, Debug)]
pub struct Env {
    // An enum and not a trait object: `now` is called for every message.
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Real(Arc<Real>),
    Sim(Arc<Shared>),
}

impl Env {
    /// Creates an environment on a tokio runtime, which must have its timer enabled. Its clock starts now.
    ///
    /// Tokio's own paused clock is not followed: a test with virtual time uses a simulation.
    pub fn tokio(handle: Handle) -> Self {
        Self::real(handle, SharedRandom::from_entropy())
    }

    /// Creates an environment on a tokio runtime whose random numbers follow from `seed`.
    ///
    /// Time and schedule stay real, so draws of several threads still interleave differently each run.
    pub fn with_seed(handle: Handle, seed: u64) -> Self {
        Self::real(handle, SharedRandom::new(seed))
    }

    /// Creates an environment on the tokio runtime the caller runs in.
    ///
    /// # Panics
    /// Outside a tokio runtime, as [`Handle::current`] does.
    pub fn current() -> Self {
        Self::tokio(Handle::current())
    }

    fn real(handle: Handle, random: SharedRandom) -> Self {
        Self { backend: Backend::Real(Arc::new(Real::new(handle, random))) }
    }

    pub(crate) const fn simulated(shared: Arc<Shared>) -> Self {
        Self { backend: Backend::Sim(shared) }
    }

    /// Reports whether time and schedule are simulated.
    pub const fn is_simulated(&self) -> bool {
        match &self.backend {
            Backend::Real(_) => false,
            Backend::Sim(_) => true,
        }
    }

    /// Returns the monotonic time since the environment's epoch, in nanoseconds.
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.backend {
            Backend::Real(real) => real.now(),
            Backend::Sim(shared) => shared.now(),
        }
    }

    /// Returns the wall clock, for people and logs only: it may jump in either direction.
    pub fn wall(&self) -> SystemTime {
        match &self.backend {
            Backend::Real(_) => Real::wall(),
            Backend::Sim(shared) => shared.wall(),
        }
    }

    /// Waits until the clock has reached `at`; ready at once if it already has. The last instant of all
    /// means never.
    ///
    /// The tokio back end rounds up to its timer resolution of a millisecond. Each call takes an entry in
    /// the runtime's timer; code with many deadlines keeps a wheel of its own and sleeps once.
    ///
    /// # Panics
    /// If the runtime was built without its timer.
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        match &self.backend {
            Backend::Real(real) => real.sleep_until(at),
            Backend::Sim(shared) => Sleep::simulated(SimSleep::new(Arc::clone(shared), at)),
        }
    }

    /// Draws 64 random bits. Not for secrets.
    #[inline]
    pub fn random_u64(&self) -> u64 {
        match &self.backend {
            Backend::Real(real) => real.random_u64(),
            Backend::Sim(shared) => shared.random_u64(),
        }
    }

    /// Draws uniformly from `0..n`; 0 if `n` is 0.
    pub fn random_below(&self, n: u64) -> u64 {
        below(n, || self.random_u64())
    }

    /// Draws uniformly from `[0, 1)`.
    pub fn random_f64(&self) -> f64 {
        unit(self.random_u64())
    }

    /// Runs a future on its own, detached from the caller.
    ///
    /// If the runtime is shutting down the future is dropped instead, here or later: code that must run
    /// at the end of a task belongs into a guard's `Drop` inside the future.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        match &self.backend {
            Backend::Real(real) => real.spawn(future),
            Backend::Sim(shared) => shared.spawn(Box::pin(future), type_name::<F>()),
        }
    }

    /// Runs a closure that blocks or computes for long on a bounded pool, and waits for its result.
    ///
    /// At most twice as many closures as there are cores run at once (four at least); further callers wait.
    ///
    /// # Errors
    /// The future fails with [`BlockingError::Panicked`](crate::BlockingError::Panicked) if the closure panics, with
    /// [`BlockingError::ShuttingDown`](crate::BlockingError::ShuttingDown) if the runtime takes no more work.
    pub fn blocking<T, F>(&self, work: F) -> Blocking<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match &self.backend {
            Backend::Real(real) => real.blocking(work),
            Backend::Sim(shared) => shared.blocking(work),
        }
    }

    /// Runs `body` on an operating system thread of its own, for a watchdog that must live when the
    /// runtime's threads are stuck. `body` ends when its [`StopSignal`] says so.
    ///
    /// Returns `None` in a simulation, which has one thread and no stuck ones.
    ///
    /// # Errors
    /// If the operating system refuses another thread.
    pub fn background(
        &self,
        name: &str,
        body: impl FnOnce(StopSignal) + Send + 'static,
    ) -> io::Result<Option<Background>> {
        match &self.backend {
            Backend::Real(_) => Background::start(name, body).map(Some),
            Backend::Sim(_) => Ok(None),
        }
    }

    /// Returns access to files: the disk's, or those given to the simulation.
    pub fn files(&self) -> Files {
        let source = match &self.backend {
            Backend::Real(_) => Source::Disk,
            Backend::Sim(shared) => Source::Memory(Arc::clone(shared)),
        };
        Files::new(self.clone(), source)
    }

    /// Marks a place where a simulation may let others run or time pass; does nothing on tokio.
    ///
    /// Put one between two steps that must look like one from outside. How often it strikes is set by
    /// [`SimOptions::fault_probability`](crate::sim::SimOptions::fault_probability).
    ///
    /// # Cancel safety
    /// Dropping it skips the rest of the pause.
    pub fn fault_point(&self, name: &'static str) -> FaultPoint {
        FaultPoint(match &self.backend {
            Backend::Real(_) => None,
            Backend::Sim(shared) => shared.fault_point(name),
        })
    }
}

/// The future returned by [`Env::fault_point`].
#[must_use = "futures do nothing unless awaited"]
pub struct FaultPoint(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Future for FaultPoint {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Ready(()), |pause| pause.as_mut().poll(cx))
    }
}

impl fmt::Debug for FaultPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultPoint").field("strikes", &self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests;
