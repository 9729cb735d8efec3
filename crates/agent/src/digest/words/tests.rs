use super::{STOP_WORDS, TERM_BYTES_MAX, count};

fn terms(text: &str) -> Vec<(String, u64)> {
    count(text).terms.into_iter().collect()
}

fn term(text: &str, count: u64) -> (String, u64) {
    (text.to_owned(), count)
}

#[test]
fn stop_words_are_sorted_and_long_enough_to_matter() {
    assert!(STOP_WORDS.is_sorted_by(|left, right| left < right));
    assert!(STOP_WORDS.iter().all(|word| word.len() >= 3));
}

#[test]
fn words_are_runs_of_letters_and_digits() {
    let cases = [
        ("", 0),
        (" \n\t", 0),
        ("one", 1),
        ("one two\nthree", 3),
        ("snake_case self.field", 4),
        ("don't", 2),
        ("3.14", 2),
        ("--- *** ---", 0),
        ("\u{feff}bom", 1),
        ("na\u{ef}ve caf\u{e9}", 2),
        ("cafe\u{301}s", 1),
        (" \u{301} ", 0),
    ];
    for (text, expected) in cases {
        assert_eq!(count(text).count, expected, "{text:?}");
    }
}

#[test]
fn terms_ignore_case_also_outside_ascii() {
    assert_eq!(terms("Signal SIGNAL signal"), [term("signal", 3)]);
    assert_eq!(terms("\u{c4}RGER \u{e4}rger"), [term("\u{e4}rger", 2)]);
    assert_eq!(terms("caf\u{e9}"), [term("caf\u{e9}", 1)]);
}

#[test]
fn short_words_numbers_stop_words_and_encoded_runs_are_no_terms() {
    let blob = "a".repeat(TERM_BYTES_MAX + 1);
    let text = format!("ok 1234 The which x86 {blob}");
    let words = count(&text);
    assert_eq!(words.count, 6);
    assert_eq!(words.terms.into_iter().collect::<Vec<_>>(), [term("x86", 1)]);
}
