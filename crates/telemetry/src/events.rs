//! Who hears the events of one system.
//!
//! What is attached stands in a table that is replaced as a whole, so emitting reads it without a lock and
//! handlers run under none: they may attach, detach and emit. Whether a group of events, those with one first
//! segment, has a listener is one bit of a word, which is all that an emission reads when nobody listens.
//!
//! A handler that emits what it handles is not called again by that: each handler is on each thread at most
//! once. A handler that panics again and again rests, longer each time, and is then tried again.

mod handler;
mod subscription;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foundation_env::sync::{AtomicArc, Mutex};
use foundation_env::{Env, fault};

pub use handler::HandlerInfo;
pub use subscription::Subscription;

use handler::{Handler, Verdict};

use crate::catalogue;
use crate::event::{Emission, GROUPS, Pattern, PatternError};

/// The events of one system, and who hears them. Clones share everything.
#[derive(Clone)]
pub struct Events(Arc<Inner>);

struct Inner {
    env: Env,
    /// The groups that somebody hears. A stale bit costs an emission a look into the table, or hides it from a
    /// handler that is being attached meanwhile. Not an atomic of `sync`: every emission reads it, and a model
    /// would explore a switch of threads at each.
    heard: AtomicU64,
    table: AtomicArc<Table>,
    /// Held while the table is replaced; a leaf.
    writer: Mutex<u64>,
}

/// The handlers, those of each group in the order in which they were attached.
struct Table {
    all: Vec<Arc<Handler>>,
    groups: Vec<Vec<Arc<Handler>>>,
}

impl Table {
    fn new(all: Vec<Arc<Handler>>) -> Self {
        let mut groups: Vec<Vec<Arc<Handler>>> = vec![Vec::new(); GROUPS];
        for handler in &all {
            let mut heard = handler.pattern().groups();
            while heard != 0 {
                if let Some(group) = groups.get_mut(heard.trailing_zeros() as usize) {
                    group.push(Arc::clone(handler));
                }
                heard &= heard - 1;
            }
        }
        Self { all, groups }
    }

    fn heard(&self) -> u64 {
        self.all.iter().fold(0, |groups, handler| groups | handler.pattern().groups())
    }
}

/// Why a handler was not attached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The pattern cannot be read.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// There are as many as there may be.
    #[error("{limit} handlers are attached, the most there may be")]
    TooMany {
        /// [`Events::HANDLERS_MAX`].
        limit: usize,
    },
}

impl Events {
    /// The most handlers of one system.
    pub const HANDLERS_MAX: usize = 1024;

    pub(crate) fn new(env: Env) -> Self {
        Self(Arc::new(Inner {
            env,
            heard: AtomicU64::new(0),
            table: AtomicArc::default(),
            writer: Mutex::new(0),
        }))
    }

    /// Calls `handler` for each emission that `pattern` matches, on the thread that emits, until the guard is
    /// dropped. It should be short: who emits waits for it.
    ///
    /// A panic in it reaches nobody. After [`Events::PANICS_MAX`] in a row the handler rests for a second, and
    /// twice as long each time it panics again, up to a minute; [`Events::handlers`] shows it.
    ///
    /// # Errors
    /// See [`AttachError`].
    pub fn attach(
        &self,
        pattern: &str,
        handler: impl Fn(&Emission<'_>) + Send + Sync + 'static,
    ) -> Result<Attached, AttachError> {
        let pattern = Pattern::new(pattern.to_owned())?;
        let id = {
            let mut last = self.0.writer.lock();
            let old = self.0.table.load();
            let mut all = old.as_ref().map(|table| table.all.clone()).unwrap_or_default();
            if all.len() >= Self::HANDLERS_MAX {
                return Err(AttachError::TooMany { limit: Self::HANDLERS_MAX });
            }
            *last += 1;
            all.push(Arc::new(Handler::new(*last, pattern, Box::new(handler))));
            self.publish(Table::new(all));
            *last
        };
        Ok(Attached { events: self.clone(), id })
    }

    /// Keeps the emissions that `pattern` matches, at most `capacity` (one at least), for somebody who takes
    /// them at his own pace. When it is full the oldest is dropped and counted.
    ///
    /// # Errors
    /// See [`AttachError`].
    pub fn subscribe(&self, pattern: &str, capacity: usize) -> Result<Subscription, AttachError> {
        Subscription::new(self, pattern, capacity)
    }

    /// Panics of a handler in a row after which it rests.
    pub const PANICS_MAX: u32 = 3;

    /// What is attached, in the order in which it was.
    pub fn handlers(&self) -> Vec<HandlerInfo> {
        let now = self.0.env.now();
        let table = self.0.table.load();
        table.iter().flat_map(|table| &table.all).map(|handler| handler.info(now)).collect()
    }

    /// The table is readable before its bits are, so no emission misses what it was told to look for.
    fn publish(&self, table: Table) {
        let heard = table.heard();
        drop(self.0.table.swap(Some(Arc::new(table))));
        // Release here pairs with Acquire in `may_hear`.
        self.0.heard.store(heard, Ordering::Release);
    }

    fn detach(&self, id: u64) {
        let gone = {
            let _writer = self.0.writer.lock();
            let old = self.0.table.load();
            let Some(old) = old.as_ref() else { return };
            let gone = old.all.iter().find(|handler| handler.id() == id).map(Arc::clone);
            let all = old.all.iter().filter(|handler| handler.id() != id).map(Arc::clone);
            self.publish(Table::new(all.collect()));
            gone
        };
        // What a handler holds is dropped without the lock.
        drop(gone);
    }

    /// Whether somebody may hear events of that group.
    #[inline]
    pub(crate) fn may_hear(&self, group: usize) -> bool {
        self.0.heard.load(Ordering::Acquire) & (1 << group) != 0
    }

    pub(crate) fn tell(&self, group: usize, emission: &Emission<'_>) {
        let _under_lock = fault::planted("handler_under_lock").then(|| self.0.writer.lock());
        let table = self.0.table.load();
        let Some(handlers) = table.as_ref().and_then(|table| table.groups.get(group)) else {
            return;
        };
        for handler in handlers.iter().filter(|handler| handler.pattern().matches(emission.name()))
        {
            match handler.call(emission, &self.0.env) {
                Verdict::Done => {}
                Verdict::Quarantined { panics, rest } => {
                    let rest_ms = i64::try_from(rest.as_millis()).unwrap_or(i64::MAX);
                    catalogue::HANDLER_QUARANTINED.emit(self, || {
                        let pattern = handler.pattern().to_string();
                        ([i64::from(panics), rest_ms], [pattern.into()])
                    });
                }
                Verdict::Restored => catalogue::HANDLER_RESTORED
                    .emit(self, || ([], [handler.pattern().to_string().into()])),
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("handlers", &self.handlers().len()).finish_non_exhaustive()
    }
}

/// Detaches a handler when it is dropped; one that runs meanwhile ends first or runs on, but is not called
/// again.
#[must_use = "the handler is attached only as long as this lives"]
pub struct Attached {
    events: Events,
    id: u64,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.events.detach(self.id);
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
