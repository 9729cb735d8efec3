//! What can be wrong with a graph, and how a run can fail.

use std::fmt;
use std::time::Duration;

use foundation_agent::Capability;
use foundation_types::{Error, ExitReason};

use crate::graph::TaskGraph;
use crate::task::Task;

/// One fault of a graph. Tasks are given by their index in the list the graph was built from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// There is no task.
    #[error("the graph has no task")]
    Empty,
    /// There are more tasks than [`TaskGraph::TASKS_MAX`].
    #[error("the graph has {count} tasks, the limit is {max}", max = TaskGraph::TASKS_MAX)]
    TooManyTasks {
        /// Tasks given.
        count: usize,
    },
    /// A name is empty, too long or has a character that is not allowed.
    #[error("the task name {name:?} is not {rule}", rule = Task::NAME_RULE)]
    Name {
        /// Index of the task.
        task: usize,
        /// The rejected name.
        name: String,
    },
    /// Two tasks have one name.
    #[error("there are two tasks with the name {name:?}")]
    Duplicate {
        /// Index of the later task.
        task: usize,
        /// Index of the earlier task.
        first: usize,
        /// Their name.
        name: String,
    },
    /// A task waits for a task that does not exist.
    #[error("the task {name:?} waits for {dependency:?}, which does not exist")]
    UnknownDependency {
        /// Index of the task that waits.
        task: usize,
        /// Its name.
        name: String,
        /// The name it gives.
        dependency: String,
    },
    /// A task names the same dependency twice.
    #[error("the task {name:?} waits for {dependency:?} twice")]
    RepeatedDependency {
        /// Index of the task that waits.
        task: usize,
        /// Its name.
        name: String,
        /// The name it repeats.
        dependency: String,
    },
    /// Tasks wait for each other in a circle.
    #[error("the tasks wait for each other in a circle: {}", path.join(" -> "))]
    Cycle {
        /// Index of the first task of the path.
        task: usize,
        /// Each task waits for the next one; the first name comes again at the end.
        path: Vec<String>,
    },
    /// A task allows no attempt, or more attempts or deaths than the limit.
    #[error("the task {name:?} has {setting} = {value}, the range is {min} to {max}")]
    OutOfRange {
        /// Index of the task.
        task: usize,
        /// Its name.
        name: String,
        /// The setting, as the configuration spells it.
        setting: &'static str,
        /// Its value.
        value: u32,
        /// The smallest value allowed.
        min: u32,
        /// The largest value allowed.
        max: u32,
    },
    /// A task gives an attempt no time, or more than [`Task::DEADLINE_LIMIT`].
    #[error("the task {name:?} has a deadline of {deadline:?}, the range is above zero to {max:?}", max = Task::DEADLINE_LIMIT)]
    Deadline {
        /// Index of the task.
        task: usize,
        /// Its name.
        name: String,
        /// The rejected deadline.
        deadline: Duration,
    },
}

/// All faults of a graph; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphErrors(pub(crate) Vec<GraphError>);

impl GraphErrors {
    /// Returns the faults: those of single tasks in the order of the tasks, then the circles.
    pub fn faults(&self) -> &[GraphError] {
        &self.0
    }
}

impl fmt::Display for GraphErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for GraphErrors {}

/// Says why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// An attempt failed in a way that another one cannot mend, or failed too often.
    #[error(
        "the task {task:?} failed at item {item} ({input}) after {errors} failed attempt{s}",
        s = plural(*errors)
    )]
    TaskFailed {
        /// The task.
        task: String,
        /// Index of the item; 0 for a task without fan-out.
        item: usize,
        /// The beginning of what the item reads.
        input: String,
        /// Attempts that ended in an error.
        errors: u32,
        /// The last error.
        source: Error,
    },
    /// Too many agents died at one item.
    #[error(
        "{deaths} agent{s} died at item {item} ({input}) of the task {task:?}, the last one with: {last}",
        s = plural(*deaths)
    )]
    TooManyDeaths {
        /// The task.
        task: String,
        /// Index of the item; 0 for a task without fan-out.
        item: usize,
        /// The beginning of what the item reads.
        input: String,
        /// Agents that died.
        deaths: u32,
        /// How the last one ended.
        last: ExitReason,
    },
    /// Nobody who could take the task up was alive for too long.
    #[error(
        "no living agent has had the capability {capability} of the task {task:?} for {waited:?}"
    )]
    NoAgent {
        /// The task.
        task: String,
        /// What an agent would have to be able to do.
        capability: Capability,
        /// How long nobody could.
        waited: Duration,
    },
    /// A task is to run for each item of an output that is no list, or too long.
    #[error("the task {task:?} cannot run for each item of the output of {source_task:?}")]
    FanOut {
        /// The task that runs for each item.
        task: String,
        /// The task whose output it is.
        source_task: String,
        /// What is wrong with the output.
        source: Error,
    },
    /// The outputs together are larger than the limit.
    #[error(
        "the outputs of all tasks, and the inputs made of them, are larger than {bytes_max} bytes together"
    )]
    OutputsTooLarge {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// The inputs of a task could not be joined.
    #[error("the inputs of the task {task:?} cannot be joined")]
    Join {
        /// The task that was to read them.
        task: String,
        /// Why not.
        source: Error,
    },
}

fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl RunError {
    /// Returns what to do about it.
    pub fn remedy(&self) -> &str {
        match self {
            Self::TaskFailed { source, .. } => source.remedy().unwrap_or(
                "mend what the error names; if it passes by itself, raise attempts_max of the task",
            ),
            Self::TooManyDeaths { .. } => {
                "look for what kills the agents; if it is injected, lower the rate or raise deaths_max of the task"
            }
            Self::NoAgent { .. } => {
                "look for why its agents are not restarted: a restart type other than permanent, or a long backoff"
            }
            Self::FanOut { source, .. } => source.remedy().unwrap_or(
                "let for_each name a task whose output is a list, not longer than limits.items_max",
            ),
            Self::OutputsTooLarge { .. } => {
                "work on less at a time, or raise limits.output_bytes_max"
            }
            Self::Join { .. } => "report this as a defect: task names are always valid text",
        }
    }
}
