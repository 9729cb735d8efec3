//! The watchdog: names handlers that do not yield.
//!
//! Each runtime thread has a slot in which it notes the process it is polling and the number of
//! the poll: two relaxed stores. A thread of the watchdog's own reads the slots every
//! [`SAMPLE`]. A poll that is found twice has run for at least one sample. If it handled messages
//! meanwhile, none of them held the thread for long, but all together did: the process is asked to give way
//! before the next. If not, one handler does not yield: it is reported, and once more when it is asked to die.
//! The same samples estimate busy time: each one counts [`SAMPLE`] for the process it finds, so the
//! estimate is statistical, and costs the process nothing.

use std::sync::{Arc, Weak};
use std::time::Duration;

use foundation_env::StopSignal;
use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use foundation_types::{Instant, NodeId, Pid};

use crate::deadlock;
use crate::record::state;
use crate::system::SystemInner;

/// A handler that keeps its thread this long without yielding is reported.
pub(crate) const SAMPLE: Duration = Duration::from_millis(10);

/// A handler that did not yield.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stall {
    /// The process.
    pub pid: Pid,
    /// Its label or type.
    pub name: String,
    /// The kind of the message it was handling.
    pub message: &'static str,
    /// When it was found, on the system's clock.
    pub at: Instant,
    /// It was asked to die and cannot until it yields.
    pub unkillable: bool,
}

/// What one runtime thread is doing. Written by that thread, read by the watchdog.
#[derive(Default)]
pub(crate) struct WorkerSlot {
    /// The process being polled, packed; 0 for none.
    process: AtomicU64,
    poll: AtomicU64,
    /// Processes that are Dead and whose end the thread is still telling; read by a shutdown.
    settling: AtomicU64,
}

/// The slots of one system's threads.
#[derive(Default)]
pub(crate) struct Workers {
    slots: Mutex<Vec<Weak<WorkerSlot>>>,
}

impl WorkerSlot {
    /// The thread begins to poll a process.
    #[inline]
    pub(crate) fn enter(&self, pid: Pid) {
        self.process.store(deadlock::pack(pid, false), Ordering::Relaxed);
        // Only this thread writes it, so a load and a store do.
        self.poll.store(self.poll.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The thread polls no process.
    #[inline]
    pub(crate) fn leave(&self) {
        self.process.store(0, Ordering::Relaxed);
    }

    /// The thread is about to publish a death. The critical section that does so orders this before it.
    pub(crate) fn begin_settling(&self) {
        self.settling.store(self.settling.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Everybody has been told. Release pairs with Acquire in [`Workers::are_settling`].
    pub(crate) fn end_settling(&self) {
        let left = self.settling.load(Ordering::Relaxed).saturating_sub(1);
        self.settling.store(left, Ordering::Release);
    }
}

impl Workers {
    pub(crate) fn enlist(&self, slot: &Arc<WorkerSlot>) {
        let mut slots = self.slots.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(slot));
    }

    /// Whether a thread is on the way to tell of a death that can be known already.
    pub(crate) fn are_settling(&self) -> bool {
        self.living().iter().any(|slot| slot.settling.load(Ordering::Acquire) > 0)
    }

    fn living(&self) -> Vec<Arc<WorkerSlot>> {
        let mut slots = self.slots.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A poll that a thread was found in.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sample {
    /// Tells threads apart: the address of the slot, which is compared and never followed.
    thread: usize,
    poll: u64,
    process: u64,
}

impl Sample {
    fn of(slot: &Arc<WorkerSlot>) -> Self {
        Self {
            thread: Arc::as_ptr(slot).addr(),
            poll: slot.poll.load(Ordering::Relaxed),
            process: slot.process.load(Ordering::Relaxed),
        }
    }
}

/// What is remembered of a sample until the next one.
#[derive(Clone, Copy)]
struct Seen {
    sample: Sample,
    handled: u64,
    /// It was reported, and whether it had been asked to die by then.
    reported: Option<bool>,
}

/// The body of the watchdog's thread.
pub(crate) fn watch(system: &Weak<SystemInner>, stop: &StopSignal) {
    let mut seen: Vec<Seen> = Vec::new();
    while !stop.wait(SAMPLE) {
        let Some(system) = system.upgrade() else { return };
        let samples = system.workers().living().iter().map(Sample::of).collect::<Vec<_>>();
        seen = samples
            .into_iter()
            .filter_map(|sample| {
                let before = seen.iter().find(|seen| seen.sample == sample);
                look(&system, sample, before)
            })
            .collect();
    }
}

/// Judges one thread; none when it polls no process.
fn look(system: &SystemInner, sample: Sample, before: Option<&Seen>) -> Option<Seen> {
    let (pid, _) = deadlock::unpack(sample.process, NodeId::LOCAL)?;
    let record = system.table().get(pid)?;
    let own = record.own();
    own.busy_samples.fetch_add(1, Ordering::Relaxed);
    let handled = own.handled.load(Ordering::Relaxed);
    let mut seen = Seen { sample, handled, reported: None };
    let Some(before) = before else { return Some(seen) };
    if before.handled != handled {
        own.state.fetch_or(state::GIVE_WAY, Ordering::AcqRel);
        return Some(seen);
    }
    let unkillable = own.state.load(Ordering::Relaxed) & state::KILL != 0;
    seen.reported = Some(unkillable);
    if before.reported != seen.reported {
        system.note_stall(Stall {
            pid,
            name: record.identity().name(),
            message: record.current_message(),
            at: system.env().now(),
            unkillable,
        });
    }
    Some(seen)
}
