//! The children of a supervisor by its own number for each.

use std::collections::BTreeMap;

use crate::steps::Steps;

/// Children in the order in which they were added. Each access counts how many it looks at, and there
/// is no other, so that a restart that goes through all of them is seen.
pub(crate) struct Table<C> {
    children: BTreeMap<u64, C>,
    next: u64,
    steps: Steps,
}

impl<C> Default for Table<C> {
    fn default() -> Self {
        Self { children: BTreeMap::new(), next: 0, steps: Steps::default() }
    }
}

impl<C> Table<C> {
    /// A number that grows with each call and is never used again.
    pub(crate) fn next_key(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn insert(&mut self, key: u64, child: C) {
        self.steps.step();
        self.children.insert(key, child);
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<C> {
        self.steps.step();
        self.children.remove(&key)
    }

    pub(crate) fn get(&self, key: u64) -> Option<&C> {
        self.steps.step();
        self.children.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut C> {
        self.steps.step();
        self.children.get_mut(&key)
    }

    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// All from this number on, in order.
    pub(crate) fn from(&self, key: u64) -> impl DoubleEndedIterator<Item = (u64, &C)> {
        let counted = |(key, child): (&u64, _)| {
            self.steps.step();
            (*key, child)
        };
        self.children.range(key..).map(counted)
    }

    /// All in order.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = (u64, &C)> {
        self.from(0)
    }

    #[cfg(test)]
    pub(crate) fn steps(&self) -> Steps {
        self.steps.clone()
    }
}

#[cfg(test)]
mod tests;
