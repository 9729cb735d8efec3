//! What is kept of a span: whose it is, when it began and ended, how, and what was said of it.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use foundation_types::{Instant, Pid};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use tracing::{Level, Metadata};

use crate::Value;
use crate::trace::{SpanContext, SpanId, TraceId, TraceState};
use crate::value::kept_text;

/// How a span ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanStatus {
    /// Nobody said; it ended in the ordinary way.
    #[default]
    Unset,
    /// What it stands for succeeded.
    Ok,
    /// It failed, and how.
    Error(Cow<'static, str>),
    /// It was dropped before it was done, by somebody who did not wait any longer.
    Cancelled,
    /// Its process ended while it was open.
    Abandoned,
}

impl SpanStatus {
    /// Its name: `unset`, `ok`, `error`, `cancelled` or `abandoned`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error(_) => "error",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// A failure, its text cut at [`Value::TEXT_BYTES_MAX`].
    pub fn error(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Error(kept_text(message.into()))
    }
}

/// Its name, and for a failure how it failed.
impl fmt::Display for SpanStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::Error(message) = self {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl Serialize for SpanStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something that happened during a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// When, on the system's clock.
    pub at: Instant,
    /// What: the message of a log line, or the name of an event.
    pub name: Cow<'static, str>,
    /// What else is known of it.
    pub attributes: Vec<(&'static str, Value<'static>)>,
}

impl Serialize for SpanEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("at_ns", &self.at.as_nanos())?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("attributes", &Attributes(&self.attributes))?;
        map.end()
    }
}

/// One span, open or ended.
///
/// Serialized as a map; times are nanoseconds of the system's clock.
#[derive(Clone, Debug)]
pub struct SpanRecord {
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) owner: Option<Pid>,
    pub(crate) started: Instant,
    pub(crate) took_ns: Option<NonZeroU64>,
    pub(crate) sampled: bool,
    pub(crate) attributes: Vec<(&'static str, Value<'static>)>,
    pub(crate) rest: Option<Box<Rest>>,
}

/// What few spans have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest {
    pub(crate) status: SpanStatus,
    pub(crate) events: Vec<SpanEvent>,
    pub(crate) links: Vec<SpanContext>,
    pub(crate) state: TraceState,
    pub(crate) remote_parent: bool,
    pub(crate) attributes_omitted: u32,
    pub(crate) events_omitted: u32,
    pub(crate) links_omitted: u32,
}

impl SpanRecord {
    /// The most attributes of a span, and of one of its events; further ones are counted.
    pub const ATTRIBUTES_MAX: usize = 64;

    /// The most events of a span; further ones are counted.
    pub const EVENTS_MAX: usize = 64;

    /// The most links of a span; further ones are counted.
    pub const LINKS_MAX: usize = 32;

