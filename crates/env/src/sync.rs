//! Locks, atomics and threads over std, loom or shuttle, chosen at build time.
//!
//! Code that shares memory between threads takes its primitives from here, so that the very same code
//! can be model-checked: `--cfg foundation_loom` explores every interleaving of a small scenario (with
//! a bound on preemptions), `--cfg foundation_shuttle` samples schedules of a larger one. Without
//! either, everything is std and inlined, but for the one lock that std does not have ([`TimedMutex`]). The
//! cfg names are our own because a plain `--cfg loom` also changes other crates in the graph: tokio loses
//! its `net` module.
//!
//! `Arc` is std's under every cfg. Loom's own cannot hold unsized values and has no weak counterpart
//! that behaves alike, and a reference count is not what our scenarios are about; the cost is that
//! a model finds no leaked reference, which a counting allocator does, and does not switch threads at a count.

#[cfg(all(foundation_loom, foundation_shuttle))]
compile_error!("foundation_loom and foundation_shuttle exclude each other: pass one --cfg only");

#[cfg(foundation_loom)]
use loom::sync as imp;
#[cfg(foundation_shuttle)]
use shuttle::sync as imp;
#[cfg(not(any(foundation_loom, foundation_shuttle)))]
use std::sync as imp;

mod atomic_arc;
mod timed;

use std::fmt;
use std::sync::{PoisonError, TryLockError};

pub use atomic_arc::{AtomicArc, Loaded};
pub use timed::{TimedMutex, TimedMutexGuard};

pub use imp::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
pub use std::sync::Arc;

/// Declares thread-local storage: one value for each thread, also when the thread is one of a model, all
/// of which share a single thread of the operating system. Use `with` and `try_with`, which all back ends
/// have.
#[cfg(foundation_loom)]
pub use crate::__loom_thread_local as thread_local;
#[cfg(foundation_shuttle)]
pub use shuttle::thread_local;
#[cfg(not(any(foundation_loom, foundation_shuttle)))]
pub use std::thread_local;

