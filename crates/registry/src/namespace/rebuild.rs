//! Building a namespace anew after a writer has crashed in its turn.
//!
//! A panic in the middle of a commit, or of reclaiming, is a mistake of the registry's own: no code of a user runs
//! there. It may leave every table half changed. Nobody who reads notices: the revision is published last. The
//! namespace is built anew before the writer's turn ends, so nobody who writes, or dies, notices either.
//!
//! What is true is the newest published revision of the slots' versions, and which processes live. Everything else
//! follows from that:
//!
//! * versions that were never published are taken back, and those that they would have ended stand again;
//! * owner rows are made to agree with what stands ([`Keeper`]); who cannot own anything any more loses it now;
//! * names, terms, counts and the queues of reclaiming are made from the versions that are left.
//!
//! Versions stay what and where they are, so readers go on meanwhile. They find as many slots as before and some too
//! many: all slots are dirty, until those who read now have gone. Whoever watches is told that changes are missing,
//! since some may be.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::atomic::Ordering;

use super::ended::Ended;
use super::version::Version;
use super::{Namespace, Noted, Warning, Writer};
use crate::crash;
use crate::entry::Entry;
use crate::indexed::Attribute;

/// Who knows the owners of what stands in a namespace.
pub(crate) trait Keeper: Send + Sync {
    /// Makes the owner rows agree with what stands, and returns what nobody can own any more. The caller has the
    /// writer's turn.
    fn reconcile(&self, namespace: &Namespace, standing: &[Arc<Version>]) -> Vec<Arc<Version>>;

    /// A namespace was built anew. Nothing is locked.
    fn report(&self, namespace: &Namespace, aftermath: Aftermath);
}

/// What is left to do after a rebuild.
pub(crate) struct Aftermath {
    /// Those who watch.
    pub(crate) wakers: Vec<Waker>,
    /// To be given.
    pub(crate) warning: Option<Warning>,
    /// Entries that stand.
    pub(crate) entries: usize,
    /// Entries that nobody can own any more.
    pub(crate) freed: usize,
}

impl Namespace {
    /// Builds it anew although nothing has crashed.
    pub(crate) fn rebuild_now(&self) {
        let mut turn = self.turn();
        turn.aftermath = Some(Box::new(self.rebuild(&mut turn)));
        // The next turn tells of it.
        drop(turn);
        drop(self.turn());
    }

    /// Calls `f` with each term of an entry, in the order in which its version notes them; with one perhaps twice.
    pub(super) fn each_term(&self, entry: &Entry, mut f: impl FnMut(Attribute, &str)) {
        entry.metadata.capabilities().for_each(|value| f(Attribute::Capability, value));
        self.indexed.each(entry, f);
    }

    /// See the module text. In the writer's turn.
    #[cold]
    pub(super) fn rebuild(&self, writer: &mut Writer) -> Aftermath {
        let published = self.clock.load(Ordering::Relaxed);
        let next = published + 1;
        for slot in 0..writer.slots() {
            self.mark(slot, |block| &block.dirty, true);
            self.take_back(slot, published);
        }
        crash::point();
        let standing = self.standing(writer);
        let keeper = self.keeper.as_ref();
        let freed = keeper.map_or_else(Vec::new, |keeper| keeper.reconcile(self, &standing));
        for version in &freed {
            version.close(next);
        }
        let mut versions = Vec::new();
        for slot in 0..writer.slots() {
            versions.extend(self.chain(slot));
        }
        crash::point();
        self.refill(writer, &versions, next);
        crash::point();
        self.clock.store(next, Ordering::Release);
        drop(self.reclaim_waiting(writer));
        let warning = self.note_pressure(writer);
        self.ring.lose_all();
        writer.rebuilt += 1;
        (writer.is_changing, writer.is_torn) = (false, false);
        let wakers = self.ring.sleepers();
        Aftermath { wakers, warning, entries: writer.entries, freed: freed.len() }
    }

    /// Makes the newest version of a slot one that was published, with the end that was published.
    fn take_back(&self, slot: u32, published: u64) {
        let Some(place) = self.slots.get(slot) else { return };
        let newest = place.load().into_arc();
        let was_published = |version: &Arc<Version>| version.begin() <= published;
        let mut chain = std::iter::successors(newest, |version| version.older()).peekable();
        if chain.peek().is_none_or(was_published) {
            chain.next().inspect(|newest| newest.reopen(published));
            return;
        }
        if fault::planted("registry_rebuild_keeps_unpublished") {
            return;
        }
        let kept = chain.find(was_published).inspect(|kept| kept.reopen(published));
        drop(place.swap(kept));
    }

    /// Makes everything that follows from the versions.
    fn refill(&self, writer: &mut Writer, versions: &[Arc<Version>], settled_by: u64) {
        let slots = writer.slots();
        let noted = |slot| {
            let newest = self.slots.get(slot).and_then(|place| place.load().into_arc());
            self.mark(slot, |block| &block.taken, newest.is_some());
            Noted { newest, pending: 1 }
        };
        writer.slots = (0..slots).map(noted).collect();
        writer.free.clear();
        writer.settling = (0..slots).map(|slot| (settled_by, slot)).collect::<VecDeque<_>>();
        let (standing, mut ended): (Vec<_>, Vec<_>) =
            versions.iter().cloned().partition(|version| version.stands());
        (writer.entries, writer.bytes) =
            (standing.len(), standing.iter().map(|version| version.entry.bytes()).sum());
        ended.sort_by_key(|version| version.end());
        writer.ended = Ended::default();
        for version in ended {
            writer.pend(version.slot);
            writer.ended.push(version);
        }
        let newest = writer.slots.iter().filter_map(|noted| noted.newest.as_ref());
        let ids: Vec<_> = newest.map(|newest| (newest.hash(), newest.slot)).collect();
        self.ids.refill(&mut writer.ids, &ids);
        crash::point();
        let mut carried = Vec::new();
        for version in versions {
            let (mut terms, mut seen) = (version.terms.iter(), BTreeSet::new());
            self.each_term(&version.entry, |attribute, value| {
                if seen.insert((attribute, value.to_owned()))
                    && let Some(number) = terms.next()
                {
                    carried.push((*number, attribute, value.to_owned(), version.slot));
                }
            });
        }
        let carried = carried.iter().map(|(number, attribute, value, slot)| {
            (*number, self.term_key(*attribute, value), *slot)
        });
        self.terms.refill(&mut writer.terms, carried);
    }
}
