//! The registry itself: registering, looking up, and giving names back at a death.
//!
//! # State
//!
//! * [`Namespace`](crate::namespace::Namespace): entries, indexes, and one writer at a time. Decides who has
//!   a name.
//! * [`OwnerRow`], one per process under its own lock: its names and its exit hook. The hook holds it, so
//!   a death finds the names without searching; everybody else finds it in [`Owners`], by pid.
//! * [`Holdings`] are both, twice: for names, and for the memberships of groups. A membership is an entry with an
//!   owner like a name, so all that is said here of names is true of it. The two have no namespace, no row and no
//!   hook in common.
//!
//! # Lock order
//!
//! A namespace's writer, a part of the owners, an owner row, then the locks of the process table and of a
//! process record (inside `add_exit_hook` and `remove_exit_hook`, which call nothing back). Only the audit
//! holds two writers, of names or of memberships (for tests, [`Registry::while_held_up`] holds one of names and then one
//! of memberships), and only it and the end of a registry hold two parts, in order. Exit hooks run without any lock of
//! `process`.
//!
//! # Why there are no ghosts
//!
//! `register` holds the writer's turn from before it enters the owner row until the entry stands.
//! The owner row is entered only if the exit hook was accepted, or stands already and does not run. A
//! new row is locked from before its hook is added until the name is in it. A process refuses hooks once
//! it is Dying, and runs its hooks before it is Dead. So for a death at any moment:
//!
//! * the process was Dying before: the hook is refused, nothing is registered;
//! * the hook is accepted: it will run. It first marks the row, after which names are refused, and then
//!   takes the writer's turn of each namespace in it. One in which a registration is under way it gets
//!   only when that entry stands, and removes it.
//!
//! A name that leaves its owner, because it is unregistered or another process gets it, stands in the owner's row
//! until that is published, in the same turn: a death meanwhile waits for the turn like any other.
//!
//! `unregister` removes an empty row and its hook under the lock of that part of the owners. If the hook
//! is gone by then the process is Dying, so no second row can come, and the hook that ends by removing
//! the row of its pid removes its own.
//!
//! The hook ends before the process is Dead, and nobody learns of the death before that. The other way
//! round, nobody else can have the name earlier: the entry stands until the hook removes it, which is
//! after `terminate` and after the state was dropped.
//!
//! Invariant I5: at every moment in which all locks are free and nobody reads, entries, index rows and
//! owner rows correspond one to one. Each change is made in all three in one turn of the writer.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foundation_env::fault;
use foundation_process::{HookError, System};
use foundation_types::{ExitReason, HookId, Pid};

use crate::error::RegisterError;
use crate::hash::Seed;
use crate::indexed::Indexed;
use crate::keeper::Keeping;
use crate::name::Name;
use crate::namespace::{Bounds, Cause, Keeper, Namespace, Pressure, Published, Settings, Warning};
use crate::namespaces::Namespaces;
use crate::owner::{Owned, OwnerRow, Owners, Refused};
use crate::patience::Patience;
use crate::revision::Revision;

