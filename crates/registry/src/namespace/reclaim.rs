//! Taking back what no reader reads any more; see the module text of `namespace`.

use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::atomic::{Ordering, fence};

use super::version::{TermNumbers, Version};
use super::{Namespace, Unlinked, Writer};

/// Versions that wait for readers; past them the oldest readers are told that their snapshot has expired.
const WAITING_MAX: usize = 1 << 16;

impl Namespace {
    /// Takes back what no reader reads, and returns the versions that are to be dropped without the lock.
    /// Called with the writer's lock, after the newest revision was published. The second step for what it unlinks is left to the next call: another commit, or a reader.
    pub(super) fn reclaim(&self, writer: &mut Writer) -> Unlinked {
        if writer.ended.len() > WAITING_MAX {
            self.pins.expire(self.clock.load(Ordering::Relaxed));
        }
        let oldest = self.oldest_read();
        self.settle(writer, oldest);
        if self.unlink_ended(writer, oldest) {
            // Whoever has read what was just taken out has pinned an earlier revision than this.
            self.clock.store(self.clock.load(Ordering::Relaxed) + 1, Ordering::Release);
        }
        let waits = !writer.ended.is_empty() || !writer.settling.is_empty();
        if waits != self.waiting.load(Ordering::Relaxed) {
            self.waiting.store(waits, Ordering::Release);
        }
        std::mem::take(&mut writer.unlinked)
    }

    /// Takes back everything that can be, also by a second step.
    pub(super) fn reclaim_all(&self, writer: &mut Writer) -> Unlinked {
        let mut unlinked = self.reclaim(writer);
        unlinked.append(&mut self.reclaim(writer));
        unlinked
    }

    /// For a reader that has gone: takes back what waited for it, unless a writer is at work, who does it.
    pub(super) fn reclaim_after_reading(&self) {
        // SeqCst: between going and this look, as between a publication and a look at the readers.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Acquire)
            && let Some(mut writer) = self.writer.try_lock()
        {
            let unlinked = self.reclaim_all(&mut writer);
            drop(writer);
            drop(unlinked);
        }
    }

    /// The oldest revision that somebody reads or may come to read.
    fn oldest_read(&self) -> u64 {
        self.pins.oldest().min(self.clock.load(Ordering::Relaxed))
    }

    /// The first step. Returns whether there was anything.
    fn unlink_ended(&self, writer: &mut Writer, oldest: u64) -> bool {
        let oldest =
            if fault::planted("registry_bit_cleared_under_pin") { u64::MAX } else { oldest };
        let mut unlinked = false;
        while let Some(version) = writer.ended.pop_front_if(|version| version.end() <= oldest) {
            self.unlink(writer, &version);
            let settled_by = self.clock.load(Ordering::Relaxed) + 1;
            writer.settling.push_back((settled_by, version.slot));
            writer.unlinked.push(version);
            unlinked = true;
        }
        unlinked
    }

    fn unlink(&self, writer: &mut Writer, version: &Arc<Version>) {
        let newest = writer.newest(version.slot).cloned();
        let mut remaining = newest.filter(|newest| !Arc::ptr_eq(newest, version));
        if let Some(newest) = &remaining {
            // Those of a slot end oldest first, so this is the last of its chain.
            let mut last = Arc::clone(newest);
            while let Some(older) = last.older().filter(|older| !Arc::ptr_eq(older, version)) {
                last = older;
            }
            drop(last.forget_older());
        } else {
            if let Some(noted) = writer.slots.get_mut(version.slot as usize) {
                noted.newest = None;
            }
            drop(self.slots.get(version.slot).map(|place| place.swap(None)));
            self.mark(version.slot, |block| &block.taken, false);
            self.ids.remove(&mut writer.ids, version.hash, version.slot);
        }
        if fault::planted("registry_index_row_left") {
            return;
        }
        let mut kept = TermNumbers::new();
        while let Some(version) = remaining {
            kept.extend_from_slice(&version.terms);
            remaining = version.older();
        }
        for term in &version.terms {
            let forgets = fault::planted("registry_bit_cleared_although_carried");
            if forgets || !kept.contains(term) {
                self.terms.leave(&mut writer.terms, *term, version.slot);
            }
        }
    }

    /// The second step.
    fn settle(&self, writer: &mut Writer, oldest: u64) {
        let oldest =
            if fault::planted("registry_slot_reused_under_pin") { u64::MAX } else { oldest };
        while let Some((_, slot)) = writer.settling.pop_front_if(|(by, _)| *by <= oldest) {
            let Some(noted) = writer.slots.get_mut(slot as usize) else { continue };
            // One for the settling, and one for the end of a version that led to it: both are over.
            noted.pending -= 1;
            if noted.pending > 0 {
                continue;
            }
            self.mark(slot, |block| &block.dirty, false);
            if noted.newest.is_none() {
                writer.free.push(slot);
            }
        }
    }
}
