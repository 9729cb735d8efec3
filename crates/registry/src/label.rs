//! The one rule for all texts that others choose: namespaces, ids, capabilities, names of attributes.

use std::fmt;
use std::sync::Arc;

use foundation_types::{Code, coded_errors};

/// Which text a [`LabelError`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelKind {
    /// The namespace of a name; at most 64 bytes.
    Namespace,
    /// The id of a name within its namespace; at most 255 bytes.
    LocalId,
    /// A capability; at most 64 bytes.
    Capability,
    /// The name of a group within its namespace; at most 64 bytes.
    Group,
    /// A node that a process prefers; at most 64 bytes.
    NodeAffinity,
    /// The name of a resource, a coordination variable or an attribute; at most 64 bytes, and without
    /// the dot that separates names in a path.
    Attribute,
}

impl LabelKind {
    /// The greatest number of bytes. What is short is shown in one column of a table; an id may carry
    /// a path or a key of the application.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Namespace
            | Self::Capability
            | Self::Group
            | Self::NodeAffinity
            | Self::Attribute => 64,
            Self::LocalId => 255,
        }
    }
}

impl fmt::Display for LabelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "namespace",
            Self::LocalId => "local id",
            Self::Capability => "capability",
            Self::Group => "group",
            Self::NodeAffinity => "node affinity",
            Self::Attribute => "field name",
        })
    }
}

/// Tells why a text is not what it was meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelError {
    /// What the text was meant to be.
    pub kind: LabelKind,
    /// The first rule it breaks.
    pub fault: LabelFault,
}

impl LabelError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::InvalidInput
    }
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a {}: {}", self.kind, self.fault)
    }
}

coded_errors! {
    LabelError;
}

/// Names a rule that a text breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelFault {
    /// It has no character.
    Empty,
    /// It is longer than [`LabelKind::bytes_max`].
    TooLong {
        /// Bytes in the text.
        bytes: usize,
        /// The greatest number of bytes.
        bytes_max: usize,
    },
    /// It has a character that would make it unreadable or ambiguous in a log: white space, a
    /// control character or, except in a local id, a slash; in the name of an attribute also a dot.
    Character {
        /// The character.
        found: char,
        /// Its byte offset.
        at: usize,
    },
}

impl fmt::Display for LabelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the text is empty"),
            Self::TooLong { bytes, bytes_max } => {
                write!(f, "the text has {bytes} bytes, at most {bytes_max} are allowed")
            }
            Self::Character { found, at } => {
                write!(f, "remove {found:?} at byte {at}")
            }
        }
    }
}

/// Checks a text and takes it over.
pub(crate) fn checked(kind: LabelKind, text: &str) -> Result<Arc<str>, LabelError> {
    match fault(kind, text) {
        Some(fault) => Err(LabelError { kind, fault }),
        None => Ok(Arc::from(text)),
    }
}

/// Returns the first rule that a text breaks.
pub(crate) fn fault(kind: LabelKind, text: &str) -> Option<LabelFault> {
    if text.is_empty() {
        return Some(LabelFault::Empty);
    }
    let (bytes, bytes_max) = (text.len(), kind.bytes_max());
    if bytes > bytes_max {
        return Some(LabelFault::TooLong { bytes, bytes_max });
    }
    let banned = |sign: char| {
        let slash = sign == '/' && kind != LabelKind::LocalId;
        let dot = sign == '.' && kind == LabelKind::Attribute;
        slash || dot || sign.is_whitespace() || sign.is_control()
    };
    let (at, found) = text.char_indices().find(|&(_, sign)| banned(sign))?;
    Some(LabelFault::Character { found, at })
}

#[cfg(test)]
mod tests;
