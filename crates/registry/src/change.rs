//! Changing: registering, updating, handing over, unregistering.

use std::sync::Arc;

use foundation_env::fault;
use foundation_types::{Instant, Pid};

use crate::batch::NewEntry;
use crate::entry::Entry;
use crate::error::{RegisterError, UpdateError, WatchError};
use crate::indexed::Indexed;
use crate::label::{LabelKind, checked};
use crate::metadata::{Metadata, MetadataError};
use crate::name::Name;
use crate::namespace::{Cause, Commit, Key, Namespace, NotOwner, Purpose, Registration, Version};
use crate::namespaces::NoNamespace;
use crate::owner::Owned;
use crate::patience::Patience;
use crate::registry::{Held, Registry};
use crate::revision::Revision;
use crate::watch::{Snapshot, Watch, Watched};

impl Registry {
    /// Registers a process under a name, until it dies or is unregistered. Never overwrites.
    ///
    /// A process may have several names; each has metadata of its own. Returns the revision of the namespace
    /// at which the name is there.
    ///
    /// # Errors
    ///
    /// `AlreadyRegistered` names the owner, which may be the process itself; `NoProcess` when the
    /// process is dying or dead; `Busy` when the turn did not come in time ([`Registry::within`]); the others
    /// when a bound is reached. Nothing is registered then; a namespace that is new counts as used all the same.
    pub fn register(
        &self,
        pid: Pid,
        name: Name,
        metadata: Metadata,
    ) -> Result<Revision, RegisterError> {
        self.register_within(&mut self.patience(), NewEntry { pid, name, metadata })
    }

    /// As [`Registry::register`], with what is left of a caller's patience.
    pub(crate) fn register_within(
        &self,
        patience: &mut Patience<'_>,
        new: NewEntry,
    ) -> Result<Revision, RegisterError> {
        let namespace = self.namespace_of(&new.name, patience)?;
        let entry = self.entry(new, self.now())?;
        let hash = namespace.key(&entry.name).hash;
        let late = fault::planted("registry_hook_outside_lock").then(|| entry.clone());
        let mut commit = namespace.begin_within(patience)?;
        let slot = self.enter(&mut commit, namespace, hash, entry, late.is_none())?;
        let revision = self.shared().finish(commit.publish());
        if let Some(entry) = late {
            self.claim(&entry, namespace, slot)?;
        }
        Ok(revision)
    }

    /// Registers a process under a name, whoever has it; returns what stood there. The name is never free in
    /// between. Whoever had it is not told: watch the name, or unregister it first. Of the owner itself it is an
    /// update, and that is what a watch tells; but the time of the registration is that of the call.
    ///
    /// # Errors
    ///
    /// As [`Registry::register`], but for `AlreadyRegistered`.
    pub fn replace(
        &self,
        pid: Pid,
        name: Name,
        metadata: Metadata,
    ) -> Result<(Revision, Option<Registration>), RegisterError> {
        let patience = &mut self.patience();
        let namespace = self.namespace_of(&name, patience)?;
        let entry = self.entry(NewEntry { pid, name, metadata }, self.now())?;
        let key = namespace.key(&entry.name);
        let hash = key.hash;
        let mut commit = namespace.begin_within(patience)?;
        let Some(found) = commit.find(key) else {
            self.refuse_full(&mut commit, namespace, 1, entry.bytes())?;
            let slot = commit.next_slots().next().unwrap_or(u32::MAX);
            self.claim(&entry, namespace, slot)?;
            commit.insert(hash, entry);
            return Ok((self.shared().finish(commit.publish()), None));
        };
        let more = entry.bytes().saturating_sub(found.entry.bytes());
        self.refuse_full(&mut commit, namespace, 0, more)?;
        self.claim_from(namespace, &found, &entry)?;
        let cause = cause_of(&found, &entry);
        commit.update(&found, entry, cause);
        let revision = self.publish(commit, namespace, &found);
        Ok((revision, Some(Registration::new(found))))
    }

