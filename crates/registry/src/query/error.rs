//! Why a query was not accepted.

use std::fmt;

use foundation_types::{Code, coded_errors};

use crate::path::{Path, PathError};

/// Why a query was not built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryError {
    /// A path is none.
    Path(PathError),
    /// A field is compared with something that nothing can equal.
    Value {
        /// The field.
        path: Path,
        /// What it is compared with.
        found: &'static str,
    },
    /// There is too much of something.
    TooLarge {
        /// What there is too much of.
        bound: Bound,
        /// How much there is; of values, the first one too many.
        found: usize,
    },
}

/// What a query may have only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// Bytes of the text, as it is given and as it is printed; at most 4096.
    Bytes,
    /// Comparisons, `in`, `has` and `*`; at most 64.
    Conditions,
    /// Conditions, AND, OR and NOT in one another; at most 16.
    Depth,
    /// Values of one `in`; at most 256.
    Values,
    /// Fields that results are ordered by; at most 8.
    OrderKeys,
}

impl Bound {
    /// The greatest number. Together they keep a query's cost per entry and its place on the stack small,
    /// whoever wrote it.
    pub const fn max(self) -> usize {
        match self {
            Self::Bytes => 4096,
            Self::Conditions => 64,
            Self::Depth => 16,
            Self::Values => 256,
            Self::OrderKeys => 8,
        }
    }

    pub(crate) fn check(self, found: usize) -> Result<(), QueryError> {
        if found > self.max() { Err(QueryError::TooLarge { bound: self, found }) } else { Ok(()) }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Conditions => "conditions",
            Self::Depth => "levels",
            Self::Values => "values in one list",
            Self::OrderKeys => "fields to order by",
        })
    }
}

impl QueryError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::InvalidInput
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(error) => error.fmt(f),
            Self::Value { path, found } => {
                write!(
                    f,
                    "{path} is compared with {found}, and only bools, finite numbers and texts compare"
                )
            }
            Self::TooLarge { bound, found } => {
                let max = bound.max();
                write!(f, "the query has {found} {bound}, at most {max} are allowed")
            }
        }
    }
}

coded_errors! {
    QueryError;
}

impl From<PathError> for QueryError {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}
