use super::*;

/// Guarantee EV1
#[test]
fn a_pattern_hears_one_event_or_all_below_a_prefix() {
    let cases = [
        ("registry.name.registered", "registry.name.registered", true),
        ("registry.name.registered", "registry.name", false),
        ("registry.*", "registry.name.registered", true),
        ("registry.name.*", "registry.name.registered", true),
        ("registry.*", "registry", false),
        ("registry.*", "registryx.name", false),
        ("registry", "registry.name", false),
        ("*", "anything.at_all", true),
    ];
    for (pattern, name, heard) in cases {
        let pattern = Pattern::new(pattern).unwrap();
        assert_eq!(pattern.matches(name), heard, "{pattern} {name}");
        if heard {
            assert!(pattern.groups() & (1 << group_of(name)) != 0, "{pattern} {name}");
        }
    }
    for bad in ["", ".", "a.", ".a", "a..b", "*.a", "a.*.b", "a*", "A", "a b", "a.**"] {
        assert_eq!(Pattern::new(bad), Err(PatternError { pattern: bad.to_owned() }));
    }
}

#[test]
fn a_record_says_what_the_emission_said() {
    let text = "x".repeat(5_000);
    let emission = Emission {
        name: "shop.paid",
        measurement_names: &["amount_cents"],
        measurements: &[-5],
        metadata_names: &["currency", "note"],
        metadata: &["EUR".into(), (&*text).into()],
    };
    assert!(emission.to_string().starts_with("shop.paid amount_cents=-5 currency=EUR note=xxx"));
    let record = emission.to_record();
    assert_eq!(record.measurement("amount_cents"), emission.measurement("amount_cents"));
    assert_eq!(record.get("currency"), emission.get("currency"));
    assert_eq!((record.get("missing"), record.measurement("missing")), (None, None));
    assert!(record.get("note").unwrap().to_string().len() < 1_100, "it is kept, so it is cut");
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["measurements"], serde_json::json!({"amount_cents": -5}));
}
