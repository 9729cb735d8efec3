//! The normal form of filters, for whoever plans how to answer them.

use super::filter::{Filter, Node, Operator};

impl Filter {
    /// Returns a filter that matches exactly the same and is simpler.
    ///
    /// NOT stands only where it says what no operator does: before `<`, `<=`, `>`, `>=` and `has`, since
    /// a field that is missing or of another kind matches neither `load<5` nor `load>=5`; and in
    /// `NOT *`, which matches nothing. Duplicates and parts that decide nothing are gone, and an `in`
    /// with one value is an equality. A normal form is its own. Its text may be longer than that of the
    /// filter, and then it may be too long to parse.
    ///
    /// # Examples
    ///
    /// ```
    /// use foundation_registry::Filter;
    ///
    /// let filter: Filter = "NOT (capability!=ocr OR load<0.5 OR NOT capability in (ocr))".parse()?;
    /// assert_eq!(filter.normalized().to_string(), "capability:ocr NOT load<0.5");
    /// # Ok::<(), foundation_registry::ParseError>(())
    /// ```
    #[must_use]
    pub fn normalized(&self) -> Self {
        normal(self, false)
    }
}

/// Returns the normal form of a filter or of its negation.
fn normal(filter: &Filter, negated: bool) -> Filter {
    let each = |parts: &[Filter]| parts.iter().map(|part| normal(part, negated)).collect();
    match (&filter.0, negated) {
        (Node::All, _) => constant(!negated),
        (Node::Comparison(path, operator, value), true) => match operator.complement() {
            Some(operator) => Filter(Node::Comparison(path.clone(), operator, value.clone())),
            None => Filter::not(filter.clone()),
        },
        (Node::In(..), false) | (Node::NotIn(..), true) => membership(filter, true),
        (Node::In(..), true) | (Node::NotIn(..), false) => membership(filter, false),
        (Node::And(parts), false) | (Node::Or(parts), true) => all(each(parts)),
        (Node::Or(parts), false) | (Node::And(parts), true) => any(each(parts)),
        (Node::Not(part), _) => normal(part, !negated),
        (Node::Comparison(..) | Node::Exists(_), false) => filter.clone(),
        (Node::Exists(_), true) => Filter::not(filter.clone()),
    }
}

fn constant(matches: bool) -> Filter {
    if matches { Filter::ALL } else { Filter::not(Filter::ALL) }
}

/// Returns an `in`, or its negation, over the same values.
fn membership(filter: &Filter, is_in: bool) -> Filter {
    let (Node::In(path, values) | Node::NotIn(path, values)) = &filter.0 else {
        return filter.clone();
    };
    let values = unique(values.iter().cloned());
    let path = path.clone();
    match (values.as_slice(), is_in) {
        ([], _) => constant(!is_in),
        ([value], true) => Filter(Node::Comparison(path, Operator::Equal, value.clone())),
        ([value], false) => Filter(Node::Comparison(path, Operator::NotEqual, value.clone())),
        (_, true) => Filter(Node::In(path, values)),
        (_, false) => Filter(Node::NotIn(path, values)),
    }
}

fn all(parts: Vec<Filter>) -> Filter {
    let joined = Filter::and(parts);
    let Node::And(parts) = joined.0 else { return joined };
    let parts = unique(parts.into_iter().filter(|part| *part != constant(true)));
    if parts.contains(&constant(false)) { constant(false) } else { Filter::and(parts) }
}

fn any(parts: Vec<Filter>) -> Filter {
    let joined = Filter::or(parts);
    let Node::Or(parts) = joined.0 else { return joined };
    let parts = unique(parts.into_iter().filter(|part| *part != constant(false)));
    if parts.contains(&constant(true)) { constant(true) } else { Filter::or(parts) }
}

/// Keeps the first of each; the bounds of a query keep the square of their number small.
fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

impl Operator {
    /// Returns the operator that holds exactly where this one does not.
    fn complement(self) -> Option<Self> {
        match self {
            Self::Equal => Some(Self::NotEqual),
            Self::NotEqual => Some(Self::Equal),
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => None,
        }
    }
}
