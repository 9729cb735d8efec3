//! The latest time by which an operation may still succeed.

use std::fmt;
use std::time::Duration;

use crate::Instant;

#[cfg(test)]
mod tests;

/// Limits how long an operation may take, as a point in time.
///
/// A point, unlike a timeout, can be handed down unchanged through any number of calls: nobody has
/// to subtract what was already spent. Deadlines order by time, [`Deadline::NEVER`] last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(
    // The last instant stands for "never": it is 584 years away, and a sum that saturates to it
    // means never as well.
    Instant,
);

impl Deadline {
    /// The deadline that never passes.
    pub const NEVER: Self = Self(Instant::from_nanos(u64::MAX));

    /// Makes a deadline that passes at `instant`; the last instant of all means never.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// Makes a deadline that passes `duration` after `now`, or never if that is out of range.
    pub const fn after(now: Instant, duration: Duration) -> Self {
        Self(now.saturating_add(duration))
    }

    /// Returns when it passes, or `None` if never.
    pub const fn instant(self) -> Option<Instant> {
        if self.is_never() { None } else { Some(self.0) }
    }

    /// Tells whether it never passes.
    pub const fn is_never(self) -> bool {
        self.0.as_nanos() == u64::MAX
    }

    /// Tells whether it has passed at `now`; at its very instant it has.
    pub const fn has_passed(self, now: Instant) -> bool {
        !self.is_never() && self.0.as_nanos() <= now.as_nanos()
    }

    /// Returns the time left at `now`, zero once it has passed, or `None` if it never passes.
    pub const fn remaining(self, now: Instant) -> Option<Duration> {
        if self.is_never() { None } else { Some(self.0.saturating_duration_since(now)) }
    }

    /// Returns whichever of the two passes first.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        self.min(other)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instant() {
            Some(instant) => f.debug_tuple("Deadline").field(&instant).finish(),
            None => f.write_str("Deadline(never)"),
        }
    }
}
