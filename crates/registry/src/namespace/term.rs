//! Terms: one value of one indexed attribute, and the slots that carry it.

use std::sync::Arc;

use foundation_env::sync::AtomicArc;
use foundation_env::sync::atomic::AtomicU32;

use super::cells::{Cells, Load};
use super::chunks::Chunks;
use super::members::{Held, Members};
use crate::crash;
use crate::indexed::Attribute;

/// What a term is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TermKey<'a> {
    pub(crate) attribute: Attribute,
    pub(crate) value: &'a str,
    /// Of both.
    pub(crate) hash: u64,
}

/// A term that some version carries.
pub(crate) struct Term {
    pub(crate) attribute: Attribute,
    pub(crate) value: Arc<str>,
    hash: u64,
    pub(crate) members: Members,
    /// One above the slot whose turn it was last among the carriers; 0 before the first turn.
    pub(crate) turn: AtomicU32,
}

/// All terms of a namespace. A term without members is removed.
pub(crate) struct Terms {
    cells: Cells,
    list: Chunks<AtomicArc<Term>, 3>,
}

/// What only the writer knows of the terms.
#[derive(Default)]
pub(crate) struct TermBook {
    load: Load,
    /// By number.
    terms: Vec<Option<Noted>>,
    free: Vec<u32>,
}

/// The writer's own hold on a term, so that it reads none of what readers share.
struct Noted {
    term: Arc<Term>,
    blocks: Held,
}

impl Term {
    fn has(&self, key: TermKey<'_>) -> bool {
        self.hash == key.hash && self.attribute == key.attribute && *self.value == *key.value
    }
}

impl Terms {
    pub(crate) fn new() -> Self {
        Self { cells: Cells::new(), list: Chunks::new() }
    }

    pub(crate) fn find(&self, key: TermKey<'_>) -> Option<Arc<Term>> {
        self.cells.find(key.hash, |number| {
            let term = self.list.get(number)?.load();
            term.as_ref().is_some_and(|term| term.has(key)).then(|| term.into_arc()).flatten()
        })
    }

    /// Every term, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<Term>> {
        let places = (0..u32::MAX).map_while(|number| self.list.get(number));
        places.filter_map(|place| place.load().into_arc())
    }

    /// Enters a slot as a carrier of a term, which is made if nobody carried it, and returns its number.
    /// Writer only.
    pub(crate) fn enter(&self, book: &mut TermBook, key: TermKey<'_>, slot: u32) -> u32 {
        let known = self.cells.find(key.hash, |number| {
            book.get(number).is_some_and(|noted| noted.term.has(key)).then_some(number)
        });
        let number = known.unwrap_or_else(|| self.add(book, key));
        if let Some(noted) = book.get_mut(number) {
            noted.term.members.insert(&mut noted.blocks, slot);
        }
        number
    }

    /// Forgets all terms and makes those that are carried: the number of each, and a slot. Readers find those that were
    /// there before all the time. Writer only.
    pub(super) fn refill<'a>(
        &self,
        book: &mut TermBook,
        carried: impl Iterator<Item = (u32, TermKey<'a>, u32)>,
    ) {
        let mut terms: Vec<_> = std::iter::repeat_with(|| None).take(book.terms.len()).collect();
        for (number, key, slot) in carried {
            let number = number as usize;
            if terms.len() <= number {
                terms.resize_with(number + 1, || None);
            }
            if let Some(place) = terms.get_mut(number) {
                let noted = place.get_or_insert_with(|| Noted::new(key));
                noted.term.members.insert(&mut noted.blocks, slot);
            }
        }
        let (mut free, mut hashes) = (Vec::new(), Vec::new());
        for (number, noted) in (0..).zip(&terms) {
            match noted {
                Some(noted) => hashes.push((noted.term.hash, number)),
                None => free.push(number),
            }
            let term = noted.as_ref().map(|noted| Arc::clone(&noted.term));
            drop(self.list.grow(number).map(|place| place.swap(term)));
        }
        self.cells.refill(&mut book.load, &hashes);
        (book.terms, book.free) = (terms, free);
    }

    fn add(&self, book: &mut TermBook, key: TermKey<'_>) -> u32 {
        let number = book.free.pop().unwrap_or_else(|| {
            book.terms.push(None);
            u32::try_from(book.terms.len() - 1).unwrap_or(u32::MAX)
        });
        let noted = Noted::new(key);
        let term = Arc::clone(&noted.term);
        if let Some(place) = book.terms.get_mut(number as usize) {
            *place = Some(noted);
        }
        drop(self.list.grow(number).map(|place| place.swap(Some(term))));
        crash::point();
        self.cells.insert(&mut book.load, key.hash, number);
        number
    }

    /// Takes a slot out of a term, and the term away if it was the last one. Writer only.
    pub(crate) fn leave(&self, book: &mut TermBook, number: u32, slot: u32) {
        let Some(noted) = book.get(number) else { return };
        noted.term.members.remove(&noted.blocks, slot);
        if noted.term.members.len() > 0 {
            return;
        }
        crash::point();
        let hash = noted.term.hash;
        self.cells.remove(&mut book.load, hash, number);
        drop(self.list.get(number).map(|place| place.swap(None)));
        if let Some(place) = book.terms.get_mut(number as usize) {
            *place = None;
        }
        book.free.push(number);
    }
}

impl Noted {
    fn new(TermKey { attribute, value, hash }: TermKey<'_>) -> Self {
        let (members, turn) = (Members::default(), AtomicU32::new(0));
        let term = Arc::new(Term { attribute, value: value.into(), hash, members, turn });
        Self { term, blocks: Held::default() }
    }
}

impl TermBook {
    fn get(&self, number: u32) -> Option<&Noted> {
        self.terms.get(number as usize)?.as_ref()
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Noted> {
        self.terms.get_mut(number as usize)?.as_mut()
    }

    /// Every term, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Term>> {
        self.terms.iter().flatten().map(|noted| &noted.term)
    }
}
