use std::time::Duration;

use super::Deadline;
use crate::Instant;

const NOW: Instant = Instant::from_nanos(1_000);
const LAST: Instant = Instant::from_nanos(u64::MAX);

#[test]
fn deadline_passes_at_its_very_instant() {
    let deadline = Deadline::after(NOW, Duration::from_nanos(10));
    assert_eq!(deadline, Deadline::at(Instant::from_nanos(1_010)));
    assert!(!deadline.has_passed(Instant::from_nanos(1_009)));
    assert_eq!(deadline.remaining(Instant::from_nanos(1_009)), Some(Duration::from_nanos(1)));
    for nanos in [1_010, 1_011, u64::MAX] {
        let now = Instant::from_nanos(nanos);
        assert!(deadline.has_passed(now), "at {now:?}");
        assert_eq!(deadline.remaining(now), Some(Duration::ZERO), "at {now:?}");
    }
}

#[test]
fn never_does_not_pass_even_at_the_last_instant() {
    assert!(Deadline::NEVER.is_never());
    assert!(!Deadline::NEVER.has_passed(LAST));
    assert_eq!(Deadline::NEVER.remaining(LAST), None);
    assert_eq!(Deadline::NEVER.instant(), None);
}

#[test]
fn timeout_out_of_range_means_never() {
    assert_eq!(Deadline::after(NOW, Duration::MAX), Deadline::NEVER);
    assert_eq!(Deadline::at(LAST), Deadline::NEVER);
    let latest = Deadline::at(Instant::from_nanos(u64::MAX - 1));
    assert!(!latest.is_never() && latest.has_passed(LAST));
}

#[test]
fn earlier_picks_the_first_to_pass_and_never_loses_to_all() {
    let (soon, late) = (Deadline::at(NOW), Deadline::at(NOW + Duration::from_nanos(1)));
    for (a, b, first) in [
        (soon, late, soon),
        (soon, Deadline::NEVER, soon),
        (Deadline::NEVER, Deadline::NEVER, Deadline::NEVER),
    ] {
        assert_eq!((a.earlier(b), b.earlier(a)), (first, first));
    }
}

#[test]
fn debug_tells_never_from_a_time() {
    assert_eq!(format!("{:?}", Deadline::NEVER), "Deadline(never)");
    assert_eq!(format!("{:?}", Deadline::at(NOW)), "Deadline(Instant(1µs))");
}