    /// Its name, as in the code that opened it.
    pub fn name(&self) -> &'static str {
        self.metadata.name()
    }

    /// The module that opened it, or what it says it is of.
    pub fn target(&self) -> &'static str {
        self.metadata.target()
    }

    /// How important it is.
    pub fn level(&self) -> Level {
        *self.metadata.level()
    }

    /// Its trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Its own id.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The span that it is a part of.
    pub fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Whether that span is of another process or system.
    pub fn has_remote_parent(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.remote_parent)
    }

    /// The process that opened it.
    pub fn owner(&self) -> Option<Pid> {
        self.owner
    }

    /// When it began, on the system's clock.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// When it ended; none while it is open.
    pub fn ended(&self) -> Option<Instant> {
        Some(self.started.saturating_add(self.duration()?))
    }

    /// How long it took; none while it is open.
    pub fn duration(&self) -> Option<Duration> {
        // One more, so that none costs no word.
        Some(Duration::from_nanos(self.took_ns?.get() - 1))
    }

    /// Whether its trace is to be exported.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// How it ended, or what was said of it so far.
    pub fn status(&self) -> &SpanStatus {
        const UNSET: &SpanStatus = &SpanStatus::Unset;
        self.rest.as_ref().map_or(UNSET, |rest| &rest.status)
    }

    /// What is known of it, in the order in which it was said; at most [`SpanRecord::ATTRIBUTES_MAX`].
    pub fn attributes(&self) -> &[(&'static str, Value<'static>)] {
        &self.attributes
    }

    /// One attribute.
    pub fn attribute(&self, key: &str) -> Option<&Value<'static>> {
        self.attributes.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// What happened during it, the oldest first; at most [`SpanRecord::EVENTS_MAX`].
    pub fn events(&self) -> &[SpanEvent] {
        self.rest.as_ref().map_or(&[], |rest| &rest.events)
    }

    /// Spans that it has to do with but is no part of; at most [`SpanRecord::LINKS_MAX`].
    pub fn links(&self) -> &[SpanContext] {
        self.rest.as_ref().map_or(&[], |rest| &rest.links)
    }

    /// How many attributes (of it and of its events), events and links were beyond their bounds.
    pub fn omitted(&self) -> (u32, u32, u32) {
        self.rest.as_ref().map_or((0, 0, 0), |rest| {
            (rest.attributes_omitted, rest.events_omitted, rest.links_omitted)
        })
    }

    /// What has to be known of it to make another span its child, here or elsewhere.
    pub fn context(&self) -> SpanContext {
        let state = self.rest.as_ref().map(|rest| rest.state.clone()).unwrap_or_default();
        let Self { trace_id, span_id, sampled, .. } = *self;
        SpanContext { trace_id, span_id, sampled, state }
    }

    pub(crate) fn has_state(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.state.is_empty())
    }

    pub(crate) fn end(&mut self, now: Instant) {
        let took = now.saturating_duration_since(self.started).as_nanos();
        self.took_ns = NonZeroU64::new(u64::try_from(took).unwrap_or(u64::MAX).saturating_add(1));
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    pub(crate) fn set_status(&mut self, status: SpanStatus) {
        if status != SpanStatus::Unset || self.rest.is_some() {
            self.rest().status = status;
        }
    }

    pub(crate) fn set_status_unless_said(&mut self, status: SpanStatus) {
        if *self.status() == SpanStatus::Unset {
            self.set_status(status);
        }
    }

    pub(crate) fn set_attributes(&mut self, added: Vec<(&'static str, Value<'static>)>) {
        for (key, value) in added {
            if let Some(known) = self.attributes.iter_mut().find(|(known, _)| *known == key) {
                known.1 = value;
            } else if self.attributes.len() < Self::ATTRIBUTES_MAX {
                self.attributes.push((key, value));
            } else {
                self.omit_attributes(1);
            }
        }
    }

    pub(crate) fn omit_attributes(&mut self, count: u32) {
        if count > 0 {
            let omitted = &mut self.rest().attributes_omitted;
            *omitted = omitted.saturating_add(count);
        }
    }

    pub(crate) fn add_event(&mut self, event: SpanEvent) {
        let rest = self.rest();
        if rest.events.len() < Self::EVENTS_MAX {
            rest.events.push(event);
        } else {
            rest.events_omitted = rest.events_omitted.saturating_add(1);
        }
    }

    pub(crate) fn add_link(&mut self, link: SpanContext) {
        let rest = self.rest();
        if rest.links.len() < Self::LINKS_MAX {
            rest.links.push(link);
        } else {
            rest.links_omitted = rest.links_omitted.saturating_add(1);
        }
    }
}

struct Attributes<'a>(&'a [(&'static str, Value<'static>)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Serialize for SpanRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name())?;
        map.serialize_entry("target", self.target())?;
        map.serialize_entry("trace_id", &self.trace_id)?;
        map.serialize_entry("span_id", &self.span_id)?;
        map.serialize_entry("parent_id", &self.parent)?;
        map.serialize_entry("owner", &self.owner.map(|pid| pid.to_string()))?;
        map.serialize_entry("started_ns", &self.started.as_nanos())?;
        map.serialize_entry("ended_ns", &self.ended().map(Instant::as_nanos))?;
        map.serialize_entry("status", self.status())?;
        map.serialize_entry("sampled", &self.sampled)?;
        map.serialize_entry("attributes", &Attributes(&self.attributes))?;
        map.serialize_entry("events", self.events())?;
        map.serialize_entry("links", self.links())?;
        map.end()
    }
}
