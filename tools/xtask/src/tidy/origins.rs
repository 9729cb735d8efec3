//! Dependencies come from crates.io or from the checkout, and from nowhere else.

use crate::finding::Finding;
use crate::tree::Tree;

#[cfg(test)]
mod tests;

const RULE: &str = "origins";
const REMEDY: &str = "depend on a release from crates.io, or on a path of the checkout";

/// How lock files name crates.io. A package of the checkout has no such line.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks every lock file, where whatever a manifest or a patch says comes out, and that the configuration of
/// cargo puts nothing else in the place of crates.io, which does not.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_lock = |path: &str| path == "Cargo.lock" || path.ends_with("/Cargo.lock");
    for (path, text) in tree.files().filter(|(path, _)| is_lock(path)) {
        let mut package = "";
        for (index, line) in text.lines().enumerate() {
            if let Some(name) = value(line, "name") {
                package = name;
            }
            if let Some(source) = value(line, "source").filter(|source| *source != CRATES_IO) {
                let cause = format!("{package} comes from {source}");
                findings.push(Finding::new(RULE, (path, index + 1), cause, REMEDY));
            }
        }
    }
    let is_config =
        |path: &str| path.ends_with(".cargo/config.toml") || path.ends_with(".cargo/config");
    for (path, text) in tree.files().filter(|(path, _)| is_config(path)) {
        let Ok(config) = toml_edit::Document::parse(text) else { continue };
        for key in ["source", "paths"].into_iter().filter(|key| config.get(key).is_some()) {
            let cause = format!("`{key}` puts other packages in the place of released ones");
            findings.push(Finding::new(RULE, (path, 1), cause, REMEDY));
        }
    }
    findings
}

/// Reads `key = "value"`, as cargo writes it: one pair a line.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start();
    rest.strip_prefix('"')?.strip_suffix('"')
}
