//! The gate: every check in a fixed order, cheapest first, each timed against its budget.
//!
//! Each step is a call of this program by itself, in a process group of its own, so that one that hangs
//! can be killed with what it has started in it.

mod job;
mod limited;

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::command::{self, cargo, timed};
use crate::tree::Tree;
use crate::{faults, guarantees, markdown, models, tidy};

/// How to run the gate.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Goes on after a failed step; the gate still fails at the end
    #[arg(long)]
    keep_going: bool,
    /// Runs only the steps with these names
    #[arg(long, value_name = "STEP", num_args = 1..)]
    only: Vec<String>,
    /// Does the work of one step, without limit or table; how the gate calls itself
    #[arg(long, value_name = "STEP", hide = true, exclusive = true)]
    step: Option<String>,
}

/// One step: its name, what it may take on a warm target directory, what it may take at most, and what
/// it does.
struct Step {
    name: &'static str,
    budget: Duration,
    limit: Duration,
    work: fn(&Path) -> Result<Outcome>,
}

/// What became of a step that did not fail.
#[derive(Debug)]
enum Outcome {
    Passed,
    /// The check could not be made, for the reason given.
    Skipped(String),
}

/// What became of a step, for the table at the end.
struct Row {
    name: &'static str,
    budget: Duration,
    time: Duration,
    result: Result<Outcome>,
}

/// How a step says that it was skipped; what a test harness of old says by it.
const SKIPPED: u8 = 77;

/// What a cold target directory on a busy machine may cost a step, beyond ten times its budget.
const LIMIT_MIN: Duration = Duration::from_mins(20);

const fn step(name: &'static str, seconds: u64, work: fn(&Path) -> Result<Outcome>) -> Step {
    let budget = Duration::from_secs(seconds);
    Step { name, budget, limit: LIMIT_MIN.saturating_add(budget.saturating_mul(10)), work }
}

/// Budgets are for two cores and a warm target directory; together they are under twenty minutes.
const STEPS: [Step; 11] = [
    step("fmt", 10, |root| pass(cargo(root).args(["fmt", "--all", "--check"]))),
    step("tidy", 20, |root| tidy::run(&Tree::read(root)?).map(|()| Outcome::Passed)),
    step("guarantees", 20, |root| {
        guarantees::run(root, &Tree::read(root)?, true).map(|()| Outcome::Passed)
    }),
    step("clippy", 120, |root| {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        pass(cargo(root).args(arguments))
    }),
    step("test", 360, test),
    step("loom", 90, |root| {
        models::loom(root, &models::Filter::default()).map(|()| Outcome::Passed)
    }),
    step("shuttle", 90, |root| {
        models::shuttle(root, &models::Filter::default()).map(|()| Outcome::Passed)
    }),
    step("faults", 300, |root| {
        faults::run(root, &Tree::read(root)?, &faults::Options::default()).map(|()| Outcome::Passed)
    }),
    step("docs", 60, |root| {
        // The binary has the name of the facade crate, and both would write the same pages.
        let arguments = ["doc", "--workspace", "--no-deps", "--exclude", "foundation-cli"];
        pass(cargo(root).env("RUSTDOCFLAGS", "-D warnings").args(arguments))
    }),
    step("job", 60, |root| job::run(root).map(|()| Outcome::Passed)),
    step("deny", 30, deny),
];

