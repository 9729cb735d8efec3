//! How far a run is.

/// Counts what a run has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Items done. A task without fan-out is one item.
    pub done: usize,
    /// Items known. A task that is to fan out counts as one until its items are known.
    pub total: usize,
    /// Attempts at work now.
    pub running: usize,
    /// Attempts handed out.
    pub attempts: u64,
    /// Attempts that ended in an error, timeouts among them.
    pub errors: u64,
    /// Attempts that ended with the death of their agent.
    pub deaths: u64,
    /// Results that came after their item was done or the run over.
    pub late: u64,
    /// Failures and deaths reported for attempts that were not current.
    pub stale: u64,
    /// Results and failures of attempts that were never handed out.
    pub unknown: u64,
    /// Size of the accepted outputs, in bytes.
    pub output_bytes: usize,
}

/// How far one task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskProgress<'a> {
    /// The name of the task.
    pub task: &'a str,
    /// Its items done.
    pub done: usize,
    /// Its items; `None` while the task it fans out over is not done.
    pub total: Option<usize>,
}
