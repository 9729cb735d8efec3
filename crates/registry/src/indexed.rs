//! Indexes: which fields have one, and as which term a value stands in it.
//!
//! Equality in queries compares integers and numbers by what they are worth, so a whole number stands in the
//! index as the integer it equals. Beside that a term is the kind of the value and its text. So two values have
//! one term exactly if they are equal, and an index answers an equality without asking anybody.

use std::fmt::{self, Write};
use std::sync::Arc;

use foundation_env::fault;

use crate::entry::Entry;
use crate::error::IndexError;
use crate::field::{Field, Fields};
use crate::metadata::Metadata;
use crate::path::Path;
use crate::value::{Scalar, whole};

/// An indexed attribute, as the key of a term has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Attribute {
    Capability,
    Health,
    Kind,
    Node,
    /// A field that was asked for, by its place in the list of those, and the kind of its value.
    Custom(u8, Form),
}

/// The kind of a value that is a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Form {
    Bool,
    Integer,
    /// One that is not whole.
    Number,
    Text,
}

/// An index that a query can use.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Index {
    /// Of texts.
    Text(Attribute),
    Node,
    Custom(u8),
}

/// The fields of a registry that are indexed beside those that always are. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Indexed(Arc<[Path]>);

impl Indexed {
    /// Fields that may be indexed on request; each costs every change of an entry that has it.
    pub(crate) const LEN_MAX: usize = 16;
    /// Values of one list that is indexed: each is a row of the index, made and taken back in the writer's turn.
    pub(crate) const VALUES_MAX: usize = 64;

    /// Checks a list of paths; naming one twice is naming it once.
    pub(crate) fn new(paths: Vec<Path>) -> Result<Self, IndexError> {
        let mut kept: Vec<Path> = Vec::new();
        for path in paths {
            if !leads_to_a_value(&path) {
                return Err(IndexError::NoAttribute { path });
            }
            if !kept.contains(&path) {
                kept.push(path);
            }
        }
        if kept.len() > Self::LEN_MAX {
            return Err(IndexError::TooMany { found: kept.len(), max: Self::LEN_MAX });
        }
        Ok(Self(kept.into()))
    }

    /// The index of the field that a query calls so.
    pub(crate) fn find(&self, path: &str) -> Option<Index> {
        match path {
            "capability" => Some(Index::Text(Attribute::Capability)),
            "health" => Some(Index::Text(Attribute::Health)),
            "type" => Some(Index::Text(Attribute::Kind)),
            "node" => Some(Index::Node),
            path => {
                let at = self.0.iter().position(|indexed| indexed.as_str() == path)?;
                u8::try_from(at).ok().map(Index::Custom)
            }
        }
    }

    /// How an attribute is called.
    pub(crate) fn path(&self, attribute: Attribute) -> &str {
        match attribute {
            Attribute::Capability => "capability",
            Attribute::Health => "health",
            Attribute::Kind => "type",
            Attribute::Node => "node",
            Attribute::Custom(at, _) => self.0.get(usize::from(at)).map_or("", Path::as_str),
        }
    }

    /// All paths that are indexed, as a query writes them.
    pub(crate) fn paths(&self) -> impl Iterator<Item = String> {
        let always = ["capability", "health", "type", "node"].map(str::to_owned);
        always.into_iter().chain(self.0.iter().map(Path::to_string))
    }

    /// Calls `f` with each term of an entry but its capabilities, always in the same order; with one of a field that was
    /// asked for perhaps several times.
    pub(crate) fn each(&self, entry: &Entry, mut f: impl FnMut(Attribute, &str)) {
        f(Attribute::Health, entry.metadata.health().as_str());
        f(Attribute::Kind, entry.metadata.kind().as_str());
        Index::Node.term(Scalar::Integer(entry.pid.node().get().into()), &mut f);
        for (at, path) in (0..).zip(&*self.0) {
            let values = entry.field(path).map(Field::scalars);
            for value in values.into_iter().flatten() {
                Index::Custom(at).term(value, &mut f);
            }
        }
    }

    /// The path of a list with more values than may be indexed.
    pub(crate) fn too_long(&self, metadata: &Metadata) -> Option<&Path> {
        let is_too_long = |path: &&Path| {
            let values = metadata.field(path.as_str()).map(Field::scalars);
            values.is_some_and(|values| values.count() > Self::VALUES_MAX)
        };
        self.0.iter().find(is_too_long)
    }
}

impl Index {
    /// Calls `f` with the term of a value; not if nothing in this index can equal it.
    pub(crate) fn term<R>(
        self,
        value: Scalar<'_>,
        f: impl FnOnce(Attribute, &str) -> R,
    ) -> Option<R> {
        let value = match value {
            // What equals an integer stands under it.
            Scalar::Number(number) if !fault::planted("registry_index_splits_equals") => {
                whole(number).map_or(value, Scalar::Integer)
            }
            value => value,
        };
        match (self, value) {
            (Self::Text(attribute), Scalar::Text(text)) => Some(f(attribute, text)),
            (Self::Node, Scalar::Integer(number)) => {
                Some(Short::of(number).with(Attribute::Node, f))
            }
            (Self::Text(_) | Self::Node, _) => None,
            (Self::Custom(at), value) => Some(match value {
                Scalar::Bool(value) => Short::of(value).with(Attribute::Custom(at, Form::Bool), f),
                Scalar::Integer(value) => {
                    Short::of(value).with(Attribute::Custom(at, Form::Integer), f)
                }
                Scalar::Number(value) => {
                    Short::of(value.to_bits()).with(Attribute::Custom(at, Form::Number), f)
                }
                Scalar::Text(text) => f(Attribute::Custom(at, Form::Text), text),
            }),
        }
    }
}

/// Whether a path can lead to something that is no index of its own: an attribute, a variable, a resource, or the
/// affinity.
fn leads_to_a_value(path: &Path) -> bool {
    let mut segments = path.segments();
    match (segments.next(), segments.count()) {
        (Some("coordination" | "custom"), within) => within > 0,
        (Some("resources"), within) => within == 1,
        (Some("affinity"), within) => within == 0,
        (
            Some(
                "namespace" | "id" | "node" | "name_node" | "registered_at" | "updated_at" | "type"
                | "health" | "capability" | "created_at" | "last_health_check",
            )
            | None,
            _,
        ) => false,
        // A resource, or a custom attribute.
        (Some(_), _) => true,
    }
}

/// The text of a bool or a number, on the stack.
struct Short {
    bytes: [u8; 20],
    len: usize,
}

impl Short {
    fn of(value: impl fmt::Display) -> Self {
        let mut short = Self { bytes: [0; 20], len: 0 };
        // An i64 has 20 signs at most, a u64 too.
        let written = write!(short, "{value}");
        debug_assert!(written.is_ok(), "there is room");
        short
    }

    fn with<R>(&self, attribute: Attribute, f: impl FnOnce(Attribute, &str) -> R) -> R {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        f(attribute, std::str::from_utf8(bytes).unwrap_or_default())
    }
}

impl Write for Short {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.len + part.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
