//! The command line.

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::{Parser, Subcommand};

use crate::bench::{self, GROUPS, Group};
use crate::child::Job;
use crate::report;
use crate::run::{Plan, Selection};

/// Measures Foundation beside its peers
///
/// Prints a table of medians with their spread, the ratios against the best peer and against what
/// peers are built on, and whether each floor is met. Progress goes to standard error.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    /// Measures one group (process, registry or telemetry); all groups when absent
    group: Option<String>,
    /// Measures each group for at most a minute, without its largest shapes; the figures are rough
    #[arg(long)]
    quick: bool,
    /// Prints one JSON object per benchmark and subject instead of the table
    #[arg(long)]
    json: bool,
    /// Measures this subject only; may be repeated
    #[arg(long = "subject", value_name = "S")]
    subjects: Vec<String>,
    /// Measures this benchmark only; may be repeated
    #[arg(long = "bench", value_name = "B")]
    benches: Vec<String>,
    /// Measures exactly N rounds, however long they take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    #[command(subcommand)]
    hidden: Option<Hidden>,
}

#[derive(Debug, Subcommand)]
enum Hidden {
    /// Takes one sample and prints it for the parent process
    #[command(hide = true)]
    Child(Job),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Unknown names, and, after all results, measurements that failed; a missed floor is a result, not
    /// an error.
    pub(crate) fn run(self) -> Result<()> {
        if let Some(Hidden::Child(job)) = self.hidden {
            return job.measure();
        }
        let groups: Vec<&Group> = match &self.group {
            Some(name) => vec![bench::group(name)?],
            None => GROUPS.iter().collect(),
        };
        let has_large = !self.quick;
        let selection = Selection { benches: self.benches, subjects: self.subjects, has_large };
        check_names(&groups, &selection)?;
        let mut failures = Vec::new();
        for group in groups {
            let plan = if self.quick { Plan::quick() } else { Plan::normal(group.time_max) };
            let plan = self.rounds.map_or(plan, |rounds| plan.exactly(rounds));
            let results = plan.run(group, &selection, Instant::now())?;
            let text = if self.json {
                // Standard output holds nothing but the lines.
                if let Some(warning) = results.busy() {
                    writeln!(std::io::stderr(), "{warning}")?;
                }
                report::json(group, &results)?
            } else {
                report::table(group, &results)
            };
            std::io::stdout().write_all(text.as_bytes())?;
            failures.extend(results.failures);
        }
        ensure!(failures.is_empty(), "not everything was measured:\n{}", failures.join("\n"));
        Ok(())
    }
}

/// Rejects names that select nothing: a typing error must not pass for an empty result.
fn check_names(groups: &[&Group], selection: &Selection) -> Result<()> {
    let benches: Vec<&str> =
        groups.iter().flat_map(|group| group.benches).map(|bench| bench.name).collect();
    for name in &selection.benches {
        if !benches.contains(&name.as_str()) {
            bail!("no benchmark is called `{name}`; there are: {}", benches.join(", "));
        }
    }
    let all = groups.iter().flat_map(|group| group.benches);
    let mut subjects: Vec<&str> = all.flat_map(|bench| bench.subjects).copied().collect();
    subjects.sort_unstable();
    subjects.dedup();
    for name in &selection.subjects {
        if !subjects.contains(&name.as_str()) {
            bail!("no subject is called `{name}`; there are: {}", subjects.join(", "));
        }
    }
    let any = groups.iter().flat_map(|group| group.benches).any(|bench| {
        selection.has_bench(bench)
            && bench.subjects.iter().any(|subject| selection.has_subject(subject))
    });
    ensure!(any, "none of the chosen subjects can do any of the chosen benchmarks");
    Ok(())
}
