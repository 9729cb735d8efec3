//! A task as a process: one future, one outcome.

use std::future::Future;
use std::sync::Arc;

use foundation_env::sync::Mutex;
use foundation_process::{Context, Outcome, Process, System};
use foundation_types::{Deadline, ExitReason, Pid};

use super::handle::{TaskOptions, TaskOutcome};
use super::pool::{Job, Owner, Pool, Slot, TaskStats};

/// What a task is told.
#[derive(Debug, Clone)]
pub struct TaskContext {
    system: System,
    deadline: Deadline,
}

impl TaskContext {
    /// The system it runs in.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// When it is cut off; hand it down to what the task calls.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }
}

/// Cancels a task wherever it is.
pub(super) struct Control {
    pool: Arc<Pool>,
    number: u64,
    stage: Mutex<Stage>,
}

#[derive(Default)]
struct Stage {
    process: Option<(System, Pid)>,
    cancelled: bool,
    ended: bool,
}

impl Control {
    pub(super) fn new(pool: Arc<Pool>, number: u64) -> Arc<Self> {
        Arc::new(Self { pool, number, stage: Mutex::new(Stage::default()) })
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        self.stage.lock().process.as_ref().map(|(_, pid)| *pid)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Ends the task because its time is over, if it is still in line.
    pub(super) fn time_out(&self) {
        if let Some(job) = self.pool.withdraw(self.number) {
            job.expire();
        }
    }

    /// Ends the task before its time; its outcome is Cancelled unless it has one already.
    pub(super) fn cancel(&self) {
        let process = {
            let mut stage = self.stage.lock();
            if stage.ended {
                return;
            }
            stage.cancelled = true;
            stage.process.clone()
        };
        match process {
            Some((system, pid)) => drop(system.kill(pid)),
            // In line, or being spawned: whoever spawns it looks at the mark.
            None => drop(self.pool.withdraw(self.number)),
        }
    }

    /// Notes the process. Returns false when the task was cancelled meanwhile.
    fn spawned(&self, system: &System, pid: Pid) -> bool {
        let mut stage = self.stage.lock();
        stage.process = Some((system.clone(), pid));
        !stage.cancelled
    }
}

/// What is done with an outcome.
type Tell<T, E> = Box<dyn FnOnce(TaskOutcome<T, E>) + Send>;

/// Tells the outcome of a task, once, on every way out.
///
/// On drop: the place is given back, the outcome counted, and then told.
pub(super) struct Finish<T, E> {
    control: Arc<Control>,
    outcome: Arc<Mutex<Option<TaskOutcome<T, E>>>>,
    slot: Option<Arc<Slot>>,
    tell: Option<Tell<T, E>>,
}

impl<T, E> Finish<T, E> {
    pub(super) fn new(
        control: Arc<Control>,
        tell: impl FnOnce(TaskOutcome<T, E>) + Send + 'static,
    ) -> Self {
        let tell: Tell<T, E> = Box::new(tell);
        Self { control, outcome: Arc::default(), slot: None, tell: Some(tell) }
    }

    /// Settles an outcome that the future did not: its process ended otherwise.
    fn conclude(self, reason: &ExitReason) {
        if let ExitReason::Panic(report) = reason {
            let mut outcome = self.outcome.lock();
            outcome.get_or_insert_with(|| TaskOutcome::Panicked(Arc::clone(report)));
        }
    }

    /// Settles the outcome of a task that does not run.
    pub(super) fn give_up(self, outcome: TaskOutcome<T, E>) {
        *self.outcome.lock() = Some(outcome);
    }
}

impl<T, E> Drop for Finish<T, E> {
    fn drop(&mut self) {
        self.control.stage.lock().ended = true;
        drop(self.slot.take());
        let outcome = self.outcome.lock().take().unwrap_or(TaskOutcome::Cancelled);
        self.control.pool.ended(self.control.number, |stats: &mut TaskStats| match outcome {
            TaskOutcome::Ok(_) => &mut stats.ok,
            TaskOutcome::Error(_) | TaskOutcome::NotStarted(_) => &mut stats.failed,
            TaskOutcome::Panicked(_) => &mut stats.panicked,
            TaskOutcome::TimedOut => &mut stats.timed_out,
            TaskOutcome::Cancelled => &mut stats.cancelled,
        });
        if let Some(tell) = self.tell.take() {
            tell(outcome);
        }
    }
}

/// A task before it runs: how its future is made, and who hears of its outcome.
pub(super) struct Work<B, T, E> {
    pub(super) begin: B,
    pub(super) options: TaskOptions,
    pub(super) finish: Finish<T, E>,
}

impl<B, Fut, T, E> Job for Work<B, T, E>
where
    B: FnOnce(TaskContext, Arc<Slot>) -> Fut + Send + 'static,
    Fut: Future<Output = TaskOutcome<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    fn launch(self: Box<Self>, owner: &Owner, slot: Slot) {
        settle(*self, owner, slot);
    }