    /// Gives a name of one process to another, with its metadata. The name is never free in between. Giving it to
    /// who has it is an update that changes nothing but its moment.
    ///
    /// # Errors
    ///
    /// [`UpdateError`] when `from` does not have the name, or `to` cannot have it; `Busy` when the turn did not come in
    /// time ([`Registry::within`]).
    pub fn hand_over(&self, name: &Name, from: Pid, to: Pid) -> Result<Revision, UpdateError> {
        let now = self.now();
        self.change(name, from, |commit, namespace, found| {
            let entry = Entry { pid: to, ..changed_at(found, now) };
            let refused =
                |source| UpdateError::Refused { name: name.clone(), source: Box::new(source) };
            self.claim_from(namespace, found, &entry).map_err(refused)?;
            let cause = cause_of(found, &entry);
            commit.update(found, entry, cause);
            Ok(())
        })
    }

    /// Frees a name if `pid` has it. Naming the owner keeps a late call from taking the name of a
    /// successor. Returns the revision at which the name is free.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`].
    pub fn unregister(&self, name: &Name, pid: Pid) -> Result<Revision, UpdateError> {
        self.change(name, pid, |commit, _, found| {
            commit.remove(found, Cause::Unregistered);
            Ok(())
        })
    }

    /// As [`Registry::unregister`], for names that may be gone already: tells whether it was there.
    ///
    /// # Errors
    ///
    /// `NotOwner` when another process has the name; `Busy` when the turn did not come in time ([`Registry::within`]).
    pub fn unregister_if_present(&self, name: &Name, pid: Pid) -> Result<bool, UpdateError> {
        match self.unregister(name, pid) {
            Ok(_) => Ok(true),
            Err(UpdateError::NotRegistered { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sets the metadata of a name that `pid` has, if nothing has changed it since `expected`, the revision of
    /// the [`Registration`] it was made from.
    ///
    /// # Errors
    ///
    /// `Conflict` tells the revision that stands; look the name up again. Else see [`UpdateError`].
    pub fn update(
        &self,
        name: &Name,
        pid: Pid,
        expected: Revision,
        metadata: Metadata,
    ) -> Result<Revision, UpdateError> {
        self.update_within(&mut self.patience(), name, pid, (expected, metadata))
    }

    /// As [`Registry::update`], with what is left of a caller's patience.
    pub(crate) fn update_within(
        &self,
        patience: &mut Patience<'_>,
        name: &Name,
        pid: Pid,
        (expected, metadata): (Revision, Metadata),
    ) -> Result<Revision, UpdateError> {
        let now = self.now();
        self.change_within(patience, name, pid, |commit, namespace, found| {
            let stands = Registration::new(Arc::clone(found)).revision();
            if stands != expected && !fault::planted("registry_update_unconditional") {
                return Err(UpdateError::Conflict { name: name.clone(), expected, stands });
            }
            let refused =
                |source| UpdateError::Refused { name: name.clone(), source: Box::new(source) };
            let metadata = self.checked(name, metadata, now).map_err(refused)?;
            let entry = Entry { metadata, ..changed_at(found, now) };
            let more = entry.bytes().saturating_sub(found.entry.bytes());
            self.refuse_full(commit, namespace, 0, more).map_err(refused)?;
            commit.update(found, entry, Cause::Updated);
            Ok(())
        })
    }

    /// Watches a namespace: returns what matches now, and a watch that tells of every change after that, also
    /// of what matches no longer. `interest` is asked by whoever reads the watch.
    ///
    /// # Errors
    ///
    /// [`WatchError`]: the label is not acceptable, or a bound is reached; `Busy` when the turn did not come in time
    /// ([`Registry::within`]), since a watch begins between two changes. A namespace that is new counts as used from
    /// then on, whether anything is ever registered in it or not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{Metadata, Name, Registry, WatchChange};
    /// # struct Worker;
    /// # impl Process for Worker {
    /// #     type Message = String;
    /// #     async fn handle(&mut self, _: String, _: &mut Context<String>) -> Outcome { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::current();
    /// # let registry = Registry::new(system.clone());
    /// # let worker = system.spawn(Worker)?;
    /// let (now, mut watch) = registry.watch("agents", |entry| entry.metadata.has("text.read"))?;
    /// assert!(now.registrations.is_empty());
    ///
    /// let name = Name::new("agents", "reader-1")?;
    /// registry.register(worker.pid(), name, Metadata::new(["text.read"])?)?;
    /// system.kill(worker.pid());
    ///
    /// let event = watch.changed().await?;
    /// assert!(matches!(event.change, WatchChange::Registered(_)));
    /// let event = watch.changed().await?;
    /// assert!(matches!(event.change, WatchChange::Died { .. }));
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(
        &self,
        namespace: &str,
        interest: impl Fn(&Entry) -> bool + Send + Sync + 'static,
    ) -> Result<(Snapshot, Watch), WatchError> {
        let label = checked(LabelKind::Namespace, namespace).map_err(WatchError::Label)?;
        let watched = Watched { held: Held::Names, label, interest: Box::new(interest) };
        let mut watch = self.begin_watch(watched, Purpose::Watch, &mut self.patience())?;
        Ok((watch.resynchronise(), watch))
    }

    /// Lets `f` change what stands under a name, if `pid` owns it.
    pub(crate) fn change(
        &self,
        name: &Name,
        pid: Pid,
        f: impl FnOnce(&mut Commit<'_>, &Arc<Namespace>, &Arc<Version>) -> Result<(), UpdateError>,
    ) -> Result<Revision, UpdateError> {
        self.change_within(&mut self.patience(), name, pid, f)
    }

    /// As [`Registry::change`], with what is left of a caller's patience.
    pub(crate) fn change_within(
        &self,
        patience: &mut Patience<'_>,
        name: &Name,
        pid: Pid,
        f: impl FnOnce(&mut Commit<'_>, &Arc<Namespace>, &Arc<Version>) -> Result<(), UpdateError>,
    ) -> Result<Revision, UpdateError> {
        let namespace = self.shared().namespaces().get(name.parts().0);
        let namespace = namespace.ok_or_else(|| not_owned(name, None))?;
        let key = namespace.key(name);
        let mut commit = namespace.begin_within(patience)?;
        let found = commit.find_owned(key, pid);
        let found = found.map_err(|NotOwner(owner)| not_owned(name, owner))?;
        f(&mut commit, namespace, &found)?;
        Ok(self.publish(commit, namespace, &found))
    }

    /// Publishes a change of what was found, and lets its owner give the slot up if that has another now, or none.
    ///
    /// Not before the change is visible: until then a death of that owner has to wait for this turn, or whoever
    /// learned of it would still find the dead.
    fn publish(
        &self,
        commit: Commit<'_>,
        namespace: &Arc<Namespace>,
        found: &Arc<Version>,
    ) -> Revision {
        let (pid, slot) = (found.entry.pid, found.slot);
        let keeps = match commit.owner_of(slot) {
            Some(owner) => owner == pid || fault::planted("registry_old_owner_keeps_row"),
            None => fault::planted("registry_owner_row_left"),
        };
        let give_up = || self.shared().release(pid, namespace, slot);
        if !keeps && fault::planted("registry_given_up_unpublished") {
            give_up();
        }
        let published = commit.publish_then(|| {
            if !keeps {
                give_up();
            }
        });
        self.shared().finish(published)
    }

    pub(crate) fn now(&self) -> Instant {
        self.shared().system().env().now()
    }

    pub(crate) fn namespace_of(
        &self,
        name: &Name,
        patience: &mut Patience<'_>,
    ) -> Result<&Arc<Namespace>, RegisterError> {
        let label = name.namespace();
        self.shared().namespaces().get_or_new(label, patience).map_err(|none| match none {
            NoNamespace::TooMany(limit) => {
                RegisterError::TooManyNamespaces { namespace: label.into(), limit }
            }
            NoNamespace::Busy(busy) => busy.into(),
        })
    }

    pub(crate) fn entry(&self, new: NewEntry, now: Instant) -> Result<Entry, RegisterError> {
        let NewEntry { pid, name, metadata } = new;
        let metadata = self.checked(&name, metadata, now)?;
        Ok(Entry { name, pid, metadata, registered_at: now, updated_at: now })
    }

    /// Refuses metadata with instants that cannot be, or that would cost the index too much; sets those that were not
    /// given.
    pub(crate) fn checked(
        &self,
        name: &Name,
        metadata: Metadata,
        now: Instant,
    ) -> Result<Metadata, RegisterError> {
        let refused = |source| RegisterError::Metadata { name: name.clone(), source };
        let metadata = if fault::planted("registry_metadata_unchecked") {
            metadata
        } else {
            metadata.checked(now).map_err(refused)?
        };
        let Some(path) = self.shared().indexed().too_long(&metadata) else { return Ok(metadata) };
        let what = "values in a list that is indexed";
        Err(refused(MetadataError::too_many(path, what, Indexed::VALUES_MAX)))
    }

    /// Enters a name that is to be free, in the writer's turn, and returns its slot.
    pub(crate) fn enter(
        &self,
        commit: &mut Commit<'_>,
        namespace: &Arc<Namespace>,
        hash: u64,
        entry: Entry,
        claims: bool,
    ) -> Result<u32, RegisterError> {
        refuse_taken(commit, Key { name: &entry.name, hash })?;
        self.refuse_full(commit, namespace, 1, entry.bytes())?;
        if claims {
            let slot = commit.next_slots().next().unwrap_or(u32::MAX);
            self.claim(&entry, namespace, slot)?;
        }
        Ok(commit.insert(hash, entry))
    }

    /// Refuses what would add more than there is room for.
    pub(crate) fn refuse_full(
        &self,
        commit: &mut Commit<'_>,
        namespace: &Namespace,
        entries: usize,
        bytes: usize,
    ) -> Result<(), RegisterError> {
        let (writer, limits) = (commit.writer(), self.shared().limits());
        let limit = limits.entries_per_namespace_max;
        if entries > 0 && writer.entries() + entries > limit {
            let namespace = Arc::clone(&namespace.label);
            return Err(RegisterError::RegistryFull { namespace, limit });
        }
        let limit = limits.bytes_per_namespace_max;
        if bytes > 0 && writer.bytes() + bytes > limit {
            let namespace = Arc::clone(&namespace.label);
            return Err(RegisterError::TooManyBytes { namespace, limit });
        }
        Ok(())
    }

    pub(crate) fn claim(
        &self,
        entry: &Entry,
        namespace: &Arc<Namespace>,
        slot: u32,
    ) -> Result<(), RegisterError> {
        let owned = Owned { namespace: Arc::clone(namespace), slot };
        self.shared().claim(entry.pid, &entry.name, owned)
    }

    /// Enters a slot in the row of whom an entry gives it to; its owner keeps it until that is published.
    pub(crate) fn claim_from(
        &self,
        namespace: &Arc<Namespace>,
        found: &Arc<Version>,
        entry: &Entry,
    ) -> Result<(), RegisterError> {
        if found.entry.pid == entry.pid {
            return Ok(());
        }
        if fault::planted("registry_released_before_claim") {
            self.shared().release(found.entry.pid, namespace, found.slot);
        }
        self.claim(entry, namespace, found.slot)
    }
}

/// What puts an entry in the place of what stands: nobody is replaced by itself.
pub(crate) fn cause_of(found: &Version, entry: &Entry) -> Cause {
    if found.entry.pid == entry.pid && !fault::planted("registry_replaced_by_itself") {
        Cause::Updated
    } else {
        Cause::Replaced
    }
}

pub(crate) fn refuse_taken(commit: &Commit<'_>, key: Key<'_>) -> Result<(), RegisterError> {
    match commit.find(key) {
        Some(found) if !fault::planted("registry_overwrites") => {
            let (name, owner) = (key.name.clone(), found.entry.pid);
            Err(RegisterError::AlreadyRegistered { name, owner })
        }
        _ => Ok(()),
    }
}

/// What stands, changed at a moment; clocks are read before the writer's turn, and time does not go back.
pub(crate) fn changed_at(found: &Version, now: Instant) -> Entry {
    Entry { updated_at: now.max(found.entry.updated_at), ..found.entry.clone() }
}

/// Why `name` was not changed: nobody has it, or `owner` does.
pub(crate) fn not_owned(name: &Name, owner: Option<Pid>) -> UpdateError {
    let name = name.clone();
    match owner {
        None => UpdateError::NotRegistered { name },
        Some(owner) => UpdateError::NotOwner { name, owner },
    }
}
