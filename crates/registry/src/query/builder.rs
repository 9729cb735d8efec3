//! Makes queries in code; the first mistake is kept and reported when the query is built.

use std::ops::Not;

use super::error::{Bound, QueryError};
use super::filter::{Filter, Node, Operator};
use super::{Order, Query};
use crate::path::Path;
use crate::value::Value;

/// Begins a condition on the field at a path.
///
/// # Examples
///
/// ```
/// use foundation_registry::field;
///
/// let free = field("memory_free").at_least(512).or(!field("load").at_least(0.5));
/// let filter = field("capability").eq("ocr").and(free).build()?;
/// assert_eq!(filter.to_string(), "capability:ocr (memory_free>=512 OR NOT load>=0.5)");
/// # Ok::<(), foundation_registry::QueryError>(())
/// ```
pub fn field(path: &str) -> FieldBuilder {
    FieldBuilder { path: Path::new(path).map_err(QueryError::from) }
}

/// A field of which nothing is said yet; made by [`field`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FieldBuilder {
    path: Result<Path, QueryError>,
}

impl FieldBuilder {
    /// The field equals the value, or is a list that has it: `:`.
    pub fn eq(self, value: impl Into<Value>) -> FilterBuilder {
        self.compare(Operator::Equal, value.into())
    }

    /// Not [`eq`](Self::eq); so also if the field is missing: `!=`.
    pub fn ne(self, value: impl Into<Value>) -> FilterBuilder {
        self.compare(Operator::NotEqual, value.into())
    }

    /// The field is less than the value: `<`.
    pub fn less_than(self, value: impl Into<Value>) -> FilterBuilder {
        self.compare(Operator::Less, value.into())
    }

    /// The field is the value or less: `<=`.
    pub fn at_most(self, value: impl Into<Value>) -> FilterBuilder {
        self.compare(Operator::AtMost, value.into())
    }

    /// The field is greater than the value: `>`.
    pub fn greater_than(self, value: impl Into<Value>) -> FilterBuilder {
        self.compare(Operator::Greater, value.into())
    }

    /// The field is the value or greater: `>=`.
    pub fn at_least(self, value: impl Into<Value>) -> FilterBuilder {
        self.compare(Operator::AtLeast, value.into())
    }

    /// The field equals one of the values, or is a list that has one: `in`.
    pub fn is_in<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> FilterBuilder {
        self.condition(|path| {
            let values = collect(&path, values)?;
            Ok(Node::In(path, values))
        })
    }

    /// Not [`is_in`](Self::is_in); so also if the field is missing: `not in`.
    pub fn not_in<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> FilterBuilder {
        self.condition(|path| {
            let values = collect(&path, values)?;
            Ok(Node::NotIn(path, values))
        })
    }

    /// The field is there: `has:`.
    pub fn exists(self) -> FilterBuilder {
        self.condition(|path| Ok(Node::Exists(path)))
    }

    fn compare(self, operator: Operator, value: Value) -> FilterBuilder {
        self.condition(|path| {
            check_value(&path, &value)?;
            Ok(Node::Comparison(path, operator, value))
        })
    }

    fn condition(self, node: impl FnOnce(Path) -> Result<Node, QueryError>) -> FilterBuilder {
        FilterBuilder { filter: self.path.and_then(node).map(Filter) }
    }
}

/// Takes over values, and no more than one too many.
fn collect<V: Into<Value>>(
    path: &Path,
    values: impl IntoIterator<Item = V>,
) -> Result<Vec<Value>, QueryError> {
    let mut taken = Vec::new();
    for value in values {
        let value = value.into();
        check_value(path, &value)?;
        taken.push(value);
        Bound::Values.check(taken.len())?;
    }
    Ok(taken)
}

/// Refuses what nothing can equal and the text form cannot say.
fn check_value(path: &Path, value: &Value) -> Result<(), QueryError> {
    let found = match value {
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Number(number) if !number.is_finite() => "a number that is not finite",
        _ => return Ok(()),
    };
    Err(QueryError::Value { path: path.clone(), found })
}

/// A filter in the making. `!` negates it.
///
/// A [`Filter`] becomes one to be joined with others.
#[derive(Debug, Clone)]
#[must_use]
pub struct FilterBuilder {
    filter: Result<Filter, QueryError>,
}

impl FilterBuilder {
    /// Matches what both match.
    pub fn and(self, other: impl Into<Self>) -> Self {
        self.join(other.into(), Filter::and)
    }

    /// Matches what one of them matches, or both.
    pub fn or(self, other: impl Into<Self>) -> Self {
        self.join(other.into(), Filter::or)
    }

    /// Finishes the filter.
    ///
    /// # Errors
    ///
    /// The first mistake in it: a text that is no path, a value that does not compare, or too much of
    /// something.
    pub fn build(self) -> Result<Filter, QueryError> {
        let filter = self.filter?;
        filter.check_bytes()?;
        Ok(filter)
    }

    fn join(self, other: Self, join: fn(Vec<Filter>) -> Filter) -> Self {
        // Checked at each step, so that no chain of calls makes something too deep to drop.
        let filter = self.filter.and_then(|a| join(vec![a, other.filter?]).checked());
        Self { filter }
    }
}

impl Not for FilterBuilder {
    type Output = Self;

    fn not(self) -> Self {
        Self { filter: self.filter.and_then(|filter| Filter::not(filter).checked()) }
    }
}

impl From<Filter> for FilterBuilder {
    fn from(filter: Filter) -> Self {
        Self { filter: Ok(filter) }
    }
}

/// A query in the making; made by [`Query::builder`], or from a query to add to it.
#[derive(Debug, Clone)]
#[must_use]
pub struct QueryBuilder {
    filter: FilterBuilder,
    order: Result<Vec<Order>, QueryError>,
    limit: Option<usize>,
}

impl Query {
    /// Begins a query for everything, in no order.
    pub fn builder() -> QueryBuilder {
        Self::default().into()
    }
}

impl QueryBuilder {
    /// Asks only for what the filter matches, beside what was asked before.
    pub fn filter(self, filter: impl Into<FilterBuilder>) -> Self {
        let filter = match self.filter.filter {
            Ok(Filter::ALL) => filter.into(),
            _ => self.filter.and(filter),
        };
        Self { filter, ..self }
    }

    /// Orders by a field from the least; what has no such field comes last. Fields named later decide
    /// among what is equal so far.
    pub fn order_by(self, path: &str) -> Self {
        self.order(path, false)
    }

    /// Orders by a field from the greatest; what has no such field comes last here too.
    pub fn order_by_descending(self, path: &str) -> Self {
        self.order(path, true)
    }

    /// Asks for so many at most.
    pub fn limit(self, limit: usize) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Finishes the query.
    ///
    /// # Errors
    ///
    /// As [`FilterBuilder::build`].
    pub fn build(self) -> Result<Query, QueryError> {
        let query = Query { filter: self.filter.filter?, order: self.order?, limit: self.limit };
        query.check_bytes()?;
        Ok(query)
    }

    fn order(self, path: &str, descending: bool) -> Self {
        let order = self.order.and_then(|mut order| {
            order.push(Order { path: Path::new(path)?, descending });
            Bound::OrderKeys.check(order.len())?;
            Ok(order)
        });
        Self { order, ..self }
    }
}

impl From<Query> for QueryBuilder {
    fn from(query: Query) -> Self {
        let Query { filter, order, limit } = query;
        Self { filter: filter.into(), order: Ok(order), limit }
    }
}
