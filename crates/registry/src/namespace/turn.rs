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
//! Each serves a bounded number and hands the rest to a task of its own ([`Request::carrier`]), so that a death
//! or a small change does not pay for a storm.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use foundation_env::fault;
use foundation_env::sync::atomic::{AtomicBool, Ordering, fence};
use foundation_env::sync::{Mutex, TimedMutexGuard};

use super::commit::{Commit, Published};
use super::{Aftermath, Namespace, Writer};
use crate::patience::{Busy, Patience};
use crate::revision::Revision;

/// Requests served in one turn: it is about as long as that of a batch a person would write.
const SERVED_MAX: usize = 32;

/// The writer's turn.
pub(crate) struct Turn<'a> {
    writer: WriterGuard<'a>,
    /// Dropped after the guard.
    pub(super) end: TurnEnd<'a>,
}

/// The lock of the writer. Whoever crashes holding it builds the namespace anew before he lets it go.
pub(crate) struct WriterGuard<'a> {
    namespace: &'a Namespace,
    writer: TimedMutexGuard<'a, Writer>,
    /// It was taken by a drop during somebody else's panic.
    was_panicking: bool,
}

/// What is to be done when the turn was let go: on drop, tells of a rebuild and serves those who are queued. No lock
/// may be held then, since their wakers are strangers' code.
#[must_use = "dropping it serves the queue"]
pub(crate) struct TurnEnd<'a> {
    namespace: &'a Namespace,
    serves: bool,
    aftermath: Option<Box<Aftermath>>,
}

/// Something that waits for the turn without a thread.
pub(crate) trait Request: Send {
    /// Makes the change, in the turn.
    fn decide(&mut self, commit: &mut Commit<'_>);

    /// Does what follows a commit. Nothing is locked.
    fn finish(&self, published: Published) -> Revision;

    /// Tells who made it. Nothing is locked.
    fn answer(self: Box<Self>, revision: Revision);

    /// Returns what has [`Namespace::serve_some`] called until it returns false, on another thread or later.
    fn carrier(&self) -> Box<dyn FnOnce()>;
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

    /// Takes out the oldest one; for who has the turn.
    fn take(&self) -> Option<Box<dyn Request>> {
        let mut queue = self.queue.lock();
        let taken = queue.pop_front();
        self.waits.store(!queue.is_empty(), Ordering::Release);
        taken
    }

    fn carrier(&self) -> Option<Box<dyn FnOnce()>> {
        self.queue.lock().front().map(|first| first.carrier())
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
        self.begin_turn(self.writer.lock())
    }

    /// Waits for the turn as long as there is patience.
    #[inline]
    pub(crate) fn turn_within(&self, patience: &mut Patience<'_>) -> Result<Turn<'_>, Busy> {
        Ok(self.begin_turn(patience.lock(&self.writer, &self.label)?))
    }

    /// Takes the turn if nobody has it and nobody is queued for it, so that requests are served in order.
    pub(crate) fn turn_now(&self) -> Option<Turn<'_>> {
        if self.requests.wait() {
            return None;
        }
        Some(self.begin_turn(self.writer.try_lock()?))
    }

    /// Takes the turn if nobody has it. Whoever asks for it so serves those who are queued himself.
    pub(super) fn try_turn(&self) -> Option<Turn<'_>> {
        let mut turn = self.begin_turn(self.writer.try_lock()?);
        turn.end.serves = false;
        Some(turn)
    }

    #[inline]
    fn begin_turn<'a>(&'a self, writer: TimedMutexGuard<'a, Writer>) -> Turn<'a> {
        let was_panicking = thread::panicking();
        let mut writer = WriterGuard { namespace: self, writer, was_panicking };
        if writer.is_torn && !fault::planted("registry_second_crash_kept") {
            // Building it anew was tried, and crashed too.
            self.mend(&mut writer);
        }
        let aftermath = writer.aftermath.take();
        Turn { writer, end: TurnEnd { namespace: self, serves: true, aftermath } }
    }

