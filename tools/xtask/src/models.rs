//! Model checks and simulation: which tests they are, and the flags they are built with.
//!
//! A crate takes part by a file of a fixed name: `tests/loom.rs`, `tests/shuttle.rs` or
//! `tests/simulation.rs`. Nothing else lists it, so nothing can be forgotten.

use std::path::Path;

use anyhow::{Result, ensure};
use clap::Args;

use crate::command::{self, cargo, rustflags, target_dir};
use crate::tree::Tree;

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

/// Runs the simulation tests of every crate that has them.
pub(crate) fn simulate(root: &Path, seeds: &Seeds) -> Result<()> {
    let mut command = cargo(root);
    command.args(["test"]).args(selection(root, "simulation")?);
    if let Some(seed) = seeds.seed {
        command.env("FOUNDATION_SEED", seed.to_string());
    }
    if let Some(count) = seeds.count {
        command.env("FOUNDATION_SEEDS", count.to_string());
    }
    command.arg("--").args(&seeds.name).arg("--nocapture");
    command::run(&mut command)
}

fn model(root: &Path, checker: &str, filter: &Filter) -> Result<()> {
    let condition = format!("foundation_{checker}");
    let mut command = cargo(root);
    command.env("RUSTFLAGS", rustflags(&[&condition]));
    command.args(["test"]).args(selection(root, checker)?);
    command.arg("--target-dir").arg(target_dir(root, checker));
    command.arg("--").args(&filter.name);
    command::run(&mut command)
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
    let documents = manifests.filter_map(|text| toml_edit::Document::parse(text).ok());
    documents
        .filter_map(|document| Some(document.get("package")?.get("name")?.as_str()?.to_owned()))
        .collect()
}
