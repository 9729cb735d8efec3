use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use foundation_env::sim::{SimOptions, Simulation};
use tracing_subscriber::fmt::format::Format;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::{CorrelationId, SpanLayer, Telemetry};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Guarantee EC4
#[test]
fn a_line_shows_the_context_and_the_span_that_it_is_written_in() {
    let written = Lines::default();
    let kept = written.clone();
    let format = Format::default().without_time().with_ansi(false).with_target(false);
    let layer = tracing_subscriber::fmt::layer()
        .event_format(ContextFormat::new(format))
        .with_writer(move || kept.clone());
    let subscriber = tracing_subscriber::registry().with(SpanLayer::new()).with(layer);
    let telemetry = Telemetry::new(Simulation::new(7, SimOptions::default()).env());
    let _entered = telemetry.enter();
    let request = ErrorContext::correlated(CorrelationId::from_bits(17)).with("document", "a.md");
    let mut ids = String::new();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("outside");
        request.scope(|| {
            tracing::warn!(bytes = 3, "inside");
            tracing::info_span!("read").in_scope(|| {
                let span = OpenSpan::current().unwrap();
                ids = format!("trace_id={} span_id={}", span.trace_id(), span.span_id());
                tracing::info!("in a span");
            });
        });
    });
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let context = format!("correlation_id={:032x} document=a.md", 17);
    let expected = [
        " INFO outside".to_owned(),
        format!(" WARN inside bytes=3 {context}"),
        format!(" INFO read: in a span {context} {ids}"),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}
