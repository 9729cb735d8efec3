//! A simulated environment: one thread, virtual time, and one seed that decides every choice.
//!
//! A [`Simulation`] is an executor. At each step it picks one of the ready tasks by its [`Policy`] and
//! polls it; when no task is ready, the clock jumps to the next timer. Waiting costs no real time, and
//! channels that know nothing of it (tokio's, for instance) run on it unchanged.
//!
//! Replay: every poll (with the task's id), every draw and every timer that fires is folded into
//! [`Simulation::trace_hash`]. Two runs with the same seed, options and program must end with the same
//! hash; if they do not, something drew time, randomness or order from outside the [`Env`].
//!
//! What keeps it deterministic: task ids, timer sequence numbers and slots are handed out in the order
//! of calls; no hash map is iterated; the scheduler draws from a generator of its own, so a program that
//! draws once more does not change its schedule by that alone. What would break it: threads, tokio's
//! `select!`, maps with a random hasher, addresses as keys, and running it inside a tokio task, whose
//! cooperation budget makes channels refuse at times.

mod executor;
mod pause;
mod ready;
mod task;
mod timer;

use crate::env::Env;
use crate::files::ReplaceFault;
use foundation_types::Instant;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use executor::Next;
pub(crate) use executor::{Shared, Tree};
pub(crate) use timer::SimSleep;

/// How the next task is picked among the ready ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Each ready task with the same probability.
    Uniform,
    /// The ready task with the highest priority, where priorities are random and the running task drops
    /// to the lowest at `depth - 1` random steps (Burckhardt et al. 2010, "A randomized scheduler with
    /// probabilistic guarantees of finding bugs"). Finds faults that need one task to be held back for
    /// long, which a uniform choice almost never does.
    ///
    /// Deviations: a run's length is not known beforehand, so the steps are drawn log-uniformly below
    /// 2^16; a task that wakes itself, and every 1,024th pick, drops to the lowest priority, so that a
    /// loop that yields cannot starve the rest.
    Pct {
        /// The number of ordering constraints a fault may need; 3 covers nearly all known ones.
        depth: u32,
    },
    /// In the order of waking: what a fair runtime does, and the schedule that shows the fewest faults.
    Fifo,
}

/// Settings of a simulation; printed with the seed when a run fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimOptions {
    policy: Policy,
    steps_max: u64,
    fault_probability: f64,
    delay_max: Duration,
}

impl Default for SimOptions {
    /// Uniform choice, ten million polls, no faults, delays of up to 10 ms.
    fn default() -> Self {
        Self {
            policy: Policy::Uniform,
            steps_max: 10_000_000,
            fault_probability: 0.0,
            delay_max: Duration::from_millis(10),
        }
    }
}

impl SimOptions {
    /// Sets how tasks are picked.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the number of polls after which the simulation panics, taking the run for a livelock.
    #[must_use]
    pub const fn steps_max(mut self, steps_max: u64) -> Self {
        self.steps_max = steps_max;
        self
    }

    /// Sets the probability, from 0 to 1, that [`Env::fault_point`] yields or delays.
    #[must_use]
    pub const fn fault_probability(mut self, probability: f64) -> Self {
        self.fault_probability = probability;
        self
    }

    /// Sets the longest virtual delay of a fault point and of work on the blocking pool.
    #[must_use]
    pub const fn delay_max(mut self, delay_max: Duration) -> Self {
        self.delay_max = delay_max;
        self
    }
}

/// How [`Simulation::run_until_idle`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a run that hit its limit has not finished"]
pub enum RunOutcome {
    /// No task is ready at the current virtual instant; timers may be pending.
    Idle,
    /// The limit of polls was reached and tasks are still ready.
    StepLimit,
}

/// A single-threaded executor with virtual time; see the [module](self) for what it promises.
///
/// Dropping it drops every task. Environments and wakers that outlive it are harmless: futures spawned
/// later are dropped at once, and waking does nothing.
pub struct Simulation {
    shared: Arc<Shared>,
}

impl Simulation {
    /// Creates a simulation whose every choice follows from `seed`. Its clock starts at zero.
    pub fn new(seed: u64, options: SimOptions) -> Self {
        Self { shared: Arc::new(Shared::new(seed, options)) }
    }

