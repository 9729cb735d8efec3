//! The flags of a node, and what each of them switches.

use std::path::Path;

use foundation_env::{Env, fault};
use foundation_flags::{
    Catalogue, CatalogueError, DurableFlags, Flag, Flags, OpenError, UnknownFlag,
};
use foundation_process::{Limits, System};

/// Messages and new processes take along the context in which they are made.
pub const CONTEXT_PROPAGATION: Flag =
    Flag::new("context_propagation", "messages take along on whose behalf they are sent");

/// Spans are recorded.
pub const SPANS: Flag = Flag::new("spans", "the spans of processes are recorded");

/// Processes outside of supervision trees are refused. Takes effect at the start of a system.
pub const STRICT_SUPERVISION: Flag =
    Flag::new("strict_supervision", "processes outside of supervision trees are refused");

/// The flags of a folder, as a node reads them.
#[derive(Clone, Debug)]
pub struct Switches(DurableFlags);

/// Why there are no flags to read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwitchesError {
    /// The folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The declarations do not fit each other; a defect.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
}

impl Switches {
    /// Opens the flags of a folder, which is created if it is not there; all are off at first.
    ///
    /// # Errors
    /// [`SwitchesError`].
    pub async fn open(env: Env, folder: &Path) -> Result<Self, SwitchesError> {
        let catalogue = Catalogue::new([CONTEXT_PROPAGATION, SPANS, STRICT_SUPERVISION])?;
        Ok(Self(DurableFlags::open(env, folder, catalogue).await?))
    }

    /// The flags, to be read and changed.
    pub fn flags(&self) -> &DurableFlags {
        &self.0
    }

    /// The limits of a system that is to be started, as the flags have them.
    #[must_use]
    pub fn limits(&self, mut limits: Limits) -> Limits {
        limits.strict_supervision = is_on(self.0.flags(), &STRICT_SUPERVISION);
        limits
    }

    /// Switches what can be switched while a system runs.
    pub fn apply(&self, system: &System) {
        let telemetry = system.telemetry();
        telemetry.set_context_propagation(is_on(self.0.flags(), &CONTEXT_PROPAGATION));
        if fault::planted("switch_not_thrown") {
            return;
        }
        telemetry.spans().set_enabled(is_on(self.0.flags(), &SPANS));
    }
}

/// The flags above are declared.
fn is_on(flags: &Flags, flag: &Flag) -> bool {
    let read: Result<bool, UnknownFlag> = flags.is_enabled(flag);
    read.unwrap_or(false)
}

#[cfg(test)]
mod tests;
