//! Runs the example a newcomer runs first, once in peace and once under chaos, and looks at what came
//! out: `README.md` promises the same report, byte for byte.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::command::{self, cargo};

#[cfg(test)]
mod tests;

/// As `README.md` spells it: one attempt in five ends with the death of its agent.
const CHAOS: [&str; 4] = ["--chaos", "0.2", "--seed", "7"];

/// What the example prints.
#[derive(Debug, Deserialize)]
struct Output<'a> {
    /// Its text as printed, since a parsed one could not be compared byte for byte.
    #[serde(borrow)]
    report: &'a RawValue,
    run: Figures,
}

#[derive(Debug, Deserialize)]
struct Figures {
    deaths_survived: u64,
}

/// Runs the digest example over the documents of the checkout.
pub(super) fn run(root: &Path) -> Result<()> {
    let digest = |more: &[&str]| {
        let mut command = cargo(root);
        command.args(["run", "--quiet", "--", "run", "examples/digest/system.toml"]);
        command.args(["--json", "--input", "docs"]).args(more);
        command::read(&mut command)
    };
    let (files, deaths) = judge(&digest(&[])?, &digest(&CHAOS)?)?;
    println!("the example read {files} files, and {deaths} deaths left no trace in its report");
    Ok(())
}

/// Returns how many files the report speaks of, and how many deaths the run under chaos survived.
///
/// # Errors
/// An output is not one JSON object, the report has no file, nobody died under chaos, or the reports
/// differ.
fn judge(calm: &str, chaotic: &str) -> Result<(u64, u64)> {
    let (calm, chaotic) = (read(calm)?, read(chaotic)?);
    let report: Value = serde_json::from_str(calm.report.get())?;
    let files = report.get("files").and_then(Value::as_u64);
    let files = files.context("the example's output has no number at report.files")?;
    ensure!(files > 0, "the example found no file to read");
    let deaths = chaotic.run.deaths_survived;
    ensure!(deaths > 0, "nobody died under {}, so it proves nothing", CHAOS.join(" "));
    let (calm, chaotic) = (calm.report.get(), chaotic.report.get());
    ensure!(
        calm == chaotic,
        "the report under {} is another one:\n{chaotic}\nand without it:\n{calm}",
        CHAOS.join(" ")
    );
    Ok((files, deaths))
}

fn read(output: &str) -> Result<Output<'_>> {
    serde_json::from_str(output)
        .context("the example did not print one JSON object with report and run.deaths_survived")
}
