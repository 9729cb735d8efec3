use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Filter, FilterBuilder, Query, field};
use crate::value::Value;

const PATHS: [&str; 4] = ["capability", "load", "custom.gpu", "ok"];

/// Values that are equal across kinds, close to each other, and look like words of the language.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0, 1, 2, -1, 1 << 53, (1 << 53) + 1, i64::MAX])
            .prop_map(Value::from),
        prop::sample::select(vec![0.0, -0.0, 1.0, 0.5, 9_007_199_254_740_992.0, 1e300, -2.5])
            .prop_map(Value::from),
        prop::sample::select(vec!["a", "or", "NOT", "1", "true", "two words", "\"", "a:b", ""])
            .prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ]
}

fn condition() -> impl Strategy<Value = FilterBuilder> {
    let path = || prop::sample::select(PATHS.to_vec());
    let comparison = (path(), 0..6, scalar()).prop_map(|(path, operator, value)| {
        let field = field(path);
        match operator {
            0 => field.eq(value),
            1 => field.ne(value),
            2 => field.less_than(value),
            3 => field.at_most(value),
            4 => field.greater_than(value),
            _ => field.at_least(value),
        }
    });
    let values = prop::collection::vec(scalar(), 1..4);
    let membership = (path(), any::<bool>(), values).prop_map(|(path, is_in, values)| {
        if is_in { field(path).is_in(values) } else { field(path).not_in(values) }
    });
    prop_oneof![4 => comparison, 2 => membership, 1 => path().prop_map(|path| field(path).exists())]
}

fn filter() -> impl Strategy<Value = FilterBuilder> {
    condition().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.and(b)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.or(b)),
            inner.prop_map(|a| !a),
        ]
    })
}

fn query() -> impl Strategy<Value = Query> {
    let orders = prop::collection::vec((prop::sample::select(PATHS.to_vec()), any::<bool>()), 0..3);
    let built =
        (filter(), orders, prop::option::of(0_usize..9)).prop_map(|(filter, orders, limit)| {
            let mut query = Query::builder().filter(filter);
            for (path, descending) in orders {
                query =
                    if descending { query.order_by_descending(path) } else { query.order_by(path) };
            }
            limit.into_iter().fold(query, super::QueryBuilder::limit).build()
        });
    built.prop_filter_map("within the bounds", Result::ok)
}

/// A subject: a map with some of the paths.
fn subject() -> impl Strategy<Value = Value> {
    let one = || {
        prop::option::of(prop_oneof![
            3 => scalar(),
            1 => prop::collection::vec(scalar(), 0..3).prop_map(|items| Value::List(items.into())),
        ])
    };
    (one(), one(), one(), one()).prop_map(|(capability, load, gpu, ok)| {
        let map = |pairs: Vec<(&str, Option<Value>)>| {
            let there = pairs.into_iter().filter_map(|(name, value)| Some((name.into(), value?)));
            Value::Map(there.collect::<BTreeMap<_, _>>().into())
        };
        let custom = Some(map(vec![("gpu", gpu)]));
        map(vec![("capability", capability), ("load", load), ("custom", custom), ("ok", ok)])
    })
}

/// What the documentation says of two scalars, on its own terms.
fn compared(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Number(_), Value::Integer(_)) => compared(b, a).map(std::cmp::Ordering::reverse),
        // Through a text with every digit, so exactly and not as the code under test does it.
        (Value::Integer(a), Value::Number(b)) => {
            if b.abs() >= 1e30 {
                return 0.0_f64.partial_cmp(b);
            }
            let scaled = (format!("{b:.3}"), i128::from(*a) * 1000);
            let number: i128 = scaled.0.replace('.', "").parse().ok()?;
            Some(scaled.1.cmp(&number))
        }
        _ => None,
    }
}

fn equals(found: &Value, wanted: &Value) -> bool {
    match found {
        Value::List(items) => {
            items.iter().any(|item| compared(item, wanted) == Some(std::cmp::Ordering::Equal))
        }
        found => compared(found, wanted) == Some(std::cmp::Ordering::Equal),
    }
}

fn looked_up<'a>(subject: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(subject, |value, name| match value {
        Value::Map(map) => map.get(name),
        _ => None,
    })
}

