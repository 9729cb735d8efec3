//! What the project promises, and what holds each promise: tests, planted faults, a benchmark.
//!
//! Promises stand in `docs/guarantees.toml`, planted faults in `docs/faults.toml`, and a test says
//! which promise it holds by a line of its doc comment:
//!
//! ```text
//! /// Guarantee R1: every monitor fires exactly once
//! ```
//!
//! The statement may be left out; when it is there, it must be the one of the table, so that a
//! reader of the test is never told something else than a reader of the page.

mod caught;
mod page;
pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use self::table::{Fault, Guarantee};
use crate::finding::{Finding, report};
use crate::source::{Source, Token, is_test_file};
use crate::tidy;
use crate::tree::Tree;

#[cfg(test)]
mod tests;

const PAGE: &str = "docs/GUARANTEES.md";
const RULE: &str = "guarantees";
const TAG: &str = "Guarantee ";

/// A test that says it holds a guarantee.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Tagged {
    id: String,
    path: String,
    line: usize,
    function: String,
    statement: Option<String>,
}

/// Writes the page, or with `check` compares it with what is on disk.
pub(crate) fn run(root: &Path, tree: &Tree, check: bool) -> Result<()> {
    let guarantees = table::guarantees(tree)?;
    let faults = table::faults(tree)?;
    let sources = tidy::parse(tree)?;
    let (tests, mut findings) = collect(&sources);
    findings.extend(judge(&guarantees, &faults, &tests));
    findings.extend(match_plants(&sources, &faults));
    findings.extend(caught::check(tree, &faults, &tests));
    let page = page::render(&guarantees, &faults, &tests);
    if check {
        if tree.text(PAGE) != Some(&page) {
            findings.push(Finding::new(
                RULE,
                (PAGE, 0),
                "the page is not what the tests and tables say",
                "run `cargo xtask guarantees` and commit the page",
            ));
        }
    } else {
        fs::write(root.join(PAGE), &page).with_context(|| format!("cannot write {PAGE}"))?;
    }
    report(RULE, findings)
}

/// Reads the tags of all functions; a tag on a function that is no test is a finding.
fn collect(sources: &BTreeMap<&str, Source>) -> (Vec<Tagged>, Vec<Finding>) {
    let (mut tests, mut findings) = (Vec::new(), Vec::new());
    for (path, source) in sources {
        for function in &source.functions {
            for (line, text) in &function.docs {
                let Some((id, statement)) = read_tag(text) else { continue };
                if function.is_test {
                    tests.push(Tagged {
                        id: id.to_owned(),
                        path: (*path).to_owned(),
                        line: *line,
                        function: function.name.clone(),
                        statement: statement.map(str::to_owned),
                    });
                } else {
                    findings.push(Finding::new(
                        RULE,
                        (path, *line),
                        format!("fn {} holds guarantee {id} and is no test", function.name),
                        "put the tag on the function with the #[test] attribute",
                    ));
                }
            }
        }
    }
    tests.sort();
    (tests, findings)
}

/// Reads `Guarantee R1` or `Guarantee R1: statement`; other text is no tag.
fn read_tag(text: &str) -> Option<(&str, Option<&str>)> {
    let rest = text.strip_prefix(TAG)?;
    let (id, statement) = match rest.split_once(':') {
        Some((id, statement)) => (id, Some(statement.trim())),
        None => (rest.trim_end_matches('.'), None),
    };
    let is_id = id.starts_with(|sign: char| sign.is_ascii_uppercase())
        && id.ends_with(|sign: char| sign.is_ascii_digit())
        && id.chars().all(|sign| sign.is_ascii_alphanumeric());
    is_id.then_some((id, statement))
}

