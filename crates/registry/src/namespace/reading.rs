//! Reading a namespace as of one revision.

use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use smallvec::SmallVec;

use super::members::{ALL_WORDS, BLOCK, Numbers, View, WORDS, Words, each_word, ones};
use super::pins::{Pin, READERS_MAX};
use super::term::Term;
use super::version::{self, Version};
use super::{Key, Namespace, Turn};
use crate::indexed::{Attribute, Index};

/// How often a question is asked again when the writer did not wait for its answer, or there was no place
/// for one more reader, before it takes the writer's turn.
const ATTEMPTS: usize = 3;

/// What keeps the revision readable.
enum Hold<'a> {
    Pin(Pin<'a>),
    /// The writer waits for this one; for the registry's own questions, and only when pins have failed.
    Turn(Turn<'a>),
}

/// A namespace as of one revision, for as long as this lives: short, and never over an await.
pub(crate) struct Reading<'a> {
    namespace: &'a Namespace,
    revision: u64,
    /// None while it is dropped.
    hold: Option<Hold<'a>>,
}

/// The slots that may match.
#[derive(Clone)]
pub(crate) enum Candidates {
    /// Every slot.
    All,
    Term(View),
    And(Vec<Candidates>),
    Or(Vec<Candidates>),
}

impl Namespace {
    /// Readers at one time.
    pub(crate) const READERS_MAX: u32 = READERS_MAX;

    /// Reads the newest revision; none when there are as many readers as there may be.
    pub(crate) fn read(&self) -> Option<Reading<'_>> {
        let pin = self.pins.pin(&self.clock)?;
        Some(Reading { namespace: self, revision: pin.revision, hold: Some(Hold::Pin(pin)) })
    }

    /// Answers a question as of one revision: from a snapshot, and again from a newer one should the writer not
    /// have waited for it. What fails all the time is answered in the writer's turn, which always works; so
    /// `f` runs no code of a user's.
    pub(crate) fn answer<R>(&self, f: impl Fn(&Reading<'_>) -> R) -> R {
        for _ in 0..ATTEMPTS {
            let Some(reading) = self.read() else { break };
            let result = f(&reading);
            if reading.is_whole() {
                return result;
            }
        }
        f(&self.read_in_turn(self.turn()))
    }

    /// Reads the newest revision and holds up the writers, so that nothing is taken back meanwhile.
    fn read_in_turn<'a>(&'a self, turn: Turn<'a>) -> Reading<'a> {
        let revision = self.clock.load(Ordering::Relaxed);
        Reading { namespace: self, revision, hold: Some(Hold::Turn(turn)) }
    }
}

