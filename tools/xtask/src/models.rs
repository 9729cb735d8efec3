//! Model checks and simulation: which tests they are, and the flags they are built with.
//!
//! A crate takes part in the model checks by a file of a fixed name, `tests/loom.rs` or
//! `tests/shuttle.rs`, and in the simulation by each test binary that calls the test kit's `sim_seeds`.
//! Nothing else lists it, so nothing can be forgotten.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};
use clap::Args;

use crate::command::{self, cargo, rustflags, target_dir};
use crate::tree::{Tree, folder};

#[cfg(test)]
mod tests;

/// Which tests to run.
#[derive(Debug, Default, Args)]
pub(crate) struct Filter {
    /// Runs only tests whose name contains this
    name: Option<String>,
}

/// Which seeds to simulate.
#[derive(Debug, Default, Args)]
pub(crate) struct Seeds {
    /// Runs only tests whose name contains this
    name: Option<String>,
    /// Replays one seed
    #[arg(long, conflicts_with = "count")]
    seed: Option<u64>,
    /// Runs this many seeds per test
    #[arg(long = "seeds", value_name = "COUNT")]
    count: Option<u64>,
}

/// Runs the loom tests of every crate that has them.
pub(crate) fn loom(root: &Path, filter: &Filter) -> Result<()> {
    model(root, "loom", filter)
}

/// Runs the shuttle tests of every crate that has them.
pub(crate) fn shuttle(root: &Path, filter: &Filter) -> Result<()> {
    model(root, "shuttle", filter)
}

/// Runs every test binary of the workspace that simulates, crate by crate.
pub(crate) fn simulate(root: &Path, seeds: &Seeds) -> Result<()> {
    let mut tests = 0;
    for (package, targets) in simulated(&Tree::read(root)?) {
        let mut command = cargo(root);
        command.args(["test", "--package", &package]).args(targets);
        if let Some(seed) = seeds.seed {
            command.env("FOUNDATION_SEED", seed.to_string());
        }
        if let Some(count) = seeds.count {
            command.env("FOUNDATION_SEEDS", count.to_string());
        }
        command.arg("--").args(&seeds.name).arg("--nocapture");
        tests += command::run_tests(&mut command)?;
    }
    ensure_some(tests, seeds.name.as_deref())
}

/// A typing error must not pass for a green run.
fn ensure_some(tests: u64, name: Option<&str>) -> Result<()> {
    ensure!(tests > 0, "no test ran: no name contains `{}`", name.unwrap_or_default());
    Ok(())
}

/// Returns the packages below `crates/` with the arguments that choose their simulating test binaries.
///
/// A file belongs to the binary of the same name, or to those that declare the folder it lies in.
fn simulated(tree: &Tree) -> Vec<(String, BTreeSet<String>)> {
    let simulates = |text: &str| text.contains("sim_seeds");
    let manifests = tree.ending("/Cargo.toml").filter(|(path, _)| path.starts_with("crates/"));
    let mut chosen = Vec::new();
    for (path, manifest) in manifests {
        let Some(package) = package_name(manifest) else { continue };
        let home = folder(path);
        let (sources, tests) = (format!("{home}/src/"), format!("{home}/tests/"));
        let below = |start: &str| {
            let files = tree.ending(".rs").filter(|(file, _)| file.starts_with(start));
            files.map(|(file, text)| (file.to_owned(), text)).collect::<Vec<_>>()
        };
        let mut targets = BTreeSet::new();
        if below(&sources).iter().any(|(_, text)| simulates(text)) {
            targets.insert("--lib".to_owned());
        }
        let files = below(&tests);
        for (file, text) in &files {
            let file = file.strip_prefix(&tests).unwrap_or_default();
            let name = file.strip_suffix("/main.rs").or_else(|| file.strip_suffix(".rs"));
            let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
            let is_own = |other: &str| {
                let of = other.strip_prefix(&tests).and_then(|other| other.split_once('/'));
                of.is_some_and(|(of, _)| of == name || text.contains(&format!("mod {of};")))
            };
            if simulates(text) || files.iter().any(|(other, text)| is_own(other) && simulates(text))
            {
                targets.insert(format!("--test={name}"));
            }
        }
        if !targets.is_empty() {
            chosen.push((package, targets));
        }
    }
    chosen
}

fn package_name(manifest: &str) -> Option<String> {
    let document = toml_edit::Document::parse(manifest).ok()?;
    Some(document.get("package")?.get("name")?.as_str()?.to_owned())
}

fn model(root: &Path, checker: &str, filter: &Filter) -> Result<()> {
    let condition = format!("foundation_{checker}");
    let mut command = cargo(root);
    command.env("RUSTFLAGS", rustflags(&[&condition]));
    command.args(["test"]).args(selection(root, checker)?);
    command.arg("--target-dir").arg(target_dir(root, checker));
    command.arg("--").args(&filter.name);
    ensure_some(command::run_tests(&mut command)?, filter.name.as_deref())
}

/// Returns the arguments that choose the test files called `name` in all crates that have one.
fn selection(root: &Path, name: &str) -> Result<Vec<String>> {
    let packages = packages_with(&Tree::read(root)?, name);
    ensure!(
        !packages.is_empty(),
        "no crate has tests/{name}.rs; write one, there is nothing to run"
    );
    let chosen = packages.into_iter().flat_map(|package| ["--package".to_owned(), package]);
    Ok(chosen.chain(["--test".to_owned(), name.to_owned()]).collect())
}

fn packages_with(tree: &Tree, name: &str) -> Vec<String> {
    let ending = format!("/tests/{name}.rs");
    let folders = tree.files().filter_map(|(path, _)| path.strip_suffix(&ending));
    let manifests = folders.filter_map(|folder| tree.text(&format!("{folder}/Cargo.toml")));
    manifests.filter_map(package_name).collect()
}
