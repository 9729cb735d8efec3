//! Metrics as they were at a moment.

use std::time::Duration;

use serde::Serialize;

use super::histogram::{Totals, middle_of};
use super::{MetricKind, Metrics};

/// One metric with all its series.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MetricSnapshot {
    /// Its name.
    pub name: &'static str,
    /// What is done with it.
    pub kind: MetricKind,
    /// What it is, in one sentence.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: Vec<&'static str>,
    /// Its series, by the values of the labels.
    pub series: Vec<SeriesSnapshot>,
    /// How often a series was asked for beyond the most there may be, and `other` was given.
    pub overflows: u64,
}

/// One series.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SeriesSnapshot {
    /// The values of the labels.
    pub labels: Vec<String>,
    /// What it was.
    #[serde(flatten)]
    pub value: SeriesValue,
}

/// What a series was.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SeriesValue {
    /// So many were counted.
    Counter(u64),
    /// It was so much.
    Gauge(f64),
    /// It was distributed so: since the beginning, and in the last minute, five and fifteen.
    Histogram {
        /// Since the beginning.
        total: Distribution,
        /// In the order of [`Window::ALL`].
        windows: Box<[Distribution; Window::ALL.len()]>,
    },
}

/// A stretch of time that ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// The last minute.
    Minute,
    /// The last five.
    FiveMinutes,
    /// The last fifteen.
    QuarterHour,
}

impl Window {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::FiveMinutes, Self::QuarterHour];

    pub(super) const STEPS_MAX: usize = Self::QuarterHour.steps();

    /// How long it is. It also covers the step that is going on, up to [`Metrics::STEP`].
    pub const fn length(self) -> Duration {
        Duration::from_mins(match self {
            Self::Minute => 1,
            Self::FiveMinutes => 5,
            Self::QuarterHour => 15,
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "sixty at most")]
    pub(super) const fn steps(self) -> usize {
        (self.length().as_secs() / Metrics::STEP.as_secs()) as usize
    }
}

/// A distribution, in the unit of what was recorded; all zero if nothing was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Distribution {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// Half of them are at most this.
    pub p50: u64,
    /// 90 per cent are at most this.
    pub p90: u64,
    /// 95 per cent are at most this.
    pub p95: u64,
    /// 99 per cent are at most this.
    pub p99: u64,
    /// 99.9 per cent are at most this.
    pub p999: u64,
    /// The largest, to within a bucket; the largest since the beginning exactly.
    pub max: u64,
}

impl Distribution {
    pub(super) fn of(totals: &Totals) -> Self {
        let count: u64 = totals.counts.iter().sum();
        if count == 0 {
            return Self::default();
        }
        let bounded = |bucket: usize| middle_of(bucket).min(totals.max);
        // The nearest rank, in thousandths.
        let rank = |thousandths: u64| (count.saturating_mul(thousandths)).div_ceil(1000).max(1);
        let at = |thousandths| {
            let (rank, mut below) = (rank(thousandths), 0);
            let reached = totals.counts.iter().position(|count| {
                below += count;
                below >= rank
            });
            bounded(reached.unwrap_or(0))
        };
        let last = totals.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        // The last bucket that is in use since the beginning has the largest value in it.
        let is_largest = middle_of(last) >= totals.max.saturating_sub(totals.max / 32);
        Self {
            count,
            sum: totals.sum,
            p50: at(500),
            p90: at(900),
            p95: at(950),
            p99: at(990),
            p999: at(999),
            max: if is_largest { totals.max } else { bounded(last) },
        }
    }

    /// The mean; 0 if there is no value.
    #[expect(clippy::cast_precision_loss, reason = "a mean is not exact")]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }
}
