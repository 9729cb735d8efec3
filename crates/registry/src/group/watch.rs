//! Watching a group, and waiting for its first member.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use foundation_types::{Deadline, ExitReason, Pid};

use super::Group;
use crate::entry::Entry;
use crate::error::{AwaitError, WatchError};
use crate::namespace::Purpose;
use crate::registry::{Held, Registry};
use crate::revision::Revision;
use crate::watch::{Lagged, Watch, WatchChange, WatchEvent, Watched};

/// Something that happened to a group.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GroupEvent {
    /// The revision of the groups of the namespace at which it became so. They have revisions of their own,
    /// apart from those of its names.
    pub revision: Revision,
    /// Who came or went.
    pub pid: Pid,
    /// What it did.
    pub change: GroupChange,
}

/// What a member did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum GroupChange {
    /// It became a member.
    Joined,
    /// It is no longer a member, and lives on.
    Left,
    /// It died, for this reason.
    Died(ExitReason),
}

/// Who was in a group when a watch began.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GroupSnapshot {
    /// The revision of the groups of the namespace.
    pub revision: Revision,
    /// The members at that revision, in the order of their pids.
    pub members: Vec<Pid>,
}

/// Every change of a group after one revision. Made by [`Registry::watch_group`]; dropping it ends it.
#[must_use = "dropping a watch ends it"]
pub struct GroupWatch {
    group: Group,
    watch: Watch,
}

impl GroupWatch {
    /// Returns the group that is watched.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Waits for the next change of the group.
    ///
    /// # Errors
    ///
    /// [`Lagged`] when changes were thrown away, each time until [`GroupWatch::resynchronise`] is called. It
    /// counts the changes of all groups of the namespace.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no change is lost.
    pub async fn changed(&mut self) -> Result<GroupEvent, Lagged> {
        poll_fn(|cx| self.poll_changed(cx)).await
    }

    /// As [`GroupWatch::changed`], for a hand-written future; may be pending as [`Watch::poll_changed`] may.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Result<GroupEvent, Lagged>> {
        loop {
            let Poll::Ready(event) = self.watch.poll_changed(cx) else { return Poll::Pending };
            match event.map(event_of) {
                Ok(Some(event)) => return Poll::Ready(Ok(event)),
                Ok(None) => {}
                Err(lagged) => return Poll::Ready(Err(lagged)),
            }
        }
    }

    /// Goes on from the newest revision, and returns who is a member at it. Changes that have not been read are
    /// skipped.
    pub fn resynchronise(&mut self) -> GroupSnapshot {
        let snapshot = self.watch.resynchronise();
        let mut members: Vec<_> = snapshot.registrations.iter().map(|found| found.pid).collect();
        members.sort_unstable();
        GroupSnapshot { revision: snapshot.revision, members }
    }
}

/// What a change of a membership is for its group. A membership only comes and goes.
fn event_of(event: WatchEvent) -> Option<GroupEvent> {
    let (pid, change) = match event.change {
        WatchChange::Registered(found) => (found.pid, GroupChange::Joined),
        WatchChange::Unregistered(found) => (found.pid, GroupChange::Left),
        WatchChange::Died { before, reason } => (before.pid, GroupChange::Died(reason)),
        _ => return None,
    };
    Some(GroupEvent { revision: event.revision, pid, change })
}

impl fmt::Debug for GroupWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupWatch({})", self.group)
    }
}

impl Registry {
    /// Watches a group: returns who is in it, and a watch that tells of everybody who comes or goes after that.
    ///
    /// # Errors
    ///
    /// [`WatchError`] when a bound is reached: there are as many namespaces with groups as there may be, or as
    /// many watches of the namespace's groups; `Busy` when the turn did not come in time ([`Registry::within`]), since
    /// a watch begins between two changes. A namespace that is new to groups counts as used from then on, whether
    /// anybody ever joins or not.
    ///
    /// # Consistency
    ///
    /// The watch goes on exactly where the snapshot ends: in order, without a gap, and nothing twice. When it
    /// tells of a death the process is in no group any more.
    pub fn watch_group(&self, group: &Group) -> Result<(GroupSnapshot, GroupWatch), WatchError> {
        let watch = self.begin_watch(watched(group), Purpose::Watch, &mut self.patience())?;
        let mut watch = GroupWatch { group: group.clone(), watch };
        Ok((watch.resynchronise(), watch))
    }

    /// Waits until a group has a member, and returns one. Waits as [`Registry::await_registered`] does. A namespace that
    /// is new to groups counts as used from then on, whether anybody ever joins or not.
    ///
    /// # Errors
    ///
    /// `NoMember` at the deadline; `Watch` when the group cannot be watched: the turn did not come in time
    /// ([`WatchError::Busy`]), or a bound is reached, of namespaces or of waits
    /// ([`Limits::waits_per_namespace_max`](crate::Limits)).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn await_member(&self, group: &Group, deadline: Deadline) -> Result<Pid, AwaitError> {
        let first = || self.members(group).first().copied();
        let missed = || AwaitError::NoMember { group: group.clone() };
        self.until(deadline, || Ok(watched(group)), first, missed).await
    }
}

fn watched(group: &Group) -> Watched {
    let label = Arc::clone(&group.label);
    let interest = Box::new(move |entry: &Entry| entry.metadata.has(&label));
    Watched { held: Held::Memberships, label: Arc::clone(&group.namespace), interest }
}
