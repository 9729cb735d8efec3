//! How our registry is asked: with a query that is built once, as a caller would keep it.

use std::hint::black_box;

use anyhow::Result;
use foundation_registry::{Query, Registry, field};

use super::super::shape::{NAMESPACE, Question};

/// The query of a question.
pub(super) fn query(question: Question) -> Result<Query> {
    let mut query = Query::builder();
    for capability in question.capabilities {
        query = query.filter(field("capability").eq(*capability));
    }
    if let Some(health) = question.health {
        query = query.filter(field("health").eq(health.as_str()));
    }
    Ok(query.build()?)
}

/// Lists the entries that fit, as a caller would keep them; returns how many there are.
pub(super) fn list(registry: &Registry, query: &Query) -> usize {
    black_box(registry.query(NAMESPACE, query)).registrations.len()
}

/// Counts the entries that fit.
pub(super) fn count(registry: &Registry, query: &Query) -> usize {
    registry.count(NAMESPACE, query)
}
