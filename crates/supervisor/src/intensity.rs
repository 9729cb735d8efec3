//! How many restarts a supervisor makes before it gives up.

use std::collections::VecDeque;
use std::time::Duration;

use foundation_env::fault;
use foundation_types::Instant;

use crate::steps::Steps;

/// The restarts of one supervisor within its period.
///
/// A queue of restart instants, oldest first. Each instant enters once and leaves once, so a
/// restart costs O(1) however many there are (OTP walks the list on each restart). It holds at
/// most as many instants as restarts are allowed in a period.
#[derive(Debug, Clone)]
pub(crate) struct Intensity {
    restarts_max: u32,
    period: Duration,
    recent: VecDeque<Instant>,
    steps: Steps,
}

impl Intensity {
    /// Creates the window: the supervisor gives up at the restart after `restarts_max` ones within
    /// `period`. Zero restarts means giving up at the first.
    pub(crate) fn new(restarts_max: u32, period: Duration) -> Self {
        Self { restarts_max, period, recent: VecDeque::new(), steps: Steps::default() }
    }

    /// Returns the number of restarts allowed in a period.
    pub(crate) fn restarts_max(&self) -> u32 {
        self.restarts_max
    }

    /// Returns the period.
    pub(crate) fn period(&self) -> Duration {
        self.period
    }

    /// Returns the restarts within the period that ends at the last [`Intensity::is_exhausted`].
    pub(crate) fn recent(&self) -> usize {
        self.recent.len()
    }

    /// Forgets restarts that are older than the period at `now`, and tells whether one more would
    /// be too many. A restart exactly one period ago still counts, as in OTP.
    pub(crate) fn is_exhausted(&mut self, now: Instant) -> bool {
        if fault::planted("restart_list_walked") {
            self.recent.iter().for_each(|_| self.steps.step());
        }
        while let Some(&oldest) = self.recent.front()
            && now.saturating_duration_since(oldest) > self.period
            && !fault::planted("restart_count_never_reset")
        {
            self.recent.pop_front();
            self.steps.step();
        }
        self.recent.len() >= usize::try_from(self.restarts_max).unwrap_or(usize::MAX)
    }

    /// Notes a restart.
    pub(crate) fn record(&mut self, now: Instant) {
        self.recent.push_back(now);
        self.steps.step();
    }

    /// How often an instant entered or left the window, the whole work done here.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> Steps {
        self.steps.clone()
    }
}

impl Default for Intensity {
    /// Three restarts in five seconds.
    fn default() -> Self {
        Self::new(3, Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests;
