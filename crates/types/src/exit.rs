//! Why a process ended.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::Error;
use crate::error::take;

#[cfg(test)]
mod tests;

/// Tells why a process ended, with the meanings of OTP.
///
/// Cloning is cheap: links and monitors share one report. Two reasons are equal when they mean the
/// same, wherever they were made: shutdowns by their text, panics by message and location, errors
/// as [`Error`] compares them.
///
/// It does not implement [`std::error::Error`], so that any error converts into it and a handler
/// may end its process with `?`. An [`Error`] is kept as it is; of another error [`Error::of`] makes
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// The process has done its work.
    Normal,
    /// The process was told to stop, or stops for a reason that is no failure.
    Shutdown(Option<Arc<str>>),
    /// The process was ended from outside without a chance to clean up.
    Killed,
    /// There was no such process when it was linked or monitored.
    NoProcess,
    /// A handler of the process panicked.
    Panic(Arc<PanicReport>),
    /// A handler of the process failed.
    Error(Arc<Error>),
}

const _: () = assert!(size_of::<ExitReason>() <= 24);

impl ExitReason {
    /// The shutdown without a text.
    pub const SHUTDOWN: Self = Self::Shutdown(None);

    /// Makes a shutdown with a text that says why.
    pub fn shutdown_because(text: impl Into<Arc<str>>) -> Self {
        Self::Shutdown(Some(text.into()))
    }

    /// Makes the reason of a process that failed with `error`.
    pub fn error(error: impl Into<Error>) -> Self {
        Self::Error(Arc::new(error.into()))
    }

    /// Makes the reason of a process that panicked.
    pub fn panic(report: PanicReport) -> Self {
        Self::Panic(Arc::new(report))
    }

    /// Tells whether this is [`ExitReason::Normal`], the reason that does not spread over links.
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }

    /// Tells whether the end was no failure: a transient child is then not restarted.
    pub const fn is_orderly(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown(_))
    }

    /// Returns the name of the variant in the words of OTP, from a closed set fit for labels.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Shutdown(_) => "shutdown",
            Self::Killed => "killed",
            Self::NoProcess => "noproc",
            Self::Panic(_) => "panic",
            Self::Error(_) => "error",
        }
    }
}

impl fmt::Display for ExitReason {
    /// Writes the kind and what is known beyond it; an error is written with its causes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Normal | Self::Shutdown(None) | Self::Killed | Self::NoProcess => Ok(()),
            Self::Shutdown(Some(text)) => write!(f, ": {text}"),
            Self::Panic(report) => write!(f, ": {report}"),
            Self::Error(error) => write!(f, ": {}", error.report()),
        }
    }
}

impl Serialize for ExitReason {
    /// Writes a map: `kind`, then `because`, `panic` or `error` where there is one.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind())?;
        match self {
            Self::Normal | Self::Shutdown(None) | Self::Killed | Self::NoProcess => {}
            Self::Shutdown(Some(text)) => map.serialize_entry("because", text.as_ref())?,
            Self::Panic(report) => map.serialize_entry("panic", report.as_ref())?,
            Self::Error(error) => map.serialize_entry("error", error.as_ref())?,
        }
        map.end()
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for ExitReason {
    fn from(error: E) -> Self {
        match take(error) {
            Ok(shared) => Self::Error(shared),
            Err(error) => Self::Error(Arc::new(Error::of(error))),
        }
    }
}

/// Describes a caught panic.
///
/// Two reports are equal when message and location are; a backtrace varies from build to build.
#[derive(Clone, Debug, Serialize)]
pub struct PanicReport {
    /// What the panic said.
    pub message: String,
    /// Where it was raised, as `file:line:column`.
    pub location: Option<String>,
    /// The stack at that place, if it was captured.
    pub backtrace: Option<String>,
}

impl PartialEq for PanicReport {
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message && self.location == other.location
    }
}

impl Eq for PanicReport {}

impl fmt::Display for PanicReport {
    /// Writes message and location on one line, without the backtrace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}
