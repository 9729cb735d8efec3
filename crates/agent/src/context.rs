//! What an action may use besides its input.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foundation_types::{Code, Error};

#[cfg(test)]
mod tests;

/// Gives an action the folder it works in, its limits, and the news that nobody waits for it any more.
#[derive(Debug, Clone)]
pub struct ActionContext {
    root: Arc<Path>,
    limits: ActionLimits,
    cancelled: CancelFlag,
}

/// Bounds what one action may read and return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActionLimits {
    /// Most files one listing returns.
    pub files_max: usize,
    /// Largest file that is read, in bytes; a larger one is skipped with this as its reason.
    pub file_bytes_max: u64,
    /// Most distinct terms one file reports; the most frequent ones are kept.
    pub file_terms_max: usize,
    /// Most distinct terms one report counts; more is an error, so that a report is never half exact.
    pub report_terms_max: usize,
}

impl Default for ActionLimits {
    /// Returns limits that hold a merge of a large source tree below about one gibibyte.
    fn default() -> Self {
        Self {
            files_max: 200_000,
            file_bytes_max: 16 * 1024 * 1024,
            file_terms_max: 50_000,
            report_terms_max: 4_000_000,
        }
    }
}

/// Tells a running action that its result is no longer wanted. Clones share the flag; it is never lowered.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Raises the flag.
    pub fn cancel(&self) {
        // Relaxed: the flag carries no other data, and an action that sees it late only works longer.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether the flag is raised.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl ActionContext {
    /// Makes a context for a folder, with the default limits.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: Arc::from(root.into()),
            limits: ActionLimits::default(),
            cancelled: CancelFlag::default(),
        }
    }

    /// Returns the context with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: ActionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the context with a flag that somebody else can raise.
    #[must_use]
    pub fn with_cancel(mut self, cancelled: CancelFlag) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// Returns the folder the action works in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the limits of the action.
    pub fn limits(&self) -> &ActionLimits {
        &self.limits
    }

    /// Tells a long action whether to go on; it asks between units of work.
    ///
    /// # Errors
    /// `process_not_alive` once the flag is raised: the process that asked for the result is gone.
    pub fn check(&self) -> Result<(), Error> {
        if self.cancelled.is_cancelled() {
            return Err(Error::new(Code::ProcessNotAlive, "the action was cancelled"));
        }
        Ok(())
    }
}
