//! What has changed, for those who watch.
//!
//! The ring is kept only while somebody watches. It has a bounded number of changes; who is too slow for
//! that is told so. What all have read is dropped, by the writer, whose memory it is. It has a lock of its own,
//! taken by the writer for each commit and by watchers who copy some changes out, so that a watcher never holds up
//! the writer for longer than that.
//!
//! A watcher that has read everything sleeps, and says how many changes may come before it is woken: one, or more if
//! so many come that waking it for each would cost the writer more than the changes do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicBool, Ordering};
use foundation_types::ExitReason;
use smallvec::SmallVec;

use super::Bounds;
use super::version::Version;

/// Why something changed.
#[derive(Debug, Clone)]
pub(crate) enum Cause {
    Registered,
    Updated,
    Unregistered,
    Replaced,
    Died(ExitReason),
}

/// One change: what stood before, and what stands since.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) before: Option<Arc<Version>>,
    pub(crate) after: Option<Arc<Version>>,
    pub(crate) cause: Cause,
    /// What stood before carries. Here, so that dropping a change reads nothing that a watcher has used.
    pub(crate) bytes: usize,
}

/// The newest changes of a namespace.
pub(crate) struct Ring {
    /// Somebody watches. Set with the writer's lock; a commit that misses its end finds no watcher.
    is_watched: AtomicBool,
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    changes: VecDeque<Change>,
    /// What stood before them carries: what stands since is kept by the namespace, or stood before a later one.
    bytes: usize,
    /// The number of the oldest change in the ring.
    first: u64,
    /// With which number of the next change the writer looks for some that all have read.
    trims_at: u64,
    /// With which number of the next change somebody is to be woken, at the latest.
    wakes_at: Option<u64>,
    /// By number.
    watchers: BTreeMap<u64, Watcher>,
    /// How many of them wait.
    waits: usize,
    next_watcher: u64,
}

/// Who is told of what changes.
struct Watcher {
    purpose: Purpose,
    /// The number of a change before which it has read and dropped all.
    next: u64,
    /// If it sleeps.
    sleeper: Option<Sleeper>,
}

struct Sleeper {
    waker: Waker,
    /// With which number of the next change it is to be woken.
    wakes_at: u64,
}

/// When a watcher that sleeps is to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// With the next change.
    Next,
    /// When a batch has come. It looks by itself before long.
    Batch,
}

/// What somebody watches for. Each has a bound of its own, so that who waits takes nobody's watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To know of every change.
    Watch,
    /// To wait for one.
    Wait,
}

/// What a watcher found.
pub(crate) enum Found {
    /// Changes, oldest first, and the number of the one after them.
    Changes(Vec<Change>, u64),
    /// So many were thrown away before they were read.
    Lagged(u64),
    /// None.
    Nothing,
}

/// Changes that a watcher copies at a time.
const COPIED_MAX: usize = 64;
/// Changes for which a watcher that rests is woken, if the ring has room for some times as many.
const BATCH: usize = 128;
/// Changes between two looks of the writer for some that all have read.
const TRIMMED_MIN: usize = 64;

