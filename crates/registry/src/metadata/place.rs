//! Where in metadata something stands, written down only when it is wrong.

use std::fmt;

use crate::label::{LabelKind, fault};

/// One step of a path, on the stack of whoever descends; the text form is made for an error only.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// A field of metadata.
    Field(&'static str),
    /// A name within the place.
    Key(&'a Place<'a>, &'a str),
    /// An item of the list at the place, counted from zero.
    Item(&'a Place<'a>, usize),
}

/// Returns the beginning of a text as far as it can be a label, so that an error stays small.
pub(super) fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(LabelKind::Attribute.bytes_max());
    text.get(..end).unwrap_or_default()
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Key(place, name) if fault(LabelKind::Attribute, name).is_none() => {
                write!(f, "{place}.{name}")
            }
            Self::Key(place, name) => write!(f, "{place}[{:?}]", cut(name)),
            Self::Item(place, index) => write!(f, "{place}[{index}]"),
        }
    }
}
