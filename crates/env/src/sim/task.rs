//! A simulated task and its waker.

use super::BoxFuture;
use super::executor::Shared;
use super::ready::Slot;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// What is kept of a task between two polls.
pub(super) struct Task {
    pub(super) id: u64,
    /// The type of the future: the only name a spawned future has.
    pub(super) name: &'static str,
    /// The future and its waker; away while the task is being polled and for the main task.
    pub(super) parked: Option<(BoxFuture, Waker)>,
    pub(super) signal: Arc<Signal>,
    /// Whether the ready set holds the slot. Unlike the signal's flag it changes only under the lock.
    pub(super) in_ready: bool,
}

/// The waker's side of a task.
pub(super) struct Signal {
    shared: Arc<Shared>,
    slot: Slot,
    id: u64,
    /// Whether the task stands in the ready set. Set by the waker that puts it there, cleared just before
    /// the poll, so a wake during the poll queues it again and none is lost.
    queued: AtomicBool,
}

impl Signal {
    /// Creates the signal of a task that its creator puts into the ready set.
    pub(super) fn queued(shared: Arc<Shared>, slot: Slot, id: u64) -> Self {
        Self { shared, slot, id, queued: AtomicBool::new(true) }
    }

    /// Says that the task was taken from the ready set and is about to be polled.
    pub(super) fn clear(&self) {
        // AcqRel as in `wake`: what the last waker wrote is seen by the poll, also from another thread.
        self.queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.shared.make_ready(self.slot, self.id);
        }
    }
}

/// A task taken out of the table to be polled.
pub(super) struct Running {
    pub(super) slot: Slot,
    pub(super) id: u64,
    pub(super) future: BoxFuture,
    pub(super) waker: Waker,
}

impl Running {
    /// Polls the task once and puts it back, or removes it if it has ended or panics.
    pub(super) fn poll(self, shared: &Shared) {
        // Declared first, so dropped last: a task counts as live until its future has been dropped.
        let mut entry = Entry { shared, slot: self.slot, id: self.id, ended: true };
        let Self { slot, id, mut future, waker } = self;
        // No lock is held: the future may spawn, wake, draw and drop whatever it likes.
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            entry.ended = false;
            shared.park(slot, id, future, waker);
        }
    }
}

/// The table entry of the task being polled; removed on every way out but one, a panic included.
struct Entry<'a> {
    shared: &'a Shared,
    slot: Slot,
    id: u64,
    ended: bool,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if self.ended {
            self.shared.remove(self.slot, self.id);
        }
    }
}