impl Ring {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { is_watched: AtomicBool::new(false), bounds, state: Mutex::default() }
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Acquire)
    }

    /// Adds a watcher unless there are `len_max` with this purpose; returns its number and that of the change it
    /// will see first. With the writer's lock, so that this is the first one after the revision that stands.
    pub(crate) fn enter(&self, purpose: Purpose, len_max: usize) -> Option<(u64, u64)> {
        let mut state = self.state.lock();
        let len = match purpose {
            Purpose::Watch => state.watchers.len() - state.waits,
            Purpose::Wait => state.waits,
        };
        if len >= len_max {
            return None;
        }
        state.waits += usize::from(purpose == Purpose::Wait);
        let watcher = state.next_watcher;
        state.next_watcher += 1;
        let next = state.next();
        state.watchers.insert(watcher, Watcher { purpose, next, sleeper: None });
        self.is_watched.store(true, Ordering::Release);
        Some((watcher, next))
    }

    /// Takes a watcher out, and the changes if it was the last one.
    pub(crate) fn leave(&self, watcher: u64) {
        let mut state = self.state.lock();
        let left = state.watchers.remove(&watcher);
        if left.as_ref().is_some_and(|left| left.purpose == Purpose::Wait) {
            state.waits -= 1;
        }
        let mut unread = VecDeque::new();
        if state.watchers.is_empty() {
            self.is_watched.store(false, Ordering::Release);
            state.first = state.next();
            unread = std::mem::take(&mut state.changes);
            state.bytes = 0;
        }
        drop(state);
        drop((left, unread));
    }

    /// Adds the changes of a commit, and tells whether somebody is to be woken. In the order of commits: with the
    /// writer's lock.
    pub(crate) fn push(&self, changes: impl IntoIterator<Item = Change>) -> bool {
        let mut dropped = SmallVec::<[Change; 2]>::new();
        let mut state = self.state.lock();
        if state.watchers.is_empty() {
            return false;
        }
        for change in changes {
            if fault::planted("registry_watch_gap") && change.revision.is_multiple_of(16) {
                continue;
            }
            state.bytes += change.bytes;
            // The newest change is kept whatever the bounds are.
            while state.changes.len() >= self.bounds.changes_max.max(1)
                || (state.bytes > self.bounds.change_bytes_max && !state.changes.is_empty())
            {
                dropped.extend(state.drop_oldest());
            }
            state.changes.push_back(change);
        }
        if state.next() >= state.trims_at && !fault::planted("registry_read_changes_kept") {
            state.trim(&mut dropped);
        }
        let is_heard = state.wakes_at.is_some_and(self.is_due(&state));
        drop(state);
        drop(dropped);
        is_heard
    }

    /// Whether who wakes at a number is to be woken: so many changes have come, or what stood before them is heavy.
    fn is_due(&self, state: &State) -> impl Fn(u64) -> bool + use<> {
        let is_heavy = state.bytes > self.bounds.change_bytes_max / 2
            && !fault::planted("registry_rest_ignores_weight");
        let next = state.next();
        move |wakes_at| is_heavy || wakes_at <= next
    }

    /// Takes out whom to wake.
    pub(crate) fn sleepers(&self) -> Vec<Waker> {
        let mut state = self.state.lock();
        let is_due = self.is_due(&state);
        let sleeping = state.watchers.values_mut().map(|watcher| &mut watcher.sleeper);
        let due = sleeping.filter_map(|place| place.take_if(|sleeper| is_due(sleeper.wakes_at)));
        let wakers = due.map(|sleeper| sleeper.waker).collect();
        let left = state.watchers.values().filter_map(|watcher| watcher.sleeper.as_ref());
        state.wakes_at = left.map(|sleeper| sleeper.wakes_at).min();
        wakers
    }

    /// Loses all changes and one more, so that whoever watches is told that some are missing.
    pub(super) fn lose_all(&self) {
        let mut state = self.state.lock();
        state.first = state.next() + 1;
        let lost = std::mem::take(&mut state.changes);
        state.bytes = 0;
        for watcher in state.watchers.values_mut() {
            if let Some(sleeper) = &mut watcher.sleeper {
                sleeper.wakes_at = 0;
            }
        }
        drop(state);
        drop(lost);
    }

    /// What a watcher has not read yet, from the change with the number `next`.
    pub(crate) fn read(&self, watcher: u64, next: u64) -> Found {
        let mut state = self.state.lock();
        if next < state.first {
            return Found::Lagged(state.first - next);
        }
        // What it copied before is used up by now, so dropping that here leaves no last reference to the watcher.
        if let Some(watcher) = state.watchers.get_mut(&watcher) {
            watcher.next = next;
        }
        let skipped = usize::try_from(next - state.first).unwrap_or(usize::MAX);
        let unread = state.changes.iter().skip(skipped);
        let changes: Vec<_> = unread.take(COPIED_MAX).cloned().collect();
        let next = next + changes.len() as u64;
        if changes.is_empty() { Found::Nothing } else { Found::Changes(changes, next) }
    }

    /// Has a watcher woken that has read everything before `next`; false if there is more to read.
    pub(crate) fn sleep(&self, watcher: u64, next: u64, waker: &Waker, wake: Wake) -> bool {
        // A stranger's code, so before the lock.
        let waker = waker.clone();
        let mut state = self.state.lock();
        if next != state.next() {
            return false;
        }
        let wakes_at = next + self.batch(wake);
        state.wakes_at = Some(state.wakes_at.map_or(wakes_at, |other| other.min(wakes_at)));
        let sleeper = Sleeper { waker, wakes_at };
        let stale = state.watchers.get_mut(&watcher).and_then(|watcher| {
            watcher.next = next;
            watcher.sleeper.replace(sleeper)
        });
        drop(state);
        drop(stale);
        true
    }

    /// For how many changes a watcher is woken.
    fn batch(&self, wake: Wake) -> u64 {
        match wake {
            Wake::Next => 1,
            Wake::Batch => BATCH.min(self.bounds.changes_max / 4).max(1) as u64,
        }
    }

    /// The number of the next change.
    pub(crate) fn next(&self) -> u64 {
        self.state.lock().next()
    }

    /// How many watch.
    pub(crate) fn watchers(&self) -> usize {
        self.state.lock().watchers.len()
    }
}

impl State {
    /// Drops what all have read.
    fn trim(&mut self, dropped: &mut impl Extend<Change>) {
        let read = self.watchers.values().map(|watcher| watcher.next);
        let next =
            if fault::planted("registry_unread_changes_dropped") { read.max() } else { read.min() };
        let next = next.unwrap_or(0);
        while self.first < next {
            let Some(change) = self.drop_oldest() else { break };
            dropped.extend([change]);
        }
        // So that the look, which costs as much as there are watchers, is paid by as many changes.
        self.trims_at = self.next() + self.watchers.len().max(TRIMMED_MIN) as u64;
    }

    fn drop_oldest(&mut self) -> Option<Change> {
        let change = self.changes.pop_front()?;
        self.bytes -= change.bytes;
        self.first += 1;
        Some(change)
    }

    /// The number of the next change.
    fn next(&self) -> u64 {
        self.first + self.changes.len() as u64
    }
}

#[cfg(test)]
mod tests;