    #[cold]
    fn mend(&self, writer: &mut Writer) {
        if !fault::planted("registry_torn_goes_on") {
            writer.aftermath = Some(Box::new(self.rebuild(writer)));
        }
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

    /// For who has let the turn go, or queued something: does what was left to whoever has the turn, some of it. No
    /// lock may be held, since those who wait have wakers, which are strangers' code.
    #[inline]
    pub(crate) fn serve(&self) {
        // SeqCst: between letting a turn go, or queueing, and the look at the other; see the module text.
        fence(Ordering::SeqCst);
        if self.requests.wait() || self.is_waiting() {
            self.contained(|| self.settle_up());
        }
    }

    /// Runs what is not the caller's business, so a crash in it is none either; and if he is panicking himself, a second
    /// panic would be the end of everything. Tells of a rebuild then, and has those served who are still queued.
    #[cold]
    pub(super) fn contained(&self, f: impl FnOnce()) {
        let done = catch_unwind(AssertUnwindSafe(f));
        if done.is_ok() && !thread::panicking() {
            return;
        }
        drop(catch_unwind(AssertUnwindSafe(|| {
            let aftermath = self.writer.try_lock().and_then(|mut writer| writer.aftermath.take());
            self.report(aftermath);
            self.hand_on();
        })));
    }

    /// Takes back what was abandoned and serves those who are queued, some of them.
    pub(super) fn settle_up(&self) {
        self.reclaim_abandoned();
        if self.requests.wait() {
            let are_handed_on = self.serve_some(true);
            // Another one may have met the turn of this step.
            if self.reclaim_abandoned() && !are_handed_on && self.requests.wait() {
                self.hand_on();
            }
        }
    }

    fn hand_on(&self) {
        if let Some(carry_on) = self.requests.carrier() {
            carry_on();
        }
    }

    fn report(&self, aftermath: Option<Box<Aftermath>>) {
        if let (Some(aftermath), Some(keeper)) = (aftermath, &self.keeper) {
            keeper.report(self, *aftermath);
        }
    }

    /// Serves some, and tells whether there are more; if `hands_on`, has those served by somebody else.
    #[cold]
    pub(crate) fn serve_some(&self, hands_on: bool) -> bool {
        loop {
            // SeqCst: between finding a request and finding the turn taken; see the module text.
            fence(Ordering::SeqCst);
            let Some(turn) = self.try_turn() else { return false };
            let mut commit = Commit::new(self, turn);
            // One after the other: should one crash, those behind it are still queued.
            let mut served = Vec::new();
            while let Some(mut request) = self.requests.take() {
                request.decide(&mut commit);
                served.push(request);
                if served.len() >= SERVED_MAX {
                    break;
                }
            }
            let published = commit.publish();
            // SeqCst: as in `serve`.
            fence(Ordering::SeqCst);
            let is_more = self.requests.wait();
            if is_more && hands_on {
                self.hand_on();
            }
            let Some(first) = served.first() else {
                if is_more && !hands_on {
                    continue;
                }
                return is_more;
            };
            let revision = first.finish(published);
            for request in served {
                request.answer(revision);
            }
            return is_more;
        }
    }
}

impl<'a> Turn<'a> {
    /// Splits it, for who lets it go while other locks are held.
    pub(crate) fn split(self) -> (WriterGuard<'a>, TurnEnd<'a>) {
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

impl Deref for WriterGuard<'_> {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        &self.writer
    }
}

impl DerefMut for WriterGuard<'_> {
    fn deref_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

impl Drop for WriterGuard<'_> {
    fn drop(&mut self) {
        let has_crashed = thread::panicking() && !self.was_panicking;
        if has_crashed || self.writer.is_changing {
            self.writer.is_torn = true;
            let Self { namespace, writer, .. } = self;
            // A second panic must not get out, or it would be the end of everything. Whoever has the next turn tries
            // again.
            drop(catch_unwind(AssertUnwindSafe(|| namespace.mend(writer))));
        }
    }
}

impl Drop for TurnEnd<'_> {
    fn drop(&mut self) {
        let aftermath = self.aftermath.take();
        if aftermath.is_some() {
            drop(catch_unwind(AssertUnwindSafe(|| self.namespace.report(aftermath))));
        }
        if !self.serves {
            return;
        }
        if thread::panicking() {
            self.namespace.contained(|| self.namespace.settle_up());
        } else {
            self.namespace.serve();
        }
    }
}
