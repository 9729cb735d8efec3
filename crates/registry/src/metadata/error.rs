//! Why metadata was not accepted, field by field.

use std::fmt;
use std::sync::Arc;

use foundation_types::{Code, Instant, coded_errors};

use super::place::{Place, cut};
use crate::label::{LabelError, LabelKind, checked};
use crate::path::Path;

/// Why metadata was not accepted: every field that is wrong. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataError {
    /// The wrong fields in the order they were met, at least one and at most
    /// [`MetadataError::FIELDS_MAX`].
    pub fields: Vec<FieldError>,
    /// How many faults were found beyond those.
    pub more: usize,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {fault}")]
#[non_exhaustive]
pub struct FieldError {
    /// Where it stands: the names of fields with dots between, as in [`Metadata::field`]. A text that is
    /// no label stands in brackets and quotes, cut at 64 bytes, and an item of a list by its number, as
    /// in `custom.routes[3]["a b"]`. The path of the whole is `metadata`.
    ///
    /// [`Metadata::field`]: crate::Metadata::field
    pub path: String,
    /// The rule it breaks.
    pub fault: FieldFault,
}

/// Names a rule that a field of metadata breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldFault {
    /// A capability, a node or a name is no label.
    Label(LabelError),
    /// The text is none of those there are.
    Unknown {
        /// The text, cut at 64 bytes.
        found: String,
        /// All there are, with commas between.
        known: &'static str,
    },
    /// The number is infinite or not a number.
    NotFinite,
    /// The number is below zero.
    Negative,
    /// There are more than there may be.
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The greatest count.
        count_max: usize,
    },
    /// A list or a map lies within too many others.
    TooDeep {
        /// [`Metadata::NESTING_MAX`](crate::Metadata::NESTING_MAX).
        levels_max: usize,
    },
    /// The whole carries too many bytes.
    TooLarge {
        /// The bytes it carries.
        bytes: usize,
        /// [`Metadata::BYTES_MAX`](crate::Metadata::BYTES_MAX).
        bytes_max: usize,
    },
    /// The instant has not come yet.
    Future {
        /// The instant.
        at: Instant,
        /// The moment of the check.
        now: Instant,
    },
    /// The instant lies before the creation.
    BeforeCreation {
        /// The instant.
        at: Instant,
        /// When the process was created.
        created_at: Instant,
    },
}

impl MetadataError {
    /// How many wrong fields are kept; an error stays small whatever was handed in.
    pub const FIELDS_MAX: usize = 32;

    /// One field with too many of something.
    pub(crate) fn too_many(path: &Path, what: &'static str, count_max: usize) -> Self {
        let fault = FieldFault::TooMany { what, count_max };
        Self { fields: vec![FieldError { path: path.to_string(), fault }], more: 0 }
    }

    pub(super) fn one(field: &'static str, fault: FieldFault) -> Self {
        Self { fields: vec![FieldError { path: field.to_owned(), fault }], more: 0 }
    }

    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::ValidationFailed
    }
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the metadata is not acceptable: ")?;
        for (index, field) in self.fields.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(f, "{comma}{field}")?;
        }
        if self.more > 0 {
            write!(f, "; and {} more", self.more)?;
        }
        Ok(())
    }
}

coded_errors! {
    MetadataError;
}

impl FieldFault {
    pub(super) fn unknown(text: &str, known: &'static str) -> Self {
        Self::Unknown { found: cut(text).to_owned(), known }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(error) => error.fmt(f),
            Self::Unknown { found, known } => {
                write!(f, "there is no {found:?}: choose one of {known}")
            }
            Self::NotFinite => f.write_str("the number is not finite: give a finite one"),
            Self::Negative => f.write_str("the number is below zero: give zero or more"),
            Self::TooMany { what, count_max } => {
                write!(f, "there are more than {count_max} {what}: leave some out")
            }
            Self::TooDeep { levels_max } => {
                write!(f, "the value is nested more than {levels_max} deep: flatten it")
            }
            Self::TooLarge { bytes, bytes_max } => {
                write!(f, "{bytes} bytes are more than {bytes_max}: keep large data elsewhere")
            }
            Self::Future { at, now } => {
                write!(f, "it lies {:?} in the future: give a moment that has passed", *at - *now)
            }
            Self::BeforeCreation { at, created_at } => {
                let early = *created_at - *at;
                write!(f, "it lies {early:?} before created_at: give that moment or a later one")
            }
        }
    }
}

/// Collects faults.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    fields: Vec<FieldError>,
    more: usize,
}

impl Faults {
    /// Notes a fault, once.
    pub(super) fn push(&mut self, place: &Place<'_>, fault: FieldFault) {
        self.add(FieldError { path: place.to_string(), fault });
    }

    fn add(&mut self, field: FieldError) {
        if self.fields.contains(&field) {
            return;
        }
        if self.fields.len() < MetadataError::FIELDS_MAX {
            self.fields.push(field);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Takes over what another one has; tells whether that was nothing.
    pub(super) fn extend(&mut self, other: Self) -> bool {
        let is_none = other.fields.is_empty();
        for field in other.fields {
            self.add(field);
        }
        self.more = self.more.saturating_add(other.more);
        is_none
    }

    /// Takes over a text that is a label; notes the fault of one that is not.
    pub(super) fn label(
        &mut self,
        place: &Place<'_>,
        kind: LabelKind,
        text: &str,
    ) -> Option<Arc<str>> {
        let label = checked(kind, text);
        label.map_err(|error| self.push(place, FieldFault::Label(error))).ok()
    }

    /// Notes what is wrong with the instants, as far as they and `now` are known.
    pub(super) fn times(
        &mut self,
        created_at: Option<Instant>,
        last_health_check: Option<Instant>,
        now: Option<Instant>,
    ) {
        let fields = [("created_at", created_at), ("last_health_check", last_health_check)];
        for (field, at) in fields {
            if let (Some(at), Some(now)) = (at, now)
                && at > now
            {
                self.push(&Place::Field(field), FieldFault::Future { at, now });
            }
        }
        if let (Some(created_at), Some(at)) = (created_at, last_health_check)
            && at < created_at
        {
            let fault = FieldFault::BeforeCreation { at, created_at };
            self.push(&Place::Field("last_health_check"), fault);
        }
    }

    /// Returns the error if there was a fault.
    pub(super) fn finish(self) -> Result<(), MetadataError> {
        let Self { fields, more } = self;
        if fields.is_empty() { Ok(()) } else { Err(MetadataError { fields, more }) }
    }
}
