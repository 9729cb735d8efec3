//! From a hash to a number: a table that one writer changes while others read it without a lock.
//!
//! A cell holds 32 bits of the hash and the number of what has it; the rest of the hash and the key are
//! with what is numbered, which decides. So a cell is a hint, and a reader that follows one too many
//! only looks in vain.
//!
//! Linear probing with tombstones. When few cells are empty the writer copies the table, to one of twice
//! the size or to another of the same size that is kept for that, and then makes the copy the current
//! one. A reader that finds nothing looks whether its table is still the current one, and else looks
//! again: it may have read an old table that was being filled anew.

use std::sync::OnceLock;

use foundation_env::fault;
use foundation_env::sync::atomic::{AtomicU64, Ordering, fence};

const EMPTY: u64 = 0;
const TOMBSTONE: u64 = 1;
/// Numbers are stored above the two special values.
const NUMBER_BASE: u64 = 2;

/// log2 of the cells of the smallest table; in models few, so that it is soon full.
const FIRST_BITS: u32 = if cfg!(any(foundation_loom, foundation_shuttle)) { 2 } else { 4 };
const LEVELS: usize = 28;

type Table = [AtomicU64];

/// What only the writer needs to know of the table.
#[derive(Debug, Default)]
pub(crate) struct Load {
    used: usize,
    tombstones: usize,
}

impl Load {
    /// Numbers that are in the table.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}

/// See the module text.
pub(crate) struct Cells {
    /// Which table is current: how many there were before it, its level, and its side.
    current: AtomicU64,
    levels: [[OnceLock<Box<Table>>; 2]; LEVELS],
}

/// The current table and its number.
#[derive(Clone, Copy)]
struct Current<'a> {
    table: &'a Table,
    word: u64,
}

