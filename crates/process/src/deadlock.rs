//! Finding cycles of processes that wait for each other.
//!
//! Each process has one word, `waiting_on`: the process that its own handler waits for in a send
//! or a call, and whether that wait has a deadline. The word is written after the first pending
//! poll, so calls that are answered at once never touch it. Then the chain of words is followed,
//! at most [`DEPTH`] steps. Of the waits that make up a cycle the last to be entered sees all the
//! others: each writes its word, passes a fence, and then reads those of the others; the fences have
//! one total order.
//!
//! Three things this does not see. A call counts as a wait for the process that was called, also when
//! that one has handed the reply port on and another will answer. Of several waits of one handler at
//! the same time only the newest counts. Waits for an `init`, a death or an operator's question do
//! not count at all.
//!
//! A wait that is over does not count, even if its process has not run yet: whoever answers the
//! call, or grants the room, clears the word first.
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

/// A wait that others can see; over when dropped.
pub(crate) struct Waiting {
    process: Arc<dyn AnyRecord>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.process.own().waiting_on.store(0, Ordering::Release);
    }
}

/// A cycle of waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cycle {
    /// From the process that closed the cycle back to itself.
    pub(crate) path: Vec<Pid>,
    /// No wait in it has a deadline.
    pub(crate) endless: bool,
}

/// Publishes that `process` waits for `target`.
pub(crate) fn publish(
    process: &Arc<dyn AnyRecord>,
    target: &dyn AnyRecord,
    endless: bool,
) -> Waiting {
    process.own().waiting_on.store(pack(target.pid(), endless), Ordering::Release);
    if !fault::planted("wait_word_unfenced") {
        // SeqCst: the fences of all waits are in the total order that the module text relies on;
        // with less, two processes could each read the other's word before it is written.
        fence(Ordering::SeqCst);
    }
    Waiting { process: Arc::clone(process) }
}

/// Follows the chain from `target` and says whether it leads back to `process`.
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
    // Behind the fence in `publish`.
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
