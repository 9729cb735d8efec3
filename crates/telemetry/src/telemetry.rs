//! Everything of one system that lets people see it.

use std::fmt;

use foundation_env::Env;

use crate::events::Events;

/// What one system says of itself. Clones share everything; two systems share nothing.
#[derive(Clone)]
pub struct Telemetry {
    env: Env,
    events: Events,
}

impl Telemetry {
    /// Makes one, with nobody listening.
    pub fn new(env: Env) -> Self {
        Self { events: Events::new(env.clone()), env }
    }

    /// The clock and the randomness that it uses.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// The events, and who hears them.
    pub fn events(&self) -> &Events {
        &self.events
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("events", &self.events).finish_non_exhaustive()
    }
}
