//! Joining, leaving, and who is in which group.

use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_env::fault;
use foundation_process::HookError;
use foundation_types::Pid;

use super::{Group, JoinError, LeaveError};
use crate::ask;
use crate::indexed::Attribute;
use crate::namespace::Cause;
use crate::namespaces::NoNamespace;
use crate::owner::{Owned, Refused};
use crate::registry::{Held, Registry};

impl Registry {
    /// Makes a process a member of a group, until it leaves or dies. Tells whether it was none before: a process
    /// is in a group once, however often it joins, and leaves it once. (The process groups of OTP count joins.)
    ///
    /// # Errors
    ///
    /// `NoProcess` when the process is dying or dead; `Busy` when the turn to write did not come in time
    /// ([`Registry::within`]); the others when a bound is reached. A namespace that is new counts as used all the
    /// same.
    ///
    /// # Consistency
    ///
    /// When it returns, everybody who asks finds the member, until its death or its leave begins.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{Group, Registry};
    /// # #[derive(Clone)]
    /// # struct Refresh;
    /// # struct Worker;
    /// # impl Process for Worker {
    /// #     type Message = Refresh;
    /// #     async fn handle(&mut self, _: Refresh, _: &mut Context<Refresh>) -> Outcome { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::current();
    /// # let registry = Registry::new(system.clone());
    /// let readers = Group::new("agents", "readers")?;
    /// let (first, second) = (system.spawn(Worker)?, system.spawn(Worker)?);
    /// registry.join(&readers, first.pid())?;
    /// registry.join(&readers, second.pid())?;
    /// assert_eq!(registry.members(&readers), [first.pid(), second.pid()]);
    ///
    /// let deadline = system.deadline(std::time::Duration::from_secs(1));
    /// let deliveries = registry.broadcast(&readers, &Refresh, deadline).await?;
    /// assert!(deliveries.iter().all(|delivery| delivery.is_accepted()));
    ///
    /// let down = system.monitor(first.pid());
    /// system.kill(first.pid());
    /// down.await;
    /// assert_eq!(registry.members(&readers), [second.pid()]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn join(&self, group: &Group, pid: Pid) -> Result<bool, JoinError> {
        let shared = self.shared();
        let namespaces = &shared.holdings(Held::Memberships).namespaces;
        let patience = &mut self.patience();
        let namespace = namespaces.get_or_new(&group.namespace, patience);
        let namespace = namespace.map_err(|none| match none {
            NoNamespace::TooMany(limit) => {
                JoinError::TooManyNamespaces { namespace: Arc::clone(&group.namespace), limit }
            }
            NoNamespace::Busy(busy) => busy.into(),
        })?;
        let entry = group.membership(pid, shared.system().env().now());
        let key = namespace.key(&entry.name);
        let hash = key.hash;
        let mut commit = namespace.begin_within(patience)?;
        let is_member = commit.find(key).is_some();
        if is_member && !fault::planted("registry_joined_twice") {
            return Ok(false);
        }
        let limit = shared.limits().memberships_per_namespace_max;
        if commit.writer().entries() >= limit {
            return Err(JoinError::Full { namespace: Arc::clone(&group.namespace), limit });
        }
        let slot = commit.next_slots().next().unwrap_or(u32::MAX);
        let owned = Owned { namespace: Arc::clone(namespace), slot };
        let claimed = shared.claim_in(Held::Memberships, pid, owned);
        claimed.map_err(|refused| match refused {
            Refused::TooMany => {
                JoinError::TooManyGroups { pid, limit: shared.limits().groups_per_process_max }
            }
            Refused::Hook(HookError::TooMany { limit, .. }) => {
                JoinError::TooManyHooks { pid, limit }
            }
            Refused::Leaving | Refused::Hook(_) => {
                JoinError::NoProcess { group: group.clone(), pid }
            }
        })?;
        commit.insert(hash, entry);
        shared.finish_in(Held::Memberships, commit.publish());
        Ok(true)
    }

    /// Takes a process out of a group. Tells whether it was a member.
    ///
    /// # Errors
    ///
    /// `Busy` when the turn to write did not come in time ([`Registry::within`]).
    pub fn leave(&self, group: &Group, pid: Pid) -> Result<bool, LeaveError> {
        let shared = self.shared();
        let namespaces = &shared.holdings(Held::Memberships).namespaces;
        let Some(namespace) = namespaces.get(group.namespace()) else { return Ok(false) };
        let name = group.name_of(pid);
        let key = namespace.key(&name);
        let mut commit = namespace.begin_within(&mut self.patience())?;
        let Ok(found) = commit.find_owned(key, pid) else { return Ok(false) };
        commit.remove(&found, Cause::Unregistered);
        // Not before it is visible, or who learns of a death meanwhile would still find the dead.
        let give_up = || shared.release_from(Held::Memberships, pid, namespace, found.slot);
        if fault::planted("registry_member_given_up_unpublished") {
            give_up();
        }
        let published = commit.publish_then(give_up);
        shared.finish_in(Held::Memberships, published);
        Ok(true)
    }

    /// Returns the members of a group, in the order of their pids.
    ///
    /// # Consistency
    ///
    /// The members at one moment, each once. Never a process whose death anybody knew of when the call began; a
    /// process that is dying is a member until its state is dropped.
    pub fn members(&self, group: &Group) -> Vec<Pid> {
        let mut members: Vec<_> = self.answer_in(Held::Memberships, group.namespace(), |reading| {
            let carriers = reading.carriers(Attribute::Capability, group.label());
            let versions = reading.versions(&carriers);
            let members = versions.filter(|version| version.entry.metadata.has(group.label()));
            members.map(|version| version.entry.pid).collect()
        });
        members.sort_unstable();
        members
    }

    /// Returns how many members a group has. Looks at no member of which nothing has just changed.
    ///
    /// # Consistency
    ///
    /// As [`Registry::members`].
    pub fn member_count(&self, group: &Group) -> usize {
        self.answer_in(Held::Memberships, group.namespace(), |reading| {
            let carriers = reading.carriers(Attribute::Capability, group.label());
            reading.count(&carriers, true, |version| version.entry.metadata.has(group.label()))
        })
    }

    /// Tells whether a process is in a group.
    ///
    /// # Consistency
    ///
    /// As [`Registry::members`].
    pub fn is_member(&self, group: &Group, pid: Pid) -> bool {
        let namespaces = &self.shared().holdings(Held::Memberships).namespaces;
        let Some(namespace) = namespaces.get(group.namespace()) else { return false };
        namespace.lookup(namespace.key(&group.name_of(pid)), |_| ()).is_some()
    }

    /// Returns the groups that a process is in, in order.
    ///
    /// # Consistency
    ///
    /// Each group that it is in from before the call until it returns. They are looked at one by one: one that it joins
    /// or leaves meanwhile may be there or not. None once its death is known.
    pub fn groups_of(&self, pid: Pid) -> Vec<Group> {
        let memberships = self.shared().holdings(Held::Memberships).of(pid);
        let mut groups: Vec<_> = memberships.iter().filter_map(Group::of).collect();
        // The order of memberships is another one: `a` comes before `a-b`, and `a-b/` before `a/`.
        groups.sort_unstable();
        groups
    }

    /// Returns the groups of a namespace that have a member, with the number of members of each.
    ///
    /// # Consistency
    ///
    /// All as of one moment.
    pub fn groups(&self, namespace: &str) -> BTreeMap<Group, usize> {
        let labels: Vec<_> = self.answer_in(Held::Memberships, namespace, |reading| {
            // A group is a capability of its memberships.
            ask::count_by_every_capability(reading)
        });
        let namespace: Arc<str> = namespace.into();
        let group = |label| Group { namespace: Arc::clone(&namespace), label };
        labels.into_iter().map(|(label, count)| (group(label), count)).collect()
    }
}
