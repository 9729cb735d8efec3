//! At most one per key and window.
//!
//! A table of slots, each a key and until when it is quiet. A key belongs to one group of eight neighbouring
//! slots, found by its bits. Who comes with a key reads the group without a lock. If the key's window is
//! over, a compare-and-swap from the old end to the new one decides who admits; everybody who loses it is
//! within the window of who won. A key that is in no slot is entered under a lock, which looks again first,
//! so no key ever has two slots. A slot is given to another key by a mark in between (no key), then the end,
//! then the key; who read the old key reads the key again after the end and starts over if it is another.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use foundation_env::{Env, fault};
use foundation_types::Instant;

use crate::metrics::LaneCounter;

/// Slots of one group: two cache lines.
const GROUP: usize = 8;
/// The key of a slot that has none.
const NONE: u64 = 0;

/// Admits at most one per key and window, whatever the number of threads that ask.
///
/// Keys are told apart by 64 bits of a hash: that two of a million keys are taken for one has a probability of
/// about three in a hundred million.
pub struct OncePer {
    env: Env,
    window_ns: u64,
    hasher: foldhash::quality::FixedState,
    slots: Box<[Slot]>,
    /// Held while a key is entered.
    entering: Mutex<()>,
    suppressed: LaneCounter,
    forgotten: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    key: AtomicU64,
    /// The end of its window, in nanoseconds of the clock.
    until: AtomicU64,
}

impl OncePer {
    /// The most keys of one.
    pub const KEYS_MAX: usize = 1 << 24;

    /// Makes one that remembers about `keys` keys (rounded up to a power of two, at least 8 and at most
    /// [`OncePer::KEYS_MAX`]), 16 bytes each. Where more are within their windows, the one whose window ends
    /// first is forgotten, so that it may be admitted again too early, and counted.
    pub fn new(env: Env, window: Duration, keys: usize) -> Self {
        let slots = keys.clamp(GROUP, Self::KEYS_MAX).next_power_of_two();
        let slot = || Slot { key: AtomicU64::new(NONE), until: AtomicU64::new(0) };
        Self {
            env,
            window_ns: u64::try_from(window.as_nanos()).unwrap_or(u64::MAX),
            hasher: foldhash::quality::FixedState::default(),
            slots: (0..slots).map(|_| slot()).collect(),
            entering: Mutex::new(()),
            suppressed: LaneCounter::default(),
            forgotten: AtomicU64::new(0),
        }
    }

    /// Whether this is the first with that key since its last window ended. If it is, a window begins.
    #[inline]
    pub fn admits(&self, key: impl Hash) -> bool {
        let key = self.hasher.hash_one(key).max(1);
        let now = self.env.now();
        let admitted = match self.decide(key, now) {
            Some(admitted) => admitted,
            None => self.enter(key, now),
        };
        if !admitted {
            self.suppressed.add(1);
        }
        admitted
    }

    /// How many were not admitted.
    pub fn suppressed_count(&self) -> u64 {
        self.suppressed.get()
    }

    /// How many keys were forgotten within their window because there were too many.
    pub fn forgotten_count(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    fn group(&self, key: u64) -> &[Slot] {
        let groups = self.slots.len() / GROUP;
        let first = usize::try_from(key >> 32).unwrap_or(0) % groups * GROUP;
        self.slots.get(first..first + GROUP).unwrap_or_default()
    }

    fn end_of_window(&self, now: Instant) -> u64 {
        now.as_nanos().saturating_add(self.window_ns).max(1)
    }

    /// Decides for a key that has a slot.
    #[inline]
    fn decide(&self, key: u64, now: Instant) -> Option<bool> {
        'again: loop {
            for slot in self.group(key) {
                // Acquire pairs with Release in `give`: who reads the key reads its end.
                if slot.key.load(Ordering::Acquire) != key {
                    continue;
                }
                let until = slot.until.load(Ordering::Acquire);
                if slot.key.load(Ordering::Acquire) != key {
                    continue 'again;
                }
                if now.as_nanos() < until {
                    return Some(false);
                }
                let end = self.end_of_window(now);
                if fault::planted("once_looked_up_then_set") {
                    slot.until.store(end, Ordering::Release);
                    return Some(true);
                }
                let swapped =
                    slot.until.compare_exchange(until, end, Ordering::AcqRel, Ordering::Acquire);
                if swapped.is_ok() {
                    return Some(true);
                }
                // Somebody else began a window, or the slot is another's.
                continue 'again;
            }
            return None;
        }
    }

    /// Gives a key a slot, if nobody else does.
    #[cold]
    fn enter(&self, key: u64, now: Instant) -> bool {
        let _entering = self.entering.lock();
        if let Some(admitted) = self.decide(key, now) {
            return admitted;
        }
        let end_of = |slot: &Slot| match slot.key.load(Ordering::Relaxed) {
            NONE => 0,
            _ => slot.until.load(Ordering::Relaxed),
        };
        let Some(slot) = self.group(key).iter().min_by_key(|slot| end_of(slot)) else {
            return true;
        };
        if end_of(slot) > now.as_nanos() && !fault::planted("once_forgets_silently") {
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        self.give(slot, key, now);
        true
    }

    fn give(&self, slot: &Slot, key: u64, now: Instant) {
        slot.key.store(NONE, Ordering::Release);
        slot.until.store(self.end_of_window(now), Ordering::Release);
        // Release pairs with Acquire in `decide`.
        slot.key.store(key, Ordering::Release);
    }
}

impl fmt::Debug for OncePer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OncePer")
            .field("window_ns", &self.window_ns)
            .field("suppressed", &self.suppressed_count())
            .field("forgotten", &self.forgotten_count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
