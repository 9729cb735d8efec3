//! Questions to a namespace, answered as of the revision that is read.

use std::collections::BTreeSet;
use std::sync::Arc;

use foundation_types::Pid;

use crate::first::first;
use crate::indexed::Attribute;
use crate::namespace::{Candidates, Reading, Registration, Version};
use crate::page::{Cursor, Page};
use crate::plan::{Planned, plan};
use crate::query::{Filter, Query};
use crate::revision::Revision;

/// Places made at first for what a query without a limit finds.
const FOUND_FIRST: usize = 1_024;

/// Everybody with a capability, in the order of local ids.
pub(crate) fn by_capability(reading: &Reading<'_>, capability: &str) -> Vec<Registration> {
    let able = reading.carriers(Attribute::Capability, capability);
    let has_it = |version: &Version| version.entry.metadata.has(capability);
    let mut found: Vec<_> = with_capability(reading, &able, &has_it).collect();
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    found
}

/// How many have a capability.
pub(crate) fn count_by_capability(reading: &Reading<'_>, capability: &str) -> usize {
    let able = reading.carriers(Attribute::Capability, capability);
    reading.count(&able, true, |version| version.entry.metadata.has(capability))
}

/// Every capability that anybody has, with how many do.
pub(crate) fn count_by_every_capability<C: FromIterator<(Arc<str>, usize)>>(
    reading: &Reading<'_>,
) -> C {
    let counted = reading.terms(Attribute::Capability).map(|term| {
        let carriers = Candidates::Term(term.members.view());
        let has_it = |version: &Version| version.entry.metadata.has(&term.value);
        (Arc::clone(&term.value), reading.count(&carriers, true, has_it))
    });
    counted.filter(|(_, count)| *count > 0).collect()
}

/// The first one with a capability that is not excluded.
pub(crate) fn first_by_capability(
    reading: &Reading<'_>,
    capability: &str,
    excluded: &BTreeSet<Pid>,
) -> Option<Pid> {
    let able = reading.carriers(Attribute::Capability, capability);
    let has_it = |version: &Version| version.entry.metadata.has(capability);
    let mut pids = with_capability(reading, &able, &has_it).map(|found| found.pid);
    pids.find(|pid| !excluded.contains(pid))
}

/// Answers a query whose filter is given in its normal form.
pub(crate) fn query(
    reading: &Reading<'_>,
    query: &Query,
    filter: &Filter,
    after: Option<&Cursor>,
) -> Page {
    let planned = plan(reading, filter);
    let matches = |version: &Version| filter.matches(&version.entry);
    let revision = Revision::new(reading.revision());
    // One more, to know whether there is another page.
    let wanted = query.limit().map(|limit| limit.saturating_add(1));
    let mut found = Vec::new();
    if query.order().is_empty() {
        found.reserve(planned.candidates_max.min(wanted.unwrap_or(FOUND_FIRST)));
        let after = after.map_or(0, |cursor| cursor.slot + 1);
        let rest = matching(reading, &planned, after, &matches);
        found.extend(rest.take(wanted.unwrap_or(usize::MAX)));
    } else {
        let order = |a: &Registration, b: &Registration| {
            query.compare(&**a, &**b).then_with(|| a.name.cmp(&b.name))
        };
        let rest = matching(reading, &planned, 0, &matches)
            .filter(|found| after.is_none_or(|cursor| order(found, &cursor.last).is_gt()));
        if let Some(wanted) = wanted {
            found = first(rest, wanted, &order);
        } else {
            found.extend(rest);
            found.sort_unstable_by(order);
        }
    }
    Page::of(revision, found, query.limit())
}

/// How many a filter matches, which is in its normal form.
pub(crate) fn count(reading: &Reading<'_>, filter: &Filter) -> usize {
    let planned = plan(reading, filter);
    let matches = |version: &Version| filter.matches(&version.entry);
    reading.count(&planned.candidates, planned.is_exact(), matches)
}

/// Whether a filter matches anything; it is in its normal form.
pub(crate) fn exists(reading: &Reading<'_>, filter: &Filter) -> bool {
    let matches = |version: &Version| filter.matches(&version.entry);
    matching(reading, &plan(reading, filter), 0, &matches).next().is_some()
}

/// What matches among the candidates, in the order of slots, from one on.
fn matching<F: Fn(&Version) -> bool>(
    reading: &Reading<'_>,
    planned: &Planned<'_>,
    first: u32,
    matches: &F,
) -> impl Iterator<Item = Registration> {
    let is_exact = planned.is_exact();
    reading.matching(&planned.candidates, is_exact, first, matches).map(Registration::new)
}

fn with_capability<F: Fn(&Version) -> bool>(
    reading: &Reading<'_>,
    able: &Candidates,
    has_it: &F,
) -> impl Iterator<Item = Registration> {
    reading.matching(able, true, 0, has_it).map(Registration::new)
}
