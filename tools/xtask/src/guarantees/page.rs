//! Renders `docs/GUARANTEES.md`.

use super::Tagged;
use super::table::{Fault, Guarantee};

const HEAD: &str = "\
<!-- Written by `cargo xtask guarantees`; edit docs/guarantees.toml, docs/faults.toml or the tests. -->
# Guarantees

What this project promises, and what holds each promise. A promise stands here only when at least one
test fails as soon as it is broken; that is not believed but tried: each *planted fault* below is a
mistake built into the code under a switch, and `cargo xtask faults` runs the named test with the
fault, where it must fail, and without it, where it must pass.
";

/// Renders the page; the same tables and tests give the same bytes.
pub(super) fn render(guarantees: &[Guarantee], faults: &[Fault], tests: &[Tagged]) -> String {
    let mut page = HEAD.to_owned();
    if guarantees.is_empty() {
        page.push_str("\nNothing is promised yet.\n");
    } else {
        page.push_str("\n| Id | Guarantee | Tests | Planted faults |\n|---|---|---|---|\n");
    }
    for guarantee in guarantees {
        let id = &guarantee.id;
        let holding = tests.iter().filter(|test| test.id == *id).count();
        let broken = faults.iter().filter(|fault| fault.breaks(id)).count();
        let row = format!("| {id} | {} | {holding} | {broken} |\n", guarantee.title);
        page.push_str(&row);
    }
    for guarantee in guarantees {
        section(&mut page, guarantee, faults, tests);
    }
    page
}

fn section(page: &mut String, guarantee: &Guarantee, faults: &[Fault], tests: &[Tagged]) {
    let Guarantee { id, title, statement, benchmark } = guarantee;
    let mut add = |text: String| page.push_str(&text);
    add(format!("\n## {id}: {title}\n\n{statement}\n\nHeld by:\n\n"));
    let mut tests = tests.iter().filter(|test| test.id == *id).peekable();
    if tests.peek().is_none() {
        add("- nothing yet\n".to_owned());
    }
    for test in tests {
        add(format!("- `{}` in [{}](../{})\n", test.function, test.path, test.path));
    }
    let mut faults = faults.iter().filter(|fault| fault.breaks(id)).peekable();
    if faults.peek().is_some() {
        add("\n| Planted fault | Caught by | Test | Seeds |\n|---|---|---|---|\n".to_owned());
    }
    for Fault { name, layer, test, seeds_median, .. } in faults {
        let seeds = seeds_median.map_or_else(|| "-".to_owned(), |seeds| seeds.to_string());
        add(format!("| `{name}` | {layer} | `{test}` | {seeds} |\n"));
    }
    if let Some(benchmark) = benchmark {
        let group = benchmark.split('/').next().unwrap_or_default();
        add(format!("\nMeasured by `{benchmark}` (`cargo xtask bench {group}`).\n"));
    }
}
