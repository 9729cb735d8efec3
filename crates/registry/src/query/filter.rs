//! Which subjects a query is about.

use std::cmp::Ordering;

use super::error::{Bound, QueryError};
use crate::field::Fields;
use crate::path::Path;
use crate::value::Value;

/// A condition on the fields of a subject. It is always within the bounds of a query, so evaluating,
/// printing and dropping it are too.
///
/// Made with [`field`](super::field) or parsed from a text; what the parts mean stands at
/// [`Query`](super::Query). Two filters are equal if they are written alike; two that match the same may
/// differ.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter(pub(super) Node);

/// The parts of a filter. AND and OR have two parts at least, and none of their own kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Node {
    #[default]
    All,
    Comparison(Path, Operator, Value),
    In(Path, Vec<Value>),
    NotIn(Path, Vec<Value>),
    Exists(Path),
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// A condition that an index can answer: the field equals one of the values or is a list that has one
/// of them.
///
/// Equal is what [`Value::compare`] says, so an index must find the integer 1 for the number 1.0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equality<'a> {
    /// The field.
    pub path: &'a Path,
    /// The values; none if nothing matches.
    pub values: &'a [Value],
}

impl Filter {
    /// Matches everything.
    pub const ALL: Self = Self(Node::All);

    /// Tells whether a subject is meant. Looks a field up once for each condition that is reached.
    pub fn matches<T: Fields + ?Sized>(&self, subject: &T) -> bool {
        let equals_any = |path, values: &[Value]| {
            let field = subject.field(path);
            field.is_some_and(|field| values.iter().any(|value| field.equals(value)))
        };
        match &self.0 {
            Node::All => true,
            Node::Comparison(path, operator, value) => operator.holds(subject, path, value),
            Node::In(path, values) => equals_any(path, values),
            Node::NotIn(path, values) => !equals_any(path, values),
            Node::Exists(path) => subject.field(path).is_some(),
            Node::And(parts) => parts.iter().all(|part| part.matches(subject)),
            Node::Or(parts) => parts.iter().any(|part| part.matches(subject)),
            Node::Not(part) => !part.matches(subject),
        }
    }

    /// Returns the parts that must all match: those of an AND, else the filter itself. One that matches
    /// everything has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use foundation_registry::Filter;
    ///
    /// let filter: Filter = "capability in (ocr, scan) load<0.5".parse()?;
    /// let answered: Vec<_> = filter.conjuncts().filter_map(Filter::equality).collect();
    /// assert_eq!(answered[0].path.as_str(), "capability");
    /// assert_eq!(answered[0].values, ["ocr".into(), "scan".into()]);
    /// assert_eq!(answered.len(), 1);
    /// # Ok::<(), foundation_registry::ParseError>(())
    /// ```
    pub fn conjuncts(&self) -> impl Iterator<Item = &Self> {
        let parts = match &self.0 {
            Node::And(parts) => parts.as_slice(),
            _ => std::slice::from_ref(self),
        };
        parts.iter().filter(|part| part.0 != Node::All)
    }

    /// Returns what the filter says if it is one `:` or `in`, so that an index can answer it.
    pub fn equality(&self) -> Option<Equality<'_>> {
        match &self.0 {
            Node::Comparison(path, Operator::Equal, value) => {
                Some(Equality { path, values: std::slice::from_ref(value) })
            }
            Node::In(path, values) => Some(Equality { path, values }),
            _ => None,
        }
    }

    /// Returns the alternatives of an OR.
    pub(crate) fn alternatives(&self) -> Option<&[Self]> {
        match &self.0 {
            Node::Or(parts) => Some(parts),
            _ => None,
        }
    }

    /// Tells whether it is the one that nothing matches, which stands for all those in a normal form.
    pub(crate) fn matches_nothing(&self) -> bool {
        matches!(&self.0, Node::Not(part) if part.0 == Node::All)
    }

    /// Makes a filter that matches what all parts match.
    pub(crate) fn and(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part.0 {
            Node::And(parts) => parts,
            _ => vec![part],
        });
        single(flat.collect(), Node::And, Self::ALL)
    }

    /// Makes a filter that matches what any part matches.
    pub(crate) fn or(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part.0 {
            Node::Or(parts) => parts,
            _ => vec![part],
        });
        single(flat.collect(), Node::Or, Self::not(Self::ALL))
    }

    /// Makes a filter that matches what the part does not.
    pub(super) fn not(part: Self) -> Self {
        Self(Node::Not(Box::new(part)))
    }

    /// Checks the bounds that joining filters can break.
    pub(super) fn checked(self) -> Result<Self, QueryError> {
        Bound::Conditions.check(self.conditions())?;
        Bound::Depth.check(self.depth())?;
        Ok(self)
    }

    fn conditions(&self) -> usize {
        self.parts().iter().map(Self::conditions).sum::<usize>().max(1)
    }

    fn depth(&self) -> usize {
        1 + self.parts().iter().map(Self::depth).max().unwrap_or(0)
    }

    fn parts(&self) -> &[Self] {
        match &self.0 {
            Node::And(parts) | Node::Or(parts) => parts,
            Node::Not(part) => std::slice::from_ref(part),
            _ => &[],
        }
    }
}

/// Joins two parts or more; one stands for itself.
fn single(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Node, none: Filter) -> Filter {
    match parts.len() {
        0 | 1 => parts.pop().unwrap_or(none),
        _ => Filter(join(parts)),
    }
}

impl Operator {
    fn holds<T: Fields + ?Sized>(self, subject: &T, path: &Path, value: &Value) -> bool {
        let field = subject.field(path);
        let is = |expected: fn(Ordering) -> bool| {
            field.and_then(|field| field.compare(value)).is_some_and(expected)
        };
        match self {
            Self::Equal => field.is_some_and(|field| field.equals(value)),
            Self::NotEqual => !field.is_some_and(|field| field.equals(value)),
            Self::Less => is(Ordering::is_lt),
            Self::AtMost => is(Ordering::is_le),
            Self::Greater => is(Ordering::is_gt),
            Self::AtLeast => is(Ordering::is_ge),
        }
    }
}
