//! The slots that carry one value, read without a lock while one writer changes them.
//!
//! Two members stand in the set itself. More of them stand in blocks of 4,096 slots, and in a block as a
//! short list or, when that is full, as bits. So a value that one entry has costs a few bytes, and one
//! that all have costs an eighth of a byte each. A set never goes back to a smaller form while it is used.
//! Bits have a summary, one bit for each word that has any, so that who intersects sets reads of each only the
//! words in which all have members.
//!
//! # What a reader sees
//!
//! Every member that was entered at or before the revision it has pinned: it reads one form or the next,
//! and the form it leaves behind has all that were entered before the next one was made. Members are taken
//! out only when no reader has pinned a revision at which they counted. It may see members of later
//! revisions.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use foundation_env::fault;
use foundation_env::sync::AtomicArc;
use foundation_env::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use smallvec::SmallVec;

/// Words of a block of bits.
/// One in models, whose checkers switch threads at each.
pub(crate) const WORDS: usize = if cfg!(any(foundation_loom, foundation_shuttle)) { 1 } else { 64 };
/// Slots of a block.
pub(crate) const BLOCK: u32 =
    if cfg!(any(foundation_loom, foundation_shuttle)) { 64 } else { 4096 };
const FEW: usize = 2;
/// Members that a block lists before it has bits: 56 bytes instead of 512. Fewer in models, whose checkers switch
/// threads at each.
const LISTED: usize = if cfg!(any(foundation_loom, foundation_shuttle)) { 12 } else { 28 };

/// The slots of one block, a bit each.
pub(crate) type Words = [u64; WORDS];

/// The summary of a block of which every word may have members.
pub(crate) const ALL_WORDS: u64 = u64::MAX >> (64 - WORDS);

/// Numbers of blocks; eight hold 32,768 slots.
pub(crate) type Numbers = SmallVec<[u32; 8]>;

/// See the module text.
#[derive(Default)]
pub(crate) struct Members {
    /// One above each of the first slots; 0 for none. Of no meaning once there are blocks.
    few: [AtomicU32; FEW],
    blocks: AtomicArc<Blocks>,
    len: AtomicU32,
}

/// In the order of their numbers.
type Blocks = Vec<Arc<Block>>;

struct Block {
    number: u32,
    /// One above each slot's place in the block; 0 for none. Of no meaning once there are bits.
    listed: [AtomicU16; LISTED],
    bits: OnceLock<Box<Bits>>,
}

/// A summary and its words. What readers may count on of a member's bit (see the module text) they may of that of its
/// word: it is entered in the same call, and goes when the last member of the word has.
pub(crate) struct Bits {
    /// A bit for each word that is not zero.
    filled: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// The writer's own hold on the blocks of a set.
#[derive(Default)]
pub(crate) struct Held(Option<Arc<Blocks>>);

impl Members {
    /// How many there are; those that are to be taken out count.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    pub(crate) fn view(&self) -> View {
        let blocks = self.blocks.load().into_arc();
        let few = if blocks.is_some() {
            [0; FEW]
        } else {
            std::array::from_fn(|at| {
                self.few.get(at).map_or(0, |slot| slot.load(Ordering::Acquire))
            })
        };
        View { few, blocks }
    }

    /// Enters a slot. Writer only.
    pub(crate) fn insert(&self, held: &mut Held, slot: u32) {
        let entered = match &held.0 {
            Some(list) => match block_of(list, slot) {
                Some(block) => block.insert(slot),
                None => self.add_block(held, slot),
            },
            None if holds(&self.few, slot) => false,
            None => put(&self.few, slot) || self.add_block(held, slot),
        };
        self.len.store(self.len() + u32::from(entered), Ordering::Relaxed);
    }

    /// Enters a slot in a block that is new, after the first ones if this is the first block.
    fn add_block(&self, held: &mut Held, slot: u32) -> bool {
        let (mut list, few) = match &held.0 {
            Some(list) => (list.to_vec(), Vec::new()),
            None => (Vec::new(), self.few_members()),
        };
        for member in few.into_iter().chain([slot]) {
            let number = member / BLOCK;
            let at = list.partition_point(|block| block.number < number);
            if list.get(at).is_none_or(|block| block.number != number) {
                list.insert(at, Arc::new(Block::new(number)));
            }
            if let Some(block) = list.get(at) {
                block.insert(member);
            }
        }
        let list = Arc::new(list);
        held.0 = Some(Arc::clone(&list));
        drop(self.blocks.swap(Some(list)));
        true
    }

