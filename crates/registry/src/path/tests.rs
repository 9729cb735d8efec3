use super::{Path, PathFault};

#[test]
fn every_broken_rule_is_named_with_its_place() {
    let (nine, long) = (["a"; 9].join("."), "x".repeat(256));
    // Its text form would be longer than the text.
    let quoted = format!("\"{}\"", "\n".repeat(150));
    let cases = [
        ("", PathFault::EmptySegment { at: 0 }),
        ("a.", PathFault::EmptySegment { at: 2 }),
        (".a", PathFault::EmptySegment { at: 0 }),
        ("a..b", PathFault::EmptySegment { at: 2 }),
        ("ä b", PathFault::Character { found: ' ', at: 2 }),
        ("-a", PathFault::Character { found: '-', at: 0 }),
        ("a:b", PathFault::Character { found: ':', at: 1 }),
        (&nine, PathFault::TooManySegments),
        (&long, PathFault::TooLong),
        ("a.\"b", PathFault::Quoted { at: 4 }),
        ("a.\"b.c\"", PathFault::Quoted { at: 2 }),
        ("a.\"\\q\"", PathFault::Quoted { at: 3 }),
        ("a.\"\"", PathFault::EmptySegment { at: 2 }),
        ("\"a\".", PathFault::EmptySegment { at: 4 }),
        ("\"a\"b", PathFault::Character { found: 'b', at: 3 }),
        ("a\"b\"", PathFault::Character { found: '"', at: 1 }),
        ("-a.\"b\"", PathFault::Character { found: '-', at: 0 }),
        (&quoted, PathFault::TooLong),
        ("order", PathFault::Reserved),
        ("NOT", PathFault::Reserved),
    ];
    for (text, fault) in cases {
        assert_eq!(Path::new(text).map_err(|error| error.fault), Err(fault), "{text:?}");
    }
}

#[test]
fn paths_at_the_bounds_and_longer_than_a_reserved_word_pass() {
    let (eight, long) = (["a"; 8].join("."), "x".repeat(255));
    for text in ["health", "custom.order", "orders", "0", "größe", "a-b_c", &eight, &long] {
        let path = Path::new(text);
        assert_eq!(path.as_ref().map(Path::as_str), Ok(text));
        assert!(path.is_ok_and(|path| path.segments().eq(text.split('.'))));
    }
}

#[test]
fn the_text_of_an_error_says_what_to_do() {
    let error = Path::new("a b").unwrap_err();
    assert_eq!(error.to_string(), "not a path: \"a b\": remove ' ' at byte 1");
    assert_eq!(Path::new(&"ä".repeat(200)).unwrap_err().text.len(), 254);
}

#[test]
fn segments_in_quotes_are_read_and_written_alike() {
    let cases = [
        (r#"custom."gpu:0""#, "custom.gpu:0", r#"custom."gpu:0""#),
        (r#""custom"."a""#, "custom.a", "custom.a"),
        (r#"custom."team name".x"#, "custom.team name.x", r#"custom."team name".x"#),
        (r#""order""#, "order", r#""order""#),
        (r#""NOT"."a b""#, "NOT.a b", r#"NOT."a b""#),
        (r#""-a".b"#, "-a.b", r#""-a".b"#),
        (r#"a."\u{e4}\n\"""#, "a.ä\n\"", r#"a."ä\n\"""#),
    ];
    for (text, raw, printed) in cases {
        let path = Path::new(text).unwrap();
        assert_eq!((path.as_str(), path.to_string().as_str()), (raw, printed));
        assert_eq!(printed.parse(), Ok(path));
    }
}
