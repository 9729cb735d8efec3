//! Pages of what a query found.

use crate::namespace::Registration;
use crate::revision::Revision;

/// What a query found.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Page {
    /// The revision of the namespace of which this is the answer.
    pub revision: Revision,
    /// What matches, in the order of the query.
    pub registrations: Vec<Registration>,
    /// Where the next page begins; none if this is the last. A page of a query with the limit 0 is always the last:
    /// it ends nowhere. Whether there is anything, [`Registry::exists`](crate::Registry::exists) says.
    pub next: Option<Cursor>,
}

/// The end of a page: give it to [`Registry::query_after`](crate::Registry::query_after) with the same query.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    revision: Revision,
    pub(crate) slot: u32,
    pub(crate) last: Registration,
}

impl Cursor {
    /// Returns the revision of the page that it ends.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

impl Page {
    pub(crate) fn of(
        revision: Revision,
        mut found: Vec<Registration>,
        limit: Option<usize>,
    ) -> Self {
        let limit = limit.unwrap_or(usize::MAX);
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|last| Cursor {
            revision,
            slot: last.slot(),
            last: last.clone(),
        });
        Self { revision, registrations: found, next }
    }
}
