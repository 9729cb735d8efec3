use super::*;

fn parse(text: &str) -> Source {
    Source::parse("crates/x/src/noun.rs", text).unwrap()
}

#[test]
fn functions_are_found_inside_macros_and_modules() {
    let source = parse(
        "proptest! {\n    /// Guarantee R1\n    #[test]\n    fn inner(x in 0..9u8) {\n        a();\n    }\n}\n\
         mod m { pub(crate) async fn other<A, B>() -> u8 where A: B { 1 } fn declared(); }",
    );
    let names: Vec<_> = source.functions.iter().map(|f| (f.name.as_str(), f.is_test)).collect();
    assert_eq!(names, [("inner", true), ("other", false)]);
    assert_eq!(source.functions[0].docs, [(2, "Guarantee R1".to_owned())]);
    assert!(source.names.contains("declared") && source.names.contains("m"));
}

#[test]
fn comments_and_empty_lines_are_no_code() {
    let source = parse("fn f(\n    a: u8,\n) {\n    // why\n\n    a();\n    b(\"x\ny\");\n}\n");
    assert_eq!(source.functions[0].lines, 3);
}

#[test]
fn docs_of_the_file_are_not_those_of_the_first_function() {
    let source = parse("//! Guarantee R1\n\nfn f() {}\n/// Own\nfn g() {}");
    assert_eq!(source.functions[0].docs, []);
    assert_eq!(source.functions[1].docs, [(4, "Own".to_owned())]);
}

#[test]
fn test_code_is_told_from_the_rest() {
    let is_test = |text: &str| {
        let source = parse(text);
        source.tokens.iter().find(|token| token.text == "here").unwrap().in_test
    };
    assert!(is_test("#[cfg(test)]\nmod tests { fn f() { here } }"));
    assert!(is_test("#[cfg(all(test, not(foundation_loom)))]\nmod tests { fn f() { here } }"));
    assert!(is_test("#[tokio::test(flavor = \"x\")]\nasync fn f() { here }"));
    assert!(!is_test("#[cfg(not(test))]\nmod m { fn f() { here } }"));
    assert!(!is_test("#[cfg(feature = \"test\")]\nmod m { fn f() { here } }"));
    assert!(!is_test("#[cfg(test)]\nmod tests;\nfn f() { here }"));
    assert!(!is_test("#[cfg(test)]\nmod tests { }\nfn f() { here }"));
}

#[test]
fn the_length_of_a_file_leaves_its_tests_out() {
    let source = parse("fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\nfn h() {}\n");
    assert_eq!(source.lines_without_tests(), 4);
    let path = "crates/x/tests/noun.rs";
    assert_eq!(Source::parse(path, "fn f() {}").unwrap().lines_without_tests(), 0);
}

#[test]
fn a_statement_begins_at_its_first_line() {
    let source = parse("fn f() {\n    a(1);\n    b.store(\n        c,\n        here,\n    );\n}");
    let token = source.tokens.iter().find(|token| token.text == "here").unwrap();
    assert_eq!((token.line, token.statement), (5, 3));
}

#[test]
fn text_that_is_not_rust_names_its_line() {
    let error = Source::parse("a.rs", "fn f() {\n  )\n}").unwrap_err();
    assert!(error.to_string().starts_with("a.rs:2: not Rust"), "{error}");
}
