//! Changing a namespace: everything a commit holds becomes visible at one revision.

use std::sync::Arc;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::MutexGuard;
use foundation_env::sync::atomic::Ordering;
use foundation_types::Pid;
use smallvec::SmallVec;

use super::reclaim::Leftovers;
use super::ring::{Cause, Change};
use super::version::{Standing, TermNumbers, Version};
use super::{Key, Namespace, Noted, Writer};
use crate::entry::Entry;
use crate::indexed::{Attribute, Index};
use crate::revision::Revision;
use crate::value::Scalar;

/// The writer's turn. Nothing is visible before [`Commit::publish`]; a commit that is dropped without
/// changes does nothing.
pub(crate) struct Commit<'a> {
    namespace: &'a Namespace,
    writer: MutexGuard<'a, Writer>,
    revision: u64,
    changed: bool,
    /// For those who watch; none if nobody does.
    changes: SmallVec<[Change; 1]>,
    leftovers: Leftovers,
}

/// What is left to do after a commit.
#[must_use = "whoever watches is to be woken"]
pub(crate) struct Published {
    pub(crate) revision: Revision,
    pub(crate) wakers: Vec<Waker>,
}

/// A change was meant for another owner: this one has the name, or nobody.
pub(crate) struct NotOwner(pub(crate) Option<Pid>);

impl Namespace {
    pub(crate) fn begin(&self) -> Commit<'_> {
        let writer = self.writer.lock();
        let revision = self.clock.load(Ordering::Relaxed) + 1;
        Commit {
            namespace: self,
            writer,
            revision,
            changed: false,
            changes: SmallVec::new(),
            leftovers: Leftovers::default(),
        }
    }
}

impl Commit<'_> {
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
        let slot = self.writer.free.pop().unwrap_or_else(|| {
            self.writer.slots.push(Noted::default());
            self.writer.slots() - 1
        });
        self.writer.entries += 1;
        let after = self.link(slot, hash, entry);
        let namespace = self.namespace;
        namespace.ids.insert(&mut self.writer.ids, hash, slot);
        self.note(None, Some(after), Cause::Registered);
        slot
    }

    /// Puts another entry in the place of one that stands.
    pub(crate) fn update(&mut self, old: &Arc<Version>, entry: Entry, cause: Cause) {
        let after = self.link(old.slot, old.hash(), entry);
        self.note(Some(old), Some(after), cause);
    }

    /// Frees a name.
    pub(crate) fn remove(&mut self, old: &Arc<Version>, cause: Cause) {
        self.namespace.mark(old.slot, |block| &block.dirty, true);
        self.end(old);
        self.writer.entries -= 1;
        self.changed = true;
        self.note(Some(old), None, cause);
    }

    fn note(&mut self, before: Option<&Arc<Version>>, after: Option<Arc<Version>>, cause: Cause) {
        if self.namespace.ring.is_watched() {
            let (revision, before) = (self.revision, before.cloned());
            self.changes.push(Change { revision, before, after, cause });
        }
    }

    fn link(&mut self, slot: u32, hash: u64, entry: Entry) -> Arc<Version> {
        let (namespace, begin) = (self.namespace, self.revision);
        if fault::planted("registry_published_early") {
            namespace.clock.store(begin, Ordering::Release);
        }
        namespace.mark(slot, |block| &block.dirty, true);
        namespace.mark(slot, |block| &block.taken, true);
        let older = self.writer.newest(slot).cloned();
        let terms = self.enter_terms(&entry, slot, older.as_deref());
        self.writer.bytes += entry.bytes();
        if let Some(older) = older.as_ref().filter(|older| older.stands()) {
            self.end(older);
        }
        let version = Arc::new(Version::new(Standing { begin, slot, hash, terms }, older, entry));
        if let Some(noted) = self.writer.slots.get_mut(slot as usize) {
            noted.newest = Some(Arc::clone(&version));
        }
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
        terms.push(enter(Attribute::Health, entry.metadata.health().as_str()));
        terms.push(enter(Attribute::Kind, entry.metadata.kind().as_str()));
        let node = Scalar::Integer(entry.pid.node().get().into());
        terms.extend(Index::Node.term(node, &mut enter));
        let fixed = terms.len();
        namespace.indexed.each(entry, |attribute, value| {
            let number = enter(attribute, value);
            // A list may have a value twice, and equal ones are one.
            if !terms.iter().skip(fixed).any(|entered| *entered == number) {
                terms.push(number);
            }
        });
        terms
    }

    /// Makes the changes visible, all at once; then reclaims what it can.
    pub(crate) fn publish(mut self) -> Published {
        if !self.changed {
            return Published { revision: Revision::new(self.revision - 1), wakers: Vec::new() };
        }
        let namespace = self.namespace;
        namespace.clock.store(self.revision, Ordering::Release);
        let wakers = if self.changes.is_empty() {
            Vec::new()
        } else {
            namespace.ring.push(self.changes.drain(..), &namespace.bounds)
        };
        let leftovers = std::mem::take(&mut self.leftovers);
        let unlinked = namespace.reclaim(&mut self.writer, leftovers, self.revision);
        let Self { writer, revision, .. } = self;
        drop(writer);
        drop(unlinked);
        namespace.reclaim_abandoned();
        Published { revision: Revision::new(revision), wakers }
    }
}
