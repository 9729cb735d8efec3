//! Reading a namespace as of one revision.

use std::sync::Arc;

use foundation_env::sync::MutexGuard;
use foundation_env::sync::atomic::Ordering;
use smallvec::SmallVec;

use super::members::{BLOCK, Numbers, View, WORDS, Words, ones};
use super::pins::Pin;
use super::term::Term;
use super::version::{self, Version};
use super::{Attribute, Namespace, Writer};

/// What keeps the revision readable.
enum Hold<'a> {
    Pin(Pin<'a>),
    /// There were too many readers; the writer waits for this one.
    Lock(#[expect(dead_code, reason = "held, not used")] MutexGuard<'a, Writer>),
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
    pub(crate) fn read(&self) -> Reading<'_> {
        match self.pins.pin(&self.clock) {
            Some(pin) => {
                let revision = pin.revision;
                Reading { namespace: self, revision, hold: Some(Hold::Pin(pin)) }
            }
            None => self.read_newest(self.writer.lock()),
        }
    }

    /// Reads the newest revision, for somebody who has held up the writer so far.
    pub(super) fn read_newest<'a>(&'a self, writer: MutexGuard<'a, Writer>) -> Reading<'a> {
        let (revision, hold) = match self.pins.pin(&self.clock) {
            Some(pin) => (pin.revision, Hold::Pin(pin)),
            None => (self.clock.load(Ordering::Relaxed), Hold::Lock(writer)),
        };
        Reading { namespace: self, revision, hold: Some(hold) }
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

    pub(crate) fn term(&self, attribute: Attribute, value: &str) -> Option<Arc<Term>> {
        self.namespace.terms.find(self.namespace.term_key(attribute, value))
    }

    /// How many entries there may be: the places in all blocks of slots.
    pub(crate) fn entries(&self) -> usize {
        let blocks = Candidates::All.blocks(self.namespace).len();
        blocks.saturating_mul(usize::try_from(BLOCK).unwrap_or(usize::MAX))
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
        let blocks = candidates.blocks(self.namespace).into_iter();
        let blocks = blocks.skip_while(move |number| *number < first / BLOCK);
        let slots = blocks.flat_map(move |number| {
            let mut words = [0; WORDS];
            candidates.read(self.namespace, number, &mut words);
            ones(&words).map(move |at| number * BLOCK + at)
        });
        let slots = slots.skip_while(move |slot| *slot < first);
        slots.filter_map(|slot| version::at(self.namespace.slots.get(slot)?, self.revision))
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
            let mut words = [0; WORDS];
            candidates.read(self.namespace, number, &mut words);
            let mut doubtful = words;
            if is_exact && let Some(block) = self.namespace.blocks.get(number) {
                // Read after the sets: nothing settles under a pin, so what is not dirty now was not dirty when
                // they were read.
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

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let was_pinned = matches!(self.hold.take(), Some(Hold::Pin(_)));
        if was_pinned {
            self.namespace.reclaim_after_reading();
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

    /// Adds the candidates in a block to `words`.
    fn read(&self, namespace: &Namespace, number: u32, words: &mut Words) {
        match self {
            Self::All => {
                let taken = namespace.blocks.get(number).into_iter().flat_map(|block| &block.taken);
                words
                    .iter_mut()
                    .zip(taken)
                    .for_each(|(word, taken)| *word |= taken.load(Ordering::Acquire));
            }
            Self::Term(view) => view.read(number, words),
            Self::And(all) => {
                let mut both = [u64::MAX; WORDS];
                for part in all {
                    let mut some = [0; WORDS];
                    part.read(namespace, number, &mut some);
                    both.iter_mut().zip(some).for_each(|(both, some)| *both &= some);
                    if both.iter().all(|word| *word == 0) {
                        return;
                    }
                }
                words.iter_mut().zip(both).for_each(|(word, both)| *word |= both);
            }
            Self::Or(any) => any.iter().for_each(|part| part.read(namespace, number, words)),
        }
    }
}
