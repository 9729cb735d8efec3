//! Metrics of one system: what is counted, what is so much now, and how what was measured is distributed.
//!
//! A metric is declared once, as a static; what is recorded goes through a handle of one series, which is found
//! once and then costs a few nanoseconds. Each thread writes to a place of its own ([`Lane`](foundation_env::Lane)), and
//! whoever reads adds them up.

mod counter;
mod family;
mod gauge;
mod histogram;
mod metric;
mod prometheus;
mod snapshot;
mod window;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_env::{Env, fault};

pub use counter::Counter;
pub(crate) use counter::LaneCounter;
pub use gauge::{Gauge, Observed};
pub use histogram::Histogram;
pub use metric::{Metric, MetricError, MetricKind};
pub use snapshot::{Distribution, MetricSnapshot, SeriesSnapshot, SeriesValue, Window};

use family::{Cell, Family};
use gauge::Look;

/// The metrics of one system. Clones share everything.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    env: Env,
    families: Mutex<BTreeMap<&'static str, Family>>,
    /// Whether somebody ends the steps of windows.
    steps: AtomicBool,
}

impl Metrics {
    /// The most metrics of one system.
    pub const METRICS_MAX: usize = 1024;

    /// The most series of one metric that is not a distribution; what belongs to a further one goes to one
    /// with the value `other` for each label, and is counted.
    pub const SERIES_MAX: usize = 1000;

    /// The most series of a distribution, each of which takes some ten KiB for each thread that writes to it.
    pub const DISTRIBUTIONS_MAX: usize = 100;

    /// How long one step of a window is: a window covers its steps, and the one that is going on.
    pub const STEP: Duration = Duration::from_secs(15);

    pub(crate) fn new(env: Env) -> Self {
        Self(Arc::new(Inner { env, families: Mutex::default(), steps: AtomicBool::new(false) }))
    }

    /// The place of a series; that of `other` when there are too many.
    fn cell<const L: usize>(
        &self,
        metric: &'static Metric<L>,
        kind: MetricKind,
        labels: [&str; L],
    ) -> Result<Cell, MetricError> {
        metric.check(kind)?;
        let cell = {
            let mut families = self.0.families.lock();
            let is_known = families.contains_key(metric.name());
            if !is_known && families.len() >= Self::METRICS_MAX {
                return Err(MetricError::TooMany { limit: Self::METRICS_MAX });
            }
            let family = families.entry(metric.name()).or_insert_with(|| Family::new(metric));
            if !family.is_of(metric) {
                return Err(MetricError::Twice { name: metric.name() });
            }
            family.cell(&labels)
        };
        // Relaxed: it only lets one go on.
        if kind == MetricKind::Histogram && !self.0.steps.swap(true, Ordering::Relaxed) {
            self.step_from_now_on();
        }
        Ok(cell)
    }

    fn keep_looking(&self, name: &'static str, look: &Arc<Look>) -> Result<(), MetricError> {
        let mut families = self.0.families.lock();
        // The family is there: its gauge was made before.
        let kept = families.get_mut(name).is_none_or(|family| family.keep_looking(look));
        if kept {
            return Ok(());
        }
        Err(MetricError::TooManyObservations { name, limit: Self::SERIES_MAX })
    }

    /// Ends a step of all windows each time one is over, as long as somebody has these metrics.
    fn step_from_now_on(&self) {
        let (inner, env) = (Arc::downgrade(&self.0), self.0.env.clone());
        self.0.env.spawn(async move {
            let mut at = env.now();
            loop {
                at = at.saturating_add(Self::STEP);
                env.sleep_until(at).await;
                let Some(inner) = inner.upgrade() else { return };
                inner.families.lock().values().for_each(Family::step);
            }
        });
    }

    /// Everything, by name and then by labels.
    pub fn snapshot(&self) -> Vec<MetricSnapshot> {
        let looks: Vec<Arc<Look>> =
            self.0.families.lock().values().flat_map(Family::looks).collect();
        if fault::planted("observation_kept") {
            return self.0.families.lock().values().map(Family::snapshot).collect();
        }
        // What looks is a user's code, which runs under no lock.
        for look in looks {
            look.look();
        }
        self.0.families.lock().values().map(Family::snapshot).collect()
    }

    /// Everything in the text format of Prometheus, version 0.0.4. A distribution is a summary, its quantiles those
    /// of the last minute.
    pub fn prometheus(&self) -> String {
        prometheus::render(&self.snapshot())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families = self.0.families.lock().len();
        f.debug_struct("Metrics").field("metrics", &families).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
