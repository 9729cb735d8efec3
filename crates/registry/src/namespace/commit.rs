//! Changing a namespace: everything a commit holds becomes visible at one revision.

use std::sync::Arc;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::atomic::Ordering;
use foundation_types::Pid;
use smallvec::SmallVec;

use super::pressure::Warning;
use super::reclaim::Leftovers;
use super::ring::{Cause, Change};
use super::turn::Turn;
use super::version::{Standing, TermNumbers, Version};
use super::{Key, Namespace, Noted, Writer};
use crate::crash;
use crate::entry::Entry;
use crate::indexed::Attribute;
use crate::patience::{Busy, Patience};
use crate::revision::Revision;

/// The writer's turn. Nothing is visible before [`Commit::publish`]; a commit that is dropped without
/// changes does nothing.
pub(crate) struct Commit<'a> {
    namespace: &'a Namespace,
    writer: Turn<'a>,
    revision: u64,
    changed: bool,
    /// For those who watch; none if nobody does.
    changes: SmallVec<[Change; 1]>,
    leftovers: Leftovers,
}

/// What is left to do after a commit.
#[must_use = "whoever watches is to be woken, and a warning to be given"]
pub(crate) struct Published {
    pub(crate) revision: Revision,
    pub(crate) wakers: Vec<Waker>,
    /// To be given.
    pub(crate) warning: Option<Warning>,
}

/// A change was meant for another owner: this one has the name, or nobody.
pub(crate) struct NotOwner(pub(crate) Option<Pid>);

impl Namespace {
    /// Begins a commit, however long the turn takes to come: for exit hooks, which must free what they free.
    pub(crate) fn begin(&self) -> Commit<'_> {
        Commit::new(self, self.turn())
    }

    /// Begins a commit if the turn comes before patience ends.
    pub(crate) fn begin_within(&self, patience: &mut Patience<'_>) -> Result<Commit<'_>, Busy> {
        Ok(Commit::new(self, self.turn_within(patience)?))
    }
}

impl<'a> Commit<'a> {
    pub(crate) fn new(namespace: &'a Namespace, writer: Turn<'a>) -> Self {
        let revision = namespace.clock.load(Ordering::Relaxed) + 1;
        let (changes, leftovers) = (SmallVec::new(), Leftovers::default());
        Self { namespace, writer, revision, changed: false, changes, leftovers }
    }

    pub(crate) fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// What stands under a name.
    pub(crate) fn find(&self, key: Key<'_>) -> Option<Arc<Version>> {
        self.namespace.ids.find(key.hash, |slot| {
            let newest = self.writer.newest(slot)?;
            (newest.stands() && newest.has(key)).then(|| Arc::clone(newest))
        })
    }

    /// What stands under a name, if `pid` owns it.
    pub(crate) fn find_owned(&self, key: Key<'_>, pid: Pid) -> Result<Arc<Version>, NotOwner> {
        match self.find(key) {
            Some(version) if version.entry.pid == pid => Ok(version),
            found => Err(NotOwner(found.map(|version| version.entry.pid))),
        }
    }

    /// What stands in a slot, if `pid` owns it.
    pub(crate) fn owned_in(&self, slot: u32, pid: Pid) -> Option<Arc<Version>> {
        let newest = self.writer.newest(slot)?;
        (newest.stands() && newest.entry.pid == pid).then(|| Arc::clone(newest))
    }

    /// The slots that the next calls of [`Commit::insert`] will use.
    pub(crate) fn next_slots(&self) -> impl Iterator<Item = u32> {
        let free = self.writer.free.iter().rev().copied();
        free.chain(self.writer.slots()..u32::MAX)
    }

    /// Enters a name that nobody has, and returns its slot.
    pub(crate) fn insert(&mut self, hash: u64, entry: Entry) -> u32 {
        self.writer.is_changing = true;
        let slot = self.writer.free.pop().unwrap_or_else(|| {
            self.writer.slots.push(Noted::default());
            self.writer.slots() - 1
        });
        self.writer.entries += 1;
        crash::point();
        let after = self.link(slot, hash, entry, None);
        let namespace = self.namespace;
        crash::point();
        namespace.ids.insert(&mut self.writer.ids, hash, slot);
        crash::point();
        self.note(None, Some(after), Cause::Registered);
        slot
    }

    /// Puts another entry in the place of one that stands.
    pub(crate) fn update(&mut self, old: &Arc<Version>, entry: Entry, cause: Cause) {
        let after = self.link(old.slot, old.hash(), entry, None);
        self.note(Some(old), Some(after), cause);
    }

    /// As [`Commit::update`], with an entry that carries the very terms of the old one: no index is touched.
    pub(crate) fn renew(&mut self, old: &Arc<Version>, entry: Entry) {
        let after = self.link(old.slot, old.hash(), entry, Some(old.terms.clone()));
        self.note(Some(old), Some(after), Cause::Updated);
    }

