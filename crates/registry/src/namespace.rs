//! The list of namespaces.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard};

use crate::error::RegisterError;
use crate::hash::Seed;
use crate::name::Name;
use crate::table::{Key, Table};

/// One namespace. It stays until the registry is dropped.
pub(crate) struct Namespace {
    pub(crate) label: Arc<str>,
    seed: Seed,
    table: Mutex<Table>,
}

impl Namespace {
    /// Prepares a look-up; hashing needs no lock.
    pub(crate) fn key<'a>(&self, id: &'a str) -> Key<'a> {
        Key { id, hash: self.seed.hash_one(id) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }
}

/// All namespaces. Looking one up shares the lock, so those who look up do not wait for each other.
pub(crate) struct Namespaces {
    seed: Seed,
    by_label: RwLock<BTreeMap<Arc<str>, Arc<Namespace>>>,
}

/// The list, which does not change while somebody holds this.
pub(crate) struct List<'a>(RwLockReadGuard<'a, BTreeMap<Arc<str>, Arc<Namespace>>>);

impl Namespaces {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, by_label: RwLock::new(BTreeMap::new()) }
    }

    pub(crate) fn list(&self) -> List<'_> {
        List(self.by_label.read())
    }

    /// Returns the namespace of a name, which is new if there are fewer than `limit`.
    pub(crate) fn get_or_new(
        &self,
        name: &Name,
        limit: usize,
    ) -> Result<Arc<Namespace>, RegisterError> {
        if let Some(namespace) = self.by_label.read().get(name.namespace()) {
            return Ok(Arc::clone(namespace));
        }
        let mut by_label = self.by_label.write();
        // Somebody else may have been faster.
        if let Some(namespace) = by_label.get(name.namespace()) {
            return Ok(Arc::clone(namespace));
        }
        let label = Arc::clone(name.shared_namespace());
        if by_label.len() >= limit {
            return Err(RegisterError::TooManyNamespaces { namespace: label, limit });
        }
        let (seed, table) = (self.seed.clone(), Mutex::new(Table::new(self.seed.clone())));
        let namespace = Arc::new(Namespace { label: Arc::clone(&label), seed, table });
        by_label.insert(label, Arc::clone(&namespace));
        Ok(namespace)
    }
}

impl List<'_> {
    pub(crate) fn get(&self, label: &str) -> Option<&Arc<Namespace>> {
        if fault::planted("registry_namespace_ignored") {
            return self.0.values().next();
        }
        self.0.get(label)
    }

    /// Returns every namespace in the order of labels.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        self.0.values()
    }
}
