//! A hierarchical timing wheel.
//!
//! Varghese and Lauck, "Hashed and hierarchical timing wheels" (SOSP 1987), scheme 7, with one
//! occupancy word per level so that the next deadline is found without walking empty slots (as
//! tokio's and Linux's wheels do). Six levels of 64 slots at one tick a millisecond span two
//! years; later deadlines wait in the last level and are placed again. Entries live in a slab and
//! are chained by index, so that cancelling is O(1) and leaves nothing behind.

const LEVELS: usize = 6;
const SLOT_BITS: u32 = 6;
const SLOTS: u32 = 1 << SLOT_BITS;
const NIL: u32 = u32::MAX;
/// The greatest distance the wheel can hold, in ticks.
const SPAN: u64 = 1 << (SLOT_BITS * 6);

/// An empty slab larger than this is given back.
const KEPT_ENTRIES: usize = 256;

/// Where an entry is; stale once the entry fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    stamp: u32,
}

struct Entry<T> {
    payload: Option<T>,
    tick: u64,
    sequence: u64,
    previous: u32,
    next: u32,
    /// Counts the uses of this place, so that a stale key finds nothing.
    stamp: u32,
    level: u8,
    slot: u8,
}

/// An entry whose time has come.
pub(crate) struct Due<T> {
    /// Its tick, and among those of one tick its place in the order in which they were made.
    pub(crate) order: (u64, u64),
    pub(crate) payload: T,
}

#[derive(Clone, Copy)]
struct Level {
    occupied: u64,
    heads: [u32; SLOTS as usize],
}

pub(crate) struct Wheel<T> {
    elapsed: u64,
    len: usize,
    /// Entries ever made, to fire those of one tick in their order.
    sequence: u64,
    free: u32,
    /// Above every stamp in use, so that an emptied and regrown slab revives no stale key.
    newest_stamp: u32,
    entries: Vec<Entry<T>>,
    levels: [Level; LEVELS],
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self {
            elapsed: 0,
            len: 0,
            sequence: 0,
            free: NIL,
            newest_stamp: 0,
            entries: Vec::new(),
            levels: [Level { occupied: 0, heads: [NIL; SLOTS as usize] }; LEVELS],
        }
    }
}

