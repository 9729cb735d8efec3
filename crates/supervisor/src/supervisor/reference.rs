//! Talking to a static supervisor.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foundation_process::{Address, Reply};
use foundation_types::{Deadline, ExitReason, Pid};

use crate::address::ChildAddress;
use crate::audit::RestartRecord;
use crate::error::{ChildCallError, SupervisorError};
use crate::spec::{ChildKind, ChildSpec};
use crate::target::Target;

#[cfg(doc)]
use super::Supervisor;

/// What a child is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildState {
    /// It runs as this process.
    Running(Pid),
    /// It is being started, or waits for its restart.
    Restarting,
    /// It has no process and waits for a call.
    Stopped,
}

/// One child as its supervisor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its id.
    pub id: Arc<str>,
    /// What it is doing.
    pub state: ChildState,
    /// What it is.
    pub kind: ChildKind,
    /// Whether it serves: running, and ready if it tells so itself.
    pub ready: bool,
}

/// Numbers of children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChildCounts {
    /// All, running or not.
    pub specs: usize,
    /// Those that run.
    pub active: usize,
    /// Workers, running or not.
    pub workers: usize,
    /// Supervisors, running or not.
    pub supervisors: usize,
}

/// What a [`Supervisor`] handles. Made by [`SupervisorRef`] only.
pub struct SupervisorMessage(pub(crate) Request);

impl fmt::Debug for SupervisorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Request::KINDS.get(self.0.kind()).copied().unwrap_or_default())
    }
}

pub(crate) type AnyRoleValue = Arc<dyn Any + Send + Sync>;

pub(crate) enum Request {
    Start(Box<ChildSpec>, Reply<Result<Pid, SupervisorError>>),
    Terminate(Arc<str>, Reply<Result<(), SupervisorError>>),
    Restart(Arc<str>, Reply<Result<Pid, SupervisorError>>),
    Delete(Arc<str>, Reply<Result<(), SupervisorError>>),
    Which(Reply<Vec<ChildInfo>>),
    Count(Reply<ChildCounts>),
    Restarts(Reply<Vec<RestartRecord>>),
    Find(Arc<str>, Reply<Option<AnyRoleValue>>),
    /// Sent by its own timer: the wait before a restart may be over.
    Alarm,
}

impl Request {
    pub(super) const KINDS: &'static [&'static str] = &[
        "start_child",
        "terminate_child",
        "restart_child",
        "delete_child",
        "which_children",
        "count_children",
        "restarts",
        "child",
        "alarm",
    ];

    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Start(..) => 0,
            Self::Terminate(..) => 1,
            Self::Restart(..) => 2,
            Self::Delete(..) => 3,
            Self::Which(_) => 4,
            Self::Count(_) => 5,
            Self::Restarts(_) => 6,
            Self::Find(..) => 7,
            Self::Alarm => 8,
        }
    }
}

/// A handle to a [`Supervisor`], for its children as for anybody else.
///
/// Made by [`Supervisor::start`], or from the address of a nested supervisor, also from the address
/// of its role: `SupervisorRef::from(spec.address()?)`.
///
/// Calls wait for the supervisor, which may be stopping or starting children, up to a minute unless
/// [`SupervisorRef::timeout`] says otherwise. A child must not call its own supervisor in its
/// `init`: the supervisor waits for it.
///
/// # Cancel safety
///
/// When the future of a call is dropped, the supervisor may do what it was asked all the same.
#[derive(Clone, Debug)]
pub struct SupervisorRef {
    target: Target<SupervisorMessage>,
}

impl From<Address<SupervisorMessage>> for SupervisorRef {
    fn from(address: Address<SupervisorMessage>) -> Self {
        Self { target: Target::from(address) }
    }
}

impl From<ChildAddress<SupervisorMessage>> for SupervisorRef {
    fn from(address: ChildAddress<SupervisorMessage>) -> Self {
        Self { target: Target::from(address) }
    }
}

impl SupervisorRef {
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

    /// Adds a child at the end of the start order and starts it.
    ///
    /// # Errors
    ///
    /// `Running` or `AlreadyPresent` when there is a child with this id; `NotStarted` when its
    /// `init` failed: then it is not added.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<Pid, SupervisorError> {
        let spec = Box::new(spec);
        self.target.call(|reply| SupervisorMessage(Request::Start(spec, reply))).await?
    }

    /// Stops a child and waits until it is Dead. It keeps its specification, unless it is
    /// temporary; with `one_for_all` or `rest_for_one` a restart of its siblings may start it again.
    ///
    /// # Errors
    ///
    /// `NotFound`. Stopping a child that does not run succeeds.
    pub async fn terminate_child(&self, id: impl Into<Arc<str>>) -> Result<(), SupervisorError> {
        let id = id.into();
        self.target.call(|reply| SupervisorMessage(Request::Terminate(id, reply))).await?
    }

    /// Starts a stopped child again.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Running` and `Restarting` when it is not stopped; `NotStarted`.
    pub async fn restart_child(&self, id: impl Into<Arc<str>>) -> Result<Pid, SupervisorError> {
        let id = id.into();
        self.target.call(|reply| SupervisorMessage(Request::Restart(id, reply))).await?
    }

    /// Removes the specification of a stopped child.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Running` and `Restarting` when it is not stopped.
    pub async fn delete_child(&self, id: impl Into<Arc<str>>) -> Result<(), SupervisorError> {
        let id = id.into();
        self.target.call(|reply| SupervisorMessage(Request::Delete(id, reply))).await?
    }

    /// All children, in start order.
    ///
    /// # Errors
    ///
    /// `NoAnswer`.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        Ok(self.target.call(|reply| SupervisorMessage(Request::Which(reply))).await?)
    }

    /// Numbers of children.
    ///
    /// # Errors
    ///
    /// `NoAnswer`.
    pub async fn count_children(&self) -> Result<ChildCounts, SupervisorError> {
        Ok(self.target.call(|reply| SupervisorMessage(Request::Count(reply))).await?)
    }

    /// The newest restarts, oldest first.
    ///
    /// # Errors
    ///
    /// `NoAnswer`.
    pub async fn restarts(&self) -> Result<Vec<RestartRecord>, SupervisorError> {
        Ok(self.target.call(|reply| SupervisorMessage(Request::Restarts(reply))).await?)
    }

    /// The address of a child's role.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such child, or its process handles another type of messages.
    pub async fn child<M: Send + 'static>(
        &self,
        id: impl Into<Arc<str>>,
    ) -> Result<ChildAddress<M>, SupervisorError> {
        let id: Arc<str> = id.into();
        let asked = Arc::clone(&id);
        let role = self.target.call(|reply| SupervisorMessage(Request::Find(asked, reply))).await?;
        role.and_then(|role| ChildAddress::find(Arc::clone(&id), role))
            .ok_or(SupervisorError::NotFound { child: id })
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
