//! What a process is.

use std::fmt;
use std::str::FromStr;

use super::error::{FieldFault, MetadataError};

/// Tells what part a registered process plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Kind {
    /// It does work that is given to it.
    #[default]
    Agent,
    /// It answers others.
    Service,
    /// It makes others work together.
    Coordinator,
    /// It gives out something of which there is not enough.
    ResourceManager,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 4] =
        [Self::Agent, Self::Service, Self::Coordinator, Self::ResourceManager];

    /// Returns its text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Service => "service",
            Self::Coordinator => "coordinator",
            Self::ResourceManager => "resource_manager",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = MetadataError;

    /// Reads the text form; any other text is `Unknown` at the path `type`.
    fn from_str(text: &str) -> Result<Self, MetadataError> {
        let known = "agent, service, coordinator, resource_manager";
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| MetadataError::one("type", FieldFault::unknown(text, known)))
    }
}
