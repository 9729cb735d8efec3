//! Everything of one system that lets people see it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foundation_env::Env;

use crate::context::ErrorContext;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::spans::Spans;

/// What one system says of itself. Clones share everything; two systems share nothing.
#[derive(Clone)]
pub struct Telemetry {
    env: Env,
    events: Events,
    spans: Spans,
    metrics: Metrics,
    propagates: Arc<AtomicBool>,
}

impl Telemetry {
    /// Makes one, with nobody listening.
    pub fn new(env: Env) -> Self {
        let events = Events::new(env.clone());
        let spans = Spans::new(env.clone(), events.clone());
        let metrics = Metrics::new(env.clone());
        Self { env, events, spans, metrics, propagates: Arc::new(AtomicBool::new(true)) }
    }

    /// The clock and the randomness that it uses.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The events, and who hears them.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether messages and new processes take along the context in which they are made; they do at first.
    pub fn propagates_context(&self) -> bool {
        // Relaxed: it orders nothing; what is sent meanwhile may go either way.
        self.propagates.load(Ordering::Relaxed)
    }

    /// Has messages and new processes take along the context in which they are made from now on, or not.
    pub fn set_context_propagation(&self, propagates: bool) {
        self.propagates.store(propagates, Ordering::Relaxed);
    }

    /// What a message of this system takes along from here.
    pub fn outgoing_context(&self) -> ErrorContext {
        if self.propagates_context() { ErrorContext::outgoing() } else { ErrorContext::EMPTY }
    }

    /// The spans, those that are open and the newest of those that ended.
    pub fn spans(&self) -> &Spans {
        &self.spans
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("events", &self.events)
            .field("spans", &self.spans)
            .finish_non_exhaustive()
    }
}