impl Reading<'_> {
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether what was read so far is what stood at the revision. False when the writer did not wait.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.hold {
            Some(Hold::Pin(pin)) => pin.stands(),
            _ => true,
        }
    }

    /// What stood under a name at the revision.
    pub(crate) fn lookup(&self, key: Key<'_>) -> Option<Arc<Version>> {
        self.namespace.ids.find(key.hash, |slot| {
            let newest = fault::planted("registry_view_reads_newest");
            let revision = if newest { self.namespace.revision() } else { self.revision };
            let version = version::at(self.namespace.slots.get(slot)?, revision)?;
            version.has(key).then_some(version)
        })
    }

    /// The index of the field that a query calls so.
    pub(crate) fn index(&self, path: &str) -> Option<Index> {
        self.namespace.indexed.find(path)
    }

    pub(crate) fn term(&self, attribute: Attribute, value: &str) -> Option<Arc<Term>> {
        self.namespace.terms.find(self.namespace.term_key(attribute, value))
    }

    /// Every value of an attribute that anything carries at the revision, and perhaps others, in no order.
    ///
    /// A term stands in the list before its first carrier is published, and leaves it when no reader is left
    /// that may count on one.
    pub(crate) fn terms(&self, attribute: Attribute) -> impl Iterator<Item = Arc<Term>> {
        let terms = self.namespace.terms.all();
        terms.filter(move |term| term.attribute == attribute)
    }

    /// How many entries there may be: the slots that are taken.
    pub(crate) fn entries(&self) -> usize {
        let taken: u64 = self.spread(&Candidates::All).iter().map(|(_, taken)| taken).sum();
        usize::try_from(taken).unwrap_or(usize::MAX)
    }

    /// The slots that may carry a value; none, if nobody carries it.
    pub(crate) fn carriers(&self, attribute: Attribute, value: &str) -> Candidates {
        let term = self.term(attribute, value);
        term.map_or(Candidates::Or(Vec::new()), |term| Candidates::Term(term.members.view()))
    }

    /// What the candidates held at the revision, in the order of their slots.
    pub(crate) fn versions(&self, candidates: &Candidates) -> impl Iterator<Item = Arc<Version>> {
        self.versions_from(candidates, 0)
    }

    /// As [`Reading::versions`], from a slot on.
    pub(crate) fn versions_from(
        &self,
        candidates: &Candidates,
        first: u32,
    ) -> impl Iterator<Item = Arc<Version>> {
        self.matching(candidates, true, first, &|_| true)
    }

    /// As [`Reading::versions_from`], of those for which `matches` holds. It is asked of each, or, if it says the same
    /// as the sets, only of those of which the sets do not say enough.
    pub(crate) fn matching<F: Fn(&Version) -> bool>(
        &self,
        candidates: &Candidates,
        is_exact: bool,
        first: u32,
        matches: &F,
    ) -> impl Iterator<Item = Arc<Version>> {
        let blocks = candidates.blocks(self.namespace).into_iter();
        let blocks = blocks.skip_while(move |number| *number < first / BLOCK);
        let found = blocks.filter_map(move |number| {
            let mut words = candidates.read(self.namespace, number)?;
            if number == first / BLOCK {
                let place = usize::try_from(first % BLOCK).unwrap_or(0);
                let (before, rest) = words.split_at_mut(place / 64);
                before.fill(0);
                rest.iter_mut().take(1).for_each(|word| *word &= u64::MAX << (place % 64));
            }
            let block = self.namespace.blocks.get(number).filter(|_| is_exact);
            Some(ones(&words).filter_map(move |at| {
                let found =
                    version::at(self.namespace.slots.get(number * BLOCK + at)?, self.revision)?;
                // Read after the sets: nothing settles under a pin, so what is not dirty now was not dirty when they
                // were read.
                let is_certain = block.is_some_and(|block| !holds(&block.dirty, at));
                (is_certain || matches(&found)).then_some(found)
            }))
        });
        found.flatten()
    }

    /// How many candidates there are in each block that has any, by its number.
    pub(crate) fn spread(&self, candidates: &Candidates) -> SmallVec<[(u32, u64); 8]> {
        let len_of = |number| {
            let words = candidates.read(self.namespace, number)?;
            Some((number, words.iter().map(|word| u64::from(word.count_ones())).sum()))
        };
        candidates.blocks(self.namespace).into_iter().filter_map(len_of).collect()
    }

    /// What one candidate of a block, counted from 0, held at the revision.
    pub(crate) fn nth_of_block(
        &self,
        candidates: &Candidates,
        number: u32,
        nth: u64,
    ) -> Option<Arc<Version>> {
        let words = candidates.read(self.namespace, number)?;
        let at = ones(&words).nth(usize::try_from(nth).ok()?)?;
        version::at(self.namespace.slots.get(number * BLOCK + at)?, self.revision)
    }

    /// Counts the candidates for which `matches` holds. It is asked of each, or, if it says the same as the
    /// sets, only of those of which the sets do not say enough.
    pub(crate) fn count(
        &self,
        candidates: &Candidates,
        is_exact: bool,
        matches: impl Fn(&Version) -> bool,
    ) -> usize {
        let mut count = 0;
        for number in candidates.blocks(self.namespace) {
            let Some(words) = candidates.read(self.namespace, number) else { continue };
            let mut doubtful = words;
            if is_exact && let Some(block) = self.namespace.blocks.get(number) {
                // Read after the sets, as above.
                for (doubtful, dirty) in doubtful.iter_mut().zip(&block.dirty) {
                    *doubtful &= dirty.load(Ordering::Acquire);
                }
                let certain = words.iter().zip(doubtful).map(|(word, doubtful)| word & !doubtful);
                count += certain.map(|word| word.count_ones() as usize).sum::<usize>();
            }
            count += ones(&doubtful)
                .filter_map(|at| self.namespace.slots.get(number * BLOCK + at))
                .filter_map(|slot| version::at(slot, self.revision))
                .filter(|version| matches(version))
                .count();
        }
        count
    }
}

/// Whether a place of a block is set.
fn holds(words: &[AtomicU64; WORDS], at: u32) -> bool {
    let word = words.get((at / 64) as usize).map_or(0, |word| word.load(Ordering::Acquire));
    word >> (at % 64) & 1 == 1
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        match self.hold.take() {
            Some(Hold::Pin(pin)) => {
                drop(pin);
                self.namespace.end_reading();
            }
            Some(Hold::Turn(turn)) => drop(turn),
            None => {}
        }
    }
}