/// Bounds of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Entries in one namespace; 131,072 by default.
    pub entries_per_namespace_max: usize,
    /// Bytes that the entries of one namespace carry ([`Entry::bytes`](crate::Entry::bytes)); 64 MiB by default.
    pub bytes_per_namespace_max: usize,
    /// Namespaces of names, and as many of groups; 1,024 by default. They are meant for the parts of a system,
    /// not for its data.
    pub namespaces_max: usize,
    /// Names of one process; 64 by default, so that a death is short.
    pub names_per_process_max: usize,
    /// Members of all groups in one namespace, who count once for each group; 131,072 by default.
    pub memberships_per_namespace_max: usize,
    /// Groups that one process may be in; 64 by default, so that a death is short.
    pub groups_per_process_max: usize,
    /// Watches of one namespace; 1,024 by default.
    pub watches_per_namespace_max: usize,
    /// Waits for a change of one namespace that are under way at one time, those of who sends to or calls a name that
    /// nobody has among them; 16,384 by default. They take no place of a watch. Each change of the namespace wakes
    /// them all.
    pub waits_per_namespace_max: usize,
    /// Changes that are kept for those who watch a namespace; 8,192 by default. A watch that is further behind
    /// has [`Lagged`](crate::Lagged).
    pub watch_changes_max: usize,
    /// Bytes that the registrations carry which those changes replaced or freed; 64 MiB by default. Past them the
    /// oldest changes are dropped, with the same result; the newest one is kept.
    pub watch_bytes_max: usize,
    /// Registrations of one namespace that were replaced or freed and are kept because somebody still reads a
    /// revision at which they stood; 65,536 by default. Past them nobody is waited for any longer: a view ends
    /// with [`SnapshotExpired`](crate::ReadError::SnapshotExpired), and the registry's own answers are made again.
    pub waiting_versions_max: usize,
    /// Bytes that those carry, each as if it shared nothing with another; 64 MiB by default.
    pub waiting_bytes_max: usize,
    /// How long a change waits for its turn to write in a namespace before it is refused as `Busy`; 50 ms by
    /// default, thousands of times what a turn takes. [`Registry::within`] sets it for one handle.
    pub write_wait_max: Duration,
    /// Asynchronous registrations that wait in one namespace; 1,024 by default. Past them one is refused as
    /// `Busy`; see [`Registry::register_async`].
    pub waiting_registrations_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_per_namespace_max: 1 << 17,
            bytes_per_namespace_max: 64 << 20,
            namespaces_max: 1 << 10,
            names_per_process_max: 64,
            memberships_per_namespace_max: 1 << 17,
            groups_per_process_max: 64,
            watches_per_namespace_max: 1 << 10,
            waits_per_namespace_max: 1 << 14,
            watch_changes_max: 1 << 13,
            watch_bytes_max: 64 << 20,
            waiting_versions_max: 1 << 16,
            waiting_bytes_max: 64 << 20,
            write_wait_max: Duration::from_millis(50),
            waiting_registrations_max: 1 << 10,
        }
    }
}

impl Limits {
    fn bounds(&self, held: Held) -> Bounds {
        let (entries_max, bytes_max) = match held {
            Held::Names => (self.entries_per_namespace_max, self.bytes_per_namespace_max),
            // None carries more than its name, so their number bounds their bytes too.
            Held::Memberships => (self.memberships_per_namespace_max, usize::MAX),
        };
        Bounds {
            entries_max,
            bytes_max,
            waiting_versions_max: self.waiting_versions_max,
            waiting_bytes_max: self.waiting_bytes_max,
            changes_max: self.watch_changes_max,
            change_bytes_max: self.watch_bytes_max,
        }
    }
}

/// Sizes of a registry's tables. After all processes have ended every one but `namespaces`, `expired` and `rebuilt`
/// is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Namespaces that were ever used.
    pub namespaces: usize,
    /// Registered names.
    pub entries: usize,
    /// Bytes that they carry.
    pub bytes: usize,
    /// Pairs of a slot and an indexed value that it carries.
    pub index_rows: usize,
    /// Versions and slots that wait for readers before they are taken back.
    pub waiting: usize,
    /// Watches that have not been dropped, and waits that are under way.
    pub watches: usize,
    /// Processes that have a name.
    pub owners: usize,
    /// Readers that were not waited for any longer, since the beginning; see [`Limits::waiting_versions_max`].
    pub expired: u64,
    /// How often a namespace was built anew because a writer had crashed, or on request; see
    /// [`Registry::rebuild`].
    pub rebuilt: u64,
    /// The same of groups, none of which is in the numbers above.
    pub groups: GroupCounts,
}

