use super::*;

fn second(n: u64) -> Instant {
    Instant::ORIGIN.saturating_add(Duration::from_secs(n))
}

/// Guarantee R3
#[test]
fn the_fourth_restart_within_five_seconds_is_too_many() {
    let mut intensity = Intensity::default();
    for n in 0..3 {
        assert!(!intensity.is_exhausted(second(n)));
        intensity.record(second(n));
    }
    assert!(intensity.is_exhausted(second(3)));
    assert!(intensity.is_exhausted(second(5)), "a restart one period ago still counts");
    assert!(!intensity.is_exhausted(second(6)));
    assert_eq!(intensity.recent(), 2);
}

#[test]
fn zero_restarts_are_exhausted_at_once() {
    assert!(Intensity::new(0, Duration::from_secs(1)).is_exhausted(second(0)));
}

#[test]
fn work_per_restart_does_not_grow_with_the_number_of_restarts() {
    let steps = |restarts: u64| {
        let mut intensity = Intensity::new(u32::MAX, Duration::from_secs(5));
        for n in 0..restarts {
            let now = Instant::ORIGIN.saturating_add(Duration::from_millis(n));
            assert!(!intensity.is_exhausted(now));
            intensity.record(now);
        }
        assert!(intensity.recent() <= 5001);
        intensity.steps().count()
    };
    assert!(steps(100_000) <= 2 * 100_000);
    assert!(steps(1_000_000) <= 2 * 1_000_000);
}
