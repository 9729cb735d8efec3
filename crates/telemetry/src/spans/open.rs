//! A handle of a span that is, or was, open.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tracing::Dispatch;
use tracing::span::Id;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

use super::Part;
use crate::Value;
use crate::span::{SpanEvent, SpanRecord, SpanStatus};
use crate::trace::{SpanContext, SpanId, TraceId, TraceState};
use crate::value::kept_text;

/// A span that was open when this was made, to say more of it than `tracing` can and to close it before its
/// last handle is dropped. Clones are of the same span; none of them keeps it open.
#[derive(Clone)]
pub struct OpenSpan {
    part: Arc<Part>,
    trace_id: TraceId,
    span_id: SpanId,
    slot: usize,
    sampled: bool,
    /// Other tracing systems passed something along.
    has_state: bool,
}

impl OpenSpan {
    /// That of a span which is given its slot yet.
    pub(super) fn new(part: &Arc<Part>, span: &SpanRecord) -> Self {
        Self {
            part: Arc::clone(part),
            trace_id: span.trace_id,
            span_id: span.span_id,
            slot: usize::MAX,
            sampled: span.sampled,
            has_state: span.has_state(),
        }
    }

    pub(super) fn at(mut self, slot: usize) -> Self {
        self.slot = slot;
        self
    }

    /// That of a span of `tracing`; none if it is not recorded: it is filtered out, was opened where no
    /// system was known or while recording was off, or there were too many.
    ///
    /// It is found where the program's subscriber stands on `tracing_subscriber::Registry`.
    pub fn of(span: &tracing::Span) -> Option<Self> {
        span.with_subscriber(|(id, dispatch)| Self::look_up(dispatch, id)).flatten()
    }

    /// That of the innermost span in which this thread is and which is recorded.
    pub fn current() -> Option<Self> {
        tracing::dispatcher::get_default(|dispatch| {
            let current = dispatch.current_span();
            let registry = dispatch.downcast_ref::<Registry>()?;
            registry.span(current.id()?)?.scope().find_map(|span| span.extensions().get().cloned())
        })
    }

    fn look_up(dispatch: &Dispatch, id: &Id) -> Option<Self> {
        dispatch.downcast_ref::<Registry>()?.span(id)?.extensions().get().cloned()
    }

    /// Its trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Its id.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// What has to be known of it to make another span its child, here or elsewhere. After its end, what
    /// other tracing systems passed along is not known any more.
    pub fn context(&self) -> SpanContext {
        let Self { trace_id, span_id, sampled, .. } = *self;
        let mut state = TraceState::EMPTY;
        if self.has_state {
            self.change(|span| state = span.context().state);
        }
        SpanContext { trace_id, span_id, sampled, state }
    }

    /// Ends it with that status and returns whether it was open. Only this one ends: spans inside it go on.
    pub fn close(&self, status: SpanStatus) -> bool {
        self.part.close(self.slot, self.span_id, |span| span.set_status(status))
    }

    /// Ends it with the status that it has, or with `status` if it has none.
    pub(super) fn finish(&self, status: Option<SpanStatus>) {
        self.part.close(self.slot, self.span_id, |span| {
            if let Some(status) = status {
                span.set_status_unless_said(status);
            }
        });
    }

    pub(super) fn change(&self, f: impl FnOnce(&mut SpanRecord)) -> bool {
        self.part.shard.change(self.slot, self.span_id, f)
    }

    pub(super) fn part(&self) -> &Part {
        &self.part
    }

    /// Says how it goes; false if it ended.
    pub fn set_status(&self, status: SpanStatus) -> bool {
        self.change(|span| span.set_status(status))
    }

    /// Says something of it, in place of what was said under that key; false if it ended.
    pub fn set_attribute(&self, key: &'static str, value: impl Into<Value<'static>>) -> bool {
        let value = Value::kept(value.into());
        self.change(|span| span.set_attributes(vec![(key, value)]))
    }

    /// Says what happens in it now; false if it ended. The name is cut at [`Value::TEXT_BYTES_MAX`].
    pub fn add_event(
        &self,
        name: impl Into<Cow<'static, str>>,
        attributes: impl IntoIterator<Item = (&'static str, Value<'static>)>,
    ) -> bool {
        let mut given = attributes.into_iter().map(|(key, value)| (key, Value::kept(value)));
        let attributes = given.by_ref().take(SpanRecord::ATTRIBUTES_MAX).collect();
        let omitted = u32::try_from(given.count()).unwrap_or(u32::MAX);
        let at = self.part.core.env.now();
        let event = SpanEvent { at, name: kept_text(name.into()), attributes };
        self.change(|span| {
            span.add_event(event);
            span.omit_attributes(omitted);
        })
    }

    /// Says that it has to do with another span, of any trace; false if it ended.
    pub fn link(&self, other: SpanContext) -> bool {
        self.change(|span| span.add_link(other))
    }
}

impl fmt::Debug for OpenSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSpan").field("span_id", &self.span_id).finish_non_exhaustive()
    }
}
