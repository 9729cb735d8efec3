//! Queries: what to find, in which order, and how much of it.

use std::cmp::Ordering;

use crate::field::Fields;
use crate::path::Path;

mod builder;
mod error;
mod filter;
mod normal;
mod parse;
mod text;

pub use builder::{FieldBuilder, FilterBuilder, QueryBuilder, field};
pub use error::{Bound, QueryError};
pub use filter::{Equality, Filter};

#[cfg(test)]
mod tests;

/// A question to the registry: a filter, an order and a limit. It is always within its bounds.
///
/// # Examples
///
/// As people write it, and as programs build it:
///
/// ```
/// use foundation_registry::{Query, field};
///
/// let text = "capability:ocr health:healthy memory_free>=512 order:load limit:5";
/// let query: Query = text.parse()?;
/// let built = Query::builder()
///     .filter(field("capability").eq("ocr").and(field("health").eq("healthy")))
///     .filter(field("memory_free").at_least(512))
///     .order_by("load")
///     .limit(5)
///     .build()?;
/// assert_eq!(query, built);
/// assert_eq!(built.to_string(), text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What a mistake looks like on a terminal:
///
/// ```
/// use foundation_registry::Query;
///
/// let text = "capability:ocr memory_free=>512";
/// let error = text.parse::<Query>().unwrap_err();
/// println!("{}", error.render(text));
/// // capability:ocr memory_free=>512
/// //                            ^ found ">", expected a value; …
/// assert_eq!((error.at, error.found.as_str()), (27, "\">\""));
/// ```
///
/// # Language
///
/// | Text | Builder | Matches |
/// |---|---|---|
/// | `path:value`, `path=value` | `eq` | the field equals the value, or is a list that has it |
/// | `path!=value` | `ne` | everything else, so also a missing field |
/// | `path<value`, `path<=value` | `less_than`, `at_most` | the field compares so with the value |
/// | `path>value`, `path>=value` | `greater_than`, `at_least` | the field compares so with the value |
/// | `path in (a, b)` | `is_in` | the field equals one of the values, or is a list that has one |
/// | `path not in (a, b)` | `not_in` | everything else, so also a missing field |
/// | `has:path` | `exists` | the field is there |
/// | `*`, or nothing | [`Filter::ALL`] | everything |
/// | `A B`, `A AND B` | `and` | what both match |
/// | `A OR B` | `or` | what one of them matches; binds less than AND |
/// | `NOT A`, `-A` | `!` | exactly what A does not; binds most |
/// | `(A)` | | what A matches |
/// | `order:path`, `order:-a,b` | `order_by`, `order_by_descending` | |
/// | `limit:5` | `limit` | |
///
/// A path is that of a [`Path`](crate::Path); a segment with signs of the language stands in quotes:
/// `custom."gpu:0">5`. What it leads to says the subject: of the registry's own, [`Entry`](crate::Entry), with
/// `node` for that of the process and `name_node` for that of the name. A path that is none of an entry's is taken
/// for the short form of a resource's or a custom attribute's, so one that is misspelled is accepted, and is a field
/// that nobody has.
///
/// Order and limit stand before or behind the filter. The words of the language are read in any case of
/// letters. A value is a bool, a number or a text, as the text form of [`Value`](crate::Value) has it; a
/// word is a text unless it reads as one of the others, and in quotes always. There are no patterns.
///
/// Only what [`Value::compare`](crate::Value::compare) can compare is equal, less or greater: integers
/// with numbers, exactly; texts by their bytes; bools. So `load<5` and `load>=5` both miss a process
/// without a load and one whose load is a text, and `NOT load<5` matches both.
///
/// # Bounds
///
/// A text of 4 KiB, which is also the most a query may print; 64 conditions, 16 levels of AND, OR and NOT,
/// 256 values of one `in` and 8 fields to order by ([`Bound`]). More is refused when the query is parsed
/// or built.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    filter: Filter,
    order: Vec<Order>,
    limit: Option<usize>,
}

/// A field to order results by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The field.
    pub path: Path,
    /// From the greatest to the least.
    pub descending: bool,
}

impl Query {
    /// Returns which subjects are meant.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns what they are ordered by; the first field decides, the next among equals.
    pub fn order(&self) -> &[Order] {
        &self.order
    }

    /// Returns how many are wanted at most.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Tells which of two subjects comes first.
    ///
    /// Values of different kinds are ordered as [`Value::total_cmp`](crate::Value::total_cmp) has it. A
    /// missing field comes last, whichever way its order goes. What is equal by all fields is equal:
    /// whoever needs one fixed order decides by something else then.
    pub fn compare<A, B>(&self, a: &A, b: &B) -> Ordering
    where
        A: Fields + ?Sized,
        B: Fields + ?Sized,
    {
        let mut orders = self.order.iter().map(|order| order.compare(a, b));
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl Order {
    fn compare<A, B>(&self, a: &A, b: &B) -> Ordering
    where
        A: Fields + ?Sized,
        B: Fields + ?Sized,
    {
        match (a.field(&self.path), b.field(&self.path)) {
            (Some(a), Some(b)) if self.descending => b.total_cmp(a),
            (Some(a), Some(b)) => a.total_cmp(b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}