    /// Frees a name.
    pub(crate) fn remove(&mut self, old: &Arc<Version>, cause: Cause) {
        self.writer.is_changing = true;
        self.namespace.mark(old.slot, |block| &block.dirty, true);
        self.end(old);
        crash::point();
        self.writer.entries -= 1;
        self.changed = true;
        self.note(Some(old), None, cause);
    }

    fn note(&mut self, before: Option<&Arc<Version>>, after: Option<Arc<Version>>, cause: Cause) {
        if self.namespace.ring.is_watched() {
            let (revision, before) = (self.revision, before.cloned());
            let bytes = before.as_ref().map_or(0, |before| before.entry.bytes());
            self.changes.push(Change { revision, before, after, cause, bytes });
        }
    }

    fn link(
        &mut self,
        slot: u32,
        hash: u64,
        entry: Entry,
        same: Option<TermNumbers>,
    ) -> Arc<Version> {
        let (namespace, begin) = (self.namespace, self.revision);
        self.writer.is_changing = true;
        if fault::planted("registry_published_early") {
            namespace.clock.store(begin, Ordering::Release);
        }
        namespace.mark(slot, |block| &block.dirty, true);
        namespace.mark(slot, |block| &block.taken, true);
        let older = self.writer.newest(slot).cloned();
        let terms = same.unwrap_or_else(|| self.enter_terms(&entry, slot, older.as_deref()));
        self.writer.bytes += entry.bytes();
        crash::point();
        if let Some(older) = older.as_ref().filter(|older| older.stands()) {
            self.end(older);
        }
        let version = Arc::new(Version::new(Standing { begin, slot, hash, terms }, older, entry));
        if let Some(noted) = self.writer.slots.get_mut(slot as usize) {
            noted.newest = Some(Arc::clone(&version));
        }
        crash::point();
        let place = namespace.slots.grow(slot);
        drop(place.map(|place| place.swap(Some(Arc::clone(&version)))));
        self.writer.pend(slot);
        self.leftovers.fresh.push(slot);
        self.changed = true;
        version
    }

    fn end(&mut self, old: &Arc<Version>) {
        old.close(self.revision);
        if !fault::planted("registry_bytes_drift") {
            self.writer.bytes -= old.entry.bytes();
        }
        crash::point();
        self.writer.pend(old.slot);
        self.leftovers.ended.push(Arc::clone(old));
    }

    /// Enters a slot in the terms of what it will hold.
    fn enter_terms(&mut self, entry: &Entry, slot: u32, older: Option<&Version>) -> TermNumbers {
        let (namespace, book) = (self.namespace, &mut self.writer.terms);
        let mut enter = |attribute, value: &str| {
            namespace.terms.enter(book, namespace.term_key(attribute, value), slot)
        };
        let labels = entry.metadata.labels();
        // Who has the same capabilities still stands in their terms.
        let older = older.filter(|older| older.stands());
        let same = older.filter(|older| older.entry.metadata.labels().is_shared_with(labels));
        let mut terms: TermNumbers = match same {
            Some(same) => same.terms.iter().copied().take(labels.len()).collect(),
            None => labels.iter().map(|value| enter(Attribute::Capability, value)).collect(),
        };
        let behind = terms.len();
        namespace.indexed.each(entry, |attribute, value| {
            let number = enter(attribute, value);
            crash::point();
            // A list may have a value twice, and equal ones are one.
            if !terms.iter().skip(behind).any(|entered| *entered == number) {
                terms.push(number);
            }
        });
        terms
    }

    /// Who has a slot when this commit is published.
    pub(crate) fn owner_of(&self, slot: u32) -> Option<Pid> {
        let newest = self.writer.newest(slot).filter(|newest| newest.stands());
        newest.map(|newest| newest.entry.pid)
    }

    /// Makes the changes visible, all at once; then reclaims what it can.
    pub(crate) fn publish(self) -> Published {
        self.publish_then(|| {})
    }

    /// As [`Commit::publish`]; `then` is called in the same turn, when the changes are visible.
    pub(crate) fn publish_then(mut self, then: impl FnOnce()) -> Published {
        if !self.changed {
            let revision = Revision::new(self.revision - 1);
            return Published { revision, wakers: Vec::new(), warning: None };
        }
        let namespace = self.namespace;
        let late = u64::from(fault::planted("registry_published_late"));
        crash::point();
        namespace.clock.store(self.revision - late, Ordering::Release);
        crash::point();
        then();
        crash::point();
        let is_heard = !self.changes.is_empty() && namespace.ring.push(self.changes.drain(..));
        crash::point();
        let leftovers = std::mem::take(&mut self.leftovers);
        let warning = namespace.note_pressure(&self.writer);
        let unlinked = namespace.reclaim(&mut self.writer, leftovers, self.revision);
        crash::point();
        // Last, so that no crash in the turn forgets whom to wake.
        let wakers = if is_heard { namespace.ring.sleepers() } else { Vec::new() };
        let Self { writer, revision, .. } = self;
        let (writer, end) = writer.split();
        drop(writer);
        drop(unlinked);
        drop(end);
        Published { revision: Revision::new(revision), wakers, warning }
    }
}
