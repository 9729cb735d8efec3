//! The subject `foundation`.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, anyhow, bail, ensure};
use foundation_env::Env;
use foundation_flags::{Catalogue, Flag, Flags, Note, Value};
use foundation_telemetry::{ErrorContext, Event, Metric, OncePer, SpanLayer, SpanQuery, Telemetry};
use std::time::Duration;
use tokio::runtime::Runtime;
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::layer::SubscriberExt as _;

use super::drive::Drive;
use super::tracing::{others, spans};
use crate::bench::Sample;

static EXITED: Event<1, 1> =
    Event::new("bench.process.exited", ["handled_count"], ["pid"], "A process is dead.");

static COUNTED: Metric<0> = Metric::counter("bench_total", [], "What is counted.");
static RECORDED: Metric<0> = Metric::histogram("bench_ns", [], "What is recorded.");

/// The name of an event and what it is about.
const KEY: (&str, u64) = ("bench.process.exited", 17);

const FLAG: Flag = Flag::new("bench", "what is read");

pub(super) fn measure(operation: &str, drive: Drive) -> Result<Sample> {
    let runtime = Runtime::new()?;
    let env = Env::tokio(runtime.handle().clone());
    let telemetry = Telemetry::new(env.clone());
    match operation {
        "emit_0" => drive.nanos(|count| emits(&telemetry, count)),
        "emit_1" => {
            let heard = AtomicU64::new(0);
            let heard: &'static AtomicU64 = Box::leak(Box::new(heard));
            let _attached = telemetry.events().attach("bench.process.exited", |emission| {
                let handled = emission.measurement("handled_count").unwrap_or_default();
                heard.fetch_add(u64::from(handled >= 0), Ordering::Relaxed);
            })?;
            let sample = drive.nanos(|count| emits(&telemetry, count))?;
            ensure!(heard.load(Ordering::Relaxed) > 0, "the handler heard nothing");
            Ok(sample)
        }
        "context_set" | "context_get" | "context_scope" => context(operation, drive, &env),
        "span" | "span_5000_open" => span(operation, drive, &telemetry),
        "sampled_suppressed" => {
            let once = OncePer::new(env, Duration::from_hours(1), 1_024);
            ensure!(once.admits(KEY), "the first is not suppressed");
            drive.nanos(|count| (0..count).for_each(|_| _ = black_box(once.admits(black_box(KEY)))))
        }
        "counter" => {
            let counter = COUNTED.to_counter(telemetry.metrics(), [])?;
            drive.nanos(|count| (0..count).for_each(|_| counter.add(black_box(1))))
        }
        "histogram" => {
            let histogram = RECORDED.to_histogram(telemetry.metrics(), [])?;
            drive.nanos(|count| {
                (0..count).for_each(|value| histogram.record(black_box(value % 4_096)))
            })
        }
        "flag_read" | "flag_read_percent" => flag(operation, drive, env),
        _ => bail!("it has no `{operation}`"),
    }
}

fn emits(telemetry: &Telemetry, count: u64) {
    for index in 0..count {
        EXITED.emit(telemetry.events(), || ([1], [black_box(index).into()]));
    }
}

fn context(operation: &str, drive: Drive, env: &Env) -> Result<Sample> {
    let request = ErrorContext::new(env).with("document", "report.md");
    match operation {
        "context_set" => drive.nanos(|count| {
            let _entered = request.clone().enter();
            for index in 0..count {
                ErrorContext::adopt(ErrorContext::current().with("index", black_box(index)));
                if index % 16 == 0 {
                    ErrorContext::adopt(request.clone());
                }
            }
        }),
        "context_get" => drive.nanos(|count| {
            let _entered = request.clone().enter();
            for _ in 0..count {
                black_box(ErrorContext::current().field(black_box("document")));
            }
        }),
        _ => drive.nanos(|count| {
            let _outer = request.clone().enter();
            for index in 0..count {
                let inner = ErrorContext::current().with("index", black_box(index));
                inner.scope(|| black_box(ErrorContext::is_any_current()));
            }
        }),
    }
}

fn span(operation: &str, drive: Drive, telemetry: &Telemetry) -> Result<Sample> {
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(SpanLayer::new()));
    let here = |f: &dyn Fn()| {
        let _telemetry = telemetry.enter();
        dispatcher::with_default(&dispatch, f);
    };
    let open = std::sync::Mutex::new(Vec::new());
    if operation == "span_5000_open" {
        here(&|| open.lock().unwrap_or_else(|e| e.into_inner()).extend(others()));
    }
    let sample = drive.nanos(|count| here(&|| spans(count)))?;
    let found = telemetry.spans().find(&SpanQuery::ended().name("work").limit(1));
    ensure!(found.len() == 1, "no span was recorded");
    Ok(sample)
}

fn flag(operation: &str, drive: Drive, env: Env) -> Result<Sample> {
    let flags = Flags::new(env, Catalogue::new([FLAG])?);
    let value = if operation == "flag_read" { Value::ON } else { Value::percent(50)? };
    flags.set(&FLAG, value, &Note::new("bench", "measured"))?;
    let handle = flags.handle(&FLAG).map_err(|error| anyhow!("{error}"))?;
    if operation == "flag_read" {
        return drive.nanos(|count| (0..count).for_each(|_| _ = black_box(handle.is_enabled())));
    }
    drive.nanos(|count| {
        (0..count).for_each(|_| _ = black_box(handle.is_enabled_for(black_box("agent-17"))));
    })
}
