//! A point on the clock of an environment.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Marks a point in time: nanoseconds since the epoch of the environment that owns the clock.
///
/// It is a plain number, not the clock of the machine, so that a simulated clock can make one. Two
/// instants compare only within one environment. The arithmetic saturates: the range ends after
/// 584 years, and an instant before the epoch does not exist. Serialized as the nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The epoch of the environment.
    pub const ORIGIN: Self = Self(0);

    /// Makes the instant that many nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the instant `duration` later, or the last one if there is none so late.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        let nanos = duration.as_nanos();
        // The comparison is made in u128, so the cast below cannot lose bits.
        let left = (u64::MAX - self.0) as u128;
        #[expect(clippy::cast_possible_truncation, reason = "at most `left`, which fits in u64")]
        let step = if nanos < left { nanos as u64 } else { u64::MAX - self.0 };
        Self(self.0 + step)
    }

    /// Returns the time from `earlier` to this instant, or zero if `earlier` is the later one.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Instant {
    /// Shows the time since the epoch with its unit, as in `Instant(1.5s)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&Duration::from_nanos(self.0)).finish()
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Same as [`Instant::saturating_add`].
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl AddAssign<Duration> for Instant {
    /// Same as [`Instant::saturating_add`].
    fn add_assign(&mut self, duration: Duration) {
        *self = self.saturating_add(duration);
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// Same as [`Instant::saturating_duration_since`].
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}
