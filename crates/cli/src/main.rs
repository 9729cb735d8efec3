//! The binary `foundation`.

use std::io::{stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Not locked: a panic on another thread has to be able to say so.
    foundation_cli::main_with(std::env::args_os(), stdout(), &mut stderr()).into()
}
