//! The writer's turn, and those who do not wait for it.
//!
//! Whoever changes something waits for the turn, most of them for a bounded time. A [`Request`] does not wait:
//! it is queued, and whoever lets a turn go serves the queue.
//!
//! # Why no request is left behind
//!
//! It is queued, then its maker tries to take the turn, and serves the queue if it gets it. If not, somebody had
//! it at that moment. Whoever has the turn looks at the queue after letting it go. Between its two steps either
//! side has a sequentially consistent fence, so either the maker finds the turn free, or the other finds the
//! request. One who finds it, and the turn taken again, leaves it to the one who has that, for the same reason.
//!
//! Each serves a bounded number and hands the rest to a task of its own ([`Request::carry_on`]), so that a death
//! or a small change does not pay for a storm.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use foundation_env::fault;
use foundation_env::sync::atomic::{AtomicBool, Ordering, fence};
use foundation_env::sync::{Mutex, TimedMutexGuard};

use super::commit::{Commit, Published};
use super::{Namespace, Writer};
use crate::patience::{Busy, Patience};
use crate::revision::Revision;

/// Requests served in one turn: it is about as long as that of a batch a person would write.
const SERVED_MAX: usize = 32;

/// The writer's turn.
pub(crate) struct Turn<'a> {
    writer: TimedMutexGuard<'a, Writer>,
    /// Dropped after the guard.
    pub(super) end: TurnEnd<'a>,
}

/// What is to be done when the turn was let go: on drop, serves those who are queued. No lock may be held then,
/// since their wakers are strangers' code.
#[must_use = "dropping it serves the queue"]
pub(crate) struct TurnEnd<'a>(Option<&'a Namespace>);

/// Something that waits for the turn without a thread.
pub(crate) trait Request: Send {
    /// Makes the change, in the turn.
    fn decide(&mut self, commit: &mut Commit<'_>);

    /// Does what follows a commit. Nothing is locked.
    fn finish(&self, published: Published) -> Revision;

    /// Tells who made it. Nothing is locked.
    fn answer(self: Box<Self>, revision: Revision);

    /// Has [`Namespace::serve_some`] called until it returns false, on another thread or later.
    fn carry_on(&self);
}

/// The queue.
pub(super) struct Requests {
    /// Whether there are any.
    waits: AtomicBool,
    queue: Mutex<VecDeque<Box<dyn Request>>>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { waits: AtomicBool::new(false), queue: Mutex::new(VecDeque::new()) }
    }

    fn push(&self, request: Box<dyn Request>, len_max: usize) -> Result<(), Box<dyn Request>> {
        let mut queue = self.queue.lock();
        if queue.len() >= len_max {
            return Err(request);
        }
        queue.push_back(request);
        self.waits.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes out the oldest ones; for who has the turn.
    fn take(&self) -> Vec<Box<dyn Request>> {
        let mut queue = self.queue.lock();
        let len = queue.len().min(SERVED_MAX);
        let taken = queue.drain(..len).collect();
        self.waits.store(!queue.is_empty(), Ordering::Release);
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.queue.lock().len()
    }

    fn wait(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }
}

impl Namespace {
    /// Waits for the turn, however long it takes: for those who cannot be refused.
    pub(crate) fn turn(&self) -> Turn<'_> {
        Turn { writer: self.writer.lock(), end: TurnEnd(Some(self)) }
    }

    /// Waits for the turn as long as there is patience.
    #[inline]
    pub(crate) fn turn_within(&self, patience: &mut Patience<'_>) -> Result<Turn<'_>, Busy> {
        let writer = patience.lock(&self.writer, &self.label)?;
        Ok(Turn { writer, end: TurnEnd(Some(self)) })
    }

    /// Takes the turn if nobody has it and nobody is queued for it, so that requests are served in order.
    pub(crate) fn turn_now(&self) -> Option<Turn<'_>> {
        if self.requests.wait() {
            return None;
        }
        Some(Turn { writer: self.writer.try_lock()?, end: TurnEnd(Some(self)) })
    }

    /// Queues a request, and serves it if the turn is free. Returns it if there are `len_max` already.
    pub(crate) fn request(
        &self,
        request: Box<dyn Request>,
        len_max: usize,
    ) -> Result<(), Box<dyn Request>> {
        self.requests.push(request, len_max)?;
        if !fault::planted("registry_request_left_behind") {
            self.serve();
        }
        Ok(())
    }

    /// Serves those who are queued, some of them, unless somebody has the turn, who will do so.
    #[inline]
    pub(crate) fn serve(&self) {
        // SeqCst: between letting a turn go, or queueing, and the look at the other; see the module text.
        fence(Ordering::SeqCst);
        if self.requests.wait() {
            self.serve_some(true);
        }
    }

    /// Serves some, and tells whether there are more; if `hands_on`, has those served by somebody else.
    #[cold]
    pub(crate) fn serve_some(&self, hands_on: bool) -> bool {
        loop {
            // SeqCst: between finding a request and finding the turn taken; see the module text.
            fence(Ordering::SeqCst);
            let Some(writer) = self.writer.try_lock() else { return false };
            let mut served = self.requests.take();
            let mut commit = Commit::new(self, Turn { writer, end: TurnEnd(None) });
            for request in &mut served {
                request.decide(&mut commit);
            }
            let published = commit.publish();
            // SeqCst: as in `serve`.
            fence(Ordering::SeqCst);
            let is_more = self.requests.wait();
            if let Some(first) = served.first() {
                if is_more && hands_on {
                    first.carry_on();
                }
                let revision = first.finish(published);
                for request in served {
                    request.answer(revision);
                }
                return is_more;
            }
            if !is_more {
                return false;
            }
        }
    }
}

impl<'a> Turn<'a> {
    /// Splits it, for who lets it go while other locks are held.
    pub(crate) fn split(self) -> (TimedMutexGuard<'a, Writer>, TurnEnd<'a>) {
        (self.writer, self.end)
    }
}

impl Deref for Turn<'_> {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        &self.writer
    }
}

impl DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

impl Drop for TurnEnd<'_> {
    fn drop(&mut self) {
        if let Some(namespace) = self.0 {
            namespace.serve();
        }
    }
}
