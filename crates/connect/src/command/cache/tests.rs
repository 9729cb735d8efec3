use std::sync::Arc;
use std::time::Duration;

use foundation_types::{Deadline, Instant};

use super::{Cache, ENTRY_BYTES};
use crate::command::request::Key;
use crate::{CommandOutput, CommandRequest, ExitStatus, Origin, Stream};

const TTL: Duration = Duration::from_secs(10);

fn key(program: &str) -> Arc<Key> {
    Arc::new(CommandRequest::new(program, Deadline::NEVER).key)
}

fn output(bytes: usize) -> CommandOutput {
    CommandOutput {
        status: ExitStatus::Code(0),
        stdout: Stream::new(&vec![b'x'; bytes], false),
        stderr: Stream::default(),
        elapsed: Duration::ZERO,
        origin: Origin::Ran,
    }
}

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN.saturating_add(Duration::from_secs(seconds))
}

fn kept(cache: &mut Cache, names: &[&str]) -> Vec<bool> {
    names.iter().map(|name| cache.get(&key(name), TTL, at(0)).is_some()).collect()
}

#[test]
fn the_oldest_gives_way_to_number_and_to_bytes() {
    let names = ["a", "b", "c", "d"];
    let mut cache = Cache::new(3, 4 * (ENTRY_BYTES + 1));
    for name in names {
        cache.insert(key(name), output(0), TTL, at(0));
    }
    assert_eq!(kept(&mut cache, &names), [false, true, true, true]);
    cache.insert(key("a"), output(2 * (ENTRY_BYTES + 1)), TTL, at(0));
    assert_eq!(kept(&mut cache, &names), [true, false, false, true]);
    assert_eq!((cache.len(), cache.bytes(), cache.evicted()), (2, 4 * (ENTRY_BYTES + 1), 3));

    // What can never fit throws nothing else out.
    cache.insert(key("e"), output(4 * ENTRY_BYTES), TTL, at(0));
    assert_eq!((cache.len(), cache.evicted()), (2, 3));
    assert_eq!(cache.clear(), 2);
    assert_eq!((cache.len(), cache.bytes(), cache.by_age.len()), (0, 0, 0));
}

#[test]
fn a_result_is_renewed_in_place() {
    let mut cache = Cache::new(2, 1 << 20);
    cache.insert(key("a"), output(1), TTL, at(0));
    cache.insert(key("b"), output(1), TTL, at(0));
    cache.insert(key("a"), output(5), TTL, at(0));
    assert_eq!((cache.len(), cache.evicted(), cache.by_age.len()), (2, 0, 2));
    assert_eq!(cache.bytes(), 2 * ENTRY_BYTES + 8);
    // Now b is the oldest.
    cache.insert(key("c"), output(1), TTL, at(0));
    assert_eq!(kept(&mut cache, &["a", "b", "c"]), [true, false, true]);
}

#[test]
fn a_result_is_as_old_as_both_sides_accept() {
    let mut cache = Cache::new(2, 1 << 20);
    cache.insert(key("a"), output(1), TTL, at(0));
    let second = Duration::from_secs(1);
    assert!(cache.get(&key("a"), 5 * second, at(4)).is_some());
    assert!(cache.get(&key("a"), 5 * second, at(5)).is_none());
    assert!(cache.get(&key("a"), 20 * second, at(9)).is_some());
    assert!(cache.get(&key("a"), 20 * second, at(10)).is_none());
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}