/// Holds the tables and the tests against each other.
fn judge(guarantees: &[Guarantee], faults: &[Fault], tests: &[Tagged]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let known: BTreeMap<&str, &Guarantee> =
        guarantees.iter().map(|guarantee| (guarantee.id.as_str(), guarantee)).collect();
    for test in tests {
        let place = (test.path.as_str(), test.line);
        match known.get(test.id.as_str()) {
            None => findings.push(Finding::new(
                RULE,
                place,
                format!("fn {} holds guarantee {}, which nobody states", test.function, test.id),
                format!("correct the id, or state the guarantee in {}", table::GUARANTEES),
            )),
            Some(stated) if test.statement.as_ref().is_some_and(|own| *own != stated.statement) => {
                findings.push(Finding::new(
                    RULE,
                    place,
                    format!(
                        "fn {} states {} in other words than the table",
                        test.function, test.id
                    ),
                    format!("write `Guarantee {}: {}`, or only the id", test.id, stated.statement),
                ));
            }
            Some(_) => {}
        }
    }
    for guarantee in guarantees {
        let complain = |cause: &str, remedy: &str| {
            let cause = format!("{} ({}) {cause}", guarantee.id, guarantee.title);
            Finding::new(RULE, (table::GUARANTEES, 0), cause, remedy)
        };
        if !tests.iter().any(|test| test.id == guarantee.id) {
            let tag = format!("write a test and tag it `/// Guarantee {}`", guarantee.id);
            findings.push(complain("has no test", &tag));
        }
        if !faults.iter().any(|fault| fault.breaks(&guarantee.id)) {
            let remedy = "plant a fault that breaks it and list it in docs/faults.toml";
            findings.push(complain("has no planted fault", remedy));
        }
    }
    findings.extend(judge_faults(&known, faults));
    findings
}

fn judge_faults(known: &BTreeMap<&str, &Guarantee>, faults: &[Fault]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for fault in faults {
        let mut complain = |cause: String, remedy: &str| {
            let cause = format!("fault {}: {cause}", fault.name);
            findings.push(Finding::new(RULE, (table::FAULTS, 0), cause, remedy));
        };
        for id in fault.guarantee.ids().iter().filter(|id| !known.contains_key(id.as_str())) {
            complain(format!("nobody states guarantee {id}"), "correct the id, or state it");
        }
        if !seen.insert((&fault.name, fault.layer)) {
            complain(format!("is listed twice for {}", fault.layer), "merge the entries");
        }
        if let Err(error) = fault.test() {
            complain(
                format!("{error}"),
                "write package::target::path, with target `lib` for units",
            );
        }
    }
    findings
}

/// Holds the faults in the sources (`planted("name")`) against the table, both ways. A name stands in
/// one place, or nobody could say which of the mistakes the test has caught.
fn match_plants(sources: &BTreeMap<&str, Source>, faults: &[Fault]) -> Vec<Finding> {
    let mut planted: BTreeMap<String, (&str, usize)> = BTreeMap::new();
    let mut findings = Vec::new();
    for (path, source) in sources.iter().filter(|(path, _)| !is_test_file(path)) {
        let calls = source.tokens.windows(3).filter_map(|tokens| match tokens {
            [call, open, name] if call.text == "planted" && open.text == "(" => plant(call, name),
            _ => None,
        });
        for (name, line) in calls {
            let (first, at) = *planted.entry(name.clone()).or_insert((path, line));
            if (first, at) != (*path, line) {
                findings.push(Finding::new(
                    RULE,
                    (path, line),
                    format!("the planted fault {name} stands at {first}:{at} too"),
                    "give each mistake a name and a row of its own, or ask once and keep the answer",
                ));
            }
        }
    }
    for (name, place) in &planted {
        if !faults.iter().any(|fault| fault.name == *name) {
            findings.push(Finding::new(
                RULE,
                *place,
                format!("the planted fault {name} is not in {}", table::FAULTS),
                "list it there with the test that must catch it, or take it out of the code",
            ));
        }
    }
    for fault in faults.iter().filter(|fault| !planted.contains_key(&fault.name)) {
        findings.push(Finding::new(
            RULE,
            (table::FAULTS, 0),
            format!("fault {} is planted nowhere", fault.name),
            "write `if fault::planted(\"...\")` where it belongs, or remove the entry",
        ));
    }
    findings
}

fn plant(call: &Token, name: &Token) -> Option<(String, usize)> {
    let text = name.text.strip_prefix('"')?.strip_suffix('"')?;
    (!call.in_test).then(|| (text.to_owned(), call.line))
}
