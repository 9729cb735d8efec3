//! Documents cannot rot: what they link to or name must exist.
//!
//! Checked in Markdown files: relative links and their headings; paths below a folder of the root,
//! written as code; `file.rs::name`, where the file must define the name. Checked in comments of Rust
//! files: names of Markdown files.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::markdown::{self, Link};
use crate::source::Source;
use crate::tree::{Tree, extension, folder, resolve};

#[cfg(test)]
mod tests;

const RULE: &str = "references";

/// Checks every document and every Rust comment.
pub(super) fn check(tree: &Tree, sources: &BTreeMap<&str, Source>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        for link in markdown::links(text) {
            findings.extend(check_link(tree, path, &link));
        }
        for (line, word) in markdown::code_words(text) {
            findings.extend(check_word(tree, sources, (path, line), word));
        }
    }
    for (path, text) in tree.ending(".rs") {
        for (index, line) in text.lines().enumerate() {
            let Some(comment) = line.trim_start().strip_prefix("//") else { continue };
            for word in words(comment).filter(|word| extension(word) == "md") {
                findings.extend(check_document(tree, (path, index + 1), word));
            }
        }
    }
    findings
}

fn check_link(tree: &Tree, path: &str, link: &Link<'_>) -> Option<Finding> {
    let (target, heading) = link.target.split_once('#').unwrap_or((link.target, ""));
    let is_foreign = target.contains("://") || target.starts_with("mailto:");
    if is_foreign {
        return None;
    }
    let complain = |cause: String| {
        let remedy = "correct the link, or remove it with what it spoke of";
        Some(Finding::new(RULE, (path, link.line), cause, remedy))
    };
    let place =
        if target.is_empty() { Some(path.to_owned()) } else { resolve(folder(path), target) };
    let Some(place) = place else {
        return complain(format!("the link {target} leaves the checkout"));
    };
    if !tree.has(&place) {
        return complain(format!("the link {target} leads to {place}, which does not exist"));
    }
    match tree.text(&place) {
        Some(text) if extension(&place) == "md" && !heading.is_empty() => {
            let known = markdown::headings(text).any(|known| known == heading);
            if known { None } else { complain(format!("{place} has no heading #{heading}")) }
        }
        _ => None,
    }
}

/// Checks one word of code in a document: a path below a folder of the root, or `file.rs::name`.
fn check_word(
    tree: &Tree,
    sources: &BTreeMap<&str, Source>,
    (path, line): (&str, usize),
    word: &str,
) -> Option<Finding> {
    let complain = |cause: String| {
        let remedy = "follow the code: name where it is now, or remove the sentence";
        Some(Finding::new(RULE, (path, line), cause, remedy))
    };
    let (file, names) = match word.split_once(".rs::") {
        Some((file, names)) => (format!("{file}.rs"), Some(names)),
        None => (word.trim_end_matches('/').to_owned(), None),
    };
    let is_path = file.split_once('/').is_some_and(|(first, _)| is_folder(tree, first));
    if !is_path && names.is_none() {
        return None;
    }
    let known = candidates(tree, &file);
    if known.is_empty() {
        return complain(format!("`{file}` does not exist"));
    }
    let names = names?;
    let is_defined = |source: &Source| {
        let mut parts = names.split("::").map(|part| part.trim_end_matches("()"));
        parts.all(|part| part.is_empty() || source.names.contains(part))
    };
    let defined = known.iter().filter_map(|path| sources.get(path)).any(is_defined);
    if defined { None } else { complain(format!("`{file}` does not define `{names}`")) }
}

/// Returns the files that `file` may mean: the path itself, or every file that ends with it.
///
/// A document about one crate names `src/exit.rs`, one about all of them `process/src/exit.rs`.
fn candidates<'a>(tree: &'a Tree, file: &'a str) -> Vec<&'a str> {
    if tree.has(file) {
        return vec![file];
    }
    let ending = format!("/{file}");
    tree.files().map(|(path, _)| path).filter(|path| path.ends_with(&ending)).collect()
}

fn is_folder(tree: &Tree, name: &str) -> bool {
    !name.is_empty() && tree.text(name).is_none() && tree.has(name)
}

/// Checks a Markdown file named in a comment: from the root, the crate or the file's own folder.
fn check_document(tree: &Tree, (path, line): (&str, usize), word: &str) -> Option<Finding> {
    let mut bases = vec![folder(path)];
    while let Some(base) = bases.last().filter(|base| !base.is_empty()) {
        bases.push(folder(base));
    }
    let exists = bases
        .iter()
        .filter_map(|base| resolve(base, word))
        .any(|place| tree.text(&place).is_some());
    // A file name in lower case may be an example of input; a page of ours has a path or capitals.
    let stem = word.trim_end_matches(".md");
    let is_ours = word.contains('/') || stem.chars().all(|sign| !sign.is_lowercase());
    if exists || !is_ours || stem.is_empty() {
        return None;
    }
    let cause = format!("the comment names {word}, which does not exist");
    Some(Finding::new(RULE, (path, line), cause, "name where it is now, or remove the sentence"))
}

/// Splits a comment at everything that cannot stand in a plain path.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !(sign.is_alphanumeric() || "/._-".contains(sign)))
        .map(|word| word.trim_end_matches('.'))
}
