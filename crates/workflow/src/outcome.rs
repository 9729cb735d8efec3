//! What a run tells others about itself.

use std::sync::Arc;

use foundation_agent::Payload;

use crate::error::RunError;
use crate::progress::Progress;
use crate::run::Run;

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunStatus {
    /// The counters.
    pub progress: Progress,
    /// How far each task is, in the order of the tasks.
    pub tasks: Vec<TaskStatus>,
    /// Deaths at work by panic.
    pub panics: u64,
    /// Deaths at work by kill.
    pub kills: u64,
}

/// How far one task is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskStatus {
    /// The name of the task.
    pub task: String,
    /// Its items done.
    pub done: usize,
    /// Its items; `None` while they are not known.
    pub total: Option<usize>,
}

/// How a run ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunOutcome {
    /// With a result or without.
    pub end: RunEnd,
    /// How far it came.
    pub status: RunStatus,
}

/// With what a run ended.
#[derive(Debug, Clone)]
pub enum RunEnd {
    /// Every task is done; this is the result.
    Done(Payload),
    /// It could not be carried through.
    Failed(Arc<RunError>),
    /// It was interrupted.
    Interrupted,
}

impl RunStatus {
    pub(crate) fn new(run: &Run, panics: u64, kills: u64) -> Self {
        let tasks = run.task_progress().map(|task| TaskStatus {
            task: task.task.to_owned(),
            done: task.done,
            total: task.total,
        });
        Self { progress: run.progress(), tasks: tasks.collect(), panics, kills }
    }
}

impl RunEnd {
    /// The end of a run whose tasks are all done.
    pub(crate) fn of_result(run: &Run) -> Self {
        match run.result() {
            Ok(result) => Self::Done(result),
            Err(source) => {
                let task = "the result".to_owned();
                Self::Failed(Arc::new(RunError::Join { task, source }))
            }
        }
    }
}
