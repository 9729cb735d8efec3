//! `tidy.toml`: the exceptions, each with its reason.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::tree::Tree;

/// Path of the file, below the root.
pub(super) const PATH: &str = "tidy.toml";

/// Everything `tidy.toml` can say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Files and functions that may be longer than the general limit.
    #[serde(default, rename = "ratchet")]
    pub(super) ratchets: Vec<Ratchet>,
    /// Places where a banned call may stand.
    #[serde(default, rename = "allow")]
    pub(super) allowances: Vec<Allowance>,
    /// Beginnings of absolute paths that exist on one machine only.
    #[serde(default)]
    pub(super) machine_paths: Vec<String>,
}

/// A file or function above the general limit. Its own limit may only shrink.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ratchet {
    /// The file.
    pub(super) path: String,
    /// The function in it; the whole file when absent.
    pub(super) function: Option<String>,
    /// Lines it has now.
    pub(super) limit: usize,
    /// Why it is not split.
    pub(super) reason: String,
}

/// A place where one rule does not hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allowance {
    /// Name of the rule.
    pub(super) rule: String,
    /// A file, or a folder with everything below it.
    pub(super) path: String,
    /// Whether tests at that path are excused too.
    #[serde(default)]
    pub(super) tests: bool,
    /// Why it is needed there.
    pub(super) reason: String,
}

impl Config {
    /// Reads `tidy.toml`; a tree without one has no exceptions.
    pub(super) fn read(tree: &Tree) -> Result<Self> {
        let text = tree.text(PATH).unwrap_or_default();
        let config: Self = toml_edit::de::from_str(text).with_context(|| PATH.to_owned())?;
        let reasons = config.ratchets.iter().map(|ratchet| (&ratchet.path, &ratchet.reason));
        let allowed = config.allowances.iter().map(|allow| (&allow.path, &allow.reason));
        for (path, reason) in reasons.chain(allowed) {
            ensure!(!reason.trim().is_empty(), "{PATH}: the exception for {path} needs a reason");
        }
        Ok(config)
    }
}

impl Allowance {
    /// Returns whether `path` is the excused file or lies in the excused folder.
    pub(super) fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
