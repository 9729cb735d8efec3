//! The checkout stands alone: it names no path that lies outside it.

use super::config::{self, Config};
use crate::finding::Finding;
use crate::tree::{Tree, extension, folder};

#[cfg(test)]
mod tests;

const RULE: &str = "outside";
const REMEDY: &str = "bring what is needed into the checkout, or say it in words";

/// Checks every text file but `tidy.toml`, where the list stands, and lock files.
pub(super) fn check(tree: &Tree, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        if path == config::PATH || extension(path) == "lock" {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let place = (path, index + 1);
            for start in &config.machine_paths {
                if names_absolute(line, start) {
                    let cause = format!("a path of one machine: {start}...");
                    findings.push(Finding::new(RULE, place, cause, REMEDY));
                }
            }
            // Relative to the file or to any folder above it: with more steps up than the file is
            // deep, the path leaves the checkout from every one of them.
            let depth = folder(path).split('/').filter(|part| !part.is_empty()).count();
            if steps_up(line) > depth {
                let cause = "a relative path that leaves the checkout";
                findings.push(Finding::new(RULE, place, cause, REMEDY));
            }
        }
    }
    findings
}

/// Returns whether `start` begins a path in the line, rather than going on inside one.
fn names_absolute(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|sign| !(sign.is_alphanumeric() || "/._-~})>*".contains(sign)))
    })
}

/// Returns the most `..` steps with which a path in the line begins.
fn steps_up(line: &str) -> usize {
    let is_boundary = |sign: char| sign.is_whitespace() || "\"'`()<>[]=,;:".contains(sign);
    let steps = |word: &str| word.split('/').take_while(|part| *part == "..").count();
    line.split(is_boundary).filter(|word| word.starts_with("../")).map(steps).max().unwrap_or(0)
}
