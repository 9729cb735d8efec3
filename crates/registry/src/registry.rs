//! The registry itself: registering, looking up, and giving names back at a death.
//!
//! # State
//!
//! * [`Table`](crate::table::Table), one per namespace under its own lock: entries and capability index.
//!   Decides who has a name.
//! * [`OwnerRow`], one per process under its own lock: its names and its exit hook. The hook holds it, so
//!   a death finds the names without searching; everybody else finds it in [`Owners`], by pid.
//!
//! # Lock order
//!
//! The list of namespaces (shared), a namespace's table, a part of the owners, an owner row, then the
//! locks of the process table and of a process record (inside `add_exit_hook` and `remove_exit_hook`,
//! which call nothing back). For a new namespace the list is locked exclusively, and alone. Only the audit
//! holds two tables, and only it and the end of a registry hold two parts, in order. Exit hooks run
//! without any lock of `process`. Entries that were removed are dropped, and answers copied, after the
//! table's lock is released.
//!
//! # Why there are no ghosts
//!
//! `register` holds the namespace's lock from before it enters the owner row until the entry stands.
//! The owner row is entered only if the exit hook was accepted, or stands already and does not run. A
//! new row is locked from before its hook is added until the name is in it. A process refuses hooks once
//! it is Dying, and runs its hooks before it is Dead. So for a death at any moment:
//!
//! * the process was Dying before: the hook is refused, nothing is registered;
//! * the hook is accepted: it will run. It first marks the row, after which names are refused, and then
//!   takes the lock of the namespace of each name in it. One in which a registration is under way it
//!   gets only when that entry stands, and removes it.
//!
//! `unregister` removes an empty row and its hook under the lock of that part of the owners. If the hook
//! is gone by then the process is Dying, so no second row can come, and the hook that ends by removing
//! the row of its pid removes its own.
//!
//! The hook ends before the process is Dead, and nobody learns of the death before that. The other way
//! round, nobody else can have the name earlier: the entry stands until the hook removes it, which is
//! after `terminate` and after the state was dropped.
//!
//! Invariant I5: at every moment in which all locks are free, entries, index rows and owner rows
//! correspond one to one. Each change is made in all three while the namespace's lock is held.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Weak};

use foundation_env::fault;
use foundation_process::{Address, HookError, System};
use foundation_types::{HookId, Pid};

use crate::error::{RegisterError, UpdateError};
use crate::hash::Seed;
use crate::metadata::{Entry, Health, Metadata};
use crate::name::Name;
use crate::namespace::Namespaces;
use crate::owner::{Owned, OwnerRow, Owners, Refused};
use crate::pick::Strategy;

/// Bounds of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Entries in one namespace; 131,072 by default.
    pub entries_per_namespace_max: usize,
    /// Namespaces; 1,024 by default. They are meant for the parts of a system, not for its data.
    pub namespaces_max: usize,
    /// Names of one process; 64 by default, so that a death is short.
    pub names_per_process_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_per_namespace_max: 1 << 17,
            namespaces_max: 1 << 10,
            names_per_process_max: 64,
        }
    }
}

/// Sizes of a registry's tables. After all processes have ended every one but `namespaces` is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Namespaces that were ever used.
    pub namespaces: usize,
    /// Registered names.
    pub entries: usize,
    /// Pairs of an entry and a capability.
    pub index_rows: usize,
    /// Processes that have a name.
    pub owners: usize,
}

/// A handle to the registry of a system. Cheap to clone; all clones are the same registry.
///
/// When the last handle is dropped everything is forgotten and the exit hooks are taken back.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    system: System,
    limits: Limits,
    namespaces: Namespaces,
    owners: Owners,
}

impl Registry {
    /// Creates the registry of a system, with default limits.
    pub fn new(system: System) -> Self {
        Self::with_limits(system, Limits::default())
    }

    /// Creates a registry with limits of its own.
    pub fn with_limits(system: System, limits: Limits) -> Self {
        let seed = Seed::new(system.env().random_u64());
        let (owners, namespaces) = (Owners::new(&seed), Namespaces::new(seed));
        Self { shared: Arc::new(Shared { system, limits, namespaces, owners }) }
    }

