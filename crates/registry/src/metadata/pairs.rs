//! Values by name, in little room.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A map that does not change: one block, sorted by name. A tree has room for eleven pairs at least, and
/// most processes have a few.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pairs<V>(Box<[(Arc<str>, V)]>);

impl<V> Pairs<V> {
    pub(super) fn get(&self, name: &str) -> Option<&V> {
        let at = self.0.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn to_map(&self) -> BTreeMap<Arc<str>, V>
    where
        V: Clone,
    {
        self.0.iter().cloned().collect()
    }
}

impl<V> From<BTreeMap<Arc<str>, V>> for Pairs<V> {
    fn from(map: BTreeMap<Arc<str>, V>) -> Self {
        Self(map.into_iter().collect())
    }
}
