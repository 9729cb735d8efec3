//! Task supervision: short work, a bound on how much of it runs, and an outcome for each piece.
//!
//! # Shape
//!
//! A pool (`pool.rs`) counts places and keeps the line of those who wait for one; whoever submits,
//! ends or cancels works on it directly, under one short lock, so no process stands in the way of
//! the work. The keeper is a process that ties the pool to a supervision tree: the pool is open
//! while its keeper lives, and when the keeper ends, in whatever way, every task is killed.
//!
//! # Life of a task
//!
//! Refused, or admitted. Admitted it runs at once or waits in line, first come first served. It
//! runs as a process of its own and ends with one outcome: ok, error, panic, timed out, cancelled.
//! Its future is dropped first, then its place is free, then the outcome is told: so whoever knows
//! the outcome finds the gauges without it.

mod batch;
mod cpu;
mod handle;
mod pool;
mod work;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use foundation_process::{Context, Outcome, Process, StartError, System};
use foundation_types::{Deadline, ExitReason, Pid};

use crate::lineage::Lineage;
use crate::lineage::sealed::Inherits;
use crate::spec::ChildSpec;

pub use self::batch::{Batch, BatchItem, BatchOptions};
pub use self::cpu::CpuPool;
pub use self::handle::{Admission, Refusal, TaskHandle, TaskOptions, TaskOutcome, TaskRejected};
pub use self::pool::{TaskLimits, TaskStats};
pub use self::work::TaskContext;

use self::pool::{Pool, Slot};

/// Runs tasks: at most so many at once, at most so many waiting, each with an outcome.
///
/// A cheap handle; clones share the pool. Put its [`TaskSupervisor::spec`] into a supervisor, or
/// start it by itself; before that, and after its end, every task is refused. When its keeper is
/// restarted it takes tasks again; those that ran or waited are cancelled.
///
/// # Examples
///
/// ```
/// use foundation_process::System;
/// use foundation_supervisor::{TaskLimits, TaskOptions, TaskOutcome, TaskSupervisor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::current();
/// let tasks = TaskSupervisor::new(TaskLimits::default().max_children(2).queue_max(8));
/// tasks.start(&system).await?;
///
/// let task = tasks.submit(TaskOptions::default(), |_| async { "12".parse::<u32>() });
/// assert_eq!(task.into_result()?.join().await, TaskOutcome::Ok(12));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TaskSupervisor {
    pool: Arc<Pool>,
}

impl TaskSupervisor {
    /// Creates a task supervisor that is not open yet.
    pub fn new(limits: TaskLimits) -> Self {
        Self { pool: Arc::new(Pool::new(limits)) }
    }

    /// The child to put into a supervisor. When it is stopped, tasks are killed and waited for without
    /// limit: only one that does not yield takes longer than a moment.
    pub fn spec(&self, id: impl Into<Arc<str>>) -> ChildSpec {
        let pool = Arc::clone(&self.pool);
        let keeper = move || TaskKeeper::new(Arc::clone(&pool));
        ChildSpec::supervisor(id, keeper)
    }

    /// Opens it by itself at the top of a system and returns the pid of its keeper.
    ///
    /// # Errors
    ///
    /// See [`StartError`]; `Init` also when it is open already.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: when the future is dropped it is opened all the same.
    pub async fn start(&self, system: &System) -> Result<Pid, StartError> {
        let keeper = TaskKeeper::new(Arc::clone(&self.pool));
        let spawn = system.process(keeper).label("task supervisor").supervised();
        Ok(spawn.start(Deadline::NEVER).await?.pid())
    }

    /// Admits a task or refuses it, without waiting.
    pub fn submit<T, E, Fut, F>(&self, options: TaskOptions, task: F) -> Admission<T, E, F>
    where
        T: Send + 'static,
        E: Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        F: FnOnce(TaskContext) -> Fut + Send + 'static,
    {
        self.submit_with(options, task, |task, context, slot| {
            // The process of the task holds the place as long as the future lives.
            drop(slot);
            let future = task(context);
            async move { TaskOutcome::from(future.await) }
        })
    }

