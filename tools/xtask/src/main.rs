//! The project's own tooling, run as `cargo xtask <command>`.
//!
//! One binary holds everything the gate runs, so that a laptop and the gate cannot differ. It
//! promises: a rule that is broken is reported with the file, the line and what to do; a check that
//! cannot be made (a tool that is not installed) is said to be skipped, never passed over in
//! silence. It does not promise to judge types or control flow: rules read tokens, and clippy, which
//! knows types, holds the same bans a second time.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

mod bench;
mod ci;
mod cli;
mod command;
mod faults;
mod finding;
mod guarantees;
mod markdown;
mod models;
mod source;
mod tidy;
mod tree;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
