//! Talking to a dynamic supervisor.

use std::fmt;
use std::time::Duration;

use foundation_process::{Address, Context, Outcome, Reply};
use foundation_types::{Deadline, ExitReason, Pid};

use crate::address::ChildAddress;
use crate::audit::RestartRecord;
use crate::error::{ChildCallError, SupervisorError};
use crate::spec::ChildSpec;
use crate::supervisor::{ChildCounts, ChildInfo};
use crate::target::Target;

use super::DynamicSupervisor;

/// What a [`DynamicSupervisor`] handles. Made by [`DynamicRef`] only.
pub struct DynamicMessage(pub(super) Request);

impl fmt::Debug for DynamicMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Request::KINDS.get(self.0.kind()).copied().unwrap_or_default())
    }
}

pub(super) enum Request {
    Start(Box<ChildSpec>, Reply<Result<Pid, SupervisorError>>),
    Terminate(Pid, Reply<Result<(), SupervisorError>>),
    Which(Reply<Vec<ChildInfo>>),
    Count(Reply<ChildCounts>),
    Restarts(Reply<Vec<RestartRecord>>),
    /// Sent by its own timer: something is due.
    Alarm,
}

impl Request {
    pub(super) const KINDS: &'static [&'static str] = &[
        "start_child",
        "terminate_child",
        "which_children",
        "count_children",
        "restarts",
        "alarm",
    ];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Start(..) => 0,
            Self::Terminate(..) => 1,
            Self::Which(_) => 2,
            Self::Count(_) => 3,
            Self::Restarts(_) => 4,
            Self::Alarm => 5,
        }
    }
}

/// A handle to a [`DynamicSupervisor`].
///
/// Made by [`DynamicSupervisor::start`], or from the address of a nested one, also from the address
/// of its role. Calls wait up to a minute unless [`DynamicRef::timeout`] says otherwise.
///
/// # Cancel safety
///
/// When the future of a call is dropped, the supervisor may do what it was asked all the same.
#[derive(Clone, Debug)]
pub struct DynamicRef {
    target: Target<DynamicMessage>,
}

impl From<Address<DynamicMessage>> for DynamicRef {
    fn from(address: Address<DynamicMessage>) -> Self {
        Self { target: Target::from(address) }
    }
}

impl From<ChildAddress<DynamicMessage>> for DynamicRef {
    fn from(address: ChildAddress<DynamicMessage>) -> Self {
        Self { target: Target::from(address) }
    }
}

impl DynamicRef {
    /// Sets how long calls wait.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.target = self.target.timeout(timeout);
        self
    }

    /// The pid of the supervisor's process.
    ///
    /// # Errors
    ///
    /// See [`ChildCallError`].
    pub fn pid(&self) -> Result<Pid, ChildCallError> {
        self.target.pid()
    }

    /// Adds a child and waits until its `init` is done. Other children are not held up by it.
    ///
    /// # Errors
    ///
    /// `Full` when there are as many children as there may be; `RoleTaken` while a child of a clone of
    /// this specification runs; `NotStarted` when its `init` failed: then it is not added.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<Pid, SupervisorError> {
        let spec = Box::new(spec);
        self.target.call(|reply| DynamicMessage(Request::Start(spec, reply))).await?
    }

    /// Stops the child whose newest process has this pid, waits until it is Dead, and forgets it.
    /// A child that waits for its restart is named by its last pid.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub async fn terminate_child(&self, pid: Pid) -> Result<(), SupervisorError> {
        self.target.call(|reply| DynamicMessage(Request::Terminate(pid, reply))).await?
    }

    /// All children, oldest first.
    ///
    /// # Errors
    ///
    /// `NoAnswer`.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        Ok(self.target.call(|reply| DynamicMessage(Request::Which(reply))).await?)
    }

    /// Numbers of children.
    ///
    /// # Errors
    ///
    /// `NoAnswer`.
    pub async fn count_children(&self) -> Result<ChildCounts, SupervisorError> {
        Ok(self.target.call(|reply| DynamicMessage(Request::Count(reply))).await?)
    }

    /// The newest restarts, oldest first.
    ///
    /// # Errors
    ///
    /// `NoAnswer`.
    pub async fn restarts(&self) -> Result<Vec<RestartRecord>, SupervisorError> {
        Ok(self.target.call(|reply| DynamicMessage(Request::Restarts(reply))).await?)
    }

    /// Stops the supervisor and all its children, and waits until they are Dead or the deadline
    /// has passed.
    ///
    /// # Errors
    ///
    /// `NoAnswer`; with a timeout at the deadline, when it goes on stopping.
    pub async fn stop(&self, deadline: Deadline) -> Result<ExitReason, SupervisorError> {
        Ok(self.target.stop(deadline).await?)
    }
}

impl DynamicSupervisor {
    pub(super) fn serve(
        &mut self,
        request: Request,
        context: &mut Context<DynamicMessage>,
    ) -> Outcome {
        match request {
            Request::Start(spec, reply) => self.add_child(*spec, reply, context),
            Request::Terminate(pid, reply) => self.terminate_child(pid, reply, context),
            Request::Which(reply) => reply.send(self.infos()),
            Request::Count(reply) => reply.send(self.counts()),
            Request::Restarts(reply) => reply.send(self.audit.records()),
            Request::Alarm => return self.alarm(context),
        }
        Ok(())
    }
}
