//! What has changed, for those who watch.
//!
//! The ring is kept only while somebody watches. It has a bounded number of changes; who is too slow for
//! that is told so. It has a lock of its own, taken by the writer for each commit and by watchers who copy
//! some changes out, so that a watcher never holds up the writer for longer than that.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicBool, Ordering};
use foundation_types::ExitReason;

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
}

/// The newest changes of a namespace.
pub(crate) struct Ring {
    /// Somebody watches. Set with the writer's lock; a commit that misses its end finds no watcher.
    is_watched: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    changes: VecDeque<Change>,
    /// What stood before them carries: what stands since is kept by the namespace, or stood before a later one.
    bytes: usize,
    /// The number of the oldest change in the ring.
    first: u64,
    /// By number.
    watchers: BTreeMap<u64, Watcher>,
    /// How many of them wait.
    waits: usize,
    next_watcher: u64,
}

/// Who is told of what changes.
struct Watcher {
    purpose: Purpose,
    /// If it sleeps.
    waker: Option<Waker>,
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
    /// None; the waker is in place.
    Nothing,
}

/// Changes that a watcher copies at a time.
const COPIED_MAX: usize = 64;

impl Ring {
    pub(crate) fn new() -> Self {
        Self { is_watched: AtomicBool::new(false), state: Mutex::default() }
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
        state.watchers.insert(watcher, Watcher { purpose, waker: None });
        self.is_watched.store(true, Ordering::Release);
        Some((watcher, state.next()))
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

    /// Adds the changes of a commit. In the order of commits: with the writer's lock.
    pub(crate) fn push(&self, changes: impl IntoIterator<Item = Change>, bounds: &Bounds) {
        let mut dropped = Vec::new();
        let mut state = self.state.lock();
        if state.watchers.is_empty() {
            return;
        }
        for change in changes {
            if fault::planted("registry_watch_gap") && change.revision.is_multiple_of(16) {
                continue;
            }
            state.bytes += change.bytes();
            // The newest change is kept whatever the bounds are.
            while state.changes.len() >= bounds.changes_max.max(1)
                || (state.bytes > bounds.change_bytes_max && !state.changes.is_empty())
            {
                dropped.extend(state.drop_oldest());
            }
            state.changes.push_back(change);
        }
        drop(state);
        drop(dropped);
    }

    /// Takes out whom to wake.
    pub(crate) fn sleepers(&self) -> Vec<Waker> {
        let mut state = self.state.lock();
        state.watchers.values_mut().filter_map(|watcher| watcher.waker.take()).collect()
    }

    /// Loses all changes and one more, so that whoever watches is told that some are missing.
    pub(super) fn lose_all(&self) {
        let mut state = self.state.lock();
        state.first = state.next() + 1;
        let lost = std::mem::take(&mut state.changes);
        state.bytes = 0;
        drop(state);
        drop(lost);
    }

    /// What a watcher has not read yet, from the change with the number `next`.
    pub(crate) fn read(&self, watcher: u64, next: u64, waker: &Waker) -> Found {
        // A stranger's code, so before the lock.
        let waker = waker.clone();
        let mut state = self.state.lock();
        if next < state.first {
            return Found::Lagged(state.first - next);
        }
        let skipped = usize::try_from(next - state.first).unwrap_or(usize::MAX);
        let changes: Vec<_> =
            state.changes.iter().skip(skipped).take(COPIED_MAX).cloned().collect();
        if changes.is_empty() {
            let stale = state.watchers.get_mut(&watcher).and_then(|kept| kept.waker.replace(waker));
            drop(state);
            drop(stale);
            return Found::Nothing;
        }
        let next = next + changes.len() as u64;
        Found::Changes(changes, next)
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

impl Change {
    /// What stood before carries.
    fn bytes(&self) -> usize {
        self.before.as_ref().map_or(0, |before| before.entry.bytes())
    }
}

impl State {
    fn drop_oldest(&mut self) -> Option<Change> {
        let change = self.changes.pop_front()?;
        self.bytes -= change.bytes();
        self.first += 1;
        Some(change)
    }

    /// The number of the next change.
    fn next(&self) -> u64 {
        self.first + self.changes.len() as u64
    }
}
