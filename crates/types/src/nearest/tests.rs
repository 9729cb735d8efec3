use super::{distance, nearest};

#[test]
fn edits_are_counted() {
    let cases = [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("abc", "abc", 0),
        ("abc", "abd", 1),
        ("abc", "acb", 1),
        ("ab", "ba", 1),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("\u{e9}t\u{e9}", "ete", 2),
    ];
    for (left, right, expected) in cases {
        assert_eq!(distance(left, right), expected, "{left} {right}");
        assert_eq!(distance(right, left), expected, "{right} {left}");
    }
}

#[test]
fn only_a_near_word_is_suggested() {
    let known = ["files.list", "report.merge", "text.stats"];
    assert_eq!(nearest("text.stat", known), Some("text.stats"));
    assert_eq!(nearest("flies.list", known), Some("files.list"));
    assert_eq!(nearest("image.resize", known), None);
    assert_eq!(nearest("x", ["y", "z"]), Some("y"), "a single wrong letter is near");
    assert_eq!(nearest(&"x".repeat(1_000), known), None);
}
