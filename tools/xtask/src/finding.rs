//! What a rule found: where, what is wrong, and what to do about it.

use std::fmt;

use anyhow::{Result, bail};

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Path below the root of the checkout, with forward slashes.
    pub(crate) path: String,
    /// Line, counted from 1; 0 when the whole file is meant.
    pub(crate) line: usize,
    /// Name of the rule, as `tidy.toml` spells it.
    pub(crate) rule: &'static str,
    /// What is wrong.
    pub(crate) cause: String,
    /// What the reader should do.
    pub(crate) remedy: String,
}

impl Finding {
    /// Creates a finding at `line` of `path`.
    pub(crate) fn new(
        rule: &'static str,
        (path, line): (&str, usize),
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { path: path.to_owned(), line, rule, cause: cause.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": [{}] {}\n    do: {}", self.rule, self.cause, self.remedy)
    }
}

/// Prints all findings in the order of files and fails when there is one.
pub(crate) fn report(what: &str, mut findings: Vec<Finding>) -> Result<()> {
    findings.sort();
    findings.dedup();
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        println!("{what}: nothing to complain about");
        return Ok(());
    }
    bail!("{what}: {} finding(s), listed above", findings.len())
}
