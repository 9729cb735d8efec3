//! The registry itself: registering, looking up, and giving names back at a death.
//!
//! # State
//!
//! * [`Table`], one per namespace under its own lock: entries and capability index. Decides who has a
//!   name.
//! * [`Owners`], under one lock: the names of each process and its exit hook. Exists so that a death
//!   finds the names without searching.
//!
//! # Lock order
//!
//! A namespace's table, then the owners, then the locks of the process table and of a process record
//! (inside `add_exit_hook` and `remove_exit_hook`, which call nothing back). The list of namespaces is
//! locked alone. Exit hooks run without any lock of `process`.
//!
//! # Why there are no ghosts
//!
//! `register` holds the namespace's lock from before it enters the owner row until the entry stands.
//! The owner row is entered only if the exit hook was accepted, or stands already and does not run. A
//! process refuses hooks once it is Dying, and runs its hooks before it is Dead. So for a death at any
//! moment:
//!
//! * the process was Dying before: the hook is refused, nothing is registered;
//! * the hook is accepted: it will run. It first marks the row, after which names are refused, and then
//!   takes the lock of each namespace in the row. One in which a registration is under way it gets only
//!   when that entry stands, and removes it.
//!
//! The hook ends before the process is Dead, and nobody learns of the death before that. The other way
//! round, nobody else can have the name earlier: the entry stands until the hook removes it, which is
//! after `terminate` and after the state was dropped.
//!
//! Invariant I5: at every moment in which all locks are free, entries, index rows and owner rows
//! correspond one to one. Each change is made in all three while the namespace's lock is held.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_process::{Address, HookError, System};
use foundation_types::{HookId, Pid};

use crate::error::{RegisterError, UpdateError};
use crate::metadata::{Entry, Health, Metadata};
use crate::name::Name;
use crate::owner::{Owners, Refused};
use crate::pick::Strategy;
use crate::table::Table;

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
    namespaces: Mutex<BTreeMap<Arc<str>, Arc<Mutex<Table>>>>,
    owners: Mutex<Owners>,
}

impl Registry {
    /// Creates the registry of a system, with default limits.
    pub fn new(system: System) -> Self {
        Self::with_limits(system, Limits::default())
    }

    /// Creates a registry with limits of its own.
    pub fn with_limits(system: System, limits: Limits) -> Self {
        Self {
            shared: Arc::new(Shared {
                system,
                limits,
                namespaces: Mutex::new(BTreeMap::new()),
                owners: Mutex::new(Owners::default()),
            }),
        }
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
        let namespace = shared.namespace_or_new(&name)?;
        let now = shared.system.env().now();
        if fault::planted("registry_hook_outside_lock") {
            shared.claim(pid, &name)?;
        }
        let mut table = namespace.lock();
        if let Some(entry) = table.get(name.local_id())
            && !fault::planted("registry_overwrites")
        {
            return Err(RegisterError::AlreadyRegistered { name, owner: entry.pid });
        }
        let limit = shared.limits.entries_per_namespace_max;
        if table.len() >= limit {
            let namespace = Arc::clone(name.shared_namespace());
            return Err(RegisterError::RegistryFull { namespace, limit });
        }
        if !fault::planted("registry_hook_outside_lock") {
            shared.claim(pid, &name)?;
        }
        table.insert(Entry { name, pid, metadata, registered_at: now, updated_at: now });
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
        let namespace = shared.existing(name)?;
        let mut table = namespace.lock();
        table.remove(name, pid)?;
        if fault::planted("registry_owner_row_left") {
            return Ok(());
        }
        let mut owners = shared.owners.lock();
        if let Some(hook) = owners.release(pid, name) {
            // False when the process is dying and has taken the hook: it will find no row.
            shared.system.remove_exit_hook(pid, hook);
        }
        Ok(())
    }

    /// Sets the health of a name that `pid` has.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`].
    pub fn set_health(&self, name: &Name, pid: Pid, health: Health) -> Result<(), UpdateError> {
        let now = self.shared.system.env().now();
        self.shared.existing(name)?.lock().set_health(name, pid, health, now)
    }

    /// Returns who has a name.
    ///
    /// # Consistency
    ///
    /// Never a process whose death anybody knew of when the call began. A process that is dying keeps
    /// its names until its state is dropped.
    pub fn whereis(&self, name: &Name) -> Option<Pid> {
        let namespace = self.shared.namespace(name.namespace())?;
        namespace.lock().get(name.local_id()).map(|entry| entry.pid)
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
        let namespace = self.shared.namespace(name.namespace())?;
        namespace.lock().get(name.local_id()).cloned()
    }

    /// Returns everybody in a namespace with a capability, whatever its health, in the order of local
    /// ids.
    ///
    /// # Consistency
    ///
    /// The answer is that of one moment.
    pub fn find_by_capability(&self, namespace: &str, capability: &str) -> Vec<Entry> {
        let Some(namespace) = self.shared.namespace(namespace) else { return Vec::new() };
        namespace.lock().with_capability(capability).cloned().collect()
    }

