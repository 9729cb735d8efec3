//! Terms: one value of one indexed attribute, and the slots that carry it.

use std::sync::Arc;

use foundation_env::sync::atomic::AtomicU32;
use foundation_env::sync::{AtomicArc, Loaded};

use super::cells::{Cells, Load};
use super::chunks::Chunks;
use super::members::Members;

/// An indexed attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Attribute {
    Capability,
    Health,
}

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
    free: Vec<u32>,
    next: u32,
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
            let term = self.get(number);
            term.as_ref().is_some_and(|term| term.has(key)).then(|| term.into_arc()).flatten()
        })
    }

    fn get(&self, number: u32) -> Loaded<Term> {
        // A number stands in a cell only while its place in the list exists.
        self.list.get(number).map_or_else(|| AtomicArc::default().load(), AtomicArc::load)
    }

    /// Every term, in no order. Writer only, or it may miss some.
    pub(crate) fn all(&self, book: &TermBook) -> Vec<Arc<Term>> {
        (0..book.next).filter_map(|number| self.get(number).into_arc()).collect()
    }

    /// Enters a slot as a carrier of a term, which is made if nobody carried it, and returns its number.
    /// Writer only.
    pub(crate) fn enter(
        &self,
        book: &mut TermBook,
        key: TermKey<'_>,
        slot: u32,
        value: impl FnOnce() -> Arc<str>,
    ) -> u32 {
        let known = self.cells.find(key.hash, |number| {
            let term = self.get(number);
            let term = term.as_ref().filter(|term| term.has(key))?;
            term.members.insert(slot);
            Some(number)
        });
        known.unwrap_or_else(|| {
            let number = book.free.pop().unwrap_or_else(|| {
                book.next += 1;
                book.next - 1
            });
            let TermKey { attribute, hash, .. } = key;
            let (members, turn) = (Members::default(), AtomicU32::new(0));
            let term = Term { attribute, value: value(), hash, members, turn };
            term.members.insert(slot);
            let place = self.list.grow(number);
            drop(place.map(|place| place.swap(Some(Arc::new(term)))));
            self.cells.insert(&mut book.load, key.hash, number);
            number
        })
    }

    /// Takes a slot out of a term, and the term away if it was the last one. Writer only.
    pub(crate) fn leave(&self, book: &mut TermBook, number: u32, slot: u32) {
        let term = self.get(number);
        let Some(term) = &*term else { return };
        term.members.remove(slot);
        if term.members.len() == 0 {
            self.cells.remove(&mut book.load, term.hash, number);
            drop(self.list.get(number).map(|place| place.swap(None)));
            book.free.push(number);
        }
    }
}