/// Runs the steps in order and prints the table of times.
pub(crate) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    for name in options.only.iter().chain(&options.step) {
        ensure!(
            STEPS.iter().any(|step| step.name == name),
            "no step {name}; the steps are: {}",
            STEPS.map(|step| step.name).join(", ")
        );
    }
    if let Some(step) = STEPS.iter().find(|step| options.step.as_deref() == Some(step.name)) {
        let Outcome::Skipped(reason) = (step.work)(root)? else { return Ok(ExitCode::SUCCESS) };
        eprintln!("\n!!! {} WAS SKIPPED: {reason}\n", step.name);
        return Ok(ExitCode::from(SKIPPED));
    }
    // Asked for once: a step may build this program anew, and then its file is another one.
    let own = env::current_exe().context("cannot find this program")?;
    let is_chosen =
        |step: &&Step| options.only.is_empty() || options.only.iter().any(|name| name == step.name);
    let mut rows: Vec<Row> = Vec::new();
    for step in STEPS.iter().filter(is_chosen) {
        let Step { name, budget, .. } = step;
        println!("\n== {name} (budget {} s)", budget.as_secs());
        let (result, time) = timed(|| attempt(&own, step));
        println!("== {name}: {:.1} s of {} s", time.as_secs_f64(), budget.as_secs());
        if let Err(error) = &result {
            eprintln!("error: {name}: {error:#}");
        }
        let has_failed = result.is_err();
        rows.push(Row { name, budget: *budget, time, result });
        if has_failed && !options.keep_going {
            break;
        }
    }
    summarize(&rows).map(|()| ExitCode::SUCCESS)
}

/// Has another process of this program do the work of a step, for as long as it may take.
fn attempt(own: &Path, step: &Step) -> Result<Outcome> {
    let Step { name, limit, .. } = step;
    let mut command = Command::new(own);
    let status = limited::run(command.args(["ci", "--step", name]), *limit)?;
    let seconds = limit.as_secs();
    let status = status.with_context(|| {
        format!("step {name} did not end within its limit of {seconds} s and was killed")
    })?;
    match status.code() {
        Some(0) => Ok(Outcome::Passed),
        Some(code) if code == i32::from(SKIPPED) => Ok(Outcome::Skipped("see above".to_owned())),
        _ => bail!("it failed ({status}); see above"),
    }
}

/// Prints one line per step that ran, and fails when one of them failed.
fn summarize(rows: &[Row]) -> Result<()> {
    println!("\n{:<12} {:>9} {:>9}  result", "step", "time", "budget");
    for Row { name, budget, time, result } in rows {
        let word = match result {
            Ok(Outcome::Passed) if time > budget => "passed, over budget".to_owned(),
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(reason)) => format!("SKIPPED: {reason}"),
            Err(_) => "FAILED".to_owned(),
        };
        let (seconds, budget) = (time.as_secs_f64(), budget.as_secs());
        println!("{name:<12} {seconds:>7.1} s {budget:>7} s  {word}");
    }
    let total: Duration = rows.iter().map(|row| row.time).sum();
    let budget: Duration = rows.iter().map(|row| row.budget).sum();
    println!("{:<12} {:>7.1} s {:>7} s", "total", total.as_secs_f64(), budget.as_secs());
    let failed: Vec<_> =
        rows.iter().filter(|row| row.result.is_err()).map(|row| row.name).collect();
    if failed.is_empty() { Ok(()) } else { bail!("the gate failed at: {}", failed.join(", ")) }
}

fn pass(command: &mut Command) -> Result<Outcome> {
    command::run(command).map(|()| Outcome::Passed)
}

/// Runs the command that README.md tells its readers to run: it must not be a lie.
fn test(root: &Path) -> Result<Outcome> {
    let tree = Tree::read(root)?;
    let readme = tree.text("README.md").context("README.md is missing")?;
    let block = markdown::marked_block(readme, "test-command").unwrap_or_default();
    ensure!(
        !block.is_empty(),
        "README.md has no command in a code block below the line `<!-- test-command -->`; put the \
         command that runs all tests there"
    );
    for line in block {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        let mut shell = Command::new("sh");
        command::run(shell.args(["-eu", "-c", line]).current_dir(root))?;
    }
    Ok(Outcome::Passed)
}

/// Checks licences, bans and sources of dependencies, where the tool is installed.
fn deny(root: &Path) -> Result<Outcome> {
    let found = cargo(root).args(["deny", "--version"]).output().context("cannot start cargo")?;
    if !found.status.success() {
        let reason = "cargo-deny is not installed, so licences and sources of dependencies were not \
                      checked; `cargo install --locked cargo-deny` brings it";
        return Ok(Outcome::Skipped(reason.to_owned()));
    }
    pass(cargo(root).args(["deny", "check", "licenses", "bans", "sources"]))
}
