//! One namespace: its entries and the index of their capabilities, under one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::ops::Bound;
use std::sync::Arc;

use foundation_env::fault;
use foundation_types::{Instant, Pid};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;

use crate::hash::Seed;
use crate::metadata::{Entry, Health};

/// Who offers one capability.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) ids: BTreeSet<Arc<str>>,
    /// Who was picked last in turn; the next turn starts behind it, also when it has left since.
    last_picked: Option<Arc<str>>,
}

/// A local id with its hash, which is made before the lock is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) id: &'a str,
    pub(crate) hash: u64,
}

/// An entry and the hash of its local id, so that a table that grows reads no entry.
#[derive(Debug)]
struct Slot {
    hash: u64,
    entry: Arc<Entry>,
}

/// The content of one namespace.
///
/// Entries and index change together in each method, so whoever holds the lock sees them agree. Entries
/// are shared, so that they are copied and dropped by callers who no longer hold it.
#[derive(Debug)]
pub(crate) struct Table {
    seed: Seed,
    /// By the hash of the local id; in no order.
    entries: HashTable<Slot>,
    /// Keyed by capability; a row without ids is removed.
    pub(crate) capabilities: BTreeMap<Arc<str>, Row>,
}

impl Table {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, entries: HashTable::new(), capabilities: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, key: Key<'_>) -> Option<&Arc<Entry>> {
        self.entries.find(key.hash, |slot| slot.has(key)).map(|slot| &slot.entry)
    }

    /// Returns all entries, in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().map(|slot| &slot.entry)
    }

    /// Enters an entry; `hash` is that of its local id.
    pub(crate) fn insert(&mut self, hash: u64, entry: Arc<Entry>) {
        let id = entry.name.shared_id();
        for capability in &**entry.metadata.shared_capabilities() {
            let row = self.capabilities.entry(Arc::clone(capability)).or_default();
            row.ids.insert(Arc::clone(id));
        }
        let key = Key { id, hash };
        match self.entries.entry(hash, |slot| slot.has(key), |slot| slot.hash) {
            Place::Vacant(place) => _ = place.insert(Slot { hash, entry }),
            Place::Occupied(mut place) => place.get_mut().entry = entry,
        }
    }

    /// Takes an entry out if `pid` owns it, else tells who does.
    pub(crate) fn remove(&mut self, key: Key<'_>, pid: Pid) -> Result<Arc<Entry>, Option<Pid>> {
        let Ok(place) = self.entries.find_entry(key.hash, |slot| slot.has(key)) else {
            return Err(None);
        };
        let owner = place.get().entry.pid;
        if owner != pid {
            return Err(Some(owner));
        }
        let (Slot { entry, .. }, _) = place.remove();
        if fault::planted("registry_index_row_left") {
            return Ok(entry);
        }
        for capability in entry.metadata.shared_capabilities().iter() {
            if let Some(row) = self.capabilities.get_mut(capability) {
                row.ids.remove(key.id);
                if row.ids.is_empty() {
                    self.capabilities.remove(capability);
                }
            }
        }
        Ok(entry)
    }

    /// Changes the health of an entry if `pid` owns it, else tells who does.
    pub(crate) fn set_health(
        &mut self,
        key: Key<'_>,
        pid: Pid,
        health: Health,
        now: Instant,
    ) -> Result<(), Option<Pid>> {
        let slot = self.entries.find_mut(key.hash, |slot| slot.has(key)).ok_or(None)?;
        if slot.entry.pid != pid {
            return Err(Some(slot.entry.pid));
        }
        // Copied only while an answer that shares it is under way.
        let entry = Arc::make_mut(&mut slot.entry);
        entry.metadata = entry.metadata.clone().with_health(health);
        entry.updated_at = now;
        Ok(())
    }

    /// Returns everybody with the capability, in the order of local ids.
    pub(crate) fn with_capability(&self, capability: &str) -> impl Iterator<Item = &Arc<Entry>> {
        let ids = self.capabilities.get(capability).into_iter().flat_map(|row| &row.ids);
        ids.filter_map(|id| self.get(self.key(id)))
    }

    /// Returns the healthy ones with the capability; if there are none, the degraded ones.
    pub(crate) fn candidates(&self, capability: &str) -> Vec<Arc<Entry>> {
        let of = |health| {
            let all = self.with_capability(capability);
            all.filter(move |entry| entry.metadata.health() == health).cloned().collect()
        };
        let healthy: Vec<_> = of(Health::Healthy);
        if healthy.is_empty() { of(Health::Degraded) } else { healthy }
    }

    /// Returns whose turn it is among the candidates, and moves the turn on.
    pub(crate) fn next_in_turn(&mut self, capability: &str) -> Option<Arc<Entry>> {
        let row = self.capabilities.get(capability)?;
        let start = match &row.last_picked {
            Some(last) => Bound::Excluded(Arc::clone(last)),
            None => Bound::Unbounded,
        };
        let behind = row.ids.range((start, Bound::Unbounded));
        // The rest of the circle; it may go past the start, where it finds nobody new.
        let mut circle = behind.chain(&row.ids).filter_map(|id| self.get(self.key(id)));
        let mut degraded = None;
        let healthy = circle.find(|entry| {
            if entry.metadata.health() == Health::Degraded {
                degraded = degraded.or(Some(*entry));
            }
            entry.metadata.health() == Health::Healthy
        });
        let picked = Arc::clone(healthy.or(degraded)?);
        if let Some(row) = self.capabilities.get_mut(capability) {
            row.last_picked = Some(Arc::clone(picked.name.shared_id()));
        }
        Some(picked)
    }

    fn key<'a>(&self, id: &'a str) -> Key<'a> {
        Key { id, hash: self.seed.hash_one(id) }
    }
}

impl Slot {
    fn has(&self, key: Key<'_>) -> bool {
        self.hash == key.hash && self.entry.name.local_id() == key.id
    }
}
