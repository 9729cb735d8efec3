//! What all flags are now, for readers without a lock.
//!
//! One writer at a time (it holds the lock of [`Flags`](crate::Flags)) makes steps, numbered from 1. Each flag has
//! one word: the step that set it, what it was before, what it is since. A step writes the words of the flags it
//! changes and then publishes its number, the one event that readers see.
//!
//! A reader loads the published number, then the word. If the word's step is published it takes "since", else
//! "before". Why this is never a mixture: a word of a step above the number read was written after the step below
//! it was published, so "before" held at some moment between the reader's two loads; and having acquired the word,
//! the reader finds that lower step's number, or a later one, at its next read. So whoever has seen one flag of a
//! step sees all others of it from then on. Readers never wait and never retry.
//!
//! Overrides do not fit in a word: they stand in a table, which keeps its predecessor for the same reason.

use foundation_env::fault;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use foundation_env::sync::{Arc, AtomicArc};

use crate::value::{Setting, Value};

#[cfg(test)]
mod tests;

/// The bit of a code that says that there are overrides.
const OVERRIDDEN: u8 = 0x80;

/// The published state of all flags, by index.
#[derive(Debug)]
pub struct Live {
    published: AtomicU64,
    words: Box<[AtomicU64]>,
    table: AtomicArc<Table>,
}

/// All settings as of a step, and as of the one before it.
#[derive(Debug)]
struct Table {
    step: u64,
    since: Arc<[Setting]>,
    before: Arc<[Setting]>,
}

/// What one flag is: its value, and whether there are overrides to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Brief(u8);

impl Brief {
    fn of(setting: &Setting) -> Self {
        let overridden = if setting.overrides.is_empty() { 0 } else { OVERRIDDEN };
        Self(setting.value.code() | overridden)
    }

    #[inline]
    pub(crate) const fn value(self) -> Value {
        Value::of_code(self.0 & !OVERRIDDEN)
    }

    #[inline]
    pub(crate) const fn has_overrides(self) -> bool {
        self.0 & OVERRIDDEN != 0
    }
}

/// Packs a word: 48 bits of step, then eight of what was before and eight of what is since.
const fn word(step: u64, before: Brief, since: Brief) -> u64 {
    (step << 16) | ((before.0 as u64) << 8) | since.0 as u64
}

impl Live {
    /// Makes the state as of step 0.
    pub fn new(settings: Arc<[Setting]>) -> Self {
        let words = settings.iter().map(|setting| {
            let brief = Brief::of(setting);
            AtomicU64::new(word(0, brief, brief))
        });
        let words = words.collect();
        let before = Arc::clone(&settings);
        let table = AtomicArc::new(Some(Arc::new(Table { step: 0, since: settings, before })));
        Self { published: AtomicU64::new(0), words, table }
    }

    /// Publishes the next step: all settings as they are since. The caller is the only writer.
    pub fn publish(&self, step: u64, since: Arc<[Setting]>) {
        let before = self.settings();
        for ((place, old), new) in self.words.iter().zip(before.iter()).zip(since.iter()) {
            if old != new {
                // Release: pairs with the acquire in `brief`, and carries the number of the step below.
                place.store(word(step, Brief::of(old), Brief::of(new)), Ordering::Release);
            }
        }
        drop(self.table.swap(Some(Arc::new(Table { step, since, before }))));
        // Release: pairs with the acquires in `brief` and `settings`.
        self.published.store(step, Ordering::Release);
    }

    /// Returns what a flag is, or off if there is none with that index.
    #[inline]
    pub(crate) fn brief(&self, index: usize) -> Brief {
        // Acquire: pairs with the release of the number in `publish`.
        let published = self.published.load(Ordering::Acquire);
        // Acquire: pairs with the release of the word in `publish`.
        let word = self.words.get(index).map_or(0, |word| word.load(Ordering::Acquire));
        let is_published = word >> 16 <= published || fault::planted("flags_step_seen_in_part");
        let bits = if is_published { word } else { word >> 8 };
        Brief((bits & 0xff) as u8)
    }

    /// Returns the value of a flag.
    #[inline]
    pub fn value(&self, index: usize) -> Value {
        self.brief(index).value()
    }

    /// Returns all settings as of one step, not older than any read before by the caller.
    pub fn settings(&self) -> Arc<[Setting]> {
        // Acquire: pairs with the release of the number in `publish`.
        let published = self.published.load(Ordering::Acquire);
        let table = self.table.load();
        match &*table {
            Some(table) if table.step <= published => Arc::clone(&table.since),
            Some(table) => Arc::clone(&table.before),
            None => Arc::from([]),
        }
    }
}
