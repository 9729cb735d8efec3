//! Runs the example a newcomer runs first, and looks at what came out.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::{self, cargo};

#[cfg(test)]
mod tests;

/// Runs the digest example over the documents of the checkout.
pub(super) fn run(root: &Path) -> Result<()> {
    let mut command = cargo(root);
    command.args(["run", "--quiet", "--", "run", "examples/digest/system.toml"]);
    command.args(["--json", "--input", "docs"]);
    let files = judge(&command::read(&mut command)?)?;
    println!("the example read {files} files");
    Ok(())
}

/// Returns how many files the report speaks of.
///
/// # Errors
/// The output is not one JSON object, or the report has no file.
fn judge(output: &str) -> Result<u64> {
    let json: Value =
        serde_json::from_str(output).context("the example did not print one JSON object")?;
    let files = json.pointer("/report/files").and_then(Value::as_u64);
    let files = files.context("the example's output has no number at report.files")?;
    ensure!(files > 0, "the example found no file to read");
    Ok(files)
}
