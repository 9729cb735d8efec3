use super::*;
use crate::tidy::parse;

const CODE: &str = "pub struct Mailbox;\nimpl Mailbox { fn pop() {} }\nfn terminate() {}\n";

fn causes(page: &str) -> Vec<String> {
    check_with("docs/page.md", page)
}

fn check_with(path: &str, text: &str) -> Vec<String> {
    let tree = Tree::from([
        ("crates/process/src/exit.rs", CODE),
        ("crates/process/src/lib.rs", "mod exit;\n"),
        ("docs/OTHER.md", "# One heading\n"),
        (path, text),
    ]);
    let found = check(&tree, &parse(&tree).unwrap());
    found.into_iter().map(|finding| finding.cause).collect()
}

#[test]
fn living_references_pass() {
    let page = "[a](OTHER.md), [b](OTHER.md#one-heading), [c](../crates/process), [d](#here), \
                [e](https://example.invalid/x.md)\n\
                `crates/process/src/exit.rs`, `exit.rs::terminate`, `crates/process/`,\n\
                `process/src/exit.rs::Mailbox::pop`, `crates/<name>/src/lib.rs`, `and/or`\n\
                ## Here\n";
    assert_eq!(causes(page), [""; 0]);
}

#[test]
fn dead_links_fail() {
    assert_eq!(causes("[a](GONE.md)").len(), 1);
    assert_eq!(causes("[a](OTHER.md#gone)").len(), 1);
    assert_eq!(causes("[a](#gone)").len(), 1);
    assert_eq!(causes("[a](../../other/x.md)"), ["the link ../../other/x.md leaves the checkout"]);
}

#[test]
fn dead_files_and_names_in_code_fail() {
    for word in [
        "crates/process/src/gone.rs",
        "docs/GONE.md",
        "exit.rs::gone",
        "gone.rs::terminate",
        "process/src/exit.rs::Mailbox::gone",
        "lib.rs::terminate",
    ] {
        assert_eq!(causes(&format!("See `{word}`.")).len(), 1, "{word}");
        assert_eq!(causes(&format!("```text\n{word}\n```")).len(), 1, "{word} in a block");
    }
}

#[test]
fn comments_may_not_name_documents_that_are_gone() {
    let path = "crates/process/src/link.rs";
    assert_eq!(check_with(path, "// Invariant I2 of docs/GONE.md.\n").len(), 1);
    assert_eq!(check_with(path, "//! As DESIGN.md has it.\n").len(), 1);
    assert_eq!(check_with(path, "/// See docs/OTHER.md, and notes.md of a user.\n"), [""; 0]);
    assert_eq!(check_with(path, "const NAME: &str = \"docs/GONE.md\";\n"), [""; 0]);
}
