//! One try at one item of a task.

use std::fmt;
use std::sync::Arc;

use foundation_agent::{Capability, Payload};
use foundation_types::{Deadline, Instant};

/// Names one attempt: the task, the item and the how-manieth try it is.
///
/// Attempts of one item are numbered from 1 and a number is never given twice, so a result says which try
/// it came from. Written as `task/item#attempt`, such as `1/17#2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    item: ItemId,
    number: u32,
}

impl AttemptId {
    pub(crate) fn new(item: ItemId, number: u32) -> Self {
        Self { item, number }
    }

    /// Returns the index of the task in its graph.
    pub fn task(self) -> usize {
        self.item.task
    }

    /// Returns the index of the item in the task; 0 for a task without fan-out.
    pub fn item(self) -> usize {
        self.item.index
    }

    /// Returns which try at the item it is, counted from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    pub(crate) fn item_id(self) -> ItemId {
        self.item
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.item.task, self.item.index, self.number)
    }
}

/// Names one item of one task. Items are ordered by task, then by index: the order of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ItemId {
    pub(crate) task: usize,
    pub(crate) index: usize,
}

/// Work to hand to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The name under which the result is reported.
    pub id: AttemptId,
    /// The name of the task, for people.
    pub task: Arc<str>,
    /// What the agent must be able to do.
    pub capability: Capability,
    /// What the agent reads.
    pub input: Payload,
    /// When the attempt counts as failed.
    pub deadline: Deadline,
}

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Completion {
    /// It is the result of its item.
    Accepted {
        /// A later attempt at the same item that is now in vain and may be cancelled.
        superseded: Option<AttemptId>,
    },
    /// The item was done or the run over; the result was counted and ignored.
    Late,
    /// No such attempt was handed out; the result was counted and ignored.
    Unknown,
}

impl Completion {
    /// Returns whether the result counts.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// What became of a failure, a timeout or a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Setback {
    /// The item is tried again, not before the instant.
    Retry {
        /// When [`Run::offer`](crate::Run::offer) hands it out again.
        at: Instant,
    },
    /// The item has no further attempt, so the run has failed.
    RunFailed,
    /// The attempt was not at work: given up before, done, never handed out, or the run is over. The news
    /// was counted and ignored.
    Stale,
}
