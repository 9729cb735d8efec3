//! One attached handler.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64 as Counter;
use std::time::Duration;

use foundation_env::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use foundation_env::sync::thread_local;
use foundation_env::{Env, fault};
use foundation_types::Instant;
use serde::Serialize;

use super::Events;
use crate::event::{Emission, Pattern};

/// How long a handler rests the first time.
const REST: Duration = Duration::from_secs(1);

/// How long at most.
const REST_MAX: Duration = Duration::from_mins(1);

thread_local! {
    /// The handlers that run on this thread, the innermost last.
    static RUNNING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

type Call = dyn Fn(&Emission<'_>) + Send + Sync;

pub(super) struct Handler {
    /// Unique in the program: the thread's note of what runs knows no systems.
    key: u64,
    id: u64,
    pattern: Pattern,
    call: Box<Call>,
    calls: AtomicU64,
    panics: AtomicU64,
    recursions: AtomicU64,
    skipped: AtomicU64,
    /// Panics since the last call that returned.
    panics_in_row: AtomicU32,
    /// Until when it rests, in nanoseconds; zero for one that does not.
    rests_until: AtomicU64,
}

/// What came of a call.
pub(super) enum Verdict {
    /// It returned, or was not to be called.
    Done,
    /// It panicked once too often and rests now.
    Quarantined { panics: u32, rest: Duration },
    /// It had rested, and returned.
    Restored,
}

/// A handler that is attached, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HandlerInfo {
    /// What it hears.
    pub pattern: String,
    /// Calls that returned.
    pub calls_count: u64,
    /// Calls that panicked.
    pub panics_count: u64,
    /// Emissions it made itself, which it was therefore not told.
    pub recursions_count: u64,
    /// Emissions it was not told because it rested.
    pub skipped_count: u64,
    /// It rests after too many panics.
    pub is_quarantined: bool,
}

/// Takes the note that a handler runs back, on every way out.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        let popped = RUNNING.try_with(|running| running.borrow_mut().pop().map(drop));
        popped.unwrap_or_default().unwrap_or_default();
    }
}

/// Notes that `key` runs, unless it does already.
fn begin(key: u64) -> Option<Running> {
    let begun = RUNNING.try_with(|running| {
        let mut running = running.borrow_mut();
        let again = running.contains(&key) && !fault::planted("handler_recurses");
        if !again {
            running.push(key);
        }
        !again
    });
    begun.unwrap_or(false).then_some(Running)
}

impl Handler {
    pub(super) fn new(id: u64, pattern: Pattern, call: Box<Call>) -> Self {
        Self {
            key: next_key(),
            id,
            pattern,
            call,
            calls: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            recursions: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            panics_in_row: AtomicU32::new(0),
            rests_until: AtomicU64::new(0),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    // The counts below order nothing, hence Relaxed throughout; two threads that panic at once may
    // quarantine a handler one panic early or late.
    pub(super) fn call(&self, emission: &Emission<'_>, env: &Env) -> Verdict {
        let rests_until = self.rests_until.load(Ordering::Relaxed);
        if rests_until > env_nanos_if(rests_until, env) {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return Verdict::Done;
        }
        let Some(running) = begin(self.key) else {
            self.recursions.fetch_add(1, Ordering::Relaxed);
            return Verdict::Done;
        };
        let called = catch_unwind(AssertUnwindSafe(|| (self.call)(emission)));
        drop(running);
        match called {
            Ok(()) => self.returned(rests_until),
            Err(panic) => {
                discard(panic);
                self.panicked(env)
            }
        }
    }

    fn returned(&self, rested_until: u64) -> Verdict {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.panics_in_row.load(Ordering::Relaxed) > 0 {
            self.panics_in_row.store(0, Ordering::Relaxed);
        }
        if rested_until > 0 && self.rests_until.swap(0, Ordering::Relaxed) > 0 {
            return Verdict::Restored;
        }
        Verdict::Done
    }

    fn panicked(&self, env: &Env) -> Verdict {
        self.panics.fetch_add(1, Ordering::Relaxed);
        let panics = self.panics_in_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if panics < Events::PANICS_MAX {
            return Verdict::Done;
        }
        let doublings = (panics - Events::PANICS_MAX).min(16);
        let rest = REST.saturating_mul(1 << doublings).min(REST_MAX);
        let rest = if fault::planted("handler_rests_for_ever") { Duration::MAX } else { rest };
        let until = env.now().saturating_add(rest);
        self.rests_until.store(until.as_nanos(), Ordering::Relaxed);
        Verdict::Quarantined { panics, rest }
    }

    pub(super) fn info(&self, now: Instant) -> HandlerInfo {
        HandlerInfo {
            pattern: self.pattern.to_string(),
            calls_count: self.calls.load(Ordering::Relaxed),
            panics_count: self.panics.load(Ordering::Relaxed),
            recursions_count: self.recursions.load(Ordering::Relaxed),
            skipped_count: self.skipped.load(Ordering::Relaxed),
            is_quarantined: self.rests_until.load(Ordering::Relaxed) > now.as_nanos(),
        }
    }
}

/// The time, if there is something to compare it with: most handlers never rest.
fn env_nanos_if(rests_until: u64, env: &Env) -> u64 {
    if rests_until == 0 { 0 } else { env.now().as_nanos() }
}

/// Drops what a panic carried, which is user code too; what a second panic carries is leaked.
fn discard(payload: Box<dyn std::any::Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        Box::leak(second);
    }
}

/// Counts the handlers of the program. Not one of `sync`'s atomics, which a model cannot have in a static; the
/// number only has to differ.
fn next_key() -> u64 {
    static LAST: Counter = Counter::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}
