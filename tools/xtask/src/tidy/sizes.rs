//! Limits the length of files and functions; what is longer stands in `tidy.toml` and may only shrink.

use std::collections::BTreeMap;

use super::config::{self, Config, Ratchet};
use crate::finding::Finding;
use crate::source::Source;
use crate::tree::Tree;

#[cfg(test)]
mod tests;

/// Lines of a file without its tests. Above this nobody holds a file in mind.
const FILE_LINES_MAX: usize = 700;
/// Lines of code of a function, as in `clippy.toml`; here it also counts inside macros.
const FUNCTION_LINES_MAX: usize = 70;

const RULE: &str = "sizes";

/// Checks every Rust file against the limits and every ratchet against what it excuses.
pub(super) fn check(
    tree: &Tree,
    sources: &BTreeMap<&str, Source>,
    config: &Config,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in sources {
        let ratchet = find(config, path, None);
        let lines = source.lines_without_tests();
        findings.extend(judge((path, 0), "the file", lines, FILE_LINES_MAX, ratchet));
        for function in &source.functions {
            let ratchet = find(config, path, Some(&function.name));
            let what = format!("fn {}", function.name);
            let place = (*path, function.line);
            findings.extend(judge(place, &what, function.lines, FUNCTION_LINES_MAX, ratchet));
        }
    }
    for ratchet in &config.ratchets {
        let source = sources.get(ratchet.path.as_str());
        let is_alive = match &ratchet.function {
            None => tree.has(&ratchet.path),
            Some(name) => {
                source.is_some_and(|source| source.functions.iter().any(|f| f.name == *name))
            }
        };
        if !is_alive {
            let what = ratchet.function.as_deref().unwrap_or("the file");
            findings.push(Finding::new(
                RULE,
                (config::PATH, 0),
                format!("a [[ratchet]] excuses {what} in {}, which is gone", ratchet.path),
                "remove the entry",
            ));
        }
    }
    findings
}

fn find<'a>(config: &'a Config, path: &str, function: Option<&str>) -> Option<&'a Ratchet> {
    config
        .ratchets
        .iter()
        .find(|ratchet| ratchet.path == path && ratchet.function.as_deref() == function)
}

fn judge(
    place: (&str, usize),
    what: &str,
    lines: usize,
    lines_max: usize,
    ratchet: Option<&Ratchet>,
) -> Option<Finding> {
    let (cause, remedy) = match ratchet {
        None if lines <= lines_max => return None,
        None => (
            format!("{what} has {lines} lines, at most {lines_max} are allowed"),
            "split it by noun or by step; an exception needs a [[ratchet]] with a reason in tidy.toml"
                .to_owned(),
        ),
        Some(_) if lines <= lines_max => (
            format!("{what} has {lines} lines and needs its [[ratchet]] no more"),
            format!("remove the entry from {}", config::PATH),
        ),
        Some(ratchet) if lines == ratchet.limit => return None,
        Some(ratchet) if lines < ratchet.limit => (
            format!("{what} has shrunk to {lines} lines; its [[ratchet]] still says {}", ratchet.limit),
            format!("lower the limit in {} to {lines}", config::PATH),
        ),
        Some(ratchet) => (
            format!("{what} has grown to {lines} lines; its [[ratchet]] says {}", ratchet.limit),
            "shorten it; the limit of a ratchet only goes down".to_owned(),
        ),
    };
    Some(Finding::new(RULE, place, cause, remedy))
}
