use super::*;

#[test]
fn a_crate_takes_part_by_the_name_of_its_test_file() {
    let tree = Tree::from([
        ("crates/a/Cargo.toml", "[package]\nname = \"foundation-a\"\n"),
        ("crates/a/tests/loom.rs", ""),
        ("crates/b/Cargo.toml", "[package]\nname = \"foundation-b\"\n"),
        ("crates/b/tests/looms.rs", ""),
    ]);
    assert_eq!(packages_with(&tree, "loom"), ["foundation-a"]);
    assert_eq!(packages_with(&tree, "shuttle"), [""; 0]);
}

/// Only files called tests/simulation.rs ran once, which left the supervisors out.
#[test]
fn every_test_binary_that_simulates_is_chosen() {
    let tree = Tree::from([
        ("crates/a/Cargo.toml", "[package]\nname = \"foundation-a\"\n"),
        ("crates/a/src/noun/tests.rs", "sim_seeds(0..9, f);"),
        ("crates/a/tests/plain.rs", "mod other;"),
        ("crates/a/tests/other/mod.rs", ""),
        ("crates/a/tests/folder/main.rs", "mod deep;"),
        ("crates/a/tests/folder/deep.rs", "sim_seeds(0..9, f);"),
        ("crates/a/tests/shared.rs", "mod deaths;"),
        ("crates/a/tests/deaths/mod.rs", "sim_seeds_with(0..9, o, f);"),
        ("crates/b/Cargo.toml", "[package]\nname = \"foundation-b\"\n"),
        ("crates/b/tests/simulation.rs", "plain();"),
        ("tools/kit/Cargo.toml", "[package]\nname = \"kit\"\n"),
        ("tools/kit/src/lib.rs", "sim_seeds(0..9, f);"),
    ]);
    let wanted = ["--lib", "--test=folder", "--test=shared"].map(str::to_owned);
    assert_eq!(simulated(&tree), [("foundation-a".to_owned(), BTreeSet::from(wanted))]);
}

#[test]
fn a_filter_that_matches_nothing_fails() {
    let count = |script: &str| {
        let mut shell = std::process::Command::new("sh");
        command::run_tests(shell.args(["-c", script]))
    };
    assert_eq!(count("echo running 1 test; echo; echo running 12 tests").unwrap(), 13);
    assert_eq!(count("echo running 0 tests; echo running away").unwrap(), 0);
    assert!(count("echo running 3 tests; exit 1").is_err());
    assert!(ensure_some(0, Some("typo")).unwrap_err().to_string().contains("`typo`"));
}
