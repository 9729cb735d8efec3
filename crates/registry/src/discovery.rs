//! Discovery: the questions that those who hand out work ask most.
//!
//! The ones for agents are queries like any other, made here so that nobody has to know the names of fields; each
//! goes through the one planner. A summary is made in one read, so its parts belong together.

use std::ops::RangeInclusive;

use foundation_env::fault;

use crate::ask;
use crate::entry::Entry;
use crate::first::first;
use crate::indexed::Attribute;
use crate::metadata::{Health, Metadata};
use crate::namespace::{Candidates, Registration};
use crate::page::Page;
use crate::plan::{Planned, plan};
use crate::query::{FieldBuilder, FilterBuilder, Query, QueryBuilder, QueryError, field};
use crate::registry::Registry;
use crate::revision::Revision;

mod summary;

pub use summary::{CapabilityCounts, HealthSummary, ResourceSummary, Usage};

impl Metadata {
    /// The resource that says how much memory a process may still take; the unit is the application's.
    pub const MEMORY_AVAILABLE: &'static str = "memory_available";
    /// The resource that says how much of a processor a process may still take.
    pub const CPU_AVAILABLE: &'static str = "cpu_available";
    /// The resource that says which part of its memory a process uses, from 0 to 1.
    pub const MEMORY_USAGE: &'static str = "memory_usage";
    /// The resource that says which part of its processor a process uses, from 0 to 1.
    pub const CPU_USAGE: &'static str = "cpu_usage";
}

/// Memory and processor that somebody needs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Amounts {
    /// Of [`Metadata::MEMORY_AVAILABLE`].
    pub memory: f64,
    /// Of [`Metadata::CPU_AVAILABLE`].
    pub cpu: f64,
}

/// Ranges in which usage lies, both ends included.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageRanges {
    /// Of [`Metadata::MEMORY_USAGE`].
    pub memory: RangeInclusive<f64>,
    /// Of [`Metadata::CPU_USAGE`].
    pub cpu: RangeInclusive<f64>,
}

/// Discovery. Everything is found in the order of names, as of the one revision that the answer says, and all of
/// it: for pages use [`Registry::query`]. A resource that a process does not have is in no range and never
/// enough.
///
/// Each fails with [`QueryError`] when what is asked for cannot be: a number that is not finite, or more
/// capabilities than a query may name.
impl Registry {
    /// Finds who has a capability and is healthy.
    ///
    /// # Errors
    ///
    /// [`QueryError`] when the text is longer than a query.
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{Amounts, Metadata, Name, Registry};
    /// # struct Worker;
    /// # impl Process for Worker {
    /// #     type Message = String;
    /// #     async fn handle(&mut self, _: String, _: &mut Context<String>) -> Outcome { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::current();
    /// # let registry = Registry::new(system.clone());
    /// # let worker = system.spawn(Worker)?;
    /// let metadata = Metadata::builder()
    ///     .capability("ocr")
    ///     .resource(Metadata::MEMORY_AVAILABLE, 512.0)
    ///     .resource(Metadata::CPU_AVAILABLE, 0.5)
    ///     .build()?;
    /// registry.register(worker.pid(), Name::new("agents", "reader-1")?, metadata)?;
    ///
    /// let able = registry.find_capable_and_healthy("agents", "ocr")?;
    /// assert_eq!(able.registrations.len(), 1);
    /// let needed = Amounts { memory: 256.0, cpu: 1.0 };
    /// let able = registry.find_capable_with_resources("agents", "ocr", needed)?;
    /// assert_eq!(able.registrations.len(), 0, "half a processor is free");
    /// # Ok(())
    /// # }
    /// ```
    pub fn find_capable_and_healthy(
        &self,
        namespace: &str,
        capability: &str,
    ) -> Result<Page, QueryError> {
        self.find_healthy(namespace, [has(capability)])
    }

    /// Finds who has at least so much memory and processor available, and is healthy.
    ///
    /// # Errors
    ///
    /// [`QueryError`] when an amount is not finite.
    pub fn find_with_resources(
        &self,
        namespace: &str,
        needed: Amounts,
    ) -> Result<Page, QueryError> {
        self.find_healthy(namespace, enough(needed))
    }

    /// Finds who has a capability and at least so much memory and processor available, and is healthy.
    ///
    /// # Errors
    ///
    /// As the two it joins.
    pub fn find_capable_with_resources(
        &self,
        namespace: &str,
        capability: &str,
        needed: Amounts,
    ) -> Result<Page, QueryError> {
        let [memory, cpu] = enough(needed);
        self.find_healthy(namespace, [has(capability), memory, cpu])
    }

