//! Questions to a namespace, answered as of the revision that is read.

use std::collections::BTreeSet;

use foundation_types::Pid;

use crate::indexed::Attribute;
use crate::namespace::{Candidates, Reading, Registration};
use crate::page::{Cursor, Page};
use crate::plan::{Planned, plan};
use crate::query::{Filter, Query};
use crate::revision::Revision;

/// Everybody with a capability, in the order of local ids.
pub(crate) fn by_capability(reading: &Reading<'_>, capability: &str) -> Vec<Registration> {
    let able = reading.carriers(Attribute::Capability, capability);
    let mut found: Vec<_> = with_capability(reading, &able, capability).collect();
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    found
}

/// How many have a capability.
pub(crate) fn count_by_capability(reading: &Reading<'_>, capability: &str) -> usize {
    let able = reading.carriers(Attribute::Capability, capability);
    reading.count(&able, true, |version| version.entry.metadata.has(capability))
}

/// The first one with a capability that is not excluded.
pub(crate) fn first_by_capability(
    reading: &Reading<'_>,
    capability: &str,
    excluded: &BTreeSet<Pid>,
) -> Option<Pid> {
    let able = reading.carriers(Attribute::Capability, capability);
    let mut pids = with_capability(reading, &able, capability).map(|found| found.pid);
    pids.find(|pid| !excluded.contains(pid))
}

/// Answers a query whose filter is given in its normal form.
pub(crate) fn query(
    reading: &Reading<'_>,
    query: &Query,
    filter: &Filter,
    after: Option<&Cursor>,
) -> Page {
    let Planned { plan, candidates } = plan(reading, filter);
    let revision = Revision::new(reading.revision());
    let mut found = Vec::with_capacity(plan.candidates_max.min(query.limit().unwrap_or(64)));
    if query.order().is_empty() {
        let after = after.map_or(0, |cursor| cursor.slot + 1);
        let rest = matching(reading, &candidates, filter, after);
        match query.limit() {
            // One more, to know whether there is another page.
            Some(limit) => found.extend(rest.take(limit.saturating_add(1))),
            None => found.extend(rest),
        }
    } else {
        let order = |a: &Registration, b: &Registration| {
            query.compare(&**a, &**b).then_with(|| a.name.cmp(&b.name))
        };
        found.extend(
            matching(reading, &candidates, filter, 0)
                .filter(|found| after.is_none_or(|cursor| order(found, &cursor.last).is_gt())),
        );
        found.sort_unstable_by(order);
    }
    Page::of(revision, found, query.limit())
}

/// How many a filter matches, which is in its normal form.
pub(crate) fn count(reading: &Reading<'_>, filter: &Filter) -> usize {
    let Planned { plan, candidates } = plan(reading, filter);
    reading.count(&candidates, plan.is_exact(), |version| filter.matches(&version.entry))
}

/// Whether a filter matches anything; it is in its normal form.
pub(crate) fn exists(reading: &Reading<'_>, filter: &Filter) -> bool {
    let Planned { candidates, .. } = plan(reading, filter);
    matching(reading, &candidates, filter, 0).next().is_some()
}

/// What matches among the candidates, in the order of slots, from one on.
fn matching<'a>(
    reading: &'a Reading<'_>,
    candidates: &'a Candidates,
    filter: &'a Filter,
    first: u32,
) -> impl Iterator<Item = Registration> + 'a {
    let versions = reading.versions_from(candidates, first);
    versions.filter(|version| filter.matches(&version.entry)).map(Registration::new)
}

fn with_capability(
    reading: &Reading<'_>,
    able: &Candidates,
    capability: &str,
) -> impl Iterator<Item = Registration> {
    let versions = reading.versions(able);
    versions.filter(move |version| version.entry.metadata.has(capability)).map(Registration::new)
}
