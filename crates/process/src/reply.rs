//! Reply ports: the way back from a call.
//!
//! A port is a movable value. Sending through it answers the call. Dropping it unanswered fails
//! the call at once, with one delay: a port dropped while a process is being polled fails only
//! when that poll is over and the process lives on, or when the process is Dead. Otherwise a
//! caller could learn of a death before the names of the dead are free.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};

use foundation_env::fault;
use foundation_env::sync::Mutex;
// Without weak counts: the last of the two ends owns the slot by looking, where std's type takes three atomic
// operations.
use triomphe::Arc;

use crate::current;
use crate::deadlock::{self, Shown};

enum SlotState<T> {
    Waiting,
    Answered(T),
    /// The port was dropped unanswered.
    Dropped,
    /// The caller took the answer or gave up.
    Closed,
}

impl<T> SlotState<T> {
    fn into_outcome(self) -> Result<T, NoAnswer> {
        match self {
            Self::Answered(value) => Ok(value),
            _ => Err(NoAnswer),
        }
    }
}

struct SlotInner<T> {
    state: SlotState<T>,
    waker: Option<Waker>,
    /// The wait of the calling process, which an answer hides.
    caller: Option<Shown>,
}

struct Slot<T> {
    inner: Mutex<SlotInner<T>>,
}

impl<T> Slot<T> {
    /// Leaves the waiting state; returns the outcome back when nobody waits any more.
    fn settle(slot: Arc<Self>, outcome: SlotState<T>) -> Option<SlotState<T>> {
        let (waker, caller) = {
            let mut inner = slot.inner.lock();
            if !matches!(inner.state, SlotState::Waiting) {
                return Some(outcome);
            }
            inner.state = outcome;
            let caller = inner.caller.take();
            if let Some(caller) = &caller
                && !fault::planted("answer_leaves_wait_word")
            {
                // Under the lock: once it is released the caller may take the outcome and enter
                // another wait for the same process, which this must not hide.
                caller.hide();
            }
            (inner.waker.take(), caller)
        };
        // Before the caller wakes: it then has the slot for itself.
        drop(slot);
        drop(caller);
        if let Some(waker) = waker {
            current::wake(waker);
        }
        None
    }
}

/// A port that was dropped unanswered and whose caller has not been told yet.
pub(crate) trait Abandoned: Send {
    fn fail(self: Box<Self>);
}

/// The slot of such a port.
struct Unanswered<T>(Arc<Slot<T>>);

impl<T: Send> Abandoned for Unanswered<T> {
    fn fail(self: Box<Self>) {
        drop(Slot::settle(self.0, SlotState::Dropped));
    }
}

/// The way back to a caller: answer with [`Reply::send`].
///
/// May be stored, moved to another process and answered later. Dropped unanswered it fails the
/// call, with `NoReply` or, if the called process died, with its exit reason.
#[must_use = "dropping a reply port fails the call"]
pub struct Reply<T: Send + 'static> {
    slot: Option<Arc<Slot<T>>>,
}

/// The caller's end.
pub(crate) struct Answer<T: Send + 'static> {
    /// None once the outcome was taken.
    slot: Option<Arc<Slot<T>>>,
}

// Neither pins what it carries.
impl<T: Send + 'static> Unpin for Reply<T> {}
impl<T: Send + 'static> Unpin for Answer<T> {}

/// The port was dropped unanswered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

pub(crate) fn channel<T: Send + 'static>() -> (Reply<T>, Answer<T>) {
    channel_waking(None)
}

/// A channel whose answer already knows whom to wake.
pub(crate) fn channel_waking<T: Send + 'static>(waker: Option<Waker>) -> (Reply<T>, Answer<T>) {
    let slot = Arc::new(Slot {
        inner: Mutex::new(SlotInner { state: SlotState::Waiting, waker, caller: None }),
    });
    (Reply { slot: Some(Arc::clone(&slot)) }, Answer { slot: Some(slot) })
}

impl<T: Send + 'static> Reply<T> {
    /// Answers the call. When the caller no longer waits the value is dropped.
    pub fn send(self, value: T) {
        drop(self.try_send(value).err());
    }

    /// Answers the call, or says that nobody waits.
    ///
    /// # Errors
    ///
    /// Gives the value back when the caller no longer waits (its deadline passed or it was
    /// cancelled).
    pub fn try_send(mut self, value: T) -> Result<(), T> {
        let Some(slot) = self.slot.take() else { return Err(value) };
        match Slot::settle(slot, SlotState::Answered(value)) {
            Some(SlotState::Answered(value)) => Err(value),
            _ => Ok(()),
        }
    }

    /// Whether the caller has stopped waiting, so that working on the answer is wasted.
    pub fn is_abandoned(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| !matches!(slot.inner.lock().state, SlotState::Waiting))
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            current::bury(Box::new(Unanswered(slot)));
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("abandoned", &self.is_abandoned()).finish()
    }
}

impl<T: Send + 'static> Answer<T> {
    /// Enters the wait that the answer is to hide, or takes it back. Returns false, and hides it, when the
    /// answer is already there.
    pub(crate) fn enlist(&self, shown: Option<Shown>) -> bool {
        let Some(slot) = &self.slot else {
            shown.as_ref().map(Shown::hide);
            return false;
        };
        let mut inner = slot.inner.lock();
        let waits = matches!(inner.state, SlotState::Waiting);
        let before = deadlock::enter(&mut inner.caller, shown);
        let over = if waits { None } else { deadlock::enter(&mut inner.caller, None) };
        drop(inner);
        drop((before, over));
        waits
    }
}

impl<T: Send + 'static> Future for Answer<T> {
    type Output = Result<T, NoAnswer>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(slot) = this.slot.take() else { return Poll::Ready(Err(NoAnswer)) };
        match Arc::try_unwrap(slot) {
            Ok(slot) => Poll::Ready(slot.inner.into_inner().state.into_outcome()),
            Err(slot) => this.poll_shared(slot, cx),
        }
    }
}

impl<T: Send + 'static> Answer<T> {
    /// While the other end has the slot too.
    fn poll_shared(
        &mut self,
        slot: Arc<Slot<T>>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Result<T, NoAnswer>> {
        let mut inner = slot.inner.lock();
        if !matches!(inner.state, SlotState::Waiting) {
            let state = std::mem::replace(&mut inner.state, SlotState::Closed);
            return Poll::Ready(state.into_outcome());
        }
        let stale = match &inner.waker {
            Some(kept) if kept.will_wake(cx.waker()) => None,
            _ => inner.waker.replace(cx.waker().clone()),
        };
        drop(inner);
        drop(stale);
        self.slot = Some(slot);
        Poll::Pending
    }
}

impl<T: Send + 'static> Drop for Answer<T> {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let mut inner = slot.inner.lock();
        let state = std::mem::replace(&mut inner.state, SlotState::Closed);
        let (waker, caller) = (inner.waker.take(), inner.caller.take());
        let hidden = caller.as_ref().is_some_and(Shown::hide);
        drop(inner);
        if let Some(waker) = waker.filter(|_| hidden) {
            waker.wake();
        }
        drop((state, caller));
    }
}

#[cfg(test)]
mod tests;
