//! One namespace: its entries, their indexes, and the revision at which it stands.
//!
//! Writers take turns; readers take no lock. The rule is: *indexes over-approximate, the version decides.*
//!
//! # State
//!
//! Each entry has a slot, a small number, while its name is taken. A slot holds a chain of versions, the
//! newest first; usually there is one. A version stands from one revision to another and never changes in
//! between. `ids` leads from a name to slots, a term from a value to the slots that carry it. Both may lead
//! to a slot that does not have the name or the value, at the revision of the reader or any more.
//!
//! # A commit
//!
//! Under the writer's lock, for revision n+1: mark the slots dirty; enter them in their terms; end the old
//! version at n+1 and link the new one, which begins at n+1; enter a new name. Then publish n+1, the one
//! step that readers see. Every read is one of a revision, so a change is seen whole or not at all.
//!
//! # Reading
//!
//! A query pins the revision it reads ([`Pins`]), reads sets, and asks each candidate for its version at
//! that revision. A slot that is not dirty has one version, which every reader sees, and stands in the
//! terms of that version and no other: it needs no question. A look-up pins nothing: it reads the revision,
//! looks, and if it finds nothing looks whether the revision is still the same.
//!
//! # Reclaiming
//!
//! In two steps, each waiting for the readers before it. When no reader is left that reads before its end,
//! a version is unlinked and its slot leaves the terms that no other version of the slot carries. A reader
//! that came before that may have read them already; so the revision is moved on, and when no reader of an
//! earlier one is left the slot is no longer dirty, and may be used again if it is vacant. Whoever commits
//! does this, and the last reader that was waited for.

mod audit;
mod cells;
mod chunks;
mod commit;
mod ended;
mod members;
mod pins;
mod pressure;
mod reading;
mod rebuild;
mod reclaim;
mod ring;
mod term;
mod turn;
mod version;

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foundation_env::fault;
use foundation_env::sync::TimedMutex;
use foundation_env::sync::atomic::{AtomicU64, Ordering};

use foundation_types::Pid;
use smallvec::SmallVec;

use crate::hash::Seed;
use crate::indexed::{Attribute, Indexed};
use crate::name::Name;

use ended::Ended;
use members::WORDS;
use pressure::Gauge;
use ring::Ring;
use term::{TermBook, Terms};
use turn::Requests;
use version::Slot;

pub(crate) use cells::{Cells, Load};
pub(crate) use chunks::Chunks;
pub(crate) use version::Version;

pub(crate) use commit::{Commit, NotOwner, Published};
pub(crate) use pins::Pins;
pub use pressure::Pressure;
pub(crate) use pressure::Warning;
pub(crate) use reading::{Candidates, Reading};
pub(crate) use rebuild::{Aftermath, Keeper};
pub(crate) use ring::{Cause, Change, Found, Purpose, Wake};
pub(crate) use term::{Term, TermKey};
pub(crate) use turn::{Request, Turn};
pub use version::Registration;

/// A name within the namespace, with its hash, which is made before the lock is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) name: &'a Name,
    pub(crate) hash: u64,
}

/// One namespace. It stays until the registry is dropped.
pub(crate) struct Namespace {
    pub(crate) label: Arc<str>,
    seed: Seed,
    /// The newest revision. Every commit adds one, and reclaiming sometimes does.
    clock: AtomicU64,
    ids: Cells,
    slots: Chunks<Slot, 4>,
    /// What is known of the slots, 4,096 to a block.
    blocks: Chunks<Block, 0>,
    terms: Terms,
    pins: Pins,
    /// The revision before which nobody may read any more for the next step of reclaiming; the greatest number if
    /// nothing waits for readers.
    waits_for: AtomicU64,
    ring: Ring,
    requests: Requests,
    gauge: Gauge,
    bounds: Bounds,
    indexed: Indexed,
    keeper: Option<Arc<dyn Keeper>>,
    writer: TimedMutex<Writer>,
}

/// What the namespaces of a registry have in common.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) seed: Seed,
    pub(crate) bounds: Bounds,
    pub(crate) indexed: Indexed,
    /// None in tests of a namespace alone.
    pub(crate) keeper: Option<Arc<dyn Keeper>>,
}

/// What a namespace may hold, and what it keeps for those who read and watch it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "they are all bounds")]
pub(crate) struct Bounds {
    pub(crate) entries_max: usize,
    /// What the entries carry.
    pub(crate) bytes_max: usize,
    /// Versions that wait for readers.
    pub(crate) waiting_versions_max: usize,
    /// What those carry.
    pub(crate) waiting_bytes_max: usize,
    /// Changes for those who watch.
    pub(crate) changes_max: usize,
    /// What stood before those carries.
    pub(crate) change_bytes_max: usize,
}

/// Two bits for each slot of a block.
struct Block {
    /// It needs a question.
    dirty: [AtomicU64; WORDS],
    /// It has a version.
    taken: [AtomicU64; WORDS],
}

impl Default for Block {
    fn default() -> Self {
        let words = || std::array::from_fn(|_| AtomicU64::new(0));
        Self { dirty: words(), taken: words() }
    }
}

/// What only the writer needs.
pub(crate) struct Writer {
    ids: Load,
    terms: TermBook,
    /// Vacant slots that may be used again.
    free: Vec<u32>,
    /// By number.
    slots: Vec<Noted>,
    /// Versions that have ended and wait for readers.
    ended: Ended,
    /// Readers that were not waited for, since the beginning.
    expired: u64,
    /// Slots for which readers before a revision must go, in the order of those.
    settling: VecDeque<(u64, u32)>,
    entries: usize,
    /// What they carry.
    bytes: usize,
    /// A change is under way: the tables do not agree.
    is_changing: bool,
    /// A writer crashed in its turn, and so did who built the namespace anew.
    is_torn: bool,
    /// What is left to do since that was done.
    aftermath: Option<Box<Aftermath>>,
    /// How often it was built anew.
    rebuilt: u64,
}

