//! How well a process does.

use std::fmt;
use std::str::FromStr;

use super::error::{FieldFault, MetadataError};

/// Tells how well a process can do its work, as it or its watchers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Health {
    /// It can do all of it.
    #[default]
    Healthy,
    /// It can do it less well: slower, or a part only.
    Degraded,
    /// It cannot.
    Unhealthy,
}

impl Health {
    /// Every health, the best first.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Degraded, Self::Unhealthy];

    /// Returns its text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Health {
    type Err = MetadataError;

    /// Reads the text form; any other text is `Unknown` at the path `health`.
    fn from_str(text: &str) -> Result<Self, MetadataError> {
        let known = "healthy, degraded, unhealthy";
        let found = Self::ALL.into_iter().find(|health| health.as_str() == text);
        found.ok_or_else(|| MetadataError::one("health", FieldFault::unknown(text, known)))
    }
}
