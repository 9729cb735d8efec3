//! Many changes in one step, and many registrations one by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use foundation_env::fault;
use foundation_types::{Instant, Pid};

use crate::change::{cause_of, changed_at, not_owned, refuse_taken};
use crate::entry::Entry;
use crate::error::{BatchError, RegisterError, UpdateError};
use crate::metadata::Metadata;
use crate::name::Name;
use crate::namespace::{Cause, Commit, Namespace, NotOwner, Registration, Version};
use crate::registry::Registry;
use crate::revision::Revision;

/// Operations of one batch.
const BATCH_MAX: usize = 1_024;

/// One registration of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// The process.
    pub pid: Pid,
    /// Its name.
    pub name: Name,
    /// What it can do.
    pub metadata: Metadata,
}

/// One operation of a transaction; see [`Registry::transact`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// As [`Registry::register`].
    Register(NewEntry),
    /// As [`Registry::update`], or whatever stands if no revision is expected.
    Update {
        /// The name.
        name: Name,
        /// Its owner.
        pid: Pid,
        /// The revision of the registration that the metadata was made from.
        expected: Option<Revision>,
        /// What the owner can do from then on.
        metadata: Metadata,
    },
    /// As [`Registry::hand_over`].
    HandOver {
        /// The name.
        name: Name,
        /// Its owner.
        from: Pid,
        /// Who is to have it.
        to: Pid,
    },
    /// As [`Registry::unregister`].
    Unregister {
        /// The name.
        name: Name,
        /// Its owner.
        pid: Pid,
    },
    /// Changes nothing, and refuses the transaction unless this is what stands.
    Expect {
        /// The name.
        name: Name,
        /// The revision of its registration; none if the name is to be free.
        revision: Option<Revision>,
    },
}

impl Operation {
    /// Returns the name that it is about.
    pub fn name(&self) -> &Name {
        match self {
            Self::Register(new) => &new.name,
            Self::Update { name, .. }
            | Self::HandOver { name, .. }
            | Self::Unregister { name, .. }
            | Self::Expect { name, .. } => name,
        }
    }
}

/// What one operation comes to, once it is known to be possible.
enum Step {
    Insert { slot: u32, hash: u64, entry: Entry },
    Change { found: Arc<Version>, entry: Entry },
    Remove(Arc<Version>),
    Nothing,
}

