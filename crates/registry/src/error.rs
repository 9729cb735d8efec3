//! Why something was not registered or updated.

use std::sync::Arc;
use std::time::Duration;

use foundation_process::{CallError, SendError};
use foundation_types::{Code, Error, Pid};

use crate::group::Group;
use crate::label::LabelError;
use crate::metadata::MetadataError;
use crate::name::Name;
use crate::path::{Path, PathError};
use crate::revision::Revision;

/// Why a process was not registered. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name has an owner. Wait for its end, or unregister it, before taking the name.
    #[error("{name} is already registered for {owner}")]
    AlreadyRegistered {
        /// The name.
        name: Name,
        /// Who has it; may be the process itself.
        owner: Pid,
    },
    /// The process is dying or dead.
    #[error("{name} was not registered: process {pid} is dying or dead")]
    NoProcess {
        /// The name.
        name: Name,
        /// The process.
        pid: Pid,
    },
    /// The metadata has instants that cannot be.
    #[error("{name} was not registered: its metadata is not acceptable")]
    Metadata {
        /// The name.
        name: Name,
        /// Every field that is wrong.
        source: MetadataError,
    },
    /// The entries of the namespace carry as many bytes as they may.
    #[error("namespace {namespace} is full: its entries would carry more than {limit} bytes")]
    TooManyBytes {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::bytes_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// A mistake of the registry's own ended the turn in which a queued registration was made, and nobody knows
    /// whether it was. Look the name up.
    #[error("nobody knows whether {name} was registered: the turn was interrupted; look it up")]
    Interrupted {
        /// The name.
        name: Name,
    },
    /// The process has as many names as it may have.
    #[error("process {pid} already has {limit} names, the most it may have")]
    TooManyNames {
        /// The process.
        pid: Pid,
        /// [`Limits::names_per_process_max`](crate::Limits).
        limit: usize,
    },
    /// The namespace has as many entries as it may have.
    #[error("namespace {namespace} is full: it has {limit} entries")]
    RegistryFull {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::entries_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// The namespace is new and there are as many as there may be.
    #[error("namespace {namespace} would be one more than the {limit} there may be")]
    TooManyNamespaces {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::namespaces_max`](crate::Limits).
        limit: usize,
    },
    /// The process has as many exit hooks and held values as it may have, and the registry needs one.
    #[error("process {pid} already has {limit} exit hooks, the most it may have")]
    TooManyHooks {
        /// The process.
        pid: Pid,
        /// The limit of the system.
        limit: usize,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    #[error("namespace {namespace} is busy: the turn to write did not come in {waited:?}")]
    Busy {
        /// The namespace.
        namespace: Arc<str>,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl RegisterError {
    /// Tells whether the same registration can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::AlreadyRegistered { .. }
                | Self::RegistryFull { .. }
                | Self::TooManyBytes { .. }
                | Self::Busy { .. }
        )
    }

    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::AlreadyRegistered { .. } => Code::BusinessRuleViolation,
            Self::NoProcess { .. } => Code::ProcessNotAlive,
            Self::Interrupted { .. } => Code::InternalError,
            Self::Busy { .. } => Code::ServiceUnavailable,
            Self::Metadata { source, .. } => source.code(),
            Self::TooManyNames { .. }
            | Self::TooManyBytes { .. }
            | Self::RegistryFull { .. }
            | Self::TooManyNamespaces { .. }
            | Self::TooManyHooks { .. } => Code::ResourceExhausted,
        }
    }
}

impl From<RegisterError> for Error {
    fn from(error: RegisterError) -> Self {
        Self::new(error.code(), "a process was not registered").caused_by(error)
    }
}

/// Why an entry was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Nobody has the name.
    #[error("{name} is not registered")]
    NotRegistered {
        /// The name.
        name: Name,
    },
    /// Another process has the name.
    #[error("{name} is registered for {owner}, another process")]
    NotOwner {
        /// The name.
        name: Name,
        /// Who has it.
        owner: Pid,
    },
    /// It was changed since the caller looked.
    #[error("{name} was changed: revision {stands} stands, not {expected}; look it up again")]
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
    #[error("{name} was not changed")]
    Refused {
        /// The name.
        name: Name,
        /// Why.
        source: Box<RegisterError>,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    #[error("namespace {namespace} is busy: the turn to write did not come in {waited:?}")]
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

impl From<UpdateError> for Error {
    fn from(error: UpdateError) -> Self {
        Self::new(error.code(), "a registration was not changed").caused_by(error)
    }
}

/// Why a batch was not registered. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// It has nothing in it.
    #[error("the batch is empty")]
    Empty,
    /// It has too many names.
    #[error("the batch has {len} names, at most {len_max} are registered in one step: split it")]
    TooLarge {
        /// Names in the batch.
        len: usize,
        /// The greatest number.
        len_max: usize,
    },
    /// A name is of another namespace than the first one.
    #[error(
        "entry {index} of the batch is of another namespace than the first one: make a batch for each"
    )]
    OtherNamespace {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// A name stands in the batch for the second time.
    #[error("the name of entry {index} of the batch stands in it twice")]
    Twice {
        /// The place of the second one, from 0.
        index: usize,
    },
    /// One registration was refused, and so none was made.
    #[error("entry {index} of the batch was refused")]
    Refused {
        /// Its place in the batch, from 0.
        index: usize,
        /// Why.
        source: RegisterError,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    #[error("namespace {namespace} is busy: the turn to write did not come in {waited:?}")]
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
            Self::TooLarge { .. } => Code::ResourceExhausted,
            Self::Busy { .. } => Code::ServiceUnavailable,
            Self::Empty | Self::OtherNamespace { .. } | Self::Twice { .. } => {
                Code::ConstraintViolation
            }
        }
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        Self::new(error.code(), "a batch was not registered").caused_by(error)
    }
}

/// Why a namespace is not watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The text is no namespace.
    #[error("no namespace to watch")]
    Label(#[source] LabelError),
    /// The namespace is new and there are as many as there may be.
    #[error("there are {limit} namespaces, the most there may be")]
    TooManyNamespaces {
        /// [`Limits::namespaces_max`](crate::Limits).
        limit: usize,
    },
    /// As many watch it as may.
    #[error("namespace {namespace} already has {limit} watches, the most it may have")]
    TooManyWatches {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::watches_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// As many wait for a change of it as may. That others wait less long helps.
    #[error("{limit} wait for a change of namespace {namespace}, the most there may be")]
    TooManyWaits {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::waits_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    #[error("namespace {namespace} is busy: the turn to write did not come in {waited:?}")]
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
            Self::Label(_) => Code::ConstraintViolation,
            Self::Busy { .. } => Code::ServiceUnavailable,
            Self::TooManyNamespaces { .. }
            | Self::TooManyWatches { .. }
            | Self::TooManyWaits { .. } => Code::ResourceExhausted,
        }
    }
}

impl From<WatchError> for Error {
    fn from(error: WatchError) -> Self {
        Self::new(error.code(), "a namespace is not watched").caused_by(error)
    }
}

/// Why a field is not indexed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The text is no path.
    #[error("no field to index")]
    Path(#[from] PathError),
    /// The path leads to nothing that can be indexed, or to what always is.
    #[error(
        "{path} is not indexed on request: name custom.NAME, coordination.NAME, resources.NAME, affinity or NAME"
    )]
    NoAttribute {
        /// The path.
        path: Path,
    },
    /// There are too many.
    #[error("{found} fields are to be indexed, at most {max} are")]
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

impl From<IndexError> for Error {
    fn from(error: IndexError) -> Self {
        Self::new(error.code(), "a registry was not made").caused_by(error)
    }
}

/// Why a namespace was not read as of one revision. Asking again is always allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// So much was changed meanwhile that the writers did not wait for the reader any longer; see
    /// [`Limits::waiting_versions_max`](crate::Limits). A shorter closure, or a higher limit, helps.
    #[error(
        "the view of {namespace} at revision {revision} has expired: read again, and less at once"
    )]
    SnapshotExpired {
        /// The namespace.
        namespace: Arc<str>,
        /// The revision that was read.
        revision: Revision,
    },
    /// As many read the namespace at this moment as may.
    #[error("namespace {namespace} is read by {limit} at this moment, the most there may be")]
    TooManyReaders {
        /// The namespace.
        namespace: Arc<str>,
        /// The greatest number.
        limit: u32,
    },
    /// The namespace has not come to the revision.
    #[error(
        "namespace {namespace} stands at revision {stands}, before the {wanted} that is wanted: await it"
    )]
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

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::new(error.code(), "a namespace was not read").caused_by(error)
    }
}

/// Why a wait for a name or a revision ended without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AwaitError {
    /// The deadline passed first.
    #[error("the deadline passed while {name} was awaited")]
    Timeout {
        /// The name.
        name: Name,
    },
    /// The deadline passed first, and the group had no member.
    #[error("the deadline passed while a member of {group} was awaited")]
    NoMember {
        /// The group.
        group: Group,
    },
    /// The owner handles messages of another type.
    #[error("{name} is registered for {owner}, which handles other messages")]
    OtherMessages {
        /// The name.
        name: Name,
        /// The owner.
        owner: Pid,
    },
    /// The deadline passed before the namespace came to a revision.
    #[error(
        "the deadline passed while revision {wanted} of {namespace} was awaited; {stands} stands"
    )]
    NotReached {
        /// The namespace.
        namespace: Arc<str>,
        /// The revision that was awaited.
        wanted: Revision,
        /// The one that stood at the deadline.
        stands: Revision,
    },
    /// The namespace cannot be watched.
    #[error("what changes cannot be awaited")]
    Watch(#[from] WatchError),
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

impl From<AwaitError> for Error {
    fn from(error: AwaitError) -> Self {
        Self::new(error.code(), "a name or a revision did not come").caused_by(error)
    }
}

/// Why a message was not sent to a name.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NamedSendError<M> {
    /// Nobody had the name.
    #[error("nobody to send to")]
    Nobody {
        /// The message.
        message: M,
        /// Why.
        #[source]
        cause: AwaitError,
    },
    /// The owner did not take it.
    #[error("not sent: {0}")]
    Send(SendError<M>),
}

impl<M> NamedSendError<M> {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Nobody { cause, .. } => cause.code(),
            Self::Send(error) => error.code(),
        }
    }
}

impl<M> From<NamedSendError<M>> for Error {
    /// Drops the message.
    fn from(error: NamedSendError<M>) -> Self {
        let made = Self::new(error.code(), "a message was not sent to a name");
        match error {
            NamedSendError::Nobody { cause, .. } => made.caused_by(cause),
            NamedSendError::Send(error) => made.caused_by(Self::from(error)),
        }
    }
}

/// Why a call to a name failed.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NamedCallError {
    /// Nobody had the name; nothing was sent.
    #[error("nobody to call")]
    Nobody(#[source] AwaitError),
    /// The owner did not answer.
    #[error("the owner of the name did not answer")]
    Call(#[source] CallError),
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

impl From<NamedCallError> for Error {
    fn from(error: NamedCallError) -> Self {
        Self::new(error.code(), "a call to a name failed").caused_by(error)
    }
}