    /// Chooses one process in a namespace that has a capability; none if nobody has it or all who
    /// have are unhealthy.
    ///
    /// # Consistency
    ///
    /// Whoever is chosen was registered with the capability at some moment of the call.
    pub fn pick(&self, namespace: &str, capability: &str, strategy: Strategy) -> Option<Entry> {
        let namespace = self.shared.namespace(namespace)?;
        let mut candidates = match strategy {
            Strategy::RoundRobin => return namespace.lock().next_in_turn(capability),
            Strategy::LeastLoaded | Strategy::Random => namespace.lock().candidates(capability),
        };
        // Loads are read without the lock: a record's lock per candidate would hold up the writers.
        let system = &self.shared.system;
        let start = system.env().random_below(candidates.len() as u64);
        candidates.rotate_left(usize::try_from(start).unwrap_or(0));
        let mut candidates = candidates.into_iter();
        match strategy {
            Strategy::Random => candidates.next(),
            // The random start decides among equals; whoever died meanwhile comes last.
            _ => candidates
                .min_by_key(|entry| system.info(entry.pid).map_or(u64::MAX, |info| info.depth)),
        }
    }

    /// Returns the names of a process in order.
    pub fn names(&self, pid: Pid) -> Vec<Name> {
        self.shared.owners.lock().names(pid)
    }

    /// Returns the sizes of all tables.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, namespace) in self.shared.all() {
            let table = namespace.lock();
            counts.namespaces += 1;
            counts.entries += table.len();
            counts.index_rows +=
                table.capabilities.values().map(|row| row.ids.len()).sum::<usize>();
        }
        counts.owners = self.shared.owners.lock().rows.len();
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

    pub(crate) fn owners(&self) -> &Mutex<Owners> {
        &self.owners
    }

    /// Returns every namespace in the order of names.
    pub(crate) fn all(&self) -> Vec<(Arc<str>, Arc<Mutex<Table>>)> {
        let namespaces = self.namespaces.lock();
        namespaces.iter().map(|(name, table)| (Arc::clone(name), Arc::clone(table))).collect()
    }

    fn namespace(&self, name: &str) -> Option<Arc<Mutex<Table>>> {
        let namespaces = self.namespaces.lock();
        if fault::planted("registry_namespace_ignored") {
            return namespaces.values().next().cloned();
        }
        namespaces.get(name).cloned()
    }

    fn existing(&self, name: &Name) -> Result<Arc<Mutex<Table>>, UpdateError> {
        let missing = || UpdateError::NotRegistered { name: name.clone() };
        self.namespace(name.namespace()).ok_or_else(missing)
    }

    fn namespace_or_new(&self, name: &Name) -> Result<Arc<Mutex<Table>>, RegisterError> {
        let mut namespaces = self.namespaces.lock();
        if let Some(table) = namespaces.get(name.namespace()) {
            return Ok(Arc::clone(table));
        }
        let namespace = Arc::clone(name.shared_namespace());
        let limit = self.limits.namespaces_max;
        if namespaces.len() >= limit {
            return Err(RegisterError::TooManyNamespaces { namespace, limit });
        }
        let table = Arc::new(Mutex::new(Table::default()));
        namespaces.insert(namespace, Arc::clone(&table));
        Ok(table)
    }

    /// Enters the owner row; the caller holds the namespace's lock.
    fn claim(self: &Arc<Self>, pid: Pid, name: &Name) -> Result<(), RegisterError> {
        let limit = self.limits.names_per_process_max;
        let mut owners = self.owners.lock();
        owners.claim(pid, name, limit, || self.add_hook(pid)).map_err(|refused| match refused {
            Refused::TooMany => RegisterError::TooManyNames { pid, limit },
            Refused::Hook(HookError::TooMany { limit, .. }) => {
                RegisterError::TooManyHooks { pid, limit }
            }
            Refused::Leaving | Refused::Hook(_) => {
                RegisterError::NoProcess { name: name.clone(), pid }
            }
        })
    }

    fn add_hook(self: &Arc<Self>, pid: Pid) -> Result<HookId, HookError> {
        // Weak, or processes would keep the registry and the registry, through its system, them.
        let shared = Arc::downgrade(self);
        self.system.add_exit_hook(pid, move |_| {
            if fault::planted("registry_freed_after_down") {
                retire_later(&shared, pid);
            } else if let Some(shared) = shared.upgrade() {
                shared.retire(pid);
            }
        })
    }

    /// Frees all names of a dying process; see the module text.
    fn retire(&self, pid: Pid) {
        let namespaces = self.owners.lock().leave(pid);
        for namespace in namespaces {
            let Some(table) = self.namespace(&namespace) else { continue };
            let mut table = table.lock();
            let ids = self.owners.lock().release_all(pid, &namespace);
            for id in ids {
                // An entry of another owner is left alone; it cannot be there while the row is ours.
                drop(table.remove(&Name::from_parts(&namespace, &id), pid));
            }
        }
    }
}

/// Frees the names when somebody finds the time, as registries do that only watch their processes.
/// For a planted fault.
fn retire_later(shared: &Weak<Shared>, pid: Pid) {
    if let Some(shared) = shared.upgrade() {
        let env = shared.system.env().clone();
        env.spawn(async move { shared.retire(pid) });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for (pid, hook) in self.owners.lock().hooks() {
            self.system.remove_exit_hook(pid, hook);
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
