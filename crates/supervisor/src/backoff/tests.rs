use super::*;
use foundation_env::sim::{SimOptions, Simulation};

#[test]
fn waits_double_from_base_to_max() {
    let backoff = Backoff::default();
    let millis: Vec<_> = (0..12).map(|n| backoff.delay_max(n).as_millis()).collect();
    assert_eq!(millis, [0, 0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
    assert_eq!(backoff.delay_max(u32::MAX), Duration::from_secs(1));
}

#[test]
fn jitter_stays_within_its_part_and_follows_the_seed() {
    let draws = |seed| {
        let env = Simulation::new(seed, SimOptions::default()).env();
        (0..200).map(|_| Backoff::default().draw(9, &env)).collect::<Vec<_>>()
    };
    let first = draws(1);
    assert!(first.iter().all(|wait| (500..=1000).contains(&wait.as_millis())));
    assert!(first.iter().any(|wait| wait.as_millis() < 600));
    assert!(first.iter().any(|wait| wait.as_millis() > 900));
    assert_eq!(first, draws(1));
    assert_ne!(first, draws(2));
}

#[test]
fn none_never_waits() {
    assert!((0..100).all(|n| Backoff::NONE.delay_max(n).is_zero()));
}

#[test]
fn a_part_that_is_no_number_is_no_jitter() {
    let env = Simulation::new(1, SimOptions::default()).env();
    assert_eq!(Backoff::default().jitter(f64::NAN).draw(9, &env), Duration::from_secs(1));
}
