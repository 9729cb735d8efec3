//! The subject `tracing`: the crate itself, with the least that could be called telemetry behind it.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ::tracing::span::{Attributes, Id};
use ::tracing::{Dispatch, Event, Subscriber, dispatcher};
use anyhow::{Result, bail};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::drive::Drive;
use crate::bench::Sample;

/// Counts how long all spans took, and all events.
#[derive(Debug, Default)]
struct Totals {
    nanos: AtomicU64,
    events: AtomicU64,
}

/// Keeps when each span began.
struct Durations(Arc<Totals>);

struct Begun(Instant);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Durations {
    fn on_new_span(&self, _attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Begun(Instant::now()));
        }
    }

    fn on_event(&self, _event: &Event<'_>, _context: Context<'_, S>) {
        self.0.events.fetch_add(1, Ordering::Relaxed);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(Begun(begun)) = span.extensions_mut().remove::<Begun>() {
            let taken = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.0.nanos.fetch_add(taken, Ordering::Relaxed);
        }
    }
}

pub(super) fn measure(operation: &str, drive: Drive) -> Result<Sample> {
    let layer = Durations(Arc::new(Totals::default()));
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let here = |f: &dyn Fn()| dispatcher::with_default(&dispatch, f);
    match operation {
        "emit_0" => drive.nanos(emits),
        "emit_1" => drive.nanos(|count| here(&|| emits(count))),
        "span" => drive.nanos(|count| here(&|| spans(count))),
        "span_5000_open" => {
            let open = std::sync::Mutex::new(Vec::new());
            here(&|| open.lock().unwrap_or_else(|e| e.into_inner()).extend(others()));
            drive.nanos(|count| here(&|| spans(count)))
        }
        _ => bail!("tracing has no `{operation}`"),
    }
}

fn emits(count: u64) {
    for index in 0..count {
        ::tracing::info!(pid = black_box(index), "a process exited");
    }
}

/// Opens, enters and closes that many spans.
pub(super) fn spans(count: u64) {
    for _ in 0..count {
        let span = ::tracing::info_span!("work");
        let entered = span.enter();
        black_box(&entered);
    }
}

/// Spans that stay open.
pub(super) fn others() -> Vec<::tracing::Span> {
    (0..5_000_u64).map(|index| ::tracing::info_span!("other", index)).collect()
}