/// Sizes of the tables of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GroupCounts {
    /// Namespaces in which there ever was a group.
    pub namespaces: usize,
    /// Members of all groups, who count once for each group.
    pub memberships: usize,
    /// Versions and slots that wait for readers before they are taken back.
    pub waiting: usize,
    /// Watches that have not been dropped, and waits that are under way.
    pub watches: usize,
    /// Processes that are in a group.
    pub members: usize,
    /// How often one was built anew.
    pub rebuilt: u64,
}

/// A handle to the registry of a system. Cheap to clone; all clones are the same registry.
///
/// When the last handle is dropped everything is forgotten and the exit hooks are taken back.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    /// How long a change waits for its turn.
    write_wait_max: Duration,
}

pub(crate) struct Shared {
    system: System,
    limits: Limits,
    indexed: Indexed,
    names: Holdings,
    memberships: Holdings,
}

/// Which holdings are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Held {
    Names,
    Memberships,
}

/// What processes hold: the entries, and who has which.
pub(crate) struct Holdings {
    pub(crate) namespaces: Namespaces,
    pub(crate) owners: Owners,
    /// Entries of one process.
    per_process_max: usize,
}

impl Registry {
    /// Creates the registry of a system, with default limits.
    pub fn new(system: System) -> Self {
        Self::with_limits(system, Limits::default())
    }

    /// Creates a registry with limits of its own.
    pub fn with_limits(system: System, limits: Limits) -> Self {
        Self::with_indexes(system, limits, Indexed::default())
    }

    pub(crate) fn with_indexes(system: System, limits: Limits, indexed: Indexed) -> Self {
        let seed = Seed::new(system.env().random_u64());
        let write_wait_max = limits.write_wait_max;
        let shared = Arc::new_cyclic(|shared| {
            let holdings = |held, per_process_max, indexed| {
                let (seed, bounds, shared) =
                    (seed.clone(), limits.bounds(held), Weak::clone(shared));
                let owners = Owners::new(&seed);
                let keeper: Option<Arc<dyn Keeper>> = Some(Arc::new(Keeping { shared, held }));
                let settings = Settings { seed, bounds, indexed, keeper };
                let namespaces = Namespaces::new(limits.namespaces_max, settings);
                Holdings { namespaces, owners, per_process_max }
            };
            let names = holdings(Held::Names, limits.names_per_process_max, indexed.clone());
            // A membership has no fields that anybody could ask for.
            let memberships =
                holdings(Held::Memberships, limits.groups_per_process_max, Indexed::default());
            Shared { system, limits, indexed, names, memberships }
        });
        Self { shared, write_wait_max }
    }

