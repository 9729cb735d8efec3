//! Why something was not registered or updated.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use foundation_process::{CallError, SendError};
use foundation_types::{Code, Error, Pid, coded_errors};

use crate::group::Group;
use crate::label::LabelError;
use crate::metadata::MetadataError;
use crate::name::Name;
use crate::path::{Path, PathError};
use crate::revision::Revision;

#[cfg(test)]
mod tests;
mod text;

/// Why a process was not registered. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name has an owner. Wait for its end, or unregister it, before taking the name.
    AlreadyRegistered {
        /// The name.
        name: Name,
        /// Who has it; may be the process itself.
        owner: Pid,
    },
    /// The process is dying or dead.
    NoProcess {
        /// The name.
        name: Name,
        /// The process.
        pid: Pid,
    },
    /// The metadata has instants that cannot be.
    Metadata {
        /// The name.
        name: Name,
        /// Every field that is wrong.
        source: MetadataError,
    },
    /// The entries of the namespace carry as many bytes as they may.
    TooManyBytes {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::bytes_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// A mistake of the registry's own ended the turn in which a queued registration was made, and nobody knows
    /// whether it was. Look the name up.
    Interrupted {
        /// The name.
        name: Name,
    },
    /// The process has as many names as it may have.
    TooManyNames {
        /// The process.
        pid: Pid,
        /// [`Limits::names_per_process_max`](crate::Limits).
        limit: usize,
    },
    /// The namespace has as many entries as it may have.
    RegistryFull {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::entries_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// The namespace is new and there are as many as there may be.
    TooManyNamespaces {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::namespaces_max`](crate::Limits).
        limit: usize,
    },
    /// The process has as many exit hooks and held values as it may have, and the registry needs one.
    TooManyHooks {
        /// The process.
        pid: Pid,
        /// The limit of the system.
        limit: usize,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    Busy {
        /// The namespace.
        namespace: Arc<str>,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl RegisterError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::AlreadyRegistered { .. } => Code::BusinessRuleViolation,
            Self::NoProcess { .. } => Code::ProcessNotAlive,
            Self::Interrupted { .. } => Code::InternalError,
            Self::Busy { .. } => Code::ServiceUnavailable,
            Self::Metadata { source, .. } => source.code(),
            // Waiting makes no room: the process has to give a name back, or somebody to raise the limit.
            Self::TooManyNames { .. } | Self::TooManyNamespaces { .. } => Code::ConstraintViolation,
            Self::TooManyBytes { .. } | Self::RegistryFull { .. } | Self::TooManyHooks { .. } => {
                Code::ResourceExhausted
            }
        }
    }
}

/// Why an entry was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// Nobody has the name.
    NotRegistered {
        /// The name.
        name: Name,
    },
    /// Another process has the name.
    NotOwner {
        /// The name.
        name: Name,
        /// Who has it.
        owner: Pid,
    },
    /// It was changed since the caller looked.
    Conflict {
        /// The name.
        name: Name,
        /// The revision that the caller knows.
        expected: Revision,
        /// The one that stands.
        stands: Revision,
    },
    /// The metadata has instants that cannot be, or carries more bytes than there is room for; or the new owner
    /// cannot have the name.
    Refused {
        /// The name.
        name: Name,
        /// Why.
        source: Box<RegisterError>,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    Busy {
        /// The namespace.
        namespace: Arc<str>,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl UpdateError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NotRegistered { .. } => Code::DataNotFound,
            Self::Busy { .. } => Code::ServiceUnavailable,
            Self::NotOwner { .. } | Self::Conflict { .. } => Code::BusinessRuleViolation,
            Self::Refused { source, .. } => source.code(),
        }
    }
}

/// Why a batch was not applied. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchError {
    /// It has nothing in it.
    Empty,
    /// It has too many operations.
    TooLarge {
        /// Operations of the batch.
        len: usize,
        /// The greatest number.
        len_max: usize,
    },
    /// A name is of another namespace than the first one.
    OtherNamespace {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// A name stands in the batch for the second time.
    Twice {
        /// The place of the second one, from 0.
        index: usize,
    },
    /// One registration was refused, or a name that was to be free is not, and so nothing was done.
    Refused {
        /// Its place in the batch, from 0.
        index: usize,
        /// Why.
        source: RegisterError,
    },
    /// One change of what is registered was refused, or that is not what was expected, and so nothing was done.
    NotChanged {
        /// Its place in the batch, from 0.
        index: usize,
        /// Why.
        source: UpdateError,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    Busy {
        /// The namespace.
        namespace: Arc<str>,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl BatchError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused { source, .. } => source.code(),
            Self::NotChanged { source, .. } => source.code(),
            Self::Busy { .. } => Code::ServiceUnavailable,
            Self::Empty
            | Self::TooLarge { .. }
            | Self::OtherNamespace { .. }
            | Self::Twice { .. } => Code::ConstraintViolation,
        }
    }
}

/// Why a namespace is not watched.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchError {
    /// The text is no namespace.
    Label(LabelError),
    /// The namespace is new and there are as many as there may be.
    TooManyNamespaces {
        /// [`Limits::namespaces_max`](crate::Limits).
        limit: usize,
    },
    /// As many watch it as may.
    TooManyWatches {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::watches_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// As many wait for a change of it as may. That others wait less long helps.
    TooManyWaits {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::waits_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    Busy {
        /// The namespace.
        namespace: Arc<str>,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl WatchError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Label(source) => source.code(),
            Self::Busy { .. } => Code::ServiceUnavailable,
            // A namespace stays.
            Self::TooManyNamespaces { .. } => Code::ConstraintViolation,
            Self::TooManyWatches { .. } | Self::TooManyWaits { .. } => Code::ResourceExhausted,
        }
    }
}

/// Why a field is not indexed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexError {
    /// The text is no path.
    Path(PathError),
    /// The path leads to nothing that can be indexed, or to what always is.
    NoAttribute {
        /// The path.
        path: Path,
    },
    /// There are too many.
    TooMany {
        /// How many there are.
        found: usize,
        /// The greatest number.
        max: usize,
    },
}

impl IndexError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::InvalidInput
    }
}

/// Why a namespace was not read as of one revision. Asking again is always allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// So much was changed meanwhile that the writers did not wait for the reader any longer; see
    /// [`Limits::waiting_versions_max`](crate::Limits). A shorter closure, or a higher limit, helps.
    SnapshotExpired {
        /// The namespace.
        namespace: Arc<str>,
        /// The revision that was read.
        revision: Revision,
    },
    /// As many read the namespace at this moment as may.
    TooManyReaders {
        /// The namespace.
        namespace: Arc<str>,
        /// The greatest number.
        limit: u32,
    },
    /// The namespace has not come to the revision.
    NotReached {
        /// The namespace.
        namespace: Arc<str>,
        /// The revision that is wanted.
        wanted: Revision,
        /// The one that stands.
        stands: Revision,
    },
}

impl ReadError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::SnapshotExpired { .. } | Self::TooManyReaders { .. } => Code::ResourceExhausted,
            Self::NotReached { .. } => Code::DataNotFound,
        }
    }
}

/// Why a wait for a name or a revision ended without it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AwaitError {
    /// The deadline passed first.
    Timeout {
        /// The name.
        name: Name,
    },
    /// The deadline passed first, and the group had no member.
    NoMember {
        /// The group.
        group: Group,
    },
    /// The owner handles messages of another type.
    OtherMessages {
        /// The name.
        name: Name,
        /// The owner.
        owner: Pid,
    },
    /// The deadline passed before the namespace came to a revision.
    NotReached {
        /// The namespace.
        namespace: Arc<str>,
        /// The revision that was awaited.
        wanted: Revision,
        /// The one that stood at the deadline.
        stands: Revision,
    },
    /// The namespace cannot be watched.
    Watch(WatchError),
}

impl AwaitError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Timeout { .. } | Self::NoMember { .. } | Self::NotReached { .. } => Code::Timeout,
            Self::OtherMessages { .. } => Code::ConstraintViolation,
            Self::Watch(source) => source.code(),
        }
    }
}

/// Why a message was not sent to a name.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum NamedSendError<M> {
    /// Nobody had the name.
    Nobody {
        /// The message.
        message: M,
        /// Why.
        cause: AwaitError,
    },
    /// The owner did not take it.
    Send(SendError<M>),
}

/// Why a call to a name failed.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum NamedCallError {
    /// Nobody had the name; nothing was sent.
    Nobody(AwaitError),
    /// The owner did not answer.
    Call(CallError),
}

impl<M> NamedSendError<M> {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Nobody { cause, .. } => cause.code(),
            Self::Send(source) => source.code(),
        }
    }

    /// Whether another try can succeed without anybody's doing, as the code says.
    pub fn is_retryable(&self) -> bool {
        self.code().retry().is_retryable()
    }
}

impl NamedCallError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Nobody(source) => source.code(),
            Self::Call(source) => source.code(),
        }
    }
}

/// As [`coded_errors!`], for errors of which some have a cause of their own. The source is that cause, whose code is
/// also that of the error, or else the code itself.
macro_rules! caused_errors {
    ($($(#[$doc:meta])* $error:ident { $($caused:pat => $cause:expr),+ $(,)? })+) => {
        $(
            impl $error {
                /// Whether another try can succeed without anybody's doing, as the code says.
                $(#[$doc])*
                pub fn is_retryable(&self) -> bool {
                    self.code().retry().is_retryable()
                }
            }

            impl StdError for $error {
                fn source(&self) -> Option<&(dyn StdError + 'static)> {
                    match self {
                        $($caused => Some($cause),)+
                        other => Some(other.code().as_source()),
                    }
                }
            }

            impl From<$error> for Error {
                fn from(error: $error) -> Self {
                    Self::of(error)
                }
            }
        )+
    };
}

caused_errors! {
    /// After `NoProcess` it needs the pid of a successor: this process stays dead.
    RegisterError { Self::Metadata { source, .. } => source }
    /// After `Conflict` it needs a look at what stands.
    UpdateError { Self::Refused { source, .. } => &**source }
    BatchError {
        Self::Refused { source, .. } => source,
        Self::NotChanged { source, .. } => source,
    }
    WatchError { Self::Label(source) => source }
    IndexError { Self::Path(source) => source }
    AwaitError { Self::Watch(source) => source }
    /// The first call may have had its effect.
    NamedCallError { Self::Nobody(source) => source }
}

coded_errors! {
    ReadError;
}

impl<M: std::fmt::Debug> StdError for NamedSendError<M> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Nobody { cause, .. } => Some(cause),
            Self::Send(_) => Some(self.code().as_source()),
        }
    }
}

impl<M> From<NamedSendError<M>> for Error {
    /// Drops the message.
    fn from(error: NamedSendError<M>) -> Self {
        match error {
            NamedSendError::Nobody { cause, .. } => {
                Self::of(NamedSendError::Nobody { message: (), cause })
            }
            NamedSendError::Send(error) => error.into(),
        }
    }
}

impl From<PathError> for IndexError {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<WatchError> for AwaitError {
    fn from(error: WatchError) -> Self {
        Self::Watch(error)
    }
}
