//! The command line of Foundation: the binary is [`main_with`] on the process's arguments and streams.
//!
//! Results go to standard output, faults and progress to standard error, so that a pipe carries results
//! only. Exit codes are those of [`Exit`]. [`run`] makes the runtime and the system and drives the run; the parts
//! that are text ([`ProgressView`], [`Output`]) are given the time and the counts.

mod args;
mod exit;

mod check;
mod completions;
mod run;
mod signals;
mod steer;

mod answer;
mod answers;
mod ask;
mod failure;
mod found;
mod logs;
mod progress;
mod report;
mod text;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;
use foundation_node::Command as Ask;

pub use args::{
    AskArgs, CheckArgs, ChosenShell, Cli, Command, CompletionsArgs, FlagsAction, FlagsArgs,
    OverrideTo, Reason, RolloutAction, RolloutArgs, RunArgs,
};
pub use ask::ask_system;
pub use check::check;
pub use completions::completions;
pub use exit::Exit;
pub use progress::{ProgressMode, ProgressSample, ProgressStream, ProgressView};
pub use report::{Output, RunSummary, TaskSummary};
pub use run::run;
pub use steer::{flags, rollout};

/// Parses arguments, carries the command out and returns the exit code.
///
/// A closed pipe on standard output ends the command without a fault: whoever read it has seen enough. What
/// cannot be written to standard error is dropped, and neither the result nor the exit code depends on it.
pub fn main_with(
    args: impl IntoIterator<Item = OsString>,
    mut out: impl Write + Send + 'static,
    err: &mut dyn Write,
) -> Exit {
    let err = &mut Remarks(err);
    let done = match Cli::try_parse_from(args).map(|parsed| parsed.command) {
        // It writes, and flushes, while it listens for signals.
        Ok(Command::Run(args)) => run(&args, out, err),
        Ok(Command::Check(args)) => check(&args, &mut out, err).and_then(flushed(&mut out)),
        Ok(Command::Ps(args)) => asked(&Ask::Processes, &args, &mut out, err),
        Ok(Command::Query { query, ask }) => asked(&Ask::Query { query }, &ask, &mut out, err),
        Ok(Command::Status(args)) => asked(&Ask::Status, &args, &mut out, err),
        Ok(Command::Stop(args)) => asked(&Ask::Stop, &args, &mut out, err),
        Ok(Command::Metrics(args)) => asked(&Ask::Metrics, &args, &mut out, err),
        Ok(Command::Flags(args)) => flags(&args, &mut out, err).and_then(flushed(&mut out)),
        Ok(Command::Rollout(args)) => rollout(&args, &mut out, err).and_then(flushed(&mut out)),
        Ok(Command::Completions(args)) => completions(&args, &mut out).and_then(flushed(&mut out)),
        Err(error) => usage(&error, &mut out, err).and_then(flushed(&mut out)),
    };
    match done {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => match writeln!(err, "error: the output cannot be written: {error}") {
            Ok(()) | Err(_) => Exit::Failed,
        },
    }
}

fn asked(
    command: &Ask,
    args: &AskArgs,
    out: &mut impl Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    ask_system(command, args, out, err).and_then(flushed(out))
}

fn flushed(out: &mut impl Write) -> impl FnOnce(Exit) -> io::Result<Exit> {
    |exit| match exit {
        Exit::Success => out.flush().map(|()| exit),
        fault => fault.unless_unwritable(out.flush()),
    }
}

/// Standard error: what it does not take is dropped, since there is nowhere left to say so.
struct Remarks<'a>(&'a mut dyn Write);

impl Write for Remarks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Ok(0) | Err(_) => Ok(bytes.len()),
            Ok(written) => Ok(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}

/// Help and version are results, anything else is a fault.
fn usage(error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    if error.use_stderr() {
        write!(err, "{}", error.render())?;
        return Ok(Exit::Usage);
    }
    write!(out, "{}", error.render())?;
    Ok(Exit::Success)
}
