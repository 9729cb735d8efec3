//! The watchdog: names handlers that do not yield.
//!
//! Each runtime thread has a slot in which it notes the process it is polling and the number of
//! the poll: two relaxed stores. A thread of the watchdog's own reads the slots every
//! [`SAMPLE`]. A poll that is found twice has run for at least one sample: it is reported, once.
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
}

impl Workers {
    pub(crate) fn enlist(&self, slot: &Arc<WorkerSlot>) {
        let mut slots = self.slots.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(slot));
    }

    fn sample(&self) -> Vec<(u64, u64)> {
        let mut slots = self.slots.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots
            .iter()
            .map(|slot| {
                slot.upgrade().map_or((0, 0), |slot| {
                    (slot.process.load(Ordering::Relaxed), slot.poll.load(Ordering::Relaxed))
                })
            })
            .collect()
    }
}

/// The body of the watchdog's thread.
pub(crate) fn watch(system: &Weak<SystemInner>, stop: &StopSignal) {
    let mut seen: Vec<(u64, u64)> = Vec::new();
    let mut reported: Vec<(u64, u64)> = Vec::new();
    while !stop.wait(SAMPLE) {
        let Some(system) = system.upgrade() else { return };
        let now = system.workers().sample();
        for sample in now.iter().filter(|(process, _)| *process != 0) {
            let stuck = seen.contains(sample) && !reported.contains(sample);
            note(&system, sample.0, stuck);
            if stuck {
                reported.push(*sample);
            }
        }
        reported.retain(|sample| now.contains(sample));
        seen = now;
    }
}

fn note(system: &SystemInner, process: u64, stuck: bool) {
    let Some((pid, _)) = deadlock::unpack(process, NodeId::LOCAL) else { return };
    let Some(record) = system.table().get(pid) else { return };
    record.own().busy_samples.fetch_add(1, Ordering::Relaxed);
    if stuck {
        let unkillable = record.own().state.load(Ordering::Relaxed) & state::KILL != 0;
        system.note_stall(Stall {
            pid,
            name: record.identity().name(),
            message: record.current_message(),
            at: system.env().now(),
            unkillable,
        });
    }
}