impl Registry {
    /// Makes several changes in one step: all of them or, if one is refused, none. All names are of one
    /// namespace, each is in it once, and whoever sees one change sees all. Returns the revision at which they stand.
    ///
    /// What the transaction frees is room for what it adds to the namespace, wherever it stands in it; the bound on the
    /// names of a process counts a name until the transaction is through. It holds up other writers for as long as its
    /// operations take, hence the bound on their number. Who reads, computes and then writes names what he has read
    /// with [`Operation::Expect`], and begins anew when that has changed meanwhile.
    ///
    /// # Errors
    ///
    /// [`BatchError`]: what is wrong with the batch, or the first one that is refused, in its order: one that is
    /// the first to find the namespace full, say, behind those for which there was room. All metadata is looked at
    /// before any name. At most 1,024 operations. `Busy` when the turn did not come in time ([`Registry::within`]).
    /// Nothing is changed then; a namespace that is new counts as used all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{BatchError, Metadata, Name, NewEntry, Operation, Registry};
    /// # struct Worker;
    /// # impl Process for Worker {
    /// #     type Message = String;
    /// #     async fn handle(&mut self, _: String, _: &mut Context<String>) -> Outcome { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::current();
    /// # let registry = Registry::new(system.clone());
    /// # let (old, new) = (system.spawn(Worker)?, system.spawn(Worker)?);
    /// let (leader, metadata) = (Name::new("agents", "leader")?, Metadata::new(["lead"])?);
    /// let stands = registry.register(old.pid(), leader.clone(), metadata.clone())?;
    ///
    /// let takes_over = vec![
    ///     Operation::Expect { name: Name::new("agents", "freeze")?, revision: None },
    ///     Operation::HandOver { name: leader.clone(), from: old.pid(), to: new.pid() },
    ///     Operation::Register(NewEntry {
    ///         pid: old.pid(),
    ///         name: Name::new("agents", "follower-1")?,
    ///         metadata,
    ///     }),
    /// ];
    /// let revision = registry.transact(takes_over.clone())?;
    /// assert!(revision > stands);
    /// assert_eq!(registry.whereis(&leader), Some(new.pid()));
    ///
    /// // The old leader no longer has the name: nothing is changed.
    /// let refused = registry.transact(takes_over);
    /// assert!(matches!(refused, Err(BatchError::NotChanged { index: 1, .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub fn transact(&self, operations: Vec<Operation>) -> Result<Revision, BatchError> {
        refuse_too_large(operations.len())?;
        let Some(first) = operations.first() else { return Err(BatchError::Empty) };
        let label = first.name().namespace();
        let is_elsewhere = |operation: &Operation| operation.name().namespace() != label;
        if let Some(index) = operations.iter().position(is_elsewhere) {
            return Err(BatchError::OtherNamespace { index });
        }
        let patience = &mut self.patience();
        let namespace = self.namespace_of(first.name(), patience).map_err(|error| match error {
            RegisterError::Busy { namespace, waited } => BatchError::Busy { namespace, waited },
            source => BatchError::Refused { index: 0, source },
        })?;
        let now = self.now();
        let checked = operations.into_iter().enumerate().map(|(index, mut operation)| {
            let refused = |refusal: Refusal| refusal.at(index);
            self.check(&mut operation, now).map(|()| operation).map_err(refused)
        });
        let operations = checked.collect::<Result<Vec<_>, _>>()?;
        let mut commit = namespace.begin_within(patience)?;
        let steps = self.decide(&mut commit, namespace, operations, now)?;
        self.claim_all(namespace, &steps)?;
        let mut given_up = Vec::new();
        for step in steps {
            match step {
                Step::Insert { hash, entry, .. } => {
                    commit.insert(hash, entry);
                }
                Step::Change { found, entry } => {
                    if found.entry.pid != entry.pid {
                        given_up.push((found.entry.pid, found.slot));
                    }
                    let cause = cause_of(&found, &entry);
                    commit.update(&found, entry, cause);
                }
                Step::Remove(found) => {
                    given_up.push((found.entry.pid, found.slot));
                    commit.remove(&found, Cause::Unregistered);
                }
                Step::Nothing => {}
            }
        }
        // Not before it is visible; see `Registry::publish`.
        let published = commit.publish_then(|| {
            if !fault::planted("registry_transaction_keeps_rows") {
                for (pid, slot) in given_up {
                    self.shared().release(pid, namespace, slot);
                }
            }
        });
        Ok(self.shared().finish(published))
    }

    /// Registers processes in one step: all of them or, if one is refused, none. All names are of one
    /// namespace, and whoever sees one sees all.
    ///
    /// # Errors
    ///
    /// As [`Registry::transact`].
    pub fn register_all(&self, batch: Vec<NewEntry>) -> Result<Revision, BatchError> {
        self.transact(batch.into_iter().map(Operation::Register).collect())
    }

    /// Registers processes one by one and tells of each what became of it, in the order of the batch. Each is a
    /// step of its own, so other writers are held up by none for longer than by one registration, and the names
    /// may be of several namespaces.
    ///
    /// They wait for their turns together as long as one call may ([`Registry::within`]): when that is used up,
    /// each that would have to wait is refused as `Busy`.
    ///
    /// # Errors
    ///
    /// `TooLarge` for more than 1,024; then none was registered.
    pub fn register_each(
        &self,
        batch: Vec<NewEntry>,
    ) -> Result<Vec<Result<Revision, RegisterError>>, BatchError> {
        refuse_too_large(batch.len())?;
        let patience = &mut self.patience();
        let one = |new| {
            if fault::planted("registry_patience_renewed") {
                return self.register_within(&mut self.patience(), new);
            }
            self.register_within(patience, new)
        };
        Ok(batch.into_iter().map(one).collect())
    }

    /// Checks the metadata of an operation, for which nothing has to be locked.
    fn check(&self, operation: &mut Operation, now: Instant) -> Result<(), Refusal> {
        match operation {
            Operation::Register(NewEntry { name, metadata, .. }) => {
                let checked = self.checked(name, std::mem::take(metadata), now);
                *metadata = checked.map_err(Refusal::Register)?;
            }
            Operation::Update { name, metadata, .. } => {
                let checked = self.checked(name, std::mem::take(metadata), now);
                *metadata = checked.map_err(|source| Refusal::because(name.clone(), source))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What each operation comes to, if all of them are possible in this turn. Changes nothing.
    fn decide(
        &self,
        commit: &mut Commit<'_>,
        namespace: &Namespace,
        operations: Vec<Operation>,
        now: Instant,
    ) -> Result<Vec<Step>, BatchError> {
        let mut slots = Vec::with_capacity(operations.len());
        slots.extend(commit.next_slots().take(operations.len()));
        let mut slots = slots.into_iter();
        let (mut names, mut refused) = (BTreeSet::new(), None);
        let mut steps = Vec::with_capacity(operations.len());
        for (index, operation) in operations.into_iter().enumerate() {
            let step = if names.insert(operation.name().clone()) {
                step(commit, namespace, (operation, now), &mut slots)
                    .map_err(|refusal| refusal.at(index))
            } else {
                Err(BatchError::Twice { index })
            };
            match step {
                Ok(step) => steps.push(step),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        // There may be no room for what stands before the first one that is refused.
        self.refuse_too_much(commit, namespace, &steps)?;
        refused.map_or(Ok(steps), Err)
    }

    /// Refuses the first step for which there is no room, also when all that free some have done so.
    fn refuse_too_much(
        &self,
        commit: &mut Commit<'_>,
        namespace: &Namespace,
        steps: &[Step],
    ) -> Result<(), BatchError> {
        let frees = steps.iter().map(Step::frees);
        let (entries_freed, bytes_freed) =
            frees.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        let (mut entries, mut bytes) = (0_usize, 0_usize);
        for (index, step) in steps.iter().enumerate() {
            let takes = step.takes();
            (entries, bytes) = (entries + takes.0, bytes + takes.1);
            let more = (entries.saturating_sub(entries_freed), bytes.saturating_sub(bytes_freed));
            self.refuse_full(commit, namespace, more.0, more.1)
                .map_err(|source| step.refusal(source).at(index))?;
        }
        Ok(())
    }

    /// Enters what the steps give to somebody in his row; takes it back if one of them cannot have it.
    fn claim_all(&self, namespace: &Arc<Namespace>, steps: &[Step]) -> Result<(), BatchError> {
        for (index, step) in steps.iter().enumerate() {
            let Some((entry, slot)) = step.claimed() else { continue };
            if let Err(source) = self.claim(entry, namespace, slot) {
                if !fault::planted("registry_batch_half_applied") {
                    for (entry, slot) in steps.iter().take(index).filter_map(Step::claimed) {
                        self.shared().release(entry.pid, namespace, slot);
                    }
                }
                return Err(step.refusal(source).at(index));
            }
        }
        Ok(())
    }
}

/// Why an operation is not possible.
enum Refusal {
    Register(RegisterError),
    Update(UpdateError),
}

impl Refusal {
    fn because(name: Name, source: RegisterError) -> Self {
        Self::Update(UpdateError::Refused { name, source: Box::new(source) })
    }

    fn at(self, index: usize) -> BatchError {
        match self {
            Self::Register(source) => BatchError::Refused { index, source },
            Self::Update(source) => BatchError::NotChanged { index, source },
        }
    }
}

impl Step {
    /// How many entries and bytes it adds to the namespace.
    fn takes(&self) -> (usize, usize) {
        match self {
            Self::Insert { entry, .. } => (1, entry.bytes()),
            Self::Change { found, entry } => (0, entry.bytes().saturating_sub(found.entry.bytes())),
            Self::Remove(_) | Self::Nothing => (0, 0),
        }
    }

    /// How many entries and bytes it takes away.
    fn frees(&self) -> (usize, usize) {
        match self {
            Self::Remove(found) => (1, found.entry.bytes()),
            Self::Change { found, entry } => (0, found.entry.bytes().saturating_sub(entry.bytes())),
            Self::Insert { .. } | Self::Nothing => (0, 0),
        }
    }

    /// What a process has now that it did not have before.
    fn claimed(&self) -> Option<(&Entry, u32)> {
        match self {
            Self::Insert { slot, entry, .. } => Some((entry, *slot)),
            Self::Change { found, entry } if found.entry.pid != entry.pid => {
                Some((entry, found.slot))
            }
            _ => None,
        }
    }

    fn refusal(&self, source: RegisterError) -> Refusal {
        match self {
            Self::Change { entry, .. } => Refusal::because(entry.name.clone(), source),
            _ => Refusal::Register(source),
        }
    }
}

fn refuse_too_large(len: usize) -> Result<(), BatchError> {
    if len > BATCH_MAX { Err(BatchError::TooLarge { len, len_max: BATCH_MAX }) } else { Ok(()) }
}

/// What an operation comes to, if what stands allows it.
fn step(
    commit: &Commit<'_>,
    namespace: &Namespace,
    (operation, now): (Operation, Instant),
    slots: &mut impl Iterator<Item = u32>,
) -> Result<Step, Refusal> {
    let owned = |name: &Name, pid| {
        let found = commit.find_owned(namespace.key(name), pid);
        found.map_err(|NotOwner(owner)| Refusal::Update(not_owned(name, owner)))
    };
    let expect = |name: &Name, found: &Arc<Version>, expected: Option<Revision>| {
        let stands = Registration::new(Arc::clone(found)).revision();
        let conflict = expected.filter(|expected| *expected != stands);
        let conflict = conflict.filter(|_| !fault::planted("registry_transaction_expects_nothing"));
        conflict.map_or(Ok(()), |expected| {
            let name = name.clone();
            Err(Refusal::Update(UpdateError::Conflict { name, expected, stands }))
        })
    };
    match operation {
        Operation::Register(NewEntry { pid, name, metadata }) => {
            let key = namespace.key(&name);
            refuse_taken(commit, key).map_err(Refusal::Register)?;
            let (hash, slot) = (key.hash, slots.next().unwrap_or(u32::MAX));
            let entry = Entry { name, pid, metadata, registered_at: now, updated_at: now };
            Ok(Step::Insert { slot, hash, entry })
        }
        Operation::Update { name, pid, expected, metadata } => {
            let found = owned(&name, pid)?;
            expect(&name, &found, expected)?;
            let entry = Entry { metadata, ..changed_at(&found, now) };
            Ok(Step::Change { found, entry })
        }
        Operation::HandOver { name, from, to } => {
            let found = owned(&name, from)?;
            let entry = Entry { pid: to, ..changed_at(&found, now) };
            Ok(Step::Change { found, entry })
        }
        Operation::Unregister { name, pid } => owned(&name, pid).map(Step::Remove),
        Operation::Expect { name, revision } => {
            let key = namespace.key(&name);
            match (commit.find(key), revision) {
                (None, None) => {}
                (None, Some(_)) => return Err(Refusal::Update(not_owned(&name, None))),
                (Some(_), None) => refuse_taken(commit, key).map_err(Refusal::Register)?,
                (Some(found), expected) => expect(&name, &found, expected)?,
            }
            Ok(Step::Nothing)
        }
    }
}
