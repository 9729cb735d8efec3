//! Tries every planted fault: a test that does not fail with its fault proves nothing.
//!
//! All faults of one layer share a build under `--cfg foundation_fault`; the environment chooses
//! which one is active. The same build without a choice is the control, which must pass: a test that
//! always fails would "catch" everything.

mod build;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use toml_edit::DocumentMut;

use self::build::Binaries;
use crate::command::{self, Ended};
use crate::guarantees::table::{self, Fault, Layer, TestName};
use crate::tree::Tree;

#[cfg(test)]
mod tests;

/// A test with a planted fault must fail by itself within this time. A hang is no catch: whoever
/// meets it in the gate would learn nothing from it.
const RUN_TIME_MAX: Duration = Duration::from_mins(5);

/// How a test says after how many seeds it failed.
const SEEDS_MARK: &str = "caught-after-seeds:";

/// Which faults to try.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Tries only the faults with these names
    names: Vec<String>,
    /// Tries only the faults of one layer
    #[arg(long)]
    layer: Option<Layer>,
    /// Writes the seeds each one took into docs/faults.toml
    #[arg(long)]
    update: bool,
}

/// What one run of a test said.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It failed, after so many seeds if it knows.
    Failed(Option<u64>),
    /// It ran and passed.
    Passed,
    /// The binary has no test of that name.
    NoSuchTest,
    /// It did not end.
    Hung,
}

/// Tries the chosen faults, prints a line for each, and fails when one was not caught.
pub(crate) fn run(root: &Path, tree: &Tree, options: &Options) -> Result<()> {
    let all = table::faults(tree)?;
    for name in &options.names {
        ensure!(
            all.iter().any(|fault| fault.name == *name),
            "{} has no fault {name}; it has: {}",
            table::FAULTS,
            all.iter().map(|fault| fault.name.as_str()).collect::<Vec<_>>().join(", ")
        );
    }
    let chosen: Vec<&Fault> = all
        .iter()
        .filter(|fault| options.names.is_empty() || options.names.contains(&fault.name))
        .filter(|fault| options.layer.is_none_or(|layer| layer == fault.layer))
        .collect();
    let binaries = Binaries::build(root, tree, &chosen)?;
    let mut problems = check_controls(&binaries, &chosen)?;
    let mut seeds = BTreeMap::new();
    println!("{:<36} {:<11} {:>6} {:>9}  test", "fault", "layer", "seeds", "time");
    for fault in &chosen {
        let (verdict, time) = command::timed(|| try_fault(&binaries, fault));
        let verdict = verdict?;
        if let Verdict::Failed(Some(count)) = verdict {
            seeds.insert((fault.name.as_str(), fault.layer), count);
        }
        let said = match verdict {
            Verdict::Failed(count) => count.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            _ => "MISSED".to_owned(),
        };
        let (layer, seconds) = (fault.layer.to_string(), time.as_secs_f64());
        println!("{:<36} {layer:<11} {said:>6} {seconds:>7.2} s  {}", fault.name, fault.test);
        problems.extend(complaint(fault, &verdict));
    }
    if options.update {
        update(root, tree, &seeds)?;
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    let (count, tried) = (problems.len(), chosen.len());
    ensure!(problems.is_empty(), "faults: {count} problem(s), listed above");
    println!("faults: {tried} planted, {tried} caught; every control passed");
    Ok(())
}

/// Runs each named test without a fault; returns a complaint for each that does not pass.
fn check_controls(binaries: &Binaries, faults: &[&Fault]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut done: BTreeSet<(&'static str, TestName<'_>, Option<u64>)> = BTreeSet::new();
    for fault in faults {
        // The control tries as many seeds as the run with the fault, or it would prove less.
        if !done.insert((build::flavour(fault.layer), fault.test()?, fault.seeds_max)) {
            continue;
        }
        let cause = match judge(command::capture(&mut binaries.command(fault)?, RUN_TIME_MAX)?)? {
            Verdict::Passed => continue,
            Verdict::Failed(_) => "fails without any fault: repair it first",
            Verdict::NoSuchTest => "does not exist: correct the name in docs/faults.toml",
            Verdict::Hung => "does not end without any fault: repair it first",
        };
        problems.push(format!("control: {} ({}) {cause}", fault.test, fault.layer));
    }
    Ok(problems)
}

fn try_fault(binaries: &Binaries, fault: &Fault) -> Result<Verdict> {
    let mut command: Command = binaries.command(fault)?;
    command.env("FOUNDATION_FAULT", &fault.name);
    judge(command::capture(&mut command, RUN_TIME_MAX)?)
}

/// Reads what the test harness printed.
fn judge(ended: Ended) -> Result<Verdict> {
    let Ended::Done { status, output } = ended else { return Ok(Verdict::Hung) };
    if output.lines().any(|line| line == "running 0 tests") {
        return Ok(Verdict::NoSuchTest);
    }
    ensure!(
        output.lines().any(|line| line == "running 1 test"),
        "the test binary did not start ({status}):\n{output}"
    );
    if status.success() {
        return Ok(Verdict::Passed);
    }
    let mut said = output.lines().filter_map(|line| line.split_once(SEEDS_MARK));
    Ok(Verdict::Failed(said.find_map(|(_, count)| count.trim().parse().ok())))
}

fn complaint(fault: &Fault, verdict: &Verdict) -> Option<String> {
    let Fault { name, test, layer, .. } = fault;
    match verdict {
        Verdict::Failed(_) => None,
        Verdict::Passed => Some(format!(
            "fault {name}: {test} ({layer}) passes with the fault; strengthen the test, or give it \
             more seeds (seeds_max in {})",
            table::FAULTS
        )),
        Verdict::NoSuchTest => Some(format!("fault {name}: {test} does not exist")),
        Verdict::Hung => Some(format!(
            "fault {name}: {test} ({layer}) hangs; give the test a deadline, so that it says why"
        )),
    }
}

/// Writes the seeds into the table, leaving order and comments as they are.
fn update(root: &Path, tree: &Tree, seeds: &BTreeMap<(&str, Layer), u64>) -> Result<()> {
    let text = tree.text(table::FAULTS).unwrap_or_default();
    let updated = with_seeds(text, seeds)?;
    fs::write(root.join(table::FAULTS), updated)
        .with_context(|| format!("cannot write {}", table::FAULTS))
}

fn with_seeds(text: &str, seeds: &BTreeMap<(&str, Layer), u64>) -> Result<String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error| anyhow!("{}: {error}", table::FAULTS))?;
    let Some(list) = document.get_mut("fault") else { return Ok(text.to_owned()) };
    let Some(list) = list.as_array_of_tables_mut() else {
        bail!("{}: `fault` must be written as [[fault]]", table::FAULTS)
    };
    for entry in list.iter_mut() {
        let field = |name: &str| entry.get(name).and_then(toml_edit::Item::as_str);
        let (name, layer) = (field("name").unwrap_or_default(), field("layer").unwrap_or_default());
        let found = seeds.iter().find(|((own, of), _)| *own == name && of.to_string() == layer);
        if let Some((_, count)) = found {
            let count = i64::try_from(*count).context("a count of seeds beyond all reason")?;
            entry.insert("seeds_median", toml_edit::value(count));
        }
    }
    Ok(document.to_string())
}
