//! Filters as the tests see them: made at random, evaluated naively, and turned into real ones.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Filter, FilterBuilder, field};
use crate::field::{Field, Fields};
use crate::metadata::Labels;
use crate::path::Path;
use crate::value::Value;

const PATHS: [&str; 5] = ["a", "load", "custom.gpu.model", "b-1", "custom.\"gpu:0\""];
const OPERATORS: [&str; 6] = [":", "!=", "<", "<=", ">", ">="];

#[derive(Debug, Clone)]
pub(super) enum Expression {
    All,
    Compare(&'static str, &'static str, Value),
    In(&'static str, Vec<Value>),
    NotIn(&'static str, Vec<Value>),
    Has(&'static str),
    And(Box<[Expression; 2]>),
    Or(Box<[Expression; 2]>),
    Not(Box<Expression>),
}

/// A field that is kept; each kind that a field may have.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Value(Value),
    Labels(Labels),
    Bare(Value),
}

#[derive(Debug, Clone)]
pub(super) struct Record(pub(super) BTreeMap<&'static str, Kept>);

impl Fields for Record {
    fn field(&self, path: &Path) -> Option<Field<'_>> {
        Some(match self.0.get(&*path.to_string())? {
            Kept::Labels(labels) => Field::Labels(labels),
            Kept::Bare(Value::Bool(value)) => Field::Bool(*value),
            Kept::Bare(Value::Integer(value)) => Field::Integer(*value),
            Kept::Bare(Value::Number(value)) => Field::Number(*value),
            Kept::Bare(Value::Text(value)) => Field::Text(value),
            Kept::Bare(value) | Kept::Value(value) => Field::Value(value),
        })
    }
}

/// Values that often meet an equal one, and some that are hard to write.
pub(super) fn scalar() -> impl Strategy<Value = Value> {
    let texts = ["", "a", "ocr", "1", "true", "or", "a b", "a\"\\\n", "x:y", ":x", "-x", "ä,)"];
    let integers = [0, 1, 2, (1 << 53) + 1, 1 << 53, i64::MIN, i64::MAX];
    let numbers =
        [0.0, -0.0, 1.0, 1.5, 9_007_199_254_740_992.0, 9_223_372_036_854_775_808.0, 1e300];
    prop_oneof![
        2 => any::<bool>().prop_map(Value::Bool),
        4 => select(integers.to_vec()).prop_map(Value::Integer),
        4 => select(numbers.to_vec()).prop_map(Value::Number),
        4 => select(texts.to_vec()).prop_map(Value::from),
        1 => ".{0,6}".prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::Integer),
        1 => any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::Number),
    ]
}

/// About 16 conditions, and 9 levels at most: within the bounds of a query.
pub(super) fn expression() -> impl Strategy<Value = Expression> {
    let path = || select(&PATHS[..]);
    let leaf = prop_oneof![
        1 => Just(Expression::All),
        6 => (path(), select(&OPERATORS[..]), scalar())
            .prop_map(|(path, operator, value)| Expression::Compare(path, operator, value)),
        2 => (path(), vec(scalar(), 0..4)).prop_map(|(path, values)| Expression::In(path, values)),
        2 => (path(), vec(scalar(), 0..4))
            .prop_map(|(path, values)| Expression::NotIn(path, values)),
        1 => path().prop_map(Expression::Has),
    ];
    leaf.prop_recursive(8, 16, 2, |inner| {
        let two = [inner.clone(), inner.clone()];
        prop_oneof![
            two.clone().prop_map(|parts| Expression::And(Box::new(parts))),
            two.prop_map(|parts| Expression::Or(Box::new(parts))),
            inner.prop_map(|part| Expression::Not(Box::new(part))),
        ]
    })
}

pub(super) fn record() -> impl Strategy<Value = Record> {
    let odd = select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]).prop_map(Value::Number);
    let list = || vec(scalar(), 0..3).prop_map(|items| Value::List(Arc::from(items)));
    let nested =
        (list(), scalar()).prop_map(|(list, scalar)| Value::List(Arc::from([list, scalar])));
    let map =
        scalar().prop_map(|value| Value::Map(Arc::new(BTreeMap::from([("a".into(), value)]))));
    let labels = btree_set(select(&["a", "ocr", "1"][..]).prop_map(Arc::from), 0..3);
    let kept = prop_oneof![
        4 => scalar().prop_map(Kept::Value),
        4 => scalar().prop_map(Kept::Bare),
        2 => list().prop_map(Kept::Value),
        1 => nested.prop_map(Kept::Value),
        1 => map.prop_map(Kept::Value),
        1 => odd.prop_map(Kept::Bare),
        2 => labels.prop_map(|labels| Kept::Labels(Labels::from(&labels))),
    ];
    btree_map(select(&PATHS[..]), kept, 0..4).prop_map(Record)
}

