//! Taking back what no reader reads any more; see the module text of `namespace`.

use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::atomic::{Ordering, fence};
use smallvec::SmallVec;

use super::version::{TermNumbers, Version};
use super::{Namespace, Unlinked, Writer};
use crate::crash;

/// What a commit leaves to be reclaimed.
#[derive(Default)]
pub(super) struct Leftovers {
    /// Versions that it ended.
    pub(super) ended: SmallVec<[Arc<Version>; 1]>,
    /// Slots to which it gave a version.
    pub(super) fresh: SmallVec<[u32; 1]>,
}

impl Namespace {
    /// Takes back what no reader reads, of what a commit leaves and of what waits since earlier ones, and
    /// returns the versions that are to be dropped without the lock. Called with the writer's lock, after the
    /// revision of the commit was published. What has to wait is queued; if nobody reads, nothing has.
    pub(super) fn reclaim(
        &self,
        writer: &mut Writer,
        leftovers: Leftovers,
        revision: u64,
    ) -> Unlinked {
        writer.is_changing = true;
        if !writer.ended.has_room(&leftovers.ended, &self.bounds)
            && !fault::planted("registry_pins_never_expire")
        {
            writer.expired += self.pins.expire(self.clock.load(Ordering::Relaxed));
        }
        let oldest = self.oldest_read();
        self.settle_due(writer, oldest);
        for slot in leftovers.fresh {
            self.settle_by(writer, revision, slot, oldest);
        }
        let all = if fault::planted("registry_bit_cleared_under_pin") { u64::MAX } else { oldest };
        let mut due = Unlinked::new();
        while let Some(version) = writer.ended.pop_until(all) {
            due.push(version);
        }
        for version in leftovers.ended {
            if writer.ended.is_empty() && version.end() <= all {
                due.push(version);
            } else {
                writer.ended.push(version);
            }
        }
        // Those of a slot together, so that its chain is walked once; oldest first, as before.
        due.sort_by_key(|version| version.slot);
        for versions in due.chunk_by(|a, b| a.slot == b.slot) {
            self.unlink(writer, versions);
        }
        if !due.is_empty() {
            // Whoever has read what was just taken out has pinned an earlier revision than this.
            let settled_by = self.clock.load(Ordering::Relaxed) + 1;
            self.clock.store(settled_by, Ordering::Release);
            let oldest = self.oldest_read();
            for version in &due {
                self.settle_by(writer, settled_by, version.slot, oldest);
            }
        }
        let settles = writer.settling.front().map(|(by, _)| *by);
        let waits_for =
            writer.ended.oldest_end().into_iter().chain(settles).min().unwrap_or(u64::MAX);
        if waits_for != self.waits_for.load(Ordering::Relaxed) {
            self.waits_for.store(waits_for, Ordering::Release);
        }
        writer.is_changing = false;
        due
    }

    /// Takes back what waits, as far as it need not wait any longer.
    pub(super) fn reclaim_waiting(&self, writer: &mut Writer) -> Unlinked {
        self.reclaim(writer, Leftovers::default(), 0)
    }

    /// For a reader that has gone: takes back what waited for it, unless a writer is at work, who looks for that when
    /// it is done.
    pub(super) fn end_reading(&self) {
        // SeqCst: between going and this look, as between a publication and a look at the readers.
        fence(Ordering::SeqCst);
        if self.is_waiting() {
            self.contained(|| {
                if self.reclaim_abandoned() {
                    self.settle_up();
                }
            });
        }
    }

    /// Takes back what waits, if nobody has the turn; tells whether that was so.
    fn reclaim_now(&self) -> bool {
        let Some(mut turn) = self.try_turn() else { return false };
        let unlinked = self.reclaim_waiting(&mut turn);
        drop(turn);
        drop(unlinked);
        true
    }

    /// For who has let the turn go: takes back what waits for readers that went meanwhile and met a writer at work. Tells
    /// whether it had the turn for that.
    pub(super) fn reclaim_abandoned(&self) -> bool {
        let mut had_the_turn = false;
        loop {
            // SeqCst: between letting the turn go and this look; a reader goes, and then looks at the turn.
            fence(Ordering::SeqCst);
            let waits_for = self.waits_for.load(Ordering::Acquire);
            let is_abandoned = waits_for <= self.oldest_read();
            if !is_abandoned || fault::planted("registry_left_waiting") || !self.reclaim_now() {
                return had_the_turn;
            }
            had_the_turn = true;
        }
    }

    /// Whether something waits for readers.
    pub(super) fn is_waiting(&self) -> bool {
        self.waits_for.load(Ordering::Acquire) != u64::MAX
    }

    /// The oldest revision that somebody reads or may come to read.
    fn oldest_read(&self) -> u64 {
        self.pins.oldest().min(self.clock.load(Ordering::Relaxed))
    }

    /// The first step, for versions of one slot that nobody reads any more, oldest first.
    fn unlink(&self, writer: &mut Writer, versions: &[Arc<Version>]) {
        let Some(last) = versions.last() else { return };
        let slot = last.slot;
        let newest = writer.newest(slot).cloned();
        let chain = std::iter::successors(newest, |version| version.older());
        let (mut kept, mut oldest_kept) = (TermNumbers::new(), None);
        for version in chain.take_while(|version| version.end() > last.end()) {
            for term in &version.terms {
                if !kept.contains(term) {
                    kept.push(*term);
                }
            }
            oldest_kept = Some(version);
        }
        if let Some(oldest_kept) = oldest_kept {
            drop(oldest_kept.forget_older());
        } else {
            if let Some(noted) = writer.slots.get_mut(slot as usize) {
                noted.newest = None;
            }
            drop(self.slots.get(slot).map(|place| place.swap(None)));
            self.mark(slot, |block| &block.taken, false);
        }
        crash::point();
        if fault::planted("registry_index_row_left") {
            return;
        }
        let forgets = fault::planted("registry_bit_cleared_although_carried");
        for term in versions.iter().flat_map(|version| &version.terms) {
            if forgets || !kept.contains(term) {
                self.terms.leave(&mut writer.terms, *term, slot);
            }
        }
        crash::point();
        if writer.newest(slot).is_none() {
            self.ids.remove(&mut writer.ids, last.hash(), slot);
        }
    }

    /// The second step, for a slot whose readers before a revision must go; it is queued if there are any.
    fn settle_by(&self, writer: &mut Writer, by: u64, slot: u32, oldest: u64) {
        let reuses = fault::planted("registry_slot_reused_under_pin");
        if (by <= oldest && writer.settling.is_empty()) || reuses {
            self.settle(writer, slot);
        } else {
            writer.settling.push_back((by, slot));
        }
    }

    /// The second step, for all slots that waited and need not any longer.
    fn settle_due(&self, writer: &mut Writer, oldest: u64) {
        while let Some((_, slot)) = writer.settling.pop_front_if(|(by, _)| *by <= oldest) {
            self.settle(writer, slot);
        }
    }

    fn settle(&self, writer: &mut Writer, slot: u32) {
        let Some(noted) = writer.slots.get_mut(slot as usize) else { return };
        // One for each version that came and each that went: all of them are over.
        crash::point();
        noted.pending -= 1;
        if noted.pending > 0 {
            return;
        }
        self.mark(slot, |block| &block.dirty, false);
        if noted.newest.is_none() {
            writer.free.push(slot);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