    /// Submits `task`; once it has a place, `begin` makes the future of it and its share of the
    /// place.
    fn submit_with<T, E, Fut, F>(
        &self,
        options: TaskOptions,
        task: F,
        begin: impl FnOnce(F, TaskContext, Arc<Slot>) -> Fut + Send + 'static,
    ) -> Admission<T, E, F>
    where
        T: Send + 'static,
        E: Send + 'static,
        Fut: Future<Output = TaskOutcome<T, E>> + Send + 'static,
        F: Send + 'static,
    {
        handle::submit(&self.pool, options, task, begin)
    }

    /// Runs the same on many items, at most [`BatchOptions::max_concurrency`] at once and never
    /// more than the pool has places, which all batches and single tasks share. Items are taken
    /// from the iterator as places become free, so it may be endless: take outcomes with
    /// [`Batch::next`]. Dropping the batch cancels what runs.
    pub fn batch<I, T, E, Fut, F>(
        &self,
        items: I,
        options: BatchOptions,
        task: F,
    ) -> Batch<I::IntoIter, T, E>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        F: Fn(I::Item, TaskContext) -> Fut + Send + Sync + 'static,
    {
        let task = move |item, context: TaskContext, slot: Arc<Slot>| {
            drop(slot);
            let future = task(item, context);
            async move { TaskOutcome::from(future.await) }
        };
        Batch::new(Arc::clone(&self.pool), items.into_iter(), options, task)
    }

    /// Runs the same on many items and waits for all outcomes; see [`TaskSupervisor::batch`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels what runs and forgets the outcomes.
    pub async fn run_batch<I, T, E, Fut, F>(
        &self,
        items: I,
        options: BatchOptions,
        task: F,
    ) -> Vec<BatchItem<T, E>>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        F: Fn(I::Item, TaskContext) -> Fut + Send + Sync + 'static,
    {
        self.batch(items, options, task).collect().await
    }

    /// Gauges and counters of this moment, all taken at once.
    pub fn stats(&self) -> TaskStats {
        self.pool.stats()
    }
}

impl fmt::Debug for TaskSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskSupervisor").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// The process that ties a pool to a supervision tree.
struct TaskKeeper {
    pool: Arc<Pool>,
    lineage: Lineage,
}

impl TaskKeeper {
    fn new(pool: Arc<Pool>) -> Self {
        Self { pool, lineage: Lineage::default() }
    }
}

impl Inherits for TaskKeeper {
    fn inherit(&mut self, lineage: &Lineage) {
        self.lineage = lineage.clone();
    }
}

/// The keeper is told nothing.
#[derive(Debug)]
enum Never {}

/// Closes the pool when its keeper is Dying, whichever way it ends.
struct Closing(Arc<Pool>, Lineage);

impl Drop for Closing {
    fn drop(&mut self) {
        for task in self.0.close() {
            self.1.note(task, Lineage::default());
        }
    }
}

impl Process for TaskKeeper {
    type Message = Never;

    async fn init(&mut self, context: &mut Context<Never>) -> Outcome {
        self.pool.open(context.system(), context.pid())?;
        let closing = Closing(Arc::clone(&self.pool), self.lineage.clone());
        let _held_for_life = context.hold(closing)?;
        Ok(())
    }

    async fn handle(&mut self, message: Never, _: &mut Context<Never>) -> Outcome {
        match message {}
    }

    async fn terminate(&mut self, _: &ExitReason, context: &mut Context<Never>) {
        let system = context.system();
        let ends: Vec<_> = self.pool.close().into_iter().map(|pid| system.monitor(pid)).collect();
        for end in ends {
            end.await;
        }
    }

    fn terminate_budget(&self) -> Option<Duration> {
        None
    }

    fn inspect(&self) -> String {
        format!("{:?}", self.pool.stats())
    }
}
