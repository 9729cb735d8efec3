//! Making a registry of other than the default settings.

use foundation_process::System;

use crate::error::IndexError;
use crate::indexed::Indexed;
use crate::path::Path;
use crate::registry::{Limits, Registry};

/// Settings of a registry in the making; made by [`Registry::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RegistryBuilder {
    system: System,
    limits: Limits,
    indexed: Result<Vec<Path>, IndexError>,
}

impl Registry {
    /// Begins a registry of a system, with default limits and no more indexes than there always are: of `capability`,
    /// `health`, `type` and `node`.
    ///
    /// # Examples
    ///
    /// ```
    /// use foundation_process::System;
    /// use foundation_registry::{Query, Registry};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let registry = Registry::builder(System::current()).index("custom.team").build()?;
    /// let query: Query = "custom.team in (red, 7) load<0.5".parse()?;
    /// assert_eq!(registry.count("agents", &query), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(system: System) -> RegistryBuilder {
        RegistryBuilder { system, limits: Limits::default(), indexed: Ok(Vec::new()) }
    }

    /// Returns the paths of all fields that are indexed, as a query writes them: those that always are, and those
    /// that were asked for, in this order.
    pub fn indexed(&self) -> Vec<String> {
        self.shared().indexed().paths().collect()
    }
}

impl RegistryBuilder {
    /// Sets the limits.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Indexes a field, in every namespace: `custom.NAME`, `coordination.NAME`, `resources.NAME`, `affinity`, or `NAME`
    /// for what queries call so. At most 16.
    ///
    /// A query that asks whether the field equals a value, or one of some, by this path, then looks only at those
    /// who have it; `has`, `<` and the like still ask everybody. A list is found by each of its values, of which it
    /// may have 64: who has more is not registered. Every change of an entry that has the field costs a little
    /// more.
    pub fn index(self, path: &str) -> Self {
        let indexed = self.indexed.and_then(|mut indexed| {
            indexed.push(Path::new(path)?);
            Ok(indexed)
        });
        Self { indexed, ..self }
    }

    /// Makes the registry.
    ///
    /// # Errors
    ///
    /// [`IndexError`]: the first path that is none, one that leads to nothing to index, or too many of them.
    pub fn build(self) -> Result<Registry, IndexError> {
        let indexed = Indexed::new(self.indexed?)?;
        Ok(Registry::with_indexes(self.system, self.limits, indexed))
    }
}
