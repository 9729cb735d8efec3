//! Who of a child's former subtree may still be alive.
//!
//! A supervisor that is killed kills its children, and a killed process takes until its next await
//! to be Dead. So when the death of a child supervisor is known, processes below it may live on for
//! a while. Whoever goes on at that moment would start a replacement beside them, or end before
//! them.
//!
//! Each child has a lineage, owned by its supervisor and handed to each of its processes. When a
//! process of the child is killed, its guard ([`Guard`](crate::offspring::Guard)) notes in it whom
//! it kills, each with the lineage below, before the process is Dead. The supervisor treats the
//! child as ended only when its process is Dead and nobody in the lineage is alive. So one process
//! that does not yield holds up the supervisors above it and nobody else.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::Mutex;
use foundation_process::{Process, System};
use foundation_types::Pid;

/// Processes of a child's former subtree that were killed, each with the lineage below it.
#[derive(Clone, Default)]
pub struct Lineage(Arc<Mutex<BTreeMap<Pid, Self>>>);

impl Lineage {
    /// Notes a process that is about to be killed.
    pub(crate) fn note(&self, pid: Pid, below: Self) {
        let known = self.0.lock().insert(pid, below);
        drop(known);
    }

    /// Takes over everybody noted in another lineage.
    pub(crate) fn absorb(&self, other: &Self) {
        let noted = std::mem::take(&mut *other.0.lock());
        self.0.lock().extend(noted);
    }

    /// Somebody who is alive, and forgets those before who are not.
    pub(crate) fn first_alive(&self, system: &System) -> Option<Pid> {
        if fault::planted("replacement_before_subtree_dead") {
            return None;
        }
        loop {
            let (pid, below) = {
                let noted = self.0.lock();
                let (pid, below) = noted.first_key_value()?;
                (*pid, below.clone())
            };
            if system.is_alive(pid) {
                return Some(pid);
            }
            // Dead, so its guard has noted whom it killed.
            self.absorb(&below);
            self.0.lock().remove(&pid);
        }
    }

    /// Waits until nobody is alive.
    ///
    /// There is no limit: whoever is noted was killed, and only a process that does not yield, which
    /// the watchdog reports, takes longer than a moment.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: who was not waited for stays noted.
    pub(crate) async fn wait_gone(&self, system: &System) {
        while let Some(pid) = self.first_alive(system) {
            system.monitor(pid).await;
        }
    }
}

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lineage").field("noted", &self.0.lock().len()).finish()
    }
}

/// A process that has children of its own: the supervisors of this crate.
///
/// Sealed: what it does for a supervisor above it is not part of the interface.
pub trait Supervises: Process + sealed::Inherits {}

impl<P: Process + sealed::Inherits> Supervises for P {}

pub(crate) mod sealed {
    use super::Lineage;

    /// Takes the lineage in which to note whom it leaves behind.
    pub trait Inherits {
        /// Called before `init`.
        fn inherit(&mut self, lineage: &Lineage);
    }
}