impl Cells {
    pub(crate) fn new() -> Self {
        Self {
            current: AtomicU64::new(0),
            levels: std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new())),
        }
    }

    fn table(&self, word: u64) -> &Table {
        let level = usize::try_from((word >> 1) & 0x7f).unwrap_or(0);
        let [first, ..] = &self.levels;
        let sides = self.levels.get(level).unwrap_or(first);
        let [left, right] = sides;
        let place = if word & 1 == 0 { left } else { right };
        place.get_or_init(|| {
            (0..1_usize << (FIRST_BITS as usize + level)).map(|_| AtomicU64::new(EMPTY)).collect()
        })
    }

    fn current(&self) -> Current<'_> {
        let word = self.current.load(Ordering::Acquire);
        Current { table: self.table(word), word }
    }

    /// The first answer of `look` for a number that may have this hash.
    #[inline]
    pub(crate) fn find<R>(&self, hash: u64, mut look: impl FnMut(u32) -> Option<R>) -> Option<R> {
        loop {
            let current = self.current();
            let (mut at, last) = (start(current.table, hash), current.table.len() - 1);
            // A loop by hand: this is half of a look-up.
            while let Some(cell) = current.table.get(at) {
                let cell = cell.load(Ordering::Acquire);
                if cell == EMPTY {
                    break;
                }
                if let Some(found) = number_of(cell, hash).and_then(&mut look) {
                    return Some(found);
                }
                at = (at + 1) & last;
            }
            // Loaded after the cells, which were loaded with Acquire.
            if self.current.load(Ordering::Acquire) == current.word
                || fault::planted("registry_old_table_believed")
            {
                return None;
            }
        }
    }

    /// Enters a number under a hash. Writer only; the pair must not be there.
    pub(crate) fn insert(&self, load: &mut Load, hash: u64, number: u32) {
        let mut current = self.current();
        // One cell in eight stays empty, so that a search for what is not there ends.
        if (load.used + load.tombstones + 1) * 8 > current.table.len() * 7 {
            current = self.copy(load, current);
        }
        let place = probe(current.table, hash)
            .find(|cell| matches!(cell.load(Ordering::Relaxed), EMPTY | TOMBSTONE));
        if let Some(place) = place {
            if place.load(Ordering::Relaxed) == TOMBSTONE {
                load.tombstones -= 1;
            }
            load.used += 1;
            place.store(cell_of(hash, number), Ordering::Release);
        }
    }

    /// Takes a number out. Writer only.
    pub(crate) fn remove(&self, load: &mut Load, hash: u64, number: u32) {
        let current = self.current();
        let wanted = cell_of(hash, number);
        let mut probes = probe(current.table, hash).peekable();
        while let Some(cell) = probes.next() {
            match cell.load(Ordering::Relaxed) {
                EMPTY => return,
                found if found == wanted => {
                    let is_last =
                        probes.peek().is_none_or(|next| next.load(Ordering::Relaxed) == EMPTY);
                    load.used -= 1;
                    if is_last {
                        cell.store(EMPTY, Ordering::Release);
                    } else {
                        load.tombstones += 1;
                        cell.store(TOMBSTONE, Ordering::Release);
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    /// Copies what is in use to a table with room, and makes that the current one.
    fn copy(&self, load: &mut Load, from: Current<'_>) -> Current<'_> {
        let cells = from.table.iter().map(|cell| cell.load(Ordering::Relaxed));
        self.fill(load, from, cells.filter(|cell| *cell > TOMBSTONE))
    }

    /// Forgets everything and enters these numbers, each with its hash. Readers find those that were there before
    /// all the time. Writer only.
    pub(super) fn refill(&self, load: &mut Load, all: &[(u64, u32)]) {
        *load = Load { used: all.len(), tombstones: 0 };
        self.fill(load, self.current(), all.iter().map(|&(hash, number)| cell_of(hash, number)));
    }

    /// Makes a table of these cells, with room for some more, the current one.
    fn fill(
        &self,
        load: &mut Load,
        from: Current<'_>,
        cells: impl Iterator<Item = u64>,
    ) -> Current<'_> {
        let (tables, level, side) = (from.word >> 8, (from.word >> 1) & 0x7f, from.word & 1);
        let mut next = level;
        while load.used * 2 > 1 << (FIRST_BITS as usize + usize::try_from(next).unwrap_or(0)) {
            next += 1;
        }
        let word = ((tables + 1) << 8) | (next << 1) | if next > level { 0 } else { 1 - side };
        let table = self.table(word);
        // A reader that sees what is written here, in a table that it took for the current one, sees that
        // another one is.
        fence(Ordering::Release);
        for cell in table {
            cell.store(EMPTY, Ordering::Relaxed);
        }
        for cell in cells {
            let place =
                probe(table, cell >> 32).find(|place| place.load(Ordering::Relaxed) == EMPTY);
            if let Some(place) = place {
                place.store(cell, Ordering::Relaxed);
            }
        }
        load.tombstones = 0;
        self.current.store(word, Ordering::Release);
        Current { table, word }
    }
}

fn cell_of(hash: u64, number: u32) -> u64 {
    (hash << 32) | (u64::from(number) + NUMBER_BASE)
}

/// The number in a cell if the hash is the same, as far as the cell knows it.
#[inline]
fn number_of(cell: u64, hash: u64) -> Option<u32> {
    if cell == TOMBSTONE || cell >> 32 != hash & 0xffff_ffff {
        return None;
    }
    u32::try_from((cell & 0xffff_ffff) - NUMBER_BASE).ok()
}

/// The cells in which a hash may stand, nearest first.
#[inline]
fn probe(table: &Table, hash: u64) -> impl Iterator<Item = &AtomicU64> {
    let (head, tail) = table.split_at(start(table, hash));
    tail.iter().chain(head)
}

/// Where to look for a hash first.
#[inline]
fn start(table: &Table, hash: u64) -> usize {
    usize::try_from(hash & 0xffff_ffff).unwrap_or(0) & (table.len() - 1)
}

#[cfg(test)]
mod tests;