/// Atomic integers and fences of the chosen back end.
pub mod atomic {
    pub use super::imp::atomic::{
        AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// A mutual exclusion lock that ignores poisoning.
///
/// A process that panics is restarted by its supervisor; a lock that stays unusable after it would
/// spread the failure to everybody else. Sections under a lock are therefore short and leave the data
/// valid at every point where they could unwind.
pub struct Mutex<T: ?Sized>(imp::Mutex<T>);

impl<T> Mutex<T> {
    /// Wraps a value in an unlocked lock.
    #[cfg(not(foundation_loom))]
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// Wraps a value in an unlocked lock. Loom registers each lock, hence not `const` here.
    #[cfg(foundation_loom)]
    pub fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// Unwraps the value.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock and holds it until the guard is dropped.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock if nobody holds it, else returns `None` at once.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(foundation_loom)]
#[doc(hidden)]
pub use loom::thread_local as __thread_local;

/// Loom's own macro knows no `const` blocks, and without one std's pays for a check at each access.
#[cfg(foundation_loom)]
#[doc(hidden)]
#[macro_export]
macro_rules! __loom_thread_local {
    ($($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty = const $init:block;)*) => {
        $($crate::sync::__thread_local! { $(#[$attribute])* $vis static $name: $type = $init; })*
    };
}

/// Access through `&mut`, which needs no locking. Loom offers it for sized values only.
impl<T> Mutex<T> {
    /// Borrows the value without locking.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("Mutex").field(&&*guard).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}

/// A lock that many may hold to read, or one to write. It ignores poisoning, as [`Mutex`] does and for
/// the same reason.
pub struct RwLock<T>(imp::RwLock<T>);

impl<T> RwLock<T> {
    /// Wraps a value in an unlocked lock.
    #[inline]
    pub fn new(value: T) -> Self {
        Self(imp::RwLock::new(value))
    }

    /// Waits until nobody writes, and holds off writers until the guard is dropped. Not to be taken twice
    /// by one thread: a writer that waits in between holds up the second.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody reads or writes, and holds off everybody until the guard is dropped.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").finish_non_exhaustive()
    }
}

/// Threads for model scenarios; production code has `Env::blocking` and supervised processes.
pub mod thread {
    #[cfg(foundation_loom)]
    use loom::thread as imp;
    #[cfg(foundation_shuttle)]
    use shuttle::thread as imp;
    #[cfg(not(any(foundation_loom, foundation_shuttle)))]
    use std::thread as imp;

    pub use imp::JoinHandle;

    /// Starts a thread of a model scenario.
    #[cfg_attr(
        foundation_loom,
        expect(
            clippy::expect_used,
            clippy::missing_panics_doc,
            reason = "a model's threads are coroutines, which the system cannot refuse"
        )
    )]
    #[cfg_attr(
        not(any(foundation_loom, foundation_shuttle)),
        expect(
            clippy::disallowed_methods,
            reason = "this is the seam that model tests go through"
        )
    )]
    pub fn spawn<F, T>(f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        #[cfg(foundation_loom)]
        {
            let builder = imp::Builder::new().stack_size(super::STACK_WORDS);
            builder.spawn(f).expect("coroutines are never refused")
        }
        #[cfg(not(foundation_loom))]
        imp::spawn(f)
    }

    /// Lets another thread run; under a model checker, the place where it may switch.
    pub fn yield_now() {
        imp::yield_now();
    }
}

/// Preemptions per execution that loom explores. Three was enough for every known fault in protocols
/// of two or three threads, and each further one multiplies the number of executions.
#[cfg(foundation_loom)]
const PREEMPTIONS_MAX: usize = 3;

/// The stack of a thread of a model, in machine words. Loom's own default is an eighth of it, which the
/// frames of an unoptimized build overflow.
#[cfg(foundation_loom)]
const STACK_WORDS: usize = 1 << 15;

/// The stack of a thread of a model, in bytes. Shuttle's own default is an eighth of it, which the
/// frames of an unoptimized build overflow.
#[cfg(foundation_shuttle)]
const STACK_BYTES: usize = 1 << 18;

/// Schedules that shuttle samples: uniformly random, then with three priority changes (PCT).
#[cfg(foundation_shuttle)]
const SCHEDULES: (usize, usize) = (20_000, 5_000);

/// The seed of the schedules: the gate samples the same ones each time, so that a red run is red again.
/// Shuttle's own variable for it chooses others.
#[cfg(foundation_shuttle)]
const SCHEDULE_SEED: u64 = 0x0f0d_a710_5eed;
#[cfg(foundation_shuttle)]
const SCHEDULE_SEED_VARIABLE: &str = "SHUTTLE_RANDOM_SEED";

/// Returns the seed of the variable's text, or the constant if it is not set.
#[cfg(foundation_shuttle)]
#[expect(clippy::panic, reason = "a mistyped seed must not pass as a green run")]
fn schedule_seed(given: Option<&str>) -> u64 {
    given.map_or(SCHEDULE_SEED, |text| match text.trim().parse() {
        Ok(seed) => seed,
        Err(error) => panic!("{SCHEDULE_SEED_VARIABLE} is {text:?}, no decimal number: {error}"),
    })
}

/// Runs a scenario under the chosen checker: loom exhausts it, shuttle samples it, std runs it once.
///
/// # Panics
/// If the scenario panics in any explored execution.
pub fn model<F>(scenario: F)
where
    F: Fn() + Send + Sync + 'static,
{
    #[cfg(foundation_loom)]
    {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(PREEMPTIONS_MAX);
        let scenario = Arc::new(scenario);
        // On a thread of its own, because the first one has a small stack.
        builder.check(move || {
            let scenario = Arc::clone(&scenario);
            let ended = thread::spawn(move || scenario()).join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }
    #[cfg(foundation_shuttle)]
    {
        let scenario = Arc::new(scenario);
        let again = Arc::clone(&scenario);
        let mut config = shuttle::Config::new();
        config.stack_size = STACK_BYTES;
        let seed = schedule_seed(std::env::var(SCHEDULE_SEED_VARIABLE).ok().as_deref());
        let random = shuttle::scheduler::RandomScheduler::new_from_seed(seed, SCHEDULES.0);
        shuttle::Runner::new(random, config.clone()).run(move || scenario());
        let pct = shuttle::scheduler::PctScheduler::new_from_seed(seed, 3, SCHEDULES.1);
        shuttle::Runner::new(pct, config).run(move || again());
    }
    #[cfg(not(any(foundation_loom, foundation_shuttle)))]
    scenario();
}

#[cfg(test)]
mod tests;
