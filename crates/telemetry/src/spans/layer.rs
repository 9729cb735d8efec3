//! The layer that hands the spans of `tracing` to the systems they belong to.

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use foundation_env::fault;

use super::fields::Fields;
use super::{OpenSpan, owner};
use crate::context::{ErrorContext, entered};
use crate::span::{Rest, SpanEvent, SpanRecord, SpanStatus};
use crate::trace::{SpanContext, SpanId, TraceId};

/// Records spans; a program has one, as a part of its subscriber:
///
/// ```
/// use foundation_env::sim::{SimOptions, Simulation};
/// use foundation_telemetry::{SpanLayer, SpanQuery, Telemetry};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let subscriber = tracing_subscriber::registry().with(SpanLayer::new());
/// let telemetry = Telemetry::new(Simulation::new(7, SimOptions::default()).env());
/// let _telemetry = telemetry.enter();
/// tracing::subscriber::with_default(subscriber, || {
///     tracing::info_span!("read", file = "report.md").in_scope(|| ());
/// });
/// let ended = telemetry.spans().find(&SpanQuery::ended().name("read"));
/// assert_eq!(ended[0].attribute("file").and_then(|file| file.as_text()), Some("report.md"));
/// ```
///
/// A log line inside a span becomes an event of it; one of level `ERROR` makes it a failure, unless it was said
/// how it goes.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SpanLayer;

impl SpanLayer {
    /// Makes it.
    pub fn new() -> Self {
        Self
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let parent = recorded_parent(attributes, &span);
        let mut fields = Fields::of(attributes.metadata());
        // Reads values that know how to show themselves: a user's code.
        attributes.record(&mut fields);
        let opened = owner::with(|telemetry, pid| {
            let spans = telemetry.spans();
            if !spans.is_enabled() {
                return None;
            }
            let env = telemetry.env();
            let (parent, remote) = match parent {
                Some(parent) => (Some(parent), false),
                None => (ErrorContext::current_remote_parent(), true),
            };
            let trace_id = match &parent {
                Some(parent) => parent.trace_id,
                None => ErrorContext::current_trace().unwrap_or_else(|| TraceId::random(env)),
            };
            let mut record = Box::new(SpanRecord {
                metadata: attributes.metadata(),
                trace_id,
                span_id: SpanId::random(env),
                parent: parent.as_ref().map(|parent| parent.span_id),
                owner: pid,
                started: env.now(),
                took_ns: None,
                sampled: match &parent {
                    Some(parent) => parent.sampled,
                    None => spans.sampler().keeps(Some(trace_id)),
                },
                attributes: fields.values,
                rest: None,
            });
            let state = parent.map(|parent| parent.state).filter(|state| !state.is_empty());
            if state.is_some() || (remote && record.parent.is_some()) || fields.omitted > 0 {
                record.rest = Some(Box::new(Rest {
                    state: state.unwrap_or_default(),
                    remote_parent: remote && record.parent.is_some(),
                    attributes_omitted: fields.omitted,
                    ..Rest::default()
                }));
            }
            spans.open(record)
        });
        if let Some((open, copy)) = opened.flatten() {
            open.part().core.tell_started(copy);
            span.extensions_mut().replace(open);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(open) = recorded(context.span(id)) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        open.change(|span| {
            span.set_attributes(fields.values);
            span.omit_attributes(fields.omitted);
        });
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let pair = recorded(context.span(id)).zip(recorded(context.span(follows)));
        if let Some((open, followed)) = pair {
            open.link(followed.context());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(open) = recorded(context.event_span(event)) else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.message.unwrap_or_else(|| event.metadata().name().to_owned());
        let at = open.part().core.env.now();
        let failed = *event.metadata().level() == Level::ERROR;
        open.change(|span| {
            if failed {
                span.set_status_unless_said(SpanStatus::error(message.clone()));
            }
            let name = message.into();
            span.add_event(SpanEvent { at, name, attributes: fields.values });
            span.omit_attributes(fields.omitted);
        });
    }

    fn on_enter(&self, _id: &Id, _context: Context<'_, S>) {
        entered::enter_span();
    }

    fn on_exit(&self, _id: &Id, _context: Context<'_, S>) {
        entered::exit_span();
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<OpenSpan>() else { return };
        drop(span);
        let status = last_word();
        open.finish(status);
    }
}

/// What the way out of a span says of how it ended, where nobody else did.
fn last_word() -> Option<SpanStatus> {
    if std::thread::panicking() && !fault::planted("span_panic_unnoticed") {
        return Some(SpanStatus::Error("panicked".into()));
    }
    let overlooks = fault::planted("span_abandonment_unnoticed");
    (owner::is_ending() && !overlooks).then_some(SpanStatus::Abandoned)
}

/// What is needed of the nearest span around a new one that is recorded.
fn recorded_parent<S: for<'a> LookupSpan<'a>>(
    attributes: &Attributes<'_>,
    span: &SpanRef<'_, S>,
) -> Option<SpanContext> {
    if attributes.is_root() || fault::planted("span_parent_ignored") {
        return None;
    }
    let mut outer = span.parent()?;
    loop {
        if let Some(open) = outer.extensions().get::<OpenSpan>() {
            return Some(open.context());
        }
        outer = outer.parent()?;
    }
}

fn recorded<S: for<'a> LookupSpan<'a>>(span: Option<SpanRef<'_, S>>) -> Option<OpenSpan> {
    span?.extensions().get::<OpenSpan>().cloned()
}
