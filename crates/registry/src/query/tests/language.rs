use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Filter, Query, field};
use crate::value::Value;

fn parse(text: &str) -> Query {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn texts_print_in_their_one_form() {
    let cases = [
        ("", "*"),
        (" \n", "*"),
        ("*", "*"),
        ("a=1", "a:1"),
        ("a : \"ocr\"", "a:ocr"),
        ("a:1 AND b:2 and c:3", "a:1 b:2 c:3"),
        ("a:1 (b:2 c:3)", "a:1 b:2 c:3"),
        ("a:1 OR b:2 c:3", "a:1 OR b:2 c:3"),
        ("(a:1 OR b:2) c:3", "(a:1 OR b:2) c:3"),
        ("a:1 or (b:2 or c:3)", "a:1 OR b:2 OR c:3"),
        ("-a:1 b:2", "NOT a:1 b:2"),
        ("NOT (a:1 b:2)", "NOT (a:1 b:2)"),
        ("--a:1", "NOT NOT a:1"),
        ("-(has:a)", "NOT has:a"),
        ("a in(1,\"2\")", "a in (1, \"2\")"),
        ("a NOT  IN ( )", "a not in ()"),
        ("a:-1", "a:-1"),
        ("a:x:y", "a:x:y"),
        ("not.a:1", "not.a:1"),
        ("NOTE:1", "NOTE:1"),
        ("limit:5 a:1 order:-b , c", "a:1 order:-b,c limit:5"),
        ("order:b", "order:b"),
        ("custom.\"a:b\":1 has:\"x y\".z", "custom.\"a:b\":1 has:\"x y\".z"),
        ("\"order\":1 \"a\" in (1, 2)", "\"order\":1 a in (1, 2)"),
        ("order:-\"a b\",\"-c\".d", "order:-\"a b\",\"-c\".d"),
        ("limit:0", "limit:0"),
        ("NOT * limit:1", "NOT * limit:1"),
    ];
    for (text, printed) in cases {
        assert_eq!(parse(text).to_string(), printed, "{text:?}");
    }
}

#[test]
fn mistakes_are_found_where_they_are() {
    let cases = [
        ("ocr", 3, "the end of the text", "one of : ="),
        ("ocr health:healthy", 4, "\"health\"", "one of : ="),
        ("a:", 2, "the end of the text", "a value"),
        ("a:1 OR", 6, "the end of the text", "a condition"),
        ("a:1 AND order:b", 8, "\"order\"", "a word of the query language"),
        ("(a:1", 4, "the end of the text", "\")\""),
        ("(a:1 order:b)", 5, "\"order\"", "\")\""),
        ("a:1)", 3, "\")\"", "the end"),
        ("a==1", 2, "\"=\"", "a value"),
        ("a=>1", 2, "\">\"", "a value"),
        ("a!1", 1, "\"!\"", "one of : ="),
        ("a:1 && b:2", 4, "\"&\"", "a condition"),
        ("a:1&&b:2", 3, "\"&\"", "the end of the value"),
        ("a:te*", 4, "\"*\"", "the end of the value"),
        ("a:not", 2, "\"not\"", "a value"),
        ("a: OR b:1", 3, "\"OR\"", "a value"),
        ("a not (1)", 6, "\"(\"", "in"),
        ("a in 1", 5, "\"1\"", "\"(\""),
        ("a in (1 2)", 8, "\"2\"", "\",\""),
        ("a in ([1])", 6, "\"[\"", "a value"),
        ("a..b:1", 0, "\"a\"", "a segment is empty at byte 2"),
        ("has:", 4, "the end of the text", "a field"),
        ("has=a", 3, "\"=\"", "\":\""),
        ("limit=5", 5, "\"=\"", "\":\""),
        ("limit:x", 6, "\"x\"", "a number"),
        ("limit:-1", 6, "\"-\"", "a number"),
        ("limit:99999999999999999999", 6, "\"99999999999999999999\"", "a number"),
        ("limit:1 limit:2", 8, "\"limit\"", "no second limit:"),
        ("order:a b:1 order:c", 12, "\"order\"", "no second order:"),
        ("a:1 order:b c:2", 12, "\"c\"", "order:, limit: or the end"),
        ("a.\"b:1", 6, "the end of the text", "the closing quote"),
        ("a\"b\":1", 1, "\"\\\"\"", "one of : ="),
        ("\"a.b\":1", 0, "\"\\\"\"", "no segment"),
        ("order:", 6, "the end of the text", "a field to order by"),
        ("größe:\"ä", 11, "the end of the text", "the closing quote"),
    ];
    for (text, at, found, expected) in cases {
        let error = text.parse::<Query>().unwrap_err();
        assert_eq!((error.at, error.found.as_str()), (at, found), "{text:?}: {error}");
        assert!(error.expected.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_filter_takes_no_order_and_no_limit() {
    assert_eq!("".parse(), Ok(Filter::ALL));
    assert_eq!("a:1 order:b".parse::<Filter>().unwrap_err().at, 4);
    assert_eq!("limit:1".parse::<Filter>().unwrap_err().at, 0);
}

fn subject(text: &str) -> Value {
    text.parse().unwrap()
}

#[test]
fn and_binds_more_than_or_and_not_most() {
    let matches = |text: &str, of: &str| parse(text).filter().matches(&subject(of));
    let text = "a:1 OR b:1 -c:1";
    assert!(matches(text, "{a: 1, c: 1}"));
    assert!(matches(text, "{b: 1}"));
    assert!(!matches(text, "{b: 1, c: 1}"));
    assert!(matches("NOT (a:1 OR b:1)", "{c: 1}"));
    assert!(!matches("NOT a:1 OR b:1", "{a: 1}"));
}

#[test]
fn the_documented_semantics_hold() {
    let subject = subject(
        "{capability: [ocr, scan], load: 0.5, memory: 512, up: true, zone: eu, custom: {gpu: a100}}",
    );
    let cases = [
        ("capability:ocr", true),
        ("capability:text", false),
        ("capability!=ocr", false),
        ("capability in (text, scan)", true),
        ("capability not in (text, scan)", false),
        ("capability<z", false),
        ("memory:512.0", true),
        ("memory>=512 memory<=512", true),
        ("memory>512 OR memory<512", false),
        ("memory:\"512\"", false),
        ("memory!=\"512\"", true),
        ("memory<\"9\" OR memory>=\"9\"", false),
        ("up:true", true),
        ("up>false", true),
        ("custom.gpu:a100", true),
        ("has:custom.gpu -has:custom.cpu", true),
        ("custom:a100", false),
        ("custom.\"gpu\":a100", true),
        ("missing:1 OR missing<1 OR missing>=1 OR missing in (1)", false),
        ("missing!=1 missing not in (1)", true),
        ("NOT missing<1", true),
        ("zone.inner:eu", false),
        ("zone in ()", false),
        ("missing not in ()", true),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).filter().matches(&subject), expected, "{text}");
    }
}

#[test]
fn results_are_ordered_by_each_field_in_turn() {
    let query = parse("order:-zone,load");
    let mut subjects = [
        "{load: 2, zone: a}",
        "{load: 1, zone: a}",
        "{load: 0}",
        "{zone: b}",
        "{load: 0.5, zone: b}",
    ]
    .map(subject);
    subjects.sort_by(|a, b| query.compare(a, b));
    let sorted = [
        "{load: 0.5, zone: b}",
        "{zone: b}",
        "{load: 1, zone: a}",
        "{load: 2, zone: a}",
        "{load: 0}",
    ];
    assert_eq!(subjects.map(|subject| subject.to_string()), sorted);
    assert_eq!(parse("*").compare(&subject("{a: 1}"), &subject("{a: 2}")), Ordering::Equal);
}

#[test]
fn what_an_index_can_answer_is_found() {
    let filter = parse("* a:1 b in (2, 3) c!=4 (d:5 OR e:6) f not in (7) NOT g:8").filter().clone();
    let answered: Vec<_> = filter.conjuncts().filter_map(Filter::equality).collect();
    let (first, second) = (answered[0], answered[1]);
    assert_eq!((first.path.as_str(), first.values), ("a", &[Value::Integer(1)][..]));
    assert_eq!(second.path.as_str(), "b");
    assert_eq!(second.values, [Value::Integer(2), Value::Integer(3)]);
    assert_eq!((answered.len(), filter.conjuncts().count()), (2, 6));
    assert_eq!(Filter::ALL.conjuncts().count(), 0);
    assert_eq!(parse("a:1 OR b:2").filter().conjuncts().count(), 1);
}

#[test]
fn normal_forms_are_what_they_should_be() {
    let cases = [
        ("NOT (a:1 OR b<2)", "a!=1 NOT b<2"),
        ("NOT (a:1 b in (2, 3))", "a!=1 OR b not in (2, 3)"),
        ("NOT NOT a:1", "a:1"),
        ("a:1 a:1 b:2", "a:1 b:2"),
        ("a:1 OR a:1", "a:1"),
        ("a in (1, 1)", "a:1"),
        ("NOT a not in (1)", "a:1"),
        ("NOT a in (1, 2, 1)", "a not in (1, 2)"),
        ("a in () OR b:1", "b:1"),
        ("a in () b:1", "NOT *"),
        ("a not in () b:1", "b:1"),
        ("* OR a:1", "*"),
        ("a:1 NOT (b!=2 OR NOT c:3)", "a:1 b:2 c:3"),
        ("NOT has:a", "NOT has:a"),
    ];
    for (text, normal) in cases {
        assert_eq!(parse(text).filter().normalized().to_string(), normal, "{text}");
    }
}

#[test]
fn a_query_can_be_added_to() {
    let query = Query::builder().filter(parse("a:1 OR b:2").filter().clone()).build().unwrap();
    let more = super::super::QueryBuilder::from(query).filter(!field("health").eq("unhealthy"));
    let more = more.order_by("load").order_by_descending("a").limit(3).build().unwrap();
    let text = "(a:1 OR b:2) NOT health:unhealthy order:load,-a limit:3";
    assert_eq!(more.to_string(), text);
    assert_eq!((more.order().len(), more.limit()), (2, Some(3)));
}

#[test]
fn a_map_has_the_fields_of_the_maps_within() {
    let key = Arc::from("a");
    let map = Value::Map(Arc::new(BTreeMap::from([(key, Value::Integer(1))])));
    assert!(parse("a:1").filter().matches(&map));
    assert!(!parse("a.a:1").filter().matches(&map));
    assert!(!parse("has:a").filter().matches(&Value::Integer(1)));
}
