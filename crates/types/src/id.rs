//! Identifiers that a node hands out by counting. They are never used twice within one run.

use std::fmt;
use std::num::NonZeroU64;

#[cfg(test)]
mod tests;

/// Identifies one monitor; what OTP calls the monitor reference.
///
/// It is not zero, so that an `Option<MonitorId>` costs no extra byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(NonZeroU64);

impl MonitorId {
    /// Makes a monitor id from its number.
    pub const fn new(number: NonZeroU64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> NonZeroU64 {
        self.0
    }
}

impl fmt::Display for MonitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "monitor-{}", self.0)
    }
}

/// Identifies one timer; what OTP calls the timer reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(u64);

impl TimerId {
    /// Makes a timer id from its number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TimerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timer-{}", self.0)
    }
}

/// Identifies one exit hook of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookId(u64);

impl HookId {
    /// Makes a hook id from its number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for HookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hook-{}", self.0)
    }
}
