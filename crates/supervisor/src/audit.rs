//! The record of what a supervisor restarted, and why.

use std::collections::VecDeque;
use std::sync::Arc;

use foundation_types::{Code, Error, ExitReason, Instant, Pid};

use crate::error;
use crate::intensity::Intensity;

/// Failures whose reasons are told when a supervisor gives up.
const FAILURES_MAX: usize = 8;

/// Bytes of each of these reasons, so that none crowds the others out of the field of the error. The last is
/// the cause as well, in full.
const REASON_BYTES_MAX: usize = Error::VALUE_BYTES_MAX / FAILURES_MAX - "…; ".len();

/// One restart of one child.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RestartRecord {
    /// The number of the restart in its supervisor, from 1; a gap shows where old records were
    /// dropped.
    pub number: u64,
    /// The child's id.
    pub child: Arc<str>,
    /// The process that ended, if it had one.
    pub old: Option<Pid>,
    /// The process that took its place; none when there is none: it was not spawned or, in a static
    /// supervisor, which waits for that, did not start.
    pub new: Option<Pid>,
    /// Why the old process ended, or why the last try to start it failed.
    pub reason: ExitReason,
    /// When the record was made.
    pub at: Instant,
    /// The restarts of this child in a row, from 1, without those that healthy time has forgiven.
    /// Zero when it was restarted along with a sibling.
    pub attempt: u32,
}

/// The newest restarts and failures of one supervisor, bounded.
#[derive(Debug)]
pub(crate) struct Audit {
    records: VecDeque<RestartRecord>,
    records_max: usize,
    count: u64,
    failures: VecDeque<Failure>,
}

#[derive(Debug)]
struct Failure {
    child: Arc<str>,
    reason: ExitReason,
}

impl Failure {
    fn brief(&self) -> String {
        let mut text = format!("{}: {}", self.child, self.reason);
        if text.len() > REASON_BYTES_MAX {
            text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
            text.push('…');
        }
        text
    }
}

impl Audit {
    pub(crate) fn new(records_max: usize) -> Self {
        Self { records: VecDeque::new(), records_max, count: 0, failures: VecDeque::new() }
    }

    /// Notes a restart; its number is set here. The oldest record makes room.
    pub(crate) fn restarted(&mut self, mut record: RestartRecord) {
        self.count += 1;
        record.number = self.count;
        if self.records.len() >= self.records_max {
            self.records.pop_front();
        }
        if self.records_max > 0 {
            self.records.push_back(record);
        }
    }

    /// Notes the end of a child that asks for a restart.
    pub(crate) fn failed(&mut self, child: &Arc<str>, reason: &ExitReason) {
        if self.failures.len() >= FAILURES_MAX {
            self.failures.pop_front();
        }
        self.failures.push_back(Failure { child: Arc::clone(child), reason: reason.clone() });
    }

    /// The records, oldest first.
    pub(crate) fn records(&self) -> Vec<RestartRecord> {
        self.records.iter().cloned().collect()
    }

    /// The exit reason of a supervisor that gives up because of the last failure: which child, how
    /// many restarts in which period, the last reasons, the newest first, and the last one as the cause.
    ///
    /// OTP exits with `shutdown` here, which loses the reason, and a transient supervisor would not
    /// be restarted.
    pub(crate) fn give_up(&self, label: &str, intensity: &Intensity) -> ExitReason {
        let mut error = Error::new(Code::DependencyFailed, "a supervisor gave up restarting")
            .with("restarts", intensity.recent())
            .with("restarts_max", intensity.restarts_max())
            .with("period_ms", intensity.period().as_millis())
            .with_place(label)
            .with_remedy("mend the child, or allow more restarts or longer backoff");
        if let Some(last) = self.failures.back() {
            let reasons: Vec<_> = self.failures.iter().rev().map(Failure::brief).collect();
            error = error
                .with("child", &last.child)
                .with("last_reasons", reasons.join("; "))
                .caused_by(error::cause(&last.reason));
        }
        ExitReason::error(error)
    }
}

#[cfg(test)]
mod tests;
