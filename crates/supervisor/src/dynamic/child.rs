//! One child of a dynamic supervisor.

use std::sync::Arc;

use foundation_process::Reply;
use foundation_types::{ExitReason, Instant, MonitorId, Pid};

use crate::alarm::AlarmId;
use crate::error::SupervisorError;
use crate::launch::Spawned;
use crate::spec::ChildSpec;
use crate::supervisor::{ChildInfo, ChildState};

/// One child.
pub(super) struct Child {
    pub(super) spec: ChildSpec,
    pub(super) state: State,
    pub(super) pid: Pid,
    /// Of its process, while that may live.
    pub(super) monitor: Option<MonitorId>,
    pub(super) spawned_at: Instant,
    pub(super) attempt: u32,
    /// Why its last process ended, while it waits for the next.
    pub(super) last_reason: Option<ExitReason>,
    /// Why its process ended, while somebody of its subtree is still alive: it was a supervisor.
    pub(super) ended: Option<ExitReason>,
    /// Somebody asked for its end when this is set.
    pub(super) stopping: Option<Stop>,
}

/// A stop that was asked for.
#[derive(Default)]
pub(super) struct Stop {
    /// Whom to tell when it is done.
    pub(super) waiters: Vec<Reply<Result<(), SupervisorError>>>,
    /// When the child's time is over.
    pub(super) kill: Option<AlarmId>,
}

/// What a child is doing.
pub(super) enum State {
    Running(Spawned),
    Waiting(AlarmId),
}

impl Child {
    pub(super) fn info(&self) -> ChildInfo {
        let state = match &self.state {
            State::Running(spawned) if spawned.started.is_done() && self.ended.is_none() => {
                ChildState::Running(self.pid)
            }
            _ => ChildState::Restarting,
        };
        ChildInfo {
            id: Arc::clone(&self.spec.id),
            state,
            kind: self.spec.kind,
            ready: self.spec.role().is_ready(),
        }
    }
}
