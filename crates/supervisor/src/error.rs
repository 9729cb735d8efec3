//! Errors of supervisors and of the addresses of their children.

use std::fmt;
use std::sync::Arc;

use foundation_process::{CallError, SendError, SpawnError, TrySendError};
use foundation_types::{Code, Error, ExitReason, Pid};

/// Why nobody answers under the address of a child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Its process is being started or restarted and did not serve before the deadline.
    #[error("child {child:?} is restarting")]
    Restarting {
        /// The child's id.
        child: Arc<str>,
    },
    /// Its process ended or was stopped, and is not restarted by itself.
    #[error("child {child:?} is stopped: {reason}")]
    Stopped {
        /// The child's id.
        child: Arc<str>,
        /// Why its process ended.
        reason: ExitReason,
    },
    /// Its supervisor gave up or was killed.
    #[error("the supervisor of child {child:?} gave up: {reason}")]
    GaveUp {
        /// The child's id.
        child: Arc<str>,
        /// The exit reason of the supervisor.
        reason: ExitReason,
    },
}

impl Unavailable {
    /// Whether the same can succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Restarting { .. })
    }
}

/// Why a call to a child failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildCallError {
    /// It was not called.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// It was called, and that failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl ChildCallError {
    /// Whether the same call can succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(unavailable) => unavailable.is_retryable(),
            Self::Call(call) => call.is_retryable(),
        }
    }

    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Unavailable(_) => Code::ServiceUnavailable,
            Self::Call(call) => call.code(),
        }
    }
}

impl From<ChildCallError> for Error {
    fn from(error: ChildCallError) -> Self {
        Self::new(error.code(), "a call to a child failed").caused_by(error)
    }
}

/// Why a message was not sent to a child. It gives the message back.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChildSendError<M> {
    /// Nobody fills its role.
    #[error("{cause}")]
    Unavailable {
        /// The message.
        message: M,
        /// Why nobody does.
        cause: Unavailable,
    },
    /// Its mailbox has no room.
    #[error("the mailbox of child {child:?} is full")]
    Full {
        /// The message.
        message: M,
        /// The child's id.
        child: Arc<str>,
    },
    /// Waiting for room would never end.
    #[error("waiting for room in the mailbox of child {child:?} would never end")]
    Deadlock {
        /// The message.
        message: M,
        /// The child's id.
        child: Arc<str>,
        /// From the sender back to itself.
        path: Vec<Pid>,
    },
}

impl<M> ChildSendError<M> {
    /// The message that was not sent.
    pub fn into_message(self) -> M {
        match self {
            Self::Unavailable { message, .. }
            | Self::Full { message, .. }
            | Self::Deadlock { message, .. } => message,
        }
    }

    /// Whether the same send can succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { cause, .. } => cause.is_retryable(),
            Self::Full { .. } => true,
            Self::Deadlock { .. } => false,
        }
    }
}

impl<M> fmt::Debug for ChildSendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Messages need not be printable.
        match self {
            Self::Unavailable { cause, .. } => f.debug_tuple("Unavailable").field(cause).finish(),
            Self::Full { child, .. } => f.debug_tuple("Full").field(child).finish(),
            Self::Deadlock { path, .. } => f.debug_tuple("Deadlock").field(path).finish(),
        }
    }
}

/// What is left of a failed send: the message, when another incarnation may take it.
pub(crate) enum Failed<M> {
    Dead(M),
    For(ChildSendError<M>),
}

impl<M> Failed<M> {
    pub(crate) fn of_try(error: TrySendError<M>, child: &Arc<str>) -> Self {
        match error {
            TrySendError::NoProcess(message) => Self::Dead(message),
            TrySendError::Full(message) => {
                Self::For(ChildSendError::Full { message, child: Arc::clone(child) })
            }
        }
    }

