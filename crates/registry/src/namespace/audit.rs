//! Looking whether a namespace is whole, with its writer held up.

use std::collections::BTreeSet;
use std::sync::Arc;

use foundation_env::sync::atomic::Ordering;

use super::members::BLOCK;
use super::version::Version;
use super::{Namespace, Writer};
use crate::entry::Entry;
use crate::indexed::Attribute;
use crate::invariants::Violation;

impl Namespace {
    /// Every entry, in the order of slots.
    pub(crate) fn standing(&self, writer: &Writer) -> Vec<Arc<Version>> {
        let chains = (0..writer.slots()).filter_map(|slot| self.chain(slot).into_iter().next());
        chains.filter(|newest| newest.stands()).collect()
    }

    /// The versions in a slot, newest first.
    pub(super) fn chain(&self, slot: u32) -> Vec<Arc<Version>> {
        let newest = self.slots.get(slot).and_then(|place| place.load().as_ref().cloned());
        std::iter::successors(newest, |version| version.older()).collect()
    }

    /// Adds what is wrong.
    pub(crate) fn audit(&self, writer: &Writer, violations: &mut Vec<Violation>) {
        let standing = self.standing(writer);
        let (counted, found) = (writer.entries, standing.len());
        if counted != found {
            violations.push(Violation::Miscounted {
                namespace: self.label.to_string(),
                counted,
                found,
            });
        }
        let (counted, found) = (writer.bytes, standing.iter().map(|one| one.entry.bytes()).sum());
        if counted != found {
            let namespace = self.label.to_string();
            violations.push(Violation::MiscountedBytes { namespace, counted, found });
        }
        for version in &standing {
            let name = &version.entry.name;
            if name.namespace() != &*self.label {
                let found = self.label.to_string();
                violations.push(Violation::WrongNamespace { name: name.clone(), found });
            }
            if !self.lookup(self.key(name), |found| Arc::ptr_eq(found, version)).unwrap_or(false) {
                violations.push(Violation::NotFound { name: name.clone() });
            }
            for (attribute, value) in self.values_of(&version.entry) {
                let term = self.terms.find(self.term_key(attribute, &value));
                if !term.is_some_and(|term| term.members.contains(version.slot)) {
                    let (name, value) = (name.clone(), self.shown(attribute, &value));
                    violations.push(Violation::NotIndexed { name, value });
                }
            }
        }
        self.audit_terms(writer, violations);
        self.audit_slots(writer, violations);
    }

    fn audit_terms(&self, writer: &Writer, violations: &mut Vec<Violation>) {
        for term in writer.terms.all() {
            for slot in term.members.to_set() {
                let carries = |version: &Arc<Version>| {
                    self.values_of(&version.entry)
                        .contains(&(term.attribute, term.value.to_string()))
                };
                if !self.chain(slot).iter().any(carries) {
                    let namespace = self.label.to_string();
                    let value = self.shown(term.attribute, &term.value);
                    violations.push(Violation::StaleIndexRow { namespace, value, slot });
                }
            }
        }
    }

    fn audit_slots(&self, writer: &Writer, violations: &mut Vec<Violation>) {
        for slot in 0..writer.slots() {
            let pending = writer.slots.get(slot as usize).map_or(0, |noted| noted.pending);
            let (word, bit) = ((slot % BLOCK / 64) as usize, 1_u64 << (slot % 64));
            let block = self.blocks.get(slot / BLOCK);
            let dirty = block.and_then(|block| block.dirty.get(word));
            let is_dirty = dirty.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0);
            if !is_dirty && (pending > 0 || self.chain(slot).len() > 1) {
                violations.push(Violation::NotDirty { namespace: self.label.to_string(), slot });
            }
        }
    }
}

impl Namespace {
    fn shown(&self, attribute: Attribute, value: &str) -> String {
        format!("{}:{value}", self.indexed.path(attribute))
    }

    /// The indexed values of an entry.
    fn values_of(&self, entry: &Entry) -> BTreeSet<(Attribute, String)> {
        let mut values = BTreeSet::new();
        self.each_term(entry, |attribute, value| {
            values.insert((attribute, value.to_owned()));
        });
        values
    }
}
