//! The subject `metrics`: the crate of that name with its Prometheus recorder.

use std::hint::black_box;

use anyhow::{Result, bail};
use metrics::{Key, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::drive::Drive;
use crate::bench::Sample;

pub(super) fn measure(operation: &str, drive: Drive) -> Result<Sample> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let metadata = Metadata::new(module_path!(), Level::INFO, None);
    let key = Key::from_static_name("bench");
    match operation {
        "counter" => {
            let counter = recorder.register_counter(&key, &metadata);
            drive.nanos(|count| (0..count).for_each(|_| counter.increment(black_box(1))))
        }
        "histogram" => {
            let histogram = recorder.register_histogram(&key, &metadata);
            drive.nanos_cleaned(
                |count| {
                    (0..count).for_each(|value| histogram.record(black_box(value % 4_096) as f64))
                },
                || rendered.run_upkeep(),
            )
        }
        _ => bail!("metrics has no `{operation}`"),
    }
}
