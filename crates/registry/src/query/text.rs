//! How queries are written: one text for each, which parses back to it.

use std::fmt::{self, Write};

use super::error::{Bound, QueryError};
use super::filter::{Filter, Node, Operator};
use super::{Order, Query};
use crate::value::Value;

/// What stands around a filter; it decides who needs parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    And,
    Not,
}

impl Query {
    /// Checks that the text is not too long; it has every value in it, so it bounds their size.
    pub(super) fn check_bytes(&self) -> Result<(), QueryError> {
        check_bytes(self)
    }
}

impl Filter {
    /// As [`Query::check_bytes`].
    pub(super) fn check_bytes(&self) -> Result<(), QueryError> {
        check_bytes(self)
    }

    fn write(&self, around: Around, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enclosed = match self.0 {
            Node::Or(_) => around != Around::Nothing,
            Node::And(_) => around == Around::Not,
            _ => false,
        };
        if enclosed {
            f.write_char('(')?;
        }
        match &self.0 {
            Node::All => f.write_char('*')?,
            Node::Comparison(path, operator, value) => write!(f, "{path}{operator}{value}")?,
            Node::In(path, values) => write!(f, "{path} in {}", Values(values))?,
            Node::NotIn(path, values) => write!(f, "{path} not in {}", Values(values))?,
            Node::Exists(path) => write!(f, "has:{path}")?,
            Node::And(parts) => write_joined(parts, " ", Around::And, f)?,
            Node::Or(parts) => write_joined(parts, " OR ", Around::Nothing, f)?,
            Node::Not(part) => {
                f.write_str("NOT ")?;
                part.write(Around::Not, f)?;
            }
        }
        if enclosed { f.write_char(')') } else { Ok(()) }
    }
}

fn write_joined(
    parts: &[Filter],
    between: &str,
    around: Around,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { between })?;
        part.write(around, f)?;
    }
    Ok(())
}

struct Values<'a>(&'a [Value]);

impl fmt::Display for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        for (at, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
        }
        f.write_char(')')
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => ":",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(Around::Nothing, f)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.path)
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        if self.filter != Filter::ALL || (self.order.is_empty() && self.limit.is_none()) {
            write!(f, "{}", self.filter)?;
            between = " ";
        }
        for (at, order) in self.order.iter().enumerate() {
            f.write_str(if at == 0 { between } else { "," })?;
            write!(f, "{}{order}", if at == 0 { "order:" } else { "" })?;
            between = " ";
        }
        match self.limit {
            Some(limit) => write!(f, "{between}limit:{limit}"),
            None => Ok(()),
        }
    }
}

/// Counts what is written and keeps nothing of it.
struct Counter(usize);

impl Write for Counter {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(part.len());
        Ok(())
    }
}

fn check_bytes(item: &impl fmt::Display) -> Result<(), QueryError> {
    let mut counter = Counter(0);
    // The counter never fails, and neither do our own texts.
    if write!(counter, "{item}").is_err() {
        counter.0 = usize::MAX;
    }
    Bound::Bytes.check(counter.0)
}
