//! The process that awaits one program.

use std::sync::Arc;

use foundation_env::sync::Mutex;
use foundation_process::{Context, Outcome, Process};
use foundation_types::ExitReason;

use super::error::CommandError;
use super::output::ExitStatus;
use super::places::Place;
use super::runner::RunFuture;

/// Where the worker leaves the result before it ends; empty while it works and when it was killed.
pub(crate) type Slot = Arc<Mutex<Option<Result<ExitStatus, CommandError>>>>;

/// Awaits one program, leaves its result in the slot, and ends.
pub(crate) struct Worker {
    pub(crate) run: Option<RunFuture>,
    pub(crate) slot: Slot,
    /// Free when the worker is gone, unless the runner keeps it for what is left of the program.
    pub(crate) _place: Place,
}

impl Process for Worker {
    type Message = ();

    async fn handle(&mut self, (): (), context: &mut Context<()>) -> Outcome {
        // Killed here, the process drops the future with its state, and that kills the program.
        if let Some(run) = &mut self.run {
            let result = run.await;
            self.run = None;
            *self.slot.lock() = Some(result);
        }
        context.stop(ExitReason::Normal);
        Ok(())
    }
}
