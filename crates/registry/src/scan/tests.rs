use super::ParseError;

fn error(at: usize) -> ParseError {
    ParseError { at, found: "this".to_owned(), expected: "that".to_owned() }
}

#[test]
fn the_caret_stands_below_the_character() {
    assert_eq!(error(2).render("ä=b"), "ä=b\n ^ found this, expected that");
    assert_eq!(error(3).render("a\nb"), "a b\n   ^ found this, expected that");
}

#[test]
fn a_long_text_is_cut_on_both_sides() {
    let text = format!("{}x{}", "a".repeat(100), "b".repeat(100));
    let drawn = error(100).render(&text);
    let (line, caret) = drawn.split_once('\n').unwrap();
    assert_eq!(line, format!("…{}x{}…", "a".repeat(50), "b".repeat(24)));
    assert_eq!(caret.find('^'), Some(51));
}

#[test]
fn another_text_than_the_parsed_one_is_drawn_all_the_same() {
    for text in ["", "a", "äää"] {
        for at in 0..9 {
            assert!(error(at).render(text).contains("^ found this"));
        }
    }
}

#[test]
fn the_message_says_what_and_where() {
    assert_eq!(error(5).to_string(), "found this at byte 5, expected that");
}