    /// Registers a process under a name, until it dies or is unregistered. Never overwrites.
    ///
    /// A process may have several names; each has metadata of its own.
    ///
    /// # Errors
    ///
    /// `AlreadyRegistered` names the owner, which may be the process itself; `NoProcess` when the
    /// process is dying or dead; the others when a bound is reached. Nothing is registered then; a
    /// namespace that is new counts as used all the same.
    pub fn register(&self, pid: Pid, name: Name, metadata: Metadata) -> Result<(), RegisterError> {
        let shared = &self.shared;
        let limits = &shared.limits;
        let namespace = shared.namespaces.get_or_new(&name, limits.namespaces_max)?;
        let now = shared.system.env().now();
        let entry = Arc::new(Entry { name, pid, metadata, registered_at: now, updated_at: now });
        let name = &entry.name;
        let key = namespace.key(name.local_id());
        let owned = || Owned {
            namespace: Arc::clone(&namespace),
            id: Arc::clone(name.shared_id()),
            hash: key.hash,
        };
        let is_outside = fault::planted("registry_hook_outside_lock");
        if is_outside {
            shared.claim(pid, name, owned())?;
        }
        let mut table = namespace.lock();
        if let Some(found) = table.get(key)
            && !fault::planted("registry_overwrites")
        {
            let (name, owner) = (name.clone(), found.pid);
            return Err(RegisterError::AlreadyRegistered { name, owner });
        }
        let limit = limits.entries_per_namespace_max;
        if table.len() >= limit {
            let namespace = Arc::clone(name.shared_namespace());
            return Err(RegisterError::RegistryFull { namespace, limit });
        }
        if !is_outside {
            shared.claim(pid, name, owned())?;
        }
        let hash = key.hash;
        table.insert(hash, entry);
        Ok(())
    }

    /// Frees a name if `pid` has it. Naming the owner keeps a late call from taking the name of a
    /// successor.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`].
    pub fn unregister(&self, name: &Name, pid: Pid) -> Result<(), UpdateError> {
        let shared = &self.shared;
        let list = shared.namespaces.list();
        let namespace = list.get(name.namespace()).ok_or_else(|| not_owned(name, None))?;
        let key = namespace.key(name.local_id());
        let mut table = namespace.lock();
        let removed = table.remove(key, pid).map_err(|owner| not_owned(name, owner))?;
        if !fault::planted("registry_owner_row_left") {
            shared.owners.release(pid, namespace, name.local_id(), |hook| {
                // False when the process is dying and has taken the hook: it will find no name.
                shared.system.remove_exit_hook(pid, hook);
            });
        }
        drop(table);
        drop(removed);
        Ok(())
    }

    /// Sets the health of a name that `pid` has.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`].
    pub fn set_health(&self, name: &Name, pid: Pid, health: Health) -> Result<(), UpdateError> {
        let now = self.shared.system.env().now();
        let list = self.shared.namespaces.list();
        let namespace = list.get(name.namespace()).ok_or_else(|| not_owned(name, None))?;
        let key = namespace.key(name.local_id());
        let done = namespace.lock().set_health(key, pid, health, now);
        done.map_err(|owner| not_owned(name, owner))
    }

    /// Returns who has a name.
    ///
    /// # Consistency
    ///
    /// Never a process whose death anybody knew of when the call began. A process that is dying keeps
    /// its names until its state is dropped.
    pub fn whereis(&self, name: &Name) -> Option<Pid> {
        let list = self.shared.namespaces.list();
        let namespace = list.get(name.namespace())?;
        let key = namespace.key(name.local_id());
        namespace.lock().get(key).map(|entry| entry.pid)
    }

