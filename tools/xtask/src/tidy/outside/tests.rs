use super::*;

const CONFIG: &str = "machine_paths = [\"/somewhere/\"]\n";

fn count(path: &str, text: &str) -> usize {
    let tree = Tree::from([("tidy.toml", CONFIG), (path, text)]);
    check(&tree, &Config::read(&tree).unwrap()).len()
}

#[test]
fn a_path_of_one_machine_fails_wherever_it_stands() {
    for text in
        ["see /somewhere/x", "path = \"/somewhere/x\"", "// (/somewhere/x)", "`/somewhere/`"]
    {
        assert_eq!(count("docs/a.md", text), 1, "{text}");
    }
}

#[test]
fn a_path_that_goes_on_from_something_else_passes() {
    for text in
        ["https://host/somewhere/x", "src/somewhere/x", "./somewhere/x", "<root>/somewhere/x"]
    {
        assert_eq!(count("docs/a.md", text), 0, "{text}");
    }
}

#[test]
fn steps_up_may_not_leave_the_checkout() {
    assert_eq!(count("README.md", "[x](../other/X.md)"), 1);
    assert_eq!(count("crates/x/src/a.rs", "include_str!(\"../../../../x\")"), 1);
    assert_eq!(count("crates/x/src/a.rs", "include_str!(\"../../../x\")"), 0);
    assert_eq!(count("crates/x/Cargo.toml", "path = \"../y\""), 0);
    assert_eq!(count("docs/a.md", "and so on ... ../README.md"), 0);
}
