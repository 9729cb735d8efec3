use super::*;
use crate::tidy::parse;

const PATH: &str = "crates/x/src/noun.rs";

fn check_with(text: &str, config: &str) -> Vec<String> {
    let tree = Tree::from([(PATH, text), ("tidy.toml", config)]);
    let found = check(&tree, &parse(&tree).unwrap(), &Config::read(&tree).unwrap());
    found.into_iter().map(|finding| finding.cause).collect()
}

fn function(lines: usize) -> String {
    format!("fn f() {{\n{}}}\n", "    a();\n".repeat(lines))
}

fn ratchet(rest: &str) -> String {
    format!("[[ratchet]]\npath = \"{PATH}\"\nreason = \"one flat table\"\n{rest}\n")
}

#[test]
fn a_function_over_the_limit_fails() {
    assert_eq!(check_with(&function(70), ""), [""; 0]);
    assert_eq!(check_with(&function(71), ""), ["fn f has 71 lines, at most 70 are allowed"]);
    let in_macro = format!("proptest! {{\n{}}}\n", function(71));
    assert_eq!(check_with(&in_macro, "").len(), 1);
}

#[test]
fn a_file_over_the_limit_fails_and_its_tests_do_not_count() {
    assert_eq!(check_with(&"const A: u8 = 1;\n".repeat(700), ""), [""; 0]);
    let long = "const A: u8 = 1;\n".repeat(701);
    assert_eq!(check_with(&long, ""), ["the file has 701 lines, at most 700 are allowed"]);
    let tests =
        "#[cfg(test)]\nmod tests {\n".to_owned() + &"const A: u8 = 1;\n".repeat(701) + "}\n";
    assert_eq!(check_with(&tests, ""), [""; 0]);
}

#[test]
fn a_ratchet_holds_exactly_and_only_goes_down() {
    let at = |limit: usize| ratchet(&format!("function = \"f\"\nlimit = {limit}"));
    assert_eq!(check_with(&function(80), &at(80)), [""; 0]);
    assert!(check_with(&function(81), &at(80))[0].contains("grown to 81"));
    assert!(check_with(&function(79), &at(80))[0].contains("shrunk to 79"));
    assert!(check_with(&function(70), &at(80))[0].contains("needs its [[ratchet]] no more"));
}

#[test]
fn a_ratchet_for_something_gone_fails() {
    let gone = ratchet("function = \"g\"\nlimit = 80");
    assert!(check_with(&function(1), &gone)[0].contains("which is gone"));
    let other = "[[ratchet]]\npath = \"crates/y/src/a.rs\"\nreason = \"x\"\nlimit = 800\n";
    assert!(check_with(&function(1), other)[0].contains("which is gone"));
}

#[test]
fn an_exception_without_a_reason_is_refused() {
    let tree =
        Tree::from([("tidy.toml", "[[ratchet]]\npath = \"a\"\nlimit = 1\nreason = \" \"\n")]);
    assert!(Config::read(&tree).unwrap_err().to_string().contains("needs a reason"));
}
