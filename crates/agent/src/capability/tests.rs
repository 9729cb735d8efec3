use super::{Capability, CapabilityError};

#[test]
fn well_formed_names_are_kept_as_written() {
    for text in ["a", "text.stats", "ocr2.page-1.de_at", "a.b.c.d.e.f.g.h"] {
        let capability = Capability::new(text).unwrap();
        assert_eq!(capability.as_str(), text);
        assert_eq!(capability.to_string().parse::<Capability>(), Ok(capability));
    }
}

#[test]
fn each_rule_is_reported_with_its_place() {
    let cases = [
        ("", CapabilityError::Empty),
        (".a", CapabilityError::EmptySegment { at: 0 }),
        ("a..b", CapabilityError::EmptySegment { at: 2 }),
        ("a.", CapabilityError::EmptySegment { at: 2 }),
        ("text.Stats", CapabilityError::Character { found: 'S', at: 5 }),
        ("text.2d", CapabilityError::Character { found: '2', at: 5 }),
        ("-a", CapabilityError::Character { found: '-', at: 0 }),
        ("a b", CapabilityError::Character { found: ' ', at: 1 }),
        ("\u{e9}t\u{e9}", CapabilityError::Character { found: '\u{e9}', at: 0 }),
        ("a.b.c.d.e.f.g.h.i", CapabilityError::TooManySegments),
    ];
    for (text, expected) in cases {
        assert_eq!(Capability::new(text), Err(expected), "{text:?}");
    }
}

#[test]
fn the_longest_name_fits_and_one_byte_more_does_not() {
    let longest = "a".repeat(Capability::BYTES_MAX);
    assert!(Capability::new(&longest).is_ok());
    assert_eq!(Capability::new(&format!("{longest}a")), Err(CapabilityError::TooLong { len: 65 }));
}

#[test]
fn json_carries_the_name_and_refuses_a_bad_one() {
    let capability: Capability = serde_json::from_str("\"text.stats\"").unwrap();
    assert_eq!(serde_json::to_string(&capability).unwrap(), "\"text.stats\"");
    let error = serde_json::from_str::<Capability>("\"Text\"").unwrap_err();
    assert!(error.to_string().contains("'T' at byte 0"), "{error}");
}
