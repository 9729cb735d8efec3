//! Log lines that say on whose behalf they were written.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use foundation_env::fault;

use crate::context::ErrorContext;
use crate::spans::OpenSpan;

/// A format of log lines for `tracing_subscriber::fmt`: that of another, and at the end of each line the
/// correlation id and the fields of the error context in which it was written, and the ids of the
/// innermost recorded span.
///
/// ```
/// use foundation_telemetry::{ContextFormat, SpanLayer};
/// use tracing_subscriber::fmt::format::Format;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let lines = tracing_subscriber::fmt::layer()
///     .event_format(ContextFormat::new(Format::default().without_time()));
/// let subscriber = tracing_subscriber::registry().with(SpanLayer::new()).with(lines);
/// ```
#[derive(Clone, Debug)]
pub struct ContextFormat<F>(F);

impl<F> ContextFormat<F> {
    /// Adds to the lines of `inner`, each of which is one line.
    pub fn new(inner: F) -> Self {
        Self(inner)
    }
}

impl<S, N, F> FormatEvent<S, N> for ContextFormat<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        write!(writer, "{}", line.trim_end_matches('\n'))?;
        if !fault::planted("log_without_context") {
            let current = ErrorContext::current();
            if !current.is_empty() {
                write!(writer, " {current}")?;
            }
        }
        let span = context.event_scope().and_then(|mut scope| {
            scope.find_map(|span| span.extensions().get::<OpenSpan>().cloned())
        });
        if let Some(span) = span {
            write!(writer, " trace_id={} span_id={}", span.trace_id(), span.span_id())?;
        }
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests;
