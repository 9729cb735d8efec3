use super::*;

const TABLE: &str = r#"
[[crate]]
name = "low"
layer = 0
uses = []

[[crate]]
name = "high"
layer = 1
uses = ["low"]

[[crate]]
name = "kit"
uses = ["low"]
"#;

fn causes(table: &str, low: &str, high: &str) -> Vec<String> {
    let manifest = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
    let tree = Tree::from([
        ("layers.toml", table),
        ("crates/low/Cargo.toml", &manifest("low", low)),
        ("crates/high/Cargo.toml", &manifest("high", high)),
        ("tools/kit/Cargo.toml", &manifest("kit", "[dependencies]\nlow.workspace = true\n")),
    ]);
    let found = check(&tree).unwrap();
    found.into_iter().map(|f| format!("{}:{}: {}", f.path, f.line, f.cause)).collect()
}

#[test]
fn listed_edges_pass() {
    let high = "[dependencies]\nserde = \"1\"\nlow = { workspace = true }\n";
    assert_eq!(causes(TABLE, "", high), [""; 0]);
}

#[test]
fn an_edge_that_points_up_fails_with_its_line() {
    let low = "[dependencies]\nserde = \"1\"\nhigh = { path = \"../high\" }\n";
    assert_eq!(causes(TABLE, low, ""), ["crates/low/Cargo.toml:5: low may not use high"]);
}

#[test]
fn every_kind_of_section_and_a_renamed_dependency_count() {
    for low in [
        "[build-dependencies]\nhigh.workspace = true\n",
        "[dev-dependencies]\nhigh.workspace = true\n",
        "[target.'cfg(unix)'.dependencies]\nhigh.workspace = true\n",
        "[dependencies]\nalias = { package = \"high\", path = \"../high\" }\n",
        "[dependencies.high]\npath = \"../high\"\n",
    ] {
        assert_eq!(causes(TABLE, low, "").len(), 1, "{low}");
    }
}

#[test]
fn tools_are_for_tests_only() {
    assert_eq!(causes(TABLE, "[dev-dependencies]\nkit.workspace = true\n", ""), [""; 0]);
    let found = causes(TABLE, "[dependencies]\nkit.workspace = true\n", "");
    assert_eq!(found, ["crates/low/Cargo.toml:4: low may not use kit"]);
}

#[test]
fn the_table_names_all_crates_and_no_others() {
    let without_high = TABLE.replace("\"high\"", "\"gone\"");
    let found = causes(&without_high, "", "").join("\n");
    assert!(found.contains("high is not in layers.toml"), "{found}");
    assert!(found.contains("gone is listed and does not exist"), "{found}");
}

#[test]
fn a_table_that_points_up_or_in_a_circle_fails() {
    let up = TABLE.replacen("uses = []", "uses = [\"high\"]", 1);
    let found = causes(&up, "", "").join("\n");
    assert!(found.contains("low (layer 0) uses high (layer 1)"), "{found}");
    assert!(found.contains("high uses itself in a circle"), "{found}");
}

#[test]
fn a_folder_with_a_workspace_of_its_own_is_left_alone() {
    let table = TABLE.replacen("uses = [\"low\"]", "uses = []", 1);
    assert_eq!(causes(&table, "", "[dependencies]\nlow = \"1\"\n[workspace]\n").len(), 1);
}
