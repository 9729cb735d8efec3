use std::time::Duration;

use proptest::prelude::*;

use super::Instant;

const LAST: Instant = Instant::from_nanos(u64::MAX);

#[test]
fn sums_saturate_at_the_last_instant() {
    let step = Duration::from_nanos(1);
    assert_eq!(Instant::from_nanos(u64::MAX - 1) + step, LAST);
    assert_eq!(LAST + step, LAST);
    assert_eq!(Instant::ORIGIN + Duration::MAX, LAST);
    // One nanosecond above the range of u64: a truncating cast would come back as zero.
    assert_eq!(Instant::ORIGIN + (Duration::from_nanos(u64::MAX) + step), LAST);
    assert_eq!(Instant::ORIGIN + Duration::from_nanos(u64::MAX), LAST);
}

#[test]
fn time_since_a_later_instant_is_zero() {
    assert_eq!(Instant::ORIGIN - LAST, Duration::ZERO);
    assert_eq!(LAST - Instant::ORIGIN, Duration::from_nanos(u64::MAX));
}

#[test]
fn debug_shows_the_unit_and_serialized_form_is_nanoseconds() {
    let instant = Instant::ORIGIN + Duration::from_millis(1500);
    assert_eq!(format!("{instant:?}"), "Instant(1.5s)");
    assert_eq!(serde_json::to_string(&instant).unwrap(), "1500000000");
    assert_eq!(serde_json::from_str::<Instant>("1500000000").unwrap(), instant);
}

proptest! {
    #[test]
    fn sum_agrees_with_wide_arithmetic(start: u64, secs: u64, nanos in 0..1_000_000_000_u32) {
        let step = Duration::new(secs, nanos);
        let wide = (u128::from(start) + step.as_nanos()).min(u128::from(u64::MAX));
        let start = Instant::from_nanos(start);
        let mut sum = start;
        sum += step;
        prop_assert_eq!(u128::from(sum.as_nanos()), wide);
        prop_assert!(sum >= start);
    }

    #[test]
    fn difference_undoes_a_sum_in_range(start in 0..=u64::MAX / 2, step in 0..=u64::MAX / 2) {
        let start = Instant::from_nanos(start);
        let step = Duration::from_nanos(step);
        prop_assert_eq!((start + step) - start, step);
    }
}
