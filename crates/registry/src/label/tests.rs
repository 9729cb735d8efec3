use super::{LabelError, LabelFault, LabelKind, checked};

#[test]
fn every_broken_rule_is_named_with_its_place() {
    let long = "x".repeat(65);
    let longer = "x".repeat(256);
    let cases = [
        (LabelKind::Namespace, "", LabelFault::Empty),
        (LabelKind::Namespace, "a/b", LabelFault::Character { found: '/', at: 1 }),
        (LabelKind::Capability, "text read", LabelFault::Character { found: ' ', at: 4 }),
        (LabelKind::Capability, "ä\n", LabelFault::Character { found: '\n', at: 2 }),
        (LabelKind::Capability, &long, LabelFault::TooLong { bytes: 65, bytes_max: 64 }),
        (LabelKind::NodeAffinity, "a/b", LabelFault::Character { found: '/', at: 1 }),
        (LabelKind::Attribute, "a.b", LabelFault::Character { found: '.', at: 1 }),
        (LabelKind::Attribute, &long, LabelFault::TooLong { bytes: 65, bytes_max: 64 }),
        (LabelKind::LocalId, "\u{7f}", LabelFault::Character { found: '\u{7f}', at: 0 }),
        (LabelKind::LocalId, &longer, LabelFault::TooLong { bytes: 256, bytes_max: 255 }),
    ];
    for (kind, text, fault) in cases {
        assert_eq!(checked(kind, text), Err(LabelError { kind, fault }), "{kind} {text:?}");
    }
}

#[test]
fn texts_at_the_bound_and_paths_as_ids_pass() {
    let cases = [
        (LabelKind::Namespace, "x".repeat(64)),
        (LabelKind::LocalId, "x".repeat(255)),
        (LabelKind::LocalId, "docs/readme.md".to_owned()),
        (LabelKind::Capability, "text.stats".to_owned()),
        (LabelKind::NodeAffinity, "reader@host-1.example".to_owned()),
        (LabelKind::Attribute, "x".repeat(64)),
    ];
    for (kind, text) in cases {
        assert_eq!(checked(kind, &text).as_deref(), Ok(text.as_str()));
    }
}

#[test]
fn the_text_of_an_error_says_what_to_remove() {
    let error = checked(LabelKind::Namespace, "a b").map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "not a namespace: remove ' ' at byte 1");
}
