//! Why a command has no output.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use foundation_process::CallError;
use foundation_supervisor::{ChildCallError, Unavailable};
use foundation_types::{Code, Error, ExitReason};

use super::output::Stream;
use super::settings::SettingsError;

/// A bound that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// As many commands run as may run at a time, and there is no queue or it is full.
    Commands {
        /// How many may run.
        concurrent_max: usize,
        /// How many may wait.
        waiting_max: usize,
    },
    /// As many callers wait as may wait.
    Callers {
        /// How many may wait.
        callers_max: usize,
    },
    /// The service has as many timers, one for each caller with a deadline, as a process may have.
    Timers {
        /// How many it may have.
        timers_max: usize,
    },
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commands { concurrent_max, waiting_max } => {
                write!(f, "{concurrent_max} commands already run and {waiting_max} wait")
            }
            Self::Callers { callers_max } => write!(f, "{callers_max} callers already wait"),
            Self::Timers { timers_max } => write!(f, "{timers_max} timers already run"),
        }
    }
}

/// Why a command has no output. A program that ran and failed has one: its status says so.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CommandError {
    /// The allow list does not have the program.
    NotAllowed {
        /// The name that was asked for.
        program: String,
    },
    /// The program may not be given this argument, or not be given these arguments.
    ArgumentNotAllowed {
        /// The program.
        program: String,
        /// The index of the first argument that is not allowed, counted from zero.
        index: usize,
        /// That argument; none when it is missing.
        argument: Option<String>,
    },
    /// The program's own check of arguments panicked instead of judging these.
    CheckPanicked {
        /// The program.
        program: String,
    },
    /// Requests may not set this variable.
    VariableNotAllowed {
        /// The program.
        program: String,
        /// The variable.
        name: String,
    },
    /// The directory to run in does not exist or is not an absolute path.
    BadDirectory {
        /// The program.
        program: String,
        /// The directory.
        directory: PathBuf,
    },
    /// The program is allowed, and there is no such executable file.
    NotFound {
        /// The program.
        program: String,
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// The operating system did not start the program, or gave its output to nobody. With the source
    /// `TimedOut` its file system hangs, and the program is killed as soon as it has started; with
    /// `ResourceBusy` other blocking work left no thread to start it on.
    Spawn {
        /// The program.
        program: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The deadline passed while the program ran. It was stopped, unless it goes on for another
    /// caller that shares it.
    Timeout {
        /// The program.
        program: String,
        /// How long the caller has waited.
        after: Duration,
        /// Its standard output so far.
        stdout: Stream,
        /// Its standard error so far.
        stderr: Stream,
    },
    /// The deadline passed before there was a place for the command: the program never ran.
    NotStarted {
        /// The program.
        program: String,
        /// How long the caller has waited.
        after: Duration,
    },
    /// A bound of the service was reached: the program never ran.
    TooMany(Limit),
    /// The process that ran the command was ended. The program was killed with it, with all it has
    /// started, and ends while this is told.
    Killed {
        /// The program.
        program: String,
        /// Why the process ended.
        reason: ExitReason,
    },
    /// The program was killed, and the operating system has not ended it yet, or something that it
    /// had started: that is stuck in a device or a file system. It is reaped when it ends.
    Stuck {
        /// The program.
        program: String,
        /// Its number in the operating system.
        process: u32,
        /// How long ago it was killed.
        after: Duration,
    },
    /// Somebody else in this program waits for children that are not theirs and has reaped this one:
    /// its status is lost, and what it has started can be told from a stranger's no more and may
    /// live on.
    Reaped {
        /// The program.
        program: String,
        /// The number it had in the operating system.
        process: u32,
    },
    /// The new allow list is not valid.
    Settings(SettingsError),
    /// The command service does not answer. If it died, its programs are killed with it.
    Service(ChildCallError),
}

impl CommandError {
    /// Whether the same request can succeed later without anybody changing anything. After
    /// `Timeout`, `Killed` and `Service` the program may have had an effect.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::NotStarted { .. }
            | Self::TooMany(_)
            | Self::Killed { .. } => true,
            Self::Service(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NotAllowed { .. } => Code::BusinessRuleViolation,
            Self::ArgumentNotAllowed { .. }
            | Self::VariableNotAllowed { .. }
            | Self::BadDirectory { .. } => Code::InvalidInput,
            Self::Settings(error) => error.code(),
            Self::CheckPanicked { .. } | Self::Reaped { .. } => Code::InternalError,
            Self::NotFound { .. } => Code::DataNotFound,
            Self::Spawn { .. } | Self::Stuck { .. } => Code::Unknown,
            Self::Timeout { .. } | Self::NotStarted { .. } => Code::Timeout,
            Self::TooMany(_) => Code::ResourceExhausted,
            Self::Killed { .. } => Code::ProcessNotAlive,
            Self::Service(error) => error.code(),
        }
    }

    /// Whether it says that something of the program may be left.
    pub(crate) fn leaves_something(&self) -> bool {
        match self {
            // Its start hangs; any other failed start has left nothing.
            Self::Spawn { source, .. } => source.kind() == io::ErrorKind::TimedOut,
            Self::Stuck { .. } | Self::Reaped { .. } => true,
            _ => false,
        }
    }

    /// Whether it says that the caller's deadline has passed.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::NotStarted { .. })
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "add it to the allow list, if it is meant to run",
            Self::ArgumentNotAllowed { .. } => "change the argument or the program's policy",
            Self::CheckPanicked { .. } => "mend the check that was given to the policy",
            Self::VariableNotAllowed { .. } => "allow the variable in the settings",
            Self::BadDirectory { .. } => "name an existing directory by its absolute path",
            Self::NotFound { .. } => "install the program, or mend the search path",
            Self::Spawn { .. } => "see the cause",
            Self::Timeout { .. } => "allow more time, or find out what the program waits for",
            Self::NotStarted { .. } => "allow more time, or more commands at a time",
            Self::TooMany(_) => "try later, or raise the limit",
            Self::Killed { .. } => "see the crash report of the process",
            Self::Stuck { .. } => "look for a hanging device or network file system",
            Self::Reaped { .. } => "let nothing in this program wait for children it did not start",
            Self::Settings(_) => "change the allow list",
            Self::Service(_) => "look at the supervisor of the service",
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed { program } => write!(f, "program {program:?} is not allowed"),
            Self::ArgumentNotAllowed { program, index, argument } => {
                write!(f, "program {program:?} must not be given argument {index} ({argument:?})")
            }
            Self::CheckPanicked { program } => {
                write!(f, "the check of arguments for program {program:?} panicked")
            }
            Self::VariableNotAllowed { program, name } => {
                write!(f, "program {program:?} must not be given variable {name:?}")
            }
            Self::BadDirectory { program, directory } => {
                write!(f, "program {program:?} cannot run in {}", directory.display())
            }
            Self::NotFound { program, searched } => {
                write!(f, "there is no program {program:?} at any of {searched:?}")
            }
            Self::Spawn { program, .. } => write!(f, "program {program:?} was not started"),
            Self::Timeout { program, after, .. } => {
                write!(f, "program {program:?} did not end within {after:?}")
            }
            Self::NotStarted { program, after } => {
                write!(f, "program {program:?} was not started within {after:?}")
            }
            Self::TooMany(limit) => write!(f, "too many commands: {limit}"),
            Self::Killed { program, reason } => {
                write!(f, "program {program:?} was killed with its process: {reason}")
            }
            Self::Stuck { program, process, after } => write!(
                f,
                "program {program:?} (process {process}) was killed {after:?} ago and still exists"
            ),
            Self::Reaped { program, process } => write!(
                f,
                "program {program:?} (process {process}) was reaped by somebody else in this program"
            ),
            Self::Settings(error) => error.fmt(f),
            Self::Service(error) => error.fmt(f),
        }
    }
}

impl StdError for CommandError {
    /// What the operating system said, and else the code, where [`Error::of`] finds it: so `?` in a
    /// handler keeps code and advice on retry.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Spawn { source, .. } => Some(source),
            _ => Some(self.code().as_source()),
        }
    }
}

impl From<ChildCallError> for CommandError {
    fn from(error: ChildCallError) -> Self {
        Self::Service(error)
    }
}

impl From<SettingsError> for CommandError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<CallError> for CommandError {
    fn from(error: CallError) -> Self {
        Self::Service(error.into())
    }
}

impl From<Unavailable> for CommandError {
    fn from(error: Unavailable) -> Self {
        Self::Service(error.into())
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        Self::new(error.code(), "a command failed")
            .with_remedy(error.remedy())
            .with_place("connect::command")
            .caused_by(error)
    }
}

#[cfg(test)]
mod tests;
