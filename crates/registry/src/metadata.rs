//! What is known of a registered process.

use std::sync::Arc;

use foundation_types::Instant;

use crate::value::Value;

mod audit;
mod builder;
mod error;
mod field;
mod health;
mod kind;
mod labels;
mod pairs;
mod patch;
mod place;
#[cfg(test)]
mod tests;

pub use builder::MetadataBuilder;
pub use error::{FieldError, FieldFault, MetadataError};
pub use health::Health;
pub use kind::Kind;
pub use labels::Labels;
pub use patch::Patch;

use error::Faults;
use pairs::Pairs;

/// What a process registers beside its name. Cloning is cheap.
///
/// | Field | Content |
/// |---|---|
/// | kind | what the process is; an agent unless said |
/// | health | how well it does; healthy unless said |
/// | capabilities | up to 64 labels, sorted, each once |
/// | affinity | up to 16 labels: nodes it prefers, sorted, each once |
/// | resources | up to 32 amounts by name, finite and not below zero |
/// | coordination | up to 64 variables by name that it shares with those it works with |
/// | custom | up to 64 attributes by name, for whatever the application likes |
/// | `created_at`, `last_health_check` | instants on the system's clock, in this order and not in the future |
///
/// A label has 1 to 64 bytes and no white space, control character or slash; a name is a label without a
/// dot. A variable or attribute is a [`Value`] without infinite numbers and NaN, whose maps have names as
/// keys. It is nested at most 8 deep, itself counted, and all values together are at most 1,024.
///
/// The whole carries at most 16 KiB, see [`bytes`](Self::bytes).
///
/// # Examples
///
/// ```
/// use foundation_registry::{FieldFault, Kind, Metadata};
///
/// let metadata = Metadata::builder()
///     .kind(Kind::Service)
///     .capabilities(["text.read", "text.stats"])
///     .resource("memory_mb", 512.0)
///     .affinity("node-1")
///     .custom("owner", "search")
///     .build()?;
/// assert!(metadata.has("text.read"));
/// assert_eq!(metadata.resource("memory_mb"), Some(512.0));
///
/// // Every wrong field is named.
/// let error = Metadata::builder().capability("a b").resource("cpu", f64::NAN).build().unwrap_err();
/// let paths: Vec<_> = error.fields.iter().map(|field| field.path.as_str()).collect();
/// assert_eq!(paths, [r#"capability["a b"]"#, "resources.cpu"]);
/// # Ok::<(), foundation_registry::MetadataError>(())
/// ```
// What changes at each health check stands here and not behind a pointer: setting it copies nothing, and
// processes that were started with one description share the rest. 48 bytes here, and for a process with
// capabilities only one block with their texts. Two options of an instant would make it 64.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    capabilities: Labels,
    /// Most processes have none.
    details: Option<Arc<Details>>,
    /// The origin while not known.
    created_at: Instant,
    /// The origin while not known.
    last_health_check: Instant,
    bytes: u32,
    kind: Kind,
    health: Health,
    has_created_at: bool,
    has_last_health_check: bool,
}

impl Default for Metadata {
    /// Makes the metadata of a healthy agent of which nothing else is known.
    fn default() -> Self {
        Self {
            capabilities: Labels::default(),
            details: None,
            created_at: Instant::ORIGIN,
            last_health_check: Instant::ORIGIN,
            bytes: 0,
            kind: Kind::default(),
            health: Health::default(),
            has_created_at: false,
            has_last_health_check: false,
        }
    }
}

/// Equality is reflexive because no number in metadata is NaN.
impl Eq for Metadata {}

/// What most processes do not say.
#[derive(Debug, PartialEq)]
struct Details {
    resources: Pairs<f64>,
    affinity: Labels,
    coordination: Pairs<Value>,
    custom: Pairs<Value>,
}

impl Metadata {
    /// The capabilities one entry may have. Each costs a row of the index.
    pub const CAPABILITIES_MAX: usize = 64;
    /// The resources one entry may have.
    pub const RESOURCES_MAX: usize = 32;
    /// The nodes one entry may prefer.
    pub const AFFINITY_MAX: usize = 16;
    /// The coordination variables one entry may have, and the custom attributes; those within maps not
    /// counted.
    pub const ATTRIBUTES_MAX: usize = 64;
    /// How deep a variable or attribute may be nested: 1 is a value that is no list or map, or an empty
    /// one.
    pub const NESTING_MAX: usize = 8;
    /// The values of all variables and attributes, lists, maps and what lies within them. It bounds the
    /// memory of what carries few bytes, such as a list of empty lists.
    pub const VALUES_MAX: usize = 1024;
    /// The bytes the whole may carry: enough to describe a process, too little to store its data.
    pub const BYTES_MAX: usize = 16 << 10;

