//! Runs the benchmarks, which have a workspace of their own: the gate never builds the peers.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::command::{self, cargo};

/// What to measure and how to print it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measures one group (process, registry or telemetry); all groups when absent
    group: Option<String>,
    /// Measures each group for at most a minute, without its largest shapes; the figures are rough
    #[arg(long)]
    quick: bool,
    /// Prints one JSON object per benchmark and subject instead of a table
    #[arg(long)]
    json: bool,
    /// Further arguments for the benchmark program
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Builds and runs the benchmark program.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let mut command = cargo(root);
    command.args(["run", "--release", "--manifest-path", "tools/bench/Cargo.toml", "--"]);
    command.args(&options.group);
    command.args(options.quick.then_some("--quick"));
    command.args(options.json.then_some("--json"));
    command.args(&options.rest);
    command::run(&mut command)
}
