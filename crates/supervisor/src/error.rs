//! Errors of supervisors and of the addresses of their children.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use foundation_process::{CallError, SendError, TrySendError};
use foundation_types::{Code, Error, ExitReason, Pid, coded_errors};

/// Why nobody answers under the address of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// Its process is being started or restarted and did not serve before the deadline.
    Restarting {
        /// The child's id.
        child: Arc<str>,
    },
    /// Its process ended or was stopped, and is not restarted by itself.
    Stopped {
        /// The child's id.
        child: Arc<str>,
        /// Why its process ended.
        reason: ExitReason,
    },
    /// Its supervisor gave up or was killed.
    GaveUp {
        /// The child's id.
        child: Arc<str>,
        /// The exit reason of the supervisor.
        reason: ExitReason,
    },
}

impl Unavailable {
    /// The entry of the error catalogue for this failure. Only the supervisor, or whoever asks it, decides on
    /// another start of a child that is gone.
    pub fn code(&self) -> Code {
        match self {
            Self::Restarting { .. } => Code::ServiceUnavailable,
            Self::Stopped { .. } | Self::GaveUp { .. } => Code::InitializationFailed,
        }
    }
}

/// Why a call to a child failed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ChildCallError {
    /// It was not called.
    Unavailable(Unavailable),
    /// It was called, and that failed.
    Call(CallError),
}

impl ChildCallError {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Unavailable(unavailable) => unavailable.code(),
            Self::Call(call) => call.code(),
        }
    }
}

impl From<Unavailable> for ChildCallError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<CallError> for ChildCallError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// Why a message was not sent to a child. It gives the message back.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildSendError<M> {
    /// Nobody fills its role.
    Unavailable {
        /// The message.
        message: M,
        /// Why nobody does.
        cause: Unavailable,
    },
    /// Its mailbox has no room.
    Full {
        /// The message.
        message: M,
        /// The child's id.
        child: Arc<str>,
    },
    /// Waiting for room would never end.
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

    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Unavailable { cause, .. } => cause.code(),
            Self::Full { .. } => Code::ResourceExhausted,
            Self::Deadlock { .. } => Code::InternalError,
        }
    }

    /// Whether the same send can succeed later, as the code says.
    pub fn is_retryable(&self) -> bool {
        self.code().retry().is_retryable()
    }
}

impl<M> StdError for ChildSendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.code().as_source())
    }
}

impl<M> fmt::Display for ChildSendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { cause, .. } => cause.fmt(f),
            Self::Full { child, .. } => write!(f, "the mailbox of child {child:?} is full"),
            Self::Deadlock { child, .. } => {
                write!(f, "waiting for room in the mailbox of child {child:?} would never end")
            }
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
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SupervisorError {
    /// It has no such child.
    NotFound {
        /// The id or pid that was asked for.
        child: Arc<str>,
    },
    /// The child runs; stop it first.
    Running {
        /// The child's id.
        child: Arc<str>,
        /// Its process.
        pid: Pid,
    },
    /// The child is being restarted.
    Restarting {
        /// The child's id.
        child: Arc<str>,
    },
    /// A child with this id is specified and does not run; restart or delete it.
    AlreadyPresent {
        /// The child's id.
        child: Arc<str>,
    },
    /// A child of a clone of this specification runs, and both would fill the same role.
    RoleTaken {
        /// The child's id.
        child: Arc<str>,
    },
    /// The child is permanent and significant, which contradict each other.
    PermanentSignificant {
        /// The child's id.
        child: Arc<str>,
    },
    /// The child is significant, but this supervisor never shuts down by itself.
    SignificantWithoutAutoShutdown {
        /// The child's id.
        child: Arc<str>,
    },
    /// The supervisor has as many children as it may have.
    Full {
        /// Its bound.
        max_children: usize,
    },
    /// The child was not spawned, or its `init` failed or was not done in time.
    NotStarted {
        /// The child's id.
        child: Arc<str>,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The supervisor did not answer. Whether it did what it was asked is unknown after a timeout.
    NoAnswer(ChildCallError),
}

impl SupervisorError {
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
            // A refused spawn and a start that took too long may succeed later.
            Self::NotStarted { reason: ExitReason::Error(error), .. } => error.code(),
            Self::NotStarted { .. } => Code::InitializationFailed,
            Self::NoAnswer(error) => error.code(),
        }
    }
}

impl From<ChildCallError> for SupervisorError {
    fn from(error: ChildCallError) -> Self {
        Self::NoAnswer(error)
    }
}

coded_errors! {
    Unavailable;
    ChildCallError;
    SupervisorError;
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restarting { child } => write!(f, "child {child:?} is restarting"),
            Self::Stopped { child, reason } => write!(f, "child {child:?} is stopped: {reason}"),
            Self::GaveUp { child, reason } => {
                write!(f, "the supervisor of child {child:?} gave up: {reason}")
            }
        }
    }
}

impl fmt::Display for ChildCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::Call(call) => call.fmt(f),
        }
    }
}

impl fmt::Display for SupervisorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { child } => write!(f, "the supervisor has no child {child:?}"),
            Self::Running { child, pid } => write!(f, "child {child:?} is running as {pid}"),
            Self::Restarting { child } => write!(f, "child {child:?} is restarting"),
            Self::AlreadyPresent { child } => write!(f, "child {child:?} is already specified"),
            Self::RoleTaken { child } => {
                write!(f, "a child of a clone of the specification of {child:?} is running")
            }
            Self::PermanentSignificant { child } => {
                write!(f, "child {child:?} is permanent, so it cannot be significant")
            }
            Self::SignificantWithoutAutoShutdown { child } => {
                write!(
                    f,
                    "child {child:?} is significant, but the supervisor's auto shutdown is never"
                )
            }
            Self::Full { max_children } => {
                write!(
                    f,
                    "the supervisor already has {max_children} children, the most it may have"
                )
            }
            Self::NotStarted { child, reason } => {
                write!(f, "child {child:?} did not start: {reason}")
            }
            Self::NoAnswer(error) => write!(f, "the supervisor did not answer: {error}"),
        }
    }
}

/// An exit reason as the cause of an error.
pub(crate) fn cause(reason: &ExitReason) -> Arc<Error> {
    match reason {
        ExitReason::Error(error) => Arc::clone(error),
        other => Arc::new(Error::new(Code::ProcessNotAlive, format!("the child ended: {other}"))),
    }
}

#[cfg(test)]
mod tests;
