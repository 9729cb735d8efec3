//! One command under way, and who waits for it.

use std::sync::Arc;
use std::time::Duration;

use foundation_process::Reply;
use foundation_types::{Instant, Pid, TimerId};

use super::error::CommandError;
use super::output::{CommandOutput, ExitStatus, Origin};
use super::request::Key;
use super::runner::{CancelGuard, Capture, Plan, StreamKind};
use super::worker::Slot;

/// How a caller is answered.
pub(crate) type Answer = Result<CommandOutput, CommandError>;

/// A command that waits for a place, runs, or is being stopped.
pub(crate) struct Flight {
    pub(crate) plan: Plan,
    /// What equal requests find it by; none when it may not be shared.
    pub(crate) share: Option<Share>,
    pub(crate) capture: Arc<Capture>,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) stage: Stage,
}

pub(crate) struct Share {
    pub(crate) key: Arc<Key>,
    pub(crate) ttl: Duration,
}

pub(crate) enum Stage {
    /// Waits for a place.
    Queued,
    /// Its program runs in a worker.
    Running(Running),
    /// Nobody wants its result any more and its program is being stopped. Whoever is left waits to
    /// be told of the timeout when that is done.
    Stopping(Running),
}

pub(crate) struct Running {
    pub(crate) worker: Pid,
    pub(crate) slot: Slot,
    pub(crate) since: Instant,
    /// Taken to stop the program.
    pub(crate) guard: Option<CancelGuard>,
}

/// A caller.
pub(crate) struct Waiter {
    pub(crate) id: u64,
    pub(crate) reply: Reply<Answer>,
    pub(crate) since: Instant,
    pub(crate) timer: Option<TimerId>,
    pub(crate) origin: Origin,
}

impl Flight {
    pub(crate) fn worker(&self) -> Option<Pid> {
        match &self.stage {
            Stage::Queued => None,
            Stage::Running(running) | Stage::Stopping(running) => Some(running.worker),
        }
    }

    /// Stops the program if it runs. Says whether it was running, else there is nothing to stop.
    pub(crate) fn stop(&mut self) -> bool {
        match std::mem::replace(&mut self.stage, Stage::Queued) {
            Stage::Queued => false,
            Stage::Running(mut running) => {
                drop(running.guard.take());
                self.stage = Stage::Stopping(running);
                true
            }
            Stage::Stopping(running) => {
                self.stage = Stage::Stopping(running);
                false
            }
        }
    }

    pub(crate) fn is_queued(&self) -> bool {
        matches!(self.stage, Stage::Queued)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        matches!(self.stage, Stage::Stopping(_))
    }

    /// The answer for a caller whose deadline has passed.
    pub(crate) fn timeout(&self, waiter: &Waiter, now: Instant) -> Answer {
        let program = self.plan.program.clone();
        let after = now.saturating_duration_since(waiter.since);
        if self.is_queued() {
            return Err(CommandError::NotStarted { program, after });
        }
        let stdout = self.capture.read(StreamKind::Stdout);
        let stderr = self.capture.read(StreamKind::Stderr);
        Err(CommandError::Timeout { program, after, stdout, stderr })
    }

    /// The output of a program that ended with `status`.
    pub(crate) fn output(&self, status: ExitStatus, now: Instant) -> CommandOutput {
        let elapsed = match &self.stage {
            Stage::Queued => Duration::ZERO,
            Stage::Running(running) | Stage::Stopping(running) => {
                now.saturating_duration_since(running.since)
            }
        };
        CommandOutput {
            status,
            stdout: self.capture.read(StreamKind::Stdout),
            stderr: self.capture.read(StreamKind::Stderr),
            elapsed,
            origin: Origin::Ran,
        }
    }
}