/// The operator in the text of a condition, and what it says of a subject.
fn condition_holds(subject: &Value, path: &str, operator: &str, values: &[Value]) -> bool {
    let found = looked_up(subject, path);
    let any = found.is_some_and(|found| values.iter().any(|wanted| equals(found, wanted)));
    let is = |expected: fn(std::cmp::Ordering) -> bool| {
        let ordering =
            found.zip(values.first()).and_then(|(found, wanted)| compared(found, wanted));
        ordering.is_some_and(expected)
    };
    match operator {
        "eq" | "in" => any,
        "ne" | "not in" => !any,
        "<" => is(std::cmp::Ordering::is_lt),
        "<=" => is(std::cmp::Ordering::is_le),
        ">" => is(std::cmp::Ordering::is_gt),
        ">=" => is(std::cmp::Ordering::is_ge),
        other => unreachable!("{other}"),
    }
}

fn parsed(text: &str) -> Filter {
    text.parse().unwrap_or_else(|error| unreachable!("{text}: {error}"))
}

proptest! {
    #[test]
    fn a_query_parses_back_from_its_text(query in query()) {
        let text = query.to_string();
        let parsed = text.parse::<Query>();
        prop_assert_eq!(parsed, Ok(query), "{}", text);
    }

    #[test]
    fn any_text_is_a_query_or_has_an_error_at_a_place_in_it(
        text in prop_oneof![
            "\\PC{0,40}",
            "(capability|load|[a-z.]{1,5}|[:=<>!]{1,2}|\\(|\\)|,|\"|or |not |in |order:|limit:|-| |1e9|5){0,20}",
        ]
    ) {
        if let Err(error) = text.parse::<Query>() {
            prop_assert!(text.is_char_boundary(error.at), "{:?} at {}", text, error.at);
            prop_assert!(error.render(&text).contains('^'));
        }
    }

    #[test]
    fn the_normal_form_matches_the_same(filter in filter(), subjects in prop::collection::vec(subject(), 1..8)) {
        let Ok(filter) = filter.build() else { return Ok(()) };
        let normal = filter.normalized();
        prop_assert_eq!(&normal.normalized(), &normal);
        for subject in &subjects {
            prop_assert_eq!(filter.matches(subject), normal.matches(subject), "{}", filter);
        }
    }

    #[test]
    fn a_condition_means_what_the_documentation_says(
        subject in subject(),
        path in prop::sample::select(PATHS.to_vec()),
        operator in prop::sample::select(vec!["eq", "ne", "<", "<=", ">", ">=", "in", "not in"]),
        values in prop::collection::vec(scalar(), 1..4),
    ) {
        let field = field(path);
        let first = values[0].clone();
        let built = match operator {
            "eq" => field.eq(first),
            "ne" => field.ne(first),
            "<" => field.less_than(first),
            "<=" => field.at_most(first),
            ">" => field.greater_than(first),
            ">=" => field.at_least(first),
            "in" => field.is_in(values.clone()),
            _ => field.not_in(values.clone()),
        };
        let used = if operator.ends_with("in") { &values[..] } else { &values[..1] };
        let filter = built.build().expect("scalars only");
        prop_assert_eq!(filter.matches(&subject), condition_holds(&subject, path, operator, used));
        let negated = Filter::not(filter.clone());
        prop_assert_eq!(negated.matches(&subject), !filter.matches(&subject));
    }
}

#[test]
fn and_binds_more_than_or_and_not_most() {
    let subject = |text: &str| text.parse::<Value>().expect("a value");
    let filter = parsed("a:1 OR b:1 -c:1");
    assert!(filter.matches(&subject("{a: 1, c: 1}")));
    assert!(filter.matches(&subject("{b: 1}")));
    assert!(!filter.matches(&subject("{b: 1, c: 1}")));
    assert!(parsed("NOT (a:1 OR b:1)").matches(&subject("{c: 1}")));
}

#[test]
fn too_much_of_anything_is_refused_with_its_place() {
    let many = vec!["a:1"; 65].join(" ");
    let deep = format!("{}a:1{}", "NOT (".repeat(17), ")".repeat(17));
    let long = format!("a:{}", "x".repeat(4_096));
    let values = format!("a in ({})", vec!["1"; 257].join(","));
    let orders = format!("order:{}", ["a"; 9].join(","));
    for text in [many, deep, long, values, orders] {
        let error = text.parse::<Query>().expect_err("too much");
        assert!(error.at <= text.len(), "{error}");
    }
    assert!(vec!["a:1"; 64].join(" ").parse::<Query>().is_ok());
}
