//! Rules that no compiler knows: layers, sizes, banned calls, references in documents, paths, origins.
//!
//! Each rule is a function from the [`Tree`] (and `tidy.toml` or `layers.toml`) to findings. An
//! exception is an entry with a reason in `tidy.toml`; one that no longer excuses anything is itself
//! a finding, so the list can only shrink by itself and grow on purpose.

mod bans;
mod config;
mod layers;
mod origins;
mod outside;
mod references;
mod sizes;

use std::collections::BTreeMap;

use anyhow::Result;

use self::config::Config;
use crate::finding::{Finding, report};
use crate::source::Source;
use crate::tree::Tree;

/// Runs every rule and prints what each found.
pub(crate) fn run(tree: &Tree) -> Result<()> {
    report("tidy", check(tree)?)
}

/// Runs every rule.
fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let config = Config::read(tree)?;
    let sources = parse(tree)?;
    let mut findings = layers::check(tree)?;
    findings.extend(sizes::check(tree, &sources, &config));
    findings.extend(bans::check(tree, &sources, &config));
    findings.extend(references::check(tree, &sources));
    findings.extend(origins::check(tree));
    findings.extend(outside::check(tree, &config));
    Ok(findings)
}

/// Reads every Rust file of the tree, keyed by path.
pub(crate) fn parse(tree: &Tree) -> Result<BTreeMap<&str, Source>> {
    tree.ending(".rs").map(|(path, text)| Ok((path, Source::parse(path, text)?))).collect()
}
