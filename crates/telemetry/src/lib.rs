//! What lets people see a running system: events, error context, spans, sampled events and metrics.
//!
//! It promises: whoever says something pays a few nanoseconds when nobody listens; what user code a handler
//! runs, runs under no lock, and its panic reaches neither who said it nor another handler; everything that is
//! kept has a bound, and what falls out of it is counted. It does not promise that a slow handler is waited
//! for, nor that what fell out comes back.

#![forbid(unsafe_code)]

mod value;

mod ring;

mod event;

mod events;

pub mod catalogue;

mod context;

mod trace;

mod span;

mod spans;

mod metrics;

mod sampled;

mod log;

mod telemetry;

pub use context::{
    Breadcrumb, CorrelationId, Entered, ErrorContext, InContext, ParseCorrelationIdError, Resumed,
};
pub use event::{Emission, Event, EventInfo, EventRecord, Pattern, PatternError};
pub use events::{AttachError, Attached, Events, HandlerInfo, Subscription};
pub use log::ContextFormat;
pub use metrics::{
    Counter, Distribution, Gauge, Histogram, Metric, MetricError, MetricKind, MetricSnapshot,
    Metrics, Observed, SeriesSnapshot, SeriesValue, Window,
};
pub use sampled::{
    Batch, BatchOptions, OncePer, Reservoir, Sampler, SamplerStats, Sampling, SamplingError,
};
pub use span::{SpanEvent, SpanRecord, SpanStatus};
pub use spans::{
    EnteredTelemetry, FindOwner, InSpan, OpenSpan, Owner, SpanLayer, SpanQuery, SpanSubscription,
    Spans, TooManySubscriptions, find_owners_by,
};
pub use telemetry::Telemetry;
pub use trace::{
    ParseTraceParentError, ParseTraceStateError, SpanContext, SpanId, TraceId, TraceState,
};
pub use value::Value;
