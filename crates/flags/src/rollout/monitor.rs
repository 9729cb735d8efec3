//! How the system is, from samples of somebody who knows.

use std::time::Duration;

use foundation_env::fault;
use serde::Serialize;

use super::{RolloutState, Thresholds};

/// How a system was in the last interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// The share of what was tried that failed, from 0 to 1.
    pub error_rate: f64,
    /// Restarts of processes in a minute.
    pub restarts_per_minute: f64,
    /// How long things took, in milliseconds: a median or a mean, always the same.
    pub latency_ms: f64,
}

/// How the system is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// No sample was taken since the stage began.
    Unknown,
    /// The last sample was within the thresholds.
    Good {
        /// It.
        last: Sample,
    },
    /// The last sample was not.
    Bad {
        /// It.
        last: Sample,
        /// What is wrong with it.
        reasons: Vec<String>,
        /// How many were bad in a row.
        in_a_row: u32,
    },
}

/// What a sample led to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// It was within the thresholds.
    Healthy,
    /// It was within the thresholds, and with those before makes the baseline.
    Baseline {
        /// The median of them.
        latency_ms: f64,
    },
    /// It was not, and not yet often enough in a row.
    Bad {
        /// What is wrong with it.
        reasons: Vec<String>,
    },
    /// The rollout went back by one stage.
    RollsBack {
        /// What was wrong.
        reasons: Vec<String>,
    },
    /// It would have, but for the cool-down after the last time.
    CoolingDown {
        /// What is wrong.
        reasons: Vec<String>,
        /// How long it will be.
        left: Duration,
    },
}

/// The samples since the stage began.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    last: Option<Sample>,
    bad_in_a_row: u32,
    /// Latencies that are to become the baseline; no more than make one.
    baseline: Vec<f64>,
}

impl Monitor {
    pub(super) fn begin_anew(&mut self) {
        *self = Self::default();
    }

    pub(super) fn health(&self, thresholds: &Thresholds, state: &RolloutState) -> Health {
        let Some(last) = self.last else { return Health::Unknown };
        let reasons = reasons(last, thresholds, state.baseline_ms);
        if reasons.is_empty() {
            Health::Good { last }
        } else {
            Health::Bad { last, reasons, in_a_row: self.bad_in_a_row }
        }
    }

    pub(super) fn take(
        &mut self,
        sample: Sample,
        thresholds: &Thresholds,
        state: &RolloutState,
        now_unix_ms: u64,
    ) -> Observation {
        self.last = Some(sample);
        let reasons = reasons(sample, thresholds, state.baseline_ms);
        if reasons.is_empty() {
            self.bad_in_a_row = 0;
            return self.note_baseline(sample, thresholds, state);
        }
        self.bad_in_a_row = self.bad_in_a_row.saturating_add(1);
        if self.bad_in_a_row < thresholds.bad_samples || state.stage == 0 {
            return Observation::Bad { reasons };
        }
        let since = state.last_automatic_unix_ms().map(|last| now_unix_ms.saturating_sub(last));
        let left = since.map_or(Duration::ZERO, |since| {
            thresholds.cool_down.saturating_sub(Duration::from_millis(since))
        });
        if left.is_zero() && !fault::planted("rollout_never_goes_back") {
            Observation::RollsBack { reasons }
        } else {
            Observation::CoolingDown { reasons, left }
        }
    }

    fn note_baseline(
        &mut self,
        sample: Sample,
        thresholds: &Thresholds,
        state: &RolloutState,
    ) -> Observation {
        if state.baseline_ms.is_some() || state.stage > 0 {
            return Observation::Healthy;
        }
        self.baseline.push(sample.latency_ms);
        if self.baseline.len() < usize::try_from(thresholds.bad_samples).unwrap_or(usize::MAX) {
            return Observation::Healthy;
        }
        let mut latencies = std::mem::take(&mut self.baseline);
        latencies.sort_by(f64::total_cmp);
        let median = latencies.get(latencies.len() / 2).copied().unwrap_or(sample.latency_ms);
        Observation::Baseline { latency_ms: median }
    }
}

/// What is wrong with a sample. What is no number is wrong.
fn reasons(sample: Sample, thresholds: &Thresholds, baseline_ms: Option<f64>) -> Vec<String> {
    let within = |value: f64, most: f64| value <= most;
    let mut reasons = Vec::new();
    if !within(sample.error_rate, thresholds.error_rate_max) {
        let most = thresholds.error_rate_max;
        reasons.push(format!("the error rate is {:.4}, above {most}", sample.error_rate));
    }
    if !within(sample.restarts_per_minute, thresholds.restarts_per_minute_max) {
        let (own, most) = (sample.restarts_per_minute, thresholds.restarts_per_minute_max);
        reasons.push(format!("{own:.1} restarts a minute are more than {most}"));
    }
    if let Some(baseline) = baseline_ms {
        let most = baseline * thresholds.latency_ratio_max;
        if !within(sample.latency_ms, most) {
            let own = sample.latency_ms;
            reasons.push(format!(
                "the latency is {own:.3} ms, above {most:.3}, which is {} times the baseline",
                thresholds.latency_ratio_max
            ));
        }
    }
    reasons
}
