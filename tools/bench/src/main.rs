//! Measures Foundation beside its peers: same messages, same work, same machine, one run.
//!
//! Every figure comes from a child process that measures one benchmark with one subject and exits,
//! so no subject inherits another's heap, threads or caches. Children of different subjects
//! alternate within a round and the order turns round after round, so slow drift of the machine
//! hits everybody alike. Only one child runs at a time.

mod bench;
mod child;
mod cli;
mod finish;
mod load;
mod machine;
mod memory;
mod process;
mod registry;
mod report;
mod run;
mod slice;
mod telemetry;

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    cli::Cli::parse().run()
}
