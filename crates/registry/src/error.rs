//! Why something was not registered or updated.

use std::sync::Arc;

use foundation_types::{Code, Error, Pid};

use crate::name::Name;

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
}

impl RegisterError {
    /// Tells whether the same registration can succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::AlreadyRegistered { .. } | Self::RegistryFull { .. })
    }

    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::AlreadyRegistered { .. } => Code::BusinessRuleViolation,
            Self::NoProcess { .. } => Code::ProcessNotAlive,
            Self::TooManyNames { .. }
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
}

impl UpdateError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NotRegistered { .. } => Code::DataNotFound,
            Self::NotOwner { .. } => Code::BusinessRuleViolation,
        }
    }
}

impl From<UpdateError> for Error {
    fn from(error: UpdateError) -> Self {
        Self::new(error.code(), "a registration was not changed").caused_by(error)
    }
}
