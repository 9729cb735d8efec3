//! What `run --query-every` shows while the run goes on.

use std::time::Duration;

use foundation_node::Found;
use foundation_types::Instant;
use serde::Serialize;

use crate::found;

#[cfg(test)]
mod tests;

/// Answers to one query, at an interval.
#[derive(Debug)]
pub(crate) struct Answers {
    every: Duration,
    json: bool,
    started: Instant,
    due: Instant,
}

/// An answer as one line for programs.
#[derive(Serialize)]
struct Line<'a> {
    elapsed_ms: u64,
    found: &'a Found,
}

impl Answers {
    /// The first one is due an interval after the start.
    pub(crate) fn new(every: Duration, json: bool, started: Instant) -> Self {
        Self { every, json, started, due: started.saturating_add(every) }
    }

    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Returns the text of an answer: a table, or one line of JSON. The next is due at the next multiple of the
    /// interval; what was missed meanwhile is not made up for.
    pub(crate) fn text(&mut self, now: Instant, found: &Found) -> String {
        let elapsed = now.saturating_duration_since(self.started);
        while self.due <= now {
            self.due = self.due.saturating_add(self.every);
        }
        let (elapsed_ms, seconds) = (elapsed.as_millis(), elapsed.as_secs());
        if self.json {
            let elapsed_ms = u64::try_from(elapsed_ms).unwrap_or(u64::MAX);
            return match serde_json::to_string(&Line { elapsed_ms, found }) {
                Ok(line) => format!("{line}\n"),
                Err(error) => format!("error: the answer has no JSON form: {error}\n"),
            };
        }
        format!("after {seconds}.{} s: {}", elapsed.subsec_millis() / 100, found::human(found))
    }
}