    /// Takes a slot out. Writer only, when no reader counts on it.
    pub(crate) fn remove(&self, held: &Held, slot: u32) {
        let removed = match &held.0 {
            Some(list) => block_of(list, slot).is_some_and(|block| block.remove(slot)),
            None => take(&self.few, slot),
        };
        self.len.store(self.len() - u32::from(removed), Ordering::Relaxed);
    }

    /// Whether the slot is a member. Exact while the writer is held up.
    pub(crate) fn contains(&self, slot: u32) -> bool {
        match &*self.blocks.load() {
            Some(list) => block_of(list, slot).is_some_and(|block| block.contains(slot)),
            None => holds(&self.few, slot),
        }
    }

    /// All members, in order.
    pub(crate) fn to_set(&self) -> BTreeSet<u32> {
        let view = self.view();
        let mut all = BTreeSet::new();
        for number in view.blocks() {
            let mut words = [0; WORDS];
            view.read(number, ALL_WORDS, &mut words);
            all.extend(ones(&words).map(|at| number * BLOCK + at));
        }
        all
    }

    fn few_members(&self) -> Vec<u32> {
        let members = self.few.iter().map(|few| few.load(Ordering::Relaxed));
        members.filter_map(|member| member.checked_sub(1)).collect()
    }
}

fn block_of(list: &Blocks, slot: u32) -> Option<&Block> {
    numbered(list, slot / BLOCK)
}

/// The block with a number.
#[inline]
fn numbered(list: &Blocks, number: u32) -> Option<&Block> {
    // Where it stands if none before it is missing, as in a set that is large enough for its search to matter.
    let dense = list.get(number as usize).filter(|block| block.number == number);
    if let Some(block) = dense {
        return Some(block);
    }
    let at = list.binary_search_by_key(&number, |block| block.number).ok()?;
    list.get(at).map(|block| &**block)
}

fn holds(places: &[AtomicU32], slot: u32) -> bool {
    places.iter().any(|place| place.load(Ordering::Acquire) == slot + 1)
}

/// Puts one above `slot` into the first free place; false if there is none.
fn put(places: &[AtomicU32], slot: u32) -> bool {
    let free = places.iter().find(|place| place.load(Ordering::Relaxed) == 0);
    free.map(|place| place.store(slot + 1, Ordering::Release)).is_some()
}

fn take(places: &[AtomicU32], slot: u32) -> bool {
    let place = places.iter().find(|place| place.load(Ordering::Relaxed) == slot + 1);
    place.map(|place| place.store(0, Ordering::Release)).is_some()
}

impl Block {
    fn new(number: u32) -> Self {
        Self { number, listed: Default::default(), bits: OnceLock::new() }
    }

    /// Returns whether it was not there.
    fn insert(&self, slot: u32) -> bool {
        let mark = mark(slot);
        if let Some(bits) = self.bits.get() {
            return bits.set(mark - 1, true);
        }
        let mut free = None;
        for place in &self.listed {
            match place.load(Ordering::Relaxed) {
                0 => free = free.or(Some(place)),
                found if found == mark => return false,
                _ => {}
            }
        }
        if let Some(place) = free {
            place.store(mark, Ordering::Release);
            return true;
        }
        let bits = Box::new(Bits::new());
        for listed in &self.listed {
            bits.set(listed.load(Ordering::Relaxed) - 1, true);
        }
        bits.set(mark - 1, true);
        self.bits.get_or_init(|| bits);
        true
    }

    /// Returns whether it was there.
    fn remove(&self, slot: u32) -> bool {
        let mark = mark(slot);
        if let Some(bits) = self.bits.get() {
            return bits.set(mark - 1, false);
        }
        let mut places = self.listed.iter();
        let place = places.find(|place| place.load(Ordering::Relaxed) == mark);
        place.map(|place| place.store(0, Ordering::Release)).is_some()
    }

    fn contains(&self, slot: u32) -> bool {
        let mark = mark(slot);
        match self.bits.get() {
            Some(bits) => {
                let (word, bit) = word_of(mark - 1);
                bits.words.get(word).is_some_and(|word| word.load(Ordering::Acquire) & bit != 0)
            }
            None => self.listed.iter().any(|place| place.load(Ordering::Acquire) == mark),
        }
    }

    /// The words that may have members. A list is read faster than summed up.
    fn filled(&self) -> u64 {
        self.bits.get().map_or(ALL_WORDS, |bits| bits.filled.load(Ordering::Acquire))
    }

    /// As [`View::read`].
    fn read(&self, wanted: u64, words: &mut Words) {
        match self.bits.get() {
            // As fast as the machine loads; finding the next word each time is not.
            Some(bits) if wanted == ALL_WORDS => {
                for (word, bits) in words.iter_mut().zip(&bits.words) {
                    *word |= bits.load(Ordering::Acquire);
                }
            }
            Some(bits) => each_word(wanted, |at| {
                if let (Some(word), Some(bits)) = (words.get_mut(at), bits.words.get(at)) {
                    *word |= bits.load(Ordering::Acquire);
                }
            }),
            None => self.listed().for_each(|at| add(words, at)),
        }
    }

