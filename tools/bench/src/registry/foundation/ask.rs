//! How our registry is asked: the one place to change when it learns to answer whole questions.

use std::hint::black_box;

use foundation_registry::{Entry, Registry};

use super::super::shape::{NAMESPACE, Question};

/// Lists the entries that fit, as a caller would keep them; returns how many there are.
pub(super) fn list(registry: &Registry, question: Question) -> usize {
    black_box(fitting(registry, question)).len()
}

/// Counts the entries that fit.
///
/// Until the registry counts by itself, the entries are listed for it.
pub(super) fn count(registry: &Registry, question: Question) -> usize {
    list(registry, question)
}

/// Until the registry takes several criteria, they are listed by the capability that fewest have, and
/// the rest is left out here.
fn fitting(registry: &Registry, question: Question) -> Vec<Entry> {
    let Some((rarest, others)) = question.capabilities.split_first() else { return Vec::new() };
    let mut entries = registry.find_by_capability(NAMESPACE, rarest);
    if !others.is_empty() || question.health.is_some() {
        entries.retain(|entry| {
            let metadata = &entry.metadata;
            others.iter().all(|capability| metadata.has(capability))
                && question.health.is_none_or(|health| metadata.health() == health)
        });
    }
    entries
}
