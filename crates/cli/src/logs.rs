//! Log lines and spans of this program.

use std::io;

use foundation_telemetry::{ContextFormat, SpanLayer};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Format;
use tracing_subscriber::layer::SubscriberExt;

/// Has the program's systems keep their spans, and writes the log lines that pass `filter` to standard error.
///
/// The first call of a program counts: there is one subscriber, and whoever set one before this keeps it.
pub(crate) fn install(filter: Option<&Targets>) {
    let lines = filter.map(|filter| {
        tracing_subscriber::fmt::layer()
            .event_format(ContextFormat::new(Format::default().with_ansi(false)))
            .with_writer(io::stderr)
            .with_filter(filter.clone())
    });
    let subscriber = tracing_subscriber::registry().with(SpanLayer::new()).with(lines);
    drop(tracing::subscriber::set_global_default(subscriber));
}
