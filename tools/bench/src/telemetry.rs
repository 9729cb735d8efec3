//! The group `telemetry`: what it costs to say something, whether anybody listens or not.
//!
//! Figures are the time of one operation on one thread; a name that ends in `_2t` has two threads do the same
//! to one and the same object, and the figure is the time of one operation on each.
//!
//! * `foundation`: a [`Telemetry`](foundation_telemetry::Telemetry) of its own; spans through `tracing` with the
//!   registry of `tracing-subscriber` and our layer.
//! * `tracing`: spans through the same registry, and a layer that keeps when each began and counts how
//!   long all took; events through a layer that counts them.
//! * `metrics`: handles of the recorder of `metrics-exporter-prometheus`. Its histograms keep each value until
//!   they are rendered, which nobody does meanwhile, so the figure leaves out a part of their cost; after
//!   every 100,000 values an upkeep that is not timed keeps its memory small.

mod drive;
mod foundation;
mod metrics;
mod tracing;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::bench::{Bench, Group, OURS, Sample, Target};
use crate::slice::Slice;

/// The benchmarks of what lets people see a system.
pub(crate) const GROUP: Group = Group {
    name: "telemetry",
    benches: BENCHES,
    floors: &[],
    time_max: Duration::from_mins(5),
    measure,
};

const TRACED: &[&str] = &[OURS, "tracing"];
/// A span may cost that many times one of `tracing` alone.
const NEAR_TRACING: Target = Target::Within(1.3, &["tracing"]);
const SPAN: &[Target] = &[Target::AtMost(400.0), NEAR_TRACING];
const METERED: &[&str] = &[OURS, "metrics"];
const COUNTER: &[Target] = &[Target::AtMost(5.0)];
const HISTOGRAM: &[Target] = &[Target::AtMost(30.0), Target::Within(1.0, &["metrics"])];
const SUPPRESSED: &[Target] = &[Target::AtMost(50.0)];
const CONTEXT: &[Target] = &[Target::AtMost(100.0)];

const BENCHES: &[Bench] = &[
    Bench::cost("emit_0", "ns", TRACED, &[Target::AtMost(5.0)]),
    Bench::cost("emit_0_2t", "ns", TRACED, &[Target::AtMost(5.0)]),
    Bench::cost("emit_1", "ns", TRACED, &[Target::AtMost(50.0)]),
    Bench::cost("emit_1_2t", "ns", TRACED, &[Target::AtMost(50.0)]),
    Bench::cost("context_set", "ns", &[OURS], CONTEXT),
    Bench::cost("context_set_2t", "ns", &[OURS], CONTEXT),
    Bench::cost("context_get", "ns", &[OURS], CONTEXT),
    Bench::cost("context_get_2t", "ns", &[OURS], CONTEXT),
    Bench::cost("context_scope", "ns", &[OURS], CONTEXT),
    Bench::cost("context_scope_2t", "ns", &[OURS], CONTEXT),
    Bench::cost("span", "ns", TRACED, SPAN),
    Bench::cost("span_2t", "ns", TRACED, SPAN),
    Bench::cost("span_5000_open", "ns", TRACED, SPAN),
    Bench::cost("span_5000_open_2t", "ns", TRACED, SPAN),
    Bench::cost("sampled_suppressed", "ns", &[OURS], SUPPRESSED),
    Bench::cost("sampled_suppressed_2t", "ns", &[OURS], SUPPRESSED),
    Bench::cost("counter", "ns", METERED, COUNTER),
    Bench::cost("counter_2t", "ns", METERED, COUNTER),
    Bench::cost("histogram", "ns", METERED, HISTOGRAM),
    Bench::cost("histogram_2t", "ns", METERED, HISTOGRAM),
    Bench::cost("flag_read", "ns", &[OURS], &[Target::AtMost(5.0)]),
    Bench::cost("flag_read_2t", "ns", &[OURS], &[Target::AtMost(5.0)]),
    Bench::cost("flag_read_percent", "ns", &[OURS], &[Target::AtMost(30.0)]),
    Bench::cost("flag_read_percent_2t", "ns", &[OURS], &[Target::AtMost(30.0)]),
];

fn measure(bench: &str, subject: &str, slice: Slice) -> Result<Sample> {
    let (operation, threads) = match bench.strip_suffix("_2t") {
        Some(operation) => (operation, 2),
        None => (bench, 1),
    };
    let drive = drive::Drive { threads, slice };
    match subject {
        OURS => foundation::measure(operation, drive),
        "tracing" => tracing::measure(operation, drive),
        "metrics" => metrics::measure(operation, drive),
        _ => bail!("the group `telemetry` has no subject `{subject}`"),
    }
}
