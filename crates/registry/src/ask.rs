//! Questions to a namespace, answered as of the revision that is read.

use std::collections::BTreeSet;

use foundation_env::sync::atomic::Ordering;
use foundation_process::System;
use foundation_types::Pid;

use crate::indexed::Attribute;
use crate::metadata::Health;
use crate::namespace::{Candidates, Reading, Registration};
use crate::page::{Cursor, Page};
use crate::pick::Strategy;
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

/// Among whom to choose one with a capability: the one whose turn it is, or all. Both healths are those of one
/// revision: somebody who gets well in between is not overlooked.
pub(crate) fn eligible(
    reading: &Reading<'_>,
    capability: &str,
    strategy: Strategy,
) -> Vec<Registration> {
    let able = reading.carriers(Attribute::Capability, capability);
    let of = |health| {
        let well = reading.carriers(Attribute::Health, Health::as_str(health));
        let both = Candidates::And(vec![able.clone(), well]);
        match strategy {
            Strategy::RoundRobin => {
                next_in_turn(reading, &both, capability, health).into_iter().collect()
            }
            _ => usable(reading, &both, capability, health, 0).collect(),
        }
    };
    let healthy: Vec<_> = of(Health::Healthy);
    if healthy.is_empty() { of(Health::Degraded) } else { healthy }
}

/// Chooses among who is [`eligible`]; needs no reading any more.
pub(crate) fn choose(
    system: &System,
    mut eligible: Vec<Registration>,
    strategy: Strategy,
) -> Option<Registration> {
    if strategy == Strategy::RoundRobin {
        return eligible.into_iter().next();
    }
    let start = system.env().random_below(eligible.len() as u64);
    eligible.rotate_left(usize::try_from(start).unwrap_or(0));
    let mut eligible = eligible.into_iter();
    match strategy {
        Strategy::Random => eligible.next(),
        // The random start decides among equals; whoever died meanwhile comes last.
        _ => {
            eligible.min_by_key(|found| system.info(found.pid).map_or(u64::MAX, |info| info.depth))
        }
    }
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

/// The candidates that have the capability and the health at the revision that is read.
fn usable(
    reading: &Reading<'_>,
    candidates: &Candidates,
    capability: &str,
    health: Health,
    first: u32,
) -> impl Iterator<Item = Registration> {
    let versions = reading.versions_from(candidates, first);
    let is_usable = move |found: &Registration| {
        found.metadata.health() == health && found.metadata.has(capability)
    };
    versions.map(Registration::new).filter(is_usable)
}

/// Whose turn it is among the candidates; moves the turn on.
fn next_in_turn(
    reading: &Reading<'_>,
    candidates: &Candidates,
    capability: &str,
    health: Health,
) -> Option<Registration> {
    let term = reading.term(Attribute::Capability, capability)?;
    loop {
        let last = term.turn.load(Ordering::Acquire);
        let from = |slot| usable(reading, candidates, capability, health, slot).next();
        let picked = from(last).or_else(|| from(0))?;
        let moved = (Ordering::AcqRel, Ordering::Relaxed);
        if term.turn.compare_exchange(last, picked.slot() + 1, moved.0, moved.1).is_ok() {
            return Some(picked);
        }
    }
}
