//! The command line: one variant per subcommand, each handed to the module of its name.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::tree::Tree;
use crate::{bench, ci, faults, guarantees, models, tidy, tree};

/// The project's own tooling.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs the whole gate, step by step, with the time each step took
    Ci(ci::Options),
    /// Checks layers, sizes, banned calls, references in documents and paths
    Tidy,
    /// Writes docs/GUARANTEES.md from the tags on tests and the table of planted faults
    Guarantees {
        /// Changes nothing; fails when the page on disk is out of date
        #[arg(long)]
        check: bool,
    },
    /// Runs every planted fault; the named test must fail with it and pass without it
    Faults(faults::Options),
    /// Checks the lock-free parts exhaustively on small cases (loom)
    Loom(models::Filter),
    /// Checks the lock-free parts on many random schedules (shuttle)
    Shuttle(models::Filter),
    /// Runs the simulation tests on chosen seeds
    Sim(models::Seeds),
    /// Measures against other libraries (release build; slow)
    Bench(bench::Options),
}

impl Cli {
    /// Runs the chosen subcommand from the root of the checkout.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let root = tree::root()?;
        match self.command {
            Task::Ci(options) => return ci::run(&root, &options),
            Task::Tidy => tidy::run(&Tree::read(&root)?),
            Task::Guarantees { check } => guarantees::run(&root, &Tree::read(&root)?, check),
            Task::Faults(options) => faults::run(&root, &Tree::read(&root)?, &options),
            Task::Loom(filter) => models::loom(&root, &filter),
            Task::Shuttle(filter) => models::shuttle(&root, &filter),
            Task::Sim(seeds) => models::simulate(&root, &seeds),
            Task::Bench(options) => bench::run(&root, &options),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}
