//! The list of namespaces.

use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::{AtomicArc, Loaded, Mutex, MutexGuard};

use crate::hash::Seed;
use crate::namespace::Namespace;

type ByLabel = BTreeMap<Arc<str>, Arc<Namespace>>;

/// All namespaces. There are few and new ones are rare, so the list is copied for each, and looking one up
/// takes no lock.
pub(crate) struct Namespaces {
    seed: Seed,
    len_max: usize,
    changes_max: usize,
    by_label: AtomicArc<ByLabel>,
    /// Held by whoever copies.
    writer: Mutex<()>,
}

/// There are as many namespaces as there may be.
pub(crate) struct TooManyNamespaces(pub(crate) usize);

/// The list at one moment.
pub(crate) struct List(Loaded<ByLabel>);

impl Namespaces {
    pub(crate) fn new(seed: Seed, len_max: usize, changes_max: usize) -> Self {
        let (by_label, writer) = (AtomicArc::default(), Mutex::new(()));
        Self { seed, len_max, changes_max, by_label, writer }
    }

    /// Keeps new namespaces out, for the audit.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.writer.lock()
    }

    pub(crate) fn list(&self) -> List {
        List(self.by_label.load())
    }

    /// Returns the namespace with a label, which is new if there are fewer than there may be.
    pub(crate) fn get_or_new(&self, label: &Arc<str>) -> Result<Arc<Namespace>, TooManyNamespaces> {
        if let Some(namespace) = self.list().get(label) {
            return Ok(Arc::clone(namespace));
        }
        let writer = self.writer.lock();
        let list = self.list();
        // Somebody else may have been faster.
        if let Some(namespace) = list.get(label) {
            return Ok(Arc::clone(namespace));
        }
        let mut by_label = list.0.as_ref().map(|list| ByLabel::clone(list)).unwrap_or_default();
        if by_label.len() >= self.len_max {
            return Err(TooManyNamespaces(self.len_max));
        }
        let namespace = Namespace::new(Arc::clone(label), self.seed.clone(), self.changes_max);
        let namespace = Arc::new(namespace);
        by_label.insert(Arc::clone(label), Arc::clone(&namespace));
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
