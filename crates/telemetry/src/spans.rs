//! The spans of one system: which are open, and the newest of those that ended.
//!
//! Spans are those of the `tracing` crate, so `#[instrument]` and every library's take part; [`SpanLayer`], one for
//! the whole program, hands each to the system of the process that opens it. A span ends
//! when the last handle of it is dropped, when [`OpenSpan::close`] is called, or with its process: then it
//! is `abandoned`. Closing one closes that one, wherever it is among the open ones: its children go on and end
//! by themselves, as the specification of OpenTelemetry has it.

mod fields;
mod future;
mod layer;
mod open;
mod owner;
mod query;
mod shard;
mod subscription;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use foundation_env::{Env, Lane, fault};
use foundation_types::{Instant, Pid};

pub use future::InSpan;
pub use layer::SpanLayer;
pub use open::OpenSpan;
pub use owner::{EnteredTelemetry, FindOwner, Owner, find_owners_by};
pub use query::SpanQuery;
pub use subscription::{SpanSubscription, TooManySubscriptions};

use shard::Shard;
use subscription::Listeners;

use crate::catalogue;
use crate::events::Events;
use crate::span::{SpanRecord, SpanStatus};
use crate::trace::SpanId;
use crate::{Sampler, Value};

/// Parts of the spans, each with a lock of its own.
const SHARDS: usize = 16;

/// The spans of one system. Clones share everything.
#[derive(Clone)]
pub struct Spans(Arc<Inner>);

struct Inner {
    enabled: AtomicBool,
    sampler: Sampler,
    shards: Vec<Arc<Part>>,
    core: Arc<Core>,
}

/// One shard and what all share. A span keeps its own alive, so that no count is shared by all spans; no two
/// share a pair of cache lines either.
#[repr(align(128))]
struct Part {
    shard: Shard,
    core: Arc<Core>,
}

struct Core {
    env: Env,
    events: Events,
    listeners: Listeners,
    refused: AtomicU64,
}

impl Spans {
    /// The most open spans that are kept; a further one is not recorded and counted. They are split evenly over
    /// 16 parts, each of which serves a share of the processes.
    pub const OPEN_MAX: usize = 1 << 18;

    /// The most ended spans that are kept, split in the same way; the oldest of a part goes first.
    pub const ENDED_MAX: usize = 1 << 14;

    /// The most subscriptions: each gets a copy of every span that ends.
    pub const SUBSCRIPTIONS_MAX: usize = 64;

    pub(crate) fn new(env: Env, events: Events) -> Self {
        let core = Arc::new(Core {
            env,
            events,
            listeners: Listeners::default(),
            refused: AtomicU64::new(0),
        });
        let part = || Part {
            shard: Shard::new(Self::OPEN_MAX / SHARDS, Self::ENDED_MAX / SHARDS),
            core: Arc::clone(&core),
        };
        let shards = (0..SHARDS).map(|_| Arc::new(part())).collect();
        let sampler = Sampler::always(core.env.clone());
        Self(Arc::new(Inner { enabled: AtomicBool::new(true), sampler, shards, core }))
    }

    /// Whether spans that begin now are recorded.
    pub fn is_enabled(&self) -> bool {
        // Relaxed: it orders nothing; a span that begins meanwhile may go either way.
        self.0.enabled.load(Ordering::Relaxed)
    }

    /// Records spans that begin from now on, or does not. Those that are open go on.
    pub fn set_enabled(&self, enabled: bool) {
        self.0.enabled.store(enabled, Ordering::Relaxed);
    }

    /// Decides which traces that begin here are to be exported; everything is recorded all the same. It keeps
    /// all at first.
    pub fn sampler(&self) -> &Sampler {
        &self.0.sampler
    }

    /// How many spans were not recorded because there were too many open.
    pub fn refused_count(&self) -> u64 {
        self.0.core.refused.load(Ordering::Relaxed)
    }

    /// The spans that `query` asks for, the newest first.
    pub fn find(&self, query: &SpanQuery) -> Vec<SpanRecord> {
        query.answer(self.0.shards.iter().map(|part| &part.shard))
    }

    /// Ends the open span with that id, whoever opened it, and returns whether there was one. It looks at
    /// all that are open; who has a handle uses [`OpenSpan::close`].
    pub fn close(&self, id: SpanId, status: SpanStatus) -> bool {
        let found = self.0.shards.iter().find_map(|part| Some((part, part.shard.find(id)?)));
        found.is_some_and(|(part, slot)| part.close(slot, id, |span| span.set_status(status)))
    }

