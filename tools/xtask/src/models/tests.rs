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
