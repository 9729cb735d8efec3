//! The values of fields, attributes and metadata.

use std::borrow::Cow;
use std::fmt;

use foundation_types::Pid;
use serde::Serialize;

/// One value: of a field of a context, of the metadata of an event, or of an attribute of a span.
///
/// Borrowed where it is made, so that saying something nobody listens to copies nothing;
/// [`Value::into_owned`] keeps it. Serialized as the plain value, a pid as its text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A process.
    Pid(Pid),
}

impl Value<'_> {
    /// The longest text that is kept, in bytes; a longer one is cut and marked with `…`.
    pub const TEXT_BYTES_MAX: usize = 1024;

    /// The value with its text owned, cut at [`Value::TEXT_BYTES_MAX`].
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Uint(value) => Value::Uint(value),
            Self::Float(value) => Value::Float(value),
            Self::Pid(value) => Value::Pid(value),
            Self::Text(text) => Value::Text(Cow::Owned(bounded(text, Self::TEXT_BYTES_MAX))),
        }
    }

    /// As [`Value::into_owned`], but a text that lives for ever and is short enough stays where it is.
    pub(crate) fn kept(value: Value<'static>) -> Value<'static> {
        match value {
            Value::Text(text) => Value::Text(kept_text(text)),
            other => other,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A text as it is kept: one that lives for ever and is short enough stays where it is.
pub(crate) fn kept_text(text: Cow<'static, str>) -> Cow<'static, str> {
    if text.len() <= Value::TEXT_BYTES_MAX {
        return text;
    }
    Cow::Owned(bounded(text, Value::TEXT_BYTES_MAX))
}

/// Cuts a text that would be kept for long.
pub(crate) fn bounded(text: Cow<'_, str>, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.into_owned();
    }
    let mut cut = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().to_owned();
    cut.push('…');
    cut
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Uint(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Pid(pid) => pid.fmt(f),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Uint(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Pid(pid) => serializer.collect_str(pid),
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident as $into:ty;)*) => {
        $(impl From<$from> for Value<'_> {
            fn from(value: $from) -> Self {
                Self::$variant(<$into>::from(value))
            }
        })*
    };
}

from! {
    bool => Bool as bool;
    i32 => Int as i64;
    i64 => Int as i64;
    u32 => Uint as u64;
    u64 => Uint as u64;
    f64 => Float as f64;
    Pid => Pid as Pid;
}

impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        Self::Uint(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}