impl<T> Wheel<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry for `tick`; a tick that has passed is due at the next one.
    pub(crate) fn insert(&mut self, tick: u64, payload: T) -> Key {
        let tick = tick.max(self.elapsed + 1);
        let fresh = Entry {
            payload: Some(payload),
            tick,
            sequence: self.sequence,
            previous: NIL,
            next: NIL,
            stamp: 0,
            level: 0,
            slot: 0,
        };
        self.sequence += 1;
        let index = self.free;
        let (index, stamp) = if let Some(entry) = self.entries.get_mut(index as usize) {
            self.free = entry.next;
            let stamp = entry.stamp;
            *entry = Entry { stamp, ..fresh };
            (index, stamp)
        } else {
            let stamp = self.newest_stamp;
            self.entries.push(Entry { stamp, ..fresh });
            (u32::try_from(self.entries.len() - 1).unwrap_or(NIL), stamp)
        };
        self.len += 1;
        self.link(index);
        Key { index, stamp }
    }

    /// The payload of an entry that has neither fired nor been cancelled.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.stamp == key.stamp { entry.payload.as_mut() } else { None }
    }

    /// The tick of an entry that has neither fired nor been cancelled.
    pub(crate) fn tick(&self, key: Key) -> Option<u64> {
        let entry = self.entries.get(key.index as usize)?;
        (entry.stamp == key.stamp && entry.payload.is_some()).then_some(entry.tick)
    }

    /// Cancels an entry and gives its payload back.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.stamp != key.stamp || entry.payload.is_none() {
            return None;
        }
        self.unlink(key.index);
        self.release(key.index)
    }

    /// The tick at which [`Wheel::advance`] next has something to do.
    pub(crate) fn next_tick(&self) -> Option<u64> {
        self.levels.iter().enumerate().find_map(|(at, level)| {
            if level.occupied == 0 {
                return None;
            }
            let shift = SLOT_BITS * u32::try_from(at).unwrap_or(0);
            let now_slot = u32::try_from((self.elapsed >> shift) % u64::from(SLOTS)).unwrap_or(0);
            // From the slot after the current one: in the last level an entry beyond the span may
            // stand in the current slot, which comes last then, after a whole turn.
            let first = (now_slot + 1) % SLOTS;
            let ahead = level.occupied.rotate_right(first).trailing_zeros();
            let slot = u64::from((first + ahead) % SLOTS);
            let range = 1u64 << (shift + SLOT_BITS);
            let tick = (self.elapsed & !(range - 1)) + (slot << shift);
            Some(if tick <= self.elapsed { tick + range } else { tick })
        })
    }

    /// Moves to `now` and puts everything that is due into `due`, in no order.
    pub(crate) fn advance(&mut self, now: u64, due: &mut Vec<Due<T>>) {
        while let Some(tick) = self.next_tick().filter(|tick| *tick <= now) {
            let shifted = |at: usize| SLOT_BITS * u32::try_from(at).unwrap_or(0);
            let Some(at) = self.levels.iter().position(|level| level.occupied != 0) else { break };
            let slot = usize::try_from((tick >> shifted(at)) % u64::from(SLOTS)).unwrap_or(0);
            self.elapsed = tick;
            let mut index = self.take_slot(at, slot);
            while let Some(entry) = self.entries.get(index as usize) {
                let following = entry.next;
                if entry.tick <= tick {
                    let order = (entry.tick, entry.sequence);
                    due.extend(self.release(index).map(|payload| Due { order, payload }));
                } else {
                    self.link(index);
                }
                index = following;
            }
        }
        self.elapsed = self.elapsed.max(now);
    }

    fn take_slot(&mut self, at: usize, slot: usize) -> u32 {
        let Some(level) = self.levels.get_mut(at) else { return NIL };
        level.occupied &= !(1 << slot);
        level.heads.get_mut(slot).map_or(NIL, |head| std::mem::replace(head, NIL))
    }

    fn link(&mut self, index: u32) {
        let Some(tick) = self.entries.get(index as usize).map(|entry| entry.tick) else { return };
        let distance = (self.elapsed ^ tick) | u64::from(SLOTS - 1);
        let at = (distance.min(SPAN - 1).ilog2() / SLOT_BITS) as usize;
        let slot =
            usize::try_from((tick >> (SLOT_BITS as usize * at)) % u64::from(SLOTS)).unwrap_or(0);
        let Some(level) = self.levels.get_mut(at) else { return };
        level.occupied |= 1 << slot;
        let head = level.heads.get_mut(slot).map_or(NIL, |head| std::mem::replace(head, index));
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.previous = NIL;
            entry.next = head;
            entry.level = u8::try_from(at).unwrap_or(0);
            entry.slot = u8::try_from(slot).unwrap_or(0);
        }
        if let Some(following) = self.entries.get_mut(head as usize) {
            following.previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.entries.get(index as usize) else { return };
        let (previous, next) = (entry.previous, entry.next);
        let (at, slot) = (usize::from(entry.level), usize::from(entry.slot));
        if let Some(following) = self.entries.get_mut(next as usize) {
            following.previous = previous;
        }
        if let Some(before) = self.entries.get_mut(previous as usize) {
            before.next = next;
        } else if let Some(level) = self.levels.get_mut(at) {
            if next == NIL {
                level.occupied &= !(1 << slot);
            }
            if let Some(head) = level.heads.get_mut(slot) {
                *head = next;
            }
        }
    }

    fn release(&mut self, index: u32) -> Option<T> {
        let entry = self.entries.get_mut(index as usize)?;
        let payload = entry.payload.take();
        entry.stamp = entry.stamp.wrapping_add(1);
        entry.next = self.free;
        self.newest_stamp = self.newest_stamp.max(entry.stamp);
        self.free = index;
        self.len -= 1;
        if self.len == 0 && self.entries.len() > KEPT_ENTRIES {
            self.entries = Vec::new();
            self.free = NIL;
        }
        payload
    }
}

#[cfg(test)]
mod tests;