impl Expression {
    /// The reference: says what is meant, slowly.
    pub(super) fn matches(&self, record: &Record) -> bool {
        match self {
            Self::All => true,
            Self::Compare(path, ":", value) => record.has_equal(path, value),
            Self::Compare(path, "!=", value) => !record.has_equal(path, value),
            Self::Compare(path, operator, value) => match record.orders(path, value) {
                None => false,
                Some(Ordering::Less) => operator.starts_with('<'),
                Some(Ordering::Equal) => operator.ends_with('='),
                Some(Ordering::Greater) => operator.starts_with('>'),
            },
            Self::In(path, values) => values.iter().any(|value| record.has_equal(path, value)),
            Self::NotIn(path, values) => !values.iter().any(|value| record.has_equal(path, value)),
            Self::Has(path) => record.0.contains_key(path),
            Self::And(parts) => parts[0].matches(record) && parts[1].matches(record),
            Self::Or(parts) => parts[0].matches(record) || parts[1].matches(record),
            Self::Not(part) => !part.matches(record),
        }
    }

    pub(super) fn builder(&self) -> FilterBuilder {
        match self {
            Self::All => Filter::ALL.into(),
            Self::Compare(path, operator, value) => {
                let (field, value) = (field(path), value.clone());
                match *operator {
                    ":" => field.eq(value),
                    "!=" => field.ne(value),
                    "<" => field.less_than(value),
                    "<=" => field.at_most(value),
                    ">" => field.greater_than(value),
                    _ => field.at_least(value),
                }
            }
            Self::In(path, values) => field(path).is_in(values.iter().cloned()),
            Self::NotIn(path, values) => field(path).not_in(values.iter().cloned()),
            Self::Has(path) => field(path).exists(),
            Self::And(parts) => parts[0].builder().and(parts[1].builder()),
            Self::Or(parts) => parts[0].builder().or(parts[1].builder()),
            Self::Not(part) => !part.builder(),
        }
    }

    pub(super) fn filter(&self) -> Filter {
        self.builder().build().unwrap()
    }

    /// Writes it in full, in one of the many ways there are; `way` chooses.
    pub(super) fn text(&self, way: u64) -> String {
        let space = if way & 1 == 0 { "" } else { "  " };
        let deeper = way.rotate_right(1);
        match self {
            Self::All => "*".to_owned(),
            Self::Compare(path, operator, value) => {
                let operator = if *operator == ":" && way & 2 == 0 { "=" } else { *operator };
                format!("{path}{space}{operator}{space}{}", quoted(value))
            }
            Self::In(path, values) => format!("{path} iN{}", list(values, space)),
            Self::NotIn(path, values) => format!("{path} Not IN{}", list(values, space)),
            Self::Has(path) => format!("has{space}:{space}{path}"),
            Self::And(parts) => {
                let and = [" ", " AND ", "\n", " and "][usize::try_from(way >> 1 & 3).unwrap()];
                let [a, b] = parts.each_ref().map(|part| part.text(deeper));
                format!("({a}){and}({b})")
            }
            Self::Or(parts) => {
                let [a, b] = parts.each_ref().map(|part| part.text(deeper));
                format!("({space}{a} OR {b}{space})")
            }
            Self::Not(part) => {
                let not = if way & 2 == 0 { "NOT" } else { "-" };
                format!("{not}{space}({})", part.text(deeper))
            }
        }
    }
}

/// Writes a text in quotes with every character escaped.
fn quoted(value: &Value) -> String {
    let Value::Text(text) = value else { return value.to_string() };
    let mut quoted = String::from("\"");
    for sign in text.chars() {
        write!(quoted, "\\u{{{:X}}}", u32::from(sign)).unwrap();
    }
    quoted + "\""
}

fn list(values: &[Value], space: &str) -> String {
    let values: Vec<_> = values.iter().map(quoted).collect();
    format!("{space}({space}{}{space})", values.join(&format!("{space},{space}")))
}

impl Record {
    /// The values that equality looks at.
    fn candidates(&self, path: &str) -> Vec<Value> {
        match self.0.get(path) {
            None => Vec::new(),
            Some(Kept::Labels(labels)) => labels.iter().map(Value::from).collect(),
            Some(Kept::Value(Value::List(items))) => items.to_vec(),
            Some(Kept::Value(value) | Kept::Bare(value)) => vec![value.clone()],
        }
    }

    fn has_equal(&self, path: &str, value: &Value) -> bool {
        self.candidates(path).iter().any(|one| order(one, value) == Some(Ordering::Equal))
    }

    fn orders(&self, path: &str, value: &Value) -> Option<Ordering> {
        match self.0.get(path)? {
            Kept::Value(one) | Kept::Bare(one) => order(one, value),
            Kept::Labels(_) => None,
        }
    }
}

/// Compares numbers by all their digits.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Value::Bool(a), Value::Bool(b)) => Some(u8::from(*a).cmp(&u8::from(*b))),
        _ => {
            let (a, b) = (digits(a)?, digits(b)?);
            Some(match (a.0, b.0) {
                (true, true) => b.1.cmp(&a.1),
                (false, false) => a.1.cmp(&b.1),
                (a, b) => b.cmp(&a),
            })
        }
    }
}

/// Returns the sign, and the absolute value in digits of which all numbers have the same count.
fn digits(value: &Value) -> Option<(bool, String)> {
    let text = match value {
        Value::Integer(value) => format!("{value}.{}", "0".repeat(1080)),
        Value::Number(value) if value.is_finite() => format!("{value:.1080}"),
        Value::Number(value) if !value.is_nan() => {
            return Some((*value < 0.0, "9".repeat(1500)));
        }
        _ => return None,
    };
    let digits = text.trim_start_matches('-');
    let negative =
        text.starts_with('-') && digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    Some((negative, format!("{digits:0>1500}")))
}
