//! Holds the dependencies between the workspace's own crates to the table in `layers.toml`.
//!
//! An edge is allowed when the table lists it. The table itself is checked as well: an edge may not
//! point up, and edges inside a layer may not form a circle.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use toml_edit::{Document, Item, TableLike};

use crate::finding::Finding;
use crate::tree::{Tree, folder};

#[cfg(test)]
mod tests;

const PATH: &str = "layers.toml";
const RULE: &str = "layers";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    #[serde(rename = "crate")]
    crates: Vec<Row>,
}

/// What one crate is and may use.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    /// Absent for tools, which stand beside the layers: crates may use them for tests only.
    layer: Option<u8>,
    uses: Vec<String>,
}

/// A dependency as a manifest states it.
struct Edge {
    target: String,
    line: usize,
    for_tests: bool,
}

/// Checks every manifest below `crates/` and `tools/` and the table itself.
pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let text = tree.text(PATH).with_context(|| format!("{PATH} is missing"))?;
    let layers: Layers = toml_edit::de::from_str(text).with_context(|| PATH.to_owned())?;
    let rows: BTreeMap<&str, &Row> =
        layers.crates.iter().map(|row| (row.name.as_str(), row)).collect();
    let mut findings = check_table(&layers.crates, &rows);
    let mut seen = BTreeSet::new();
    for (path, text) in tree.ending("/Cargo.toml") {
        let depth = path.matches('/').count();
        let is_member = path.starts_with("crates/") || path.starts_with("tools/");
        let document = Document::parse(text).map_err(|error| anyhow!("{path}: {error}"))?;
        // A folder with a workspace of its own is not part of this one.
        if depth != 2 || !is_member || document.contains_key("workspace") {
            continue;
        }
        let package = document.get("package").and_then(Item::as_table_like);
        let name = package.and_then(|package| package.get("name")).and_then(Item::as_str);
        let name = name.with_context(|| format!("{path}: no package name"))?.to_owned();
        match rows.get(name.as_str()) {
            Some(row) => findings.extend(check_manifest(path, text, &document, row, &rows)),
            None => findings.push(Finding::new(
                RULE,
                (path, 1),
                format!("{name} is not in {PATH}"),
                format!("add a [[crate]] with name, layer and uses to {PATH}, in its own commit"),
            )),
        }
        seen.insert(name);
    }
    for row in layers.crates.iter().filter(|row| !seen.contains(&row.name)) {
        findings.push(Finding::new(
            RULE,
            (PATH, 0),
            format!("{} is listed and does not exist", row.name),
            "remove the entry; a crate enters the table together with its content",
        ));
    }
    Ok(findings)
}

fn check_manifest(
    path: &str,
    text: &str,
    document: &Document<&str>,
    row: &Row,
    rows: &BTreeMap<&str, &Row>,
) -> Vec<Finding> {
    let mut edges = Vec::new();
    collect(document.as_table(), text, &mut edges);
    if let Some(targets) = document.get("target").and_then(Item::as_table_like) {
        for (_, target) in targets.iter() {
            if let Some(target) = target.as_table_like() {
                collect(target, text, &mut edges);
            }
        }
    }
    let mut findings = Vec::new();
    for edge in edges.iter().filter(|edge| rows.contains_key(edge.target.as_str())) {
        let target_layer = rows.get(edge.target.as_str()).and_then(|target| target.layer);
        let listed = row.uses.contains(&edge.target);
        // Tests may use the test kit, and what lies below anyway.
        let is_below = match (row.layer, target_layer) {
            (_, None) | (None, _) => true,
            (Some(own), Some(target)) => target < own,
        };
        if listed || (edge.for_tests && is_below) {
            continue;
        }
        let kind = if edge.for_tests { "tests of " } else { "" };
        findings.push(Finding::new(
            RULE,
            (path, edge.line),
            format!("{kind}{} may not use {}", row.name, edge.target),
            format!(
                "ask {} through what {} may use ({}), or add the edge to {PATH} in a commit of \
                 its own that says why{}",
                folder(path),
                row.name,
                row.uses.join(", "),
                if is_below { "" } else { "; it points up or sideways, so think twice" },
            ),
        ));
    }
    findings
}

fn collect(table: &dyn TableLike, text: &str, edges: &mut Vec<Edge>) {
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let Some(dependencies) = table.get(section).and_then(Item::as_table_like) else { continue };
        for (name, value) in dependencies.iter() {
            let renamed = value.as_table_like().and_then(|value| value.get("package"));
            let target = renamed.and_then(Item::as_str).unwrap_or(name).to_owned();
            let span = dependencies.key(name).and_then(toml_edit::Key::span);
            let offset = span.map_or(0, |span| span.start);
            let line = text.get(..offset).map_or(0, |before| before.matches('\n').count() + 1);
            edges.push(Edge { target, line, for_tests: section == "dev-dependencies" });
        }
    }
}

fn check_table(list: &[Row], rows: &BTreeMap<&str, &Row>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut complain = |cause: String, remedy: &str| {
        findings.push(Finding::new(RULE, (PATH, 0), cause, remedy));
    };
    if list.len() != rows.len() {
        complain("a crate is listed twice".to_owned(), "merge the entries");
    }
    for row in list {
        for name in &row.uses {
            let Some(target) = rows.get(name.as_str()) else {
                complain(format!("{} uses {name}, which is not listed", row.name), "list it");
                continue;
            };
            match (row.layer, target.layer) {
                (Some(own), Some(layer)) if layer > own => complain(
                    format!("{} (layer {own}) uses {name} (layer {layer})", row.name),
                    "turn the edge round, or move what is needed down",
                ),
                (Some(_), None) => complain(
                    format!("{} uses the tool {name}", row.name),
                    "tools are for tests: a dev-dependency needs no entry",
                ),
                _ => {}
            }
        }
        if reaches(row, &row.name, rows, &mut BTreeSet::new()) {
            complain(format!("{} uses itself in a circle", row.name), "break the circle");
        }
    }
    findings
}

fn reaches<'a>(
    from: &'a Row,
    goal: &str,
    rows: &BTreeMap<&str, &'a Row>,
    seen: &mut BTreeSet<&'a str>,
) -> bool {
    from.uses.iter().any(|name| {
        let is_new = seen.insert(name);
        name == goal
            || is_new && rows.get(name.as_str()).is_some_and(|next| reaches(next, goal, rows, seen))
    })
}
