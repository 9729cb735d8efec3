//! Errors of sending and calling. They give back what the caller lost.

use std::error::Error as StdError;
use std::fmt;

use foundation_types::{Code, Error, ExitReason, Pid, coded_errors};

use crate::delivery::BroadcastError;
use crate::hook::HookError;
use crate::limits::LimitReached;
use crate::spawn::{SpawnError, StartError};
use crate::timer::Elapsed;

#[cfg(test)]
mod tests;

/// Why [`Address::try_send`](crate::Address::try_send) failed.
#[derive(Clone, PartialEq, Eq)]
pub enum TrySendError<M> {
    /// The mailbox has no room, or others wait for room.
    Full(M),
    /// The process is dead.
    NoProcess(M),
}

/// Why [`Address::send`](crate::Address::send) failed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The process is dead.
    NoProcess(M),
    /// There was no room until the deadline.
    Timeout(M),
    /// Waiting would never end: every process on the path waits for the next one.
    Deadlock {
        /// The message.
        message: M,
        /// From the sender back to itself.
        path: Vec<Pid>,
    },
}

/// Why [`Address::call`](crate::Address::call) failed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CallError {
    /// The process was dead when it was called.
    NoProcess,
    /// The process died before it answered.
    Exited(ExitReason),
    /// The deadline passed. Whether the call was handled is unknown.
    Timeout,
    /// The mailbox had no room until the deadline: the call was not handled.
    Full,
    /// The process dropped the reply port.
    NoReply,
    /// The answer can never come: every process on the path waits for the next one, without a
    /// deadline. A call counts as a wait for the process that was called, also when that one has
    /// handed the reply port on: give calls around such a process a deadline.
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

    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Full(_) => Code::ResourceExhausted,
            Self::NoProcess(_) => Code::ProcessNotAlive,
        }
    }

    /// Whether another try can succeed, as the code says. After `NoProcess` it needs the address of
    /// a successor: this one stays dead.
    pub fn is_retryable(&self) -> bool {
        self.code().retry().is_retryable()
    }

    fn without_message(&self) -> TrySendError<()> {
        match self {
            Self::Full(_) => TrySendError::Full(()),
            Self::NoProcess(_) => TrySendError::NoProcess(()),
        }
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

    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NoProcess(_) => Code::ProcessNotAlive,
            Self::Timeout(_) => Code::ResourceExhausted,
            Self::Deadlock { .. } => Code::InternalError,
        }
    }

    /// Whether another try can succeed, as the code says. After `NoProcess` it needs the address of
    /// a successor: this one stays dead.
    pub fn is_retryable(&self) -> bool {
        self.code().retry().is_retryable()
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

coded_errors! {
    /// After `NoProcess` and `Exited` it needs the address of a successor: this one stays dead.
    /// After `Timeout` and `Exited` the first call may have had its effect.
    CallError;
    /// After `ShuttingDown` it needs another system.
    SpawnError;
    BroadcastError;
    HookError;
    LimitReached;
    Elapsed;
}

// These three are not in the list: one has a cause of its own, two have a message.

impl StdError for StartError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Spawn(error) => Some(error),
            Self::Init(_) | Self::Timeout => Some(self.code().as_source()),
        }
    }
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::of(error)
    }
}

impl<M> StdError for TrySendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.code().as_source())
    }
}

impl<M> From<TrySendError<M>> for Error {
    /// Drops the message.
    fn from(error: TrySendError<M>) -> Self {
        Self::of(error.without_message())
    }
}

impl<M> StdError for SendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.code().as_source())
    }
}

impl<M> From<SendError<M>> for Error {
    /// Drops the message.
    fn from(error: SendError<M>) -> Self {
        Self::of(error.map(drop))
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

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess => f.write_str("no such process"),
            Self::Exited(reason) => write!(f, "the process exited: {reason}"),
            Self::Timeout => f.write_str("no answer before the deadline"),
            Self::Full => f.write_str("the mailbox had no room before the deadline"),
            Self::NoReply => f.write_str("the process dropped the reply port"),
            Self::Deadlock { path } => write!(f, "the call would never end: {}", path_text(path)),
        }
    }
}

impl<M> fmt::Display for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the mailbox is full",
            Self::NoProcess(_) => "no such process",
        })
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess(_) => f.write_str("no such process"),
            Self::Timeout(_) => f.write_str("the mailbox had no room before the deadline"),
            Self::Deadlock { path, .. } => {
                write!(f, "waiting for room would never end: {}", path_text(path))
            }
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