    /// Returns the environment of this simulation.
    pub fn env(&self) -> Env {
        Env::simulated(Arc::clone(&self.shared))
    }

    /// Runs a future to its end together with all tasks, moving the clock whenever nothing is ready.
    ///
    /// The future is scheduled like any other task. Tasks that are left run on at the next call.
    ///
    /// # Panics
    /// If it can never end: no task is ready and no timer is pending. If the limit of polls is reached.
    /// With the panic of any task: on tokio a detached task's panic would be lost.
    pub fn block_on<F: Future>(&mut self, future: F) -> F::Output {
        let main = MainTask::register(&self.shared);
        let mut future = pin!(future);
        loop {
            match self.shared.next() {
                Next::Main(waker) => {
                    let mut cx = Context::from_waker(&waker);
                    if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                        drop(main);
                        return output;
                    }
                }
                Next::Task(running) => running.poll(&self.shared),
                Next::Idle => {
                    if !self.shared.fire_next_timers(Instant::from_nanos(u64::MAX)) {
                        self.shared.fail("deadlock: no task is ready and no timer is pending");
                    }
                }
            }
        }
    }

    /// Polls ready tasks, at most `steps_max` of them, without moving the clock.
    ///
    /// # Panics
    /// With the panic of any task, and if the simulation's own limit of polls is reached.
    pub fn run_until_idle(&mut self, steps_max: u64) -> RunOutcome {
        for _ in 0..steps_max {
            match self.shared.next() {
                Next::Task(running) => running.poll(&self.shared),
                Next::Main(_) | Next::Idle => return RunOutcome::Idle,
            }
        }
        if self.shared.has_ready() { RunOutcome::StepLimit } else { RunOutcome::Idle }
    }

    /// Moves the clock by `duration`, stopping at each timer on the way to run what it wakes.
    ///
    /// # Panics
    /// With the panic of any task, and if the simulation's own limit of polls is reached.
    pub fn advance(&mut self, duration: Duration) {
        let until = self.shared.now().saturating_add(duration);
        loop {
            // The simulation's own limit of polls bounds this.
            while self.run_until_idle(u64::MAX) == RunOutcome::StepLimit {}
            if !self.shared.fire_next_timers(until) {
                break;
            }
        }
        self.shared.set_now(until);
    }

    /// Returns the seed that replays this simulation.
    pub fn seed(&self) -> u64 {
        self.shared.seed()
    }

    /// Returns the hash over all polls, draws and timers so far.
    pub fn trace_hash(&self) -> u64 {
        self.shared.trace_hash()
    }

    /// Returns the number of polls so far.
    pub fn steps(&self) -> u64 {
        self.shared.steps()
    }

    /// Returns the number of tasks that have been spawned and have not ended.
    pub fn live_tasks(&self) -> usize {
        self.shared.live_tasks()
    }

    /// Returns the number of sleeps that were polled and are neither over nor dropped.
    pub fn pending_timers(&self) -> usize {
        self.shared.pending_timers()
    }

    /// Puts a file into the in-memory tree behind [`Env::files`], replacing an earlier one. Its folders
    /// need no creation.
    pub fn write_file(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        self.shared.tree().insert(path.into(), bytes.into());
    }

    /// Has the next [`Files::replace`](crate::Files::replace) fail.
    pub fn fail_next_replace(&mut self, fault: ReplaceFault) {
        self.shared.disk().next_replace = Some(fault);
    }

    /// Removes a file from the in-memory tree and returns its content.
    pub fn remove_file(&mut self, path: impl Into<PathBuf>) -> Option<Vec<u8>> {
        self.shared.tree().remove(&path.into())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared, f)
    }
}

/// The entry of the future given to `block_on`, removed also when a task panics.
struct MainTask<'a>(&'a Shared);

impl<'a> MainTask<'a> {
    fn register(shared: &'a Arc<Shared>) -> Self {
        shared.set_main();
        Self(shared)
    }
}

impl Drop for MainTask<'_> {
    fn drop(&mut self) {
        self.0.clear_main();
    }
}

/// A task's future.
type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

#[cfg(test)]
mod tests;
