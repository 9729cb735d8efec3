//! What filters look at.

use std::cmp::Ordering;

use crate::metadata::Labels;
use crate::path::Path;
use crate::value::{Scalar, Value, lexicographic};

/// A field as its owner keeps it, so that looking copies nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// A value.
    Value(&'a Value),
    /// A text.
    Text(&'a str),
    /// A list of labels.
    Labels(&'a Labels),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Bool(bool),
}

/// Something with fields: the subject of filters.
///
/// An implementation returns none for what it does not have, and the same for the same path as long as
/// it does not change. It neither blocks nor panics: it may be called under a lock.
///
/// # Examples
///
/// ```
/// use foundation_registry::{Field, Fields, Filter, Path};
///
/// struct Machine {
///     load: f64,
/// }
///
/// impl Fields for Machine {
///     fn field(&self, path: &Path) -> Option<Field<'_>> {
///         match path.as_str() {
///             "load" => Some(Field::Number(self.load)),
///             _ => None,
///         }
///     }
/// }
///
/// let filter: Filter = "load<0.5".parse()?;
/// assert!(filter.matches(&Machine { load: 0.25 }));
/// assert!(!filter.matches(&Machine { load: 0.75 }));
/// # Ok::<(), foundation_registry::ParseError>(())
/// ```
pub trait Fields {
    /// Returns the field at a path.
    fn field(&self, path: &Path) -> Option<Field<'_>>;
}

impl<T: Fields + ?Sized> Fields for &T {
    fn field(&self, path: &Path) -> Option<Field<'_>> {
        T::field(self, path)
    }
}

/// A map has the fields of its keys, and those of the maps within; other values have none.
impl Fields for Value {
    fn field(&self, path: &Path) -> Option<Field<'_>> {
        let mut value = self;
        for segment in path.segments() {
            let Self::Map(map) = value else { return None };
            value = map.get(segment)?;
        }
        Some(Field::Value(value))
    }
}

impl<'a> Field<'a> {
    /// Tells whether it equals a value or is a list that has one equal to it, as
    /// [`Value::compare`] sees it.
    pub(crate) fn equals(self, value: &Value) -> bool {
        let Some(value) = value.scalar() else { return false };
        let equals = |scalar: Scalar<'_>| scalar.compare(value) == Some(Ordering::Equal);
        match (self.scalar(), self.items()) {
            (Some(scalar), _) => equals(scalar),
            (None, Some(mut items)) => items.any(|item| item.scalar().is_some_and(equals)),
            (None, None) => false,
        }
    }

    /// The values that it equals one of: its own, or those of a list.
    pub(crate) fn scalars(self) -> impl Iterator<Item = Scalar<'a>> {
        let items = self.items().into_iter().flatten().filter_map(Field::scalar);
        self.scalar().into_iter().chain(items)
    }

    /// Compares with a value as [`Value::compare`] does.
    pub(crate) fn compare(self, value: &Value) -> Option<Ordering> {
        self.scalar()?.compare(value.scalar()?)
    }

    /// Compares for sorting as [`Value::total_cmp`] does.
    pub(crate) fn total_cmp(self, other: Field<'_>) -> Ordering {
        match (self.scalar(), other.scalar()) {
            (Some(a), Some(b)) => return a.total_cmp(b),
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (self.items(), other.items()) {
            (Some(a), Some(b)) => lexicographic(a, b, Field::total_cmp),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => match (self, other) {
                (Self::Value(a), Field::Value(b)) => a.total_cmp(b),
                _ => Ordering::Equal,
            },
        }
    }

    fn scalar(self) -> Option<Scalar<'a>> {
        match self {
            Self::Value(value) => value.scalar(),
            Self::Text(text) => Some(Scalar::Text(text)),
            Self::Integer(integer) => Some(Scalar::Integer(integer)),
            Self::Number(number) => Some(Scalar::Number(number)),
            Self::Bool(value) => Some(Scalar::Bool(value)),
            Self::Labels(_) => None,
        }
    }

    fn items(self) -> Option<impl Iterator<Item = Field<'a>>> {
        let (values, labels): (&[Value], _) = match self {
            Self::Value(Value::List(values)) => (values, Labels::NONE),
            Self::Labels(labels) => (&[], labels),
            _ => return None,
        };
        Some(values.iter().map(Field::Value).chain(labels.iter().map(Field::Text)))
    }
}
