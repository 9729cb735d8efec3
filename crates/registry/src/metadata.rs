//! What is known of a registered process.

use std::collections::BTreeSet;
use std::sync::Arc;

use foundation_types::{Instant, Pid};

use crate::label::{LabelError, LabelKind, checked};
use crate::name::Name;

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

/// What a process registers beside its name. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    capabilities: Arc<BTreeSet<Arc<str>>>,
    health: Health,
}

/// Why metadata was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A capability breaks a rule.
    #[error("capability {text:?} is not acceptable")]
    Capability {
        /// The text, cut at the greatest length of a capability.
        text: String,
        /// The rule.
        source: LabelError,
    },
    /// There are more than [`Metadata::CAPABILITIES_MAX`] capabilities.
    #[error("a process offers at most {max} capabilities", max = Metadata::CAPABILITIES_MAX)]
    TooManyCapabilities,
}

impl Health {
    /// Returns the text that queries know it by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl Metadata {
    /// The capabilities one entry may have. Each costs a row of the index.
    pub const CAPABILITIES_MAX: usize = 64;

    /// Makes the metadata of a healthy process with these capabilities; naming one twice is naming it
    /// once.
    ///
    /// # Errors
    ///
    /// `Capability` when one is empty, longer than 64 bytes, or has white space, a control character or
    /// a slash; `TooManyCapabilities` past [`Metadata::CAPABILITIES_MAX`].
    pub fn new<'a>(capabilities: impl IntoIterator<Item = &'a str>) -> Result<Self, MetadataError> {
        let mut set = BTreeSet::new();
        for text in capabilities {
            let capability = checked(LabelKind::Capability, text).map_err(|source| {
                let end = text.floor_char_boundary(LabelKind::Capability.bytes_max());
                let text = text.get(..end).unwrap_or_default().to_owned();
                MetadataError::Capability { text, source }
            })?;
            set.insert(capability);
            if set.len() > Self::CAPABILITIES_MAX {
                return Err(MetadataError::TooManyCapabilities);
            }
        }
        Ok(Self { capabilities: Arc::new(set), health: Health::Healthy })
    }

    /// Sets the health.
    #[must_use]
    pub fn with_health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    /// Returns the capabilities in the order of their texts.
    pub fn capabilities(&self) -> impl Iterator<Item = &str> {
        self.capabilities.iter().map(AsRef::as_ref)
    }

    /// Tells whether the capability is among them.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Returns the health.
    pub fn health(&self) -> Health {
        self.health
    }

    pub(crate) fn shared_capabilities(&self) -> &Arc<BTreeSet<Arc<str>>> {
        &self.capabilities
    }
}

/// A registration as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// The process that has it.
    pub pid: Pid,
    /// What the process can do, and how well.
    pub metadata: Metadata,
    /// When it was registered, on the system's clock.
    pub registered_at: Instant,
    /// When its metadata last changed, on the system's clock.
    pub updated_at: Instant,
}
