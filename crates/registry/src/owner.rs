//! Owner rows: which names a process has, and the one exit hook that gives them back.

use std::sync::Arc;

use foundation_env::sync::{Mutex, MutexGuard};
use foundation_types::{HookId, Pid};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use smallvec::SmallVec;

use crate::crash;
use crate::hash::Seed;
use crate::namespace::Namespace;

/// The parts of the map of rows: enough that deaths on many cores seldom meet. Models have two, so that
/// an audit, which locks all of them, leaves schedules for the rest.
const SHARDS: usize = if cfg!(any(foundation_loom, foundation_shuttle)) { 2 } else { 16 };

/// One name of a process: the slot of its entry, which is its own for as long as it has the name.
#[derive(Clone)]
pub(crate) struct Owned {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) slot: u32,
}

/// What an owner row says. It is short, hence a list that is searched.
#[derive(Default)]
struct Names {
    hook: Option<HookId>,
    /// The hook runs: no name may be added, since nobody would give it back.
    leaving: bool,
    owned: SmallVec<[Owned; 1]>,
}

/// The names of one process. Its exit hook holds it too, so a death finds its names without searching.
pub(crate) struct OwnerRow {
    pub(crate) pid: Pid,
    names: Mutex<Names>,
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

type Shard = HashMap<Pid, Arc<OwnerRow>, Seed>;

/// All owner rows, by pid. A row stands here as long as its hook stands or runs.
pub(crate) struct Owners {
    shards: [Mutex<Shard>; SHARDS],
}

impl Owned {
    fn is(&self, namespace: &Arc<Namespace>, slot: u32) -> bool {
        Arc::ptr_eq(&self.namespace, namespace) && self.slot == slot
    }
}

impl OwnerRow {
    /// Refuses further names, and returns the last one; none, if none is left.
    pub(crate) fn leave(&self) -> Option<Owned> {
        let mut names = self.names.lock();
        names.leaving = true;
        names.owned.last().cloned()
    }

    /// Takes out the slots of all names in the namespace, whose writer's turn the caller has.
    pub(crate) fn take(&self, namespace: &Arc<Namespace>) -> SmallVec<[u32; 4]> {
        let owned = &mut self.names.lock().owned;
        let mut slots = SmallVec::new();
        owned.retain(|owned| {
            let is_here = Arc::ptr_eq(&owned.namespace, namespace);
            if is_here {
                slots.push(owned.slot);
            }
            !is_here
        });
        slots
    }

    pub(crate) fn owned(&self) -> Vec<Owned> {
        self.names.lock().owned.to_vec()
    }
}

impl Owners {
    pub(crate) fn new(seed: &Seed) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::new(HashMap::with_hasher(seed.clone()))) }
    }

    /// Enters a name, whose namespace the caller has locked; `add_hook` is asked for the hook of a
    /// process without names.
    pub(crate) fn claim<E>(
        &self,
        pid: Pid,
        owned: Owned,
        names_max: usize,
        add_hook: impl FnOnce(Arc<OwnerRow>) -> Result<HookId, E>,
    ) -> Result<(), Refused<E>> {
        if names_max == 0 {
            return Err(Refused::TooMany);
        }
        let mut shard = self.shard(pid).lock();
        match shard.entry(pid) {
            Entry::Occupied(row) => {
                let mut names = row.get().names.lock();
                if names.leaving {
                    return Err(Refused::Leaving);
                }
                if names.owned.len() >= names_max {
                    return Err(Refused::TooMany);
                }
                names.owned.push(owned);
                crash::point();
            }
            Entry::Vacant(place) => {
                // It is here before its hook is, so that no crash leaves a hook that nobody knows of.
                let row =
                    Arc::clone(place.insert(Arc::new(OwnerRow { pid, names: Mutex::default() })));
                // Locked before the hook can run, so the hook finds the name.
                let mut names = row.names.lock();
                match add_hook(Arc::clone(&row)) {
                    Ok(hook) => names.hook = Some(hook),
                    Err(refused) => {
                        shard.remove(&pid);
                        return Err(Refused::Hook(refused));
                    }
                }
                crash::point();
                names.owned.push(owned);
            }
        }
        Ok(())
    }

    /// Takes a name out, whose namespace the caller has locked. When it was the last one, the row goes
    /// and `remove_hook` gets its hook, which has nothing left to give back.
    pub(crate) fn release(
        &self,
        pid: Pid,
        namespace: &Arc<Namespace>,
        slot: u32,
        remove_hook: impl FnOnce(HookId),
    ) {
        let mut shard = self.shard(pid).lock();
        let Entry::Occupied(row) = shard.entry(pid) else { return };
        let mut names = row.get().names.lock();
        let Some(at) = names.owned.iter().position(|owned| owned.is(namespace, slot)) else {
            return;
        };
        names.owned.swap_remove(at);
        if names.owned.is_empty() && !names.leaving {
            names.hook.map(remove_hook);
            drop(names);
            crash::point();
            row.remove();
        }
    }

    /// Removes the row of a process whose hook has given all names back.
    pub(crate) fn forget(&self, row: &Arc<OwnerRow>) -> Option<Arc<OwnerRow>> {
        let mut shard = self.shard(row.pid).lock();
        shard.remove(&row.pid)
    }

    /// Tells whether a process has this, or did so when its exit hook began to run.
    pub(crate) fn has(&self, pid: Pid, owned: &Owned) -> bool {
        let is_this = |other: &Owned| other.is(&owned.namespace, owned.slot);
        self.row(pid).is_some_and(|row| row.names.lock().owned.iter().any(is_this))
    }

    /// Takes out what the rows say of a namespace and `is_true` does not confirm, with rows that are empty then, whose
    /// hooks `remove_hook` gets. The caller has locked the namespace.
    pub(crate) fn retain(
        &self,
        namespace: &Arc<Namespace>,
        is_true: impl Fn(Pid, u32) -> bool,
        mut remove_hook: impl FnMut(Pid, HookId),
    ) {
        for shard in &self.shards {
            shard.lock().retain(|pid, row| {
                let mut names = row.names.lock();
                let is_here = |owned: &Owned| Arc::ptr_eq(&owned.namespace, namespace);
                names.owned.retain(|owned| !is_here(owned) || is_true(*pid, owned.slot));
                let is_kept = names.leaving || !names.owned.is_empty();
                if let (false, Some(hook)) = (is_kept, names.hook) {
                    remove_hook(*pid, hook);
                }
                is_kept
            });
        }
    }

    pub(crate) fn row(&self, pid: Pid) -> Option<Arc<OwnerRow>> {
        self.shard(pid).lock().get(&pid).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Locks all shards; for the audit.
    pub(crate) fn lock(&self) -> Vec<MutexGuard<'_, Shard>> {
        self.shards.iter().map(|shard| shard.lock()).collect()
    }

    /// Returns each process with its hook.
    pub(crate) fn hooks(&self) -> Vec<(Pid, HookId)> {
        let shards = self.lock();
        let rows = shards.iter().flat_map(|shard| shard.values());
        rows.filter_map(|row| Some((row.pid, row.names.lock().hook?))).collect()
    }

    fn shard(&self, pid: Pid) -> &Mutex<Shard> {
        let [first, ..] = &self.shards;
        self.shards.get(pid.slot() as usize % SHARDS).unwrap_or(first)
    }
}
