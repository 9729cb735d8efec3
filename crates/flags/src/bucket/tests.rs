use super::bucket;

/// Guarantee FL1
#[test]
fn buckets_are_what_they_always_were() {
    // As the Python package xxhash 4.1.0 computes them. Another result would move people in and out of running rollouts.
    let found = ["agent-0", "agent-1", "agent-2", "agent-3", ""].map(|key| bucket("spans", key));
    assert_eq!(found, [7, 64, 81, 42, 21]);
}

/// Guarantee FL1
#[test]
fn half_of_the_keys_is_about_half() {
    for flag in ["spans", "watch_discovery", "x"] {
        let count = (0..10_000).filter(|id| bucket(flag, &format!("id-{id}")) < 50).count();
        assert!((4_800..=5_200).contains(&count), "{count} of 10,000 for {flag}");
    }
}

#[test]
fn flags_choose_independently() {
    let both = (0..10_000)
        .map(|id| format!("id-{id}"))
        .filter(|id| bucket("spans", id) < 50 && bucket("sampled_events", id) < 50)
        .count();
    assert!((2_300..=2_700).contains(&both), "{both} of 10,000");
}
