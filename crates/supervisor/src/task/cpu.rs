//! Work that computes or blocks, apart from the threads that run processes.

use std::future::Future;
use std::sync::Arc;
use std::thread::available_parallelism;

use foundation_env::BlockingError;
use foundation_process::{StartError, System, catch_panic};
use foundation_types::{PanicReport, Pid};

use crate::spec::ChildSpec;

use super::TaskSupervisor;
use super::batch::{Batch, BatchItem, BatchOptions};
use super::handle::{Admission, TaskOptions, TaskOutcome};
use super::pool::{Slot, TaskLimits, TaskStats};
use super::work::TaskContext;

/// The number of cores, one if nobody knows.
pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// A task supervisor for closures that compute or block.
///
/// They run on the blocking pool, so a task that takes long keeps no process waiting, and under a
/// limit of their own, so they never take the places of other tasks.
///
/// A closure cannot be stopped. When its task is cancelled or times out, the outcome is told at
/// once, but the place stays taken until the closure has returned: there are never more closures
/// than places.
#[derive(Clone, Debug)]
pub struct CpuPool {
    tasks: TaskSupervisor,
}

impl CpuPool {
    /// Creates a pool that is not open yet.
    pub fn new(limits: TaskLimits) -> Self {
        Self { tasks: TaskSupervisor::new(limits) }
    }

    /// Creates a pool with a place for each core and the default line.
    pub fn with_cores() -> Self {
        Self::new(TaskLimits::default().max_children(cores()))
    }

    /// The child to put into a supervisor; see [`TaskSupervisor::spec`].
    pub fn spec(&self, id: impl Into<Arc<str>>) -> ChildSpec {
        self.tasks.spec(id)
    }

    /// Opens it by itself; see [`TaskSupervisor::start`].
    ///
    /// # Errors
    ///
    /// See [`TaskSupervisor::start`].
    ///
    /// # Cancel safety
    ///
    /// See [`TaskSupervisor::start`].
    pub async fn start(&self, system: &System) -> Result<Pid, StartError> {
        self.tasks.start(system).await
    }

    /// Admits a closure or refuses it, without waiting.
    pub fn submit<T, E, F>(&self, options: TaskOptions, work: F) -> Admission<T, E, F>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(TaskContext) -> Result<T, E> + Send + 'static,
    {
        self.tasks.submit_with(options, work, |work, context, slot| compute(context, slot, work))
    }

    /// Runs the same closure on many items; see [`TaskSupervisor::batch`].
    pub fn batch<I, T, E, F>(
        &self,
        items: I,
        options: BatchOptions,
        work: F,
    ) -> Batch<I::IntoIter, T, E>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        F: Fn(I::Item, TaskContext) -> Result<T, E> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let task = move |item, context, slot| {
            let work = Arc::clone(&work);
            compute(context, slot, move |context| work(item, context))
        };
        Batch::new(Arc::clone(&self.tasks.pool), items.into_iter(), options, task)
    }

    /// Runs the same closure on many items and waits for all outcomes.
    ///
    /// # Cancel safety
    ///
    /// See [`TaskSupervisor::run_batch`].
    pub async fn run_batch<I, T, E, F>(
        &self,
        items: I,
        options: BatchOptions,
        work: F,
    ) -> Vec<BatchItem<T, E>>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
        F: Fn(I::Item, TaskContext) -> Result<T, E> + Send + Sync + 'static,
    {
        self.batch(items, options, work).collect().await
    }

    /// Gauges and counters of this moment.
    pub fn stats(&self) -> TaskStats {
        self.tasks.stats()
    }
}

/// Runs a closure on the blocking pool; it keeps the place until it has returned.
fn compute<T, E>(
    context: TaskContext,
    slot: Arc<Slot>,
    work: impl FnOnce(TaskContext) -> Result<T, E> + Send + 'static,
) -> impl Future<Output = TaskOutcome<T, E>> + Send + 'static
where
    T: Send + 'static,
    E: Send + 'static,
{
    let env = context.system().env().clone();
    async move {
        let computed = env.blocking(move || {
            let _place = slot;
            catch_panic(|| work(context))
        });
        match computed.await {
            Ok(Ok(result)) => TaskOutcome::from(result),
            Ok(Err(report)) => TaskOutcome::Panicked(Arc::new(report)),
            Err(BlockingError::Panicked { message }) => {
                let report = PanicReport { message, location: None, backtrace: None };
                TaskOutcome::Panicked(Arc::new(report))
            }
            Err(_shutting_down) => TaskOutcome::Cancelled,
        }
    }
}
