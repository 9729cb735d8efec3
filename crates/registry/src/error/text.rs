//! What each error says.

use std::fmt;

use super::{
    AwaitError, BatchError, IndexError, NamedCallError, NamedSendError, ReadError, RegisterError,
    UpdateError, WatchError,
};

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRegistered { name, owner } => {
                write!(f, "{name} is already registered for {owner}")
            }
            Self::NoProcess { name, pid } => {
                write!(f, "{name} was not registered: process {pid} is dying or dead")
            }
            Self::Metadata { name, .. } => {
                write!(f, "{name} was not registered: its metadata is not acceptable")
            }
            Self::TooManyBytes { namespace, limit } => {
                write!(
                    f,
                    "namespace {namespace} is full: its entries would carry more than {limit} bytes"
                )
            }
            Self::Interrupted { name } => {
                write!(
                    f,
                    "nobody knows whether {name} was registered: the turn was interrupted; look it up"
                )
            }
            Self::TooManyNames { pid, limit } => {
                write!(f, "process {pid} already has {limit} names, the most it may have")
            }
            Self::RegistryFull { namespace, limit } => {
                write!(f, "namespace {namespace} is full: it has {limit} entries")
            }
            Self::TooManyNamespaces { namespace, limit } => {
                write!(f, "namespace {namespace} would be one more than the {limit} there may be")
            }
            Self::TooManyHooks { pid, limit } => {
                write!(f, "process {pid} already has {limit} exit hooks, the most it may have")
            }
            Self::Busy { namespace, waited } => {
                write!(
                    f,
                    "namespace {namespace} is busy: the turn to write did not come in {waited:?}"
                )
            }
        }
    }
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRegistered { name } => {
                write!(f, "{name} is not registered")
            }
            Self::NotOwner { name, owner } => {
                write!(f, "{name} is registered for {owner}, another process")
            }
            Self::Conflict { name, stands, expected } => {
                write!(
                    f,
                    "{name} was changed: revision {stands} stands, not {expected}; look it up again"
                )
            }
            Self::Refused { name, .. } => {
                write!(f, "{name} was not changed")
            }
            Self::Busy { namespace, waited } => {
                write!(
                    f,
                    "namespace {namespace} is busy: the turn to write did not come in {waited:?}"
                )
            }
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the batch is empty"),
            Self::TooLarge { len, len_max } => {
                write!(
                    f,
                    "the batch has {len} operations, at most {len_max} are done in one step: split it"
                )
            }
            Self::OtherNamespace { index } => {
                write!(
                    f,
                    "entry {index} of the batch is of another namespace than the first one: make a batch for each"
                )
            }
            Self::Twice { index } => {
                write!(f, "the name of entry {index} of the batch stands in it twice")
            }
            Self::Refused { index, .. } => {
                write!(f, "entry {index} of the batch was refused")
            }
            Self::NotChanged { index, .. } => {
                write!(f, "entry {index} of the batch cannot be changed")
            }
            Self::Busy { namespace, waited } => {
                write!(
                    f,
                    "namespace {namespace} is busy: the turn to write did not come in {waited:?}"
                )
            }
        }
    }
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(_) => f.write_str("no namespace to watch"),
            Self::TooManyNamespaces { limit } => {
                write!(f, "there are {limit} namespaces, the most there may be")
            }
            Self::TooManyWaits { namespace, limit } => {
                write!(
                    f,
                    "{limit} wait for a change of namespace {namespace}, the most there may be"
                )
            }
            Self::TooManyWatches { namespace, limit } => {
                write!(f, "namespace {namespace} already has {limit} watches, the most it may have")
            }
            Self::Busy { namespace, waited } => {
                write!(
                    f,
                    "namespace {namespace} is busy: the turn to write did not come in {waited:?}"
                )
            }
        }
    }
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(_) => f.write_str("no field to index"),
            Self::NoAttribute { path } => {
                write!(
                    f,
                    "{path} is not indexed on request: name custom.NAME, coordination.NAME, resources.NAME, affinity or NAME"
                )
            }
            Self::TooMany { found, max } => {
                write!(f, "{found} fields are to be indexed, at most {max} are")
            }
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SnapshotExpired { namespace, revision } => {
                write!(
                    f,
                    "the view of {namespace} at revision {revision} has expired: read again, and less at once"
                )
            }
            Self::TooManyReaders { namespace, limit } => {
                write!(
                    f,
                    "namespace {namespace} is read by {limit} at this moment, the most there may be"
                )
            }
            Self::NotReached { namespace, stands, wanted } => {
                write!(
                    f,
                    "namespace {namespace} stands at revision {stands}, before the {wanted} that is wanted: await it"
                )
            }
        }
    }
}

impl fmt::Display for AwaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { name } => {
                write!(f, "the deadline passed while {name} was awaited")
            }
            Self::NoMember { group } => {
                write!(f, "the deadline passed while a member of {group} was awaited")
            }
            Self::OtherMessages { name, owner } => {
                write!(f, "{name} is registered for {owner}, which handles other messages")
            }
            Self::NotReached { wanted, namespace, stands } => {
                write!(
                    f,
                    "the deadline passed while revision {wanted} of {namespace} was awaited; {stands} stands"
                )
            }
            Self::Watch(_) => f.write_str("what changes cannot be awaited"),
        }
    }
}

impl<M> fmt::Display for NamedSendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody { .. } => f.write_str("nobody to send to"),
            Self::Send(error) => {
                write!(f, "not sent: {error}")
            }
        }
    }
}

impl fmt::Display for NamedCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody(_) => f.write_str("nobody to call"),
            Self::Call(_) => f.write_str("the owner of the name did not answer"),
        }
    }
}
