//! Bounds, and what is said at one.

use std::fmt;

use foundation_types::{Code, Pid};

/// Bounds of one system and of each of its processes, and how strict it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Processes at one time; 1,048,576 by default.
    pub processes_max: usize,
    /// Monitors that one process holds; 1,048,576 by default, since a supervisor of every process
    /// must be able to watch them all.
    pub monitors_per_process_max: usize,
    /// Links of one process, whoever made them; 1,048,576 by default. A link counts until its exit signal
    /// has been handled.
    pub links_per_process_max: usize,
    /// Timers of one process; 65,536 by default.
    pub timers_per_process_max: usize,
    /// Exit hooks and held values of one process; 4,096 by default.
    pub hooks_per_process_max: usize,
    /// Entries kept in each of the logs: crashes, dead letters, stalls, deadlocks; 256 by default.
    pub log_entries_max: usize,
    /// Whether processes outside of supervision trees are refused, those that are neither linked to a parent nor
    /// spawned as [`supervised`](crate::Spawn::supervised); false by default. Supervisors and what they start pass.
    pub strict_supervision: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes_max: 1 << 20,
            monitors_per_process_max: 1 << 20,
            links_per_process_max: 1 << 20,
            timers_per_process_max: 1 << 16,
            hooks_per_process_max: 1 << 12,
            log_entries_max: 256,
            strict_supervision: false,
        }
    }
}

/// Why something that takes a place in a table of the process was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitReached {
    /// The process that has so many.
    pub pid: Pid,
    /// `monitors`, `links` or `timers`.
    pub what: &'static str,
    /// The limit, from [`Limits`](crate::Limits).
    pub limit: usize,
}

impl LimitReached {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::ResourceExhausted
    }
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, what, limit } = self;
        write!(f, "process {pid} already has {limit} {what}, the most it may have")
    }
}
