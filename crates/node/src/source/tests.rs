use super::{EXCERPT_CHARS_MAX, Source};

fn place(text: &str, start: usize, end: usize) -> (usize, usize, usize) {
    let (place, _) = Source { file: "f", text }.place(&(start..end));
    (place.line, place.column, place.length)
}

#[test]
fn lines_and_columns_count_from_one_in_characters() {
    let text = "ab\n\u{e9}\u{e9} = x\r\n\nend";
    assert_eq!(place(text, 0, 2), (1, 1, 2));
    assert_eq!(place(text, 10, 11), (2, 6, 1));
    assert_eq!(place(text, 13, 13), (3, 1, 1), "an empty line");
    assert_eq!(place(text, 14, 17), (4, 1, 3));
}

#[test]
fn a_span_is_cut_at_the_end_of_its_line_and_of_the_text() {
    assert_eq!(place("ab\ncd", 1, 5), (1, 2, 1));
    assert_eq!(place("ab", 2, 2), (1, 3, 1));
    assert_eq!(place("ab\n", 90, 99), (2, 1, 1));
    assert_eq!(place("", 0, 0), (1, 1, 1));
    assert_eq!(place("\u{e9}", 1, 1), (1, 1, 1), "inside a character");
}

#[test]
fn a_long_line_is_shown_around_the_place() {
    let text = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
    let (place, excerpt) = Source { file: "f", text: &text }.place(&(500..504));
    assert_eq!(place.column, 501);
    assert_eq!(excerpt.line.chars().count(), EXCERPT_CHARS_MAX);
    assert_eq!(&excerpt.line[excerpt.mark_start..excerpt.mark_start + excerpt.mark_length], "HERE");
}
