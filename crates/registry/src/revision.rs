//! The moments of a namespace.

use std::fmt;

/// A moment in the life of a namespace: each change makes a greater one, and readers see the changes of a
/// moment all or none. Those of different namespaces cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(u64);

impl Revision {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns its number, for logs and cursors.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