    /// Makes the metadata of a healthy agent with these capabilities; naming one twice is naming it once.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] with every capability that is empty, longer than 64 bytes, or has white space, a
    /// control character or a slash; and past [`Metadata::CAPABILITIES_MAX`].
    pub fn new<'a>(capabilities: impl IntoIterator<Item = &'a str>) -> Result<Self, MetadataError> {
        Self::builder().capabilities(capabilities).build()
    }

    /// Starts metadata that says more.
    pub fn builder() -> MetadataBuilder {
        MetadataBuilder::default()
    }

    /// Starts metadata from what this one says, its instants too.
    pub fn to_builder(&self) -> MetadataBuilder {
        let mut builder = MetadataBuilder {
            kind: self.kind,
            health: self.health,
            capabilities: self.capabilities.to_set(),
            created_at: self.created_at(),
            last_health_check: self.last_health_check(),
            ..MetadataBuilder::default()
        };
        if let Some(details) = self.details() {
            builder.affinity = details.affinity.to_set();
            builder.resources = details.resources.to_map();
            builder.coordination = details.coordination.to_map();
            builder.custom = details.custom.to_map();
        }
        builder
    }

    /// Sets the health.
    #[must_use]
    pub fn with_health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    /// Sets the health as it was found at a moment, which becomes that of the last health check unless
    /// there was a later one; a moment before the creation counts as the creation. Copies nothing.
    #[must_use]
    pub fn with_health_at(mut self, health: Health, at: Instant) -> Self {
        self.health = health;
        self.last_health_check = self.last_health_check.max(self.created_at).max(at);
        self.has_last_health_check = true;
        self
    }

    /// Checks the instants against the clock and sets those that were not given: the last health check to
    /// `now`, the creation to `now` or to a health check that was given. Copies nothing.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] with each instant that lies after `now`, and with a health check before the
    /// creation.
    pub fn checked(mut self, now: Instant) -> Result<Self, MetadataError> {
        let mut faults = Faults::default();
        faults.times(self.created_at(), self.last_health_check(), Some(now));
        faults.finish()?;
        if !self.has_last_health_check {
            self.last_health_check = now;
            self.has_last_health_check = true;
        }
        if !self.has_created_at {
            // Who was looked at was there.
            self.created_at = self.last_health_check;
            self.has_created_at = true;
        }
        Ok(self)
    }

    /// Returns what the process is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the capabilities in the order of their texts.
    pub fn capabilities(&self) -> impl Iterator<Item = &str> {
        self.capabilities.iter()
    }

    /// Tells whether the capability is among them.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Returns the health.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Returns the resources and their amounts in the order of their names.
    pub fn resources(&self) -> impl Iterator<Item = (&str, f64)> {
        let details = self.details().into_iter();
        details.flat_map(|details| details.resources.iter()).map(|(name, amount)| (name, *amount))
    }

    /// Returns how much there is of a resource.
    pub fn resource(&self, name: &str) -> Option<f64> {
        self.details()?.resources.get(name).copied()
    }

    /// Returns the nodes the process prefers, in the order of their texts.
    pub fn affinity(&self) -> impl Iterator<Item = &str> {
        let details = self.details().into_iter();
        details.flat_map(|details| details.affinity.iter())
    }

    /// Returns the coordination variables in the order of their names.
    pub fn coordination(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.details().into_iter().flat_map(|details| details.coordination.iter())
    }

    /// Returns the custom attributes in the order of their names.
    pub fn custom(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.details().into_iter().flat_map(|details| details.custom.iter())
    }

    /// Returns when the process was created. Known of everything that is registered.
    pub fn created_at(&self) -> Option<Instant> {
        self.has_created_at.then_some(self.created_at)
    }

    /// Returns when its health was last looked at. Known of everything that is registered.
    pub fn last_health_check(&self) -> Option<Instant> {
        self.has_last_health_check.then_some(self.last_health_check)
    }

    /// Returns how many bytes it carries: the bytes of all capabilities, nodes, names, keys and texts, 8
    /// for each number (an amount, an integer) and 1 for each bool. Kind, health and instants count
    /// nothing. Found when it was built, at most [`Metadata::BYTES_MAX`].
    pub fn bytes(&self) -> usize {
        // Widening: no target we build for has a usize of 16 bits.
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.capabilities
    }

    fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }
}

impl Details {
    fn is_empty(&self) -> bool {
        let Self { resources, affinity, coordination, custom } = self;
        resources.is_empty() && affinity.is_empty() && coordination.is_empty() && custom.is_empty()
    }
}
