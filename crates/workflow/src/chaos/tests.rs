use std::collections::BTreeMap;

use foundation_agent::Manner;

use super::{Chaos, ChaosRateError};
use crate::attempt::{AttemptId, ItemId};

fn attempts() -> impl Iterator<Item = AttemptId> {
    let ids = (0..3).flat_map(|task| (0..1_000).map(move |index| ItemId { task, index }));
    ids.flat_map(|id| (1..=4).map(move |number| AttemptId::new(id, number)))
}

#[test]
fn the_rate_is_met_and_manners_and_moments_are_spread_evenly() {
    for (rate, expected) in [(0.0, 0), (0.2, 2_400), (0.9, 10_800), (1.0, 12_000)] {
        let chaos = Chaos::new(rate, 7).unwrap();
        let deaths: Vec<_> = attempts().filter_map(|id| chaos.death(id)).collect();
        assert!(deaths.len().abs_diff(expected) <= 200, "{} of 12,000 at {rate}", deaths.len());
        let panics = deaths.iter().filter(|death| death.manner == Manner::Panic).count();
        assert!(panics.abs_diff(expected / 2) <= 200, "{panics} panics at {rate}");
        let mut moments = BTreeMap::new();
        for death in &deaths {
            *moments.entry(format!("{:?}", death.moment)).or_insert(0_usize) += 1;
        }
        assert!(moments.values().all(|count| count.abs_diff(expected / 3) <= 200), "{moments:?}");
    }
}

#[test]
fn a_seed_plans_the_same_deaths_and_another_one_others() {
    let plan = |seed| {
        let chaos = Chaos::new(0.5, seed).unwrap();
        attempts().map(|id| chaos.death(id)).collect::<Vec<_>>()
    };
    assert_eq!(plan(1), plan(1));
    assert_ne!(plan(1), plan(2));
}

#[test]
fn a_rate_that_is_no_probability_is_refused() {
    for rate in [1.000_001, 2.0, -0.1, f64::INFINITY] {
        assert_eq!(Chaos::new(rate, 0), Err(ChaosRateError { rate }));
    }
    assert!(Chaos::new(f64::NAN, 0).is_err());
}
