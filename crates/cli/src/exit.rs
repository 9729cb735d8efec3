//! What the shell learns.

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
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
