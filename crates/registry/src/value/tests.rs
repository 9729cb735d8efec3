use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::Value;
use crate::field::Field;

const EXACT: i64 = 1 << 53;

/// Values that are easily taken for each other.
fn leaf() -> impl Strategy<Value = Value> {
    let integers = vec![0, 1, -1, EXACT - 1, EXACT, EXACT + 1, i64::MIN, i64::MAX - 1, i64::MAX];
    let numbers = vec![
        0.0,
        -0.0,
        1.0,
        0.5,
        -0.5,
        -1.5,
        9_007_199_254_740_992.0,
        -9_223_372_036_854_775_808.0,
        9_223_372_036_854_775_808.0,
        1e300,
        5e-324,
    ];
    let texts = ["", "a", "b", "1", "-1.5", "1e5", "true", "NOT", "and", "a b", ":a", "a:b", "-a"];
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        select(integers).prop_map(Value::Integer),
        any::<i64>().prop_map(Value::Integer),
        select(numbers).prop_map(Value::Number),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Number),
        select(texts.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

/// Values whose text parses.
fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        let keys = prop_oneof!["[a-c]{1,2}", any::<String>()].prop_map(Arc::from);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| Value::List(Arc::from(items))),
            btree_map(keys, inner, 0..4).prop_map(|map| Value::Map(Arc::new(map))),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let odd = select(vec![f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    prop_oneof![9 => value(), 1 => odd.prop_map(Value::Number)]
}

proptest! {
    #[test]
    fn a_value_parses_back_from_its_text(value in value()) {
        prop_assert_eq!(value.to_string().parse(), Ok(value));
    }

    #[test]
    fn no_text_panics_and_errors_stand_in_it(text in "([\\[\\]{}:,\"\\\\ ]|[a-c0-9.-]|\\PC){0,40}") {
        if let Err(error) = text.parse::<Value>() {
            prop_assert!(text.is_char_boundary(error.at), "{} {:?}", error, text);
        }
    }

    #[test]
    fn sorting_is_a_total_order_that_agrees_with_comparing(
        a in any_value(), b in any_value(), c in any_value(),
    ) {
        prop_assert_eq!(a.total_cmp(&a), Ordering::Equal);
        prop_assert_eq!(a.total_cmp(&b), b.total_cmp(&a).reverse());
        if a.total_cmp(&b) == b.total_cmp(&c) {
            prop_assert_eq!(a.total_cmp(&c), a.total_cmp(&b));
        }
        if a.total_cmp(&b).is_eq() {
            prop_assert_eq!(a.total_cmp(&c), b.total_cmp(&c));
        }
        if let Some(order) = a.compare(&b) {
            prop_assert_eq!(a.total_cmp(&b), order);
        }
        prop_assert_eq!(Field::Value(&a).total_cmp(Field::Value(&b)), a.total_cmp(&b));
    }
}

#[test]
fn integers_and_numbers_compare_without_rounding() {
    let cases = [
        (EXACT - 1, 9_007_199_254_740_992.0, Some(Ordering::Less)),
        (EXACT, 9_007_199_254_740_992.0, Some(Ordering::Equal)),
        (EXACT + 1, 9_007_199_254_740_992.0, Some(Ordering::Greater)),
        (i64::MAX, 9_223_372_036_854_775_808.0, Some(Ordering::Less)),
        (i64::MIN, -9_223_372_036_854_775_808.0, Some(Ordering::Equal)),
        (i64::MIN, -9_223_372_036_854_777_856.0, Some(Ordering::Greater)),
        (0, -0.0, Some(Ordering::Equal)),
        (0, 5e-324, Some(Ordering::Less)),
        (-1, -1.5, Some(Ordering::Greater)),
        (-1, -0.5, Some(Ordering::Less)),
        (0, f64::INFINITY, Some(Ordering::Less)),
        (0, f64::NEG_INFINITY, Some(Ordering::Greater)),
        (0, f64::NAN, None),
    ];
    for (integer, number, order) in cases {
        let (integer, number) = (Value::Integer(integer), Value::Number(number));
        assert_eq!(integer.compare(&number), order, "{integer} {number}");
        assert_eq!(number.compare(&integer), order.map(Ordering::reverse), "{number} {integer}");
    }
}

#[test]
fn kinds_sort_in_the_documented_order() {
    let list = Value::List(Arc::from([Value::Bool(false)]));
    let map = Value::Map(Arc::new(BTreeMap::new()));
    let sorted = [
        Value::Bool(true),
        Value::Number(f64::NEG_INFINITY),
        Value::Integer(0),
        Value::Number(0.5),
        Value::Integer(1),
        Value::Number(f64::INFINITY),
        Value::Number(f64::NAN),
        Value::from(""),
        Value::List(Arc::from([])),
        list,
        map,
    ];
    for pair in sorted.windows(2) {
        assert_eq!(pair[0].total_cmp(&pair[1]), Ordering::Less, "{} {}", pair[0], pair[1]);
    }
}

#[test]
fn only_scalars_of_one_kind_compare() {
    let list = Value::List(Arc::from([Value::Integer(1)]));
    let map = Value::Map(Arc::new(BTreeMap::new()));
    let values = [Value::Bool(true), Value::Integer(1), Value::from("1"), list, map];
    for (a, left) in values.iter().enumerate() {
        for (b, right) in values.iter().enumerate() {
            let equal = (a == b && a < 3).then_some(Ordering::Equal);
            assert_eq!(left.compare(right), equal, "{left} {right}");
        }
    }
}

#[test]
fn words_read_as_what_they_are() {
    let cases = [
        ("true", Value::Bool(true)),
        ("True", Value::from("True")),
        ("\"true\"", Value::from("true")),
        ("-5", Value::Integer(-5)),
        ("+5", Value::Integer(5)),
        ("5.", Value::Number(5.0)),
        (".5", Value::Number(0.5)),
        ("1e3", Value::Number(1000.0)),
        ("1.2.3", Value::from("1.2.3")),
        ("2026-01-01", Value::from("2026-01-01")),
        ("10.0.0.1:8080", Value::from("10.0.0.1:8080")),
        ("nan", Value::from("nan")),
        ("inf", Value::from("inf")),
        ("-", Value::from("-")),
        (r#""\"\\\n\r\t\u{e4}""#, Value::from("\"\\\n\r\tä")),
        (" [ ] ", Value::List(Arc::from([]))),
        ("{}", Value::Map(Arc::new(BTreeMap::new()))),
    ];
    for (text, value) in cases {
        assert_eq!(text.parse(), Ok(value), "{text}");
    }
}

#[test]
fn texts_that_are_no_value_say_where() {
    let deep = "[".repeat(17);
    let cases = [
        ("", 0, "a value"),
        ("a b", 2, "the end of the text"),
        ("and", 0, "a word of the language"),
        ("99999999999999999999", 0, "64 bits"),
        ("1e999", 0, "64 bits"),
        ("a=b", 1, "the end of the value"),
        ("it's", 2, "the end of the value"),
        ("\"a", 2, "the closing quote"),
        ("\"a\\x\"", 2, "one of"),
        ("\"\\u{d800}\"", 1, "one of"),
        ("\"\\u{110000000000}\"", 1, "one of"),
        ("[1, 2", 5, "\"]\""),
        ("[1,]", 3, "a value"),
        ("{a: 1, a: 2}", 7, "not yet in the map"),
        ("{a 1}", 3, "\":\""),
        ("{: 1}", 1, "a key"),
        (&deep, 16, "at most 16"),
    ];
    for (text, at, expected) in cases {
        let error = text.parse::<Value>().unwrap_err();
        assert_eq!(error.at, at, "{text:?}: {error}");
        assert!(error.expected.contains(expected), "{text:?}: {error}");
    }
    let deepest = format!("{}{}", "[".repeat(16), "]".repeat(16));
    assert_eq!(deepest.parse::<Value>().map(|value| value.to_string()), Ok(deepest));
}

#[test]
fn what_does_not_show_is_escaped() {
    let text = Value::from("a\u{202e}\u{0}\u{a0}\"\\").to_string();
    assert_eq!(text, r#""a\u{202e}\u{0}\u{a0}\"\\""#);
    assert_eq!(Value::from("größe/1").to_string(), "größe/1");
}
