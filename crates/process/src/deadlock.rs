//! Finding cycles of processes that wait for each other.
//!
//! Each process has one word, `waiting_on`: the process that its own handler waits for in a send
//! or a call, and whether that wait has a deadline. The word is written after the first pending
//! poll, so calls that are answered at once never touch it. Then the chain of words is followed,
//! at most [`DEPTH`] steps. Of the waits that make up a cycle the last to be entered sees all the
//! others: each writes its word, passes a fence, and then reads those of the others; the fences have
//! one total order.
//!
//! # Who writes the word
//!
//! Only the process itself puts a wait there, while it is being polled. What it put there is cleared
//! once, and only if it still stands: by whoever answers the call, grants the room or abandons the wait,
//! under the lock of the place where the wait is entered ([`enter`]). So a wait that is over does not
//! count, even if its process has not run yet, and the end of one wait leaves the word of another alone.
//! When a handler returns the process clears the word whatever it says, since the future of a wait
//! may have been put aside and may live on.
//!
//! Of several waits of one handler at the same time one is shown: the newest, until it is over.
//! Whoever clears a word also wakes the handler, and of the other waits the first to be polled then
//! finds the word clear, shows itself and looks for a cycle.
//!
//! # What this does not see
//!
//! * A cycle through a wait that is not the one shown. A set that polls only what was woken leaves the
//!   word clear, when the shown wait is over, until another of its waits is woken. Two waits for
//!   the same process have the same word, and when one ends the other is hidden until it is polled.
//! * Who will answer, when the process that was called has handed the reply port on. The call counts
//!   as a wait for the process that was called.
//! * Who holds the room that a sender waits for: a [`Permit`](crate::Permit), or a broadcast to all or
//!   none that has its place and waits for others. The sender counts as one that waits for the
//!   mailbox's process, and a cycle through the holder is not found.
//! * That a handler needs only one of its waits, or goes on without them: a wait counts from its first
//!   poll, until it is over, is dropped or polled outside the process, or the handler returns.
//! * Waits for an `init`, a death or an operator's question, waits that a handler has a task do for it,
//!   and waits for a process of another system.
//!
//! # A chain is no moment
//!
//! The words of a chain are read one after the other, so a chain may consist of waits that never
//! stood at the same time. Therefore the words of a cycle are read a second time, backwards.
//!
//! If no wait in the cycle has a deadline, the wait that closed it fails; otherwise the cycle ends
//! by itself and is only reported.

use std::num::NonZeroU32;
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::atomic::{Ordering, fence};
use foundation_types::{NodeId, Pid};

use crate::record::AnyRecord;

/// Longer chains are not followed: a call graph that deep is a bug of another kind.
const DEPTH: usize = 64;

/// A wait that others can see. It has no `Drop`: it is hidden once, under the lock of the place where
/// it is entered, and its record is let go without that lock.
#[must_use = "it is to be hidden when the wait is over"]
pub(crate) struct Shown {
    process: Arc<dyn AnyRecord>,
    word: u64,
}

impl Shown {
    /// Clears the word, unless another wait stands there by now. Returns whether it did; then the
    /// process must be woken.
    pub(crate) fn hide(&self) -> bool {
        // Pairs with the acquire in `find`.
        let word = &self.process.own().waiting_on;
        word.compare_exchange(self.word, 0, Ordering::Release, Ordering::Relaxed).is_ok()
    }
}

/// Enters in `place`, where the other side finds it, the wait that it is to hide; none hides the one that
/// is there. Under the lock of the place; the caller drops what it gets without the lock.
pub(crate) fn enter(place: &mut Option<Shown>, shown: Option<Shown>) -> Option<Shown> {
    if shown.is_none()
        && let Some(before) = place
    {
        before.hide();
    }
    std::mem::replace(place, shown)
}

/// A cycle of waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cycle {
    /// From the process that closed the cycle back to itself.
    pub(crate) path: Vec<Pid>,
    /// No wait in it has a deadline.
    pub(crate) endless: bool,
}

/// Shows that `process` waits for `target`; not if that is in another system, where the word would name a
/// stranger. Only for the process's own poll.
pub(crate) fn show(
    process: &Arc<dyn AnyRecord>,
    target: &dyn AnyRecord,
    endless: bool,
) -> Option<Shown> {
    let (own, other) = (&process.identity().system, &target.identity().system);
    if !Arc::ptr_eq(own.inner(), other.inner()) {
        return None;
    }
    let word = pack(target.pid(), endless);
    process.own().waiting_on.store(word, Ordering::Release);
    if !fault::planted("wait_word_unfenced") {
        // SeqCst: the fences of all waits are in the total order that the module text relies on;
        // with less, two processes could each read the other's word before it is written.
        fence(Ordering::SeqCst);
    }
    Some(Shown { process: Arc::clone(process), word })
}

/// Whether no wait of the process is shown. A word that is being cleared may still be seen here: whoever
/// clears it wakes the process afterwards.
pub(crate) fn is_clear(process: &dyn AnyRecord) -> bool {
    process.own().waiting_on.load(Ordering::Relaxed) == 0
}

/// The handler has returned: the process waits for nobody.
#[inline]
pub(crate) fn clear(process: &dyn AnyRecord) {
    if !is_clear(process) {
        // Only the process itself writes anything else. Pairs with the acquire in `find`.
        process.own().waiting_on.store(0, Ordering::Release);
    }
}

/// Follows the chain from `target` and says whether it leads back to `process`. Both are in one
/// system, see [`show`].
pub(crate) fn find(
    process: &dyn AnyRecord,
    target: &dyn AnyRecord,
    endless: bool,
) -> Option<Cycle> {
    let own = process.pid();
    let mut path = vec![own, target.pid()];
    let mut words = Vec::new();
    let mut endless = endless;
    if target.pid() == own {
        return Some(Cycle { path, endless });
    }
    // Behind the fence in `show`.
    let mut word = target.own().waiting_on.load(Ordering::Acquire);
    while path.len() <= DEPTH {
        let (next, next_endless) = unpack(word, own.node())?;
        endless &= next_endless;
        path.push(next);
        words.push(word);
        if next == own {
            return stands(process, &path, &words).then_some(Cycle { path, endless });
        }
        let record = process.identity().system.inner().table().get(next)?;
        word = record.own().waiting_on.load(Ordering::Acquire);
    }
    None
}

/// Whether the waits of a cycle, found one after the other, stand at the same time.
///
/// The last of them is for `process`, which is here and answers nobody, so it stands until the end.
/// Then so does the one before it if it is still there, and so on, back to the first.
fn stands(process: &dyn AnyRecord, path: &[Pid], words: &[u64]) -> bool {
    let table = process.identity().system.inner().table();
    path.iter().skip(1).zip(words).rev().all(|(pid, word)| {
        let record = table.get(*pid);
        record.is_some_and(|record| record.own().waiting_on.load(Ordering::Acquire) == *word)
    })
}

/// Slot, generation and one flag in a word; 0 is "waits for nobody", which no pid packs to.
pub(crate) fn pack(pid: Pid, endless: bool) -> u64 {
    (u64::from(pid.slot()) << 33) | (u64::from(pid.generation().get()) << 1) | u64::from(endless)
}

pub(crate) fn unpack(word: u64, node: NodeId) -> Option<(Pid, bool)> {
    let generation = NonZeroU32::new(u32::try_from((word >> 1) & u64::from(u32::MAX)).ok()?)?;
    let slot = u32::try_from(word >> 33).ok()?;
    Some((Pid::new(node, slot, generation), word & 1 == 1))
}
