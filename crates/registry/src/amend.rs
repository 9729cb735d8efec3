//! Changing a part of what stands, as its owner: a heartbeat, and patches.

use foundation_env::fault;
use foundation_types::{Instant, Pid};

use crate::change::changed_at;
use crate::entry::Entry;
use crate::error::{RegisterError, UpdateError};
use crate::metadata::{Health, Metadata, MetadataError, Patch};
use crate::name::Name;
use crate::namespace::Cause;
use crate::registry::Registry;
use crate::revision::Revision;

#[cfg(test)]
mod tests;

/// How often a patch is applied again because others were faster. Each time somebody else has got ahead, so
/// more than a few mean a name that is changed all the time, and the caller has to know of it.
const PATCHES_MAX: usize = 16;

impl Registry {
    /// Sets the health of a name that `pid` has, and this moment as that of its last health check. Returns the
    /// revision at which it has it.
    ///
    /// Setting the health that stands is a heartbeat: it moves the last health check and touches no index. It is
    /// a change like any other: the registration has a new revision, and a watch tells of it as `Updated`, with
    /// the same health before and after.
    ///
    /// # Errors
    ///
    /// See [`UpdateError`].
    pub fn set_health(
        &self,
        name: &Name,
        pid: Pid,
        health: Health,
    ) -> Result<Revision, UpdateError> {
        let now = self.now();
        self.change(name, pid, |commit, _, found| {
            let stands = &found.entry.metadata;
            let is_same = stands.health() == health;
            if is_same
                && (stands.last_health_check() >= Some(now)
                    || fault::planted("registry_heartbeat_lost"))
            {
                return Ok(());
            }
            let metadata = stands.clone().with_health_at(health, now);
            let entry = Entry { metadata, ..changed_at(found, now) };
            if is_same {
                commit.renew(found, entry);
            } else {
                commit.update(found, entry, Cause::Updated);
            }
            Ok(())
        })
    }

    /// Applies a merge patch to the metadata of a name that `pid` has: whole, or not at all.
    ///
    /// It is applied without holding up others, and again if somebody changed the metadata meanwhile, 16 times at
    /// most and within the time of the handle ([`Registry::within`]) together.
    ///
    /// # Errors
    ///
    /// `Refused` when the result is not acceptable, `Conflict` when others were faster each time; else see
    /// [`UpdateError`].
    pub fn patch(&self, name: &Name, pid: Pid, patch: &Patch) -> Result<Revision, UpdateError> {
        self.patch_with(name, pid, |metadata, now| patch.apply(metadata, now))
    }

    fn patch_with(
        &self,
        name: &Name,
        pid: Pid,
        apply: impl Fn(&Metadata, Instant) -> Result<Metadata, MetadataError>,
    ) -> Result<Revision, UpdateError> {
        let patience = &mut self.patience();
        let mut tries = 0;
        loop {
            tries += 1;
            let found = self.lookup(name).filter(|found| found.pid == pid);
            let outcome = if let Some(found) = found {
                let patched = apply(&found.metadata, self.now()).map_err(|source| {
                    let source = RegisterError::Metadata { name: name.clone(), source };
                    UpdateError::Refused { name: name.clone(), source: Box::new(source) }
                })?;
                self.update_within(patience, name, pid, (found.revision(), patched))
            } else {
                // Says who has it. If the process has just got it, that counts as a change by others.
                let stands = self.change_within(patience, name, pid, |_, _, _| Ok(()))?;
                let (name, expected) = (name.clone(), Revision::default());
                Err(UpdateError::Conflict { name, expected, stands })
            };
            match outcome {
                Err(UpdateError::Conflict { .. }) if tries < PATCHES_MAX => {}
                done => return done,
            }
        }
    }
}
