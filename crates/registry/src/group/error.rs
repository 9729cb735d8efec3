//! Why a process did not become a member, or still is one.

use std::sync::Arc;
use std::time::Duration;

use foundation_types::{Code, Error, Pid};

use super::Group;
use crate::patience::Busy;

/// Why a process did not join a group. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The process is dying or dead.
    #[error("{pid} did not join {group}: it is dying or dead")]
    NoProcess {
        /// The group.
        group: Group,
        /// The process.
        pid: Pid,
    },
    /// The process is in as many groups as it may be.
    #[error("process {pid} is already in {limit} groups, the most it may be in: leave one first")]
    TooManyGroups {
        /// The process.
        pid: Pid,
        /// [`Limits::groups_per_process_max`](crate::Limits).
        limit: usize,
    },
    /// The groups of the namespace have as many members as they may have.
    #[error("the groups of {namespace} are full: they have {limit} members together")]
    Full {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::memberships_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// The namespace is new to groups and there are as many as there may be.
    #[error("namespace {namespace} would be one more with groups than the {limit} there may be")]
    TooManyNamespaces {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::namespaces_max`](crate::Limits).
        limit: usize,
    },
    /// The process has as many exit hooks and held values as it may have, and its first group needs one.
    #[error("process {pid} already has {limit} exit hooks, the most it may have")]
    TooManyHooks {
        /// The process.
        pid: Pid,
        /// The limit of the system.
        limit: usize,
    },
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    #[error("the groups of {namespace} are busy: the turn to write did not come in {waited:?}")]
    Busy {
        /// The namespace.
        namespace: Arc<str>,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl JoinError {
    /// Tells whether the same call can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::TooManyGroups { .. }
                | Self::TooManyHooks { .. }
                | Self::Busy { .. }
        )
    }

    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NoProcess { .. } => Code::ProcessNotAlive,
            Self::Busy { .. } => Code::ServiceUnavailable,
            Self::TooManyGroups { .. }
            | Self::Full { .. }
            | Self::TooManyNamespaces { .. }
            | Self::TooManyHooks { .. } => Code::ResourceExhausted,
        }
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        Self::new(error.code(), "a process did not join a group").caused_by(error)
    }
}

impl From<Busy> for JoinError {
    fn from(Busy { namespace, waited }: Busy) -> Self {
        Self::Busy { namespace, waited }
    }
}

/// Why a process did not leave a group. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    #[error("the groups of {namespace} are busy: the turn to write did not come in {waited:?}")]
    Busy {
        /// The namespace.
        namespace: Arc<str>,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl LeaveError {
    /// Tells whether the same call can succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy { .. } => true,
        }
    }

    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Busy { .. } => Code::ServiceUnavailable,
        }
    }
}

impl From<LeaveError> for Error {
    fn from(error: LeaveError) -> Self {
        Self::new(error.code(), "a process did not leave a group").caused_by(error)
    }
}

impl From<Busy> for LeaveError {
    fn from(Busy { namespace, waited }: Busy) -> Self {
        Self::Busy { namespace, waited }
    }
}
