//! Watches: every change of a namespace from one revision on, in order and without gaps.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use foundation_env::{Env, Sleep, fault};
use foundation_types::{ExitReason, Instant};

use crate::entry::Entry;
use crate::error::WatchError;
use crate::namespace::{
    Candidates, Cause, Change, Found, Namespace, Purpose, Registration, Version, Wake,
};
use crate::namespaces::NoNamespace;
use crate::patience::{Busy, Patience};
use crate::registry::{Held, Registry};
use crate::revision::Revision;

/// What a watch is interested in.
pub(crate) type Interest = Box<dyn Fn(&Entry) -> bool + Send + Sync>;

/// How often a watch copies changes out of the ring in one poll, all of which are nothing to it, before it lets
/// others run: about 500 of them, which takes no longer than a handler may.
const BATCHES_MAX: usize = 8;

/// How long a watch of a busy namespace rests between two looks.
const REST: Duration = Duration::from_millis(1);
/// Changes that make a namespace busy, if they come within four such times.
const BUSY: usize = 16;

/// What a watch that begins is of.
pub(crate) struct Watched {
    pub(crate) held: Held,
    /// The namespace, which is made if there is none.
    pub(crate) label: Arc<str>,
    pub(crate) interest: Interest,
}

/// Something that happened to a registration that matches, or did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WatchEvent {
    /// The revision at which it became so. Changes that were made together have the same.
    pub revision: Revision,
    /// What became so.
    pub change: WatchChange,
}

/// What happened. A change counts if what stood before matches, or what stands since.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WatchChange {
    /// A name was taken.
    Registered(Registration),
    /// Metadata changed, or was set anew by its owner, and matches as before.
    Updated {
        /// What stood before.
        before: Registration,
        /// What stands since.
        after: Registration,
    },
    /// Metadata changed, and matches now.
    NowMatches {
        /// What stood before.
        before: Registration,
        /// What stands since.
        after: Registration,
    },
    /// Metadata changed, and matches no longer.
    NoLongerMatches {
        /// What stood before.
        before: Registration,
        /// What stands since.
        after: Registration,
    },
    /// A name was freed while its owner lives on.
    Unregistered(Registration),
    /// Another process has the name: it was replaced, or took over.
    Replaced {
        /// What stood before; none, if that did not match.
        before: Option<Registration>,
        /// What stands since; none, if that does not match.
        after: Option<Registration>,
    },
    /// The owner died.
    Died {
        /// What stood before.
        before: Registration,
        /// Why it died.
        reason: ExitReason,
    },
}

/// A watch was too slow: changes were thrown away before it read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the watch missed {missed} changes; call `Watch::resynchronise` for what stands now")]
pub struct Lagged {
    /// How many changes, of all that are watched or not.
    pub missed: u64,
}

/// Every change of a namespace after one revision. Made by [`Registry::watch`](crate::Registry::watch); dropping
/// it ends it.
#[must_use = "dropping a watch ends it"]
pub struct Watch {
    namespace: Arc<Namespace>,
    interest: Interest,
    watcher: u64,
    /// The number of the change to read next.
    next: u64,
    /// The revision of the snapshot: changes that are in it are passed over.
    after: u64,
    unread: VecDeque<Change>,
    pace: Pace,
}

/// Whether a watch that has read everything sleeps until the next change, or rests while some come: waking it for each
/// would cost a busy writer more than its changes do. Network drivers moderate interrupts in the same way.
struct Pace {
    env: Env,
    purpose: Purpose,
    /// What was read since a moment.
    read: usize,
    since: Instant,
    /// Made with the first rest.
    timer: Option<Sleep>,
    is_resting: bool,
}

/// What stood when a watch began.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The revision of the namespace.
    pub revision: Revision,
    /// What matched at that revision, in the order of names.
    pub registrations: Vec<Registration>,
}

impl Registry {
    /// Begins a watch at the newest revision.
    pub(crate) fn begin_watch(
        &self,
        watched: Watched,
        purpose: Purpose,
        patience: &mut Patience<'_>,
    ) -> Result<Watch, WatchError> {
        let Watched { held, label, interest } = watched;
        let found = self.shared().holdings(held).namespaces.get_or_new(&label, patience);
        let found = found.map_err(|none| match none {
            NoNamespace::TooMany(limit) => WatchError::TooManyNamespaces { limit },
            NoNamespace::Busy(busy) => busy.into(),
        })?;
        let limits = self.shared().limits();
        let limit = match purpose {
            Purpose::Watch => limits.watches_per_namespace_max,
            Purpose::Wait => limits.waits_per_namespace_max,
        };
        let pace = Pace::new(self.shared().system().env().clone(), purpose);
        let begun = Watch::begin(Arc::clone(found), interest, (pace, limit), patience)?;
        begun.ok_or(match purpose {
            Purpose::Watch => WatchError::TooManyWatches { namespace: label, limit },
            Purpose::Wait => WatchError::TooManyWaits { namespace: label, limit },
        })
    }
}

impl Watch {
    /// Begins a watch; none when there are as many as there may be. It takes the writer's turn, so that no commit
    /// is under way that does not yet know of the watch.
    fn begin(
        namespace: Arc<Namespace>,
        interest: Interest,
        (pace, len_max): (Pace, usize),
        patience: &mut Patience<'_>,
    ) -> Result<Option<Self>, Busy> {
        let turn = namespace.turn_within(patience)?;
        let entered = namespace.ring().enter(pace.purpose, len_max);
        drop(turn);
        let watch = |(watcher, next)| {
            let unread = VecDeque::new();
            Self { namespace, interest, watcher, next, after: 0, unread, pace }
        };
        Ok(entered.map(watch))
    }

