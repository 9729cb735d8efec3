use std::num::NonZeroU64;

use super::{HookId, MonitorId, TimerId};

#[test]
fn ids_keep_their_number_and_name_their_kind() {
    let monitor = MonitorId::new(NonZeroU64::MAX);
    assert_eq!((monitor.get(), TimerId::new(0).get()), (NonZeroU64::MAX, 0));
    assert_eq!(HookId::new(u64::MAX).get(), u64::MAX);
    assert_eq!(MonitorId::new(NonZeroU64::MIN).to_string(), "monitor-1");
    assert_eq!(TimerId::new(2).to_string(), "timer-2");
    assert_eq!(HookId::new(3).to_string(), "hook-3");
}

#[test]
fn absent_monitor_costs_no_extra_byte() {
    assert_eq!(size_of::<Option<MonitorId>>(), 8);
}
