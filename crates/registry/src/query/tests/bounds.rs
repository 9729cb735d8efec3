use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Bound, Filter, FilterBuilder, Query, QueryError, field};
use crate::path::PathFault;
use crate::value::Value;

fn joined(count: usize) -> FilterBuilder {
    let one = |_| field("a").eq(1);
    (1..count).map(one).fold(one(0), FilterBuilder::and)
}

/// AND and OR in one another, `depth` levels with the innermost condition.
fn nested(depth: usize) -> FilterBuilder {
    (1..depth).fold(field("a").eq(1), |inner, level| {
        let other = field("b").eq(2);
        if level % 2 == 0 { other.and(inner) } else { other.or(inner) }
    })
}

/// Checks that the builder takes the greatest and not one more, and that the parser takes and refuses
/// the same at a place.
fn check(bound: Bound, build: impl Fn(usize) -> (Result<Query, QueryError>, String, usize)) {
    let max = bound.max();
    let (built, text, _) = build(max);
    let built = built.unwrap_or_else(|error| panic!("{bound}: {error}"));
    assert_eq!(text.parse(), Ok(built), "{bound}");
    let (built, text, at) = build(max + 1);
    assert_eq!(built, Err(QueryError::TooLarge { bound, found: max + 1 }));
    let error = text.parse::<Query>().unwrap_err();
    assert_eq!((error.at, error.found), (at, format!("{} {bound}", max + 1)));
    assert_eq!(error.expected, format!("at most {max}"));
}

#[test]
fn conditions_are_bounded() {
    check(Bound::Conditions, |count| {
        let text = vec!["a:1"; count].join(" ");
        (Query::builder().filter(joined(count)).build(), text, 4 * 64)
    });
}

#[test]
fn depth_is_bounded() {
    check(Bound::Depth, |depth| {
        // The outermost group is the one that is too deep.
        let text = (1..depth).fold("a:1".to_owned(), |inner, level| {
            if level % 2 == 0 { format!("b:2 ({inner})") } else { format!("b:2 OR {inner}") }
        });
        (Query::builder().filter(nested(depth)).build(), text, 0)
    });
}

#[test]
fn negations_are_bounded() {
    check(Bound::Depth, |depth| {
        let filter = (1..depth).fold(field("a").eq(1), |inner, _| !inner);
        let text = format!("{}a:1", "-".repeat(depth - 1));
        (Query::builder().filter(filter).build(), text, 0)
    });
}

#[test]
fn values_are_bounded() {
    check(Bound::Values, |count| {
        let ones = vec!["1"; count].join(", ");
        let query = Query::builder().filter(field("a").is_in(vec![1; count])).build();
        (query, format!("a in ({ones})"), 6 + 3 * 256)
    });
    // Taken one by one, so a source without end is refused too.
    let endless = field("a").not_in(std::iter::repeat(1)).build();
    assert_eq!(endless, Err(QueryError::TooLarge { bound: Bound::Values, found: 257 }));
}

#[test]
fn order_keys_are_bounded() {
    check(Bound::OrderKeys, |count| {
        let builder = (0..count).fold(Query::builder(), |builder, _| builder.order_by("a"));
        (builder.build(), format!("order:{}", vec!["a"; count].join(",")), 6 + 2 * 8)
    });
}

#[test]
fn bytes_are_bounded() {
    check(Bound::Bytes, |bytes| {
        let word = "x".repeat(bytes - 2);
        (Query::builder().filter(field("a").eq(word.as_str())).build(), format!("a:{word}"), 4096)
    });
    let too_long = field("a").eq("x".repeat(4095)).build();
    assert_eq!(too_long, Err(QueryError::TooLarge { bound: Bound::Bytes, found: 4097 }));
    // Not in the middle of a character.
    assert_eq!(format!("{}ä", "a".repeat(4095)).parse::<Query>().unwrap_err().at, 4095);
}

#[test]
fn a_text_that_prints_too_long_is_refused() {
    let text = format!("-a:{}", "x".repeat(4092));
    assert_eq!(text.len(), 4095);
    let error = text.parse::<Filter>().unwrap_err();
    assert_eq!((error.at, error.found.as_str()), (4095, "4098 bytes"));
}

#[test]
fn deep_texts_neither_pass_nor_overflow() {
    for sign in ["(", "-", "NOT ", "-(", "a:1 OR ("] {
        let text = sign.repeat(4096 / sign.len());
        let error = text.parse::<Query>().unwrap_err();
        assert!(error.found.ends_with("levels"), "{error}");
    }
    let parentheses = format!("{}a:1{}", "(".repeat(16), ")".repeat(16));
    assert_eq!(parentheses.parse::<Query>().map(|query| query.to_string()), Ok("a:1".to_owned()));
    // Side by side they nest no deeper.
    let pairs = ["(a:1)"; 64].join(" -");
    assert!(pairs.parse::<Query>().is_ok());
}

#[test]
fn chains_beyond_the_bounds_stay_small() {
    let deep = (0..100_000).fold(field("a").eq(1), |inner, _| !inner);
    assert_eq!(deep.build(), Err(QueryError::TooLarge { bound: Bound::Depth, found: 17 }));
    let wide = joined(100_000).build();
    assert_eq!(wide, Err(QueryError::TooLarge { bound: Bound::Conditions, found: 65 }));
}

#[test]
fn the_first_mistake_is_reported() {
    let mistake = field("a b").eq(1).and(field("").eq(f64::NAN));
    let error = Query::builder().filter(mistake).order_by("-").build().unwrap_err();
    let QueryError::Path(error) = error else { panic!("{error}") };
    assert_eq!(error.fault, PathFault::Character { found: ' ', at: 1 });
    let error = Query::builder().order_by("order").build().unwrap_err();
    assert_eq!(error.to_string(), "not a path: \"order\": it is a word of the query language");
}

#[test]
fn what_nothing_equals_is_refused() {
    let values = [
        (Value::List(Arc::from([])), "a list"),
        (Value::Map(Arc::new(BTreeMap::new())), "a map"),
        (Value::Number(f64::NAN), "a number that is not finite"),
        (Value::Number(f64::INFINITY), "a number that is not finite"),
    ];
    for (value, found) in values {
        for filter in [field("a").less_than(value.clone()), field("a").is_in([value.clone()])] {
            let Err(QueryError::Value { path, found: what }) = filter.build() else {
                panic!("{value}")
            };
            assert_eq!((path.as_str(), what), ("a", found));
        }
    }
}
