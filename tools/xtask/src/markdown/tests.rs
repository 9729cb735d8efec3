use super::*;

#[test]
fn links_in_prose_are_found_and_links_in_code_are_not() {
    let text =
        "See [a](b.md) and `[x](y.md)` ![i](i.png \"t\").\n```\n[c](d.md)\n```\n[e]: f.md#g\n";
    let found: Vec<_> = links(text).into_iter().map(|link| (link.line, link.target)).collect();
    assert_eq!(found, [(1, "b.md"), (1, "i.png"), (5, "f.md#g")]);
}

#[test]
fn code_words_leave_placeholders_out() {
    let text =
        "Use `a/b.rs::c` or `crates/<name>/x.rs`, not d/e.rs.\n```sh\ncargo run -- f/g.toml\n```\n";
    let found = code_words(text);
    assert_eq!(found[0], (1, "a/b.rs::c"));
    assert!(found.contains(&(3, "f/g.toml")));
    assert!(!found.iter().any(|(_, word)| word.contains("name") || word.contains("d/e.rs")));
}

#[test]
fn headings_become_link_names() {
    let names: Vec<_> = headings("# What's `x`?\n\n```\n# no\n```\n## R1: one, two\n").collect();
    assert_eq!(names, ["whats-x", "r1-one-two"]);
}

#[test]
fn the_marked_block_is_the_one_below_the_marker() {
    let text = "```\nfirst\n```\n<!-- test-command -->\n\n```sh\n# why\ncargo test\n```\n";
    assert_eq!(marked_block(text, "test-command"), Some(vec!["cargo test"]));
    assert_eq!(marked_block(text, "other"), None);
    assert_eq!(marked_block("<!-- m -->\ntext\n```\nx\n```", "m"), None);
}