    /// Ends all spans of a process that is dead: who opened them does it no more.
    pub fn abandon(&self, owner: Pid) {
        if fault::planted("span_outlives_process") {
            return;
        }
        let part = self.part(Some(owner));
        let now = part.core.env.now();
        let ended = part.shard.close_all_of(owner, |span| {
            span.set_status_unless_said(SpanStatus::Abandoned);
            part.core.end(span, now)
        });
        for copy in ended {
            part.core.tell_stopped(copy);
        }
    }

    /// Keeps the spans that end from now on, at most `capacity` (one at least), for somebody who takes them at
    /// his own pace: an exporter. When it is full the oldest is dropped and counted.
    ///
    /// # Errors
    /// [`TooManySubscriptions`] at [`Spans::SUBSCRIPTIONS_MAX`].
    pub fn subscribe(&self, capacity: usize) -> Result<SpanSubscription, TooManySubscriptions> {
        SpanSubscription::new(Arc::clone(&self.0.core), capacity)
    }

    /// The part of a process, or of this thread.
    fn part(&self, owner: Option<Pid>) -> &Arc<Part> {
        let index = match owner {
            Some(pid) => pid.slot() as usize % SHARDS,
            None => Lane::current().index() % SHARDS,
        };
        #[expect(clippy::indexing_slicing, reason = "there are SHARDS of them")]
        &self.0.shards[index]
    }

    /// Keeps a span that begins now, and returns it and a copy of what is to be told of it.
    fn open(&self, span: Box<SpanRecord>) -> Option<(OpenSpan, Copied)> {
        let part = self.part(span.owner);
        let open = OpenSpan::new(part, &span);
        let copy = part.core.heard().then(|| span.clone());
        match part.shard.open(span) {
            Ok(slot) => Some((open.at(slot), copy)),
            Err(_refused) => {
                let counts = !fault::planted("span_loss_uncounted");
                part.core.refused.fetch_add(u64::from(counts), Ordering::Relaxed);
                None
            }
        }
    }
}

/// A copy of a span, made only if it is to be told of.
type Copied = Option<Box<SpanRecord>>;

impl Part {
    /// Ends a span, unless it ended before; `say` has the last word on it.
    fn close(&self, slot: usize, id: SpanId, say: impl FnOnce(&mut SpanRecord)) -> bool {
        let now = self.core.env.now();
        let copy = self.shard.close(slot, id, |span| {
            say(span);
            self.core.end(span, now)
        });
        let was_open = copy.is_some();
        self.core.tell_stopped(copy.flatten());
        was_open
    }
}

impl Core {
    /// Notes the end of a span, under the lock of its shard: nobody's code runs.
    fn end(&self, span: &mut SpanRecord, now: Instant) -> Copied {
        span.end(now);
        (self.heard() || self.listeners.any()).then(|| Box::new(span.clone()))
    }

    fn heard(&self) -> bool {
        catalogue::SPAN_STOPPED.may_be_heard(&self.events)
    }

    fn tell_started(&self, copy: Copied) {
        let Some(span) = copy else { return };
        catalogue::SPAN_STARTED.emit(&self.events, || ([], span.told()));
    }

    fn tell_stopped(&self, copy: Copied) {
        let Some(span) = copy else { return };
        catalogue::SPAN_STOPPED.emit(&self.events, || {
            let took = span.duration().unwrap_or_default().as_nanos();
            let [name, trace, id, parent, owner] = span.told();
            let metadata = [name, trace, id, parent, owner, span.status().name().into()];
            ([i64::try_from(took).unwrap_or(i64::MAX)], metadata)
        });
        self.listeners.keep(&span);
    }
}

impl SpanRecord {
    /// What events say of it: its name, its trace, its id, that of its parent and its owner; empty where it has
    /// none.
    fn told(&self) -> [Value<'static>; 5] {
        let parent = self.parent.map(|parent| parent.to_string()).unwrap_or_default();
        let owner = self.owner.map_or_else(|| "".into(), Value::from);
        let ids = (self.trace_id.to_string(), self.span_id.to_string());
        [self.name().into(), ids.0.into(), ids.1.into(), parent.into(), owner]
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").field("enabled", &self.is_enabled()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
