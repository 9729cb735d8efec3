use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::all;
use crate::Pattern;

const UNITS: [&str; 6] = ["_count", "_ns", "_us", "_ms", "_bytes", "_len"];

#[test]
fn names_are_unique_and_measurements_name_their_unit() {
    let mut names = BTreeSet::new();
    for event in all() {
        assert!(names.insert(event.name), "{} is there twice", event.name);
        assert!(Pattern::new(event.name).is_ok(), "{}", event.name);
        assert!(event.help.ends_with('.'), "{}", event.name);
        for measurement in event.measurements {
            let named = UNITS.iter().any(|unit| measurement.ends_with(unit));
            assert!(named, "{}: {measurement} has no unit", event.name);
        }
    }
}

/// Everything below a folder that is compiled and no test.
fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !["tests", "target"].contains(&&*name) {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["tests.rs", "catalogue.rs"].contains(&&*name)
        {
            found.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// An event that nobody emits is a promise that is not kept, and one that is not listed is found by nobody.
#[test]
fn every_listed_event_is_emitted_and_every_emitted_one_is_listed() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut source = String::new();
    sources(&crates, &mut source);
    let text = include_str!("../catalogue.rs");
    let listed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().split_once(" = \""))
        .map(|(constant, _)| constant)
        .filter(|constant| constant.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();
    assert_eq!(listed.len(), all().len());
    let code: String = source.split_whitespace().collect();
    for constant in listed {
        assert!(code.contains(&format!("catalogue::{constant}.emit(")), "nobody emits {constant}");
    }
    let own = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let declared = own.filter(|line| line.contains("Event<") && line.contains("static "));
    assert_eq!(declared.collect::<Vec<_>>(), [""; 0], "declare it in catalogue.rs");
}

fn page() -> String {
    let mut page = "# Events\n\n\
        Every event that the platform emits, made from `crates/telemetry/src/catalogue.rs`. Listen with \
        `Events::attach` or `Events::subscribe`, by name or by a prefix such as `process.*`.\n\n\
        | Event | Measurements | Metadata | Emitted when |\n|---|---|---|---|\n"
        .to_owned();
    let list = |names: &[&str]| {
        let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    for event in all() {
        let (measurements, metadata) = (list(event.measurements), list(event.metadata));
        let (name, help) = (event.name, event.help.trim());
        writeln!(page, "| `{name}` | {measurements} | {metadata} | {help} |").unwrap();
    }
    page
}

/// After a change of the catalogue: `FOUNDATION_WRITE_PAGES=1 cargo test -p foundation-telemetry`.
#[test]
fn the_page_of_events_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/EVENTS.md");
    if std::env::var_os("FOUNDATION_WRITE_PAGES").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        page(),
        "run with FOUNDATION_WRITE_PAGES=1"
    );
}
