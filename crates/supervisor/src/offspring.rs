//! The living children of a supervisor, for the moment when it can no longer stop them itself.
//!
//! A supervisor that ends in order stops its children in its `terminate` hook. A supervisor that is
//! killed runs no hook of its own: this guard, held by its process, is dropped before it is Dead
//! and kills every child, also one that has unlinked itself or whose handler waits for something.
//! The guards of child supervisors do the same, so the whole subtree goes down. Whom it kills it
//! notes in the [`Lineage`], for the supervisor above.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_process::System;
use foundation_types::{ExitReason, Pid};

use crate::lineage::Lineage;
use crate::role::{Absence, AnyRole};

struct Entry {
    role: Arc<dyn AnyRole>,
    pid: Option<Pid>,
    /// Who may be left of the child's former processes.
    lineage: Lineage,
}

/// The children of one supervisor by the supervisor's own number for each.
#[derive(Clone, Default)]
pub(crate) struct Offspring(Arc<Mutex<BTreeMap<u64, Entry>>>);

impl Offspring {
    /// Notes a child that has no process yet, so that whoever waits for its role learns of the end
    /// of its supervisor.
    pub(crate) fn expect(&self, key: u64, role: Arc<dyn AnyRole>) {
        let entry = Entry { role, pid: None, lineage: Lineage::default() };
        let known = self.0.lock().insert(key, entry);
        drop(known);
    }

    /// The lineage of a child.
    pub(crate) fn lineage(&self, key: u64) -> Lineage {
        self.0.lock().get(&key).map(|entry| entry.lineage.clone()).unwrap_or_default()
    }

    /// Notes the process of a child, or that it has none; it stays known until
    /// [`Offspring::forget`].
    pub(crate) fn set_pid(&self, key: u64, pid: Option<Pid>) {
        if let Some(entry) = self.0.lock().get_mut(&key) {
            entry.pid = pid;
        }
    }

    /// Forgets a child whose subtree is gone.
    pub(crate) fn forget(&self, key: u64) {
        let entry = self.0.lock().remove(&key);
        drop(entry);
    }

    /// The guard to be held by the supervisor's process, which notes in `lineage` whom it kills.
    pub(crate) fn guard(&self, system: &System, lineage: &Lineage) -> Guard {
        Guard { children: self.clone(), lineage: lineage.clone(), system: system.clone() }
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
        // Noted first: whoever finds this supervisor Dead finds everybody who is left noted.
        for entry in children.values() {
            match entry.pid {
                Some(pid) => self.lineage.note(pid, entry.lineage.clone()),
                None => self.lineage.absorb(&entry.lineage),
            }
        }
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