    fn deadline(&self) -> Deadline {
        self.options.deadline
    }

    fn expire(self: Box<Self>) {
        self.finish.give_up(TaskOutcome::TimedOut);
    }
}

/// Spawns the process of a task.
pub(super) fn settle<B, Fut, T, E>(mut work: Work<B, T, E>, owner: &Owner, slot: Slot)
where
    B: FnOnce(TaskContext, Arc<Slot>) -> Fut + Send + 'static,
    Fut: Future<Output = TaskOutcome<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let slot = Arc::new(slot);
    work.finish.slot = Some(Arc::clone(&slot));
    let now = owner.system.env().now();
    if work.options.deadline.has_passed(now) {
        drop(slot);
        return work.finish.give_up(TaskOutcome::TimedOut);
    }
    let control = Arc::clone(&work.finish.control);
    let label = Arc::clone(&work.options.label);
    let work = Arc::new(Mutex::new(Some(work)));
    let task = Task { owner: owner.pid, slot: Some(slot), work: Arc::clone(&work) };
    let spawn = owner.system.process(task).label(label).parent(owner.pid);
    let spawn = spawn.supervised().mailbox(1);
    let pid = match spawn.spawn() {
        Ok(address) => address.pid(),
        Err(error) => {
            let work = work.lock().take();
            if let Some(work) = work {
                work.finish.give_up(TaskOutcome::NotStarted(error));
            }
            return;
        }
    };
    // As early as can be: whoever ends the process now tells the outcome before it is Dead. Until here this
    // share of the work would tell it, a moment later.
    drop(work);
    let wanted = control.spawned(&owner.system, pid);
    if !control.pool.spawned(control.number, pid, owner.pid) || !wanted {
        owner.system.kill(pid);
    }
}

/// The process of a task. It does its work in `init` and is told nothing.
struct Task<B, T, E> {
    /// The keeper when the task got its place.
    owner: Pid,
    // Dropped before `work`, whose `Finish` tells the outcome.
    slot: Option<Arc<Slot>>,
    /// Shared with whoever spawns it, who tells the outcome if that fails.
    work: Arc<Mutex<Option<Work<B, T, E>>>>,
}

enum Never {}

impl<B, Fut, T, E> Process for Task<B, T, E>
where
    B: FnOnce(TaskContext, Arc<Slot>) -> Fut + Send + 'static,
    Fut: Future<Output = TaskOutcome<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    type Message = Never;

    async fn init(&mut self, context: &mut Context<Never>) -> Outcome {
        let work = self.work.lock().take();
        let (Some(work), Some(slot)) = (work, self.slot.take()) else {
            return Err(ExitReason::Normal);
        };
        // Here and not only by whoever spawned it, who may come to it later than this process to its
        // work: the keeper has ended meanwhile, or knows of this process now and waits for it.
        let control = &work.finish.control;
        if !control.pool.spawned(control.number, context.pid(), self.owner) {
            return Err(ExitReason::Normal);
        }
        let system = context.system().clone();
        let outcome = Arc::clone(&work.finish.outcome);
        // The hook runs when the future is dropped and the process not Dead yet, also after a
        // panic or a kill.
        let finish = work.finish;
        context.add_exit_hook(move |exited| finish.conclude(&exited.reason))?;
        let deadline = match work.options.timeout {
            Some(timeout) => work.options.deadline.earlier(context.deadline(timeout)),
            None => work.options.deadline,
        };
        let future = (work.begin)(TaskContext { system: system.clone(), deadline }, slot);
        let ended = system.before(deadline, future).await;
        *outcome.lock() = Some(ended.unwrap_or(TaskOutcome::TimedOut));
        Err(ExitReason::Normal)
    }

    async fn handle(&mut self, message: Never, _: &mut Context<Never>) -> Outcome {
        match message {}
    }
}

#[cfg(test)]
mod tests;