    /// Returns the address of who has a name, if it handles messages of type `M`.
    ///
    /// # Consistency
    ///
    /// As [`Registry::whereis`]. The address is that of one life: look the name up again when it
    /// reports a death.
    pub fn address<M: Send + 'static>(&self, name: &Name) -> Option<Address<M>> {
        self.shared.system.address(self.whereis(name)?)
    }

    /// Returns what is registered under a name.
    ///
    /// # Consistency
    ///
    /// As [`Registry::whereis`]; name, pid and metadata belong together.
    pub fn entry(&self, name: &Name) -> Option<Entry> {
        let list = self.shared.namespaces.list();
        let namespace = list.get(name.namespace())?;
        let key = namespace.key(name.local_id());
        let entry = namespace.lock().get(key).cloned();
        drop(list);
        entry.map(Arc::unwrap_or_clone)
    }

    /// Returns everybody in a namespace with a capability, whatever its health, in the order of local
    /// ids.
    ///
    /// # Consistency
    ///
    /// The answer is that of one moment.
    pub fn find_by_capability(&self, namespace: &str, capability: &str) -> Vec<Entry> {
        let list = self.shared.namespaces.list();
        let Some(namespace) = list.get(namespace) else { return Vec::new() };
        let entries: Vec<_> = namespace.lock().with_capability(capability).cloned().collect();
        drop(list);
        entries.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// Returns the first process in a namespace with a capability that is not among the excluded ones,
    /// whatever its health, in the order of local ids. Copies nothing, and looks at no more entries than
    /// it passes over.
    ///
    /// # Consistency
    ///
    /// As [`Registry::find_by_capability`].
    pub fn first_by_capability(
        &self,
        namespace: &str,
        capability: &str,
        excluded: &BTreeSet<Pid>,
    ) -> Option<Pid> {
        let list = self.shared.namespaces.list();
        let table = list.get(namespace)?.lock();
        // Data decides and not a closure: no code of the caller's runs under the lock.
        let mut pids = table.with_capability(capability).map(|entry| entry.pid);
        pids.find(|pid| !excluded.contains(pid))
    }

    /// Chooses one process in a namespace that has a capability; none if nobody has it or all who
    /// have are unhealthy.
    ///
    /// # Consistency
    ///
    /// Whoever is chosen was registered with the capability at some moment of the call.
    pub fn pick(&self, namespace: &str, capability: &str, strategy: Strategy) -> Option<Entry> {
        let list = self.shared.namespaces.list();
        let namespace = list.get(namespace)?;
        let mut candidates = match strategy {
            Strategy::RoundRobin => {
                let picked = namespace.lock().next_in_turn(capability);
                drop(list);
                return picked.map(Arc::unwrap_or_clone);
            }
            Strategy::LeastLoaded | Strategy::Random => namespace.lock().candidates(capability),
        };
        drop(list);
        // Loads are read without the lock: a record's lock per candidate would hold up the writers.
        let system = &self.shared.system;
        let start = system.env().random_below(candidates.len() as u64);
        candidates.rotate_left(usize::try_from(start).unwrap_or(0));
        let mut candidates = candidates.into_iter();
        let picked = match strategy {
            Strategy::Random => candidates.next(),
            // The random start decides among equals; whoever died meanwhile comes last.
            _ => candidates
                .min_by_key(|entry| system.info(entry.pid).map_or(u64::MAX, |info| info.depth)),
        };
        picked.map(Arc::unwrap_or_clone)
    }

    /// Returns the names of a process in order.
    pub fn names(&self, pid: Pid) -> Vec<Name> {
        self.shared.owners.row(pid).map_or_else(Vec::new, |row| row.names())
    }

    /// Returns the sizes of all tables.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for namespace in self.shared.namespaces.list().iter() {
            let table = namespace.lock();
            counts.namespaces += 1;
            counts.entries += table.len();
            counts.index_rows +=
                table.capabilities.values().map(|row| row.ids.len()).sum::<usize>();
        }
        counts.owners = self.shared.owners.len();
        counts
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Shared {
    pub(crate) fn system(&self) -> &System {
        &self.system
    }

    pub(crate) fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    pub(crate) fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Enters the owner row; the caller holds the namespace's lock.
    fn claim(self: &Arc<Self>, pid: Pid, name: &Name, owned: Owned) -> Result<(), RegisterError> {
        let limit = self.limits.names_per_process_max;
        let claimed = self.owners.claim(pid, owned, limit, |row| self.add_hook(row));
        claimed.map_err(|refused| match refused {
            Refused::TooMany => RegisterError::TooManyNames { pid, limit },
            Refused::Hook(HookError::TooMany { limit, .. }) => {
                RegisterError::TooManyHooks { pid, limit }
            }
            Refused::Leaving | Refused::Hook(_) => {
                RegisterError::NoProcess { name: name.clone(), pid }
            }
        })
    }

    fn add_hook(self: &Arc<Self>, row: Arc<OwnerRow>) -> Result<HookId, HookError> {
        // Weak, or processes would keep the registry and the registry, through its system, them.
        let shared = Arc::downgrade(self);
        self.system.add_exit_hook(row.pid, move |_| {
            if fault::planted("registry_freed_after_down") {
                retire_later(&shared, row);
            } else if let Some(shared) = shared.upgrade() {
                shared.retire(&row);
            }
        })
    }

    /// Frees all names of a dying process; see the module text.
    fn retire(&self, row: &Arc<OwnerRow>) {
        while let Some(namespace) = row.leave() {
            let mut table = namespace.lock();
            let last = row.take_last(&namespace);
            // An entry of another owner is left alone; it cannot be there while the row is ours.
            let removed = last.as_ref().map(|last| table.remove(last.key(), row.pid));
            drop(table);
            drop(removed);
        }
        drop(self.owners.forget(row));
    }
}

/// Frees the names when somebody finds the time, as registries do that only watch their processes.
/// For a planted fault.
fn retire_later(shared: &Weak<Shared>, row: Arc<OwnerRow>) {
    if let Some(shared) = shared.upgrade() {
        let env = shared.system.env().clone();
        env.spawn(async move { shared.retire(&row) });
    }
}

/// Why `name` was not changed: nobody has it, or `owner` does.
fn not_owned(name: &Name, owner: Option<Pid>) -> UpdateError {
    let name = name.clone();
    match owner {
        None => UpdateError::NotRegistered { name },
        Some(owner) => UpdateError::NotOwner { name, owner },
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for (pid, hook) in self.owners.hooks() {
            self.system.remove_exit_hook(pid, hook);
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
