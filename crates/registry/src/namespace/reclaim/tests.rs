use std::num::NonZeroU32;
use std::sync::Arc;

use foundation_types::{Instant, NodeId, Pid};

use crate::entry::Entry;
use crate::hash::Seed;
use crate::indexed::Indexed;
use crate::metadata::{Health, Metadata};
use crate::name::Name;
use crate::namespace::{Bounds, Cause, Namespace, Settings};

const WAITING_MAX: usize = 1 << 16;

pub(in crate::namespace) fn with_one_entry(waiting_bytes_max: usize) -> Namespace {
    let bounds = Bounds {
        entries_max: 16,
        bytes_max: 1 << 16,
        waiting_versions_max: WAITING_MAX,
        waiting_bytes_max,
        changes_max: 16,
        change_bytes_max: 1 << 10,
    };
    let settings =
        Settings { seed: Seed::new(1), bounds, indexed: Indexed::default(), keeper: None };
    let namespace = Namespace::new(Arc::from("agents"), settings);
    let name = Name::new("agents", "a").unwrap();
    let pid = Pid::new(NodeId::LOCAL, 1, NonZeroU32::MIN);
    let metadata = Metadata::new(["x"]).unwrap();
    let (registered_at, updated_at) = (Instant::ORIGIN, Instant::ORIGIN);
    let mut commit = namespace.begin();
    let hash = namespace.key(&name).hash;
    commit.insert(hash, Entry { name, pid, metadata, registered_at, updated_at });
    drop(commit.publish());
    namespace
}

pub(in crate::namespace) fn change(namespace: &Namespace, times: usize) {
    for n in 0..times {
        let health = if n.is_multiple_of(2) { Health::Degraded } else { Health::Healthy };
        let mut commit = namespace.begin();
        let name = Name::new("agents", "a").unwrap();
        let found = commit.find(namespace.key(&name)).unwrap();
        let metadata = found.entry.metadata.clone().with_health(health);
        commit.update(&found, Entry { metadata, ..found.entry.clone() }, Cause::Updated);
        drop(commit.publish());
    }
}

pub(in crate::namespace) fn is_whole(namespace: &Namespace) -> bool {
    let mut violations = Vec::new();
    namespace.audit(&namespace.turn(), &mut violations);
    violations.is_empty()
}

#[test]
fn what_waited_for_a_slow_reader_is_taken_back_when_it_goes() {
    let namespace = with_one_entry(usize::MAX);
    let reading = namespace.read().unwrap();
    // Walked once and dropped one after the other: a chain this long took its square, and overflowed the
    // stack, when each version was taken out by itself.
    change(&namespace, WAITING_MAX);
    let candidates = reading.carriers(crate::indexed::Attribute::Health, "healthy");
    let found: Vec<_> = reading.versions(&candidates).collect();
    assert_eq!(found[0].entry.metadata.health(), Health::Healthy, "as it was");
    assert!(reading.is_whole());
    assert!(is_whole(&namespace));
    drop((reading, found));
    let left = {
        let writer = namespace.turn();
        writer.ended.len() + writer.settling.len()
    };
    assert_eq!(left, 0);
    assert!(is_whole(&namespace));
}

#[test]
fn a_reader_that_is_waited_for_too_long_is_told_so() {
    let namespace = with_one_entry(usize::MAX);
    let reading = namespace.read().unwrap();
    change(&namespace, WAITING_MAX);
    assert!(reading.is_whole());
    change(&namespace, 1);
    assert!(!reading.is_whole());
    assert!(namespace.turn().ended.len() <= 1, "nobody is waited for any more");
    drop(reading);
    assert!(is_whole(&namespace));
}

#[test]
fn bytes_that_wait_are_bounded_too() {
    // Its id and its capability: 2 bytes.
    let namespace = with_one_entry(20);
    let reading = namespace.read().unwrap();
    change(&namespace, 10);
    assert!(reading.is_whole());
    let newer = namespace.read().unwrap();
    change(&namespace, 1);
    assert!(!reading.is_whole());
    assert!(!newer.is_whole(), "what it reads has ended too");
    assert_eq!(namespace.turn().expired, 2);
    assert!(is_whole(&namespace));
}
