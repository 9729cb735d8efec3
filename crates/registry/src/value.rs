//! The values that metadata carries beside its fixed fields.

use std::collections::BTreeMap;
use std::sync::Arc;

mod order;
mod text;

pub(crate) use order::{Scalar, lexicographic, whole};
pub(crate) use text::{quoted, scalar, sequence, write_quoted};

#[cfg(test)]
mod tests;

/// A value of a coordination variable or of a custom attribute. Cloning is cheap.
///
/// `==` tells whether two values are the same, kind and all: the integer 1 is not the number 1.0, and
/// NaN is not itself. What queries mean by equal is [`compare`](Self::compare).
///
/// # Text form
///
/// `true` and `false`; integers such as `-5`; numbers such as `0.5` and `1e9`; texts in double quotes
/// with the escapes `\"`, `\\`, `\n`, `\r`, `\t` and `\u{…}`; lists as `[1, 2]`; maps as
/// `{model: a100, memory: 80}`. A text needs quotes only if it would read as something else or has
/// white space, a control character or one of ``()[]{},"'\=<>!*&|``. A value parses back to the same
/// value if its numbers are finite and it is at most 16 lists and maps deep.
///
/// # Examples
///
/// ```
/// use foundation_registry::Value;
///
/// let value: Value = r#"[1, 2.0, gpu-a100, "two words"]"#.parse()?;
/// assert_eq!(value.to_string(), r#"[1, 2.0, gpu-a100, "two words"]"#);
/// assert!("[1, 2".parse::<Value>().is_err());
/// # Ok::<(), foundation_registry::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number; in metadata it is finite.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// Values in order.
    List(Arc<[Value]>),
    /// Values by name.
    Map(Arc<BTreeMap<Arc<str>, Value>>),
}

impl Value {
    /// Returns how many bytes it carries: 1 for a bool, 8 for a number, the bytes of a text, and for a
    /// list or a map those of all values and keys within. What memory holds them in is not counted.
    ///
    /// The cost grows with the values within, each as often as it occurs.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Bool(_) => 1,
            Self::Integer(_) | Self::Number(_) => 8,
            Self::Text(text) => text.len(),
            Self::List(items) => items.iter().map(Self::bytes).fold(0, usize::saturating_add),
            Self::Map(map) => {
                let pairs = map.iter().map(|(key, value)| key.len().saturating_add(value.bytes()));
                pairs.fold(0, usize::saturating_add)
            }
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Arc::from(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Arc::from(value))
    }
}
