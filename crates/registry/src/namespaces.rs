//! The list of namespaces.

use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::{AtomicArc, Loaded, Mutex};

use crate::error::RegisterError;
use crate::hash::Seed;
use crate::name::Name;
use crate::namespace::Namespace;

type ByLabel = BTreeMap<Arc<str>, Arc<Namespace>>;

/// All namespaces. There are few and new ones are rare, so the list is copied for each, and looking one up
/// takes no lock.
pub(crate) struct Namespaces {
    seed: Seed,
    by_label: AtomicArc<ByLabel>,
    /// Held by whoever copies.
    writer: Mutex<()>,
}

/// The list at one moment.
pub(crate) struct List(Loaded<ByLabel>);

impl Namespaces {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, by_label: AtomicArc::default(), writer: Mutex::new(()) }
    }

    pub(crate) fn list(&self) -> List {
        List(self.by_label.load())
    }

    /// Returns the namespace of a name, which is new if there are fewer than `limit`.
    pub(crate) fn get_or_new(
        &self,
        name: &Name,
        limit: usize,
    ) -> Result<Arc<Namespace>, RegisterError> {
        if let Some(namespace) = self.list().get(name.namespace()) {
            return Ok(Arc::clone(namespace));
        }
        let writer = self.writer.lock();
        let list = self.list();
        // Somebody else may have been faster.
        if let Some(namespace) = list.get(name.namespace()) {
            return Ok(Arc::clone(namespace));
        }
        let mut by_label = list.0.as_ref().map(|list| ByLabel::clone(list)).unwrap_or_default();
        let label = Arc::clone(name.shared_namespace());
        if by_label.len() >= limit {
            return Err(RegisterError::TooManyNamespaces { namespace: label, limit });
        }
        let namespace = Arc::new(Namespace::new(Arc::clone(&label), self.seed.clone()));
        by_label.insert(label, Arc::clone(&namespace));
        drop(self.by_label.swap(Some(Arc::new(by_label))));
        drop(writer);
        Ok(namespace)
    }
}

impl List {
    pub(crate) fn get(&self, label: &str) -> Option<&Arc<Namespace>> {
        if fault::planted("registry_namespace_ignored") {
            return self.iter().next();
        }
        self.0.as_ref()?.get(label)
    }

    /// Returns every namespace in the order of labels.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        self.0.iter().flat_map(|list| list.values())
    }
}
