//! Changing a namespace: everything a commit holds becomes visible at one revision.

use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::MutexGuard;
use foundation_env::sync::atomic::Ordering;
use foundation_types::Pid;

use super::version::{Standing, TermNumbers, Version};
use super::{Attribute, Key, Namespace, Noted, Writer};
use crate::metadata::Entry;
use crate::revision::Revision;

/// The writer's turn. Nothing is visible before [`Commit::publish`]; a commit that is dropped without
/// changes does nothing.
pub(crate) struct Commit<'a> {
    namespace: &'a Namespace,
    writer: MutexGuard<'a, Writer>,
    revision: u64,
    changed: bool,
}

/// A change was meant for another owner: this one has the name, or nobody.
pub(crate) struct NotOwner(pub(crate) Option<Pid>);

impl Namespace {
    pub(crate) fn begin(&self) -> Commit<'_> {
        let writer = self.writer.lock();
        let revision = self.clock.load(Ordering::Relaxed) + 1;
        Commit { namespace: self, writer, revision, changed: false }
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
            (newest.stands() && newest.entry.name.local_id() == key.id).then(|| Arc::clone(newest))
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

    /// The slot that [`Commit::insert`] will use next.
    pub(crate) fn next_slot(&self) -> u32 {
        self.writer.free.last().copied().unwrap_or_else(|| self.writer.slots())
    }

    /// Enters a name that nobody has.
    pub(crate) fn insert(&mut self, hash: u64, entry: Entry) {
        let slot = self.next_slot();
        if self.writer.free.pop().is_none() {
            self.writer.slots.push(Noted::default());
        }
        self.writer.entries += 1;
        self.link(slot, hash, entry);
        let namespace = self.namespace;
        namespace.ids.insert(&mut self.writer.ids, hash, slot);
    }

    /// Puts another entry in the place of one that stands.
    pub(crate) fn update(&mut self, old: &Arc<Version>, entry: Entry) {
        self.link(old.slot, old.hash, entry);
    }

    /// Frees a name.
    pub(crate) fn remove(&mut self, old: &Arc<Version>) {
        self.namespace.mark(old.slot, |block| &block.dirty, true);
        self.end(old);
        self.writer.entries -= 1;
        self.changed = true;
    }

    fn link(&mut self, slot: u32, hash: u64, entry: Entry) {
        let (namespace, begin) = (self.namespace, self.revision);
        let Some(place) = namespace.slots.grow(slot) else { return };
        if fault::planted("registry_published_early") {
            namespace.clock.store(begin, Ordering::Release);
        }
        namespace.mark(slot, |block| &block.dirty, true);
        namespace.mark(slot, |block| &block.taken, true);
        let terms = self.enter_terms(&entry, slot);
        let older = self.writer.newest(slot).cloned();
        if let Some(older) = older.as_ref().filter(|older| older.stands()) {
            self.end(older);
        }
        let version = Arc::new(Version::new(Standing { begin, slot, hash, terms }, older, entry));
        if let Some(noted) = self.writer.slots.get_mut(slot as usize) {
            noted.newest = Some(Arc::clone(&version));
        }
        drop(place.swap(Some(version)));
        self.writer.pend(slot);
        self.writer.settling.push_back((begin, slot));
        self.changed = true;
    }

    fn end(&mut self, old: &Arc<Version>) {
        old.close(self.revision);
        self.writer.pend(old.slot);
        self.writer.ended.push_back(Arc::clone(old));
    }

    fn enter_terms(&mut self, entry: &Entry, slot: u32) -> TermNumbers {
        let (namespace, book) = (self.namespace, &mut self.writer.terms);
        let mut enter = |attribute, value: &str, shared: &dyn Fn() -> Arc<str>| {
            let key = namespace.term_key(attribute, value);
            namespace.terms.enter(book, key, slot, shared)
        };
        let capabilities = entry.metadata.shared_capabilities().iter();
        let mut terms: TermNumbers = capabilities
            .map(|value| enter(Attribute::Capability, value, &|| Arc::clone(value)))
            .collect();
        let health = entry.metadata.health().as_str();
        terms.push(enter(Attribute::Health, health, &|| Arc::from(health)));
        terms
    }

    /// Makes the changes visible, all at once, and returns the revision; then reclaims what it can.
    pub(crate) fn publish(mut self) -> Revision {
        if !self.changed {
            return Revision::new(self.revision - 1);
        }
        self.namespace.clock.store(self.revision, Ordering::Release);
        let unlinked = self.namespace.reclaim(&mut self.writer);
        let Self { writer, revision, .. } = self;
        drop(writer);
        drop(unlinked);
        Revision::new(revision)
    }
}
