//! The process table: pid to record.
//!
//! Slots are reused, generations are not: a slot whose generation is used up is retired. So a pid
//! names at most one process for ever, and a stale pid finds nothing.
//!
//! The table is split into shards by the low bits of the slot, each with its own lock. A new
//! process takes a slot from the shards in turn, so that spawning threads seldom meet.

use std::num::NonZeroU32;
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use foundation_types::{NodeId, Pid};

use crate::record::AnyRecord;

/// log2 of the number of shards: enough that a spawn storm on many cores spreads.
/// Models have two, so that a slot is soon used again.
const SHARD_BITS: u32 = if cfg!(any(foundation_loom, foundation_shuttle)) { 1 } else { 4 };
const SHARDS: u32 = 1 << SHARD_BITS;
const FIRST_GENERATION: NonZeroU32 = NonZeroU32::MIN;

enum Slot {
    Free {
        generation: NonZeroU32,
        next: Option<u32>,
    },
    /// Handed out to a process that is being built.
    Taken {
        generation: NonZeroU32,
    },
    Full {
        generation: NonZeroU32,
        record: Arc<dyn AnyRecord>,
    },
    Retired,
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    free: Option<u32>,
}

/// See the module text.
pub(crate) struct Table {
    node: NodeId,
    processes_max: usize,
    live: AtomicUsize,
    next_shard: AtomicU32,
    shards: [Mutex<Shard>; SHARDS as usize],
}

impl Table {
    pub(crate) fn new(node: NodeId, processes_max: usize) -> Self {
        Self {
            node,
            processes_max,
            live: AtomicUsize::new(0),
            next_shard: AtomicU32::new(0),
            shards: std::array::from_fn(|_| Mutex::new(Shard::default())),
        }
    }

    /// The number of processes that are not yet dead.
    pub(crate) fn len(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Takes a pid for a process that is being built; none when the table is full.
    pub(crate) fn reserve(&self) -> Option<Pid> {
        if self.live.fetch_add(1, Ordering::Relaxed) >= self.processes_max {
            self.live.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let shard_index = self.next_shard.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let mut shard = self.shard(shard_index).lock();
        let (row, generation) = shard.take_row();
        Some(Pid::new(self.node, (row << SHARD_BITS) | shard_index, generation))
    }

    /// Enters the record of a reserved pid.
    pub(crate) fn fill(&self, pid: Pid, record: Arc<dyn AnyRecord>) {
        self.with_slot(pid, |slot| {
            *slot = Slot::Full { generation: pid.generation(), record };
        });
    }

    /// Finds the record of a process that is not yet dead.
    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<dyn AnyRecord>> {
        if pid.node() != self.node {
            return None;
        }
        let (shard, row) = Self::place(pid);
        let shard = self.shard(shard).lock();
        match shard.slots.get(row)? {
            Slot::Full { generation, record }
                if *generation == pid.generation()
                    || fault::planted("slot_reused_without_generation") =>
            {
                Some(Arc::clone(record))
            }
            _ => None,
        }
    }

    /// Frees the slot of a dead process. The record is returned to be dropped without the lock.
    pub(crate) fn remove(&self, pid: Pid) -> Option<Arc<dyn AnyRecord>> {
        let (shard_index, row) = Self::place(pid);
        let mut shard = self.shard(shard_index).lock();
        let slot = shard.slots.get_mut(row)?;
        match slot {
            Slot::Full { generation, .. } | Slot::Taken { generation }
                if *generation == pid.generation() => {}
            _ => return None,
        }
        let before = std::mem::replace(slot, Slot::Retired);
        if let Some(generation) = pid.generation().checked_add(1) {
            let next = shard.free.replace(u32::try_from(row).unwrap_or(u32::MAX));
            if let Some(slot) = shard.slots.get_mut(row) {
                *slot = Slot::Free { generation, next };
            }
        }
        drop(shard);
        let _leaked = fault::planted("record_leaked").then(|| Box::leak(Box::new(pid)));
        self.live.fetch_sub(1, Ordering::Relaxed);
        match before {
            Slot::Full { record, .. } => Some(record),
            _ => None,
        }
    }

    /// Every record, in slot order within each shard. Locks one shard at a time.
    pub(crate) fn records(&self) -> Vec<Arc<dyn AnyRecord>> {
        let mut all = Vec::with_capacity(self.len());
        for shard in &self.shards {
            all.extend(shard.lock().slots.iter().filter_map(|slot| match slot {
                Slot::Full { record, .. } => Some(Arc::clone(record)),
                _ => None,
            }));
        }
        all
    }

    fn place(pid: Pid) -> (u32, usize) {
        (pid.slot() % SHARDS, (pid.slot() >> SHARD_BITS) as usize)
    }

    fn with_slot(&self, pid: Pid, f: impl FnOnce(&mut Slot)) {
        let (shard, row) = Self::place(pid);
        if let Some(slot) = self.shard(shard).lock().slots.get_mut(row) {
            f(slot);
        }
    }

    fn shard(&self, index: u32) -> &Mutex<Shard> {
        let [first, ..] = &self.shards;
        self.shards.get(index as usize).unwrap_or(first)
    }
}

impl Shard {
    fn take_row(&mut self) -> (u32, NonZeroU32) {
        if let Some(row) = self.free
            && let Some(slot) = self.slots.get_mut(row as usize)
            && let Slot::Free { generation, next } = *slot
        {
            self.free = next;
            *slot = Slot::Taken { generation };
            return (row, generation);
        }
        let row = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot::Taken { generation: FIRST_GENERATION });
        (row, FIRST_GENERATION)
    }
}
