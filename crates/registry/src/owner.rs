//! Owner rows: which names a process has, and the one exit hook that gives them back.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use foundation_types::{HookId, Pid};

use crate::name::Name;

/// The names of one process. A row exists exactly as long as its hook stands or runs.
#[derive(Debug)]
pub(crate) struct OwnerRow {
    hook: HookId,
    /// The hook runs: no name may be added, since nobody would give it back.
    leaving: bool,
    names_count: usize,
    /// Local ids keyed by namespace; a namespace without ids is removed.
    pub(crate) names: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

/// All owner rows.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    pub(crate) rows: BTreeMap<Pid, OwnerRow>,
}

/// Why a name was not entered.
pub(crate) enum Refused<E> {
    /// The process is dying.
    Leaving,
    /// It has as many names as it may have.
    TooMany,
    /// Its exit hook was not accepted.
    Hook(E),
}

impl Owners {
    /// Enters a name; `add_hook` is asked for the hook of a process without names.
    pub(crate) fn claim<E>(
        &mut self,
        pid: Pid,
        name: &Name,
        names_max: usize,
        add_hook: impl FnOnce() -> Result<HookId, E>,
    ) -> Result<(), Refused<E>> {
        if names_max == 0 {
            return Err(Refused::TooMany);
        }
        let row = match self.rows.entry(pid) {
            Entry::Occupied(row) => row.into_mut(),
            Entry::Vacant(place) => place.insert(OwnerRow {
                hook: add_hook().map_err(Refused::Hook)?,
                leaving: false,
                names_count: 0,
                names: BTreeMap::new(),
            }),
        };
        if row.leaving {
            return Err(Refused::Leaving);
        }
        if row.names_count >= names_max {
            return Err(Refused::TooMany);
        }
        let ids = row.names.entry(Arc::clone(name.shared_namespace())).or_default();
        if ids.insert(Arc::clone(name.shared_id())) {
            row.names_count += 1;
        }
        Ok(())
    }

    /// Takes a name out. Returns the hook when it was the last one: it has nothing left to give back.
    pub(crate) fn release(&mut self, pid: Pid, name: &Name) -> Option<HookId> {
        let row = self.rows.get_mut(&pid)?;
        let ids = row.names.get_mut(name.namespace())?;
        if ids.remove(name.local_id()) {
            row.names_count -= 1;
        }
        if ids.is_empty() {
            row.names.remove(name.namespace());
        }
        self.remove_if_empty(pid)
    }

    /// Refuses further names for a dying process and returns the namespaces it has names in, in order.
    pub(crate) fn leave(&mut self, pid: Pid) -> Vec<Arc<str>> {
        let Some(row) = self.rows.get_mut(&pid) else { return Vec::new() };
        row.leaving = true;
        row.names.keys().cloned().collect()
    }

    /// Takes out all names in one namespace.
    pub(crate) fn release_all(&mut self, pid: Pid, namespace: &str) -> BTreeSet<Arc<str>> {
        let Some(row) = self.rows.get_mut(&pid) else { return BTreeSet::new() };
        let ids = row.names.remove(namespace).unwrap_or_default();
        row.names_count -= ids.len();
        self.remove_if_empty(pid);
        ids
    }

    /// Returns the names of a process in order.
    pub(crate) fn names(&self, pid: Pid) -> Vec<Name> {
        let namespaces = self.rows.get(&pid).into_iter().flat_map(|row| &row.names);
        namespaces
            .flat_map(|(namespace, ids)| ids.iter().map(|id| Name::from_parts(namespace, id)))
            .collect()
    }

    /// Returns each process with its hook.
    pub(crate) fn hooks(&self) -> impl Iterator<Item = (Pid, HookId)> {
        self.rows.iter().map(|(pid, row)| (*pid, row.hook))
    }

    fn remove_if_empty(&mut self, pid: Pid) -> Option<HookId> {
        if self.rows.get(&pid)?.names.is_empty() {
            return self.rows.remove(&pid).map(|row| row.hook);
        }
        None
    }
}