impl Candidates {
    /// The numbers of the blocks that may have candidates, in order.
    fn blocks(&self, namespace: &Namespace) -> Numbers {
        match self {
            Self::All => (0..=u32::MAX / BLOCK)
                .take_while(|number| namespace.blocks.get(*number).is_some())
                .collect(),
            Self::Term(view) => view.blocks(),
            Self::And(all) => {
                let least = all.iter().map(|part| part.blocks(namespace)).min_by_key(SmallVec::len);
                least.unwrap_or_else(|| Self::All.blocks(namespace))
            }
            Self::Or(any) => {
                let mut blocks: Numbers =
                    any.iter().flat_map(|part| part.blocks(namespace)).collect();
                blocks.sort_unstable();
                blocks.dedup();
                blocks
            }
        }
    }

    /// The candidates in a block; none if it has none.
    #[inline]
    fn read(&self, namespace: &Namespace, number: u32) -> Option<Words> {
        let wanted = self.filled(number);
        let mut words = [0; WORDS];
        (wanted != 0 && self.fill(namespace, number, wanted, &mut words) != 0).then_some(words)
    }

    /// Writes the candidates in some words of a block to `words`, which has none, and perhaps some in others. Returns
    /// which of those words have any; if none has, what is written means nothing.
    fn fill(&self, namespace: &Namespace, number: u32, wanted: u64, words: &mut Words) -> u64 {
        let Self::And(all) = self else {
            self.add(namespace, number, wanted, words);
            return intersect(words, |_| u64::MAX, wanted);
        };
        let Some((first, others)) = all.split_first() else { return 0 };
        let mut left = first.fill(namespace, number, wanted, words);
        for part in others {
            if left == 0 {
                break;
            }
            // Of the next set only what can still be in all of them is read.
            left = part.narrow(namespace, number, left, words);
        }
        if left != 0 {
            // What the first set has in words that were not wanted was not intersected.
            for (at, word) in words.iter_mut().enumerate() {
                *word &= 0_u64.wrapping_sub(left >> at & 1);
            }
        }
        left
    }

    /// Leaves the candidates in some words of a block, and returns which of those have any.
    fn narrow(&self, namespace: &Namespace, number: u32, wanted: u64, words: &mut Words) -> u64 {
        if let Self::Term(view) = self
            && let Some(bits) = view.bits(number)
        {
            return intersect(words, |at| bits.word(at), wanted);
        }
        let mut some = [0; WORDS];
        self.add(namespace, number, wanted, &mut some);
        intersect(words, |at| some.get(at).copied().unwrap_or(0), wanted)
    }

    /// The words of a block that may have candidates, a bit each.
    fn filled(&self, number: u32) -> u64 {
        match self {
            Self::All => ALL_WORDS,
            Self::Term(view) => view.filled(number),
            Self::And(all) => all.iter().fold(ALL_WORDS, |both, part| both & part.filled(number)),
            Self::Or(any) => any.iter().fold(0, |some, part| some | part.filled(number)),
        }
    }

    /// Adds the candidates in some words of a block to `words`, and perhaps some in others.
    fn add(&self, namespace: &Namespace, number: u32, wanted: u64, words: &mut Words) {
        match self {
            Self::All => {
                if let Some(block) = namespace.blocks.get(number) {
                    let taken = words.iter_mut().zip(&block.taken);
                    taken.for_each(|(word, taken)| *word |= taken.load(Ordering::Acquire));
                }
            }
            Self::Term(view) => view.read(number, wanted, words),
            Self::And(_) => {
                let mut both = [0; WORDS];
                let left = self.fill(namespace, number, wanted, &mut both);
                each_word(left, |at| {
                    if let (Some(word), Some(both)) = (words.get_mut(at), both.get(at)) {
                        *word |= both;
                    }
                });
            }
            Self::Or(any) => any.iter().for_each(|part| part.add(namespace, number, wanted, words)),
        }
    }
}

/// Leaves in the words that are wanted what `others` have too, and returns which of those words have any.
#[inline]
fn intersect(words: &mut Words, others: impl Fn(usize) -> u64, wanted: u64) -> u64 {
    let mut left = 0;
    each_word(wanted, |at| {
        if let Some(word) = words.get_mut(at) {
            *word &= others(at);
            left |= u64::from(*word != 0) << at;
        }
    });
    left
}

#[cfg(test)]
mod tests;