    /// Returns a handle to the same registry whose changes, and watches that begin, wait at most this long for
    /// their turn to write, all turns of one call together. A change that would have to wait longer is refused
    /// as `Busy` and has no effect, also later. The waiting is the thread's: keep it short, or use
    /// [`Registry::register_async`].
    ///
    /// Look-ups wait for nobody; what is read as of one revision does only in the cases that the text of the crate names.
    /// What a death frees, an audit ([`invariants::check`](crate::invariants::check)), [`Registry::rebuild`] and
    /// [`Registry::counts`] wait as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use foundation_process::System;
    /// # use foundation_registry::{Name, Registry, UpdateError};
    /// # use foundation_types::Pid;
    /// # fn free(registry: &Registry, name: &Name, pid: Pid) {
    /// match registry.within(Duration::from_millis(5)).unregister(name, pid) {
    ///     Err(UpdateError::Busy { waited, .. }) => println!("still registered after {waited:?}"),
    ///     other => println!("{other:?}"),
    /// }
    /// # }
    /// ```
    #[must_use = "the handle it is called on keeps its own bound"]
    pub fn within(&self, write_wait_max: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), write_wait_max }
    }

    /// Returns the names of a process in order.
    ///
    /// # Consistency
    ///
    /// Each name that the process has from before the call until it returns, and none of another process. They are
    /// looked at one by one: of those that it gets or loses meanwhile some may be there and others not, also when that
    /// was one step. None once its death is known.
    pub fn names(&self, pid: Pid) -> Vec<Name> {
        self.shared.names.of(pid)
    }

    /// Returns how full a namespace was a moment ago; none if it was never used. Waits for nobody.
    ///
    /// When a namespace passes 90 % of its entries or bytes there is one event of `tracing`, a warning with these
    /// figures; the next may come when both have fallen below 80 %. Past a bound registering is refused, with
    /// [`RegisterError::RegistryFull`] or [`RegisterError::TooManyBytes`], until names are given back; everything
    /// else goes on.
    pub fn pressure(&self, namespace: &str) -> Option<Pressure> {
        Some(self.shared.names.namespaces.get(namespace)?.pressure())
    }

    /// Returns the sizes of all tables. Waits for the turn of each namespace, however long that takes.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for namespace in self.shared.names.namespaces.all() {
            let sizes = namespace.sizes();
            counts.namespaces += 1;
            counts.entries += sizes.entries;
            counts.bytes += sizes.bytes;
            counts.index_rows += sizes.index_rows;
            counts.waiting += sizes.waiting;
            counts.watches += sizes.watches;
            counts.expired += sizes.expired;
            counts.rebuilt += sizes.rebuilt;
        }
        counts.owners = self.shared.names.owners.len();
        let groups = &mut counts.groups;
        for namespace in self.shared.memberships.namespaces.all() {
            let sizes = namespace.sizes();
            groups.namespaces += 1;
            groups.memberships += sizes.entries;
            groups.waiting += sizes.waiting;
            groups.watches += sizes.watches;
            groups.rebuilt += sizes.rebuilt;
        }
        groups.members = self.shared.memberships.owners.len();
        counts
    }

    /// Builds everything anew that follows from what stands in a namespace, of names and of groups: indexes, owner
    /// rows, counts. Tells whether there is such a namespace.
    ///
    /// The registry does so by itself when a writer crashed in its turn, by a mistake of the registry's own, before
    /// anybody writes again: what was published stands, with its revision; what was under way is taken back; who
    /// watches has [`Lagged`](crate::Lagged); no other process notices, but those whose queued registrations were made in
    /// the same turn ([`RegisterError::Interrupted`]). An entry whose owner is dead, or has no room for an exit hook, is
    /// freed. This is for whom
    /// [`invariants::check`](crate::invariants::check) shows that something is wrong all the same. Readers go on;
    /// writers wait, for about as long as registering everybody takes.
    pub fn rebuild(&self, namespace: &str) -> bool {
        let found = |held| self.shared.holdings(held).namespaces.get(namespace);
        let found = [Held::Names, Held::Memberships].map(found);
        found.iter().flatten().for_each(|namespace| namespace.rebuild_now());
        found.iter().any(Option::is_some)
    }

    /// Runs `f` while nobody can write in a namespace, neither names nor groups, as if a turn took that long: for
    /// tests, of users too.
    #[doc(hidden)]
    pub fn while_held_up<R>(&self, namespace: &str, f: impl FnOnce() -> R) -> R {
        let found = |held| self.shared.holdings(held).namespaces.get(namespace);
        let [names, memberships] = [Held::Names, Held::Memberships].map(found);
        // The turn of names ends last: what it serves then may be strangers' code, which nobody serves in the other.
        let _names = names.map(|namespace| namespace.turn());
        let _memberships = memberships.map(|namespace| namespace.turn());
        f()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What one operation may wait.
    pub(crate) fn patience(&self) -> Patience<'_> {
        Patience::new(self.shared.system.env(), self.write_wait_max)
    }

    pub(crate) fn write_wait_max(&self) -> Duration {
        self.write_wait_max
    }
}

impl Shared {
    pub(crate) fn system(&self) -> &System {
        &self.system
    }

