//! A planted fault breaks a guarantee, so the test that must catch it holds that guarantee.

use super::table::{self, Fault, TestName};
use super::{RULE, Tagged};
use crate::finding::Finding;
use crate::tree::Tree;

/// Holds the test of each fault against the tags: it has one for everything the fault breaks.
pub(super) fn check(tree: &Tree, faults: &[Fault], tests: &[Tagged]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for fault in faults {
        // Other rules speak of names that cannot be read, and of guarantees that no test holds.
        let Ok(name) = fault.test() else { continue };
        let home = tree.package_folder(name.package).unwrap_or_default();
        let tagged = |id: &str| tests.iter().any(|test| test.id == id && is_it(test, home, name));
        let is_held = |id: &str| tests.iter().any(|test| test.id == id);
        for id in fault.guarantee.ids().iter().filter(|id| is_held(id) && !tagged(id)) {
            findings.push(Finding::new(
                RULE,
                (table::FAULTS, 0),
                format!("fault {}: {} does not hold {id}, which the fault breaks", fault.name, fault.test),
                format!("name a test that is tagged `/// Guarantee {id}`, or the guarantee that it holds"),
            ));
        }
    }
    findings
}

/// Whether a tagged function is the test of that name.
///
/// The path of a test is that of its file, as far as modules are files, then modules inside it.
pub(super) fn is_it(test: &Tagged, home: &str, name: TestName<'_>) -> bool {
    let mut path: Vec<&str> = name.path.split("::").collect();
    if path.pop() != Some(&test.function) {
        return false;
    }
    let file = test.path.strip_prefix(home).and_then(|file| file.strip_suffix(".rs"));
    let mut parts = file.unwrap_or_default().trim_start_matches('/').split('/').peekable();
    let is_in_place = match name.target {
        "lib" => parts.next() == Some("src"),
        _ => parts.next() == Some("tests"),
    };
    // A module of another folder may be shared by several targets; its name is part of the path then.
    parts.next_if(|part| *part == name.target);
    let modules: Vec<&str> = parts.filter(|part| !["main", "lib", "mod"].contains(part)).collect();
    is_in_place && path.starts_with(&modules)
}
