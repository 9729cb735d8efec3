//! Versions: what a slot held, from one revision to another.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use foundation_env::sync::AtomicArc;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use smallvec::SmallVec;

use super::Key;
use crate::entry::Entry;
use crate::revision::Revision;

/// The end of a version that stands.
const OPEN: u64 = u64::MAX;

/// What is known of one registration between two of its changes.
// In this order, so that a look-up, which wants the first two and an entry's name and pid, touches two cache lines
// at most.
#[repr(C)]
pub(crate) struct Version {
    /// The revision at which it came.
    begin: u64,
    /// The revision at which it went.
    end: AtomicU64,
    pub(crate) entry: Entry,
    pub(crate) slot: u32,
    /// Of its name, as much of it as [`Cells`](super::Cells) keep.
    hash: u32,
    /// The numbers of its terms, for the writer.
    pub(crate) terms: TermNumbers,
    /// The version before it in the slot, while somebody may read that; no place for one if there was none.
    older: Option<AtomicArc<Version>>,
}

/// Where a version stands in the namespace, and what it carries.
pub(crate) struct Standing {
    pub(crate) begin: u64,
    pub(crate) slot: u32,
    pub(crate) hash: u64,
    pub(crate) terms: TermNumbers,
}

/// Numbers of terms; of three capabilities, a health and a kind without an allocation.
pub(crate) type TermNumbers = SmallVec<[u32; 6]>;

/// The newest version of a slot; none while it is vacant.
pub(crate) type Slot = AtomicArc<Version>;

impl Version {
    pub(crate) fn new(standing: Standing, older: Option<Arc<Self>>, entry: Entry) -> Self {
        let Standing { begin, slot, hash, terms } = standing;
        let (end, older) = (AtomicU64::new(OPEN), older.map(|older| AtomicArc::new(Some(older))));
        let hash = u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0);
        Self { begin, end, entry, slot, hash, terms, older }
    }

    /// The hash of its name, as far as it matters.
    pub(crate) fn hash(&self) -> u64 {
        u64::from(self.hash)
    }

    /// Whether it is one of this name, which is of the same namespace.
    #[inline]
    pub(crate) fn has(&self, key: Key<'_>) -> bool {
        self.entry.name == *key.name
    }

    /// Whether nothing has changed it yet.
    pub(crate) fn stands(&self) -> bool {
        self.end() == OPEN
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self, revision: u64) {
        self.end.store(revision, Ordering::Release);
    }

    pub(super) fn begin(&self) -> u64 {
        self.begin
    }

    /// Undoes a [`Version::close`] at a revision that was not published.
    pub(super) fn reopen(&self, published: u64) {
        if self.end() > published {
            self.end.store(OPEN, Ordering::Release);
        }
    }

    pub(crate) fn older(&self) -> Option<Arc<Self>> {
        self.older.as_ref()?.load().into_arc()
    }

    /// Forgets the version before it.
    pub(crate) fn forget_older(&self) -> Option<Arc<Self>> {
        self.older.as_ref()?.swap(None)
    }
}

/// One after the other: a chain that waited for a slow reader may be long.
impl Drop for Version {
    fn drop(&mut self) {
        let mut older = self.forget_older();
        while let Some(version) = older {
            older = Arc::into_inner(version).and_then(|version| version.forget_older());
        }
    }
}

/// Lets `f` look at what a slot held at a revision that the caller has pinned, or is about to confirm.
#[inline]
pub(crate) fn with<R>(slot: &Slot, revision: u64, f: impl FnOnce(&Arc<Version>) -> R) -> Option<R> {
    let newest = slot.load();
    let newest = newest.as_ref()?;
    if newest.begin <= revision {
        return (newest.end() > revision).then(|| f(newest));
    }
    let mut version = newest.older()?;
    while version.begin > revision {
        version = version.older()?;
    }
    (version.end() > revision).then(|| f(&version))
}

/// What a slot held at a revision; see [`with`].
#[inline]
pub(crate) fn at(slot: &Slot, revision: u64) -> Option<Arc<Version>> {
    with(slot, revision, Arc::clone)
}

/// A registration as it was at one revision: an [`Entry`] that knows whether it is still the newest.
///
/// Cheap to clone. It keeps no process alive and no name taken.
#[derive(Clone)]
pub struct Registration {
    version: Arc<Version>,
}

impl Registration {
    pub(crate) fn new(version: Arc<Version>) -> Self {
        Self { version }
    }

    pub(crate) fn slot(&self) -> u32 {
        self.version.slot
    }

    /// Returns the revision of its namespace at which this became so.
    pub fn revision(&self) -> Revision {
        Revision::new(self.version.begin)
    }

    /// Tells whether nothing has changed it since: it has the same owner and metadata. True is a
    /// statement about the past.
    pub fn is_current(&self) -> bool {
        self.version.stands()
    }
}

impl Deref for Registration {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.version.entry
    }
}

impl PartialEq for Registration {
    fn eq(&self, other: &Self) -> bool {
        self.revision() == other.revision() && self.version.entry == other.version.entry
    }
}

impl Eq for Registration {}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("revision", &self.revision())
            .field("entry", &self.version.entry)
            .finish()
    }
}
