//! Submitting a task, and the handle to one that was admitted.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use foundation_process::{SpawnError, System};
use foundation_types::{Code, Deadline, Error, PanicReport, Pid, coded_errors};

use crate::level::Level;

use super::pool::{Place, Pool, Slot};
use super::work::{Control, Finish, TaskContext, Work, settle};

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a task that failed says so only here"]
pub enum TaskOutcome<T, E> {
    /// It returned a value.
    Ok(T),
    /// It returned an error.
    Error(E),
    /// It panicked.
    Panicked(Arc<PanicReport>),
    /// Its time was over before it ended, or before it got a place.
    TimedOut,
    /// It was cancelled, or killed with its supervisor.
    Cancelled,
    /// It had a place, and its process could not be spawned.
    NotStarted(SpawnError),
}

impl<T, E> From<Result<T, E>> for TaskOutcome<T, E> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Error(error),
        }
    }
}

impl<T, E> TaskOutcome<T, E> {
    /// The value of a task that ended well.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Ok(value) => Some(value),
            _ => None,
        }
    }

    /// Whether the task ended well.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }
}

/// How a task is run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskOptions {
    /// How long it may run once it has a place; without limit by default.
    pub timeout: Option<Duration>,
    /// When it must have ended, the time in line included; never by default.
    pub deadline: Deadline,
    /// Whether dropping its handle cancels it; it does by default, so that work whose result
    /// nobody wants ends with the one who wanted it.
    pub cancel_on_drop: bool,
    /// A name for humans.
    pub label: Arc<str>,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self {
            timeout: None,
            deadline: Deadline::NEVER,
            cancel_on_drop: true,
            label: Arc::from("task"),
        }
    }
}

impl TaskOptions {
    /// Sets how long it may run once it has a place.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets when it must have ended, the time in line included.
    #[must_use]
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets whether dropping its handle cancels it.
    #[must_use]
    pub fn cancel_on_drop(mut self, cancel: bool) -> Self {
        self.cancel_on_drop = cancel;
        self
    }

    /// Sets its name for humans.
    #[must_use]
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.label = label.into();
        self
    }
}

/// Why a task was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// All places are taken and the line is full.
    Full {
        /// Tasks that run.
        running: usize,
        /// Tasks in line.
        queued: usize,
    },
    /// The task supervisor does not run.
    Closed,
}

/// A task that was refused, given back.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskRejected<F> {
    /// The task.
    pub task: F,
    /// Why it was refused.
    pub reason: Refusal,
}

impl Refusal {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Full { .. } => Code::ResourceExhausted,
            Self::Closed => Code::ServiceUnavailable,
        }
    }
}

coded_errors! {
    Refusal;
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { running, queued } => {
                write!(f, "{running} tasks run and {queued} wait, the most there may be")
            }
            Self::Closed => f.write_str("the task supervisor is not running"),
        }
    }
}

impl<F> TaskRejected<F> {
    /// Whether the same task can be admitted later, as the code says.
    pub fn is_retryable(&self) -> bool {
        self.reason.is_retryable()
    }

    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        self.reason.code()
    }
}

impl<F> StdError for TaskRejected<F> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.reason)
    }
}

impl<F> fmt::Display for TaskRejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was refused")
    }
}

impl<F> From<TaskRejected<F>> for Error {
    fn from(rejected: TaskRejected<F>) -> Self {
        Self::new(rejected.code(), "a task was refused").caused_by(rejected.reason)
    }
}

impl<F> fmt::Debug for TaskRejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Closures cannot be printed.
        f.debug_struct("TaskRejected").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// What became of a submitted task.
#[must_use = "a refused task does not run, and a dropped handle may cancel one that does"]
pub enum Admission<T, E, F> {
    /// It runs.
    Accepted(TaskHandle<T, E>),
    /// It waits in line.
    Queued {
        /// The task.
        handle: TaskHandle<T, E>,
        /// How many tasks were in line before it.
        ahead: usize,
    },
    /// It is refused, and given back.
    Refused(TaskRejected<F>),
}

impl<T, E, F> Admission<T, E, F> {
    /// The handle, whether the task runs or waits.
    ///
    /// # Errors
    ///
    /// The task, when it was refused.
    pub fn into_result(self) -> Result<TaskHandle<T, E>, TaskRejected<F>> {
        match self {
            Self::Accepted(handle) | Self::Queued { handle, .. } => Ok(handle),
            Self::Refused(rejected) => Err(rejected),
        }
    }
}

impl<T, E, F> fmt::Debug for Admission<T, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(handle) => f.debug_tuple("Accepted").field(handle).finish(),
            Self::Queued { ahead, .. } => f.debug_struct("Queued").field("ahead", ahead).finish(),
            Self::Refused(rejected) => f.debug_tuple("Refused").field(rejected).finish(),
        }
    }
}

/// Where the outcome is put.
type Told<T, E> = Level<Option<TaskOutcome<T, E>>>;

/// A task that was admitted.
///
/// Dropping it cancels the task, unless [`TaskOptions::cancel_on_drop`] says otherwise.
#[must_use = "dropping the handle may cancel the task"]
pub struct TaskHandle<T, E> {
    control: Arc<Control>,
    told: Arc<Told<T, E>>,
    system: System,
    deadline: Deadline,
    cancel_on_drop: bool,
}

impl<T, E> TaskHandle<T, E> {
    /// Waits for the outcome.
    ///
    /// A task in line whose deadline passes is taken out and has timed out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handle, which may cancel the task.
    pub async fn join(self) -> TaskOutcome<T, E> {
        let told = self.told.wait(Option::take);
        if let Ok(outcome) = self.system.before(self.deadline, told).await {
            return outcome;
        }
        // One that runs ends itself at the same instant.
        self.control.time_out();
        self.told.wait(Option::take).await
    }

    /// Cancels the task: taken out of the line, or killed at its next await.
    pub fn cancel(&self) {
        self.control.cancel();
    }

    /// Lets the task run without anybody waiting for it.
    pub fn detach(mut self) {
        self.cancel_on_drop = false;
    }

    /// The process of the task; none while it waits in line.
    pub fn pid(&self) -> Option<Pid> {
        self.control.pid()
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.told.read(Option::is_some)
    }
}

impl<T, E> Drop for TaskHandle<T, E> {
    fn drop(&mut self) {
        if self.cancel_on_drop {
            self.control.cancel();
        }
    }
}

impl<T, E> fmt::Debug for TaskHandle<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle")
            .field("pid", &self.pid())
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// Submits a task to a pool.
pub(super) fn submit<T, E, Fut, F>(
    pool: &Arc<Pool>,
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
    let (deadline, cancel_on_drop) = (options.deadline, options.cancel_on_drop);
    let told = Arc::new(Level::new(None));
    let control = Control::new(Arc::clone(pool), pool.number());
    let (number, tell, finisher) = (control.number(), Arc::clone(&told), Arc::clone(&control));
    let make_work = move |task: F| Work {
        begin: move |context: TaskContext, slot: Arc<Slot>| begin(task, context, slot),
        options,
        finish: Finish::new(finisher, move |outcome| tell.update(|told| *told = Some(outcome))),
    };
    let handle = |system| TaskHandle { control, told, system, deadline, cancel_on_drop };
    match pool.admit(number, task, make_work) {
        Ok(Place::Now { work, owner, slot }) => {
            settle(work, &owner, slot);
            Admission::Accepted(handle(owner.system))
        }
        Ok(Place::InLine { ahead, system }) => Admission::Queued { handle: handle(system), ahead },
        Err((task, reason)) => Admission::Refused(TaskRejected { task, reason }),
    }
}
