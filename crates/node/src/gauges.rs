//! What a node says of itself in metrics, looked up when they are read.

use foundation_process::System;
use foundation_telemetry::{Metric, MetricError, Observed};

static PROCESSES: Metric<0> = Metric::gauge("foundation_processes", [], "Processes that live.");
static WAITING: Metric<0> =
    Metric::gauge("foundation_messages_waiting", [], "Messages accepted and not yet handled.");
static TIMERS: Metric<0> = Metric::gauge("foundation_timers", [], "Armed timers.");
static SPANS_REFUSED: Metric<0> = Metric::gauge(
    "foundation_spans_refused",
    [],
    "Spans that were not recorded because too many were open.",
);

/// They are observed as long as this lives.
#[derive(Debug)]
pub(crate) struct Gauges {
    _observed: [Observed; 4],
}

impl Gauges {
    pub(crate) fn observe(system: &System) -> Result<Self, MetricError> {
        let metrics = system.telemetry().metrics();
        // The metrics are the system's own: what looks holds only what it looks at.
        let counts = |of: fn(&System) -> f64| {
            let system = system.clone();
            move || of(&system)
        };
        let spans = system.telemetry().spans().clone();
        Ok(Self {
            _observed: [
                PROCESSES.observe(
                    metrics,
                    [],
                    counts(|system| float(system.counts().processes as u64)),
                )?,
                WAITING.observe(metrics, [], counts(|system| float(system.counts().messages)))?,
                TIMERS.observe(
                    metrics,
                    [],
                    counts(|system| float(system.counts().timers as u64)),
                )?,
                SPANS_REFUSED.observe(metrics, [], move || float(spans.refused_count()))?,
            ],
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
