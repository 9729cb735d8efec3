//! `foundation completions`.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;

/// Prints the completion script of a shell.
///
/// # Errors
/// The error of the stream when the script cannot be written.
pub fn completions(args: &CompletionsArgs, out: &mut dyn Write) -> io::Result<Exit> {
    // The generator panics when a write fails, so it writes to memory.
    let mut script = Vec::new();
    generate(Shell::from(args.shell), &mut Cli::command(), "foundation", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Success)
}
