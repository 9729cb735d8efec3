//! What a command left behind: status and output.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited with this code; zero is success.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl ExitStatus {
    /// Whether the program exited with code zero.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// The bytes a program wrote to one of its two streams. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stream {
    /// The beginning of what it wrote, at most the settings' `output_bytes_max`.
    pub bytes: Arc<[u8]>,
    /// Whether it wrote more than that; the rest was read and thrown away.
    pub truncated: bool,
}

impl Stream {
    pub(crate) fn new(bytes: &[u8], truncated: bool) -> Self {
        Self { bytes: bytes.into(), truncated }
    }

    /// The bytes as text, with a replacement character for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// Where an output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The program ran for this caller.
    Ran,
    /// The program was already running for an equal request.
    Joined,
    /// The program had run before and its result was cached.
    Cached,
}

/// The result of a program that ran to its end. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOutput {
    /// How it ended. A status other than success is an answer, not an error.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub stdout: Stream,
    /// What it wrote to its standard error.
    pub stderr: Stream,
    /// How long the program took, from the order to start it until all its processes were gone.
    pub elapsed: Duration,
    /// Whether it ran for this caller.
    pub origin: Origin,
}
