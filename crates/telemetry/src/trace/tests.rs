use super::*;
use ParseTraceParentError::{Form, Version, Zero};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn parent(text: &str) -> Result<(u128, u64, bool), ParseTraceParentError> {
    let parent = text.parse::<SpanContext>()?;
    Ok((parent.trace_id.bits(), parent.span_id.bits(), parent.sampled))
}

/// The cases of the test suite that the W3C working group keeps for implementations
/// (<https://github.com/w3c/trace-context/tree/main/test>), by their names there.
///
/// Guarantee TC1
#[test]
fn traceparent_is_read_as_the_working_group_tests_it() {
    let read = Ok((0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true));
    let cases = [
        ("valid", format!("00-{TRACE}-{SPAN}-01"), read),
        ("flags: more bits", format!("00-{TRACE}-{SPAN}-ff"), read),
        ("version_0xcc", format!("cc-{TRACE}-{SPAN}-01"), read),
        ("version_0xcc with more", format!("cc-{TRACE}-{SPAN}-01-what-the-future"), read),
        ("version_0xcc, no dash", format!("cc-{TRACE}-{SPAN}-01.what-the-future"), Err(Form)),
        ("version_0xff", format!("ff-{TRACE}-{SPAN}-01"), Err(Version)),
        ("version_0x00 with more", format!("00-{TRACE}-{SPAN}-01-what"), Err(Form)),
        ("version_illegal_characters", format!(".0-{TRACE}-{SPAN}-01"), Err(Form)),
        ("version_too_long", format!("000-{TRACE}-{SPAN}-01"), Err(Form)),
        ("version_too_short", format!("0-{TRACE}-{SPAN}-01"), Err(Form)),
        ("trace_id_all_zero", format!("00-{}-{SPAN}-01", "0".repeat(32)), Err(Zero)),
        ("trace_id_illegal_characters", format!("00-.{}-{SPAN}-01", &TRACE[1..]), Err(Form)),
        ("trace_id_too_long", format!("00-{TRACE}0-{SPAN}-01"), Err(Form)),
        ("trace_id_too_short", format!("00-{}-{SPAN}-01", &TRACE[1..]), Err(Form)),
        ("parent_id_all_zero", format!("00-{TRACE}-{}-01", "0".repeat(16)), Err(Zero)),
        ("parent_id_illegal_characters", format!("00-{TRACE}-.{}-01", &SPAN[1..]), Err(Form)),
        ("parent_id_too_long", format!("00-{TRACE}-{SPAN}0-01"), Err(Form)),
        ("parent_id_too_short", format!("00-{TRACE}-{}-01", &SPAN[1..]), Err(Form)),
        ("trace_flags_illegal_characters", format!("00-{TRACE}-{SPAN}-.1"), Err(Form)),
        ("trace_flags_too_long", format!("00-{TRACE}-{SPAN}-011"), Err(Form)),
        ("trace_flags_too_short", format!("00-{TRACE}-{SPAN}-1"), Err(Form)),
        ("upper case", format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), Err(Form)),
        ("empty", String::new(), Err(Form)),
    ];
    for (case, header, expected) in cases {
        assert_eq!(parent(&header), expected, "{case}: {header}");
    }
    let unsampled = parent(&format!("00-{TRACE}-{SPAN}-00")).unwrap();
    assert!(!unsampled.2);
}

/// Guarantee TC1
#[test]
fn tracestate_is_read_as_the_working_group_tests_it() {
    let long = |length: usize| "z".repeat(length);
    let many =
        |count: usize| (0..count).map(|index| format!("k{index}=v")).collect::<Vec<_>>().join(",");
    let good = [
        ("one", "foo=1".to_owned(), "foo=1"),
        ("whitespace around", "foo=1 \t , \t bar=2".to_owned(), "foo=1,bar=2"),
        ("empty members", "foo=1,,bar=2,".to_owned(), "foo=1,bar=2"),
        ("nothing", String::new(), ""),
        ("tenant", "t@v=1,0t@v=2".to_owned(), "t@v=1,0t@v=2"),
        (
            "all characters",
            "a-_*/9=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~".to_owned(),
            "a-_*/9=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~",
        ),
        ("space inside", "foo=a b".to_owned(), "foo=a b"),
    ];
    for (case, header, expected) in good {
        assert_eq!(
            header.parse::<TraceState>().map(|state| state.to_string()),
            Ok(expected.to_owned()),
            "{case}"
        );
    }
    assert!(many(32).parse::<TraceState>().is_ok());
    assert!(format!("{}=1", long(256)).parse::<TraceState>().is_ok());
    assert!(format!("{}@{}=1", long(241), long(14)).parse::<TraceState>().is_ok());
    let bad = [
        ("duplicated keys", "foo=1,bar=2,foo=3".to_owned()),
        ("key_illegal_characters", "foo =1".to_owned()),
        ("key upper case", "FOO=1".to_owned()),
        ("key begins with a digit", "0foo=1".to_owned()),
        ("vendor begins with a digit", "foo@0bar=1".to_owned()),
        ("two @", "foo@bar@baz=1".to_owned()),
        ("no key", "=1".to_owned()),
        ("no value", "foo=".to_owned()),
        ("value with =", "foo=bar=baz".to_owned()),
        ("key_length_limit", format!("{}=1", long(257))),
        ("tenant_length_limit", format!("{}@v=1", long(242))),
        ("vendor_length_limit", format!("t@{}=1", long(15))),
        ("member_count_limit", many(33)),
    ];
    for (case, header) in bad {
        assert!(header.parse::<TraceState>().is_err(), "{case}: {header}");
        let parent =
            SpanContext::new(TraceId::from_bits(1).unwrap(), SpanId::from_bits(1).unwrap());
        assert!(parent.with_state(&header).state.is_empty(), "the trace goes on without it");
    }
    let state: TraceState = "foo=1,bar=2".parse().unwrap();
    assert_eq!((state.get("bar"), state.get("baz")), (Some("2"), None));
}

#[test]
fn what_is_written_can_be_read() {
    let span = SpanContext {
        trace_id: TraceId::from_bits(0xabc).unwrap(),
        span_id: SpanId::from_bits(0xdef).unwrap(),
        sampled: false,
        state: TraceState::EMPTY,
    };
    assert_eq!(span.traceparent(), "00-00000000000000000000000000000abc-0000000000000def-00");
    assert_eq!(span.traceparent().parse(), Ok(span));
}
