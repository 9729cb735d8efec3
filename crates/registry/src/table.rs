//! One namespace: its entries and the index of their capabilities, under one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use foundation_env::fault;
use foundation_types::{Instant, Pid};

use crate::error::UpdateError;
use crate::metadata::{Entry, Health};
use crate::name::Name;

/// Who offers one capability.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) ids: BTreeSet<Arc<str>>,
    /// Who was picked last in turn; the next turn starts behind it, also when it has left since.
    last_picked: Option<Arc<str>>,
}

/// The content of one namespace.
///
/// Entries and index change together in each method, so whoever holds the lock sees them agree.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Keyed by local id.
    pub(crate) entries: BTreeMap<Arc<str>, Entry>,
    /// Keyed by capability; a row without ids is removed.
    pub(crate) capabilities: BTreeMap<Arc<str>, Row>,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, local_id: &str) -> Option<&Entry> {
        self.entries.get(local_id)
    }

    pub(crate) fn insert(&mut self, entry: Entry) {
        let id = entry.name.shared_id();
        for capability in &**entry.metadata.shared_capabilities() {
            let row = self.capabilities.entry(Arc::clone(capability)).or_default();
            row.ids.insert(Arc::clone(id));
        }
        self.entries.insert(Arc::clone(id), entry);
    }

    /// Removes an entry if `pid` owns it.
    pub(crate) fn remove(&mut self, name: &Name, pid: Pid) -> Result<(), UpdateError> {
        self.owned(name, pid)?;
        let Some(entry) = self.entries.remove(name.local_id()) else { return Ok(()) };
        if fault::planted("registry_index_row_left") {
            return Ok(());
        }
        for capability in entry.metadata.shared_capabilities().iter() {
            if let Some(row) = self.capabilities.get_mut(capability) {
                row.ids.remove(name.local_id());
                if row.ids.is_empty() {
                    self.capabilities.remove(capability);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn set_health(
        &mut self,
        name: &Name,
        pid: Pid,
        health: Health,
        now: Instant,
    ) -> Result<(), UpdateError> {
        let entry = self.owned(name, pid)?;
        entry.metadata = entry.metadata.clone().with_health(health);
        entry.updated_at = now;
        Ok(())
    }

    fn owned(&mut self, name: &Name, pid: Pid) -> Result<&mut Entry, UpdateError> {
        match self.entries.get_mut(name.local_id()) {
            None => Err(UpdateError::NotRegistered { name: name.clone() }),
            Some(entry) if entry.pid != pid => {
                Err(UpdateError::NotOwner { name: name.clone(), owner: entry.pid })
            }
            Some(entry) => Ok(entry),
        }
    }

    /// Returns everybody with the capability, in the order of local ids.
    pub(crate) fn with_capability(&self, capability: &str) -> impl Iterator<Item = &Entry> {
        let ids = self.capabilities.get(capability).into_iter().flat_map(|row| &row.ids);
        ids.filter_map(|id| self.entries.get(id))
    }

    /// Returns the healthy ones with the capability; if there are none, the degraded ones.
    pub(crate) fn candidates(&self, capability: &str) -> Vec<Entry> {
        let of = |health| {
            let all = self.with_capability(capability);
            all.filter(move |entry| entry.metadata.health() == health).cloned().collect()
        };
        let healthy: Vec<Entry> = of(Health::Healthy);
        if healthy.is_empty() { of(Health::Degraded) } else { healthy }
    }

    /// Returns whose turn it is among the candidates, and moves the turn on.
    pub(crate) fn next_in_turn(&mut self, capability: &str) -> Option<Entry> {
        let row = self.capabilities.get_mut(capability)?;
        let start = match &row.last_picked {
            Some(last) => Bound::Excluded(Arc::clone(last)),
            None => Bound::Unbounded,
        };
        let behind = row.ids.range((start, Bound::Unbounded));
        // The rest of the circle; it may go past the start, where it finds nobody new.
        let mut circle = behind.chain(&row.ids).filter_map(|id| self.entries.get(id));
        let mut degraded = None;
        let healthy = circle.find(|entry| {
            if entry.metadata.health() == Health::Degraded {
                degraded = degraded.or(Some(*entry));
            }
            entry.metadata.health() == Health::Healthy
        });
        let picked = healthy.or(degraded)?.clone();
        row.last_picked = Some(Arc::clone(picked.name.shared_id()));
        Some(picked)
    }
}
