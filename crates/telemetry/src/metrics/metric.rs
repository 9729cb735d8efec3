//! What a metric is: a name, a kind, and the names of its labels.

use std::sync::Arc;

use super::family::Cell;
use super::gauge::Look;
use super::{Counter, Gauge, Histogram, Metrics, Observed};

/// What is done with a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It is so much now.
    Gauge,
    /// Many values, of which the distribution counts.
    Histogram,
}

/// A metric with `L` labels, declared once, as a static. The compiler holds every use to their number.
///
/// The name has its unit at the end, and `_total` if it is a counter, as Prometheus has it. A label takes
/// values from a small closed set; ids do not belong into one.
///
/// ```
/// use foundation_env::sim::{SimOptions, Simulation};
/// use foundation_telemetry::{Metric, Telemetry};
///
/// static PAID: Metric<1> = Metric::counter("shop_orders_paid_total", ["currency"], "Orders paid.");
///
/// let telemetry = Telemetry::new(Simulation::new(7, SimOptions::default()).env());
/// let paid = PAID.to_counter(telemetry.metrics(), ["EUR"])?;
/// paid.add(2);
/// assert!(telemetry.metrics().prometheus().contains("shop_orders_paid_total{currency=\"EUR\"} 2\n"));
/// # Ok::<(), foundation_telemetry::MetricError>(())
/// ```
#[derive(Debug)]
pub struct Metric<const L: usize> {
    pub(super) name: &'static str,
    pub(super) kind: MetricKind,
    pub(super) labels: [&'static str; L],
    pub(super) help: &'static str,
}

/// Why a series has no handle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// It is declared as another kind.
    #[error("{name} is declared as another kind of metric")]
    Kind {
        /// Of the metric.
        name: &'static str,
    },
    /// A name or label has other characters than Prometheus takes.
    #[error("{name:?} is not a name: a letter or _, then letters, digits and _")]
    Name {
        /// Of the metric or label.
        name: &'static str,
    },
    /// There are two declarations with one name.
    #[error("{name} is declared twice, and differently")]
    Twice {
        /// Of the metrics.
        name: &'static str,
    },
    /// There are as many observations of one metric as there may be.
    #[error("{name} is observed {limit} times, the most there may be")]
    TooManyObservations {
        /// Of the metric.
        name: &'static str,
        /// [`Metrics::SERIES_MAX`].
        limit: usize,
    },
    /// There are as many metrics as there may be.
    #[error("there are {limit} metrics, the most there may be")]
    TooMany {
        /// [`Metrics::METRICS_MAX`].
        limit: usize,
    },
}

impl<const L: usize> Metric<L> {
    const fn new(
        name: &'static str,
        kind: MetricKind,
        labels: [&'static str; L],
        help: &'static str,
    ) -> Self {
        Self { name, kind, labels, help }
    }

    /// Declares what only grows. `help` is one sentence.
    pub const fn counter(
        name: &'static str,
        labels: [&'static str; L],
        help: &'static str,
    ) -> Self {
        Self::new(name, MetricKind::Counter, labels, help)
    }

    /// Declares what is so much now.
    pub const fn gauge(name: &'static str, labels: [&'static str; L], help: &'static str) -> Self {
        Self::new(name, MetricKind::Gauge, labels, help)
    }

    /// Declares what is distributed.
    pub const fn histogram(
        name: &'static str,
        labels: [&'static str; L],
        help: &'static str,
    ) -> Self {
        Self::new(name, MetricKind::Histogram, labels, help)
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn check(&self, kind: MetricKind) -> Result<(), MetricError> {
        if self.kind != kind {
            return Err(MetricError::Kind { name: self.name });
        }
        for name in std::iter::once(&self.name).chain(&self.labels) {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
            if !begins || !name.bytes().all(good) {
                return Err(MetricError::Name { name });
            }
        }
        Ok(())
    }

    /// The series with these values of the labels, to count in.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn to_counter(
        &'static self,
        metrics: &Metrics,
        labels: [&str; L],
    ) -> Result<Counter, MetricError> {
        match metrics.cell(self, MetricKind::Counter, labels)? {
            Cell::Counter(cell) => Ok(Counter(cell)),
            _ => Err(MetricError::Kind { name: self.name }),
        }
    }

    /// The series with these values of the labels, to set.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn to_gauge(
        &'static self,
        metrics: &Metrics,
        labels: [&str; L],
    ) -> Result<Gauge, MetricError> {
        match metrics.cell(self, MetricKind::Gauge, labels)? {
            Cell::Gauge(cell) => Ok(Gauge(cell)),
            _ => Err(MetricError::Kind { name: self.name }),
        }
    }

    /// Has the series with these values of the labels looked up by `look` whenever the metrics are read, until
    /// the guard is dropped. Where `look` panics, the series keeps what was seen last.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn observe(
        &'static self,
        metrics: &Metrics,
        labels: [&str; L],
        look: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<Observed, MetricError> {
        let gauge = self.to_gauge(metrics, labels)?;
        let look = Arc::new(Look { gauge, look: Box::new(look) });
        metrics.keep_looking(self.name, &look)?;
        Ok(Observed(look))
    }

    /// The series with these values of the labels, to record in.
    ///
    /// # Errors
    /// See [`MetricError`].
    pub fn to_histogram(
        &'static self,
        metrics: &Metrics,
        labels: [&str; L],
    ) -> Result<Histogram, MetricError> {
        match metrics.cell(self, MetricKind::Histogram, labels)? {
            Cell::Histogram(cell) => Ok(Histogram(cell)),
            _ => Err(MetricError::Kind { name: self.name }),
        }
    }
}
