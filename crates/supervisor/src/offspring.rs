//! The living children of a supervisor, for the moment when it can no longer stop them itself.
//!
//! A supervisor that ends in order stops its children in its `terminate` hook. A supervisor that is
//! killed runs no hook of its own: this guard, held by its process, is dropped before it is Dead
//! and kills every child, also one that has unlinked itself or whose handler waits for something.
//! The guards of child supervisors do the same, so the whole subtree goes down.
//!
//! A killed process takes until its next await to be Dead. So that a restarted supervisor does not
//! start its children beside those of its predecessor, the guard notes whom it kills in the
//! [`Lineage`], which outlives the incarnations, and the next incarnation waits for them first. A
//! supervisor shares its lineage with the supervisors below it: the news of the death of a child
//! supervisor comes after its own guard has noted its children, so the wait sees the whole subtree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_process::{Process, System};
use foundation_types::{ExitReason, Pid};

use crate::role::{Absence, AnyRole};

struct Entry {
    role: Arc<dyn AnyRole>,
    pid: Option<Pid>,
}

/// The children of one supervisor by the supervisor's own number for each.
#[derive(Clone, Default)]
pub(crate) struct Offspring(Arc<Mutex<BTreeMap<u64, Entry>>>);

impl Offspring {
    /// Notes a child that has no process yet, so that whoever waits for its role learns of the end
    /// of its supervisor.
    pub(crate) fn expect(&self, key: u64, role: Arc<dyn AnyRole>) {
        let known = self.0.lock().insert(key, Entry { role, pid: None });
        drop(known);
    }

    /// Notes the process of a child.
    pub(crate) fn enter(&self, key: u64, pid: Pid, role: impl FnOnce() -> Arc<dyn AnyRole>) {
        let mut children = self.0.lock();
        let entry = children.entry(key).or_insert_with(|| Entry { role: role(), pid: None });
        entry.pid = Some(pid);
    }

    /// Notes that a child has no process; it stays known until [`Offspring::forget`].
    pub(crate) fn leave(&self, key: u64) {
        if let Some(entry) = self.0.lock().get_mut(&key) {
            entry.pid = None;
        }
    }

    /// Forgets a child.
    pub(crate) fn forget(&self, key: u64) {
        let entry = self.0.lock().remove(&key);
        drop(entry);
    }

    /// The guard to be held by the supervisor's process.
    pub(crate) fn guard(&self, system: &System, lineage: &Lineage) -> Guard {
        Guard { children: self.clone(), lineage: lineage.clone(), system: system.clone() }
    }
}

/// Killed processes of earlier incarnations of a supervisor that may not be Dead yet.
#[derive(Clone, Default)]
pub struct Lineage(Arc<Mutex<BTreeSet<Pid>>>);

impl Lineage {
    /// Notes processes that are about to be killed.
    pub(crate) fn note(&self, pids: impl IntoIterator<Item = Pid>) {
        self.0.lock().extend(pids);
    }

    /// Waits until nobody of the earlier incarnations is left.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: who was not waited for stays noted.
    pub(crate) async fn wait_gone(&self, system: &System) {
        if fault::planted("replacement_before_dead") {
            return;
        }
        loop {
            let Some(pid) = self.0.lock().first().copied() else { return };
            system.monitor(pid).await;
            self.0.lock().remove(&pid);
        }
    }
}

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lineage").field("ending", &self.0.lock().len()).finish()
    }
}

/// A process that has children of its own: the supervisors of this crate.
///
/// Sealed: what it does for a restarted supervisor is not part of the interface.
pub trait Supervises: Process + sealed::Inherits {}

impl<P: Process + sealed::Inherits> Supervises for P {}

pub(crate) mod sealed {
    use super::Lineage;

    /// Takes over the lineage of earlier incarnations.
    pub trait Inherits {
        /// Called before `init`.
        fn inherit(&mut self, lineage: &Lineage);
    }
}

/// Kills what is left of the children when it is dropped.
pub(crate) struct Guard {
    children: Offspring,
    lineage: Lineage,
    system: System,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let children = std::mem::take(&mut *self.children.0.lock());
        if fault::planted("children_outlive_supervisor") {
            return;
        }
        // Noted first: whoever finds one of them Dead finds its own children noted too.
        self.lineage.note(children.values().filter_map(|entry| entry.pid));
        for entry in children.into_values() {
            if let Some(pid) = entry.pid {
                self.system.kill(pid);
            }
            entry.role.down(Absence::GaveUp(ExitReason::Killed));
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("children", &self.children.0.lock().len())
            .finish_non_exhaustive()
    }
}