    pub(crate) fn namespaces(&self) -> &Namespaces {
        &self.names.namespaces
    }

    pub(crate) fn holdings(&self, held: Held) -> &Holdings {
        match held {
            Held::Names => &self.names,
            Held::Memberships => &self.memberships,
        }
    }

    /// Wakes whoever watches, whose wakers are strangers' code, and warns, which ends in a stranger's subscriber.
    pub(crate) fn finish(&self, published: Published) -> Revision {
        self.finish_in(Held::Names, published)
    }

    /// As [`Shared::finish`], of names or of memberships.
    pub(crate) fn finish_in(&self, held: Held, published: Published) -> Revision {
        if let Some(warning) = published.warning {
            self.system.contain(|| warn(held, &warning));
        }
        for waker in published.wakers {
            self.system.contain(|| waker.wake());
        }
        published.revision
    }

    pub(crate) fn indexed(&self) -> &Indexed {
        &self.indexed
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes a name out of the row of its owner; see [`Shared::release_from`].
    pub(crate) fn release(&self, pid: Pid, namespace: &Arc<Namespace>, slot: u32) {
        self.release_from(Held::Names, pid, namespace, slot);
    }

    /// Takes a slot out of the row of an owner, with its hook if it has no other; the caller has the writer's
    /// turn.
    pub(crate) fn release_from(&self, held: Held, pid: Pid, namespace: &Arc<Namespace>, slot: u32) {
        self.holdings(held).owners.release(pid, namespace, slot, |hook| {
            // False when the process is dying and has taken the hook: it will find nothing.
            self.system.remove_exit_hook(pid, hook);
        });
    }

    /// Enters a name in the row of its owner; the caller has the writer's turn.
    pub(crate) fn claim(
        self: &Arc<Self>,
        pid: Pid,
        name: &Name,
        owned: Owned,
    ) -> Result<(), RegisterError> {
        let limit = self.limits.names_per_process_max;
        self.claim_in(Held::Names, pid, owned).map_err(|refused| match refused {
            Refused::TooMany => RegisterError::TooManyNames { pid, limit },
            Refused::Hook(HookError::TooMany { limit, .. }) => {
                RegisterError::TooManyHooks { pid, limit }
            }
            Refused::Leaving | Refused::Hook(_) => {
                RegisterError::NoProcess { name: name.clone(), pid }
            }
        })
    }

    /// Enters the owner row; the caller has the writer's turn.
    pub(crate) fn claim_in(
        self: &Arc<Self>,
        held: Held,
        pid: Pid,
        owned: Owned,
    ) -> Result<(), Refused<HookError>> {
        let Holdings { owners, per_process_max, .. } = self.holdings(held);
        owners.claim(pid, owned, *per_process_max, |row| self.add_hook(held, row))
    }

    /// As [`Shared::claim_in`], of what the process had before, however much that is.
    pub(crate) fn restore(
        self: &Arc<Self>,
        held: Held,
        pid: Pid,
        owned: Owned,
    ) -> Result<(), Refused<HookError>> {
        self.holdings(held).owners.claim(pid, owned, usize::MAX, |row| self.add_hook(held, row))
    }

    fn add_hook(self: &Arc<Self>, held: Held, row: Arc<OwnerRow>) -> Result<HookId, HookError> {
        // Weak, or processes would keep the registry and the registry, through its system, them.
        let shared = Arc::downgrade(self);
        self.system.add_exit_hook(row.pid, move |exited| {
            let is_late = match held {
                Held::Names => fault::planted("registry_freed_after_down"),
                Held::Memberships => fault::planted("registry_member_after_down"),
            };
            if is_late {
                retire_later(&shared, held, row);
            } else if let Some(shared) = shared.upgrade() {
                shared.retire(held, &row, &exited.reason);
            }
        })
    }

    /// Frees all that a dying process holds, what is in a namespace at one revision; see the module text.
    fn retire(&self, held: Held, row: &Arc<OwnerRow>, reason: &ExitReason) {
        let mut crashed_in = None;
        while let Some(Owned { namespace, slot }) = row.leave() {
            let mut is_done = false;
            self.system.contain(|| {
                namespace.touch(slot);
                self.retire_from(held, row, reason, &namespace);
                is_done = true;
            });
            if !is_done {
                // What is in the row is tried again, once; what is not was nobody's when the namespace was built anew.
                let is_hopeless =
                    crashed_in.as_ref().is_some_and(|last| Arc::ptr_eq(last, &namespace));
                if is_hopeless {
                    drop(row.take(&namespace));
                    self.system.contain(|| namespace.rebuild_now());
                }
                crashed_in = Some(namespace);
            }
            if fault::planted("registry_death_stops_early") {
                break;
            }
        }
        drop(self.holdings(held).owners.forget(row));
    }

    fn retire_from(
        &self,
        held: Held,
        row: &Arc<OwnerRow>,
        reason: &ExitReason,
        namespace: &Arc<Namespace>,
    ) {
        // However long it takes: a death that gave up would leave its names to nobody.
        let mut commit = namespace.begin();
        for slot in row.take(namespace) {
            // An entry of another owner is left alone; it cannot be there while the row is ours.
            if let Some(found) = commit.owned_in(slot, row.pid) {
                commit.remove(&found, Cause::Died(reason.clone()));
            }
        }
        self.finish_in(held, commit.publish());
    }
}

impl Holdings {
    /// The names of what a process has, in order.
    pub(crate) fn of(&self, pid: Pid) -> Vec<Name> {
        let names = self.owners.row(pid).map_or_else(Vec::new, |row| names_of(&row));
        // A slot may be another's by now: a name was freed, or handed over.
        names.into_iter().filter(|(_, owner)| *owner == pid).map(|(name, _)| name).collect()
    }
}

#[cold]
pub(crate) fn warn(held: Held, Warning { namespace, pressure }: &Warning) {
    match held {
        Held::Names => tracing::warn!(
            namespace = &**namespace,
            entries = pressure.entries,
            entries_max = pressure.entries_max,
            bytes = pressure.bytes,
            bytes_max = pressure.bytes_max,
            "a namespace of the registry is nearly full; past a bound registrations are refused"
        ),
        Held::Memberships => tracing::warn!(
            namespace = &**namespace,
            memberships = pressure.entries,
            memberships_max = pressure.entries_max,
            "the groups of a namespace are nearly full; past the bound joins are refused"
        ),
    }
}

/// The names in the slots of a row, in order, and who has them.
pub(crate) fn names_of(row: &OwnerRow) -> Vec<(Name, Pid)> {
    let name = |owned: Owned| owned.namespace.name_in(owned.slot);
    let mut names: Vec<_> = row.owned().into_iter().filter_map(name).collect();
    names.sort_unstable();
    names
}

/// Frees the names when somebody finds the time, as registries do that only watch their processes.
/// For a planted fault.
fn retire_later(shared: &Weak<Shared>, held: Held, row: Arc<OwnerRow>) {
    if let Some(shared) = shared.upgrade() {
        let env = shared.system.env().clone();
        env.spawn(async move { shared.retire(held, &row, &ExitReason::Killed) });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for holdings in [&self.names, &self.memberships] {
            for (pid, hook) in holdings.owners.hooks() {
                self.system.remove_exit_hook(pid, hook);
            }
        }
    }
}

impl fmt::Debug for Registry {
    /// Waits for no turn, as [`Registry::counts`] does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespaces = self.shared.namespaces().all();
        let labels: Vec<_> = namespaces.iter().map(|namespace| &namespace.label).collect();
        f.debug_struct("Registry").field("namespaces", &labels).finish_non_exhaustive()
    }
}
