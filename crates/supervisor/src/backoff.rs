//! How long a supervisor waits before a restart.

use std::time::Duration;

use foundation_env::Env;

/// Exponential waits between the restarts of one child.
///
/// The first restart is made at once, as in OTP. Each further one waits twice as long as the one
/// before, from `base` up to `max`, and a random part of the wait is left out so that children
/// that failed together do not come back together. A child that lived for `reset_after` starts
/// over. The default is 10 ms to 1 s, half of it jitter, reset after 5 s.
///
/// Waits stretch restarts out, so a child that always fails may never exceed the intensity: to be
/// sure that its supervisor gives up, make the period longer than that many waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    jitter: f64,
    reset_after: Duration,
}

impl Backoff {
    /// No waiting at all: OTP's behaviour.
    pub const NONE: Self = Self {
        base: Duration::ZERO,
        max: Duration::ZERO,
        jitter: 0.0,
        reset_after: Duration::from_secs(5),
    };

    /// Creates waits from `base`, doubling up to `max`, half of each jitter.
    pub const fn exponential(base: Duration, max: Duration) -> Self {
        Self { base, max, jitter: 0.5, reset_after: Duration::from_secs(5) }
    }

    /// Sets which part of a wait, from 0 to 1, is left to chance. Values outside are cut.
    #[must_use]
    pub const fn jitter(mut self, part: f64) -> Self {
        // Not `clamp`, which lets a part through that is no number, and no wait is drawn from that.
        self.jitter = if part > 0.0 { part.min(1.0) } else { 0.0 };
        self
    }

    /// Sets after which lifetime a child counts as healthy.
    #[must_use]
    pub const fn reset_after(mut self, lifetime: Duration) -> Self {
        self.reset_after = lifetime;
        self
    }

    /// Tells whether a child that lived so long starts over with the first wait.
    pub(crate) fn forgives(&self, lifetime: Duration) -> bool {
        lifetime >= self.reset_after
    }

    /// Returns the longest wait before restart number `attempt`, which counts from 1.
    pub fn delay_max(&self, attempt: u32) -> Duration {
        let Some(doublings) = attempt.checked_sub(2) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.max)
    }

    /// Draws the wait before restart number `attempt`.
    pub(crate) fn draw(&self, attempt: u32, env: &Env) -> Duration {
        let longest = self.delay_max(attempt);
        if longest.is_zero() || self.jitter <= 0.0 {
            return longest;
        }
        longest.mul_f64(1.0 - self.jitter * env.random_f64())
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::exponential(Duration::from_millis(10), Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests;
