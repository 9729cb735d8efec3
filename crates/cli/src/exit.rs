//! What the shell learns.

use std::io;
use std::process::ExitCode;

/// The exit codes, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Success,
    /// 1: the run failed, or the output could not be written.
    Failed,
    /// 2: wrong arguments, or a file that is not sound.
    Usage,
    /// 130: stopped by Ctrl-C, the number shells give to that.
    Interrupted,
    /// 143: stopped by SIGTERM, likewise.
    Terminated,
}

impl Exit {
    /// Returns the number.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Returns this code for an output that was written. A closed pipe hides no fault: whoever read it has seen
    /// enough, but the shell has not.
    pub(crate) fn unless_unwritable(self, written: io::Result<()>) -> io::Result<Self> {
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Ok(()) | Err(_) => Ok(self),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