    pub(crate) fn of_send(error: SendError<M>, child: &Arc<str>) -> Self {
        let child = Arc::clone(child);
        match error {
            SendError::NoProcess(message) => Self::Dead(message),
            SendError::Deadlock { message, path } => {
                Self::For(ChildSendError::Deadlock { message, child, path })
            }
            other => Self::For(ChildSendError::Full { message: other.into_message(), child }),
        }
    }
}

/// Why a supervisor did not do what it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// It has no such child.
    #[error("the supervisor has no child {child:?}")]
    NotFound {
        /// The id or pid that was asked for.
        child: Arc<str>,
    },
    /// The child runs; stop it first.
    #[error("child {child:?} is running as {pid}")]
    Running {
        /// The child's id.
        child: Arc<str>,
        /// Its process.
        pid: Pid,
    },
    /// The child is being restarted.
    #[error("child {child:?} is restarting")]
    Restarting {
        /// The child's id.
        child: Arc<str>,
    },
    /// A child with this id is specified and does not run; restart or delete it.
    #[error("child {child:?} is already specified")]
    AlreadyPresent {
        /// The child's id.
        child: Arc<str>,
    },
    /// A child of a clone of this specification runs, and both would fill the same role.
    #[error("a child of a clone of the specification of {child:?} is running")]
    RoleTaken {
        /// The child's id.
        child: Arc<str>,
    },
    /// The child is permanent and significant, which contradict each other.
    #[error("child {child:?} is permanent, so it cannot be significant")]
    PermanentSignificant {
        /// The child's id.
        child: Arc<str>,
    },
    /// The child is significant, but this supervisor never shuts down by itself.
    #[error("child {child:?} is significant, but the supervisor's auto shutdown is never")]
    SignificantWithoutAutoShutdown {
        /// The child's id.
        child: Arc<str>,
    },
    /// The supervisor has as many children as it may have.
    #[error("the supervisor already has {max_children} children, the most it may have")]
    Full {
        /// Its bound.
        max_children: usize,
    },
    /// The child was not spawned.
    #[error("child {child:?} was not spawned")]
    Spawn {
        /// The child's id.
        child: Arc<str>,
        /// Why.
        #[source]
        error: SpawnError,
    },
    /// The child's `init` failed, or was not done in time.
    #[error("child {child:?} did not start: {reason}")]
    NotStarted {
        /// The child's id.
        child: Arc<str>,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The supervisor did not answer. Whether it did what it was asked is unknown after a timeout.
    #[error("the supervisor did not answer")]
    NoAnswer(#[from] ChildCallError),
}

impl SupervisorError {
    /// Whether the same can succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Restarting { .. }
            | Self::Full { .. }
            | Self::NotStarted { .. }
            | Self::Spawn { error: SpawnError::TooManyProcesses { .. }, .. } => true,
            Self::NoAnswer(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code::DataNotFound,
            Self::Running { .. } | Self::AlreadyPresent { .. } | Self::RoleTaken { .. } => {
                Code::ConstraintViolation
            }
            Self::PermanentSignificant { .. } | Self::SignificantWithoutAutoShutdown { .. } => {
                Code::InvalidConfigValue
            }
            Self::Restarting { .. } => Code::ServiceUnavailable,
            Self::Full { .. } => Code::ResourceExhausted,
            Self::Spawn { .. } | Self::NotStarted { .. } => Code::InitializationFailed,
            Self::NoAnswer(error) => error.code(),
        }
    }
}

impl From<SupervisorError> for Error {
    fn from(error: SupervisorError) -> Self {
        Self::new(error.code(), "a supervisor refused").caused_by(error)
    }
}

/// An exit reason as the cause of an error.
pub(crate) fn cause(reason: &ExitReason) -> Arc<Error> {
    match reason {
        ExitReason::Error(error) => Arc::clone(error),
        other => Arc::new(Error::new(Code::ProcessNotAlive, format!("the child ended: {other}"))),
    }
}
