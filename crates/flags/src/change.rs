//! What a change asks for and what it leaves behind.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::value::{Setting, Value};

/// Who changes something, and why. Both are cut to their bounds, and control characters become spaces, so that an
/// emergency is not refused for its text; an empty one reads `unstated`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub(crate) who: Arc<str>,
    pub(crate) why: Arc<str>,
}

impl Note {
    /// The longest name of whoever changes something, in bytes.
    pub const WHO_BYTES_MAX: usize = 128;

    /// The longest reason, in bytes.
    pub const WHY_BYTES_MAX: usize = 1_024;

    /// Who changes something.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Makes a note.
    pub fn new(who: &str, why: &str) -> Self {
        Self { who: bounded(who, Self::WHO_BYTES_MAX), why: bounded(why, Self::WHY_BYTES_MAX) }
    }
}

fn bounded(text: &str, bytes_max: usize) -> Arc<str> {
    let text = text.trim();
    let end = text.floor_char_boundary(bytes_max);
    let kept = text.get(..end).unwrap_or_default();
    if kept.is_empty() {
        return Arc::from("unstated");
    }
    kept.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
}

/// One thing to do to one flag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edit {
    /// Sets the value and keeps the overrides.
    Value(Value),
    /// Sets the value and removes all overrides: afterwards the flag is exactly this.
    Exactly(Value),
    /// Gives one key its own answer, or takes it away again.
    Override {
        /// Whose: 1 to [`Setting::KEY_BYTES_MAX`] bytes.
        key: String,
        /// The answer, or `None` for the one of everybody.
        on: Option<bool>,
    },
}

/// The record of one changed flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The step it belongs to, counted from 1.
    pub step: u64,
    /// The flag.
    pub flag: String,
    /// What it was.
    pub from: Setting,
    /// What it is since.
    pub to: Setting,
    /// Who changed it.
    pub who: String,
    /// Why.
    pub why: String,
    /// When, by the wall clock: milliseconds since 1970 UTC. For people; the order is that of the steps.
    pub at_unix_ms: u64,
}

/// Everything that changed in one step: at least one flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Step {
    /// Its number, counted from 1.
    pub number: u64,
    /// One record for each flag that changed, sorted by name.
    pub changes: Vec<Change>,
}