    /// Finds who has all of several capabilities, and is healthy. Everybody has all of none.
    ///
    /// # Errors
    ///
    /// [`QueryError`] when they are more than 63, or their texts longer than a query.
    pub fn find_by_all_capabilities<'a>(
        &self,
        namespace: &str,
        capabilities: impl IntoIterator<Item = &'a str>,
    ) -> Result<Page, QueryError> {
        self.find_healthy(namespace, capabilities.into_iter().map(has))
    }

    /// Finds whose usage of memory and processor lies in two ranges, both ends included, and who is healthy.
    ///
    /// # Errors
    ///
    /// [`QueryError`] when an end is not finite. A range whose end is below its start has nobody in it.
    pub fn find_by_resource_range(
        &self,
        namespace: &str,
        ranges: &UsageRanges,
    ) -> Result<Page, QueryError> {
        let within = |name, range: &RangeInclusive<f64>| {
            let above = resource(name).at_least(*range.start());
            above.and(resource(name).at_most(*range.end()))
        };
        let memory = within(Metadata::MEMORY_USAGE, &ranges.memory);
        self.find_healthy(namespace, [memory, within(Metadata::CPU_USAGE, &ranges.cpu)])
    }

    /// Finds the healthy ones with a capability that are loaded least: at most `count`, in the order of the sum
    /// of their usage of memory and processor, from the least; names decide among equals. What a process does
    /// not say counts as 1, that is as fully used. Keeps no more than are asked for, and one.
    ///
    /// # Errors
    ///
    /// As [`Registry::find_capable_and_healthy`].
    pub fn find_least_loaded(
        &self,
        namespace: &str,
        capability: &str,
        count: usize,
    ) -> Result<Page, QueryError> {
        let filter = healthy([has(capability)]).build()?.filter().normalized();
        Ok(self.answer(namespace, |reading| {
            let Planned { candidates, .. } = plan(reading, &filter);
            let versions = reading.versions(&candidates);
            let matching = versions.filter(|version| filter.matches(&version.entry));
            let loaded = matching.map(|found| (load(&found.entry), Registration::new(found)));
            let order = |(a, one): &(f64, Registration), (b, other): &(f64, Registration)| {
                a.total_cmp(b).then_with(|| one.name.cmp(&other.name))
            };
            let least = first(loaded, count, &order);
            let registrations = least.into_iter().map(|(_, found)| found).collect();
            Page { revision: Revision::new(reading.revision()), registrations, next: None }
        }))
    }

    /// Counts who has which capability, whatever their health: every capability that somebody has, all as of one
    /// revision. Looks at no entry that has not just changed.
    pub fn count_by_every_capability(&self, namespace: &str) -> CapabilityCounts {
        self.answer(namespace, |reading| {
            let by_capability = ask::count_by_every_capability(reading);
            CapabilityCounts { revision: Revision::new(reading.revision()), by_capability }
        })
    }

    /// Sums up how well all in a namespace do, and on which nodes they are, as of one revision. Looks at every
    /// entry.
    pub fn health_summary(&self, namespace: &str) -> HealthSummary {
        let torn = fault::planted("registry_summary_torn")
            .then(|| self.answer(namespace, |reading| reading.versions(&Candidates::All).count()));
        self.answer(namespace, |reading| {
            let revision = Revision::new(reading.revision());
            let mut summary = HealthSummary { revision, ..HealthSummary::default() };
            for version in reading.versions(&Candidates::All) {
                let (health, node) = (version.entry.metadata.health(), version.entry.pid.node());
                summary.total += 1;
                *summary.by_health.entry(health).or_insert(0) += 1;
                *summary.by_node.entry(node).or_insert(0) += 1;
            }
            summary.total = torn.unwrap_or(summary.total);
            summary
        })
    }

    /// Sums up what the healthy ones in a namespace use, as of one revision. Looks at every healthy entry.
    pub fn resource_summary(&self, namespace: &str) -> ResourceSummary {
        self.answer(namespace, |reading| {
            let mut summary = ResourceSummary {
                revision: Revision::new(reading.revision()),
                ..ResourceSummary::default()
            };
            let healthy = reading.carriers(Attribute::Health, Health::Healthy.as_str());
            for version in reading.versions(&healthy) {
                let metadata = &version.entry.metadata;
                // The index may lead to one that is no longer, or not yet.
                if metadata.health() != Health::Healthy {
                    continue;
                }
                summary.healthy += 1;
                summary.memory_usage.add(metadata.resource(Metadata::MEMORY_USAGE));
                summary.cpu_usage.add(metadata.resource(Metadata::CPU_USAGE));
            }
            summary
        })
    }

    fn find_healthy(
        &self,
        namespace: &str,
        conditions: impl IntoIterator<Item = FilterBuilder>,
    ) -> Result<Page, QueryError> {
        let query = healthy(conditions).order_by("id").build()?;
        Ok(self.query(namespace, &query))
    }
}

/// A query for the healthy ones for whom the conditions hold.
fn healthy(conditions: impl IntoIterator<Item = FilterBuilder>) -> QueryBuilder {
    let conditions = conditions.into_iter();
    let all = conditions.fold(Query::builder(), QueryBuilder::filter);
    if fault::planted("registry_discovery_ignores_health") {
        return all;
    }
    all.filter(field("health").eq(Health::Healthy.as_str()))
}

fn has(capability: &str) -> FilterBuilder {
    field("capability").eq(capability)
}

fn enough(needed: Amounts) -> [FilterBuilder; 2] {
    [
        resource(Metadata::MEMORY_AVAILABLE).at_least(needed.memory),
        resource(Metadata::CPU_AVAILABLE).at_least(needed.cpu),
    ]
}

/// The field of a resource; by its whole path, so that no attribute of the same name is taken for it.
fn resource(name: &str) -> FieldBuilder {
    field(&format!("resources.{name}"))
}

/// How much of its memory and processor a process uses, together.
fn load(entry: &Entry) -> f64 {
    let unknown = if fault::planted("registry_unknown_load_is_none") { 0.0 } else { 1.0 };
    let usage = |name| entry.metadata.resource(name).unwrap_or(unknown);
    usage(Metadata::MEMORY_USAGE) + usage(Metadata::CPU_USAGE)
}