/// Versions that were unlinked, to be dropped without the lock. Usually one.
type Unlinked = SmallVec<[Arc<Version>; 2]>;

/// See [`Counts`](crate::Counts).
pub(crate) struct Sizes {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
    pub(crate) index_rows: usize,
    pub(crate) waiting: usize,
    pub(crate) watches: usize,
    pub(crate) expired: u64,
    pub(crate) rebuilt: u64,
}

/// What the writer knows of a slot.
#[derive(Default)]
struct Noted {
    /// The writer's own hold on the newest version, so that it reads none of what readers share.
    newest: Option<Arc<Version>>,
    /// Steps of reclaiming that wait.
    pending: u32,
}

impl Namespace {
    pub(crate) fn new(label: Arc<str>, settings: Settings) -> Self {
        let Settings { seed, bounds, indexed, keeper } = settings;
        Self {
            label,
            seed,
            clock: AtomicU64::new(0),
            ids: Cells::new(),
            slots: Chunks::new(),
            blocks: Chunks::new(),
            terms: Terms::new(),
            pins: Pins::new(),
            waits_for: AtomicU64::new(u64::MAX),
            ring: Ring::new(bounds),
            requests: Requests::new(),
            gauge: Gauge::default(),
            bounds,
            indexed,
            keeper,
            writer: TimedMutex::new(Writer {
                ids: Load::default(),
                terms: TermBook::default(),
                free: Vec::new(),
                slots: Vec::new(),
                ended: Ended::default(),
                expired: 0,
                settling: VecDeque::new(),
                entries: 0,
                bytes: 0,
                is_changing: false,
                is_torn: false,
                aftermath: None,
                rebuilt: 0,
            }),
        }
    }

    /// Prepares a look-up; hashing needs no lock.
    pub(crate) fn key<'a>(&self, name: &'a Name) -> Key<'a> {
        let mut hasher = self.seed.build_hasher();
        hasher.write(name.parts().1);
        hasher.write_u16(name.node().get());
        Key { name, hash: hasher.finish() }
    }

    /// Prepares a look-up of a term.
    pub(crate) fn term_key<'a>(&self, attribute: Attribute, value: &'a str) -> TermKey<'a> {
        TermKey { attribute, value, hash: self.seed.hash_one((attribute, value)) }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.clock.load(Ordering::Acquire)
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Finds what stands under a name, and lets `use_it` look at it.
    ///
    /// It is what stood there when the call began, or at a moment since.
    #[inline]
    pub(crate) fn lookup<R>(
        &self,
        key: Key<'_>,
        mut use_it: impl FnMut(&Arc<Version>) -> R,
    ) -> Option<R> {
        if fault::planted("registry_lookup_waits") {
            drop(self.turn());
        }
        loop {
            let revision = self.revision();
            let mut is_doubtful = false;
            let found = self.ids.find(key.hash, |slot| {
                let found = version::with(self.slots.get(slot)?, revision, |version| {
                    version.has(key).then(|| use_it(version))
                });
                is_doubtful |= found.is_none();
                found.flatten()
            });
            // A name that is taken all the time is in the table all the time. So whoever finds no slot for
            // it is right; whoever finds one with no version for him may have come too late for it. The
            // revision is loaded after everything above, each with Acquire: if it is the same the writer has
            // reclaimed nothing that counted at it.
            let believes = fault::planted("registry_lookup_unconfirmed");
            if found.is_some() || !is_doubtful || believes || self.revision() == revision {
                return found;
            }
        }
    }

    /// Brings what a commit will read of a slot near, before it takes the lock.
    pub(crate) fn touch(&self, slot: u32) {
        let newest = self.slots.get(slot).map(Slot::load);
        std::hint::black_box(newest.as_ref().is_some_and(|newest| newest.is_some()));
    }

    /// The name in a slot and who has it; none if it was freed meanwhile.
    pub(crate) fn name_in(&self, slot: u32) -> Option<(Name, Pid)> {
        let version = version::at(self.slots.get(slot)?, self.revision())?;
        Some((version.entry.name.clone(), version.entry.pid))
    }

    pub(crate) fn sizes(&self) -> Sizes {
        let writer = self.turn();
        let members = |term: &Arc<Term>| term.members.len() as usize;
        Sizes {
            entries: writer.entries,
            bytes: writer.bytes,
            index_rows: writer.terms.all().map(members).sum(),
            waiting: writer.ended.len() + writer.settling.len(),
            watches: self.ring.watchers(),
            expired: writer.expired,
            rebuilt: writer.rebuilt,
        }
    }

    /// Sets or clears a bit of a slot. Only the writer does, so a load and a store will do.
    fn mark(&self, slot: u32, bits: fn(&Block) -> &[AtomicU64; WORDS], value: bool) {
        let Some(block) = self.blocks.grow(slot / members::BLOCK) else { return };
        let (word, bit) = ((slot % members::BLOCK / 64) as usize, 1 << (slot % 64));
        if let Some(word) = bits(block).get(word) {
            let before = word.load(Ordering::Relaxed);
            word.store(if value { before | bit } else { before & !bit }, Ordering::Release);
        }
    }
}

impl Writer {
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Slots ever used.
    fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    fn newest(&self, slot: u32) -> Option<&Arc<Version>> {
        self.slots.get(slot as usize)?.newest.as_ref()
    }

    fn pend(&mut self, slot: u32) {
        if let Some(noted) = self.slots.get_mut(slot as usize) {
            noted.pending += 1;
        }
    }
}