    /// Waits for the next change that matches.
    ///
    /// It is told as soon as it is made while few are. Once 16 and more come within four milliseconds and the watch has
    /// read them all, the next ones are told together, up to a millisecond later or two, or when many have come, so
    /// that a busy writer does not pay for waking.
    ///
    /// # Errors
    ///
    /// [`Lagged`] when changes were thrown away, each time until [`Watch::resynchronise`] is called.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no change is lost.
    pub async fn changed(&mut self) -> Result<WatchEvent, Lagged> {
        poll_fn(|cx| self.poll_changed(cx)).await
    }

    /// As [`Watch::changed`], for a hand-written future. After many changes that do not match it is pending, to let
    /// others run, and wakes its task at once.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<WatchEvent, Lagged>> {
        for _ in 0..BATCHES_MAX {
            while let Some(change) = self.unread.pop_front() {
                let repeats = fault::planted("registry_watch_repeats_its_snapshot");
                if change.revision <= self.after && !repeats {
                    continue;
                }
                if let Some(event) = judge(change, &self.interest) {
                    return Poll::Ready(Ok(event));
                }
            }
            match self.namespace.ring().read(self.watcher, self.next) {
                Found::Changes(changes, next) => {
                    self.next = next;
                    self.pace.read += changes.len();
                    self.unread.extend(changes);
                }
                Found::Lagged(missed) => return Poll::Ready(Err(Lagged { missed })),
                Found::Nothing => {
                    let wake = self.pace.wake(cx);
                    if self.namespace.ring().sleep(self.watcher, self.next, cx.waker(), wake) {
                        return Poll::Pending;
                    }
                }
            }
        }
        // Writers may be as fast as this is: it would never end.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Goes on from the newest revision, and returns what stands at it. Changes that have not been read are
    /// skipped. Takes no turn of the writers, as a query does not.
    pub fn resynchronise(&mut self) -> Snapshot {
        self.unread.clear();
        // What comes later in the ring than this, and only that, may not be in the answer yet. A commit publishes
        // its revision and then adds its changes, so some that come are in it already.
        self.next = self.namespace.ring().next();
        let (revision, versions) = self.namespace.answer(|reading| {
            let versions: Vec<_> = reading.versions(&Candidates::All).collect();
            (reading.revision(), versions)
        });
        self.after = revision;
        let revision = Revision::new(revision);
        // The interest is the user's code: asked when nothing is held up any more.
        let matching = versions.into_iter().filter(|version| (self.interest)(&version.entry));
        let mut registrations: Vec<_> = matching.map(Registration::new).collect();
        registrations.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Snapshot { revision, registrations }
    }

    /// As [`Watch::resynchronise`], for who does not need what stands now.
    pub(crate) fn skip_to_newest(&mut self) {
        self.unread.clear();
        self.next = self.namespace.ring().next();
    }
}

impl Pace {
    fn new(env: Env, purpose: Purpose) -> Self {
        let since = env.now();
        Self { env, purpose, read: 0, since, timer: None, is_resting: false }
    }

    /// For what to be woken, when there is nothing to read; a rest also ends by itself.
    fn wake(&mut self, cx: &mut Context<'_>) -> Wake {
        let may_rest = self.purpose == Purpose::Watch || fault::planted("registry_waits_rest");
        if self.read >= BUSY && may_rest {
            self.begin_rest();
        }
        if !fault::planted("registry_rest_never_ends") {
            let timer = self.timer.as_mut().filter(|_| self.is_resting);
            self.is_resting = timer.is_some_and(|timer| Pin::new(timer).poll(cx).is_pending());
        }
        if self.is_resting { Wake::Batch } else { Wake::Next }
    }

    /// Begins to rest, unless what was read took long to come.
    fn begin_rest(&mut self) {
        let now = self.env.now();
        let until = now.saturating_add(REST);
        self.is_resting = now.saturating_duration_since(self.since) <= 4 * REST;
        (self.read, self.since) = (0, now);
        if self.is_resting {
            match &mut self.timer {
                Some(timer) => timer.reset(until),
                None => self.timer = Some(self.env.sleep_until(until)),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.namespace.ring().leave(self.watcher);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("namespace", &self.namespace.label).finish_non_exhaustive()
    }
}

/// What a change is for those who are interested; none if it is nothing for them.
fn judge(change: Change, interest: &Interest) -> Option<WatchEvent> {
    let Change { revision, before, after, cause, .. } = change;
    let keep = |version: Option<Arc<Version>>| {
        version.filter(|version| interest(&version.entry)).map(Registration::new)
    };
    let all = |version: &Option<Arc<Version>>| version.clone().map(Registration::new);
    let (was, is) = (all(&before), all(&after));
    let change = match (cause, keep(before), keep(after)) {
        (_, None, None) => return None,
        (Cause::Replaced, before, after) => WatchChange::Replaced { before, after },
        (Cause::Died(reason), Some(before), _) => WatchChange::Died { before, reason },
        (_, Some(before), None) if is.is_none() => WatchChange::Unregistered(before),
        (_, None, Some(after)) if was.is_none() => WatchChange::Registered(after),
        (_, Some(before), Some(after)) => WatchChange::Updated { before, after },
        (_, Some(before), None) => {
            if fault::planted("registry_watch_misses_no_longer_matches") {
                return None;
            }
            WatchChange::NoLongerMatches { before, after: is? }
        }
        (_, None, Some(after)) => WatchChange::NowMatches { before: was?, after },
    };
    Some(WatchEvent { revision: Revision::new(revision), change })
}