    /// The places in the block that are listed.
    fn listed(&self) -> impl Iterator<Item = u16> {
        self.listed.iter().filter_map(|place| place.load(Ordering::Acquire).checked_sub(1))
    }
}

impl Bits {
    fn new() -> Self {
        let words = std::array::from_fn(|_| AtomicU64::new(0));
        Self { filled: AtomicU64::new(0), words }
    }

    #[inline]
    pub(crate) fn word(&self, at: usize) -> u64 {
        self.words.get(at).map_or(0, |word| word.load(Ordering::Acquire))
    }

    /// Returns whether it changed anything. Only the writer changes bits, so loads and stores will do.
    fn set(&self, at: u16, value: bool) -> bool {
        let (place, bit) = word_of(at);
        let Some(word) = self.words.get(place) else { return false };
        let before = word.load(Ordering::Relaxed);
        let after = if value { before | bit } else { before & !bit };
        word.store(after, Ordering::Release);
        let filled = self.filled.load(Ordering::Relaxed);
        let is_forgotten = filled != 0 && fault::planted("registry_word_left_out");
        if (before == 0) != (after == 0) && !is_forgotten {
            let bit = 1 << place;
            let filled = if value { filled | bit } else { filled & !bit };
            self.filled.store(filled, Ordering::Release);
        }
        before != after
    }
}

/// One above a slot's place in its block.
fn mark(slot: u32) -> u16 {
    u16::try_from(slot % BLOCK).unwrap_or(u16::MAX - 1) + 1
}

fn word_of(at: u16) -> (usize, u64) {
    (usize::from(at / 64), 1 << (at % 64))
}

fn add(words: &mut Words, at: u16) {
    let (word, bit) = word_of(at);
    if let Some(word) = words.get_mut(word) {
        *word |= bit;
    }
}

/// Calls `f` with the number of each word of a summary, in order.
pub(crate) fn each_word(mut filled: u64, mut f: impl FnMut(usize)) {
    while filled != 0 {
        f(filled.trailing_zeros() as usize);
        filled &= filled - 1;
    }
}

/// The places of the bits that are set, in order.
pub(crate) struct Ones {
    words: Words,
    word: usize,
}

/// The places of the bits that are set, in order.
pub(crate) fn ones(words: &Words) -> Ones {
    Ones { words: *words, word: 0 }
}

impl Iterator for Ones {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let word = self.words.get_mut(self.word)?;
            if *word != 0 {
                let bit = word.trailing_zeros();
                *word &= *word - 1;
                return u32::try_from(self.word * 64).ok().map(|base| base + bit);
            }
            self.word += 1;
        }
    }
}

/// A set as one reader sees it.
#[derive(Clone)]
pub(crate) struct View {
    few: [u32; FEW],
    blocks: Option<Arc<Blocks>>,
}

impl View {
    /// The numbers of the blocks that may have members, in order.
    pub(crate) fn blocks(&self) -> Numbers {
        if let Some(list) = &self.blocks {
            return list.iter().map(|block| block.number).collect();
        }
        let members = self.few.iter().filter_map(|member| member.checked_sub(1));
        let mut numbers: Numbers = members.map(|member| member / BLOCK).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The words of a block that may have members, a bit each.
    pub(crate) fn filled(&self, number: u32) -> u64 {
        match &self.blocks {
            Some(list) => numbered(list, number).map_or(0, Block::filled),
            None => self.few_in(number).fold(0, |filled, at| filled | 1 << (at / 64)),
        }
    }

    /// The bits of a block, if it has some.
    pub(crate) fn bits(&self, number: u32) -> Option<&Bits> {
        numbered(self.blocks.as_ref()?, number)?.bits.get().map(|bits| &**bits)
    }

    /// Adds the members in some words of a block to `words`, and perhaps some in others.
    pub(crate) fn read(&self, number: u32, wanted: u64, words: &mut Words) {
        match &self.blocks {
            Some(list) => {
                if let Some(block) = numbered(list, number) {
                    block.read(wanted, words);
                }
            }
            None => self.few_in(number).for_each(|at| add(words, at)),
        }
    }

    /// The places in a block of the first members.
    fn few_in(&self, number: u32) -> impl Iterator<Item = u16> {
        let members = self.few.iter().filter_map(|member| member.checked_sub(1));
        members.filter(move |member| member / BLOCK == number).map(|member| mark(member) - 1)
    }
}

#[cfg(test)]
mod tests;
