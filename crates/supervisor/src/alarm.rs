//! Many deadlines of one process behind a single timer.
//!
//! A storm of restarts must not run into the bound on timers per process, and a process with ten
//! thousand deadlines needs one wake-up at a time.

use std::collections::BTreeMap;

use foundation_process::Context;
use foundation_types::{Instant, TimerId};

/// Names one deadline, to take it back.
pub(crate) type AlarmId = (Instant, u64);

/// Deadlines in the order in which they are due, each with what is to be done then.
#[derive(Debug)]
pub(crate) struct Alarms<T> {
    due: BTreeMap<AlarmId, T>,
    next: u64,
    /// The timer whose message has not been handled, and what it was set for.
    timer: Option<(Instant, TimerId)>,
}

impl<T> Default for Alarms<T> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), next: 0, timer: None }
    }
}

impl<T> Alarms<T> {
    /// Adds a deadline; call [`Alarms::arm`] before the handler returns.
    pub(crate) fn add(&mut self, at: Instant, what: T) -> AlarmId {
        self.next += 1;
        let id = (at, self.next);
        self.due.insert(id, what);
        id
    }

    /// Takes a deadline back. A timer that was set for it fires for nothing.
    pub(crate) fn remove(&mut self, id: AlarmId) -> Option<T> {
        self.due.remove(&id)
    }

    /// Everything that is due at `now`, earliest first, when the message of the timer has come. What is added while it is worked off waits
    /// for the next timer, also if it is due already, so that messages get their turn.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<T> {
        self.timer = None;
        let later = self.due.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.due, later).into_values().collect()
    }

    /// Makes sure that the process gets `message` when the earliest deadline is due.
    pub(crate) fn arm<M: Send + 'static>(&mut self, context: &mut Context<M>, message: M) {
        let Some(&(at, _)) = self.due.keys().next() else { return };
        if let Some((armed, timer)) = self.timer {
            // Also when it has fired: its message waits, and a new timer would put it off again with
            // each message that is handled before it.
            if armed <= at {
                return;
            }
            context.cancel_timer(timer);
        }
        let delay = at.saturating_duration_since(context.system().env().now());
        // The only timer of this process, so no limit can refuse it.
        self.timer = context.send_after(delay, message).ok().map(|timer| (at, timer));
    }
}
