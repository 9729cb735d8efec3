use std::num::NonZeroU32;
use std::sync::Arc;

use foundation_types::{Instant, NodeId, Pid};

use super::WAITING_MAX;
use crate::entry::Entry;
use crate::hash::Seed;
use crate::metadata::{Health, Metadata};
use crate::name::Name;
use crate::namespace::{Cause, Namespace};

fn with_one_entry() -> Namespace {
    let namespace = Namespace::new(Arc::from("agents"), Seed::new(1), 16);
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

fn change(namespace: &Namespace, times: usize) {
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

fn is_whole(namespace: &Namespace) -> bool {
    let mut violations = Vec::new();
    namespace.audit(&namespace.lock(), &mut violations);
    violations.is_empty()
}

#[test]
fn what_waited_for_a_slow_reader_is_taken_back_when_it_goes() {
    let namespace = with_one_entry();
    let reading = namespace.read();
    // Walked once and dropped one after the other: a chain this long took its square, and overflowed the
    // stack, when each version was taken out by itself.
    change(&namespace, WAITING_MAX - 1);
    let candidates = reading.carriers(crate::namespace::Attribute::Health, "healthy");
    let found: Vec<_> = reading.versions(&candidates).collect();
    assert_eq!(found[0].entry.metadata.health(), Health::Healthy, "as it was");
    assert!(reading.is_whole());
    assert!(is_whole(&namespace));
    drop((reading, found));
    let left = {
        let writer = namespace.lock();
        writer.ended.len() + writer.settling.len()
    };
    assert_eq!(left, 0);
    assert!(is_whole(&namespace));
}

#[test]
fn a_reader_that_is_waited_for_too_long_is_told_so() {
    let namespace = with_one_entry();
    let reading = namespace.read();
    change(&namespace, WAITING_MAX + 2);
    assert!(!reading.is_whole());
    assert!(namespace.lock().ended.len() <= 1, "nobody is waited for any more");
    drop(reading);
    assert!(is_whole(&namespace));
}
