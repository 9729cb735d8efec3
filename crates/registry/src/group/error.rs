//! Why a process did not become a member, or still is one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foundation_types::{Code, Pid, coded_errors};

use super::Group;
use crate::patience::Busy;

/// Why a process did not join a group. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// The process is dying or dead.
    NoProcess {
        /// The group.
        group: Group,
        /// The process.
        pid: Pid,
    },
    /// The process is in as many groups as it may be.
    TooManyGroups {
        /// The process.
        pid: Pid,
        /// [`Limits::groups_per_process_max`](crate::Limits).
        limit: usize,
    },
    /// The groups of the namespace have as many members as they may have.
    Full {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::memberships_per_namespace_max`](crate::Limits).
        limit: usize,
    },
    /// The namespace is new to groups and there are as many as there may be.
    TooManyNamespaces {
        /// The namespace.
        namespace: Arc<str>,
        /// [`Limits::namespaces_max`](crate::Limits).
        limit: usize,
    },
    /// The process has as many exit hooks and held values as it may have, and its first group needs one.
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

impl JoinError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NoProcess { .. } => Code::ProcessNotAlive,
            Self::Busy { .. } => Code::ServiceUnavailable,
            // Waiting makes no room: the process has to leave a group, or somebody to raise the limit.
            Self::TooManyGroups { .. } | Self::TooManyNamespaces { .. } => {
                Code::ConstraintViolation
            }
            Self::Full { .. } | Self::TooManyHooks { .. } => Code::ResourceExhausted,
        }
    }
}

impl From<Busy> for JoinError {
    fn from(Busy { namespace, waited }: Busy) -> Self {
        Self::Busy { namespace, waited }
    }
}

/// Why a process did not leave a group. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaveError {
    /// Others had the turn to write in the namespace for as long as the caller would wait. Nothing was changed, nor
    /// will be; try again later, or wait longer ([`Registry::within`](crate::Registry::within)).
    Busy {
        /// The namespace.
        namespace: Arc<str>,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl LeaveError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Busy { .. } => Code::ServiceUnavailable,
        }
    }
}

impl From<Busy> for LeaveError {
    fn from(Busy { namespace, waited }: Busy) -> Self {
        Self::Busy { namespace, waited }
    }
}

coded_errors! {
    /// After `NoProcess` it needs the pid of a successor: this process stays dead.
    JoinError;
    LeaveError;
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess { pid, group } => {
                write!(f, "{pid} did not join {group}: it is dying or dead")
            }
            Self::TooManyGroups { pid, limit } => {
                write!(
                    f,
                    "process {pid} is already in {limit} groups, the most it may be in: leave one first"
                )
            }
            Self::Full { namespace, limit } => {
                write!(f, "the groups of {namespace} are full: they have {limit} members together")
            }
            Self::TooManyNamespaces { namespace, limit } => {
                write!(
                    f,
                    "namespace {namespace} would be one more with groups than the {limit} there may be"
                )
            }
            Self::TooManyHooks { pid, limit } => {
                write!(f, "process {pid} already has {limit} exit hooks, the most it may have")
            }
            Self::Busy { namespace, waited } => {
                write!(
                    f,
                    "the groups of {namespace} are busy: the turn to write did not come in {waited:?}"
                )
            }
        }
    }
}

impl fmt::Display for LeaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { namespace, waited } => {
                write!(
                    f,
                    "the groups of {namespace} are busy: the turn to write did not come in {waited:?}"
                )
            }
        }
    }
}
