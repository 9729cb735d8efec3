//! Errors of sending and calling. They give back what the caller lost.

use std::fmt;

use foundation_types::{Code, Error, ExitReason, Pid};

/// Why [`Address::try_send`](crate::Address::try_send) failed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<M> {
    /// The mailbox has no room, or others wait for room.
    #[error("the mailbox is full")]
    Full(M),
    /// The process is dead.
    #[error("no such process")]
    NoProcess(M),
}

/// Why [`Address::send`](crate::Address::send) failed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The process is dead.
    #[error("no such process")]
    NoProcess(M),
    /// There was no room until the deadline.
    #[error("the mailbox had no room before the deadline")]
    Timeout(M),
    /// Waiting would never end: every process on the path waits for the next one.
    #[error("waiting for room would never end: {}", path_text(path))]
    Deadlock {
        /// The message.
        message: M,
        /// From the sender back to itself.
        path: Vec<Pid>,
    },
}

/// Why [`Address::call`](crate::Address::call) failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The process was dead when it was called.
    #[error("no such process")]
    NoProcess,
    /// The process died before it answered.
    #[error("the process exited: {0}")]
    Exited(ExitReason),
    /// The deadline passed. Whether the call was handled is unknown.
    #[error("no answer before the deadline")]
    Timeout,
    /// The mailbox had no room until the deadline: the call was not handled.
    #[error("the mailbox had no room before the deadline")]
    Full,
    /// The process dropped the reply port.
    #[error("the process dropped the reply port")]
    NoReply,
    /// The answer can never come: every process on the path waits for the next one, without a
    /// deadline. A call counts as a wait for the process that was called, also when that one has
    /// handed the reply port on: give calls around such a process a deadline.
    #[error("the call would never end: {}", path_text(path))]
    Deadlock {
        /// From the caller back to itself.
        path: Vec<Pid>,
    },
}

fn path_text(path: &[Pid]) -> String {
    path.iter().map(Pid::to_string).collect::<Vec<_>>().join(" waits for ")
}

impl<M> TrySendError<M> {
    /// The message that was not sent.
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::NoProcess(message) => message,
        }
    }

    /// Whether the same send can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl<M> SendError<M> {
    /// The message that was not sent.
    pub fn into_message(self) -> M {
        match self {
            Self::NoProcess(message) | Self::Timeout(message) | Self::Deadlock { message, .. } => {
                message
            }
        }
    }

    /// Whether the same send can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    pub(crate) fn map<T>(self, f: impl FnOnce(M) -> T) -> SendError<T> {
        match self {
            Self::NoProcess(message) => SendError::NoProcess(f(message)),
            Self::Timeout(message) => SendError::Timeout(f(message)),
            Self::Deadlock { message, path } => SendError::Deadlock { message: f(message), path },
        }
    }
}

impl CallError {
    /// Whether the same call can succeed later. After `Timeout` and `Exited` the first call may
    /// have had its effect.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Timeout | Self::Full | Self::Exited(_))
    }

    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NoProcess | Self::Exited(_) => Code::ProcessNotAlive,
            Self::Timeout => Code::Timeout,
            Self::Full => Code::ResourceExhausted,
            Self::NoReply | Self::Deadlock { .. } => Code::InternalError,
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::new(error.code(), "a call failed").caused_by(error)
    }
}

impl<M> From<SendError<M>> for CallError {
    fn from(error: SendError<M>) -> Self {
        match error {
            SendError::NoProcess(_) => Self::NoProcess,
            SendError::Timeout(_) => Self::Full,
            SendError::Deadlock { path, .. } => Self::Deadlock { path },
        }
    }
}

// Messages need not be printable, so neither error prints its message.

impl<M> fmt::Debug for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::NoProcess(_) => "NoProcess(..)",
        })
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess(_) => f.write_str("NoProcess(..)"),
            Self::Timeout(_) => f.write_str("Timeout(..)"),
            Self::Deadlock { path, .. } => {
                f.debug_struct("Deadlock").field("path", path).finish_non_exhaustive()
            }
        }
    }
}
