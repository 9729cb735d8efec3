//! What summaries say.

use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_types::NodeId;

use crate::metadata::Health;
use crate::revision::Revision;

/// How many have each capability.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CapabilityCounts {
    /// The revision of the namespace of which this is the answer.
    pub revision: Revision,
    /// Every capability that somebody has, with how many do.
    pub by_capability: BTreeMap<Arc<str>, usize>,
}

/// How well all in a namespace do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthSummary {
    /// The revision of the namespace of which this is the answer.
    pub revision: Revision,
    /// How many there are.
    pub total: usize,
    /// How many are in each state of health, also those states in which nobody is.
    pub by_health: BTreeMap<Health, usize>,
    /// How many are on each node that somebody is on.
    pub by_node: BTreeMap<NodeId, usize>,
}

impl Default for HealthSummary {
    /// The summary of nobody.
    fn default() -> Self {
        let by_health = Health::ALL.map(|health| (health, 0)).into();
        let (revision, by_node) = (Revision::default(), BTreeMap::new());
        Self { revision, total: 0, by_health, by_node }
    }
}

impl HealthSummary {
    /// Returns how many are in a state of health.
    pub fn of(&self, health: Health) -> usize {
        self.by_health.get(&health).copied().unwrap_or(0)
    }

    /// Returns how many of a hundred are healthy; 0 when there is nobody.
    pub fn healthy_percentage(&self) -> f64 {
        ratio(100.0 * number(self.of(Health::Healthy)), self.total)
    }
}

/// What the healthy ones in a namespace use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct ResourceSummary {
    /// The revision of the namespace of which this is the answer.
    pub revision: Revision,
    /// How many are healthy.
    pub healthy: usize,
    /// Of [`Metadata::MEMORY_USAGE`](crate::Metadata::MEMORY_USAGE).
    pub memory_usage: Usage,
    /// Of [`Metadata::CPU_USAGE`](crate::Metadata::CPU_USAGE).
    pub cpu_usage: Usage,
}

/// A resource, summed up. Who does not say how much of it there is is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Usage {
    /// How many say it.
    pub reported: usize,
    /// The sum of what they say.
    pub total: f64,
}

impl Usage {
    /// Returns the mean of what those say who say it; 0 when nobody does.
    pub fn average(&self) -> f64 {
        ratio(self.total, self.reported)
    }

    pub(super) fn add(&mut self, amount: Option<f64>) {
        if let Some(amount) = amount {
            self.reported += 1;
            self.total += amount;
        }
    }
}

fn ratio(sum: f64, len: usize) -> f64 {
    if len == 0 { 0.0 } else { sum / number(len) }
}

/// A count of entries, which have numbers of 32 bits.
fn number(len: usize) -> f64 {
    f64::from(u32::try_from(len).unwrap_or(u32::MAX))
}
