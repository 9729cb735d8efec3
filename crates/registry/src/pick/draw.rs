//! Drawing a few candidates without looking at all of them.

use std::sync::Arc;

use foundation_env::Random;
use smallvec::SmallVec;

use super::Found;
use crate::entry::Entry;
use crate::namespace::{Candidates, Reading, Registration, Version};

/// So few candidates are looked at one by one: that costs no more than to draw.
const FEW: u64 = 8;

/// Candidates that are drawn before all are looked at. A candidate that the indexes know is usable unless it has
/// just changed, so the first draws nearly always do; where a query asks what no index answers, fewer may.
const DRAWS_MAX: usize = 16;

/// Draws as many usable candidates as are wanted, or all if there are fewer: each of them with the same
/// probability, and none twice.
pub(super) fn draw(
    reading: &Reading<'_>,
    candidates: &Candidates,
    is_usable: &dyn Fn(&Version) -> bool,
    wanted: usize,
    random: &mut Random,
) -> Found {
    let spread = reading.spread(candidates);
    let len: u64 = spread.iter().map(|(_, len)| len).sum();
    let mut drawn: SmallVec<[Arc<Version>; 2]> = SmallVec::new();
    if len > FEW {
        for _ in 0..DRAWS_MAX {
            let candidate = nth(reading, candidates, &spread, random.below(len));
            let is_new =
                |version: &Arc<Version>| drawn.iter().all(|drawn| drawn.slot != version.slot);
            drawn.extend(candidate.filter(|version| is_usable(version) && is_new(version)));
            if drawn.len() == wanted {
                return drawn.into_iter().map(Registration::new).collect();
            }
        }
        drawn.clear();
    }
    // Reservoir sampling (Vitter 1985, algorithm R): each that comes takes the place of an earlier one with the
    // probability that keeps all equal.
    let usable = reading.versions(candidates).filter(|version| is_usable(version));
    for (before, version) in (1_u64..).zip(usable) {
        if drawn.len() < wanted {
            drawn.push(version);
        } else if let Ok(at) = usize::try_from(random.below(before))
            && let Some(place) = drawn.get_mut(at)
        {
            *place = version;
        }
    }
    drawn.into_iter().map(Registration::new).collect()
}

/// The candidate with a number; none if it has nothing at the revision.
fn nth(
    reading: &Reading<'_>,
    candidates: &Candidates,
    spread: &[(u32, u64)],
    mut nth: u64,
) -> Option<Arc<Version>> {
    for (number, len) in spread {
        if nth < *len {
            return reading.nth_of_block(candidates, *number, nth);
        }
        nth -= len;
    }
    None
}

/// The usable candidate with the least amount; among equals any, each with the same probability.
pub(super) fn least(
    reading: &Reading<'_>,
    candidates: &Candidates,
    is_usable: &dyn Fn(&Version) -> bool,
    amount: impl Fn(&Entry) -> f64,
    random: &mut Random,
) -> Option<Registration> {
    let mut best: Option<(f64, Arc<Version>)> = None;
    let mut equals = 0;
    for version in reading.versions(candidates).filter(|version| is_usable(version)) {
        let amount = amount(&version.entry);
        let order = best.as_ref().map(|(least, _)| amount.total_cmp(least));
        equals = match order {
            Some(std::cmp::Ordering::Greater) => continue,
            Some(std::cmp::Ordering::Equal) => equals + 1,
            _ => 1,
        };
        if random.below(equals) == 0 {
            best = Some((amount, version));
        }
    }
    best.map(|(_, version)| Registration::new(version))
}
