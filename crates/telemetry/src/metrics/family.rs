//! All series of one metric.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use foundation_env::fault;

use super::counter::LaneCounter;
use super::gauge::{GaugeCell, Look};
use super::histogram::HistogramCell;
use super::{Metric, MetricKind, MetricSnapshot, Metrics, SeriesSnapshot, SeriesValue};

/// The value that stands for all others.
const OTHER: &str = "other";

pub(super) struct Family {
    name: &'static str,
    kind: MetricKind,
    help: &'static str,
    labels: &'static [&'static str],
    series: BTreeMap<Vec<String>, Cell>,
    overflows: u64,
    looks: Vec<Weak<Look>>,
}

/// Where a series is kept.
#[derive(Clone)]
pub(super) enum Cell {
    Counter(Arc<LaneCounter>),
    Gauge(Arc<GaugeCell>),
    Histogram(Arc<HistogramCell>),
}

impl Cell {
    fn new(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Counter => Self::Counter(Arc::default()),
            MetricKind::Gauge => Self::Gauge(Arc::default()),
            MetricKind::Histogram => Self::Histogram(Arc::default()),
        }
    }

    fn value(&self) -> SeriesValue {
        match self {
            Self::Counter(cell) => SeriesValue::Counter(cell.get()),
            Self::Gauge(cell) => SeriesValue::Gauge(cell.value()),
            Self::Histogram(cell) => {
                let (total, windows) = cell.distributions();
                SeriesValue::Histogram { total, windows: Box::new(windows) }
            }
        }
    }
}

impl Family {
    pub(super) fn new<const L: usize>(metric: &'static Metric<L>) -> Self {
        let Metric { name, kind, help, .. } = *metric;
        let labels = &metric.labels;
        let (series, looks) = (BTreeMap::new(), Vec::new());
        Self { name, kind, help, labels, series, overflows: 0, looks }
    }

    pub(super) fn is_of<const L: usize>(&self, metric: &'static Metric<L>) -> bool {
        self.kind == metric.kind && self.labels == metric.labels
    }

    /// The place of a series. That of `other` does not count.
    pub(super) fn cell(&mut self, labels: &[&str]) -> Cell {
        let key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        if let Some(known) = self.series.get(&key) {
            return known.clone();
        }
        let is_histogram = self.kind == MetricKind::Histogram;
        let most = if is_histogram { Metrics::DISTRIBUTIONS_MAX } else { Metrics::SERIES_MAX };
        let is_full = self.series.len() >= most && !fault::planted("metric_series_unbounded");
        let key = if is_full {
            self.overflows = self.overflows.saturating_add(1);
            vec![OTHER.to_owned(); labels.len()]
        } else {
            key
        };
        self.series.entry(key).or_insert_with(|| Cell::new(self.kind)).clone()
    }

    /// Returns false when there are as many observations as series.
    pub(super) fn keep_looking(&mut self, look: &Arc<Look>) -> bool {
        self.looks.retain(|known| known.strong_count() > 0);
        if self.looks.len() >= Metrics::SERIES_MAX {
            return false;
        }
        self.looks.push(Arc::downgrade(look));
        true
    }

    pub(super) fn looks(&self) -> Vec<Arc<Look>> {
        self.looks.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends a step of the windows of its series.
    pub(super) fn step(&self) {
        for cell in self.series.values() {
            if let Cell::Histogram(cell) = cell {
                cell.step();
            }
        }
    }

    pub(super) fn snapshot(&self) -> MetricSnapshot {
        let Self { name, kind, help, labels, overflows, .. } = self;
        let series = self
            .series
            .iter()
            .map(|(labels, cell)| SeriesSnapshot { labels: labels.clone(), value: cell.value() });
        MetricSnapshot {
            name,
            kind: *kind,
            help,
            labels: labels.to_vec(),
            series: series.collect(),
            overflows: *overflows,
        }
    }
}
