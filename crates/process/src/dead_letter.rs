//! What is kept of things that went wrong: bounded logs for operators.

use std::collections::VecDeque;
use std::sync::Arc;

use foundation_env::sync::Mutex;
use foundation_types::{ExitReason, Instant, Pid};

use crate::record::Identity;

/// The newest entries of a kind, and how many there ever were.
pub(crate) struct Log<T> {
    capacity: usize,
    kept: Mutex<(VecDeque<T>, u64)>,
}

impl<T: Clone> Log<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::new((VecDeque::new(), 0)) }
    }

    /// Adds an entry; the oldest goes when the log is full.
    pub(crate) fn push(&self, entry: T) {
        let oldest = {
            let mut kept = self.kept.lock();
            kept.1 += 1;
            let full = kept.0.len() >= self.capacity;
            let oldest = if full { kept.0.pop_front() } else { None };
            if self.capacity > 0 {
                kept.0.push_back(entry);
            }
            oldest
        };
        drop(oldest);
    }

    /// The kept entries, oldest first, and the number of all that were ever added.
    pub(crate) fn read(&self) -> (Vec<T>, u64) {
        let kept = self.kept.lock();
        (kept.0.iter().cloned().collect(), kept.1)
    }
}

/// Messages that were accepted and never handled, or refused where the sender asked for a record.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The process they were for.
    pub to: Pid,
    /// Its label, if it had one.
    pub label: Option<Arc<str>>,
    /// The type of the messages.
    pub message_type: &'static str,
    /// How many.
    pub count: usize,
    /// Why.
    pub cause: DeadLetterCause,
    /// When, on the system's clock.
    pub at: Instant,
}

/// Why messages became dead letters.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DeadLetterCause {
    /// The process died with them in its mailbox.
    Died(ExitReason),
    /// The process was dead already.
    NoProcess,
    /// There was no room before the deadline.
    Full,
}

impl DeadLetter {
    pub(crate) fn new(
        identity: &Identity,
        count: usize,
        cause: DeadLetterCause,
        at: Instant,
    ) -> Self {
        Self {
            to: identity.pid,
            label: identity.label.clone(),
            message_type: (identity.kind.message_type)(),
            count,
            cause,
            at,
        }
    }
}
