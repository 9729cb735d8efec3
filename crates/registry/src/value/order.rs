//! Which value is less: exactly, among values that can be compared, and among all for sorting.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Value;

/// A value that has no values within, wherever it is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scalar<'a> {
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
}

impl Value {
    /// Compares two values as queries do; none if they cannot be compared.
    ///
    /// Integers and numbers compare by what they are worth, without rounding; texts by their bytes;
    /// `false` is less than `true`. Values of two other kinds cannot be compared, nor can lists, maps
    /// and NaN with anything.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cmp::Ordering;
    ///
    /// use foundation_registry::Value;
    ///
    /// assert_eq!(Value::Integer(1).compare(&Value::Number(1.5)), Some(Ordering::Less));
    /// assert_eq!(Value::Integer(1).compare(&Value::from("1")), None);
    /// ```
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        self.scalar()?.compare(other.scalar()?)
    }

    /// Compares any two values for sorting: bools, then integers and numbers together, texts, lists and
    /// at last maps.
    ///
    /// Agrees with [`compare`](Self::compare) wherever that has an answer. NaN comes behind all
    /// numbers and equals itself; lists go by their first difference, and so do maps, by their keys in
    /// order, a key before its value.
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::List(a), Self::List(b)) => lexicographic(a.iter(), b.iter(), Self::total_cmp),
            (Self::Map(a), Self::Map(b)) => compare_maps(a, b),
            (Self::List(_), Self::Map(_)) => Ordering::Less,
            (Self::Map(_), Self::List(_)) => Ordering::Greater,
            _ => match (self.scalar(), other.scalar()) {
                (Some(a), Some(b)) => a.total_cmp(b),
                // Whatever is a scalar comes before the rest.
                (a, b) => b.is_some().cmp(&a.is_some()),
            },
        }
    }

    pub(crate) fn scalar(&self) -> Option<Scalar<'_>> {
        match self {
            Self::Bool(value) => Some(Scalar::Bool(*value)),
            Self::Integer(value) => Some(Scalar::Integer(*value)),
            Self::Number(value) => Some(Scalar::Number(*value)),
            Self::Text(value) => Some(Scalar::Text(value)),
            Self::List(_) | Self::Map(_) => None,
        }
    }
}

impl Scalar<'_> {
    pub(crate) fn compare(self, other: Scalar<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Scalar::Bool(b)) => Some(a.cmp(&b)),
            (Self::Integer(a), Scalar::Integer(b)) => Some(a.cmp(&b)),
            (Self::Number(a), Scalar::Number(b)) => a.partial_cmp(&b),
            (Self::Integer(a), Scalar::Number(b)) => compare_mixed(a, b),
            (Self::Number(a), Scalar::Integer(b)) => compare_mixed(b, a).map(Ordering::reverse),
            (Self::Text(a), Scalar::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    pub(crate) fn total_cmp(self, other: Scalar<'_>) -> Ordering {
        self.compare(other).unwrap_or_else(|| self.rank().cmp(&other.rank()))
    }

    /// The place of the kind among all kinds; two that cannot be compared differ in it or are both NaN.
    fn rank(self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number(number) if number.is_nan() => 2,
            Self::Integer(_) | Self::Number(_) => 1,
            Self::Text(_) => 3,
        }
    }
}

/// 2^63, the least number above all integers.
const ABOVE: f64 = 9_223_372_036_854_775_808.0;

/// The integer that a number equals, if it is whole and not too large.
pub(crate) fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it is compared with what it was")]
    let integer = number.trunc() as i64;
    (compare_mixed(integer, number) == Some(Ordering::Equal)).then_some(integer)
}

/// Compares without rounding: converting the integer would make neighbours above 2^53 equal.
fn compare_mixed(integer: i64, number: f64) -> Option<Ordering> {
    if number.is_nan() {
        return None;
    }
    if number >= ABOVE {
        return Some(Ordering::Less);
    }
    if number < -ABOVE {
        return Some(Ordering::Greater);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and within the range checked above"
    )]
    let whole = number.trunc() as i64;
    match integer.cmp(&whole) {
        Ordering::Equal => 0.0.partial_cmp(&number.fract()),
        different => Some(different),
    }
}

fn compare_maps(a: &BTreeMap<Arc<str>, Value>, b: &BTreeMap<Arc<str>, Value>) -> Ordering {
    lexicographic(a.iter(), b.iter(), |a, b| a.0.cmp(b.0).then_with(|| a.1.total_cmp(b.1)))
}

/// Compares by the first difference; what ends first is less.
pub(crate) fn lexicographic<T>(
    a: impl Iterator<Item = T>,
    mut b: impl Iterator<Item = T>,
    compare: impl Fn(T, T) -> Ordering,
) -> Ordering {
    for a in a {
        let Some(b) = b.next() else { return Ordering::Greater };
        let order = compare(a, b);
        if order.is_ne() {
            return order;
        }
    }
    if b.next().is_some() { Ordering::Less } else { Ordering::Equal }
}
