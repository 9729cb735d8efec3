//! What is looked for among the spans.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::time::Duration;

use foundation_types::{Instant, Pid};

use super::shard::Shard;
use crate::span::SpanRecord;
use crate::trace::TraceId;

/// Which spans are looked for: those of which everything that is said is true. See [`Spans::find`](super::Spans::find).
#[derive(Clone, Debug)]
#[must_use = "a query does nothing until it is asked"]
pub struct SpanQuery {
    open: bool,
    trace: Option<TraceId>,
    name: Option<Cow<'static, str>>,
    owner: Option<Pid>,
    status: Option<Cow<'static, str>>,
    duration_min: Option<Duration>,
    since: Option<Instant>,
    limit: usize,
}

impl SpanQuery {
    /// The most spans of an answer, and how many one has if nothing is said.
    pub const LIMIT_MAX: usize = 1000;

    /// Looks among those that ended and are kept.
    pub fn ended() -> Self {
        Self::new(false)
    }

    /// Looks among those that are open.
    pub fn open() -> Self {
        Self::new(true)
    }

    fn new(open: bool) -> Self {
        Self {
            open,
            trace: None,
            name: None,
            owner: None,
            status: None,
            duration_min: None,
            since: None,
            limit: Self::LIMIT_MAX,
        }
    }

    /// Of that trace.
    pub fn trace(mut self, trace: TraceId) -> Self {
        self.trace = Some(trace);
        self
    }

    /// With exactly that name.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Opened by that process.
    pub fn owner(mut self, owner: Pid) -> Self {
        self.owner = Some(owner);
        self
    }

    /// With a status of that name; see [`SpanStatus::name`](crate::SpanStatus::name).
    pub fn status(mut self, status: impl Into<Cow<'static, str>>) -> Self {
        self.status = Some(status.into());
        self
    }

    /// That took at least so long.
    pub fn at_least(mut self, duration: Duration) -> Self {
        self.duration_min = Some(duration);
        self
    }

    /// That began then or later.
    pub fn since(mut self, since: Instant) -> Self {
        self.since = Some(since);
        self
    }

    /// At most so many, no more than [`SpanQuery::LIMIT_MAX`].
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.min(Self::LIMIT_MAX);
        self
    }

    fn matches(&self, span: &SpanRecord) -> bool {
        self.trace.is_none_or(|trace| span.trace_id == trace)
            && self.name.as_ref().is_none_or(|name| span.name() == name)
            && self.owner.is_none_or(|owner| span.owner == Some(owner))
            && self.status.as_ref().is_none_or(|status| span.status().name() == status)
            && self.duration_min.is_none_or(|min| span.duration().is_some_and(|own| own >= min))
            && self.since.is_none_or(|since| span.started >= since)
    }

    /// The newest first: by the end of those that ended, by the beginning of the others. One part after the other,
    /// so what begins or ends meanwhile may be in it or not.
    pub(super) fn answer<'a>(&self, shards: impl Iterator<Item = &'a Shard>) -> Vec<SpanRecord> {
        let mut found: Vec<SpanRecord> = Vec::new();
        for shard in shards {
            // The newest of each part are enough for the newest of all.
            let mut room = self.limit;
            let mut keep = |span: &SpanRecord| {
                if room > 0 && self.matches(span) {
                    // Those that are open come in no order, so all of them are looked at.
                    room -= usize::from(!self.open);
                    found.push(span.clone());
                }
            };
            if self.open {
                shard.each_open(&mut keep);
            } else {
                shard.each_ended(&mut keep);
            }
            self.cut(&mut found);
        }
        found
    }

    fn cut(&self, found: &mut Vec<SpanRecord>) {
        found.sort_by_key(|span| Reverse(span.ended().unwrap_or(span.started)));
        found.truncate(self.limit);
    }
}
