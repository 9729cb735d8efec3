//! What was done, and where that led.

use foundation_env::fault;
use serde::{Deserialize, Serialize};

use crate::change::Note;

/// Where a rollout stands, and how it came there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RolloutState {
    /// The name of the plan.
    pub plan: String,
    /// The stage in force; 0 is before the first.
    pub stage: usize,
    /// The latency that later samples are held against, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_ms: Option<f64>,
    /// What was done, the oldest first: the last [`RolloutState::ENTRIES_MAX`].
    pub history: Vec<RolloutEntry>,
    /// How many older entries were dropped.
    pub forgotten: u64,
}

/// One move of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RolloutEntry {
    /// When: milliseconds since 1970 UTC.
    pub at_unix_ms: u64,
    /// The stage before.
    pub from: usize,
    /// The stage since.
    pub to: usize,
    /// What it was.
    pub transition: Transition,
    /// Who did it.
    pub who: String,
    /// Why.
    pub why: String,
}

/// What a move was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Transition {
    /// To the next stage.
    Advance {
        /// The checks that did not count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        waived: Vec<String>,
    },
    /// Back, by somebody.
    Rollback,
    /// Back, by the monitor.
    Automatic,
    /// All flags off.
    Emergency,
}

impl RolloutState {
    /// The most entries that are kept.
    pub const ENTRIES_MAX: usize = 100;

    pub(super) fn new(plan: &str) -> Self {
        let (plan, history) = (plan.to_owned(), Vec::new());
        Self { plan, stage: 0, baseline_ms: None, history, forgotten: 0 }
    }

    pub(super) fn move_to(&mut self, to: usize, transition: Transition, note: &Note, now: u64) {
        let keeps_all = fault::planted("rollout_history_unbounded");
        if self.history.len() >= Self::ENTRIES_MAX && !keeps_all {
            self.history.remove(0);
            self.forgotten += 1;
        }
        self.history.push(RolloutEntry {
            at_unix_ms: now,
            from: self.stage,
            to,
            transition,
            who: note.who.to_string(),
            why: note.why.to_string(),
        });
        self.stage = to;
    }

    /// Since when the stage is in force: milliseconds since 1970 UTC.
    pub fn since_unix_ms(&self) -> Option<u64> {
        self.history.last().map(|entry| entry.at_unix_ms)
    }

    pub(super) fn last_rollback_unix_ms(&self) -> Option<u64> {
        let back = |entry: &&RolloutEntry| !matches!(entry.transition, Transition::Advance { .. });
        self.history.iter().rfind(back).map(|entry| entry.at_unix_ms)
    }

    pub(super) fn last_automatic_unix_ms(&self) -> Option<u64> {
        let own = |entry: &&RolloutEntry| entry.transition == Transition::Automatic;
        self.history.iter().rfind(own).map(|entry| entry.at_unix_ms)
    }
}
